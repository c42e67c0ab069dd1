"""Sources: from what a user names to the files that hold its records.

A file's name may be AWS's: ``<account>_vpcflowlogs_<region>_<flow log>_<slot>_<hash>.log.gz``, where the slot is the
five minutes in which its records end. https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
"""

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flowkit.loading.errors import SourceError
from flowkit.loading.sample import SAMPLE

_AWS_NAME = re.compile(
    r"(?P<account_id>\d+)_vpcflowlogs_(?P<region>[a-z0-9-]+)_(?P<flow_log_id>fl-[0-9a-f]+)_(?P<slot>\d{8}T\d{4})Z_[^/]*"
)
_TABLE = re.compile(r"(?!s3:|cloudwatch:)[a-z0-9+]+://[^#]*#.+", re.DOTALL)
#: Seconds that a slot lasts, and by which a record may come after its end: aggregation, then delivery.
SLOT, LATE = 300, 600 + 900


@dataclass(frozen=True)
class SourceFile:
    """One file of a source: where it is, what tells it from a later version, its bytes, and where to read it."""

    place: str
    stamp: str
    size: int
    path: Path | None = None
    remote: object = None


def aws_name(place: str) -> dict[str, str]:
    """account_id, region, flow_log_id and slot of a file that AWS named; empty for others."""
    found = _AWS_NAME.fullmatch(place.rsplit("/", 1)[-1])
    return found.groupdict() if found else {}


def slot_of(place: str) -> int | None:
    """The beginning of the file's slot, in seconds since 1970; None where its name has none."""
    slot = aws_name(place).get("slot")
    try:
        return int(datetime.strptime(slot, "%Y%m%dT%H%M").replace(tzinfo=UTC).timestamp()) if slot else None
    except ValueError:
        return None


def may_hold(place: str, start: int | None, end: int | None) -> bool:
    """Whether a file of this name may hold records of the window."""
    slot = slot_of(place)
    if slot is None:
        return True
    return (start is None or slot + SLOT > start) and (end is None or slot < end + LATE)


def is_table(source: object) -> bool:
    """Whether `source` is an Ibis table, or an Ibis connection URL with a table: `athena://…#vpc_flow_logs`."""
    return (
        bool(_TABLE.fullmatch(source))
        if isinstance(source, str)
        else type(source).__module__.startswith("ibis.")
    )


def find(source: str | Path, start: int | None = None, end: int | None = None) -> list[SourceFile]:
    """The files of `source` that may hold records of the window, each once, in the order of their places.

    None is an answer where there are files, but not of the window. Raises SourceError where there are no files.
    """
    text = str(source)
    if remote := remote_of(text):
        objects = list(remote.list_objects(text, start, end))
        files = [SourceFile(each.place, each.etag, each.size, remote=each) for each in objects]
        empty = not files and start is None and end is None
    else:
        paths = list(_paths(text))
        files = [_local(path) for path in paths if may_hold(path.name, start, end)]
        empty = not paths
    if empty:
        raise SourceError(f"no files in {text}")
    return sorted({file.place: file for file in files}.values(), key=lambda file: file.place)


def remote_of(place: str):
    """The module that lists and fetches what lies at `place`; None for a local path."""
    from flowkit.loading import cloudwatch, s3  # they know slots by this module

    return {"s3:": s3, "cloudwatch:": cloudwatch}.get(place.partition("//")[0])


def _paths(text: str) -> Iterator[Path]:
    path = SAMPLE / "AWSLogs" if text == "sample" else Path(text).expanduser()
    if path.is_dir():
        yield from (
            each for each in path.rglob("*") if each.is_file() and not _hidden(each.relative_to(path))
        )
    elif path.exists():
        yield path
    elif glob.has_magic(text):
        for each in map(Path, glob.iglob(str(path), recursive=True)):  # noqa: PTH207 - a whole pattern, absolute or not
            yield from _paths(str(each)) if each.is_dir() else (each,)
    else:
        raise SourceError(f"there is no {text}: name a file, a folder, a glob, s3://bucket/prefix, or sample")


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_SUCCESS")) for part in path.parts)


def _local(path: Path) -> SourceFile:
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    return SourceFile(str(path.resolve()), f"{status.st_size}-{status.st_mtime_ns}", status.st_size, path)
