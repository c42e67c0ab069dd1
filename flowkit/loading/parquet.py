"""From a Parquet file to pieces of lines, as if it were text, so that the same pattern and limits judge its records.

As AWS writes it (INT32, INT64, `-` beside null) and as other tools rewrite it: numbers may be text or doubles, times
timestamps, an account a number. A record counts as one line.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from flowkit.fields import FIELDS, TIMES
from flowkit.loading.compression import Compressed
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import NULLS, Format, named, refuse_look_alikes, twice
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
            frame = pl.scan_parquet(self.file, glob=False, hive_partitioning=False)
            schema = frame.collect_schema()
            if schema.names() in [[name] for name in MESSAGES]:
                texts = (text for (text,) in frame.collect().iter_rows() if text)
                yield from self._gathered(line for text in texts for line in of_text(text))
                return
            refuse_look_alikes(schema)
            names = {
                column: name for column in schema if (name := named(column))
            }  # no lists and odd names that are new
            names = {column: name for column, name in names.items() if name in FIELDS or not schema[column].is_nested()}
            if again := twice(names.values()):
                raise SourceError(f"two columns of the Parquet file are both {again}")
            if not {"srcaddr", "log-status", "interface-id", "tgw-id"}.intersection(names.values()):
                raise SourceError("a Parquet file, but its columns are not those of flow logs")
            self.format = Format(tuple(names.values()))
            tokens = {field: _token(name, schema[name], field) for name, field in names.items()}
            if "log-status" in tokens:  # some tools fill the ports of records without traffic with anything
                empty = tokens["log-status"].is_in(["NODATA", "SKIPDATA"])
                filled = [name for name in tokens if name in FIELDS and FIELDS[name].limit]
                tokens |= {name: pl.when(empty).then(None).otherwise(tokens[name]) for name in filled}
            lines = pl.concat_str([token.fill_null("-") for token in tokens.values()], separator=" ")
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
        text = value.cast(pl.String, strict=False)
    if kind.is_decimal():
        text = text.str.replace(r"\.0+$", "")
    if kind.is_numeric():
        return text.str.zfill(12) if name == "account-id" else text  # numbers have lost the leading zeros
    text = pl.when(text.is_in(list(NULLS))).then(None).otherwise(text)
    if name in TIMES:
        plain = text.str.strip_suffix("Z").str.replace("T", " ", literal=True)
        moment = plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us").dt.epoch("s")
        text = pl.coalesce(moment.cast(pl.String), text)
    return text.str.replace_all(" ", "%20", literal=True).str.replace_all(r"[\r\n]", "\x01")
