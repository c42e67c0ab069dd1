"""From the cache's files to fewer of them: small parts become one, and what nobody needs goes."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from flowkit.loading import cache

#: A part that nobody needs stays this many seconds, for readers that began before.
GRACE = 24 * 3600
#: So many parts of fewer bytes than this are gathered into one.
MANY_PARTS, SMALL_PART = 32, 1 << 20


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether nobody else gathers or prunes; until the end nobody will."""
    with (cache.home() / "gather.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def gather(work: Path, prune: bool = False) -> int:
    """Make one part of many small ones, as an hourly run leaves them, and one file of facts of many.

    With `prune` also of few, and without local files that are gone from their place; return how many those are.
    """
    target = cache.folder()
    files = [path for path in (target / "facts").iterdir() if cache.PART.fullmatch(path.name)]
    if len(files) < (1 if prune else MANY_PARTS):
        return 0
    with _alone() as alone:
        if not alone:
            return 0
        table = cache.whole(cache.facts())
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
            row | {"parts": list({renamed.get(name, name) for name in row["parts"]}), "committed": row["committed"] + 1}
            for row in table.iter_rows(named=True)
        ]
        cache.commit(rows, merged, work)
        for path in files:
            path.unlink(missing_ok=True)
        for name in renamed:
            with suppress(OSError):
                os.utime(target / "parts" / name)  # it goes when readers that began before are done
        return here.count(False)


def sweep(grace: float = GRACE) -> None:
    """Remove what killed processes left behind, and parts that no facts have named for `grace` seconds."""
    for path in cache.home().glob("work-*.lock"):
        if cache.OWN.fullmatch(path.name):
            with suppress(OSError), path.open("r+") as lock:  # else it is locked: its process goes on
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                cache.remove(path.with_suffix(""))
    before = time.time() - grace
    old = [part for part, status in cache.files(cache.folder() / "parts") if status.st_mtime < before]
    named = set(cache.facts().explode("parts")["parts"]) if old else ()
    for part in old:
        if cache.PART.fullmatch(part.name) and part.name not in named:
            part.unlink(missing_ok=True)


@cache.kept()
def size() -> dict[str, int]:
    """Return `files` (source files), `parts` (Parquet files) and `bytes` on disk of the cache."""
    facts = len(cache.facts())
    parts = sum(bool(cache.PART.fullmatch(path.name)) for path, _ in cache.files(cache.folder() / "parts"))
    return {"files": facts, "parts": parts, "bytes": sum(status.st_size for _, status in cache.files(cache.home()))}


def _raised(_function, _path, failure: tuple) -> None:
    """Raise what went wrong, unless another process removed the same."""
    if not isinstance(failure[1], FileNotFoundError):
        raise failure[1]


@cache.kept()
def clear() -> list[str]:
    """Remove all that flowkit wrote, and the folder where nothing else is in it; return the names of what else is."""
    path = cache.home()
    for own in [each for each in path.iterdir() if cache.OWN.fullmatch(each.name) and each.name != cache.MARKER]:
        if own.is_dir() and not own.is_symlink():
            shutil.rmtree(own, onerror=_raised)
        else:
            own.unlink(missing_ok=True)
    others = sorted(each.name for each in path.iterdir() if each.name != cache.MARKER)
    if not others:
        (path / cache.MARKER).unlink(missing_ok=True)
        with suppress(OSError):
            path.rmdir()
    return others


@cache.kept()
def prune() -> int:
    """Take out local files that are gone from their place, and all that nobody needs; return how many files went."""
    for other in cache.home().glob("v-*"):
        if cache.OWN.fullmatch(other.name) and other.name != cache.folder().name:
            shutil.rmtree(other, ignore_errors=True)
    with cache.workplace() as work:
        gone = gather(work, prune=True)
    sweep(grace=0)
    return gone
