"""One report: logs in, notebooks run, pages and findings out, in a run's folder."""

import csv
import importlib.metadata
import json
import os
import platform
import re
import time
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import nbformat

from flowkit.loading.network import snapshot_of
from flowkit.loading.sample import NOTEBOOKS, SAMPLE
from flowkit.loading.window import moment, window
from flowkit.questions.expectations import expectations_of, printed_names, read_expectations
from flowkit.questions.networks import read_networks, subnet_names
from flowkit.reporting import history, page
from flowkit.reporting.errors import ReportError, UsageError
from flowkit.reporting.finding import SUBJECT, resolved, stamped
from flowkit.reporting.html import counted
from flowkit.reporting.kinds import SEVERITIES
from flowkit.reporting.notebooks import OPTIONS, Executed, arguments, chosen, executor, pairs, parameters, unused
from flowkit.reporting.redact import Redactor, names_in, own_key
from flowkit.reporting.source import measured, read, undelivered

#: Called with the stage, what is done of it, and what there is to do.
Progress = Callable[[str, int, int], None]
LIBRARIES = ("duckdb", "ibis-framework", "pandas", "matplotlib", "papermill", "nbconvert")


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
    group_readable: bool = False


@dataclass(frozen=True)
class Plan:
    """What will be run: notebooks with what to hand them, window fixed, everything checked."""

    options: dict
    notebooks: dict[str, Path]
    arguments: dict[str, dict]
    parameters: dict[str, dict]
    snapshot: object
    names: frozenset[str]
    notes: list[str] = field(default_factory=list)


def report(request: Request, progress: Progress = lambda stage, done, to_do: None) -> dict:
    """Make the report that `request` asks for and return its run.json, with `findings` and `folder` beside.

    A notebook that fails does not raise: the run's `status` is then `failed`, and the others are there.
    Raises UsageError for a wrong request and ReportError where it cannot be done; then nothing is written.
    """
    begun, started = time.monotonic(), datetime.now(UTC)
    plan = planned(request, started)
    with history.new_run(request.out, request.group_readable) as folder, executor() as submit:
        os.environ["FLOWKIT_REPORT"] = folder.name  # the kernels read what this process folds
        progress("reading logs", 0, 1)
        log, notes = read(plan.options)
        progress("folding", 0, 1)
        facts = measured(log)
        folded = time.monotonic()
        run = {
            "schema": 2,
            "id": folder.name[1:],
            "started": f"{started:%Y-%m-%dT%H:%M:%S.%fZ}",
            **{name: plan.options[name] for name in ("source", "start", "end")},
            "redacted": request.redact,
            "parameters": plan.parameters,
            "tally": log.tally,
            "notes": plan.notes + notes,
            "versions": versions(),
        }
        findings = _made(run, plan, facts, folder, request.out, progress, submit)
        ended = time.monotonic()
        run["timings"] = {"fold": round(folded - begun, 2), "notebooks": round(ended - folded, 2)}
        run["seconds"] = round(ended - begun, 2)
        history.write(folder / "run.json", _json(run))
    history.link_latest(request.out)
    if request.keep is not None:
        history.keep_newest(request.out, request.keep)
    page.write_runs(request.out, 0o640 if request.group_readable else 0o600)
    return run | {"findings": findings, "folder": request.out / run["id"]}


def planned(request: Request, now: datetime) -> Plan:
    """Return the plan for `request`, relative times resolved against `now`. Raises UsageError or ReportError."""
    notebooks = chosen(request.notebooks, NOTEBOOKS)
    own = {name: {key: value for key, (value, _) in parameters(path).items()} for name, path in notebooks.items()}
    try:
        window(request.start, request.end, now)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if request.keep is not None and request.keep < 1:
        raise UsageError("--keep takes the number of runs to keep, 1 or more")
    options = {name: getattr(request, name) for name in ("source", "format", "network", "expect")}
    options |= {"start": _fixed(request.start, now), "end": _fixed(request.end, now)}
    handed = arguments(own, options, pairs(request.params))
    idle = unused(own, options)
    options |= dict.fromkeys(idle)
    try:
        snapshot = snapshot_of(request.source, options["network"])
        named = read_networks(handed.get("reachability", {}).get("named_networks"))
        printed = printed_names(snapshot, subnet_names(snapshot) | named)
        expected = read_expectations(expectations_of(request.source, options["expect"]), printed)
        names = _names(request, expected) if request.redact else frozenset()
    except (ValueError, OSError) as error:
        raise ReportError(str(error)) from None
    notes = [f"{OPTIONS[name]} is ignored: none of these notebooks uses it" for name in idle]
    return Plan(options, notebooks, handed, {name: own[name] | handed[name] for name in own}, snapshot, names, notes)


def _names(request: Request, expected: list) -> frozenset[str]:
    """The names that redaction replaces: those of the snapshot, the expectations, and the inputs' own."""
    network = request.network or (SAMPLE / "network" if request.source == "sample" else None)
    given = {text for text in (request.source, request.network, request.expect) if text}
    return names_in(network) | {line.name for line in expected} | given


def _fixed(time_text: str | None, now: datetime) -> str | None:
    at = moment(time_text, now)
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _made(
    run: dict, plan: Plan, facts: dict, folder: Path, out: Path, progress: Progress, submit: Callable
) -> list[dict]:
    """Run the notebooks, write everything but run.json into `folder`, complete `run`; returns the findings."""
    progress("running notebooks", 0, len(plan.notebooks))
    jobs = {submit(path, plan.arguments[name]): name for name, path in plan.notebooks.items()}
    missing = None if facts["coverage"]["records"] else undelivered(plan.options, run["tally"])
    redactor = _redactor(facts["accounts"], plan.names) if run["redacted"] else None
    run |= {key: value for key, value in facts.items() if key != "accounts"}
    run["coverage"] |= {name: run["tally"][name] for name in ("malformed", "damaged_files")}
    extra = []
    if missing:
        extra.append(missing[0].as_dict())
        run["notes"].append(missing[1])
    if redactor:
        # Behind these words stands what a file or a line says.
        run["notes"] = [re.split("; |, the first|, such as", note)[0] for note in run["notes"]]
        run |= {key: redactor.value(run[key]) for key in ("source", "parameters", "inputs", "notes")}
        extra = [redactor.value(finding | {"grounds": []}) for finding in extra]
    earlier = history.previous(out, run["source"], run["redacted"], list(plan.notebooks))
    written = {}
    for number, job in enumerate(as_completed(jobs), 1):
        written[jobs[job]] = _written(job.result(), run, folder, redactor, earlier)
        progress("running notebooks", number, len(jobs))
    pages = [written[name] for name in plan.notebooks]
    findings = [finding for each in pages for finding in each.pop("findings")]
    if not any(each["kind"] == "not-delivered" for each in findings):
        findings += stamped(extra, "skipdata", earlier)
    findings.sort(key=lambda finding: SEVERITIES.index(finding["severity"]))
    figures = {each["name"]: each.pop("figure") for each in pages}
    run["notebooks"] = pages
    run["status"] = "failed" if any(each["failure"] for each in pages) else "ok"
    run["counts"] = {name: sum(f["severity"] == name for f in findings) for name in SEVERITIES}
    gone = resolved(findings, earlier, run)
    _write_findings(folder, run, findings, gone)
    page.write_run(folder, run, findings, gone, figures)
    return findings


def _redactor(accounts: list[str], names: frozenset[str]) -> Redactor:
    key = own_key()
    if len(key) < 16:
        raise ReportError("the redaction key is too short to hide anything: remove flowkit/redaction.key")
    return Redactor(key, accounts, names)


def _written(executed: Executed, run: dict, folder: Path, redactor: Redactor | None, earlier: dict | None) -> dict:
    """Write a notebook and its page into `folder`; returns what run.json says of it, `findings` and `figure`."""
    notebook, failure, name = executed.notebook, executed.failure, executed.name
    if redactor:
        notebook, failure = redactor.notebook(notebook), redactor.value(failure)
    shown = list(page.collected(notebook))
    for data in shown:
        data["findings"] = stamped(data["findings"], name, earlier)
    about = {
        "name": name,
        "run": run["id"],
        "source": run["source"],
        "window": page.spanned(run),
        "parameters": run["parameters"][name],
        "inputs": _inputs(run),
        "versions": run["versions"],
        "failure": failure,
        "compared": earlier is not None,
    }
    history.write(folder / f"{name}.html", page.page(notebook, about))
    history.write(folder / f"{name}.ipynb", nbformat.writes(page.still(notebook)) + "\n")
    return {
        "name": name,
        "title": page.opening(notebook, name)[0],
        "seconds": executed.seconds,
        "failure": failure,
        "summary": [sentence for data in shown for sentence in data["summary"]],
        "findings": [finding for data in shown for finding in data["findings"]],
        "figure": page.first_figure(notebook),
    }


def _inputs(run: dict) -> dict:
    files, tally = run["inputs"], run["tally"]
    size = sum(file["size"] for file in files)
    wrong = f"{tally['damaged_files']:,} damaged, {counted(tally['malformed'], 'malformed line')}"
    line = f"{counted(len(files), 'file')}, {size:,} bytes, {wrong}; all of them are in run.json."
    return {"line": line, "files": [file | {"file": Path(file["file"]).name} for file in files[:10]]}


def _write_findings(folder: Path, run: dict, findings: list[dict], gone: list[dict] | None) -> None:
    named = {name: run[name] for name in ("id", "source", "start", "end", "status")}
    document = {
        "schema": 2,
        "run": named | {"flowkit": run["versions"]["flowkit"]},
        "coverage": run["coverage"],
        "findings": findings,
        "resolved": [each["id"] for each in gone or ()],
    }
    history.write(folder / "findings.json", _json(document))
    plain = ("id", "status", "notebook", "kind", "severity", "confidence", "title", "cause", "action")
    numbers = ("first_seen", "last_seen", "records", "packets", "bytes", "coverage", "incident")
    with (folder / "findings.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*plain, *SUBJECT, *numbers, "counts"])
        for each in findings:
            counts = " ".join(f"{name}={number}" for name, number in each["counts"].items())
            values = [each[name] for name in plain], [each["subject"][name] for name in SUBJECT]
            table.writerow(
                [_cell(value) for part in (*values, [each[name] for name in numbers], [counts]) for value in part]
            )


def _cell(value: object) -> object:
    """`value` for a CSV file; a text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(tuple("=+-@\t\r")) else value


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def versions() -> dict[str, str]:
    """Return the versions of flowkit, Python and the libraries whose work a report shows."""
    found = {"flowkit": importlib.metadata.version("vpc-flowkit"), "python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in LIBRARIES}
