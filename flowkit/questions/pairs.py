"""From edges to pairs: one row a client, service and state, and their sums by source network, as SQL over a fold.

What was logged at both ends is counted once, at the server's own interface; what the client's interface saw decides
where that one is silent.
"""

from flowkit.folding.conversations import OUTCOMES
from flowkit.net import INTERNET, UDP
from flowkit.questions.networks import placed

ANSWERED, SILENT, RESET, REPLY_REFUSED, REFUSED, REPLY_ONLY = OUTCOMES
#: What comes of a client at a service, the best first.
STATES = OUTCOMES[:-1]
#: The network of clients that are interfaces of the log itself and lie in no known network.
INSIDE = "inside"
#: Unanswered sessions, and a tenth of all, from which a client fails rather than has bad luck now and then.
ENOUGH = 3
#: A public source is a scanner where it failed at this many more services than it reached: four failures more
#: than successes make a likelihood ratio of 4^4 > 99 in the sequential test of Jung et al. (2004).
SCANNER = 4


def _seen(outcome: str, *sides: str) -> str:
    """Return SQL: whether a session of this outcome was seen at these sides (``here``: the server's interface)."""
    bits = sum(1 << (OUTCOMES.index(outcome) + 8 * (side == "away")) for side in sides or ("here", "away"))
    return f"(seen & {bits}) > 0"


HERE = "way = 'in'"
_ASKED, _FAILED = f"outcome <> '{REPLY_ONLY}'", f"outcome NOT IN ('{ANSWERED}', '{REPLY_ONLY}')"
_MET = f"outcome = '{ANSWERED}'"

#: Sums of each client and service, by whether the server's interface (the latest that had its address) or another
#: logged them. ``vpc`` is that of an address that several VPCs use, null else.
SUMS = f"""
SELECT client, edges.server, protocol, server_port AS port, shared.vpc, bool_or(way = 'out') AS own,
    coalesce(arg_max(interface_id, last) FILTER ({HERE} AND {_ASKED}), max(interface_id) FILTER ({HERE})) AS interface_id,
    arg_max(interface_id, last) FILTER ({HERE} AND {_MET}) AS answered_at,
    arg_max(interface_id, last) FILTER ({HERE} AND {_FAILED}) AS failed_at,
    bit_or(1 << (list_position({list(OUTCOMES)}, outcome) - 1 + CASE WHEN {HERE} THEN 0 ELSE 8 END)) AS seen,
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
FROM edges LEFT JOIN vpcs USING (interface_id)
    LEFT JOIN shared ON shared.server = edges.server AND shared.vpc = vpcs.vpc
WHERE way <> 'transit' AND evidence <> 'unknown' AND outcome IS NOT NULL AND {{window}} GROUP BY ALL"""

#: What was answered and what failed. Replies may leave by another interface of the server (``elsewhere``): there they
#: are seen without their request. Silence of UDP beside answers is no failure: many datagrams need no answer. What a
#: third VPC logs of an address that several use is left to the interface that was asked.
DECIDED = f"""
SELECT *, answered_here = 0 AND {_seen(REPLY_ONLY)} AND {_seen(SILENT, "here")} AS elsewhere,
    reply_refused_away > 0 AND answered_away = 0 AS unheard,
    CASE WHEN unheard THEN 0 WHEN answered_here > 0 THEN answered_here WHEN elsewhere THEN sessions_here
        ELSE answered_away END AS answers,
    CASE WHEN sessions_here > 0 THEN sessions_here ELSE sessions_away END AS sessions,
    CASE WHEN elsewhere THEN 0 ELSE greatest(sessions - answers, reply_refused_away) END AS failures,
    CASE WHEN {_seen(REPLY_REFUSED)} THEN '{REPLY_REFUSED}' WHEN {_seen(RESET)} THEN '{RESET}'
        WHEN {_seen(REFUSED)} THEN '{REFUSED}' ELSE '{SILENT}' END AS failing,
    coalesce(answers > 0 AND failed_first > answered_last AND failures > 1, false) AS lost,
    failures > 0 AND (answers = 0 OR lost OR (failures >= {ENOUGH} AND failures * 10 >= sessions))
        AND NOT coalesce(answers > 0 AND failing = '{SILENT}' AND protocol = {UDP}, false) AS lasting,
    CASE WHEN sessions_here > 0 THEN bytes_here ELSE bytes_away END AS bytes
FROM sums WHERE vpc IS NOT NULL OR sessions_here > 0 OR (client, server, protocol, coalesce(port, -1)) NOT IN (
    SELECT (client, server, protocol, coalesce(port, -1)) FROM sums WHERE vpc IS NOT NULL)"""

#: One row a client, service and state; ``apart``: its failures have a row of their own. Without flags one reset may be
#: a short answer, one silent packet a reply; several alike are not.
PAIRS = f"""
CREATE OR REPLACE TEMP TABLE {{name}} AS WITH sums AS ({SUMS}), decided AS ({DECIDED}), pair AS (
    SELECT client, own, server, protocol, port, coalesce(answered_at, interface_id) AS interface_id,
        '{ANSWERED}' AS state, lasting AS apart, level_answered AS level,
        answers + CASE WHEN lasting THEN 0 ELSE failures END AS sessions,
        CASE WHEN lasting THEN 0 ELSE failures END AS failed, bytes, first,
        CASE WHEN lasting AND lost THEN answered_last ELSE last END AS last,
        NULL AS answered_until, NULL AS answered_again
    FROM decided WHERE answers > 0
    UNION ALL
    SELECT client, own, server, protocol, port, coalesce(failed_at, interface_id), failing, true,
        CASE WHEN failing IN ('{RESET}', '{SILENT}') AND answers = 0 AND failures >= {ENOUGH} AND level_failed = 0 THEN 1
            ELSE level_failed END,
        failures, failures, CASE WHEN answers > 0 THEN 0 ELSE bytes END,
        coalesce(failed_first, first), coalesce(failed_last, last),
        CASE WHEN lost THEN answered_last END, CASE WHEN answered_latest > failed_last THEN answered_latest END
    FROM decided WHERE lasting),
clients AS (
    SELECT client, bool_or(own) AS own, count(*) FILTER (state <> '{ANSWERED}') - count(*) FILTER (state = '{ANSWERED}')
        AS missed FROM pair GROUP BY client),
places AS ({placed("SELECT client AS address FROM clients UNION SELECT server FROM pair WHERE interface_id IS NULL")}),
known AS (
    SELECT client, CASE WHEN own AND network = '{INTERNET}' THEN '{INSIDE}' ELSE network END AS network,
        network IN (SELECT network FROM public) AND NOT own AS public, missed >= {SCANNER} AS failing
    FROM clients JOIN places ON client = address)
SELECT pair.* EXCLUDE (own), known.network, public, public AND known.failing AS scanner,
    CASE WHEN interface_id IS NULL AND far.network IN (SELECT network FROM public) THEN far.network ELSE server END
        AS destination
FROM pair JOIN known USING (client) LEFT JOIN places far ON pair.interface_id IS NULL AND far.address = server"""

#: Strangers try every port: what nobody serves is one row a destination, not 65,536. Its clients may come twice.
KEPT = f"""
served AS (
    SELECT DISTINCT server, protocol, port, true AS served FROM {{name}}
    WHERE state = '{ANSWERED}' OR (state <> '{REFUSED}' AND NOT scanner)),
marked AS (
    SELECT p.*, coalesce(served OR NOT public OR EXISTS (FROM ports WHERE p.port BETWEEN low AND high), false) AS alone
    FROM {{name}} p LEFT JOIN served USING (server, protocol, port)),
kept AS (
    SELECT * EXCLUDE (port), port AS tried, CASE WHEN alone THEN port END AS port,
        NOT alone OR destination <> server AS many
    FROM marked)"""
KEYS = "network, public, destination, interface_id, protocol, port, state"
TOTALS = (
    "max(level) AS level, sum(sessions)::BIGINT AS sessions, sum(failed)::BIGINT AS failed, exact(bytes) AS bytes,"
    " min(first) AS first_seen, max(last) AS last_seen, max(answered_until) AS answered_until,"
    " count(answered_again) AS recovered, max(answered_again) AS answered_again"
)
ROWS = f"""
WITH {KEPT}
SELECT {KEYS}, 0 AS ports, count(*) AS clients, count(*) FILTER (scanner) AS scanners, {TOTALS}
FROM kept WHERE NOT many GROUP BY {KEYS}
UNION ALL
SELECT {KEYS}, count(DISTINCT tried), count(DISTINCT client), count(DISTINCT client) FILTER (scanner), {TOTALS}
FROM kept WHERE many GROUP BY {KEYS}"""
