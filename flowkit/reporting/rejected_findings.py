"""Rejected traffic as findings: one an incident, which is what one rule rejects, one a scanner, and one for all noise."""

from dataclasses import replace

import pandas as pd

from flowkit.folding.coverage import covered_share
from flowkit.language import retold, translated
from flowkit.loading.network import LAST_RULES
from flowkit.net import is_private
from flowkit.questions import fixes
from flowkit.questions.causes import PING, PONG, packets
from flowkit.questions.fixes import TrafficToAllow, acl_fix
from flowkit.questions.legitimacy import own_client
from flowkit.questions.networks import enclosing_network
from flowkit.questions.rejected import Rejections
from flowkit.reporting.finding import CONFIDENCES, Finding, finding, incident_id
from flowkit.reporting.kinds import TEXTS, text
from flowkit.reporting.names import called, service_name
from flowkit.words import without_controls

#: Attempts of a public client on a service that others are served by, from which on it looks like a partner.
PARTNER = 20
SUMS = ["records", "packets", "bytes"]
#: Causes that name no rule.
NO_RULE = ("rules-changed", "undetermined", "tracking-expired")


def incident(log, part: pd.DataFrame, found: Rejections, host, lines: dict) -> Finding:
    """Return the groups of one incident as one finding; `host` names an address, `lines` are samples by group."""
    kind, how, first, last = part.kind.iloc[0], part.refusal, part["first"].min(), part["last"].max()
    changed = part[how != "request"] if kind == "acl-changed" else part
    lead, sums = (changed if len(changed) else part).iloc[0], part[[*SUMS, "attempts"]].sum()
    sums["clients"] = part.client.nunique()
    if kind == "blocked-service":  # its surest group stands for it, counted with the groups that were not listed
        lead = part.loc[part.confidence.map(CONFIDENCES.index).idxmin()]
        place = ["interface_id", "server", "protocol", "server_port"]
        sums = found.services[(found.services[place] == lead[place]).all(axis=1)].iloc[0]
    verdict = next((one for one in part.verdict if one is not None and not one.allowed), None)
    ends = ("inside", "far") if lead.client == lead.inside else ("far", "inside")  # who began it comes first
    common = {end: _common(part[end], verdict if end == "far" else None) for end in ends}
    names = {
        end: host(lead[end], lead.interface_id, first, last) if part[end].nunique() == 1
        else text("common.addresses-in" if common[end] else "common.addresses", n=part[end].nunique(), network=common[end])
        for end in ends
    }  # fmt: skip
    counts = {"clients": int(sums.clients), "attempts": int(sums.attempts)}
    is_open = (part.reopened == part.sessions) | ((part.cause == "tracking-expired") & (part.protocol == 6))
    midway = (how == "mid-stream") & is_open
    idle = midway & (part.cause == "tracking-expired")
    cuts = {"acl-changed": how != "request", "blocked-client": (how == "changed") | idle, "reply-refused": midway}
    cut = part[cuts.get(kind, how.isna())]
    if kind == "acl-changed" or len(cut):
        counts |= {"cut_sessions": int(cut.sessions.sum()), "attempts": counts["attempts"] - int(cut.attempts.sum())}
    if kind == "late-packets":
        counts = {"packets": int(part.packets.sum()), "clients": counts["clients"]}
    counts |= {"addresses": part.far.nunique()} if kind == "acl-changed" else {}
    counts |= {"servers": part.server.nunique()} if part.server.nunique() > 1 else {}
    entry = verdict and verdict.acl_allows is False and verdict.entry
    if entry and entry.number not in LAST_RULES and lead.cause not in NO_RULE:
        counts["rule"] = entry.number
    form = ("-later" if len(cut) else "") if kind == "acl-changed" else "-tcp" if lead.protocol == 6 else ""
    tries = text(f"common.tries{form}", n=counts.get("attempts", 0))
    what = [text("common.cut", n=counts["cut_sessions"])] if len(cut) else []
    what += [tries if kind == "reply-refused" else text("common.rejected", tries=tries)] if len(cut) < len(part) else []
    is_over = kind == "blocked-client" and part.since.notna().all()  # all were accepted afterwards, none in between
    met = "since" if is_over else "between" if part.between.any() else "" if part.own.any() else "none"
    rest, score = part.drop(index=lead.name), text("common.score", score=lead.score, points=points(lead.parts))
    grounds = [*lead.grounds, *([score] if kind == "blocked-client" else [])]
    grounds += [text("common.same-cause", pairs=len(rest), records=int(rest.records.sum()))] if len(rest) else []
    eni = None if lead.interface_id == "-" else lead.interface_id
    return finding(
        kind, {key: int(sums[key]) for key in SUMS}, counts=counts, interface_id=eni, srcaddr=common[ends[0]],
        dstaddr=common[ends[1]], protocol=lead.protocol if lead.protocol >= 0 else None,
        dstport=lead.server_port if lead.server_port >= 0 else None, severity=severity_of(kind, list(part.itertuples())),
        confidence=lead.confidence, cause=lead.cause, **names, client=names[ends[0]], server=names[ends[1]],
        service=service_name(lead.protocol, lead.server_port), tries=tries, what=translated(" and ").join(what),
        logged="" if log.fold.facts["accepted"] else translated(" in this log"),
        since="" if pd.isna(first) else text(f"common.since{'-until' if is_over else ''}", first=first, last=last),
        met=met and text(f"met.{met}"), by=blame(log, lead, verdict),
        way=translated({True: " outbound", False: " inbound"}.get(lead.way, "")),
        control=text(f"control.{lead.cause if f'control.{lead.cause}' in TEXTS else 'unknown'}"),
        late=text("late.closed" if lead.cause == "closed-connection" else "late.open"),
        grounds=tuple(dict.fromkeys(map(without_controls, grounds))),
        action=_action(log, part, lead, verdict, found.groups), first_seen=first, last_seen=last,
        coverage=covered_share(log.coverage, eni, first, last),
        samples=lines.get(part.index[0], ()), incident=incident_id(lead.root),
    )  # fmt: skip


def _common(addresses: pd.Series, verdict=None) -> str | None:
    """Return what addresses share: one address, the network an ACL entry names, the block they fill."""
    if addresses.nunique() == 1:
        return addresses.iloc[0]
    if verdict is not None and verdict.deny and verdict.entry.network.prefixlen:
        return str(verdict.entry.network)
    block = enclosing_network(addresses)
    return str(block) if block else None


def _blocked_severity(best, attempts: int) -> str:
    """Return the severity of a blocked client by the `best` group of its incident and all its attempts."""
    if own_client(best) or best.known or best.own or is_private(best.client):
        return "high" if best.score >= 6 and attempts >= 3 else "medium"
    # Others are strangers, unless they try on and on what somebody is served, or their security group lets in.
    wanted = (best.others and best.answers) or (best.verdict is not None and best.verdict.groups_allow)
    partner = wanted and 2 * best.retries >= best.sessions
    return "medium" if partner and attempts >= PARTNER else "low"


def severity_of(kind: str, rows: list) -> str:
    """Return the severity of an incident of a `kind` by its groups, the largest first."""
    lead = rows[0]
    if kind == "blocked-client":
        best = max(rows, key=lambda row: row.score)
        severity = _blocked_severity(best, sum(row.attempts for row in rows))
        return {"high": "medium"}.get(severity, "low") if all(pd.notna(row.since) for row in rows) else severity
    if kind == "reply-refused" and lead.cause in ("undetermined", "tracking-expired"):
        return "low" if lead.cause == "undetermined" else "medium"
    if kind in ("reply-refused", "acl-changed"):
        known = len(rows) > 1 or any(row.known or (row.way is not None and not row.way) or row.retries for row in rows)
        return "high" if known or (kind == "acl-changed" and lead.confidence in ("certain", "high")) else "low"
    return {"late-packets": "info", "blocked-service": "high", "service-control": "medium" if lead.way else "low"}[kind]


def blame(log, lead: pd.Series, verdict) -> str:
    """Return which rule is to blame."""
    if lead.kind == "reply-refused" and lead.cause == "undetermined":
        return text("blame.late-reply")
    if verdict is None or lead.cause in NO_RULE:
        probably = lead.confidence == "low" and lead.cause in ("security-group", "network-acl")
        said = text(f"blame.{lead.cause}") if f"blame.{lead.cause}" in TEXTS else ""
        return translated("probably ") + said if probably else said
    said = []
    if verdict.groups_allow is False:
        names = {name: log.network.groups[name].name for name in verdict.group_ids if name in log.network.groups}
        groups = ", ".join(called(names.get(one), one) for one in verdict.group_ids)
        way = translated("egress" if verdict.packet.egress else "ingress")
        unsure = verdict.undecided or len(names) < len({*verdict.group_ids})
        why = retold(without_controls(verdict.unknown[0])) if unsure else ""
        said.append(
            text("blame.unsure" if unsure else "blame.group", groups=without_controls(groups), way=way, why=why)
        )
    if verdict.acl_allows is False:
        number = "*" if verdict.entry is None or verdict.entry.number in LAST_RULES else str(verdict.entry.number)
        said.append(text("blame.entry", acl=without_controls(verdict.acl_id), rule=number))
    return translated(" and ").join(said)


def _action(log, part: pd.DataFrame, lead: pd.Series, verdict, groups: pd.DataFrame) -> str:
    """Return the next step: the rules that would let the incident's traffic pass, as replayed on the snapshot; '' for
    that of the kind."""
    if lead.kind in ("late-packets", "service-control"):
        return ""
    if lead.cause not in ("security-group", "network-acl", "security-group-and-network-acl"):
        known = lead.interface_id in log.network.interfaces if log.network else None
        usual = "over" if part.since.notna().all() else {None: "snapshot", False: "absent", True: "newer"}[known]
        return text(f"next.{lead.cause if f'next.{lead.cause}' in TEXTS else usual}")
    far = tuple(sorted(set(part.far)))
    # All that its group allows may ask a service, else the internet where rules cannot name so many clients.
    if lead.kind == "blocked-service":
        if verdict is not None and verdict.rules:
            far = tuple(str(network) for network in verdict.rules[0].networks) or far
        elif len(far) > fixes.ENTRIES and not any(map(is_private, far)):
            far = tuple({"::/0" if ":" in address else "0.0.0.0/0" for address in far})
    ports = None if lead.server_port < 0 else (int(lead.server_port),) * 2
    back = fixes.reply_ports(int(part.port_low.min()), int(part.port_high.max())) if ports else None
    protocol, icmp = int(lead.protocol), (PONG if lead.from_server else PING).get(int(lead.protocol))
    ports = back if lead.from_server else ports
    asked = TrafficToAllow(lead.interface_id, bool(lead.way), far, protocol, ports, icmp)
    wanted, either = [asked], lead.way is None and verdict is None
    if either:  # as a packet leaves its sender's interface, or comes to its target's
        sender, target = ("server", "client") if lead.from_server else ("client", "server")
        sources, targets = (tuple(sorted(set(part[end]))) for end in (sender, target))
        wanted = [replace(asked, egress=True, far=targets), replace(asked, egress=False, far=sources)]
    found = [fixes.group_fix(one, log.network) for one in wanted if lead.cause.startswith("security-group")]
    found += [acl_fix(one, verdict, log.network) for one in wanted if lead.cause.endswith("network-acl")]
    if lead.answer is not None:
        answer = replace(asked, egress=not asked.egress, ports=back, icmp=PONG.get(protocol))
        found.append(acl_fix(answer, lead.answer, log.network))
    problems: list[str] = []
    if verdict is not None:
        judged = groups[groups.interface_id.isin(log.network.interfaces) & (groups.refusal != "control")]
        parts = (judged[judged.index.isin(part.index)], judged[judged.root != lead.root])
        allow, others = ([(one.interface_id, *packet) for one in some.itertuples() for packet in packets(one, one.way)]
                         for some in parts)  # fmt: skip
        entry = fixes.entry_fix(verdict) if len(found) == 1 else None
        if entry and not fixes.replay(log.network, [entry], allow, others):
            found = [entry]
        problems = fixes.replay(log.network, found, allow, others)
    known = [fix for fix in found if not fix.lookup]
    return "\n".join([
        *(retold(line) for fix in found for line in fix.warnings),
        *(text("next.replayed", problem=retold(problem)) for problem in problems),
        *([text("next.asymmetric")] if verdict is not None and lead.refusal == "mid-stream" and lead.syn_acks else []),
        text("next.either" if either else "next.allow"),
        *dict.fromkeys(line for fix in found for line in (*fix.commands, *map(retold, fix.instead))),
        *([text("next.terraform")] if known else []),
        *(retold(line) if line.startswith("#") else line for fix in known for line in fix.terraform.split("\n")),
    ])  # fmt: skip


def points(parts: dict[str, int]) -> str:
    """Return the parts of a score in words, such as `own host +3, SYN retransmissions +1`."""
    return ", ".join(f"{translated(reason)} {points:+d}" for reason, points in parts.items())


def scan(row, lines: tuple, coverage: float | None, accepts: bool = True) -> Finding:
    """Return the finding of one scanner, a row of `Rejections.scanners`; `accepts`: the log holds accepted traffic."""
    accepted = int(row.contacts - row.failed)
    let_in = "services" if accepts and accepted else "nobody" if accepts else "unlogged"
    walk, inside = row.verdict == "scanner", is_private(row.client)
    return finding(
        "scan", {key: int(getattr(row, key)) for key in SUMS}, "" if accepts else "seems", client=row.client,
        srcaddr=row.client, protocol=None if row.protocol < 0 else int(row.protocol), coverage=coverage, samples=lines,
        confidence="low" if not accepts else "high" if walk else "medium", first_seen=row.first, last_seen=row.last,
        accepted=text(f"accepted.{let_in}", n=accepted),
        grounds=(text("scan.failed", failed=row.failed, contacts=row.contacts), text("scan.walk" if walk else "scan.targets")),
        action=text("scan.inside") if inside else text("scan.let-in") if accepted else "" if accepts else text("common.log-all"),
        severity="medium" if inside else "info",
        counts={"ports": int(row.ports), "hosts": int(row.servers), "records": int(row.records), "services": accepted},
    )  # fmt: skip


def noise(found: Rejections, coverage: float | None) -> list[Finding]:
    """Return everything else in one finding: the noise, and the groups that were not listed."""
    groups, totals = found.groups, found.totals
    some, unlisted = groups[groups.kind == "noise"], int(totals.groups.sum()) - len(groups)
    if not len(some) and not unlisted:
        return []
    parts = [(1, some), (1, totals), (-1, groups), (-1, found.services), (1, groups[groups.kind == "blocked-service"])]
    sums = {name: int(sum(sign * part[name].sum() for sign, part in parts)) for name in SUMS}
    clients, single, tiny = some.client.nunique(), some.sessions == 1, some.tiny == some.sessions
    said = {"single": int(single.sum()), "tiny": int(tiny.sum()), "score": len(some)}
    values, times = {"pairs": len(some), "score": some.score.max()}, totals if unlisted else some
    form = "noise.unlisted" if not clients else "noise.at-least" if unlisted else "noise.who"
    return [finding(
        "noise", sums, coverage=coverage, confidence="high" if found.accepts else "low", who=text(form, n=clients),
        verdict=text("noise.sure" if found.accepts else "noise.unsure"),
        grounds=tuple(text(f"noise.{key}", some=holds, **values) for key, holds in said.items() if holds),
        action="" if found.accepts else text("common.log-all"), first_seen=times["first"].min(), last_seen=times["last"].max(),
        counts={"clients": clients, "records": sums["records"]},
    )]  # fmt: skip
