"""From a path on this machine to the files below it, each with its identity; and what a file's name says of its time.

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
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from flowkit.loading.errors import SourceError
from flowkit.loading.sample import SAMPLE

_AWS_NAME = re.compile(
    r"(?P<account_id>\d+)_vpcflowlogs_(?P<region>[a-z0-9-]+)_(?P<flow_log_id>fl-[0-9a-f]+)_(?P<slot>\d{8}T\d{4})Z_[^/]*"
)
_TABLE = re.compile(r"(?!s3:|cloudwatch:)[a-z0-9+]+://[^#]*#.+", re.DOTALL)
#: Seconds that a slot lasts, and by which a record may come after its end: aggregation, then delivery.
SLOT, LATE = 300, 600 + 900
#: Flow logs are from after this second, and from before tomorrow: other times are no times of traffic.
FIRST_TIME, DAY = 1_388_534_400, 86_400
#: The environment variable that names the report which this process and its kernels make.
REPORT = "FLOWKIT_REPORT"
#: What a source may be.
KINDS = "name a file, a folder, a glob, s3://bucket/prefix, cloudwatch://log-group, URL#table, - or sample"
#: All files below a folder.
_ALL = ("**",)


@dataclass(frozen=True)
class SourceFile:
    """One file of a source: where it is, what tells it from a later version, its bytes, and where to read it.

    `once`: it can be read but once, as stdin. `aside` says why it is nothing to read, `failure` why it cannot be read.
    """

    place: str
    stamp: str = ""
    size: int = 0
    path: Path | None = None
    once: bool = False
    aside: str = ""
    failure: str = ""


def aws_name(place: str) -> dict[str, str]:
    """Return account_id, region, flow_log_id and slot of a file that AWS named; empty for others."""
    found = _AWS_NAME.fullmatch(place.rsplit("/", 1)[-1])
    return found.groupdict() if found else {}


def slot_of(place: str) -> int | None:
    """Return the beginning of the file's slot, in seconds since 1970; None where its name has none that can be."""
    with suppress(KeyError, ValueError, OverflowError):
        at = int(datetime.strptime(aws_name(place)["slot"], "%Y%m%dT%H%M").replace(tzinfo=UTC).timestamp())
        return at if FIRST_TIME <= at <= time.time() + DAY else None
    return None


def may_hold(place: str, start: int | None, end: int | None) -> bool:
    """Return whether a file of this name may hold records of the window."""
    slot = slot_of(place)
    return slot is None or ((start is None or slot + SLOT > start) and (end is None or slot < end + LATE))


def is_table(source: object) -> bool:
    """Return whether `source` is an Ibis table, or an Ibis connection URL with a table: `athena://…#vpc_flow_logs`."""
    if isinstance(source, str):
        return bool(_TABLE.fullmatch(source))
    return type(source).__module__.startswith("ibis.")


def called(source: object) -> str:
    """Return what messages call `source`: an Ibis table by its name, for its text is its whole schema."""
    if isinstance(source, str | Path):
        return str(source)
    return getattr(source.op(), "name", "a table of Ibis") if is_table(source) else repr(source)


@contextmanager
def fitting(source: object) -> Iterator[None]:
    """Raise an engine's error over a value that is no number as SourceError that names column and value; what the engine
    itself names is a place in a query that nobody wrote."""
    try:
        yield
    except Exception as error:
        if isinstance(error, SourceError) or not is_table(source):
            raise
        from flowkit.loading.engines import misfit  # with Ibis, which files do not need

        if not (why := misfit(source)):
            raise
        raise SourceError(f"{called(source)} cannot be read: {why}") from None


def list_objects(text: str, start: int | None, end: int | None) -> Iterator[SourceFile]:
    """The files at a path, below a folder or of a glob that may hold records of the window, and what is not read.

    What is hidden below a folder (`.x`, `_x`) is left aside. Raises SourceError where there are no files.
    """
    files = list(_named(text))
    if len(files) == 1 and files[0].aside and files[0].place == text:
        raise SourceError(f"{text} is {files[0].aside}")
    if all(each.aside for each in files):
        reasons = "".join(f"; {each.place}: {each.aside}" for each in files[:2])
        raise SourceError(f"no files in {text}{reasons}")
    yield from (each for each in files if each.aside or each.failure or may_hold(each.place, start, end))


def _named(text: str) -> Iterator[SourceFile]:
    """All that a path or a glob names. What can be read but once is the same for all that read it in one report."""
    once = os.environ.get(REPORT) or f"{time.time_ns()}"
    if text == "-" or (text.startswith(("/dev/fd/", "/dev/stdin")) and os.environ.get(REPORT)):
        yield SourceFile(text, once, path=None if text == "-" else Path(text), once=True)
        return
    try:
        path = SAMPLE / "AWSLogs" if text == "sample" else Path(text).expanduser()
        mode = path.stat().st_mode
    except RuntimeError:
        raise SourceError(f"{text} cannot be found: there is no home folder") from None
    except (OSError, ValueError) as error:
        if glob.has_magic(text):
            fixed = next(at for at, part in enumerate(path.parts) if glob.has_magic(part))
            yield from _walk(str(Path(*path.parts[:fixed])), path.parts[fixed:], set())
            return
        if isinstance(error, FileNotFoundError | NotADirectoryError | ValueError):
            raise SourceError(f"there is no {text}: {KINDS}") from None
        raise SourceError(f"{text} cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        yield from _walk(str(path), _ALL, set())
    elif stat.S_ISFIFO(mode) and str(path).startswith(("/dev/", "/proc/")):  # of this process, as <( ) is
        yield SourceFile(str(path), once, path=path, once=True)
    else:
        yield _file(str(path), os.path.realpath(path))


def _walk(folder: str, pattern: tuple[str, ...], seen: set) -> Iterator[SourceFile]:
    """The files below `folder` that match the parts of `pattern`, where `**` is any number of folders, each once."""
    try:
        status = Path(folder).stat()
        entries = sorted(os.scandir(folder), key=lambda each: each.name)
    except FileNotFoundError:
        return
    except OSError as error:
        yield SourceFile(_shown(folder), failure=f"cannot be read: {error.strerror}")
        return
    if (step := (status.st_dev, status.st_ino, pattern)) in seen:
        return
    seen.add(step)
    part, rest = pattern[0], pattern[1:]
    real = os.path.realpath(folder)
    if part == "**" and rest:
        yield from _walk(folder, rest, seen)
    for entry in entries:
        hidden = entry.name.startswith((".", "_") if pattern == _ALL else ".")
        inner = False
        with suppress(OSError):  # a link to itself
            inner = entry.is_dir()
        if part == "**":
            wanted, below = not hidden, pattern
        else:
            wanted, below = fnmatchcase(entry.name, part) and (part.startswith(".") or not hidden), rest or _ALL
        if hidden and pattern == _ALL:
            yield SourceFile(_shown(f"{real}/{entry.name}"), aside="hidden: its name begins with . or _")
        elif wanted and inner:
            yield from _walk(entry.path, below, seen)
        elif wanted and not rest:
            yield _file(entry.path, os.path.realpath(entry.path) if entry.is_symlink() else f"{real}/{entry.name}")


def _file(path: str, real: str) -> SourceFile:
    try:
        status = Path(path).stat()
    except OSError as error:
        return SourceFile(_shown(path), failure=f"cannot be read: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return SourceFile(_shown(path), aside="a pipe, a device or a socket, not a file")
    return SourceFile(_shown(real), f"{status.st_size}-{status.st_mtime_ns}", status.st_size, Path(path))


def _shown(path: str) -> str:
    """A path as text, also where its bytes are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def fetch(files: Iterable[SourceFile], folder: Path) -> Iterator[tuple[SourceFile, Path | SourceError]]:
    """Each file with where its bytes are, or the reason why not; stdin and a named pipe go to a new file in `folder`."""
    for file in files:
        path = file.path
        if file.once and path is None and sys.stdin is None:
            path = SourceError("stdin is closed: there is nothing to read")
        elif file.once:
            try:
                source = path.open("rb") if path else os.fdopen(0, "rb", closefd=False)
            except OSError as error:
                yield file, SourceError(f"cannot be read: {error.strerror}")
                continue
            path = folder / uuid.uuid4().hex
            with source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        yield file, path


def at_once(work: Callable, items: Iterable, workers: int) -> Iterator:
    """What `work` gives for each of `items`, in order, `workers` at a time and only a few ahead."""
    rest = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(work, item) for item in islice(rest, 2 * workers))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(rest, 1))
        finally:
            for each in waiting:
                each.cancel()
