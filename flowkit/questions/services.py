"""Services that need a look: those that answered the internet, with the rules that admit it, and those that never answer."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from itertools import islice

import pandas as pd

from flowkit.loading.network import Rule, Snapshot
from flowkit.net import ADMIN_PORTS, DATABASE_PORTS, EPHEMERAL, INTERNET, TCP, WEB_PORTS, Network, is_private
from flowkit.questions.networks import bounds, enclosing_network, placed
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

#: The clients of a service in networks that count as the internet, by what came of them.
CLIENTS = (
    "SELECT DISTINCT client AS address FROM pairs p JOIN admitted a ON p.network = a.network WHERE destination = ? AND"
    " interface_id = ? AND protocol = ? AND port IS NOT DISTINCT FROM ? AND state = '{}'"
)
#: Those who were answered in none of the networks which the rules admit.
STRANGERS = f"FROM ({placed(CLIENTS.format(ANSWERED))}) WHERE network = '{INTERNET}' LIMIT 1"


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
    made = []
    for row in table.itertuples():
        rules = admitting(reach.log.network, row)
        networks = [network for rule in rules or () for network in _public(rule, row)]
        place = (row.destination, row.interface_id, int(row.protocol), None if pd.isna(row.port) else int(row.port))
        admitted = pd.DataFrame({"network": row.networks}, dtype="string")
        scope = "networks"
        if any(network.prefixlen <= INTERNET_PREFIX[network.version] for network in networks):
            scope = "internet"
        elif rules is None:
            met, kept_out = (
                reach.sql(CLIENTS.format(state), *place, admitted=admitted) for state in (ANSWERED, REFUSED)
            )
            block = enclosing_network(met["address"])
            strangers = (
                sum(enclosing_network([str(block), one]) != block for one in kept_out["address"]) if block else 0
            )
            scope = str(block) if strangers >= ENOUGH else "internet"
        elif len(reach.fold.sql(STRANGERS, *place, bounds=bounds(networks), admitted=admitted)):
            scope = "closed"
        made.append((next((role for role in ROLES if row.port in ROLES[role]), "other"), rules or (), scope))
    columns = pd.DataFrame(made, table.index, ["role", "rules", "scope"], dtype=object)
    table = table.join(columns).assign(rank=columns["role"].map(list(ROLES).index))
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


def unanswered(reach: Reach) -> pd.DataFrame:
    """Return TCP services that are let in and never answer a source that tried more than a few times.

    Columns as `by_service`, with state, public (whether public sources tried), served (whether others are answered
    there) and rejected_at (an interface that rejects part of it, so that the silence is no host's; null: none).
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
    key = ["destination", "protocol", "port"]
    rejected = reach.sql(PASSED_ON, keys=table.groupby(key, as_index=False)[["clients", "sessions"]].sum())
    table = table.merge(rejected.astype({"protocol": "Int64", "port": "Int64"}), "left", key)
    table = table.assign(rank=table["state"] == RESET)
    order = ["public", "rank", "sessions"]
    table = table.sort_values(order, ascending=[True, True, False], kind="stable", ignore_index=True)
    return table.drop(columns="rank")
