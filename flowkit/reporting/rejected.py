"""Who is rejected, why, and the smallest rule to change: the answer for a notebook, from `flowkit.questions.rejected`.

Groups that one rule rejects become one finding; all noise becomes one, and every scanner one.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from flowkit.analysis.coverage import covered_share
from flowkit.loading.network import LAST_RULES, Interface
from flowkit.net import ICMP, SERVICE_PORTS, is_private, protocol_name
from flowkit.questions.causes import PING, PONG, own_client, packets
from flowkit.questions.fixes import (
    ENTRIES, TrafficToAllow, acl_fix, enclosing_network, group_fix, one_line, replay, reply_ports,
)  # fmt: skip
from flowkit.questions.rejected import KINDS, Rejections, over_time, rejections
from flowkit.questions.rule_use import rule_use
from flowkit.questions.samples import samples
from flowkit.reporting.answer import Answer
from flowkit.reporting.findings import Finding

NOTHING_TO_DO = "No action needed: the rules work as intended."
NOT_BLOCKED = "No action needed: no rule blocks this."
CHECK_ANEW = "Check that it passes now; the rules of the snapshot need no addition."
KEEP_ALIVE = "Let the service answer sooner, or allow its answers by a rule of their own."
NEEDS_SNAPSHOT = "Save the rules and run again, so that the report can name the rule: flowkit snapshot network"
NEEDS_NEWER = "The rules of the snapshot do not decide it: see whether they changed since, in CloudTrail or AWS Config."
ACCEPT_ONLY = "This log holds accepted traffic only, so it cannot show rejections: log ALL traffic for that."
REJECT_ONLY = "This log holds rejected traffic only, so most causes cannot be known: log ALL traffic for that."
#: Attempts of a public client on a service that others are served by, from which on it looks like a partner.
PARTNER = 20
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
    ``ports``, ``attempts``, ``first``, ``last``, ``verdict``. `rules`: as `flowkit.questions.rule_use.rule_use`
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
    host, parts = hosts(log), _parts(found.groups)
    some = [part for kind in KINDS for part in parts[kind][:top]]
    scans = found.groups[found.groups.kind == "scan"].drop_duplicates("client").set_index("client", drop=False)
    probes = [scans.loc[client] for client in found.scanners.client.head(top) if client in scans.index]
    lines = samples(log, _keys([(part.index[0], part.iloc[0]) for part in some] + [(one.client, one) for one in probes]))
    findings = [_finding(log, part, found, host, lines) for part in some]
    whole = covered_share(log.coverage)
    findings += [_scan(row, lines.get(row.client, ()), whole) for row in found.scanners.head(top).itertuples()]
    findings += _noise(found, whole)
    rules, table = rule_use(log), over_time(log.fold, found.groups)
    return Rejected(
        summary=tuple([*_summary(findings, parts, found, log), *_rules(rules)][:5]),
        findings=tuple(findings),
        coverage="" if whole is None else f"Log coverage {whole:.2%}",
        titles={"rejections_over_time": _over_time(table)},
        clients=_clients(found.groups, host),
        scanners=_scanners(found.scanners),
        rules=rules,
        over_time=table,
    )


def owners(log) -> Callable[..., Interface | None]:
    """Return a function that finds whose an address was: `owner(address, interface_id, first, last)`.

    An address is used again by others, and several VPCs may use it: that of the interface's own VPC counts, unless the
    log says that another interface had it at that time.
    """
    network, lives = log.network, defaultdict(list)
    own = log.interfaces[log.interfaces.address.notna() & (log.interfaces.basis != "snapshot")]
    for row in own.itertuples():
        lives[row.address].append((row.interface_id, row.first, row.last))

    def owner(address: str, interface_id: str, first=None, last=None) -> Interface | None:
        if network is None:
            return None
        here = network.interfaces.get(interface_id)
        found = network.owner(address, here.vpc_id if here else None)
        if found and not pd.isna(first):
            begin, end = first.timestamp(), last.timestamp()
            then = {eni for eni, since, until in lives[address] if since <= end and until >= begin}
            if then and found.interface_id not in then:
                return network.interfaces.get(then.pop()) if len(then) == 1 else None
        return found

    return owner


def hosts(log) -> Callable[..., str]:
    """Return a function that names an address, asked like `owners`: `web-1 (10.0.0.5)`, or the address alone."""
    owner = owners(log)

    def host(address: str, *where) -> str:
        found = owner(address, *where)
        return f"{one_line(found.name)} ({address})" if found and found.name != found.interface_id else address

    return host


def service_name(protocol: int, port: float) -> str:
    """Return such as `tcp/5432 postgresql`; `ICMP`, which has no port; `port 5432` where the protocol is not logged."""
    if protocol in ICMP:
        return "ICMP" if protocol == 1 else "ICMPv6"
    known = port is not None and not pd.isna(port) and port >= 0
    if protocol < 0:
        return f"port {int(port)}" if known else "any protocol"
    name = SERVICE_PORTS.get(int(port)) if known else None
    return protocol_name(int(protocol)) + (f"/{int(port)}" if known else "") + (f" {name}" if name else "")


def many(count: int, noun: str) -> str:
    """Return `count` and the noun, in the plural unless it is one."""
    return f"{int(count):,} {noun}" + ("" if count == 1 else "s")


def _parts(groups: pd.DataFrame) -> dict[str, list[pd.DataFrame]]:
    """Return by kind the groups of each incident, the highest score and the largest first; in each most records first."""
    found = {kind: [] for kind in KINDS}
    some = groups[~groups.kind.isin(["scan", "noise"])]
    for (kind, _incident), part in some.groupby(["kind", "incident"], sort=False):
        found[kind].append(part.sort_values(["records", "score"], ascending=False))
    for several in found.values():
        several.sort(key=lambda part: (-part.score.max(), -part.records.sum()))
    return found


def _keys(leads: list[tuple[object, pd.Series]]) -> pd.DataFrame:
    """Return the keys of `samples` for the rejected packets of each group."""
    rows = []
    for name, lead in leads:
        ends = (lead.server, lead.client) if lead.from_server else (lead.client, lead.server)
        ports = (lead.server_port, None) if lead.from_server else (None, lead.server_port)
        ports = [None if port is None or port < 0 else int(port) for port in ports]
        eni, protocol = _logged(lead.interface_id), None if lead.protocol < 0 else int(lead.protocol)
        rows.append((name, eni, *ends, protocol, *ports, "REJECT"))
    names = ["id", "interface_id", "srcaddr", "dstaddr", "protocol", "srcport", "dstport", "action"]
    return pd.DataFrame(rows, columns=names).astype(dict.fromkeys(["protocol", "srcport", "dstport"], "Int64"))


def _logged(interface_id: str) -> str | None:
    return None if interface_id == "-" else interface_id


def _finding(log, part: pd.DataFrame, found: Rejections, host, lines: dict) -> Finding:
    """Return the groups of one incident as one finding."""
    kind, groups = part.kind.iloc[0], found.groups
    service = _service(part, found.services) if kind == "blocked-service" else None
    cut = part[part.refusal != "request"] if kind == "acl-changed" else part
    lead = cut.iloc[0] if len(cut) else part.iloc[0]
    verdict = next((one for one in part.verdict if one is not None and not one.allowed), None)
    first, last = part["first"].min(), part["last"].max()
    outward, far = lead.client == lead.inside, _far(part, verdict)
    title, counts = _title(log, kind, part, lead, far, verdict, host, service)
    score = [] if kind != "blocked-client" else [f"legitimacy score {lead.score} ({_points(lead.parts)})"]
    rest = part[part.index != lead.name]
    if len(rest):
        score.append(f"{many(len(rest), 'more group')} of this incident, {many(rest.records.sum(), 'record')}")
    eni = _logged(lead.interface_id)
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
        **{name: int(part[name].sum() if service is None else service[name]) for name in ("records", "packets", "bytes")},
        coverage=covered_share(log.coverage, eni, first, last),
        samples=lines.get(part.index[0], ()),
        incident=_incident(lead, verdict),
        counts=counts,
    )


def _incident(lead: pd.Series, verdict) -> str:
    """Return the id of the root cause: the denying entry where there is one, else the incident's own place."""
    root = lead.incident
    if verdict is not None and verdict.acl_allows is False:
        root = str(verdict.deny or (verdict.acl_id, verdict.packet.egress, lead.protocol, lead.server_port))
    return hashlib.sha256(root.encode()).hexdigest()[:12]


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


def _severity(kind: str, part: pd.DataFrame) -> str:
    lead = part.iloc[0]
    if kind == "late-packets":
        return "info"
    if kind == "blocked-service":
        return "high"
    if kind == "service-control":
        return "medium" if lead.way else "low"
    if kind == "blocked-client":
        best = part.loc[part.score.idxmax()]
        if not (own_client(best) or best.known or best.own or is_private(best.client)):
            # A stranger, unless it tries on and on what others are served.
            partner = best.others and best.answers and 2 * best.retries >= best.sessions
            return "medium" if partner and part.attempts.sum() >= PARTNER else "low"
        return "high" if best.score >= 6 and part.attempts.sum() >= 3 else "medium"
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
    counts = {"clients": part.client.nunique(), "attempts": part.attempts.sum(), "sessions": part.sessions.sum()}
    tries = many(counts["attempts"], "connection attempt" if lead.protocol == 6 else "attempt")
    since = "" if pd.isna(first) else f" since {first:%Y-%m-%d %H:%M} UTC"
    by = _by(log, lead, verdict)
    if kind == "blocked-service":
        counts = {name: blocked[name] for name in ("clients", "attempts", "sessions")}
        tries = f"{many(counts['clients'], 'client')}, {many(counts['attempts'], 'connection attempt')}"
        title = f"{service} of {ends[0]} is rejected for everybody: {tries}{since}, none accepted; {by}."
    elif kind == "blocked-client":
        never = "" if part.own.any() else ", none accepted"
        title = f"{client} to {server} {service}: {tries} rejected{since}{never}; {by}."
    elif kind == "reply-refused":
        way = {True: " outbound", False: " inbound"}.get(lead.way, "")
        title = f"Return traffic from {server} {service} to {client} is rejected{way}: {tries}{since}; {by}."
    elif kind == "acl-changed":
        cut, later = (part[(part.refusal == "request") == asked] for asked in (False, True))
        counts |= {"sessions": cut.sessions.sum(), "attempts": later.attempts.sum(), "addresses": count}
        said = [f"{many(counts['sessions'], 'open session')} cut"] if len(cut) else []
        said += [f"{many(counts['attempts'], 'later attempt' if len(cut) else 'attempt')} rejected"] if len(later) else []
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
        named = ", ".join(one_line(f"{one.name} ({name})" if one and one.name != name else name) for name, one in groups)
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


def _points(parts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {points:+d}" for reason, points in parts.items())


def _scan(row, lines: tuple, coverage: float | None) -> Finding:
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


def _noise(found: Rejections, coverage: float | None) -> list[Finding]:
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


def _summary(findings: list[Finding], parts: dict, found: Rejections, log) -> list[str]:
    """Return what a reader must know, the gravest and largest first."""
    total, facts = int(found.totals.records.sum()), log.fold.facts
    if not total:
        return [ACCEPT_ONLY if facts["accepted"] else "No record says ACCEPT or REJECT, so nothing can be said."]
    said, grave = [], [f for f in findings if f.severity in ("high", "medium")]
    blocked = [part for part in parts["blocked-client"] if _severity("blocked-client", part) != "low"]
    if blocked:
        count = pd.concat(blocked).client.nunique()
        clients = "legitimate client appears" if count == 1 else "legitimate clients appear"
        largest = max((f for f in grave if f.kind == "blocked-client"), key=lambda f: f.records)
        said.append((largest.records, f"{count:,} {clients} to be blocked: {largest.title}"))
    others = [f for f in grave if f.kind in ("blocked-service", "reply-refused", "acl-changed")]
    said += [(f.records, f.title) for f in sorted(others, key=lambda f: -f.records)[:2]]
    said = [sentence for _records, sentence in sorted(said, key=lambda one: -one[0])]
    if not said:
        said.append("No legitimate client appears to be blocked from its first packet on.")
    rest = {kind: [f for f in findings if f.kind == kind] for kind in ("scan", "late-packets", "noise")}
    if any(rest.values()):
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
        (host(one.client, one.interface_id, one.first, one.last), host(one.server, one.interface_id, one.first, one.last))
        for one in groups.itertuples()
    ]  # fmt: skip
    services = [service_name(one.protocol, one.server_port) for one in groups.itertuples()]
    table = groups.assign(
        verdict=groups.kind.map(VERDICTS), service=services, points=groups.parts.map(_points),
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
