"""The fold equals what a slow, plain reading of the same records gives, on every shape of log."""

import random
import tempfile
from collections import defaultdict
from pathlib import Path

import duckdb
import ibis
import pandas as pd
import pytest
import sqlglot
from sqlglot import exp

from flowkit.fields import COLUMNS
from flowkit.folding import store
from flowkit.folding.edges import edges, refusals, step_of, volumes
from flowkit.folding.engine import Engine, in_dialect
from flowkit.folding.interfaces import EVIDENCE, interfaces
from flowkit.folding.runs import RUNS, TIMED
from flowkit.folding.sessions import KEY, SAW_FIN, SAW_FLAGS, SAW_RST, SAW_SYN, SAW_SYN_ACK, split, unsplit
from flowkit.net import is_private, private

NOON = 1_700_000_000
ME, PEER = "10.0.0.5", "198.51.100.7"


def record(src, dst, sport, dport, start=0, seconds=50, **more):
    row = dict.fromkeys(COLUMNS) | {
        "interface_id": "eni-a", "srcaddr": src, "dstaddr": dst, "srcport": sport, "dstport": dport, "protocol": 6,
        "packets": 2, "bytes": 100, "start": NOON + start, "end": NOON + start + seconds, "action": "ACCEPT",
        "log_status": "OK",
    }  # fmt: skip
    return row | more


def flows_from(records):
    frame = pd.DataFrame(records, columns=[*COLUMNS, "file_id"])
    return ibis.memtable(frame, schema=ibis.schema(COLUMNS | {"file_id": "int64"}))


BITS = {SAW_SYN: 2, SAW_SYN_ACK: 18, SAW_FIN: 1, SAW_RST: 4}


def engine_of(records, gap=350, translated=True):
    """An engine with the conversations of `records`, and the interfaces."""
    engine = Engine(flows_from(records))
    own = interfaces(engine)
    store.converse(engine, own, translated, Path(tempfile.mkdtemp()), gap)
    return engine, own


def made(records, gap=350):
    """The sessions of `records`, sorted, with the OR of each end's flags, None where the log has none."""
    table = engine_of(records, gap)[0].answer("SELECT * FROM sessions")
    for end in "ab":
        seen = table[f"{end}_seen"].astype("int64")
        seen = (seen & 31) | (seen // 32 & 31)
        flags = sum(((seen & bit) > 0) * 0 for bit in BITS)
        for bit, value in BITS.items():
            flags = flags | ((seen & bit) > 0) * value
        table[f"{end}_flags"] = flags.where((seen & SAW_FLAGS) > 0).astype("Int64")
    return table.sort_values([*KEY, "session"], ignore_index=True)


def folded(records, gap=350):
    """The conversations of `records`."""
    return engine_of(records, gap)[0].answer("SELECT * FROM conversations")


def plainly(records, gap):
    """The same by a loop: key and session -> what each end sent."""
    groups = defaultdict(list)
    for row in records:
        if row["srcaddr"] is None or row["log_status"] not in ("OK", None):
            continue
        ends = (row["srcaddr"], row["srcport"]), (row["dstaddr"], row["dstport"])
        a, b = sorted(ends)
        groups[row["interface_id"], row["protocol"], *a, *b].append(row | {"from_a": ends[0] == a})
    result = {}
    for key, rows in groups.items():
        session, until, closed, opened = 0, None, None, 0
        rows.sort(key=lambda row: (row["start"], -bool((row["tcp_flags"] or 0) & 2), row["end"]))
        for row in rows:
            flags = row["tcp_flags"] or 0
            reopens = flags & 2 and closed is not None and row["start"] > closed >= opened
            if until is not None and (row["start"] - until > gap or reopens):
                session += 1
            until = max(until or 0, row["end"])
            closed = max(closed or 0, row["end"]) if flags & 5 else closed
            opened = max(opened, row["start"]) if flags & 2 else opened
            end = "a" if row["from_a"] else "b"
            one = result.setdefault((*key, session), dict.fromkeys(SUMS, 0) | {"first": row["start"]})
            one[f"{end}_packets"] += row["packets"]
            one[f"{end}_bytes"] += row["bytes"]
            one[f"{end}_accepted"] += row["action"] == "ACCEPT"
            one[f"{end}_rejected"] += row["action"] == "REJECT"
            one[f"{end}_flags"] |= flags
            one["last"] = max(one["last"], row["end"])
            one["first"] = min(one["first"], row["start"])
    return result


SUMS = [f"{end}_{what}" for end in "ab" for what in ("packets", "bytes", "accepted", "rejected", "flags")]
SUMS += ["first", "last"]


@pytest.mark.parametrize("gap", [0, 350])
@pytest.mark.parametrize("seed", range(5))
def test_conversations_equal_a_plain_reading(seed, gap):
    print(f"seed {seed}")
    chance = random.Random(seed)
    hosts = [ME, PEER, "10.0.0.40", "2001:db8::1"]
    records = []
    for _ in range(600):
        src, dst = chance.sample(hosts, 2)
        records.append(
            record(
                src, dst, chance.choice([443, 4000]), chance.choice([443, 4000]), chance.randrange(0, 6000),
                chance.choice([0, 30, 58]), interface_id=chance.choice(["eni-a", "eni-b"]),
                protocol=chance.choice([6, 17, 1]), packets=chance.randrange(1, 9), bytes=chance.randrange(40, 9000),
                action=chance.choice(["ACCEPT", "ACCEPT", "REJECT"]), tcp_flags=chance.choice([0, 1, 2, 3, 4, 18, 19]),
            )
        )  # fmt: skip
    records += [record(None, None, None, None, log_status=status, protocol=None) for status in ("NODATA", "SKIPDATA")]
    expected = plainly(records, gap)
    table = made(records, gap)
    found = {
        tuple(row[: len(KEY) + 1]): dict(zip(SUMS, row[len(KEY) + 1 :], strict=True))
        for row in table.fillna({"a_flags": 0, "b_flags": 0})[[*KEY, "session", *SUMS]].itertuples(index=False)
    }
    assert found == expected


def test_the_two_halves_and_all_windows_are_one_row_with_what_each_end_sent():
    records = [
        record(PEER, ME, 40000, 22, 0, tcp_flags=2, packets=3, bytes=300),
        record(ME, PEER, 22, 40000, 0, tcp_flags=18, packets=4, bytes=4000),
        record(PEER, ME, 40000, 22, 60, tcp_flags=0, packets=1, bytes=50),
        record(ME, PEER, 22, 40000, 60, tcp_flags=1, packets=1, bytes=60, action="REJECT"),
    ]
    (one,) = made(records).itertuples()
    assert (one.a_addr, one.a_port, one.b_addr, one.b_port) == (ME, 22, PEER, 40000)
    assert (one.a_packets, one.a_bytes, one.b_packets, one.b_bytes) == (5, 4060, 4, 350)
    assert (one.a_accepted, one.a_rejected, one.b_accepted, one.b_rejected) == (1, 1, 2, 0)
    assert (one.a_flags, one.b_flags) == (19, 2)
    assert (one.first, one.last, one.session) == (NOON, NOON + 110, 0)


def test_one_window_can_hold_an_accept_and_a_reject_of_the_same_flow():
    records = [
        record(PEER, ME, 0, 0, protocol=1, packets=2),
        record(ME, PEER, 0, 0, protocol=1, packets=1),
        record(ME, PEER, 0, 0, protocol=1, packets=1, action="REJECT"),
    ]
    (one,) = made(records).itertuples()
    assert (one.a_accepted, one.a_rejected, one.b_accepted, one.b_rejected) == (1, 1, 1, 0)


@pytest.mark.parametrize(("silence", "sessions"), [(350, 1), (351, 2)])
def test_a_silence_longer_than_the_gap_splits(silence, sessions):
    records = [record(PEER, ME, 40000, 22, 0), record(PEER, ME, 40000, 22, 50 + silence)]
    assert len(made(records)) == sessions


def test_a_syn_after_a_fin_splits_and_the_answer_stays_with_it():
    records = [
        record(PEER, ME, 40000, 22, 0, tcp_flags=3),
        record(ME, PEER, 22, 40000, 0, tcp_flags=19),
        record(PEER, ME, 40000, 22, 60, tcp_flags=2, bytes=7),
        record(ME, PEER, 22, 40000, 60, tcp_flags=18, bytes=9),
    ]
    table = made(records)
    assert table.session.tolist() == [0, 1]
    assert table[["b_bytes", "a_bytes"]].values.tolist() == [[100, 100], [7, 9]]


def test_an_idle_connection_carries_who_began_it_over_the_gap():
    records = [
        record(PEER, ME, 40000, 9, 0, tcp_flags=2),
        record(ME, PEER, 9, 40000, 0, tcp_flags=18),
        record(ME, PEER, 9, 40000, 900, tcp_flags=0),
    ]
    table = made(records)
    assert table.carried.fillna("").tolist() == ["", "b"]
    assert table.resumed.tolist() == [False, True]


def test_a_log_without_flags_has_none_and_one_without_actions_counts_as_accepted():
    (one,) = made([record(PEER, ME, 40000, 22, action=None)]).itertuples()
    assert pd.isna(one.a_flags) and pd.isna(one.b_flags)
    assert (one.b_accepted, one.b_rejected, one.a_accepted) == (1, 0, 0)


def test_a_log_without_interface_times_or_ports_still_pairs_its_records():
    bare = {"interface_id": None, "protocol": None, "start": None, "end": None, "action": None, "log_status": None}
    records = [record(PEER, ME, None, None) | bare, record(ME, PEER, None, None) | bare]
    (one,) = made(records).itertuples()
    assert (one.a_addr, one.b_addr, one.a_accepted, one.b_accepted) == (ME, PEER, 1, 1)
    assert (one.interface_id, one.protocol, one.a_port) == ("-", -1, -1)
    assert pd.isna(one.first) and pd.isna(one.last)


@pytest.mark.parametrize("records", [[], [record(None, None, None, None, log_status="NODATA")]])
def test_without_named_flows_there_are_no_conversations(records):
    assert made(records).empty
    assert folded(records).empty


def test_edges_conserve_records_packets_and_bytes():
    chance, records = random.Random(7), []
    for number in range(400):
        src, dst = chance.sample([ME, PEER, "10.0.0.40", "203.0.113.9"], 2)
        records.append(record(
            src, dst, chance.choice([443, 50000 + number]), chance.choice([443, 22]), chance.randrange(0, 6000),
            packets=chance.randrange(1, 9), bytes=chance.randrange(40, 9000), protocol=chance.choice([6, 17]),
            action=chance.choice(["ACCEPT", "REJECT"]), tcp_flags=chance.choice([0, 1, 2, 18, 19, None]),
        ))  # fmt: skip
    engine, _own = engine_of(records)
    table = engine.answer(edges(900))
    frame = pd.DataFrame(records)
    counts = [f"{role}_{what}" for role in ("client", "server") for what in ("accepted", "rejected")]
    assert table[counts].sum().sum() == len(records)
    assert table[["client_packets", "server_packets"]].sum().sum() == frame.packets.sum()
    assert table[["client_bytes", "server_bytes"]].sum().sum() == frame["bytes"].sum()
    assert set(table.step % 900) == {0}
    refused = engine.answer(refusals(900))
    rejected = frame[frame.action == "REJECT"]
    assert (refused.records.sum(), refused.packets.sum(), refused["bytes"].sum()) == (
        len(rejected), rejected.packets.sum(), rejected["bytes"].sum(),
    )  # fmt: skip


def test_sums_are_exact_beyond_the_precision_of_floating_point_and_end_at_the_largest_number():
    odd = 2**53 + 1
    engine, _own = engine_of([record(PEER, ME, 40000, 443, bytes=odd), record(PEER, ME, 40000, 443, 60, bytes=2)])
    assert engine.answer(edges(60)).client_bytes.tolist() == [odd + 2]
    most = {"packets": 2**63 - 1, "bytes": 2**63 - 1}
    huge = [record(PEER, ME, 40000, 443, n, **most) for n in range(3)]
    engine, _own = engine_of(huge)
    assert engine.answer(edges(60)).client_bytes.tolist() == [2**63 - 1]
    assert engine.answer(volumes(60)).bytes.tolist() == [2**63 - 1]
    engine, _own = engine_of([record(PEER, ME, 40001, 443, action="REJECT", **most)])
    assert engine.answer(refusals(60)).packets.tolist() == [2**63 - 1]


@pytest.mark.parametrize(
    ("records", "refusal", "outcome"),
    [
        ([record(PEER, ME, 40000, 22, tcp_flags=2, action="REJECT")], "request", "refused"),
        ([record(PEER, ME, 40000, 22, tcp_flags=2), record(ME, PEER, 22, 40000, tcp_flags=18, action="REJECT")],
         "reply", "reply-refused"),
        ([record(PEER, ME, 40000, 22, tcp_flags=0, action="REJECT")], "mid-stream", None),
        ([record(PEER, ME, 40000, 22, tcp_flags=3), record(ME, PEER, 22, 40000, tcp_flags=19),
          record(PEER, ME, 40000, 22, 120, tcp_flags=4, packets=1, bytes=40, action="REJECT")], "late", "answered"),
        ([record(PEER, ME, 40000, 22, tcp_flags=2), record(ME, PEER, 22, 40000, tcp_flags=18),
          record(PEER, ME, 40000, 22, 120, tcp_flags=0, packets=50, bytes=90000, action="REJECT")],
         "changed", "answered"),
        ([record(PEER, ME, 40000, 22, tcp_flags=2, action="REJECT", reject_reason="BPA")], "control", "refused"),
    ],
)  # fmt: skip
def test_how_a_conversation_was_refused_and_what_came_of_it(records, refusal, outcome):
    (one,) = folded(records).itertuples()
    assert one.refusal == refusal
    assert one.outcome == outcome or (outcome is None and pd.isna(one.outcome))
    assert (one.client, one.server, one.server_port) == (PEER, ME, 22)


def test_who_began_by_evidence():
    many = [record(f"198.51.100.{n}", ME, 40000 + n, 7777) for n in range(5)]
    many += [record(ME, f"198.51.100.{n}", 7777, 40000 + n) for n in range(5)]
    table = folded(many)
    assert set(table.evidence) == {"service"}
    assert set(table.server) == {ME}
    (one,) = folded([record(ME, PEER, 5601, 443), record(PEER, ME, 443, 5601)]).itertuples()
    assert (one.evidence, one.server_port) != ("ports", 5601)
    # Clients of NFS send from ports below 1024 (man 5 nfs: resvport).
    (one,) = folded([record(ME, PEER, 2049, 872), record(PEER, ME, 872, 2049)]).itertuples()
    assert (one.evidence, one.client, one.server_port) == ("ports", PEER, 2049)


def test_the_ends_of_an_edge_are_the_packet_s_own_behind_gateways_and_at_nodes_with_pods():
    gate, pod, node = "10.1.100.5", "100.64.0.9", {"interface_id": "eni-node", "instance_id": "i-1"}
    records = [
        # Two clients behind a transit gateway that drew the same port.
        record(gate, "10.2.0.8", 4000, 5432, pkt_srcaddr=client, pkt_dstaddr="10.2.0.8", interface_id="eni-tgw")
        for client in ("10.1.0.1", "10.1.0.2")
    ]
    records += [
        record("10.2.0.8", gate, 5432, 4000, pkt_srcaddr="10.2.0.8", pkt_dstaddr="10.1.0.1", interface_id="eni-tgw"),
        record(ME, "10.2.0.9", 40000, 3306, pkt_srcaddr=pod, pkt_dstaddr="10.2.0.9", **node),
        record("10.2.0.7", ME, 40000, 9102, pkt_srcaddr="10.2.0.7", pkt_dstaddr=pod, **node),
        record(PEER, ME, 40000, 22, **node),
    ]
    engine, _own = engine_of(records)
    table = engine.answer(edges(900)).sort_values(["interface_id", "client", "server"])
    columns = ["interface_id", "client", "server", "client_logged", "server_logged", "way", "outcome"]
    assert table[columns].astype(object).where(table[columns].notna(), None).to_numpy().tolist() == [
        ["eni-node", "10.2.0.7", pod, None, ME, "in", "accepted-silent"],
        ["eni-node", pod, "10.2.0.9", ME, None, "out", "accepted-silent"],
        ["eni-node", PEER, ME, None, None, "in", "accepted-silent"],
        ["eni-tgw", "10.1.0.1", "10.2.0.8", gate, None, "transit", "answered"],
        ["eni-tgw", "10.1.0.2", "10.2.0.8", gate, None, "transit", "accepted-silent"],
    ]
    plain, full = (
        engine_of(records, translated=translated)[0].answer("SELECT * FROM sessions")
        .sort_values([*KEY, "session"], ignore_index=True)
        for translated in (False, True)
    )  # fmt: skip
    assert plain.a_logged.isna().all() and full.a_logged.notna().any()
    logged = ["a_logged", "b_logged"]
    pd.testing.assert_frame_equal(
        plain.drop(columns=logged)[sorted(set(plain) - set(logged))],
        full.drop(columns=logged)[sorted(set(plain) - set(logged))],
    )


def test_a_node_with_pods_is_no_gateway_and_a_nat_gateway_is_one_without_a_field_that_says_so():
    pod, inside, node, nat = "10.0.3.9", "10.2.0.9", {"interface_id": "eni-node"}, {"interface_id": "eni-nat"}
    records = [record(ME, inside, 40000 + n, 443, pkt_srcaddr=pod, pkt_dstaddr=inside, **node) for n in range(4)]
    records += [record(ME, inside, 50000 + n, 443, pkt_srcaddr=ME, pkt_dstaddr=inside, **node) for n in range(2)]
    records += [
        record("10.0.7.7", "10.0.1.1", 40000, 443, pkt_srcaddr="10.0.7.7", pkt_dstaddr=PEER, **nat),
        record("10.0.1.1", PEER, 40000, 443, pkt_srcaddr="10.0.1.1", pkt_dstaddr=PEER, **nat),
    ]
    own = interfaces(flows_from(records))
    assert own.groupby("interface_id").transit.max().to_dict() == {"eni-nat": True, "eni-node": False}


@pytest.mark.parametrize("directed", [True, False])
def test_what_a_pod_sends_is_counted_once_where_both_ends_are_logged(directed):
    pod, peer, packet = "100.64.0.9", "10.2.0.9", {"pkt_srcaddr": "100.64.0.9", "pkt_dstaddr": "10.2.0.9"}
    ways = [{"flow_direction": way} if directed else {} for way in ("egress", "ingress")]
    records = [
        record(ME, peer, 40000, 443, interface_id="eni-node", instance_id="i-1", **packet, **ways[0]),
        record(ME, "10.2.0.10", 40000, 443, interface_id="eni-node", instance_id="i-1", **ways[0]),
        record(pod, peer, 40000, 443, interface_id="eni-peer", **packet, **ways[1]),
        record("10.2.0.11", peer, 40000, 443, interface_id="eni-peer", **ways[1]),
    ]
    engine, _own = engine_of(records)
    volume, edge = engine.answer(volumes(60)), engine.answer(edges(60))
    assert volume[volume.counted].groupby("interface_id").bytes.sum().to_dict() == {"eni-node": 200, "eni-peer": 100}
    assert not edge[(edge.interface_id == "eni-peer") & (edge.client == pod)].counted.any()
    assert edge[edge.counted].client_bytes.sum() == 300


def test_an_address_used_one_after_the_other_is_no_conflict():
    first = record(PEER, ME, 40000, 22, 0, flow_direction="ingress", vpc_id="vpc-1")
    later = record(PEER, ME, 40001, 22, 7200, flow_direction="ingress", vpc_id="vpc-1", interface_id="eni-b")
    assert not interfaces(flows_from([first, later])).conflict.any()
    assert interfaces(flows_from([first, later | {"start": NOON, "end": NOON + 50}])).conflict.all()


@pytest.mark.parametrize(("seconds", "step"), [(3600, 60), (86400, 900), (7 * 86400, 3600), (90 * 86400, 86400)])
def test_a_window_has_sixty_to_two_hundred_steps(seconds, step):
    assert step_of(seconds) == step or 40 <= seconds / step_of(seconds) <= 200


@pytest.mark.parametrize("dialect", ["trino", "athena", "pyspark"])
def test_the_fold_is_written_in_the_words_of_every_engine(dialect):
    engine, _own = engine_of([record(PEER, ME, 40000, 22)])
    engine.define(timed=TIMED)
    for statement in (unsplit(), split(), edges(900), refusals(900), volumes(900), EVIDENCE, RUNS):
        sql = in_dialect(engine.query(statement), dialect)
        assert "GROUP BY" in sql
        # Elsewhere than on DuckDB a sum of 64 bits wraps around or fails.
        assert sql.count("AS DECIMAL(38, 0)") == sql.count("SUM(")
        assert len(sql) < 256 << 10, "Athena takes no longer ones"
        # Neither Spark nor Trino filters inside a window.
        windows = sqlglot.parse_one(sql, read={"pyspark": "spark"}.get(dialect, dialect)).find_all(exp.Window)
        assert not [each for each in windows if isinstance(each.this, exp.Filter)]


def test_what_is_private_is_the_same_in_sql():
    near = "9.255.0.1 10.0.0.1 100.63.0.1 100.64.0.1 100.99.0.1 100.100.0.1 100.127.0.1 100.128.0.1 100.6.0.1 101.0.0.1"
    near += (
        " 172.15.0.1 172.16.0.1 172.31.9.9 172.32.0.1 172.2.0.1 192.168.1.1 192.167.1.1 169.254.1.1 127.0.0.1 1.1.1.1"
    )
    near += " 11.0.0.1 128.0.0.1 ::1 ::2 fbff::1 fc00::1 fd00::1 fe00::1 fe80::1 febf::1 fec0::1 ff02::1 2001:db8::1"
    said = duckdb.sql(f"SELECT a, {private('a')} FROM (SELECT unnest($1) AS a)", params=[near.split()]).fetchall()
    assert said == [(address, is_private(address)) for address in near.split()]


def test_a_fold_that_another_process_was_quicker_to_write_stays(tmp_path):
    def make(folder):
        (folder / "facts.json").write_text('{"mine": 1}')
        (tmp_path / "k").mkdir()
        (tmp_path / "k" / "facts.json").write_text('{"theirs": 1}')

    assert store.stored("k", tmp_path, make).facts == {"theirs": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_both_halves_of_a_short_session_are_one_session_however_they_tie():
    """A load balancer's health check from one port: its request and its answer have the same start and end."""
    checks = [
        row
        for at in range(0, 6_000, 60)
        for row in (
            record(PEER, ME, 20_000, 8080, at, 0, tcp_flags=3),
            record(ME, PEER, 8080, 20_000, at, 0, tcp_flags=19),
        )
    ]
    found = folded(checks)
    assert len(found) == 100 and set(found.outcome) == {"answered"}
    # Which of two that tie a window puts first is chance, seldom seen: so the running number must count both.
    running = [one for one in sqlglot.parse_one(split(), dialect="duckdb").find_all(exp.Window) if one.find(exp.Sum)]
    assert [one.args["spec"].args["kind"] for one in running] == ["RANGE"]
