"""From lines that match the pattern of one format to typed columns, and from these to what is counted."""

import polars as pl

from flowkit.fields import ACCOUNTS, ADDRESSES, FIELDS, STATUS, TIMES
from flowkit.loading import strict
from flowkit.loading.grammar import NULLS, Format
from flowkit.loading.sources import DAY, FIRST_TIME

#: Seconds that no record exceeds, although the longest aggregation interval is 10 minutes: exports that sum records up
#: have longer ones. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (start, end)
LONGEST = DAY
#: From which number on a time is in nano-, micro- or milliseconds, and how many of them are a second.
UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
_TYPES = {"int32": pl.Int32, "int64": pl.Int64, "string": pl.String}
_COLUMNS = {field.column: pl.Enum(field.words) if field.words else _TYPES[field.type] for field in FIELDS.values()}


def typed(data: bytes, format: Format) -> pl.DataFrame:
    """Return lines of which each matches the pattern as typed columns."""
    schema = {column: _COLUMNS.get(column, pl.String) for column in format.columns}
    before = {f"{number}": pl.String for number in range(format.before)}
    behind = {f"-{number}": pl.String for number in range(format.behind)}
    frame = pl.read_csv(
        data, has_header=False, separator=format.separator, quote_char='"' if format.quoted else None,
        null_values="-" if format.separator == " " else list(NULLS), schema=before | schema | behind,
    )  # fmt: skip
    return _settled(frame.select(format.columns), b":" in data)


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
            for least, unit in UNITS:
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
    counted = status.is_null() | (status == "OK")
    asked = frame.lazy().with_columns(missing).group_by("file_id").agg(
        *((status == word).sum().alias(word.lower()) for word in STATUS),
        status.is_null().sum().alias("no_status"),
        *(  # a sum may be beyond 64 bits
            pl.col(name).filter(counted).cast(pl.Int128).sum().cast(pl.String).alias(f"ok_{name}")
            for name in ("bytes", "packets")
        ),
        pl.coalesce(start, end).filter(~odd).min().alias("first"),
        pl.coalesce(end, start).filter(~odd).max().alias("last"),
        odd.sum().alias("odd_times"),
        pl.concat_list(start.filter(odd).first(), end.filter(odd).first()).alias("odd_example"),
        pl.len(),
    )  # fmt: skip
    return asked.collect()
