"""The findings of reachability: broken expectations, services open to the internet or without response, changes."""

import pandas as pd

from flowkit.net import ADMIN_PORTS, DATABASE_PORTS
from flowkit.questions.fixes import one_line, revocation
from flowkit.questions.pairs import ANSWERED, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.questions.reachability import Reach
from flowkit.questions.services import admitting, distinct_web_clients
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
    " own firewall let it in?\nss -ltnup 'sport = :{port}'\nsudo nft list ruleset",
    RESET: "The host is reached and says that nothing listens on the port: start the service, or close the port in the"
    " security group.\nss -ltnup 'sport = :{port}'",
    REPLY_REFUSED: "The rejected notebook names the network ACL rule that rejects the return traffic.",
    REFUSED: "The rejected notebook names the rule that is missing.",
}
ELSEWHERE = "Part of it is rejected at {eni}, so look at the rules there first: the rejected notebook names them."
NO_SNAPSHOT = "Save the rules and run again, so that the report can name the rule: flowkit snapshot network"
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1}


def expectation(log, row) -> Finding:
    """Return the finding of an expectation that is not met."""
    kind = row.verdict if row.verdict == "newly-reachable" else f"expectation-{row.verdict}"
    port = int(row.port) if str(row.port).isdigit() else None
    number = NUMBERS.get(row.protocol)
    where = f"{host_of(row)} {service_of(row)}"
    seen, severity = many(row.sessions, "session"), "low" if row.verdict == "unproven" else "high"
    name = one_line(row.name)
    if row.verdict == "unproven":
        title = f"“{name}” has no data: {row.source} to {where}, {row.note or 'no packet of it was seen'}."
        action = "Try it once and run the report again, or drop the line if nothing needs it."
    elif row.expect == "block":
        reached = "was answered by" if row.verdict == "newly-reachable" else "is let in, though nobody answers, at"
        title = f"“{name}” should be blocked: {row.source} {reached} {where} ({seen})."
        action = _closing(log, row)
    else:
        who = (
            row.source
            if row.clients == 1
            else f"{row.failing} of {many(row.clients, 'client')} in {_group(row.source)}"
        )
        is_, until = (
            ("was", f" until {row.last_seen:%Y-%m-%d %H:%M} UTC, and answered since") if row.repaired else ("is", "")
        )
        title = f"“{name}” {is_} broken{until}: {who} to {where}: {MEANING[row.state]} ({seen})."
        severity = "medium" if row.repaired else severity
        action = NEXT[row.state].format(port=row.port)
    grounds = [f"line {row.line} of the expectations: {row.source} to {where}, {row.expect}"]
    if not pd.isna(row.answered_until):
        grounds.append(f"answered until {row.answered_until:%Y-%m-%d %H:%M} UTC")
    place = row.destination if pd.isna(row.interface_id) else row.interface_id
    return Finding(
        kind, severity, row.confidence, title,
        {"srcaddr": row.source, "dstaddr": row.destination, "protocol": number, "dstport": port,
         "interface_id": row.interface_id},
        cause=row.cause, grounds=(*grounds, *row.grounds), action=action, first_seen=_moment(row.first_seen),
        last_seen=_moment(row.last_seen), incident=row.incident or incident_id(place, number, port, row.state),
        counts={"clients": row.clients, "failing": row.failing, "sessions": row.sessions},
    )  # fmt: skip


def _closing(log, row) -> str:
    """Return the rule that lets a service's clients in and the command that removes it, as far as they are known."""
    if log.network is None:
        return f"Find the rule that lets it in. {NO_SNAPSHOT}"
    number, port = NUMBERS.get(row.protocol), pd.to_numeric(row.port, errors="coerce")
    address = (
        log.network.interfaces[row.interface_id].addresses[:1] if row.interface_id in log.network.interfaces else ()
    )
    place = next(iter(address), row.destination)
    here = pd.Series({"interface_id": row.interface_id, "destination": place, "protocol": number or 6, "port": port})
    return _revoking(admitting(log.network, here)) or "The security groups of the snapshot do not admit it now."


def _revoking(rules: tuple | None) -> str:
    """Return the commands that close what `rules` admit; what they are where there is no command."""
    commands = [revocation(rule) or f"The rule {rule.text} of {rule.group_id} admits it." for rule in rules or ()]
    return "\n".join(
        ["Remove the rule that lets it in, or narrow it to the networks that need it:", *commands] if commands else []
    )


def exposure(log, reach: Reach, part: pd.DataFrame) -> Finding:
    first, alone = part.iloc[0], len(part) == 1
    severity = {"admin": "high", "database": "high", "web": "info"}.get(first.role, "medium")
    hosts = list(dict.fromkeys(host_of(row) if alone else _name(row) for row in part.itertuples()))
    where = ", ".join(hosts[:4]) + (f", {len(hosts) - 4} more" if hosts[4:] else "")
    service = service_of(first)
    counts = {
        "clients": distinct_web_clients(reach, part),
        "sessions": int(part["sessions"].sum()),
        "hosts": len(hosts),
    }
    seen = f"{many(counts['clients'], 'client')}, {many(counts['sessions'], 'session')}"
    title, source = (
        f"{where} answered the internet on {service}: {seen}.",
        "::/0" if ":" in first.destination else "0.0.0.0/0",
    )
    action = (
        ""
        if severity == "info"
        else _revoking(first.rules)
        or f"If the internet is not meant to reach it, narrow the \
security group rule to the networks that need it. {'' if log.network else NO_SNAPSHOT}".strip()
    )
    networks = list(dict.fromkeys(str(network) for rule in first.rules for network in rule.networks))
    if first.scope == "networks" and first.role != "web":
        severity, source = "low", networks[0] if len(networks) == 1 else None
        title = f"{where} answered {', '.join(networks[:3])} on {service}, to which its rules open it: {seen}."
    elif first.scope == "closed" and first.role != "web":
        severity, action = ("low", "No action needed if that is intended: see in CloudTrail who changed the rule.")
        title = (
            f"{where} answered the internet on {service} until {first.last_seen:%Y-%m-%d %H:%M} UTC, which the rules of the \
snapshot do not allow: {seen}."
        )
    grounds = [f"security group {rule.group_id} allows it ({one_line(rule.text)})" for rule in first.rules[:3]]
    place = (first.interface_id, first.protocol, first.port, ANSWERED) if alone else (first.protocol, first.port, "web")
    return Finding(
        "exposed-service", severity, first.confidence, title,
        {"srcaddr": source, "protocol": first.protocol, "dstport": first.port}
        | ({"interface_id": first.interface_id, "dstaddr": first.destination} if alone else {}),
        grounds=("accepted and answered, not only let in; sources in named networks are not counted", *grounds),
        action=action, first_seen=part["first_seen"].min(), last_seen=part["last_seen"].max(), counts=counts,
        incident=incident_id(*place),
    )  # fmt: skip


def without_response(row) -> Finding:
    title = (
        f"{host_of(row)} {service_of(row)} is {MEANING[row.state]}: {many(row.clients, 'client')} in {_group(row.sources)},"
        f" {many(row.sessions, 'session')}."
    )
    network = row.networks[0] if len(row.networks) == 1 and "/" in row.networks[0] else None
    elsewhere = not pd.isna(row.rejected_at)
    return Finding(
        row.state, "low" if row.public or row.state == RESET else "medium", "low" if elsewhere else row.confidence, title,
        {"interface_id": row.interface_id, "dstaddr": row.destination, "protocol": row.protocol, "dstport": row.port,
         "srcaddr": network and network.removesuffix("/32").removesuffix("/128")},
        grounds=("others are answered there" if row.served else "no client gets a response",),
        action=ELSEWHERE.format(eni=row.rejected_at) if elsewhere else NEXT[row.state].format(port=row.port),
        first_seen=row.first_seen, last_seen=row.last_seen, counts={"clients": row.clients, "sessions": row.sessions},
        incident=incident_id(row.interface_id, row.protocol, row.port, row.state),
    )  # fmt: skip


def change(row, causes: pd.DataFrame | None) -> Finding:
    """Return the finding of a service that was lost or became reachable."""
    where, seen = f"{host_of(row)} {service_of(row)}", many(row.sessions, "session")
    place = row.destination if pd.isna(row.interface_id) else row.interface_id
    incident, cause = incident_id(place, row.protocol, row.port, row.state), None
    grounds = [f"then {row.was}, now {row.state}"]
    if row.change == "lost":
        known = [f"{at:%Y-%m-%d %H:%M}" for at in (row.answered_from, row.answered_until) if not pd.isna(at)]
        until = f"for the last time {' to '.join(dict.fromkeys(known))} UTC" if known else "before"
        title = (
            f"{many(row.clients, 'client')} in {_group(row.source)} lost {where}: answered {until}, since then"
            f" {MEANING[row.state]} ({seen})."
        )
        action = NEXT[row.state].format(port=row.port)
        if causes is not None and row.state in (REFUSED, REPLY_REFUSED):
            same = (causes["destination"] == row.destination) & (causes["port"] == row.port)
            mine = causes[same & causes["network"].isin(row.who)].sort_values("records", ascending=False, kind="stable")
            for _, lead in mine.head(1).iterrows():
                cause, grounds = lead["cause"], [*grounds, *map(one_line, lead["grounds"])]
                incident = incident_of(lead, lead["verdict"])
    else:
        title = f"{where} now answers {row.source} ({many(row.clients, 'client')}, {seen}); before it was {MEANING[row.was]}."
        action = "If nobody asked for it, see which rule changed: CloudTrail, AuthorizeSecurityGroupIngress."
    grave = row.change == "lost" or row.port in ADMIN_PORTS or row.port in DATABASE_PORTS
    return Finding(
        row.change, "medium" if grave else "low", row.confidence, title,
        {"interface_id": row.interface_id, "dstaddr": row.destination, "protocol": row.protocol, "dstport": row.port},
        cause=cause, action=action, grounds=tuple(grounds), first_seen=row.first_seen, last_seen=row.last_seen, incident=incident,
        counts={"clients": row.clients, "sessions": row.sessions},
    )  # fmt: skip


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
