"""From a Parquet file to pieces of lines, as if it were text, so that the same pattern and limits judge its records.

As AWS writes it (INT32, INT64, `-` beside null) and as other tools rewrite it: numbers may be text or doubles, times
timestamps, an account a number. A record counts as one line.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from flowkit.fields import FIELDS
from flowkit.loading import grammar
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import Format
from flowkit.loading.shapes import Lines, Piece

MAGIC = b"PAR1"
#: Records that are looked at together.
_ROWS = 100_000
_NULLS = ["", "-", "None", "nan", "NaN", "null"]


class Records(Lines):
    """The pieces of a Parquet file, or of one whose bytes are in memory."""

    def __init__(self, source: Path | bytes, given: Format | None):
        super().__init__((), given)
        self.source = source
        self.headed = True
        self.broken: str | None = None

    def __iter__(self) -> Iterator[Piece]:
        done = 0
        try:
            frame = self._scanned()
            schema = frame.collect_schema()
            if list(schema.names()) in (["message"], ["@message"], ["_raw"]):
                texts = (row for (row,) in frame.collect().iter_rows() if row)
                yield from self._gathered(texts)
                return
            names = _names(schema)
            self.format = Format(tuple(names.values()))
            columns = [_token(name, schema[name], field) for name, field in names.items()]
            if "log-status" in names.values():
                columns = _without_filling(names, columns)
            lines = pl.concat_str([column.fill_null("-") for column in columns], separator=" ")
            while len(batch := frame.slice(done, _ROWS).select(lines.alias("line")).collect()):
                yield Piece(batch.write_csv(include_header=False, quote_style="never").encode(), None, done + 1)
                done += len(batch)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
            if isinstance(error, OSError) and not done and error.errno:
                raise
            self.broken = f"the Parquet file cannot be read ({str(error).splitlines()[0][:200]})"
            if not done:
                raise SourceError(self.broken) from None

    def _scanned(self) -> pl.LazyFrame:
        if isinstance(self.source, bytes):
            return pl.scan_parquet(io.BytesIO(self.source))
        return pl.scan_parquet(self.source, glob=False, hive_partitioning=False)


def _names(schema: pl.Schema) -> dict[str, str]:
    """By column: the field that it holds; columns of no flow log's kind (lists, odd names) are left out."""
    names = {}
    for column, kind in schema.items():
        name = grammar.known(column)
        if name is None and (other := grammar.LOOK_ALIKES.get(column.lower().replace("_", "-"))):
            raise SourceError(f"these are {other}, not VPC flow logs")
        if name is None and (kind.is_nested() or not grammar.is_name(column)):
            continue
        name = name or column.lower().replace("_", "-")
        if name in names.values():
            raise SourceError(f"two columns of the Parquet file are both {name}")
        names[column] = name
    found = [name for name in names.values() if name in FIELDS]
    if not {"srcaddr", "log-status", "interface-id", "tgw-id"}.intersection(found):
        raise SourceError("a Parquet file, but its columns are not those of flow logs")
    return names


def _without_filling(names: dict[str, str], columns: list[pl.Expr]) -> list[pl.Expr]:
    """The columns, with null for ports and protocol of NODATA and SKIPDATA rows: some tools fill them with anything."""
    fields = list(names.values())
    empty = columns[fields.index("log-status")].is_in(["NODATA", "SKIPDATA"])
    return [
        pl.when(empty).then(None).otherwise(column) if name in FIELDS and FIELDS[name].limit else column
        for name, column in zip(fields, columns, strict=True)
    ]


def _token(column: str, kind: pl.DataType, name: str) -> pl.Expr:
    """The column as tokens; null where there is nothing. Raises SourceError for a type that no field has."""
    value, field = pl.col(column), FIELDS.get(name)
    if kind.is_float():
        whole = value.is_finite() & (value == value.floor()) & (value.abs() < 2.0**63)
        text = pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
        value = pl.when(value.is_nan()).then(None).otherwise(text)
    elif kind == pl.Datetime:
        epoch = value.dt.epoch("us").floordiv(1_000_000).cast(pl.String)
        value = epoch if field else value.dt.strftime("%Y-%m-%dT%H:%M:%S")
    elif field and (kind.is_nested() or kind in (pl.Boolean, pl.Date, pl.Time, pl.Duration)):
        raise SourceError(f"the column {column} of the Parquet file holds {kind}, not what {name} is")
    elif kind.is_decimal():
        value = value.cast(pl.String).str.replace(r"\.0+$", "")
    elif kind == pl.Binary:
        value = value.cast(pl.String, strict=False)
    else:
        value = value.cast(pl.String)
    if kind.is_numeric() and name == "account-id":
        value = value.str.zfill(12)  # a column of numbers has lost the leading zeros
    if kind.is_numeric():
        return value
    value = pl.when(value.is_in(_NULLS)).then(None).otherwise(value)
    return value.str.replace_all(" ", "%20", literal=True).str.replace_all(r"[\r\n]", "\x01")
