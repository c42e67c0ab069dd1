"""From conversations to edges: client, server, protocol, port and outcome by interface and time step, with counts.

The small table that nearly every question asks. And from records to volumes: bytes of each interface by direction
and time, which conversations cannot tell, because one may last for hours.
"""

from flowkit.folding.engine import total
from flowkit.folding.interfaces import DAY
from flowkit.folding.sessions import INTERFACE, NAMED, REFUSED, SAW_SYN_ACK
from flowkit.net import LARGEST_SYN, TCP, UDP, private

#: Widths of a time step in seconds: a minute, five, a quarter of an hour, an hour, six, a day, a week.
STEPS = (60, 300, 900, 3600, 21600, DAY, 7 * DAY)
#: The most time steps that a window has.
MOST_STEPS = 200
#: Seconds in which a resolver and the like repeat a request of UDP.
RETRY = 30
#: What one edge is about.
EDGE = "interface_id client server protocol server_port outcome denied way counted evidence step".split()
#: What both roles of an edge sent: records, packets, bytes, and the bytes of what was rejected.
COUNTS = "client_accepted client_rejected server_accepted server_rejected client_packets client_bytes".split()
COUNTS += "server_packets server_bytes client_rejected_bytes server_rejected_bytes".split()
#: What one row of refusals is about.
REFUSAL = "interface_id client server protocol server_port refusal control step".split()
#: What one row of volumes is about.
VOLUME = ("interface_id", "step", "direction", "peer", "action", "counted", "az_id", "peer_az_id", "traffic_path")


def step_of(seconds: int) -> int:
    """Return the width of a time step, in seconds, for a window of `seconds`: 60 to 200 steps where that can be."""
    return next((step for step in STEPS if seconds <= MOST_STEPS * step), STEPS[-1])


def edges(step: int) -> str:
    """Return one row an `EDGE` with its `COUNTS`, ``sessions``, ``first``, ``last`` (seconds since 1970 UTC), ``level``
    (how sure the outcome is), ``port_low``, ``port_high`` (of the client).

    The keys are columns of `flowkit.folding.conversations`; ``denied``: whether no packet was accepted; ``step`` is the
    start of the time step (seconds since 1970 UTC) in which the conversation began.

    ``client`` and ``server`` are the packet's own ends (pkt-srcaddr, pkt-dstaddr) where the log has them: the pod, not
    its node; who stands behind a NAT or transit gateway, not the gateway. ``client_logged``, ``server_logged``: the
    address that the interface logged (srcaddr, dstaddr) where it is another, else null. ``way`` goes by the latter.
    """
    keys = ", ".join(EDGE)
    return f"""
    SELECT {keys}, count(*) AS sessions, {", ".join(f"{total(name)} AS {name}" for name in COUNTS)}, min(first) AS first,
        {", ".join(f"max({name}) AS {name}" for name in ("last", "level", "client_logged", "server_logged"))},
        min(client_port) AS port_low, max(client_port) AS port_high
    FROM (
        SELECT *, first - first % {step} AS step, client_accepted + server_accepted = 0 AS denied FROM conversations
    ) AS stepped
    GROUP BY {keys}"""


def refusals(step: int) -> str:
    """Return one row a `REFUSAL`: refused conversations by how they were refused, with their shapes.

    ``step`` is that of the first refused packet (seconds since 1970 UTC). ``sessions``, ``attempts`` (sessions of
    TCP; of other protocols packets, which a port that stays the same sends as long as it likes, but a few UDP packets
    within `RETRY` seconds are one attempt), ``records``, ``packets``, ``bytes``, ``first``, ``last`` (of what was
    refused), ``latest`` (when the latest of the sessions was first refused), ``accepted`` (accepted records of the
    client), ``idle``, ``idle_least`` (longest and shortest pause before a refusal, seconds), and sessions by their
    shape: ``retries`` (3 to 7 packets of a SYN's size), ``tiny`` (one packet without options), ``syn_acks`` (the
    server's SYN-ACK refused) and those of `flowkit.folding.conversations`. Ends and client's ports as in `edges`.
    """
    keys = ", ".join(REFUSAL)
    once = f"(protocol = {UDP} AND rejected_packets <= 5 AND rejected_last - rejected_first <= {RETRY})"
    attempts = f"CASE WHEN protocol = {TCP} OR {once} THEN 1 ELSE rejected_packets END"
    shapes = {
        "retries": f"rejected_packets BETWEEN 3 AND 7 AND rejected_bytes BETWEEN 40e0 * rejected_packets"
        f" AND {LARGEST_SYN}e0 * rejected_packets",
        "tiny": "rejected_packets = 1 AND rejected_bytes <= 44",
        **{name: f'"{name}"' for name in ("small", "overlaps", "closed", "unclosed", "reopened")},
        "syn_acks": f"(server_seen & {SAW_SYN_ACK * REFUSED}) > 0",
    }  # fmt: skip
    return f"""
    SELECT {keys}, count(*) AS sessions, {total(attempts)} AS attempts,
        {total("client_rejected + server_rejected")} AS records, {total("rejected_packets")} AS packets,
        {total("rejected_bytes")} AS bytes, min(rejected_first) AS first, max(rejected_last) AS last,
        {total("client_accepted")} AS accepted, min(client_port) AS port_low, max(client_port) AS port_high,
        min(from_server) AS from_server, max(rejected_first) AS latest, max(rejected_first - accepted_last) AS idle,
        min(rejected_first - accepted_last) AS idle_least,
        {", ".join(f'count(*) FILTER (WHERE {shape}) AS "{name}"' for name, shape in shapes.items())},
        {", ".join(f"max({name}) AS {name}" for name in ("leaves", "flagged", "client_logged", "server_logged"))}
    FROM (SELECT *, rejected_first - rejected_first % {step} AS step FROM conversations WHERE refusal IS NOT NULL) AS refused
    GROUP BY {keys}"""


def volumes(step: int) -> str:
    """Return the records, packets and bytes of each interface over time, one row a `VOLUME`.

    ``direction`` (as packets flow, seen from the interface: ``ingress``, ``egress``; ``transit`` for gateways and
    load balancers; ``unknown``), ``peer`` (``internal``: private, or the address of a logged interface;
    ``external``; where the direction is unknown, ``internal`` if both ends are; null in transit), ``action``,
    ``counted`` (whether to count it where several interfaces logged the same packets), ``az_id``, ``peer_az_id`` (null
    where not known), ``traffic_path`` (egress only), ``step`` (start of the time step, seconds since 1970),
    ``records``, ``packets``, ``bytes``.
    """
    keys = ", ".join(VOLUME)
    known = """(
        SELECT day, address, CASE WHEN count(DISTINCT interface_id) = 1 THEN max(interface_id) END AS owner,
            CASE WHEN count(DISTINCT az_id) = 1 THEN max(az_id) END AS az, max(NOT transit) AS logged
        FROM (
            SELECT day, address, interface_id, az_id, transit FROM interfaces WHERE address IS NOT NULL
            UNION ALL SELECT day, address, interface_id, az_id, FALSE FROM secondary
        ) AS addresses
        GROUP BY day, address
    )"""
    mine = "src_owner = interface_id AND coalesce(dst_owner <> interface_id, TRUE)"
    its = "dst_owner = interface_id AND coalesce(src_owner <> interface_id, TRUE)"
    # An end that faces the interface is internal or not; where neither is known to be its own, both have to be.
    return f"""
    SELECT {keys}, count(*) AS records, {total("packets")} AS packets, {total("bytes")} AS bytes
    FROM (
        SELECT interface_id, "start" - "start" % {step} AS step, action, traffic_path, packets, bytes,
            CASE WHEN passes THEN 'transit' WHEN way THEN 'egress' WHEN NOT way THEN 'ingress' ELSE 'unknown' END
                AS direction,
            CASE WHEN passes THEN NULL
                WHEN CASE WHEN way THEN to_inside WHEN NOT way THEN from_inside ELSE from_inside AND to_inside END
                THEN 'internal' ELSE 'external' END AS peer,
            NOT passes AND (coalesce(way, FALSE) OR NOT src_logged) AS counted,
            coalesce(az_id, CASE WHEN way THEN src_az ELSE dst_az END) AS az_id,
            coalesce(next_hop_az_id, CASE WHEN way THEN dst_az ELSE src_az END) AS peer_az_id
        FROM (
            SELECT *, {private("srcaddr")} OR src_logged AS from_inside, {private("dstaddr")} OR dst_logged AS to_inside,
                CASE WHEN flow_direction IS NOT NULL THEN flow_direction = 'egress'
                    WHEN {mine} THEN TRUE WHEN {its} THEN FALSE END AS way
            FROM (
                SELECT one.*, src.owner AS src_owner, dst.owner AS dst_owner, src.az AS src_az, dst.az AS dst_az,
                    coalesce(src.logged, FALSE) AS src_logged, coalesce(dst.logged, FALSE) AS dst_logged,
                    gateways.interface_id IS NOT NULL AS passes
                FROM (
                    SELECT {INTERFACE} AS interface_id, srcaddr, dstaddr, "start", action, traffic_path, flow_direction,
                        az_id, next_hop_az_id, coalesce(packets, 0) AS packets, coalesce(bytes, 0) AS bytes,
                        coalesce("start" // {DAY}, 0) AS day
                    FROM flows WHERE {NAMED}
                ) AS one
                LEFT JOIN {known} AS src ON one.day = src.day AND one.srcaddr = src.address
                LEFT JOIN {known} AS dst ON one.day = dst.day AND one.dstaddr = dst.address
                LEFT JOIN (SELECT DISTINCT interface_id FROM interfaces WHERE transit) AS gateways
                    ON one.interface_id = gateways.interface_id
            ) AS owned
        ) AS faced
    ) AS directed
    GROUP BY {keys}"""


#: Which AWS service an address belongs to, where the log says so: ``address``, ``service``.
AWS_SERVICES = f"""
    SELECT address, max(service) AS service
    FROM (
        SELECT coalesce(pkt_srcaddr, srcaddr) AS address, pkt_src_aws_service AS service
        FROM flows WHERE {NAMED} AND pkt_src_aws_service IS NOT NULL
        UNION ALL SELECT coalesce(pkt_dstaddr, dstaddr), pkt_dst_aws_service
        FROM flows WHERE {NAMED} AND pkt_dst_aws_service IS NOT NULL
    ) AS ends
    GROUP BY address"""
