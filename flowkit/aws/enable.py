"""Flow logs from nothing: what AWS is asked for, the policies it takes, what covers the same traffic already.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html
"""

import re

from flowkit.aws.snapshot import OPERATIONS
from flowkit.fields import VPC_FIELDS
from flowkit.loading.boto import code_of, refusal, sentences
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import given

#: The fields that the notebooks use: all up to version 5, and why AWS's own controls refused.
NOTEBOOK_FORMAT = tuple(field.name for field in VPC_FIELDS if field.version <= 5 or field.name == "reject-reason")
#: By the prefix of its ids: a resource's type, and the filter that finds what lies in it.
_KINDS = {
    "eni": ("NetworkInterface", "network-interface-id"),
    "subnet": ("Subnet", "subnet-id"),
    "vpc": ("VPC", "vpc-id"),
}
_BUCKET = re.compile(
    r"(?:s3://|arn:(?P<partition>aws[a-z-]*):s3:::)(?P<bucket>[a-z0-9][a-z0-9.-]{2,62})(?P<prefix>/.*)?"
)
_GROUP = re.compile(r"(?P<arn>arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:)?[A-Za-z0-9._/#-]{1,512}(?(arn)(:\*)?)")
#: What `flowkit snapshot`, `flowkit status` and the check for overlaps look up.
_LOOK_UPS = sorted({
    "ec2:DescribeFlowLogs", "ec2:DescribeManagedPrefixLists", "ec2:GetManagedPrefixListEntries",
    *(f"ec2:{operation.title().replace('_', '')}" for operation in OPERATIONS),
})  # fmt: skip
_ECS = [
    "ecs:ListClusters",
    "ecs:ListContainerInstances",
    "ecs:ListServices",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",
]


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
    for resource in resources:
        if not re.fullmatch(r"(eni|subnet|vpc)-[0-9a-f]{8,17}", resource):
            raise ValueError(f"{resource} is no interface, subnet or VPC: give eni-…, subnet-… or vpc-…")
    kinds = {resource.partition("-")[0] for resource in resources}
    if len(kinds) > 1:
        raise ValueError(f"one call takes one kind of resource, not {' and '.join(sorted(kinds))}")
    wanted = {"ResourceType": _KINDS[kinds.pop()][0], "ResourceIds": resources, "TrafficType": traffic_type}
    if bucket := _BUCKET.fullmatch(destination):
        prefix = (bucket["prefix"] or "").rstrip("/")
        if "AWSLogs" in prefix.split("/"):
            raise ValueError(f"leave AWSLogs out of {destination}: AWS adds that folder itself")
        wanted |= {
            "LogDestinationType": "s3",
            "LogDestination": f"arn:{bucket['partition'] or 'aws'}:s3:::{bucket['bucket']}{prefix}",
            "DestinationOptions": {
                "FileFormat": "parquet" if parquet else "plain-text",
                "HiveCompatiblePartitions": hive,
                "PerHourPartition": hourly,
            },
        }
    else:
        group = _GROUP.fullmatch(destination)
        if not group:
            raise ValueError(f"{destination} is no destination: give arn:aws:s3:::bucket/prefix or a log group")
        if parquet or hive or hourly:
            raise ValueError("--parquet, --hive and --hourly are for a bucket, not for a log group")
        if not role:
            raise ValueError("a log group needs --role, the ARN of a role that may write to it: see --print-policy")
        wanted |= {"LogDestinationType": "cloud-watch-logs", "DeliverLogsPermissionArn": role}
        wanted["LogDestination" if group["arn"] else "LogGroupName"] = destination
    if format != "default":
        names = given(format).names if format else NOTEBOOK_FORMAT
        wanted["LogFormat"] = " ".join(f"${{{name}}}" for name in names)
    return wanted | {"MaxAggregationInterval": 60}


def overlapping(ec2, wanted: dict) -> list[dict]:
    """Return the flow logs (as AWS describes them) that already log some of the traffic of `wanted`.

    They are those of the same resource, of what it lies in and of what lies in it, with a common traffic type:
    each would deliver the same packets a second time, at a second price.
    """
    kind, traffic, family = wanted["ResourceType"], wanted["TrafficType"], set(wanted["ResourceIds"])
    inside = {"Filters": [{"Name": dict(_KINDS.values())[kind], "Values": wanted["ResourceIds"]}]}
    with sentences(", ".join(wanted["ResourceIds"])):
        for operation, key in (("describe_network_interfaces", "NetworkInterfaces"), ("describe_subnets", "Subnets")):
            if key == "NetworkInterfaces" or kind != "NetworkInterface":
                for each in (each for page in ec2.get_paginator(operation).paginate(**inside) for each in page[key]):
                    family |= {each.get(name) for name in ("NetworkInterfaceId", "SubnetId", "VpcId")}
        pages = ec2.get_paginator("describe_flow_logs").paginate()
        logs = [log for page in pages for log in page["FlowLogs"] if log["ResourceId"] in family]
    return [log for log in logs if traffic == log["TrafficType"] or "ALL" in (traffic, log["TrafficType"])]


def create(ec2, wanted: dict, dry_run: bool = False) -> list[str]:
    """Return the ids of the new flow logs; none where AWS was only asked whether it would (`dry_run`).

    Raises SourceError with what AWS refused and the permissions that creating takes.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        answer = ec2.create_flow_logs(**wanted, DryRun=dry_run)
    except (BotoCoreError, ClientError) as error:
        if code_of(error) == "DryRunOperation":
            return []
        message = (getattr(error, "response", None) or {}).get("Error", {}).get("Message", "")
        if code_of(error) in ("AccessDenied", "UnauthorizedOperation") or "access denied" in message.lower():
            raise SourceError(_lacking(wanted, message)) from error
        raise refusal(error, ", ".join(wanted["ResourceIds"])) from error
    failed = [f"{each['ResourceId']}: {each['Error']['Message']}" for each in answer.get("Unsuccessful", ())]
    if failed:
        made = "".join(f" Created before that: {each}." for each in answer["FlowLogIds"])
        raise SourceError(_lacking(wanted, "; ".join(failed)) + made)
    return answer["FlowLogIds"]


def _lacking(wanted: dict, message: str) -> str:
    named = re.search(r"(?:perform|permission)[^:]*: ?([a-z0-9]+:[A-Za-z]+)", message)
    return (
        f"AWS would not create the flow log ({message.rstrip('.')}). Check that the destination exists and that you "
        f"have {', '.join([named[1]] if named else permissions(wanted))}; flowkit enable --print-policy prints the policies."
    )


def permissions(wanted: dict) -> list[str]:
    """Return what whoever creates the flow log must be allowed to do.

    The fields of ECS tasks take AWS's look-ups of them, when the flow log is created.
    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html and …/flow-logs-cwl.html
    """
    to_s3 = wanted["LogDestinationType"] == "s3"
    own = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"] if to_s3 else ["iam:PassRole"]
    return ["ec2:CreateFlowLogs", *own, *(_ECS if "${ecs-" in wanted.get("LogFormat", "") else ())]


def policies(wanted: dict, account: str, region: str) -> dict[str, dict]:
    """Return the policy documents that the request `wanted` takes, by what each is for.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    """
    needed = [each for each in permissions(wanted) if each != "iam:PassRole"]
    creator, look_ups = _allow([*needed, "ec2:DeleteFlowLogs", *_LOOK_UPS], "*"), _allow(_LOOK_UPS, "*")
    owner = {"aws:SourceAccount": account}
    if wanted["LogDestinationType"] == "s3":
        arn = wanted["LogDestination"]
        bucket = arn.partition("/")[0]
        hive = "aws-account-id=" if wanted["DestinationOptions"]["HiveCompatiblePartitions"] else ""
        principal = {"Principal": {"Service": "delivery.logs.amazonaws.com"}}
        source = {"ArnLike": {"aws:SourceArn": f"arn:{bucket.split(':')[1]}:logs:{region}:{account}:*"}}
        full = owner | {"s3:x-amz-acl": "bucket-owner-full-control"}
        delivery = (
            {"Sid": "AWSLogDeliveryWrite", **principal,
             **_allow(["s3:PutObject"], f"{arn}/AWSLogs/{hive}{account}/*"),
             "Condition": {"StringEquals": full, **source}},
            {"Sid": "AWSLogDeliveryAclCheck", **principal, **_allow(["s3:GetBucketAcl", "s3:ListBucket"], bucket),
             "Condition": {"StringEquals": owner, **source}},
        )  # fmt: skip
        reading = (_allow(["s3:ListBucket"], bucket), _allow(["s3:GetObject"], f"{arn}/*"))
        needs = {f"bucket policy of {bucket.rpartition(':')[2]}": delivery}
    else:
        role = wanted["DeliverLogsPermissionArn"]
        named = f"arn:aws:logs:{region}:{account}:log-group:{wanted.get('LogGroupName')}"
        group = wanted.get("LogDestination", named).removesuffix(":*")
        reading = (_allow(["logs:DescribeLogGroups"], "*"),
                   _allow(["logs:FilterLogEvents", "logs:DescribeLogStreams"], f"{group}:*"))  # fmt: skip
        service = {"Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
        writing = [f"logs:{each}" for each in ("CreateLogGroup", "CreateLogStream", "DescribeLogGroups",
                                               "DescribeLogStreams", "PutLogEvents")]  # fmt: skip
        trust = {"Effect": "Allow", **service, "Condition": {"StringEquals": owner}}
        needs = {f"trust policy of {role}": (trust,), f"IAM policy of {role}": (_allow(writing, "*"),)}
    passing = () if wanted["LogDestinationType"] == "s3" else (_allow(["iam:PassRole"], role),)
    needs = {"IAM policy of whoever creates the flow log": (creator, *passing), **needs}
    needs["IAM policy of whoever runs the reports"] = (*reading, look_ups)
    return {purpose: {"Version": "2012-10-17", "Statement": list(each)} for purpose, each in needs.items()}


def _allow(actions: list[str], resource: str) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}
