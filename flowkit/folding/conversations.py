"""From sessions to conversations: who began each, on what evidence, which way it went, what came of it.

SQL over ``sessions``, ``services`` and ``interfaces``. AWS logs packets and says who sent them, never who began.
What speaks first decides:

| evidence | who is the client |
| --- | --- |
| syn | who sent the SYN, or got the SYN-ACK |
| carry | as in the earlier session of the same endpoints, where this one begins in mid-stream |
| refused | whose packets were refused, if nothing ever came back; who was accepted, if only the answer was refused |
| service | the end facing the address and port that at least `FAN_IN` ends talked to |
| ports | the end facing a well-known service port |
| lowport | the end facing a port below 1024 (NFS clients send from such ports, so a known service goes first) |
| first | whose first packet is at least `LEAD` seconds older, or the only one |

``conversations``, the last of `CONVERSATIONS`, has one row a conversation at one interface: ``interface_id``, ``client``,
``client_port``, ``server``, ``server_port``, ``protocol`` (the packet's own addresses where the log has pkt-srcaddr and
pkt-dstaddr; ports null for protocols without), ``client_logged``, ``server_logged`` (srcaddr or dstaddr where the packet
carries another address, else null), ``session``, ``first``, ``last`` (seconds since 1970 UTC); ``evidence`` (`unknown`:
client and server are just the two ends), ``without_flags`` (the evidence that decides if no flag is looked at),
``agrees`` (whether that one names the client that the SYN names; null without a SYN); ``way`` (seen from the interface:
``in`` its address is the server, ``out`` the client, ``transit``, ``unknown``), ``counted`` (whether this row is the one
to count where several interfaces logged the same packets); ``outcome``:

- ``answered``: let in, and something came back
- ``accepted-silent``: let in, nothing came back · ``accepted-reset``: let in, answered by RST
- ``reply-refused``: the client was accepted, the server's answer refused · ``refused``: the client was refused
- ``reply-only``: a server's packets whose requests were logged elsewhere · null: none of these

``refusal``, how packets of it were refused (null: none were):

- ``control``: reject-reason names a VPC-wide control · ``request``: the client, from its first packet on
- ``reply``: the server's answer only · ``changed``: in the middle of what was accepted both ways
- ``late``: after both sides were accepted and closed · ``mid-stream``: packets without SYN of nothing in the log

``level`` (how sure the outcome is: 2 high, 1 medium, 0 low, -1 not at all). What each role sent: ``client_accepted``,
``client_rejected`` (records), ``client_packets``, ``client_bytes``, ``client_rejected_bytes``, ``client_seen`` and the
same of ``server_``; ``rejected_packets``, ``rejected_bytes``, ``rejected_first``, ``rejected_last``,
``accepted_last``, ``reopened`` and ``control`` as in `flowkit.folding.sessions.sessions`;
``flagged`` (TCP flags known), ``closed`` (FIN of both sides or
RST), ``unclosed`` (TCP flags known, and no FIN or RST at all), ``overlaps`` (accepted packets after a refused one),
``small`` (few packets without data refused), ``from_server`` (the refused packets are the server's), ``leaves`` (they
leave the interface; null: not logged).
"""

import re

from flowkit.folding import sessions as s
from flowkit.folding.interfaces import DAY
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
#: What came of a conversation.
OUTCOMES = ("answered", "accepted-silent", "accepted-reset", "reply-refused", "refused", "reply-only")
_SERVICE_PORTS = tuple(SERVICE_PORTS)
_ANSWERED = f"protocol IN {WITH_PORTS} AND a_accepted > 0 AND b_accepted > 0 AND session = 0"

#: The addresses and ports that at least `FAN_IN` ends were answered by, and by how many (``fan_in``). A client's own
#: port facing a service port is never a service: leaving it out makes this small.
SERVICES = f"""
    SELECT protocol, addr, port, count(*) AS fan_in
    FROM (
        SELECT protocol, a_addr AS addr, a_port AS port, b_port AS other FROM sessions WHERE {_ANSWERED}
        UNION ALL SELECT protocol, b_addr, b_port, a_port FROM sessions WHERE {_ANSWERED}
    ) AS ends
    WHERE port IN {_SERVICE_PORTS} OR other NOT IN {_SERVICE_PORTS}
    GROUP BY protocol, addr, port HAVING count(*) >= {FAN_IN}"""


def _saw(roles: str, bits: int, refused: bool | None = None) -> str:
    """Return whether any of `bits` was seen of `roles` (words such as `a b`); `refused`: only in refused (True) or
    accepted (False) packets."""
    mask = bits * (s.REFUSED if refused else 1) | (bits * s.REFUSED if refused is None else 0)
    return f"({' OR '.join(f'({role}_seen & {mask}) > 0' for role in roles.split())})"


def _either(a: str, b: str) -> str:
    """Return True where only `a` holds, False where only `b` does, null else."""
    return f"CASE WHEN ({a}) AND NOT ({b}) THEN TRUE WHEN ({b}) AND NOT ({a}) THEN FALSE END"


def _end(x_speaks: str) -> str:
    """Return `_either` of what speaks for end x, y being the other, as a and as b."""
    a, b = (re.sub(r"\b[xy]_", lambda at, ends=ends: ends[at[0]], x_speaks) for ends in (
        {"x_": "a_", "y_": "b_"}, {"x_": "b_", "y_": "a_"}))  # fmt: skip
    return _either(a, b)


def _pick(name: str) -> str:
    """Return the value of who began."""
    return f"CASE WHEN a_began THEN a_{name} ELSE b_{name} END"


_REFUSED = _end(
    "(x_rejected > 0 AND x_accepted = 0 AND NOT y_sent AND NOT resumed)"
    " OR (x_accepted > 0 AND x_rejected = 0 AND y_accepted = 0 AND y_rejected > 0)"
)
#: What each evidence says: True if a began, False if b did, null if it cannot tell. A refused TCP packet without SYN
#: came late; it began nothing.
_SAYS = {
    "syn": _either("a_syn", "b_syn"),
    "carry": "CASE WHEN NOT (a_syn OR b_syn) THEN carried = 'a' END",
    "refused": f"CASE WHEN NOT (protocol = {TCP} AND flagged) THEN {_REFUSED} END",
    "service": _end(f"y_fan_in >= {FAN_IN} AND y_fan_in >= {RATIO} * x_fan_in"),
    "ports": f"CASE WHEN ported THEN {_end('y_service AND NOT x_service')} END",
    "lowport": f"CASE WHEN ported THEN {_end('y_system')} END",
    "first": _end(f"(x_sent AND NOT y_sent) OR coalesce(y_first - x_first >= {LEAD}, FALSE)"),
    "refused_plain": _REFUSED,
    "guess": f"coalesce({_either('a_drawn', 'b_drawn')}, b_first - a_first >= 0, TRUE)",
}
_BY = {name: f"says_{name}" for name in EVIDENCE[:-1]}
_PLAIN = {name: says for name, says in (_BY | {"refused": "says_refused_plain"}).items() if name not in FLAGGED}
_NAME, _PLAIN_NAME = (
    f"CASE {' '.join(f'WHEN {says} IS NOT NULL THEN {name!r}' for name, says in each.items())} ELSE 'unknown' END"
    for each in (_BY, _PLAIN)
)

_OWN = "(SELECT DISTINCT interface_id, day, address FROM interfaces WHERE address IS NOT NULL)"
_ASKED, _REPLIED, _TCP = "client_accepted > 0", "server_accepted > 0", f"coalesce(protocol = {TCP}, FALSE)"
_SYN, _TAKEN = (_saw(role, s.SAW_SYN | s.SAW_SYN_ACK) for role in ("client", "server"))
_WANTS = f"(NOT ({_TCP} AND flagged) OR {_SYN})"
# As a double: a product with packets may exceed 64 bits.
_BARE = f"CASE WHEN server LIKE '%:%' THEN {BARE_IPV6}e0 ELSE {BARE_IPV4}e0 END"
_REJECTED = "client_rejected + server_rejected > 0"
_FROM_SERVER = f"({_REJECTED} AND client_rejected = 0)"
_OUT, _INTO = (
    f"(client_seen & {of_client}) + (server_seen & {of_server}) > 0"
    for of_client, of_server in ((s.LEAVES, s.ENTERS), (s.ENTERS, s.LEAVES))
)
# Without flags, the replies look like resets: at most one a request, no data either way.
_OUTCOME = f"""CASE
    WHEN server_rejected > 0 AND NOT {_REPLIED} AND ({_ASKED} OR {_TAKEN}) THEN 'reply-refused'
    WHEN {_REPLIED} AND NOT {_ASKED} AND client_rejected = 0 THEN 'reply-only'
    WHEN {_REPLIED} AND {_TCP} AND flagged AND {_WANTS} AND {_saw("server", s.SAW_RST)} AND NOT {_TAKEN}
        THEN 'accepted-reset'
    WHEN {_REPLIED} AND {_TCP} AND NOT flagged AND server_bytes = server_packets * {_BARE}
        AND server_packets <= client_packets AND client_bytes <= client_packets * ({_BARE} + 20) THEN 'accepted-reset'
    WHEN {_REPLIED} AND ({_ASKED} OR {_TAKEN}) THEN 'answered'
    WHEN client_rejected > 0 AND {_WANTS} THEN 'refused'
    WHEN {_ASKED} AND {_WANTS} THEN 'accepted-silent' END"""
_CLOSED = f"""({_saw("client server", s.SAW_RST, False)}
    OR ({_saw("client", s.SAW_FIN, False)} AND {_saw("server", s.SAW_FIN, False)}))"""
_SMALL = f"""coalesce(protocol = {TCP} AND rejected_packets <= 6
    AND rejected_bytes <= {LARGEST_SYN}e0 * rejected_packets, FALSE)"""
# Times are soft by a minute: an interval may seem to go on after the close.
_OVERLAPS = f"coalesce(accepted_last > rejected_first + CASE WHEN {_CLOSED} THEN 60 ELSE 1 END, FALSE)"
_REFUSAL = f"""CASE
    WHEN NOT {_REJECTED} THEN NULL
    WHEN control IS NOT NULL THEN 'control'
    WHEN {_saw("client", s.SAW_SYN, True)} THEN 'request'
    WHEN {_REPLIED} AND ({_ASKED} OR client_rejected > 0)
        THEN CASE WHEN {_SMALL} AND NOT {_OVERLAPS} THEN 'late' ELSE 'changed' END
    WHEN NOT {_ASKED} AND NOT {_REPLIED} AND (client_rejected = 0 OR (flagged AND {_TCP})) THEN 'mid-stream'
    WHEN NOT {_ASKED} AND NOT {_REPLIED} THEN 'request'
    WHEN server_rejected > 0 THEN 'reply'
    ELSE 'request' END"""
# Nobody sends data before the handshake: the replies to it went where no log was looking.
_LEVEL = f"""CAST(CASE
    WHEN {_TCP} AND outcome = 'accepted-silent' AND client_bytes > client_packets * {LARGEST_SYN}e0 THEN -1
    WHEN {_TCP} AND flagged AND (evidence IN {FLAGGED} OR {_SYN} OR {_TAKEN}) THEN 2
    WHEN (evidence IN ('syn', 'carry', 'service', 'ports', 'refused') OR outcome = 'reply-refused')
        AND NOT ({_TCP} AND {_REPLIED} AND (server_packets < 3 OR server_bytes < 180)) THEN 1
    ELSE 0 END AS TINYINT)"""
_EACH_END = (
    f"a_accepted + a_rejected > 0 AS a_sent, a_port IN {_SERVICE_PORTS} AS a_service, a_port >= {EPHEMERAL} AS a_drawn,"
    f" a_port BETWEEN 0 AND {SYSTEM_PORTS - 1} AS a_system, coalesce(a_logged, a_addr) AS a_at"
)
_OF_B = re.sub(r"\ba_", "b_", _EACH_END)
_SYNS = {f"{x}_syn": f"{_saw(x, s.SAW_SYN)} OR {_saw(y, s.SAW_SYN_ACK)}" for x, y in ("ab", "ba")}
_PICKED = ("accepted", "rejected", "packets", "bytes", "seen")
_SIDES = {"client": _pick, "server": lambda name: f"CASE WHEN a_began THEN b_{name} ELSE a_{name} END"}
#: The statements in order: see the module.
CONVERSATIONS = {
    "met_services": """
        SELECT one.*, coalesce(a.fan_in, 0) AS a_fan_in, coalesce(b.fan_in, 0) AS b_fan_in
        FROM sessions AS one
        LEFT JOIN services AS a ON one.protocol = a.protocol AND one.a_addr = a.addr AND one.a_port = a.port
        LEFT JOIN services AS b ON one.protocol = b.protocol AND one.b_addr = b.addr AND one.b_port = b.port""",
    "heard": f"""
        SELECT *, {_EACH_END}, {_OF_B}, protocol IN {WITH_PORTS} AS ported,
            {_saw("a b", s.SAW_FLAGS)} AS flagged, {", ".join(f"{sql} AS {name}" for name, sql in _SYNS.items())},
            CAST(coalesce(first // {DAY}, 0) AS BIGINT) AS day
        FROM met_services""",
    "said": f"SELECT *, {', '.join(f'{sql} AS says_{name}' for name, sql in _SAYS.items())} FROM heard",
    "began": f"""
        SELECT *, coalesce({", ".join(_BY.values())}, says_guess) AS a_began, {_NAME} AS evidence,
            {_PLAIN_NAME} AS without_flags, coalesce({", ".join(_PLAIN.values())}) = says_syn AS agrees
        FROM said""",
    "placed": f"""
        SELECT one.*, a.address IS NOT NULL AS a_own, b.address IS NOT NULL AS b_own,
            elsewhere.address IS NOT NULL AS logged, gateways.interface_id IS NOT NULL AS passes
        FROM began AS one
        LEFT JOIN {_OWN} AS a ON one.interface_id = a.interface_id AND one.day = a.day AND one.a_at = a.address
        LEFT JOIN {_OWN} AS b ON one.interface_id = b.interface_id AND one.day = b.day AND one.b_at = b.address
        LEFT JOIN (
            SELECT address FROM interfaces WHERE address IS NOT NULL AND NOT transit
            UNION SELECT address FROM secondary
        ) AS elsewhere
            ON {_pick("addr").replace("a_", "one.a_").replace("b_", "one.b_")} = elsewhere.address
        LEFT JOIN (SELECT DISTINCT interface_id FROM interfaces WHERE transit) AS gateways
            ON one.interface_id = gateways.interface_id""",
    "talks": f"""
        SELECT interface_id, session, first, last, evidence, without_flags, agrees, rejected_packets, rejected_bytes,
            CASE WHEN a_began THEN a_rejected_bytes ELSE rejected_bytes - a_rejected_bytes END AS client_rejected_bytes,
            CASE WHEN a_began THEN rejected_bytes - a_rejected_bytes ELSE a_rejected_bytes END AS server_rejected_bytes,
            rejected_first, rejected_last, accepted_last, control, reopened, flagged,
            CASE WHEN passes THEN 'transit'
                WHEN evidence <> 'unknown' AND {_pick("own")} AND NOT {_SIDES["server"]("own")} THEN 'out'
                WHEN evidence <> 'unknown' AND {_SIDES["server"]("own")} AND NOT {_pick("own")} THEN 'in'
                ELSE 'unknown' END AS way,
            NOT passes AND ({_pick("own")} OR NOT logged) AS counted, nullif(protocol, {NONE}) AS protocol,
            {", ".join(f"{pick('addr')} AS {side}, {pick('logged')} AS {side}_logged" for side, pick in _SIDES.items())},
            {", ".join(
                f"CASE WHEN ported THEN nullif({pick('port')}, {NONE}) END AS {side}_port"
                for side, pick in _SIDES.items()
            )},
            {", ".join(f"{pick(name)} AS {side}_{name}" for side, pick in _SIDES.items() for name in _PICKED)}
        FROM placed""",
    "conversations": f"""
        SELECT *, {_LEVEL} AS level
        FROM (
            SELECT *, {_OUTCOME} AS outcome, {_REFUSAL} AS refusal, {_CLOSED} AS closed, {_SMALL} AS small,
                {_OVERLAPS} AS "overlaps", {_FROM_SERVER} AS from_server,
                flagged AND {_TCP} AND NOT {_saw("client server", s.SAW_FIN | s.SAW_RST)} AS unclosed,
                CASE WHEN {_FROM_SERVER} THEN {_either(_INTO, _OUT)} ELSE {_either(_OUT, _INTO)} END AS leaves
            FROM talks
        ) AS judged""",
}  # fmt: skip
