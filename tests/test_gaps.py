"""What gaps hid, against simulated networks where it is known, and against small logs made by hand."""

import io
import json
import re
import tracemalloc
from collections import Counter
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from simulate import FIELDS_V2, FIELDS_V5, simulate
from test_coverage import NOON, flows, full, record
from test_coverage import files as slot_files

from flowkit.fields import COLUMNS
from flowkit.folding.coverage import clock_time, coverage, coverage_text, covered_share, duration
from flowkit.folding.engine import Engine
from flowkit.folding.interfaces import interfaces
from flowkit.log import load
from flowkit.questions.estimates import backtest, estimate, interval_counts
from flowkit.questions.gaps import by_hour, by_interface, find_gaps, flows_across_gap, seen_by_peer, skipdata_records
from flowkit.reporting import plot
from flowkit.reporting.gaps import gaps
from flowkit.words import percent

SEEDS = range(8)
TUPLE = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol"]
ROW = ["interface_id", *TUPLE, "start", "end", "packets", "bytes"]
HIDDEN_BY = {"skipdata": "skipdata", "silent-interface": "silent", "not-delivered": "lost-file"}


@cache
def examined(seed):
    """A simulated network and all that the questions say of it; every other seed in format v2."""
    world = simulate(seed=seed, hours=3 if seed % 4 else 6)
    fields = {name.replace("-", "_") for name in (FIELDS_V2 if seed % 2 else FIELDS_V5)}
    table = pd.DataFrame({name: _column(world.records, name, fields, kind) for name, kind in COLUMNS.items()})
    log = ibis.memtable(table.assign(file_id=None), schema=ibis.schema(COLUMNS | {"file_id": "int64"}))
    slots = pd.to_datetime(np.unique(world.records["end"].astype(int) // 300 * 300), unit="s", utc=True)
    files = pd.DataFrame({"flow_log_id": "fl-1", "slot": slots, "file_id": range(len(slots)), "damage": None})
    files["malformed"] = 0
    files = files if seed % 3 else None
    told = log_of(log, files)
    answer = gaps(told)
    known = seen_by_peer(log, answer.gaps, told.interfaces, most=10**6)
    return SimpleNamespace(
        world=world, flows=log, addresses=told.interfaces, known=known, answer=answer, found=answer.gaps
    )


def log_of(table, files=None, network=None, **bounds):
    """What `gaps` asks of a log, of the records in `table`."""
    own = interfaces(table)
    cells = coverage(table, files, snapshot=network, **bounds)
    return SimpleNamespace(
        rows=table, files=files, network=network, interfaces=own, coverage=cells, start=None, end=None, outside=""
    )


def _column(records, name, fields, kind):
    if name not in fields:
        return pd.Series([None] * len(records), records.index, dtype=object)
    values = records[name].where(records[name].astype(str) != "-", None)
    return values.astype("Int64") if kind != "string" else values.astype(object)


def planted(world):
    return [one for one in world.truth if one["notebook"] == "skipdata" and one["finding"]]


def is_found(truth, row):
    edges = [(row.start, truth["first"]), (row.end, truth["last"])]
    near = all(abs(mine - pd.Timestamp(edge)) <= pd.Timedelta(seconds=60) for mine, edge in edges)
    return (
        near
        and row.kind == truth["kind"]
        and (row.interface_id if isinstance(row.interface_id, str) else None) == truth["interface_id"]
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_every_planted_gap_is_found_within_an_interval_and_none_is_invented(seed):
    told = examined(seed)
    truths = planted(told.world)
    assert {truth["kind"] for truth in truths} == set(HIDDEN_BY)
    assert [sum(is_found(truth, row) for row in told.found.itertuples()) for truth in truths] == [1, 1, 1]
    assert len(told.found) == 3
    standby = told.world.shop.interfaces["standby"].id
    assert set(told.answer.intervals[told.answer.intervals.interface_id == standby].state) == {
        "NODATA",
        "NOT_DELIVERED",
    }


def hidden_at_both_ends(world):
    """The hidden rows of SKIPDATA and silence whose packets another interface, no NAT gateway, logged too."""
    hidden = world.hidden[world.hidden.hidden.isin(["skipdata", "silent"]) & (world.hidden.log_status == "OK")]
    others = world.records[world.records.log_status == "OK"]
    others = others[others.interface_id != world.shop.interfaces["nat"].id]
    same = [*TUPLE, "window", "start", "end"]
    others = others[[*same, "interface_id"]].rename(columns={"interface_id": "other"}).drop_duplicates()
    both = hidden.merge(others, on=same)
    return both[both.other != both.interface_id]


@pytest.mark.parametrize("seed", SEEDS)
def test_recovered_are_exactly_the_hidden_rows_that_both_ends_logged(seed):
    told = examined(seed)
    truth = hidden_at_both_ends(told.world)
    assert len(truth) > 20
    rows = told.known.copy()
    rows["start"], rows["end"] = (told.known[edge].dt.as_unit("s").astype("int64") for edge in ("start", "end"))
    assert Counter(map(tuple, rows[ROW].astype(str).to_numpy())) == Counter(
        map(tuple, truth[ROW].astype(str).to_numpy())
    )
    merged = rows.astype(dict.fromkeys(ROW, str)).merge(
        truth.astype(dict.fromkeys(ROW, str)), on=ROW, suffixes=("", "_true")
    )
    assert (merged.flow_direction == merged.flow_direction_true).all()
    sent = merged[merged.flow_direction == "egress"]
    assert len(sent) and (sent.action == sent.action_true).all()
    assert merged[merged.flow_direction == "ingress"].action.isna().all()


def test_a_nat_gateway_is_not_believed_even_where_the_format_does_not_name_it():
    checked = 0
    for seed in SEEDS[1::2]:
        told = examined(seed)
        nat = told.world.shop.interfaces["nat"].id
        assert nat not in set(told.known.seen_by) | set(told.known.interface_id)
        own = told.addresses[~told.addresses.transit]
        assert nat in set(own.interface_id)
        blind = told.found[told.found.interface_id.notna()]
        mine = set(own[own.interface_id.isin(blind.interface_id)].address)
        seen = told.world.records[told.world.records.interface_id == nat]
        checked += len(seen[seen.srcaddr.isin(mine) | seen.dstaddr.isin(mine)])
    assert checked > 20


def test_flows_that_bridge_a_gap_really_lost_records_there():
    claimed = 0
    for seed in SEEDS:
        told = examined(seed)
        intervals = told.answer.intervals
        blind = intervals[intervals.state.isin(["SKIPDATA", "SILENT"])].reset_index(drop=True)
        hidden = told.world.hidden
        lost = set(map(tuple, hidden[["interface_id", *TUPLE]].astype(str).to_numpy()))
        engine = Engine(told.flows)
        rows = engine.answer(flows_across_gap(engine, blind))
        assert set(map(tuple, rows[["interface_id", *TUPLE]].astype(str).to_numpy())) <= lost
        claimed += len(rows)
    assert claimed > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_a_band_of_each_gap_is_said_and_holds_what_is_known(seed):
    told = examined(seed)
    assert told.found.high.notna().all()
    assert (told.found.low <= told.found["median"]).all() and (told.found["median"] <= told.found.high).all()
    assert (told.found.at_peak >= told.found.high).all()
    assert told.found.set_index("kind").records["skipdata"] == next(
        truth["records"] for truth in planted(told.world) if truth["kind"] == "skipdata"
    )


def test_the_band_holds_the_truth_four_times_in_five():
    held = Counter()
    for seed in SEEDS:
        told = examined(seed)
        for gap in told.found.itertuples():
            true = told.world.hidden
            true = ((true.hidden == HIDDEN_BY[gap.kind]) & (true.log_status == "OK")).sum()
            held[gap.kind, bool(gap.low <= true <= gap.high)] += 1
    print(held)
    ordinary = ("silent-interface", "not-delivered")
    assert sum(held[kind, True] for kind in ordinary) >= 0.8 * 2 * len(SEEDS)


def test_the_backtest_holds_ordinary_windows_and_prints_the_busiest_as_they_are():
    tests = (
        pd.concat(examined(seed).answer.backtest for seed in SEEDS)
        .groupby(["measure", "kind"])[["tested", "held"]]
        .sum()
    )
    rates = tests.held / tests.tested
    print(rates)
    assert (rates.xs("ordinary", level="kind") >= 0.8).all()
    assert rates["records", "busiest"] < rates["records", "ordinary"]
    told = examined(0)
    busiest = told.answer.backtest.set_index(["measure", "kind"]).held_share["records", "busiest"]
    assert f"and {percent(busiest)} of the busiest intervals" in told.answer.summary[-1]


@pytest.mark.parametrize(("fields", "container"), [(FIELDS_V2, "gzip"), (FIELDS_V5, "parquet")])
def test_gaps_are_found_in_the_files_that_aws_delivers(tmp_path, monkeypatch, fields, container):
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "cache"))
    world = simulate(seed=42, hours=2)
    world.write(tmp_path / "world", fields=fields, container=container)
    source = str(tmp_path / "world" / "AWSLogs")
    found = find_gaps(load(source).coverage)
    truths = planted(world)
    assert [sum(is_found(truth, row) for row in found.itertuples()) for truth in truths] == [1] * len(truths)
    assert len(found) == len(truths)


def flow(eni, at, port, **more):
    return record(eni, at, at + 50, srcport=port, dstport=443, protocol=6, **more)


def gap(start, end, eni="eni-a", interval=60):
    edges = {name: pd.to_datetime([NOON + at], unit="s", utc=True) for name, at in (("start", start), ("end", end))}
    return pd.DataFrame({"interface_id": [eni], **edges, "interval": interval})


def test_a_flow_bridges_a_gap_only_if_it_ran_on_both_sides_and_neither_ended_nor_began():
    rows = [flow("eni-a", at, 1) for at in (540, 660)]
    rows += [flow("eni-a", at, 2, tcp_flags=flags) for at, flags in ((540, 1), (660, 0))]
    rows += [flow("eni-a", at, 3, tcp_flags=flags) for at, flags in ((540, 0), (660, 2))]
    rows += [flow("eni-a", at, 4) for at in (540, 605, 660)]
    rows += [flow("eni-a", at, 5) for at in (420, 660)]
    rows += [flow("eni-b", at, 6) for at in (540, 660)]
    rows += [flow("eni-a", at, 7, tcp_flags=flags) for at, flags in ((540, 2), (660, 1))]
    engine = Engine(flows(rows))
    found = engine.answer(flows_across_gap(engine, gap(600, 660))).sort_values("srcport")
    assert found[["srcport", "packets"]].to_numpy().tolist() == [[1, 2], [7, 2]]


def owners(**held):
    rows = pd.DataFrame({"interface_id": list(held), "address": list(held.values())})
    return rows.assign(transit=rows.interface_id == "nat", conflict=False)


def mirrored(rows, at=(600, 660), **held):
    held = held or {"a": "10.0.0.1", "b": "10.0.0.2"}
    return seen_by_peer(flows(rows), gap(*at, eni="a"), owners(**held))


def seconds_after_noon(found):
    return ((found.start - pd.Timestamp(NOON, unit="s", tz="UTC")).dt.total_seconds()).tolist()


def test_a_record_that_the_blind_interface_logged_itself_is_not_recovered():
    rows = [flow("b", at, 1) for at in range(480, 780, 60)]
    rows += [flow("a", at, 1) for at in (480, 540, 660, 720)]
    found = mirrored(rows)
    assert seconds_after_noon(found) == [600]
    assert found[["interface_id", "seen_by", "action", "flow_direction"]].to_numpy().tolist() == [
        ["a", "b", "ACCEPT", "egress"]
    ]


def test_windows_that_share_a_second_are_two_windows():
    rows = [record("b", at, at + 60) for at in (540, 600, 660)] + [record("a", at, at + 60) for at in (540, 660)]
    assert seconds_after_noon(mirrored(rows)) == [600]


def test_what_the_other_end_refused_to_send_never_arrived():
    reply = {"srcaddr": "10.0.0.2", "dstaddr": "10.0.0.1"}
    rows = [flow("b", 600, 1, **reply), flow("b", 600, 2, action="REJECT", **reply), flow("b", 600, 3, action="REJECT")]
    rows += [flow("a", 300, 9)]
    found = mirrored(rows)
    assert sorted(zip(found.srcport, found.action.fillna("?"), strict=True)) == [(1, "?"), (3, "ACCEPT")]


def test_an_interface_is_believed_only_if_others_know_its_address():
    rows = [flow("b", 600, 1)]
    assert mirrored(rows).empty
    assert len(mirrored([*rows, flow("c", 0, 1, srcaddr="10.0.0.3")], a="10.0.0.1", b="10.0.0.2", c="10.0.0.3")) == 1
    assert mirrored([*rows, flow("a", 0, 1)], a="10.0.0.1", nat="10.0.0.2").empty


def test_an_address_that_two_interfaces_had_recovers_nothing():
    rows = [flow("b", 600, 1), flow("a", 0, 1)]
    assert len(mirrored(rows)) == 1
    assert mirrored(rows, a="10.0.0.1", b="10.0.0.2", c="10.0.0.1").empty


def busy(counts, interval=60, eni="eni-a", skip=()):
    """`counts` records in each window, and SKIPDATA in its place where the window's number is in `skip`."""
    rows = []
    for number, count in enumerate(counts):
        at = number * interval
        if number in skip:
            rows.append(record(eni, at, at + interval, "SKIPDATA"))
        rows += [record(eni, at, at + interval - 1, srcport=port) for port in range(count)]
    return rows


def estimated(rows, **bounds):
    log = flows(rows)
    cells = coverage(log, **bounds)
    found = find_gaps(cells)
    counts = interval_counts(log, cells, found)
    return estimate(counts, found).set_index("measure"), backtest(counts), found


def test_a_band_is_the_neighbours_and_what_was_logged_comes_off():
    counts = [9, 9, 1, 2, 3, 4, 5, 6, 2, 7, 8, 9, 10, 11, 12, 9, 9]
    rows = estimated(busy(counts, skip=(8,)))[0].loc["records"]
    assert rows[["intervals", "observed", "low", "median", "high", "references"]].tolist() == [1, 2, 0, 4.5, 10, 12]
    assert rows.at_peak == 12 - 2
    counts[8] = 0
    rows = estimated(busy(counts, skip=(8,)))[0]
    assert rows.loc["records", ["observed", "low", "median", "high"]].tolist() == [0, 1, 6.5, 12]
    assert rows.loc["bytes", ["low", "high"]].tolist() == [40, 480]
    assert rows.loc["rejects", ["low", "high"]].tolist() == [0, 0]


def test_the_peak_is_the_busiest_five_percent_where_neighbours_are_quiet():
    counts = [2] * 90 + [40] * 10 + [2] * 20
    counts[40] = 0
    rows = estimated(busy(counts, skip=(40,)))[0].loc["records"]
    assert rows[["low", "high", "at_peak"]].tolist() == [2, 2, 40]
    assert rows.load == pytest.approx(0.46, abs=0.01)


def test_what_was_logged_in_a_skipped_peak_is_no_proof_that_nothing_is_missing():
    counts = [2] * 40 + [24] * 9 + [2] * 40
    answer = answered(busy(counts, skip=(41, 43, 45, 47)))
    assert answer.summary[0] == "AWS skipped records on eni-a, in 4 aggregation intervals, at peaks of the load."
    assert answer.gaps[["low", "high"]].isna().all(axis=None) and answer.gaps.observed.tolist() == [96]
    said = answer.findings[0].grounds[-1]
    assert said == "96 records logged in it, as many as in the busiest intervals: how many are missing is unknown"


def test_weeks_compare_with_the_same_time_of_other_weeks():
    counts = [3] * (8 * 1008)
    noon = 7 * 144
    counts[noon - 6 : noon + 7] = [50] * 13
    counts = counts[: 8 * 144 + 10]
    skipped = [*counts]
    skipped[0:7] = [50] * 7
    skipped[noon] = 0
    rows = estimated(busy(skipped, interval=600, skip=(noon,)))[0].loc["records"]
    assert rows.references == 12 + 7
    assert rows[["low", "high"]].tolist() == [50, 50]


def test_without_certain_windows_there_is_no_band():
    told, tested, _ = estimated(busy([0] * 8, skip=range(8)))
    assert told[["low", "median", "high", "at_peak"]].isna().all(axis=None)
    assert tested.tested.sum() == 0


def test_skips_near_each_other_are_one_gap_and_those_apart_are_two():
    rows = busy([3] * 60, skip=(10, 12, 15, 40))
    found = find_gaps(coverage(flows(rows)))
    assert ((found.start - found.start[0]).dt.total_seconds() / 60).tolist() == [0, 30]
    assert (found.uncertain.dt.total_seconds() / 60).tolist() == [3, 1]
    skips = skipdata_records(flows(rows), found)
    assert skips.records.tolist() == [3, 1]
    assert skips.samples[1] == (f"2 - eni-a - - - - - - - {NOON + 2400} {NOON + 2460} - SKIPDATA",)


def answered(rows, network=None, files=None):
    return gaps(log_of(flows(rows), files, network))


def numbers_of(title):
    """The numbers that a title says, but for those of names and times."""
    plain = re.sub(r"\d{4}-\d\d-\d\d|\d\d:\d\d|\(?eni-\S+|[a-z]+-\d+", "", title)
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", plain)]


def assert_counted(findings):
    for one in findings:
        assert set(numbers_of(one.title)) <= set(one.counts.values()), (one.title, one.counts)
        assert one.incident


def test_a_skip_is_a_finding_with_its_interval_its_band_and_its_records():
    answer = answered(busy([9, 9, 1, 2, 3, 4, 5, 6, 2, 7, 8, 9, 10, 11, 12, 9, 9], skip=(8,)))
    (one,) = answer.findings
    assert one.title == (
        "AWS skipped records of eni-a in 1 aggregation interval, 2026-11-20 12:08 to 12:09 UTC. "
        "An estimated 0 to 10 records are missing."
    )
    assert one.counts == {"intervals": 1, "records_low": 0, "records_high": 10, "interfaces": 1}
    assert (one.kind, one.severity, one.confidence, one.records) == ("skipdata", "low", "certain", 1)
    assert one.subject == {"interface_id": "eni-a"}
    assert one.first_seen == pd.Timestamp("2026-11-20T12:08Z")
    assert one.last_seen == pd.Timestamp("2026-11-20T12:09Z")
    assert one.coverage == pytest.approx(1 - 60 / (17 * 60 - 1))
    assert one.samples == (f"2 - eni-a - - - - - - - {NOON + 480} {NOON + 540} - SKIPDATA",)
    assert "Cost Explorer" in one.action
    assert answer.summary[1].startswith("Log coverage 94.1 % (1 interface, 17 min).")
    assert answer.summary[0] == "AWS skipped records on eni-a, in 1 aggregation interval."
    assert answer.coverage == "Log coverage 94.1 %; 60 s with skipped records, on 1 interface"
    assert answer.titles["missing_records"] == "An estimated 0 to 10 records are missing in 1 gap."


def test_a_silent_interface_is_named_and_its_id_cannot_reach_a_shell():
    evil = "eni-$(reboot)"
    rows = full(evil, 0, 1200) + full(evil, 3600, 7200) + full("eni-b", 0, 7200)
    answer = answered(rows)
    (one,) = answer.findings
    silent = "stopped logging (no OK, NODATA or SKIPDATA)"
    assert one.title == f"{evil} {silent} for 40 min from 2026-11-20 12:19 UTC while others reported."
    assert one.counts == {"minutes": 40, "interfaces": 1}
    assert f"--network-interface-ids '{evil}'\n" in one.action
    assert (one.kind, one.severity, one.confidence) == ("silent-interface", "medium", "medium")
    assert f"1 interface {silent} while others reported; the longest: {evil} for 40 min." in answer.summary
    proof = [record("eni-b", 7200 + at, 7258 + at, "NODATA") for at in range(0, 600, 60)]
    assert answered(rows + proof).findings[0].confidence == "high"


def test_an_interface_that_stopped_is_graver_where_the_snapshot_still_has_it():
    rows = full("eni-a", 0, 1200) + full("eni-b", 0, 7200) + full("eni-b", 7200, 7800, status="NODATA")
    (one,) = answered(rows).findings
    assert (one.severity, one.confidence) == ("low", "medium")
    assert one.title.endswith("on, and did not come back.")
    there = SimpleNamespace(interfaces={"eni-a": None, "eni-b": None}, label={"eni-a": "web", "eni-b": "db"}.get)
    (one,) = answered(rows, there).findings
    assert (one.severity, one.confidence) == ("medium", "high")
    assert one.title.startswith("web (eni-a) stopped logging")


def test_a_lost_file_is_one_finding_for_all_interfaces_and_its_time_is_said_alike_everywhere():
    rows = [row for eni in ("eni-a", "eni-b", "eni-c") for row in full(eni, 0, 1200) + full(eni, 1500, 7200)]
    answer = answered(rows)
    (one,) = answer.findings
    assert one.title.startswith(
        "Nothing was delivered for 3 interfaces, 2026-11-20 12:19 to 12:25 UTC (5 min). An estimated "
    )
    assert (one.kind, one.confidence, one.subject) == ("not-delivered", "high", {"interface_id": None})
    assert answer.summary[0] == "5 min not delivered, on 3 interfaces: 2026-11-20 12:19 to 12:25 UTC."
    assert answer.coverage.endswith("; 5 min not delivered, on 3 interfaces")
    assert clock_time(answer.intervals[answer.intervals.state == "NOT_DELIVERED"]) == 302
    assert answer.affected.to_numpy().tolist()[0][0] == "3 interfaces"
    assert_counted(answer.findings)


def test_hundreds_of_interfaces_that_stop_at_one_time_are_one_finding_with_their_names():
    rows = []
    for number in range(389):
        rows += [record(f"eni-{number:03}", at + number % 7, at + 50) for at in range(0, 3600, 60)
                 if not 1200 <= at < 1440]  # fmt: skip
    answer = answered(rows + full("eni-other", 0, 3600))
    (one,) = answer.findings
    assert one.title.startswith("389 interfaces stopped logging (no OK, NODATA or SKIPDATA) for ")
    assert one.counts["interfaces"] == 389
    assert one.subject == {"interface_id": None}
    assert any("eni-000, eni-001" in ground and "369 more" in ground for ground in one.grounds)
    assert sum("NODATA records" in ground for ground in one.grounds) == 1
    assert (one.severity, one.confidence) == ("low", "low")
    assert len(answer.gaps) == 389
    assert_counted(answer.findings)


def test_two_groups_of_interfaces_that_stop_at_different_times_are_two_findings():
    rows = full("eni-other", 0, 7200)
    for eni, gone in (("eni-a", 1200), ("eni-b", 1200), ("eni-c", 3600), ("eni-d", 3660)):
        rows += full(eni, 0, gone) + full(eni, gone + 1200, 7200)
    found = answered(rows).findings
    assert [one.counts["interfaces"] for one in found] == [2, 2]
    assert len({one.incident for one in found}) == 2
    assert_counted(found)


def test_short_silences_at_any_time_are_one_finding_low_where_no_nodata_record_tells_them_from_idle_time():
    rows = full("eni-other", 0, 36000)
    for number in range(30):
        eni, gone = f"eni-{number:02}", 600 + 900 * number
        rows += full(eni, 0, gone) + full(eni, gone + 300, 36000)
    rows += full("eni-long", 0, 1200) + full("eni-long", 3600, 36000)
    answer = answered(rows)
    short, long = sorted(answer.findings, key=lambda one: -one.counts["interfaces"])
    assert short.title.startswith("30 interfaces stopped logging (no OK, NODATA or SKIPDATA) 30 times in all, the long")
    assert (short.severity, short.confidence, short.subject) == ("low", "low", {"interface_id": None})
    assert (long.severity, long.confidence, long.subject) == ("medium", "medium", {"interface_id": "eni-long"})
    no_nodata = "the log has no NODATA records, so idle time cannot be told from missing records"
    assert [no_nodata in one.grounds for one in (short, long)] == [True, False]
    assert any(said.endswith(f" {no_nodata[0].upper()}{no_nodata[1:]}.") for said in answer.summary)
    assert sum("NODATA records" in said for said in answer.summary) == 1
    assert_counted(answer.findings)
    proven = answered(rows + full("eni-other", 36000, 36600, status="NODATA")).findings
    ended, short, long = sorted(proven, key=lambda one: -one.counts["interfaces"])
    assert ended.title.endswith("on, and did not come back.")
    assert (short.severity, short.confidence, short.counts["times"]) == ("medium", "high", 30)
    assert short.title.startswith("30 interfaces stopped logging (no OK, NODATA or SKIPDATA) 30 times in all, the long")
    assert long.subject == {"interface_id": "eni-long"}


def test_many_skips_of_one_interface_are_one_finding():
    found = answered(busy([3] * 400, skip=range(10, 400, 40))).findings
    assert [(one.counts["intervals"], one.subject) for one in found] == [(10, {"interface_id": "eni-a"})]
    few = answered(busy([3] * 200, skip=(10, 40, 41, 42, 100))).findings
    assert [one.counts["intervals"] for one in few] == [1, 3, 1]
    assert len({one.incident for one in few}) == 1
    assert_counted([*found, *few])


def test_a_hundred_gaps_at_different_times_are_the_largest_and_one_for_the_rest():
    rows = []
    for number in range(40):
        eni, gone = f"eni-{number:02}", 600 + 600 * number
        rows += full(eni, 0, gone) + full(eni, gone + 600 + 60 * (number % 9), 36000)
        rows += full(eni, 36000, 37200, status="NODATA")
    answer = answered(rows)
    assert len(answer.gaps) == 40
    assert [one.counts["interfaces"] for one in answer.findings].count(1) == 20
    (rest,) = (one for one in answer.findings if one.counts["interfaces"] == 20)
    assert rest.counts["times"] == 20
    assert "20 interfaces stopped logging (no OK, NODATA or SKIPDATA) 20 times in all, the longest " in rest.title
    assert_counted(answer.findings)


def test_silence_that_is_an_interfaces_way_is_one_note_for_all():
    rows = [record(eni, at, at + 1) for eni, step in (("eni-a", 3000), ("eni-b", 2000)) for at in range(0, 90000, step)]
    answer = answered(rows)
    assert [(one.severity, one.confidence) for one in answer.findings] == [("info", "low")]
    assert answer.findings[0].title.startswith("2 interfaces had no record in ")
    assert answer.summary[1] == ("Whether 2 interfaces were idle or unseen between their records cannot be known.")
    assert sum("NODATA" in said for said in answer.summary) == 1
    assert answer.titles["missing_records"] == "No gap has an estimate of what it hid."
    assert answer.gaps.high.isna().all() and answer.estimates.empty
    assert_counted(answer.findings)
    assert answered([row for row in rows if row["interface_id"] == "eni-a"]).summary[1] == (
        "Whether 1 interface was idle or unseen between its records cannot be known."
    )


def test_two_files_that_are_hours_apart_are_no_grave_gap():
    found = answered(full("eni-a", 0, 120) + full("eni-a", 5400, 5520)).findings
    assert [(one.kind, one.severity) for one in found] == [("silent-interface", "info")]


def test_a_log_without_a_gap_and_one_that_cannot_be_judged_say_so():
    answer = answered(full("eni-a", 0, 3600, status="NODATA"))
    assert answer.findings == ()
    assert answer.summary == ("Log coverage 100 % (1 interface, 60 min).", "AWS skipped no records.")
    assert answer.titles["missing_records"] == "No gap has an estimate of what it hid."
    assert answer.by_hour.minutes.sum() == 0
    answer = answered([row | {"log_status": None} for row in full("eni-a", 0, 3600)])
    assert answer.findings == ()
    assert answer.summary[0].startswith("Log coverage cannot be judged: the log lacks log-status")


@pytest.mark.parametrize("rows", [[], full("eni-a", 0, 3600), busy([3] * 60, skip=(10, 40))])
def test_coverage_that_was_stored_in_microseconds_gives_the_same_gaps(rows):
    log = log_of(flows(rows))
    expected = gaps(log)
    attrs = log.coverage.attrs
    log.coverage = log.coverage.astype(dict.fromkeys(("start", "end"), "datetime64[us, UTC]"))
    log.coverage.attrs = attrs
    stored = gaps(log)
    pd.testing.assert_frame_equal(stored.gaps, expected.gaps, check_dtype=False)
    assert (stored.summary, stored.findings) == (expected.summary, expected.findings)


def test_a_window_without_a_record_is_a_grave_finding():
    log = log_of(flows([]))
    log.start, log.end, log.outside = "2030-01-01", "2030-01-02", "its newest record ends 2026-11-20 12:00:00 UTC"
    answer = gaps(log)
    assert [(one.kind, one.severity) for one in answer.findings] == [("not-delivered", "high")]
    assert "2030-01-01 00:00 to 2030-01-02 00:00 UTC" in answer.findings[0].title
    assert answer.summary == (f"Log coverage cannot be judged: the log holds no record in this window; {log.outside}.",)


def test_a_log_of_little_of_the_time_says_so_before_all_else():
    said = answered(full("eni-a", 0, 120) + full("eni-a", 5400, 5520)).summary[0]
    assert said.startswith("The log covers 4.3 % of the time: what it does not show may have happened all the same.")
    assert not answered(full("eni-a", 0, 3600)).summary[0].startswith("The log covers")


def test_all_interfaces_with_gaps_are_counted_for_the_index_however_few_findings_they_make():
    rows = [
        row for n in range(30) for row in full(f"eni-{n}", 0, 1200) + full(f"eni-{n}", 2400 * (n < 28) or 1260, 3600)
    ]
    answer = answered(rows + full("eni-x", 0, 3600))
    assert answer.numbers == {"silent-interface": 28} and len(answer.findings) == 1


@pytest.mark.parametrize(("only", "other"), [("ACCEPT", "rejected"), ("REJECT", "accepted")])
def test_a_log_of_one_action_says_what_its_nodata_cannot_prove(only, other):
    rows = [row | {"action": only} for row in full("eni-a", 0, 1800)] + full("eni-a", 1800, 3600, status="NODATA")
    first = answered(rows).summary[0]
    said = {"REJECT": "The log holds REJECT records only, so",
            "ACCEPT": "No record is a REJECT: if the flow log takes accepted traffic only,"}  # fmt: skip
    assert first.endswith(f"{said[only]} NODATA proves nothing about what was {other}.")


def test_every_number_of_a_title_is_counted_and_the_summary_is_short():
    for seed in SEEDS:
        answer = examined(seed).answer
        assert_counted(answer.findings)
        assert len(answer.summary) <= 5
        assert answer.coverage == answer.titles["coverage"] == coverage_text(answer.intervals)


def test_a_log_in_which_nothing_was_seen_is_grave():
    rows = [record("eni-a", at, at + 60, "SKIPDATA") for at in (0, 60)]
    assert [(one.kind, one.severity) for one in answered(rows).findings] == [("skipdata", "high")]
    assert [one.severity for one in answered([*rows, *full("eni-a", 120, 1200)]).findings] == ["low"]


def test_interfaces_are_ranked_by_what_is_certain():
    rows = (
        full("eni-a", 0, 3600)
        + full("eni-b", 0, 1200)
        + full("eni-b", 2400, 3600)
        + busy([1] * 60, eni="eni-c", skip=(5, 6))
    )
    cells = coverage(flows(rows))
    table = by_interface(cells)
    assert table.interface_id.tolist() == ["eni-b", "eni-c", "eni-a"]
    assert table.certain.tolist() == pytest.approx([1 - 1202 / 3599, 1 - 120 / 3599, 1 - 1 / 3599], abs=1e-3)
    assert [duration(time) for time in table.longest.dropna()] == ["20 min", "2 min"]
    assert table.skipped.dt.total_seconds().tolist() == [0, 120, 0]
    hours = by_hour(cells)
    assert hours[hours.minutes > 0].to_numpy().tolist() == [[12, 2]]


@pytest.mark.parametrize(
    ("seconds", "words"), [(45, "45 s"), (2160, "36 min"), (21590, "6 h"), (15120, "4 h 12 min"), (183600, "2 d 3 h")]
)
def test_durations_in_words(seconds, words):
    assert duration(pd.Timedelta(seconds=seconds)) == duration(seconds) == words


def test_coverage_of_one_interface_is_apart_from_that_of_all():
    rows = full("eni-a", 0, 3600) + full("eni-b", 0, 1200) + full("eni-b", 2400, 3600)
    cells = coverage(flows(rows))
    assert covered_share(cells, "eni-a") == 1.0
    assert covered_share(cells, "eni-b") == pytest.approx(1 - 1202 / 3598)


def hours_of_three_years():
    """An hourly record of one interface for three years: 26,280 of them."""
    return pd.DataFrame({"start": NOON + 3600 * np.arange(-26_280, 0)})


def peak_memory(rows, network=None):
    """The answer for rows (a frame), and the most memory that Python and NumPy took for it, in MB."""
    filled = {name: rows.get(name, pd.Series([None] * len(rows), dtype="object")) for name in COLUMNS}
    table = ibis.memtable(pd.DataFrame(filled).assign(file_id=None), schema=ibis.schema(COLUMNS | {"file_id": "int64"}))
    log = log_of(table)
    tracemalloc.start()
    try:
        log.coverage = coverage(table)
        answer = gaps(log)
        return answer, tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def as_flows(rows, eni="eni-a"):
    fixed = {"interface_id": eni, "srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "srcport": 1, "dstport": 443}
    fixed |= {"protocol": 6, "action": "ACCEPT", "log_status": "OK", "packets": 1, "bytes": 40}
    return rows.assign(end=rows.start + 50, **fixed)


def test_a_hole_of_a_year_takes_no_more_memory_than_its_records():
    day = np.arange(0, 86400, 600)
    rows = [as_flows(pd.DataFrame({"start": NOON + shift + day}), eni)
            for eni in ("eni-a", "eni-b", "eni-c") for shift in (0, 366 * 86400)]  # fmt: skip
    answer, most = peak_memory(pd.concat(rows, ignore_index=True))
    assert most < 60
    assert answer.gaps.kind.tolist() == ["not-delivered"]
    assert answer.findings[0].counts["days"] == 365
    assert answer.findings[0].severity == "high"
    assert (answer.intervals.state == "NOT_DELIVERED").sum() == 3


def test_three_years_of_hourly_records_take_memory_by_their_number():
    answer, most = peak_memory(as_flows(hours_of_three_years()))
    assert most < 120
    assert len(answer.intervals) == 2 * 26_280 - 1
    assert [one.counts for one in answer.findings] == [{"interfaces": 1, "stretches": 26_279}]


def test_a_flow_log_that_stopped_for_a_year_between_steady_files_is_not_delivered():
    slots = [*range(0, 600, 5), *(365 * 1440 + minute for minute in range(0, 600, 5))]
    rows = [row for shift in (0, 365 * 86400) for row in full("eni-a", shift, shift + 36000)]
    answer = answered(rows, files=slot_files(slots))
    assert answer.gaps[["kind", "files"]].to_numpy().tolist() == [["not-delivered", 365 * 288 - 120]]


def test_the_figures_of_any_window_are_drawn():
    day = as_flows(pd.DataFrame({"start": NOON + np.arange(0, 86400, 60)}))
    for rows in (day[:60], day, as_flows(hours_of_three_years()[-2000:]), day.assign(start=NOON)[:1]):
        answer = gaps(log_of(flows(rows.reindex(columns=[*COLUMNS, "file_id"]).to_dict("records"))))
        for figure in (plot.coverage(answer), plot.missing_records(answer), plot.skips_by_hour(answer)):
            figure.savefig(io.BytesIO(), format="svg")
            assert figure.axes[0].get_title(loc="left").replace("\n", " ") in answer.titles.values()
    empty = gaps(log_of(flows([])))
    for figure in (plot.coverage(empty), plot.missing_records(empty), plot.skips_by_hour(empty)):
        figure.savefig(io.BytesIO(), format="svg")


def test_bars_that_touch_are_one_so_that_a_figure_stays_small():
    answer = gaps(
        log_of(
            flows(as_flows(hours_of_three_years()[-5000:]).reindex(columns=[*COLUMNS, "file_id"]).to_dict("records"))
        )
    )
    assert sum(len(each.get_paths()) for each in plot.coverage(answer).axes[0].collections) < 500


def test_every_cell_of_the_notebook_runs_twice():
    notebook = json.loads((Path(__file__).parents[1] / "notebooks" / "skipdata.ipynb").read_text())
    names = {}
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(len(cell.splitlines()) <= 8 for cell in cells)
    for cell in cells:
        exec(cell, names)
        exec(cell, names)
