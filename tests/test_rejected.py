"""Causes of rejected traffic: AWS's examples, single cases, judgement, and a confusion table on simulated worlds."""

import json
import re
from collections import Counter
from datetime import timedelta
from ipaddress import ip_network

import pandas as pd
import pytest
import simulate
from matplotlib.dates import num2date
from support import write_log
from test_network import ANY, OPEN, acl, entry, group, interface, permission, write_snapshot

from flowkit.fields import DEFAULT_FORMAT
from flowkit.loading.sample import SAMPLE
from flowkit.log import load
from flowkit.questions.rejected import rejections
from flowkit.questions.samples import samples
from flowkit.reporting.kinds import KINDS
from flowkit.reporting.plot import rejections_over_time
from flowkit.reporting.rejected import ACCEPT_ONLY, REJECT_ONLY, WITHOUT_TIME, rejected

ENI = "eni-1235b8ca123456789"
#: Records at 0, 60 … are those of this day: no flow log has times before 2014.
MIDNIGHT, DAY = 1_700_006_400, 86_400
WITH_FLAGS = (*DEFAULT_FORMAT, "tcp-flags", "flow-direction", "subnet-id", "reject-reason")


def line(src, dst, sport, dport, action, start, end=None, protocol=6, packets=1, size=None, eni=ENI, **more):
    """A record of the default format; flags=, way=, subnet= and reason= give those of WITH_FLAGS."""
    size, end = packets * 60 if size is None else size, start if end is None else end
    start, end = (at + MIDNIGHT if at < DAY else at for at in (start, end))
    plain = f"2 123456789010 {eni} {src} {dst} {sport} {dport} {protocol} {packets} {size} {start} {end} {action} OK"
    if not more:
        return plain
    extra = {"flags": "-", "way": "-", "subnet": "-", "reason": "-"} | more
    return " ".join([plain, *(str(extra[name]) for name in ("flags", "way", "subnet", "reason"))])


def log_of(tmp_path, lines, fields=DEFAULT_FORMAT, network=None):
    """The log of `lines` under a header of `fields`."""
    return load(str(write_log(tmp_path / "flow.log", lines, fields)), network=network)


def judged(tmp_path, *lines, fields=DEFAULT_FORMAT, network=None, **options):
    """The classified groups of a log of `lines`."""
    return rejections(log_of(tmp_path, lines, fields, network), **options).groups


def told(tmp_path, *lines, fields=DEFAULT_FORMAT, network=None):
    """The findings of a log of `lines`."""
    return rejected(log_of(tmp_path, lines, fields, network)).findings


def only(groups, *columns):
    assert len(groups) == 1, groups
    return tuple(groups.iloc[0][column] for column in columns)


# ---------------------------------------------------------------------------------- AWS's documentation


def test_ping_let_in_and_refused_out_is_a_network_acl_refusing_the_reply(tmp_path):
    groups = judged(
        tmp_path,
        f"2 123456789010 {ENI} 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK",
        f"2 123456789010 {ENI} 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK",
        # A second correspondent tells whose address the interface has.
        f"2 123456789010 {ENI} 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
    )
    said = only(groups, "kind", "cause", "confidence", "client", "server", "way")
    assert said == ("reply-refused", "network-acl", "high", "203.0.113.12", "172.31.16.139", True)
    assert "the answer was rejected outbound" in groups.grounds[0]


def test_a_refused_rdp_packet_alone_is_undetermined(tmp_path):
    groups = judged(
        tmp_path,
        f"2 123456789010 {ENI} 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
        f"2 123456789010 {ENI} 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK",
    )
    assert only(groups, "cause", "confidence", "server_port") == ("undetermined", "low", 3389)
    assert "a snapshot of the rules would tell (`flowkit snapshot network`)" in groups.grounds[0]


def test_an_accept_and_a_reject_of_one_tuple_in_one_window_is_a_changed_acl(tmp_path):
    ping = {"protocol": 1, "start": 1432917027, "end": 1432917142, "size": 84}
    groups = judged(
        tmp_path,
        line("203.0.113.12", "172.31.16.139", 0, 0, "ACCEPT", packets=2, **ping),
        line("172.31.16.139", "203.0.113.12", 0, 0, "ACCEPT", **ping),
        line("172.31.16.139", "203.0.113.12", 0, 0, "REJECT", **ping),
    )
    assert only(groups, "kind", "cause", "confidence") == ("acl-changed", "network-acl", "high")


# ------------------------------------------------------------------------------------------ single cases


@pytest.mark.parametrize(
    ("reason", "cause", "confidence"),
    [
        ("BPA", "block-public-access", "certain"),
        ("EC", "encryption-control", "certain"),
        ("NEW", "undetermined", "low"),
    ],
)
def test_reject_reason_names_the_control(tmp_path, reason, cause, confidence):
    record = line("203.0.113.5", "10.0.0.7", 40000, 443, "REJECT", 1000, flags=2, reason=reason)
    groups = judged(tmp_path, record, fields=WITH_FLAGS)
    assert only(groups, "kind", "cause", "confidence") == ("service-control", cause, confidence)


def conversation(start, sport=40000, **more):
    """A conversation of 10.0.0.5 with the service at 10.0.0.7:443, closed by both sides."""
    return [
        line("10.0.0.5", "10.0.0.7", sport, 443, "ACCEPT", start, start + 9, packets=8, size=900, **more),
        line("10.0.0.7", "10.0.0.5", 443, sport, "ACCEPT", start, start + 9, packets=7, size=5000, **more),
    ]


def test_packets_after_fin_are_late_and_nobody_is_blocked(tmp_path):
    late = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 1040, packets=2, size=80, flags=1)
    groups = judged(tmp_path, *conversation(1000, flags=3), late, fields=WITH_FLAGS)
    assert only(groups, "kind", "cause", "confidence") == ("late-packets", "closed-connection", "high")


def test_without_flags_small_packets_after_the_end_are_late_with_less_confidence(tmp_path):
    late = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 1040, packets=2, size=80)
    groups = judged(tmp_path, *conversation(1000), late)
    assert only(groups, "kind", "cause", "confidence") == ("late-packets", "closed-connection", "medium")


@pytest.mark.parametrize(("fields", "more"), [(DEFAULT_FORMAT, {}), (WITH_FLAGS, {"flags": 0})])
def test_data_refused_in_mid_session_is_a_changed_acl(tmp_path, fields, more):
    lost = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 1012, 1200, packets=9, size=9000, **more)
    again = line("10.0.0.7", "10.0.0.5", 443, 40000, "ACCEPT", 1012, 1200, packets=9, size=9000, **more)
    groups = judged(tmp_path, *conversation(1000, **more), lost, again, fields=fields)
    assert only(groups, "kind", "cause", "confidence") == ("acl-changed", "network-acl", "high")


def test_a_new_syn_on_the_ports_of_a_closed_conversation_is_a_request(tmp_path):
    syn = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 1040, packets=3, flags=2)
    groups = judged(tmp_path, *conversation(1000, flags=3), syn, fields=WITH_FLAGS)
    assert only(groups, "refusal", "client", "server") == ("request", "10.0.0.5", "10.0.0.7")
    assert any(ground.startswith("it was accepted until 2023-11-15 00:16 UTC") for ground in groups.grounds[0])


def test_the_same_ports_hours_later_are_another_conversation(tmp_path):
    later = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 9000, packets=4)
    groups = judged(tmp_path, *conversation(1000), later)
    assert only(groups, "refusal", "retries") == ("request", 1)


def beside(own, other, **more):
    """10.0.9.9 is refused on 10.0.0.7 at eni-a and accepted on 10.0.0.8 at eni-b; subnets `own` and `other`."""
    there = {"eni": "eni-b", "subnet": other}
    return [
        line("10.0.9.9", "10.0.0.7", 40000, 443, "REJECT", 1000, 1030, packets=5, flags=2, way="ingress", eni="eni-a",
             subnet=own, **more),
        line("10.0.9.9", "10.0.0.8", 40001, 443, "ACCEPT", 900, 1100, packets=9, flags=3, way="ingress", **there),
        line("10.0.0.8", "10.0.9.9", 443, 40001, "ACCEPT", 900, 1100, packets=9, flags=19, way="egress", **there),
    ]  # fmt: skip


def test_let_in_by_a_neighbour_in_the_subnet_means_the_security_group(tmp_path):
    groups = judged(tmp_path, *beside("subnet-1", "subnet-1"), fields=WITH_FLAGS)
    assert only(groups, "cause", "confidence") == ("security-group", "high")
    assert (
        "eni-b in the same subnet-1 let the same in from 10.0.9.9 then, so its network ACL does" in (groups.grounds[0])
    )


def test_a_neighbour_in_another_subnet_proves_nothing(tmp_path):
    groups = judged(tmp_path, *beside("subnet-1", "subnet-2"), fields=WITH_FLAGS)
    assert only(groups, "cause", "confidence") == ("undetermined", "low")


def test_the_clients_own_interface_is_no_neighbour(tmp_path):
    sent = line("10.0.9.9", "10.0.0.7", 40000, 443, "ACCEPT", 1000, 1030, packets=5, flags=2, way="egress",
                eni="eni-c", subnet="subnet-1")  # fmt: skip
    refused = line("10.0.9.9", "10.0.0.7", 40000, 443, "REJECT", 1000, 1030, packets=5, flags=2, way="ingress",
                   eni="eni-a", subnet="subnet-2")  # fmt: skip
    groups = judged(tmp_path, sent, refused, fields=WITH_FLAGS)
    assert only(groups, "cause", "interface_id") == ("undetermined", "eni-a")
    assert "the client's own interface eni-c let it out" in groups.grounds[0]


def test_inside_one_subnet_only_the_security_group_can_refuse(tmp_path):
    groups = judged(
        tmp_path,
        line("10.0.0.9", "10.0.0.7", 4, 443, "REJECT", 1000, flags=2, way="ingress", eni="eni-a", subnet="subnet-1"),
        line("10.0.0.9", "10.0.0.3", 5, 80, "ACCEPT", 1000, flags=2, way="egress", eni="eni-c", subnet="subnet-1"),
        fields=WITH_FLAGS,
    )
    assert only(groups, "cause", "confidence") == ("security-group", "high")


def test_a_log_of_rejections_only_says_what_would_tell_and_is_sure_of_nothing(tmp_path):
    log = log_of(tmp_path, [line("10.0.9.9", "10.0.0.7", 40000, 443, "REJECT", 1000, packets=5)])
    assert only(rejections(log).groups, "cause", "confidence") == ("undetermined", "low")
    assert any("a log of ALL traffic would tell" in ground for ground in rejections(log).groups.grounds[0])
    answer = rejected(log)
    assert answer.summary[-1] == REJECT_ONLY
    assert {finding.confidence for finding in answer.findings} == {"low"}


def test_a_services_port_is_no_scanner_in_a_log_of_rejections_only(tmp_path):
    lines = [
        line("10.0.2.9", f"10.0.1.{5 + n % 4}", 443, 40000 + n, "REJECT", 60 * n, packets=5, size=5400)
        for n in range(60)
    ]
    answer = rejected(log_of(tmp_path, lines))
    (finding,) = answer.findings
    assert (finding.kind, finding.cause, finding.confidence) == ("reply-refused", "undetermined", "low")
    assert (finding.severity, finding.records) == ("low", 60)
    assert (finding.subject["srcaddr"], finding.subject["dstaddr"]) == ("10.0.1.0/28", "10.0.2.9")
    assert finding.subject["dstport"] == 443
    assert "a network ACL, or because they came late: this log cannot tell" in finding.title
    assert answer.summary == (REJECT_ONLY,)
    assert answer.over_time.groupby("kind").records.sum().to_dict() == {"reply-refused": 60}


def test_a_scan_in_a_log_of_rejections_only_is_no_more_than_a_guess(tmp_path):
    doors = [line("198.51.100.9", "10.0.0.7", 40000 + port, port, "REJECT", 1000 + port) for port in range(20, 40)]
    answer = rejected(log_of(tmp_path, doors))
    (finding,) = answer.findings
    assert (finding.kind, finding.confidence) == ("scan", "low")
    assert finding.title.startswith("198.51.100.9 seems to scan 20 ports of 1 host")
    assert "No action" not in " ".join([finding.action, *answer.summary])


def rejected_answers(count=6, server="10.0.2.9", port=5432, **more):
    """Answers of one service, each to another port of the client."""
    return [line(server, "10.0.0.7", port, 40000 + n, "REJECT", 1000 + 300 * n, **more) for n in range(count)]


@pytest.mark.parametrize(
    ("flags", "count", "kind"), [(18, 6, "reply-refused"), ("-", 6, "reply-refused"), (18, 2, "noise")]
)
def test_answers_that_the_acl_denies_are_told_where_no_accept_is_logged(tmp_path, flags, count, kind):
    network = write_snapshot(
        tmp_path / "network",
        [interface(ENI, "10.0.0.7", ["sg-1"])],
        [group("sg-1", [], [permission("-1", cidr=ANY)])],
        [acl("acl-1", [entry(100, False, "allow", ANY, "6", (443, 443)), OPEN[1]])],
        [{"SubnetId": "subnet-1", "CidrBlock": "10.0.0.0/24"}],
    )
    lines = rejected_answers(count, packets=4, flags=flags, way="ingress")
    (finding,) = told(tmp_path, *lines, fields=WITH_FLAGS, network=network)
    assert finding.kind == kind
    if kind == "reply-refused":
        assert (finding.cause, finding.confidence, finding.severity) == ("network-acl", "certain", "high")
        assert (finding.subject["srcaddr"], finding.subject["dstport"]) == ("10.0.0.7", 5432)


@pytest.mark.parametrize(
    "more", [{"protocol": 17, "port": 1812, "flags": 0}, {"port": 5672, "packets": 6, "size": 4000, "flags": 0}]
)
def test_answers_that_the_rules_let_pass_may_have_come_too_late_where_no_accept_is_logged(tmp_path, more):
    network = write_snapshot(
        tmp_path / "network",
        [interface(ENI, "10.0.0.7", ["sg-1"])],
        [group("sg-1", [], [permission("-1", cidr=ANY)])],
        [acl("acl-1", OPEN)],
    )
    lines = rejected_answers(12, way="ingress", **more)
    (finding,) = told(tmp_path, *lines, fields=WITH_FLAGS, network=network)
    assert (finding.kind, finding.cause, finding.confidence) == ("reply-refused", "tracking-expired", "low")
    assert finding.records == 12
    assert (
        finding.counts.items()
        >= ({"attempts": 12} if "protocol" in more else {"attempts": 0, "cut_sessions": 12}).items()
    )


def test_an_entry_that_denies_one_network_rejects_not_everybody(tmp_path):
    """Only the partner's packets are in a log of rejected traffic: others may be served."""
    entries = [entry(70, False, "deny", "203.0.0.0/16"), *OPEN]
    network = write_snapshot(
        tmp_path / "network",
        [interface(ENI, "10.0.0.7", ["sg-1"])],
        [group("sg-1", [permission("tcp", 8883, 8883, cidr=ANY)])],
        [acl("acl-1", entries)],
        [{"SubnetId": "subnet-1", "CidrBlock": "10.0.0.0/24"}],
    )
    (finding,) = told(tmp_path, *customers(), network=network)
    assert (finding.kind, finding.cause, finding.confidence) == ("blocked-client", "network-acl", "certain")
    assert finding.counts == {"clients": 12, "attempts": 36, "rule": 70}
    assert finding.severity == "medium"  # its security group lets it in


def test_a_crowd_that_several_hosts_reject_on_one_port_is_one_incident(tmp_path):
    lines = [one.replace("10.0.0.7", f"10.0.0.{n}").replace(ENI, f"eni-{n}") for n in (7, 8) for one in customers()]
    lines = [one.replace("203.0.", "203.1.") if "eni-8" in one else one for one in lines]
    first, second = told(tmp_path, *lines, *conversation(1000))
    assert (first.kind, first.incident) == (second.kind, second.incident) and first.id != second.id


# ------------------------------------------------------------------------------ legitimate, scan or noise


def replies(at):
    return [line("10.0.0.5", "10.0.0.7", 50000, 5432, "ACCEPT", at, packets=9, size=900),
            line("10.0.0.7", "10.0.0.5", 5432, 50000, "ACCEPT", at, packets=9, size=900)]  # fmt: skip


def test_a_block_that_is_over_says_until_when_and_is_less_grave(tmp_path):
    (before,) = told(tmp_path, *tries(step=300), *beside_all(ENI))
    (after,) = told(tmp_path, *tries(step=300), *replies(9000), *beside_all(ENI))
    # Accepted before as well: what matters is that nothing was in between.
    (again,) = told(tmp_path, *replies(600), *tries(step=300), *replies(9000), *beside_all(ENI))
    assert (before.severity, after.severity, again.severity) == ("high", "medium", "medium")
    for one in (after, again):
        assert "rejected from 2023-11-15 00:" in one.title and " UTC, accepted since; " in one.title
    assert "it was accepted before, and is again" in again.grounds
    (between,) = told(tmp_path, *tries(step=300), *replies(3000), *replies(9000), *beside_all(ENI))
    assert between.severity == "high" and " UTC, and accepted in between; " in between.title


def test_a_client_that_is_accepted_in_between_is_no_noise(tmp_path):
    turns = [
        line("203.0.113.7", "10.0.1.5", 51000 + n, 443, "ACCEPT" if n % 4 else "REJECT", 600 * n, packets=6, size=600)
        for n in range(120)
    ]
    (finding,) = told(tmp_path, *turns)
    assert (finding.kind, finding.cause, finding.counts) == (
        "blocked-client", "undetermined", {"clients": 1, "attempts": 30},
    )  # fmt: skip
    assert ", and accepted in between; " in finding.title


def test_grounds_of_noise_are_grounds(tmp_path):
    lines = [line("198.51.100.8", "10.0.0.7", 4000 + n, 23, "REJECT", 1000 + n, packets=2) for n in range(2)]
    (finding,) = told(tmp_path, *lines, *conversation(1000))
    assert (finding.kind, finding.grounds) == ("noise", ("none has a legitimacy score above -1",))


def test_a_ping_that_is_cut_was_begun_by_the_one_that_the_answer_goes_to(tmp_path):
    here, away = "172.31.44.17", "203.0.113.7"
    lines = [line(away, here, 0, 0, "ACCEPT", 0, 40, protocol=1, packets=2), *(
        line(here, away, 0, 0, action, 0, 40, protocol=1) for action in ("ACCEPT", "REJECT"))]  # fmt: skip
    (finding,) = told(tmp_path, *lines)
    assert (finding.kind, finding.severity) == ("acl-changed", "high")
    assert (finding.subject["srcaddr"], finding.subject["dstaddr"]) == (away, here)
    assert finding.title.startswith(f"A network ACL change blocked {away} from {here} ICMP")
    assert "--egress" in finding.action and "Type=0,Code=-1" in finding.action and "Type=8" not in finding.action


def test_a_public_client_with_many_targets_is_a_scanner_and_never_a_client(tmp_path):
    doors = [line("198.51.100.9", "10.0.0.7", 40000 + port, port, "REJECT", 1000 + port) for port in range(20, 40)]
    log = log_of(tmp_path, [*doors, *conversation(1000)])
    found = rejections(log)
    assert set(found.groups.kind) == {"scan"}
    assert found.scanners[["client", "contacts", "failed", "verdict"]].values.tolist() == [
        ["198.51.100.9", 20, 20, "scanner"]
    ]
    answer = rejected(log)
    (finding,) = answer.findings
    assert finding.title == ("198.51.100.9 scanned 20 ports of 1 host: 20 rejected records, no service accepted it.")
    assert finding.counts == {"ports": 20, "hosts": 1, "records": 20, "services": 0}
    assert finding.subject == {"srcaddr": "198.51.100.9", "protocol": 6}
    assert len(finding.samples) == 1
    assert answer.scanners[["client", "rejected", "contacts"]].values.tolist() == [["198.51.100.9", 20, 20]]


@pytest.mark.parametrize(
    ("count", "title"),
    [
        (59, "59 clients sent 59 rejected records: background noise, no action needed."),
        (1, "1 client sent 1 rejected record: background noise, no action needed."),
    ],
)
def test_public_clients_with_one_packet_each_are_one_finding(tmp_path, count, title):
    lines = [line(f"198.51.100.{n}", "10.0.0.7", 4000, 23, "REJECT", 1000 + n, size=40) for n in range(1, count + 1)]
    answer = rejected(log_of(tmp_path, [*lines, *conversation(1000)]))
    (finding,) = answer.findings
    assert (finding.kind, finding.severity, finding.records, finding.title) == ("noise", "info", count, title)
    assert finding.counts == {"clients": count, "records": count}
    # Why is this noise? Every score is shown, with its parts.
    assert answer.clients[["verdict", "score", "points"]].drop_duplicates().values.tolist() == [
        ["background noise", -3, "single tiny packets -2, public client, and no client gets a response there -1"]
    ]


def test_what_is_not_listed_is_still_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("flowkit.reporting.rejected.rejections", lambda *args: rejections(*args, limit=10))
    lines = [line(f"198.51.100.{n}", "10.0.0.7", 4000, 23, "REJECT", 1000 + n, size=40) for n in range(1, 60)]
    answer = rejected(log_of(tmp_path, [*lines, *conversation(1000)]))
    (finding,) = answer.findings
    assert len(answer.clients) == 10
    assert finding.title.startswith("At least 10 clients sent 59 rejected records")
    assert (finding.records, finding.packets, finding.bytes) == (59, 59, 59 * 40)
    assert answer.over_time.records.sum() == 59


def tries(count=12, client="10.0.0.5", step=900, **more):
    """Attempts of a client on the database at 10.0.0.7, with whole retransmissions."""
    return [
        line(client, "10.0.0.7", 50000 + n, 5432, "REJECT", 2000 + step * n, packets=5, **more) for n in range(count)
    ]


def beside_all(eni, client="10.0.0.6"):
    """Another client, answered by the same service of `eni`."""
    return [
        line(client, "10.0.0.7", 50001, 5432, "ACCEPT", 2100, packets=5, eni=eni),
        line("10.0.0.7", client, 5432, 50001, "ACCEPT", 2100, packets=5, eni=eni),
    ]


def test_every_point_for_a_legitimate_client_is_shown(tmp_path):
    groups = judged(tmp_path, *tries(), *beside_all(ENI), *conversation(1000))
    assert only(groups, "kind", "score") == ("blocked-client", 9)
    assert groups.parts[0] == {
        "private client": 2,
        "client is accepted elsewhere": 2,
        "others get a response there": 2,
        "SYN retransmissions": 1,
        "keeps trying": 2,
    }


def test_a_blocked_client_is_one_sentence_with_its_numbers(tmp_path):
    answer = rejected(log_of(tmp_path, [*tries(), *beside_all(ENI), *conversation(1000)]))
    (finding,) = answer.findings
    assert finding.title == (
        "10.0.0.5 to 10.0.0.7 tcp/5432 postgresql: 12 connection attempts rejected since 2023-11-15 00:33 UTC,"
        " none accepted; probably its security group rejects it."
    )
    assert finding.counts == {"clients": 1, "attempts": 12}
    known = (finding.severity, finding.confidence, finding.records, finding.packets)
    assert known == ("high", "low", 12, 60)
    assert answer.summary == ("1 legitimate client appears to be blocked: " + finding.title,)
    first = answer.clients.iloc[0]
    assert list(answer.clients.columns[:8]) == [
        "verdict", "client", "server", "service", "attempts", "cause", "confidence", "score",
    ]  # fmt: skip
    assert (first.verdict, first.service, first.attempts) == ("blocked client", "tcp/5432 postgresql", 12)


def test_clients_of_one_service_and_cause_are_one_finding_of_their_block(tmp_path):
    lines = [
        line(f"10.0.0.{80 + n % 8}", "10.0.0.7", 50000 + n, 5432, "REJECT", 2000 + 300 * n, packets=5)
        for n in range(64)
    ]
    (finding,) = told(tmp_path, *lines, *beside_all(ENI))
    assert finding.subject == {
        "interface_id": ENI, "srcaddr": "10.0.0.80/29", "dstaddr": "10.0.0.7", "protocol": 6, "dstport": 5432,
    }  # fmt: skip
    assert finding.counts == {"clients": 8, "attempts": 64}
    assert "IpRanges=[{CidrIp=10.0.0.80/29}]" in finding.action
    assert "7 more pairs of client and service with the same root cause, 56 records" in finding.grounds


def test_a_summary_names_clients_and_not_findings_and_says_nothing_twice(tmp_path):
    lines = [*tries(), *tries(client="10.0.0.9"), *beside_all(ENI)]
    answer = rejected(log_of(tmp_path, lines))
    assert answer.summary[0].startswith("2 legitimate clients appear to be blocked: 2 addresses in 10.0.0.0/28 to")
    assert len(answer.summary) == 1


# ---------------------------------------------------------------------------------------- faults of judgement


def customers(count=12, port=8883, each=3, **more):
    """Customers that each try `each` times, with whole retransmissions, at a service that nobody reaches."""
    return [
        line(f"203.0.{n}.9", "10.0.0.7", 40000 + k, port, "REJECT", 1000 + 97 * n + 1900 * k, packets=5, **more)
        for n in range(count)
        for k in range(each)
    ]


def test_a_service_rejected_to_everybody_is_no_noise(tmp_path):
    probes = [line(f"198.51.100.{n}", "10.0.0.7", 4000, 8883, "REJECT", 1000 + n, size=60) for n in range(1, 9)]
    answer = rejected(log_of(tmp_path, [*customers(), *probes, *conversation(1000)]))
    first, noise = answer.findings
    assert (first.kind, first.severity, first.records) == ("blocked-service", "high", 36)
    assert first.counts == {"clients": 12, "attempts": 36}
    assert first.title.startswith(
        "tcp/8883 mqtts of 10.0.0.7 is rejected for everybody: 12 clients, 36 connection attempts since"
    )
    assert (noise.kind, noise.records) == ("noise", 8)
    assert answer.summary[0] == first.title


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (customers(9), "too few clients"),
        (customers(port=22), "everybody tries SSH"),
        ([*customers(), line("203.0.113.9", "10.0.0.7", 40004, 8883, "ACCEPT", 1500, packets=5),
          line("10.0.0.7", "203.0.113.9", 8883, 40004, "ACCEPT", 1500, packets=5)], "somebody is served"),
        ([one.replace(" 5 300 ", " 1 60 ") for one in customers()], "no retransmissions"),
    ],
)  # fmt: skip
def test_not_every_port_with_many_clients_is_a_blocked_service(tmp_path, lines, why):
    assert "blocked-service" not in {one.kind for one in told(tmp_path, *lines, *conversation(1000))}, why


def quic(count=12, repeat=3):
    """QUIC of customers that each try three times, every 5 s in vain."""
    return [
        line(f"203.0.{n}.9", "10.0.0.7", 40000 + k, 443, "REJECT", 1000 + 97 * n + 1900 * k, 1010 + 97 * n + 1900 * k,
             protocol=17, packets=repeat, size=1200 * repeat)
        for n in range(count) for k in range(3)
    ]  # fmt: skip


def test_quic_that_is_rejected_to_everybody_is_seen_beside_tcp_that_is_served(tmp_path):
    first, *_rest = told(tmp_path, *quic(), *conversation(1000))
    assert (first.kind, first.cause, first.counts) == (
        "blocked-service",
        "undetermined",
        {"clients": 12, "attempts": 36},
    )
    assert first.title.startswith("udp/443 https of 10.0.0.7 is rejected for everybody: 12 clients, 36 attempts since")
    for lines in (quic(), [*quic(repeat=1), *conversation(1000)]):  # nothing is served there; nobody tries again
        assert "blocked-service" not in {one.kind for one in told(tmp_path, *lines)}


def test_a_service_rejected_for_several_reasons_is_told_once_by_the_surest(tmp_path):
    """A neighbour in the subnet serves some of the customers, so that of these it is the security group."""
    beside = []
    for n in range(6):
        there = {"eni": "eni-b", "subnet": "subnet-1"}
        beside += [
            line(
                f"203.0.{n}.9", "10.0.0.8", 41000, 8883, "ACCEPT", 900, 9000, packets=9, flags=3, way="ingress", **there
            ),
            line(
                "10.0.0.8", f"203.0.{n}.9", 8883, 41000, "ACCEPT", 900, 9000, packets=9, flags=19, way="egress", **there
            ),
        ]
    lines = customers(flags=2, way="ingress", subnet="subnet-1")
    found = [one for one in told(tmp_path, *lines, *beside, fields=WITH_FLAGS) if one.kind == "blocked-service"]
    assert [(one.cause, one.confidence, one.records) for one in found] == [("security-group", "high", 36)]


def test_pods_of_a_node_are_named_and_are_one_finding(tmp_path):
    """The node logs its own address; the packets carry those of its pods."""
    fields = (*DEFAULT_FORMAT, "flow-direction", "pkt-srcaddr", "pkt-dstaddr")
    lines = [
        f"{line('10.0.4.10', '10.0.9.35', 50000 + n, 1521, 'REJECT', 2000 + 900 * n, packets=5)} egress 100.64.0.{pod} 10.0.9.35"
        for pod in (1, 2) for n in range(6)
    ]  # fmt: skip
    (finding,) = told(tmp_path, *lines, fields=fields)
    assert finding.title.startswith("2 addresses in 100.64.0.0/30 to 10.0.9.35 tcp/1521 oracle: 12 connection attempts")
    assert finding.counts == {"clients": 2, "attempts": 12}
    assert (finding.subject["srcaddr"], finding.subject["dstaddr"]) == ("100.64.0.0/30", "10.0.9.35")
    assert len(finding.samples) == 3


def test_a_gateway_has_no_security_group(tmp_path):
    """A transit gateway's interface logs its own address; the packets are other hosts'."""
    fields = (*DEFAULT_FORMAT, "interface-type")
    lines = [f"{one} transit_gateway" for one in [*tries(), *beside_all(ENI), *conversation(1000)]]
    groups = judged(tmp_path, *lines, fields=fields)
    assert only(groups[groups.kind == "blocked-client"], "cause", "confidence") == ("network-acl", "low")


def test_one_lacking_rule_at_several_interfaces_is_one_incident(tmp_path):
    hosts = [interface(f"eni-{n}", f"10.0.1.{n}", ["sg-1"]) for n in (1, 2)]
    folder = write_snapshot(tmp_path / "network", hosts, [group("sg-1")], [acl("acl-1", OPEN)])
    lines = [one.replace("10.0.0.7", f"10.0.1.{n}") for n in (1, 2) for one in tries(eni=f"eni-{n}")]
    for network in (None, folder):
        first, second = told(tmp_path, *lines, network=network)
        assert first.incident == second.incident and first.id != second.id


def mqtt(tmp_path, allow=8883):
    """A host whose group opens a port to the internet and whose network ACL lets in 443 alone."""
    return write_snapshot(
        tmp_path / "network",
        [interface(ENI, "10.0.0.7", ["sg-mq"])],
        [group("sg-mq", [permission("tcp", allow, allow, cidr=ANY)], [permission("-1", cidr=ANY)])],
        [acl("acl-mq", [entry(100, False, "allow", ANY, "6", (443, 443)), OPEN[1]])],
        [{"SubnetId": "subnet-1", "CidrBlock": "10.0.0.0/24"}],
    )


def test_a_service_that_the_group_opens_and_the_acl_denies_is_named_with_the_least_entry(tmp_path):
    (finding,) = told(tmp_path, *customers(6, port=22), network=mqtt(tmp_path, 22))
    assert (finding.kind, finding.cause, finding.confidence) == ("blocked-service", "network-acl", "certain")
    (command,) = [one for one in finding.action.splitlines() if one.startswith("aws")]
    assert command == (
        "aws ec2 create-network-acl-entry --network-acl-id acl-mq --ingress --rule-number 101 --protocol 6"
        " --port-range From=22,To=22 --cidr-block 0.0.0.0/0 --rule-action allow"
    )


def pool(count, closed=False):
    """Pooled connections to a database, whose keepalives are rejected from one moment on."""
    lines = []
    for n in range(count):
        more = {"subnet": "subnet-1", "flags": 0}
        ports = {"sport": 40000 + n, "dport": 5432, "action": "ACCEPT", "start": 1000, "end": 4000}
        back = {"sport": 5432, "dport": 40000 + n, "action": "ACCEPT", "start": 1000, "end": 4000}
        lines += [
            line("10.0.0.5", "10.0.1.7", **ports, packets=99, size=9900, **(more | {"flags": 1 if closed else 0})),
            line("10.0.1.7", "10.0.0.5", **back, packets=99, size=9900, **more),
            line("10.0.0.5", "10.0.1.7", 40000 + n, 5432, "REJECT", 4001 + n, 4012 + n, packets=6, **more),
        ]
    return lines


def test_open_sessions_that_stop_at_one_moment_are_cut_by_a_network_acl(tmp_path):
    (finding,) = told(tmp_path, *pool(6), fields=WITH_FLAGS)
    assert (finding.kind, finding.cause, finding.severity) == ("acl-changed", "network-acl", "high")
    assert finding.counts == {"clients": 1, "attempts": 0, "cut_sessions": 6, "addresses": 1}
    assert "6 open sessions cut; " in finding.title


@pytest.mark.parametrize("lines", [pool(1), pool(6, closed=True)])
def test_one_session_or_closed_ones_are_not_called_cut(tmp_path, lines):
    assert {one.kind for one in told(tmp_path, *lines, fields=WITH_FLAGS)} == {"late-packets"}


def test_only_a_network_acl_denies_one_network_where_everybody_else_is_accepted(tmp_path):
    public = [beside_all(ENI, f"{n}.0.{n}.9") for n in range(60, 120)]
    lines = [one for several in public for one in several]
    (finding,) = told(tmp_path, *tries(20, "203.0.113.9"), *lines)
    assert (finding.kind, finding.cause, finding.confidence) == ("blocked-client", "network-acl", "medium")
    assert finding.severity == "medium"  # a partner that tries on and on
    assert "60 public clients are accepted there" in " ".join(finding.grounds)


@pytest.mark.parametrize(("client", "confidence"), [("10.0.0.5", "low"), ("10.0.9.5", "low"), ("203.0.113.9", "low")])
def test_contrast_with_other_clients_alone_is_no_confident_cause(tmp_path, client, confidence):
    groups = judged(tmp_path, *tries(client=client), *beside_all(ENI))
    cause = "undetermined" if client == "203.0.113.9" else "security-group"
    assert only(groups, "cause", "confidence") == (cause, confidence)


def test_a_slow_answer_over_udp_is_tracking_that_ended(tmp_path):
    udp = {"protocol": 17, "packets": 1, "size": 100}
    lines = []
    for n in range(4):
        lines += [
            line("10.0.0.5", "10.0.1.7", 40000 + n, 514, "ACCEPT", 1000 + 100 * n, **udp),
            line("10.0.1.7", "10.0.0.5", 514, 40000 + n, "REJECT", 1040 + 100 * n, **udp),
        ]
    folder = write_snapshot(
        tmp_path / "network",
        [interface(ENI, "10.0.0.5", ["sg-1"])],
        [group("sg-1", [], [permission("-1", cidr=ANY)])],
        [acl("acl-1", OPEN)],
    )
    for network in (None, folder):
        (finding,) = told(tmp_path, *lines, network=network)
        assert (finding.kind, finding.cause) == ("reply-refused", "tracking-expired")
        assert "connection tracking had ended before" in finding.title
        assert "aws ec2" not in finding.action


def test_a_server_that_speaks_after_a_long_silence_is_not_called_late(tmp_path):
    """AWS forgot the open connection, so that data of the server is rejected; a last FIN is lost without harm."""
    for size, kind in ((4000, "reply-refused"), (400, "late-packets")):
        lines = []
        for n in range(3):
            at, more = 1000 + 2000 * n, {"flags": 0, "subnet": "subnet-1"}
            lines += [
                line("10.0.0.5", "10.0.1.7", 40000 + n, 5672, "ACCEPT", at, packets=4, size=400, **(more | {"flags": 2})),
                line("10.0.1.7", "10.0.0.5", 5672, 40000 + n, "ACCEPT", at, packets=4, size=400, **(more | {"flags": 18})),
                line("10.0.1.7", "10.0.0.5", 5672, 40000 + n, "REJECT", at + 500, packets=6, size=size, **more),
            ]  # fmt: skip
        (finding,) = told(tmp_path, *lines, fields=WITH_FLAGS)
        assert (finding.kind, finding.cause, finding.confidence) == (kind, "tracking-expired", "medium")
        if kind == "reply-refused":
            assert finding.counts == {"clients": 1, "attempts": 0, "cut_sessions": 3}
            assert "3 open sessions cut since" in finding.title
            plain = (" ".join(one.split()[:14]) for one in lines)  # without flags nothing says that it was open
            (finding,) = told(tmp_path, *plain)
            assert (finding.kind, finding.cause, finding.confidence) == (kind, "tracking-expired", "low")


def untracked(tmp_path):
    """The rule for 0.0.0.0/0 goes: flows that it let in are not tracked, and stop in the middle."""
    lines = []
    for n in range(20):
        a, port = f"203.0.{n}.9", 40000 + n
        flags = {"flags": 0, "way": "ingress", "subnet": "subnet-1"}
        lines += [
            line(a, "10.0.0.7", port, 443, "ACCEPT", 1000 + n, 4000, packets=40, size=40000, **(flags | {"flags": 2})),
            line("10.0.0.7", a, 443, port, "ACCEPT", 1000 + n, 4000, packets=40, size=40000,
                 **(flags | {"flags": 18, "way": "egress"})),
            line(a, "10.0.0.7", port, 443, "REJECT", 4001, 4020, packets=9, size=9000, **flags),
        ]  # fmt: skip
    folder = write_snapshot(
        tmp_path / "network",
        [interface(ENI, "10.0.0.7", ["sg-1"])],
        [group("sg-1", [permission("tcp", 80, 80, cidr=ANY)], [permission("-1", cidr=ANY)])],
        [acl("acl-1", OPEN)],
    )
    return lines, folder


@pytest.mark.parametrize("network", [False, True])
def test_untracked_flows_that_are_cut_are_no_acls_doing(tmp_path, network):
    lines, folder = untracked(tmp_path)
    (finding,) = told(tmp_path, *lines, fields=WITH_FLAGS, network=folder if network else None)
    assert (finding.cause, finding.confidence) == (("security-group", "medium") if network else ("undetermined", "low"))


def test_what_is_cut_off_with_everybody_is_told_with_everybody(tmp_path):
    """Twelve of the twenty clients whose sessions were cut try again in vain."""
    lines, folder = untracked(tmp_path)
    again = [
        one.replace(" 8883 6", " 443 6") for one in customers(12, port=8883, flags=2, way="ingress", subnet="subnet-1")
    ]
    again = [re.sub(r" (\d{10}) (\d{10}) REJECT", lambda at: f" {int(at[1]) + 4100} {int(at[2]) + 4100} REJECT", one)
             for one in again]  # fmt: skip
    (finding,) = told(tmp_path, *lines, *again, fields=WITH_FLAGS, network=folder)
    assert (finding.kind, finding.cause) == ("blocked-service", "security-group")
    assert (finding.records, finding.counts) == (20 + 36, {"clients": 20, "attempts": 36})
    assert finding.first_seen == pd.Timestamp(MIDNIGHT + 4001, unit="s", tz="UTC")


def test_attempts_over_udp_and_icmp_are_packets_whatever_the_ports(tmp_path):
    udp = [
        line("10.0.0.5", "10.0.0.7", 123, 514, "REJECT", 1000 + 60 * n, 1050 + 60 * n, protocol=17, packets=2)
        for n in range(60)
    ]
    ping = [
        line("10.0.0.5", "10.0.0.7", 0, 0, "REJECT", 1000 + 60 * n, 1050 + 60 * n, protocol=1, packets=3)
        for n in range(40)
    ]
    first, second = told(tmp_path, *udp, *ping, *conversation(1000))
    assert {first.counts["attempts"], second.counts["attempts"]} == {120}
    assert "10.0.0.5 to 10.0.0.7 ICMP: 120 attempts rejected" in first.title + second.title
    assert "10.0.0.5 to 10.0.0.7 udp/514 syslog: 120 attempts rejected" in first.title + second.title


def test_an_address_that_is_used_again_does_not_name_its_later_host(tmp_path):
    """10.0.0.5 was eni-old's when it was rejected; the snapshot of the end says that it is the cache's."""
    day = 86400 * 20000
    lines = [
        line("10.0.0.5", "10.0.1.7", 50000 + n, 5432, "REJECT", day + 900 * n, packets=5, way="ingress", flags=2)
        for n in range(12)
    ]
    for start, eni in ((day, "eni-old"), (day + 2 * 86400, "eni-cache")):
        lines.append(
            line("10.0.0.5", "10.0.9.9", 4, 80, "ACCEPT", start, start + 80000, eni=eni, way="egress", flags=2)
        )
    folder = write_snapshot(
        tmp_path / "network",
        [interface(ENI, "10.0.1.7", ["sg-1"]), interface("eni-cache", "10.0.0.5", ["sg-1"])],
        [group("sg-1", [permission("tcp", 5432, 5432, group="sg-2")]), group("sg-2")],
        [acl("acl-1", OPEN)],
    )
    finding = told(tmp_path, *lines, fields=WITH_FLAGS, network=folder)[0]
    assert finding.title.startswith("10.0.0.5 to eni-1235b8ca123456789's description (10.0.1.7)")
    assert "eni-cache" not in finding.action


# ----------------------------------------------------------------------------------- nothing, and hostile


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [f"2 123456789010 {ENI} - - - - - - - 1431280876 1431280934 - NODATA"],
            "No record says ACCEPT or REJECT, so nothing can be said.",
        ),
        (conversation(1000), ACCEPT_ONLY),
        (
            [line("10.0.0.5", "10.0.0.7", 40000, 443, "ACCEPT", at, at) for at in (4_102_444_800, 4_102_444_860)],
            "The log holds no record with a possible time in this window, so nothing can be said of rejections.",
        ),
    ],
)
def test_a_log_without_rejections_says_so(tmp_path, lines, said):
    answer = rejected(log_of(tmp_path, lines))
    assert answer.clients.empty and answer.scanners.empty and answer.over_time.empty
    assert answer.findings == ()
    assert answer.summary == (said,)
    assert answer.titles == {"rejections_over_time": "No rejected record."}
    assert rejections_over_time(answer).axes


def test_a_sum_without_times_is_no_log_of_records(tmp_path):
    log = log_of(tmp_path, ["10.0.1.5 10.0.2.9 443 ACCEPT"], ("srcaddr", "dstaddr", "dstport", "action"))
    assert rejected(log).summary == (WITHOUT_TIME,)


@pytest.mark.parametrize(
    ("lacking", "title"),
    [
        ({"start", "end"}, "10.0.0.5 to 10.0.0.7 tcp/5432 postgresql: 1 connection attempt rejected, none accepted;"),
        ({"protocol"}, "10.0.0.5 to 10.0.0.7 any protocol: 20 attempts rejected since 2023-11-15 00:33 UTC"),
        ({"srcport", "dstport"}, "10.0.0.5 to 10.0.0.7 tcp: 4 connection attempts rejected since 2023-11-15 00:33"),
        ({"packets", "bytes"}, "10.0.0.5 to 10.0.0.7 tcp/5432 postgresql: 4 connection attempts rejected since"),
        ({"interface-id"}, "10.0.0.5 to 10.0.0.7 tcp/5432 postgresql: 4 connection attempts rejected since"),
    ],
)
def test_a_log_without_some_fields_is_judged_by_the_others(tmp_path, lacking, title):
    lines = [line("10.0.0.5", "10.0.0.7", 50000, 5432, "REJECT", 2000 + 900 * n, packets=5) for n in range(4)]
    kept = [name for name in DEFAULT_FORMAT if name not in lacking]
    whole = [dict(zip(DEFAULT_FORMAT, record.split(), strict=True)) for record in [*lines, *beside_all(ENI)]]
    log = log_of(tmp_path, [" ".join(record[name] for name in kept) for record in whole], kept)
    answer = rejected(log)
    assert [one.kind for one in answer.findings] == ["blocked-client"]
    assert answer.findings[0].title.startswith(title)
    assert len(answer.findings[0].samples) in (1, 3)  # records without times are all alike
    assert rejections_over_time(answer).axes


def test_without_times_a_client_that_is_accepted_too_is_judged(tmp_path):
    kept = [name for name in DEFAULT_FORMAT if name not in ("start", "end")]
    lines = [line("10.0.0.5", "10.0.0.7", 50000 + n, 5432, "REJECT", 2000, packets=5) for n in range(4)]
    whole = [dict(zip(DEFAULT_FORMAT, one.split(), strict=True)) for one in [*lines, *beside_all(ENI, "10.0.0.5")]]
    first = told(tmp_path, *(" ".join(one[name] for name in kept) for one in whole), fields=kept)[0]
    assert (first.kind, first.counts["attempts"]) == ("blocked-client", 3)
    assert "it was also accepted meanwhile" in first.grounds


def test_commands_quote_what_comes_from_the_log(tmp_path):
    lines = [*tries(client="10.0.0.9", eni="eni-1;reboot"), *beside_all("eni-1;reboot")]
    (finding,) = told(tmp_path, *lines)
    assert "--network-interface-ids 'eni-1;reboot'" in finding.action


def test_a_line_break_in_a_groups_name_never_makes_a_line_of_its_own(tmp_path):
    hostile = {"GroupName": "db\naws ec2 terminate-instances\x1b[2J", "GroupId": "sg-1\nreboot"}
    folder = write_snapshot(
        tmp_path / "network",
        [interface(ENI, "10.0.0.7", ["sg-1\nreboot"]), interface("eni-5", "10.0.0.5", ["sg-2"])],
        [
            group("x", [permission("tcp", 5432, 5432, group="sg-2\ncurl")]) | hostile,
            group("sg-2\ncurl") | {"GroupName": "\n"},
        ],
        [acl("acl-1", OPEN)],
    )
    (finding,) = told(tmp_path, *tries(), network=folder)
    assert finding.cause == "security-group"
    begin = (
        "Replayed",
        "Its rule",
        "To allow",
        "The same",
        "aws ec2 authorize",
        "aws ec2 modify",
        "resource",
        "  ",
        "}",
    )
    assert all(one.startswith(begin) for one in finding.action.splitlines()), finding.action
    assert "\x1b" not in finding.title + finding.action and "\n" not in finding.title


# --------------------------------------------------------------------------------------------- the sample


@pytest.fixture(scope="module")
def sample():
    """The answer to the sample, and what was planted in it."""
    return rejected(load("sample")), json.loads((SAMPLE / "truth.json").read_text())


def test_every_planted_rejection_is_one_finding_with_its_subject_cause_and_records(sample):
    answer, truth = sample
    keys = ("interface_id", "srcaddr", "dstaddr", "protocol", "dstport")
    planted = {
        (one["kind"], *(one[key] for key in keys)): (one["cause"], one["records"])
        for one in truth
        if one["notebook"] == "rejected" and one["finding"]
    }
    found = {(one.kind, *(one.subject.get(key) for key in keys)): (one.cause, one.records) for one in answer.findings}
    assert found == planted


def test_the_numbers_for_the_index_are_those_of_the_summary_whatever_the_top(sample):
    few = rejected(load("sample"), top=1)
    assert few.numbers == sample[0].numbers and len(few.findings) < len(sample[0].findings)
    told = KINDS["blocked-client"].counted(few.numbers["blocked-client"])
    assert told in " ".join(few.summary) and few.numbers["blocked-client"] > 1


def test_findings_name_the_rule_that_rejects_or_is_missing(sample):
    answer, truth = sample
    rules = {one["srcaddr"]: one["rule"] for one in truth if one["notebook"] == "rejected" and one["rule"]}
    assert len(rules) == 5
    for one in (finding for finding in answer.findings if finding.subject.get("srcaddr") in rules):
        text = " ".join(one.grounds)
        for rule in rules[one.subject["srcaddr"]].split(" + "):
            name, *entry = rule.split(":")
            assert name in text
            if entry:
                way = {"ingress": "inbound", "egress": "outbound"}[entry[0]]
                assert f"{way} rule {'*' if entry[1] == '32767' else entry[1]} " in text


def test_one_entry_that_denies_is_named_to_be_deleted_and_every_number_is_counted(sample):
    answer, _truth = sample
    actions = {one.counts["rule"]: one.action for one in answer.findings if "rule" in one.counts}
    assert sorted(actions) == [50, 70]
    for rule, way in ((50, "ingress"), (70, "egress")):
        (command,) = [one for one in actions[rule].splitlines() if one.startswith("aws")]
        acl_id = "acl-0f84522a1a308ae78"
        assert command == f"aws ec2 delete-network-acl-entry --network-acl-id {acl_id} --{way} --rule-number {rule}"
        assert "Replayed" not in actions[rule] and "Or narrow it: it denies tcp/" in actions[rule]
    for one in answer.findings:
        words = re.sub(r"\S*[.:/-]\S*|\(.*?\)", " ", one.title)
        assert {int(n.replace(",", "")) for n in re.findall(r"(?<!\S)[\d,]+\b", words)} <= {*one.counts.values()}, one


def test_the_summary_leads_with_the_pages_gravest_finding(sample):
    answer, _truth = sample
    assert answer.summary[0].startswith("2 legitimate clients appear to be blocked: app-1"), "the largest of the surest"
    acl = "A network ACL change blocked 12 addresses in 198.51.100.80/28 from lb-a"
    assert any(one.title.startswith(acl) for one in answer.findings)


def test_all_records_are_in_a_finding_and_in_the_time_steps(sample):
    answer, _truth = sample
    total = load("sample").fold.facts["rejected"]
    assert sum(one.records for one in answer.findings) == total == answer.over_time.records.sum()
    title = "1,217 rejected records, most at 2026-11-20 05:15 UTC: 144, mainly scan."
    assert answer.titles["rejections_over_time"] == title and f"{total:,}" == "1,217"


def test_a_triangle_stands_where_each_grave_incident_begins(sample):
    answer, _truth = sample
    (ax,) = rejections_over_time(answer).axes
    begun = sorted(num2date(line.get_xdata()[0]) for line in ax.lines)
    first = sorted(one.first_seen for one in answer.findings if one.severity in ("high", "medium"))
    assert len(begun) == len(first) == 5
    assert all(abs(shown - at) < timedelta(seconds=1) for shown, at in zip(begun, first, strict=True))
    assert [each.get_text() for each in ax.texts] == ["return traffic rejected", "blocked by a network ACL change"]


def test_samples_are_records_of_the_finding(sample):
    answer, _truth = sample
    for one in (finding for finding in answer.findings if finding.kind != "noise"):
        assert 1 <= len(one.samples) <= 3
        for record in one.samples:
            fields = dict(zip(DEFAULT_FORMAT, record.split(), strict=True))
            assert fields["action"] == "REJECT"
            assert one.subject.get("interface_id") in (None, fields["interface-id"])


def test_samples_take_any_value_for_what_a_key_leaves_out(tmp_path):
    log = log_of(tmp_path, [*conversation(1000), *conversation(2000, 40001), *tries(2)])
    keys = pd.DataFrame(
        [
            ("both", None, "10.0.0.5", "10.0.0.7", 6, None, None, None),
            ("one", ENI, "10.0.0.7", "10.0.0.5", 6, 443, 40001, "ACCEPT"),
            ("none", ENI, "10.0.0.7", "10.0.0.5", 17, None, None, None),
        ],
        columns=["id", "interface_id", "srcaddr", "dstaddr", "protocol", "srcport", "dstport", "action"],
    )
    found = samples(log, keys.astype({"srcport": "Int64", "dstport": "Int64"}))
    assert set(found) == {"both", "one"}
    assert [one.split()[10] for one in found["both"]] == [str(MIDNIGHT + at) for at in (1000, 2000, 2000)]
    assert found["one"] == (conversation(2000, 40001)[1],)


# ------------------------------------------------------------------------------- simulated worlds, the truth

#: Every seed in one format: worlds that differ prove more than one world in two formats.
SEEDS = {301: "v2", 302: "v5", 303: "v2", 304: "v5"}
FORMATS = {"v2": simulate.FIELDS_V2, "v5": simulate.FIELDS_V5}
HOURS = 2
KEY = ["interface_id", "client", "server", "protocol", "server_port"]


def truth_of(records):
    """Rejected conversations: KEY → the true causes, rules and incidents of their records."""
    rows = records[records.action == "REJECT"]
    asked = rows.true_client == rows.srcaddr
    rows = rows.assign(
        client=rows.true_client,
        server=rows.dstaddr.where(asked, rows.srcaddr),
        server_port=pd.to_numeric(rows.dstport.where(asked, rows.srcport)),
        protocol=pd.to_numeric(rows.protocol),
    )
    found = rows.groupby(KEY)[["true_cause", "true_rule", "incident"]].agg(lambda column: set(column.dropna()))
    return found.to_dict("index")


def rule_named(verdict):
    """The rule that a verdict blames, as the simulator writes it."""
    groups = ",".join(sorted(verdict.group_ids)) if verdict.groups_allow is False else ""
    way = "egress" if verdict.packet.egress else "ingress"
    denies = f"{verdict.acl_id}:{way}:{verdict.entry.number}" if verdict.acl_allows is False else ""
    return " + ".join(filter(None, (groups, denies)))


def test_confusion_of_true_cause_and_verdict_on_simulated_worlds(tmp_path, monkeypatch):
    table, wrong, missed, overrated, rules, made = Counter(), [], [], [], Counter(), []
    # What the findings are made of is looked at, not made twice.
    monkeypatch.setattr(
        "flowkit.reporting.rejected.rejections", lambda *args: made.append(rejections(*args)) or made[-1]
    )
    for seed, version in SEEDS.items():
        world = simulate.simulate(seed=seed, hours=HOURS)
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, content in world.network.items():
            (folder / name).write_text(json.dumps(content))
        truth = truth_of(world.records.reset_index(drop=True))
        fields = FORMATS[version]
        lines = world.records[list(map(simulate_column, fields))].astype(str).agg(" ".join, axis=1)
        path = write_log(tmp_path / f"{seed}.log.gz", lines, fields)
        for network in (None, folder):
            findings = rejected(load(str(path), network=network)).findings
            found = made[-1]
            case = (version, "snapshot" if network else "log alone")
            for _number, one in found.groups.iterrows():
                port = max(one.server_port, 0)
                true = truth.get((one.interface_id, one.client, one.server, one.protocol, port))
                causes = true["true_cause"] if true else {"other way round"}
                table[(*case, " or ".join(sorted(causes)), one.cause, one.confidence)] += 1
                if one.confidence in ("certain", "high") and one.cause not in causes:
                    wrong.append((seed, *case, dict(one[KEY]), causes, one.cause, one.grounds))
                if network and one.verdict is not None and one.cause not in ("closed-connection", "rules-changed"):
                    rules[rule_named(one.verdict) in (true["true_rule"] if true else ())] += 1
                if one.kind == "blocked-client" and true and true["incident"] & {"scanner", "noise"}:
                    overrated.append((seed, *case, dict(one[KEY]), one.parts))
            missed += [(seed, *case, one["id"]) for one in world.truth if not is_found(one, findings)]
            risen = [f for f in findings if f.kind == "blocked-client" and f.severity in ("high", "medium")]
            scanners = {one["srcaddr"] for one in world.truth if one["kind"] == "scan"}
            overrated += [(seed, *case, f.title) for f in risen if f.subject["srcaddr"] in scanners]
            overrated += [(seed, *case, f.title) for f in findings if f.kind == "blocked-service"]
    names = ["format", "by", "true cause", "verdict", "confidence"]
    counted = pd.Series(table).rename_axis(names).sort_index()
    print(f"seeds {', '.join(map(str, SEEDS))}\n{counted.to_string()}")
    assert len(wrong) * 1000 < sum(table.values()), wrong[:5]
    assert not missed
    assert not overrated
    assert rules[True] > 200 and not rules[False], rules


def simulate_column(field):
    return field.replace("-", "_")


def is_found(planted, findings):
    """Whether a finding tells the planted incident: its kind, place and service, its clients or a block of them."""
    if planted["notebook"] != "rejected" or not planted["finding"] or not planted["records"]:
        return True
    keys = ("interface_id", "dstaddr", "protocol", "dstport")
    return any(
        finding.kind == planted["kind"]
        and all(planted[key] in (None, finding.subject.get(key)) for key in keys)
        and (planted["kind"] in ("noise", "late-packets") or _same(finding.subject.get("srcaddr"), planted["srcaddr"]))
        for finding in findings
    )


def _same(said, planted):
    return said is not None and (said == planted or ip_network(said).subnet_of(ip_network(planted)))


CASES = {
    # kind, cause without and with a snapshot, severity, and numbers of the first finding
    "T-nacl8883": ("blocked-service", "undetermined", "network-acl", "high", {}),
    "T-pool": ("acl-changed", "network-acl", "network-acl", "high", {}),
    "T-deny": ("blocked-client", "network-acl", None, "medium", {}),
    "T-count": ("blocked-client", "undetermined", None, "medium", {"clients": 1, "attempts": 10}),
    "A2-nacl-icmp-midway": ("acl-changed", "network-acl", None, "high", {"cut_sessions": 1}),
    "A5-ephemeral-return": ("reply-refused", "network-acl", None, "high", {}),
    "A6-nlb-healthcheck": ("blocked-client", "undetermined", None, "medium", {"clients": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_cases_of_judgement_are_judged_right(case_folder, name):
    folder = case_folder / name / "in"
    source = next(path for path in (folder / "AWSLogs", folder / "flows.log", folder / "x.log") if path.exists())
    kind, alone, by_rules, severity, counts = CASES[name]
    for network, cause in ((None, alone), (folder / "network", by_rules)):
        if network is None or cause:
            first = rejected(load(str(source), network=network)).findings[0]
            assert (first.kind, first.cause, first.severity) == (kind, cause, severity)
            assert first.counts.items() >= counts.items(), first.title
