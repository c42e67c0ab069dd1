"""From sessions to conversations: who began each, on what evidence, which way it went, what came of it.

In and out: tables of one engine. AWS logs packets and says who sent them, never who began. What speaks first decides:

| evidence | who is the client |
| --- | --- |
| syn | who sent the SYN, or got the SYN-ACK |
| carry | as in the earlier session of the same endpoints, where this one begins in mid-stream |
| refused | whose packets were refused, if nothing ever came back; who was accepted, if only the answer was refused |
| service | the end facing the address and port that at least `FAN_IN` ends talked to |
| ports | the end facing a well-known service port |
| lowport | the end facing a port below 1024 |
| first | whose first packet is at least `LEAD` seconds older, or the only one |
"""

import ibis
import ibis.expr.types as ir
from ibis import _

from flowkit.folding import sessions as s
from flowkit.folding.sessions import NONE
from flowkit.net import BARE_IPV4, BARE_IPV6, EPHEMERAL, LARGEST_SYN, SERVICE_PORTS, SYSTEM_PORTS, TCP, WITH_PORTS

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

    ``interface_id``, ``client``, ``client_port``, ``server``, ``server_port``, ``protocol`` (the packet's own addresses
    where the log has pkt-srcaddr and pkt-dstaddr; ports null for protocols without), ``client_logged``,
    ``server_logged`` (srcaddr or dstaddr where the packet carries another address, else null), ``session``, ``first``,
    ``last`` (seconds since 1970 UTC); ``evidence`` (see the module;
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
    ``unclosed`` (TCP flags known, and no FIN or RST at all), ``reopened`` (see `flowkit.folding.sessions.sessions`),
    ``overlaps`` (accepted packets after a refused one), ``small`` (few packets without data refused),
    ``from_server`` (the refused packets are the server's),
    ``leaves`` (whether the refused packets leave the interface; null: not logged), ``control`` (see `CONTROLS`).
    `sessions` and `services` are as the functions of these names return them, `interfaces` as
    `flowkit.folding.interfaces.interfaces`.
    """
    t = sessions.mutate(**{f"says_{name}": verdict for name, verdict in _speakers(sessions).items()})
    t = _with_fan_in(t, services)
    by = {name: t[f"says_{name}"] for name in EVIDENCE[:-1]}
    plain = {name: says for name, says in (by | {"refused": t.says_refused_plain}).items() if name not in FLAGGED}
    first = (
        ibis.cases(*((says.notnull(), name) for name, says in each.items()), else_="unknown") for each in (by, plain)
    )
    roles = t.mutate(
        a_began=ibis.coalesce(*by.values(), t.says_guess),
        agrees=ibis.coalesce(*plain.values()) == t.says_syn,
        **dict(zip(("evidence", "without_flags"), first, strict=True)),
    )
    roles = _located(roles, interfaces)
    ported = roles.protocol.isin(WITH_PORTS).fill_null(False)
    sides = {}
    for role, (if_a, if_b) in {"client": ("a", "b"), "server": ("b", "a")}.items():
        pick = {
            name: roles.a_began.ifelse(roles[f"{if_a}_{name}"], roles[f"{if_b}_{name}"])
            for name in ("addr", "logged", "port", "accepted", "rejected", "packets", "bytes", "seen")
        }
        sides[role] = pick.pop("addr")
        sides[f"{role}_port"] = ported.ifelse(pick.pop("port"), ibis.null("int32")).nullif(NONE)
        sides |= {f"{role}_{name}": value for name, value in pick.items()}
    t = roles.select(
        *("interface_id", "session", "first", "last", "evidence", "without_flags", "agrees", "way", "counted"),
        *("rejected_packets", "rejected_bytes", "rejected_first", "rejected_last", "accepted_last"),
        "control",
        "reopened",
        protocol=roles.protocol.nullif(NONE),
        **sides,
    )
    return _with_outcome(t)


def _saw(seen: ir.IntegerValue, bits: int, refused: bool | None = None) -> ir.BooleanValue:
    """Return whether any of `bits` was seen; `refused`: only in refused (True) or accepted (False) packets."""
    mask = bits * (s.REFUSED if refused else 1) | (bits * s.REFUSED if refused is None else 0)
    return (seen & mask) > 0


def _speakers(t: ir.Table) -> dict[str, ir.BooleanValue]:
    """Return what each evidence but `service` says: True if a began, False if b did, null if it cannot tell."""
    none = ibis.null("boolean")
    flagged = _saw(t.a_seen, s.SAW_FLAGS) | _saw(t.b_seen, s.SAW_FLAGS)
    by_a = _saw(t.a_seen, s.SAW_SYN) | _saw(t.b_seen, s.SAW_SYN_ACK)
    by_b = _saw(t.b_seen, s.SAW_SYN) | _saw(t.a_seen, s.SAW_SYN_ACK)
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
            _either(service["b"] & ~service["a"] & ~system["a"], service["a"] & ~service["b"] & ~system["b"]), none
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


def _is_service(port: ir.Value) -> ir.BooleanValue:
    return port.isin(tuple(SERVICE_PORTS)).fill_null(False)


def _with_fan_in(table: ir.Table, services: ir.Table) -> ir.Table:
    """Return `table` with ``says_service``: which end is a service, by how many ends talked to it both ways.

    Here and below one select a join: every further step would be compiled, a subquery more, in each query of the fold.
    """
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
        day=(table["first"] // 86400).fill_null(0),
        opener=table.a_began.ifelse(table.a_addr, table.b_addr),
        **{f"{end}_at": table[f"{end}_logged"].coalesce(table[f"{end}_addr"]) for end in "ab"},
    )
    for end in ("a_at", "b_at"):
        table = _marked(table, own, {"interface_id": "interface_id", "day": "day", "address": end})
    table = _marked(table, own[~own.transit], {"address": "opener"})
    from_own = table.a_began.ifelse(table.a_at_known, table.b_at_known)
    to_own = table.a_began.ifelse(table.b_at_known, table.a_at_known)
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
    flagged = _saw(t.client_seen, s.SAW_FLAGS) | _saw(t.server_seen, s.SAW_FLAGS)
    syn = _saw(t.client_seen, s.SAW_SYN | s.SAW_SYN_ACK)
    taken = _saw(t.server_seen, s.SAW_SYN | s.SAW_SYN_ACK)
    wants = ~(tcp & flagged) | syn
    outcome = ibis.cases(
        ((t.server_rejected > 0) & ~replied & (asked | taken), "reply-refused"),
        (replied & ~asked & (t.client_rejected == 0), "reply-only"),
        (replied & tcp & flagged & wants & _saw(t.server_seen, s.SAW_RST) & ~taken, "accepted-reset"),
        (replied & tcp & ~flagged & _bare(t), "accepted-reset"),
        (replied & (asked | taken), "answered"),
        ((t.client_rejected > 0) & wants, "refused"),
        (asked & wants, "accepted-silent"),
    )
    fin, reset = (
        {role: _saw(t[f"{role}_seen"], bit, False) for role in ("client", "server")} for bit in (s.SAW_FIN, s.SAW_RST)
    )
    closed = reset["client"] | reset["server"] | (fin["client"] & fin["server"])
    ended = _saw(t.client_seen, s.SAW_FIN | s.SAW_RST) | _saw(t.server_seen, s.SAW_FIN | s.SAW_RST)
    small = (t.protocol == TCP) & (t.rejected_packets <= 6)
    small = (small & (t.rejected_bytes <= LARGEST_SYN * t.rejected_packets)).fill_null(False)
    # Times are soft by a minute: an interval may seem to go on after the close.
    overlaps = (t.accepted_last > t.rejected_first + ibis.ifelse(closed, 60, 1)).fill_null(False)
    new = _saw(t.client_seen, s.SAW_SYN, True)
    nobody = ~asked & ~replied
    rejected = t.client_rejected + t.server_rejected > 0
    refusal = ibis.cases(
        (~rejected, ibis.null("string")),
        (t.control.notnull(), "control"),
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
    out = ((t.client_seen & s.LEAVES) + (t.server_seen & s.ENTERS)) > 0
    into = ((t.client_seen & s.ENTERS) + (t.server_seen & s.LEAVES)) > 0
    return t.mutate(
        outcome=outcome, refusal=refusal, flagged=flagged, closed=closed, small=small, overlaps=overlaps,
        unclosed=flagged & tcp & ~ended,
        level=ibis.cases((unseen, -1), (sure, 2), (likely, 1), else_=0).cast("int8"),
        leaves=ibis.ifelse(from_server, _either(into, out), _either(out, into)), from_server=from_server,
    )  # fmt: skip


def _bare(t: ir.Table) -> ir.BooleanValue:
    """Return whether, without flags, the replies look like resets: at most one a request, no data either way."""
    bare = ibis.ifelse(t.server.contains(":"), BARE_IPV6, BARE_IPV4)
    return (
        (t.server_bytes == t.server_packets * bare)
        & (t.server_packets <= t.client_packets)
        & (t.client_bytes <= t.client_packets * (bare + 20))
    )
