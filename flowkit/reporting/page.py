"""The HTML of a report: a page a notebook, the index of a run, the index of all runs; none needs anything else."""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from itertools import takewhile
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup
from nbconvert.filters import Highlight2HTML, clean_html, strip_ansi
from nbconvert.filters.markdown_mistune import markdown2html_mistune as markdown2html
from nbformat import NotebookNode

from flowkit.language import translated
from flowkit.reporting import history
from flowkit.reporting.answer import MIME, PAGES, SHOWN, Shown, boxes, incidents_html
from flowkit.reporting.finding import expectation_of, fold_of, incidents, is_ongoing
from flowkit.reporting.html import figure_html, is_figure, period
from flowkit.reporting.kinds import KINDS, SEVERITIES
from flowkit.reporting.notebooks import Executed
from flowkit.words import visible

_highlighted = Highlight2HTML(pygments_lexer="ipython3")
PAGES.filters |= {
    "markdown": lambda text: Markup(markdown2html(text)),  # noqa: S704
    "highlight": lambda text: Markup(_highlighted(text)),  # noqa: S704
}


def page(executed: Executed, run: dict, compared: bool, elsewhere: dict[str, list], owners: dict[str, str]) -> str:
    """Return the page of an executed notebook of `run` (as in run.json); `compared`: whether there is an earlier run;
    `elsewhere`: links to more of an incident, by its id; `owners`: whom to ask, by the id of a finding."""
    notebook, cells = executed.notebook, executed.notebook.cells
    title, question = opening(notebook, executed.name)
    if cells and cells[0].cell_type == "markdown" and cells[0].source.lstrip().startswith("# "):
        cells = cells[1:]
    shown = list(collected(notebook))
    summary = " ".join(sentence for data in shown for sentence in data["summary"])
    titles = [re.findall(r"^## +(.+?)\s*#*$", cell.source, flags=re.MULTILINE) if cell.cell_type == "markdown" else []
              for cell in cells]  # fmt: skip
    first = next((at for at, each in enumerate(titles) if each), 0)
    # What is before the first section is folded: the reader came for the findings.
    entries = [{"kind": cell.cell_type, "source": cell.source, "folded": at < first, "titled": titles[at],
                "outputs": [_output(output, compared, elsewhere, owners) for output in cell.get("outputs", ())]}
               for at, cell in enumerate(cells)]  # fmt: skip
    return PAGES.get_template("page.html.j2").render(
        run=run, name=executed.name, failure=executed.failure, window=spanned(run), title=title, question=question,
        description=visible(summary or question.replace("*", "") or title)[:300], boxes=map(boxes, shown),
        sections=[(title.replace(" ", "-"), title) for each in titles for title in each],
        cells=[entry for at, entry in enumerate(entries) if not _is_about_nothing(entry, entries[at + 1 :])],
    )  # fmt: skip


def _is_about_nothing(entry: dict, following: list[dict]) -> bool:
    """Return whether `entry` is prose without a heading on tables that are all empty and optional."""
    code = takewhile(lambda each: each["kind"] == "code", following)
    shown = [markup for each in code for _, markup in each["outputs"]]
    return entry["kind"] == "markdown" and not entry["titled"] and bool(shown) and not any(shown)


def _output(output: NotebookNode, compared: bool, elsewhere: dict[str, list], owners: dict) -> tuple[str, str]:
    """What a cell shows: the CSS class of what is not for everybody, and HTML."""
    data, kind = output.get("data", {}), output.output_type
    if kind == "stream":
        return output.name if output.name == "stderr" else "", _pre(output.text)
    if kind == "error":
        return "traceback", _pre(strip_ansi("\n".join(output.traceback)))
    if data.get(MIME, {}).get("section"):
        return "fk", Markup(boxes(data[MIME]))  # noqa: S704
    if MIME in data:  # Without an earlier run nothing is called new.
        status = {} if compared else {"status": None}
        known = [each | status | {"owner": owners.get(each["id"])} for each in data[MIME]["findings"]]
        return "fk", incidents_html(incidents(known), SHOWN, elsewhere, data[MIME].get("unlisted"))
    svg = data.get("image/svg+xml", "")
    if "text/html" in data or is_figure(svg):
        return "", Markup(data.get("text/html") or figure_html(svg))  # noqa: S704
    if "text/markdown" in data:
        return "text", Markup(clean_html(markdown2html(visible(data["text/markdown"]))))  # noqa: S704
    if picture := next((each for each in ("image/svg+xml", "image/png", "image/jpeg") if each in data), None):
        encoded = b64encode(svg.encode()).decode() if svg else data[picture]
        alt = output.get("metadata", {}).get("alt") or data.get("text/plain", "<")
        alt = translated("Figure without a description") if alt.startswith("<") else visible(alt)
        image = '<figure><img alt="{}" src="data:{};base64,{}"></figure>'
        return "", Markup(image).format(alt, picture, encoded.strip())  # noqa: S704
    text = data.get("text/latex") or data.get("text/plain", "")
    return "aside" if text.startswith(("<", "Text(", "Figure:")) else "", _pre(text)


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


def show_anew(notebook: NotebookNode) -> None:
    """Show the findings of an executed notebook as its data now say."""
    for data in _outputs(notebook):
        if MIME in data:
            data |= Shown(data[MIME], SHOWN)._repr_mimebundle_()


def still(notebook: NotebookNode) -> NotebookNode:
    """Return an executed notebook that any viewer shows untrusted: plain tables without scripts."""
    plain = deepcopy(notebook)
    for data in _outputs(plain):
        if "<script" in data.get("text/html", ""):
            data["text/html"] = re.sub(r"(?s)<script\b.*?</script>|<style\b.*?</style>", "", data["text/html"])
    return plain


def spanned(run: dict) -> str:
    """Return the window of `run` in words: what was asked for, and where that was open, what the records span."""
    return period(run["start"] or run["first"], run["end"] or run["last"]) or translated("no records")


def elsewhere(findings: list[dict], titles: dict[str, str]) -> dict[str, dict[str, list]]:
    """Return for each page of `titles` by incident the links to the other pages that have findings of its root cause."""
    places: dict[str, dict[str, tuple]] = {}
    for each in (each for each in findings if each["incident"]):
        link = f"{quote(each['notebook'])}.html#finding-{each['id']}", titles[each["notebook"]]
        places.setdefault(each["incident"], {}).setdefault(each["notebook"], link)
    return {page: {incident: [link for name, link in links.items() if name != page]
                   for incident, links in places.items()} for page in titles}  # fmt: skip


def run_index(
    run: dict, findings: list[dict], resolved: list[dict] | None, notebooks: dict[str, NotebookNode],
    pages: dict[str, str], owners: dict[str, str],
) -> str:  # fmt: skip
    """Return the run's own index: headline numbers, incidents with links to `pages`, a card a notebook; `resolved` is None
    where there was no run before it to compare with."""
    entries, figures = [], {}
    for finding in findings:
        name, anchor = finding["notebook"], f"finding-{finding['id']}"
        hash_ = f"#{anchor}" if f"id='{anchor}'" in pages.get(name, "") else ""
        is_told = name in pages and finding["counts"].get("records") != 0
        href = f"{quote(name)}.html{hash_}" if is_told else ""
        entries.append(finding | {"owner": owners.get(finding["id"]), "href": href})
    groups = [
        group[0] | {
            "old": is_ongoing(group),
            "fold": "" if resolved is None and group[0]["severity"] != "info" else fold_of(group),
            "expectation": expectation_of(group),
            "others": group[1:],
            "words": " ".join(str(end) for each in group for end in each["subject"].values() if end is not None),
        }
        for group in incidents(entries)
    ]  # fmt: skip
    kinds = Counter(group["kind"] for group in groups if group["severity"] in ("high", "medium"))
    numbers = {}
    for name, notebook in notebooks.items():
        for data in collected(notebook):
            numbers |= data.get("numbers", {})
        drawn = [svg for data in _outputs(notebook) if is_figure(svg := data.get("image/svg+xml", ""))]
        figure = figure_html(drawn[0]) if drawn else ""
        # What is drawn stands on the notebook's page, too, and is not read aloud a second time.
        figures[name] = Markup(re.sub(r' role="img" aria-label="[^"]*"', ' aria-hidden="true"', figure))  # noqa: S704
    return PAGES.get_template("run.html.j2").render(
        run=run, window=spanned(run), groups=groups,
        cards=[each | {"figure": figures[each["name"]]} for each in run["notebooks"]],
        phrases={kind: KINDS[kind].counted(numbers.get(kind) or number) for kind, number in kinds.items()},
        findings=len(findings) + sum(run["unlisted"].values()),
        resolved=None if resolved is None else [group[0] for group in incidents(resolved)],
    )  # fmt: skip


def bundle(run: dict, pages: dict[str, str]) -> str:
    """Return `pages`, the index among them, as one page that needs no other file."""
    sections = []
    for page, text in pages.items():
        name = quote(page)
        main = text.split("<main", 1)[1].split(">", 1)[1].rsplit("</main>", 1)[0]
        if page != "index":
            main = re.sub(r"""(\sid=["']|href=["']#|url\(#)([^"')]+)""", rf"\g<1>{name}.\g<2>", main)
        for other in map(quote, pages):
            main = re.sub(rf"""href=(["']){re.escape(other)}\.html(?:#([^"']+))?\1""", rf'href="#{other}.\g<2>"', main)
        main = re.sub(r"""<a href="[^"#]+\.(?:ipynb|json|csv)">([^<]*)</a>""", r"\1", main)
        sections.append(tuple(map(Markup, (name, re.search("<h1>(.*?)</h1>", main)[1], main))))  # noqa: S704
    sections.sort(key=lambda section: section[0] != "index")
    return PAGES.get_template("bundle.html.j2").render(bundle=sections, run=run, window=spanned(run))


def write_runs(out: Path, mode: int = 0o600) -> None:
    """Write the index of all runs in `out`; again where another run was made or removed meanwhile."""
    seen = None
    while seen != (seen := history.runs(out)):
        text = PAGES.get_template("runs.html.j2").render(runs=seen, severities=SEVERITIES)
        history.write(out / "index.html", text, mode)
