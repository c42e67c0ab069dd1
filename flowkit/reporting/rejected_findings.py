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
    group_fix,
    one_line,
    replay,
    reply_ports,
)  # fmt: skip
from flowkit.questions.rejected import Rejections
from flowkit.reporting.answer import incident_id
from flowkit.reporting.finding import Finding
from flowkit.reporting.names import many, owners, service_name

NOTHING_TO_DO = "No action needed: the rules work as intended."
NOT_BLOCKED = "No action needed: no rule blocks this."
CHECK_ANEW = "Check that it passes now; the rules of the snapshot need no addition."
KEEP_ALIVE = "Let the service answer sooner, or allow its answers by a rule of their own."
NEEDS_SNAPSHOT = "Save the rules and run again, so that the report can name the rule: flowkit snapshot network"
NEEDS_NEWER = "The rules of the snapshot do not decide it: see whether they changed since, in CloudTrail or AWS Config."
#: Attempts of a public client on a service that others are served by, from which on it looks like a partner.
PARTNER = 20


def logged(interface_id: str) -> str | None:
    return None if interface_id == "-" else interface_id


def finding(log, part: pd.DataFrame, found: Rejections, host, lines: dict) -> Finding:
    """Return the groups of one incident as one finding."""
    kind, groups = part.kind.iloc[0], found.groups
    service = _service(part, found.services) if kind == "blocked-service" else None
    cut = part[part.refusal != "request"] if kind == "acl-changed" else part
    lead = cut.iloc[0] if len(cut) else part.iloc[0]
    verdict = next((one for one in part.verdict if one is not None and not one.allowed), None)
    first, last = part["first"].min(), part["last"].max()
    outward, far = lead.client == lead.inside, _far(part, verdict)
    title, counts = _title(log, kind, part, lead, far, verdict, host, service)
    score = [] if kind != "blocked-client" else [f"legitimacy score {lead.score} ({points(lead.parts)})"]
    rest = part[part.index != lead.name]
    if len(rest):
        score.append(f"{many(len(rest), 'more group')} of this incident, {many(rest.records.sum(), 'record')}")
    eni = logged(lead.interface_id)
    return Finding(
        kind=kind,
        severity=_severity(kind, part),
        confidence=lead.confidence,
        title=title,
        subject={
            "interface_id": eni,
            "srcaddr": lead.inside if outward else far,
            "dstaddr": far if outward else lead.inside,
            "protocol": int(lead.protocol) if lead.protocol >= 0 else None,
            "dstport": int(lead.server_port) if lead.server_port >= 0 else None,
        },
        cause=lead.cause,
        grounds=tuple(dict.fromkeys(map(one_line, [*lead.grounds, *score]))),
        action=_action(log, kind, part, lead, verdict, groups),
        first_seen=first,
        last_seen=last,
        **{
            name: int(part[name].sum() if service is None else service[name])
            for name in ("records", "packets", "bytes")
        },
        coverage=covered_share(log.coverage, eni, first, last),
        samples=lines.get(part.index[0], ()),
        incident=incident_of(lead, verdict),
        counts=counts,
    )


def incident_of(lead: pd.Series, verdict) -> str:
    """Return the id of the root cause: the denying entry where there is one, else the incident's own place."""
    root = lead.incident
    if verdict is not None and verdict.acl_allows is False:
        root = str(verdict.deny or (verdict.acl_id, verdict.packet.egress, lead.protocol, lead.server_port))
    return incident_id(root)


def _service(part: pd.DataFrame, services: pd.DataFrame) -> pd.Series:
    """Return the row of `services` that the groups of `part` belong to: it counts those that were not listed, too."""
    lead, names = part.iloc[0], ["interface_id", "server", "protocol", "server_port"]
    return services[(services[names] == lead[names]).all(axis=1)].iloc[0]


def _far(part: pd.DataFrame, verdict) -> str | None:
    """Return what the far ends have in common: one address, the network an ACL entry names, the block they fill."""
    if part.far.nunique() == 1:
        return part.far.iloc[0]
    if verdict is not None and verdict.deny and verdict.entry.network.prefixlen:
        return str(verdict.entry.network)
    block = enclosing_network(part.far)
    return str(block) if block else None


def blocked_severity(best, attempts: int) -> str:
    """Return the severity of a blocked client by the `best` group of its incident and all its attempts."""
    if own_client(best) or best.known or best.own or is_private(best.client):
        return "high" if best.score >= 6 and attempts >= 3 else "medium"
    # Others are strangers, unless they try on and on what somebody is served.
    partner = best.others and best.answers and 2 * best.retries >= best.sessions
    return "medium" if partner and attempts >= PARTNER else "low"


def _severity(kind: str, part: pd.DataFrame) -> str:
    if kind == "blocked-client":
        return blocked_severity(part.loc[part.score.idxmax()], part.attempts.sum())
    if kind in ("late-packets", "blocked-service"):
        return "info" if kind == "late-packets" else "high"
    if kind == "service-control":
        return "medium" if part.iloc[0].way else "low"
    known = part.known.any() or part.way.eq(False).any() or len(part) > 1 or part.retries.any()
    return "high" if known else "low"


def _title(log, kind: str, part: pd.DataFrame, lead, far: str | None, verdict, host, blocked) -> tuple[str, dict]:
    """Return the title of an incident and every number in it by name."""
    first, last = part["first"].min(), part["last"].max()
    count = part.far.nunique()
    ends = [host(lead.inside, lead.interface_id, first, last), f"{count:,} addresses" + (f" in {far}" if far else "")]
    if count == 1:
        ends[1] = host(part.far.iloc[0], lead.interface_id, first, last)
    client, server = ends if lead.client == lead.inside else ends[::-1]
    service = service_name(lead.protocol, lead.server_port)
    counts = {"clients": part.client.nunique(), "attempts": part.attempts.sum()}
    tries = many(counts["attempts"], "connection attempt" if lead.protocol == 6 else "attempt")
    since = "" if pd.isna(first) else f" since {first:%Y-%m-%d %H:%M} UTC"
    by = _by(log, lead, verdict)
    if kind == "blocked-service":
        counts = {name: blocked[name] for name in ("clients", "attempts")}
        tries = f"{many(counts['clients'], 'client')}, {many(counts['attempts'], 'connection attempt')}"
        title = f"{service} of {ends[0]} is rejected for everybody: {tries}{since}, none accepted; {by}."
    elif kind == "blocked-client":
        never = "" if part.own.any() else ", none accepted"
        cut = part[part.refusal == "changed"]
        if len(cut):
            counts |= {"cut_sessions": cut.sessions.sum(), "attempts": counts["attempts"] - cut.attempts.sum()}
            tries = f"{many(counts['cut_sessions'], 'open session')} cut, {many(counts['attempts'], 'attempt')}"
        title = f"{client} to {server} {service}: {tries} rejected{since}{never}; {by}."
    elif kind == "reply-refused":
        way = {True: " outbound", False: " inbound"}.get(lead.way, "")
        title = f"Return traffic from {server} {service} to {client} is rejected{way}: {tries}{since}; {by}."
    elif kind == "acl-changed":
        cut, later = (part[(part.refusal == "request") == asked] for asked in (False, True))
        counts |= {"cut_sessions": cut.sessions.sum(), "attempts": later.attempts.sum(), "addresses": count}
        said = [f"{many(counts['cut_sessions'], 'open session')} cut"] if len(cut) else []
        said += (
            [f"{many(counts['attempts'], 'later attempt' if len(cut) else 'attempt')} rejected"] if len(later) else []
        )
        title = f"A network ACL change blocked {ends[1]} from {ends[0]} {service}{since}: {' and '.join(said)}; {by}."
    elif kind == "service-control":
        names = {"block-public-access": "VPC Block Public Access", "encryption-control": "VPC encryption control"}
        what = names.get(lead.cause, "A VPC-wide control that this version does not know")
        title = f"{what} rejects {client} to {server} {service}: {tries}{since}."
    else:
        counts = {"packets": part.packets.sum(), "clients": counts["clients"]}
        title = f"{many(counts['packets'], 'packet')} between {ends[1]} and {ends[0]} {service} came "
        title += "after their connection was closed: nothing is blocked." if lead.cause == "closed-connection" else (
            "in the middle of a connection that nothing in the log closes: no attempt is rejected.")  # fmt: skip
    return title, {name: int(number) for name, number in counts.items()}


def _by(log, lead: pd.Series, verdict) -> str:
    """Return which rule is to blame."""
    if lead.cause == "rules-changed":
        return "the rules of the snapshot would let them pass, so they have changed since"
    if lead.cause == "undetermined":
        return "security group or network ACL, this log cannot tell"
    if verdict is None:
        guards = {
            "security-group": "its security group rejects it", "network-acl": "its subnet's network ACL denies it",
            "tracking-expired": "connection tracking had ended before",
        }  # fmt: skip
        return guards.get(lead.cause, "")
    said = []
    if verdict.groups_allow is False:
        groups = [(name, log.network.groups.get(name)) for name in verdict.group_ids]
        named = ", ".join(
            one_line(f"{one.name} ({name})" if one and one.name != name else name) for name, one in groups
        )
        said.append(f"security group {named} lacks an {'egress' if verdict.packet.egress else 'ingress'} rule")
    if verdict.acl_allows is False:
        number = "*" if verdict.entry is None or verdict.entry.number in LAST_RULES else verdict.entry.number
        said.append(f"network ACL {one_line(verdict.acl_id)} denies by rule {number}")
    return " and ".join(said)


def _action(log, kind: str, part: pd.DataFrame, lead: pd.Series, verdict, groups: pd.DataFrame) -> str:
    """Return the next step: the rules that would let the incident's traffic pass, where a rule is to blame."""
    if kind == "late-packets":
        return NOT_BLOCKED
    if kind == "service-control":
        return "See whether the control is meant to cover this: aws ec2 describe-vpc-block-public-access-options"
    if lead.cause == "rules-changed":
        return CHECK_ANEW
    if lead.cause == "tracking-expired":
        return KEEP_ALIVE
    if lead.cause not in ("security-group", "network-acl", "security-group-and-network-acl"):
        return NEEDS_NEWER if log.network else NEEDS_SNAPSHOT
    far, egress, protocol = tuple(sorted(set(part.far))), bool(lead.way), int(lead.protocol)
    if kind == "blocked-service":
        far = _everybody(far, verdict)
    ports = None if lead.server_port < 0 else (int(lead.server_port),) * 2
    back = reply_ports(int(part.port_low.min()), int(part.port_high.max())) if ports else None
    icmp = (PONG if lead.from_server else PING).get(protocol)
    asked = TrafficToAllow(lead.interface_id, egress, far, protocol, back if lead.from_server else ports, icmp)
    then = (lead.interface_id, part["first"].min(), part["last"].max())
    clients = [owner(address, *then) for address in far] if (owner := owners(log)) and kind != "blocked-service" else []
    fixes = [group_fix(asked, log.network, clients)] if lead.cause.startswith("security-group") else []
    if lead.cause.endswith("network-acl"):
        fixes.append(acl_fix(asked, verdict, log.network))
    if lead.answer is not None:
        answer = replace(asked, egress=not egress, ports=back, icmp=PONG.get(protocol))
        fixes.append(acl_fix(answer, lead.answer, log.network))
    lines = [line for fix in fixes for line in fix.warnings]
    if verdict is not None:
        known = groups[groups.interface_id.isin(log.network.interfaces) & (groups.refusal != "control")]
        allow, others = (
            [(one.interface_id, *packet) for one in some.itertuples() for packet in packets(one, one.way)]
            for some in (known[known.index.isin(part.index)], known[known.incident != lead.incident])
        )
        lines += [f"Replayed on the rules: {problem}." for problem in replay(log.network, fixes, allow, others)]
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
    return ", ".join(f"{reason} {points:+d}" for reason, points in parts.items())


def scan(row, lines: tuple, coverage: float | None) -> Finding:
    accepted = int(row.contacts - row.failed)
    let_in = f"{many(accepted, 'service')} accepted it" if accepted else "no service accepted it"
    targets = f"{many(row.ports, 'port')} of {many(row.servers, 'host')}"
    walk = "threshold random walk: scanner" if row.verdict == "scanner" else "too many targets for a client"
    return Finding(
        kind="scan",
        severity="info",
        confidence="high" if row.verdict == "scanner" else "medium",
        title=f"{row.client} scanned {targets}: {many(row.records, 'rejected record')}, {let_in}.",
        subject={"srcaddr": row.client, "protocol": None if row.protocol < 0 else int(row.protocol)},
        grounds=(f"{row.failed:,} of its {row.contacts:,} first contacts were rejected", walk),
        action="See in the reachability notebook what accepted it." if accepted else NOTHING_TO_DO,
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
    clients = some.client.nunique()
    who = ("At least " if unlisted else "") + many(clients, "client") if clients else "Clients that are not listed"
    return [
        Finding(
            kind="noise",
            severity="info",
            confidence="high" if found.accepts else "low",
            title=f"{who} sent {many(sums['records'], 'rejected record')}: background noise, no action needed.",
            subject={},
            grounds=(
                f"{int((some.sessions == 1).sum()):,} of {len(some):,} groups are a single attempt",
                f"{int((some.tiny == some.sessions).sum()):,} are single packets of at most 44 bytes",
            ),
            action=NOTHING_TO_DO,
            first_seen=totals["first"].min() if unlisted else some["first"].min(),
            last_seen=totals["last"].max() if unlisted else some["last"].max(),
            coverage=coverage,
            counts={"clients": clients, "records": sums["records"]},
            **sums,
        )
    ]
