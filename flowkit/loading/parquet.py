"""From a Parquet file to pieces of lines, as if it were text, so that the same pattern and limits judge its records.

As AWS writes it (INT32, INT64, `-` beside null) and as other tools rewrite it: numbers may be text or doubles, times
timestamps, an account a number. A record counts as one line, with tabs between its cells.
"""

import io
import mmap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

from flowkit.fields import FIELDS, TEXT, TIMES
from flowkit.loading.compression import Compressed
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import Format, named, refuse_look_alikes, token_pattern, twice
from flowkit.loading.shapes import MESSAGES, Lines, Piece, as_text
from flowkit.loading.strict import of_text

MAGIC = b"PAR1"
#: Records that are looked at together.
_ROWS = 100_000


class Records(Lines):
    """The pieces of a Parquet file, or of one whose bytes are in memory."""

    def __init__(self, source: Compressed, file: Path | bytes, given: Format | None):
        super().__init__(source, (), given)
        self.file = io.BytesIO(file) if isinstance(file, bytes) else file
        self.headed = True

    def __iter__(self) -> Iterator[Piece]:
        try:
            if isinstance(self.file, io.BytesIO):
                joined = _joined(self.file.getvalue())
            else:
                with self.file.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    joined = _joined(data)
            if joined:
                raise SourceError("several Parquet files joined in one: keep them apart")
            frame = pl.scan_parquet(self.file, glob=False, hive_partitioning=False)
            schema = frame.collect_schema()
            refuse_look_alikes(schema)
            names = {column: name for column in schema if (name := named(column))}
            odd = pl.Binary, pl.Duration, pl.Time, pl.Decimal, pl.Object
            names = {
                column: name
                for column, name in names.items()
                if name in FIELDS or not (schema[column].is_nested() or schema[column] in odd)
            }
            if again := twice(names.values()):
                raise SourceError(f"two columns of the Parquet file are both {again}")
            if not {"srcaddr", "log-status", "interface-id", "tgw-id"}.intersection(names.values()):
                column = next((column for column in schema if column.lower() in MESSAGES), None)
                if column is None:
                    raise SourceError("a Parquet file, but its columns are not those of flow logs")
                if schema[column] not in (pl.String, pl.Binary, pl.Categorical, pl.Enum, pl.Null):
                    raise SourceError(f"the column {column} of the Parquet file holds {schema[column]}, not text")
                texts = frame.select(_text(column, schema[column])).collect().to_series().drop_nulls()
                yield from self._gathered(line for text in texts for line in of_text(text) if text)
                return
            self.format = Format(tuple(names.values()), "\t")
            days = _days(self.file, schema)
            tokens = {field: _token(name, days.get(name, schema[name]), field) for name, field in names.items()}
            if "log-status" in tokens:  # some tools fill the ports of records without traffic with anything
                empty = tokens["log-status"].is_in(["NODATA", "SKIPDATA"])
                filled = [name for name in tokens if name in FIELDS and FIELDS[name].limit]
                tokens |= {name: pl.when(empty).then(None).otherwise(tokens[name]) for name in filled}
            lines = pl.concat_str([token.fill_null("-") for token in tokens.values()], separator="\t")
            while len(batch := frame.slice(self.number - 1, _ROWS).select(lines).collect()):
                yield self.piece(as_text(batch))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
            if isinstance(error, OSError) and self.number == 1 and error.errno:
                raise
            reason = f"the Parquet file cannot be read ({str(error).splitlines()[0][:200]})"
            if self.number == 1:
                raise SourceError(reason) from None
            self.source.damage = reason


def _token(column: str, kind: pl.DataType, name: str) -> pl.Expr:
    """The column as tokens; null where there is nothing. Raises SourceError for a type that no field has."""
    value, field = pl.col(column), FIELDS.get(name)
    if field and (kind.is_nested() or kind in (pl.Boolean, pl.Date, pl.Time, pl.Duration)):
        raise SourceError(f"the column {column} of the Parquet file holds {kind}, not what {name} is")
    if kind.is_float():
        whole = value.is_finite() & (value == value.floor()) & (value.abs() < 2.0**63)
        text = pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
        text = pl.when(value.is_nan()).then(None).otherwise(text)
    elif kind == pl.Datetime and field:
        # The second that has begun, as of text; a time before 1970 becomes 0, as odd as it is.
        text = value.dt.epoch("us").floordiv(1_000_000).clip(lower_bound=0).cast(pl.String)
    elif kind == pl.Datetime:
        text = value.dt.strftime("%Y-%m-%dT%H:%M:%S")
    else:
        text = _text(column, kind)
    if kind.is_decimal():
        text = text.str.replace(r"\.0+$", "")
    if kind.is_numeric():
        return text
    if name in TIMES:
        plain = text.str.strip_suffix("Z").str.replace("T", " ", literal=True)
        moment = plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us").dt.epoch("s")
        text = pl.coalesce(moment.cast(pl.String), text)
    text = text.str.strip_chars(" \t\r\n").str.replace_many({"\t": "%09", "\n": "%0A", "\r": "%0D", '"': "%22"})
    free = field is None or token_pattern(name) == TEXT
    return text.str.replace_all(" ", "%20", literal=True) if free else text  # as AWS writes tags


def _text(column: str, kind: pl.DataType) -> pl.Expr:
    """The column as text; bytes that are no UTF-8 become U+FFFD."""
    if kind != pl.Binary:
        return pl.col(column).cast(pl.String, strict=False)

    def decoded(values: pl.Series) -> pl.Series:
        with suppress(pl.exceptions.ComputeError):
            return values.cast(pl.String)
        return pl.Series(
            [each if each is None else each.decode("utf-8", "replace") for each in values], dtype=pl.String
        )

    return pl.col(column).map_batches(decoded, return_dtype=pl.String)


def _days(file: io.BytesIO | Path, schema: pl.Schema) -> dict[str, pl.DataType]:
    """The columns of days that Arrow's date64 makes Polars take for times in milliseconds."""
    if pl.Datetime("ms") not in schema.values():
        return {}
    from pyarrow import parquet, types  # takes longer to import than small logs to read

    return {field.name: pl.Date() for field in parquet.read_schema(file) if types.is_date(field.type)}


def _joined(data: bytes | mmap.mmap) -> bool:
    """Whether a footer, which ends with its length and `PAR1`, has another Parquet file behind it."""
    at = -1
    while (at := data.find(2 * MAGIC, at + 1)) > 0:
        footer = at - 4 - int.from_bytes(data[at - 4 : at], "little")
        if footer > 0 and (data[footer], data[at - 5]) == (0x15, 0):  # how Thrift begins and ends it
            return True
    return False
