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
    alive = cells[cells.state != "OUTSIDE"].assign(
        first=lambda t: seconds(t.start), last=lambda t: seconds(t.end)
    )
    gone = alive[~alive.state.isin(CERTAIN)]
    edges, lost = (
        alive.groupby("interface_id").agg({"first": "min", "last": "max"}),
        dict(list(gone.groupby("interface_id"))),
    )
    shared = gaps[gaps.interface_id.isna()].assign(
        first=lambda t: seconds(t.start), last=lambda t: seconds(t.end)
    )
    made = {}
    for owner, interval, _first, phase in grids.itertuples(index=False):
        first, last = edges.loc[owner] if owner else (edges["first"].min(), edges["last"].max())
        away = lost.get(owner, gone[:0]) if owner else shared
        made[owner] = _series(first, last, away, counts.get(owner), interval, phase)
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
    cut = across.assign(flows=bridged(flows, across).gap.value_counts()).dropna(subset="flows")
    cut = gaps.reset_index().merge(cut, on="interface_id", suffixes=("", "_cut"))
    cut = cut[cut.start_cut.between(cut.start, cut.end)].groupby("index").flows.sum()
    of_records = estimates[estimates.measure == "records"].set_index("gap")
    return gaps.assign(
        records=skips.records.reindex(gaps.index, fill_value=0),
        samples=[skips.samples.get(number, ()) for number in gaps.index],
        slots=[((slots + SLOT > first) & (slots < last)).sum() for first, last in edges],
        recovered=known.groupby("gap").in_gap.first().reindex(gaps.index, fill_value=0),
        bridged=cut.reindex(gaps.index, fill_value=0).astype("int64"),
    ).join(of_records[["windows", "observed", "low", "median", "high", "at_peak", "load"]])


def estimate(series, gaps) -> pd.DataFrame:
    """What each gap probably hid: one row a gap and measure, by gap.

    Columns: gap (row of `gaps`), interface_id, measure (records, bytes, rejects), windows (uncertain ones),
    observed (in them), low, median, high (the band of what is missing), at_peak (what would be missing if every
    window was as busy as the busiest nearby, or as the busiest 5 % of the interface's), references (certain
    windows compared with; where there are none, the band is null), load (the share of the interface's certain
    windows that were less busy than those around the gap: towards 1, the gap lies at a peak).
    """
    gaps = gaps.assign(owner=gaps.interface_id.fillna(""), first=seconds(gaps.start), last=seconds(gaps.end))
    gaps["gap"] = np.arange(len(gaps))
    parts = [_missing(series[key[0]], some, key[1]) for key, some in gaps.groupby(["owner", "interval"])]
    names = [
        "gap",
        "measure",
        "windows",
        "observed",
        "low",
        "median",
        "high",
        "at_peak",
        "references",
        "load",
    ]
    made = pd.DataFrame({name: np.concatenate([part[name] for part in parts] or [[]]) for name in names})
    made = made.sort_values("gap", kind="stable", ignore_index=True)
    made.insert(1, "interface_id", gaps.interface_id.take(made.gap).to_numpy())
    return made


def backtest(series, gaps, windows=400) -> pd.DataFrame:
    """How often the band held what a known window held, when that window was hidden.

    One row a measure and kind of window (ordinary, or busiest: the busiest tenth of an interface's windows by
    records): measure, kind, tested, held, rate (held of tested), below (the value lay above the band). About
    `windows` of each kind, evenly spread; each is hidden with as many around it as the interface's gaps have.
    """
    tests = []
    length = (gaps.end - gaps.start).dt.total_seconds() / gaps.interval
    owners = gaps.assign(length=length).groupby(gaps.interface_id.fillna(""))
    owners = owners.agg(hidden=("length", "median"), interval=("interval", "max"))
    for owner, own in series.items():
        hidden, interval = int(owners.hidden[owner] // 2), owners.interval[owner]
        certain = np.flatnonzero(own.certain)
        busy = own.records.to_numpy()[certain]
        busiest = (busy >= np.quantile(busy, BUSY)) & (busy > 0) if len(busy) else busy > 0
        for kind, where in (("ordinary", certain[~busiest]), ("busiest", certain[busiest])):
            count = min(len(where), max(5, windows // len(series)))
            where = where[np.linspace(0, len(where) - 1, count).astype(int)]
            value = _held(own)[:, where]
            low, _middle, high, _top, _count = _band(_references(own, where, interval, hidden))
            held, below = ((value >= low) & (value <= high)).sum(axis=1), (value > high).sum(axis=1)
            tests += zip(MEASURES, [kind] * 3, [count] * 3, held, below, strict=True)
    rows = pd.DataFrame(tests, columns=["measure", "kind", "tested", "held", "below"])
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


def _series(first, last, gone, counts, interval, phase) -> pd.DataFrame:
    """The windows of one owner from `first` to `last`, those that `gone` takes a part of uncertain."""
    start = np.arange(first - (first - phase) % interval, last, interval)
    held = np.zeros((len(MEASURES), len(start)), "int64")
    if counts is not None:
        counts = counts[(counts.start >= start[0]) & (counts.start <= start[-1])]
        held[:, (counts.start.to_numpy() - start[0]) // interval] = counts[list(MEASURES)].to_numpy().T
    edges = gone[["first", "last"]].to_numpy().ravel()
    lost = np.repeat((edges[1::2] - edges[::2]).cumsum(), 2)
    lost[::2] = np.concatenate([[0], lost[1:-1:2]])[: len(lost) // 2]
    part = np.diff(np.interp([start, start + interval], edges, lost), axis=0)[0] if len(gone) else 0
    certain = (part < interval / 4) & (start >= first) & (start + interval <= last)
    return pd.DataFrame({"start": start, **dict(zip(MEASURES, held, strict=True)), "certain": certain})


def _held(own) -> np.ndarray:
    """What each window held, a row a measure."""
    return np.array([own[measure] for measure in MEASURES], float)


def _missing(own, gaps, interval) -> dict:
    """What `gaps` of one owner probably hid, as `estimate` says: all gaps by one measure, then by the next."""
    middle, certain = own.start.to_numpy() + interval / 2, own.certain.to_numpy()
    first, last = (np.searchsorted(middle, gaps[edge]) for edge in ("first", "last"))
    number = np.repeat(np.arange(len(gaps)), last - first)
    where = np.arange(len(number)) + np.repeat(last - (last - first).cumsum(), last - first)
    number, where = number[~certain[where]], where[~certain[where]]
    value, known = _held(own)[:, where], np.sort(_held(own)[:, certain])
    low, median, high, top, count = _band(_references(own, where, interval, 0))
    often = np.quantile(known, 0.95, axis=1) if certain.any() else np.full(len(MEASURES), np.nan)
    sides = [
        [np.searchsorted(*pair, side) for pair in zip(known, median, strict=True)]
        for side in ("left", "right")
    ]
    slot = (number + len(gaps) * np.arange(len(MEASURES))[:, None]).ravel()
    windows = np.bincount(slot, minlength=len(gaps) * len(MEASURES))
    fewest = np.where(windows > 0, len(own), 0)
    np.minimum.at(fewest, slot, count.ravel())
    told = {"low": low - value, "median": median - value, "high": high - value}
    told["at_peak"] = np.fmax(top, often[:, None]) - value
    sums = {"observed": value, "load": np.sum(sides, axis=0) / 2 / max(certain.sum(), 1)}
    sums |= {name: np.maximum(part, 0) for name, part in told.items()}
    sums = {name: np.bincount(slot, part.ravel(), len(windows)) for name, part in sums.items()}
    sums |= {name: np.where(windows > 0, sums[name], np.nan) for name in told}
    sums["load"] = np.where(fewest > 0, sums["load"] / np.maximum(windows, 1), np.nan)
    sums |= {"gap": np.tile(gaps.gap, len(MEASURES)), "measure": np.repeat(MEASURES, len(gaps))}
    return sums | {"windows": windows, "references": fewest}


def _references(own, where, interval, hidden) -> np.ndarray:
    """By measure, for each window at `where` (rows): what the certain windows around it held, null where there are
    fewer."""
    value = np.where(own.certain, _held(own), np.nan)
    certain = np.append(np.flatnonzero(own.certain), -1)
    step, last = np.arange(NEIGHBOURS), len(certain) - 1
    before = np.searchsorted(certain[:-1], where - hidden)[:, None] - 1 - step
    after = np.searchsorted(certain[:-1], where + hidden, "right")[:, None] + step
    near = np.where((before >= 0), certain[np.clip(before, -1, last)], -1)
    then = certain[np.minimum(after, last)]
    weeks = len(own) * interval // WEEK
    away = [
        k * (WEEK // interval) + np.arange(-NEIGHBOURS, NEIGHBOURS + 1) for k in range(-weeks, weeks + 1) if k
    ]
    other = where[:, None] + np.concatenate(away)[None, :] if away else np.empty((len(where), 0), int)
    other = np.where((other >= 0) & (other < len(own)), other, -1)
    around = np.concatenate([near, then, other], axis=1)
    return np.column_stack([value, np.full(len(MEASURES), np.nan)])[:, around]


def _band(references) -> tuple:
    """Low, median, high, highest and number of the references of each window."""
    ranked = np.sort(references)
    count = (~np.isnan(ranked)).sum(axis=-1)
    low = np.floor(0.1 * (count + 1)).astype(int)
    high = np.minimum(np.ceil(0.9 * (count + 1)).astype(int), count)
    ranked = np.concatenate([ranked, np.full((*count.shape, 1), np.nan)], axis=-1)
    first, left, right, last, top = (
        np.take_along_axis(ranked, at[..., None] % ranked.shape[-1], -1)[..., 0]
        for at in (low - 1, (count - 1) // 2, count // 2, high - 1, count - 1)
    )
    lowest = np.where(low > 0, first, np.where(count > 0, 0, np.nan))
    return lowest, (left + right) / 2, last, top, count
