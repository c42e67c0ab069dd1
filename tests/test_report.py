"""`flowkit report` from words to a folder: what it writes, what it refuses, what it says and returns."""

import csv
import errno
import fcntl
import json
import os
import pty
import re
import stat
import struct
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from signal import Signals

import nbformat
import pytest
from pages_support import FINDS, PARAMETERS, PROBE, record, write_notebook
from support import heed_interrupts, said, write_log

from flowkit import cli
from flowkit.reporting import history
from flowkit.reporting.run import Request, planned

QUICK = ("from flowkit import tell", "## Findings", "tell([], str((source, start, end)))")
LOG = [record("eni-0a"), record("eni-0a", start=1763600060), record("eni-0a", start=1763600120), record("eni-0b")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a log, and notebooks: one that draws, one that finds, one that does nothing much, one that fails."""
    folder = tmp_path_factory.mktemp("report")
    write_log(folder / "flow.log", LOG)
    write_notebook(folder / "probe.ipynb", *PROBE)
    write_notebook(folder / "finds.ipynb", *FINDS)
    write_notebook(folder / "quick.ipynb", *QUICK)
    write_notebook(folder / "broken.ipynb", "## Findings", "1 / 0", "print('never')")
    return folder


def flowkit(*words) -> int:
    return cli.main([str(word) for word in words])


def newest_of(out: Path) -> tuple[Path, dict, dict]:
    run = history.runs(out)[0]
    folder = out / run["id"]
    return (folder, json.loads((folder / "run.json").read_text()), json.loads((folder / "findings.json").read_text()))


@pytest.fixture(scope="module")
def good(place):
    """A run of the probe and the quick notebook: the folder of runs, and the run's."""
    out = place / "good"
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("MPLBACKEND", "agg")
    given = ("--param", "account=012345678901", "--param", "top=7", "--param", "share=1", "--param", "loud=yes")
    code = flowkit("report", place / "flow.log", "--notebook", place / "probe.ipynb", "--notebook",
                   place / "quick.ipynb", "--out", out, "--end", "2026-01-01T00:00+01:00", *given)  # fmt: skip
    assert code == 0 and (os.environ["MPLBACKEND"], os.environ.get("FLOWKIT_REPORT")) == ("agg", None)
    monkeypatch.undo()
    return out, newest_of(out)[0]


def test_a_run_has_the_files_of_the_design_and_nothing_else(good):
    out, folder = good
    assert sorted(path.name for path in folder.iterdir()) == [
        "findings.csv", "findings.json", "index.html", "probe.html", "probe.ipynb", "quick.html", "quick.ipynb",
        "run.json",
    ]  # fmt: skip
    assert sorted(path.name for path in out.iterdir()) == [folder.name, "index.html", "latest"]
    assert (out / "latest").resolve() == folder.resolve()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z", folder.name)


def test_mplbackend_in_the_environment_does_not_silence_figures(good):
    assert '<figure class="fk-figure"' in (good[1] / "probe.html").read_text()


def test_findings_json_is_as_the_design_says(good):
    _, run, told = newest_of(good[0])
    assert told["schema"] == 2
    assert told["run"] == {
        "id": run["id"],
        "source": run["source"],
        "start": None,
        "end": "2025-12-31T23:00:00Z",
        "status": "ok",
        "flowkit": run["versions"]["flowkit"],
    }
    assert told["coverage"] == {
        "records": 4,
        "ok": 4,
        "nodata": 0,
        "skipdata": 0,
        "covered_share": told["coverage"]["covered_share"],
        "malformed": 0,
        "damaged_files": 0,
    }
    first, second = told["findings"]
    assert (first["severity"], second["severity"]) == ("high", "info")
    assert first["title"] == "203.0.113.9 was refused 3 times at eni-0a"
    assert first["subject"] == {
        "interface_id": "eni-0a",
        "srcaddr": "203.0.113.9",
        "dstaddr": "10.0.0.5",
        "protocol": 6,
        "dstport": 443,
    }
    assert list(first) == [
        "id", "status", "notebook", "kind", "severity", "confidence", "title", "subject", "cause", "grounds",
        "action", "first_seen", "last_seen", "records", "packets", "bytes", "coverage", "samples", "incident", "counts",
    ]  # fmt: skip
    assert (first["status"], first["notebook"], first["first_seen"]) == ("new", "probe", "2025-11-20T00:53:20Z")
    assert told["resolved"] == []


def test_findings_csv_holds_the_same(good):
    with (good[1] / "findings.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["severity"], row["srcaddr"], row["dstport"], row["records"]) for row in rows] == [
        ("high", "203.0.113.9", "443", "3"),
        ("info", "203.0.113.9", "443", "1"),
    ]


def test_run_json_says_what_was_run_on_what_and_with_what(good, place):
    _, run, _ = newest_of(good[0])
    assert run["inputs"] == [
        {
            "file": str(place / "flow.log"),
            "size": (place / "flow.log").stat().st_size,
            "sha256": subprocess.check_output(["sha256sum", place / "flow.log"], text=True).split()[0],
        }
    ]
    assert {"flowkit", "python", "duckdb", "ibis-framework", "pandas", "papermill"} <= run["versions"].keys()
    assert [(each["name"], each["failure"]) for each in run["notebooks"]] == [("probe", None), ("quick", None)]
    assert run["status"] == "ok" and run["tally"]["ok"] == 4 and run["seconds"] > 0
    assert (run["first"], run["last"]) == ("2025-11-20T00:53:20Z", "2025-11-20T00:56:20Z")


def test_parameters_keep_the_type_of_their_default(good):
    _, run, _ = newest_of(good[0])
    probe = run["parameters"]["probe"]
    assert probe["account"] == "012345678901", "an account id is text, with its zero"
    assert (probe["top"], probe["share"], probe["loud"]) == (7, 1.0, True)
    executed = nbformat.read(good[1] / "probe.ipynb", 4)
    assert executed.metadata.kernelspec.name == "python3", "it opens elsewhere, whatever kernel it named"
    injected = next(cell.source for cell in executed.cells if "injected-parameters" in cell.metadata.get("tags", []))
    assert 'account = "012345678901"' in injected and "top = 7" in injected and "loud = True" in injected
    assert "/good/." not in (good[1] / "probe.ipynb").read_text(), "the folder it was made in is nobody's business"


def test_a_second_run_says_what_is_new_ongoing_and_resolved(place, tmp_path, capsys):
    log, out = write_log(tmp_path / "flow.log", LOG), tmp_path / "out"
    words = ("report", log, "--notebook", place / "finds.ipynb", "--out", out)
    assert flowkit(*words) == 0
    before = newest_of(out)[2]["findings"]
    write_log(log, [*LOG[:3], record("eni-0c")])
    assert flowkit(*words, "--fail-on", "high") == 3
    folder, _, told = newest_of(out)
    status = {each["subject"]["interface_id"]: each["status"] for each in told["findings"]}
    assert status == {"eni-0a": "ongoing", "eni-0c": "new"}
    assert told["resolved"] == [each["id"] for each in before if each["subject"]["interface_id"] == "eni-0b"]
    page = (folder / "index.html").read_text()
    assert "203.0.113.9 was refused 1 times at eni-0b" in page.split('id="resolved"')[1].split("</section>")[0]
    assert "2 findings in 2 incidents: 1 high, 1 info;" in capsys.readouterr().out


@pytest.fixture(scope="module")
def failed(place):
    """A run in which one of two notebooks fails: what it said, and what `newest_of` returns."""
    out = place / "failed"
    words = ("report", place / "flow.log", "--notebook", place / "broken.ipynb", "--notebook", place / "quick.ipynb")
    return said(*words, "--out", out), newest_of(out)


def test_a_failed_notebook_is_told_in_one_line_and_the_exit_code_is_1(failed):
    (code, printed, complaint), _ = failed
    assert code == 1
    assert complaint == "flowkit: broken stopped at cell 4: ZeroDivisionError: division by zero\n"
    assert printed.splitlines()[1].startswith("2 notebooks, 1 of them stopped; nothing was found before;")


def test_a_failed_notebook_leaves_its_traceback_and_the_others_come(failed):
    _, (folder, run, told) = failed
    assert (run["status"], told["run"]["status"]) == ("failed", "failed")
    broken = (folder / "broken.html").read_text()
    assert "This notebook stopped</b> at cell 4: ZeroDivisionError: division by zero" in broken
    assert "Traceback (most recent call last)" in broken and "1 / 0" in broken
    assert "papermill" not in broken.split('id="about"')[0], "papermill's own markers are not for readers"
    assert "ZeroDivisionError" not in (folder / "quick.html").read_text()
    out = folder.parent
    assert not (out / "latest").exists(), "the newest good run: there is none"
    assert "cell 4: ZeroDivisionError: division by zero" in (out / "index.html").read_text()


def test_a_failure_that_is_a_sentence_is_told_as_one_and_what_was_not_counted_is_no_nought(place, tmp_path, capsys):
    cells = ("from flowkit import load", "load(source, format='nonsense <b>').tally")
    book = write_notebook(tmp_path / "wrong.ipynb", *cells)
    assert flowkit("report", place / "flow.log", "--out", tmp_path / "out", "--notebook", book) == 1
    said = capsys.readouterr()
    folder, run, _ = newest_of(tmp_path / "out")
    message = run["notebooks"][0]["failure"]["message"]
    assert said.err == f"flowkit: wrong stopped at cell 4: {message}\n" and "Error" not in message
    assert "nonsense" in message and "1 notebook, 1 of them stopped; nothing was found before;" in said.out
    listed = (folder.parent / "index.html").read_text()
    assert re.findall(r'<td class="number">(\S+)</td>', listed)[:4] == ["?"] * 4 and "Error" not in listed


def test_the_command_the_index_and_the_list_of_runs_count_incidents_alike(place, tmp_path, capsys):
    found = "from flowkit import Finding, tell\ntell([Finding('scan', *each) for each in %s])"
    each = [("high", "low", "One.", {"dstport": 1}, None, (), "aws one"), ("low", "low", "Two.", {"dstport": 2})]
    cell = (
        found % each + "\ntell([Finding('noise', 'high', 'low', str(n), {'dstport': n}, incident='x') for n in (3, 4)])"
    )
    book = write_notebook(tmp_path / "count.ipynb", cell.replace("tell([", "first = tell([", 1), "first")
    assert flowkit("report", place / "flow.log", "--out", tmp_path / "out", "--notebook", book) == 0
    assert "1 notebook; 4 findings in 3 incidents: 2 high, 1 low;" in capsys.readouterr().out
    folder, run, told = newest_of(tmp_path / "out")
    assert run["counts"] == {"high": 2, "medium": 0, "low": 1, "info": 0} and len(told["findings"]) == 4
    index, listed = ((folder / name).read_text() for name in ("index.html", "../index.html"))
    assert re.findall(r"<b>(\d+)</b>(\w+)", index)[:4] == [("2", "high"), ("0", "medium"), ("1", "low"), ("0", "info")]
    assert re.findall(r'<td class="number">(\S+)</td>', listed)[:4] == ["2", "0", "1", "0"]
    assert "4 findings in 3 incidents: " in index and "below severities are incidents" in listed
    assert "<summary>next step</summary>" in index and "<pre>aws one</pre>" in index, "what to type is one click away"
    assert "no earlier run to compare with" in index


def test_a_failed_run_moves_no_link_and_resolves_nothing(place, tmp_path):
    book, out = write_notebook(tmp_path / "mine.ipynb", *FINDS), tmp_path / "out"
    words = ("report", place / "flow.log", "--out", out, "--notebook", book)
    assert flowkit(*words) == 0
    first = (out / "latest").resolve()
    write_notebook(book, "raise SystemError('gone')")
    assert flowkit(*words) == 1
    assert (out / "latest").resolve() == first
    assert newest_of(out)[2]["resolved"] == []


def test_relative_times_are_fixed_once_for_all_notebooks(place):
    now = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC)
    books = tuple(str(place / name) for name in ("probe.ipynb", "quick.ipynb"))
    plan = planned(Request(str(place), "-24h", "now", notebooks=books), now)
    assert {(each["start"], each["end"]) for each in plan.arguments.values()} == {
        ("2026-11-21T18:00:00Z", "2026-11-22T18:00:00Z")
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--param", "tpo=3"), "no notebook has a parameter 'tpo'; did you mean 'top'?"),
        (("--param", "top"), "--param 'top' is not of the form NAME=VALUE"),
        (("--param", "top=many"), "--param top=many: top is a whole number"),
        (("--param", "share=much"), "--param share=much: share is a number"),
        (("--param", "loud=perhaps"), "--param loud=perhaps: loud is true or false"),
        (("--param", "start=now"), "'start' is not given by --param but by --start"),
        (("--start", "2026-02-02", "--end", "2026-02-01"), "is not after the start"),
        (("--start", "yesterday"), "'yesterday' is no time: give ISO 8601"),
        (("--notebook", "rejcted"), "there is no notebook 'rejcted'"),
        (("--notebook", "nowhere/x.ipynb"), "nowhere/x.ipynb is no notebook: there is no such file"),
        (("--param", "top=-1"), "--param top=-1: top is a whole number of 0 or more"),
        (("--param", "share=nan"), "--param share=nan: share is a number from 0 to 1"),
        (("--start=-24hours",), "'-24hours' is no time: give ISO 8601"),
        (("--start", "-24hours"), "'-24hours' is no time: give ISO 8601"),
        (("--format", "no such field"), "is no field"),
        (("--keep", "0"), "--keep takes the number of runs to keep, 1 or more"),
    ],
)
def test_wrong_usage_is_one_sentence_and_nothing_is_written(place, tmp_path, capsys, words, sentence):
    out = tmp_path / "out"
    assert flowkit("report", place / "flow.log", "--out", out, "--notebook", place / "probe.ipynb", *words) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.startswith("flowkit: ") and said.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("source", "words", "sentence"),
    [
        ("nowhere", (), "nowhere"),
        ("empty", (), "empty"),
        ("secret.log", (), "secret.log"),
        ("flow.log", ("--network", "nowhere"), "nowhere is not a folder"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_nothing_is_written(place, tmp_path, capsys, source, words, sentence):
    (place / "empty").mkdir(exist_ok=True)
    (place / "secret.log").write_bytes(b"\x1f\x8b\x08garbage")
    out = tmp_path / "out"
    words = ("--out", out, "--notebook", place / "probe.ipynb", *words)
    assert flowkit("report", place / source, *words) == 1
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_said(place, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = ("--out", tmp_path / "file" / "out", "--notebook", place / "quick.ipynb")
    assert flowkit("report", place / "flow.log", *words) == 1
    assert capsys.readouterr().err == f"flowkit: {tmp_path}/file/out cannot be written: Not a directory\n"


@pytest.mark.parametrize(
    ("text", "sentence"), [("{", "cannot be read as a notebook"), (None, "must hold only literals")]
)
def test_a_notebook_that_is_none_is_said(place, tmp_path, capsys, text, sentence):
    book = write_notebook(tmp_path / "x.ipynb", "1", parameters="top = 2 * 3")
    if text:
        book.write_text(text)
    assert flowkit("report", place / "flow.log", "--out", tmp_path / "out", "--notebook", book) == 2
    assert sentence in capsys.readouterr().err


def test_two_notebooks_of_one_name_would_write_one_page(place, tmp_path, capsys):
    other = write_notebook(tmp_path / "probe.ipynb", "1")
    words = ("--notebook", place / "probe.ipynb", "--notebook", other, "--out", tmp_path / "out")
    assert flowkit("report", place / "flow.log", *words) == 2
    assert "two notebooks are called 'probe'" in capsys.readouterr().err


def test_two_runs_at_once_do_no_harm(place):
    out = place / "both"
    words = ["report", str(place / "flow.log"), "--notebook", str(place / "quick.ipynb"), "--out", str(out)]

    def run(_):
        return subprocess.run([sys.executable, "-m", "flowkit", *words], capture_output=True, text=True)

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(run, range(2)))
    assert [(done.returncode, done.stderr) for done in both] == [(0, "")] * 2
    known = history.runs(out)
    assert len({run["id"] for run in known}) == 2
    listed = re.findall(r'<a href="([^"/]+)/index.html">', (out / "index.html").read_text())
    assert [each for each in listed if each != "latest"] == [run["id"] for run in known]
    assert (out / "latest").resolve().name == known[0]["id"]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*(run["id"] for run in known), "index.html", "latest"]
    )


def fake_run(out: Path, name: str, status: str = "ok") -> None:
    (out / name).mkdir(parents=True)
    run = {
        "id": name,
        "started": name,
        "status": status,
        "source": "s",
        "redacted": False,
        "notebooks": [],
        "counts": dict.fromkeys(("high", "medium", "low", "info"), 0),
        "seconds": 1.0,
    }
    (out / name / "run.json").write_text(json.dumps(run))


def test_keep_removes_old_runs_but_never_the_newest_good_one(tmp_path):
    for day in range(1, 6):
        fake_run(tmp_path, f"2026-11-0{day}T000000Z", "ok" if day <= 2 else "failed")
    (tmp_path / "mine").mkdir()
    history.keep_newest(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2026-11-02T000000Z", "2026-11-04T000000Z", "2026-11-05T000000Z", "mine",
    ]  # fmt: skip


def test_runs_of_one_second_get_names_of_their_own(tmp_path, monkeypatch):
    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 11, 22, 7, 0, tzinfo=tz)

    monkeypatch.setattr(history, "datetime", Stopped)
    with history.new_run(tmp_path) as first, history.new_run(tmp_path) as second:
        assert [first.name, second.name] == [".2026-11-22T070000Z", ".2026-11-22T070000Z-2"]
    with history.new_run(tmp_path) as third:
        pass
    assert third.name == ".2026-11-22T070000Z-3"


def test_a_run_that_is_broken_off_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), history.new_run(tmp_path / "out") as folder:
        (folder / "half.html").write_text("x")
        raise KeyboardInterrupt
    assert not (tmp_path / "out").exists()


def test_only_a_run_of_the_same_source_and_notebooks_is_the_previous_one(tmp_path):
    fake_run(tmp_path, "2026-11-01T000000Z")
    (tmp_path / "2026-11-01T000000Z" / "findings.json").write_text('{"findings": []}')
    assert history.previous(tmp_path, "s", False, []) == {"findings": []}
    for other in (("t", False, []), ("s", True, []), ("s", False, ["x"])):
        assert history.previous(tmp_path, *other) is None
    (tmp_path / "2026-11-01T000000Z" / "findings.json").write_text('{"findings": [7]}')
    assert history.previous(tmp_path, "s", False, []) is None, "not written by flowkit"


def test_a_window_without_records_is_a_report_with_a_finding(place, capsys):
    out = place / "empty-window"
    words = ("--start", "2030-01-01", "--out", out, "--notebook", place / "probe.ipynb")
    assert flowkit("report", place / "flow.log", *words) == 0
    said = capsys.readouterr().err
    folder, run, told = newest_of(out)
    assert told["coverage"]["records"] == 0 and told["coverage"]["covered_share"] is None
    [finding] = told["findings"]
    assert (finding["kind"], finding["severity"], finding["notebook"]) == ("not-delivered", "high", "skipdata")
    assert run["status"] == "ok" and run["counts"]["high"] == 1
    newest = f"{place}/flow.log (2025-11-20 00:56 UTC)"
    assert finding["grounds"] == [f"the newest file there is: {newest}"]
    assert (
        f"flowkit: no records in the window (since 2030-01-01 00:00 UTC); the newest file there is: {newest}\n" == said
    )
    assert "0 clients were refused." in (folder / "probe.html").read_text()
    index = (folder / "index.html").read_text()
    assert "<b>?</b>log coverage" in index and finding["title"] in index and "flowkit status" in index


def test_a_notebook_dropped_into_the_folder_is_run_like_the_others(place, tmp_path, monkeypatch):
    from flowkit.reporting import run as report

    book = write_notebook(tmp_path / "mine.ipynb", "print('hello from mine')")
    read = nbformat.read(book, 4)
    del read.cells[1]
    nbformat.write(read, book)
    monkeypatch.setattr(report, "NOTEBOOKS", tmp_path)
    out = place / "dropped"
    assert flowkit("report", place / "flow.log", "--out", out) == 0
    folder, run, _ = newest_of(out)
    assert [each["title"] for each in run["notebooks"]] == ["Mine"]
    assert 'href="mine.html"' in (folder / "index.html").read_text()
    assert "hello from mine" in (folder / "mine.html").read_text(), "without parameters too"


def test_progress_shows_on_a_terminal_and_nowhere_else(place):
    words = [sys.executable, "-m", "flowkit", "report", str(place / "flow.log"), "--out", str(place / "bar")]
    words += ["--notebook", str(place / "quick.ipynb")]
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while part := os.read(leader, 4096):
            shown += part
    except OSError:
        pass
    assert running.wait() == 0
    assert b"running notebooks: 100%" in shown
    assert said(*words[3:])[2] == ""


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_report_that_is_killed_takes_its_kernels_with_it_and_leaves_nothing_for_long(place, tmp_path, signal):
    note, out, temporary = tmp_path / "pid", tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    env = os.environ | {"TMPDIR": str(temporary)}
    cell = f"import os, pathlib, time\npathlib.Path({str(note)!r}).write_text(str(os.getpid()))\ntime.sleep(300)"
    book = write_notebook(tmp_path / "slow.ipynb", cell)
    words = [sys.executable, "-m", "flowkit", "report", str(place / "flow.log"), "--out", str(out), "--notebook"]
    running = subprocess.Popen(
        [*words, str(book)], stderr=subprocess.PIPE, text=True, env=env, preexec_fn=heed_interrupts
    )
    eventually(lambda: note.exists() and note.read_text())
    kernel = Path("/proc") / note.read_text()
    assert kernel.exists()
    time.sleep(2)  # What is imported meanwhile may swallow an interrupt.
    running.send_signal(Signals[signal])
    complaint = running.communicate(timeout=60)[1]
    eventually(lambda: not kernel.exists() or "Z (zombie)" in (kernel / "status").read_text())
    if signal == "SIGKILL":
        assert list(out.glob(".2*")) and list(temporary.glob("flowkit-run-*"))
        subprocess.run([*words, str(place / "quick.ipynb")], env=env, check=True)
        assert not list(out.glob(".[0-9]*"))
    else:
        word, code = {"SIGINT": ("interrupted", 130), "SIGTERM": ("terminated", 143)}[signal]
        assert (complaint, running.returncode) == (f"flowkit: {word}; nothing was written\n", code)
        assert not out.exists()
    assert not list(temporary.iterdir()), "neither ours nor IPython's"


def eventually(true, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "not within the time"
        time.sleep(0.05)


def test_each_notebook_has_a_kernel_of_its_own(place, tmp_path):
    books = []
    for name in ("one", "two"):
        cells = ("import os, matplotlib\nkept = globals().get('kept', 0) + 1",
                 "print(kept, os.getpid(), get_ipython().kernel.parent.transport)")  # fmt: skip
        books += ["--notebook", write_notebook(tmp_path / f"{name}.ipynb", *cells)]
    assert flowkit("report", place / "flow.log", "--out", tmp_path / "out", *books) == 0
    run = tmp_path / "out" / "latest"
    printed = [nbformat.read(run / f"{name}.ipynb", 4).cells[-1].outputs[0].text.split() for name in ("one", "two")]
    assert [kept for kept, *_ in printed] == ["1", "1"] and printed[0][1] != printed[1][1]
    assert {each[2] for each in printed} == {"ipc"}, "no port of this machine is open meanwhile"


def test_a_parameter_cell_is_read_without_being_run(tmp_path):
    from flowkit.reporting.notebooks import parameters

    book = write_notebook(tmp_path / "x.ipynb", parameters=PARAMETERS + "\nports = [22, 3389]  # several\nlow = -1")
    assert {name: value for name, (value, _) in parameters(book).items()} == {
        "source": "sample", "start": None, "end": None, "format": None, "network": None, "account": None, "top": 20,
        "share": 0.5, "loud": False, "ports": [22, 3389], "low": -1,
    }  # fmt: skip


def test_a_parameter_whose_value_holds_an_equals_sign_is_one_all_the_same(tmp_path):
    from flowkit.reporting.notebooks import arguments, parameters

    cell = """%matplotlib inline
source = "/tmp/hive/year=2026"  # where the logs are, as year=2026 or x#y
named_networks: str = "office=203.0.113.0/24"
limits = {  # by name
    "a=b": "#1",
}  # several"""
    found = parameters(write_notebook(tmp_path / "x.ipynb", parameters=cell))
    assert found == {
        "source": ("/tmp/hive/year=2026", "where the logs are, as year=2026 or x#y"),
        "named_networks": ("office=203.0.113.0/24", ""),
        "limits": ({"a=b": "#1"}, "several"),
    }
    own = {"x": {name: value for name, (value, _) in found.items()}}
    given = {"named_networks": "b=10.0.0.0/8"}
    assert arguments(own, {"source": "flow.log"}, given, tmp_path) == {"x": given | {"source": "flow.log"}}


def test_an_option_that_no_notebook_uses_is_ignored_with_a_note(place, tmp_path, capsys):
    words = ("--out", tmp_path / "out", "--notebook", place / "quick.ipynb", "--expect", "nowhere.csv")
    assert flowkit("report", place / "flow.log", *words) == 0
    note = "--expect is ignored: none of these notebooks uses it"
    assert capsys.readouterr().err == f"flowkit: {note}\n"
    assert newest_of(tmp_path / "out")[1]["notes"] == [note]


def test_what_of_the_source_could_not_be_read_is_said_with_the_first_reason(place, tmp_path, capsys):
    log = write_log(tmp_path / "logs" / "flow.log", [*LOG, LOG[0].replace("443", "99999")])
    (tmp_path / "logs" / "secret.log.gz").write_bytes(b"\x1f\x8b\x08garbage")
    words = ("--out", tmp_path / "out", "--notebook", place / "quick.ipynb")
    assert flowkit("report", log.parent, *words) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"flowkit: 1 of 5 lines malformed, the first in {log} (")
    assert f"1 of 2 files not read, the first {log.parent / 'secret.log.gz'}: " in said and said.count("\n") == 1


@pytest.mark.parametrize("lines", [[LOG[0].replace("443", "99999")] * 3, []])
def test_a_source_without_any_record_is_no_report(place, tmp_path, capsys, lines):
    log = write_log(tmp_path / "flow.log", lines)
    words = ("--out", tmp_path / "out", "--notebook", place / "quick.ipynb")
    assert flowkit("report", log, *words) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"flowkit: {log}") and said.count("\n") == 1
    assert ("holds no flow log record: 3 of 3 lines malformed, the first in " in said) == bool(lines)
    assert not (tmp_path / "out").exists()


def test_a_report_is_its_owners_alone_unless_the_group_may_read_it(place, tmp_path):
    def modes(folder):
        return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}

    words = ("report", place / "flow.log", "--notebook", place / "quick.ipynb", "--out")
    assert flowkit(*words, tmp_path / "own") == 0
    assert modes(tmp_path / "own") == {0o600}
    assert {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "own").glob("**/")} == {0o700}
    assert flowkit(*words, tmp_path / "shared", "--group-readable") == 0
    assert modes(tmp_path / "shared") == {0o640}
    assert {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "shared").glob("**/")} == {0o750}


def test_foreign_files_in_the_reports_folder_do_no_harm(place, tmp_path):
    out = tmp_path / "out"
    foreign = ("[]", '{"id": 3}', "\x00", '{"id": "d", "status": "ok", "started": "x"}', '{"version": "2.1.0"}')
    for name, text in zip("abcde", foreign, strict=True):
        (out / name).mkdir(parents=True)
        (out / name / "run.json").write_text(text)
    words = ("report", place / "flow.log", "--out", out, "--notebook", place / "quick.ipynb", "--keep", 1)
    assert flowkit(*words) == 0 and flowkit(*words) == 0
    assert {"a", "b", "c", "d", "e"} < {path.name for path in out.iterdir()}
    assert "1 run, newest first" in (out / "index.html").read_text()


def test_a_run_that_was_killed_is_swept_by_the_next_and_one_under_way_is_not(tmp_path):
    dead = tmp_path / ".2026-11-01T000000Z"
    dead.mkdir()
    (dead / "half.html").write_text("x")
    mine = tmp_path / ".cache"
    mine.mkdir()
    with history.new_run(tmp_path) as under_way, history.new_run(tmp_path):
        assert not dead.exists() and under_way.exists() and mine.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_folder_is_one_sentence(place, tmp_path, capsys, monkeypatch, number):
    def write(*words):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(history, "write", write)
    words = ("--out", tmp_path / "out", "--notebook", place / "quick.ipynb")
    assert flowkit("report", place / "flow.log", *words) == 1
    assert capsys.readouterr().err == f"flowkit: {tmp_path}/out cannot be written: {os.strerror(number)}\n"
    assert not (tmp_path / "out").exists()


def test_broken_json_in_the_network_folder_is_one_sentence(place, tmp_path, capsys):
    (tmp_path / "describe-network-interfaces.json").write_text('{"NetworkInterfaces": [')
    words = ("--out", tmp_path / "out", "--notebook", place / "probe.ipynb", "--network", tmp_path)
    assert flowkit("report", place / "flow.log", *words) == 1
    said = capsys.readouterr().err
    assert "describe-network-interfaces.json is not `aws ec2` output" in said and said.count("\n") == 1
    assert flowkit("report", place / "flow.log", *words, "--redact") == 1


def test_all_errors_of_an_expectations_file_are_named_at_once(place, tmp_path, capsys):
    book = write_notebook(tmp_path / "x.ipynb", "1", parameters=PARAMETERS + "\nexpect = None  # file")
    lines = ["name,source,destination,protocol,port,expect", "a,300.0.0.1,10.0.0.1,tcp,22,block",
             "b,10.0.0.0/8,10.0.0.1,tcp,70000,block", "c,10.0.0.0/8,10.0.0.1,tcp,22,maybe"]  # fmt: skip
    (tmp_path / "expect.csv").write_text("\n".join(lines))
    words = ("--out", tmp_path / "out", "--notebook", book, "--expect", tmp_path / "expect.csv")
    assert flowkit("report", place / "flow.log", *words) == 1
    said = capsys.readouterr().err
    assert all(f"line {number}: " in said for number in (2, 3, 4)), said


def test_no_child_process_runs_what_lies_in_the_current_folder(place, tmp_path):
    for name in ("contextlib", "random", "pandas", "flowkit/__init__"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})")
    book = write_notebook(tmp_path / "path.ipynb", "import sys, flowkit", "print(flowkit.__file__, '' in sys.path)")
    words = ("report", place / "flow.log", "--notebook", book, "--out", tmp_path / "out")
    code = "import sys; sys.path.pop(0); from flowkit.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "ran").exists()
    told = nbformat.read(tmp_path / "out" / "latest" / "path.ipynb", 4).cells[-1].outputs[0].text
    assert told.endswith("flowkit/__init__.py False\n") and str(tmp_path) not in told


def test_a_run_that_cannot_be_listed_is_there_all_the_same_and_says_so(place, tmp_path, capsys, monkeypatch):
    def link(out):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(history, "link_latest", link)
    out = tmp_path / "out"
    assert (
        flowkit("report", place / "flow.log", "--out", out, "--notebook", place / "finds.ipynb", "--fail-on", "high")
        == 3
    )
    folder, _, told = newest_of(out)
    assert len(told["findings"]) == 2 and (folder / "index.html").exists()
    said = capsys.readouterr().err
    assert said == f"flowkit: the run is in {folder}, but what lists it could not be written: Read-only file system\n"


def test_an_earlier_run_of_another_version_does_no_harm(place, tmp_path):
    out = tmp_path / "out"
    words = ("report", place / "flow.log", "--out", out, "--notebook", place / "finds.ipynb")
    assert flowkit(*words) == 0
    folder, _, told = newest_of(out)
    old = {
        "notebook": "finds",
        "id": "1" * 12,
        "title": "it was so",
        "kind": "scan",
        "severity": "low",
        "confidence": "low",
    }
    (folder / "findings.json").write_text(json.dumps({"schema": 1, "findings": [old]}))
    assert flowkit(*words) == 0
    assert newest_of(out)[2]["resolved"] == ["1" * 12]
    (newest_of(out)[0] / "findings.json").write_text(json.dumps({"findings": [old | {"severity": "dire"}]}))
    assert flowkit(*words) == 0
    assert newest_of(out)[2]["resolved"] == ["1" * 12], "compared with the newest that can be read"


def test_expectations_may_use_the_names_that_the_report_prints(tmp_path):
    line = "app to db,shop-app-a,db-1,tcp,5432,reach\nlab to db,lab,db-1,tcp,5432,block"
    (tmp_path / "expect.csv").write_text(f"name,source,destination,protocol,port,expect\n{line}\n")
    params = ("named_networks=lab=10.99.0.0/16",)
    plan = planned(Request(expect=str(tmp_path / "expect.csv"), params=params), datetime.now(UTC))
    assert plan.arguments["reachability"]["expect"] == str(tmp_path / "expect.csv")


def test_one_report_never_says_that_no_rule_is_in_the_way_and_names_the_rule(place, tmp_path):
    ends = {"srcaddr": "10.1.0.4", "dstaddr": "10.0.0.5", "protocol": 6, "dstport": 5432}
    silent = ("tell([Finding('accepted-silent', 'medium', 'high', 'db does not respond.',"
              f" dict({ends}, srcaddr='10.1.0.0/24', interface_id='eni-1'), action='Nothing came back.', incident='a'),"
              f" Finding('accepted-silent', 'medium', 'high', 'web does not respond.', dict({ends}, dstport=80)),"
              f" Finding('accepted-silent', 'medium', 'high', 'v6', dict({ends}, dstaddr='fd00::5'))])")  # fmt: skip
    refused = ("tell([Finding('blocked-client', 'high', 'certain', 'app is rejected.',"
               f" dict({ends}, interface_id='eni-2'), 'security-group', action='aws ec2 x', incident='b')])")  # fmt: skip
    books = []
    for name, cell in (("silent", silent), ("refused", refused)):
        cells = ("from flowkit import Finding, tell", "## Findings", cell)
        books += ["--notebook", write_notebook(tmp_path / f"{name}.ipynb", *cells)]
    assert flowkit("report", place / "flow.log", "--out", tmp_path / "out", *books) == 0
    folder, _, told = newest_of(tmp_path / "out")
    rule, *others = told["findings"]
    corrected, *same = (each for each in others if each["notebook"] == "silent")
    assert (corrected["cause"], corrected["confidence"], corrected["action"]) == ("security-group", "high", "aws ec2 x")
    assert corrected["incident"] == rule["incident"] and corrected["grounds"] == ["a rule refuses it: app is rejected."]
    assert [each["cause"] for each in same] == [None, None]
    for name in ("silent.html", "silent.ipynb"):
        text = (folder / name).read_text()
        assert "aws ec2 x" in text and "fk-action'>Nothing came back" not in text, name
    assert f"href='refused.html#finding-{rule['id']}'" in (folder / "silent.html").read_text()
