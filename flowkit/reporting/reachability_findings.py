"""The findings of reachability: broken expectations, services open to the internet or without response, changes.

In: rows of `flowkit.questions`, and what was rejected of their clients. Out: findings, without their records.
"""

import pandas as pd

from flowkit.net import ADMIN_PORTS, DATABASE_PORTS
from flowkit.questions.fixes import revocation
from flowkit.questions.pairs import ANSWERED, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.questions.reachability import SERVICE, Reach
from flowkit.questions.services import admitting
from flowkit.reporting.answer import incident_id
from flowkit.reporting.finding import RULES, Finding
from flowkit.reporting.names import service_name
from flowkit.reporting.rejected_findings import blame, incident_of
from flowkit.words import many, without_controls

MEANING = {
    ANSWERED: "answered", SILENT: "allowed but not responding", RESET: "allowed but closed (TCP RST)",
    REPLY_REFUSED: "allowed, but the return traffic is rejected", REFUSED: "rejected", "unseen": "not seen",
}  # fmt: skip
NEXT = {
    SILENT: "Nothing came back, so the rules are not the cause. On the host: does the service listen, and does the host's"
    " own firewall let it in?\nss -ltnup{port}\nsudo nft list ruleset",
    RESET: "The host is reached and says that nothing listens on the port: start the service, or close the port in the"
    " security group.\nss -ltnup{port}",
    "one side": "Only the client's side is logged, where nothing came back: look at the rules and the host at the other"
    " end.",
    "elsewhere": "Part of it is rejected{at}, so look at the rules there first: the rejected notebook names them.",
    "unproven": "Try it once and run the report again, or drop the line if nothing needs it.",
    "closed": "No action needed if that is intended: see in CloudTrail who changed the rule.",
    "rule": "The rejected notebook has the commands that let it pass.",
    "no rule": "The rejected notebook says what is known of the cause.",
}
NO_SNAPSHOT = "Save the rules and run again, so that the report can name the rule: flowkit snapshot network"
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1}
#: The severity of a service that the internet reaches, by its role.
EXPOSED = {"admin": "high", "database": "high", "web": "info", "other": "medium"}


def expectation(reach: Reach, row, mine: pd.DataFrame, host) -> Finding:
    """Return the finding of an expectation that is not met; `mine` are the rejected groups of its clients, `host` names an
    address."""
    log, where, seen = reach.log, f"{host_of(row)} {service_of(row)}", many(row.sessions, "session")
    port, number = int(row.port) if str(row.port).isdigit() else None, NUMBERS.get(row.protocol)
    severity, cause = "low" if row.verdict == "unproven" else "medium" if row.repaired else "high", {}
    incident = incident_id(row.destination, number, port) if row.proof is None else _place(row.proof, row.state)
    alone = row.source if "/" not in row.source else None
    counts = {"clients": row.clients, "failing": row.failing, "sessions": row.sessions}
    if row.verdict == "unproven":
        title = f"has no data: {_who(host, row, alone)} to {where}, {row.note or 'no packet of it was seen'}"
        action, counts = NEXT["unproven"], {}
    elif row.expect == "block":
        verb = "was" if row.failing == 1 else "were"
        done = (
            f"{verb} answered by" if row.verdict == "newly-reachable" else f"{verb} let in, though nobody answers, at"
        )
        title = f"should be blocked: {_who(host, row, alone, row.failing)} {done} {where} ({seen})"
        rules = admitting(log.network, row.proof, reach.clients(pd.DataFrame([row.proof._asdict()])))
        action = f"Find the rule that lets it in. {NO_SNAPSHOT}" if log.network is None else revoking(rules)
        action = action or "The security groups of the snapshot do not admit it now."
        incident, counts = opened_by(row.proof, rules), {"clients": row.failing, "sessions": row.sessions}
    else:
        cause = {} if row.state == RESET else cause_of(log, mine)
        until = f"{row.last_seen:%Y-%m-%d %H:%M} UTC"
        who = _who(host, row, alone) if row.clients == 1 else f"{row.failing} of {_who(host, row, None, row.clients)}"
        title = f"{f'was broken until {until}, and answered since' if row.repaired else 'is broken'}: {who} to {where}:"
        title += f" {MEANING[row.state]} ({seen})"
        action = (
            f"It has been answered since the last failure ({until}): nothing to do."
            if row.repaired
            else _next(row.proof, cause)
        )
    grounds = [f"line {row.line} of the expectations: {row.source} to {where}, {row.expect}"]
    if not pd.isna(row.answered_until):
        grounds.append(f"answered until {row.answered_until:%Y-%m-%d %H:%M} UTC")
    return Finding(
        row.verdict if row.verdict == "newly-reachable" else f"expectation-{row.verdict}", severity, row.confidence,
        f"“{without_controls(row.name)}” {title}.",
        {"srcaddr": row.source, "dstaddr": row.address, "protocol": number, "dstport": port,
         "interface_id": row.interface_id},
        cause=cause.get("cause"), grounds=(*grounds, *cause.get("grounds", ())), action=action, counts=counts,
        first_seen=row.first_seen, last_seen=row.last_seen, incident=cause.get("incident", incident),
    )  # fmt: skip


def exposure(reach: Reach, part: pd.DataFrame) -> Finding:
    """Return the finding of services (rows of `exposed`) that answer the internet, alike in port, role and scope."""
    first, alone, service = part.iloc[0], len(part) == 1, service_of(part.iloc[0])
    each = list(part.drop_duplicates("interface_id").itertuples())  # IPv4 and IPv6 of a host are one host
    names = [_name(row) for row in each]
    hosts = [host_of(row) if alone or names.count(_name(row)) > 1 else _name(row) for row in each]
    asked = part.explode("networks").rename(columns={"networks": "network"}).assign(state=ANSWERED)
    clients = reach.distinct(asked[["network", *SERVICE, "state", "clients"]])
    counts = {"clients": clients, "sessions": int(part["sessions"].sum()), "hosts": len(hosts)}
    networks = list(dict.fromkeys(str(network) for rule in first.rules for network in rule.networks))
    source, verbs = "::/0" if ":" in first.destination else "0.0.0.0/0", ("are", "were") if hosts[1:] else ("is", "was")
    severity, action = EXPOSED[first.role], revoking(first.rules) or (
        "If the internet is not meant to reach it, narrow the security group rule to the networks that need it."
        + ("" if reach.log.network else f" {NO_SNAPSHOT}")
    )  # fmt: skip
    title = f"{verbs[0]} reachable from the internet on {service}"
    if first.scope != "internet":
        severity = "info" if severity == "info" else "low"
    if first.scope == "networks":
        source, more = networks[0] if len(networks) == 1 else None, _more(counts, "more_networks", networks[3:])
        title = f"{verbs[0]} reachable from {', '.join([*networks[:3], *more])} on {service}, as the rules allow"
    elif "/" in first.scope:
        source, title = first.scope, f"{verbs[0]} reachable from {first.scope} on {service}, and strangers are rejected"
    elif first.scope == "closed":
        until, action = f"{part['last_seen'].max():%Y-%m-%d %H:%M} UTC", NEXT["closed"]
        title = f"{verbs[1]} reachable from the internet on {service} until {until}"
        title += ", which the rules of the snapshot do not allow"
    where = ", ".join([*hosts[:4], *_more(counts, "more_hosts", hosts[4:])])
    grounds = [f"security group {rule.group_id} allows it ({without_controls(rule.text)})" for rule in first.rules[:3]]
    return Finding(
        "exposed-service", severity, first.confidence,
        f"{where} {title}: {many(clients, 'client')}, {many(counts['sessions'], 'session')}.",
        {"srcaddr": source, "protocol": first.protocol, "dstport": first.port}
        | ({"interface_id": first.interface_id, "dstaddr": first.destination} if alone else {}),
        grounds=("accepted and answered, not only let in; sources in named networks are not counted", *grounds),
        action="" if first.role == "web" else action, first_seen=part["first_seen"].min(),
        last_seen=part["last_seen"].max(), counts=counts, incident=opened_by(first, first.rules),
    )  # fmt: skip


def without_response(row) -> Finding:
    """Return the finding of a service that is let in and never answers."""
    network = row.networks[0] if len(row.networks) == 1 and "/" in row.networks[0] else None
    elsewhere = not pd.isna(row.rejected_at)
    return _finding(
        row.state, "low" if row.public or row.state == RESET or elsewhere else "medium", row,
        f"{host_of(row)} {service_of(row)} is {MEANING[row.state]}: {many(row.clients, 'client')} in"
        f" {_group(row.sources)}, {many(row.sessions, 'session')}.",
        network and network.removesuffix("/32").removesuffix("/128"),
        confidence="low" if elsewhere else row.confidence, incident=_place(row, row.state),
        grounds=("others are answered there" if row.served else "no client gets a response",),
        action=NEXT["elsewhere"].format(at=f" at {row.rejected_at}") if elsewhere else _next(row, {}),
    )  # fmt: skip


def change(log, row, mine: pd.DataFrame, host) -> Finding:
    """Return the finding of a service that was lost or became reachable; `mine` are its clients' rejected groups."""
    where, seen, cause = f"{host_of(row)} {service_of(row)}", many(row.sessions, "session"), {}
    who = _who(host, row, row.who[0] if len(row.who) == 1 else None, row.clients)
    if row.change == "lost":
        known = [f"{at:%Y-%m-%d %H:%M}" for at in (row.answered_from, row.answered_until) if not pd.isna(at)]
        until = f"for the last time {' to '.join(dict.fromkeys(known))} UTC" if known else "before"
        title = f"{who} lost {where}: answered {until}, since then {MEANING[row.state]} ({seen})."
        incident, cause = _place(row, row.state), cause_of(log, mine)
        action = _next(row, cause)
    else:
        rules = admitting(log.network, row, row.who)
        title = f"{where} now answers {who} ({seen}); before it was {MEANING[row.was]}."
        action = "If nobody asked for it, see which rule changed: CloudTrail, AuthorizeSecurityGroupIngress.\n"
        action, incident = action + revoking(rules), opened_by(row, rules)
    grave = row.change == "lost" or row.port in ADMIN_PORTS or row.port in DATABASE_PORTS
    return _finding(
        row.change, "medium" if grave else "low", row, title,
        row.who[0] if len(row.who) == 1 else row.network if "/" in row.network else None,
        confidence=row.confidence, cause=cause.get("cause"), action=action.strip(),
        grounds=(f"then {row.was}, now {row.state}", *cause.get("grounds", ())),
        incident=cause.get("incident", incident),
    )  # fmt: skip


def _finding(kind: str, severity: str, row, title: str, source: str | None, confidence: str, **more) -> Finding:
    """Return the finding of a service, whose place, times and counts are those of `row`."""
    subject = {"interface_id": row.interface_id, "srcaddr": source, "dstaddr": row.destination,
               "protocol": row.protocol, "dstport": row.port}  # fmt: skip
    return Finding(
        kind, severity, confidence, title, subject, first_seen=row.first_seen, last_seen=row.last_seen,
        counts={"clients": row.clients, "sessions": row.sessions}, **more,
    )  # fmt: skip


def _who(host, row, alone: str | None, clients: int = 0) -> str:
    """Return the clients in words: the one by its name, several by their number and network; 0: the network."""
    if alone:
        return host(alone, row.interface_id, row.first_seen, row.last_seen)
    return f"{many(clients, 'client')} in {_group(row.source)}" if clients else row.source


def _more(counts: dict, name: str, rest: list) -> list[str]:
    """Return `3 more` where there is a rest, which `counts` then has by `name`."""
    return [f"{counts.setdefault(name, len(rest))} more"] if rest else []


def cause_of(log, mine: pd.DataFrame) -> dict:
    """Return cause, grounds, incident and next step of the largest incident of rejected groups, as the rejected notebook
    has them; nothing where there is none."""
    if mine.empty:
        return {}
    lead = mine.iloc[0]
    verdicts = mine.loc[mine["incident"] == lead["incident"], "verdict"]
    said = blame(log, lead, next((one for one in verdicts if one and not one.allowed), None))
    action = f"{said[0].upper()}{said[1:]}. {NEXT['rule' if lead['cause'] in RULES else 'no rule']}" if said else ""
    return {"cause": lead["cause"], "grounds": tuple(map(without_controls, lead["grounds"])), "incident": incident_of(lead),
            "action": action}  # fmt: skip


def _next(service, cause: dict) -> str:
    """Return the next step where clients of `service` are not answered, any more."""
    if service.state in (REFUSED, REPLY_REFUSED):
        return cause.get("action") or NEXT["no rule"]
    if service.state == SILENT and (cause or pd.isna(service.interface_id)):
        return NEXT["elsewhere"].format(at="") if cause else NEXT["one side"]
    return NEXT[service.state].format(port="" if pd.isna(service.port) else f" 'sport = :{service.port}'")


def opened_by(service, rules: tuple | None) -> str:
    """Return the incident of a service that somebody reaches: that of the widest rule that admits it, where known."""
    return incident_id(rules[0].group_id, rules[0].text) if rules else _place(service, ANSWERED)


def _place(service, state: str) -> str:
    """Return the incident of a service that is known by its place alone."""
    place = service.destination if pd.isna(service.interface_id) else service.interface_id
    return incident_id(place, service.protocol, service.port, state)


def revoking(rules: tuple | None) -> str:
    """Return the commands that close what `rules` admit; what they are where there is no command; '' without rules."""
    lines = [revocation(rule) or f"The rule {rule.text} of {rule.group_id} admits it." for rule in rules or ()]
    head = "Remove the rule that lets it in, or narrow it to the networks that need it:"
    return "\n".join([head, *map(without_controls, lines)]) if lines else ""


def host_of(row) -> str:
    """Return a destination as the pages write it: `web-1 (10.0.0.5)`, or its address."""
    name = _name(row)
    return name if name == row.destination else f"{name} ({row.destination})"


def _name(row) -> str:
    return row.destination if pd.isna(row.destination_name) else without_controls(row.destination_name)


def service_of(row) -> str:
    """Return such as `tcp/5432 postgresql`; `tcp/8000-8010` and `any` of expectations."""
    if isinstance(row.protocol, str):
        number, known = NUMBERS.get(row.protocol), str(row.port).isdigit()
        if number is None or not known:
            return row.protocol if row.port == "any" else f"{row.protocol}/{row.port}"
        return service_name(number, int(row.port))
    return "any protocol" if pd.isna(row.protocol) else service_name(int(row.protocol), row.port)


def _group(name: str) -> str:
    return "the internet" if name in ("internet", "0.0.0.0/0", "::/0") else name
