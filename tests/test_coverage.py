"""Every second of every interface has one state, and the states are those that were planted."""

import random
import secrets
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowkit.fields import COLUMNS
from flowkit.folding.coverage import coverage, coverage_text, covered_share, missing_slots
from flowkit.folding.engine import Engine
from flowkit.folding.ranges import within
from flowkit.words import percent

NOON = int(pd.Timestamp("2026-11-20T12:00Z").timestamp())


def record(eni, start, end, status="OK", **more):
    """One record at `start` to `end` seconds after noon."""
    row = dict.fromkeys(COLUMNS) | {"interface_id": eni, "start": NOON + start, "end": NOON + end}
    if status == "OK":
        row |= {"srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "action": "ACCEPT", "bytes": 40, "packets": 1}
    return row | {"log_status": status} | more


def flows(records, con=None):
    frame = pd.DataFrame(records, columns=[*COLUMNS, "file_id"])
    return ibis.memtable(frame, schema=ibis.schema(COLUMNS | {"file_id": "int64"}))


def full(eni, first, last, interval=60, status="OK"):
    """A record a window over the whole of each window."""
    return [record(eni, at, at + interval - 2, status) for at in range(first, last, interval)]


def told(cells, eni="eni-a"):
    """The states of `eni` with their seconds after noon."""
    own = cells[cells.interface_id == eni]
    seconds = [
        (moment.astype("int64") - NOON).tolist()
        for moment in (
            own.start.dt.tz_localize(None).astype("datetime64[s]"),
            own.end.dt.tz_localize(None).astype("datetime64[s]"),
        )
    ]
    return list(zip(*seconds, own.state, strict=True))


def states(cells, eni="eni-a"):
    return [state for *_, state in told(cells, eni)]


def test_a_busy_interface_is_ok_all_the_time():
    cells = coverage(flows(full("eni-a", 0, 600)))
    assert told(cells) == [(0, 598, "OK")]
    assert cells.interval.tolist() == [60]
    assert covered_share(cells) == 1.0


def test_nodata_between_flows_keeps_its_window():
    rows = [*full("eni-a", 0, 120), record("eni-a", 120, 178, "NODATA"), *full("eni-a", 180, 300)]
    assert told(coverage(flows(rows))) == [(0, 120, "OK"), (120, 178, "NODATA"), (178, 298, "OK")]


def test_a_short_flow_speaks_for_its_whole_window():
    rows = [record("eni-a", at + 20 + at % 7, at + 22 + at % 7) for at in range(0, 3600, 60)]
    rows += full("eni-b", 0, 3600)
    assert states(coverage(flows(rows))) == ["OK"]


def test_a_skipdata_window_is_told_from_one_that_has_flows_too():
    rows = full("eni-a", 0, 600) + [record("eni-a", 240, 298, "SKIPDATA"), record("eni-a", 600, 658, "SKIPDATA")]
    rows += full("eni-a", 660, 900)
    assert told(coverage(flows(rows))) == [
        (0, 240, "OK"),
        (240, 298, "OK+SKIP"),
        (298, 600, "OK"),
        (600, 658, "SKIPDATA"),
        (658, 898, "OK"),
    ]


def test_a_flow_of_the_window_before_does_not_make_a_skip_partial():
    rows = [*full("eni-a", 0, 600), record("eni-a", 597, 655, "SKIPDATA"), *full("eni-a", 660, 900)]
    assert states(coverage(flows(rows))) == ["OK", "SKIPDATA", "OK"]


def test_a_skipdata_record_that_starts_when_it_ends_stands_for_an_interval():
    rows = [*full("eni-a", 0, 600), record("eni-a", 600, 600, "SKIPDATA"), *full("eni-a", 660, 1200)]
    assert told(coverage(flows(rows)))[1] == (600, 660, "SKIPDATA")
    rows = [*full("eni-a", 0, 6000, 600), record("eni-a", 6000, 6000, "SKIPDATA"), *full("eni-a", 6600, 12000, 600)]
    cells = coverage(flows(rows))
    assert told(cells)[1] == (6000, 6600, "SKIPDATA")
    assert cells.interval.unique().tolist() == [600]


def test_neighbouring_skips_are_one_gap():
    rows = full("eni-a", 0, 600) + full("eni-a", 600, 780, status="SKIPDATA") + full("eni-a", 780, 1200)
    assert told(coverage(flows(rows)))[1] == (600, 780 - 2, "SKIPDATA")


def test_an_interface_is_silent_from_the_third_interval_on():
    rows = full("eni-b", 0, 3600)
    two = rows + full("eni-a", 0, 1200) + full("eni-a", 1320, 3600)
    assert states(coverage(flows(two))) == ["OK"]
    three = rows + full("eni-a", 0, 1200) + full("eni-a", 1380, 3600)
    assert told(coverage(flows(three))) == [(0, 1198, "OK"), (1198, 1380, "SILENT"), (1380, 3598, "OK")]


def test_an_interface_of_ten_minute_windows_is_not_silent_for_its_length():
    rows = [record("eni-a", at + 30, at + 33) for at in range(0, 36000, 600)] + full("eni-b", 0, 36000)
    cells = coverage(flows(rows))
    assert states(cells) == ["OK"]
    assert cells.set_index("interface_id").interval.to_dict() == {"eni-a": 600, "eni-b": 60}
    gone = [row for row in rows if not 6000 <= row["start"] - NOON < 12000 or row["interface_id"] == "eni-b"]
    assert told(coverage(flows(gone)))[1] == (5433, 12030, "SILENT")


def test_all_interfaces_silent_at_once_is_a_lost_file():
    rows = [row for eni in ("eni-a", "eni-b") for row in full(eni, 0, 1200) + full(eni, 1500, 3600)]
    cells = coverage(flows(rows))
    assert told(cells)[1] == told(cells, "eni-b")[1] == (1198, 1500, "NOT_DELIVERED")
    assert covered_share(cells) == pytest.approx(1 - 302 / 3598)


def test_an_interface_that_stops_for_good_is_silent_to_the_end():
    rows = full("eni-a", 0, 1200) + full("eni-b", 0, 3600)
    assert told(coverage(flows(rows))) == [(0, 1198, "OK"), (1198, 3598, "SILENT")]
    gone = SimpleNamespace(interfaces={"eni-b": None})
    assert told(coverage(flows(rows), snapshot=gone))[1] == (1198, 3598, "OUTSIDE")
    there = SimpleNamespace(interfaces={"eni-a": None, "eni-b": None})
    assert told(coverage(flows(rows), snapshot=there))[1] == (1198, 3598, "SILENT")


def test_an_interface_that_reported_now_and_then_has_left_when_it_stops():
    rows = [record("eni-a", at, at + 1) for at in range(0, 12000, 1800)] + full("eni-b", 0, 36000)
    assert told(coverage(flows(rows)))[-1] == (10801, 35998, "OUTSIDE")


def test_time_before_the_first_record_is_outside_and_does_not_count():
    rows = full("eni-a", 1800, 3600) + full("eni-b", 0, 3600)
    cells = coverage(flows(rows))
    assert told(cells) == [(0, 1800, "OUTSIDE"), (1800, 3598, "OK")]
    assert covered_share(cells, "eni-a") == 1.0
    assert covered_share(cells, "eni-a", end=pd.Timestamp("2026-11-20T12:10Z")) is None
    assert covered_share(cells, "eni-c") is None


def test_the_bounds_asked_for_are_the_bounds_of_the_cells():
    rows = full("eni-a", 0, 3600)
    cells = coverage(flows(rows), start="2026-11-20T11:00Z", end="2026-11-20T14:00Z")
    assert told(cells) == [(-3600, 0, "OUTSIDE"), (0, 3598, "OK"), (3598, 7200, "OUTSIDE")]
    cells = coverage(flows(rows), start="2026-11-20T12:10Z", end="2026-11-20T12:20Z")
    assert told(cells) == [(600, 1200, "OK")]


def test_what_is_too_new_to_be_delivered_is_pending():
    rows = full("eni-a", 0, 3000) + full("eni-b", 0, 3600)
    cells = coverage(flows(rows), now=pd.Timestamp("2026-11-20T13:05Z"))
    assert told(cells) == [(0, 3000, "OK"), (3000, 3598, "PENDING")]
    assert states(coverage(flows(rows), now=pd.Timestamp("2026-11-21T13:05Z"))) == ["OK", "SILENT"]


def files(slots, log="fl-1", damage=()):
    """An inventory of one file a slot (minutes after noon)."""
    moments = pd.to_datetime(NOON, unit="s", utc=True) + pd.to_timedelta(slots, unit="min")
    frame = pd.DataFrame({"flow_log_id": log, "slot": moments, "file_id": range(len(slots))})
    return frame.assign(malformed=0, damage=["truncated" if slot in damage else None for slot in slots])


def test_a_missing_slot_is_not_delivered_for_one_interface_alone_too():
    gone = full("eni-a", 0, 1200) + full("eni-a", 1500, 3600)
    slots = [slot for slot in range(0, 65, 5) if slot != 20]
    cells = coverage(flows(gone + full("eni-b", 0, 3600)), files(slots))
    assert told(cells) == [(0, 1200, "OK"), (1200, 1500, "NOT_DELIVERED"), (1500, 3598, "OK")]
    cells = coverage(flows(gone + full("eni-b", 0, 3600)), files(range(0, 65, 5)))
    assert states(cells) == ["OK", "SILENT", "OK"]


def test_a_short_flow_beside_a_missing_slot_speaks_for_its_whole_window():
    rows = full("eni-a", 0, 1200) + [record("eni-a", 1455, 1458)] + full("eni-a", 1510, 3600)
    slots = [slot for slot in range(0, 65, 5) if slot != 20]
    cells = coverage(flows(rows + full("eni-b", 0, 3600)), files(slots))
    assert told(cells) == [(0, 1200, "OK"), (1200, 1455, "NOT_DELIVERED"), (1455, 3608, "OK")]


def test_a_lost_window_of_ten_minutes_is_found_though_it_began_before_its_slot():
    rows = [row for eni in ("eni-a", "eni-b") for row in full(eni, 0, 36000, 600) if row["start"] != NOON + 6000]
    slots = [slot for slot in range(0, 605, 5) if slot != 105]
    cells = coverage(flows(rows), files(slots))
    assert told(cells)[1] == (6000 - 2, 6600, "NOT_DELIVERED")


def test_a_slot_that_nothing_was_due_in_is_no_gap():
    slots = [slot for slot in range(0, 65, 5) if slot != 20]
    assert states(coverage(flows(full("eni-a", 0, 3600)), files(slots))) == ["OK"]


def test_missing_slots_are_those_of_a_steady_rhythm_and_damaged_ones():
    slots = [0, 5, 10, 20, 25, 30]
    missing = missing_slots(files(slots, damage=(5,)))
    assert [(row.start.minute, row.end.minute) for row in missing.itertuples()] == [(5, 10), (15, 20)]
    assert missing_slots(files([0, 10, 20, 30])).empty
    assert missing_slots(None).empty


def test_a_missing_slot_counts_for_the_interfaces_of_its_flow_log_only():
    rows = [row | {"file_id": 1} for row in full("eni-a", 0, 1200) + full("eni-a", 1500, 3600)]
    rows += [row | {"file_id": 101} for row in full("eni-b", 0, 1200) + full("eni-b", 1500, 3600)]
    rows += [row | {"file_id": 101} for row in full("eni-c", 0, 3600)]
    own = files([slot for slot in range(0, 65, 5) if slot != 20])
    other = files(range(0, 65, 5), log="fl-2").assign(file_id=lambda t: t.file_id + 100)
    cells = coverage(flows(rows), pd.concat([own, other]))
    assert [states(cells, eni)[1:2] for eni in ("eni-a", "eni-b", "eni-c")] == [["NOT_DELIVERED"], ["SILENT"], []]


@pytest.mark.parametrize("field", ["interface_id", "log_status", "start", "end"])
def test_a_log_that_lacks_a_field_cannot_be_judged_and_says_so(field):
    cells = coverage(flows([row | {field: None} for row in full("eni-a", 0, 600)]))
    assert cells.empty
    assert field.replace("_", "-") in cells.attrs["unjudged"]
    assert covered_share(cells) is None


def test_an_empty_window_says_so():
    cells = coverage(flows([]))
    assert (len(cells), cells.attrs["unjudged"]) == (0, "the log holds no record in this window")


def test_a_log_of_refusals_only_is_labelled():
    rows = [row | {"action": "REJECT"} for row in full("eni-a", 0, 600)]
    assert coverage(flows(rows)).attrs["action"] == "REJECT"
    assert coverage(flows(rows + full("eni-a", 600, 660))).attrs["action"] is None
    assert coverage(flows(full("eni-a", 0, 600))).attrs["action"] == "ACCEPT"


def test_nodata_only_is_certain_and_one_record_is_enough():
    cells = coverage(flows(full("eni-a", 0, 3600, status="NODATA")))
    assert (states(cells), covered_share(cells), cells.attrs["action"]) == (["NODATA"], 1.0, None)
    assert told(coverage(flows([record("eni-a", 5, 5)]))) == [(5, 6, "OK")]
    assert told(coverage(flows([record("eni-a", 5, 5, "SKIPDATA")]))) == [(5, 65, "SKIPDATA")]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["eni-a", "eni-b", "eni-c"]),
            st.integers(0, 20_000),
            st.sampled_from([-40, 0, 1, 57, 60, 61, 119, 599, 4000]),
            st.sampled_from(["OK", "OK", "NODATA", "SKIPDATA", None]),
        ),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([(None, None), ("2026-11-20T13:00Z", None), ("2026-11-20T12:30Z", "2026-11-20T13:00Z")]),
    st.sets(st.integers(0, 60), min_size=50),
)
def test_the_cells_of_an_interface_tile_its_time_exactly_once(rows, bounds, slots):
    rows = [record(eni, at, at + length, status) for eni, at, length, status in rows]
    rows.append(record("eni-d", 3000, 3060))
    cells = coverage(flows(rows), files(sorted(5 * slot for slot in slots)), *bounds)
    first = NOON + min(row["start"] for row in rows) - NOON if bounds[0] is None else None
    for eni in cells.interface_id.unique():
        tiles = told(cells, eni)
        assert all(begin < stop for begin, stop, _ in tiles)
        assert all(
            before[1] == after[0] and before[2] != after[2] for before, after in zip(tiles, tiles[1:], strict=False)
        )
        assert first is None or tiles[0][0] == first - NOON
    assert cells.groupby("interface_id").start.min().nunique() <= 1
    assert cells.groupby("interface_id").end.max().nunique() <= 1
    if bounds == (None, None):
        assert set(cells.interface_id) == {row["interface_id"] for row in rows}
    share = covered_share(cells)
    assert share is None or 0 <= share <= 1


def test_the_order_of_records_changes_nothing():
    seed = secrets.randbelow(10**6)
    print("seed", seed)
    rng = random.Random(seed)  # noqa: S311
    rows = [
        record(eni, at + rng.randrange(30), at + rng.randrange(30, 60), rng.choice(["OK", "OK", "NODATA", "SKIPDATA"]))
        for eni in ("eni-a", "eni-b")
        for at in range(0, 6000, 60)
        if rng.random() > 0.1
    ]
    cells = coverage(flows(rows))
    rng.shuffle(rows)
    pd.testing.assert_frame_equal(coverage(flows(rows)), cells)


def idle(eni, first, last, interval):
    """A NODATA record an interval."""
    return full(eni, first, last, interval, "NODATA")


def test_an_interface_of_ten_minute_intervals_that_is_busy_with_short_flows_is_not_silent_after_three_minutes():
    rows = [record("eni-a", at, at + 3) for at in range(0, 7200, 30)]
    rows += idle("eni-a", 7200, 9000, 600) + [record("eni-a", 9000, 9004), record("eni-a", 9990, 9993)]
    rows += idle("eni-a", 10200, 12000, 600) + full("eni-b", 0, 12000)
    cells = coverage(flows(rows))
    assert cells.set_index("interface_id").interval.to_dict() == {"eni-a": 600, "eni-b": 60}
    assert "SILENT" not in states(cells)


def test_few_nodata_records_tell_the_interval_of_an_interface():
    rows = idle("eni-a", 0, 1800, 600) + [record("eni-a", 2390, 2393)] + full("eni-b", 0, 2400)
    cells = coverage(flows(rows))
    assert cells.set_index("interface_id").interval.to_dict() == {"eni-a": 600, "eni-b": 60}
    assert states(cells) == ["NODATA", "OK"]


def test_few_short_flows_ten_minutes_apart_are_no_silences_among_interfaces_of_a_minute():
    rows = [record("eni-a", at, at + 2) for at in (30, 640, 1210, 1850)] + full("eni-b", 0, 1900)
    cells = coverage(flows(rows))
    assert cells.set_index("interface_id").interval.to_dict() == {"eni-a": 600, "eni-b": 60}
    assert "SILENT" not in states(cells)


def test_an_interface_of_one_minute_that_is_often_silent_keeps_its_interval():
    rows = [row for at in range(0, 36000, 1200) for row in idle("eni-a", at, at + 600, 60)]
    cells = coverage(flows(rows + full("eni-b", 0, 36000)))
    assert set(cells.interval) == {60}
    assert states(cells).count("SILENT") == 29


def test_two_windows_a_week_apart_are_not_a_week_that_is_covered():
    week = 7 * 86400
    cells = coverage(flows([record("eni-a", at, at + 50) for at in (0, 0, week, week)]))
    assert states(cells) == ["OK", "SILENT", "OK"]
    assert covered_share(cells) == pytest.approx(100 / (week + 50))
    assert coverage_text(cells) == "Log coverage under 0.1 %; 6 d 23 h without any record, on 1 interface"


def test_a_record_of_the_far_future_takes_no_more_memory_than_any_other():
    rows = full("eni-a", 0, 600) + [record("eni-a", 250 * 365 * 86400, 250 * 365 * 86400 + 50)]
    rows.append(record("eni-a", 300, 300 + 90 * 365 * 86400, "SKIPDATA"))
    cells = coverage(flows(rows), files(range(0, 10, 5)))
    assert len(cells) <= 5
    assert set(cells.state) == {"OK", "OK+SKIP", "NOT_DELIVERED"}


def test_ranges_of_any_length_touch_few_bins_and_find_each_record_once():
    lengths = [60] * 500 + [10 * 365 * 86400]
    first = NOON + np.arange(len(lengths)) * 120
    ranges = pd.DataFrame({"owner": "eni-a", "first": first, "last": first + lengths, "number": range(len(lengths))})
    moments = pd.DataFrame({"owner": "eni-a", "moment": NOON + np.array([0, 59, 60, 120, 60_000, 70_000])})
    engine = Engine(ibis.memtable(moments))
    joined = within(engine, "flows", ranges, ["owner"], "moment")
    found = engine.answer(f"SELECT moment, number FROM ({joined}) ORDER BY moment").to_numpy() - [NOON, 0]
    assert found.tolist() == [[0, 0], [59, 0], [120, 1], [60_000, 500], [70_000, 500]]


def test_coverage_in_words_says_clock_time_and_what_could_not_be_read():
    rows = [row for eni in ("eni-a", "eni-b") for row in full(eni, 0, 1200) + full(eni, 1500, 3600)]
    own = files(range(0, 60, 5), damage=(5, 10)).assign(malformed=[3, *[0] * 11])
    assert coverage_text(coverage(flows(rows)), own) == (
        "Log coverage 91.6 %; 5 min not delivered, on 2 interfaces; 3 malformed lines; 2 damaged files"
    )
    assert [percent(share) for share in (1, 0.99999, 0.99290, 0.00001, 0, None)] == [
        "100 %", "over 99.9 %", "99.3 %", "under 0.1 %", "0 %", "unknown",
    ]  # fmt: skip
