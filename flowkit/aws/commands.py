"""The commands `flowkit enable`, `flowkit status` and `flowkit snapshot`: words in, words out."""

import json
import sys
from argparse import Namespace
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path

from flowkit.aws.enable import create, overlapping, request
from flowkit.aws.policies import policies
from flowkit.aws.snapshot import snapshot
from flowkit.aws.status import status
from flowkit.loading.boto import client, sentences
from flowkit.loading.errors import SourceError

_PROFILE = {"help": "a profile of the AWS configuration (default: AWS_PROFILE)"}
_REGION = {"help": "the AWS region (default: that of the profile)"}
_MANY = {"action": "append"}
_FLAG = {"action": "store_true"}

#: The arguments of each command, and what help says of them.
_ARGUMENTS = {
    "enable": {
        "--resource": {**_MANY, "required": True, "metavar": "ID", "help": "eni-…, subnet-… or vpc-…"},
        "--traffic-type": {"choices": ["ALL", "ACCEPT", "REJECT"], "default": "ALL"},
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
        "--profile": _PROFILE,
        "--region": _REGION,
    },
    "status": {"--profile": _PROFILE, "--region": _REGION | _MANY},
    "snapshot": {
        "--out": {"required": True, "type": Path, "metavar": "DIR", "help": "the folder to write to"},
        "--profile": _PROFILE | _MANY,
        "--region": _REGION | _MANY,
    },
}


def add_commands(subparsers) -> None:
    """Adds `enable`, `status` and `snapshot`; each sets `func(args)`, which returns the exit code."""
    for name, function, purpose in (
        ("enable", _enable, "create a flow log"),
        ("status", _status, "list the flow logs, how they are delivered, and the newest of each"),
        ("snapshot", _snapshot, "save the network's interfaces and rules"),
    ):
        parser = subparsers.add_parser(name, help=purpose, description=purpose)
        for option, how in _ARGUMENTS[name].items():
            parser.add_argument(option, **how)
        parser.set_defaults(func=function)


def _complain(problem: object, code: int = 1) -> int:
    print(f"flowkit: {problem}", file=sys.stderr)
    return code


def _explained(command):
    """`command` with its errors as a sentence and an exit code: 1 for what failed, 2 for wrong usage."""

    @wraps(command)
    def run(args: Namespace) -> int:
        try:
            return command(args)
        except SourceError as error:
            return _complain(error)
        except ValueError as error:
            return _complain(error, 2)

    return run


@_explained
def _enable(args: Namespace) -> int:
    role = args.role or ("arn:aws:iam::ACCOUNT:role/ROLE" if args.print_policy else None)
    files = {"parquet": args.parquet, "hive": args.hive, "hourly": args.hourly}
    wanted = request(args.resource, args.traffic_type, args.destination, args.format, role=role, **files)
    if args.print_policy:
        return _print_policies(wanted, args)
    ec2 = client("ec2", args.profile, args.region)
    _print_plan(wanted, ec2.meta.region_name)
    others = overlapping(ec2, wanted)
    for log in others:
        place = log.get("LogDestination") or log.get("LogGroupName")
        print(f"{log['FlowLogId']} already logs {log['TrafficType']} of {log['ResourceId']} to {place}.")
    if others and not args.overlap:
        return _complain("not created: packets would be logged, and paid for, twice; --overlap allows it")
    if args.dry_run:
        create(ec2, wanted, dry_run=True)
        print("AWS would allow it. Nothing was created (--dry-run).")
        return 0
    if not args.yes and not _agreed():
        return _complain("not created; --yes answers where nobody can")
    print(f"Created {', '.join(create(ec2, wanted))}.")
    _print_next(wanted)
    return 0


def _agreed() -> bool:
    try:
        return input("Create it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _print_plan(wanted: dict, region: str) -> None:
    options = wanted.get("DestinationOptions", {})
    hive, hourly = options.get("HiveCompatiblePartitions"), options.get("PerHourPartition")
    files = [
        options.get("FileFormat", "log events"),
        *["Hive folders"] * bool(hive),
        *["hourly"] * bool(hourly),
    ]
    print(f"A flow log of {', '.join(wanted['ResourceIds'])} in {region}:")
    print(f"  traffic      {wanted['TrafficType']}")
    print(f"  destination  {wanted.get('LogDestination') or wanted['LogGroupName']} ({', '.join(files)})")
    print(f"  aggregation  {wanted['MaxAggregationInterval']} s")
    print(f"  format       {wanted.get('LogFormat', 'default (version 2)')}")


def _print_next(wanted: dict) -> None:
    to_s3 = wanted["LogDestinationType"] == "s3"
    place = wanted.get("LogDestination") or wanted["LogGroupName"]
    source = (
        f"s3://{place.rpartition(':::')[2]}"
        if to_s3
        else f"cloudwatch://{place.rpartition(':log-group:')[2]}"
    )
    fields = wanted.get("LogFormat")
    told = f" --format '{fields}'" if fields and not to_s3 else ""
    print(f"The first records come after about {10 if to_s3 else 5} minutes, once there is traffic. Then:")
    print("  flowkit snapshot --out network")
    print(f"  flowkit report {source.removesuffix(':*')} --start=-1h --network network{told}")


def _print_policies(wanted: dict, args: Namespace) -> int:
    account, region = "ACCOUNT", args.region or "REGION"
    try:
        with sentences("the account's number"):
            sts = client("sts", args.profile, args.region)
            account, region = sts.get_caller_identity()["Account"], sts.meta.region_name
    except SourceError as error:
        _complain(f"{error} ACCOUNT and REGION stand for yours.")
    for purpose, document in policies(wanted, account, region).items():
        print(f"# {purpose}\n{json.dumps(document, indent=2)}")
    return 0


@_explained
def _status(args: Namespace) -> int:
    logs = [log for region in args.region or [None] for log in status(region, args.profile)]
    if not logs:
        print("There is no flow log here: flowkit enable creates one.")
    for log in logs:
        newest = (
            f"{log['newest']:%Y-%m-%d %H:%M} UTC, {_ago(log['newest'])}"
            if log["newest"]
            else "none for a day"
        )
        print(f"{log['flow_log_id']}  {log['traffic_type']} of {log['resource_id']}  {log['state']}")
        print(f"  destination  {log['destination']}")
        print(f"  delivery     {log['delivery']}")
        print(f"  newest       {log.get('newest_error', newest)}")
        print(f"  format       {log['format']}")
    return 0


def _ago(then: datetime) -> str:
    minutes = round((datetime.now(UTC) - then).total_seconds() / 60)
    return f"{minutes} minutes ago" if minutes < 120 else f"{minutes / 60:.0f} hours ago"


@_explained
def _snapshot(args: Namespace) -> int:
    for name, entries in snapshot(args.out, args.profile, args.region).items():
        print(f"{args.out / name}  {entries}")
    return 0
