"""The report on odd machines and among odd files: it works, or says in one sentence why it cannot; no traceback."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from pages_support import record, write_notebook
from support import heed_interrupts, ingest, write_log

from flowkit import cli
from flowkit.loading import cache as kept
from flowkit.loading import ingestion

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


def test_without_a_home_a_stale_kernelspec_and_an_odd_ipython_profile_do_not_matter(place, tmp_path):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    gone = {"argv": ["/gone/bin/python", "-m", "other", "{connection_file}"], "language": "python", "display_name": "x"}
    (spec / "kernel.json").write_text(json.dumps(gone))
    start = tmp_path / "ipython" / "profile_default" / "startup"
    start.mkdir(parents=True)
    (start / "a.py").write_text("raise SystemExit")
    env = {"JUPYTER_DATA_DIR": str(tmp_path / "jupyter"), "IPYTHONDIR": str(tmp_path / "ipython"), "HOME": None}
    assert good(report(place, tmp_path / "out", env=env), tmp_path / "out")


def test_in_a_home_that_cannot_be_a_long_tmpdir_is_too_long_for_unix_sockets_and_works(place, tmp_path):
    long = tmp_path / ("t" * 100)
    long.mkdir()
    env = {"TMPDIR": str(long), "HOME": "/dev/null/nobody"}
    assert good(report(place, tmp_path / "out", env=env), tmp_path / "out")
    assert not list(long.glob("flowkit-run-*"))


def test_without_a_home_and_a_cache_it_says_what_to_set(place, tmp_path):
    done = report(place, tmp_path / "out", env={"HOME": "/dev/null/nobody", "FLOWKIT_CACHE": None})
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "FLOWKIT_CACHE" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_matter(place, tmp_path, closed):
    words = f'exec "{FLOWKIT}" report flow.log --notebook quick.ipynb --out "{tmp_path}/out" {closed}'
    done = subprocess.run(["sh", "-c", words], cwd=place, capture_output=True, text=True)
    assert good(done, tmp_path / "out")


def test_stdout_in_ascii_prints_what_it_can(tmp_path):
    env = BARE | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    words = [FLOWKIT, "notebooks", "--copy", os.fsencode(tmp_path / "größe")]
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "größe" / "rejected.ipynb").is_file()
    assert f"{tmp_path}/gr\\xf6\\xdfe/rejected.ipynb\n" in done.stdout


def test_a_reader_who_leaves_early_is_no_fault(place, tmp_path):
    words = f'"{FLOWKIT}" explain "$(cat flow.log)" | true; "{FLOWKIT}" notebooks | head -n 1'
    done = subprocess.run(["sh", "-c", words], cwd=place, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "module", "sentence"),
    [("s3://acme-logs", "boto3", "pip install boto3"), ("trino://me@localhost/hive/x#logs", "trino", "trino")],
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

    monkeypatch.setattr(kept, "size", lambda: broken(None))
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


def test_a_line_end_in_a_name_or_an_argument_makes_no_second_line(tmp_path, capsys):
    log = write_log(tmp_path / "a\r\nflowkit: all is well.log", ["what is this"])
    assert cli.main(["ingest", str(log)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "/a␍␊flowkit: all is well.log: no header" in said
    with pytest.raises(SystemExit):
        cli.main(["ingest", str(log), "--jason\nflowkit:ok"])
    assert "--jason␊flowkit:ok" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["report", "--fail-on", "\x1b[2J\nflowkit: all is well"])
    assert "\nflowkit: all" not in capsys.readouterr().err


def test_where_python_knows_ascii_alone_names_are_read_all_the_same(place, tmp_path):
    log = write_log(tmp_path / "größe" / "ü.log", [record()])
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    words = [FLOWKIT, "report", log.parent, "--notebook", place / "quick.ipynb", "--out", tmp_path / "ä"]
    done = subprocess.run(
        list(map(os.fsencode, words)),
        env=BARE | env | {"FLOWKIT_CACHE": os.environ["FLOWKIT_CACHE"]},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith(f"{tmp_path}/ä/") and list((tmp_path / "ä").glob("2*/index.html"))


def test_the_module_is_the_command():
    for words in (("-m", "flowkit", "--version"), ("-c", "import flowkit; print('flowkit', flowkit.__version__)")):
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
        assert re.fullmatch(r"flowkit \d+\.\d+\.\d+\n", done.stdout), done.stderr


# What lies in folders, and what happens to files and the cache meanwhile.

#: Root may read everything: without these two capabilities it is refused as others are.
MORTAL = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
MORTAL = MORTAL if os.geteuid() == 0 else []


def as_others(*commands, **env) -> list[tuple[int, str, str]]:
    """What `said` returns of each command, all in one process of somebody whom the modes of files refuse."""
    code = "import json, sys; from support import said; print(json.dumps([said(*each) for each in json.loads(sys.argv[1])]))"
    words = [*MORTAL, sys.executable, "-c", code, json.dumps([[str(word) for word in each] for each in commands])]
    own = {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(words, env=os.environ | own | env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_parquet_file_whose_name_is_no_utf8_is_read(tmp_path):
    write_log(tmp_path / "a.log", [record()])
    pl.DataFrame({"srcaddr": ["10.0.0.1"], "dstaddr": ["10.0.0.2"], "log_status": ["OK"]}).write_parquet(tmp_path / "b")
    (tmp_path / "b").rename(os.fsdecode(bytes(tmp_path) + b"/\xff.parquet"))
    code, tally, _ = ingest(tmp_path)
    assert (code, tally["files"], tally["ok"], tally["unreadable_files"]) == (0, 2, 2, 0)


def test_what_nobody_foresaw_of_one_file_refuses_that_file_alone(tmp_path, monkeypatch, capsys):
    for name in "abcdefg":
        write_log(tmp_path / "logs" / f"{name}.log", [record(), f"not a record of {name}"])
    real = ingestion.Parser

    def faulty(files, *rest):
        parser = real(files, *rest)
        if any(facts["place"].endswith("/e.log") for facts, _ in files):
            raise LookupError("no\nway")
        return parser

    monkeypatch.setattr(ingestion, "Parser", faulty)
    assert cli.main(["ingest", str(tmp_path / "logs"), "--json"]) == 0
    said = capsys.readouterr()
    tally = json.loads(said.out)
    assert [tally[name] for name in ("files", "new_files", "unreadable_files", "lines", "ok", "malformed")] == [
        7, 7, 1, 12, 6, 6
    ]  # fmt: skip
    reason = f"1 of 7 files not read, the first {tmp_path}/logs/e.log: cannot be read: no way (LookupError, unforeseen)"
    assert reason in said.err and said.err.count("\n") == 1
    monkeypatch.undo()
    assert cli.main(["ingest", str(tmp_path / "logs"), "--json"]) == 0
    tally = json.loads(capsys.readouterr().out)
    assert (tally["new_files"], tally["ok"]) == (1, 7), "it is tried again, and no other"


HEADER = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["[]"], "1 file, 0 lines, 0 headers"),
        (['{"events": []}'], "1 file, 0 lines, 0 headers"),
        ([HEADER + "\n"], "1 file, 1 line, 1 header"),
        ([HEADER + "\n", HEADER + "\n\n"], "2 files, 3 lines, 2 headers"),
        ([HEADER + "\nnot a record\n"], "1 of 2 lines malformed, the first in "),
    ],
)
def test_where_no_line_is_a_record_it_is_said_with_1_and_the_tally_is_there(tmp_path, capsys, texts, sentence):
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.log").write_text(text)
    assert cli.main(["ingest", str(tmp_path), "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["files"] == len(texts) and json.loads(said.out)["ok"] == 0
    assert said.err.startswith(f"flowkit: no line is a record: {sentence}") and said.err.count("\n") == 1
    assert cli.main(["report", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"flowkit: {tmp_path} holds no flow log record") and said.err.count("\n") == 1
    assert said.out == "" and not (tmp_path / "out").exists()


def test_a_tar_archive_is_named(tmp_path):
    log = write_log(tmp_path / "a.log", [record()])
    for mode in ("w", "w:gz"):
        with tarfile.open(tmp_path / "logs.tar", mode) as archive:
            archive.add(log)
        code, _, said = ingest(tmp_path / "logs.tar")
        assert (code, said) == (1, f"flowkit: {tmp_path}/logs.tar: this is a tar archive: unpack it first\n")


def test_records_without_times_are_said_to_be_in_no_notebook(tmp_path):
    log = write_log(tmp_path / "a.csv", ["10.0.0.1,10.0.0.2,7"], ["srcaddr,dstaddr,cnt"])
    code, tally, said = ingest(log)
    assert (code, tally["no_status"]) == (0, 1)
    assert said == "flowkit: 1 record without start and end, which the notebooks leave out\n"


def test_what_is_hidden_is_left_aside_and_counted(tmp_path):
    write_log(tmp_path / "a.log", [record()])
    for name in ("_SUCCESS", ".x.log", "_hidden/b.log", ".git/HEAD", "sub/_c.log"):
        write_log(tmp_path / name, [record()])
    code, tally, said = ingest(tmp_path)
    assert (code, tally["files"], tally["ok"], said.count("\n")) == (0, 1, 1, 1)
    assert said.startswith(f"flowkit: 5 left aside (hidden: its name begins with . or _): {tmp_path}/.git, ")
    code, tally, said = ingest(tmp_path / "_SUCCESS", tmp_path / ".x.log")
    assert (code, tally["ok"], said) == (0, 2, ""), "who names it has it read"
    (tmp_path / "a.log").unlink()
    code, _, said = ingest(tmp_path)
    assert code == 1 and said.startswith(f"flowkit: no files in {tmp_path}; {tmp_path}/.git: hidden")


def test_folders_and_files_that_may_not_be_read_are_counted_and_named(tmp_path):
    for name in ("ok/a.log", "closed/b.log", "c.log"):
        write_log(tmp_path / name, [record()])
    closed = (tmp_path / "closed", tmp_path / "c.log")
    for each in closed:
        each.chmod(0)
    try:
        some = (tmp_path, f"{tmp_path}/*", f"{tmp_path}/**/*.log")
        none = (*closed, f"{closed[0]}/*", f"{closed[0]}/b.log")
        answers = as_others(*(("ingest", "--json", source) for source in (*some, *none)))
        for source, (code, out, said) in zip(some, answers, strict=False):
            tally = json.loads(out)
            assert (code, tally["files"], tally["unreadable_files"], tally["ok"]) == (0, 3, 2, 1), source
            assert "2 of 3 files not read, the first" in said and "cannot be read: Permission denied" in said
        for source, (code, _, said) in zip(none, answers[len(some) :], strict=True):
            assert code == 1 and said.count("\n") == 1, source
            assert said.startswith(f"flowkit: {closed[closed[1] == source]}") and "Permission denied" in said
    finally:
        for each in closed:
            each.chmod(0o700)


def test_links_in_circles_are_followed_once(tmp_path):
    log = write_log(tmp_path / "a.log", [record()])
    for name, target in (("self", "."), ("again", f"../{tmp_path.name}"), ("alias.log", "a.log")):
        (tmp_path / name).symlink_to(target)
    for source in (tmp_path, f"{tmp_path}/**", f"{tmp_path}/**/*.log", f"{tmp_path}/*/*/*.log"):
        assert ingest(source)[1]["lines"] == 1, source
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    code, tally, said = ingest(tmp_path)
    assert (code, tally["ok"], tally["unreadable_files"]) == (0, 1, 2)
    assert f"2 of 3 files not read, the first {tmp_path}/dangling: cannot be read: No such file" in said
    log.unlink()
    assert ingest(tmp_path)[0] == 1
    assert (
        ingest(tmp_path / "loop")[2] == f"flowkit: {tmp_path}/loop cannot be read: Too many levels of symbolic links\n"
    )


def test_globs_match_as_a_shell_does(tmp_path):
    for name in ("a.log", "b[1].log", "x/c.log", "x/y/d.log", ".e.log", "x/.f/g.log", "x/note.txt"):
        write_log(tmp_path / name, [record()])
    for pattern, files in (
        ("*.log", 2), ("**/*.log", 4), ("x/**/*.log", 2), ("*/*.log", 1), ("b[[]1].log", 1), ("b[1].log", 1),
        (".*.log", 1), ("x/*", 3), ("?/y/d.log", 1), ("**/y", 1), ("[ab]*", 2), ("*/c.log/*", 0), ("nowhere/*", 0),
    ):  # fmt: skip
        code, tally, said = ingest(f"{tmp_path}/{pattern}")
        assert (code, tally.get("ok", 0)) == (int(not files), files), pattern
        assert files or said == f"flowkit: no files in {tmp_path}/{pattern}\n"
    assert ingest("x/../x/**/*.log", cwd=tmp_path)[1]["ok"] == 2


def test_pipes_are_read_and_devices_are_not(tmp_path):
    log = write_log(tmp_path / "a.log.gz", [record()])
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    code, tally, said = ingest(tmp_path)
    assert (code, tally["files"]) == (0, 1)
    assert "2 left aside (a pipe, a device or a socket, not a file)" in said
    for words in ("<(zcat {})", "- < {}", "/dev/stdin < {}", "- < <(zcat {})", "/dev/stdin < <(cat {})"):
        line = f'"{FLOWKIT}" ingest --json {words.format(log)}'
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)
        assert (done.returncode, json.loads(done.stdout)["ok"], done.stderr) == (0, 1, ""), words
    for each in ("/dev/zero", tmp_path / "pipe"):  # nobody writes to the pipe
        said = f"flowkit: {each} is a pipe, a device or a socket, not a file\n"
        assert ingest(each) == (1, {}, said)
    assert [ingest(each)[0] for each in ("", " ")] == [2, 2]


def test_what_is_read_but_once_is_a_source_of_a_report_whose_notebooks_all_ask_it(tmp_path):
    log, asks = write_log(tmp_path / "a.log.gz", [record()]), "tell([], str(int(load(source).fold.facts['records'])))"
    books = [
        write_notebook(tmp_path / f"{n}.ipynb", "from flowkit import load, tell", "## Findings", asks) for n in "ab"
    ]
    asked = " ".join(f'--notebook "{book}"' for book in books)
    for number, words in enumerate(("<(zcat {})", "- < {}", "/dev/stdin < {}")):
        line = f'"{FLOWKIT}" report {words.format(log)} --out "{tmp_path}/{number}" {asked}'
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stderr) == (0, ""), words
        run = json.loads((tmp_path / f"{number}/latest/run.json").read_text())
        assert (run["status"], run["coverage"]["records"]) == ("ok", 1)
        assert [each["summary"] for each in run["notebooks"]] == [["1"], ["1"]]


def test_a_stdout_that_is_closed_or_full_is_no_traceback(tmp_path):
    log = write_log(tmp_path / "a.log", [record()])
    for end, code, said in ((">&-", 0, ""), ("> /dev/full", 1, "flowkit: stdout: No space left on device\n")):
        done = subprocess.run(["sh", "-c", f'exec "{FLOWKIT}" ingest "{log}" {end}'], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (code, said), end


@contextmanager
def reading_stdin(cache: Path):
    """`flowkit ingest -` in a process of its own, as soon as its work has begun."""
    env, pipe = os.environ | {"FLOWKIT_CACHE": str(cache)}, subprocess.PIPE
    with subprocess.Popen(
        [FLOWKIT, "ingest", "-"], env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_interrupts
    ) as process:
        while process.poll() is None and not any(
            path.is_dir() and any(path.iterdir()) for path in cache.glob("work-*")
        ):
            time.sleep(0.01)
        yield process


def test_a_cache_that_is_removed_meanwhile_is_one_sentence(tmp_path, monkeypatch):
    with reading_stdin(tmp_path / "cache") as process:
        shutil.rmtree(tmp_path / "cache")
        _, said = process.communicate(record() + "\n", timeout=120)
    sentence = f"flowkit: the cache cannot be kept in {tmp_path}/cache: No such file or directory; set FLOWKIT_CACHE\n"
    assert (process.returncode, said) == (1, sentence)
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "cache"))
    assert ingest(write_log(tmp_path / "a.log", [record()]))[0] == 0


def test_a_cache_that_may_not_be_changed_still_answers_what_it_knows(tmp_path, monkeypatch):
    log, own = write_log(tmp_path / "a.log", [record()]), tmp_path / "cache"
    monkeypatch.setenv("FLOWKIT_CACHE", str(own))
    assert ingest(log)[0] == 0
    folders = [own, *(path for path in own.rglob("*") if path.is_dir())]
    for each in folders:
        each.chmod(0o500)
    try:
        other = write_log(tmp_path / "b.log", [record("eni-0b")])
        commands = (("ingest", "--json", log), ("ingest", other), ("cache", "clear"), ("cache", "prune"))
        known, *others = as_others(*commands)
        assert json.loads(known[1])["ok"] == 1
        for words, (code, _, said) in zip(commands[1:], others, strict=True):
            assert (code, said.count("\n")) == (1, 1), words
            assert f"the cache cannot be kept in {own}: Permission denied; set FLOWKIT_CACHE" in said
    finally:
        for each in folders:
            each.chmod(0o700)


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_a_signal_ends_the_reading_and_leaves_nothing_behind(tmp_path, number, code, word):
    with reading_stdin(tmp_path / "cache") as process:
        process.send_signal(number)
        process.wait(timeout=120)  # stdin stays open until it has ended
        said = process.stderr.read()
    assert (process.returncode, said) == (code, f"flowkit: {word}; nothing was written\n")
    assert not list((tmp_path / "cache").glob("work-*"))
