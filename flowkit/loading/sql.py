"""From names, texts and types to the few pieces of SQL that flowkit writes itself."""

import contextlib

import duckdb
import pandas as pd

from flowkit.fields import FIELDS

#: DuckDB's type of each column.
SQL_TYPES = {
    field.column: {"int32": "INTEGER", "int64": "BIGINT", "string": "VARCHAR"}[field.type] for field in FIELDS.values()
}


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """Return `text` as an SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def paths(files: list) -> str:
    """Return a list of files for DuckDB's readers, which take every name for a glob."""
    escaped = ("".join(f"[{each}]" if each in "*?[" else each for each in str(file)) for file in files)
    return f"[{', '.join(map(literal, escaped))}]"


def quiet(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep DuckDB's progress bar off stdout, where it would be drawn terminal or not."""
    with contextlib.suppress(duckdb.InvalidInputException):  # a kernel without ipywidgets, which draws none
        connection.execute("SET enable_progress_bar = false")


def whole_numbers(answer: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """Return the rows of `answer`; sums, which have 128 bits and which pandas would make floating point, stay whole."""
    wide = [at for at, kind in enumerate(answer.types) if str(kind) in ("HUGEINT", "UHUGEINT")]
    casts = (f"CAST(#{at + 1} AS VARCHAR)" if at in wide else f"#{at + 1}" for at in range(len(answer.columns)))
    columns = zip(casts, map(quoted, answer.columns), strict=True)
    table = answer.project(", ".join(f"{cast} AS {name}" for cast, name in columns)).df()
    for at in wide:
        numbers = [None if pd.isna(each) else int(each) for each in table.iloc[:, at]]
        small = all(each is None or abs(each) < 2**63 for each in numbers)
        kind = "object" if not small else "Int64" if None in numbers else "int64"
        table.isetitem(at, pd.Series(numbers, dtype=kind))
    return table
