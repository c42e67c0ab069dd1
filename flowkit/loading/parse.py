"""From source files to Parquet: the records, the malformed lines, and what was counted in each file.

Lines of many files are judged together by the pattern of their format and read as typed columns. What does not match
is looked at in its file: a header there changes the format of the lines after it, all else goes to `strict`.
"""

import errno
import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from flowkit.loading import strict
from flowkit.loading.compression import Compressed
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import Format, header
from flowkit.loading.parquet import MAGIC, Records
from flowkit.loading.shapes import Lines, Piece, as_lines, as_text
from flowkit.loading.sources import DAY
from flowkit.loading.typed import tallied, typed

#: Bytes of text that are judged together, records that go into one part.
TEXT, ROWS = 2 << 20, 150_000
#: A Parquet file that comes compressed as a whole may be so long, for it is held in memory.
LARGEST_INSIDE = 1 << 30
#: Errors that say there is no room: the disk's, a quota's, a limit's.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MALFORMED = {"file_id": pl.Int64, "line": pl.Int64, "text": pl.String, "length": pl.Int64, "reason": pl.String}
#: What is counted in a file (`flowkit.ingest` says what each is), what else is said of it, and what is gathered.
SUMS = ("lines", "headers", "blank", "ok", "nodata", "skipdata", "no_status", "malformed", "ok_bytes", "ok_packets")
_SAID = ("first", "last", "odd_example", "damage", "refusal", "reason")
_SETS = ("unknown", "formats", "parts")
#: What lines that may be headers look like, and what a line of a table has that is not blank.
_WORDS, _FILLED = r"^\W*[A-Za-z][\w-]*(?:\W+[A-Za-z][\w-]*){2,}\W*$", r"[^,;|\t\r ]"


def no_facts(file_id: int, place: str, stamp: str, size: int) -> dict:
    """Return the facts of a source file that is still to be read: its row in the cache."""
    counts = dict.fromkeys((*SUMS, "odd_times", "gateway"), 0) | dict.fromkeys(_SAID)
    sets = {name: set() for name in _SETS}
    return {"file_id": file_id, "place": place, "stamp": stamp, "size": size, "headed": False, **counts, **sets}


class Parser:
    """Reads `files` into Parquet files in `folder`: its `files` are the facts by id, its `parts` the Parquet."""

    def __init__(self, files: Iterable[tuple[dict, Path]], folder: Path, name: str, given: Format | None):
        self.folder, self.name, self.given = folder, name, given
        self.latest = int(time.time()) + DAY
        self.waiting: dict[Format, list[tuple[dict, Lines, Piece]]] = defaultdict(list)
        self.size = self.rows = 0
        self.frames: dict[str, list[pl.DataFrame]] = {"vpc": [], "transit-gateway": [], "malformed": []}
        self.bad: list[tuple] = []
        self.parts: list[Path] = []
        self.files: dict[int, dict] = {}
        for facts, path in files:
            self.files[facts["file_id"]] = facts
            try:
                self._read(facts, Compressed(path))
            except (SourceError, OSError) as error:  # that file's alone
                if getattr(error, "errno", None) in FULL:
                    raise
                said = str(error) if isinstance(error, SourceError) else f"cannot be read: {error.strerror or error}"
                facts["damage" if facts["lines"] else "refusal"] = said
        self._settle()
        self._write()

    def _read(self, facts: dict, source: Compressed) -> None:
        """Read one file; what can be read of a damaged one, or of an archive of which some files are of other kinds."""
        refusal = None
        for blocks in source.parts():
            try:
                self._read_part(facts, source, blocks)
            except SourceError as error:
                refusal = refusal or str(error)
        if refusal and not facts["lines"]:
            raise SourceError(refusal)
        facts["damage"] = source.damage or refusal

    def _read_part(self, facts: dict, source: Compressed, blocks: Iterator[bytes]) -> None:
        head = next(blocks, b"")
        if head.startswith(MAGIC):
            with source.path.open("rb") as file:
                inside = bytearray(head if file.read(len(MAGIC)) != MAGIC else b"")
            for block in blocks if inside else ():
                inside += block
                if len(inside) > LARGEST_INSIDE:
                    raise SourceError("a compressed Parquet file that is too large: decompress it first")
            lines = Records(source, bytes(inside) or source.path, self.given)
        else:
            lines = Lines(source, itertools.chain([head], blocks), self.given)
        for number, piece in enumerate(lines):
            if number:  # a header in what came before may have changed this file's format
                self._settle()
            else:
                facts["headers"] += lines.headers
                facts["blank"] += lines.blank
                facts["lines"] += lines.headers + lines.blank
            self.waiting[lines.format].append((facts, lines, piece))
            facts |= {"lines": facts["lines"] + piece.count, "headed": lines.headed}
            self.size += len(piece.data)
            if self.size >= TEXT:
                self._settle()

    def _settle(self) -> None:
        """Judge and read all lines that wait, those of one format together."""
        for format, group in self.waiting.items():
            data = b"".join(piece.data for _, _, piece in group)
            counts = [(piece.count, facts["file_id"]) for facts, _, piece in group]
            whole = not any(piece.cut for _, _, piece in group)
            lines = as_lines(data)
            fits = _judged(lines, format)
            if whole and data and fits.all():
                self._keep(typed(data, format), format, counts)
                continue
            start, found = 0, defaultdict(list)
            for facts, source, piece in group:
                own = slice(start, start + piece.count)
                source.format = self._doubted(facts, piece, format, lines[own], fits[own], found)
                start += piece.count
            for other, parts in found.items():
                frame = typed(as_text(pl.concat(lines for lines, _ in parts).to_frame()), other)
                self._keep(frame, other, [(len(lines), file_id) for lines, file_id in parts])
        self.waiting.clear()
        self.size = 0
        if self.rows >= ROWS or len(self.bad) > ROWS:
            self._write()

    def _doubted(
        self, facts: dict, piece: Piece, format: Format, lines: pl.Series, fits: pl.Series, found: dict[Format, list]
    ) -> Format:
        """Take apart lines of which some do not match `format`; returns the format of what follows them."""
        doubtful = (~fits).arg_true()
        maybe = doubtful.filter(lines.gather(doubtful).str.contains(_WORDS))
        headers = {at: named for at in maybe if (named := header(strict.split(lines[at], format.separator), least=3))}
        facts["headers"] += len(headers)
        whole = pl.int_range(len(lines), eager=True) < len(lines) - piece.cut
        begin, current, rows = 0, format, defaultdict(list)
        for end, named in [*headers.items(), (len(lines), None)]:
            part = lines[begin:end]
            good = (fits[begin:end] if current == format else _judged(part, current)) & whole[begin:end]
            for at in (~good).arg_true():
                line, number = part[at], piece.line + begin + at
                cut = [(None, "cut off where the file is damaged")]
                verdicts = strict.judge(line, current) if whole[begin + at] else cut
                facts["lines"] += len(verdicts) - 1
                for plain, text in verdicts:
                    if plain:
                        rows[plain].append(text)
                    elif not text:
                        facts["blank"] += 1
                    else:
                        facts["malformed"] += 1
                        facts["reason"] = facts["reason"] or f"line {number}: {text}"
                        self.bad.append((facts["file_id"], number, line[: strict.KEPT], len(line), text))
            if good.any():
                found[current].append((part.filter(good), facts["file_id"]))
            begin = end + 1
            if named:
                current = named._replace(separator=format.separator, quoted=format.quoted)
        for plain, texts in rows.items():
            found[plain].append((pl.Series("line", texts), facts["file_id"]))
        return current

    def _keep(self, frame: pl.DataFrame, format: Format, files: list[tuple[int, int]]) -> None:
        """Take typed records, so many of each file."""
        counts, ids = np.array(files, np.int64).T
        self.frames[format.kind].append(frame.with_columns(file_id=np.repeat(ids, counts)))
        self.rows += len(frame)
        for _, file_id in files:
            self.files[file_id]["unknown"].update(format.unknown)
            self.files[file_id]["formats"].add(" ".join(format.names))

    def _write(self) -> None:
        """Write what was read as new Parquet files, and count it by file."""
        if self.bad:
            self.frames["malformed"].append(pl.DataFrame(self.bad, MALFORMED, orient="row"))
        for kind, frames in self.frames.items():
            if frames:
                path = self.folder / f"{self.name}-{len(self.parts)}.{kind}.parquet"
                frame = pl.concat(frames, how="diagonal")
                frame.write_parquet(path, compression="lz4", statistics=False)
                self.parts.append(path)
                if kind != "malformed":
                    self._count(frame, kind)
                for file_id in frame["file_id"].unique():
                    self.files[file_id]["parts"].add(path.name)
                frames.clear()
        self.bad, self.rows = [], 0

    def _count(self, frame: pl.DataFrame, kind: str) -> None:
        for row in tallied(frame, self.latest).iter_rows(named=True):
            facts = self.files[row["file_id"]]
            for name in ("ok", "nodata", "skipdata", "no_status", "ok_bytes", "ok_packets", "odd_times"):
                facts[name] += int(row[name] or 0)
            for name, outer in (("first", min), ("last", max)):
                facts[name] = outer((at for at in (facts[name], row[name]) if at is not None), default=None)
            if row["odd_times"] and not facts["odd_example"]:
                facts["odd_example"] = " to ".join("-1" if at is None else f"{at}" for at in row["odd_example"])
            facts["gateway"] += row["len"] if kind != "vpc" else 0


def _judged(lines: pl.Series, format: Format) -> pl.Series:
    """Whether each line is a record of the format for certain."""
    fits = lines.str.contains(format.pattern)
    return fits if format.separator == " " else fits & lines.str.contains(_FILLED)
