"""The Athena tables: columns in the format's order, AWS's widths, a folder for every day of every layout."""

import argparse
import gzip
import os
import re
import shutil
import tempfile
from datetime import datetime

import pandas as pd
import pytest
import sqlglot
from sqlglot import exp

import flowkit
from flowkit import cli, ddl
from flowkit.fields import VPC_FIELDS
from flowkit.loading.engines import _spark
from flowkit.loading.sample import SAMPLE

SLOT = datetime(2026, 11, 20, 9)
VALUES = {"aws_account_id": "123456789012", "aws_region": "eu-central-1"}


def parsed(statement: str, dialect: str):
    """Table name, columns and types, partition columns, properties."""
    tree = sqlglot.parse_one(statement, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(tree, exp.Create)
    fields = {each.name: each.kind.sql().lower() for each in tree.this.expressions}
    keys = [each.name for each in tree.find(exp.PartitionedByProperty).this.expressions]
    properties = {
        each.name: each.args["value"].name
        for each in tree.args["properties"].expressions
        if type(each) is exp.Property
    }
    return tree.this.this.name, fields, keys, properties


def project(properties: dict, values: dict = VALUES) -> str:
    """The folder that Athena makes of the properties for the slot."""
    template = properties["storage.location.template"]
    for key in re.findall(r"\$\{(\w+)\}", template):
        how = {name.rpartition(".")[2]: value for name, value in properties.items() if f".{key}." in name}
        if how["type"] == "integer":
            first, last = map(int, how["range"].split(","))
            number = getattr(SLOT, key)
            assert first <= number <= last
            value = f"{number:0{how['digits']}}"
        elif how["type"] == "date":
            assert how["format"] == "yyyy/MM/dd"
            value = f"{SLOT:%Y/%m/%d}"
        else:
            value = values[key]
        template = template.replace(f"${{{key}}}", value)
    return template


@pytest.mark.parametrize("dialect", ["athena", "hive", "spark"])
@pytest.mark.parametrize("parquet", [False, True])
def test_the_default_format_has_the_widths_of_awss_parquet(dialect, parquet):
    name, fields, keys, properties = parsed(ddl.table("s3://acme-logs/flow", parquet=parquet), dialect)
    assert name == "vpc_flow_logs"
    assert list(fields.items()) == [
        ("version", "int"), ("account_id", "text"), ("interface_id", "text"), ("srcaddr", "text"),
        ("dstaddr", "text"), ("srcport", "int"), ("dstport", "int"), ("protocol", "int"), ("packets", "bigint"),
        ("bytes", "bigint"), ("start", "bigint"), ("end", "bigint"), ("action", "text"), ("log_status", "text"),
    ]  # fmt: skip
    assert keys == ["aws_account_id", "aws_region", "day"]
    assert properties.get("skip.header.line.count") == (None if parquet else "1")


def test_columns_follow_the_format_and_never_meet_a_partition():
    every = " ".join(field.name for field in VPC_FIELDS)
    assert list(ddl.columns(every)) == [field.column for field in VPC_FIELDS]
    assert list(ddl.columns("${end} ${start} ${brand-new}").items()) == [
        ("end", "bigint"), ("start", "bigint"), ("brand_new", "string"),
    ]  # fmt: skip
    for hive in (False, True):
        _, fields, keys, _ = parsed(ddl.table("s3://acme", every, hive=hive, hourly=True), "athena")
        assert len(fields) == 54
        assert not set(fields) & set(keys)
    assert ddl.columns("tgw-id protocol")["protocol"] == "bigint"


@pytest.mark.parametrize(
    ("hive", "hourly", "folder"),
    [
        (False, False, "123456789012/vpcflowlogs/eu-central-1/2026/11/20/"),
        (False, True, "123456789012/vpcflowlogs/eu-central-1/2026/11/20/09/"),
        (True, False, "aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-central-1/"
                      "year=2026/month=11/day=20/"),
        (True, True, "aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-central-1/"
                     "year=2026/month=11/day=20/hour=09/"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("named", [False, True])
def test_partitions_are_the_folders_that_aws_writes(hive, hourly, folder, named):
    chosen = {"accounts": ["123456789012"], "regions": ["eu-central-1", "us-east-1"]} if named else {}
    statement = ddl.table("s3://acme-logs/flow/", hive=hive, hourly=hourly, **chosen)
    _, _, _, properties = parsed(statement, "athena")
    assert "LOCATION 's3://acme-logs/flow/AWSLogs/'" in statement
    assert project(properties) == "s3://acme-logs/flow/AWSLogs/" + folder
    assert properties["projection.aws_account_id.type"] == ("enum" if named else "injected")
    assert properties.get("projection.aws_region.values") == ("eu-central-1,us-east-1" if named else None)


def test_a_dash_is_null_and_blanks_part_the_fields():
    text = ddl.table("s3://acme-logs")
    assert "FIELDS TERMINATED BY ' ' NULL DEFINED AS '-'" in text
    assert "`end` bigint" in text
    assert "NULL DEFINED AS" not in ddl.table("s3://acme-logs", parquet=True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"location": "s3://acme'; DROP TABLE x"}, "is no location"),
        ({"location": "https://acme"}, "is no location"),
        ({"location": "s3://acme/p/AWSLogs/123456789012"}, "give s3://acme/p, the folder that holds AWSLogs"),
        ({"location": "s3://acme", "name": "a`b"}, "is no name of a table"),
        ({"location": "s3://acme", "accounts": ["12"]}, "'12' is no name"),
        ({"location": "s3://acme", "regions": ["eu'"]}, "is no name"),
        ({"location": "s3://acme", "format": "version `x"}, "is no field of a flow log"),
    ],
)
def test_what_is_no_name_never_reaches_the_statement(given, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        ddl.table(**given)


def test_the_command_prints_the_statement(capsys):
    parser = argparse.ArgumentParser()
    ddl.add_command(parser.add_subparsers())
    args = parser.parse_args(
        [
            "ddl",
            "--location",
            "s3://acme/flow",
            "--format",
            "${srcaddr} ${bytes}",
            "--parquet",
            "--hive",
            "--table",
            "t",
        ]
    )
    assert args.func(args) == 0
    assert (
        capsys.readouterr().out == ddl.table("s3://acme/flow", "srcaddr bytes", True, True, name="t") + "\n"
    )
    args = parser.parse_args(["ddl", "--location", "acme"])
    assert args.func(args) == 2
    assert (
        capsys.readouterr().err
        == "flowkit: acme is no location: give s3://bucket/prefix, without quotes or blanks\n"
    )


@pytest.fixture(scope="module")
def session():
    """A Spark; skipped on a machine without Java, an error in CI."""
    if not shutil.which("java"):
        assert not os.environ.get("CI"), "CI must have Java"
        pytest.skip("Spark needs Java, and there is none on the PATH")
    pytest.importorskip("pyspark")
    settings = f"spark.ui.enabled=false&spark.sql.warehouse.dir={tempfile.gettempdir()}"
    return _spark(f"pyspark://?spark.master=local[2]&spark.driver.memory=1g&{settings}")._session


def in_spark(statement: str, folder: str, name: str) -> str:
    """The statement for a Spark without Hive: the same columns, delimiter and null, over one partition's folder.

    Such a Spark has neither EXTERNAL nor ROW FORMAT, and does not know of projection: its CSV reader takes what
    ROW FORMAT and skip.header.line.count say as options.
    """
    tree = sqlglot.parse_one(statement, dialect="athena")
    columns = ", ".join(each.sql("spark") for each in tree.this.expressions)
    options = ""
    if "STORED AS TEXTFILE" in statement:
        [delimiter, null] = re.search(r"TERMINATED BY '(.)' NULL DEFINED AS '(.)'", statement).groups()
        headed = parsed(statement, "athena")[3]["skip.header.line.count"] == "1"
        options = f"OPTIONS (sep '{delimiter}', nullValue '{null}', header '{headed}')"
    kind = "csv" if options else "parquet"
    return f"CREATE TABLE {name} ({columns}) USING {kind} {options} LOCATION '{folder}'"


@pytest.mark.parametrize("parquet", [False, True], ids=["text", "parquet"])
def test_spark_makes_the_table_and_reads_the_sample_through_it(
    parquet, session, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "cache"))
    flows = flowkit.load("sample")
    first = min((SAMPLE / "AWSLogs").rglob("*.log.gz"))
    header = gzip.decompress(first.read_bytes()).decode().partition("\n")[0]
    words = ["ddl", "--location", "s3://acme", "--format", header, "--account", "012345678901"]
    assert cli.main([*words, "--region", "eu-west-1", *(["--parquet"] if parquet else [])]) == 0
    statement = capsys.readouterr().out
    sample = {"aws_account_id": "012345678901", "aws_region": "eu-west-1"}
    day = project(parsed(statement, "athena")[3], sample).removeprefix("s3://acme/")
    folder = tmp_path / "cache" / "parts" if parquet else SAMPLE / day
    session.sql(in_spark(statement, folder, "sampled"))
    try:
        query = "SELECT log_status, count(*), sum(packets), sum(bytes), min(start), max(`end`) FROM sampled"
        rows = {tuple(row) for row in session.sql(f"{query} GROUP BY log_status").collect()}
        assert session.table("sampled").columns == [name.replace("-", "_") for name in header.split(" ")]
        nobody = session.sql("SELECT * FROM sampled WHERE account_id <> '012345678901' OR version <> 5")
        assert nobody.count() == 0
    finally:
        session.sql("DROP TABLE sampled")
    here = flows.group_by("log_status").aggregate(
        flows.count(), flows.packets.sum(), flows.bytes.sum(), flows.start.min(), flows.end.max()
    )
    assert rows == {
        tuple(None if pd.isna(value) else value for value in row) for row in here.execute().values.tolist()
    }
    assert ("OK", 58390, 1257945, 689733014) in {row[:4] for row in rows}
