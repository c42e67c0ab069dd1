"""From records to a fold on this machine: edges, volumes, interfaces, coverage and facts, as Parquet beside the cache.

A fold is made once for the same files, window, network and version, and read by every notebook of a report. Its
folder is complete or not there: it is written beside and renamed into place.
"""

import hashlib
import json
import os
import shutil
import uuid
from functools import cached_property
from pathlib import Path

import duckdb
import pandas as pd

from flowkit.fields import MOST
from flowkit.folding.conversations import CONVERSATIONS, SERVICES
from flowkit.folding.edges import AWS_SERVICES, edges, refusals, step_of, volumes
from flowkit.folding.engine import Engine
from flowkit.folding.interfaces import SECONDARY, interfaces
from flowkit.folding.sessions import ORIENTED, sessions, split, unsplit
from flowkit.loading.errors import SourceError
from flowkit.loading.records import literal, quiet, quoted
from flowkit.net import TCP_IDLE

#: Changes with what a fold holds, so that an older flowkit's is never read.
VERSION = 13
#: Folds that stay in the cache; the one not used for longest goes first.
KEPT = 12
#: Memory of the questions' own DuckDB; beyond it, it spills into the fold's folder.
MEMORY = "1GB"
FACTS = """
    SELECT min("start") AS first, max("end") AS last, count(*) AS records,
        count(*) FILTER (WHERE coalesce(log_status, 'OK') = 'OK') AS ok,
        count(*) FILTER (WHERE log_status = 'NODATA') AS nodata,
        count(*) FILTER (WHERE log_status = 'SKIPDATA') AS skipdata,
        count(*) FILTER (WHERE srcaddr IS NOT NULL AND coalesce(log_status, 'OK') = 'OK') AS traffic,
        count(*) FILTER (WHERE action = 'ACCEPT') AS accepted, count(*) FILTER (WHERE action = 'REJECT') AS rejected,
        count(tcp_flags) AS flagged,
        count(*) FILTER (WHERE pkt_srcaddr <> srcaddr OR pkt_dstaddr <> dstaddr) AS translated
    FROM flows"""
EVIDENCE = """
    SELECT without_flags, count(*) AS judged, count(*) FILTER (WHERE agrees) AS "right"
    FROM conversations WHERE {} GROUP BY without_flags"""


class Fold:
    """The small tables that questions ask.

    `sql` answers a query over the tables ``edges``, ``refusals``, ``volumes``, ``aws_services`` (see
    `flowkit.folding.edges`), ``interfaces`` and ``evidence`` (how often the evidence ``without_flags`` names the client
    that a SYN names: ``right`` of ``judged`` conversations); ``exact(x)`` is the sum of whole numbers, at most 2^63 - 1
    and 0 of none. `facts` holds ``step``, ``first``, ``last`` (seconds) and the counts of `FACTS`: ``traffic`` are
    records that name a flow, ``flagged`` have TCP flags, of ``translated`` the packet carries another address.
    """

    TABLES = ("edges", "refusals", "volumes", "evidence", "aws_services", "interfaces")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))

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
        spill = str(self.folder.parent / f"spill-{os.getpid()}")
        connection = duckdb.connect(config={"temp_directory": spill, "memory_limit": MEMORY})
        connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        connection.execute("SET TimeZone = 'UTC'")
        # pandas has no 128 bits, in which DuckDB sums.
        connection.execute(f"CREATE MACRO exact(x) AS CAST(least(coalesce(sum(x), 0), {MOST}) AS BIGINT)")
        quiet(connection)
        for name in self.TABLES:
            place = literal(self.folder / f"{name}.parquet")
            connection.execute(f"CREATE VIEW {quoted(name)} AS FROM read_parquet({place})")
        return connection

    def sql(self, query: str, *values: object, **frames: pd.DataFrame) -> pd.DataFrame:
        """Return the answer to `query`; `values` stand for its question marks, `frames` are tables by their names. Raises
        SourceError where the fold was removed meanwhile, as after many others."""
        try:
            connection = self._connection
            for name, frame in frames.items():
                connection.register(name, frame)
            try:
                return connection.execute(query, list(values)).df()
            finally:
                for name in frames:
                    connection.unregister(name)
        except duckdb.IOException:
            if self.folder.exists():
                raise
            where = f"the cache ({self.folder})"
            raise SourceError(f"the fold of this log is gone from {where}: load the log again") from None


def stored(key: str, home: Path, make) -> Fold:
    """Return the fold of `key` below `home`; where there is none, `make(folder)` writes it first."""
    place, facts = home / key, home / key / "facts.json"
    if not facts.exists():
        work = home / f"work-{uuid.uuid4().hex}"
        work.mkdir(mode=0o700, parents=True)
        try:
            make(work)
            if not facts.exists():  # else another process reads what it was quicker to write
                shutil.rmtree(place, ignore_errors=True)
                work.rename(place)
        except OSError:
            if not facts.exists():
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
        prune(home, KEPT)
    os.utime(place)
    return Fold(place)


def facts_of(key: str, home: Path) -> dict | None:
    """Return the facts of the fold of `key` below `home`; None where it is still to be made."""
    try:
        return json.loads((home / key / "facts.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def prune(home: Path, keep: int = 0) -> int:
    """Remove all folds below `home` but the `keep` that were used last; how many went."""
    folds = sorted(filter(Path.is_dir, home.glob("[0-9a-f]*")), key=lambda path: path.stat().st_mtime)
    gone = folds[: len(folds) - keep]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return len(gone)


def key_of(*parts: object) -> str:
    """Return the name of the fold that rests on `parts`: files, window, network."""
    return hashlib.sha256(json.dumps([VERSION, parts], default=str, sort_keys=True).encode()).hexdigest()[:32]


def fold(
    flows: object, network, folder: Path, span: tuple[int | None, int | None], coverage, counted: dict | None = None
) -> None:
    """Write the fold of `flows` into `folder`. `span` is the window in seconds since 1970 (None: open), `coverage`
    returns the intervals of an engine; `counted` goes to the facts as it is."""
    engine = Engine(flows)
    if engine.is_duckdb:
        engine.con.execute("SET preserve_insertion_order = false")
    # Spark counts the rows of a condition on a column that is null throughout as null.
    facts = {name: None if pd.isna(value) else int(value) for name, value in engine.answer(FACTS).iloc[0].items()}
    facts |= {name: facts[name] or 0 for name in facts if name not in ("first", "last")}
    first, last = (facts[name] if at is None else at for name, at in zip(("first", "last"), span, strict=True))
    facts["step"] = step = step_of((last or 0) - (first or 0))
    own = interfaces(engine, network)
    own.to_parquet(folder / "interfaces.parquet")
    converse(engine, own, facts["translated"] > 0, folder)
    evidence = EVIDENCE.format(f"agrees IS NOT NULL AND {facts['flagged'] > 0}")
    tables = {"edges": edges(step), "evidence": evidence, "volumes": volumes(step), "aws_services": AWS_SERVICES}
    for name, sql in tables.items():
        engine.write(sql, folder / f"{name}.parquet")
    engine.write(refusals(step), folder / "refusals.parquet")
    for name in ("secondary", "unsplit", "split", "services", "conversations"):
        (folder / f"{name}.parquet").unlink(missing_ok=True)
    intervals = coverage(engine)
    intervals.to_parquet(folder / "coverage.parquet")
    facts["coverage"] = intervals.attrs
    (folder / "facts.json").write_text(json.dumps(facts | (counted or {})), encoding="utf-8")


def converse(engine: Engine, interfaces: pd.DataFrame, translated: bool, folder: Path, idle: int = TCP_IDLE) -> None:
    """Define ``sessions`` and ``conversations`` in `engine`; what is computed once goes to `folder`."""
    types = {"interface_id": "string", "day": "int64", "address": "string", "transit": "boolean", "az_id": "string"}
    engine.put("interfaces", interfaces, types)
    engine.keep("secondary", SECONDARY, folder / "secondary.parquet")
    engine.define(oriented=ORIENTED)
    engine.keep("unsplit", unsplit(translated), folder / "unsplit.parquet")
    engine.keep("split", split(translated, idle), folder / "split.parquet")
    engine.define(sessions=sessions(idle))
    engine.keep("services", SERVICES, folder / "services.parquet")
    engine.define(**CONVERSATIONS)
    engine.keep("conversations", "SELECT * FROM conversations", folder / "conversations.parquet")
