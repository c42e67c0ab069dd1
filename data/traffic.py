"""The shop's everyday conversations: one row each, before anything is judged or logged."""

from dataclasses import dataclass
from ipaddress import ip_network

import numpy as np
import pandas as pd
from shop import S3_CIDRS, Shop

TCP, UDP, ICMP = 6, 17, 1

#: Columns of a table of conversations and what they hold where nothing is said.
DEFAULTS = {
    "client": "",  # address that begins it
    "server": "",
    "cport": 0,
    "sport": 0,
    "protocol": TCP,
    "icmp_type": -1,
    "t0": 0.0,  # seconds since 1970 of the first packet
    "dur": 1.0,  # seconds from the first packet to the last
    "cpk": 4,  # packets and bytes that each side sends, if all is well
    "cby": 400,
    "spk": 3,
    "sby": 400,
    "rtt": 0.02,
    "mode": "full",  # full | silent (never answers) | reset (answers with RST)
    "close": 1,  # TCP flag at the end: FIN 1, RST 4, none 0
    "tries": 6,  # SYN packets sent where nothing comes back
    "late": 0,  # packets that the client sends after the close
    "through": "",  # name of the NAT interface that carries it
    "service": "-",  # AWS service of the server's address
    "incident": None,
}


@dataclass(frozen=True)
class Clock:
    """The window that the logs cover, and the moment in it when rules change."""

    start: int
    seconds: int
    change: float

    def at(self, share: float) -> float:
        """The moment at a share (0 to 1) of the window."""
        return self.start + share * self.seconds

    def load(self, moments) -> np.ndarray:
        """The daily curve: traffic at a moment, 1 at the evening peak, 0.25 at night."""
        hour = (np.asarray(moments) % 86400) / 3600
        evening = np.exp(-(((hour - 19.5) / 2.6) ** 2))
        noon = 0.8 * np.exp(-(((hour - 12.5) / 3.2) ** 2))
        return np.minimum(0.25 + 0.75 * np.maximum(evening, noon), 1.0)

    def moments(self, rng, per_day: float) -> np.ndarray:
        """Moments that follow the daily curve, `per_day` of them in 24 hours on average."""
        peak = per_day * self.seconds / 86400 / 0.53
        drawn = self.start + rng.uniform(0, self.seconds, rng.poisson(peak))
        return np.sort(drawn[rng.uniform(size=len(drawn)) < self.load(drawn)])


def conversations(rng, t0, **columns) -> pd.DataFrame:
    """A table of conversations at the moments `t0`; scalars are repeated, `cport` drawn if not given."""
    count = len(t0)
    columns = {"cport": rng.integers(32768, 61000, count), "t0": np.asarray(t0, dtype=float)} | columns
    made = {name: columns.get(name, default) for name, default in DEFAULTS.items()}
    return pd.DataFrame(made, index=range(count))


def tcp_sizes(rng, count: int, request: float, answer: float) -> dict:
    """Packets and bytes of both sides for requests and answers of about these many bytes."""
    sent = request * rng.lognormal(0, 0.5, count)
    got = answer * rng.lognormal(0, 0.9, count)
    spk = 3 + np.ceil(got / 1400).astype(int)
    cpk = 4 + np.ceil(sent / 1400).astype(int) + spk // 2
    return {"cpk": cpk, "cby": (52 * cpk + 8 + sent).astype(int), "spk": spk, "sby": (52 * spk + 8 + got).astype(int)}


def draw(rng, cidr: str, count: int) -> np.ndarray:
    """`count` addresses of a CIDR, drawn with repetition."""
    block = ip_network(cidr)
    hosts = [str(block[n]) for n in range(1, min(block.num_addresses - 1, 60))]
    return np.array(hosts, dtype=object)[rng.integers(0, len(hosts), count)]


def strangers(rng, count: int) -> np.ndarray:
    """Distinct-looking public IPv4 addresses."""
    first = rng.choice([23, 31, 45, 62, 77, 80, 81, 85, 87, 88, 91, 93, 94, 109, 141, 176, 185, 188, 212, 217], count)
    rest = rng.integers(1, 255, (3, count))
    return np.array([f"{a}.{b}.{c}.{d}" for a, b, c, d in zip(first, *rest, strict=True)], dtype=object)


def everyday(shop: Shop, clock: Clock, rng, scale: float) -> pd.DataFrame:
    """All of a day's ordinary traffic."""
    parts = [
        *_customers(shop, clock, rng, scale),
        *_health_checks(shop, clock, rng),
        *_databases(shop, clock, rng),
        *_through_nat(shop, clock, rng),
        *_operators(shop, clock, rng),
    ]
    return pd.concat(parts, ignore_index=True)


def _customers(shop: Shop, clock: Clock, rng, scale: float):
    """Customers to the load balancer, its requests to the web servers, theirs to the application."""
    t0 = clock.moments(rng, 2000 * scale)
    count = len(t0)
    people = strangers(rng, max(count // 3, 1))
    six = np.array([f"2001:db8:c{n:03x}::{n * 7 + 1:x}" for n in range(40)], dtype=object)
    speaks_six = rng.uniform(size=count) < 0.08
    balancer = rng.choice(["lb-a", "lb-b"], count)
    of = shop.interfaces
    front4 = np.array([of[b].address for b in balancer], dtype=object)
    front6 = np.array([of[b].address6 for b in balancer], dtype=object)
    dur = np.clip(rng.lognormal(2.6, 1.1, count), 0.5, 400)
    yield conversations(
        rng,
        t0,
        client=np.where(speaks_six, six[rng.integers(0, 40, count)], people[rng.integers(0, len(people), count)]),
        server=np.where(speaks_six, front6, front4),
        sport=np.where(rng.uniform(size=count) < 0.93, 443, 80),
        dur=dur,
        rtt=rng.uniform(0.01, 0.2, count),
        close=rng.choice([1, 1, 1, 1, 4, 0], count),
        **tcp_sizes(rng, count, 1800, 30000),
    )
    web = rng.choice(["web-1", "web-2"], count)
    web_address = np.array([of[w].address for w in web], dtype=object)
    yield conversations(
        rng,
        t0 + 0.1,
        client=front4,
        cport=rng.integers(1024, 65536, count),
        server=web_address,
        sport=8080,
        dur=dur * 0.9,
        rtt=0.002,
        **tcp_sizes(rng, count, 2200, 28000),
    )
    asks = rng.uniform(size=count) < 0.45
    app = rng.choice([of["app-1"].address, of["app-2"].address], asks.sum())
    yield conversations(
        rng,
        t0[asks] + 0.2,
        client=web_address[asks],
        server=app.astype(object),
        sport=9000,
        dur=dur[asks] * 0.5,
        rtt=0.002,
        **tcp_sizes(rng, asks.sum(), 1200, 9000),
    )


def _health_checks(shop: Shop, clock: Clock, rng):
    """Each load balancer node asks each web server every three minutes; web-2 always from one port."""
    of = shop.interfaces
    for balancer in ("lb-a", "lb-b"):
        for web in ("web-1", "web-2"):
            t0 = np.arange(clock.start + rng.uniform(0, 180), clock.start + clock.seconds, 180.0)
            yield conversations(
                rng,
                t0,
                client=of[balancer].address,
                cport=rng.integers(1024, 65536, len(t0)) if web == "web-1" else 20000,
                server=of[web].address,
                sport=8080,
                dur=0.01,
                rtt=0.001,
                cpk=5,
                cby=391,
                spk=4,
                sby=512,
            )


def _databases(shop: Shop, clock: Clock, rng):
    """Pooled connections of the application, and the replication that began long ago."""
    of = shop.interfaces
    for app in ("app-1", "app-2"):
        begins = clock.start - rng.uniform(0, 1500)
        lives = []
        while begins < clock.start + clock.seconds:
            lives.append((begins, rng.uniform(1500, 3600)))
            begins += sum(lives[-1][1:]) + rng.uniform(1, 5)
        t0, dur = np.array(lives).T
        packets = (dur * rng.uniform(0.4, 0.9, len(dur))).astype(int)
        yield conversations(
            rng,
            t0,
            client=of[app].address,
            server=of["db-1"].address,
            sport=5432,
            dur=dur,
            rtt=0.001,
            cpk=packets,
            cby=packets * 140,
            spk=packets,
            sby=packets * rng.integers(300, 900, len(dur)),
        )
    lasting = clock.seconds + 12 * 3600
    yield conversations(
        rng,
        [clock.start - 6 * 3600.0],
        client=of["db-2"].address,
        server=of["db-1"].address,
        sport=5432,
        dur=float(lasting),
        rtt=0.001,
        cpk=lasting // 5,
        cby=lasting // 5 * 60,
        spk=lasting // 4,
        sby=lasting // 4 * 700,
    )
    t0 = np.arange(clock.start + rng.uniform(60, 600), clock.start + clock.seconds, 3600.0)
    yield conversations(
        rng,
        t0,
        client=of["db-2"].address,
        server=draw(rng, S3_CIDRS[1], len(t0)),
        sport=443,
        dur=rng.uniform(20, 90, len(t0)),
        cpk=2400,
        cby=2400 * 1300,
        spk=900,
        sby=900 * 60,
        service="S3",
    )


def _through_nat(shop: Shop, clock: Clock, rng):
    """Out of the private subnets: software mirrors, S3, the payment provider, the time."""
    of = shop.interfaces
    for host, place, per_day, service, request, answer in (
        ("web-1", shop.places["mirror"], 60, "-", 700, 90000),
        ("web-2", shop.places["mirror"], 60, "-", 700, 90000),
        ("app-1", S3_CIDRS[0], 150, "S3", 20000, 900),
        ("app-2", S3_CIDRS[0], 150, "S3", 20000, 900),
    ):
        t0 = clock.moments(rng, per_day)
        yield conversations(
            rng,
            t0,
            client=of[host].address,
            server=draw(rng, place, len(t0)),
            sport=443,
            dur=rng.uniform(0.3, 12, len(t0)),
            through="nat",
            service=service,
            **tcp_sizes(rng, len(t0), request, answer),
        )
    for host in ("web-1", "web-2", "app-1", "app-2"):
        t0 = np.arange(clock.start + rng.uniform(0, 1000), clock.start + clock.seconds, 1024.0)
        yield conversations(
            rng,
            t0,
            client=of[host].address,
            server=shop.places["clock"],
            sport=123,
            protocol=UDP,
            dur=0.0,
            cpk=1,
            cby=76,
            spk=1,
            sby=76,
            through="nat",
        )


def _operators(shop: Shop, clock: Clock, rng):
    """SSH from the office by way of the bastion, and pings."""
    of = shop.interfaces
    count = max(3, round(16 * clock.seconds / 86400))
    t0 = np.sort(clock.start + rng.uniform(0.02, 0.9, count) * clock.seconds)
    dur = rng.uniform(200, 1500, count)
    packets = (dur * 1.5).astype(int)
    sizes = {"cpk": packets, "cby": packets * 78, "spk": packets, "sby": packets * 160}
    office = draw(rng, shop.places["office"], count)
    yield conversations(rng, t0, client=office, server=of["bastion"].address, sport=22, dur=dur, rtt=0.03, **sizes)
    inner = rng.choice([of[n].address for n in ("web-1", "web-2", "app-1", "app-2")], count).astype(object)
    yield conversations(
        rng, t0 + 8, client=of["bastion"].address, server=inner, sport=22, dur=dur - 15, rtt=0.002, **sizes
    )
    for client, server, every in (
        (draw(rng, shop.places["office"], 1)[0], of["bastion"].address, 3600.0),
        (of["bastion"].address, of["web-1"].address, 1800.0),
    ):
        t0 = np.arange(clock.start + rng.uniform(60, 1500), clock.start + clock.seconds, every)
        yield conversations(
            rng,
            t0,
            client=client,
            cport=0,
            server=server,
            protocol=ICMP,
            icmp_type=8,
            dur=3.0,
            cpk=4,
            cby=336,
            spk=4,
            sby=336,
        )
