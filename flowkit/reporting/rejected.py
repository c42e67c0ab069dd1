"""What refused traffic means for an engineer: a handful of findings, a verdict, and the figures.

In: what `flowkit.analysis.rejected` returns. Groups that one rule refuses become one finding; all noise
becomes one, and every scanner one.
"""

from dataclasses import replace

import pandas as pd

from flowkit.analysis.causes import own_client
from flowkit.analysis.incidents import deny
from flowkit.analysis.network import Snapshot
from flowkit.analysis.rejected import Rejected
from flowkit.analysis.rules import Fix, Wanted, acl_fix, around, group_fix, reply_ports
from flowkit.folding.coverage import covered_share
from flowkit.reporting.findings import Finding
from flowkit.reporting.rejected_titles import Titles, many

NOTHING_TO_DO = "Nothing to do: the refusals are what the rules are for."
NOT_BLOCKED = "Nothing to do: no rule is in the way."
EVIDENCE_WANTED = "Save the rules and run again, so that they can be asked: flowkit snapshot"


def rejected_findings(
    rejected: Rejected,
    snapshot: Snapshot | None = None,
    samples: dict[int, tuple[str, ...]] | None = None,
    cells: pd.DataFrame | None = None,
    top: int = 20,
) -> list[Finding]:
    """Findings, blocked clients first, the most wanted of them first; at most `top` of each kind.

    `samples`: record lines by index of the group, as `flowkit.samples` gives them for `leads`; `cells`: the
    coverage, of which each finding carries its share: that of its interface and time, scans and noise that of all.
    """
    groups = rejected.groups
    found = []
    for part in _incidents(groups, top):
        found.append(_finding(part.kind.iloc[0], part, snapshot, samples or {}, cells))
    probes = groups[groups.kind == "scan"].drop_duplicates("client")
    probed = {client: (samples or {}).get(number, ()) for number, client in probes.client.items()}
    whole = None if cells is None else covered_share(cells)
    scans = [_scan(row, probed, whole) for row in rejected.scanners.head(top).itertuples(index=False)]
    return [*found, *scans, *_noise(rejected, groups, whole)]


def leads(groups: pd.DataFrame, top: int = 20) -> pd.DataFrame:
    """One group of each incident that a finding tells, and of each of `top` scanners: whose records are shown."""
    some = [part.head(1) for part in _incidents(groups, top)]
    return pd.concat([*some, groups[groups.kind == "scan"].drop_duplicates("client").head(top)])


def _incidents(groups: pd.DataFrame, top: int) -> list[pd.DataFrame]:
    """The groups of each incident, at most `top` incidents of a kind, the most wanted and the largest first."""
    found = []
    for kind in ("blocked-client", "reply-refused", "acl-changed", "service-control", "late-packets"):
        some = groups[groups.kind == kind]
        weight = some.groupby("incident").agg({"score": "max", "records": "sum"})
        names = weight.sort_values(["score", "records"], ascending=False, kind="stable").index[:top]
        found += [some[some.incident == name] for name in names]
    return found


def ranked(groups: pd.DataFrame) -> pd.DataFrame:
    """The refused requests and replies as a table to read, most wanted first, scans and noise left out."""
    some = groups[~groups.kind.isin(["scan", "noise", "late-packets"])]
    parts = [", ".join(f"{reason} {points:+d}" for reason, points in one.items()) for one in some.parts]
    columns = ["kind", "client", "server", "protocol", "server_port", "sessions", "records", "first", "last"]
    columns += ["cause", "confidence", "score"]
    return some[[*columns, "interface_id"]].assign(points=parts, grounds=some.grounds.map("; ".join))


def _finding(kind: str, part: pd.DataFrame, snapshot, samples: dict, cells) -> Finding:
    """The groups of one incident as one finding."""
    part = part.sort_values(["records", "score"], ascending=False)
    lead = part[part.fate != "request"].iloc[0] if kind == "acl-changed" else part.iloc[0]
    began_inside = lead.client == lead.inside
    verdict = next((one for one in part.verdict if one is not None and not one.allowed), None)
    far = _far(part, verdict)
    first, last = part["first"].min(), part["last"].max()
    words = Titles(part, lead, far, verdict, snapshot)
    fix = _fix(kind, part, lead, began_inside, verdict, snapshot)
    share = None if cells is None else covered_share(cells, _logged_by(lead.interface_id), first, last)
    return Finding(
        kind=kind,
        severity=_severity(kind, part),
        confidence=lead.confidence,
        title=getattr(words, kind.replace("-", "_"))(),
        subject={
            "interface_id": _logged_by(lead.interface_id),
            "srcaddr": lead.inside if began_inside else far,
            "dstaddr": far if began_inside else lead.inside,
            "protocol": int(lead.protocol) if lead.protocol >= 0 else None,
            "dstport": None if pd.isna(lead.server_port) else int(lead.server_port),
        },
        cause=lead.cause,
        grounds=tuple(dict.fromkeys([*lead.grounds, *_score(kind, lead), *_others(part, lead)])),
        action=_action(kind, lead, fix),
        first_seen=first,
        last_seen=last,
        records=int(part.records.sum()),
        packets=int(part.packets.sum()),
        bytes=int(part.bytes.sum()),
        coverage=share,
        samples=next((samples[number] for number in part.index if number in samples), ()),
    )


def _logged_by(interface_id: str) -> str | None:
    return None if interface_id == "-" else interface_id


def _far(part: pd.DataFrame, verdict) -> str | None:
    """What the far ends have in common: one address, the network an ACL entry names, the block they fill."""
    if part.far.nunique() == 1:
        return part.far.iloc[0]
    if deny(verdict) and verdict.entry.network.prefixlen:
        return str(verdict.entry.network)
    block = around(part.far)
    return str(block) if block else None


def _severity(kind: str, part: pd.DataFrame) -> str:
    lead = part.iloc[0]
    if kind == "late-packets":
        return "info"
    if kind == "service-control":
        return "medium" if lead.way else "low"
    if kind == "blocked-client":
        best = part.loc[part.score.idxmax()]
        if not _plausible(best):
            return "low"
        return "high" if best.score >= 6 and part.sessions.sum() >= 3 else "medium"
    known = part.known.any() or part.way.eq(False).any() or len(part) > 1 or part.retries.any()
    return "high" if known else "low"


def _plausible(best) -> bool:
    """Whether the client of an incident's `best` group is one of the network's own or has been let in elsewhere."""
    return bool(own_client(best) or best.known or best.own or "private client" in best.parts)


def _score(kind: str, lead: pd.Series) -> list[str]:
    if kind != "blocked-client":
        return []
    parts = ", ".join(f"{reason} {points:+d}" for reason, points in lead.parts.items())
    return [f"wanted: {lead.score} points ({parts})"]


def _others(part: pd.DataFrame, lead: pd.Series) -> list[str]:
    rest = part[part.index != lead.name]
    return (
        [f"{many(len(rest), 'more group')} of this incident, {many(rest.records.sum(), 'record')}"]
        if len(rest)
        else []
    )


def _fix(kind: str, part: pd.DataFrame, lead: pd.Series, began_inside: bool, verdict, snapshot) -> list[Fix]:
    """The rules that would let the incident's traffic pass; none where no rule is to blame."""
    if (
        lead.cause not in ("security-group", "network-acl", "security-group-and-network-acl")
        or kind == "late-packets"
    ):
        return []
    far, egress = tuple(sorted(set(part.far))), bool(lead.way)
    ports = None if pd.isna(lead.server_port) else (int(lead.server_port),) * 2
    back = reply_ports(int(part.low.min()), int(part.high.max())) if ports else None
    wanted = Wanted(lead.interface_id, egress, far, int(lead.protocol), back if lead.from_server else ports)
    fixes = [group_fix(wanted, snapshot)] if lead.cause.startswith("security-group") else []
    if lead.cause.endswith("network-acl"):
        fixes.append(acl_fix(wanted, verdict, snapshot))
    if lead.answer is not None:
        answer = replace(wanted, egress=not egress, ports=back)
        fixes.append(acl_fix(answer, lead.answer, snapshot))
    return fixes


def _action(kind: str, lead: pd.Series, fixes: list[Fix]) -> str:
    if kind == "late-packets":
        return NOT_BLOCKED
    if kind == "service-control":
        return (
            "See whether the control is meant to cover this: aws ec2 describe-vpc-block-public-access-options"
        )
    if lead.cause == "rules-changed":
        return "Check that it passes now; nothing is to be added to the rules of the snapshot."
    if not fixes:
        return EVIDENCE_WANTED
    commands = [line for fix in fixes for line in fix.commands]
    lines = [line for fix in fixes for line in fix.warnings]
    lines.append("If this is wanted, the least that lets it pass:")
    lines += [*commands, *(line for fix in fixes for line in fix.instead)]
    return "\n".join([*lines, "The same for Terraform:", *(fix.terraform for fix in fixes)])


def _scan(row, samples: dict[str, tuple], coverage: float | None) -> Finding:
    targets = f"{many(row.ports, 'port')} of {many(row.servers, 'host')}"
    let_in = row.contacts - row.refused
    return Finding(
        kind="scan",
        severity="info",
        confidence="high" if row.verdict == "scanner" else "medium",
        title=f"{row.client} scanned {targets}: {many(row.records, 'refused record')}, {_let_in(let_in)}.",
        subject={"srcaddr": row.client, "protocol": None if pd.isna(row.protocol) else int(row.protocol)},
        grounds=(
            f"{row.refused:,} of its {row.contacts:,} first contacts were refused",
            "threshold random walk: scanner" if row.verdict == "scanner" else "too many targets for a client",
        ),
        action=NOTHING_TO_DO if not let_in else "See in the reachability notebook what let it in.",
        first_seen=row.first,
        last_seen=row.last,
        records=int(row.records),
        packets=int(row.packets),
        bytes=int(row.bytes),
        coverage=coverage,
        samples=samples.get(row.client, ()),
    )


def _let_in(services: int) -> str:
    return f"{many(services, 'service')} let it in" if services else "no service let it in"


def _noise(rejected: Rejected, groups: pd.DataFrame, coverage: float | None) -> list[Finding]:
    """Everything else in one finding: the noise, and the groups that were not listed."""
    some, totals = groups[groups.kind == "noise"], rejected.totals
    unlisted = int(totals.groups.sum()) - len(groups)
    sums = {
        name: int(some[name].sum() + totals[name].sum() - groups[name].sum())
        for name in ("records", "packets", "bytes")
    }
    if not len(some) and not unlisted:
        return []
    who = ("At least " if unlisted else "") + many(some.client.nunique(), "client")
    who = "Clients that are not listed" if some.empty else who
    return [
        Finding(
            kind="noise",
            severity="info",
            confidence="high" if rejected.accepts else "low",
            title=f"{who} sent {many(sums['records'], 'refused record')} of no account: background noise.",
            subject={},
            grounds=(
                f"{int((some.sessions == 1).sum()):,} of {len(some):,} groups are a single attempt",
                f"{int((some.tiny == some.sessions).sum()):,} are single packets of at most 44 bytes",
            ),
            action=NOTHING_TO_DO,
            first_seen=totals["first"].min() if unlisted else some["first"].min(),
            last_seen=totals["last"].max() if unlisted else some["last"].max(),
            coverage=coverage,
            **sums,
        )
    ]


def rejected_verdict(
    findings: list[Finding], rejected: Rejected, rules: pd.DataFrame | None = None
) -> list[str]:
    """Up to five sentences: the gravest findings, what needs nothing, what the log cannot tell, and how far the
    `rules` (of `rule_use`) are used."""
    return [*_refused(findings, rejected), *_rules(rules)][:5]


def _rules(rules: pd.DataFrame | None) -> list[str]:
    """How many security group rules were never used, or are wider than it, and the coverage this rests on."""
    if rules is None:
        return []
    never, wide = (rules[rules.judgement == word] for word in ("never used", "wider than its use"))
    if not len(never) and not len(wide):
        return []
    least = pd.concat([never, wide]).coverage.min(skipna=False)
    share = "how much of the time the log speaks for is not known"
    if pd.notna(least):
        share = f"{'all' if least == 1 else f'at least {least:.1%}'} of their interfaces' time is certain"
    return [
        f"Of {many(len(rules), 'security group rule')}, never used: {len(never):,},"
        f" wider than their use: {len(wide):,} ({share})."
    ]


def _refused(findings: list[Finding], rejected: Rejected) -> list[str]:
    total = int(rejected.totals.records.sum())
    if not total:
        return [
            "Nothing was refused."
            if rejected.accepts
            else "No record says ACCEPT or REJECT: nothing can be told."
        ]
    said = []
    blocked = [f for f in findings if f.kind == "blocked-client" and f.severity in ("high", "medium")]
    if blocked:
        groups = rejected.groups[rejected.groups.kind == "blocked-client"]
        best = groups.loc[groups.groupby("incident").score.idxmax()]
        count = max(len(blocked), sum(map(_plausible, best.itertuples())))
        are = "refusal looks" if count == 1 else "refusals look"
        said.append(f"{count:,} {are} like a wanted client that is kept out: {blocked[0].title}")
    else:
        said.append("No client that is probably wanted is refused from its first packet on.")
    replies = [f for f in findings if f.kind in ("reply-refused", "acl-changed") and f.severity != "low"]
    said += [finding.title for finding in replies[:2]]
    rest = {kind: [f for f in findings if f.kind == kind] for kind in ("scan", "late-packets", "noise")}
    if any(rest.values()):
        share = sum(f.records for some in rest.values() for f in some) / total
        words = (many(len(rest["scan"]), "scanner"), "late packets", "noise")
        who = [word for word, some in zip(words, rest.values(), strict=True) if some]
        joined = " and ".join([", ".join(who[:-1]), who[-1]] if len(who) > 1 else who)
        share = "all" if share == 1 else f"{share:.0%} of the"
        said.append(f"Nothing to do for {share} {total:,} refused records: {joined}.")
    if not rejected.accepts:
        said.append("The log holds refusals only, so most causes cannot be told: log ALL traffic.")
    return said
