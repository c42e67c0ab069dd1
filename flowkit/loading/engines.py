"""Flow logs that lie in an engine's table already: Athena, Trino, Spark, or any Ibis table.

Nothing is copied: the questions' expressions run there. The table's columns are recognised by AWS's names, with
hyphens or underscores, in any case; those it lacks become typed nulls.
"""

import ibis
from ibis.common.exceptions import IbisError

from flowkit.fields import COLUMNS
from flowkit.loading.errors import SourceError
from flowkit.loading.formats import known
from flowkit.loading.window import Moment, window


def table_of(source: object) -> ibis.Table:
    """The table that `source` names. Raises SourceError where the engine or the table cannot be reached."""
    if isinstance(source, ibis.Table):
        return source
    url, _, name = str(source).partition("#")
    engine = url.split("://")[0]
    try:
        backend = ibis.connect(url)
        *database, table = name.split(".")
        return backend.table(table, database=".".join(database) or None)
    except ImportError as error:
        raise SourceError(
            f"{engine} needs a package that is not here ({error}): pip install 'ibis-framework[{engine}]'"
        ) from None
    except (IbisError, OSError, ValueError) as error:
        raise SourceError(f"{source} cannot be opened: {error}") from None


def recognised(table: ibis.Table) -> ibis.Table:
    """`table` as a flows table: AWS's columns with their types, then those that AWS does not know, as text.

    Raises SourceError where none of its columns is a flow log's.
    """
    names = {known(name): name for name in table.columns if known(name)}
    if not {"srcaddr", "log-status", "interface-id", "tgw-id"} & set(names):
        raise SourceError(f"the table's columns are not those of flow logs: {', '.join(table.columns[:8])} …")
    by_column = {name.replace("-", "_"): _present(table[column]) for name, column in names.items()}
    chosen = {
        column: (by_column[column] if column in by_column else ibis.null()).cast(kind)
        for column, kind in COLUMNS.items()
    }
    unknown = {name: table[name].cast("string") for name in table.columns if known(name) is None}
    return table.select(**chosen, **unknown, file_id=ibis.null().cast("int64"), duplicate=ibis.literal(False))


def _present(column: ibis.Value) -> ibis.Value:
    """The column with null for `-`, which Athena's text tables hold."""
    return column.nullif("-") if column.type().is_string() else column


def overlapping(flows: ibis.Table, start: Moment = None, end: Moment = None) -> ibis.Table:
    """The records of which `start` to `end` overlaps the window [start, end); all of them without a window."""
    first, last = window(start, end)
    if first is not None:
        flows = flows.filter(ibis.coalesce(flows.end, flows.start) >= first)
    if last is not None:
        flows = flows.filter(ibis.coalesce(flows.start, flows.end) < last)
    return flows


def tally(source: object, start: Moment = None, end: Moment = None) -> dict:
    """What `flowkit.ingest` returns, for a table: nothing is parsed, the window's records are counted there."""
    flows = overlapping(recognised(table_of(source)), start, end)
    status = flows.log_status
    counted = status.isnull() | (status == "OK")
    row = flows.aggregate(
        lines=flows.count(),
        ok=flows.count(where=status == "OK"),
        nodata=flows.count(where=status == "NODATA"),
        skipdata=flows.count(where=status == "SKIPDATA"),
        no_status=flows.count(where=status.isnull()),
        ok_bytes=flows.bytes.sum(where=counted),
        ok_packets=flows.packets.sum(where=counted),
    ).execute()
    sums = {name: 0 if value != value else int(value or 0) for name, value in row.iloc[0].items()}
    return (
        dict.fromkeys(("files", "damaged_files", "unreadable_files", "headers", "blank", "malformed"), 0)
        | sums
    )
