"""The README's commands and Python examples do what they say."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from flowkit import cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.S)
COMMANDS = re.findall(r"^\$ ([^#\n]+)", README, re.M)


def test_every_python_example_runs_in_one_go(capsys):
    names = {}
    for example in EXAMPLES:
        exec(compile(example, "README.md", "exec"), names)
    told = capsys.readouterr().out
    assert names["rejected"].count().execute() > 100
    assert told.count("\n") > 15
    assert "6380" in told
    assert names["late"].title == "2 packets came late."


@pytest.mark.parametrize("command", [line.strip() for line in COMMANDS if line.startswith("make ")])
def test_make_knows_each_target_that_the_readme_types(command):
    assert command.split()[1] in ("report", "test")
    dry = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ("flowkit report" if "report" in command else "pytest") in dry.stdout


@pytest.mark.parametrize("command", [line.strip() for line in COMMANDS if "flowkit " in line])
def test_the_parser_takes_each_command(command):
    given = cli.parser().parse_args(shlex.split(command)[1:])
    assert given.source
    assert given.func


@pytest.mark.parametrize("name", ["ingest", "cache", "enable", "status", "snapshot", "notebooks", "explain", "report"])
def test_each_command_has_a_help(name):
    help_text = subprocess.run([sys.executable, "-m", "flowkit", name, "--help"], capture_output=True, text=True)
    assert help_text.returncode == 0
    assert help_text.stdout.startswith(f"usage: flowkit {name}")


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
