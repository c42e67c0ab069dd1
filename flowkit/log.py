"""A log: source, window, format and network in; records, files, coverage, edges and all that follows out."""

import hashlib
from functools import cached_property
from pathlib import Path

import ibis.expr.types as ir
import pandas as pd

from flowkit.analysis.coverage import coverage
from flowkit.folding import store
from flowkit.folding.store import Fold
from flowkit.loading import cache
from flowkit.loading import flows as loading
from flowkit.loading.ingestion import ingest
from flowkit.loading.network import Snapshot, snapshot_of
from flowkit.loading.sample import SAMPLE
from flowkit.loading.window import Moment, window


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

    @cached_property
    def fold(self) -> Fold:
        """Edges, volumes, interfaces, coverage and facts: made at the first use, then read from beside the cache."""
        span = window(self.start, self.end)
        files = self.files[["file", "size", "lines", "first", "last"]].astype(str).to_numpy().tolist()
        key = store.key_of(files, span, self.format, self._rules())

        def make(folder: Path) -> None:
            intervals = lambda own: coverage(self.flows, self.files, self.start, self.end, self.network)  # noqa: E731
            store.fold(self.flows, self.network, folder, span, intervals)

        return store.stored(key, cache.folder() / "folds", make)

    def _rules(self) -> str:
        """Return a digest of the rules snapshot's files; empty without one."""
        folder = self._network or (SAMPLE / "network" if self.source == "sample" else None)
        files = sorted(Path(folder).expanduser().glob("*.json")) if folder else []
        return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()

    @property
    def interfaces(self) -> pd.DataFrame:
        """The own addresses of each interface, day by day."""
        return self.fold.interfaces

    @property
    def coverage(self) -> pd.DataFrame:
        """What each interface's time is known by, as intervals."""
        return self.fold.coverage

    @cached_property
    def conversations(self) -> ir.Table:
        """Both halves of each conversation joined, computed when asked."""
        from flowkit.folding.conversations import conversations, services
        from flowkit.folding.sessions import sessions, split, unsplit

        whole = unsplit(self.flows)
        met = sessions(whole, split(self.flows, whole))
        return conversations(met, services(met), self.interfaces)


def load(
    source: str = "sample", start: Moment = None, end: Moment = None,
    format: str | None = None, network: str | Path | None = None,
) -> Log:  # fmt: skip
    """Return the log of `source` in the window."""
    return Log(source, start, end, format, network)
