"""An answer: what a question returns for a notebook, tables beside a summary and findings."""

import hashlib
from dataclasses import dataclass, field

from flowkit.reporting.findings import Finding, Told, tell


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`summary` (at most five sentences, the largest first), `findings`, `coverage` (one line), and `titles` by
    figure, which are the alt texts too. Each question adds its own tables."""

    summary: tuple[str, ...]
    findings: tuple[Finding, ...]
    coverage: str
    titles: dict[str, str] = field(default_factory=dict)


def findings(answer: Answer, top: int = 20) -> Told:
    """Return what a notebook's Findings cell ends with: the summary, the coverage and the findings of `answer`."""
    return tell(answer.findings, answer.summary, answer.coverage)


def incident_id(*root: object) -> str:
    """Return the id of the root cause `root` (interface or address, protocol, port and cause; or the denying rule), which
    all findings of this cause share."""
    return hashlib.sha256(" ".join(map(str, root)).encode()).hexdigest()[:12]
