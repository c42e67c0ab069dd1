"""Who talks to whom, and how much: the edges and volumes of a fold summed by pair, address, interface, time, zone, path.

In: a `flowkit.folding.store.Fold`. Out: small DataFrames; bytes are those of sessions that were accepted at least in
part. A packet between two logged interfaces is logged at both, and again wherever it passes through: tables of pairs,
addresses, zones and paths count only rows that are ``counted``, each byte once.
"""

import pandas as pd

from flowkit.folding.conversations import CONFIDENCE, EVIDENCE
from flowkit.folding.interfaces import DAY

#: AWS's words for traffic-path, the way that egress traffic takes.
#: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
PATHS = {
    1: "another resource in the same VPC", 2: "an internet gateway or a gateway VPC endpoint",
    3: "a virtual private gateway", 4: "an intra-region VPC peering connection",
    5: "an inter-region VPC peering connection", 6: "a local gateway", 7: "a gateway VPC endpoint",
    8: "an internet gateway",
}  # fmt: skip

#: The ways of accepted traffic at an interface, seen from it: the column of bytes and which ``volumes`` it sums.
WAYS = {
    "in_public_bytes": "direction = 'ingress' AND peer = 'external'",
    "in_private_bytes": "direction = 'ingress' AND peer = 'internal'",
    "out_public_bytes": "direction = 'egress' AND peer = 'external'",
    "out_private_bytes": "direction = 'egress' AND peer = 'internal'",
    "transit_bytes": "direction = 'transit'",
    "unknown_bytes": "direction = 'unknown'",
}
_ACCEPTED = "action IS DISTINCT FROM 'REJECT'"
_WAYS = ", ".join(f"exact(CASE WHEN {_ACCEPTED} AND {way} THEN bytes END) AS {name}" for name, way in WAYS.items())


def pairs(fold, top: int) -> pd.DataFrame:
    """Return the `top` client, server and service with the most bytes.

    ``client``, ``server``, ``protocol`` (number), ``server_port``, ``client_bytes``, ``server_bytes`` (sent by each),
    ``sessions``, ``rejected_sessions`` (of which no packet was accepted), ``first``, ``last`` (UTC). Sessions whose
    client is unknown are left out.
    """
    table = fold.sql(
        """SELECT client, server, protocol, server_port,
        exact(CASE WHEN NOT denied THEN client_bytes END) AS client_bytes,
        exact(CASE WHEN NOT denied THEN server_bytes END) AS server_bytes,
        exact(sessions) AS sessions, exact(CASE WHEN denied THEN sessions END) AS rejected_sessions,
        to_timestamp(min(first)) AS first, to_timestamp(max(last)) AS last
        FROM edges WHERE counted AND evidence <> 'unknown' GROUP BY client, server, protocol, server_port
        ORDER BY sum(CASE WHEN NOT denied THEN client_bytes::HUGEINT + server_bytes ELSE 0 END) DESC,
            client, server, protocol, server_port LIMIT ?""",
        top,
    )
    return table.astype({"protocol": "Int64", "server_port": "Int64"})


def talkers(fold, top: int) -> pd.DataFrame:
    """Return the `top` addresses with the most bytes.

    ``address``, ``sent_bytes``, ``received_bytes``, ``as_client``, ``as_server`` (sessions whose client is known).
    """
    return fold.sql(
        """SELECT address, exact(sent) AS sent_bytes, exact(received) AS received_bytes,
        exact(as_client) AS as_client, exact(as_server) AS as_server
        FROM (SELECT unnest([
            {'address': client, 'sent': client_bytes, 'received': server_bytes, 'as_client': known, 'as_server': 0},
            {'address': server, 'sent': server_bytes, 'received': client_bytes, 'as_client': 0, 'as_server': known}],
            recursive := true)
        FROM (SELECT client, server,
            sum(CASE WHEN NOT denied THEN client_bytes ELSE 0 END) AS client_bytes,
            sum(CASE WHEN NOT denied THEN server_bytes ELSE 0 END) AS server_bytes,
            sum(CASE WHEN evidence <> 'unknown' THEN sessions ELSE 0 END) AS known
            FROM edges WHERE counted GROUP BY client, server))
        GROUP BY address ORDER BY sum(sent) + sum(received) DESC, address LIMIT ?""",
        top,
    )


def roles(fold) -> pd.DataFrame:
    """Return what each interface is client of and server of, one row an interface, role, protocol and service port.

    ``interface_id``, ``role`` (``client`` or ``server``), ``protocol``, ``server_port``, ``peers`` (addresses at the
    other end), ``sent_bytes``, ``received_bytes`` (by the interface), ``sessions``, ``rejected_sessions``.
    """
    table = fold.sql(
        """SELECT interface_id, CASE way WHEN 'out' THEN 'client' ELSE 'server' END AS role, protocol, server_port,
        count(DISTINCT CASE way WHEN 'out' THEN server ELSE client END) AS peers,
        exact(CASE WHEN denied THEN 0 WHEN way = 'out' THEN client_bytes ELSE server_bytes END) AS sent_bytes,
        exact(CASE WHEN denied THEN 0 WHEN way = 'out' THEN server_bytes ELSE client_bytes END) AS received_bytes,
        exact(sessions) AS sessions, exact(CASE WHEN denied THEN sessions END) AS rejected_sessions
        FROM edges WHERE way IN ('in', 'out') GROUP BY interface_id, way, protocol, server_port
        ORDER BY interface_id, role, protocol, server_port"""
    )
    return table.astype({"protocol": "Int64", "server_port": "Int64"})


def evidence(fold) -> pd.DataFrame:
    """Return how the client of each session is known, one row a kind of `EVIDENCE`, the strongest first.

    ``evidence``, ``confidence``, ``sessions``, ``share`` (0 to 1), ``bytes``; where the log has TCP flags, how often
    this evidence alone names the client that a SYN names: ``compared``, ``right`` (sessions), ``right_share``. That
    is how far a log without flags could be trusted here.
    """
    sums = fold.sql(
        """SELECT evidence, exact(sessions) AS sessions,
        exact(CASE WHEN NOT denied THEN client_bytes::HUGEINT + server_bytes END) AS bytes
        FROM edges WHERE counted GROUP BY evidence"""
    )
    right = fold.sql('SELECT without_flags AS evidence, judged AS compared, "right" FROM evidence')
    table = pd.DataFrame({"evidence": EVIDENCE, "confidence": [CONFIDENCE[name] for name in EVIDENCE]})
    table = table.merge(sums, "left", "evidence").merge(right, "left", "evidence")
    table = table.fillna({"sessions": 0, "bytes": 0}).astype({"sessions": "int64", "bytes": "int64"})
    table.insert(3, "share", table.sessions / max(table.sessions.sum(), 1))
    table = table.astype({"compared": "Int64", "right": "Int64"})
    return table.assign(right_share=table.right / table.compared)


def by_interface(fold) -> pd.DataFrame:
    """Return the accepted bytes of each interface, the busiest first: ``interface_id``, the columns of `WAYS`, and
    ``rejected_records``. Traffic between two logged interfaces is in twice, once each way."""
    return fold.sql(
        f"""SELECT interface_id, {_WAYS},
        exact(CASE WHEN action = 'REJECT' THEN records END) AS rejected_records
        FROM volumes GROUP BY interface_id
        ORDER BY sum(CASE WHEN {_ACCEPTED} THEN bytes END) DESC NULLS LAST, interface_id"""
    )


def over_time(fold) -> pd.DataFrame:
    """Return the accepted bytes of all interfaces, one row a time step: ``time`` (UTC) and the columns of `WAYS`."""
    return fold.sql(
        f"""SELECT to_timestamp(step) AS time, {_WAYS} FROM volumes
        WHERE {_ACCEPTED} AND step IS NOT NULL GROUP BY step ORDER BY step"""
    )


def totals(fold) -> pd.DataFrame:
    """Return the accepted bytes, each counted once, and all rejected records, wherever they were rejected:
    ``direction``, ``peer``, ``bytes``, ``rejected_records``."""
    return fold.sql(
        f"""SELECT direction, peer, exact(CASE WHEN counted AND {_ACCEPTED} THEN bytes END) AS bytes,
        exact(CASE WHEN action = 'REJECT' THEN records END) AS rejected_records
        FROM volumes GROUP BY direction, peer ORDER BY direction, peer"""
    )


def zones(fold) -> pd.DataFrame:
    """Return the accepted bytes from zone to zone: ``az_id`` (of the sender), ``peer_az_id``, ``bytes``, ``crosses``.

    No rows where the log has no ``az-id``, or no peer's zone is known.
    """
    return fold.sql(
        f"""SELECT CASE direction WHEN 'egress' THEN az_id ELSE peer_az_id END AS sender,
        CASE direction WHEN 'egress' THEN peer_az_id ELSE az_id END AS receiver, exact(bytes) AS bytes,
        sender <> receiver AS crosses
        FROM volumes WHERE counted AND {_ACCEPTED} AND direction IN ('ingress', 'egress')
        AND az_id IS NOT NULL AND peer_az_id IS NOT NULL GROUP BY ALL ORDER BY sender, receiver"""
    ).rename(columns={"sender": "az_id", "receiver": "peer_az_id"})


def paths(fold) -> pd.DataFrame:
    """Return the accepted bytes out by the way they took: ``traffic_path``, ``path`` (AWS's words), ``bytes``,
    ``share``. No rows where the log has no ``traffic-path``."""
    table = fold.sql(
        f"""SELECT traffic_path, exact(bytes) AS bytes FROM volumes WHERE counted AND {_ACCEPTED}
        AND direction = 'egress' AND traffic_path IS NOT NULL GROUP BY traffic_path ORDER BY traffic_path"""
    )
    table.insert(1, "path", table.traffic_path.map(PATHS).fillna("unknown"))
    return table.assign(share=table.bytes / max(table.bytes.sum(), 1))


def addresses(fold) -> pd.DataFrame:
    """Return the own addresses of each interface, day by day: ``interface_id``, ``address``, ``basis`` (how it is
    known), ``conflict``, ``transit``, ``day`` (UTC), ``first``, ``last`` (UTC), ``az_id``, ``vpc_id``,
    ``subnet_id``, ``instance_id``."""
    table = fold.interfaces
    times = {name: pd.to_datetime(table[name], unit="s", utc=True) for name in ("first", "last")}
    table = table.assign(day=pd.to_datetime(table.day * DAY, unit="s", utc=True), **times)
    front = ["interface_id", "address", "basis", "conflict", "transit", "day"]
    return table[[*front, *(name for name in table.columns if name not in front)]]
