"""The report on odd machines and among odd files: it works, or says in one sentence why it cannot; no traceback."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages_support import record, write_notebook
from support import write_log

from flowkit import cli
from flowkit.loading import upkeep

FLOWKIT = Path(sys.executable).with_name("flowkit")
BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a log and a notebook that imports as notebooks do, draws, and shows a table."""
    folder = tmp_path_factory.mktemp("odd")
    write_log(folder / "flow.log", [record()])
    cells = ("import random, contextlib, matplotlib.pyplot as plt\nfrom flowkit import load, tell",
             "## Findings", "tell([], f'{load(source).flows.count().execute()} record {random.__name__}')",
             "fig, ax = plt.subplots()\nax.plot([1, 2])\nplt.show()")  # fmt: skip
    write_notebook(folder / "quick.ipynb", *cells)
    return folder


def report(place, out, *words, env=None, **more) -> subprocess.CompletedProcess:
    """`flowkit report` in a process of its own, with only these variables beside the cache's."""
    cache = {"FLOWKIT_CACHE": os.environ["FLOWKIT_CACHE"], "HOME": os.environ.get("HOME", "/")}
    given = {name: value for name, value in (BARE | cache | (env or {})).items() if value is not None}
    words = ["report", place / "flow.log", "--notebook", place / "quick.ipynb", "--out", out, *words]
    return subprocess.run([FLOWKIT, *map(str, words)], env=given, capture_output=True, text=True, **more)


def good(done: subprocess.CompletedProcess, out: Path) -> bool:
    assert (done.returncode, done.stderr) == (0, "")
    return "<p>1 record random</p>" in (out / "latest" / "quick.html").read_text(encoding="utf-8")


def test_nothing_in_the_current_folder_is_imported_by_any_process(place, tmp_path):
    here = tmp_path / "synced"
    (here / "flowkit").mkdir(parents=True)
    trap = f"open({str(tmp_path / 'trapped')!r}, 'a').write(__name__)\nraise SystemExit(__name__)\n"
    names = ("contextlib", "random", "json", "pandas", "matplotlib", "IPython", "ipykernel_launcher", "sitecustomize")
    for name in (*(f"{name}.py" for name in names), "flowkit/__init__.py", "matplotlib_inline.py"):
        (here / name).write_text(trap)
    assert good(report(place, tmp_path / "out", cwd=here), tmp_path / "out")
    assert not (tmp_path / "trapped").exists()


def test_a_stale_kernelspec_and_an_odd_ipython_profile_do_not_matter(place, tmp_path):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    gone = {"argv": ["/gone/bin/python", "-m", "other", "{connection_file}"], "language": "python", "display_name": "x"}
    (spec / "kernel.json").write_text(json.dumps(gone))
    start = tmp_path / "ipython" / "profile_default" / "startup"
    start.mkdir(parents=True)
    (start / "a.py").write_text("raise SystemExit")
    env = {"JUPYTER_DATA_DIR": str(tmp_path / "jupyter"), "IPYTHONDIR": str(tmp_path / "ipython")}
    assert good(report(place, tmp_path / "out", env=env), tmp_path / "out")


def test_a_long_tmpdir_is_too_long_for_unix_sockets_and_works(place, tmp_path):
    long = tmp_path / ("t" * 100)
    long.mkdir()
    assert good(report(place, tmp_path / "out", env={"TMPDIR": str(long)}), tmp_path / "out")
    assert not list(long.glob("flowkit-run-*"))


@pytest.mark.parametrize("home", [None, "/dev/null/nobody"])
def test_without_a_home_the_cache_elsewhere_is_enough(place, tmp_path, home):
    assert good(report(place, tmp_path / "out", env={"HOME": home}), tmp_path / "out")


def test_without_a_home_and_a_cache_it_says_what_to_set(place, tmp_path):
    done = report(place, tmp_path / "out", env={"HOME": "/dev/null/nobody", "FLOWKIT_CACHE": None})
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "FLOWKIT_CACHE" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_matter(place, tmp_path, closed):
    words = f'exec "{FLOWKIT}" report flow.log --notebook quick.ipynb --out "{tmp_path}/out" {closed}'
    done = subprocess.run(["sh", "-c", words], cwd=place, capture_output=True, text=True)
    assert good(done, tmp_path / "out")


def test_stdout_in_ascii_prints_what_it_can(place, tmp_path):
    out = tmp_path / "größe"
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = report(place, out, env=env)
    assert good(done, out) and f"{tmp_path}/gr\\" in done.stdout


def test_a_reader_who_leaves_early_is_no_fault(place, tmp_path):
    words = f'"{FLOWKIT}" explain "$(cat flow.log)" | true; "{FLOWKIT}" notebooks | head -n 1'
    done = subprocess.run(["sh", "-c", words], cwd=place, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "module", "sentence"),
    [
        ("s3://acme-logs", "boto3", "pip install 'vpc-flowkit[aws]'"),
        ("trino://me@localhost/hive/x#logs", "trino", "trino"),
    ],
)
def test_a_package_that_is_missing_is_named(place, tmp_path, capsys, monkeypatch, source, module, sentence):
    monkeypatch.setitem(sys.modules, module, None)
    assert cli.main(["report", source, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert sentence in said and said.startswith("flowkit: ") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_nobody_foresaw_is_one_sentence_and_a_traceback_on_request(capsys, monkeypatch):
    def broken(given):
        raise LookupError("no \x1b[31mred\nline")

    monkeypatch.setattr(upkeep, "size", lambda: broken(None))
    assert cli.main(["cache"]) == 1
    sentence = "flowkit: LookupError: no ␛[31mred␊line (unforeseen; FLOWKIT_DEBUG=1 shows where)\n"
    assert capsys.readouterr().err == sentence
    monkeypatch.setenv("FLOWKIT_DEBUG", "1")
    with pytest.raises(LookupError):
        cli.main(["cache"])


def test_names_with_escapes_never_reach_the_terminal_raw(place, tmp_path, capsys):
    assert cli.main(["report", "no\x1b[2Jwhere\r", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert not re.search("[\x00-\x09\x0b-\x1f]", said) and "no␛[2Jwhere␍" in said


def test_the_module_is_the_command():
    for words in (("-m", "flowkit", "--version"), ("-c", "import flowkit; print('flowkit', flowkit.__version__)")):
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
        assert re.fullmatch(r"flowkit \d+\.\d+\.\d+\n", done.stdout), done.stderr
