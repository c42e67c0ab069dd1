"""`make bench`: generates the logs, times everything in one run, prints one Markdown table.

Each step is a command of its own: wall seconds, their ratio to the floor (`gzip -dc` over the same files, one
process a core), CPU seconds and memory of all its processes together. Figures of one run compare with each other, not
with those of another day or machine.
"""

import argparse
import contextlib
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, NamedTuple

HERE = Path(__file__).parent
CORES = os.cpu_count()

GROUP_BYS = """
flows.group_by(["interface_id", "action"]).agg(n=flows.count(), b=flows.bytes.sum()).execute()
flows.group_by(["srcaddr", "dstaddr"]).agg(b=flows.bytes.sum()).order_by(ibis.desc("b")).limit(20).execute()
flows.group_by(["dstport", "protocol", "action"]).agg(n=flows.count()).execute()
"""
INGEST = "import sys, flowkit; print(flowkit.ingest(sys.argv[1], format=None)['ok'])"
ANSWER = "import sys, ibis, flowkit; flows = flowkit.load(sys.argv[1]).records" + GROUP_BYS
FIRST = """
import sys, ibis, flowkit
flows = flowkit.load(sys.argv[1]).records
flows.group_by("srcaddr").agg(b=flows.bytes.sum()).order_by(ibis.desc("b")).limit(10).execute()
"""
FOLD = "import sys, flowkit; flowkit.load(sys.argv[1]).edges"
#: Others with the same first question: which addresses sent most bytes.
READERS = {
    "pandas": """
import sys, glob, pandas as pd
files = sorted(glob.glob(sys.argv[1]))
flows = pd.concat(pd.read_csv(file, sep=" ", na_values="-", dtype={"account-id": str}) for file in files)
flows.groupby("srcaddr")["bytes"].sum().nlargest(10)
""",
    "Polars": """
import sys, polars as pl
flows = pl.scan_csv(sys.argv[1], separator=" ", null_values="-", schema_overrides={"account-id": pl.String})
flows.group_by("srcaddr").agg(pl.col("bytes").sum()).sort("bytes").tail(10).collect()
""",
    "pyarrow": """
import sys, glob, pyarrow as pa, pyarrow.csv as csv
convert = csv.ConvertOptions(null_values=["-"], strings_can_be_null=True, column_types={"account-id": pa.string()})
read = lambda file: csv.read_csv(file, parse_options=csv.ParseOptions(delimiter=" "), convert_options=convert)
flows = pa.concat_tables([read(file) for file in sorted(glob.glob(sys.argv[1]))])
flows.group_by(["interface-id", "action"]).aggregate([("bytes", "sum"), ("bytes", "count")])
""",
    "flowlogs-reader": """
import sys, glob, gzip, collections
from flowlogs_reader import FlowRecord
sums = collections.Counter()
for file in sorted(glob.glob(sys.argv[1])):
    with gzip.open(file, "rt") as lines:
        names = [name.replace("-", "_") for name in next(lines).split()]
        for line in lines:
            record = FlowRecord(dict(zip(names, line.split())))
            sums[record.srcaddr] += record.bytes
""",
}


class Step(NamedTuple):
    """One timed command: seconds of wall clock and of CPU, peak memory of its processes in MB, records it went through."""

    name: str
    seconds: float
    cpu: float
    memory: float
    records: int


def memory(pid: int) -> float:
    """MB that a process and all those that it started hold at the moment, shared pages once."""
    with contextlib.suppress(OSError):  # it has just ended
        own = re.search(r"Pss: +([0-9]+)", Path(f"/proc/{pid}/smaps_rollup").read_text())
        children = (path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children"))
        return (int(own[1]) if own else 0) / 1024 + sum(memory(int(child)) for each in children for child in each)
    return 0


def timed(name: str, records: int, command: list[str], cache: Path, out: int | IO = subprocess.DEVNULL) -> Step:
    """Run `command` with its own cache folder and time it as a whole process."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=out, env=os.environ | {"FLOWKIT_CACHE": str(cache)})
    held, done = [0.0], threading.Event()
    watch = threading.Thread(
        target=lambda: [held.append(memory(process.pid)) for _ in iter(lambda: done.wait(0.2), True)]
    )
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    done.set()
    watch.join()
    if status:
        raise SystemExit(f"{name}: {' '.join(command)[:200]} ended with {os.waitstatus_to_exitcode(status)}")
    print(f"  {name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return Step(name, seconds, usage.ru_utime + usage.ru_stime, max(usage.ru_maxrss / 1024, *held), records)


def python(code: str, *args: object) -> list[str]:
    """The command that runs `code`."""
    return [sys.executable, "-c", code, *map(str, args)]


def gzip_dc(logs: Path) -> list[str]:
    """The floor: every file through gzip -dc, one process a core."""
    files = sorted(map(str, logs.glob("*.gz")))
    share = -(-len(files) // CORES)
    groups = "\n".join(" ".join(files[at : at + share]) for at in range(0, len(files), share))
    return ["bash", "-c", f"xargs -P {CORES} -L 1 gzip -dc > /dev/null <<'END'\n{groups}\nEND"]


def links(files: list[Path], target: Path, times: int) -> Path:
    """`files` under `times` names each."""
    target.mkdir()
    for turn in range(times):
        for file in files:
            link = target / f"{turn:02}" / file.name
            link.parent.mkdir(exist_ok=True)
            link.hardlink_to(file)  # a symbolic link would lead to a file that is known already
    return target


def logs_table(folder: Path, files: int, lines: int, fraction: int) -> list[Step]:
    """The steps over `files` files of `lines` records; the slow readers over one file in `fraction`."""
    records, large, cache = files * lines, folder / "strangers", folder / "cache"
    generate(large, files, lines)
    every = f"{large}/*.gz"
    steps = [timed("gzip -dc (the floor)", records, gzip_dc(large), cache)]
    steps.append(timed("flowkit, cold", records, python(INGEST, large), cache))
    steps.append(timed("flowkit, warm (nothing new)", records, python(INGEST, large), cache))
    steps.append(timed("flowkit, three group-bys over the cache", records, python(ANSWER, large), cache))
    steps.append(
        timed("flowkit, the first question, nothing cached", records, python(FIRST, large), folder / "cache-first")
    )
    steps.append(timed("flowkit, the same again", records, python(FIRST, large), folder / "cache-first"))
    for name in ("pandas", "Polars", "pyarrow"):
        steps.append(timed(f"{name}, the same question", records, python(READERS[name], every), cache))
    few = links(sorted(large.iterdir())[: max(1, files // fraction)], folder / "few", 1)
    part = max(1, files // fraction) * lines
    steps.append(
        timed(
            f"flowlogs-reader, 1 file in {fraction}", part, python(READERS["flowlogs-reader"], f"{few}/00/*.gz"), cache
        )
    )
    return steps


#: By kind of file: what its text is to that of AWS's files.
DIRTY = {
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "commas": lambda text: text.replace(b" ", b","),
    "tabs": lambda text: text.replace(b" ", b"\t"),
    "Firehose JSON": lambda text: b"".join(b'{"message":"%b"}\n' % line for line in text.split(b"\n")[1:] if line),
    "one bad line a file": lambda text: text + b"no record\n",
}


def dirty(folder: Path, files: int, lines: int) -> list[Step]:
    """The same records written otherwise than AWS does, a step a kind."""
    steps = []
    for number, (kind, change) in enumerate(DIRTY.items()):
        logs, cache = folder / f"dirty-{number}", folder / f"cache-dirty-{number}"
        logs.mkdir()
        for path in (folder / "strangers").glob("*.gz"):
            with gzip.open(logs / path.name, "wb", compresslevel=1) as file:
                file.write(change(gzip.decompress(path.read_bytes())))
        steps.append(timed(f"flowkit, cold, {kind}", files * lines, python(INGEST, logs), cache))
        shutil.rmtree(logs)
        shutil.rmtree(cache)
    return steps


def small_files(folder: Path, files: int, lines: int) -> list[Step]:
    """The same number of records in `files` small files, and one new file among them."""
    small, cache = folder / "small", folder / "cache-small"
    generate(small, files, lines)
    steps = [timed(f"flowkit, cold, {files:,} files of {lines}", files * lines, python(INGEST, small), cache)]
    generate(small, 1, lines, first=files)
    steps.append(timed(f"flowkit, one new file among {files:,}", lines, python(INGEST, small), cache))
    return steps


def many(folder: Path, times: int, records: int) -> list[Step]:
    """The conversations under `times` names each: loading, then the fold."""
    again, cache = (links(sorted((folder / "conversations").iterdir()), folder / "many", times), folder / "cache-many")
    total = records * times
    loaded = timed(f"flowkit, cold, {total / 1e6:,.0f} million records", total, python(INGEST, again), cache)
    steps = [loaded, timed("fold of those", total, python(FOLD, again), cache)]
    shutil.rmtree(cache)
    return steps


def questions(folder: Path, records: int, kind: str) -> list[Step]:
    """The fold, what the four notebooks ask of it in one process, and a whole report with nothing cached."""
    logs, cache = folder / kind, folder / "cache"
    ask = [sys.executable, str(HERE / "ask.py"), str(logs)]
    report = [sys.executable, "-m", "flowkit", "report", str(logs), "--out", str(folder / "reports")]
    return [
        timed(f"fold, {kind}", records, python(FOLD, logs), cache),
        timed(f"questions of all notebooks, folded before, {kind}", records, ask, cache),
        timed(f"flowkit report, cold, {kind}", records, report, folder / f"cache-report-{kind}"),
    ]


def generate(folder: Path, files: int, lines: int, first: int = 0, kind: str = "strangers") -> None:
    """Write `files` gzip files of `lines` records of a made-up VPC, as AWS names them."""
    counts = map(str, (files, lines, first))
    subprocess.run([sys.executable, HERE / "generate.py", folder, *counts, kind], check=True)


def overhead(folder: Path) -> list[Step]:
    """`flowkit report` on the sample, beside bare papermill of as many notebooks that import the same libraries."""
    code = "import matplotlib.pyplot, pandas, polars, duckdb, flowkit.log"
    bare = python(HERE.joinpath("bare.py").read_text(), HERE.parents[1] / "notebooks", folder / "bare", code)
    report = [sys.executable, "-m", "flowkit", "report", "sample", "--out", str(folder / "reports")]
    python_warm = timed("flowkit report on the sample, the first time", 0, report, folder / "cache-sample")
    return [
        timed("papermill, as many notebooks that only import", 0, bare, folder / "cache-sample"),
        python_warm,
        timed("flowkit report on the sample", 0, report, folder / "cache-sample"),
    ]


def table(steps: list[Step], floor: Step) -> str:
    """The steps as a Markdown table."""
    rows = [
        "| step | seconds | ratio to the floor | CPU seconds | million records a second | MB at most |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for step in steps:
        share = step.records / floor.records
        ratio = f"{step.seconds / (floor.seconds * share):.2f}" if step.records else ""
        pace = f"{step.records / step.seconds / 1e6:.2f}" if step.records else ""
        rows.append(f"| {step.name} | {step.seconds:.2f} | {ratio} | {step.cpu:.1f} | {pace} | {step.memory:,.0f} |")
    return "\n".join(rows)


def main() -> None:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--small-files", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=4, help="names for each large file in the memory test")
    parser.add_argument("--folder", type=Path, help="where the logs are made (default: a temporary folder)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="flowkit-bench-") as name:
        folder, records = Path(name), args.files * args.lines
        steps = logs_table(folder, args.files, args.lines, fraction=25)
        steps += dirty(folder, args.files, args.lines)
        steps += small_files(folder, args.small_files, max(1, records // args.small_files))
        steps += questions(folder, records, "strangers")
        generate(folder / "conversations", args.files, args.lines, kind="conversations")
        loaded = python(INGEST, folder / "conversations")
        steps.append(timed("flowkit, cold, conversations", records, loaded, folder / "cache"))
        steps += questions(folder, records, "conversations")
        steps += many(folder, args.times, records)
        idle = 144 * records // 100  # of 5,000 interfaces: 7.2 million in a day
        generate(folder / "nodata", idle // 25_000, 25_000, kind="nodata")
        steps.append(timed("flowkit, cold, NODATA", idle, python(INGEST, folder / "nodata"), folder / "cache"))
        steps += questions(folder, idle, "nodata")
        steps += overhead(folder)
    print(f"{records:,} records in {args.files} files, {CORES} cores\n\n{table(steps, steps[0])}")


if __name__ == "__main__":
    main()
