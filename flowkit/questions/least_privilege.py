"""The narrowest security group rules that admit all that was answered in a log, beside the rules that stand.

Where the sources are one group, a rule names the group, else the fewest networks that hold what was seen and nothing
else; ports as seen. A log knows no more than its window: who did not come in it, these rules do not admit.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from flowkit.folding.coverage import coverage_text
from flowkit.loading.network import Match, Rule, Snapshot
from flowkit.net import ICMP, is_private
from flowkit.questions.causes import STRANGERS
from flowkit.questions.fixes import Fix, group_command, reference
from flowkit.questions.networks import merged
from flowkit.questions.rules import Packet, covers, fits, members_of, share_seen, uses

#: More networks than this in the place of one, and more ports, are no rules that somebody can look after.
MOST = 16
EVERYBODY = ("0.0.0.0/0", "::/0")
COLUMNS = "name direction stands narrowest sessions unanswered coverage gaps commands terraform group_id".split()


def least_privilege(log) -> tuple[pd.DataFrame, Snapshot | None]:
    """Return one row a security group and direction in which anything was answered, and the snapshot with these rules.
    Rules whose peer the snapshot does not know stay as they are.

    In `COLUMNS`; ``stands``, ``narrowest``: rules; ``sessions`` were answered, the ``unanswered`` ones the narrowest rules
    need not admit; ``coverage``: the share of the time of the group's interfaces that the log covers; ``gaps``: what it
    does not, where anything may hide.
    """
    if log.network is None:
        return pd.DataFrame(columns=COLUMNS), None
    snapshot, hits = log.network, defaultdict(list)
    for use in uses(log.fold, snapshot, unsure=True).itertuples(index=False):
        for name in snapshot.interfaces[use.interface_id].group_ids:
            rules = snapshot.groups[name].rules if name in snapshot.groups else ()
            if fitting := [rule for rule in rules if fits(rule, use)]:
                hits[min(fitting, key=_size)].append(use)
    rows, groups = [], dict(snapshot.groups)
    for group in snapshot.groups.values():
        for egress in (False, True):
            standing = [rule for rule in group.rules if rule.egress == egress]
            met = [use for rule in standing for use in hits[rule]]
            served = {rule: [use for use in hits[rule] if use.answered] for rule in standing}
            strangers = defaultdict(set)  # by service, whichever rule let it pass: few may come by IPv6
            for use in (use for some in served.values() for use in some if not is_private(_place(use))):
                strangers[_service(use)] |= {use.far} if isinstance(use.far, str) else set(range(use.sources))
            open_to = {one for one, some in strangers.items() if len(some) >= STRANGERS}
            made = {one: None for rule in standing for one in _narrowed(rule, served[rule], snapshot, open_to)}
            if made:
                made |= dict.fromkeys(rule for rule in standing if not rule.known)  # nothing says whom it admits
                answered = sum(use.answered for use in met)
                kept = groups[group.group_id].rules
                groups[group.group_id] = replace(group, rules=(*(one for one in kept if one.egress != egress), *made))
                texts = (_text(some) for some in (standing, made))
                rows.append((
                    group.name, "egress" if egress else "ingress", *texts, answered, sum(use.sessions for use in met) - answered,
                    *_seen(log, group.group_id), "\n".join(_commands(standing, made)), Fix(tuple(made)).terraform, group.group_id,
                ))  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS), replace(snapshot, groups=groups)


def _size(rule: Rule) -> tuple[bool, int]:
    """Return what is less for a narrower rule: one that names a group or list, or else fewer addresses."""
    return "/" in rule.peer, sum(network.num_addresses for network in rule.networks)


def _service(use) -> tuple[int, int]:
    return int(use.protocol), -1 if pd.isna(use.server_port) or use.protocol in ICMP else int(use.server_port)


def _place(use) -> str:
    return use.far if isinstance(use.far, str) else use.place


def _narrowed(rule: Rule, met: list, snapshot: Snapshot, open_to: set) -> list[Rule]:
    """Return rules that admit, of what `rule` does, what was `met`; `open_to`: services that strangers come to.

    Such a service stays open by both versions of IP: few strangers come by IPv6, on some days nobody.
    """
    far, ports = defaultdict(set), defaultdict(set)
    for use in met:
        far[_service(use)].add(_place(use))
    for (protocol, port), places in far.items():
        peers, whole = merged(places), reference([one for one in places if "/" not in one], snapshot)
        crowd = (protocol, port) in open_to and not all(map(is_private, places))
        if "/" not in rule.peer or crowd or len(peers) > MOST:
            narrow = (rule,)
        elif whole and not any("/" in one for one in places):
            narrow = (replace(rule, peer=whole, networks=(), members=members_of(snapshot, whole)),)
        else:
            narrow = tuple(replace(rule, peer=str(one), networks=(one,)) for one in peers)
        ports[narrow, protocol].add(port)
    for protocol, port in open_to if rule.peer in EVERYBODY else ():
        if covers(rule.match, Packet(rule.egress, "", "", protocol, None if port < 0 else port)):
            ports[(rule,), protocol].add(port)
    return [
        replace(one, match=match)
        for (narrow, protocol), some in ports.items() for match in _matches(rule.match, protocol, sorted(some)) for one in narrow
    ]  # fmt: skip


def _matches(standing: Match, protocol: int, ports: list[int]) -> list[Match]:
    """Return what matches the ports: ranges without a hole, or one range where these are too many."""
    if ports[0] < 0:
        return [standing if standing.protocol is not None else Match(protocol, None, None)]
    starts, ends = ([port for port in ports if port + step not in ports] for step in (-1, 1))
    spans = zip(starts, ends, strict=True) if len(starts) <= MOST else [(ports[0], ports[-1])]
    return [Match(protocol, *span) for span in spans]


def _commands(standing: list[Rule], made: Iterable[Rule]) -> list[str]:
    """Return commands that first add what is new and then remove what is too wide."""
    new, old = ([one for one in a if one not in b] for a, b in ((made, standing), (standing, made)))
    return [
        group_command(verb, [one for one in some if one.match == match])
        for verb, some in (("authorize", new), ("revoke", old)) for match in dict.fromkeys(one.match for one in some)
    ]  # fmt: skip


def _seen(log, group_id: str) -> tuple[float | None, str]:
    owners = [one.interface_id for one in log.network.interfaces.values() if group_id in one.group_ids]
    own = log.coverage[log.coverage.interface_id.isin(owners)]
    own.attrs = log.coverage.attrs
    silent = len(owners) - own.interface_id.nunique()
    lost = f"; {silent:,} of {len(owners):,} interfaces left no record" if silent else ""
    return share_seen(log.coverage, owners), coverage_text(own) + lost


def _text(rules: Iterable[Rule]) -> str:
    """Return rules in words, those that match the same together, with few of their peers."""
    peers = defaultdict(list)
    for rule in rules:
        peers[f"{rule.match.text} {'to' if rule.egress else 'from'} "].append(rule.peer)
    more = {what: f" and {len(some) - 4} more" if len(some) > 5 else "" for what, some in peers.items()}
    return "; ".join(what + ", ".join(some[: 4 if more[what] else None]) + more[what] for what, some in peers.items())
