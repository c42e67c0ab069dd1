"""What a question returns, and how a notebook shows it: `findings(answer)` ends its Findings cell, `show` is a table."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from flowkit.language import language, retold, said, translated
from flowkit.net import protocol_name
from flowkit.reporting.finding import CAUSES, FOLDS, Finding, expectation_of, fold_of, incidents, number_repeats
from flowkit.reporting.html import escaped, percent, period, size, when
from flowkit.reporting.kinds import KINDS, SEVERITIES, text
from flowkit.words import TERMS, terms

#: `flowkit report` reads findings from a cell's output under this MIME type.
MIME = "application/vnd.flowkit.findings+json"
SENTENCES = 5
#: A line of an action that begins so is code, with what `\` or an open brace carries on; code has a copy button.
COMMAND = re.compile(r"^\s*([$#] |aws |flowkit |papermill |python3? |sudo |ss |nc |nmap |curl |dig |ping |resource \")")
#: Of a log that covers a smaller share of the time than this, or a snapshot of its interfaces, the summary says so first.
LITTLE = 0.5
#: So many incidents are shown in full; of what is beyond, their number, and so many as rows of a table.
SHOWN, ROWS = 30, 500
#: More rows of a table than this are cut, and the caption says so: a page stays under 3 MB.
TABLE_ROWS = 2_000
#: Columns of words that questions say, in the reader's language.
WORDS = set(
    """verdict meaning confidence grounds use direction role change effect evidence basis path scope today after gaps expect
    severity rejected reachability talkers stands narrowest rule""".split()
) | {"admitted by"}
#: Columns of names that are the API's, which people write otherwise.
TOKENS = {"cause", "kind", "state", "was"}
NAMES = {*CAUSES, *KINDS, *TERMS}
TEMPLATES = Path(__file__).parent / "template"


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a question returns; a subclass adds its tables, as named DataFrames.

    `summary`: at most five sentences, the largest matter first. `coverage`: what the log covers, in one line. `titles`:
    by the name of a figure in `plot` what it shows. `numbers`: by kind how many there are that are grave, as the summary
    says. `unlisted`: incidents that no finding stands for, by severity, because a kind has too many.
    """

    summary: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    unlisted: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.summary, str):
            raise TypeError("summary is a tuple of sentences, not a text")
        if len(self.summary) > SENTENCES:
            raise ValueError(f"the summary has {len(self.summary)} sentences; five is the most")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {' '.join(self.summary)} {len(self.findings)} findings>"


@dataclass(frozen=True)
class Shown:
    """Findings on display: HTML for a reader, plain text, and the data that `flowkit report` collects."""

    data: dict
    top: int

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        style = (TEMPLATES / "findings.css").read_text(encoding="utf-8")
        body = boxes(self.data)
        if not self.data.get("section"):  # an answer without findings, whose box stands in a section of its own
            body += incidents_html(incidents(self.data["findings"]), self.top, unlisted=self.data.get("unlisted"))
        titles = [f"{each['severity']:<6} {each['title']}" for each in self.data["findings"][: self.top]]
        text = "\n".join([*self.data["summary"], self.data["coverage"], *titles])
        return {"text/html": f"<style>{style}</style><div class='fk'>{body}</div>", "text/plain": text,
                MIME: self.data}  # fmt: skip


def findings(answer: Answer, top: int = 20) -> Shown:
    """Return the summary, coverage and findings of `answer` to display, at most `top` incidents in full."""
    gravest_first = [finding for group in incidents(map(Finding.as_dict, answer.findings)) for finding in group]
    data = {"schema": 2, "summary": list(answer.summary), "coverage": answer.coverage}
    data |= {"numbers": answer.numbers, "unlisted": answer.unlisted}
    return Shown(data | {"findings": number_repeats(gravest_first)}, top)


def tell(found: Iterable[Finding], verdict: Sequence[str] | str = (), coverage: str = "") -> Shown:
    """Return `findings` of an answer made of these parts, for a notebook whose question is its own."""
    summary = (verdict,) if isinstance(verdict, str) else tuple(map(str, verdict))
    return findings(Answer(summary=summary, findings=tuple(found), coverage=str(coverage)))


def beyond(listed: Iterable[str], others: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return how many incidents `others` (id and severity of each finding) are that are not `listed`, by severity."""
    known, gravest = {*listed}, dict(sorted(others, key=lambda one: -SEVERITIES.index(one[1])))
    return dict(Counter(severity for incident, severity in gravest.items() if incident not in known))


def covered(share: float | None) -> str:
    """Return how much of the time the log covers, in words; '' where that is unknown."""
    return "" if share is None else text("coverage.share", share=percent(share))


def little(share: float | None) -> tuple[str, ...]:
    """Return the sentence that comes before all others where the log covers less than `LITTLE` of the time."""
    return () if share is None or share >= LITTLE else (text("coverage.little", share=percent(share)),)


def absent(log) -> tuple[str, ...]:
    """Return the sentence that comes next where less than `LITTLE` of the log's interfaces are in its network snapshot."""
    logged = {*log.interfaces["interface_id"]} - {"-"} if log.network else set()
    known = len(logged & log.network.interfaces.keys()) if logged else 0
    return (text("coverage.absent", n=len(logged), known=known),) if known < LITTLE * len(logged) else ()


def boxes(data: dict) -> Markup:
    """Return the box of the summary and the coverage of a notebook's findings, as HTML."""
    return PAGES.get_template("findings.html.j2").module.boxes(data)


def incidents_html(
    incidents: Sequence[list[dict]], top: int = SHOWN, elsewhere: Mapping[str, list] | None = None,
    unlisted: Mapping[str, int] | None = None,
) -> Markup:  # fmt: skip
    """Return incidents (see `flowkit.reporting.finding.incidents`) as HTML, at most `top` in full, the rest in a table;
    `elsewhere`: links to more of each, by id; `unlisted`: how many there are beside them, by severity."""
    folds = {fold: [each for each in incidents[:top] if fold_of(each) == fold] for fold in FOLDS}
    shown, leads = [fold for fold in folds.items() if fold[1]], [group[0] for group in incidents[top:]]
    number = sum((unlisted or {}).values())
    return PAGES.get_template("findings.html.j2").module.incidents(shown, leads, elsewhere or {}, number)


def _blocks(action: str) -> list[tuple[bool, str]]:
    """The next step as blocks of code and paragraphs: code is a command, what carries one on, or a block in braces."""
    lines, carried, depth = [], False, 0
    for line in action.split("\n"):
        is_code = bool(carried or depth or COMMAND.match(line))
        depth = max(0, depth + line.count("{") - line.count("}")) if is_code else 0
        carried = is_code and line.endswith("\\")
        lines.append((is_code, line.rstrip()))
    blocks = []
    for is_code, block in groupby(lines, key=lambda each: each[0]):
        texts = [line for _, line in block]
        blocks += [(True, "\n".join(texts))] if is_code else [(False, line.strip()) for line in texts if line.strip()]
    return blocks


@dataclass(frozen=True)
class Table:
    """`table` to display: `columns` columns, then the others in a row that unfolds; empty ones never; without rows a sentence,
    or, where it is `optional`, nothing. It stands alone, so it lives after a reload, also where no script may run."""

    table: pd.DataFrame
    caption: str = ""
    columns: int = 8
    optional: bool = False

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        table = self.table.reset_index() if any(self.table.index.names) else self.table
        if table.empty and self.optional:
            return {"text/plain": ""}
        if table.empty:
            none = translated("{table}: no rows.", table=escaped(translated(self.caption or "Table")))
            return {"text/html": f"<p class='fk-caption'>{none}</p>", "text/plain": none}
        caption = translated(self.caption)
        cut = translated(" (the first {some} of {all} rows)", some=TABLE_ROWS, all=len(table))
        cut = cut if len(table) > TABLE_ROWS else ""
        some = table.head(TABLE_ROWS)
        shown = [_column(some[name], str(name)) for name in table.columns if some[name].notna().any()]
        parts = {"front": shown[: self.columns], "rest": shown[self.columns :], "rows": len(some)}
        markup = PAGES.get_template("table.html.j2").render(caption=caption, cut=cut, **parts)
        texts = pd.DataFrame({header: [text for text, _ in cells] for header, _, cells in shown})
        plain = f"{caption}{cut}\n{texts.to_string(index=False, max_rows=20)}".lstrip()
        return {"text/html": markup, "text/plain": plain}


show = Table


def _column(values: pd.Series, name: str) -> tuple[str, bool, list[tuple[str, object]]]:
    """The header in words, whether the column holds numbers, and each value as text and as what it sorts by."""
    types = pd.api.types
    is_number = types.is_numeric_dtype(values)
    is_whole = is_number and (values.dropna().astype("float64") % 1 == 0).all()
    seconds = " (s)" if name in ("interval", "every") else ""
    looks = (
        (isinstance(values.dtype, pd.DatetimeTZDtype), " (UTC)", False,
         lambda value: f"{value.tz_convert('UTC'):%Y-%m-%d %H:%M:%S}"),
        (types.is_bool_dtype(values), "", False, lambda value: translated("yes" if value else "no")),
        (types.is_timedelta64_dtype(values), " (h:m:s)", True, lambda value: f"{int(value.total_seconds()) // 3600:02}:"
         f"{value.components.minutes:02}:{value.components.seconds:02}"),
        (not is_number, "", False, lambda value: (worded if name in TOKENS else retold if name in WORDS else str)(str(value))),
        (name == "protocol", "", False, lambda value: protocol_name(int(value))),
        (name == "bytes" or name.endswith("_bytes"), "", True, size),
        (name.endswith(("share", "coverage", "certain")), "", True, percent),
        (name.endswith("port") or name == "traffic_path", "", True, lambda value: str(int(value))),
        (is_whole, seconds, True, lambda value: f"{int(value):,}"),
        (True, seconds, True, lambda value: f"{value:,.{0 if abs(value) >= 1000 else 1}f}"),
    )  # fmt: skip
    unit, numbers, text = next(look for fits, *look in looks if fits)
    missing = [value is None or (types.is_scalar(value) and bool(pd.isna(value))) for value in values]
    cells = [("", "") if none else (text(value), value) for none, value in zip(missing, values, strict=True)]
    return said(f"column.{name}", name.replace("_", " ")) + unit, numbers, cells


def worded(name: str) -> str:
    """Return the name of a cause, a kind or a state in words, in the reader's language; what is none of ours stays."""
    return terms(name) if retold(name) == name and name in NAMES else retold(name)


def _final(value: object) -> Markup:
    """What stands in a template: text from logs is escaped, with what is invisible made visible."""
    return value if isinstance(value, Markup) else Markup(escaped(value))  # noqa: S704


#: The templates of notebooks and pages, by name.
PAGES = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, finalize=_final)
PAGES.filters |= {
    **{"when": when, "percent": percent, "worded": worded},
    # A browser breaks lines behind every hyphen, and a broken --option cannot be read.
    "code": lambda text: Markup(re.sub(r"\S*-\S*", r"<span>\g<0></span>", escaped(text))),  # noqa: S704
    # In words that cannot be taken for a severity.
    "assured": lambda confidence: translated(confidence if confidence == "certain" else f"{confidence} confidence"),
}
PAGES.globals |= {"period": period, "blocks": _blocks, "expectation_of": expectation_of, "_": translated}
PAGES.globals |= {"language": language, "little": little, "FOLDS": FOLDS, "SHOWN": SHOWN, "ROWS": ROWS}
