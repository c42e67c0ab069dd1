-- about
SELECT
  COUNT(*) AS "lines",
  COUNT(*) FILTER(WHERE
    "t1"."log_status" = 'OK') AS "ok",
  COUNT(*) FILTER(WHERE
    "t1"."log_status" = 'NODATA') AS "nodata",
  COUNT(*) FILTER(WHERE
    "t1"."log_status" = 'SKIPDATA') AS "skipdata",
  COUNT(*) FILTER(WHERE
    "t1"."log_status" IS NULL) AS "no_status",
  SUM("t1"."bytes") FILTER(WHERE
    (
      "t1"."log_status" IS NULL
    ) OR (
      "t1"."log_status" = 'OK'
    )) AS "ok_bytes",
  SUM("t1"."packets") FILTER(WHERE
    (
      "t1"."log_status" IS NULL
    ) OR (
      "t1"."log_status" = 'OK'
    )) AS "ok_packets"
FROM (
  SELECT
    "t0"."version",
    NULLIF("t0"."account_id", '-') AS "account_id",
    NULLIF("t0"."interface_id", '-') AS "interface_id",
    NULLIF("t0"."srcaddr", '-') AS "srcaddr",
    NULLIF("t0"."dstaddr", '-') AS "dstaddr",
    "t0"."srcport",
    "t0"."dstport",
    "t0"."protocol",
    "t0"."packets",
    "t0"."bytes",
    "t0"."start",
    "t0"."end",
    NULLIF("t0"."action", '-') AS "action",
    NULLIF("t0"."log_status", '-') AS "log_status",
    NULLIF("t0"."vpc_id", '-') AS "vpc_id",
    NULLIF("t0"."subnet_id", '-') AS "subnet_id",
    NULLIF("t0"."instance_id", '-') AS "instance_id",
    "t0"."tcp_flags",
    NULLIF("t0"."type", '-') AS "type",
    NULLIF("t0"."pkt_srcaddr", '-') AS "pkt_srcaddr",
    NULLIF("t0"."pkt_dstaddr", '-') AS "pkt_dstaddr",
    NULLIF("t0"."region", '-') AS "region",
    NULLIF("t0"."az_id", '-') AS "az_id",
    NULLIF("t0"."sublocation_type", '-') AS "sublocation_type",
    NULLIF("t0"."sublocation_id", '-') AS "sublocation_id",
    NULLIF("t0"."pkt_src_aws_service", '-') AS "pkt_src_aws_service",
    NULLIF("t0"."pkt_dst_aws_service", '-') AS "pkt_dst_aws_service",
    NULLIF("t0"."flow_direction", '-') AS "flow_direction",
    "t0"."traffic_path",
    CAST(NULL AS VARCHAR) AS "ecs_cluster_arn",
    CAST(NULL AS VARCHAR) AS "ecs_cluster_name",
    CAST(NULL AS VARCHAR) AS "ecs_container_instance_arn",
    CAST(NULL AS VARCHAR) AS "ecs_container_instance_id",
    CAST(NULL AS VARCHAR) AS "ecs_container_id",
    CAST(NULL AS VARCHAR) AS "ecs_second_container_id",
    CAST(NULL AS VARCHAR) AS "ecs_service_name",
    CAST(NULL AS VARCHAR) AS "ecs_task_definition_arn",
    CAST(NULL AS VARCHAR) AS "ecs_task_arn",
    CAST(NULL AS VARCHAR) AS "ecs_task_id",
    CAST(NULL AS VARCHAR) AS "reject_reason",
    CAST(NULL AS VARCHAR) AS "resource_id",
    CAST(NULL AS INTEGER) AS "encryption_status",
    CAST(NULL AS VARCHAR) AS "instance_tag",
    CAST(NULL AS VARCHAR) AS "instance_tag_2",
    CAST(NULL AS VARCHAR) AS "interface_tag",
    CAST(NULL AS VARCHAR) AS "interface_tag_2",
    CAST(NULL AS VARCHAR) AS "asg_tag",
    CAST(NULL AS VARCHAR) AS "asg_tag_2",
    CAST(NULL AS VARCHAR) AS "interface_type",
    CAST(NULL AS VARCHAR) AS "next_hop_interface_id",
    CAST(NULL AS VARCHAR) AS "next_hop_subnet_id",
    CAST(NULL AS VARCHAR) AS "next_hop_az_id",
    CAST(NULL AS VARCHAR) AS "next_hop_vpc_id",
    CAST(NULL AS VARCHAR) AS "next_hop_interface_type",
    CAST(NULL AS BIGINT) AS "file_id",
    FALSE AS "duplicate"
  FROM "vpc_flow_logs" AS "t0"
) AS "t1";

-- reachability
SELECT
  "t1"."interface_id",
  "t1"."scope",
  "t1"."day",
  "t1"."v6",
  "t1"."own",
  COUNT(*) AS "records",
  MIN(CONCAT(CONCAT("t1"."srcaddr", ' '), "t1"."dstaddr")) AS "pair",
  COUNT("t1"."instance_id") AS "instances",
  SUM(CAST("t1"."translated" AS INTEGER)) AS "translated",
  MAX("t1"."interface_type") AS "interface_type",
  MAX("t1"."az_id") AS "az_id"
FROM (
  SELECT
    "t0"."srcaddr",
    "t0"."dstaddr",
    "t0"."instance_id",
    "t0"."interface_type",
    "t0"."az_id",
    COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
    COALESCE("t0"."vpc_id", "t0"."account_id", '-') AS "scope",
    COALESCE(CAST(FLOOR(CAST((
      "t0"."start"
    ) AS DOUBLE) / (
      86400
    )) AS BIGINT), 0) AS "day",
    STRPOS("t0"."srcaddr", ':') > 0 AS "v6",
    CASE
      WHEN "t0"."flow_direction" = 'egress'
      THEN "t0"."srcaddr"
      WHEN "t0"."flow_direction" = 'ingress'
      THEN "t0"."dstaddr"
      ELSE NULL
    END AS "own",
    COALESCE(
      (
        "t0"."pkt_srcaddr" <> "t0"."srcaddr"
      )
      OR (
        "t0"."pkt_dstaddr" <> "t0"."dstaddr"
      ),
      FALSE
    ) AS "translated"
  FROM "flows" AS "t0"
  WHERE
    "t0"."srcaddr" IS NOT NULL
    AND "t0"."dstaddr" IS NOT NULL
    AND COALESCE("t0"."log_status", 'OK') = 'OK'
) AS "t1"
GROUP BY
  1,
  2,
  3,
  4,
  5;

-- reachability, kept as kept_1
WITH "t10" AS (
  SELECT
    COALESCE("t3"."interface_id", "t3"."resource_id", '-') AS "interface_id",
    COALESCE("t3"."protocol", -1) AS "protocol",
    "t3"."start",
    "t3"."end",
    IF(
      (
        "t3"."srcaddr" < "t3"."dstaddr"
      )
      OR (
        (
          "t3"."srcaddr" = "t3"."dstaddr"
        )
        AND (
          COALESCE("t3"."srcport", -1) <= COALESCE("t3"."dstport", -1)
        )
      ),
      "t3"."srcaddr",
      "t3"."dstaddr"
    ) AS "a_addr",
    IF(
      (
        "t3"."srcaddr" < "t3"."dstaddr"
      )
      OR (
        (
          "t3"."srcaddr" = "t3"."dstaddr"
        )
        AND (
          COALESCE("t3"."srcport", -1) <= COALESCE("t3"."dstport", -1)
        )
      ),
      COALESCE("t3"."srcport", -1),
      COALESCE("t3"."dstport", -1)
    ) AS "a_port",
    IF(
      (
        "t3"."srcaddr" < "t3"."dstaddr"
      )
      OR (
        (
          "t3"."srcaddr" = "t3"."dstaddr"
        )
        AND (
          COALESCE("t3"."srcport", -1) <= COALESCE("t3"."dstport", -1)
        )
      ),
      "t3"."dstaddr",
      "t3"."srcaddr"
    ) AS "b_addr",
    IF(
      (
        "t3"."srcaddr" < "t3"."dstaddr"
      )
      OR (
        (
          "t3"."srcaddr" = "t3"."dstaddr"
        )
        AND (
          COALESCE("t3"."srcport", -1) <= COALESCE("t3"."dstport", -1)
        )
      ),
      COALESCE("t3"."dstport", -1),
      COALESCE("t3"."srcport", -1)
    ) AS "b_port",
    (
      "t3"."srcaddr" < "t3"."dstaddr"
    )
    OR (
      (
        "t3"."srcaddr" = "t3"."dstaddr"
      )
      AND (
        COALESCE("t3"."srcport", -1) <= COALESCE("t3"."dstport", -1)
      )
    ) AS "from_a",
    COALESCE("t3"."action" = 'REJECT', FALSE) AS "refused",
    "t3"."tcp_flags" AS "flags",
    COALESCE("t3"."packets", 0) AS "packets",
    COALESCE("t3"."bytes", 0) AS "bytes"
  FROM "flows" AS "t3"
  WHERE
    "t3"."srcaddr" IS NOT NULL
    AND "t3"."dstaddr" IS NOT NULL
    AND COALESCE("t3"."log_status", 'OK') = 'OK'
), "t13" AS (
  SELECT
    "t11"."interface_id",
    "t11"."protocol",
    "t11"."a_addr",
    "t11"."a_port",
    "t11"."b_addr",
    "t11"."b_port",
    COUNT(*) AS "records",
    MAX("t11"."end") - MIN("t11"."start") AS "span",
    MAX("t11"."start") FILTER(WHERE
      (
        BITWISE_AND("t11"."flags", 2)
      ) > 0) AS "last_syn",
    MIN("t11"."end") FILTER(WHERE
      (
        BITWISE_AND("t11"."flags", 5)
      ) > 0) AS "first_close",
    SUM(IF("t11"."from_a", "t11"."packets", 0)) AS "a_packets",
    SUM(IF("t11"."from_a", "t11"."bytes", 0)) AS "a_bytes",
    SUM(CAST("t11"."from_a" AND NOT (
      "t11"."refused"
    ) AS INTEGER)) AS "a_accepted",
    SUM(CAST("t11"."from_a" AND "t11"."refused" AS INTEGER)) AS "a_rejected",
    MAX(IF("t11"."from_a", BITWISE_AND("t11"."flags", 1), CAST(NULL AS INTEGER))) + MAX(IF("t11"."from_a", BITWISE_AND("t11"."flags", 2), CAST(NULL AS INTEGER))) + MAX(IF("t11"."from_a", BITWISE_AND("t11"."flags", 4), CAST(NULL AS INTEGER))) + MAX(IF("t11"."from_a", BITWISE_AND("t11"."flags", 16), CAST(NULL AS INTEGER))) AS "a_flags",
    MIN(IF("t11"."from_a", "t11"."start", CAST(NULL AS BIGINT))) AS "a_first",
    BOOL_OR(
      (
        (
          (
            BITWISE_AND("t11"."flags", 18)
          ) = 2
        ) AND "t11"."from_a"
      )
      OR (
        (
          (
            BITWISE_AND("t11"."flags", 18)
          ) = 18
        ) AND NOT (
          "t11"."from_a"
        )
      )
    ) AS "a_opened",
    MAX(IF("t11"."from_a", "t11"."end", CAST(NULL AS BIGINT))) AS "a_last",
    SUM(IF(NOT (
      "t11"."from_a"
    ), "t11"."packets", 0)) AS "b_packets",
    SUM(IF(NOT (
      "t11"."from_a"
    ), "t11"."bytes", 0)) AS "b_bytes",
    SUM(CAST(NOT (
      "t11"."from_a"
    ) AND NOT (
      "t11"."refused"
    ) AS INTEGER)) AS "b_accepted",
    SUM(CAST(NOT (
      "t11"."from_a"
    ) AND "t11"."refused" AS INTEGER)) AS "b_rejected",
    MAX(
      IF(NOT (
        "t11"."from_a"
      ), BITWISE_AND("t11"."flags", 1), CAST(NULL AS INTEGER))
    ) + MAX(
      IF(NOT (
        "t11"."from_a"
      ), BITWISE_AND("t11"."flags", 2), CAST(NULL AS INTEGER))
    ) + MAX(
      IF(NOT (
        "t11"."from_a"
      ), BITWISE_AND("t11"."flags", 4), CAST(NULL AS INTEGER))
    ) + MAX(
      IF(NOT (
        "t11"."from_a"
      ), BITWISE_AND("t11"."flags", 16), CAST(NULL AS INTEGER))
    ) AS "b_flags",
    MIN(IF(NOT (
      "t11"."from_a"
    ), "t11"."start", CAST(NULL AS BIGINT))) AS "b_first",
    BOOL_OR(
      (
        (
          (
            BITWISE_AND("t11"."flags", 18)
          ) = 2
        ) AND NOT (
          "t11"."from_a"
        )
      )
      OR (
        (
          (
            BITWISE_AND("t11"."flags", 18)
          ) = 18
        )
        AND NOT (
          NOT (
            "t11"."from_a"
          )
        )
      )
    ) AS "b_opened",
    MAX(IF(NOT (
      "t11"."from_a"
    ), "t11"."end", CAST(NULL AS BIGINT))) AS "b_last"
  FROM "t10" AS "t11"
  GROUP BY
    1,
    2,
    3,
    4,
    5,
    6
), "t25" AS (
  SELECT
    *
  FROM (
    SELECT
      "t14"."interface_id",
      "t14"."protocol",
      "t14"."a_addr",
      "t14"."a_port",
      "t14"."b_addr",
      "t14"."b_port",
      0 AS "session",
      CAST(NULL AS VARCHAR) AS "carried",
      FALSE AS "resumed",
      "t14"."a_packets",
      "t14"."a_bytes",
      "t14"."a_accepted",
      "t14"."a_rejected",
      "t14"."a_flags",
      "t14"."a_first",
      "t14"."a_opened",
      "t14"."a_last",
      "t14"."b_packets",
      "t14"."b_bytes",
      "t14"."b_accepted",
      "t14"."b_rejected",
      "t14"."b_flags",
      "t14"."b_first",
      "t14"."b_opened",
      "t14"."b_last"
    FROM "t13" AS "t14"
    WHERE
      NOT (
        COALESCE(
          (
            "t14"."records" > 1
          )
          AND (
            (
              "t14"."span" > 350
            )
            OR COALESCE("t14"."last_syn" > "t14"."first_close", FALSE)
          ),
          FALSE
        )
      )
  ) AS "t17"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t23"."interface_id",
      "t23"."protocol",
      "t23"."a_addr",
      "t23"."a_port",
      "t23"."b_addr",
      "t23"."b_port",
      "t23"."session",
      IF(
        "t23"."session" > 0,
        CASE
          WHEN (
            "t23"."opener" % 2
          ) = 0
          THEN 'a'
          WHEN (
            "t23"."opener" % 2
          ) = 1
          THEN 'b'
          ELSE NULL
        END,
        CAST(NULL AS VARCHAR)
      ) AS "carried",
      COALESCE((
        "t23"."session" > 0
      ) AND (
        "t23"."before" = 1
      ), FALSE) AS "resumed",
      "t23"."a_packets",
      "t23"."a_bytes",
      "t23"."a_accepted",
      "t23"."a_rejected",
      "t23"."a_flags",
      "t23"."a_first",
      "t23"."a_opened",
      "t23"."a_last",
      "t23"."b_packets",
      "t23"."b_bytes",
      "t23"."b_accepted",
      "t23"."b_rejected",
      "t23"."b_flags",
      "t23"."b_first",
      "t23"."b_opened",
      "t23"."b_last"
    FROM (
      SELECT
        "t22"."interface_id",
        "t22"."protocol",
        "t22"."a_addr",
        "t22"."a_port",
        "t22"."b_addr",
        "t22"."b_port",
        "t22"."session",
        MIN("t22"."opener") AS "opener",
        MIN("t22"."before") AS "before",
        SUM(IF("t22"."from_a", "t22"."packets", 0)) AS "a_packets",
        SUM(IF("t22"."from_a", "t22"."bytes", 0)) AS "a_bytes",
        SUM(CAST("t22"."from_a" AND NOT (
          "t22"."refused"
        ) AS INTEGER)) AS "a_accepted",
        SUM(CAST("t22"."from_a" AND "t22"."refused" AS INTEGER)) AS "a_rejected",
        MAX(IF("t22"."from_a", BITWISE_AND("t22"."flags", 1), CAST(NULL AS INTEGER))) + MAX(IF("t22"."from_a", BITWISE_AND("t22"."flags", 2), CAST(NULL AS INTEGER))) + MAX(IF("t22"."from_a", BITWISE_AND("t22"."flags", 4), CAST(NULL AS INTEGER))) + MAX(IF("t22"."from_a", BITWISE_AND("t22"."flags", 16), CAST(NULL AS INTEGER))) AS "a_flags",
        MIN(IF("t22"."from_a", "t22"."start", CAST(NULL AS BIGINT))) AS "a_first",
        BOOL_OR(
          (
            (
              (
                BITWISE_AND("t22"."flags", 18)
              ) = 2
            ) AND "t22"."from_a"
          )
          OR (
            (
              (
                BITWISE_AND("t22"."flags", 18)
              ) = 18
            ) AND NOT (
              "t22"."from_a"
            )
          )
        ) AS "a_opened",
        MAX(IF("t22"."from_a", "t22"."end", CAST(NULL AS BIGINT))) AS "a_last",
        SUM(IF(NOT (
          "t22"."from_a"
        ), "t22"."packets", 0)) AS "b_packets",
        SUM(IF(NOT (
          "t22"."from_a"
        ), "t22"."bytes", 0)) AS "b_bytes",
        SUM(CAST(NOT (
          "t22"."from_a"
        ) AND NOT (
          "t22"."refused"
        ) AS INTEGER)) AS "b_accepted",
        SUM(CAST(NOT (
          "t22"."from_a"
        ) AND "t22"."refused" AS INTEGER)) AS "b_rejected",
        MAX(
          IF(NOT (
            "t22"."from_a"
          ), BITWISE_AND("t22"."flags", 1), CAST(NULL AS INTEGER))
        ) + MAX(
          IF(NOT (
            "t22"."from_a"
          ), BITWISE_AND("t22"."flags", 2), CAST(NULL AS INTEGER))
        ) + MAX(
          IF(NOT (
            "t22"."from_a"
          ), BITWISE_AND("t22"."flags", 4), CAST(NULL AS INTEGER))
        ) + MAX(
          IF(NOT (
            "t22"."from_a"
          ), BITWISE_AND("t22"."flags", 16), CAST(NULL AS INTEGER))
        ) AS "b_flags",
        MIN(IF(NOT (
          "t22"."from_a"
        ), "t22"."start", CAST(NULL AS BIGINT))) AS "b_first",
        BOOL_OR(
          (
            (
              (
                BITWISE_AND("t22"."flags", 18)
              ) = 2
            ) AND NOT (
              "t22"."from_a"
            )
          )
          OR (
            (
              (
                BITWISE_AND("t22"."flags", 18)
              ) = 18
            )
            AND NOT (
              NOT (
                "t22"."from_a"
              )
            )
          )
        ) AS "b_opened",
        MAX(IF(NOT (
          "t22"."from_a"
        ), "t22"."end", CAST(NULL AS BIGINT))) AS "b_last"
      FROM (
        SELECT
          "t21"."interface_id",
          "t21"."protocol",
          "t21"."start",
          "t21"."end",
          "t21"."a_addr",
          "t21"."a_port",
          "t21"."b_addr",
          "t21"."b_port",
          "t21"."from_a",
          "t21"."refused",
          "t21"."flags",
          "t21"."packets",
          "t21"."bytes",
          "t21"."syn",
          "t21"."until",
          "t21"."closed",
          "t21"."opened",
          "t21"."opener",
          "t21"."before",
          "t21"."starts",
          SUM("t21"."starts") OVER (
            PARTITION BY "t21"."interface_id", "t21"."protocol", "t21"."a_addr", "t21"."a_port", "t21"."b_addr", "t21"."b_port"
            ORDER BY "t21"."start" ASC, "t21"."syn" DESC, "t21"."end" ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) AS "session"
        FROM (
          SELECT
            "t20"."interface_id",
            "t20"."protocol",
            "t20"."start",
            "t20"."end",
            "t20"."a_addr",
            "t20"."a_port",
            "t20"."b_addr",
            "t20"."b_port",
            "t20"."from_a",
            "t20"."refused",
            "t20"."flags",
            "t20"."packets",
            "t20"."bytes",
            "t20"."syn",
            "t20"."until",
            "t20"."closed",
            "t20"."opened",
            "t20"."opener",
            "t20"."before",
            CAST(COALESCE(
              (
                (
                  "t20"."start" - "t20"."until"
                ) > 350
              )
              OR (
                "t20"."syn"
                AND (
                  "t20"."start" > "t20"."closed"
                )
                AND (
                  "t20"."closed" >= COALESCE("t20"."opened", 0)
                )
              ),
              FALSE
            ) AS BIGINT) AS "starts"
          FROM (
            SELECT
              "t19"."interface_id",
              "t19"."protocol",
              "t19"."start",
              "t19"."end",
              "t19"."a_addr",
              "t19"."a_port",
              "t19"."b_addr",
              "t19"."b_port",
              "t19"."from_a",
              "t19"."refused",
              "t19"."flags",
              "t19"."packets",
              "t19"."bytes",
              "t19"."syn",
              MAX("t19"."end") OVER (
                PARTITION BY "t19"."interface_id", "t19"."protocol", "t19"."a_addr", "t19"."a_port", "t19"."b_addr", "t19"."b_port"
                ORDER BY "t19"."start" ASC, "t19"."syn" DESC, "t19"."end" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) AS "until",
              MAX(IF((
                BITWISE_AND("t19"."flags", 5)
              ) > 0, "t19"."end", CAST(NULL AS BIGINT))) OVER (
                PARTITION BY "t19"."interface_id", "t19"."protocol", "t19"."a_addr", "t19"."a_port", "t19"."b_addr", "t19"."b_port"
                ORDER BY "t19"."start" ASC, "t19"."syn" DESC, "t19"."end" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) AS "closed",
              MAX(IF("t19"."syn", "t19"."start", CAST(NULL AS BIGINT))) OVER (
                PARTITION BY "t19"."interface_id", "t19"."protocol", "t19"."a_addr", "t19"."a_port", "t19"."b_addr", "t19"."b_port"
                ORDER BY "t19"."start" ASC, "t19"."syn" DESC, "t19"."end" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) AS "opened",
              MAX(
                IF(
                  "t19"."syn",
                  (
                    "t19"."start" * 2
                  ) + IF("t19"."from_a" = (
                    (
                      BITWISE_AND("t19"."flags", 18)
                    ) = 2
                  ), 0, 1),
                  CAST(NULL AS BIGINT)
                )
              ) OVER (
                PARTITION BY "t19"."interface_id", "t19"."protocol", "t19"."a_addr", "t19"."a_port", "t19"."b_addr", "t19"."b_port"
                ORDER BY "t19"."start" ASC, "t19"."syn" DESC, "t19"."end" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) AS "opener",
              MAX(CAST(NOT (
                "t19"."refused"
              ) AS BIGINT)) OVER (
                PARTITION BY "t19"."interface_id", "t19"."protocol", "t19"."a_addr", "t19"."a_port", "t19"."b_addr", "t19"."b_port"
                ORDER BY "t19"."start" ASC, "t19"."syn" DESC, "t19"."end" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) AS "before"
            FROM (
              SELECT
                "t18"."interface_id",
                "t18"."protocol",
                "t18"."start",
                "t18"."end",
                "t18"."a_addr",
                "t18"."a_port",
                "t18"."b_addr",
                "t18"."b_port",
                "t18"."from_a",
                "t18"."refused",
                "t18"."flags",
                "t18"."packets",
                "t18"."bytes",
                COALESCE((
                  BITWISE_AND("t18"."flags", 2)
                ) > 0, FALSE) AS "syn"
              FROM (
                SELECT
                  "t12"."interface_id",
                  "t12"."protocol",
                  "t12"."start",
                  "t12"."end",
                  "t12"."a_addr",
                  "t12"."a_port",
                  "t12"."b_addr",
                  "t12"."b_port",
                  "t12"."from_a",
                  "t12"."refused",
                  "t12"."flags",
                  "t12"."packets",
                  "t12"."bytes"
                FROM "t10" AS "t12"
                WHERE
                  EXISTS(
                    SELECT
                      1
                    FROM (
                      SELECT
                        *
                      FROM "t13" AS "t14"
                      WHERE
                        "t14"."records" > 1
                        AND (
                          (
                            "t14"."span" > 350
                          )
                          OR COALESCE("t14"."last_syn" > "t14"."first_close", FALSE)
                        )
                    ) AS "t16"
                    WHERE
                      "t12"."interface_id" = "t16"."interface_id"
                      AND "t12"."protocol" = "t16"."protocol"
                      AND "t12"."a_addr" = "t16"."a_addr"
                      AND "t12"."a_port" = "t16"."a_port"
                      AND "t12"."b_addr" = "t16"."b_addr"
                      AND "t12"."b_port" = "t16"."b_port"
                  )
              ) AS "t18"
            ) AS "t19"
          ) AS "t20"
        ) AS "t21"
      ) AS "t22"
      GROUP BY
        1,
        2,
        3,
        4,
        5,
        6,
        7
    ) AS "t23"
  ) AS "t24"
), "t32" AS (
  SELECT
    "t31"."protocol",
    "t31"."addr",
    "t31"."port",
    COUNT(*) AS "fan_in"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          NULLIF("t26"."protocol", -1) AS "protocol",
          "t26"."a_addr" AS "addr",
          NULLIF("t26"."a_port", -1) AS "port",
          NULLIF("t26"."b_port", -1) AS "other"
        FROM "t25" AS "t26"
        WHERE
          "t26"."session" = 0
          AND NULLIF("t26"."protocol", -1) IN (6, 17, 33, 132, 136)
          AND "t26"."a_accepted" > 0
          AND "t26"."b_accepted" > 0
      ) AS "t27"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          NULLIF("t26"."protocol", -1) AS "protocol",
          "t26"."b_addr" AS "addr",
          NULLIF("t26"."b_port", -1) AS "port",
          NULLIF("t26"."a_port", -1) AS "other"
        FROM "t25" AS "t26"
        WHERE
          "t26"."session" = 0
          AND NULLIF("t26"."protocol", -1) IN (6, 17, 33, 132, 136)
          AND "t26"."a_accepted" > 0
          AND "t26"."b_accepted" > 0
      ) AS "t28"
    ) AS "t29"
    WHERE
      COALESCE(
        "t29"."port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
        FALSE
      )
      OR NOT (
        COALESCE(
          "t29"."other" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
          FALSE
        )
      )
  ) AS "t31"
  GROUP BY
    1,
    2,
    3
)
SELECT
  "t46"."client",
  "t46"."server",
  "t46"."protocol",
  "t46"."server_port" AS "port",
  MAX(IF("t46"."here", "t46"."interface_id", NULL)) AS "interface_id",
  MAX(IF("t46"."state" = 'answered', "t46"."level", -1)) AS "level_answered",
  MAX(
    IF(
      "t46"."state" IN ('accepted-silent', 'accepted-reset', 'reply-refused', 'refused'),
      "t46"."level",
      -1
    )
  ) AS "level_failed",
  MIN("t46"."first") AS "first",
  MAX("t46"."last") AS "last",
  MAX(IF("t46"."state" = 'answered', "t46"."last", NULL)) AS "answered_last",
  MIN(
    IF(
      "t46"."state" IN ('accepted-silent', 'accepted-reset', 'reply-refused', 'refused'),
      "t46"."first",
      NULL
    )
  ) AS "failed_first",
  BOOL_OR("t46"."direction" = 'egress') AS "own",
  SUM(IF("t46"."here", "t46"."size", 0)) AS "bytes_here",
  SUM(IF("t46"."here", 0, "t46"."size")) AS "bytes_away",
  SUM(CAST((
    "t46"."state" = 'answered'
  ) AND "t46"."here" AS INTEGER)) AS "answered_here",
  SUM(CAST((
    "t46"."state" = 'answered'
  ) AND NOT (
    "t46"."here"
  ) AS INTEGER)) AS "answered_away",
  SUM(CAST((
    "t46"."state" = 'accepted-silent'
  ) AND "t46"."here" AS INTEGER)) AS "accepted_silent_here",
  SUM(
    CAST((
      "t46"."state" = 'accepted-silent'
    ) AND NOT (
      "t46"."here"
    ) AS INTEGER)
  ) AS "accepted_silent_away",
  SUM(CAST((
    "t46"."state" = 'accepted-reset'
  ) AND "t46"."here" AS INTEGER)) AS "accepted_reset_here",
  SUM(
    CAST((
      "t46"."state" = 'accepted-reset'
    ) AND NOT (
      "t46"."here"
    ) AS INTEGER)
  ) AS "accepted_reset_away",
  SUM(CAST((
    "t46"."state" = 'reply-refused'
  ) AND "t46"."here" AS INTEGER)) AS "reply_refused_here",
  SUM(
    CAST((
      "t46"."state" = 'reply-refused'
    ) AND NOT (
      "t46"."here"
    ) AS INTEGER)
  ) AS "reply_refused_away",
  SUM(CAST((
    "t46"."state" = 'refused'
  ) AND "t46"."here" AS INTEGER)) AS "refused_here",
  SUM(CAST((
    "t46"."state" = 'refused'
  ) AND NOT (
    "t46"."here"
  ) AS INTEGER)) AS "refused_away",
  SUM(CAST((
    "t46"."state" = 'reply'
  ) AND "t46"."here" AS INTEGER)) AS "reply_here",
  SUM(CAST((
    "t46"."state" = 'reply'
  ) AND NOT (
    "t46"."here"
  ) AS INTEGER)) AS "reply_away"
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t44"."interface_id",
      "t44"."protocol",
      "t44"."a_addr",
      "t44"."a_port",
      "t44"."b_addr",
      "t44"."b_port",
      "t44"."session",
      "t44"."first",
      "t44"."last",
      "t44"."windows",
      "t44"."a_packets",
      "t44"."a_bytes",
      "t44"."a_accepted",
      "t44"."a_rejected",
      "t44"."a_flags",
      "t44"."a_first",
      "t44"."a_opened",
      "t44"."a_last",
      "t44"."b_packets",
      "t44"."b_bytes",
      "t44"."b_accepted",
      "t44"."b_rejected",
      "t44"."b_flags",
      "t44"."b_first",
      "t44"."b_opened",
      "t44"."b_last",
      "t44"."carried",
      "t44"."resumed",
      "t44"."rung",
      "t44"."without_flags",
      "t44"."agrees",
      "t44"."client",
      "t44"."client_port",
      "t44"."client_packets",
      "t44"."client_bytes",
      "t44"."client_accepted",
      "t44"."client_rejected",
      "t44"."client_flags",
      "t44"."client_first",
      "t44"."client_last",
      "t44"."server",
      "t44"."server_port",
      "t44"."server_packets",
      "t44"."server_bytes",
      "t44"."server_accepted",
      "t44"."server_rejected",
      "t44"."server_flags",
      "t44"."server_first",
      "t44"."server_last",
      CASE
        WHEN COALESCE("t44"."interface_id" IN ('eni-0205bb9f7bb6c5f11'), FALSE)
        THEN 'through'
        WHEN (
          "t44"."client" IS NOT NULL
        )
        AND IF("t44"."opener" = "t44"."a_addr", "t44"."a_addr_known", "t44"."b_addr_known")
        AND NOT (
          IF("t44"."opener" = "t44"."a_addr", "t44"."b_addr_known", "t44"."a_addr_known")
        )
        THEN 'egress'
        WHEN (
          "t44"."client" IS NOT NULL
        )
        AND IF("t44"."opener" = "t44"."a_addr", "t44"."b_addr_known", "t44"."a_addr_known")
        AND NOT (
          IF("t44"."opener" = "t44"."a_addr", "t44"."a_addr_known", "t44"."b_addr_known")
        )
        THEN 'ingress'
        ELSE 'unknown'
      END AS "direction",
      NOT (
        COALESCE("t44"."interface_id" IN ('eni-0205bb9f7bb6c5f11'), FALSE)
      )
      AND (
        IF("t44"."opener" = "t44"."a_addr", "t44"."a_addr_known", "t44"."b_addr_known")
        OR NOT (
          "t44"."opener_known"
        )
      ) AS "vantage",
      CASE
        WHEN (
          "t44"."server_rejected" > 0
        )
        AND NOT (
          "t44"."server_accepted" > 0
        )
        AND (
          (
            "t44"."client_accepted" > 0
          )
          OR (
            (
              BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
            ) > 0
          )
        )
        THEN 'reply-refused'
        WHEN (
          "t44"."server_accepted" > 0
        )
        AND NOT (
          "t44"."client_accepted" > 0
        )
        AND (
          "t44"."client_rejected" = 0
        )
        THEN 'reply'
        WHEN (
          "t44"."server_accepted" > 0
        )
        AND (
          (
            "t44"."protocol" = 6
          )
          AND (
            (
              "t44"."client_flags" IS NOT NULL
            ) OR (
              "t44"."server_flags" IS NOT NULL
            )
          )
        )
        AND (
          NOT (
            (
              "t44"."protocol" = 6
            )
            AND (
              (
                "t44"."client_flags" IS NOT NULL
              ) OR (
                "t44"."server_flags" IS NOT NULL
              )
            )
          )
          OR (
            (
              BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
            ) > 0
          )
        )
        AND (
          (
            BITWISE_AND(COALESCE("t44"."server_flags", 0), 4)
          ) > 0
        )
        AND NOT (
          (
            BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
          ) > 0
        )
        THEN 'accepted-reset'
        WHEN (
          "t44"."server_accepted" > 0
        )
        AND (
          "t44"."protocol" = 6
        )
        AND NOT (
          (
            "t44"."protocol" = 6
          )
          AND (
            (
              "t44"."client_flags" IS NOT NULL
            ) OR (
              "t44"."server_flags" IS NOT NULL
            )
          )
        )
        AND (
          (
            "t44"."server_bytes" = (
              "t44"."server_packets" * IF(STRPOS("t44"."server", ':') > 0, 60, 40)
            )
          )
          AND (
            "t44"."server_packets" <= "t44"."client_packets"
          )
          AND (
            "t44"."client_bytes" <= (
              "t44"."client_packets" * (
                IF(STRPOS("t44"."server", ':') > 0, 60, 40) + 20
              )
            )
          )
        )
        THEN 'accepted-reset'
        WHEN (
          "t44"."server_accepted" > 0
        )
        AND (
          (
            "t44"."client_accepted" > 0
          )
          OR (
            (
              BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
            ) > 0
          )
        )
        THEN 'answered'
        WHEN (
          "t44"."client_rejected" > 0
        )
        AND (
          NOT (
            (
              "t44"."protocol" = 6
            )
            AND (
              (
                "t44"."client_flags" IS NOT NULL
              ) OR (
                "t44"."server_flags" IS NOT NULL
              )
            )
          )
          OR (
            (
              BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
            ) > 0
          )
        )
        THEN 'refused'
        WHEN (
          "t44"."client_accepted" > 0
        )
        AND (
          NOT (
            (
              "t44"."protocol" = 6
            )
            AND (
              (
                "t44"."client_flags" IS NOT NULL
              ) OR (
                "t44"."server_flags" IS NOT NULL
              )
            )
          )
          OR (
            (
              BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
            ) > 0
          )
        )
        THEN 'accepted-silent'
        ELSE NULL
      END AS "state",
      CASE
        WHEN (
          "t44"."protocol" = 6
        )
        AND (
          CASE
            WHEN (
              "t44"."server_rejected" > 0
            )
            AND NOT (
              "t44"."server_accepted" > 0
            )
            AND (
              (
                "t44"."client_accepted" > 0
              )
              OR (
                (
                  BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
                ) > 0
              )
            )
            THEN 'reply-refused'
            WHEN (
              "t44"."server_accepted" > 0
            )
            AND NOT (
              "t44"."client_accepted" > 0
            )
            AND (
              "t44"."client_rejected" = 0
            )
            THEN 'reply'
            WHEN (
              "t44"."server_accepted" > 0
            )
            AND (
              (
                "t44"."protocol" = 6
              )
              AND (
                (
                  "t44"."client_flags" IS NOT NULL
                ) OR (
                  "t44"."server_flags" IS NOT NULL
                )
              )
            )
            AND (
              NOT (
                (
                  "t44"."protocol" = 6
                )
                AND (
                  (
                    "t44"."client_flags" IS NOT NULL
                  ) OR (
                    "t44"."server_flags" IS NOT NULL
                  )
                )
              )
              OR (
                (
                  BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
                ) > 0
              )
            )
            AND (
              (
                BITWISE_AND(COALESCE("t44"."server_flags", 0), 4)
              ) > 0
            )
            AND NOT (
              (
                BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
              ) > 0
            )
            THEN 'accepted-reset'
            WHEN (
              "t44"."server_accepted" > 0
            )
            AND (
              "t44"."protocol" = 6
            )
            AND NOT (
              (
                "t44"."protocol" = 6
              )
              AND (
                (
                  "t44"."client_flags" IS NOT NULL
                ) OR (
                  "t44"."server_flags" IS NOT NULL
                )
              )
            )
            AND (
              (
                "t44"."server_bytes" = (
                  "t44"."server_packets" * IF(STRPOS("t44"."server", ':') > 0, 60, 40)
                )
              )
              AND (
                "t44"."server_packets" <= "t44"."client_packets"
              )
              AND (
                "t44"."client_bytes" <= (
                  "t44"."client_packets" * (
                    IF(STRPOS("t44"."server", ':') > 0, 60, 40) + 20
                  )
                )
              )
            )
            THEN 'accepted-reset'
            WHEN (
              "t44"."server_accepted" > 0
            )
            AND (
              (
                "t44"."client_accepted" > 0
              )
              OR (
                (
                  BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
                ) > 0
              )
            )
            THEN 'answered'
            WHEN (
              "t44"."client_rejected" > 0
            )
            AND (
              NOT (
                (
                  "t44"."protocol" = 6
                )
                AND (
                  (
                    "t44"."client_flags" IS NOT NULL
                  ) OR (
                    "t44"."server_flags" IS NOT NULL
                  )
                )
              )
              OR (
                (
                  BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
                ) > 0
              )
            )
            THEN 'refused'
            WHEN (
              "t44"."client_accepted" > 0
            )
            AND (
              NOT (
                (
                  "t44"."protocol" = 6
                )
                AND (
                  (
                    "t44"."client_flags" IS NOT NULL
                  ) OR (
                    "t44"."server_flags" IS NOT NULL
                  )
                )
              )
              OR (
                (
                  BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
                ) > 0
              )
            )
            THEN 'accepted-silent'
            ELSE NULL
          END = 'accepted-silent'
        )
        AND (
          "t44"."client_bytes" > (
            "t44"."client_packets" * 80
          )
        )
        THEN -1
        WHEN (
          "t44"."protocol" = 6
        )
        AND (
          (
            "t44"."client_flags" IS NOT NULL
          ) OR (
            "t44"."server_flags" IS NOT NULL
          )
        )
        AND (
          "t44"."rung" IN ('syn', 'carry')
          OR (
            (
              BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
            ) > 0
          )
          OR (
            (
              BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
            ) > 0
          )
        )
        THEN 2
        WHEN (
          "t44"."rung" IN ('syn', 'carry', 'service', 'ports', 'refused')
          OR (
            CASE
              WHEN (
                "t44"."server_rejected" > 0
              )
              AND NOT (
                "t44"."server_accepted" > 0
              )
              AND (
                (
                  "t44"."client_accepted" > 0
                )
                OR (
                  (
                    BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
                  ) > 0
                )
              )
              THEN 'reply-refused'
              WHEN (
                "t44"."server_accepted" > 0
              )
              AND NOT (
                "t44"."client_accepted" > 0
              )
              AND (
                "t44"."client_rejected" = 0
              )
              THEN 'reply'
              WHEN (
                "t44"."server_accepted" > 0
              )
              AND (
                (
                  "t44"."protocol" = 6
                )
                AND (
                  (
                    "t44"."client_flags" IS NOT NULL
                  ) OR (
                    "t44"."server_flags" IS NOT NULL
                  )
                )
              )
              AND (
                NOT (
                  (
                    "t44"."protocol" = 6
                  )
                  AND (
                    (
                      "t44"."client_flags" IS NOT NULL
                    ) OR (
                      "t44"."server_flags" IS NOT NULL
                    )
                  )
                )
                OR (
                  (
                    BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
                  ) > 0
                )
              )
              AND (
                (
                  BITWISE_AND(COALESCE("t44"."server_flags", 0), 4)
                ) > 0
              )
              AND NOT (
                (
                  BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
                ) > 0
              )
              THEN 'accepted-reset'
              WHEN (
                "t44"."server_accepted" > 0
              )
              AND (
                "t44"."protocol" = 6
              )
              AND NOT (
                (
                  "t44"."protocol" = 6
                )
                AND (
                  (
                    "t44"."client_flags" IS NOT NULL
                  ) OR (
                    "t44"."server_flags" IS NOT NULL
                  )
                )
              )
              AND (
                (
                  "t44"."server_bytes" = (
                    "t44"."server_packets" * IF(STRPOS("t44"."server", ':') > 0, 60, 40)
                  )
                )
                AND (
                  "t44"."server_packets" <= "t44"."client_packets"
                )
                AND (
                  "t44"."client_bytes" <= (
                    "t44"."client_packets" * (
                      IF(STRPOS("t44"."server", ':') > 0, 60, 40) + 20
                    )
                  )
                )
              )
              THEN 'accepted-reset'
              WHEN (
                "t44"."server_accepted" > 0
              )
              AND (
                (
                  "t44"."client_accepted" > 0
                )
                OR (
                  (
                    BITWISE_AND(COALESCE("t44"."server_flags", 0), 2)
                  ) > 0
                )
              )
              THEN 'answered'
              WHEN (
                "t44"."client_rejected" > 0
              )
              AND (
                NOT (
                  (
                    "t44"."protocol" = 6
                  )
                  AND (
                    (
                      "t44"."client_flags" IS NOT NULL
                    ) OR (
                      "t44"."server_flags" IS NOT NULL
                    )
                  )
                )
                OR (
                  (
                    BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
                  ) > 0
                )
              )
              THEN 'refused'
              WHEN (
                "t44"."client_accepted" > 0
              )
              AND (
                NOT (
                  (
                    "t44"."protocol" = 6
                  )
                  AND (
                    (
                      "t44"."client_flags" IS NOT NULL
                    ) OR (
                      "t44"."server_flags" IS NOT NULL
                    )
                  )
                )
                OR (
                  (
                    BITWISE_AND(COALESCE("t44"."client_flags", 0), 2)
                  ) > 0
                )
              )
              THEN 'accepted-silent'
              ELSE NULL
            END = 'reply-refused'
          )
        )
        AND NOT (
          (
            "t44"."protocol" = 6
          )
          AND (
            (
              "t44"."server_accepted" > 0
            )
            AND (
              (
                "t44"."server_packets" < 3
              ) OR (
                "t44"."server_bytes" < 180
              )
            )
          )
        )
        THEN 1
        ELSE 0
      END AS "level",
      COALESCE(
        CASE
          WHEN COALESCE("t44"."interface_id" IN ('eni-0205bb9f7bb6c5f11'), FALSE)
          THEN 'through'
          WHEN (
            "t44"."client" IS NOT NULL
          )
          AND IF("t44"."opener" = "t44"."a_addr", "t44"."a_addr_known", "t44"."b_addr_known")
          AND NOT (
            IF("t44"."opener" = "t44"."a_addr", "t44"."b_addr_known", "t44"."a_addr_known")
          )
          THEN 'egress'
          WHEN (
            "t44"."client" IS NOT NULL
          )
          AND IF("t44"."opener" = "t44"."a_addr", "t44"."b_addr_known", "t44"."a_addr_known")
          AND NOT (
            IF("t44"."opener" = "t44"."a_addr", "t44"."a_addr_known", "t44"."b_addr_known")
          )
          THEN 'ingress'
          ELSE 'unknown'
        END = 'ingress',
        FALSE
      ) AS "here",
      "t44"."client_bytes" + "t44"."server_bytes" AS "size"
    FROM (
      SELECT
        "t43"."interface_id",
        "t43"."protocol",
        "t43"."a_addr",
        "t43"."a_port",
        "t43"."b_addr",
        "t43"."b_port",
        "t43"."session",
        "t43"."first",
        "t43"."last",
        "t43"."windows",
        "t43"."a_packets",
        "t43"."a_bytes",
        "t43"."a_accepted",
        "t43"."a_rejected",
        "t43"."a_flags",
        "t43"."a_first",
        "t43"."a_opened",
        "t43"."a_last",
        "t43"."b_packets",
        "t43"."b_bytes",
        "t43"."b_accepted",
        "t43"."b_rejected",
        "t43"."b_flags",
        "t43"."b_first",
        "t43"."b_opened",
        "t43"."b_last",
        "t43"."carried",
        "t43"."resumed",
        "t43"."rung",
        "t43"."without_flags",
        "t43"."agrees",
        "t43"."client",
        "t43"."client_port",
        "t43"."client_packets",
        "t43"."client_bytes",
        "t43"."client_accepted",
        "t43"."client_rejected",
        "t43"."client_flags",
        "t43"."client_first",
        "t43"."client_last",
        "t43"."server",
        "t43"."server_port",
        "t43"."server_packets",
        "t43"."server_bytes",
        "t43"."server_accepted",
        "t43"."server_rejected",
        "t43"."server_flags",
        "t43"."server_first",
        "t43"."server_last",
        "t43"."day",
        "t43"."opener",
        COALESCE("t7"."known", FALSE) AS "a_addr_known",
        COALESCE("t8"."known", FALSE) AS "b_addr_known",
        COALESCE("t9"."known", FALSE) AS "opener_known"
      FROM (
        SELECT
          "t41"."interface_id",
          "t41"."protocol",
          "t41"."a_addr",
          "t41"."a_port",
          "t41"."b_addr",
          "t41"."b_port",
          "t41"."session",
          "t41"."first",
          "t41"."last",
          "t41"."windows",
          "t41"."a_packets",
          "t41"."a_bytes",
          "t41"."a_accepted",
          "t41"."a_rejected",
          "t41"."a_flags",
          "t41"."a_first",
          "t41"."a_opened",
          "t41"."a_last",
          "t41"."b_packets",
          "t41"."b_bytes",
          "t41"."b_accepted",
          "t41"."b_rejected",
          "t41"."b_flags",
          "t41"."b_first",
          "t41"."b_opened",
          "t41"."b_last",
          "t41"."carried",
          "t41"."resumed",
          CASE
            WHEN "t41"."says_syn" IS NOT NULL
            THEN 'syn'
            WHEN "t41"."says_carry" IS NOT NULL
            THEN 'carry'
            WHEN "t41"."says_refused" IS NOT NULL
            THEN 'refused'
            WHEN "t41"."says_service" IS NOT NULL
            THEN 'service'
            WHEN "t41"."says_ports" IS NOT NULL
            THEN 'ports'
            WHEN "t41"."says_lowport" IS NOT NULL
            THEN 'lowport'
            WHEN "t41"."says_first" IS NOT NULL
            THEN 'first'
            ELSE 'unknown'
          END AS "rung",
          CASE
            WHEN "t41"."says_refused_plain" IS NOT NULL
            THEN 'refused'
            WHEN "t41"."says_service" IS NOT NULL
            THEN 'service'
            WHEN "t41"."says_ports" IS NOT NULL
            THEN 'ports'
            WHEN "t41"."says_lowport" IS NOT NULL
            THEN 'lowport'
            WHEN "t41"."says_first" IS NOT NULL
            THEN 'first'
            ELSE 'unknown'
          END AS "without_flags",
          COALESCE(
            "t41"."says_refused_plain",
            "t41"."says_service",
            "t41"."says_ports",
            "t41"."says_lowport",
            "t41"."says_first"
          ) = "t41"."says_syn" AS "agrees",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."a_addr"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."b_addr"
            ELSE NULL
          END AS "client",
          IF(
            "t41"."protocol" IN (6, 17, 33, 132, 136),
            CASE
              WHEN COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
              THEN "t41"."a_port"
              WHEN NOT (
                COALESCE(
                  "t41"."says_syn",
                  "t41"."says_carry",
                  "t41"."says_refused",
                  "t41"."says_service",
                  "t41"."says_ports",
                  "t41"."says_lowport",
                  "t41"."says_first"
                )
              )
              THEN "t41"."b_port"
              ELSE NULL
            END,
            CAST(NULL AS INTEGER)
          ) AS "client_port",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."a_packets"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."b_packets"
            ELSE NULL
          END AS "client_packets",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."a_bytes"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."b_bytes"
            ELSE NULL
          END AS "client_bytes",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."a_accepted"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."b_accepted"
            ELSE NULL
          END AS "client_accepted",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."a_rejected"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."b_rejected"
            ELSE NULL
          END AS "client_rejected",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."a_flags"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."b_flags"
            ELSE NULL
          END AS "client_flags",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."a_first"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."b_first"
            ELSE NULL
          END AS "client_first",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."a_last"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."b_last"
            ELSE NULL
          END AS "client_last",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."b_addr"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."a_addr"
            ELSE NULL
          END AS "server",
          IF(
            "t41"."protocol" IN (6, 17, 33, 132, 136),
            CASE
              WHEN COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
              THEN "t41"."b_port"
              WHEN NOT (
                COALESCE(
                  "t41"."says_syn",
                  "t41"."says_carry",
                  "t41"."says_refused",
                  "t41"."says_service",
                  "t41"."says_ports",
                  "t41"."says_lowport",
                  "t41"."says_first"
                )
              )
              THEN "t41"."a_port"
              ELSE NULL
            END,
            CAST(NULL AS INTEGER)
          ) AS "server_port",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."b_packets"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."a_packets"
            ELSE NULL
          END AS "server_packets",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."b_bytes"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."a_bytes"
            ELSE NULL
          END AS "server_bytes",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."b_accepted"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."a_accepted"
            ELSE NULL
          END AS "server_accepted",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."b_rejected"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."a_rejected"
            ELSE NULL
          END AS "server_rejected",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."b_flags"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."a_flags"
            ELSE NULL
          END AS "server_flags",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."b_first"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."a_first"
            ELSE NULL
          END AS "server_first",
          CASE
            WHEN COALESCE(
              "t41"."says_syn",
              "t41"."says_carry",
              "t41"."says_refused",
              "t41"."says_service",
              "t41"."says_ports",
              "t41"."says_lowport",
              "t41"."says_first"
            )
            THEN "t41"."b_last"
            WHEN NOT (
              COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
            )
            THEN "t41"."a_last"
            ELSE NULL
          END AS "server_last",
          COALESCE(CAST(FLOOR(CAST((
            "t41"."first"
          ) AS DOUBLE) / (
            86400
          )) AS BIGINT), 0) AS "day",
          COALESCE(
            CASE
              WHEN COALESCE(
                "t41"."says_syn",
                "t41"."says_carry",
                "t41"."says_refused",
                "t41"."says_service",
                "t41"."says_ports",
                "t41"."says_lowport",
                "t41"."says_first"
              )
              THEN "t41"."a_addr"
              WHEN NOT (
                COALESCE(
                  "t41"."says_syn",
                  "t41"."says_carry",
                  "t41"."says_refused",
                  "t41"."says_service",
                  "t41"."says_ports",
                  "t41"."says_lowport",
                  "t41"."says_first"
                )
              )
              THEN "t41"."b_addr"
              ELSE NULL
            END,
            "t41"."a_addr"
          ) AS "opener"
        FROM (
          SELECT
            "t40"."interface_id",
            "t40"."protocol",
            "t40"."a_addr",
            "t40"."a_port",
            "t40"."b_addr",
            "t40"."b_port",
            "t40"."session",
            "t40"."first",
            "t40"."last",
            "t40"."windows",
            "t40"."a_packets",
            "t40"."a_bytes",
            "t40"."a_accepted",
            "t40"."a_rejected",
            "t40"."a_flags",
            "t40"."a_first",
            "t40"."a_opened",
            "t40"."a_last",
            "t40"."b_packets",
            "t40"."b_bytes",
            "t40"."b_accepted",
            "t40"."b_rejected",
            "t40"."b_flags",
            "t40"."b_first",
            "t40"."b_opened",
            "t40"."b_last",
            "t40"."carried",
            "t40"."resumed",
            "t40"."says_syn",
            "t40"."says_carry",
            "t40"."says_refused_plain",
            "t40"."says_refused",
            "t40"."says_ports",
            "t40"."says_lowport",
            "t40"."says_first",
            CASE
              WHEN (
                COALESCE("t40"."b_fan_in", 0) >= 3
              )
              AND (
                COALESCE("t40"."b_fan_in", 0) >= (
                  COALESCE("t40"."a_fan_in", 0) * 4
                )
              )
              AND NOT (
                (
                  COALESCE("t40"."a_fan_in", 0) >= 3
                )
                AND (
                  COALESCE("t40"."a_fan_in", 0) >= (
                    COALESCE("t40"."b_fan_in", 0) * 4
                  )
                )
              )
              THEN TRUE
              WHEN (
                COALESCE("t40"."a_fan_in", 0) >= 3
              )
              AND (
                COALESCE("t40"."a_fan_in", 0) >= (
                  COALESCE("t40"."b_fan_in", 0) * 4
                )
              )
              AND NOT (
                (
                  COALESCE("t40"."b_fan_in", 0) >= 3
                )
                AND (
                  COALESCE("t40"."b_fan_in", 0) >= (
                    COALESCE("t40"."a_fan_in", 0) * 4
                  )
                )
              )
              THEN FALSE
              ELSE CAST(NULL AS BOOLEAN)
            END AS "says_service"
          FROM (
            SELECT
              "t37"."interface_id",
              "t37"."protocol",
              "t37"."a_addr",
              "t37"."a_port",
              "t37"."b_addr",
              "t37"."b_port",
              "t37"."session",
              "t37"."first",
              "t37"."last",
              "t37"."windows",
              "t37"."a_packets",
              "t37"."a_bytes",
              "t37"."a_accepted",
              "t37"."a_rejected",
              "t37"."a_flags",
              "t37"."a_first",
              "t37"."a_opened",
              "t37"."a_last",
              "t37"."b_packets",
              "t37"."b_bytes",
              "t37"."b_accepted",
              "t37"."b_rejected",
              "t37"."b_flags",
              "t37"."b_first",
              "t37"."b_opened",
              "t37"."b_last",
              "t37"."carried",
              "t37"."resumed",
              "t37"."says_syn",
              "t37"."says_carry",
              "t37"."says_refused_plain",
              "t37"."says_refused",
              "t37"."says_ports",
              "t37"."says_lowport",
              "t37"."says_first",
              "t38"."a_fan_in",
              "t39"."b_fan_in"
            FROM (
              SELECT
                "t30"."interface_id",
                "t30"."protocol",
                "t30"."a_addr",
                "t30"."a_port",
                "t30"."b_addr",
                "t30"."b_port",
                "t30"."session",
                "t30"."first",
                "t30"."last",
                "t30"."windows",
                "t30"."a_packets",
                "t30"."a_bytes",
                "t30"."a_accepted",
                "t30"."a_rejected",
                "t30"."a_flags",
                "t30"."a_first",
                "t30"."a_opened",
                "t30"."a_last",
                "t30"."b_packets",
                "t30"."b_bytes",
                "t30"."b_accepted",
                "t30"."b_rejected",
                "t30"."b_flags",
                "t30"."b_first",
                "t30"."b_opened",
                "t30"."b_last",
                "t30"."carried",
                "t30"."resumed",
                CASE
                  WHEN COALESCE("t30"."a_opened", FALSE) AND NOT (
                    COALESCE("t30"."b_opened", FALSE)
                  )
                  THEN TRUE
                  WHEN COALESCE("t30"."b_opened", FALSE) AND NOT (
                    COALESCE("t30"."a_opened", FALSE)
                  )
                  THEN FALSE
                  ELSE CAST(NULL AS BOOLEAN)
                END AS "says_syn",
                IF(
                  COALESCE("t30"."a_opened", FALSE) OR COALESCE("t30"."b_opened", FALSE),
                  CAST(NULL AS BOOLEAN),
                  "t30"."carried" = 'a'
                ) AS "says_carry",
                CASE
                  WHEN (
                    "t30"."a_rejected" > 0
                  )
                  AND (
                    "t30"."a_accepted" = 0
                  )
                  AND NOT (
                    (
                      "t30"."b_accepted" + "t30"."b_rejected"
                    ) > 0
                  )
                  AND NOT (
                    "t30"."resumed"
                  )
                  AND NOT (
                    (
                      "t30"."b_rejected" > 0
                    )
                    AND (
                      "t30"."b_accepted" = 0
                    )
                    AND NOT (
                      (
                        "t30"."a_accepted" + "t30"."a_rejected"
                      ) > 0
                    )
                    AND NOT (
                      "t30"."resumed"
                    )
                  )
                  THEN TRUE
                  WHEN (
                    "t30"."b_rejected" > 0
                  )
                  AND (
                    "t30"."b_accepted" = 0
                  )
                  AND NOT (
                    (
                      "t30"."a_accepted" + "t30"."a_rejected"
                    ) > 0
                  )
                  AND NOT (
                    "t30"."resumed"
                  )
                  AND NOT (
                    (
                      "t30"."a_rejected" > 0
                    )
                    AND (
                      "t30"."a_accepted" = 0
                    )
                    AND NOT (
                      (
                        "t30"."b_accepted" + "t30"."b_rejected"
                      ) > 0
                    )
                    AND NOT (
                      "t30"."resumed"
                    )
                  )
                  THEN FALSE
                  ELSE CAST(NULL AS BOOLEAN)
                END AS "says_refused_plain",
                IF(
                  COALESCE((
                    "t30"."protocol" = 6
                  ) AND (
                    "t30"."a_opened" IS NOT NULL
                  ), FALSE),
                  CAST(NULL AS BOOLEAN),
                  CASE
                    WHEN (
                      "t30"."a_rejected" > 0
                    )
                    AND (
                      "t30"."a_accepted" = 0
                    )
                    AND NOT (
                      (
                        "t30"."b_accepted" + "t30"."b_rejected"
                      ) > 0
                    )
                    AND NOT (
                      "t30"."resumed"
                    )
                    AND NOT (
                      (
                        "t30"."b_rejected" > 0
                      )
                      AND (
                        "t30"."b_accepted" = 0
                      )
                      AND NOT (
                        (
                          "t30"."a_accepted" + "t30"."a_rejected"
                        ) > 0
                      )
                      AND NOT (
                        "t30"."resumed"
                      )
                    )
                    THEN TRUE
                    WHEN (
                      "t30"."b_rejected" > 0
                    )
                    AND (
                      "t30"."b_accepted" = 0
                    )
                    AND NOT (
                      (
                        "t30"."a_accepted" + "t30"."a_rejected"
                      ) > 0
                    )
                    AND NOT (
                      "t30"."resumed"
                    )
                    AND NOT (
                      (
                        "t30"."a_rejected" > 0
                      )
                      AND (
                        "t30"."a_accepted" = 0
                      )
                      AND NOT (
                        (
                          "t30"."b_accepted" + "t30"."b_rejected"
                        ) > 0
                      )
                      AND NOT (
                        "t30"."resumed"
                      )
                    )
                    THEN FALSE
                    ELSE CAST(NULL AS BOOLEAN)
                  END
                ) AS "says_refused",
                IF(
                  COALESCE("t30"."protocol" IN (6, 17, 33, 132, 136), FALSE),
                  CASE
                    WHEN COALESCE(
                      "t30"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                      FALSE
                    )
                    AND NOT (
                      COALESCE(
                        "t30"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                        FALSE
                      )
                    )
                    AND NOT (
                      "t30"."a_port" < 1024
                    )
                    AND NOT (
                      COALESCE(
                        "t30"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                        FALSE
                      )
                      AND NOT (
                        COALESCE(
                          "t30"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                          FALSE
                        )
                      )
                      AND NOT (
                        "t30"."b_port" < 1024
                      )
                    )
                    THEN TRUE
                    WHEN COALESCE(
                      "t30"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                      FALSE
                    )
                    AND NOT (
                      COALESCE(
                        "t30"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                        FALSE
                      )
                    )
                    AND NOT (
                      "t30"."b_port" < 1024
                    )
                    AND NOT (
                      COALESCE(
                        "t30"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                        FALSE
                      )
                      AND NOT (
                        COALESCE(
                          "t30"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                          FALSE
                        )
                      )
                      AND NOT (
                        "t30"."a_port" < 1024
                      )
                    )
                    THEN FALSE
                    ELSE CAST(NULL AS BOOLEAN)
                  END,
                  CAST(NULL AS BOOLEAN)
                ) AS "says_ports",
                IF(
                  COALESCE("t30"."protocol" IN (6, 17, 33, 132, 136), FALSE),
                  CASE
                    WHEN (
                      "t30"."b_port" < 1024
                    ) AND NOT (
                      "t30"."a_port" < 1024
                    )
                    THEN TRUE
                    WHEN (
                      "t30"."a_port" < 1024
                    ) AND NOT (
                      "t30"."b_port" < 1024
                    )
                    THEN FALSE
                    ELSE CAST(NULL AS BOOLEAN)
                  END,
                  CAST(NULL AS BOOLEAN)
                ) AS "says_lowport",
                CASE
                  WHEN (
                    (
                      (
                        (
                          "t30"."a_accepted" + "t30"."a_rejected"
                        ) > 0
                      )
                      AND NOT (
                        (
                          "t30"."b_accepted" + "t30"."b_rejected"
                        ) > 0
                      )
                    )
                    OR COALESCE((
                      "t30"."b_first" - "t30"."a_first"
                    ) >= 2, FALSE)
                  )
                  AND NOT (
                    (
                      (
                        (
                          "t30"."b_accepted" + "t30"."b_rejected"
                        ) > 0
                      )
                      AND NOT (
                        (
                          "t30"."a_accepted" + "t30"."a_rejected"
                        ) > 0
                      )
                    )
                    OR COALESCE(-(
                      "t30"."b_first" - "t30"."a_first"
                    ) >= 2, FALSE)
                  )
                  THEN TRUE
                  WHEN (
                    (
                      (
                        (
                          "t30"."b_accepted" + "t30"."b_rejected"
                        ) > 0
                      )
                      AND NOT (
                        (
                          "t30"."a_accepted" + "t30"."a_rejected"
                        ) > 0
                      )
                    )
                    OR COALESCE(-(
                      "t30"."b_first" - "t30"."a_first"
                    ) >= 2, FALSE)
                  )
                  AND NOT (
                    (
                      (
                        (
                          "t30"."a_accepted" + "t30"."a_rejected"
                        ) > 0
                      )
                      AND NOT (
                        (
                          "t30"."b_accepted" + "t30"."b_rejected"
                        ) > 0
                      )
                    )
                    OR COALESCE((
                      "t30"."b_first" - "t30"."a_first"
                    ) >= 2, FALSE)
                  )
                  THEN FALSE
                  ELSE CAST(NULL AS BOOLEAN)
                END AS "says_first"
              FROM (
                SELECT
                  NULLIF("t26"."interface_id", '-') AS "interface_id",
                  NULLIF("t26"."protocol", -1) AS "protocol",
                  "t26"."a_addr",
                  NULLIF("t26"."a_port", -1) AS "a_port",
                  "t26"."b_addr",
                  NULLIF("t26"."b_port", -1) AS "b_port",
                  "t26"."session",
                  LEAST(
                    COALESCE("t26"."a_first", "t26"."b_first"),
                    COALESCE("t26"."b_first", "t26"."a_first")
                  ) AS "first",
                  -(
                    LEAST(
                      COALESCE(-(
                        "t26"."a_last"
                      ), -(
                        "t26"."b_last"
                      )),
                      COALESCE(-(
                        "t26"."b_last"
                      ), -(
                        "t26"."a_last"
                      ))
                    )
                  ) AS "last",
                  GREATEST("t26"."a_accepted", "t26"."a_rejected", "t26"."b_accepted", "t26"."b_rejected") AS "windows",
                  "t26"."a_packets",
                  "t26"."a_bytes",
                  "t26"."a_accepted",
                  "t26"."a_rejected",
                  "t26"."a_flags",
                  "t26"."a_first",
                  "t26"."a_opened",
                  "t26"."a_last",
                  "t26"."b_packets",
                  "t26"."b_bytes",
                  "t26"."b_accepted",
                  "t26"."b_rejected",
                  "t26"."b_flags",
                  "t26"."b_first",
                  "t26"."b_opened",
                  "t26"."b_last",
                  "t26"."carried",
                  "t26"."resumed"
                FROM "t25" AS "t26"
              ) AS "t30"
            ) AS "t37"
            LEFT OUTER JOIN (
              SELECT
                "t33"."protocol",
                "t33"."addr" AS "a_addr",
                "t33"."port" AS "a_port",
                "t33"."fan_in" AS "a_fan_in"
              FROM "t32" AS "t33"
              WHERE
                "t33"."fan_in" >= 3
            ) AS "t38"
              ON "t37"."protocol" = "t38"."protocol"
              AND "t37"."a_addr" = "t38"."a_addr"
              AND "t37"."a_port" = "t38"."a_port"
            LEFT OUTER JOIN (
              SELECT
                "t33"."protocol",
                "t33"."addr" AS "b_addr",
                "t33"."port" AS "b_port",
                "t33"."fan_in" AS "b_fan_in"
              FROM "t32" AS "t33"
              WHERE
                "t33"."fan_in" >= 3
            ) AS "t39"
              ON "t37"."protocol" = "t39"."protocol"
              AND "t37"."b_addr" = "t39"."b_addr"
              AND "t37"."b_port" = "t39"."b_port"
          ) AS "t40"
        ) AS "t41"
      ) AS "t43"
      LEFT OUTER JOIN (
        SELECT
          "t0"."interface_id",
          "t0"."day",
          "t0"."a_addr",
          TRUE AS "known"
        FROM "given_1" AS "t0"
      ) AS "t7"
        ON "t43"."interface_id" = "t7"."interface_id"
        AND "t43"."day" = "t7"."day"
        AND "t43"."a_addr" = "t7"."a_addr"
      LEFT OUTER JOIN (
        SELECT
          "t1"."interface_id",
          "t1"."day",
          "t1"."b_addr",
          TRUE AS "known"
        FROM "given_2" AS "t1"
      ) AS "t8"
        ON "t43"."interface_id" = "t8"."interface_id"
        AND "t43"."day" = "t8"."day"
        AND "t43"."b_addr" = "t8"."b_addr"
      LEFT OUTER JOIN (
        SELECT
          "t2"."opener",
          TRUE AS "known"
        FROM "given_3" AS "t2"
      ) AS "t9"
        ON "t43"."opener" = "t9"."opener"
    ) AS "t44"
    WHERE
      "t44"."client" IS NOT NULL
      AND CASE
        WHEN COALESCE("t44"."interface_id" IN ('eni-0205bb9f7bb6c5f11'), FALSE)
        THEN 'through'
        WHEN (
          "t44"."client" IS NOT NULL
        )
        AND IF("t44"."opener" = "t44"."a_addr", "t44"."a_addr_known", "t44"."b_addr_known")
        AND NOT (
          IF("t44"."opener" = "t44"."a_addr", "t44"."b_addr_known", "t44"."a_addr_known")
        )
        THEN 'egress'
        WHEN (
          "t44"."client" IS NOT NULL
        )
        AND IF("t44"."opener" = "t44"."a_addr", "t44"."b_addr_known", "t44"."a_addr_known")
        AND NOT (
          IF("t44"."opener" = "t44"."a_addr", "t44"."a_addr_known", "t44"."b_addr_known")
        )
        THEN 'ingress'
        ELSE 'unknown'
      END <> 'through'
  ) AS "t45"
  WHERE
    "t45"."state" IS NOT NULL
) AS "t46"
GROUP BY
  1,
  2,
  3,
  4;

-- reachability, kept as kept_2
WITH "t1" AS (
  SELECT
    "t0"."client",
    "t0"."server",
    "t0"."protocol",
    "t0"."port",
    "t0"."interface_id",
    "t0"."level_answered",
    "t0"."level_failed",
    "t0"."first",
    "t0"."last",
    "t0"."answered_last",
    "t0"."failed_first",
    "t0"."own",
    "t0"."bytes_here",
    "t0"."bytes_away",
    "t0"."answered_here",
    "t0"."answered_away",
    "t0"."accepted_silent_here",
    "t0"."accepted_silent_away",
    "t0"."accepted_reset_here",
    "t0"."accepted_reset_away",
    "t0"."reply_refused_here",
    "t0"."reply_refused_away",
    "t0"."refused_here",
    "t0"."refused_away",
    "t0"."reply_here",
    "t0"."reply_away",
    CASE
      WHEN (
        "t0"."reply_refused_away" > 0
      ) AND (
        "t0"."answered_away" = 0
      )
      THEN 0
      WHEN "t0"."answered_here" > 0
      THEN "t0"."answered_here"
      WHEN (
        "t0"."answered_here" = 0
      )
      AND (
        (
          "t0"."reply_here" + "t0"."reply_away"
        ) > 0
      )
      AND (
        "t0"."accepted_silent_here" > 0
      )
      THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
      ELSE "t0"."answered_away"
    END AS "answers",
    IF(
      (
        "t0"."answered_here" = 0
      )
      AND (
        (
          "t0"."reply_here" + "t0"."reply_away"
        ) > 0
      )
      AND (
        "t0"."accepted_silent_here" > 0
      ),
      0,
      GREATEST(
        IF(
          (
            0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
          ) > 0,
          0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here",
          0 + "t0"."answered_away" + "t0"."accepted_silent_away" + "t0"."accepted_reset_away" + "t0"."reply_refused_away" + "t0"."refused_away"
        ) - CASE
          WHEN (
            "t0"."reply_refused_away" > 0
          ) AND (
            "t0"."answered_away" = 0
          )
          THEN 0
          WHEN "t0"."answered_here" > 0
          THEN "t0"."answered_here"
          WHEN (
            "t0"."answered_here" = 0
          )
          AND (
            (
              "t0"."reply_here" + "t0"."reply_away"
            ) > 0
          )
          AND (
            "t0"."accepted_silent_here" > 0
          )
          THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
          ELSE "t0"."answered_away"
        END,
        "t0"."reply_refused_away"
      )
    ) AS "failures",
    CASE
      WHEN (
        (
          "t0"."reply_refused_away" > 0
        ) AND (
          "t0"."answered_away" = 0
        )
      )
      OR (
        (
          "t0"."reply_refused_here" + "t0"."reply_refused_away"
        ) > 0
      )
      THEN 'reply-refused'
      WHEN (
        "t0"."accepted_reset_here" + "t0"."accepted_reset_away"
      ) > 0
      THEN 'accepted-reset'
      WHEN (
        "t0"."refused_here" + "t0"."refused_away"
      ) > 0
      THEN 'refused'
      ELSE 'accepted-silent'
    END AS "failing",
    (
      CASE
        WHEN (
          "t0"."reply_refused_away" > 0
        ) AND (
          "t0"."answered_away" = 0
        )
        THEN 0
        WHEN "t0"."answered_here" > 0
        THEN "t0"."answered_here"
        WHEN (
          "t0"."answered_here" = 0
        )
        AND (
          (
            "t0"."reply_here" + "t0"."reply_away"
          ) > 0
        )
        AND (
          "t0"."accepted_silent_here" > 0
        )
        THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
        ELSE "t0"."answered_away"
      END > 0
    )
    AND COALESCE("t0"."failed_first" > "t0"."answered_last", FALSE)
    AND (
      IF(
        (
          "t0"."answered_here" = 0
        )
        AND (
          (
            "t0"."reply_here" + "t0"."reply_away"
          ) > 0
        )
        AND (
          "t0"."accepted_silent_here" > 0
        ),
        0,
        GREATEST(
          IF(
            (
              0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
            ) > 0,
            0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here",
            0 + "t0"."answered_away" + "t0"."accepted_silent_away" + "t0"."accepted_reset_away" + "t0"."reply_refused_away" + "t0"."refused_away"
          ) - CASE
            WHEN (
              "t0"."reply_refused_away" > 0
            ) AND (
              "t0"."answered_away" = 0
            )
            THEN 0
            WHEN "t0"."answered_here" > 0
            THEN "t0"."answered_here"
            WHEN (
              "t0"."answered_here" = 0
            )
            AND (
              (
                "t0"."reply_here" + "t0"."reply_away"
              ) > 0
            )
            AND (
              "t0"."accepted_silent_here" > 0
            )
            THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
            ELSE "t0"."answered_away"
          END,
          "t0"."reply_refused_away"
        )
      ) > 1
    ) AS "lost",
    (
      (
        CASE
          WHEN (
            "t0"."reply_refused_away" > 0
          ) AND (
            "t0"."answered_away" = 0
          )
          THEN 0
          WHEN "t0"."answered_here" > 0
          THEN "t0"."answered_here"
          WHEN (
            "t0"."answered_here" = 0
          )
          AND (
            (
              "t0"."reply_here" + "t0"."reply_away"
            ) > 0
          )
          AND (
            "t0"."accepted_silent_here" > 0
          )
          THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
          ELSE "t0"."answered_away"
        END = 0
      )
      OR (
        (
          CASE
            WHEN (
              "t0"."reply_refused_away" > 0
            ) AND (
              "t0"."answered_away" = 0
            )
            THEN 0
            WHEN "t0"."answered_here" > 0
            THEN "t0"."answered_here"
            WHEN (
              "t0"."answered_here" = 0
            )
            AND (
              (
                "t0"."reply_here" + "t0"."reply_away"
              ) > 0
            )
            AND (
              "t0"."accepted_silent_here" > 0
            )
            THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
            ELSE "t0"."answered_away"
          END > 0
        )
        AND COALESCE("t0"."failed_first" > "t0"."answered_last", FALSE)
        AND (
          IF(
            (
              "t0"."answered_here" = 0
            )
            AND (
              (
                "t0"."reply_here" + "t0"."reply_away"
              ) > 0
            )
            AND (
              "t0"."accepted_silent_here" > 0
            ),
            0,
            GREATEST(
              IF(
                (
                  0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
                ) > 0,
                0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here",
                0 + "t0"."answered_away" + "t0"."accepted_silent_away" + "t0"."accepted_reset_away" + "t0"."reply_refused_away" + "t0"."refused_away"
              ) - CASE
                WHEN (
                  "t0"."reply_refused_away" > 0
                ) AND (
                  "t0"."answered_away" = 0
                )
                THEN 0
                WHEN "t0"."answered_here" > 0
                THEN "t0"."answered_here"
                WHEN (
                  "t0"."answered_here" = 0
                )
                AND (
                  (
                    "t0"."reply_here" + "t0"."reply_away"
                  ) > 0
                )
                AND (
                  "t0"."accepted_silent_here" > 0
                )
                THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
                ELSE "t0"."answered_away"
              END,
              "t0"."reply_refused_away"
            )
          ) > 1
        )
      )
      OR (
        (
          IF(
            (
              "t0"."answered_here" = 0
            )
            AND (
              (
                "t0"."reply_here" + "t0"."reply_away"
              ) > 0
            )
            AND (
              "t0"."accepted_silent_here" > 0
            ),
            0,
            GREATEST(
              IF(
                (
                  0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
                ) > 0,
                0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here",
                0 + "t0"."answered_away" + "t0"."accepted_silent_away" + "t0"."accepted_reset_away" + "t0"."reply_refused_away" + "t0"."refused_away"
              ) - CASE
                WHEN (
                  "t0"."reply_refused_away" > 0
                ) AND (
                  "t0"."answered_away" = 0
                )
                THEN 0
                WHEN "t0"."answered_here" > 0
                THEN "t0"."answered_here"
                WHEN (
                  "t0"."answered_here" = 0
                )
                AND (
                  (
                    "t0"."reply_here" + "t0"."reply_away"
                  ) > 0
                )
                AND (
                  "t0"."accepted_silent_here" > 0
                )
                THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
                ELSE "t0"."answered_away"
              END,
              "t0"."reply_refused_away"
            )
          ) >= 3
        )
        AND (
          (
            IF(
              (
                "t0"."answered_here" = 0
              )
              AND (
                (
                  "t0"."reply_here" + "t0"."reply_away"
                ) > 0
              )
              AND (
                "t0"."accepted_silent_here" > 0
              ),
              0,
              GREATEST(
                IF(
                  (
                    0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
                  ) > 0,
                  0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here",
                  0 + "t0"."answered_away" + "t0"."accepted_silent_away" + "t0"."accepted_reset_away" + "t0"."reply_refused_away" + "t0"."refused_away"
                ) - CASE
                  WHEN (
                    "t0"."reply_refused_away" > 0
                  ) AND (
                    "t0"."answered_away" = 0
                  )
                  THEN 0
                  WHEN "t0"."answered_here" > 0
                  THEN "t0"."answered_here"
                  WHEN (
                    "t0"."answered_here" = 0
                  )
                  AND (
                    (
                      "t0"."reply_here" + "t0"."reply_away"
                    ) > 0
                  )
                  AND (
                    "t0"."accepted_silent_here" > 0
                  )
                  THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
                  ELSE "t0"."answered_away"
                END,
                "t0"."reply_refused_away"
              )
            ) * 10
          ) >= IF(
            (
              0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
            ) > 0,
            0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here",
            0 + "t0"."answered_away" + "t0"."accepted_silent_away" + "t0"."accepted_reset_away" + "t0"."reply_refused_away" + "t0"."refused_away"
          )
        )
      )
    )
    AND (
      IF(
        (
          "t0"."answered_here" = 0
        )
        AND (
          (
            "t0"."reply_here" + "t0"."reply_away"
          ) > 0
        )
        AND (
          "t0"."accepted_silent_here" > 0
        ),
        0,
        GREATEST(
          IF(
            (
              0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
            ) > 0,
            0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here",
            0 + "t0"."answered_away" + "t0"."accepted_silent_away" + "t0"."accepted_reset_away" + "t0"."reply_refused_away" + "t0"."refused_away"
          ) - CASE
            WHEN (
              "t0"."reply_refused_away" > 0
            ) AND (
              "t0"."answered_away" = 0
            )
            THEN 0
            WHEN "t0"."answered_here" > 0
            THEN "t0"."answered_here"
            WHEN (
              "t0"."answered_here" = 0
            )
            AND (
              (
                "t0"."reply_here" + "t0"."reply_away"
              ) > 0
            )
            AND (
              "t0"."accepted_silent_here" > 0
            )
            THEN 0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
            ELSE "t0"."answered_away"
          END,
          "t0"."reply_refused_away"
        )
      ) > 0
    ) AS "lasting",
    IF(
      (
        0 + "t0"."answered_here" + "t0"."accepted_silent_here" + "t0"."accepted_reset_here" + "t0"."reply_refused_here" + "t0"."refused_here"
      ) > 0,
      "t0"."bytes_here",
      "t0"."bytes_away"
    ) AS "bytes"
  FROM "temp"."main"."kept_3" AS "t0"
)
SELECT
  *
FROM (
  SELECT
    "t2"."client",
    "t2"."own",
    "t2"."server",
    "t2"."protocol",
    "t2"."port",
    "t2"."interface_id",
    'answered' AS "state",
    "t2"."level_answered" AS "level",
    "t2"."answers" + IF("t2"."lasting", 0, "t2"."failures") AS "sessions",
    IF("t2"."lasting", 0, "t2"."failures") AS "failed",
    "t2"."bytes",
    "t2"."first",
    IF("t2"."lost", "t2"."answered_last", "t2"."last") AS "last",
    CAST(NULL AS BIGINT) AS "answered_until"
  FROM "t1" AS "t2"
  WHERE
    "t2"."answers" > 0
) AS "t3"
UNION ALL
SELECT
  *
FROM (
  SELECT
    "t2"."client",
    "t2"."own",
    "t2"."server",
    "t2"."protocol",
    "t2"."port",
    "t2"."interface_id",
    "t2"."failing" AS "state",
    IF(
      "t2"."failing" IN ('accepted-reset', 'accepted-silent')
      AND (
        "t2"."answers" = 0
      )
      AND (
        "t2"."failures" >= 3
      )
      AND (
        "t2"."level_failed" = 0
      ),
      1,
      "t2"."level_failed"
    ) AS "level",
    "t2"."failures" AS "sessions",
    "t2"."failures" AS "failed",
    IF("t2"."answers" > 0, 0, "t2"."bytes") AS "bytes",
    COALESCE("t2"."failed_first", "t2"."first") AS "first",
    "t2"."last",
    IF("t2"."lost", "t2"."answered_last", NULL) AS "answered_until"
  FROM "t1" AS "t2"
  WHERE
    "t2"."lasting"
) AS "t4";

-- reachability
WITH "t9" AS (
  SELECT
    "t1"."client",
    "t1"."own",
    "t1"."server",
    "t1"."protocol",
    "t1"."port",
    "t1"."interface_id",
    "t1"."state",
    "t1"."level",
    "t1"."sessions",
    "t1"."failed",
    "t1"."bytes",
    "t1"."first",
    "t1"."last",
    "t1"."answered_until",
    "t8"."network",
    "t8"."public",
    "t8"."scanner",
    "t5"."far",
    "t5"."place"
  FROM "temp"."main"."kept_4" AS "t1"
  INNER JOIN (
    SELECT
      "t6"."client",
      "t6"."network",
      "t6"."public",
      "t6"."public" AND (
        "t6"."missed" >= 4
      ) AS "scanner"
    FROM (
      SELECT
        "t3"."client",
        "t3"."own",
        "t3"."missed",
        IF(
          "t3"."own"
          AND (
            CASE
              WHEN NOT (
                REGEXP_LIKE(
                  "t3"."client",
                  '^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$|^2001:db8:10:a0:|^2001:db8:10:a1:|^10[.]16[.]0[.]152$|^10[.]16[.]0[.]56$|^10[.]16[.]1[.]21$|^10[.]16[.]11[.]231$|^10[.]16[.]11[.]43$|^10[.]16[.]20[.]6$|^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$|^198[.]51[.]100[.]128$|^198[.]51[.]100[.]129$|^198[.]51[.]100[.]130$|^198[.]51[.]100[.]131$|^198[.]51[.]100[.]132$|^198[.]51[.]100[.]133$|^198[.]51[.]100[.]134$|^198[.]51[.]100[.]135$|^198[.]51[.]100[.]136$|^198[.]51[.]100[.]137$|^198[.]51[.]100[.]138$|^198[.]51[.]100[.]139$|^198[.]51[.]100[.]140$|^198[.]51[.]100[.]141$|^198[.]51[.]100[.]142$|^198[.]51[.]100[.]143$|^198[.]51[.]100[.]144$|^198[.]51[.]100[.]145$|^198[.]51[.]100[.]146$|^198[.]51[.]100[.]147$|^198[.]51[.]100[.]148$|^198[.]51[.]100[.]149$|^198[.]51[.]100[.]150$|^198[.]51[.]100[.]151$|^198[.]51[.]100[.]152$|^198[.]51[.]100[.]153$|^198[.]51[.]100[.]154$|^198[.]51[.]100[.]155$|^198[.]51[.]100[.]156$|^198[.]51[.]100[.]157$|^198[.]51[.]100[.]158$|^198[.]51[.]100[.]159$|^10[.]16[.]0[.]|^10[.]16[.]1[.]|^10[.]16[.]10[.]|^10[.]16[.]11[.]|^10[.]16[.]20[.]|^10[.]16[.]21[.]|^10[.]16[.]10[.]|^10[.]16[.]11[.]|^169[.]254[.]|^192[.]168[.]|^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]|^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]|^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:|^10[.]|^127[.]|^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:'
                )
              )
              THEN IF(STRPOS("t3"."client", '.') > 0, '0.0.0.0/0', 'internet')
              WHEN REGEXP_LIKE("t3"."client", '^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$')
              THEN '::1/128'
              WHEN REGEXP_LIKE("t3"."client", '^2001:db8:10:a0:')
              THEN '2001:db8:10:a0::/64'
              WHEN REGEXP_LIKE("t3"."client", '^2001:db8:10:a1:')
              THEN '2001:db8:10:a1::/64'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]0[.]152$')
              THEN '10.16.0.152/32'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]0[.]56$')
              THEN '10.16.0.56/32'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]1[.]21$')
              THEN '10.16.1.21/32'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]11[.]231$')
              THEN '10.16.11.231/32'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]11[.]43$')
              THEN '10.16.11.43/32'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]20[.]6$')
              THEN '10.16.20.6/32'
              WHEN REGEXP_LIKE(
                "t3"."client",
                '^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$'
              )
              THEN '203.0.113.96/28'
              WHEN REGEXP_LIKE(
                "t3"."client",
                '^198[.]51[.]100[.]128$|^198[.]51[.]100[.]129$|^198[.]51[.]100[.]130$|^198[.]51[.]100[.]131$|^198[.]51[.]100[.]132$|^198[.]51[.]100[.]133$|^198[.]51[.]100[.]134$|^198[.]51[.]100[.]135$|^198[.]51[.]100[.]136$|^198[.]51[.]100[.]137$|^198[.]51[.]100[.]138$|^198[.]51[.]100[.]139$|^198[.]51[.]100[.]140$|^198[.]51[.]100[.]141$|^198[.]51[.]100[.]142$|^198[.]51[.]100[.]143$|^198[.]51[.]100[.]144$|^198[.]51[.]100[.]145$|^198[.]51[.]100[.]146$|^198[.]51[.]100[.]147$|^198[.]51[.]100[.]148$|^198[.]51[.]100[.]149$|^198[.]51[.]100[.]150$|^198[.]51[.]100[.]151$|^198[.]51[.]100[.]152$|^198[.]51[.]100[.]153$|^198[.]51[.]100[.]154$|^198[.]51[.]100[.]155$|^198[.]51[.]100[.]156$|^198[.]51[.]100[.]157$|^198[.]51[.]100[.]158$|^198[.]51[.]100[.]159$'
              )
              THEN '198.51.100.128/27'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]0[.]')
              THEN '10.16.0.0/24'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]1[.]')
              THEN '10.16.1.0/24'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]10[.]')
              THEN '10.16.10.0/24'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]11[.]')
              THEN '10.16.11.0/24'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]20[.]')
              THEN '10.16.20.0/24'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]21[.]')
              THEN '10.16.21.0/24'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]10[.]|^10[.]16[.]11[.]')
              THEN '10.16.10.0/23'
              WHEN REGEXP_LIKE("t3"."client", '^169[.]254[.]')
              THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
              WHEN REGEXP_LIKE("t3"."client", '^192[.]168[.]')
              THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
              WHEN REGEXP_LIKE(
                "t3"."client",
                '^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]'
              )
              THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
              WHEN REGEXP_LIKE(
                "t3"."client",
                '^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]'
              )
              THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
              WHEN REGEXP_LIKE("t3"."client", '^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:')
              THEN 'fe80::/10'
              WHEN REGEXP_LIKE("t3"."client", '^10[.]')
              THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
              WHEN REGEXP_LIKE("t3"."client", '^127[.]')
              THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
              WHEN REGEXP_LIKE("t3"."client", '^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:')
              THEN 'fc00::/7'
              ELSE IF(STRPOS("t3"."client", '.') > 0, '0.0.0.0/0', 'internet')
            END = 'internet'
          ),
          'inside',
          CASE
            WHEN NOT (
              REGEXP_LIKE(
                "t3"."client",
                '^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$|^2001:db8:10:a0:|^2001:db8:10:a1:|^10[.]16[.]0[.]152$|^10[.]16[.]0[.]56$|^10[.]16[.]1[.]21$|^10[.]16[.]11[.]231$|^10[.]16[.]11[.]43$|^10[.]16[.]20[.]6$|^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$|^198[.]51[.]100[.]128$|^198[.]51[.]100[.]129$|^198[.]51[.]100[.]130$|^198[.]51[.]100[.]131$|^198[.]51[.]100[.]132$|^198[.]51[.]100[.]133$|^198[.]51[.]100[.]134$|^198[.]51[.]100[.]135$|^198[.]51[.]100[.]136$|^198[.]51[.]100[.]137$|^198[.]51[.]100[.]138$|^198[.]51[.]100[.]139$|^198[.]51[.]100[.]140$|^198[.]51[.]100[.]141$|^198[.]51[.]100[.]142$|^198[.]51[.]100[.]143$|^198[.]51[.]100[.]144$|^198[.]51[.]100[.]145$|^198[.]51[.]100[.]146$|^198[.]51[.]100[.]147$|^198[.]51[.]100[.]148$|^198[.]51[.]100[.]149$|^198[.]51[.]100[.]150$|^198[.]51[.]100[.]151$|^198[.]51[.]100[.]152$|^198[.]51[.]100[.]153$|^198[.]51[.]100[.]154$|^198[.]51[.]100[.]155$|^198[.]51[.]100[.]156$|^198[.]51[.]100[.]157$|^198[.]51[.]100[.]158$|^198[.]51[.]100[.]159$|^10[.]16[.]0[.]|^10[.]16[.]1[.]|^10[.]16[.]10[.]|^10[.]16[.]11[.]|^10[.]16[.]20[.]|^10[.]16[.]21[.]|^10[.]16[.]10[.]|^10[.]16[.]11[.]|^169[.]254[.]|^192[.]168[.]|^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]|^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]|^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:|^10[.]|^127[.]|^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:'
              )
            )
            THEN IF(STRPOS("t3"."client", '.') > 0, '0.0.0.0/0', 'internet')
            WHEN REGEXP_LIKE("t3"."client", '^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$')
            THEN '::1/128'
            WHEN REGEXP_LIKE("t3"."client", '^2001:db8:10:a0:')
            THEN '2001:db8:10:a0::/64'
            WHEN REGEXP_LIKE("t3"."client", '^2001:db8:10:a1:')
            THEN '2001:db8:10:a1::/64'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]0[.]152$')
            THEN '10.16.0.152/32'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]0[.]56$')
            THEN '10.16.0.56/32'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]1[.]21$')
            THEN '10.16.1.21/32'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]11[.]231$')
            THEN '10.16.11.231/32'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]11[.]43$')
            THEN '10.16.11.43/32'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]20[.]6$')
            THEN '10.16.20.6/32'
            WHEN REGEXP_LIKE(
              "t3"."client",
              '^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$'
            )
            THEN '203.0.113.96/28'
            WHEN REGEXP_LIKE(
              "t3"."client",
              '^198[.]51[.]100[.]128$|^198[.]51[.]100[.]129$|^198[.]51[.]100[.]130$|^198[.]51[.]100[.]131$|^198[.]51[.]100[.]132$|^198[.]51[.]100[.]133$|^198[.]51[.]100[.]134$|^198[.]51[.]100[.]135$|^198[.]51[.]100[.]136$|^198[.]51[.]100[.]137$|^198[.]51[.]100[.]138$|^198[.]51[.]100[.]139$|^198[.]51[.]100[.]140$|^198[.]51[.]100[.]141$|^198[.]51[.]100[.]142$|^198[.]51[.]100[.]143$|^198[.]51[.]100[.]144$|^198[.]51[.]100[.]145$|^198[.]51[.]100[.]146$|^198[.]51[.]100[.]147$|^198[.]51[.]100[.]148$|^198[.]51[.]100[.]149$|^198[.]51[.]100[.]150$|^198[.]51[.]100[.]151$|^198[.]51[.]100[.]152$|^198[.]51[.]100[.]153$|^198[.]51[.]100[.]154$|^198[.]51[.]100[.]155$|^198[.]51[.]100[.]156$|^198[.]51[.]100[.]157$|^198[.]51[.]100[.]158$|^198[.]51[.]100[.]159$'
            )
            THEN '198.51.100.128/27'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]0[.]')
            THEN '10.16.0.0/24'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]1[.]')
            THEN '10.16.1.0/24'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]10[.]')
            THEN '10.16.10.0/24'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]11[.]')
            THEN '10.16.11.0/24'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]20[.]')
            THEN '10.16.20.0/24'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]21[.]')
            THEN '10.16.21.0/24'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]10[.]|^10[.]16[.]11[.]')
            THEN '10.16.10.0/23'
            WHEN REGEXP_LIKE("t3"."client", '^169[.]254[.]')
            THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
            WHEN REGEXP_LIKE("t3"."client", '^192[.]168[.]')
            THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
            WHEN REGEXP_LIKE(
              "t3"."client",
              '^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]'
            )
            THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
            WHEN REGEXP_LIKE(
              "t3"."client",
              '^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]'
            )
            THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
            WHEN REGEXP_LIKE("t3"."client", '^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:')
            THEN 'fe80::/10'
            WHEN REGEXP_LIKE("t3"."client", '^10[.]')
            THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
            WHEN REGEXP_LIKE("t3"."client", '^127[.]')
            THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
            WHEN REGEXP_LIKE("t3"."client", '^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:')
            THEN 'fc00::/7'
            ELSE IF(STRPOS("t3"."client", '.') > 0, '0.0.0.0/0', 'internet')
          END
        ) AS "network",
        CASE
          WHEN NOT (
            REGEXP_LIKE(
              "t3"."client",
              '^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$|^2001:db8:10:a0:|^2001:db8:10:a1:|^10[.]16[.]0[.]152$|^10[.]16[.]0[.]56$|^10[.]16[.]1[.]21$|^10[.]16[.]11[.]231$|^10[.]16[.]11[.]43$|^10[.]16[.]20[.]6$|^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$|^198[.]51[.]100[.]128$|^198[.]51[.]100[.]129$|^198[.]51[.]100[.]130$|^198[.]51[.]100[.]131$|^198[.]51[.]100[.]132$|^198[.]51[.]100[.]133$|^198[.]51[.]100[.]134$|^198[.]51[.]100[.]135$|^198[.]51[.]100[.]136$|^198[.]51[.]100[.]137$|^198[.]51[.]100[.]138$|^198[.]51[.]100[.]139$|^198[.]51[.]100[.]140$|^198[.]51[.]100[.]141$|^198[.]51[.]100[.]142$|^198[.]51[.]100[.]143$|^198[.]51[.]100[.]144$|^198[.]51[.]100[.]145$|^198[.]51[.]100[.]146$|^198[.]51[.]100[.]147$|^198[.]51[.]100[.]148$|^198[.]51[.]100[.]149$|^198[.]51[.]100[.]150$|^198[.]51[.]100[.]151$|^198[.]51[.]100[.]152$|^198[.]51[.]100[.]153$|^198[.]51[.]100[.]154$|^198[.]51[.]100[.]155$|^198[.]51[.]100[.]156$|^198[.]51[.]100[.]157$|^198[.]51[.]100[.]158$|^198[.]51[.]100[.]159$|^10[.]16[.]0[.]|^10[.]16[.]1[.]|^10[.]16[.]10[.]|^10[.]16[.]11[.]|^10[.]16[.]20[.]|^10[.]16[.]21[.]|^10[.]16[.]10[.]|^10[.]16[.]11[.]|^169[.]254[.]|^192[.]168[.]|^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]|^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]|^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:|^10[.]|^127[.]|^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:'
            )
          )
          THEN IF(STRPOS("t3"."client", '.') > 0, '0.0.0.0/0', 'internet')
          WHEN REGEXP_LIKE("t3"."client", '^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$')
          THEN '::1/128'
          WHEN REGEXP_LIKE("t3"."client", '^2001:db8:10:a0:')
          THEN '2001:db8:10:a0::/64'
          WHEN REGEXP_LIKE("t3"."client", '^2001:db8:10:a1:')
          THEN '2001:db8:10:a1::/64'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]0[.]152$')
          THEN '10.16.0.152/32'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]0[.]56$')
          THEN '10.16.0.56/32'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]1[.]21$')
          THEN '10.16.1.21/32'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]11[.]231$')
          THEN '10.16.11.231/32'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]11[.]43$')
          THEN '10.16.11.43/32'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]20[.]6$')
          THEN '10.16.20.6/32'
          WHEN REGEXP_LIKE(
            "t3"."client",
            '^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$'
          )
          THEN '203.0.113.96/28'
          WHEN REGEXP_LIKE(
            "t3"."client",
            '^198[.]51[.]100[.]128$|^198[.]51[.]100[.]129$|^198[.]51[.]100[.]130$|^198[.]51[.]100[.]131$|^198[.]51[.]100[.]132$|^198[.]51[.]100[.]133$|^198[.]51[.]100[.]134$|^198[.]51[.]100[.]135$|^198[.]51[.]100[.]136$|^198[.]51[.]100[.]137$|^198[.]51[.]100[.]138$|^198[.]51[.]100[.]139$|^198[.]51[.]100[.]140$|^198[.]51[.]100[.]141$|^198[.]51[.]100[.]142$|^198[.]51[.]100[.]143$|^198[.]51[.]100[.]144$|^198[.]51[.]100[.]145$|^198[.]51[.]100[.]146$|^198[.]51[.]100[.]147$|^198[.]51[.]100[.]148$|^198[.]51[.]100[.]149$|^198[.]51[.]100[.]150$|^198[.]51[.]100[.]151$|^198[.]51[.]100[.]152$|^198[.]51[.]100[.]153$|^198[.]51[.]100[.]154$|^198[.]51[.]100[.]155$|^198[.]51[.]100[.]156$|^198[.]51[.]100[.]157$|^198[.]51[.]100[.]158$|^198[.]51[.]100[.]159$'
          )
          THEN '198.51.100.128/27'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]0[.]')
          THEN '10.16.0.0/24'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]1[.]')
          THEN '10.16.1.0/24'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]10[.]')
          THEN '10.16.10.0/24'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]11[.]')
          THEN '10.16.11.0/24'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]20[.]')
          THEN '10.16.20.0/24'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]21[.]')
          THEN '10.16.21.0/24'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]16[.]10[.]|^10[.]16[.]11[.]')
          THEN '10.16.10.0/23'
          WHEN REGEXP_LIKE("t3"."client", '^169[.]254[.]')
          THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
          WHEN REGEXP_LIKE("t3"."client", '^192[.]168[.]')
          THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
          WHEN REGEXP_LIKE(
            "t3"."client",
            '^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]'
          )
          THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
          WHEN REGEXP_LIKE(
            "t3"."client",
            '^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]'
          )
          THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
          WHEN REGEXP_LIKE("t3"."client", '^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:')
          THEN 'fe80::/10'
          WHEN REGEXP_LIKE("t3"."client", '^10[.]')
          THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
          WHEN REGEXP_LIKE("t3"."client", '^127[.]')
          THEN CONCAT(REGEXP_EXTRACT("t3"."client", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
          WHEN REGEXP_LIKE("t3"."client", '^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:')
          THEN 'fc00::/7'
          ELSE IF(STRPOS("t3"."client", '.') > 0, '0.0.0.0/0', 'internet')
        END IN ('internet', '0.0.0.0/0', '203.0.113.96/28', '198.51.100.128/27')
        AND NOT (
          "t3"."own"
        ) AS "public"
      FROM (
        SELECT
          "t0"."client",
          BOOL_OR("t0"."own") AS "own",
          SUM(CAST(NOT (
            "t0"."state" = 'answered'
          ) AS INTEGER)) - SUM(CAST("t0"."state" = 'answered' AS INTEGER)) AS "missed"
        FROM "temp"."main"."kept_4" AS "t0"
        GROUP BY
          1
      ) AS "t3"
    ) AS "t6"
  ) AS "t8"
    ON "t1"."client" = "t8"."client"
  LEFT OUTER JOIN (
    SELECT
      "t2"."server" AS "far",
      CASE
        WHEN NOT (
          REGEXP_LIKE(
            "t2"."server",
            '^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$|^2001:db8:10:a0:|^2001:db8:10:a1:|^10[.]16[.]0[.]152$|^10[.]16[.]0[.]56$|^10[.]16[.]1[.]21$|^10[.]16[.]11[.]231$|^10[.]16[.]11[.]43$|^10[.]16[.]20[.]6$|^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$|^198[.]51[.]100[.]128$|^198[.]51[.]100[.]129$|^198[.]51[.]100[.]130$|^198[.]51[.]100[.]131$|^198[.]51[.]100[.]132$|^198[.]51[.]100[.]133$|^198[.]51[.]100[.]134$|^198[.]51[.]100[.]135$|^198[.]51[.]100[.]136$|^198[.]51[.]100[.]137$|^198[.]51[.]100[.]138$|^198[.]51[.]100[.]139$|^198[.]51[.]100[.]140$|^198[.]51[.]100[.]141$|^198[.]51[.]100[.]142$|^198[.]51[.]100[.]143$|^198[.]51[.]100[.]144$|^198[.]51[.]100[.]145$|^198[.]51[.]100[.]146$|^198[.]51[.]100[.]147$|^198[.]51[.]100[.]148$|^198[.]51[.]100[.]149$|^198[.]51[.]100[.]150$|^198[.]51[.]100[.]151$|^198[.]51[.]100[.]152$|^198[.]51[.]100[.]153$|^198[.]51[.]100[.]154$|^198[.]51[.]100[.]155$|^198[.]51[.]100[.]156$|^198[.]51[.]100[.]157$|^198[.]51[.]100[.]158$|^198[.]51[.]100[.]159$|^10[.]16[.]0[.]|^10[.]16[.]1[.]|^10[.]16[.]10[.]|^10[.]16[.]11[.]|^10[.]16[.]20[.]|^10[.]16[.]21[.]|^10[.]16[.]10[.]|^10[.]16[.]11[.]|^169[.]254[.]|^192[.]168[.]|^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]|^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]|^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:|^10[.]|^127[.]|^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:'
          )
        )
        THEN IF(STRPOS("t2"."server", '.') > 0, '0.0.0.0/0', 'internet')
        WHEN REGEXP_LIKE("t2"."server", '^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$')
        THEN '::1/128'
        WHEN REGEXP_LIKE("t2"."server", '^2001:db8:10:a0:')
        THEN '2001:db8:10:a0::/64'
        WHEN REGEXP_LIKE("t2"."server", '^2001:db8:10:a1:')
        THEN '2001:db8:10:a1::/64'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]0[.]152$')
        THEN '10.16.0.152/32'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]0[.]56$')
        THEN '10.16.0.56/32'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]1[.]21$')
        THEN '10.16.1.21/32'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]11[.]231$')
        THEN '10.16.11.231/32'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]11[.]43$')
        THEN '10.16.11.43/32'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]20[.]6$')
        THEN '10.16.20.6/32'
        WHEN REGEXP_LIKE(
          "t2"."server",
          '^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$'
        )
        THEN '203.0.113.96/28'
        WHEN REGEXP_LIKE(
          "t2"."server",
          '^198[.]51[.]100[.]128$|^198[.]51[.]100[.]129$|^198[.]51[.]100[.]130$|^198[.]51[.]100[.]131$|^198[.]51[.]100[.]132$|^198[.]51[.]100[.]133$|^198[.]51[.]100[.]134$|^198[.]51[.]100[.]135$|^198[.]51[.]100[.]136$|^198[.]51[.]100[.]137$|^198[.]51[.]100[.]138$|^198[.]51[.]100[.]139$|^198[.]51[.]100[.]140$|^198[.]51[.]100[.]141$|^198[.]51[.]100[.]142$|^198[.]51[.]100[.]143$|^198[.]51[.]100[.]144$|^198[.]51[.]100[.]145$|^198[.]51[.]100[.]146$|^198[.]51[.]100[.]147$|^198[.]51[.]100[.]148$|^198[.]51[.]100[.]149$|^198[.]51[.]100[.]150$|^198[.]51[.]100[.]151$|^198[.]51[.]100[.]152$|^198[.]51[.]100[.]153$|^198[.]51[.]100[.]154$|^198[.]51[.]100[.]155$|^198[.]51[.]100[.]156$|^198[.]51[.]100[.]157$|^198[.]51[.]100[.]158$|^198[.]51[.]100[.]159$'
        )
        THEN '198.51.100.128/27'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]0[.]')
        THEN '10.16.0.0/24'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]1[.]')
        THEN '10.16.1.0/24'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]10[.]')
        THEN '10.16.10.0/24'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]11[.]')
        THEN '10.16.11.0/24'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]20[.]')
        THEN '10.16.20.0/24'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]21[.]')
        THEN '10.16.21.0/24'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]16[.]10[.]|^10[.]16[.]11[.]')
        THEN '10.16.10.0/23'
        WHEN REGEXP_LIKE("t2"."server", '^169[.]254[.]')
        THEN CONCAT(REGEXP_EXTRACT("t2"."server", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE("t2"."server", '^192[.]168[.]')
        THEN CONCAT(REGEXP_EXTRACT("t2"."server", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE(
          "t2"."server",
          '^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]'
        )
        THEN CONCAT(REGEXP_EXTRACT("t2"."server", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE(
          "t2"."server",
          '^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]'
        )
        THEN CONCAT(REGEXP_EXTRACT("t2"."server", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE("t2"."server", '^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:')
        THEN 'fe80::/10'
        WHEN REGEXP_LIKE("t2"."server", '^10[.]')
        THEN CONCAT(REGEXP_EXTRACT("t2"."server", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE("t2"."server", '^127[.]')
        THEN CONCAT(REGEXP_EXTRACT("t2"."server", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE("t2"."server", '^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:')
        THEN 'fc00::/7'
        ELSE IF(STRPOS("t2"."server", '.') > 0, '0.0.0.0/0', 'internet')
      END AS "place"
    FROM (
      SELECT DISTINCT
        "t0"."server"
      FROM "temp"."main"."kept_4" AS "t0"
      WHERE
        "t0"."interface_id" IS NULL
    ) AS "t2"
  ) AS "t5"
    ON "t5"."far" = "t1"."server"
)
SELECT
  "t17"."network",
  "t17"."public",
  "t17"."destination",
  "t17"."interface_id",
  "t17"."protocol",
  "t17"."port",
  "t17"."state",
  COUNT(DISTINCT "t17"."tried") FILTER(WHERE
    "t17"."many") AS "ports",
  MAX("t17"."level") AS "level",
  COUNT(*) FILTER(WHERE
    NOT (
      "t17"."many"
    )) + COUNT(DISTINCT "t17"."client") FILTER(WHERE
    "t17"."many") AS "clients",
  COUNT(*) FILTER(WHERE
    "t17"."scanner" AND NOT (
      "t17"."many"
    )) + COUNT(DISTINCT "t17"."client") FILTER(WHERE
    "t17"."scanner" AND "t17"."many") AS "scanners",
  SUM("t17"."sessions") AS "sessions",
  SUM("t17"."failed") AS "failed",
  SUM("t17"."bytes") AS "bytes",
  MIN("t17"."first") AS "first",
  MAX("t17"."last") AS "last",
  MAX("t17"."answered_until") AS "answered_until"
FROM (
  SELECT
    "t16"."client",
    "t16"."own",
    "t16"."server",
    "t16"."protocol",
    IF(
      (
        "t16"."served" IS NOT NULL
      )
      OR NOT (
        "t16"."public"
      )
      OR "t16"."port" BETWEEN 22 AND 22
      OR "t16"."port" BETWEEN 443 AND 443
      OR "t16"."port" BETWEEN 5432 AND 5432
      OR "t16"."port" BETWEEN 6379 AND 6379
      OR "t16"."port" BETWEEN 9100 AND 9100
      OR "t16"."port" BETWEEN 9102 AND 9102,
      "t16"."port",
      NULL
    ) AS "port",
    "t16"."interface_id",
    "t16"."state",
    "t16"."level",
    "t16"."sessions",
    "t16"."failed",
    "t16"."bytes",
    "t16"."first",
    "t16"."last",
    "t16"."answered_until",
    "t16"."network",
    "t16"."public",
    "t16"."scanner",
    "t16"."far",
    "t16"."place",
    "t16"."destination",
    "t16"."at",
    "t16"."over",
    "t16"."on",
    "t16"."served",
    "t16"."port" AS "tried",
    NOT (
      COALESCE(
        (
          "t16"."served" IS NOT NULL
        )
        OR NOT (
          "t16"."public"
        )
        OR "t16"."port" BETWEEN 22 AND 22
        OR "t16"."port" BETWEEN 443 AND 443
        OR "t16"."port" BETWEEN 5432 AND 5432
        OR "t16"."port" BETWEEN 6379 AND 6379
        OR "t16"."port" BETWEEN 9100 AND 9100
        OR "t16"."port" BETWEEN 9102 AND 9102,
        FALSE
      )
    )
    OR (
      "t16"."destination" <> "t16"."server"
    ) AS "many"
  FROM (
    SELECT
      "t13"."client",
      "t13"."own",
      "t13"."server",
      "t13"."protocol",
      "t13"."port",
      "t13"."interface_id",
      "t13"."state",
      "t13"."level",
      "t13"."sessions",
      "t13"."failed",
      "t13"."bytes",
      "t13"."first",
      "t13"."last",
      "t13"."answered_until",
      "t13"."network",
      "t13"."public",
      "t13"."scanner",
      "t13"."far",
      "t13"."place",
      "t13"."destination",
      "t15"."at",
      "t15"."over",
      "t15"."on",
      "t15"."served"
    FROM (
      SELECT
        "t10"."client",
        "t10"."own",
        "t10"."server",
        "t10"."protocol",
        "t10"."port",
        "t10"."interface_id",
        "t10"."state",
        "t10"."level",
        "t10"."sessions",
        "t10"."failed",
        "t10"."bytes",
        "t10"."first",
        "t10"."last",
        "t10"."answered_until",
        "t10"."network",
        "t10"."public",
        "t10"."scanner",
        "t10"."far",
        "t10"."place",
        IF(
          COALESCE(
            "t10"."place" IN ('internet', 'internet', '0.0.0.0/0', '203.0.113.96/28', '198.51.100.128/27'),
            FALSE
          ),
          "t10"."place",
          "t10"."server"
        ) AS "destination"
      FROM "t9" AS "t10"
    ) AS "t13"
    LEFT OUTER JOIN (
      SELECT
        "t11"."server" AS "at",
        "t11"."protocol" AS "over",
        "t11"."port" AS "on",
        TRUE AS "served"
      FROM (
        SELECT DISTINCT
          "t10"."server",
          "t10"."protocol",
          "t10"."port"
        FROM "t9" AS "t10"
        WHERE
          (
            "t10"."state" = 'answered'
          )
          OR (
            (
              "t10"."state" <> 'refused'
            ) AND NOT (
              "t10"."scanner"
            )
          )
      ) AS "t11"
    ) AS "t15"
      ON "t15"."at" = "t13"."server"
      AND "t15"."over" = "t13"."protocol"
      AND "t15"."on" = "t13"."port"
  ) AS "t16"
) AS "t17"
GROUP BY
  1,
  2,
  3,
  4,
  5,
  6,
  7;

-- reachability
SELECT
  SUM(CAST("t0"."action" IN ('ACCEPT') AS INTEGER)) AS "ACCEPT",
  SUM(CAST("t0"."action" IN ('REJECT') AS INTEGER)) AS "REJECT",
  SUM(CAST("t0"."srcaddr" IS NOT NULL AS INTEGER)) AS "traffic"
FROM "flows" AS "t0";

-- owners
SELECT
  "t1"."interface_id",
  MAX("t1"."instance_id") AS "instance_id"
FROM (
  SELECT
    *
  FROM "flows" AS "t0"
  WHERE
    "t0"."interface_id" IS NOT NULL
) AS "t1"
GROUP BY
  1;

-- explained, kept as kept_5
SELECT
  "t3"."interface_id",
  "t3"."protocol",
  "t3"."a_addr",
  "t3"."a_port",
  "t3"."b_addr",
  "t3"."b_port",
  "t3"."from_a",
  "t3"."refused",
  "t3"."flags",
  "t3"."egress",
  "t3"."packets",
  "t3"."bytes",
  "t3"."start",
  "t3"."end",
  "t3"."reject_reason",
  "t3"."subnet_id"
FROM (
  SELECT
    COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
    COALESCE("t0"."protocol", -1) AS "protocol",
    IF(
      (
        "t0"."srcaddr" < "t0"."dstaddr"
      )
      OR (
        (
          "t0"."srcaddr" = "t0"."dstaddr"
        )
        AND (
          COALESCE("t0"."srcport", -1) <= COALESCE("t0"."dstport", -1)
        )
      ),
      "t0"."srcaddr",
      "t0"."dstaddr"
    ) AS "a_addr",
    IF(
      (
        "t0"."srcaddr" < "t0"."dstaddr"
      )
      OR (
        (
          "t0"."srcaddr" = "t0"."dstaddr"
        )
        AND (
          COALESCE("t0"."srcport", -1) <= COALESCE("t0"."dstport", -1)
        )
      ),
      COALESCE("t0"."srcport", -1),
      COALESCE("t0"."dstport", -1)
    ) AS "a_port",
    IF(
      (
        "t0"."srcaddr" < "t0"."dstaddr"
      )
      OR (
        (
          "t0"."srcaddr" = "t0"."dstaddr"
        )
        AND (
          COALESCE("t0"."srcport", -1) <= COALESCE("t0"."dstport", -1)
        )
      ),
      "t0"."dstaddr",
      "t0"."srcaddr"
    ) AS "b_addr",
    IF(
      (
        "t0"."srcaddr" < "t0"."dstaddr"
      )
      OR (
        (
          "t0"."srcaddr" = "t0"."dstaddr"
        )
        AND (
          COALESCE("t0"."srcport", -1) <= COALESCE("t0"."dstport", -1)
        )
      ),
      COALESCE("t0"."dstport", -1),
      COALESCE("t0"."srcport", -1)
    ) AS "b_port",
    (
      "t0"."srcaddr" < "t0"."dstaddr"
    )
    OR (
      (
        "t0"."srcaddr" = "t0"."dstaddr"
      )
      AND (
        COALESCE("t0"."srcport", -1) <= COALESCE("t0"."dstport", -1)
      )
    ) AS "from_a",
    "t0"."action" = 'REJECT' AS "refused",
    "t0"."tcp_flags" AS "flags",
    "t0"."flow_direction" = 'egress' AS "egress",
    "t0"."packets",
    "t0"."bytes",
    "t0"."start",
    "t0"."end",
    "t0"."reject_reason",
    "t0"."subnet_id"
  FROM "flows" AS "t0"
  WHERE
    (
      "t0"."srcport" BETWEEN 6379 AND 6379
      OR "t0"."dstport" BETWEEN 6379 AND 6379
      OR "t0"."srcport" BETWEEN 443 AND 443
      OR "t0"."dstport" BETWEEN 443 AND 443
    )
    AND (
      (
        "t0"."log_status" IS NULL
      ) OR (
        "t0"."log_status" = 'OK'
      )
    )
    AND "t0"."srcaddr" IS NOT NULL
    AND "t0"."dstaddr" IS NOT NULL
    AND "t0"."action" IS NOT NULL
) AS "t3"
WHERE
  EXISTS(
    SELECT
      1
    FROM (
      SELECT DISTINCT
        COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
        COALESCE("t0"."protocol", -1) AS "protocol",
        IF(
          (
            "t0"."srcaddr" < "t0"."dstaddr"
          )
          OR (
            (
              "t0"."srcaddr" = "t0"."dstaddr"
            )
            AND (
              COALESCE("t0"."srcport", -1) <= COALESCE("t0"."dstport", -1)
            )
          ),
          "t0"."srcaddr",
          "t0"."dstaddr"
        ) AS "a_addr",
        IF(
          (
            "t0"."srcaddr" < "t0"."dstaddr"
          )
          OR (
            (
              "t0"."srcaddr" = "t0"."dstaddr"
            )
            AND (
              COALESCE("t0"."srcport", -1) <= COALESCE("t0"."dstport", -1)
            )
          ),
          COALESCE("t0"."srcport", -1),
          COALESCE("t0"."dstport", -1)
        ) AS "a_port",
        IF(
          (
            "t0"."srcaddr" < "t0"."dstaddr"
          )
          OR (
            (
              "t0"."srcaddr" = "t0"."dstaddr"
            )
            AND (
              COALESCE("t0"."srcport", -1) <= COALESCE("t0"."dstport", -1)
            )
          ),
          "t0"."dstaddr",
          "t0"."srcaddr"
        ) AS "b_addr",
        IF(
          (
            "t0"."srcaddr" < "t0"."dstaddr"
          )
          OR (
            (
              "t0"."srcaddr" = "t0"."dstaddr"
            )
            AND (
              COALESCE("t0"."srcport", -1) <= COALESCE("t0"."dstport", -1)
            )
          ),
          COALESCE("t0"."dstport", -1),
          COALESCE("t0"."srcport", -1)
        ) AS "b_port"
      FROM "flows" AS "t0"
      WHERE
        (
          "t0"."srcport" BETWEEN 6379 AND 6379
          OR "t0"."dstport" BETWEEN 6379 AND 6379
          OR "t0"."srcport" BETWEEN 443 AND 443
          OR "t0"."dstport" BETWEEN 443 AND 443
        )
        AND (
          (
            "t0"."log_status" IS NULL
          ) OR (
            "t0"."log_status" = 'OK'
          )
        )
        AND "t0"."srcaddr" IS NOT NULL
        AND "t0"."dstaddr" IS NOT NULL
        AND "t0"."action" IS NOT NULL
        AND "t0"."action" = 'REJECT'
    ) AS "t4"
    WHERE
      "t3"."interface_id" = "t4"."interface_id"
      AND "t3"."protocol" = "t4"."protocol"
      AND "t3"."a_addr" = "t4"."a_addr"
      AND "t3"."a_port" = "t4"."a_port"
      AND "t3"."b_addr" = "t4"."b_addr"
      AND "t3"."b_port" = "t4"."b_port"
  );

-- explained, kept as kept_6
SELECT
  "t2"."interface_id",
  "t2"."protocol",
  "t2"."a_addr",
  "t2"."a_port",
  "t2"."b_addr",
  "t2"."b_port",
  "t2"."session",
  "t2"."a_acc",
  "t2"."a_rej",
  "t2"."a_packets",
  "t2"."a_bytes",
  "t2"."a_fin",
  "t2"."a_new",
  "t2"."a_starts",
  "t2"."a_opens",
  "t2"."a_first",
  "t2"."b_acc",
  "t2"."b_rej",
  "t2"."b_packets",
  "t2"."b_bytes",
  "t2"."b_fin",
  "t2"."b_new",
  "t2"."b_starts",
  "t2"."b_opens",
  "t2"."b_first",
  "t2"."first",
  "t2"."last",
  "t2"."acc_last",
  "t2"."rej_first",
  "t2"."rej_last",
  "t2"."flagged",
  "t2"."reset",
  "t2"."a_leaves",
  "t2"."reject_reason",
  "t2"."subnet_id",
  CASE
    WHEN (
      "t2"."a_starts" > 0
    ) AND (
      "t2"."b_starts" = 0
    )
    THEN TRUE
    WHEN (
      "t2"."b_starts" > 0
    ) AND (
      "t2"."a_starts" = 0
    )
    THEN FALSE
    WHEN (
      "t2"."b_opens" > 0
    ) AND (
      "t2"."a_opens" = 0
    )
    THEN TRUE
    WHEN (
      "t2"."a_opens" > 0
    ) AND (
      "t2"."b_opens" = 0
    )
    THEN FALSE
    WHEN (
      "t2"."a_acc" > 0
    ) AND (
      "t2"."a_rej" = 0
    ) AND (
      "t2"."b_acc" = 0
    )
    THEN TRUE
    WHEN (
      "t2"."b_acc" > 0
    ) AND (
      "t2"."b_rej" = 0
    ) AND (
      "t2"."a_acc" = 0
    )
    THEN FALSE
    WHEN "t2"."a_port" = "t2"."b_port"
    THEN IF(
      (
        (
          "t2"."b_acc" + "t2"."b_rej"
        ) = 0
      )
      OR (
        (
          "t2"."a_acc" + "t2"."a_rej"
        ) = 0
      ),
      (
        "t2"."b_acc" + "t2"."b_rej"
      ) = 0,
      "t2"."a_first" <= "t2"."b_first"
    )
    WHEN (
      "t2"."a_port" BETWEEN 0 AND 1023
      OR "t2"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017)
    ) <> (
      "t2"."b_port" BETWEEN 0 AND 1023
      OR "t2"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017)
    )
    THEN "t2"."b_port" BETWEEN 0 AND 1023
    OR "t2"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017)
    WHEN (
      (
        "t2"."b_acc" + "t2"."b_rej"
      ) = 0
    )
    OR (
      (
        "t2"."a_acc" + "t2"."a_rej"
      ) = 0
    )
    THEN (
      "t2"."b_acc" + "t2"."b_rej"
    ) = 0
    WHEN (
      (
        "t2"."a_port" < 32768
      ) AND (
        "t2"."a_port" >= 0
      )
    ) <> (
      (
        "t2"."b_port" < 32768
      ) AND (
        "t2"."b_port" >= 0
      )
    )
    THEN (
      "t2"."b_port" < 32768
    ) AND (
      "t2"."b_port" >= 0
    )
    ELSE "t2"."a_first" <= "t2"."b_first"
  END AS "a_began"
FROM (
  SELECT
    "t1"."interface_id",
    "t1"."protocol",
    "t1"."a_addr",
    "t1"."a_port",
    "t1"."b_addr",
    "t1"."b_port",
    "t1"."session",
    SUM(CAST("t1"."from_a" AND NOT (
      "t1"."refused"
    ) AS INTEGER)) AS "a_acc",
    SUM(CAST("t1"."from_a" AND "t1"."refused" AS INTEGER)) AS "a_rej",
    COALESCE(SUM("t1"."packets") FILTER(WHERE
      "t1"."from_a" AND "t1"."refused"), 0) AS "a_packets",
    COALESCE(SUM("t1"."bytes") FILTER(WHERE
      "t1"."from_a" AND "t1"."refused"), 0) AS "a_bytes",
    BOOL_OR(
      "t1"."from_a"
      AND NOT (
        "t1"."refused"
      )
      AND (
        (
          BITWISE_AND("t1"."flags", 1)
        ) > 0
      )
    ) AS "a_fin",
    BOOL_OR(
      "t1"."from_a"
      AND "t1"."refused"
      AND (
        (
          BITWISE_AND("t1"."flags", 18)
        ) = 2
      )
    ) AS "a_new",
    COALESCE(
      SUM(
        CAST("t1"."from_a" AND (
          (
            BITWISE_AND("t1"."flags", 18)
          ) = 2
        ) AS INTEGER)
      ),
      0
    ) AS "a_starts",
    COALESCE(
      SUM(
        CAST("t1"."from_a" AND (
          (
            BITWISE_AND("t1"."flags", 18)
          ) = 18
        ) AS INTEGER)
      ),
      0
    ) AS "a_opens",
    MIN("t1"."start") FILTER(WHERE
      "t1"."from_a") AS "a_first",
    SUM(CAST(NOT (
      "t1"."from_a"
    ) AND NOT (
      "t1"."refused"
    ) AS INTEGER)) AS "b_acc",
    SUM(CAST(NOT (
      "t1"."from_a"
    ) AND "t1"."refused" AS INTEGER)) AS "b_rej",
    COALESCE(
      SUM("t1"."packets") FILTER(WHERE
        NOT (
          "t1"."from_a"
        ) AND "t1"."refused"),
      0
    ) AS "b_packets",
    COALESCE(
      SUM("t1"."bytes") FILTER(WHERE
        NOT (
          "t1"."from_a"
        ) AND "t1"."refused"),
      0
    ) AS "b_bytes",
    BOOL_OR(
      NOT (
        "t1"."from_a"
      )
      AND NOT (
        "t1"."refused"
      )
      AND (
        (
          BITWISE_AND("t1"."flags", 1)
        ) > 0
      )
    ) AS "b_fin",
    BOOL_OR(
      NOT (
        "t1"."from_a"
      )
      AND "t1"."refused"
      AND (
        (
          BITWISE_AND("t1"."flags", 18)
        ) = 2
      )
    ) AS "b_new",
    COALESCE(
      SUM(
        CAST(NOT (
          "t1"."from_a"
        ) AND (
          (
            BITWISE_AND("t1"."flags", 18)
          ) = 2
        ) AS INTEGER)
      ),
      0
    ) AS "b_starts",
    COALESCE(
      SUM(
        CAST(NOT (
          "t1"."from_a"
        ) AND (
          (
            BITWISE_AND("t1"."flags", 18)
          ) = 18
        ) AS INTEGER)
      ),
      0
    ) AS "b_opens",
    MIN("t1"."start") FILTER(WHERE
      NOT (
        "t1"."from_a"
      )) AS "b_first",
    MIN("t1"."start") AS "first",
    MAX("t1"."end") AS "last",
    MAX("t1"."end") FILTER(WHERE
      NOT (
        "t1"."refused"
      )) AS "acc_last",
    MIN("t1"."start") FILTER(WHERE
      "t1"."refused") AS "rej_first",
    MAX("t1"."end") FILTER(WHERE
      "t1"."refused") AS "rej_last",
    BOOL_OR("t1"."flags" IS NOT NULL) AS "flagged",
    BOOL_OR(NOT (
      "t1"."refused"
    ) AND (
      (
        BITWISE_AND("t1"."flags", 4)
      ) > 0
    )) AS "reset",
    BOOL_OR("t1"."egress" = "t1"."from_a") AS "a_leaves",
    MAX("t1"."reject_reason") AS "reject_reason",
    MAX("t1"."subnet_id") AS "subnet_id"
  FROM (
    SELECT
      "t0"."interface_id",
      "t0"."protocol",
      "t0"."a_addr",
      "t0"."a_port",
      "t0"."b_addr",
      "t0"."b_port",
      "t0"."from_a",
      "t0"."refused",
      "t0"."flags",
      "t0"."egress",
      "t0"."packets",
      "t0"."bytes",
      "t0"."start",
      "t0"."end",
      "t0"."reject_reason",
      "t0"."subnet_id",
      0 AS "session"
    FROM "temp"."main"."kept_7" AS "t0"
  ) AS "t1"
  GROUP BY
    1,
    2,
    3,
    4,
    5,
    6,
    7
) AS "t2";

-- explained, kept as kept_8
SELECT
  "t14"."interface_id",
  "t14"."client",
  "t14"."server",
  "t14"."protocol",
  "t14"."server_port",
  "t14"."fate",
  "t14"."reject_reason",
  COUNT(*) AS "sessions",
  SUM("t14"."c_rej" + "t14"."s_rej") AS "records",
  SUM("t14"."c_packets" + "t14"."s_packets") AS "packets",
  SUM("t14"."c_bytes" + "t14"."s_bytes") AS "bytes",
  MIN("t14"."rej_first") AS "first",
  MAX("t14"."rej_last") AS "last",
  LEAST(
    SUM("t14"."c_rej" + "t14"."s_rej"),
    CAST(FLOOR(CAST((
      MAX("t14"."rej_last") - MIN("t14"."rej_first")
    ) AS DOUBLE) / (
      600
    )) AS BIGINT) + 1
  ) AS "spells",
  SUM(
    CAST("t14"."c_packets" + "t14"."s_packets" BETWEEN 3 AND 7
    AND (
      (
        "t14"."c_bytes" + "t14"."s_bytes"
      ) <= (
        (
          "t14"."c_packets" + "t14"."s_packets"
        ) * 80
      )
    )
    AND (
      (
        "t14"."c_bytes" + "t14"."s_bytes"
      ) >= (
        (
          "t14"."c_packets" + "t14"."s_packets"
        ) * 40
      )
    ) AS INTEGER)
  ) AS "retries",
  SUM(
    CAST((
      (
        "t14"."c_packets" + "t14"."s_packets"
      ) = 1
    )
    AND (
      (
        "t14"."c_bytes" + "t14"."s_bytes"
      ) <= 44
    ) AS INTEGER)
  ) AS "tiny",
  SUM(CAST("t14"."small" AS INTEGER)) AS "small",
  SUM(CAST("t14"."after" AS INTEGER)) AS "overlaps",
  SUM(CAST("t14"."closed" AS INTEGER)) AS "closed",
  MAX("t14"."rej_first" - "t14"."acc_last") AS "idle",
  SUM("t14"."c_acc") AS "accepted",
  MIN("t14"."c_port") AS "low",
  MAX("t14"."c_port") AS "high",
  BOOL_OR("t14"."flagged") AS "flagged",
  BOOL_AND("t14"."c_rej" = 0) AS "from_server",
  BOOL_OR(IF("t14"."c_rej" = 0, NOT (
    "t14"."c_leaves"
  ), "t14"."c_leaves")) AS "egress",
  MAX("t14"."subnet_id") AS "subnet_id"
FROM (
  SELECT
    "t13"."interface_id",
    "t13"."protocol",
    "t13"."acc_last",
    "t13"."rej_first",
    "t13"."rej_last",
    "t13"."flagged",
    "t13"."reset",
    COALESCE("t13"."reject_reason", '') AS "reject_reason",
    "t13"."subnet_id",
    "t13"."c_addr",
    "t13"."s_addr",
    "t13"."c_port",
    "t13"."s_port",
    "t13"."c_acc",
    "t13"."s_acc",
    "t13"."c_rej",
    "t13"."s_rej",
    "t13"."c_packets",
    "t13"."s_packets",
    "t13"."c_bytes",
    "t13"."s_bytes",
    "t13"."c_fin",
    "t13"."s_fin",
    "t13"."c_new",
    "t13"."s_new",
    "t13"."c_leaves",
    CASE
      WHEN "t13"."reject_reason" IS NOT NULL
      THEN 'control'
      WHEN COALESCE("t13"."c_new", FALSE)
      THEN 'request'
      WHEN (
        "t13"."s_acc" > 0
      )
      AND (
        (
          "t13"."c_acc" > 0
        ) OR (
          "t13"."c_rej" > 0
        )
      )
      THEN IF(
        (
          "t13"."protocol" = 6
        )
        AND (
          (
            "t13"."c_packets" + "t13"."s_packets"
          ) <= 6
        )
        AND (
          (
            "t13"."c_bytes" + "t13"."s_bytes"
          ) <= (
            (
              "t13"."c_packets" + "t13"."s_packets"
            ) * 80
          )
        )
        AND NOT (
          "t13"."acc_last" > (
            "t13"."rej_first" + IF(COALESCE("t13"."reset" OR (
              "t13"."c_fin" AND "t13"."s_fin"
            ), FALSE), 60, 1)
          )
        ),
        'late',
        'changed'
      )
      WHEN (
        (
          "t13"."c_acc" + "t13"."s_acc"
        ) = 0
      ) AND (
        "t13"."c_rej" = 0
      )
      THEN 'stray'
      WHEN (
        (
          "t13"."c_acc" + "t13"."s_acc"
        ) = 0
      )
      AND (
        "t13"."flagged" AND (
          "t13"."protocol" = 6
        )
      )
      THEN 'stray'
      WHEN (
        "t13"."c_acc" + "t13"."s_acc"
      ) = 0
      THEN 'request'
      WHEN "t13"."s_rej" > 0
      THEN 'reply'
      ELSE 'request'
    END AS "fate",
    (
      "t13"."protocol" = 6
    )
    AND (
      (
        "t13"."c_packets" + "t13"."s_packets"
      ) <= 6
    )
    AND (
      (
        "t13"."c_bytes" + "t13"."s_bytes"
      ) <= (
        (
          "t13"."c_packets" + "t13"."s_packets"
        ) * 80
      )
    ) AS "small",
    COALESCE(
      "t13"."acc_last" > (
        "t13"."rej_first" + IF(COALESCE("t13"."reset" OR (
          "t13"."c_fin" AND "t13"."s_fin"
        ), FALSE), 60, 1)
      ),
      FALSE
    ) AS "after",
    COALESCE("t13"."reset" OR (
      "t13"."c_fin" AND "t13"."s_fin"
    ), FALSE) AS "closed",
    "t13"."c_addr" AS "client",
    "t13"."s_addr" AS "server",
    NULLIF("t13"."s_port", -1) AS "server_port"
  FROM (
    SELECT
      "t12"."interface_id",
      "t12"."protocol",
      "t12"."acc_last",
      "t12"."rej_first",
      "t12"."rej_last",
      "t12"."flagged",
      "t12"."reset",
      "t12"."reject_reason",
      "t12"."subnet_id",
      IF("t12"."a_began", "t12"."a_addr", "t12"."b_addr") AS "c_addr",
      IF("t12"."a_began", "t12"."b_addr", "t12"."a_addr") AS "s_addr",
      IF("t12"."a_began", "t12"."a_port", "t12"."b_port") AS "c_port",
      IF("t12"."a_began", "t12"."b_port", "t12"."a_port") AS "s_port",
      IF("t12"."a_began", "t12"."a_acc", "t12"."b_acc") AS "c_acc",
      IF("t12"."a_began", "t12"."b_acc", "t12"."a_acc") AS "s_acc",
      IF("t12"."a_began", "t12"."a_rej", "t12"."b_rej") AS "c_rej",
      IF("t12"."a_began", "t12"."b_rej", "t12"."a_rej") AS "s_rej",
      IF("t12"."a_began", "t12"."a_packets", "t12"."b_packets") AS "c_packets",
      IF("t12"."a_began", "t12"."b_packets", "t12"."a_packets") AS "s_packets",
      IF("t12"."a_began", "t12"."a_bytes", "t12"."b_bytes") AS "c_bytes",
      IF("t12"."a_began", "t12"."b_bytes", "t12"."a_bytes") AS "s_bytes",
      IF("t12"."a_began", "t12"."a_fin", "t12"."b_fin") AS "c_fin",
      IF("t12"."a_began", "t12"."b_fin", "t12"."a_fin") AS "s_fin",
      IF("t12"."a_began", "t12"."a_new", "t12"."b_new") AS "c_new",
      IF("t12"."a_began", "t12"."b_new", "t12"."a_new") AS "s_new",
      "t12"."a_leaves" = "t12"."a_began" AS "c_leaves"
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "t2"."interface_id",
          "t2"."protocol",
          "t2"."a_addr",
          "t2"."a_port",
          "t2"."b_addr",
          "t2"."b_port",
          "t2"."session",
          "t2"."a_acc",
          "t2"."a_rej",
          "t2"."a_packets",
          "t2"."a_bytes",
          "t2"."a_fin",
          "t2"."a_new",
          "t2"."a_starts",
          "t2"."a_opens",
          "t2"."a_first",
          "t2"."b_acc",
          "t2"."b_rej",
          "t2"."b_packets",
          "t2"."b_bytes",
          "t2"."b_fin",
          "t2"."b_new",
          "t2"."b_starts",
          "t2"."b_opens",
          "t2"."b_first",
          "t2"."first",
          "t2"."last",
          "t2"."acc_last",
          "t2"."rej_first",
          "t2"."rej_last",
          "t2"."flagged",
          "t2"."reset",
          "t2"."a_leaves",
          "t2"."reject_reason",
          "t2"."subnet_id",
          "t2"."a_began"
        FROM "temp"."main"."kept_9" AS "t2"
        WHERE
          NOT EXISTS(
            SELECT
              1
            FROM (
              SELECT
                *
              FROM "temp"."main"."kept_9" AS "t0"
              WHERE
                (
                  "t0"."last" - "t0"."first"
                ) > 350
            ) AS "t5"
            WHERE
              "t2"."interface_id" = "t5"."interface_id"
              AND "t2"."protocol" = "t5"."protocol"
              AND "t2"."a_addr" = "t5"."a_addr"
              AND "t2"."a_port" = "t5"."a_port"
              AND "t2"."b_addr" = "t5"."b_addr"
              AND "t2"."b_port" = "t5"."b_port"
          )
      ) AS "t6"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          "t10"."interface_id",
          "t10"."protocol",
          "t10"."a_addr",
          "t10"."a_port",
          "t10"."b_addr",
          "t10"."b_port",
          "t10"."session",
          "t10"."a_acc",
          "t10"."a_rej",
          "t10"."a_packets",
          "t10"."a_bytes",
          "t10"."a_fin",
          "t10"."a_new",
          "t10"."a_starts",
          "t10"."a_opens",
          "t10"."a_first",
          "t10"."b_acc",
          "t10"."b_rej",
          "t10"."b_packets",
          "t10"."b_bytes",
          "t10"."b_fin",
          "t10"."b_new",
          "t10"."b_starts",
          "t10"."b_opens",
          "t10"."b_first",
          "t10"."first",
          "t10"."last",
          "t10"."acc_last",
          "t10"."rej_first",
          "t10"."rej_last",
          "t10"."flagged",
          "t10"."reset",
          "t10"."a_leaves",
          "t10"."reject_reason",
          "t10"."subnet_id",
          CASE
            WHEN (
              "t10"."a_starts" > 0
            ) AND (
              "t10"."b_starts" = 0
            )
            THEN TRUE
            WHEN (
              "t10"."b_starts" > 0
            ) AND (
              "t10"."a_starts" = 0
            )
            THEN FALSE
            WHEN (
              "t10"."b_opens" > 0
            ) AND (
              "t10"."a_opens" = 0
            )
            THEN TRUE
            WHEN (
              "t10"."a_opens" > 0
            ) AND (
              "t10"."b_opens" = 0
            )
            THEN FALSE
            WHEN (
              "t10"."a_acc" > 0
            ) AND (
              "t10"."a_rej" = 0
            ) AND (
              "t10"."b_acc" = 0
            )
            THEN TRUE
            WHEN (
              "t10"."b_acc" > 0
            ) AND (
              "t10"."b_rej" = 0
            ) AND (
              "t10"."a_acc" = 0
            )
            THEN FALSE
            WHEN "t10"."a_port" = "t10"."b_port"
            THEN IF(
              (
                (
                  "t10"."b_acc" + "t10"."b_rej"
                ) = 0
              )
              OR (
                (
                  "t10"."a_acc" + "t10"."a_rej"
                ) = 0
              ),
              (
                "t10"."b_acc" + "t10"."b_rej"
              ) = 0,
              "t10"."a_first" <= "t10"."b_first"
            )
            WHEN (
              "t10"."a_port" BETWEEN 0 AND 1023
              OR "t10"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017)
            ) <> (
              "t10"."b_port" BETWEEN 0 AND 1023
              OR "t10"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017)
            )
            THEN "t10"."b_port" BETWEEN 0 AND 1023
            OR "t10"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017)
            WHEN (
              (
                "t10"."b_acc" + "t10"."b_rej"
              ) = 0
            )
            OR (
              (
                "t10"."a_acc" + "t10"."a_rej"
              ) = 0
            )
            THEN (
              "t10"."b_acc" + "t10"."b_rej"
            ) = 0
            WHEN (
              (
                "t10"."a_port" < 32768
              ) AND (
                "t10"."a_port" >= 0
              )
            ) <> (
              (
                "t10"."b_port" < 32768
              ) AND (
                "t10"."b_port" >= 0
              )
            )
            THEN (
              "t10"."b_port" < 32768
            ) AND (
              "t10"."b_port" >= 0
            )
            ELSE "t10"."a_first" <= "t10"."b_first"
          END AS "a_began"
        FROM (
          SELECT
            "t9"."interface_id",
            "t9"."protocol",
            "t9"."a_addr",
            "t9"."a_port",
            "t9"."b_addr",
            "t9"."b_port",
            "t9"."session",
            SUM(CAST("t9"."from_a" AND NOT (
              "t9"."refused"
            ) AS INTEGER)) AS "a_acc",
            SUM(CAST("t9"."from_a" AND "t9"."refused" AS INTEGER)) AS "a_rej",
            COALESCE(SUM("t9"."packets") FILTER(WHERE
              "t9"."from_a" AND "t9"."refused"), 0) AS "a_packets",
            COALESCE(SUM("t9"."bytes") FILTER(WHERE
              "t9"."from_a" AND "t9"."refused"), 0) AS "a_bytes",
            BOOL_OR(
              "t9"."from_a"
              AND NOT (
                "t9"."refused"
              )
              AND (
                (
                  BITWISE_AND("t9"."flags", 1)
                ) > 0
              )
            ) AS "a_fin",
            BOOL_OR(
              "t9"."from_a"
              AND "t9"."refused"
              AND (
                (
                  BITWISE_AND("t9"."flags", 18)
                ) = 2
              )
            ) AS "a_new",
            COALESCE(
              SUM(
                CAST("t9"."from_a" AND (
                  (
                    BITWISE_AND("t9"."flags", 18)
                  ) = 2
                ) AS INTEGER)
              ),
              0
            ) AS "a_starts",
            COALESCE(
              SUM(
                CAST("t9"."from_a" AND (
                  (
                    BITWISE_AND("t9"."flags", 18)
                  ) = 18
                ) AS INTEGER)
              ),
              0
            ) AS "a_opens",
            MIN("t9"."start") FILTER(WHERE
              "t9"."from_a") AS "a_first",
            SUM(CAST(NOT (
              "t9"."from_a"
            ) AND NOT (
              "t9"."refused"
            ) AS INTEGER)) AS "b_acc",
            SUM(CAST(NOT (
              "t9"."from_a"
            ) AND "t9"."refused" AS INTEGER)) AS "b_rej",
            COALESCE(
              SUM("t9"."packets") FILTER(WHERE
                NOT (
                  "t9"."from_a"
                ) AND "t9"."refused"),
              0
            ) AS "b_packets",
            COALESCE(
              SUM("t9"."bytes") FILTER(WHERE
                NOT (
                  "t9"."from_a"
                ) AND "t9"."refused"),
              0
            ) AS "b_bytes",
            BOOL_OR(
              NOT (
                "t9"."from_a"
              )
              AND NOT (
                "t9"."refused"
              )
              AND (
                (
                  BITWISE_AND("t9"."flags", 1)
                ) > 0
              )
            ) AS "b_fin",
            BOOL_OR(
              NOT (
                "t9"."from_a"
              )
              AND "t9"."refused"
              AND (
                (
                  BITWISE_AND("t9"."flags", 18)
                ) = 2
              )
            ) AS "b_new",
            COALESCE(
              SUM(
                CAST(NOT (
                  "t9"."from_a"
                ) AND (
                  (
                    BITWISE_AND("t9"."flags", 18)
                  ) = 2
                ) AS INTEGER)
              ),
              0
            ) AS "b_starts",
            COALESCE(
              SUM(
                CAST(NOT (
                  "t9"."from_a"
                ) AND (
                  (
                    BITWISE_AND("t9"."flags", 18)
                  ) = 18
                ) AS INTEGER)
              ),
              0
            ) AS "b_opens",
            MIN("t9"."start") FILTER(WHERE
              NOT (
                "t9"."from_a"
              )) AS "b_first",
            MIN("t9"."start") AS "first",
            MAX("t9"."end") AS "last",
            MAX("t9"."end") FILTER(WHERE
              NOT (
                "t9"."refused"
              )) AS "acc_last",
            MIN("t9"."start") FILTER(WHERE
              "t9"."refused") AS "rej_first",
            MAX("t9"."end") FILTER(WHERE
              "t9"."refused") AS "rej_last",
            BOOL_OR("t9"."flags" IS NOT NULL) AS "flagged",
            BOOL_OR(NOT (
              "t9"."refused"
            ) AND (
              (
                BITWISE_AND("t9"."flags", 4)
              ) > 0
            )) AS "reset",
            BOOL_OR("t9"."egress" = "t9"."from_a") AS "a_leaves",
            MAX("t9"."reject_reason") AS "reject_reason",
            MAX("t9"."subnet_id") AS "subnet_id"
          FROM (
            SELECT
              "t8"."interface_id",
              "t8"."protocol",
              "t8"."a_addr",
              "t8"."a_port",
              "t8"."b_addr",
              "t8"."b_port",
              "t8"."from_a",
              "t8"."refused",
              "t8"."flags",
              "t8"."egress",
              "t8"."packets",
              "t8"."bytes",
              "t8"."start",
              "t8"."end",
              "t8"."reject_reason",
              "t8"."subnet_id",
              "t8"."fresh",
              SUM(CAST("t8"."fresh" AS BIGINT)) OVER (
                PARTITION BY "t8"."interface_id", "t8"."protocol", "t8"."a_addr", "t8"."a_port", "t8"."b_addr", "t8"."b_port"
                ORDER BY "t8"."start" ASC, "t8"."end" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
              ) AS "session"
            FROM (
              SELECT
                "t7"."interface_id",
                "t7"."protocol",
                "t7"."a_addr",
                "t7"."a_port",
                "t7"."b_addr",
                "t7"."b_port",
                "t7"."from_a",
                "t7"."refused",
                "t7"."flags",
                "t7"."egress",
                "t7"."packets",
                "t7"."bytes",
                "t7"."start",
                "t7"."end",
                "t7"."reject_reason",
                "t7"."subnet_id",
                COALESCE(
                  (
                    "t7"."start" - LAG("t7"."end") OVER (
                      PARTITION BY "t7"."interface_id", "t7"."protocol", "t7"."a_addr", "t7"."a_port", "t7"."b_addr", "t7"."b_port"
                      ORDER BY "t7"."start" ASC, "t7"."end" ASC
                    )
                  ) > 350,
                  FALSE
                ) AS "fresh"
              FROM (
                SELECT
                  "t3"."interface_id",
                  "t3"."protocol",
                  "t3"."a_addr",
                  "t3"."a_port",
                  "t3"."b_addr",
                  "t3"."b_port",
                  "t3"."from_a",
                  "t3"."refused",
                  "t3"."flags",
                  "t3"."egress",
                  "t3"."packets",
                  "t3"."bytes",
                  "t3"."start",
                  "t3"."end",
                  "t3"."reject_reason",
                  "t3"."subnet_id"
                FROM "temp"."main"."kept_7" AS "t3"
                WHERE
                  EXISTS(
                    SELECT
                      1
                    FROM (
                      SELECT
                        *
                      FROM "temp"."main"."kept_9" AS "t0"
                      WHERE
                        (
                          "t0"."last" - "t0"."first"
                        ) > 350
                    ) AS "t5"
                    WHERE
                      "t3"."interface_id" = "t5"."interface_id"
                      AND "t3"."protocol" = "t5"."protocol"
                      AND "t3"."a_addr" = "t5"."a_addr"
                      AND "t3"."a_port" = "t5"."a_port"
                      AND "t3"."b_addr" = "t5"."b_addr"
                      AND "t3"."b_port" = "t5"."b_port"
                  )
              ) AS "t7"
            ) AS "t8"
          ) AS "t9"
          GROUP BY
            1,
            2,
            3,
            4,
            5,
            6,
            7
        ) AS "t10"
      ) AS "t11"
    ) AS "t12"
    WHERE
      (
        "t12"."a_rej" > 0
      ) OR (
        "t12"."b_rej" > 0
      )
  ) AS "t13"
) AS "t14"
GROUP BY
  1,
  2,
  3,
  4,
  5,
  6,
  7;

-- explained
SELECT
  *
FROM "temp"."main"."kept_10" AS "t0"
ORDER BY
  "t0"."fate" IN ('request', 'stray') ASC,
  REGEXP_LIKE(
    "t0"."client",
    '^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|169\.254\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|f[cd]|fe[89ab])'
  ) DESC,
  "t0"."spells" DESC,
  "t0"."records" DESC,
  "t0"."interface_id" ASC,
  "t0"."client" ASC,
  "t0"."server" ASC,
  "t0"."protocol" ASC,
  "t0"."server_port" ASC,
  "t0"."fate" ASC,
  "t0"."reject_reason" ASC
LIMIT 2000;

-- explained
SELECT
  *
FROM (
  SELECT
    "t1"."client",
    COUNT(DISTINCT "t1"."server") AS "servers",
    COUNT(DISTINCT "t1"."server_port") AS "ports",
    MAX("t1"."spells") AS "most",
    NULLIF(
      MIN("t1"."protocol"),
      IF(MIN("t1"."protocol") = MAX("t1"."protocol"), -2, MIN("t1"."protocol"))
    ) AS "protocol",
    SUM("t1"."sessions") AS "sessions",
    SUM("t1"."records") AS "records",
    SUM("t1"."packets") AS "packets",
    SUM("t1"."bytes") AS "bytes",
    MIN("t1"."first") AS "first",
    MAX("t1"."last") AS "last",
    COUNT(*) AS "groups"
  FROM (
    SELECT
      *
    FROM "temp"."main"."kept_10" AS "t0"
    WHERE
      "t0"."fate" IN ('request', 'stray')
  ) AS "t1"
  GROUP BY
    1
) AS "t2"
ORDER BY
  "t2"."groups" DESC,
  "t2"."records" DESC,
  "t2"."client" ASC
LIMIT 500;

-- explained
SELECT
  *
FROM (
  SELECT
    "t0"."fate",
    COUNT(DISTINCT "t0"."client") AS "clients",
    SUM("t0"."sessions") AS "sessions",
    SUM("t0"."records") AS "records",
    SUM("t0"."packets") AS "packets",
    SUM("t0"."bytes") AS "bytes",
    MIN("t0"."first") AS "first",
    MAX("t0"."last") AS "last",
    COUNT(*) AS "groups"
  FROM "temp"."main"."kept_10" AS "t0"
  GROUP BY
    1
) AS "t1"
ORDER BY
  "t1"."fate" ASC;

-- explained
SELECT
  "t1"."interface_id",
  "t1"."scope",
  "t1"."day",
  "t1"."v6",
  "t1"."own",
  COUNT(*) AS "records",
  MIN(CONCAT(CONCAT("t1"."srcaddr", ' '), "t1"."dstaddr")) AS "pair",
  COUNT("t1"."instance_id") AS "instances",
  SUM(CAST("t1"."translated" AS INTEGER)) AS "translated",
  MAX("t1"."interface_type") AS "interface_type",
  MAX("t1"."az_id") AS "az_id"
FROM (
  SELECT
    "t0"."srcaddr",
    "t0"."dstaddr",
    "t0"."instance_id",
    "t0"."interface_type",
    "t0"."az_id",
    COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
    COALESCE("t0"."vpc_id", "t0"."account_id", '-') AS "scope",
    COALESCE(CAST(FLOOR(CAST((
      "t0"."start"
    ) AS DOUBLE) / (
      86400
    )) AS BIGINT), 0) AS "day",
    STRPOS("t0"."srcaddr", ':') > 0 AS "v6",
    CASE
      WHEN "t0"."flow_direction" = 'egress'
      THEN "t0"."srcaddr"
      WHEN "t0"."flow_direction" = 'ingress'
      THEN "t0"."dstaddr"
      ELSE NULL
    END AS "own",
    COALESCE(
      (
        "t0"."pkt_srcaddr" <> "t0"."srcaddr"
      )
      OR (
        "t0"."pkt_dstaddr" <> "t0"."dstaddr"
      ),
      FALSE
    ) AS "translated"
  FROM "flows" AS "t0"
  WHERE
    (
      "t0"."srcport" BETWEEN 6379 AND 6379
      OR "t0"."dstport" BETWEEN 6379 AND 6379
      OR "t0"."srcport" BETWEEN 443 AND 443
      OR "t0"."dstport" BETWEEN 443 AND 443
    )
    AND "t0"."srcaddr" IS NOT NULL
    AND "t0"."dstaddr" IS NOT NULL
    AND COALESCE("t0"."log_status", 'OK') = 'OK'
) AS "t1"
GROUP BY
  1,
  2,
  3,
  4,
  5;

-- explained
SELECT
  "t1"."interface_id",
  MAX("t1"."subnet_id") AS "subnet_id"
FROM (
  SELECT
    *
  FROM "flows" AS "t0"
  WHERE
    (
      "t0"."srcport" BETWEEN 6379 AND 6379
      OR "t0"."dstport" BETWEEN 6379 AND 6379
      OR "t0"."srcport" BETWEEN 443 AND 443
      OR "t0"."dstport" BETWEEN 443 AND 443
    )
    AND (
      (
        "t0"."log_status" IS NULL
      ) OR (
        "t0"."log_status" = 'OK'
      )
    )
    AND "t0"."srcaddr" IS NOT NULL
    AND "t0"."dstaddr" IS NOT NULL
    AND "t0"."action" IS NOT NULL
    AND "t0"."subnet_id" IS NOT NULL
) AS "t1"
GROUP BY
  1;

-- explained
SELECT
  COUNT(*) AS "CountStar()"
FROM (
  SELECT
    *
  FROM "flows" AS "t0"
  WHERE
    (
      "t0"."srcport" BETWEEN 6379 AND 6379
      OR "t0"."dstport" BETWEEN 6379 AND 6379
      OR "t0"."srcport" BETWEEN 443 AND 443
      OR "t0"."dstport" BETWEEN 443 AND 443
    )
    AND (
      (
        "t0"."log_status" IS NULL
      ) OR (
        "t0"."log_status" = 'OK'
      )
    )
    AND "t0"."srcaddr" IS NOT NULL
    AND "t0"."dstaddr" IS NOT NULL
    AND "t0"."action" IS NOT NULL
    AND "t0"."action" = 'ACCEPT'
  LIMIT 1
) AS "t2";

-- explained
SELECT
  "t5"."interface_id",
  "t5"."server",
  "t5"."protocol",
  "t5"."server_port",
  MIN("t5"."client") AS "least",
  MAX("t5"."client") AS "most"
FROM (
  SELECT
    "t2"."interface_id",
    "t2"."server",
    "t2"."protocol",
    "t2"."server_port",
    "t4"."start",
    "t4"."end",
    "t4"."subnet_id",
    "t4"."client",
    "t4"."srcport"
  FROM (
    SELECT
      "t0"."start",
      "t0"."end",
      COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
      "t0"."subnet_id",
      "t0"."srcaddr" AS "client",
      "t0"."dstaddr" AS "server",
      CAST(COALESCE("t0"."protocol", -1) AS BIGINT) AS "protocol",
      CAST(COALESCE("t0"."srcport", -1) AS BIGINT) AS "srcport",
      CAST(COALESCE("t0"."dstport", -1) AS BIGINT) AS "server_port"
    FROM "flows" AS "t0"
    WHERE
      (
        "t0"."srcport" BETWEEN 6379 AND 6379
        OR "t0"."dstport" BETWEEN 6379 AND 6379
        OR "t0"."srcport" BETWEEN 443 AND 443
        OR "t0"."dstport" BETWEEN 443 AND 443
      )
      AND (
        (
          "t0"."log_status" IS NULL
        ) OR (
          "t0"."log_status" = 'OK'
        )
      )
      AND "t0"."srcaddr" IS NOT NULL
      AND "t0"."dstaddr" IS NOT NULL
      AND "t0"."action" IS NOT NULL
      AND "t0"."action" = 'ACCEPT'
      AND CAST(COALESCE("t0"."dstport", -1) AS BIGINT) IN (443, 6379)
  ) AS "t4"
  INNER JOIN "given_4" AS "t2"
    ON "t4"."interface_id" = "t2"."interface_id"
    AND "t4"."server" = "t2"."server"
    AND "t4"."protocol" = "t2"."protocol"
    AND "t4"."server_port" = "t2"."server_port"
) AS "t5"
GROUP BY
  1,
  2,
  3,
  4;

-- explained
SELECT
  "t5"."interface_id",
  "t5"."server",
  "t5"."protocol",
  "t5"."server_port",
  COUNT(*) AS "answers"
FROM (
  SELECT
    "t2"."interface_id",
    "t2"."server",
    "t2"."protocol",
    "t2"."server_port",
    "t4"."start",
    "t4"."end",
    "t4"."subnet_id",
    "t4"."client",
    "t4"."srcport"
  FROM (
    SELECT
      "t0"."start",
      "t0"."end",
      COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
      "t0"."subnet_id",
      "t0"."srcaddr" AS "client",
      "t0"."dstaddr" AS "server",
      CAST(COALESCE("t0"."protocol", -1) AS BIGINT) AS "protocol",
      CAST(COALESCE("t0"."srcport", -1) AS BIGINT) AS "srcport",
      CAST(COALESCE("t0"."dstport", -1) AS BIGINT) AS "server_port"
    FROM "flows" AS "t0"
    WHERE
      (
        "t0"."srcport" BETWEEN 6379 AND 6379
        OR "t0"."dstport" BETWEEN 6379 AND 6379
        OR "t0"."srcport" BETWEEN 443 AND 443
        OR "t0"."dstport" BETWEEN 443 AND 443
      )
      AND (
        (
          "t0"."log_status" IS NULL
        ) OR (
          "t0"."log_status" = 'OK'
        )
      )
      AND "t0"."srcaddr" IS NOT NULL
      AND "t0"."dstaddr" IS NOT NULL
      AND "t0"."action" IS NOT NULL
      AND "t0"."action" = 'ACCEPT'
      AND CAST(COALESCE("t0"."srcport", -1) AS BIGINT) IN (443, 6379)
  ) AS "t4"
  INNER JOIN "given_5" AS "t2"
    ON "t4"."interface_id" = "t2"."interface_id"
    AND "t4"."client" = "t2"."server"
    AND "t4"."protocol" = "t2"."protocol"
    AND "t4"."srcport" = "t2"."server_port"
) AS "t5"
GROUP BY
  1,
  2,
  3,
  4;

-- explained
SELECT
  "t5"."client",
  COUNT(*) AS "known"
FROM (
  SELECT
    "t2"."client",
    "t4"."start",
    "t4"."end",
    "t4"."interface_id",
    "t4"."subnet_id",
    "t4"."server",
    "t4"."protocol",
    "t4"."srcport",
    "t4"."server_port"
  FROM (
    SELECT
      "t0"."start",
      "t0"."end",
      COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
      "t0"."subnet_id",
      "t0"."srcaddr" AS "client",
      "t0"."dstaddr" AS "server",
      CAST(COALESCE("t0"."protocol", -1) AS BIGINT) AS "protocol",
      CAST(COALESCE("t0"."srcport", -1) AS BIGINT) AS "srcport",
      CAST(COALESCE("t0"."dstport", -1) AS BIGINT) AS "server_port"
    FROM "flows" AS "t0"
    WHERE
      (
        "t0"."srcport" BETWEEN 6379 AND 6379
        OR "t0"."dstport" BETWEEN 6379 AND 6379
        OR "t0"."srcport" BETWEEN 443 AND 443
        OR "t0"."dstport" BETWEEN 443 AND 443
      )
      AND (
        (
          "t0"."log_status" IS NULL
        ) OR (
          "t0"."log_status" = 'OK'
        )
      )
      AND "t0"."srcaddr" IS NOT NULL
      AND "t0"."dstaddr" IS NOT NULL
      AND "t0"."action" IS NOT NULL
      AND "t0"."action" = 'ACCEPT'
      AND CAST(COALESCE("t0"."dstport", -1) AS BIGINT) < 32768
  ) AS "t4"
  INNER JOIN "given_6" AS "t2"
    ON "t4"."client" = "t2"."client"
) AS "t5"
GROUP BY
  1;

-- explained
SELECT
  *
FROM (
  SELECT
    "t5"."client",
    "t5"."protocol",
    "t5"."server_port",
    "t5"."interface_id",
    MAX("t5"."subnet_id") AS "subnet_id",
    MIN("t5"."start") AS "first",
    MAX("t5"."end") AS "last",
    COUNT(*) AS "records"
  FROM (
    SELECT
      "t2"."client",
      "t2"."protocol",
      "t2"."server_port",
      "t4"."start",
      "t4"."end",
      "t4"."interface_id",
      "t4"."subnet_id",
      "t4"."server",
      "t4"."srcport"
    FROM (
      SELECT
        "t0"."start",
        "t0"."end",
        COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
        "t0"."subnet_id",
        "t0"."srcaddr" AS "client",
        "t0"."dstaddr" AS "server",
        CAST(COALESCE("t0"."protocol", -1) AS BIGINT) AS "protocol",
        CAST(COALESCE("t0"."srcport", -1) AS BIGINT) AS "srcport",
        CAST(COALESCE("t0"."dstport", -1) AS BIGINT) AS "server_port"
      FROM "flows" AS "t0"
      WHERE
        (
          "t0"."srcport" BETWEEN 6379 AND 6379
          OR "t0"."dstport" BETWEEN 6379 AND 6379
          OR "t0"."srcport" BETWEEN 443 AND 443
          OR "t0"."dstport" BETWEEN 443 AND 443
        )
        AND (
          (
            "t0"."log_status" IS NULL
          ) OR (
            "t0"."log_status" = 'OK'
          )
        )
        AND "t0"."srcaddr" IS NOT NULL
        AND "t0"."dstaddr" IS NOT NULL
        AND "t0"."action" IS NOT NULL
        AND "t0"."action" = 'ACCEPT'
        AND CAST(COALESCE("t0"."dstport", -1) AS BIGINT) IN (443, 6379)
    ) AS "t4"
    INNER JOIN "given_7" AS "t2"
      ON "t4"."client" = "t2"."client"
      AND "t4"."protocol" = "t2"."protocol"
      AND "t4"."server_port" = "t2"."server_port"
  ) AS "t5"
  GROUP BY
    1,
    2,
    3,
    4
) AS "t6"
ORDER BY
  "t6"."interface_id" ASC;

-- explained
SELECT
  *
FROM (
  SELECT
    "t5"."server",
    "t5"."protocol",
    "t5"."server_port",
    "t5"."interface_id",
    MAX("t5"."subnet_id") AS "subnet_id",
    MIN("t5"."start") AS "first",
    MAX("t5"."end") AS "last",
    COUNT(*) AS "records"
  FROM (
    SELECT
      "t2"."server",
      "t2"."protocol",
      "t2"."server_port",
      "t4"."start",
      "t4"."end",
      "t4"."interface_id",
      "t4"."subnet_id",
      "t4"."client",
      "t4"."srcport"
    FROM (
      SELECT
        "t0"."start",
        "t0"."end",
        COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
        "t0"."subnet_id",
        "t0"."srcaddr" AS "client",
        "t0"."dstaddr" AS "server",
        CAST(COALESCE("t0"."protocol", -1) AS BIGINT) AS "protocol",
        CAST(COALESCE("t0"."srcport", -1) AS BIGINT) AS "srcport",
        CAST(COALESCE("t0"."dstport", -1) AS BIGINT) AS "server_port"
      FROM "flows" AS "t0"
      WHERE
        (
          "t0"."srcport" BETWEEN 6379 AND 6379
          OR "t0"."dstport" BETWEEN 6379 AND 6379
          OR "t0"."srcport" BETWEEN 443 AND 443
          OR "t0"."dstport" BETWEEN 443 AND 443
        )
        AND (
          (
            "t0"."log_status" IS NULL
          ) OR (
            "t0"."log_status" = 'OK'
          )
        )
        AND "t0"."srcaddr" IS NOT NULL
        AND "t0"."dstaddr" IS NOT NULL
        AND "t0"."action" IS NOT NULL
        AND "t0"."action" = 'ACCEPT'
        AND CAST(COALESCE("t0"."dstport", -1) AS BIGINT) IN (443, 6379)
    ) AS "t4"
    INNER JOIN "given_8" AS "t2"
      ON "t4"."server" = "t2"."server"
      AND "t4"."protocol" = "t2"."protocol"
      AND "t4"."server_port" = "t2"."server_port"
  ) AS "t5"
  GROUP BY
    1,
    2,
    3,
    4
) AS "t6"
ORDER BY
  "t6"."interface_id" ASC;

-- coverage
SELECT
  COUNT(*) AS "rows",
  COUNT("t0"."start") AS "start",
  COUNT("t0"."end") AS "end",
  COUNT("t0"."log_status") AS "log_status",
  COUNT("t0"."action") AS "action",
  COUNT(COALESCE("t0"."interface_id", "t0"."resource_id")) AS "interface_id",
  COALESCE(SUM(CAST("t0"."action" = 'ACCEPT' AS INTEGER)), 0) AS "accepts"
FROM "flows" AS "t0";

-- coverage
SELECT
  *
FROM (
  SELECT
    "t4"."interface_id",
    "t4"."kind",
    "t4"."run",
    MIN("t4"."start") AS "start",
    MAX("t4"."end") AS "end",
    COUNT(*) AS "slots",
    SUM(CAST("t4"."longest" > 90 AS INTEGER)) AS "long"
  FROM (
    SELECT
      "t3"."interface_id",
      "t3"."kind",
      "t3"."slot",
      "t3"."start",
      "t3"."end",
      "t3"."longest",
      "t3"."opens",
      SUM("t3"."opens") OVER (
        PARTITION BY "t3"."interface_id", "t3"."kind"
        ORDER BY "t3"."start" ASC, "t3"."slot" ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "run"
    FROM (
      SELECT
        "t2"."interface_id",
        "t2"."kind",
        "t2"."slot",
        "t2"."start",
        "t2"."end",
        "t2"."longest",
        IF(
          (
            (
              MAX("t2"."end") OVER (
                PARTITION BY "t2"."interface_id", "t2"."kind"
                ORDER BY "t2"."start" ASC, "t2"."slot" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) + 45
            ) IS NULL
          )
          OR (
            "t2"."start" > (
              MAX("t2"."end") OVER (
                PARTITION BY "t2"."interface_id", "t2"."kind"
                ORDER BY "t2"."start" ASC, "t2"."slot" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) + 45
            )
          )
          OR (
            "t2"."kind" = 4
          ),
          1,
          0
        ) AS "opens"
      FROM (
        SELECT
          "t1"."interface_id",
          "t1"."kind",
          IF("t1"."kind" = 2, "t1"."start" - (
            "t1"."start" % 60
          ), "t1"."start") AS "slot",
          MIN("t1"."start") AS "start",
          MAX("t1"."end") AS "end",
          MAX("t1"."end" - "t1"."start") AS "longest"
        FROM (
          SELECT
            COALESCE("t0"."interface_id", "t0"."resource_id") AS "interface_id",
            CASE
              WHEN "t0"."log_status" = 'NODATA'
              THEN 1
              WHEN "t0"."log_status" = 'SKIPDATA'
              THEN 4
              ELSE 2
            END AS "kind",
            "t0"."start",
            GREATEST("t0"."start", "t0"."end") AS "end"
          FROM "flows" AS "t0"
          WHERE
            COALESCE("t0"."interface_id", "t0"."resource_id") IS NOT NULL
            AND "t0"."start" IS NOT NULL
            AND GREATEST("t0"."start", "t0"."end") IS NOT NULL
        ) AS "t1"
        GROUP BY
          1,
          2,
          3
      ) AS "t2"
    ) AS "t3"
  ) AS "t4"
  GROUP BY
    1,
    2,
    3
) AS "t5"
ORDER BY
  "t5"."interface_id" ASC,
  "t5"."kind" ASC,
  "t5"."start" ASC,
  "t5"."run" ASC;

-- coverage
SELECT DISTINCT
  "t6"."number"
FROM (
  SELECT
    "t5"."owner",
    "t5"."middle",
    "t5"."minute",
    "t2"."number",
    "t2"."opens",
    "t2"."shuts"
  FROM (
    SELECT
      "t3"."owner",
      "t3"."middle",
      CAST(FLOOR(CAST((
        "t3"."middle"
      ) AS DOUBLE) / (
        60
      )) AS BIGINT) AS "minute"
    FROM (
      SELECT
        COALESCE("t1"."interface_id", "t1"."resource_id") AS "owner",
        CAST(FLOOR(CAST((
          "t1"."start" + "t1"."end"
        ) AS DOUBLE) / (
          2
        )) AS BIGINT) AS "middle"
      FROM "flows" AS "t1"
      WHERE
        (
          "t1"."log_status" = 'OK'
        ) OR (
          "t1"."log_status" IS NULL
        )
    ) AS "t3"
  ) AS "t5"
  INNER JOIN "given_9" AS "t2"
    ON "t5"."owner" = "t2"."owner" AND "t5"."minute" = "t2"."minute"
) AS "t6"
WHERE
  "t6"."middle" >= "t6"."opens" AND "t6"."middle" < "t6"."shuts";

-- sessions_over_time
SELECT
  "t4"."destination",
  "t4"."protocol",
  "t4"."port",
  "t4"."slot",
  COUNT(DISTINCT "t4"."client") AS "sessions"
FROM (
  SELECT
    "t3"."destination",
    "t3"."protocol",
    "t3"."port",
    "t2"."start" - (
      "t2"."start" % 300
    ) AS "slot",
    CONCAT(CONCAT("t2"."srcaddr", ' '), CAST("t2"."srcport" AS VARCHAR)) AS "client"
  FROM "flows" AS "t2"
  INNER JOIN "given_10" AS "t3"
    ON "t2"."dstaddr" = "t3"."destination"
    AND "t2"."protocol" = "t3"."protocol"
    AND "t2"."dstport" = "t3"."port"
) AS "t4"
GROUP BY
  1,
  2,
  3,
  4;
