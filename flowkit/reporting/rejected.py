"""Who is rejected, why, and the smallest rule to change: the answer for a notebook."""

from dataclasses import dataclass

import pandas as pd

from flowkit.folding.coverage import covered_share
from flowkit.questions.refusals import over_time
from flowkit.questions.rejected import KINDS, Rejections, rejections
from flowkit.questions.rules import rule_use
from flowkit.questions.samples import samples
from flowkit.reporting.answer import Answer
from flowkit.reporting.finding import Finding, incidents
from flowkit.reporting.names import hosts, service_name
from flowkit.reporting.rejected_findings import blocked_severity, finding, logged, noise, points, scan
from flowkit.words import many

ACCEPT_ONLY = "This log holds accepted traffic only, so it cannot show rejections: log ALL traffic for that."
WITHOUT_TIME = "No record has a time: this is no log of records, of which could be told when who was rejected."
REJECT_ONLY = "This log holds rejected traffic only, so most causes cannot be known: log ALL traffic for that."
#: Kinds that the summary tells one by one.
TOLD = ("acl-changed", "blocked-client", "blocked-service", "reply-refused")
VERDICTS = {
    "blocked-service": "service blocked for everybody",
    "acl-changed": "blocked by a network ACL change", "reply-refused": "return traffic rejected",
    "blocked-client": "blocked client", "service-control": "VPC-wide control", "late-packets": "late packets",
    "scan": "scan", "noise": "background noise",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rejected(Answer):
    """What `rejected` returns, beside summary, findings, coverage and titles.

    `clients`: one row a client, server and service: ``verdict``, ``client``, ``server``, ``service``, ``attempts``,
    ``cause``, ``confidence``, ``score``; then ``points`` (the score's parts), ``grounds``, ``first``, ``last`` (UTC),
    ``records``, ``sessions``, ``interface_id``. `scanners`: ``client``, ``rejected`` of ``contacts``, ``servers``,
    ``ports``, ``attempts``, ``first``, ``last``, ``verdict``. `rules`: as `flowkit.questions.rules.rule_use`
    returns them. `over_time`: ``start`` (UTC), ``kind``, ``records``.
    """

    clients: pd.DataFrame
    scanners: pd.DataFrame
    rules: pd.DataFrame
    over_time: pd.DataFrame


def rejected(log, min_score: int = 4, scan_targets: int = 10, top: int = 20) -> Rejected:
    """Return who is rejected in `log`, why, and what to change, with at most `top` findings of a kind.

    `min_score`: points from which on a rejected client counts as legitimate; `scan_targets`: targets from which on a
    public client counts as a scanner.
    """
    found = rejections(log, min_score, scan_targets)
    host, some = hosts(log), _parts(found.groups, top)
    scans = found.groups[found.groups.kind == "scan"].drop_duplicates("client").set_index("client", drop=False)
    probes = [scans.loc[client] for client in found.scanners.client.head(top) if client in scans.index]
    lines = samples(
        log, _keys([(part.index[0], part.iloc[0]) for part in some] + [(one.client, one) for one in probes])
    )
    findings = [finding(log, part, found, host, lines) for part in some]
    whole = covered_share(log.coverage)
    findings += [
        scan(row, lines.get(row.client, ()), whole, found.accepts) for row in found.scanners.head(top).itertuples()
    ]
    findings += noise(found, whole)
    rules, table = rule_use(log), over_time(log.fold, found.groups)
    return Rejected(
        summary=tuple([*_summary(findings, found, log), *_rules(rules)][:5]),
        findings=tuple(findings),
        coverage="" if whole is None else f"Log coverage {whole:.2%}",
        titles={"rejections_over_time": _over_time(table)},
        clients=_clients(found.groups, host),
        scanners=_scanners(found.scanners),
        rules=rules,
        over_time=table,
    )


def _parts(groups: pd.DataFrame, top: int) -> list[pd.DataFrame]:
    """Return the groups of each incident, at most `top` of a kind, the highest score and the largest first; in each
    most records first."""
    found = []
    for kind in (kind for kind in KINDS if kind not in ("scan", "noise")):
        some = groups[groups.kind == kind]
        weight = some.groupby("incident").agg({"score": "max", "records": "sum"})
        names = weight.sort_values(["score", "records"], ascending=False, kind="stable").index[:top]
        found += [some[some.incident == name].sort_values(["records", "score"], ascending=False) for name in names]
    return found


def _keys(leads: list[tuple[object, pd.Series]]) -> pd.DataFrame:
    """Return the keys of `samples` for the rejected packets of each group."""
    rows = []
    for name, lead in leads:
        ends = (lead.server, lead.client) if lead.from_server else (lead.client, lead.server)
        ports = (lead.server_port, None) if lead.from_server else (None, lead.server_port)
        ports = [None if port is None or port < 0 else int(port) for port in ports]
        eni, protocol = logged(lead.interface_id), None if lead.protocol < 0 else int(lead.protocol)
        rows.append((name, eni, *ends, protocol, *ports, "REJECT"))
    names = ["id", "interface_id", "srcaddr", "dstaddr", "protocol", "srcport", "dstport", "action"]
    return pd.DataFrame(rows, columns=names).astype(dict.fromkeys(["protocol", "srcport", "dstport"], "Int64"))


def _summary(findings: list[Finding], found: Rejections, log) -> list[str]:
    """Return what a reader must know, the gravest and largest first."""
    total, facts = int(found.totals.records.sum()), log.fold.facts
    if not total:
        if not facts["records"]:
            return [
                "The log holds no record with a possible time in this window, so nothing can be said of rejections."
            ]
        if facts["first"] is None:
            return [WITHOUT_TIME]
        return [ACCEPT_ONLY if facts["accepted"] else "No record says ACCEPT or REJECT, so nothing can be said."]
    grave = [f for f in findings if f.severity in ("high", "medium") and f.kind in TOLD]
    blocked = found.groups[found.groups.kind == "blocked-client"]
    tries = blocked.groupby("incident").attempts.sum()
    best = blocked.drop_duplicates("incident").itertuples()  # groups come by score
    known = {one.incident for one in best if blocked_severity(one, tries[one.incident]) != "low"}
    count = blocked[blocked.incident.isin(known)].client.nunique()
    clients = "legitimate client appears" if count == 1 else "legitimate clients appear"
    shown = [f for f in grave if f.kind == "blocked-client"]
    largest = max(shown, key=lambda f: (f.severity == "high", f.records), default=None)
    said, waits = [], largest is not None
    for one in (one for group in incidents(f.as_dict() for f in grave) for one in group):  # as the page lists them
        if one["kind"] != "blocked-client":
            said += [one["title"]] if len(said) < 3 - waits else []
        elif waits:
            said.append(f"{count:,} {clients} to be blocked: {largest.title}")
            waits = False
    if not said and found.accepts:
        said.append("No legitimate client appears to be blocked.")
    rest = {kind: [f for f in findings if f.kind == kind] for kind in ("scan", "late-packets", "noise")}
    if any(rest.values()) and found.accepts:
        share = sum(f.records for some in rest.values() for f in some) / total
        words = (many(len(rest["scan"]), "scanner"), "late packets", "background noise")
        who = [word for word, some in zip(words, rest.values(), strict=True) if some]
        share = "all" if share == 1 else f"{share:.0%} of the"
        said.append(f"No action needed for {share} {total:,} rejected records: {', '.join(who)}.")
    return said if found.accepts else [*said[:4], REJECT_ONLY]


def _rules(rules: pd.DataFrame) -> list[str]:
    """Return how many security group rules were never used or are wider than their use, and on what coverage."""
    never, wide = (rules[rules.use == word] for word in ("never used", "wider than its use"))
    if not len(never) and not len(wide):
        return []
    least = pd.concat([never, wide]).coverage.min(skipna=False)
    share = "log coverage not known" if pd.isna(least) else f"log coverage at least {least:.1%}"
    counts = f"{len(never):,} never used, {len(wide):,} wider than their use"
    return [f"Of {many(len(rules), 'security group rule')}, {counts} ({share})."]


def _clients(groups: pd.DataFrame, host) -> pd.DataFrame:
    """Return all listed groups as a table to read, the highest score first."""
    ends = [
        [host(end, one.interface_id, one.first, one.last) for end in (one.client, one.server)]
        for one in groups.itertuples()
    ]
    services = [service_name(one.protocol, one.server_port) for one in groups.itertuples()]
    table = groups.assign(
        verdict=groups.kind.map(VERDICTS), service=services, points=groups.parts.map(points),
        grounds=groups.grounds.map("; ".join), client=[a for a, _b in ends], server=[b for _a, b in ends],
    )  # fmt: skip
    columns = "verdict client server service attempts cause confidence score points grounds first last records sessions"
    return table[[*columns.split(), "interface_id"]]


def _scanners(walks: pd.DataFrame) -> pd.DataFrame:
    columns = "client rejected contacts servers ports attempts first last verdict".split()
    return walks.rename(columns={"failed": "rejected"})[columns]


def _over_time(table: pd.DataFrame) -> str:
    """Return what the rejected records are, in one sentence."""
    sums = table.groupby("kind").records.sum().sort_values(ascending=False)
    if sums.empty:
        return "No rejected record."
    parts = ", ".join(f"{VERDICTS[kind]} {count:,}" for kind, count in sums.items())
    return f"{many(sums.sum(), 'rejected record')}: {parts}."
