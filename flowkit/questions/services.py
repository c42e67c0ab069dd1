"""Services that need a look: those that answered the internet, with the rules that admit it, and those that never answer."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from itertools import islice

import pandas as pd

from flowkit.loading.network import Rule, Snapshot
from flowkit.net import ADMIN_PORTS, DATABASE_PORTS, EPHEMERAL, TCP, WEB_PORTS, Network, is_private, lies_in
from flowkit.questions.networks import KEY, enclosing_network
from flowkit.questions.reachability import (
    ANSWERED,
    CONFIDENCE,
    ENOUGH,
    PASSED_ON,
    REFUSED,
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
    """Return TCP services that are let in and never answer a source that tried more than a few times.

    Columns as `by_service`, with state, public (whether public sources tried), served (whether others are answered
    there) and rejected_at (an interface that rejects part of it, so that the silence is no host's; null: none, or not
    among the first `FOLLOWED`).
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
    table = table[(table["sessions"] >= ENOUGH) & ~(table["public"] & table["served"])]
    table = table.assign(rank=table["state"] == RESET)
    order = ["public", "rank", "sessions"]
    table = table.sort_values(order, ascending=[True, True, False], kind="stable").drop(columns="rank")
    key = ["destination", "protocol", "port"]
    keys = table.head(FOLLOWED).groupby(key, as_index=False)[["clients", "sessions"]].sum()
    rejected = reach.sql(PASSED_ON, keys=keys).astype({"protocol": "Int64", "port": "Int64"})
    return table.merge(rejected, "left", key)
