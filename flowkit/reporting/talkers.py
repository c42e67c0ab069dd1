"""Who talks to whom, which way, and who began it: the answer for a notebook, from `flowkit.questions.talkers`."""

import shlex
from dataclasses import dataclass

import pandas as pd

from flowkit.folding.conversations import CONFIDENCE
from flowkit.folding.coverage import covered_share
from flowkit.net import SERVICE_PORTS, protocol_name
from flowkit.questions import talkers as question
from flowkit.reporting.answer import Answer
from flowkit.reporting.finding import Finding
from flowkit.reporting.tables import percent, size

#: Evidence whose client is a guess, or unknown.
WEAK = tuple(name for name, confidence in CONFIDENCE.items() if confidence == "low")

#: The parts of accepted traffic: direction (None: any) and peer in `flowkit.questions.talkers.totals`, and its words.
PARTS = (
    (None, "internal", "between private addresses"),
    ("ingress", "external", "inbound from public addresses"),
    ("egress", "external", "outbound to public addresses"),
    ("unknown", "external", "to or from public addresses (direction unknown)"),
)

#: How a sentence names where records were rejected.
WHERE = {
    "ingress": "inbound", "egress": "outbound", "transit": "at NAT or transit interfaces",
    "unknown": "direction unknown",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Talkers(Answer):
    """What `talkers` returns, beside summary, findings, coverage and titles.

    Tables as the functions of these names in `flowkit.questions.talkers` return them, with ``name`` columns beside
    addresses and interfaces (the host's name in the snapshot, or the AWS service; null without): `pairs`, `talkers`,
    `roles`, `by_interface`, `over_time`, `zones`, `paths`, `evidence`, `addresses`.
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
    """Return who talks to whom in `log`: the `top` pairs and addresses, all interfaces, and how far to trust it.

    `weak_share`: share of sessions with weak evidence of who began that is worth a finding.
    """
    fold, names = log.fold, _names(log)
    tables = {name: getattr(question, name)(fold) for name in
              ("roles", "by_interface", "over_time", "zones", "paths", "evidence", "addresses")}  # fmt: skip
    tables |= {"pairs": question.pairs(fold, top), "talkers": question.talkers(fold, top)}
    named = (
        ("pairs", "client", 1, "client_name"), ("pairs", "server", 3, "server_name"), ("talkers", "address", 1, "name"),
        ("roles", "interface_id", 1, "name"), ("by_interface", "interface_id", 1, "name"),
        ("addresses", "interface_id", 1, "name"),
    )  # fmt: skip
    for table, column, at, name in named:
        tables[table].insert(at, name, tables[table][column].map(names).astype("object"))
    totals, whole = question.totals(fold), covered_share(log.coverage)
    return Talkers(
        summary=tuple(_summary(totals, tables, fold)),
        findings=tuple(_findings(tables, log.network, whole, weak_share)),
        coverage="" if whole is None else f"Log coverage {whole:.2%}",
        titles=_titles(tables),
        **tables,
    )


def _names(log) -> dict[str, str]:
    """Return the name of each interface and address: the host's in the snapshot, else the AWS service of an address.

    An address of several hosts (VPCs that overlap) has no name.
    """
    services = log.fold.sql("SELECT address, service FROM aws_services")
    names = dict(zip(services.address, services.service, strict=True))
    hosts: dict[str, set[str]] = {}
    for interface in log.network.interfaces.values() if log.network else ():
        if interface.name != interface.interface_id:
            for key in (interface.interface_id, *interface.addresses, *interface.public_addresses):
                hosts.setdefault(key, set()).add(interface.name)
    return names | {key: next(iter(some)) for key, some in hosts.items() if len(some) == 1}


def _summary(totals: pd.DataFrame, tables: dict[str, pd.DataFrame], fold) -> list[str]:
    """Return the sentences of the page: volume, the largest pair, what was rejected, transit, how far to trust it."""
    if totals.empty:
        return ["No record in this window names a flow."]
    lines = [_volume(totals)]
    if _bytes(tables["pairs"]):
        lines.append(_largest(tables["pairs"]))
    rejected = totals.groupby("direction").rejected_records.sum()
    if rejected.sum():
        parts = ", ".join(f"{number:,} {WHERE[way]}" for way, number in rejected.items() if number)
        lines.append(f"Rejected: {_many(rejected.sum(), 'record')}, {parts}.")
    transit = tables["addresses"].loc[tables["addresses"].transit.astype(bool), "interface_id"].nunique()
    if transit:
        lines.append(f"{_many(transit, 'NAT or transit interface')}, left out of totals.")
    return [*lines, _confidence(tables["evidence"])]


def _volume(totals: pd.DataFrame) -> str:
    """Return the accepted bytes and their parts, which add up to them."""
    total = sum(map(int, totals.bytes))
    if not total:
        return "No accepted traffic in this log."
    parts = []
    for direction, peer, words in PARTS:
        some = totals[(totals.peer == peer) & ((totals.direction == direction) | (direction is None))]
        if part := sum(map(int, some.bytes)):
            parts.append((part, words))
    if len(parts) == 1:
        return f"Accepted traffic: {size(total)}, all {parts[0][1]}."
    return f"Accepted traffic: {size(total)}; {', '.join(f'{size(part)} {words}' for part, words in parts)}."


def _largest(pairs: pd.DataFrame) -> str:
    one = pairs.iloc[0]
    client, server = (_host(one[f"{role}_name"], one[role]) for role in ("client", "server"))
    service = "" if pd.isna(one.protocol) else f" {protocol_name(int(one.protocol))}"
    if not pd.isna(one.server_port):
        known = SERVICE_PORTS.get(int(one.server_port), "")
        service += f"/{one.server_port} {known}".rstrip()
    return (
        f"Most bytes: {client} to {server}{service}, {size(one.client_bytes)} sent and {size(one.server_bytes)} received "
        f"in {_many(one.sessions - one.rejected_sessions, 'session')}."
    )


def _host(name: object, address: str) -> str:
    return address if pd.isna(name) else f"{name} ({address})"


def _confidence(evidence: pd.DataFrame) -> str:
    total, weak = evidence.sessions.sum(), evidence.loc[evidence.evidence.isin(WEAK), "sessions"].sum()
    if not total:
        return "No session whose client could be identified."
    return f"Client identified with confidence in {percent(1 - weak / total)} of {_many(total, 'session')}."


def _titles(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Return what each figure shows, in one sentence."""
    titles = {
        "bytes_over_time": "No accepted traffic with a time.", "bytes_by_interface": "No interface logged a flow.",
        "pairs": "No accepted traffic of a known client.", "evidence": _confidence(tables["evidence"]),
    }  # fmt: skip
    times, interfaces, ways = tables["over_time"], tables["by_interface"], list(question.WAYS)
    if len(times) and (sums := times[ways].astype("float64").sum(axis=1)).any():
        peak = times.loc[sums.idxmax()]
        titles["bytes_over_time"] = f"Busiest at {peak.time:%Y-%m-%d %H:%M} UTC: {_in_and_out(peak)}."
    if len(interfaces):
        one = interfaces.iloc[0]
        titles["bytes_by_interface"] = f"Busiest: {_host(one['name'], one.interface_id)}, {_in_and_out(one)}."
    if _bytes(tables["pairs"]):
        titles["pairs"] = _largest(tables["pairs"])
    return titles


def _in_and_out(row: pd.Series) -> str:
    sums = {way: sum(int(row[f"{way}_{peer}_bytes"]) for peer in ("public", "private")) for way in ("in", "out")}
    other = int(row.transit_bytes) + int(row.unknown_bytes)
    if not sum(sums.values()):
        return f"{size(other)} in transit or of unknown direction"
    return f"{size(sums['in'])} in, {size(sums['out'])} out"


def _bytes(pairs: pd.DataFrame) -> bool:
    return bool((pairs[["client_bytes", "server_bytes"]] > 0).to_numpy().any())


def _findings(tables: dict[str, pd.DataFrame], network, coverage: float | None, weak_share: float) -> list[Finding]:
    """Return what stands in the way of telling direction."""
    own, evidence = tables["addresses"], tables["evidence"]
    findings = [_conflict(address, rows, coverage) for address, rows in own[own.conflict].groupby("address")]
    unknown = own[(own.basis == "unknown") & ~own.transit & (own.interface_id != "-")]
    findings += [_no_address(eni, rows, coverage, network) for eni, rows in unknown.groupby("interface_id")]
    weak = evidence[evidence.evidence.isin(WEAK)]
    return findings + ([_weak(evidence, weak, coverage)] if weak.share.sum() > weak_share else [])


def _conflict(address: str, rows: pd.DataFrame, coverage: float | None) -> Finding:
    interfaces = sorted(rows.interface_id.unique())
    sure = rows.basis.isin(["flow-direction", "snapshot"]).all()
    more = [f"{len(interfaces) - 3} more"] if len(interfaces) > 3 else []
    names = [*interfaces[:3], *more]
    return Finding(
        "address-conflict",
        "medium" if sure else "low",
        "certain" if sure else "medium",
        f"{address} was the address of {len(interfaces)} interfaces at the same time: "
        f"{', '.join(names[:-1])} and {names[-1]}.",
        {"srcaddr": address},
        grounds=tuple(f"{row.interface_id}: {row.basis}" for row in rows.drop_duplicates("interface_id").itertuples()),
        action="An address alone does not say whose packets these are, and totals may count them twice.\n"
        "Two VPCs with the same range: add vpc-id to the log's format. One VPC: see which interface has it.\n"
        "aws ec2 describe-network-interfaces "
        f"--filters {shlex.quote(f'Name=addresses.private-ip-address,Values={address}')}",
        first_seen=rows["first"].min(), last_seen=rows["last"].max(), coverage=coverage,
        counts={"interfaces": len(interfaces)},
    )  # fmt: skip


def _no_address(eni: str, rows: pd.DataFrame, coverage: float | None, network) -> Finding:
    days = rows.day.nunique()
    action = "Add flow-direction to the log's format"
    return Finding(
        "low-confidence-direction", "low", "certain",
        f"The own address of {eni} is unknown on {_many(days, 'day')}: its sessions count as neither inbound nor outbound.",
        {"interface_id": eni},
        grounds=("no address is at one end of all its records, or two are",),
        action=f"{action}, or give this report the network's interfaces.\nflowkit snapshot --out network"
        if network is None else f"{action}: the snapshot does not list an address of this interface.",
        first_seen=rows["first"].min(), last_seen=rows["last"].max(), coverage=coverage, counts={"days": days},
    )  # fmt: skip


def _weak(evidence: pd.DataFrame, weak: pd.DataFrame, coverage: float | None) -> Finding:
    total, guessed = int(evidence.sessions.sum()), int(weak.sessions.sum())
    flags = evidence.loc[evidence.evidence == "syn", "sessions"].sum() > 0
    return Finding(
        "low-confidence-direction", "low", "certain",
        f"The client is a guess or unknown in {percent(guessed / total)} of {_many(total, 'session')}.",
        {},
        grounds=tuple(f"{row.evidence}: {percent(row.share)}" for row in weak.itertuples() if row.sessions),
        action="These sessions have no TCP flags to go by: they are not TCP, or began before the log does." if flags
        else "Create a flow log whose format has tcp-flags and flow-direction; a format cannot be changed afterwards.",
        coverage=coverage, counts={"sessions": total, "guessed": guessed, "share": round(guessed / total, 4)},
    )  # fmt: skip


def _many(number: int, noun: str) -> str:
    return f"{int(number):,} {noun}{'' if number == 1 else 's'}"
