"""Findings compared with what a world planted: right, undetermined, wrong or missed, and false alarms.

cd tests && python -m worlds.score --worlds all --seeds 101-105 --version 5 --snapshot yes
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from worlds.fixes import commands
from worlds.log import FORMATS
from worlds.scenes import WORLDS
from worlds.world import World, replay

LOUD = ("medium", "high")
CONFIDENCE = ("certain", "high", "medium", "low", "-")
STATUS = ("right", "told low", "undetermined", "wrong", "missed")
#: Kinds that explain traffic away, or say of refused traffic that it was let in.
DENIALS = ("late-packets", "noise", "scan", "accepted-silent", "accepted-reset")
#: Tag of what is open to the internet on purpose: a finding that says so is neither right nor a false alarm.
OPEN = "open"
#: Numbers of a finding, beside its `counts`, by their names in the truth.
NUMBERS = {"records": "records", "packets": "packets", "first": "first_seen", "last": "last_seen"}


def findings_of(folder: Path, version, snapshot: bool) -> list[dict]:
    """The findings of flowkit's report on the world in `folder`. The one place that knows the package."""
    command = [str(Path(sys.executable).with_name("flowkit")), "report", str(folder / "AWSLogs")]
    command += ["--notebook", "rejected", "--notebook", "reachability", "--out", str(folder / "reports")]
    command += ["--network", str(folder / "network")] if snapshot else []
    run = subprocess.run(
        command, env=os.environ | {"FLOWKIT_CACHE": str(folder / "cache")}, capture_output=True, text=True
    )
    written = sorted(folder.glob("reports/*T*Z/findings.json"))
    if run.returncode not in (0, 3):
        print(f"flowkit report, format {version}: {run.stderr.strip()}", file=sys.stderr)
    return json.loads(written[-1].read_text())["findings"] if written else []


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
        made.findings[name] = [f for f in mine if f["severity"] in LOUD]
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
    """(problem, result of the replay) for each fix that a loud finding on the problem proposes.

    To join another group is an alternative to the other commands of an action, and replayed apart.
    """
    told = []
    for problem in (p for p in truth["problems"] if p["cause"]):
        for finding in findings:
            if finding["severity"] not in LOUD or not overlaps(finding, problem):
                continue
            proposed = [f"aws ec2 {command}" for command in commands(finding.get("action") or "")]
            joins = [command for command in proposed if "--groups" in command]
            at = finding["subject"].get("interface_id")
            for fix in ([c for c in proposed if c not in joins], joins):
                if fix:
                    told.append((problem["name"], _replayed("\n".join(fix), world, problem["name"], at)))
    return told


def _replayed(fix, world, name, at):
    """The replay, or the error of a command that cannot be carried out (a placeholder for an id, say)."""
    try:
        return replay(fix, world, name, at)
    except (StopIteration, KeyError, ValueError) as error:
        return error


def scored(name: str, seed: int, version, snapshot: bool, action="ALL") -> tuple:
    """The score of flowkit's report on a world, and the replays of the fixes it proposes."""
    world = WORLDS[name](seed)
    with tempfile.TemporaryDirectory() as folder:
        truth = world.write(folder, version, action, snapshot)
        findings = findings_of(Path(folder), version, snapshot)
    return score(findings, truth), fixes_of(world, truth, findings) if snapshot else []


def markdown(scores: dict) -> str:
    """Tables of all scores, by (world, seed)."""
    results = {(w, s, n): r for (w, s), (one, _) in scores.items() for n, r in one.results.items()}
    cells = Counter((confidence, status) for status, confidence, *_ in results.values())
    lines = _table(["confidence", *STATUS], [[c, *(cells[c, s] for s in STATUS)] for c in CONFIDENCE])
    worlds = sorted({w for w, _, _ in results}, key=list(WORLDS).index)
    by_world = Counter((w, r[0]) for (w, _, _), r in results.items())
    alarms = [(w, *alarm) for (w, _), (one, _) in scores.items() for alarm in one.false_alarms]
    per_world = Counter(w for w, *_ in alarms)
    rows = [[w, *(by_world[w, s] for s in STATUS), per_world[w]] for w in worlds]
    lines += ["", *_table(["world", *STATUS, "false alarms"], rows), ""]
    bad = [[w, s, n, r[0], r[1], r[2], r[3]] for (w, s, n), r in results.items() if r[0] != "right"]
    lines += _table(["world", "seed", "planted", "status", "confidence", "kind told", "cause told"], bad)
    groups = Counter((w, group, f["kind"], f["severity"]) for w, group, f in alarms)
    rows = [[*key, count] for key, count in sorted(groups.items())]
    lines += ["", *_table(["world", "false alarm on", "kind", "severity", "findings"], rows), ""]
    told = [several for one, _ in scores.values() for several in one.findings.values() if several]
    loud = sum(map(len, told))
    incidents = sum(len({f.get("incident") or f["id"] for f in several}) for several in told)
    lines.append(f"{len(told)} root causes told by {loud} findings, {incidents} incidents.")
    off = Counter(name for one, _ in scores.values() for _, name, _, _ in one.numbers)
    checked = sum(one.checked for one, _ in scores.values())
    wrong = ", ".join(f"{name} {count}" for name, count in off.most_common())
    lines.append(f"{checked} numbers compared, {sum(off.values())} off: {wrong or 'none'}.")
    done = [result for _, several in scores.values() for _, result in several]
    errors = [r for r in done if isinstance(r, Exception)]
    passes = sum(r.passes for r in done if r not in errors)
    opens = Counter(tag for r in done if r not in errors for tag in r.opened)
    lines.append(
        f"{len(done)} proposed fixes replayed: {passes} let pass what they should, {len(errors)} cannot be "
        f"carried out; let pass besides: {dict(opens) or 'nothing'}."
    )
    return "\n".join(lines)


def _table(head, rows) -> list[str]:
    return [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--worlds", default="all", help="all, or names with commas")
    parser.add_argument("--seeds", default="101-105", help="such as 101-105 or 7")
    parser.add_argument("--version", default="5", choices=[str(name) for name in FORMATS])
    parser.add_argument("--snapshot", default="yes", choices=["yes", "no"])
    parser.add_argument("--action", default="ALL", choices=["ALL", "ACCEPT", "REJECT"])
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    version = int(given.version) if given.version.isdigit() else given.version
    scores = {}
    for name in WORLDS if given.worlds == "all" else given.worlds.split(","):
        for seed in range(int(first), int(last or first) + 1):
            scores[name, seed] = scored(name, seed, version, given.snapshot == "yes", given.action)
            print(name, seed, dict(Counter(r[0] for r in scores[name, seed][0].results.values())), file=sys.stderr)
    print(markdown(scores))


if __name__ == "__main__":
    main()
