"""From names, texts and types to the few pieces of SQL that flowkit writes itself."""

import contextlib

import duckdb

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
