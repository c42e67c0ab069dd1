"""Reachability: what came of every attempt, on records made by hand, AWS's examples and simulated VPCs."""

import json
import re
from ipaddress import IPv4Address, IPv6Address, ip_network
from types import SimpleNamespace

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate import FIELDS_V2, FIELDS_V5, simulate
from support import flows_of

from flowkit.analysis.change import changes
from flowkit.analysis.direction import directed
from flowkit.analysis.expectations import expected, explained, judged, owners, read_expectations
from flowkit.analysis.groups import label, pattern, read_groups
from flowkit.analysis.network import read_snapshot
from flowkit.analysis.reachability import (
    _attempts,
    _outcomes,
    _reached,
    _services,
    log_kind,
    reachability,
    sessions_over_time,
)
from flowkit.folding.coverage import coverage
from flowkit.loading.flows import load
from flowkit.reporting.reachability import (
    _subject,
    exposed,
    reachability_findings,
    reachability_verdict,
    unanswered,
)
from flowkit.reporting.reachability_figures import plot_reachability, plot_sessions_over_time

FIELDS = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"
    " log-status tcp-flags flow-direction"
)
WEB, DB, V6 = "10.0.0.1", "10.0.0.2", "2600:1f18:1:a0::5"
ENI = {WEB: "eni-0000000a", DB: "eni-0000000b", V6: "eni-0000000c"}
T0 = 1_700_000_000


def _flow(
    eni, src, dst, sport, dport, flags=0, action="ACCEPT", size=400, packets=4, protocol=6, way=None, at=0
):
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
    rows += [
        *_syn(WEB, "10.0.9.6", 443),
        _flow("eni-0000000d", WEB, "10.0.9.6", 443, 40000, 18, way="egress"),
    ]
    # The client's own interface lets it out, the server's refuses it.
    rows += _syn(DB, WEB, 6379, "REJECT") + [
        _flow(ENI[WEB], WEB, DB, 40000, 6379, 2, "ACCEPT", 44, 1, way="egress")
    ]
    # A packet after the end of a connection is no attempt.
    rows += [_flow(ENI[WEB], "10.0.9.7", WEB, 40000, 8443, 1, "REJECT", 40, 1)]
    # A stranger tries 50 ports, and finds the one that answers.
    rows += [
        row for port in range(1000, 1050) for row in _syn(WEB, "198.51.100.66", port, "REJECT", sport=port)
    ]
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


@pytest.fixture(scope="module")
def hand_made(tmp_path_factory):
    flows = flows_of(tmp_path_factory.mktemp("hand"), _hand_made(), FIELDS.split())
    return flows, reachability(flows, "lan=10.0.9.0/24,partner=203.0.113.0/28")


def _states(reached, destination, port, protocol=6):
    port = reached["port"].isna() if port is None else reached["port"] == port
    rows = reached[(reached["destination"] == destination) & port & (reached["protocol"] == protocol)]
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
def test_every_state_is_told_from_the_others(hand_made, destination, port, states):
    assert _states(hand_made[1], destination, port) == states


def test_pings_and_udp_have_states_too(hand_made):
    assert _states(hand_made[1], WEB, None, 1) == {("partner", "answered"): (1, 1)}
    assert _states(hand_made[1], DB, 53, 17) == {("lan", "answered"): (1, 1)}


def test_what_a_scanner_is_refused_is_one_row_and_exposes_nothing(hand_made):
    reached = hand_made[1]
    probes = reached[(reached["state"] == "refused") & reached["public"]]
    assert probes[["clients", "scanners", "sessions", "ports"]].to_numpy().tolist() == [[1, 1, 50, 50]]
    assert probes["port"].isna().all()
    assert exposed(reached)[["destination", "port", "role", "clients"]].to_numpy().tolist() == [
        [WEB, 22, "admin", 2],
        [V6, 443, "web", 1],
    ]
    assert unanswered(reached)[["port", "state"]].to_numpy().tolist() == [
        [8125, "accepted-silent"],
        [9187, "accepted-reset"],
    ]


def test_flags_give_high_confidence_and_the_sums_are_the_logs(hand_made):
    row = hand_made[1].query("destination == @WEB and port == 22 and source == 'lan'").iloc[0]
    assert (row.confidence, row.bytes, row.failed, row.interface_id) == ("high", 800, 0, ENI[WEB])
    assert row.first_seen == pd.Timestamp(T0, unit="s", tz="UTC")
    assert row.last_seen == pd.Timestamp(T0 + 30, unit="s", tz="UTC")


def test_findings_and_verdict_say_it_in_numbers(hand_made):
    flows, reached = hand_made
    services, nothing, changed = exposed(reached), judged([], reached), changes(reached)
    found = reachability_findings(reached, services, nothing, changed, coverage(flows))
    assert [(one.kind, one.severity, one.title) for one in found] == [
        ("exposed-service", "high", "10.0.0.1 answered the internet on tcp/22 (SSH): 2 clients, 2 sessions."),
        ("exposed-service", "info", f"{V6} answered the internet on tcp/443: 1 client, 1 session."),
        ("accepted-silent", "medium", "10.0.0.1 tcp/8125 is let in, never answered: 1 client in lan, 3 sessions."),
        ("accepted-reset", "low", "10.0.0.1 tcp/9187 is let in, answered by resets: 1 client in lan, 3 sessions."),
    ]  # fmt: skip
    assert found[0].subject == {
        "interface_id": ENI[WEB], "dstaddr": WEB, "srcaddr": "0.0.0.0/0", "protocol": 6, "dstport": 22,
    }  # fmt: skip
    assert found[2].as_dict()["subject"]["srcaddr"] == "10.0.9.0/24"
    assert "ss -ltnup 'sport = :8125'" in found[2].action
    assert reachability_verdict(reached, services, nothing, changed, "all") == [
        "7 services answered; no expectations were given.",
        "The internet was answered on 1 admin or database port: 10.0.0.1 tcp/22.",
        "2 services let in and not answered (1 of them by resets).",
    ]


def test_sessions_over_time_count_each_connection_once(hand_made):
    flows, reached = hand_made
    table = sessions_over_time(flows, reached)
    counts = {(row.destination, row.port): row.sessions for row in table.itertuples()}
    assert counts == {(WEB, 22): 3, (WEB, 443): 1, (DB, 53): 1, (DB, 3306): 1, (V6, 22): 1, (V6, 443): 1}
    assert table["time"].unique().tolist() == [pd.Timestamp(T0 - T0 % 60, unit="s", tz="UTC")]


def test_figures_show_what_the_tables_hold(hand_made):
    flows, reached = hand_made
    ax = plot_reachability(reached, top=3)
    assert len(ax.get_yticklabels()) == 3
    assert plot_sessions_over_time(sessions_over_time(flows, reached)).get_yticklabels()[0].get_text() == (
        "10.0.0.1 tcp/22, at most 3"
    )
    assert not plot_reachability(reached.head(0)).get_yticklabels()


def test_the_question_compiles_for_other_engines(hand_made):
    networks = {ip_network("203.0.113.0/28"), ip_network("2001:db8::/56"), ip_network("0.0.0.0/0")}
    services = _services(_attempts(directed(hand_made[0])))
    for dialect in ("trino", "athena", "pyspark"):
        assert "GROUP BY" in ibis.to_sql(services, dialect=dialect)
        table = ibis.table(services.schema(), name="services")
        rows = _reached(_outcomes(table), networks, ["internet"], [(22, 22)])
        assert "GROUP BY" in ibis.to_sql(rows, dialect=dialect)


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
    reached = reachability(flows_of(tmp_path, DOCUMENTED))
    rows = [(r.source, r.destination, r.protocol, r.state, r.confidence) for r in reached.itertuples()]
    assert rows == [
        ("internet", "172.31.16.139", 1, "reply-refused", "medium"),
        ("172.31.9.0/24", "172.31.9.12", 6, "refused", "medium"),
    ]


def test_the_documented_port_5001_answered_the_internet(tmp_path):
    reached = reachability(flows_of(tmp_path, PORT_5001, FLAGS.split()))
    rows = exposed(reached)[["destination", "port", "role", "clients", "sessions", "bytes"]]
    assert rows.to_numpy().tolist() == [["10.0.0.62", 5001, "other", 1, 1, 164721]]


# Logs that cannot carry every claim


@pytest.mark.parametrize(
    ("keep", "kind", "states", "verdict"),
    [
        (
            "REJECT",
            "reject-only",
            {("refused", "low")},
            "The log holds refused traffic only: it cannot show what",
        ),
        (
            "ACCEPT",
            "accept-only",
            {("accepted-silent", "low")},
            "The log holds no refused traffic: a refused reply would look like",
        ),
        ("NODATA", "none", set(), "There is no traffic in this window: nothing can be said of"),
        ("nothing", "none", set(), "There is no traffic in this window"),
    ],
)
def test_a_log_of_one_kind_claims_only_what_it_carries(tmp_path, keep, kind, states, verdict):
    lines = [line for line in DOCUMENTED if keep in line] or [DOCUMENTED[3]]
    flows = flows_of(tmp_path, lines)
    flows = flows if keep != "nothing" else flows.filter(flows.start < 0)
    reached = reachability(flows)
    assert log_kind(flows) == kind
    assert set(zip(reached["state"], reached["confidence"], strict=True)) == states
    said = reachability_verdict(reached, exposed(reached), judged([], reached), changes(reached), kind)
    assert said[0].startswith(verdict)
    assert (
        reachability_findings(
            reached, exposed(reached), judged([], reached), changes(reached), coverage(flows)
        )
        == []
    )


def test_one_record_is_enough_to_report_on(tmp_path):
    flows = flows_of(tmp_path, _syn(WEB, "10.0.9.5", 22), FIELDS.split())
    reached = reachability(flows)
    assert reached[["source", "port", "state", "sessions"]].to_numpy().tolist() == [
        ["10.0.9.0/24", 22, "accepted-silent", 1]
    ]
    assert unanswered(reached).empty
    assert sessions_over_time(flows, reached).empty


def test_a_log_without_flags_never_takes_a_reset_for_an_answer_with_confidence(tmp_path):
    v2 = [
        f"2 1 eni-a {src} {dst} {sport} {dport} 6 1 {size} {T0} {T0 + 9} ACCEPT OK"
        for port, reply in ((81, 40), (82, 44))
        for src, dst, sport, dport, size in (
            ("10.0.9.5", WEB, 40000, port, 60),
            (WEB, "10.0.9.5", port, 40000, reply),
        )
    ]
    reached = reachability(flows_of(tmp_path, v2))
    rows = reached[["port", "state", "confidence"]].to_numpy().tolist()
    assert rows == [[81, "accepted-reset", "low"], [82, "answered", "low"]]


def test_a_service_that_stops_answering_is_lost(tmp_path):
    rows = [row for at in (0, 600) for row in _pair(WEB, "10.0.9.5", 5432, sport=40000 + at, at=at)]
    rows += [
        row
        for at in (1200, 1800, 2400)
        for row in _syn(WEB, "10.0.9.5", 5432, "REJECT", sport=40000 + at, at=at)
    ]
    flows = flows_of(tmp_path, rows, FIELDS.split())
    reached = reachability(flows)
    columns = ["state", "sessions", "failed"]
    assert reached[columns].to_numpy().tolist() == [["answered", 2, 0], ["refused", 3, 3]]
    lost = changes(reached).iloc[0]
    assert (lost.change, lost.was, lost.state, lost.sessions) == ("lost", "answered", "refused", 3)
    assert lost.answered_until == pd.Timestamp(T0 + 630, unit="s", tz="UTC")
    found = reachability_findings(
        reached, exposed(reached), judged([], reached), changes(reached), coverage(flows)
    )
    assert found[0].title == (
        "1 client in 10.0.9.0/24 lost 10.0.0.1 tcp/5432: answered until 2023-11-14 22:23 UTC, "
        "since then refused (3 sessions)."
    )
    early, late = reached.iloc[[0]], reached.iloc[[1]].assign(answered_until=pd.NaT)
    assert changes(late, early)[["change", "was", "state"]].to_numpy().tolist() == [
        ["lost", "answered", "refused"]
    ]
    assert changes(early, late)["change"].tolist() == ["newly-reachable"]
    assert changes(early, early)["change"].tolist() == ["ongoing"]
    assert changes(early, early.head(0))["change"].tolist() == ["first-seen"]
    assert changes(early.head(0), early)["change"].tolist() == ["unseen"]


# Networks

GROUP = st.sampled_from([0, 0, 1, 0xA, 0xA100, 0xFFFF]) | st.integers(0, 0xFFFF)
SIX = st.lists(GROUP, min_size=8, max_size=8).map(
    lambda groups: int("".join(f"{group:04x}" for group in groups), 16)
)


@settings(max_examples=400, deadline=None)
@given(value=SIX, length=st.integers(1, 128), flip=st.integers(0, 127) | st.none())
def test_the_pattern_of_an_ipv6_network_matches_what_lies_in_it(value, length, flip):
    network = ip_network((value, length), strict=False)
    address = IPv6Address(value if flip is None else value ^ (1 << flip))
    if not address.ipv4_mapped:
        assert bool(re.search(pattern(network), str(address))) == (address in network)


@settings(max_examples=200, deadline=None)
@given(value=st.integers(0, 2**32 - 1), length=st.integers(1, 32), flip=st.integers(0, 31) | st.none())
def test_the_pattern_of_an_ipv4_network_matches_what_lies_in_it(value, length, flip):
    network = ip_network((value, length), strict=False)
    address = IPv4Address(value if flip is None else value ^ (1 << flip))
    assert bool(re.search(pattern(network), str(address))) == (address in network)


def test_an_address_is_known_by_the_narrowest_network_around_it():
    networks = {
        ip_network(cidr) for cidr in ("10.0.0.0/20", "10.0.9.5/32", "198.51.100.0/25", "2001:db8::/56")
    }
    places = {
        "10.0.9.5": "10.0.9.5/32",
        "10.0.9.55": "10.0.0.0/20",
        "10.0.16.1": "10.0.16.0/24",
        "172.31.255.1": "172.31.255.0/24",
        "172.32.0.1": "internet",
        "198.51.100.127": "198.51.100.0/25",
        "198.51.100.128": "internet",
        "2001:db8::1": "2001:db8::/56",
        "2001:db8:0:100::1": "internet",
        "fd00::1": "fc00::/7",
    }
    table = ibis.memtable({"address": list(places)})
    told = table.mutate(place=label(table.address, networks)).execute()
    assert dict(zip(told["address"], told["place"], strict=True)) == places
    everyone = {ip_network("0.0.0.0/0"), ip_network("::/0")}
    told = table.mutate(place=label(table.address, everyone)).execute().set_index("address")["place"]
    assert told[["172.32.0.1", "2001:db8::1", "10.0.9.5"]].tolist() == ["0.0.0.0/0", "::/0", "10.0.9.0/24"]


def test_groups_are_read_from_one_line_and_bad_parts_named():
    assert read_groups(" office=203.0.113.0/24, office=198.51.100.7,six=2001:db8::/32,") == {
        ip_network("203.0.113.0/24"): "office",
        ip_network("198.51.100.7/32"): "office",
        ip_network("2001:db8::/32"): "six",
    }
    assert read_groups(None) == {}
    with pytest.raises(ValueError, match=r"name=CIDR.*'=10.0.0.0/8' has no name.*'lab'.*'x=10.0.0.1/8'"):
        read_groups("=10.0.0.0/8,lab,x=10.0.0.1/8,ok=10.0.0.0/8")


# Simulated VPCs: twenty of them in one log, which is how an account with twenty VPCs looks

SEEDS = 20
STATE = {"silent": "accepted-silent", "reset": "accepted-reset"}


@pytest.fixture(scope="module")
def worlds():
    """Twenty simulated VPCs with different address ranges."""
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
    return load([str(folder / str(number) / "AWSLogs") for number in range(len(worlds))])


@pytest.mark.parametrize(("fields", "told"), [("v5", False), ("v5", True), ("v2", False), ("v2", True)])
def test_planted_states_and_expectations_are_judged_right(tmp_path, worlds, fields, told):
    flows = _written(worlds, tmp_path, {"v5": FIELDS_V5, "v2": FIELDS_V2}[fields])
    snapshot = read_snapshot(tmp_path / "network") if told else None
    talks = ibis.memtable(directed(flows, snapshot).to_pyarrow())  # put together once for both questions
    outcomes = _outcomes(_services(_attempts(talks))).execute()
    truth = _truth(worlds)
    keys = zip(
        outcomes["client"], outcomes["server"], outcomes["protocol"], outcomes["port"].fillna(-1), strict=True
    )
    right = [state in truth.get(key, ()) for key, state in zip(keys, outcomes["state"], strict=True)]
    table = outcomes.assign(right=right).groupby(["level", "state"])["right"].agg(["size", "sum"])
    print(table)
    wrong = (table["size"] - table["sum"]).groupby("level").sum()
    assert wrong.get(2, 0) == 0
    assert wrong.get(1, 0) <= table["size"].sum() / 1000
    assert wrong.sum() <= table["size"].sum() / 200
    assert (2 in wrong.index) == (fields == "v5")

    lines = read_expectations(tmp_path / "expectations.csv")
    reached = reachability(flows, None, snapshot, lines, talks)
    verdicts = judged(lines, reached, log_kind(flows), owners(flows, snapshot))
    planted = {
        f"{number} {one['expectation']}": one["judgement"]
        for number, world in enumerate(worlds)
        for one in world.truth
        if "expectation" in one
    }
    assert dict(zip(verdicts["name"], verdicts["judgement"], strict=True)) == planted
    incidents = [one for world in worlds for one in world.truth if one["id"] in INCIDENTS]
    assert len(incidents) == len(INCIDENTS) * SEEDS
    found = pd.concat([exposed(reached).assign(state="exposed-service"), unanswered(reached)])
    rows = found.set_index(["destination", "port", "state"])["confidence"]
    for one in incidents:
        key = one["dstaddr"], one["dstport"], one["kind"]
        assert rows.get(key) == ("high" if fields == "v5" else "medium"), key


INCIDENTS = ("exposed-admin", "silent-service", "reset-port")


def test_the_page_of_a_simulated_vpc_names_every_incident_in_few_findings(tmp_path):
    world = simulate(11, hours=4)
    flows = _written([world], tmp_path, FIELDS_V5)
    snapshot, lines = read_snapshot(tmp_path / "network"), read_expectations(tmp_path / "expectations.csv")
    reached, owned = reachability(flows, None, snapshot, lines), owners(flows, snapshot)
    told = explained(judged(lines, reached, log_kind(flows), owned), lines, flows, snapshot, owned)
    services = exposed(reached[~expected(lines, reached, owned)])
    changed = changes(reached)
    found = reachability_findings(reached, services, told, changed, coverage(flows, snapshot=snapshot))
    wanted = {
        (one["kind"], one["dstaddr"], one["dstport"])
        for one in world.truth
        if one["finding"] and one["notebook"] == "reachability"
    }
    named = {(one.kind, one.subject.get("dstaddr"), one.subject["dstport"]) for one in found}
    assert wanted <= named
    assert len(found) <= len(wanted) + 5
    causes = {one["expectation"]: one["cause"] for one in world.truth if one.get("judgement") == "broken"}
    broken = told[told["judgement"] == "broken"]
    assert dict(zip(broken["name"].str[2:], broken["cause"], strict=True)) == causes
    assert all(0.9 < one.coverage <= 1 for one in found)
    verdict = reachability_verdict(reached, services, told, changed, "all")
    assert verdict[0].startswith(
        f"Of {len(lines)} expectations: {len(broken)} broken, 1 open but meant to be blocked"
    )


def test_a_client_of_many_servers_outside_counts_once(tmp_path):
    rows = [row for n in range(5) for row in (
        _flow("eni-0000000e", "10.0.9.5", f"198.51.100.{n}", 40000 + n, 443, 3, way="egress"),
        _flow("eni-0000000e", f"198.51.100.{n}", "10.0.9.5", 443, 40000 + n, 19, way="ingress"),
    )]  # fmt: skip
    reached = reachability(flows_of(tmp_path, rows, FIELDS.split()))
    columns = ["source", "destination", "port", "ports", "clients", "sessions"]
    assert reached[columns].to_numpy().tolist() == [["10.0.9.0/24", "internet", 443, 1, 1, 5]]


def test_a_finding_names_one_address_plainly_and_several_networks_not_at_all():
    row = SimpleNamespace(protocol=6, port=443, interface_id="eni-1", destination="10.0.0.5")
    assert _subject(row, "10.0.0.9/32", row)["srcaddr"] == "10.0.0.9"
    assert _subject(row, "10.0.0.0/24", row)["srcaddr"] == "10.0.0.0/24"
    assert _subject(row, float("nan"), row) == {
        "interface_id": "eni-1", "dstaddr": "10.0.0.5", "srcaddr": None, "protocol": 6, "dstport": 443,
    }  # fmt: skip
