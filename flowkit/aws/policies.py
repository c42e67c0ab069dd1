"""The smallest policies for a flow log: who creates it, where it is delivered, who reads it.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
"""

from flowkit.aws.enable import permissions

#: What `flowkit snapshot`, `flowkit status` and the check for overlaps look up.
_LOOK_UPS = [
    "ec2:DescribeFlowLogs",
    "ec2:DescribeManagedPrefixLists",
    "ec2:DescribeNetworkAcls",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:GetManagedPrefixListEntries",
]


def policies(wanted: dict, account: str, region: str) -> dict[str, dict]:
    """The policy documents that the request `wanted` (of `enable.request`) takes, by what each is for."""
    create = [each for each in permissions(wanted) if each != "iam:PassRole"]
    creator = [_allow([*create, "ec2:DeleteFlowLogs", *_LOOK_UPS], "*")]
    if wanted["LogDestinationType"] == "s3":
        arn = wanted["LogDestination"]
        bucket = arn.partition("/")[0]
        return {
            "IAM policy of whoever creates the flow log": _document(creator),
            f"bucket policy of {bucket.rpartition(':')[2]}": _document(
                _delivery(wanted, bucket, account, region)
            ),
            "IAM policy of whoever runs the reports": _document(
                [
                    _allow(["s3:ListBucket"], bucket),
                    _allow(["s3:GetObject"], f"{arn}/*"),
                    _allow(_LOOK_UPS, "*"),
                ]
            ),
        }
    role = wanted["DeliverLogsPermissionArn"]
    group = (
        wanted.get("LogDestination") or f"arn:aws:logs:{region}:{account}:log-group:{wanted['LogGroupName']}"
    )
    group = group.removesuffix(":*")
    write = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams",
             "logs:PutLogEvents"]  # fmt: skip
    return {
        "IAM policy of whoever creates the flow log": _document([*creator, _allow(["iam:PassRole"], role)]),
        f"trust policy of {role}": _document([_trust(account)]),
        f"IAM policy of {role}": _document([_allow(write, "*")]),
        "IAM policy of whoever runs the reports": _document(
            [
                _allow(["logs:DescribeLogGroups"], "*"),
                _allow(["logs:FilterLogEvents"], f"{group}:*"),
                _allow(_LOOK_UPS, "*"),
            ]
        ),
    }


def _document(statements: list[dict]) -> dict:
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(actions: list[str], resource: str) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _delivery(wanted: dict, bucket: str, account: str, region: str) -> list[dict]:
    partition = bucket.split(":")[1]
    hive = wanted["DestinationOptions"]["HiveCompatiblePartitions"]
    folder = f"{wanted['LogDestination']}/AWSLogs/{'aws-account-id=' if hive else ''}{account}/*"
    source = {"ArnLike": {"aws:SourceArn": f"arn:{partition}:logs:{region}:{account}:*"}}
    owner = {"aws:SourceAccount": account}
    principal = {"Principal": {"Service": "delivery.logs.amazonaws.com"}}
    full = owner | {"s3:x-amz-acl": "bucket-owner-full-control"}
    return [
        {"Sid": "AWSLogDeliveryWrite", **principal, **_allow(["s3:PutObject"], folder),
         "Condition": {"StringEquals": full, **source}},
        {"Sid": "AWSLogDeliveryAclCheck", **principal, **_allow(["s3:GetBucketAcl", "s3:ListBucket"], bucket),
         "Condition": {"StringEquals": owner, **source}},
    ]  # fmt: skip


def _trust(account: str) -> dict:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
