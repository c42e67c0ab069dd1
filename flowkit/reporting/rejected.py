"""Who is rejected, why, and the smallest rule to change: the answer for a notebook."""

from collections import defaultdict
from dataclasses import dataclass

import pandas as pd

from flowkit.folding.coverage import covered_share, duration
from flowkit.language import translated
from flowkit.net import is_private
from flowkit.questions.refusals import over_time
from flowkit.questions.rejected import KINDS, Rejections, rejections
from flowkit.questions.rules import rule_use
from flowkit.questions.samples import samples
from flowkit.reporting import kinds
from flowkit.reporting.answer import LITTLE, Answer, absent, beyond, covered, little
from flowkit.reporting.finding import Finding, gravity, incidents
from flowkit.reporting.html import percent, portion
from flowkit.reporting.kinds import text
from flowkit.reporting.names import hosts, named
from flowkit.reporting.rejected_findings import incident, noise, points, scan, severity_of

ACCEPT_ONLY = "No record is a REJECT: nothing was rejected, or the flow log takes accepted traffic only."
WITHOUT_TIME = "No record has a time: this is no log of records, of which could be told when who was rejected."
NO_RECORD = "The log holds no record with a possible time in this window, so nothing can be said of rejections."
REJECT_ONLY = "This log holds rejected traffic only: a log of ALL traffic would tell more of the causes."
#: Kinds that the summary tells one by one.
TOLD = ("acl-changed", "blocked-client", "blocked-service", "reply-refused")
VERDICTS = {
    "blocked-service": "service blocked for everybody",
    "acl-changed": "blocked by a network ACL change", "reply-refused": "return traffic rejected",
    "blocked-client": "blocked client", "service-control": "VPC-wide control", "late-packets": "late packets",
    "scan": "scan", "noise": "background noise",
}  # fmt: skip
SCANNERS = "client rejected contacts servers ports attempts first last verdict".split()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Rejected(Answer):
    """What `rejected` returns, beside summary, findings, coverage and titles; times are UTC.

    `clients`: one row a client, server and service, with ``verdict``, ``cause``, ``score`` and the score's ``points``.
    `scanners`: ``client``, ``rejected`` of ``contacts``, ``servers``, ``ports`` and more. `rules`: as
    `flowkit.questions.rules.rule_use` returns them. `over_time`: ``start``, ``kind``, ``records``.
    """

    clients: pd.DataFrame
    scanners: pd.DataFrame
    rules: pd.DataFrame
    over_time: pd.DataFrame


def rejected(log, min_score: int = 4, scan_targets: int = 10, top: int = 20) -> Rejected:
    """Return who is rejected in `log`, why, and what to change, with at most `top` findings of a kind; from `min_score` points
    on a client counts as legitimate, from `scan_targets` targets on a public one as a scanner."""
    found = rejections(log, min_score, scan_targets)
    host, whole, walks = hosts(log), covered_share(log.coverage), found.scanners.head(top)
    every = _incidents(found.groups)
    listed, others = ([(severity, rows) for of_kind in every.values() for severity, rows in of_kind[part]]
                      for part in (slice(top), slice(top, None)))  # fmt: skip
    some = [found.groups.loc[[row.Index for row in rows]] for _, rows in listed]
    leads = found.groups.loc[[part.index[0] for part in some]]
    scans = found.groups[found.groups.kind == "scan"].drop_duplicates("client")
    scans = scans[scans.client.isin(walks.client)].set_index("client", drop=False)
    lines = samples(log, _keys(pd.concat([leads, scans])))
    findings = [incident(log, part, found, host, lines) for part in some]
    findings += [scan(row, lines.get(row.client, ()), whole, found.accepts) for row in walks.itertuples()]
    findings += noise(found, whole)
    rules, table = rule_use(log), over_time(log.fold, found.groups)
    unlisted = [(rows[0].root, severity) for severity, rows in others]
    unlisted += [
        (f"scan {client}", "medium" if is_private(client) else "info") for client in found.scanners.client[top:]
    ]
    numbers = _numbers(every)
    return Rejected(
        summary=tuple(
            [
                *little(whole),
                *absent(log),
                *_summary(findings, found, log, numbers, whole),
                *_rules(rules, log.fold.facts),
            ][:5]
        ),
        findings=tuple(findings),
        numbers=numbers,
        unlisted=beyond((rows[0].root for _, rows in listed), unlisted),
        coverage=covered(whole),
        titles={"rejections_over_time": _title(table)},
        clients=_clients(found.groups, host),
        scanners=found.scanners.rename(columns={"failed": "rejected"})[SCANNERS],
        rules=rules,
        over_time=table,
    )


def _title(table: pd.DataFrame) -> str:
    """Return how many records of `over_time` there are, when most of them came, and what these are."""
    steps = table.groupby("start").records.sum()
    if steps.empty:
        return text("rejected.untimed" if len(table) else "rejected.no-record", n=table.records.sum())
    at = steps.idxmax()
    there = table[table.start == at]
    verdict = translated(VERDICTS[there.loc[there.records.idxmax(), "kind"]])
    return text("rejected.records", n=table.records.sum(), time=at, peak=int(steps[at]), verdict=verdict)


def _incidents(groups: pd.DataFrame) -> dict[str, list[tuple[str, list]]]:
    """Return the incidents of each kind but scan and noise: severity and groups, the largest first; by `gravity`."""
    rows, found = defaultdict(list), {kind: [] for kind in KINDS if kind not in ("scan", "noise")}
    for row in groups[groups.kind.isin(found)].sort_values(["records", "score"], ascending=False).itertuples():
        rows[row.kind, row.incident].append(row)
    for (kind, _), own in rows.items():
        found[kind].append((severity_of(kind, own), own))
    for of_kind in found.values():
        of_kind.sort(key=lambda one: gravity(
            {"severity": one[0], "confidence": one[1][0].confidence, "records": sum(row.records for row in one[1])}
        ))  # fmt: skip
    return found


def _keys(leads: pd.DataFrame) -> pd.DataFrame:
    """Return the keys of `samples` for the rejected packets of each group, by the index of `leads`."""
    turned, port = leads.from_server.astype(bool), leads.server_port.mask(leads.server_port < 0)
    return pd.DataFrame({
        "id": leads.index, "interface_id": leads.interface_id.mask(leads.interface_id == "-"),
        "srcaddr": leads.client.mask(turned, leads.server), "dstaddr": leads.server.mask(turned, leads.client),
        "protocol": leads.protocol.mask(leads.protocol < 0), "srcport": port.where(turned), "dstport": port.mask(turned),
        "action": "REJECT",
    }).astype(dict.fromkeys(["protocol", "srcport", "dstport"], "Int64"))  # fmt: skip


def _summary(findings: list[Finding], found: Rejections, log, numbers: dict, share: float | None) -> list[str]:
    total, facts = int(found.totals.records.sum()), log.fold.facts
    if not total:
        why = ACCEPT_ONLY if facts["accepted"] else "No record says ACCEPT or REJECT, so nothing can be said."
        why = NO_RECORD if not facts["records"] else WITHOUT_TIME if facts["first"] is None else why
        return [translated(why)]
    grave = [f for f in findings if f.severity in ("high", "medium") and f.kind in TOLD]
    clients = kinds.KINDS["blocked-client"].counted(numbers["blocked-client"])
    shown = [f for f in grave if f.kind == "blocked-client"]
    largest = max(shown, key=lambda f: (f.severity == "high", f.records), default=None)
    said, waits = [], largest is not None
    for one in (one for group in incidents(f.as_dict() for f in grave) for one in group):  # as the page lists them
        if one["kind"] != "blocked-client":
            said += [one["title"]] if len(said) < 3 - waits else []
        elif waits:
            said.append(f"{clients}: {largest.title}")
            waits = False
    if not said and found.accepts:
        said.append(text("rejected.none-blocked" if (share or 0) >= LITTLE else "rejected.none-seen"))
    rest = {kind: [f.records for f in findings if f.kind == kind] for kind in ("scan", "late-packets", "noise")}
    if any(rest.values()) and found.accepts:
        idle = sum(map(sum, rest.values()))
        words = (text("rejected.scanners", n=len(rest["scan"])), *map(translated, ("late packets", "background noise")))
        who = [word for word, some in zip(words, rest.values(), strict=True) if some]
        form = "all-idle" if idle == total else "idle"
        said.append(text(f"rejected.{form}", share=portion(idle, total), total=total, who=", ".join(who)))
    return said if found.accepts else [*said[:4], translated(REJECT_ONLY)]


def _numbers(every: dict[str, list[tuple[str, list]]]) -> dict[str, int]:
    """Return by kind how many blocked clients, or incidents of one root cause, are grave."""
    numbers = {}
    for kind in TOLD:
        grave = [row for severity, rows in every[kind] if severity in ("high", "medium") for row in rows]
        numbers[kind] = len({row.client if kind == "blocked-client" else row.root for row in grave})
    return numbers


def _rules(rules: pd.DataFrame, facts: dict) -> list[str]:
    """Return how many security group rules were never used or are wider than their use, in what time and on what coverage,
    and of how many nobody can tell."""
    never, wide, unknown = (rules[rules.use == word] for word in ("never used", "wider than its use", "unknown"))
    if never.empty and wide.empty:
        return []
    least = pd.concat([never, wide]).coverage.min(skipna=False)
    known = "unknown" if pd.isna(least) else "least" if least < 1 else "full"
    share = text(f"rejected.{known}-coverage", least=None if pd.isna(least) else percent(least))
    span = duration((facts["last"] or 0) - (facts["first"] or 0))
    counted = text("rejected.rules", n=len(rules), never=len(never), wide=len(wide), share=share, span=span)
    return [counted + (text("rejected.unknown-rules", n=len(unknown)) if len(unknown) else "")]


def _clients(groups: pd.DataFrame, host) -> pd.DataFrame:
    words = {"verdict": groups.kind.map(VERDICTS), "points": groups.parts.map(points)}
    table = named(groups, host).assign(**words, grounds=groups.grounds.map("; ".join))
    columns = "verdict client server service attempts cause confidence score points grounds first last records sessions"
    return table[[*columns.split(), "interface_id"]]
