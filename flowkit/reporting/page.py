"""An executed notebook as one HTML file that needs nothing else: no network, no other file."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from traitlets.config import Config

from flowkit.reporting.findings import MIME, boxes, findings_html
from flowkit.reporting.markup import escaped, visible


def page(notebook: NotebookNode, about: dict) -> str:
    """The page of an executed `notebook`.

    `about` holds what the notebook does not know: `name`, `run`, `source`, `window`, `parameters`, `inputs`
    (`said`, `files`), `versions`, and `failure` (`cell`, `message`) or None.
    """
    cells = notebook.cells
    title, question = opening(notebook, about["name"])
    if cells and cells[0].cell_type == "markdown" and cells[0].source.lstrip().startswith("# "):
        cells = cells[1:]
    told = list(told_by(notebook))
    verdict = " ".join(sentence for data in told for sentence in data["verdict"])
    shown = about | {
        "title": title,
        "question": question,
        "description": visible(verdict or question.replace("*", "") or title)[:300],
        "notebook": about["name"],
        "sections": list(_sections(cells)),
        "told": told,
        "mime": MIME,
    }
    trimmed = NotebookNode(notebook | {"cells": list(_answer_first(cells))})
    return _exporter().from_notebook_node(trimmed, resources={"flowkit": shown})[0]


def opening(notebook: NotebookNode, name: str) -> tuple[str, str]:
    """The title of a notebook (its first `# ` heading, else `name`) and what follows it in that cell."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"\s*# (.+)\n*([\s\S]*)", cell.source)):
            return found[1].strip(), found[2].strip()
    return name, ""


def told_by(notebook: NotebookNode) -> Iterator[dict]:
    """What the cells of an executed notebook told (see `flowkit.reporting.findings.tell`)."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if data := output.get("data", {}).get(MIME):
                yield data


def first_figure(notebook: NotebookNode) -> str:
    """The first figure that has an alt text, as HTML; empty where there is none."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            markup = output.get("data", {}).get("text/html", "")
            if found := re.search(r'<figure class="fk-figure".*?</figure>', markup, flags=re.DOTALL):
                return found[0]
    return ""


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
            cell = NotebookNode(cell | {"metadata": cell.metadata | {"flowkit_fold": "What this rests on"}})
        yield cell


def _alt(output: NotebookNode) -> str:
    given = output.get("metadata", {}).get("alt") or output["data"].get("text/plain", "")
    return escaped("Figure without a description" if given.startswith("<") else given)


def _strip_style(markup: str) -> str:
    return re.sub(r"^<style>.*?</style>", "", markup, flags=re.DOTALL)


@cache
def _exporter() -> HTMLExporter:
    here = Path(__file__).parent
    offline = dict.fromkeys(
        ("mathjax_url", "require_js_url", "mermaid_js_url", "mermaid_layout_elk_js_url"), ""
    )
    settings = Config(HTMLExporter=offline)
    exporter = HTMLExporter(config=settings, template_name="template", extra_template_basedirs=[str(here)])
    exporter.register_filter("boxes", boxes)
    exporter.register_filter("findings", findings_html)
    exporter.register_filter("visible", visible)
    exporter.register_filter("alt", _alt)
    return exporter
