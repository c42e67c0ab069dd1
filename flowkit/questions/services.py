"""Services that need a look: those that answered the internet, with the rules that admit it, and those that never answer."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from itertools import islice

import pandas as pd

from flowkit.loading.network import Rule, Snapshot
from flowkit.net import ADMIN_PORTS, DATABASE_PORTS, EPHEMERAL, INTERNET, TCP, WEB_PORTS, Network, is_private
from flowkit.questions.fixes import enclosing_network
from flowkit.questions.networks import bounds, placed
from flowkit.questions.pairs import ANSWERED, ENOUGH, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.questions.reachability import CONFIDENCE, SERVICE, Reach, plain
from flowkit.questions.rules import Packet, covers

#: The gravest first, with their ports.
ROLES = {"admin": ADMIN_PORTS, "database": DATABASE_PORTS, "other": (), "web": WEB_PORTS}
#: The longest prefix, by version, that still lets a good part of the internet in rather than somebody's network.
INTERNET_PREFIX = {4: 16, 6: 32}

#: Where packets that a service let in are rejected: at a gateway on the way back; behind a gateway, which asks on the
#: same port in its own name or in the client's, for half of the silent sessions at least; or behind a balancer that
#: keeps the clients' addresses, which most of the clients, three at least, meet there.
PASSED_ON = f"""
SELECT destination, protocol, port, arg_max(interface_id, met) AS rejected_at FROM (
    SELECT k.destination, k.protocol, k.port, e.interface_id, count(DISTINCT e.client) AS met, any_value(k.clients) AS clients,
        bool_or(e.server = p.server AND e.server_port = p.port) AS back, any_value(k.sessions) AS silent,
        coalesce(sum(e.sessions) FILTER (e.server_port = p.port), 0) AS alike FROM keys k
    JOIN pairs p ON k.destination = p.server AND k.protocol = p.protocol AND k.port = p.port
    JOIN edges e ON e.protocol = p.protocol AND (e.client = p.client OR (e.client = p.server AND e.server_port = p.port))
    WHERE p.state = '{SILENT}' AND NOT p.scanner AND e.outcome IN ('{REFUSED}', '{REPLY_REFUSED}') AND (e.client = p.server
        OR (e.server = p.server AND e.server_port = p.port) OR e.interface_id <> p.interface_id)
    GROUP BY ALL HAVING back OR 2 * alike >= silent OR (met >= 3 AND 2 * met >= clients)
) GROUP BY ALL"""


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
    roles = [next((role for role in ROLES if port in ROLES[role]), "other") for port in table["port"]]
    admitted = [admitting(reach.log.network, row) for row in table.itertuples()]
    scopes = [_scope(reach, row, rules) for row, rules in zip(table.itertuples(), admitted, strict=True)]
    columns = {"role": roles, "rules": [rules or () for rules in admitted], "scope": scopes}
    table = table.assign(**{name: pd.Series(made, table.index, dtype=object) for name, made in columns.items()})
    table["rank"] = table["role"].map(list(ROLES).index)
    table = table.sort_values(["rank", "sessions"], ascending=[True, False], kind="stable", ignore_index=True)
    return table.drop(columns="rank")


def admitting(snapshot: Snapshot | None, service, clients: Iterable[str] | None = None) -> tuple[Rule, ...] | None:
    """Return the security group rules that admit any of `clients` (None: public addresses) to `service`, the widest first.

    `service` has interface_id, destination, protocol and port. None where the rules are not known.
    """
    interface = snapshot.interfaces.get(service.interface_id) if snapshot else None
    if interface is None or not interface.group_ids or not {*interface.group_ids} <= {*snapshot.groups}:
        return None
    port = None if pd.isna(service.port) else int(service.port)
    packet = Packet(False, service.destination, service.destination, int(service.protocol), port)
    every = (rule for group_id in interface.group_ids for rule in snapshot.groups[group_id].rules)
    every = [rule for rule in every if not rule.egress and covers(rule.match, packet)]
    if not all(rule.known for rule in every):
        return None
    if clients is None:
        every = [rule for rule in every if _public(rule, service)]
    else:
        some = []
        for client in islice(clients, 1000):
            with suppress(ValueError):  # a log may hold what is no address
                some.append(ip_address(client))
        every = [
            rule for rule in every if any(one in place for one in some for place in (rule.members, *rule.networks))
        ]
    return tuple(sorted(every, key=lambda rule: min((one.prefixlen for one in rule.networks), default=129)))


def _public(rule: Rule, service) -> list[Network]:
    """Return the public networks that the rule admits to a service of that version of IP."""
    version = 6 if ":" in service.destination else 4
    return [network for network in rule.networks if network.version == version and not is_private(network)]


def _scope(reach: Reach, service, rules: tuple[Rule, ...] | None) -> str:
    """Return the scope of an exposed service, as `exposed` says."""
    networks = [network for rule in rules or () for network in _public(rule, service)]
    if any(network.prefixlen <= INTERNET_PREFIX[network.version] for network in networks):
        return "internet"
    clients = (
        "SELECT DISTINCT client AS address FROM pairs p JOIN admitted a ON p.network = a.network WHERE destination = ? AND"
        " interface_id = ? AND protocol = ? AND port IS NOT DISTINCT FROM ? AND state = '{}'"
    )
    port = None if pd.isna(service.port) else int(service.port)
    place = (service.destination, service.interface_id, int(service.protocol), port)
    admitted = pd.DataFrame({"network": service.networks}, dtype="string")
    if rules is None:
        met, kept_out = (reach.sql(clients.format(state), *place, admitted=admitted) for state in (ANSWERED, REFUSED))
        block = enclosing_network(met["address"])
        strangers = sum(enclosing_network([str(block), one]) != block for one in kept_out["address"]) if block else 0
        return str(block) if strangers >= ENOUGH else "internet"
    outside = reach.fold.sql(
        f"SELECT count(*) AS clients FROM ({placed(clients.format(ANSWERED))}) WHERE network = '{INTERNET}'",
        *place, bounds=bounds(networks), admitted=admitted,
    )  # fmt: skip
    return "closed" if outside["clients"].iloc[0] else "networks"


def unanswered(reach: Reach) -> pd.DataFrame:
    """Return TCP services that are let in and never answer a source that tried more than a few times.

    Columns as `by_service`, with state, public (whether public sources tried), served (whether others are answered
    there) and rejected_at (an interface that rejects part of it, so that the silence is no host's; null: none).
    """
    key = ["destination", "protocol", "port"]
    rows = reach.rows
    inside = rows[rows["interface_id"].notna() & (rows["protocol"] == TCP) & rows["port"].notna()]
    served = inside[inside["state"] == ANSWERED].set_index(SERVICE).index
    failing = inside[inside["state"].isin([SILENT, RESET]) & (inside["clients"] > inside["scanners"])]
    failing = failing[failing["confidence"] != "low"]
    parts = failing.groupby(["state", "public"])
    found = [by_service(part).assign(state=state, public=public) for (state, public), part in parts]
    table = pd.concat(found, ignore_index=True) if found else by_service(failing).assign(state="", public=False)
    table["served"] = pd.MultiIndex.from_frame(table[SERVICE]).isin(served)
    # Strangers now and then get no answer from a service that answers everybody else.
    table = table[(table["sessions"] >= ENOUGH) & ~(table["public"] & table["served"])]
    rejected = reach.sql(PASSED_ON, keys=plain(table.groupby(key, as_index=False)[["clients", "sessions"]].sum()))
    table = table.merge(rejected.astype({"protocol": "Int64", "port": "Int64"}), "left", key)
    table = table.assign(rank=table["state"].map([SILENT, RESET].index))
    order = ["public", "rank", "sessions"]
    return table.sort_values(order, ascending=[True, True, False], kind="stable", ignore_index=True).drop(
        columns="rank"
    )
