"""Why a group of refused conversations was refused, how sure that is, and whether its client is wanted.

The evidence is asked in this order: the log's reject-reason; late packets; a network ACL that changed in
mid-session; a refused reply; then the snapshot's rules, or without one the contrast with what other interfaces
let in. Security groups are stateful and network ACLs are not, so some refusals can only be an ACL's:
https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html
"""

import re
from dataclasses import dataclass, field, replace

import pandas as pd

from flowkit.analysis.evaluate import Packet, Verdict, evaluate
from flowkit.analysis.network import ICMP, Snapshot
from flowkit.analysis.refusals import PRIVATE

CONTROLS = {"BPA": "block-public-access", "EC": "encryption-control"}
#: Seconds that AWS tracks idle UDP, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/
#: security-group-connection-tracking.html; a later answer may be refused by a security group too.
UDP_IDLE = 30
UNTOLD = "a network snapshot would tell (`flowkit snapshot`)"


@dataclass(frozen=True)
class Cause:
    """Why a group was refused: DESIGN's words, sentences, and the snapshot's verdict where there is one.

    `answer`: its verdict on the reply to a refused request, if that would be refused too.
    """

    kind: str
    cause: str
    confidence: str
    grounds: tuple[str, ...] = ()
    verdict: Verdict | None = None
    answer: Verdict | None = None


@dataclass(frozen=True)
class Surroundings:
    """What the ladder may ask besides the group itself.

    `owners`: address → interfaces that have it; `subnets`: interface → subnet; `refused`: (interface,
    far address, protocol, port) of every request group; `accepts`: whether the log has any ACCEPT.
    """

    owners: dict[str, set[str]] = field(default_factory=dict)
    subnets: dict[str, str] = field(default_factory=dict)
    refused: set[tuple] = field(default_factory=set)
    accepts: bool = True
    snapshot: Snapshot | None = None

    def egress(self, group) -> bool | None:
        """Whether the group's refused packets leave the interface; None where nothing says so."""
        logged = None if group.egress is None or pd.isna(group.egress) else bool(group.egress)
        if self.snapshot is None and logged is not None:
            return logged
        sender, target = _ends(group)
        out, into = (group.interface_id in self.owners.get(end, ()) for end in (sender, target))
        return out if out != into else logged


def cause(group, around: Surroundings) -> Cause:
    """Why `group`, a row of `refusals` joined with `contrasts`, was refused."""
    verdicts = _verdicts(group, around)
    return {
        "control": _control,
        "late": _late,
        "changed": _changed,
        "reply": _reply,
        "stray": _stray,
        "request": _request,
    }[group.fate](group, around, verdicts)


def _ends(group) -> tuple[str, str]:
    """Sender and target of the refused packets."""
    return (group.server, group.client) if group.from_server else (group.client, group.server)


def _verdicts(group, around: Surroundings) -> list[Verdict]:
    """What the snapshot's rules say of the refused packets; several where the log leaves room."""
    snapshot = around.snapshot
    if snapshot is None or group.interface_id not in snapshot.interfaces or group.fate == "control":
        return []
    sender, target = _ends(group)
    reply = group.fate in ("reply", "changed", "late") or (group.fate == "stray" and group.from_server)
    egress = around.egress(group)
    ports = [group.low, group.high] if group.from_server else [group.server_port]
    ports = [None if pd.isna(port) or port < 0 else int(port) for port in ports]
    icmp = None
    if group.protocol in ICMP:
        asked, answered = ((8, 0), (0, 0)) if group.protocol == 1 else ((128, 0), (129, 0))
        icmp = answered if group.from_server else asked
    return [
        evaluate(
            snapshot, group.interface_id, Packet(way, sender, target, int(group.protocol), port, icmp), reply
        )
        for way in ([True, False] if egress is None else [egress])
        for port in dict.fromkeys(ports)
    ]


def _refusing(verdicts: list[Verdict]) -> Verdict | None:
    return next((verdict for verdict in verdicts if not verdict.allowed), None)


def _by_rules(kind: str, verdict: Verdict, *grounds: str) -> Cause:
    """The cause that the rules themselves name."""
    unsure = verdict.unknown or verdict.packet.protocol in ICMP
    said = (*grounds, *verdict.grounds)
    if verdict.packet.protocol in ICMP:
        said += ("the log has no ICMP type: judged as a ping",)
    return Cause(
        kind, verdict.cause, "medium" if verdict.unknown else "high" if unsure else "certain", said, verdict
    )


def _control(group, around, verdicts) -> Cause:
    word = CONTROLS.get(group.reject_reason, "undetermined")
    sure = "certain" if group.reject_reason in CONTROLS else "low"
    return Cause("service-control", word, sure, (f"the log's reject-reason is {group.reject_reason}",))


def _late(group, around, verdicts) -> Cause:
    said = [f"{_few(group)} after the conversation was accepted both ways"]
    if group.flagged:
        said.append("none of them carries SYN")
    if group.closed:
        said.append("FIN or RST had closed it")
    refusing = _refusing(verdicts)
    if refusing and refusing.acl_allows is False and not group.closed:
        return _by_rules("acl-changed", refusing, *said)
    sure = "high" if (group.flagged and group.closed == group.sessions) or verdicts else "medium"
    if verdicts and not refusing:
        said.append("the snapshot's network ACL would let them pass")
    return Cause("late-packets", "closed-connection", sure, tuple(said))


def _changed(group, around, verdicts) -> Cause:
    said = [
        "the conversation was accepted both ways before",
        "a security group's change does not cut a tracked connection",
    ]
    if group.overlaps:
        said.append("it was still accepted the other way afterwards")
    if group.flagged and not group.closed:
        said.append("no FIN or RST had closed it")
    refusing = _refusing(verdicts)
    if refusing and refusing.acl_allows is False:
        return _by_rules("acl-changed", refusing, *said)
    big = group.small < group.sessions
    sure = "high" if big and (group.overlaps or (group.flagged and not group.closed)) else "medium"
    if group.protocol in ICMP and group.overlaps:
        sure = "high"
    if verdicts:
        said.append("the snapshot's rules let it pass: changed back since, or not yet taken then")
        sure = "medium"
    return Cause("acl-changed", "network-acl", sure, tuple(said))


def _reply(group, around, verdicts) -> Cause:
    way = {True: "on its way out", False: "on its way in", None: "on its way"}[around.egress(group)]
    said = [
        f"{group.client}'s packets to {_service(group)} were accepted ({group.accepted:,} records)",
        f"the answer was refused {way}",
        "a security group does not refuse the answer to what it let pass, a network ACL does",
    ]
    refusing = _refusing(verdicts)
    if refusing:
        return _by_rules("reply-refused", refusing, *said)
    if verdicts:
        return Cause("reply-refused", "rules-changed", "high", (*said, *verdicts[0].grounds), verdicts[0])
    idle = group.protocol == 17 and group.idle > UDP_IDLE
    if idle:
        said.append(f"but it came {int(group.idle)} s later, when the tracking of idle UDP may have ended")
    return Cause("reply-refused", "network-acl", "medium" if idle else "high", tuple(said))


def _stray(group, around, verdicts) -> Cause:
    met = group.own > 0 or group.answers > 0
    said = [f"{_few(group)} that begin nothing", "no accepted conversation of these endpoints is in the log"]
    if met:
        said.append(f"{group.client} and {_service(group)} do talk at other times")
    refusing = _refusing(verdicts)
    if refusing and (group.from_server or not met):
        kind = "reply-refused" if group.from_server and met else "noise"
        return _by_rules(kind, refusing, *said)
    if verdicts or (met and group.small):
        sure = "high" if group.flagged and met else "medium"
        return Cause("late-packets" if met else "noise", "closed-connection", sure, tuple(said))
    return Cause("late-packets" if met else "noise", "undetermined", "low", (*said, UNTOLD))


def _request(group, around, verdicts) -> Cause:
    """A refusal from the first packet on: by the rules, or by contrast."""
    said = [
        f"{group.sessions:,} attempt{'s' if group.sessions > 1 else ''} of {group.client} on {_service(group)}"
    ]
    changed = _history(group)
    between = group.own > 0 and group.own_first <= group.last and group.own_last >= group.first
    unseen = not group.flagged and group.protocol == 6 and group.small == group.sessions and not group.retries
    refusing = _refusing(verdicts)
    if refusing:
        answer = _answer(group, refusing, around.snapshot)
        found = _by_rules("blocked-client", refusing, *said, *changed)
        too = (f"the answer would be refused too: {answer.grounds[0]}",) if answer else ()
        return replace(found, grounds=found.grounds + too, answer=answer)
    if between and unseen:
        said = (f"{_few(group)} of {group.client}, whose conversations with {_service(group)} are accepted",)
        return Cause("late-packets", "closed-connection", "medium", said)
    if verdicts:
        found = Cause(
            "blocked-client", "rules-changed", "high", (*said, *changed, *verdicts[0].grounds), verdicts[0]
        )
        return (
            found if len(verdicts) == 1 else Cause("blocked-client", "undetermined", "low", (*said, *changed))
        )
    if not around.accepts:
        return Cause("blocked-client", "undetermined", "low", (*said, REJECT_ONLY, UNTOLD))
    return _by_contrast(group, around, [*said, *changed])


#: What is lost when a flow log has no ACCEPT records.
REJECT_ONLY = (
    "the log holds refusals only, so that there is nothing to compare with: a log of ALL traffic would tell"
)


def _answer(group, refused: Verdict, snapshot: Snapshot) -> Verdict | None:
    """The verdict on the reply to a refused request, if the network ACL would refuse that too."""
    packet = refused.packet
    icmp = packet.icmp and ((0, 0) if packet.protocol == 1 else (129, 0))
    for port in dict.fromkeys(None if port < 0 else int(port) for port in (group.low, group.high)):
        back = Packet(not packet.egress, packet.dstaddr, packet.srcaddr, packet.protocol, port, icmp)
        verdict = evaluate(snapshot, group.interface_id, back, reply=True)
        if not verdict.allowed:
            return verdict
    return None


def _by_contrast(group, around: Surroundings, said: list[str]) -> Cause:
    """What other interfaces and other clients tell of a refused request."""
    leaves = around.egress(group)
    far, near = (group.server, group.client) if leaves else (group.client, group.server)
    subnet = around.subnets.get(group.interface_id)
    verb = "out to" if leaves else "in from"
    service = (group.protocol, group.server_port)
    owners = around.owners.get(far, set())
    if owners:
        out = [place for place, *_ in group.peers if place in owners]
        said += [f"the client's own interface {place} let it out" for place in out if not leaves]
    if subnet and any(around.subnets.get(owner) == subnet for owner in owners):
        said.append(f"both ends are in {subnet}, inside which no network ACL is asked")
        return Cause("blocked-client", "security-group", "high", tuple(said))
    during = [
        (place, around.subnets.get(place))
        for place, _, first, last in group.peers
        if place not in owners and first <= group.last and last >= group.first
        and (place, far, *service) not in around.refused
    ]  # fmt: skip
    beside = [place for place, other in during if subnet and other == subnet]
    if beside and not group.own:
        said.append(
            f"{beside[0]} in the same {subnet} let the same {verb} {far} at that time, so its network ACL does"
        )
        return Cause("blocked-client", "security-group", "high", tuple(said))
    same = [
        place
        for place, other in around.subnets.items()
        if other == subnet and subnet and (place, far, *service) in around.refused
    ]
    elsewhere = [place for place, other in during if subnet and other and other != subnet]
    if len(same) > 1 and elsewhere:
        said.append(
            f"all {len(same)} interfaces of {subnet} that were asked refuse it, {elsewhere[0]} in another does not"
        )
        return Cause("blocked-client", "network-acl", "medium", tuple(said))
    if group.others and group.answers and not group.own:
        said.append(
            f"others are let {'out' if leaves else 'in'} and answered there: a rule tells sources apart"
        )
        return Cause("blocked-client", "security-group", "medium", tuple(said))
    said.append("a security group or a network ACL: these logs cannot tell which")
    if subnet is None:
        said.append("the field subnet-id would help")
    return Cause("blocked-client", "undetermined", "low", (*said, UNTOLD))


def _history(group) -> list[str]:
    """Whether the client was let in at another time."""
    if not group.own:
        return []
    if group.own_last < group.first:
        return [f"it was let in until {_time(group.own_last)}"]
    if group.own_first > group.last:
        return [f"it is let in since {_time(group.own_first)}"]
    return ["it was also let in meanwhile"]


def _time(seconds: float) -> str:
    return f"{pd.Timestamp(int(seconds), unit='s', tz='UTC'):%Y-%m-%d %H:%M} UTC"


def _few(group) -> str:
    size = round(group.bytes / group.packets) if group.packets else 0
    if group.packets == 1:
        return f"1 packet of {size:,} bytes"
    return f"{group.packets:,} packets of {size:,} bytes on average"


def _service(group) -> str:
    port = "" if pd.isna(group.server_port) else f" port {int(group.server_port)}"
    return f"{group.server}{port}"


def own_client(group) -> bool:
    """Whether the client is the interface's own host."""
    return group.way is not None and bool(group.way) != bool(group.from_server)


def wanted(group, scanner: bool, fan_out: int) -> dict[str, int]:
    """The points for and against "wanted, but refused": reason → points, only those that apply.

    `scanner`: whether the random walk says so; `fan_out`: targets from which on a client is taken for one.
    """
    private = bool(re.search(PRIVATE, group.client))
    points = {
        "own host, on its way out": 3 * own_client(group),
        "private client": 2 * private,
        "client is accepted elsewhere": 2 * (group.known > 0),
        "others are answered there": 2 * bool(group.others and group.answers),
        "retransmits as a real stack does": 1 * (2 * group.retries >= group.sessions),
        "keeps trying": 2 * (group.spells >= 12) or 1 * (group.spells >= 3),
        "scanner by random walk": -4 * scanner,
        "many targets": -3 * (group.targets >= fan_out),
        "single tiny packets": -2 * (group.tiny == group.sessions),
        "stranger, and nobody is served there": -1 * (not private and not group.others),
    }
    return {reason: int(value) for reason, value in points.items() if value}
