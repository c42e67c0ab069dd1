"""One report: logs in, notebooks run, pages and findings out, in a run's folder."""

import csv
import importlib.metadata
import json
import platform
import time
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat

from flowkit.questions.expectations import expectations_of, read_expectations
from flowkit.analysis.network import snapshot_of
from flowkit.loading.errors import SourceError
from flowkit.loading.ingestion import ingest
from flowkit.loading.sample import NOTEBOOKS, SAMPLE
from flowkit.loading.window import moment, window
from flowkit.reporting import history, indexes
from flowkit.reporting.errors import ReportError, UsageError
from flowkit.reporting.execute import Executed, executor
from flowkit.reporting.findings import KEYS, SEVERITIES, SUBJECT
from flowkit.reporting.markup import period
from flowkit.reporting.measure import measured
from flowkit.reporting.page import first_figure, opening, page, told_by
from flowkit.reporting.parameters import arguments, chosen, defaults, pairs
from flowkit.reporting.redact import Redactor, names_in, own_key

#: Called with the stage, what is done of it, and what there is to do.
Progress = Callable[[str, int, int], None]
LIBRARIES = ("duckdb", "ibis-framework", "pandas", "matplotlib", "papermill", "nbconvert", "itables")


@dataclass(frozen=True)
class Request:
    """What is asked for: the options of `flowkit report`, as the user wrote them."""

    source: str = "sample"
    start: str | None = None
    end: str | None = None
    format: str | None = None
    network: str | None = None
    expect: str | None = None
    out: Path = Path("reports")
    notebooks: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    redact: bool = False
    keep: int | None = None


@dataclass(frozen=True)
class Plan:
    """What will be run: notebooks with what to hand them, window fixed, everything checked."""

    options: dict
    notebooks: dict[str, Path]
    arguments: dict[str, dict]
    parameters: dict[str, dict]
    snapshot: object
    names: frozenset[str]


def report(request: Request, progress: Progress = lambda stage, done, to_do: None) -> dict:
    """Make the report that `request` asks for and return its run.json, with `findings` and `folder` beside.

    A notebook that fails does not raise: the run's `status` is then `failed`, and the others are there.
    Raises UsageError for a wrong request and ReportError where it cannot be done; then nothing is written.
    """
    begun, started = time.monotonic(), datetime.now(UTC)
    plan = planned(request, started)
    with history.new_run(request.out) as folder, executor() as submit:
        tally = _ingested(plan.options, progress)
        read = time.monotonic()
        run = {
            "schema": 1,
            "id": folder.name[1:],
            "started": f"{started:%Y-%m-%dT%H:%M:%S.%fZ}",
            **{name: plan.options[name] for name in ("source", "start", "end")},
            "redacted": request.redact,
            "parameters": plan.parameters,
            "tally": tally,
            "versions": versions(),
        }
        findings = _made(run, plan, folder, request.out, progress, submit)
        ended = time.monotonic()
        run["timings"] = {"ingest": round(read - begun, 2), "notebooks": round(ended - read, 2)}
        run["seconds"] = round(ended - begun, 2)
        _dump(folder / "run.json", run)
    history.link_latest(request.out)
    if request.keep is not None:
        history.keep_newest(request.out, request.keep)
    indexes.write_runs(request.out)
    return run | {"findings": findings, "folder": request.out / run["id"]}


def planned(request: Request, now: datetime) -> Plan:
    """The plan for `request`, relative times resolved against `now`. Raises UsageError or ReportError."""
    notebooks = {path.stem: path for path in chosen(request.notebooks, NOTEBOOKS)}
    own = {name: defaults(path) for name, path in notebooks.items()}
    try:
        window(request.start, request.end, now)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if request.keep is not None and request.keep < 1:
        raise UsageError("--keep takes the number of runs to keep, 1 or more")
    options = {name: getattr(request, name) for name in ("source", "format", "network", "expect")}
    options |= {"start": _fixed(request.start, now), "end": _fixed(request.end, now)}
    handed = arguments(own, options, pairs(request.params))
    try:
        snapshot = snapshot_of(request.source, request.network)
        expected = read_expectations(expectations_of(request.source, request.expect))
    except (ValueError, OSError) as error:
        raise ReportError(str(error)) from None
    names = frozenset()
    if request.redact:
        network = SAMPLE / "network" if request.source == "sample" else None
        names = names_in(request.network or network) | {line.name for line in expected}
        names |= {text for text in (request.source, request.network, request.expect) if text}
    return Plan(options, notebooks, handed, {name: own[name] | handed[name] for name in own}, snapshot, names)


def _fixed(time_text: str | None, now: datetime) -> str | None:
    at = moment(time_text, now)
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _ingested(options: dict, progress: Progress) -> dict:
    try:
        return ingest(
            *(options[name] for name in ("source", "start", "end", "format")),
            progress=lambda done, to_do: progress("reading logs", done, to_do),
        )
    except SourceError as error:
        raise ReportError(str(error)) from None
    except ValueError as error:
        raise UsageError(str(error)) from None


def _made(run: dict, plan: Plan, folder: Path, out: Path, progress: Progress, submit: Callable) -> list[dict]:
    """Run the notebooks, write everything but run.json into `folder`, complete `run`; returns the findings."""
    progress("running notebooks", 0, len(plan.notebooks))
    jobs = {
        submit(path, folder / f"{name}.ipynb", plan.arguments[name]): name
        for name, path in plan.notebooks.items()
    }
    facts = measured(*(plan.options[key] for key in ("source", "start", "end", "format")), plan.snapshot)
    redactor = Redactor(own_key(), facts.pop("accounts"), plan.names) if run["redacted"] else None
    run |= facts
    run["coverage"] |= {name: run["tally"][name] for name in ("malformed", "damaged_files")}
    if redactor:
        run |= {key: redactor.value(run[key]) for key in ("source", "parameters", "inputs")}
    written = {}
    for number, job in enumerate(as_completed(jobs), 1):
        written[jobs[job]] = _written(job.result(), run, folder, redactor)
        progress("running notebooks", number, len(jobs))
    pages = [written[name] for name in plan.notebooks]
    findings = _collected(pages)
    run["notebooks"] = [{k: v for k, v in each.items() if k not in ("told", "figure")} for each in pages]
    run["status"] = "failed" if any(each["failure"] for each in pages) else "ok"
    run["counts"] = {name: sum(f["severity"] == name for f in findings) for name in SEVERITIES}
    resolved = _compared(findings, history.previous(out, run), run)
    _write_findings(folder, run, findings, resolved)
    indexes.write_run(folder, run, findings, resolved, {each["name"]: each["figure"] for each in pages})
    return findings


def _written(executed: Executed, run: dict, folder: Path, redactor: Redactor | None) -> dict:
    """Write a notebook and its page into `folder`; returns what the indexes and run.json tell of it."""
    notebook, failure, name = executed.notebook, executed.failure, executed.name
    notebook.metadata.setdefault("papermill", {}).update(
        input_path=f"{name}.ipynb", output_path=f"{name}.ipynb"
    )
    if redactor:
        notebook, failure = redactor.notebook(notebook), redactor.value(failure)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    title, _ = opening(notebook, name)
    told = list(told_by(notebook))
    about = {
        "name": name,
        "run": run["id"],
        "source": run["source"],
        "window": spanned(run),
        "parameters": run["parameters"][name],
        "inputs": _inputs(run),
        "versions": run["versions"],
        "failure": failure,
    }
    (folder / f"{name}.html").write_text(page(notebook, about), encoding="utf-8")
    return {
        "name": name,
        "title": title,
        "seconds": executed.seconds,
        "failure": failure,
        "verdict": [sentence for data in told for sentence in data["verdict"]],
        "told": told,
        "figure": first_figure(notebook),
    }


def spanned(run: dict) -> str:
    """The window of `run` in words: what was asked for, and where that was open, what the records span."""
    told = period(run["start"] or run["first"], run["end"] or run["last"])
    return told or "no records"


def _inputs(run: dict) -> dict:
    files, tally = run["inputs"], run["tally"]
    size = sum(file["size"] for file in files)
    wrong = f"{tally['damaged_files']:,} damaged, {tally['malformed']:,} malformed lines"
    said = (
        f"{len(files):,} file{'s'[: len(files) != 1]}, {size:,} bytes, {wrong}; all of them are in run.json."
    )
    return {"said": said, "files": [file | {"file": Path(file["file"]).name} for file in files[:10]]}


def _collected(pages: list[dict]) -> list[dict]:
    found = [
        {"id": finding["id"], "status": "new", "notebook": each["name"]} | {key: finding[key] for key in KEYS}
        for each in pages
        for data in each["told"]
        for finding in data["findings"]
    ]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding["severity"]))


def _compared(findings: list[dict], earlier: dict | None, run: dict) -> list[dict] | None:
    """Mark what the previous run had as ongoing; returns its findings that this run lacks, None without one.

    A notebook that failed found nothing, which does not resolve what it found before.
    """
    if earlier is None:
        return None
    before = {(each["notebook"], each["id"]): each for each in earlier["findings"]}
    now = {(each["notebook"], each["id"]) for each in findings}
    for each in findings:
        each["status"] = "ongoing" if (each["notebook"], each["id"]) in before else "new"
    silent = {each["name"] for each in run["notebooks"] if each["failure"]}
    return [each for key, each in before.items() if key not in now and key[0] not in silent]


def _write_findings(folder: Path, run: dict, findings: list[dict], resolved: list[dict] | None) -> None:
    named = {name: run[name] for name in ("id", "source", "start", "end", "status")}
    told = {
        "schema": 1,
        "run": named | {"flowkit": run["versions"]["flowkit"]},
        "coverage": run["coverage"],
        "findings": findings,
        "resolved": [each["id"] for each in resolved or ()],
    }
    _dump(folder / "findings.json", told)
    plain = ("id", "status", "notebook", "kind", "severity", "confidence", "title", "cause", "action")
    counted = ("first_seen", "last_seen", "records", "packets", "bytes", "coverage")
    with (folder / "findings.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*plain, *SUBJECT, *counted])
        for each in findings:
            subject = [each["subject"][name] for name in SUBJECT]
            values = [each[name] for name in plain], subject, [each[name] for name in counted]
            table.writerow([_cell(value) for part in values for value in part])


def _cell(value: object) -> object:
    """`value` for a CSV file; a text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """The versions of flowkit, Python and the libraries whose work a report shows."""
    found = {"flowkit": importlib.metadata.version("vpc-flowkit"), "python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in LIBRARIES}
