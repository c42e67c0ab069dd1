"""Who reaches which service, and what comes of it: answered, accepted and silent, accepted and reset, refused.

A firewall's "accept" says that a packet reached the interface, not that anybody answered. Edges hold both halves of
each conversation, so a service that answers, a port where nobody listens and a reply that a network ACL refuses are
three different things. All is SQL over a fold: edges become pairs, one row a client, service and state, from which rows
by source network are summed up and changes are found client by client. What was logged at both ends is counted once, at
the server's own interface; what the client's interface saw decides where that one is silent.
"""

from collections.abc import Iterable

import pandas as pd

from flowkit.folding.conversations import OUTCOMES
from flowkit.net import INTERNET, LARGEST_SYN, UDP, Network, is_private
from flowkit.questions.networks import bounds, name_of, placed

CONFIDENCE = ("low", "medium", "high")
#: A service: an address, where it is not one of many outside, and what it is asked for by.
SERVICE = ["destination", "interface_id", "protocol", "port"]
COLUMNS = "source network public destination destination_name interface_id protocol port ports state confidence".split()
COLUMNS += "clients scanners sessions failed bytes first_seen last_seen answered_until recovered answered_again".split()
ANSWERED, SILENT, RESET, REPLY_REFUSED, REFUSED, REPLY_ONLY = OUTCOMES
CHANGES = "source network destination destination_name interface_id protocol port change was state clients".split()
CHANGES += "sessions confidence first_seen last_seen answered_from answered_until who".split()
#: What comes of a client at a service, the best first.
STATES = OUTCOMES[:-1]
#: The network of clients that are interfaces of the log itself and lie in no known network.
INSIDE = "inside"
#: Unanswered sessions, and a tenth of all, from which a client fails rather than has bad luck now and then.
ENOUGH = 3
#: A public source is a scanner where it failed at this many more services than it reached: four failures more
#: than successes make a likelihood ratio of 4^4 > 99 in the sequential test of Jung et al. (2004).
SCANNER = 4
HERE = "way = 'in'"
#: A time times this and the number of an interface are one whole number.
LATEST = 1 << 24
_ASKED, _FAILED = f"outcome <> '{REPLY_ONLY}'", f"outcome NOT IN ('{ANSWERED}', '{REPLY_ONLY}')"
_MET = f"outcome = '{ANSWERED}'"
#: How a service failed, the one that says most first.
_FAILING = [REPLY_REFUSED, RESET, REFUSED, SILENT]
#: Replies whose request nobody logged make no pair of their own, and are half of the edges of some logs.
_COUNTED = "way <> 'transit' AND evidence <> 'unknown' AND outcome IS NOT NULL AND {window}"
_WHOM = "hash(client, edges.server, protocol, server_port)"
#: The interfaces as whole numbers, in the order of their names.
ENIS = """CREATE OR REPLACE TEMP TABLE enis AS
SELECT interface_id, rank() OVER (ORDER BY interface_id) AS eni FROM (SELECT DISTINCT interface_id FROM edges)"""
#: Sums of each client and service, by whether the server's interface (the latest that had its address) or another
#: logged them. ``vpc`` is that of an address that several VPCs use, null else. Interfaces are whole numbers (`enis`),
#: and what was last is the greatest: the latest of texts would take half of the time.
SUMS = f"""
SELECT client, edges.server, protocol, server_port AS port, shared.vpc, bool_or(way = 'out') AS own,
    coalesce(max(latest) FILTER ({HERE} AND {_ASKED}) % {LATEST}, max(eni) FILTER ({HERE})) AS eni,
    max(latest) FILTER ({HERE} AND {_MET}) % {LATEST} AS answered_at,
    max(latest) FILTER ({HERE} AND {_FAILED}) % {LATEST} AS failed_at,
    {_FAILING}[min(list_position({_FAILING}, outcome)) FILTER ({_FAILED})] AS failing,
    bool_or(outcome = '{REPLY_ONLY}') AND bool_or({HERE} AND outcome = '{SILENT}')
        OR bool_or(NOT {HERE} AND outcome = '{REPLY_ONLY}') AND bool_or(way = 'out' AND outcome = '{SILENT}') AS divided,
    coalesce(sum(sessions) FILTER (way = 'out' AND outcome = '{SILENT}'), 0) AS silent_away,
    max(greatest(client_bytes - {LARGEST_SYN}e0 * client_packets, server_bytes - {LARGEST_SYN}e0 * server_packets)) <= 0
        AS bare,
    coalesce(sum(sessions) FILTER ({HERE} AND {_ASKED}), 0) AS sessions_here,
    coalesce(sum(sessions) FILTER (NOT {HERE} AND {_ASKED}), 0) AS sessions_away,
    coalesce(sum(sessions) FILTER ({HERE} AND {_MET}), 0) AS answered_here,
    coalesce(sum(sessions) FILTER (NOT {HERE} AND {_MET}), 0) AS answered_away,
    coalesce(sum(sessions) FILTER (NOT {HERE} AND outcome = '{REPLY_REFUSED}'), 0) AS reply_refused_away,
    exact(CASE WHEN {HERE} THEN client_bytes::HUGEINT + server_bytes END) AS bytes_here,
    exact(CASE WHEN NOT {HERE} THEN client_bytes::HUGEINT + server_bytes END) AS bytes_away,
    max(CASE WHEN {_MET} THEN level ELSE -1 END) AS level_answered,
    max(CASE WHEN {_FAILED} THEN level ELSE -1 END) AS level_failed, min(first) AS first, max(last) AS last,
    max(last) FILTER ({_MET}) AS answered_last, max(first) FILTER ({_MET}) AS answered_latest,
    min(first) FILTER ({_FAILED}) AS failed_first, max(last) FILTER ({_FAILED}) AS failed_last
FROM (SELECT edges.*, eni, last * {LATEST} + eni AS latest FROM edges JOIN enis USING (interface_id)) edges
    LEFT JOIN (SELECT interface_id, min(vpc_id) AS vpc FROM own GROUP BY ALL) vpcs USING (interface_id)
    LEFT JOIN (SELECT DISTINCT address, vpc_id AS vpc FROM own WHERE address IN (
        SELECT address FROM own GROUP BY address HAVING count(DISTINCT vpc_id) > 1
    )) shared ON shared.address = edges.server AND shared.vpc = vpcs.vpc
WHERE {_COUNTED} AND ({_ASKED} OR {_WHOM} IN (SELECT {_WHOM} FROM edges WHERE {_COUNTED} AND {_ASKED})) GROUP BY ALL"""

#: What was answered and what failed. Replies may leave by another interface of the server (``elsewhere``): there they
#: are seen without their request. Answers that the client's own interface never saw, in handshakes that nothing follows,
#: left and did not arrive (``returned``). Silence of UDP beside answers is no failure: many datagrams need no answer. What a
#: third VPC logs of an address that several use is left to the interface that was asked.
DECIDED = f"""
SELECT *, answered_here = 0 AND divided AS elsewhere, reply_refused_away > 0 AND answered_away = 0 AS unheard,
    coalesce(silent_away >= {ENOUGH} AND bare AND answered_here > 0 AND answered_away = 0 AND NOT divided, false) AS returned,
    CASE WHEN sessions_here > 0 THEN sessions_here ELSE sessions_away END AS sessions,
    CASE WHEN unheard OR returned THEN 0 WHEN answered_here > 0 THEN answered_here WHEN elsewhere THEN sessions
        ELSE answered_away END AS answers,
    CASE WHEN elsewhere THEN 0 ELSE greatest(sessions - answers, reply_refused_away) END AS failures,
    coalesce(answers > 0 AND failed_first > answered_last AND failures > 1, false) AS lost,
    failures > 0 AND (answers = 0 OR lost OR (failures >= {ENOUGH} AND failures * 10 >= sessions))
        AND NOT coalesce(answers > 0 AND failing = '{SILENT}' AND protocol = {UDP}, false) AS lasting,
    CASE WHEN sessions_here > 0 THEN bytes_here ELSE bytes_away END AS bytes
FROM sums WHERE vpc IS NOT NULL OR sessions_here > 0 OR (client, server, protocol, coalesce(port, -1)) NOT IN (
    SELECT (client, server, protocol, coalesce(port, -1)) FROM sums WHERE vpc IS NOT NULL)"""

#: One row a client, service and state; ``apart``: its failures have a row of their own. Without flags one reset may be
#: a short answer, one silent packet a reply; several alike are not.
PAIRS = f"""
CREATE OR REPLACE TEMP TABLE {{name}} AS WITH own AS (
    SELECT interface_id, vpc_id, address FROM (SELECT interface_id, vpc_id, address FROM interfaces UNION ALL FROM hosts)
    WHERE vpc_id IS NOT NULL AND address IS NOT NULL),
sums AS ({SUMS}), decided AS ({DECIDED}), pair AS (
    SELECT client, own, returned, server, protocol, port, coalesce(answered_at, eni) AS eni,
        '{ANSWERED}' AS state, lasting AS apart, level_answered AS level,
        answers + CASE WHEN lasting THEN 0 ELSE failures END AS sessions,
        CASE WHEN lasting THEN 0 ELSE failures END AS failed, bytes, first,
        CASE WHEN lasting AND lost THEN answered_last ELSE last END AS last,
        NULL AS answered_until, NULL AS answered_again
    FROM decided WHERE answers > 0
    UNION ALL
    SELECT client, own, returned, server, protocol, port, coalesce(failed_at, eni), failing, true,
        CASE WHEN failing IN ('{RESET}', '{SILENT}') AND answers = 0 AND failures >= {ENOUGH} AND level_failed = 0 THEN 1
            ELSE level_failed END,
        failures, failures, CASE WHEN answers > 0 THEN 0 ELSE bytes END,
        coalesce(failed_first, first), coalesce(failed_last, last),
        CASE WHEN lost THEN answered_last END, CASE WHEN answered_latest > failed_last THEN answered_latest END
    FROM decided WHERE lasting),
clients AS (
    SELECT client, bool_or(own) AS own, count(*) FILTER (state <> '{ANSWERED}') - count(*) FILTER (state = '{ANSWERED}')
        AS missed FROM pair GROUP BY client),
places AS ({placed("SELECT client AS address FROM clients UNION SELECT server FROM pair WHERE eni IS NULL")}),
known AS (
    SELECT client, CASE WHEN own AND network = '{INTERNET}' THEN '{INSIDE}' ELSE network END AS network,
        network IN (SELECT network FROM public) AND NOT own AS public, missed >= {SCANNER} AS failing
    FROM clients JOIN places ON client = address)
SELECT pair.* EXCLUDE (eni), interface_id, known.network, public, failing, public AND failing AS scanner,
    CASE WHEN eni IS NULL AND far.network IN (SELECT network FROM public) THEN far.network ELSE server END
        AS destination
FROM pair JOIN known USING (client) LEFT JOIN enis USING (eni)
    LEFT JOIN places far ON eni IS NULL AND far.address = server"""

KEYS = "network, public, destination, interface_id, protocol, port, state"
TOTALS = (
    "max(level) AS level, sum(sessions)::BIGINT AS sessions, sum(failed)::BIGINT AS failed, exact(bytes) AS bytes,"
    " min(first) AS first_seen, max(last) AS last_seen, max(answered_until) AS answered_until,"
    " count(answered_again) AS recovered, max(answered_again) AS answered_again"
)
#: Strangers try every port: what nobody serves is one row a destination, not 65,536. Its clients may come twice.
ROWS = f"""
WITH served AS (
    SELECT DISTINCT server, protocol, port, true AS served FROM pairs
    WHERE state = '{ANSWERED}' OR (state <> '{REFUSED}' AND NOT scanner)),
marked AS (
    SELECT p.*, coalesce(served OR NOT public OR EXISTS (FROM ports WHERE p.port BETWEEN low AND high), false) AS alone
    FROM pairs p LEFT JOIN served USING (server, protocol, port)),
kept AS (
    SELECT * EXCLUDE (port), port AS tried, CASE WHEN alone THEN port END AS port,
        NOT alone OR destination <> server AS many
    FROM marked)
SELECT {KEYS}, 0 AS ports, count(*) AS clients, count(*) FILTER (scanner) AS scanners, {TOTALS}
FROM kept WHERE NOT many GROUP BY {KEYS}
UNION ALL
SELECT {KEYS}, count(DISTINCT tried), count(DISTINCT client), count(DISTINCT client) FILTER (scanner), {TOTALS}
FROM kept WHERE many GROUP BY {KEYS}"""

#: Which pairs a key is about; one without a port is about all of them.
_SAME = """p.network = k.network AND p.state = k.state AND p.destination = k.destination
    AND p.protocol IS NOT DISTINCT FROM k.protocol AND p.interface_id IS NOT DISTINCT FROM k.interface_id
    AND (k.port IS NULL OR p.port = k.port)"""
_SUMS = """count(DISTINCT client) AS clients, sum(sessions)::BIGINT AS sessions, max(level) AS level,
    min(first) AS first_seen, max(last) AS last_seen, min(answered_until) AS answered_from,
    max(answered_until) AS answered_until, array_agg(DISTINCT client ORDER BY client) AS who"""
#: Clients that were answered, and from then on only failed.
LOST = f"""
SELECT network, destination, interface_id, protocol, port, 'lost' AS change, '{ANSWERED}' AS was, state, {_SUMS}
FROM pairs WHERE answered_until IS NOT NULL AND port IS NOT NULL GROUP BY ALL HAVING sum(sessions) >= {ENOUGH}"""
_RANK = f"list_position({list(STATES)}, state)"
_BEST = f"""SELECT client, server, protocol, port, any_value(network) AS network, any_value(destination) AS destination,
    max(interface_id) AS interface_id, arg_min(state, {_RANK}) AS state, arg_min(sessions, {_RANK}) AS sessions,
    arg_min(level, {_RANK}) AS level, min(first) AS first, max(last) AS last FROM {{}} WHERE port IS NOT NULL GROUP BY ALL"""
#: Each client's best state before and after. A client that is new is answered anew where nobody of its network was.
COMPARED = f"""
WITH b AS ({_BEST.format("before")}), a AS ({_BEST.format("after")}),
networks AS (SELECT network, destination, protocol, port, arg_min(state, {_RANK}) AS state FROM b GROUP BY ALL),
both_ AS (
    SELECT network, destination, coalesce(a.interface_id, b.interface_id) AS interface_id, protocol, port, client,
        b.state AS earlier, a.state AS state, coalesce(a.sessions, 0) AS sessions, coalesce(a.level, b.level) AS level,
        coalesce(a.first, b.first) AS first, coalesce(a.last, b.last) AS last, NULL::BIGINT AS answered_until
    FROM a FULL JOIN b USING (client, server, protocol, port, network, destination)),
compared AS (
    SELECT both_.*, coalesce(earlier, CASE WHEN networks.state <> '{ANSWERED}' THEN networks.state END) AS was
    FROM both_ LEFT JOIN networks USING (network, destination, protocol, port))
SELECT network, destination, interface_id, protocol, port,
    CASE WHEN state IS NULL OR (was = '{ANSWERED}' AND protocol = {UDP} AND state = '{SILENT}') THEN 'unseen'
        WHEN was IS NULL OR (earlier IS NULL AND state <> '{ANSWERED}') THEN 'first-seen'
        WHEN (was = '{ANSWERED}') = (state = '{ANSWERED}') THEN 'ongoing'
        WHEN was = '{ANSWERED}' THEN 'lost' ELSE 'newly-reachable' END AS change,
    coalesce(was, 'unseen') AS was, coalesce(state, 'unseen') AS state, {_SUMS}
FROM compared GROUP BY ALL ORDER BY sessions DESC, interface_id, was, state"""

#: The records behind findings, one row an ``id`` that has any, and a client whose records are shown. The frame ``keys``
#: has id, network, destination, interface_id, protocol, port, state (as rows have them), refused (whether rejected records
#: show it), client (null: all of the row) and since (seconds since 1970, with a client). Of a pair both of whose states
#: are rows only its sessions in that state; where the interface logged none, what another one did.
EVIDENCE = f"""
WITH asked AS (
    SELECT DISTINCT k.id, k.interface_id, k.state, k.refused, 0 AS since, p.apart, p.client, p.server, p.protocol, p.port
    FROM keys k JOIN pairs p ON {_SAME} WHERE k.client IS NULL
    UNION ALL
    SELECT id, interface_id, state, refused, since, true, client, destination, protocol, port FROM keys
    WHERE client IS NOT NULL),
hits AS (
    SELECT a.id, a.refused, e.*, e.client_rejected + e.server_rejected > 0 AS rejected
    FROM asked a JOIN edges e ON e.client = a.client AND e.server = a.server AND e.protocol = a.protocol
        AND e.server_port IS NOT DISTINCT FROM a.port
    WHERE way <> 'transit' AND evidence <> 'unknown' AND outcome IS NOT NULL AND e.first >= a.since
        AND (NOT a.apart OR (outcome IN ('{ANSWERED}', '{REPLY_ONLY}')) = (a.state = '{ANSWERED}'))
    QUALIFY a.interface_id IS NULL OR e.interface_id = a.interface_id
        OR NOT bool_or(e.interface_id = a.interface_id) OVER (PARTITION BY a.id))
SELECT id, count(DISTINCT interface_id) AS interfaces,
    exact(client_accepted + client_rejected + server_accepted + server_rejected) AS records,
    exact(client_packets::HUGEINT + server_packets) AS packets, exact(client_bytes::HUGEINT + server_bytes) AS bytes,
    unnest(arg_min({{'client': client, 'server': server, 'interface_id': interface_id, 'protocol': protocol,
        'port': server_port}}, (rejected <> refused, first, client, server, interface_id, protocol, server_port)))
FROM hits GROUP BY id"""

#: Where packets that a service let in are rejected: at a gateway on the way back; behind a gateway, which asks on the
#: same port in its own name or in the client's, for half of the silent sessions at least; or behind a balancer that
#: keeps the clients' addresses, which most of the clients, three at least, meet there. The join is by equal columns
#: alone, once by the client and once by the gateway: nearly every edge of a large log may be silent or rejected.
PASSED_ON = f"""
WITH asked AS (SELECT *, row_number() OVER () AS nth FROM keys),
silent AS (
    SELECT k.nth, k.destination, k.protocol, k.port, p.client, dense_rank() OVER (ORDER BY p.client) AS who, eni AS own
    FROM asked k JOIN pairs p ON k.destination = p.server AND k.protocol = p.protocol AND k.port = p.port
    LEFT JOIN enis USING (interface_id) WHERE p.state = '{SILENT}' AND NOT p.scanner),
rejected AS (
    SELECT eni, client, server, protocol, server_port, sum(sessions) AS met FROM edges JOIN enis USING (interface_id)
    WHERE outcome IN ('{REFUSED}', '{REPLY_REFUSED}') AND protocol IN (SELECT protocol FROM keys) GROUP BY ALL),
hits AS (
    SELECT nth, eni, who, met, r.server = s.destination AND server_port = port AS back, server_port = port AS alike
    FROM silent s JOIN rejected r ON r.client = s.client AND r.protocol = s.protocol WHERE back OR eni <> own
    UNION ALL
    SELECT nth, eni, 0, met, false, true FROM asked k
    JOIN rejected r ON r.client = k.destination AND r.protocol = k.protocol AND r.server_port = k.port),
places AS (
    SELECT nth, eni, bool_or(back) AS back, coalesce(sum(met) FILTER (alike), 0) AS alike FROM hits GROUP BY nth, eni, who),
met AS (SELECT nth, eni, count(*) AS met, bool_or(back) AS back, sum(alike) AS alike FROM places GROUP BY nth, eni)
SELECT destination, protocol, port, arg_max(interface_id, (met, eni)) AS rejected_at
FROM met JOIN asked USING (nth) JOIN enis USING (eni)
WHERE back OR 2 * alike >= sessions OR (met >= 3 AND 2 * met >= clients) GROUP BY ALL"""


class Reach:
    """Who reaches what in a log, with the names of networks that tables and findings share.

    `names`: network → name, of the snapshot's subnets and the user's; `expectations`: their networks are told apart,
    and their ports listed one by one. `kind`: what the log can prove: ``all``, ``accept-only``, ``reject-only``,
    ``no-action`` (records without an action) or ``none`` (no record of traffic). `rows`: one row a source network,
    service and state, in `COLUMNS`.
    """

    def __init__(self, log, names: dict[Network, str], expectations: Iterable = ()) -> None:
        self.log, self.fold, self.names, facts = log, log.fold, names, log.fold.facts
        only = {(1, 1): "all", (1, 0): "accept-only", (0, 1): "reject-only", (0, 0): "no-action"}
        self.kind = only[facts["accepted"] > 0, facts["rejected"] > 0] if facts["traffic"] else "none"
        expectations = list(expectations)
        networks = {*names, *(network for one in expectations for network in one.networks)}
        outside = [str(one) for one in networks if not is_private(one) and name_of(str(one), names) == INTERNET]
        ports, known = {one.ports for one in expectations if one.ports}, log.network.interfaces if log.network else {}
        hosts = [(eni, one.vpc_id, address) for eni, one in known.items() for address in one.addresses]
        self.owners = {eni: one.name for eni, one in known.items()}
        self._frames = {
            "bounds": bounds(networks),
            "public": pd.DataFrame({"network": [INTERNET, *outside]}, dtype=object),
            "ports": pd.DataFrame(sorted(ports), columns=["low", "high"], dtype="int64"),
            "hosts": pd.DataFrame(hosts, columns=["interface_id", "vpc_id", "address"], dtype="string"),
        }
        self.sql(ENIS)
        self.pair("pairs")
        rows = self.sql(ROWS)
        rows["ports"] = rows["ports"].where(rows["port"].isna(), 1)
        order = ["destination", "protocol", "port", "rank", "network", "interface_id"]
        rows = self.named(rows).assign(rank=rows["state"].map(STATES.index)).sort_values(order, ignore_index=True)
        self.rows = rows[COLUMNS]

    def pair(self, name: str, window: str = "true", *values: int) -> None:
        """Make the table `name` of clients, services and states from the edges of `window`, a condition in SQL."""
        self.sql(PAIRS.replace("{name}", name).replace("{window}", window), *values)

    def sql(self, query: str, *values: object, **frames: pd.DataFrame) -> pd.DataFrame:
        """Return the answer of the fold to `query`, which may use the tables that `pair` made. What is missing in
        `frames` is null, where SQL takes a column of NaN for numbers."""
        kinds = dict.fromkeys(["interface_id", "network", "destination", "client"], "string")
        kinds |= dict.fromkeys(["protocol", "port", "since"], "Int64")
        frames = {at: one.astype({name: kinds[name] for name in one if name in kinds}) for at, one in frames.items()}
        return self.fold.sql(query, *values, **self._frames, **frames)

    def named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` as `_named` does, with no more confidence than this `kind` of log allows."""
        level, silent = rows["level"], rows["state"] == SILENT
        if self.kind == "accept-only":  # a rejected reply looks like silence, if the flow log leaves it out
            level = level.mask(silent, (level - 1).clip(lower=0))
        if self.kind == "no-action":  # what was rejected looks like silence
            level = level.mask(silent, 0)
        if self.kind == "reject-only":  # without flags, a refused reply looks like a refused request
            level = level.mask(level < 2, 0)
        return self._named(rows.assign(level=level))

    def _named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` with the names of sources and destinations, UTC times and ``confidence`` for ``level``."""
        outside = [name_of(at, self.names) if at == INTERNET or "/" in at else None for at in rows["destination"]]
        sources = {INSIDE: INSIDE} | {at: name_of(at, self.names) for at in rows["network"].unique() if at != INSIDE}
        rows = rows.assign(
            source=rows["network"].map(sources),
            destination_name=rows["interface_id"].map(self.owners).where(rows["interface_id"].notna(), outside),
            confidence=[CONFIDENCE[max(int(level), 0)] for level in rows["level"]],
        ).astype({"port": "Int64", "protocol": "Int64"})
        times = rows.columns[rows.columns.str.fullmatch("(first|last)_seen|answered_(from|until|again)")]
        return rows.assign(**{name: pd.to_datetime(rows[name], unit="s", utc=True) for name in times})

    def distinct(self, rows: pd.DataFrame) -> int:
        """Return how many clients that differ `rows` count: one may be in several rows of its network."""
        return int(rows["clients"].sum()) if rows["network"].is_unique else len(self.clients(rows))

    def clients(self, rows: pd.DataFrame) -> list[str]:
        """Return the clients of `rows` (of `Reach.rows`), each once."""
        query = f"SELECT DISTINCT client FROM keys k JOIN pairs p ON {_SAME}"
        return list(self.sql(query, keys=rows[["network", *SERVICE, "state"]])["client"])

    def changes(self, compare_at: int | None = None) -> pd.DataFrame:
        """Return services whose reachability changed, client by client, summed up by source network and service.

        `compare_at` (seconds since 1970) divides the window: what began before it is compared with what came after;
        failures of one time step that lie on both sides count for neither. Without it only what was lost is found.

        In `CHANGES`; change: `lost` (answered earlier, failing since), `newly-reachable` (answered, failed earlier),
        `first-seen`, `ongoing` or `unseen` (not seen now: no proof that it is lost); was and state: `unseen` where not
        seen; answered_from, answered_until: between these the clients were answered for the last time, where lost
        within the window; who: the clients, a list.
        """
        found = self.sql(LOST)
        if compare_at is not None:
            self.pair("before", f"first < $1 AND (last < $1 OR {_MET})", compare_at)
            self.pair("after", f"(first >= $1 OR (last >= $1 AND {_MET}))", compare_at)
            keys = ["network", "destination", "protocol", "port", "change"]
            found = pd.concat([self.sql(COMPARED), found], ignore_index=True).drop_duplicates(keys)
        order = ["change", "sessions", "source", "destination", "protocol", "port", "network", "was", "state"]
        table = self._named(found).sort_values(order, ascending=[True, False] + [True] * 7, ignore_index=True)
        return table[CHANGES]

    def evidence(self, keys: pd.DataFrame) -> pd.DataFrame:
        """Return the records behind findings, as `EVIDENCE` says."""
        return self.sql(EVIDENCE, keys=keys)
