"""From records to conversations: both halves joined, pieces chained over aggregation intervals, who began each.

In: records with times in seconds. Out: tables of the same engine. `sessions` is the one group-by over all records;
`conversations` says of each session who is the client and on what evidence, which way it went, what came of it,
and how it was refused. AWS logs packets and says who sent them, never who began. What speaks first decides:

| evidence | who is the client |
| --- | --- |
| syn | who sent the SYN, or got the SYN-ACK |
| carry | as in the earlier session of the same endpoints, where this one begins in mid-stream |
| refused | whose packets were refused, if nothing ever came back |
| service | the end facing the address and port that at least `FAN_IN` ends talked to |
| ports | the end facing a well-known service port |
| lowport | the end facing a port below 1024 |
| first | whose first packet is at least `LEAD` seconds older, or the only one |

A raw record's key is interface, 5-tuple, interval *and action*: one interval can hold an ACCEPT and a REJECT of the
same 5-tuple. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

import ibis
import ibis.expr.types as ir
from ibis import Deferred, _

from flowkit.folding.interfaces import interface_of, named_rows
from flowkit.net import (
    ACK, BARE_IPV4, BARE_IPV6, EPHEMERAL, FIN, LARGEST_SYN, RST, SERVICE_PORTS, SYN, SYN_ACK, SYSTEM_PORTS, TCP,
    TCP_IDLE, WITH_PORTS,
)  # fmt: skip

#: What two records of one session share, before it is split in time.
KEY = ("interface_id", "protocol", "a_addr", "a_port", "b_addr", "b_port")

#: What stands in for a missing port or protocol while rows are grouped and joined: SQL joins no null to another.
NONE = -1

EVIDENCE = ("syn", "carry", "refused", "service", "ports", "lowport", "first", "unknown")
#: How sure the client is by each evidence: wrong in fewer than one of a thousand where it says certain or high.
CONFIDENCE = dict(zip(EVIDENCE, ("certain", "high", "high", "high", "medium", "low", "low", "low"), strict=True))
#: The evidence that reads TCP flags.
FLAGGED = ("syn", "carry")
#: How many ends must have been answered by one address and port for it to be a service, and how many times
#: more than its counterpart's.
FAN_IN, RATIO = 3, 4
#: Seconds between the first packets of the two ends that count as one being first. AWS's times are soft by 60 s.
LEAD = 2

#: What came of a conversation and how packets of it were refused: see `conversations`.
OUTCOMES = ("answered", "accepted-silent", "accepted-reset", "reply-refused", "refused", "reply-only")
REFUSALS = ("control", "request", "reply", "changed", "late", "mid-stream")

#: Bits of `a_seen` and `b_seen`: what accepted packets of that end carried; times 2^5 the same of refused ones.
SAW_SYN, SAW_SYN_ACK, SAW_FIN, SAW_RST, SAW_FLAGS, REFUSED = 1, 2, 4, 8, 16, 32


def sessions(flows: ir.Table, idle: int = TCP_IDLE) -> ir.Table:
    """Return one row a session at one interface: all records of the same endpoints, however they were directed.

    ``interface_id``, ``protocol``, ``a_addr``, ``a_port``, ``b_addr``, ``b_port`` (``a`` is the end that sorts
    first as text; ports and protocol -1 where there are none), ``session`` (0, 1, … of the same endpoints: a new
    one after more than `idle` seconds of silence, and at a SYN after a FIN or RST), ``first``, ``last`` (seconds
    since 1970 UTC). What each end x of ``a``, ``b`` sent: ``x_accepted``, ``x_rejected`` (records), ``x_packets``,
    ``x_bytes``, ``x_seen`` (bits: flags of accepted packets, times 32 of refused ones), ``x_first``. Of the refused
    ones: ``rejected_packets``, ``rejected_bytes``, ``rejected_first``, ``rejected_last``; ``accepted_last``;
    ``a_leaves`` (whether what ``a`` sends leaves the interface; null: not logged), ``reject_reason``,
    ``subnet_id``. From earlier sessions: ``carried`` (``a`` or ``b``: who began by the latest SYN before) and
    ``resumed`` (whether any packet was accepted before).
    """
    records = _oriented(flows)
    once = records.group_by(*KEY).aggregate(**_sums())
    first = _earlier(once.a_first, once.b_first)
    late = (once["last"] - first > idle) | (once.last_syn > once.first_close).fill_null(False)
    several = (late & (once.a_accepted + once.a_rejected + once.b_accepted + once.b_rejected > 1)).fill_null(False)
    single = {
        "session": ibis.literal(0, "int64"), "carried": ibis.null("string"), "resumed": ibis.literal(False),
    }  # fmt: skip
    whole = once.filter(~several).mutate(**single)
    # With a filter that all pass, since DuckDB would write down whatever the query names twice: the whole log.
    again = _oriented(flows.filter(flows.packets.fill_null(0) >= 0))
    apart = _split(again.semi_join(once.filter(several), KEY), idle)
    # An engine may keep narrower integers than it was given: the types are made equal before the union.
    both = whole.union(apart.select(whole.columns).cast(whole.schema()))
    return both.mutate(first=_earlier(both.a_first, both.b_first)).drop("last_syn", "first_close")


def _earlier(a: ir.Value, b: ir.Value) -> ir.Value:
    """Return the smaller of two, the only one where one is null (`least` of a null differs between engines)."""
    return ibis.least(ibis.coalesce(a, b), ibis.coalesce(b, a))


def _oriented(flows: ir.Table) -> ir.Table:
    """Return the named records, each with its ends in canonical order and whether ``a`` sent it."""
    rows = named_rows(flows)
    rows = rows.mutate(
        interface_id=interface_of(rows),
        **{name: rows[name].fill_null(NONE) for name in ("protocol", "srcport", "dstport")},
    )
    from_a = (rows.srcaddr < rows.dstaddr) | ((rows.srcaddr == rows.dstaddr) & (rows.srcport <= rows.dstport))
    refused = (rows.action == "REJECT").fill_null(False)
    flags = rows.tcp_flags
    seen = (
        ibis.cases(((flags & SYN_ACK) == SYN, SAW_SYN), ((flags & SYN_ACK) == SYN_ACK, SAW_SYN_ACK), else_=0)
        + ibis.ifelse((flags & FIN) > 0, SAW_FIN, 0)
        + ibis.ifelse((flags & RST) > 0, SAW_RST, 0)
        + SAW_FLAGS
    )
    return rows.select(
        *("interface_id", "protocol", "start", "end", "reject_reason", "subnet_id"),
        a_addr=from_a.ifelse(rows.srcaddr, rows.dstaddr),
        a_port=from_a.ifelse(rows.srcport, rows.dstport),
        b_addr=from_a.ifelse(rows.dstaddr, rows.srcaddr),
        b_port=from_a.ifelse(rows.dstport, rows.srcport),
        from_a=from_a,
        refused=refused,
        flags=flags,
        seen=ibis.ifelse(flags.isnull(), 0, seen * refused.ifelse(REFUSED, 1)).cast("int32"),
        packets=rows.packets.fill_null(0),
        bytes=rows.bytes.fill_null(0),
        leaves=(rows.flow_direction == "egress") == from_a,
    )


def _sums() -> dict[str, Deferred]:
    """Return the aggregates of a session, few and small: there are as many groups as sessions."""
    none = ibis.null("int64")
    sums = {
        "last": _.end.max(),
        "last_syn": _.start.max(where=(_.flags & SYN) > 0),
        "first_close": _.end.min(where=(_.flags & (FIN | RST)) > 0),
        "accepted_last": _.end.max(where=~_.refused),
        "rejected_first": _.start.min(where=_.refused),
        "rejected_last": _.end.max(where=_.refused),
        "rejected_packets": total(_.refused.ifelse(_.packets, 0)),
        "rejected_bytes": total(_.refused.ifelse(_.bytes, 0)),
        "a_leaves": _.leaves.max(),
        "reject_reason": _.reject_reason.max(),
        "subnet_id": _.subnet_id.max(),
    }
    for end, sent in (("a", _.from_a), ("b", ~_.from_a)):
        sums |= {
            f"{end}_accepted": _.count(where=sent & ~_.refused),
            f"{end}_rejected": _.count(where=sent & _.refused),
            f"{end}_packets": total(sent.ifelse(_.packets, 0)),
            f"{end}_bytes": total(sent.ifelse(_.bytes, 0)),
            f"{end}_seen": sent.ifelse(_.seen, 0).bit_or(),
            f"{end}_first": sent.ifelse(_.start, none).min(),
        }
    return sums


def total(value: Deferred) -> Deferred:
    """Return the sum of whole numbers, exact, at most 2^63 - 1: two records may hold more together."""
    return ibis.least(value.sum().cast("decimal(38, 0)"), ibis.literal(2**63 - 1)).cast("int64")


def _split(records: ir.Table, idle: int) -> ir.Table:
    """Return sessions of records whose endpoints may have met more than once, split where they did."""
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
    pieces = pieces.group_by(*KEY, "session").aggregate(opener=_.opener.min(), before=_.before.min(), **_sums())
    return pieces.mutate(
        carried=(_.session > 0).ifelse(
            ibis.cases((_.opener % 2 == 0, "a"), (_.opener % 2 == 1, "b")), ibis.null("string")
        ),
        resumed=((_.session > 0) & (_.before == 1)).fill_null(False),
    )


def services(sessions: ir.Table) -> ir.Table:
    """Return the addresses and ports that at least `FAN_IN` ends were answered by.

    ``protocol``, ``addr``, ``port``, ``fan_in`` (endpoints at the other side).
    """
    answered = sessions.filter(
        sessions.protocol.isin(WITH_PORTS) & (sessions.a_accepted > 0) & (sessions.b_accepted > 0),
        sessions.session == 0,
    )
    ends = [
        answered.select("protocol", addr=answered[f"{x}_addr"], port=answered[f"{x}_port"], other=answered[f"{y}_port"])
        for x, y in ("ab", "ba")
    ]
    ends = ends[0].union(ends[1])
    # A client's own port facing a service port is never a service: leaving it out makes this small.
    ends = ends.filter(_is_service(ends.port) | ~_is_service(ends.other))
    return ends.group_by("protocol", "addr", "port").aggregate(fan_in=_.count()).filter(_.fan_in >= FAN_IN)


def conversations(sessions: ir.Table, services: ir.Table, interfaces) -> ir.Table:
    """Return one row a conversation at one interface: who began it and how that is known, and what came of it.

    ``interface_id``, ``client``, ``client_port``, ``server``, ``server_port``, ``protocol`` (ports null for
    protocols without), ``session``, ``first``, ``last`` (seconds since 1970 UTC); ``evidence`` (see the module;
    `unknown`: client and server are just the two ends), ``without_flags`` (the evidence that decides if no flag is
    looked at), ``agrees`` (whether that one names the client that the SYN names; null without a SYN); ``way`` (seen
    from the interface: ``in`` its address is the server, ``out`` the client, ``transit``, ``unknown``), ``counted``
    (whether this row is the one to count where several interfaces logged the same packets); ``outcome``:

    - ``answered``: let in, and something came back
    - ``accepted-silent``: let in, nothing came back · ``accepted-reset``: let in, answered by RST
    - ``reply-refused``: the client was accepted, the server's answer refused · ``refused``: the client was refused
    - ``reply-only``: a server's packets whose requests were logged elsewhere · null: none of these

    ``refusal``, how packets of it were refused (null: none were):

    - ``control``: reject-reason names a VPC-wide control · ``request``: the client, from its first packet on
    - ``reply``: the server's answer only · ``changed``: in the middle of what was accepted both ways
    - ``late``: after both sides were accepted and closed · ``mid-stream``: packets without SYN of nothing in the log

    ``level`` (how sure the outcome is: 2 high, 1 medium, 0 low, -1 not at all). What each role sent:
    ``client_accepted``, ``client_rejected`` (records), ``client_packets``, ``client_bytes``, ``client_seen`` and the
    same of ``server_``; of the refused: ``rejected_packets``, ``rejected_bytes``, ``rejected_first``,
    ``rejected_last``; ``accepted_last``, ``flagged`` (TCP flags known), ``closed`` (FIN of both sides or RST),
    ``overlaps`` (accepted packets after a refused one), ``small`` (few packets without data refused),
    ``leaves`` (whether the refused packets leave the interface; null: not logged), ``reject_reason``, ``subnet_id``.
    `sessions` and `services` are as the functions of these names return them, `interfaces` as
    `flowkit.folding.interfaces.interfaces`.
    """
    judged = sessions.mutate(**{f"says_{name}": verdict for name, verdict in _speakers(sessions).items()})
    judged = _with_fan_in(judged, services)
    by = {name: judged[f"says_{name}"] for name in EVIDENCE[:-1]}
    plain = by | {"refused": judged.says_refused_plain}
    plain = {name: plain[name] for name in EVIDENCE[:-1] if name not in FLAGGED}
    a_began = ibis.coalesce(*by.values(), judged.says_guess)
    roles = judged.mutate(
        a_began=a_began,
        evidence=_first_that_speaks(by),
        without_flags=_first_that_speaks(plain),
        agrees=ibis.coalesce(*plain.values()) == judged.says_syn,
    )
    roles = _located(roles, interfaces)
    ported = roles.protocol.isin(WITH_PORTS).fill_null(False)
    sides = {}
    for role, (if_a, if_b) in {"client": ("a", "b"), "server": ("b", "a")}.items():
        pick = {
            name: roles.a_began.ifelse(roles[f"{if_a}_{name}"], roles[f"{if_b}_{name}"])
            for name in ("addr", "port", "accepted", "rejected", "packets", "bytes", "seen")
        }
        sides[role] = pick.pop("addr")
        sides[f"{role}_port"] = ported.ifelse(pick.pop("port"), ibis.null("int32")).nullif(NONE)
        sides |= {f"{role}_{name}": value for name, value in pick.items()}
    t = roles.select(
        *("interface_id", "session", "first", "last", "evidence", "without_flags", "agrees", "way", "counted"),
        *("rejected_packets", "rejected_bytes", "rejected_first", "rejected_last", "accepted_last"),
        *("reject_reason", "subnet_id", "resumed"),
        protocol=roles.protocol.nullif(NONE),
        client_leaves=roles.a_leaves == roles.a_began,
        **sides,
    )
    return _with_outcome(t)


def _saw(seen: ir.IntegerValue, bits: int, refused: bool | None = None) -> ir.BooleanValue:
    """Return whether any of `bits` was seen; `refused`: only in refused (True) or accepted (False) packets."""
    mask = bits * (REFUSED if refused else 1) | (bits * REFUSED if refused is None else 0)
    return (seen & mask) > 0


def _speakers(t: ir.Table) -> dict[str, ir.BooleanValue]:
    """Return what each evidence but `service` says: True if a began, False if b did, null if it cannot tell."""
    none = ibis.null("boolean")
    flagged = _saw(t.a_seen, SAW_FLAGS) | _saw(t.b_seen, SAW_FLAGS)
    by_a = _saw(t.a_seen, SAW_SYN) | _saw(t.b_seen, SAW_SYN_ACK)
    by_b = _saw(t.b_seen, SAW_SYN) | _saw(t.a_seen, SAW_SYN_ACK)
    sent = {end: t[f"{end}_accepted"] + t[f"{end}_rejected"] > 0 for end in "ab"}
    refused = _either(
        (t.a_rejected > 0) & (t.a_accepted == 0) & ~sent["b"] & ~t.resumed
        | (t.a_accepted > 0) & (t.a_rejected == 0) & (t.b_accepted == 0) & (t.b_rejected > 0),
        (t.b_rejected > 0) & (t.b_accepted == 0) & ~sent["a"] & ~t.resumed
        | (t.b_accepted > 0) & (t.b_rejected == 0) & (t.a_accepted == 0) & (t.a_rejected > 0),
    )
    ported = t.protocol.isin(WITH_PORTS)
    service = {end: _is_service(t[f"{end}_port"]) for end in "ab"}
    system = {end: t[f"{end}_port"].between(0, SYSTEM_PORTS - 1) for end in "ab"}
    drawn = {end: t[f"{end}_port"] >= EPHEMERAL for end in "ab"}
    lead = t.b_first - t.a_first
    return {
        "syn": _either(by_a, by_b),
        "carry": (by_a | by_b).ifelse(none, t.carried == "a"),
        "refused_plain": refused,
        # A refused TCP packet without SYN came late; it began nothing.
        "refused": ((t.protocol == TCP) & flagged).ifelse(none, refused),
        "ports": ported.ifelse(
            _either(
                service["b"] & ~service["a"] & ~system["a"],
                service["a"] & ~service["b"] & ~system["b"],
            ),
            none,
        ),
        "lowport": ported.ifelse(_either(system["b"], system["a"]), none),
        "first": _either(
            (sent["a"] & ~sent["b"]) | (lead >= LEAD).fill_null(False),
            (sent["b"] & ~sent["a"]) | (-lead >= LEAD).fill_null(False),
        ),
        "guess": ibis.coalesce(_either(drawn["a"], drawn["b"]), lead >= 0, True),
    }


def _either(a: ir.BooleanValue, b: ir.BooleanValue) -> ir.BooleanValue:
    """Return True where only `a` holds, False where only `b` does, null else."""
    return ibis.cases((a & ~b, True), (b & ~a, False), else_=ibis.null("boolean"))


def _first_that_speaks(by: dict[str, ir.BooleanValue]) -> ir.StringValue:
    return ibis.cases(*((says.notnull(), name) for name, says in by.items()), else_="unknown")


def _is_service(port: ir.Value) -> ir.BooleanValue:
    return port.isin(tuple(SERVICE_PORTS)).fill_null(False)


def _with_fan_in(table: ir.Table, services: ir.Table) -> ir.Table:
    """Return `table` with ``says_service``: which end is a service, by how many ends talked to it both ways."""
    columns = table.columns
    for end in "ab":
        names = {f"{end}_addr": services.addr, f"{end}_port": services.port, f"{end}_fan_in": services.fan_in}
        side = services.select("protocol", **names)
        joined = table.left_join(side, ["protocol", f"{end}_addr", f"{end}_port"])
        table = joined.select(*(joined[column] for column in table.columns), joined[f"{end}_fan_in"])
    a, b = table.a_fan_in.fill_null(0), table.b_fan_in.fill_null(0)
    verdict = _either((b >= FAN_IN) & (b >= RATIO * a), (a >= FAN_IN) & (a >= RATIO * b))
    return table.select(*columns, says_service=verdict)


def _located(table: ir.Table, interfaces) -> ir.Table:
    """Return `table` with ``way`` and ``counted``, by the own addresses of the interfaces."""
    own = interfaces[interfaces.address.notna()]
    columns = table.columns
    table = table.mutate(
        day=(table["first"] // 86400).fill_null(0), opener=table.a_began.ifelse(table.a_addr, table.b_addr)
    )
    for end in "ab":
        table = _marked(table, own, {"interface_id": "interface_id", "day": "day", "address": f"{end}_addr"})
    table = _marked(table, own[~own.transit], {"address": "opener"})
    from_own = table.a_began.ifelse(table.a_addr_known, table.b_addr_known)
    to_own = table.a_began.ifelse(table.b_addr_known, table.a_addr_known)
    transit = interfaces.loc[interfaces.transit, "interface_id"].unique().tolist()
    passes = table.interface_id.isin(transit).fill_null(False) if transit else ibis.literal(False)
    known = table.evidence != "unknown"
    return table.select(
        *columns,
        way=ibis.cases(
            (passes, "transit"),
            (known & from_own & ~to_own, "out"),
            (known & to_own & ~from_own, "in"),
            else_="unknown",
        ),
        counted=~passes & (from_own | ~table.opener_known),
    )


def _marked(table: ir.Table, marks, keys: dict[str, str]) -> ir.Table:
    """Return `table` with a boolean column: whether its key is one of `marks`; named after the last key."""
    name = list(keys.values())[-1]
    marks = marks[list(keys)].drop_duplicates().rename(columns=keys)
    types = {column: "int64" if column == "day" else "string" for column in marks.columns}
    known = ibis.memtable(marks, schema=types).mutate(known=True)
    joined = table.left_join(known, list(keys.values()))
    return joined.select(
        *(joined[column] for column in table.columns), **{f"{name}_known": joined.known.fill_null(False)}
    )


def _with_outcome(t: ir.Table) -> ir.Table:
    """Return conversations with ``outcome``, ``refusal`` and what speaks for and against them."""
    asked, replied = t.client_accepted > 0, t.server_accepted > 0
    tcp = (t.protocol == TCP).fill_null(False)
    flagged = _saw(t.client_seen, SAW_FLAGS) | _saw(t.server_seen, SAW_FLAGS)
    syn = _saw(t.client_seen, SAW_SYN | SAW_SYN_ACK)
    taken = _saw(t.server_seen, SAW_SYN | SAW_SYN_ACK)
    wants = ~(tcp & flagged) | syn
    outcome = ibis.cases(
        ((t.server_rejected > 0) & ~replied & (asked | taken), "reply-refused"),
        (replied & ~asked & (t.client_rejected == 0), "reply-only"),
        (replied & tcp & flagged & wants & _saw(t.server_seen, SAW_RST) & ~taken, "accepted-reset"),
        (replied & tcp & ~flagged & _bare(t), "accepted-reset"),
        (replied & (asked | taken), "answered"),
        ((t.client_rejected > 0) & wants, "refused"),
        (asked & wants, "accepted-silent"),
    )
    fin, reset = (
        {role: _saw(t[f"{role}_seen"], bit, False) for role in ("client", "server")} for bit in (SAW_FIN, SAW_RST)
    )
    closed = reset["client"] | reset["server"] | (fin["client"] & fin["server"])
    small = (t.protocol == TCP) & (t.rejected_packets <= 6)
    small = (small & (t.rejected_bytes <= LARGEST_SYN * t.rejected_packets)).fill_null(False)
    # Times are soft by a minute: an interval may seem to go on after the close.
    overlaps = (t.accepted_last > t.rejected_first + ibis.ifelse(closed, 60, 1)).fill_null(False)
    new = _saw(t.client_seen, SAW_SYN, True)
    nobody = ~asked & ~replied
    rejected = t.client_rejected + t.server_rejected > 0
    refusal = ibis.cases(
        (~rejected, ibis.null("string")),
        (t.reject_reason.notnull(), "control"),
        (new, "request"),
        (replied & (asked | (t.client_rejected > 0)), ibis.ifelse(small & ~overlaps, "late", "changed")),
        (nobody & (t.client_rejected == 0), "mid-stream"),
        (nobody & flagged & tcp, "mid-stream"),
        (nobody, "request"),
        (t.server_rejected > 0, "reply"),
        else_="request",
    )
    sure = tcp & flagged & (t.evidence.isin(FLAGGED) | syn | taken)
    likely = t.evidence.isin(["syn", "carry", "service", "ports", "refused"]) | (outcome == "reply-refused")
    likely &= ~(tcp & replied & ((t.server_packets < 3) | (t.server_bytes < 180)))
    # Nobody sends data before the handshake: the replies to it went where no log was looking.
    unseen = tcp & (outcome == "accepted-silent") & (t.client_bytes > t.client_packets * LARGEST_SYN)
    from_server = rejected & (t.client_rejected == 0)
    return t.mutate(
        outcome=outcome, refusal=refusal, flagged=flagged, closed=closed, small=small, overlaps=overlaps,
        level=ibis.cases((unseen, -1), (sure, 2), (likely, 1), else_=0).cast("int8"),
        leaves=ibis.ifelse(from_server, ~t.client_leaves, t.client_leaves),
    ).drop("client_leaves", "resumed")  # fmt: skip


def _bare(t: ir.Table) -> ir.BooleanValue:
    """Return whether, without flags, the replies look like resets: at most one a request, no data either way."""
    bare = ibis.ifelse(t.server.contains(":"), BARE_IPV6, BARE_IPV4)
    return (
        (t.server_bytes == t.server_packets * bare)
        & (t.server_packets <= t.client_packets)
        & (t.client_bytes <= t.client_packets * (bare + 20))
    )
