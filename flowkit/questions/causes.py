"""Why a group of rejected conversations was rejected and how sure that is.

The evidence is asked in this order: the log's reject-reason; late packets; a network ACL that changed in mid-session;
a rejected reply; then the snapshot's rules, or without one the contrast with what was accepted beside it. Security
groups are stateful and network ACLs are not, so some rejections can only be an ACL's:
https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html
"""

from dataclasses import dataclass, field, replace

import pandas as pd

from flowkit.loading.network import Snapshot
from flowkit.net import ICMP, TCP, TCP_IDLE, UDP, UDP_IDLE, is_private, is_to_many
from flowkit.questions.rules import Packet, Verdict, evaluate
from flowkit.words import many

#: The field reject-reason, as numbered in `flowkit.folding.sessions.CONTROLS`.
CONTROLS = {1: ("BPA", "block-public-access"), 2: ("EC", "encryption-control")}
#: ICMP type and code of a ping and of its answer, by protocol: flow logs hold neither.
PING, PONG = {1: (8, 0), 58: (128, 0)}, {1: (0, 0), 58: (129, 0)}
#: So many public clients that are accepted show a service that is open to the internet.
STRANGERS = 10
#: So many leave no doubt that its security group names no networks.
EVERYBODY = 50
#: Seconds that an open connection goes on, beyond what times are soft by, to show that no network ACL denies it.
LASTS = 120
#: Seconds within which a client that is rejected in mid-session and then accepted anew was not rejected by a rule.
AGAIN = 600
#: So many rejected answers of one service to one client are no backscatter of packets that somebody forged.
ANSWERS = 3
NO_SNAPSHOT = "a snapshot of the rules would tell (`flowkit snapshot network`)"
ABSENT = "the snapshot lacks this interface: it may be of another account, region or time"
NOT_BY_GROUP = "a change of a security group does not cut a tracked connection, one of a network ACL does"
REPAIRED = "the snapshot's rules let it pass: changed back since, or not yet in force then"
REJECT_ONLY = "the log holds rejected traffic only, nothing to compare with: a log of ALL traffic would tell"


@dataclass(frozen=True)
class Cause:
    """Why a group was rejected: kind and cause in the words of findings.json, sentences, and the snapshot's verdict.
    `answer`: the verdict on the reply to a rejected request, if the network ACL would deny that too."""

    kind: str
    cause: str
    confidence: str
    grounds: tuple[str, ...] = ()
    verdict: Verdict | None = None
    answer: Verdict | None = None


@dataclass(frozen=True)
class Context:
    """What is asked besides the group itself.

    `owners`: address → interfaces that have it; `subnets`: interface → subnet; `transit`: interfaces that pass on what
    others send; `refused`: (interface, far address, protocol, port) of every group of requests; `accepts`: whether the
    log has any ACCEPT.
    """

    owners: dict[str, set[str]] = field(default_factory=dict)
    subnets: dict[str, str] = field(default_factory=dict)
    transit: frozenset[str] = frozenset()
    refused: set[tuple] = field(default_factory=set)
    accepts: bool = True
    snapshot: Snapshot | None = None

    def leaves(self, group) -> bool | None:
        """Return whether the group's rejected packets leave the interface; None where nothing says so."""
        logged = None if pd.isna(group.leaves) else bool(group.leaves)
        if self.snapshot is None and logged is not None:
            return logged
        out, into = (group.interface_id in self.owners.get(end, ()) for end in _ends(group))
        return out if out != into else logged


def cause(group, context: Context) -> Cause:
    """Return why `group`, a row of `flowkit.questions.rejected.groups`, was rejected."""
    if group.refusal == "control":
        reason, word = CONTROLS.get(group.control, ("another than BPA and EC", "undetermined"))
        sure = "certain" if group.control in CONTROLS else "low"
        return Cause("service-control", word, sure, (f"the log's reject-reason is {reason}",))
    if is_to_many(group.server):
        return Cause("noise", "undetermined", "high", ("a VPC carries no broadcast, and multicast only in a transit"
                                                       " gateway's multicast domain",))  # fmt: skip
    snapshot, verdicts = context.snapshot, []
    if snapshot is not None and group.interface_id in snapshot.interfaces:
        found = packets(group, context.leaves(group))
        verdicts = [evaluate(snapshot, group.interface_id, packet, reply) for packet, reply in found]
    denied = next((one for one in verdicts if not one.allowed), None)
    steps = {"late": _late, "changed": _changed, "reply": _reply, "mid-stream": _mid_stream, "request": _request}
    found = steps[group.refusal](group, context, verdicts, denied)
    if snapshot is None or verdicts:
        return found
    return replace(found, grounds=tuple(ABSENT if said == NO_SNAPSHOT else said for said in found.grounds))


def _ends(group) -> tuple[str, str]:
    """Return sender and target of the rejected packets."""
    return (group.server, group.client) if group.from_server else (group.client, group.server)


def _ports(*ports: float) -> list[int | None]:
    """Return the ports that differ; None stands for one that the log does not have."""
    return list(dict.fromkeys(None if pd.isna(port) or port < 0 else int(port) for port in ports))


def packets(group, leaves: bool | None) -> list[tuple[Packet, bool]]:
    """Return the packets that stand for the group's rejected ones, each with whether it is a reply. Several where the
    log leaves room: both directions if none is known, the least and greatest port of the clients."""
    # A security group tracks what its own interface let pass: a SYN-ACK whose SYN went another way is new to it.
    answers = group.refusal == "mid-stream" and group.from_server and not group.unasked
    reply = answers or group.refusal in ("reply", "changed", "late")
    icmp = (PONG if group.from_server else PING).get(int(group.protocol))
    return [
        (Packet(way, *_ends(group), int(group.protocol), port, icmp), reply)
        for way in ([True, False] if leaves is None else [leaves])
        for port in (_ports(group.port_low, group.port_high) if group.from_server else _ports(group.server_port))
    ]


def _by_rules(kind: str, verdict: Verdict, *grounds: str, answer: Verdict | None = None) -> Cause:
    """Return the cause that the rules themselves name."""
    ping = verdict.packet.protocol in ICMP
    said = [*grounds, *verdict.grounds, *(["the log has no ICMP type: evaluated as a ping"] if ping else [])]
    said += [f"the answer would be rejected too: {answer.grounds[0]}"] if answer else []
    sure = "medium" if verdict.unknown else "high" if ping else "certain"
    return Cause(kind, verdict.cause, sure, tuple(said), verdict, answer)


def _late(group, context, verdicts, denied) -> Cause:
    said = [f"{_few(group)} after the conversation was accepted both ways"]
    said += ["none of them carries SYN"] if group.flagged else []
    said += ["FIN or RST had closed it"] if group.closed else []
    if denied and denied.acl_allows is False and not group.closed:
        return _by_rules("acl-changed", denied, *said)
    if group.cut:
        return _cut(verdicts, denied, said)
    if group.unclosed == group.sessions:
        return Cause("late-packets", "undetermined", "low", (*said, "no FIN or RST is in the log"))
    said += ["the snapshot's network ACL would let them pass"] if verdicts and not denied else []
    sure = "high" if (group.flagged and group.closed == group.sessions) or verdicts else "medium"
    return Cause("late-packets", "closed-connection", sure, tuple(said))


def _cut(verdicts, denied, said: list[str]) -> Cause:
    """Return that open sessions were cut: nothing closed them, and several stop at one moment."""
    said = (*said, "no FIN or RST had closed it, and other open sessions stop at the same moment", NOT_BY_GROUP)
    said += (REPAIRED,) if verdicts and not denied else ()
    return Cause("acl-changed", "network-acl", "medium", said)


def _changed(group, context, verdicts, denied) -> Cause:
    said = ["the conversation was accepted both ways before", NOT_BY_GROUP]
    said += ["packets were still accepted afterwards"] if group.overlaps else []
    said += ["no FIN or RST had closed it"] if group.unclosed == group.sessions else []
    if denied and denied.acl_allows is False:
        return _by_rules("acl-changed", denied, *said)
    again = _again(group)
    if not group.overlaps and (group.closed == group.sessions or (again and group.unclosed < group.sessions)):
        said = [f"{_few(group)} after the conversation was accepted both ways", *([again] if again else [])]
        if not group.flagged:
            return Cause("late-packets", "undetermined", "low", (*said, "no TCP flags say whether it was closed"))
        sure = "high" if again and group.closed == group.sessions else "medium"
        return Cause("late-packets", "closed-connection", sure, (*said, "a FIN or RST had closed it"))
    if slow := _expired(group, said[:1]):
        return slow
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
    far = group.server if context.leaves(group) else group.client
    if not is_private(far) and group.publics >= STRANGERS and not group.newest > group.first:
        said.append("but flows of a rule for 0.0.0.0/0 are not tracked: its removal cuts them as well, and nobody new"
                    " was accepted afterwards")  # fmt: skip
        asked = packets(group, context.leaves(group)) if verdicts else ()
        anew = (evaluate(context.snapshot, group.interface_id, packet) for packet, _reply in asked)
        if opening := next((one for one in anew if one.groups_allow is False), None):
            return Cause("blocked-client", "security-group", "medium", (*said, *opening.grounds), opening)
        return Cause("blocked-client", "undetermined", "low", tuple(said))
    if verdicts:
        return Cause("acl-changed", "network-acl", "medium", (*said, REPAIRED))
    open_ = group.small < group.sessions and (group.overlaps or (group.flagged and not group.closed))
    sure = "high" if open_ or (group.protocol in ICMP and group.overlaps) else "medium"
    return Cause("acl-changed", "network-acl", sure, tuple(said))


def _again(group) -> str:
    """Return that the client was accepted anew in between or soon after, which a network ACL would have rejected too."""
    if group.between > 0:
        return f"new connections of {group.client} were accepted in between"
    soon = not pd.isna(group.since) and group.since <= group.last + AGAIN
    return f"a new connection of {group.client} was accepted {int(group.since - group.last)} s later" if soon else ""


def _expired(group, said: list[str]) -> Cause | None:
    """Return that answers over UDP came too late, every time: a security group rejects what AWS no longer tracks."""
    if group.protocol != UDP or not group.from_server or not group.idle_least > UDP_IDLE:
        return None
    late = f"the answer came {int(group.idle_least)} s later or more; UDP without one is tracked for {UDP_IDLE} s"
    return Cause("reply-refused", "tracking-expired", "medium", (*said, late))


def _reply(group, context, verdicts, denied) -> Cause:
    way = {True: "outbound", False: "inbound"}.get(context.leaves(group))
    said = [
        f"{group.client}'s packets to {_service(group)} were accepted ({many(group.accepted, 'record')})",
        f"the answer was rejected {way}" if way else "the answer was rejected",
        "a security group does not reject the answer to what it let pass, a network ACL does",
    ]
    if denied:
        return _by_rules("reply-refused", denied, *said)
    if slow := _expired(group, said[:2]):
        return slow
    if verdicts:
        return Cause("reply-refused", "rules-changed", "high", (*said, *verdicts[0].grounds), verdicts[0])
    if group.protocol == UDP and group.idle > UDP_IDLE:
        said.append(f"but once it came {int(group.idle)} s later, when the tracking of idle UDP may have ended")
        return Cause("reply-refused", "network-acl", "medium", tuple(said))
    return Cause("reply-refused", "network-acl", "high", tuple(said))


def _mid_stream(group, context, verdicts, denied) -> Cause:
    met, data = group.own > 0 or group.answers > 0, group.small < group.sessions
    unlogged = not context.accepts and group.from_server and group.sessions >= ANSWERS
    if not (context.accepts or group.flagged or denied) and group.from_server and not (verdicts and data):
        return Cause("reply-refused", "undetermined", "low", (f"{_few(group)} from a service's port", REJECT_ONLY))
    few = _few(group)
    said = [f"{few} with SYN and ACK" if group.syn_acks else f"{few} in mid-stream, without SYN"]
    if group.reopened:
        said += [f"the connection was open, and silent for more than {TCP_IDLE} s"]
    else:
        said += ["no accepted conversation of these ends is in the log"] if context.accepts else [REJECT_ONLY]
    said += [f"{group.client} and {_service(group)} do talk at other times"] if group.own > 0 else []
    if group.cut:
        return _by_rules("acl-changed", denied, *said) if denied else _cut(verdicts, denied, said)
    if group.unasked and not is_private(group.server):
        said.append(f"{group.client} sent no SYN: backscatter of packets that somebody sent with its address")
        return Cause("noise", "undetermined", "medium", tuple(said), denied)
    if group.syn_acks and (denied is None or (group.unasked and denied.acl_allows)):
        said.append("a SYN-ACK answers a SYN that was let pass, at another interface than this one")
        if denied:
            said.append("a security group lets answers pass to what its own interface let pass, and to nothing else")
            return _by_rules("reply-refused", denied, *said)
        return Cause("reply-refused", "rules-changed" if verdicts else "network-acl", "low", tuple(said))
    if unlogged and verdicts and not denied and data and not group.syn_acks:
        said.append("the rules let answers pass whose connection is tracked: tracking may have ended before they came")
        return Cause("reply-refused", "tracking-expired", "low", tuple(said))
    again = _again(group)
    if (group.from_server or again) and (group.flagged or data) and group.reopened == group.sessions and not denied:
        said += [f"its tracking may have ended: {again}" if again else "its tracking may have ended"]
        # A last FIN or keepalive is lost without harm, data is not.
        sure = "medium" if (verdicts or again) and group.flagged else "low"
        kind = "late-packets" if not data else "reply-refused" if group.from_server else "blocked-client"
        return Cause(kind, "tracking-expired", sure, tuple(said))
    if denied and (group.from_server or not met):
        return _by_rules("reply-refused" if group.from_server and (met or unlogged) else "noise", denied, *said)
    kind = "late-packets" if met else "noise"
    if verdicts or (met and group.small):
        return Cause(kind, "closed-connection", "high" if group.flagged and met else "medium", tuple(said))
    return Cause(kind, "undetermined", "low", (*said, NO_SNAPSHOT))


def _request(group, context, verdicts, denied) -> Cause:
    """Return the cause of a rejection from the first packet on: by the rules, or by contrast."""
    said = [f"{many(group.attempts, 'attempt')} of {group.client} on {_service(group)}"]
    goes_on = group.own_first < group.first and group.own_last > group.first + LASTS
    if goes_on and pd.isna(group.since) and not (group.between or denied):
        # A network ACL knows no connections: it would have cut the open one as well.
        said.append(f"an open connection went on for {int(group.own_last - group.first)} s after the first rejection")
        return Cause("blocked-client", "security-group", "high", (*said, NOT_BY_GROUP))
    if group.own > 0:
        before, after = group.own_last < group.first, group.own_first > group.last
        when = pd.Timestamp(int(group.own_last if before else group.own_first if after else 0), unit="s")
        verb = "was accepted until" if before else "is accepted since"
        meanwhile = "it was accepted before, and is again" if group.since > 0 else "it was also accepted meanwhile"
        said.append(f"it {verb} {when:%Y-%m-%d %H:%M} UTC" if before or after else meanwhile)
    if denied:
        return _by_rules("blocked-client", denied, *said, answer=_answer(group, denied, context.snapshot))
    between = group.own > 0 and group.own_first <= group.last and group.own_last >= group.first
    if between and not group.flagged and group.protocol == TCP and group.small == group.sessions and not group.retries:
        said = (f"{_few(group)} of {group.client}, whose conversations with {_service(group)} are accepted",)
        return Cause("late-packets", "closed-connection", "medium", said)
    if len(verdicts) == 1:
        return Cause("blocked-client", "rules-changed", "high", (*said, *verdicts[0].grounds), verdicts[0])
    if verdicts:
        return Cause("blocked-client", "undetermined", "low", tuple(said))
    if not context.accepts:
        return Cause("blocked-client", "undetermined", "low", (said[0], REJECT_ONLY, NO_SNAPSHOT))
    return _by_contrast(group, context, said)


def _answer(group, denied: Verdict, snapshot: Snapshot) -> Verdict | None:
    """Return the verdict on the reply to a rejected request, if the network ACL would deny that too."""
    asked = denied.packet
    back = (not asked.egress, asked.dstaddr, asked.srcaddr, asked.protocol)
    replies = (Packet(*back, port, PONG.get(asked.protocol)) for port in _ports(group.port_low, group.port_high))
    verdicts = (evaluate(snapshot, group.interface_id, packet, reply=True) for packet in replies)
    return next((one for one in verdicts if not one.allowed), None)


def _by_contrast(group, context: Context, said: list[str]) -> Cause:
    """Return what other interfaces and other clients tell of a rejected request."""

    def blocked(by: str, sure: str, *more: str) -> Cause:
        return Cause("blocked-client", by, sure, (*said, *more))

    def refuses(place: str) -> bool:
        return (place, far, group.protocol, group.server_port) in context.refused

    leaves, subnet = context.leaves(group), context.subnets.get(group.interface_id)
    far = group.server if leaves else group.client
    owners, places = context.owners.get(far, set()), [peer["place"] for peer in group.peers]
    said += [f"the client's own interface {place} let it out" for place in places if place in owners and not leaves]
    if group.interface_id in context.transit:
        gateway = "this interface passes on what others send: a NAT or transit gateway has no security group"
        return blocked("network-acl", "low", gateway, NO_SNAPSHOT)
    if subnet and any(context.subnets.get(owner) == subnet for owner in owners):
        return blocked("security-group", "high", f"both ends are in {subnet}, inside which no network ACL is asked")
    during = [peer["place"] for peer in group.peers if peer["first"] <= group.last and peer["last"] >= group.first]
    during = {place: context.subnets.get(place) for place in during if place not in owners and not refuses(place)}
    beside = [place for place, other in during.items() if subnet and other == subnet]
    if beside and not group.own:
        let = f"{beside[0]} in the same {subnet} let the same {'out to' if leaves else 'in from'} {far} then"
        return blocked("security-group", "high", f"{let}, so its network ACL does")
    same = [place for place, other in context.subnets.items() if subnet and other == subnet and refuses(place)]
    elsewhere = [place for place, other in during.items() if subnet and other and other != subnet]
    if len(same) > 1 and elsewhere:
        reject = f"all {len(same)} interfaces of {subnet} that were asked reject it"
        return blocked("network-acl", "medium", f"{reject}, {elsewhere[0]} in another does not")
    if group.others and group.answers and not group.own and not leaves:
        if not is_private(far) and group.publics >= EVERYBODY and group.newest > group.first:
            crowd = f"{group.publics:,} public clients are accepted there: its security group is open to the internet"
            return blocked("network-acl", "medium", f"{crowd}, and it cannot deny one network, as a network ACL does")
        said.append("others are accepted and answered there: a rule tells sources apart")
        if is_private(far):
            return blocked("security-group", "low")
    said.append("a security group or a network ACL: these logs cannot tell which")
    said += ["the field subnet-id would help"] if subnet is None else []
    return blocked("undetermined", "low", NO_SNAPSHOT)


def _few(group) -> str:
    size = f"{round(group.bytes / max(group.packets, 1)):,} bytes"
    return f"{many(group.packets, 'packet')} of {size}" + ("" if group.packets == 1 else " on average")


def _service(group) -> str:
    return group.server + ("" if group.server_port < 0 else f" port {int(group.server_port)}")
