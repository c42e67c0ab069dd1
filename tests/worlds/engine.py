"""Sessions sent packet by packet over the interfaces that they cross, and the flow log that those write.

Sessions do not disturb each other: each is played from its first packet to its last, at its own times.
"""

from bisect import bisect
from dataclasses import dataclass, field
from math import inf

from worlds.rules import ICMP, ICMP6, TCP, UDP, Interface, inside, judge

FIN, SYN, RST, SYNACK = 1, 2, 4, 18
#: Seconds after the first SYN at which Linux sends it again, and after unanswered data.
SYN_BACKOFF = (0.0, 1.03, 3.05, 7.11, 15.3, 31.4, 64.6)
DATA_BACKOFF = (0.4, 1.2, 2.8, 6.0, 12.5, 25.0, 51.0, 102.0)
#: Seconds that a security group remembers an idle UDP flow, a UDP stream, other protocols.
UDP_IDLE, STREAM_IDLE, OTHER_IDLE = 30, 180, 600
#: ICMP types of an echo's reply and request.
ECHO = {ICMP: (0, 8), ICMP6: (129, 128)}


@dataclass(eq=False)
class Session:
    """What a client wants of a server; an endpoint is (its interface or None, its address).

    answer: yes | silent (never answers) | reset (closed port). beats: (seconds after the start, packets and
    bytes of the client, packets and bytes of the server). pushes: seconds at which the server speaks first.
    delay: seconds until the answer. target: endpoint and port behind a Network Load Balancer.
    """

    client: tuple
    server: tuple
    protocol: int
    cport: int
    sport: int
    t0: float
    tag: str | None = None
    answer: str = "yes"
    tries: int = 5
    beats: tuple = ()
    pushes: tuple = ()
    delay: float = 0.02
    close: int = FIN
    late: float = 0.0
    target: tuple | None = None
    nat_port: int = 0
    established: bool = False
    cut: bool = False
    refusals: list = field(default_factory=list)


@dataclass(frozen=True)
class Hop:
    """An interface that a packet of the client crosses, with addresses and ports as it logs them."""

    interface: Interface
    egress: bool
    src: str
    dst: str
    pkt_src: str
    pkt_dst: str
    cport: int
    sport: int
    border: bool = True


@dataclass(eq=False)
class Track:
    """What a security group remembers of a flow."""

    last: float
    forward: bool
    turns: int = 1
    fins: int = 0
    closed: float = inf


@dataclass(eq=False)
class Record:
    """One flow log record; `sessions` are those whose packets it counts, `causes` why it says REJECT."""

    hop: Hop
    forward: bool
    protocol: int
    window: int
    action: str
    packets: int = 0
    bytes: int = 0
    start: float = inf
    end: float = -inf
    flags: int = 0
    sessions: dict = field(default_factory=dict)
    causes: set = field(default_factory=set)


def route(session: Session) -> list[Hop]:
    """The interfaces that a packet of the client crosses, in order; answers cross them the other way.

    An interface logs its primary address in place of another one of its own or one that it only carries
    (NAT gateway, transit gateway, Network Load Balancer, pods):
    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html
    """
    (near, client), (far, server) = session.client, session.server
    cport, sport, found = session.cport, session.sport, []

    def shown(interface, address):
        return address if ":" in address else interface.address

    def add(interface, egress, src, dst, pkt_src=None, pkt_dst=None):
        found.append(Hop(interface, egress, src, dst, pkt_src or src, pkt_dst or dst, cport, sport))

    if near:
        add(near, True, shown(near, client), server, client, server)
    if near and far and near.subnet.vpc is not far.subnet.vpc:
        link = near.subnet.vpc.links[far.subnet.vpc]
        if link != "peering":
            add(link[0], False, client, link[0].address, client, server)
            add(link[1], True, link[1].address, server, client, server)
    outside = near and not far and ":" not in server and not inside(server, near.subnet.vpc.cidr)
    if outside and (nat := near.subnet.nat):
        add(nat, False, client, nat.address, client, server)
        client, cport = nat.address, session.nat_port
        add(nat, True, client, server)
    if session.target:
        add(far, False, client, server)
        (behind, target), sport = session.target
        add(far, True, far.address, target, client, target)
        far, server = behind, target
    if far:
        add(far, False, client, shown(far, server), client, server)
    return _bordered(found)


def _bordered(hops: list[Hop]) -> list[Hop]:
    """`hops`, those marked between which a packet stays in one subnet, where no network ACL is asked."""
    same = set()
    for number, (one, other) in enumerate(zip(hops, hops[1:], strict=False)):
        if one.egress and not other.egress and one.interface.subnet is other.interface.subnet:
            same |= {number, number + 1}
    return [Hop(**(vars(hop) | {"border": n not in same})) for n, hop in enumerate(hops)]


class Engine:
    """Plays sessions and keeps what the interfaces log from `start` to `end`, in windows of `window` seconds."""

    def __init__(self, start, end, window, changes, tcp_idle=350):
        self.start, self.end, self.window, self.tcp_idle = start, end, window, tcp_idle
        self.changes = sorted(changes)
        self.tracks, self.stateless, self.verdicts, self.records = {}, set(), {}, {}

    def play(self, session: Session) -> None:
        """Send all packets of the session."""
        hops = route(session)
        how = {TCP: self._tcp, UDP: self._udp}.get(session.protocol, self._echo)
        how(session, hops)

    def _tcp(self, session, hops) -> None:
        t = session.t0
        for wait in SYN_BACKOFF[: session.tries]:
            if not self.send(session, hops, True, t + wait, 1, 60, SYN):
                continue
            if session.answer == "reset":
                self.send(session, hops, False, t + wait + session.delay, 1, 40, RST)
                return
            if session.answer == "yes" and self.send(session, hops, False, t + wait + session.delay, 1, 60, SYNACK):
                session.established = True
                t += wait + 2 * session.delay
                break
        if not session.established:
            return
        last = t
        steps = [(at, True, *more) for at, *more in session.beats]
        steps += [(at, False, 0, 0, 2, 400) for at in session.pushes]
        for at, asked, cpk, cby, spk, sby in sorted(steps):
            last = max(t + at, last)
            if asked and not self._arrives(session, hops, True, last, cpk, cby):
                return
            if spk and not self._arrives(session, hops, False, last + session.delay, spk, sby):
                return
        last += 3 * session.delay
        if session.close:
            self.send(session, hops, True, last, 1, 52, session.close)
        if session.close == FIN:
            self.send(session, hops, False, last + session.delay, 1, 52, FIN)
            self.send(session, hops, True, last + 2 * session.delay, 1, 52)
        if session.late:
            self.send(session, hops, True, last + session.late, 1, 40, RST)

    def _arrives(self, session, hops, forward, t, packets, size) -> bool:
        """Whether data arrives in the end; refused data is sent again as TCP does."""
        if self.send(session, hops, forward, t, packets, size):
            return True
        again = size // packets
        return any(self.send(session, hops, forward, t + wait, 1, again) for wait in DATA_BACKOFF)

    def _udp(self, session, hops) -> None:
        """Requests, each sent again every 5 s until answered (`tries` in all); answers come `delay` later."""
        for at, cpk, cby, spk, sby in session.beats:
            answered = inf
            for number in range(session.tries):
                t = session.t0 + at + 5.0 * number
                if t > answered:
                    break
                arrived = self.send(session, hops, True, t, cpk, cby)
                replies = arrived and session.answer == "yes" and spk
                if replies and self.send(session, hops, False, t + session.delay, spk, sby):
                    answered = min(answered, t + session.delay)

    def _echo(self, session, hops) -> None:
        if self.send(session, hops, True, session.t0, 1, 84) and session.answer == "yes":
            self.send(session, hops, False, session.t0 + session.delay, 1, 84)

    def send(self, session, hops, forward, t, packets, size, flags=0) -> bool:
        """Whether the packets get over all interfaces; each of these logs what it sees of them."""
        for hop in hops if forward else reversed(hops):
            cause, text = self._refused(session, hop, forward, t, flags, len(hops) > 2)
            self._log(session, hop, forward, t, packets, size, flags, cause)
            if cause:
                session.refusals.append((t, hop.interface, forward, cause, text))
                session.cut |= session.established and cause != "closed-connection"
                return False
        return True

    def _refused(self, session, hop, forward, t, flags, carried) -> tuple:
        """Why the interface refuses the packet, and by which rule; (None, "") where it lets it pass.

        Groups keep state, network ACLs do not. A flow over a NAT gateway, a Network Load Balancer or a
        transit gateway (`carried`) always has state.
        """
        egress = hop.egress == forward
        port = hop.sport if forward else hop.cport
        if session.protocol in ECHO:
            port = ECHO[session.protocol][forward]
        far = hop.pkt_dst if hop.egress else hop.pkt_src
        verdict = self._verdict(hop, egress, far, session.protocol, port, t)
        key = (hop.interface, hop.pkt_src, hop.pkt_dst, hop.cport, hop.sport, session.protocol)
        track = self.tracks.get(key)
        if track and flags == SYN and t > track.closed:
            track = self.tracks.pop(key) and None
        if track and t > track.closed + 2:
            return "closed-connection", ""
        idle = self._idle(session.protocol, track, hop.interface.timeouts)
        tracked = track is not None and t - track.last <= idle
        groups = verdict.groups or tracked
        if groups and (egress or verdict.acl):
            if not tracked and verdict.untracked and not carried:
                self.stateless.add(key)
            elif key not in self.stateless:
                self._remember(key, track if tracked else None, t, forward, flags)
        if groups and verdict.acl:
            return None, ""
        if not groups and track is not None and verdict.acl:
            return "tracking-expired", verdict.lacking
        words = (("security-group", groups, verdict.lacking), ("network-acl", verdict.acl, verdict.denying))
        refusing = [(word, text) for word, passes, text in words if not passes]
        return "-and-".join(w for w, _ in refusing), " + ".join(text for _, text in refusing)

    def _verdict(self, hop, egress, far, protocol, port, t):
        key = (hop.interface, egress, far, protocol, port, hop.border, bisect(self.changes, t))
        if key not in self.verdicts:
            self.verdicts[key] = judge(hop.interface, egress, far, protocol, port, t, hop.border)
        return self.verdicts[key]

    def _idle(self, protocol, track, timeouts) -> float:
        if protocol == UDP:
            return STREAM_IDLE if track and track.turns > 2 else timeouts.get(UDP, UDP_IDLE)
        return timeouts.get(TCP, self.tcp_idle) if protocol == TCP else OTHER_IDLE

    def _remember(self, key, track, t, forward, flags) -> None:
        if track is None:
            track = self.tracks[key] = Track(t, forward)
        track.turns += track.forward != forward
        track.last, track.forward = t, forward
        track.fins += flags == FIN
        if flags == RST or track.fins == 2:
            track.closed = min(track.closed, t)

    def _log(self, session, hop, forward, t, packets, size, flags, cause) -> None:
        if not self.start <= t < self.end:
            return
        action = "REJECT" if cause else "ACCEPT"
        window = int((t - hop.interface.phase) // self.window)
        key = (hop, forward, session.protocol, window, action)
        record = self.records.get(key)
        if record is None:
            record = self.records[key] = Record(hop, forward, session.protocol, window, action)
        record.packets += packets
        record.bytes += size
        record.start, record.end = min(record.start, t), max(record.end, t)
        record.flags |= flags
        record.sessions[session] = None
        if cause:
            record.causes.add(cause)
