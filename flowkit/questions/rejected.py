"""Who is rejected and why: every group of rejected conversations with its cause, its grounds and its client's score.

In: a log's fold (its tables ``refusals``, ``edges``, ``interfaces``) and, where there is one, the rules snapshot. Out:
small tables. `groups` reduces, `contrasts` and `scanners` ask the edges what else the log says, `classify` decides.

Scanners are found by a threshold random walk over first contacts in time order (Jung, Paxson, Berger, Balakrishnan:
Fast Portscan Detection Using Sequential Hypothesis Testing, 2004): a benign client's first contact succeeds in 80 % of
cases, a scanner's in 20 %; so a failure makes scanning four times as likely and a success four times less, and four
failures more than successes are enough for 99 % detection at 1 % false alarms.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from ipaddress import ip_address

import pandas as pd

from flowkit.net import ADMIN_PORTS, DATABASE_PORTS, EPHEMERAL, PRIVATE_TEXT, is_private
from flowkit.questions.causes import Context, cause, legitimacy, own_client
from flowkit.questions.fixes import enclosing_network

#: log(99) / log(4), rounded up: how far the walk goes before it decides.
DECIDED = 4
#: Groups that are looked at one by one, and clients whose first contacts are; the rest is summed up.
GROUPS, CLIENTS = 2000, 500
#: The gravest kind first; an incident that joins several groups is of the first of theirs.
KINDS = (
    "blocked-service", "acl-changed", "reply-refused", "blocked-client", "service-control", "late-packets", "scan", "noise",
)  # fmt: skip
GROUP = ["interface_id", "client", "server", "protocol", "server_port", "refusal", "control"]
SERVICE = ["server", "protocol", "server_port"]
SUMS = ("sessions", "attempts", "records", "packets", "bytes")

SHAPES = ("retries", "tiny", "small", '"overlaps"', "closed", "unclosed", "reopened", "syn_acks")
#: A service is rejected to everybody where so many clients, most of all that asked, retransmit as real stacks do;
#: half as many are enough where a security group opens it, so that somebody wants it open.
CUSTOMERS = 10
#: Seconds in which open sessions stop together where one change cuts them: two aggregation intervals of 60 s and the
#: keepalives or retransmissions that show it.
MOMENT = 300

#: Groups over all time steps. Protocol and port are -1 where there is none: SQL joins no null to another.
GROUPED = f"""
CREATE OR REPLACE TEMP TABLE refused_groups AS SELECT
    interface_id, client, server, coalesce(protocol, -1) AS protocol, coalesce(server_port, -1) AS server_port, refusal,
    coalesce(control, 0) AS control, {", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)},
    min(first) AS first, max(last) AS last, sum(accepted)::BIGINT AS accepted, min(port_low) AS port_low,
    max(port_high) AS port_high, bool_and(from_server) AS from_server, bool_or(leaves) AS leaves,
    bool_or(flagged) AS flagged, max(idle) AS idle, min(idle_least) AS idle_least, max(latest) AS latest,
    {", ".join(f"sum({name})::BIGINT AS {name}" for name in SHAPES)},
    least(sum(records), (max(last) - min(first)) // 600 + 1)::BIGINT AS active_intervals,
    refusal IN ('request', 'mid-stream') AS plain
FROM refusals GROUP BY ALL"""


@dataclass(frozen=True)
class Rejections:
    """What `rejections` returns.

    `groups`: one row a group of rejected conversations, as `classify` describes; `scanners`: one row a client that
    scans; `totals`: one row a refusal with ``groups``, ``clients``, ``records``, ``packets``, ``bytes``, ``first``,
    ``last`` of all groups, listed or not; `services`: one row a service that is rejected to everybody, as
    `blocked_services` returns them; `accepts`: whether the log has any ACCEPT.
    """

    groups: pd.DataFrame
    scanners: pd.DataFrame
    totals: pd.DataFrame
    services: pd.DataFrame
    accepts: bool


def rejections(log, min_score: int = 4, scan_targets: int = 10, limit: int = GROUPS) -> Rejections:
    """Return the rejected traffic of `log` with its causes, the most legitimate clients first.

    A request is a blocked client from `min_score` points on (2 less in a log of rejections only), a scan if its
    client is a scanner, else noise; a client with `scan_targets` targets or more is taken for a scanner.
    """
    fold = log.fold
    groups, clients, totals = grouped(fold, limit)
    context = context_of(log)
    groups["leaves"] = column(groups, context.leaves if log.network is None else replace(context, snapshot=None).leaves)
    groups = groups.join(contrasts(fold, groups))
    groups["targets"] = groups.client.map(clients.set_index("client").groups).fillna(1).astype("int64")
    known = groups.groupby("client").known.max()
    # Who is rejected four times and mostly accepted is no scanner, and need not be followed.
    asked = clients[(clients.groups >= DECIDED) & ~(clients.client.map(known).fillna(0) > clients.groups)]
    walks = scanners(fold, asked)
    walks = walks[(walks.verdict == "scanner") if context.accepts else (walks.groups >= scan_targets)]
    for table in (groups, walks, totals):
        table[["first", "last"]] = table[["first", "last"]].astype("Int64")
    requests = groups[groups.refusal == "request"]
    far = requests.client.where(requests.leaves != True, requests.server)  # noqa: E712  (it may be None)
    places = zip(requests.interface_id, far, requests.protocol, requests.server_port, strict=True)
    groups["cut"] = cut_together(groups)
    groups = classify(groups, replace(context, refused=set(places)), set(walks.client), min_score, scan_targets)
    services = blocked_services(fold, groups, walks)
    for table in (groups, walks, totals, services):
        for name in ("first", "last"):
            table[name] = pd.to_datetime(table[name], unit="s", utc=True)
    walks = walks.sort_values(["groups", "records", "client"], ascending=[False, False, True], ignore_index=True)
    return Rejections(incidents(groups), walks, totals, services, context.accepts)


def grouped(fold, limit: int = GROUPS) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return at most `limit` groups, `CLIENTS` clients of requests, and the totals of all.

    A group has `GROUP`, the counts of ``refusals`` (see `flowkit.folding.edges.refusals`) and ``active_intervals``
    (ten minutes that it was seen in, at most); first come other refusals than requests, then private clients, then
    those that try for long. A client has ``groups``, ``servers``, ``ports``, ``protocol`` (-1: several) and sums.
    """
    fold.sql(GROUPED)
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)
    sums += ", count(*) AS groups, min(first) AS first, max(last) AS last"
    listed = fold.sql(
        "FROM refused_groups ORDER BY plain, regexp_matches(client, ?) DESC, active_intervals DESC, records DESC,"
        f" {', '.join(GROUP)} LIMIT ?", PRIVATE_TEXT, limit,
    )  # fmt: skip
    clients = fold.sql(
        "SELECT client, count(DISTINCT server) AS servers, count(DISTINCT server_port) AS ports,"
        " CASE WHEN min(protocol) = max(protocol) THEN min(protocol) ELSE -1 END AS protocol,"
        f" {sums} FROM refused_groups WHERE plain GROUP BY client ORDER BY groups DESC, records DESC, client LIMIT ?",
        CLIENTS,
    )  # fmt: skip
    totals = fold.sql(
        f"SELECT refusal, count(DISTINCT client) AS clients, {sums} FROM refused_groups GROUP BY refusal ORDER BY refusal"
    )
    named = [_is_address(a) and _is_address(b) for a, b in zip(listed.client, listed.server, strict=True)]
    return listed[pd.array(named, dtype=bool)].drop(columns="plain").reset_index(drop=True), clients, totals


def _is_address(text: str) -> bool:
    """Return whether `text` is an address: what is none, and a log may hold it, is counted and not classified."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def context_of(log) -> Context:
    """Return who has which address, which subnet, and whether anything was accepted at all."""
    owners, own = defaultdict(set), log.interfaces.dropna(subset=["address"])
    for interface_id, address in zip(own.interface_id, own.address, strict=True):
        owners[address].add(interface_id)
    subnets = dict(log.interfaces.dropna(subset=["subnet_id"]).groupby("interface_id").subnet_id.max())
    accepts = bool(log.fold.facts["accepted"])
    if log.network is None:
        return Context(dict(owners), subnets, accepts=accepts)
    known = log.network.interfaces  # as they are, whatever the log made of them
    owners = {address: {name for name in names if name not in known} for address, names in owners.items()}
    for interface in known.values():
        for address in interface.addresses:
            owners.setdefault(address, set()).add(interface.interface_id)
    subnets |= {name: interface.subnet_id for name, interface in known.items()}
    return Context(owners, subnets, accepts=accepts, snapshot=log.network)


def contrasts(fold, groups: pd.DataFrame) -> pd.DataFrame:
    """Return the accepted traffic that speaks for or against each of `groups` (same index).

    ``own``: the client's accepted records to the same service at this interface; ``own_first``, ``own_last``;
    ``others``: whether other clients were accepted there; ``answers``: accepted records that the service sent there;
    ``publics``: public clients that were accepted there; ``newest``: when the last of all that were accepted there
    began; ``nearby``: whether another client of the client's /24 is answered there; ``known``: accepted records that
    the client sent anywhere to a service; ``peers``: list of (interface, first, last) where the far address was
    accepted on this port by another interface. Times in seconds since 1970.
    """
    keys = groups[["interface_id", "client", *SERVICE]].assign(away=column(groups, lambda one: one.leaves is True).astype(bool))
    asked = {"keys": keys.drop_duplicates(["interface_id", "client", *SERVICE, "away"])}
    met = ("sum(client_accepted)::BIGINT AS records, min(e.first) AS first, max(e.last) AS last,"
           " max(e.first) FILTER (client_accepted > 0) AS newest, sum(server_accepted)::BIGINT AS answers,"
           " min(e.client) AS least, max(e.client) AS most,"
           " count(DISTINCT e.client) FILTER (NOT regexp_matches(e.client, ?)) AS publics")  # fmt: skip
    on = "e.server = k.server AND coalesce(e.protocol, -1) = k.protocol AND coalesce(e.server_port, -1) = k.server_port"
    toward = fold.sql(
        "WITH k AS (SELECT DISTINCT server, protocol, server_port FROM keys)"
        f" SELECT e.interface_id, k.server, k.protocol, k.server_port, {met} FROM edges e JOIN k ON {on}"
        " WHERE client_accepted > 0 OR server_accepted > 0 GROUP BY ALL",
        PRIVATE_TEXT,
        **asked,
    )
    nearby = fold.sql(
        "SELECT DISTINCT k.interface_id, k.client, k.server, k.protocol, k.server_port FROM keys k JOIN edges e ON"
        f" e.interface_id = k.interface_id AND {on} AND e.client <> k.client"
        " AND regexp_extract(e.client, ?) = regexp_extract(k.client, ?)"
        " WHERE regexp_matches(k.client, ?) AND NOT away AND client_accepted > 0 AND server_accepted > 0",
        *[r"^\d+[.]\d+[.]\d+[.]"] * 2,
        PRIVATE_TEXT,
        **asked,
    )
    nearby = set(nearby.itertuples(index=False, name=None))
    sent = fold.sql(
        "WITH k AS (SELECT DISTINCT client, protocol, server_port FROM keys WHERE NOT away)"
        f" SELECT e.interface_id, k.client, k.protocol, k.server_port, {met} FROM edges e JOIN k ON e.client = k.client"
        " AND coalesce(e.protocol, -1) = k.protocol AND coalesce(e.server_port, -1) = k.server_port"
        " WHERE client_accepted > 0 GROUP BY ALL",
        PRIVATE_TEXT,
        **asked,
    )  # fmt: skip
    known = fold.sql(
        "SELECT client, sum(client_accepted)::BIGINT AS known FROM edges WHERE client IN (SELECT client FROM keys)"
        f" AND coalesce(server_port, -1) < {EPHEMERAL} GROUP BY client",
        **asked,
    ).set_index("client").known  # fmt: skip
    services, places = {}, defaultdict(dict)
    for row in toward.sort_values("interface_id").itertuples():
        services[row.interface_id, row.server, row.protocol, row.server_port] = row
        if row.records:
            places[True, row.server, row.protocol, row.server_port][row.interface_id] = row
    for row in sent.sort_values("interface_id").itertuples():
        places[False, row.client, row.protocol, row.server_port][row.interface_id] = row
    found = []
    for one in keys.itertuples(index=False):
        far = one.server if one.away else one.client
        there = places.get((one.away, far, one.protocol, one.server_port), {})
        own, service = there.get(one.interface_id), services.get(one[:1] + one[2:5])
        others = bool(service and service.records and {service.least, service.most} != {one.client})
        peers = [(eni, row.first, row.last) for eni, row in there.items() if eni != one.interface_id]
        found.append(
            (own.records if own else 0, own.first if own else None, own.last if own else None, others,
             service.answers if service else 0, service.publics if service else 0, service.newest if service else None,
             tuple(one[:5]) in nearby, int(known.get(one.client, 0)), peers)
        )  # fmt: skip
    names = "own own_first own_last others answers publics newest nearby known peers".split()
    return pd.DataFrame(found, groups.index, names)


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


def cut_together(groups: pd.DataFrame) -> pd.Series:
    """Return whether the open sessions of a group stop with others of the same place at one moment, two at least."""
    open_ = groups[
        ((groups.refusal == "late") & (groups.unclosed == groups.sessions))
        | ((groups.refusal == "mid-stream") & (groups.reopened == groups.sessions) & groups.flagged)
    ].dropna(subset=["first", "latest"])
    cut = pd.Series(False, groups.index)
    for _place, part in open_.groupby(["interface_id", "server", "protocol", "server_port"]):
        for one in part.itertuples():
            with_it = part[(part["first"] >= one.first - MOMENT) & (part.latest <= one.first + MOMENT)]
            cut[one.Index] = one.latest <= one.first + MOMENT and with_it.sessions.sum() >= 2
    return cut


def blocked_services(fold, groups: pd.DataFrame, walks: pd.DataFrame) -> pd.DataFrame:
    """Return services that are rejected to everybody, one row each, and mark their `groups`: ``kind`` blocked-service.

    ``interface_id``, ``server``, ``protocol``, ``server_port``; of the clients that retransmit as real stacks do and
    are no scanners: ``clients``, ``sessions``, ``attempts``, ``records``, ``packets``, ``bytes``, ``first``, ``last``;
    ``elsewhere``: another address of the interface (of the other IP family) that serves this port; null: none.
    A port by which machines are administered or databases asked is probed by everybody: it counts only where a
    security group opens it.
    """
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)
    services = fold.sql(
        f"""WITH asked AS (FROM refused_groups WHERE refusal = 'request' AND protocol = 6 AND leaves IS NOT TRUE
            AND client NOT IN (SELECT client FROM walks)),
        tries AS (SELECT {', '.join(["interface_id", *SERVICE])}, count(DISTINCT client) AS clients, {sums},
            min(first) AS first, max(last) AS last FROM asked WHERE retries > 0 GROUP BY ALL
            HAVING count(DISTINCT client) >= {CUSTOMERS // 2})
        SELECT tries.*, (SELECT count(DISTINCT client) FROM asked WHERE asked.interface_id = tries.interface_id
            AND asked.server = tries.server AND asked.server_port = tries.server_port) AS every FROM tries""",
        walks=walks[["client"]],
    )
    met = fold.sql(
        "SELECT s.interface_id, s.server, s.server_port, max(e.last) FILTER (e.server = s.server) AS latest,"
        " any_value(e.server) FILTER (e.server <> s.server) AS elsewhere FROM edges e JOIN services s ON"
        " e.interface_id = s.interface_id AND e.protocol = s.protocol AND e.server_port = s.server_port"
        " WHERE client_accepted > 0 AND server_accepted > 0 GROUP BY ALL",
        services=services,
    )
    services = services.merge(met, "left", ["interface_id", "server", "server_port"])
    wanted = (2 * services.clients >= services.every) & ~(services.latest >= services["first"])
    keep = []
    for row in services[wanted].itertuples():
        mine = groups.index[
            (groups.interface_id == row.interface_id) & (groups.server == row.server) & (groups.retries > 0)
            & (groups.server_port == row.server_port) & (groups.refusal == "request") & (groups.kind != "scan")
        ]  # fmt: skip
        opened = any(one is not None and one.groups_allow for one in groups.verdict[mine])
        probed = row.server_port in {*ADMIN_PORTS, *DATABASE_PORTS}
        if len(mine) and (opened or (row.clients >= CUSTOMERS and not probed)):
            groups.loc[mine, "kind"] = "blocked-service"
            keep.append(row.Index)
    return services.loc[keep].reset_index(drop=True)


def classify(groups: pd.DataFrame, context: Context, walking: set, min_score: int, scan_targets: int) -> pd.DataFrame:
    """Return `groups`, the most legitimate clients first, with what is decided of each.

    ``kind`` and ``cause`` (as in findings.json), ``confidence``, ``grounds`` (tuple of sentences), ``verdict`` (the
    snapshot's, or None), ``answer`` (that on the reply to a request, if it would be rejected too), ``way`` (True: the
    rejected packets leave the interface), ``parts`` (reason → points) and ``score``, their sum.
    """
    # Two reasons for two points each need ACCEPT records: a client is not to be missed for want of them.
    min_score -= 0 if context.accepts else 2
    causes = [cause(group, context) for group in groups.itertuples()]
    for name in ("kind", "cause", "confidence", "grounds", "verdict", "answer"):
        groups[name] = pd.Series([getattr(one, name) for one in causes], groups.index, dtype="object")
    groups["way"] = column(groups, context.leaves)
    groups["parts"] = column(groups, lambda one: legitimacy(one, one.client in walking, scan_targets))
    groups["score"] = pd.Series([sum(parts.values()) for parts in groups.parts], groups.index, dtype="int64")
    groups["kind"] = column(groups, lambda one: _kind(one, walking, min_score, scan_targets))
    order = ["score", "records", *GROUP]
    return groups.sort_values(order, ascending=[False, False] + [True] * len(GROUP), ignore_index=True)


def _kind(group, walking: set[str], min_score: int, scan_targets: int) -> str:
    """Return the group's kind, once its client is weighed."""
    inside = is_private(group.client) or own_client(group)
    scanning = group.client in walking or (group.targets >= scan_targets and not inside)
    if group.kind not in ("blocked-client", "noise"):
        return "scan" if scanning and not inside and group.kind == "late-packets" else group.kind
    if scanning and not (inside and group.active_intervals >= 3):
        return "scan"
    return "blocked-client" if group.kind == "blocked-client" and group.score >= min_score else "noise"


def incidents(groups: pd.DataFrame) -> pd.DataFrame:
    """Return `groups` with ``inside`` (the interface's end), ``far`` (the other) and ``incident``: what belongs together.

    One deny entry of a network ACL is one incident; so is one interface's service rejected for one cause. What a
    changed ACL rejects afterwards joins the sessions that the change cut, noise does nowhere else.
    """
    began_inside = column(groups, own_client).astype(bool)
    groups["inside"] = groups.client.where(began_inside, groups.server)
    groups["far"] = groups.server.where(began_inside, groups.client)
    place = pd.Series(
        list(zip(groups.interface_id, groups.inside, groups.protocol, groups.server_port, strict=True)), groups.index,
        dtype="object",
    )  # fmt: skip
    about = column(
        groups,
        lambda one: (one.kind != "blocked-service" and one.verdict and one.verdict.deny) or (one.kind, one.cause),
    )
    groups["incident"] = [f"{where} {what}" for where, what in zip(place, about, strict=True)]
    for name, cut in groups[groups.kind == "acl-changed"].groupby("incident"):
        block, since = enclosing_network(cut.far), cut["first"].min() - pd.Timedelta(minutes=10)
        beside = groups.index[
            (place == place[cut.index[0]]) & (groups["first"] >= since) & (groups.refusal == "request")
        ]
        joins = [number for number in beside if block and enclosing_network([str(block), groups.far[number]]) == block]
        groups.loc[joins, "incident"] = name
        groups.loc[[*joins, *groups.index[groups.incident == name]], "kind"] = "acl-changed"
        for number in (number for number in joins if groups.verdict[number] is None):
            groups.loc[number, ["cause", "confidence"]] = ["network-acl", "medium"]
            groups.at[number, "grounds"] += (f"a changed network ACL cut off {block} at that time",)
    rank = groups.kind.map(KINDS.index)
    grave = rank.groupby(groups.incident).transform("min")
    joined = (grave < KINDS.index("late-packets")) & (groups.kind != "scan")
    groups.loc[joined, "kind"] = grave[joined].map(dict(enumerate(KINDS)))
    return groups


def column(groups: pd.DataFrame, of) -> pd.Series:
    """Return what `of` makes of each row."""
    return pd.Series([of(group) for group in groups.itertuples()], groups.index, dtype="object")


def over_time(fold, groups: pd.DataFrame) -> pd.DataFrame:
    """Return rejected records by time step and kind: ``start`` (UTC), ``kind``, ``records``; unlisted groups: noise."""
    table = fold.sql(
        "SELECT step, coalesce(kind, 'noise') AS kind, sum(records)::BIGINT AS records FROM refusals r LEFT JOIN kinds k"
        f" ON {' AND '.join(_same(name) for name in GROUP)} GROUP BY ALL ORDER BY ALL",
        kinds=groups[[*GROUP, "kind"]],
    )
    return table.assign(start=pd.to_datetime(table.step, unit="s", utc=True))[["start", "kind", "records"]]


def _same(name: str) -> str:
    """Return the SQL that joins ``refusals`` to groups by one key."""
    missing = {"protocol": -1, "server_port": -1, "control": 0}
    return f"coalesce(r.{name}, {missing[name]}) = k.{name}" if name in missing else f"r.{name} = k.{name}"
