"""From source files to Parquet: the records, the malformed lines, and what was counted in each file.

Lines of many files are judged together by the pattern of their format (Polars), and read as typed columns. What does
not match goes to `strict`, one line at a time, in order: a header there changes the format of the rest of its file.
"""

import errno
import io
import itertools
import time
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from flowkit.loading import strict
from flowkit.loading.compression import Compressed
from flowkit.loading.counts import DAY, Facts, tallied, typed
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import Format
from flowkit.loading.parquet import MAGIC, Records
from flowkit.loading.shapes import Lines, Piece

#: Bytes of text that are judged together, records that go into one part, lines after a header inside a file.
TEXT, ROWS, CAREFUL = 8 << 20, 150_000, 256
#: A Parquet file that comes compressed as a whole may be so long, for it is held in memory.
LARGEST_INSIDE = 1 << 30
#: Errors that say there is no room: the disk's, a quota's, a limit's.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MALFORMED = {"file_id": pl.Int64, "line": pl.Int64, "text": pl.String, "length": pl.Int64, "reason": pl.String}


class Parser:
    """Reads files one after another into Parquet files in `folder`; safe in a thread of its own."""

    def __init__(self, folder: Path, name: str, given: Format | None):
        self.folder, self.name, self.given = folder, name, given
        self.latest = int(time.time()) + DAY
        self.waiting: dict[Format, list[tuple[Facts, Lines, Piece]]] = {}
        self.frames: dict[str, list[pl.DataFrame]] = {"vpc": [], "transit-gateway": [], "malformed": []}
        self.bad: list[tuple] = []
        self.parts: list[Path] = []
        self.files: dict[int, Facts] = {}

    def read(self, facts: Facts, path: Path) -> None:
        """Read one file; what can be read of a damaged one. A refusal is that file's alone."""
        self.files[facts.file_id] = facts
        lines = None
        try:
            lines, damaged = self._lines_of(path)
            lines.damaged = damaged
            alone = False
            for piece in lines:
                if alone:  # a header in what came before may have changed this file's format
                    self.settle()
                self.waiting.setdefault(lines.format, []).append((facts, lines, piece))
                alone = True
                if sum(len(each.data) for _, _, each in self.waiting[lines.format]) >= TEXT:
                    self.settle()
            facts.damage = damaged() or getattr(lines, "broken", None)
            facts.headed = lines.headed
            facts.headers += lines.headers
            facts.blank += lines.blank
            facts.lines += lines.headers + lines.blank
        except SourceError as error:
            self._refuse(facts, lines, str(error))
        except OSError as error:
            if error.errno in FULL:
                raise
            self._refuse(facts, lines, f"cannot be read: {error.strerror or error}")

    def _refuse(self, facts: Facts, lines: Lines | None, reason: str) -> None:
        if lines is not None and any(facts is each for group in self.waiting.values() for each, _, _ in group):
            self.settle()
        if facts.lines:
            facts.damage = reason
        else:
            facts.refusal = reason

    def _lines_of(self, path: Path):
        """The reader of a file, by what it begins with, and what says whether it was damaged."""
        with path.open("rb") as file:
            if file.read(4) == MAGIC:
                return Records(path, self.given), lambda: None
        compressed = Compressed(path)
        blocks = iter(compressed)
        head = next(blocks, b"")
        if head.startswith(MAGIC):
            inside = head
            for block in blocks:
                inside += block
                if len(inside) > LARGEST_INSIDE:
                    raise SourceError("a compressed Parquet file that is too large: decompress it first")
            return Records(inside, self.given), lambda: compressed.damage
        return Lines(itertools.chain([head], blocks), self.given), lambda: compressed.damage

    def settle(self) -> None:
        """Judge and read all lines that wait."""
        waiting, self.waiting = self.waiting, {}
        for format, group in waiting.items():
            todo, careful = [group], CAREFUL
            while todo:
                rest = self._judge(format, todo.pop())
                for facts, lines, piece in rest:
                    # The next lines first: where headers follow headers, not all that is left is judged again.
                    first, later = _split(piece, careful)
                    careful = min(4 * careful, 1 << 30)
                    format = lines.format  # noqa: PLW2901
                    todo += [[(facts, lines, later)]] * bool(later.data) + [[(facts, lines, first)]]
        if sum(len(frame) for frames in self.frames.values() for frame in frames) >= ROWS or len(self.bad) > ROWS:
            self.write()

    def _judge(self, format: Format, group: list[tuple[Facts, Lines, Piece]]) -> list[tuple[Facts, Lines, Piece]]:
        """Read the lines of one format; returns what stands after headers of other formats, still to be read."""
        data = b"".join(piece.data for _, _, piece in group)
        try:
            lines = pl.read_lines(io.BytesIO(data), name="line").to_series()
        except pl.exceptions.ComputeError:  # bytes that are no UTF-8
            data = data.decode("utf-8", "replace").encode()
            lines = pl.read_lines(io.BytesIO(data), name="line").to_series()
        fits = lines.str.contains(format.pattern)
        counts = [piece.data.count(b"\n") for _, _, piece in group]
        ids = pl.concat([
            pl.repeat(facts.file_id, count, dtype=pl.Int64, eager=True)
            for (facts, _, _), count in zip(group, counts, strict=True)
        ]).alias("file_id")  # fmt: skip
        for (facts, _, _), count in zip(group, counts, strict=True):
            facts.lines += count
        rest, number = [], len(lines)
        if not fits.all() or any(piece.cut for _, _, piece in group):
            keep = fits.to_list()
            rest, rows = self._doubted(format, group, counts, keep)
            kept = pl.DataFrame([lines, ids]).filter(pl.Series(keep, dtype=pl.Boolean))
            kept = pl.concat([kept, pl.DataFrame(rows, kept.schema, orient="row")])
            data = kept.select("line").write_csv(include_header=False, quote_style="never").encode()
            ids, number = kept["file_id"], len(kept)
        if number:
            self._keep(typed(data, format).with_columns(ids), format)
        return rest

    def _doubted(self, format: Format, group: list, counts: list[int], keep: list[bool]) -> tuple[list, list]:
        """Look once more at the lines that are not to `keep`: what is left after headers, and the rows found."""
        rest, rows, start = [], [], 0
        for (facts, source, piece), count in zip(group, counts, strict=True):
            raw = None
            if piece.cut:
                keep[start + count - 1] = False
            for index in range(count):
                if keep[start + index]:
                    continue
                raw = raw or (piece.raw or piece.data).split(b"\n")
                line = raw[index].removesuffix(b"\r").decode("utf-8", "replace")
                if piece.cut and index == count - 1:
                    verdicts = [strict.Verdict("malformed", reason="cut off where the file is damaged")]
                else:
                    verdicts = strict.judge(line, format, piece.delimiter)
                other = self._count(facts, piece.line + index, line, verdicts, rows)
                if other and other != format:
                    source.format = other
                    keep[start + index : start + count] = [False] * (count - index)
                    rest.append((facts, source, _split(piece, index + 1)[1]))
                    facts.lines -= count - index - 1
                    break
            start += count
        return rest, rows

    def _count(self, facts: Facts, number: int, line: str, verdicts: list, rows: list) -> Format | None:
        """Count what one line is, and take its rows; returns the format where it is a header."""
        facts.lines += len(verdicts) - 1
        named = None
        for verdict in verdicts:
            if verdict.kind == "row":
                rows.append((" ".join(verdict.tokens), facts.file_id))
            elif verdict.kind == "header":
                facts.headers += 1
                named = verdict.format
            elif verdict.kind == "blank":
                facts.blank += 1
            else:
                facts.malformed += 1
                facts.reason = facts.reason or verdict.reason
                self.bad.append((facts.file_id, number, line[: strict.KEPT], len(line), verdict.reason))
        return named

    def _keep(self, frame: pl.DataFrame, format: Format) -> None:
        """Take typed records, and count them by file."""
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


def read_files(files: Iterable[tuple[Facts, Path]], folder: Path, name: str, given: Format | None) -> Parser:
    """Return the parser that read these files into `folder`: its `files` are the facts, its `parts` the Parquet."""
    parser = Parser(folder, name, given)
    for facts, path in files:
        parser.read(facts, path)
    parser.settle()
    parser.write()
    return parser


def _split(piece: Piece, lines: int) -> tuple[Piece, Piece]:
    """The first lines of a piece, and the others."""
    data = piece.data.split(b"\n", lines)
    raw = piece.raw.split(b"\n", lines) if piece.raw is not None else None
    (head, tail), (raw_head, raw_tail) = _cut(data, lines), _cut(raw, lines)
    return (
        piece._replace(data=head, raw=raw_head, cut=piece.cut and not tail),
        piece._replace(data=tail, raw=raw_tail, line=piece.line + lines),
    )


def _cut(parts: list[bytes] | None, lines: int) -> tuple[bytes | None, bytes | None]:
    if parts is None:
        return None, None
    if len(parts) <= lines:
        return b"\n".join(parts), b""
    return b"".join(line + b"\n" for line in parts[:lines]), parts[lines]
