"""Rejected traffic in groups, and what else a fold says of them: who else was accepted, where, and who scans.

In: a log's fold, its tables ``refusals`` and ``edges``. Out: small tables. Values come into the queries as parameters
or tables; only names and numbers of this module are in their text. `flowkit.questions.rejected` classifies the groups.

Scanners are found by a threshold random walk over first contacts in time order (Jung, Paxson, Berger, Balakrishnan:
Fast Portscan Detection Using Sequential Hypothesis Testing, 2004): a benign client's first contact succeeds in 80 % of
cases, a scanner's in 20 %; so a failure makes scanning four times as likely and a success four times less, and four
failures more than successes are enough for 99 % detection at 1 % false alarms.
"""

from ipaddress import ip_address

import pandas as pd

from flowkit.net import EPHEMERAL, ICMP, TCP, UDP, private

#: log(99) / log(4), rounded up: how far the walk goes before it decides.
DECIDED = 4
#: Groups that are looked at one by one, and clients whose first contacts are; the rest is summed up.
GROUPS, CLIENTS = 2000, 500
GROUP = ["interface_id", "client", "server", "protocol", "server_port", "refusal", "control"]
SERVICE = ["server", "protocol", "server_port"]
SUMS = ("sessions", "attempts", "records", "packets", "bytes")
SHAPES = ("retries", "tiny", "small", '"overlaps"', "closed", "unclosed", "reopened", "syn_acks")

#: Refusals with the ends as far as ports and other packets tell them. Clients do not ask from the port of a service for
#: one that clients draw, nor from one port for several of these: that is a server's answer. Of a ping whose beginning is
#: not known, it is the answer that is rejected: AWS's own example of a network ACL.
TURNED = f"""
CREATE OR REPLACE TEMP TABLE refused AS WITH known AS (SELECT *,
    refusal = 'request' AND NOT from_server AND (protocol = {UDP} OR NOT flagged) AND protocol IN ({TCP}, {UDP})
        AND port_low = port_high AND server_port >= {EPHEMERAL} AND (port_low BETWEEN 1 AND 1023 OR (port_low < {EPHEMERAL}
            AND count(DISTINCT server_port) OVER pair >= 3 AND min(server_port) OVER pair >= {EPHEMERAL})) AS answers,
    refusal = 'changed' AND NOT from_server AND protocol IN {tuple(ICMP)} AND EXISTS (FROM edges e
        WHERE e.evidence = 'unknown' AND e.interface_id = r.interface_id AND e.client = r.client
        AND e.server = r.server AND e.protocol = r.protocol) AS pings FROM refusals r
    WINDOW pair AS (PARTITION BY interface_id, client, server, protocol, port_low, port_high, refusal)
), turned AS (SELECT * REPLACE (coalesce(answers, false) AS answers, coalesce(answers OR pings, false) AS pings) FROM known)
SELECT * EXCLUDE (answers, pings) REPLACE (
    CASE WHEN pings THEN server ELSE client END AS client, CASE WHEN pings THEN client ELSE server END AS server,
    CASE WHEN pings THEN server_logged ELSE client_logged END AS client_logged,
    CASE WHEN pings THEN client_logged ELSE server_logged END AS server_logged, pings OR from_server AS from_server,
    CASE WHEN answers THEN port_low ELSE server_port END AS server_port,
    CASE WHEN answers THEN server_port ELSE port_low END AS port_low,
    CASE WHEN answers THEN server_port ELSE port_high END AS port_high,
    CASE WHEN answers THEN 'mid-stream' ELSE refusal END AS refusal) FROM turned"""

#: Groups over all time steps. Protocol and port are -1 where there is none: SQL joins no null to another.
GROUPED = f"""
CREATE OR REPLACE TEMP TABLE refused_groups AS SELECT
    interface_id, client, server, coalesce(protocol, -1) AS protocol, coalesce(server_port, -1) AS server_port, refusal,
    coalesce(control, 0) AS control, {", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)},
    min(first) AS first, max(last) AS last, sum(accepted)::BIGINT AS accepted, min(port_low) AS port_low,
    max(port_high) AS port_high, bool_and(from_server) AS from_server, bool_or(leaves) AS leaves,
    bool_or(flagged) AS flagged, max(idle) AS idle, min(idle_least) AS idle_least, max(latest) AS latest,
    {", ".join(f"sum({name})::BIGINT AS {name}" for name in SHAPES)},
    max(client_logged) AS client_logged, max(server_logged) AS server_logged,
    least(sum(records), (max(last) - min(first)) // 600 + 1)::BIGINT AS active_intervals,
    refusal IN ('request', 'mid-stream') AS plain, coalesce(sum(retries) > 0 OR (max(protocol) = {UDP}
        AND sum(attempts) = sum(sessions) AND sum(packets) >= 2 * sum(sessions)), false) AS repeats
FROM refused GROUP BY ALL"""


def grouped(fold, limit: int = GROUPS) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return at most `limit` groups, `CLIENTS` clients of requests, and the totals of all.

    A group has `GROUP`, the counts of ``refusals`` (see `flowkit.folding.edges.refusals`), ``active_intervals`` (ten
    minutes that it was seen in, at most) and ``repeats`` (it sends again what is not answered); first come other
    refusals than requests, then private clients, then those that try for long. A client has ``groups``, ``servers``,
    ``ports``, ``protocol`` (-1: several) and sums.
    """
    fold.sql(TURNED)
    fold.sql(GROUPED)
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)
    sums += ", count(*) AS groups, min(first) AS first, max(last) AS last"
    listed = fold.sql(
        f"FROM refused_groups ORDER BY plain, {private('client')} DESC, active_intervals DESC, records DESC,"
        f" {', '.join(GROUP)} LIMIT ?", limit,
    )  # fmt: skip
    clients = fold.sql(
        "SELECT client, count(DISTINCT server) AS servers, count(DISTINCT server_port) AS ports,"
        " CASE WHEN min(protocol) = max(protocol) THEN min(protocol) ELSE -1 END AS protocol,"
        f" {sums} FROM refused_groups WHERE plain GROUP BY client ORDER BY groups DESC, records DESC, client LIMIT ?",
        CLIENTS,
    )  # fmt: skip
    totals = fold.sql(
        f"SELECT refusal, count(DISTINCT client) AS clients, {sums} FROM refused_groups GROUP BY ALL ORDER BY refusal"
    )
    named = listed.client.map(_is_address).astype(bool) & listed.server.map(_is_address).astype(bool)
    return listed[named].drop(columns="plain").reset_index(drop=True), clients, totals


def _is_address(text: str) -> bool:
    """Return whether `text` is an address: what is none, and a log may hold it, is counted and not classified."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


#: Of each group: where its far end was accepted on that port, the service itself where packets leave; who else was
#: accepted by the service; and when the client itself was, between its rejections and after them.
CONTRASTS = f"""
WITH k AS (SELECT *, CASE WHEN away THEN server ELSE client END AS far FROM keys),
same AS (SELECT *, coalesce(protocol, -1) AS p, coalesce(server_port, -1) AS port FROM edges),
places AS (SELECT far, k.protocol, k.server_port, away, e.interface_id AS place, sum(client_accepted)::BIGINT AS own,
        min(e.first)::DOUBLE AS first, max(e.last)::DOUBLE AS last
    FROM (SELECT DISTINCT far, protocol, server_port, away FROM k) k
    JOIN (SELECT server AS far, true AS away, * FROM same UNION ALL SELECT client, false, * FROM same) e
        USING (far, away)  -- equal columns alone: by either end in one condition, every edge of the port would meet the key
    WHERE p = k.protocol AND port = k.server_port AND client_accepted > 0 GROUP BY ALL),
met AS (SELECT id, max(own) FILTER (place = interface_id) AS own, max(p.first) FILTER (place = interface_id) AS own_first,
        max(p.last) FILTER (place = interface_id) AS own_last, list({{'place': place, 'first': p.first, 'last': p.last}}
            ORDER BY place) FILTER (place <> interface_id) AS peers
    FROM k JOIN places p USING (far, protocol, server_port, away) GROUP BY id),
here AS (SELECT k.*, sum(server_accepted)::BIGINT AS answers, max(e.first) FILTER (client_accepted > 0)::DOUBLE AS newest,
        min(e.client) FILTER (client_accepted > 0) AS least, max(e.client) FILTER (client_accepted > 0) AS most,
        count(DISTINCT e.client) FILTER (client_accepted > 0 AND NOT {private("e.client")}) AS publics
    FROM (SELECT DISTINCT interface_id, server, protocol, server_port FROM k) k JOIN same e
        ON e.interface_id = k.interface_id AND e.server = k.server AND p = k.protocol AND port = k.server_port
    WHERE client_accepted > 0 OR server_accepted > 0 GROUP BY ALL),
turns AS (SELECT id, max(e.first) FILTER (e.first > k.last)::DOUBLE AS since,
        count(*) FILTER (e.first > k.first AND e.first < k.last) AS between
    FROM k JOIN same e ON e.interface_id = k.interface_id AND e.client = k.client AND e.server = k.server
        AND p = k.protocol AND port = k.server_port WHERE client_accepted > 0 GROUP BY id),
called AS (SELECT DISTINCT client AS host, server AS peer FROM same WHERE client_accepted > 0 AND server_accepted > 0
    AND client IN (SELECT server FROM k) AND server IN (SELECT client FROM k)),
clients AS (SELECT client, sum(client_accepted)::BIGINT AS known FROM same
    WHERE client IN (SELECT client FROM k) AND port < {EPHEMERAL} GROUP BY client)
SELECT coalesce(own, 0) AS own, own_first, own_last,
    coalesce(least <> client OR most <> client, false) AS others, coalesce(answers, 0) AS answers,
    coalesce(publics, 0) AS publics, newest, coalesce(peers, []) AS peers, coalesce(between, 0) AS between,
    CASE WHEN between = 0 THEN since END AS since, coalesce(known, 0) AS known,
    called.host IS NOT NULL AS called
FROM k LEFT JOIN met USING (id) LEFT JOIN here USING (interface_id, server, protocol, server_port)
    LEFT JOIN turns USING (id) LEFT JOIN clients USING (client)
    LEFT JOIN called ON called.host = k.server AND called.peer = k.client ORDER BY id"""


def contrasts(fold, groups: pd.DataFrame) -> pd.DataFrame:
    """Return the accepted traffic that speaks for or against each of `groups` (same index); times in seconds since 1970.

    ``own``: the client's accepted records to the same service at this interface; ``own_first``, ``own_last``;
    ``between``: time steps in which it was accepted between its first and last rejection; ``since``: when it was
    accepted after the last one, without any between, else null; ``others``: whether other clients were accepted there;
    ``answers``: accepted records that the service sent there; ``publics``: public clients that were accepted there;
    ``newest``: when the last of all that were accepted there began; ``known``: accepted records that the client sent
    anywhere to a service; ``called``: whether the server has conversations with it that it began;
    ``peers``: other interfaces that accepted the far address on this port (``place``, ``first``, ``last``).
    """
    keys = groups[["interface_id", "client", *SERVICE, "first", "last"]]
    keys = keys.assign(id=range(len(keys)), away=[leaves is True for leaves in groups.leaves])
    return fold.sql(CONTRASTS, keys=keys).set_index(groups.index)


def scanners(fold, clients: pd.DataFrame) -> pd.DataFrame:
    """Return the walks of `clients` (rows of `grouped`) over their first contacts, one row a client.

    Beside the client's columns: ``contacts``, distinct (server, protocol, port) it asked, ports above the ephemeral
    range only where rejected; ``failed`` of them, never accepted; ``verdict``: ``scanner``, ``benign`` or ``pending``,
    whichever bound the walk meets first.
    """
    walked = fold.sql(
        f"""WITH contacts AS (
            SELECT client, server, protocol, server_port, min(first) AS first, sum(client_accepted) = 0 AS failed
            FROM edges WHERE client IN (SELECT client FROM clients) AND (client_rejected > 0
            OR (client_accepted > 0 AND coalesce(server_port, -1) < {EPHEMERAL})) GROUP BY ALL
        ), steps AS (
            SELECT *, sum(CASE WHEN failed THEN 1 ELSE -1 END) OVER past AS walk, row_number() OVER past AS nth
            FROM contacts WINDOW past AS (PARTITION BY client ORDER BY first, server, protocol, server_port)
        ) SELECT client, count(*) AS contacts, count(*) FILTER (failed) AS failed,
            min(nth) FILTER (walk >= {DECIDED}) AS up, min(nth) FILTER (walk <= -{DECIDED}) AS down
        FROM steps GROUP BY client""",
        clients=clients[["client"]],
    )
    up, down = (walked.pop(name).astype("float64").fillna(float("inf")) for name in ("up", "down"))
    walked["verdict"] = "pending"
    walked.loc[up < down, "verdict"] = "scanner"
    walked.loc[down < up, "verdict"] = "benign"
    return walked.merge(clients, on="client")


def over_time(fold, groups: pd.DataFrame) -> pd.DataFrame:
    """Return rejected records by time step and kind: ``start`` (UTC), ``kind``, ``records``; unlisted groups: noise."""
    table = fold.sql(
        f"""WITH r AS (SELECT * REPLACE (coalesce(protocol, -1) AS protocol, coalesce(server_port, -1) AS server_port,
            coalesce(control, 0) AS control) FROM refused)
        SELECT step, coalesce(kind, 'noise') AS kind, sum(records)::BIGINT AS records FROM r
        LEFT JOIN kinds USING ({", ".join(GROUP)}) GROUP BY ALL ORDER BY ALL""",
        kinds=groups[[*GROUP, "kind"]],
    )
    return table.assign(start=pd.to_datetime(table.step, unit="s", utc=True))[["start", "kind", "records"]]


def column(groups: pd.DataFrame, of) -> pd.Series:
    """Return what `of` makes of each row."""
    return pd.Series([of(group) for group in groups.itertuples()], groups.index, dtype="object")
