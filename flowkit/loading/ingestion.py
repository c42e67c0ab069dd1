"""From a source to the cache: its new files are read, and the lines of all of them counted."""

import dataclasses
import errno
import itertools
import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import polars as pl

from flowkit.loading import cache, sources, upkeep
from flowkit.loading.counts import Facts
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import Format, given
from flowkit.loading.parse import FULL, Parser, read_files
from flowkit.loading.sources import SourceFile, Streams, find, is_table, remote_of
from flowkit.loading.window import Moment, window

#: Bytes of text that one task reads (gzip is taken for a fifth of it), its files, and tasks committed together.
TASK_BYTES, TASK_FILES, TASKS = 24 << 20, 2_000, 64
#: What a tally sums up over files.
SUMS = (
    "lines", "headers", "blank", "ok", "nodata", "skipdata", "no_status", "malformed", "ok_bytes", "ok_packets",
)  # fmt: skip

#: Files and places that a sentence names at most.
SHOWN = 5

Progress = Callable[[int, int], None]
Task = list[tuple[Facts, Path]]


@dataclasses.dataclass
class Ingested:
    """What is known of a source after its new files were read: places, facts (a row a file), and what went wrong."""

    places: list[str]
    facts: pl.DataFrame
    new_files: int
    failures: dict[str, str]
    aside: dict[str, str]

    @property
    def tally(self) -> dict:
        """The counts of all files, as `ingest` returns them but for the seconds."""
        refused = self.facts["refusal"].is_not_null().sum() + len(self.failures)
        sums = {
            name: sum(map(int, self.facts[name])) if name.startswith("ok_") else int(self.facts[name].sum())
            for name in SUMS
        }
        return {
            "files": len(self.places),
            "new_files": self.new_files,
            "damaged_files": int(self.facts["damage"].is_not_null().sum()),
            "unreadable_files": int(refused),
            **sums,
        }

    def troubles(self) -> str:
        """Return one sentence on what was not counted as records: counts, and the first reason of each kind."""
        tally = self.tally
        said = []
        facts = self.facts.to_dicts()
        if tally["malformed"]:
            first = next(each for each in facts if each["malformed"])
            said.append(
                f"{tally['malformed']:,} of {tally['lines']:,} lines malformed, the first in {first['place']}"
                f" ({first['reason']})"
            )
        refused = [(each["place"], each["refusal"]) for each in facts if each["refusal"]] + list(self.failures.items())
        if refused:
            said.append(f"{len(refused):,} of {tally['files']:,} files not read, the first {': '.join(refused[0])}")
        if damaged := [each for each in facts if each["damage"]]:
            said.append(f"{len(damaged):,} files damaged, the first {damaged[0]['place']}: {damaged[0]['damage']}")
        if odd := [each for each in facts if each["odd_times"]]:
            count = sum(each["odd_times"] for each in odd)
            said.append(
                f"{count:,} records with times that no flow log can have, such as {odd[0]['odd_example']}"
                f" in {odd[0]['place']}"
            )
        if gateway := sum(each["gateway"] for each in facts):
            said.append(f"{gateway:,} records of transit gateways, which the notebooks do not ask")
        if self.aside:
            names = ", ".join(f"{place} ({why})" for place, why in list(self.aside.items())[:SHOWN])
            said.append(f"{len(self.aside):,} left aside: {names}")
        return "; ".join(said)


def ingest(
    source: str | Path | Iterable[str],
    start: Moment = None,
    end: Moment = None,
    format: str | None = None,
    progress: Progress | None = None,
    again: bool = False,
) -> dict:
    """Read what is new of `source` (one or several) into the cache and return the tally of all its files.

    The tally: `files`, `new_files`, `damaged_files`, `unreadable_files`; `lines`, `headers`, `blank`, `ok`, `nodata`,
    `skipdata`, `no_status`, `malformed` (lines; records for Parquet and JSON); `ok_bytes`, `ok_packets` (sums over OK
    rows and rows without log-status); `seconds`. `progress` is called with files done and files to do. A file with
    the size and time of before is not read `again` unless asked for.
    Raises SourceError where nothing can be read, ValueError for a wrong source, window or format.
    """
    return counted(source, start, end, format, progress, again)[0]


def counted(
    source: str | Path | Iterable[str], start: Moment = None, end: Moment = None, format: str | None = None,
    progress: Progress | None = None, again: bool = False,
) -> tuple[dict, str]:  # fmt: skip
    """Return the tally, as `ingest` does, and one sentence on what was not counted as records."""
    begun = time.monotonic()
    if isinstance(source, list) and len(source) == 1:
        source = source[0]
    if is_table(source):
        from flowkit.loading.engines import tally  # Ibis takes longer to import than small logs to read

        counts, troubles = {**tally(source, start, end), "new_files": 0}, ""
    else:
        done = bring_in(source, start, end, format, progress, again)
        refuse_nothing(done)
        counts, troubles = done.tally, done.troubles()
    return {**counts, "seconds": round(time.monotonic() - begun, 3)}, troubles


def refuse_nothing(done: Ingested) -> None:
    """Raise SourceError with the first reason where none of a source's files could be read."""
    refusals = dict(done.facts.filter(pl.col("refusal").is_not_null()).select("place", "refusal").iter_rows())
    refusals |= done.failures
    if done.places and len(refusals) == len(done.places):
        place, reason = next(iter(refusals.items()))
        more = f" (and {len(refusals) - 1} more like it)" if len(refusals) > 1 else ""
        raise SourceError(f"{place}: {reason}{more}")


def bring_in(
    source: str | Path | Iterable[str],
    start: Moment = None,
    end: Moment = None,
    format: str | None = None,
    progress: Progress | None = None,
    again: bool = False,
) -> Ingested:
    """Read what is new of `source`, also where the cache lost it; returns what is known of all its files."""
    fields = given(format)
    files, aside = found(source, start, end)
    key = " ".join(fields.names) if fields else ""
    places = [file.place for file in files]
    known = cache.whole(cache.entries(places, key))
    stamps = {} if again else dict(known.select("place", "stamp").iter_rows())
    new = [file for file in files if stamps.get(file.place) != file.stamp]
    failures = _read_all(new, fields, key, progress) if new else {}
    entries = cache.entries(places, key) if new else known
    entries = entries.filter(~pl.col("place").is_in(list(failures)))
    return Ingested(places, entries, len(new), failures, aside)


def found(
    source: str | Path | Iterable[str], start: Moment = None, end: Moment = None
) -> tuple[list[SourceFile], dict[str, str]]:
    """Return the files of one source or of several, each once, and what was left aside with the reason."""
    first, last = window(start, end)
    sources.aside.clear()
    several = [source] if isinstance(source, str | Path) else list(source)
    files = {file.place: file for each in several for file in find(each, first, last)}
    return list(files.values()), dict(sources.aside)


def _read_all(new: list[SourceFile], fields: Format | None, key: str, progress: Progress | None) -> dict[str, str]:
    """Read `new` into the cache; returns what could not even be opened, which the next run tries again."""
    failures: dict[str, str] = {}
    done = 0
    try:
        upkeep.sweep()
        with cache.workplace() as place:
            finished: list[Parser] = []
            for parser in _parsed(_tasks(new, place, failures), place, fields, failures):
                finished.append(parser)
                done += len(parser.files)
                if len(finished) >= TASKS:
                    _commit(finished, key)
                if progress:
                    progress(done, len(new))
            _commit(finished, key)
            upkeep.gather(place)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _no_room(error) from error
    return failures


def _commit(finished: list[Parser], key: str) -> None:
    rows = []
    for facts in (each for parser in finished for each in parser.files.values()):
        row = dataclasses.asdict(facts) | {"given": "" if facts.headed else key}
        row |= {name: sorted(row[name]) for name in ("unknown", "formats", "parts")}
        rows.append(row | {"ok_bytes": str(facts.ok_bytes), "ok_packets": str(facts.ok_packets)})
    if rows:
        cache.commit(rows, [part for parser in finished for part in parser.parts])
    finished.clear()


def _tasks(new: list[SourceFile], place: Path, failures: dict[str, str]) -> Iterator[Task]:
    """The files in order, so many together as make one task."""
    task, size = [], 0
    first = secrets.randbits(42) << 20
    for number, (file, path) in enumerate(_fetched(new, place)):
        if isinstance(path, Exception):
            failures[file.place] = str(path)
            continue
        task.append((Facts(first + number, file.place, file.stamp, file.size), path))
        size += file.size * (5 if path.suffix == ".gz" else 1)
        if size >= TASK_BYTES or len(task) >= TASK_FILES:
            yield task
            task, size = [], 0
    if task:
        yield task


def _parsed(tasks: Iterator[Task], place: Path, fields: Format | None, failures: dict[str, str]) -> Iterator[Parser]:
    """The tasks done, in order, by as many threads as there are cores and only a few ahead."""
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        waiting: deque[Future] = deque()
        for number, task in enumerate(itertools.chain(tasks, [None] * 2 * cores)):
            if task is not None:
                waiting.append(pool.submit(_run, task, place, f"task-{number}", fields, failures))
            while len(waiting) >= (2 * cores if task is not None else 1):
                yield waiting.popleft().result()


def _run(task: Task, place: Path, name: str, fields: Format | None, failures: dict[str, str]) -> Parser:
    files = []
    for facts, path in task:
        try:
            with path.open("rb"):
                files.append((facts, path))
        except OSError as error:
            failures[facts.place] = f"cannot be read: {error.strerror}"
    parser = read_files(files, place, name, fields)
    for path in (path for _, path in task if path.is_relative_to(place)):
        path.unlink(missing_ok=True)
    return parser


def _fetched(new: list[SourceFile], place: Path) -> Iterator[tuple[SourceFile, Path | Exception]]:
    yield from ((file, file.path) for file in new if file.remote is None)
    distant = [file for file in new if file.remote is not None]
    for remote, files in itertools.groupby(distant, lambda file: remote_of(file.place) or Streams):
        wanted = {file.place: file for file in files}
        for each, path in remote.fetch((file.remote for file in wanted.values()), place):
            file = wanted[each.place]
            # The object may have changed since it was listed: what counts is what was read.
            yield (file if remote is Streams else replace(file, stamp=each.etag, size=each.size)), path


def _no_room(error: Exception) -> Exception:
    """What to say of an error while writing: that the disk is full, or that the cache is not to be had."""
    where = cache.home()
    text = str(error)
    if getattr(error, "errno", None) in FULL or any(os.strerror(number) in text for number in FULL):
        return SourceError(f"no space left for the cache in {where}: free some, or set FLOWKIT_CACHE")
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT):
        return SourceError(f"the cache cannot be written in {where}: {error.strerror}; set FLOWKIT_CACHE")
    return error
