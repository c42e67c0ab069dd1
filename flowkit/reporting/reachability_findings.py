"""The findings of reachability, without their records: rows of `flowkit.questions` and what was rejected in, findings out."""

import pandas as pd

from flowkit.language import retold, translated
from flowkit.net import ADMIN_PORTS, DATABASE_PORTS, is_network
from flowkit.questions.fixes import revocation
from flowkit.questions.reachability import ANSWERED, REFUSED, REPLY_REFUSED, RESET, SERVICE, SILENT, Reach
from flowkit.questions.services import SMTP, admitting
from flowkit.reporting.finding import RULES, Finding, finding, incident_id
from flowkit.reporting.kinds import SEVERITIES, text
from flowkit.reporting.names import called, service_name, shortened
from flowkit.reporting.rejected_findings import blame
from flowkit.words import without_controls

MEANING = {
    ANSWERED: "answered", SILENT: "allowed but not responding", RESET: "allowed but closed (TCP RST)",
    REPLY_REFUSED: "allowed, but the return traffic is rejected", REFUSED: "rejected", "unseen": "not seen",
}  # fmt: skip
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1}
#: What a reset is called where the log has no flags: answers as short as one.
SEEMS_CLOSED = "allowed, and seems closed"
#: The severity of a service that the internet reaches, by its role.
EXPOSED = {"admin": "high", "database": "high", "web": "info", "other": "medium"}


def meaning(state: str | None, confidence: str) -> str:
    """Return what came of a service in words."""
    return translated(SEEMS_CLOSED if seems_closed(state, confidence) else MEANING.get(state, ""))


def seems_closed(state: str | None, confidence: str) -> bool:
    """Return whether no TCP RST is logged where answers are as short as one."""
    return state == RESET and confidence != "high"


def expectation(reach: Reach, row, mine: pd.DataFrame, host) -> Finding:
    """Return the finding of an expectation that is not met; `mine` are the rejected groups of its clients."""
    log, where, cause = reach.log, f"{host_of(row)} {service_of(row)}", {}
    port, number = int(row.port) if str(row.port).isdigit() else None, NUMBERS.get(row.protocol)
    source = row.source if is_network(row.source) else None  # else a host of several addresses
    alone = source if source and "/" not in source else None
    incident = incident_id(row.destination, number, port) if row.proof is None else place_of(row.proof, row.state)
    if row.verdict == "unproven":
        form, severity, who, counts, action = "", "low", _who(host, row, alone), {}, ""
    elif row.expect == "block":
        form, severity = "expected" if row.verdict == "newly-reachable" else "let-in", "high"
        who, counts = _who(host, row, alone, row.failing), {"clients": row.failing, "sessions": row.sessions}
        rules = admitting(log.network, row.proof, reach.clients(pd.DataFrame([row.proof._asdict()])))
        absent = log.network and row.proof.interface_id not in log.network.interfaces
        then = [text("next.absent")] if absent else [] if log.network else [text("next.snapshot")]
        unknown = " ".join([text("expectation.find"), *then])
        action = unknown if rules is None else revoking(rules) or text("expectation.none")
        incident = opened_by(row.proof, rules)
    else:
        form, severity = ("repaired", "medium") if row.repaired else ("", "high")
        who = _who(host, row, alone, 0 if row.clients == 1 else row.clients, row.failing)
        counts = {"clients": row.clients, "failing": row.failing, "sessions": row.sessions}
        cause = {} if row.state == RESET else cause_of(log, mine)
        action = text("expectation.repaired", until=row.last_seen) if row.repaired else _next(row.proof, cause)
    grounds = [text("expectation.line", line=row.line, source=row.source, where=where, expect=row.expect)]
    if not pd.isna(row.answered_until):
        grounds.append(text("expectation.until", until=row.answered_until))
    return finding(
        row.verdict if row.verdict == "newly-reachable" else f"expectation-{row.verdict}", row._asdict(), form, counts,
        name=without_controls(row.name), expectation=row.name, who=who, where=where, state=meaning(row.state, row.confidence),
        until=row.last_seen, why=retold(row.note) or text("expectation.unseen"), severity=severity,
        srcaddr=source, dstaddr=row.address, protocol=number, dstport=port, cause=cause.get("cause"),
        grounds=(*grounds, *cause.get("grounds", ())),
        action=action, incident=cause.get("incident", incident),
    )  # fmt: skip


def exposure(reach: Reach, part: pd.DataFrame) -> Finding:
    """Return the finding of services (rows of `exposed`) that answer the internet, alike in port, role and scope."""
    first, alone, scope = part.iloc[0], len(part) == 1, part.scope.iloc[0]
    each = list(part.drop_duplicates("interface_id").itertuples())  # IPv4 and IPv6 of a host are one host
    names = [_name(row) for row in each]
    hosts = [host_of(row) if alone or names.count(_name(row)) > 1 else _name(row) for row in each]
    asked = part.explode("networks").rename(columns={"networks": "network"}).assign(state=ANSWERED)
    clients = reach.distinct(asked[["network", *SERVICE, "state", "clients"]])
    counts = {"clients": clients, "sessions": int(part["sessions"].sum()), "hosts": len(hosts)}
    networks = list(dict.fromkeys(str(network) for rule in first.rules for network in rule.networks))
    source = "::/0" if ":" in first.destination else "0.0.0.0/0"
    if scope == "networks":
        source = networks[0] if len(networks) == 1 else None
        counts |= {"more_networks": len(networks) - 3} if networks[3:] else {}
    elif "/" in scope:
        source, networks = scope, [scope]
    counts |= {"more_hosts": len(hosts) - 4} if hosts[4:] else {}
    narrow = text("exposed.narrow") if reach.log.network else f"{text('exposed.narrow')} {text('next.snapshot')}"
    form = "" if scope == "internet" else "network" if "/" in scope else scope
    if scope == "closed":
        action = text("exposed.closed")
    elif scope == "internet":
        action = revoking(first.rules) or narrow
    else:
        action = "\n".join(filter(None, [text("exposed.meant"), revoking(first.rules)]))
    until = part["last_seen"].max()
    return finding(
        "exposed-service", None, form, counts, confidence=first.confidence,
        severity=severity_of("exposed-service", first), service=service_of(first),
        where=", ".join(shortened(hosts, 4)), sources=", ".join(shortened(networks, 3)), until=until, srcaddr=source,
        dstaddr=first.destination if alone else None, interface_id=first.interface_id if alone else None,
        protocol=first.protocol, dstport=first.port, first_seen=part["first_seen"].min(), last_seen=until,
        grounds=(text("exposed.answered"), *(text("exposed.rule", group=rule.group_id, rule=retold(without_controls(rule.text)))
                                             for rule in first.rules[:3])),
        action="" if first.role == "web" else action,
        incident=opened_by(first, first.rules) if alone or first.rules else incident_id(first.protocol, first.port, scope),
    )  # fmt: skip


def severity_of(kind: str, row) -> str:
    """Return the severity of a service that answers the internet, never answers, was lost or became reachable."""
    if kind == "exposed-service":
        return EXPOSED[row.role] if row.scope == "internet" or row.role == "web" else "low"
    if kind in (SILENT, RESET):
        inner = not row.public and pd.isna(row.rejected_at)
        if kind == RESET:  # a target of several is down
            return "medium" if inner and row.twin is True else "low"
        return "medium" if inner and (not row.outside or row.port == SMTP) else "low"
    return "medium" if kind == "lost" or row.port in ADMIN_PORTS or row.port in DATABASE_PORTS else "low"


def gravity_of(kind: str, row) -> int:
    """Return what services of a `kind` are sorted by: the gravest first."""
    return SEVERITIES.index(severity_of(kind, row))


def change_incident(row, mine: pd.DataFrame) -> str:
    """Return the incident of a service that was lost: that of what rejects its clients, `mine`, where that is known."""
    return incident_id(mine.iloc[0].root) if len(mine) else place_of(row, row.state)


def service(row, kind: str, form: str = "", **given) -> Finding:
    """Return the finding of a service, whose place, times and counts are those of `row`."""
    counts = given.pop("counts", {"clients": row.clients, "sessions": row.sessions})
    return finding(
        kind, row._asdict(), form, counts,
        **{"dstaddr": row.destination, "dstport": row.port, "where": f"{host_of(row)} {service_of(row)}"} | given,
    )  # fmt: skip


def without_response(reach: Reach, part: pd.DataFrame, host) -> Finding:
    """Return the finding of a service that is let in and never answers, or of services, alike in port and with only the
    clients' side in the log, that answer no client; `host` names an address."""
    row = next(part.itertuples())
    network = row.networks[0] if len(row.networks) == 1 and "/" in row.networks[0] else None
    given = {
        "severity": severity_of(row.state, row), "incident": place_of(row, row.state),
        "network": _group(row.sources), "srcaddr": network and network.removesuffix("/32").removesuffix("/128"),
        "grounds": [text("silent.served" if row.served else "silent.nobody")],
    }  # fmt: skip
    if pd.isna(row.interface_id):
        who, hosts = sorted({one for each in part["who"] for one in each}), sorted(part["destination"])
        alone, several = who[0] if len(who) == 1 else None, len(hosts) > 1
        name = _who(host, row, alone) if alone else text("common.clients", n=len(who), network=given["network"])
        where = [host_of(one) for one in part.sort_values("destination").itertuples()]
        counts = {"clients": len(who), "sessions": int(part["sessions"].sum())}
        return service(
            row, row.state, "one-side", **given | {"srcaddr": alone or given["srcaddr"]}, counts=counts,
            who=name, where=", ".join(shortened(where, 3)), service=service_of(row),
            dstaddr=None if several else row.destination, first_seen=part["first_seen"].min(),
            last_seen=part["last_seen"].max(), confidence=row.confidence, action=_next(row, {}, reach.kind),
        )  # fmt: skip
    if row.returned is True:
        given["grounds"] = [text("silent.returned")]
        said = ["next.returned", *(["next.accept-only"] if reach.kind == "accept-only" else [])]
        return service(row, row.state, "returned", **given, action="\n".join(map(text, said)))
    elsewhere, form = not pd.isna(row.rejected_at), "seems" if seems_closed(row.state, row.confidence) else ""
    return service(
        row, row.state, form, **given, confidence="low" if elsewhere else row.confidence,
        action=text("next.elsewhere", at=text("next.at", place=row.rejected_at)) if elsewhere else _next(row, {}, reach.kind),
    )  # fmt: skip


def change(log, row, mine: pd.DataFrame, host) -> Finding:
    """Return the finding of a service that was lost or became reachable; `mine` are its clients' rejected groups."""
    alone, until = row.who[0] if len(row.who) == 1 else None, translated("before")
    if row.change == "lost":
        incident, cause = change_incident(row, mine), cause_of(log, mine)
        action = _next(row, cause)
        known = [f"{at:%Y-%m-%d %H:%M}" for at in (row.answered_from, row.answered_until) if not pd.isna(at)]
        until = text("change.last", period=translated(" to ").join(dict.fromkeys(known))) if known else until
    else:
        rules, cause = admitting(log.network, row, row.who), {}
        action, incident = "\n".join([text("newly.next"), revoking(rules)]).strip(), opened_by(row, rules)
    return service(
        row, row.change, severity=severity_of(row.change, row), who=_who(host, row, alone, row.clients), until=until,
        state=meaning(row.state, row.confidence), was=meaning(row.was, row.confidence), action=action, cause=cause.get("cause"),
        srcaddr=alone or (row.network if "/" in row.network else None), incident=incident,
        grounds=(text("change.states", was=row.was, now=row.state), *cause.get("grounds", ())),
    )  # fmt: skip


def _who(host, row, alone: str | None, clients: int = 0, failing: int | None = None) -> str:
    """Return the clients in words: the one by its name, several by their number and network; 0: the network."""
    if clients and failing is not None:
        return text("common.failing", failing=failing, n=clients, network=_group(row.source))
    if alone:
        return host(alone, row.interface_id, row.first_seen, row.last_seen)
    return text("common.clients", n=clients, network=_group(row.source)) if clients else row.source


def cause_of(log, mine: pd.DataFrame) -> dict:
    """Return what the rejected notebook says of the largest incident of the rejected groups `mine`; {} for none."""
    if mine.empty:
        return {}
    lead = mine.iloc[0]
    verdicts = mine.loc[mine["incident"] == lead["incident"], "verdict"]
    said = blame(log, lead, next((one for one in verdicts if one and not one.allowed), None))
    then = text("next.rule" if lead["cause"] in RULES else "next.no-rule")
    known = {"grounds": tuple(map(without_controls, lead["grounds"])), "incident": incident_id(lead.root)}
    return {"cause": lead["cause"], "action": f"{said[0].upper()}{said[1:]}. {then}" if said else ""} | known


def _next(service, cause: dict, kind: str = "all") -> str:
    """Return the next step where clients of `service` are not answered, any more, in a log of this `kind`."""
    if service.state in (REFUSED, REPLY_REFUSED):
        return cause.get("action") or text("next.no-rule")
    if service.state == SILENT and cause:
        return text("next.elsewhere", at="")
    said = []
    if service.state == SILENT and pd.isna(service.interface_id):
        said = ["next.smtp"] if service.port == SMTP and getattr(service, "outside", False) else []
        said += ["next.one-side"]
    if service.state == SILENT:
        said += ["next.accept-only"] if kind == "accept-only" else [] if said else ["next.not-rules"]
    said = "\n".join(map(text, said))
    if service.state == SILENT and pd.isna(service.interface_id):
        return said
    form = "-seems" if seems_closed(service.state, service.confidence) else ""
    port = "" if pd.isna(service.port) else f" 'sport = :{service.port}'"
    return f"{said} {text(f'next.{service.state}{form}', port=port)}".strip()


def opened_by(service, rules: tuple | None) -> str:
    """Return the incident of a service that somebody reaches: that of the widest rule that admits it, where known."""
    return incident_id(rules[0].group_id, rules[0].text) if rules else place_of(service, ANSWERED)


def place_of(service, state: str) -> str:
    """Return the incident of a service that is known by its place alone."""
    place = service.destination if pd.isna(service.interface_id) else service.interface_id
    return incident_id(place, service.protocol, service.port, state)


def revoking(rules: tuple | None) -> str:
    """Return the commands that close what `rules` admit; what they are where there is no command; '' without rules."""
    lines = [
        revocation(rule) or text("next.admits", rule=retold(rule.text), group=rule.group_id) for rule in rules or ()
    ]
    return "\n".join([text("next.revoke"), *map(without_controls, lines)]) if lines else ""


def host_of(row) -> str:
    """Return a destination as the pages write it: `web-1 (10.0.0.5)`, or its address."""
    return called(_name(row), row.destination)


def _name(row) -> str:
    return row.destination if pd.isna(row.destination_name) else without_controls(row.destination_name)


def service_of(row) -> str:
    """Return such as `tcp/5432 postgresql`; `tcp/8000-8010` and `any` of expectations."""
    if isinstance(row.protocol, str):
        if row.protocol in NUMBERS and str(row.port).isdigit():
            return service_name(NUMBERS[row.protocol], int(row.port))
        return row.protocol if row.port == "any" else f"{row.protocol}/{row.port}"
    return translated("any protocol") if pd.isna(row.protocol) else service_name(int(row.protocol), row.port)


def _group(name: str) -> str:
    return translated("the internet") if name in ("internet", "0.0.0.0/0", "::/0") else name
