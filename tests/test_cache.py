"""The cache: once, ever; safe when many use it, when it is killed, and when the disk is full."""

import multiprocessing
import os
import random
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow.dataset as dataset
import pytest
from support import write_log

import flowkit
from flowkit.fields import DEFAULT_FORMAT
from flowkit.loading import cache
from flowkit.loading.records import backend

LINE = "2 012345678901 eni-{e} 10.0.0.{h} 203.0.113.9 443 {p} 6 1 {b} {t} {t} ACCEPT OK"


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache that only this test uses; what this process spills lies elsewhere."""
    backend()
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "own cache"))
    return tmp_path / "own cache"


def fill(folder: Path, files: int, lines: int = 200, first: int = 0) -> int:
    """Write `files` logs of `lines` records with different bytes; their sum."""
    total = 0
    for number in range(first, first + files):
        records = []
        for line in range(lines):
            total += (size := number * 1000 + line)
            records.append(LINE.format(e=number, h=line % 250, p=1024 + line, b=size, t=1700000000 + line))
        write_log(folder / f"{number:04}.log.gz", records)
    return total


def totals(folder: Path) -> tuple[int, int]:
    flows = flowkit.load(str(folder)).flows
    return tuple(flows.aggregate(n=flows.count(), b=flows.bytes.sum()).execute().iloc[0])


def run(code: str, own_cache: Path, *args: str, **more) -> subprocess.Popen:
    """Another process with the same cache that runs `code`."""
    env = os.environ | {"FLOWKIT_CACHE": str(own_cache)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


INGEST = "import sys, flowkit; print(flowkit.ingest(sys.argv[1])['new_files'])"


def test_a_file_is_parsed_once_and_only_a_new_or_changed_one_again(tmp_path, own_cache):
    total = fill(tmp_path / "logs", 5)
    assert flowkit.ingest(str(tmp_path / "logs"))["new_files"] == 5
    before = {path: path.stat().st_atime_ns for path in (tmp_path / "logs").iterdir()}
    assert flowkit.ingest(str(tmp_path / "logs"))["new_files"] == 0
    assert {path: path.stat().st_atime_ns for path in before} == before
    total += fill(tmp_path / "logs", 1, first=5)
    assert flowkit.ingest(str(tmp_path / "logs"))["new_files"] == 1
    assert totals(tmp_path / "logs") == (1200, total)
    write_log(tmp_path / "logs" / "0000.log.gz", [LINE.format(e=9, h=9, p=9, b=7, t=1700000000)])
    changed = flowkit.ingest(str(tmp_path / "logs"))
    assert (changed["new_files"], changed["ok"]) == (1, 1001)
    assert totals(tmp_path / "logs") == (1001, total - sum(range(200)) + 7)


def test_the_cache_is_its_owners_alone_and_other_tools_read_it(tmp_path, own_cache):
    total = fill(tmp_path / "logs", 3)
    flowkit.ingest(str(tmp_path / "logs"))
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o700
    parts = list(own_cache.glob("v-*/parts/*.parquet"))
    assert len(parts) == 1
    assert pd.read_parquet(parts[0])["bytes"].sum() == total
    assert dataset.dataset(parts).count_rows() == 600
    assert sorted(path.name for path in own_cache.iterdir()) == ["flowkit-cache", cache.folder().name]


def test_one_file_of_many_is_asked_for_alone(tmp_path, own_cache):
    fill(tmp_path / "logs", 4)
    flowkit.ingest(str(tmp_path / "logs"))
    assert totals(tmp_path / "logs" / "0002.log.gz") == (200, sum(range(2000, 2200)))
    assert totals(f"{tmp_path}/logs/000[13].log.gz") == (400, sum(range(1000, 1200)) + sum(range(3000, 3200)))


def test_many_small_parts_are_gathered_into_one_and_pruned(tmp_path, own_cache):
    names = [*DEFAULT_FORMAT[:-1], "future-field"]
    flowkit.ingest(str(write_log(tmp_path / "other.log", [LINE.format(e=1, h=1, p=1, b=1, t=1)], names)))
    total = 0
    for number in range(40):
        total += fill(tmp_path / "logs", 1, lines=3, first=number)
        flowkit.ingest(str(tmp_path / "logs"))
    assert totals(tmp_path / "logs") == (120, total)
    assert "future_field" not in flowkit.load(str(tmp_path / "logs" / "0001.log.gz")).flows.columns
    assert cache.size()["parts"] == 42
    for path in list((tmp_path / "logs").iterdir())[:10]:
        path.unlink()
    assert cache.prune() == 10
    assert cache.size()["parts"] < 12
    rest = sum(int(path.name[:4]) * 3000 + 3 for path in (tmp_path / "logs").iterdir())
    assert totals(tmp_path / "logs") == (90, rest)


def test_it_can_be_cleared_at_any_time(tmp_path, own_cache):
    total = fill(tmp_path / "logs", 2)
    assert totals(tmp_path / "logs") == (400, total)
    cache.clear()
    assert not own_cache.exists()
    assert totals(tmp_path / "logs") == (400, total)


def test_clearing_keeps_what_others_put_there_and_the_folder_works_on(tmp_path, own_cache):
    total = fill(tmp_path / "logs", 2)
    assert totals(tmp_path / "logs") == (400, total)
    (own_cache / "mine.txt").write_text("mine")
    assert cache.clear() == ["mine.txt"]
    assert sorted(path.name for path in own_cache.iterdir()) == [cache.MARKER, "mine.txt"]
    assert totals(tmp_path / "logs") == (400, total)


def ingest_in(own_cache: str, logs: str) -> None:
    os.environ["FLOWKIT_CACHE"] = own_cache
    flowkit.ingest(logs)


def whole_run(processes, own_cache: Path, logs: Path) -> float:
    """The seconds that ingesting takes when nobody kills it."""
    process = processes.Process(target=ingest_in, args=(str(own_cache), str(logs)))
    begun = time.monotonic()
    process.start()
    process.join()
    return time.monotonic() - begun


def test_killed_at_random_moments_nothing_is_lost_or_counted_twice(tmp_path, own_cache, monkeypatch):
    seed = 20261123
    print("seed", seed)
    chance = random.Random(seed)
    total = fill(tmp_path / "logs", 60, lines=500)
    processes = multiprocessing.get_context("forkserver")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    processes.set_forkserver_preload(["flowkit.loading.ingestion", __name__])  # else most of a run is imports
    span = [whole_run(processes, tmp_path / f"other cache {turn}", tmp_path / "logs") for turn in range(2)][1]
    killed = 0
    while killed < 60:
        process = processes.Process(target=ingest_in, args=(str(own_cache), str(tmp_path / "logs")))
        process.start()
        while not list(own_cache.glob("work-*")) and process.is_alive():
            time.sleep(0.001)
        process.join(chance.uniform(0, span))
        killed += process.is_alive()
        process.kill()
        process.join()
        if chance.random() < 0.7:
            shutil.rmtree(own_cache / cache.folder().name / "facts", ignore_errors=True)
    assert totals(tmp_path / "logs") == (30_000, total)
    cache.sweep()
    assert not list(own_cache.glob("work-*"))


def test_two_writers_and_four_readers_at_once(tmp_path, own_cache):
    total = fill(tmp_path / "logs", 60, lines=500)
    read = (
        "import sys, flowkit; f = flowkit.load(sys.argv[1]).flows;"
        "print(*f.aggregate(n=f.count(), b=f.bytes.sum()).execute().iloc[0])"
    )
    everybody = [run(INGEST, own_cache, str(tmp_path / "logs")) for _ in range(2)]
    everybody += [run(read, own_cache, str(tmp_path / "logs")) for _ in range(4)]
    told = [process.communicate() for process in everybody]
    assert [error for _, error in told if "Traceback" in error] == []
    assert [out.split() for out, _ in told[2:]] == [["30000", str(total)]] * 4
    assert totals(tmp_path / "logs") == (30_000, total)


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(tmp_path, own_cache):
    total = fill(tmp_path / "logs", 30, lines=5000)
    code = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000));"
    code += "import flowkit; flowkit.ingest(sys.argv[1])"
    process = run(code, own_cache, str(tmp_path / "logs"))
    error = process.communicate()[1].splitlines()[-1]
    said = f"no space left for the cache in {own_cache}: free some, or set FLOWKIT_CACHE"
    assert error == f"flowkit.loading.errors.SourceError: {said}"
    assert not list(own_cache.glob("work-*"))
    assert not list(own_cache.glob("v-*/parts/*"))
    assert totals(tmp_path / "logs") == (150_000, total)
