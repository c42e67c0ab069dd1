"""Situations that network engineers know, each a few records, with the answer that they give."""

import pytest
from test_network import ANY, OPEN, acl, entry, group, interface, permission, write_snapshot
from test_rejected import ENI, WITH_FLAGS, line, told

HOST, PEER = "10.0.1.5", "10.0.3.8"
#: Addresses of the internet that have nothing to do with each other.
PUBLIC = [f"{n}.7.{n}.9" for n in range(128, 187)]


def session(client, server, port, at, sport=40000, closing=0, packets=12, way=("ingress", "egress"), eni=ENI):
    """Both halves of a TCP conversation that was accepted."""
    there = line(
        client, server, sport, port, "ACCEPT", at, at + 20, packets=packets, flags=2 | closing, way=way[0], eni=eni
    )
    back = line(
        server, client, port, sport, "ACCEPT", at, at + 20, packets=packets, flags=18 | closing, way=way[1], eni=eni
    )
    return [there, back]


def refused(client, server, port, at, sport=40000, packets=4, size=None, flags=2, way="ingress", **more):
    return line(
        client, server, sport, port, "REJECT", at, at + 15, packets=packets, size=size, flags=flags, way=way, **more
    )


def data_after_a_reset():
    reset = line(HOST, PEER, 443, 46000, "ACCEPT", 22, 23, flags=4, way="egress")
    late = refused(PEER, HOST, 443, 24, 46000, size=4800, flags=0)
    return [*session(PEER, HOST, 443, 0, 46000), reset, late, *session(PEER, HOST, 443, 60, 46001, 1)]


def data_after_the_servers_fin():
    rows = []
    for n in range(3):
        there, back = session(PEER, HOST, 443, 300 * n, 46000 + n)
        rows += [
            there,
            back.replace(" 18 ", " 19 "),
            refused(PEER, HOST, 443, 300 * n + 25, 46000 + n, size=4800, flags=0),
        ]
    return [*rows, *session(PEER, HOST, 443, 900, 46009)]


def idle_connections_of_a_pool():
    rows = []
    for n in range(3):
        client = f"10.0.3.{8 + n}"
        rows += session(client, HOST, 5432, n, 47000 + n)
        rows += [refused(client, HOST, 5432, 700 + n, 47000 + n, 8, 960, flags=0)]
        rows += session(client, HOST, 5432, 830 + n, 47100 + n, 1)
    return rows


def a_group_that_changed_under_an_open_connection():
    rows = []
    for at in range(0, 900, 60):
        more = {"packets": 9, "end": at + 58}
        rows += [line(PEER, HOST, 45000, 6379, "ACCEPT", at, flags=0 if at else 2, way="ingress", **more),
                 line(HOST, PEER, 6379, 45000, "ACCEPT", at, flags=0 if at else 18, way="egress", **more)]  # fmt: skip
    return rows + [refused(PEER, HOST, 6379, 400 + 60 * n, 45001 + n) for n in range(4)]


def backscatter():
    served = [row for n in range(4) for row in session(PUBLIC[n], HOST, 443, 60 * n)]
    return served + [refused("192.0.2.200", HOST, 31337, 300 + n, 80, 1, 44, flags=18) for n in range(4)]


def health_checks_pass_and_clients_do_not():
    checks = [row for n in range(8) for row in session("10.0.0.50", HOST, 8080, 60 * n, 30000 + n, 1)]
    return checks + [refused(one, HOST, 8080, 60 * n, 52000 + n) for one in PUBLIC[:15] for n in range(8)]


def active_ftp():
    rows = []
    for n in range(5):
        rows += session(HOST, "10.0.4.21", 21, 60 * n, 40000 + n, way=("egress", "ingress"))
        rows += [refused("10.0.4.21", HOST, 40100 + n, 60 * n + 5, 20)]
    return rows


def a_tunnel_whose_data_is_refused():
    way = {"protocol": 17, "packets": 2, "flags": 0}
    ike = [line("203.0.113.65", HOST, 500, 500, "ACCEPT", 0, way="ingress", **way),
           line(HOST, "203.0.113.65", 500, 500, "ACCEPT", 0, way="egress", **way)]  # fmt: skip
    return ike + [refused("203.0.113.65", HOST, 0, 60 * n, 0, 40, 4800, flags=0, protocol=50) for n in range(6)]


def names_asked_by_broadcast():
    ends = (("10.0.1.255", 137), ("239.255.255.250", 1900), ("224.0.0.252", 5355), ("255.255.255.255", 67))
    return [refused(HOST, far, port, 60 * n, port, 3, 234, flags=0, way="egress", protocol=17)
            for far, port in ends for n in range(6)]  # fmt: skip


def a_host_inside_that_looks_around():
    return [refused("10.0.8.8", f"10.0.1.{host}", port, 60 * n, 50000 + n, 1, 60, eni=f"eni-{host:04x}")
            for n, (host, port) in enumerate((host, port) for host in (5, 6, 7) for port in (22, 445, 3389, 1433))]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "kind", "cause", "severity", "confidence"),
    [
        (data_after_a_reset, "late-packets", "closed-connection", "info", "high"),
        (data_after_the_servers_fin, "late-packets", "closed-connection", "info", "medium"),
        (idle_connections_of_a_pool, "blocked-client", "tracking-expired", "medium", "medium"),
        (a_group_that_changed_under_an_open_connection, "blocked-client", "security-group", "medium", "high"),
        (backscatter, "noise", None, "info", "high"),
        (health_checks_pass_and_clients_do_not, "blocked-service", "undetermined", "high", "low"),
        (active_ftp, "blocked-client", "undetermined", "medium", "low"),
        (a_tunnel_whose_data_is_refused, "blocked-client", "undetermined", "low", "low"),
        (names_asked_by_broadcast, "noise", None, "info", "high"),
        (a_host_inside_that_looks_around, "scan", None, "medium", "high"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_situation_gets_the_answer_of_an_engineer(tmp_path, rows, kind, cause, severity, confidence):
    healthy = session("10.0.3.99", "10.0.1.9", 443, 0, eni="eni-0009")  # the log is not one of rejections only
    found = told(tmp_path, *healthy, *rows(), fields=WITH_FLAGS)
    assert {(one.kind, one.cause, one.severity, one.confidence) for one in found} == {
        (kind, cause, severity, confidence)
    }


def test_no_ground_says_what_the_log_contradicts(tmp_path):
    (one,) = told(tmp_path, *idle_connections_of_a_pool(), fields=WITH_FLAGS)
    assert "the connection was open, and silent for more than 350 s" in one.grounds
    assert ": 3 open sessions cut from " in one.title and one.counts["attempts"] == 0
    assert not any("no accepted conversation" in ground for ground in one.grounds)
    (one,) = told(tmp_path, *data_after_a_reset(), fields=WITH_FLAGS)
    assert one.grounds[1:] == ("a new connection of 10.0.3.8 was accepted 21 s later", "a FIN or RST had closed it")


def test_answers_at_another_interface_than_the_question_are_judged_by_its_security_group(tmp_path):
    one, two = "eni-00000000000000013", "eni-00000000000000014"
    more = {"packets": 6, "size": 360, "flags": 2}
    rows = [
        line(PEER, "10.9.1.7", 50100, 443, "ACCEPT", 0, 30, way=way, eni=one, **more) for way in ("ingress", "egress")
    ]
    rows += [refused("10.9.1.7", PEER, 50100, 2, 443, 9, 540, flags=18, eni=two)]
    network = write_snapshot(
        tmp_path / "network", [interface(one, "10.0.5.10", ["sg-fw"]), interface(two, "10.0.6.10", ["sg-fw"])],
        [group("sg-fw", [permission("-1", cidr="10.0.0.0/16")], [permission("-1", cidr=ANY)])], [acl("acl-1", OPEN)],
    )  # fmt: skip
    (found,) = told(tmp_path, *rows, fields=WITH_FLAGS, network=network)
    assert (found.kind, found.cause) == ("reply-refused", "security-group")
    assert "appliance mode of a transit gateway attachment" in found.action


def test_where_no_address_is_known_both_entries_are_offered(tmp_path):
    rows = [line(HOST, PEER, 51000, 5432, "ACCEPT", 60 * n, packets=6) for n in range(2)]
    rows += [line(PEER, HOST, 5432, 51000, "REJECT", 60 * n, packets=9) for n in range(2)]
    (found,) = told(tmp_path, *rows)
    said = found.action.splitlines()
    assert said[0] == "Which address the interface has is not known. To allow it, one of these:"
    entries = [(row.split("--")[2].strip(), row.split("--cidr-block ")[1].split()[0]) for row in said if "entry" in row]
    assert entries == [("egress", f"{HOST}/32"), ("ingress", f"{PEER}/32")]
    assert "Terraform" not in found.action  # which takes no id that is unknown


@pytest.mark.parametrize(
    ("sport", "port", "protocol", "ports"),
    [
        (123, 123, 17, (123, 123)),
        (867, 2049, 6, (512, 1023)),
        (50000, 443, 6, (32768, 65535)),
        (1500, 443, 6, (1024, 65535)),
    ],
)
def test_the_ports_of_an_entry_for_answers_hold_the_one_that_was_rejected(tmp_path, sport, port, protocol, ports):
    rows = [line(HOST, PEER, sport, port, "ACCEPT", 60 * n, protocol=protocol, flags=2, way="egress") for n in range(3)]
    rows += [refused(PEER, HOST, sport, 60 * n + 1, port, flags=18, protocol=protocol) for n in range(3)]
    (found,) = told(tmp_path, *rows, fields=WITH_FLAGS)
    assert "--ingress " in found.action and "--port-range From={},To={} ".format(*ports) in found.action


def test_answers_to_the_internet_are_one_entry(tmp_path):
    rows = [row for n, one in enumerate(PUBLIC) for row in (
        line(one, HOST, 50000 + n, 443, "ACCEPT", 10 * n, flags=2, way="ingress"),
        refused(HOST, one, 50000 + n, 10 * n + 1, 443, flags=18, way="egress"))]  # fmt: skip
    (found,) = told(tmp_path, *rows, fields=WITH_FLAGS)
    (command,) = [row for row in found.action.splitlines() if "entry" in row]
    assert command.endswith("--port-range From=32768,To=65535 --cidr-block 0.0.0.0/0 --rule-action allow")
    assert "RDP" not in found.action


def test_a_deny_of_all_traffic_of_a_network_is_not_deleted_for_one_client(tmp_path):
    rows = [
        row for n in range(6) for row in (*session(PEER, HOST, 443, 60 * n), refused("10.0.7.5", HOST, 443, 60 * n))
    ]
    network = write_snapshot(
        tmp_path / "network", [interface(ENI, HOST, ["sg-1"])],
        [group("sg-1", [permission("tcp", 443, 443, cidr="10.0.0.0/8")], [permission("-1", cidr=ANY)])],
        [acl("acl-1", [entry(90, False, "deny", "10.0.7.0/24"), *OPEN])],
    )  # fmt: skip
    (found,) = [
        one for one in told(tmp_path, *rows, fields=WITH_FLAGS, network=network) if one.kind == "blocked-client"
    ]
    (command,) = [row for row in found.action.splitlines() if row.startswith("aws")]
    assert (
        "create-network-acl-entry" in command
        and "--rule-number 89 --protocol 6" in command
        and "10.0.7.5/32" in command
    )


def test_what_is_accepted_since_needs_nothing(tmp_path):
    rows = [refused(PEER, HOST, 80, 60 * n, 40000 + n) for n in range(4)]
    rows += [row for n in range(4, 9) for row in session(PEER, HOST, 80, 60 * n, 40000 + n)]
    rows += [row for n in range(9) for row in session("10.0.3.9", HOST, 80, 60 * n, 41000 + n)]
    (found,) = told(tmp_path, *rows, fields=WITH_FLAGS)
    assert found.action.startswith("No action needed: it was accepted since. CloudTrail tells")
