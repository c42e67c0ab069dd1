"""Which security group rules let traffic in or out, which never did, and which are wider than their use.

Every accepted conversation counts, in the direction in which it was begun, for every rule of every group of
its interface that lets it pass: a rule whose sessions are shared with another can go without loss.
Addresses that no rule tells apart are counted together by the engine.
"""

from collections import defaultdict
from ipaddress import ip_network

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.analysis.direction import directed
from flowkit.analysis.groups import INTERNET, label
from flowkit.analysis.network import ICMP, Rule, Snapshot
from flowkit.analysis.rules import merged
from flowkit.folding.coverage import covered_share

#: So many far addresses of one kind are told one by one.
FEW = 32
#: A network of so many addresses is wide if only a few of them are seen.
WIDE = 256
COLUMNS = [
    "group_id",
    "name",
    "direction",
    "rule",
    "judgement",
    "coverage",
    "sessions",
    "shared",
    "sources",
    "first",
    "last",
    "seen",
]


def rule_use(flows: ir.Table, snapshot: Snapshot | None, cells: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row a security group rule and peer of the snapshot, by group, direction and rule;
    no rows without a snapshot.

    `group_id, name, direction, rule`; `judgement`: ``in use``, ``never used``, ``wider than its use``,
    ``no interface`` (the group is attached to none), ``unseen`` (nothing was seen, and no time is certain);
    `coverage`: the share of the time of the group's interfaces that is certain by `cells` (of `coverage`), where
    one without any record was never seen; null where that cannot be judged; `sessions` it let pass, `shared` of
    them that another rule lets pass too; `sources`: far addresses seen, at most; `first, last` (UTC Timestamps);
    `seen`: the ports, and the fewest networks that hold the far addresses, where these are few.
    """
    if snapshot is None:
        return pd.DataFrame(columns=COLUMNS)
    rules = [(group, rule) for _id, group in sorted(snapshot.groups.items()) for rule in group.rules]
    hits = defaultdict(list)
    for use in _uses(flows, snapshot, rules).itertuples(index=False):
        groups = snapshot.interfaces[use.interface_id].group_ids
        fitting = [rule for _group, rule in rules if rule.group_id in groups and _fits(rule, use)]
        for rule in fitting:
            hits[rule].append((use, len(fitting) > 1))
    attached = defaultdict(list)
    for interface in snapshot.interfaces.values():
        for name in interface.group_ids:
            attached[name].append(interface.interface_id)
    shares = {name: _share(cells, owners) for name, owners in attached.items()}
    rows = [
        _row(group, rule, hits[rule], group.group_id in attached, shares.get(group.group_id))
        for group, rule in rules
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"coverage": "float64"})
    for name in ("first", "last"):
        table[name] = pd.to_datetime(table[name], unit="s", utc=True)
    return table.sort_values(["name", "direction", "rule"], ignore_index=True)


def _share(cells: pd.DataFrame | None, owners: list[str]) -> float | None:
    """How much of the time of `owners` a log of accepted traffic speaks for."""
    if cells is None or cells.empty:
        return None
    own = cells[cells.interface_id.isin(owners)]
    seen = 0 if cells.attrs.get("action") == "REJECT" else own.interface_id.nunique()
    return round((covered_share(own) or 0) * seen / len(owners), 4)


def _uses(flows: ir.Table, snapshot: Snapshot, rules: list) -> pd.DataFrame:
    """Accepted conversations by interface, direction, service and far end, few ones by address."""
    networks = {network for _group, rule in rules for network in rule.networks}
    networks |= {ip_network(address) for _group, rule in rules for address in rule.members}
    table = directed(flows, snapshot)
    table = table.filter(
        table.direction.isin(["ingress", "egress"]),
        table.client_accepted > 0,
        table.interface_id.isin(sorted(snapshot.interfaces)),
    )
    key = ["interface_id", "direction", "protocol", "server_port"]
    ends = table.group_by(*key, far=ibis.ifelse(table.direction == "egress", table.server, table.client)).agg(
        sessions=_.count(), first=_["first"].min(), last=_["last"].max()
    )
    ends = ends.mutate(place=label(ends.far, networks))
    ends = ends.mutate(like=ends.far.count().over(ibis.window(group_by=[*key, "place"])))
    sums = {
        "sessions": _.sessions.sum(),
        "first": _["first"].min(),
        "last": _["last"].max(),
        "sources": _.count(),
    }
    few = ends.filter(ends.like <= FEW).group_by(*key, "place", "far").agg(**sums)
    many = ends.filter(ends.like > FEW).group_by(*key, "place").agg(**sums).mutate(far=ibis.null("string"))
    return few.union(many.select(few.columns)).order_by(*key, "place", "far").execute()


def _fits(rule: Rule, use) -> bool:
    """Whether the rule lets the conversations pass; ICMP's type is not in the log, so that any will do."""
    match = rule.match
    if rule.egress != (use.direction == "egress") or match.protocol not in (None, use.protocol):
        return False
    if (
        match.low is not None
        and match.protocol not in ICMP
        and not match.low <= use.server_port <= match.high
    ):
        return False
    if use.place == INTERNET:
        return False
    place = ip_network(use.place)
    inside = (place.version == network.version and place.subnet_of(network) for network in rule.networks)
    return any(inside) or (place.num_addresses == 1 and place.network_address in rule.members)


def _row(group, rule: Rule, hits: list, attached: bool, share: float | None) -> tuple:
    uses = [use for use, _shared in hits]
    ports = sorted({int(use.server_port) for use in uses if not pd.isna(use.server_port)})
    few = bool(uses) and all(isinstance(use.far, str) for use in uses)
    far = merged({use.far for use in uses}) if few else []
    sources = len({use.far for use in uses}) if few else sum(use.sources for use in uses)
    seen = [
        f"ports {', '.join(map(str, ports))}" if 0 < len(ports) <= 10 else "",
        ", ".join(map(str, far[:10])),
    ]
    judgement = "in use"
    if not uses:
        judgement = "no interface" if not attached else "unseen" if share == 0 else "never used"
    elif _wider(rule, ports, far):
        judgement = "wider than its use"
    return (
        group.group_id,
        group.name,
        "egress" if rule.egress else "ingress",
        rule.text,
        judgement,
        share,
        sum(use.sessions for use in uses),
        sum(use.sessions for use, shared in hits if shared),
        sources,
        min((use.first for use in uses), default=None),
        max((use.last for use in uses), default=None),
        "; ".join(part for part in seen if part),
    )


def _wider(rule: Rule, ports: list[int], far: list) -> bool:
    """Whether few of the rule's ports, or few of a large network's addresses, were seen."""
    match = rule.match
    spare = match.protocol not in ICMP and match.low is not None and match.high - match.low >= len(ports)
    size = sum(network.num_addresses for network in rule.networks)
    named = "/" in rule.peer
    return (
        bool(ports and spare)
        or bool(far)
        and named
        and size >= WIDE
        and sum(n.num_addresses for n in far) <= FEW
    )
