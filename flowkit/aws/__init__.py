"""The calls to AWS beside reading logs: create a flow log, see how it does, save the network's rules."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from flowkit.fields import VPC_FIELDS
from flowkit.loading.boto import client, code_of, refusal, sentences
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import given
from flowkit.loading.s3 import list_objects
from flowkit.loading.sources import DAY, aws_name, slot_of
from flowkit.reporting.history import write

#: The fields that the notebooks use: all up to version 5, and why AWS's own controls refused.
NOTEBOOK_FORMAT = tuple(field.name for field in VPC_FIELDS if field.version <= 5 or field.name == "reject-reason")
#: By the prefix of its ids a resource's type, and by that the filter that finds what lies in it.
_KINDS = {"eni": "NetworkInterface", "subnet": "Subnet", "vpc": "VPC"}
_FILTERS = {"NetworkInterface": "network-interface-id", "Subnet": "subnet-id", "VPC": "vpc-id"}
_BUCKET = re.compile(
    r"(?:s3://|arn:(?P<partition>aws[a-z-]*):s3:::)(?P<bucket>[a-z0-9][a-z0-9.-]{2,62})(?P<prefix>/.*)?"
)
_GROUP = re.compile(r"(?P<arn>arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:)?[A-Za-z0-9._/#-]{1,512}(?(arn)(:\*)?)")
#: What a snapshot asks: the list in each answer, what tells the list's entries apart, and whether it must succeed.
OPERATIONS = {
    "describe_network_interfaces": ("NetworkInterfaces", "NetworkInterfaceId", True),
    "describe_security_groups": ("SecurityGroups", "GroupId", True),
    "describe_network_acls": ("NetworkAcls", "NetworkAclId", True),
    "describe_subnets": ("Subnets", "SubnetId", True),
    "describe_instances": ("Reservations", "ReservationId", False),
    "describe_route_tables": ("RouteTables", "RouteTableId", False),
    "describe_nat_gateways": ("NatGateways", "NatGatewayId", False),
}
_FLOW_LOGS = ("describe_flow_logs", "FlowLogs", "flow logs")
#: What `flowkit snapshot`, `flowkit status` and the check for overlaps look up.
_LOOK_UPS = sorted({
    "ec2:DescribeFlowLogs", "ec2:DescribeManagedPrefixLists", "ec2:GetManagedPrefixListEntries",
    *(f"ec2:{operation.title().replace('_', '')}" for operation in OPERATIONS),
})  # fmt: skip
_ECS = [f"ecs:List{each}" for each in ("Clusters", "ContainerInstances", "Services", "TaskDefinitions", "Tasks")]
#: What AWS's delivery errors mean. https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-troubleshooting.html
_ADVICE = {
    "Access error": " (the role or the bucket policy does not let AWS write: see flowkit enable --print-policy)",
    "Rate limited": " (CloudWatch Logs throttles, or the account has as many log groups as it may)",
    "Unknown error": " (an error inside AWS: ask AWS Support)",
}


def request(
    resources: list[str], traffic_type: str, destination: str, format: str | None = None,
    parquet: bool = False, hive: bool = False, hourly: bool = False, role: str | None = None,
) -> dict:  # fmt: skip
    """Return the parameters of AWS's CreateFlowLogs for `resources` (interfaces, or subnets, or VPCs).

    `destination` is a bucket (``arn:aws:s3:::bucket/prefix`` or ``s3://bucket/prefix``) or a log group, with its `role`;
    `format` None for the fields that the notebooks use, ``default`` for AWS's. Raises ValueError where AWS would refuse.
    """
    for resource in resources:
        if not re.fullmatch(r"(eni|subnet|vpc)-[0-9a-f]{8,17}", resource):
            raise ValueError(f"{resource} is no interface, subnet or VPC: give eni-…, subnet-… or vpc-…")
    kinds = {resource.partition("-")[0] for resource in resources}
    if len(kinds) > 1:
        raise ValueError(f"one call takes one kind of resource, not {' and '.join(sorted(kinds))}")
    wanted = {"ResourceType": _KINDS[kinds.pop()], "ResourceIds": resources, "TrafficType": traffic_type}
    if bucket := _BUCKET.fullmatch(destination):
        prefix = (bucket["prefix"] or "").rstrip("/")
        if "AWSLogs" in prefix.split("/"):
            raise ValueError(f"leave AWSLogs out of {destination}: AWS adds that folder itself")
        files = {"HiveCompatiblePartitions": hive, "PerHourPartition": hourly}
        files["FileFormat"] = "parquet" if parquet else "plain-text"
        place = f"arn:{bucket['partition'] or 'aws'}:s3:::{bucket['bucket']}{prefix}"
        wanted |= {"LogDestinationType": "s3", "LogDestination": place, "DestinationOptions": files}
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
    """Return the flow logs (as AWS describes them) that already log some of the traffic of `wanted`: those of the same
    resource, of what it lies in and of what lies in it, with a common traffic type."""
    kind, traffic, family = wanted["ResourceType"], wanted["TrafficType"], set(wanted["ResourceIds"])
    inside = [{"Name": _FILTERS[kind], "Values": wanted["ResourceIds"]}]
    for operation in ("describe_network_interfaces", "describe_subnets")[: 1 + (kind != "NetworkInterface")]:
        for each in _listed(ec2, operation, OPERATIONS[operation][0], Filters=inside):
            family |= {each.get(name) for name in ("NetworkInterfaceId", "SubnetId", "VpcId")}
    logs = [log for log in _listed(ec2, *_FLOW_LOGS) if log["ResourceId"] in family]
    return [log for log in logs if traffic == log["TrafficType"] or "ALL" in (traffic, log["TrafficType"])]


def create(ec2, wanted: dict, dry_run: bool = False) -> list[str]:
    """Return the ids of the new flow logs; none where AWS was only asked whether it would (`dry_run`)."""
    from botocore.exceptions import BotoCoreError, ClientError

    made = ""
    try:
        answer = ec2.create_flow_logs(**wanted, DryRun=dry_run)
        failed = answer.get("Unsuccessful")
        if not failed:
            return answer["FlowLogIds"]
        message = "; ".join(f"{each['ResourceId']}: {each['Error']['Message']}" for each in failed)
        made = "".join(f" Created before that: {each}." for each in answer["FlowLogIds"])
    except (BotoCoreError, ClientError) as error:
        if code_of(error) == "DryRunOperation":
            return []
        message = (getattr(error, "response", None) or {}).get("Error", {}).get("Message", "")
        denied = code_of(error) in ("AccessDenied", "UnauthorizedOperation") or "access denied" in message.lower()
        if not denied:
            raise refusal(error, ", ".join(wanted["ResourceIds"])) from error
    named = re.search(r"(?:perform|permission)[^:]*: ?([a-z0-9]+:[A-Za-z]+)", message)
    raise SourceError(
        f"AWS would not create the flow log ({message.rstrip('.')}). Check that the destination exists and that you have "
        f"{', '.join([named[1]] if named else permissions(wanted))}; flowkit enable --print-policy prints the policies."
        f"{made}"
    )


def permissions(wanted: dict) -> list[str]:
    """Return what whoever creates the flow log must be allowed to do; the fields of ECS tasks take AWS's look-ups of them.
    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html and …/flow-logs-cwl.html"""
    to_s3 = wanted["LogDestinationType"] == "s3"
    own = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"] if to_s3 else ["iam:PassRole"]
    return ["ec2:CreateFlowLogs", *own, *(_ECS if "${ecs-" in wanted.get("LogFormat", "") else ())]


def policies(wanted: dict, account: str, region: str) -> dict[str, dict]:
    """Return the policy documents that the request `wanted` takes, by what each is for.
    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html and …/flow-logs-iam-role.html"""

    def allow(actions: list[str], resource: str) -> dict:
        return {"Effect": "Allow", "Action": actions, "Resource": resource}

    needed = [each for each in permissions(wanted) if each != "iam:PassRole"]
    creator = [allow([*needed, "ec2:DeleteFlowLogs", *_LOOK_UPS], "*")]
    owner = {"aws:SourceAccount": account}
    if wanted["LogDestinationType"] == "s3":
        arn = wanted["LogDestination"]
        bucket = arn.partition("/")[0]
        hive = "aws-account-id=" if wanted["DestinationOptions"]["HiveCompatiblePartitions"] else ""
        principal = {"Principal": {"Service": "delivery.logs.amazonaws.com"}}
        source = {"ArnLike": {"aws:SourceArn": f"arn:{bucket.split(':')[1]}:logs:{region}:{account}:*"}}
        full = owner | {"s3:x-amz-acl": "bucket-owner-full-control"}
        needs = {f"bucket policy of {bucket.rpartition(':')[2]}": [
            {"Sid": "AWSLogDeliveryWrite", **principal,
             **allow(["s3:PutObject"], f"{arn}/AWSLogs/{hive}{account}/*"),
             "Condition": {"StringEquals": full, **source}},
            {"Sid": "AWSLogDeliveryAclCheck", **principal, **allow(["s3:GetBucketAcl", "s3:ListBucket"], bucket),
             "Condition": {"StringEquals": owner, **source}},
        ]}  # fmt: skip
        reading = [allow(["s3:ListBucket"], bucket), allow(["s3:GetObject"], f"{arn}/*")]
    else:
        role = wanted["DeliverLogsPermissionArn"]
        creator.append(allow(["iam:PassRole"], role))
        named = f"arn:aws:logs:{region}:{account}:log-group:{wanted.get('LogGroupName')}"
        group = wanted.get("LogDestination", named).removesuffix(":*")
        reading = [allow(["logs:DescribeLogGroups"], "*"),
                   allow(["logs:FilterLogEvents", "logs:DescribeLogStreams"], f"{group}:*")]  # fmt: skip
        service = {"Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
        writing = ("CreateLogGroup", "CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "PutLogEvents")
        trust = {"Effect": "Allow", **service, "Condition": {"StringEquals": owner}}
        needs = {f"trust policy of {role}": [trust],
                 f"IAM policy of {role}": [allow([f"logs:{each}" for each in writing], "*")]}  # fmt: skip
    needs = {"IAM policy of whoever creates the flow log": creator, **needs}
    needs["IAM policy of whoever runs the reports"] = [*reading, allow(_LOOK_UPS, "*")]
    return {purpose: {"Version": "2012-10-17", "Statement": each} for purpose, each in needs.items()}


def status(region: str | None = None, profile: str | None = None) -> list[dict]:
    """One entry a flow log: `flow_log_id`, `resource_id`, `traffic_type`, `destination`, `format` (field names), `state`,
    `delivery` (with AWS's error and what to do), `newest` (UTC; None: nothing for a day) or `newest_error`."""
    ec2 = client("ec2", profile, region)
    region, entries = ec2.meta.region_name, []
    with sentences(f"flow logs in {region}"):
        account = client("sts", profile, region).get_caller_identity()["Account"]
    for log in _listed(ec2, *_FLOW_LOGS):
        problem = log.get("DeliverLogsErrorMessage")
        said = f"{log.get('DeliverLogsStatus', 'FAILED')}: {problem}{_ADVICE.get(problem, '')}"
        entry = {
            "flow_log_id": log["FlowLogId"], "resource_id": log["ResourceId"], "traffic_type": log["TrafficType"],
            "destination": log.get("LogDestination") or log.get("LogGroupName"),
            "format": " ".join(re.findall(r"[a-z0-9-]+", log.get("LogFormat", ""))), "state": log["FlowLogStatus"],
            "delivery": said if problem else log.get("DeliverLogsStatus", "unknown"), "newest": None,
        }  # fmt: skip
        try:
            if log.get("LogDestinationType") == "s3":  # the slot of the newest file in the last day's folders
                hive = log.get("DestinationOptions", {}).get("HiveCompatiblePartitions")
                names = ("aws-account-id=", "aws-service=", "aws-region=") if hive else ("", "", "")
                folder = "AWSLogs/{}{account}/{}vpcflowlogs/{}{region}/".format(*names, account=account, region=region)
                uri = f"s3://{log['LogDestination'].rpartition(':::')[2].rstrip('/')}/{folder}"
                places = [each.place for each in list_objects(uri, int(time.time()) - DAY, None, profile)]
                own = [one for one in places if aws_name(one).get("flow_log_id") == log["FlowLogId"]]
                at = max(map(slot_of, own), default=0)
            else:
                group = log.get("LogGroupName") or log["LogDestination"].split(":log-group:")[1].removesuffix(":*")
                asked = {"logGroupName": group, "orderBy": "LastEventTime", "descending": True, "limit": 1}
                with sentences(f"cloudwatch://{group}"):
                    streams = client("logs", profile, region).describe_log_streams(**asked)["logStreams"]
                at = streams[0].get("lastEventTimestamp", 0) / 1000 if streams else 0
            entry["newest"] = datetime.fromtimestamp(at, UTC) if at else None
        except SourceError as error:
            entry["newest_error"] = str(error)
        entries.append(entry)
    return entries


def snapshot(
    folder: Path, profiles: list[str | None] | None = None, regions: list[str | None] | None = None
) -> tuple[dict[str, int], list[str]]:
    """Return the number of entries of each file written to `folder`, and a note for each that AWS did not permit. Nothing is
    written unless all that the notebooks need could be read; what several accounts see (a shared subnet) is there once."""
    clients = [client("ec2", profile, region) for profile in profiles or [None] for region in regions or [None]]
    contents, notes = {}, []
    for operation, (key, identity, needed) in OPERATIONS.items():
        name = f"{operation.replace('_', '-')}.json"
        try:
            found = {}
            for entry in (entry for ec2 in clients for entry in _listed(ec2, operation, key)):
                found.setdefault(entry[identity], entry)
            contents[name] = {key: list(found.values())}
        except SourceError as error:
            if needed:
                raise
            notes.append(f"{name} is left out: {error}")
    for ec2 in clients:
        for known in (each["PrefixListId"] for each in _listed(ec2, "describe_managed_prefix_lists", "PrefixLists")):
            entries = list(_listed(ec2, "get_managed_prefix_list_entries", "Entries", PrefixListId=known))
            contents[f"get-managed-prefix-list-entries-{known}.json"] = {"Entries": entries}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in contents.items():
            write(folder / name, json.dumps(content, indent=4, ensure_ascii=False, default=datetime.isoformat) + "\n")
    except OSError as error:
        raise SourceError(f"{folder} cannot be written: {error.strerror}") from None
    return {name: len(entries) for name, content in contents.items() for entries in content.values()}, notes


def _listed(ec2, operation: str, key: str, place: str = "the network", **wanted) -> Iterator[dict]:
    """All that an operation lists, page after page."""
    with sentences(f"{place} in {ec2.meta.region_name}"):
        yield from (entry for page in ec2.get_paginator(operation).paginate(**wanted) for entry in page[key])
