"""flowkit: answers from AWS VPC Flow Logs."""

from flowkit.loading import SourceError, about, ingest, inventory, load, load_with_duplicates, quarantine

__all__ = [
    "SourceError",
    "about",
    "ingest",
    "inventory",
    "load",
    "load_with_duplicates",
    "quarantine",
]
