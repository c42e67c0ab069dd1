"""Flow logs that lie in an engine's table already: Athena, Trino, Spark, or any Ibis table.

Nothing is copied: the questions' expressions run there. The table's columns are recognised by AWS's names, with
hyphens or underscores, in any case; those it lacks become typed nulls.

A source reads ``URL#table``, and ``URL#table where CONDITION`` to have the engine read only some partitions. The
condition is part of the source because it says which records are looked at, as a path does: so it reaches every
notebook, and is in every report, as what `source` is. On Spark the table may be files: ``#parquet.PATH`` and
``#csv.PATH``, as Spark SQL itself queries files, but for the back-ticks, which a shell would take for its own.
https://spark.apache.org/docs/latest/sql-data-sources-load-save-functions.html#run-sql-on-files-directly
"""

import operator
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import ibis
import ibis.expr.types as ir
import sqlglot
from ibis.common.exceptions import IbisError
from sqlglot import exp

from flowkit.fields import COLUMNS, FIELDS
from flowkit.loading.errors import SourceError
from flowkit.loading.formats import DEFAULT, given, header, is_default, known
from flowkit.loading.sql import IPV4
from flowkit.loading.window import Moment, window

_WHERE = re.compile(r"\s+where\s+", re.IGNORECASE)
_FILES = re.compile(r"(parquet|csv)\.`?(.*[/\\].*?)`?", re.DOTALL)
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
#: Whether a line of text fits its format, as `lines.problem` has it: a column of Spark's, and of ours no more.
_FITS = "_fits"
_CORRUPT = "_corrupt_record"
_LIMITS = {"srcport": 65535, "dstport": 65535, "protocol": 255}
_WORDS = {"action": ["ACCEPT", "REJECT"], "log-status": ["OK", "NODATA", "SKIPDATA"]}
_ADDRESSES = ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr")
_HEX = "[0-9A-Fa-f]{1,4}"
#: Eight groups, or `::` for one or more of them.
_IPV6 = f"({_HEX}:){{7}}{_HEX}|(?!.*::.*::)(?!(:*{_HEX}\\b){{8}})({_HEX}(:{_HEX})*)?::({_HEX}(:{_HEX})*)?"
#: What no token holds: controls, blanks other than the one between tokens, bytes that are not UTF-8.
_UNPRINTABLE = r"[\p{C}\p{Z}\uFFFD]"

_OPERATORS = {
    exp.And: operator.and_,
    exp.Or: operator.or_,
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
}


def table_of(source: object, format: str | None = None) -> ir.Table:
    """The table that `source` names; `format` is for Spark over text that no header describes.

    Raises SourceError where the engine or the table cannot be reached, or the condition is none.
    """
    if isinstance(source, ir.Table):
        return source
    url, _, rest = str(source).partition("#")
    name, *condition = _WHERE.split(rest, maxsplit=1)
    engine = url.split("://")[0]
    with _reaching(source):
        # A report's notebooks look at a DuckDB file two at a time, which only readers may.
        options = {"read_only": True} if engine == "duckdb" else {}
        backend = _spark(url) if engine == "pyspark" else ibis.connect(url, **options)
        files = _FILES.fullmatch(name) if engine == "pyspark" else None
        if files:
            table = _spark_files(backend, *files.groups(), format)
        else:
            *database, table = name.split(".")
            table = backend.table(table, database=".".join(database) or None)
    return table.filter(restriction(table, condition[0])) if condition else table


@contextmanager
def _reaching(source: object) -> Iterator[None]:
    """Errors of an engine as SourceError: each has classes of its own, and Spark tells the cause after the trace."""
    try:
        yield
    except (SourceError, KeyboardInterrupt):
        raise
    except ImportError as error:
        engine = str(source).split("://")[0]
        raise SourceError(
            f"{engine} needs a package that is not here ({error}): pip install 'ibis-framework[{engine}]'"
        ) from None
    except Exception as error:
        first, causes = str(error).partition("\n")[0], re.findall(r"Caused by: [\w.$]+: (.+)", str(error))
        raise SourceError(f"{source} cannot be read: {causes[-1] if causes else first}") from None


def _spark(url: str) -> ibis.BaseBackend:
    """Spark with the settings in `url`. Not by ibis.connect, which sets them again where Spark forbids it."""
    # It says so at every query. What each question answers with pandas 3 is compared in tests/test_engines.py.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    from pyspark.sql import SparkSession

    asked = dict(parse_qsl(urlsplit(url).query))
    settings = _SPARK | (_LOCAL if asked.get("spark.master", "").startswith("local") else {}) | asked
    return ibis.pyspark.connect(SparkSession.builder.config(map=settings).getOrCreate())


def restriction(table: ir.Table, text: str) -> ir.BooleanValue:
    """The condition that `text` writes in SQL over columns of `table`: comparisons, IN, BETWEEN, AND, OR, NOT.

    It is read and built anew, never handed on: raises SourceError for all that is not such a condition.
    """
    try:
        statements = sqlglot.parse(f"SELECT 1 WHERE {text}")
        [select] = statements
        extra = [key for key, value in select.args.items() if value and key not in ("expressions", "where")]
        built = None if extra else _built(select.args["where"].this, table)
    except (sqlglot.errors.SqlglotError, IbisError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise SourceError(f"{text!r} is no condition on this table: {error}") from None
    if not isinstance(built, ir.BooleanValue):
        raise SourceError(
            f"{text!r} is no condition: compare columns with values, such as day >= '2026/11/20'"
        )
    return built


def _built(node: exp.Expression, table: ir.Table) -> object:
    """The Ibis value of one node of a condition; ValueError for what has no place in one."""
    if type(node) in _OPERATORS:
        return _OPERATORS[type(node)](_built(node.this, table), _built(node.expression, table))
    match node:
        case exp.Column() if not node.table:
            return table[node.name]
        case exp.Literal():
            return node.this if node.is_string else int(node.this)
        case exp.Paren():
            return _built(node.this, table)
        case exp.Not():
            return ~_built(node.this, table)
        case exp.Between():
            return _built(node.this, table).between(
                *(_built(node.args[end], table) for end in ("low", "high"))
            )
        case exp.In() if node.expressions:
            return _built(node.this, table).isin([_built(one, table) for one in node.expressions])
    raise ValueError(f"{node.sql()} is not taken there")


def _spark_files(backend: ibis.BaseBackend, kind: str, path: str, format: str | None) -> ir.Table:
    """All files below `path` (a glob will do) as a table: Parquet, or text as AWS writes it, in one format."""
    reader = backend._session.read.option("recursiveFileLookup", True)
    if kind == "parquet":
        frame = reader.option("mergeSchema", True).parquet(path)
    else:
        first = reader.text(path).first()
        names, headed = _names(first.value.split(" ") if first else [], format, path)
        sql = {"int32": "INT", "int64": "BIGINT", "string": "STRING"}
        types = {name: sql[FIELDS[known(name)].type] if known(name) else "STRING" for name in names}
        schema = ", ".join(f"`{name}` {kind}" for name, kind in (types | {_CORRUPT: "STRING"}).items())
        # enforceSchema=False has Spark compare the header of every file with the first one's, and refuse another.
        options = {"sep": " ", "quote": "", "nullValue": "-", "header": headed, "enforceSchema": False}
        # Without columnPruning it counts the fields of every line, not only as far as a query reads.
        options |= {"columnNameOfCorruptRecord": _CORRUPT, "columnPruning": False}
        frame = reader.options(**options).schema(schema).csv(path)
        frame = frame.select(*(f"`{name}`" for name in names), _fits(names).alias(_FITS))
    name = ibis.util.gen_name("flow_logs")
    frame.createOrReplaceTempView(name)
    return backend.table(name)


def _fits(names: list[str]):
    """Whether a line fits the format `names`: a column of Spark's over those that its reader made of the line."""
    from pyspark.sql import functions as F

    fits, texts, true = F.col(_CORRUPT).isNull(), [], F.lit(True)
    for name in names:
        field, column = known(name), F.col(f"`{name}`")
        if field in _WORDS:
            fits &= F.coalesce(column.isin(_WORDS[field]), F.lit(field == "action"))  # No status is `-`.
        elif field in _ADDRESSES:
            fits &= F.coalesce(F.rlike(column, F.lit(f"^({IPV4}|{_IPV6})$")), true)
        elif field is None or FIELDS[field].type == "string":
            texts.append(column)
        else:
            fits &= F.coalesce(column.between(0, _LIMITS.get(field, 2**63 - 1)), true)
    text = F.concat_ws("", *texts)
    return fits & (F.rlike(text, F.lit("^[!-~]*$")) | ~F.rlike(text, F.lit(_UNPRINTABLE)))


def _names(tokens: list[str], format: str | None, path: str) -> tuple[list[str], bool]:
    """The fields of the lines below `path`, and whether it was their first line that named them."""
    if header(tokens):
        return [token.strip("`\"'") for token in tokens], True
    fields = given(format) or (DEFAULT if is_default(tokens) else None)
    if fields is None:
        raise SourceError(f"nothing says which fields the lines in {path} hold: give --format")
    return list(fields.names), False


def recognised(table: ir.Table) -> ir.Table:
    """`table` as a flows table: AWS's columns with their types, then those that AWS does not know, as text.

    Raises SourceError where none of its columns is a flow log's.
    """
    names = {known(name): name for name in table.columns if known(name)}
    if not {"srcaddr", "log-status", "interface-id", "tgw-id"} & set(names):
        raise SourceError(f"the table's columns are not those of flow logs: {', '.join(table.columns[:8])} …")
    if _FITS in table.columns:
        table = table.filter(table[_FITS])
    by_column = {name.replace("-", "_"): _present(table[column]) for name, column in names.items()}
    chosen = {
        column: (by_column[column] if column in by_column else ibis.null()).cast(kind)
        for column, kind in COLUMNS.items()
    }
    ours = ("file_id", "duplicate", _FITS)
    unknown = {
        name: table[name].cast("string") for name in table.columns if known(name) is None and name not in ours
    }
    return table.select(**chosen, **unknown, file_id=ibis.null().cast("int64"), duplicate=ibis.literal(False))


def _present(column: ir.Value) -> ir.Value:
    """The column with null for `-`, which Athena's text tables hold."""
    return column.nullif("-") if column.type().is_string() else column


def overlapping(flows: ir.Table, start: Moment = None, end: Moment = None) -> ir.Table:
    """The records of which `start` to `end` overlaps the window [start, end); all of them without a window."""
    first, last = window(start, end)
    if first is not None:
        flows = flows.filter(ibis.coalesce(flows.end, flows.start) >= first)
    if last is not None:
        flows = flows.filter(ibis.coalesce(flows.start, flows.end) < last)
    return flows


def kept(table: ir.Table) -> ir.Table:
    """`table`, computed once and kept by its engine for several queries; where the engine cannot, as it is."""
    try:
        if table.get_backend().name == "pyspark":
            table.limit(
                0
            ).execute()  # Ibis 12 hands small tables of ours to Spark when asking, not when caching.
        return table.cache()
    except (NotImplementedError, IbisError):  # Athena and Trino have no temporary tables.
        return table


def tally(source: object, start: Moment = None, end: Moment = None, format: str | None = None) -> dict:
    """What `flowkit.ingest` returns, for a table: nothing is parsed, the window's records are counted there."""
    table = table_of(source, format)
    flows = overlapping(recognised(table), start, end)
    with _reaching(source):
        return _counted(table, flows)


def _counted(table: ir.Table, flows: ir.Table) -> dict:
    status = flows.log_status
    counted = status.isnull() | (status == "OK")
    row = flows.aggregate(
        lines=flows.count(),
        ok=flows.count(where=status == "OK"),
        nodata=flows.count(where=status == "NODATA"),
        skipdata=flows.count(where=status == "SKIPDATA"),
        no_status=flows.count(where=status.isnull()),
        ok_bytes=flows.bytes.sum(where=counted),
        ok_packets=flows.packets.sum(where=counted),
    ).execute()
    sums = {name: 0 if value != value else int(value or 0) for name, value in row.iloc[0].items()}
    malformed = int(table.filter(~table[_FITS]).count().execute()) if _FITS in table.columns else 0
    none = dict.fromkeys(("files", "damaged_files", "unreadable_files", "headers", "blank"), 0)
    return {**none, **sums, "lines": sums["lines"] + malformed, "malformed": malformed}
