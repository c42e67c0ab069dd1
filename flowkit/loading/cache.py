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
LAYOUT = 5

MARKER = "flowkit-cache"
OWN = re.compile(r"flowkit-cache|v-[0-9a-f]{12}|work-[0-9a-f]{32}(\.lock)?|gather\.lock")
PART = re.compile(r"[0-9a-f]{32}(\.[a-z-]+)?\.parquet")
FACTS = {
    "file_id": pl.Int64, "place": pl.String, "given": pl.String, "stamp": pl.String, "committed": pl.Int64,
    "headed": pl.Boolean, "size": pl.Int64, **dict.fromkeys(SUMS, pl.Int64),
    "ok_bytes": pl.String, "ok_packets": pl.String, "first": pl.Int64, "last": pl.Int64, "odd_times": pl.Int64,
    "odd_example": pl.String, "gateway": pl.Int64, "damage": pl.String, "refusal": pl.String, "reason": pl.String,
    "unknown": pl.List(pl.String), "formats": pl.List(pl.String), "parts": pl.List(pl.String),
    "sizes": pl.List(pl.Int64),
}  # fmt: skip


def _where() -> str:
    return os.environ.get("FLOWKIT_CACHE") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/flowkit"


def is_full(error: Exception) -> bool:
    """Return whether an error says that there is no room: Polars says it in words alone."""
    return getattr(error, "errno", None) in FULL or any(os.strerror(number) in str(error) for number in FULL)


@contextmanager
def kept() -> Iterator[None]:
    """Errors of the disk as SourceError: the cache is full, or cannot be kept where it is, or is gone meanwhile."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, pl.exceptions.PolarsError) as error:
        if is_full(error):
            said = f"no space left for the cache in {_where()}: free some, or set FLOWKIT_CACHE"
        elif isinstance(error, OSError):
            said = f"the cache cannot be kept in {_where()}: {error.strerror or error}; set FLOWKIT_CACHE"
        else:
            raise
        raise SourceError(said) from error


@kept()
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


@kept()
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
        for path in (folder() / "facts").iterdir():
            if not PART.fullmatch(path.name):
                continue
            try:
                tables.append(pl.read_parquet(path.read_bytes()))
            except FileNotFoundError:
                gone = True
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
                path.unlink(missing_ok=True)
        if not gone:
            break
    table = pl.concat(tables) if tables else pl.DataFrame(schema=FACTS)
    return table.sort("committed").unique(["place", "given"], keep="last", maintain_order=True)


def entries(places: Iterable[str], given: str) -> pl.DataFrame:
    """Return the facts of these files, read by their own header or else by the format `given`, sorted by place."""
    wanted = pl.Series("place", list(places), pl.String).unique().to_frame()
    table = facts().filter((pl.col("given") == given) | (pl.col("headed") & (pl.col("given") == "")))
    table = table.sort("committed").unique("place", keep="last", maintain_order=True)
    return table.join(wanted, on="place", how="semi").sort("place")


def files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files below a folder, each with its status; those that go meanwhile are none."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if stat.S_ISREG((status := path.stat()).st_mode):
                yield path, status


def whole(table: pl.DataFrame) -> pl.DataFrame:
    """Return those rows of facts whose parts are all there and as long as they were written."""
    sizes = {part.name: status.st_size for part, status in files(folder() / "parts")}
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
            remove(path)


@cache
@kept()
def spill() -> Path:
    """Return a folder of the cache for what this process does not keep in memory; it goes with the process."""
    context = workplace()
    atexit.register(context.__exit__, None, None, None)
    return context.__enter__()


def remove(work: Path) -> None:
    """Remove a folder of what was under way, and its lock."""
    shutil.rmtree(work, ignore_errors=True)
    work.with_name(work.name + ".lock").unlink(missing_ok=True)


def commit(rows: list[dict], parts: Iterable[Path], work: Path) -> None:
    """Take finished parts and the facts that name them, all or nothing: what is not named was never there.

    The facts, a dict a source file, appear by one rename from the folder `work`.
    """
    target, names, sizes = folder(), {}, {}
    for part in parts:
        _synced(part)
    for part in parts:
        names[part.name] = f"{uuid.uuid4().hex}.{part.name.split('.')[-2]}.parquet"
        sizes[names[part.name]] = part.stat().st_size
        part.rename(target / "parts" / names[part.name])
    now = time.time_ns()
    for row in rows:
        row["parts"] = [names.get(name, name) for name in sorted(row["parts"])]
        row["sizes"] = [sizes.get(name) or (target / "parts" / name).stat().st_size for name in row["parts"]]
        row.setdefault("committed", now)
        row |= {name: sorted(row[name]) for name in ("unknown", "formats")}
        row |= {name: str(row[name]) for name in ("ok_bytes", "ok_packets")}  # they may exceed 64 bits
    beside = work / f"{uuid.uuid4().hex}.parquet"
    pl.DataFrame(rows, FACTS, orient="row").write_parquet(beside, compression="zstd")
    _synced(beside)
    beside.rename(target / "facts" / beside.name)


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
