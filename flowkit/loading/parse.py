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

from flowkit.fields import ADDRESSES, FIELDS, STATUS, TIMES
from flowkit.loading import strict
from flowkit.loading.compression import Compressed
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import NULLS, Format, header
from flowkit.loading.parquet import MAGIC, Records
from flowkit.loading.shapes import Lines, Piece, as_lines, as_text
from flowkit.loading.sources import DAY, FIRST_TIME

#: Seconds that no record exceeds, although the longest aggregation interval is 10 minutes: exports that sum records up
#: have longer ones. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (start, end)
LONGEST = DAY
#: Bytes of text that are judged together, records that go into one part.
TEXT, ROWS = 8 << 20, 150_000
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
_WORDS, _FILLED = r"^\W*[A-Za-z][\w-]*(?:\W+[A-Za-z][\w-]*){2,}\W*$", r"[^,;\t\r ]"
_TYPES = {"int32": pl.Int32, "int64": pl.Int64, "string": pl.String}
_COLUMNS = {field.column: _TYPES[field.type] for field in FIELDS.values()}


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
        self.size = 0
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
                self._settle()
                said = str(error) if isinstance(error, SourceError) else f"cannot be read: {error.strerror or error}"
                facts["damage" if facts["lines"] else "refusal"] = said
        self._settle()
        self._write()

    def _read(self, facts: dict, source: Compressed) -> None:
        """Read one file; what can be read of a damaged one."""
        blocks = iter(source)
        head = next(blocks, b"")
        if head.startswith(MAGIC):
            with source.path.open("rb") as file:
                inside = file.read(len(MAGIC)) != MAGIC
            for block in blocks if inside else ():
                head += block
                if len(head) > LARGEST_INSIDE:
                    raise SourceError("a compressed Parquet file that is too large: decompress it first")
            lines = Records(source, head if inside else source.path, self.given)
        else:
            lines = Lines(source, itertools.chain([head], blocks), self.given)
        for number, piece in enumerate(lines):
            if number:  # a header in what came before may have changed this file's format
                self._settle()
            self.waiting[lines.format].append((facts, lines, piece))
            self.size += len(piece.data)
            if self.size >= TEXT:
                self._settle()
        facts |= {"damage": source.damage, "headed": lines.headed}
        for name, count in (("headers", lines.headers), ("blank", lines.blank)):
            facts[name] += count
            facts["lines"] += count

    def _settle(self) -> None:
        """Judge and read all lines that wait, those of one format together."""
        for format, group in self.waiting.items():
            data = b"".join(piece.data for _, _, piece in group)
            lines = as_lines(data)
            fits = _judged(lines, format)
            counts = [piece.data.count(b"\n") for _, _, piece in group]
            if fits.all() and not any(piece.cut for _, _, piece in group):
                for (facts, _, _), count in zip(group, counts, strict=True):
                    facts["lines"] += count
                ids = [facts["file_id"] for facts, _, _ in group]
                self._keep(data, format, list(zip(counts, ids, strict=True)))
                continue
            found, start = defaultdict(list), 0
            for (facts, source, piece), count in zip(group, counts, strict=True):
                own = slice(start, start + count)
                source.format = self._doubted(facts, piece, format, lines[own], fits[own], found)
                start += count
            for other, parts in found.items():
                data = as_text(pl.concat(lines for lines, _ in parts).to_frame())
                self._keep(data, other, [(len(lines), file_id) for lines, file_id in parts])
        self.waiting.clear()
        self.size = 0
        if sum(len(frame) for frames in self.frames.values() for frame in frames) >= ROWS or len(self.bad) > ROWS:
            self._write()

    def _doubted(
        self, facts: dict, piece: Piece, format: Format, lines: pl.Series, fits: pl.Series, found: dict[Format, list]
    ) -> Format:
        """Take apart lines of which some do not match `format`; returns the format of what follows them."""
        facts["lines"] += len(lines)
        maybe = (~fits & lines.str.contains(_WORDS)).arg_true()
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
            found[current].append((part.filter(good), facts["file_id"]))
            begin = end + 1
            if named:
                current = named._replace(separator=format.separator, quoted=format.quoted)
        for plain, texts in rows.items():
            found[plain].append((pl.Series("line", texts), facts["file_id"]))
        return current

    def _keep(self, data: bytes, format: Format, files: list[tuple[int, int]]) -> None:
        """Take lines that match, so many of each file, as typed records, and count them by file."""
        if not data:
            return
        ids = [pl.repeat(file_id, count, dtype=pl.Int64, eager=True) for count, file_id in files]
        frame = _typed(data, format).with_columns(pl.concat(ids).alias("file_id"))
        self.frames[format.kind].append(frame)
        for row in _tallied(frame, self.latest).iter_rows(named=True):
            facts = self.files[row["file_id"]]
            for name in ("ok", "nodata", "skipdata", "no_status", "ok_bytes", "ok_packets", "odd_times"):
                facts[name] += int(row[name] or 0)
            for name, outer in (("first", min), ("last", max)):
                facts[name] = outer((at for at in (facts[name], row[name]) if at is not None), default=None)
            facts["odd_example"] = facts["odd_example"] or row["odd_example"]
            facts["gateway"] += row["len"] if format.kind != "vpc" else 0
            facts["unknown"].update(format.unknown)
            facts["formats"].add(" ".join(format.names))

    def _write(self) -> None:
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
                    self.files[file_id]["parts"].add(path.name)
                frames.clear()


def _judged(lines: pl.Series, format: Format) -> pl.Series:
    """Whether each line is a record of the format for certain."""
    fits = lines.str.contains(format.pattern)
    return fits if format.separator == " " else fits & lines.str.contains(_FILLED)


def _typed(data: bytes, format: Format) -> pl.DataFrame:
    """The lines as typed columns. Every line matches the pattern, so every token fits its column."""
    schema = {column: _COLUMNS.get(column, pl.String) for column in format.columns}
    before = {f"{number}": pl.String for number in range(format.before)}
    behind = {f"-{number}": pl.String for number in range(format.behind)}
    frame = pl.read_csv(
        data, has_header=False, separator=format.separator, quote_char='"' if format.quoted else None,
        null_values="-" if format.separator == " " else list(NULLS), schema=before | schema | behind,
    ).select(list(schema))  # fmt: skip
    changed = []
    for name in TIMES:
        if name in schema and (frame[name].max() or 0) >= 10**11:  # in other units: no flow log is of the year 5138
            value = seconds = pl.col(name)
            for least, unit in ((10**11, 10**3), (10**14, 10**6), (10**17, 10**9)):
                there = value.is_between(least, least * 1000, closed="left")
                seconds = pl.when(there).then(value // unit).otherwise(seconds)
            changed.append(seconds.alias(name))
    for name in (FIELDS[name].column for name in ADDRESSES if b":" in data):
        if name in schema:  # each IPv6 address in one spelling
            wide = frame[name].filter(frame[name].str.contains(":", literal=True)).unique()
            other = {value: spelt for value in wide if (spelt := strict.canonical(value)) != value}
            changed += [frame[name].replace(other)] if other else []
    return frame.with_columns(changed)


def _tallied(frame: pl.DataFrame, latest: int) -> pl.DataFrame:
    """By file: records by log-status, sums over OK records and those without status, first and last sane second."""
    needed = ("log_status", "bytes", "packets", "start", "end")
    missing = [pl.lit(None, _COLUMNS[name]).alias(name) for name in needed if name not in frame.columns]
    status, start, end = pl.col("log_status"), pl.col("start"), pl.col("end")
    odd = pl.any_horizontal(
        *(~value.is_between(FIRST_TIME, latest).fill_null(True) for value in (start, end)),
        (end > pl.min_horizontal(start, latest) + LONGEST).fill_null(False),
    )
    sums = []
    for name in ("bytes", "packets"):
        large = name in frame.columns and (frame[name].max() or 0) > 2**40  # a sum may be beyond 64 bits
        value = pl.col(name).cast(pl.Int128) if large else pl.col(name)
        sums.append(value.filter(status.is_null() | (status == "OK")).sum().cast(pl.String).alias(f"ok_{name}"))
    example = pl.concat_str(start.fill_null(-1), end.fill_null(-1), separator=" to ")
    asked = frame.lazy().with_columns(missing).group_by("file_id").agg(
        *((status == word).sum().alias(word.lower()) for word in STATUS),
        status.is_null().sum().alias("no_status"),
        *sums,
        pl.coalesce(start, end).filter(~odd).min().alias("first"),
        pl.coalesce(end, start).filter(~odd).max().alias("last"),
        odd.sum().alias("odd_times"),
        example.filter(odd).first().alias("odd_example"),
        pl.len(),
    )  # fmt: skip
    return asked.collect()
