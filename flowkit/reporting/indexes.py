"""The two pages that lead on: a run's `index.html`, and the `index.html` of all runs in a reports folder."""

import os
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from flowkit.reporting import history
from flowkit.reporting.findings import SEVERITIES, assured
from flowkit.reporting.markup import period, visible, when


def write_run(
    folder: Path, run: dict, findings: list[dict], resolved: list[dict] | None, figures: dict[str, str]
) -> None:
    """Write the run's own page: headline numbers, findings by severity, a card a notebook.

    `resolved` is None where there was no run before it to compare with.
    """
    cards = [each | {"figure": Markup(_small(figures[each["name"]]))} for each in run["notebooks"]]  # noqa: S704
    markup = (
        _pages()
        .get_template("run.html.j2")
        .render(
            run=run,
            window=period(run["start"] or run["first"], run["end"] or run["last"]) or "no records",
            cards=cards,
            titles={each["name"]: each["title"] for each in run["notebooks"]},
            shown=[each for each in findings if each["severity"] != "info"],
            folded=[each for each in findings if each["severity"] == "info"],
            new=sum(each["status"] == "new" for each in findings),
            compared=resolved is not None,
            resolved=resolved or [],
        )
    )
    (folder / "index.html").write_text(markup, encoding="utf-8")


def write_runs(out: Path) -> None:
    """Write the page of all runs in `out`; again where another run was made or removed meanwhile."""
    aside, seen = out / f".index-{os.getpid()}.html", None
    while seen != (seen := history.runs(out)):
        markup = _pages().get_template("runs.html.j2").render(runs=seen, severities=SEVERITIES)
        aside.write_text(markup, encoding="utf-8")
        aside.replace(out / "index.html")


def _small(figure: str) -> str:
    """A figure for a card: what is drawn, without being read aloud a second time."""
    return re.sub(r' role="img" aria-label="[^"]*"', ' aria-hidden="true"', figure)


@cache
def _pages() -> Environment:
    folder = Path(__file__).parent / "template"
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True)
    environment.filters |= {"visible": visible, "when": when, "assured": assured}
    return environment
