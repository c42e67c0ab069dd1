"""A finding: one judged problem with its cause, evidence, severity and next step, as in findings.json."""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from ipaddress import ip_network
from itertools import count
from numbers import Real

import pandas as pd

from flowkit.language import retold
from flowkit.net import is_network
from flowkit.reporting.kinds import KINDS, SEVERITIES, text
from flowkit.words import one_line, visible

CONFIDENCES = ("certain", "high", "medium", "low")
#: What a list of incidents consists of, in this order.
FOLDS = ("", "ongoing", "for information")
#: Causes that name what refuses a packet.
RULES = ("security-group", "network-acl", "security-group-and-network-acl", "block-public-access", "encryption-control")
CAUSES = (*RULES, "closed-connection", "tracking-expired", "rules-changed", "undetermined")
#: The keys of a subject, with what tells their values.
SUBJECT = {
    "interface_id": lambda value: isinstance(value, str),
    **dict.fromkeys(("srcaddr", "dstaddr"), lambda value: isinstance(value, str) and is_network(value)),
    "protocol": lambda value: isinstance(value, Real) and value == int(value) and value <= 255,
    "dstport": lambda value: isinstance(value, Real) and value == int(value) and value <= 65535,
}
#: What a field must be, and what tells it.
FIELDS = {
    **dict.fromkeys(("records", "packets", "bytes"), ("0 or more", lambda value: value >= 0)),
    "coverage": ("a share from 0 to 1", lambda value: pd.isna(value) or 0 <= value <= 1),
    **dict.fromkeys(("grounds", "samples"), ("several texts", lambda value: not isinstance(value, str))),
    **dict.fromkeys(
        ("first_seen", "last_seen"),
        ("a time with its zone", lambda value: pd.isna(value) or pd.Timestamp(value).tzinfo is not None),
    ),
}


@dataclass(frozen=True)
class Finding:
    """One judged problem. `kind` (of `flowkit.reporting.kinds`) and `subject` alone make its `id`.

    `subject` has the keys of `SUBJECT`; those left out are null ("many"). `counts` holds every number in `title` by
    name. `action` is the next step (that of the kind, where it is left out): text, or lines, of which each stays one
    line whatever names stand in it. `coverage` is the share (0 to 1) of the subject's time that the log covers.
    `incident` is the same for all findings with one root cause; `expectation` names the one that it breaks. Raises
    ValueError for what findings.json does not have.
    """

    kind: str
    severity: str
    confidence: str
    title: str
    subject: dict = field(hash=False)
    cause: str | None = None
    grounds: tuple[str, ...] = ()
    action: str | Sequence[str] = ""
    first_seen: pd.Timestamp | None = None
    last_seen: pd.Timestamp | None = None
    records: int = 0
    packets: int = 0
    bytes: int = 0
    coverage: float | None = None
    samples: tuple[str, ...] = ()
    incident: str | None = None
    counts: dict = field(default_factory=dict, hash=False)
    expectation: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no kind {self.kind!r} in flowkit/reporting/kinds.py")
        cause = None if pd.isna(self.cause) else self.cause
        known = {"severity": SEVERITIES, "confidence": CONFIDENCES} | ({"cause": CAUSES} if cause else {})
        for name, words in known.items():
            if (value := getattr(self, name)) not in words:
                raise ValueError(f"{name} is {value!r}, not one of {', '.join(words)}")
        if unknown := set(self.subject) - set(SUBJECT):
            raise ValueError(f"subject has no {', '.join(sorted(unknown))}; its keys are {', '.join(SUBJECT)}")
        for name, value in self.subject.items():
            if not pd.isna(value) and not SUBJECT[name](value):
                raise ValueError(f"subject: {name} cannot be {value!r}")
        for name, (what, tells) in FIELDS.items():
            if not tells(value := getattr(self, name)):
                raise ValueError(f"{name} is {value!r}, not {what}")
        action = self.action or text(f"kind.{self.kind}.action")
        lines = action if isinstance(action, str) else "\n".join(map(one_line, action))
        for name, value in {
            "title": one_line(self.title),
            "action": visible(lines).replace("\t", "    "),
            "expectation": one_line(self.expectation),
            "cause": cause,
            "grounds": tuple(one_line(retold(one)) for one in self.grounds),
            "samples": tuple(map(one_line, self.samples)),
            "counts": {str(name): _number(name, value) for name, value in self.counts.items()},
        }.items():
            object.__setattr__(self, name, value)

    @property
    def id(self) -> str:
        """Twelve hex digits, the same in every run for the same kind and subject."""
        return finding_id(self.kind, self.subject)

    def as_dict(self) -> dict:
        """Return the finding as in findings.json, without what a report adds, and with the `expectation` it breaks."""
        plain = asdict(self) | {
            "subject": {key: _plain(self.subject.get(key)) for key in SUBJECT},
            "first_seen": _iso(self.first_seen),
            "last_seen": _iso(self.last_seen),
            "coverage": None if pd.isna(self.coverage) else round(float(self.coverage), 4),
            "grounds": list(self.grounds),
            "samples": list(self.samples),
            "incident": None if pd.isna(self.incident) else _hash(str(self.incident)),
        }
        plain |= {key: int(plain[key]) for key in ("records", "packets", "bytes")}
        return {"id": self.id} | {key: value for key, value in plain.items() if key in KEYS or value}


#: The keys of findings.json, in the order in which people read them; a notebook file sorts them otherwise.
KEYS = ("id", *(each.name for each in fields(Finding) if each.name != "expectation"))


def finding(kind: str, row: Mapping | None = None, form: str = "", counts: Mapping | None = None, **given) -> Finding:
    """Return the finding of a table's `row`: the fields and the subject from `given`, else from columns of these names; its
    title is the template of the kind, or of its `form`, filled with the columns, `given` and `counts`."""
    words = {**(row or {}), **given}
    own = {each.name: words[each.name] for each in fields(Finding) if each.name in words}
    title = text(f"{kind}.{form}" if form else kind, **words | (counts or {}))
    usual = {"severity": KINDS[kind].severity, "confidence": "certain", "title": title}
    subject = {name: words[name] for name in SUBJECT if name in words}
    return Finding(**usual | own | {"kind": kind, "subject": subject, "counts": dict(counts or {})})


def finding_id(kind: str, subject: dict) -> str:
    """Return the id of a finding of `kind` about `subject`; keys that are null or left out count the same."""
    known = {key: str(_plain(subject.get(key))) for key in SUBJECT if _plain(subject.get(key)) is not None}
    return _hash(json.dumps([kind, known], sort_keys=True))


def incident_id(*root: object) -> str:
    """Return the id that all findings of one root cause share."""
    return _hash(" ".join(map(str, root)))


def number_repeats(findings: list[dict]) -> list[dict]:
    """Return `findings`, the second, third … of the same id named `id-2`, `id-3`, in the order of `first_seen`."""
    seen = defaultdict(count)
    for finding in sorted(findings, key=lambda f: f["first_seen"] or ""):
        if before := next(seen[finding["id"]]):
            finding["id"] += f"-{before + 1}"
    return findings


def incidents(findings: Iterable[dict]) -> list[list[dict]]:
    """Return `findings` grouped by root cause: incidents that are new altogether first, then as `gravity` says; the gravest
    finding leads. A finding whose `incident` is null is an incident of its own."""
    groups: dict[object, list[dict]] = {}
    for finding in findings:
        groups.setdefault(finding.get("incident") or ("", len(groups)), []).append(finding)
    found = [sorted(group, key=gravity) for group in groups.values()]
    return sorted(found, key=lambda group: (is_ongoing(group), gravity(group[0])))


def is_ongoing(incident: list[dict]) -> bool:
    """Return whether the previous run already had any finding of `incident`."""
    return any(finding.get("status") == "ongoing" for finding in incident)


def fold_of(incident: list[dict]) -> str:
    """Return which of `FOLDS` holds `incident`: the first is open, the others are folded."""
    return FOLDS[2] if incident[0]["severity"] == "info" else FOLDS[1] if is_ongoing(incident) else FOLDS[0]


def stamped(findings: list[dict], notebook: str, earlier: dict | None) -> list[dict]:
    """Return `findings` with their notebook, and `ongoing` where the previous run had them."""
    before = {(each["notebook"], each["id"]) for each in earlier["findings"]} if earlier else set()
    rows = [{key: each[key] for key in (*KEYS, "expectation") if key in each} for each in findings]
    status = ["ongoing" if (notebook, each["id"]) in before else "new" for each in findings]
    return [
        {"id": each["id"], "status": now, "notebook": notebook} | each for each, now in zip(rows, status, strict=True)
    ]


def contradicted(findings: list[dict]) -> set[str]:
    """Correct findings that say "no rule is in the way" where another names the rule; returns their notebooks. A service that
    does not respond to whom a rule refuses has that rule as its cause, its next step and its incident, and is no surer."""
    refusing = [each for each in findings if each["cause"] in RULES and each["confidence"] != "low"]
    corrected = set()
    for each in findings:
        rule = next((other for other in refusing if _same_ends(each["subject"], other["subject"])), None)
        if rule and each["cause"] is None and each["kind"] in ("accepted-silent", "expectation-broken"):
            each |= {name: rule[name] for name in ("cause", "action", "incident")}
            each["confidence"] = max(each["confidence"], rule["confidence"], key=CONFIDENCES.index)
            each["grounds"] = [*each["grounds"], text("common.refused-by", title=rule["title"])]
            corrected.add(each["notebook"])
    return corrected


def _same_ends(one: dict, other: dict) -> bool:
    """Return whether two subjects may have a packet in common: one service, and addresses that overlap."""
    if one["dstport"] is None or any(one[name] != other[name] for name in ("protocol", "dstport")):
        return False
    pairs = [(one[name], other[name]) for name in ("dstaddr", "srcaddr")]
    if None in pairs[0]:
        return False
    try:
        networks = [[ip_network(end, strict=False) for end in pair] for pair in pairs if None not in pair]
    except ValueError:  # a user's own notebook may name its ends otherwise
        return False
    return all(a.version == b.version and a.overlaps(b) for a, b in networks)


def resolved(findings: list[dict], earlier: dict | None, run: dict) -> list[dict] | None:
    """Return the findings of the previous run that this run, but for notebooks that failed, lacks; None without one."""
    if earlier is None:
        return None
    now = {(each["notebook"], each["id"]) for each in findings}
    failed = {each["name"] for each in run["notebooks"] if each["failure"]}
    gone = (each for each in earlier["findings"] if (each["notebook"], each["id"]) not in now)
    return [each for each in gone if each["notebook"] not in failed]


def expectation_of(incident: list[dict]) -> str:
    """Return the name of the expectation that `incident` breaks, where another finding leads it; '' for none."""
    return next((f"“{each['expectation']}”" for each in incident[1:] if each.get("expectation")), "")


def gravity(finding: dict) -> tuple[int, int, int]:
    """Return what findings are sorted by: the gravest first, then the surest, then the largest."""
    return SEVERITIES.index(finding["severity"]), CONFIDENCES.index(finding["confidence"]), -finding.get("records", 0)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value: object) -> str | int | None:
    return None if pd.isna(value) else value if isinstance(value, str) else int(value)


def _number(name: str, value: object) -> int | float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"counts: {name} is {value!r}, not a number")
    return int(value) if number.is_integer() else number


def _iso(moment: pd.Timestamp | None) -> str | None:
    return None if pd.isna(moment) else f"{pd.Timestamp(moment).tz_convert('UTC'):%Y-%m-%dT%H:%M:%SZ}"
