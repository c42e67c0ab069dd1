"""VPCs, subnets, interfaces, security groups and network ACLs, and what their rules say of one packet.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html, .../vpc-network-acls.html
"""

from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network
from math import inf

TCP, UDP, ICMP, ICMP6, ALL = 6, 17, 1, 58, -1
PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "icmpv6": ICMP6, "all": ALL}
ANY4, ANY6 = "0.0.0.0/0", "::/0"


@cache
def _number(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    return parsed.version, int(parsed)


@cache
def _span(cidr: str) -> tuple[int, int, int]:
    network = ip_network(cidr)
    return network.version, int(network[0]), int(network[-1])


def inside(address: str, cidr: str) -> bool:
    """Whether the address lies in the CIDR."""
    (version, value), (family, low, high) = _number(address), _span(cidr)
    return version == family and low <= value <= high


@dataclass(eq=False)
class Vpc:
    """A VPC; `links` says how its packets get to other VPCs: "peering" or the two transit gateway interfaces."""

    id: str
    name: str
    cidr: str
    account: str
    flow_log: str
    links: dict = field(default_factory=dict)


@dataclass(eq=False)
class PrefixList:
    """A managed prefix list."""

    id: str
    name: str
    cidrs: list


@dataclass(eq=False)
class Rule:
    """A security group rule (`number` None) or a network ACL entry, in force from `since` to `until`.

    peer: a CIDR, and in a security group also a Group or a PrefixList. low, high: ports or ICMP type; -1: any.
    """

    egress: bool
    protocol: int
    low: int
    high: int
    peer: object
    number: int | None = None
    allow: bool = True
    since: float = -inf
    until: float = inf

    def fits(self, far: str, protocol: int, port: int, moment: float) -> bool:
        """Whether the rule speaks of a packet of this far end, protocol and destination port (ICMP type)."""
        if self.protocol not in (ALL, protocol) or not self.since <= moment < self.until:
            return False
        if self.low != -1 and not self.low <= port <= self.high:
            return False
        if isinstance(self.peer, Group):
            return any(far in (*i.addresses, *i.six) for i in self.peer.members if i.since <= moment < i.until)
        cidrs = self.peer.cidrs if isinstance(self.peer, PrefixList) else (self.peer,)
        return any(inside(far, cidr) for cidr in cidrs)


def rule(protocol: str, ports, peer, egress=False, **more) -> Rule:
    """A rule by the names that AWS's console uses; ports: one, a pair, or None for all."""
    low, high = (-1, -1) if ports is None else ports if isinstance(ports, tuple) else (ports, ports)
    return Rule(egress, PROTOCOLS[protocol], low, high, peer, **more)


@dataclass(eq=False)
class Group:
    """A security group; it lets all out unless told otherwise."""

    id: str
    name: str
    vpc: Vpc
    rules: list = field(default_factory=list)
    members: list = field(default_factory=list)

    def allow(self, protocol: str, ports, peer, **more) -> "Group":
        """Add a rule; the group."""
        self.rules.append(rule(protocol, ports, peer, **more))
        return self


@dataclass(eq=False)
class Acl:
    """A network ACL; what no entry fits is denied (rule `*`, 32767)."""

    id: str
    name: str
    vpc: Vpc
    entries: list = field(default_factory=list)

    def entry(self, number: int, protocol: str, ports, peer, **more) -> "Acl":
        """Add an entry; the ACL."""
        self.entries.append(rule(protocol, ports, peer, number=number, **more))
        return self


@dataclass(eq=False)
class Subnet:
    """A subnet; `nat`: the interface that carries its IPv4 traffic to the internet, if it is private."""

    id: str
    name: str
    vpc: Vpc
    cidr: str
    acl: Acl
    six: str | None = None
    nat: "Interface | None" = None


@dataclass(eq=False)
class Interface:
    """A network interface; the first address is the primary one. `timeouts`: idle seconds by protocol that
    its connection tracking is set to."""

    id: str
    name: str
    subnet: Subnet
    addresses: list
    six: list
    groups: list
    kind: str = "interface"
    instance: str | None = None
    description: str = ""
    public: str | None = None
    since: float = -inf
    until: float = inf
    phase: float = 0.0
    timeouts: dict = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The primary private IPv4 address."""
        return self.addresses[0]


@dataclass(frozen=True)
class Verdict:
    """What the rules say of a packet: by whom it is let pass, the rules that refuse, is the flow untracked."""

    groups: bool
    acl: bool
    untracked: bool
    lacking: str
    denying: str


def judge(interface: Interface, egress: bool, far: str, protocol: int, port: int, moment: float, border: bool):
    """The verdict of the interface's groups and, at the subnet's border, of the subnet's network ACL."""
    fitting = [
        r
        for group in interface.groups
        for r in group.rules
        if r.egress == egress and r.fits(far, protocol, port, moment)
    ]
    entry = None
    if border:
        entries = [e for e in interface.subnet.acl.entries if e.egress == egress]
        entries = [e for e in entries if e.fits(far, protocol, port, moment)]
        entry = min(entries, key=lambda e: e.number, default=rule("all", None, ANY4, number=32767, allow=False))
    way = "egress" if egress else "ingress"
    return Verdict(
        groups=bool(fitting) or not interface.groups,
        acl=entry is None or entry.allow,
        untracked=protocol in (TCP, UDP) and _untracked(interface, egress, protocol, fitting, moment),
        lacking=",".join(sorted(group.id for group in interface.groups)),
        denying=f"{interface.subnet.acl.id}:{way}:{entry.number}" if entry else "",
    )


def _untracked(interface, egress, protocol, fitting, moment) -> bool:
    """A flow that 0.0.0.0/0 lets pass, where 0.0.0.0/0 on all ports also lets all answers pass, has no state.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
    """
    wide = [r.peer for r in fitting if r.peer in (ANY4, ANY6)]
    return bool(wide) and any(
        r.egress != egress
        and r.peer == wide[0]
        and r.protocol in (ALL, protocol)
        and (r.low in (-1, 0) and r.high in (-1, 65535))
        and r.since <= moment < r.until
        for group in interface.groups
        for r in group.rules
    )
