"""The command: its words, its exit codes, what goes to stdout and what to stderr."""

import json
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from pages_support import record, write_notebook
from support import write_log

from flowkit import cli
from flowkit.fields import DEFAULT_FORMAT
from flowkit.loading import cache
from flowkit.loading.sample import NOTEBOOKS, SAMPLE
from flowkit.reporting.errors import UsageError
from flowkit.reporting.run import Request, planned

TALLY = [
    "files", "new_files", "damaged_files", "unreadable_files", "lines", "headers", "blank", "ok", "nodata", "skipdata",
    "no_status", "malformed", "ok_bytes", "ok_packets", "seconds",
]  # fmt: skip


@pytest.fixture
def log(tmp_path):
    return write_log(tmp_path / "logs" / "flow.log.gz", [record(), record("eni-0b", action="ACCEPT"), "not a record"])


def run(*words) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "flowkit", *map(str, words)], capture_output=True, text=True)


def test_help_names_every_command():
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    for command in ("report", "ingest", "cache", "enable", "status", "snapshot", "notebooks", "explain"):
        assert re.search(rf"^    {command}\b", done.stdout, re.M), command


@pytest.mark.parametrize(
    "words", [(), ("reprot",), ("report", "--fail-on", "grave"), ("ingest",), ("report", "--keep", "x")]
)
def test_wrong_words_exit_with_2_and_no_traceback(words):
    done = run(*words)
    assert done.returncode == 2 and done.stdout == ""
    assert "usage: flowkit" in done.stderr and "Traceback" not in done.stderr


def test_ingest_prints_the_tally_as_one_json_object(log, capsys):
    assert cli.main(["ingest", str(log.parent), "--json"]) == 0
    said = capsys.readouterr()
    tally = json.loads(said.out)
    assert sorted(tally) == sorted(TALLY)
    assert "1 of 3 lines malformed" in said.err and said.err.count("\n") == 1
    assert (tally["files"], tally["new_files"], tally["lines"], tally["ok"], tally["malformed"]) == (1, 1, 3, 2, 1)
    assert (tally["ok_bytes"], tally["ok_packets"]) == (120, 2)


def test_ingest_of_several_sources_finds_nothing_new_the_second_time(log, tmp_path, capsys):
    other = write_log(tmp_path / "other.log", [record("eni-0c")])
    for new in (2, 0):
        assert cli.main(["ingest", str(log), str(other), "--json"]) == 0
        tally = json.loads(capsys.readouterr().out)
        assert (tally["files"], tally["new_files"], tally["ok"]) == (2, new, 3)


def test_ingest_prints_a_table_for_people(log, capsys):
    assert cli.main(["ingest", str(log)]) == 0
    lines = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert lines["lines"] == "3" and lines["malformed"] == "1"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("nowhere",), 1, "nowhere"),
        (("--start", "2026-02-02", "--end", "2026-02-01", "."), 2, "is not after the start"),
        (("--format", "colour", "."), 2, "is no field"),
    ],
)
def test_ingest_says_what_is_wrong_in_one_line(tmp_path, monkeypatch, capsys, words, code, sentence):
    monkeypatch.chdir(write_log(tmp_path / "flow.log", [record()]).parent)
    assert cli.main(["ingest", *words]) == code
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and said.out == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--param", "min_scor=3"], "no notebook has a parameter 'min_scor'; did you mean 'min_score'?"),
        (["--param", "named_networks=foo"], "named_networks must read name=CIDR,name=CIDR: 'foo'"),
        (["--param", "compare_at=yesterday"], "'yesterday' is no time: give ISO 8601"),
        (["--param", "weak_share=2"], "weak_share is a number from 0 to 1"),
        (["--param", "top=-1"], "top is a whole number of 0 or more"),
    ],
)
def test_a_wrong_parameter_is_wrong_usage_before_anything_runs(log, tmp_path, capsys, words, sentence):
    assert cli.main(["report", str(log), "--out", str(tmp_path / "out"), *words]) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("source", ["s3://", "cloudwatch://", " "])
@pytest.mark.parametrize("command", ["report", "ingest"])
def test_a_source_without_a_name_is_wrong_usage(tmp_path, capsys, monkeypatch, command, source):
    monkeypatch.chdir(tmp_path)
    assert cli.main([command, source]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "option",
    ["--start", "--end", "--out", "--notebook", "--network", "--network-after", "--expect", "--format", "--param"],
)
def test_an_option_without_a_value_as_of_a_variable_that_is_not_set_is_refused(option, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["report", "sample", option, ""])
    assert stop.value.code == 2
    assert f"argument {option}: it is empty: leave it out, or say what it is" in capsys.readouterr().err


def test_a_parameter_that_no_notebook_uses_is_not_looked_at():
    plan = planned(Request(notebooks=("skipdata",), params=("named_networks=x",)), datetime.now(UTC))
    assert plan.notes == ["--param named_networks is ignored: none of these notebooks uses it"]
    with pytest.raises(UsageError, match="named_networks=x: named_networks must read name=CIDR"):
        planned(Request(notebooks=("reachability",), params=("named_networks=x",)), datetime.now(UTC))


def test_a_table_among_several_sources_is_wrong_usage(log, capsys):
    assert cli.main(["ingest", "duckdb://x.duckdb#flows", str(log)]) == 2
    assert capsys.readouterr().err == "flowkit: a table is a source of its own: ingest it alone\n"


def test_changed_rules_without_those_of_today_are_wrong_usage():
    with pytest.raises(UsageError, match="--network-after needs --network"):
        planned(Request(source=str(SAMPLE / "AWSLogs"), network_after="x"), datetime.now(UTC))


def test_a_parameter_of_another_notebook_is_ignored_with_a_note():
    request = Request(notebooks=("reachability",), params=("min_score=3", "top=2"))
    plan = planned(request, datetime.now(UTC))
    assert plan.notes == ["--param min_score is ignored: none of these notebooks uses it"]
    assert plan.arguments["reachability"]["top"] == 2 and "min_score" not in plan.arguments["reachability"]


def test_a_folder_of_expectations_is_said_to_be_one(log, tmp_path, capsys):
    assert cli.main(["report", str(log), "--expect", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"flowkit: expectations: {tmp_path} is a folder, not a CSV file\n"


def test_a_run_that_failed_says_so_and_names_no_findings_for_it(log, tmp_path, capsys):
    broken = write_notebook(tmp_path / "broken.ipynb", "1 / 0")
    assert cli.main(["report", str(log), "--out", str(tmp_path / "out"), "--notebook", str(broken)]) == 1
    said = capsys.readouterr()
    assert "1 notebook, 1 of them stopped; nothing was found before" in said.out
    assert "broken stopped at cell" in said.err and "ZeroDivisionError" in said.err


def test_the_cache_is_shown_pruned_and_cleared(log, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "cache"))
    assert cli.main(["ingest", str(log), "--json"]) == 0
    capsys.readouterr()

    def shown(*words):
        assert cli.main(["cache", *words]) == 0
        lines = capsys.readouterr().out.splitlines()
        return lines, dict(line.split() for line in lines[-3:])

    lines, size = shown()
    assert lines[0].startswith(str(tmp_path / "cache")) and size["files"] == "1" and size["bytes"] != "0"
    log.unlink()
    fold = cache.folder() / "folds" / "0a1b"
    fold.mkdir(parents=True)
    lines, size = shown("prune")
    assert not fold.exists(), "a fold is made anew where it is asked for"
    assert lines[0] == "1 file gone from the disk, and now from the cache" and size["files"] == "0"
    assert shown("clear")[1]["parts"] == "0"


@pytest.mark.parametrize(
    ("words", "window"),
    [
        (["--start", "-24h", "--end", "-1h"], ("-24h", "-1h")),
        (["--start=-7d", "--end", "now"], ("-7d", "now")),
        (["--end", "2026-01-01", "--start", "-2w"], ("-2w", "2026-01-01")),
    ],
)
def test_relative_times_may_stand_alone(words, window):
    given = cli.parser().parse_args(["report", *words, "s3://b"])
    assert ((given.start, given.end), given.source) == (window, "s3://b")


def test_the_console_script_is_the_same_command():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import importlib.metadata as m; print(m.entry_points(name='flowkit')['flowkit'].value)",
        ],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "flowkit.cli:main"


def test_an_interrupt_is_said_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    from flowkit.reporting import source

    def interrupted(*words, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(source, "load", interrupted)
    assert cli.main(["report", "--out", str(tmp_path / "out"), "--param", "top=3"]) == 130
    assert capsys.readouterr().err == "flowkit: interrupted; nothing was written\n"
    assert not (tmp_path / "out").exists()


def test_notebooks_are_listed_with_their_parameters_and_copied(tmp_path, capsys):
    assert cli.main(["notebooks"]) == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line[0] != " "] == [
        "first-look", "direction", "reachability", "rejected", "skipdata",
    ]  # fmt: skip
    assert re.search(r"^  source = 'sample' +file, folder, glob", said, re.M)
    assert cli.main(["notebooks", "--copy", str(tmp_path / "mine")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert sorted(said) == sorted(str(path) for path in (tmp_path / "mine").iterdir()) and len(said) == 5
    assert (tmp_path / "mine" / "rejected.ipynb").read_bytes() == (NOTEBOOKS / "rejected.ipynb").read_bytes()
    assert (tmp_path / "mine" / "first-look.ipynb").is_file()
    assert cli.main(["notebooks", "--copy", str(tmp_path / "mine")]) == 1
    said = capsys.readouterr()
    assert "rejected.ipynb, skipdata.ipynb already; nothing is overwritten" in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_a_record_is_explained_field_by_field(capsys):
    line = "2 123456789012 eni-0a 203.0.113.9 10.0.0.5 40000 443 6 1 60 1763600000 1763600060 REJECT -"
    assert cli.main(["explain", line]) == 0
    said = dict(re.split(r" {2,}|(?<=srcaddr) +", row, maxsplit=1) for row in capsys.readouterr().out.splitlines())
    assert list(said) == list(DEFAULT_FORMAT)
    assert said["protocol"].endswith("IANA protocol number: TCP")
    assert said["start"].endswith(": 2025-11-20 00:53:20 UTC")
    assert said["log-status"].endswith(": not applicable, or not known")
    assert cli.main(["explain", "18 8", "--format", "tcp-flags traffic-path"]) == 0
    said = capsys.readouterr().out
    assert ": SYN + ACK\n" in said and ": an internet gateway\n" in said
    assert cli.main(["explain", "1 2 3"]) == 2
    assert "the line has 3 fields and the format 14" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["report", "ingest", "cache", "notebooks", "explain", "enable", "status", "snapshot"]
)
def test_each_help_has_an_example_that_the_parser_takes(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    example = " ".join(capsys.readouterr().out.split("example: ")[1].split())
    words = shlex.split(example)
    assert words[:2] == ["flowkit", command]
    assert cli.parser().parse_args(words[1:]).func
