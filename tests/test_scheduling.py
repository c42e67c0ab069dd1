"""The examples of docs/scheduling.md: run, or checked by the tool that would run them."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import nbformat
import pytest
import yaml
from pages_support import PROBE, record, write_notebook
from support import write_log

from flowkit.loading.sample import NOTEBOOKS

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
FLOWKIT = Path(sys.executable).with_name("flowkit")


@pytest.fixture
def posted():
    """A webhook: its URL, and what was posted to it."""
    told = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", told
    server.shutdown()


def notify(tmp_path, hook, *words):
    mail = tmp_path / "bin" / "mail"
    mail.parent.mkdir(exist_ok=True)
    mail.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/mails\ncat >> {tmp_path}/mails\n')
    mail.chmod(0o755)
    own = {"FLOWKIT": str(FLOWKIT), "FLOWKIT_WEBHOOK": hook, "FLOWKIT_MAILTO": "net@example.com"}
    bare = {"PATH": f"{mail.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    bare["FLOWKIT_CACHE"] = os.environ["FLOWKIT_CACHE"]
    return subprocess.run([EXAMPLES / "report-and-notify.sh", *map(str, words)], env=bare | own).returncode


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_people_are_told_once_what_is_new_and_always_what_failed(tmp_path, posted):
    hook, told = posted
    log = write_log(tmp_path / "flow.log", [record()] * 3 + [record(start=1763600060), record(start=1763600120)])
    book = write_notebook(tmp_path / "probe.ipynb", *PROBE)
    words = (log, "--notebook", book, "--out", tmp_path / "out", "--fail-on", "medium")
    assert notify(tmp_path, hook, *words) == 3
    assert told[0]["text"].splitlines()[0] == "high: 203.0.113.9 was refused 5 times at eni-0a"
    assert told[0]["text"].splitlines()[1].endswith("/index.html")
    assert "-s flowkit report: exit code 3 net@example.com\nhigh: 203.0.113.9" in (tmp_path / "mails").read_text()
    assert notify(tmp_path, hook, *words) == 3
    assert len(told) == 1, "what is ongoing is not told again"
    assert notify(tmp_path, hook, tmp_path / "nowhere") == 1
    assert told[1]["text"].startswith("flowkit report failed with exit code 1: flowkit: there is no ")


def test_the_cron_line_runs_as_cron_would_run_it(tmp_path):
    lines = [line for line in (EXAMPLES / "flowkit.cron").read_text().splitlines() if line and line[0] != "#"]
    settings = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    snapshot, job = [line for line in lines if not re.match(r"[A-Z_]+=", line)]
    assert re.fullmatch(r"5 4 \* \* \*  flowkit  \S+/flowkit snapshot /var/lib/flowkit/network", snapshot)
    when, user, command = re.fullmatch(r"((?:\S+ ){5}) *(\S+) +(.*)", job).groups()
    assert when.split() == ["20", "*", "*", "*", "*"] and user == "flowkit" and "%" not in command
    log = write_log(tmp_path / "flow.log", [record()])
    swaps = {
        "/opt/flowkit/docs": str(ROOT / "docs"),
        "s3://acme-flow-logs/vpc": str(log),
        "--start -90m": "--start -520w",
        "--network /var/lib/flowkit/network": f"--notebook {write_notebook(tmp_path / 'probe.ipynb', *PROBE)}",
        "/var/lib/flowkit/reports": str(tmp_path / "out"),
    }
    for before, after in swaps.items():
        assert before in command, before
        command = command.replace(before, after)
    bare = {"HOME": str(tmp_path), "LOGNAME": user, "FLOWKIT_CACHE": os.environ["FLOWKIT_CACHE"]}
    settings["FLOWKIT"] = str(FLOWKIT)
    done = subprocess.run([settings["SHELL"], "-c", command], env=bare | settings, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "latest" / "index.html").is_file()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_the_units_are_what_systemd_takes(tmp_path):
    for name in ("flowkit-report.service", "flowkit-report.timer"):
        text = (EXAMPLES / name).read_text().replace("/opt/flowkit/docs/examples", str(EXAMPLES))
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", *tmp_path.glob("*.service"), *tmp_path.glob("*.timer")],
        capture_output=True,
        text=True,
    )
    ours = [line for line in done.stderr.splitlines() if "flowkit" in line]
    assert (done.returncode, ours) == (0, []), done.stderr
    moment = re.search(r"OnCalendar=(.*)", (EXAMPLES / "flowkit-report.timer").read_text())[1]
    said = subprocess.run(["systemd-analyze", "calendar", moment], capture_output=True, text=True)
    assert said.returncode == 0 and "05:20:00 UTC" in said.stdout


def test_the_workflow_keeps_to_the_rules_of_github_actions():
    flow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    triggers = flow[True]  # YAML 1.1 reads the word `on` so
    assert all(len(each["cron"].split()) == 5 for each in triggers["schedule"])
    assert flow["permissions"] == {"contents": "read", "id-token": "write"}
    known = {"name", "id", "if", "uses", "with", "run", "env", "shell", "working-directory", "continue-on-error"}
    for job in flow["jobs"].values():
        assert job["runs-on"] == "ubuntu-latest" and job["timeout-minutes"]
        for step in job["steps"]:
            assert set(step) <= known and ("uses" in step) != ("run" in step), step
            if "uses" in step:
                assert re.fullmatch(r"[\w.-]+/[\w./-]+@v\d+", step["uses"])
            else:
                assert "${{" not in step["run"], "what others write must not become shell"
                subprocess.run(["bash", "-n"], input=step["run"], text=True, check=True)


def test_every_flowkit_command_of_the_examples_has_words_that_flowkit_knows():
    from flowkit import cli

    texts = [path.read_text() for path in EXAMPLES.iterdir()] + [(ROOT / "docs" / "scheduling.md").read_text()]
    found = re.findall(
        r"(?:flowkit report|report-and-notify\.sh) ((?:\S+ +)?--.*)", "\n".join(texts).replace('"\n            " ', " ")
    )
    assert len(found) >= 4
    for words in found:
        plain = [word.strip("'\"(),`") for word in words.split() if word not in ("|", "&&")]
        plain = [word for word in plain if not word.startswith("{{") and word not in ("}}", "params.source")]
        given, unknown = cli.parser().parse_known_args(["report", *plain])
        assert not [word for word in unknown if word.startswith("--")], words


def test_papermill_alone_runs_a_notebook_from_another_folder(tmp_path):
    log = write_log(tmp_path / "logs" / "flow.log", [record()])
    words = [
        NOTEBOOKS / "rejected.ipynb",
        "out.ipynb",
        "-r",
        "source",
        log,
        "-r",
        "start",
        "-520w",
        "--no-progress-bar",
    ]
    papermill = Path(sys.executable).with_name("papermill")
    done = subprocess.run([papermill, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    executed = nbformat.read(tmp_path / "out.ipynb", 4)
    injected = [cell.source for cell in executed.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    assert injected == [f'# Parameters\nsource = "{log}"\nstart = "-520w"\n']
    assert any(
        "flowkit.findings" in kind
        for cell in executed.cells
        for each in cell.get("outputs", ())
        for kind in each.get("data", ())
    )


def test_windows_of_the_examples_overlap_so_that_no_minute_is_skipped():
    """How far back a run looks, against how often it runs; a start may be late by some minutes."""
    steps = {"flowkit.cron": 60, "flowkit-report.service": 1440, "github-actions.yml": 1440}
    for name, every in steps.items():
        text = (EXAMPLES / name).read_text()
        units = {"m": 1, "h": 60, "d": 1440}
        (first, last) = (re.search(rf"--{option} -(\d+)([mhd])", text) for option in ("start", "end"))
        length = int(first[1]) * units[first[2]] - int(last[1]) * units[last[2]]
        assert length >= every + 5, name
        assert "flowkit snapshot " in text, "the rules are saved anew"
