"""From conversations to edges: client, server, protocol, port and outcome by interface and time step, with counts.

The small table that nearly every question asks. And from records to volumes: bytes of each interface by direction
and time, which conversations cannot tell, because one may last for hours.
"""

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.folding.interfaces import DAY, interface_of, named_rows
from flowkit.folding.sessions import REFUSED, SAW_SYN_ACK, total
from flowkit.net import LARGEST_SYN, TCP, UDP, private

#: Widths of a time step in seconds: a minute, five, a quarter of an hour, an hour, six, a day, a week.
STEPS = (60, 300, 900, 3600, 21600, DAY, 7 * DAY)
#: The most time steps that a window has.
MOST_STEPS = 200

#: Seconds in which a resolver and the like repeat a request of UDP.
RETRY = 30

#: What one edge is about.
EDGE = (
    "interface_id", "client", "server", "protocol", "server_port", "outcome", "denied", "way", "counted", "evidence",
    "step",
)  # fmt: skip

#: What one row of refusals is about.
REFUSAL = ("interface_id", "client", "server", "protocol", "server_port", "refusal", "control", "step")

#: What both roles of an edge sent.
COUNTS = (
    "client_accepted", "client_rejected", "server_accepted", "server_rejected", "client_packets", "client_bytes",
    "server_packets", "server_bytes",
)  # fmt: skip

#: What one row of volumes is about.
VOLUME = ("interface_id", "step", "direction", "peer", "action", "counted", "az_id", "peer_az_id", "traffic_path")


def step_of(seconds: int) -> int:
    """Return the width of a time step, in seconds, for a window of `seconds`: 60 to 200 steps where that can be."""
    return next((step for step in STEPS if seconds <= MOST_STEPS * step), STEPS[-1])


def edges(conversations: ir.Table, step: int) -> ir.Table:
    """Return one row an `EDGE` with its counts.

    The keys are columns of `conversations`; ``denied``: whether no packet was accepted; ``step`` is the start of the
    time step (seconds since 1970 UTC) in which the conversation began. ``sessions``,
    ``client_accepted``, ``client_rejected``, ``server_accepted``, ``server_rejected`` (records), ``client_packets``,
    ``client_bytes``, ``server_packets``, ``server_bytes``, ``first``, ``last`` (seconds), ``level`` (how sure the outcome
    is), ``port_low``, ``port_high`` (of the client).

    ``client`` and ``server`` are the packet's own ends (pkt-srcaddr, pkt-dstaddr) where the log has them: the pod, not
    its node; who stands behind a NAT or transit gateway, not the gateway. ``client_logged``, ``server_logged``: the
    address that the interface logged (srcaddr, dstaddr) where it is another, else null. ``way`` goes by the latter.
    """
    since = conversations["first"]
    t = conversations.mutate(step=since - since % step, denied=_.client_accepted + _.server_accepted == 0)
    return t.group_by(*EDGE).aggregate(
        sessions=_.count(),
        **{name: total(t, _[name]) for name in COUNTS},
        first=_["first"].min(),
        port_low=_.client_port.min(),
        port_high=_.client_port.max(),
        **{name: _[name].max() for name in ("last", "level", "client_logged", "server_logged")},
    )


def refusals(conversations: ir.Table, step: int) -> ir.Table:
    """Return one row a `REFUSAL`: refused conversations by how they were refused, with their shapes.

    ``step`` is that of the first refused packet (seconds since 1970 UTC). ``sessions``, ``attempts`` (sessions of
    TCP; of other protocols packets, which a port that stays the same sends as long as it likes, but a few UDP packets
    within `RETRY` seconds are one attempt), ``records``, ``packets``, ``bytes``, ``first``, ``last`` (of what was
    refused), ``latest`` (when the latest of the sessions was first refused), ``accepted`` (accepted records of the
    client), ``port_low``, ``port_high`` (of the client), ``from_server`` (the refused packets are the server's),
    ``leaves`` (they leave the interface; null: not logged), ``flagged`` (TCP flags known), ``idle``, ``idle_least``
    (longest and shortest pause before a refusal, seconds), and sessions by their shape: ``retries`` (3 to 7 packets of
    a SYN's size), ``tiny`` (one packet without options), ``small`` (few packets without data),
    ``overlaps`` (accepted packets after a refused one), ``closed`` (FIN of both sides, or RST, before), ``unclosed``
    (no FIN or RST at all), ``reopened`` (an open connection that goes on after a pause), ``syn_acks`` (the server's
    SYN-ACK refused). ``client``, ``server``, ``client_logged``, ``server_logged`` as in `edges`.
    """
    t = conversations.filter(conversations.refusal.notnull())
    t = t.mutate(step=t.rejected_first - t.rejected_first % step)
    packets, size, pause = t.rejected_packets, t.rejected_bytes, t.rejected_first - t.accepted_last
    once = (t.protocol == UDP) & (packets <= 5) & (t.rejected_last - t.rejected_first <= RETRY)
    return t.group_by(*REFUSAL).aggregate(
        sessions=_.count(),
        attempts=total(t, ibis.ifelse(((_.protocol == TCP) | once).fill_null(False), 1, _.rejected_packets)),
        records=total(t, _.client_rejected + _.server_rejected),
        packets=total(t, _.rejected_packets),
        bytes=total(t, _.rejected_bytes),
        first=_.rejected_first.min(),
        last=_.rejected_last.max(),
        accepted=total(t, _.client_accepted),
        port_low=_.client_port.min(),
        port_high=_.client_port.max(),
        from_server=_.from_server.min(),
        latest=_.rejected_first.max(),
        idle=pause.max(),
        idle_least=pause.min(),
        retries=t.count(where=packets.between(3, 7) & size.between(40 * packets, LARGEST_SYN * packets)),
        tiny=t.count(where=(packets == 1) & (size <= 44)),
        **{name: t.count(where=t[name]) for name in ("small", "overlaps", "closed", "unclosed", "reopened")},
        syn_acks=t.count(where=(t.server_seen & (SAW_SYN_ACK * REFUSED)) > 0),
        **{name: _[name].max() for name in ("leaves", "flagged", "client_logged", "server_logged")},
    )


def volumes(flows: ir.Table, interfaces: pd.DataFrame, step: int) -> ir.Table:
    """Return the records, packets and bytes of each interface over time, one row a `VOLUME`.

    ``direction`` (as packets flow, seen from the interface: ``ingress``, ``egress``; ``transit`` for gateways and
    load balancers; ``unknown``), ``peer`` (``internal``: private, or the address of a logged interface;
    ``external``; where the direction is unknown, ``internal`` if both ends are; null in transit), ``action``,
    ``counted`` (whether to count it where several interfaces logged the same packets), ``az_id``, ``peer_az_id`` (null
    where not known), ``traffic_path`` (egress only), ``step`` (start of the time step, seconds since 1970),
    ``records``, ``packets``, ``bytes``.
    """
    rows = named_rows(flows)
    rows = rows.mutate(interface_id=interface_of(rows), day=(rows.start // DAY).fill_null(0))
    for end in ("src", "dst"):
        rows = _with_owner(rows, interfaces, end)
    out = ibis.cases(
        (rows.flow_direction.notnull(), rows.flow_direction == "egress"),
        ((rows.src_owner == rows.interface_id) & (rows.dst_owner != rows.interface_id).fill_null(True), True),
        ((rows.dst_owner == rows.interface_id) & (rows.src_owner != rows.interface_id).fill_null(True), False),
    )
    transit = interfaces.loc[interfaces.transit, "interface_id"].unique().tolist()
    passes = rows.interface_id.isin(transit) if transit else ibis.literal(False)
    # An end that faces the interface is internal or not; where neither is known to be its own, both have to be.
    from_inside, to_inside = (private(rows[f"{end}addr"]) | rows[f"{end}_logged"] for end in ("src", "dst"))
    inside = ibis.cases((out, to_inside), (~out, from_inside), else_=from_inside & to_inside)
    rows = rows.mutate(
        step=rows.start - rows.start % step,
        direction=ibis.cases((passes, "transit"), (out, "egress"), (~out, "ingress"), else_="unknown"),
        peer=ibis.cases((passes, None), (inside, "internal"), else_="external"),
        counted=~passes & (out.fill_null(False) | ~rows.src_logged),
        az_id=ibis.coalesce(rows.az_id, out.ifelse(rows.src_az, rows.dst_az)),
        peer_az_id=ibis.coalesce(rows.next_hop_az_id, out.ifelse(rows.dst_az, rows.src_az)),
    )
    return rows.group_by(*VOLUME).aggregate(
        records=_.count(), packets=total(rows, _.packets.fill_null(0)), bytes=total(rows, _.bytes.fill_null(0))
    )


def aws_services(flows: ir.Table) -> ir.Table:
    """Return which AWS service an address belongs to, where the log says so: ``address``, ``service``."""
    rows = named_rows(flows)
    ends = [
        rows.filter(rows[f"pkt_{end}_aws_service"].notnull()).select(
            address=ibis.coalesce(rows[f"pkt_{end}addr"], rows[f"{end}addr"]), service=rows[f"pkt_{end}_aws_service"]
        )
        for end in ("src", "dst")
    ]
    return ends[0].union(ends[1]).group_by("address").aggregate(service=_.service.max())


def _with_owner(rows: ir.Table, interfaces: pd.DataFrame, end: str) -> ir.Table:
    """Return `rows` with which interface has the address at that end, in which zone, and whether it is logged."""

    def only(names: pd.Series) -> object:
        return names.iloc[0] if names.nunique() == 1 else None

    own = interfaces[interfaces.address.notna()].assign(logged=lambda table: ~table.transit)
    one = own.groupby(["day", "address"], as_index=False).agg(
        owner=("interface_id", only), az=("az_id", only), logged=("logged", "any")
    )
    names = {"address": f"{end}addr", "owner": f"{end}_owner", "az": f"{end}_az", "logged": f"{end}_logged"}
    types = {"day": "int64"} | {new: "boolean" if old == "logged" else "string" for old, new in names.items()}
    known = ibis.memtable(one.rename(columns=names)[list(types)], schema=types)
    joined = rows.left_join(known, ["day", f"{end}addr"])
    logged = joined[f"{end}_logged"].fill_null(False)
    return joined.select(*rows.columns, f"{end}_owner", f"{end}_az", **{f"{end}_logged": logged})
