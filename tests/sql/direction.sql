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

-- traffic
SELECT
  "t8"."interface_id",
  "t8"."time",
  "t8"."direction",
  "t8"."peer",
  "t8"."action",
  "t8"."vantage",
  "t8"."az_id",
  "t8"."peer_az_id",
  "t8"."traffic_path",
  COUNT(*) AS "records",
  SUM(COALESCE("t8"."packets", 0)) AS "packets",
  SUM(COALESCE("t8"."bytes", 0)) AS "bytes"
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
    "t7"."vpc_id",
    "t7"."subnet_id",
    "t7"."instance_id",
    "t7"."tcp_flags",
    "t7"."type",
    "t7"."pkt_srcaddr",
    "t7"."pkt_dstaddr",
    "t7"."region",
    COALESCE(
      "t7"."az_id",
      IF(
        CASE
          WHEN "t7"."flow_direction" IS NOT NULL
          THEN "t7"."flow_direction" = 'egress'
          WHEN (
            "t7"."src_holder" = "t7"."interface_id"
          )
          AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
          THEN TRUE
          WHEN (
            "t7"."dst_holder" = "t7"."interface_id"
          )
          AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
          THEN FALSE
          ELSE NULL
        END,
        "t7"."src_az",
        "t7"."dst_az"
      )
    ) AS "az_id",
    "t7"."sublocation_type",
    "t7"."sublocation_id",
    "t7"."pkt_src_aws_service",
    "t7"."pkt_dst_aws_service",
    "t7"."flow_direction",
    "t7"."traffic_path",
    "t7"."ecs_cluster_arn",
    "t7"."ecs_cluster_name",
    "t7"."ecs_container_instance_arn",
    "t7"."ecs_container_instance_id",
    "t7"."ecs_container_id",
    "t7"."ecs_second_container_id",
    "t7"."ecs_service_name",
    "t7"."ecs_task_definition_arn",
    "t7"."ecs_task_arn",
    "t7"."ecs_task_id",
    "t7"."reject_reason",
    "t7"."resource_id",
    "t7"."encryption_status",
    "t7"."instance_tag",
    "t7"."instance_tag_2",
    "t7"."interface_tag",
    "t7"."interface_tag_2",
    "t7"."asg_tag",
    "t7"."asg_tag_2",
    "t7"."interface_type",
    "t7"."next_hop_interface_id",
    "t7"."next_hop_subnet_id",
    "t7"."next_hop_az_id",
    "t7"."next_hop_vpc_id",
    "t7"."next_hop_interface_type",
    "t7"."file_id",
    "t7"."duplicate",
    "t7"."day",
    "t7"."src_holder",
    "t7"."src_az",
    "t7"."src_logged",
    "t7"."dst_holder",
    "t7"."dst_az",
    "t7"."dst_logged",
    CASE
      WHEN "t7"."interface_id" IN ('eni-0205bb9f7bb6c5f11')
      THEN 'through'
      WHEN CASE
        WHEN "t7"."flow_direction" IS NOT NULL
        THEN "t7"."flow_direction" = 'egress'
        WHEN (
          "t7"."src_holder" = "t7"."interface_id"
        )
        AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
        THEN TRUE
        WHEN (
          "t7"."dst_holder" = "t7"."interface_id"
        )
        AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
        THEN FALSE
        ELSE NULL
      END
      THEN 'egress'
      WHEN NOT (
        CASE
          WHEN "t7"."flow_direction" IS NOT NULL
          THEN "t7"."flow_direction" = 'egress'
          WHEN (
            "t7"."src_holder" = "t7"."interface_id"
          )
          AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
          THEN TRUE
          WHEN (
            "t7"."dst_holder" = "t7"."interface_id"
          )
          AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
          THEN FALSE
          ELSE NULL
        END
      )
      THEN 'ingress'
      ELSE 'unknown'
    END AS "direction",
    CASE
      WHEN "t7"."interface_id" IN ('eni-0205bb9f7bb6c5f11')
      THEN NULL
      WHEN CASE
        WHEN "t7"."flow_direction" IS NOT NULL
        THEN "t7"."flow_direction" = 'egress'
        WHEN (
          "t7"."src_holder" = "t7"."interface_id"
        )
        AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
        THEN TRUE
        WHEN (
          "t7"."dst_holder" = "t7"."interface_id"
        )
        AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
        THEN FALSE
        ELSE NULL
      END IS NOT NULL
      THEN IF(
        CASE
          WHEN STARTS_WITH(
            IF(
              CASE
                WHEN "t7"."flow_direction" IS NOT NULL
                THEN "t7"."flow_direction" = 'egress'
                WHEN (
                  "t7"."src_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                THEN TRUE
                WHEN (
                  "t7"."dst_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                THEN FALSE
                ELSE NULL
              END,
              "t7"."dstaddr",
              "t7"."srcaddr"
            ),
            '10.'
          )
          THEN TRUE
          WHEN STARTS_WITH(
            IF(
              CASE
                WHEN "t7"."flow_direction" IS NOT NULL
                THEN "t7"."flow_direction" = 'egress'
                WHEN (
                  "t7"."src_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                THEN TRUE
                WHEN (
                  "t7"."dst_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                THEN FALSE
                ELSE NULL
              END,
              "t7"."dstaddr",
              "t7"."srcaddr"
            ),
            '1'
          )
          THEN STARTS_WITH(
            IF(
              CASE
                WHEN "t7"."flow_direction" IS NOT NULL
                THEN "t7"."flow_direction" = 'egress'
                WHEN (
                  "t7"."src_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                THEN TRUE
                WHEN (
                  "t7"."dst_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                THEN FALSE
                ELSE NULL
              END,
              "t7"."dstaddr",
              "t7"."srcaddr"
            ),
            '192.168.'
          )
          OR STARTS_WITH(
            IF(
              CASE
                WHEN "t7"."flow_direction" IS NOT NULL
                THEN "t7"."flow_direction" = 'egress'
                WHEN (
                  "t7"."src_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                THEN TRUE
                WHEN (
                  "t7"."dst_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                THEN FALSE
                ELSE NULL
              END,
              "t7"."dstaddr",
              "t7"."srcaddr"
            ),
            '169.254.'
          )
          OR (
            (
              SUBSTR(
                IF(
                  CASE
                    WHEN "t7"."flow_direction" IS NOT NULL
                    THEN "t7"."flow_direction" = 'egress'
                    WHEN (
                      "t7"."src_holder" = "t7"."interface_id"
                    )
                    AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                    THEN TRUE
                    WHEN (
                      "t7"."dst_holder" = "t7"."interface_id"
                    )
                    AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                    THEN FALSE
                    ELSE NULL
                  END,
                  "t7"."dstaddr",
                  "t7"."srcaddr"
                ),
                IF(
                  (
                    6 + 1
                  ) >= 1,
                  6 + 1,
                  6 + 1 + LENGTH(
                    IF(
                      CASE
                        WHEN "t7"."flow_direction" IS NOT NULL
                        THEN "t7"."flow_direction" = 'egress'
                        WHEN (
                          "t7"."src_holder" = "t7"."interface_id"
                        )
                        AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                        THEN TRUE
                        WHEN (
                          "t7"."dst_holder" = "t7"."interface_id"
                        )
                        AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                        THEN FALSE
                        ELSE NULL
                      END,
                      "t7"."dstaddr",
                      "t7"."srcaddr"
                    )
                  )
                ),
                1
              ) = '.'
            )
            AND (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) >= '172.16.'
            )
            AND (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) < '172.32.'
            )
          )
          OR (
            (
              SUBSTR(
                IF(
                  CASE
                    WHEN "t7"."flow_direction" IS NOT NULL
                    THEN "t7"."flow_direction" = 'egress'
                    WHEN (
                      "t7"."src_holder" = "t7"."interface_id"
                    )
                    AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                    THEN TRUE
                    WHEN (
                      "t7"."dst_holder" = "t7"."interface_id"
                    )
                    AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                    THEN FALSE
                    ELSE NULL
                  END,
                  "t7"."dstaddr",
                  "t7"."srcaddr"
                ),
                IF(
                  (
                    6 + 1
                  ) >= 1,
                  6 + 1,
                  6 + 1 + LENGTH(
                    IF(
                      CASE
                        WHEN "t7"."flow_direction" IS NOT NULL
                        THEN "t7"."flow_direction" = 'egress'
                        WHEN (
                          "t7"."src_holder" = "t7"."interface_id"
                        )
                        AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                        THEN TRUE
                        WHEN (
                          "t7"."dst_holder" = "t7"."interface_id"
                        )
                        AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                        THEN FALSE
                        ELSE NULL
                      END,
                      "t7"."dstaddr",
                      "t7"."srcaddr"
                    )
                  )
                ),
                1
              ) = '.'
            )
            AND (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) >= '100.64.'
            )
            AND (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) < '101.'
            )
          )
          OR (
            (
              SUBSTR(
                IF(
                  CASE
                    WHEN "t7"."flow_direction" IS NOT NULL
                    THEN "t7"."flow_direction" = 'egress'
                    WHEN (
                      "t7"."src_holder" = "t7"."interface_id"
                    )
                    AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                    THEN TRUE
                    WHEN (
                      "t7"."dst_holder" = "t7"."interface_id"
                    )
                    AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                    THEN FALSE
                    ELSE NULL
                  END,
                  "t7"."dstaddr",
                  "t7"."srcaddr"
                ),
                IF(
                  (
                    7 + 1
                  ) >= 1,
                  7 + 1,
                  7 + 1 + LENGTH(
                    IF(
                      CASE
                        WHEN "t7"."flow_direction" IS NOT NULL
                        THEN "t7"."flow_direction" = 'egress'
                        WHEN (
                          "t7"."src_holder" = "t7"."interface_id"
                        )
                        AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                        THEN TRUE
                        WHEN (
                          "t7"."dst_holder" = "t7"."interface_id"
                        )
                        AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                        THEN FALSE
                        ELSE NULL
                      END,
                      "t7"."dstaddr",
                      "t7"."srcaddr"
                    )
                  )
                ),
                1
              ) = '.'
            )
            AND (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) >= '100.100.'
            )
            AND (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) < '100.128.'
            )
          )
          WHEN STARTS_WITH(
            IF(
              CASE
                WHEN "t7"."flow_direction" IS NOT NULL
                THEN "t7"."flow_direction" = 'egress'
                WHEN (
                  "t7"."src_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                THEN TRUE
                WHEN (
                  "t7"."dst_holder" = "t7"."interface_id"
                )
                AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                THEN FALSE
                ELSE NULL
              END,
              "t7"."dstaddr",
              "t7"."srcaddr"
            ),
            'f'
          )
          THEN (
            (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) >= 'fc'
            )
            AND (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) < 'fe'
            )
          )
          OR (
            (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) >= 'fe8'
            )
            AND (
              IF(
                CASE
                  WHEN "t7"."flow_direction" IS NOT NULL
                  THEN "t7"."flow_direction" = 'egress'
                  WHEN (
                    "t7"."src_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
                  THEN TRUE
                  WHEN (
                    "t7"."dst_holder" = "t7"."interface_id"
                  )
                  AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
                  THEN FALSE
                  ELSE NULL
                END,
                "t7"."dstaddr",
                "t7"."srcaddr"
              ) < 'fec'
            )
          )
          ELSE FALSE
        END
        OR IF(
          CASE
            WHEN "t7"."flow_direction" IS NOT NULL
            THEN "t7"."flow_direction" = 'egress'
            WHEN (
              "t7"."src_holder" = "t7"."interface_id"
            )
            AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
            THEN TRUE
            WHEN (
              "t7"."dst_holder" = "t7"."interface_id"
            )
            AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
            THEN FALSE
            ELSE NULL
          END,
          "t7"."dst_logged",
          "t7"."src_logged"
        ),
        'internal',
        'external'
      )
      ELSE NULL
    END AS "peer",
    NOT (
      "t7"."interface_id" IN ('eni-0205bb9f7bb6c5f11')
    )
    AND (
      COALESCE(
        CASE
          WHEN "t7"."flow_direction" IS NOT NULL
          THEN "t7"."flow_direction" = 'egress'
          WHEN (
            "t7"."src_holder" = "t7"."interface_id"
          )
          AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
          THEN TRUE
          WHEN (
            "t7"."dst_holder" = "t7"."interface_id"
          )
          AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
          THEN FALSE
          ELSE NULL
        END,
        FALSE
      )
      OR NOT (
        "t7"."src_logged"
      )
    ) AS "vantage",
    COALESCE(
      "t7"."next_hop_az_id",
      IF(
        CASE
          WHEN "t7"."flow_direction" IS NOT NULL
          THEN "t7"."flow_direction" = 'egress'
          WHEN (
            "t7"."src_holder" = "t7"."interface_id"
          )
          AND COALESCE("t7"."dst_holder" <> "t7"."interface_id", TRUE)
          THEN TRUE
          WHEN (
            "t7"."dst_holder" = "t7"."interface_id"
          )
          AND COALESCE("t7"."src_holder" <> "t7"."interface_id", TRUE)
          THEN FALSE
          ELSE NULL
        END,
        "t7"."dst_az",
        "t7"."src_az"
      )
    ) AS "peer_az_id",
    CAST(FLOOR(CAST((
      "t7"."start"
    ) AS DOUBLE) / (
      3600
    )) AS BIGINT) * 3600 AS "time"
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
      "t6"."vpc_id",
      "t6"."subnet_id",
      "t6"."instance_id",
      "t6"."tcp_flags",
      "t6"."type",
      "t6"."pkt_srcaddr",
      "t6"."pkt_dstaddr",
      "t6"."region",
      "t6"."az_id",
      "t6"."sublocation_type",
      "t6"."sublocation_id",
      "t6"."pkt_src_aws_service",
      "t6"."pkt_dst_aws_service",
      "t6"."flow_direction",
      "t6"."traffic_path",
      "t6"."ecs_cluster_arn",
      "t6"."ecs_cluster_name",
      "t6"."ecs_container_instance_arn",
      "t6"."ecs_container_instance_id",
      "t6"."ecs_container_id",
      "t6"."ecs_second_container_id",
      "t6"."ecs_service_name",
      "t6"."ecs_task_definition_arn",
      "t6"."ecs_task_arn",
      "t6"."ecs_task_id",
      "t6"."reject_reason",
      "t6"."resource_id",
      "t6"."encryption_status",
      "t6"."instance_tag",
      "t6"."instance_tag_2",
      "t6"."interface_tag",
      "t6"."interface_tag_2",
      "t6"."asg_tag",
      "t6"."asg_tag_2",
      "t6"."interface_type",
      "t6"."next_hop_interface_id",
      "t6"."next_hop_subnet_id",
      "t6"."next_hop_az_id",
      "t6"."next_hop_vpc_id",
      "t6"."next_hop_interface_type",
      "t6"."file_id",
      "t6"."duplicate",
      "t6"."day",
      "t3"."src_holder",
      "t3"."src_az",
      COALESCE("t3"."src_logged", FALSE) AS "src_logged",
      "t4"."dst_holder",
      "t4"."dst_az",
      COALESCE("t4"."dst_logged", FALSE) AS "dst_logged"
    FROM (
      SELECT
        "t0"."version",
        "t0"."account_id",
        COALESCE("t0"."interface_id", "t0"."resource_id", '-') AS "interface_id",
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
        COALESCE(CAST(FLOOR(CAST((
          "t0"."start"
        ) AS DOUBLE) / (
          86400
        )) AS BIGINT), 0) AS "day"
      FROM "flows" AS "t0"
      WHERE
        "t0"."srcaddr" IS NOT NULL
        AND "t0"."dstaddr" IS NOT NULL
        AND COALESCE("t0"."log_status", 'OK') = 'OK'
    ) AS "t6"
    LEFT OUTER JOIN "given_1" AS "t3"
      ON "t6"."day" = "t3"."day" AND "t6"."srcaddr" = "t3"."srcaddr"
    LEFT OUTER JOIN "given_2" AS "t4"
      ON "t6"."day" = "t4"."day" AND "t6"."dstaddr" = "t4"."dstaddr"
  ) AS "t7"
) AS "t8"
GROUP BY
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  9;

-- kept, kept as kept_1
WITH "t11" AS (
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
), "t18" AS (
  SELECT
    "t17"."protocol",
    "t17"."addr",
    "t17"."port",
    COUNT(*) AS "fan_in"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          NULLIF("t12"."protocol", -1) AS "protocol",
          "t12"."a_addr" AS "addr",
          NULLIF("t12"."a_port", -1) AS "port",
          NULLIF("t12"."b_port", -1) AS "other"
        FROM "t11" AS "t12"
        WHERE
          NULLIF("t12"."protocol", -1) IN (6, 17, 33, 132, 136)
          AND (
            BITWISE_AND("t12"."a_records", 67108863)
          ) > 0
          AND (
            BITWISE_AND("t12"."b_records", 67108863)
          ) > 0
      ) AS "t13"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          NULLIF("t12"."protocol", -1) AS "protocol",
          "t12"."b_addr" AS "addr",
          NULLIF("t12"."b_port", -1) AS "port",
          NULLIF("t12"."a_port", -1) AS "other"
        FROM "t11" AS "t12"
        WHERE
          NULLIF("t12"."protocol", -1) IN (6, 17, 33, 132, 136)
          AND (
            BITWISE_AND("t12"."a_records", 67108863)
          ) > 0
          AND (
            BITWISE_AND("t12"."b_records", 67108863)
          ) > 0
      ) AS "t14"
    ) AS "t15"
    WHERE
      COALESCE(
        "t15"."port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
        FALSE
      )
      OR NOT (
        COALESCE(
          "t15"."other" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
          FALSE
        )
      )
  ) AS "t17"
  GROUP BY
    1,
    2,
    3
)
SELECT
  "t31"."interface_id",
  "t31"."client",
  "t31"."server",
  "t31"."server_port",
  "t31"."protocol",
  "t31"."direction",
  "t31"."vantage",
  "t31"."rung",
  "t31"."without_flags",
  "t31"."agrees",
  COUNT(*) AS "conversations",
  CAST(SUM(CAST("t31"."denied" AS DOUBLE)) AS BIGINT) AS "refused",
  CAST(SUM(CAST("t31"."client_bytes" AS DOUBLE)) AS BIGINT) AS "client_bytes",
  CAST(SUM(CAST("t31"."server_bytes" AS DOUBLE)) AS BIGINT) AS "server_bytes",
  MIN("t31"."first") AS "first",
  MAX("t31"."last") AS "last"
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
    "t30"."a_packets",
    "t30"."a_bytes",
    "t30"."a_accepted",
    "t30"."a_rejected",
    "t30"."a_flags",
    "t30"."a_first",
    "t30"."a_opened",
    "t30"."b_packets",
    "t30"."b_bytes",
    "t30"."b_accepted",
    "t30"."b_rejected",
    "t30"."b_flags",
    "t30"."b_first",
    "t30"."b_opened",
    "t30"."carried",
    "t30"."resumed",
    "t30"."rung",
    "t30"."without_flags",
    "t30"."agrees",
    COALESCE("t30"."client", "t30"."a_addr") AS "client",
    "t30"."client_port",
    "t30"."client_packets",
    IF(
      (
        (
          "t30"."a_accepted" + "t30"."b_accepted"
        ) = 0
      )
      AND (
        (
          "t30"."a_rejected" + "t30"."b_rejected"
        ) > 0
      ),
      0,
      IF("t30"."rung" <> 'unknown', "t30"."client_bytes", "t30"."a_bytes")
    ) AS "client_bytes",
    "t30"."client_accepted",
    "t30"."client_rejected",
    "t30"."client_flags",
    "t30"."client_first",
    COALESCE("t30"."server", "t30"."b_addr") AS "server",
    "t30"."server_port",
    "t30"."server_packets",
    IF(
      (
        (
          "t30"."a_accepted" + "t30"."b_accepted"
        ) = 0
      )
      AND (
        (
          "t30"."a_rejected" + "t30"."b_rejected"
        ) > 0
      ),
      0,
      IF("t30"."rung" <> 'unknown', "t30"."server_bytes", "t30"."b_bytes")
    ) AS "server_bytes",
    "t30"."server_accepted",
    "t30"."server_rejected",
    "t30"."server_flags",
    "t30"."server_first",
    CASE
      WHEN COALESCE("t30"."interface_id" IN ('eni-0205bb9f7bb6c5f11'), FALSE)
      THEN 'through'
      WHEN (
        "t30"."client" IS NOT NULL
      )
      AND IF("t30"."opener" = "t30"."a_addr", "t30"."a_addr_known", "t30"."b_addr_known")
      AND NOT (
        IF("t30"."opener" = "t30"."a_addr", "t30"."b_addr_known", "t30"."a_addr_known")
      )
      THEN 'egress'
      WHEN (
        "t30"."client" IS NOT NULL
      )
      AND IF("t30"."opener" = "t30"."a_addr", "t30"."b_addr_known", "t30"."a_addr_known")
      AND NOT (
        IF("t30"."opener" = "t30"."a_addr", "t30"."a_addr_known", "t30"."b_addr_known")
      )
      THEN 'ingress'
      ELSE 'unknown'
    END AS "direction",
    NOT (
      COALESCE("t30"."interface_id" IN ('eni-0205bb9f7bb6c5f11'), FALSE)
    )
    AND (
      IF("t30"."opener" = "t30"."a_addr", "t30"."a_addr_known", "t30"."b_addr_known")
      OR NOT (
        "t30"."opener_known"
      )
    ) AS "vantage",
    (
      (
        "t30"."a_accepted" + "t30"."b_accepted"
      ) = 0
    )
    AND (
      (
        "t30"."a_rejected" + "t30"."b_rejected"
      ) > 0
    ) AS "denied"
  FROM (
    SELECT
      "t29"."interface_id",
      "t29"."protocol",
      "t29"."a_addr",
      "t29"."a_port",
      "t29"."b_addr",
      "t29"."b_port",
      "t29"."session",
      "t29"."first",
      "t29"."last",
      "t29"."a_packets",
      "t29"."a_bytes",
      "t29"."a_accepted",
      "t29"."a_rejected",
      "t29"."a_flags",
      "t29"."a_first",
      "t29"."a_opened",
      "t29"."b_packets",
      "t29"."b_bytes",
      "t29"."b_accepted",
      "t29"."b_rejected",
      "t29"."b_flags",
      "t29"."b_first",
      "t29"."b_opened",
      "t29"."carried",
      "t29"."resumed",
      "t29"."rung",
      "t29"."without_flags",
      "t29"."agrees",
      "t29"."client",
      "t29"."client_port",
      "t29"."client_packets",
      "t29"."client_bytes",
      "t29"."client_accepted",
      "t29"."client_rejected",
      "t29"."client_flags",
      "t29"."client_first",
      "t29"."server",
      "t29"."server_port",
      "t29"."server_packets",
      "t29"."server_bytes",
      "t29"."server_accepted",
      "t29"."server_rejected",
      "t29"."server_flags",
      "t29"."server_first",
      "t29"."day",
      "t29"."opener",
      COALESCE("t7"."known", FALSE) AS "a_addr_known",
      COALESCE("t8"."known", FALSE) AS "b_addr_known",
      COALESCE("t9"."known", FALSE) AS "opener_known"
    FROM (
      SELECT
        "t27"."interface_id",
        "t27"."protocol",
        "t27"."a_addr",
        "t27"."a_port",
        "t27"."b_addr",
        "t27"."b_port",
        "t27"."session",
        "t27"."first",
        "t27"."last",
        "t27"."a_packets",
        "t27"."a_bytes",
        "t27"."a_accepted",
        "t27"."a_rejected",
        "t27"."a_flags",
        "t27"."a_first",
        "t27"."a_opened",
        "t27"."b_packets",
        "t27"."b_bytes",
        "t27"."b_accepted",
        "t27"."b_rejected",
        "t27"."b_flags",
        "t27"."b_first",
        "t27"."b_opened",
        "t27"."carried",
        "t27"."resumed",
        CASE
          WHEN "t27"."says_syn" IS NOT NULL
          THEN 'syn'
          WHEN "t27"."says_carry" IS NOT NULL
          THEN 'carry'
          WHEN "t27"."says_refused" IS NOT NULL
          THEN 'refused'
          WHEN "t27"."says_service" IS NOT NULL
          THEN 'service'
          WHEN "t27"."says_ports" IS NOT NULL
          THEN 'ports'
          WHEN "t27"."says_lowport" IS NOT NULL
          THEN 'lowport'
          WHEN "t27"."says_first" IS NOT NULL
          THEN 'first'
          ELSE 'unknown'
        END AS "rung",
        CASE
          WHEN "t27"."says_refused_plain" IS NOT NULL
          THEN 'refused'
          WHEN "t27"."says_service" IS NOT NULL
          THEN 'service'
          WHEN "t27"."says_ports" IS NOT NULL
          THEN 'ports'
          WHEN "t27"."says_lowport" IS NOT NULL
          THEN 'lowport'
          WHEN "t27"."says_first" IS NOT NULL
          THEN 'first'
          ELSE 'unknown'
        END AS "without_flags",
        COALESCE(
          "t27"."says_refused_plain",
          "t27"."says_service",
          "t27"."says_ports",
          "t27"."says_lowport",
          "t27"."says_first"
        ) = "t27"."says_syn" AS "agrees",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."a_addr"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."b_addr"
          ELSE NULL
        END AS "client",
        IF(
          "t27"."protocol" IN (6, 17, 33, 132, 136),
          CASE
            WHEN COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
            THEN "t27"."a_port"
            WHEN NOT (
              COALESCE(
                "t27"."says_syn",
                "t27"."says_carry",
                "t27"."says_refused",
                "t27"."says_service",
                "t27"."says_ports",
                "t27"."says_lowport",
                "t27"."says_first"
              )
            )
            THEN "t27"."b_port"
            ELSE NULL
          END,
          CAST(NULL AS INTEGER)
        ) AS "client_port",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."a_packets"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."b_packets"
          ELSE NULL
        END AS "client_packets",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."a_bytes"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."b_bytes"
          ELSE NULL
        END AS "client_bytes",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."a_accepted"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."b_accepted"
          ELSE NULL
        END AS "client_accepted",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."a_rejected"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."b_rejected"
          ELSE NULL
        END AS "client_rejected",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."a_flags"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."b_flags"
          ELSE NULL
        END AS "client_flags",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."a_first"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."b_first"
          ELSE NULL
        END AS "client_first",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."b_addr"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."a_addr"
          ELSE NULL
        END AS "server",
        IF(
          "t27"."protocol" IN (6, 17, 33, 132, 136),
          CASE
            WHEN COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
            THEN "t27"."b_port"
            WHEN NOT (
              COALESCE(
                "t27"."says_syn",
                "t27"."says_carry",
                "t27"."says_refused",
                "t27"."says_service",
                "t27"."says_ports",
                "t27"."says_lowport",
                "t27"."says_first"
              )
            )
            THEN "t27"."a_port"
            ELSE NULL
          END,
          CAST(NULL AS INTEGER)
        ) AS "server_port",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."b_packets"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."a_packets"
          ELSE NULL
        END AS "server_packets",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."b_bytes"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."a_bytes"
          ELSE NULL
        END AS "server_bytes",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."b_accepted"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."a_accepted"
          ELSE NULL
        END AS "server_accepted",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."b_rejected"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."a_rejected"
          ELSE NULL
        END AS "server_rejected",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."b_flags"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."a_flags"
          ELSE NULL
        END AS "server_flags",
        CASE
          WHEN COALESCE(
            "t27"."says_syn",
            "t27"."says_carry",
            "t27"."says_refused",
            "t27"."says_service",
            "t27"."says_ports",
            "t27"."says_lowport",
            "t27"."says_first"
          )
          THEN "t27"."b_first"
          WHEN NOT (
            COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
          )
          THEN "t27"."a_first"
          ELSE NULL
        END AS "server_first",
        COALESCE(CAST(FLOOR(CAST((
          "t27"."first"
        ) AS DOUBLE) / (
          86400
        )) AS BIGINT), 0) AS "day",
        COALESCE(
          CASE
            WHEN COALESCE(
              "t27"."says_syn",
              "t27"."says_carry",
              "t27"."says_refused",
              "t27"."says_service",
              "t27"."says_ports",
              "t27"."says_lowport",
              "t27"."says_first"
            )
            THEN "t27"."a_addr"
            WHEN NOT (
              COALESCE(
                "t27"."says_syn",
                "t27"."says_carry",
                "t27"."says_refused",
                "t27"."says_service",
                "t27"."says_ports",
                "t27"."says_lowport",
                "t27"."says_first"
              )
            )
            THEN "t27"."b_addr"
            ELSE NULL
          END,
          "t27"."a_addr"
        ) AS "opener"
      FROM (
        SELECT
          "t26"."interface_id",
          "t26"."protocol",
          "t26"."a_addr",
          "t26"."a_port",
          "t26"."b_addr",
          "t26"."b_port",
          "t26"."session",
          "t26"."first",
          "t26"."last",
          "t26"."a_packets",
          "t26"."a_bytes",
          "t26"."a_accepted",
          "t26"."a_rejected",
          "t26"."a_flags",
          "t26"."a_first",
          "t26"."a_opened",
          "t26"."b_packets",
          "t26"."b_bytes",
          "t26"."b_accepted",
          "t26"."b_rejected",
          "t26"."b_flags",
          "t26"."b_first",
          "t26"."b_opened",
          "t26"."carried",
          "t26"."resumed",
          "t26"."says_syn",
          "t26"."says_carry",
          "t26"."says_refused_plain",
          "t26"."says_refused",
          "t26"."says_ports",
          "t26"."says_lowport",
          "t26"."says_first",
          CASE
            WHEN (
              COALESCE("t26"."b_fan_in", 0) >= 3
            )
            AND (
              COALESCE("t26"."b_fan_in", 0) >= (
                COALESCE("t26"."a_fan_in", 0) * 4
              )
            )
            AND NOT (
              (
                COALESCE("t26"."a_fan_in", 0) >= 3
              )
              AND (
                COALESCE("t26"."a_fan_in", 0) >= (
                  COALESCE("t26"."b_fan_in", 0) * 4
                )
              )
            )
            THEN TRUE
            WHEN (
              COALESCE("t26"."a_fan_in", 0) >= 3
            )
            AND (
              COALESCE("t26"."a_fan_in", 0) >= (
                COALESCE("t26"."b_fan_in", 0) * 4
              )
            )
            AND NOT (
              (
                COALESCE("t26"."b_fan_in", 0) >= 3
              )
              AND (
                COALESCE("t26"."b_fan_in", 0) >= (
                  COALESCE("t26"."a_fan_in", 0) * 4
                )
              )
            )
            THEN FALSE
            ELSE CAST(NULL AS BOOLEAN)
          END AS "says_service"
        FROM (
          SELECT
            "t25"."interface_id",
            "t25"."protocol",
            "t25"."a_addr",
            "t25"."a_port",
            "t25"."b_addr",
            "t25"."b_port",
            "t25"."session",
            "t25"."first",
            "t25"."last",
            "t25"."a_packets",
            "t25"."a_bytes",
            "t25"."a_accepted",
            "t25"."a_rejected",
            "t25"."a_flags",
            "t25"."a_first",
            "t25"."a_opened",
            "t25"."b_packets",
            "t25"."b_bytes",
            "t25"."b_accepted",
            "t25"."b_rejected",
            "t25"."b_flags",
            "t25"."b_first",
            "t25"."b_opened",
            "t25"."carried",
            "t25"."resumed",
            "t25"."says_syn",
            "t25"."says_carry",
            "t25"."says_refused_plain",
            "t25"."says_refused",
            "t25"."says_ports",
            "t25"."says_lowport",
            "t25"."says_first",
            "t22"."a_fan_in",
            "t23"."b_fan_in"
          FROM (
            SELECT
              "t16"."interface_id",
              "t16"."protocol",
              "t16"."a_addr",
              "t16"."a_port",
              "t16"."b_addr",
              "t16"."b_port",
              "t16"."session",
              "t16"."first",
              "t16"."last",
              "t16"."a_packets",
              "t16"."a_bytes",
              "t16"."a_accepted",
              "t16"."a_rejected",
              "t16"."a_flags",
              "t16"."a_first",
              "t16"."a_opened",
              "t16"."b_packets",
              "t16"."b_bytes",
              "t16"."b_accepted",
              "t16"."b_rejected",
              "t16"."b_flags",
              "t16"."b_first",
              "t16"."b_opened",
              "t16"."carried",
              "t16"."resumed",
              CASE
                WHEN COALESCE("t16"."a_opened", FALSE) AND NOT (
                  COALESCE("t16"."b_opened", FALSE)
                )
                THEN TRUE
                WHEN COALESCE("t16"."b_opened", FALSE) AND NOT (
                  COALESCE("t16"."a_opened", FALSE)
                )
                THEN FALSE
                ELSE CAST(NULL AS BOOLEAN)
              END AS "says_syn",
              IF(
                COALESCE("t16"."a_opened", FALSE) OR COALESCE("t16"."b_opened", FALSE),
                CAST(NULL AS BOOLEAN),
                "t16"."carried" = 'a'
              ) AS "says_carry",
              CASE
                WHEN (
                  "t16"."a_rejected" > 0
                )
                AND (
                  "t16"."a_accepted" = 0
                )
                AND NOT (
                  (
                    "t16"."b_accepted" + "t16"."b_rejected"
                  ) > 0
                )
                AND NOT (
                  "t16"."resumed"
                )
                AND NOT (
                  (
                    "t16"."b_rejected" > 0
                  )
                  AND (
                    "t16"."b_accepted" = 0
                  )
                  AND NOT (
                    (
                      "t16"."a_accepted" + "t16"."a_rejected"
                    ) > 0
                  )
                  AND NOT (
                    "t16"."resumed"
                  )
                )
                THEN TRUE
                WHEN (
                  "t16"."b_rejected" > 0
                )
                AND (
                  "t16"."b_accepted" = 0
                )
                AND NOT (
                  (
                    "t16"."a_accepted" + "t16"."a_rejected"
                  ) > 0
                )
                AND NOT (
                  "t16"."resumed"
                )
                AND NOT (
                  (
                    "t16"."a_rejected" > 0
                  )
                  AND (
                    "t16"."a_accepted" = 0
                  )
                  AND NOT (
                    (
                      "t16"."b_accepted" + "t16"."b_rejected"
                    ) > 0
                  )
                  AND NOT (
                    "t16"."resumed"
                  )
                )
                THEN FALSE
                ELSE CAST(NULL AS BOOLEAN)
              END AS "says_refused_plain",
              IF(
                COALESCE((
                  "t16"."protocol" = 6
                ) AND (
                  "t16"."a_opened" IS NOT NULL
                ), FALSE),
                CAST(NULL AS BOOLEAN),
                CASE
                  WHEN (
                    "t16"."a_rejected" > 0
                  )
                  AND (
                    "t16"."a_accepted" = 0
                  )
                  AND NOT (
                    (
                      "t16"."b_accepted" + "t16"."b_rejected"
                    ) > 0
                  )
                  AND NOT (
                    "t16"."resumed"
                  )
                  AND NOT (
                    (
                      "t16"."b_rejected" > 0
                    )
                    AND (
                      "t16"."b_accepted" = 0
                    )
                    AND NOT (
                      (
                        "t16"."a_accepted" + "t16"."a_rejected"
                      ) > 0
                    )
                    AND NOT (
                      "t16"."resumed"
                    )
                  )
                  THEN TRUE
                  WHEN (
                    "t16"."b_rejected" > 0
                  )
                  AND (
                    "t16"."b_accepted" = 0
                  )
                  AND NOT (
                    (
                      "t16"."a_accepted" + "t16"."a_rejected"
                    ) > 0
                  )
                  AND NOT (
                    "t16"."resumed"
                  )
                  AND NOT (
                    (
                      "t16"."a_rejected" > 0
                    )
                    AND (
                      "t16"."a_accepted" = 0
                    )
                    AND NOT (
                      (
                        "t16"."b_accepted" + "t16"."b_rejected"
                      ) > 0
                    )
                    AND NOT (
                      "t16"."resumed"
                    )
                  )
                  THEN FALSE
                  ELSE CAST(NULL AS BOOLEAN)
                END
              ) AS "says_refused",
              IF(
                COALESCE("t16"."protocol" IN (6, 17, 33, 132, 136), FALSE),
                CASE
                  WHEN COALESCE(
                    "t16"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                    FALSE
                  )
                  AND NOT (
                    COALESCE(
                      "t16"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                      FALSE
                    )
                  )
                  AND NOT (
                    "t16"."a_port" < 1024
                  )
                  AND NOT (
                    COALESCE(
                      "t16"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                      FALSE
                    )
                    AND NOT (
                      COALESCE(
                        "t16"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                        FALSE
                      )
                    )
                    AND NOT (
                      "t16"."b_port" < 1024
                    )
                  )
                  THEN TRUE
                  WHEN COALESCE(
                    "t16"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                    FALSE
                  )
                  AND NOT (
                    COALESCE(
                      "t16"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                      FALSE
                    )
                  )
                  AND NOT (
                    "t16"."b_port" < 1024
                  )
                  AND NOT (
                    COALESCE(
                      "t16"."b_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                      FALSE
                    )
                    AND NOT (
                      COALESCE(
                        "t16"."a_port" IN (21, 22, 23, 25, 53, 67, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 464, 465, 500, 514, 587, 636, 853, 873, 989, 990, 993, 995, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389, 4317, 4318, 4500, 5000, 5060, 5222, 5432, 5439, 5601, 5671, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8080, 8081, 8086, 8088, 8089, 8125, 8443, 8500, 8883, 9000, 9042, 9090, 9092, 9093, 9094, 9100, 9200, 9300, 9443, 10250, 11211, 15672, 27017),
                        FALSE
                      )
                    )
                    AND NOT (
                      "t16"."a_port" < 1024
                    )
                  )
                  THEN FALSE
                  ELSE CAST(NULL AS BOOLEAN)
                END,
                CAST(NULL AS BOOLEAN)
              ) AS "says_ports",
              IF(
                COALESCE("t16"."protocol" IN (6, 17, 33, 132, 136), FALSE),
                CASE
                  WHEN (
                    "t16"."b_port" < 1024
                  ) AND NOT (
                    "t16"."a_port" < 1024
                  )
                  THEN TRUE
                  WHEN (
                    "t16"."a_port" < 1024
                  ) AND NOT (
                    "t16"."b_port" < 1024
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
                        "t16"."a_accepted" + "t16"."a_rejected"
                      ) > 0
                    )
                    AND NOT (
                      (
                        "t16"."b_accepted" + "t16"."b_rejected"
                      ) > 0
                    )
                  )
                  OR COALESCE((
                    "t16"."b_first" - "t16"."a_first"
                  ) >= 2, FALSE)
                )
                AND NOT (
                  (
                    (
                      (
                        "t16"."b_accepted" + "t16"."b_rejected"
                      ) > 0
                    )
                    AND NOT (
                      (
                        "t16"."a_accepted" + "t16"."a_rejected"
                      ) > 0
                    )
                  )
                  OR COALESCE(-(
                    "t16"."b_first" - "t16"."a_first"
                  ) >= 2, FALSE)
                )
                THEN TRUE
                WHEN (
                  (
                    (
                      (
                        "t16"."b_accepted" + "t16"."b_rejected"
                      ) > 0
                    )
                    AND NOT (
                      (
                        "t16"."a_accepted" + "t16"."a_rejected"
                      ) > 0
                    )
                  )
                  OR COALESCE(-(
                    "t16"."b_first" - "t16"."a_first"
                  ) >= 2, FALSE)
                )
                AND NOT (
                  (
                    (
                      (
                        "t16"."a_accepted" + "t16"."a_rejected"
                      ) > 0
                    )
                    AND NOT (
                      (
                        "t16"."b_accepted" + "t16"."b_rejected"
                      ) > 0
                    )
                  )
                  OR COALESCE((
                    "t16"."b_first" - "t16"."a_first"
                  ) >= 2, FALSE)
                )
                THEN FALSE
                ELSE CAST(NULL AS BOOLEAN)
              END AS "says_first"
            FROM (
              SELECT
                NULLIF("t12"."interface_id", '-') AS "interface_id",
                NULLIF("t12"."protocol", -1) AS "protocol",
                "t12"."a_addr",
                NULLIF("t12"."a_port", -1) AS "a_port",
                "t12"."b_addr",
                NULLIF("t12"."b_port", -1) AS "b_port",
                0 AS "session",
                LEAST(
                  COALESCE("t12"."a_first", "t12"."b_first"),
                  COALESCE("t12"."b_first", "t12"."a_first")
                ) AS "first",
                "t12"."last",
                "t12"."a_packets",
                "t12"."a_bytes",
                BITWISE_AND("t12"."a_records", 67108863) AS "a_accepted",
                BITWISE_RIGHT_SHIFT("t12"."a_records", 26) AS "a_rejected",
                IF(
                  "t12"."a_syns" IS NULL,
                  NULL,
                  CAST(IF("t12"."a_syns" > 0, 2, 0) + IF((
                    BITWISE_RIGHT_SHIFT("t12"."a_syns", 26)
                  ) > 0, 16, 0) + IF((
                    BITWISE_AND("t12"."a_closes", 67108863)
                  ) > 0, 1, 0) + IF((
                    BITWISE_RIGHT_SHIFT("t12"."a_closes", 26)
                  ) > 0, 4, 0) AS INTEGER)
                ) AS "a_flags",
                "t12"."a_first",
                IF(
                  (
                    "t12"."a_syns" IS NULL
                  ) AND (
                    "t12"."b_syns" IS NULL
                  ),
                  NULL,
                  COALESCE((
                    BITWISE_AND("t12"."a_syns", 67108863)
                  ) > 0, FALSE)
                  OR COALESCE((
                    BITWISE_RIGHT_SHIFT("t12"."b_syns", 26)
                  ) > 0, FALSE)
                ) AS "a_opened",
                "t12"."b_packets",
                "t12"."b_bytes",
                BITWISE_AND("t12"."b_records", 67108863) AS "b_accepted",
                BITWISE_RIGHT_SHIFT("t12"."b_records", 26) AS "b_rejected",
                IF(
                  "t12"."b_syns" IS NULL,
                  NULL,
                  CAST(IF("t12"."b_syns" > 0, 2, 0) + IF((
                    BITWISE_RIGHT_SHIFT("t12"."b_syns", 26)
                  ) > 0, 16, 0) + IF((
                    BITWISE_AND("t12"."b_closes", 67108863)
                  ) > 0, 1, 0) + IF((
                    BITWISE_RIGHT_SHIFT("t12"."b_closes", 26)
                  ) > 0, 4, 0) AS INTEGER)
                ) AS "b_flags",
                "t12"."b_first",
                IF(
                  (
                    "t12"."b_syns" IS NULL
                  ) AND (
                    "t12"."a_syns" IS NULL
                  ),
                  NULL,
                  COALESCE((
                    BITWISE_AND("t12"."b_syns", 67108863)
                  ) > 0, FALSE)
                  OR COALESCE((
                    BITWISE_RIGHT_SHIFT("t12"."a_syns", 26)
                  ) > 0, FALSE)
                ) AS "b_opened",
                CAST(NULL AS VARCHAR) AS "carried",
                FALSE AS "resumed"
              FROM "t11" AS "t12"
            ) AS "t16"
          ) AS "t25"
          LEFT OUTER JOIN (
            SELECT
              "t19"."protocol",
              "t19"."addr" AS "a_addr",
              "t19"."port" AS "a_port",
              "t19"."fan_in" AS "a_fan_in"
            FROM "t18" AS "t19"
            WHERE
              "t19"."fan_in" >= 3
          ) AS "t22"
            ON "t25"."protocol" = "t22"."protocol"
            AND "t25"."a_addr" = "t22"."a_addr"
            AND "t25"."a_port" = "t22"."a_port"
          LEFT OUTER JOIN (
            SELECT
              "t19"."protocol",
              "t19"."addr" AS "b_addr",
              "t19"."port" AS "b_port",
              "t19"."fan_in" AS "b_fan_in"
            FROM "t18" AS "t19"
            WHERE
              "t19"."fan_in" >= 3
          ) AS "t23"
            ON "t25"."protocol" = "t23"."protocol"
            AND "t25"."b_addr" = "t23"."b_addr"
            AND "t25"."b_port" = "t23"."b_port"
        ) AS "t26"
      ) AS "t27"
    ) AS "t29"
    LEFT OUTER JOIN (
      SELECT
        "t0"."interface_id",
        "t0"."day",
        "t0"."a_addr",
        TRUE AS "known"
      FROM "given_3" AS "t0"
    ) AS "t7"
      ON "t29"."interface_id" = "t7"."interface_id"
      AND "t29"."day" = "t7"."day"
      AND "t29"."a_addr" = "t7"."a_addr"
    LEFT OUTER JOIN (
      SELECT
        "t1"."interface_id",
        "t1"."day",
        "t1"."b_addr",
        TRUE AS "known"
      FROM "given_4" AS "t1"
    ) AS "t8"
      ON "t29"."interface_id" = "t8"."interface_id"
      AND "t29"."day" = "t8"."day"
      AND "t29"."b_addr" = "t8"."b_addr"
    LEFT OUTER JOIN (
      SELECT
        "t2"."opener",
        TRUE AS "known"
      FROM "given_5" AS "t2"
    ) AS "t9"
      ON "t29"."opener" = "t9"."opener"
  ) AS "t30"
) AS "t31"
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
  10;

-- top_talks
SELECT
  *
FROM (
  SELECT
    "t1"."client",
    "t1"."server",
    "t1"."protocol",
    "t1"."server_port",
    SUM("t1"."conversations") AS "conversations",
    SUM("t1"."refused") AS "refused",
    SUM("t1"."client_bytes") AS "client_bytes",
    SUM("t1"."server_bytes") AS "server_bytes",
    MIN("t1"."first") AS "first",
    MAX("t1"."last") AS "last"
  FROM (
    SELECT
      *
    FROM "temp"."main"."kept_2" AS "t0"
    WHERE
      "t0"."vantage" AND "t0"."rung" <> 'unknown'
  ) AS "t1"
  GROUP BY
    1,
    2,
    3,
    4
) AS "t2"
ORDER BY
  "t2"."client_bytes" + "t2"."server_bytes" DESC,
  "t2"."client" ASC,
  "t2"."server" ASC,
  "t2"."protocol" ASC,
  "t2"."server_port" ASC
LIMIT 20;

-- top_talkers
SELECT
  *
FROM (
  SELECT
    "t3"."address",
    SUM("t3"."sent_bytes") AS "sent_bytes",
    SUM("t3"."received_bytes") AS "received_bytes",
    SUM("t3"."as_client") AS "as_client",
    SUM("t3"."as_server") AS "as_server"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t0"."client" AS "address",
        "t0"."client_bytes" AS "sent_bytes",
        "t0"."server_bytes" AS "received_bytes",
        IF("t0"."rung" <> 'unknown', "t0"."conversations", 0) AS "as_client",
        0 AS "as_server"
      FROM "temp"."main"."kept_2" AS "t0"
      WHERE
        "t0"."vantage"
    ) AS "t1"
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        "t0"."server" AS "address",
        "t0"."server_bytes" AS "sent_bytes",
        "t0"."client_bytes" AS "received_bytes",
        0 AS "as_client",
        IF("t0"."rung" <> 'unknown', "t0"."conversations", 0) AS "as_server"
      FROM "temp"."main"."kept_2" AS "t0"
      WHERE
        "t0"."vantage"
    ) AS "t2"
  ) AS "t3"
  GROUP BY
    1
) AS "t4"
ORDER BY
  "t4"."sent_bytes" + "t4"."received_bytes" DESC,
  "t4"."address" ASC
LIMIT 20;

-- rung_shares
SELECT
  "t1"."rung",
  SUM("t1"."conversations") AS "conversations",
  SUM("t1"."client_bytes" + "t1"."server_bytes") AS "bytes"
FROM (
  SELECT
    *
  FROM "temp"."main"."kept_2" AS "t0"
  WHERE
    "t0"."vantage"
) AS "t1"
GROUP BY
  1;

-- rung_accuracy
SELECT
  "t1"."without_flags" AS "rung",
  SUM("t1"."conversations") AS "judged",
  SUM(IF(COALESCE("t1"."agrees", FALSE), "t1"."conversations", 0)) AS "right"
FROM (
  SELECT
    *
  FROM "temp"."main"."kept_2" AS "t0"
  WHERE
    "t0"."vantage" AND "t0"."rung" = 'syn'
) AS "t1"
GROUP BY
  1;

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

-- interface_roles
SELECT
  "t1"."interface_id",
  "t1"."role",
  "t1"."protocol",
  "t1"."server_port",
  COUNT(DISTINCT "t1"."peer") AS "peers",
  SUM("t1"."conversations") AS "conversations",
  SUM("t1"."refused") AS "refused",
  SUM("t1"."sent_bytes") AS "sent_bytes",
  SUM("t1"."received_bytes") AS "received_bytes"
FROM (
  SELECT
    "t0"."interface_id",
    "t0"."client",
    "t0"."server",
    "t0"."server_port",
    "t0"."protocol",
    "t0"."direction",
    "t0"."vantage",
    "t0"."rung",
    "t0"."without_flags",
    "t0"."agrees",
    "t0"."conversations",
    "t0"."refused",
    "t0"."client_bytes",
    "t0"."server_bytes",
    "t0"."first",
    "t0"."last",
    IF("t0"."direction" = 'egress', 'client', 'server') AS "role",
    IF("t0"."direction" = 'egress', "t0"."server", "t0"."client") AS "peer",
    IF("t0"."direction" = 'egress', "t0"."client_bytes", "t0"."server_bytes") AS "sent_bytes",
    IF("t0"."direction" = 'egress', "t0"."server_bytes", "t0"."client_bytes") AS "received_bytes"
  FROM "temp"."main"."kept_2" AS "t0"
  WHERE
    "t0"."direction" IN ('ingress', 'egress')
) AS "t1"
GROUP BY
  1,
  2,
  3,
  4;
