"""From a source to its log: records, files and counts, each made once, when first asked for.

`log.records` is an Ibis table, one row a flow log record, AWS's field names with `_` for `-` (see `flowkit.fields`).
All logs of a process share one DuckDB, so that they can be joined, united and subtracted.
"""

import html
import os
import time
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl

from flowkit.fields import MOST
from flowkit.folding import store
from flowkit.folding.coverage import coverage
from flowkit.folding.engine import Engine
from flowkit.folding.store import Fold
from flowkit.language import retold
from flowkit.loading.cache import folder, spill
from flowkit.loading.errors import SourceError
from flowkit.loading.ingestion import Ingested, bring_in
from flowkit.loading.network import Snapshot, snapshot_of
from flowkit.loading.records import RECORDS, backend, new_name, quoted, records_view
from flowkit.loading.sources import DAY, FIRST_TIME, REPORT, aws_name, called, fitting, is_table, slot_of
from flowkit.loading.typed import LONGEST
from flowkit.loading.window import Moment, moment, window
from flowkit.words import many, one_line

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Reasons, examples and files that `summary` names at most.
SHOWN = 5
#: What `summary` says in a report for outsiders (`flowkit report --redact`).
SHARED = ("window", "records in these files", "log-status", "files", "malformed lines", "sums")
#: What `summary` says of sums that the fold cannot hold.
BEYOND = f"bytes or packets exceed 64 bits: a sum beyond {MOST:,} is given as that, a lower bound"
TIMES = ("start", "end")
_COUNTED = ("lines", "headers", "blank", "ok", "nodata", "skipdata", "no_status", "malformed")
_STATUS = {"ok": "OK", "nodata": "NODATA", "skipdata": "SKIPDATA", "no_status": "without log-status"}


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
    Raises SourceError where nothing can be read, ValueError for a wrong window, format or record, TypeError for a source
    of another kind.
    """
    if record not in RECORDS:
        raise ValueError(f"record is {record!r}, not one of {', '.join(RECORDS)}")
    window(start, end)
    ingested = None if is_table(source) else bring_in(source, start, end, format)
    log = Log(source, start, end, format, network, record, ingested)
    gateway = int(ingested.facts["gateway"].sum()) if ingested else 0
    if record == "vpc" and gateway and gateway == sum(log.tally[name] for name in _STATUS):
        raise SourceError(
            f"{source} holds transit gateway flow logs alone ({gateway:,} records), which know no interface and no"
            " action: `flowkit ingest` counts them, flowkit.log.load(source, record='transit-gateway') has them as a"
            " table, and the notebooks need VPC flow logs"
        )
    return log


class Log:
    """A flow log: source, window, format and network, and all that follows from them, each computed once."""

    def __init__(
        self, source, start: Moment, end: Moment, format: str | None, network, record: str, ingested: Ingested | None
    ):
        self.source, self.start, self.end, self.format = source, start, end, format
        self.record, self._ingested, self._network = record, ingested, network
        self._latest = int(time.time()) + DAY

    @cached_property
    def records(self) -> "ir.Table":
        """The records that overlap the window, one row each: `start` and `end` as UTC timestamps, `file_id` of `files`.

        `interface_id` is the resource's id where the log has no interface; copies of a record that several flow logs
        hold are out; NODATA and SKIPDATA rows are in. Times that no flow log can have (before 2014, after tomorrow, or
        more than a day apart) are null; such rows are there where no window is asked for.
        """
        table = self._source.table(self._within(odd=True))
        return table.mutate(**{name: table[name].as_timestamp("s").cast("timestamp('UTC')") for name in TIMES})

    @property
    def flows(self) -> "ir.Table":
        """The records of the window as the fold reads them: `start` and `end` in whole seconds, `file_id`; without copies
        and without records whose times no flow log can have."""
        return backend().table(self.rows) if isinstance(self.rows, str) else self.rows

    @cached_property
    def rows(self) -> "str | ir.Table":
        """`flows`, as an `Engine` takes it."""
        return self._source.view(self._within(odd=False))

    @cached_property
    def raw(self) -> "ir.Table":
        """All records of the files, whatever their times, as `flows` has them."""
        return self._source.table("SELECT * FROM flows")

    @cached_property
    def _source(self) -> Engine:
        if self._ingested is not None:
            return Engine(records_view(self._ingested.facts, self.record))
        from flowkit.loading.engines import recognised, table_of

        return Engine(recognised(table_of(self.source)))

    def _sane(self, name: str) -> str:
        """Return SQL for whether a flow log can have this `start` or `end`, beside the other one."""
        short = f'coalesce("end" <= CASE WHEN "start" < {self._latest} THEN "start" ELSE {self._latest} END + {LONGEST}, TRUE)'
        return f'("{name}" IS NULL OR ("{name}" BETWEEN {FIRST_TIME} AND {self._latest} AND {short}))'

    def _within(self, odd: bool) -> str:
        """Return SQL for the rows that overlap the window, without copies; those of `odd` times only where there is none,
        and their times as null."""
        first, last = window(self.start, self.end)
        tests = ["NOT duplicate"]
        if not odd or first is not None or last is not None:
            tests += map(self._sane, TIMES)
        tests += [f'coalesce("end", "start") >= {first}'] if first is not None else []
        tests += [f'coalesce("start", "end") < {last}'] if last is not None else []
        columns = (name for name in self._source.columns if name != "duplicate")
        chosen = (
            f'CASE WHEN {self._sane(name)} THEN "{name}" END AS "{name}"' if odd and name in TIMES else quoted(name)
            for name in columns
        )
        return f"SELECT {', '.join(chosen)} FROM flows WHERE {' AND '.join(tests)}"

    @cached_property
    def tally(self) -> dict:
        """The counts of all files, as `flowkit.ingest` returns them, but for the seconds."""
        if self._ingested:
            return self._ingested.tally
        if known := store.facts_of(*self._place):
            return known["tally"]
        from flowkit.loading.engines import tally

        return {**tally(self.source, self.start, self.end), "new_files": 0}

    @property
    def troubles(self) -> str:
        """One sentence on what of the source was not counted as records; '' where all was."""
        return self._ingested.troubles() if self._ingested else ""

    @cached_property
    def files(self) -> pd.DataFrame:
        """One row a source file that may hold records of the window.

        `file`, `file_id`, `flow_log_id`, `account_id`, `region`, `slot` (UTC, the five minutes in which its records
        end; these four from AWS's file name, else null); `size` (bytes), `lines`, `headers`, `blank`, `ok`, `nodata`,
        `skipdata`, `no_status`, `malformed`; `first`, `last` (UTC, of its records); `damage`, and `refusal` where
        nothing of it could be read; `unknown` (field names that AWS's documents do not have).
        """
        rows = [
            each | aws_name(each["place"])
            | {"file": each["place"], "slot": slot_of(each["place"]), "unknown": ", ".join(each["unknown"])}
            for each in (self._ingested.facts.iter_rows(named=True) if self._ingested else ())
        ]  # fmt: skip
        names = ["file", "file_id", "flow_log_id", "account_id", "region", "slot", "size", *_COUNTED]
        table = pd.DataFrame(rows, columns=[*names, "first", "last", "damage", "refusal", "unknown"])
        for column in ("slot", "first", "last"):
            table[column] = pd.to_datetime(table[column].astype("Float64"), unit="s", utc=True, errors="coerce")
        return table

    @cached_property
    def malformed(self) -> pd.DataFrame:
        """One row a malformed line: `file`, `line` (from 1), `text` (its first 1,024 characters; hostile: escape it),
        `reason`, `length` (characters of the whole line)."""
        rows = []
        if self._ingested is not None:
            places = dict(self._ingested.facts.select("file_id", "place").iter_rows())
            for name in {name for names in self._ingested.facts["parts"] for name in names if ".malformed." in name}:
                lines = pl.read_parquet((folder() / "parts" / name).read_bytes())
                lines = lines.select("file_id", "line", "text", "reason", "length").iter_rows()
                rows += [(places[file_id], *line) for file_id, *line in lines if file_id in places]
        return pd.DataFrame(sorted(rows), columns=["file", "line", "text", "reason", "length"])

    @cached_property
    def summary(self) -> pd.DataFrame:
        """What a question rests on, a row each (`what`, `value`): source, window, records, files, what went wrong, by
        reason or name with an example; the texts are those of the log (hostile: escape them)."""
        tally, files = self.tally, self.files
        asked = [
            f"{at:%Y-%m-%d %H:%M:%S} UTC" if (at := moment(value)) else word
            for value, word in ((self.start, "first record"), (self.end, "last record"))
        ]
        seen = [f"{at:%Y-%m-%d %H:%M:%S}" for at in (files["first"].min(), files["last"].max()) if pd.notna(at)]
        records = sum(tally[name] for name in _STATUS)
        unknown = sorted({each for names in files["unknown"] for each in names.split(", ")} - {""})
        rows = [
            ("source", called(self.source)),
            ("window", " to ".join(asked)),
            ("records in these files", f"{records:,}" + (f" from {seen[0]} to {seen[1]} UTC" if seen else "")),
            ("log-status", ", ".join(f"{tally[name]:,} {word}" for name, word in _STATUS.items() if tally[name])),
            ("files", "{files:,}, {damaged_files:,} damaged, {unreadable_files:,} unreadable".format(**tally)),
            ("malformed lines", "{malformed:,} of {lines:,}".format(**tally)),
            ("unknown fields", ", ".join(unknown)),
            ("times no flow log can have", self.odd_times),
            ("sums", BEYOND if max(tally["ok_bytes"], tally["ok_packets"]) > MOST else ""),
        ]
        lines = self.malformed
        kinds = lines["reason"].str.replace(r"=(?:'.*'|\S+)", "", regex=True)
        for kind, group in sorted(lines.groupby(kinds), key=lambda each: -len(each[1]))[:SHOWN]:
            first = group.iloc[0]
            where = f"line {first['line']:,} of {first['file'].rsplit('/', 1)[-1]}"
            rows.append((f"malformed: {kind}", f"{len(group):,}, such as {where}: {first['text'][:200]}"))
        for column, word in (("damage", "damaged"), ("refusal", "not read")):
            bad = files.dropna(subset=[column])
            rows += [(word, f"{file}: {why}") for file, why in zip(bad["file"], bad[column], strict=True)][:SHOWN]
            more = len(bad) - SHOWN
            rows += [(word, f"and {many(more, 'more file')}")] if more > 0 else []
        if os.environ.get("FLOWKIT_REDACTED"):  # What is left out are texts of users, files and lines.
            rows = [row for row in rows if row[0] in SHARED]
        return pd.DataFrame([row for row in rows if row[1]], columns=["what", "value"])

    @cached_property
    def network(self) -> Snapshot | None:
        """The rules snapshot; the sample brings its own; None without one."""
        return snapshot_of(self.source, self._network)

    @cached_property
    def fold(self) -> Fold:
        """Edges, refusals, volumes, interfaces, coverage and facts: made once, then read from beside the cache."""
        intervals = partial(coverage, files=self.files, start=self.start, end=self.end, snapshot=self.network)
        # A table is counted once a report: its engine may take minutes to start.
        span = window(self.start, self.end)
        with fitting(self.source):
            counted = {} if self._ingested else {"tally": self.tally, "odd_times": self.odd_times}
            return store.stored(
                *self._place, lambda place: store.fold(self.rows, self.network, place, span, intervals, counted)
            )

    @cached_property
    def _place(self) -> tuple[str, Path]:
        """What tells the fold of this log from others (its files, or for a table the moment of this report; its window
        and rules), and where all folds are."""
        asked = [str(self.source), os.environ.get(REPORT) or time.time_ns()]
        identity = asked if self._ingested is None else sorted(self._ingested.facts["file_id"].to_list())
        rules = self.network.digest if self.network else ""
        return store.key_of(identity, window(self.start, self.end), self.record, rules), folder() / "folds"

    @property
    def interfaces(self) -> pd.DataFrame:
        """The own addresses of each interface, day by day, as `flowkit.folding.interfaces.interfaces` returns them: `day` in
        days since 1970 UTC, `first` and `last` in seconds."""
        return self.fold.interfaces

    @property
    def coverage(self) -> pd.DataFrame:
        """What each interface's time is known by, as intervals of one state."""
        return self.fold.coverage

    @cached_property
    def edges(self) -> "ir.Table":
        """The conversations summed by interface, client, server, protocol, port, outcome and time step. The columns of
        `flowkit.folding.edges.edges`, with `step`, `first` and `last` as UTC timestamps and the names of hosts beside
        their addresses (`client_name`, `server_name`; null where no snapshot names them)."""
        import ibis

        table = backend().read_parquet(self.fold.folder / "edges.parquet", table_name=new_name("edges"))
        times = {name: table[name].as_timestamp("s").cast("timestamp('UTC')") for name in ("step", "first", "last")}
        table = table.mutate(**times)
        names = pd.DataFrame(self.network.names() if self.network else [], columns=["address", "name"])
        named = ibis.memtable(names, schema={"address": "string", "name": "string"})
        for role in ("client", "server"):
            side = named.rename(**{role: "address", f"{role}_name": "name"})
            table = table.left_join(side, role).drop(f"{role}_right")
        return table

    @cached_property
    def conversations(self) -> "ir.Table":
        """The conversations, in the columns of `flowkit.folding.conversations`, computed when asked."""
        self._engine = Engine(self.rows)  # as long as the table, which reads what the engine holds
        folder = spill() / new_name("conversations")
        folder.mkdir()
        store.converse(self._engine, self.interfaces, True, folder)
        return self._engine.table("SELECT * FROM conversations")

    @property
    def odd_times(self) -> str:
        """How many records have times that no flow log can have (see `records`), with an example; '' where none has."""
        if self._ingested is None:
            if known := store.facts_of(*self._place):
                return known["odd_times"]
            odd = f"FROM flows WHERE NOT ({self._sane('start')} AND {self._sane('end')})"
            count = int(self._source.answer(f"SELECT count(*) AS number {odd}").number.item())
            some = self._source.answer(f'SELECT "start", "end" {odd} LIMIT 1').itertuples(index=False)
            examples = [("{} to {}".format(*times), "this table") for times in some]
        else:
            files = self._ingested.facts.filter(pl.col("odd_times") > 0)
            count, examples = files["odd_times"].sum(), list(files.head(1).select("odd_example", "place").iter_rows())
        if not count:
            return ""
        times, place = examples[0]
        return f"{many(count, 'record')}, such as {times} (seconds since 1970) in {place.rsplit('/', 1)[-1]}"

    @cached_property
    def outside(self) -> str:
        """Where the records of the source lie, to be said where the window holds none; '' where there are no records."""
        sane = " AND ".join(map(self._sane, TIMES))
        span = self._source.answer(f'SELECT min("start") AS first, max("end") AS last FROM flows WHERE {sane}')
        first, last = pd.to_datetime(span.iloc[0], unit="s")
        if pd.isna(first):
            return "the times of its records are such as no flow log can have" if self.odd_times else ""
        return f"its oldest record starts {first:%Y-%m-%d %H:%M:%S} UTC, its newest ends {last:%Y-%m-%d %H:%M:%S} UTC"

    def _said(self) -> list[tuple[str, str]]:
        """The summary in the reader's language, each value on one line; what the source is called stays."""
        rows = [(what, one_line(value)) for what, value in self.summary.to_numpy()]
        return [(retold(what), value if what == "source" else retold(value)) for what, value in rows]

    def __repr__(self) -> str:
        return "\n  ".join(["Log", *(f"{what}: {value}" for what, value in self._said())])

    def _repr_html_(self) -> str:
        rows = [map(html.escape, row) for row in self._said()]
        return f"<table>{''.join('<tr><th>{}</th><td>{}</td></tr>'.format(*row) for row in rows)}</table>"
