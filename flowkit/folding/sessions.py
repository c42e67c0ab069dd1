"""From records to sessions: all records of the same endpoints at one interface, both ways, parted in time.

In: records with times in seconds. Out: tables of the same engine. `unsplit` is the one group-by over all records;
`split` parts in time what met more than once, `sessions` puts both together. A raw record's key is interface,
5-tuple, interval *and action*: one interval can hold an ACCEPT and a REJECT of the same 5-tuple.
https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

import ibis
import ibis.expr.types as ir
from ibis import Deferred, _

from flowkit.folding.interfaces import interface_of, named_rows
from flowkit.net import FIN, RST, SYN, SYN_ACK, TCP_IDLE

#: What two records of one session share, before it is split in time.
KEY = ("interface_id", "protocol", "a_addr", "a_port", "b_addr", "b_port")

#: What stands in for a missing port or protocol while rows are grouped and joined: SQL joins no null to another.
NONE = -1

#: Bits of `a_seen` and `b_seen`: what accepted packets of that end carried; times 2^5 the same of refused ones;
#: and, by flow-direction, whether they left or entered the interface.
SAW_SYN, SAW_SYN_ACK, SAW_FIN, SAW_RST, SAW_FLAGS, REFUSED, LEAVES, ENTERS = 1, 2, 4, 8, 16, 32, 1024, 2048

#: The greatest sum that a fold holds.
MOST = 2**63 - 1

#: Of two counts in one number the second, of refused records, counts by this much.
HIGH = 1 << 30

#: Words of the field ``reject-reason`` as numbers; 3 stands for any other.
CONTROLS = {"BPA": 1, "EC": 2}


def unsplit(flows: ir.Table, translated: bool = True) -> ir.Table:
    """Return one row a pair of endpoints at one interface, for `split` and `sessions`: all records grouped.

    `translated`: whether some packets carry other addresses than those of the interface; False saves their columns.
    """
    records = _oriented(flows)
    return records.group_by(*KEY).aggregate(**_sums(records, translated))


def _several(unsplit: ir.Table, idle: int) -> ir.BooleanValue:
    """Return whether the endpoints may have met more than once."""
    late = (unsplit["last"] - _earlier(unsplit.a_first, unsplit.b_first) > idle) | (
        unsplit.last_syn > unsplit.first_close
    ).fill_null(False)
    return (late & ~(unsplit.a_records + unsplit.b_records).isin([1, HIGH])).fill_null(False)


def sessions(unsplit: ir.Table, split: ir.Table, idle: int = TCP_IDLE) -> ir.Table:
    """Return one row a session at one interface: all records of the same endpoints, however they were directed.

    ``interface_id``, ``protocol``, ``a_addr``, ``a_port``, ``b_addr``, ``b_port`` (the packet's own addresses,
    pkt-srcaddr and pkt-dstaddr, where the log has them; ``a`` is the end that sorts first as text; ports and protocol -1
    where there are none), ``a_logged``, ``b_logged`` (srcaddr or dstaddr where the packet carries another address, as
    at a NAT or transit gateway and at a node with pods; else null), ``session`` (0, 1, … of the same endpoints: a new
    one after more than `idle` seconds of silence, and at a SYN after a FIN or RST), ``first``, ``last`` (seconds
    since 1970 UTC). What each end x of ``a``, ``b`` sent: ``x_accepted``, ``x_rejected`` (records), ``x_packets``,
    ``x_bytes``, ``x_seen`` (bits: see `SAW_SYN`), ``x_first``. Of the refused ones: ``rejected_packets``,
    ``rejected_bytes``, ``rejected_first``, ``rejected_last``; ``accepted_last``; ``control`` (the reject-reason as
    a number, see `CONTROLS`). From earlier sessions: ``carried`` (``a`` or ``b``: who began by the latest SYN
    before), ``resumed`` (whether any packet was accepted before) and ``reopened`` (whether one was, and no FIN or RST
    was seen since the log began: an open connection goes on after a pause).
    """
    single = {
        "session": ibis.literal(0, "int64"), "carried": ibis.null("string"), "resumed": ibis.literal(False),
        "reopened": ibis.literal(False),
    }  # fmt: skip
    whole = unsplit.filter(~_several(unsplit, idle)).mutate(**single)
    # An engine may keep narrower integers than it was given: the types are made equal before the union.
    both = whole.union(split.select(whole.columns).cast(whole.schema()))
    counts = {
        f"{end}_{name}": of for end in "ab"
        for name, of in (("accepted", both[f"{end}_records"] & (HIGH - 1)), ("rejected", both[f"{end}_records"] >> 30))
    }  # fmt: skip
    if "a_logged" not in both.columns:
        counts |= {f"{end}_logged": ibis.null("string") for end in "ab"}
    both = both.mutate(first=_earlier(both.a_first, both.b_first), **counts)
    return both.drop("last_syn", "first_close", "a_records", "b_records")


def _earlier(a: ir.Value, b: ir.Value) -> ir.Value:
    """Return the smaller of two, the only one where one is null (`least` of a null differs between engines)."""
    return ibis.least(ibis.coalesce(a, b), ibis.coalesce(b, a))


def _oriented(flows: ir.Table) -> ir.Table:
    """Return the named records, each with its ends in canonical order and whether ``a`` sent it."""
    rows = named_rows(flows)
    rows = rows.mutate(
        interface_id=interface_of(rows),
        **{name: rows[name].fill_null(NONE) for name in ("protocol", "srcport", "dstport")},
        src=ibis.coalesce(rows.pkt_srcaddr, rows.srcaddr),
        dst=ibis.coalesce(rows.pkt_dstaddr, rows.dstaddr),
    )
    from_a = (rows.src < rows.dst) | ((rows.src == rows.dst) & (rows.srcport <= rows.dstport))
    src_logged, dst_logged = rows.srcaddr.nullif(rows.src), rows.dstaddr.nullif(rows.dst)
    refused = (rows.action == "REJECT").fill_null(False)
    flags = rows.tcp_flags
    seen = (
        ibis.cases(((flags & SYN_ACK) == SYN, SAW_SYN), ((flags & SYN_ACK) == SYN_ACK, SAW_SYN_ACK), else_=0)
        + ibis.ifelse((flags & FIN) > 0, SAW_FIN, 0)
        + ibis.ifelse((flags & RST) > 0, SAW_RST, 0)
        + SAW_FLAGS
    )
    ways = ibis.cases((rows.flow_direction == "egress", LEAVES), (rows.flow_direction == "ingress", ENTERS), else_=0)
    reasons = ((rows.reject_reason == word, number) for word, number in CONTROLS.items())
    return rows.select(
        *("interface_id", "protocol", "start", "end"),
        a_addr=from_a.ifelse(rows.src, rows.dst),
        a_port=from_a.ifelse(rows.srcport, rows.dstport),
        a_logged=from_a.ifelse(src_logged, dst_logged),
        b_addr=from_a.ifelse(rows.dst, rows.src),
        b_logged=from_a.ifelse(dst_logged, src_logged),
        b_port=from_a.ifelse(rows.dstport, rows.srcport),
        from_a=from_a,
        refused=refused,
        flags=flags,
        seen=(ibis.ifelse(flags.isnull(), 0, seen * refused.ifelse(REFUSED, 1)) + ways).cast("int32"),
        control=ibis.cases((rows.reject_reason.isnull(), None), *reasons, else_=3).cast("int8"),
        packets=rows.packets.fill_null(0),
        bytes=rows.bytes.fill_null(0),
    )


def _sums(records: ir.Table, translated: bool) -> dict[str, Deferred]:
    """Return the aggregates of a session, few and small: there are as many groups as sessions."""
    none = ibis.null("int64")
    sums = {
        "last": _.end.max(),
        "last_syn": _.start.max(where=(_.flags & SYN) > 0),
        "first_close": _.end.min(where=(_.flags & (FIN | RST)) > 0),
        "accepted_last": _.end.max(where=~_.refused),
        "rejected_first": _.start.min(where=_.refused),
        "rejected_last": _.end.max(where=_.refused),
        "rejected_packets": total(records, _.refused.ifelse(_.packets, 0)),
        "rejected_bytes": total(records, _.refused.ifelse(_.bytes, 0)),
        "control": _.control.max(),
    }
    for end, sent in (("a", _.from_a), ("b", ~_.from_a)):
        sums |= {
            f"{end}_records": total(records, sent.ifelse(_.refused.ifelse(HIGH, 1), 0)),
            f"{end}_packets": total(records, sent.ifelse(_.packets, 0)),
            f"{end}_bytes": total(records, sent.ifelse(_.bytes, 0)),
            f"{end}_seen": any_bit(records, sent.ifelse(_.seen, 0)),
            f"{end}_first": sent.ifelse(_.start, none).min(),
        }
        if translated:
            sums[f"{end}_logged"] = _[f"{end}_logged"].max()
    return sums


def total(table: ir.Table, value: Deferred) -> ir.IntegerScalar:
    """Return the exact sum of whole numbers over the rows of a group of `table`, at most 2^63 - 1.

    Two records may hold more together. DuckDB sums in 128 bits; elsewhere a sum of 64 bits wraps around or fails.
    """
    engines, value = {each.name for each in table._find_backends()[0]}, value.resolve(table)
    whole = value if engines == {"duckdb"} else value.cast("decimal(38, 0)")
    return ibis.least(whole.sum(), ibis.literal(MOST)).cast("int64")


@ibis.udf.agg.builtin(name="bit_or")
def _bit_or(bits: int) -> int:
    """The aggregate of this name, for which Ibis 12 has no rule on Spark."""


def any_bit(table: ir.Table, bits: Deferred) -> Deferred:
    """Return the OR of `bits` over the rows of a group of `table`."""
    spark = {each.name for each in table._find_backends()[0]} == {"pyspark"}
    return _bit_or(bits.resolve(table)) if spark else bits.bit_or()


def split(flows: ir.Table, unsplit: ir.Table, idle: int = TCP_IDLE) -> ir.Table:
    """Return the sessions of endpoints that may have met more than once, split where they did."""
    wanted = unsplit.filter(_several(unsplit, idle)).select(*KEY)
    records = _oriented(flows).semi_join(wanted, KEY)
    records = records.mutate(syn=((records.flags & SYN) > 0).fill_null(False))
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
    starts = ((seen.start - seen.until > idle) | reopened).fill_null(False)
    pieces = seen.mutate(starts=starts.cast("int64"))
    pieces = pieces.mutate(session=pieces.starts.sum().over(now))
    sums = _sums(pieces, translated="a_logged" in unsplit.columns)
    pieces = pieces.group_by(*KEY, "session").aggregate(
        opener=_.opener.min(), before=_.before.min(), never_closed=_.closed.isnull().max(), **sums
    )
    later, resumed = pieces.session > 0, (pieces.session > 0) & (pieces.before == 1)
    return pieces.mutate(
        carried=ibis.cases((later & (_.opener % 2 == 0), "a"), (later & (_.opener % 2 == 1), "b")),
        resumed=resumed.fill_null(False),
        reopened=(resumed & _.never_closed).fill_null(False),
    )
