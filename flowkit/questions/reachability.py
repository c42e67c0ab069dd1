"""Who reaches which service, and what comes of it: answered, accepted and silent, accepted and reset, refused.

A firewall's "accept" says that a packet reached the interface, not that anybody answered. Edges hold both halves of
each conversation, so a service that answers, a port where nobody listens and a reply that a network ACL refuses are
three different things. All tables come from edges by SQL; `flowkit.questions.pairs` has one row a client, service and
state, from which rows by network are summed up and changes are found client by client.
"""

from collections.abc import Iterable

import pandas as pd

from flowkit.net import INTERNET, UDP, Network, is_private
from flowkit.questions.networks import bounds, name_of
from flowkit.questions.pairs import ANSWERED, ENOUGH, INSIDE, PAIRS, REPLY_ONLY, ROWS, SILENT, STATES

CONFIDENCE = ("low", "medium", "high")
#: A service: an address, where it is not one of many outside, and what it is asked for by.
SERVICE = ["destination", "interface_id", "protocol", "port"]
COLUMNS = (
    "source", "network", "public", "destination", "destination_name", "interface_id", "protocol", "port", "ports",
    "state", "confidence", "clients", "scanners", "sessions", "failed", "bytes", "first_seen", "last_seen",
    "answered_until", "recovered", "answered_again",
)  # fmt: skip

#: A row without a port is about all of them.
_PORT = "(k.port IS NULL OR p.port = k.port)"
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
FROM compared GROUP BY ALL"""

#: What the edges hold of the sessions that each finding is about, and a client whose records are shown. Of a pair both
#: of whose states are rows only its sessions in that state; where the interface logged none, what another one did.
EVIDENCE = f"""
WITH asked AS (
    SELECT DISTINCT k.id, k.interface_id, k.state, k.refused, 0 AS since, p.apart, p.client, p.server, p.protocol, p.port
    FROM keys k JOIN pairs p ON p.network = k.network AND p.destination = k.destination AND p.state = k.state
        AND p.protocol = k.protocol AND p.interface_id IS NOT DISTINCT FROM k.interface_id AND {_PORT}
    WHERE k.client IS NULL
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
        'port': server_port}}, (rejected <> refused, first)))
FROM hits GROUP BY id"""


def log_kind(facts: dict) -> str:
    """Return what a log with these facts can prove: ``all``, ``accept-only``, ``reject-only``, ``no-action`` (records
    without an action) or ``none`` (no record of traffic)."""
    if not facts["traffic"]:
        return "none"
    if not facts["accepted"] and not facts["rejected"]:
        return "no-action"
    return "all" if facts["accepted"] and facts["rejected"] else "accept-only" if facts["accepted"] else "reject-only"


class Reach:
    """Who reaches what in a log, with the names of networks that tables and findings share.

    `names`: network → name, of the snapshot's subnets and the user's; `expectations`: their networks are told apart,
    and their ports listed one by one. `rows`: one row a source network, service and state, in `COLUMNS`.
    """

    def __init__(self, log, names: dict[Network, str], expectations: Iterable = ()) -> None:
        self.log, self.fold, self.names, self.kind = log, log.fold, names, log_kind(log.fold.facts)
        expectations = list(expectations)
        networks = {*names, *(network for one in expectations for network in one.networks)}
        outside = [str(one) for one in networks if not is_private(one) and name_of(str(one), names) == INTERNET]
        self._frames = {
            "bounds": bounds(networks),
            "public": pd.DataFrame({"network": [INTERNET, *outside]}, dtype=object),
            "ports": pd.DataFrame(
                sorted({one.ports for one in expectations if one.ports}), columns=["low", "high"], dtype="int64"
            ),
            **_vpcs(log),
        }
        self.pair("pairs")
        rows = self.sql(ROWS.replace("{name}", "pairs"))
        rows["ports"] = rows["ports"].where(rows["port"].isna(), 1)
        if self.kind in ("accept-only", "no-action"):  # what was refused looks like silence
            rows["level"] = rows["level"].mask(rows["state"] == SILENT, 0)
        if self.kind == "reject-only":  # without flags, a refused reply looks like a refused request
            rows["level"] = rows["level"].mask(rows["level"] < 2, 0)
        order = ["destination", "protocol", "port", "rank", "network", "interface_id"]
        rows = self._named(rows).assign(rank=rows["state"].map(STATES.index)).sort_values(order, ignore_index=True)
        self.rows = rows[[*COLUMNS]]

    def pair(self, name: str, window: str = "true", *values: int) -> None:
        """Make the table `name` of clients, services and states from the edges of `window`, a condition in SQL."""
        self.sql(PAIRS.replace("{name}", name).replace("{window}", window), *values)

    def sql(self, query: str, *values: object, **frames: pd.DataFrame) -> pd.DataFrame:
        """Return the answer of the fold to `query`, which may use the tables that `pair` made."""
        used = {name: frame for name, frame in self._frames.items() if name in query}
        return self.fold.sql(query, *values, **used, **frames)

    def _named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `rows` with the names of sources and destinations, UTC times and ``confidence`` for ``level``."""
        sources = {network: name_of(network, self.names) for network in rows["network"].unique() if network != INSIDE}
        owners = {eni: one.name for eni, one in self.log.network.interfaces.items()} if self.log.network else {}
        outside = [
            name_of(place, self.names) if place == INTERNET or "/" in place else None for place in rows["destination"]
        ]
        rows = rows.assign(
            source=rows["network"].map({**sources, INSIDE: INSIDE}),
            destination_name=rows["interface_id"].map(owners).where(rows["interface_id"].notna(), outside),
            confidence=[CONFIDENCE[max(int(level), 0)] for level in rows["level"]],
        ).astype({"port": "Int64", "protocol": "Int64"})
        for column in ("first_seen", "last_seen", "answered_from", "answered_until", "answered_again"):
            if column in rows:
                rows[column] = pd.to_datetime(rows[column], unit="s", utc=True)
        return rows

    def distinct(self, rows: pd.DataFrame) -> int:
        """Return how many clients that differ `rows` count: one may be in several rows of its network."""
        return int(rows["clients"].sum()) if rows["network"].is_unique else len(self.clients(rows))

    def clients(self, rows: pd.DataFrame) -> list[str]:
        """Return the clients of `rows` (of `Reach.rows`), each once."""
        query = (
            "SELECT DISTINCT client FROM pairs p JOIN keys k ON p.network = k.network AND p.state = k.state"
            " AND p.destination = k.destination AND p.protocol IS NOT DISTINCT FROM k.protocol"
            f" AND p.interface_id IS NOT DISTINCT FROM k.interface_id AND {_PORT}"
        )
        return list(self.sql(query, keys=plain(rows[["network", *SERVICE, "state"]]))["client"])

    def changes(self, compare_at: int | None = None) -> pd.DataFrame:
        """Return services whose reachability changed, client by client, summed up by source network and service.

        `compare_at` (seconds since 1970) divides the window: what began before it is compared with what came after;
        failures of one time step that lie on both sides count for neither. Without it only what was lost is found.

        Columns: source, network, destination, destination_name, interface_id, protocol, port; change: `lost` (answered
        earlier, failing since), `newly-reachable` (answered, failed earlier), `first-seen`, `ongoing` or `unseen` (not
        seen now: no proof that it is lost); was and state (`unseen` where not seen); clients, sessions, confidence;
        first_seen, last_seen; answered_from, answered_until (between these the clients were answered for the last
        time, where lost within the window), who (the clients, a list).
        """
        found = self.sql(LOST)
        if compare_at is not None:
            lasting = f"outcome = '{ANSWERED}'"
            self.pair("before", f"first < ? AND (last < ? OR {lasting})", compare_at, compare_at)
            self.pair("after", f"(first >= ? OR (last >= ? AND {lasting}))", compare_at, compare_at)
            keys = ["network", "destination", "protocol", "port", "change"]
            found = pd.concat([self.sql(COMPARED), found], ignore_index=True).drop_duplicates(keys)
        order = ["change", "sessions", "source", "destination", "protocol", "port"]
        table = self._named(found).sort_values(order, ascending=[True, False] + [True] * 4, ignore_index=True)
        return table[
            ["source", "network", "destination", "destination_name", "interface_id", "protocol", "port", "change", "was",
             "state", "clients", "sessions", "confidence", "first_seen", "last_seen", "answered_from", "answered_until",
             "who"]
        ]  # fmt: skip

    def evidence(self, keys: pd.DataFrame) -> pd.DataFrame:
        """Return the records behind findings, one row an ``id`` that has any: records, packets, bytes, interfaces (how
        many logged them), and client, server, interface_id, protocol, port of some that show it.

        `keys` has id, network, destination, interface_id, protocol, port, state (as rows have them), refused (whether
        rejected records show it), client (null: all of the row) and since (seconds since 1970, with a client).
        """
        return self.sql(EVIDENCE, keys=plain(keys))


def _vpcs(log) -> dict[str, pd.DataFrame]:
    """Return the VPC of each interface (``vpcs``), and addresses that interfaces of several VPCs have (``shared``)."""
    own = log.interfaces[["interface_id", "vpc_id", "address"]].rename(columns={"vpc_id": "vpc", "address": "server"})
    known = log.network.interfaces.values() if log.network else ()
    more = pd.DataFrame(
        [(one.interface_id, one.vpc_id, address) for one in known for address in one.addresses], columns=[*own]
    )
    own = pd.concat([own, more]).dropna().astype("string")
    shared = own[own.groupby("server")["vpc"].transform("nunique") > 1]
    return {
        "vpcs": own[["interface_id", "vpc"]].drop_duplicates("interface_id"),
        "shared": shared[["server", "vpc"]].drop_duplicates(),
    }


def plain(keys: pd.DataFrame) -> pd.DataFrame:
    """Return `keys` with missing text as None: SQL takes a column of NaN for numbers."""
    kinds = dict.fromkeys(["interface_id", "network", "destination", "client"], "string")
    kinds |= dict.fromkeys(["protocol", "port", "since"], "Int64")
    return keys.astype({name: kind for name, kind in kinds.items() if name in keys})
