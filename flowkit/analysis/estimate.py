"""How much a log's gaps probably hid, judged by the certain windows around them, and how good that judgement is.

In: the flows table, the cells of `flowkit.analysis.coverage` and the gaps of `flowkit.analysis.gaps`. Out: per
gap a band for records, bytes and refused records, and how often such a band held what known windows held.
Estimates are never added to a total.

A missing window is compared with the six certain windows before it and the six after it, and, where the log
spans weeks, with those around the same time of the week. The band holds the next value of an exchangeable
series in at least 80 % of cases, because the ranks are rounded outward (https://arxiv.org/abs/1604.04173).
Skips happen at peaks, which neighbours do not show: `at_peak` says what would be missing there.
"""

import ibis
import numpy as np
import pandas as pd

from flowkit.analysis.coverage import CERTAIN, SLOT, missing_slots
from flowkit.analysis.missed import bridged, seconds, skip_records, typed

MEASURES = ("records", "bytes", "rejects")
NEIGHBOURS = 6
WEEK = 7 * 86400
#: The busiest tenth of an interface's windows is back-tested apart: skips happen there.
BUSY = 0.9


def series_of(flows, cells, gaps) -> dict:
    """What was logged window by window, per interface with a gap (key ``""``: all together, for shared gaps).

    Each a DataFrame, one row a window of an aggregation interval: start (seconds since 1970), records, bytes,
    rejects (refused records), certain (whether the log speaks for the whole window).
    """
    grids = gaps.assign(owner=gaps.interface_id.fillna(""), first=seconds(gaps.start))
    grids = grids.groupby("owner", as_index=False).agg(interval=("interval", "max"), first=("first", "min"))
    grids["phase"] = grids["first"] % grids.interval
    counts = dict(list(_counts(flows, grids).groupby("owner"))) if len(grids) else {}
    alive = cells[cells.state != "OUTSIDE"]
    lives = dict(list(alive.groupby("interface_id")))
    shared = gaps[gaps.interface_id.isna()]
    made = {}
    for owner, interval, _first, phase in grids.itertuples(index=False):
        life = lives.get(owner, alive)
        gone = life[~life.state.isin(CERTAIN)] if owner else shared
        made[owner] = _series(life, gone, counts.get(owner), interval, phase)
    return made


def losses(flows, cells, gaps, estimates, known, files=None) -> pd.DataFrame:
    """The `gaps` with all that can be said of what they hid, a row each.

    Adds to the columns of `gaps`: records and samples (its SKIPDATA records, and three of them as lines), slots
    (five-minute files missing in it), recovered (records that the other end logged, by `known`, which is
    `recovered_rows`), bridged (flows that ran on across it), and from `estimates` (of records): windows,
    observed, low, median, high, at_peak, load.
    """
    slots = seconds(missing_slots(files).slot.drop_duplicates()).to_numpy()
    edges = zip(seconds(gaps.start), seconds(gaps.end), strict=True)
    skips = skip_records(flows, gaps).set_index("gap")
    across = cells[cells.state.isin(["SKIPDATA", "SILENT"])].reset_index(drop=True)
    cut = bridged(flows, across).merge(across[["start"]], left_on="gap", right_index=True)
    within = [
        cut.start.between(gap.start, gap.end) & (cut.interface_id == gap.interface_id)
        for gap in gaps.itertuples()
    ]
    of_records = estimates[estimates.measure == "records"].set_index("gap")
    return gaps.assign(
        records=skips.records.reindex(gaps.index, fill_value=0),
        samples=[skips.samples.get(number, ()) for number in gaps.index],
        slots=[((slots + SLOT > first) & (slots < last)).sum() for first, last in edges],
        recovered=known.groupby("gap").in_gap.first().reindex(gaps.index, fill_value=0),
        bridged=[int(rows.sum()) for rows in within],
    ).join(of_records[["windows", "observed", "low", "median", "high", "at_peak", "load"]])


def estimate(series, gaps) -> pd.DataFrame:
    """What each gap probably hid: one row a gap and measure, by gap.

    Columns: gap (row of `gaps`), interface_id, measure (records, bytes, rejects), windows (uncertain ones),
    observed (in them), low, median, high (the band of what is missing), at_peak (what would be missing if every
    window was as busy as the busiest nearby, or as the busiest 5 % of the interface's), references (certain
    windows compared with; where there are none, the band is null), load (the share of the interface's certain
    windows that were less busy than those around the gap: towards 1, the gap lies at a peak).
    """
    rows = []
    for number, gap in enumerate(gaps.itertuples()):
        own = series["" if pd.isna(gap.interface_id) else gap.interface_id]
        middle = own.start + gap.interval / 2
        inside = (middle >= gap.start.timestamp()) & (middle < gap.end.timestamp())
        where = np.flatnonzero(inside & ~own.certain)
        for measure in MEASURES:
            rows.append((number, gap.interface_id, measure, *_missing(own, measure, where, gap.interval)))
    names = ["gap", "interface_id", "measure", "windows", "observed", "low", "median", "high", "at_peak"]
    types = {"gap": "int64", "windows": "int64", "references": "int64"} | dict.fromkeys(
        [*names[4:], "load"], float
    )
    return pd.DataFrame(rows, columns=[*names, "references", "load"]).astype(types)


def backtest(series, gaps, windows=400) -> pd.DataFrame:
    """How often the band held what a known window held, when that window was hidden.

    One row a measure and kind of window (ordinary, or busiest: the busiest tenth of an interface's windows by
    records): measure, kind, tested, held, rate (held of tested), below (the value lay above the band). About
    `windows` of each kind, evenly spread; each is hidden with as many around it as the interface's gaps have.
    """
    tests = []
    for owner, own in series.items():
        mine = gaps[gaps.interface_id.isna() if owner == "" else gaps.interface_id == owner]
        hidden = int(((mine.end - mine.start).dt.total_seconds() / mine.interval).median() // 2)
        certain = np.flatnonzero(own.certain)
        busy = own.records.to_numpy()[certain]
        busiest = (busy >= np.quantile(busy, BUSY)) & (busy > 0) if len(busy) else busy > 0
        for kind, where in (("ordinary", certain[~busiest]), ("busiest", certain[busiest])):
            count = min(len(where), max(5, windows // len(series)))
            where = where[np.linspace(0, len(where) - 1, count).astype(int)]
            for measure in MEASURES:
                value = own[measure].to_numpy(float)
                low, _middle, high, _top, _count = _band(
                    _references(own, measure, where, mine.interval.max(), hidden)
                )
                tests.append(
                    (
                        measure,
                        kind,
                        count,
                        (value[where] >= low) & (value[where] <= high),
                        value[where] > high,
                    )
                )
    rows = [(measure, kind, count, held.sum(), above.sum()) for measure, kind, count, held, above in tests]
    rows = pd.DataFrame(rows, columns=["measure", "kind", "tested", "held", "below"])
    rows = rows.groupby(["measure", "kind"], as_index=False).sum()
    rows = rows.assign(rate=rows.held / rows.tested.where(rows.tested > 0))
    return rows.sort_values(["measure", "kind"], ascending=False, ignore_index=True)


def _counts(flows, grids) -> pd.DataFrame:
    """Records, bytes and refused records an owner and window (owner, start), counted in the engine."""
    rows = flows.filter((flows.log_status.fill_null("OK") == "OK") & flows.start.notnull())
    rows = rows.select(
        owner=rows.interface_id.coalesce(rows.resource_id),
        middle=(rows.start + rows.end.fill_null(rows.start)) // 2,
        bytes=rows.bytes.fill_null(0),
        reject=(rows.action == "REJECT").ifelse(1, 0),
    )
    if (grids.owner == "").any():
        rows = rows.union(rows.mutate(owner=ibis.literal("")))
    rows = rows.inner_join(typed(grids[["owner", "interval", "phase"]]), "owner")
    start = rows.middle - (rows.middle - rows.phase) % rows.interval
    counts = rows.group_by("owner", start=start)
    return counts.agg(records=rows.count(), bytes=rows.bytes.sum(), rejects=rows.reject.sum()).execute()


def _series(life, gone, counts, interval, phase) -> pd.DataFrame:
    """The windows of one owner between the edges of its `life`, those that `gone` takes a part of uncertain."""
    first, last = seconds(life.start).min(), seconds(life.end).max()
    start = np.arange(first - (first - phase) % interval, last, interval)
    own = pd.DataFrame({"start": start, **dict.fromkeys(MEASURES, 0)})
    if counts is not None:
        own = counts.set_index("start")[list(MEASURES)].reindex(start, fill_value=0).reset_index()
    edges = np.column_stack([seconds(gone.start), seconds(gone.end)]).ravel()
    lost = np.repeat((seconds(gone.end) - seconds(gone.start)).cumsum().to_numpy(), 2)
    lost[::2] = np.concatenate([[0], lost[1:-1:2]])[: len(lost) // 2]
    part = np.diff(np.interp([start, start + interval], edges, lost), axis=0)[0] if len(gone) else 0
    return own.assign(certain=(part < interval / 4) & (start >= first) & (start + interval <= last))


def _missing(own, measure, where, interval) -> tuple:
    """Windows, observed, low, median, high, at_peak, references and load of the windows at `where`."""
    value, certain = own[measure].to_numpy(float), own.certain.to_numpy()
    low, middle, high, top, count = _band(_references(own, measure, where, interval, 0))
    peak = np.fmax(top, np.quantile(value[certain], 0.95) if certain.any() else np.nan)
    band = [
        np.maximum(edge - value[where], 0).sum() if len(where) else np.nan
        for edge in (low, middle, high, peak)
    ]
    known = np.sort(value[certain])
    rank = [np.searchsorted(known, middle, side) / max(len(known), 1) for side in ("left", "right")]
    load = np.mean(rank) if len(where) and count.min() else np.nan
    return (len(where), value[where].sum(), *band, count.min() if len(where) else 0, load)


def _references(own, measure, where, interval, hidden) -> np.ndarray:
    """For each window at `where` (rows) what the certain windows around it held, null where there are fewer."""
    value = np.where(own.certain, own[measure], np.nan).astype(float)
    certain = np.append(np.flatnonzero(own.certain), -1)
    step, last = np.arange(NEIGHBOURS), len(certain) - 1
    before = np.searchsorted(certain[:-1], where - hidden)[:, None] - 1 - step
    after = np.searchsorted(certain[:-1], where + hidden, "right")[:, None] + step
    near = np.where((before >= 0), certain[np.clip(before, -1, last)], -1)
    then = certain[np.minimum(after, last)]
    weeks = len(value) * interval // WEEK
    away = [
        k * (WEEK // interval) + np.arange(-NEIGHBOURS, NEIGHBOURS + 1) for k in range(-weeks, weeks + 1) if k
    ]
    other = where[:, None] + np.concatenate(away)[None, :] if away else np.empty((len(where), 0), int)
    other = np.where((other >= 0) & (other < len(value)), other, -1)
    return np.append(value, np.nan)[np.concatenate([near, then, other], axis=1)]


def _band(references) -> tuple:
    """Low, median, high, highest and number of the references in each row."""
    ranked = np.sort(references, axis=1)
    count = (~np.isnan(ranked)).sum(axis=1)
    line = np.arange(len(ranked))
    low = np.floor(0.1 * (count + 1)).astype(int)
    high = np.minimum(np.ceil(0.9 * (count + 1)).astype(int), count)
    pick = np.column_stack([ranked, np.full(len(ranked), np.nan)])
    top = pick[line, count - 1]
    middle = (pick[line, (count - 1) // 2] + pick[line, count // 2]) / 2
    lowest = np.where(low > 0, pick[line, low - 1], np.where(count > 0, 0, np.nan))
    return lowest, middle, pick[line, high - 1], top, count
