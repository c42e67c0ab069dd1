"""From records to each interface's own addresses, day by day, and which interfaces only pass traffic on.

Addresses are judged for each day because they move between interfaces. The field ``flow-direction`` names the
interface's own end of every record; without it, a snapshot does; else the own address is the one that stands in
every record of the interface. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (srcaddr,
dstaddr, flow-direction, pkt-srcaddr, interface-type)
"""

import pandas as pd

from flowkit.folding.engine import Engine
from flowkit.folding.sessions import INTERFACE, NAMED
from flowkit.net import TRANSIT_TYPES, is_private, private

#: Share of an interface's records whose packet carries another address before it counts as passing traffic on: as a
#: NAT gateway, a public one, which a node's pods do not have; as a gateway between private networks, whichever, in all
#: that it logs, while a node also speaks for itself.
PUBLIC, ANY = 0.1, 0.95
DAY = 86400
GROUP = ["interface_id", "scope", "day", "v6"]
_KEY = ", ".join(GROUP)
_OTHERS = {end: f"coalesce(pkt_{end}addr <> {end}addr, FALSE)" for end in ("src", "dst")}
#: The named records with the keys of `GROUP` and the interface's own end where it is logged.
ROWS = f"""
    SELECT srcaddr, dstaddr, instance_id, interface_type, az_id, vpc_id, subnet_id, "start", "end",
        {INTERFACE} AS interface_id, coalesce(vpc_id, account_id, '-') AS scope,
        CAST(coalesce("start" // {DAY}, 0) AS BIGINT) AS day, srcaddr LIKE '%:%' AS v6,
        CASE flow_direction WHEN 'egress' THEN srcaddr WHEN 'ingress' THEN dstaddr END AS own,
        {" OR ".join(_OTHERS.values())} AS translated,
        coalesce({" OR ".join(f"({other} AND NOT {private(f'pkt_{end}addr')})" for end, other in _OTHERS.items())}, FALSE)
            AS public
    FROM flows WHERE {NAMED}"""
#: What tells an interface's address, reduced by the engine: a few rows an interface and day.
EVIDENCE = f"""
    SELECT {_KEY}, own, count(*) AS records, min(srcaddr || ' ' || dstaddr) AS pair, count(instance_id) AS instances,
        count(*) FILTER (WHERE translated) AS translated, count(*) FILTER (WHERE public) AS public,
        min("start") AS first, max("end") AS last,
        {", ".join(f"max({name}) AS {name}" for name in "interface_type az_id vpc_id subnet_id instance_id".split())}
    FROM rows GROUP BY {_KEY}, own"""
#: Further private addresses of interfaces, such as those of pods: what they send carries them in the packet alone.
SECONDARY = f"""
    SELECT DISTINCT one.interface_id, one.day, address, az_id
    FROM (
        SELECT {INTERFACE} AS interface_id, CAST(coalesce("start" // {DAY}, 0) AS BIGINT) AS day, srcaddr,
            pkt_srcaddr AS address, az_id
        FROM flows WHERE {NAMED} AND pkt_srcaddr <> srcaddr AND {private("pkt_srcaddr")}
    ) AS one
    JOIN (SELECT interface_id, day, address AS own FROM interfaces WHERE NOT transit) AS senders
        ON one.interface_id = senders.interface_id AND one.day = senders.day AND one.srcaddr = senders.own"""
#: In how many records of each group of ``pairs`` each of its two addresses stands.
PAIRS = f"""
    SELECT {", ".join(f"one.{name}" for name in GROUP)}, count(*) FILTER (WHERE srcaddr = x OR dstaddr = x) AS in_x,
        count(*) FILTER (WHERE srcaddr = y OR dstaddr = y) AS in_y
    FROM rows AS one JOIN pairs ON {" AND ".join(f"one.{name} = pairs.{name}" for name in GROUP)}
    GROUP BY {", ".join(f"one.{name}" for name in GROUP)}"""


def interfaces(flows: object, network=None) -> pd.DataFrame:
    """Return the own addresses of each interface on each day of the log, one row an address.

    ``interface_id`` (the resource's id where a log has no interface), ``day`` (days since 1970 UTC; 0 for a log
    without ``start``), ``address`` (null where it cannot be told), ``basis`` (``flow-direction``, ``snapshot``,
    ``inferred``, ``unknown``), ``conflict`` (another interface of the same VPC used the address at the same time),
    ``transit`` (a NAT gateway, transit gateway or load balancer), ``az_id``, ``vpc_id``, ``subnet_id``,
    ``instance_id`` (null where the log has none), ``first``, ``last`` (seconds since 1970, of that day's records).
    `flows` are the log's records (see `flowkit.folding.engine.Engine`), `network` is the rules snapshot.
    """
    engine = Engine.of(flows)
    engine.define(rows=ROWS)
    evidence = engine.answer(EVIDENCE)
    known = evidence[evidence.own.notna()]
    known = known[GROUP].assign(address=known.own, basis="flow-direction")
    if network is not None:
        known = _add(known, _from_snapshot(_missing(evidence, known), network))
    known = _add(known, _inferred(engine, _missing(evidence, known), known))
    known = _add(known, _missing(evidence, known)[GROUP].assign(address=None, basis="unknown"))
    spans = evidence.groupby(GROUP, as_index=False).agg({"first": "min", "last": "max"})
    # A secondary address moves between living interfaces: where it is logged as their own, its time is that of its records.
    seen = evidence[[*GROUP, "own", "first", "last"]].rename(columns={"own": "address"}).dropna(subset=["address"])
    known = known.merge(spans, on=GROUP).merge(seen, "left", [*GROUP, "address"], suffixes=("_any", ""))
    for name in ("first", "last"):
        known[name] = known[name].fillna(known.pop(f"{name}_any"))
    known["conflict"] = _conflicts(known)
    known["transit"] = known.interface_id.isin(_transit(evidence, network))
    facts = ["az_id", "vpc_id", "subnet_id", "instance_id"]
    places = evidence.groupby("interface_id", dropna=False)[facts].max().astype("object")
    known = known.merge(places.where(places.notna(), None).reset_index(), "left", "interface_id")
    columns = ["interface_id", "day", "address", "basis", "conflict", "transit", *facts, "first", "last"]
    return known[columns].sort_values(["interface_id", "day", "address"], ignore_index=True)


def _missing(evidence: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return the groups that have no row in `known` yet, each with one of its records (``pair``) and their number."""
    return evidence[~evidence.set_index(GROUP).index.isin(known.set_index(GROUP).index)][[*GROUP, "pair", "records"]]


def _add(known: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([part for part in (known, more) if len(part)] or [known], ignore_index=True)


def _from_snapshot(groups: pd.DataFrame, network) -> pd.DataFrame:
    addresses = {eni: list(interface.addresses) for eni, interface in network.interfaces.items()}
    rows = groups[GROUP].assign(address=groups.interface_id.map(addresses), basis="snapshot").explode("address")
    rows = rows[rows.address.notna()]
    return rows[rows.address.astype(str).str.contains(":") == rows.v6]


def _inferred(engine: Engine, groups: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return for each group the one address found in every record of it. Where two are, as with a single peer, the
    likelier: an interface keeps its address for life, so that of another day decides; else the address that no other
    interface has; else the one that is not on the internet."""
    if groups.empty:
        return groups[GROUP].assign(address=None, basis="inferred")
    types = {"interface_id": "string", "scope": "string", "day": "int64", "v6": "boolean", "x": "string", "y": "string"}
    groups = groups.join(groups.pair.str.partition(" ")[[0, 2]].set_axis(["x", "y"], axis=1))
    engine.put("pairs", groups, types)
    counted = groups.merge(engine.answer(PAIRS), on=GROUP)
    found = [counted[counted[f"in_{end}"] == counted.records].rename(columns={end: "address"}) for end in ("x", "y")]
    candidates = pd.concat([part[[*GROUP, "address"]] for part in found], ignore_index=True).drop_duplicates()
    twice = candidates.duplicated(GROUP, keep=False)
    made, taken = [candidates[~twice]], _add(known[[*GROUP, "address"]], candidates[~twice])
    for (eni, scope, day, _v6), tie in candidates[twice].groupby(GROUP):
        same = taken.address[taken.interface_id == eni]
        others = taken.address[(taken.scope == scope) & (taken.day == day)]
        tests = (tie.address.isin(same), ~tie.address.isin(others), tie.address.map(is_private))
        made += [tie[likely] for likely in tests if likely.sum() == 1][:1]
    return pd.concat(made, ignore_index=True).assign(basis="inferred")


def _conflicts(known: pd.DataFrame) -> pd.Series:
    """Return whether another interface of the scope used the address while this one did."""
    rows = known[known.address.notna()].sort_values(["scope", "address", "first"])
    several = rows.groupby(["scope", "address"]).interface_id.transform("nunique") > 1
    found = set()
    for _address, some in rows[several].groupby(["scope", "address"]):
        spans = list(zip(some.index, some.interface_id, some["first"], some["last"], strict=True))
        for at, (index, eni, _first, last) in enumerate(spans):
            for later, other, begin, _end in spans[at + 1 :]:
                if begin > last:
                    break
                if other != eni:
                    found |= {index, later}
    return pd.Series(known.index.isin(found), known.index)


def _transit(evidence: pd.DataFrame, network) -> set[str]:
    """Return the interfaces that pass on what other hosts send: by type, by snapshot, or as their packets carry
    addresses of others."""
    sums = evidence.groupby("interface_id").agg(
        {"records": "sum", "instances": "sum", "translated": "sum", "public": "sum", "interface_type": "max"}
    )
    passing = ((sums.public >= PUBLIC * sums.records) & (sums.public > 0)) | (sums.translated >= ANY * sums.records)
    passing &= sums.instances == 0
    named = sums.interface_type.isin(TRANSIT_TYPES) | sums.index.str.startswith("nat-")
    described = network.interfaces.items() if network else ()
    return set(sums.index[passing | named]) | {eni for eni, one in described if one.interface_type in TRANSIT_TYPES}
