"""The repository keeps its promises: one list of dependencies, notebooks that are thin, a README that runs."""

import ast
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from flowkit.reporting.kinds import KINDS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: conda-forge's names where they differ from those of pip.
CONDA = {
    "duckdb": "python-duckdb",
    "isal": "python-isal",
    "matplotlib": "matplotlib-base",
    "ibis-framework[duckdb]": "ibis-duckdb",
}
ASKING = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: With those that teach, which no report runs by itself.
NOTEBOOKS = [*ASKING, *sorted((ROOT / "notebooks" / "learn").glob("*.ipynb"))]
COMMON = ["source", "start", "end", "format", "network"]


def split(requirement: str) -> tuple[str, str]:
    name, ranges = re.fullmatch(r"([\w.\[\]-]+)\s*(.*)", requirement).groups()
    return name, ranges


def test_environment_yml_has_the_dependencies_and_ranges_of_pyproject():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = dict(split(line) for line in listed["dependencies"] if isinstance(line, str))
    required = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["aws"]]
    wanted = {CONDA.get(name, name): ranges for name, ranges in map(split, required)}
    assert conda == wanted | {"python": PROJECT["requires-python"], "pip": ""}
    assert listed["channels"] == ["conda-forge"]


def test_pip_takes_what_environment_yml_leaves_to_it(tmp_path):
    """conda writes the pip part to a file and hands it to `pip install -r`, from the folder of environment.yml."""
    from pip._internal.network.session import PipSession
    from pip._internal.req import parse_requirements

    listed = yaml.safe_load((ROOT / "environment.yml").read_text())
    (part,) = [each["pip"] for each in listed["dependencies"] if isinstance(each, dict)]
    file = tmp_path / "condaenv.requirements.txt"
    file.write_text("\n".join(part))
    [parsed] = parse_requirements(str(file), session=PipSession())
    assert (parsed.requirement, parsed.is_editable, parsed.constraint) == (".", True, False)


def test_the_readmes_table_of_kinds_is_the_one_of_kinds_py():
    rows = [f"| `{one.kind}` | {one.notebook} | {one.severity} | {one.meaning} |" for one in KINDS.values()]
    table = ["| kind | notebook | usually | meaning |", "| --- | --- | --- | --- |", *rows]
    assert "\n".join(table) in (ROOT / "README.md").read_text()


def test_every_dependency_is_pinned_by_the_constraints():
    pinned = {
        re.split("==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    extras = [each for group in PROJECT["optional-dependencies"].values() for each in group]
    named = {re.sub(r"\[.*", "", split(each)[0]).lower() for each in [*PROJECT["dependencies"], *extras]}
    assert named - pinned == set()


def test_nothing_names_a_package_index_or_a_machines_path():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    hosts = ["pypi" + ".org", "files.python" + "hosted", "registry." + "npmjs", "deb." + "debian", "--index" + "-url"]
    hosts += [str(ROOT), *(os.environ[name] for name in ("FLOWKIT_THIRD_PARTY", "FLOWKIT_CASES") if name in os.environ)]
    texts = {name: (ROOT / name).read_bytes() for name in tracked if (ROOT / name).is_file()}
    assert [(name, host) for name, text in texts.items() for host in hosts if host.encode() in text] == []


def cells(path: Path, kind: str) -> list:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def statement_lines(cell) -> int:
    """The lines of a cell that are no imports."""
    body = ast.parse(cell.source).body
    return sum(each.end_lineno - each.lineno + 1 for each in body if not isinstance(each, ast.Import | ast.ImportFrom))


def test_the_four_notebooks_are_there():
    assert [path.stem for path in ASKING] == ["direction", "reachability", "rejected", "skipdata"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_with_a_question_and_holds_no_output_and_no_logic(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \w.*\n\n\*\*Question\.\*\* .+\?", first.source)
    code = cells(path, "code")
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert [cell.source for cell in code if re.search(r"^\s*(def|class|for|while|lambda)\b", cell.source, re.M)] == []
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == code[:1]
    assert max(map(statement_lines, code[1:])) <= 10
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.kernelspec.language == "python"
    headings = re.findall(r"^## (.*)$", "\n".join(cell.source for cell in cells(path, "markdown")), re.M)
    assert headings[:2] == ["Findings", "Evidence"] or path not in ASKING
    assert "Blind spots" in headings


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_are_literals_with_a_comment_a_line(path):
    lines = cells(path, "code")[0].source.splitlines()
    assert [line.split(" = ")[0] for line in lines][:5] == COMMON
    assert [
        line for line in lines if not re.fullmatch(r"\w+ = (None|True|False|-?[\d.]+|\"[^\"]*\")\s+# .+", line)
    ] == []


def test_notebooks_are_small():
    assert {path.stem: path.stat().st_size for path in NOTEBOOKS if path.stat().st_size > 20_000} == {}
    assert all(json.loads(path.read_text())["nbformat_minor"] >= 5 for path in NOTEBOOKS)
