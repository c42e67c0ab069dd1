-- interface_addresses
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

-- coverage
SELECT
  COALESCE("t0"."interface_id", "t0"."resource_id") AS "interface_id",
  COUNT(*) FILTER(WHERE
    (
      "t0"."start" IS NOT NULL
    ) AND (
      "t0"."end" IS NOT NULL
    )) AS "timed",
  COUNT(*) FILTER(WHERE
    COALESCE("t0"."action" = 'ACCEPT', FALSE)) AS "accepts",
  COUNT("t0"."start") AS "start",
  COUNT("t0"."end") AS "end",
  COUNT("t0"."log_status") AS "log_status",
  COUNT("t0"."action") AS "action"
FROM "flows" AS "t0"
GROUP BY
  1;

-- coverage
SELECT
  "t9"."code",
  "t9"."kind",
  "t9"."start",
  "t9"."end",
  "t9"."slots",
  "t9"."long"
FROM (
  SELECT
    "t8"."code",
    "t8"."kind",
    "t8"."run",
    MIN("t8"."start") AS "start",
    MAX("t8"."end") AS "end",
    CAST(COUNT(*) AS INTEGER) AS "slots",
    CAST(COUNT(*) FILTER(WHERE
      "t8"."longest" > 90) AS INTEGER) AS "long"
  FROM (
    SELECT
      "t7"."code",
      "t7"."kind",
      "t7"."slot",
      "t7"."start",
      "t7"."end",
      "t7"."longest",
      "t7"."opens",
      SUM("t7"."opens") OVER (
        PARTITION BY "t7"."code", "t7"."kind"
        ORDER BY "t7"."start" ASC, "t7"."slot" ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "run"
    FROM (
      SELECT
        "t6"."code",
        "t6"."kind",
        "t6"."slot",
        "t6"."start",
        "t6"."end",
        "t6"."longest",
        IF(
          (
            (
              MAX("t6"."end") OVER (
                PARTITION BY "t6"."code", "t6"."kind"
                ORDER BY "t6"."start" ASC, "t6"."slot" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) + 45
            ) IS NULL
          )
          OR (
            "t6"."start" > (
              MAX("t6"."end") OVER (
                PARTITION BY "t6"."code", "t6"."kind"
                ORDER BY "t6"."start" ASC, "t6"."slot" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
              ) + 45
            )
          )
          OR (
            "t6"."kind" = 4
          ),
          1,
          0
        ) AS "opens"
      FROM (
        SELECT
          "t5"."code",
          "t5"."kind",
          IF("t5"."kind" = 2, "t5"."start" - (
            "t5"."start" % 60
          ), "t5"."start") AS "slot",
          MIN("t5"."start") AS "start",
          MAX("t5"."end") AS "end",
          MAX("t5"."end" - "t5"."start") AS "longest"
        FROM (
          SELECT
            "t4"."interface_id",
            "t4"."kind",
            "t4"."start",
            "t4"."end",
            "t2"."code"
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
              "t0"."start" IS NOT NULL AND GREATEST("t0"."start", "t0"."end") IS NOT NULL
          ) AS "t4"
          INNER JOIN "given_1" AS "t2"
            ON "t4"."interface_id" = "t2"."interface_id"
        ) AS "t5"
        GROUP BY
          1,
          2,
          3
      ) AS "t6"
    ) AS "t7"
  ) AS "t8"
  GROUP BY
    1,
    2,
    3
) AS "t9";

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
  INNER JOIN "given_2" AS "t2"
    ON "t5"."owner" = "t2"."owner" AND "t5"."minute" = "t2"."minute"
) AS "t6"
WHERE
  "t6"."middle" >= "t6"."opens" AND "t6"."middle" < "t6"."shuts";

-- recovered_rows
SELECT DISTINCT
  "t10"."owner"
FROM (
  SELECT
    "t9"."srcaddr",
    "t9"."dstaddr",
    "t9"."packets",
    "t9"."bytes",
    "t9"."start",
    "t9"."end",
    "t9"."action",
    "t9"."tcp_flags",
    "t9"."srcport",
    "t9"."dstport",
    "t9"."protocol",
    "t9"."interface_id",
    "t9"."minute",
    "t9"."peer",
    "t9"."out",
    "t9"."mine",
    "t3"."owner"
  FROM (
    SELECT
      "t7"."srcaddr",
      "t7"."dstaddr",
      "t7"."packets",
      "t7"."bytes",
      "t7"."start",
      "t7"."end",
      "t7"."action",
      "t7"."tcp_flags",
      "t7"."srcport",
      "t7"."dstport",
      "t7"."protocol",
      "t7"."interface_id",
      "t7"."minute",
      "t7"."peer",
      "t7"."dstaddr" = "t7"."peer" AS "out",
      IF("t7"."dstaddr" = "t7"."peer", "t7"."srcaddr", "t7"."dstaddr") AS "mine"
    FROM (
      SELECT
        "t6"."srcaddr",
        "t6"."dstaddr",
        "t6"."packets",
        "t6"."bytes",
        "t6"."start",
        "t6"."end",
        "t6"."action",
        "t6"."tcp_flags",
        "t6"."srcport",
        "t6"."dstport",
        "t6"."protocol",
        "t6"."interface_id",
        "t6"."minute",
        "t4"."peer"
      FROM (
        SELECT
          "t1"."srcaddr",
          "t1"."dstaddr",
          "t1"."packets",
          "t1"."bytes",
          "t1"."start",
          "t1"."end",
          "t1"."action",
          "t1"."tcp_flags",
          COALESCE("t1"."srcport", -1) AS "srcport",
          COALESCE("t1"."dstport", -1) AS "dstport",
          COALESCE("t1"."protocol", -1) AS "protocol",
          COALESCE("t1"."interface_id", "t1"."resource_id") AS "interface_id",
          CAST(FLOOR(CAST((
            "t1"."start" + "t1"."end"
          ) AS DOUBLE) / (
            120
          )) AS BIGINT) AS "minute"
        FROM "flows" AS "t1"
        WHERE
          COALESCE("t1"."log_status", 'OK') = 'OK'
          AND "t1"."srcaddr" IS NOT NULL
          AND "t1"."start" IS NOT NULL
          AND "t1"."end" IS NOT NULL
      ) AS "t6"
      INNER JOIN "given_3" AS "t4"
        ON "t6"."interface_id" = "t4"."interface_id"
    ) AS "t7"
    WHERE
      (
        "t7"."dstaddr" = "t7"."peer"
      ) OR (
        "t7"."srcaddr" = "t7"."peer"
      )
  ) AS "t9"
  INNER JOIN "given_4" AS "t3"
    ON "t9"."mine" = "t3"."mine"
) AS "t10"
WHERE
  "t10"."owner" <> "t10"."interface_id";

-- recovered_rows
SELECT
  "t20"."srcaddr",
  "t20"."dstaddr",
  "t20"."srcport",
  "t20"."dstport",
  "t20"."protocol",
  "t20"."packets",
  "t20"."bytes",
  "t20"."start",
  "t20"."end",
  "t20"."tcp_flags",
  "t20"."interface_id",
  "t20"."seen_by",
  "t20"."flow_direction",
  "t20"."action",
  "t20"."gap",
  "t20"."in_gap"
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t18"."srcaddr",
      "t18"."dstaddr",
      "t18"."srcport",
      "t18"."dstport",
      "t18"."protocol",
      "t18"."packets",
      "t18"."bytes",
      "t18"."start",
      "t18"."end",
      "t18"."tcp_flags",
      "t18"."interface_id",
      "t18"."seen_by",
      "t18"."flow_direction",
      "t18"."action",
      "t18"."gap",
      ROW_NUMBER() OVER (
        PARTITION BY "t18"."gap"
        ORDER BY "t18"."start" ASC, "t18"."srcaddr" ASC, "t18"."dstaddr" ASC, "t18"."srcport" ASC, "t18"."dstport" ASC, "t18"."protocol" ASC, "t18"."seen_by" ASC
      ) - 1 AS "nth",
      COUNT(*) OVER (PARTITION BY "t18"."gap" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS "in_gap"
    FROM (
      SELECT
        "t17"."srcaddr",
        "t17"."dstaddr",
        "t17"."srcport",
        "t17"."dstport",
        "t17"."protocol",
        "t17"."packets",
        "t17"."bytes",
        "t17"."start",
        "t17"."end",
        "t17"."tcp_flags",
        "t17"."interface_id",
        "t17"."seen_by",
        "t17"."flow_direction",
        "t17"."action",
        MIN("t17"."gap") AS "gap"
      FROM (
        SELECT
          "t16"."gap",
          "t16"."srcaddr",
          "t16"."dstaddr",
          NULLIF("t16"."srcport", -1) AS "srcport",
          NULLIF("t16"."dstport", -1) AS "dstport",
          NULLIF("t16"."protocol", -1) AS "protocol",
          "t16"."packets",
          "t16"."bytes",
          "t16"."start",
          "t16"."end",
          "t16"."tcp_flags",
          "t16"."owner" AS "interface_id",
          "t16"."interface_id" AS "seen_by",
          IF("t16"."out", 'egress', 'ingress') AS "flow_direction",
          IF("t16"."out", 'ACCEPT', CAST(NULL AS VARCHAR)) AS "action"
        FROM (
          SELECT
            *
          FROM (
            SELECT
              "t13"."srcaddr",
              "t13"."dstaddr",
              "t13"."packets",
              "t13"."bytes",
              "t13"."start",
              "t13"."end",
              "t13"."action",
              "t13"."tcp_flags",
              "t13"."srcport",
              "t13"."dstport",
              "t13"."protocol",
              "t13"."interface_id",
              "t13"."minute",
              "t13"."peer",
              "t13"."out",
              "t13"."mine",
              "t4"."gap",
              "t4"."owner"
            FROM (
              SELECT
                "t9"."srcaddr",
                "t9"."dstaddr",
                "t9"."packets",
                "t9"."bytes",
                "t9"."start",
                "t9"."end",
                "t9"."action",
                "t9"."tcp_flags",
                "t9"."srcport",
                "t9"."dstport",
                "t9"."protocol",
                "t9"."interface_id",
                "t9"."minute",
                "t9"."peer",
                "t9"."dstaddr" = "t9"."peer" AS "out",
                IF("t9"."dstaddr" = "t9"."peer", "t9"."srcaddr", "t9"."dstaddr") AS "mine"
              FROM (
                SELECT
                  "t8"."srcaddr",
                  "t8"."dstaddr",
                  "t8"."packets",
                  "t8"."bytes",
                  "t8"."start",
                  "t8"."end",
                  "t8"."action",
                  "t8"."tcp_flags",
                  "t8"."srcport",
                  "t8"."dstport",
                  "t8"."protocol",
                  "t8"."interface_id",
                  "t8"."minute",
                  "t6"."peer"
                FROM (
                  SELECT
                    "t1"."srcaddr",
                    "t1"."dstaddr",
                    "t1"."packets",
                    "t1"."bytes",
                    "t1"."start",
                    "t1"."end",
                    "t1"."action",
                    "t1"."tcp_flags",
                    COALESCE("t1"."srcport", -1) AS "srcport",
                    COALESCE("t1"."dstport", -1) AS "dstport",
                    COALESCE("t1"."protocol", -1) AS "protocol",
                    COALESCE("t1"."interface_id", "t1"."resource_id") AS "interface_id",
                    CAST(FLOOR(CAST((
                      "t1"."start" + "t1"."end"
                    ) AS DOUBLE) / (
                      120
                    )) AS BIGINT) AS "minute"
                  FROM "flows" AS "t1"
                  WHERE
                    COALESCE("t1"."log_status", 'OK') = 'OK'
                    AND "t1"."srcaddr" IS NOT NULL
                    AND "t1"."start" IS NOT NULL
                    AND "t1"."end" IS NOT NULL
                ) AS "t8"
                INNER JOIN "given_5" AS "t6"
                  ON "t8"."interface_id" = "t6"."interface_id"
              ) AS "t9"
              WHERE
                (
                  "t9"."dstaddr" = "t9"."peer"
                ) OR (
                  "t9"."srcaddr" = "t9"."peer"
                )
            ) AS "t13"
            INNER JOIN "given_6" AS "t4"
              ON "t13"."mine" = "t4"."mine" AND "t13"."minute" = "t4"."minute"
          ) AS "t14"
          WHERE
            "t14"."interface_id" <> "t14"."owner"
            AND (
              "t14"."out" OR (
                COALESCE("t14"."action", 'ACCEPT') <> 'REJECT'
              )
            )
        ) AS "t16"
        WHERE
          NOT EXISTS(
            SELECT
              1
            FROM (
              SELECT
                "t5"."gap",
                "t8"."start",
                "t8"."end",
                "t8"."srcaddr",
                "t8"."dstaddr",
                "t8"."srcport",
                "t8"."dstport",
                "t8"."protocol"
              FROM (
                SELECT
                  "t1"."srcaddr",
                  "t1"."dstaddr",
                  "t1"."packets",
                  "t1"."bytes",
                  "t1"."start",
                  "t1"."end",
                  "t1"."action",
                  "t1"."tcp_flags",
                  COALESCE("t1"."srcport", -1) AS "srcport",
                  COALESCE("t1"."dstport", -1) AS "dstport",
                  COALESCE("t1"."protocol", -1) AS "protocol",
                  COALESCE("t1"."interface_id", "t1"."resource_id") AS "interface_id",
                  CAST(FLOOR(CAST((
                    "t1"."start" + "t1"."end"
                  ) AS DOUBLE) / (
                    120
                  )) AS BIGINT) AS "minute"
                FROM "flows" AS "t1"
                WHERE
                  COALESCE("t1"."log_status", 'OK') = 'OK'
                  AND "t1"."srcaddr" IS NOT NULL
                  AND "t1"."start" IS NOT NULL
                  AND "t1"."end" IS NOT NULL
              ) AS "t8"
              INNER JOIN "given_7" AS "t5"
                ON "t8"."interface_id" = "t5"."interface_id" AND "t8"."minute" = "t5"."minute"
            ) AS "t11"
            WHERE
              "t16"."gap" = "t11"."gap"
              AND "t16"."srcaddr" = "t11"."srcaddr"
              AND "t16"."dstaddr" = "t11"."dstaddr"
              AND "t16"."srcport" = "t11"."srcport"
              AND "t16"."dstport" = "t11"."dstport"
              AND "t16"."protocol" = "t11"."protocol"
              AND "t16"."start" < GREATEST("t11"."end", "t11"."start" + 1)
              AND "t11"."start" < GREATEST("t16"."end", "t16"."start" + 1)
          )
      ) AS "t17"
      GROUP BY
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
        11,
        12,
        13,
        14
    ) AS "t18"
  ) AS "t19"
  WHERE
    "t19"."nth" < 100
) AS "t20";

-- series_of
SELECT
  "t7"."owner",
  "t7"."middle" - (
    (
      "t7"."middle" - "t7"."phase"
    ) % "t7"."interval"
  ) AS "start",
  COUNT(*) AS "records",
  SUM("t7"."bytes") AS "bytes",
  SUM("t7"."reject") AS "rejects"
FROM (
  SELECT
    "t6"."owner",
    "t6"."middle",
    "t6"."bytes",
    "t6"."reject",
    "t2"."interval",
    "t2"."phase"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        COALESCE("t1"."interface_id", "t1"."resource_id") AS "owner",
        CAST(FLOOR(
          CAST((
            "t1"."start" + COALESCE("t1"."end", "t1"."start")
          ) AS DOUBLE) / (
            2
          )
        ) AS BIGINT) AS "middle",
        COALESCE("t1"."bytes", 0) AS "bytes",
        IF("t1"."action" = 'REJECT', 1, 0) AS "reject"
      FROM "flows" AS "t1"
      WHERE
        COALESCE("t1"."log_status", 'OK') = 'OK' AND "t1"."start" IS NOT NULL
    ) AS "t3"
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        '' AS "owner",
        CAST(FLOOR(
          CAST((
            "t1"."start" + COALESCE("t1"."end", "t1"."start")
          ) AS DOUBLE) / (
            2
          )
        ) AS BIGINT) AS "middle",
        COALESCE("t1"."bytes", 0) AS "bytes",
        IF("t1"."action" = 'REJECT', 1, 0) AS "reject"
      FROM "flows" AS "t1"
      WHERE
        COALESCE("t1"."log_status", 'OK') = 'OK' AND "t1"."start" IS NOT NULL
    ) AS "t4"
  ) AS "t6"
  INNER JOIN "given_8" AS "t2"
    ON "t6"."owner" = "t2"."owner"
) AS "t7"
GROUP BY
  1,
  2;

-- losses
SELECT
  *
FROM (
  SELECT
    "t5"."version",
    "t5"."account_id",
    "t5"."start",
    "t5"."end",
    "t5"."interface_id",
    "t5"."minute",
    "t5"."gap",
    ROW_NUMBER() OVER (PARTITION BY "t5"."gap" ORDER BY "t5"."start" ASC) - 1 AS "nth",
    COUNT(*) OVER (PARTITION BY "t5"."gap" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS "records"
  FROM (
    SELECT
      "t4"."version",
      "t4"."account_id",
      "t4"."start",
      "t4"."end",
      "t4"."interface_id",
      "t4"."minute",
      "t2"."gap"
    FROM (
      SELECT
        "t0"."version",
        "t0"."account_id",
        "t0"."start",
        "t0"."end",
        COALESCE("t0"."interface_id", "t0"."resource_id") AS "interface_id",
        CAST(FLOOR(CAST((
          "t0"."start"
        ) AS DOUBLE) / (
          60
        )) AS BIGINT) AS "minute"
      FROM "flows" AS "t0"
      WHERE
        "t0"."log_status" = 'SKIPDATA'
        AND "t0"."start" IS NOT NULL
        AND "t0"."end" IS NOT NULL
    ) AS "t4"
    INNER JOIN "given_9" AS "t2"
      ON "t4"."interface_id" = "t2"."interface_id" AND "t4"."minute" = "t2"."minute"
  ) AS "t5"
) AS "t6"
WHERE
  "t6"."nth" < 3;

-- losses
SELECT
  "t9"."gap",
  "t9"."interface_id",
  "t9"."srcaddr",
  "t9"."dstaddr",
  "t9"."srcport",
  "t9"."dstport",
  "t9"."protocol",
  "t9"."windows",
  "t9"."packets",
  "t9"."bytes"
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t7"."gap",
      "t7"."interface_id",
      "t7"."srcaddr",
      "t7"."dstaddr",
      "t7"."srcport",
      "t7"."dstport",
      "t7"."protocol",
      MAX(
        CAST(FLOOR(
          CAST((
            (
              "t7"."last" - "t7"."first"
            ) + CAST(FLOOR(CAST((
              "t7"."interval"
            ) AS DOUBLE) / (
              2
            )) AS BIGINT)
          ) AS DOUBLE) / (
            "t7"."interval"
          )
        ) AS BIGINT)
      ) AS "windows",
      SUM(
        IF(
          (
            (
              "t7"."end" <= "t7"."first"
            )
            AND (
              "t7"."end" > (
                "t7"."first" - "t7"."interval"
              )
            )
          )
          OR (
            (
              "t7"."start" >= "t7"."last"
            )
            AND (
              "t7"."start" < (
                "t7"."last" + "t7"."interval"
              )
            )
          ),
          "t7"."packets",
          0
        )
      ) AS "packets",
      SUM(
        IF(
          (
            (
              "t7"."end" <= "t7"."first"
            )
            AND (
              "t7"."end" > (
                "t7"."first" - "t7"."interval"
              )
            )
          )
          OR (
            (
              "t7"."start" >= "t7"."last"
            )
            AND (
              "t7"."start" < (
                "t7"."last" + "t7"."interval"
              )
            )
          ),
          "t7"."bytes",
          0
        )
      ) AS "bytes",
      MAX(
        IF(
          (
            "t7"."end" <= "t7"."first"
          )
          AND (
            "t7"."end" > (
              "t7"."first" - "t7"."interval"
            )
          ),
          1,
          0
        )
      ) AS "before",
      MAX(
        IF(
          (
            "t7"."start" >= "t7"."last"
          )
          AND (
            "t7"."start" < (
              "t7"."last" + "t7"."interval"
            )
          ),
          1,
          0
        )
      ) AS "after",
      MAX(
        IF(
          (
            "t7"."start" < "t7"."last"
          )
          AND (
            GREATEST("t7"."end", "t7"."start" + 1) > (
              "t7"."first" + 1
            )
          )
          AND NOT (
            (
              "t7"."end" <= "t7"."first"
            )
            AND (
              "t7"."end" > (
                "t7"."first" - "t7"."interval"
              )
            )
          )
          AND NOT (
            (
              "t7"."start" >= "t7"."last"
            )
            AND (
              "t7"."start" < (
                "t7"."last" + "t7"."interval"
              )
            )
          ),
          1,
          0
        )
      ) AS "inside",
      MAX(
        IF(
          (
            (
              "t7"."end" <= "t7"."first"
            )
            AND (
              "t7"."end" > (
                "t7"."first" - "t7"."interval"
              )
            )
            AND (
              (
                BITWISE_AND(COALESCE("t7"."tcp_flags", 0), 5)
              ) > 0
            )
          )
          OR (
            (
              "t7"."start" >= "t7"."last"
            )
            AND (
              "t7"."start" < (
                "t7"."last" + "t7"."interval"
              )
            )
            AND (
              (
                BITWISE_AND(COALESCE("t7"."tcp_flags", 0), 2)
              ) > 0
            )
          ),
          1,
          0
        )
      ) AS "over"
    FROM (
      SELECT
        "t6"."srcaddr",
        "t6"."dstaddr",
        "t6"."packets",
        "t6"."bytes",
        "t6"."start",
        "t6"."end",
        "t6"."action",
        "t6"."tcp_flags",
        "t6"."srcport",
        "t6"."dstport",
        "t6"."protocol",
        "t6"."interface_id",
        "t6"."minute",
        "t3"."gap",
        "t4"."first",
        "t4"."last",
        "t4"."interval"
      FROM (
        SELECT
          "t0"."srcaddr",
          "t0"."dstaddr",
          "t0"."packets",
          "t0"."bytes",
          "t0"."start",
          "t0"."end",
          "t0"."action",
          "t0"."tcp_flags",
          COALESCE("t0"."srcport", -1) AS "srcport",
          COALESCE("t0"."dstport", -1) AS "dstport",
          COALESCE("t0"."protocol", -1) AS "protocol",
          COALESCE("t0"."interface_id", "t0"."resource_id") AS "interface_id",
          CAST(FLOOR(CAST((
            "t0"."start" + "t0"."end"
          ) AS DOUBLE) / (
            120
          )) AS BIGINT) AS "minute"
        FROM "flows" AS "t0"
        WHERE
          COALESCE("t0"."log_status", 'OK') = 'OK'
          AND "t0"."srcaddr" IS NOT NULL
          AND "t0"."start" IS NOT NULL
          AND "t0"."end" IS NOT NULL
      ) AS "t6"
      INNER JOIN "given_10" AS "t3"
        ON "t6"."interface_id" = "t3"."interface_id" AND "t6"."minute" = "t3"."minute"
      INNER JOIN "given_11" AS "t4"
        ON "t3"."gap" = "t4"."gap"
    ) AS "t7"
    GROUP BY
      1,
      2,
      3,
      4,
      5,
      6,
      7
  ) AS "t8"
  WHERE
    "t8"."before" = 1 AND "t8"."after" = 1 AND "t8"."inside" = 0 AND "t8"."over" = 0
) AS "t9";
