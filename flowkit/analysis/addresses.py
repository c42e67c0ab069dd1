"""The addresses of each network interface, day by day, and which interfaces only pass traffic on.

In: the flows table, and the network snapshot if there is one. Out: a small DataFrame. Addresses are judged for
each day because they move between interfaces. A log's ``flow-direction`` names the interface's own end of every
record; without it, the own address is the one found in every record of the interface.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (srcaddr, dstaddr, flow-direction,
pkt-srcaddr, interface-type)
"""

from ipaddress import ip_address, ip_network

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

#: Interfaces that pass on what other hosts send, in the words of the log's ``interface-type`` and of
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterface.html
THROUGH = (
    "nat_gateway",
    "natGateway",
    "regional_nat_gateway",
    "transit_gateway",
    "network_load_balancer",
    "gateway_load_balancer",
    "gateway_load_balancer_endpoint",
)

#: Networks whose addresses never come from the internet; the first character tells the family.
INTERNAL = tuple(
    ip_network(cidr)
    for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")
    + ("fc00::/7", "fe80::/10")
)

#: Share of an interface's records whose packet carries another address before it counts as passing traffic on.
TRANSLATED = 0.1

DAY = 86400
GROUP = ["interface_id", "scope", "day", "v6"]


def interface_addresses(flows: ir.Table, snapshot=None) -> pd.DataFrame:
    """The own addresses of each interface on each day of the log; null where they cannot be told.

    ``interface_id`` (the resource's id where a log has no interface), ``day`` (UTC Timestamp, NaT for a log
    without ``start``), ``address``, ``basis`` (``flow-direction``, ``snapshot``, ``inferred``, ``unknown``),
    ``conflict`` (another interface of the same network has the address that day), ``through`` (a NAT gateway,
    transit gateway or load balancer), ``az_id`` (null where the log has none). An interface has one row per address.
    """
    facts = evidence(flows).to_pandas()
    known = _from_direction(facts)
    if snapshot is not None:
        known = _add(known, _from_snapshot(_missing(facts, known), snapshot))
    known = _add(known, _inferred(_rows(flows), _missing(facts, known), known))
    known = _add(known, _missing(facts, known).assign(address=None, basis="unknown"))
    known["conflict"] = known.groupby(["scope", "day", "address"]).interface_id.transform("nunique") > 1
    known["through"] = known.interface_id.isin(_through(facts, snapshot))
    zones = facts.groupby("interface_id", dropna=False).az_id.max()
    known["az_id"] = known.interface_id.map(zones).astype("object")
    known["day"] = pd.to_datetime(known.day.where(known.day > 0), unit="D", utc=True)
    columns = ["interface_id", "day", "address", "basis", "conflict", "through", "az_id"]
    return known[columns].sort_values(["interface_id", "day", "address"], ignore_index=True)


def evidence(flows: ir.Table) -> ir.Table:
    """What tells an interface's address, reduced by the engine: a few rows an interface and day.

    The keys of `GROUP` (``scope``: the VPC or account; ``v6``: whether the addresses are IPv6) and ``own`` (by
    ``flow-direction``), ``records``, ``pair`` (both ends of one record), ``instances`` (records with an instance),
    ``translated`` (records whose packet carried other addresses), ``interface_type``, ``az_id``.
    """
    return (
        _rows(flows)
        .group_by(*GROUP, "own")
        .aggregate(
            records=_.count(),
            pair=(_.srcaddr + " " + _.dstaddr).min(),
            instances=_.instance_id.count(),
            translated=_.translated.sum(),
            interface_type=_.interface_type.max(),
            az_id=_.az_id.max(),
        )
    )


def is_internal(address: str) -> bool:
    """Whether an address is private, link-local or shared (RFC 1918, 3927, 4193, 6598); not if it is none."""
    try:
        place = ip_address(address)
    except ValueError:
        return False
    return any(place.version == network.version and place in network for network in INTERNAL)


def named_rows(flows: ir.Table) -> ir.Table:
    """The records that name a flow: those with addresses, NODATA and SKIPDATA left out."""
    return flows.filter(
        flows.srcaddr.notnull() & flows.dstaddr.notnull() & (flows.log_status.fill_null("OK") == "OK")
    )


def _rows(flows: ir.Table) -> ir.Table:
    """The named records, each with the interface's own end where ``flow-direction`` names it."""
    rows = named_rows(flows)
    translated = (rows.pkt_srcaddr != rows.srcaddr) | (rows.pkt_dstaddr != rows.dstaddr)
    return rows.select(
        "srcaddr",
        "dstaddr",
        "instance_id",
        "interface_type",
        "az_id",
        interface_id=ibis.coalesce(rows.interface_id, rows.resource_id, "-"),
        scope=ibis.coalesce(rows.vpc_id, rows.account_id, "-"),
        day=(rows.start // DAY).fill_null(0),
        v6=rows.srcaddr.contains(":"),
        own=ibis.cases(
            (rows.flow_direction == "egress", rows.srcaddr), (rows.flow_direction == "ingress", rows.dstaddr)
        ),
        translated=translated.fill_null(False),
    )


def _from_direction(evidence: pd.DataFrame) -> pd.DataFrame:
    named = evidence[evidence.own.notna()]
    return named[GROUP].assign(address=named.own, basis="flow-direction")


def _missing(evidence: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """The groups that have no row in `known` yet, each with one of its records (``pair``) and their number."""
    missing = evidence[~evidence.set_index(GROUP).index.isin(known.set_index(GROUP).index)]
    return missing[[*GROUP, "pair", "records"]]


def _add(known: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([part for part in (known, more) if len(part)] or [known], ignore_index=True)


def _from_snapshot(groups: pd.DataFrame, snapshot) -> pd.DataFrame:
    held = {eni: list(interface.addresses) for eni, interface in snapshot.interfaces.items()}
    rows = groups[GROUP].assign(address=groups.interface_id.map(held), basis="snapshot").explode("address")
    rows = rows[rows.address.notna()]
    return rows[rows.address.astype(str).str.contains(":") == rows.v6]


def _inferred(rows: ir.Table, groups: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """For each group, the one address found in every record of it; where two are, the likelier."""
    candidates = _in_every_record(rows, groups)
    twice = candidates.duplicated(GROUP, keep=False)
    sure = candidates[~twice]
    taken = _add(known[[*GROUP, "address"]], sure)
    settled = [_likelier(tie, taken) for _group, tie in candidates[twice].groupby(GROUP)]
    return pd.concat([sure, *settled], ignore_index=True).assign(basis="inferred")


def _in_every_record(rows: ir.Table, groups: pd.DataFrame) -> pd.DataFrame:
    """The addresses, none to two for each group, that every record of the group has at one end."""
    if groups.empty:
        return groups[GROUP].assign(address=None)
    # The ends of any one record are all the candidates there are.
    groups = groups.assign(**groups.pair.str.partition(" ")[[0, 2]].set_axis(["x", "y"], axis=1)).drop(
        columns="pair"
    )
    types = dict(zip(GROUP, ("string", "string", "int64", "boolean"), strict=True))
    wanted = ibis.memtable(groups, schema={**types, "records": "int64", "x": "string", "y": "string"})
    found = rows.join(wanted, GROUP).group_by(*GROUP)
    counts = found.aggregate(
        **{end: ((_.srcaddr == _[end]) | (_.dstaddr == _[end])).sum() for end in ("x", "y")}
    ).to_pandas()
    counted = groups.merge(counts, on=GROUP, suffixes=("", "_records"))
    ends = [
        counted[counted[f"{end}_records"] == counted.records][[*GROUP, end]].rename(columns={end: "address"})
        for end in ("x", "y")
    ]
    return pd.concat(ends, ignore_index=True).drop_duplicates()


def _likelier(tie: pd.DataFrame, taken: pd.DataFrame) -> pd.DataFrame:
    """One row of two candidates, or none: an interface with a single peer could be at either end.

    An interface keeps its address for life, so that of another day decides; else the address that no other
    interface has; else the one that is not on the internet.
    """
    same = taken[taken.interface_id == tie.interface_id.iloc[0]].address
    others = taken[(taken.scope == tie.scope.iloc[0]) & (taken.day == tie.day.iloc[0])].address
    for likely in (tie.address.isin(same), ~tie.address.isin(others), tie.address.map(is_internal)):
        if likely.sum() == 1:
            return tie[likely]
    return tie.iloc[:0]


def _through(evidence: pd.DataFrame, snapshot) -> set[str]:
    """The interfaces that pass on what other hosts send."""
    sums = evidence.groupby("interface_id").agg(
        {"records": "sum", "instances": "sum", "translated": "sum", "interface_type": "max"}
    )
    passing = (sums.instances == 0) & (sums.translated >= TRANSLATED * sums.records) & (sums.translated > 0)
    named = sums.interface_type.isin(THROUGH) | sums.index.str.startswith("nat-")
    described = (
        {eni for eni, one in snapshot.interfaces.items() if one.interface_type in THROUGH}
        if snapshot
        else set()
    )
    return set(sums.index[passing | named]) | described
