"""What a question returns, and how a notebook shows it: `findings(answer)` ends its Findings cell."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from flowkit.reporting.finding import Finding, incidents, number_repeats
from flowkit.reporting.html import boxes, incidents_html

#: `flowkit report` reads findings from a cell's output under this MIME type.
MIME = "application/vnd.flowkit.findings+json"
SENTENCES = 5


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
        body = boxes(self.data) + incidents_html(incidents(self.data["findings"]), self.top)
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
