"""Reachability: what was let in and answered, what was let in and stayed unanswered, what was refused.

A firewall's "accept" says that a packet reached the interface, not that anybody answered. Here both halves of
each conversation are judged together, so that a service that answers, a port where nobody listens, and a
reply that a network ACL refuses are three different things. A conversation that was logged at both ends is
judged once, by its server's own interface; what the client's interface saw decides where that one is silent.

States, of a client at a service: `answered` · `accepted-silent` (let in, nothing came back) ·
`accepted-reset` (TCP: let in, answered by RST: closed port) · `reply-refused` · `refused`.
"""

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir
import pandas as pd

from flowkit.analysis.conversations import HIGH, exact, high, low
from flowkit.analysis.direction import directed
from flowkit.analysis.groups import INTERNET, Network, is_private, label, name_of, read_groups, subnet_groups
from flowkit.analysis.refusals import held

ANSWERED, SILENT, RESET = "answered", "accepted-silent", "accepted-reset"
REPLY_REFUSED, REFUSED = "reply-refused", "refused"
STATES = (ANSWERED, SILENT, RESET, REPLY_REFUSED, REFUSED)
#: A server's packets without the client's: what they answered was logged elsewhere.
REPLY = "reply"
#: Numbers for all of these, which the engine compares more quickly.
CODES = {name: number for number, name in enumerate((*STATES, REPLY))}
CONFIDENCE = ("low", "medium", "high")

COLUMNS = (
    "source", "network", "public", "destination", "destination_name", "interface_id", "protocol", "port",
    "ports", "state", "confidence", "clients", "scanners", "sessions", "failed", "bytes", "first_seen", "last_seen",
    "answered_until",
)  # fmt: skip
#: The network of clients that are interfaces of the log itself and lie in no known network.
INSIDE = "inside"

#: Unanswered sessions, and a tenth of all, from which a client fails rather than has bad luck now and then.
ENOUGH = 3
#: Seconds of a bucket in a figure over time.
BUCKETS = (60, 300, 900, 3600, 21600, 86400)

TCP = 6
SYN, RST = 2, 4
#: Bytes of a packet that carries no data: an IPv4 or IPv6 header and a TCP header without options.
BARE4, BARE6 = 40, 60
#: A SYN with all options over IPv6.
LARGEST_SYN = 80
#: A public source is a scanner where it failed at this many more services than it reached: four failures more
#: than successes make a likelihood ratio of 4^4 > 99 in the sequential test of Jung et al. (2004).
SCANNER = 4


def log_kind(flows: ir.Table) -> str:
    """What the log's records can prove: ``all``, ``accept-only``, ``reject-only``, ``no-action`` (records
    without an action) or ``none`` (no record of traffic)."""
    counts = flows.aggregate(
        ACCEPT=flows.action.isin(["ACCEPT"]).sum(),
        REJECT=flows.action.isin(["REJECT"]).sum(),
        traffic=flows.srcaddr.notnull().sum(),
    ).execute()
    accepts, rejects, traffic = counts.fillna(0).iloc[0]
    if not traffic:
        return "none"
    if not accepts and not rejects:
        return "no-action"
    return "all" if accepts and rejects else "accept-only" if accepts else "reject-only"


def reachability(
    flows: ir.Table, groups: str | None = None, snapshot=None, expectations: Iterable = (), talks=None
) -> pd.DataFrame:
    """Who reaches what, one row a source network, destination, service and state.

    groups: named networks, ``name=CIDR,name=CIDR``; a snapshot's subnets are named too. Public sources in no
    named network are ``internet``. expectations: their networks are told apart, so that each can be judged.
    talks: `directed(flows, snapshot)` where it is at hand.

    Columns: source (the group's name), network (CIDR, or ``internet``), public (bool), destination (address;
    CIDR or ``internet`` for public ones outside), destination_name, interface_id (the destination's own, null
    where only the other end was logged), protocol, port (null: ICMP, or many ports that nobody serves), ports
    (how many), state, confidence (high, medium or low), clients, scanners (clients that failed nearly
    everywhere), sessions, failed (those not answered: beside answers, now and then), bytes (both ways),
    first_seen, last_seen, answered_until (last answer, where the state set in after it; else NaT). A client
    that is often answered and often not counts in both rows.
    """
    talks = directed(flows, snapshot) if talks is None else talks
    named = subnet_groups(snapshot) | read_groups(groups)
    expectations = list(expectations)
    networks = {*named, *(network for one in expectations for network in one.networks)}
    public = [
        INTERNET,
        *(str(n) for n in networks if not is_private(n) and name_of(str(n), named) == INTERNET),
    ]
    # Two steps: in one, Spark takes a minute to plan what takes it a second to run.
    with held(_services(_attempts(talks))) as services, held(_outcomes(services)) as outcomes:
        rows = _reached(outcomes, networks, public, _asked_for(expectations)).execute()
    return _finished(rows, log_kind(flows), named, snapshot)


def _attempts(talks: ir.Table) -> ir.Table:
    """Conversations with what became of each (of `CODES`), whether the server's interface saw it, how sure that is."""
    talks = talks.filter(talks.client.notnull(), talks.direction != "through")
    asked, replied = talks.client_accepted > 0, talks.server_accepted > 0
    tcp = talks.protocol == TCP
    flagged = tcp & (talks.client_flags.notnull() | talks.server_flags.notnull())
    wants = ~flagged | _has(talks.client_flags, SYN)
    taken = _has(talks.server_flags, SYN)
    cases = (
        ((talks.server_rejected > 0) & ~replied & (asked | taken), REPLY_REFUSED),
        (replied & ~asked & (talks.client_rejected == 0), REPLY),
        (replied & flagged & wants & _has(talks.server_flags, RST) & ~taken, RESET),
        (replied & tcp & ~flagged & _bare(talks), RESET),
        (replied & (asked | taken), ANSWERED),
        ((talks.client_rejected > 0) & wants, REFUSED),
        (asked & wants, SILENT),
    )
    state = ibis.cases(*((where, CODES[name]) for where, name in cases))
    sure = flagged & (talks.rung.isin(["syn", "carry"]) | _has(talks.client_flags, SYN) | taken)
    likely = talks.rung.isin(["syn", "carry", "service", "ports", "refused"]) | (
        state == CODES[REPLY_REFUSED]
    )
    likely &= ~(tcp & _tiny(talks))
    # Nobody sends data before the handshake: the replies to it went where no log was looking.
    unseen = tcp & (state == CODES[SILENT]) & (talks.client_bytes > talks.client_packets * LARGEST_SYN)
    return talks.mutate(
        state=state,
        level=ibis.cases((unseen, -1), (sure, 2), (likely, 1), else_=0),
        here=(talks.direction == "ingress").fill_null(False),
        size=talks.client_bytes + talks.server_bytes,
    ).filter(ibis._.state.notnull())


def _has(flags: ir.IntegerValue, bit: int) -> ir.BooleanValue:
    return (flags.fill_null(0) & bit) > 0


def _bare(talks: ir.Table) -> ir.BooleanValue:
    """Whether, without flags, the replies look like resets: at most one a request, no data either way."""
    bare = ibis.ifelse(talks.server.contains(":"), BARE6, BARE4)
    return (
        (talks.server_bytes == talks.server_packets * bare)
        & (talks.server_packets <= talks.client_packets)
        & (talks.client_bytes <= talks.client_packets * (bare + 20))
    )


def _tiny(talks: ir.Table) -> ir.BooleanValue:
    """Whether a conversation's replies are too few to tell, without flags, an answer from a reset."""
    return (talks.server_accepted > 0) & ((talks.server_packets < 3) | (talks.server_bytes < 180))


def _services(attempts: ir.Table) -> ir.Table:
    """One row a client and service: its sessions by state, seen at the server's interface and elsewhere."""
    once = ibis.ifelse(attempts.here, 1, HIGH)
    counts = {name: exact(ibis.ifelse(attempts.state == code, once, 0)) for name, code in CODES.items()}
    answered = attempts.state == CODES[ANSWERED]
    failed = ~answered & (attempts.state != CODES[REPLY])
    services = attempts.group_by("client", "server", "protocol", port=attempts.server_port).aggregate(
        interface_id=ibis.ifelse(attempts.here, attempts.interface_id, None).max(),
        level_answered=ibis.ifelse(answered, attempts.level, -1).max(),
        level_failed=ibis.ifelse(failed, attempts.level, -1).max(),
        first=attempts["first"].min(),
        last=attempts["last"].max(),
        answered_last=ibis.ifelse(answered, attempts["last"], None).max(),
        failed_first=ibis.ifelse(failed, attempts["first"], None).min(),
        own=(attempts.direction == "egress").max(),
        bytes_here=exact(ibis.ifelse(attempts.here, attempts.size, 0)),
        bytes_away=exact(ibis.ifelse(attempts.here, 0, attempts.size)),
        **counts,
    )
    sides = {
        f"{name.replace('-', '_')}_{side}": of(services[name])
        for name in CODES
        for side, of in (("here", low), ("away", high))
    }
    return services.mutate(**sides).drop(*CODES)


def _outcomes(s: ir.Table) -> ir.Table:
    """One row a client, service and state: what was answered, and what failed for good."""
    here, away = (
        sum((s[f"{state.replace('-', '_')}_{side}"] for state in STATES), ibis.literal(0))
        for side in ("here", "away")
    )
    # Replies may leave by another interface of the server: there they are seen without their request.
    elsewhere = (s.answered_here == 0) & (s.reply_here + s.reply_away > 0) & (s.accepted_silent_here > 0)
    unheard = (s.reply_refused_away > 0) & (s.answered_away == 0)
    answers = ibis.cases(
        (unheard, 0), (s.answered_here > 0, s.answered_here), (elsewhere, here), else_=s.answered_away
    )
    sessions = ibis.ifelse(here > 0, here, away)
    failures = ibis.ifelse(elsewhere, 0, ibis.greatest(sessions - answers, s.reply_refused_away))
    failing = ibis.cases(
        (unheard | (s.reply_refused_here + s.reply_refused_away > 0), REPLY_REFUSED),
        (s.accepted_reset_here + s.accepted_reset_away > 0, RESET),
        (s.refused_here + s.refused_away > 0, REFUSED),
        else_=SILENT,
    )
    lost = (answers > 0) & (s.failed_first > s.answered_last).fill_null(False) & (failures > 1)
    lasting = (answers == 0) | lost | ((failures >= ENOUGH) & (failures * 10 >= sessions))
    s = s.mutate(
        answers=answers, failures=failures, failing=failing, lost=lost, lasting=lasting & (failures > 0),
        bytes=ibis.ifelse(here > 0, s.bytes_here, s.bytes_away),
    )  # fmt: skip
    kept = ["client", "own", "server", "protocol", "port", "interface_id"]
    good = s.filter(s.answers > 0)
    passing = ibis.ifelse(good.lasting, 0, good.failures)
    good = good.select(
        *kept, state=ibis.literal(ANSWERED), level=good.level_answered, sessions=good.answers + passing,
        failed=passing, bytes=good.bytes, first=good["first"],
        last=ibis.ifelse(good.lost, good.answered_last, good["last"]), answered_until=ibis.null("int64"),
    )  # fmt: skip
    bad = s.filter(s.lasting)
    # Without flags one reset may be a short answer, one silent packet a reply; several alike are not.
    repeated = bad.failing.isin([RESET, SILENT]) & (bad.answers == 0) & (bad.failures >= ENOUGH)
    bad = bad.select(
        *kept, state=bad.failing, level=ibis.ifelse(repeated & (bad.level_failed == 0), 1, bad.level_failed),
        sessions=bad.failures, failed=bad.failures, bytes=ibis.ifelse(bad.answers > 0, 0, bad.bytes),
        first=bad.failed_first.coalesce(bad["first"]), last=bad["last"],
        answered_until=ibis.ifelse(bad.lost, bad.answered_last, None),
    )  # fmt: skip
    return good.union(bad)


def _asked_for(expectations: list) -> list[tuple[int, int]]:
    """The port ranges that expectations name: their refusals are kept port by port."""
    return sorted({one.ports for one in expectations if one.ports})


def _reached(services: ir.Table, networks: set[Network], public: list[str], ports: list) -> ir.Table:
    """Services by source network: the rows of `reachability` before names."""
    known = _placed(services, networks, public)
    alive = (known.state == ANSWERED) | ((known.state != REFUSED) & ~known.scanner)
    served = known.filter(alive).select("server", "protocol", "port").distinct()
    served = served.rename(at="server", over="protocol", on="port").mutate(served=True)
    same = [served.at == known.server, served.over == known.protocol, served.on == known.port]
    rows = known.left_join(served, same)
    kept = rows.served.notnull() | ~rows.public
    for first, last in ports:
        kept |= rows.port.between(first, last)
    # Strangers try every port: what nobody serves is one row a destination, not 65,536.
    rows = rows.mutate(
        tried=rows.port,
        port=ibis.ifelse(kept, rows.port, None),
        many=~kept.fill_null(False) | (rows.destination != rows.server),
    )
    # A client has one row a service: it comes twice only where ports or servers are put together.
    one, several = rows.filter(~rows.many), rows.filter(rows.many)
    one = _summed(one, clients=one.count(), scanners=one.count(where=one.scanner))
    several = _summed(
        several,
        clients=several.client.nunique(),
        scanners=several.client.nunique(where=several.scanner),
        ports=several.tried.nunique(),
    )
    return one.mutate(ports=ibis.literal(0, "int64")).union(several)


def _summed(rows: ir.Table, **counts: ir.Scalar) -> ir.Table:
    """One row a network, destination, service and state."""
    keys = ["network", "public", "destination", "interface_id", "protocol", "port", "state"]
    return rows.group_by(keys).aggregate(
        **counts,
        level=rows.level.max(),
        sessions=rows.sessions.sum(),
        failed=rows.failed.sum(),
        bytes=rows.bytes.sum(),
        first=rows["first"].min(),
        last=rows["last"].max(),
        answered_until=rows.answered_until.max(),
    )


def _placed(services: ir.Table, networks: set[Network], public: list[str]) -> ir.Table:
    """`services` with the client's network, if it is public, if a scanner, and the destination to show."""
    answered = services.state == ANSWERED
    clients = services.group_by("client").aggregate(
        own=services.own.max(), missed=(~answered).sum() - answered.sum()
    )
    place = label(clients.client, networks)
    clients = clients.mutate(
        network=ibis.ifelse(clients.own & (place == INTERNET), INSIDE, place),
        public=place.isin(public) & ~clients.own,
    )
    clients = clients.mutate(scanner=clients.public & (clients.missed >= SCANNER)).drop("own", "missed")
    far = services.filter(services.interface_id.isnull()).select("server").distinct()
    far = far.select(far="server", place=label(far.server, networks))
    known = services.join(clients, "client").left_join(far, far.far == services.server)
    outside = known.place.isin([INTERNET, *public]).fill_null(False)
    return known.mutate(destination=ibis.ifelse(outside, known.place, known.server))


def _finished(rows: pd.DataFrame, kind: str, named: dict, snapshot) -> pd.DataFrame:
    """`rows` with names and times; without claims that a log of one action only cannot carry."""
    names = {network: name_of(network, named) for network in rows["network"].unique() if network != INSIDE}
    rows["ports"] = rows["ports"].where(rows["port"].isna(), 1)
    rows.insert(0, "source", rows["network"].map({**names, INSIDE: INSIDE}))
    owners = {} if snapshot is None else {eni: one.name for eni, one in snapshot.interfaces.items()}
    outside = [
        name_of(place, named) if place == INTERNET or "/" in place else None for place in rows["destination"]
    ]
    rows.insert(
        4, "destination_name", rows["interface_id"].map(owners).where(rows["interface_id"].notna(), outside)
    )
    level = rows.pop("level")
    if kind in ("accept-only", "no-action"):  # what was refused looks like silence
        level = level.mask(rows["state"] == SILENT, 0)
    if kind == "reject-only":  # without flags, a refused reply looks like a refused request
        level = level.mask(level < 2, 0)
    rows["confidence"] = [CONFIDENCE[max(int(one), 0)] for one in level]
    for column, seconds in (
        ("first_seen", "first"),
        ("last_seen", "last"),
        ("answered_until", "answered_until"),
    ):
        rows[column] = pd.to_datetime(rows.pop(seconds), unit="s", utc=True)
    for column in ("port", "protocol"):
        rows[column] = rows[column].astype("Int64")
    rank = rows["state"].map(STATES.index)
    order = ["destination", "protocol", "port", "rank", "network", "interface_id"]
    return rows.assign(rank=rank).sort_values(order, ignore_index=True)[list(COLUMNS)]


def sessions_over_time(
    flows: ir.Table, reached: pd.DataFrame, top: int = 6, buckets: int = 96
) -> pd.DataFrame:
    """Client connections open at the busiest answered services, over time.

    Columns: destination, destination_name, protocol, port, time (start of the bucket, UTC), sessions (client
    endpoints with a record in it), in at most about `buckets` buckets; a bucket without any is left out.
    """
    key = ["destination", "protocol", "port"]
    rows = reached[(reached["state"] == ANSWERED) & reached["interface_id"].notna() & reached["port"].notna()]
    busy = rows.groupby(key).agg(sessions=("sessions", "sum"), destination_name=("destination_name", "first"))
    busy = busy.nlargest(top, "sessions").reset_index()
    columns = ["destination", "destination_name", "protocol", "port", "time", "sessions"]
    if busy.empty:
        return pd.DataFrame(columns=columns)
    span = (reached["last_seen"].max() - reached["first_seen"].min()).total_seconds()
    every = next((step for step in BUCKETS if step * buckets >= span), BUCKETS[-1])
    wanted = ibis.memtable(busy[key].astype({"protocol": "int32", "port": "int32"}))
    same = [
        flows.dstaddr == wanted.destination,
        flows.protocol == wanted.protocol,
        flows.dstport == wanted.port,
    ]
    hits = flows.inner_join(wanted, same).select(
        *(wanted[column] for column in key),
        slot=flows.start - flows.start % every,
        client=flows.srcaddr + " " + flows.srcport.cast("string"),
    )
    counts = hits.group_by(*key, "slot").aggregate(sessions=hits.client.nunique()).execute()
    counts["time"] = pd.to_datetime(counts["slot"], unit="s", utc=True)
    counts = counts.merge(busy[[*key, "destination_name"]], on=key)
    return counts.sort_values([*key, "time"], ignore_index=True)[columns]
