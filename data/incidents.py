"""The planted incidents: each changes the shop's rules, adds conversations, and says what is true of it."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from shop import ANY4, Shop
from traffic import ICMP, TCP, UDP, Clock, conversations, draw, strangers, tcp_sizes

HIGH = (1024, 65535)


@dataclass
class Planted:
    """One incident: its conversations and its line of truth.json.

    `counted`: which of its rows at `interface_id` the truth counts: "REJECT" or "all".
    `change`: moment and ACL entry (tier, number, egress) that came into force in the middle of the window.
    """

    truth: dict
    parts: list = field(default_factory=list)
    counted: str = "all"
    change: tuple | None = None


def moments_between(clock: Clock, rng, first: float, last: float, low: float, high: float) -> np.ndarray:
    """Moments `low` to `high` seconds apart from one share of the window to another."""
    begin, stop = clock.at(first), clock.at(last)
    t0 = begin + np.cumsum(rng.uniform(low, high, int((stop - begin) / low) + 1))
    return t0[t0 < stop]


def _truth(
    kind, notebook, note, interface=None, src=None, dst=None, port=None, protocol=TCP, cause=None, **more
):
    made = {"kind": kind, "notebook": notebook, "finding": True, "interface_id": interface and interface.id}
    made |= {
        "srcaddr": src,
        "dstaddr": dst,
        "protocol": protocol,
        "dstport": port,
        "cause": cause,
        "note": note,
    }
    return made | more


def missing_rule(shop: Shop, clock: Clock, rng) -> Planted:
    """The database group lets in one of two application hosts on the cache's port."""
    known, refused = (shop.interfaces[n] for n in rng.permutation(["app-1", "app-2"]))
    server = shop.interfaces["db-1"]
    port = int(rng.choice([6379, 11211, 9200, 27017]))
    known.groups = (*known.groups, "cache-client")
    shop.permit("database", "tcp", port, from_group="cache-client")
    shop.entry("database", 115, shop.tier_cidr("app"), "tcp", (port,))
    good = clock.moments(rng, 160)
    bad = moments_between(clock, rng, rng.uniform(0.05, 0.15), 0.97, 180, 600)
    common = {"server": server.address, "sport": port, "rtt": 0.001}
    parts = [
        conversations(rng, good, client=known.address, dur=rng.uniform(0.1, 20, len(good)), **common)
        .assign(**tcp_sizes(rng, len(good), 500, 3000)),
        conversations(rng, bad, client=refused.address, **common),
    ]  # fmt: skip
    note = (
        f"{refused.name} is refused on {port} of {server.name}: shop-database admits only shop-cache-client"
    )
    truth = _truth(
        "blocked-client",
        "rejected",
        note,
        server,
        refused.address,
        server.address,
        port,
        cause="security-group",
    )
    return Planted(truth | {"rule": shop.groups["database"]["GroupId"]}, parts, "REJECT")


def acl_outbound(shop: Shop, clock: Clock, rng) -> Planted:
    """The public network ACL refuses the replies to one range of customers."""
    number = int(rng.choice([60, 70, 80]))
    place, server = shop.places["clients"], shop.interfaces[rng.choice(["lb-a", "lb-b"])]
    shop.entry("public", number, place, "tcp", HIGH, egress=True, deny=True)
    t0 = moments_between(clock, rng, 0.04, 0.96, 300, 1500)
    client = draw(rng, place, len(t0))
    part = conversations(rng, t0, client=client, server=server.address, sport=443, rtt=0.05, tries=5)
    note = f"requests from {place} are let in, the replies are refused on their way out by entry {number}"
    truth = _truth("reply-refused", "rejected", note, server, place, server.address, 443, cause="network-acl")
    return Planted(truth | {"rule": f"{_acl(shop, 'public')}:egress:{number}"}, [part], "REJECT")


def acl_inbound(shop: Shop, clock: Clock, rng) -> Planted:
    """The application's network ACL lets replies in only to Windows' ephemeral ports; the hosts run Linux."""
    place, client = shop.places["provider"], shop.interfaces[rng.choice(["app-1", "app-2"])]
    shop.entry("app", 140, place, "tcp", (49152, 65535))
    t0 = moments_between(clock, rng, 0.03, 0.97, 150, 700)
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
    note = "the provider's replies to ports below 49152 are refused on their way in: entry 140 admits 49152-65535"
    truth = _truth(
        "reply-refused", "rejected", note, client, client.address, server, 443, cause="network-acl"
    )
    return Planted(truth | {"rule": f"{_acl(shop, 'app')}:ingress:32767"}, [part], "REJECT")


def acl_changed(shop: Shop, clock: Clock, rng) -> Planted:
    """A partner is shut out by a new entry while its sessions are open."""
    place, server = shop.places["partner"], shop.interfaces[rng.choice(["lb-a", "lb-b"])]
    number, moment = int(rng.choice([40, 50])), clock.at(rng.uniform(0.42, 0.58))
    shop.entry("public", number, place, "tcp", (443,), deny=True)
    live = moment - rng.uniform(240, 1500, 7)
    dur = moment - live + rng.uniform(900, 2400, 7)
    packets = (dur / rng.uniform(1.5, 4, 7)).astype(int)
    common = {"server": server.address, "sport": 443, "rtt": 0.03}
    sizes = {"cpk": packets, "cby": packets * 180, "spk": packets, "sby": packets * 420}
    others = moments_between(clock, rng, 0.02, 0.97, 600, 2400)
    parts = [
        conversations(rng, live, client=draw(rng, place, 7), dur=dur, **common, **sizes),
        conversations(rng, others, client=draw(rng, place, len(others)), dur=20.0, **common),
    ]
    note = f"entry {number} shuts {place} out in the middle of 7 live sessions; the snapshot has it"
    truth = _truth("acl-changed", "rejected", note, server, place, server.address, 443, cause="network-acl")
    truth["rule"] = f"{_acl(shop, 'public')}:ingress:{number}"
    return Planted(truth, parts, "REJECT", change=(moment, "public", number, False))


def late_packets(shop: Shop, clock: Clock, rng) -> Planted:
    """Phones whose last packets arrive after the connection was closed."""
    place, server = shop.places["carrier"], shop.interfaces["lb-a"]
    t0 = moments_between(clock, rng, 0.02, 0.95, 300, 1800)
    part = conversations(
        rng,
        t0,
        client=draw(rng, place, len(t0)),
        server=server.address,
        sport=443,
        dur=rng.uniform(1, 40, len(t0)),
        rtt=0.12,
        late=rng.integers(1, 3, len(t0)),
        **tcp_sizes(rng, len(t0), 900, 12000),
    )
    note = "packets that arrive after FIN, RST or the load balancer's timeout: nothing is blocked"
    truth = _truth(
        "late-packets", "rejected", note, server, place, server.address, 443, cause="closed-connection"
    )
    return Planted(truth, [part], "REJECT")


def scanner(shop: Shop, clock: Clock, rng) -> Planted:
    """One stranger tries many ports of every public address."""
    targets = [shop.interfaces[n] for n in ("bastion", "lb-a", "lb-b")]
    source = strangers(rng, 1)[0]
    ports = np.unique(np.r_[rng.integers(1, 10000, 45), [21, 22, 23, 80, 443, 445, 3306, 3389, 5432, 8080]])
    order = rng.permutation([(t.address, p) for t in targets for p in ports])
    t0 = clock.at(rng.uniform(0.2, 0.8)) + np.cumsum(rng.exponential(5, len(order)))
    part = conversations(
        rng,
        t0[t0 < clock.at(0.99)],
        client=source,
        server=order[: (t0 < clock.at(0.99)).sum(), 0].astype(object),
        sport=order[: (t0 < clock.at(0.99)).sum(), 1].astype(int),
        dur=0.2,
        cpk=2,
        cby=80,
        spk=1,
        sby=44,
        close=4,
        tries=1,
    )
    note = f"{source} tries {len(ports)} ports of bastion, lb-a and lb-b, one packet each"
    return Planted(_truth("scan", "rejected", note, src=source), [part], "REJECT")


def noise(shop: Shop, clock: Clock, rng) -> Planted:
    """Strangers who send one packet each and are never seen again."""
    count = max(30, round(220 * clock.seconds / 86400))
    names = rng.choice(["bastion", "lb-a", "lb-b", "nat"], count, p=[0.34, 0.31, 0.3, 0.05])
    protocol = rng.choice([TCP, UDP, ICMP], count, p=[0.86, 0.1, 0.04])
    ports = np.where(
        protocol == TCP,
        rng.choice([23, 25, 445, 1433, 2323, 5555, 5900, 6379, 8080, 8081, 8443, 9000, 37215, 60001], count),
        rng.choice([53, 123, 161, 1900, 5060, 11211], count),
    )
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
    note = f"{count} strangers, one packet each; the NAT gateway's interface accepts its share and drops it"
    return Planted(_truth("noise", "rejected", note, protocol=None), [part], "REJECT")


def exposed_admin(shop: Shop, clock: Clock, rng) -> Planted:
    """The bastion answers the whole internet on an admin port."""
    port, server = int(rng.choice([22, 3389])), shop.interfaces["bastion"]
    shop.permit("bastion", "tcp", port, cidr=ANY4)
    t0 = moments_between(clock, rng, 0.02, 0.98, 120, 1200)
    people = strangers(rng, 9)
    packets = rng.integers(8, 24, len(t0))
    part = conversations(
        rng,
        t0,
        client=people[rng.integers(0, 9, len(t0))],
        server=server.address,
        sport=port,
        dur=rng.uniform(1, 5, len(t0)),
        rtt=0.09,
        cpk=packets,
        cby=packets * 95,
        spk=packets,
        sby=packets * 130,
    )
    note = f"9 strangers get answers from bastion on {port}: shop-bastion admits 0.0.0.0/0"
    truth = _truth("exposed-service", "reachability", note, server, ANY4, server.address, port)
    return Planted(truth | {"rule": shop.groups["bastion"]["GroupId"]}, [part])


def silent_service(shop: Shop, clock: Clock, rng) -> Planted:
    """A metrics port that every rule allows, behind a host firewall that drops."""
    port, client = int(rng.choice([9100, 9273, 8125])), shop.interfaces["bastion"]
    server = shop.interfaces[rng.choice(["web-1", "web-2"])]
    shop.permit("web", "tcp", port, from_group="bastion")
    t0 = np.arange(clock.at(0.03), clock.at(0.97), 300.0)
    part = conversations(
        rng, t0, client=client.address, server=server.address, sport=port, mode="silent", tries=4
    )
    note = f"{server.name} accepts {port} from bastion and never answers"
    truth = _truth("accepted-silent", "reachability", note, server, client.address, server.address, port)
    return Planted(truth, [part])


def reset_port(shop: Shop, clock: Clock, rng) -> Planted:
    """An exporter that is not running: the host answers with resets."""
    port, server = int(rng.choice([9187, 9216])), shop.interfaces["db-2"]
    client = shop.interfaces[rng.choice(["app-1", "app-2"])]
    shop.permit("database", "tcp", port, from_group="app")
    shop.entry("database", 117, shop.tier_cidr("app"), "tcp", (port,))
    t0 = moments_between(clock, rng, 0.03, 0.97, 240, 480)
    part = conversations(
        rng, t0, client=client.address, server=server.address, sport=port, mode="reset", rtt=0.002
    )
    note = f"{server.name} answers {client.name} on {port} with resets: nothing listens"
    truth = _truth("accepted-reset", "reachability", note, server, client.address, server.address, port)
    return Planted(truth, [part])


def _acl(shop: Shop, tier: str) -> str:
    return shop.acls[tier]["NetworkAclId"]


#: Incidents of rules and conversations; the gaps are in gaps.py.
TRAFFIC = {
    "missing-rule": missing_rule,
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


def tagged(planted: dict) -> list:
    """The conversations of all planted incidents, each marked with its incident's id."""
    parts = []
    for name, made in planted.items():
        for part in made.parts:
            ordinary = name == "missing-rule" and part is made.parts[0]
            parts.append(part.assign(incident=None if ordinary else name))
    return [part for part in parts if isinstance(part, pd.DataFrame)]
