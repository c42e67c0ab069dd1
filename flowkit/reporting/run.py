"""One report: logs in, notebooks run, pages and findings out, in a run's folder."""

import csv
import importlib.metadata
import json
import platform
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import nbformat

from flowkit.language import LANGUAGE, LANGUAGES, retold
from flowkit.loading.network import snapshot_of
from flowkit.loading.sample import NOTEBOOKS, SAMPLE
from flowkit.loading.sources import REPORT
from flowkit.loading.window import moment, window
from flowkit.questions.expectations import expectations_of, printed_names, read_expectations
from flowkit.questions.networks import read_networks, subnet_names
from flowkit.questions.rule_changes import COMMAND, rules_after
from flowkit.reporting import history, page
from flowkit.reporting.errors import ReportError, UsageError
from flowkit.reporting.finding import KEYS, SUBJECT, contradicted, gravity, incidents, resolved, stamped
from flowkit.reporting.kinds import SEVERITIES
from flowkit.reporting.names import owners
from flowkit.reporting.notebooks import OPTIONS, arguments, chosen, environment, executor, pairs, parameters
from flowkit.reporting.redact import Redactor, own_key, secrets_of, telling
from flowkit.reporting.source import measured, named_in, read, undelivered

#: Called with the stage, what is done of it, and what there is to do.
Progress = Callable[[str, int, int], None]
#: Options that name what is the user's own.
OWN = ("network", "network_after", "expect")
LIBRARIES = ("duckdb", "ibis-framework", "pandas", "matplotlib", "papermill", "nbconvert")


@dataclass(frozen=True)
class Request:
    """What is asked for: the options of `flowkit report`, as the user wrote them."""

    source: str = "sample"
    start: str | None = None
    end: str | None = None
    format: str | None = None
    network: str | None = None
    network_after: str | None = None
    expect: str | None = None
    out: Path = Path("reports")
    notebooks: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    redact: bool = False
    bundle: bool = False
    keep: int | None = None
    group_readable: bool = False
    lang: str = LANGUAGES[0]


@dataclass(frozen=True)
class Plan:
    """What will be run: notebooks with what to hand them, window fixed, everything checked."""

    options: dict
    notebooks: dict[str, Path]
    arguments: dict[str, dict]
    parameters: dict[str, dict]
    notes: list[str] = field(default_factory=list)


def report(request: Request, progress: Progress = lambda stage, done, to_do: None) -> dict:
    """Make the report that `request` asks for and return its run.json, with `findings` and `folder` beside. Where a notebook
    fails its `status` is `failed`; where UsageError or ReportError is raised nothing is written."""
    begun, started = time.monotonic(), datetime.now(UTC)
    plan = planned(request, started)
    new_run, speaking = history.new_run(request.out, request.group_readable), environment(**{LANGUAGE: request.lang})
    with (
        speaking,
        new_run as folder,
        environment(**{REPORT: folder.name}),  # the kernels read what this process folds
        executor() as submit,
        _redacting(plan, request.redact) as redactor,
    ):
        progress("reading logs", 0, 1)
        log, notes = read(plan.options)
        progress("folding", 0, 1)
        run = {
            "schema": 2,
            "id": folder.name[1:],
            "started": f"{started:%Y-%m-%dT%H:%M:%S.%fZ}",
            **{name: plan.options[name] for name in ("source", "start", "end")},
            "redacted": request.redact,
            "parameters": plan.parameters,
            "tally": log.tally,
            "notes": plan.notes + notes,
            "versions": {"flowkit": importlib.metadata.version("vpc-flowkit"), "python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in LIBRARIES},
            **measured(log),
        }
        run["coverage"] |= {name: run["tally"][name] for name in ("malformed", "damaged_files")}
        if redactor:
            redactor.hide(telling(named_in(log), 3))
        findings = _made(run, plan, folder, request, progress, submit, redactor)
        run["seconds"] = round(time.monotonic() - begun, 2)
        history.write(folder / "run.json", _json(run))
    where = request.out / run["id"]
    try:
        history.link_latest(request.out)
        if request.keep is not None:
            history.keep_newest(request.out, request.keep)
        with environment(**{LANGUAGE: request.lang}):
            page.write_runs(request.out, 0o640 if request.group_readable else 0o600)
    except OSError as error:
        run["notes"].append(f"the run is in {where}, but what lists it could not be written: {error.strerror or error}")
    return run | {"findings": findings, "folder": where}


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
    options = {name: getattr(request, name) for name in ("source", "format", *OWN)}
    times = {name: moment(getattr(request, name), now) for name in ("start", "end")}
    options |= {name: at and f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in times.items()}
    handed = arguments(own, options, given := pairs(request.params), NOTEBOOKS)
    idle = {name: OPTIONS[name] for name in OWN if options[name] is not None}
    idle |= {name: f"--param {name}" for name in given}
    idle = {name: option for name, option in idle.items() if not any(name in each for each in own.values())}
    options |= dict.fromkeys(options.keys() & idle)
    try:
        snapshot, after = snapshot_of(request.source, options["network"]), options["network_after"]
        if after is not None and snapshot is None:
            raise UsageError("--network-after needs --network, the rules of today to compare with")
        if after is not None:
            rules_after(snapshot, after)
        named = None if "named_networks" in idle else given.get("named_networks")
        named = subnet_names(snapshot) | read_networks(named)
        read_expectations(expectations_of(request.source, options["expect"]), printed_names(snapshot, named))
    except (ValueError, OSError) as error:
        raise ReportError(str(error)) from None
    notes = [f"{option} is ignored: none of these notebooks uses it" for option in idle.values()]
    return Plan(options, notebooks, handed, {name: own[name] | handed[name] for name in own}, notes)


@contextmanager
def _redacting(plan: Plan, wanted: bool) -> Iterator[Redactor | None]:
    """Hand the notebooks copies of the snapshot and the expectations without names; yields what redacts the rest."""
    if not wanted:
        yield None
        return
    options, source = plan.options, plan.options["source"]
    network = options["network"] or (SAMPLE / "network" if source == "sample" else None)
    expect = expectations_of(source, options["expect"])
    with history.temporary_folder() as aside:
        after = options["network_after"]  # a folder, or a change in the words of the AWS CLI
        after = None if after and COMMAND.match(after) else after
        redactor = Redactor(own_key(), secrets_of(source, options["network"], after, options["expect"]), str(aside))
        copies = {}
        for name, folder in (("network", network), ("network_after", after)):
            if folder:
                copies[name] = str(redactor.snapshot(Path(folder), aside / name))
        if expect:
            copies["expect"] = str(redactor.expectations(expect, aside / "expectations.csv"))
        options |= copies
        for name, own in plan.parameters.items():
            changed = {key: copies[key] for key in own if key in copies}
            if named := own.get("named_networks"):
                changed["named_networks"] = redactor.networks(named)
            own |= changed
            plan.arguments[name] |= changed
        # In what comes out they can only stand where somebody wrote them into a notebook.
        redactor.hide(telling(redactor.replaced))
        with environment(FLOWKIT_REDACTED="1"):  # `Log.summary` then shows neither files nor malformed lines
            yield redactor


def _made(
    run: dict, plan: Plan, folder: Path, request: Request, progress: Progress, submit: Callable,
    redactor: Redactor | None,
) -> list[dict]:  # fmt: skip
    """Run the notebooks, write everything but run.json into `folder`, complete `run`; returns the findings."""
    progress("running notebooks", 0, len(plan.notebooks))
    jobs = {submit(path, plan.arguments[name]): name for name, path in plan.notebooks.items()}
    extra = []
    if not run["coverage"]["records"]:
        missing, note = undelivered(plan.options, run["tally"])
        extra.append(missing.as_dict())
        run["notes"].append(note)
    if redactor:
        # Behind these words stands what a file or a line says.
        run["notes"] = [re.split("; |, the first|, such as", note)[0] for note in run["notes"]]
        run["inputs"] = [each | {"file": redactor.file(each["file"])} for each in run["inputs"]]
        run |= {key: redactor.value(run[key]) for key in ("source", "parameters", "notes")}
        extra = [redactor.value(finding | {"grounds": []}) for finding in extra]
    run["notes"] = [*map(retold, run["notes"])]
    earlier = history.previous(request.out, run["source"], run["redacted"], list(plan.notebooks))
    executed = dict.fromkeys(plan.notebooks)
    for number, job in enumerate(as_completed(jobs), 1):
        executed[jobs[job]] = each = redactor.executed(job.result()) if redactor else job.result()
        for data in page.collected(each.notebook):
            data["findings"] = stamped(data["findings"], each.name, earlier)
        progress("running notebooks", number, len(jobs))
    shown = {name: list(page.collected(each.notebook)) for name, each in executed.items()}
    findings = [finding for every in shown.values() for data in every for finding in data["findings"]]
    for name in contradicted(findings):
        page.show_anew(executed[name].notebook)
    run["notebooks"] = [
        {"name": name, "title": page.opening(each.notebook, name)[0], "seconds": each.seconds, "failure": each.failure,
         "summary": [sentence for data in shown[name] for sentence in data["summary"]]}
        for name, each in executed.items()
    ]  # fmt: skip
    links = page.elsewhere(findings, {each["name"]: each["title"] for each in run["notebooks"]})
    owned = owners(findings, snapshot_of(plan.options["source"], plan.options["network"]))
    texts = {name: page.page(each, run, earlier is not None, links[name], owned) for name, each in executed.items()}
    if not any(each["kind"] == "not-delivered" for each in findings):
        findings += stamped(extra, "skipdata", earlier)
    findings.sort(key=gravity)
    run["status"] = "failed" if any(each["failure"] for each in run["notebooks"]) else "ok"
    counts = Counter(group[0]["severity"] for group in incidents(findings))
    unlisted = sum((Counter(data.get("unlisted")) for every in shown.values() for data in every), Counter())
    for name, some in (("counts", counts + unlisted), ("unlisted", unlisted)):
        run[name] = {severity: some[severity] for severity in SEVERITIES}
    gone = resolved(findings, earlier, run)
    _write_findings(folder, run, findings, gone)
    notebooks = {name: each.notebook for name, each in executed.items()}
    texts["index"] = page.run_index(run, findings, gone, notebooks, texts, owned)
    if request.bundle:
        texts["bundle"] = page.bundle(run, texts)
    for name, text in texts.items():
        history.write(folder / f"{name}.html", text)
    for name, notebook in notebooks.items():
        history.write(folder / f"{name}.ipynb", nbformat.writes(page.still(notebook)) + "\n")
    return findings


def _write_findings(folder: Path, run: dict, findings: list[dict], gone: list[dict] | None) -> None:
    named = {name: run[name] for name in ("id", "source", "start", "end", "status")}
    document = {"schema": 2, "run": named | {"flowkit": run["versions"]["flowkit"]}, "coverage": run["coverage"]}
    document["findings"] = [{key: each[key] for key in ("id", "status", "notebook", *KEYS[1:])} for each in findings]
    document["resolved"] = [each["id"] for each in gone or ()]
    history.write(folder / "findings.json", _json(document))
    columns = [
        *("id", "status", "notebook", "kind", "severity", "confidence", "title", "cause", "action"), *SUBJECT,
        *("first_seen", "last_seen", "records", "packets", "bytes", "coverage", "incident", "counts"),
    ]  # fmt: skip
    with (folder / "findings.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for each in findings:
            counts = " ".join(f"{name}={number}" for name, number in each["counts"].items())
            row = each | each["subject"] | {"counts": counts}
            # A spreadsheet would take such a text for a formula.
            formulas = {name for name in columns if isinstance(row[name], str) and row[name][:1] in tuple("=+-@\t\r")}
            table.writerow(f"'{row[name]}" if name in formulas else row[name] for name in columns)


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
