"""From records to coverage: what each interface's time is known by, and how much of it the log speaks for.

NODATA says that there was no traffic, SKIPDATA that AWS skipped records, and no record at all may mean a lost file, a
broken flow log or an interface that was not there yet. Every second of every interface has exactly one state:

- ``OK``: records, and nothing says that any were skipped
- ``OK+SKIP``: records beside a SKIPDATA record: every total of that time is a lower bound
- ``SKIPDATA``: AWS skipped records and none came
- ``NODATA``: AWS says that there was no traffic
- ``SILENT``: no record of any status for three aggregation intervals and more, while others report
- ``NOT_DELIVERED``: a file is missing between files that came, or every interface is silent at once
- ``PENDING``: too new to have been delivered
- ``OUTSIDE``: before an interface's first record or after its last: not in scope

Aggregation intervals are learnt from the records: real ones neither tile nor stay disjoint, a flow may span only a
part of its interval, a SKIPDATA record may start when it ends, and nothing comes in order.
https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (start, end, log-status)
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from flowkit.folding import runs as r
from flowkit.folding.engine import Engine
from flowkit.folding.ranges import merged, seconds, sweep, utc
from flowkit.folding.runs import MIXED, NODATA, SEEN, SILENT_AFTER, SKIP, parts_of, pieces_of, steady
from flowkit.loading.window import moment
from flowkit.words import filled, percent

#: States in which the log holds all there was.
CERTAIN = ("OK", "NODATA")
#: States in which AWS skipped records.
SKIPPED = ("SKIPDATA", "OK+SKIP")
#: Seconds that a file of S3 holds: AWS publishes every five minutes.
#: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html
SLOT = 300
#: Seconds that delivery may take: about 10 minutes to S3, best effort.
LAG = 900
UTC = "datetime64[s, UTC]"
COLUMNS = {"interface_id": "str", "start": UTC, "end": UTC, "state": "str", "interval": "int64"}
# What a piece of time without records is known by, as bits beside those of records.
LOST, PENDING, AFTER, BASE = (1 << bit for bit in range(4, 8))
#: States by rank, the strongest evidence of records last.
STATES = " NODATA OK SKIPDATA OK+SKIP SILENT NOT_DELIVERED PENDING OUTSIDE".split(" ")


def coverage(flows: object, files=None, start=None, end=None, snapshot=None, now=None) -> pd.DataFrame:
    """Return what each interface's time is known by: one row an interval of one state, which tile its time.

    ``interface_id``; ``start``, ``end`` (UTC); ``state`` (see the module); ``interval`` (seconds, the aggregation
    interval learnt for the interface: 60 or 600). Sorted by interface and start.

    `files` is the table of source files, whose slots tell a missing one. `start` and `end` bound the time (by
    default the first and last moment in the log), `snapshot` tells a deleted interface from a silent one, `now` (by
    default the clock) which time is too new to have been delivered. ``attrs``: ``unjudged`` says why the table is empty,
    as without interface-id, log-status, start or end; ``action`` is ACCEPT or REJECT where the log holds no other: there
    NODATA only says that nothing of that kind was seen; ``nodata``: whether the log holds NODATA records.
    """
    engine = Engine.of(flows)
    engine.define(timed=r.TIMED)
    facts = engine.answer(r.FACTS)
    table = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    accepts, actions = facts.accepts.sum(), facts.action.sum()
    only = None if not actions or 0 < accepts < actions else "ACCEPT" if accepts else "REJECT"
    attrs = {"unjudged": None, "action": only, "nodata": bool(facts.nodata.any())}
    needed = ("interface_id", "log_status", "start", "end")
    lacking = " and ".join(name.replace("_", "-") for name in needed if not facts[name].any())
    if facts.empty:
        attrs["unjudged"] = "the log holds no record in this window"
    elif lacking:
        attrs["unjudged"] = f"the log lacks {lacking}, without which skipped and missing records leave no trace"
    if attrs["unjudged"]:
        table.attrs = attrs
        return table
    names = pd.Index(facts.interface_id[facts.timed > 0].dropna().astype("str")).sort_values()
    seen = r.coded(engine.answer(r.RUNS), names)
    skips = r.coded(engine.answer(r.SKIPS), names) if facts.skipdata.any() else seen[:0]
    interval, slots, regular = r.intervals_of(seen, skips, len(names))
    pieces = [pieces_of(seen[seen.kind == kind], kind) for kind in (NODATA, SEEN)]
    pieces += r.skip_pieces(engine, skips, names, interval)
    oldest, newest = (pick(np.concatenate([p[n] for p in pieces])) for pick, n in ((np.min, 1), (np.max, 2)))
    bounds = _bound(start, oldest), _bound(end, newest)
    now = pd.Timestamp(moment(now or pd.Timestamp.now("UTC"))).timestamp()
    spans = _lost(engine, files, names, pieces, interval, slots)
    spans += [_everyone(len(names), newest, bounds[1], AFTER), _everyone(len(names), *bounds, BASE)]
    if abs(now - newest) < 3600:  # the log is being written: its end is too new to have been delivered
        spans.append(_everyone(len(names), int(now) - LAG, bounds[1], PENDING))
    present = np.zeros(len(names), bool)
    for code, first, last, _bit in pieces:
        present[code[(last > bounds[0]) & (first < bounds[1])]] = True
    there = snapshot is None or np.isin(names, list(snapshot.interfaces))
    parts = []
    for part in parts_of([*pieces, *spans], len(names)):
        part = [(code, first.clip(*bounds), last.clip(*bounds), bit) for code, first, last, bit in part]
        code, first, last, bits = sweep(part)
        state = _states(code, first, last, bits, interval, regular & there)
        parts.append(merged(*(column[present[code]] for column in (code, first, last, state))))
    code, first, last, state = (np.concatenate(column) for column in zip(*parts, strict=True))
    made = {"interface_id": names.take(code), "start": utc(first), "end": utc(last)}
    table = pd.DataFrame(made).assign(state=pd.array(STATES, dtype="str").take(state), interval=interval[code])
    table.attrs = attrs
    return table


def covered_share(coverage: pd.DataFrame, interface_id=None, start=None, end=None) -> float | None:
    """Return the share of interface time that is certain (OK or NODATA), between 0 and 1. Of `interface_id` (default:
    all) between `start` and `end` (default: the whole time). Time outside an interface's life does not count; None
    where nothing is left, or where the log cannot be judged."""
    own = coverage if interface_id is None else coverage[coverage.interface_id == interface_id]
    own = own[own.state != "OUTSIDE"]
    first = seconds(own.start).clip(lower=_bound(start, -(2**62)))
    last = seconds(own.end).clip(upper=_bound(end, 2**62))
    span = (last - first).clip(lower=0)
    return float(span[own.state.isin(CERTAIN)].sum() / span.sum()) if span.sum() else None


def coverage_text(coverage: pd.DataFrame, files: pd.DataFrame | None = None, say: Callable = filled) -> str:
    """Return one line: the share of interface time that is covered, then what is missing, how long and on how many.
    With the table of source `files`, also how many lines and files could not be read; `say` fills the sentences. A
    duration is time on the clock, however many interfaces it concerns: 5 min not delivered, on 11 interfaces."""
    if coverage.empty:
        return say("Log coverage cannot be judged: {why}", why=say(coverage.attrs["unjudged"]))
    words = {
        "{time} with skipped records, on {n:interface}": SKIPPED,
        "{time} not delivered, on {n:interface}": ("NOT_DELIVERED",),
        "{time} without any record, on {n:interface}": ("SILENT",),
        "{time} too new to be delivered, on {n:interface}": ("PENDING",),
    }
    lacks = {what: coverage[coverage.state.isin(states)] for what, states in words.items()}
    times = [(clock_time(some), what, some.interface_id.nunique()) for what, some in lacks.items() if len(some)]
    parts = [(time, say(what, time=duration(time), n=count)) for time, what, count in times]
    ranked = [text for _time, text in sorted(parts, reverse=True)]
    if files is not None and len(files):
        wrong = {"{n:malformed line}": files.malformed.sum(), "{n:damaged file}": files.damage.notna().sum()}
        ranked += [say(noun, n=number) for noun, number in wrong.items() if number]
    return "; ".join([say("Log coverage {share}", share=percent(covered_share(coverage))), *ranked])


def clock_time(intervals: pd.DataFrame) -> int:
    """Return the seconds that at least one of `intervals` (start, end) covers."""
    first, last = seconds(intervals.start).to_numpy(), seconds(intervals.end).to_numpy()
    _code, first, last, _bits = sweep([(np.zeros(len(first), int), first, last, 1)])
    return int((last - first).sum())


def duration(time: float | pd.Timedelta) -> str:
    """Return a time in words: 45 s, 36 min, 4 h 12 min, 2 d 3 h. Numbers are seconds."""
    return " ".join(f"{number} {unit}" for number, unit in spans(time))


def spans(time: float | pd.Timedelta) -> list[tuple[int, str]]:
    """Return the numbers and units of `duration`."""
    whole = int(time.total_seconds() if isinstance(time, pd.Timedelta) else time)
    if whole < 120:
        return [(whole, "s")]
    hours, minutes = divmod(round(whole / 60), 60)
    if hours < 2:
        return [(60 * hours + minutes, "min")]
    parts = [(hours // 24, "d"), (hours % 24, "h")] if hours >= 48 else [(hours, "h"), (minutes, "min")]
    return [part for part in parts if part[0]]


def _lost(engine, files, names, pieces, interval, slots) -> list:
    """Return time without delivery as pieces: a flow log's missing slots, and holes that all interfaces share."""
    first, last = (np.concatenate([piece[edge] for piece in pieces]) for edge in (1, 2))
    order = np.argsort(first)
    first, last = first[order][1:], np.maximum.accumulate(last[order])[:-1]
    hole = first - last >= SILENT_AFTER * interval.max()
    regular = steady(slots.max(), hole.sum())
    edges = zip(last[hole], first[hole], strict=True)
    spans = [_everyone(len(names), a, b, LOST) for a, b in edges if regular]
    for log, ranges in missing_slots(files).groupby("flow_log_id"):
        codes = np.arange(len(names))
        if files.flow_log_id.nunique() > 1:  # only the interfaces that this one holds records of
            engine.put("own_files", files.loc[files.flow_log_id == log, ["file_id"]].astype("int64"))
            owners = "SELECT DISTINCT interface_id FROM flows WHERE file_id IN (SELECT file_id FROM own_files)"
            codes = np.flatnonzero(np.isin(names, engine.answer(owners).interface_id))
        who = np.repeat(codes, len(ranges))
        starts, ends = (np.tile(seconds(ranges[edge]), len(codes)) for edge in ("start", "end"))
        # A file holds the records that end in its slot: the first of them began up to an interval before.
        spans.append((who, starts + 60 - interval[who], ends, LOST))
    return spans


def missing_slots(files: pd.DataFrame | None) -> pd.DataFrame:
    """Return the time for which a flow log delivered no file, or a damaged one, between others: one row a range.
    ``flow_log_id``, ``start``, ``end`` (UTC; the slots of five minutes of AWS's file names). A flow log in whose files
    more than one in four is followed by a hole has no steady rhythm and is left out."""
    made = [pd.DataFrame({"flow_log_id": pd.Series(dtype="str"), "start": utc([]), "end": utc([])})]
    files = pd.DataFrame(files).reindex(columns=["flow_log_id", "slot", "damage", "refusal"])
    for log, own in files.dropna(subset=["flow_log_id", "slot"]).groupby("flow_log_id"):
        due = np.unique(seconds(own.slot))
        hole = np.flatnonzero(np.diff(due) > SLOT)
        if len(hole) > len(due) / 4:
            continue
        bad = seconds(own.slot[own.damage.notna() | own.refusal.notna()])
        start, end = np.append(due[hole] + SLOT, bad), np.append(due[hole + 1], bad + SLOT)
        none = np.zeros(len(start), int)
        _code, start, end, _same = merged(*sweep([(none, start, end, 1)]))
        made.append(pd.DataFrame({"flow_log_id": log, "start": utc(start), "end": utc(end)}))
    return pd.concat(made[1:] or made, ignore_index=True)


def _states(code, first, last, bits, interval, expected) -> np.ndarray:
    """Return each segment's state: what its records say, or, where there are none, what their lack means. `expected`:
    of each interface, whether it must have gone on reporting after its last record."""
    state = np.select([bits & bit > 0 for bit in (MIXED, SKIP, SEEN, NODATA)], [4, 3, 2, 1], 0)
    before, after = _neighbours(code, state), _neighbours(code[::-1], state[::-1])[::-1]
    width, own = last - first, interval[code]
    long = width >= SILENT_AFTER * own
    lead, trail = before == 0, after == 0
    lives = ~lead & (~trail | expected[code])
    beside = [(before == kind) | (after == kind) for kind in (2, 1)]
    near = np.select(beside, [2, 1], np.maximum(before, after))
    lost = (bits & LOST > 0) & (width >= 0.9 * own) & lives
    outside = long & (~lives | (bits & AFTER > 0))
    verdicts = [state > 0, trail & (bits & PENDING > 0), outside, lost, long]
    return np.select(verdicts, [state, 7, 8, 6, 5], near).astype(np.int8)


def _neighbours(code, state) -> np.ndarray:
    """Return the state of the nearest earlier segment of the same interface that has one; 0 where there is none."""
    where = np.maximum.accumulate(np.where(state > 0, np.arange(len(state)), -1))
    return np.where((where >= 0) & (code[where] == code), state[where], 0)


def _everyone(count: int, first, last, bit: int) -> tuple:
    return np.arange(count), np.full(count, first, "int64"), np.full(count, last, "int64"), bit


def _bound(value, default: int) -> int:
    """Return a time as the loader takes it (ISO 8601, relative or a datetime) in seconds since 1970, or `default`."""
    return int(default if pd.isna(value) else pd.Timestamp(moment(value)).timestamp())
