"""Flow logs from nothing: what AWS is asked for, what already covers the same traffic, and the creation.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html
"""

import re

from flowkit.fields import VPC_FIELDS
from flowkit.loading.boto import DENIED, refusal, sentences
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import given

#: The fields that the notebooks use: all up to version 5, and why AWS's own controls refused.
NOTEBOOK_FORMAT = tuple(
    field.name for field in VPC_FIELDS if field.version <= 5 or field.name == "reject-reason"
)

_KINDS = {"eni": "NetworkInterface", "subnet": "Subnet", "vpc": "VPC"}
_BUCKET = re.compile(
    r"(?:s3://|arn:(?P<partition>aws[a-z-]*):s3:::)(?P<bucket>[a-z0-9][a-z0-9.-]{2,62})(?P<prefix>/.*)?"
)
_GROUP_ARN = re.compile(r"arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:[A-Za-z0-9._/#-]{1,512}(:\*)?")
_GROUP = re.compile(r"[A-Za-z0-9._/#-]{1,512}")


def request(
    resources: list[str],
    traffic_type: str,
    destination: str,
    format: str | None = None,
    parquet: bool = False,
    hive: bool = False,
    hourly: bool = False,
    role: str | None = None,
) -> dict:
    """The parameters of AWS's CreateFlowLogs for `resources` (interfaces, or subnets, or VPCs).

    `destination` is a bucket (``arn:aws:s3:::bucket/prefix`` or ``s3://bucket/prefix``) or a log group (its name
    or ARN, with the `role` that may write to it). `format` is None for the fields that the notebooks use,
    ``default`` for AWS's, or field names. Records are aggregated over 60 seconds. Raises ValueError with a
    sentence where AWS would refuse.
    """
    wanted = {"ResourceType": _kind(resources), "ResourceIds": resources, "TrafficType": traffic_type}
    wanted |= _bucket(destination, parquet, hive, hourly) or _group(
        destination, role, parquet or hive or hourly
    )
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
    return {
        "LogDestinationType": "s3",
        "LogDestination": f"arn:{found['partition'] or 'aws'}:s3:::{found['bucket']}{prefix}",
        "DestinationOptions": {
            "FileFormat": "parquet" if parquet else "plain-text",
            "HiveCompatiblePartitions": hive,
            "PerHourPartition": hourly,
        },
    }


def _group(destination: str, role: str | None, files: bool) -> dict:
    by_arn = _GROUP_ARN.fullmatch(destination)
    if not by_arn and not _GROUP.fullmatch(destination):
        raise ValueError(f"{destination} is no destination: give arn:aws:s3:::bucket/prefix or a log group")
    if files:
        raise ValueError("--parquet, --hive and --hourly are for a bucket, not for a log group")
    if not role:
        raise ValueError(
            "a log group needs --role, the ARN of a role that may write to it: see --print-policy"
        )
    place = {"LogDestination": destination} if by_arn else {"LogGroupName": destination}
    return {"LogDestinationType": "cloud-watch-logs", **place, "DeliverLogsPermissionArn": role}


def overlapping(ec2, wanted: dict) -> list[dict]:
    """The flow logs (as AWS describes them) that already log some of the traffic of `wanted`.

    They are those of the same resource, of what it lies in and of what lies in it, with a common traffic type:
    each would deliver the same packets a second time, at a second price.
    """
    traffic = wanted["TrafficType"]
    with sentences(", ".join(wanted["ResourceIds"])):
        family = _family(ec2, wanted)
        logs = [
            log for page in ec2.get_paginator("describe_flow_logs").paginate() for log in page["FlowLogs"]
        ]
    return [
        log
        for log in logs
        if log["ResourceId"] in family
        and (traffic == log["TrafficType"] or "ALL" in (traffic, log["TrafficType"]))
    ]


def _family(ec2, wanted: dict) -> set[str]:
    """The resources, what they lie in, and what lies in them."""
    names = {"NetworkInterface": "network-interface-id", "Subnet": "subnet-id", "VPC": "vpc-id"}
    inside = {"Filters": [{"Name": names[wanted["ResourceType"]], "Values": wanted["ResourceIds"]}]}
    family = set(wanted["ResourceIds"])
    for page in ec2.get_paginator("describe_network_interfaces").paginate(**inside):
        for each in page["NetworkInterfaces"]:
            family |= {each["NetworkInterfaceId"], each["SubnetId"], each["VpcId"]}
    if wanted["ResourceType"] != "NetworkInterface":
        for page in ec2.get_paginator("describe_subnets").paginate(**inside):
            for each in page["Subnets"]:
                family |= {each["SubnetId"], each["VpcId"]}
    return family


def create(ec2, wanted: dict, dry_run: bool = False) -> list[str]:
    """The ids of the new flow logs; none where AWS was only asked whether it would (`dry_run`).

    Raises SourceError with what AWS refused and the permissions that creating takes.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    resources = ", ".join(wanted["ResourceIds"])
    try:
        answer = ec2.create_flow_logs(**wanted, DryRun=dry_run)
    except BotoCoreError as error:
        raise refusal(error, resources) from error
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code == "DryRunOperation":
            return []
        if code in DENIED or "access denied" in message.lower():
            raise SourceError(_lacking(wanted, message)) from error
        raise refusal(error, resources) from error
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
    """What whoever creates the flow log must be allowed to do.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html and …/flow-logs-cwl.html
    """
    to_s3 = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"]
    return ["ec2:CreateFlowLogs", *(to_s3 if wanted["LogDestinationType"] == "s3" else ["iam:PassRole"])]
