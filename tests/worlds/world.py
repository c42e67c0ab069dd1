"""A scene whose sessions are played: its flow log, its snapshot, and the truth about what is planted.

world = WORLDS["nat"](seed)
world.write(folder, version=5, action="ALL", snapshot=True)     # AWSLogs/, network/, truth.json
replay(fix, world, problem)                                     # what a proposed fix lets pass
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import collapse_addresses, ip_network
from pathlib import Path

from worlds import fixes
from worlds.log import FORMATS, write_log
from worlds.scene import Problem
from worlds.snapshot import snapshot


class World:
    """A scene whose sessions are played. `records` are the flow log records with a packet; `scene` the rules."""

    def __init__(self, build, seed: int):
        self.build, self.seed = build, seed
        self.scene = build(seed)
        engine = self.scene.engine()
        for session in sorted(self.scene.sessions, key=lambda s: s.t0):
            engine.play(session)
        logged = self.scene.logged
        self.records = [r for r in engine.records.values() if logged is None or r.hop.interface in logged]

    @property
    def name(self) -> str:
        """The scene's name."""
        return self.scene.name

    def write(self, folder, version=5, action="ALL", snapshot=True) -> dict:
        """Write logs, network/ and truth.json into `folder`; the truth.

        version: 2, 5, or a name of `FORMATS`; action: ALL, ACCEPT or REJECT, what the flow log is made for.
        """
        folder = Path(folder)
        records = [r for r in self.records if action in ("ALL", r.action)]
        write_log(self.scene, records, folder, FORMATS[version])
        if snapshot:
            (folder / "network").mkdir(parents=True)
            for name, made in self.network().items():
                (folder / "network" / name).write_text(json.dumps(made, indent=1))
        truth = self.truth(records) | {"version": version, "action": action, "snapshot": snapshot}
        (folder / "truth.json").write_text(json.dumps(truth, indent=1))
        return truth

    def network(self) -> dict:
        """The snapshot: file name -> what the AWS CLI prints."""
        return snapshot(self.scene)

    def truth(self, records=None) -> dict:
        """What is planted and what is innocent, with the numbers of `records` (default: all)."""
        records = self.records if records is None else records
        planted = {p.name for p in self.scene.problems}
        tagged = defaultdict(list)
        for record in records:
            for tag in {s.tag for s in record.sessions if s.tag}:
                tagged[tag].append(record)
        innocent = sorted(
            {s.tag for s in self.scene.sessions if s.tag} - planted, key=lambda tag: (tag == "noise", tag)
        )
        return {
            "world": self.name,
            "seed": self.seed,
            "start": iso(self.scene.start),
            "end": iso(self.scene.end),
            "problems": [_problem_truth(p, tagged[p.name]) for p in self.scene.problems],
            "innocent": [{"name": tag, **group} for tag in innocent for group in _groups(self.scene.sessions, tag)],
        }


def iso(seconds: float) -> str:
    """ISO 8601 in UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _problem_truth(problem: Problem, records: list) -> dict:
    """The planted problem as truth.json has it; its numbers are those of its refused records, or, where
    nothing is refused (exposed-service and the like), of all its records at the server."""
    refusing = problem.causes != ("none",)
    if refusing:
        mine = [r for r in records if r.action == "REJECT"]
    else:
        mine = [r for r in records if any(r.hop.interface is s.server[0] for s in r.sessions)]
    sessions = {s for r in mine for s in r.sessions if s.tag == problem.name}
    some = sorted(sessions, key=lambda s: s.t0)
    rules = {text for s in some for t, _, _, _, text in s.refusals if text}
    return {
        "name": problem.name,
        "kind": problem.kinds[0],
        "kinds": problem.kinds,
        "cause": None if not refusing else problem.causes[0],
        "causes": problem.causes if refusing else (None,),
        "subject": {
            "interface_id": sorted({r.hop.interface.id for r in mine}),
            "srcaddr": _cidrs([s.client[1] for s in some] + [r.hop.pkt_src for r in mine]),
            "dstaddr": sorted({a for s in some for a in _asked(s)} | {r.hop.pkt_dst for r in mine}),
            "protocol": some[0].protocol if some else None,
            "dstport": sorted({p for s in some for p in _ports(s) if p}),
        },
        "seen_at": sorted({r.hop.interface.id for r in records}),
        "seen_as": {
            "srcaddr": sorted({a for r in records for a in (r.hop.src, r.hop.pkt_src)}),
            "dstaddr": sorted({a for r in records for a in (r.hop.dst, r.hop.pkt_dst)}),
        },
        "names": {a: i.name for s in some for i, a in (s.client, s.server) if i and i.instance},
        "rule": sorted(rules),
        "counts": counts(problem.name, mine),
        "interfaces": {
            eni: counts(problem.name, [r for r in mine if r.hop.interface.id == eni])
            for eni in sorted({r.hop.interface.id for r in mine})
        },
    }


def _asked(session) -> list:
    """Addresses that the session's server is known by, at one interface or another."""
    return [session.server[1], *([session.target[0][1]] if session.target else [])]


def _ports(session) -> list:
    return [session.sport, *([session.target[1]] if session.target else [])]


def counts(tag: str, records: list) -> dict:
    """The planted numbers: attempts are sessions that never came about, cut sessions those that had.

    A UDP request or ICMP echo from a fixed port is an attempt each. Clients are counted as the refusing
    interface sees them: many behind a NAT gateway are one.
    """
    sessions = {s for r in records for s in r.sessions if s.tag == tag}
    clients = {r.hop.pkt_src for r in records}
    cut = sum(s.cut for s in sessions)
    return {
        "clients": len(clients),
        "sessions": len(sessions),
        "attempts": len(sessions) - cut,
        "cut_sessions": cut,
        "records": len(records),
        "packets": sum(r.packets for r in records),
        "first": iso(min((r.start for r in records), default=0)),
        "last": iso(max((r.end for r in records), default=0)),
    }


def _cidrs(addresses) -> list:
    networks = {ip_network(a) for a in addresses}
    parts = ([n for n in networks if n.version == v] for v in (4, 6))
    return [str(n) for part in parts for n in collapse_addresses(part)]


def _groups(sessions, tag) -> list:
    """Who wants what in an innocent group: one entry a server, protocol and port."""
    found = defaultdict(set)
    for s in (s for s in sessions if s.tag == tag):
        for address in _asked(s):
            for port in _ports(s):
                found[address, s.protocol, port].add(s.client[1])
    return [
        {"srcaddr": _cidrs(clients), "dstaddr": address, "protocol": protocol, "dstport": port}
        for (address, protocol, port), clients in sorted(found.items())
    ]


@dataclass(frozen=True)
class Replay:
    """What a fix does. commands: how many it has; passes: no session of the problem is refused any more;
    still: sessions of it that are; opened: names of others that were refused and now are not."""

    commands: int
    passes: bool
    still: int
    opened: tuple


def replay(fix: str, world: World, problem: str, at: str | None = None) -> Replay:
    """Play all refused sessions again with the fix in force from the beginning.

    at: the interface whose refusals the fix is for (default: all of the problem).
    """
    scene = world.build(world.seed)
    number = fixes.apply(fix, scene)
    engine, still, opened = scene.engine(), 0, set()
    order = sorted(range(len(scene.sessions)), key=lambda n: scene.sessions[n].t0)
    for n in order:
        before, again = world.scene.sessions[n], scene.sessions[n]
        if not before.refusals:
            continue
        engine.play(again)
        if again.tag != problem and len(again.refusals) < len(before.refusals):
            opened.add(again.tag or "ordinary")
        elif again.tag == problem and at in (None, before.refusals[0][1].id):
            still += bool(again.refusals)
    return Replay(number, bool(number) and not still, still, tuple(sorted(opened)))
