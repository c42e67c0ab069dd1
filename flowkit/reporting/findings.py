"""What a notebook found, as data and as HTML.

A notebook's Findings cell ends in `tell(findings, verdict, coverage)`. JupyterLab and the page show the
HTML; `flowkit report` reads the same findings from the cell's output, under the MIME type `MIME`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from itertools import groupby

import pandas as pd

from flowkit.reporting.markup import escaped, period

MIME = "application/vnd.flowkit.findings+json"
SEVERITIES = ("high", "medium", "low", "info")
CONFIDENCES = ("certain", "high", "medium", "low")
SUBJECT = ("interface_id", "srcaddr", "dstaddr", "protocol", "dstport")
#: A page shows this many findings in full; all of them are in findings.json.
SHOWN = 100
#: A line of an action that begins so is code, with what `\` or an open brace carries on; code has a copy button.
COMMAND = re.compile(
    r"^\s*(\$ |aws |flowkit |papermill |python3? |sudo |ss |nc |nmap |curl |dig |ping |resource \")"
)
#: Code of more lines than this is folded.
LONG = 8


@dataclass(frozen=True)
class Finding:
    """One judged fact. `kind` and `subject` say what it is about, and alone make its `id`.

    `subject` has the keys of `SUBJECT` (those left out are null: "many"). `title` is one plain sentence
    with the numbers in it; `grounds` are the observations it rests on; `action` is the next step, with
    commands on lines of their own. `coverage` is the share (0 to 1) of the subject's time that is certain.
    """

    kind: str
    severity: str
    confidence: str
    title: str
    subject: dict = field(hash=False)
    cause: str | None = None
    grounds: tuple[str, ...] = ()
    action: str = ""
    first_seen: pd.Timestamp | None = None
    last_seen: pd.Timestamp | None = None
    records: int = 0
    packets: int = 0
    bytes: int = 0
    coverage: float | None = None
    samples: tuple[str, ...] = ()
    incident: str | None = None
    counts: dict = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity is {self.severity!r}, not one of {', '.join(SEVERITIES)}")
        if self.confidence not in CONFIDENCES:
            raise ValueError(f"confidence is {self.confidence!r}, not one of {', '.join(CONFIDENCES)}")
        if unknown := set(self.subject) - set(SUBJECT):
            raise ValueError(
                f"subject has no {', '.join(sorted(unknown))}; its keys are {', '.join(SUBJECT)}"
            )

    @property
    def id(self) -> str:
        """Twelve hex digits, the same in every run for the same kind and subject."""
        return finding_id(self.kind, self.subject)

    def as_dict(self) -> dict:
        """The finding as in findings.json (without `status` and `notebook`, which the report adds)."""
        plain = asdict(self) | {
            "subject": {key: _plain(self.subject.get(key)) for key in SUBJECT},
            "first_seen": _iso(self.first_seen),
            "last_seen": _iso(self.last_seen),
            "coverage": None if pd.isna(self.coverage) else round(float(self.coverage), 4),
            "grounds": [str(ground) for ground in self.grounds],
            "samples": [str(sample) for sample in self.samples],
            "cause": None if pd.isna(self.cause) else str(self.cause),
        }
        return {"id": self.id} | plain | {key: int(plain[key]) for key in ("records", "packets", "bytes")}


#: The keys of `as_dict`, in the order in which people read them; a notebook file sorts them otherwise.
KEYS = ("id", *(each.name for each in fields(Finding)))


def finding_id(kind: str, subject: dict) -> str:
    """The id of what `kind` says about `subject`; keys that are null or left out count the same."""
    told = {key: str(_plain(subject.get(key))) for key in SUBJECT if _plain(subject.get(key)) is not None}
    return hashlib.sha256(json.dumps([kind, told], sort_keys=True).encode()).hexdigest()[:12]


def _plain(value: object) -> str | int | None:
    if value is None or pd.isna(value):
        return None
    return value if isinstance(value, str) else int(value)


def _iso(moment: pd.Timestamp | None) -> str | None:
    if moment is None or pd.isna(moment):
        return None
    return f"{pd.Timestamp(moment).tz_convert('UTC'):%Y-%m-%dT%H:%M:%SZ}"


class Told:
    """Findings with their verdict: HTML for a reader, data for `flowkit report`."""

    def __init__(self, data: dict) -> None:
        self.data = data

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        style = f"<style>{files('flowkit.reporting').joinpath('template/findings.css').read_text()}</style>"
        body = boxes(self.data) + findings_html(self.data["findings"])
        text = "\n".join([*self.data["verdict"], self.data["coverage"]])
        return {"text/html": f"{style}<div class='fk'>{body}</div>", "text/plain": text, MIME: self.data}


def tell(findings: Iterable[Finding], verdict: Sequence[str] | str = (), coverage: str = "") -> Told:
    """The findings to display, gravest first, under a box of `verdict` sentences and one on `coverage`.

    Make it the last expression of the cell. At most five verdict sentences; a sixth is refused,
    because the box is what somebody reads who reads nothing else.
    """
    sentences = [verdict] if isinstance(verdict, str) else [str(sentence) for sentence in verdict]
    if len(sentences) > 5:
        raise ValueError(f"the verdict has {len(sentences)} sentences; five is the most a reader takes in")
    ranked = sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), CONFIDENCES.index(f.confidence)))
    told = number_repeats([finding.as_dict() for finding in ranked])
    return Told({"schema": 1, "verdict": sentences, "coverage": str(coverage), "findings": told})


def number_repeats(findings: list[dict]) -> list[dict]:
    """`findings` with the second, third … of the same id as `id-2`, `id-3`, by their `first_seen`."""
    seen: dict[str, int] = {}
    for finding in sorted(findings, key=lambda f: f["first_seen"] or ""):
        seen[finding["id"]] = count = seen.get(finding["id"], 0) + 1
        if count > 1:
            finding["id"] += f"-{count}"
    return findings


def boxes(data: dict) -> str:
    """The verdict box and the coverage box of what a notebook told, as HTML."""
    verdict = "".join(f"<p>{escaped(sentence)}</p>" for sentence in data["verdict"])
    coverage = data["coverage"] and f"<p class='fk-coverage'><b>Coverage</b> {escaped(data['coverage'])}</p>"
    return f"<div class='fk-box'><div class='fk-verdict'>{verdict}</div>{coverage}</div>"


def findings_html(findings: Sequence[dict]) -> str:
    """The findings as HTML: high, medium and low in full, `info` folded, at most `SHOWN` of them."""
    if not findings:
        return "<p class='fk-none'>No findings.</p>"
    shown = findings[:SHOWN]
    folded = [finding_html(finding) for finding in shown if finding["severity"] == "info"]
    parts = [finding_html(finding) for finding in shown if finding["severity"] != "info"]
    if folded:
        noun = "finding" if len(folded) == 1 else "findings"
        parts.append(
            f"<details class='fk-more'><summary>{len(folded)} {noun} for information</summary>"
            f"{''.join(folded)}</details>"
        )
    if len(findings) > SHOWN:
        parts.append(f"<p class='fk-none'>{len(findings) - SHOWN:,} more are in findings.json.</p>")
    return "".join(parts)


def finding_html(finding: dict) -> str:
    """One finding: severity, sentence, period, cause, grounds, samples, next step."""
    facts = [
        finding["cause"] and finding["cause"].replace("-", " "),
        period(finding["first_seen"], finding["last_seen"]),
        finding["records"] and f"{finding['records']:,} record{'s'[: finding['records'] != 1]}",
        finding["coverage"] is not None and f"{finding['coverage']:.1%} of the time is certain",
    ]
    small = " · ".join(escaped(fact) for fact in facts if fact)
    severity, confidence = escaped(finding["severity"]), escaped(assured(finding["confidence"]))
    return (
        f"<article class='fk-finding fk-{severity}' id='finding-{escaped(finding['id'])}'>"
        f"<header><span class='fk-severity'>{severity}</span>"
        f"<span class='fk-title'>{escaped(finding['title'])}</span>"
        f"<span class='fk-confidence'>{confidence}</span></header>"
        f"<p class='fk-facts'>{small}</p>"
        + "".join(_folded("grounds", "ul", "li", finding["grounds"]))
        + "".join(_folded("samples", "div", "code", finding["samples"]))
        + _action(finding["action"])
        + "</article>"
    )


def assured(confidence: str) -> str:
    """A confidence in words that cannot be taken for a severity."""
    return confidence if confidence == "certain" else f"{confidence} confidence"


def _folded(name: str, outer: str, inner: str, lines: Sequence[str]) -> Iterable[str]:
    if lines:
        items = "".join(f"<{inner}>{escaped(line)}</{inner}>" for line in lines)
        yield f"<details class='fk-{name}'><summary>{name}</summary><{outer}>{items}</{outer}></details>"


def _action(action: str) -> str:
    parts = []
    for is_code, lines in groupby(_marked(action), key=lambda each: each[0]):
        texts = [line for _, line in lines]
        if is_code:
            parts.append(_code("\n".join(texts)))
        else:
            parts += [f"<p class='fk-action'>{escaped(line.strip())}</p>" for line in texts if line.strip()]
    return "".join(parts)


def _marked(action: str) -> Iterator[tuple[bool, str]]:
    """Each line with whether it is code: a command, what carries one on, or a block in braces."""
    carried, depth = False, 0
    for line in action.splitlines():
        is_code = bool(carried or depth or COMMAND.match(line))
        depth = max(0, depth + line.count("{") - line.count("}")) if is_code else 0
        carried = is_code and line.endswith("\\")
        yield is_code, line.rstrip()


def _code(text: str) -> str:
    copy = "navigator.clipboard.writeText(this.previousElementSibling.textContent);this.textContent='copied'"
    button = f'<button type="button" onclick="{copy}">copy</button>'
    block = f"<div class='fk-command'><pre>{escaped(text)}</pre>{button}</div>"
    count = text.count("\n") + 1
    return block if count <= LONG else f"<details><summary>{count} lines</summary>{block}</details>"
