"""From the cache to records: what it holds of a source's files, as views of this process's one DuckDB.

In: the facts of the files. Out: the name of a view with the columns of records, `file_id` and `duplicate`.
"""

import contextlib
import itertools
import os
from functools import cache
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import polars as pl

from flowkit.fields import COLUMNS, TGW_FIELDS
from flowkit.loading.cache import folder, spill
from flowkit.loading.errors import SourceError
from flowkit.loading.sources import aws_name

if TYPE_CHECKING:
    import ibis

#: Memory for all queries of a process; beyond it DuckDB spills into the cache.
MEMORY = "1400MB"

#: The columns of each kind of records.
RECORDS = {"vpc": COLUMNS, "transit-gateway": COLUMNS | {field.column: field.type for field in TGW_FIELDS}}
_SQL_TYPES = {"int32": "INTEGER", "int64": "BIGINT", "string": "VARCHAR"}
_names = itertools.count(1)


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """Return `text` as an SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def quiet(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep DuckDB's progress bar off stdout, where it would be drawn terminal or not."""
    with contextlib.suppress(duckdb.InvalidInputException):  # a kernel without ipywidgets, which draws none
        connection.execute("SET enable_progress_bar = false")


def whole_numbers(answer: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """Return the rows of `answer`; sums, which have 128 bits and which pandas would make floating point, stay whole."""
    wide = [at for at, kind in enumerate(answer.types) if str(kind) in ("HUGEINT", "UHUGEINT")]
    casts = (f"CAST(#{at + 1} AS VARCHAR)" if at in wide else f"#{at + 1}" for at in range(len(answer.columns)))
    columns = zip(casts, map(quoted, answer.columns), strict=True)
    table = answer.project(", ".join(f"{cast} AS {name}" for cast, name in columns)).df()
    for at in wide:
        numbers = [None if pd.isna(each) else int(each) for each in table.iloc[:, at]]
        small = all(each is None or abs(each) < 2**63 for each in numbers)
        kind = "object" if not small else "Int64" if None in numbers else "int64"
        table.isetitem(at, pd.Series(numbers, dtype=kind))
    return table


@cache
def _connection(process: int) -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    settings = {"temp_directory": literal(spill()), "memory_limit": literal(MEMORY), "TimeZone": "'UTC'"}
    settings |= {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    for name, value in settings.items():
        made.execute(f"SET {name} = {value}")
    quiet(made)
    return made


def connection() -> duckdb.DuckDBPyConnection:
    """Return this process's in-memory DuckDB without network access, which holds the tables of all logs."""
    return _connection(os.getpid())


@cache
def _backend(con: duckdb.DuckDBPyConnection) -> "ibis.BaseBackend":
    import ibis  # it takes longer to import than small logs to read

    return ibis.duckdb.from_connection(con)


def backend() -> "ibis.BaseBackend":
    """Return `connection` as Ibis has it, for tables that users work with."""
    return _backend(connection())


def new_name(what: str) -> str:
    """Return a name that nothing in `connection` has yet."""
    return f"{what}_{next(_names)}"


def records_view(facts: pl.DataFrame, record: str = "vpc") -> str:
    """Return the view of all records of the files in `facts`; `duplicate` marks copies in files of other flow logs.

    Only interfaces that several flow logs cover are looked at. The n-th of equal rows in one flow log is the same
    record as the n-th in another: so equal rows within one flow log all stay.
    """
    con, number = connection(), next(_names)
    rows, view, logs, shared, marked = (f"{name}_{number}" for name in ("rows", "records", "logs", "shared", "marked"))
    by_file = {file_id: aws_name(place) for file_id, place in facts.select("file_id", "place").iter_rows()}
    by_file = {file_id: name["flow_log_id"] for file_id, name in by_file.items() if name}
    try:
        con.execute(f"CREATE VIEW {rows} AS {_rows(facts, record, number)}")
        several = []
        if len(set(by_file.values())) > 1:
            files = [list(by_file), list(by_file.values())]
            con.execute(f"CREATE TABLE {logs} AS SELECT unnest(?) AS file_id, unnest(?) AS log", files)
            several = con.execute(
                f"SELECT interface_id FROM (SELECT DISTINCT interface_id, file_id FROM {rows}) JOIN {logs}"
                " USING (file_id) GROUP BY interface_id HAVING count(DISTINCT log) > 1"
            ).fetchall()
        if not several:
            con.execute(f"CREATE VIEW {view} AS SELECT *, false AS duplicate FROM {rows}")
            return view
        con.execute(f"CREATE TABLE {shared} AS SELECT unnest(?) AS interface_id", [[row[0] for row in several]])
        described = con.execute(f"DESCRIBE {rows}").fetchall()
        same = ", ".join(quoted(row[0]) for row in described if row[0] != "file_id")
        con.execute(f"""
            CREATE TABLE {marked} AS SELECT * EXCLUDE (log, nth), log IS NOT NULL AND row_number() OVER (
                PARTITION BY {same}, nth, log IS NULL ORDER BY log, file_id) > 1 AS duplicate
            FROM (SELECT r.*, log, row_number() OVER (PARTITION BY {same}, log) AS nth
                  FROM {rows} r LEFT JOIN {logs} USING (file_id) WHERE interface_id IN (FROM {shared}));
            CREATE VIEW {view} AS FROM {marked} UNION ALL BY NAME SELECT *, false AS duplicate
            FROM {rows} WHERE interface_id IS NULL OR interface_id NOT IN (FROM {shared})""")
    except duckdb.Error as error:
        raise SourceError(
            f"the cache cannot be read in {folder()} ({str(error).splitlines()[0][:200]}): flowkit ingest --again"
        ) from None
    return view


def _rows(facts: pl.DataFrame, record: str, number: int) -> str:
    """Return SQL for the rows of the files under the columns of a table of records."""
    con, columns = connection(), RECORDS[record]
    names = sorted({name for names in facts["parts"] for name in names if f".{record}." in name})
    # DuckDB's readers take every name for a glob.
    files = ("".join(f"[{each}]" if each in "*?[" else each for each in f"{folder()}/parts/{name}") for name in names)
    files = f"[{', '.join(map(literal, files))}]"
    rows = f"read_parquet({files}, union_by_name = true)" if names else "(SELECT NULL::BIGINT AS file_id LIMIT 0)"
    there = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()]
    own = {
        name: quoted(name) if name in there else f"CAST(NULL AS {_SQL_TYPES[kind]})" for name, kind in columns.items()
    }
    own["interface_id"] = f"coalesce({own['interface_id']}, {own['resource_id']})"
    chosen = [f"{sql} AS {quoted(name)}" for name, sql in own.items()]
    unknown = {name.replace("-", "_") for names in facts["unknown"] for name in names}
    unknown |= {f"{name}_" for name in unknown}
    chosen += [quoted(name) for name in sorted(unknown.intersection(there).difference(columns))]
    sql = f"SELECT {', '.join(chosen)}, file_id FROM {rows}"
    held = con.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({files})").fetchone()[0] if names else 0
    expected = facts.select(pl.sum_horizontal("ok", "nodata", "skipdata", "no_status") - pl.col("gateway")).sum().item()
    if not names or held == (expected if record == "vpc" else facts["gateway"].sum()):
        return sql  # the parts hold these files and no other
    con.execute(f"CREATE TABLE files_{number} AS SELECT unnest(?) AS file_id", [facts["file_id"].to_list()])
    return f"{sql} WHERE file_id IN (FROM files_{number})"
