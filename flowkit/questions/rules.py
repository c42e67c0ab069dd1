"""What a snapshot's rules say of one packet: exact, first match for the ACL, any match for the groups.

Security groups are stateful: they are not asked for a reply. Network ACLs are stateless, and are asked only where a
packet enters or leaves the subnet: two interfaces of one subnet talk past them.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html and .../vpc-network-acls.html
"""

from dataclasses import dataclass
from ipaddress import ip_address

from flowkit.loading.network import LAST_RULES, Entry, Interface, Match, Rule, Snapshot
from flowkit.net import ICMP


@dataclass(frozen=True)
class Packet:
    """One packet at an interface; `egress` leaves it. `icmp` is (type, code) for ICMP and ICMPv6."""

    egress: bool
    srcaddr: str
    dstaddr: str
    protocol: int
    dstport: int | None = None
    icmp: tuple[int, int] | None = None

    @property
    def peer(self) -> str:
        """The address at the far end."""
        return self.dstaddr if self.egress else self.srcaddr

    @property
    def text(self) -> str:
        """Such as `tcp/443 from 10.0.0.5`."""
        low, high = self.icmp or (self.dstport, self.dstport)
        match = Match(self.protocol, low, high if self.protocol not in ICMP else None)
        return f"{match.text} {'to' if self.egress else 'from'} {self.peer}"


@dataclass(frozen=True)
class Verdict:
    """What the rules say of a packet.

    `groups_allow` and `acl_allows` are None where that guard is not asked: groups for a reply or on an interface
    without any, the ACL inside the subnet. `rules` are the group rules that let the packet pass, `entry` the ACL rule
    that decided (None: no rule fits, which denies). `unknown` says what the snapshot lacks that could change it.
    """

    packet: Packet
    group_ids: tuple[str, ...]
    groups_allow: bool | None
    rules: tuple[Rule, ...]
    acl_id: str | None
    acl_allows: bool | None
    entry: Entry | None
    unknown: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        """Who refuses the packet, in the words of findings.json; `rules-changed` where nobody does."""
        guards = {"security-group": self.groups_allow, "network-acl": self.acl_allows}
        return "-and-".join(name for name, allows in guards.items() if allows is False) or "rules-changed"

    @property
    def allowed(self) -> bool:
        """Whether the packet passes."""
        return self.groups_allow is not False and self.acl_allows is not False

    @property
    def deny(self) -> tuple | None:
        """What identifies the ACL entry that denies the packet, where it is one that somebody wrote."""
        entry = self.entry if self.acl_allows is False else None
        return (self.acl_id, entry.egress, entry.number) if entry and entry.number not in LAST_RULES else None

    @property
    def grounds(self) -> tuple[str, ...]:
        """One sentence for each guard that was asked, with the rule that decided or the one missing."""
        said = []
        if self.groups_allow is not None:
            named = ", ".join(self.group_ids)
            which = "egress" if self.packet.egress else "ingress"
            if self.rules:
                rule = self.rules[0]
                said.append(f"security group {rule.group_id} allows it ({which} rule: {rule.text})")
            else:
                said.append(f"security group {named} has no {which} rule for {self.packet.text}")
        if self.acl_allows is not None:
            verb = "allows" if self.acl_allows else "denies"
            by = f"by {self.entry.text}" if self.entry else "as no rule of it matches"
            said.append(f"network ACL {self.acl_id} {verb} {self.packet.text} {by}")
        return (*said, *self.unknown)


def evaluate(snapshot: Snapshot, interface_id: str, packet: Packet, reply: bool = False) -> Verdict:
    """Return what the rules of `interface_id` say of `packet`; with `reply`, that its request was let pass before.

    Raises KeyError for an interface that the snapshot does not have.
    """
    interface, peer = snapshot.interfaces[interface_id], ip_address(packet.peer)
    groups_allow, rules, lacking = None, (), []
    if interface.group_ids and not reply:
        known = [name for name in interface.group_ids if name in snapshot.groups]
        fitting = [
            rule for name in known for rule in snapshot.groups[name].rules
            if rule.egress == packet.egress and covers(rule.match, packet)
        ]  # fmt: skip
        rules = tuple(rule for rule in fitting if peer in rule.members or any(peer in one for one in rule.networks))
        groups_allow = bool(rules)
        if not rules:
            lacking = [f"the snapshot lacks {name}" for name in interface.group_ids if name not in known]
            unknown = (rule.peer for rule in fitting if not rule.known)
            lacking += [f"the snapshot does not say which addresses {name} stands for" for name in unknown]
    acl_id, acl_allows, entry = None, None, None
    if not inside_subnet(snapshot, interface, packet.peer):
        acl_id = snapshot.subnets[interface.subnet_id].acl_id
        if acl_id in snapshot.acls:
            entries = (one for one in snapshot.acls[acl_id] if one.egress == packet.egress and peer in one.network)
            entry = next((one for one in entries if covers(one.match, packet)), None)
            acl_allows = entry is not None and entry.allow
        else:
            lacking.append(f"the snapshot has no network ACL for {interface.subnet_id}")
    return Verdict(packet, interface.group_ids, groups_allow, rules, acl_id, acl_allows, entry, tuple(lacking))


def covers(match: Match, packet: Packet) -> bool:
    """Return whether `match` fits the packet's protocol and its destination port or ICMP type and code."""
    if match.protocol is None:
        return True
    if match.protocol != packet.protocol:
        return False
    if match.low is None:
        return True
    if match.protocol in ICMP:
        kind, code = packet.icmp or (None, None)
        return match.low == kind and match.high in (None, code)
    return packet.dstport is not None and match.low <= packet.dstport <= match.high


def inside_subnet(snapshot: Snapshot, interface: Interface, address: str) -> bool:
    """Return whether `address` is in the interface's subnet, so that no network ACL is asked."""
    subnet = snapshot.subnets[interface.subnet_id]
    if subnet.cidrs:
        return any(ip_address(address) in cidr for cidr in subnet.cidrs)
    owner = snapshot.owner(address, interface.vpc_id)
    return owner is not None and owner.subnet_id == subnet.subnet_id
