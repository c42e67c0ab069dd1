"""Networks, sessions and what is planted in them, in the words that the worlds are written in."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from math import inf

from worlds.engine import Engine, Session
from worlds.rules import ANY4, ANY6, ICMP, ICMP6, TCP, UDP, Acl, Group, Interface, PrefixList, Subnet, Vpc

#: First octets of strangers' addresses.
STRANGERS = (23, 31, 45, 62, 77, 80, 81, 87, 91, 93, 109, 141, 151, 176, 188, 212, 217)


@dataclass(frozen=True)
class Problem:
    """What is planted. kinds: DESIGN's kinds that name it rightly, the best first; causes: likewise, of the
    rules then and (where they differ) of a snapshot of the end."""

    name: str
    kinds: tuple
    causes: tuple


class Scene:
    """Networks, sessions and what is planted, before anything is sent."""

    def __init__(self, name, seed, hours=2.0, window=60, tcp_idle=350, late_files=0.0):
        self.name, self.seed, self.window, self.tcp_idle = name, seed, window, tcp_idle
        self.late_files = late_files
        self.rng = random.Random(f"{name} {seed}")
        self.pace, self.used = self.rng.uniform(0.9, 1.5), set()
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
        free = [str(hosts[n]) for n in range(4, min(240, hosts.num_addresses - 1)) if str(hosts[n]) not in taken]
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
        """About `count` random moments, or one each `every` seconds or so, between two shares of the log's
        time; how many more or fewer is the seed's."""
        low, high = self.at(begin), self.at(stop)
        if count is not None:
            return sorted(self.rng.uniform(low, high) for _ in range(round(count * self.pace)))
        every /= self.pace
        low += self.rng.uniform(0, every)
        steps = range(max(0, int((high - low) / every) + 1))
        return [low + (n + self.rng.uniform(0, jitter)) * every for n in steps if low + (n + 0.2) * every < high]

    def tcp(self, clients, server, port, moments, tag=None, dur=None, beat=None, pushes=(), sent=None, **more) -> None:
        """TCP sessions of `clients` (each moment one of them) with `server`.

        dur: seconds that they last; beat: seconds between requests (default: one request); sent: bytes of each.
        """
        for t in moments:
            length = dur if dur is not None else self.rng.expovariate(1 / 8)
            times = [0.05]
            if beat:
                times = [0.05 + n * beat for n in range(int(length / beat) + 1)]
            beats = tuple((at, *self._sizes(sent)) for at in times)
            if not beat and length > 1:
                beats += ((length, 1, 120, 2, 300),)
            self._session(clients, server, TCP, port, t, tag, beats=beats, pushes=tuple(pushes), **more)

    def _sizes(self, sent=None) -> tuple:
        if sent is not None:
            return sent // 1400 + 1, sent, sent // 2800 + 1, 60 * (sent // 2800 + 1)
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

    def _session(self, clients, server, protocol, port, t, tag, cport=None, ports=(32768, 60999), six=False, **more):
        several = clients if isinstance(clients, list) else [clients]
        client, server = endpoint(self.rng.choice(several), six), endpoint(server, six)
        more.setdefault("delay", self.rng.uniform(0.001, 0.01 if client[0] else 0.1))
        if cport is None:  # drawn anew: two sessions at once never have the same
            free = (self.rng.randint(*ports) for _ in range(1000))
            cport = next(n for n in free if (client[1], server[1], protocol, port, n) not in self.used)
        self.used.add((client[1], server[1], protocol, port, cport))
        made = Session(client, server, protocol, cport, port, t, tag, **more)
        made.nat_port = self.rng.randint(1024, 65535)
        self.sessions.append(made)

    def plant(self, name, kinds, causes) -> None:
        """Say what is planted: sessions tagged `name` belong to it; other tags are innocent."""
        kinds, causes = (tuple(x.split()) if isinstance(x, str) else x for x in (kinds, causes))
        self.problems.append(Problem(name, kinds, causes))

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
