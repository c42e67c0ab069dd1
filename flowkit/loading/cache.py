"""The cache: each source file parsed once, ever, into Parquet that any tool can read.

A folder of this user alone (``FLOWKIT_CACHE``, else ``~/.cache/flowkit``), which can be deleted at any time::

    catalog.sqlite    which file is in which part, with its counts
    parts/            Parquet, thousands of rows of many files in one
    work-*            what is under way; locked by its process, swept when that is gone
"""

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowkit.loading.catalog import Catalog
from flowkit.loading.errors import SourceError

#: A retired part stays this many seconds, for readers that began before.
GRACE = 24 * 3600


def folder() -> Path:
    """The cache's folder, made if need be, readable by its owner only. Raises SourceError where that fails."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    path = Path(os.environ.get("FLOWKIT_CACHE") or f"{home}/flowkit").expanduser().absolute()
    try:
        (path / "parts").mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise SourceError(
            f"the cache cannot be kept in {path}: {error.strerror}; set FLOWKIT_CACHE"
        ) from None
    return path


def catalog() -> Catalog:
    """The cache's catalogue."""
    return Catalog(folder())


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for what is under way; it goes when the work ends, however it ends."""
    path = folder() / f"work-{uuid.uuid4().hex}"
    with _lock_of(path).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            path.mkdir(mode=0o700)
            yield path
        finally:
            _remove(path)


def _lock_of(work: Path) -> Path:
    return work.with_name(work.name + ".lock")


def _remove(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    _lock_of(work).unlink(missing_ok=True)


def keep(part: Path) -> str:
    """Move a finished part to the others; its name there. It counts once the catalogue has it."""
    name = f"{uuid.uuid4().hex}.parquet"
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.rename(folder() / "parts" / name)
    return name


def sweep(grace: float = GRACE) -> None:
    """Remove what killed processes left behind, and parts retired for longer than `grace` seconds."""
    home = folder()
    for lock in home.glob("work-*.lock"):
        if _abandoned(lock):
            _remove(lock.with_suffix(""))
    known = catalog()
    for name in known.retired(time.time() - grace):
        (home / "parts" / name).unlink(missing_ok=True)
    names = known.names()
    for part in (home / "parts").glob("*.parquet"):
        if part.name not in names and _age(part) > GRACE:
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
    """`files` (source files), `parts` (Parquet files) and `bytes` on disk of the cache."""
    home = folder()
    parts = list((home / "parts").glob("*.parquet"))
    everything = [path for path in home.rglob("*") if path.is_file()]
    return {
        "files": len(catalog().places()),
        "parts": len(parts),
        "bytes": sum(path.stat().st_size for path in everything if path.exists()),
    }


def clear() -> None:
    """Empty the cache; the next load parses everything again."""
    shutil.rmtree(folder(), ignore_errors=True)


def prune() -> int:
    """Take out local files that are gone from their place, and all that nobody needs; how many files went."""
    known = catalog()
    gone = [file_id for file_id, place in known.places() if "://" not in place and not Path(place).exists()]
    known.forget(gone)
    sweep(grace=0)
    return len(gone)
