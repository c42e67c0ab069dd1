"""What `flowkit.analysis.reachability` and `expectations` found, as findings, verdict and figures."""

from dataclasses import replace

import pandas as pd

from flowkit.analysis.expectations import JUDGEMENTS
from flowkit.analysis.network import protocol_name
from flowkit.analysis.proof import TARGET
from flowkit.analysis.reachability import ANSWERED, CONFIDENCE, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.folding.coverage import covered_share
from flowkit.reporting.findings import Finding

#: Ports that administer a host or a cluster.
ADMIN = {
    22: "SSH", 23: "Telnet", 2375: "Docker", 2376: "Docker", 3389: "RDP", 5900: "VNC", 5985: "WinRM",
    5986: "WinRM", 6443: "Kubernetes", 10250: "Kubelet",
}  # fmt: skip
#: Ports of data stores.
DATABASE = {
    1433: "SQL Server", 1521: "Oracle", 2049: "NFS", 2379: "etcd", 3306: "MySQL", 5432: "PostgreSQL",
    5439: "Redshift", 6379: "Redis", 9042: "Cassandra", 9200: "Elasticsearch", 11211: "memcached",
    27017: "MongoDB",
}  # fmt: skip
#: Ports that are meant for the internet.
WEB = (80, 443)
#: Unanswered sessions from which a service counts as unanswered rather than unlucky.
ENOUGH = 3
#: Service ports above this one, reached once, are as likely replies taken for requests.
EPHEMERAL = 32768
MEANING = {
    SILENT: "let in, never answered",
    RESET: "let in, answered by resets",
    REPLY_REFUSED: "let in, but the replies were refused",
    REFUSED: "refused",
}
SUBJECT = ("interface_id", "dstaddr", "protocol", "dstport", "srcaddr")
NEXT = {
    SILENT: "Nothing came back, so the rules are not the cause. On the host: does the service listen, and does "
    "the host's own firewall let it in?\nss -ltnup 'sport = :{port}'\nsudo nft list ruleset",
    RESET: "The host is reached and says that nothing listens on the port: start the service, or close the "
    "port in the security group.\nss -ltnup 'sport = :{port}'",
    REPLY_REFUSED: "The rejected notebook names the network ACL rule that refuses the replies.",
    REFUSED: "The rejected notebook names the rule that is missing.",
}


def reachability_findings(
    reached: pd.DataFrame,
    services: pd.DataFrame,
    judged: pd.DataFrame,
    changed: pd.DataFrame,
    cells: pd.DataFrame,
    top: int = 20,
) -> list[Finding]:
    """The findings of `reachability`, `exposed`, `judged` and `changes`, with the coverage of `cells`.

    At most `top` of each, the gravest; every expectation that is not met.
    """
    found = [
        *expectation_findings(judged),
        *exposure_findings(services)[:top],
        *unanswered_findings(unanswered(reached))[:top],
        *change_findings(changed)[:top],
    ]
    shares = {eni: covered_share(cells, eni) for eni in {one.subject.get("interface_id") for one in found}}
    return [replace(one, coverage=shares[one.subject.get("interface_id")]) for one in found]


def targets(findings: list[Finding], services: pd.DataFrame) -> pd.DataFrame:
    """Whose records `flowkit.service_records` should look for: a row a finding, by its number, and host.

    Findings about ranges of addresses or ports have none; those about several hosts have those of `services`.
    """
    rows = []
    for number, finding in enumerate(findings):
        eni, server, protocol, port, client = map(finding.subject.get, SUBJECT)
        hosts = [(eni, server)]
        if finding.kind == "exposed-service" and not server:
            same = (services["protocol"] == protocol) & (services["port"] == port)
            hosts = services.loc[same, ["interface_id", "destination"]].itertuples(index=False, name=None)
        rows += [(number, *host, protocol, port, client, bool(finding.cause)) for host in hosts]
    return pd.DataFrame(rows, columns=list(TARGET)).dropna(subset=["server", "protocol", "port"])


def proven(findings: list[Finding], records: pd.DataFrame) -> list[Finding]:
    """`findings` with the records, packets, bytes and samples that `flowkit.service_records` found of each."""
    proofs = {row.pop("number"): row for row in records.to_dict("records")}
    return [replace(finding, **proofs.get(number, {})) for number, finding in enumerate(findings)]


def expectation_findings(judged: pd.DataFrame) -> list[Finding]:
    """One finding an expectation that is not met."""
    return [_expectation(row) for row in judged.itertuples() if row.judgement != "met"]


def _expectation(row) -> Finding:
    kind = row.judgement if row.judgement == "newly-reachable" else f"expectation-{row.judgement}"
    where = f"{_host(row)} {_service(row.protocol, row.port)}"
    seen = _count(row.sessions, "session")
    if row.judgement == "unproven":
        why = row.note or "no packet of it was seen"
        title = f"“{row.name}” cannot be judged: {row.source} to {where}, {why}."
        action = "Try it once and run the report again, or drop the line if nothing needs it."
    elif row.judgement == "newly-reachable":
        title = f"“{row.name}” should be blocked: {row.source} was answered by {where} ({seen})."
        action = "Find the rule that lets it in (flowkit snapshot, then the rejected notebook's rule use)."
    elif row.expect == "block":
        title = f"“{row.name}” should be blocked: {row.source} is let in at {where}, though nobody answers ({seen})."
        action = "Remove the security group rule that lets it in."
    else:
        who = (
            row.source
            if row.clients == 1
            else f"{row.failing} of {row.clients} clients in {_group(row.source)}"
        )
        title = f"“{row.name}” is broken: {who} to {where}: {MEANING[row.state]} ({seen})."
        action = NEXT[row.state].format(port=row.port)
    grounds = [f"line {row.line} of the expectations: {row.source} to {where}, {row.expect}"]
    if not pd.isna(row.answered_until):
        grounds.append(f"answered until {row.answered_until:%Y-%m-%d %H:%M} UTC")
    grounds += row.grounds
    port = int(row.port) if str(row.port).isdigit() else None
    number = {"tcp": 6, "udp": 17, "icmp": 1}.get(row.protocol)
    subject = {"srcaddr": row.source, "dstaddr": row.destination, "protocol": number, "dstport": port}
    return Finding(
        kind, "low" if row.judgement == "unproven" else "high", row.confidence, title,
        subject | {"interface_id": row.interface_id}, cause=row.cause, grounds=tuple(grounds), action=action,
        first_seen=_moment(row.first_seen), last_seen=_moment(row.last_seen),
    )  # fmt: skip


def exposed(reached: pd.DataFrame) -> pd.DataFrame:
    """Services inside that answered public sources of no named group, the gravest first.

    reached: of `reachability`, without the rows that are `expected`.

    Columns: destination, destination_name, interface_id, protocol, port, role (admin, database, web, other),
    confidence, clients, sessions, bytes, first_seen, last_seen.
    """
    rows = reached[reached["public"] & (reached["state"] == ANSWERED) & reached["interface_id"].notna()]
    # One stranger on a high port, its direction guessed: a reply taken for a request.
    rows = rows[(rows["confidence"] != "low") | (rows["port"] < EPHEMERAL).fillna(False)]
    services = _services(rows)
    roles = pd.Series("other", index=services.index)
    for role, ports in (("admin", ADMIN), ("database", DATABASE), ("web", WEB)):
        roles[services["port"].isin(list(ports))] = role
    services.insert(5, "role", roles)
    rank = roles.map(["admin", "database", "other", "web"].index)
    order = services.assign(rank=rank).sort_values(
        ["rank", "sessions"], ascending=[True, False], kind="stable"
    )
    return order.drop(columns=["rank", "sources", "networks"]).reset_index(drop=True)


def exposure_findings(services: pd.DataFrame) -> list[Finding]:
    """One finding a service of `exposed`; web ports together, a port each."""
    web = services["role"] == "web"
    found = [_exposure(service, [service]) for service in services[~web].itertuples()]
    for _, same in services[web].groupby(["protocol", "port"]):
        rows = list(same.itertuples())
        found.append(_exposure(rows[0], rows))
    return found


def _exposure(first, rows: list) -> Finding:
    severity = {"admin": "high", "database": "high", "web": "info"}.get(first.role, "medium")
    name = ADMIN.get(first.port) or DATABASE.get(first.port)
    service = _service(protocol_name(first.protocol), first.port) + (f" ({name})" if name else "")
    hosts = list(dict.fromkeys(_name(row) for row in rows)) if rows[1:] else [_host(first)]
    where = ", ".join(hosts[:4]) + (f", {len(hosts) - 4} more" if hosts[4:] else "")
    clients, sessions = sum(row.clients for row in rows), sum(row.sessions for row in rows)
    title = (
        f"{where} answered the internet on {service}: "
        f"{_count(clients, 'client')}, {_count(sessions, 'session')}."
    )
    alone = first if len(rows) == 1 else None
    return Finding(
        "exposed-service", severity, first.confidence, title, _subject(first, _anywhere(first), alone),
        grounds=("accepted and answered, not only let in; sources in named groups are not counted",),
        action="" if severity == "info" else "If the internet is not meant to reach it, narrow the security "
        "group rule to the networks that need it.",
        first_seen=min(row.first_seen for row in rows), last_seen=max(row.last_seen for row in rows),
        bytes=sum(row.bytes for row in rows),
    )  # fmt: skip


def unanswered(reached: pd.DataFrame) -> pd.DataFrame:
    """TCP services that are let in and never answer a source that tried more than a few times.

    Columns as `exposed`, with state, public (whether public sources tried), sources (groups, joined), networks (the
    CIDR, where it is one) and served (whether others are answered there).
    """
    key = ["destination", "protocol", "port"]
    inside = reached[reached["interface_id"].notna() & (reached["protocol"] == 6) & reached["port"].notna()]
    served = inside[inside["state"] == ANSWERED].set_index(key).index
    failing = inside[inside["state"].isin([SILENT, RESET]) & (inside["clients"] > inside["scanners"])]
    failing = failing[failing["confidence"] != "low"]
    found = []
    for (state, public), rows in failing.groupby(["state", "public"]):
        found.append(_services(rows).assign(state=state, public=public))
    if not found:
        return _services(failing).assign(state="", public=False, served=False)
    table = pd.concat(found, ignore_index=True)
    table["served"] = pd.MultiIndex.from_frame(table[key]).isin(served)
    # Strangers now and then get no answer from a service that answers everybody else.
    table = table[(table["sessions"] >= ENOUGH) & ~(table["public"] & table["served"])]
    table = table.assign(rank=table["state"].map([SILENT, RESET].index))
    table = table.sort_values(["public", "rank", "sessions"], ascending=[True, True, False], kind="stable")
    return table.drop(columns="rank").reset_index(drop=True)


def unanswered_findings(services: pd.DataFrame) -> list[Finding]:
    """One finding a service of `unanswered`."""
    return [_unanswered(row) for row in services.itertuples()]


def _unanswered(row) -> Finding:
    title = (
        f"{_host(row)} {_service('tcp', row.port)} is {MEANING[row.state]}: "
        f"{_count(row.clients, 'client')} in {_group(row.sources)}, {_count(row.sessions, 'session')}."
    )
    other = "others are answered there" if row.served else "nobody is answered there"
    return Finding(
        row.state, "low" if row.public or row.state == RESET else "medium", row.confidence, title,
        _subject(row, row.networks, row), grounds=(other,), action=NEXT[row.state].format(port=row.port),
        first_seen=row.first_seen, last_seen=row.last_seen, bytes=row.bytes,
    )  # fmt: skip


def change_findings(changed: pd.DataFrame) -> list[Finding]:
    """One finding a service that was lost or became reachable."""
    rows = changed[changed["change"].isin(["lost", "newly-reachable"])]
    return [_change(row) for row in rows.itertuples()]


def _change(row) -> Finding:
    service = f"{_host(row)} {_service(protocol_name(row.protocol), row.port)}"
    seen = _count(row.sessions, "session")
    if row.change == "lost":
        until = "before" if pd.isna(row.answered_until) else f"until {row.answered_until:%Y-%m-%d %H:%M} UTC"
        who = f"{_count(row.clients, 'client')} in {_group(row.source)}"
        title = f"{who} lost {service}: answered {until}, since then {MEANING[row.state]} ({seen})."
        action = NEXT[row.state].format(port=row.port)
    else:
        title = f"{service} now answers {row.source} ({seen}); before it was {MEANING[row.was]}."
        action = "If nobody asked for it, see which rule changed: CloudTrail, AuthorizeSecurityGroupIngress."
    severity = "medium" if row.change == "lost" or row.port in ADMIN or row.port in DATABASE else "low"
    return Finding(
        row.change, severity, row.confidence, title, _subject(row, None, row), action=action,
        grounds=(f"then {row.was}, now {row.state}",), first_seen=row.first_seen, last_seen=row.last_seen,
    )  # fmt: skip


def reachability_verdict(
    reached: pd.DataFrame, services: pd.DataFrame, judged: pd.DataFrame, changed: pd.DataFrame, kind: str
) -> list[str]:
    """What the page says first, in at most five sentences."""
    only = {
        "none": "There is no traffic in this window: nothing can be said of what is reachable.",
        "reject-only": "The log holds refused traffic only: it cannot show what is reachable, only what was refused.",
        "accept-only": "The log holds no refused traffic: a refused reply would look like silence.",
        "no-action": "The log lacks the field action: what was refused looks like silence.",
    }
    said = [only[kind]] if kind in only else []
    if len(judged):
        said.append(_tally(judged["judgement"].value_counts(), len(judged)))
    elif kind not in ("reject-only", "none"):
        answered = reached.loc[reached["state"] == ANSWERED, ["destination", "protocol", "port"]]
        said.append(
            f"{_count(len(answered.drop_duplicates()), 'service')} answered; no expectations were given."
        )
    if kind in ("reject-only", "none"):
        return said
    grave = services[services["role"].isin(["admin", "database"])]
    if len(grave):
        named = ", ".join(
            f"{_host(row)} {protocol_name(row.protocol)}/{row.port}" for row in grave[:3].itertuples()
        )
        said.append(f"The internet was answered on {_count(len(grave), 'admin or database port')}: {named}.")
    else:
        other = (services["role"] == "other").sum()
        where = f"{_count(other, 'service')} beyond web ports" if other else "web ports only"
        seen = (
            f"The internet was answered on {where}."
            if len(services)
            else "No answer to the internet was seen."
        )
        said.append(seen)
    quiet = unanswered(reached)
    if len(quiet):
        resets = (quiet["state"] == RESET).sum()
        said.append(f"{_count(len(quiet), 'service')} let in and not answered ({resets} of them by resets).")
    lost = changed[changed["change"] == "lost"]
    if len(lost):
        said.append(f"{_count(len(lost), 'service')} answered before and no more.")
    return said


def _tally(counts: pd.Series, lines: int) -> str:
    words = {"broken": "broken", "newly-reachable": "open but meant to be blocked"}
    parts = [f"{counts[one]} {words.get(one, one)}" for one in JUDGEMENTS if one in counts]
    return f"Of {_count(lines, 'expectation')}: {', '.join(parts)}."


def _services(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` of `reachability` by destination and service."""
    key = ["destination", "interface_id", "protocol", "port"]
    return rows.groupby(key, dropna=False).agg(
        destination_name=("destination_name", "first"),
        confidence=("confidence", lambda levels: max(levels, key=CONFIDENCE.index)),
        clients=("clients", "sum"),
        sessions=("sessions", "sum"),
        bytes=("bytes", "sum"),
        first_seen=("first_seen", "min"),
        last_seen=("last_seen", "max"),
        sources=("source", lambda names: ", ".join(sorted(set(names)))),
        networks=("network", lambda cidrs: cidrs.iloc[0] if cidrs.nunique() == 1 and "/" in cidrs.iloc[0] else None),
    ).reset_index()  # fmt: skip


def _subject(row, source: str | None, alone) -> dict:
    """The finding's subject; destination and interface only where it is about one (`alone`)."""
    where = {"interface_id": alone.interface_id, "dstaddr": alone.destination} if alone else {}
    source = source.removesuffix("/32").removesuffix("/128") if isinstance(source, str) else None
    return where | {"srcaddr": source, "protocol": row.protocol, "dstport": row.port}


def _group(name: str) -> str:
    return "the internet" if name == "internet" else name


def _anywhere(row) -> str:
    return "::/0" if ":" in row.destination else "0.0.0.0/0"


def _name(row) -> str:
    return row.destination if pd.isna(row.destination_name) else row.destination_name


def _host(row) -> str:
    name = _name(row)
    return name if name == row.destination else f"{name} ({row.destination})"


def _service(protocol: str, port) -> str:
    return protocol if pd.isna(port) or port == "any" else f"{protocol}/{port}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s'[: number != 1]}"


def _moment(moment) -> pd.Timestamp | None:
    return None if pd.isna(moment) else moment
