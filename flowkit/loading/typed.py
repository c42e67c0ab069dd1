"""From lines of one format to typed columns, where nothing was bent on the way, and from these to what is counted."""

from functools import lru_cache

import numpy as np
import polars as pl

from flowkit.fields import ACCOUNTS, ADDRESSES, FIELDS, STATUS, TIMES
from flowkit.loading import strict
from flowkit.loading.grammar import NULLS, STAMP, Format, token_pattern
from flowkit.loading.sources import DAY, FIRST_TIME

#: Seconds that no record exceeds, although the longest aggregation interval is 10 minutes: exports that sum records up
#: have longer ones. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (start, end)
LONGEST = DAY
_TYPES = {"int32": pl.Int32, "int64": pl.Int64, "string": pl.String}
_COLUMNS = {field.column: _TYPES[field.type] for field in FIELDS.values()}


def proven(data: bytes, count: int, format: Format) -> pl.DataFrame | None:
    """Return the `count` lines as typed columns; None where any of them may be no record.

    Columns written out again are never longer than their text: a leading zero or a sign is lost. So, if they are as
    long as all of it, and no token is empty or missing, each is as the text has it, and limits and patterns are left to
    look at, of texts once for each value.
    """
    stamped_cells = format.separator != " " and format.before + format.behind
    if format.quoted or stamped_cells or not _regular(data, count, format):
        return None
    try:
        frame = _read(data, format, "-")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    size, good = frame.select(_texts(format)).row(0)
    size += frame.height * frame.width
    frame = frame.select(format.columns)
    for name, column in zip(format.names, frame, strict=True):
        if column.dtype != pl.String:
            least, most, nulls = column.min() or 0, column.max() or 0, column.null_count()
            good = good and least >= 0 and most <= FIELDS[name].largest
            longest = len(str(most))
            shorter = range(1, longest) if nulls or len(str(least)) < longest else ()
            size += frame.height * (1 if shorter else longest) + sum((column >= 10**digits).sum() for digits in shorter)
    return _settled(frame, b":" in data) if good and size == len(data) and frame.height == count else None


def _regular(data: bytes, count: int, format: Format) -> bool:
    """Return whether there are as many tokens as `count` lines have, none of them empty, all printable ASCII."""
    text, separators = np.frombuffer(data, np.uint8), count * (format.before + len(format.names) + format.behind - 1)
    between = text == ord(format.separator)
    ends = text <= ord(" ")
    ends |= between
    return bool(
        count
        and np.count_nonzero(between) == separators
        and np.count_nonzero(ends) == separators + count
        and text.max() <= ord("~")
        and b'"' not in data
        and not ends[0]
        and not np.logical_and(ends[1:], ends[:-1], out=between[1:]).any()
    )


@lru_cache(maxsize=1000)
def _texts(format: Format) -> list[pl.Expr]:
    """Return how long the columns of text are together, `-` for null, and whether all are such as their field may have."""
    patterns = {"0": STAMP} if format.before else {}
    for name, column in zip(format.names, format.columns, strict=True):
        field = FIELDS.get(name)
        if field and (field.words or field.pattern) and field.type == "string":
            patterns[column] = token_pattern(name)
    good = [pl.col(name).unique().str.contains(f"^{pattern}$").all() for name, pattern in patterns.items()]
    good += [pl.col(name).is_not_null().all() for name in patterns if name in ("0", "log_status")]
    texts = pl.col(pl.String)
    size = pl.sum_horizontal(pl.lit(0), texts.str.len_bytes().sum(), texts.null_count())
    return [size.alias("size"), pl.all_horizontal(pl.lit(True), *good).alias("good")]


def typed(data: bytes, format: Format) -> pl.DataFrame:
    """Return lines of which each matches the pattern as typed columns."""
    frame = _read(data, format, "-" if format.separator == " " else list(NULLS))
    return _settled(frame.select(format.columns), b":" in data)


def _read(data: bytes, format: Format, nulls: str | list[str]) -> pl.DataFrame:
    schema = {column: _COLUMNS.get(column, pl.String) for column in format.columns}
    before = {f"{number}": pl.String for number in range(format.before)}
    behind = {f"-{number}": pl.String for number in range(format.behind)}
    return pl.read_csv(
        data, has_header=False, separator=format.separator, quote_char='"' if format.quoted else None,
        null_values=nulls, schema=before | schema | behind,
    )  # fmt: skip


def _settled(frame: pl.DataFrame, wide: bool) -> pl.DataFrame:
    """Return the columns with times in seconds, accounts of twelve digits and `wide` addresses, if any, in one spelling."""
    changed = []
    for name in (FIELDS[name].column for name in ACCOUNTS):
        if name in frame.columns and (frame[name].str.len_bytes().min() or 12) < 12:  # leading zeros were lost
            number = pl.col(name).str.contains("^[0-9]+$")
            changed.append(pl.when(number).then(pl.col(name).str.zfill(12)).otherwise(name))
    for name in TIMES:
        if name in frame.columns and (frame[name].max() or 0) >= 10**11:  # no flow log is of the year 5138
            value = seconds = pl.col(name)
            for least, unit in ((10**11, 10**3), (10**14, 10**6), (10**17, 10**9)):
                there = value.is_between(least, least * 1000, closed="left")
                seconds = pl.when(there).then(value // unit).otherwise(seconds)
            changed.append(seconds.alias(name))
    for name in (FIELDS[name].column for name in ADDRESSES if wide):
        if name in frame.columns:
            there = frame[name].filter(frame[name].str.contains(":", literal=True)).unique()
            other = {value: spelt for value in there if (spelt := strict.canonical(value)) != value}
            changed += [frame[name].replace(other)] if other else []
    return frame.with_columns(changed)


def tallied(frame: pl.DataFrame, latest: int) -> pl.DataFrame:
    """Return by file: records by log-status, sums over OK records and those without status, first and last sane second.

    ``odd_times`` are records with times before `FIRST_TIME`, after `latest` or of more than `LONGEST` seconds, and
    ``odd_example`` start and end of the first of them.
    """
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
    asked = frame.lazy().with_columns(missing).group_by("file_id").agg(
        *((status == word).sum().alias(word.lower()) for word in STATUS),
        status.is_null().sum().alias("no_status"),
        *sums,
        pl.coalesce(start, end).filter(~odd).min().alias("first"),
        pl.coalesce(end, start).filter(~odd).max().alias("last"),
        odd.sum().alias("odd_times"),
        pl.concat_list(start.filter(odd).first(), end.filter(odd).first()).alias("odd_example"),
        pl.len(),
    )  # fmt: skip
    return asked.collect()
