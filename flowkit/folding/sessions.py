"""From records to sessions: all records of the same endpoints at one interface, both ways, parted in time.

SQL over ``flows``. `UNSPLIT` is the one group-by over all records; `split` parts in time what met more than once,
`sessions` puts both together. A raw record's key is interface, 5-tuple, interval *and action*: one interval can hold
an ACCEPT and a REJECT of the same 5-tuple.
https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

from flowkit.folding.engine import total
from flowkit.net import FIN, RST, SYN, SYN_ACK, TCP_IDLE

#: What two records of one session share, before it is split in time.
KEY = ("interface_id", "protocol", "a_addr", "a_port", "b_addr", "b_port")
#: What stands in for a missing port or protocol while rows are grouped and joined: SQL joins no null to another.
NONE = -1
#: Bits of `a_seen` and `b_seen`: what accepted packets of that end carried; times 2^5 the same of refused ones;
#: and, by flow-direction, whether they left or entered the interface.
SAW_SYN, SAW_SYN_ACK, SAW_FIN, SAW_RST, SAW_FLAGS, REFUSED, LEAVES, ENTERS = 1, 2, 4, 8, 16, 32, 1024, 2048
#: Of two counts in one number the second, of refused records, counts by this much.
HIGH = 1 << 30
#: Words of the field ``reject-reason`` as numbers; 3 stands for any other.
CONTROLS = {"BPA": 1, "EC": 2}
#: The records that name a flow: those with addresses, NODATA and SKIPDATA left out; and where they were logged.
NAMED = "srcaddr IS NOT NULL AND dstaddr IS NOT NULL AND coalesce(log_status, 'OK') = 'OK'"
INTERFACE = "coalesce(interface_id, '-')"
_KEY = ", ".join(KEY)

#: The named records, each with its ends in canonical order and whether ``a`` sent it.
ORIENTED = f"""
    SELECT interface_id, protocol, "start", "end", from_a, refused, flags, packets, bytes,
        CASE WHEN from_a THEN src ELSE dst END AS a_addr, CASE WHEN from_a THEN srcport ELSE dstport END AS a_port,
        CASE WHEN from_a THEN dst ELSE src END AS b_addr, CASE WHEN from_a THEN dstport ELSE srcport END AS b_port,
        CASE WHEN from_a THEN src_logged ELSE dst_logged END AS a_logged,
        CASE WHEN from_a THEN dst_logged ELSE src_logged END AS b_logged,
        CAST(CASE WHEN flags IS NULL THEN 0 ELSE (
            CASE WHEN (flags & {SYN_ACK}) = {SYN} THEN {SAW_SYN} WHEN (flags & {SYN_ACK}) = {SYN_ACK} THEN {SAW_SYN_ACK}
                ELSE 0 END
            + CASE WHEN (flags & {FIN}) > 0 THEN {SAW_FIN} ELSE 0 END
            + CASE WHEN (flags & {RST}) > 0 THEN {SAW_RST} ELSE 0 END + {SAW_FLAGS}
        ) * CASE WHEN refused THEN {REFUSED} ELSE 1 END END
        + CASE flow_direction WHEN 'egress' THEN {LEAVES} WHEN 'ingress' THEN {ENTERS} ELSE 0 END AS INTEGER) AS seen,
        CAST(CASE WHEN reject_reason IS NULL THEN NULL
            {" ".join(f"WHEN reject_reason = '{word}' THEN {number}" for word, number in CONTROLS.items())}
            ELSE 3 END AS TINYINT) AS control
    FROM (
        SELECT *, src < dst OR (src = dst AND srcport <= dstport) AS from_a, nullif(srcaddr, src) AS src_logged,
            nullif(dstaddr, dst) AS dst_logged
        FROM (
            SELECT {INTERFACE} AS interface_id, coalesce(protocol, {NONE}) AS protocol, srcaddr, dstaddr, "start", "end",
                coalesce(srcport, {NONE}) AS srcport, coalesce(dstport, {NONE}) AS dstport,
                coalesce(pkt_srcaddr, srcaddr) AS src, coalesce(pkt_dstaddr, dstaddr) AS dst,
                coalesce(action = 'REJECT', FALSE) AS refused, tcp_flags AS flags, flow_direction, reject_reason,
                coalesce(packets, 0) AS packets, coalesce(bytes, 0) AS bytes
            FROM flows WHERE {NAMED}
        ) AS named
    ) AS sided"""

_ENDS = [
    f"""
    {total(f"CASE WHEN {sent} THEN CASE WHEN refused THEN {HIGH} ELSE 1 END ELSE 0 END")} AS {end}_records,
    {total(f"CASE WHEN {sent} THEN packets ELSE 0 END")} AS {end}_packets,
    {total(f"CASE WHEN {sent} THEN bytes ELSE 0 END")} AS {end}_bytes,
    bit_or(CASE WHEN {sent} THEN seen ELSE 0 END) AS {end}_seen, min(CASE WHEN {sent} THEN "start" END) AS {end}_first"""
    for end, sent in (("a", "from_a"), ("b", "NOT from_a"))
]
#: The aggregates of a session, few and small: there are as many groups as sessions.
_SUMS = f"""
    max("end") AS last, max("start") FILTER (WHERE (flags & {SYN}) > 0) AS last_syn,
    min("end") FILTER (WHERE (flags & {FIN | RST}) > 0) AS first_close,
    max("end") FILTER (WHERE NOT refused) AS accepted_last,
    min("start") FILTER (WHERE refused) AS rejected_first, max("end") FILTER (WHERE refused) AS rejected_last,
    {total("CASE WHEN refused THEN packets ELSE 0 END")} AS rejected_packets,
    {total("CASE WHEN refused THEN bytes ELSE 0 END")} AS rejected_bytes,
    {total("CASE WHEN refused AND from_a THEN bytes ELSE 0 END")} AS a_rejected_bytes,
    max(control) AS control, {", ".join(_ENDS)}"""


def unsplit(translated: bool = True) -> str:
    """Return one row a pair of endpoints at one interface: all records of ``oriented`` grouped. `translated`: whether
    some packets carry other addresses than those of the interface; False saves their columns."""
    return f"SELECT {_KEY}, {_SUMS}, {_logged(translated)} FROM oriented GROUP BY {_KEY}"


def _logged(translated: bool) -> str:
    """Return the addresses that the interface logged, where they can be others than the packet's own."""
    made = "max({0}_logged)" if translated else "CAST(NULL AS VARCHAR)"
    return ", ".join(f"{made.format(end)} AS {end}_logged" for end in "ab")


def _earlier(a: str, b: str) -> str:
    """Return the smaller of two, the only one where one is null (`least` of a null differs between engines)."""
    return f"least(coalesce({a}, {b}), coalesce({b}, {a}))"


def _several(idle: int) -> str:
    """Return whether the endpoints may have met more than once."""
    late = f"last - {_earlier('a_first', 'b_first')} > {idle} OR coalesce(last_syn > first_close, FALSE)"
    return f"coalesce(({late}) AND a_records + b_records NOT IN (1, {HIGH}), FALSE)"


def split(translated: bool = True, idle: int = TCP_IDLE) -> str:
    """Return the sessions of endpoints of ``unsplit`` that may have met more than once, split where they did."""
    same = " AND ".join(f"one.{name} = several.{name}" for name in KEY)
    order = f'PARTITION BY {_KEY} ORDER BY "start", syn DESC, "end"'
    past = f"{order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    # Of records that tie, any may be the first of a session, and each window may put another one first: all are in it.
    now = f"{order} RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    # Not max(...) FILTER: neither Spark nor Trino filters inside a window. The latest SYN and who sent it are one
    # number, so that the greatest is the latest: odd for b.
    return f"""
    SELECT {_KEY}, {_SUMS}, {_logged(translated)}, session, min(opener) AS opener, min(before) AS before,
        max(closed IS NULL) AS never_closed
    FROM (
        SELECT *, CAST(sum(CASE WHEN "start" - until > {idle}
                OR (syn AND "start" > closed AND closed >= coalesce(opened, 0)) THEN 1 ELSE 0 END)
            OVER ({now}) AS BIGINT) AS session
        FROM (
            SELECT *, max("end") OVER ({past}) AS until,
                max(CASE WHEN (flags & {FIN | RST}) > 0 THEN "end" END) OVER ({past}) AS closed,
                max(CASE WHEN syn THEN "start" END) OVER ({past}) AS opened,
                max(CASE WHEN syn THEN "start" * 2
                    + CASE WHEN from_a = ((flags & {SYN_ACK}) = {SYN}) THEN 0 ELSE 1 END END) OVER ({past}) AS opener,
                max(CASE WHEN refused THEN 0 ELSE 1 END) OVER ({past}) AS before
            FROM (
                SELECT one.*, coalesce((flags & {SYN}) > 0, FALSE) AS syn
                FROM oriented AS one JOIN (SELECT {_KEY} FROM unsplit WHERE {_several(idle)}) AS several ON {same}
            ) AS wanted
        ) AS seen
    ) AS pieces
    GROUP BY {_KEY}, session"""


def sessions(idle: int = TCP_IDLE) -> str:
    """Return one row a session at one interface, from ``unsplit`` and ``split``: all records of the same endpoints,
    however they were directed.

    ``interface_id``, ``protocol``, ``a_addr``, ``a_port``, ``b_addr``, ``b_port`` (the packet's own addresses,
    pkt-srcaddr and pkt-dstaddr, where the log has them; ``a`` is the end that sorts first as text; ports and protocol -1
    where there are none), ``a_logged``, ``b_logged`` (srcaddr or dstaddr where the packet carries another address, as
    at a NAT or transit gateway and at a node with pods; else null), ``session`` (0, 1, … of the same endpoints: a new
    one after more than `idle` seconds of silence, and at a SYN after a FIN or RST), ``first``, ``last`` (seconds
    since 1970 UTC). What each end x of ``a``, ``b`` sent: ``x_accepted``, ``x_rejected`` (records), ``x_packets``,
    ``x_bytes``, ``x_seen`` (bits: see `SAW_SYN`), ``x_first``. Of the refused ones: ``rejected_packets``,
    ``rejected_bytes``, ``a_rejected_bytes``, ``rejected_first``, ``rejected_last``; ``accepted_last``; ``control`` (the
    reject-reason as a number, see `CONTROLS`). From earlier sessions: ``carried`` (``a`` or ``b``: who began by the latest SYN
    before), ``resumed`` (whether any packet was accepted before) and ``reopened`` (whether one was, and no FIN or RST
    was seen since the log began: an open connection goes on after a pause).
    """
    same = f"""{_KEY}, last, accepted_last, rejected_first, rejected_last, rejected_packets, rejected_bytes, a_rejected_bytes,
        control, a_logged, b_logged, a_packets, b_packets, a_bytes, b_bytes, a_seen, b_seen, a_first, b_first,
        a_records, b_records"""
    resumed = "session > 0 AND coalesce(before = 1, FALSE)"
    return f"""
    SELECT *, {_earlier("a_first", "b_first")} AS first,
        {", ".join(f"{end}_records & {HIGH - 1} AS {end}_accepted, {end}_records >> 30 AS {end}_rejected" for end in "ab")}
    FROM (
        SELECT {same}, CAST(0 AS BIGINT) AS session, CAST(NULL AS VARCHAR) AS carried, FALSE AS resumed, FALSE AS reopened
        FROM unsplit WHERE NOT {_several(idle)}
        UNION ALL
        SELECT {same}, session,
            CASE WHEN session > 0 AND opener % 2 = 0 THEN 'a' WHEN session > 0 AND opener % 2 = 1 THEN 'b' END AS carried,
            {resumed} AS resumed, {resumed} AND never_closed AS reopened
        FROM split
    ) AS met"""
