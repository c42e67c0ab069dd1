"""Findings compared with what a world planted: right, undetermined, wrong or missed, and false alarms.

cd tests && python -m worlds.score --worlds all --seeds 101-105 --version 5 --snapshot yes
"""

import argparse
import re
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import flowkit as fk
from worlds.fixes import commands
from worlds.log import FORMATS
from worlds.scenes import WORLDS
from worlds.world import World, replay

LOUD = ("medium", "high")
CONFIDENCE = ("certain", "high", "medium", "low", "-")
STATUS = ("right", "told low", "undetermined", "wrong", "missed")
#: Kinds that explain traffic away, or say of refused traffic that it was let in.
DENIALS = ("late-packets", "noise", "scan", "accepted-silent", "accepted-reset")
#: What is published: format, snapshot and action of the log.
SETTINGS = {
    "Version 5, with a snapshot of the rules": (5, True, "ALL"),
    "Version 5, without": (5, False, "ALL"),
    "Version 2 (the default format), with a snapshot": (2, True, "ALL"),
    "Version 2, without": (2, False, "ALL"),
    "Version 5, rejected traffic only, with a snapshot": (5, True, "REJECT"),
}
#: What the page says of the limits of a log.
UNKNOWN = """What no log alone can tell, and the page then says *undetermined* or *low*: whether a security group or a network
ACL rejects a first packet, where nothing beside it is accepted that only one of them would let pass; that an ACL denies
one private network among others that are accepted (guessed as a security group); in a log of rejected traffic only,
whether an answer that the rules let pass came too late or before a rule was changed, and whether others are accepted.
What leaves no rejected record is not counted as planted in such a log."""
#: Tag of what is open to the internet on purpose: a finding that says so is neither right nor a false alarm.
OPEN = "open"
#: Numbers of a finding, beside its `counts`, by their names in the truth.
NUMBERS = {"records": "records", "packets": "packets", "first": "first_seen", "last": "last_seen"}


def findings_of(folder: Path, snapshot: bool) -> list[dict]:
    """The findings of flowkit's two notebooks on the world in `folder`. The one place that knows the package."""
    log = fk.load(str(folder / "AWSLogs"), network=folder / "network" if snapshot else None)
    return [one for ask in (fk.rejected, fk.reachability) for one in fk.findings(ask(log)).data["findings"]]


def overlaps(finding: dict, group: dict) -> bool:
    """Whether the finding speaks of the planted problem or innocent group.

    What its subject leaves open fits all; at least two of the interface or server, the client and the port
    have to be named.
    """
    said = finding["subject"]
    subject = group.get("subject") or {
        name: [group[name]] if name != "srcaddr" else group[name] for name in ("srcaddr", "dstaddr", "dstport")
    } | {"protocol": group["protocol"]}
    seen = group.get("seen_as", {"srcaddr": [], "dstaddr": []})
    where = said.get("interface_id"), said.get("dstaddr")
    if sum((where != (None, None), said.get("srcaddr") is not None, said.get("dstport") is not None)) < 2:
        return False
    if where[0] and "seen_at" in group and where[0] not in group["seen_at"]:
        return False
    if said.get("protocol") not in (None, subject["protocol"]):
        return False
    if said.get("dstport") is not None and said["dstport"] not in (subject["dstport"] or [0]):
        return False
    return all(
        said.get(side) is None or _meet(said[side], [*subject[side], *seen[side]]) for side in ("srcaddr", "dstaddr")
    )


def _meet(text: str, others) -> bool:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return False
    several = (ip_network(other, strict=False) for other in others)
    return any(other.version == network.version and other.overlaps(network) for other in several)


@dataclass
class Score:
    """What the findings on one world are worth."""

    results: dict = field(default_factory=dict)
    findings: dict = field(default_factory=lambda: defaultdict(list))
    false_alarms: list = field(default_factory=list)
    numbers: list = field(default_factory=list)
    checked: int = 0


def score(findings: list[dict], truth: dict) -> Score:
    """Each planted problem's (status, confidence, kind, cause told), its findings, false alarms and wrong numbers."""
    made, right_for = Score(), defaultdict(set)
    problems = [p for p in truth["problems"] if p["counts"]["records"]]
    about = {p["name"]: [f for f in findings if overlaps(f, p)] for p in problems}
    for problem in problems:
        for finding in about[problem["name"]]:
            if _right(finding, problem, truth["snapshot"]):
                right_for[finding["id"]].add(problem["name"])
    for problem in problems:
        name, mine = problem["name"], about[problem["name"]]
        made.results[name] = _status(problem, mine, right_for, truth["snapshot"])
        loud = [f for f in mine if f["severity"] in LOUD]
        # What is answered elsewhere on the same port tells of no refusal.
        made.findings[name] = [f for f in loud if problem["cause"] is None or f["kind"] != "exposed-service"]
        for finding in mine:
            if right_for[finding["id"]] == {name} and finding["kind"] in problem["kinds"]:
                wrong, checked = _numbers(finding, problem, truth["version"])
                made.numbers += [(name, *one) for one in wrong]
                made.checked += checked
    for finding in findings:
        if finding["severity"] in LOUD and not any(finding in several for several in about.values()):
            groups = [g["name"] for g in truth["innocent"] if overlaps(finding, g)]
            if OPEN not in groups:
                made.false_alarms.append((groups[0] if groups else "other", finding))
    return made


def _right(finding, problem, snapshot) -> bool:
    if problem["cause"] is None:
        return finding["kind"] in problem["kinds"]
    causes = problem["causes"] if snapshot else problem["causes"][:1]
    return finding.get("cause") in causes and finding["kind"] not in ("noise", "scan")


def _status(problem, mine, right_for, snapshot) -> tuple:
    """The confident wrong finding decides, then a right one, then one that leaves the cause open."""
    judged = defaultdict(list)
    for finding in mine:
        if _right(finding, problem, snapshot):
            judged["right" if finding["severity"] in LOUD else "told low"].append(finding)
        elif finding.get("cause") == "undetermined":
            judged["undetermined"].append(finding)
        elif right_for[finding["id"]] or problem["cause"] is None:
            continue
        elif finding.get("cause") or finding["kind"] in DENIALS:
            judged["wrong"].append(finding)
    sure = [f for f in judged["wrong"] if f.get("confidence") != "low"]
    status = next((s for s in ("right", "told low", "undetermined", "wrong") if judged[s]), "missed")
    status = "wrong" if sure else status
    said = (sure or judged[status] or [{}])[0]
    return status, said.get("confidence") or "-", said.get("kind"), said.get("cause")


def _numbers(finding, problem, version) -> tuple:
    """(name, said, true) of each number, host's name or address that is off, and how many were compared."""
    true = problem["interfaces"].get(finding["subject"].get("interface_id"), problem["counts"])
    said = dict(finding.get("counts") or {})
    if problem["cause"]:
        said = {name: finding.get(key) for name, key in NUMBERS.items()} | said
    pairs = [(name, said[name], true[name]) for name in sorted(set(said) & set(true))]
    for name, address in re.findall(r"([\w.-]+) \(([\da-f.:]+)\)", finding["title"]):
        pairs.append(("name", name, problem["names"].get(address, name)))
    for side in ("srcaddr", "dstaddr") if "pkt-srcaddr" in FORMATS[version] else ():
        told = finding["subject"].get(side)
        pairs.append((side, told, told if told is None or _meet(told, problem["subject"][side]) else "another"))
    return [pair for pair in pairs if pair[1] != pair[2]], len(pairs)


def fixes_of(world: World, truth: dict, findings: list[dict]) -> list[tuple]:
    """(problem, what the replay says) for each fix that a loud finding on the problem proposes; what a command
    that cannot be carried out raises (for a placeholder of an id, say)."""
    told = []
    for name, problem in ((p["name"], p) for p in truth["problems"] if p["cause"]):
        for finding in (f for f in findings if f["severity"] in LOUD and overlaps(f, problem)):
            proposed = "\n".join(f"aws ec2 {command}" for command in commands(finding.get("action") or ""))
            try:
                told += [(name, replay(proposed, world, name, finding["subject"].get("interface_id")))] * bool(proposed)
            except (StopIteration, KeyError, ValueError) as error:
                told.append((name, error))
    return told


def scored(world: World, version, snapshot: bool, action="ALL") -> tuple:
    """The score of flowkit's report on a world, and the replays of the fixes it proposes."""
    with tempfile.TemporaryDirectory() as folder:
        truth = world.write(folder, version, action, snapshot)
        findings = findings_of(Path(folder), snapshot)
    made = score(findings, truth)
    print(world.name, world.seed, Counter(r[0] for r in made.results.values()), file=sys.stderr)
    return made, fixes_of(world, truth, findings) if snapshot else []


def summary(scores: dict) -> list[str]:
    """Sentences: findings and incidents a root cause, false alarms, numbers compared, fixes replayed."""
    lines, alarms = [], Counter((group, f["kind"]) for one, _ in scores.values() for group, f in one.false_alarms)
    told = [several for one, _ in scores.values() for several in one.findings.values() if several]
    loud = sum(map(len, told))
    incidents = sum(len({f.get("incident") or f["id"] for f in several}) for several in told)
    lines.append(f"{len(told)} root causes told by {loud} findings, {incidents} incidents.")
    told = ", ".join(f"{kind} of {group} {times}" for (group, kind), times in alarms.most_common())
    lines.append(f"False alarms of medium and high severity: {told or 'none'}.")
    off = Counter(name for one, _ in scores.values() for _, name, _, _ in one.numbers)
    checked = sum(one.checked for one, _ in scores.values())
    wrong = ", ".join(f"{name} {count}" for name, count in off.most_common())
    lines.append(f"{checked} numbers compared, {sum(off.values())} off: {wrong or 'none'}.")
    done = [result for _, several in scores.values() for _, result in several]
    errors = [r for r in done if isinstance(r, Exception)]
    passes = sum(r.passes for r in done if r not in errors)
    opens = Counter(tag for r in done if r not in errors for tag in r.opened)
    if done:
        lines.append(
            f"{len(done)} proposed fixes replayed: {passes} let pass what they should, {len(errors)} cannot be "
            f"carried out; let pass besides: {dict(opens) or 'nothing'}."
        )
    return lines


def calibration(scores: dict) -> list[str]:
    """Confidence x status over all scores, with the share that is right of what names a cause."""
    results = [r for one, _ in scores.values() for r in one.results.values()]
    cells, rows = Counter((confidence, status) for status, confidence, *_ in results), []
    for confidence in CONFIDENCE[:-1]:
        right = cells[confidence, "right"] + cells[confidence, "told low"]
        named = right + cells[confidence, "wrong"]
        share = f"{right / named:.1%}" if named else "-"
        rows.append([confidence, right, cells[confidence, "wrong"], share, cells[confidence, "undetermined"]])
    head = ["confidence", "right", "wrong", "right of these", "left undetermined"]
    lines = [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)]
    bad = Counter((r[0], name) for one, _ in scores.values() for name, r in one.results.items())
    bad = [f"{name} {status}, {times}" for (status, name), times in bad.items() if status in ("wrong", "missed")]
    missed = sum(status == "missed" for status, *_ in results)
    said = f"{len(results)} planted problems, {missed} missed.{' Not right: ' + '; '.join(bad) + '.' if bad else ''}"
    return [*lines, "", said, "", *summary(scores)]


def publish(path: Path, seeds: str, settings: dict) -> None:
    """Write the page of calibration: `settings` are scores by what the log and the reader had."""
    worlds = len({world for scores in settings.values() for world, _ in scores})
    text = [
        "# Calibration: how often a cause is right",
        "",
        f"Written on {datetime.now(UTC):%Y-%m-%d} by `cd tests && python -m worlds.score --publish FILE`: {worlds} simulated"
        f" worlds ({', '.join(WORLDS)}), seeds {seeds}, which no rule was tuned on.",
        "Every packet is judged by the rules at each interface it crosses, by an evaluation that shares no code with"
        " flowkit's; what is planted in a world, its cause and its numbers are therefore known.",
        "The words are meant so: *certain* is right in 99.9 % of cases, *high* in 98 %, *medium* in 90 %, *low* is a guess.",
        "Worlds of other seeds differ in addresses and times more than in structure: these figures can refute the words,"
        " not prove them.",
        "",
        UNKNOWN,
        "",
    ]
    for name, scores in settings.items():
        text += [f"## {name}", "", *calibration(scores), ""]
    path.write_text("\n".join(text))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--worlds", default="all", help="all, or names with commas")
    parser.add_argument("--seeds", default="101-105", help="such as 101-105 or 7")
    parser.add_argument("--version", default="5", choices=[str(name) for name in FORMATS])
    parser.add_argument("--snapshot", default="yes", choices=["yes", "no"])
    parser.add_argument("--action", default="ALL", choices=["ALL", "ACCEPT", "REJECT"])
    parser.add_argument("--publish", type=Path, help="write the page of calibration, all formats, into this file")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    names = WORLDS if given.worlds == "all" else given.worlds.split(",")
    settings = {
        "": (int(given.version) if given.version.isdigit() else given.version, given.snapshot == "yes", given.action)
    }
    settings = SETTINGS if given.publish else settings
    scores = {setting: {} for setting in settings}
    for seed in range(int(first), int(last or first) + 1):
        for name in names:
            world = WORLDS[name](seed)
            for setting, how in settings.items():
                scores[setting][name, seed] = scored(world, *how)
        if given.publish:  # the page is whole after each seed
            publish(given.publish, first if seed == int(first) else f"{first}-{seed}", scores)
    if not given.publish:
        print("\n".join(calibration(scores[""])))


if __name__ == "__main__":
    main()
