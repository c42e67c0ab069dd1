"""Conversations: the two halves of a flow joined, its pieces chained over aggregation windows.

In: the flows table. Out: a table of the same engine, one row a conversation at one interface. Which end of it is
``a`` and which is ``b`` says nothing about who began: ``a`` is the end that sorts first as text.

A raw record's key is interface, 5-tuple, window *and action*: one window can hold an ACCEPT and a REJECT of the
same 5-tuple. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir
from ibis import Deferred, _

from flowkit.analysis.addresses import named_rows

#: What two records of one conversation share, before it is split in time.
KEY = ("interface_id", "protocol", "a_addr", "a_port", "b_addr", "b_port")

#: Seconds of silence after which the next record begins a new conversation: how long AWS keeps an idle TCP
#: connection at least, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
IDLE = 350

SYN, SYN_ACK, FIN_OR_RST = 2, 18, 5
BITS = (1, 2, 4, 16)

#: What stands in for a missing key while rows are grouped and joined: SQL joins no null to another.
NOTHING = {"interface_id": "-", "protocol": -1, "a_port": -1, "b_port": -1}


def conversations(flows: ir.Table, gap: int | None = IDLE) -> ir.Table:
    """One row a conversation at one interface.

    ``interface_id`` (the resource's id where a log has no interface), ``protocol``, ``a_addr``, ``a_port``,
    ``b_addr``, ``b_port`` (ports as logged), ``session`` (0, 1, … of the same endpoints: a new one after more
    than `gap` seconds of silence, and at a SYN after a FIN or RST), ``first``, ``last`` (seconds since 1970 UTC)
    and ``windows`` (aggregation windows it was surely seen in). What each end x of ``a``, ``b`` sent:
    ``x_packets``, ``x_bytes``, ``x_accepted``, ``x_rejected`` (records; a log without ``action`` counts as
    accepted), ``x_flags`` (OR of the TCP flags, null where the log has none), ``x_first``, ``x_last``; and
    ``x_opened``, whether a SYN or SYN-ACK says that x began. From earlier sessions: ``carried`` (``a`` or ``b``:
    who began by the latest SYN before this one) and ``resumed`` (whether any packet was accepted before).

    A `gap` of None never splits: one row for the same endpoints however often they met, for a third of the cost.
    """
    records = _oriented(flows)
    if gap is None:
        once = records.group_by(*KEY).aggregate(**_sides())
        return _finished(once.mutate(**SINGLE))
    once = records.group_by(*KEY).aggregate(
        records=_.count(),
        span=_.end.max() - _.start.min(),
        last_syn=_.start.max(where=(_.flags & SYN) > 0),
        first_close=_.end.min(where=(_.flags & FIN_OR_RST) > 0),
        **_sides(),
    )
    several = (once.records > 1) & ((once.span > gap) | (once.last_syn > once.first_close).fill_null(False))
    whole = once.filter(~several.fill_null(False)).mutate(**SINGLE)
    apart = _sessions(records.semi_join(once.filter(several), KEY), gap)
    columns = (*KEY, *SINGLE, *SIDES)
    return _finished(whole.select(*columns).union(apart.select(*columns)))


def _finished(table: ir.Table) -> ir.Table:
    """`table` with its columns in order and nulls where the log has nothing."""
    columns = {
        column: table[column].nullif(NOTHING[column]) if column in NOTHING else table[column]
        for column in KEY
    }
    return table.select(
        **columns,
        session=table.session,
        first=_lesser(_.a_first, _.b_first),
        last=-_lesser(-_.a_last, -_.b_last),
        # A window has at most one record of the same sender and action.
        windows=ibis.greatest(_.a_accepted, _.a_rejected, _.b_accepted, _.b_rejected),
        **{column: table[column] for column in (*SIDES, "carried", "resumed")},
    )


def _oriented(flows: ir.Table) -> ir.Table:
    """The records that name a flow, each with its ends in canonical order and whether ``a`` sent it."""
    rows = named_rows(flows)
    rows = rows.mutate(
        interface_id=ibis.coalesce(rows.interface_id, rows.resource_id, NOTHING["interface_id"]),
        protocol=rows.protocol.fill_null(-1),
        srcport=rows.srcport.fill_null(-1),
        dstport=rows.dstport.fill_null(-1),
    )
    from_a = (rows.srcaddr < rows.dstaddr) | ((rows.srcaddr == rows.dstaddr) & (rows.srcport <= rows.dstport))
    return rows.select(
        "interface_id",
        "protocol",
        "start",
        "end",
        a_addr=from_a.ifelse(rows.srcaddr, rows.dstaddr),
        a_port=from_a.ifelse(rows.srcport, rows.dstport),
        b_addr=from_a.ifelse(rows.dstaddr, rows.srcaddr),
        b_port=from_a.ifelse(rows.dstport, rows.srcport),
        from_a=from_a,
        refused=(rows.action == "REJECT").fill_null(False),
        flags=rows.tcp_flags,
        packets=rows.packets.fill_null(0),
        bytes=rows.bytes.fill_null(0),
    )


def _sides() -> dict[str, Deferred]:
    """The aggregates that say what each end sent."""
    sides = {}
    for end, sent in (("a", _.from_a), ("b", ~_.from_a)):
        sides |= {
            f"{end}_packets": sent.ifelse(_.packets, 0).sum(),
            f"{end}_bytes": sent.ifelse(_.bytes, 0).sum(),
            f"{end}_accepted": (sent & ~_.refused).sum(),
            f"{end}_rejected": (sent & _.refused).sum(),
            # Not bit_or: Ibis has none for Spark. AWS logs no other flags than these.
            f"{end}_flags": reduce(
                add, (sent.ifelse(_.flags & bit, ibis.null("int32")).max() for bit in BITS)
            ),
            f"{end}_first": sent.ifelse(_.start, ibis.null("int64")).min(),
            f"{end}_opened": (
                ((_.flags & SYN_ACK) == SYN) & sent | ((_.flags & SYN_ACK) == SYN_ACK) & ~sent
            ).any(),
            f"{end}_last": sent.ifelse(_.end, ibis.null("int64")).max(),
        }
    return sides


SIDES = tuple(_sides())

#: What a conversation says of earlier ones of the same endpoints if there are none.
SINGLE = {
    "session": ibis.literal(0, "int64"),
    "carried": ibis.null("string"),
    "resumed": ibis.literal(False),
}


def _sessions(records: ir.Table, gap: int) -> ir.Table:
    """Conversations of records whose endpoints may have met more than once, split where they did."""
    flagged = (records.flags & SYN) > 0
    records = records.mutate(syn=flagged.fill_null(False))
    in_order = {"group_by": KEY, "order_by": ["start", ibis.desc("syn"), "end"]}
    past, now = (ibis.window(**in_order, rows=(None, until)) for until in (-1, 0))
    of_a = records.from_a == ((records.flags & SYN_ACK) == SYN)
    nothing = ibis.null("int64")
    seen = records.mutate(
        until=records.end.max().over(past),
        # Not max(where=...): neither Spark nor Trino filters inside a window.
        closed=((records.flags & FIN_OR_RST) > 0).ifelse(records.end, nothing).max().over(past),
        opened=records.syn.ifelse(records.start, nothing).max().over(past),
        # The latest SYN and who sent it in one number, so that the greatest is the latest: odd for b.
        opener=records.syn.ifelse(records.start * 2 + of_a.ifelse(0, 1), nothing).max().over(past),
        before=(~records.refused).cast("int64").max().over(past),
    )
    reopened = seen.syn & (seen.start > seen.closed) & (seen.closed >= seen.opened.fill_null(0))
    starts = ((seen.start - seen.until > gap) | reopened).fill_null(False)
    pieces = seen.mutate(starts=starts.cast("int64"))
    pieces = pieces.mutate(session=pieces.starts.sum().over(now))
    return (
        pieces.group_by(*KEY, "session")
        .aggregate(opener=_.opener.min(), before=_.before.min(), **_sides())
        .mutate(
            carried=(_.session > 0).ifelse(
                ibis.cases((_.opener % 2 == 0, "a"), (_.opener % 2 == 1, "b")), ibis.null("string")
            ),
            resumed=((_.session > 0) & (_.before == 1)).fill_null(False),
        )
    )


def _lesser(left: ir.Value, right: ir.Value) -> ir.Value:
    """The smaller of two, the other where one is null (engines differ on LEAST of a null)."""
    return ibis.least(ibis.coalesce(left, right), ibis.coalesce(right, left))
