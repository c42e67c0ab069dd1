"""Refused traffic in groups: who wanted what, how it was refused, and what else the log says about it.

The engine reduces: only conversations with a REJECT are put together, then grouped by interface, client,
server, protocol, service port and fate. The groups that matter most come to pandas, the rest as totals.
`flowkit.analysis.causes` judges them.

Refused conversations need more than `conversations` keeps (when each side was accepted and when refused), so
they are put together here, from the few records around a REJECT.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _
from ibis.expr.types.relations import CachedTable

from flowkit.analysis.conversations import IDLE, KEY
from flowkit.analysis.ports import SERVICE_PORTS, SYSTEM_PORTS
from flowkit.loading.engines import kept

#: TCP flags as AWS logs them.
FIN, SYN, RST, ACK = 1, 2, 4, 16
TCP = 6
GROUP = ("interface_id", "client", "server", "protocol", "server_port", "fate", "reject_reason")
#: A SYN with every option, in IPv6, is no longer than this.
SMALL = 80
#: Ports that a server listens on lie below, those that a client draws above, where Linux draws them.
EPHEMERAL = 32768
#: More than there are ports.
PORTS = 65536


#: Private, shared, link-local and unique local addresses, as text.
PRIVATE = (
    r"^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|169\.254\."
    r"|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|f[cd]|fe[89ab])"
)


class Refusals(NamedTuple):
    """The three tables of `refusals`."""

    groups: pd.DataFrame
    clients: pd.DataFrame
    totals: pd.DataFrame


def refusals(flows: ir.Table, limit: int = 2000) -> Refusals:
    """Refused conversations in groups, at most `limit` of them, their clients, and the totals of all.

    `groups` has one row a group: `interface_id, client, server, protocol, server_port` (null: none), `fate`:

    - ``control``: reject-reason names a VPC-wide control (`reject_reason`)
    - ``late``: after both sides were accepted and closed
    - ``changed``: in the middle of a conversation that was accepted both ways
    - ``reply``: the client was accepted, the server's answer refused
    - ``request``: the client was refused from its first packet
    - ``stray``: neither a first packet nor part of a conversation in the log

    and, over the group's conversations: `sessions`; `records, packets, bytes` (the refused ones);
    `first, last` (seconds since 1970); `spells` (ten minutes it
    was seen in, at most); `retries` (conversations of 3 to 7
    SYN-sized packets), `tiny` (of one packet without options), `small` (of few small packets), `overlaps`
    (still accepted after the refusal), `closed` (FIN or RST of both sides seen before), `idle` (longest pause
    before the refusal, seconds), `accepted` (the client's accepted records), `low, high` (its least and
    greatest port), `flagged` (TCP flags known),
    `from_server` (the refused packets are the server's), `egress` (they leave the interface; null: not
    logged), `subnet_id`. Groups are kept in this order: not merely requests, private clients, spells, records.

    `clients` has the 500 clients with most groups of requests: `client, groups, servers, ports, sessions,
    records, packets, bytes, first, last, most` (spells of its longest group).
    `totals` has one row a fate: `fate, groups, clients, sessions, records, packets, bytes, first, last`.
    """
    with ExitStack() as stack:
        rows = stack.enter_context(held(_around(flows)))
        groups = stack.enter_context(held(_groups(_fates(_initiated(_sessions(rows))))))
        plain = groups.fate.isin(["request", "stray"])
        order = [plain.asc(), groups.client.re_search(PRIVATE).desc(), _.spells.desc(), _.records.desc()]
        listed = groups.order_by([*order, *GROUP]).limit(limit).execute()
        sums = {name: _[name].sum() for name in ("sessions", "records", "packets", "bytes")}
        sums |= {"first": _["first"].min(), "last": _["last"].max(), "groups": _.count()}
        clients = groups.filter(plain).group_by("client").agg(
            servers=_.server.nunique(), ports=_.server_port.nunique(), most=_.spells.max(),
            protocol=_.protocol.min().nullif(ibis.ifelse(_.protocol.min() == _.protocol.max(), -2, _.protocol.min())),
            **sums
        )  # fmt: skip
        clients = clients.order_by([_.groups.desc(), _.records.desc(), "client"]).limit(500).execute()
        totals = groups.group_by("fate").agg(clients=_.client.nunique(), **sums).order_by("fate").execute()
    return Refusals(listed, clients, totals)


@contextmanager
def held(table: ir.Table) -> Iterator[ir.Table]:
    """`table`, computed once and kept by its engine for several queries, where the engine can."""
    found = kept(table)
    with found if isinstance(found, CachedTable) else nullcontext():
        yield found


def logged(flows: ir.Table) -> ir.Table:
    """The rows of `flows` that tell of packets: no NODATA, no SKIPDATA, both addresses and an action."""
    told = flows.log_status.isnull() | (flows.log_status == "OK")
    return flows.filter(told, flows.srcaddr.notnull(), flows.dstaddr.notnull(), flows.action.notnull())


def _around(flows: ir.Table) -> ir.Table:
    """The rows near every REJECT, endpoints in one order, and whether a `sent`.

    Near is: same interface and the same two ports. That is all of the refused conversations and few others, told
    by numbers alone; whose addresses differ falls out when conversations without a REJECT do.
    """
    rows = logged(flows)
    rows = rows.mutate(
        interface_id=ibis.coalesce(rows.interface_id, rows.resource_id, "-"),
        protocol=rows.protocol.fill_null(-1),
        srcport=rows.srcport.fill_null(-1),
        dstport=rows.dstport.fill_null(-1),
    )
    low, high = ibis.least(rows.srcport, rows.dstport), ibis.greatest(rows.srcport, rows.dstport)
    rows = rows.mutate(ports=low.cast("int64") * PORTS + high, refused=rows.action == "REJECT")
    near = ["interface_id", "ports"]
    rows = rows.semi_join(rows.filter(rows.refused).select(near).distinct(), near)
    forward = (rows.srcaddr < rows.dstaddr) | (
        (rows.srcaddr == rows.dstaddr) & (rows.srcport <= rows.dstport)
    )
    return rows.select(
        *(
            "interface_id",
            "protocol",
            "refused",
            "packets",
            "bytes",
            "start",
            "end",
            "reject_reason",
            "subnet_id",
        ),
        a_addr=ibis.ifelse(forward, rows.srcaddr, rows.dstaddr),
        a_port=ibis.ifelse(forward, rows.srcport, rows.dstport),
        b_addr=ibis.ifelse(forward, rows.dstaddr, rows.srcaddr),
        b_port=ibis.ifelse(forward, rows.dstport, rows.srcport),
        from_a=forward,
        flags=rows.tcp_flags,
        egress=rows.flow_direction == "egress",
    )


def _sessions(rows: ir.Table) -> ir.Table:
    """The facts of each session with a REJECT: of each pair of endpoints, those that pause for long split in time."""
    once = _facts(rows, KEY)
    pauses = once.filter(_["last"] - _["first"] > IDLE)
    order = {"group_by": KEY, "order_by": ["start", "end"]}
    some = rows.view().semi_join(pauses, KEY)
    some = some.mutate(fresh=(some.start - some.end.lag().over(ibis.window(**order)) > IDLE).fill_null(False))
    some = some.mutate(session=some.fresh.cast("int64").sum().over(ibis.window(**order, rows=(None, 0))))
    # An engine may keep narrower integers than it was given, so that the types are made equal again.
    return once.anti_join(pauses, KEY).union(
        _facts(some, (*KEY, "session")).drop("session").cast(once.schema())
    )


def _facts(rows: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """One row a session with a REJECT: what each side x sent that was accepted (`x_acc`), refused (`x_rej`), and when.

    Few and small aggregates, because there are as many groups as sessions.
    """
    facts = {}
    syn = rows.flags & (SYN | ACK)
    for side, sent in (("a", rows.from_a), ("b", ~rows.from_a)):
        facts |= {
            f"{side}_acc": rows.count(where=sent & ~rows.refused),
            f"{side}_rej": rows.count(where=sent & rows.refused),
            f"{side}_fin": (sent & ~rows.refused & ((rows.flags & FIN) > 0)).max(),
            f"{side}_new": (sent & rows.refused & (syn == SYN)).max(),
            f"{side}_starts": (sent & (syn == SYN)).max().fill_null(False),
            f"{side}_opens": (sent & (syn == (SYN | ACK))).max().fill_null(False),
            f"{side}_first": rows.start.min(where=sent),
        }
    found = rows.group_by(key).agg(
        **facts,
        packets=_exact(rows.packets, rows.refused),
        bytes=_exact(rows.bytes, rows.refused),
        acc_last=rows.end.max(where=~rows.refused),
        rej_first=rows.start.min(where=rows.refused),
        rej_last=rows.end.max(where=rows.refused),
        flagged=rows.flags.notnull().max(),
        reset=(~rows.refused & ((rows.flags & RST) > 0)).max(),
        a_leaves=(rows.egress == rows.from_a).max(),
        reject_reason=rows.reject_reason.max(),
        subnet_id=rows.subnet_id.max(),
    )
    found = found.filter((found.a_rej > 0) | (found.b_rej > 0))
    first = ibis.ifelse(found.a_first <= found.b_first, found.a_first, found.b_first).coalesce(found.a_first)
    last = ibis.ifelse(found.acc_last > found.rej_last, found.acc_last, found.rej_last)
    return found.mutate(first=first, last=last)


def _exact(values: ir.IntegerColumn, where: ir.BooleanValue | None = None) -> ir.IntegerScalar:
    """Their sum in floating point, exact to 2^53 and a third of what DuckDB keeps for a sum of integers."""
    return values.cast("float64").sum(where=where).fill_null(0).cast("int64")


def _a_began(t: ir.Table) -> ir.BooleanValue:
    """Whether a began the sessions of `t`: by SYN, by who got through, by ports, by time."""
    a_only, b_only = t.b_acc + t.b_rej == 0, t.a_acc + t.a_rej == 0
    a_low, b_low = (t.a_port < EPHEMERAL) & (t.a_port >= 0), (t.b_port < EPHEMERAL) & (t.b_port >= 0)
    known_a, known_b = (
        port.between(0, SYSTEM_PORTS - 1) | port.isin(tuple(SERVICE_PORTS)) for port in (t.a_port, t.b_port)
    )
    return ibis.cases(
        (t.a_starts != t.b_starts, t.a_starts),
        (t.a_opens != t.b_opens, t.b_opens),
        # One side accepted and only the other refused: an answer that did not get through.
        ((t.a_acc > 0) & (t.a_rej == 0) & (t.b_acc == 0), True),
        ((t.b_acc > 0) & (t.b_rej == 0) & (t.a_acc == 0), False),
        (t.a_port == t.b_port, ibis.ifelse(a_only | b_only, a_only, (t.a_first <= t.b_first))),
        (known_a != known_b, known_b),
        (a_only | b_only, a_only),
        (a_low != b_low, b_low),
        else_=t.a_first <= t.b_first,
    )


def _initiated(sessions: ir.Table) -> ir.Table:
    """`sessions` with their sides renamed: c began it, s was wanted."""
    t, sides = sessions.mutate(a_began=_a_began(sessions)), {}
    for name in ("addr", "port", "acc", "rej", "fin", "new"):
        a, b = t[f"a_{name}"], t[f"b_{name}"]
        sides |= {f"c_{name}": ibis.ifelse(t.a_began, a, b), f"s_{name}": ibis.ifelse(t.a_began, b, a)}
    same = (
        "interface_id",
        "protocol",
        "packets",
        "bytes",
        "acc_last",
        "rej_first",
        "rej_last",
        "flagged",
        "reset",
    )
    return t.select(*same, "reject_reason", "subnet_id", **sides, c_leaves=t.a_leaves == t.a_began)


def _fates(sessions: ir.Table) -> ir.Table:
    """`sessions` with their `fate` (see `refusals`) and what speaks for and against it."""
    t = sessions
    small = (t.protocol == TCP) & (t.packets <= 6) & (t.bytes <= SMALL * t.packets)
    closed = (t.reset | (t.c_fin & t.s_fin)).fill_null(False)
    # Times are soft by a minute: a window may seem to go on after the close.
    after = t.acc_last > t.rej_first + ibis.ifelse(closed, 60, 1)
    known = t.flagged & (t.protocol == TCP)
    new = t.c_new.fill_null(False)
    nobody, both = t.c_acc + t.s_acc == 0, (t.s_acc > 0) & ((t.c_acc > 0) | (t.c_rej > 0))
    late = small & ~after
    fate = ibis.cases(
        (t.reject_reason.notnull(), "control"),
        (new, "request"),
        (both, ibis.ifelse(late, "late", "changed")),
        (nobody & (t.c_rej == 0), "stray"),
        (nobody & known, "stray"),
        (nobody, "request"),
        (t.s_rej > 0, "reply"),
        else_="request",
    )
    return t.mutate(fate=fate, small=small, after=after.fill_null(False), closed=closed)


def _groups(sessions: ir.Table) -> ir.Table:
    """`sessions` grouped; the port of the service is all that is kept of the ports."""
    t = sessions.mutate(client=_.c_addr, server=_.s_addr, server_port=_.s_port.nullif(-1))
    t = t.mutate(reject_reason=t.reject_reason.fill_null(""))
    packets, size = t.packets, t.bytes
    records = _exact(t.c_rej + t.s_rej)
    return t.group_by(GROUP).agg(
        sessions=t.count(),
        records=records,
        packets=_exact(packets),
        bytes=_exact(size),
        first=t.rej_first.min(),
        last=t.rej_last.max(),
        spells=ibis.least(records, (t.rej_last.max() - t.rej_first.min()) // 600 + 1),
        retries=t.count(where=packets.between(3, 7) & size.between(40 * packets, SMALL * packets)),
        tiny=t.count(where=(packets == 1) & (size <= 44)),
        small=t.count(where=t.small),
        overlaps=t.count(where=t.after),
        closed=t.count(where=t.closed),
        idle=(t.rej_first - t.acc_last).max(),
        accepted=_exact(t.c_acc),
        low=t.c_port.min(),
        high=t.c_port.max(),
        flagged=t.flagged.max(),
        from_server=(t.c_rej == 0).min(),
        egress=ibis.ifelse(t.c_rej == 0, ~t.c_leaves, t.c_leaves).max(),
        subnet_id=t.subnet_id.max(),
    )
