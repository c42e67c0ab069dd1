"""From what a user names to the files that hold its records: each with its identity, and where to read it.

A file's name may be AWS's: ``<account>_vpcflowlogs_<region>_<flow log>_<slot>_<hash>.log.gz``, where the slot is the
five minutes in which its records end. https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
"""

import glob
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from flowkit.loading.errors import SourceError
from flowkit.loading.sample import SAMPLE

_AWS_NAME = re.compile(
    r"(?P<account_id>\d+)_vpcflowlogs_(?P<region>[a-z0-9-]+)_(?P<flow_log_id>fl-[0-9a-f]+)_(?P<slot>\d{8}T\d{4})Z_[^/]*"
)
_TABLE = re.compile(r"(?!s3:|cloudwatch:)[a-z0-9+]+://[^#]*#.+", re.DOTALL)
#: Seconds that a slot lasts, and by which a record may come after its end: aggregation, then delivery.
SLOT, LATE = 300, 600 + 900
#: The first second of flow logs; slots of another age are no slots.
FIRST_SECOND = 1_388_534_400


class Source(Protocol):
    """What a kind of source has to offer; `s3` and `cloudwatch` are two, as modules."""

    def list_objects(self, uri: str, start: int | None, end: int | None) -> Iterator:
        """The objects at `uri` that may hold records of the window; each has `place`, `etag` (identity) and `size`."""

    def fetch(self, objects: Iterable, folder: Path) -> Iterator[tuple[object, Path | Exception]]:
        """Each object as it was read, with a new file in `folder` that holds its bytes, or the reason why not."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a source: where it is, what tells it from a later version, its bytes, and where to read it."""

    place: str
    stamp: str
    size: int
    path: Path | None = None
    remote: object = None

    @property
    def etag(self) -> str:
        """The identity, as objects of a remote source call it."""
        return self.stamp


class Streams:
    """stdin and named pipes: read once, into a file of the cache."""

    @staticmethod
    def fetch(streams: Iterable[SourceFile], folder: Path) -> Iterator[tuple[SourceFile, Path | Exception]]:
        """Each stream with the file that holds its bytes."""
        for number, each in enumerate(streams):
            path = folder / f"stream-{number}"
            try:
                source = os.fdopen(0, "rb", closefd=False) if each.path is None else each.path.open("rb")
                with source as stream, path.open("wb") as file:
                    shutil.copyfileobj(stream, file, 1 << 20)
                yield each, path
            except OSError as error:
                yield each, SourceError(f"cannot be read: {error.strerror}")


#: What `find` last left aside on the way: places, each with the reason.
aside: dict[str, str] = {}


def aws_name(place: str) -> dict[str, str]:
    """Return account_id, region, flow_log_id and slot of a file that AWS named; empty for others."""
    found = _AWS_NAME.fullmatch(place.rsplit("/", 1)[-1])
    return found.groupdict() if found else {}


def slot_of(place: str) -> int | None:
    """Return the beginning of the file's slot, in seconds since 1970; None where its name has none that can be."""
    slot = aws_name(place).get("slot")
    try:
        at = int(datetime.strptime(slot, "%Y%m%dT%H%M").replace(tzinfo=UTC).timestamp()) if slot else None
    except (ValueError, OverflowError):
        return None
    return at if at and FIRST_SECOND <= at <= time.time() + 86_400 else None


def may_hold(place: str, start: int | None, end: int | None) -> bool:
    """Return whether a file of this name may hold records of the window."""
    slot = slot_of(place)
    if slot is None:
        return True
    return (start is None or slot + SLOT > start) and (end is None or slot < end + LATE)


def is_table(source: object) -> bool:
    """Return whether `source` is an Ibis table, or an Ibis connection URL with a table: `athena://…#vpc_flow_logs`."""
    if isinstance(source, str):
        return bool(_TABLE.fullmatch(source))
    return type(source).__module__.startswith("ibis.")


def find(source: str | Path, start: int | None = None, end: int | None = None) -> list[SourceFile]:
    """Return the files of `source` that may hold records of the window, each once, in the order of their places.

    None is an answer where there are files, but not of the window. Raises SourceError where there are no files.
    """
    text = str(source)
    if not text:
        raise ValueError("the source is empty: name a file, a folder, a glob, s3://bucket/prefix, - or sample")
    if remote := remote_of(text):
        files = [
            SourceFile(each.place, each.etag, each.size, remote=each) for each in remote.list_objects(text, start, end)
        ]
        if not files and not (start is None and end is None) and hasattr(remote, "holds"):
            remote.holds(text)
        empty = not files and start is None and end is None
    else:
        everything = list(_local(text))
        files = [each for each in everything if may_hold(each.place, start, end)]
        empty = not everything
    if empty:
        left = "".join(f"; {place}: {why}" for place, why in list(aside.items())[:2])
        raise SourceError(f"no files in {text}{left}")
    return sorted({file.place: file for file in files}.values(), key=lambda file: file.place)


def remote_of(place: str):
    """Return the module that lists and fetches what lies at `place`; None for a local path."""
    from flowkit.loading import cloudwatch, s3  # they know slots by this module

    return {"s3:": s3, "cloudwatch:": cloudwatch}.get(place.partition("//")[0])


def is_stream(source: object) -> bool:
    """Return whether `source` can be read but once: stdin or a named pipe."""
    try:
        return str(source) == "-" or stat.S_ISFIFO(Path(str(source)).stat().st_mode)
    except (OSError, ValueError):
        return False


def _local(text: str) -> Iterator[SourceFile]:
    if text == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise SourceError("stdin is closed: there is nothing to read")
        yield SourceFile("-", f"{time.time_ns()}", 0, remote=SourceFile("-", "", 0))
        return
    path = SAMPLE / "AWSLogs" if text == "sample" else _expanded(text)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        if not glob.has_magic(text):
            said = f"there is no {text}: name a file, a folder, a glob, s3://bucket/prefix, - or sample"
            raise SourceError(said) from None
        for each in sorted(glob.iglob(str(path), recursive=True)):  # noqa: PTH207 - a whole pattern, absolute or not
            if Path(each).is_dir():
                yield from _below(each, set())
            elif file := _file(each):
                yield file
        return
    if stat.S_ISDIR(mode):
        yield from _below(str(path), set())
    elif stat.S_ISFIFO(mode):
        yield SourceFile(str(path), f"{time.time_ns()}", 0, remote=SourceFile(str(path), "", 0, path))
    elif stat.S_ISREG(mode):
        yield _file(str(path))
    else:
        raise SourceError(f"{text} is a device or a socket, not a file")


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise SourceError(f"{text} cannot be found: there is no home folder") from None


def _below(folder: str, seen: set[tuple[int, int]]) -> Iterator[SourceFile]:
    """The files below a folder, each folder once; what is hidden (`.x`, `_x`) is not looked at."""
    try:
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        names = sorted(os.scandir(folder), key=lambda each: each.name)
    except OSError as error:
        aside[_shown(folder)] = f"cannot be read: {error.strerror}"
        return
    real = os.path.realpath(folder)
    for each in names:
        if each.name.startswith((".", "_")):
            continue
        if each.is_dir():
            yield from _below(each.path, seen)
        elif file := _file(each.path, None if each.is_symlink() else f"{real}/{each.name}"):
            yield file


def _file(path: str, real: str | None = None) -> SourceFile | None:
    """One file; None, and said aside, where it is none."""
    try:
        status = Path(path).stat()
    except OSError as error:
        aside[_shown(path)] = f"cannot be read: {error.strerror}"
        return None
    if not stat.S_ISREG(status.st_mode):
        aside[_shown(path)] = "a pipe, a device or a socket, not a file"
        return None
    place = _shown(real or os.path.realpath(path))
    return SourceFile(place, f"{status.st_size}-{status.st_mtime_ns}", status.st_size, Path(path))


def _shown(path: str) -> str:
    """A path as text, also where its bytes are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
