"""The Athena table over flow logs in S3: `flowkit ddl`.

Types are those of the Parquet files that AWS writes (32 bits for ports and protocol, 64 for counts and times:
https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html). Partitions are projected, so that none has
ever to be added: https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

import re
import sys
from argparse import Namespace

from flowkit.fields import FIELDS
from flowkit.loading.grammar import DEFAULT, given

#: The first day of a partition: flow logs have been delivered to S3 since August 2018.
FIRST_YEAR, FIRST_DAY = 2018, "2018/08/01"

_LOCATION = re.compile(r"s3://[a-z0-9][a-z0-9.-]{2,62}(/[A-Za-z0-9!_.*()=-]+)*/?")
_SQL_TYPES = {"int32": "int", "int64": "bigint", "string": "string"}


def columns(format: str | None = None) -> dict[str, str]:
    """The table's columns, in the order of the format, and their SQL types: int, bigint or string.

    `format` is field names or AWS's ``${version} …``; None or ``default`` is version 2. Fields that AWS's documents
    do not have are strings. Raises ValueError naming what is no field.
    """
    fields = DEFAULT if format in (None, "default") else given(format, newer=True)
    types = {FIELDS[name].column: _SQL_TYPES[FIELDS[name].type] for name in fields.names if name in FIELDS}
    if fields.kind == "transit-gateway" and "protocol" in types:
        types["protocol"] = "bigint"  # AWS writes it as INT_64 there, and as INT_32 in a VPC's logs
    return {column: types.get(column, "string") for column in fields.columns}


def table(
    location: str,
    format: str | None = None,
    parquet: bool = False,
    hive: bool = False,
    hourly: bool = False,
    accounts: list[str] | None = None,
    regions: list[str] | None = None,
    name: str = "vpc_flow_logs",
) -> str:
    """The CREATE EXTERNAL TABLE statement for logs below `location`, the folder that holds AWSLogs.

    Partitions: `aws_account_id`, `aws_region`, the day (plain layout: `day` as yyyy/mm/dd; Hive: `year`, `month`
    and `day`) and, where folders are `hourly`, `hour`. Where `accounts` or `regions` are not given, every query has
    to say which one it wants. Raises ValueError for a location, name, account or region that is none.
    """
    _check(location, name, accounts or [], regions or [])
    fields = ",\n".join(f"  `{column}` {kind}" for column, kind in columns(format).items())
    partitions = _partitions(hive, hourly, accounts, regions)
    keys = ", ".join(f"`{key}` string" for key in partitions)
    text = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' ' NULL DEFINED AS '-'\nSTORED AS TEXTFILE"
    root = f"{location.rstrip('/')}/AWSLogs/"
    properties = {} if parquet else {"skip.header.line.count": "1"}
    properties["projection.enabled"] = "true"
    for key, how in partitions.items():
        properties |= {f"projection.{key}.{each}": value for each, value in how.items()}
    properties["storage.location.template"] = root + _template(partitions, hive)
    listed = ",\n".join(f"  '{key}' = '{value}'" for key, value in properties.items())
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{name}` (\n{fields}\n)\n"
        f"PARTITIONED BY ({keys})\n"
        f"{'STORED AS PARQUET' if parquet else text}\n"
        f"LOCATION '{root}'\n"
        f"TBLPROPERTIES (\n{listed}\n)"
    )


def _check(location: str, name: str, accounts: list[str], regions: list[str]) -> None:
    if not _LOCATION.fullmatch(location):
        raise ValueError(f"{location} is no location: give s3://bucket/prefix, without quotes or blanks")
    if "AWSLogs" in location.split("/"):
        raise ValueError(f"give {location.partition('/AWSLogs')[0]}, the folder that holds AWSLogs")
    for pattern, values in (
        (r"[a-z_][a-z0-9_]*", [name]),
        (r"\d{12}", accounts),
        (r"[a-z]{2,}(-[a-z]+)+-\d", regions),
    ):
        for value in values:
            if not re.fullmatch(pattern, value):
                raise ValueError(f"{value!r} is no name of a table, account or region")


def _partitions(
    hive: bool, hourly: bool, accounts: list[str] | None, regions: list[str] | None
) -> dict[str, dict[str, str]]:
    """Each partition column and how Athena projects it."""

    def named(values):
        return {"type": "enum", "values": ",".join(values)} if values else {"type": "injected"}

    def number(first, last, digits):
        return {"type": "integer", "range": f"{first},{last}", "digits": str(digits)}

    unit = {"interval": "1", "interval.unit": "DAYS"}
    day = {"type": "date", "range": f"{FIRST_DAY},NOW", "format": "yyyy/MM/dd", **unit}
    days = {"year": number(FIRST_YEAR, 2099, 4), "month": number(1, 12, 2), "day": number(1, 31, 2)}
    return {
        "aws_account_id": named(accounts),
        "aws_region": named(regions),
        **(days if hive else {"day": day}),
        **({"hour": number(0, 23, 2)} if hourly else {}),
    }


def _template(partitions: dict, hive: bool) -> str:
    if not hive:
        times = "/".join(f"${{{key}}}" for key in partitions if key in ("day", "hour"))
        return f"${{aws_account_id}}/vpcflowlogs/${{aws_region}}/{times}/"
    times = "/".join(f"{key}=${{{key}}}" for key in partitions if not key.startswith("aws_"))
    return f"aws-account-id=${{aws_account_id}}/aws-service=vpcflowlogs/aws-region=${{aws_region}}/{times}/"


def add_command(subparsers) -> None:
    """Adds `ddl`, which sets `func(args)`; that returns the exit code."""
    purpose = "print the Athena table for a bucket and a format"
    parser = subparsers.add_parser("ddl", help=purpose, description=purpose)
    parser.add_argument(
        "--location", required=True, metavar="S3", help="s3://bucket/prefix, which holds AWSLogs"
    )
    parser.add_argument("--format", help="field names or AWS's ${version} …; 'default' is version 2")
    parser.add_argument("--parquet", action="store_true", help="the files are Parquet")
    parser.add_argument("--hive", action="store_true", help="folders as Hive names them")
    parser.add_argument("--hourly", action="store_true", help="a folder an hour")
    parser.add_argument("--account", action="append", help="may be repeated; else every query names one")
    parser.add_argument("--region", action="append", help="may be repeated; else every query names one")
    parser.add_argument("--table", default="vpc_flow_logs", help="default: %(default)s")
    parser.set_defaults(func=_ddl)


def _ddl(args: Namespace) -> int:
    files = {"parquet": args.parquet, "hive": args.hive, "hourly": args.hourly}
    try:
        print(
            table(
                args.location,
                args.format,
                **files,
                accounts=args.account,
                regions=args.region,
                name=args.table,
            )
        )
    except ValueError as error:
        print(f"flowkit: {error}", file=sys.stderr)
        return 2
    return 0
