"""A log: source, window, format and network in; records, files, coverage, edges and all that follows out."""

from functools import cached_property
from pathlib import Path

import ibis.expr.types as ir
import pandas as pd

from flowkit.analysis.network import Snapshot, snapshot_of
from flowkit.loading import flows as loading
from flowkit.loading.ingestion import ingest
from flowkit.loading.window import Moment


class Log:
    """Flow logs of one source and window; each property is computed once, when first asked for."""

    def __init__(
        self, source: str, start: Moment = None, end: Moment = None,
        format: str | None = None, network: str | Path | None = None,
    ) -> None:  # fmt: skip
        self.source, self.start, self.end, self.format = str(source), start, end, format
        self._network = network

    @cached_property
    def flows(self) -> ir.Table:
        """The records as the fold reads them: AWS's fields, `start` and `end` in seconds since 1970 UTC."""
        return loading.load(self.source, self.start, self.end, self.format)

    @cached_property
    def files(self) -> pd.DataFrame:
        """One row a source file."""
        return loading.inventory(self.source, self.start, self.end, self.format)

    @cached_property
    def tally(self) -> dict:
        """The counts of `flowkit ingest`."""
        return ingest(self.source, self.start, self.end, self.format)

    @cached_property
    def network(self) -> Snapshot | None:
        """The rules snapshot, or None."""
        return snapshot_of(self.source, self._network)


def load(
    source: str = "sample", start: Moment = None, end: Moment = None,
    format: str | None = None, network: str | Path | None = None,
) -> Log:  # fmt: skip
    """Return the log of `source` in the window."""
    return Log(source, start, end, format, network)
