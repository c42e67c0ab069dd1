"""Who talks to whom, which way, and who began it: the answer for a notebook, from `flowkit.questions.talkers`."""

import shlex
from collections import Counter, defaultdict
from dataclasses import dataclass

import pandas as pd

from flowkit.folding.conversations import CONFIDENCE
from flowkit.folding.coverage import covered_share
from flowkit.language import translated
from flowkit.loading.window import Moment, window
from flowkit.questions import talkers as question
from flowkit.questions.egress import Egress
from flowkit.reporting import egress as outbound
from flowkit.reporting.answer import Answer, beyond, covered, little
from flowkit.reporting.finding import Finding, finding
from flowkit.reporting.html import FEW, percent, portion, printed, size
from flowkit.reporting.kinds import text
from flowkit.reporting.names import called, service_name, shortened

#: Evidence whose client is a guess, or unknown.
WEAK = tuple(name for name, confidence in CONFIDENCE.items() if confidence == "low")

#: What names the client of a session, by evidence.
MEANING = {
    "syn": "it sent the TCP SYN", "carry": "session of an earlier window", "refused": "its packets were rejected",
    "service": "the port serves many", "ports": "the port is a known service's", "lowport": "the port is below 1024",
    "first": "its packet came first", "unknown": "nothing",
}  # fmt: skip
#: The parts of accepted traffic: direction (None: any) and peer in the totals of `flowkit.questions.talkers`.
PARTS = {
    "between private addresses": (None, "internal"),
    "inbound from public addresses": ("ingress", "external"),
    "outbound to public addresses": ("egress", "external"),
    "to or from public addresses (direction unknown)": ("unknown", "external"),
}
#: How a sentence names where records were rejected.
WHERE = {
    "ingress": "inbound", "egress": "outbound", "transit": "at NAT or transit interfaces",
    "unknown": "direction unknown",
}  # fmt: skip
#: Interfaces that a finding names; addresses with a conflict that are listed one by one.
NAMED, ALIKE = 20, 5
NAMES = {
    "pairs": {"client": "client_name", "server": "server_name"},
    **dict.fromkeys(("roles", "by_interface", "addresses"), {"interface_id": "name"}),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Talkers(Answer):
    """What `talkers` returns, beside summary, findings, coverage and titles: the tables of `flowkit.questions.talkers.tables`,
    with ``name`` columns beside addresses and interfaces, and ``service`` and the ``meaning`` of evidence in words;
    ``destinations``: new ones, as `flowkit.reporting.egress.table`."""

    pairs: pd.DataFrame
    roles: pd.DataFrame
    by_interface: pd.DataFrame
    over_time: pd.DataFrame
    zones: pd.DataFrame
    paths: pd.DataFrame
    evidence: pd.DataFrame
    addresses: pd.DataFrame
    destinations: pd.DataFrame


def talkers(
    log, top: int = 20, weak_share: float = 0.05, compare_at: Moment = None, large_bytes: int = 100_000_000
) -> Talkers:
    """Return who talks to whom in `log`: the `top` pairs, all interfaces, and how far to trust it.

    `weak_share`: share of sessions with weak evidence of who began that is worth a finding; new are destinations that came
    after `compare_at`, by default the middle of the window; `large_bytes`: what is large.
    """
    tables, names, whole = question.tables(log.fold, top), _names(log), covered_share(log.coverage)
    for table, column, new in ((tables[name], *pair) for name, columns in NAMES.items() for pair in columns.items()):
        table.insert(table.columns.get_loc(column) + 1, new, table[column].map(names).astype("object"))
    for name in ("pairs", "roles"):
        tables[name] = _with_service(tables[name])
    totals, evidence = tables.pop("totals"), tables["evidence"]
    evidence.insert(1, "meaning", evidence.evidence.map(MEANING))
    egress = Egress(log, window(compare_at, None)[0], large_bytes)
    tables["destinations"] = outbound.table(egress, names)
    total, weak = evidence.sessions.sum(), evidence.loc[evidence.evidence.isin(WEAK), "sessions"].sum()
    sure = text("talkers.sure", share=portion(total - weak, total), n=total) if total else text("talkers.unsure")
    shown = _titles(tables)
    titles = {name: text(f"talkers.no-{name}") for name in ("bytes_over_time", "bytes_by_interface", "pairs")}
    titles |= {"evidence": sure} | shown
    leaving = outbound.findings(egress, log)
    lines = [*little(whole), *_summary(totals, shown.get("pairs"), tables, log.fold.facts)][:3]
    lines += [outbound.sentence(egress), "" if totals.empty else sure]
    others = [(one.incident, one.severity) for one in leaving[top:]]
    grave = {(one.kind, one.incident) for one in leaving if one.severity in ("high", "medium")}
    numbers = {"new-destination": len(egress.new), "unusual-egress": len(egress.unusual)}
    return Talkers(
        summary=tuple(filter(None, lines)),
        findings=(*_findings(tables, log.network, whole, weak_share), *leaving[:top]),
        numbers=numbers if egress.enough else Counter(kind for kind, _ in grave),
        unlisted=beyond((one.incident for one in leaving[:top]), others),
        coverage=covered(whole),
        titles=titles,
        **tables,
    )


def _with_service(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with ``service`` in words where ``protocol`` and ``server_port`` stood, and these at its end."""
    pairs = zip(table.protocol, table.server_port, strict=True)
    words = ["" if pd.isna(protocol) else service_name(int(protocol), port) for protocol, port in pairs]
    table.insert(table.columns.get_loc("protocol"), "service", words)
    return table[[*table.columns.drop(["protocol", "server_port"]), "protocol", "server_port"]]


def _names(log) -> dict[str, str]:
    """Return the name of each interface and address: the host's in the snapshot, else the AWS service of an address; none
    for an address that several interfaces had, at once or one after the other."""
    services = log.fold.sql("SELECT address, service FROM aws_services")
    hosts, own = defaultdict(set), log.interfaces
    for row in own[own.address.notna() & (own.basis != "snapshot") & ~own.transit].itertuples():
        hosts[row.address].add(row.interface_id)
    known = log.network.interfaces if log.network else {}
    for interface in known.values():
        for key in (interface.interface_id, *interface.addresses, *interface.public_addresses):
            hosts[key].add(interface.interface_id)
    found = {key: {known[eni].name if eni in known else eni for eni in some} - {*some} for key, some in hosts.items()}
    alone = {key: next(iter(some)) for key, some in found.items() if len(some) == len(hosts[key]) == 1}
    return dict(zip(services.address, services.service, strict=True)) | alone


def _summary(totals: pd.DataFrame, largest: str | None, tables: dict[str, pd.DataFrame], facts: dict) -> list[str]:
    """Return the sentences of the page but the last: volume and its parts, the largest pair, rejections, transit."""
    if totals.empty:
        return [text("talkers.nothing")]
    total, parts = sum(map(int, totals.bytes)), []
    for words, (direction, peer) in PARTS.items():
        some = totals[(totals.peer == peer) & ((totals.direction == direction) | (direction is None))]
        parts += [(part, words)] if (part := sum(map(int, some.bytes))) else []
    shares = ", ".join(text("talkers.part", size=size(part), words=translated(words)) for part, words in parts)
    shares = text("talkers.whole", words=translated(parts[0][1])) if len(parts) == 1 else shares
    known = "accepted" if facts["accepted"] or facts["rejected"] else "no-action"
    lines = [text(f"talkers.{known}" if total else "talkers.no-accepted", size=size(total), shares=shares)]
    lines += [largest] if largest else []
    rejected = totals.groupby("direction").rejected_records.sum()
    if rejected.sum():
        ways = [text("talkers.way", n=some, way=translated(WHERE[way])) for way, some in rejected.items() if some]
        lines.append(text("talkers.rejected", n=rejected.sum(), ways=", ".join(ways)))
    elif facts["accepted"]:
        lines.append(text("talkers.accept-only"))
    transit = tables["addresses"].loc[tables["addresses"].transit.astype(bool), "interface_id"].nunique()
    return lines + ([text("talkers.transit", n=transit)] if transit else [])


def _titles(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Return what each figure that has something to show shows, in one sentence."""
    titles, times, interfaces, pairs = {}, tables["over_time"], tables["by_interface"], tables["pairs"]
    if len(times) and (sums := times[list(question.WAYS)].astype("float64").sum(axis=1)).any():
        peak = times.loc[sums.idxmax()]
        titles["bytes_over_time"] = text("talkers.peak", time=peak.time, bytes=_in_and_out(peak))
    if interfaces.filter(like="bytes").to_numpy().any():
        one = interfaces.iloc[0]
        host = called(one["name"], one.interface_id)
        titles["bytes_by_interface"] = text("talkers.busiest", host=host, bytes=_in_and_out(one))
    if (pairs[["client_bytes", "server_bytes"]] > 0).to_numpy().any():
        one = pairs.iloc[0]
        client, server = (called(one[f"{role}_name"], one[role]) for role in ("client", "server"))
        titles["pairs"] = text(
            "talkers.pair", client=client, server=server, service=f" {one.service}".rstrip(), sent=size(one.client_bytes),
            received=size(one.server_bytes), n=one.sessions - one.rejected_sessions,
        )  # fmt: skip
    return titles


def _in_and_out(row: pd.Series) -> str:
    sums = {way: sum(int(row[f"{way}_{peer}_bytes"]) for peer in ("public", "private")) for way in ("in", "out")}
    if not sum(sums.values()):
        return text("talkers.passing", size=size(int(row.transit_bytes) + int(row.unknown_bytes)))
    return text("talkers.in-and-out", inside=size(sums["in"]), outside=size(sums["out"]))


def _findings(tables: dict[str, pd.DataFrame], network, coverage: float | None, weak_share: float) -> list[Finding]:
    """Return what stands in the way of telling direction: conflicts, unknown own addresses, guessed clients."""
    own, evidence, found = tables["addresses"], tables["evidence"], []
    conflicts = own[own.conflict].assign(vpc=own.vpc_id.fillna(""))
    places = [rows for _, rows in conflicts.groupby(["address", "vpc"])]
    for sure in (True, False):
        alike = [rows for rows in places if rows.basis.isin(["flow-direction", "snapshot"]).all() == sure]
        parts = [[rows] for rows in alike] if len(alike) <= ALIKE else [alike]
        found += [_conflict(part, sure, coverage) for part in parts]
    unknown = own[(own.basis == "unknown") & ~own.transit & (own.interface_id != "-")]
    if len(unknown):
        names = sorted(unknown.interface_id.unique())
        alone = {"interface": names[0], "interface_id": names[0]} if len(names) == 1 else {}
        found.append(finding(
            "low-confidence-direction", form="unknown" if alone else "unknown-many", **alone, coverage=coverage,
            grounds=(text("direction.unknown"), *([] if alone else [_listed(names, NAMED)])),
            action=text(f"direction.{'snapshot' if network is None else 'unlisted'}"),
            first_seen=unknown["first"].min(), last_seen=unknown["last"].max(),
            counts={"days": unknown.day.nunique()} | ({} if alone else {"interfaces": len(names)}),
        ))  # fmt: skip
    weak = evidence[evidence.evidence.isin(WEAK)]
    if weak.share.sum() > weak_share:
        total, guessed = int(evidence.sessions.sum()), int(weak.sessions.sum())
        flags = evidence.loc[evidence.evidence == "syn", "sessions"].sum() > 0
        found.append(finding(
            "low-confidence-direction", part=portion(guessed, total), coverage=coverage,
            grounds=tuple(f"{row.evidence}: {percent(row.share)}" for row in weak.itertuples() if row.sessions),
            action=text("direction.no-flags") if flags else "",
            counts={"sessions": total, "guessed": guessed} | ({} if total < FEW else {"share": printed(guessed / total)}),
        ))  # fmt: skip
    return found


def _conflict(alike: list[pd.DataFrame], sure: bool, coverage: float | None) -> Finding:
    """Return the finding of addresses (their rows of ``addresses``) that several interfaces had at the same time."""
    rows, address, every = alike[0], alike[0].address.iloc[0], pd.concat(alike)
    interfaces, several = sorted(rows.interface_id.unique()), len(alike) > 1
    counts = {"interfaces": len(interfaces)} | ({"more": len(interfaces) - 3} if interfaces[3:] else {})
    wanted = f"Name=addresses.private-ip-address,Values={address}"
    return finding(
        "address-conflict", form="many" if several else "", severity="medium" if sure else "low",
        confidence="certain" if sure else "medium", address=address, srcaddr=None if several else address,
        names=_listed(interfaces, 3), action=text("address-conflict.next", filter=shlex.quote(wanted)),
        grounds=tuple(f"{row.interface_id}: {row.basis}" for row in rows.drop_duplicates("interface_id").itertuples()),
        first_seen=every["first"].min(), last_seen=every["last"].max(), coverage=coverage,
        counts=counts | ({"addresses": len(alike)} if several else {}),
    )  # fmt: skip


def _listed(names: list[str], most: int) -> str:
    """Return the first of several names, and how many more there are: `eni-1, eni-2 and 5 more`."""
    some = shortened(names, most)
    return text("common.and", some=", ".join(some[:-1]), last=some[-1])
