"""From an engine's table (DuckDB, Spark, Athena, Trino, or any Ibis table) to a table of records; nothing is copied.

The table's columns are recognised by AWS's names, with hyphens or underscores, in any case; those it lacks become
typed nulls. A source reads ``URL#table``. On Spark the table may be a folder of Parquet: ``#parquet.PATH``.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import ibis
import ibis.expr.types as ir

from flowkit.fields import COLUMNS, FIELDS, TIMES
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import RESERVED, known
from flowkit.loading.parse import SUMS
from flowkit.loading.records import backend, connection, literal, quoted
from flowkit.loading.sources import called, fitting
from flowkit.loading.typed import UNITS
from flowkit.loading.window import Moment, window

#: The engines that flowkit's questions were tried on; others answer wrongly, DataFusion among them.
ENGINES = ("duckdb", "pyspark", "athena", "trino")

_FILES = re.compile(r"parquet\.`?(.*[/\\].*?)`?", re.DOTALL)
#: Spark's settings where the URL has no others: no drawing on the terminal, tables handed over in one piece, and
#: no search for what follows from a query's conditions, which takes all memory where a query has hundreds.
_SPARK = {
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.constraintPropagation.enabled": "false",
}
#: And where it runs on this machine alone: it talks to itself over loopback, not by the machine's address, where
#: a firewall or a VPN lets results of over 1 MB get lost (`TaskResultLost`).
_LOCAL = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def table_of(source: object) -> ir.Table:
    """Return the table that `source` names. Raises SourceError where the engine or the table cannot be reached."""
    url, _, name = ("", "", "") if isinstance(source, ir.Table) else str(source).partition("#")
    engine = url.split("://")[0] or source.get_backend().name
    if engine not in ENGINES:
        raise SourceError(f"{engine} is no engine that flowkit was tried on: use one of {', '.join(ENGINES)}")
    if isinstance(source, ir.Table):
        return source
    *database, table = name.split(".")
    with _reaching(source):
        if engine == "duckdb":
            return _attached(url.removeprefix("duckdb://"), database, table)
        if engine != "pyspark":
            return ibis.connect(url).table(table, database=".".join(database) or None)
        # It says so at every query. What each question answers with pandas 3 is compared in tests/test_engines.py.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        from pyspark.sql import SparkSession

        asked = dict(parse_qsl(urlsplit(url).query))
        settings = _SPARK | (_LOCAL if asked.get("spark.master", "").startswith("local") else {}) | asked
        session = SparkSession.builder.config(map=settings).getOrCreate()  # ibis.connect would set them once more
        if files := _FILES.fullmatch(name):
            reader = session.read.option("recursiveFileLookup", True).option("mergeSchema", True)
            database, table = (), ibis.util.gen_name("flow_logs")
            reader.parquet(files[1]).createOrReplaceTempView(table)
        return ibis.pyspark.connect(session).table(table, database=".".join(database) or None)


def _attached(path: str, schema: list[str], table: str) -> ir.Table:
    """Return a table of a DuckDB file, attached to this process's own DuckDB, for reading: several kernels may."""
    place = str(Path(path).expanduser().absolute())
    if not Path(place).is_file():
        raise SourceError(f"there is no DuckDB file {path}")
    known = connection().execute("SELECT database_name, path FROM duckdb_databases()").fetchall()
    database = next((database for database, other in known if other == place), None)
    if database is None:
        database = ibis.util.gen_name("attached")
        connection().execute(f"ATTACH {literal(place)} AS {quoted(database)} (READ_ONLY)")
    return backend().table(table, database=(database, schema[-1] if schema else "main"))


@contextmanager
def _reaching(source: object) -> Iterator[None]:
    """Errors of an engine as SourceError: each has classes of its own, and Spark tells the cause after the trace."""
    try:
        yield
    except SourceError:
        raise
    except ImportError as error:
        engine = str(source).split("://")[0]
        raise SourceError(
            f"{engine} needs a package that is not here ({error}): pip install 'ibis-framework[{engine}]'"
        ) from None
    except Exception as error:
        first, causes = str(error).partition("\n")[0], re.findall(r"Caused by: [\w.$]+: (.+)", str(error))
        raise SourceError(f"{called(source)} cannot be read: {causes[-1] if causes else first}") from None


def misfit(source: object) -> str:
    """Return which column of a table holds which value that is no number of its field; '' where all do."""
    table = table_of(source)
    fields = {column: name for name, column in _fields(table).items() if FIELDS[name].type != "string"}
    texts = {column: _filled(table[column]) for column in fields if not table[column].type().is_timestamp()}
    bad = {
        column: text.max(where=text.notnull() & text.try_cast(FIELDS[fields[column]].type).isnull())
        for column, text in texts.items()
    }
    for column, value in table.aggregate(**bad).execute().iloc[0].dropna().items():
        what = "a time in seconds since 1970" if fields[column] in TIMES else "a whole number"
        return f"its column {column} holds {str(value)[:80]!r}, not {what}"
    return ""


def _filled(column: ir.Value) -> ir.Value:
    """The column with null for `-` and '', which Athena's text tables hold."""
    return column.nullif("-").nullif("") if column.type().is_string() else column


def _fields(table: ir.Table) -> dict[str, str]:
    """Return the columns of `table` that are fields, by AWS's names. Raises SourceError where two are the same."""
    names: dict[str, str] = {}
    for column in table.columns:
        if (name := known(column)) and names.setdefault(name, column) != column:
            raise SourceError(f"two columns of the table are both {name}: {names[name]} and {column}")
    return names


def recognised(table: ir.Table) -> ir.Table:
    """`table` as a table of records: AWS's columns with their types, then those that AWS does not know, as text.

    Raises SourceError where none of its columns is a flow log's, two of them are the same field, or one of times has
    a type without them.
    """
    names = _fields(table)
    if not {"srcaddr", "log-status", "interface-id", "tgw-id"} & set(names):
        raise SourceError(f"the table's columns are not those of flow logs: {', '.join(table.columns[:8])} …")
    by_column = {name.replace("-", "_"): _present(table[column], name) for name, column in names.items()}
    chosen = {column: by_column.get(column, ibis.null()).cast(kind) for column, kind in COLUMNS.items()}
    chosen["interface_id"] = ibis.coalesce(chosen["interface_id"], chosen["resource_id"])
    unknown = [name for name in table.columns if known(name) is None and name not in RESERVED]
    chosen |= {name: table[name].cast("string") for name in unknown}
    return table.select(**chosen, file_id=ibis.null().cast("int64"), duplicate=ibis.literal(False))


def _present(column: ir.Value, name: str) -> ir.Value:
    """The column as files have it: no empty texts, times in seconds, account ids in 12 digits, words as AWS writes them."""
    kind, value = column.type(), _filled(column)
    if kind.is_numeric() and name == "account-id":
        return column.cast("int64").cast("string").lpad(12, "0")
    if kind.is_date() or kind.is_time():
        raise SourceError(f"the table's column {column.get_name()} holds a {kind}, not a time in seconds since 1970")
    if FIELDS[name].words and kind.is_string():
        return value.strip().upper().nullif("")
    if name not in TIMES:
        return value
    seconds = column.epoch_seconds() if kind.is_timestamp() else value.cast("int64")
    # No flow log is of the year 5138: see `flowkit.loading.typed`.
    # Without the remainder first, division by way of floating point would round up.
    units = ((seconds >= least, (seconds - seconds % unit) // unit) for least, unit in UNITS)
    return seconds if kind.is_timestamp() else ibis.cases(*units, else_=seconds)


def tally(source: object, start: Moment = None, end: Moment = None) -> dict:
    """Return what `flowkit.ingest` returns, for a table: nothing is read, the records that overlap the window are
    counted there."""
    first, last = window(start, end)
    flows = recognised(table_of(source))
    if first is not None:
        flows = flows.filter(ibis.coalesce(flows.end, flows.start) >= first)
    if last is not None:
        flows = flows.filter(ibis.coalesce(flows.start, flows.end) < last)
    counted = flows.log_status.isnull() | (flows.log_status == "OK")
    with _reaching(source), fitting(source):
        row = flows.aggregate(
            lines=flows.count(),
            no_status=flows.count(where=flows.log_status.isnull()),
            **{f"ok_{name}": flows[name].cast("decimal(38, 0)").sum(where=counted) for name in ("bytes", "packets")},
            **{word.lower(): flows.count(where=flows.log_status == word) for word in ("OK", "NODATA", "SKIPDATA")},
        ).execute()
    sums = {name: 0 if value != value else int(value or 0) for name, value in row.iloc[0].items()}
    return dict.fromkeys(("files", "damaged_files", "unreadable_files", *SUMS), 0) | sums
