"""How much of the time a log speaks for, interface by interface.

A flow log is silent in more than one way. NODATA says that there was no traffic, SKIPDATA that AWS skipped
records, and nothing at all may mean a lost file, a broken flow log or an interface that was not there yet.
`coverage` tells them apart and gives every second of every interface exactly one state:

- ``OK``: records, and nothing says that any were skipped
- ``OK+SKIP``: records beside a SKIPDATA record: every total of that time is a lower bound
- ``SKIPDATA``: AWS skipped records and none came
- ``NODATA``: AWS says that there was no traffic
- ``SILENT``: no record of any status for three aggregation intervals and more, while others report
- ``NOT_DELIVERED``: a file is missing between files that came, or every interface is silent at once
- ``PENDING``: too new to have been delivered
- ``OUTSIDE``: before an interface's first record or after its last: not in scope

Windows are learnt from the records: real ones neither tile nor stay disjoint, a flow may span only a part of
its window, a SKIPDATA record may start when it ends, and nothing comes in order.
https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (start, end, log-status)
"""

from itertools import pairwise

import ibis
import numpy as np
import pandas as pd
from ibis import _

from flowkit.loading.window import moment

#: States that make a second certain: what the log says of it is all there was.
CERTAIN = ("OK", "NODATA")
#: States in which records may be missing.
GAPS = ("OK+SKIP", "SKIPDATA", "SILENT", "NOT_DELIVERED", "PENDING")
#: Aggregation intervals without any record that make an interface silent.
SILENT_AFTER = 3
#: Seconds that a file of S3 holds: AWS publishes every five minutes.
#: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html
SLOT = 300
#: Seconds that delivery may take: about 10 minutes to S3, best effort.
LAG = 900
#: Pieces of time that are worked on at once: what interfaces need more memory takes its turn.
PART = 1_000_000

# What a piece of time is known by, as bits; the states of evidence by rank, the strongest last.
NODATA, SEEN, SKIP, MIXED, LOST, PENDING, AFTER, BASE = (1 << bit for bit in range(8))
STATES = pd.array(
    ["", "NODATA", "OK", "SKIPDATA", "OK+SKIP", "SILENT", "NOT_DELIVERED", "PENDING", "OUTSIDE"], dtype="str"
)


def coverage(flows, files=None, start=None, end=None, snapshot=None, now=None) -> pd.DataFrame:
    """What each interface's time is known by: one row a run of one state, which tile its time exactly once.

    Columns: interface_id; start, end (UTC); state (see the module); interval (seconds, the aggregation
    interval learnt for the interface: 60 or 600). Sorted by interface and start.

    `files` is `flowkit.inventory`'s table: its slots tell a missing file. `start` and `end` bound the time
    (by default the first and last moment in the log), `snapshot` tells a deleted interface from a silent
    one, `now` (by default the clock) which time is too new to have been delivered.

    A log without interface-id, log-status, start or end cannot be judged: the table is empty, and its
    ``attrs["unjudged"]`` says why. ``attrs["action"]`` is ACCEPT or REJECT where the log holds no other:
    there NODATA only says that nothing of that kind was seen.
    """
    cells = pd.DataFrame({"interface_id": pd.Series(dtype="str"), "start": _utc([]), "end": _utc([])})
    cells = cells.assign(state=pd.Series(dtype="str"), interval=pd.Series(dtype="int64"))
    facts = _facts(flows)
    cells.attrs = {"unjudged": _unjudged(facts), "action": _only_action(facts)}
    if cells.attrs["unjudged"]:
        return cells
    names = pd.Index(facts.interface_id[facts.timed > 0].dropna().astype("str")).sort_values()
    seen, skips, learnt = _learn(runs_of(flows, names).execute(), len(names))
    pieces = [*seen, *_skips(flows, skips, names, learnt)]
    oldest, newest = (pick(np.concatenate([p[n] for p in pieces])) for pick, n in ((np.min, 1), (np.max, 2)))
    bounds = _bound(start, oldest), _bound(end, newest)
    spans = _lost(flows, files, names, pieces, learnt) + _ahead(newest, bounds, now, len(names))
    spans.append(_everyone(len(names), *bounds, BASE))
    known = np.zeros(len(names), bool)
    for code, first, last, _bit in pieces:
        known[code[(last > bounds[0]) & (first < bounds[1])]] = True
    stays = np.ones(len(names), bool) if snapshot is None else np.isin(names, list(snapshot.interfaces))
    parts = [
        _runs(_judge(_sweep([_clip(piece, *bounds) for piece in part]), learnt, stays), known)
        for part in _parts([*pieces, *spans], len(names))
    ]
    del seen, pieces
    code, first, last, state = (np.concatenate(column) for column in zip(*parts, strict=True))
    made = pd.DataFrame({"interface_id": names.take(code), "start": _utc(first), "end": _utc(last)})
    made = made.assign(state=STATES.take(state), interval=learnt["interval"][code])
    made.attrs = cells.attrs
    return made


def covered_share(cells, interface_id=None, start=None, end=None) -> float | None:
    """The share of interface time that is certain (OK or NODATA), between 0 and 1.

    Of `interface_id` (default: all) between `start` and `end` (default: the whole time). Time outside an
    interface's life does not count; None where nothing is left, or where the log cannot be judged.
    """
    if interface_id is not None:
        cells = cells[cells.interface_id == interface_id]
    cells = cells[cells.state != "OUTSIDE"]
    first = cells.start if start is None else cells.start.clip(lower=_moment(start))
    last = cells.end if end is None else cells.end.clip(upper=_moment(end))
    seconds = (last - first).dt.total_seconds().clip(lower=0)
    if not seconds.sum():
        return None
    return float(seconds[cells.state.isin(CERTAIN)].sum() / seconds.sum())


def runs_of(flows, names) -> ibis.Table:
    """Unbroken runs of records of one kind at an interface, merged in the engine.

    Columns: code (of the interface in `names`), kind (NODATA, SEEN or SKIP), start, end (seconds since 1970),
    slots (windows, or minutes with a flow, in it), long (those with a record of more than 90 s). A SKIPDATA record
    is a run of its own. Runs never bridge more than 45 s, so that no window of another kind is swallowed.
    """
    status = flows.log_status
    codes = pd.DataFrame({"interface_id": names, "code": np.arange(len(names), dtype="int32")})
    codes = ibis.memtable(codes, schema={"interface_id": "string", "code": "int32"})
    rows = flows.select(
        interface_id=flows.interface_id.coalesce(flows.resource_id),
        kind=ibis.cases((status == "NODATA", NODATA), (status == "SKIPDATA", SKIP), else_=SEEN),
        start=flows.start,
        end=ibis.greatest(flows.start, flows.end),
    ).filter(lambda t: t.start.notnull() & t.end.notnull())
    rows = rows.inner_join(codes, "interface_id")
    slot = (rows.kind == SEEN).ifelse(rows.start - rows.start % 60, rows.start)
    slots = rows.group_by(rows.code, rows.kind, slot=slot).agg(
        start=rows.start.min(), end=rows.end.max(), longest=(rows.end - rows.start).max()
    )
    before = ibis.window(group_by=["code", "kind"], order_by=["start", "slot"], preceding=(None, 1))
    reach = slots.end.max().over(before) + 45
    opens = (reach.isnull() | (slots.start > reach) | (slots.kind == SKIP)).ifelse(1, 0)
    slots = slots.mutate(opens=opens)
    upto = ibis.window(group_by=["code", "kind"], order_by=["start", "slot"], following=0)
    slots = slots.mutate(run=slots.opens.sum().over(upto))
    runs = slots.group_by("code", "kind", "run").agg(
        start=slots.start.min(),
        end=slots.end.max(),
        slots=slots.count().cast("int32"),
        long=slots.count(where=slots.longest > 90).cast("int32"),
    )
    return runs.drop("run")


def _facts(flows) -> pd.DataFrame:
    """How many records of each interface hold which fields, and which actions."""
    counts = {name: flows[name].count() for name in ("start", "end", "log_status", "action")}
    owners = flows.group_by(interface_id=flows.interface_id.coalesce(flows.resource_id))
    timed, accepts = _.start.notnull() & _.end.notnull(), (_.action == "ACCEPT").fill_null(False)
    return owners.agg(timed=_.count(where=timed), accepts=_.count(where=accepts), **counts).execute()


def _unjudged(facts) -> str | None:
    if facts.empty:
        return "the log holds no record in this window"
    lacking = [name for name in ("interface_id", "log_status", "start", "end") if not facts[name].any()]
    if not lacking:
        return None
    fields = " and ".join(name.replace("_", "-") for name in lacking)
    return f"the log lacks {fields}, without which skipped and missing records leave no trace"


def _only_action(facts) -> str | None:
    accepts, actions = facts.accepts.sum(), facts.action.sum()
    if not actions or 0 < accepts < actions:
        return None
    return "ACCEPT" if accepts else "REJECT"


def _learn(runs, count) -> tuple[list, pd.DataFrame, dict]:
    """`runs` as pieces, SKIPDATA as rows, and per interface: its interval, the slots it filled, whether it is steady.

    AWS has two intervals, 60 s and 600 s. The longer one shows in records that last longer than 90 s, or in
    holes that a window of 60 s cannot leave (two flows in neighbouring windows are less than 120 s apart).
    """
    slots, long = (np.bincount(runs.code, runs[name], count).astype("int64") for name in ("slots", "long"))
    skips = runs[runs.kind == SKIP].sort_values(["code", "start", "end"], ignore_index=True)
    seen = [_pieces(runs[["code", "start", "end"]][runs.kind == kind], kind) for kind in (NODATA, SEEN)]
    parts = _parts([*seen, _pieces(skips, SKIP)], count)
    code, width = (np.concatenate(column) for column in zip(*map(_holes, parts), strict=True))
    wide = np.bincount(code, minlength=count)
    interval = np.where((long > 0.1 * slots) | (wide > 0.1 * slots), 600, 60)
    enough = slots >= 5
    common = 600 if slots[enough & (interval == 600)].sum() > slots[enough & (interval == 60)].sum() else 60
    if enough.any():
        interval = np.where(enough, interval, common)
    silent = np.bincount(code[width >= SILENT_AFTER * interval[code]], minlength=count)
    return seen, skips, {"interval": interval, "slots": slots, "steady": steady(slots, silent)}


def _holes(pieces) -> tuple:
    """Code and length of the time of more than 120 s between two `pieces` of an interface that none covers."""
    code, first, last, bits = _sweep(pieces, holes=True)
    keep = (bits == 0) & (last - first > 120)
    return code[keep], (last - first)[keep]


def steady(slots, silences):
    """Whether so few silences among so many filled slots mean that silence is not how it reports."""
    return (slots >= 10) & (silences <= 1 + 0.05 * slots)


def _skips(flows, skips, names, learnt) -> list:
    """SKIPDATA windows as pieces, those with flows in them apart; an empty one gets its interval."""
    if skips.empty:
        return []
    skips["interface_id"] = names.take(skips.code)
    empty = skips.end <= skips.start
    skips.loc[empty, "end"] = skips.start[empty] + learnt["interval"][skips.code[empty]]
    mixed = skips.index.isin(_with_records(flows, skips))
    return [_pieces(skips[~mixed], SKIP), _pieces(skips[mixed], MIXED)]


def _with_records(flows, skips) -> np.ndarray:
    """The index of the `skips` in which the middle of at least one flow of the same interface lies."""
    minutes = (skips.end - 1) // 60 - skips.start // 60 + 1
    number = np.repeat(skips.index, minutes)
    step = np.arange(len(number)) - np.repeat(minutes.cumsum() - minutes, minutes).to_numpy()
    windows = pd.DataFrame({"number": number, "minute": skips.start.to_numpy()[number] // 60 + step})
    windows = ibis.memtable(
        windows.assign(
            owner=skips.interface_id.to_numpy()[number],
            opens=skips.start.to_numpy()[number],
            shuts=skips.end.to_numpy()[number],
        )
    )
    rows = flows.filter((flows.log_status == "OK") | flows.log_status.isnull())
    rows = rows.select(
        owner=rows.interface_id.coalesce(rows.resource_id), middle=(rows.start + rows.end) // 2
    ).mutate(minute=lambda t: t.middle // 60)
    hits = rows.inner_join(windows, ["owner", "minute"])
    hits = hits.filter((hits.middle >= hits.opens) & (hits.middle < hits.shuts))
    return hits.select("number").distinct().execute().number.to_numpy()


def _lost(flows, files, names, pieces, learnt) -> list:
    """Spans without delivery: a flow log's missing slots, and holes that all interfaces share."""
    first, last = (np.concatenate([piece[edge] for piece in pieces]) for edge in (1, 2))
    order = np.argsort(first)
    first, last = first[order][1:], np.maximum.accumulate(last[order])[:-1]
    hole = first - last >= SILENT_AFTER * learnt["interval"].max()
    regular = steady(learnt["slots"].max(), hole.sum())
    spans = [
        _everyone(len(names), a, b, LOST) for a, b in zip(last[hole], first[hole], strict=True) if regular
    ]
    missing = missing_slots(files)
    for log, slots in missing.groupby("flow_log_id"):
        codes = np.flatnonzero(_logged_by(flows, files, log, names))
        ends = slots.slot.to_numpy(dtype="datetime64[s]").astype("int64")
        who, at = np.repeat(codes, len(ends)), np.tile(ends, len(codes))
        spans.append((who, at + 60 - learnt["interval"][who], at + SLOT, LOST))
    return spans


def missing_slots(files) -> pd.DataFrame:
    """The five-minute slots in which a flow log delivered no file, or a damaged one, between others.

    Columns: flow_log_id, slot (UTC). Read from AWS's file names in the table of `flowkit.inventory`; a flow
    log that fills fewer than three slots in four has no steady rhythm and is left out.
    """
    missing = [pd.DataFrame({"flow_log_id": pd.Series(dtype="str"), "slot": _utc([])})]
    files = pd.DataFrame(files).reindex(columns=["flow_log_id", "slot", "damage", "refusal"])
    for log, own in files.dropna(subset=["flow_log_id", "slot"]).groupby("flow_log_id"):
        due = pd.date_range(own.slot.min(), own.slot.max(), freq=f"{SLOT}s")
        gone = due.difference(own.slot)
        if len(gone) <= len(due) / 4:
            gone = gone.union(own.slot[own.damage.notna() | own.refusal.notna()])
            missing.append(pd.DataFrame({"flow_log_id": log, "slot": gone}))
    return pd.concat(missing[1:] or missing, ignore_index=True)


def _logged_by(flows, files, log, names) -> np.ndarray:
    """For each of `names`, whether the flow log `log` holds records of it."""
    if files.flow_log_id.nunique() == 1:
        return np.ones(len(names), bool)
    own = ibis.memtable(files.loc[files.flow_log_id == log, ["file_id"]].astype("int64"))
    rows = flows.select(
        owner=flows.interface_id.coalesce(flows.resource_id), file_id=flows.file_id
    ).distinct()
    return np.isin(names, rows.semi_join(own, "file_id").select("owner").distinct().execute().owner)


def _ahead(newest, bounds, now, count) -> list:
    """Time after the newest record, and, where the log is being written now, time too new to be delivered."""
    now = _moment(now or pd.Timestamp.now("UTC")).timestamp()
    live = abs(now - newest) < 3600
    spans = [_everyone(count, newest, bounds[1], AFTER)]
    return [*spans, _everyone(count, int(now) - LAG, bounds[1], PENDING)] if live else spans


def _judge(segments, learnt, stays) -> tuple:
    """Each segment's state: what its records say, or, where there are none, what their lack means."""
    code, first, last, bits = segments
    state = np.select([bits & bit > 0 for bit in (MIXED, SKIP, SEEN, NODATA)], [4, 3, 2, 1], 0)
    before, after = _neighbours(code, state), _neighbours(code[::-1], state[::-1])[::-1]
    width, interval = last - first, learnt["interval"][code]
    long = width >= SILENT_AFTER * interval
    lead, trail = before == 0, after == 0
    lives = ~lead & (~trail | (learnt["steady"] & stays)[code])
    beside = [(before == kind) | (after == kind) for kind in (2, 1)]
    near = np.select(beside, [2, 1], np.maximum(before, after))
    lost = (bits & LOST > 0) & (width >= 0.9 * interval) & lives
    outside = long & (~lives | (bits & AFTER > 0))
    verdicts = [state > 0, trail & (bits & PENDING > 0), outside, lost, long]
    return code, first, last, np.select(verdicts, [state, 7, 8, 6, 5], near).astype(np.int8)


def _neighbours(code, state) -> np.ndarray:
    """The state of the nearest earlier segment of the same interface that has one; 0 where there is none."""
    where = np.maximum.accumulate(np.where(state > 0, np.arange(len(state)), -1))
    return np.where((where >= 0) & (code[where] == code), state[where], 0)


def _parts(pieces, count) -> list:
    """`pieces` apart by interface, about `PART` of them at a time."""
    edges = np.linspace(0, count, sum(len(piece[0]) for piece in pieces) // PART + 2).astype(int)
    for low, high in pairwise(edges):
        here = [(piece[0] >= low) & (piece[0] < high) for piece in pieces]
        yield [
            (*(column[keep] for column in piece[:3]), piece[3])
            for piece, keep in zip(pieces, here, strict=True)
        ]


def _sweep(pieces, holes=False) -> tuple:
    """Elementary segments (code, first, last, bits) of overlapping pieces; bits = all that cover the segment.

    With `holes`, also those between two pieces of one code that none covers (bits 0).
    """
    code = np.concatenate([p[0] for p in pieces for _ in (1, 2)])
    time = np.concatenate([edge for p in pieces for edge in p[1:3]])
    step = np.concatenate([np.full(len(p[0]), sign, np.int8) for p in pieces for sign in (1, -1)])
    kind = np.concatenate([np.full(len(p[0]), p[3], np.int16) for p in pieces for _ in (1, 2)])
    order = np.lexsort((time, code))
    code, time, step, kind = code[order], time[order], step[order], kind[order]
    bits = np.zeros(len(code), np.int16)
    for bit in np.unique(kind):
        bits |= np.where(np.cumsum(np.where(kind == bit, step, 0), dtype=np.int32) > 0, bit, 0).astype(
            np.int16
        )
    keep = np.flatnonzero((code[1:] == code[:-1]) & (time[1:] > time[:-1]) & (holes | (bits[:-1] > 0)))
    return code[keep], time[keep], time[keep + 1], bits[keep]


def _runs(judged, known) -> tuple:
    """Neighbouring segments of one interface and state as one."""
    code, first, last, state = (column[known[judged[0]]] for column in judged)
    changes = (code[1:] != code[:-1]) | (state[1:] != state[:-1])
    opens, shuts = (np.ones(len(code), bool) for _ in (1, 2))
    opens[1:], shuts[:-1] = changes, changes
    return code[opens], first[opens], last[shuts], state[opens]


def _pieces(runs, bit) -> tuple:
    """Runs as arrays (code, first, last, bit); a record of one second covers that second."""
    first = runs.start.to_numpy("int64")
    return runs.code.to_numpy(), first, np.maximum(runs.end.to_numpy("int64"), first + 1), bit


def _everyone(count, first, last, bit) -> tuple:
    return np.arange(count), np.full(count, first, "int64"), np.full(count, last, "int64"), bit


def _clip(piece, first, last) -> tuple:
    """`piece` between `first` and `last`; what lies wholly outside is left out."""
    code, start, end, bit = piece
    start, end = np.maximum(start, first), np.minimum(end, last)
    keep = end > start
    return code[keep], start[keep], end[keep], bit


def _bound(value, default) -> int:
    return int(default if value is None else _moment(value).timestamp())


def _moment(value) -> pd.Timestamp:
    """A time as the loader takes it: ISO 8601, relative (`-24h`) or a datetime, in UTC."""
    return pd.Timestamp(moment(value))


def _utc(seconds) -> pd.Series:
    return pd.Series(np.asarray(seconds, "int64").astype("datetime64[s]")).dt.tz_localize("UTC")
