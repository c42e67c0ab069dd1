"""From records to a fold on this machine: edges, volumes, interfaces, coverage and facts, as Parquet beside the cache.

A fold is made once for the same files, window, network and version, and read by every notebook of a report. Its
folder is complete or not there: it is written beside and renamed into place.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.folding.conversations import conversations, services
from flowkit.folding.edges import aws_services, edges, refusals, step_of, volumes
from flowkit.folding.interfaces import interfaces
from flowkit.folding.sessions import sessions, split, unsplit
from flowkit.loading.sql import literal, quiet, quoted

#: Changes with what a fold holds, so that an older flowkit's is never read.
VERSION = 10
#: Folds that stay in the cache; the one not used for longest goes first.
KEPT = 12
#: Memory of the questions' own DuckDB; beyond it, it spills into the fold's folder.
MEMORY = "1GB"


class Fold:
    """The small tables that questions ask.

    `sql` answers a query over the tables ``edges``, ``refusals``, ``volumes`` (see `flowkit.folding.edges`),
    ``evidence`` (how often the evidence ``without_flags`` names the client that a SYN names: ``right`` of ``judged``
    conversations), ``aws_services`` and ``interfaces``; ``exact(x)`` is the sum of whole numbers, at most 2^63 - 1 and
    0 of none. `facts` holds ``step``
    (seconds), ``first``, ``last``, ``records``, ``ok``, ``nodata``, ``skipdata``, ``traffic`` (records that name a
    flow), ``accepted``, ``rejected`` (records by action), ``flagged`` (records with TCP flags) and ``translated``
    (records whose packet carries another address).
    """

    TABLES = ("edges", "refusals", "volumes", "evidence", "aws_services", "interfaces")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def facts(self) -> dict:
        """Counts and bounds of all records, as the class says."""
        return json.loads((self.folder / "facts.json").read_text(encoding="utf-8"))

    @cached_property
    def interfaces(self) -> pd.DataFrame:
        """The own addresses of each interface, as `flowkit.folding.interfaces.interfaces` returns them."""
        return self.sql("FROM interfaces ORDER BY interface_id, day, address")

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """The intervals that `flowkit.folding.coverage.coverage` returns."""
        table = self.sql(f"FROM read_parquet({literal(self.folder / 'coverage.parquet')})")
        table.attrs = self.facts["coverage"]
        return table

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        spill = self.folder.parent / f"spill-{os.getpid()}"
        connection = duckdb.connect(config={"temp_directory": str(spill), "memory_limit": MEMORY})
        connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        connection.execute("SET TimeZone = 'UTC'")
        # pandas has no 128 bits, in which DuckDB sums.
        connection.execute("CREATE MACRO exact(x) AS CAST(least(coalesce(sum(x), 0), 9223372036854775807) AS BIGINT)")
        quiet(connection)
        for name in self.TABLES:
            place = literal(self.folder / f"{name}.parquet")
            connection.execute(f"CREATE VIEW {quoted(name)} AS FROM read_parquet({place})")
        return connection

    def sql(self, query: str, *values: object, **frames: pd.DataFrame) -> pd.DataFrame:
        """Return the answer to `query`; `values` stand for its question marks, `frames` are tables by their names."""
        for name, frame in frames.items():
            self._connection.register(name, frame)
        try:
            return self._connection.execute(query, list(values)).df()
        finally:
            for name in frames:
                self._connection.unregister(name)


def stored(key: str, home: Path, make) -> Fold:
    """Return the fold of `key` below `home`; where there is none, `make(folder)` writes it first."""
    place = home / key
    if not (place / "facts.json").exists():
        work = home / f"work-{uuid.uuid4().hex}"
        work.mkdir(mode=0o700, parents=True)
        try:
            make(work)
            if not (place / "facts.json").exists():  # else another process reads what it was quicker to write
                shutil.rmtree(place, ignore_errors=True)
                work.rename(place)
        except OSError:
            if not (place / "facts.json").exists():  # another process was quicker where it is there
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
        prune(home, KEPT)
    os.utime(place)
    return Fold(place)


def prune(home: Path, keep: int = 0) -> int:
    """Remove all folds below `home` but the `keep` that were used last; how many went."""
    folds = sorted((path for path in home.glob("[0-9a-f]*") if path.is_dir()), key=lambda path: path.stat().st_mtime)
    gone = folds[: len(folds) - keep]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return len(gone)


def key_of(*parts: object) -> str:
    """Return the name of the fold that rests on `parts`: files, window, network."""
    return hashlib.sha256(json.dumps([VERSION, parts], default=str, sort_keys=True).encode()).hexdigest()[:32]


def fold(flows: ir.Table, network, folder: Path, span: tuple[int | None, int | None], coverage) -> None:
    """Write the fold of `flows` into `folder`.

    `span` is the window in seconds since 1970 (None: open), `coverage()` returns the intervals.
    """
    backend = flows.get_backend()
    if backend.name == "duckdb":
        backend.con.execute("SET preserve_insertion_order = false")
    facts = _facts(flows)
    first, last = (facts[name] if at is None else at for name, at in zip(("first", "last"), span, strict=True))
    facts["step"] = step = step_of((last or 0) - (first or 0))
    own = interfaces(flows, network)
    own.to_parquet(folder / "interfaces.parquet")
    with ExitStack() as stack:

        def once(table: ir.Table, name: str) -> ir.Table:
            return stack.enter_context(temporary(table, folder / f"{name}.parquet"))

        whole = once(unsplit(flows, facts["translated"] > 0), "unsplit")
        met = sessions(whole, once(split(flows, whole), "split"))
        known = once(services(met), "services")
        talks = conversations(met, known, own)
        write(edges(talks, step), folder / "edges.parquet")
        refused = met.filter(met.a_rejected + met.b_rejected > 0)
        write(refusals(conversations(refused, known, own), step), folder / "refusals.parquet")
        judged = talks.filter(talks.agrees.notnull()).limit(None if facts["flagged"] else 0)
        judged = judged.group_by("without_flags").agg(judged=_.count(), right=_.agrees.sum())
        write(judged, folder / "evidence.parquet")
    write(volumes(flows, own, step), folder / "volumes.parquet")
    write(aws_services(flows), folder / "aws_services.parquet")
    intervals = coverage()
    intervals.to_parquet(folder / "coverage.parquet")
    facts["coverage"] = intervals.attrs
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def write(table: ir.Table, place: Path) -> None:
    """Write `table` to the Parquet file `place` on this machine, wherever it is computed."""
    backend = table.get_backend()
    if backend.name != "duckdb":
        whole = {"int64": "Int64", "int32": "Int32", "int8": "Int8"}  # pandas would make numbers beside nulls floats
        kinds = {name: whole[str(kind)] for name, kind in table.schema().items() if str(kind) in whole}
        table.execute().astype(kinds).to_parquet(place)
        return
    # DuckDB sums in 128 bits, which Parquet keeps as floating point, and Ibis leaves out a cast that it thinks idle.
    types = {"int64": "BIGINT", "int32": "INTEGER", "int8": "TINYINT", "string": "VARCHAR", "boolean": "BOOLEAN"}
    casts = [f"CAST({quoted(name)} AS {types[str(kind)]}) AS {quoted(name)}" for name, kind in table.schema().items()]
    view = ibis.util.gen_name("flowkit")
    backend.create_view(view, table)
    backend.con.execute(f"COPY (SELECT {', '.join(casts)} FROM {quoted(view)}) TO {literal(place)} (FORMAT parquet)")
    backend.drop_view(view)


@contextmanager
def temporary(table: ir.Table, place: Path) -> Iterator[ir.Table]:
    """Compute `table` once for several queries: DuckDB in the file `place`, Spark in its memory and disk; where
    an engine keeps no temporary tables (Athena, Trino), it stays as it is."""
    backend = table.get_backend()
    if backend.name == "duckdb":
        write(table, place)
        yield backend.read_parquet(place, table_name=ibis.util.gen_name("flowkit"))
        place.unlink()
    elif backend.name == "pyspark":
        table.limit(0).execute()  # Ibis 12 hands small tables of ours to Spark when asking, not when caching.
        with table.cache() as cached:
            yield cached
    else:
        yield table


def _facts(flows: ir.Table) -> dict:
    status = flows.log_status
    row = flows.aggregate(
        first=flows.start.min(),
        last=flows.end.max(),
        records=flows.count(),
        ok=flows.count(where=status.fill_null("OK") == "OK"),
        nodata=flows.count(where=status == "NODATA"),
        skipdata=flows.count(where=status == "SKIPDATA"),
        traffic=flows.count(where=flows.srcaddr.notnull() & (status.fill_null("OK") == "OK")),
        accepted=flows.count(where=flows.action == "ACCEPT"),
        rejected=flows.count(where=flows.action == "REJECT"),
        flagged=flows.tcp_flags.count(),
        translated=flows.count(where=(flows.pkt_srcaddr != flows.srcaddr) | (flows.pkt_dstaddr != flows.dstaddr)),
    ).execute()
    # Spark counts the rows of a condition on a column that is null throughout as null.
    none = {"first": None, "last": None}
    return {name: none.get(name, 0) if pd.isna(value) else int(value) for name, value in row.iloc[0].items()}
