"""From the cache's files to fewer of them: small parts become one, and what nobody needs goes."""

import fcntl
import os
import re
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


def gather(place: Path) -> None:
    """Make one part of many small ones, as an hourly run leaves them, and one file of facts of many."""
    target = cache.folder()
    files = [path for path in (target / "facts").iterdir() if cache.PART.fullmatch(path.name)]
    if len(files) < MANY_PARTS:
        return
    with _alone() as alone:
        if not alone:
            return
        table = cache.whole(cache.facts())
        used = table.explode("parts", "sizes").filter(pl.col("sizes") < SMALL_PART).select("parts", "file_id")
        merged, renamed = [], {}
        for kind in ("vpc", "transit-gateway", "malformed"):
            mine = used.filter(pl.col("parts").str.contains(f".{kind}.", literal=True))
            old = mine["parts"].unique().sort().to_list()
            if len(old) >= MANY_PARTS:
                frames = [pl.read_parquet((target / "parts" / name).read_bytes()) for name in old]
                frame = pl.concat(frames, how="diagonal").join(mine, on="file_id", how="semi")
                merged.append(place / f"gathered.{kind}.parquet")
                frame.write_parquet(merged[-1], compression="lz4", statistics=False)
                renamed |= dict.fromkeys(old, merged[-1].name)
        rows = [
            row | {"parts": list({renamed.get(name, name) for name in row["parts"]}), "committed": row["committed"] + 1}
            for row in table.iter_rows(named=True)
        ]
        cache.commit(rows, merged)
        for path in files:
            path.unlink(missing_ok=True)
        for name in renamed:
            with suppress(OSError):
                os.utime(target / "parts" / name)  # it goes when readers that began before are done


def sweep(grace: float = GRACE) -> None:
    """Remove what killed processes left behind, and parts that no facts have named for `grace` seconds."""
    for path in cache.home().iterdir():
        if re.fullmatch(r"work-[0-9a-f]{32}", path.name) and not path.is_dir() and _age(path) > GRACE:
            path.unlink(missing_ok=True)
        elif re.fullmatch(r"work-[0-9a-f]{32}\.lock", path.name) and _abandoned(path):
            cache.remove(path.with_suffix(""))
    parts = [
        path for path in (cache.folder() / "parts").iterdir() if cache.PART.fullmatch(path.name) and _age(path) > grace
    ]
    if parts:
        named = set(cache.facts().explode("parts")["parts"])
        for part in parts:
            if part.name not in named:
                part.unlink(missing_ok=True)


def _abandoned(path: Path) -> bool:
    try:
        with path.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except OSError:
        return False


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0


def size() -> dict[str, int]:
    """Return `files` (source files), `parts` (Parquet files) and `bytes` on disk of the cache."""
    parts = [path for path in (cache.folder() / "parts").iterdir() if cache.PART.fullmatch(path.name)]
    everything = [path for path in cache.home().rglob("*") if path.is_file()]
    return {
        "files": len(cache.facts()),
        "parts": len(parts),
        "bytes": sum(path.stat().st_size for path in everything if path.exists()),
    }


def clear() -> None:
    """Remove all that flowkit wrote, and the folder where nothing else is in it."""
    path = cache.home()
    for name in [each.name for each in path.iterdir()]:
        if (path / name).is_dir() and re.fullmatch(r"v-[0-9a-f]{12}|work-[0-9a-f]{32}", name):
            shutil.rmtree(path / name, ignore_errors=True)
        elif name == "parts":
            for part in (path / name).iterdir():
                if cache.PART.fullmatch(part.name):
                    part.unlink(missing_ok=True)
            with suppress(OSError):
                (path / name).rmdir()
        elif name != cache.MARKER and (cache.OWN.fullmatch(name) or cache.FIRST.fullmatch(name)):
            (path / name).unlink(missing_ok=True)
    (path / cache.MARKER).unlink(missing_ok=True)
    with suppress(OSError):
        path.rmdir()


def prune() -> int:
    """Take out local files that are gone from their place, and all that nobody needs; how many files went."""
    for other in cache.home().glob("v-*"):
        if re.fullmatch(r"v-[0-9a-f]{12}", other.name) and other.name != cache.folder().name:
            shutil.rmtree(other, ignore_errors=True)
    with _alone() as alone:
        if not alone:
            return 0
        files = [path for path in (cache.folder() / "facts").iterdir() if cache.PART.fullmatch(path.name)]
        table = cache.facts()
        here = ["://" in place or Path(place).exists() for place in table["place"]]
        cache.publish(table.filter(pl.Series(here, dtype=pl.Boolean)).with_columns(pl.col("committed") + 1))
        for path in files:
            path.unlink(missing_ok=True)
    sweep(grace=0)
    return here.count(False)
