"""Traffic over time: what went into and out of each interface, inside and outside, across zones.

In: the flows table and `flowkit.analysis.addresses.interface_addresses`. Out: one small DataFrame, of which every
view of totals is a group-by. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.analysis.addresses import DAY, named_rows

#: AWS's words for traffic-path, the way that egress traffic takes.
PATHS = {
    1: "another resource in the same VPC",
    2: "an internet gateway or a gateway VPC endpoint",
    3: "a virtual private gateway",
    4: "an intra-region VPC peering connection",
    5: "an inter-region VPC peering connection",
    6: "a local gateway",
    7: "a gateway VPC endpoint",
    8: "an internet gateway",
}

#: The columns by which `traffic` is summed.
BY = (
    "interface_id", "time", "direction", "peer", "action", "vantage", "az_id", "peer_az_id", "traffic_path",
)  # fmt: skip


def traffic(flows: ir.Table, addresses: pd.DataFrame, every: str = "1h") -> pd.DataFrame:
    """Records, packets and bytes of each interface over time.

    ``interface_id``, ``time`` (start of each `every`, UTC; NaT for a log without ``start``), ``direction``
    (``ingress``, ``egress`` as packets flow; ``through`` for gateways and load balancers; ``unknown``), ``peer``
    (``internal``: private, or the address of a logged interface; ``external``; null where the
    direction is not known), ``action``, ``vantage``
    (whether to count it where several interfaces logged the same packets), ``az_id``, ``peer_az_id`` (null where
    not known), ``traffic_path`` (egress only), ``records``, ``packets``, ``bytes``. Raises ValueError if `every` is
    no span of whole seconds.
    """
    seconds = int(pd.Timedelta(every).total_seconds())
    if seconds < 1:
        raise ValueError(f"every is {every!r}: give a span of a second or more, such as '5min' or '1h'")
    table = summed(flows, addresses, seconds).to_pandas().sort_values(list(BY), ignore_index=True)
    return table.assign(time=pd.to_datetime(table.time, unit="s", utc=True))


def summed(flows: ir.Table, addresses: pd.DataFrame, seconds: int) -> ir.Table:
    """The sums of `traffic` as the engine makes them; ``time`` in seconds since 1970."""
    rows = _placed(flows, addresses).mutate(time=(_.start // seconds) * seconds)
    return rows.group_by(*BY).aggregate(
        records=_.count(), packets=_.packets.fill_null(0).sum(), bytes=_.bytes.fill_null(0).sum()
    )


def _placed(flows: ir.Table, addresses: pd.DataFrame) -> ir.Table:
    """Records with packet direction, kind of peer, vantage and the zones of both ends."""
    rows = named_rows(flows)
    rows = rows.mutate(
        interface_id=ibis.coalesce(rows.interface_id, rows.resource_id, "-"),
        day=(rows.start // DAY).fill_null(0),
    )
    for end in ("src", "dst"):
        rows = _with_holder(rows, addresses, end)
    out = ibis.cases(
        (rows.flow_direction.notnull(), rows.flow_direction == "egress"),
        (
            (rows.src_holder == rows.interface_id) & (rows.dst_holder != rows.interface_id).fill_null(True),
            True,
        ),
        (
            (rows.dst_holder == rows.interface_id) & (rows.src_holder != rows.interface_id).fill_null(True),
            False,
        ),
    )
    through = addresses.loc[addresses.through, "interface_id"].unique().tolist()
    passes = rows.interface_id.isin(through) if through else ibis.literal(False)
    inside = internal(out.ifelse(rows.dstaddr, rows.srcaddr)) | out.ifelse(rows.dst_logged, rows.src_logged)
    return rows.mutate(
        direction=ibis.cases((passes, "through"), (out, "egress"), (~out, "ingress"), else_="unknown"),
        peer=ibis.cases((passes, None), (out.notnull(), inside.ifelse("internal", "external"))),
        vantage=~passes & (out.fill_null(False) | ~rows.src_logged),
        az_id=ibis.coalesce(rows.az_id, out.ifelse(rows.src_az, rows.dst_az)),
        peer_az_id=ibis.coalesce(rows.next_hop_az_id, out.ifelse(rows.dst_az, rows.src_az)),
    )


def _with_holder(rows: ir.Table, addresses: pd.DataFrame, end: str) -> ir.Table:
    """`rows` with which interface has the address at that end, in which zone, and whether it is logged."""
    held = addresses[addresses.address.notna()]
    days = ((held.day - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(days=1)).fillna(0).astype("int64")
    held = held.assign(day=days, logged=~held.through).groupby(["day", "address"], as_index=False)
    one = held.agg(
        holder=("interface_id", lambda names: names.iloc[0] if names.nunique() == 1 else None),
        az=("az_id", lambda names: names.iloc[0] if names.nunique() == 1 else None),
        logged=("logged", "any"),
    )
    names = {"address": f"{end}addr", "holder": f"{end}_holder", "az": f"{end}_az", "logged": f"{end}_logged"}
    types = {"day": "int64"} | {new: "boolean" if old == "logged" else "string" for old, new in names.items()}
    known = ibis.memtable(one.rename(columns=names)[list(types)], schema=types)
    joined = rows.left_join(known, ["day", f"{end}addr"])
    return joined.select(
        *(joined[column] for column in rows.columns),
        f"{end}_holder",
        f"{end}_az",
        **{f"{end}_logged": joined[f"{end}_logged"].fill_null(False)},
    )


def internal(address: ir.StringValue) -> ir.BooleanValue:
    """Whether an address is private, shared or link-local, by its text: `addresses.INTERNAL` for an engine."""
    two, three = address.substr(6, 1) == ".", address.substr(7, 1) == "."  # digits in the second number
    v4 = (
        address.startswith("192.168.")
        | address.startswith("169.254.")
        | (two & (address >= "172.16.") & (address < "172.32."))
        | (two & (address >= "100.64.") & (address < "101."))
        | (three & (address >= "100.100.") & (address < "100.128."))
    )
    v6 = ((address >= "fc") & (address < "fe")) | ((address >= "fe8") & (address < "fec"))
    # The cheap tests first: engines work out a case only for the rows that come to it. No lists: those are joined.
    return ibis.cases(
        (address.startswith("10."), True),
        (address.startswith("1"), v4),
        (address.startswith("f"), v6),
        else_=False,
    )


def traffic_by_zone(traffic: pd.DataFrame) -> pd.DataFrame:
    """Accepted bytes from zone to zone, each counted once: ``az_id``, ``peer_az_id``, ``bytes``, ``crosses``.

    No rows where the log has no ``az-id``, or no peer's zone is known.
    """
    known = _accepted(traffic)
    known = known[
        known.az_id.notna() & known.peer_az_id.notna() & known.direction.isin(["ingress", "egress"])
    ]
    out = known.direction == "egress"
    pairs = known.assign(
        az_id=known.az_id.where(out, known.peer_az_id), peer_az_id=known.peer_az_id.where(out, known.az_id)
    )
    table = pairs.groupby(["az_id", "peer_az_id"], as_index=False).bytes.sum()
    return table.assign(crosses=table.az_id != table.peer_az_id)


def traffic_by_path(traffic: pd.DataFrame) -> pd.DataFrame:
    """Accepted egress bytes by the way they took: ``traffic_path``, ``path`` (AWS's words), ``bytes``, ``share``."""
    known = _accepted(traffic)
    known = known[known.traffic_path.notna() & (known.direction == "egress")]
    table = known.groupby("traffic_path", as_index=False).bytes.sum()
    table = table.astype({"traffic_path": "int64"})
    table.insert(1, "path", table.traffic_path.map(PATHS).fillna("unknown"))
    return table.assign(share=table.bytes / max(table.bytes.sum(), 1))


def traffic_by_interface(traffic: pd.DataFrame) -> pd.DataFrame:
    """Accepted bytes of each interface: ``interface_id``, ``ingress_internal``, ``ingress_external``,
    ``egress_internal``, ``egress_external``, ``through``, ``unknown``, ``refused_records``; the busiest first."""
    names = [
        "ingress_internal",
        "ingress_external",
        "egress_internal",
        "egress_external",
        "through",
        "unknown",
    ]
    kind = traffic.direction + ("_" + traffic.peer).fillna("")
    taken = traffic.assign(kind=kind, bytes=traffic.bytes.where(traffic.action != "REJECT", 0))
    table = taken.pivot_table(
        index="interface_id", columns="kind", values="bytes", aggfunc="sum", fill_value=0
    )
    table = table.reindex(columns=names, fill_value=0)
    refused = traffic[traffic.action == "REJECT"].groupby("interface_id").records.sum()
    table["refused_records"] = refused.reindex(table.index, fill_value=0)
    order = table[names].sum(axis=1).sort_values(ascending=False, kind="stable").index
    return table.loc[order].rename_axis(columns=None).reset_index()


def traffic_over_time(traffic: pd.DataFrame) -> pd.DataFrame:
    """Accepted bytes over time, one row a `time`: the columns of `traffic_by_interface` without the refusals."""
    kept = traffic[
        (traffic.action != "REJECT") & traffic.time.notna() & ~traffic.direction.isin(["through", "unknown"])
    ]
    kind = kept.direction + "_" + kept.peer
    table = kept.assign(kind=kind).pivot_table(
        index="time", columns="kind", values="bytes", aggfunc="sum", fill_value=0
    )
    names = ["ingress_internal", "ingress_external", "egress_internal", "egress_external"]
    return table.reindex(columns=names, fill_value=0).rename_axis(columns=None)


def _accepted(traffic: pd.DataFrame) -> pd.DataFrame:
    return traffic[traffic.vantage & (traffic.action != "REJECT")]
