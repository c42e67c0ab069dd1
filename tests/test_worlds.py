"""The simulated worlds: AWS's own examples, packets counted by hand, and what must hold in every world."""

import gzip
import json
from collections import Counter

import pytest
from worlds.log import FORMATS
from worlds.rules import ANY4
from worlds.scene import Problem, Scene
from worlds.scenes import WORLDS
from worlds.score import overlaps, publish, score
from worlds.world import Replay, World, replay

SEED = 7
ACCEPT, REJECT = "ACCEPT", "REJECT"


@pytest.fixture(scope="module")
def worlds():
    return {name: make(SEED) for name, make in WORLDS.items()}


@pytest.fixture
def small():
    """A scene of one VPC: a client in one subnet, a server that admits it on 5432 in another."""
    s = Scene("small", 1)
    s.net = s.vpc("net", "10.0.0.0/16")
    s.near, s.far = s.subnet(s.net, "near", "10.0.1.0/24"), s.subnet(s.net, "far", "10.0.2.0/24")
    s.client = s.host(s.near, "client", s.group(s.net, "client"), address="10.0.1.5")
    s.db = s.group(s.net, "db", ("tcp", 5432, "10.0.1.0/24"), ("udp", 53, "10.0.1.0/24"))
    s.server = s.host(s.far, "server", s.db, address="10.0.2.9")
    return s


def played(scene) -> list[tuple]:
    """(interface, source, destination, action, packets, flags) of each record."""
    world = World(lambda _: scene, 1)
    rows = []
    for r in world.records:
        src, dst = (r.hop.src, r.hop.dst) if r.forward else (r.hop.dst, r.hop.src)
        rows.append((r.hop.interface.name, src, dst, r.action, r.packets, r.flags))
    return sorted(rows)


# -------------------------------------------------------------------------------- counted by hand


def test_a_refused_syn_is_sent_again_and_logged_at_both_interfaces(small):
    small.client.phase = small.server.phase = small.start
    small.tcp(small.client, small.server, 6379, [small.start + 70], tries=3, delay=0.01)
    assert played(small) == [
        ("client", "10.0.1.5", "10.0.2.9", ACCEPT, 3, 2),
        ("server", "10.0.1.5", "10.0.2.9", REJECT, 3, 2),
    ]


def test_a_closed_port_answers_once_with_a_reset(small):
    small.tcp(small.client, small.server, 5432, [small.start + 70], answer="reset", delay=0.01)
    assert [(name, action, packets, flags) for name, *_, action, packets, flags in played(small)] == [
        ("client", ACCEPT, 1, 2),
        ("client", ACCEPT, 1, 4),
        ("server", ACCEPT, 1, 2),
        ("server", ACCEPT, 1, 4),
    ]


def test_an_acl_refuses_a_reply_that_the_group_would_let_pass(small):
    small.far.acl.entry(50, "tcp", (1024, 65535), "10.0.1.0/24", egress=True, allow=False)
    small.tcp(small.client, small.server, 5432, [small.start + 70], tries=1)
    assert [row[:1] + row[3:] for row in played(small)] == [
        ("client", ACCEPT, 1, 2),
        ("server", ACCEPT, 1, 2),
        ("server", REJECT, 1, 18),
    ]


def test_inside_a_subnet_no_acl_is_asked(small):
    small.near.acl.entry(50, "all", None, ANY4, allow=False)
    neighbour = small.host(small.near, "neighbour", small.db)
    small.tcp(small.client, neighbour, 5432, [small.start + 70], dur=0)
    assert {action for *_, action, _, _ in played(small)} == {ACCEPT}


@pytest.mark.parametrize(("delay", "action"), [(20, ACCEPT), (45, REJECT)])
def test_a_udp_flow_is_remembered_for_30_seconds(small, delay, action):
    small.udp(small.client, small.server, 53, [small.start + 70], delay=delay)
    answers = [row for row in played(small) if row[0] == "client" and row[2] == "10.0.1.5"]
    assert [row[3] for row in answers] == [action]


@pytest.mark.parametrize(("peer", "cut"), [("10.0.1.0/24", False), (ANY4, True)])
def test_removing_a_rule_cuts_untracked_flows_only(small, peer, cut):
    small.db.allow("tcp", 8443, peer, until=small.at(0.5))
    small.tcp(small.client, small.server, 8443, [small.at(0.4)], "it", dur=3000, beat=10)
    played(small)
    assert small.sessions[0].cut is cut


def test_an_acl_cuts_tracked_flows_too(small):
    small.far.acl.entry(50, "tcp", (5432, 5432), "10.0.1.0/24", allow=False, since=small.at(0.5))
    small.tcp(small.client, small.server, 5432, [small.start - 500], "it", dur=9000, beat=10)
    small.plant("it", "acl-changed", "network-acl")
    told = World(lambda _: small, 1).truth()["problems"][0]["counts"]
    assert [told[n] for n in ("clients", "sessions", "attempts", "cut_sessions")] == [1, 1, 0, 1]


@pytest.mark.parametrize(
    ("ports", "opened"), [("FromPort=6379,ToPort=6379", ()), ("FromPort=6379,ToPort=6380", ("other",))]
)
def test_a_fix_is_replayed_on_all_that_was_refused(ports, opened):
    def build(_seed):
        s = Scene("small", 1)
        net = s.vpc("net", "10.0.0.0/16")
        client = s.host(s.subnet(net, "near", "10.0.1.0/24"), "client", s.group(net, "client"))
        server = s.host(s.subnet(net, "far", "10.0.2.0/24"), "server", s.group(net, "db"))
        for port, tag in ((6379, "it"), (6380, "other")):
            s.tcp(client, server, port, [s.start + 70], tag)
        return s

    world = World(build, 1)
    permission = f"IpProtocol=tcp,{ports},IpRanges=[{{CidrIp=10.0.1.0/24}}]"
    group_id = world.scene.groups[1].id
    fix = f"aws ec2 authorize-security-group-ingress --group-id {group_id} --ip-permissions '{permission}'"
    assert replay(fix, world, "it") == Replay(1, True, 0, opened)
    assert replay("", world, "it") == Replay(0, False, 1, ())


def test_a_nat_gateway_logs_as_in_aws_s_example(small):
    gate = small.nat(small.far)
    gate.addresses[0] = "10.0.0.220"
    small.near.nat = gate
    small.tcp(small.client, "203.0.113.5", 443, [small.start + 70], dur=0)
    world = World(lambda _: small, 1)
    seen = {(r.hop.src, r.hop.dst, r.hop.pkt_src, r.hop.pkt_dst) for r in world.records if r.hop.interface is gate}
    assert seen == {
        ("10.0.1.5", "10.0.0.220", "10.0.1.5", "203.0.113.5"),
        ("10.0.0.220", "203.0.113.5", "10.0.0.220", "203.0.113.5"),
    }


def test_a_transit_gateway_and_pods_log_primary_addresses(worlds):
    hops = {r.hop for r in worlds["transit"].records if r.hop.interface.kind == "transit_gateway"}
    assert all((hop.src if hop.egress else hop.dst) == hop.interface.address for hop in hops)
    assert all(hop.interface.address not in (hop.pkt_src, hop.pkt_dst) for hop in hops)
    nodes = {r.hop for r in worlds["pods"].records if r.hop.interface.name.startswith("node-")}
    assert any(hop.pkt_src.startswith("100.64.") for hop in nodes)
    assert not any("100.64" in hop.src for hop in nodes if hop.egress)


# --------------------------------------------------------------------------------- in every world


@pytest.mark.parametrize("name", WORLDS)
def test_every_refusal_is_planted_innocent_or_noise(worlds, name):
    records = [r for r in worlds[name].records if r.action == REJECT]
    assert all(session.tag for r in records for session in r.sessions if session.refusals)
    causes = Counter((s.tag, cause) for r in records for s in r.sessions for cause in r.causes)
    planted = {p.name: p.causes[0] for p in worlds[name].scene.problems}
    assert not {(tag, cause) for tag, cause in causes if tag in planted and planted[tag] != cause}
    assert not [p for p in worlds[name].truth()["problems"] if p["counts"]["sessions"] < 15]


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_a_pure_function_of_its_seed_and_of_a_fair_size(tmp_path, worlds, name):
    worlds[name].write(tmp_path / "one")
    WORLDS[name](SEED).write(tmp_path / "two")
    one, two = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*.*")} for f in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two
    assert 5_000 < len(lines(tmp_path / "one")) < 40_000


@pytest.mark.parametrize("name", ["nat", "slow"])
def test_all_formats_hold_the_same_records(tmp_path, worlds, name):
    def rows(version):
        worlds[name].write(tmp_path / str(version), version)
        shared = [FORMATS[version].index(field) for field in FORMATS[2][1:]]
        return sorted([line.split()[n] for n in shared] for line in lines(tmp_path / str(version)))

    wanted = rows(2)
    assert all(rows(version) == wanted for version in FORMATS if version != 2)


def test_numbers_are_those_of_the_log_that_is_written(tmp_path, worlds):
    truth = {action: worlds["slow"].write(tmp_path / action, 2, action, False) for action in ("ALL", ACCEPT, REJECT)}
    assert truth["ALL"]["problems"] == [p | {"seen_at": a["seen_at"], "seen_as": a["seen_as"]} for p, a in zip(
        truth[REJECT]["problems"], truth["ALL"]["problems"], strict=True)]  # fmt: skip
    assert {p["counts"]["records"] for p in truth[ACCEPT]["problems"]} == {0}
    assert {line.split()[-2:][0] for line in lines(tmp_path / REJECT)} == {"REJECT", "-"}
    assert not (tmp_path / REJECT / "network").exists()


def test_a_cut_and_the_snapshot_of_the_end_are_told(tmp_path, worlds):
    truth = {p["name"]: p for p in worlds["changes"].write(tmp_path)["problems"]}
    scene = worlds["changes"].scene
    open_then = [s for s in scene.sessions if s.tag == "acl-cut" and s.t0 < scene.at(0.7)]
    assert truth["acl-cut"]["counts"]["cut_sessions"] == len(open_then) > 5
    assert truth["repaired"]["causes"] == ("security-group", "rules-changed")
    made = json.loads((tmp_path / "network/describe-network-acls.json").read_text())
    numbers = {e["RuleNumber"] for acl in made["NetworkAcls"] for e in acl["Entries"]}
    assert 70 in numbers
    assert 75 not in numbers


def lines(folder) -> list[str]:
    """All records of a written world, headers left out."""
    found = sorted((folder / "AWSLogs").rglob("*.log.gz"))
    return [line for path in found for line in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]]


# ------------------------------------------------------------------------------------- the scorer


def finding(name="a", kind="blocked-client", cause="security-group", severity="high", **subject):
    empty = dict.fromkeys(("interface_id", "srcaddr", "dstaddr", "protocol", "dstport"))
    more = {"records": 1, "packets": 1, "first_seen": "", "last_seen": "", "title": "", "counts": {}}
    said = {"id": name, "kind": kind, "cause": cause, "severity": severity, "confidence": "high"}
    return said | more | {"subject": empty | subject}


@pytest.fixture
def truth(small):
    small.tcp(small.client, small.server, 6379, [small.start + 70], "it")
    small.problems.append(Problem("it", ("blocked-client",), ("security-group", "rules-changed")))
    small.tcp("80.1.2.3", small.server, 22, [small.start + 70], "noise")
    return World(lambda _: small, 1).truth() | {"version": 5, "snapshot": False}


HERE = {"srcaddr": "10.0.1.0/24", "dstaddr": "10.0.2.9", "protocol": 6, "dstport": 6379}


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ([finding(**HERE)], "right"),
        ([finding(**HERE, severity="low")], "told low"),
        ([finding(**HERE, cause="undetermined")], "undetermined"),
        ([finding(**HERE), finding("b", cause="network-acl", **HERE)], "wrong"),
        ([finding(**HERE, cause="rules-changed")], "wrong"),
        ([finding(**HERE, kind="accepted-silent", cause=None)], "wrong"),
        ([finding(**HERE | {"dstport": 22})], "missed"),
        ([], "missed"),
    ],
)
def test_a_problem_is_right_wrong_undetermined_or_missed(truth, more, status):
    assert score(more, truth).results["it"][0] == status


def test_false_alarms_name_the_innocent_group_and_numbers_are_compared(truth):
    noisy = finding("n", dstaddr="10.0.2.9", dstport=22, srcaddr="80.1.2.3")
    told = finding(**HERE) | {"counts": {"attempts": 3, "clients": 1}, "title": "db (10.0.1.5) to x"}
    made = score([noisy, told], truth)
    assert [group for group, _ in made.false_alarms] == ["noise"]
    assert {("it", "attempts", 3, 1), ("it", "name", "db", "client")} < set(made.numbers)
    assert not overlaps(finding(dstport=6379), truth["problems"][0])


def test_the_page_of_calibration_says_how_often_a_confidence_is_right(tmp_path, truth):
    right, wrong = (score([finding(**HERE, cause=cause)], truth) for cause in ("security-group", "network-acl"))
    publish(tmp_path / "page.md", "1", {"Version 5": {("small", 1): (right, []), ("small", 2): (wrong, [])}})
    page = (tmp_path / "page.md").read_text()
    assert "## Version 5\n" in page and "1 simulated worlds" in page and "seeds 1, which no rule was tuned on" in page
    assert "| high | 1 | 1 | 50.0% | 0 |" in page
    assert "2 planted problems, 0 missed." in page
    assert "2 root causes told by 2 findings, 2 incidents." in page
