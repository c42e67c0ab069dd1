"""The few pieces of SQL that loading writes: names, strings and types."""

import contextlib

import duckdb

from flowkit.fields import FIELDS

#: DuckDB's type of each column.
SQL_TYPES = {
    field.column: {"int32": "INTEGER", "int64": "BIGINT", "string": "VARCHAR"}[field.type]
    for field in FIELDS.values()
}

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#: An IPv4 address, as Python's ipaddress takes it: no leading zeros.
IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """`text` as an SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def quiet(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep DuckDB's progress bar off stdout, where it would be drawn terminal or not."""
    with contextlib.suppress(duckdb.InvalidInputException):  # a kernel without ipywidgets, which draws none
        connection.execute("SET enable_progress_bar = false")
