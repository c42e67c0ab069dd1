"""Who is rejected and why: every group of rejected conversations with its cause, its grounds and its client's score.

In: a log, its fold and, where there is one, the rules snapshot. Out: small tables. `flowkit.questions.refusals`
reduces, `flowkit.questions.causes` decides; this puts both together and joins groups to incidents.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

import pandas as pd

from flowkit.net import ADMIN_PORTS, DATABASE_PORTS, TCP, UDP, is_private, is_to_many, private
from flowkit.questions.causes import AGAIN, Context, cause
from flowkit.questions.legitimacy import legitimacy, own_client
from flowkit.questions.networks import enclosing_network
from flowkit.questions.refusals import DECIDED, GROUP, GROUPS, SERVICE, SUMS, column, contrasts, grouped, scanners

#: The gravest kind first; an incident that joins several groups is of the first of theirs.
KINDS = "blocked-service acl-changed reply-refused blocked-client service-control late-packets scan noise".split()
PLACE = ["interface_id", *SERVICE]
#: A service is rejected to everybody where so many clients, most of all that asked, retransmit as real stacks do;
#: half as many are enough where a security group opens it, so that somebody wants it open.
CUSTOMERS = 10
#: Seconds in which open sessions stop together where one change cuts them: two aggregation intervals of 60 s and the
#: keepalives or retransmissions that show it.
MOMENT = 300
#: How the open sessions of a service are added to its requests, which alone are attempts.
WITH_CUT = {"records": "sum", "packets": "sum", "bytes": "sum", "first": "min", "last": "max"}


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
    """Return the rejected traffic of `log` with its causes, the most legitimate clients first. A request is a blocked
    client from `min_score` points on (2 less in a log of rejections only), a scan if its client is a scanner, else
    noise; a client with `scan_targets` targets or more is taken for a scanner."""
    fold = log.fold
    groups, clients, totals = grouped(fold, limit)
    context = context_of(log)
    groups["leaves"] = column(groups, replace(context, snapshot=None).leaves)
    groups = groups.join(contrasts(fold, groups))
    # SYN-ACKs to an interface that let no SYN out: that its log holds what it accepted says so.
    groups["unasked"] = context.accepts & (groups.syn_acks > 0) & (groups.own == 0)
    groups["targets"] = groups.client.map(clients.set_index("client").groups).fillna(1).astype("int64")
    known = clients.client.map(groups.groupby("client").known.max()).fillna(0)
    # Who is rejected four times is no scanner, and need not be followed, where it is mostly accepted, or where it asks
    # everybody at once, or those who have connections to it: it calls them back, as of old FTP does.
    idle = (groups.called | groups.server.map(is_to_many)).groupby(groups.client).mean()
    asked = clients[(clients.groups >= DECIDED) & ~(known > clients.groups) & ~(clients.client.map(idle) > 0.5)]
    walks = scanners(fold, asked)
    walks = walks[(walks.verdict == "scanner") if context.accepts else (walks.groups >= scan_targets)]
    for table in (groups, walks, totals):
        table[["first", "last"]] = table[["first", "last"]].astype("float64")  # no time compares as false
    requests = groups[groups.refusal == "request"]
    far = requests.client.where(requests.leaves != True, requests.server)  # noqa: E712  (it may be None)
    places = zip(requests.interface_id, far, requests.protocol, requests.server_port, strict=True)
    groups["cut"] = cut_together(groups)
    groups = classify(groups, replace(context, refused=set(places)), set(walks.client), min_score, scan_targets)
    walks = walks[~walks.client.isin({*groups.client} - {*groups.client[groups.kind == "scan"]})]
    services = blocked_services(fold, groups, walks, context.accepts)
    for table in (groups, walks, totals, services):
        for name in ("first", "last"):
            table[name] = pd.to_datetime(table[name], unit="s", utc=True)
    walks = walks.sort_values(["groups", "records", "client"], ascending=[False, False, True], ignore_index=True)
    return Rejections(incidents(groups), walks, totals, services, context.accepts)


def context_of(log) -> Context:
    """Return who has which address, which subnet, and whether anything was accepted at all."""
    owners, own = defaultdict(set), log.interfaces.dropna(subset=["address"])
    known = log.network.interfaces if log.network else {}  # as they are, whatever the log made of them
    for interface_id, address in zip(own.interface_id, own.address, strict=True):
        owners[address] |= {interface_id} - known.keys()
    for interface_id, address in ((name, each) for name, one in known.items() for each in one.addresses):
        owners[address].add(interface_id)
    subnets = dict(log.interfaces.dropna(subset=["subnet_id"]).groupby("interface_id").subnet_id.max())
    subnets |= {name: interface.subnet_id for name, interface in known.items()}
    transit = frozenset(log.interfaces.interface_id[log.interfaces.transit])
    return Context(owners, subnets, transit, accepts=bool(log.fold.facts["accepted"]), snapshot=log.network)


def cut_together(groups: pd.DataFrame) -> pd.Series:
    """Return whether the open sessions of a group stop with others of the same place at one moment, two at least."""
    idle = (groups.refusal == "mid-stream") & (groups.reopened == groups.sessions) & groups.flagged
    again = groups.since <= groups["last"] + AGAIN  # its tracking had ended: what denies the client denies it still
    open_ = groups[((groups.refusal == "late") & (groups.unclosed == groups.sessions)) | (idle & ~again)]
    open_ = open_.dropna(subset=["first", "latest"])
    cut = pd.Series(False, groups.index)
    for _place, part in open_.groupby(PLACE):
        for one in part.itertuples():
            with_it = part[(part["first"] >= one.first - MOMENT) & (part.latest <= one.first + MOMENT)]
            cut[one.Index] = one.latest <= one.first + MOMENT and with_it.sessions.sum() >= 2
    return cut


def blocked_services(fold, groups: pd.DataFrame, walks: pd.DataFrame, accepts: bool) -> pd.DataFrame:
    """Return services that are rejected to everybody, one row each, and mark their `groups`: ``kind`` blocked-service.

    ``interface_id``, ``server``, ``protocol``, ``server_port``; of the clients that send again what is not answered and
    are no scanners, and where none of their kind (from the internet, or private, as health checks) is answered any more:
    ``clients``, ``sessions``, ``attempts``, ``records``, ``packets``, ``bytes``, ``first``, ``last``.
    A port by which machines are administered or databases asked is probed by everybody: it counts only where a
    security group opens it; so does one of UDP, unless TCP is served there by the same number, as with QUIC.
    Where the log does not say who is accepted (`accepts`), no rule may tell sources apart; open sessions that were cut
    count with the requests that came after.
    """
    services = fold.sql(
        f"""WITH asked AS (FROM refused_groups WHERE refusal = 'request' AND protocol IN ({TCP}, {UDP})
            AND leaves IS NOT TRUE AND client NOT IN (SELECT client FROM walks)),
        tries AS (SELECT {", ".join(PLACE)}, count(DISTINCT client) AS clients,
            {", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)}, min(first) AS first, max(last) AS last,
            2 * count(DISTINCT client) FILTER ({private("client")}) > count(DISTINCT client) AS inside
            FROM asked WHERE repeats GROUP BY ALL HAVING clients >= {CUSTOMERS // 2}),
        met AS (SELECT tries.*, max(e.last) FILTER (e.protocol = tries.protocol AND {private("e.client")} = inside)
                AS latest,
            count(*) FILTER (e.protocol <> tries.protocol) AS twins FROM tries LEFT JOIN edges e
            ON e.interface_id = tries.interface_id AND e.server = tries.server AND e.server_port = tries.server_port
            AND client_accepted > 0 AND server_accepted > 0 GROUP BY ALL)
        SELECT met.* FROM met JOIN asked USING ({", ".join(PLACE)}) GROUP BY ALL
        HAVING 2 * met.clients >= count(DISTINCT asked.client) AND (met.latest IS NULL OR met.latest < met.first)""",
        walks=walks[["client"]],
    )
    keep = []
    for row in services.itertuples():
        here = groups[(groups[PLACE] == [getattr(row, name) for name in PLACE]).all(axis=1)]
        mine = here[here.repeats & (here.refusal == "request") & (here.kind != "scan")]
        opened = any(one is not None and one.groups_allow for one in mine.verdict)
        probed = row.server_port in {*ADMIN_PORTS, *DATABASE_PORTS} or (row.protocol == UDP and not row.twins)
        nobody = accepts or all(one is None or _rejects_all(one) for one in mine.verdict)
        if len(mine) and nobody and (opened or (row.clients >= CUSTOMERS and not probed)):
            unclosed = (here.refusal == "mid-stream") & (here.kind == "noise")
            untracked = (here.refusal == "changed") & (here.kind == "blocked-client")
            cut = here[~here.from_server & (unclosed | untracked) & here.cause.isin(mine.cause)]
            services.loc[row.Index, "clients"] += len({*cut.client} - {*mine.client})
            for name, of in WITH_CUT.items() if len(cut) else ():
                services.loc[row.Index, name] = pd.concat([services.loc[[row.Index], name], cut[name]]).agg(of)
            groups.loc[[*mine.index, *cut.index], "kind"] = "blocked-service"
            keep.append(row.Index)
    return services.loc[keep].reset_index(drop=True)


def _rejects_all(verdict) -> bool:
    """Return whether what rejects does so whoever asks: a security group, or an ACL entry that names no network."""
    everybody = verdict.entry is None or verdict.entry.network.prefixlen == 0
    return verdict.groups_allow is False or (verdict.acl_allows is False and everybody)


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
    groups["parts"] = column(
        groups,
        lambda one: legitimacy(one, one.client in walking, scan_targets, one.client in context.owners, context.accepts),
    )
    groups["score"] = pd.Series([sum(parts.values()) for parts in groups.parts], groups.index, dtype="int64")
    groups["kind"] = column(
        groups, lambda one: _kind(one, walking, min_score, scan_targets, one.client in context.owners)
    )
    order = ["score", "records", *GROUP]
    return groups.sort_values(order, ascending=[False, False] + [True] * len(GROUP), ignore_index=True)


def _kind(group, walking: set[str], min_score: int, scan_targets: int, own: bool) -> str:
    """Return the group's kind, once its client is weighed."""
    inside = own or is_private(group.client) or own_client(group)
    scanning = group.client in walking or (group.targets >= scan_targets and not inside)
    if group.kind not in ("blocked-client", "noise"):
        return "scan" if scanning and not inside and group.kind == "late-packets" else group.kind
    if scanning and not (inside and group.active_intervals >= 3):
        return "scan"
    return "blocked-client" if group.kind == "blocked-client" and group.score >= min_score else "noise"


def incidents(groups: pd.DataFrame) -> pd.DataFrame:
    """Return `groups` with ``inside`` (the interface's end), ``far`` (the other) and ``incident``: what is one.

    One deny entry of a network ACL is one incident; so is one interface's service rejected for one cause. What a
    changed ACL rejects afterwards joins the sessions that the change cut, noise does nowhere else. ``root``: the rule
    to blame, or lacking, which incidents at several interfaces share; without a snapshot one client, or a crowd of them,
    that several interfaces reject on one port; else the incident itself.
    """
    began_inside = column(groups, own_client).astype(bool)
    groups["inside"] = groups.client.where(began_inside, groups.server)
    groups["far"] = groups.server.where(began_inside, groups.client)
    # All pods of a node, and all that a gateway passes on, are one place: that of the address which it logs.
    at = groups.client_logged.where(began_inside, groups.server_logged).fillna(groups.inside)
    place = column(groups.assign(at=at), lambda one: (one.interface_id, one.at, one.protocol, one.server_port))
    about = column(groups, lambda one: (one.verdict and one.verdict.deny) or (one.kind, one.cause))
    about = about.mask(groups.kind == "blocked-service", groups.kind)
    groups["incident"] = [f"{where} {what}" for where, what in zip(place, about, strict=True)]
    for name, cut in groups[groups.kind == "acl-changed"].groupby("incident"):
        block, since = enclosing_network(cut.far), cut["first"].min() - pd.Timedelta(minutes=10)
        after = (groups["first"] >= since) & (groups.refusal == "request")
        beside = groups.index[after & (place == place[cut.index[0]])]
        joins = [number for number in beside if block and enclosing_network([str(block), groups.far[number]]) == block]
        groups.loc[joins, "incident"] = name
        groups.loc[[*joins, *groups.index[groups.incident == name]], "kind"] = "acl-changed"
        for number in (number for number in joins if groups.verdict[number] is None):
            groups.loc[number, ["cause", "confidence"]] = ["network-acl", "medium"]
            groups.at[number, "grounds"] += (f"a changed network ACL cut off {block} at that time",)
    # Whoever tries in earnest from the same network, or where many others do, with too few attempts for a score of its
    # own, is no noise.
    quiet = groups[(groups.kind == "noise") & groups.repeats & (groups.refusal == "request")]
    for name, part in groups[(groups.kind == "blocked-client") & ~groups.far.map(is_private)].groupby("incident"):
        same = quiet[(place[quiet.index] == place[part.index[0]]) & (quiet.cause == part.cause.iloc[0])]
        crowd = part.far.nunique() >= CUSTOMERS
        beside = [number for number, far in same.far.items() if crowd or enclosing_network([*part.far, far])]
        groups.loc[beside, ["incident", "kind"]] = [name, "blocked-client"]
    rank = groups.kind.map(KINDS.index)
    grave = rank.groupby(groups.incident).transform("min")
    joined = (grave < KINDS.index("late-packets")) & (groups.kind != "scan")
    groups.loc[joined, "kind"] = grave[joined].map(dict(enumerate(KINDS)))
    roots = column(groups, _root).groupby(groups.incident).transform("first")
    clients = groups.groupby("incident").far.transform("nunique")
    crowd = (clients >= CUSTOMERS) & groups.kind.str.startswith("blocked")
    alike = groups.assign(far=groups.far.mask(crowd, "many"))
    alike = column(alike, lambda one: f"{one.far} {one.way} {one.protocol} {one.server_port} {one.cause}")
    known = (clients > 1) & ~crowd | groups.verdict.notna()
    groups["root"] = roots.fillna(groups.incident.where(known, alike))
    return groups


def _root(group) -> str | None:
    """Return what identifies the rule that rejects the group, or the one that its security groups lack."""
    verdict = group.verdict
    if verdict is None or verdict.allowed:
        return None
    by = verdict.group_ids if verdict.acl_allows is not False else verdict.acl_id
    lacks = (by, verdict.packet.egress, group.protocol, group.server_port)
    return str(verdict.deny or lacks)
