"""The findings of reachability: broken expectations, services open to the internet or without response, changes."""

import pandas as pd

from flowkit.net import ADMIN_PORTS, DATABASE_PORTS
from flowkit.questions.fixes import one_line, revocation
from flowkit.questions.pairs import ANSWERED, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.questions.reachability import SERVICE, Reach
from flowkit.questions.services import admitting
from flowkit.reporting.answer import incident_id
from flowkit.reporting.finding import Finding
from flowkit.reporting.names import many, service_name
from flowkit.reporting.rejected_findings import incident_of

MEANING = {
    ANSWERED: "answered", SILENT: "allowed but not responding", RESET: "allowed but closed (TCP RST)",
    REPLY_REFUSED: "allowed, but the return traffic is rejected", REFUSED: "rejected", "unseen": "not seen",
}  # fmt: skip
NEXT = {
    SILENT: "Nothing came back, so the rules are not the cause. On the host: does the service listen, and does the host's"
    " own firewall let it in?\nss -ltnup{port}\nsudo nft list ruleset",
    RESET: "The host is reached and says that nothing listens on the port: start the service, or close the port in the"
    " security group.\nss -ltnup{port}",
    REPLY_REFUSED: "The rejected notebook names the network ACL rule that rejects the return traffic.",
    REFUSED: "The rejected notebook names the rule that is missing.",
    "one side": "Only the client's side is logged, where nothing came back: look at the rules and the host at the other"
    " end.",
    "elsewhere": "Part of it is rejected{at}, so look at the rules there first: the rejected notebook names them.",
}
NO_SNAPSHOT = "Save the rules and run again, so that the report can name the rule: flowkit snapshot network"
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1}


def expectation(reach: Reach, row, mine: pd.DataFrame) -> Finding:
    """Return the finding of an expectation that is not met; `mine` are the rejected groups of its clients."""
    name, where, seen = one_line(row.name), f"{host_of(row)} {service_of(row)}", many(row.sessions, "session")
    port, number = int(row.port) if str(row.port).isdigit() else None, NUMBERS.get(row.protocol)
    severity, cause = "low" if row.verdict == "unproven" else "medium" if row.repaired else "high", {}
    incident = incident_id(row.destination, number, port) if row.proof is None else _place(row.proof, row.state)
    if row.verdict == "unproven":
        title = f"“{name}” has no data: {row.source} to {where}, {row.note or 'no packet of it was seen'}."
        action = "Try it once and run the report again, or drop the line if nothing needs it."
    elif row.expect == "block":
        reached = "was answered by" if row.verdict == "newly-reachable" else "is let in, though nobody answers, at"
        title = f"“{name}” should be blocked: {row.source} {reached} {where} ({seen})."
        clients = reach.clients(pd.DataFrame([row.proof._asdict()]))
        rules = admitting(reach.log.network, row.proof, clients)
        action = f"Find the rule that lets it in. {NO_SNAPSHOT}" if reach.log.network is None else revoking(rules)
        action = action or "The security groups of the snapshot do not admit it now."
        incident = opened_by(row.proof, rules)
    else:
        who = f"{row.failing} of {many(row.clients, 'client')} in {_group(row.source)}"
        until = f" until {row.last_seen:%Y-%m-%d %H:%M} UTC, and answered since" if row.repaired else ""
        title = (
            f"“{name}” {'was' if row.repaired else 'is'} broken{until}: {row.source if row.clients == 1 else who} to"
            f" {where}: {MEANING[row.state]} ({seen})."
        )
        if row.state != RESET:
            cause = cause_of(mine)
        action = _next(row.proof, cause)
    grounds = [f"line {row.line} of the expectations: {row.source} to {where}, {row.expect}"]
    if not pd.isna(row.answered_until):
        grounds.append(f"answered until {row.answered_until:%Y-%m-%d %H:%M} UTC")
    return Finding(
        row.verdict if row.verdict == "newly-reachable" else f"expectation-{row.verdict}", severity, row.confidence, title,
        {"srcaddr": row.source, "dstaddr": row.address, "protocol": number, "dstport": port,
         "interface_id": row.interface_id},
        cause=cause.get("cause"), grounds=(*grounds, *cause.get("grounds", ())), action=action,
        first_seen=_moment(row.first_seen), last_seen=_moment(row.last_seen), incident=cause.get("incident", incident),
        counts={"clients": row.clients, "failing": row.failing, "sessions": row.sessions},
    )  # fmt: skip


def exposure(reach: Reach, part: pd.DataFrame) -> Finding:
    """Return the finding of services (rows of `exposed`) that answer the internet, alike in port, role and scope."""
    first, alone = part.iloc[0], len(part) == 1
    each = list(part.drop_duplicates("interface_id").itertuples())  # IPv4 and IPv6 of a host are one host
    names = [_name(row) for row in each]
    hosts = [host_of(row) if alone or names.count(_name(row)) > 1 else _name(row) for row in each]
    where = ", ".join(hosts[:4]) + (f", {len(hosts) - 4} more" if hosts[4:] else "")
    asked = part.explode("networks").rename(columns={"networks": "network"}).assign(state=ANSWERED)
    clients = reach.distinct(asked[["network", *SERVICE, "state", "clients"]])
    counts = {"clients": clients, "sessions": int(part["sessions"].sum()), "hosts": len(hosts)}
    seen, service = f"{many(clients, 'client')}, {many(counts['sessions'], 'session')}", service_of(first)
    networks = list(dict.fromkeys(str(network) for rule in first.rules for network in rule.networks))
    severity = {"admin": "high", "database": "high", "web": "info"}.get(first.role, "medium")
    source, verb = "::/0" if ":" in first.destination else "0.0.0.0/0", "are" if len(hosts) > 1 else "is"
    title = f"{where} {verb} reachable from the internet on {service}"
    action = revoking(first.rules) or (
        "If the internet is not meant to reach it, narrow the security group rule to the networks that need it."
        + ("" if reach.log.network else f" {NO_SNAPSHOT}")
    )
    if first.scope == "networks":
        severity, source = "info" if severity == "info" else "low", networks[0] if len(networks) == 1 else None
        more = f" and {len(networks) - 3} more networks" if networks[3:] else ""
        title = f"{where} {verb} reachable from {', '.join(networks[:3])}{more} on {service}, as the rules allow"
    elif first.scope == "closed":
        severity, action = (
            "info" if severity == "info" else "low",
            "No action needed if that is intended: see in \
CloudTrail who changed the rule.",
        )
        until = f"{part['last_seen'].max():%Y-%m-%d %H:%M} UTC"
        title = f"{where} {'were' if len(hosts) > 1 else 'was'} reachable from the internet on {service} until {until}"
        title += ", which the rules of the snapshot do not allow"
    grounds = [f"security group {rule.group_id} allows it ({one_line(rule.text)})" for rule in first.rules[:3]]
    return Finding(
        "exposed-service", severity, first.confidence, f"{title}: {seen}.",
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
    at = NEXT["elsewhere"].format(at=f" at {row.rejected_at}")
    return Finding(
        row.state, "low" if row.public or row.state == RESET else "medium", "low" if elsewhere else row.confidence,
        f"{host_of(row)} {service_of(row)} is {MEANING[row.state]}: {many(row.clients, 'client')} in"
        f" {_group(row.sources)}, {many(row.sessions, 'session')}.",
        {"interface_id": row.interface_id, "dstaddr": row.destination, "protocol": row.protocol, "dstport": row.port,
         "srcaddr": network and network.removesuffix("/32").removesuffix("/128")},
        grounds=("others are answered there" if row.served else "no client gets a response",),
        action=at if elsewhere else _next(row, {}), first_seen=row.first_seen, last_seen=row.last_seen,
        counts={"clients": row.clients, "sessions": row.sessions}, incident=_place(row, row.state),
    )  # fmt: skip


def change(log, row, mine: pd.DataFrame) -> Finding:
    """Return the finding of a service that was lost or became reachable; `mine` are its clients' rejected groups."""
    where, seen, cause = f"{host_of(row)} {service_of(row)}", many(row.sessions, "session"), {}
    if row.change == "lost":
        known = [f"{at:%Y-%m-%d %H:%M}" for at in (row.answered_from, row.answered_until) if not pd.isna(at)]
        until = f"for the last time {' to '.join(dict.fromkeys(known))} UTC" if known else "before"
        title = (
            f"{many(row.clients, 'client')} in {_group(row.source)} lost {where}: answered {until}, since then"
            f" {MEANING[row.state]} ({seen})."
        )
        incident, cause = _place(row, row.state), cause_of(mine)
        action = _next(row, cause)
    else:
        rules = admitting(log.network, row, row.who)
        title = f"{where} now answers {row.source} ({many(row.clients, 'client')}, {seen}); before it was {MEANING[row.was]}."
        action = "If nobody asked for it, see which rule changed: CloudTrail, AuthorizeSecurityGroupIngress.\n"
        action, incident = action + revoking(rules), opened_by(row, rules)
    grave = row.change == "lost" or row.port in ADMIN_PORTS or row.port in DATABASE_PORTS
    source = row.who[0] if len(row.who) == 1 else row.network if "/" in row.network else None
    return Finding(
        row.change, "medium" if grave else "low", row.confidence, title,
        {"interface_id": row.interface_id, "srcaddr": source, "dstaddr": row.destination, "protocol": row.protocol,
         "dstport": row.port},
        cause=cause.get("cause"), action=action.strip(),
        grounds=(f"then {row.was}, now {row.state}", *cause.get("grounds", ())), first_seen=row.first_seen,
        last_seen=row.last_seen, incident=cause.get("incident", incident),
        counts={"clients": row.clients, "sessions": row.sessions},
    )  # fmt: skip


def cause_of(mine: pd.DataFrame) -> dict:
    """Return cause, grounds and incident of the largest incident of rejected groups, as the rejected notebook has them."""
    if mine.empty:
        return {}
    lead = mine.iloc[0]
    verdicts = [one for one in mine.loc[mine["incident"] == lead["incident"], "verdict"] if one and not one.allowed]
    incident = incident_of(lead, next(iter(verdicts), None))
    return {"cause": lead["cause"], "grounds": tuple(map(one_line, lead["grounds"])), "incident": incident}


def _next(service, cause: dict) -> str:
    """Return the next step where clients of `service` are not answered, any more."""
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
    return "\n".join([head, *map(one_line, lines)]) if lines else ""


def host_of(row) -> str:
    """Return a destination as the pages write it: `web-1 (10.0.0.5)`, or its address."""
    name = _name(row)
    return name if name == row.destination else f"{name} ({row.destination})"


def _name(row) -> str:
    return row.destination if pd.isna(row.destination_name) else one_line(row.destination_name)


def service_of(row) -> str:
    """Return such as `tcp/5432 postgresql`; `tcp/8000-8010` and `any` of expectations."""
    if isinstance(row.protocol, str):
        number, known = NUMBERS.get(row.protocol), str(row.port).isdigit()
        if number is None or not known:
            return row.protocol if row.port == "any" else f"{row.protocol}/{row.port}"
        return service_name(number, int(row.port))
    return "any protocol" if pd.isna(row.protocol) else service_name(int(row.protocol), row.port)


def _group(name: str) -> str:
    return "the internet" if name == "internet" else name


def _moment(moment) -> pd.Timestamp | None:
    return None if pd.isna(moment) else moment
