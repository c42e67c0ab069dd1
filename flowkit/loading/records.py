"""From the cache to records: what it holds of a source's files, as views of this process's one DuckDB.

In: the facts of the files. Out: the name of a view with the columns of records, `file_id` and `duplicate`.
"""

import itertools
import os
from functools import cache

import duckdb
import ibis
import polars as pl

from flowkit.fields import COLUMNS, TGW_FIELDS
from flowkit.loading.cache import folder, spill
from flowkit.loading.errors import SourceError
from flowkit.loading.sources import aws_name
from flowkit.loading.sql import SQL_TYPES, literal, paths, quiet, quoted

#: Memory for all queries of a process; beyond it DuckDB spills into the cache.
MEMORY = "1400MB"

_COLUMNS = {"vpc": COLUMNS, "transit-gateway": COLUMNS | {field.column: field.type for field in TGW_FIELDS}}
_names = itertools.count(1)


@cache
def _backend(process: int) -> ibis.BaseBackend:
    backend = ibis.duckdb.connect()
    settings = {"temp_directory": literal(spill()), "memory_limit": literal(MEMORY), "TimeZone": "'UTC'"}
    settings |= {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    for name, value in settings.items():
        backend.con.execute(f"SET {name} = {value}")
    quiet(backend.con)
    return backend


def backend() -> ibis.BaseBackend:
    """Return this process's in-memory DuckDB without network access, which holds the tables of all logs."""
    return _backend(os.getpid())


def records_view(facts: pl.DataFrame, record: str = "vpc") -> str:
    """Return the view of all records of the files in `facts`; `duplicate` marks copies in files of other flow logs.

    Only interfaces that several flow logs cover are looked at. The n-th of equal rows in one flow log is the same
    record as the n-th in another: so equal rows within one flow log all stay.
    """
    con, number = backend().con, next(_names)
    rows, view, logs, shared, marked = (f"{name}_{number}" for name in ("rows", "records", "logs", "shared", "marked"))
    try:
        con.execute(f"CREATE VIEW {rows} AS {_rows(facts, record, number)}")
        by_file = {
            file_id: aws_name(place).get("flow_log_id")
            for file_id, place in facts.select("file_id", "place").iter_rows()
        }
        by_file = {file_id: log for file_id, log in by_file.items() if log}
        several = []
        if len(set(by_file.values())) > 1:
            con.execute(
                f"CREATE TABLE {logs} AS SELECT unnest(?) AS file_id, unnest(?) AS log",
                [list(by_file), list(by_file.values())],
            )
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
                  FROM {rows} r LEFT JOIN {logs} USING (file_id) WHERE interface_id IN (FROM {shared}))""")
        con.execute(f"""
            CREATE VIEW {view} AS FROM {marked} UNION ALL BY NAME SELECT *, false AS duplicate
            FROM {rows} WHERE interface_id IS NULL OR interface_id NOT IN (FROM {shared})""")
    except duckdb.Error as error:
        raise SourceError(
            f"the cache cannot be read in {folder()} ({str(error).splitlines()[0][:200]}): flowkit ingest --again"
        ) from None
    return view


def _rows(facts: pl.DataFrame, record: str, number: int) -> str:
    """Return SQL for the rows of the files under the columns of a table of records."""
    con = backend().con
    names = sorted({name for names in facts["parts"] for name in names if f".{record}." in name})
    files = paths([folder() / "parts" / name for name in names])
    rows = f"read_parquet({files}, union_by_name = true)" if names else "(SELECT NULL::BIGINT AS file_id LIMIT 0)"
    there = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()]
    columns = [
        quoted(name) if name in there else f"CAST(NULL AS {SQL_TYPES[name]}) AS {quoted(name)}"
        for name in _COLUMNS[record]
    ]
    unknown = {name.replace("-", "_") for names in facts["unknown"] for name in names}
    unknown |= {f"{name}_" for name in unknown}
    columns += [quoted(name) for name in there if name in unknown and name not in _COLUMNS[record]]
    sql = f"SELECT {', '.join(columns)}, file_id FROM {rows}"
    if not names:
        return sql
    held = con.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({files})").fetchone()[0]
    expected = facts.select(pl.sum_horizontal("ok", "nodata", "skipdata", "no_status") - pl.col("gateway")).sum().item()
    if held == (expected if record == "vpc" else facts["gateway"].sum()):
        return sql  # the parts hold these files and no other
    wanted = f"files_{number}"
    con.execute(f"CREATE TABLE {wanted} AS SELECT unnest(?) AS file_id", [facts["file_id"].to_list()])
    return f"{sql} WHERE file_id IN (FROM {wanted})"
