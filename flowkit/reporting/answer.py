"""What a question returns, and how a notebook shows it: `findings(answer)` ends its Findings cell."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import groupby

from flowkit.reporting.finding import FOLDS, Finding, expectation_of, fold_of, incidents, number_repeats
from flowkit.reporting.html import escaped, period
from flowkit.reporting.tables import percent
from flowkit.words import many

#: `flowkit report` reads findings from a cell's output under this MIME type.
MIME = "application/vnd.flowkit.findings+json"
SENTENCES = 5
#: A line of an action that begins so is code, with what `\` or an open brace carries on; code has a copy button.
COMMAND = re.compile(r"^\s*(\$ |aws |flowkit |papermill |python3? |sudo |ss |nc |nmap |curl |dig |ping |resource \")")
#: Code of more lines than this is folded.
LONG = 8
#: So many incidents are shown in full; of what is beyond, their number, and so many as rows of a table.
SHOWN, ROWS = 30, 500
COPY = "navigator.clipboard.writeText(this.previousElementSibling.textContent);this.textContent='copied'"


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a question returns; a subclass adds its tables, as named DataFrames.

    `summary`: at most five sentences, the largest matter first. `findings`: in any order. `coverage`: what the log
    covers, in one line. `titles`: for each figure, by its name in `plot`, the sentence that says what it shows.
    """

    summary: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: str = ""
    titles: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.summary, str):
            raise TypeError("summary is a tuple of sentences, not a text")
        if len(self.summary) > SENTENCES:
            raise ValueError(f"the summary has {len(self.summary)} sentences; five is the most")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {' '.join(self.summary)} {len(self.findings)} findings>"


class Shown:
    """Findings on display: HTML for a reader, plain text, and the data that `flowkit report` collects."""

    def __init__(self, data: dict, top: int) -> None:
        self.data, self.top = data, top

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        style = files("flowkit.reporting").joinpath("template/findings.css").read_text(encoding="utf-8")
        body = boxes(self.data)
        if not self.data.get("section"):  # an answer without findings, whose box stands in a section of its own
            body += incidents_html(incidents(self.data["findings"]), self.top)
        titles = [f"{each['severity']:<6} {each['title']}" for each in self.data["findings"][: self.top]]
        text = "\n".join([*self.data["summary"], self.data["coverage"], *titles])
        return {"text/html": f"<style>{style}</style><div class='fk'>{body}</div>", "text/plain": text,
                MIME: self.data}  # fmt: skip


def findings(answer: Answer, top: int = 20) -> Shown:
    """Return the summary, coverage and findings of `answer` to display, at most `top` incidents in full."""
    gravest_first = [finding for group in incidents(map(Finding.as_dict, answer.findings)) for finding in group]
    data = {
        "schema": 2,
        "summary": list(answer.summary),
        "coverage": answer.coverage,
        "findings": number_repeats(gravest_first),
    }
    return Shown(data, top)


def tell(found: Iterable[Finding], verdict: Sequence[str] | str = (), coverage: str = "") -> Shown:
    """Return `findings` of an answer made of these parts; for notebooks that have no answer yet."""
    summary = (verdict,) if isinstance(verdict, str) else tuple(map(str, verdict))
    return findings(Answer(summary=summary, findings=tuple(found), coverage=str(coverage)))


def incident_id(*root: object) -> str:
    """Return the id of the root cause `root` (interface or address, protocol, port and cause; or the denying rule), which
    all findings of this cause share."""
    return hashlib.sha256(" ".join(map(str, root)).encode()).hexdigest()[:12]


def assured(confidence: str) -> str:
    """Return a confidence in words that cannot be taken for a severity."""
    return confidence if confidence == "certain" else f"{confidence} confidence"


def boxes(data: dict) -> str:
    """Return the box of the summary and the coverage of a notebook's findings, as HTML."""
    summary = "".join(f"<p>{escaped(sentence)}</p>" for sentence in data["summary"])
    coverage = data["coverage"] and f"<p class='fk-coverage'><b>Coverage</b> {escaped(data['coverage'])}</p>"
    return f"<div class='fk-box'><div class='fk-verdict'>{summary}</div>{coverage}</div>"


def incidents_html(
    incidents: Sequence[list[dict]], top: int = SHOWN, elsewhere: Mapping[str, str] | None = None
) -> str:
    """Return incidents (see `flowkit.reporting.finding.incidents`) as HTML; `elsewhere` are links to more of each.

    At most `top` in full: those that are new, or all where no earlier run is known; ongoing ones and those for
    information are folded; where nothing is new, the ongoing ones are open. The rest is many and in a table.
    """
    if not incidents:
        return "<p class='fk-none'>No findings.</p>"
    parts: list[str] = []
    for fold in FOLDS:
        groups = [group for group in incidents[:top] if fold_of(group) == fold]
        articles = "".join(_incident(group, (elsewhere or {}).get(group[0].get("incident"), "")) for group in groups)
        if fold and groups:
            is_open = " open" if not parts and fold == "ongoing" else ""
            summary = f"<summary>{many(len(groups), 'incident')} {fold}</summary>"
            articles = f"<details class='fk-more'{is_open}>{summary}{articles}</details>"
        parts += [articles] if groups else []
    if leads := [group[0] for group in incidents[top:]]:
        rows = "".join(
            f"<tr id='finding-{escaped(each['id'])}'><td>{escaped(each['severity'])}</td>"
            f"<td>{escaped(each['title'])}</td></tr>"
            for each in leads[:ROWS]
        )
        beyond = " All are in findings.json." if len(leads) > ROWS else ""
        parts.append(
            f"<p class='fk-none'>{many(len(leads), 'more incident')}.{beyond}</p><div class='scroll' tabindex='0'"
            f" role='region' aria-label='more incidents'><table class='fk-rest'>{rows}</table></div>"
        )
    return "".join(parts)


def _incident(group: list[dict], links: str) -> str:
    """An incident: the finding that leads, and the others of the same root cause folded below it."""
    lead, *others = group
    expectation = expectation_of(group)
    badge = f"<span class='tag'>breaks {escaped(expectation)}</span> " if expectation else ""
    also = f"<p class='fk-also'>The same root cause in {links}.</p>" if links else ""
    more = "".join(map(finding_html, others))
    summary = f"<summary>{many(len(others), 'more finding')} with the same root cause</summary>"
    return finding_html(lead, badge) + also + (f"<details class='fk-same'>{summary}{more}</details>" if others else "")


def finding_html(finding: dict, badge: str = "") -> str:
    """Return one finding as HTML: severity, sentence, period, cause, grounds, samples, next step."""
    facts = [
        finding["cause"] and finding["cause"].replace("-", " "),
        period(finding["first_seen"], finding["last_seen"]),
        finding["records"] and many(finding["records"], "record"),
        finding["coverage"] is not None and f"log coverage {percent(finding['coverage'])}",
    ]
    small = badge + " · ".join(escaped(fact) for fact in facts if fact)
    severity, confidence = escaped(finding["severity"]), escaped(assured(finding["confidence"]))
    status = "<span class='tag new'>new</span>" if finding.get("status") == "new" else ""
    return (
        f"<article class='fk-finding fk-{severity}' id='finding-{escaped(finding['id'])}'>"
        f"<header><span class='fk-severity'>{severity}</span>"
        f"<span class='fk-title'>{escaped(finding['title'])}</span>"
        f"<span class='fk-confidence'>{status} {confidence}</span></header>"
        f"<p class='fk-facts'>{small}</p>"
        + _folded("grounds", "ul", "li", finding["grounds"])
        + _folded("samples", "div", "code", finding["samples"])
        + action_html(finding["action"])
        + "</article>"
    )


def _folded(name: str, outer: str, inner: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<{inner}>{escaped(line)}</{inner}>" for line in lines)
    return f"<details class='fk-{name}'><summary>{name}</summary><{outer}>{items}</{outer}></details>"


def action_html(action: str) -> str:
    """Return the next step as HTML: sentences as paragraphs, code in blocks with a copy button."""
    # Code is a command, what carries one on, or a block in braces.
    lines, carried, depth = [], False, 0
    for line in action.split("\n"):
        is_code = bool(carried or depth or COMMAND.match(line))
        depth = max(0, depth + line.count("{") - line.count("}")) if is_code else 0
        carried = is_code and line.endswith("\\")
        lines.append((is_code, line.rstrip()))
    parts = []
    for is_code, block in groupby(lines, key=lambda each: each[0]):
        texts = [line for _, line in block]
        parts += [_code("\n".join(texts))] if is_code else [
            f"<p class='fk-action'>{escaped(line.strip())}</p>" for line in texts if line.strip()
        ]  # fmt: skip
    return "".join(parts)


def _code(text: str) -> str:
    button = f'<button type="button" onclick="{COPY}">copy</button>'
    # A browser breaks lines behind every hyphen, and a broken --option cannot be read.
    whole = re.sub(r"\S*-\S*", r"<span>\g<0></span>", escaped(text))
    block = f"<div class='fk-command'><pre>{whole}</pre>{button}</div>"
    count = text.count("\n") + 1
    return block if count <= LONG else f"<details><summary>{count} lines</summary>{block}</details>"
