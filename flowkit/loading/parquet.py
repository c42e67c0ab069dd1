"""Flow logs in Parquet: as AWS writes them (INT32, INT64, `-` beside null) and as other tools rewrite them.

A record of Parquet counts as one line. Its numbers may be text, its times timestamps, its account a number.
"""

from pathlib import Path
from typing import NamedTuple

import duckdb

from flowkit.loading import formats
from flowkit.loading.errors import SourceError
from flowkit.loading.formats import Format
from flowkit.loading.lines import Malformed, is_address
from flowkit.loading.sql import IPV4, SQL_TYPES, literal, quoted
from flowkit.loading.stage import Staged

_LIMITS = {"srcport": 65535, "dstport": 65535, "protocol": 255}
_WORDS = {"action": ("ACCEPT", "REJECT"), "log_status": ("OK", "NODATA", "SKIPDATA")}


class ParquetRows(NamedTuple):
    """The good rows of one Parquet file: how many, and the SQL that reads them with flowkit's columns."""

    rows: int
    select: str
    size: int

    def remove(self) -> None:
        """Nothing was staged: the rows are read where they lie."""


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does."""
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def stage_parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> Staged:
    """The rows of a Parquet file, ready for `parse.write`.

    Raises SourceError where it is damaged, or holds no flow log.
    """
    source = f"read_parquet({literal(path)}, hive_partitioning = false, file_row_number = true)"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    except duckdb.Error as error:
        raise SourceError(f"the Parquet file cannot be read ({str(error).splitlines()[0][:200]})") from None
    types = {row[0]: row[1] for row in described if row[0] != "file_row_number"}
    format = formats.header(list(types))
    if format is None:
        raise SourceError("a Parquet file, but its columns are not those of flow logs")
    values = {
        column: _value(column, name, types[name]) for column, name in zip(format.columns, types, strict=True)
    }
    reason = _reason(connection, format, values, source)
    columns = ", ".join(f"{value} AS {quoted(column)}" for column, value in values.items())
    lines, bad = connection.execute(f"SELECT count(*), count({reason}) FROM {source}").fetchone()
    text = "concat_ws(' ', " + ", ".join(f"coalesce({_text(name)}, '-')" for name in types) + ")"
    malformed = f"SELECT file_row_number + 1, {text}, {reason} FROM {source} WHERE {reason} IS NOT NULL"
    return Staged(
        texts={
            format: ParquetRows(
                lines - bad, f"SELECT {columns} FROM {source} WHERE {reason} IS NULL", path.stat().st_size
            )
        },
        lines=lines,
        headed=True,
        malformed=[Malformed(*row) for row in connection.execute(malformed).fetchall()] if bad else [],
    )


def _text(name: str) -> str:
    """The column as text; what stands for nothing (`-`, Python's None, an empty text) is null."""
    text = f"CAST({quoted(name)} AS VARCHAR)"
    return f"CASE WHEN {text} NOT IN ('-', 'None', 'nan', '') THEN {text} END"


def _value(column: str, name: str, kind: str) -> str:
    wanted = SQL_TYPES.get(column, "VARCHAR")
    if wanted == "VARCHAR":
        # AWS's account ids have twelve digits; a column of numbers has lost the leading zeros.
        return (
            f"lpad({_text(name)}, 12, '0')" if column == "account_id" and kind != "VARCHAR" else _text(name)
        )
    if kind.startswith("TIMESTAMP"):
        return f"CAST(epoch({quoted(name)}) AS {wanted})"
    digits = (
        f"regexp_extract({_text(name)}, '^([0-9]+)(\\.0)?$', 1)"  # pandas turns integers with nulls to 5.0
    )
    return f"TRY_CAST({digits} AS {wanted})"


def _reason(
    connection: duckdb.DuckDBPyConnection, format: Format, values: dict[str, str], source: str
) -> str:
    """SQL for why a row is malformed, null where it is not."""
    names = dict(zip(format.columns, _names(connection, source), strict=True))
    carries = f"coalesce({values['log_status']}, 'OK') = 'OK'" if "log_status" in values else "true"
    cases = []
    for column, value in values.items():
        text = _text(names[column])
        if column in format.addresses:
            odd = f"SELECT DISTINCT {text} FROM {source} WHERE NOT regexp_full_match({text}, {literal(IPV4)})"
            wrong = [row[0] for row in connection.execute(odd).fetchall() if not is_address(row[0])]
            wrong = f"{text} IN ({', '.join(map(literal, wrong))})" if wrong else ""
        elif column in _WORDS:
            wrong = f"{text} NOT IN ({', '.join(map(literal, _WORDS[column]))})"
        elif column in format.integers:
            wrong = f"{text} IS NOT NULL AND {value} IS NULL"
            if limit := _LIMITS.get(column):
                wrong += f" OR {carries} AND {value} > {limit}"
        else:
            wrong = ""
        if wrong:
            cases.append(f"WHEN {wrong} THEN {literal(column.replace('_', '-') + '=')} || {text}")
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"


def _names(connection: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return [row[0] for row in described if row[0] != "file_row_number"]
