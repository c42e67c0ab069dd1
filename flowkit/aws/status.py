"""The flow logs that there are, whether they are delivered, and the newest that came of each."""

import re
import time
from datetime import UTC, datetime

from flowkit.loading.boto import client, sentences
from flowkit.loading.errors import SourceError
from flowkit.loading.s3 import list_objects
from flowkit.loading.sources import aws_name, slot_of

#: What AWS's delivery errors mean. https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-troubleshooting.html
_ADVICE = {
    "Access error": " (the role or the bucket policy does not let AWS write: see flowkit enable --print-policy)",
    "Rate limited": " (CloudWatch Logs throttles, or the account has as many log groups as it may)",
    "Unknown error": " (an error inside AWS: ask AWS Support)",
}


def status(region: str | None = None, profile: str | None = None) -> list[dict]:
    """One entry a flow log: `flow_log_id`, `resource_id`, `traffic_type`, `destination`, `format` (field names),
    `state`, `delivery` (with AWS's error and what to do), `newest` (UTC; None: nothing for a day) or `newest_error`.

    Raises SourceError when AWS refuses to list them.
    """
    ec2 = client("ec2", profile, region)
    region = ec2.meta.region_name
    with sentences(f"flow logs in {region}"):
        account = client("sts", profile, region).get_caller_identity()["Account"]
        pages = ec2.get_paginator("describe_flow_logs").paginate()
        logs = [log for page in pages for log in page["FlowLogs"]]
    entries = []
    for log in logs:
        problem = log.get("DeliverLogsErrorMessage")
        said = f"{log.get('DeliverLogsStatus', 'FAILED')}: {problem}{_ADVICE.get(problem, '')}"
        entry = {
            "flow_log_id": log["FlowLogId"],
            "resource_id": log["ResourceId"],
            "traffic_type": log["TrafficType"],
            "destination": log.get("LogDestination") or log.get("LogGroupName"),
            "format": " ".join(re.findall(r"[a-z0-9-]+", log.get("LogFormat", ""))),
            "state": log["FlowLogStatus"],
            "delivery": said if problem else log.get("DeliverLogsStatus", "unknown"),
            "newest": None,
        }
        try:
            newest = _newest_file if log.get("LogDestinationType") == "s3" else _newest_event
            entry["newest"] = newest(log, account, region, profile)
        except SourceError as error:
            entry["newest_error"] = str(error)
        entries.append(entry)
    return entries


def _newest_file(log: dict, account: str, region: str, profile: str | None) -> datetime | None:
    """The slot of the newest file; the last day's folders are looked through."""
    hive = log.get("DestinationOptions", {}).get("HiveCompatiblePartitions")
    names = ("aws-account-id=", "aws-service=", "aws-region=") if hive else ("", "", "")
    folder = "AWSLogs/{}{account}/{}vpcflowlogs/{}{region}/".format(*names, account=account, region=region)
    uri = f"s3://{log['LogDestination'].rpartition(':::')[2].rstrip('/')}/{folder}"
    places = [each.place for each in list_objects(uri, int(time.time()) - 86400, None, profile)]
    slots = [slot_of(place) for place in places if aws_name(place).get("flow_log_id") == log["FlowLogId"]]
    return datetime.fromtimestamp(max(slots), UTC) if slots else None


def _newest_event(log: dict, _account: str, region: str, profile: str | None) -> datetime | None:
    group = log.get("LogGroupName") or log["LogDestination"].split(":log-group:")[1].removesuffix(":*")
    with sentences(f"cloudwatch://{group}"):
        streams = client("logs", profile, region).describe_log_streams(
            logGroupName=group, orderBy="LastEventTime", descending=True, limit=1
        )["logStreams"]
    last = streams[0].get("lastEventTimestamp") if streams else None
    return datetime.fromtimestamp(last / 1000, UTC) if last else None
