"""docs/beyond-one-machine.md: its Athena tables have the columns that `flowkit enable` asks for, and AWS's folders."""

import re
import shlex
from datetime import datetime
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from flowkit import cli
from flowkit.aws import request
from flowkit.fields import FIELDS
from flowkit.loading.sources import is_table

GUIDE = (Path(__file__).parents[1] / "docs" / "beyond-one-machine.md").read_text()
PLAIN, HIVE = re.findall(r"```sql\n(CREATE EXTERNAL TABLE.*?);\n```", GUIDE, re.S)
TYPES = {"int32": "int", "int64": "bigint", "string": "text"}
SLOT = datetime(2026, 11, 20, 9)


def parsed(statement: str, dialect: str) -> tuple[dict, list, dict]:
    """Columns and their types, partition columns, table properties."""
    tree = sqlglot.parse_one(statement, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    fields = {each.name: each.kind.sql().lower() for each in tree.this.expressions}
    keys = [each.name for each in tree.find(exp.PartitionedByProperty).this.expressions]
    found = [each for each in tree.args["properties"].expressions if type(each) is exp.Property]
    return fields, keys, {each.name: each.args["value"].name for each in found}


@pytest.mark.parametrize("dialect", ["athena", "hive"])
@pytest.mark.parametrize("statement", [PLAIN, HIVE], ids=["plain", "hive"])
def test_columns_are_the_fields_in_their_order_and_awss_widths(statement, dialect):
    wanted = request(["vpc-0123abcd"], "ALL", "s3://acme-flow-logs")["LogFormat"]
    names = re.findall(r"\$\{([a-z0-9-]+)\}", wanted)
    fields, keys, _ = parsed(statement, dialect)
    assert list(fields.items()) == [(FIELDS[name].column, TYPES[FIELDS[name].type]) for name in names]
    assert not set(fields) & set(keys)


@pytest.mark.parametrize(
    ("statement", "folder"),
    [
        (PLAIN, "123456789012/vpcflowlogs/eu-west-1/2026/11/20/"),
        (HIVE, "aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11/day=20/"),
    ],
    ids=["plain", "hive"],
)
def test_partitions_are_the_folders_that_aws_writes(statement, folder):
    _, keys, properties = parsed(statement, "athena")
    values = {"aws_account_id": "123456789012", "aws_region": "eu-west-1"}
    for key in keys[2:]:
        how = {name.rpartition(".")[2]: value for name, value in properties.items() if f".{key}." in name}
        number = how["type"] == "integer" and f"{getattr(SLOT, key):0{how['digits']}}"
        values[key] = number or SLOT.strftime({"yyyy/MM/dd": "%Y/%m/%d"}[how["format"]])
    template = properties["storage.location.template"]
    for key, value in values.items():
        template = template.replace(f"${{{key}}}", value)
    assert template == f"s3://acme-flow-logs/AWSLogs/{folder}"
    own = " and ".join(f"{key} = '{values[key]}'" for key in keys[2:])
    assert f"WHERE {own}`:" in GUIDE, "the guide filters by the values that the partitions have"


def test_text_is_parted_by_blanks_and_a_dash_is_null():
    assert "FIELDS TERMINATED BY ' ' NULL DEFINED AS '-'" in PLAIN and "'skip.header.line.count' = '1'" in PLAIN
    assert "STORED AS PARQUET" in HIVE and "NULL DEFINED" not in HIVE


def test_the_guide_names_awss_own_integration():
    assert "aws ec2 get-flow-logs-integration-template" in GUIDE and "flowkit ddl" not in GUIDE


@pytest.mark.parametrize("command", re.findall(r"^flowkit .*?(?=  #|$)", GUIDE, re.M))
def test_the_parser_takes_each_command(command):
    given = cli.parser().parse_args(shlex.split(command, comments=True)[1:])
    sources = [given.source] if isinstance(given.source, str) else given.source
    assert all(is_table(each) for each in sources) or command.startswith("flowkit ingest s3://")
