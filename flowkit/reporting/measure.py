"""What a run rests on: records by log-status, the share of time that is certain, files with their hashes."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from ibis import _

from flowkit.folding.coverage import coverage, covered_share
from flowkit.loading.flows import inventory, load

#: Bytes up to which local files are hashed; beyond, sizes have to do, because hashing would take minutes.
HASHED = 2 << 30


def measured(source: str, start: str | None, end: str | None, format: str | None, snapshot=None) -> dict:
    """The grounds of a run on `source`.

    `coverage` (as in findings.json, but for what the tally holds), `first` and `last` (ISO texts, of the
    records in the window, or None), `accounts` (ids in the records and the file names), `inputs` (a dict a
    file: `file`, `size` in bytes, `sha256` or None).
    """
    flows = load(source, start, end, format)
    files = inventory(source, start, end, format)
    rows = (
        flows.group_by(_.log_status, _.account_id)
        .aggregate(records=_.count(), first=_.start.min(), last=_.end.max())
        .execute()
    )
    counts = rows.groupby(rows.log_status.fillna("OK")).records.sum()
    share = covered_share(coverage(flows, files, start, end, snapshot), None, start, end)
    return {
        "coverage": {
            "records": int(rows.records.sum()),
            **{name: int(counts.get(name.upper(), 0)) for name in ("ok", "nodata", "skipdata")},
            "covered_share": None if share is None else round(share, 4),
        },
        "first": _iso(rows["first"].min()),
        "last": _iso(rows["last"].max()),
        "accounts": sorted({*rows.account_id.dropna(), *files.account_id.dropna()}),
        "inputs": _inputs(files),
    }


def _inputs(files: pd.DataFrame) -> list[dict]:
    hashed = files["size"].sum() <= HASHED
    with ThreadPoolExecutor() as pool:
        hashes = list(pool.map(_hash, files.file)) if hashed else [None] * len(files)
    return [
        {"file": str(place), "size": int(size), "sha256": digest}
        for place, size, digest in zip(files.file, files["size"], hashes, strict=True)
    ]


def _hash(place: str) -> str | None:
    try:
        with Path(place).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # Not a file of this machine: s3://, or gone since.
        return None


def _iso(seconds: float | None) -> str | None:
    return (
        None if pd.isna(seconds) else f"{pd.Timestamp(int(seconds), unit='s', tz='UTC'):%Y-%m-%dT%H:%M:%SZ}"
    )
