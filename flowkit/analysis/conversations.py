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

#: The flags that AWS logs; SYN-ACK comes as one.
FIN, SYN, RST, SYN_ACK = 1, 2, 4, 18

#: Of two counts in one number the second counts by this much.
SHIFT = 26
HIGH = 1 << SHIFT

#: What stands in for a missing key while rows are grouped and joined: SQL joins no null to another.
NOTHING = {"interface_id": "-", "protocol": -1, "a_port": -1, "b_port": -1}


def conversations(flows: ir.Table, gap: int | None = IDLE) -> ir.Table:
    """One row a conversation at one interface.

    ``interface_id`` (the resource's id where a log has no interface), ``protocol``, ``a_addr``, ``a_port``,
    ``b_addr``, ``b_port`` (ports as logged), ``session`` (0, 1, … of the same endpoints: a new one after more
    than `gap` seconds of silence, and at a SYN after a FIN or RST), ``first``, ``last`` (seconds since 1970 UTC).
    What each end x of ``a``, ``b`` sent: ``x_packets``, ``x_bytes``, ``x_accepted``, ``x_rejected`` (records; a
    log without ``action`` counts as accepted), ``x_flags`` (OR of the TCP flags, null where the log has none),
    ``x_first``; and ``x_opened``, whether a SYN or SYN-ACK says that x began. From earlier sessions: ``carried``
    (``a`` or ``b``: who began by the latest SYN before this one) and ``resumed`` (whether any packet was accepted
    before).

    A `gap` of None never splits: one row for the same endpoints however often they met, for a third of the cost.
    """
    records = _oriented(flows)
    once = records.group_by(*KEY).aggregate(**_sums())
    whole = once.mutate(**SINGLE)
    if gap is None:
        return _told(whole)
    late = (once["last"] - _first(once) > gap) | (once.last_syn > once.first_close).fill_null(False)
    several = (late & ~(once.a_records + once.b_records).isin([1, HIGH])).fill_null(False)
    whole = whole.filter(~several)
    # With a filter that all pass, since DuckDB would write down whatever the query names twice: the whole log.
    again = _oriented(flows.filter(flows.packets.fill_null(0) >= 0))
    apart = _sessions(again.semi_join(once.filter(several), KEY), gap)
    return _told(whole.union(apart.select(whole.columns)))


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


def _sums() -> dict[str, Deferred]:
    """The aggregates that say what each end sent, as few and as small as they can be.

    A group's memory is that of its aggregates, and there are as many groups as conversations: so two counts share
    a number, and sums are `exact`.
    """
    kind = _.flags & SYN_ACK
    syns = ibis.cases((kind == SYN, 1), (kind == SYN_ACK, HIGH), else_=0)
    closes = ibis.ifelse((_.flags & FIN) > 0, 1, 0) + ibis.ifelse((_.flags & RST) > 0, HIGH, 0)
    sums = {
        "last": _.end.max(),
        "last_syn": _.start.max(where=(_.flags & SYN) > 0),
        "first_close": _.end.min(where=(_.flags & (FIN | RST)) > 0),
    }
    for end, sent in (("a", _.from_a), ("b", ~_.from_a)):
        flagged = sent & _.flags.notnull()
        sums |= {
            f"{end}_packets": exact(sent.ifelse(_.packets, 0)),
            f"{end}_bytes": exact(sent.ifelse(_.bytes, 0)),
            f"{end}_records": exact(sent.ifelse(_.refused.ifelse(HIGH, 1), 0)),
            f"{end}_syns": exact(flagged.ifelse(syns, None)),
            f"{end}_closes": exact(flagged.ifelse(closes, None)),
            f"{end}_first": sent.ifelse(_.start, ibis.null("int64")).min(),
        }
    return sums


def exact(value: Deferred) -> Deferred:
    """The sum of whole numbers by way of floating point: exact to 2^53, in half of what DuckDB keeps for integers."""
    return value.cast("float64").sum().cast("int64")


def _told(sums: ir.Table) -> ir.Table:
    """The columns of `conversations` out of the `_sums`, null where the log has nothing."""
    keys = {name: sums[name].nullif(NOTHING[name]) if name in NOTHING else sums[name] for name in KEY}
    sides = {}
    for end, other in ("ab", "ba"):
        records, syns, closes = (sums[f"{end}_{name}"] for name in ("records", "syns", "closes"))
        answers = sums[f"{other}_syns"]
        opened = (low(syns) > 0).fill_null(False) | (high(answers) > 0).fill_null(False)
        bits = {SYN: syns > 0, SYN_ACK - SYN: high(syns) > 0, FIN: low(closes) > 0, RST: high(closes) > 0}
        flags = reduce(add, (ibis.ifelse(there, bit, 0) for bit, there in bits.items())).cast("int32")
        sides |= {
            f"{end}_packets": sums[f"{end}_packets"],
            f"{end}_bytes": sums[f"{end}_bytes"],
            f"{end}_accepted": low(records),
            f"{end}_rejected": high(records),
            f"{end}_flags": ibis.ifelse(syns.isnull(), None, flags),
            f"{end}_first": sums[f"{end}_first"],
            f"{end}_opened": ibis.ifelse(syns.isnull() & answers.isnull(), None, opened),
        }
    earlier = {name: sums[name] for name in ("carried", "resumed")}
    return sums.select(
        **keys, session=sums.session, first=_first(sums), last=sums["last"], **sides, **earlier
    )


def low(packed: ir.IntegerValue) -> ir.IntegerValue:
    """The first of two counts in one number."""
    return packed & (HIGH - 1)


def high(packed: ir.IntegerValue) -> ir.IntegerValue:
    """The second of two counts in one number, which went in times `HIGH`."""
    return packed >> SHIFT


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
        closed=((records.flags & (FIN | RST)) > 0).ifelse(records.end, nothing).max().over(past),
        opened=records.syn.ifelse(records.start, nothing).max().over(past),
        # The latest SYN and who sent it in one number, so that the greatest is the latest: odd for b.
        opener=records.syn.ifelse(records.start * 2 + of_a.ifelse(0, 1), nothing).max().over(past),
        before=(~records.refused).cast("int64").max().over(past),
    )
    reopened = seen.syn & (seen.start > seen.closed) & (seen.closed >= seen.opened.fill_null(0))
    starts = ((seen.start - seen.until > gap) | reopened).fill_null(False)
    pieces = seen.mutate(starts=starts.cast("int64"))
    pieces = pieces.mutate(session=pieces.starts.sum().over(now))
    pieces = pieces.group_by(*KEY, "session").aggregate(
        opener=_.opener.min(), before=_.before.min(), **_sums()
    )
    return pieces.mutate(
        carried=(_.session > 0).ifelse(
            ibis.cases((_.opener % 2 == 0, "a"), (_.opener % 2 == 1, "b")), ibis.null("string")
        ),
        resumed=((_.session > 0) & (_.before == 1)).fill_null(False),
    )


def _first(sums: ir.Table) -> ir.IntegerValue:
    """The earlier first of the two ends, the only one where one end sent nothing (engines differ on that)."""
    a, b = sums.a_first, sums.b_first
    return ibis.least(ibis.coalesce(a, b), ibis.coalesce(b, a))
