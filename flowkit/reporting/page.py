"""The HTML of a report: a page a notebook, the index of a run, the index of all runs; none needs anything else."""

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from traitlets.config import Config

from flowkit.reporting import history
from flowkit.reporting.answer import MIME
from flowkit.reporting.finding import incidents, is_ongoing
from flowkit.reporting.html import (
    action_html,
    assured,
    boxes,
    escaped,
    figure_html,
    incidents_html,
    is_figure,
    period,
    visible,
    when,
)  # fmt: skip
from flowkit.reporting.kinds import SEVERITIES

TEMPLATES = Path(__file__).parent / "template"
#: An index shows so many incidents, then their number, and so many more in a table.
SHOWN, ROWS = 30, 500
#: What makes a table of `show` live; a viewer that does not trust the notebook needs neither.
_SCRIPTS = re.compile(r"<script\b.*?</script>|<style\b.*?</style>", re.DOTALL)


def page(notebook: NotebookNode, about: dict) -> str:
    """Return the page of an executed `notebook`.

    `about` holds what the notebook does not know: `name`, `run`, `source`, `window`, `parameters`, `inputs`
    (`line`, `files`), `versions`, `compared` (with an earlier run), and `failure` (`cell`, `message`) or None.
    """
    cells = notebook.cells
    title, question = opening(notebook, about["name"])
    if cells and cells[0].cell_type == "markdown" and cells[0].source.lstrip().startswith("# "):
        cells = cells[1:]
    shown = list(collected(notebook))
    summary = " ".join(sentence for data in shown for sentence in data["summary"])
    facts = about | {
        "title": title,
        "question": question,
        "description": visible(summary or question.replace("*", "") or title)[:300],
        "notebook": about["name"],
        "sections": list(_sections(cells)),
        "shown": shown,
        "mime": MIME,
    }
    trimmed = NotebookNode(notebook | {"cells": list(_answer_first(cells))})
    return _exporter().from_notebook_node(trimmed, resources={"flowkit": facts})[0]


def opening(notebook: NotebookNode, name: str) -> tuple[str, str]:
    """Return the title of a notebook (its first `# ` heading, else `name`) and what follows it in that cell."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"\s*# (.+)\n*([\s\S]*)", cell.source)):
            return found[1].strip(), found[2].strip()
    return name, ""


def _outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ()))


def collected(notebook: NotebookNode) -> Iterator[dict]:
    """Yield what the cells of an executed notebook found (see `flowkit.reporting.answer.findings`)."""
    return (data[MIME] for data in _outputs(notebook) if MIME in data)


def first_figure(notebook: NotebookNode) -> str:
    """Return the first figure that has an alt text, as HTML; empty where there is none."""
    for data in _outputs(notebook):
        if is_figure(svg := data.get("image/svg+xml", "")):
            return figure_html(svg)
    return ""


def still(notebook: NotebookNode) -> NotebookNode:
    """Return an executed notebook that any viewer shows untrusted: plain tables without scripts.

    Run anew in JupyterLab its tables are live again.
    """
    plain = deepcopy(notebook)
    for data in _outputs(plain):
        markup = data.get("text/html", "")
        if "<script" in markup:
            data["text/html"] = _SCRIPTS.sub("", markup)
    return plain


def spanned(run: dict) -> str:
    """Return the window of `run` in words: what was asked for, and where that was open, what the records span."""
    return period(run["start"] or run["first"], run["end"] or run["last"]) or "no records"


def _sections(cells: list[NotebookNode]) -> Iterator[dict]:
    for cell in cells:
        if cell.cell_type == "markdown":
            for title in re.findall(r"^## +(.+?)\s*#*$", cell.source, flags=re.MULTILINE):
                yield {"title": title, "anchor": title.replace(" ", "-")}


def _answer_first(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    """The cells, with what they show before the first section folded: the reader came for the findings."""
    sections = [at for at, cell in enumerate(cells) if any(_sections([cell]))]
    for at, cell in enumerate(cells):
        stopped = any(output.output_type == "error" for output in cell.get("outputs", ()))
        if sections and at < sections[0] and not stopped:
            cell = NotebookNode(cell | {"metadata": cell.metadata | {"flowkit_fold": "Data summary"}})
        yield cell


def _alt(output: NotebookNode) -> str:
    given = output.get("metadata", {}).get("alt") or output["data"].get("text/plain", "")
    return escaped("Figure without a description" if given.startswith("<") else given)


def _findings(findings: list[dict], compared: bool) -> str:
    """The findings of a page; without an earlier run nothing is called new."""
    known = findings if compared else [finding | {"status": None} for finding in findings]
    return incidents_html(incidents(known), SHOWN)


@cache
def _exporter() -> HTMLExporter:
    offline = dict.fromkeys(("mathjax_url", "require_js_url", "mermaid_js_url", "mermaid_layout_elk_js_url"), "")
    exporter = HTMLExporter(
        config=Config(HTMLExporter=offline),
        template_name=TEMPLATES.name,
        template_file="page.html.j2",
        extra_template_basedirs=[str(TEMPLATES.parent)],
    )
    exporter.register_filter("boxes", boxes)
    exporter.register_filter("findings", _findings)
    exporter.register_filter("visible", visible)
    exporter.register_filter("alt", _alt)
    exporter.register_filter("is_figure", is_figure)
    exporter.register_filter("figure", figure_html)
    return exporter


def write_run(
    folder: Path, run: dict, findings: list[dict], resolved: list[dict] | None, figures: dict[str, str]
) -> None:
    """Write the run's own index: headline numbers, incidents, a card a notebook.

    `resolved` is None where there was no run before it to compare with.
    """
    cards = [each | {"figure": Markup(_small(figures[each["name"]]))} for each in run["notebooks"]]  # noqa: S704
    groups = [_entry(group, run) for group in incidents(findings)]
    folds = {"": [], "ongoing": [], "for information": []}
    for entry in groups[:SHOWN]:
        compared = resolved is not None
        fold = "for information" if entry["severity"] == "info" else "ongoing" if compared and entry["old"] else ""
        folds[fold].append(entry)
    text = _indexes().render(
        run=run,
        window=spanned(run),
        cards=cards,
        folds=folds,
        rest=groups[SHOWN : SHOWN + ROWS],
        more=max(0, len(groups) - SHOWN),
        total=len(groups),
        counts={name: sum(entry["severity"] == name for entry in groups) for name in SEVERITIES},
        new=sum(not entry["old"] for entry in groups),
        compared=resolved is not None,
        resolved=[group[0] for group in incidents(resolved or [])],
    )
    history.write(folder / "index.html", text)


def _entry(group: list[dict], run: dict) -> dict:
    """An incident as the index lists it; the one that the run itself found has no page and brings its next step."""
    lead = group[0]
    of_page = lead["notebook"] in {each["name"] for each in run["notebooks"]} and lead["counts"].get("records") != 0
    action = "" if of_page else Markup(action_html(lead["action"]))  # noqa: S704
    href = f"{quote(lead['notebook'])}.html#finding-{lead['id']}" if of_page else ""
    return lead | {"others": len(group) - 1, "old": is_ongoing(group), "href": href, "next": action}


def write_runs(out: Path, mode: int = 0o600) -> None:
    """Write the index of all runs in `out`; again where another run was made or removed meanwhile."""
    seen = None
    while seen != (seen := history.runs(out)):
        history.write(out / "index.html", _indexes().render(runs=seen, severities=SEVERITIES), mode)


def _small(figure: str) -> str:
    """A figure for a card: what is drawn, without being read aloud a second time."""
    return re.sub(r' role="img" aria-label="[^"]*"', ' aria-hidden="true"', figure)


@cache
def _indexes():
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    environment.filters |= {"visible": visible, "when": when, "assured": assured}
    return environment.get_template("indexes.html.j2")
