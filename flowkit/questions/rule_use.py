"""Which security group rules let traffic in or out, which never did, and which are wider than their use.

Every accepted conversation counts, in the direction in which it was begun, for every rule of every group of its
interface that lets it pass: a rule whose sessions are shared with another can go without loss. Addresses that no rule
tells apart are counted together in SQL.
"""

from collections import defaultdict
from ipaddress import ip_network

import pandas as pd

from flowkit.folding.coverage import covered_share
from flowkit.loading.network import Rule, Snapshot
from flowkit.net import ICMP, INTERNET
from flowkit.questions.fixes import merged
from flowkit.questions.networks import bounds, placed

#: So many far addresses of one kind are listed one by one.
FEW = 32
#: A network of so many addresses is wide if only a few of them are seen.
WIDE = 256
COLUMNS = [
    "use", "name", "direction", "rule", "sessions", "shared", "sources", "coverage", "seen", "group_id", "first",
    "last",
]  # fmt: skip


def rule_use(log) -> pd.DataFrame:
    """Return one row a security group rule and peer of the snapshot, by group, direction and rule; without, none.

    ``use``: ``in use``, ``never used``, ``wider than its use``, ``no interface`` (the group is attached to none),
    ``no data`` (nothing was seen, and the log covers no time); ``name`` and ``group_id`` of the group, ``direction``,
    ``rule``; ``sessions`` it let pass, ``shared`` of them that another rule lets pass too; ``sources``: far addresses
    seen, at most; ``coverage``: the share of the time of the group's interfaces that the log covers, where one
    without any record was never seen; null where that is not known; ``seen``: the ports, and the fewest networks that
    hold the far addresses, where these are few; ``first``, ``last`` (UTC).
    """
    if log.network is None:
        return pd.DataFrame(columns=COLUMNS)
    snapshot, hits, attached = log.network, defaultdict(list), defaultdict(list)
    groups = [group for _id, group in sorted(snapshot.groups.items())]
    by_group = {group.group_id: group.rules for group in groups}
    for use in uses(log.fold, snapshot).itertuples(index=False):
        names = snapshot.interfaces[use.interface_id].group_ids
        fitting = [rule for name in names for rule in by_group.get(name, ()) if fits(rule, use)]
        for rule in fitting:
            hits[rule].append((use, len(fitting) > 1))
    for interface in snapshot.interfaces.values():
        for name in interface.group_ids:
            attached[name].append(interface.interface_id)
    shares = {name: share_seen(log.coverage, owners) for name, owners in attached.items()}
    rows = [_row(group, rule, hits[rule], attached, shares) for group in groups for rule in group.rules]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"coverage": "float64"})
    for name in ("first", "last"):
        table[name] = pd.to_datetime(table[name], unit="s", utc=True)
    return table.sort_values(["name", "direction", "rule"], ignore_index=True)


def uses(fold, snapshot: Snapshot, unsure: bool = False) -> pd.DataFrame:
    """Return accepted conversations by interface, direction, service and far end, few ones by address.

    ``interface_id``, ``way``, ``protocol``, ``server_port``, ``place`` (the narrowest network of any rule that holds
    the far end, as text; what no rule holds is in another), ``far`` (null: many), ``sessions``, ``answered`` of them,
    ``first``, ``last``, ``sources``. `unsure`: with those of which nobody knows who began, as pings, both ways.
    """
    rules = [rule for group in snapshot.groups.values() for rule in group.rules]
    networks = {ip_network(place) for rule in rules for place in (*rule.networks, *rule.members)}
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
                AND interface_id IN (SELECT interface_id FROM own) GROUP BY ALL
        ), places AS ({placed("SELECT DISTINCT far AS address FROM ends")}),
        counted AS (SELECT ends.*, network AS place, count(*) OVER (PARTITION BY {key}) <= {FEW} AS few
            FROM ends JOIN places ON far = address)
        SELECT {key}, CASE WHEN few THEN far END AS far, sum(sessions)::BIGINT AS sessions,
            sum(answered)::BIGINT AS answered, min(first) AS first, max(last) AS last, count(*) AS sources
        FROM counted GROUP BY ALL ORDER BY ALL""",
        own=pd.DataFrame(own, columns=["interface_id", "address"], dtype="str"),
        bounds=bounds(networks),
    )


def share_seen(intervals: pd.DataFrame, owners: list[str]) -> float | None:
    """Return how much of the time of `owners` a log of accepted traffic covers."""
    if intervals.empty:
        return None
    own = intervals[intervals.interface_id.isin(owners)]
    seen = 0 if intervals.attrs.get("action") == "REJECT" else own.interface_id.nunique()
    return round((covered_share(own) or 0) * seen / len(owners), 4)


def fits(rule: Rule, use) -> bool:
    """Return whether the rule lets the conversations pass; ICMP's type is not in the log, so that any will do."""
    match = rule.match
    if rule.egress != (use.way == "out") or match.protocol not in (None, use.protocol) or use.place == INTERNET:
        return False
    if match.low is not None and match.protocol not in ICMP and not match.low <= use.server_port <= match.high:
        return False
    place = ip_network(use.place)
    inside = (place.version == network.version and place.subnet_of(network) for network in rule.networks)
    return any(inside) or (place.num_addresses == 1 and place.network_address in rule.members)


def _row(group, rule: Rule, hits: list, attached: dict, shares: dict) -> tuple:
    uses, share = [use for use, _shared in hits], shares.get(group.group_id)
    ports = sorted({int(use.server_port) for use in uses if not pd.isna(use.server_port)})
    few = bool(uses) and all(isinstance(use.far, str) for use in uses)
    far = merged({use.far for use in uses}) if few else []
    sources = len({use.far for use in uses}) if few else sum(use.sources for use in uses)
    seen = [f"ports {', '.join(map(str, ports))}" if 0 < len(ports) <= 10 else "", ", ".join(map(str, far[:10]))]
    use = "wider than its use" if uses and _wider(rule, ports, far) else "in use"
    if not uses:
        use = "no interface" if group.group_id not in attached else "no data" if share == 0 else "never used"
    sessions, shared = sum(one.sessions for one in uses), sum(one.sessions for one, twice in hits if twice)
    first, last = (
        pick((getattr(one, name) for one in uses), default=None) for pick, name in ((min, "first"), (max, "last"))
    )
    way = "egress" if rule.egress else "ingress"
    about = (group.name, way, rule.text, sessions, shared, sources, share, "; ".join(filter(None, seen)))
    return (use, *about, group.group_id, first, last)


def _wider(rule: Rule, ports: list[int], far: list) -> bool:
    """Return whether few of the rule's ports, or few of a large network's addresses, were seen."""
    match, size = rule.match, sum(network.num_addresses for network in rule.networks)
    if ports and match.protocol not in ICMP and match.low is not None and match.high - match.low >= len(ports):
        return True
    return bool(far) and "/" in rule.peer and size >= WIDE and sum(one.num_addresses for one in far) <= FEW
