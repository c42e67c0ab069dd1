"""The flows table: what the cache holds of a source, lazily, as one Ibis table."""

import os
import tempfile
from pathlib import Path

import ibis
import pandas as pd

from flowkit.fields import COLUMNS, TGW_FIELDS
from flowkit.loading import cache
from flowkit.loading.catalog import Entry, Part
from flowkit.loading.engines import overlapping, recognised, table_of
from flowkit.loading.formats import given
from flowkit.loading.ingestion import bring_in, ingest
from flowkit.loading.sources import aws_name, is_table, remote_of, slot_of
from flowkit.loading.sql import SQL_TYPES, literal, quiet, quoted
from flowkit.loading.window import Moment, moment

#: The columns of each kind of record.
_COLUMNS = {
    "vpc": COLUMNS,
    "transit-gateway": COLUMNS | {field.column: field.type for field in TGW_FIELDS},
}
#: By source, window and format: the places of the files that this process loaded last.
_PLACES: dict[tuple, list[str]] = {}
_COUNTED = ("lines", "headers", "blank", "ok", "nodata", "skipdata", "no_status", "malformed")
_INVENTORY = [
    "file", "file_id", "flow_log_id", "account_id", "region", "slot", "size", *_COUNTED, "first", "last", "damage",
    "refusal", "unknown",
]  # fmt: skip
#: Reasons, examples and files that `about` names at most.
SHOWN = 5
_STATUS = {"ok": "OK", "nodata": "NODATA", "skipdata": "SKIPDATA", "no_status": "without log-status"}
#: Memory for one table's queries; beyond it DuckDB spills to disk.
_MEMORY = "1400MB"


def load(
    source: str | Path = "sample",
    start: Moment = None,
    end: Moment = None,
    format: str | None = None,
    record: str = "vpc",
) -> ibis.Table:
    """The flow log records of `source` that overlap the window, as a lazy table: one row a record.

    Columns: AWS's fields (`flowkit.fields.COLUMNS`, with `_` for `-`), typed nulls where the log lacks them, then
    fields that AWS's documents do not know as text, `file_id` (see `inventory`) and `duplicate`. Ports, packets,
    bytes and times (seconds since 1970, UTC) are integers or null; account ids are text. NODATA and SKIPDATA rows
    are there. A record that several flow logs hold over the same traffic comes once; its copies only come with
    `load_with_duplicates`. `record` is `vpc` or `transit-gateway`.
    Raises SourceError where nothing can be read, ValueError for a wrong window or format.
    """
    flows = load_with_duplicates(source, start, end, format, record)
    flows = flows.filter(~flows.duplicate)
    if is_table(source):
        return flows
    # A view, because DuckDB writes down whatever else a query names twice.
    return flows.get_backend().create_view("flow_logs", flows)


def load_with_duplicates(
    source: str | Path = "sample",
    start: Moment = None,
    end: Moment = None,
    format: str | None = None,
    record: str = "vpc",
) -> ibis.Table:
    """As `load`, with the copies that overlapping flow logs hold of one record marked in `duplicate`."""
    flows = (
        recognised(table_of(source, format))
        if is_table(source)
        else _of_files(source, start, end, format, record)
    )
    return overlapping(flows, start, end)


def sql(flows: ibis.Table, query: str) -> pd.DataFrame:
    """The answer to `query`, SQL over a table that it calls `flows`.

    On DuckDB in DuckDB's SQL: Ibis 12's own `.sql` calls a method that DuckDB 2 no longer has.
    """
    backend = flows.get_backend()
    if backend.name != "duckdb":
        return flows.alias("flows").sql(query).execute()
    backend.con.execute(f"CREATE OR REPLACE TEMP VIEW flows AS {ibis.to_sql(flows, dialect='duckdb')}")
    return backend.con.execute(query).df()


def _of_files(source: str | Path, start: Moment, end: Moment, format: str | None, record: str) -> ibis.Table:
    entries, parts = _holdings(source, start, end, format, record, again=True)
    backend = _connect()
    connection = backend.con
    rows = _rows(connection, [part.name for part in parts], entries, record)
    if any(part.others for part in parts):
        wanted = [entry.file_id for entry in entries]
        connection.execute("CREATE TABLE wanted AS SELECT unnest(?) AS file_id", [wanted])
        rows = f"{rows} WHERE file_id IN (FROM wanted)"
    connection.execute(f"CREATE VIEW records AS {rows}")
    _mark_duplicates(connection, entries)
    return backend.table("loaded")


def _connect() -> ibis.BaseBackend:
    backend = ibis.duckdb.connect()
    spill = Path(tempfile.gettempdir()) / f"flowkit-{os.getuid()}"
    settings = {"temp_directory": literal(spill), "memory_limit": literal(_MEMORY), "TimeZone": "'UTC'"}
    settings |= {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    for name, value in settings.items():
        backend.con.execute(f"SET {name} = {value}")
    quiet(backend.con)
    return backend


def _rows(connection, names: list[str], entries: list[Entry], record: str) -> str:
    """SQL for the rows of these parts under the flows table's columns."""
    files = ", ".join(literal(cache.folder() / "parts" / name) for name in names)
    source = (
        f"read_parquet([{files}], union_by_name = true)"
        if names
        else "(SELECT CAST(NULL AS BIGINT) AS file_id LIMIT 0)"
    )
    there = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    wanted = [
        quoted(name) if name in there else f"CAST(NULL AS {SQL_TYPES[name]}) AS {quoted(name)}"
        for name in _COLUMNS[record]
    ]
    named = {name.replace("-", "_") for entry in entries for name in entry.counts.get("unknown", ())}
    unknown = [quoted(name) for name in there if name in named]
    return f"SELECT {', '.join(wanted + unknown)}, file_id FROM {source}"


def _mark_duplicates(connection, entries: list[Entry]) -> None:
    """The view `loaded`: `records` with `duplicate`, the copies of a record in the files of other flow logs.

    Only interfaces that several flow logs cover are looked at. The n-th of equal rows in one flow log is the same
    record as the n-th in another: so equal rows within one flow log all stay.
    """
    logs = {entry.file_id: aws_name(entry.place).get("flow_log_id") for entry in entries}
    logs = {file_id: log for file_id, log in logs.items() if log}
    shared = []
    if len(set(logs.values())) > 1:
        connection.execute(
            "CREATE TABLE logs AS SELECT unnest(?) AS file_id, unnest(?) AS log",
            [list(logs), list(logs.values())],
        )
        shared = connection.execute(
            "SELECT interface_id FROM (SELECT DISTINCT interface_id, file_id FROM records) JOIN logs USING (file_id)"
            " GROUP BY interface_id HAVING count(DISTINCT log) > 1"
        ).fetchall()
    if not shared:
        connection.execute("CREATE VIEW loaded AS SELECT *, false AS duplicate FROM records")
        return
    connection.execute(
        "CREATE TABLE shared AS SELECT unnest(?) AS interface_id", [[row[0] for row in shared]]
    )
    described = connection.execute("DESCRIBE records").fetchall()
    same = ", ".join(quoted(row[0]) for row in described if row[0] != "file_id")
    connection.execute(f"""
        CREATE TABLE marked AS SELECT * EXCLUDE (log, nth), log IS NOT NULL AND row_number() OVER (
            PARTITION BY {same}, nth, log IS NULL ORDER BY log, file_id) > 1 AS duplicate
        FROM (SELECT records.*, log, row_number() OVER (PARTITION BY {same}, log) AS nth
              FROM records LEFT JOIN logs USING (file_id) WHERE interface_id IN (FROM shared))""")
    connection.execute("""
        CREATE VIEW loaded AS FROM marked UNION ALL BY NAME
        SELECT *, false AS duplicate FROM records WHERE interface_id IS NULL OR interface_id NOT IN (FROM shared)""")


def _holdings(
    source: str | Path,
    start: Moment,
    end: Moment,
    format: str | None,
    record: str = "vpc",
    again: bool = False,
) -> tuple[list[Entry], list[Part]]:
    """The source's files and the parts that hold them, its new files parsed.

    What is not on this machine is listed `again` only by `load`: the questions beside it rest on the same files.
    """
    if is_table(source):
        return [], []
    key = (str(source), str(start), str(end), str(format))
    if again or key not in _PLACES or remote_of(str(source)) is None:
        _PLACES[key] = bring_in(source, start, end, format)[1]
    fields = given(format)
    return cache.catalog().holdings(_PLACES[key], " ".join(fields.names) if fields else "", record)


def inventory(
    source: str | Path = "sample", start: Moment = None, end: Moment = None, format: str | None = None
) -> pd.DataFrame:
    """One row a source file that may hold records of the window.

    `file`, `file_id`, `flow_log_id`, `slot` (UTC, the five minutes in which its records end), `account_id`, `region`
    (these four from AWS's file name, else null); `size` (bytes), `lines`, `headers`, `blank`, `ok`, `nodata`,
    `skipdata`, `no_status`, `malformed`; `first`, `last` (UTC, of its records); `damage`, and `refusal` where
    nothing of it could be read; `unknown` (field names that AWS's documents do not have).
    """
    entries = _holdings(source, start, end, format)[0]
    rows = [
        {
            "file": entry.place,
            "file_id": entry.file_id,
            **{name: aws_name(entry.place).get(name) for name in ("flow_log_id", "account_id", "region")},
            "slot": slot_of(entry.place),
            "size": entry.counts["size"],
            **{name: entry.counts.get(name, 0) for name in _COUNTED},
            **{name: entry.counts.get(name) for name in ("first", "last", "damage", "refusal")},
            "unknown": ", ".join(entry.counts.get("unknown", ())),
        }
        for entry in entries
    ]
    table = pd.DataFrame(rows, columns=_INVENTORY)
    for column in ("slot", "first", "last"):
        table[column] = pd.to_datetime(table[column].astype("Float64"), unit="s", utc=True, errors="coerce")
    return table


def quarantine(
    source: str | Path = "sample", start: Moment = None, end: Moment = None, format: str | None = None
) -> pd.DataFrame:
    """One row a malformed line: `file`, `line` (from 1), `text` as it stands (hostile: escape it), `reason`."""
    places = {entry.file_id: entry.place for entry in _holdings(source, start, end, format)[0]}
    rows = [(places[file_id], *rest) for file_id, *rest in cache.catalog().malformed(places)]
    return pd.DataFrame(rows, columns=["file", "line", "text", "reason"])


def about(
    source: str | Path = "sample", start: Moment = None, end: Moment = None, format: str | None = None
) -> pd.DataFrame:
    """What a question rests on, a row each: source, window, records by log-status, files, and what went wrong.

    Columns `what` and `value`, text. Malformed lines come by reason with an example, damaged and unreadable files
    by name; the texts are those of the log (hostile: escape them).
    """
    tally = ingest(source, start, end, format)
    files = inventory(source, start, end, format)
    asked = [
        f"{at:%Y-%m-%d %H:%M:%S} UTC" if (at := moment(value)) else word
        for value, word in ((start, "first record"), (end, "last record"))
    ]
    seen = [f"{at:%Y-%m-%d %H:%M:%S}" for at in (files["first"].min(), files["last"].max()) if pd.notna(at)]
    records = tally["ok"] + tally["nodata"] + tally["skipdata"] + tally["no_status"]
    rows = [
        ("source", str(source)),
        ("window", " to ".join(asked)),
        ("records in these files", f"{records:,}" + (f" from {seen[0]} to {seen[1]} UTC" if seen else "")),
        ("log-status", ", ".join(f"{tally[name]:,} {word}" for name, word in _STATUS.items() if tally[name])),
        (
            "files",
            f"{tally['files']:,}, {tally['damaged_files']:,} damaged, {tally['unreadable_files']:,} unreadable",
        ),
        ("malformed lines", f"{tally['malformed']:,} of {tally['lines']:,}"),
        (
            "unknown fields",
            ", ".join(sorted({each for names in files["unknown"] for each in names.split(", ")} - {""})),
        ),
        *(_malformed_by_reason(quarantine(source, start, end, format)) if tally["malformed"] else ()),
        *_troubles(files, "damage", "damaged"),
        *_troubles(files, "refusal", "not read"),
    ]
    return pd.DataFrame([row for row in rows if row[1]], columns=["what", "value"])


def _malformed_by_reason(lines: pd.DataFrame) -> list[tuple[str, str]]:
    kinds = lines["reason"].str.replace(r"=(?:'.*'|\S+)", "", regex=True)
    rows = []
    for kind, group in sorted(lines.groupby(kinds), key=lambda each: -len(each[1]))[:SHOWN]:
        first = group.iloc[0]
        name = first["file"].rsplit("/", 1)[-1]
        rows.append(
            (
                f"malformed: {kind}",
                f"{len(group):,}, such as line {first['line']:,} of {name}: {first['text'][:200]}",
            )
        )
    return rows


def _troubles(files: pd.DataFrame, column: str, word: str) -> list[tuple[str, str]]:
    bad = files[files[column].notna()]
    rows = [(word, f"{row['file']}: {row[column]}") for _, row in bad.head(SHOWN).iterrows()]
    return [*rows, (word, f"and {len(bad) - SHOWN:,} more files")] if len(bad) > SHOWN else rows
