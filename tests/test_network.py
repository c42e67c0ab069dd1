"""The rule evaluation against an independent one that works on AWS's JSON and on integers alone."""

import json
import random
import re
from ipaddress import ip_network

import pytest

from flowkit.loading.network import read_snapshot, snapshot_of
from flowkit.questions.rules import Packet, evaluate
from flowkit.reporting.names import owners

# ---------------------------------------------------------------- a small network, written as the CLI prints


def write_snapshot(folder, interfaces, groups, acls, subnets=None, lists=()):
    """The snapshot's folder, from what stands under the top key of each file."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "describe-network-interfaces.json": {"NetworkInterfaces": interfaces},
        "describe-security-groups.json": {"SecurityGroups": groups},
        "describe-network-acls.json": {"NetworkAcls": acls},
    }
    if subnets is not None:
        files["describe-subnets.json"] = {"Subnets": subnets}
    for name, entries in dict(lists).items():
        files[f"get-managed-prefix-list-entries-{name}.json"] = {"Entries": entries}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def interface(eni, address, groups, subnet="subnet-1", vpc="vpc-1", six=()):
    return {
        "NetworkInterfaceId": eni,
        "PrivateIpAddress": address,
        "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True}],
        "Ipv6Addresses": [{"Ipv6Address": one} for one in six],
        "SubnetId": subnet,
        "VpcId": vpc,
        "InterfaceType": "interface",
        "Description": f"{eni}'s description",
        "Groups": [{"GroupId": group, "GroupName": group} for group in groups],
    }


def permission(protocol, low=None, high=None, **peers):
    """One IpPermission; cidr, six, prefix_list and group name its peers."""
    found = {
        "IpProtocol": protocol,
        "IpRanges": [{"CidrIp": peers["cidr"]}] if "cidr" in peers else [],
        "Ipv6Ranges": [{"CidrIpv6": peers["six"]}] if "six" in peers else [],
        "PrefixListIds": [{"PrefixListId": peers["prefix_list"]}] if "prefix_list" in peers else [],
        "UserIdGroupPairs": [{"GroupId": peers["group"]}] if "group" in peers else [],
    }
    if low is not None:
        found |= {"FromPort": low, "ToPort": high}
    return found


def group(identifier, ingress=(), egress=()):
    return {
        "GroupId": identifier,
        "GroupName": identifier,
        "VpcId": "vpc-1",
        "IpPermissions": list(ingress),
        "IpPermissionsEgress": list(egress),
    }


def entry(number, egress, action, cidr, protocol="-1", ports=None, icmp=None):
    found = {"RuleNumber": number, "Egress": egress, "RuleAction": action, "Protocol": protocol}
    found["Ipv6CidrBlock" if ":" in cidr else "CidrBlock"] = cidr
    if ports:
        found["PortRange"] = {"From": ports[0], "To": ports[1]}
    if icmp:
        found["IcmpTypeCode"] = {"Type": icmp[0], "Code": icmp[1]}
    return found


def acl(identifier, entries, subnets=("subnet-1",)):
    return {
        "NetworkAclId": identifier,
        "VpcId": "vpc-1",
        "Entries": list(entries),
        "Associations": [{"SubnetId": subnet, "NetworkAclId": identifier} for subnet in subnets],
    }


ANY = "0.0.0.0/0"
BY_100 = " by inbound rule 100 (allow all traffic from 0.0.0.0/0)"
OPEN = [
    entry(100, False, "allow", "0.0.0.0/0"),
    entry(100, True, "allow", "0.0.0.0/0"),
    entry(32767, False, "deny", "0.0.0.0/0"),
    entry(32767, True, "deny", "0.0.0.0/0"),
]

# ------------------------------------------------------------------------------- the independent evaluation


def as_bits(address):
    """An address as the text of its bits: 32 or 128 of them."""
    if ":" not in address:
        return "".join(f"{int(part):08b}" for part in address.split("."))
    left, _, right = address.partition("::")
    head, tail = ([part for part in side.split(":") if part] for side in (left, right))
    middle = ["0"] * (8 - len(head) - len(tail)) if "::" in address else []
    return "".join(f"{int(part, 16):016b}" for part in head + middle + tail)


def in_cidr(address, cidr):
    base, _, length = cidr.partition("/")
    a, b = as_bits(address), as_bits(base)
    return len(a) == len(b) and a[: int(length)] == b[: int(length)]


def brute_service(protocol, low, high, packet):
    """Whether AWS's protocol and range fit, all numbers as AWS writes them (-1 and None: any)."""
    number = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}.get(protocol, protocol)
    if number == "-1":
        return True
    if int(number) != packet.protocol:
        return False
    if number in ("1", "58"):
        return low in (None, -1) or (low == packet.icmp[0] and high in (None, -1, packet.icmp[1]))
    return number not in ("6", "17") or low is None or packet.dstport in range(low, high + 1)


def brute_groups(files, eni, packet):
    """Whether any security group of the interface lets the packet pass; None without groups."""
    interfaces = files["describe-network-interfaces.json"]["NetworkInterfaces"]
    mine = next(one for one in interfaces if one["NetworkInterfaceId"] == eni)
    ids = [one["GroupId"] for one in mine["Groups"]]
    far = packet.dstaddr if packet.egress else packet.srcaddr
    for one in files["describe-security-groups.json"]["SecurityGroups"]:
        for rule in one["IpPermissionsEgress" if packet.egress else "IpPermissions"]:
            if one["GroupId"] not in ids:
                continue
            if not brute_service(rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"), packet):
                continue
            cidrs = [peer["CidrIp"] for peer in rule["IpRanges"]]
            cidrs += [peer["CidrIpv6"] for peer in rule["Ipv6Ranges"]]
            for peer in rule["PrefixListIds"]:
                name = f"get-managed-prefix-list-entries-{peer['PrefixListId']}.json"
                cidrs += [line["Cidr"] for line in files[name]["Entries"]]
            for peer in rule["UserIdGroupPairs"]:
                for other in interfaces:
                    if {"GroupId": peer["GroupId"], "GroupName": peer["GroupId"]} in other["Groups"]:
                        cidrs.append(other["PrivateIpAddress"] + "/32")
                        cidrs += [six["Ipv6Address"] + "/128" for six in other["Ipv6Addresses"]]
            if any(in_cidr(far, cidr) for cidr in cidrs):
                return True
    return False if ids else None


def brute_acl(files, eni, packet):
    """(allowed, rule number) by the ACL of the interface's subnet; (None, None) inside the subnet."""
    mine = next(
        one
        for one in files["describe-network-interfaces.json"]["NetworkInterfaces"]
        if one["NetworkInterfaceId"] == eni
    )
    far = packet.dstaddr if packet.egress else packet.srcaddr
    subnet = next(one for one in files["describe-subnets.json"]["Subnets"] if one["SubnetId"] == mine["SubnetId"])
    if in_cidr(far, subnet["CidrBlock"]):
        return None, None
    found = []
    for one in files["describe-network-acls.json"]["NetworkAcls"]:
        if mine["SubnetId"] not in [link["SubnetId"] for link in one["Associations"]]:
            continue
        for rule in one["Entries"]:
            ports, icmp = rule.get("PortRange", {}), rule.get("IcmpTypeCode", {})
            low, high = ports.get("From", icmp.get("Type")), ports.get("To", icmp.get("Code"))
            fits = rule["Egress"] == packet.egress and brute_service(rule["Protocol"], low, high, packet)
            if fits and in_cidr(far, rule.get("CidrBlock") or rule.get("Ipv6CidrBlock")):
                found.append((rule["RuleNumber"], rule["RuleAction"] == "allow"))
    return (min(found)[1], min(found)[0]) if found else (False, None)


# -------------------------------------------------------------------------------------- random networks


def random_network(dice):
    """Files of a random network; addresses and ports lie close together, so that rules often meet packets."""
    four = lambda: f"10.0.{dice.randrange(4)}.{dice.randrange(8)}"  # noqa: E731
    six = lambda: f"2001:db8::{dice.randrange(4):x}:{dice.randrange(8):x}"  # noqa: E731

    def cidr():
        if dice.random() < 0.3:
            length = dice.choice([0, 32, 112, 128])
            return {0: "::/0", 32: "2001:db8::/32", 112: f"2001:db8::{dice.randrange(4):x}:0/112"}.get(
                length, six() + "/128"
            )
        length = dice.choice([0, 22, 24, 29, 30, 32])
        bits = int(as_bits(four()), 2) >> (32 - length) << (32 - length)
        return ".".join(str(bits >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{length}"

    def service():
        protocol = dice.choice(["tcp", "udp", "icmp", "icmpv6", "-1", "47", "6", "1"])
        if protocol in ("icmp", "icmpv6", "1"):
            return protocol, dice.choice([-1, 0, 8]), dice.choice([-1, 0])
        low = dice.randrange(8)
        return (protocol, low, low + dice.randrange(3)) if protocol in ("tcp", "udp", "6") else (protocol,)

    def permissions():
        for _ in range(dice.randrange(1, 8)):
            kind = dice.choice(["cidr", "cidr", "prefix_list", "group"])
            one = cidr()
            peer = {
                "cidr": {"six" if ":" in one else "cidr": one},
                "prefix_list": {"prefix_list": dice.choice(["pl-1", "pl-2"])},
                "group": {"group": dice.choice(["sg-1", "sg-2", "sg-3"])},
            }[kind]
            yield permission(*service(), **peer)

    def entries():
        for egress in (False, True):
            for number in dice.sample(range(1, 300), dice.randrange(3, 9)):
                protocol, *span = service()
                number_of = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}
                protocol = number_of.get(protocol, protocol)
                ports = tuple(span) if protocol in ("6", "17") and dice.random() < 0.8 else None
                icmp = tuple(span) if protocol in ("1", "58") else None
                action = dice.choice(["allow", "allow", "allow", "deny"])
                yield entry(number, egress, action, cidr(), protocol, ports, icmp)
            yield entry(32767, egress, "deny", "0.0.0.0/0")

    enis = [
        interface(
            f"eni-{number}",
            f"10.0.{number % 2}.{number}",
            dice.sample(["sg-1", "sg-2", "sg-3"], number % 3 + (number == 0)),
            f"subnet-{number % 2}",
            six=[f"2001:db8::{number % 2:x}:{number:x}"] if number % 3 == 0 else [],
        )
        for number in range(6)
    ]
    return {
        "describe-network-interfaces.json": {"NetworkInterfaces": enis},
        "describe-security-groups.json": {
            "SecurityGroups": [group(f"sg-{number}", permissions(), permissions()) for number in range(1, 4)]
        },
        "describe-network-acls.json": {
            "NetworkAcls": [acl(f"acl-{number}", entries(), [f"subnet-{number}"]) for number in range(2)]
        },
        "describe-subnets.json": {
            "Subnets": [
                {"SubnetId": f"subnet-{number}", "CidrBlock": f"10.0.{number}.0/24", "VpcId": "vpc-1"}
                for number in range(2)
            ]
        },
        "get-managed-prefix-list-entries-pl-1.json": {"Entries": [{"Cidr": "10.0.2.0/24"}]},
        "get-managed-prefix-list-entries-pl-2.json": {
            "Entries": [{"Cidr": "10.0.3.0/30"}, {"Cidr": "2001:db8::2:0/112"}]
        },
    }


def random_packet(dice, files, eni):
    interfaces = files["describe-network-interfaces.json"]["NetworkInterfaces"]
    own = next(one for one in interfaces if one["NetworkInterfaceId"] == eni)
    six = bool(own["Ipv6Addresses"]) and dice.random() < 0.5
    mine = own["Ipv6Addresses"][0]["Ipv6Address"] if six else own["PrivateIpAddress"]
    far = (
        f"2001:db8::{dice.randrange(4):x}:{dice.randrange(8):x}"
        if six
        else f"10.0.{dice.randrange(4)}.{dice.randrange(8)}"
    )
    protocol = dice.choice([6, 6, 17, 58 if six else 1, 47])
    icmp = (dice.choice([0, 3, 8]), dice.choice([0, 1])) if protocol in (1, 58) else None
    egress = dice.random() < 0.5
    source, target = (mine, far) if egress else (far, mine)
    return Packet(egress, source, target, protocol, None if icmp else dice.randrange(10), icmp)


def test_the_evaluation_equals_an_independent_one_on_ten_thousand_packets(tmp_path):
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    dice, seen = random.Random(seed), {}  # noqa: S311
    for number in range(50):
        files = random_network(dice)
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(json.dumps(content))
        snapshot = read_snapshot(folder)
        for _ in range(200):
            eni = f"eni-{dice.randrange(6)}"
            packet, reply = random_packet(dice, files, eni), dice.random() < 0.3
            verdict = evaluate(snapshot, eni, packet, reply)
            groups = None if reply else brute_groups(files, eni, packet)
            allowed, rule = brute_acl(files, eni, packet)
            said = (verdict.groups_allow, verdict.acl_allows, verdict.entry and verdict.entry.number)
            assert said == (groups, allowed, rule), (seed, number, eni, packet, reply)
            seen[groups, allowed] = seen.get((groups, allowed), 0) + 1
    print(seen)
    assert sum(seen.values()) == 10_000
    assert all(seen.get((a, b), 0) > 20 for a in (True, False) for b in (True, False)), seen


# ------------------------------------------------------------------------------------------ by example


@pytest.fixture
def small(tmp_path):
    """A web server and a database; the database's group wants the web server's group, and a list."""
    return read_snapshot(
        write_snapshot(
            tmp_path / "network",
            [
                interface("eni-web", "10.0.0.5", ["sg-web"], six=["2001:db8::5"]),
                interface("eni-db", "10.0.1.7", ["sg-db", "sg-base"], "subnet-2"),
                interface("eni-nat", "10.0.0.9", []),
            ],
            [
                group("sg-web", [permission("tcp", 443, 443, cidr=ANY)], [permission("-1", cidr=ANY)]),
                group("sg-db", [permission("tcp", 5432, 5432, group="sg-web"),
                                permission("icmp", 8, -1, cidr="10.0.0.0/8"),
                                permission("tcp", 22, 22, prefix_list="pl-office"),
                                permission("tcp", 9100, 9100, prefix_list="pl-absent")]),
                group("sg-base"),
            ],
            [
                acl("acl-web", OPEN),
                acl("acl-db", [entry(70, True, "deny", "198.51.100.128/25", "6", (1024, 65535)), *OPEN],
                    ["subnet-2"]),
            ],
            lists={"pl-office": [{"Cidr": "192.0.2.0/24"}]},
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("eni", "packet", "reply", "cause", "grounds"),
    [
        pytest.param(
            "eni-db", Packet(False, "10.0.0.5", "10.0.1.7", 6, 5432), False, "rules-changed",
            ("security group sg-db allows it (ingress rule: tcp/5432 from sg-web)",
             "network ACL acl-db allows tcp/5432 from 10.0.0.5" + BY_100),
            id="a group reference means the private addresses of its interfaces",
        ),
        pytest.param(
            "eni-db", Packet(False, "10.0.0.9", "10.0.1.7", 6, 5432), False, "security-group",
            ("security group sg-db, sg-base has no ingress rule for tcp/5432 from 10.0.0.9",
             "network ACL acl-db allows tcp/5432 from 10.0.0.9" + BY_100),
            id="a missing rule names every group that was asked",
        ),
        pytest.param(
            "eni-db", Packet(True, "10.0.1.7", "198.51.100.130", 6, 50000), True, "network-acl",
            ("network ACL acl-db denies tcp/50000 to 198.51.100.130 by outbound rule 70"
             " (deny tcp/1024-65535 to 198.51.100.128/25)",),
            id="a refused reply is the ACL's alone",
        ),
        pytest.param(
            "eni-db", Packet(True, "10.0.1.7", "198.51.100.130", 6, 50000), False,
            "security-group-and-network-acl",
            ("security group sg-db, sg-base has no egress rule for tcp/50000 to 198.51.100.130",
             "network ACL acl-db denies tcp/50000 to 198.51.100.130 by outbound rule 70"
             " (deny tcp/1024-65535 to 198.51.100.128/25)"),
            id="both",
        ),
        pytest.param(
            "eni-db", Packet(False, "192.0.2.1", "10.0.1.7", 6, 9100), False, "security-group",
            ("security group sg-db, sg-base has no ingress rule for tcp/9100 from 192.0.2.1",
             "network ACL acl-db allows tcp/9100 from 192.0.2.1" + BY_100,
             "the snapshot does not say which addresses pl-absent stands for"),
            id="a prefix list that the snapshot lacks is said",
        ),
        pytest.param(
            "eni-nat", Packet(False, "10.0.0.5", "10.0.0.9", 6, 443), False, "rules-changed", (),
            id="no groups, and inside the subnet no ACL",
        ),
    ],
)  # fmt: skip
def test_the_verdict_names_who_refuses_and_by_which_rule(small, eni, packet, reply, cause, grounds):
    verdict = evaluate(small, eni, packet, reply)
    assert verdict.cause == cause
    assert verdict.grounds == grounds


def test_icmp_rules_go_by_type(small):
    ping = Packet(False, "10.9.9.9", "10.0.1.7", 1, icmp=(8, 0))
    assert evaluate(small, "eni-db", ping).allowed
    assert not evaluate(small, "eni-db", Packet(False, "10.9.9.9", "10.0.1.7", 1, icmp=(0, 0))).allowed


def test_an_ipv6_source_is_not_let_in_by_an_ipv4_rule(small):
    verdict = evaluate(small, "eni-web", Packet(False, "2001:db8::99", "2001:db8::5", 6, 443))
    assert verdict.cause == "security-group-and-network-acl"


def test_subnets_are_known_without_their_file(small):
    assert {name: subnet.acl_id for name, subnet in small.subnets.items()} == {
        "subnet-1": "acl-web",
        "subnet-2": "acl-db",
    }


def test_an_address_finds_its_interface(small):
    assert small.owner("2001:0db8::5").interface_id == "eni-web"
    assert small.owner("192.0.2.1") is None
    assert small.owner("no address") is None
    assert small.label("eni-web") == "eni-web's description"
    assert small.label("eni-unknown") == "eni-unknown"


def named(eni, address, description, subnet="subnet-1", **more):
    return interface(eni, address, [], subnet, **{k: more.pop(k) for k in ("vpc",) if k in more}) | {
        "Description": description, **more,
    }  # fmt: skip


@pytest.fixture
def hosts(tmp_path):
    """Interfaces with all kinds of names, in two VPCs of one CIDR and two accounts."""
    tag = lambda name: [{"Key": "Name", "Value": name}]  # noqa: E731
    folder = write_snapshot(
        tmp_path / "hosts",
        [
            named("eni-0001", "10.0.0.1", "Primary network interface", TagSet=tag("web-1")),
            named("eni-0002", "10.0.0.2", "Primary network interface", Attachment={"InstanceId": "i-db"}),
            named("eni-0003", "10.0.0.3", "Primary network interface", Attachment={"InstanceId": "i-unknown"}),
            named("eni-0004", "10.0.0.4", "ELB app/shop/50dc6c495c0c9188"),
            named("eni-0005", "10.0.0.5", "Interface for NAT Gateway nat-0a", PrivateIpAddresses=[
                {"PrivateIpAddress": "10.0.0.5", "Association": {"PublicIp": "192.0.2.5"}}]),
            named("eni-0006", "10.0.0.6", "aws-K8S-i-0abc", Attachment={"InstanceId": "i-node"},
                  Ipv4Prefixes=[{"Ipv4Prefix": "10.0.0.32/28"}]),
            named("eni-0007", "10.0.0.7", "", Attachment={"InstanceId": "i-node"}),
            named("eni-0008", "10.0.0.8", "RDSNetworkInterface"),
            named("eni-0009", "10.0.0.1", "", "subnet-2", vpc="vpc-2", TagSet=tag("other-1")),
        ],
        [], [acl("acl-1", OPEN, ["subnet-1", "subnet-2"])],
    )  # fmt: skip
    (folder / "describe-instances.json").write_text(json.dumps({"Reservations": [
        {"Instances": [{"InstanceId": "i-db", "Tags": tag("db-1")}]},
        {"Instances": [{"InstanceId": "i-node", "Tags": tag("node")}, {"InstanceId": "i-bare"}]},
    ]}))  # fmt: skip
    (folder / "describe-nat-gateways.json").write_text(
        json.dumps({"NatGateways": [{"NatGatewayId": "nat-0a", "Tags": tag("exit-a")}]})
    )
    return folder


def test_hosts_are_named_by_tags_then_instances_then_what_a_description_says(hosts):
    snapshot = read_snapshot(hosts)
    assert {eni: one.name for eni, one in snapshot.interfaces.items()} == {
        "eni-0001": "web-1", "eni-0002": "db-1", "eni-0003": "eni-0003", "eni-0004": "shop",
        "eni-0005": "NAT gateway exit-a", "eni-0006": "node …0006", "eni-0007": "node …0007", "eni-0008": "eni-0008",
        "eni-0009": "other-1",
    }  # fmt: skip
    assert "10.0.0.3" not in dict(snapshot.names())


def test_owners_are_those_of_the_tags_of_interfaces_then_instances(hosts):
    path = hosts / "describe-network-interfaces.json"
    listed = json.loads(path.read_text())
    listed["NetworkInterfaces"][0]["TagSet"].append({"Key": "team", "Value": "web <b>team</b>"})
    path.write_text(json.dumps(listed))
    tags = [{"Key": "Contact", "Value": "dba@example.com"}, {"Key": "Owner", "Value": "data"}]
    reservations = [{"Instances": [{"InstanceId": "i-db", "Tags": tags}]}]
    (hosts / "describe-instances.json").write_text(json.dumps({"Reservations": reservations}))
    snapshot = read_snapshot(hosts)
    assert {eni: one.owner for eni, one in snapshot.interfaces.items() if one.owner} == {
        "eni-0001": "web <b>team</b>", "eni-0002": "data",
    }  # fmt: skip
    subjects = [{"interface_id": eni, "srcaddr": "192.0.2.1", "dstaddr": end} for eni, end in (
        ("eni-0001", "10.0.0.2"), (None, "10.0.0.2"), (None, "10.0.0.0/8"), (None, None))]  # fmt: skip
    found = [{"id": number, "subject": subject} for number, subject in enumerate(subjects)]
    assert owners(found, snapshot) == {0: "web <b>team</b>", 1: "data", 2: "", 3: ""}
    assert owners(found[:1], None) == {0: ""}


def test_an_address_of_two_vpcs_is_the_one_of_the_vpc_that_asks(hosts):
    snapshot = read_snapshot(hosts)
    assert snapshot.owner("10.0.0.1", "vpc-1").name == "web-1"
    assert snapshot.owner("10.0.0.1", "vpc-2").name == "other-1"
    assert snapshot.owner("10.0.0.1") is None


def test_pods_have_addresses_of_their_nodes_prefix(hosts):
    assert read_snapshot(hosts).owner("10.0.0.40").interface_id == "eni-0006"


def test_the_digest_changes_with_any_byte_of_any_file(hosts):
    before = read_snapshot(hosts).digest
    assert read_snapshot(hosts).digest == before
    path = hosts / "describe-nat-gateways.json"
    path.write_text(path.read_text() + " ")
    assert read_snapshot(hosts).digest != before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("describe-security-groups.json", None, "describe-security-groups.json is missing"),
        ("describe-security-groups.json", "{", "describe-security-groups.json is not `aws ec2` output"),
        ("describe-network-acls.json", "[]", 'describe-network-acls.json is not `aws ec2` output with'),
        (
            "describe-network-interfaces.json",
            '{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}]}',
            "describe-network-interfaces.json: item 1 of NetworkInterfaces: lacks 'SubnetId'",
        ),
        (
            "describe-security-groups.json",
            json.dumps({"SecurityGroups": [group("sg-1", [permission("tcp", 1, 2, cidr="10.0.0.300/32")])]}),
            "item 1 of SecurityGroups: .*10.0.0.300",
        ),
        (
            "describe-network-acls.json",
            json.dumps({"NetworkAcls": [acl("acl-1", [entry(1, True, "Allow", "0.0.0.0/0")])]}),
            "item 1 of NetworkAcls: rule 1: RuleAction is 'Allow'",
        ),
        (
            "describe-security-groups.json",
            json.dumps({"SecurityGroups": [], "NextToken": "abc"}),
            r"is one page of many \(it ends with a NextToken\)",
        ),
    ],
)  # fmt: skip
def test_a_broken_snapshot_is_refused_by_file_and_reason(tmp_path, name, content, message):
    folder = write_snapshot(tmp_path / "network", [], [], [])
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_snapshot(folder)
    assert re.search(re.escape(str(folder / name)), str(caught.value))
    assert "`flowkit snapshot network`" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_aws_leaves_out_or_writes_as_null_is_none(tmp_path):
    six = {"SubnetId": "subnet-6", "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8::/64"}]}
    nothing = dict.fromkeys(["Groups", "PrivateIpAddresses", "Ipv6Addresses", "Ipv4Prefixes", "Attachment", "TagSet"])
    bare = interface("eni-1", "10.0.0.5", []) | nothing | {"Description": None}
    numbered = interface("eni-2", "10.0.0.6", []) | {"TagSet": [{"Key": "Name", "Value": 5}, {"Key": "Owner"}]}
    groups = [group("sg-1") | {"IpPermissions": None}, group("sg-2", [permission("tcp", 1, 2) | {"IpRanges": None}])]
    acls = [acl("acl-1", OPEN) | {"Associations": None}]
    found = read_snapshot(
        write_snapshot(tmp_path, [bare, numbered], groups, acls, [six, six | {"SubnetId": "subnet-1"}])
    )
    assert found.subnets["subnet-6"].cidrs == (ip_network("2001:db8::/64"),)
    assert (found.interfaces["eni-1"].addresses, found.interfaces["eni-1"].group_ids) == (("10.0.0.5",), ())
    assert [one.name for one in found.interfaces.values()] == ["eni-1", "5"]
    assert [one.rules for one in found.groups.values()] == [(), ()]


def test_no_folder_no_snapshot(tmp_path):
    assert snapshot_of("s3://bucket", None) is None
    with pytest.raises(ValueError, match="is not a folder"):
        snapshot_of("s3://bucket", tmp_path / "nothing")
