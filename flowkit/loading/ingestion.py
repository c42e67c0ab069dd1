"""Parse a source's new files into the cache, and count every line of all of them."""

import errno
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import duckdb

from flowkit.loading import cache, parse
from flowkit.loading.catalog import Catalog, Entry
from flowkit.loading.errors import SourceError
from flowkit.loading.formats import Format, given
from flowkit.loading.parquet import is_parquet, stage_parquet
from flowkit.loading.sources import SourceFile, find, is_table, remote_of
from flowkit.loading.stage import Staged, stage
from flowkit.loading.window import Moment, window

#: Staged bytes and files that go into Parquet together, and source bytes that are staged ahead of them.
BATCH_BYTES, BATCH_FILES, AHEAD = 128 << 20, 4_000, 24 << 20

#: So many parts of fewer bytes than this are gathered into one.
MANY_PARTS, SMALL_PART = 32, 4 << 20

#: Errors that say there is no room: the disk's, a quota's, a limit's.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_SUMS = (
    "lines",
    "headers",
    "blank",
    "ok",
    "nodata",
    "skipdata",
    "no_status",
    "malformed",
    "ok_bytes",
    "ok_packets",
)

Progress = Callable[[int, int], None]


class Ready(NamedTuple):
    """A source file that is staged, or the reason why it cannot be."""

    file: SourceFile
    path: Path | None
    staged: Staged | None
    refusal: str | None


def ingest(
    source: str | Path | Iterable[str],
    start: Moment = None,
    end: Moment = None,
    format: str | None = None,
    progress: Progress | None = None,
) -> dict:
    """Parse what is new of `source` (one or several) and return the tally of all its files.

    The tally: `files`, `new_files`, `damaged_files`, `unreadable_files`; `lines`, `headers`, `blank`, `ok`, `nodata`,
    `skipdata`, `no_status`, `malformed` (lines; records for Parquet and JSON); `ok_bytes`, `ok_packets` (sums over OK
    rows and rows without log-status); `seconds`. `progress` is called with files done and files to do.
    Raises SourceError where nothing can be read, ValueError for a wrong window or format.
    """
    begun = time.monotonic()
    if isinstance(source, list) and len(source) == 1:
        source = source[0]
    if is_table(source):
        from flowkit.loading.engines import tally  # Ibis takes longer to import than small logs to parse

        return {
            **tally(source, start, end, format),
            "new_files": 0,
            "seconds": round(time.monotonic() - begun, 3),
        }
    counts, _ = bring_in(source, start, end, format, progress)
    return {**counts, "seconds": round(time.monotonic() - begun, 3)}


def bring_in(
    source: str | Path | Iterable[str],
    start: Moment,
    end: Moment,
    format: str | None,
    progress: Progress | None = None,
) -> tuple[dict, list[str]]:
    """As `ingest`, and also returns the places of the source's files."""
    files = found(source, start, end)
    fields = given(format)
    key = " ".join(fields.names) if fields else ""
    known = cache.catalog()
    entries = known.entries((file.place for file in files), key)
    new = [file for file in files if file.place not in entries or entries[file.place].stamp != file.stamp]
    failures = _parse(new, fields, key, known, progress) if new else {}
    counts = _tally(files, known, key, failures)
    return {**counts, "new_files": len(new)}, [file.place for file in files]


def found(source: str | Path | Iterable[str], start: Moment = None, end: Moment = None) -> list[SourceFile]:
    """The files of one source or of several, each once."""
    first, last = window(start, end)
    sources = [source] if isinstance(source, str | Path) else list(source)
    return list({file.place: file for each in sources for file in find(each, first, last)}.values())


def _tally(files: list[SourceFile], known: Catalog, key: str, failures: dict[str, str]) -> dict:
    counts = [entry.counts for entry in known.entries((file.place for file in files), key).values()]
    refused = [each["refusal"] for each in counts if each.get("refusal")] + list(failures.values())
    if files and len(refused) == len(files):
        place = files[0].place
        raise SourceError(
            f"{place}: {refused[0]}" + (f" (and {len(files) - 1} more like it)" if len(files) > 1 else "")
        )
    return {
        "files": len(files),
        "damaged_files": sum(bool(each.get("damage")) for each in counts),
        "unreadable_files": len(refused),
        **{name: sum(each.get(name, 0) for each in counts) for name in _SUMS},
    }


def _parse(
    new: list[SourceFile], fields: Format | None, key: str, known: Catalog, progress: Progress | None
) -> dict[str, str]:
    """Parse `new` into the cache; returns what could not even be opened, which the next run tries again."""
    failures: dict[str, str] = {}
    done = 0
    cache.sweep()
    try:
        with cache.workplace() as place, parse.connect(place) as connection:
            for batch in _batches(_stage_all(new, place, fields, connection)):
                _put(batch, place, fields, key, known, connection)
                failures |= {
                    ready.file.place: ready.refusal
                    for ready in batch
                    if ready.staged is None and ready.path is None
                }
                _clean(batch)
                done += len(batch)
                if progress:
                    progress(done, len(new))
            _gather(place, known, connection)
    except (OSError, duckdb.Error) as error:
        raise _no_room(error) from error
    return failures


def _gather(place: Path, known: Catalog, connection: duckdb.DuckDBPyConnection) -> None:
    """Many small parts, as an hourly run leaves them, become one."""
    for kind, parts in itertools.groupby(known.small_parts(SMALL_PART), lambda part: part.kind):
        old = list(parts)
        if len(old) < MANY_PARTS:
            continue
        files = {file_id for part in old for file_id in known.files_in(part)}
        paths = [cache.folder() / "parts" / part.name for part in old]
        gathered = parse.gather(connection, paths, files, place / f"{kind}.parquet")
        name = cache.keep(gathered)
        if not known.merge(old, files, name, (cache.folder() / "parts" / name).stat().st_size):
            (cache.folder() / "parts" / name).unlink()


def _clean(batch: list[Ready]) -> None:
    for ready in batch:
        if ready.file.remote is not None and ready.path:
            ready.path.unlink(missing_ok=True)
        for text in ready.staged.texts.values() if ready.staged else ():
            text.remove()


def _no_room(error: Exception) -> Exception:
    """What to say of an error while writing: that the disk is full, where it is."""
    full = getattr(error, "errno", None) in _FULL or any(
        os.strerror(number) in str(error) for number in _FULL
    )
    where = cache.folder()
    return (
        SourceError(f"no space left for the cache in {where}: free some, or set FLOWKIT_CACHE")
        if full
        else error
    )


def _stage_all(
    new: list[SourceFile], place: Path, fields: Format | None, connection: duckdb.DuckDBPyConnection
) -> Iterator[Ready]:
    """The files in order, staged some way ahead by as many threads as there are cores."""
    ahead: deque[tuple[int, Future]] = deque()
    waiting = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, (file, path) in enumerate(_fetched(new, place)):
            ahead.append(
                (file.size, pool.submit(_ready, file, path, place / f"{number}", fields, connection))
            )
            waiting += file.size
            while waiting > AHEAD or len(ahead) > BATCH_FILES:
                size, future = ahead.popleft()
                waiting -= size
                yield future.result()
        while ahead:
            yield ahead.popleft()[1].result()


def _fetched(new: list[SourceFile], place: Path) -> Iterator[tuple[SourceFile, Path | Exception]]:
    yield from ((file, file.path) for file in new if file.remote is None)
    for remote, files in itertools.groupby(new, lambda file: remote_of(file.place)):
        wanted = {file.place: file for file in files}
        if remote:
            fetched = remote.fetch((file.remote for file in wanted.values()), place)
            yield from ((_as_read(wanted[each.place], each), path) for each, path in fetched)


def _as_read(file: SourceFile, fetched) -> SourceFile:
    """The object may have changed since it was listed: what counts is what was read."""
    return replace(file, stamp=fetched.etag, size=fetched.size)


def _ready(
    file: SourceFile,
    path: Path | Exception,
    place: Path,
    fields: Format | None,
    connection: duckdb.DuckDBPyConnection,
) -> Ready:
    if isinstance(path, Exception):
        return Ready(file, None, None, str(path))
    try:
        staged = stage_parquet(connection.cursor(), path) if is_parquet(path) else stage(path, place, fields)
    except SourceError as error:
        return Ready(file, path, None, str(error))
    except OSError as error:
        if error.errno in _FULL:
            raise
        return Ready(file, None, None, f"cannot be read: {error.strerror}")
    return Ready(file, path, staged, None)


def _batches(ready: Iterable[Ready]) -> Iterator[list[Ready]]:
    batch, size = [], 0
    for each in ready:
        batch.append(each)
        size += sum(text.size for text in each.staged.texts.values()) if each.staged else 0
        if size >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _put(
    batch: list[Ready],
    place: Path,
    fields: Format | None,
    key: str,
    known: Catalog,
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """One batch into Parquet and the catalogue, all or nothing."""
    first = known.reserve(len(batch))
    ids = {first + number: ready for number, ready in enumerate(batch) if ready.path}
    staged = {file_id: ready.staged for file_id, ready in ids.items() if ready.staged}
    refusals = {file_id: ready.refusal for file_id, ready in ids.items() if ready.refusal}
    written = _written(staged, ids, place, fields, connection, refusals)
    counts: dict[int, dict] = {}
    parts = {}
    for format, part in written.items():
        for file_id, count in parse.tallies(connection, part).items():
            counts[file_id] = _added(counts.get(file_id), count)
        size, holding = part.stat().st_size, [i for i, file in staged.items() if format in file.texts]
        parts[cache.keep(part)] = (format.kind, size, holding)
    entries = [
        Entry(i, ready.file.place, ready.file.stamp, i in staged and staged[i].headed, {
            "size": ready.file.size, **_counts(staged.get(i), counts.get(i)), "refusal": refusals.get(i)
        })
        for i, ready in ids.items()
    ]  # fmt: skip
    bad = ((i, *line) for i, file in staged.items() for line in file.malformed)
    known.commit(entries, key, parts, bad)


def _written(
    staged: dict[int, Staged], ids: dict[int, Ready], place: Path, fields: Format | None,
    connection: duckdb.DuckDBPyConnection, refusals: dict[int, str],
) -> dict[Format, Path]:  # fmt: skip
    """The batch's parts by format, proven; files in doubt are staged again, carefully, and replaced in `staged`."""
    while True:
        written, doubts = {}, set()
        for format in dict.fromkeys(format for file in staged.values() for format in file.texts):
            holding = {i: file for i, file in staged.items() if format in file.texts}
            written[format] = place / f"part-{len(written)}.parquet"
            parse.write(connection, format, holding, written[format])
            doubts |= parse.doubtful(connection, format, holding, written[format])
        if not doubts:
            return written
        for file_id in doubts:
            if not staged[file_id].fast:
                raise AssertionError(f"{ids[file_id].file.place}: what was read carefully does not add up")
            try:
                staged[file_id] = stage(ids[file_id].path, place / f"again-{file_id}", fields, careful=True)
            except SourceError as error:
                del staged[file_id]
                refusals[file_id] = str(error)


def _added(one: dict | None, other: dict) -> dict:
    if one is None:
        return other
    times = {
        name: pick((value for value in (one[name], other[name]) if value is not None), default=None)
        for name, pick in (("first", min), ("last", max))
    }
    return {name: one[name] + other[name] for name in one if name not in times} | times


def _counts(staged: Staged | None, count: dict | None) -> dict:
    if staged is None:
        return {}
    return {
        "lines": staged.lines,
        "headers": staged.headers,
        "blank": staged.blank,
        "malformed": len(staged.malformed),
        "damage": staged.damage,
        "unknown": sorted({name for format in staged.texts for name in format.unknown}),
        "formats": [" ".join(format.names) for format in staged.texts],
        **(count or {}),
    }
