"""The smallest rule, as commands and Terraform, and the use of the rules there are."""

import random
import shlex
from ipaddress import ip_address, ip_network

import pytest
from support import write_log
from test_network import ANY, OPEN, acl, entry, group, interface, permission, write_snapshot

from flowkit.loading.network import read_snapshot
from flowkit.log import load
from flowkit.questions.fixes import TrafficToAllow, acl_fix, group_fix, replay, reply_ports  # fmt: skip
from flowkit.questions.least_privilege import least_privilege
from flowkit.questions.networks import enclosing_network, merged
from flowkit.questions.rules import Packet, evaluate, rule_use
from flowkit.reporting.reachability import reachability
from flowkit.reporting.rejected import ACCEPT_ONLY, rejected


@pytest.fixture
def network(tmp_path):
    """Two application hosts and a database that lets in only the cache's clients, and answers no far range."""
    return read_snapshot(
        write_snapshot(
            tmp_path / "network",
            [
                interface("eni-app1", "10.0.0.5", ["sg-app"]),
                interface("eni-app2", "10.0.0.6", ["sg-app"]),
                interface("eni-db", "10.0.1.7", ["sg-base", "sg-db"], "subnet-2"),
            ],
            [
                group("sg-app", egress=[permission("-1", cidr=ANY)]),
                group("sg-base", [permission("tcp", 8000, 8010, cidr="10.0.0.0/16")]),
                group("sg-cache"),
                group(
                    "sg-db",
                    [permission("tcp", 5432, 5432, group="sg-app"), permission("tcp", 6379, 6379, group="sg-cache")],
                ),
            ],
            [
                acl("acl-app", OPEN),
                acl("acl-db", [entry(2, True, "deny", "198.51.100.0/25", "6", (1024, 65535)), *OPEN], ["subnet-2"]),
            ],
        )
    )


def words(command):
    return shlex.split(command)


# --------------------------------------------------------------------------------------- security groups


def test_a_missing_rule_names_the_group_that_knows_the_port_and_one_address(network):
    fix = group_fix(TrafficToAllow("eni-db", False, ("10.0.0.5",), 6, (6379, 6379)), network)
    assert [words(command) for command in fix.commands] == [
        ["aws", "ec2", "authorize-security-group-ingress", "--group-id", "sg-db", "--ip-permissions",
         "IpProtocol=tcp,FromPort=6379,ToPort=6379,IpRanges=[{CidrIp=10.0.0.5/32}]"]
    ]  # fmt: skip
    assert fix.terraform == (
        'resource "aws_vpc_security_group_ingress_rule" "flowkit_sg_db_ingress_tcp_6379" {\n'
        '  security_group_id = "sg-db"\n'
        '  cidr_ipv4         = "10.0.0.5/32"\n'
        '  ip_protocol       = "tcp"\n'
        "  from_port         = 6379\n"
        "  to_port           = 6379\n"
        "}"
    )


def test_all_members_of_a_group_are_let_in_by_its_name(network):
    fix = group_fix(TrafficToAllow("eni-db", False, ("10.0.0.5", "10.0.0.6"), 6, (9100, 9100)), network)
    assert "UserIdGroupPairs=[{GroupId=sg-app}]" in fix.commands[0]
    assert 'referenced_security_group_id = "sg-app"' in fix.terraform


def test_without_a_snapshot_the_group_is_to_be_looked_up(network):
    fix = group_fix(TrafficToAllow("eni-x;reboot", True, ("2001:db8::9",), 17, (53, 53)), None)
    assert words(fix.commands[0])[:5] == [
        "aws", "ec2", "describe-network-interfaces", "--network-interface-ids", "eni-x;reboot",
    ]  # fmt: skip
    assert words(fix.commands[1])[2:] == [
        "authorize-security-group-egress", "--group-id", "YOUR_SECURITY_GROUP", "--ip-permissions",
        "IpProtocol=udp,FromPort=53,ToPort=53,Ipv6Ranges=[{CidrIpv6=2001:db8::9/128}]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("far", "port", "warned"),
    [("203.0.113.9", 22, True), ("203.0.113.9", 3389, True), ("10.0.0.9", 22, False), ("203.0.113.9", 443, False)],
)
def test_an_admin_port_for_the_internet_comes_with_a_warning(network, far, port, warned):
    fix = group_fix(TrafficToAllow("eni-db", False, (far,), 6, (port, port)), network)
    assert bool(fix.warnings) == warned
    assert all(f"to {far}:" in warning for warning in fix.warnings)


# ------------------------------------------------------------------------------------------ network ACLs


def test_an_acl_entry_comes_before_the_one_that_refuses_and_then_lets_pass(network):
    refused = evaluate(network, "eni-db", Packet(True, "10.0.1.7", "198.51.100.9", 6, 40000), reply=True)
    fix = acl_fix(TrafficToAllow("eni-db", True, ("198.51.100.9",), 6, reply_ports(40000, 60000)), refused, network)
    assert [words(command)[2:] for command in fix.commands] == [
        ["create-network-acl-entry", "--network-acl-id", "acl-db", "--egress", "--rule-number", "1", "--protocol", "6",
         "--port-range", "From=32768,To=65535", "--cidr-block", "198.51.100.9/32", "--rule-action", "allow"]
    ]  # fmt: skip
    assert 'rule_number    = 1\n  egress         = true\n  protocol       = "6"' in fix.terraform


def test_no_free_number_before_the_entry_is_said_and_the_entry_named(network):
    refused = evaluate(network, "eni-db", Packet(True, "10.0.1.7", "198.51.100.9", 6, 40000), reply=True)
    far = ("198.51.100.9", "198.51.100.64")
    fix = acl_fix(TrafficToAllow("eni-db", True, far, 6, (1024, 65535)), refused, network)
    assert len(fix.commands) == 1
    assert fix.warnings[0].startswith("acl-db has no free number before outbound rule 2 ")


def test_without_any_free_number_the_entry_has_none_and_is_not_replayed(tmp_path):
    first = entry(1, False, "deny", "198.51.100.0/24")
    folder = write_snapshot(tmp_path / "full", [interface("eni-1", "10.0.0.5", [])], [], [acl("acl-1", [first, *OPEN])])
    full, packet = read_snapshot(folder), Packet(False, "198.51.100.9", "10.0.0.5", 6, 443)
    fix = acl_fix(
        TrafficToAllow("eni-1", False, ("198.51.100.9",), 6, (443, 443)), evaluate(full, "eni-1", packet), full
    )
    assert "--rule-number FREE_NUMBER " in fix.commands[0] and "acl-1 has no free number" in fix.warnings[0]
    assert replay(full, [fix], [("eni-1", packet, False)], []) == ["it does not let tcp/443 from 198.51.100.9 pass"]


def test_the_last_rule_is_met_by_an_entry_after_all_others(network):
    refused = evaluate(network, "eni-db", Packet(False, "2001:db8::1", "2001:db8::2", 6, 443))
    fix = acl_fix(TrafficToAllow("eni-db", False, ("2001:db8::1",), 6, (443, 443)), refused, network)
    assert words(fix.commands[0])[5:8] == ["--ingress", "--rule-number", "101"]
    assert words(fix.commands[0])[-4:] == ["--ipv6-cidr-block", "2001:db8::1/128", "--rule-action", "allow"]


def test_without_a_snapshot_the_acl_is_to_be_looked_up():
    fix = acl_fix(TrafficToAllow("eni-db", False, ("198.51.100.9",), 1, None, (8, 0)), None, None)
    assert "NetworkInterfaces[].SubnetId" in fix.commands[0]
    assert "--network-acl-id YOUR_NETWORK_ACL --ingress --rule-number FREE_NUMBER" in fix.commands[1]
    assert "--icmp-type-code Type=8,Code=-1" in fix.commands[1]


def test_a_ping_needs_no_more_than_its_type(network):
    fix = group_fix(TrafficToAllow("eni-db", False, ("10.0.0.5",), 1, None, (8, 0)), network)
    assert "IpProtocol=icmp,FromPort=8,ToPort=-1,IpRanges=[{CidrIp=10.0.0.5/32}]" in fix.commands[0]
    assert "from_port         = 8\n  to_port           = -1" in fix.terraform


# --------------------------------------------------------------------------------------------------- replay

PING = Packet(False, "10.0.0.5", "10.0.1.7", 1, icmp=(8, 0))
CACHE = [Packet(False, f"10.0.0.{n}", "10.0.1.7", 6, 6379) for n in (5, 6)]
BACK = [Packet(True, "10.0.1.7", f"198.51.100.{n}", 6, 40000) for n in (9, 10)]


def test_a_fix_is_replayed_on_the_rules(network):
    asked = TrafficToAllow("eni-db", False, ("10.0.0.5",), 6, (6379, 6379))
    fix = group_fix(asked, network)
    allow, others = [("eni-db", CACHE[0], False)], [("eni-db", CACHE[1], False), ("eni-db", PING, False)]
    assert replay(network, [fix], allow, others) == []
    assert replay(network, [], allow, others) == ["it does not let tcp/6379 from 10.0.0.5 pass"]
    wide = group_fix(TrafficToAllow("eni-db", False, ("10.0.0.5", "10.0.0.6"), 6, (6379, 6379)), network)
    assert replay(network, [wide], allow, others) == [
        "it would let tcp/6379 from 10.0.0.6 pass too, which is rejected now"
    ]


def test_an_entry_is_replayed_in_its_order(network):
    denied = evaluate(network, "eni-db", BACK[0], reply=True)
    fix = acl_fix(TrafficToAllow("eni-db", True, ("198.51.100.9",), 6, (32768, 65535)), denied, network)
    allow, others = [("eni-db", BACK[0], True)], [("eni-db", BACK[1], True)]
    assert replay(network, [fix], allow, others) == []
    assert replay(network, [fix], others, allow) == [
        "it does not let tcp/40000 to 198.51.100.10 pass",
        "it would let tcp/40000 to 198.51.100.9 pass too, which is rejected now",
    ]


# ------------------------------------------------------------------------------------------------- sources


def test_merged_sources_hold_what_was_seen_and_nothing_else():
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    dice = random.Random(seed)  # noqa: S311
    for _round in range(200):
        four = {f"10.0.0.{dice.randrange(64)}" for _ in range(dice.randrange(1, 60))}
        six = {f"2001:db8::{dice.randrange(64):x}" for _ in range(dice.randrange(30))}
        networks = merged(four | six)
        held = {str(address) for network in networks for address in network}
        assert held == {str(ip_address(address)) for address in four | six}, seed
        for one in networks:
            twin = one.supernet()
            assert not set(twin) <= {ip_address(address) for address in held}, seed


@pytest.mark.parametrize(
    ("addresses", "block"),
    [
        (["198.51.100.81", "198.51.100.94"], "198.51.100.80/28"),
        (["198.51.100.81"], "198.51.100.81/32"),
        (["198.51.100.1", "198.51.101.1"], None),
        (["2001:db8::1", "2001:db8::2"], "2001:db8::/126"),
        (["198.51.100.1", "2001:db8::1"], None),
    ],
)
def test_a_block_around_addresses_is_no_larger_than_a_24(addresses, block):
    assert enclosing_network(addresses) == (block and ip_network(block))


# ------------------------------------------------------------------------------------------------ rule use


def line(src, dst, sport, dport, eni, start=1000, action="ACCEPT"):
    at = 1_700_006_400 + start
    return f"2 123456789010 {eni} {src} {dst} {sport} {dport} 6 5 900 {at} {at + 30} {action} OK"


def both(src, dst, sport, dport, eni, **more):
    return [line(src, dst, sport, dport, eni, **more), line(dst, src, dport, sport, eni, **more)]


def log_of(tmp_path, records, network=True):
    """The log of `records`, with the folder of the fixture `network` beside it."""
    folder = tmp_path / "network"
    return load(str(write_log(tmp_path / "logs" / "flow.log", records)), network=folder if network else None)


def test_every_rule_is_rated_by_the_conversations_it_let_in(tmp_path, network):
    log = log_of(
        tmp_path,
        [
            *both("10.0.0.5", "10.0.1.7", 40000, 5432, "eni-db"),
            *both("10.0.0.6", "10.0.1.7", 40001, 5432, "eni-db", start=5000),
            *both("10.0.0.5", "10.0.1.7", 40002, 8080, "eni-db"),
            *both("10.0.0.5", "10.0.1.7", 40003, 8000, "eni-db"),
            line("10.0.0.9", "10.0.1.7", 40004, 6379, "eni-db", action="REJECT"),
        ],
    )
    table = rule_use(log).set_index("rule")
    used = table.loc["tcp/5432 from sg-app"]
    assert (used.use, used.sessions, used.sources, used.shared) == ("in use", 2, 2, 0)
    assert used.seen == "ports 5432; 10.0.0.5/32, 10.0.0.6/32"
    assert f"{used['last']:%H:%M:%S}" == "01:23:50"
    assert table.use["tcp/6379 from sg-cache"] == "never used"
    assert table.use["tcp/8000-8010 from 10.0.0.0/16"] == "wider than its use"
    assert table.sessions["tcp/8000-8010 from 10.0.0.0/16"] == 1
    assert table.use["all traffic to 0.0.0.0/0"] == "no data"  # no record of its interfaces


def test_never_used_stands_beside_how_much_of_the_time_was_seen(tmp_path, network):
    skip = "2 123456789010 {} - - - - - - - {} {} - SKIPDATA"
    log = log_of(
        tmp_path,
        [
            *(line("10.0.0.5", "10.0.1.7", 40000, 5432, "eni-db", start=start) for start in (1000, 1060, 1180, 1210)),
            skip.format("eni-db", 1_700_007_520, 1_700_007_580),
            line("10.0.0.5", "10.0.1.7", 40000, 5432, "eni-app1", start=1000),
        ],
    )
    table = rule_use(log).set_index("rule")
    assert (table.use["tcp/6379 from sg-cache"], table.coverage["tcp/6379 from sg-cache"]) == ("never used", 0.75)
    # One of the group's two interfaces has no record at all.
    assert table.coverage["all traffic to 0.0.0.0/0"] == 0.5
    assert rejected(log).summary == (
        ACCEPT_ONLY,
        "Of 4 security group rules, 2 never used, 1 wider than their use (in 4 min, log coverage at least 50 %).",
    )


@pytest.mark.parametrize("peer", [{"group": "sg-0999"}, {"prefix_list": "pl-0123"}])
def test_the_use_of_a_rule_whose_peer_nobody_knows_is_unknown_and_it_is_never_narrowed(tmp_path, peer):
    unknown, name = permission("tcp", 5432, 5432, **peer), [*peer.values()][0]
    write_snapshot(
        tmp_path / "network",
        [interface("eni-db", "10.0.1.7", ["sg-db"])],
        [group("sg-db", [unknown, permission("tcp", 443, 443, cidr=ANY), permission("tcp", 22, 22, cidr=ANY)])],
        [acl("acl-1", OPEN)],
    )
    sessions = [(5432, 1000), (443, 1060)]
    log = log_of(
        tmp_path,
        [one for port, at in sessions for one in both("10.0.0.5", "10.0.1.7", 40000, port, "eni-db", start=at)],
    )
    table = rule_use(log).set_index("rule")
    assert table.use.tolist() == ["never used", "wider than its use", "unknown"]
    assert table.seen[f"tcp/5432 from {name}"] == f"the snapshot does not say which addresses {name} stands for"
    assert rejected(log).summary[-1] == (
        "Of 3 security group rules, 1 never used, 1 wider than their use (in 90 s, log coverage 100 %). The use of 1 other"
        " is unknown: the snapshot does not say which addresses its peer stands for."
    )
    (row,), narrowed = least_privilege(log)[0].itertuples(), least_privilege(log)[1]
    assert (row.narrowest, name in row.commands) == (f"tcp/443 from 10.0.0.5/32; tcp/5432 from {name}", False)
    assert any(rule.peer == name for rule in narrowed.groups["sg-db"].rules)


@pytest.mark.parametrize(
    ("peers", "listed", "why"),
    [
        ({"group": "sg-0999"}, True, "the snapshot does not say which addresses sg-0999 stands for"),
        ({"prefix_list": "pl-1"}, True, "the snapshot does not say which addresses pl-1 stands for"),
        (None, False, "the snapshot lacks sg-db"),  # as in one page of many
    ],
)
def test_a_group_that_may_admit_a_client_is_not_said_to_lack_a_rule(tmp_path, peers, listed, why):
    rules = [permission("tcp", 6379, 6379, **peers)] if peers else []
    write_snapshot(
        tmp_path / "network",
        [interface("eni-db", "10.0.1.7", ["sg-db"])],
        [group("sg-db", rules)] if listed else [],
        [acl("acl-1", OPEN)],
    )
    accepted = both("10.0.0.5", "10.0.1.7", 4, 5432, "eni-db")
    tries = [line("10.0.0.5", "10.0.1.7", 40000 + n, 6379, "eni-db", 1000 + n, "REJECT") for n in range(0, 600, 60)]
    (found,) = rejected(log_of(tmp_path, [*accepted, *tries]), min_score=0).findings
    assert found.title.endswith(f"security group sg-db has no ingress rule that is known to admit it ({why}).")
    assert why in found.grounds and "Replayed on the rules" not in found.action
    assert ("--group-id YOUR_SECURITY_GROUP" in found.action) is not listed


def test_a_snapshot_of_other_interfaces_is_said_once_and_with_what_rests_on_it(tmp_path, network):
    accepted = both("10.9.0.5", "10.9.1.7", 45000, 5432, "eni-far", start=970)
    tries = [line("10.9.0.5", "10.9.1.7", 40000 + n, 6379, "eni-far", 1000 + n, "REJECT") for n in range(0, 600, 60)]
    log = log_of(tmp_path, [*accepted, *tries])
    answer, lacks = rejected(log, min_score=0), "the snapshot lacks this interface"
    said = "Of 1 interface of the log, 0 are in the network snapshot: is it of the same account, region and time?"
    assert answer.summary.count(said) == 1 and answer.summary[0] == said
    (found,) = answer.findings
    assert f"{lacks}: it may be of another account, region or time" in found.grounds
    assert found.action.startswith(lacks.capitalize()) and "would tell" not in "".join(found.grounds)
    lines = tmp_path / "expect.csv"
    lines.write_text("name,source,destination,protocol,port,expect\nshut,10.9.0.5,10.9.1.7,tcp,5432,block\n")
    reached = reachability(log, lines)
    assert reached.summary[0] == said
    (opened,) = [one for one in reached.findings if one.kind == "newly-reachable"]
    assert opened.action.startswith(f"Find the rule that lets it in. {lacks.capitalize()}")


def test_a_log_of_rejections_only_says_nothing_of_the_use_of_rules(tmp_path, network):
    table = rule_use(log_of(tmp_path, [line("10.0.0.5", "10.0.1.7", 4, 5432, "eni-db", action="REJECT")]))
    assert set(table.use) == {"no data"}
    assert set(table.coverage) == {0.0}


def test_sessions_that_two_rules_let_in_are_shared_and_the_narrowest_network_counts(tmp_path):
    write_snapshot(
        tmp_path / "network",
        [interface("eni-web", "10.0.0.5", ["sg-1", "sg-2"], six=["2001:db8::5"])],
        [
            group("sg-1", [permission("tcp", 443, 443, cidr=ANY), permission("tcp", 443, 443, six="2001:db8::/32")]),
            group("sg-2", [permission("tcp", 443, 443, cidr="203.0.113.0/24")]),
            group("sg-3", [permission("tcp", 443, 443, cidr=ANY)]),
        ],
        [acl("acl-1", OPEN)],
    )
    log = log_of(
        tmp_path,
        [
            *both("203.0.113.9", "10.0.0.5", 40000, 443, "eni-web"),
            *both("198.51.100.9", "10.0.0.5", 40001, 443, "eni-web"),
            *both("2001:db8::9", "2001:db8::5", 40001, 443, "eni-web"),
        ],
    )
    table = rule_use(log)
    assert table[["group_id", "rule", "use", "sessions", "shared"]].values.tolist() == [
        ["sg-1", "tcp/443 from 0.0.0.0/0", "wider than its use", 2, 1],
        ["sg-1", "tcp/443 from 2001:db8::/32", "wider than its use", 1, 0],
        ["sg-2", "tcp/443 from 203.0.113.0/24", "wider than its use", 1, 1],
        ["sg-3", "tcp/443 from 0.0.0.0/0", "no interface", 0, 0],
    ]


def test_many_far_addresses_of_one_network_are_counted_together(tmp_path, network):
    records = [one for n in range(200) for one in both(f"10.0.{n}.9", "10.0.1.7", 40000, 8000, "eni-db")]
    used = rule_use(log_of(tmp_path, records)).set_index("rule").loc["tcp/8000-8010 from 10.0.0.0/16"]
    assert (used.sessions, used.sources, used.seen) == (200, 200, "ports 8000")


def test_without_a_snapshot_there_are_no_rules(tmp_path):
    assert rule_use(log_of(tmp_path, both("10.0.0.5", "10.0.1.7", 4, 5, "eni-1"), network=False)).empty
