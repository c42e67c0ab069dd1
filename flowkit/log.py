"""From a source to its log: records, files and counts, each made once, when first asked for.

`log.records` is an Ibis table, one row a flow log record, AWS's field names with `_` for `-` (see `flowkit.fields`).
All logs of a process share one DuckDB, so that they can be joined, united and subtracted.
"""

import html
import itertools
import os
import time
from functools import cache, cached_property
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
import polars as pl

from flowkit.fields import COLUMNS, TGW_FIELDS
from flowkit.loading.cache import folder, spill
from flowkit.loading.counts import DAY, FIRST_TIME
from flowkit.loading.engines import recognised, table_of
from flowkit.loading.engines import tally as table_tally
from flowkit.loading.errors import SourceError
from flowkit.loading.ingestion import Ingested, bring_in, refuse_nothing
from flowkit.loading.sources import aws_name, is_table, slot_of
from flowkit.loading.sql import SQL_TYPES, literal, paths, quiet, quoted
from flowkit.loading.window import Moment, moment, window

#: Memory for all queries of a process; beyond it DuckDB spills into the cache.
MEMORY = "1400MB"
#: Reasons, examples and files that `summary` names at most.
SHOWN = 5

_COLUMNS = {
    "vpc": COLUMNS,
    "transit-gateway": COLUMNS | {field.column: field.type for field in TGW_FIELDS},
}
_COUNTED = ("lines", "headers", "blank", "ok", "nodata", "skipdata", "no_status", "malformed")
_STATUS = {"ok": "OK", "nodata": "NODATA", "skipdata": "SKIPDATA", "no_status": "without log-status"}
_names = itertools.count(1)


def load(
    source: str | Path = "sample",
    start: Moment = None,
    end: Moment = None,
    format: str | None = None,
    network: str | Path | None = None,
    record: str = "vpc",
) -> "Log":
    """Return the log at `source`, its new files read into the cache.

    `source`: `sample`, a file, folder, glob, `-`, `s3://…`, `cloudwatch://…`, `IBIS-URL#table`, or an Ibis table.
    `start` and `end`: ISO 8601 (UTC unless it says otherwise) or relative (`-24h`, `now`). `format`: the fields, where
    no header names them. `network`: the folder of a rules snapshot. `record`: `vpc` or `transit-gateway`.
    Raises SourceError where nothing can be read, ValueError for a wrong window or format.
    """
    log = opened(source, start, end, format, network, record)
    gateway = log.gateway_records
    if record == "vpc" and gateway and gateway == sum(log.tally[name] for name in _STATUS):
        raise SourceError(
            f"{source} holds transit gateway flow logs alone ({gateway:,} records), which know no interface and no"
            " action: `flowkit ingest` counts them, flowkit.log.load(source, record='transit-gateway') has them as a"
            " table, and the notebooks need VPC flow logs"
        )
    return log


def opened(
    source, start: Moment, end: Moment, format: str | None, network=None, record: str = "vpc"
) -> "Log":
    """Return the log as `load` does, also where none of its records is of the kind that is asked for."""
    window(start, end)
    if is_table(source):
        return Log(source, start, end, format, network, record, None)
    done = bring_in(source, start, end, format)
    refuse_nothing(done)
    return Log(source, start, end, format, network, record, done)


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


class Log:
    """A flow log: source, window, format and network, and all that follows from them, each computed once."""

    def __init__(
        self,
        source,
        start: Moment,
        end: Moment,
        format: str | None,
        network,
        record: str,
        ingested: Ingested | None,
    ):
        self.source, self.start, self.end, self.format = source, start, end, format
        self.network, self.record = network, record
        self._ingested = ingested
        self._name = f"log_{next(_names)}"
        self._latest = int(time.time()) + DAY

    @cached_property
    def records(self) -> ir.Table:
        """The records that overlap the window, one row each: `start` and `end` as UTC timestamps, `file_id` of `files`.

        `interface_id` is the resource's id where the log has no interface; copies of a record that several flow logs
        hold are out; NODATA and SKIPDATA rows are in. Times that no flow log can have (before 2014, after tomorrow)
        are null; such rows are there where no window is asked for.
        """
        table = self._within(self.raw.filter(~self.raw.duplicate), odd=True)
        sane = self._sane(table)
        times = {
            name: sane[name]
            .ifelse(table[name], ibis.null().cast("int64"))
            .as_timestamp("s")
            .cast("timestamp('UTC')")
            for name in ("start", "end")
        }
        return table.mutate(**times).drop("duplicate")

    @cached_property
    def traffic(self) -> ir.Table:
        """The records that carry packets: OK or without log-status, with both addresses."""
        table = self.records
        carries = table.log_status.isnull() | (table.log_status == "OK")
        return table.filter(carries, table.srcaddr.notnull(), table.dstaddr.notnull())

    @cached_property
    def flows(self) -> ir.Table:
        """The records of the window with `start` and `end` in whole seconds, `file_id` and `duplicate`, for the fold.

        Copies are there, marked in `duplicate`; records with times that no flow log can have are not.
        """
        return self._within(self.raw, odd=False)

    @cached_property
    def raw(self) -> ir.Table:
        """All records of the files, whatever their times, as `flows` has them."""
        ours = self._ingested is not None
        table = backend().table(self._marked()) if ours else recognised(table_of(self.source))
        return table.mutate(interface_id=ibis.coalesce(table.interface_id, table.resource_id))

    def _sane(self, table: ir.Table) -> dict[str, ir.BooleanValue]:
        return {
            name: table[name].isnull() | table[name].between(FIRST_TIME, self._latest)
            for name in ("start", "end")
        }

    def _within(self, table: ir.Table, odd: bool) -> ir.Table:
        """The rows that overlap the window; those of `odd` times only where there is none."""
        first, last = window(self.start, self.end)
        if not odd or first is not None or last is not None:
            table = table.filter(*self._sane(table).values())
        if first is not None:
            table = table.filter(ibis.coalesce(table.end, table.start) >= first)
        if last is not None:
            table = table.filter(ibis.coalesce(table.start, table.end) < last)
        return table

    def _marked(self) -> str:
        """Make the view of all records with `duplicate`: the copies of a record in the files of other flow logs.

        Only interfaces that several flow logs cover are looked at. The n-th of equal rows in one flow log is the same
        record as the n-th in another: so equal rows within one flow log all stay.
        """
        con, (rows, view, logs, shared) = (
            backend().con,
            (f"{self._name}_{part}" for part in ("rows", "records", "logs", "shared")),
        )
        try:
            con.execute(f"CREATE VIEW {rows} AS {self._rows()}")
            facts = self._facts.select("file_id", "place").iter_rows()
            by_file = {file_id: aws_name(place).get("flow_log_id") for file_id, place in facts}
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
            con.execute(
                f"CREATE TABLE {shared} AS SELECT unnest(?) AS interface_id", [[row[0] for row in several]]
            )
            described = con.execute(f"DESCRIBE {rows}").fetchall()
            same = ", ".join(quoted(row[0]) for row in described if row[0] != "file_id")
            con.execute(f"""
                CREATE TABLE {self._name}_marked AS SELECT * EXCLUDE (log, nth), log IS NOT NULL AND row_number() OVER (
                    PARTITION BY {same}, nth, log IS NULL ORDER BY log, file_id) > 1 AS duplicate
                FROM (SELECT r.*, log, row_number() OVER (PARTITION BY {same}, log) AS nth
                      FROM {rows} r LEFT JOIN {logs} USING (file_id) WHERE interface_id IN (FROM {shared}))""")
            con.execute(f"""
                CREATE VIEW {view} AS FROM {self._name}_marked UNION ALL BY NAME SELECT *, false AS duplicate
                FROM {rows} WHERE interface_id IS NULL OR interface_id NOT IN (FROM {shared})""")
        except duckdb.Error as error:
            raise SourceError(
                f"the cache cannot be read in {folder()} ({str(error).splitlines()[0][:200]}): flowkit ingest --again"
            ) from None
        return view

    def _rows(self) -> str:
        """SQL for the rows of the log's files under the columns of a table of records."""
        con, wanted = backend().con, self._facts
        names = sorted({name for names in wanted["parts"] for name in names if f".{self.record}." in name})
        files = paths([folder() / "parts" / name for name in names])
        rows = (
            f"read_parquet({files}, union_by_name = true)"
            if names
            else "(SELECT NULL::BIGINT AS file_id LIMIT 0)"
        )
        there = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()]
        columns = [
            quoted(name) if name in there else f"CAST(NULL AS {SQL_TYPES[name]}) AS {quoted(name)}"
            for name in _COLUMNS[self.record]
        ]
        unknown = {name.replace("-", "_") for names in wanted["unknown"] for name in names}
        unknown |= {f"{name}_" for name in unknown}
        columns += [quoted(name) for name in there if name in unknown and name not in _COLUMNS[self.record]]
        sql = f"SELECT {', '.join(columns)}, file_id FROM {rows}"
        if not names:
            return sql
        held = con.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({files})").fetchone()[0]
        kept = (
            wanted.select(pl.sum_horizontal("ok", "nodata", "skipdata", "no_status") - pl.col("gateway"))
            .sum()
            .item()
        )
        if held == (kept if self.record == "vpc" else wanted["gateway"].sum()):
            return sql  # the parts hold these files and no other
        con.execute(
            f"CREATE TABLE {self._name}_files AS SELECT unnest(?) AS file_id", [wanted["file_id"].to_list()]
        )
        return f"{sql} WHERE file_id IN (FROM {self._name}_files)"

    @property
    def _facts(self) -> pl.DataFrame:
        return self._ingested.facts

    @property
    def gateway_records(self) -> int:
        """How many records are of transit gateways."""
        return int(self._facts["gateway"].sum()) if self._ingested else 0

    @cached_property
    def tally(self) -> dict:
        """The counts of all files, as `flowkit.ingest` returns them, but for the seconds."""
        if self._ingested is None:
            return {**table_tally(self.source, self.start, self.end), "new_files": 0}
        return self._ingested.tally

    @cached_property
    def files(self) -> pd.DataFrame:
        """One row a source file that may hold records of the window.

        `file`, `file_id`, `flow_log_id`, `account_id`, `region`, `slot` (UTC, the five minutes in which its records
        end; these four from AWS's file name, else null); `size` (bytes), `lines`, `headers`, `blank`, `ok`, `nodata`,
        `skipdata`, `no_status`, `malformed`; `first`, `last` (UTC, of its records); `damage`, and `refusal` where
        nothing of it could be read; `unknown` (field names that AWS's documents do not have).
        """
        rows = [
            {
                "file": each["place"],
                "file_id": each["file_id"],
                **{
                    name: aws_name(each["place"]).get(name)
                    for name in ("flow_log_id", "account_id", "region")
                },
                "slot": slot_of(each["place"]),
                **{name: each[name] for name in ("size", *_COUNTED, "first", "last", "damage", "refusal")},
                "unknown": ", ".join(each["unknown"]),
            }
            for each in (self._facts.iter_rows(named=True) if self._ingested else ())
        ]
        names = ["file", "file_id", "flow_log_id", "account_id", "region", "slot", "size", *_COUNTED]
        table = pd.DataFrame(rows, columns=[*names, "first", "last", "damage", "refusal", "unknown"])
        for column in ("slot", "first", "last"):
            table[column] = pd.to_datetime(
                table[column].astype("Float64"), unit="s", utc=True, errors="coerce"
            )
        return table

    @cached_property
    def malformed(self) -> pd.DataFrame:
        """One row a malformed line: `file`, `line` (from 1), `text` (its first 1,024 characters; hostile: escape it),
        `reason`, `length` (characters of the whole line)."""
        rows = []
        if self._ingested is not None:
            places = dict(self._facts.select("file_id", "place").iter_rows())
            names = {name for names in self._facts["parts"] for name in names if ".malformed." in name}
            lines = [pl.read_parquet((folder() / "parts" / name).read_bytes()) for name in sorted(names)]
            for each in (
                row for table in lines for row in table.iter_rows(named=True) if row["file_id"] in places
            ):
                rows.append(
                    (places[each["file_id"]], *(each[name] for name in ("line", "text", "reason", "length")))
                )
        return pd.DataFrame(sorted(rows), columns=["file", "line", "text", "reason", "length"])

    @cached_property
    def summary(self) -> pd.DataFrame:
        """What a question rests on, a row each (`what`, `value`): source, window, records, files, what went wrong.

        Malformed lines come by reason with an example, damaged and unreadable files by name, times that no flow log
        can have with their count; the texts are those of the log (hostile: escape them).
        """
        tally, files = self.tally, self.files
        asked = [
            f"{at:%Y-%m-%d %H:%M:%S} UTC" if (at := moment(value)) else word
            for value, word in ((self.start, "first record"), (self.end, "last record"))
        ]
        seen = [
            f"{at:%Y-%m-%d %H:%M:%S}" for at in (files["first"].min(), files["last"].max()) if pd.notna(at)
        ]
        records = sum(tally[name] for name in _STATUS)
        unknown = sorted({each for names in files["unknown"] for each in names.split(", ")} - {""})
        rows = [
            ("source", str(self.source)),
            ("window", " to ".join(asked)),
            (
                "records in these files",
                f"{records:,}" + (f" from {seen[0]} to {seen[1]} UTC" if seen else ""),
            ),
            (
                "log-status",
                ", ".join(f"{tally[name]:,} {word}" for name, word in _STATUS.items() if tally[name]),
            ),
            (
                "files",
                f"{tally['files']:,}, {tally['damaged_files']:,} damaged, {tally['unreadable_files']:,} unreadable",
            ),
            ("malformed lines", f"{tally['malformed']:,} of {tally['lines']:,}"),
            ("unknown fields", ", ".join(unknown)),
            ("times no flow log can have", self.odd_times),
            *self._malformed_by_reason(),
            *_troubles(files, "damage", "damaged"),
            *_troubles(files, "refusal", "not read"),
        ]
        return pd.DataFrame([row for row in rows if row[1]], columns=["what", "value"])

    @property
    def about(self) -> pd.DataFrame:
        """`summary`, by the name of the first edition."""
        return self.summary

    @property
    def odd_times(self) -> str:
        """How many records have times that no flow log can have, with an example; '' where none has."""
        odd = self._facts.filter(pl.col("odd_times") > 0) if self._ingested else None
        if odd is None or not len(odd):
            return ""
        first = odd.row(0, named=True)
        name = first["place"].rsplit("/", 1)[-1]
        return f"{odd['odd_times'].sum():,} records, such as {first['odd_example']} (seconds since 1970) in {name}"

    def _malformed_by_reason(self) -> list[tuple[str, str]]:
        lines = self.malformed
        kinds = lines["reason"].str.replace(r"=(?:'.*'|\S+)", "", regex=True)
        rows = []
        for kind, group in sorted(lines.groupby(kinds), key=lambda each: -len(each[1]))[:SHOWN]:
            first = group.iloc[0]
            where = f"line {first['line']:,} of {first['file'].rsplit('/', 1)[-1]}"
            rows.append((f"malformed: {kind}", f"{len(group):,}, such as {where}: {first['text'][:200]}"))
        return rows

    def __repr__(self) -> str:
        lines = (f"{row.what}: {_printable(row.value)}" for row in self.summary.itertuples())
        return "Log\n  " + "\n  ".join(lines)

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th>{html.escape(row.what)}</th><td>{html.escape(_printable(row.value))}</td></tr>"
            for row in self.summary.itertuples()
        )
        return f"<table>{''.join(rows)}</table>"


def sql(query: str, **tables: "Log | ir.Table") -> pd.DataFrame:
    """Return the answer to `query`, DuckDB's SQL over tables by name: `sql("SELECT …", today=a, yesterday=b)`.

    A log stands for its records. A table of another engine can be asked there, alone.
    """
    named = {name: table.records if isinstance(table, Log) else table for name, table in tables.items()}
    backends = {name: table.get_backend() for name, table in named.items()}
    if any(each.name != "duckdb" for each in backends.values()):
        if len(named) > 1:
            raise ValueError("tables of another engine than DuckDB are asked one at a time")
        [(name, table)] = named.items()
        return table.alias(name).sql(query).execute()
    con = next(iter(backends.values()), backend()).con
    for name, table in named.items():
        # Ibis 12's own `.sql` calls a method that DuckDB 2 no longer has.
        con.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {ibis.to_sql(table, dialect='duckdb')}")
    return con.execute(query).df()


def _troubles(files: pd.DataFrame, column: str, word: str) -> list[tuple[str, str]]:
    bad = files[files[column].notna()]
    rows = [(word, f"{row['file']}: {row[column]}") for _, row in bad.head(SHOWN).iterrows()]
    return [*rows, (word, f"and {len(bad) - SHOWN:,} more files")] if len(bad) > SHOWN else rows


def _printable(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
