"""Who began and which way: AWS's own examples, every rung, and simulated worlds whose truth is known."""

import json
import random
from collections import namedtuple
from types import SimpleNamespace

import ibis
import pandas as pd
import pytest
from simulate import FIELDS_V2, FIELDS_V5, simulate
from test_conversations import ME, NOON, PEER, flows_from, record

from flowkit import load
from flowkit.analysis.addresses import evidence, interface_addresses, is_internal
from flowkit.analysis.direction import CONFIDENCE, RUNGS, directed
from flowkit.analysis.network import read_snapshot
from flowkit.analysis.talkers import (
    interface_roles,
    rung_accuracy,
    rung_shares,
    talks,
    top_talkers,
    top_talks,
)
from flowkit.analysis.traffic import (
    internal,
    summed,
    traffic,
    traffic_by_interface,
    traffic_by_path,
    traffic_by_zone,
    traffic_over_time,
)
from flowkit.fields import COLUMNS
from flowkit.reporting.direction import (
    busiest_line,
    direction_findings,
    direction_verdict,
    interfaces_line,
    plot_rungs,
    plot_talkers,
    plot_traffic_by_interface,
    plot_traffic_over_time,
    talkers_line,
    trust_line,
    zones_line,
)

SEEDS = range(100, 120)
OTHER, NAT = "10.0.0.9", "10.0.0.250"
Interface = namedtuple("Interface", ["interface_type", "addresses"])


@pytest.fixture
def aws(third_party):
    """The named example of AWS's user guide, as a flows table."""
    return lambda name: load(str(third_party / "awsdocs__amazon-vpc-user-guide" / f"examples.{name}.log"))


def told(records, **options):
    return directed(flows_from(records), **options).to_pandas().sort_values("first", ignore_index=True)


def one(records, **options):
    (row,) = told(records, **options).itertuples()
    return row


def test_the_port_5001_flows_of_the_guide_were_begun_by_the_outside_client(aws):
    table = directed(aws("tcp-flag-sequence")).to_pandas()
    assert set(table.client) == {"52.213.180.42"} and set(table.rung) == {"syn"}
    assert set(table.server_port) == {5001} and set(table.direction) == {"ingress"}
    assert sorted(table.client_port) == [43416, 43418, 43638]
    windows = directed(aws("tcp-flag-sequence"), gap=-1).to_pandas()
    (second,) = windows[windows["first"] == 1566848933].itertuples()
    assert (second.client, second.rung, second.session) == ("52.213.180.42", "carry", 1)
    assert (second.client_bytes, second.server_bytes) == (23294588, 63388)


def test_the_s3_pair_of_the_guide_was_begun_by_the_instance(aws):
    (row,) = directed(aws("service-name-traffic-path-and-flow-direction")).to_pandas().itertuples()
    assert (row.client, row.server, row.server_port) == ("10.0.0.71", "52.95.128.179", 80)
    assert (row.rung, row.direction) == ("syn", "egress")
    assert (row.client_bytes, row.server_bytes) == (471, 15044)


def test_the_ping_of_the_guide_was_begun_outside_and_its_reply_refused(aws):
    (row,) = directed(aws("security-group-and-network-acl-rules")).to_pandas().itertuples()
    assert (row.client, row.server, row.direction) == ("203.0.113.12", "172.31.16.139", "ingress")
    assert (row.client_accepted, row.server_rejected, row.client_rejected) == (1, 1, 0)
    assert pd.isna(row.client_port) and pd.isna(row.server_port)


def test_the_refused_rdp_of_the_guide_was_begun_by_the_refused(aws):
    table = directed(aws("accepted-and-rejected-traffic")).to_pandas().set_index("server_port")
    assert table.loc[3389, ["client", "rung"]].tolist() == ["172.31.9.69", "refused"]
    assert table.loc[22, ["client", "rung"]].tolist() == ["172.31.16.139", "ports"]


def test_gateways_of_the_guide_pass_traffic_through(aws):
    nat = interface_addresses(aws("traffic-through-a-nat-gateway"))
    assert nat[["address", "through"]].values.tolist() == [["10.0.0.220", True]]
    tgw = interface_addresses(aws("traffic-through-a-transit-gateway")).set_index("interface_id").through
    assert tgw.to_dict() == {
        "eni-11111111111111111": True, "eni-22222222222222222": True, "eni-33333333333333333": False,
    }  # fmt: skip
    assert set(directed(aws("traffic-through-a-nat-gateway")).to_pandas().direction) == {"through"}


def test_one_interface_with_six_addresses_in_the_guide_is_judged_day_by_day(third_party):
    files = sorted((third_party / "awsdocs__amazon-vpc-user-guide").glob("examples.*.log"))
    rows = pd.concat([interface_addresses(load(str(file))) for file in files])
    rows = rows[rows.interface_id == "eni-1235b8ca123456789"]
    assert set(rows.address.dropna()) == {"172.31.16.139", "10.0.0.220", "10.0.0.62", "10.0.0.71"}
    assert set(rows.basis) == {"flow-direction", "inferred", "unknown"}


LADDER = [
    ([record(PEER, ME, 9999, 9998, tcp_flags=2)], PEER, "syn"),
    ([record(ME, PEER, 9998, 9999, tcp_flags=18)], PEER, "syn"),
    ([record(PEER, ME, 51000, 9998, action="REJECT")], PEER, "refused"),
    ([record(PEER, ME, 51000, 9998, protocol=17, action="REJECT", tcp_flags=0)], PEER, "refused"),
    # With flags, a refused packet without SYN came late: the port speaks, not the refusal.
    ([record(PEER, ME, 443, 51000, action="REJECT", tcp_flags=0)], ME, "ports"),
    ([record(PEER, ME, 51000, 5432), record(ME, PEER, 5432, 51000)], PEER, "ports"),
    ([record(PEER, ME, 51000, 700), record(ME, PEER, 700, 51000)], PEER, "lowport"),
    ([record(ME, PEER, 40000, 41000, 2), record(PEER, ME, 41000, 40000, 0)], PEER, "first"),
    ([record(PEER, ME, 41000, 40000)], PEER, "first"),
    ([record(ME, PEER, 40000, 41000, 1), record(PEER, ME, 41000, 40000, 0)], None, "unknown"),
    ([record(ME, PEER, 0, 0, protocol=1), record(PEER, ME, 0, 0, protocol=1)], None, "unknown"),
    # Both ends sent a SYN: flags cannot tell.
    ([record(ME, PEER, 40000, 443, tcp_flags=2), record(PEER, ME, 443, 40000, tcp_flags=2)], ME, "ports"),
]


def test_the_first_rung_that_speaks_decides():
    records = [
        row | {"interface_id": f"eni-{n:02}"} for n, (rows, _who, _rung) in enumerate(LADDER) for row in rows
    ]
    table = told(records).sort_values("interface_id")
    found = [(None if pd.isna(row.client) else row.client, row.rung) for row in table.itertuples()]
    assert found == [(who, rung) for _rows, who, rung in LADDER]


def test_a_port_that_several_were_answered_on_is_a_service():
    records = []
    for n in range(3):
        records += [record(f"10.0.1.{n}", ME, 40000 + n, 30123), record(ME, f"10.0.1.{n}", 30123, 40000 + n)]
    table = told(records)
    assert set(table.rung) == {"service"} and set(table.server_port) == {30123} and set(table.server) == {ME}
    assert set(told(records[:4]).rung) == {"unknown"}


def test_a_scanner_from_one_port_is_no_service():
    records = [record(PEER, f"10.0.1.{n}", 40000, 30000 + n, action="REJECT") for n in range(9)]
    records += [record(PEER, "10.0.1.9", 40000, 45000)]
    table = told(records)
    assert set(table.client) == {PEER} and set(table.rung) == {"refused", "first"}


def test_a_late_packet_after_the_gap_began_nothing():
    records = [record(PEER, ME, 51000, 9998), record(ME, PEER, 9998, 51000)]
    late = record(ME, PEER, 9998, 51000, 900, action="REJECT")
    assert told([*records, late]).rung.tolist()[1] != "refused"
    assert one([late]).rung == "refused"


def test_rungs_are_measured_against_the_syn():
    records = []
    for n in range(4):
        records += [
            record(PEER, ME, 50000 + n, 22, tcp_flags=2, interface_id="eni-a"),
            record(ME, PEER, 22, 50000 + n, tcp_flags=18, interface_id="eni-a"),
        ]
    # Begun from a low port: the port points the wrong way.
    records += [record(ME, OTHER, 600, 40000, tcp_flags=2), record(OTHER, ME, 40000, 600, tcp_flags=18)]
    table = rung_accuracy(talks(directed(flows_from(records))))
    assert table.values.tolist() == [["service", 4, 4, 1.0], ["lowport", 1, 0, 0.0]]
    bare = [row | {"tcp_flags": None} for row in records]
    assert rung_accuracy(talks(directed(flows_from(bare)))).empty


# Addresses


def addresses(records, snapshot=None):
    return interface_addresses(flows_from(records), snapshot)


def test_the_address_in_every_record_is_the_interfaces_own():
    table = addresses([record(ME, PEER, 1, 2), record(OTHER, ME, 1, 2)])
    assert table[["address", "basis"]].values.tolist() == [[ME, "inferred"]]
    assert table.day.tolist() == [pd.Timestamp("2023-11-14", tz="UTC")]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], ME),  # one end is on the internet
        (
            [
                record(PEER, "10.0.0.8", 1, 2, interface_id="eni-b"),
                record(PEER, OTHER, 1, 2, interface_id="eni-b"),
            ],
            ME,
        ),
    ],
)
def test_an_interface_with_one_peer_has_the_likelier_address(more, expected):
    table = addresses([record(ME, PEER, 1, 2), *more]).set_index("interface_id")
    assert table.loc["eni-a", "address"] == expected


def test_two_private_ends_that_nothing_tells_apart_are_unknown():
    table = addresses([record(ME, OTHER, 1, 2)])
    assert table[["address", "basis"]].values.tolist() == [[None, "unknown"]]
    claimed = [
        record(OTHER, "10.0.0.1", 1, 2, interface_id="eni-b"),
        record(OTHER, ME, 1, 2, interface_id="eni-b"),
    ]
    assert addresses([record(ME, OTHER, 1, 2), *claimed]).address.tolist() == [ME, OTHER]


def test_another_day_tells_whose_address_it_is():
    days = [record(ME, OTHER, 1, 2), record(ME, OTHER, 1, 2, 86400), record(ME, PEER, 1, 2, 86400)]
    assert addresses(days).address.tolist() == [ME, ME]


def test_an_address_that_moves_is_judged_day_by_day_and_a_shared_one_is_a_conflict():
    moved = [record(ME, PEER, 1, 2, flow_direction="egress")]
    moved += [record(ME, PEER, 1, 2, 86400, flow_direction="egress", interface_id="eni-b")]
    assert not addresses(moved).conflict.any()
    shared = [row | {"start": NOON} for row in moved]
    table = addresses(shared)
    assert table.conflict.tolist() == [True, True]
    (finding,) = direction_findings(table, rung_shares(talks(directed(flows_from(shared)))), doubt=1)
    assert finding.title == "10.0.0.5 is the address of 2 interfaces on the same day: eni-a and eni-b."
    assert (finding.kind, finding.severity, finding.subject) == (
        "address-conflict",
        "medium",
        {"srcaddr": ME},
    )
    apart = [row | {"vpc_id": f"vpc-{row['interface_id']}"} for row in shared]
    assert not addresses(apart).conflict.any()


def test_the_snapshot_names_addresses_where_the_log_cannot():
    nat = Interface("nat_gateway", (ME, "2001:db8::5"))
    table = addresses([record(ME, OTHER, 1, 2)], SimpleNamespace(interfaces={"eni-a": nat}))
    assert table[["address", "basis", "through"]].values.tolist() == [[ME, "snapshot", True]]


def test_what_is_no_address_stops_nothing():
    rows = [
        record("10.0.0.5; DROP TABLE x", "<b> a b", 1, 2),
        record("10.0.0.5; DROP TABLE x", "\u202e", 1, 2),
    ]
    assert addresses(rows[:1])[["address", "basis"]].values.tolist() == [[None, "unknown"]]
    assert told(rows).rung.tolist() == ["first", "first"]


def test_an_interface_whose_address_cannot_be_told_is_a_finding():
    rows = [record(ME, OTHER, 40000, 41000)]
    shares = rung_shares(talks(directed(flows_from(rows))))
    nameless, doubtful = direction_findings(addresses(rows), shares)
    assert nameless.subject == {"interface_id": "eni-a"}
    assert "eni-a cannot be told on 1 day" in nameless.title
    assert doubtful.title == "Who began is a guess or unknown in 100.0% of 1 conversation."
    assert doubtful.grounds == ("first 100.0%",) and "tcp-flags" in doubtful.action
    assert direction_findings(addresses(rows), shares, doubt=1) == [nameless]


# Totals


def twice_logged():
    """ME asks OTHER, both logged; then PEER outside, through a NAT gateway that is logged too."""
    a = {"interface_id": "eni-a", "az_id": "az1", "instance_id": "i-a"}
    b = {"interface_id": "eni-b", "az_id": "az2", "instance_id": "i-b"}
    nat = {"interface_id": "eni-nat", "az_id": "az1"}
    into, out = {"flow_direction": "ingress"}, {"flow_direction": "egress"}
    ask, reply = (ME, OTHER, 50000, 5432), (OTHER, ME, 5432, 50000)
    return [
        record(*ask, bytes=10, traffic_path=1, **a, **out),
        record(*ask, bytes=10, **b, **into),
        record(*reply, bytes=700, traffic_path=1, **b, **out),
        record(*reply, bytes=700, **a, **into),
        record(ME, PEER, 50001, 443, bytes=5, traffic_path=1, **a, **out),
        record(ME, NAT, 50001, 443, bytes=5, pkt_srcaddr=ME, pkt_dstaddr=PEER, **nat, **into),
        record(
            NAT, PEER, 1025, 443, bytes=5, pkt_srcaddr=NAT, pkt_dstaddr=PEER, traffic_path=8, **nat, **out
        ),
        record(PEER, ME, 443, 50001, bytes=60, **a, **into),
        record(PEER, OTHER, 50002, 22, bytes=44, action="REJECT", **b, **into),
    ]


def test_totals_count_each_byte_once():
    flows = flows_from(twice_logged())
    moved = traffic(flows, interface_addresses(flows))
    counted = moved[moved.vantage & (moved.action == "ACCEPT")]
    assert counted.groupby(["direction", "peer"]).bytes.sum().to_dict() == {
        ("egress", "external"): 5, ("egress", "internal"): 710, ("ingress", "external"): 60,
    }  # fmt: skip
    by_interface = traffic_by_interface(moved).set_index("interface_id")
    assert by_interface.loc["eni-a"].tolist() == [700, 60, 10, 5, 0, 0, 0]
    assert by_interface.loc["eni-b"].tolist() == [10, 0, 700, 0, 0, 0, 1]
    assert by_interface.loc["eni-nat", "through"] == 10
    assert traffic_over_time(moved).values.tolist() == [[710, 60, 710, 5]]
    zones = traffic_by_zone(moved)
    assert zones.values.tolist() == [["az1", "az2", 10, True], ["az2", "az1", 700, True]]
    assert traffic_by_path(moved)[["traffic_path", "bytes"]].values.tolist() == [[1, 715]]


def test_totals_are_the_same_without_the_fields_of_version_5():
    named = ("flow_direction", "az_id", "traffic_path", "pkt_srcaddr", "pkt_dstaddr", "instance_id")
    rows = [row | dict.fromkeys(named) for row in twice_logged() if row["interface_id"] != "eni-nat"]
    flows = flows_from(rows)
    by_interface = traffic_by_interface(traffic(flows, interface_addresses(flows))).set_index("interface_id")
    assert by_interface.loc["eni-a"].tolist() == [700, 60, 10, 5, 0, 0, 0]
    assert by_interface.loc["eni-b"].tolist() == [10, 0, 700, 0, 0, 0, 1]


def test_who_talks_to_whom_counts_each_conversation_once():
    talked = talks(directed(flows_from(twice_logged()))).cache()
    pairs = top_talks(talked)[
        ["client", "server", "server_port", "conversations", "client_bytes", "server_bytes"]
    ]
    assert pairs.values.tolist() == [
        [ME, OTHER, 5432, 1, 10, 700], [ME, PEER, 443, 1, 5, 60], [PEER, OTHER, 22, 1, 0, 0],
    ]  # fmt: skip
    assert top_talks(talked).refused.tolist() == [0, 0, 1]
    assert top_talks(talked, top=1).server_port.tolist() == [5432]
    talkers = top_talkers(talked).set_index("address")
    assert talkers.loc[ME].tolist() == [15, 760, 2, 0]
    assert talkers.loc[OTHER].tolist() == [700, 10, 0, 2]
    roles = interface_roles(talked)[
        ["interface_id", "role", "server_port", "peers", "sent_bytes", "received_bytes"]
    ]
    assert roles.values.tolist() == [
        ["eni-a", "client", 443, 1, 5, 60], ["eni-a", "client", 5432, 1, 10, 700],
        ["eni-b", "server", 22, 1, 0, 0], ["eni-b", "server", 5432, 1, 700, 10],
    ]  # fmt: skip


def test_the_verdict_says_volume_heaviest_pair_refusals_gateways_and_trust():
    flows = flows_from(twice_logged())
    talked = talks(directed(flows)).cache()
    moved = traffic(flows, interface_addresses(flows))
    shares, accuracy = rung_shares(talked), rung_accuracy(talked)
    assert direction_verdict(moved, top_talks(talked), shares, accuracy) == [
        "775 B were let through, 92% between private addresses; 60 B came from outside and 5 B went there.",
        "Most bytes: 10.0.0.5 with 10.0.0.9 port 5432, 10 B up and 700 B down in 1 conversation.",
        "1 record was refused: 1 on the way in.",
        "1 interface only passes traffic on: not in totals.",
        "Who began is more than a guess in 100.0% of 3 conversations: refused 33.3%, ports 66.7%.",
    ]
    assert zones_line(traffic_by_zone(moved)) == (
        "100% of the bytes between known zones cross from one to another (710 B)."
    )


@pytest.mark.parametrize("records", [[], [record(None, None, None, None, log_status="NODATA")]])
def test_nothing_to_tell_is_told_in_words(records):
    flows = flows_from(records)
    known = interface_addresses(flows)
    moved, talked = traffic(flows, known), talks(directed(flows, addresses=known)).cache()
    shares, accuracy, talkers = rung_shares(talked), rung_accuracy(talked), top_talkers(talked)
    assert direction_verdict(moved, top_talks(talked), shares, accuracy) == [
        "No record in this window names a flow: there is no direction to tell."
    ]
    assert direction_findings(known, shares) == []
    assert trust_line(shares, accuracy) == "No conversation to tell a direction of."
    assert talkers_line(talkers) == "Nobody sent anything that was let through."
    assert interfaces_line(traffic_by_interface(moved)) == "No interface logged a flow."
    assert busiest_line(traffic_over_time(moved)).startswith("Nothing was let in or out")
    assert zones_line(traffic_by_zone(moved)).startswith("Zones: the log does not say")
    assert traffic_by_path(moved).empty and interface_roles(talked).empty
    plot_rungs(shares, accuracy)
    plot_talkers(talkers)
    plot_traffic_by_interface(traffic_by_interface(moved))
    plot_traffic_over_time(traffic_over_time(moved))


def test_inside_and_outside_are_told_by_the_text_as_by_the_networks():
    chance = random.Random(7)
    edges = [
        "10.0.0.0",
        "11.0.0.0",
        "172.15.0.1",
        "172.16.0.1",
        "172.31.9.9",
        "172.32.0.1",
        "172.3.0.1",
        "192.168.1.1",
    ]
    edges += [
        "192.169.0.1",
        "100.63.0.1",
        "100.64.0.1",
        "100.99.1.1",
        "100.100.0.1",
        "100.127.0.1",
        "100.128.0.1",
    ]
    edges += [
        "100.12.0.1",
        "169.254.169.254",
        "1.2.3.4",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    ]
    edges += [
        ".".join(str(chance.choice([10, 16, 31, 100, 127, 168, 172, 192, 254])) for _ in range(4))
        for _ in range(400)
    ]
    table = ibis.memtable({"address": edges})
    inside = table.select("address", inside=internal(table.address)).to_pandas()
    assert inside.inside.tolist() == [is_internal(address) for address in inside.address]


def test_a_step_of_no_length_is_refused():
    with pytest.raises(ValueError, match="every is '0s'"):
        traffic(flows_from([]), interface_addresses(flows_from([])), "0s")


@pytest.mark.parametrize("dialect", ["duckdb", "trino", "athena", "pyspark"])
def test_the_questions_compile_for_every_engine(dialect):
    flows = ibis.table(COLUMNS, "flows")
    known = interface_addresses(flows_from(twice_logged()))
    assert "GROUP BY" in ibis.to_sql(talks(directed(flows, addresses=known)), dialect=dialect)
    assert "GROUP BY" in ibis.to_sql(evidence(flows), dialect=dialect)
    assert "GROUP BY" in ibis.to_sql(summed(flows, known, 60), dialect=dialect)


# Worlds with known truth


def flows_of_world(world, fields):
    frame = world.records.replace("-", None).reindex(columns=list(COLUMNS))
    frame[[column for column in COLUMNS if column.replace("_", "-") not in fields]] = None
    numbers = [column for column, kind in COLUMNS.items() if kind != "string"]
    frame[numbers] = frame[numbers].apply(pd.to_numeric).astype("Int64")
    return ibis.memtable(frame, schema=ibis.schema(COLUMNS))


def against_truth(world, fields, snapshot=None):
    """Every conversation with its true client and direction."""
    rows = world.records[world.records.log_status == "OK"]
    source, target = (
        zip(rows.srcaddr, rows.srcport, strict=True),
        zip(rows.dstaddr, rows.dstport, strict=True),
    )
    ends = [sorted(pair) for pair in zip(source, target, strict=True)]
    keyed = rows[["interface_id", "protocol", "true_client", "true_direction"]].assign(
        a_addr=[a[0] for a, _b in ends], a_port=[a[1] for a, _b in ends],
        b_addr=[b[0] for _a, b in ends], b_port=[b[1] for _a, b in ends],
    )  # fmt: skip
    truth = keyed.drop_duplicates()
    key = ["interface_id", "protocol", "a_addr", "a_port", "b_addr", "b_port"]
    truth = truth[~truth.duplicated(key, keep=False)].astype({"protocol": int, "a_port": int, "b_port": int})
    table = directed(flows_of_world(world, fields), snapshot).to_pandas()
    return table.merge(truth, on=key, how="inner")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Conversations of all worlds, judged with and without flags, with and without snapshot."""
    print("seeds", list(SEEDS))
    parts = []
    for seed in SEEDS:
        world = simulate(seed=seed, hours=2)
        folder = tmp_path_factory.mktemp("network")
        for name, made in world.network.items():
            (folder / name).write_text(json.dumps(made))
        parts.append(against_truth(world, FIELDS_V5).assign(log="v5", seed=seed))
        snapshot = read_snapshot(folder) if seed % 2 else None
        log = "v2 with snapshot" if seed % 2 else "v2"
        parts.append(against_truth(world, FIELDS_V2, snapshot).assign(log=log, seed=seed))
    return pd.concat(parts, ignore_index=True)


def test_a_confident_client_is_wrong_in_fewer_than_one_of_a_thousand(judged, tmp_path_factory):
    judged = judged.assign(verdict="right", confidence=judged.rung.map(CONFIDENCE))
    judged.loc[judged.client != judged.true_client, "verdict"] = "wrong"
    judged.loc[judged.client.isna(), "verdict"] = "unknown"
    rungs = pd.CategoricalIndex(RUNGS, categories=RUNGS, name="rung")
    table = pd.crosstab([judged.log, judged.rung.astype(pd.CategoricalDtype(rungs))], judged.verdict)
    told = f"Initiator: verdict by log and rung, {len(SEEDS)} worlds\n{table}\n"
    (tmp_path_factory.getbasetemp() / "initiator-confusion.txt").write_text(told)
    print(told)
    assert len(judged) > 10_000
    for log, own in judged.groupby("log"):
        confident = own[own.confidence.isin(["certain", "high"])]
        assert (confident.verdict == "wrong").mean() < 0.001, log
        assert (own.verdict == "unknown").mean() < 0.03, log


def test_the_direction_of_the_worlds_is_told(judged, tmp_path_factory):
    table = pd.crosstab([judged.log, judged.true_direction], judged.direction)
    told = f"Direction: verdict by log and truth, {len(SEEDS)} worlds\n{table}\n"
    (tmp_path_factory.getbasetemp() / "direction-confusion.txt").write_text(told)
    print(told)
    # Nothing in a version 2 log tells a NAT gateway from a host.
    tellable = judged[(judged.log != "v2") | (judged.true_direction != "through")]
    assert set(tellable[tellable.true_direction == "through"].direction) == {"through"}
    confident = tellable[tellable.rung.map(CONFIDENCE).isin(["certain", "high"])]
    confident = confident[confident.direction.isin(["ingress", "egress"])]
    wrong = confident[confident.direction != confident.true_direction]
    assert len(wrong) / len(confident) < 0.001, wrong[["log", "true_direction", "direction", "rung"]].head(10)
