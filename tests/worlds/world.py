"""A scene (networks, sessions, what is planted), and the world that it becomes once its sessions are played.

world = WORLDS["nat"](seed)
world.write(folder, version=5, action="ALL", snapshot=True)     # AWSLogs/, network/, truth.json
replay(fix, world, problem)                                     # what a proposed fix lets pass
"""

import gzip
import hashlib
import json
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import collapse_addresses, ip_network
from math import inf
from pathlib import Path

from worlds import fixes
from worlds.engine import Engine, Session
from worlds.rules import (
    ANY4, ANY6, ICMP, ICMP6, TCP, UDP, Acl, Group, Interface, PrefixList, Subnet, Vpc, inside,
)  # fmt: skip
from worlds.snapshot import snapshot

REGION = "eu-west-1"
V2 = """version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action
log-status"""
V5 = f"""{V2} vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type
sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"""
#: Formats by name: AWS's default, all fields up to version 5, and these without what some people leave out.
FORMATS = {2: V2.split(), 5: V5.split()}
FORMATS["no-flags"] = [f for f in FORMATS[5] if f != "tcp-flags"]
FORMATS["no-direction"] = [f for f in FORMATS[5] if f not in ("flow-direction", "traffic-path")]
FORMATS["no-pkt"] = [f for f in FORMATS[5] if not f.startswith("pkt-")]
#: First octets of strangers' addresses.
STRANGERS = (23, 31, 45, 62, 77, 80, 81, 87, 91, 93, 109, 141, 151, 176, 188, 212, 217)


@dataclass(frozen=True)
class Problem:
    """What is planted. kinds: DESIGN's kinds that name it rightly, the best first; causes: likewise, of the
    rules then and (where they differ) of a snapshot of the end. fix: commands that repair it."""

    name: str
    kinds: tuple
    causes: tuple
    fix: str = ""
    note: str = ""


class Scene:
    """Networks, sessions and what is planted, before anything is sent."""

    def __init__(self, name, seed, hours=2.0, window=60, tcp_idle=350, late_files=0.0):
        self.name, self.seed, self.window, self.tcp_idle = name, seed, window, tcp_idle
        self.late_files = late_files
        self.rng = random.Random(f"{name} {seed}")
        day = datetime(2026, 9, 1, 6, tzinfo=UTC).timestamp() + 86400 * (seed % 60)
        self.start, self.end = day, day + hours * 3600
        self.vpcs, self.subnets, self.groups, self.acls, self.lists = [], [], [], [], []
        self.interfaces, self.sessions, self.problems, self.logged = [], [], [], None

    def id(self, prefix: str) -> str:
        """A new AWS id."""
        return f"{prefix}-0{self.rng.getrandbits(64):016x}"

    def at(self, share: float) -> float:
        """The moment at a share of the log's time; below 0: before it."""
        return self.start + share * (self.end - self.start)

    def vpc(self, name, cidr, account="111122223333") -> Vpc:
        """A VPC with its flow log."""
        self.vpcs.append(Vpc(self.id("vpc"), name, cidr, account, self.id("fl")))
        return self.vpcs[-1]

    def acl(self, vpc, name, open=True) -> Acl:
        """A network ACL; `open`: lets all pass, at number 100."""
        self.acls.append(Acl(self.id("acl"), name, vpc))
        for egress in (True, False) if open else ():
            self.acls[-1].entry(100, "all", None, ANY4, egress=egress)
            self.acls[-1].entry(101, "all", None, ANY6, egress=egress)
        return self.acls[-1]

    def subnet(self, vpc, name, cidr, acl=None, **more) -> Subnet:
        """A subnet; with an open network ACL of its own unless one is given."""
        acl = acl or self.acl(vpc, name)
        self.subnets.append(Subnet(self.id("subnet"), name, vpc, cidr, acl, **more))
        return self.subnets[-1]

    def group(self, vpc, name, *rules, egress=True) -> Group:
        """A security group with ingress `rules` (protocol, ports, peer); `egress`: lets all out."""
        made = Group(self.id("sg"), name, vpc)
        for one in rules:
            made.allow(*one)
        for any_ in (ANY4, ANY6) if egress else ():
            made.allow("all", None, any_, egress=True)
        self.groups.append(made)
        return made

    def prefixes(self, name, *cidrs) -> PrefixList:
        """A managed prefix list."""
        self.lists.append(PrefixList(self.id("pl"), name, list(cidrs)))
        return self.lists[-1]

    def host(self, subnet, name, *groups, kind="interface", more=(), address=None, **rest) -> Interface:
        """An interface with an address of its subnet; `more`: further addresses, the first ones first."""
        taken = {a for i in self.interfaces if i.subnet is subnet for a in i.addresses}
        hosts = ip_network(subnet.cidr)
        free = [
            str(hosts[n]) for n in range(4, min(240, hosts.num_addresses - 1)) if str(hosts[n]) not in taken
        ]
        six = [f"{subnet.six[:-3]}{self.rng.getrandbits(16) + 1:x}"] if subnet.six else []
        made = Interface(
            self.id("eni"), name, subnet, [address or self.rng.choice(free), *more], six, list(groups), kind,
            instance=self.id("i") if kind == "interface" else None,
            phase=self.rng.uniform(0, self.window), **rest,
        )  # fmt: skip
        for group in groups:
            group.members.append(made)
        self.interfaces.append(made)
        return made

    def nat(self, subnet, name="nat") -> Interface:
        """A NAT gateway's interface: no security group."""
        text = f"Interface for NAT Gateway {self.id('nat')}"
        return self.host(subnet, name, kind="nat_gateway", description=text, public=self.stranger())

    def stranger(self) -> str:
        """A public address of nobody in particular."""
        first, *rest = self.rng.choice(STRANGERS), *(self.rng.randrange(1, 255) for _ in range(3))
        return ".".join(map(str, (first, *rest)))

    def strangers(self, count: int) -> list[str]:
        """Public addresses from all over."""
        return [self.stranger() for _ in range(count)]

    def draw(self, cidr: str, count: int) -> list[str]:
        """Different addresses of a CIDR."""
        hosts = ip_network(cidr)
        top = min(hosts.num_addresses - 1, 250)
        return [str(hosts[n]) for n in self.rng.sample(range(1, top), count)]

    def moments(self, count=None, every=None, begin=0.0, stop=1.0, jitter=0.15) -> list[float]:
        """`count` random moments, or one each `every` seconds, between two shares of the log's time."""
        low, high = self.at(begin), self.at(stop)
        if count is not None:
            return sorted(self.rng.uniform(low, high) for _ in range(count))
        low += self.rng.uniform(0, every)
        steps = range(max(0, int((high - low) / every) + 1))
        return [
            low + (n + self.rng.uniform(0, jitter)) * every for n in steps if low + (n + 0.2) * every < high
        ]

    def tcp(self, clients, server, port, moments, tag=None, dur=None, beat=None, pushes=(), **more) -> None:
        """TCP sessions of `clients` (each moment one of them) with `server`.

        dur: seconds that they last; beat: seconds between requests (default: one request).
        """
        for t in moments:
            length = dur if dur is not None else self.rng.expovariate(1 / 8)
            times = [0.05]
            if beat:
                times = [0.05 + n * beat for n in range(int(length / beat) + 1)]
            beats = tuple((at, *self._sizes()) for at in times) if beat else ((0.05, *self._sizes()),)
            if not beat and length > 1:
                beats += ((length, 1, 120, 2, 300),)
            self._session(clients, server, TCP, port, t, tag, beats=beats, pushes=tuple(pushes), **more)

    def _sizes(self) -> tuple:
        asked, got = self.rng.randrange(2, 8), self.rng.randrange(2, 30)
        return asked, asked * self.rng.randrange(60, 400), got, got * self.rng.randrange(200, 1400)

    def udp(self, clients, server, port, moments, tag=None, size=80, reply=1, tries=1, beats=(0.0,), **more):
        """UDP requests, sent again every 5 s up to `tries` times; reply: packets of an answer."""
        steps = tuple((at, 1, size, reply, reply * size * 2) for at in beats)
        for t in moments:
            self._session(clients, server, UDP, port, t, tag, beats=steps, tries=tries, **more)

    def ping(self, clients, server, moments, tag=None, six=False) -> None:
        """ICMP echo requests, one at each moment."""
        protocol = ICMP6 if six else ICMP
        for t in moments:
            self._session(clients, server, protocol, 0, t, tag, cport=0, six=six)

    def _session(
        self, clients, server, protocol, port, t, tag, cport=None, ports=(32768, 60999), six=False, **more
    ):
        several = clients if isinstance(clients, list) else [clients]
        client, server = endpoint(self.rng.choice(several), six), endpoint(server, six)
        more.setdefault("delay", self.rng.uniform(0.001, 0.01 if client[0] else 0.1))
        cport = self.rng.randint(*ports) if cport is None else cport
        made = Session(client, server, protocol, cport, port, t, tag, **more)
        made.nat_port = self.rng.randint(1024, 65535)
        self.sessions.append(made)

    def plant(self, name, kinds, causes, fix="", note="") -> None:
        """Say what is planted: sessions tagged `name` belong to it; other tags are innocent."""
        kinds, causes = (tuple(x.split()) if isinstance(x, str) else x for x in (kinds, causes))
        self.problems.append(Problem(name, kinds, causes, fix, note))

    def changes(self) -> list[float]:
        """The moments at which a rule or an interface comes or goes."""
        ruled = [r for g in self.groups for r in g.rules] + [e for a in self.acls for e in a.entries]
        return sorted({t for x in (*ruled, *self.interfaces) for t in (x.since, x.until) if abs(t) != inf})

    def engine(self) -> Engine:
        """An engine that nothing has been sent through."""
        return Engine(self.start, self.end, self.window, self.changes(), self.tcp_idle)


def endpoint(one, six=False) -> tuple:
    """(interface or None, address) of an interface, an address, or such a pair (a pod on a node)."""
    if isinstance(one, Interface):
        return one, one.six[0] if six else one.address
    return one if isinstance(one, tuple) else (None, one)


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
        innocent = sorted({s.tag for s in self.scene.sessions if s.tag} - planted)
        return {
            "world": self.name,
            "seed": self.seed,
            "start": iso(self.scene.start),
            "end": iso(self.scene.end),
            "problems": [_problem_truth(p, tagged[p.name]) for p in self.scene.problems],
            "innocent": [
                {"name": tag, **group} for tag in innocent for group in _groups(self.scene.sessions, tag)
            ],
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
            "srcaddr": _cidrs(s.client[1] for s in some),
            "dstaddr": sorted({a for s in some for a in _asked(s)}),
            "protocol": some[0].protocol if some else None,
            "dstport": sorted({p for s in some for p in _ports(s) if p}),
        },
        "seen_at": sorted({r.hop.interface.id for r in records}),
        "seen_as": {
            "srcaddr": sorted({a for r in records for a in (r.hop.src, r.hop.pkt_src)}),
            "dstaddr": sorted({a for r in records for a in (r.hop.dst, r.hop.pkt_dst)}),
        },
        "rule": sorted(rules),
        "fix": problem.fix,
        "note": problem.note,
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


def write_log(scene, records, folder: Path, fields: list) -> None:
    """Records and NODATA rows in five-minute files, as AWS puts them into S3; some files come late.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
    """
    version = str(2 + sum(name in fields for name in ("vpc-id", "region", "flow-direction")))
    rng, slots, busy = random.Random(f"late {scene.name} {scene.seed}"), defaultdict(list), set()
    rows = []
    for r in records:
        rows.append((r.hop.interface, int(r.start), int(r.end), _values(r)))
        busy.add((r.hop.interface, r.window))
    for interface in scene.logged or scene.interfaces:
        low, high = max(scene.start, interface.since), min(scene.end, interface.until)
        for window in range(int((low - interface.phase) // scene.window) + 1, int(high // scene.window)):
            start = int(window * scene.window + interface.phase)
            if (interface, window) not in busy and start + scene.window < high:
                rows.append((interface, start, start + scene.window - 1, {"log-status": "NODATA"}))
    for interface, start, end, values in rows:
        vpc = interface.subnet.vpc
        late = rng.randrange(1, 5) if rng.random() < scene.late_files else 0
        fixed = {
            "version": version, "account-id": vpc.account, "interface-id": interface.id, "vpc-id": vpc.id,
            "subnet-id": interface.subnet.id, "instance-id": interface.instance or "-", "region": REGION,
            "az-id": "euw1-az1", "start": str(start), "end": str(end),
        }  # fmt: skip
        line = " ".join(fixed.get(f) or values.get(f, "-") for f in fields)
        slots[vpc, end // 300 + late].append(line)
    for (vpc, slot), lines in slots.items():
        rng.shuffle(lines)
        text = ("\n".join([" ".join(fields), *lines]) + "\n").encode()
        moment = datetime.fromtimestamp(slot * 300, UTC)
        place = folder / f"AWSLogs/{vpc.account}/vpcflowlogs/{REGION}" / moment.strftime("%Y/%m/%d")
        place.mkdir(parents=True, exist_ok=True)
        mark = hashlib.sha256(text).hexdigest()[:8]
        name = f"{vpc.account}_vpcflowlogs_{REGION}_{vpc.flow_log}_{moment:%Y%m%dT%H%M}Z_{mark}.log.gz"
        (place / name).write_bytes(gzip.compress(text, 6, mtime=0))


def _values(record) -> dict:
    """What the record says of its packets, by AWS's field names."""
    hop, forward = record.hop, record.forward
    ends = [(hop.src, hop.pkt_src, hop.cport), (hop.dst, hop.pkt_dst, hop.sport)]
    (src, pkt_src, sport), (dst, pkt_dst, dport) = ends if forward else reversed(ends)
    ports = record.protocol in (TCP, UDP)
    out = hop.egress == forward
    made = {
        "srcaddr": src,
        "dstaddr": dst,
        "srcport": str(sport) if ports else "0",
        "dstport": str(dport) if ports else "0",
        "protocol": str(record.protocol),
        "packets": str(record.packets),
        "bytes": str(record.bytes),
        "action": record.action,
        "log-status": "OK",
        "tcp-flags": str(record.flags),
        "type": "IPv6" if ":" in src else "IPv4",
        "pkt-srcaddr": pkt_src,
        "pkt-dstaddr": pkt_dst,
        "flow-direction": "egress" if out else "ingress",
    }
    return made | {"traffic-path": _path(hop.interface.subnet, dst) if out else "-"}


def _path(subnet, dst: str) -> str:
    """traffic-path: 1 within the VPC (a NAT or transit gateway too), 4 peering, 8 internet gateway."""
    vpc = subnet.vpc
    link = next((link for other, link in vpc.links.items() if inside(dst, other.cidr)), None)
    if link == "peering":
        return "4"
    near = inside(dst, vpc.cidr) or link or subnet.nat or dst.startswith("100.64.") or ":" in dst
    return "1" if near else "8"


@dataclass(frozen=True)
class Replay:
    """What a fix does. commands: how many it has; passes: no session of the problem is refused any more;
    still: sessions of it that are; opened: names of others that were refused and now are not."""

    commands: int
    passes: bool
    still: int
    opened: tuple


def replay(fix: str, world: World, problem: str) -> Replay:
    """Play all refused sessions again with the fix in force from the beginning."""
    scene = world.build(world.seed)
    number = fixes.apply(fix, scene)
    engine, still, opened = scene.engine(), 0, set()
    order = sorted(range(len(scene.sessions)), key=lambda n: scene.sessions[n].t0)
    for n in order:
        before, again = world.scene.sessions[n], scene.sessions[n]
        if not before.refusals:
            continue
        engine.play(again)
        if again.tag == problem:
            still += bool(again.refusals)
        elif len(again.refusals) < len(before.refusals):
            opened.add(again.tag or "ordinary")
    return Replay(number, bool(number) and not still, still, tuple(sorted(opened)))
