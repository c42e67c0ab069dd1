"""What gaps hid, against simulated networks where it is known, and against small logs made by hand."""

from collections import Counter
from functools import cache
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from simulate import FIELDS_V2, FIELDS_V5, simulate
from test_coverage import NOON, flows, full, record

from flowkit import inventory, load
from flowkit.analysis.addresses import interface_addresses
from flowkit.analysis.estimate import backtest, estimate, losses, series_of
from flowkit.analysis.gaps import by_hour, by_interface, gaps
from flowkit.analysis.missed import bridged, recovered, recovered_rows, skip_records
from flowkit.fields import COLUMNS
from flowkit.folding.coverage import coverage, covered_share
from flowkit.reporting.skipdata import (
    coverage_line,
    missed_line,
    skipdata_findings,
    skipdata_verdict,
    span,
    weakened,
)

SEEDS = range(20)
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
    files = files if seed % 3 else None
    cells = coverage(log, files)
    found = gaps(cells)
    addresses = interface_addresses(log)
    known, series = recovered_rows(log, found, addresses, most=10**6), series_of(log, cells, found)
    estimates, tested = estimate(series, found), backtest(series, found)
    lost = losses(log, cells, found, estimates, known, files)
    return SimpleNamespace(**locals())


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
    assert set(told.cells[told.cells.interface_id == standby].state) == {"NODATA", "NOT_DELIVERED"}


def hidden_at_both_ends(world):
    """The hidden rows of SKIPDATA and silence whose packets another interface, no NAT gateway, logged too."""
    hidden = world.hidden[
        world.hidden.hidden.isin(["skipdata", "silent"]) & (world.hidden.log_status == "OK")
    ]
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
    rows["start"], rows["end"] = (
        told.known[edge].dt.as_unit("s").astype("int64") for edge in ("start", "end")
    )
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
        own = told.addresses[~told.addresses.through]
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
        blind = told.cells[told.cells.state.isin(["SKIPDATA", "SILENT"])].reset_index(drop=True)
        hidden = told.world.hidden
        lost = set(map(tuple, hidden[["interface_id", *TUPLE]].astype(str).to_numpy()))
        rows = bridged(told.log, blind)
        assert set(map(tuple, rows[["interface_id", *TUPLE]].astype(str).to_numpy())) <= lost
        claimed += len(rows)
    assert claimed > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_band_of_each_gap_is_said_and_holds_what_is_known(seed):
    told = examined(seed)
    assert told.lost.high.notna().all()
    assert (told.lost.low <= told.lost["median"]).all() and (told.lost["median"] <= told.lost.high).all()
    assert (told.lost.at_peak >= told.lost.high).all()
    assert told.lost.set_index("kind").records["skipdata"] == next(
        truth["records"] for truth in planted(told.world) if truth["kind"] == "skipdata"
    )


def test_the_band_holds_the_truth_four_times_in_five():
    held = Counter()
    for seed in SEEDS:
        told = examined(seed)
        for gap in told.lost.itertuples():
            true = told.world.hidden
            true = ((true.hidden == HIDDEN_BY[gap.kind]) & (true.log_status == "OK")).sum()
            held[gap.kind, bool(gap.low <= true <= gap.high)] += 1
    print(held)
    ordinary = ("silent-interface", "not-delivered")
    assert sum(held[kind, True] for kind in ordinary) >= 0.8 * 2 * len(SEEDS)


def test_the_backtest_holds_ordinary_windows_and_prints_the_busiest_as_they_are():
    tests = (
        pd.concat(examined(seed).tested for seed in SEEDS)
        .groupby(["measure", "kind"])[["tested", "held"]]
        .sum()
    )
    rates = tests.held / tests.tested
    print(rates)
    assert (rates.xs("ordinary", level="kind") >= 0.8).all()
    assert rates["records", "busiest"] < rates["records", "ordinary"]
    told = examined(0)
    busiest = told.tested.set_index(["measure", "kind"]).rate["records", "busiest"]
    verdict = skipdata_verdict(told.lost, told.cells, told.tested)
    assert f"and {busiest:.0%} of the busiest windows" in verdict[-1]


@pytest.mark.parametrize(("fields", "container"), [(FIELDS_V2, "gzip"), (FIELDS_V5, "parquet")])
def test_gaps_are_found_in_the_files_that_aws_delivers(tmp_path, monkeypatch, fields, container):
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "cache"))
    world = simulate(seed=42, hours=2)
    world.write(tmp_path / "world", fields=fields, container=container)
    source = str(tmp_path / "world" / "AWSLogs")
    cells = coverage(load(source), inventory(source))
    found = gaps(cells)
    truths = planted(world)
    assert [sum(is_found(truth, row) for row in found.itertuples()) for truth in truths] == [1] * len(truths)
    assert len(found) == len(truths)


def flow(eni, at, port, **more):
    return record(eni, at, at + 50, srcport=port, dstport=443, protocol=6, **more)


def gap(start, end, eni="eni-a", interval=60):
    edges = {
        name: pd.to_datetime([NOON + at], unit="s", utc=True) for name, at in (("start", start), ("end", end))
    }
    return pd.DataFrame({"interface_id": [eni], **edges, "interval": interval})


def test_a_flow_bridges_a_gap_only_if_it_ran_on_both_sides_and_neither_ended_nor_began():
    rows = [flow("eni-a", at, 1) for at in (540, 660)]
    rows += [flow("eni-a", at, 2, tcp_flags=flags) for at, flags in ((540, 1), (660, 0))]
    rows += [flow("eni-a", at, 3, tcp_flags=flags) for at, flags in ((540, 0), (660, 2))]
    rows += [flow("eni-a", at, 4) for at in (540, 605, 660)]
    rows += [flow("eni-a", at, 5) for at in (420, 660)]
    rows += [flow("eni-b", at, 6) for at in (540, 660)]
    rows += [flow("eni-a", at, 7, tcp_flags=flags) for at, flags in ((540, 2), (660, 1))]
    found = bridged(flows(rows), gap(600, 660))
    assert found[["srcport", "windows", "packets"]].to_numpy().tolist() == [[1, 1, 2], [7, 1, 2]]


def owners(**held):
    rows = pd.DataFrame({"interface_id": list(held), "address": list(held.values())})
    return rows.assign(through=rows.interface_id == "nat", conflict=False)


def mirrored(rows, at=(600, 660), **held):
    held = held or {"a": "10.0.0.1", "b": "10.0.0.2"}
    return recovered(flows(rows), gap(*at, eni="a"), owners(**held)).execute().sort_values("start")


def test_a_record_that_the_blind_interface_logged_itself_is_not_recovered():
    rows = [flow("b", at, 1) for at in range(480, 780, 60)]
    rows += [flow("a", at, 1) for at in (480, 540, 660, 720)]
    found = mirrored(rows)
    assert (found.start - NOON).tolist() == [600]
    assert found[["interface_id", "seen_by", "action", "flow_direction"]].to_numpy().tolist() == [
        ["a", "b", "ACCEPT", "egress"]
    ]


def test_windows_that_share_a_second_are_two_windows():
    rows = [record("b", at, at + 60) for at in (540, 600, 660)] + [
        record("a", at, at + 60) for at in (540, 660)
    ]
    assert (mirrored(rows).start - NOON).tolist() == [600]


def test_what_the_other_end_refused_to_send_never_arrived():
    reply = {"srcaddr": "10.0.0.2", "dstaddr": "10.0.0.1"}
    rows = [
        flow("b", 600, 1, **reply),
        flow("b", 600, 2, action="REJECT", **reply),
        flow("b", 600, 3, action="REJECT"),
    ]
    rows += [flow("a", 300, 9)]
    found = mirrored(rows)
    assert sorted(zip(found.srcport, found.action.fillna("?"), strict=True)) == [(1, "?"), (3, "ACCEPT")]


def test_an_interface_is_believed_only_if_others_know_its_address():
    rows = [flow("b", 600, 1)]
    assert mirrored(rows).empty
    assert (
        len(mirrored([*rows, flow("c", 0, 1, srcaddr="10.0.0.3")], a="10.0.0.1", b="10.0.0.2", c="10.0.0.3"))
        == 1
    )
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
    found = gaps(cells)
    series = series_of(log, cells, found)
    return estimate(series, found).set_index("measure"), backtest(series, found), found


def test_a_band_is_the_neighbours_and_what_was_logged_comes_off():
    counts = [9, 9, 1, 2, 3, 4, 5, 6, 2, 7, 8, 9, 10, 11, 12, 9, 9]
    rows = estimated(busy(counts, skip=(8,)))[0].loc["records"]
    assert rows[["windows", "observed", "low", "median", "high", "references"]].tolist() == [
        1,
        2,
        0,
        4.5,
        10,
        12,
    ]
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
    found = gaps(coverage(flows(rows)))
    assert ((found.start - found.start[0]).dt.total_seconds() / 60).tolist() == [0, 30]
    assert (found.uncertain.dt.total_seconds() / 60).tolist() == [3, 1]
    skips = skip_records(flows(rows), found)
    assert skips.records.tolist() == [3, 1]
    assert skips.samples[1] == (f"2 - eni-a - - - - - - - {NOON + 2400} {NOON + 2460} - SKIPDATA",)


def told_of(rows, snapshot=None, files=None, **more):
    log = flows(rows)
    cells = coverage(log, files, snapshot=snapshot)
    found = gaps(cells)
    series = series_of(log, cells, found)
    known = recovered_rows(log, found, interface_addresses(log))
    lost = losses(log, cells, found, estimate(series, found), known, files)
    return (
        skipdata_findings(lost, cells, snapshot, **more),
        skipdata_verdict(lost, cells, backtest(series, found), snapshot),
        lost,
        cells,
    )


def test_a_skip_is_told_with_its_window_its_band_and_its_records():
    (told,), verdict, lost, cells = told_of(
        busy([9, 9, 1, 2, 3, 4, 5, 6, 2, 7, 8, 9, 10, 11, 12, 9, 9], skip=(8,))
    )
    assert told.title == (
        "AWS skipped records of eni-a in 1 window, 2026-11-20 12:08 to 12:09 UTC: "
        "0 to 10 records are probably missing."
    )
    assert (told.kind, told.severity, told.confidence, told.records) == ("skipdata", "low", "certain", 1)
    assert told.subject == {"interface_id": "eni-a"}
    assert told.first_seen == pd.Timestamp("2026-11-20T12:08Z") and told.last_seen == pd.Timestamp(
        "2026-11-20T12:09Z"
    )
    assert told.coverage == pytest.approx(1 - 60 / (17 * 60 - 1))
    assert told.samples == (f"2 - eni-a - - - - - - - {NOON + 480} {NOON + 540} - SKIPDATA",)
    assert "Cost Explorer" in told.action
    assert verdict[0].startswith("94.11% of interface time is certain (1 interface, 17 min).")
    assert verdict[1] == "AWS skipped records on eni-a, in 1 window, whatever the load."
    assert coverage_line(cells) == "94.11% of interface time is certain · 60 s SKIPDATA in part"
    assert missed_line(lost) == "0 to 10 records are probably missing in 1 gap."


def test_a_silent_interface_is_told_by_name_and_its_id_cannot_reach_a_shell():
    evil = "eni-$(reboot)"
    rows = full(evil, 0, 1200) + full(evil, 3600, 7200) + full("eni-b", 0, 7200)
    (told,), verdict, *_ = told_of(rows)
    assert (
        told.title
        == f"{evil} logged nothing, not even NODATA, for 40 min from 2026-11-20 12:19 UTC while others reported."
    )
    assert f"--network-interface-ids '{evil}'\n" in told.action
    assert (told.kind, told.severity, told.confidence) == ("silent-interface", "medium", "high")
    assert (
        f"1 interface fell silent, without even NODATA, while others reported; the longest: {evil} for 40 min."
        in verdict
    )


def test_an_interface_that_stopped_is_graver_where_the_snapshot_still_has_it():
    rows = full("eni-a", 0, 1200) + full("eni-b", 0, 7200)
    (told,) = told_of(rows)[0]
    assert (told.severity, told.confidence) == ("low", "medium")
    assert told.title.endswith("on and did not come back.")
    there = SimpleNamespace(
        interfaces={"eni-a": None, "eni-b": None}, label={"eni-a": "web", "eni-b": "db"}.get
    )
    (told,) = told_of(rows, there)[0]
    assert (told.severity, told.confidence) == ("medium", "high")
    assert told.title.startswith("web (eni-a) logged nothing")


def test_a_lost_file_is_one_finding_for_all_interfaces():
    rows = [row for eni in ("eni-a", "eni-b", "eni-c") for row in full(eni, 0, 1200) + full(eni, 1500, 7200)]
    (told,), verdict, lost, _ = told_of(rows)
    assert told.title.startswith(
        "Nothing was delivered for 3 interfaces, 2026-11-20 12:19 to 12:25 UTC (5 min): "
    )
    assert (told.kind, told.confidence, told.subject) == ("not-delivered", "high", {"interface_id": None})
    assert verdict[2] == "Nothing was delivered in 5 min: 2026-11-20 12:19 to 12:25 UTC."
    assert weakened(lost).to_numpy().tolist()[0][0] == "all"


def test_silence_that_is_an_interfaces_way_is_one_note_for_all():
    rows = [
        record(eni, at, at + 1)
        for eni, step in (("eni-a", 3000), ("eni-b", 2000))
        for at in range(0, 90000, step)
    ]
    told, verdict, *_ = told_of(rows)
    assert [(one.severity, one.confidence) for one in told] == [("info", "low")]
    assert told[0].title.startswith("2 interfaces had no record in ")
    assert (
        verdict[-1]
        == "Whether 2 interfaces were idle or unseen between their records, a log without NODATA cannot tell."
    )


def test_two_files_that_are_hours_apart_are_no_grave_gap():
    told = told_of(full("eni-a", 0, 120) + full("eni-a", 5400, 5520))[0]
    assert [(one.kind, one.severity) for one in told] == [("silent-interface", "info")]


def test_only_the_longest_gaps_are_told_one_by_one():
    rows = busy([3] * 200, skip=(10, 40, 41, 42, 100))
    told = told_of(rows, top=1)[0]
    assert [one.records for one in told] == [3]


def test_a_log_without_a_gap_and_one_that_cannot_be_judged_say_so():
    told, verdict, lost, cells = told_of(full("eni-a", 0, 3600, status="NODATA"))
    assert (told, verdict) == (
        [],
        ["100% of interface time is certain (1 interface, 60 min).", "AWS skipped no record."],
    )
    assert missed_line(lost) == "No gap whose loss could be estimated."
    assert by_hour(cells).minutes.sum() == 0
    told, verdict, _, cells = told_of([])
    assert (told, verdict) == ([], ["Coverage cannot be judged: the log holds no record in this window."])
    assert coverage_line(cells) == "cannot be judged: the log holds no record in this window"
    verdict = told_of([row | {"action": "REJECT"} for row in full("eni-a", 0, 3600)])[1]
    assert verdict[0].endswith(
        "The log holds REJECT records only, so NODATA proves nothing about what was let in."
    )


def test_interfaces_are_ranked_by_what_is_certain():
    rows = (
        full("eni-a", 0, 3600)
        + full("eni-b", 0, 1200)
        + full("eni-b", 2400, 3600)
        + busy([1] * 60, eni="eni-c", skip=(5, 6))
    )
    table = by_interface(coverage(flows(rows)))
    assert table.interface_id.tolist() == ["eni-b", "eni-c", "eni-a"]
    assert table.certain.tolist() == pytest.approx([1 - 1202 / 3599, 1 - 120 / 3599, 1 - 1 / 3599], abs=1e-3)
    assert [span(time) for time in table.longest.dropna()] == ["20 min", "2 min"]
    assert table.skipped.dt.total_seconds().tolist() == [0, 120, 0]
    hours = by_hour(coverage(flows(rows)))
    assert hours[hours.minutes > 0].hour.tolist() == [12]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45, "45 s"), (2160, "36 min"), (21590, "6 h 0 min"), (15120, "4 h 12 min"), (183600, "2 d 3 h")],
)
def test_spans_are_told_in_words(seconds, words):
    assert span(pd.Timedelta(seconds=seconds)) == words


def test_coverage_of_one_interface_is_told_apart_from_that_of_all():
    rows = full("eni-a", 0, 3600) + full("eni-b", 0, 1200) + full("eni-b", 2400, 3600)
    cells = coverage(flows(rows))
    assert covered_share(cells, "eni-a") == 1.0
    assert covered_share(cells, "eni-b") == pytest.approx(1 - 1202 / 3598)
