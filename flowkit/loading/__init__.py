"""From logs to the flows table."""

import gzip
from pathlib import Path

import ibis

from flowkit.fields import COLUMNS, DEFAULT_FORMAT, FIELDS

SQL = {"int32": "INTEGER", "int64": "BIGINT", "string": "VARCHAR"}


def load(source, start=None, end=None, format=None):
    """(first draft, being replaced) The flows table of the logs at `source`."""
    con = ibis.duckdb.connect()
    path = Path(source)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    parts = []
    for file in files:
        with (gzip.open if file.suffix == ".gz" else open)(file, "rt") as lines:
            first = next(lines, "").replace("_", "-").split()
        header = bool(first) and all(name in FIELDS for name in first)
        names = first if header else list(DEFAULT_FORMAT)
        columns = {name.replace("-", "_"): SQL[FIELDS[name].type] for name in names}
        spec = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
        parts.append(
            f"SELECT * FROM read_csv('{file}', delim=' ', header={header}, quote='', escape='', nullstr='-',"  # noqa: S608
            f" auto_detect=false, columns={{{spec}}})"
        )
    con.raw_sql("CREATE TABLE raw AS " + " UNION ALL BY NAME ".join(parts))
    raw = con.table("raw")
    flows = raw.select(**{
        name: (raw[name] if name in raw.columns else ibis.null(kind)).cast(kind) for name, kind in COLUMNS.items()
    })
    if start is not None:
        flows = flows.filter(flows.end >= start)
    if end is not None:
        flows = flows.filter(flows.start < end)
    return flows
