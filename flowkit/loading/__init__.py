"""From logs to the flows table: sources, stage, parse, cache, flows, in this order."""

from flowkit.loading.errors import SourceError
from flowkit.loading.flows import about, inventory, load, load_with_duplicates, quarantine
from flowkit.loading.ingestion import ingest

__all__ = ["SourceError", "about", "ingest", "inventory", "load", "load_with_duplicates", "quarantine"]
