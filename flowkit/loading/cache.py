"""The cache, Parquet that any tool can read: in go new parts and facts of files, out come those of a source.

A folder of this user alone (``FLOWKIT_CACHE``, else ``~/.cache/flowkit``), which can be deleted at any time::

    flowkit-cache      the marker: a folder that is neither empty nor marked is nobody's to touch
    v-<version>/       what flowkit with these fields and this layout wrote; another version has another folder
        facts/         Parquet, one row a source file: counts, stamp, and the names of its parts
        parts/         Parquet: records of many files in one (`vpc`, `transit-gateway`) and their `malformed` lines
    work-*             what is under way, spill files too; locked by its process, swept when that is gone

A file of facts appears by one rename, after the parts that it names: all or nothing. Of several rows for one source
file the newest counts, and records count only under the `file_id` of that row.
"""

import atexit
import fcntl
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import polars as pl

from flowkit.fields import FIELDS, version_of
from flowkit.loading.errors import SourceError
from flowkit.loading.parse import FULL, SUMS

#: Changes with the columns of facts or parts, or the meaning of any of them.
LAYOUT = 7
#: A part that nobody needs stays this many seconds, for readers that began before.
GRACE = 24 * 3600
#: So many parts of fewer bytes than this are gathered into one.
MANY_PARTS, SMALL_PART = 32, 1 << 20
MARKER = "flowkit-cache"
_OWN = re.compile(r"flowkit-cache|v-[0-9a-f]{12}|work-[0-9a-f]{32}(\.lock)?|gather\.lock")
_PART = re.compile(r"[0-9a-f]{32}(\.[a-z-]+)?\.parquet")
_FACTS = {
    "file_id": pl.Int64, "place": pl.String, "given": pl.String, "stamp": pl.String, "committed": pl.Int64,
    "headed": pl.Boolean, "size": pl.Int64, **dict.fromkeys(SUMS, pl.Int64),
    "ok_bytes": pl.String, "ok_packets": pl.String, "first": pl.Int64, "last": pl.Int64, "odd_times": pl.Int64,
    "odd_example": pl.String, "gateway": pl.Int64, "damage": pl.String, "refusal": pl.String, "reason": pl.String,
    "unknown": pl.List(pl.String), "formats": pl.List(pl.String), "parts": pl.List(pl.String), "sizes": pl.List(pl.Int64),
}  # fmt: skip


def _where() -> str:
    return os.environ.get("FLOWKIT_CACHE") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/flowkit"


def is_full(error: Exception) -> bool:
    """Return whether an error says that there is no room: Polars says it in words alone."""
    return getattr(error, "errno", None) in FULL or any(os.strerror(number) in str(error) for number in FULL)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Errors of the disk as SourceError: the cache is full, or cannot be kept where it is, or is gone meanwhile."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        if isinstance(error, BrokenPipeError) or not (isinstance(error, OSError) or is_full(error)):
            raise
        said = f"the cache cannot be kept in {_where()}: {getattr(error, 'strerror', None) or error}; set FLOWKIT_CACHE"
        if is_full(error):
            said = f"no space left for the cache in {_where()}: free some, or set FLOWKIT_CACHE"
        raise SourceError(said) from error


@disk_errors()
def home() -> Path:
    """Return the cache's folder, marked, made if need be. Raises SourceError where it is not ours or not to be had."""
    try:
        path = Path(_where()).expanduser().absolute()
    except RuntimeError:
        raise SourceError("there is no home folder for the cache: set FLOWKIT_CACHE to a folder") from None
    with suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    marker = path / MARKER
    if not marker.is_file():
        if any(path.iterdir()) and not marker.is_file():  # another process may just have marked it
            raise SourceError(
                f"{path} is no cache of flowkit (it holds other files): set FLOWKIT_CACHE to a folder of its own"
            )
        marker.write_text("flowkit keeps parsed flow logs here; the folder may be deleted.\n")
    return path


@disk_errors()
def folder() -> Path:
    """Return the folder of this version, made if need be."""
    path = home() / f"v-{version_of(FIELDS, LAYOUT)}"
    for inner in (path, path / "facts", path / "parts"):
        inner.mkdir(mode=0o700, exist_ok=True)
    return path


def facts() -> pl.DataFrame:
    """Return the newest row of every source file and format, as of one moment. A damaged file of facts is no more."""
    for _ in range(5):  # others may put one file of facts in place of several meanwhile
        tables, gone = [], False
        for path in _own(folder() / "facts"):
            try:
                tables.append(pl.read_parquet(path.read_bytes()))
            except FileNotFoundError:
                gone = True
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
                path.unlink(missing_ok=True)
        if not gone:
            break
    table = pl.concat(tables) if tables else pl.DataFrame(schema=_FACTS)
    return table.sort("committed").unique(["place", "given"], keep="last", maintain_order=True)


def entries(places: Iterable[str], given: str) -> pl.DataFrame:
    """Return the facts of these files, read by their own header or else by the format `given`, sorted by place."""
    by_header = pl.col("headed") & (pl.col("given") == "")
    table = facts().filter(pl.col("place").is_in(list(places)) & ((pl.col("given") == given) | by_header))
    return table.sort("committed").unique("place", keep="last", maintain_order=True).sort("place")


def whole(table: pl.DataFrame) -> pl.DataFrame:
    """Return those rows of facts whose parts are all there and as long as they were written."""
    sizes = {part.name: status.st_size for part, status in _files(folder() / "parts")}
    pairs = table.select("parts", "sizes").iter_rows()
    good = [all(sizes.get(name) == size for name, size in zip(*pair, strict=True)) for pair in pairs]
    return table.filter(pl.Series(good, dtype=pl.Boolean))


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for what is under way; it goes when the work ends, however it ends."""
    path = home() / f"work-{uuid.uuid4().hex}"
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            path.mkdir(mode=0o700)
            yield path
        finally:
            _remove(path)


@cache
@disk_errors()
def spill() -> Path:
    """Return a folder of the cache for what this process does not keep in memory; it goes with the process."""
    context = workplace()
    atexit.register(context.__exit__, None, None, None)
    return context.__enter__()


def commit(rows: list[dict], parts: list[Path], work: Path) -> None:
    """Take finished parts and the facts that name them, all or nothing: what is not named was never there.

    The facts, a dict a source file, appear by one rename from the folder `work`.
    """
    target, names, now = folder(), {}, time.time_ns()
    for part in parts:  # all are on the disk before the first appears
        synced(part)
    for part in parts:
        names[part.name] = f"{uuid.uuid4().hex}.{part.name.split('.')[-2]}.parquet"
        part.rename(target / "parts" / names[part.name])
    rows = [
        {"committed": now, **row, **{name: sorted(row[name]) for name in ("unknown", "formats")},
         "parts": [names.get(name, name) for name in sorted(row["parts"])],
         "ok_bytes": str(row["ok_bytes"]), "ok_packets": str(row["ok_packets"])}  # they may exceed 64 bits
        for row in rows
    ]  # fmt: skip
    sizes = {name: (target / "parts" / name).stat().st_size for name in {name for row in rows for name in row["parts"]}}
    rows = [row | {"sizes": [sizes[name] for name in row["parts"]]} for row in rows]
    beside = work / f"{uuid.uuid4().hex}.parquet"
    pl.DataFrame(rows, _FACTS, orient="row").write_parquet(beside, compression="zstd")
    synced(beside)
    beside.rename(target / "facts" / beside.name)


def gather(work: Path, prune: bool = False) -> int:
    """Make one part of many small ones, as an hourly run leaves them, and one file of facts of many.

    With `prune` also of few, and without local files that are gone from their place; return how many those are.
    """
    target = folder()
    files = list(_own(target / "facts"))
    if len(files) < (1 if prune else MANY_PARTS):
        return 0
    with (home() / "gather.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody else gathers or prunes
            return 0
        table = whole(facts())
        here = [not prune or "://" in place or Path(place).exists() for place in table["place"]]
        table = table.filter(pl.Series(here, dtype=pl.Boolean))
        used = table.explode("parts", "sizes").filter(pl.col("sizes") < SMALL_PART).select("parts", "file_id")
        merged, renamed = [], {}
        for kind in ("vpc", "transit-gateway", "malformed"):
            mine = used.filter(pl.col("parts").str.contains(f".{kind}.", literal=True))
            old = mine["parts"].unique().sort().to_list()
            if len(old) >= MANY_PARTS:
                frames = [pl.read_parquet((target / "parts" / name).read_bytes()) for name in old]
                frame = pl.concat(frames, how="diagonal").join(mine, on="file_id", how="semi")
                merged.append(work / f"gathered.{kind}.parquet")
                frame.write_parquet(merged[-1], compression="lz4", statistics=False)
                renamed |= dict.fromkeys(old, merged[-1].name)
        rows = [
            row | {"parts": {renamed.get(name, name) for name in row["parts"]}, "committed": row["committed"] + 1}
            for row in table.iter_rows(named=True)
        ]
        commit(rows, merged, work)
        for path in files:
            path.unlink(missing_ok=True)
        for name in renamed:
            with suppress(OSError):
                os.utime(target / "parts" / name)  # it goes when readers that began before are done
        return here.count(False)


def sweep(grace: float = GRACE) -> None:
    """Remove what killed processes left behind, and parts that no facts have named for `grace` seconds."""
    for path in home().glob("work-*.lock"):
        if _OWN.fullmatch(path.name):
            with suppress(OSError), path.open("r+") as lock:  # else it is locked: its process goes on
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path.with_suffix(""))
    before = time.time() - grace
    old = [part for part, status in _files(folder() / "parts") if status.st_mtime < before]
    named = set(facts().explode("parts")["parts"]) if old else ()
    for part in old:
        if _PART.fullmatch(part.name) and part.name not in named:
            part.unlink(missing_ok=True)


@disk_errors()
def size() -> dict[str, int]:
    """Return `files` (source files), `parts` (Parquet files) and `bytes` on disk of the cache."""
    files, parts = len(facts()), sum(1 for _ in _own(folder() / "parts"))
    return {"files": files, "parts": parts, "bytes": sum(status.st_size for _, status in _files(home()))}


@disk_errors()
def clear() -> list[str]:
    """Remove all that flowkit wrote, and the folder where nothing else is in it; return the names of what else is."""

    def raised(_function, _path, failure: tuple) -> None:
        if not isinstance(failure[1], FileNotFoundError):  # which another process removed as well
            raise failure[1]

    path = home()
    for own in [each for each in path.iterdir() if _OWN.fullmatch(each.name) and each.name != MARKER]:
        if own.is_dir() and not own.is_symlink():
            shutil.rmtree(own, onerror=raised)
        else:
            own.unlink(missing_ok=True)
    others = sorted(each.name for each in path.iterdir() if each.name != MARKER)
    if not others:
        (path / MARKER).unlink(missing_ok=True)
        with suppress(OSError):
            path.rmdir()
    return others


@disk_errors()
def prune() -> int:
    """Take out local files that are gone from their place, and all that nobody needs; return how many files went."""
    for other in home().glob("v-*"):
        if _OWN.fullmatch(other.name) and other.name != folder().name:
            shutil.rmtree(other, ignore_errors=True)
    with workplace() as work:
        gone = gather(work, prune=True)
    sweep(grace=0)
    return gone


def _own(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if _PART.fullmatch(path.name))


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files below a folder, each with its status; those that go meanwhile are none."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if stat.S_ISREG((status := path.stat()).st_mode):
                yield path, status


def _remove(work: Path) -> None:
    """Remove a folder of what was under way, and its lock."""
    shutil.rmtree(work, ignore_errors=True)
    work.with_name(work.name + ".lock").unlink(missing_ok=True)


def synced(path: Path) -> None:
    """Return when all of a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
