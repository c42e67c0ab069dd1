"""The same questions on other engines: equal tables on Spark, SQL for Athena and Trino, few rows to pandas.

What is asked is not listed here: the notebooks are run, and every expression that they hand to an engine is kept.
The SQL is under tests/sql; `PYTHONPATH=data python tests/test_engines.py` writes it anew.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import ibis
import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
import sqlglot
from ibis.expr import operations as ops
from simulate import simulate

import flowkit
from flowkit import cli, ddl
from flowkit.fields import COLUMNS
from flowkit.loading import cache
from flowkit.loading.engines import recognised
from flowkit.loading.errors import SourceError
from flowkit.loading.sample import NOTEBOOKS
from flowkit.reporting.findings import Finding

SQL = Path(__file__).parent / "sql"
LIST, WHITE = (
    re.compile(r"\(\n\s+((?:(?:-?\d+|'[^'\n]*'),\s+)+(?:-?\d+|'[^'\n]*'))\n\s+\)"),
    re.compile(r"\s+"),
)
NAMES = tuple(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
SPARK = (
    "pyspark://?spark.master=local[2]&spark.ui.enabled=false&spark.sql.shuffle.partitions=2"
    f"&spark.driver.memory=1g&spark.sql.warehouse.dir={tempfile.gettempdir()}#"
)
#: For thousands of records compiling, each plan by Spark and its code by Java, takes longer than running it.
INTERPRETED = SPARK.replace(
    "#",
    "&spark.sql.codegen.wholeStage=false&spark.sql.codegen.factoryMode=NO_CODEGEN&spark.sql.adaptive.enabled=false"
    "&spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1%20-XX:%2BUseSerialGC#",
)


class Asked(NamedTuple):
    """What a question asked of an engine, on whose behalf, and the answer."""

    question: str
    expression: ibis.Expr
    answer: pd.DataFrame


class World(NamedTuple):
    """A simulated world on disk: its folder, and the folder of its Parquet in the cache."""

    logs: Path
    parquet: Path
    records: int


@contextmanager
def listening(monkeypatch, backend):
    """A list that fills with everything asked of `backend` meanwhile."""
    asked, execute = [], backend.execute

    def heard(self, expression, /, **options):
        answer = execute(self, expression, **options)
        table = answer if isinstance(answer, pd.DataFrame) else pd.DataFrame({"value": pd.Series(answer)})
        if not (isinstance(expression.op(), ops.Limit) and expression.op().n == 0):
            asked.append(Asked(_caller(), expression, table))
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(backend, "execute", heard)
        yield asked


def _caller() -> str:
    """The function that a notebook called."""
    frame, name = sys._getframe(2), ""
    while frame and frame.f_code.co_filename != "<notebook>":
        module = frame.f_globals.get("__name__", "")
        name = frame.f_code.co_qualname.split(".")[0] if module.startswith("flowkit.") else name
        frame = frame.f_back
    return name


def run(name: str, source: object, world: World) -> dict:
    """The variables of the notebook `name` after its cells ran on `source`."""
    variables = {}
    cells = [cell for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]
    for cell in cells:
        exec(compile(cell.source, "<notebook>", "exec"), variables)  # noqa: S102
        if "parameters" in cell.metadata.get("tags", []):
            variables |= {"source": source, "network": str(world.logs / "network")}
            variables |= {"expect": str(world.logs / "expectations.csv")} if "expect" in variables else {}
    plt.close("all")
    return variables


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def make_world(folder: Path) -> World:
    made = simulate(seed=3, hours=2)
    made.write(folder / "logs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWKIT_CACHE", str(folder / "cache"))
        flowkit.ingest(str(folder / "logs" / "AWSLogs"))
        return World(folder / "logs", cache.folder() / "parts", len(made.records))


@pytest.fixture(scope="module")
def on_duckdb(world) -> dict[str, tuple[list[Asked], dict]]:
    """By notebook: all that it asked of DuckDB, and its variables."""
    return {name: asked_of_duckdb(name, table_in_duckdb(world), world) for name in NAMES}


def table_in_duckdb(world: World) -> ibis.Table:
    return ibis.duckdb.connect().read_parquet(world.parquet / "*.parquet", table_name="vpc_flow_logs")


def asked_of_duckdb(name: str, source: object, world: World, keeps: bool = True) -> tuple[list[Asked], dict]:
    """What the notebook `name` asks of DuckDB, or of an engine that `keeps` no tables; and its variables."""
    backend = type(ibis.duckdb.connect())
    keep = backend._cached_table

    def heard(self, table):
        if not keeps:
            raise NotImplementedError("no temporary tables")
        made = keep(self, table)
        asked.append(Asked(f"{_caller()}, kept as {made.get_name()}", table, table.limit(0).execute()))
        return made

    with pytest.MonkeyPatch.context() as patch, listening(patch, backend) as asked:
        patch.setattr(backend, "_cached_table", heard)
        return asked, run(name, source, world)


@pytest.fixture(scope="module")
def spark():
    """PySpark's class of backends; skipped on a machine without Java, an error in CI."""
    if not shutil.which("java"):
        assert not os.environ.get("CI"), "CI must have Java"
        pytest.skip("Spark needs Java, and there is none on the PATH")
    pytest.importorskip("pyspark")
    from ibis.backends.pyspark import Backend

    return Backend


def rows_of(table: pd.DataFrame) -> list[tuple]:
    """The rows of `table` in one order and in one type for each kind of value, whatever the engine made of them."""
    return sorted((tuple(map(plain, row)) for row in table.itertuples(index=False, name=None)), key=repr)


def plain(value: object) -> object:
    """`value` without what depends on the engine: the order of rows, 1 or 1.0, the kind of null."""
    if isinstance(value, pd.DataFrame):
        return [*value.columns], rows_of(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, Finding):
        return plain(value.as_dict())
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if pd.api.types.is_number(value) and not pd.api.types.is_bool(value):
        return int(value) if value == int(value) else round(float(value), 6)
    return bool(value) if pd.api.types.is_bool(value) else value


def told(variables: dict) -> dict:
    """What a notebook found out: its tables, findings and sentences."""
    kinds = (pd.DataFrame, list, tuple, dict, str)
    ours = ("source", "__name__", "__builtins__")
    return {
        name: plain(value)
        for name, value in variables.items()
        if isinstance(value, kinds) and name not in ours
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_on_spark_is_the_one_on_duckdb(name, world, on_duckdb, spark, monkeypatch):
    here, variables = on_duckdb[name]
    here = [each for each in here if "kept as" not in each.question]
    with listening(monkeypatch, spark) as there:
        found = run(name, f"{SPARK}parquet.{world.parquet}", world)
    assert [each.question for each in there] == [each.question for each in here]
    for left, right in zip(here, there, strict=True):
        assert plain(left.answer) == plain(right.answer), left.question
    assert told(found) == told(variables)
    assert len(here) >= 9


def sql_of(asked: list[Asked], flows: ibis.Table, dialect: str) -> str:
    """All that was asked, as one file of SQL over the table `flows`; what else it reads is numbered."""
    given = {flows.op(): ibis.table(flows.schema(), name="flows").op()}
    pieces = {}
    for each in asked:
        expression = each.expression.as_table().op().replace(given).to_expr()
        pieces.setdefault(str(ibis.to_sql(expression, dialect=dialect)), each.question)
    for sql in pieces:
        sqlglot.parse_one(sql, dialect=dialect)
    text = "\n\n".join(f"-- {question}\n{sql};" for sql, question in pieces.items()) + "\n"
    for word, pattern in (
        ("kept", r"(?:temp\.main\.)?ibis_cached_\w+"),
        ("given", r"ibis_pandas_memtable_\w+"),
    ):
        for number, name in enumerate(dict.fromkeys(re.findall(pattern, text)), 1):
            text = text.replace(name, f"{word}_{number}")
    return LIST.sub(lambda found: f"({re.sub(WHITE, ' ', found[1])})", text)


def written(name: str, on_duckdb: dict, dialect: str) -> str:
    asked, variables = on_duckdb[name]
    return sql_of(asked, variables["flows"], dialect)


@pytest.mark.parametrize("dialect", ["athena", "trino"])
@pytest.mark.parametrize("name", NAMES)
def test_the_sql_for_athena_and_trino_is_the_one_that_is_kept(name, dialect, on_duckdb):
    kept = (SQL / f"{name}.sql").read_text()
    assert written(name, on_duckdb, dialect) == kept, (
        "if it may change: PYTHONPATH=data python tests/test_engines.py"
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_that_keeps_no_tables_is_asked_the_same_in_one_piece(name, world, on_duckdb):
    asked, variables = asked_of_duckdb(name, table_in_duckdb(world), world, keeps=False)
    assert told(variables) == told(on_duckdb[name][1])
    for dialect in ("athena", "trino", "pyspark"):
        longest = max(len(ibis.to_sql(each.expression, dialect=dialect)) for each in asked)
        assert longest < 262_144, "Athena takes no longer query"


@pytest.mark.parametrize("name", NAMES)
def test_five_times_the_records_bring_no_more_rows_to_pandas(name, world, on_duckdb):
    table = table_in_duckdb(world)
    asked, _ = asked_of_duckdb(name, ibis.union(*[table] * 5), world)
    once = sum(len(each.answer) for each in on_duckdb[name][0])
    assert sum(len(each.answer) for each in asked) <= 1.1 * once
    assert once < world.records / 4


def test_a_table_is_recognised_by_awss_names_however_written():
    fields = ddl.columns(
        "version account-id interface-id srcaddr dstport start end action log-status new-field"
    )
    spelled = {
        "account_id": "accountId",
        "interface_id": "interface-id",
        "srcaddr": "SRCADDR",
        "start": "`start`",
    }
    types = {"int": "int32", "bigint": "int64", "string": "string"}
    table = ibis.table({spelled.get(name, name): types[kind] for name, kind in fields.items()}, name="t")
    flows = recognised(table.mutate(day=ibis.literal("2026/11/20")))
    assert {name: str(kind) for name, kind in flows.schema().items()} == (
        COLUMNS | {"new_field": "string", "day": "string", "file_id": "int64", "duplicate": "boolean"}
    )
    with pytest.raises(SourceError, match="columns are not those of flow logs: city, street"):
        recognised(ibis.table({"city": "string", "street": "string"}, "t"))


def test_blanks_of_a_text_table_are_nulls_and_records_are_counted():
    rows = {
        "srcaddr": ["10.0.0.1", "-"],
        "action": ["ACCEPT", "-"],
        "bytes": [40, None],
        "packets": [1, None],
    }
    rows |= {"log_status": ["OK", "NODATA"], "start": [100, 100], "end": [160, 160]}
    table = ibis.memtable(rows)
    flows = flowkit.load(table).execute()
    assert flows.srcaddr.tolist()[0] == "10.0.0.1"
    assert flows.srcaddr.isna().tolist() == flows.action.isna().tolist() == [False, True]
    counted = flowkit.ingest(table)
    assert (counted["lines"], counted["ok"], counted["nodata"], counted["ok_bytes"]) == (2, 1, 1, 40)
    assert flowkit.ingest(table, end="1970-01-01T00:01:00Z")["lines"] == 0


def test_only_engines_that_were_tried_are_taken():
    for engine in ("datafusion", "polars", "sqlite"):
        with pytest.raises(
            SourceError, match=f"{engine} is no engine that flowkit was tried on: use one of duckdb"
        ):
            flowkit.load(f"{engine}://x#logs")


def test_a_table_that_is_not_there_is_said_in_one_line(tmp_path, capsys):
    assert cli.main(["report", f"duckdb://{tmp_path / 'a.duckdb'}#logs", "--out", str(tmp_path / "out")]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "#logs cannot be read" in line


def reported(source: str, world: World, out: Path) -> list[dict]:
    """The findings of `flowkit report` with all notebooks on `source`."""
    words = ["--network", str(world.logs / "network"), "--expect", str(world.logs / "expectations.csv")]
    assert cli.main(["report", source, *words, "--out", str(out)]) == 0
    run = json.loads((out / "latest" / "run.json").read_text())
    assert sorted(each["name"] for each in run["notebooks"]) == list(NAMES)
    assert (run["coverage"]["records"], run["coverage"]["malformed"]) == (world.records, 0)
    return json.loads((out / "latest" / "findings.json").read_text())["findings"]


@pytest.fixture(scope="module")
def report_on_duckdb(world, tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("duckdb")
    table = ibis.duckdb.connect(folder / "logs.duckdb")
    table.create_table("logs", table.read_parquet(world.parquet / "*.parquet"))
    table.disconnect()
    return reported(f"duckdb://{folder / 'logs.duckdb'}#logs", world, folder / "out")


def test_a_report_on_spark_tells_what_one_on_duckdb_tells(world, report_on_duckdb, spark, tmp_path):
    assert reported(f"{INTERPRETED}parquet.{world.parquet}", world, tmp_path) == report_on_duckdb
    assert len(report_on_duckdb) >= 15
    for page in (tmp_path / "latest").glob("*.html"):
        assert "FutureWarning" not in page.read_text()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = make_world(Path(folder))
        asked = {name: asked_of_duckdb(name, table_in_duckdb(made), made) for name in NAMES}
        for name in NAMES:
            (SQL / f"{name}.sql").write_text(written(name, asked, "athena"))
