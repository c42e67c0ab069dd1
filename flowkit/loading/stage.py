"""From source files to plain lines that DuckDB reads: the fast way where a file looks clean, else the careful.

The fast way looks at no line but the first. It hands the bytes on and counts two things: lines, and bytes that
are no digits. What DuckDB makes of them (`parse`) must add up to both; a file that does not goes the careful way.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from flowkit.loading import formats
from flowkit.loading.containers import Blocks, lines, messages
from flowkit.loading.errors import SourceError
from flowkit.loading.formats import DEFAULT, Format
from flowkit.loading.lines import EXPORTED_AT, Malformed, Row, Skipped, first_format, judge

#: A file with less text than this shares one staged file with others: DuckDB pays for each file it opens.
SMALL = 1 << 20
#: Bytes looked at together: they stay in the processor's cache.
_SLICE = 1 << 18
_EXPORTED_LINE = re.compile(rb"(?m)^" + EXPORTED_AT.pattern.encode() + rb" ")


class Text:
    """The rows of one source file in one format, a line each: in memory while small, else in a file."""

    def __init__(self, place: Path):
        self.place = place
        self.blocks: list[bytes] = []
        self.size = 0
        self.rows = 0
        self.in_file = False

    def write(self, block: bytes) -> None:
        """Append `block`."""
        self.blocks.append(block)
        self.size += len(block)
        if self.in_file or self.size > SMALL:
            with self.place.open("ab") as file:
                file.writelines(self.blocks)
            self.blocks.clear()
            self.in_file = True

    def tagged(self, tag: int) -> bytes:
        """The lines, each with `tag` as one more field."""
        return b"".join(self.blocks).replace(b"\n", b" %d\n" % tag)

    def remove(self) -> None:
        """The text is in Parquet: its file goes."""
        self.place.unlink(missing_ok=True)


@dataclass
class Staged:
    """One source file made ready: its texts by format, and what was counted on the way."""

    texts: dict[Format, Text] = field(default_factory=dict)
    lines: int = 0
    headers: int = 0
    blank: int = 0
    headed: bool = False
    malformed: list[Malformed] = field(default_factory=list)
    damage: str | None = None
    fast: bool = False
    other_bytes: int = 0


def stage(path: Path, place: Path, given: Format | None = None, careful: bool = False) -> Staged:
    """The lines of the file at `path`, made ready at `place`; `given` is the format the user says.

    Raises SourceError where it holds no flow log, or nothing says which fields its lines hold.
    """
    staged = None if careful else _fast(path, place, given)
    return staged or _careful(path, place, given)


def _fast(path: Path, place: Path, given: Format | None) -> Staged | None:
    blocks = Blocks(path)
    pieces = iter(blocks)
    head = next((block for block in pieces if block), b"")
    first, ended, rest = head.partition(b"\n")
    if not ended or len(first) > 4096 or not first.isascii():
        return None
    tokens = first.decode().split(" ")
    exported = bool(EXPORTED_AT.fullmatch(tokens[0]))
    named = formats.header(tokens)
    format = named or given or (DEFAULT if formats.is_default(tokens[exported:]) else None)
    if format is None or not (format.integers or format.addresses):
        return None
    staged = Staged(fast=True, headed=bool(named), lines=int(bool(named)), headers=int(bool(named)))
    text = Text(_fresh(place, 0))
    last = b""
    for block in _whole(rest if named else head, pieces, exported):
        counts = _counts(block)
        if counts is None:
            return None
        text.rows += counts[0]
        staged.other_bytes += counts[1]
        text.write(block)
        last = block[-1:] or last
    if blocks.damage:
        return None
    if last not in (b"", b"\n"):
        text.write(b"\n")
        text.rows += 1
        staged.other_bytes += 1
    staged.lines += text.rows
    if text.rows:
        staged.texts[format] = text
    return staged


def _whole(first: bytes, others: Iterable[bytes], exported: bool) -> Iterator[bytes]:
    """The blocks; where CloudWatch `exported` them, cut at line ends and without the time before each line."""
    if not exported:
        yield first
        yield from others
        return
    rest = b""
    for block in (first, *others):
        whole, ended, rest = (rest + block).rpartition(b"\n")
        yield _EXPORTED_LINE.sub(b"", whole + ended)
    yield _EXPORTED_LINE.sub(b"", rest)


def _counts(block: bytes) -> tuple[int, int] | None:
    """Line ends, and bytes that are no digit; None where a byte is neither printable ASCII nor a line end."""
    ends = others = odd = 0
    data = np.frombuffer(block, np.uint8)
    for at in range(0, len(data), _SLICE):
        part = data[at : at + _SLICE]
        ends += np.count_nonzero(part == 10)
        odd += np.count_nonzero(part - np.uint8(32) > 94)
        others += np.count_nonzero(part - np.uint8(48) > 9)
    return (int(ends), int(others)) if odd == ends else None


def _careful(path: Path, place: Path, given: Format | None) -> Staged:
    staged = Staged()
    blocks = Blocks(path, careful=True)
    format = first_format(_lines(Blocks(path, careful=True)), given)
    for verdict in judge(_lines(blocks), format, cut=blocks.cut_off):
        _count(staged, verdict, place)
    if not staged.lines:
        raise SourceError(blocks.damage or "the file is empty")
    staged.damage = blocks.damage
    return staged


def _count(staged: Staged, verdict: Row | Malformed | Skipped, place: Path) -> None:
    if isinstance(verdict, Row):
        if verdict.format not in staged.texts:
            staged.texts[verdict.format] = Text(_fresh(place, len(staged.texts)))
        staged.texts[verdict.format].write((" ".join(verdict.tokens) + "\n").encode())
        staged.texts[verdict.format].rows += 1
    elif isinstance(verdict, Malformed):
        staged.malformed.append(verdict)
    elif verdict.what == "header":
        staged.headed = staged.headed or staged.lines == staged.blank
        staged.headers += 1
    else:
        staged.blank += 1
    staged.lines += 1


def _lines(blocks: Blocks) -> Iterator[str]:
    """The log lines of a file, out of CloudWatch's JSON where that is what it holds."""
    pieces = iter(blocks)
    head = next((block for block in pieces if block.strip()), b"").removeprefix(b"\xef\xbb\xbf")
    if head.lstrip()[:1] in (b"{", b"["):
        return messages(b"".join((head, *pieces)).decode("utf-8", "replace"))
    return lines(itertools.chain((head,), pieces))


def _fresh(place: Path, number: int) -> Path:
    """The file for a source file's text of one format; what a broken attempt left there goes."""
    path = place.with_name(f"{place.name}-{number}.txt")
    path.unlink(missing_ok=True)
    return path
