"""Services that need a look: those that answered the internet, with the rules that admit it, and those that never answer."""

import pandas as pd

from flowkit.loading.network import Rule, Snapshot
from flowkit.net import ADMIN_PORTS, DATABASE_PORTS, EPHEMERAL, INTERNET, TCP, WEB_PORTS, Network, is_private
from flowkit.questions.networks import bounds, placed
from flowkit.questions.pairs import ANSWERED, ENOUGH, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.questions.reachability import CONFIDENCE, SERVICE, Reach, plain
from flowkit.questions.rules import Packet, covers

#: The gravest first.
ROLES = ("admin", "database", "other", "web")
#: The longest prefix, by version, that still lets a good part of the internet in rather than somebody's network.
INTERNET_PREFIX = {4: 16, 6: 32}


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
    sessions, bytes, first_seen, last_seen, sources, networks; scope: `internet` (the rules admit it, or there is no
    snapshot), `networks` (they admit some public networks alone, and nobody else was answered), `closed` (they admit
    none of those who were answered, any more); rules (those that admit public addresses, a tuple).
    """
    rows = reach.rows[~expected]
    rows = rows[rows["public"] & (rows["state"] == ANSWERED) & rows["interface_id"].notna()]
    # One stranger on a high port, its direction guessed: a reply taken for a request.
    table = by_service(rows[(rows["confidence"] != "low") | (rows["port"] < EPHEMERAL).fillna(False)])
    roles = pd.Series("other", index=table.index, dtype=object)
    for role, ports in (("admin", ADMIN_PORTS), ("database", DATABASE_PORTS), ("web", WEB_PORTS)):
        roles[table["port"].isin(list(ports))] = role
    table.insert(4, "role", roles)
    admitted = [admitting(reach.log.network, row) for row in table.itertuples()]
    table["rules"] = pd.Series([rules or () for rules in admitted], table.index, dtype=object)
    scopes = [_scope(reach, row, rules) for row, rules in zip(table.itertuples(), admitted, strict=True)]
    table["scope"] = pd.Series(scopes, table.index, dtype=object)
    rank = table["role"].map(ROLES.index)
    order = table.assign(rank=rank).sort_values(["rank", "sessions"], ascending=[True, False], kind="stable")
    return order.drop(columns="rank").reset_index(drop=True)


def admitting(snapshot: Snapshot | None, service) -> tuple[Rule, ...] | None:
    """Return the security group rules that admit public addresses to `service` (a row); None where they are not known."""
    interface = snapshot.interfaces.get(service.interface_id) if snapshot else None
    if interface is None or not interface.group_ids or not {*interface.group_ids} <= {*snapshot.groups}:
        return None
    port = None if pd.isna(service.port) else int(service.port)
    packet = Packet(False, service.destination, service.destination, int(service.protocol), port)
    every = (rule for group_id in interface.group_ids for rule in snapshot.groups[group_id].rules)
    every = [rule for rule in every if not rule.egress and covers(rule.match, packet)]
    if not all(rule.known for rule in every):
        return None
    return tuple(rule for rule in every if _public(rule, 6 if ":" in service.destination else 4))


def _public(rule: Rule, version: int) -> list[Network]:
    return [network for network in rule.networks if network.version == version and not is_private(network)]


def _scope(reach: Reach, service, rules: tuple[Rule, ...] | None) -> str:
    """Return the scope of an exposed service, as `exposed` says."""
    version = 6 if ":" in service.destination else 4
    networks = [network for rule in rules or () for network in _public(rule, version)]
    if rules is None or any(network.prefixlen <= INTERNET_PREFIX[version] for network in networks):
        return "internet"
    values = [service.destination, service.interface_id, int(service.protocol), int(service.port)]
    clients = (
        "SELECT DISTINCT client AS address FROM pairs p JOIN admitted a ON p.network = a.network WHERE destination = ? AND"
        f" interface_id = ? AND protocol = ? AND port = ? AND state = '{ANSWERED}'"
    )
    outside = reach.fold.sql(
        f"SELECT count(*) AS clients FROM ({placed(clients)}) WHERE network = '{INTERNET}'",
        *values, bounds=bounds(networks), admitted=pd.DataFrame({"network": service.networks}, dtype="string"),
    )  # fmt: skip
    return "closed" if outside["clients"].iloc[0] else "networks"


def distinct_web_clients(reach: Reach, web: pd.DataFrame) -> int:
    """Return how many clients that differ the services `web` answered: one may have asked several hosts."""
    rows = web.explode("networks").rename(columns={"networks": "network"}).assign(state=ANSWERED)
    return reach.distinct(rows[["network", *SERVICE, "state", "clients"]])


def unanswered(reach: Reach) -> pd.DataFrame:
    """Return TCP services that are let in and never answer a source that tried more than a few times.

    Columns as `by_service`, with state, public (whether public sources tried), served (whether others are answered
    there) and rejected_at (an interface that rejects part of it, so that the silence is no host's; null: none).
    """
    key = ["destination", "protocol", "port"]
    rows = reach.rows
    inside = rows[rows["interface_id"].notna() & (rows["protocol"] == TCP) & rows["port"].notna()]
    served = inside[inside["state"] == ANSWERED].set_index(key).index
    failing = inside[inside["state"].isin([SILENT, RESET]) & (inside["clients"] > inside["scanners"])]
    failing = failing[failing["confidence"] != "low"]
    found = [
        by_service(part).assign(state=state, public=public)
        for (state, public), part in failing.groupby(["state", "public"])
    ]
    table = pd.concat(found, ignore_index=True) if found else by_service(failing).assign(state="", public=False)
    table["served"] = pd.MultiIndex.from_frame(table[key]).isin(served)
    # Strangers now and then get no answer from a service that answers everybody else.
    table = table[(table["sessions"] >= ENOUGH) & ~(table["public"] & table["served"])]
    rejected = reach.sql(
        "SELECT k.destination, k.protocol, k.port, any_value(e.interface_id) AS rejected_at FROM edges e JOIN pairs p ON"
        " e.client = p.client AND e.server = p.server AND e.protocol = p.protocol AND e.server_port = p.port JOIN keys k"
        f" ON k.destination = p.server AND k.protocol = p.protocol AND k.port = p.port WHERE p.state = '{SILENT}'"
        f" AND e.outcome IN ('{REFUSED}', '{REPLY_REFUSED}') GROUP BY ALL",
        keys=plain(table[key].drop_duplicates()),
    )  # fmt: skip
    table = table.merge(rejected.astype({"protocol": "Int64", "port": "Int64"}), "left", key)
    table = table.assign(rank=table["state"].map([SILENT, RESET].index))
    table = table.sort_values(["public", "rank", "sessions"], ascending=[True, True, False], kind="stable")
    return table.drop(columns="rank").reset_index(drop=True)
