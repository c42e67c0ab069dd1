"""The planted incidents: each changes the shop's rules, adds conversations, and says what is true of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from shop import ANY4, Shop
from traffic import ICMP, TCP, UDP, Clock, conversations, draw, strangers, tcp_sizes

HIGH = (1024, 65535)
LISTENERS = [23, 25, 445, 1433, 2323, 5555, 5900, 6379, 8080, 8081, 8443, 9000, 37215, 60001]


@dataclass
class Planted:
    """One incident: its line of truth.json and its conversations.

    `ordinary`: traffic that belongs to the scene and that nothing refuses. `counted`: which of the incident's
    rows at `interface_id` the truth counts, "REJECT" or "all". `undo` takes from a snapshot what came into
    force only at the clock's moment of change.
    """

    truth: dict
    parts: list
    counted: str = "REJECT"
    ordinary: list = field(default_factory=list)
    undo: Callable | None = None


def _truth(kind, note, interface=None, src=None, dst=None, port=None, cause=None, rule=None) -> dict:
    seen = ("exposed-service", "accepted-silent", "accepted-reset")
    made = {"kind": kind, "notebook": "reachability" if kind in seen else "rejected", "finding": True}
    made |= {"interface_id": interface.id if interface else None, "srcaddr": src}
    made |= {"dstaddr": dst or (interface.address if interface else None), "protocol": TCP, "dstport": port}
    return made | {"cause": cause, "rule": rule, "note": note}


def _acl(shop: Shop, tier: str) -> str:
    return shop.acls[tier]["NetworkAclId"]


def _moments(clock: Clock, rng, first: float, last: float, low: float, high: float) -> np.ndarray:
    """Moments `low` to `high` seconds apart from one share of the window to another."""
    begin, stop = clock.at(first), clock.at(last)
    t0 = begin + np.cumsum(rng.uniform(low, high, int((stop - begin) / low) + 1))
    return t0[t0 < stop]


def missing_rule(shop: Shop, clock: Clock, rng) -> Planted:
    """The database group lets in one of two application hosts on the cache's port."""
    known, refused = (shop.interfaces[n] for n in rng.permutation(["app-1", "app-2"]))
    server, port = shop.interfaces["db-1"], int(rng.choice([6379, 11211, 6380]))
    known.groups = (*known.groups, "cache-client")
    shop.permit("database", "tcp", port, from_group="cache-client")
    shop.entry("database", 115, shop.tier_cidr("app"), "tcp", (port,))
    good = clock.moments(rng, 160)
    bad = _moments(clock, rng, rng.uniform(0.05, 0.15), 0.97, 180, 600)
    common = {"server": server.address, "sport": port, "rtt": 0.001}
    sizes = tcp_sizes(rng, len(good), 500, 3000)
    answered = conversations(rng, good, client=known.address, dur=rng.uniform(0.1, 20, len(good)), **common)
    truth = _truth(
        "blocked-client",
        f"{refused.name} is refused on {port} of {server.name}: shop-database admits shop-cache-client only",
        server,
        refused.address,
        port=port,
        cause="security-group",
        rule=shop.groups["database"]["GroupId"],
    )
    part = conversations(rng, bad, client=refused.address, **common)
    return Planted(truth, [part], ordinary=[answered.assign(**sizes)])


def own_egress(shop: Shop, clock: Clock, rng) -> Planted:
    """A database host looks for updates, which neither its group nor its subnet's ACL lets out."""
    client, server = shop.interfaces[rng.choice(["db-1", "db-2"])], draw(rng, shop.places["mirror"], 1)[0]
    t0 = _moments(clock, rng, 0.03, 0.97, 600, 1400)
    part = conversations(rng, t0, client=client.address, server=server, sport=443)
    truth = _truth(
        "blocked-client",
        f"{client.name} looks for updates at {server}: refused on its way out by its group and its subnet's ACL",
        client,
        client.address,
        server,
        443,
        "security-group-and-network-acl",
        f"{shop.groups['database']['GroupId']} + {_acl(shop, 'database')}:egress:32767",
    )
    return Planted(truth, [part])


def acl_outbound(shop: Shop, clock: Clock, rng) -> Planted:
    """The public network ACL refuses the replies to one range of customers."""
    number, place = int(rng.choice([60, 70, 80])), shop.places["clients"]
    server = shop.interfaces[shop.fronts[1]]
    shop.entry("public", number, place, "tcp", HIGH, egress=True, deny=True)
    t0 = _moments(clock, rng, 0.04, 0.96, 300, 1500)
    part = conversations(rng, t0, client=draw(rng, place, len(t0)), server=server.address, sport=443, rtt=0.05, tries=5)
    note = f"requests from {place} are let in, the replies are refused on their way out by entry {number}"
    rule = f"{_acl(shop, 'public')}:egress:{number}"
    truth = _truth("reply-refused", note, server, place, port=443, cause="network-acl", rule=rule)
    return Planted(truth, [part])


def acl_inbound(shop: Shop, clock: Clock, rng) -> Planted:
    """The application's network ACL lets replies in only to Windows' ephemeral ports; the hosts run Linux."""
    place, client = shop.places["provider"], shop.interfaces[rng.choice(["app-1", "app-2"])]
    shop.entry("app", 140, place, "tcp", (49152, 65535))
    t0 = _moments(clock, rng, 0.03, 0.97, 150, 700)
    server = draw(rng, place, 1)[0]
    part = conversations(
        rng,
        t0,
        client=client.address,
        server=server,
        sport=443,
        dur=rng.uniform(0.4, 3, len(t0)),
        rtt=0.04,
        through="nat",
        **tcp_sizes(rng, len(t0), 1500, 2500),
    )
    note = f"replies of {server} to ports below 49152 are refused on their way in: entry 140 admits 49152-65535"
    rule = f"{_acl(shop, 'app')}:ingress:32767"
    truth = _truth("reply-refused", note, client, client.address, server, 443, "network-acl", rule)
    return Planted(truth, [part])


def acl_changed(shop: Shop, clock: Clock, rng) -> Planted:
    """A partner is shut out by a new entry while its sessions are open."""
    place, server = shop.places["partner"], shop.interfaces[shop.fronts[1]]
    number, moment = int(rng.choice([40, 50])), clock.change
    entry = shop.entry("public", number, place, "tcp", (443,), deny=True)
    live = moment - rng.uniform(240, 1500, 7)
    dur = moment - live + rng.uniform(900, 2400, 7)
    packets = (dur / rng.uniform(1.5, 4, 7)).astype(int)
    common = {"server": server.address, "sport": 443, "rtt": 0.03}
    sizes = {"cpk": packets, "cby": packets * 180, "spk": packets, "sby": packets * 420}
    others = _moments(clock, rng, 0.02, 0.97, 600, 2400)
    parts = [
        conversations(rng, live, client=draw(rng, place, 7), dur=dur, **common, **sizes),
        conversations(rng, others, client=draw(rng, place, len(others)), dur=20.0, **common),
    ]

    def undo(network: dict) -> None:
        for acl in network["describe-network-acls.json"]["NetworkAcls"]:
            acl["Entries"] = [e for e in acl["Entries"] if e != entry]

    note = f"entry {number} shuts {place} out in the middle of 7 live sessions; the snapshot is of after that"
    rule = f"{_acl(shop, 'public')}:ingress:{number}"
    truth = _truth("acl-changed", note, server, place, port=443, cause="network-acl", rule=rule)
    return Planted(truth, parts, undo=undo)


def rule_fixed(shop: Shop, clock: Clock, rng) -> Planted:
    """A missing rule that was added in the middle: the snapshot lets in what the logs show refused."""
    client, server = shop.interfaces[rng.choice(["web-1", "web-2"])], shop.interfaces["app-1"]
    shop.permit("app", "tcp", 9443, from_group="web")
    t0 = _moments(clock, rng, 0.05, 0.95, 200, 600)
    part = conversations(rng, t0, client=client.address, server=server.address, sport=9443, dur=2.0)

    def undo(network: dict) -> None:
        for group in network["describe-security-groups.json"]["SecurityGroups"]:
            rules = group["IpPermissions"]
            group["IpPermissions"] = [rule for rule in rules if rule.get("FromPort") != 9443]

    note = f"{client.name} was refused on 9443 of {server.name} until the group's rule was added"
    rule = shop.groups["app"]["GroupId"]
    truth = _truth("blocked-client", note, server, client.address, port=9443, cause="rules-changed", rule=rule)
    return Planted(truth, [part], undo=undo)


def late_packets(shop: Shop, clock: Clock, rng) -> Planted:
    """Phones whose last packets arrive after the connection was closed."""
    place, server = shop.places["carrier"], shop.interfaces[shop.fronts[0]]
    t0 = _moments(clock, rng, 0.02, 0.95, 300, 1800)
    part = conversations(
        rng,
        t0,
        client=draw(rng, place, len(t0)),
        server=server.address,
        sport=443,
        dur=rng.uniform(1, 40, len(t0)),
        rtt=0.12,
        close=rng.choice([1, 1, 4], len(t0)),
        late=rng.integers(1, 3, len(t0)),
        **tcp_sizes(rng, len(t0), 900, 12000),
    )
    note = "packets that arrive after the connection was closed by FIN or RST: nothing is blocked"
    truth = _truth("late-packets", note, server, place, port=443, cause="closed-connection")
    return Planted(truth, [part])


def scanner(shop: Shop, clock: Clock, rng) -> Planted:
    """One stranger tries many ports of every public address."""
    targets = [shop.interfaces[n].address for n in ("bastion", "lb-a", "lb-b")]
    source = strangers(rng, 1)[0]
    ports = np.unique(np.r_[rng.integers(1, 10000, 45), [21, 22, 23, 80, 443, 445, 3306, 3389, 5432, 8080]])
    order = rng.permutation(len(targets) * len(ports))
    t0 = clock.at(rng.uniform(0.2, 0.8)) + np.cumsum(rng.exponential(5, len(order)))
    part = conversations(
        rng,
        t0,
        client=source,
        server=np.repeat(np.array(targets, dtype=object), len(ports))[order],
        sport=np.tile(ports, len(targets))[order],
        dur=0.2,
        cpk=2,
        cby=80,
        spk=1,
        sby=44,
        close=4,
        tries=1,
    )
    note = f"{source} tries {len(ports)} ports of bastion, lb-a and lb-b, one packet each"
    return Planted(_truth("scan", note, src=source), [part])


def noise(shop: Shop, clock: Clock, rng) -> Planted:
    """Strangers who send one packet each and are never seen again."""
    count = max(30, round(220 * clock.seconds / 86400))
    names = rng.choice(["bastion", "lb-a", "lb-b", "nat"], count, p=[0.34, 0.31, 0.3, 0.05])
    protocol = rng.choice([TCP, UDP, ICMP], count, p=[0.86, 0.1, 0.04])
    ports = rng.choice([53, 123, 161, 1900, 5060, 11211], count)
    ports = np.where(protocol == TCP, rng.choice(LISTENERS, count), ports)
    icmp = protocol == ICMP
    part = conversations(
        rng,
        np.sort(clock.at(0.01) + rng.uniform(0, 0.97, count) * clock.seconds),
        client=strangers(rng, count),
        cport=np.where(icmp, 0, rng.integers(1024, 65536, count)),
        server=np.array([shop.interfaces[n].address for n in names], dtype=object),
        sport=np.where(icmp, 0, ports),
        protocol=protocol,
        icmp_type=np.where(icmp, 8, -1),
        mode="silent",
        dur=0.0,
        cpk=1,
        cby=np.where(protocol == TCP, 40, rng.integers(29, 120, count)),
        tries=1,
    )
    note = f"{count} strangers, one packet each; the NAT gateway's interface accepts some and drops them"
    return Planted(_truth("noise", note) | {"protocol": None}, [part])


def exposed_admin(shop: Shop, clock: Clock, rng) -> Planted:
    """The bastion answers the whole internet on an admin port."""
    port, server = int(rng.choice([22, 3389])), shop.interfaces["bastion"]
    shop.permit("bastion", "tcp", port, cidr=ANY4)
    t0 = _moments(clock, rng, 0.02, 0.98, 120, 1200)
    packets = rng.integers(8, 24, len(t0))
    part = conversations(
        rng,
        t0,
        client=rng.choice(strangers(rng, 9), len(t0)),
        server=server.address,
        sport=port,
        dur=rng.uniform(1, 5, len(t0)),
        rtt=0.09,
        cpk=packets,
        cby=packets * 95,
        spk=packets,
        sby=packets * 130,
    )
    note = f"strangers get answers from bastion on {port}: shop-bastion admits 0.0.0.0/0"
    truth = _truth("exposed-service", note, server, ANY4, port=port, rule=shop.groups["bastion"]["GroupId"])
    return Planted(truth, [part], "all")


def silent_service(shop: Shop, clock: Clock, rng) -> Planted:
    """A metrics port that every rule allows, behind a host firewall that drops."""
    port, client = int(rng.choice([9100, 9273, 8125])), shop.interfaces["bastion"]
    server = shop.interfaces[rng.choice(["web-1", "web-2"])]
    shop.permit("web", "tcp", port, from_group="bastion")
    t0 = np.arange(clock.at(0.03), clock.at(0.97), 300.0)
    common = {"client": client.address, "server": server.address, "sport": port}
    part = conversations(rng, t0, mode="silent", tries=4, **common)
    note = f"{server.name} accepts {port} from bastion and never answers"
    truth = _truth("accepted-silent", note, server, client.address, port=port)
    return Planted(truth, [part], "all")


def reset_port(shop: Shop, clock: Clock, rng) -> Planted:
    """An exporter that is not running: the host answers with resets."""
    port, server = int(rng.choice([9187, 9216])), shop.interfaces["db-2"]
    client = shop.interfaces[rng.choice(["app-1", "app-2"])]
    shop.permit("database", "tcp", port, from_group="app")
    shop.entry("database", 117, shop.tier_cidr("app"), "tcp", (port,))
    t0 = _moments(clock, rng, 0.03, 0.97, 240, 480)
    common = {"client": client.address, "server": server.address, "sport": port}
    part = conversations(rng, t0, mode="reset", rtt=0.002, **common)
    note = f"{server.name} answers {client.name} on {port} with resets: nothing listens"
    truth = _truth("accepted-reset", note, server, client.address, port=port)
    return Planted(truth, [part], "all")


#: Id -> what plants it: incidents of rules and traffic (the gaps are in gaps.py).
TRAFFIC = {
    "missing-rule": missing_rule,
    "own-egress": own_egress,
    "acl-outbound": acl_outbound,
    "acl-inbound": acl_inbound,
    "acl-changed": acl_changed,
    "late-packets": late_packets,
    "scanner": scanner,
    "noise": noise,
    "exposed-admin": exposed_admin,
    "silent-service": silent_service,
    "reset-port": reset_port,
}
#: Planted only when asked for by name.
EXTRA = {"rule-fixed": rule_fixed}


def tagged(planted: dict) -> list[pd.DataFrame]:
    """The conversations of all planted incidents, marked with their incident's id."""
    parts = [part.assign(incident=name) for name, made in planted.items() for part in made.parts]
    return parts + [part for made in planted.values() for part in made.ordinary]
