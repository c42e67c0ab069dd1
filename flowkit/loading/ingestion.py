"""From a source to the cache: its new files are read, and the lines of all of them counted."""

import itertools
import os
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flowkit.loading import cache, cloudwatch, s3, sources
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import Format, given
from flowkit.loading.parse import SUMS, Parser, no_facts
from flowkit.loading.sources import KINDS, SourceFile, at_once, is_table
from flowkit.loading.window import Moment, window
from flowkit.words import many

#: Bytes of text that one task reads (gzip is taken for a fifth of it), its files, and tasks committed together.
TASK_BYTES, TASK_FILES, TASKS = 24 << 20, 2_000, 64
#: Places left aside for one reason that a sentence names at most.
SHOWN = 3
#: What lists and fetches the files that are not on this machine.
REMOTE = {"s3:": s3, "cloudwatch:": cloudwatch}

Progress = Callable[[int, int], None]
Task = list[tuple[dict, Path]]


@dataclass
class Ingested:
    """What is known of a source after its new files were read: places, facts (a row a file), and what went wrong."""

    places: list[str]
    facts: pl.DataFrame
    new_files: int
    failures: dict[str, str]
    aside: dict[str, str]

    @property
    def refusals(self) -> dict[str, str]:
        """The files that were not read, each with the reason."""
        return dict(self.facts.drop_nulls("refusal").select("place", "refusal").iter_rows()) | self.failures

    @property
    def tally(self) -> dict:
        """The counts of all files, as `ingest` returns them but for the seconds."""
        return {
            "files": len(self.places),
            "new_files": self.new_files,
            "damaged_files": int(self.facts["damage"].is_not_null().sum()),
            "unreadable_files": len(self.refusals),
            **{name: sum(map(int, self.facts[name])) for name in SUMS},  # `ok_…` are texts: they may exceed 64 bits
        }

    def troubles(self) -> str:
        """Return one sentence on what was not counted as records: counts, and the first reason of each kind."""
        tally, rows, refused = self.tally, self.facts.to_dicts(), self.refusals
        bad, damaged, odd = ([row for row in rows if row[name]] for name in ("malformed", "damage", "odd_times"))
        gateway, odd_times = (sum(row[name] for row in rows) for name in ("gateway", "odd_times"))
        timeless = sum(records_in(row) for row in rows if row["first"] is None and not row["odd_times"])
        lines, files = many(tally["lines"], "line"), many(tally["files"], "file")
        said = [
            bad and f"{tally['malformed']:,} of {lines} malformed, the first in {bad[0]['place']} ({bad[0]['reason']})",
            refused and f"{len(refused):,} of {files} not read, the first {': '.join(next(iter(refused.items())))}",
            damaged and f"{many(len(damaged), 'file')} damaged, the first {damaged[0]['place']}: {damaged[0]['damage']}",
            odd and f"{many(odd_times, 'record')} with times that no flow log can have,"
            f" such as {odd[0]['odd_example']} in {odd[0]['place']}",
            gateway and f"{many(gateway, 'record')} of transit gateways, which the notebooks do not ask",
            timeless and f"{many(timeless, 'record')} without start and end, which the notebooks leave out",
        ]  # fmt: skip
        for reason in dict.fromkeys(self.aside.values()):
            places = [place for place, other in self.aside.items() if other == reason]
            named = ", ".join(places[:SHOWN]) + " …" * (len(places) > SHOWN)
            said.append(f"{len(places):,} left aside ({reason}): {named}")
        return "; ".join(filter(None, said))


def records_in(counts: dict) -> int:
    """Return the number of records in a tally or in one file's facts."""
    return sum(counts[name] for name in ("ok", "nodata", "skipdata", "no_status"))


def ingest(
    source: str | Path | Iterable[str], start: Moment = None, end: Moment = None, format: str | None = None,
    progress: Progress | None = None, again: bool = False, warn: Callable[[str], None] | None = None,
) -> dict:  # fmt: skip
    """Read what is new of `source` (one or several) into the cache and return the tally of all its files.

    The tally: `files`, `new_files`, `damaged_files`, `unreadable_files`; `lines`, `headers`, `blank`, `ok`, `nodata`,
    `skipdata`, `no_status`, `malformed` (lines; records for Parquet and JSON); `ok_bytes`, `ok_packets` (sums over OK
    rows and rows without log-status); `seconds`. `progress` is called with files done and files to do, `warn` with a
    sentence where something was not counted as records. A file with the size and time of before is not read `again`
    unless asked for. Raises SourceError where nothing can be read, ValueError for a wrong source, window or format.
    """
    begun = time.monotonic()
    if isinstance(source, list) and len(source) == 1:
        source = source[0]
    if isinstance(source, list) and any(map(is_table, source)):
        raise ValueError("a table is a source of its own: ingest it alone")
    if is_table(source):
        from flowkit.loading.engines import tally  # Ibis takes longer to import than small logs to read

        counts, troubles = {**tally(source, start, end), "new_files": 0}, ""
    else:
        done = bring_in(source, start, end, format, progress, again)
        counts, troubles = done.tally, done.troubles()
    if warn and troubles:
        warn(troubles)
    return {**counts, "seconds": round(time.monotonic() - begun, 3)}


@cache.disk_errors()
def bring_in(
    source: str | Path | Iterable[str], start: Moment = None, end: Moment = None, format: str | None = None,
    progress: Progress | None = None, again: bool = False,
) -> Ingested:  # fmt: skip
    """Read what is new of `source`, also where the cache lost it; return what is known of all its files.

    Raises SourceError with the first reason where none of its files could be read.
    """
    fields = given(format)
    files, failures, aside = found(source, start, end)
    places = [*(file.place for file in files), *failures]
    key = " ".join(fields.names) if fields else ""
    known = cache.whole(cache.entries(places, key))
    stamps = {} if again else dict(known.select("place", "stamp").iter_rows())
    new = [file for file in files if stamps.get(file.place) != file.stamp]
    if new:
        _read_all(new, fields, key, progress, failures)
        known = cache.entries(places, key)
    facts = known.filter(~pl.col("place").is_in(list(failures)))
    there = {*facts["place"], *failures}  # a slice of CloudWatch's time without events is no file
    done = Ingested(sorted(there), facts, sum(file.place in there for file in new), failures, aside)
    if there and len(done.refusals) == len(there):
        place, reason = next(iter(done.refusals.items()))
        more = f" (and {len(there) - 1} more like it)" if len(there) > 1 else ""
        raise SourceError(f"{place}: {reason}{more}")
    return done


def found(
    source: str | Path | Iterable[str], start: Moment = None, end: Moment = None
) -> tuple[list[SourceFile], dict[str, str], dict[str, str]]:
    """Return the files of one source or of several that may hold records of the window, each once, by place; then
    what cannot be read and what was left aside, each with the reason. Raises SourceError where there are no files."""
    first, last = window(start, end)
    files = {}
    if hasattr(source, "columns") or not isinstance(source or "", Path | Iterable):
        kind = type(source).__name__
        raise TypeError(
            f"a source is a path, a URL or an Ibis table, no {kind}; ibis.memtable(…) makes a table of a frame"
        )
    for each in [source] if isinstance(source, str | Path) else source or [""]:
        if not str(each).strip():
            raise ValueError(f"the source is empty: {KINDS}")
        listed = REMOTE.get(str(each).partition("//")[0], sources).list_objects(str(each), first, last)
        files |= {file.place: file for file in listed}
    failures = {file.place: file.failure for file in files.values() if file.failure}
    aside = {file.place: file.aside for file in files.values() if file.aside}
    return [files[place] for place in sorted(files.keys() - failures.keys() - aside.keys())], failures, aside


def _read_all(
    new: list[SourceFile], fields: Format | None, key: str, progress: Progress | None, failures: dict[str, str]
) -> None:
    """Read `new` into the cache; what cannot even be opened goes to `failures`, and the next run tries it again."""
    cache.sweep()
    with cache.workplace() as work:
        done, rows, parts = 0, [], []
        tasks = _tasks(new, work, failures)
        parsed = at_once(lambda task: (len(task), _parsed(task, work, fields, failures)), tasks, os.cpu_count() or 1)
        with closing(parsed):  # its threads are done before the folder goes in which they write
            for number, (count, parsers) in enumerate(parsed, 1):
                for parser in parsers:
                    rows += (facts | {"given": "" if facts["headed"] else key} for facts in parser.files.values())
                    parts += parser.parts
                done += count
                if rows and number % TASKS == 0:
                    cache.commit(rows, parts, work)
                    rows, parts = [], []
                if progress:
                    progress(done, len(new))
        if rows:
            cache.commit(rows, parts, work)
        cache.gather(work)


def _tasks(new: list[SourceFile], work: Path, failures: dict[str, str]) -> Iterator[Task]:
    """The files in order, each as it was read (an object may have changed since), so many together as make one task."""
    task, size, first = [], 0, secrets.randbits(42) << 20
    by_scheme = itertools.groupby(new, lambda file: file.place.partition("//")[0])
    fetched = (each for scheme, files in by_scheme for each in REMOTE.get(scheme, sources).fetch(files, work))
    for number, (file, path) in enumerate(fetched):
        if isinstance(path, Exception):
            failures[file.place] = str(path)
            continue
        task.append((no_facts(first + number, file.place, file.stamp, file.size), path))
        size += file.size * (5 if path.suffix == ".gz" else 1)
        if size >= TASK_BYTES or len(task) >= TASK_FILES:
            yield task
            task, size = [], 0
    if task:
        yield task


def _parsed(task: Task, work: Path, fields: Format | None, failures: dict[str, str]) -> list[Parser]:
    files = []
    for facts, path in task:
        try:
            path.open("rb").close()
        except OSError as error:
            if path.is_relative_to(work):  # the cache is gone, not the file
                raise
            failures[facts["place"]] = f"cannot be read: {error.strerror}"
            continue
        if not str(path).isprintable():  # Polars and Arrow take no name that is not UTF-8
            link = work / uuid.uuid4().hex
            link.symlink_to(path.absolute())
            path = link  # noqa: PLW2901
        files.append((facts, path))
    parsers = _read(files, work, fields, failures)
    for part in itertools.chain.from_iterable(parser.parts for parser in parsers):
        cache.synced(part)  # here, beside the other tasks
    for path in (path for _, path in files if path.is_relative_to(work)):
        path.unlink(missing_ok=True)
    return parsers


def _read(files: Task, work: Path, fields: Format | None, failures: dict[str, str]) -> list[Parser]:
    """Read files together, as long as nothing unforeseen happens; then each alone."""
    try:
        return [Parser(files, work, uuid.uuid4().hex, fields)]
    except (Exception, pl.exceptions.PanicException) as error:
        if isinstance(error, OSError) or cache.is_full(error) or not work.is_dir():
            raise
        if len(files) == 1:
            reason = " ".join(str(error).split())[:200]
            failures[files[0][0]["place"]] = f"cannot be read: {reason} ({type(error).__name__}, unforeseen)"
            return []
    said = ("file_id", "place", "stamp", "size")
    afresh = [(no_facts(*(facts[name] for name in said)), path) for facts, path in files]
    return [parser for each in afresh for parser in _read([each], work, fields, failures)]
