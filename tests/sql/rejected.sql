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

-- rejected, kept as kept_1
SELECT
  "t3"."interface_id",
  "t3"."protocol",
  "t3"."refused",
  "t3"."packets",
  "t3"."bytes",
  "t3"."start",
  "t3"."end",
  "t3"."reject_reason",
  "t3"."subnet_id",
  IF(
    (
      "t3"."srcaddr" < "t3"."dstaddr"
    )
    OR (
      (
        "t3"."srcaddr" = "t3"."dstaddr"
      ) AND (
        "t3"."srcport" <= "t3"."dstport"
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
      ) AND (
        "t3"."srcport" <= "t3"."dstport"
      )
    ),
    "t3"."srcport",
    "t3"."dstport"
  ) AS "a_port",
  IF(
    (
      "t3"."srcaddr" < "t3"."dstaddr"
    )
    OR (
      (
        "t3"."srcaddr" = "t3"."dstaddr"
      ) AND (
        "t3"."srcport" <= "t3"."dstport"
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
      ) AND (
        "t3"."srcport" <= "t3"."dstport"
      )
    ),
    "t3"."dstport",
    "t3"."srcport"
  ) AS "b_port",
  (
    "t3"."srcaddr" < "t3"."dstaddr"
  )
  OR (
    (
      "t3"."srcaddr" = "t3"."dstaddr"
    ) AND (
      "t3"."srcport" <= "t3"."dstport"
    )
  ) AS "from_a",
  "t3"."tcp_flags" AS "flags",
  "t3"."flow_direction" = 'egress' AS "egress"
FROM (
  SELECT
    "t0"."version",
    "t0"."account_id",
    COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
    "t0"."srcaddr",
    "t0"."dstaddr",
    COALESCE("t0"."srcport", -1) AS "srcport",
    COALESCE("t0"."dstport", -1) AS "dstport",
    COALESCE("t0"."protocol", -1) AS "protocol",
    "t0"."packets",
    "t0"."bytes",
    "t0"."start",
    "t0"."end",
    "t0"."action",
    "t0"."log_status",
    "t0"."vpc_id",
    "t0"."subnet_id",
    "t0"."instance_id",
    "t0"."tcp_flags",
    "t0"."type",
    "t0"."pkt_srcaddr",
    "t0"."pkt_dstaddr",
    "t0"."region",
    "t0"."az_id",
    "t0"."sublocation_type",
    "t0"."sublocation_id",
    "t0"."pkt_src_aws_service",
    "t0"."pkt_dst_aws_service",
    "t0"."flow_direction",
    "t0"."traffic_path",
    "t0"."ecs_cluster_arn",
    "t0"."ecs_cluster_name",
    "t0"."ecs_container_instance_arn",
    "t0"."ecs_container_instance_id",
    "t0"."ecs_container_id",
    "t0"."ecs_second_container_id",
    "t0"."ecs_service_name",
    "t0"."ecs_task_definition_arn",
    "t0"."ecs_task_arn",
    "t0"."ecs_task_id",
    "t0"."reject_reason",
    "t0"."resource_id",
    "t0"."encryption_status",
    "t0"."instance_tag",
    "t0"."instance_tag_2",
    "t0"."interface_tag",
    "t0"."interface_tag_2",
    "t0"."asg_tag",
    "t0"."asg_tag_2",
    "t0"."interface_type",
    "t0"."next_hop_interface_id",
    "t0"."next_hop_subnet_id",
    "t0"."next_hop_az_id",
    "t0"."next_hop_vpc_id",
    "t0"."next_hop_interface_type",
    "t0"."file_id",
    "t0"."duplicate",
    (
      CAST(LEAST(COALESCE("t0"."srcport", -1), COALESCE("t0"."dstport", -1)) AS BIGINT) * 65536
    ) + GREATEST(COALESCE("t0"."srcport", -1), COALESCE("t0"."dstport", -1)) AS "ports",
    "t0"."action" = 'REJECT' AS "refused"
  FROM "flows" AS "t0"
  WHERE
    (
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
        (
          CAST(LEAST(COALESCE("t0"."srcport", -1), COALESCE("t0"."dstport", -1)) AS BIGINT) * 65536
        ) + GREATEST(COALESCE("t0"."srcport", -1), COALESCE("t0"."dstport", -1)) AS "ports"
      FROM "flows" AS "t0"
      WHERE
        (
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
      "t3"."interface_id" = "t4"."interface_id" AND "t3"."ports" = "t4"."ports"
  );

-- rejected, kept as kept_2
WITH "t3" AS (
  SELECT
    "t0"."interface_id",
    "t0"."protocol",
    "t0"."a_addr",
    "t0"."a_port",
    "t0"."b_addr",
    "t0"."b_port",
    COUNT(*) FILTER(WHERE
      "t0"."from_a" AND NOT (
        "t0"."refused"
      )) AS "a_acc",
    COUNT(*) FILTER(WHERE
      "t0"."from_a" AND "t0"."refused") AS "a_rej",
    BOOL_OR(
      "t0"."from_a"
      AND NOT (
        "t0"."refused"
      )
      AND (
        (
          BITWISE_AND("t0"."flags", 1)
        ) > 0
      )
    ) AS "a_fin",
    BOOL_OR(
      "t0"."from_a"
      AND "t0"."refused"
      AND (
        (
          BITWISE_AND("t0"."flags", 18)
        ) = 2
      )
    ) AS "a_new",
    COALESCE(
      BOOL_OR("t0"."from_a" AND (
        (
          BITWISE_AND("t0"."flags", 18)
        ) = 2
      )),
      FALSE
    ) AS "a_starts",
    COALESCE(
      BOOL_OR("t0"."from_a" AND (
        (
          BITWISE_AND("t0"."flags", 18)
        ) = 18
      )),
      FALSE
    ) AS "a_opens",
    MIN("t0"."start") FILTER(WHERE
      "t0"."from_a") AS "a_first",
    COUNT(*) FILTER(WHERE
      NOT (
        "t0"."from_a"
      ) AND NOT (
        "t0"."refused"
      )) AS "b_acc",
    COUNT(*) FILTER(WHERE
      NOT (
        "t0"."from_a"
      ) AND "t0"."refused") AS "b_rej",
    BOOL_OR(
      NOT (
        "t0"."from_a"
      )
      AND NOT (
        "t0"."refused"
      )
      AND (
        (
          BITWISE_AND("t0"."flags", 1)
        ) > 0
      )
    ) AS "b_fin",
    BOOL_OR(
      NOT (
        "t0"."from_a"
      )
      AND "t0"."refused"
      AND (
        (
          BITWISE_AND("t0"."flags", 18)
        ) = 2
      )
    ) AS "b_new",
    COALESCE(
      BOOL_OR(NOT (
        "t0"."from_a"
      ) AND (
        (
          BITWISE_AND("t0"."flags", 18)
        ) = 2
      )),
      FALSE
    ) AS "b_starts",
    COALESCE(
      BOOL_OR(NOT (
        "t0"."from_a"
      ) AND (
        (
          BITWISE_AND("t0"."flags", 18)
        ) = 18
      )),
      FALSE
    ) AS "b_opens",
    MIN("t0"."start") FILTER(WHERE
      NOT (
        "t0"."from_a"
      )) AS "b_first",
    CAST(COALESCE(SUM(CAST("t0"."packets" AS DOUBLE)) FILTER(WHERE
      "t0"."refused"), 0) AS BIGINT) AS "packets",
    CAST(COALESCE(SUM(CAST("t0"."bytes" AS DOUBLE)) FILTER(WHERE
      "t0"."refused"), 0) AS BIGINT) AS "bytes",
    MAX("t0"."end") FILTER(WHERE
      NOT (
        "t0"."refused"
      )) AS "acc_last",
    MIN("t0"."start") FILTER(WHERE
      "t0"."refused") AS "rej_first",
    MAX("t0"."end") FILTER(WHERE
      "t0"."refused") AS "rej_last",
    BOOL_OR("t0"."flags" IS NOT NULL) AS "flagged",
    BOOL_OR(NOT (
      "t0"."refused"
    ) AND (
      (
        BITWISE_AND("t0"."flags", 4)
      ) > 0
    )) AS "reset",
    BOOL_OR("t0"."egress" = "t0"."from_a") AS "a_leaves",
    MAX("t0"."reject_reason") AS "reject_reason",
    MAX("t0"."subnet_id") AS "subnet_id"
  FROM "temp"."main"."kept_3" AS "t0"
  GROUP BY
    1,
    2,
    3,
    4,
    5,
    6
)
SELECT
  "t20"."interface_id",
  "t20"."client",
  "t20"."server",
  "t20"."protocol",
  "t20"."server_port",
  "t20"."fate",
  "t20"."reject_reason",
  COUNT(*) AS "sessions",
  CAST(COALESCE(SUM(CAST("t20"."c_rej" + "t20"."s_rej" AS DOUBLE)), 0) AS BIGINT) AS "records",
  CAST(COALESCE(SUM(CAST("t20"."packets" AS DOUBLE)), 0) AS BIGINT) AS "packets",
  CAST(COALESCE(SUM(CAST("t20"."bytes" AS DOUBLE)), 0) AS BIGINT) AS "bytes",
  MIN("t20"."rej_first") AS "first",
  MAX("t20"."rej_last") AS "last",
  LEAST(
    CAST(COALESCE(SUM(CAST("t20"."c_rej" + "t20"."s_rej" AS DOUBLE)), 0) AS BIGINT),
    CAST(FLOOR(CAST((
      MAX("t20"."rej_last") - MIN("t20"."rej_first")
    ) AS DOUBLE) / (
      600
    )) AS BIGINT) + 1
  ) AS "spells",
  COUNT(*) FILTER(WHERE
    "t20"."packets" BETWEEN 3 AND 7
    AND "t20"."bytes" BETWEEN "t20"."packets" * 40 AND "t20"."packets" * 80) AS "retries",
  COUNT(*) FILTER(WHERE
    (
      "t20"."packets" = 1
    ) AND (
      "t20"."bytes" <= 44
    )) AS "tiny",
  COUNT(*) FILTER(WHERE
    "t20"."small") AS "small",
  COUNT(*) FILTER(WHERE
    "t20"."after") AS "overlaps",
  COUNT(*) FILTER(WHERE
    "t20"."closed") AS "closed",
  MAX("t20"."rej_first" - "t20"."acc_last") AS "idle",
  CAST(COALESCE(SUM(CAST("t20"."c_acc" AS DOUBLE)), 0) AS BIGINT) AS "accepted",
  MIN("t20"."c_port") AS "low",
  MAX("t20"."c_port") AS "high",
  BOOL_OR("t20"."flagged") AS "flagged",
  BOOL_AND("t20"."c_rej" = 0) AS "from_server",
  BOOL_OR(IF("t20"."c_rej" = 0, NOT (
    "t20"."c_leaves"
  ), "t20"."c_leaves")) AS "egress",
  MAX("t20"."subnet_id") AS "subnet_id"
FROM (
  SELECT
    "t19"."interface_id",
    "t19"."protocol",
    "t19"."packets",
    "t19"."bytes",
    "t19"."acc_last",
    "t19"."rej_first",
    "t19"."rej_last",
    "t19"."flagged",
    "t19"."reset",
    COALESCE("t19"."reject_reason", '') AS "reject_reason",
    "t19"."subnet_id",
    "t19"."c_addr",
    "t19"."s_addr",
    "t19"."c_port",
    "t19"."s_port",
    "t19"."c_acc",
    "t19"."s_acc",
    "t19"."c_rej",
    "t19"."s_rej",
    "t19"."c_fin",
    "t19"."s_fin",
    "t19"."c_new",
    "t19"."s_new",
    "t19"."c_leaves",
    CASE
      WHEN "t19"."reject_reason" IS NOT NULL
      THEN 'control'
      WHEN COALESCE("t19"."c_new", FALSE)
      THEN 'request'
      WHEN (
        "t19"."s_acc" > 0
      )
      AND (
        (
          "t19"."c_acc" > 0
        ) OR (
          "t19"."c_rej" > 0
        )
      )
      THEN IF(
        (
          "t19"."protocol" = 6
        )
        AND (
          "t19"."packets" <= 6
        )
        AND (
          "t19"."bytes" <= (
            "t19"."packets" * 80
          )
        )
        AND NOT (
          "t19"."acc_last" > (
            "t19"."rej_first" + IF(COALESCE("t19"."reset" OR (
              "t19"."c_fin" AND "t19"."s_fin"
            ), FALSE), 60, 1)
          )
        ),
        'late',
        'changed'
      )
      WHEN (
        (
          "t19"."c_acc" + "t19"."s_acc"
        ) = 0
      ) AND (
        "t19"."c_rej" = 0
      )
      THEN 'stray'
      WHEN (
        (
          "t19"."c_acc" + "t19"."s_acc"
        ) = 0
      )
      AND (
        "t19"."flagged" AND (
          "t19"."protocol" = 6
        )
      )
      THEN 'stray'
      WHEN (
        "t19"."c_acc" + "t19"."s_acc"
      ) = 0
      THEN 'request'
      WHEN "t19"."s_rej" > 0
      THEN 'reply'
      ELSE 'request'
    END AS "fate",
    (
      "t19"."protocol" = 6
    )
    AND (
      "t19"."packets" <= 6
    )
    AND (
      "t19"."bytes" <= (
        "t19"."packets" * 80
      )
    ) AS "small",
    COALESCE(
      "t19"."acc_last" > (
        "t19"."rej_first" + IF(COALESCE("t19"."reset" OR (
          "t19"."c_fin" AND "t19"."s_fin"
        ), FALSE), 60, 1)
      ),
      FALSE
    ) AS "after",
    COALESCE("t19"."reset" OR (
      "t19"."c_fin" AND "t19"."s_fin"
    ), FALSE) AS "closed",
    "t19"."c_addr" AS "client",
    "t19"."s_addr" AS "server",
    NULLIF("t19"."s_port", -1) AS "server_port"
  FROM (
    SELECT
      "t18"."interface_id",
      "t18"."protocol",
      "t18"."packets",
      "t18"."bytes",
      "t18"."acc_last",
      "t18"."rej_first",
      "t18"."rej_last",
      "t18"."flagged",
      "t18"."reset",
      "t18"."reject_reason",
      "t18"."subnet_id",
      IF("t18"."a_began", "t18"."a_addr", "t18"."b_addr") AS "c_addr",
      IF("t18"."a_began", "t18"."b_addr", "t18"."a_addr") AS "s_addr",
      IF("t18"."a_began", "t18"."a_port", "t18"."b_port") AS "c_port",
      IF("t18"."a_began", "t18"."b_port", "t18"."a_port") AS "s_port",
      IF("t18"."a_began", "t18"."a_acc", "t18"."b_acc") AS "c_acc",
      IF("t18"."a_began", "t18"."b_acc", "t18"."a_acc") AS "s_acc",
      IF("t18"."a_began", "t18"."a_rej", "t18"."b_rej") AS "c_rej",
      IF("t18"."a_began", "t18"."b_rej", "t18"."a_rej") AS "s_rej",
      IF("t18"."a_began", "t18"."a_fin", "t18"."b_fin") AS "c_fin",
      IF("t18"."a_began", "t18"."b_fin", "t18"."a_fin") AS "s_fin",
      IF("t18"."a_began", "t18"."a_new", "t18"."b_new") AS "c_new",
      IF("t18"."a_began", "t18"."b_new", "t18"."a_new") AS "s_new",
      "t18"."a_leaves" = "t18"."a_began" AS "c_leaves"
    FROM (
      SELECT
        "t17"."interface_id",
        "t17"."protocol",
        "t17"."a_addr",
        "t17"."a_port",
        "t17"."b_addr",
        "t17"."b_port",
        "t17"."a_acc",
        "t17"."a_rej",
        "t17"."a_fin",
        "t17"."a_new",
        "t17"."a_starts",
        "t17"."a_opens",
        "t17"."a_first",
        "t17"."b_acc",
        "t17"."b_rej",
        "t17"."b_fin",
        "t17"."b_new",
        "t17"."b_starts",
        "t17"."b_opens",
        "t17"."b_first",
        "t17"."packets",
        "t17"."bytes",
        "t17"."acc_last",
        "t17"."rej_first",
        "t17"."rej_last",
        "t17"."flagged",
        "t17"."reset",
        "t17"."a_leaves",
        "t17"."reject_reason",
        "t17"."subnet_id",
        "t17"."first",
        "t17"."last",
        CASE
          WHEN "t17"."a_starts" <> "t17"."b_starts"
          THEN "t17"."a_starts"
          WHEN "t17"."a_opens" <> "t17"."b_opens"
          THEN "t17"."b_opens"
          WHEN (
            "t17"."a_acc" > 0
          ) AND (
            "t17"."a_rej" = 0
          ) AND (
            "t17"."b_acc" = 0
          )
          THEN TRUE
          WHEN (
            "t17"."b_acc" > 0
          ) AND (
            "t17"."b_rej" = 0
          ) AND (
            "t17"."a_acc" = 0
          )
          THEN FALSE
          WHEN "t17"."a_port" = "t17"."b_port"
          THEN IF(
            (
              (
                "t17"."b_acc" + "t17"."b_rej"
              ) = 0
            )
            OR (
              (
                "t17"."a_acc" + "t17"."a_rej"
              ) = 0
            ),
            (
              "t17"."b_acc" + "t17"."b_rej"
            ) = 0,
            "t17"."a_first" <= "t17"."b_first"
          )
          WHEN (
            "t17"."a_port" BETWEEN 0 AND 1023
            OR "t17"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017)
          ) <> (
            "t17"."b_port" BETWEEN 0 AND 1023
            OR "t17"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017)
          )
          THEN "t17"."b_port" BETWEEN 0 AND 1023
          OR "t17"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017)
          WHEN (
            (
              "t17"."b_acc" + "t17"."b_rej"
            ) = 0
          )
          OR (
            (
              "t17"."a_acc" + "t17"."a_rej"
            ) = 0
          )
          THEN (
            "t17"."b_acc" + "t17"."b_rej"
          ) = 0
          WHEN (
            (
              "t17"."a_port" < 32768
            ) AND (
              "t17"."a_port" >= 0
            )
          ) <> (
            (
              "t17"."b_port" < 32768
            ) AND (
              "t17"."b_port" >= 0
            )
          )
          THEN (
            "t17"."b_port" < 32768
          ) AND (
            "t17"."b_port" >= 0
          )
          ELSE "t17"."a_first" <= "t17"."b_first"
        END AS "a_began"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t6"."interface_id",
            "t6"."protocol",
            "t6"."a_addr",
            "t6"."a_port",
            "t6"."b_addr",
            "t6"."b_port",
            "t6"."a_acc",
            "t6"."a_rej",
            "t6"."a_fin",
            "t6"."a_new",
            "t6"."a_starts",
            "t6"."a_opens",
            "t6"."a_first",
            "t6"."b_acc",
            "t6"."b_rej",
            "t6"."b_fin",
            "t6"."b_new",
            "t6"."b_starts",
            "t6"."b_opens",
            "t6"."b_first",
            "t6"."packets",
            "t6"."bytes",
            "t6"."acc_last",
            "t6"."rej_first",
            "t6"."rej_last",
            "t6"."flagged",
            "t6"."reset",
            "t6"."a_leaves",
            "t6"."reject_reason",
            "t6"."subnet_id",
            "t6"."first",
            "t6"."last"
          FROM (
            SELECT
              "t4"."interface_id",
              "t4"."protocol",
              "t4"."a_addr",
              "t4"."a_port",
              "t4"."b_addr",
              "t4"."b_port",
              "t4"."a_acc",
              "t4"."a_rej",
              "t4"."a_fin",
              "t4"."a_new",
              "t4"."a_starts",
              "t4"."a_opens",
              "t4"."a_first",
              "t4"."b_acc",
              "t4"."b_rej",
              "t4"."b_fin",
              "t4"."b_new",
              "t4"."b_starts",
              "t4"."b_opens",
              "t4"."b_first",
              "t4"."packets",
              "t4"."bytes",
              "t4"."acc_last",
              "t4"."rej_first",
              "t4"."rej_last",
              "t4"."flagged",
              "t4"."reset",
              "t4"."a_leaves",
              "t4"."reject_reason",
              "t4"."subnet_id",
              COALESCE(
                IF("t4"."a_first" <= "t4"."b_first", "t4"."a_first", "t4"."b_first"),
                "t4"."a_first"
              ) AS "first",
              IF("t4"."acc_last" > "t4"."rej_last", "t4"."acc_last", "t4"."rej_last") AS "last"
            FROM "t3" AS "t4"
            WHERE
              (
                "t4"."a_rej" > 0
              ) OR (
                "t4"."b_rej" > 0
              )
          ) AS "t6"
          WHERE
            NOT EXISTS(
              SELECT
                1
              FROM (
                SELECT
                  "t4"."interface_id",
                  "t4"."protocol",
                  "t4"."a_addr",
                  "t4"."a_port",
                  "t4"."b_addr",
                  "t4"."b_port",
                  "t4"."a_acc",
                  "t4"."a_rej",
                  "t4"."a_fin",
                  "t4"."a_new",
                  "t4"."a_starts",
                  "t4"."a_opens",
                  "t4"."a_first",
                  "t4"."b_acc",
                  "t4"."b_rej",
                  "t4"."b_fin",
                  "t4"."b_new",
                  "t4"."b_starts",
                  "t4"."b_opens",
                  "t4"."b_first",
                  "t4"."packets",
                  "t4"."bytes",
                  "t4"."acc_last",
                  "t4"."rej_first",
                  "t4"."rej_last",
                  "t4"."flagged",
                  "t4"."reset",
                  "t4"."a_leaves",
                  "t4"."reject_reason",
                  "t4"."subnet_id",
                  COALESCE(
                    IF("t4"."a_first" <= "t4"."b_first", "t4"."a_first", "t4"."b_first"),
                    "t4"."a_first"
                  ) AS "first",
                  IF("t4"."acc_last" > "t4"."rej_last", "t4"."acc_last", "t4"."rej_last") AS "last"
                FROM "t3" AS "t4"
                WHERE
                  (
                    (
                      "t4"."a_rej" > 0
                    ) OR (
                      "t4"."b_rej" > 0
                    )
                  )
                  AND (
                    IF("t4"."acc_last" > "t4"."rej_last", "t4"."acc_last", "t4"."rej_last") - COALESCE(
                      IF("t4"."a_first" <= "t4"."b_first", "t4"."a_first", "t4"."b_first"),
                      "t4"."a_first"
                    )
                  ) > 350
              ) AS "t8"
              WHERE
                "t6"."interface_id" = "t8"."interface_id"
                AND "t6"."protocol" = "t8"."protocol"
                AND "t6"."a_addr" = "t8"."a_addr"
                AND "t6"."a_port" = "t8"."a_port"
                AND "t6"."b_addr" = "t8"."b_addr"
                AND "t6"."b_port" = "t8"."b_port"
            )
        ) AS "t9"
        UNION ALL
        SELECT
          *
        FROM (
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
              "t14"."a_acc",
              "t14"."a_rej",
              "t14"."a_fin",
              "t14"."a_new",
              "t14"."a_starts",
              "t14"."a_opens",
              "t14"."a_first",
              "t14"."b_acc",
              "t14"."b_rej",
              "t14"."b_fin",
              "t14"."b_new",
              "t14"."b_starts",
              "t14"."b_opens",
              "t14"."b_first",
              "t14"."packets",
              "t14"."bytes",
              "t14"."acc_last",
              "t14"."rej_first",
              "t14"."rej_last",
              "t14"."flagged",
              "t14"."reset",
              "t14"."a_leaves",
              "t14"."reject_reason",
              "t14"."subnet_id",
              "t14"."first",
              "t14"."last"
            FROM (
              SELECT
                "t13"."interface_id",
                "t13"."protocol",
                "t13"."a_addr",
                "t13"."a_port",
                "t13"."b_addr",
                "t13"."b_port",
                "t13"."session",
                "t13"."a_acc",
                "t13"."a_rej",
                "t13"."a_fin",
                "t13"."a_new",
                "t13"."a_starts",
                "t13"."a_opens",
                "t13"."a_first",
                "t13"."b_acc",
                "t13"."b_rej",
                "t13"."b_fin",
                "t13"."b_new",
                "t13"."b_starts",
                "t13"."b_opens",
                "t13"."b_first",
                "t13"."packets",
                "t13"."bytes",
                "t13"."acc_last",
                "t13"."rej_first",
                "t13"."rej_last",
                "t13"."flagged",
                "t13"."reset",
                "t13"."a_leaves",
                "t13"."reject_reason",
                "t13"."subnet_id",
                COALESCE(
                  IF("t13"."a_first" <= "t13"."b_first", "t13"."a_first", "t13"."b_first"),
                  "t13"."a_first"
                ) AS "first",
                IF("t13"."acc_last" > "t13"."rej_last", "t13"."acc_last", "t13"."rej_last") AS "last"
              FROM (
                SELECT
                  "t12"."interface_id",
                  "t12"."protocol",
                  "t12"."a_addr",
                  "t12"."a_port",
                  "t12"."b_addr",
                  "t12"."b_port",
                  "t12"."session",
                  COUNT(*) FILTER(WHERE
                    "t12"."from_a" AND NOT (
                      "t12"."refused"
                    )) AS "a_acc",
                  COUNT(*) FILTER(WHERE
                    "t12"."from_a" AND "t12"."refused") AS "a_rej",
                  BOOL_OR(
                    "t12"."from_a"
                    AND NOT (
                      "t12"."refused"
                    )
                    AND (
                      (
                        BITWISE_AND("t12"."flags", 1)
                      ) > 0
                    )
                  ) AS "a_fin",
                  BOOL_OR(
                    "t12"."from_a"
                    AND "t12"."refused"
                    AND (
                      (
                        BITWISE_AND("t12"."flags", 18)
                      ) = 2
                    )
                  ) AS "a_new",
                  COALESCE(
                    BOOL_OR("t12"."from_a" AND (
                      (
                        BITWISE_AND("t12"."flags", 18)
                      ) = 2
                    )),
                    FALSE
                  ) AS "a_starts",
                  COALESCE(
                    BOOL_OR("t12"."from_a" AND (
                      (
                        BITWISE_AND("t12"."flags", 18)
                      ) = 18
                    )),
                    FALSE
                  ) AS "a_opens",
                  MIN("t12"."start") FILTER(WHERE
                    "t12"."from_a") AS "a_first",
                  COUNT(*) FILTER(WHERE
                    NOT (
                      "t12"."from_a"
                    ) AND NOT (
                      "t12"."refused"
                    )) AS "b_acc",
                  COUNT(*) FILTER(WHERE
                    NOT (
                      "t12"."from_a"
                    ) AND "t12"."refused") AS "b_rej",
                  BOOL_OR(
                    NOT (
                      "t12"."from_a"
                    )
                    AND NOT (
                      "t12"."refused"
                    )
                    AND (
                      (
                        BITWISE_AND("t12"."flags", 1)
                      ) > 0
                    )
                  ) AS "b_fin",
                  BOOL_OR(
                    NOT (
                      "t12"."from_a"
                    )
                    AND "t12"."refused"
                    AND (
                      (
                        BITWISE_AND("t12"."flags", 18)
                      ) = 2
                    )
                  ) AS "b_new",
                  COALESCE(
                    BOOL_OR(NOT (
                      "t12"."from_a"
                    ) AND (
                      (
                        BITWISE_AND("t12"."flags", 18)
                      ) = 2
                    )),
                    FALSE
                  ) AS "b_starts",
                  COALESCE(
                    BOOL_OR(NOT (
                      "t12"."from_a"
                    ) AND (
                      (
                        BITWISE_AND("t12"."flags", 18)
                      ) = 18
                    )),
                    FALSE
                  ) AS "b_opens",
                  MIN("t12"."start") FILTER(WHERE
                    NOT (
                      "t12"."from_a"
                    )) AS "b_first",
                  CAST(COALESCE(SUM(CAST("t12"."packets" AS DOUBLE)) FILTER(WHERE
                    "t12"."refused"), 0) AS BIGINT) AS "packets",
                  CAST(COALESCE(SUM(CAST("t12"."bytes" AS DOUBLE)) FILTER(WHERE
                    "t12"."refused"), 0) AS BIGINT) AS "bytes",
                  MAX("t12"."end") FILTER(WHERE
                    NOT (
                      "t12"."refused"
                    )) AS "acc_last",
                  MIN("t12"."start") FILTER(WHERE
                    "t12"."refused") AS "rej_first",
                  MAX("t12"."end") FILTER(WHERE
                    "t12"."refused") AS "rej_last",
                  BOOL_OR("t12"."flags" IS NOT NULL) AS "flagged",
                  BOOL_OR(NOT (
                    "t12"."refused"
                  ) AND (
                    (
                      BITWISE_AND("t12"."flags", 4)
                    ) > 0
                  )) AS "reset",
                  BOOL_OR("t12"."egress" = "t12"."from_a") AS "a_leaves",
                  MAX("t12"."reject_reason") AS "reject_reason",
                  MAX("t12"."subnet_id") AS "subnet_id"
                FROM (
                  SELECT
                    "t11"."interface_id",
                    "t11"."protocol",
                    "t11"."refused",
                    "t11"."packets",
                    "t11"."bytes",
                    "t11"."start",
                    "t11"."end",
                    "t11"."reject_reason",
                    "t11"."subnet_id",
                    "t11"."a_addr",
                    "t11"."a_port",
                    "t11"."b_addr",
                    "t11"."b_port",
                    "t11"."from_a",
                    "t11"."flags",
                    "t11"."egress",
                    "t11"."fresh",
                    SUM(CAST("t11"."fresh" AS BIGINT)) OVER (
                      PARTITION BY "t11"."interface_id", "t11"."protocol", "t11"."a_addr", "t11"."a_port", "t11"."b_addr", "t11"."b_port"
                      ORDER BY "t11"."start" ASC, "t11"."end" ASC
                      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                    ) AS "session"
                  FROM (
                    SELECT
                      "t10"."interface_id",
                      "t10"."protocol",
                      "t10"."refused",
                      "t10"."packets",
                      "t10"."bytes",
                      "t10"."start",
                      "t10"."end",
                      "t10"."reject_reason",
                      "t10"."subnet_id",
                      "t10"."a_addr",
                      "t10"."a_port",
                      "t10"."b_addr",
                      "t10"."b_port",
                      "t10"."from_a",
                      "t10"."flags",
                      "t10"."egress",
                      COALESCE(
                        (
                          "t10"."start" - LAG("t10"."end") OVER (
                            PARTITION BY "t10"."interface_id", "t10"."protocol", "t10"."a_addr", "t10"."a_port", "t10"."b_addr", "t10"."b_port"
                            ORDER BY "t10"."start" ASC, "t10"."end" ASC
                          )
                        ) > 350,
                        FALSE
                      ) AS "fresh"
                    FROM (
                      SELECT
                        "t2"."interface_id",
                        "t2"."protocol",
                        "t2"."refused",
                        "t2"."packets",
                        "t2"."bytes",
                        "t2"."start",
                        "t2"."end",
                        "t2"."reject_reason",
                        "t2"."subnet_id",
                        "t2"."a_addr",
                        "t2"."a_port",
                        "t2"."b_addr",
                        "t2"."b_port",
                        "t2"."from_a",
                        "t2"."flags",
                        "t2"."egress"
                      FROM "temp"."main"."kept_3" AS "t2"
                      WHERE
                        EXISTS(
                          SELECT
                            1
                          FROM (
                            SELECT
                              "t4"."interface_id",
                              "t4"."protocol",
                              "t4"."a_addr",
                              "t4"."a_port",
                              "t4"."b_addr",
                              "t4"."b_port",
                              "t4"."a_acc",
                              "t4"."a_rej",
                              "t4"."a_fin",
                              "t4"."a_new",
                              "t4"."a_starts",
                              "t4"."a_opens",
                              "t4"."a_first",
                              "t4"."b_acc",
                              "t4"."b_rej",
                              "t4"."b_fin",
                              "t4"."b_new",
                              "t4"."b_starts",
                              "t4"."b_opens",
                              "t4"."b_first",
                              "t4"."packets",
                              "t4"."bytes",
                              "t4"."acc_last",
                              "t4"."rej_first",
                              "t4"."rej_last",
                              "t4"."flagged",
                              "t4"."reset",
                              "t4"."a_leaves",
                              "t4"."reject_reason",
                              "t4"."subnet_id",
                              COALESCE(
                                IF("t4"."a_first" <= "t4"."b_first", "t4"."a_first", "t4"."b_first"),
                                "t4"."a_first"
                              ) AS "first",
                              IF("t4"."acc_last" > "t4"."rej_last", "t4"."acc_last", "t4"."rej_last") AS "last"
                            FROM "t3" AS "t4"
                            WHERE
                              (
                                (
                                  "t4"."a_rej" > 0
                                ) OR (
                                  "t4"."b_rej" > 0
                                )
                              )
                              AND (
                                IF("t4"."acc_last" > "t4"."rej_last", "t4"."acc_last", "t4"."rej_last") - COALESCE(
                                  IF("t4"."a_first" <= "t4"."b_first", "t4"."a_first", "t4"."b_first"),
                                  "t4"."a_first"
                                )
                              ) > 350
                          ) AS "t8"
                          WHERE
                            "t2"."interface_id" = "t8"."interface_id"
                            AND "t2"."protocol" = "t8"."protocol"
                            AND "t2"."a_addr" = "t8"."a_addr"
                            AND "t2"."a_port" = "t8"."a_port"
                            AND "t2"."b_addr" = "t8"."b_addr"
                            AND "t2"."b_port" = "t8"."b_port"
                        )
                    ) AS "t10"
                  ) AS "t11"
                ) AS "t12"
                GROUP BY
                  1,
                  2,
                  3,
                  4,
                  5,
                  6,
                  7
              ) AS "t13"
              WHERE
                (
                  "t13"."a_rej" > 0
                ) OR (
                  "t13"."b_rej" > 0
                )
            ) AS "t14"
          ) AS "t15"
        ) AS "t16"
      ) AS "t17"
    ) AS "t18"
  ) AS "t19"
) AS "t20"
GROUP BY
  1,
  2,
  3,
  4,
  5,
  6,
  7;

-- rejected
SELECT
  *
FROM "temp"."main"."kept_4" AS "t0"
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

-- rejected
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
    FROM "temp"."main"."kept_4" AS "t0"
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

-- rejected
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
  FROM "temp"."main"."kept_4" AS "t0"
  GROUP BY
    1
) AS "t1"
ORDER BY
  "t1"."fate" ASC;

-- rejected
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

-- rejected
SELECT
  "t1"."interface_id",
  MAX("t1"."subnet_id") AS "subnet_id"
FROM (
  SELECT
    *
  FROM "flows" AS "t0"
  WHERE
    (
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

-- rejected
SELECT
  COUNT(*) AS "CountStar()"
FROM (
  SELECT
    *
  FROM "flows" AS "t0"
  WHERE
    (
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

-- rejected
SELECT
  "t6"."interface_id",
  "t6"."server",
  "t6"."protocol",
  "t6"."server_port",
  MIN("t6"."client") AS "least",
  MAX("t6"."client") AS "most",
  MAX("t6"."subnet_id") AS "subnet_id",
  MIN("t6"."start") AS "first",
  MAX("t6"."end") AS "last",
  COUNT(*) AS "records"
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t4"."start",
      "t4"."end",
      "t4"."subnet_id",
      "t4"."interface_id",
      "t4"."client",
      "t4"."server",
      "t4"."protocol",
      "t4"."srcport",
      "t4"."server_port",
      "t2"."here"
    FROM (
      SELECT
        "t0"."start",
        "t0"."end",
        "t0"."subnet_id",
        COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
        "t0"."srcaddr" AS "client",
        "t0"."dstaddr" AS "server",
        COALESCE("t0"."protocol", -1) AS "protocol",
        COALESCE("t0"."srcport", -1) AS "srcport",
        COALESCE("t0"."dstport", -1) AS "server_port"
      FROM "flows" AS "t0"
      WHERE
        (
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
    ) AS "t4"
    INNER JOIN "given_1" AS "t2"
      ON "t4"."server" = "t2"."server"
      AND "t4"."protocol" = "t2"."protocol"
      AND "t4"."server_port" = "t2"."server_port"
  ) AS "t5"
  WHERE
    (
      "t5"."here" = ''
    ) OR (
      "t5"."here" = "t5"."interface_id"
    )
) AS "t6"
GROUP BY
  1,
  2,
  3,
  4;

-- rejected
SELECT
  "t7"."client",
  IF("t7"."asked" = 1, "t7"."interface_id", NULL) AS "interface_id",
  IF("t7"."asked" = 1, "t7"."protocol", NULL) AS "protocol",
  IF("t7"."asked" = 1, "t7"."server_port", NULL) AS "server_port",
  COUNT(*) FILTER(WHERE
    "t7"."server_port" < 32768) AS "known",
  MAX("t7"."subnet_id") AS "subnet_id",
  MIN("t7"."start") AS "first",
  MAX("t7"."end") AS "last",
  COUNT(*) AS "records"
FROM (
  SELECT
    "t6"."start",
    "t6"."end",
    "t6"."subnet_id",
    "t6"."interface_id",
    "t6"."client",
    "t6"."server",
    "t6"."protocol",
    "t6"."srcport",
    "t6"."server_port",
    "t4"."client" AS "client_right",
    "t4"."protocol" AS "protocol_right",
    "t4"."server_port" AS "server_port_right",
    "t4"."asked"
  FROM (
    SELECT
      "t0"."start",
      "t0"."end",
      "t0"."subnet_id",
      COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
      "t0"."srcaddr" AS "client",
      "t0"."dstaddr" AS "server",
      COALESCE("t0"."protocol", -1) AS "protocol",
      COALESCE("t0"."srcport", -1) AS "srcport",
      COALESCE("t0"."dstport", -1) AS "server_port"
    FROM "flows" AS "t0"
    WHERE
      (
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
  ) AS "t6"
  LEFT OUTER JOIN "given_2" AS "t4"
    ON "t6"."client" = "t4"."client"
    AND "t6"."protocol" = "t4"."protocol"
    AND "t6"."server_port" = "t4"."server_port"
  WHERE
    EXISTS(
      SELECT
        1
      FROM "given_3" AS "t3"
      WHERE
        "t6"."client" = "t3"."client"
    )
) AS "t7"
GROUP BY
  1,
  2,
  3,
  4;

-- rejected
SELECT
  "t7"."interface_id",
  "t7"."server",
  "t7"."protocol",
  "t7"."server_port",
  COUNT(*) AS "answers"
FROM (
  SELECT
    "t6"."start",
    "t6"."end",
    "t6"."subnet_id",
    "t6"."interface_id",
    "t6"."server",
    "t6"."protocol",
    "t6"."server_port"
  FROM (
    SELECT
      "t4"."start",
      "t4"."end",
      "t4"."subnet_id",
      "t4"."interface_id",
      "t4"."client" AS "server",
      "t4"."protocol",
      "t4"."srcport" AS "server_port"
    FROM (
      SELECT
        "t3"."start",
        "t3"."end",
        "t3"."subnet_id",
        "t3"."interface_id",
        "t3"."client",
        "t3"."protocol",
        "t3"."srcport"
      FROM (
        SELECT
          "t1"."start",
          "t1"."end",
          "t1"."subnet_id",
          COALESCE("t1"."interface_id", "t1"."resource_id", '-') AS "interface_id",
          "t1"."srcaddr" AS "client",
          "t1"."dstaddr" AS "server",
          COALESCE("t1"."protocol", -1) AS "protocol",
          COALESCE("t1"."srcport", -1) AS "srcport",
          COALESCE("t1"."dstport", -1) AS "server_port"
        FROM "flows" AS "t1"
        WHERE
          (
            (
              "t1"."log_status" IS NULL
            ) OR (
              "t1"."log_status" = 'OK'
            )
          )
          AND "t1"."srcaddr" IS NOT NULL
          AND "t1"."dstaddr" IS NOT NULL
          AND "t1"."action" IS NOT NULL
          AND "t1"."action" = 'ACCEPT'
      ) AS "t3"
    ) AS "t4"
  ) AS "t6"
  INNER JOIN "given_4" AS "t2"
    ON "t6"."interface_id" = "t2"."interface_id"
    AND "t6"."server" = "t2"."server"
    AND "t6"."protocol" = "t2"."protocol"
    AND "t6"."server_port" = "t2"."server_port"
) AS "t7"
GROUP BY
  1,
  2,
  3,
  4;

-- rejected
SELECT
  *
FROM (
  SELECT
    "t8"."client",
    COUNT(*) AS "contacts",
    SUM(CAST("t8"."failed" AS INTEGER)) AS "refused",
    COUNT(DISTINCT "t8"."server") AS "servers",
    COUNT(DISTINCT "t8"."port") AS "ports",
    MIN("t8"."nth") FILTER(WHERE
      "t8"."walk" >= 4) AS "up",
    MIN("t8"."nth") FILTER(WHERE
      "t8"."walk" <= -4) AS "down"
  FROM (
    SELECT
      "t7"."client",
      "t7"."server",
      "t7"."protocol",
      "t7"."port",
      "t7"."first",
      "t7"."failed",
      SUM(IF("t7"."failed", 1, -1)) OVER (
        PARTITION BY "t7"."client"
        ORDER BY "t7"."first" ASC, "t7"."server" ASC, "t7"."protocol" ASC, "t7"."port" ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "walk",
      COUNT("t7"."server") OVER (
        PARTITION BY "t7"."client"
        ORDER BY "t7"."first" ASC, "t7"."server" ASC, "t7"."protocol" ASC, "t7"."port" ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "nth"
    FROM (
      SELECT
        "t6"."srcaddr" AS "client",
        "t6"."dstaddr" AS "server",
        "t6"."protocol",
        COALESCE("t6"."dstport", -1) AS "port",
        MIN("t6"."start") AS "first",
        SUM(CAST("t6"."action" = 'ACCEPT' AS INTEGER)) = 0 AS "failed"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t4"."version",
            "t4"."account_id",
            "t4"."interface_id",
            "t4"."srcaddr",
            "t4"."dstaddr",
            "t4"."srcport",
            "t4"."dstport",
            "t4"."protocol",
            "t4"."packets",
            "t4"."bytes",
            "t4"."start",
            "t4"."end",
            "t4"."action",
            "t4"."log_status",
            "t4"."vpc_id",
            "t4"."subnet_id",
            "t4"."instance_id",
            "t4"."tcp_flags",
            "t4"."type",
            "t4"."pkt_srcaddr",
            "t4"."pkt_dstaddr",
            "t4"."region",
            "t4"."az_id",
            "t4"."sublocation_type",
            "t4"."sublocation_id",
            "t4"."pkt_src_aws_service",
            "t4"."pkt_dst_aws_service",
            "t4"."flow_direction",
            "t4"."traffic_path",
            "t4"."ecs_cluster_arn",
            "t4"."ecs_cluster_name",
            "t4"."ecs_container_instance_arn",
            "t4"."ecs_container_instance_id",
            "t4"."ecs_container_id",
            "t4"."ecs_second_container_id",
            "t4"."ecs_service_name",
            "t4"."ecs_task_definition_arn",
            "t4"."ecs_task_arn",
            "t4"."ecs_task_id",
            "t4"."reject_reason",
            "t4"."resource_id",
            "t4"."encryption_status",
            "t4"."instance_tag",
            "t4"."instance_tag_2",
            "t4"."interface_tag",
            "t4"."interface_tag_2",
            "t4"."asg_tag",
            "t4"."asg_tag_2",
            "t4"."interface_type",
            "t4"."next_hop_interface_id",
            "t4"."next_hop_subnet_id",
            "t4"."next_hop_az_id",
            "t4"."next_hop_vpc_id",
            "t4"."next_hop_interface_type",
            "t4"."file_id",
            "t4"."duplicate"
          FROM (
            SELECT
              *
            FROM "flows" AS "t0"
            WHERE
              (
                (
                  "t0"."log_status" IS NULL
                ) OR (
                  "t0"."log_status" = 'OK'
                )
              )
              AND "t0"."srcaddr" IS NOT NULL
              AND "t0"."dstaddr" IS NOT NULL
              AND "t0"."action" IS NOT NULL
          ) AS "t4"
          WHERE
            EXISTS(
              SELECT
                1
              FROM "given_5" AS "t2"
              WHERE
                "t4"."srcaddr" = "t2"."client"
            )
        ) AS "t5"
        WHERE
          (
            "t5"."action" = 'REJECT'
          ) OR (
            COALESCE("t5"."dstport", -1) < 32768
          )
      ) AS "t6"
      GROUP BY
        1,
        2,
        3,
        4
    ) AS "t7"
  ) AS "t8"
  GROUP BY
    1
) AS "t9"
ORDER BY
  "t9"."client" ASC;

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
          INNER JOIN "given_6" AS "t2"
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
  INNER JOIN "given_7" AS "t2"
    ON "t5"."owner" = "t2"."owner" AND "t5"."minute" = "t2"."minute"
) AS "t6"
WHERE
  "t6"."middle" >= "t6"."opens" AND "t6"."middle" < "t6"."shuts";

-- samples
SELECT
  *
FROM (
  SELECT
    "t8"."version",
    "t8"."account_id",
    "t8"."interface_id",
    "t8"."srcaddr",
    "t8"."dstaddr",
    "t8"."srcport",
    "t8"."dstport",
    "t8"."protocol",
    "t8"."packets",
    "t8"."bytes",
    "t8"."start",
    "t8"."end",
    "t8"."action",
    "t8"."log_status",
    "t8"."at",
    "t8"."by",
    "t8"."sport",
    "t8"."dport",
    "t8"."asked",
    "t8"."told",
    "t8"."mark",
    ROW_NUMBER() OVER (
      PARTITION BY "t8"."mark"
      ORDER BY "t8"."start" ASC, "t8"."end" ASC, "t8"."srcport" ASC, "t8"."packets" ASC
    ) - 1 AS "nth"
  FROM (
    SELECT
      "t7"."version",
      "t7"."account_id",
      "t7"."interface_id",
      "t7"."srcaddr",
      "t7"."dstaddr",
      "t7"."srcport",
      "t7"."dstport",
      "t7"."protocol",
      "t7"."packets",
      "t7"."bytes",
      "t7"."start",
      "t7"."end",
      "t7"."action",
      "t7"."log_status",
      "t7"."at",
      "t7"."by",
      "t7"."sport",
      "t7"."dport",
      "t7"."asked",
      "t7"."told",
      COALESCE("t7"."asked", "t7"."told") AS "mark"
    FROM (
      SELECT
        "t6"."version",
        "t6"."account_id",
        "t6"."interface_id",
        "t6"."srcaddr",
        "t6"."dstaddr",
        "t6"."srcport",
        "t6"."dstport",
        "t6"."protocol",
        "t6"."packets",
        "t6"."bytes",
        "t6"."start",
        "t6"."end",
        "t6"."action",
        "t6"."log_status",
        "t6"."at",
        "t6"."by",
        "t6"."sport",
        "t6"."dport",
        "t3"."asked",
        "t4"."told"
      FROM (
        SELECT
          "t0"."version",
          "t0"."account_id",
          "t0"."interface_id",
          "t0"."srcaddr",
          "t0"."dstaddr",
          "t0"."srcport",
          "t0"."dstport",
          "t0"."protocol",
          "t0"."packets",
          "t0"."bytes",
          "t0"."start",
          "t0"."end",
          "t0"."action",
          "t0"."log_status",
          COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "at",
          CAST(COALESCE("t0"."protocol", -1) AS BIGINT) AS "by",
          CAST(COALESCE("t0"."srcport", -1) AS BIGINT) AS "sport",
          CAST(COALESCE("t0"."dstport", -1) AS BIGINT) AS "dport"
        FROM "flows" AS "t0"
        WHERE
          (
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
      ) AS "t6"
      LEFT OUTER JOIN "given_8" AS "t3"
        ON "t6"."at" = "t3"."at"
        AND "t6"."by" = "t3"."by"
        AND "t6"."srcaddr" = "t3"."srcaddr"
        AND "t6"."dstaddr" = "t3"."dstaddr"
        AND "t6"."dport" = "t3"."dport"
      LEFT OUTER JOIN "given_9" AS "t4"
        ON "t6"."at" = "t4"."at"
        AND "t6"."by" = "t4"."by"
        AND "t6"."srcaddr" = "t4"."srcaddr"
        AND "t6"."dstaddr" = "t4"."dstaddr"
        AND "t6"."sport" = "t4"."sport"
    ) AS "t7"
    WHERE
      COALESCE("t7"."asked", "t7"."told") IS NOT NULL
  ) AS "t8"
) AS "t9"
WHERE
  "t9"."nth" < 3
ORDER BY
  "t9"."mark" ASC,
  "t9"."nth" ASC;

-- rule_use
WITH "t13" AS (
  SELECT
    "t10"."interface_id",
    "t10"."protocol",
    "t10"."a_addr",
    "t10"."a_port",
    "t10"."b_addr",
    "t10"."b_port",
    MAX("t10"."end") AS "last",
    MAX("t10"."start") FILTER(WHERE
      (
        BITWISE_AND("t10"."flags", 2)
      ) > 0) AS "last_syn",
    MIN("t10"."end") FILTER(WHERE
      (
        BITWISE_AND("t10"."flags", 5)
      ) > 0) AS "first_close",
    CAST(SUM(CAST(IF("t10"."from_a", "t10"."packets", 0) AS DOUBLE)) AS BIGINT) AS "a_packets",
    CAST(SUM(CAST(IF("t10"."from_a", "t10"."bytes", 0) AS DOUBLE)) AS BIGINT) AS "a_bytes",
    CAST(SUM(CAST(IF("t10"."from_a", IF("t10"."refused", 67108864, 1), 0) AS DOUBLE)) AS BIGINT) AS "a_records",
    CAST(SUM(
      CAST(IF(
        "t10"."from_a" AND (
          "t10"."flags" IS NOT NULL
        ),
        CASE
          WHEN (
            BITWISE_AND("t10"."flags", 18)
          ) = 2
          THEN 1
          WHEN (
            BITWISE_AND("t10"."flags", 18)
          ) = 18
          THEN 67108864
          ELSE 0
        END,
        NULL
      ) AS DOUBLE)
    ) AS BIGINT) AS "a_syns",
    CAST(SUM(
      CAST(IF(
        "t10"."from_a" AND (
          "t10"."flags" IS NOT NULL
        ),
        IF((
          BITWISE_AND("t10"."flags", 1)
        ) > 0, 1, 0) + IF((
          BITWISE_AND("t10"."flags", 4)
        ) > 0, 67108864, 0),
        NULL
      ) AS DOUBLE)
    ) AS BIGINT) AS "a_closes",
    MIN(IF("t10"."from_a", "t10"."start", CAST(NULL AS BIGINT))) AS "a_first",
    CAST(SUM(CAST(IF(NOT (
      "t10"."from_a"
    ), "t10"."packets", 0) AS DOUBLE)) AS BIGINT) AS "b_packets",
    CAST(SUM(CAST(IF(NOT (
      "t10"."from_a"
    ), "t10"."bytes", 0) AS DOUBLE)) AS BIGINT) AS "b_bytes",
    CAST(SUM(
      CAST(IF(NOT (
        "t10"."from_a"
      ), IF("t10"."refused", 67108864, 1), 0) AS DOUBLE)
    ) AS BIGINT) AS "b_records",
    CAST(SUM(
      CAST(IF(
        NOT (
          "t10"."from_a"
        ) AND (
          "t10"."flags" IS NOT NULL
        ),
        CASE
          WHEN (
            BITWISE_AND("t10"."flags", 18)
          ) = 2
          THEN 1
          WHEN (
            BITWISE_AND("t10"."flags", 18)
          ) = 18
          THEN 67108864
          ELSE 0
        END,
        NULL
      ) AS DOUBLE)
    ) AS BIGINT) AS "b_syns",
    CAST(SUM(
      CAST(IF(
        NOT (
          "t10"."from_a"
        ) AND (
          "t10"."flags" IS NOT NULL
        ),
        IF((
          BITWISE_AND("t10"."flags", 1)
        ) > 0, 1, 0) + IF((
          BITWISE_AND("t10"."flags", 4)
        ) > 0, 67108864, 0),
        NULL
      ) AS DOUBLE)
    ) AS BIGINT) AS "b_closes",
    MIN(IF(NOT (
      "t10"."from_a"
    ), "t10"."start", CAST(NULL AS BIGINT))) AS "b_first"
  FROM (
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
  ) AS "t10"
  GROUP BY
    1,
    2,
    3,
    4,
    5,
    6
), "t22" AS (
  SELECT
    "t21"."protocol",
    "t21"."addr",
    "t21"."port",
    COUNT(*) AS "fan_in"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          NULLIF("t14"."protocol", -1) AS "protocol",
          "t14"."a_addr" AS "addr",
          NULLIF("t14"."a_port", -1) AS "port",
          NULLIF("t14"."b_port", -1) AS "other"
        FROM "t13" AS "t14"
        WHERE
          NULLIF("t14"."protocol", -1) IN (6, 17, 33, 132, 136)
          AND (
            BITWISE_AND("t14"."a_records", 67108863)
          ) > 0
          AND (
            BITWISE_AND("t14"."b_records", 67108863)
          ) > 0
      ) AS "t15"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          NULLIF("t14"."protocol", -1) AS "protocol",
          "t14"."b_addr" AS "addr",
          NULLIF("t14"."b_port", -1) AS "port",
          NULLIF("t14"."a_port", -1) AS "other"
        FROM "t13" AS "t14"
        WHERE
          NULLIF("t14"."protocol", -1) IN (6, 17, 33, 132, 136)
          AND (
            BITWISE_AND("t14"."a_records", 67108863)
          ) > 0
          AND (
            BITWISE_AND("t14"."b_records", 67108863)
          ) > 0
      ) AS "t16"
    ) AS "t17"
    WHERE
      COALESCE(
        "t17"."port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
        FALSE
      )
      OR NOT (
        COALESCE(
          "t17"."other" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
          FALSE
        )
      )
  ) AS "t21"
  GROUP BY
    1,
    2,
    3
), "t47" AS (
  SELECT
    "t46"."interface_id",
    "t46"."direction",
    "t46"."protocol",
    "t46"."server_port",
    "t46"."far",
    "t46"."sessions",
    "t46"."first",
    "t46"."last",
    "t46"."place",
    COUNT("t46"."far") OVER (
      PARTITION BY "t46"."interface_id", "t46"."direction", "t46"."protocol", "t46"."server_port", "t46"."place"
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS "like"
  FROM (
    SELECT
      "t45"."interface_id",
      "t45"."direction",
      "t45"."protocol",
      "t45"."server_port",
      "t45"."far",
      "t45"."sessions",
      "t45"."first",
      "t45"."last",
      CASE
        WHEN NOT (
          REGEXP_LIKE(
            "t45"."far",
            '^2001:db8:10:a0:0:0:23ef:aaae$|^2001:db8:10:a0::23ef:aaae(:[0-9a-f]{1,4}){0}$|^2001:db8:10:a1:0:0:9853:da3d$|^2001:db8:10:a1::9853:da3d(:[0-9a-f]{1,4}){0}$|^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$|^10[.]16[.]0[.]152$|^10[.]16[.]0[.]56$|^10[.]16[.]1[.]21$|^10[.]16[.]10[.]199$|^10[.]16[.]10[.]233$|^10[.]16[.]11[.]196$|^10[.]16[.]11[.]231$|^10[.]16[.]11[.]43$|^10[.]16[.]20[.]6$|^10[.]16[.]21[.]237$|^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$|^3[.]5[.]64[.]|^3[.]5[.]65[.]|^3[.]5[.]66[.]|^3[.]5[.]67[.]|^3[.]5[.]68[.]|^3[.]5[.]69[.]|^3[.]5[.]70[.]|^3[.]5[.]71[.]|^52[.]218[.]0[.]|^52[.]218[.]1[.]|^52[.]218[.]2[.]|^52[.]218[.]3[.]|^52[.]218[.]4[.]|^52[.]218[.]5[.]|^52[.]218[.]6[.]|^52[.]218[.]7[.]|^52[.]218[.]8[.]|^52[.]218[.]9[.]|^52[.]218[.]10[.]|^52[.]218[.]11[.]|^52[.]218[.]12[.]|^52[.]218[.]13[.]|^52[.]218[.]14[.]|^52[.]218[.]15[.]|^52[.]218[.]16[.]|^52[.]218[.]17[.]|^52[.]218[.]18[.]|^52[.]218[.]19[.]|^52[.]218[.]20[.]|^52[.]218[.]21[.]|^52[.]218[.]22[.]|^52[.]218[.]23[.]|^52[.]218[.]24[.]|^52[.]218[.]25[.]|^52[.]218[.]26[.]|^52[.]218[.]27[.]|^52[.]218[.]28[.]|^52[.]218[.]29[.]|^52[.]218[.]30[.]|^52[.]218[.]31[.]|^52[.]218[.]32[.]|^52[.]218[.]33[.]|^52[.]218[.]34[.]|^52[.]218[.]35[.]|^52[.]218[.]36[.]|^52[.]218[.]37[.]|^52[.]218[.]38[.]|^52[.]218[.]39[.]|^52[.]218[.]40[.]|^52[.]218[.]41[.]|^52[.]218[.]42[.]|^52[.]218[.]43[.]|^52[.]218[.]44[.]|^52[.]218[.]45[.]|^52[.]218[.]46[.]|^52[.]218[.]47[.]|^52[.]218[.]48[.]|^52[.]218[.]49[.]|^52[.]218[.]50[.]|^52[.]218[.]51[.]|^52[.]218[.]52[.]|^52[.]218[.]53[.]|^52[.]218[.]54[.]|^52[.]218[.]55[.]|^52[.]218[.]56[.]|^52[.]218[.]57[.]|^52[.]218[.]58[.]|^52[.]218[.]59[.]|^52[.]218[.]60[.]|^52[.]218[.]61[.]|^52[.]218[.]62[.]|^52[.]218[.]63[.]|^52[.]218[.]64[.]|^52[.]218[.]65[.]|^52[.]218[.]66[.]|^52[.]218[.]67[.]|^52[.]218[.]68[.]|^52[.]218[.]69[.]|^52[.]218[.]70[.]|^52[.]218[.]71[.]|^52[.]218[.]72[.]|^52[.]218[.]73[.]|^52[.]218[.]74[.]|^52[.]218[.]75[.]|^52[.]218[.]76[.]|^52[.]218[.]77[.]|^52[.]218[.]78[.]|^52[.]218[.]79[.]|^52[.]218[.]80[.]|^52[.]218[.]81[.]|^52[.]218[.]82[.]|^52[.]218[.]83[.]|^52[.]218[.]84[.]|^52[.]218[.]85[.]|^52[.]218[.]86[.]|^52[.]218[.]87[.]|^52[.]218[.]88[.]|^52[.]218[.]89[.]|^52[.]218[.]90[.]|^52[.]218[.]91[.]|^52[.]218[.]92[.]|^52[.]218[.]93[.]|^52[.]218[.]94[.]|^52[.]218[.]95[.]|^52[.]218[.]96[.]|^52[.]218[.]97[.]|^52[.]218[.]98[.]|^52[.]218[.]99[.]|^52[.]218[.]100[.]|^52[.]218[.]101[.]|^52[.]218[.]102[.]|^52[.]218[.]103[.]|^52[.]218[.]104[.]|^52[.]218[.]105[.]|^52[.]218[.]106[.]|^52[.]218[.]107[.]|^52[.]218[.]108[.]|^52[.]218[.]109[.]|^52[.]218[.]110[.]|^52[.]218[.]111[.]|^52[.]218[.]112[.]|^52[.]218[.]113[.]|^52[.]218[.]114[.]|^52[.]218[.]115[.]|^52[.]218[.]116[.]|^52[.]218[.]117[.]|^52[.]218[.]118[.]|^52[.]218[.]119[.]|^52[.]218[.]120[.]|^52[.]218[.]121[.]|^52[.]218[.]122[.]|^52[.]218[.]123[.]|^52[.]218[.]124[.]|^52[.]218[.]125[.]|^52[.]218[.]126[.]|^52[.]218[.]127[.]|^169[.]254[.]|^192[.]168[.]|^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]|^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]|^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:|^10[.]|^127[.]|^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:'
          )
        )
        THEN IF(
          STRPOS("t45"."far", ':') > 0,
          '::/0',
          IF(STRPOS("t45"."far", '.') > 0, '0.0.0.0/0', 'internet')
        )
        WHEN REGEXP_LIKE(
          "t45"."far",
          '^2001:db8:10:a0:0:0:23ef:aaae$|^2001:db8:10:a0::23ef:aaae(:[0-9a-f]{1,4}){0}$'
        )
        THEN '2001:db8:10:a0::23ef:aaae/128'
        WHEN REGEXP_LIKE(
          "t45"."far",
          '^2001:db8:10:a1:0:0:9853:da3d$|^2001:db8:10:a1::9853:da3d(:[0-9a-f]{1,4}){0}$'
        )
        THEN '2001:db8:10:a1::9853:da3d/128'
        WHEN REGEXP_LIKE("t45"."far", '^0:0:0:0:0:0:0:1$|^::1(:[0-9a-f]{1,4}){0}$')
        THEN '::1/128'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]0[.]152$')
        THEN '10.16.0.152/32'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]0[.]56$')
        THEN '10.16.0.56/32'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]1[.]21$')
        THEN '10.16.1.21/32'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]10[.]199$')
        THEN '10.16.10.199/32'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]10[.]233$')
        THEN '10.16.10.233/32'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]11[.]196$')
        THEN '10.16.11.196/32'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]11[.]231$')
        THEN '10.16.11.231/32'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]11[.]43$')
        THEN '10.16.11.43/32'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]20[.]6$')
        THEN '10.16.20.6/32'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]16[.]21[.]237$')
        THEN '10.16.21.237/32'
        WHEN REGEXP_LIKE(
          "t45"."far",
          '^203[.]0[.]113[.]96$|^203[.]0[.]113[.]97$|^203[.]0[.]113[.]98$|^203[.]0[.]113[.]99$|^203[.]0[.]113[.]100$|^203[.]0[.]113[.]101$|^203[.]0[.]113[.]102$|^203[.]0[.]113[.]103$|^203[.]0[.]113[.]104$|^203[.]0[.]113[.]105$|^203[.]0[.]113[.]106$|^203[.]0[.]113[.]107$|^203[.]0[.]113[.]108$|^203[.]0[.]113[.]109$|^203[.]0[.]113[.]110$|^203[.]0[.]113[.]111$'
        )
        THEN '203.0.113.96/28'
        WHEN REGEXP_LIKE(
          "t45"."far",
          '^3[.]5[.]64[.]|^3[.]5[.]65[.]|^3[.]5[.]66[.]|^3[.]5[.]67[.]|^3[.]5[.]68[.]|^3[.]5[.]69[.]|^3[.]5[.]70[.]|^3[.]5[.]71[.]'
        )
        THEN '3.5.64.0/21'
        WHEN REGEXP_LIKE(
          "t45"."far",
          '^52[.]218[.]0[.]|^52[.]218[.]1[.]|^52[.]218[.]2[.]|^52[.]218[.]3[.]|^52[.]218[.]4[.]|^52[.]218[.]5[.]|^52[.]218[.]6[.]|^52[.]218[.]7[.]|^52[.]218[.]8[.]|^52[.]218[.]9[.]|^52[.]218[.]10[.]|^52[.]218[.]11[.]|^52[.]218[.]12[.]|^52[.]218[.]13[.]|^52[.]218[.]14[.]|^52[.]218[.]15[.]|^52[.]218[.]16[.]|^52[.]218[.]17[.]|^52[.]218[.]18[.]|^52[.]218[.]19[.]|^52[.]218[.]20[.]|^52[.]218[.]21[.]|^52[.]218[.]22[.]|^52[.]218[.]23[.]|^52[.]218[.]24[.]|^52[.]218[.]25[.]|^52[.]218[.]26[.]|^52[.]218[.]27[.]|^52[.]218[.]28[.]|^52[.]218[.]29[.]|^52[.]218[.]30[.]|^52[.]218[.]31[.]|^52[.]218[.]32[.]|^52[.]218[.]33[.]|^52[.]218[.]34[.]|^52[.]218[.]35[.]|^52[.]218[.]36[.]|^52[.]218[.]37[.]|^52[.]218[.]38[.]|^52[.]218[.]39[.]|^52[.]218[.]40[.]|^52[.]218[.]41[.]|^52[.]218[.]42[.]|^52[.]218[.]43[.]|^52[.]218[.]44[.]|^52[.]218[.]45[.]|^52[.]218[.]46[.]|^52[.]218[.]47[.]|^52[.]218[.]48[.]|^52[.]218[.]49[.]|^52[.]218[.]50[.]|^52[.]218[.]51[.]|^52[.]218[.]52[.]|^52[.]218[.]53[.]|^52[.]218[.]54[.]|^52[.]218[.]55[.]|^52[.]218[.]56[.]|^52[.]218[.]57[.]|^52[.]218[.]58[.]|^52[.]218[.]59[.]|^52[.]218[.]60[.]|^52[.]218[.]61[.]|^52[.]218[.]62[.]|^52[.]218[.]63[.]|^52[.]218[.]64[.]|^52[.]218[.]65[.]|^52[.]218[.]66[.]|^52[.]218[.]67[.]|^52[.]218[.]68[.]|^52[.]218[.]69[.]|^52[.]218[.]70[.]|^52[.]218[.]71[.]|^52[.]218[.]72[.]|^52[.]218[.]73[.]|^52[.]218[.]74[.]|^52[.]218[.]75[.]|^52[.]218[.]76[.]|^52[.]218[.]77[.]|^52[.]218[.]78[.]|^52[.]218[.]79[.]|^52[.]218[.]80[.]|^52[.]218[.]81[.]|^52[.]218[.]82[.]|^52[.]218[.]83[.]|^52[.]218[.]84[.]|^52[.]218[.]85[.]|^52[.]218[.]86[.]|^52[.]218[.]87[.]|^52[.]218[.]88[.]|^52[.]218[.]89[.]|^52[.]218[.]90[.]|^52[.]218[.]91[.]|^52[.]218[.]92[.]|^52[.]218[.]93[.]|^52[.]218[.]94[.]|^52[.]218[.]95[.]|^52[.]218[.]96[.]|^52[.]218[.]97[.]|^52[.]218[.]98[.]|^52[.]218[.]99[.]|^52[.]218[.]100[.]|^52[.]218[.]101[.]|^52[.]218[.]102[.]|^52[.]218[.]103[.]|^52[.]218[.]104[.]|^52[.]218[.]105[.]|^52[.]218[.]106[.]|^52[.]218[.]107[.]|^52[.]218[.]108[.]|^52[.]218[.]109[.]|^52[.]218[.]110[.]|^52[.]218[.]111[.]|^52[.]218[.]112[.]|^52[.]218[.]113[.]|^52[.]218[.]114[.]|^52[.]218[.]115[.]|^52[.]218[.]116[.]|^52[.]218[.]117[.]|^52[.]218[.]118[.]|^52[.]218[.]119[.]|^52[.]218[.]120[.]|^52[.]218[.]121[.]|^52[.]218[.]122[.]|^52[.]218[.]123[.]|^52[.]218[.]124[.]|^52[.]218[.]125[.]|^52[.]218[.]126[.]|^52[.]218[.]127[.]'
        )
        THEN '52.218.0.0/17'
        WHEN REGEXP_LIKE("t45"."far", '^169[.]254[.]')
        THEN CONCAT(REGEXP_EXTRACT("t45"."far", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE("t45"."far", '^192[.]168[.]')
        THEN CONCAT(REGEXP_EXTRACT("t45"."far", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE(
          "t45"."far",
          '^172[.]16[.]|^172[.]17[.]|^172[.]18[.]|^172[.]19[.]|^172[.]20[.]|^172[.]21[.]|^172[.]22[.]|^172[.]23[.]|^172[.]24[.]|^172[.]25[.]|^172[.]26[.]|^172[.]27[.]|^172[.]28[.]|^172[.]29[.]|^172[.]30[.]|^172[.]31[.]'
        )
        THEN CONCAT(REGEXP_EXTRACT("t45"."far", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE(
          "t45"."far",
          '^100[.]64[.]|^100[.]65[.]|^100[.]66[.]|^100[.]67[.]|^100[.]68[.]|^100[.]69[.]|^100[.]70[.]|^100[.]71[.]|^100[.]72[.]|^100[.]73[.]|^100[.]74[.]|^100[.]75[.]|^100[.]76[.]|^100[.]77[.]|^100[.]78[.]|^100[.]79[.]|^100[.]80[.]|^100[.]81[.]|^100[.]82[.]|^100[.]83[.]|^100[.]84[.]|^100[.]85[.]|^100[.]86[.]|^100[.]87[.]|^100[.]88[.]|^100[.]89[.]|^100[.]90[.]|^100[.]91[.]|^100[.]92[.]|^100[.]93[.]|^100[.]94[.]|^100[.]95[.]|^100[.]96[.]|^100[.]97[.]|^100[.]98[.]|^100[.]99[.]|^100[.]100[.]|^100[.]101[.]|^100[.]102[.]|^100[.]103[.]|^100[.]104[.]|^100[.]105[.]|^100[.]106[.]|^100[.]107[.]|^100[.]108[.]|^100[.]109[.]|^100[.]110[.]|^100[.]111[.]|^100[.]112[.]|^100[.]113[.]|^100[.]114[.]|^100[.]115[.]|^100[.]116[.]|^100[.]117[.]|^100[.]118[.]|^100[.]119[.]|^100[.]120[.]|^100[.]121[.]|^100[.]122[.]|^100[.]123[.]|^100[.]124[.]|^100[.]125[.]|^100[.]126[.]|^100[.]127[.]'
        )
        THEN CONCAT(REGEXP_EXTRACT("t45"."far", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE("t45"."far", '^fe8[0-9a-f]:|^fe9[0-9a-f]:|^fea[0-9a-f]:|^feb[0-9a-f]:')
        THEN 'fe80::/10'
        WHEN REGEXP_LIKE("t45"."far", '^10[.]')
        THEN CONCAT(REGEXP_EXTRACT("t45"."far", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE("t45"."far", '^127[.]')
        THEN CONCAT(REGEXP_EXTRACT("t45"."far", '^([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        WHEN REGEXP_LIKE("t45"."far", '^fc[0-9a-f][0-9a-f]:|^fd[0-9a-f][0-9a-f]:')
        THEN 'fc00::/7'
        ELSE IF(
          STRPOS("t45"."far", ':') > 0,
          '::/0',
          IF(STRPOS("t45"."far", '.') > 0, '0.0.0.0/0', 'internet')
        )
      END AS "place"
    FROM (
      SELECT
        "t44"."interface_id",
        "t44"."direction",
        "t44"."protocol",
        "t44"."server_port",
        IF("t44"."direction" = 'egress', "t44"."server", "t44"."client") AS "far",
        COUNT(*) AS "sessions",
        MIN("t44"."first") AS "first",
        MAX("t44"."last") AS "last"
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
          "t43"."a_packets",
          "t43"."a_bytes",
          "t43"."a_accepted",
          "t43"."a_rejected",
          "t43"."a_flags",
          "t43"."a_first",
          "t43"."a_opened",
          "t43"."b_packets",
          "t43"."b_bytes",
          "t43"."b_accepted",
          "t43"."b_rejected",
          "t43"."b_flags",
          "t43"."b_first",
          "t43"."b_opened",
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
          "t43"."server",
          "t43"."server_port",
          "t43"."server_packets",
          "t43"."server_bytes",
          "t43"."server_accepted",
          "t43"."server_rejected",
          "t43"."server_flags",
          "t43"."server_first",
          CASE
            WHEN COALESCE("t43"."interface_id" IN ('eni-0205bb9f7bb6c5f11'), FALSE)
            THEN 'through'
            WHEN (
              "t43"."client" IS NOT NULL
            )
            AND IF("t43"."opener" = "t43"."a_addr", "t43"."a_addr_known", "t43"."b_addr_known")
            AND NOT (
              IF("t43"."opener" = "t43"."a_addr", "t43"."b_addr_known", "t43"."a_addr_known")
            )
            THEN 'egress'
            WHEN (
              "t43"."client" IS NOT NULL
            )
            AND IF("t43"."opener" = "t43"."a_addr", "t43"."b_addr_known", "t43"."a_addr_known")
            AND NOT (
              IF("t43"."opener" = "t43"."a_addr", "t43"."a_addr_known", "t43"."b_addr_known")
            )
            THEN 'ingress'
            ELSE 'unknown'
          END AS "direction",
          NOT (
            COALESCE("t43"."interface_id" IN ('eni-0205bb9f7bb6c5f11'), FALSE)
          )
          AND (
            IF("t43"."opener" = "t43"."a_addr", "t43"."a_addr_known", "t43"."b_addr_known")
            OR NOT (
              "t43"."opener_known"
            )
          ) AS "vantage"
        FROM (
          SELECT
            "t42"."interface_id",
            "t42"."protocol",
            "t42"."a_addr",
            "t42"."a_port",
            "t42"."b_addr",
            "t42"."b_port",
            "t42"."session",
            "t42"."first",
            "t42"."last",
            "t42"."a_packets",
            "t42"."a_bytes",
            "t42"."a_accepted",
            "t42"."a_rejected",
            "t42"."a_flags",
            "t42"."a_first",
            "t42"."a_opened",
            "t42"."b_packets",
            "t42"."b_bytes",
            "t42"."b_accepted",
            "t42"."b_rejected",
            "t42"."b_flags",
            "t42"."b_first",
            "t42"."b_opened",
            "t42"."carried",
            "t42"."resumed",
            "t42"."rung",
            "t42"."without_flags",
            "t42"."agrees",
            "t42"."client",
            "t42"."client_port",
            "t42"."client_packets",
            "t42"."client_bytes",
            "t42"."client_accepted",
            "t42"."client_rejected",
            "t42"."client_flags",
            "t42"."client_first",
            "t42"."server",
            "t42"."server_port",
            "t42"."server_packets",
            "t42"."server_bytes",
            "t42"."server_accepted",
            "t42"."server_rejected",
            "t42"."server_flags",
            "t42"."server_first",
            "t42"."day",
            "t42"."opener",
            COALESCE("t7"."known", FALSE) AS "a_addr_known",
            COALESCE("t8"."known", FALSE) AS "b_addr_known",
            COALESCE("t9"."known", FALSE) AS "opener_known"
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
              "t40"."a_packets",
              "t40"."a_bytes",
              "t40"."a_accepted",
              "t40"."a_rejected",
              "t40"."a_flags",
              "t40"."a_first",
              "t40"."a_opened",
              "t40"."b_packets",
              "t40"."b_bytes",
              "t40"."b_accepted",
              "t40"."b_rejected",
              "t40"."b_flags",
              "t40"."b_first",
              "t40"."b_opened",
              "t40"."carried",
              "t40"."resumed",
              CASE
                WHEN "t40"."says_syn" IS NOT NULL
                THEN 'syn'
                WHEN "t40"."says_carry" IS NOT NULL
                THEN 'carry'
                WHEN "t40"."says_refused" IS NOT NULL
                THEN 'refused'
                WHEN "t40"."says_service" IS NOT NULL
                THEN 'service'
                WHEN "t40"."says_ports" IS NOT NULL
                THEN 'ports'
                WHEN "t40"."says_lowport" IS NOT NULL
                THEN 'lowport'
                WHEN "t40"."says_first" IS NOT NULL
                THEN 'first'
                ELSE 'unknown'
              END AS "rung",
              CASE
                WHEN "t40"."says_refused_plain" IS NOT NULL
                THEN 'refused'
                WHEN "t40"."says_service" IS NOT NULL
                THEN 'service'
                WHEN "t40"."says_ports" IS NOT NULL
                THEN 'ports'
                WHEN "t40"."says_lowport" IS NOT NULL
                THEN 'lowport'
                WHEN "t40"."says_first" IS NOT NULL
                THEN 'first'
                ELSE 'unknown'
              END AS "without_flags",
              COALESCE(
                "t40"."says_refused_plain",
                "t40"."says_service",
                "t40"."says_ports",
                "t40"."says_lowport",
                "t40"."says_first"
              ) = "t40"."says_syn" AS "agrees",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."a_addr"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."b_addr"
                ELSE NULL
              END AS "client",
              IF(
                "t40"."protocol" IN (6, 17, 33, 132, 136),
                CASE
                  WHEN COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                  THEN "t40"."a_port"
                  WHEN NOT (
                    COALESCE(
                      "t40"."says_syn",
                      "t40"."says_carry",
                      "t40"."says_refused",
                      "t40"."says_service",
                      "t40"."says_ports",
                      "t40"."says_lowport",
                      "t40"."says_first"
                    )
                  )
                  THEN "t40"."b_port"
                  ELSE NULL
                END,
                CAST(NULL AS INTEGER)
              ) AS "client_port",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."a_packets"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."b_packets"
                ELSE NULL
              END AS "client_packets",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."a_bytes"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."b_bytes"
                ELSE NULL
              END AS "client_bytes",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."a_accepted"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."b_accepted"
                ELSE NULL
              END AS "client_accepted",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."a_rejected"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."b_rejected"
                ELSE NULL
              END AS "client_rejected",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."a_flags"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."b_flags"
                ELSE NULL
              END AS "client_flags",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."a_first"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."b_first"
                ELSE NULL
              END AS "client_first",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."b_addr"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."a_addr"
                ELSE NULL
              END AS "server",
              IF(
                "t40"."protocol" IN (6, 17, 33, 132, 136),
                CASE
                  WHEN COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                  THEN "t40"."b_port"
                  WHEN NOT (
                    COALESCE(
                      "t40"."says_syn",
                      "t40"."says_carry",
                      "t40"."says_refused",
                      "t40"."says_service",
                      "t40"."says_ports",
                      "t40"."says_lowport",
                      "t40"."says_first"
                    )
                  )
                  THEN "t40"."a_port"
                  ELSE NULL
                END,
                CAST(NULL AS INTEGER)
              ) AS "server_port",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."b_packets"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."a_packets"
                ELSE NULL
              END AS "server_packets",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."b_bytes"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."a_bytes"
                ELSE NULL
              END AS "server_bytes",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."b_accepted"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."a_accepted"
                ELSE NULL
              END AS "server_accepted",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."b_rejected"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."a_rejected"
                ELSE NULL
              END AS "server_rejected",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."b_flags"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."a_flags"
                ELSE NULL
              END AS "server_flags",
              CASE
                WHEN COALESCE(
                  "t40"."says_syn",
                  "t40"."says_carry",
                  "t40"."says_refused",
                  "t40"."says_service",
                  "t40"."says_ports",
                  "t40"."says_lowport",
                  "t40"."says_first"
                )
                THEN "t40"."b_first"
                WHEN NOT (
                  COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                )
                THEN "t40"."a_first"
                ELSE NULL
              END AS "server_first",
              COALESCE(CAST(FLOOR(CAST((
                "t40"."first"
              ) AS DOUBLE) / (
                86400
              )) AS BIGINT), 0) AS "day",
              COALESCE(
                CASE
                  WHEN COALESCE(
                    "t40"."says_syn",
                    "t40"."says_carry",
                    "t40"."says_refused",
                    "t40"."says_service",
                    "t40"."says_ports",
                    "t40"."says_lowport",
                    "t40"."says_first"
                  )
                  THEN "t40"."a_addr"
                  WHEN NOT (
                    COALESCE(
                      "t40"."says_syn",
                      "t40"."says_carry",
                      "t40"."says_refused",
                      "t40"."says_service",
                      "t40"."says_ports",
                      "t40"."says_lowport",
                      "t40"."says_first"
                    )
                  )
                  THEN "t40"."b_addr"
                  ELSE NULL
                END,
                "t40"."a_addr"
              ) AS "opener"
            FROM (
              SELECT
                "t39"."interface_id",
                "t39"."protocol",
                "t39"."a_addr",
                "t39"."a_port",
                "t39"."b_addr",
                "t39"."b_port",
                "t39"."session",
                "t39"."first",
                "t39"."last",
                "t39"."a_packets",
                "t39"."a_bytes",
                "t39"."a_accepted",
                "t39"."a_rejected",
                "t39"."a_flags",
                "t39"."a_first",
                "t39"."a_opened",
                "t39"."b_packets",
                "t39"."b_bytes",
                "t39"."b_accepted",
                "t39"."b_rejected",
                "t39"."b_flags",
                "t39"."b_first",
                "t39"."b_opened",
                "t39"."carried",
                "t39"."resumed",
                "t39"."says_syn",
                "t39"."says_carry",
                "t39"."says_refused_plain",
                "t39"."says_refused",
                "t39"."says_ports",
                "t39"."says_lowport",
                "t39"."says_first",
                CASE
                  WHEN (
                    COALESCE("t39"."b_fan_in", 0) >= 3
                  )
                  AND (
                    COALESCE("t39"."b_fan_in", 0) >= (
                      COALESCE("t39"."a_fan_in", 0) * 4
                    )
                  )
                  AND NOT (
                    (
                      COALESCE("t39"."a_fan_in", 0) >= 3
                    )
                    AND (
                      COALESCE("t39"."a_fan_in", 0) >= (
                        COALESCE("t39"."b_fan_in", 0) * 4
                      )
                    )
                  )
                  THEN TRUE
                  WHEN (
                    COALESCE("t39"."a_fan_in", 0) >= 3
                  )
                  AND (
                    COALESCE("t39"."a_fan_in", 0) >= (
                      COALESCE("t39"."b_fan_in", 0) * 4
                    )
                  )
                  AND NOT (
                    (
                      COALESCE("t39"."b_fan_in", 0) >= 3
                    )
                    AND (
                      COALESCE("t39"."b_fan_in", 0) >= (
                        COALESCE("t39"."a_fan_in", 0) * 4
                      )
                    )
                  )
                  THEN FALSE
                  ELSE CAST(NULL AS BOOLEAN)
                END AS "says_service"
              FROM (
                SELECT
                  "t38"."interface_id",
                  "t38"."protocol",
                  "t38"."a_addr",
                  "t38"."a_port",
                  "t38"."b_addr",
                  "t38"."b_port",
                  "t38"."session",
                  "t38"."first",
                  "t38"."last",
                  "t38"."a_packets",
                  "t38"."a_bytes",
                  "t38"."a_accepted",
                  "t38"."a_rejected",
                  "t38"."a_flags",
                  "t38"."a_first",
                  "t38"."a_opened",
                  "t38"."b_packets",
                  "t38"."b_bytes",
                  "t38"."b_accepted",
                  "t38"."b_rejected",
                  "t38"."b_flags",
                  "t38"."b_first",
                  "t38"."b_opened",
                  "t38"."carried",
                  "t38"."resumed",
                  "t38"."says_syn",
                  "t38"."says_carry",
                  "t38"."says_refused_plain",
                  "t38"."says_refused",
                  "t38"."says_ports",
                  "t38"."says_lowport",
                  "t38"."says_first",
                  "t27"."a_fan_in",
                  "t28"."b_fan_in"
                FROM (
                  SELECT
                    "t36"."interface_id",
                    "t36"."protocol",
                    "t36"."a_addr",
                    "t36"."a_port",
                    "t36"."b_addr",
                    "t36"."b_port",
                    "t36"."session",
                    "t36"."first",
                    "t36"."last",
                    "t36"."a_packets",
                    "t36"."a_bytes",
                    "t36"."a_accepted",
                    "t36"."a_rejected",
                    "t36"."a_flags",
                    "t36"."a_first",
                    "t36"."a_opened",
                    "t36"."b_packets",
                    "t36"."b_bytes",
                    "t36"."b_accepted",
                    "t36"."b_rejected",
                    "t36"."b_flags",
                    "t36"."b_first",
                    "t36"."b_opened",
                    "t36"."carried",
                    "t36"."resumed",
                    CASE
                      WHEN COALESCE("t36"."a_opened", FALSE) AND NOT (
                        COALESCE("t36"."b_opened", FALSE)
                      )
                      THEN TRUE
                      WHEN COALESCE("t36"."b_opened", FALSE) AND NOT (
                        COALESCE("t36"."a_opened", FALSE)
                      )
                      THEN FALSE
                      ELSE CAST(NULL AS BOOLEAN)
                    END AS "says_syn",
                    IF(
                      COALESCE("t36"."a_opened", FALSE) OR COALESCE("t36"."b_opened", FALSE),
                      CAST(NULL AS BOOLEAN),
                      "t36"."carried" = 'a'
                    ) AS "says_carry",
                    CASE
                      WHEN (
                        "t36"."a_rejected" > 0
                      )
                      AND (
                        "t36"."a_accepted" = 0
                      )
                      AND NOT (
                        (
                          "t36"."b_accepted" + "t36"."b_rejected"
                        ) > 0
                      )
                      AND NOT (
                        "t36"."resumed"
                      )
                      AND NOT (
                        (
                          "t36"."b_rejected" > 0
                        )
                        AND (
                          "t36"."b_accepted" = 0
                        )
                        AND NOT (
                          (
                            "t36"."a_accepted" + "t36"."a_rejected"
                          ) > 0
                        )
                        AND NOT (
                          "t36"."resumed"
                        )
                      )
                      THEN TRUE
                      WHEN (
                        "t36"."b_rejected" > 0
                      )
                      AND (
                        "t36"."b_accepted" = 0
                      )
                      AND NOT (
                        (
                          "t36"."a_accepted" + "t36"."a_rejected"
                        ) > 0
                      )
                      AND NOT (
                        "t36"."resumed"
                      )
                      AND NOT (
                        (
                          "t36"."a_rejected" > 0
                        )
                        AND (
                          "t36"."a_accepted" = 0
                        )
                        AND NOT (
                          (
                            "t36"."b_accepted" + "t36"."b_rejected"
                          ) > 0
                        )
                        AND NOT (
                          "t36"."resumed"
                        )
                      )
                      THEN FALSE
                      ELSE CAST(NULL AS BOOLEAN)
                    END AS "says_refused_plain",
                    IF(
                      COALESCE((
                        "t36"."protocol" = 6
                      ) AND (
                        "t36"."a_opened" IS NOT NULL
                      ), FALSE),
                      CAST(NULL AS BOOLEAN),
                      CASE
                        WHEN (
                          "t36"."a_rejected" > 0
                        )
                        AND (
                          "t36"."a_accepted" = 0
                        )
                        AND NOT (
                          (
                            "t36"."b_accepted" + "t36"."b_rejected"
                          ) > 0
                        )
                        AND NOT (
                          "t36"."resumed"
                        )
                        AND NOT (
                          (
                            "t36"."b_rejected" > 0
                          )
                          AND (
                            "t36"."b_accepted" = 0
                          )
                          AND NOT (
                            (
                              "t36"."a_accepted" + "t36"."a_rejected"
                            ) > 0
                          )
                          AND NOT (
                            "t36"."resumed"
                          )
                        )
                        THEN TRUE
                        WHEN (
                          "t36"."b_rejected" > 0
                        )
                        AND (
                          "t36"."b_accepted" = 0
                        )
                        AND NOT (
                          (
                            "t36"."a_accepted" + "t36"."a_rejected"
                          ) > 0
                        )
                        AND NOT (
                          "t36"."resumed"
                        )
                        AND NOT (
                          (
                            "t36"."a_rejected" > 0
                          )
                          AND (
                            "t36"."a_accepted" = 0
                          )
                          AND NOT (
                            (
                              "t36"."b_accepted" + "t36"."b_rejected"
                            ) > 0
                          )
                          AND NOT (
                            "t36"."resumed"
                          )
                        )
                        THEN FALSE
                        ELSE CAST(NULL AS BOOLEAN)
                      END
                    ) AS "says_refused",
                    IF(
                      COALESCE("t36"."protocol" IN (6, 17, 33, 132, 136), FALSE),
                      CASE
                        WHEN COALESCE(
                          "t36"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                          FALSE
                        )
                        AND NOT (
                          COALESCE(
                            "t36"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                            FALSE
                          )
                        )
                        AND NOT (
                          "t36"."a_port" < 1024
                        )
                        AND NOT (
                          COALESCE(
                            "t36"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                            FALSE
                          )
                          AND NOT (
                            COALESCE(
                              "t36"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                              FALSE
                            )
                          )
                          AND NOT (
                            "t36"."b_port" < 1024
                          )
                        )
                        THEN TRUE
                        WHEN COALESCE(
                          "t36"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                          FALSE
                        )
                        AND NOT (
                          COALESCE(
                            "t36"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                            FALSE
                          )
                        )
                        AND NOT (
                          "t36"."b_port" < 1024
                        )
                        AND NOT (
                          COALESCE(
                            "t36"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                            FALSE
                          )
                          AND NOT (
                            COALESCE(
                              "t36"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                              FALSE
                            )
                          )
                          AND NOT (
                            "t36"."a_port" < 1024
                          )
                        )
                        THEN FALSE
                        ELSE CAST(NULL AS BOOLEAN)
                      END,
                      CAST(NULL AS BOOLEAN)
                    ) AS "says_ports",
                    IF(
                      COALESCE("t36"."protocol" IN (6, 17, 33, 132, 136), FALSE),
                      CASE
                        WHEN (
                          "t36"."b_port" < 1024
                        ) AND NOT (
                          "t36"."a_port" < 1024
                        )
                        THEN TRUE
                        WHEN (
                          "t36"."a_port" < 1024
                        ) AND NOT (
                          "t36"."b_port" < 1024
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
                              "t36"."a_accepted" + "t36"."a_rejected"
                            ) > 0
                          )
                          AND NOT (
                            (
                              "t36"."b_accepted" + "t36"."b_rejected"
                            ) > 0
                          )
                        )
                        OR COALESCE((
                          "t36"."b_first" - "t36"."a_first"
                        ) >= 2, FALSE)
                      )
                      AND NOT (
                        (
                          (
                            (
                              "t36"."b_accepted" + "t36"."b_rejected"
                            ) > 0
                          )
                          AND NOT (
                            (
                              "t36"."a_accepted" + "t36"."a_rejected"
                            ) > 0
                          )
                        )
                        OR COALESCE(-(
                          "t36"."b_first" - "t36"."a_first"
                        ) >= 2, FALSE)
                      )
                      THEN TRUE
                      WHEN (
                        (
                          (
                            (
                              "t36"."b_accepted" + "t36"."b_rejected"
                            ) > 0
                          )
                          AND NOT (
                            (
                              "t36"."a_accepted" + "t36"."a_rejected"
                            ) > 0
                          )
                        )
                        OR COALESCE(-(
                          "t36"."b_first" - "t36"."a_first"
                        ) >= 2, FALSE)
                      )
                      AND NOT (
                        (
                          (
                            (
                              "t36"."a_accepted" + "t36"."a_rejected"
                            ) > 0
                          )
                          AND NOT (
                            (
                              "t36"."b_accepted" + "t36"."b_rejected"
                            ) > 0
                          )
                        )
                        OR COALESCE((
                          "t36"."b_first" - "t36"."a_first"
                        ) >= 2, FALSE)
                      )
                      THEN FALSE
                      ELSE CAST(NULL AS BOOLEAN)
                    END AS "says_first"
                  FROM (
                    SELECT
                      NULLIF("t35"."interface_id", '-') AS "interface_id",
                      NULLIF("t35"."protocol", -1) AS "protocol",
                      "t35"."a_addr",
                      NULLIF("t35"."a_port", -1) AS "a_port",
                      "t35"."b_addr",
                      NULLIF("t35"."b_port", -1) AS "b_port",
                      "t35"."session",
                      LEAST(
                        COALESCE("t35"."a_first", "t35"."b_first"),
                        COALESCE("t35"."b_first", "t35"."a_first")
                      ) AS "first",
                      "t35"."last",
                      "t35"."a_packets",
                      "t35"."a_bytes",
                      BITWISE_AND("t35"."a_records", 67108863) AS "a_accepted",
                      BITWISE_RIGHT_SHIFT("t35"."a_records", 26) AS "a_rejected",
                      IF(
                        "t35"."a_syns" IS NULL,
                        NULL,
                        CAST(IF("t35"."a_syns" > 0, 2, 0) + IF((
                          BITWISE_RIGHT_SHIFT("t35"."a_syns", 26)
                        ) > 0, 16, 0) + IF((
                          BITWISE_AND("t35"."a_closes", 67108863)
                        ) > 0, 1, 0) + IF((
                          BITWISE_RIGHT_SHIFT("t35"."a_closes", 26)
                        ) > 0, 4, 0) AS INTEGER)
                      ) AS "a_flags",
                      "t35"."a_first",
                      IF(
                        (
                          "t35"."a_syns" IS NULL
                        ) AND (
                          "t35"."b_syns" IS NULL
                        ),
                        NULL,
                        COALESCE((
                          BITWISE_AND("t35"."a_syns", 67108863)
                        ) > 0, FALSE)
                        OR COALESCE((
                          BITWISE_RIGHT_SHIFT("t35"."b_syns", 26)
                        ) > 0, FALSE)
                      ) AS "a_opened",
                      "t35"."b_packets",
                      "t35"."b_bytes",
                      BITWISE_AND("t35"."b_records", 67108863) AS "b_accepted",
                      BITWISE_RIGHT_SHIFT("t35"."b_records", 26) AS "b_rejected",
                      IF(
                        "t35"."b_syns" IS NULL,
                        NULL,
                        CAST(IF("t35"."b_syns" > 0, 2, 0) + IF((
                          BITWISE_RIGHT_SHIFT("t35"."b_syns", 26)
                        ) > 0, 16, 0) + IF((
                          BITWISE_AND("t35"."b_closes", 67108863)
                        ) > 0, 1, 0) + IF((
                          BITWISE_RIGHT_SHIFT("t35"."b_closes", 26)
                        ) > 0, 4, 0) AS INTEGER)
                      ) AS "b_flags",
                      "t35"."b_first",
                      IF(
                        (
                          "t35"."b_syns" IS NULL
                        ) AND (
                          "t35"."a_syns" IS NULL
                        ),
                        NULL,
                        COALESCE((
                          BITWISE_AND("t35"."b_syns", 67108863)
                        ) > 0, FALSE)
                        OR COALESCE((
                          BITWISE_RIGHT_SHIFT("t35"."a_syns", 26)
                        ) > 0, FALSE)
                      ) AS "b_opened",
                      "t35"."carried",
                      "t35"."resumed"
                    FROM (
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
                          "t14"."last",
                          "t14"."last_syn",
                          "t14"."first_close",
                          "t14"."a_packets",
                          "t14"."a_bytes",
                          "t14"."a_records",
                          "t14"."a_syns",
                          "t14"."a_closes",
                          "t14"."a_first",
                          "t14"."b_packets",
                          "t14"."b_bytes",
                          "t14"."b_records",
                          "t14"."b_syns",
                          "t14"."b_closes",
                          "t14"."b_first",
                          0 AS "session",
                          CAST(NULL AS VARCHAR) AS "carried",
                          FALSE AS "resumed"
                        FROM "t13" AS "t14"
                        WHERE
                          NOT (
                            COALESCE(
                              (
                                (
                                  (
                                    "t14"."last" - LEAST(
                                      COALESCE("t14"."a_first", "t14"."b_first"),
                                      COALESCE("t14"."b_first", "t14"."a_first")
                                    )
                                  ) > 350
                                )
                                OR COALESCE("t14"."last_syn" > "t14"."first_close", FALSE)
                              )
                              AND NOT (
                                "t14"."a_records" + "t14"."b_records" IN (1, 67108864)
                              ),
                              FALSE
                            )
                          )
                      ) AS "t19"
                      UNION ALL
                      SELECT
                        *
                      FROM (
                        SELECT
                          "t33"."interface_id",
                          "t33"."protocol",
                          "t33"."a_addr",
                          "t33"."a_port",
                          "t33"."b_addr",
                          "t33"."b_port",
                          "t33"."last",
                          "t33"."last_syn",
                          "t33"."first_close",
                          "t33"."a_packets",
                          "t33"."a_bytes",
                          "t33"."a_records",
                          "t33"."a_syns",
                          "t33"."a_closes",
                          "t33"."a_first",
                          "t33"."b_packets",
                          "t33"."b_bytes",
                          "t33"."b_records",
                          "t33"."b_syns",
                          "t33"."b_closes",
                          "t33"."b_first",
                          "t33"."session",
                          IF(
                            "t33"."session" > 0,
                            CASE
                              WHEN (
                                "t33"."opener" % 2
                              ) = 0
                              THEN 'a'
                              WHEN (
                                "t33"."opener" % 2
                              ) = 1
                              THEN 'b'
                              ELSE NULL
                            END,
                            CAST(NULL AS VARCHAR)
                          ) AS "carried",
                          COALESCE((
                            "t33"."session" > 0
                          ) AND (
                            "t33"."before" = 1
                          ), FALSE) AS "resumed"
                        FROM (
                          SELECT
                            "t32"."interface_id",
                            "t32"."protocol",
                            "t32"."a_addr",
                            "t32"."a_port",
                            "t32"."b_addr",
                            "t32"."b_port",
                            "t32"."session",
                            MIN("t32"."opener") AS "opener",
                            MIN("t32"."before") AS "before",
                            MAX("t32"."end") AS "last",
                            MAX("t32"."start") FILTER(WHERE
                              (
                                BITWISE_AND("t32"."flags", 2)
                              ) > 0) AS "last_syn",
                            MIN("t32"."end") FILTER(WHERE
                              (
                                BITWISE_AND("t32"."flags", 5)
                              ) > 0) AS "first_close",
                            CAST(SUM(CAST(IF("t32"."from_a", "t32"."packets", 0) AS DOUBLE)) AS BIGINT) AS "a_packets",
                            CAST(SUM(CAST(IF("t32"."from_a", "t32"."bytes", 0) AS DOUBLE)) AS BIGINT) AS "a_bytes",
                            CAST(SUM(CAST(IF("t32"."from_a", IF("t32"."refused", 67108864, 1), 0) AS DOUBLE)) AS BIGINT) AS "a_records",
                            CAST(SUM(
                              CAST(IF(
                                "t32"."from_a" AND (
                                  "t32"."flags" IS NOT NULL
                                ),
                                CASE
                                  WHEN (
                                    BITWISE_AND("t32"."flags", 18)
                                  ) = 2
                                  THEN 1
                                  WHEN (
                                    BITWISE_AND("t32"."flags", 18)
                                  ) = 18
                                  THEN 67108864
                                  ELSE 0
                                END,
                                NULL
                              ) AS DOUBLE)
                            ) AS BIGINT) AS "a_syns",
                            CAST(SUM(
                              CAST(IF(
                                "t32"."from_a" AND (
                                  "t32"."flags" IS NOT NULL
                                ),
                                IF((
                                  BITWISE_AND("t32"."flags", 1)
                                ) > 0, 1, 0) + IF((
                                  BITWISE_AND("t32"."flags", 4)
                                ) > 0, 67108864, 0),
                                NULL
                              ) AS DOUBLE)
                            ) AS BIGINT) AS "a_closes",
                            MIN(IF("t32"."from_a", "t32"."start", CAST(NULL AS BIGINT))) AS "a_first",
                            CAST(SUM(CAST(IF(NOT (
                              "t32"."from_a"
                            ), "t32"."packets", 0) AS DOUBLE)) AS BIGINT) AS "b_packets",
                            CAST(SUM(CAST(IF(NOT (
                              "t32"."from_a"
                            ), "t32"."bytes", 0) AS DOUBLE)) AS BIGINT) AS "b_bytes",
                            CAST(SUM(
                              CAST(IF(NOT (
                                "t32"."from_a"
                              ), IF("t32"."refused", 67108864, 1), 0) AS DOUBLE)
                            ) AS BIGINT) AS "b_records",
                            CAST(SUM(
                              CAST(IF(
                                NOT (
                                  "t32"."from_a"
                                ) AND (
                                  "t32"."flags" IS NOT NULL
                                ),
                                CASE
                                  WHEN (
                                    BITWISE_AND("t32"."flags", 18)
                                  ) = 2
                                  THEN 1
                                  WHEN (
                                    BITWISE_AND("t32"."flags", 18)
                                  ) = 18
                                  THEN 67108864
                                  ELSE 0
                                END,
                                NULL
                              ) AS DOUBLE)
                            ) AS BIGINT) AS "b_syns",
                            CAST(SUM(
                              CAST(IF(
                                NOT (
                                  "t32"."from_a"
                                ) AND (
                                  "t32"."flags" IS NOT NULL
                                ),
                                IF((
                                  BITWISE_AND("t32"."flags", 1)
                                ) > 0, 1, 0) + IF((
                                  BITWISE_AND("t32"."flags", 4)
                                ) > 0, 67108864, 0),
                                NULL
                              ) AS DOUBLE)
                            ) AS BIGINT) AS "b_closes",
                            MIN(IF(NOT (
                              "t32"."from_a"
                            ), "t32"."start", CAST(NULL AS BIGINT))) AS "b_first"
                          FROM (
                            SELECT
                              "t31"."interface_id",
                              "t31"."protocol",
                              "t31"."start",
                              "t31"."end",
                              "t31"."a_addr",
                              "t31"."a_port",
                              "t31"."b_addr",
                              "t31"."b_port",
                              "t31"."from_a",
                              "t31"."refused",
                              "t31"."flags",
                              "t31"."packets",
                              "t31"."bytes",
                              "t31"."syn",
                              "t31"."until",
                              "t31"."closed",
                              "t31"."opened",
                              "t31"."opener",
                              "t31"."before",
                              "t31"."starts",
                              SUM("t31"."starts") OVER (
                                PARTITION BY "t31"."interface_id", "t31"."protocol", "t31"."a_addr", "t31"."a_port", "t31"."b_addr", "t31"."b_port"
                                ORDER BY "t31"."start" ASC, "t31"."syn" DESC, "t31"."end" ASC
                                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                              ) AS "session"
                            FROM (
                              SELECT
                                "t30"."interface_id",
                                "t30"."protocol",
                                "t30"."start",
                                "t30"."end",
                                "t30"."a_addr",
                                "t30"."a_port",
                                "t30"."b_addr",
                                "t30"."b_port",
                                "t30"."from_a",
                                "t30"."refused",
                                "t30"."flags",
                                "t30"."packets",
                                "t30"."bytes",
                                "t30"."syn",
                                "t30"."until",
                                "t30"."closed",
                                "t30"."opened",
                                "t30"."opener",
                                "t30"."before",
                                CAST(COALESCE(
                                  (
                                    (
                                      "t30"."start" - "t30"."until"
                                    ) > 350
                                  )
                                  OR (
                                    "t30"."syn"
                                    AND (
                                      "t30"."start" > "t30"."closed"
                                    )
                                    AND (
                                      "t30"."closed" >= COALESCE("t30"."opened", 0)
                                    )
                                  ),
                                  FALSE
                                ) AS BIGINT) AS "starts"
                              FROM (
                                SELECT
                                  "t29"."interface_id",
                                  "t29"."protocol",
                                  "t29"."start",
                                  "t29"."end",
                                  "t29"."a_addr",
                                  "t29"."a_port",
                                  "t29"."b_addr",
                                  "t29"."b_port",
                                  "t29"."from_a",
                                  "t29"."refused",
                                  "t29"."flags",
                                  "t29"."packets",
                                  "t29"."bytes",
                                  "t29"."syn",
                                  MAX("t29"."end") OVER (
                                    PARTITION BY "t29"."interface_id", "t29"."protocol", "t29"."a_addr", "t29"."a_port", "t29"."b_addr", "t29"."b_port"
                                    ORDER BY "t29"."start" ASC, "t29"."syn" DESC, "t29"."end" ASC
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
                                  ) AS "until",
                                  MAX(IF((
                                    BITWISE_AND("t29"."flags", 5)
                                  ) > 0, "t29"."end", CAST(NULL AS BIGINT))) OVER (
                                    PARTITION BY "t29"."interface_id", "t29"."protocol", "t29"."a_addr", "t29"."a_port", "t29"."b_addr", "t29"."b_port"
                                    ORDER BY "t29"."start" ASC, "t29"."syn" DESC, "t29"."end" ASC
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
                                  ) AS "closed",
                                  MAX(IF("t29"."syn", "t29"."start", CAST(NULL AS BIGINT))) OVER (
                                    PARTITION BY "t29"."interface_id", "t29"."protocol", "t29"."a_addr", "t29"."a_port", "t29"."b_addr", "t29"."b_port"
                                    ORDER BY "t29"."start" ASC, "t29"."syn" DESC, "t29"."end" ASC
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
                                  ) AS "opened",
                                  MAX(
                                    IF(
                                      "t29"."syn",
                                      (
                                        "t29"."start" * 2
                                      ) + IF("t29"."from_a" = (
                                        (
                                          BITWISE_AND("t29"."flags", 18)
                                        ) = 2
                                      ), 0, 1),
                                      CAST(NULL AS BIGINT)
                                    )
                                  ) OVER (
                                    PARTITION BY "t29"."interface_id", "t29"."protocol", "t29"."a_addr", "t29"."a_port", "t29"."b_addr", "t29"."b_port"
                                    ORDER BY "t29"."start" ASC, "t29"."syn" DESC, "t29"."end" ASC
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
                                  ) AS "opener",
                                  MAX(CAST(NOT (
                                    "t29"."refused"
                                  ) AS BIGINT)) OVER (
                                    PARTITION BY "t29"."interface_id", "t29"."protocol", "t29"."a_addr", "t29"."a_port", "t29"."b_addr", "t29"."b_port"
                                    ORDER BY "t29"."start" ASC, "t29"."syn" DESC, "t29"."end" ASC
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 preceding
                                  ) AS "before"
                                FROM (
                                  SELECT
                                    "t24"."interface_id",
                                    "t24"."protocol",
                                    "t24"."start",
                                    "t24"."end",
                                    "t24"."a_addr",
                                    "t24"."a_port",
                                    "t24"."b_addr",
                                    "t24"."b_port",
                                    "t24"."from_a",
                                    "t24"."refused",
                                    "t24"."flags",
                                    "t24"."packets",
                                    "t24"."bytes",
                                    COALESCE((
                                      BITWISE_AND("t24"."flags", 2)
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
                                    FROM (
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
                                        COALESCE("t3"."packets", 0) >= 0
                                        AND "t3"."srcaddr" IS NOT NULL
                                        AND "t3"."dstaddr" IS NOT NULL
                                        AND COALESCE("t3"."log_status", 'OK') = 'OK'
                                    ) AS "t12"
                                    WHERE
                                      EXISTS(
                                        SELECT
                                          1
                                        FROM (
                                          SELECT
                                            *
                                          FROM "t13" AS "t14"
                                          WHERE
                                            COALESCE(
                                              (
                                                (
                                                  (
                                                    "t14"."last" - LEAST(
                                                      COALESCE("t14"."a_first", "t14"."b_first"),
                                                      COALESCE("t14"."b_first", "t14"."a_first")
                                                    )
                                                  ) > 350
                                                )
                                                OR COALESCE("t14"."last_syn" > "t14"."first_close", FALSE)
                                              )
                                              AND NOT (
                                                "t14"."a_records" + "t14"."b_records" IN (1, 67108864)
                                              ),
                                              FALSE
                                            )
                                        ) AS "t20"
                                        WHERE
                                          "t12"."interface_id" = "t20"."interface_id"
                                          AND "t12"."protocol" = "t20"."protocol"
                                          AND "t12"."a_addr" = "t20"."a_addr"
                                          AND "t12"."a_port" = "t20"."a_port"
                                          AND "t12"."b_addr" = "t20"."b_addr"
                                          AND "t12"."b_port" = "t20"."b_port"
                                      )
                                  ) AS "t24"
                                ) AS "t29"
                              ) AS "t30"
                            ) AS "t31"
                          ) AS "t32"
                          GROUP BY
                            1,
                            2,
                            3,
                            4,
                            5,
                            6,
                            7
                        ) AS "t33"
                      ) AS "t34"
                    ) AS "t35"
                  ) AS "t36"
                ) AS "t38"
                LEFT OUTER JOIN (
                  SELECT
                    "t23"."protocol",
                    "t23"."addr" AS "a_addr",
                    "t23"."port" AS "a_port",
                    "t23"."fan_in" AS "a_fan_in"
                  FROM "t22" AS "t23"
                  WHERE
                    "t23"."fan_in" >= 3
                ) AS "t27"
                  ON "t38"."protocol" = "t27"."protocol"
                  AND "t38"."a_addr" = "t27"."a_addr"
                  AND "t38"."a_port" = "t27"."a_port"
                LEFT OUTER JOIN (
                  SELECT
                    "t23"."protocol",
                    "t23"."addr" AS "b_addr",
                    "t23"."port" AS "b_port",
                    "t23"."fan_in" AS "b_fan_in"
                  FROM "t22" AS "t23"
                  WHERE
                    "t23"."fan_in" >= 3
                ) AS "t28"
                  ON "t38"."protocol" = "t28"."protocol"
                  AND "t38"."b_addr" = "t28"."b_addr"
                  AND "t38"."b_port" = "t28"."b_port"
              ) AS "t39"
            ) AS "t40"
          ) AS "t42"
          LEFT OUTER JOIN (
            SELECT
              "t0"."interface_id",
              "t0"."day",
              "t0"."a_addr",
              TRUE AS "known"
            FROM "given_10" AS "t0"
          ) AS "t7"
            ON "t42"."interface_id" = "t7"."interface_id"
            AND "t42"."day" = "t7"."day"
            AND "t42"."a_addr" = "t7"."a_addr"
          LEFT OUTER JOIN (
            SELECT
              "t1"."interface_id",
              "t1"."day",
              "t1"."b_addr",
              TRUE AS "known"
            FROM "given_11" AS "t1"
          ) AS "t8"
            ON "t42"."interface_id" = "t8"."interface_id"
            AND "t42"."day" = "t8"."day"
            AND "t42"."b_addr" = "t8"."b_addr"
          LEFT OUTER JOIN (
            SELECT
              "t2"."opener",
              TRUE AS "known"
            FROM "given_12" AS "t2"
          ) AS "t9"
            ON "t42"."opener" = "t9"."opener"
        ) AS "t43"
        WHERE
          CASE
            WHEN COALESCE("t43"."interface_id" IN ('eni-0205bb9f7bb6c5f11'), FALSE)
            THEN 'through'
            WHEN (
              "t43"."client" IS NOT NULL
            )
            AND IF("t43"."opener" = "t43"."a_addr", "t43"."a_addr_known", "t43"."b_addr_known")
            AND NOT (
              IF("t43"."opener" = "t43"."a_addr", "t43"."b_addr_known", "t43"."a_addr_known")
            )
            THEN 'egress'
            WHEN (
              "t43"."client" IS NOT NULL
            )
            AND IF("t43"."opener" = "t43"."a_addr", "t43"."b_addr_known", "t43"."a_addr_known")
            AND NOT (
              IF("t43"."opener" = "t43"."a_addr", "t43"."a_addr_known", "t43"."b_addr_known")
            )
            THEN 'ingress'
            ELSE 'unknown'
          END IN ('ingress', 'egress')
          AND "t43"."client_accepted" > 0
          AND "t43"."interface_id" IN ('eni-00e7031d36893f78a', 'eni-0205bb9f7bb6c5f11', 'eni-04590440d6f439c89', 'eni-056b09ed95781fd16', 'eni-059aec4809cac9f31', 'eni-05b568e85e89d0ff6', 'eni-0831a89950f11f334', 'eni-08f8094e67b5b14dd', 'eni-0b968ee7c2b44237b', 'eni-0c9ec1d9aed1be7f3', 'eni-0f171885988c736b7')
      ) AS "t44"
      GROUP BY
        1,
        2,
        3,
        4,
        5
    ) AS "t45"
  ) AS "t46"
)
SELECT
  *
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t49"."interface_id",
      "t49"."direction",
      "t49"."protocol",
      "t49"."server_port",
      "t49"."place",
      "t49"."far",
      SUM("t49"."sessions") AS "sessions",
      MIN("t49"."first") AS "first",
      MAX("t49"."last") AS "last",
      COUNT(*) AS "sources"
    FROM (
      SELECT
        *
      FROM "t47" AS "t48"
      WHERE
        "t48"."like" <= 32
    ) AS "t49"
    GROUP BY
      1,
      2,
      3,
      4,
      5,
      6
  ) AS "t51"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t52"."interface_id",
      "t52"."direction",
      "t52"."protocol",
      "t52"."server_port",
      "t52"."place",
      CAST(NULL AS VARCHAR) AS "far",
      "t52"."sessions",
      "t52"."first",
      "t52"."last",
      "t52"."sources"
    FROM (
      SELECT
        "t50"."interface_id",
        "t50"."direction",
        "t50"."protocol",
        "t50"."server_port",
        "t50"."place",
        SUM("t50"."sessions") AS "sessions",
        MIN("t50"."first") AS "first",
        MAX("t50"."last") AS "last",
        COUNT(*) AS "sources"
      FROM (
        SELECT
          *
        FROM "t47" AS "t48"
        WHERE
          "t48"."like" > 32
      ) AS "t50"
      GROUP BY
        1,
        2,
        3,
        4,
        5
    ) AS "t52"
  ) AS "t53"
) AS "t54"
ORDER BY
  "t54"."interface_id" ASC,
  "t54"."direction" ASC,
  "t54"."protocol" ASC,
  "t54"."server_port" ASC,
  "t54"."place" ASC,
  "t54"."far" ASC;

-- refused_over_time
SELECT
  *
FROM (
  SELECT
    CAST(FLOOR(CAST((
      "t8"."start"
    ) AS DOUBLE) / (
      3600
    )) AS BIGINT) * 3600 AS "start",
    COALESCE("t8"."mark", 'noise') AS "kind",
    COUNT(*) AS "records"
  FROM (
    SELECT
      "t7"."version",
      "t7"."account_id",
      "t7"."interface_id",
      "t7"."srcaddr",
      "t7"."dstaddr",
      "t7"."srcport",
      "t7"."dstport",
      "t7"."protocol",
      "t7"."packets",
      "t7"."bytes",
      "t7"."start",
      "t7"."end",
      "t7"."action",
      "t7"."log_status",
      "t7"."at",
      "t7"."by",
      "t7"."sport",
      "t7"."dport",
      "t7"."asked",
      "t7"."told",
      COALESCE("t7"."asked", "t7"."told") AS "mark"
    FROM (
      SELECT
        "t6"."version",
        "t6"."account_id",
        "t6"."interface_id",
        "t6"."srcaddr",
        "t6"."dstaddr",
        "t6"."srcport",
        "t6"."dstport",
        "t6"."protocol",
        "t6"."packets",
        "t6"."bytes",
        "t6"."start",
        "t6"."end",
        "t6"."action",
        "t6"."log_status",
        "t6"."at",
        "t6"."by",
        "t6"."sport",
        "t6"."dport",
        "t3"."asked",
        "t4"."told"
      FROM (
        SELECT
          "t0"."version",
          "t0"."account_id",
          "t0"."interface_id",
          "t0"."srcaddr",
          "t0"."dstaddr",
          "t0"."srcport",
          "t0"."dstport",
          "t0"."protocol",
          "t0"."packets",
          "t0"."bytes",
          "t0"."start",
          "t0"."end",
          "t0"."action",
          "t0"."log_status",
          COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "at",
          CAST(COALESCE("t0"."protocol", -1) AS BIGINT) AS "by",
          CAST(COALESCE("t0"."srcport", -1) AS BIGINT) AS "sport",
          CAST(COALESCE("t0"."dstport", -1) AS BIGINT) AS "dport"
        FROM "flows" AS "t0"
        WHERE
          (
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
      ) AS "t6"
      LEFT OUTER JOIN "given_13" AS "t3"
        ON "t6"."at" = "t3"."at"
        AND "t6"."by" = "t3"."by"
        AND "t6"."srcaddr" = "t3"."srcaddr"
        AND "t6"."dstaddr" = "t3"."dstaddr"
        AND "t6"."dport" = "t3"."dport"
      LEFT OUTER JOIN "given_14" AS "t4"
        ON "t6"."at" = "t4"."at"
        AND "t6"."by" = "t4"."by"
        AND "t6"."srcaddr" = "t4"."srcaddr"
        AND "t6"."dstaddr" = "t4"."dstaddr"
        AND "t6"."sport" = "t4"."sport"
    ) AS "t7"
  ) AS "t8"
  GROUP BY
    1,
    2
) AS "t9"
ORDER BY
  "t9"."start" ASC,
  "t9"."kind" ASC;
