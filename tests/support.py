"""Small flow logs for the tests, written out as AWS writes them."""

import gzip
from pathlib import Path

from flowkit import load


def write_log(path: Path, records, fields=None) -> Path:
    """`path`, holding `records` (lines) under a header of `fields`; gzip where the name ends in .gz."""
    lines = ([" ".join(fields)] if fields else []) + list(records)
    data = ("\n".join(lines) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def flows_of(tmp_path, records, fields=None):
    """The flows table of a log of `records` under a header of `fields` (default v2 without)."""
    return load(str(write_log(tmp_path / "flow.log", records, fields)))
