"""Rejected traffic as findings: one an incident, one a scanner, and one for all noise.

What one rule rejects is one finding: its title says how much, `counts` holds every number in it, its action is the
smallest rule, replayed on the snapshot's rules before it is shown.
"""

from dataclasses import replace

import pandas as pd

from flowkit.folding.coverage import covered_share
from flowkit.loading.network import LAST_RULES
from flowkit.net import is_private
from flowkit.questions.causes import PING, PONG, own_client, packets
from flowkit.questions.fixes import (
    ENTRIES,
    TrafficToAllow,
    acl_fix,
    enclosing_network,
    entry_fix,
    group_fix,
    replay,
    reply_ports,
)
from flowkit.questions.rejected import Rejections
from flowkit.reporting.answer import incident_id
from flowkit.reporting.finding import CONFIDENCES, Finding
from flowkit.reporting.names import service_name
from flowkit.words import many, without_controls

NOTHING_TO_DO = "No action needed: the rules work as intended."
LOG_ALL = "Log ALL traffic: beside what is accepted, it can be told whether this is to be rejected."
NEEDS_SNAPSHOT = "Save the rules and run again, so that the report can name the rule: flowkit snapshot network"
NEEDS_NEWER = "The rules of the snapshot do not decide it: see whether they changed since, in CloudTrail or AWS Config."
#: What to do where no rule that is known is to blame, by kind or cause.
ACTIONS = {
    "late-packets": "No action needed: no rule blocks this.",
    "service-control": "See whether the control is meant to cover this: aws ec2 describe-vpc-block-public-access-options",
    "rules-changed": "Check that it passes now; the rules of the snapshot need no addition.",
    "tracking-expired": "Let both ends send sooner, or allow the answers by a rule of their own.",
}
TITLES = {
    "blocked-service": "{service} of {inside} is rejected for everybody{logged}: {clients}, {attempts}{since}, none accepted;"
    " {by}.",
    "blocked-client": "{client} to {server} {service}: {what}{since}{met}; {by}.",
    "reply-refused": "Return traffic from {server} {service} to {client} is rejected{way}: {what}{since}; {by}.",
    "acl-changed": "A network ACL change blocked {client} from {server} {service}{since}: {what}; {by}.",
    "service-control": "{control} rejects {client} to {server} {service}: {attempts}{since}.",
    "late-packets": "{packets} between {far} and {inside} {service} came {late}",
}
LATE = {
    True: "after their connection was closed: nothing is blocked.",
    False: "in the middle of a connection that nothing in the log closes: no attempt is rejected.",
}
CONTROLS = {"block-public-access": "VPC Block Public Access", "encryption-control": "VPC encryption control"}
#: Who is to blame, by cause, where the snapshot has no verdict.
BLAMED = {
    "rules-changed": "the rules of the snapshot would let them pass, so they have changed since",
    "undetermined": "security group or network ACL, this log cannot tell",
    "security-group": "its security group rejects it",
    "network-acl": "its subnet's network ACL denies it",
    "tracking-expired": "connection tracking had ended before",
}
#: Attempts of a public client on a service that others are served by, from which on it looks like a partner.
PARTNER = 20


def logged(interface_id: str) -> str | None:
    """Return the interface's id, None where the log names none."""
    return None if interface_id == "-" else interface_id


def finding(log, part: pd.DataFrame, found: Rejections, host, lines: dict) -> Finding:
    """Return the groups of one incident as one finding; `host` names an address, `lines` are samples by group."""
    kind, sums = part.kind.iloc[0], part[["records", "packets", "bytes", "attempts"]].sum()
    cut = part[part.refusal != "request"] if kind == "acl-changed" else part
    lead = (cut if len(cut) else part).iloc[0]
    clients, services = part.client.nunique(), found.services
    if kind == "blocked-service":  # told by its surest group, counted with the groups that were not listed
        lead = part.loc[part.confidence.map(CONFIDENCES.index).idxmin()]
        place = ["interface_id", "server", "protocol", "server_port"]
        sums = services[(services[place] == lead[place]).all(axis=1)].iloc[0]
        clients = sums.clients
    verdict = next((one for one in part.verdict if one is not None and not one.allowed), None)
    first, last = part["first"].min(), part["last"].max()
    outward, inside, far = lead.client == lead.inside, _common(part.inside), _common(part.far, verdict)
    title, counts = _title(log, part, lead, verdict, host, (inside, far), int(clients), int(sums.attempts))
    score = [] if kind != "blocked-client" else [f"legitimacy score {lead.score} ({points(lead.parts)})"]
    rest = part[part.index != lead.name]
    if len(rest):
        pairs = f"{many(len(rest), 'more pair')} of client and service with the same root cause"
        score.append(f"{pairs}, {many(rest.records.sum(), 'record')}")
    eni = logged(lead.interface_id)
    return Finding(
        kind=kind,
        severity=_severity(kind, part),
        confidence=lead.confidence,
        title=title,
        subject={
            "interface_id": eni,
            "srcaddr": inside if outward else far,
            "dstaddr": far if outward else inside,
            "protocol": int(lead.protocol) if lead.protocol >= 0 else None,
            "dstport": int(lead.server_port) if lead.server_port >= 0 else None,
        },
        cause=lead.cause,
        grounds=tuple(dict.fromkeys(map(without_controls, [*lead.grounds, *score]))),
        action=_action(log, part, lead, verdict, found.groups),
        first_seen=first,
        last_seen=last,
        records=int(sums.records),
        packets=int(sums.packets),
        bytes=int(sums.bytes),
        coverage=covered_share(log.coverage, eni, first, last),
        samples=lines.get(part.index[0], ()),
        incident=incident_of(lead),
        counts=counts,
    )


def incident_of(lead: pd.Series) -> str:
    """Return the id of the root cause that all findings about `lead`, a group, and its like share."""
    return incident_id(lead.root)


def _common(addresses: pd.Series, verdict=None) -> str | None:
    """Return what addresses have in common: one address, the network an ACL entry names, the block they fill."""
    if addresses.nunique() == 1:
        return addresses.iloc[0]
    if verdict is not None and verdict.deny and verdict.entry.network.prefixlen:
        return str(verdict.entry.network)
    block = enclosing_network(addresses)
    return str(block) if block else None


def blocked_severity(best, attempts: int) -> str:
    """Return the severity of a blocked client by the `best` group of its incident and all its attempts."""
    if own_client(best) or best.known or best.own or is_private(best.client):
        return "high" if best.score >= 6 and attempts >= 3 else "medium"
    # Others are strangers, unless they try on and on what somebody is served, or their security group lets in.
    wanted = (best.others and best.answers) or (best.verdict is not None and best.verdict.groups_allow)
    partner = wanted and 2 * best.retries >= best.sessions
    return "medium" if partner and attempts >= PARTNER else "low"


def over(part: pd.DataFrame) -> bool:
    """Return whether every client of an incident was accepted after it, and none in between."""
    return bool(part.since.notna().all())


def _severity(kind: str, part: pd.DataFrame) -> str:
    lead = part.iloc[0]
    if kind == "blocked-client":
        severity = blocked_severity(part.loc[part.score.idxmax()], part.attempts.sum())
        return {"high": "medium"}.get(severity, "low") if over(part) else severity
    if kind == "reply-refused" and lead.cause == "undetermined":
        return "low"
    if kind == "reply-refused" and lead.cause == "tracking-expired":
        return "medium"
    if kind in ("reply-refused", "acl-changed"):
        known = part.known.any() or part.way.eq(False).any() or len(part) > 1 or part.retries.any()
        cut = kind == "acl-changed" and lead.confidence in ("certain", "high")
        return "high" if known or cut else "low"
    fixed = {"late-packets": "info", "blocked-service": "high", "service-control": "medium" if lead.way else "low"}
    return fixed[kind]


def _title(log, part: pd.DataFrame, lead, verdict, host, common: tuple, clients: int, attempts: int) -> tuple:
    """Return the title of an incident and every number in it by name."""
    kind, first, last = lead.kind, part["first"].min(), part["last"].max()
    ends, others = [], part.far.nunique()
    for end, network in zip(("inside", "far"), common, strict=True):
        count = part[end].nunique()
        several = f"{count:,} addresses" + (f" in {network}" if network else "")
        ends.append(host(lead[end], lead.interface_id, first, last) if count == 1 else several)
    inside, outside = ends
    counts, how = {"clients": clients, "attempts": attempts}, part.refusal
    open_ = (part.reopened == part.sessions) | ((part.cause == "tracking-expired") & (part.protocol == 6))
    cut = {
        "acl-changed": how != "request", "blocked-client": how == "changed",
        "reply-refused": (how == "mid-stream") & open_,
    }  # fmt: skip
    cut = part[cut.get(kind, how.isna())]
    if kind == "acl-changed" or len(cut):
        counts |= {"cut_sessions": int(cut.sessions.sum()), "attempts": attempts - int(cut.attempts.sum())}
    if kind == "late-packets":
        counts = {"packets": int(part.packets.sum()), "clients": clients}
    if kind == "acl-changed":
        counts["addresses"] = others
    if part.server.nunique() > 1:
        counts["servers"] = part.server.nunique()
    by, number = blame(log, lead, verdict), verdict and verdict.acl_allows is False and verdict.entry
    if number and number.number not in LAST_RULES and "by rule" in by:
        counts["rule"] = number.number
    noun = "connection attempt" if lead.protocol == 6 and kind != "acl-changed" else "attempt"
    tries = many(counts.get("attempts", 0), ("later " if len(cut) and kind == "acl-changed" else "") + noun)
    what = [f"{many(counts['cut_sessions'], 'open session')} cut"] if len(cut) else []
    what += [tries if kind == "reply-refused" else f"{tries} rejected"] if len(cut) < len(part) else []
    words = {
        "inside": inside, "far": outside, "service": service_name(lead.protocol, lead.server_port),
        "client": inside if lead.client == lead.inside else outside,
        "server": outside if lead.client == lead.inside else inside,
        "clients": many(clients, "client"), "packets": many(counts.get("packets", 0), "packet"), "attempts": tries,
        "since": "" if pd.isna(first) else f" since {first:%Y-%m-%d %H:%M} UTC", "by": by,
        "met": ", and accepted in between" if part.between.any() else "" if part.own.any() else ", none accepted",
        "way": {True: " outbound", False: " inbound"}.get(lead.way, ""),
        "what": " and ".join(what), "logged": "" if log.fold.facts["accepted"] else " in this log",
        "control": CONTROLS.get(lead.cause, "A VPC-wide control that this version does not know"),
        "late": LATE[lead.cause == "closed-connection"],
    }  # fmt: skip
    if kind == "blocked-client" and over(part):
        words |= {"since": f" from {first:%Y-%m-%d %H:%M} until {last:%Y-%m-%d %H:%M} UTC", "met": ", accepted since"}
    return TITLES[kind].format_map(words), counts


def blame(log, lead: pd.Series, verdict) -> str:
    """Return which rule is to blame."""
    if lead.kind == "reply-refused" and lead.cause == "undetermined":
        return "by a network ACL, or because they came late: this log cannot tell"
    if verdict is None or lead.cause in ("rules-changed", "undetermined", "tracking-expired"):
        sure = lead.confidence != "low" or lead.cause not in ("security-group", "network-acl")
        return ("" if sure else "probably ") + BLAMED.get(lead.cause, "")
    said = []
    if verdict.groups_allow is False:
        names = {name: log.network.groups[name].name for name in verdict.group_ids if name in log.network.groups}
        named = [f"{names[one]} ({one})" if names.get(one, one) != one else one for one in verdict.group_ids]
        way = "egress" if verdict.packet.egress else "ingress"
        said.append(f"security group {without_controls(', '.join(named))} lacks an {way} rule")
    if verdict.acl_allows is False:
        number = "*" if verdict.entry is None or verdict.entry.number in LAST_RULES else verdict.entry.number
        said.append(f"network ACL {without_controls(verdict.acl_id)} denies by rule {number}")
    return " and ".join(said)


def _action(log, part: pd.DataFrame, lead: pd.Series, verdict, groups: pd.DataFrame) -> str:
    """Return the next step: the rules that would let the incident's traffic pass, where a rule is to blame."""
    known = ACTIONS.get(lead.kind) or ACTIONS.get(lead.cause)
    if known or lead.cause not in ("security-group", "network-acl", "security-group-and-network-acl"):
        return known or (NEEDS_NEWER if log.network else NEEDS_SNAPSHOT)
    far, everybody = tuple(sorted(set(part.far))), lead.kind == "blocked-service"
    if everybody:
        far = _everybody(far, verdict)
    ports = None if lead.server_port < 0 else (int(lead.server_port),) * 2
    back = reply_ports(int(part.port_low.min()), int(part.port_high.max())) if ports else None
    protocol, icmp = int(lead.protocol), (PONG if lead.from_server else PING).get(int(lead.protocol))
    ports = back if lead.from_server else ports
    asked = TrafficToAllow(lead.interface_id, bool(lead.way), far, protocol, ports, icmp)
    fixes = [group_fix(asked, log.network)] if lead.cause.startswith("security-group") else []
    fixes += [acl_fix(asked, verdict, log.network)] if lead.cause.endswith("network-acl") else []
    if lead.answer is not None:
        answer = replace(asked, egress=not asked.egress, ports=back, icmp=PONG.get(protocol))
        fixes.append(acl_fix(answer, lead.answer, log.network))
    problems: list[str] = []
    if verdict is not None:
        judged = groups[groups.interface_id.isin(log.network.interfaces) & (groups.refusal != "control")]
        allow, others = (
            [(one.interface_id, *packet) for one in some.itertuples() for packet in packets(one, one.way)]
            for some in (judged[judged.index.isin(part.index)], judged[judged.root != lead.root])
        )
        entry = entry_fix(verdict) if len(fixes) == 1 else None
        if entry and not replay(log.network, [entry], allow, others):
            fixes = [entry]
        problems = replay(log.network, fixes, allow, others)
    lines = [line for fix in fixes for line in fix.warnings]
    lines += [f"Replayed on the rules: {problem}." for problem in problems]
    lines.append("To allow it (least privilege):")
    lines += [line for fix in fixes for line in (*fix.commands, *fix.instead)]
    return "\n".join([*lines, "The same for Terraform:", *(fix.terraform for fix in fixes)])


def _everybody(far: tuple[str, ...], verdict) -> tuple[str, ...]:
    """Return the sources to allow for a service that everybody wants: what its group allows, else the internet for
    more public clients than rules could name."""
    if verdict is not None and verdict.rules:
        return tuple(str(network) for network in verdict.rules[0].networks) or far
    if len(far) > ENTRIES and not any(map(is_private, far)):
        return tuple({"::/0" if ":" in address else "0.0.0.0/0" for address in far})
    return far


def points(parts: dict[str, int]) -> str:
    """Return the parts of a score in words, such as `own host +3, SYN retransmissions +1`."""
    return ", ".join(f"{reason} {points:+d}" for reason, points in parts.items())


def scan(row, lines: tuple, coverage: float | None, accepts: bool = True) -> Finding:
    """Return the finding of one scanner, a row of `Rejections.scanners`; `accepts`: the log holds accepted traffic."""
    accepted = int(row.contacts - row.failed)
    let_in = f"{many(accepted, 'service')} accepted it" if accepted else "no service accepted it"
    verb, let_in = ("scanned", let_in) if accepts else ("seems to scan", "what accepted it is not logged")
    targets = f"{many(row.ports, 'port')} of {many(row.servers, 'host')}"
    walk = "threshold random walk: scanner" if row.verdict == "scanner" else "too many targets for a client"
    return Finding(
        kind="scan",
        severity="info",
        confidence="low" if not accepts else "high" if row.verdict == "scanner" else "medium",
        title=f"{row.client} {verb} {targets}: {many(row.records, 'rejected record')}, {let_in}.",
        subject={"srcaddr": row.client, "protocol": None if row.protocol < 0 else int(row.protocol)},
        grounds=(f"{row.failed:,} of its {row.contacts:,} first contacts were rejected", walk),
        action="See in the reachability notebook what accepted it."
        if accepted
        else NOTHING_TO_DO
        if accepts
        else LOG_ALL,
        first_seen=row.first,
        last_seen=row.last,
        records=int(row.records),
        packets=int(row.packets),
        bytes=int(row.bytes),
        coverage=coverage,
        samples=lines,
        counts={"ports": int(row.ports), "hosts": int(row.servers), "records": int(row.records), "services": accepted},
    )


def noise(found: Rejections, coverage: float | None) -> list[Finding]:
    """Return everything else in one finding: the noise, and the groups that were not listed."""
    groups, totals = found.groups, found.totals
    some, unlisted = groups[groups.kind == "noise"], int(totals.groups.sum()) - len(groups)
    if not len(some) and not unlisted:
        return []
    served = groups[groups.kind == "blocked-service"]
    sums = {
        name: int(
            some[name].sum() + totals[name].sum() - groups[name].sum() - found.services[name].sum() + served[name].sum()
        )
        for name in ("records", "packets", "bytes")
    }
    clients, pairs = some.client.nunique(), f"of {many(len(some), 'pair')} of client and service"
    single, tiny = int((some.sessions == 1).sum()), int((some.tiny == some.sessions).sum())
    grounds = {f"{single:,} {pairs} are a single attempt": single, f"{tiny:,} {pairs} are single packets of at most 44 bytes":
               tiny, f"none has a legitimacy score above {some.score.max()}": len(some)}  # fmt: skip
    told = "background noise, no action needed" if found.accepts else "probably background noise"
    who = ("At least " if unlisted else "") + many(clients, "client") if clients else "Clients that are not listed"
    return [
        Finding(
            kind="noise",
            severity="info",
            confidence="high" if found.accepts else "low",
            title=f"{who} sent {many(sums['records'], 'rejected record')}: {told}.",
            subject={},
            grounds=tuple(ground for ground, holds in grounds.items() if holds),
            action=NOTHING_TO_DO if found.accepts else LOG_ALL,
            first_seen=totals["first"].min() if unlisted else some["first"].min(),
            last_seen=totals["last"].max() if unlisted else some["last"].max(),
            coverage=coverage,
            counts={"clients": clients, "records": sums["records"]},
            **sums,
        )
    ]
