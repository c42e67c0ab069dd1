"""Bytes that each notebook has an engine read from Parquet, for docs/beyond-one-machine.md.

    python tests/benchmarks/scanned.py [FOLDER OF LOGS WITH network/ BESIDE IT]

For every query of a notebook: the columns that the plan reads, once for each time it reads the table, times their
compressed size in the Parquet footers. That is what Athena bills (it also rounds each query up to 10 MB).
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import ibis

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "data")]

import pyarrow.parquet as pq  # noqa: E402
from test_engines import NAMES, World, asked_of_duckdb, table_in_duckdb  # noqa: E402

import flowkit  # noqa: E402
from flowkit.loading import cache  # noqa: E402
from flowkit.loading.sample import SAMPLE  # noqa: E402


def sizes(folder: Path) -> Counter:
    """Compressed bytes of each column in the Parquet files of `folder`."""
    counted = Counter()
    for path in folder.glob("*.parquet"):
        footer = pq.ParquetFile(path).metadata
        for group in range(footer.num_row_groups):
            for number in range(footer.num_columns):
                column = footer.row_group(group).column(number)
                counted[column.path_in_schema] += column.total_compressed_size
    return counted


def reads(node: dict) -> list[list[str]]:
    """The columns of each scan of Parquet in a plan of DuckDB's."""
    projected = node.get("extra_info", {}).get("Projections", [])
    own = [[projected] if isinstance(projected, str) else projected] if "PARQUET" in node["name"] else []
    return own + [columns for child in node.get("children", ()) for columns in reads(child)]


def main(logs: str = str(SAMPLE)) -> None:
    """Print a line a notebook: queries, scans, columns, bytes, share of the whole."""
    with tempfile.TemporaryDirectory() as folder:
        import os

        os.environ["FLOWKIT_CACHE"] = folder
        tally = flowkit.ingest(f"{logs}/AWSLogs")
        world = World(Path(logs), cache.folder() / "parts", tally["lines"])
        column = sizes(world.parquet)
        whole = sum(column.values())
        print(f"{tally['ok']:,} OK records, {whole:,} bytes of Parquet")
        for name in NAMES:
            table = table_in_duckdb(world)
            asked, _ = asked_of_duckdb(name, table, world, keeps=False)
            scans = []
            for each in asked:
                plan = (
                    table.get_backend()
                    .con.execute(f"EXPLAIN (FORMAT json) {ibis.to_sql(each.expression, dialect='duckdb')}")
                    .fetchone()[1]
                )
                scans += [read for root in json.loads(plan) for read in reads(root)]
            read = sum(column[one] for columns in scans for one in columns)
            used = {one for columns in scans for one in columns}
            print(
                f"{name:<14}{len(asked):>4} queries{len(scans):>5} scans{len(used):>4} columns"
                f"{read:>14,} bytes {read / whole:6.1f} times the table"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
