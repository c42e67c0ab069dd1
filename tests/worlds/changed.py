"""Rules of a world changed at random, and what that does to each session that its log holds, by the world's own rules.

cd tests && python -m worlds.changed --worlds all --seeds 601-610
"""

import argparse
import json
import random
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pandas as pd

import flowkit as fk
from worlds.engine import ECHO, route
from worlds.rules import ANY4, TCP, UDP, Group, PrefixList, Rule, judge
from worlds.scenes import WORLDS
from worlds.snapshot import snapshot

#: Causes that rules have; what is refused by others, no rule lets pass.
RULES = ("security-group", "network-acl", "security-group-and-network-acl")


# --------------------------------------------------------------------------------------- changes


def change(world, rng: random.Random):
    """A scene like the world's whose rules are changed in one or two ways, and the words for it."""
    scene, said = world.build(world.seed), []
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.choice(
            [name for name in KINDS for _ in range(2 if name in ("drop", "narrow", "admit", "deny") else 1)]
        )
        said.append(f"{kind}: {KINDS[kind](scene, world, rng)}")
    return scene, "; ".join(said)


def _in_force(scene, rng) -> tuple:
    """A group that an interface has, and one of its rules."""
    used = [g for g in scene.groups if g.members and any(r.since <= scene.end < r.until for r in g.rules)]
    group = rng.choice(used)
    return group, rng.choice([r for r in group.rules if r.since <= scene.end < r.until])


def _drop(scene, world, rng) -> str:
    group, rule = _in_force(scene, rng)
    group.rules.remove(rule)
    return f"{group.name} loses {rule}"


def _narrow(scene, world, rng) -> str:
    group, rule = _in_force(scene, rng)
    if isinstance(rule.peer, str) and ip_network(rule.peer).prefixlen < 32:
        halves = list(ip_network(rule.peer).subnets(rng.choice((1, 1, 2, 3))))
        rule.peer = str(rng.choice([*halves, ip_network(group.vpc.cidr)] if "." in rule.peer else halves))
    elif isinstance(rule.peer, Group):
        rule.peer = f"{rng.choice(rule.peer.members).address}/32" if rule.peer.members else ANY4
    else:
        rule.peer = rule.peer.cidrs[0] if isinstance(rule.peer, PrefixList) else rule.peer
    return f"{group.name} has {rule}"


def _ports(scene, world, rng) -> str:
    group, rule = _in_force(scene, rng)
    port = rng.choice([s.sport for s in scene.sessions if s.protocol == TCP])
    rule.protocol, rule.low, rule.high = TCP, port, rng.choice((port, 65535))
    return f"{group.name} has {rule}"


def _admit(scene, world, rng) -> str:
    """A rule for a session that is refused, or for its port and everybody."""
    refused = [(n, s) for n, s in enumerate(world.scene.sessions) if s.refusals]
    n, session = rng.choice(refused or list(enumerate(world.scene.sessions)))
    eni = session.refusals[0][1].id if session.refusals else next(h.interface.id for h in route(session))
    hop = next(h for h in route(scene.sessions[n]) if h.interface.id == eni)
    far = hop.pkt_dst if hop.egress else hop.pkt_src
    wide = str(ip_network(far).supernet(new_prefix=rng.choice((8, 16, 24, 32)))) if "." in far else f"{far}/128"
    port = ECHO[session.protocol][1] if session.protocol in ECHO else hop.sport
    if hop.interface.groups and rng.random() < 0.8:
        group = rng.choice(hop.interface.groups)
        group.rules.append(Rule(hop.egress, session.protocol, port, port, wide))
        said = f"{group.name} gets {group.rules[-1]}"
    else:
        said = ""
    if rng.random() < 0.4:
        acl = hop.interface.subnet.acl
        acl.entries.append(Rule(hop.egress, session.protocol, port, port, wide, number=rng.randrange(1, 30)))
        said += f" {acl.name} gets {acl.entries[-1]}"
    return said


def _deny(scene, world, rng) -> str:
    """An entry that denies a session, or its answers, at one of its interfaces."""
    hop = rng.choice(route(session := rng.choice(scene.sessions)))
    far = hop.pkt_dst if hop.egress else hop.pkt_src
    wide = str(ip_network(far).supernet(new_prefix=rng.choice((16, 24, 26, 32)))) if "." in far else f"{far}/128"
    reply = rng.random() < 0.4
    port = ECHO[session.protocol][not reply] if session.protocol in ECHO else hop.sport
    low, high = rng.choice(((1024, 65535), (40000, 50000), (61000, 65535))) if reply and port > 8 else (port, port)
    acl = hop.interface.subnet.acl
    acl.entries.append(Rule(hop.egress != reply, session.protocol, low, high, wide, rng.randrange(1, 30), allow=False))
    return f"{acl.name} gets {acl.entries[-1]}"


def _entry(scene, world, rng) -> str:
    acl = rng.choice([a for a in scene.acls if a.entries])
    entry = rng.choice(acl.entries)
    acl.entries.remove(entry)
    return f"{acl.name} loses {entry}"


def _ephemeral(scene, world, rng) -> str:
    acl = rng.choice([a for a in scene.acls if a.entries])
    entry = rng.choice(acl.entries)
    entry.protocol, (entry.low, entry.high) = (
        rng.choice((TCP, UDP)),
        rng.choice(((32768, 60999), (1024, 65535), (49152, 65535))),
    )
    return f"{acl.name} has {entry}"


def _list(scene, world, rng) -> str:
    if not scene.lists:
        return _drop(scene, world, rng)
    listed = rng.choice(scene.lists)
    listed.cidrs[0] = str(list(ip_network(listed.cidrs[0]).subnets(1))[rng.randrange(2)])
    listed.cidrs += ["81.20.9.64/27"] if rng.random() < 0.5 else []
    return f"{listed.name} is {listed.cidrs}"


def _regroup(scene, world, rng) -> str:
    one = rng.choice([i for i in scene.interfaces if i.groups and i.until > scene.end])
    group = rng.choice([g for g in scene.groups if g.vpc is one.subnet.vpc])
    if rng.random() < 0.5 and len(one.groups) > 1:
        group = one.groups.pop()
        group.members.remove(one)
    elif group not in one.groups:
        one.groups.append(group)
        group.members.append(one)
    return f"{one.name} has {[g.name for g in one.groups]}"


def _nothing(scene, world, rng) -> str:
    group, rule = _in_force(scene, rng)
    group.rules.append(Rule(rule.egress, rule.protocol, rule.low, rule.high, rule.peer))
    scene.groups[-1].rules.append(Rule(False, TCP, 9, 9, "192.0.2.0/24"))
    return f"{group.name} has {rule} twice"


KINDS = {
    "drop": _drop, "narrow": _narrow, "ports": _ports, "admit": _admit, "deny": _deny, "entry": _entry,
    "ephemeral": _ephemeral, "list": _list, "regroup": _regroup, "nothing": _nothing,
}  # fmt: skip


# ----------------------------------------------------------------------------------------- truth


@dataclass
class Truth:
    """By key (interface, client, server, protocol, port): numbers of sessions that are accepted in the log and that the
    changed rules reject at the interface, or do not; rejected in the log and that they let pass there, or do not; and
    rejected ones that they let pass on the whole way."""

    lost: Counter = field(default_factory=Counter)
    kept: Counter = field(default_factory=Counter)
    gained: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)
    through: Counter = field(default_factory=Counter)


def _key(interface, client, server, protocol, port) -> tuple:
    """What tells sessions apart; of pings no log without flow-direction says who began."""
    ends = sorted((client, server)) if protocol in ECHO else (client, server)
    return interface, *ends, protocol, -1 if protocol in ECHO else port


def truth(world, scene, plain=False) -> Truth:
    """What the rules of `scene` do to the sessions in the log of `world`, compared with its rules of the end.

    plain: keys have the addresses that the default format logs, not the packets' own.
    """
    accepted, rejected = defaultdict(set), defaultdict(set)
    for record in world.records:
        for session in record.sessions:
            (accepted if record.action == "ACCEPT" else rejected)[session, record.hop].add(record.forward)
    others = {i.id: i for i in scene.interfaces}
    made, end, passing = Truth(), world.scene.end, {}

    def passes(session, hop, interface, replied) -> bool:
        """Whether the request and, where there is one, the reply pass by the rules of the interface at the end."""
        way = (hop.pkt_dst if hop.egress else hop.pkt_src, session.protocol)
        ports = ECHO[session.protocol][::-1] if session.protocol in ECHO else (hop.sport, hop.cport)
        key = (interface, hop.egress, *way, ports, hop.border, replied)
        if key not in passing:
            ask = judge(interface, hop.egress, *way, ports[0], end, hop.border)
            back = judge(interface, not hop.egress, *way, ports[1], end, hop.border)
            passing[key] = ask.groups and ask.acl and (back.acl or not replied)
        return passing[key]

    for (session, hop), ways in (accepted | rejected).items():
        ends = (hop.src, hop.dst) if plain else (hop.pkt_src, hop.pkt_dst)
        key = _key(hop.interface.id, *ends, session.protocol, hop.sport)
        one, other = hop.interface, others[hop.interface.id]
        if ways := accepted.get((session, hop)):
            before, after = (passes(session, hop, each, False in ways) for each in (one, other))
            (made.lost if before and not after else made.kept)[key] += 1
        causes = {cause for _t, there, _forward, cause, _text in session.refusals if there is one}
        if (session, hop) in rejected and causes & set(RULES):
            before, after = (passes(session, hop, each, True) for each in (one, other))
            (made.gained if after and not before else made.refused)[key] += 1
            whole = all(passes(session, each, others[each.interface.id], True) for each in route(session))
            made.through[key] += after and not before and whole
    return made


# --------------------------------------------------------------------------------------- counted


def counted(world, scene, log, folder: Path, plain=False) -> tuple[Counter, list[str]]:
    """What of flowkit's answer on the changed rules is right and wrong, and words on each wrong one."""
    told = truth(world, scene, plain)
    answer = fk.what_if(log, after=folder)
    said = defaultdict(dict)
    for row in answer.replay.clients.itertuples():
        port = -1 if pd.isna(row.server_port) else int(row.server_port)
        key = _key(row.interface_id, row.client, row.server, int(row.protocol), port)
        said[row.verdict][key] = said[row.verdict].get(key, 0) + row.sessions
    made, wrong = Counter(changes=1), []
    made["truly safe"] = not told.lost
    made["said nothing rejected"] = answer.verdict == "nothing rejected"
    made["said nothing seen rejected"] = answer.verdict == "nothing seen rejected"
    made["said rejected"] = answer.verdict == "rejected"
    if answer.verdict.startswith("nothing") and told.lost:
        wrong.append(f"wrong safe: {dict(told.lost)}")
    made["truly rejected"], made["truly passing"] = len(told.lost), len(told.gained)
    made["rejected told"] = len(said["newly rejected"].keys() & told.lost.keys())
    made["passing told"] = len(said["newly passes"].keys() & told.gained.keys())
    made["undetermined"] = len(said["undetermined"])
    if not told.lost and not answer.verdict.startswith("nothing"):  # why it is not said, though it would be right
        made.update(f"withheld: {why}" for why in answer.reasons)
    wrong += [f"wrong rejected: {key}" for key in said["newly rejected"].keys() - told.lost.keys()]
    wrong += [f"too many rejected: {key} {n}" for key, n in said["newly rejected"].items() if 0 < told.lost[key] < n]
    wrong += [f"wrong passes: {key}" for key in said["newly passes"].keys() - told.gained.keys()]
    wrong += [f"too many pass: {key} {n}" for key, n in said["newly passes"].items() if 0 < told.gained[key] < n]
    wrong += [f"not through: {key}" for key in said["newly passes"] if told.gained[key] and not told.through[key]]
    missed = told.lost.keys() - said["newly rejected"].keys() - said["undetermined"].keys()
    wrong += [f"missed rejected: {key}" for key in missed]
    made.update(line.split(":")[0] for line in wrong)
    return made, wrong


def run(name: str, seed: int, version=5, number=8) -> tuple[Counter, list[str]]:
    """The counts of `number` random changes of one world."""
    world, total, lines = WORLDS[name](seed), Counter(), []
    rng = random.Random(f"{name} {seed}")
    with tempfile.TemporaryDirectory() as folder:
        world.write(Path(folder) / "world", version)
        log = fk.load(f"{folder}/world/AWSLogs", network=f"{folder}/world/network")
        for at in range(number):
            scene, words = change(world, rng)
            place = Path(folder) / f"after-{at}"
            place.mkdir()
            for file, made in snapshot(scene).items():
                (place / file).write_text(json.dumps(made))
            made, wrong = counted(world, scene, log, place, version == 2)
            total += made
            lines += [f"{name} {seed} {version} [{words}] {line}" for line in wrong]
    return total, lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", default="all")
    parser.add_argument("--seeds", default="601-610")
    parser.add_argument("--version", default=5, type=int)
    parser.add_argument("--number", default=8, type=int)
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    total = Counter()
    for name in WORLDS if given.worlds == "all" else given.worlds.split(","):
        for seed in range(int(first), int(last or first) + 1):
            made, wrong = run(name, seed, given.version, given.number)
            total += made
            print("\n".join([f"{name} {seed} {dict(made)}", *wrong]), flush=True)
    print(dict(total))


if __name__ == "__main__":
    main()
