"""Who talks to whom, and how much: the edges and volumes of a fold summed by pair, address, interface, time, zone, path.

In: a `flowkit.folding.store.Fold`. Out: small DataFrames; bytes are those that were accepted. A packet between two
logged interfaces is logged at both, and again wherever it passes through: tables of pairs, addresses, zones and paths
count only rows that are ``counted``, each byte once. Sums are exact up to 2^63 - 1.
"""

import pandas as pd

from flowkit.fields import TRAFFIC_PATHS
from flowkit.folding.conversations import CONFIDENCE, EVIDENCE
from flowkit.folding.interfaces import DAY

#: The ways of accepted traffic at an interface, seen from it: the column of bytes and which ``volumes`` it sums.
WAYS = {
    f"{way}_{peer}_bytes": f"direction = '{direction}' AND peer = '{place}'"
    for way, direction in (("in", "ingress"), ("out", "egress"))
    for peer, place in (("public", "external"), ("private", "internal"))
} | {f"{way}_bytes": f"direction = '{way}'" for way in ("transit", "unknown")}
_ACCEPTED = "action IS DISTINCT FROM 'REJECT'"
_WAYS = ", ".join(f"exact(CASE WHEN {_ACCEPTED} AND {way} THEN bytes END) AS {name}" for name, way in WAYS.items())
_REJECTED = "exact(CASE WHEN action = 'REJECT' THEN records END) AS rejected_records"
#: The accepted bytes of each end, and of both, in ``edges``.
_SENT = {end: f"({end}_bytes - {end}_rejected_bytes)" for end in ("client", "server")}
_BOTH = f"{_SENT['client']}::HUGEINT + {_SENT['server']}"
_SESSIONS = "exact(sessions) AS sessions, exact(CASE WHEN denied THEN sessions END) AS rejected_sessions"

#: A table by its name, as `tables` describes them.
QUERIES = {
    "pairs": f"""
        SELECT client, server, protocol, server_port, exact({_SENT["client"]}) AS client_bytes,
            exact({_SENT["server"]}) AS server_bytes, {_SESSIONS},
            to_timestamp(min(first)) AS first, to_timestamp(max(last)) AS last
        FROM edges WHERE counted AND evidence <> 'unknown' GROUP BY client, server, protocol, server_port
        ORDER BY sum({_BOTH}) DESC, client, server, protocol, server_port LIMIT $top""",
    "roles": f"""
        SELECT interface_id, CASE way WHEN 'out' THEN 'client' ELSE 'server' END AS role, protocol, server_port,
            count(DISTINCT CASE way WHEN 'out' THEN server ELSE client END) AS peers,
            exact(CASE way WHEN 'out' THEN {_SENT["client"]} ELSE {_SENT["server"]} END) AS sent_bytes,
            exact(CASE way WHEN 'out' THEN {_SENT["server"]} ELSE {_SENT["client"]} END) AS received_bytes,
            {_SESSIONS}
        FROM edges WHERE way IN ('in', 'out') GROUP BY interface_id, way, protocol, server_port ORDER BY ALL""",
    "by_interface": f"""
        SELECT interface_id, {_WAYS}, {_REJECTED} FROM volumes GROUP BY interface_id
        ORDER BY sum(CASE WHEN {_ACCEPTED} THEN bytes END) DESC NULLS LAST, interface_id""",
    "over_time": f"""
        SELECT to_timestamp(step) AS time, {_WAYS} FROM volumes WHERE {_ACCEPTED} AND step IS NOT NULL GROUP BY step
        ORDER BY step""",
    "totals": f"""
        SELECT direction, peer, exact(CASE WHEN counted AND {_ACCEPTED} THEN bytes END) AS bytes, {_REJECTED}
        FROM volumes GROUP BY direction, peer ORDER BY direction, peer""",
    "zones": f"""
        SELECT CASE direction WHEN 'egress' THEN v.az_id ELSE v.peer_az_id END AS az_id,
            CASE direction WHEN 'egress' THEN v.peer_az_id ELSE v.az_id END AS peer_az_id, exact(bytes) AS bytes,
            any_value(v.az_id <> v.peer_az_id) AS crosses
        FROM volumes v WHERE counted AND {_ACCEPTED} AND direction IN ('ingress', 'egress')
            AND v.az_id IS NOT NULL AND v.peer_az_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""",
    "paths": f"""
        SELECT traffic_path, exact(bytes) AS bytes FROM volumes WHERE counted AND {_ACCEPTED}
            AND direction = 'egress' AND traffic_path IS NOT NULL GROUP BY traffic_path ORDER BY traffic_path""",
    "evidence": f"""
        SELECT evidence, exact(sessions) AS sessions, exact({_BOTH}) AS bytes FROM edges WHERE counted GROUP BY evidence""",
    "addresses": f"""
        SELECT interface_id, address, basis, conflict, transit, to_timestamp(interfaces.day * {DAY}) AS day,
            to_timestamp(interfaces.first) AS first, to_timestamp(interfaces.last) AS last,
            * EXCLUDE (interface_id, address, basis, conflict, transit, day, first, last)
        FROM interfaces ORDER BY interface_id, interfaces.day, address""",
}  # fmt: skip


def tables(fold, top: int) -> dict[str, pd.DataFrame]:
    """Return the tables by name; times are UTC, protocols numbers.

    - ``pairs``: the `top` client, server and service with the most bytes; ``client_bytes``, ``server_bytes``: sent by
      each; ``rejected_sessions``: of which no packet was accepted; without sessions whose client is unknown
    - ``roles``: what each interface is client of and server of; ``peers``: addresses at the other end; ``sent_bytes``,
      ``received_bytes``: by the interface
    - ``by_interface``: the accepted bytes of each, the busiest first, in the columns of `WAYS`, and its
      ``rejected_records``; traffic between two logged interfaces is in twice, once each way
    - ``over_time``: the accepted bytes of all interfaces by time step: ``time``, the columns of `WAYS`
    - ``totals``: the accepted bytes, each counted once, and all rejected records, wherever they were rejected
    - ``zones``: the accepted bytes from zone to zone; ``az_id``: of the sender
    - ``paths``: the accepted bytes out by the way they took; ``path``: AWS's words
    - ``evidence``: how the client of each session is known, the strongest kind first; where the log has TCP flags, how
      often this evidence alone names the client that a SYN names: ``right`` of ``compared`` sessions
    - ``addresses``: the own addresses of each interface, as `flowkit.folding.interfaces.interfaces` returns them

    Zones and paths have no rows where the log lacks their fields. Shares are between 0 and 1.
    """
    found = {name: fold.sql(query.replace("$top", str(int(top)))) for name, query in QUERIES.items()}
    for name in ("pairs", "roles"):
        found[name] = found[name].astype({"protocol": "Int64", "server_port": "Int64"})
    paths, sums = found["paths"], found["evidence"]
    paths.insert(1, "path", paths.traffic_path.map(TRAFFIC_PATHS).fillna("unknown"))
    found["paths"] = paths.assign(share=paths.bytes / max(paths.bytes.astype("float64").sum(), 1))
    known = fold.sql('SELECT without_flags AS evidence, judged AS compared, "right" FROM evidence')
    table = pd.DataFrame({"evidence": EVIDENCE, "confidence": [CONFIDENCE[name] for name in EVIDENCE]})
    table = table.merge(sums, "left", "evidence").merge(known, "left", "evidence")
    whole = {"sessions": "int64", "bytes": "int64", "compared": "Int64", "right": "Int64"}
    table = table.fillna({"sessions": 0, "bytes": 0}).astype(whole)
    table.insert(3, "share", table.sessions / max(table.sessions.sum(), 1))
    found["evidence"] = table.assign(right_share=table.right / table.compared)
    return found
