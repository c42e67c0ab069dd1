"""From lines that match a format's pattern to typed columns, and from those to what is counted of each file."""

from dataclasses import dataclass, field

import polars as pl

from flowkit.fields import ADDRESSES, FIELDS, TIMES
from flowkit.loading import strict
from flowkit.loading.grammar import Format

#: Flow logs are from after this second, and from before tomorrow: other times are no times of traffic.
FIRST_TIME, DAY = 1_388_534_400, 86_400

_TYPES = {"int32": pl.Int32, "int64": pl.Int64, "string": pl.String}
_COLUMNS = {field.column: _TYPES[field.type] for field in FIELDS.values()}
_CARRIES = pl.col("log_status").is_null() | (pl.col("log_status") == "OK")


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
    """The lines as typed columns. Every line matches the pattern, so every token fits its column."""
    schema = {column: _COLUMNS.get(column, pl.String) for column in format.columns}
    frame = pl.read_csv(data, has_header=False, separator=" ", quote_char=None, null_values="-", schema=schema)
    changed = []
    for name in TIMES:
        if name in schema and (frame[name].max() or 0) >= 10**11:
            changed.append(_seconds(name))
    if b":" in data:
        changed += [_one_spelling(frame, name.replace("-", "_")) for name in ADDRESSES if name in format.names]
    return frame.with_columns(changed) if changed else frame


def _seconds(name: str) -> pl.Expr:
    """A time in seconds, whatever unit it was in: no flow log is of the year 5138."""
    value = pl.col(name)
    units = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
    for least, unit in units:
        value = (
            pl.when(pl.col(name).is_between(least, least * 1000, closed="left"))
            .then(pl.col(name) // unit)
            .otherwise(value)
        )
    return value.alias(name)


def _one_spelling(frame: pl.DataFrame, column: str) -> pl.Expr:
    """A column of addresses with each IPv6 address in one spelling."""
    values = frame[column].drop_nulls()
    wide = values.filter(values.str.contains(":", literal=True)).unique()
    other = {value: spelt for value in wide if (spelt := strict.canonical(value)) != value}
    return pl.col(column).replace(other) if other else pl.col(column)


def tallied(frame: pl.DataFrame, latest: int) -> pl.DataFrame:
    """By file: records by log-status, sums over OK records and those without status, first and last sane second."""
    columns = ("log_status", "bytes", "packets", "start", "end")
    missing = [pl.lit(None, _COLUMNS[name]).alias(name) for name in columns if name not in frame.columns]
    status, start, end = pl.col("log_status"), pl.col("start"), pl.col("end")
    sane = [value.is_null() | value.is_between(FIRST_TIME, latest) for value in (start, end)]
    odd = ~(sane[0] & sane[1])
    chosen = frame.lazy().select(*(name for name in columns if name in frame.columns), "file_id", *missing)
    big = [
        (pl.col(name).cast(pl.Int128) if (frame[name].max() or 0) > 2**40 else pl.col(name))
        .filter(_CARRIES).sum().cast(pl.String).alias(f"ok_{name}")
        if name in frame.columns else pl.lit("0").alias(f"ok_{name}")
        for name in ("bytes", "packets")
    ]  # fmt: skip
    return (
        chosen.group_by("file_id")
        .agg(
            *((status == word).sum().alias(word.lower()) for word in ("OK", "NODATA", "SKIPDATA")),
            status.is_null().sum().alias("no_status"),
            *big,
            pl.coalesce(start, end).filter(~odd).min().alias("first"),
            pl.coalesce(end, start).filter(~odd).max().alias("last"),
            odd.sum().alias("odd_times"),
            pl.concat_str(start.fill_null(-1), end.fill_null(-1), separator=" to ")
            .filter(odd)
            .first()
            .alias("odd_example"),
            pl.len(),
        )
        .collect()
    )
