"""Small inputs of the kinds that people have: each has exact counts, or one sentence that says what it is.

The folder is named by FLOWKIT_CASES: `<case>/in` is the input, `<case>/expected.json` its arguments and counts.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowkit import cli, load, talkers
from flowkit.folding.coverage import covered_share

COUNTS = ("ok", "nodata", "skipdata", "no_status", "malformed", "ok_bytes", "ok_packets")
#: What is said of cases whose expectation is a sentence: exit code, words on stderr, and the counts where it is read.
SAID = {
    "09b-excel-sci-account": (1, "account-id='1.23457E+11'", {"malformed": 1}),
    "12-zstd": (0, "", {"ok": 2, "ok_bytes": 5580}),
    "12b-bz2": (0, "", {"ok": 2, "ok_bytes": 5580}),
    "14b-double-gzip": (0, "", {"ok": 2, "ok_bytes": 5580}),
    "15-kinesis-get-records": (0, "", {"ok": 2, "malformed": 0}),
    "17b-cloudtrail-alone": (1, "these are AWS CloudTrail records, not VPC flow logs", None),
    "20-splunk-raw-csv": (0, "", {"ok": 1, "ok_bytes": 5400}),
    "20c-loki": (0, "", {"ok": 1, "ok_bytes": 5400}),
    "21-start-after-end": (0, "", {"ok": 1}),
    "31-us-time": (0, "", {"ok": 1}),
    "35-version-5-default": (0, "", {"ok": 1}),
    "37b-tcpflags-32bit": (1, "tcp-flags=4294967295 is above 2147483647", {"malformed": 1}),
    "43-format-given-but-wrong": (1, "14 tokens, format has 2", {"malformed": 2}),
    "46-nbsp": (1, "no line is a record", {"malformed": 1}),
    "47-cr-only": (0, "", {"ok": 2, "ok_bytes": 5580}),
    "50-empty-gz": (1, "the file is empty", None),
    "52-html-error": (1, "an HTML or XML page", None),
    "53-glue-hive-null": (0, "", {"nodata": 1, "malformed": 0}),
    "55-quoted-space": (0, "", {"ok": 1, "malformed": 0}),
    "63d-pq-ts-text": (0, "", {"ok": 2, "malformed": 0}),
    "63g-pq-date": (1, "the column start of the Parquet file holds Date", None),
    "63h-pq-time": (1, "the column start of the Parquet file holds Time", None),
    "63i-pq-list": (1, "the column srcaddr of the Parquet file holds List", None),
    "63j-pq-bool": (1, "the column protocol of the Parquet file holds Boolean", None),
    "63k-pq-struct": (1, "the column action of the Parquet file holds Struct", None),
    "63m-pq-ts-infinity": (0, "times that no flow log can have", {"ok": 2}),
    "64-pq-us-int": (0, "", {"ok": 2, "ok_bytes": 5580}),
    "69-pq-gz": (0, "", {"ok": 2, "ok_bytes": 5580}),
    "70-pq-truncated": (1, "the Parquet file cannot be read", None),
    "71-pq-duplicate-col": (1, "the Parquet file cannot be read", None),
    "71b-pq-two-names-same": (1, "two columns of the Parquet file are both srcaddr", None),
    "79-arrow-feather": (1, "an Arrow (Feather) file", None),
    "82b-cwsub-cut": (0, "1 of 2 lines malformed", {"ok": 1, "malformed": 1}),
    "82c-events-cut-pretty": (0, "malformed", {"ok": 1}),
    "87-interval-long": (0, "1 record with times that no flow log can have, such as 1 to 1795176055", {"ok": 2}),
    "88b-athena-count": (0, "", {"no_status": 1, "ok_bytes": 0}),
    "A4-ipv6-spellings": (0, "", {"ok": 2}),
    "A9-year-2262-boundary": (0, "such as 9300000000 to 9300000050", {"ok": 3}),
    "A10-hole1y": (0, "", {"ok": 864, "malformed": 0}),
}


#: Cases that say nothing of counts, but what a report says of them, or that a machine does no harm: other tests have them.
OTHERS = (
    "A1-client-port-below-server-port A2-nacl-icmp-midway A5-ephemeral-return A6-nlb-healthcheck A7-natgw-v2-bytes"
    " A8-week-apart E1-tmpdir-long E2-cwd-shadow E3-stdin-closed E4-no-home E5-stale-kernelspec E6-procsub"
    " E7-symlinked-subfolder E8-non-ascii-out T-count T-crash T-deny T-nacl8883 T-pool"
).split()


def cases() -> list[Path]:
    folder = os.environ.get("FLOWKIT_CASES")
    return [path.parent for path in sorted(Path(folder).glob("*/expected.json"))] if folder else []


def expectation(case: Path) -> dict:
    return json.loads((case / "expected.json").read_text())


def ingested(path, *words, capsys) -> tuple[int, dict | None, str]:
    """Exit code, tally (None where nothing was printed) and stderr of `flowkit ingest`."""
    code = cli.main(["ingest", str(path), "--json", *words])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else None, said.err


def test_the_cases_are_there(case_folder):
    assert len(cases()) >= 146
    told = {case.name for case in cases() if isinstance(expectation(case)["expect"], str)}
    assert told == {*SAID, *OTHERS}


@pytest.mark.parametrize("case", [case for case in cases() if case.name not in OTHERS], ids=lambda case: case.name)
def test_a_case_is_counted_exactly_or_said_in_one_sentence(case, capsys):
    asked = expectation(case)
    code, tally, error = ingested(case / "in", *asked["args"], capsys=capsys)
    assert "Traceback" not in error and error.count("\n") <= 1
    if isinstance(asked["expect"], dict):
        assert tally is not None, error
        assert {name: tally[name] for name in asked["expect"]} == asked["expect"]
        records = sum(tally[name] for name in ("ok", "nodata", "skipdata", "no_status"))
        assert code == (0 if records else 1)
        assert records + tally["malformed"] + tally["headers"] + tally["blank"] == tally["lines"]
        return
    expected, words, counts = SAID[case.name]
    assert (code, words in error) == (expected, True), error
    assert (tally is None) == (counts is None)
    assert counts is None or {name: tally[name] for name in counts} == counts


def test_two_spellings_of_an_ipv6_address_are_one(case_folder):
    table = load(case_folder / "A4-ipv6-spellings" / "in").records.execute()
    assert set(table.srcaddr) == set(table.dstaddr) == {"2001:db8::5", "2001:db8::9"}


def test_microseconds_are_seconds(case_folder):
    for case in ("31-us-time", "31c-ms-time", "64-pq-us-int", "63b-pq-ts-ns-tz", "63e-pq-tz-berlin"):
        first = load(case_folder / case / "in").flows.start.min().execute()
        assert first == 1_795_176_000, case


def test_odd_times_are_counted_said_and_left_out_of_flows(case_folder):
    log = load(case_folder / "A9-year-2262-boundary" / "in")
    assert (log.tally["ok"], log.records.count().execute(), log.flows.count().execute()) == (3, 3, 2)
    assert log.records.start.isnull().sum().execute() == 1
    said = log.summary.set_index("what").value["times no flow log can have"]
    assert said == "1 record, such as 9300000000 to 9300000050 (seconds since 1970) in x.log"


def test_bytes_through_a_nat_gateway_and_windows_a_week_apart_are_said_as_they_are(case_folder):
    by_bytes = talkers(load(case_folder / "A7-natgw-v2-bytes" / "in")).summary
    assert by_bytes[0] == "Accepted traffic: 8.8 MB, all to or from public addresses (direction unknown)."
    assert covered_share(load(case_folder / "A8-week-apart" / "in").coverage) < 0.001


def flowkit(words, **more) -> subprocess.CompletedProcess:
    code = "import sys; from flowkit.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], text=True, capture_output=True, **more)


V2 = "2 123456789012 eni-0a 10.0.1.5 10.0.2.9 44321 443 6 10 5400 1795176000 1795176055 ACCEPT OK\n"


@pytest.fixture
def log(tmp_path) -> Path:
    path = tmp_path / "logs" / "x.log"
    path.parent.mkdir()
    path.write_text(V2)
    return path


def environment(tmp_path, **more) -> dict:
    return os.environ | {"FLOWKIT_CACHE": str(tmp_path / "cache")} | more


def test_a_long_tmpdir_no_home_ascii_and_closed_stdin_do_no_harm(log, tmp_path):
    long = tmp_path / ("t" * 120)
    long.mkdir()
    for more in ({"TMPDIR": str(long)}, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}):
        done = flowkit(["ingest", log, "--json"], env=environment(tmp_path, **more))
        assert (done.returncode, json.loads(done.stdout)["ok"], done.stderr) == (0, 1, "")
    assert not any(long.iterdir())
    words = f"exec {sys.executable} -c 'import sys; from flowkit.cli import main; sys.exit(main())' ingest {log} --json"
    closed = subprocess.run(["bash", "-c", f"{words} <&-"], env=environment(tmp_path), capture_output=True, text=True)
    assert (closed.returncode, closed.stderr) == (0, "")
    bare = {name: value for name, value in environment(tmp_path).items() if name not in ("HOME", "FLOWKIT_CACHE")}
    homeless = flowkit(["ingest", log, "--json"], env=bare | {"HOME": "/nonexistent/home"})
    assert homeless.returncode in (0, 1) and "Traceback" not in homeless.stderr and homeless.stderr.count("\n") <= 1


def test_a_script_named_as_a_library_beside_the_logs_is_not_run(log, tmp_path):
    (log.parent / "random.py").write_text("raise SystemExit('run')")
    command = Path(sys.executable).with_name("flowkit")
    done = subprocess.run([command, "ingest", "."], cwd=log.parent, env=environment(tmp_path), capture_output=True)
    assert b"run" not in done.stderr


def test_stdin_and_process_substitutions_and_pipes_are_read(log, tmp_path):
    words = f"{sys.executable} -c 'import sys; from flowkit.cli import main; sys.exit(main())' ingest"
    for command in (
        f"{words} - --json < {log}",
        f"{words} <(cat {log}) --json",
        f"cat {log} | {words} /dev/stdin --json",
    ):
        done = subprocess.run(["bash", "-c", command], env=environment(tmp_path), capture_output=True, text=True)
        assert json.loads(done.stdout)["ok"] == 1, done.stderr
    os.mkfifo(log.parent / "pipe")
    done = flowkit(["ingest", log.parent, "--json"], env=environment(tmp_path), timeout=60)
    assert json.loads(done.stdout)["ok"] == 1 and "1 left aside (a pipe, a device or a socket" in done.stderr
    done = flowkit(["ingest", "/dev/zero"], env=environment(tmp_path), timeout=60)
    assert (done.returncode, done.stderr) == (1, "flowkit: /dev/zero is a pipe, a device or a socket, not a file\n")


def test_a_linked_folder_is_read_once_and_a_loop_ends(log, tmp_path, capsys):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "y.log").write_text(V2.replace("eni-0a", "eni-0b"))
    (log.parent / "link").symlink_to(outside)
    (outside / "again").symlink_to(log.parent)
    assert ingested(log.parent, capsys=capsys)[1]["ok"] == 2


def test_an_empty_source_is_wrong_usage(capsys):
    assert cli.main(["ingest", ""]) == 2
    assert "the source is empty" in capsys.readouterr().err
