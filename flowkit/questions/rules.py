"""What a snapshot's rules say of one packet, and which of them let traffic in or out, or are wider than their use.

Exact: first match for the network ACL, any match for the security groups. Security groups are stateful: they are not
asked for a reply. Network ACLs are stateless, and are asked only where a packet enters or leaves the subnet: two
interfaces of one subnet talk past them.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html and .../vpc-network-acls.html
"""

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pandas as pd

from flowkit.folding.coverage import covered_share
from flowkit.loading.network import LAST_RULES, Entry, Match, Rule, Snapshot
from flowkit.net import ICMP, INTERNET, Network, lies_in
from flowkit.questions.networks import bounds, merged, placed

#: So many far addresses of one kind are listed one by one.
FEW = 32
#: A network of so many addresses is wide if only a few of them are seen.
WIDE = 256


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
    """What the rules say of a packet; `unknown`: what the snapshot lacks that could change it.

    `groups_allow` and `acl_allows` are None where that guard is not asked: groups for a reply or on an interface
    without any, the ACL inside the subnet. `rules` are the group rules that let the packet pass, `entry` the ACL rule
    that decided (None: no rule fits, which denies). `undecided` are the group rules that may let pass what no other does:
    the snapshot does not know their peers.
    """

    packet: Packet
    group_ids: tuple[str, ...]
    groups_allow: bool | None
    rules: tuple[Rule, ...]
    acl_id: str | None
    acl_allows: bool | None
    entry: Entry | None
    unknown: tuple[str, ...] = ()
    undecided: tuple[Rule, ...] = ()

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
            which = "egress" if self.packet.egress else "ingress"
            lacks = f"security group {', '.join(self.group_ids)} has no {which} rule for {self.packet.text}"
            allows = [f"security group {rule.group_id} allows it ({which} rule: {rule.text})" for rule in self.rules]
            said += allows[:1] or [lacks]
        if self.acl_allows is not None:
            verb = "allows" if self.acl_allows else "denies"
            by = f"by {self.entry.text}" if self.entry else "as no rule of it matches"
            said.append(f"network ACL {self.acl_id} {verb} {self.packet.text} {by}")
        return (*said, *self.unknown)


def evaluate(snapshot: Snapshot, interface_id: str, packet: Packet, reply: bool = False) -> Verdict:
    """Return what the rules of `interface_id` say of `packet`; with `reply`, that its request was let pass before.
    Raises KeyError for an interface that the snapshot does not have."""
    interface, peer = snapshot.interfaces[interface_id], ip_address(packet.peer)
    groups_allow, rules, undecided, lacking = None, (), (), []
    if interface.group_ids and not reply:
        known = [name for name in interface.group_ids if name in snapshot.groups]
        every = (rule for name in known for rule in snapshot.groups[name].rules if rule.egress == packet.egress)
        fitting = [rule for rule in every if covers(rule.match, packet)]
        rules = tuple(rule for rule in fitting if any(peer in place for place in (rule.members, *rule.networks)))
        groups_allow = bool(rules)
        if not rules:
            lacking = [f"the snapshot lacks {name}" for name in interface.group_ids if name not in known]
            undecided = tuple(rule for rule in fitting if not rule.known)
            lacking += map(unknown_peer, undecided)
    acl_id, acl_allows, entry = None, None, None
    subnet, owner = snapshot.subnets[interface.subnet_id], snapshot.owner(packet.peer, interface.vpc_id)
    inside = owner is not None and owner.subnet_id == subnet.subnet_id
    if not (any(peer in cidr for cidr in subnet.cidrs) if subnet.cidrs else inside):
        acl_id = subnet.acl_id
        if acl_id in snapshot.acls:
            entries = (one for one in snapshot.acls[acl_id] if one.egress == packet.egress and peer in one.network)
            entry = next((one for one in entries if covers(one.match, packet)), None)
            acl_allows = entry is not None and entry.allow
        else:
            lacking.append(f"the snapshot has no network ACL for {interface.subnet_id}")
    found = (groups_allow, rules, acl_id, acl_allows, entry, tuple(lacking), undecided)
    return Verdict(packet, interface.group_ids, *found)


def covers(match: Match, packet: Packet) -> bool:
    """Return whether `match` fits the packet's protocol and its destination port or ICMP type and code."""
    if match.protocol != packet.protocol or match.low is None:
        return match.protocol in (None, packet.protocol)
    if match.protocol in ICMP:
        kind, code = packet.icmp or (None, None)
        return match.low == kind and match.high in (None, code)
    return packet.dstport is not None and match.low <= packet.dstport <= match.high


COLUMNS = "use name direction rule sessions shared sources coverage seen group_id first last".split()


def rule_use(log) -> pd.DataFrame:
    """Return one row a security group rule and peer of the snapshot, by group, direction and rule; without, none.

    Every accepted conversation counts, in the direction in which it was begun, for every rule of every group of its
    interface that lets it pass: a rule whose sessions are shared with another can go without loss. In `COLUMNS`;

    ``use``: ``in use``, ``never used``, ``wider than its use``, ``no interface`` (the group is attached to none),
    ``no data`` (nothing was seen, and the log covers no time), ``unknown`` (the snapshot does not say which addresses its
    peer stands for, as of another account's group: ``seen`` says so); ``shared``: of the sessions that it let pass, those that
    another rule lets pass too; ``sources``: far addresses seen, at most; ``coverage``: as `share_seen`; ``seen``: the
    ports, and the fewest networks that hold the far addresses, where these are few; ``first``, ``last`` (UTC).
    """
    if log.network is None:
        return pd.DataFrame(columns=COLUMNS)
    groups, interfaces = log.network.groups, log.network.interfaces
    hits, rows = defaultdict(list), []
    for use in uses(log.fold, log.network).itertuples(index=False):
        own = [groups[name].rules for name in interfaces[use.interface_id].group_ids if name in groups]
        fitting = [rule for rules in own for rule in rules if fits(rule, use)]
        for rule in fitting:
            hits[rule].append((use, use.sessions if len(fitting) > 1 else 0))
    for group in groups.values():
        owners = [one.interface_id for one in interfaces.values() if group.group_id in one.group_ids]
        share = share_seen(log.coverage, owners)
        unused = "no interface" if not owners else "no data" if share == 0 else "never used"
        for rule in group.rules:
            met = [use for use, _shared in hits[rule]]
            ports = sorted({int(use.server_port) for use in met if not pd.isna(use.server_port)})
            few = bool(met) and all(isinstance(use.far, str) for use in met)
            far = merged({use.far for use in met}) if few else []
            seen = [f"ports {', '.join(map(str, ports))}"] if 0 < len(ports) <= 10 else []
            seen += [", ".join(map(str, far[:10]))] if far else []
            seen += [] if rule.known else [unknown_peer(rule)]
            idle = "unknown" if unused == "never used" and not rule.known else unused
            rows.append((
                idle if not met else "wider than its use" if _wide(rule, ports, far) else "in use", group.name,
                "egress" if rule.egress else "ingress", rule.text, sum(one.sessions for one in met),
                sum(shared for _use, shared in hits[rule]),
                len({one.far for one in met}) if few else sum(one.sources for one in met), share, "; ".join(seen),
                group.group_id, min((one.first for one in met), default=None), max((one.last for one in met), default=None),
            ))  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"coverage": "float64"})
    times = {name: pd.to_datetime(table[name], unit="s", utc=True) for name in ("first", "last")}
    return table.assign(**times).sort_values(["name", "direction", "rule", "group_id"], ignore_index=True)


def uses(fold, snapshot: Snapshot, unsure: bool = False) -> pd.DataFrame:
    """Return accepted conversations by interface, direction, service and far end, few ones by address.

    ``interface_id``, ``way``, ``protocol``, ``server_port``, ``place`` (the narrowest network of any rule that holds
    the far end, as text; what no rule holds is in another), ``far`` (null: many), ``sessions``, ``answered`` of them,
    ``first``, ``last``, ``sources``. `unsure`: with those of which nobody knows who began, as pings, both ways.
    """
    rules = [rule for group in snapshot.groups.values() for rule in group.rules]
    peers = {ip_network(one) for rule in rules for one in (*rule.networks, *rule.members)}
    own = [(one.interface_id, address) for one in snapshot.interfaces.values() for address in one.addresses]
    key = "interface_id, way, protocol, server_port, place"
    return fold.sql(
        f"""WITH directed AS (
            SELECT *, CASE way WHEN 'out' THEN server ELSE client END AS far FROM edges WHERE way IN ('in', 'out')
            UNION ALL SELECT e.* REPLACE (d.way AS way), CASE address WHEN coalesce(client_logged, client) THEN server
                ELSE client END AS far FROM edges e JOIN own ON own.interface_id = e.interface_id AND address
                IN (coalesce(client_logged, client), coalesce(server_logged, server)), (VALUES ('in'), ('out')) d(way)
            WHERE e.way = 'unknown' AND {unsure}
        ), ends AS (
            SELECT interface_id, way, protocol, server_port, far, sum(sessions)::BIGINT AS sessions,
                coalesce(sum(sessions) FILTER (server_accepted > 0), 0)::BIGINT AS answered, min(first) AS first,
                max(last) AS last
            FROM directed WHERE client_accepted > 0
                AND regexp_full_match(far, '[0-9]+([.][0-9]+){{3}}|[0-9a-f:.]*:[0-9a-f:.]*')
                AND interface_id IN (SELECT unnest(?)) GROUP BY ALL
        ), places AS ({placed("SELECT DISTINCT far AS address FROM ends")}),
        counted AS (SELECT ends.*, network AS place, count(*) OVER (PARTITION BY {key}) <= {FEW} AS few
            FROM ends JOIN places ON far = address)
        SELECT {key}, CASE WHEN few THEN far END AS far, sum(sessions)::BIGINT AS sessions,
            sum(answered)::BIGINT AS answered, min(first) AS first, max(last) AS last, count(*) AS sources
        FROM counted GROUP BY ALL ORDER BY ALL""",
        list(snapshot.interfaces),
        own=pd.DataFrame(own, columns=["interface_id", "address"], dtype="str"), bounds=bounds(peers),
    )  # fmt: skip


def unknown_peer(rule: Rule) -> str:
    """Return that the snapshot lacks the addresses of the rule's peer."""
    return f"the snapshot does not say which addresses {rule.peer} stands for"


def members_of(snapshot: Snapshot, group_id: str) -> frozenset:
    """Return the addresses of the interfaces that have a security group."""
    owners = (one for one in snapshot.interfaces.values() if group_id in one.group_ids)
    return frozenset(ip_address(address) for one in owners for address in one.addresses)


def share_seen(intervals: pd.DataFrame, owners: list[str]) -> float | None:
    """Return how much of the time of `owners` a log of accepted traffic covers, where one without any record was never
    seen; None where that is not known."""
    if not len(intervals) or not owners:
        return None
    own = intervals[intervals.interface_id.isin(owners)]
    known = 0 if intervals.attrs.get("action") == "REJECT" else own.interface_id.nunique()
    return round((covered_share(own) or 0) * known / len(owners), 4)


def fits(rule: Rule, use) -> bool:
    """Return whether the rule lets the conversations pass; ICMP's type is not in the log, so that any will do."""
    match = rule.match
    if rule.egress != (use.way == "out") or match.protocol not in (None, use.protocol) or use.place == INTERNET:
        return False
    ported = match.low is not None and match.protocol not in ICMP
    return (not ported or match.low <= use.server_port <= match.high) and holds(rule, ip_network(use.place))


def holds(rule: Rule, place: Network) -> bool:
    """Return whether all of `place` is among the rule's peers."""
    return lies_in(place, rule.networks) or (place.num_addresses == 1 and place.network_address in rule.members)


def _wide(rule: Rule, ports: list[int], far: list) -> bool:
    """Return whether few of the rule's ports, or few of a large network's addresses, were seen."""
    match, size = rule.match, sum(network.num_addresses for network in rule.networks)
    if ports and match.protocol not in ICMP and match.low is not None and match.high - match.low >= len(ports):
        return True
    return bool(far) and "/" in rule.peer and size >= WIDE and sum(one.num_addresses for one in far) <= FEW
