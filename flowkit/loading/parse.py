"""From source files to Parquet: the records, the malformed lines, and what was counted in each file.

Lines of many files are judged together by the pattern of their format (Polars), and read as typed columns. What does
not match is looked at in its file: a header there changes the format of the lines after it, all else goes to `strict`.
"""

import errno
import itertools
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from flowkit.loading import strict
from flowkit.loading.compression import Compressed
from flowkit.loading.counts import DAY, Facts, tallied, typed
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import Format, header
from flowkit.loading.parquet import MAGIC, Records
from flowkit.loading.shapes import Lines, Piece, as_lines, as_text

#: Bytes of text that are judged together, records that go into one part.
TEXT, ROWS = 8 << 20, 150_000
#: A Parquet file that comes compressed as a whole may be so long, for it is held in memory.
LARGEST_INSIDE = 1 << 30
#: Errors that say there is no room: the disk's, a quota's, a limit's.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MALFORMED = {"file_id": pl.Int64, "line": pl.Int64, "text": pl.String, "length": pl.Int64, "reason": pl.String}
#: What lines that may be headers look like, and what a line of a table has that is not blank.
_WORDS, _FILLED = r"^\W*[A-Za-z][\w-]*(?:\W+[A-Za-z][\w-]*){2,}\W*$", r"[^,;\t\r ]"

#: Lines of one format, and the file that they are of.
Found = dict[Format, list[tuple[pl.Series, int]]]


class Parser:
    """Reads files one after another into Parquet files in `folder`; safe in a thread of its own."""

    def __init__(self, folder: Path, name: str, given: Format | None):
        self.folder, self.name, self.given = folder, name, given
        self.latest = int(time.time()) + DAY
        self.waiting: dict[Format, list[tuple[Facts, Lines, Piece]]] = defaultdict(list)
        self.size = 0
        self.frames: dict[str, list[pl.DataFrame]] = {"vpc": [], "transit-gateway": [], "malformed": []}
        self.bad: list[tuple] = []
        self.parts: list[Path] = []
        self.files: dict[int, Facts] = {}

    def read(self, facts: Facts, path: Path) -> None:
        """Read one file; what can be read of a damaged one. A refusal is that file's alone."""
        self.files[facts.file_id] = facts
        source = Compressed(path)
        try:
            lines = self._lines_of(source)
            for number, piece in enumerate(lines):
                if number:  # a header in what came before may have changed this file's format
                    self.settle()
                self.waiting[lines.format].append((facts, lines, piece))
                self.size += len(piece.data)
                if self.size >= TEXT:
                    self.settle()
            facts.damage = source.damage
            facts.headed, facts.headers, facts.blank = (
                lines.headed,
                facts.headers + lines.headers,
                facts.blank + lines.blank,
            )
            facts.lines += lines.headers + lines.blank
        except SourceError as error:
            self._refuse(facts, str(error))
        except OSError as error:
            if error.errno in FULL:
                raise
            self._refuse(facts, f"cannot be read: {error.strerror or error}")

    def _refuse(self, facts: Facts, reason: str) -> None:
        self.settle()
        if facts.lines:
            facts.damage = reason
        else:
            facts.refusal = reason

    def _lines_of(self, source: Compressed) -> Lines:
        """The reader of a file, by what it begins with."""
        blocks = iter(source)
        head = next(blocks, b"")
        if not head.startswith(MAGIC):
            return Lines(source, itertools.chain([head], blocks), self.given)
        with source.path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return Records(source, source.path, self.given)
        for block in blocks:
            head += block
            if len(head) > LARGEST_INSIDE:
                raise SourceError("a compressed Parquet file that is too large: decompress it first")
        return Records(source, head, self.given)

    def settle(self) -> None:
        """Judge and read all lines that wait."""
        for format, group in self.waiting.items():
            self._judge(format, group)
        self.waiting.clear()
        self.size = 0
        if sum(len(frame) for frames in self.frames.values() for frame in frames) >= ROWS or len(self.bad) > ROWS:
            self.write()

    def _judge(self, format: Format, group: list[tuple[Facts, Lines, Piece]]) -> None:
        """Read the lines of one format, of many files."""
        data = b"".join(piece.data for _, _, piece in group)
        lines = as_lines(data)
        fits = _judged(lines, format)
        counts = [piece.data.count(b"\n") for _, _, piece in group]
        if fits.all() and not any(piece.cut for _, _, piece in group):
            for (facts, _, _), count in zip(group, counts, strict=True):
                facts.lines += count
            self._keep(
                data, format, [(count, facts.file_id) for (facts, _, _), count in zip(group, counts, strict=True)]
            )
            return
        found: Found = defaultdict(list)
        for (facts, source, piece), start, count in zip(
            group, itertools.accumulate([0, *counts]), counts, strict=False
        ):
            source.format = self._doubted(
                facts, piece, format, lines[start : start + count], fits[start : start + count], found
            )
        for format, parts in found.items():  # noqa: PLR1704
            data = as_text(pl.concat(lines for lines, _ in parts).to_frame())
            self._keep(data, format, [(len(lines), file_id) for lines, file_id in parts])

    def _doubted(
        self, facts: Facts, piece: Piece, format: Format, lines: pl.Series, fits: pl.Series, found: Found
    ) -> Format:
        """Take apart lines of which some do not match `format`; returns the format of what follows them."""
        facts.lines += len(lines)
        maybe = (~fits & lines.str.contains(_WORDS)).arg_true()
        headers = {at: named for at in maybe if (named := header(strict.split(lines[at], format.separator), least=3))}
        facts.headers += len(headers)
        begin, current, rows = 0, format, defaultdict(list)
        for end, named in [*headers.items(), (len(lines), None)]:
            part = lines[begin:end]
            good = fits[begin:end] if current == format else _judged(part, current)
            if piece.cut and end == len(lines) and len(part):
                good = good & (pl.int_range(len(part), eager=True) < len(part) - 1)
            for at in (~good).arg_true():
                cut = piece.cut and begin + at == len(lines) - 1
                reason = "cut off where the file is damaged"
                verdicts = [strict.Verdict("malformed", reason)] if cut else strict.judge(part[at], current)
                self._count(facts, piece.line + begin + at, part[at], verdicts, rows)
            found[current].append((part.filter(good), facts.file_id))
            begin, current = (
                end + 1,
                named._replace(separator=format.separator, quoted=format.quoted) if named else current,
            )
        for plain, texts in rows.items():
            found[plain].append((pl.Series("line", texts), facts.file_id))
        return current

    def _count(self, facts: Facts, number: int, line: str, verdicts: list[strict.Verdict], rows: dict) -> None:
        """Count what one line is, and take its rows."""
        facts.lines += len(verdicts) - 1
        for verdict in verdicts:
            if verdict.kind == "row":
                rows[verdict.format].append(verdict.text)
            elif verdict.kind == "blank":
                facts.blank += 1
            else:
                facts.malformed += 1
                facts.reason = facts.reason or f"line {number}: {verdict.text}"
                self.bad.append((facts.file_id, number, line[: strict.KEPT], len(line), verdict.text))

    def _keep(self, data: bytes, format: Format, files: list[tuple[int, int]]) -> None:
        """Take lines that match, so many of each file, as typed records, and count them by file."""
        if not data:
            return
        ids = [pl.repeat(file_id, count, dtype=pl.Int64, eager=True) for count, file_id in files]
        frame = typed(data, format).with_columns(pl.concat(ids).alias("file_id"))
        self.frames[format.kind].append(frame)
        for row in tallied(frame, self.latest).iter_rows(named=True):
            facts = self.files[row.pop("file_id")]
            for name in ("ok", "nodata", "skipdata", "no_status", "ok_bytes", "ok_packets", "odd_times"):
                setattr(facts, name, getattr(facts, name) + int(row[name] or 0))
            facts.first = min((at for at in (facts.first, row["first"]) if at is not None), default=None)
            facts.last = max((at for at in (facts.last, row["last"]) if at is not None), default=None)
            facts.odd_example = facts.odd_example or row["odd_example"]
            facts.gateway += row["len"] if format.kind != "vpc" else 0
            facts.unknown.update(format.unknown)
            facts.formats.add(" ".join(format.names))

    def write(self) -> None:
        """Write what was read as new Parquet files."""
        if self.bad:
            self.frames["malformed"].append(pl.DataFrame(self.bad, MALFORMED, orient="row"))
            self.bad = []
        for kind, frames in self.frames.items():
            if frames:
                path = self.folder / f"{self.name}-{len(self.parts)}.{kind}.parquet"
                frame = pl.concat(frames, how="diagonal")
                frame.write_parquet(path, compression="lz4", statistics=False)
                self.parts.append(path)
                for file_id in frame["file_id"].unique():
                    self.files[file_id].parts.add(path.name)
                frames.clear()


def _judged(lines: pl.Series, format: Format) -> pl.Series:
    """Whether each line is a record of the format for certain."""
    fits = lines.str.contains(format.pattern)
    return fits if format.separator == " " else fits & lines.str.contains(_FILLED)


def read_files(files: Iterable[tuple[Facts, Path]], folder: Path, name: str, given: Format | None) -> Parser:
    """Return the parser that read these files into `folder`: its `files` are the facts, its `parts` the Parquet."""
    parser = Parser(folder, name, given)
    for facts, path in files:
        parser.read(facts, path)
    parser.settle()
    parser.write()
    return parser
