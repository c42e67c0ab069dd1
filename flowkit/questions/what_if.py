"""What changed rules would do to the traffic that a log holds: replayed on both snapshots, as if in force all the time.

Every packet is judged by the rules of today and by the changed ones, packets that no rule tells apart together: far
ends by the narrowest network of any rule, ports by the bounds of all. Where the log leaves room (the port that answers
go to, who began, ICMP's type), each possibility is judged that today's rules agree with; unless all agree on the change,
it is undetermined. Security groups are asked for a conversation's first packet alone, network ACLs both ways.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from itertools import product

import pandas as pd

from flowkit.loading.network import LAST_RULES, Entry, Rule, Snapshot
from flowkit.net import ICMP, WITH_PORTS, lies_in
from flowkit.questions.causes import PING, PONG
from flowkit.questions.networks import bounds, placed
from flowkit.questions.refusals import TURNED
from flowkit.questions.rules import Packet, Verdict, covers, evaluate, holds

REJECTED, PASSES, UNDETERMINED = "newly rejected", "newly passes", "undetermined"
#: Refusals of packets that rules alone refuse; others are refused because no connection is open, or by a control.
BY_RULES = ("request", "reply", "changed")
#: Evidence of who began that may err: both ways are judged.
UNSURE = ("lowport", "first", "unknown")
#: Pods have addresses of this block that no subnet has: their node may be in the interface's subnet, where no ACL is asked.
PODS = ip_network("100.64.0.0/10")
#: What one class of packets is: no rule tells its members apart.
CLASS = "interface_id, egress, near, place, protocol, port, low, high, unsure, asked, replied, refusal"
#: Clients that are listed, those with most sessions first.
LISTED = 5000

SEEN = f"""
CREATE OR REPLACE TEMP TABLE replayed AS WITH seen AS (
    SELECT *, NULL AS refusal, CASE way WHEN 'out' THEN true WHEN 'in' THEN false END AS outward,
        evidence IN {UNSURE} AS unsure, client_accepted > 0 AS asked, server_accepted > 0 AS replied,
        client_accepted + server_accepted AS seen_records
    FROM edges WHERE client_accepted > 0 OR server_accepted > 0
    UNION ALL BY NAME SELECT *, leaves <> from_server AS outward, false AS unsure, true AS asked, true AS replied,
        records AS seen_records FROM refused
), ends AS (
    SELECT s.*, coalesce(CASE WHEN (c.address IS NULL) <> (v.address IS NULL) THEN v.address IS NULL END, outward) AS egress,
        CASE WHEN egress THEN server ELSE client END AS far,
        CASE WHEN refusal IS NOT NULL THEN CASE WHEN egress THEN client ELSE server END END AS near
    FROM seen s LEFT JOIN own c ON c.interface_id = s.interface_id AND c.address = coalesce(client_logged, client)
    LEFT JOIN own v ON v.interface_id = s.interface_id AND v.address = coalesce(server_logged, server)
    WHERE s.interface_id IN (SELECT interface_id FROM own)
), places AS ({placed("SELECT DISTINCT far AS address FROM ends")}),
cuts AS (SELECT number, cut FROM range(65536) ports(number) ASOF JOIN starts ON number >= cut),
classed AS (SELECT ends.* EXCLUDE (port_low, port_high) REPLACE (coalesce(protocol, -1) AS protocol),
    network AS place, coalesce(p.cut, -1) AS port, coalesce(l.cut, -1) AS low, coalesce(h.cut, -1) AS high
    FROM ends LEFT JOIN places ON far = address LEFT JOIN cuts p ON p.number = server_port
    LEFT JOIN cuts l ON l.number = port_low LEFT JOIN cuts h ON h.number = port_high)
SELECT *, dense_rank() OVER (ORDER BY {CLASS}) AS nth FROM classed"""


@dataclass(frozen=True)
class Replay:
    """What `replayed` returns.

    `clients`: one row a client, server and service on which the rules say another thing, those with most sessions first:
    ``verdict``, ``interface_id``, ``client``, ``server``, ``protocol``, ``server_port``, ``sessions``, ``records``,
    ``today``, ``after`` (grounds), ``first``, ``last`` (seconds since 1970). `totals`: by verdict ``sessions``,
    ``clients`` of all, listed or not. `untried`: see `_untried`. `affected`: interfaces whose rules differ; `unjudged`:
    interface → why it could not be judged, of those that the log holds.
    """

    clients: pd.DataFrame
    totals: pd.DataFrame
    untried: pd.DataFrame
    affected: list[str]
    unjudged: dict[str, str]


def replayed(log, after: Snapshot) -> Replay:
    """Return what the rules of `after` would do to the traffic of `log`, compared with those of its own snapshot."""
    before, fold = log.network, log.fold
    fold.sql(TURNED)
    seen = sorted(fold.sql("SELECT interface_id FROM edges UNION SELECT interface_id FROM refused").interface_id)
    why = {eni: _unjudged(eni, before, after) for eni in (*seen, *before.interfaces)}
    rules = {eni: [_governing(one, eni) for one in (before, after)] for eni in before.interfaces if not why[eni]}
    rules = {eni: (old, new) for eni, (old, new) in rules.items() if old != new}
    starts = _classes(fold, before, after, rules)
    classes = fold.sql(f"SELECT nth, {CLASS}, min(far) AS far FROM replayed GROUP BY ALL ORDER BY nth")
    tried, rows = set(), []
    for one in classes.astype(object).where(classes.notna(), None).itertuples(index=False):
        try:
            found = _judged(one, before, after, starts, tried)
        except ValueError:
            found = UNDETERMINED, "the log holds what is no address", ""
        rows += [(one.nth, *found)] if found else []
    verdicts = pd.DataFrame(rows, columns=["nth", "verdict", "today", "after"]).astype({"nth": "int64"})
    clients = fold.sql(
        f"""FROM (
            SELECT verdict, interface_id, client, server, protocol, server_port, sum(sessions)::BIGINT AS sessions,
                sum(seen_records)::BIGINT AS records, today, after, min(first) AS first, max(last) AS last
            FROM replayed JOIN verdicts USING (nth) GROUP BY ALL
        ) QUALIFY row_number() OVER (PARTITION BY verdict ORDER BY sessions DESC, interface_id, client) <= {LISTED}
        ORDER BY verdict <> ?, verdict, sessions DESC, interface_id, client, server, server_port, protocol, today, after""",
        REJECTED, verdicts=verdicts,
    )  # fmt: skip
    totals = fold.sql(
        """SELECT verdict, sum(sessions)::BIGINT AS sessions, count(DISTINCT client) AS clients
        FROM replayed JOIN verdicts USING (nth) GROUP BY ALL""", verdicts=verdicts,
    ).set_index("verdict")  # fmt: skip
    unjudged = {eni: why[eni] for eni in seen if why[eni]}
    return Replay(clients, totals, _untried(before, rules, tried), list(rules), unjudged)


def _unjudged(eni: str, *snapshots: Snapshot) -> str:
    """Return why an interface cannot be judged by all of `snapshots`; '' where it can."""
    known = [one.interfaces.get(eni) for one in snapshots]
    if None in known or len({frozenset(one.addresses) for one in known}) > 1:
        return "it is not in both snapshots with the same addresses"
    for one, interface in zip(snapshots, known, strict=True):
        if {*interface.group_ids} - one.groups.keys() or one.subnets[interface.subnet_id].acl_id not in one.acls:
            return "a snapshot lacks some of its rules"
    return ""


def _governing(snapshot: Snapshot, eni: str) -> tuple:
    """Return all that judges the packets of an interface: group rules, network ACL entries in order, the subnet."""
    interface = snapshot.interfaces[eni]
    subnet = snapshot.subnets[interface.subnet_id]
    rules = frozenset(rule for name in interface.group_ids for rule in snapshot.groups[name].rules)
    entries = tuple(dict.fromkeys(one for one in snapshot.acls[subnet.acl_id] if one.number not in LAST_RULES))
    return rules, entries, (subnet.cidrs, bool(interface.group_ids))


def _peers(rule: Rule | Entry) -> tuple:
    """Return the networks and addresses that a rule is about."""
    return (*rule.networks, *rule.members) if isinstance(rule, Rule) else (rule.network,)


def _classes(fold, before: Snapshot, after: Snapshot, rules: dict) -> list[int]:
    """Make the table ``replayed``, and return where the ranges of ports begin that any of `rules` tells apart."""
    some = {rule for pair in rules.values() for groups, entries, _ in pair for rule in (*groups, *entries)}
    starts = {port for one in some for port in (one.match.low or 0, (one.match.high or 0) + 1)}
    starts = sorted((starts | {0}) - {65536})
    places = {place for one in some for place in _peers(one)}
    places |= {cidr for one in (before, after) for subnet in one.subnets.values() for cidr in subnet.cidrs}
    places |= {address for one in after.interfaces.values() for address in one.addresses}
    own = [(eni, address) for eni in rules for address in before.interfaces[eni].addresses]
    fold.sql(
        SEEN, own=pd.DataFrame(own, columns=["interface_id", "address"], dtype="str"),
        bounds=bounds(set(map(ip_network, places))), starts=pd.DataFrame({"cut": starts}),
    )  # fmt: skip
    return starts


def _possible(one, starts: list[int]):
    """Yield what a class of conversations may have been: its packets, each with whether it is a reply."""
    ports, kinds = [None], [None]
    if one.protocol in ICMP:
        ping = one.refusal or (one.asked and one.replied)
        kinds = [PING[one.protocol]] if ping else [(kind, 0) for kind in range(256)]
    elif one.port >= 0:
        ports = starts if one.low < 0 else [start for start in starts if one.low <= start <= one.high]
    for turned, port, kind in product((False, True)[: 1 + one.unsure], ports, kinds):
        out = bool(one.egress) != turned
        ends = (one.near or one.far, one.far)[:: 1 if out else -1]
        to, back = (port, one.port) if turned else (one.port, port)
        packets = [(Packet(out, *ends, one.protocol, to, kind), False)]
        if one.refusal or (one.asked if turned else one.replied):
            packets.append((Packet(not out, *ends[::-1], one.protocol, back, kind and PONG[one.protocol]), True))
        yield packets


def _passes(*verdicts: Verdict) -> bool | None:
    """Return whether all packets pass; None where that rests on something that the snapshot lacks."""
    if any(one.acl_allows is False or not (one.allowed or one.unknown) for one in verdicts):
        return False
    return None if any(one.unknown for one in verdicts) else True


def _judged(one, before: Snapshot, after: Snapshot, starts: list[int], tried: set) -> tuple[str, str, str] | None:
    """Return verdict and grounds, today's and the changed rules', of a class; None where the change does nothing to it.
    What judged it goes into `tried`: the time (0: today's rules), the interface and the rule."""
    eni, accepted, found, odd = one.interface_id, one.refusal is None, [], False
    if one.egress is None or one.protocol < 0 or (one.protocol in WITH_PORTS and one.port < 0):
        return UNDETERMINED, "the log does not say which way it went", ""
    there = None if accepted else after.owner(one.far, after.interfaces[eni].vpc_id)
    for packets in _possible(one, starts):
        old, new = ([evaluate(rules, eni, *packet) for packet in packets] for rules in (before, after))
        changed = [pair for pair in zip(old, new, strict=True) if _passes(pair[0]) != _passes(pair[1])]
        if _passes(*old) is (not accepted):  # it cannot have been this
            odd |= bool(changed)
            continue
        tried |= {(time, eni, rule) for time, some in enumerate((old, new)) for each in some
                  for rule in (*each.rules, each.entry, *each.undecided)}  # fmt: skip
        turned = [(replace(packet, egress=not packet.egress), reply) for packet, reply in packets if there]
        beyond = [evaluate(after, there.interface_id, *packet) for packet in turned]
        passes = _passes(*new, *beyond)
        if _passes(*old) is None:  # only rules whose peers nobody knows can have let it pass
            sides = [[{*one.undecided} for one in some] for some in ((old, new) if accepted else (new, old))]
            stays = all(one <= other for one, other in zip(*sides, strict=True))
            denied = any(one.acl_allows is False for one in new)
            passes = accepted if passes is None and stays else None if accepted and not (passes or denied) else passes
        found.append((passes, *(changed or [(old[0], new[0])])[0]))
    outcomes = {passes for passes, *_ in found}
    if outcomes == {accepted} or not (found or odd):
        return None
    if not found:
        return UNDETERMINED, "today's rules say another thing than the log", ""
    _, *ways = next(each for each in found if each[0] is not accepted)
    said = [[ground for ground in a.grounds if ground not in b.grounds] or a.grounds for a, b in (ways, ways[::-1])]
    known = (cidr for subnet in before.subnets.values() for cidr in subnet.cidrs)
    inside = ip_address(one.far) in PODS and not lies_in(ip_network(one.far), known)
    by_acl = ways[0].acl_allows is not ways[1].acl_allows
    sure = outcomes == {not accepted} and (accepted or one.refusal in BY_RULES) and not (inside and by_acl)
    verdict = UNDETERMINED if not sure else REJECTED if accepted else PASSES
    said[1] = [*ways[0].unknown, *said[1]] if accepted and not sure else said[1]
    return verdict, *map("; ".join, said)


def _untried(before: Snapshot, rules: dict, tried: set) -> pd.DataFrame:
    """Return changed rules that nothing seen was judged by and that no rule on the other side holds: ``change`` (removed,
    added), ``interface_id``, ``rule``, ``closes`` (it can reject what was let pass before).

    A rule of an IP version that the interface has no address of can neither reject nor let pass.
    """
    rows = []
    for eni, pair in rules.items():
        own = {ip_address(address).version for address in before.interfaces[eni].addresses}
        for time, word in enumerate(("removed", "added")):
            (groups, entries, _), (others, beside, _) = pair[time], pair[1 - time]
            moved = [one for one in entries if one in beside] != [one for one in beside if one in entries]
            lone = [rule for rule in groups - others if not any(_within(rule, one) for one in others)]
            lone += [one for one in entries if moved or one not in beside]
            for rule in lone:
                versions = {one.version for one in _peers(rule)} or own  # of an unknown prefix list all
                if versions & own and (time, eni, rule) not in tried:
                    rows.append((word, eni, rule.text, (word == "removed") == getattr(rule, "allow", True)))
    return pd.DataFrame(sorted(rows), columns=["change", "interface_id", "rule", "closes"]).astype({"closes": bool})


def _within(rule: Rule, other: Rule) -> bool:
    """Return whether `other` lets pass all that `rule` does."""
    low, high = rule.match.low, rule.match.high
    ends = (Packet(rule.egress, "", "", rule.match.protocol, port, (low, high)) for port in (low, high))
    matches = rule.egress == other.egress and all(covers(other.match, end) for end in ends)
    return matches and rule.known and all(holds(other, place) for place in map(ip_network, _peers(rule)))
