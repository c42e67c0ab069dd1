"""The HTML of a report: a page a notebook, the index of a run, the index of all runs; none needs anything else."""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup
from nbconvert.filters import Highlight2HTML, clean_html, strip_ansi
from nbconvert.filters.markdown_mistune import markdown2html_mistune as markdown2html
from nbformat import NotebookNode

from flowkit.reporting import history
from flowkit.reporting.answer import MIME, ROWS, SHOWN, Shown, action_html, assured, boxes, incidents_html
from flowkit.reporting.finding import FOLDS, expectation_of, fold_of, incidents, is_ongoing
from flowkit.reporting.html import escaped, figure_html, is_figure, period, when
from flowkit.reporting.kinds import KINDS, SEVERITIES
from flowkit.reporting.notebooks import Executed
from flowkit.words import many, visible

TEMPLATES = Path(__file__).parent / "template"
#: What makes a table of `show` live; a viewer that does not trust the notebook needs neither.
_SCRIPTS = re.compile(r"<script\b.*?</script>|<style\b.*?</style>", re.DOTALL)


def page(executed: Executed, run: dict, compared: bool, elsewhere: dict[str, str]) -> str:
    """Return the page of an executed notebook of `run` (as in run.json).

    `compared`: whether there is an earlier run to compare with; `elsewhere`: links to more of an incident, by its id.
    """
    notebook, cells = executed.notebook, executed.notebook.cells
    title, question = opening(notebook, executed.name)
    if cells and cells[0].cell_type == "markdown" and cells[0].source.lstrip().startswith("# "):
        cells = cells[1:]
    shown = list(collected(notebook))
    summary = " ".join(sentence for data in shown for sentence in data["summary"])
    sections = [at for at, cell in enumerate(cells) if _sections(cell)]
    return _template("page.html.j2").render(
        run=run,
        name=executed.name,
        failure=executed.failure,
        window=spanned(run),
        title=title,
        question=question,
        description=visible(summary or question.replace("*", "") or title)[:300],
        sections=[section for cell in cells for section in _sections(cell)],
        boxes=[Markup(boxes(data)) for data in shown],  # noqa: S704
        # What is before the first section is folded: the reader came for the findings.
        cells=[{"kind": cell.cell_type, "source": cell.source, "folded": bool(sections) and at < sections[0],
                "outputs": [_output(output, compared, elsewhere) for output in cell.get("outputs", ())]}
               for at, cell in enumerate(cells)],
    )  # fmt: skip


def _output(output: NotebookNode, compared: bool, elsewhere: dict[str, str]) -> dict:
    """What a cell shows, as HTML: `markup`, and the `css` class of what is not for everybody."""
    data, kind = output.get("data", {}), output.output_type
    if kind == "stream":
        return {"css": output.name if output.name == "stderr" else "", "markup": _pre(output.text)}
    if kind == "error":
        return {"css": "traceback", "markup": _pre(strip_ansi("\n".join(output.traceback)))}
    if data.get(MIME, {}).get("section"):
        return {"css": "fk", "markup": Markup(boxes(data[MIME]))}  # noqa: S704
    if MIME in data:  # Without an earlier run nothing is called new.
        known = data[MIME]["findings"]
        known = known if compared else [finding | {"status": None} for finding in known]
        return {"css": "fk", "markup": Markup(incidents_html(incidents(known), SHOWN, elsewhere))}  # noqa: S704
    if "text/html" in data:
        return {"css": "", "markup": Markup(data["text/html"])}  # noqa: S704
    if is_figure(data.get("image/svg+xml", "")):
        return {"css": "", "markup": Markup(figure_html(data["image/svg+xml"]))}  # noqa: S704
    if "text/markdown" in data:
        return {"css": "text", "markup": Markup(clean_html(markdown2html(visible(data["text/markdown"]))))}  # noqa: S704
    if picture := next((each for each in ("image/svg+xml", "image/png", "image/jpeg") if each in data), None):
        encoded = b64encode(data[picture].encode()).decode() if picture == "image/svg+xml" else data[picture]
        alt = output.get("metadata", {}).get("alt") or data.get("text/plain", "<")
        alt = "Figure without a description" if alt.startswith("<") else visible(alt)
        image = Markup('<figure><img alt="{}" src="data:{};base64,{}"></figure>').format(alt, picture, encoded.strip())
        return {"css": "", "markup": image}
    text = data.get("text/latex") or data.get("text/plain", "")
    return {"css": "aside" if text.startswith(("<", "Text(", "Figure:")) else "", "markup": _pre(text)}


def _pre(text: str) -> Markup:
    return Markup("<pre>{}</pre>").format(visible(text)) if text else Markup()


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


def _small_figure(notebook: NotebookNode) -> Markup:
    """The first figure for a card: what is drawn, without being read aloud a second time; empty where there is none."""
    figures = (svg for data in _outputs(notebook) if is_figure(svg := data.get("image/svg+xml", "")))
    html = next(map(figure_html, figures), "")
    return Markup(re.sub(r' role="img" aria-label="[^"]*"', ' aria-hidden="true"', html))  # noqa: S704


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


def _sections(cell: NotebookNode) -> list[tuple[str, str]]:
    """The anchors and titles of the sections of a cell."""
    titles = re.findall(r"^## +(.+?)\s*#*$", cell.source, flags=re.MULTILINE) if cell.cell_type == "markdown" else ()
    return [(title.replace(" ", "-"), title) for title in titles]


def show_anew(notebook: NotebookNode) -> None:
    """Show the findings of an executed notebook as its data now say."""
    for data in _outputs(notebook):
        if MIME in data:
            data |= Shown(data[MIME], SHOWN)._repr_mimebundle_()


def elsewhere(findings: list[dict], titles: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return for each page of `titles` by incident the links to the other pages that have findings of its root cause."""
    told: dict[str, dict[str, str]] = {}
    for each in findings:
        name, incident = each["notebook"], each["incident"]
        link = f"<a href='{quote(name)}.html#finding-{each['id']}'>{escaped(titles[name])}</a>"
        if incident:
            told.setdefault(incident, {}).setdefault(name, link)
    return {page: {incident: ", ".join(link for name, link in links.items() if name != page)
                   for incident, links in told.items()} for page in titles}  # fmt: skip


def _href(finding: dict, pages: dict[str, str]) -> str:
    """Where a page tells of `finding`; '' where none does."""
    name, anchor = finding["notebook"], f"finding-{finding['id']}"
    if name not in pages or finding["counts"].get("records") == 0:
        return ""
    return f"{quote(name)}.html" + (f"#{anchor}" if f"id='{anchor}'" in pages[name] else "")


def run_index(
    run: dict, findings: list[dict], resolved: list[dict] | None, notebooks: dict[str, NotebookNode],
    pages: dict[str, str],
) -> str:  # fmt: skip
    """Return the run's own index: headline numbers, incidents with links to `pages`, a card a notebook.

    `resolved` is None where there was no run before it to compare with.
    """
    groups = [_entry(group, pages, resolved is not None) for group in incidents(findings)]
    kinds = Counter(entry["kind"] for entry in groups if entry["severity"] in ("high", "medium"))
    return _template("indexes.html.j2").render(
        run=run,
        window=spanned(run),
        cards=[each | {"figure": _small_figure(notebooks[each["name"]])} for each in run["notebooks"]],
        folds={name: [entry for entry in groups[:SHOWN] if entry["fold"] == name] for name in FOLDS},
        rest=groups[SHOWN : SHOWN + ROWS],
        more=max(0, len(groups) - SHOWN),
        total=len(groups),
        phrases=[
            (KINDS[kind].counted(number), next(entry["href"] for entry in groups if entry["kind"] == kind))
            for kind, number in kinds.items()
        ],
        findings=len(findings),
        new=sum(not entry["old"] for entry in groups),
        compared=resolved is not None,
        resolved=[group[0] for group in incidents(resolved or [])],
    )


def _entry(group: list[dict], pages: dict[str, str], compared: bool) -> dict:
    """An incident as the index lists it, with its next step."""
    lead, *others = group
    return lead | {
        "old": is_ongoing(group),
        "fold": fold_of(group) if compared else "for information" if lead["severity"] == "info" else "",
        "href": _href(lead, pages),
        "next": Markup(action_html(lead["action"])),  # noqa: S704
        "expectation": expectation_of(group),
        "others": [each | {"href": _href(each, pages)} for each in others],
        "words": " ".join(str(value) for each in group for value in each["subject"].values() if value is not None),
    }


def bundle(run: dict, pages: dict[str, str]) -> str:
    """Return `pages`, the index among them, as one page that needs no other file."""
    names = {name: quote(name) for name in pages}
    sections = []
    for name, text in pages.items():
        main = text.split("<main", 1)[1].split(">", 1)[1].rsplit("</main>", 1)[0]
        if name != "index":
            main = re.sub(r"""(\sid=["']|href=["']#|url\(#)([^"')]+)""", rf"\g<1>{names[name]}.\g<2>", main)
        for other in names.values():
            main = re.sub(rf"""href=(["']){re.escape(other)}\.html(?:#([^"']+))?\1""", rf'href="#{other}.\g<2>"', main)
        main = re.sub(r"""<a href="[^"#]+\.(?:ipynb|json|csv)">([^<]*)</a>""", r"\1", main)
        sections.append((names[name], re.search("<h1>(.*?)</h1>", main)[1], main))
    sections.sort(key=lambda section: section[0] != "index")
    return _template("indexes.html.j2").render(
        bundle=[tuple(map(Markup, each)) for each in sections], run=run, window=spanned(run)
    )  # noqa: S704


def write_runs(out: Path, mode: int = 0o600) -> None:
    """Write the index of all runs in `out`; again where another run was made or removed meanwhile."""
    seen = None
    while seen != (seen := history.runs(out)):
        history.write(out / "index.html", _template("indexes.html.j2").render(runs=seen, severities=SEVERITIES), mode)


@cache
def _template(name: str) -> Template:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    code = Highlight2HTML(pygments_lexer="ipython3")
    environment.filters |= {
        "visible": visible,
        "when": when,
        "many": many,
        "assured": assured,
        "markdown": lambda text: Markup(markdown2html(text)),  # noqa: S704
        "highlight": lambda text: Markup(code(text)),  # noqa: S704
    }
    return environment.get_template(name)
