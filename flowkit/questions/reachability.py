"""Who reaches which service, and what comes of it: answered, accepted and silent, accepted and reset, refused.

A firewall's "accept" says that a packet reached the interface, not that anybody answered. Edges hold both halves of
each conversation, so a service that answers, a port where nobody listens and a reply that a network ACL refuses are
three different things. What was logged at both ends is counted once, at the server's own interface; what the client's
interface saw decides where that one is silent. All tables come from edges by SQL; ``pairs`` has one row a client,
service and state, from which rows by network are summed up and changes are found client by client.
"""

from collections.abc import Iterable

import pandas as pd

from flowkit.folding.conversations import OUTCOMES
from flowkit.net import INTERNET, TCP, UDP, Network, is_private
from flowkit.questions.networks import bounds, name_of, placed

ANSWERED, SILENT, RESET, REPLY_REFUSED, REFUSED, REPLY_ONLY = OUTCOMES
#: What comes of a client at a service, the best first.
STATES = OUTCOMES[:-1]
CONFIDENCE = ("low", "medium", "high")
#: The network of clients that are interfaces of the log itself and lie in no known network.
INSIDE = "inside"
#: Unanswered sessions, and a tenth of all, from which a client fails rather than has bad luck now and then.
ENOUGH = 3
#: A public source is a scanner where it failed at this many more services than it reached: four failures more
#: than successes make a likelihood ratio of 4^4 > 99 in the sequential test of Jung et al. (2004).
SCANNER = 4
#: A service: an address, where it is not one of many outside, and what it is asked for by.
SERVICE = ["destination", "interface_id", "protocol", "port"]
COLUMNS = (
    "source", "network", "public", "destination", "destination_name", "interface_id", "protocol", "port",
    "ports", "state", "confidence", "clients", "scanners", "sessions", "failed", "bytes", "first_seen", "last_seen",
    "answered_until",
)  # fmt: skip


def log_kind(facts: dict) -> str:
    """Return what a log with these facts can prove: ``all``, ``accept-only``, ``reject-only``, ``no-action`` (records
    without an action) or ``none`` (no record of traffic)."""
    if not facts["traffic"]:
        return "none"
    if not facts["accepted"] and not facts["rejected"]:
        return "no-action"
    return "all" if facts["accepted"] and facts["rejected"] else "accept-only" if facts["accepted"] else "reject-only"


def _seen(outcome: str, *sides: str) -> str:
    """Return SQL: whether a session of this outcome was seen at these sides (``here``: the server's interface)."""
    bits = sum(1 << (OUTCOMES.index(outcome) + 8 * (side == "away")) for side in sides or ("here", "away"))
    return f"(seen & {bits}) > 0"


HERE = "way = 'in'"
#: Sums of each client and service, by whether the server's interface or another logged them.
SUMS = f"""
SELECT client, server, protocol, server_port AS port, max(CASE WHEN {HERE} THEN interface_id END) AS interface_id,
    bool_or(way = 'out') AS own,
    bit_or(1 << (list_position({list(OUTCOMES)}, outcome) - 1 + CASE WHEN {HERE} THEN 0 ELSE 8 END)) AS seen,
    sum(CASE WHEN {HERE} AND outcome <> '{REPLY_ONLY}' THEN sessions ELSE 0 END) AS sessions_here,
    sum(CASE WHEN NOT {HERE} AND outcome <> '{REPLY_ONLY}' THEN sessions ELSE 0 END) AS sessions_away,
    sum(CASE WHEN {HERE} AND outcome = '{ANSWERED}' THEN sessions ELSE 0 END) AS answered_here,
    sum(CASE WHEN NOT {HERE} AND outcome = '{ANSWERED}' THEN sessions ELSE 0 END) AS answered_away,
    sum(CASE WHEN NOT {HERE} AND outcome = '{REPLY_REFUSED}' THEN sessions ELSE 0 END) AS reply_refused_away,
    sum(CASE WHEN {HERE} THEN client_bytes + server_bytes ELSE 0 END) AS bytes_here,
    sum(CASE WHEN {HERE} THEN 0 ELSE client_bytes + server_bytes END) AS bytes_away,
    max(CASE WHEN outcome = '{ANSWERED}' THEN level ELSE -1 END) AS level_answered,
    max(CASE WHEN outcome NOT IN ('{ANSWERED}', '{REPLY_ONLY}') THEN level ELSE -1 END) AS level_failed,
    min(first) AS first, max(last) AS last, max(CASE WHEN outcome = '{ANSWERED}' THEN last END) AS answered_last,
    max(CASE WHEN outcome = '{ANSWERED}' THEN first END) AS answered_latest,
    min(CASE WHEN outcome NOT IN ('{ANSWERED}', '{REPLY_ONLY}') THEN first END) AS failed_first,
    max(CASE WHEN outcome NOT IN ('{ANSWERED}', '{REPLY_ONLY}') THEN last END) AS failed_last
FROM edges WHERE way <> 'transit' AND evidence <> 'unknown' AND outcome IS NOT NULL AND {{window}} GROUP BY ALL"""

#: What was answered and what failed. Replies may leave by another interface of the server (``elsewhere``): there they
#: are seen without their request. Silence of UDP beside answers is no failure: many datagrams need no answer.
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
FROM sums"""

#: One row a client, service and state. Without flags one reset may be a short answer, one silent packet a reply;
#: several alike are not.
PAIRS = f"""
CREATE OR REPLACE TEMP TABLE {{name}} AS WITH sums AS ({SUMS}), decided AS ({DECIDED}), pair AS (
    SELECT client, own, server, protocol, port, interface_id, '{ANSWERED}' AS state, level_answered AS level,
        answers + CASE WHEN lasting THEN 0 ELSE failures END AS sessions, CASE WHEN lasting THEN 0 ELSE failures END AS
        failed, bytes, first, CASE WHEN lasting AND lost THEN answered_last ELSE last END AS last, NULL AS answered_until,
        false AS recovered
    FROM decided WHERE answers > 0
    UNION ALL
    SELECT client, own, server, protocol, port, interface_id, failing,
        CASE WHEN failing IN ('{RESET}', '{SILENT}') AND answers = 0 AND failures >= {ENOUGH} AND level_failed = 0 THEN 1
            ELSE level_failed END,
        failures, failures, CASE WHEN answers > 0 THEN 0 ELSE bytes END, coalesce(failed_first, first), last,
        CASE WHEN lost THEN answered_last END, coalesce(answered_latest > failed_last, false)
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
    "max(level) AS level, sum(sessions)::BIGINT AS sessions, sum(failed)::BIGINT AS failed, sum(bytes)::BIGINT AS bytes,"
    " min(first) AS first, max(last) AS last, max(answered_until) AS answered_until,"
    " count(*) FILTER (recovered) AS recovered"
)
ROWS = f"""
WITH {KEPT}
SELECT {KEYS}, 0 AS ports, count(*) AS clients, count(*) FILTER (scanner) AS scanners, {TOTALS}
FROM kept WHERE NOT many GROUP BY {KEYS}
UNION ALL
SELECT {KEYS}, count(DISTINCT tried), count(DISTINCT client), count(DISTINCT client) FILTER (scanner), {TOTALS}
FROM kept WHERE many GROUP BY {KEYS}"""


class Reach:
    """Who reaches what in a log, with the names of networks that tables and findings share.

    `names`: network → name, of the snapshot's subnets and the user's; `expectations`: their networks are told apart,
    and their ports listed one by one.
    """

    def __init__(self, log, names: dict[Network, str], expectations: Iterable = ()) -> None:
        self.log, self.fold, self.names, self.kind = log, log.fold, names, log_kind(log.fold.facts)
        expectations = list(expectations)
        networks = {*names, *(network for one in expectations for network in one.networks)}
        outside = [str(one) for one in networks if not is_private(one) and name_of(str(one), names) == INTERNET]
        ranges = sorted({one.ports for one in expectations if one.ports})
        self._frames = {
            "bounds": bounds(networks),
            "public": pd.DataFrame({"network": [INTERNET, *outside]}, dtype=object),
            "ports": pd.DataFrame(ranges, columns=["low", "high"], dtype="int64"),
        }
        self.pair("pairs")
        self.rows = self._named(self.sql(ROWS.replace("{name}", "pairs")))

    def pair(self, name: str, window: str = "true", *values: int) -> None:
        """Make the table `name` of clients, services and states from the edges of `window`, a condition in SQL."""
        self.sql(PAIRS.replace("{name}", name).replace("{window}", window), *values)

    def sql(self, query: str, *values: object, **frames: pd.DataFrame) -> pd.DataFrame:
        """Return the answer of the fold to `query`, which may use the tables that `pair` made."""
        used = {name: frame for name, frame in self._frames.items() if name in query}
        return self.fold.sql(query, *values, **used, **frames)

    def _named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` with names and times; without claims that a log of one action only cannot carry."""
        rows["ports"] = rows["ports"].where(rows["port"].isna(), 1)
        level = rows.pop("level")
        if self.kind in ("accept-only", "no-action"):  # what was refused looks like silence
            level = level.mask(rows["state"] == SILENT, 0)
        if self.kind == "reject-only":  # without flags, a refused reply looks like a refused request
            level = level.mask(level < 2, 0)
        rows["confidence"] = [CONFIDENCE[max(int(one), 0)] for one in level]
        rows = self.timed(self.with_names(rows))
        order = ["destination", "protocol", "port", "rank", "network", "interface_id"]
        rows = rows.assign(rank=rows["state"].map(STATES.index)).sort_values(order, ignore_index=True)
        return rows[[*COLUMNS, "recovered"]]

    def with_names(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` with ``source`` and ``destination_name``, where something is named."""
        names = {network: name_of(network, self.names) for network in rows["network"].unique() if network != INSIDE}
        owners = {eni: one.name for eni, one in self.log.network.interfaces.items()} if self.log.network else {}
        outside = [
            name_of(place, self.names) if place == INTERNET or "/" in place else None for place in rows["destination"]
        ]
        named = rows["interface_id"].map(owners).where(rows["interface_id"].notna(), outside)
        return rows.assign(source=rows["network"].map({**names, INSIDE: INSIDE}), destination_name=named)

    def timed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` with UTC times, and whole numbers for protocols and ports."""
        seconds = {"first": "first_seen", "last": "last_seen"}
        rows = rows.rename(columns=seconds).astype({"port": "Int64", "protocol": "Int64"})
        for column in (*seconds.values(), "answered_from", "answered_until"):
            if column in rows:
                rows[column] = pd.to_datetime(rows[column], unit="s", utc=True)
        return rows
