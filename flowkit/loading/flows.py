"""The first edition's functions on top of `flowkit.log`, for the analysis that still asks them; goes with it."""

from pathlib import Path

import ibis
import pandas as pd

from flowkit.loading.sources import is_stream, is_table, remote_of
from flowkit.loading.window import Moment
from flowkit.log import Log, opened
from flowkit.log import sql as ask

#: By source, window and format: the logs that this process loaded last.
_LOGS: dict[tuple, Log] = {}


def load(
    source="sample", start: Moment = None, end: Moment = None, format: str | None = None, record: str = "vpc"
):
    """Return the records that overlap the window as a lazy table with `start` and `end` in whole seconds."""
    flows = load_with_duplicates(source, start, end, format, record)
    flows = flows.filter(~flows.duplicate)
    if is_table(source):
        return flows
    # A view, because DuckDB writes down whatever else a query names twice.
    return flows.get_backend().create_view(ibis.util.gen_name("flow_logs"), flows)


def load_with_duplicates(
    source="sample", start: Moment = None, end: Moment = None, format: str | None = None, record: str = "vpc"
) -> ibis.Table:
    """As `load`, with the copies that overlapping flow logs hold of one record marked in `duplicate`."""
    log = _log(source, start, end, format, record, again=True)
    table = log.raw
    return log._within(table, odd=True) if start is None and end is None else log.flows


def _log(
    source, start: Moment, end: Moment, format: str | None, record: str = "vpc", again: bool = False
) -> Log:
    """The log of these arguments. What is not on this machine is listed `again` only by `load`."""
    key = (str(source), str(start), str(end), str(format), record)
    distant = not is_table(source) and (remote_of(str(source)) is not None or is_stream(source))
    if again or not distant or key not in _LOGS:
        _LOGS[key] = opened(source, start, end, format, record=record)
    return _LOGS[key]


def sql(flows: ibis.Table, query: str) -> pd.DataFrame:
    """Return the answer to `query`, SQL over a table that it calls `flows`."""
    return ask(query, flows=flows)


def inventory(
    source: str | Path = "sample", start: Moment = None, end: Moment = None, format: str | None = None
) -> pd.DataFrame:
    """Return `Log.files`."""
    return _log(source, start, end, format).files


def quarantine(
    source: str | Path = "sample", start: Moment = None, end: Moment = None, format: str | None = None
) -> pd.DataFrame:
    """Return `Log.malformed` without the lengths."""
    return _log(source, start, end, format).malformed.drop(columns="length")


def about(
    source: str | Path = "sample", start: Moment = None, end: Moment = None, format: str | None = None
) -> pd.DataFrame:
    """Return `Log.summary`."""
    return _log(source, start, end, format).summary
