"""Every group of refused traffic with its cause, the grounds for it, and whether its client is wanted.

In: the flows table and, where there is one, the network snapshot. Out: small tables. This puts together
`refusals` (the groups), `contrasts` and `scanners` (what else the log says) and `cause` (the verdict).
"""

import re
from collections import defaultdict
from dataclasses import replace
from ipaddress import ip_address
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.analysis.addresses import interface_addresses
from flowkit.analysis.causes import Surroundings, cause, own_client, wanted
from flowkit.analysis.contrast import contrasts
from flowkit.analysis.incidents import incidents
from flowkit.analysis.network import Snapshot
from flowkit.analysis.refusals import GROUP, PRIVATE, logged, refusals
from flowkit.analysis.scans import DECIDED, scanners
from flowkit.fields import DEFAULT_FORMAT


class Rejected(NamedTuple):
    """The tables of `rejected`; `accepts`: whether the log has any ACCEPT."""

    groups: pd.DataFrame
    scanners: pd.DataFrame
    totals: pd.DataFrame
    accepts: bool


class Evidence(NamedTuple):
    """All that the log says of its refusals, before it is judged."""

    groups: pd.DataFrame
    walks: pd.DataFrame
    totals: pd.DataFrame
    around: Surroundings


def rejected(
    flows: ir.Table, snapshot: Snapshot | None = None, enough: int = 4, fan_out: int = 10, limit: int = 2000
) -> Rejected:
    """Refused traffic, judged: `groups` with most wanted first, `scanners`, and `totals` of all by fate.

    `groups`: the columns of `refusals` and `contrasts` (`first`, `last` as UTC Timestamps) and `kind` (as in
    findings.json), `cause`, `confidence`, `grounds` (tuple of sentences), `verdict` (the snapshot's, or None),
    `answer` (that on the reply to a request, if it would be refused too),
    `way` (True: the refused packets leave the interface), `score` and its `parts` (reason → points); `incident`,
    `inside` and `far`, as `incidents` says.
    A request is a blocked client from `enough` points on (2 less in a log of refusals only), a scan if its
    client is a scanner, else noise; a client with `fan_out` targets or more is taken for a scanner.
    `scanners`: one row a scanning client.
    """
    return judge(evidence(flows, limit), snapshot, enough, fan_out)


def evidence(flows: ir.Table, limit: int = 2000) -> Evidence:
    """What the log alone says: all of the engine's work, none of the judgement."""
    found = refusals(flows, limit)
    ends = zip(found.groups.client, found.groups.server, strict=True)
    named = [_is_address(client) and _is_address(server) for client, server in ends]
    groups = found.groups[pd.array(named, dtype=bool)].reset_index(drop=True)
    around = _surroundings(flows) if len(groups) else Surroundings(accepts=_accepts(flows))
    groups["egress"] = _column(groups, around.egress)
    groups = groups.join(contrasts(flows, groups) if len(groups) else _nothing())
    targets = found.clients.set_index("client").groups
    groups["targets"] = groups.client.map(targets).fillna(1).astype("int64")
    # Who is refused four times and mostly accepted is no scanner, and need not be followed.
    accepted = groups.groupby("client").known.max().to_dict()
    pairs = zip(found.clients.client, found.clients.groups, strict=True)
    refused = [count >= DECIDED and not accepted.get(client, 0) > count for client, count in pairs]
    several = found.clients[pd.array(refused, dtype=bool)]
    walks = scanners(flows, several).merge(several, on="client", suffixes=("_sent", ""))
    asked = groups[groups.fate == "request"]
    far = asked.client.where(asked.egress != True, asked.server)  # noqa: E712  (it may be None)
    refused = set(zip(asked.interface_id, far, asked.protocol, asked.server_port, strict=True))
    return Evidence(groups, walks, found.totals, replace(around, refused=refused))


def judge(
    evidence: Evidence, snapshot: Snapshot | None = None, enough: int = 4, fan_out: int = 10
) -> Rejected:
    """`evidence` judged, as `rejected` says."""
    groups, walks, totals = (table.copy() for table in evidence[:3])
    around = _with_snapshot(evidence.around, snapshot)
    walks = walks[(walks.verdict == "scanner") if around.accepts else (walks.groups >= fan_out)]
    walking = set(walks.client)
    # Two reasons for two points each need ACCEPT records: a client is not to be missed for want of them.
    enough -= 0 if around.accepts else 2
    judged = [cause(group, around) for group in groups.itertuples()]
    for name in ("kind", "cause", "confidence", "grounds", "verdict", "answer"):
        groups[name] = pd.Series([getattr(one, name) for one in judged], groups.index, dtype="object")
    groups["way"] = _column(groups, around.egress)
    groups["parts"] = _column(groups, lambda group: wanted(group, group.client in walking, fan_out))
    groups["score"] = pd.Series([sum(parts.values()) for parts in groups.parts], groups.index, dtype="int64")
    groups["kind"] = _column(groups, lambda group: _kind(group, walking, enough, fan_out))
    for table in (groups, walks, totals):
        for name in ("first", "last"):
            table[name] = pd.to_datetime(table[name], unit="s", utc=True)
    falling = [False, False]
    groups = groups.sort_values(
        ["score", "records", *GROUP], ascending=falling + [True] * len(GROUP), ignore_index=True
    )
    walks = walks.sort_values(["groups", "records", "client"], ascending=[*falling, True], ignore_index=True)
    return Rejected(incidents(groups), walks, totals, around.accepts)


def refused_over_time(flows: ir.Table, groups: pd.DataFrame, seconds: int = 3600) -> pd.DataFrame:
    """Refused records per `seconds` and kind: `start` (UTC), `kind`, `records`; groups not listed: "noise"."""
    marked = _marked(flows, groups, groups.kind, "string")
    slots = marked.group_by(start=_.start // seconds * seconds, kind=_.mark.fill_null("noise"))
    table = slots.agg(records=_.count()).order_by("start", "kind").execute()
    return table.assign(start=pd.to_datetime(table.start, unit="s", utc=True))


def samples(flows: ir.Table, groups: pd.DataFrame, each: int = 3) -> dict[int, tuple[str, ...]]:
    """Up to `each` refused records of every one of `groups` (by its index), as default-format log lines."""
    if groups.empty:
        return {}
    marked = _marked(flows, groups, groups.index.to_series(), "int64").filter(_.mark.notnull())
    oldest = ibis.window(group_by="mark", order_by=["start", "end", "srcport", "packets"])
    some = (
        marked.mutate(nth=ibis.row_number().over(oldest))
        .filter(_.nth < each)
        .order_by("mark", "nth")
        .execute()
    )
    fields = some[[name.replace("-", "_") for name in DEFAULT_FORMAT]].astype("object")
    lines = fields.where(fields.notna(), "-").astype(str).agg(" ".join, axis=1)
    return {mark: tuple(part) for mark, part in lines.groupby(some.mark)}


def _marked(flows: ir.Table, groups: pd.DataFrame, marks: pd.Series, kind: str) -> ir.Table:
    """The refused records, each with the mark of its group in `mark`; null for groups that are not listed."""
    rows = logged(flows).filter(_.action == "REJECT")
    rows = rows.select(
        *(name.replace("-", "_") for name in DEFAULT_FORMAT),
        at=ibis.coalesce(rows.interface_id, rows.resource_id, "-"),
        by=rows.protocol.fill_null(-1).cast("int64"),
        sport=rows.srcport.fill_null(-1).cast("int64"),
        dport=rows.dstport.fill_null(-1).cast("int64"),
    )
    keys = pd.DataFrame({"at": groups.interface_id, "by": groups.protocol.astype("int64")})
    port = groups.server_port.fillna(-1).astype("int64")
    asked = keys.assign(srcaddr=groups.client, dstaddr=groups.server, dport=port, asked=marks)
    told = keys.assign(srcaddr=groups.server, dstaddr=groups.client, sport=port, told=marks)
    for table, name in ((asked[~groups.from_server], "asked"), (told[groups.from_server], "told")):
        on = [column for column in table.columns if column != name]
        types = {column: "int64" if column in ("by", "sport", "dport") else "string" for column in on}
        known = ibis.memtable(table.drop_duplicates(on), schema=types | {name: kind})
        joined = rows.left_join(known, on)
        rows = joined.select(*(joined[column] for column in rows.columns), joined[name])
    return rows.mutate(mark=ibis.coalesce(rows.asked, rows.told))


def _is_address(text: str) -> bool:
    """Whether `text` is an address: what is none, a log may hold it, is counted and not judged."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _column(groups: pd.DataFrame, of) -> pd.Series:
    """What `of` makes of each row."""
    return pd.Series([of(group) for group in groups.itertuples()], groups.index, dtype="object")


def _nothing() -> pd.DataFrame:
    names = ["own", "answers", "known", "others", "own_first", "own_last", "peers"]
    return pd.DataFrame({name: pd.Series(dtype="object") for name in names})


def _surroundings(flows: ir.Table) -> Surroundings:
    """Who has which address, which subnet, and whether anything was accepted at all."""
    rows, owners = logged(flows), defaultdict(set)
    own = interface_addresses(flows).dropna(subset=["address"])
    for interface_id, address in zip(own.interface_id, own.address, strict=True):
        owners[address].add(interface_id)
    named = rows.filter(rows.subnet_id.notnull()).group_by("interface_id").agg(subnet_id=_.subnet_id.max())
    subnets = dict(named.execute().itertuples(index=False))
    return Surroundings(dict(owners), subnets, accepts=_accepts(flows))


def _accepts(flows: ir.Table) -> bool:
    return bool(logged(flows).filter(_.action == "ACCEPT").limit(1).count().execute())


def _with_snapshot(around: Surroundings, snapshot: Snapshot | None) -> Surroundings:
    """`around`, with the snapshot's interfaces as they are, whatever the log made of them."""
    if snapshot is None:
        return around
    known = snapshot.interfaces
    owners = {
        address: {name for name in names if name not in known} for address, names in around.owners.items()
    }
    for interface in known.values():
        for address in interface.addresses:
            owners.setdefault(address, set()).add(interface.interface_id)
    subnets = around.subnets | {name: interface.subnet_id for name, interface in known.items()}
    return replace(around, owners=owners, subnets=subnets, snapshot=snapshot)


def _kind(group, walking: set[str], enough: int, fan_out: int) -> str:
    """The group's kind, once its client is weighed up."""
    inside = bool(re.search(PRIVATE, group.client)) or own_client(group)
    scanning = group.client in walking or (group.targets >= fan_out and not inside)
    if group.kind not in ("blocked-client", "noise"):
        return "scan" if scanning and not inside and group.kind == "late-packets" else group.kind
    if scanning and not (inside and group.spells >= 3):
        return "scan"
    return "blocked-client" if group.kind == "blocked-client" and group.score >= enough else "noise"
