"""The worlds: each a network that people really have, its ordinary traffic, planted refusals, and innocent
traffic that looks guilty. A tag on sessions names the planted problem or the innocent group."""

from functools import partial
from types import SimpleNamespace

from worlds.rules import ANY4, ANY6
from worlds.scene import Scene
from worlds.world import World

EPHEMERAL = (32768, 65535)
BLOCKED = "blocked-client blocked-service"
SERVICE = "blocked-service blocked-client"


def shop(s: Scene, cidr="10.0", account="111122223333", sessions=450, six=None, edge_acl=None, data_acl=None):
    """A small shop's VPC: customers to two web servers, these to two application servers, these to a database."""
    vpc = s.vpc("shop", f"{cidr}.0.0/16", account)
    net = SimpleNamespace(vpc=vpc)
    net.edge = s.subnet(vpc, "edge", f"{cidr}.0.0/24", edge_acl(vpc) if edge_acl else None, six=six)
    net.app = s.subnet(vpc, "app", f"{cidr}.1.0/24")
    net.data = s.subnet(vpc, "data", f"{cidr}.2.0/24", data_acl(vpc) if data_acl else None)
    net.web_group = s.group(vpc, "web", ("tcp", 443, ANY4), *([("tcp", 443, ANY6)] if six else []))
    net.app_group = s.group(vpc, "app", ("tcp", 8080, net.web_group))
    net.db_group = s.group(vpc, "db", ("tcp", 5432, net.app_group))
    net.webs = [s.host(net.edge, f"web-{n}", net.web_group, public=s.stranger()) for n in (1, 2)]
    net.apps = [s.host(net.app, f"app-{n}", net.app_group) for n in (1, 2)]
    net.db = s.host(net.data, "db-1", net.db_group)
    people = s.strangers(sessions // 3)
    for web in net.webs:
        s.tcp(people, web, 443, s.moments(sessions // 2))
        s.tcp(web, s.rng.choice(net.apps), 8080, s.moments(sessions // 2))
    for app in net.apps:
        s.tcp(app, net.db, 5432, s.moments(every=1200, begin=-0.2), dur=1190, beat=20)
    return net


def noise(s: Scene, hosts, count=150, ports=(22, 23, 445, 3389, 5900, 8081, 37215)) -> None:
    """Strangers' single packets at ports that nobody serves."""
    for host in hosts:
        for t in s.moments(count // len(hosts)):
            s.tcp(s.stranger(), host, s.rng.choice(ports), [t], "noise", tries=1, answer="silent")


def nat(seed) -> Scene:
    """Private hosts behind a NAT gateway."""
    s = Scene("nat", seed)
    shut, provider, gateway = "195.20.30.0/24", s.draw("185.31.17.0/24", 3), s.draw("194.8.56.0/24", 4)
    net = shop(s, edge_acl=lambda vpc: s.acl(vpc, "edge").entry(60, "tcp", (1024, 65535), shut, allow=False))
    gate = s.nat(net.edge)
    acl = s.acl(net.vpc, "workers", open=False).entry(100, "tcp", (32768, 60999), ANY4)
    acl.entry(110, "tcp", (22, 22), net.vpc.cidr).entry(120, "udp", (1024, 65535), ANY4)
    acl.entry(100, "all", None, ANY4, egress=True)
    place = s.subnet(net.vpc, "workers", "10.0.8.0/24", acl, nat=gate)
    narrow = s.group(net.vpc, "workers", egress=False).allow("tcp", 443, ANY4, egress=True)
    narrow.allow("udp", 123, ANY4, egress=True)
    workers = [s.host(place, f"worker-{n}", narrow) for n in range(3)]
    windows = s.host(place, "windows-1", s.group(net.vpc, "windows"))
    s.tcp(workers, gateway[0], 443, s.moments(250))
    for worker in workers:
        s.udp(worker, "162.159.200.1", 123, s.moments(every=512))
    s.tcp(workers[0], provider[0], 8443, s.moments(every=240), "egress-rule", tries=4)
    s.plant("egress-rule", BLOCKED, "security-group")
    s.tcp(workers, s.draw(shut, 1)[0], 443, s.moments(every=200), "shut-replies", tries=4)
    s.plant("shut-replies", "reply-refused", "network-acl")
    s.tcp(windows, gateway[1], 443, s.moments(every=90), ports=(49152, 60999))
    s.tcp(windows, gateway[2], 443, s.moments(every=150), "high-ports", ports=(61000, 65535), tries=4)
    s.plant("high-ports", "reply-refused", "network-acl")  # answers pass to Linux's ports only
    noise(s, [gate, *net.webs])
    return s


def balancers(seed) -> Scene:
    """An Application and a Network Load Balancer, which keeps its clients' addresses; health checks."""
    s = Scene("balancers", seed)
    partner, port = "185.12.44.0/26", s.rng.choice((5671, 8883, 6514))
    net = shop(s, sessions=150, edge_acl=lambda vpc: s.acl(vpc, "edge").entry(70, "tcp", None, partner, allow=False))
    front = s.group(net.vpc, "alb", ("tcp", 443, ANY4))
    albs = [s.host(net.edge, f"alb-{n}", front, kind="alb", description="ELB app/shop/50dc6c49") for n in (1, 2)]
    nlb = s.host(net.edge, "nlb", kind="network_load_balancer", description="ELB net/queue/61a5bb7e")
    back = s.group(net.vpc, "backend", ("tcp", 8080, front), ("tcp", 9443, front))
    late = s.group(net.vpc, "backend-new", ("tcp", 8080, front))
    backs = [s.host(net.app, f"back-{n}", back) for n in (1, 2)] + [s.host(net.app, "back-3", late)]
    queue = s.group(net.vpc, "queue", ("tcp", port, net.edge.cidr), ("tcp", 1883, ANY4))
    queues = [s.host(net.data, f"queue-{n}", queue) for n in (1, 2)]
    people, wide = s.strangers(120), (1024, 65535)
    for alb in albs:
        s.tcp(people, alb, 443, s.moments(250))
        for server in backs:
            s.tcp(alb, server, 8080, s.moments(90), ports=wide)
            tag = "health-check" if server is backs[2] else None
            s.tcp(alb, server, 9443, s.moments(every=30), tag, ports=wide, tries=3)
    s.plant("health-check", BLOCKED, "security-group")
    for server in queues:
        s.tcp(nlb, server, port, s.moments(every=30), ports=wide, close=4, dur=0)
        s.tcp(people, nlb, 1883, s.moments(90), "open", target=((server, server.address), 1883))
        many = s.strangers(25)
        s.tcp(many, nlb, port, s.moments(70), "kept-addresses", target=((server, server.address), port))
    s.plant("kept-addresses", SERVICE, "security-group")
    s.tcp(s.draw(partner, 8), albs[0], 443, s.moments(60), "partner-denied")
    s.plant("partner-denied", BLOCKED, "network-acl")
    s.tcp(net.apps[0], albs[1], 443, s.moments(300, begin=0.4, stop=0.45), "load-test", dur=0)
    net.app_group.allow("tcp", 9091, front)
    s.tcp(albs[0], net.apps[1], 9091, s.moments(every=60), "closed-port", answer="reset", ports=wide)
    noise(s, albs)
    return s


def dualstack(seed) -> Scene:
    """IPv4 and IPv6 side by side, with rules that somebody wrote for one of them only."""
    s = Scene("dualstack", seed)

    def edge(vpc):
        acl = s.acl(vpc, "edge", open=False).entry(105, "all", None, ANY6)
        for number, port in ((100, (443, 443)), (110, (22, 22)), (120, EPHEMERAL)):
            acl.entry(number, "tcp", port, ANY4)
        acl.entry(130, "all", None, vpc.cidr).entry(100, "all", None, ANY4, egress=True)
        return acl.entry(105, "all", None, ANY6, egress=True)

    net = shop(s, six="2a05:d018:12:a::/64", edge_acl=edge)
    port, office = s.rng.choice((8883, 5222, 1883)), "81.20.7.32/28"
    six = [f"2a02:8070:{n:x}:1::{s.rng.getrandbits(16) + 1:x}" for n in range(0x100, 0x128)]
    mqtt = s.group(net.vpc, "mqtt", ("tcp", port, ANY4), ("tcp", port, ANY6))
    broker = s.host(net.edge, "broker", mqtt, public=s.stranger())
    s.tcp(six, broker, port, s.moments(200), "open", six=True)
    s.tcp(s.strangers(60), broker, port, s.moments(240), "refused-to-all")
    s.plant("refused-to-all", SERVICE, "network-acl")  # served by IPv6, refused to all of IPv4
    for web in net.webs:
        s.tcp(six, web, 443, s.moments(100), six=True)
    old = s.group(net.vpc, "old-web", ("tcp", 443, ANY4))
    site = s.host(net.edge, "old-web", old, public=s.stranger())
    s.tcp(s.strangers(40), site, 443, s.moments(120))
    s.tcp(six[:25], site, 443, s.moments(90), "no-ipv6-rule", six=True)
    s.plant("no-ipv6-rule", SERVICE, "security-group")
    away = s.subnet(net.vpc, "monitoring", "10.0.6.0/24", six="2a05:d018:12:b::/64")
    monitor = s.host(away, "monitor", s.group(net.vpc, "monitoring"))
    net.web_group.allow("icmp", 8, net.vpc.cidr)
    s.ping(monitor, net.webs[0], s.moments(every=60))
    s.ping(monitor, net.webs[1], s.moments(every=60), "ping6", six=True)
    s.plant("ping6", BLOCKED, "security-group")
    bastion = s.host(net.edge, "bastion", s.group(net.vpc, "bastion", ("tcp", 22, office)), public=s.stranger())
    s.tcp(s.draw(office, 3), bastion, 22, s.moments(25), "office-ssh", dur=300, beat=15)
    noise(s, [bastion, broker], ports=(22,))
    return s


def udp(seed) -> Scene:
    """An own resolver, time, one-way syslog, QUIC, RADIUS with slow answers, pings."""
    s = Scene("udp", seed)

    def edge(vpc):
        acl = s.acl(vpc, "edge", open=False).entry(100, "tcp", None, ANY4).entry(110, "all", None, vpc.cidr)
        acl.entry(120, "udp", EPHEMERAL, ANY4)
        return acl.entry(100, "all", None, ANY4, egress=True)

    def data(vpc):
        return s.acl(vpc, "data").entry(80, "udp", (514, 514), "10.0.7.0/24", allow=False)

    net = shop(s, sessions=300, edge_acl=edge, data_acl=data)
    net.web_group.allow("udp", 443, ANY4)
    batch = s.subnet(net.vpc, "batch", "10.0.7.0/24")
    jobs = [s.host(batch, f"job-{n}", s.group(net.vpc, f"job-{n}")) for n in (1, 2, 3)]
    dns_group = s.group(net.vpc, "dns", ("udp", 53, net.app.cidr), ("udp", 53, net.edge.cidr))
    dns = s.host(net.data, "resolver", dns_group)
    s.udp([*net.apps, *net.webs], dns, 53, s.moments(500))
    s.udp(net.apps, dns, 53, s.moments(60), "dns-retries", tries=2, delay=5.5)
    s.udp(jobs, dns, 53, s.moments(150), "dns-refused", tries=3)
    s.plant("dns-refused", BLOCKED, "security-group")
    clock_group = s.group(net.vpc, "clock", ("udp", 123, net.app.cidr))
    clock = s.host(net.data, "clock", clock_group)
    for host in (*net.apps, *jobs[:2]):
        tag = "ntp-refused" if host in jobs else None
        s.udp(host, clock, 123, s.moments(every=64), tag, cport=123)
    s.plant("ntp-refused", BLOCKED, "security-group")
    logs = s.host(net.data, "syslog", s.group(net.vpc, "syslog", ("udp", 514, net.vpc.cidr)))
    s.udp(net.apps[0], logs, 514, s.moments(every=10), "one-way-syslog", cport=514, reply=0)
    s.udp(jobs[2], logs, 514, s.moments(every=61), "syslog-denied", cport=514, reply=0)
    s.plant("syslog-denied", BLOCKED, "network-acl")
    radius = s.host(net.data, "radius", s.group(net.vpc, "radius", ("udp", 1812, net.app.cidr)))
    s.udp(net.apps[0], radius, 1812, s.moments(60))
    s.udp(net.apps[1], radius, 1812, s.moments(every=200), "slow-answer", delay=s.rng.uniform(40, 55))
    kinds = "reply-refused late-packets blocked-client"
    s.plant("slow-answer", kinds, "tracking-expired")
    s.ping(net.webs[0], net.apps[1], s.moments(every=60), "ping-refused")
    s.plant("ping-refused", BLOCKED, "security-group")
    people = s.strangers(60)
    s.udp(people, net.webs[0], 443, s.moments(160), "quic", size=1200, tries=3)
    s.plant("quic", SERVICE, "network-acl")  # the group allows QUIC, the ACL does not; TCP is served
    noise(s, net.webs)
    return s


def transit(seed) -> Scene:
    """VPCs of several accounts by transit gateway and peering; two of them have the same CIDR."""
    s = Scene("transit", seed)
    a, d = shop(s, "10.1", sessions=200), shop(s, "10.4", "444455556666", sessions=100)
    c = shop(s, "10.1", "777788889999", sessions=100)
    b_vpc = s.vpc("billing", "10.2.0.0/16", "222233334444")
    text = "Network Interface for Transit Gateway Attachment "
    gates = [
        s.host(s.subnet(vpc, "transit", f"{vpc.cidr[:4]}.100.0/28"), f"tgw-{vpc.name}", kind="transit_gateway",
               description=text + s.id("tgw-attach"))
        for vpc in (a.vpc, b_vpc)
    ]  # fmt: skip
    a.vpc.links = {b_vpc: gates, d.vpc: "peering"}
    b_vpc.links, d.vpc.links = {a.vpc: gates[::-1]}, {a.vpc: "peering"}
    ledger_group = s.group(b_vpc, "ledger", ("tcp", 5432, a.app.cidr), ("tcp", 9200, "10.1.0.0/16"))
    ledger = s.host(s.subnet(b_vpc, "ledger", "10.2.1.0/24"), "ledger", ledger_group)
    batch = s.subnet(a.vpc, "batch", "10.1.7.0/24")
    batch_group = s.group(a.vpc, "batch")
    jobs = [s.host(batch, f"job-{n}", batch_group) for n in (1, 2)]
    s.tcp(a.apps, ledger, 5432, s.moments(150))
    s.tcp(a.webs, ledger, 9200, s.moments(80))
    s.tcp(jobs[0], ledger, 5432, s.moments(every=240), "over-transit", tries=4)
    s.plant("over-transit", BLOCKED, "security-group")
    gates[0].subnet.acl.entry(50, "tcp", (9200, 9200), batch.cidr, allow=False)
    s.tcp(jobs, ledger, 9200, s.moments(every=150), "transit-acl", tries=4)
    s.plant("transit-acl", BLOCKED, "network-acl")
    cache_group = s.group(d.vpc, "cache", ("tcp", 6379, a.app_group))
    cache = s.host(d.data, "cache", cache_group)
    s.tcp(a.apps, cache, 6379, s.moments(150))
    s.tcp(jobs[1], cache, 6379, s.moments(every=200), "peer-group", tries=4)
    s.plant("peer-group", BLOCKED, "security-group")
    twin = s.subnet(c.vpc, "batch", batch.cidr)
    twin_host = s.host(twin, "twin", s.group(c.vpc, "twin"), address=jobs[0].address)
    s.tcp(twin_host, c.db, 5432, s.moments(every=180), "same-address", tries=4)
    s.plant("same-address", BLOCKED, "security-group")
    noise(s, [*a.webs, *c.webs])
    return s


def pods(seed) -> Scene:
    """Nodes whose pods have secondary addresses, or addresses that no interface has."""
    s = Scene("pods", seed)
    net = shop(s, sessions=200)
    legacy = s.subnet(net.vpc, "legacy", "10.0.9.0/24")
    place = s.subnet(net.vpc, "nodes", "10.0.4.0/24")
    place.acl.entry(40, "tcp", (1521, 1521), legacy.cidr, egress=True, allow=False)
    nodes = s.group(net.vpc, "nodes", ("tcp", 8080, "10.0.4.0/24"), ("tcp", 8080, "100.64.0.0/16"))
    own = {n: s.draw(f"10.0.4.{128 + 32 * n}/27", 4) for n in range(3)}
    hosts = [s.host(place, f"node-{n}", nodes, address=f"10.0.4.{10 + n}", more=own[n]) for n in range(3)]
    pods_own = [(host, address) for n, host in enumerate(hosts) for address in own[n]]
    overlay = [(host, address) for n, host in enumerate(hosts) for address in s.draw(f"100.64.{n}.0/24", 4)]
    for pod in (*pods_own, *overlay):
        other = s.rng.choice([p for p in pods_own if p[0] is not pod[0]])
        s.tcp(pod, other, 8080, s.moments(30))
    orders_group = s.group(net.vpc, "orders", ("tcp", 3306, place.cidr))
    orders = s.host(net.data, "orders-db", orders_group)
    s.tcp(pods_own, orders, 3306, s.moments(150))
    s.tcp(overlay[:3], orders, 3306, s.moments(every=100), "pod-to-database", tries=4)
    s.plant("pod-to-database", BLOCKED, "security-group")
    monitor = s.host(s.subnet(net.vpc, "monitoring", "10.0.6.0/24"), "monitor", s.group(net.vpc, "monitoring"))
    nodes.allow("tcp", 9100, monitor.address + "/32")
    for number, host in enumerate(hosts):
        s.tcp(monitor, host, 9100, s.moments(every=60))
        s.tcp(monitor, pods_own[number * 4], 9102, s.moments(every=60), "pod-metrics", tries=3)
    s.plant("pod-metrics", BLOCKED, "security-group")
    oracle = s.host(legacy, "oracle", s.group(net.vpc, "oracle", ("tcp", 1521, "10.0.0.0/8")))
    s.tcp(net.apps, oracle, 1521, s.moments(60))
    s.tcp(pods_own[5], oracle, 1521, s.moments(every=200), "pod-egress", tries=4)
    s.plant("pod-egress", BLOCKED, "network-acl")
    noise(s, net.webs)
    return s


def slow(seed) -> Scene:
    """600-second aggregation, files that come late, connections older than the log."""
    s = Scene("slow", seed, hours=6, window=600, late_files=0.03)
    change = s.at(s.rng.uniform(0.5, 0.6))
    reports_cidr, port = "10.0.5.0/24", s.rng.choice((6379, 11211, 9092))
    net = shop(s, sessions=900, data_acl=lambda vpc: s.acl(vpc, "data").entry(
        90, "tcp", (1433, 1433), reports_cidr, allow=False, since=change))  # fmt: skip
    reports = s.subnet(net.vpc, "reports", reports_cidr)
    hosts = [s.host(reports, f"report-{n}", s.group(net.vpc, f"report-{n}")) for n in range(4)]
    store = s.host(net.data, "store", s.group(net.vpc, "store", ("tcp", 1433, "10.0.0.0/16")))
    s.tcp(net.apps, store, 1433, s.moments(200))
    for host in hosts:
        for _ in range(2):
            s.tcp(host, store, 1433, [s.start - s.rng.uniform(600, 9000)], "acl-cut", dur=40000, beat=25)
        s.tcp(host, store, 1433, [t for t in s.moments(every=300) if t > change + 120], "acl-cut")
    s.plant("acl-cut", "acl-changed", "network-acl")
    s.tcp(hosts[0], net.db, port, s.moments(every=420), "missing-rule", tries=4)
    net.db_group.allow("tcp", port, net.app_group)
    s.tcp(net.apps, net.db, port, s.moments(200))
    s.plant("missing-rule", BLOCKED, "security-group")
    events = s.host(net.data, "events", s.group(net.vpc, "events", ("tcp", 5672, net.app.cidr)))
    s.tcp(net.apps[0], events, 5672, s.moments(80), dur=30, beat=5)
    s.tcp(net.apps[1], events, 5672, s.moments(every=900, stop=0.9), "idle-push", dur=0, pushes=(500,), close=0)
    kinds = "reply-refused late-packets blocked-client"
    s.plant("idle-push", kinds, "tracking-expired")  # the server speaks after 500 s of silence
    s.host(net.app, "standby", net.app_group)
    noise(s, net.webs)
    return s


def one_subnet(seed) -> Scene:
    """A flow log of the database's subnet alone."""
    s = Scene("one_subnet", seed)

    def data(vpc):
        acl = s.acl(vpc, "data").entry(50, "tcp", (1024, 65535), "10.0.6.0/24", egress=True, allow=False)
        return acl.entry(60, "tcp", (5432, 5432), "10.0.7.0/25", allow=False)

    net = shop(s, sessions=500, data_acl=data)
    net.db_group.allow("tcp", 5432, "10.0.6.0/24").allow("tcp", 5432, "10.0.7.0/24")
    places = {n: s.subnet(net.vpc, name, f"10.0.{n}.0/24") for n, name in ((6, "bi"), (7, "batch"), (8, "ops"))}
    free = s.group(net.vpc, "clients")
    bi, ops = s.host(places[6], "bi", free), s.host(places[8], "ops", free)
    low, high = (s.host(places[7], f"job-{n}", free, address=f"10.0.7.{n}") for n in (21, 221))
    more = [s.host(net.data, f"db-{n}", net.db_group) for n in (2, 3, 4)]
    for db in more:
        s.tcp(net.apps, db, 5432, s.moments(700))
    s.tcp(high, net.db, 5432, s.moments(100))
    s.tcp(bi, net.db, 5432, s.moments(every=200), "answers-refused", tries=4)
    s.plant("answers-refused", "reply-refused", "network-acl")
    s.tcp(low, net.db, 5432, s.moments(every=200), "acl-denies", tries=4)
    s.plant("acl-denies", BLOCKED, "network-acl")
    s.tcp(ops, more[0], 5432, s.moments(every=200), "missing-rule", tries=4)
    s.plant("missing-rule", BLOCKED, "security-group")
    s.logged = [net.db, *more]
    return s


def changes(seed) -> Scene:
    """Rules added, removed and repaired in mid-day, instances replaced; the snapshot is of the end."""
    s = Scene("changes", seed, hours=3)
    removed, repaired, wide, cut, first, second = (s.at(x) for x in (0.4, 0.6, 0.5, 0.7, 0.3, 0.45))
    partner, branch = "185.12.44.0/26", "91.198.4.0/27"

    def edge(vpc):
        acl = s.acl(vpc, "edge").entry(70, "tcp", None, partner, allow=False, since=cut)
        return acl.entry(75, "tcp", (8444, 8444), branch, allow=False, since=first, until=second)

    net = shop(s, edge_acl=edge)
    ops = s.subnet(net.vpc, "ops", "10.0.8.0/24")
    hosts = [s.host(ops, f"ops-{n}", s.group(net.vpc, f"ops-{n}")) for n in (1, 2)]
    net.db_group.allow("tcp", 5432, hosts[0].address + "/32", until=removed)
    s.tcp(hosts[0], net.db, 5432, s.moments(every=120, stop=0.39), dur=20)
    s.tcp(hosts[0], net.db, 5432, [s.at(0.2)], dur=6000, beat=20)
    s.tcp(hosts[0], net.db, 5432, s.moments(every=120, begin=0.41), "removed-rule", tries=4)
    s.plant("removed-rule", BLOCKED, "security-group")
    net.app_group.allow("tcp", 9000, hosts[1].address + "/32", since=repaired)
    s.tcp(hosts[1], net.apps[0], 9000, s.moments(every=120, stop=0.59), "repaired", tries=4)
    s.tcp(hosts[1], net.apps[0], 9000, s.moments(every=120, begin=0.61))
    s.plant("repaired", BLOCKED, "security-group rules-changed")  # a rule was added later
    api_group = s.group(net.vpc, "api").allow("tcp", 8443, ANY4, until=wide).allow("tcp", 8444, ANY4)
    api = s.host(net.edge, "api", api_group, public=s.stranger())
    people = s.strangers(50)
    s.tcp(people, api, 8443, s.moments(120, stop=0.45), "open")
    s.tcp(people[:12], api, 8443, s.moments(14, begin=0.4, stop=0.49), "untracked-cut", dur=4000, beat=10)
    s.tcp(people, api, 8443, s.moments(150, begin=0.505), "untracked-cut")
    s.plant("untracked-cut", SERVICE, "security-group")  # 0.0.0.0/0 was removed: its flows have no state
    offices = s.draw(partner, 10)
    s.tcp(offices, net.webs[0], 443, s.moments(60, stop=0.65))
    s.tcp(offices[:7], net.webs[0], 443, s.moments(9, begin=0.5, stop=0.69), "acl-cut", dur=6000, beat=10)
    s.tcp(offices, net.webs[0], 443, s.moments(40, begin=0.705), "acl-cut")
    s.plant("acl-cut", "acl-changed", "network-acl")
    rooms = s.draw(branch, 6)
    s.tcp(s.strangers(30), api, 8444, s.moments(150), "open")
    s.tcp(rooms, api, 8444, s.moments(40, stop=0.28))
    s.tcp(rooms, api, 8444, s.moments(40, begin=0.305, stop=0.44), "acl-repaired", tries=4)
    s.tcp(rooms, api, 8444, s.moments(40, begin=0.46))
    s.plant("acl-repaired", "acl-changed blocked-client", "network-acl rules-changed")
    old = s.host(net.app, "app-3", net.app_group, until=s.at(0.5))
    new = s.host(net.app, "app-4", net.app_group, address=old.address, since=s.at(0.52))
    for host, begin, stop in ((old, 0.0, 0.49), ((None, old.address), 0.5, 0.52), (new, 0.53, 1.0)):
        s.tcp(net.webs, host, 8080, s.moments(every=25, begin=begin, stop=stop), "replaced", tries=2)
    noise(s, net.webs)
    return s


def groups(seed) -> Scene:
    """Several security groups on an interface, prefix lists, a group as a rule's peer."""
    s = Scene("groups", seed)

    def data(vpc):
        acl = s.acl(vpc, "data", open=False).entry(100, "tcp", (5432, 5432), "10.0.0.0/16")
        acl.entry(110, "tcp", EPHEMERAL, ANY4).entry(100, "all", None, ANY4, egress=True)
        return acl.entry(120, "tcp", (9100, 9100), "10.0.0.0/16")

    net = shop(s, data_acl=data)
    offices = s.prefixes("offices", "81.20.7.0/26", "81.20.7.128/26")
    storage = s.prefixes("com.amazonaws.eu-west-1.s3", "52.218.0.0/17")
    portal_group = s.group(net.vpc, "portal", ("tcp", 8443, offices))
    portal = s.host(net.edge, "portal", portal_group, s.group(net.vpc, "patching"), public=s.stranger())
    s.tcp(s.draw("81.20.7.0/26", 12), portal, 8443, s.moments(150))
    s.tcp(s.draw("81.20.9.64/27", 9), portal, 8443, s.moments(70), "new-office")
    s.plant("new-office", BLOCKED, "security-group")
    several = [s.group(net.vpc, f"role-{n}", ("tcp", 7000 + n, net.app.cidr)) for n in range(3)]
    worker = s.host(net.app, "worker", *several)
    monitors = s.group(net.vpc, "monitors")
    monitor = s.host(s.subnet(net.vpc, "monitoring", "10.0.6.0/24"), "monitor", monitors)
    for target in (net.db, net.apps[0]):
        target.groups[0].allow("tcp", 9100, monitors)
        s.tcp(monitor, target, 9100, s.moments(every=60))
    s.tcp(monitor, worker, 9100, s.moments(every=60), "three-groups", tries=3)
    s.plant("three-groups", BLOCKED, "security-group")
    backup_group = s.group(net.vpc, "backup", egress=False).allow("tcp", 443, storage, egress=True)
    backup = s.host(net.data, "backup", backup_group)
    for address in s.draw("52.218.0.0/24", 6):
        s.tcp(backup, address, 443, s.moments(15))
    table = s.draw("52.119.240.0/24", 1)[0]
    s.tcp(backup, table, 443, s.moments(every=200), "egress-list", tries=4)
    s.plant("egress-list", BLOCKED, "security-group")
    s.tcp(net.apps[1], net.db, 6379, s.moments(every=180), "both-refuse", tries=4)
    s.plant("both-refuse", BLOCKED, "security-group-and-network-acl")
    noise(s, [portal, *net.webs])
    return s


def innocents(seed) -> Scene:
    """Much that looks guilty and is not, and a few things that are."""
    s = Scene("innocents", seed)
    net = shop(s)
    ops = s.host(s.subnet(net.vpc, "ops", "10.0.8.0/24"), "ops", s.group(net.vpc, "ops"))
    net.app_group.allow("tcp", (8081, 8090), net.vpc.cidr)
    down, up = 0.3, 0.33
    for begin, stop, answer in ((0, down, "yes"), (down, up, "reset"), (up, 1, "yes")):
        moments = s.moments(every=10, begin=begin, stop=stop)
        s.tcp(net.webs, net.apps[0], 8081, moments, "deploy", answer=answer, dur=1)
    s.tcp(ops, net.apps[1], 8082, s.moments(500, begin=0.5, stop=0.54), "load-test", dur=0)
    s.tcp(ops, net.apps[1], 8083, s.moments(every=60), "closed-port", answer="reset")
    s.tcp(net.webs, net.apps[0], 8084, s.moments(200), "rst-by-design", close=4, dur=0)
    spot = s.host(net.app, "spot", net.app_group, until=s.at(0.6))
    s.tcp(net.webs, spot, 8085, s.moments(every=20, stop=0.59), "spot")
    s.tcp(net.webs, (None, spot.address), 8085, s.moments(every=20, begin=0.6, stop=0.66), "spot", tries=2)
    forward_group = s.group(net.vpc, "forwarder", ("udp", 53, net.vpc.cidr))
    forward = s.host(net.data, "forwarder", forward_group)
    s.udp(net.apps, forward, 53, s.moments(150))
    s.udp(net.apps, forward, 53, s.moments(40), "dns-retries", tries=3, delay=5.6)
    for scanner in s.strangers(6):
        for web in net.webs:
            s.tcp(scanner, web, 443, s.moments(3), "scan", dur=0)
            for port in s.rng.sample(range(20, 9000), 12):
                s.tcp(scanner, web, port, s.moments(1), "scan", tries=1, answer="silent")
    mail = s.host(net.edge, "mail", s.group(net.vpc, "mail", ("tcp", 25, "93.0.0.0/8")), public=s.stranger())
    senders = s.draw("93.184.20.0/24", 20)
    s.tcp(senders, mail, 25, s.moments(150), "late-packets", dur=2, late=20.0)
    s.tcp(ops, net.db, 5432, s.moments(every=240), "missing-rule", tries=4)
    s.plant("missing-rule", BLOCKED, "security-group")
    s.tcp(ops, net.apps[0], 8090, s.moments(every=120), "host-firewall", answer="silent", tries=4)
    s.plant("host-firewall", "accepted-silent", "none")
    noise(s, net.webs)
    return s


def edge(seed) -> Scene:
    """Services at the edge of the internet, in its noise."""
    s = Scene("edge", seed)
    partner, office = "185.12.44.0/26", "81.20.7.32/28"
    port = s.rng.choice((8883, 5061, 9443))

    def acl(vpc):
        made = s.acl(vpc, "edge", open=False).entry(70, "tcp", (443, 443), partner, allow=False)
        for number, ports in ((100, (443, 443)), (110, (22, 22)), (120, EPHEMERAL)):
            made.entry(number, "tcp", ports, ANY4)
        return made.entry(130, "all", None, vpc.cidr).entry(100, "all", None, ANY4, egress=True)

    net = shop(s, edge_acl=acl)
    iot = s.host(net.edge, "iot", s.group(net.vpc, "iot", ("tcp", port, ANY4)), public=s.stranger())
    s.tcp(s.strangers(60), iot, port, s.moments(240), "refused-to-all")
    s.plant("refused-to-all", SERVICE, "network-acl")  # the group allows it, the ACL does not
    s.tcp(s.draw(partner, 3), net.webs[0], 443, s.moments(40), "partner-denied", tries=4)
    s.plant("partner-denied", BLOCKED, "network-acl")
    bastion = s.host(net.edge, "bastion", s.group(net.vpc, "bastion", ("tcp", 22, office)), public=s.stranger())
    s.tcp(s.draw(office, 3), bastion, 22, s.moments(25), "office-ssh", dur=300, beat=15)
    jump = s.host(net.edge, "jump", s.group(net.vpc, "jump", ("tcp", 22, ANY4)), public=s.stranger())
    s.tcp(s.strangers(40), jump, 22, s.moments(70), "ssh-open", dur=3)
    s.plant("ssh-open", "exposed-service", "none")  # 0.0.0.0/0 may use SSH
    for scanner in s.strangers(5):
        for host in (iot, bastion, *net.webs):
            for asked in s.rng.sample(range(20, 30000), 15):
                s.tcp(scanner, host, asked, s.moments(1), "scan", tries=1, answer="silent")
    noise(s, [iot, bastion, *net.webs], count=400)
    return s


SCENES = (nat, balancers, dualstack, udp, transit, pods, slow, one_subnet, changes, groups, innocents, edge)
#: Name -> `world(seed) -> World`.
WORLDS = {scene.__name__: partial(World, scene) for scene in SCENES}
