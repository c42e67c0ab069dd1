"""Reachability: what came of every attempt, on records made by hand, AWS's examples and simulated VPCs."""

import json
from ipaddress import ip_address, ip_network

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate import FIELDS_V2, FIELDS_V5, simulate
from support import write_log

from flowkit import plot
from flowkit.log import load
from flowkit.questions.expectations import check, owners, read_expectations
from flowkit.questions.networks import bounds, placed, read_networks
from flowkit.questions.reachability import Reach
from flowkit.questions.services import exposed, unanswered
from flowkit.reporting.figures import svg_of
from flowkit.reporting.reachability import reachability
from flowkit.reporting.rejected import rejected as fk_rejected

FIELDS = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"
    " log-status tcp-flags flow-direction"
)
WEB, DB, V6 = "10.0.0.1", "10.0.0.2", "2600:1f18:1:a0::5"
ENI = {WEB: "eni-0000000a", DB: "eni-0000000b", V6: "eni-0000000c"}
T0 = 1_700_000_000


def _flow(eni, src, dst, sport, dport, flags=0, action="ACCEPT", size=400, packets=4, protocol=6, way=None, at=0):
    way = way or ("ingress" if ENI.get(dst) == eni else "egress")
    start = T0 + at
    return (
        f"5 012345678901 {eni} {src} {dst} {sport} {dport} {protocol} {packets} {size} {start} {start + 30}"
        f" {action} OK {flags} {way}"
    )


def _pair(server, client, port, sport=40000, flags=(3, 19), eni=None, **changes):
    """An answered conversation, as `server`'s interface logs it."""
    eni = eni or ENI[server]
    return [
        _flow(eni, client, server, sport, port, flags[0], **changes),
        _flow(eni, server, client, port, sport, flags[1], **changes),
    ]


def _syn(server, client, port, action="ACCEPT", sport=40000, eni=None, **changes):
    """A lone SYN at `server`'s interface."""
    return [_flow(eni or ENI[server], client, server, sport, port, 2, action, 44, 1, **changes)]


def _hand_made():
    """Every state, each at a port of its own; and what must not be one."""
    rows = _pair(WEB, "198.51.100.9", 22) + _pair(WEB, "10.0.9.5", 22)
    for at in (0, 60, 120):
        rows += _syn(WEB, "10.0.9.5", 8125, sport=41000 + at, at=at)
        rows += _pair(WEB, "10.0.9.5", 9187, sport=42000 + at, flags=(2, 4), size=44, packets=1, at=at)
    rows += _syn(WEB, "10.0.9.5", 5432, "REJECT")
    rows += [*_syn(WEB, "10.0.9.5", 444), _flow(ENI[WEB], WEB, "10.0.9.5", 444, 40000, 18, "REJECT", 44, 1)]
    # Both ends log it: judged once.
    rows += _pair(DB, WEB, 3306) + [
        _flow(ENI[WEB], WEB, DB, 40000, 3306, 3, way="egress"),
        _flow(ENI[WEB], DB, WEB, 3306, 40000, 19, way="ingress"),
    ]
    # The server answers, and the answer is refused where it comes in.
    rows += _pair(DB, WEB, 3307, flags=(2, 18)) + [
        _flow(ENI[WEB], WEB, DB, 40000, 3307, 2, way="egress"),
        _flow(ENI[WEB], DB, WEB, 3307, 40000, 18, "REJECT", way="ingress"),
    ]
    # The answer leaves by another interface.
    rows += [*_syn(WEB, "10.0.9.6", 443), _flow("eni-0000000d", WEB, "10.0.9.6", 443, 40000, 18, way="egress")]
    # The client's own interface lets it out, the server's refuses it.
    rows += _syn(DB, WEB, 6379, "REJECT") + [_flow(ENI[WEB], WEB, DB, 40000, 6379, 2, "ACCEPT", 44, 1, way="egress")]
    # A packet after the end of a connection is no attempt.
    rows += [_flow(ENI[WEB], "10.0.9.7", WEB, 40000, 8443, 1, "REJECT", 40, 1)]
    # A stranger tries 50 ports, and finds the one that answers.
    rows += [row for port in range(1000, 1050) for row in _syn(WEB, "198.51.100.66", port, "REJECT", sport=port)]
    rows += _syn(WEB, "198.51.100.66", 8126) + _pair(WEB, "198.51.100.66", 22, sport=5)
    # IPv6 within the VPC and from outside; pings; UDP.
    rows += _pair(V6, "2600:1f18:1:a0::7", 22, eni=ENI[V6]) + [
        _flow("eni-0000000e", "2600:1f18:1:a0::7", V6, 40000, 22, 3, way="egress"),
        _flow("eni-0000000e", V6, "2600:1f18:1:a0::7", 22, 40000, 19, way="ingress"),
    ]
    rows += _pair(V6, "2a00:1450::8", 443, eni=ENI[V6])
    rows += [
        _flow(ENI[WEB], "203.0.113.7", WEB, 0, 0, protocol=1),
        _flow(ENI[WEB], WEB, "203.0.113.7", 0, 0, protocol=1, at=9),
    ]
    rows += _pair(DB, "10.0.9.5", 53, flags=(0, 0), protocol=17)
    return rows


def log_of(tmp_path, rows, fields=None, network=None):
    return load(str(write_log(tmp_path / "flow.log", rows, fields)), network=network)


def reach_of(tmp_path, rows, fields=None, names=None):
    return Reach(log_of(tmp_path, rows, fields), read_networks(names))


def none(reach):
    return pd.Series(False, reach.rows.index)


@pytest.fixture(scope="module")
def hand_made(tmp_path_factory):
    return log_of(tmp_path_factory.mktemp("hand"), _hand_made(), FIELDS.split())


@pytest.fixture(scope="module")
def reach(hand_made):
    return Reach(hand_made, read_networks(NAMES))


@pytest.fixture(scope="module")
def answer(hand_made):
    return reachability(hand_made, named_networks=NAMES)


NAMES = "lan=10.0.9.0/24,partner=203.0.113.0/28"


def _states(reach, destination, port, protocol=6):
    rows = reach.rows
    same = rows["port"].isna() if port is None else rows["port"] == port
    rows = rows[(rows["destination"] == destination) & same & (rows["protocol"] == protocol)]
    return {(row.source, row.state): (row.clients, row.sessions) for row in rows.itertuples()}


@pytest.mark.parametrize(
    ("destination", "port", "states"),
    [
        (WEB, 22, {("lan", "answered"): (1, 1), ("internet", "answered"): (2, 2)}),
        (WEB, 8125, {("lan", "accepted-silent"): (1, 3)}),
        (WEB, 9187, {("lan", "accepted-reset"): (1, 3)}),
        (WEB, 5432, {("lan", "refused"): (1, 1)}),
        (WEB, 444, {("lan", "reply-refused"): (1, 1)}),
        (DB, 3306, {("10.0.0.0/24", "answered"): (1, 1)}),
        (DB, 3307, {("10.0.0.0/24", "reply-refused"): (1, 1)}),
        (WEB, 443, {("lan", "answered"): (1, 1)}),
        (DB, 6379, {("10.0.0.0/24", "refused"): (1, 1)}),
        (WEB, 8443, {}),
        (V6, 22, {("inside", "answered"): (1, 1)}),
        (V6, 443, {("internet", "answered"): (1, 1)}),
    ],
)
def test_every_state_is_told_from_the_others(reach, destination, port, states):
    assert _states(reach, destination, port) == states


def test_pings_and_udp_have_states_too(reach):
    assert _states(reach, WEB, None, 1) == {("partner", "answered"): (1, 1)}
    assert _states(reach, DB, 53, 17) == {("lan", "answered"): (1, 1)}


def test_what_a_scanner_is_refused_is_one_row_and_exposes_nothing(reach):
    probes = reach.rows[(reach.rows["state"] == "refused") & reach.rows["public"]]
    assert probes[["clients", "scanners", "sessions", "ports"]].to_numpy().tolist() == [[1, 1, 50, 50]]
    assert probes["port"].isna().all()
    assert exposed(reach, none(reach))[["destination", "port", "role", "clients"]].to_numpy().tolist() == [
        [WEB, 22, "admin", 2],
        [V6, 443, "web", 1],
    ]
    assert unanswered(reach)[["port", "state"]].to_numpy().tolist() == [
        [8125, "accepted-silent"],
        [9187, "accepted-reset"],
    ]


def test_flags_give_high_confidence_and_the_sums_are_the_logs(reach):
    row = reach.rows.query("destination == @WEB and port == 22 and source == 'lan'").iloc[0]
    assert (row.confidence, row.bytes, row.failed, row.interface_id) == ("high", 800, 0, ENI[WEB])
    assert row.first_seen == pd.Timestamp(T0, unit="s", tz="UTC")
    assert row.last_seen == pd.Timestamp(T0 + 30, unit="s", tz="UTC")


def test_findings_and_summary_say_it_in_numbers(answer):
    assert [(one.kind, one.severity, one.title, one.counts) for one in answer.findings] == [
        ("exposed-service", "high", "10.0.0.1 is reachable from the internet on tcp/22 ssh: 2 clients, 2 sessions.",
         {"clients": 2, "sessions": 2, "hosts": 1}),
        ("exposed-service", "info", f"{V6} is reachable from the internet on tcp/443 https: 1 client, 1 session.",
         {"clients": 1, "sessions": 1, "hosts": 1}),
        ("accepted-silent", "medium",
         "10.0.0.1 tcp/8125 statsd is allowed but not responding: 1 client in lan, 3 sessions.",
         {"clients": 1, "sessions": 3}),
        ("accepted-reset", "low",
         "10.0.0.1 tcp/9187 is allowed but closed (TCP RST): 1 client in lan, 3 sessions.",
         {"clients": 1, "sessions": 3}),
    ]  # fmt: skip
    first, _, silent, reset = answer.findings
    assert first.subject == {
        "interface_id": ENI[WEB], "dstaddr": WEB, "srcaddr": "0.0.0.0/0", "protocol": 6, "dstport": 22,
    }  # fmt: skip
    assert silent.as_dict()["subject"]["srcaddr"] == "10.0.9.0/24"
    assert "ss -ltnup 'sport = :8125'" in silent.action
    assert (silent.records, silent.packets, silent.bytes) == (3, 3, 132)
    assert [line.split()[5:9] for line in silent.samples] == [
        ["41000", "8125", "6", "1"], ["41060", "8125", "6", "1"], ["41120", "8125", "6", "1"],
    ]  # fmt: skip
    assert (reset.records, first.records) == (6, 4)
    assert answer.summary == (
        "1 admin or database port is reachable from the internet: 10.0.0.1 tcp/22 ssh.",
        "2 services allowed but not responding (1 port closed: TCP RST).",
        "7 services answered; no expectations were given.",
    )


def test_figures_show_what_the_tables_hold_trouble_first(answer):
    figure = plot.reachability(answer, top=3)
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels == ["10.0.0.1 tcp/8125 statsd", "10.0.0.1 tcp/9187", "10.0.0.1 tcp/444"]
    assert figure._suptitle.get_text().startswith("6 services answered, 1 service without response")


def test_the_matrix_is_readable_at_many_sources(tmp_path):
    rows = [row for n in range(400) for row in _pair(WEB, f"10.{n // 200 + 1}.{n % 200}.5", 443, sport=40000 + n)]
    rows += [row for at in (0, 60, 120) for row in _syn(WEB, "10.1.77.5", 8125, sport=41000 + at, at=at)]
    figure = plot.reachability(reachability(log_of(tmp_path, rows, FIELDS.split())))
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert (len(ticks), ticks[0], ticks[-1]) == (25, "10.1.77.0/24", "376 other sources")


# AWS's documentation

ACCOUNT = "2 123456789010 eni-1235b8ca123456789"
DOCUMENTED = [
    f"{ACCOUNT} 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK",
    f"{ACCOUNT} 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK",
    f"{ACCOUNT} 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK",
    f"{ACCOUNT} - - - - - - - 1431280876 1431280934 - NODATA",
]
FLAGS = (
    "version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport"
    " pkt-srcaddr pkt-dstaddr protocol bytes packets start end action tcp-flags log-status"
)
HEAD = "3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 eni-1235b8ca123456789 123456789010 IPv4"
PORT_5001 = [
    f"{HEAD} 52.213.180.42 10.0.0.62 43418 5001 52.213.180.42 10.0.0.62 6 100701 70 1566848875 1566848933 ACCEPT 2 OK",
    f"{HEAD} 10.0.0.62 52.213.180.42 5001 43418 10.0.0.62 52.213.180.42 6 632 12 1566848875 1566848933 ACCEPT 18 OK",
    f"{HEAD} 10.0.0.62 52.213.180.42 5001 43418 10.0.0.62 52.213.180.42 6 63388 1219 1566848933 1566849113 ACCEPT 1 OK",
]  # fmt: skip


def test_the_documented_ping_has_its_reply_refused_and_rdp_is_refused(tmp_path):
    reach = reach_of(tmp_path, DOCUMENTED)
    rows = [(r.source, r.destination, r.protocol, r.state, r.confidence) for r in reach.rows.itertuples()]
    assert rows == [
        ("internet", "172.31.16.139", 1, "reply-refused", "medium"),
        ("172.31.9.0/24", "172.31.9.12", 6, "refused", "medium"),
    ]


def test_the_documented_port_5001_answered_the_internet(tmp_path):
    reach = reach_of(tmp_path, PORT_5001, FLAGS.split())
    rows = exposed(reach, none(reach))[["destination", "port", "role", "clients", "sessions", "bytes"]]
    assert rows.to_numpy().tolist() == [["10.0.0.62", 5001, "other", 1, 1, 164721]]


# Logs that cannot carry every claim


@pytest.mark.parametrize(
    ("keep", "kind", "states", "summary"),
    [
        ("REJECT", "reject-only", {("refused", "low")}, "This log holds rejected traffic only: it cannot show what"),
        (
            "ACCEPT",
            "accept-only",
            {("accepted-silent", "low")},
            "No record of this log is a REJECT: nothing was rejected, or",
        ),
        ("NODATA", "none", set(), "There is no traffic in this window: nothing can be said of"),
    ],
)
def test_a_log_of_one_kind_claims_only_what_it_carries(tmp_path, keep, kind, states, summary):
    log = log_of(tmp_path, [line for line in DOCUMENTED if keep in line])
    reach, answer = Reach(log, {}), reachability(log)
    assert reach.kind == kind
    assert set(zip(reach.rows["state"], reach.rows["confidence"], strict=True)) == states
    assert answer.summary[0].startswith(summary)
    assert answer.findings == ()
    assert plot.reachability(answer)


def test_one_record_is_enough_to_report_on(tmp_path):
    reach = reach_of(tmp_path, _syn(WEB, "10.0.9.5", 22), FIELDS.split())
    assert reach.rows[["source", "port", "state", "sessions"]].to_numpy().tolist() == [
        ["10.0.9.0/24", 22, "accepted-silent", 1]
    ]
    assert unanswered(reach).empty


def test_a_log_without_flags_never_takes_a_reset_for_an_answer_with_confidence(tmp_path):
    v2 = [
        f"2 1 eni-a {src} {dst} {sport} {dport} 6 1 {size} {T0} {T0 + 9} ACCEPT OK"
        for port, reply in ((81, 40), (82, 44))
        for src, dst, sport, dport, size in (("10.0.9.5", WEB, 40000, port, 60), (WEB, "10.0.9.5", port, 40000, reply))
    ]
    reach = reach_of(tmp_path, v2)
    rows = reach.rows[["port", "state", "confidence"]].to_numpy().tolist()
    assert rows == [[81, "accepted-reset", "low"], [82, "answered", "low"]]


def test_a_port_is_called_closed_by_tcp_rst_only_where_the_log_has_one(tmp_path):
    v2 = [
        f"2 1 eni-a {src} {dst} {sport} {dport} 6 1 {size} {T0 + at} {T0 + at + 9} ACCEPT OK"
        for at in (0, 60, 120, 180)
        for client in ("10.0.9.5", "10.0.9.6")
        for src, dst, sport, dport, size in ((client, WEB, 40000 + at, 81, 60), (WEB, client, 81, 40000 + at, 40))
    ]
    expect = tmp_path / "expect.csv"
    expect.write_text("name,source,destination,protocol,port,expect\nagent,10.0.9.5,10.0.0.1,tcp,81,reach\n")
    answer = reachability(log_of(tmp_path, v2), expect)
    assert [one.kind for one in answer.findings] == ["expectation-broken", "accepted-reset"]
    broken, closed = answer.findings
    assert "allowed, and seems closed (4 sessions)" in broken.title and "is allowed and seems closed" in closed.title
    said = [
        *answer.summary,
        *answer.titles.values(),
        *(text for one in answer.findings for text in (one.title, one.action)),
    ]
    assert [text for text in said if "RST" in text] == []
    assert "1 service allowed but not responding (1 port seems closed: TCP flags not logged)." in answer.summary
    assert "RST" not in svg_of(plot.reachability(answer), "x")


# Changes


def _served(client, at, sport, port=5432):
    return _pair(WEB, client, port, sport=sport, at=at)


def _refused(client, at, sport, port=5432):
    return _syn(WEB, client, port, "REJECT", sport=sport, at=at)


def test_a_service_that_stops_answering_a_client_is_lost(tmp_path):
    rows = _served("10.0.9.5", 0, 40000) + _served("10.0.9.5", 600, 40600)
    rows += [row for at in (1200, 1800, 2400) for row in _refused("10.0.9.5", at, 41000 + at)]
    # Of the same network: one that was never answered, and one that still is.
    rows += [row for at in (1200, 1800) for row in _refused("10.0.9.6", at, 41000 + at)]
    rows += _served("10.0.9.7", 0, 40000) + _served("10.0.9.7", 2400, 42400)
    log = log_of(tmp_path, rows, FIELDS.split())
    changed = Reach(log, {}).changes()
    columns = ["change", "was", "state", "clients", "sessions"]
    assert changed[columns].to_numpy().tolist() == [["lost", "answered", "refused", 1, 3]]
    assert changed["answered_until"].iloc[0] == pd.Timestamp(T0 + 630, unit="s", tz="UTC")
    answer = reachability(log)
    assert answer.summary[1] == (
        "1 service is now rejected to clients answered before: 10.0.0.1 tcp/5432 postgresql (1 client)."
    )
    (found,) = [one for one in answer.findings if one.kind == "lost"]
    assert found.title == (
        "10.0.9.5 lost 10.0.0.1 tcp/5432 postgresql: answered for the last time 2023-11-14 22:23 UTC,"
        " since then rejected (3 sessions)."
    )
    assert found.counts == {"clients": 1, "sessions": 3}
    # Its figures are those of the three rejected sessions, not of the service.
    assert (found.records, found.packets, found.bytes) == (3, 3, 132)
    assert {line.split()[12] for line in found.samples} == {"REJECT"}


def test_a_service_that_falls_silent_stopped_responding(tmp_path):
    rows = _served("10.0.9.5", 0, 40000)
    rows += [row for at in (1200, 1800, 2400) for row in _syn(WEB, "10.0.9.5", 5432, sport=41000 + at, at=at)]
    answer = reachability(log_of(tmp_path, rows, FIELDS.split()))
    assert "1 service stopped responding: 10.0.0.1 tcp/5432 postgresql (1 client)." in answer.summary
    (found,) = [one for one in answer.findings if one.kind == "lost"]
    assert (found.records, found.packets, found.bytes) == (3, 3, 132)


def test_a_moment_divides_what_came_before_from_what_came_after(tmp_path):
    """Every client is judged by itself; whoever was not seen before is compared with its network."""
    rows = _served("10.0.9.5", 0, 40000) + [
        row for at in (1200, 1800, 2400) for row in _refused("10.0.9.5", at, 41000 + at)
    ]
    rows += _served("10.0.9.6", 0, 40000) + _served("10.0.9.6", 1200, 41200)
    rows += _refused("198.51.100.5", 0, 40000, 8883) + _served("198.51.100.6", 1200, 40000, 8883)
    rows += _served("10.0.9.8", 1200, 40000, 8500) + _served("10.0.9.9", 0, 40000, 8501)
    at = pd.Timestamp(T0 + 900, unit="s", tz="UTC")
    changed = reachability(log_of(tmp_path, rows, FIELDS.split()), compare_at=at.isoformat()).changes
    assert sorted(changed[["port", "change", "was", "state", "clients", "sessions"]].to_numpy().tolist()) == [
        [5432, "lost", "answered", "refused", 1, 3],
        [5432, "ongoing", "answered", "answered", 1, 1],
        [8500, "first-seen", "unseen", "answered", 1, 1],
        [8501, "unseen", "answered", "unseen", 1, 0],
        [8883, "newly-reachable", "refused", "answered", 1, 1],
        [8883, "unseen", "refused", "unseen", 1, 0],
    ]


def test_of_several_states_of_one_change_the_one_with_most_sessions_is_shown(tmp_path):
    rows, ports = [], range(8500, 8508)
    for port in ports:
        often = [_refused, _served] if port % 2 else [_served, _refused]
        for one, times in zip(often, (3, 1), strict=True):
            client = "10.0.9.5" if one is _served else "10.0.9.6"
            for at in (0, *range(1200, 1200 + 60 * times, 60)):
                rows += one(client, at, 40000 + at, port)
    at = pd.Timestamp(T0 + 900, unit="s", tz="UTC")
    changed = reachability(log_of(tmp_path, rows, FIELDS.split()), compare_at=at.isoformat()).changes
    shown = changed[["port", "change", "state", "sessions"]].to_numpy().tolist()
    expected = [[port, "ongoing", "refused" if port % 2 else "answered", 3] for port in ports]
    assert shown == expected  # in the order of ports


def test_silence_of_udp_beside_answers_is_no_failure(tmp_path):
    rows = [row for at in (0, 600) for row in _pair(DB, "10.0.9.5", 53, 40000 + at, (0, 0), protocol=17, at=at)]
    rows += [_flow(ENI[DB], "10.0.9.5", DB, 41000 + at, 53, 0, protocol=17, at=at) for at in (1200, 1800, 2400, 3000)]
    reach = reach_of(tmp_path, rows, FIELDS.split())
    assert reach.rows[["state", "sessions", "failed"]].to_numpy().tolist() == [["answered", 6, 4]]
    assert reach.changes().empty


# Networks


def _places(reach, addresses, networks):
    table = reach.fold.sql(
        placed("SELECT address FROM given"), bounds=bounds(networks), given=pd.DataFrame({"address": addresses})
    )
    return dict(zip(table["address"], table["network"], strict=True))


SIX = st.integers(0, 2**128 - 1) | st.integers(0, 2**16).map(lambda low: (0x2001 << 112) + (low << 48) + low)
NETWORK = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)) | st.tuples(SIX, st.integers(0, 128))


@settings(max_examples=60, deadline=None)
@given(some=st.lists(NETWORK, max_size=12), flips=st.lists(st.integers(0, 127), min_size=1, max_size=3))
def test_an_address_lies_in_the_narrowest_network_that_holds_it(reach, some, flips):
    networks = {ip_network((value, length), strict=False) for value, length in some}
    addresses = set()
    for network in networks:
        for flip in flips:
            value = int(network.network_address) ^ (1 << flip % network.max_prefixlen)
            one = ip_network((value, network.max_prefixlen)).network_address
            if not getattr(one, "ipv4_mapped", None):
                addresses |= {str(one), str(network.network_address), str(network.broadcast_address)}
    addresses = {one for one in addresses if "." not in one or ":" not in one}
    for address, place in _places(reach, sorted(addresses), networks).items():
        holds = [network for network in networks if ip_address(address) in network]
        if holds and not ip_address(address).is_private and "." not in place[-1:]:
            assert place == str(max(holds, key=lambda network: network.prefixlen))


def test_an_address_is_known_by_the_narrowest_network_around_it(reach):
    networks = {ip_network(cidr) for cidr in ("10.0.0.0/20", "10.0.9.5/32", "198.51.100.0/25", "2001:db8::/56")}
    places = {
        "10.0.9.5": "10.0.9.5/32",
        "10.0.9.55": "10.0.0.0/20",
        "10.0.16.1": "10.0.16.0/24",
        "172.31.255.1": "172.31.255.0/24",
        "172.32.0.1": "internet",
        "198.51.100.127": "198.51.100.0/25",
        "198.51.100.128": "internet",
        "2001:db8::1": "2001:db8::/56",
        "2001:DB8:0:0:0:0:0:1": "2001:db8::/56",
        "2001:db8:0:100::1": "internet",
        "fd00::1": "fc00::/7",
        "no address": "internet",
        "1.2.3.999": "internet",
    }
    assert _places(reach, list(places), networks) == places
    everyone = {ip_network("0.0.0.0/0"), ip_network("::/0")}
    assert _places(reach, ["172.32.0.1", "2001:db8::1", "10.0.9.5"], everyone) == {
        "172.32.0.1": "0.0.0.0/0", "2001:db8::1": "::/0", "10.0.9.5": "10.0.9.0/24",
    }  # fmt: skip


def test_networks_are_read_from_one_line_and_bad_parts_named():
    assert read_networks(" office=203.0.113.0/24, office=198.51.100.7,six=2001:db8::/32,") == {
        ip_network("203.0.113.0/24"): "office",
        ip_network("198.51.100.7/32"): "office",
        ip_network("2001:db8::/32"): "six",
    }
    assert read_networks(None) == {}
    with pytest.raises(ValueError, match=r"name=CIDR.*'=10.0.0.0/8' has no name.*'lab'.*'x=10.0.0.1/8'"):
        read_networks("=10.0.0.0/8,lab,x=10.0.0.1/8,ok=10.0.0.0/8")


# Simulated VPCs: eight of them in one log, which is how an account with eight VPCs looks

SEEDS = 8
STATE = {"silent": "accepted-silent", "reset": "accepted-reset"}


@pytest.fixture(scope="module")
def worlds():
    """Eight simulated VPCs with different address ranges."""
    found, seed = {}, 0
    while len(found) < SEEDS:
        world = simulate(seed, hours=2)
        found.setdefault(world.shop.second, world)
        seed += 1
    print(f"seeds 0 to {seed - 1}")
    return list(found.values())


def _truth(worlds):
    """What became of the conversations of each client at each service, from the simulator's own words."""
    rows = pd.concat([world.records for world in worlds])
    rows = rows[rows["true_state"].notna() & (rows["true_cause"] != "closed-connection")]
    asked = rows["true_client"] == rows["srcaddr"]
    protocol = rows["protocol"].astype(int)
    port = rows["dstport"].where(asked, rows["srcport"]).astype(int).where(protocol != 1, -1)
    rows = rows.assign(
        server=rows["dstaddr"].where(asked, rows["srcaddr"]),
        port=port,
        protocol=protocol,
        state=rows["true_state"].replace(STATE),
    )
    return rows.groupby(["true_client", "server", "protocol", "port"])["state"].agg(set).to_dict()


def _written(worlds, folder, fields):
    """One log, one snapshot and one expectations file of all `worlds`."""
    network, lines = {}, ["name,source,destination,protocol,port,expect"]
    for number, world in enumerate(worlds):
        world.write(folder / str(number), fields, container="text")
        for name, made in world.network.items():
            (key,) = made
            network.setdefault(name, {key: []})[key].extend(made[key])
        lines += [f"{number} " + ",".join(line.values()) for line in world.expectations]
    (folder / "network").mkdir()
    for name, made in network.items():
        (folder / "network" / name).write_text(json.dumps(made))
    (folder / "expectations.csv").write_text("\n".join(lines) + "\n")
    return str(folder / "[0-9]*" / "AWSLogs")


@pytest.mark.parametrize(("fields", "known"), [("v5", False), ("v5", True), ("v2", False), ("v2", True)])
def test_planted_states_and_expectations_are_checked_right(tmp_path, worlds, fields, known):
    source = _written(worlds, tmp_path, {"v5": FIELDS_V5, "v2": FIELDS_V2}[fields])
    log = load(source, network=tmp_path / "network" if known else None)
    lines = read_expectations(tmp_path / "expectations.csv")
    reach = Reach(log, {}, lines)
    pairs, truth = reach.sql("FROM pairs"), _truth(worlds)
    keys = zip(pairs["client"], pairs["server"], pairs["protocol"], pairs["port"].fillna(-1), strict=True)
    right = [state in truth.get(key, ()) for key, state in zip(keys, pairs["state"], strict=True)]
    table = pairs.assign(right=right).groupby(["level", "state"])["right"].agg(["size", "sum"])
    print(table)
    wrong = (table["size"] - table["sum"]).groupby("level").sum()
    assert wrong.get(2, 0) == 0
    assert wrong.get(1, 0) <= table["size"].sum() / 1000
    assert wrong.sum() <= table["size"].sum() / 200
    assert (2 in wrong.index) == (fields == "v5")

    checked = check(lines, reach.rows, reach.kind, owners(log), reach.distinct)
    planted = {
        f"{number} {one['expectation']}": one["judgement"]
        for number, world in enumerate(worlds)
        for one in world.truth
        if "expectation" in one
    }
    assert dict(zip(checked["name"], checked["verdict"], strict=True)) == planted
    incidents = [one for world in worlds for one in world.truth if one["id"] in INCIDENTS]
    assert len(incidents) == len(INCIDENTS) * SEEDS
    found = pd.concat([exposed(reach, none(reach)).assign(state="exposed-service"), unanswered(reach)])
    rows = found.set_index(["destination", "port", "state"])["confidence"]
    for one in incidents:
        key = one["dstaddr"], one["dstport"], one["kind"]
        assert rows.get(key) == ("high" if fields == "v5" else "medium"), key


INCIDENTS = ("exposed-admin", "silent-service", "reset-port")


@pytest.mark.parametrize("seed", [301, 302])
def test_the_page_of_a_simulated_vpc_names_every_incident_in_few_findings(tmp_path, seed):
    world = simulate(seed, hours=4)
    source = _written([world], tmp_path, FIELDS_V5)
    answer = reachability(load(source, network=tmp_path / "network"), tmp_path / "expectations.csv")
    planted = {
        (one["kind"], one["dstaddr"], one["dstport"])
        for one in world.truth
        if one["finding"] and one["notebook"] == "reachability"
    }
    named = {(one.kind, one.subject.get("dstaddr"), one.subject["dstport"]) for one in answer.findings}
    assert planted <= named
    assert len(answer.findings) <= len(planted) + 5
    causes = {one["expectation"]: one["cause"] for one in world.truth if one.get("judgement") == "broken"}
    table = answer.expectations
    assert list(table.columns[:3]) == ["verdict", "name", "source"]
    broken = table[table["verdict"] == "broken"]
    assert table["verdict"].iloc[: len(broken)].eq("broken").all()
    assert dict(zip(broken["name"].str[2:], broken["cause"], strict=True)) == causes
    assert all(0.9 < one.coverage <= 1 for one in answer.findings)
    assert answer.summary[0].startswith(
        f"Of {len(table)} expectations: {len(broken)} broken, 1 open but should be blocked"
    )
    # One cause, one incident: what an expectation is about is led by its service's finding.
    by_kind = {kind: {one.incident for one in answer.findings if one.kind == kind} for kind in
               ("expectation-broken", "accepted-silent", "newly-reachable", "exposed-service")}  # fmt: skip
    assert by_kind["accepted-silent"] <= by_kind["expectation-broken"]
    assert by_kind["newly-reachable"] <= by_kind["exposed-service"]
    rejected = {one.incident for one in fk_rejected(load(source, network=tmp_path / "network")).findings}
    refused = {one.incident for one in answer.findings if one.kind == "expectation-broken" and one.cause}
    assert refused <= rejected
    (closing,) = [one.action for one in answer.findings if one.kind == "newly-reachable"]
    assert "aws ec2 revoke-security-group-ingress --group-id sg-" in closing and "flowkit snapshot" not in closing


def test_a_client_of_many_servers_outside_counts_once(tmp_path):
    rows = [row for n in range(5) for row in (
        _flow("eni-0000000e", "10.0.9.5", f"198.51.100.{n}", 40000 + n, 443, 3, way="egress"),
        _flow("eni-0000000e", f"198.51.100.{n}", "10.0.9.5", 443, 40000 + n, 19, way="ingress"),
    )]  # fmt: skip
    reach = reach_of(tmp_path, rows, FIELDS.split())
    columns = ["source", "destination", "port", "ports", "clients", "sessions"]
    assert reach.rows[columns].to_numpy().tolist() == [["10.0.9.0/24", "internet", 443, 1, 1, 5]]


def test_a_client_of_two_hosts_is_one_client_of_the_service(tmp_path):
    rows = _pair(WEB, "198.51.100.9", 443) + _pair(DB, "198.51.100.9", 443) + _pair(DB, "198.51.100.8", 443)
    (found,) = reachability(log_of(tmp_path, rows, FIELDS.split())).findings
    assert found.title == "10.0.0.2, 10.0.0.1 are reachable from the internet on tcp/443 https: 2 clients, 3 sessions."
    assert found.counts == {"clients": 2, "sessions": 3, "hosts": 2}
    # A client of one host was looked for at the other.
    assert len(found.samples) == 2 and found.records == 6


def _snapshot(folder, peers, port=22):
    """A snapshot with one host, whose group opens `port` to `peers`."""
    folder.mkdir()
    for name, made in {
        "network-interfaces": {"NetworkInterfaces": [{
            "NetworkInterfaceId": ENI[WEB], "SubnetId": "subnet-1", "VpcId": "vpc-1", "PrivateIpAddress": WEB,
            "Groups": [{"GroupId": "sg-1"}], "TagSet": [{"Key": "Name", "Value": "bastion"}]}]},
        "security-groups": {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [{
            "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
            "IpRanges": [{"CidrIp": peer} for peer in peers]}]}]},
        "network-acls": {"NetworkAcls": []},
    }.items():  # fmt: skip
        (folder / f"describe-{name}.json").write_text(json.dumps(made))
    return folder


@pytest.mark.parametrize(
    ("peers", "severity", "title", "action"),
    [
        (["0.0.0.0/0"], "high", "bastion (10.0.0.1) is reachable from the internet on tcp/22 ssh: 2 clients, 2 sessions.",
         "aws ec2 revoke-security-group-ingress --group-id sg-1 --ip-permissions"
         " 'IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=0.0.0.0/0}]'"),
        (["203.0.113.0/28"], "low", "bastion (10.0.0.1) is reachable from 203.0.113.0/28 on tcp/22 ssh, as the rules"
         " allow: 2 clients, 2 sessions.", "IpRanges=[{CidrIp=203.0.113.0/28}]"),
        (["10.0.0.0/8"], "low", "bastion (10.0.0.1) was reachable from the internet on tcp/22 ssh until 2023-11-14 22:13 UTC, which"
         " the rules of the snapshot do not allow: 2 clients, 2 sessions.", "CloudTrail"),
    ],
)  # fmt: skip
def test_with_a_snapshot_exposure_is_what_the_rules_admit(tmp_path, peers, severity, title, action):
    rows = _pair(WEB, "203.0.113.3", 22) + _pair(WEB, "203.0.113.4", 22)
    log = log_of(tmp_path, rows, FIELDS.split(), _snapshot(tmp_path / "network", peers))
    (found,) = [one for one in reachability(log).findings if one.kind == "exposed-service"]
    assert (found.severity, found.title) == (severity, title)
    assert action in found.action


# Cases that others reported


def test_the_internet_answered_on_a_port_of_no_role_is_said(case_folder):
    answer = reachability(load(case_folder / "T-crash" / "in"))
    assert answer.exposed["role"].tolist() == ["other"]
    assert answer.summary[1] == "1 service beyond web ports reachable from the internet: 10.0.0.10 tcp/8883 mqtts."


@pytest.mark.parametrize(
    ("case", "row"),
    [
        ("A1-client-port-below-server-port", ["10.0.1.0/24", "10.0.2.30", 5601, "answered", 1]),
        ("A6-nlb-healthcheck", ["10.0.10.0/24", "10.0.1.5", 8080, "refused", 1]),
    ],
)
def test_small_inputs_of_others_are_read_right(case_folder, case, row):
    rows = reachability(load(case_folder / case / "in")).services
    assert row in rows[["source", "destination", "port", "state", "clients"]].to_numpy().tolist()


# One truth a service: VPCs that overlap, addresses used again, rules


def _interfaces(folder, *interfaces, groups=(), entries=None):
    """A snapshot: (id, name, vpc, address, group ids) of interfaces, each in its VPC's one subnet; (id, permissions) of
    groups; entries of the network ACL of every subnet (default: none is there)."""
    folder.mkdir()
    subnets = sorted({f"subnet-{vpc}" for _, _, vpc, *_ in interfaces})
    acl = {"NetworkAclId": "acl-1", "VpcId": "vpc-1", "Entries": entries or [],
           "Associations": [{"SubnetId": one} for one in subnets]}  # fmt: skip
    for name, made in {
        "network-interfaces": {"NetworkInterfaces": [
            {"NetworkInterfaceId": eni, "SubnetId": f"subnet-{vpc}", "VpcId": vpc, "PrivateIpAddress": address,
             "Groups": [{"GroupId": one} for one in several], "TagSet": [{"Key": "Name", "Value": name}]}
            for eni, name, vpc, address, several in interfaces]},
        "security-groups": {"SecurityGroups": [
            {"GroupId": one, "IpPermissions": permissions} for one, permissions in groups]},
        "network-acls": {"NetworkAcls": [acl] if entries else []},
        "subnets": {"Subnets": [
            {"SubnetId": one, "CidrBlock": "10.0.0.0/24", "VpcId": one[7:]} for one in subnets]},
    }.items():  # fmt: skip
        (folder / f"describe-{name}.json").write_text(json.dumps(made))
    return folder


def _open(port, *peers):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": peer} for peer in peers]}


def test_two_vpcs_with_one_cidr_are_two_hosts_each_with_its_name_and_state(tmp_path):
    a, b, client = "eni-0000000a", "eni-0000000b", "10.0.0.9"
    rows = [row for at in (0, 60, 120) for row in _pair(WEB, client, 5432, eni=a, sport=40000 + at, at=at)]
    rows += [row for at in (0, 60, 120) for row in _syn(WEB, client, 5432, "REJECT", eni=b, sport=41000 + at, at=at)]
    rows = [row.replace(" egress", " ingress") if f"{client} {WEB}" in row else row for row in rows]
    network = _interfaces(tmp_path / "network", (a, "db-blue", "vpc-1", WEB, ["sg-1"]), (b, "db-red", "vpc-2", WEB, ["sg-2"]),
                          groups=[("sg-1", [_open(5432, "10.0.0.0/8")]), ("sg-2", [])])  # fmt: skip
    answer = reachability(log_of(tmp_path, rows, FIELDS.split(), network))
    columns = ["host", "interface_id", "state", "clients", "sessions"]
    assert answer.services[columns].to_numpy().tolist() == [
        ["db-blue (10.0.0.1)", a, "answered", 1, 3],
        ["db-red (10.0.0.1)", b, "refused", 1, 3],
    ]
    assert [one.kind for one in answer.findings] == []


def test_an_address_used_again_is_the_host_that_answered_and_the_host_that_refuses(tmp_path):
    old, new = "eni-0000000a", "eni-0000000b"
    rows = [row for at in (0, 60) for row in _pair(WEB, "10.0.9.5", 8080, eni=new, sport=40000 + at, at=at)]
    rows = [row.replace(new, old) for row in rows]
    rows += [
        row
        for at in (900, 960, 1020)
        for row in _syn(WEB, "10.0.9.5", 8080, "REJECT", eni=new, sport=41000 + at, at=at)
    ]
    rows = [row.replace(" egress", " ingress") if f"10.0.9.5 {WEB}" in row else row for row in rows]
    rows = reach_of(tmp_path, rows, FIELDS.split()).rows
    assert rows[["interface_id", "state", "sessions"]].to_numpy().tolist() == [
        [old, "answered", 2],
        [new, "refused", 3],
    ]


def test_ssh_that_a_rule_opens_to_one_office_needs_nothing_where_that_is_meant(tmp_path):
    network = _interfaces(
        tmp_path / "network", (ENI[WEB], "bastion", "vpc-1", WEB, ["sg-1"]),
        groups=[("sg-1", [_open(22, "203.0.113.0/28")])],
    )  # fmt: skip
    (found,) = reachability(log_of(tmp_path, _pair(WEB, "203.0.113.3", 22), FIELDS.split(), network)).findings
    assert found.title.startswith(
        "bastion (10.0.0.1) is reachable from 203.0.113.0/28 on tcp/22 ssh, as the rules allow"
    )
    first, *rest = found.action.split("\n")
    assert first == (
        "No action needed if these sources are meant to reach it: named in `named_networks` they are left out."
    )
    assert rest[0].startswith("Remove the rule that lets it in") and "revoke-security-group-ingress" in rest[1]


def test_a_web_port_open_to_one_office_does_not_answer_the_internet(tmp_path):
    rows = _pair(WEB, "203.0.113.3", 443) + _pair(DB, "198.51.100.9", 443)
    network = _interfaces(
        tmp_path / "network", (ENI[WEB], "intranet", "vpc-1", WEB, ["sg-1"]), (ENI[DB], "shop", "vpc-1", DB, ["sg-2"]),
        groups=[("sg-1", [_open(443, "203.0.113.0/28")]), ("sg-2", [_open(443, "0.0.0.0/0")])],
    )  # fmt: skip
    answer = reachability(log_of(tmp_path, rows, FIELDS.split(), network))
    assert [(one.severity, one.title, one.subject["srcaddr"]) for one in answer.findings] == [
        ("info", "intranet (10.0.0.1) is reachable from 203.0.113.0/28 on tcp/443 https, as the rules allow: 1 client,"
         " 1 session.", "203.0.113.0/28"),
        ("info", "shop (10.0.0.2) is reachable from the internet on tcp/443 https: 1 client, 1 session.", "0.0.0.0/0"),
    ]  # fmt: skip


def test_hosts_of_one_rule_are_one_finding_and_what_ought_to_be_blocked_is_its_incident(tmp_path):
    rows = _pair(WEB, "198.51.100.9", 22) + _pair(DB, "198.51.100.9", 22) + _pair(WEB, "10.0.9.5", 5432)
    network = _interfaces(
        tmp_path / "network", (ENI[WEB], "one", "vpc-1", WEB, ["sg-1"]), (ENI[DB], "two", "vpc-1", DB, ["sg-1"]),
        groups=[("sg-1", [_open(22, "0.0.0.0/0"), _open(5432, "10.0.9.0/24", "10.7.0.0/16")])],
    )  # fmt: skip
    expect = tmp_path / "expectations.csv"
    expect.write_text(
        "name,source,destination,protocol,port,expect\nno ssh,0.0.0.0/0,one,tcp,22,block\nno db,10.0.0.0/8,one,any,any,block\n"
    )
    answer = reachability(log_of(tmp_path, rows, FIELDS.split(), network), expect)
    ssh, db, exposure = answer.findings
    assert (ssh.kind, ssh.severity, ssh.subject["dstaddr"]) == ("newly-reachable", "high", WEB)
    assert ssh.title == (
        "“no ssh” should be blocked: 1 client in the internet was answered by one tcp/22 ssh (1 session)."
    )
    assert ssh.counts == {"clients": 1, "sessions": 1}
    assert exposure.title == "one, two are reachable from the internet on tcp/22 ssh: 1 client, 2 sessions."
    assert exposure.counts == {"clients": 1, "sessions": 2, "hosts": 2}
    assert ssh.incident == exposure.incident != db.incident
    revoke = "aws ec2 revoke-security-group-ingress --group-id sg-1 --ip-permissions 'IpProtocol=tcp,"
    assert f"{revoke}FromPort=22,ToPort=22,IpRanges=[{{CidrIp=0.0.0.0/0}}]'" in ssh.action
    assert f"{revoke}FromPort=5432,ToPort=5432,IpRanges=[{{CidrIp=10.0.9.0/24}}]'" in db.action
    assert "10.7.0.0/16" not in db.action


def test_a_broken_line_and_a_loss_share_the_incident_of_what_refuses_them(tmp_path):
    """The network ACL has no rule for it: its last one, which nobody wrote, denies."""
    rows = _pair(WEB, "10.0.9.5", 5432) + _pair(WEB, "10.0.9.5", 5432, sport=40001, at=60)
    rows += [
        row for at in range(600, 1800, 120) for row in _syn(WEB, "10.0.9.5", 5432, "REJECT", sport=41000 + at, at=at)
    ]
    rows = [row.replace(" 44 ", " 176 ").replace(" 6 1 ", " 6 4 ") for row in rows]  # SYNs sent again
    deny = {"RuleNumber": 32767, "Egress": False, "RuleAction": "deny", "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}
    network = _interfaces(tmp_path / "network", (ENI[WEB], "db", "vpc-1", WEB, ["sg-1"]), entries=[deny],
                          groups=[("sg-1", [_open(5432, "10.0.9.0/24")])])  # fmt: skip
    expect = tmp_path / "expectations.csv"
    expect.write_text(f"name,source,destination,protocol,port,expect\ndb,10.0.9.5,{ENI[WEB]},tcp,5432,reach\n")
    log = log_of(tmp_path, rows, FIELDS.split(), network)
    answer, refused = reachability(log, expect), fk_rejected(log)
    assert {one.kind: one.cause for one in answer.findings} == {
        "expectation-broken": "network-acl",
        "lost": "network-acl",
    }
    loud = {one.incident for one in refused.findings if one.severity in ("medium", "high")}
    assert {one.incident for one in answer.findings} == loud and len(loud) == 1
    assert all(one.subject["dstaddr"] == WEB and one.subject["srcaddr"] == "10.0.9.5" for one in answer.findings)
    # The entry that denies is named: no rule is missing.
    assert {one.action for one in answer.findings} == {
        "Network ACL acl-1 denies by rule *. The rejected notebook has the commands that let it pass."
    }
    assert {(one.records, one.packets) for one in answer.findings} == {(10, 40)}


def test_clients_have_their_names_in_titles(tmp_path):
    rows = _pair(WEB, DB, 5432) + [
        row for at in (600, 1200, 1800) for row in _syn(WEB, DB, 5432, "REJECT", sport=41000 + at, at=at)
    ]
    network = _interfaces(tmp_path / "network", (ENI[WEB], "db", "vpc-1", WEB, ["sg-1"]), (ENI[DB], "app", "vpc-1", DB, ["sg-1"]),
                          groups=[("sg-1", [])])  # fmt: skip
    expect = tmp_path / "expectations.csv"
    expect.write_text(f"name,source,destination,protocol,port,expect\ndb,{DB},{WEB},tcp,5432,reach\n")
    broken, lost = reachability(log_of(tmp_path, rows, FIELDS.split(), network), expect).findings
    assert broken.title == "“db” is broken: app (10.0.0.2) to db (10.0.0.1) tcp/5432 postgresql: rejected (3 sessions)."
    assert lost.title.startswith("app (10.0.0.2) lost db (10.0.0.1) tcp/5432 postgresql: answered for the last time ")


def test_silence_that_only_the_client_logged_blames_no_host(tmp_path):
    rows = [_flow("eni-0000000e", "10.0.9.5", "10.9.9.9", 40000 + at, 5432, 2, size=44, packets=1, way="egress", at=at)
            for at in (0, 60, 120)]  # fmt: skip
    expect = tmp_path / "expectations.csv"
    expect.write_text("name,source,destination,protocol,port,expect\ndb,10.0.9.0/24,10.9.9.9,tcp,5432,reach\n")
    (found,) = reachability(log_of(tmp_path, rows, FIELDS.split()), expect).findings
    assert (found.kind, found.subject["dstaddr"]) == ("expectation-broken", "10.9.9.9")
    assert found.action.startswith("Only the client's side is logged, where nothing came back")
    assert (found.subject["interface_id"], found.records) == ("eni-0000000e", 3)  # where it was seen


def test_a_balancer_that_keeps_client_addresses_is_not_blamed_for_what_its_target_rejects(tmp_path):
    clients = [f"198.51.100.{n}" for n in range(4)]
    rows = [row for n, client in enumerate(clients) for at in (0, 60) for row in (
        *_syn(WEB, client, 8883, sport=40000 + n + at, at=at), *_syn(DB, client, 1883, "REJECT", sport=40000 + n + at, at=at)
    )]  # fmt: skip
    (found,) = [
        one for one in reachability(log_of(tmp_path, rows, FIELDS.split())).findings if one.kind == "accepted-silent"
    ]
    assert (found.confidence, found.counts) == ("low", {"clients": 4, "sessions": 8})
    assert found.action == (
        "Part of it is rejected at eni-0000000b, so look at the rules there first: the rejected notebook names them."
    )


@pytest.mark.parametrize("gateway", ["nat", "transit"])
def test_a_gateway_is_not_blamed_for_what_is_rejected_behind_it(tmp_path, gateway):
    """Version 2 does not tell gateways: in front one is asked, behind it asks in its own name or in the client's."""
    rows = []
    for at in range(0, 600, 60):
        rows += _syn(WEB, "10.0.9.5", 443, sport=40000 + at, at=at)
        if gateway == "nat":
            rows.append(
                _flow(ENI[WEB], WEB, "203.0.113.9", 50000 + at, 443, 2, size=44, packets=1, way="egress", at=at)
            )
            rows.append(_flow(ENI[WEB], "203.0.113.9", WEB, 443, 50000 + at, 18, size=44, packets=1, way="ingress", at=at,
                              action="REJECT"))  # fmt: skip
        else:
            rows += _syn(DB, "10.0.9.5", 443, "REJECT", sport=40000 + at, at=at)
    (found,) = [
        one for one in reachability(log_of(tmp_path, rows, FIELDS.split())).findings if one.kind == "accepted-silent"
    ]
    assert (found.confidence, found.severity, found.counts["sessions"]) == ("low", "low", 10)
    assert f"rejected at {ENI[WEB] if gateway == 'nat' else ENI[DB]}" in found.action


@pytest.mark.parametrize(("strangers", "severity"), [(3, "low"), (2, "high")])
def test_ssh_that_answers_one_office_and_rejects_strangers_is_not_open_to_the_internet(tmp_path, strangers, severity):
    rows = [row for n in (33, 38) for row in _pair(WEB, f"81.20.7.{n}", 22)]
    rows += [row for n in range(strangers) for row in _syn(WEB, f"45.{n}.9.9", 22, "REJECT")]
    (found,) = [
        one for one in reachability(log_of(tmp_path, rows, FIELDS.split())).findings if one.kind == "exposed-service"
    ]
    assert (found.severity, found.counts["clients"]) == (severity, 2)
    if severity == "low":
        assert found.title == (
            "10.0.0.1 is reachable from 81.20.7.32/29 on tcp/22 ssh, and strangers are rejected: 2 clients, 2 sessions."
        )
        assert found.subject["srcaddr"] == "81.20.7.32/29"
        assert found.action.startswith("No action needed if these sources are meant to reach it")


@pytest.mark.parametrize(("hosts", "findings"), [(10, 10), (11, 1)])
def test_many_hosts_that_serve_the_internet_by_unknown_rules_are_one_incident(tmp_path, hosts, findings):
    rows, client = [], "81.20.7.33"
    for n in range(1, hosts + 1):
        rows.append(_flow(f"eni-{n:04x}", client, f"10.0.0.{n}", 40000, 22, 3, way="ingress"))
        rows.append(_flow(f"eni-{n:04x}", f"10.0.0.{n}", client, 22, 40000, 19, way="egress"))
    answer = reachability(log_of(tmp_path, rows, FIELDS.split()))
    found = [one for one in answer.findings if one.kind == "exposed-service"]
    assert len(found) == len({one.incident for one in found}) == findings
    assert (
        sum(one.counts["hosts"] for one in found) == len(answer.exposed) == answer.numbers["exposed-service"] == hosts
    )
    if findings == 1:
        assert found[0].subject["dstaddr"] is None and found[0].severity == "high"
        assert found[0].title == (
            "10.0.0.1, 10.0.0.10, 10.0.0.11, 10.0.0.2, 7 more are reachable from the internet on tcp/22 ssh:"
            " 1 client, 11 sessions."
        )


def _asked(client, server, port, tries=6, protocol=6, eni="eni-0000000e", **changes):
    """What a client's own interface logs of attempts that nobody answers, and of what others answer."""
    rows = [_flow(eni, client, server, 40000 + at, port, 2 if protocol == 6 else 0, size=60, packets=1, way="egress", at=at * 60,
                  protocol=protocol, **changes) for at in range(tries)]  # fmt: skip
    return rows + _pair("10.9.9.1", client, 443, sport=39000, eni=eni, way="egress")[:1] + [
        _flow(eni, "10.9.9.1", client, 443, 39000, 19, way="ingress"), *_syn(client, "198.51.100.9", 22, "REJECT", eni=eni)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "said", "severity", "action"),
    [
        (_asked("10.0.9.5", "10.9.9.9", 5432), "10.9.9.9 on tcp/5432 postgresql: 6", "medium", "Only the client's side"),
        (_asked("10.0.9.5", "10.9.9.9", 53, protocol=17), "10.9.9.9 on udp/53 dns: 6", "medium", "Only the client's side"),
        (_asked("10.0.9.5", "198.51.100.7", 25) + _asked("10.0.9.5", "198.51.100.8", 25),
         "198.51.100.7, 198.51.100.8 on tcp/25 smtp: 12", "medium", "EC2 blocks outbound port 25"),
        (_asked("10.0.9.5", "198.51.100.7", 8443), "198.51.100.7 on tcp/8443 https: 6", "low", "Only the client's side"),
        (_asked("10.0.9.5", "10.9.9.9", 5432, tries=2), None, "", ""),
        (_asked("10.0.9.5", "10.9.9.9", 514, protocol=17), None, "", ""),
        (_asked("10.0.9.5", "10.9.9.9", 8125, protocol=17), None, "", ""),
        ([row for n in range(6) for row in _asked("10.0.9.5", f"10.9.9.{n + 10}", 22)], None, "", ""),  # a scanner
        (_asked("10.0.9.5", "198.51.100.7", 8443) + _pair("198.51.100.7", "10.0.9.6", 8443, eni="eni-0000000f"), None, "", ""),
        # The answers come back by another interface; what a gateway rejects is told there.
        (_asked("10.0.9.5", "10.9.9.9", 5432) + [
            _flow("eni-0000000f", "10.9.9.9", "10.0.9.5", 5432, 40000, 18, way="ingress")], None, "", ""),
        (_asked("10.0.9.5", "10.9.9.9", 5432) + [row for at in range(6) for row in _syn(
            "10.9.9.9", "10.0.7.7", 5432, "REJECT", sport=50000 + at, eni="eni-0000000d", way="egress")], None, "", ""),
    ],
)  # fmt: skip
def test_a_client_that_nobody_answers_is_told_also_where_only_its_side_is_logged(
    tmp_path, rows, said, severity, action
):
    found = reachability(log_of(tmp_path, rows, FIELDS.split())).findings
    found = [one for one in found if one.kind == "accepted-silent"]
    assert [(one.title, one.severity) for one in found] == (
        [(f"No response to 10.0.9.5 from {said} sessions.", severity)] if said else []
    )
    for one in found:
        assert one.action.startswith(action) and "REJECT" not in one.action
        assert one.records == one.counts["sessions"] and len(one.samples) == 3
        assert (one.subject["srcaddr"], one.subject["interface_id"]) == ("10.0.9.5", "eni-0000000e")


@pytest.mark.parametrize("arrives", [False, True])
def test_answers_that_leave_the_server_and_do_not_arrive_are_no_answers(tmp_path, arrives):
    rows = []
    for at in (0, 60, 120):
        rows += _pair(WEB, DB, 8443, sport=40000 + at, flags=(2, 18), size=360, packets=6, at=at)
        rows.append(_flow(ENI[DB], DB, WEB, 40000 + at, 8443, 2, size=360, packets=6, way="egress", at=at))
    if arrives:
        rows.append(_flow(ENI[DB], WEB, DB, 8443, 40000, 18, size=360, packets=6, way="ingress"))
    answer = reachability(log_of(tmp_path, rows, FIELDS.split()))
    assert [(one.title, one.confidence, one.subject["dstaddr"]) for one in answer.findings] == (
        [] if arrives else [("10.0.0.1 tcp/8443 https answers, and the answers do not arrive: 1 client in 10.0.0.0/24,"
                             " 3 sessions.", "medium", WEB)])  # fmt: skip
    if not arrives:
        assert "check the route back" in answer.findings[0].action
        assert "if the flow log takes accepted traffic only" in answer.findings[0].action


def test_a_closed_port_is_graver_where_another_target_answers_the_same_client(tmp_path):
    rows = [
        row for at in (0, 60, 120) for row in _pair(WEB, "10.0.9.5", 80, 40000 + at, (2, 4), size=44, packets=1, at=at)
    ]
    twin = _pair(DB, "10.0.9.5", 80, sport=41000)
    found = [reachability(log_of(tmp_path, some, FIELDS.split())).findings[0] for some in (rows, rows + twin)]
    assert [(one.kind, one.severity) for one in found] == [("accepted-reset", "low"), ("accepted-reset", "medium")]
