"""Who talks to whom, which way, and how far that can be trusted: the answer for a notebook, from edges and volumes."""

import shlex
from dataclasses import dataclass

import pandas as pd
from matplotlib.ticker import EngFormatter

from flowkit.folding.conversations import CONFIDENCE
from flowkit.folding.coverage import covered_share
from flowkit.questions import talkers as ask
from flowkit.reporting.answer import Answer, incident_id
from flowkit.reporting.finding import Finding
from flowkit.reporting.names import hosts, many, service_name

#: The evidence whose answer is a guess, or none.
WEAK = tuple(evidence for evidence, confidence in CONFIDENCE.items() if confidence == "low")


@dataclass(frozen=True, kw_only=True)
class Talkers(Answer):
    """What `talkers` returns, beside summary, findings, coverage and titles.

    `pairs`, `talkers`, `roles`, `by_interface`, `over_time`, `zones`, `paths`, `evidence`, `addresses`: the tables of
    `flowkit.questions.talkers`, with the names of hosts and AWS services beside addresses.
    """

    pairs: pd.DataFrame
    talkers: pd.DataFrame
    roles: pd.DataFrame
    by_interface: pd.DataFrame
    over_time: pd.DataFrame
    zones: pd.DataFrame
    paths: pd.DataFrame
    evidence: pd.DataFrame
    addresses: pd.DataFrame


def talkers(log, top: int = 20, weak_share: float = 0.05) -> Talkers:
    """Return who talks to whom in `log`, with at most `top` rows a table.

    `weak_share`: share of sessions whose client is a guess, or unknown, that is worth a finding.
    """
    fold, host = log.fold, hosts(log)
    services = fold.sql("FROM aws_services").set_index("address").service.to_dict()

    def named(address: str) -> str:
        return f"{address} ({services[address]})" if address in services else host(address)

    pairs = ask.pairs(fold, top)
    service = [
        service_name(-1 if pd.isna(p) else p, port)
        for p, port in zip(pairs.protocol, pairs.server_port, strict=True)
    ]
    pairs = pairs.assign(client=pairs.client.map(named), server=pairs.server.map(named)).drop(
        columns=["protocol", "server_port"]
    )
    pairs.insert(2, "service", service)
    heaviest = ask.talkers(fold, top)
    heaviest = heaviest.assign(address=heaviest.address.map(named))
    roles, interfaces = ask.roles(fold), ask.by_interface(fold)
    label = log.network.label if log.network else str
    roles.insert(1, "name", roles.interface_id.map(label))
    interfaces.insert(1, "name", interfaces.interface_id.map(label))
    evidence, addresses, zones = ask.evidence(fold), ask.addresses(fold), ask.zones(fold)
    over_time, totals = ask.over_time(fold), ask.totals(fold)
    share = covered_share(log.coverage)
    return Talkers(
        summary=_summary(totals, pairs, evidence, addresses, log.fold.facts),
        findings=tuple(_findings(addresses, evidence, share, weak_share, log)),
        coverage="" if share is None else f"Log coverage {share:.2%}",
        titles={
            "traffic_over_time": _busiest(over_time),
            "traffic_by_interface": _busiest_interface(interfaces),
            "talkers": _heaviest(heaviest),
            "evidence": _known(evidence),
        },
        pairs=pairs, talkers=heaviest, roles=roles.head(2000), by_interface=interfaces, over_time=over_time,
        zones=zones, paths=ask.paths(fold), evidence=evidence, addresses=addresses,
    )  # fmt: skip


def _summary(
    totals: pd.DataFrame, pairs: pd.DataFrame, evidence: pd.DataFrame, addresses, facts: dict
) -> tuple[str, ...]:
    if not facts["traffic"]:
        return ("No record in this window names a flow, so there is no direction to tell.",)
    said = [_volume(totals)]
    if len(pairs) and pairs.client_bytes.iloc[0] + pairs.server_bytes.iloc[0]:
        one = pairs.iloc[0]
        said.append(
            f"Most bytes: {one.client} with {one.server} ({one.service}), {size(one.client_bytes)} sent and "
            f"{size(one.server_bytes)} received in {many(one.sessions, 'session')}."
        )
    if facts["rejected"]:
        parts = totals.groupby("direction").rejected_records.sum()
        words = {
            "ingress": "inbound",
            "egress": "outbound",
            "transit": "in transit",
            "unknown": "of unknown direction",
        }
        split = ", ".join(f"{parts[name]:,} {word}" for name, word in words.items() if parts.get(name))
        said.append(f"{many(facts['rejected'], 'record')} rejected: {split}.")
    transit = addresses.loc[addresses.transit, "interface_id"].nunique()
    if transit:
        said.append(f"{many(transit, 'NAT or transit interface')}, left out of totals.")
    return (*said, _known(evidence))


def _volume(totals: pd.DataFrame) -> str:
    total = int(totals.bytes.sum())
    if not total:
        return "No traffic was accepted, as far as this log says."
    parts = totals.groupby(["direction", "peer"], dropna=False).bytes.sum()

    def part(direction: str, peer: str) -> int:
        return int(parts.get((direction, peer), 0))

    inside = part("ingress", "internal") + part("egress", "internal") + part("unknown", "internal")
    said = f"Accepted traffic: {size(total)}, {inside / total:.0%} of it between private addresses"
    outside = [
        (part("ingress", "external"), "from the internet"),
        (part("egress", "external"), "to the internet"),
        (part("unknown", "external"), "to or from the internet, direction unknown"),
    ]
    some = [f"{size(count)} {where}" for count, where in outside if count]
    return f"{said}; {', '.join(some)}." if some else f"{said}."


def _known(evidence: pd.DataFrame) -> str:
    total = evidence.sessions.sum()
    if not total:
        return "No session to tell a direction of."
    firm = 1 - evidence.loc[evidence.evidence.isin(WEAK), "share"].sum()
    said = f"Client identified with confidence in {_percent(firm)} of {many(total, 'session')}"
    compared = evidence.compared.sum()
    if compared:
        right = float(evidence.right.sum() / compared)
        said += f"; without TCP flags it would be the same in {_percent(right)} of those with a SYN"
    return said + "."


def _busiest(table: pd.DataFrame) -> str:
    ways = table.drop(columns="time")
    sums = ways.sum(axis=1)
    if not sums.sum():
        return "No accepted traffic, as far as this log says."
    at = sums.idxmax()
    into, out = (ways.loc[at].filter(like=f"{way}_").sum() for way in ("in", "out"))
    return f"Busiest at {table.time[at]:%Y-%m-%d %H:%M} UTC: {size(into)} in, {size(out)} out."


def _busiest_interface(table: pd.DataFrame) -> str:
    if table.empty:
        return "No interface logged a flow."
    one = table.iloc[0]
    into, out = (
        one.filter(like=f"{way}_").drop("interface_id", errors="ignore").sum() for way in ("in", "out")
    )
    if not into + out:
        return f"{one['name']} is the busiest: {size(one.transit_bytes + one.unknown_bytes)} of no direction of its own."
    return f"{one['name']} is the busiest: {size(into)} in, {size(out)} out."


def _heaviest(table: pd.DataFrame) -> str:
    if not table[["sent_bytes", "received_bytes"]].sum().sum():
        return "No address sent anything that was accepted."
    one = table.iloc[0]
    return f"{one.address} moved most: {size(one.sent_bytes)} sent, {size(one.received_bytes)} received."


def _findings(
    addresses: pd.DataFrame, evidence: pd.DataFrame, share: float | None, weak_share: float, log
) -> list[Finding]:
    """Return what stands in the way of telling direction: addresses in conflict, unknown ones, weak evidence."""
    found = [
        _conflict(address, rows, share) for address, rows in addresses[addresses.conflict].groupby("address")
    ]
    lost = addresses[(addresses.basis == "unknown") & ~addresses.transit & (addresses.interface_id != "-")]
    advice = "Add flow-direction to the log's format" + (
        "." if log.network else ", or give this report the network's interfaces.\nflowkit snapshot network"
    )
    for eni, rows in lost.groupby("interface_id"):
        days = rows.day.nunique(dropna=False)
        found.append(Finding(
            "low-confidence-direction", "low", "certain",
            f"The own address of {eni} is unknown on {many(days, 'day')}: its sessions are neither inbound nor outbound.",
            {"interface_id": eni}, grounds=("no address is at one end of all its records, or two are",), action=advice,
            first_seen=rows["first"].min(), last_seen=rows["last"].max(), coverage=share, counts={"days": days},
        ))  # fmt: skip
    weak = evidence[evidence.evidence.isin(WEAK) & (evidence.sessions > 0)]
    if weak.share.sum() > weak_share:
        flags = log.fold.facts["flagged"] > 0
        action = (
            "What is left has no TCP flags to go by: it is not TCP, or began before the log does." if flags else
            "Create a flow log whose format has tcp-flags and flow-direction; a format cannot be changed afterwards."
        )  # fmt: skip
        found.append(Finding(
            "low-confidence-direction", "low", "certain",
            f"The client is a guess or unknown in {_percent(weak.share.sum())} of {many(evidence.sessions.sum(), 'session')}.",
            {}, grounds=tuple(f"{row.evidence}: {_percent(row.share)}" for row in weak.itertuples()), action=action,
            coverage=share, counts={"sessions": evidence.sessions.sum(), "share": round(float(weak.share.sum()), 4)},
        ))  # fmt: skip
    return found


def _conflict(address: str, rows: pd.DataFrame, share: float | None) -> Finding:
    interfaces = sorted(rows.interface_id.unique())
    sure = rows.basis.isin(["flow-direction", "snapshot"]).all()
    listed = ", ".join(interfaces[:3]) + (f" and {len(interfaces) - 3} more" if len(interfaces) > 3 else "")
    return Finding(
        "address-conflict", "medium" if sure else "low", "certain" if sure else "medium",
        f"{address} is the address of {len(interfaces)} interfaces at the same time: {listed}.",
        {"srcaddr": address},
        grounds=tuple(f"{row.interface_id}: {row.basis}" for row in rows.drop_duplicates("interface_id").itertuples()),
        action="An address alone does not say whose packets these are, and totals may count them twice.\n"
        "aws ec2 describe-network-interfaces --network-interface-ids " + " ".join(map(shlex.quote, interfaces[:20])),
        first_seen=rows["first"].min(), last_seen=rows["last"].max(), coverage=share,
        incident=incident_id("address", address), counts={"interfaces": len(interfaces)},
    )  # fmt: skip


def size(number: float) -> str:
    """Return `1.3 GB` for 1,300,000,000 bytes."""
    return EngFormatter(unit="B", places=1 if number >= 1000 else 0, sep=" ")(float(abs(number)))


def _percent(share: float) -> str:
    """Return `12.3 %`; never `0.0 %` or `100.0 %` for what is not quite none or all."""
    if 0 < share < 0.001 or 0.999 < share < 1:
        return "under 0.1 %" if share < 0.5 else "over 99.9 %"
    return f"{share:.1%}".replace("%", " %")
