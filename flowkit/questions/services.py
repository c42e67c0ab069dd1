"""Services that need a look: those that answered the internet, with the rules that admit it, and those that never answer."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from itertools import islice

import pandas as pd

from flowkit.loading.network import Rule, Snapshot
from flowkit.net import ADMIN_PORTS, DATABASE_PORTS, EPHEMERAL, TCP, UDP, WEB_PORTS, Network, is_private, lies_in
from flowkit.questions.networks import KEY, enclosing_network
from flowkit.questions.reachability import (
    ANSWERED,
    CONFIDENCE,
    ENOUGH,
    PASSED_ON,
    REFUSED,
    REPLY_REFUSED,
    RESET,
    SERVICE,
    SILENT,
    Reach,
)
from flowkit.questions.rules import Packet, covers

#: The gravest first, with their ports.
ROLES = {"admin": ADMIN_PORTS, "database": DATABASE_PORTS, "other": (), "web": WEB_PORTS}
#: The longest prefix, by version, that still lets a good part of the internet in rather than somebody's network.
INTERNET_PREFIX = {4: 16, 6: 32}
#: So many services that never answer are followed to where others reject what they passed on.
FOLLOWED = 100

#: Ports of UDP whose servers answer every request.
ANSWERING = (53, 123)
#: EC2 blocks it to public addresses. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-resource-limits.html
SMTP = 25

#: What own interfaces ask of services that no own interface sees, and that never answer them; a public one answers
#: nobody else either. A client that fails at many services is a scanner, except of mail servers. Where a gateway, or a
#: host under another address, rejects half as many sessions of the client or the service, they are told there.
UNHEARD = f"""
WITH rejected AS (
    SELECT client, server, protocol, server_port AS port, sum(sessions) AS met FROM edges
    WHERE outcome IN ('{REFUSED}', '{REPLY_REFUSED}') GROUP BY ALL),
clients AS (SELECT client, protocol, port, sum(met) AS of_client FROM rejected GROUP BY ALL),
servers AS (SELECT server, protocol, port, sum(met) AS of_server FROM rejected GROUP BY ALL),
met AS (SELECT DISTINCT server, protocol, port, true AS served FROM pairs WHERE state = '{ANSWERED}')
SELECT network, server AS destination, NULL AS interface_id, protocol, port, max(level) AS level, count(*) AS clients,
    sum(sessions)::BIGINT AS sessions, exact(bytes) AS bytes, min(first) AS first_seen, max(last) AS last_seen,
    array_agg(client ORDER BY client) AS who, bool_or(destination <> server) AS outside,
    bool_or(coalesce(served, false)) AS served
FROM pairs LEFT JOIN met USING (server, protocol, port) LEFT JOIN servers USING (server, protocol, port)
    LEFT JOIN clients USING (client, protocol, port)
WHERE own AND interface_id IS NULL AND state = '{SILENT}' AND (served IS NULL OR destination = server)
    AND (protocol = {TCP} OR (protocol = {UDP} AND port IN {ANSWERING})) AND (NOT failing OR port = {SMTP})
    AND coalesce(2 * of_client < sessions, true) AND (client, server, protocol, port) NOT IN (
        SELECT (client, server, protocol, port) FROM pairs WHERE state = '{ANSWERED}' AND interface_id IS NULL
            AND port IS NOT NULL)
GROUP BY network, server, protocol, port HAVING coalesce(2 * max(of_server) < sum(sessions), true)"""
#: Services whose answers leave their interface and do not arrive at the client's.
RETURNED = f"""SELECT DISTINCT server AS destination, protocol, port, true AS returned FROM pairs
WHERE returned AND state = '{SILENT}'"""
#: Closed ports whose clients another logged host answers on the same port: a target of several that is down.
TWINS = f"""SELECT DISTINCT s.server AS destination, s.protocol, s.port, true AS twin
FROM pairs s JOIN pairs a USING (client, protocol, port) WHERE s.state = '{RESET}' AND a.state = '{ANSWERED}'
    AND s.server <> a.server AND a.interface_id IS NOT NULL AND NOT s.public"""

#: Who was answered and who was rejected of the clients in networks that count as the internet, one row a service of the
#: frame ``admitted``: all of one whose rules are known, else only where one /24 (IPv6: /64) holds all who were answered.
CLIENTS = f"""
WITH hits AS (
    SELECT a.service, a.known, p.state, p.client AS address FROM admitted a
    JOIN pairs p USING (network, destination, interface_id, protocol) WHERE p.port IS NOT DISTINCT FROM a.port),
blocks AS (
    SELECT address, left(key, CASE left(key, 1) WHEN '4' THEN 7 ELSE 17 END) AS block
    FROM (SELECT address, {KEY} AS key FROM (SELECT DISTINCT address FROM hits)))
SELECT service, coalesce(list(DISTINCT address) FILTER (state = '{ANSWERED}'), []) AS met,
    coalesce(list(DISTINCT address) FILTER (state = '{REFUSED}'), []) AS kept_out
FROM hits JOIN (
    SELECT service FROM hits JOIN blocks USING (address) GROUP BY service, known
    HAVING known OR count(DISTINCT block) FILTER (state = '{ANSWERED}') = 1) USING (service)
GROUP BY service"""


def by_service(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` of `Reach` by destination and service, in the columns of `exposed` but for those of rules."""
    return rows.groupby(SERVICE, dropna=False).agg(
        destination_name=("destination_name", "first"),
        confidence=("confidence", lambda levels: max(levels, key=CONFIDENCE.index)),
        clients=("clients", "sum"),
        sessions=("sessions", "sum"),
        bytes=("bytes", "sum"),
        first_seen=("first_seen", "min"),
        last_seen=("last_seen", "max"),
        sources=("source", lambda names: ", ".join(sorted(set(names)))),
        networks=("network", lambda cidrs: tuple(dict.fromkeys(cidrs))),
    ).reset_index()  # fmt: skip


def exposed(reach: Reach, expected: pd.Series) -> pd.DataFrame:
    """Return services inside that answered public sources of no named network, the gravest first.

    `expected`: which rows of `reach` an expectation wants; they are left out.

    Columns: destination, interface_id, protocol, port, role (of `ROLES`), destination_name, confidence, clients,
    sessions, bytes, first_seen, last_seen, sources, networks; rules (that admit public addresses, a tuple, the widest
    first); scope: `internet` (the rules admit it, or are not known), `networks` (they admit some public networks alone,
    and nobody else was answered), `closed` (they admit none of those who were answered, any more); where rules are not
    known, the one network that was answered while strangers were rejected.
    """
    rows = reach.rows[~expected]
    rows = rows[rows["public"] & (rows["state"] == ANSWERED) & rows["interface_id"].notna()]
    # One stranger on a high port, its direction guessed: a reply taken for a request.
    table = by_service(rows[(rows["confidence"] != "low") | (rows["port"] < EPHEMERAL).fillna(False)])
    rules = [admitting(reach.log.network, row) for row in table.itertuples()]
    pairs = zip(rules, table.itertuples(), strict=True)
    networks = [[network for rule in some or () for network in _public(rule, row)] for some, row in pairs]
    wide = [any(one.prefixlen <= INTERNET_PREFIX[one.version] for one in some) for some in networks]
    asked = table[["networks", *SERVICE]].assign(service=table.index, known=[some is not None for some in rules])
    asked = asked[~pd.Series(wide, table.index, dtype=bool)].rename(columns={"networks": "network"}).explode("network")
    clients = reach.sql(CLIENTS, admitted=asked).set_index("service")
    made = []
    for row, some, places, internet in zip(table.itertuples(), rules, networks, wide, strict=True):
        scope = "internet" if internet or some is None else "networks"
        if row.Index in clients.index:
            met, kept_out = clients.loc[row.Index, ["met", "kept_out"]]
            if some is not None and not all(lies_in(client, places) for client in met):
                scope = "closed"
            block = enclosing_network(met) if some is None else None
            if block and sum(not lies_in(client, [block]) for client in kept_out) >= ENOUGH:
                scope = str(block)
        role = next((role for role in ROLES if row.port in ROLES[role]), "other")
        made.append((role, some or (), scope))
    table = table.join(pd.DataFrame(made, table.index, ["role", "rules", "scope"], dtype=object))
    table = table.assign(rank=table["role"].map(list(ROLES).index)).sort_values(
        ["rank", "sessions"], ascending=[True, False], kind="stable", ignore_index=True
    )
    return table.drop(columns="rank")


def admitting(snapshot: Snapshot | None, service, clients: Iterable[str] | None = None) -> tuple[Rule, ...] | None:
    """Return the security group rules that admit any of `clients` (None: public addresses) to `service`, the widest
    first. `service` has interface_id, destination, protocol and port. None where the rules are not known."""
    interface = snapshot.interfaces.get(service.interface_id) if snapshot else None
    if interface is None or not interface.group_ids or not {*interface.group_ids} <= {*snapshot.groups}:
        return None
    port = None if pd.isna(service.port) else int(service.port)
    packet = Packet(False, service.destination, service.destination, int(service.protocol), port)
    every = (rule for group_id in interface.group_ids for rule in snapshot.groups[group_id].rules)
    every = [rule for rule in every if not rule.egress and covers(rule.match, packet)]
    if not all(rule.known for rule in every):
        return None
    some = []
    for client in islice(() if clients is None else clients, 1000):
        with suppress(ValueError):  # a log may hold what is no address
            some.append(ip_address(client))

    def admits(rule: Rule) -> bool:
        places = (rule.members, *rule.networks)
        return bool(_public(rule, service)) if clients is None else any(one in at for one in some for at in places)

    def width(rule: Rule) -> int:
        return min((one.prefixlen for one in rule.networks), default=129)

    return tuple(sorted(filter(admits, every), key=width))


def _public(rule: Rule, service) -> list[Network]:
    """Return the public networks that the rule admits to a service of that version of IP."""
    version = 6 if ":" in service.destination else 4
    return [network for network in rule.networks if network.version == version and not is_private(network)]


def unanswered(reach: Reach) -> pd.DataFrame:
    """Return services that never answer a source that tried more than a few times: TCP services that are let in, and what
    own interfaces ask of services that no own interface sees.

    Columns as `by_service`, with state, public (whether public sources tried), served (whether others are answered
    there), twin (of `TWINS`), returned (of `RETURNED`), rejected_at (an interface that rejects part
    of it, so that the silence is no host's; null: none, or not among the first `FOLLOWED`), and where only the clients'
    side is logged who (the clients) and outside (whether the service lies in the internet).
    """
    rows = reach.rows
    inside = rows[rows["interface_id"].notna() & (rows["protocol"] == TCP) & rows["port"].notna()]
    failing = inside[inside["state"].isin([SILENT, RESET]) & (inside["clients"] > inside["scanners"])]
    parts = failing[failing["confidence"] != "low"].groupby(["state", "public"])
    found = [by_service(part).assign(state=state, public=public) for (state, public), part in parts]
    table = pd.concat(found or [by_service(failing[:0]).assign(state="", public=False)], ignore_index=True)
    served = inside[inside["state"] == ANSWERED].set_index(SERVICE).index
    table["served"] = pd.MultiIndex.from_frame(table[SERVICE]).isin(served)
    # Strangers now and then get no answer from a service that answers everybody else.
    table = table[~(table["public"] & table["served"])]
    unheard = reach.named(reach.sql(UNHEARD).assign(state=SILENT))
    unheard = unheard[unheard["confidence"] != "low"]
    known = unheard.groupby(SERVICE, dropna=False).agg(
        who=("who", lambda some: sorted({client for each in some for client in each})), served=("served", "any"),
        outside=("outside", "any"),
    )  # fmt: skip
    away = by_service(unheard).merge(known.reset_index(), on=SERVICE).assign(state=SILENT, public=False)
    table = pd.concat([table, away], ignore_index=True).astype({"port": "Int64", "protocol": "Int64"})
    table = table[table["sessions"] >= ENOUGH]
    table = table.assign(rank=table["state"] == RESET, outside=table["outside"].eq(True))
    order = ["public", "rank", "sessions"]
    table = table.sort_values(order, ascending=[True, True, False], kind="stable").drop(columns="rank")
    key = ["destination", "protocol", "port"]
    keys = table.head(FOLLOWED).groupby(key, as_index=False)[["clients", "sessions"]].sum()
    for query in (PASSED_ON, RETURNED, TWINS):
        more = reach.sql(query, keys=keys)
        table = table.merge(more.astype({"protocol": "Int64", "port": "Int64"}), "left", key)
    # What a gateway rejects is told where it is rejected.
    return table[table["interface_id"].notna() | table["rejected_at"].isna()].reset_index(drop=True)
