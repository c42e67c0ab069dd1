"""From staged lines to one Parquet file, by DuckDB, and the proof that nothing was lost or bent on the way.

DuckDB takes more than flow logs hold (``5.7``, ``1e3``, ``0x10`` for a whole number; any word for an address).
So what came out is counted against what went in: rows against lines, and the bytes that are no digits, which
numbers cannot have, against those of the texts, the blanks and the line ends. Both equal, every line was read as
it stands; else the file goes the careful way.
"""

from collections.abc import Iterable
from pathlib import Path

import duckdb

from flowkit.loading.formats import Format
from flowkit.loading.lines import is_address
from flowkit.loading.parquet import ParquetRows
from flowkit.loading.sql import IPV4, SQL_TYPES, literal, quiet, quoted
from flowkit.loading.stage import Staged

#: Later than any second of a log, earlier than any millisecond: some exporters write milliseconds.
MILLISECONDS = 100_000_000_000

_READ_AS = {
    "srcport": "USMALLINT",
    "dstport": "USMALLINT",
    "protocol": "UTINYINT",
    "action": "ENUM('ACCEPT', 'REJECT')",
    "log_status": "ENUM('OK', 'NODATA', 'SKIPDATA')",
}
_OPTIONS = (
    "delim=' ', header=false, quote='', escape='', comment='', nullstr='-', auto_detect=false,"
    " ignore_errors=true"
)


#: Delta encodings, and no dictionary of a column's values once 5,000 differ: a third less time at the same size.
_PARQUET = "FORMAT parquet, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 5000"


def connect(folder: Path, memory: str = "1GB") -> duckdb.DuckDBPyConnection:
    """A DuckDB of this process alone, that spills into `folder` and asks nothing of the network."""
    connection = duckdb.connect(config={"temp_directory": str(folder), "memory_limit": memory})
    connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    connection.execute("SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    quiet(connection)
    return connection


def _source(format: Format, files: Iterable[Path], tagged: bool) -> str:
    names = {name: _READ_AS.get(name, SQL_TYPES.get(name, "VARCHAR")) for name in format.columns}
    names |= {"file_id": "BIGINT"} if tagged else {}
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in names.items())
    listed = ", ".join(literal(file) for file in files)
    return f"read_csv([{listed}], {_OPTIONS}, columns={{{columns}}})"


def _typed(column: str) -> str:
    name = quoted(column)
    if column in ("start", "end"):
        return f"CASE WHEN {name} >= {MILLISECONDS} THEN {name} // 1000 ELSE {name} END AS {name}"
    return f"CAST({name} AS {SQL_TYPES.get(column, 'VARCHAR')}) AS {name}"


def write(
    connection: duckdb.DuckDBPyConnection, format: Format, staged: dict[int, Staged], part: Path
) -> None:
    """The rows that `staged` (by file id) holds in `format`, as the Parquet file `part`."""
    shared = part.with_suffix(".txt")
    queries = []
    with shared.open("wb") as bundle:
        for file_id, file in staged.items():
            text = file.texts[format]
            if isinstance(text, ParquetRows):
                queries.append(f"SELECT *, CAST({file_id} AS BIGINT) AS file_id FROM ({text.select})")
            elif text.in_file:
                source = _source(format, [text.place], tagged=False)
                queries.append(f"SELECT *, CAST({file_id} AS BIGINT) AS file_id FROM {source}")
            else:
                bundle.write(text.tagged(file_id))
    if shared.stat().st_size:
        queries.append(f"SELECT * FROM {_source(format, [shared], tagged=True)}")
    columns = ", ".join(_typed(column) for column in format.columns)
    connection.execute(
        f"COPY (SELECT {columns}, file_id FROM ({' UNION ALL '.join(queries)})) TO {literal(part)} ({_PARQUET})"
    )
    shared.unlink()


def doubtful(
    connection: duckdb.DuckDBPyConnection, format: Format, staged: dict[int, Staged], part: Path
) -> set[int]:
    """The ids of the files of which `part` is not proven to hold every line as it stands."""
    source = f"read_parquet({literal(part)})"
    rows = dict(connection.execute(f"SELECT file_id, count(*) FROM {source} GROUP BY file_id").fetchall())
    doubts = {file_id for file_id, file in staged.items() if rows.get(file_id, 0) != file.texts[format].rows}
    fast = {file_id: file for file_id, file in staged.items() if file.fast} if not doubts else {}
    if fast and not _adds_up(connection, format, source, fast):
        doubts |= {
            file_id
            for file_id, file in fast.items()
            if len(fast) == 1 or not _adds_up(connection, format, source, {file_id: file})
        }
    return doubts


def _adds_up(
    connection: duckdb.DuckDBPyConnection, format: Format, source: str, fast: dict[int, Staged]
) -> bool:
    chosen = f"{source} WHERE file_id IN ({', '.join(map(str, fast))})"
    rows = sum(file.texts[format].rows for file in fast.values())
    expected = rows * len(format.columns)
    for column in format.texts:
        name = quoted(column)
        values = f"(SELECT {name} AS value, count(*) AS records FROM {chosen} GROUP BY {name})"
        others = "coalesce(strlen(regexp_replace(value, '[0-9]', '', 'g')), 1)"
        wrong = "value IS NULL" if column == "log_status" else "value = ''"  # '' is what two blanks enclose
        if column in format.addresses:
            wrong = f"NOT regexp_full_match(value, {literal(IPV4)})"
        total, odd = connection.execute(
            f"SELECT coalesce(sum(records * {others}), 0), list(value) FILTER ({wrong}) FROM {values}"
        ).fetchone()
        expected += total
        if odd and not (column in format.addresses and all(is_address(value) for value in odd)):
            return False
    nulls = " + ".join(f"count(*) - count({quoted(column)})" for column in format.integers) or "0"
    expected += connection.execute(f"SELECT {nulls} FROM {chosen}").fetchone()[0]
    return expected == sum(file.other_bytes for file in fast.values())


def gather(connection: duckdb.DuckDBPyConnection, parts: list[Path], files: set[int], target: Path) -> Path:
    """The rows that `parts` hold of `files`, in one Parquet file, `target`."""
    listed = ", ".join(map(literal, parts))
    connection.execute("CREATE OR REPLACE TEMP TABLE wanted AS SELECT unnest(?) AS file_id", [list(files)])
    connection.execute(
        f"COPY (FROM read_parquet([{listed}], union_by_name = true) WHERE file_id IN (FROM wanted))"
        f" TO {literal(target)} ({_PARQUET})"
    )
    return target


def tallies(connection: duckdb.DuckDBPyConnection, part: Path) -> dict[int, dict]:
    """By file id: rows by log-status, the sums over OK rows and rows without status, first and last second."""
    source = f"read_parquet({literal(part)})"
    columns = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    has = {
        name: quoted(name) if name in columns else "NULL"
        for name in ("log_status", "bytes", "packets", "start", "end")
    }
    status = has["log_status"]
    counted = f"FILTER (coalesce({status}, 'OK') = 'OK')"
    found = connection.execute(f"""
        SELECT file_id, count(*) FILTER ({status} = 'OK') AS ok, count(*) FILTER ({status} = 'NODATA') AS nodata,
            count(*) FILTER ({status} = 'SKIPDATA') AS skipdata, count(*) FILTER ({status} IS NULL) AS no_status,
            coalesce(sum({has["bytes"]}) {counted}, 0) AS ok_bytes,
            coalesce(sum({has["packets"]}) {counted}, 0) AS ok_packets,
            min(coalesce({has["start"]}, {has["end"]})) AS first, max(coalesce({has["end"]}, {has["start"]})) AS last
        FROM {source} GROUP BY file_id""")
    names = [column[0] for column in found.description]
    return {row[0]: dict(zip(names[1:], map(_whole, row[1:]), strict=True)) for row in found.fetchall()}


def _whole(value: object) -> int | None:
    return None if value is None else int(value)
