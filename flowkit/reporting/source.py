"""What a run rests on: the source's tally and files, what the log covers, and what to say where data are missing."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from flowkit.folding.coverage import covered_share
from flowkit.loading.errors import SourceError
from flowkit.loading.ingestion import found, records_in
from flowkit.loading.sources import is_table, slot_of
from flowkit.log import Log, load
from flowkit.reporting.errors import ReportError, UsageError
from flowkit.reporting.finding import Finding
from flowkit.reporting.html import period, when
from flowkit.reporting.kinds import text
from flowkit.words import one_line

#: Bytes up to which local files are hashed; beyond, sizes have to do, because hashing would take minutes.
HASHED = 2 << 30
#: The newest file of a bucket is looked for in so many days before now, then in more; None: in all of it.
DAYS = (1, 7, 60, None)


def read(options: dict) -> tuple[Log, list[str]]:
    """Return the log that `options` name, its files parsed, and a note on what in it could not be read."""
    try:
        log = load(**{name: options[name] for name in ("source", "start", "end", "format", "network")})
        tally = log.tally
    except SourceError as error:
        raise ReportError(one_line(error)) from None
    except ValueError as error:
        raise UsageError(one_line(error)) from None
    troubles = one_line(log.troubles)
    never = tally["malformed"] or tally["unreadable_files"] or not (options["start"] or options["end"])
    if never and not records_in(tally):
        raise ReportError(f"{options['source']} holds no flow log record{troubles and f': {troubles}'}")
    return log, [troubles] if troubles else []


def undelivered(options: dict, tally: dict, now: float | None = None) -> tuple[Finding, str]:
    """Return the finding for a window without any record, and a note that names the newest file there is."""
    source, start, end = (options[name] for name in ("source", "start", "end"))
    window = period(start, end)
    if window and not (start and end):
        window = f"{'since' if start else 'until'} {window}"
    newest = "" if is_table(source) or source.startswith("cloudwatch:") else _newest(options, now or time.time())
    newest = newest and f"the newest file there is: {newest}"
    finding = Finding(
        "not-delivered", "high", "certain", text(f"not-delivered.{'none' if window else 'source'}", window=window), {},
        grounds=(newest,) if newest else (), first_seen=start and pd.Timestamp(start), coverage=0.0,
        last_seen=end and pd.Timestamp(end), counts={"records": 0, "files": tally["files"]},
    )  # fmt: skip
    return finding, f"no records in {f'the window ({window})' if window else source}{newest and f'; {newest}'}"


def _newest(options: dict, now: float) -> str:
    """The newest file of the source, by AWS's name or by its records, and its time."""
    source = options["source"]
    try:
        for days in DAYS:
            start = None if days is None else f"{pd.Timestamp(now - days * 86400, unit='s'):%Y-%m-%dT%H:%M:%SZ}"
            if files := found(source, start)[0]:
                break
        dated = [(slot, file.place) for file in files if (slot := slot_of(file.place)) is not None]
        if dated:
            slot, place = max(dated)
            return f"{place} ({when(pd.Timestamp(slot, unit='s', tz='UTC'))} UTC)"
        known = load(source, format=options["format"]).files.dropna(subset="last")
    except SourceError as error:
        raise ReportError(one_line(error)) from None
    if known.empty:
        raise ReportError(f"{source} holds no flow log record")
    last = known.loc[known["last"].idxmax()]
    return f"{last['file']} ({when(last['last'])} UTC)"


def measured(log: Log) -> dict:
    """Return the grounds of a run: `coverage` (as in findings.json, but for what the tally holds), `first` and `last` of
    the records (ISO texts, or None), `inputs` (a dict a file: `file`, `size` in bytes, `sha256` or None)."""
    facts, files, share = log.fold.facts, log.files, covered_share(log.coverage)
    with ThreadPoolExecutor(2) as pool:
        hashes = pool.map(_hash if files["size"].sum() <= HASHED else lambda _: None, files.file)
        inputs = [{"file": str(place), "size": int(size), "sha256": digest}
                  for place, size, digest in zip(files.file, files["size"], hashes, strict=True)]  # fmt: skip
    coverage = {name: facts[name] for name in ("records", "ok", "nodata", "skipdata")}
    coverage["covered_share"] = None if share is None else round(share, 6)
    return {"coverage": coverage, "first": _iso(facts["first"]), "last": _iso(facts["last"]), "inputs": inputs}


def named_in(log: Log) -> set[str]:
    """Return the names that stand in the records themselves: those of ECS clusters and services."""
    columns = {"ecs_cluster_name", "ecs_service_name"} & {*log.raw.columns}
    return {str(name) for column in columns for name in log.raw[[column]].distinct().execute()[column].dropna()}


def _hash(place: str) -> str | None:
    try:
        with Path(place).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # Not a file of this machine: s3://, or gone since.
        return None


def _iso(seconds: float | None) -> str | None:
    try:
        return f"{pd.Timestamp(int(seconds), unit='s', tz='UTC'):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, TypeError, OverflowError):  # No records, or one whose time is beyond all calendars.
        return None
