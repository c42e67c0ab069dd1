"""From lines that match a format's pattern to typed columns, and from those to what is counted of each file."""

from dataclasses import dataclass, field

import polars as pl

from flowkit.fields import ADDRESSES, FIELDS, STATUS, TIMES
from flowkit.loading import strict
from flowkit.loading.grammar import NULLS, Format

#: Flow logs are from after this second, and from before tomorrow: other times are no times of traffic.
FIRST_TIME, DAY = 1_388_534_400, 86_400
#: Seconds that no record exceeds, although the longest aggregation interval is 10 minutes: exports that sum records up
#: have longer ones. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (start, end)
LONGEST = DAY

_TYPES = {"int32": pl.Int32, "int64": pl.Int64, "string": pl.String}
_COLUMNS = {field.column: _TYPES[field.type] for field in FIELDS.values()}
_ADDRESSES = [FIELDS[name].column for name in ADDRESSES]


@dataclass
class Facts:
    """One source file: what was counted in it (`flowkit.ingest` says what each count is), and what went wrong."""

    file_id: int
    place: str
    stamp: str
    size: int
    headed: bool = False
    lines: int = 0
    headers: int = 0
    blank: int = 0
    ok: int = 0
    nodata: int = 0
    skipdata: int = 0
    no_status: int = 0
    malformed: int = 0
    ok_bytes: int = 0
    ok_packets: int = 0
    first: int | None = None
    last: int | None = None
    odd_times: int = 0
    odd_example: str | None = None
    gateway: int = 0
    damage: str | None = None
    refusal: str | None = None
    unknown: set[str] = field(default_factory=set)
    formats: set[str] = field(default_factory=set)
    reason: str | None = None
    parts: set[str] = field(default_factory=set)


def typed(data: bytes, format: Format) -> pl.DataFrame:
    """Return the lines as typed columns. Every line matches the pattern, so every token fits its column."""
    schema = {column: _COLUMNS.get(column, pl.String) for column in format.columns}
    before = {f"{number}": pl.String for number in range(format.before)}
    behind = {f"-{number}": pl.String for number in range(format.behind)}
    frame = pl.read_csv(
        data, has_header=False, separator=format.separator, quote_char='"' if format.quoted else None,
        null_values="-" if format.separator == " " else list(NULLS), schema=before | schema | behind,
    ).select(list(schema))  # fmt: skip
    changed = [_seconds(name) for name in TIMES if name in schema and (frame[name].max() or 0) >= 10**11]
    if b":" in data:
        changed += [_one_spelling(frame[name]) for name in _ADDRESSES if name in schema]
    return frame.with_columns(changed)


def _seconds(name: str) -> pl.Expr:
    """A time in seconds, whatever unit it was in: no flow log is of the year 5138."""
    value = seconds = pl.col(name)
    for least, unit in ((10**11, 10**3), (10**14, 10**6), (10**17, 10**9)):
        seconds = pl.when(value.is_between(least, least * 1000, closed="left")).then(value // unit).otherwise(seconds)
    return seconds.alias(name)


def _one_spelling(column: pl.Series) -> pl.Series:
    """A column of addresses with each IPv6 address in one spelling."""
    wide = column.filter(column.str.contains(":", literal=True)).unique()
    other = {value: spelt for value in wide if (spelt := strict.canonical(value)) != value}
    return column.replace(other) if other else column


def tallied(frame: pl.DataFrame, latest: int) -> pl.DataFrame:
    """By file: records by log-status, sums over OK records and those without status, first and last sane second."""
    needed = ("log_status", "bytes", "packets", "start", "end")
    there = [name for name in needed if name in frame.columns]
    missing = [pl.lit(None, _COLUMNS[name]).alias(name) for name in needed if name not in there]
    status, start, end = pl.col("log_status"), pl.col("start"), pl.col("end")
    odd = pl.any_horizontal(
        *(~value.is_between(FIRST_TIME, latest).fill_null(True) for value in (start, end)),
        (end > pl.min_horizontal(start, latest) + LONGEST).fill_null(False),
    )
    carries = status.is_null() | (status == "OK")
    sums = []
    for name in ("bytes", "packets"):
        large = name in there and (frame[name].max() or 0) > 2**40  # a sum may be beyond 64 bits
        value = pl.col(name).cast(pl.Int128) if large else pl.col(name)
        sums.append(value.filter(carries).sum().cast(pl.String).alias(f"ok_{name}"))
    example = pl.concat_str(start.fill_null(-1), end.fill_null(-1), separator=" to ")
    asked = frame.lazy().select(*there, "file_id", *missing).group_by("file_id").agg(
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
