"""Who talks to whom: sums that add up, what is rejected, names that are true."""

import json

import pytest
from support import write_log

from flowkit import plot
from flowkit.log import load
from flowkit.reporting.names import service_name
from flowkit.reporting.rejected import rejected
from flowkit.reporting.talkers import talkers

FIELDS = (
    "version account-id vpc-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"
    " log-status tcp-flags flow-direction"
)
T0 = 1_700_000_000


def _flow(eni, src, dst, sport, dport, size, way, action="ACCEPT", at=0, flags=2, vpc="vpc-1"):
    ends = f"{src} {dst} {sport} {dport} 6 4 {size} {T0 + at} {T0 + at + 30}"
    return f"5 012345678901 {vpc} {eni} {ends} {action} OK {flags} {way}"


def log_of(tmp_path, rows, fields=FIELDS, network=None):
    return load(str(write_log(tmp_path / "flow.log", rows, fields.split() if fields else None)), network=network)


def test_the_parts_of_accepted_traffic_are_all_of_it_and_rejections_are_those_of_rejected(tmp_path):
    me, far, other = "10.0.0.1", "198.51.100.7", "10.0.0.2"
    rows = [
        _flow("eni-a", far, me, 40000, 443, 1_000, "ingress"), _flow("eni-a", me, far, 443, 40000, 20_000, "egress"),
        _flow("eni-a", me, other, 41000, 5432, 300, "egress"), _flow("eni-b", me, other, 41000, 5432, 300, "ingress"),
        _flow("eni-b", other, me, 5432, 41000, 4_000, "egress"), _flow("eni-a", other, me, 5432, 41000, 4_000, "ingress"),
        _flow("eni-a", far, me, 40001, 22, 44, "ingress", "REJECT"),
        _flow("eni-a", me, other, 41001, 9200, 44, "egress"), _flow("eni-b", me, other, 41001, 9200, 44, "ingress", "REJECT"),
    ]  # fmt: skip
    log = log_of(tmp_path, rows)
    answer = talkers(log)
    assert answer.summary == (
        "Accepted traffic: 25.3 kB, 4.3 kB between private addresses, 1.0 kB inbound from public addresses, 20.0 kB"
        " outbound to public addresses.",
        "Most bytes: 198.51.100.7 to 10.0.0.1 tcp/443 https, 1.0 kB sent and 20.0 kB received in 1 session.",
        "Rejected: 2 records, 2 inbound.",
        "Client identified with confidence in 4 of 4 sessions.",
    )
    assert answer.findings == ()
    assert rejected(log).over_time["records"].sum() == 2
    ways = answer.by_interface.set_index("interface_id").drop(columns="name")
    assert ways.loc["eni-a"].tolist() == [1_000, 4_000, 20_000, 344, 0, 0, 1]
    assert ways.loc["eni-b"].tolist() == [0, 300, 0, 4_000, 0, 0, 1]
    named = ["client", "server", "server_port", "client_bytes", "server_bytes", "sessions", "rejected_sessions"]
    assert answer.pairs[named].to_numpy().tolist() == [
        ["198.51.100.7", "10.0.0.1", 443, 1_000, 20_000, 1, 0],
        ["10.0.0.1", "10.0.0.2", 5432, 300, 4_000, 1, 0],
        ["10.0.0.1", "10.0.0.2", 9200, 44, 0, 1, 0],
        ["198.51.100.7", "10.0.0.1", 22, 0, 0, 1, 1],
    ]
    for name in ("bytes_over_time", "bytes_by_interface", "pairs", "evidence"):
        assert getattr(plot, name)(answer)


def test_rejected_bytes_of_a_session_that_was_accepted_in_part_are_not_among_the_bytes_of_anybody(tmp_path):
    me, far = "10.0.0.1", "198.51.100.7"
    rows = [
        # The answer is rejected; of another session the client's first packets; a third one is accepted.
        _flow("eni-a", me, far, 40000, 443, 700, "egress"),
        _flow("eni-a", far, me, 443, 40000, 9_000, "ingress", "REJECT", flags=18),
        _flow("eni-a", far, me, 41000, 22, 60, "ingress", "REJECT"), _flow("eni-a", far, me, 41000, 22, 500, "ingress", at=40),
        _flow("eni-a", me, far, 22, 41000, 800, "egress", at=40, flags=18),
        _flow("eni-a", me, far, 42000, 8443, 3_000, "egress"), _flow("eni-a", far, me, 8443, 42000, 2_000, "ingress", flags=18),
    ]  # fmt: skip
    answer = talkers(log_of(tmp_path, rows))
    sent = answer.pairs.set_index("server_port")[["client_bytes", "server_bytes"]]
    assert sent.to_numpy().tolist() == [[3_000, 2_000], [500, 800], [700, 0]]
    assert sent.to_numpy().sum() == answer.by_interface.filter(like="bytes").to_numpy().sum() == 7_000
    roles = answer.roles.set_index("server_port")[["sent_bytes", "received_bytes"]]
    assert roles.loc[[22, 443, 8443]].to_numpy().tolist() == [[800, 500], [700, 0], [3_000, 2_000]]
    assert answer.evidence["bytes"].sum() == 7_000


def test_an_interface_whose_own_address_is_unknown_is_a_part_of_its_own(tmp_path):
    rows = [
        f"2 1 eni-a 10.0.0.{n} 198.51.100.{m} 40000 443 6 4 {1000 * n} {T0} {T0 + 30} ACCEPT OK"
        for n in (1, 2)
        for m in (1, 2)
    ]
    rows += [f"2 1 eni-a 10.0.0.1 10.0.0.9 40000 443 6 4 500 {T0} {T0 + 30} ACCEPT OK"]
    answer = talkers(log_of(tmp_path, rows, ""))
    assert answer.summary[0] == (
        "Accepted traffic: 6.5 kB, 500 B between private addresses, 6.0 kB to or from public addresses (direction unknown)."
    )
    assert [one.kind for one in answer.findings] == ["low-confidence-direction"]


@pytest.mark.parametrize("size", [2**53 + 1, 2**63 - 1])
def test_sums_of_bytes_are_whole_numbers_however_large(tmp_path, size):
    rows = [_flow("eni-a", "10.0.0.9", "10.0.0.1", 40000, 443, size, "ingress"),
            _flow("eni-a", "10.0.0.1", "10.0.0.9", 443, 40000, 1, "egress", flags=18)]  # fmt: skip
    log = log_of(tmp_path, rows)
    answer = talkers(log)
    assert answer.pairs[["client_bytes", "server_bytes"]].to_numpy().tolist() == [[size, 1]]
    assert answer.by_interface.in_private_bytes.tolist() == [size]
    from flowkit.reporting.reachability import reachability  # noqa: PLC0415

    assert reachability(log).services.bytes.tolist() == [min(size + 1, 2**63 - 1)]


def test_an_address_that_two_hosts_had_one_after_the_other_names_neither(tmp_path):
    rows = [_flow("eni-gone", "10.0.0.9", "10.0.0.1", 40000, 443, 900, "ingress"),
            _flow("eni-web", "10.0.0.9", "10.0.0.1", 40001, 443, 90, "ingress", at=7200)]  # fmt: skip
    folder = tmp_path / "network"
    folder.mkdir()
    for name, made in {
        "network-interfaces": {"NetworkInterfaces": [
            {"NetworkInterfaceId": eni, "SubnetId": "subnet-1", "VpcId": "vpc-1", "PrivateIpAddress": address,
             "Groups": [], "TagSet": [{"Key": "Name", "Value": name}]}
            for eni, name, address in (("eni-web", "web", "10.0.0.1"), ("eni-job", "job", "10.0.0.9"))]},
        "security-groups": {"SecurityGroups": []}, "network-acls": {"NetworkAcls": []},
    }.items():  # fmt: skip
        (folder / f"describe-{name}.json").write_text(json.dumps(made))
    answer = talkers(log_of(tmp_path, rows, network=folder))
    assert answer.pairs[["client_name", "server_name"]].fillna("?").to_numpy().tolist() == [["job", "?"]]
    assert answer.by_interface.set_index("interface_id")["name"].dropna().to_dict() == {"eni-web": "web"}
    assert answer.findings == (), "their lifetimes never overlapped"


def test_a_conflict_counts_the_interfaces_of_one_vpc(tmp_path):
    rows = [_flow(f"eni-{vpc}{n}", "10.0.0.9", "10.0.0.1", 40000 + n, 443, 900, "ingress", vpc=f"vpc-{vpc}")
            for vpc in "xy" for n in (1, 2)]  # fmt: skip
    titles = [one.title for one in talkers(log_of(tmp_path, rows)).findings]
    assert titles == [
        "10.0.0.1 was the address of 2 interfaces at the same time: eni-x1 and eni-x2.",
        "10.0.0.1 was the address of 2 interfaces at the same time: eni-y1 and eni-y2.",
    ]


def test_a_secondary_address_that_moved_was_never_at_two_interfaces_at_once(tmp_path):
    rows = [_flow(eni, "10.0.9.9", own, 40000 + at, 443, 900, "ingress", at=at) for at in (0, 3600, 7200)
            for eni, own in (("eni-a", "10.0.0.1"), ("eni-b", "10.0.0.2"))]  # fmt: skip
    moved = [(0, "eni-a"), (600, "eni-a"), (3600, "eni-b"), (7200, "eni-b")]
    rows += [_flow(eni, "10.0.9.9", "10.0.0.100", 41000 + at, 443, 900, "ingress", at=at) for at, eni in moved]
    answer = talkers(log_of(tmp_path, rows))
    assert answer.findings == ()
    own = answer.addresses[["interface_id", "address"]].drop_duplicates().sort_values(["interface_id", "address"])
    assert own.to_numpy().tolist() == [
        ["eni-a", "10.0.0.1"], ["eni-a", "10.0.0.100"], ["eni-b", "10.0.0.100"], ["eni-b", "10.0.0.2"],
    ]  # fmt: skip


def test_sums_beyond_the_largest_number_are_at_least_that(tmp_path):
    """Ten records of 2^63 - 1 bytes: no exception, and no clipped sum that reads as the whole."""
    size = 2**63 - 1
    rows = [_flow("eni-a", "10.0.0.9", "10.0.0.1", 40000 + at, 443, size, "ingress", at=at) for at in range(0, 600, 60)]
    log = log_of(tmp_path, rows)
    answer = talkers(log)
    assert answer.summary[0] == "Accepted traffic: at least 9.2 EB, all between private addresses."
    assert answer.pairs.client_bytes.tolist() == [size]
    from flowkit.reporting.reachability import reachability  # noqa: PLC0415

    services = reachability(log).services
    assert services[["state", "sessions", "bytes"]].to_numpy().tolist() == [["accepted-silent", 10, size]]


def test_a_share_in_a_title_is_in_counts_as_it_is_printed(tmp_path):
    rows = [
        f"2 1 eni-a 10.0.0.9 10.0.0.1 {40000 + at} {50000 + at} 17 4 400 {T0} {T0 + 30} ACCEPT OK" for at in range(30)
    ]
    found = talkers(log_of(tmp_path, rows, "")).findings[-1]
    assert found.title == "The client is a guess or unknown in 100 % of 30 sessions."
    assert found.counts == {"sessions": 30, "guessed": 30, "share": 100}
    found = talkers(log_of(tmp_path, rows[:3], "")).findings[-1]
    assert found.title == "The client is a guess or unknown in 3 of 3 sessions.", "a share of few is no share"
    assert found.counts == {"sessions": 3, "guessed": 3}


def test_many_interfaces_without_a_known_address_are_one_finding_and_so_are_many_conflicts(tmp_path):
    """5,000 interfaces gave 2,500 findings: a finding each tells nobody more than the table does."""
    unknown = [f"2 1 eni-{n:03} 10.0.{n}.1 10.0.{n}.2 40000 50000 17 4 400 {T0} {T0 + 30} ACCEPT OK" for n in range(30)]
    first = talkers(log_of(tmp_path, unknown, "")).findings[0]
    assert first.title == (
        "Which addresses 30 interfaces have is not known, on up to 1 day: their sessions count as neither inbound nor"
        " outbound."
    )
    assert first.counts == {"days": 1, "interfaces": 30} and first.subject == {}
    assert first.grounds[1].startswith("eni-000, eni-001, ") and first.grounds[1].endswith("eni-019 and 10 more")
    shared = [_flow(f"eni-{n}{end}", "10.0.9.9", f"10.0.0.{n}", 40000 + at, 443, 900, "ingress", at=60 * at)
              for n in range(8) for at in range(3) for end in "ab"]  # fmt: skip
    assert [(one.title, one.counts) for one in talkers(log_of(tmp_path, shared)).findings] == [(
        "8 addresses were those of several interfaces at the same time, such as 10.0.0.0 of eni-0a and eni-0b.",
        {"interfaces": 2, "addresses": 8},
    )]  # fmt: skip


def test_a_log_without_sizes_is_not_said_to_hold_no_accepted_traffic(tmp_path):
    rows = [f"10.0.1.5 10.0.2.9 {T0} {T0 + 60} ACCEPT"]
    answer = talkers(log_of(tmp_path, rows, "srcaddr dstaddr start end action"))
    assert answer.summary[0] == "No accepted bytes in this log."


def test_a_log_without_action_does_not_say_what_was_accepted(tmp_path):
    rows = [f"10.0.1.5 10.0.2.9 40001 443 6 9 900 {T0} {T0 + 60}"]
    answer = talkers(log_of(tmp_path, rows, "srcaddr dstaddr srcport dstport protocol packets bytes start end"))
    assert answer.summary[0] == (
        "Traffic: 900 B, all between private addresses. This log lacks the field action: what was rejected is in it."
    )


@pytest.mark.parametrize(
    ("protocol", "port", "name"),
    [
        (6, 443, "tcp/443 https"),
        (1, 0, "ICMP"),
        (50, None, "protocol 50"),
        (-1, 5432, "port 5432"),
        (-1, -1, "any protocol"),
    ],
)
def test_a_service_is_named_in_words_that_stand_in_a_sentence(protocol, port, name):
    assert service_name(protocol, port) == name
