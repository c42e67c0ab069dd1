"""The commands `flowkit enable`, `flowkit status` and `flowkit snapshot`: words in, words out."""

import json
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from flowkit.aws import create, overlapping, policies, request, snapshot, status
from flowkit.loading.boto import client, sentences
from flowkit.loading.errors import SourceError
from flowkit.reporting.errors import UsageError
from flowkit.terminal import complain
from flowkit.words import visible

_MANY, _FLAG = {"action": "append"}, {"action": "store_true"}
#: The options of all commands that ask AWS; and where they may be given several times.
AWS = {
    "--region": {"help": "the AWS region (default: AWS_REGION, or that of the profile)"},
    "--profile": {"help": "a profile of the AWS configuration (default: AWS_PROFILE)"},
}
_SEVERAL = {option: how | _MANY for option, how in AWS.items()}
_ENABLE = {
    "--resource": {**_MANY, "required": True, "metavar": "ID", "help": "eni-…, subnet-… or vpc-…"},
    "--traffic-type": {"choices": ["ALL", "ACCEPT", "REJECT"], "default": "ALL", "help": "default: ALL"},
    "--destination": {"required": True, "help": "arn:aws:s3:::bucket/prefix, or a log group"},
    "--format": {"help": "'default' (version 2) or field names; else the fields that the notebooks use"},
    "--role": {"metavar": "ARN", "help": "the role that writes to a log group"},
    "--parquet": {**_FLAG, "help": "Parquet instead of text"},
    "--hive": {**_FLAG, "help": "folders as Hive names them"},
    "--hourly": {**_FLAG, "help": "a folder an hour"},
    "--overlap": {**_FLAG, "help": "also where another flow log covers the same traffic"},
    "--dry-run": {**_FLAG, "help": "say what would be done, and ask AWS whether it may be done"},
    "--print-policy": {**_FLAG, "help": "print the policies that it takes, and do nothing"},
    "--yes": {**_FLAG, "help": "do not ask"},
    **AWS,
}
_SNAPSHOT = {
    "folder": {"nargs": "?", "type": Path, "metavar": "DIR", "help": "the folder to write to"},
    "--out": {"type": Path, "metavar": "DIR", "help": "the same"},
    **_SEVERAL,
}


def _enable(args: Namespace) -> int:
    role = args.role or ("arn:aws:iam::ACCOUNT:role/ROLE" if args.print_policy else None)
    files = {"parquet": args.parquet, "hive": args.hive, "hourly": args.hourly}
    try:
        wanted = request(args.resource, args.traffic_type, args.destination, args.format, role=role, **files)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if args.print_policy:
        account, region = "ACCOUNT", args.region or "REGION"
        try:
            with sentences("the account's number"):
                sts = client("sts", args.profile, args.region)
                account, region = sts.get_caller_identity()["Account"], sts.meta.region_name
        except SourceError as error:
            complain(f"{error} ACCOUNT and REGION stand for yours.")
        for purpose, document in policies(wanted, account, region).items():
            print(f"# {purpose}\n{json.dumps(document, indent=2)}")
        return 0
    ec2 = client("ec2", args.profile, args.region)
    place, format = wanted.get("LogDestination") or wanted["LogGroupName"], wanted.get("LogFormat")
    kinds = [wanted.get("DestinationOptions", {}).get("FileFormat", "log events")]
    kinds += ["Hive folders"] * args.hive + ["hourly"] * args.hourly
    print(f"A flow log of {', '.join(wanted['ResourceIds'])} in {ec2.meta.region_name}:")
    print(f"  traffic      {wanted['TrafficType']}\n  destination  {place} ({', '.join(kinds)})")
    print(f"  aggregation  {wanted['MaxAggregationInterval']} s\n  format       {format or 'default (version 2)'}")
    others = overlapping(ec2, wanted)
    for log in others:
        to = log.get("LogDestination") or log.get("LogGroupName")
        print(f"{log['FlowLogId']} already logs {log['TrafficType']} of {log['ResourceId']} to {to}.")
    if others and not args.overlap:
        return complain("not created: packets would be logged, and paid for, twice; --overlap allows it")
    if args.dry_run:
        create(ec2, wanted, dry_run=True)
        print("AWS would allow it. Nothing was created (--dry-run).")
        return 0
    try:
        agreed = args.yes or input("Create it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        agreed = False
    if not agreed:
        return complain("not created; --yes answers where nobody can")
    print(f"Created {', '.join(create(ec2, wanted))}.")
    if wanted["LogDestinationType"] == "s3":
        source, minutes, option = f"s3://{place.rpartition(':::')[2]}", 10, ""
    else:
        source, minutes = f"cloudwatch://{place.rpartition(':log-group:')[2].removesuffix(':*')}", 5
        option = f" --format '{format}'" if format else ""
    print(f"The first records come after about {minutes} minutes, once there is traffic. Then:")
    print(f"  flowkit snapshot network\n  flowkit report {source} --start=-1h --network network{option}")
    return 0


def _status(args: Namespace) -> int:
    logs = [log for region in args.region or [None] for log in status(region, args.profile)]
    if not logs:
        print("There is no flow log here: flowkit enable creates one.")
    for log in logs:
        newest = "none for a day"
        if log["newest"]:
            minutes = round((datetime.now(UTC) - log["newest"]).total_seconds() / 60)
            ago = f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
            newest = f"{log['newest']:%Y-%m-%d %H:%M} UTC, {ago} ago"
        print(f"{log['flow_log_id']}  {log['traffic_type']} of {log['resource_id']}  {log['state']}")
        said = (log["destination"], log["delivery"], log.get("newest_error", newest), log["format"])
        for name, value in zip(("destination", "delivery", "newest", "format"), said, strict=True):
            print(f"  {name:<13}{visible(value)}")
    return 0


def _snapshot(args: Namespace) -> int:
    folder = args.folder or args.out
    if not folder or args.out not in (None, folder):
        raise UsageError("name one folder to write to: flowkit snapshot DIR")
    files, notes = snapshot(folder, args.profile, args.region)
    for name, entries in files.items():
        print(f"{visible(folder / name)}  {entries}")
    for note in notes:
        complain(note)
    return 0


#: Each command: its name, what runs it, its purpose, an example, its options.
COMMANDS = (
    ("enable", _enable, "create a flow log",
     "flowkit enable --resource vpc-0123456789abcdef0 --destination arn:aws:s3:::acme-flow-logs --dry-run", _ENABLE),
    ("status", _status, "list the flow logs, how they are delivered, and the newest of each",
     "flowkit status --region eu-central-1", AWS | {"--region": _SEVERAL["--region"]}),
    ("snapshot", _snapshot, "save the network's interfaces and rules",
     "flowkit snapshot network --region eu-central-1 --region us-east-1", _SNAPSHOT),
)  # fmt: skip
