"""Flow logs from nothing: what AWS is asked for, the policies it takes, what covers the same traffic already.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html
"""

import re

from flowkit.aws.snapshot import OPERATIONS
from flowkit.fields import VPC_FIELDS
from flowkit.loading.boto import DENIED, refusal, sentences
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import given

#: The fields that the notebooks use: all up to version 5, and why AWS's own controls refused.
NOTEBOOK_FORMAT = tuple(field.name for field in VPC_FIELDS if field.version <= 5 or field.name == "reject-reason")
_KINDS = {"eni": "NetworkInterface", "subnet": "Subnet", "vpc": "VPC"}
_BUCKET = re.compile(
    r"(?:s3://|arn:(?P<partition>aws[a-z-]*):s3:::)(?P<bucket>[a-z0-9][a-z0-9.-]{2,62})(?P<prefix>/.*)?"
)
_GROUP_ARN = re.compile(r"arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:[A-Za-z0-9._/#-]{1,512}(:\*)?")
_GROUP = re.compile(r"[A-Za-z0-9._/#-]{1,512}")


def request(
    resources: list[str], traffic_type: str, destination: str, format: str | None = None,
    parquet: bool = False, hive: bool = False, hourly: bool = False, role: str | None = None,
) -> dict:  # fmt: skip
    """Return the parameters of AWS's CreateFlowLogs for `resources` (interfaces, or subnets, or VPCs).

    `destination` is a bucket (``arn:aws:s3:::bucket/prefix`` or ``s3://bucket/prefix``) or a log group (its name
    or ARN, with the `role` that may write to it). `format` is None for the fields that the notebooks use,
    ``default`` for AWS's, or field names. Records are aggregated over 60 seconds. Raises ValueError with a
    sentence where AWS would refuse.
    """
    wanted = {"ResourceType": _kind(resources), "ResourceIds": resources, "TrafficType": traffic_type}
    wanted |= _bucket(destination, parquet, hive, hourly) or _group(destination, role, parquet or hive or hourly)
    if format != "default":
        names = given(format).names if format else NOTEBOOK_FORMAT
        wanted["LogFormat"] = " ".join(f"${{{name}}}" for name in names)
    return wanted | {"MaxAggregationInterval": 60}


def _kind(resources: list[str]) -> str:
    for resource in resources:
        if not re.fullmatch(r"(eni|subnet|vpc)-[0-9a-f]{8,17}", resource):
            raise ValueError(f"{resource} is no interface, subnet or VPC: give eni-…, subnet-… or vpc-…")
    kinds = {resource.partition("-")[0] for resource in resources}
    if len(kinds) > 1:
        raise ValueError(f"one call takes one kind of resource, not {' and '.join(sorted(kinds))}")
    return _KINDS[kinds.pop()]


def _bucket(destination: str, parquet: bool, hive: bool, hourly: bool) -> dict | None:
    found = _BUCKET.fullmatch(destination)
    if not found:
        return None
    prefix = (found["prefix"] or "").rstrip("/")
    if "AWSLogs" in prefix.split("/"):
        raise ValueError(f"leave AWSLogs out of {destination}: AWS adds that folder itself")
    options = {"FileFormat": "parquet" if parquet else "plain-text", "HiveCompatiblePartitions": hive}
    return {
        "LogDestinationType": "s3",
        "LogDestination": f"arn:{found['partition'] or 'aws'}:s3:::{found['bucket']}{prefix}",
        "DestinationOptions": options | {"PerHourPartition": hourly},
    }


def _group(destination: str, role: str | None, files: bool) -> dict:
    by_arn = _GROUP_ARN.fullmatch(destination)
    if not by_arn and not _GROUP.fullmatch(destination):
        raise ValueError(f"{destination} is no destination: give arn:aws:s3:::bucket/prefix or a log group")
    if files:
        raise ValueError("--parquet, --hive and --hourly are for a bucket, not for a log group")
    if not role:
        raise ValueError("a log group needs --role, the ARN of a role that may write to it: see --print-policy")
    place = {"LogDestination": destination} if by_arn else {"LogGroupName": destination}
    return {"LogDestinationType": "cloud-watch-logs", **place, "DeliverLogsPermissionArn": role}


def overlapping(ec2, wanted: dict) -> list[dict]:
    """Return the flow logs (as AWS describes them) that already log some of the traffic of `wanted`.

    They are those of the same resource, of what it lies in and of what lies in it, with a common traffic type:
    each would deliver the same packets a second time, at a second price.
    """
    names = {"NetworkInterface": "network-interface-id", "Subnet": "subnet-id", "VPC": "vpc-id"}
    inside = {"Filters": [{"Name": names[wanted["ResourceType"]], "Values": wanted["ResourceIds"]}]}
    family = set(wanted["ResourceIds"])
    with sentences(", ".join(wanted["ResourceIds"])):
        for operation, key in (("describe_network_interfaces", "NetworkInterfaces"), ("describe_subnets", "Subnets")):
            if key == "Subnets" and wanted["ResourceType"] == "NetworkInterface":
                continue
            for page in ec2.get_paginator(operation).paginate(**inside):
                for each in page[key]:
                    family |= {each.get(name) for name in ("NetworkInterfaceId", "SubnetId", "VpcId")}
        pages = ec2.get_paginator("describe_flow_logs").paginate()
        logs = [log for page in pages for log in page["FlowLogs"] if log["ResourceId"] in family]
    traffic = wanted["TrafficType"]
    return [log for log in logs if traffic == log["TrafficType"] or "ALL" in (traffic, log["TrafficType"])]


def create(ec2, wanted: dict, dry_run: bool = False) -> list[str]:
    """Return the ids of the new flow logs; none where AWS was only asked whether it would (`dry_run`).

    Raises SourceError with what AWS refused and the permissions that creating takes.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        answer = ec2.create_flow_logs(**wanted, DryRun=dry_run)
    except (BotoCoreError, ClientError) as error:
        known = getattr(error, "response", {}).get("Error", {})
        code, message = known.get("Code"), known.get("Message", "")
        if code == "DryRunOperation":
            return []
        if code in DENIED or "access denied" in message.lower():
            raise SourceError(_lacking(wanted, message)) from error
        raise refusal(error, ", ".join(wanted["ResourceIds"])) from error
    failed = [f"{each['ResourceId']}: {each['Error']['Message']}" for each in answer.get("Unsuccessful", ())]
    if failed:
        made = "".join(f" Created before that: {each}." for each in answer["FlowLogIds"])
        raise SourceError(_lacking(wanted, "; ".join(failed)) + made)
    return answer["FlowLogIds"]


def _lacking(wanted: dict, message: str) -> str:
    named = re.search(r"(?:perform|permission)[^:]*: ?([a-z0-9]+:[A-Za-z]+)", message)
    needed = [named[1]] if named else permissions(wanted)
    return (
        f"AWS would not create the flow log ({message.rstrip('.')}). Check that the destination exists and that "
        f"you have {', '.join(needed)}; flowkit enable --print-policy prints the policies."
    )


def permissions(wanted: dict) -> list[str]:
    """Return what whoever creates the flow log must be allowed to do.

    The fields of ECS tasks take AWS's look-ups of them, when the flow log is created.
    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html and …/flow-logs-cwl.html
    """
    to_s3 = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"]
    own = to_s3 if wanted["LogDestinationType"] == "s3" else ["iam:PassRole"]
    ecs = ["ecs:ListClusters", "ecs:ListContainerInstances", "ecs:ListServices", "ecs:ListTaskDefinitions",
           "ecs:ListTasks"]  # fmt: skip
    return ["ec2:CreateFlowLogs", *own, *(ecs if "${ecs-" in wanted.get("LogFormat", "") else ())]


#: What `flowkit snapshot`, `flowkit status` and the check for overlaps look up.
_LOOK_UPS = sorted({
    "ec2:DescribeFlowLogs", "ec2:DescribeManagedPrefixLists", "ec2:GetManagedPrefixListEntries",
    *(f"ec2:{''.join(word.title() for word in operation.split('_'))}" for operation in OPERATIONS),
})  # fmt: skip
_WRITE = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams",
          "logs:PutLogEvents"]  # fmt: skip


def policies(wanted: dict, account: str, region: str) -> dict[str, dict]:
    """Return the policy documents that the request `wanted` takes, by what each is for.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    """
    needed = [each for each in permissions(wanted) if each != "iam:PassRole"]
    creator = _allow([*needed, "ec2:DeleteFlowLogs", *_LOOK_UPS], "*")
    if wanted["LogDestinationType"] == "s3":
        arn = wanted["LogDestination"]
        bucket = arn.partition("/")[0]
        reader = [_allow(["s3:ListBucket"], bucket), _allow(["s3:GetObject"], f"{arn}/*"), _allow(_LOOK_UPS, "*")]
        return {
            "IAM policy of whoever creates the flow log": _document(creator),
            f"bucket policy of {bucket.rpartition(':')[2]}": _document(*_delivery(wanted, bucket, account, region)),
            "IAM policy of whoever runs the reports": _document(*reader),
        }
    role = wanted["DeliverLogsPermissionArn"]
    named = f"arn:aws:logs:{region}:{account}:log-group:{wanted.get('LogGroupName')}"
    group = wanted.get("LogDestination", named).removesuffix(":*")
    reader = [_allow(["logs:DescribeLogGroups"], "*"), _allow(["logs:FilterLogEvents"], f"{group}:*"),
              _allow(_LOOK_UPS, "*")]  # fmt: skip
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    return {
        "IAM policy of whoever creates the flow log": _document(creator, _allow(["iam:PassRole"], role)),
        f"trust policy of {role}": _document(trust),
        f"IAM policy of {role}": _document(_allow(_WRITE, "*")),
        "IAM policy of whoever runs the reports": _document(*reader),
    }


def _document(*statements: dict) -> dict:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(actions: list[str], resource: str) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _delivery(wanted: dict, bucket: str, account: str, region: str) -> list[dict]:
    hive = wanted["DestinationOptions"]["HiveCompatiblePartitions"]
    folder = f"{wanted['LogDestination']}/AWSLogs/{'aws-account-id=' if hive else ''}{account}/*"
    source = {"ArnLike": {"aws:SourceArn": f"arn:{bucket.split(':')[1]}:logs:{region}:{account}:*"}}
    owner = {"aws:SourceAccount": account}
    principal = {"Principal": {"Service": "delivery.logs.amazonaws.com"}}
    full = owner | {"s3:x-amz-acl": "bucket-owner-full-control"}
    return [
        {"Sid": "AWSLogDeliveryWrite", **principal, **_allow(["s3:PutObject"], folder),
         "Condition": {"StringEquals": full, **source}},
        {"Sid": "AWSLogDeliveryAclCheck", **principal, **_allow(["s3:GetBucketAcl", "s3:ListBucket"], bucket),
         "Condition": {"StringEquals": owner, **source}},
    ]  # fmt: skip
