"""How much a log's gaps probably hid, judged by the certain intervals near them, and how good that judgement is.

A missing aggregation interval is compared with the six certain ones before it and the six after it, and, where the log
spans weeks, with those at the same time of other weeks. The band holds the next value of an exchangeable series in at
least 80 % of cases, because the ranks are rounded outward (https://arxiv.org/abs/1604.04173). AWS skips records at
peaks, which neighbours do not show: `at_peak` says what would be missing there. Estimates are in no total.
"""

import math

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis import _

from flowkit.folding.coverage import CERTAIN
from flowkit.folding.ranges import memtable, seconds, sweep, total

MEASURES = ("records", "bytes", "rejects")
#: Certain intervals on each side that a missing one is compared with; of other weeks, so many around the same time.
NEIGHBOURS = 6
WEEK = 7 * 86400
#: Weeks before and after a gap that are looked at.
WEEKS = 4
#: The busiest tenth of an interface's intervals is back-tested apart: AWS skips records there.
BUSY = 0.9
#: Intervals of a gap that are estimated one by one; a longer gap is judged by so many, evenly spread.
MOST = 500
#: Intervals that are counted in all: interfaces beyond it, those with the least time missing, get no band.
BUDGET = 5_000_000
#: Intervals that are compared at once, to bound memory.
PART = 20_000


class IntervalCounts:
    """What was logged in each aggregation interval of the interfaces with gaps.

    `owners`: a row an interface, "" for all together (gaps that all share): ``owner``, ``interval`` (seconds), ``base``
    (seconds since 1970, where its first interval begins), ``count`` (of intervals), ``offset`` (number of its first
    interval: all are numbered through), ``hidden`` (how many intervals its gaps mostly take), ``low`` and ``high``
    (ranks of its first certain interval and after its last). `numbers` and `values`: the intervals with records, and
    their counts by measure. Certain intervals, those in which nothing is missing, are ranges.
    """

    def __init__(self, owners: pd.DataFrame, certain: tuple, table: pd.DataFrame) -> None:
        self.first, self.last = certain
        self.before = np.append(0, (self.last - self.first).cumsum())
        self.numbers = table.number.to_numpy("int64")
        self.values = np.append(table[list(MEASURES)].to_numpy(float).T, np.zeros((3, 1)), axis=1)
        self.owners = owners.assign(
            low=self.rank(owners.offset.to_numpy()), high=self.rank((owners.offset + owners["count"]).to_numpy())
        )

    def rank(self, numbers: np.ndarray) -> np.ndarray:
        """Return how many certain intervals have a smaller number."""
        at = np.searchsorted(self.first, numbers, "right")
        started = self.before[np.maximum(at - 1, 0)] + numbers - np.append(self.first, 0)[np.maximum(at - 1, 0)]
        return np.where(at > 0, np.minimum(started, self.before[at]), 0)

    def certain(self, numbers: np.ndarray) -> np.ndarray:
        """Return whether the intervals are certain."""
        return self.rank(numbers + 1) > self.rank(numbers)

    def number(self, ranks: np.ndarray) -> np.ndarray:
        """Return the numbers of certain intervals by their ranks."""
        at = np.searchsorted(self.before, ranks, "right") - 1
        return self.first[at] + ranks - self.before[at]

    def value(self, numbers: np.ndarray) -> np.ndarray:
        """Return what the intervals hold, by measure; nothing logged is 0."""
        at = np.searchsorted(self.numbers, numbers)
        there = np.append(self.numbers, -1)[at] == numbers
        return self.values[:, np.where(there, at, len(self.numbers))]

    def known(self, owner: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the certain intervals of an owner that have records, their values, and how many are certain in all."""
        row = self.owners.loc[owner]
        own = self.numbers[slice(*np.searchsorted(self.numbers, [row.offset, row.offset + row["count"]]))]
        own = own[self.certain(own)]
        return own, self.value(own), row.high - row.low


def interval_counts(flows: ir.Table, coverage: pd.DataFrame, gaps: pd.DataFrame) -> IntervalCounts:
    """Count the records, bytes and rejected records of the interfaces with `gaps`."""
    alive = coverage[coverage.state != "OUTSIDE"]
    alive = alive.assign(first=seconds(alive.start), last=seconds(alive.end))
    edges = alive.groupby("interface_id").agg(first=("first", "min"), last=("last", "max"))
    edges.loc[""] = (edges["first"].min(), edges["last"].max())
    own = gaps.assign(owner=gaps.interface_id.fillna(""), first=seconds(gaps.start), last=seconds(gaps.end))
    own["length"] = (own["last"] - own["first"]) / own.interval
    owners = own.groupby("owner", as_index=False).agg(
        interval=("interval", "max"), phase=("first", "min"), hidden=("length", "median"), missing=("length", "sum")
    )  # fmt: skip
    owners = owners.join(edges, on="owner").sort_values("missing", ascending=False, ignore_index=True)
    owners["base"] = owners["first"] - (owners["first"] - owners.phase) % owners.interval
    owners["count"] = -((owners.base - owners["last"]) // owners.interval)
    owners["offset"] = owners["count"].cumsum() - owners["count"]
    owners = owners[(owners.offset + owners["count"] <= BUDGET) | (owners.index == 0)]
    gone = alive[~alive.state.isin(CERTAIN)].rename(columns={"interface_id": "owner"})
    gone = pd.concat([gone[["owner", "first", "last"]], own.loc[own.owner == "", ["owner", "first", "last"]]])
    rows = flows.filter((flows.log_status.fill_null("OK") == "OK") & flows.start.notnull())
    rows = rows.select(
        owner=rows.interface_id.coalesce(rows.resource_id),
        middle=(rows.start + rows.end.fill_null(rows.start)) // 2,
        bytes=rows.bytes.fill_null(0),
        reject=(rows.action == "REJECT").ifelse(1, 0),
    )
    if (owners.owner == "").any():
        rows = rows.union(rows.mutate(owner=ibis.literal("")))
    grid = owners[["owner", "interval", "base", "count", "offset"]].rename(columns={"count": "intervals"})
    rows = rows.inner_join(memtable(grid), "owner")
    rows = rows.mutate(number=(rows.middle - rows.base) // rows.interval).filter(_.number.between(0, _.intervals - 1))
    table = rows.group_by(number=rows.offset + rows.number).agg(
        records=_.count(), bytes=total(rows, _.bytes), rejects=_.reject.sum()
    )
    certain = _certain(gone[gone.owner.isin(owners.owner)], owners)
    return IntervalCounts(owners, certain, table.execute().sort_values("number"))


def _certain(gone: pd.DataFrame, owners: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranges of intervals of which less than a quarter is in `gone`, by their numbers."""
    whole = (-((owners.base - owners["first"]) // owners.interval), (owners["last"] - owners.base) // owners.interval)
    pieces = [(owners.index.to_numpy(), *(edge.to_numpy() for edge in whole), 1)]
    codes = pd.Series(owners.index, owners.owner)
    code = gone.owner.map(codes).to_numpy("int64")
    base, interval = (owners[name].to_numpy()[code] for name in ("base", "interval"))
    first, last = gone["first"].to_numpy() - base, gone["last"].to_numpy() - base
    left, right = first // interval, (last - 1) // interval
    inside = right > left + 1
    pieces.append((code[inside], left[inside] + 1, right[inside], 2))
    # At its ends a gap takes a part of an interval; two gaps may take parts of the same one.
    both = right > left
    ends = pd.DataFrame({
        "code": np.append(code, code[both]),
        "number": np.append(left, right[both]),
        "part": np.append(np.minimum(last, (left + 1) * interval) - first, (last - right * interval)[both]),
    }).groupby(["code", "number"], as_index=False).part.sum()  # fmt: skip
    ends = ends[ends.part >= owners.interval.to_numpy()[ends.code] / 4]
    pieces.append((ends.code.to_numpy(), ends.number.to_numpy(), ends.number.to_numpy() + 1, 2))
    pieces = [tuple(each[last > first] for each in (code, first, last)) + (bit,) for code, first, last, bit in pieces]
    code, first, last, bits = sweep(pieces)
    offset = owners.offset.to_numpy()[code[bits == 1]]
    return first[bits == 1] + offset, last[bits == 1] + offset


def estimate(counts: IntervalCounts, gaps: pd.DataFrame) -> pd.DataFrame:
    """Return what each gap probably hid: one row a gap and measure, by gap.

    ``gap`` (row of `gaps`), ``interface_id``, ``measure`` (records, bytes, rejects), ``intervals`` (uncertain ones),
    ``observed`` (in them), ``low``, ``median``, ``high`` (the band of what is missing), ``at_peak`` (what would be
    missing if every interval was as busy as the busiest nearby, or as the busiest 5 % of the interface's),
    ``references`` (certain intervals compared with; where there are none, the band is null), ``load`` (share of the
    interface's certain intervals that were less busy than those near the gap: towards 1, the gap lies at a peak).
    """
    own = gaps.assign(gap=np.arange(len(gaps)), owner=gaps.interface_id.fillna(""))
    own = own.drop(columns="interval").merge(counts.owners.reset_index(names="code"), on="owner").sort_values("gap")
    own = own.reset_index(drop=True)
    # An interval belongs to a gap that holds its middle.
    first, last = (
        np.clip(-((own.interval - 2 * (seconds(own[edge]) - own.base)) // (2 * own.interval)), 0, own["count"])
        for edge in ("start", "end")
    )
    first, last = ((edge + own.offset).to_numpy("int64") for edge in (first, last))
    tried = np.minimum(last - first, MOST)
    row = np.repeat(np.arange(len(own)), tried)
    step = np.arange(len(row)) - np.repeat(tried.cumsum() - tried, tried)
    number = first[row] + step * (last - first)[row] // tried[row]
    row, number = row[~counts.certain(number)], number[~counts.certain(number)]
    uncertain = (last - first) - (counts.rank(last) - counts.rank(first))
    weight = (uncertain / np.maximum(np.bincount(row, minlength=len(own)), 1))[row]
    value, band, fewest = counts.value(number), np.empty((4, 3, len(row))), np.empty((3, len(row)))
    for part in np.array_split(np.arange(len(row)), len(row) // PART + 1):
        references = _references(counts, own.code.to_numpy()[row[part]], number[part], 0)
        *band[:, :, part], fewest[:, part] = _band(references)
    load = np.zeros((3, len(row)))
    for code, rows in pd.Series(np.arange(len(row))).groupby(own.code.to_numpy()[row]):
        _numbers, values, total = counts.known(code)
        for measure, some in enumerate(np.sort(values)):
            middle, busiest = band[1, measure, rows], _quantile(some, total, 0.95)
            band[3, measure, rows] = np.fmax(band[3, measure, rows], busiest)
            # Intervals without records are not among the values: they come before all of them.
            sides = [np.searchsorted(some, middle, side) + total - len(some) for side in ("left", "right")]
            load[measure, rows] = np.where(middle > 0, np.mean(sides, axis=0), sides[1] / 2) / max(total, 1)
    made = []
    for at, measure in enumerate(MEASURES):
        columns = dict(zip(("low", "median", "high", "at_peak"), np.maximum(band[:, at] - value[at], 0), strict=True))
        columns |= {"observed": value[at], "load": load[at]}
        sums = {name: np.bincount(row, column * weight, len(own)) for name, column in columns.items()}
        references = np.full(len(own), np.inf)
        np.minimum.at(references, row, fewest[at])
        sums["load"] = np.where((uncertain > 0) & (references > 0), sums["load"] / np.maximum(uncertain, 1), np.nan)
        sums |= {name: np.where(uncertain > 0, sums[name], np.nan) for name in ("low", "median", "high", "at_peak")}
        fixed = {"gap": own.gap, "interface_id": own.interface_id, "measure": measure, "intervals": uncertain}
        made.append(pd.DataFrame(fixed | sums | {"references": np.where(uncertain > 0, references, 0)}))
    columns = ["gap", "interface_id", "measure", "intervals", "observed", "low", "median", "high", "at_peak"]
    table = pd.concat(made)[[*columns, "references", "load"]]
    return table.sort_values("gap", kind="stable", ignore_index=True)


def backtest(counts: IntervalCounts, tests: int = 400) -> pd.DataFrame:
    """Return how often the band held what a known interval held, when that interval was hidden.

    One row a measure and kind of interval (ordinary, or busiest: the busiest tenth of an interface's by records):
    ``measure``, ``kind``, ``tested``, ``held``, ``rate`` (held of tested), ``below`` (the value lay above the band).
    About `tests` of each kind, evenly spread; each is hidden with as many beside it as the interface's gaps have.
    """
    made = []
    chosen = np.unique(np.linspace(0, len(counts.owners) - 1, 80).astype(int)) if len(counts.owners) else []
    for code, owner in counts.owners.loc[chosen].iterrows():
        numbers, values, total = counts.known(code)
        busy = values[0] >= max(_quantile(np.sort(values[0]), total, BUSY), 1)
        rank = counts.rank(numbers[busy])
        for kind, count in (("ordinary", total - len(rank)), ("busiest", len(rank))):
            tested = min(count, max(5, tests // len(chosen)))
            at = np.linspace(0, count - 1, tested).astype(int)
            # An ordinary interval comes as many ranks later as busy ones come before it.
            ordinary = owner.low + at + np.searchsorted(rank - owner.low - np.arange(len(rank)), at, "right")
            number = counts.number(rank[at] if kind == "busiest" else ordinary)
            value = counts.value(number)
            codes = np.full(tested, code)
            low, _middle, high, _top, _count = _band(_references(counts, codes, number, int(owner.hidden // 2)))
            held, below = ((value >= low) & (value <= high)).sum(axis=1), (value > high).sum(axis=1)
            made += zip(MEASURES, [kind] * 3, [tested] * 3, held, below, strict=True)
    rows = pd.DataFrame(made, columns=["measure", "kind", "tested", "held", "below"])
    rows = rows.groupby(["measure", "kind"], as_index=False).sum()
    rows = rows.assign(rate=rows.held / rows.tested.where(rows.tested > 0))
    return rows.sort_values(["measure", "kind"], ascending=False, ignore_index=True)


def _references(counts: IntervalCounts, code: np.ndarray, number: np.ndarray, hidden: int) -> np.ndarray:
    """Return by measure, for each interval, what the certain ones near it held, null where there are fewer.

    `hidden`: how many intervals on each side are taken for missing too.
    """
    own = {name: counts.owners[name].to_numpy()[code][:, None] for name in counts.owners.columns[1:]}
    step = np.arange(NEIGHBOURS)
    before, after = (counts.rank(number - hidden)[:, None] - 1 - step, counts.rank(number + hidden + 1)[:, None] + step)
    ranks = np.concatenate([before, after], axis=1)
    there = (ranks >= own["low"]) & (ranks < own["high"])
    near = counts.number(np.where(there, ranks, 0)) if len(counts.first) else np.zeros_like(ranks)
    weeks = [week for week in range(-WEEKS, WEEKS + 1) if week]
    if len(number) and (own["count"] * own["interval"]).max() >= WEEK:
        shift = np.concatenate([np.arange(-NEIGHBOURS, NEIGHBOURS + 1) + 0 * week for week in weeks])
        other = number[:, None] + shift + np.repeat(weeks, 2 * NEIGHBOURS + 1) * (WEEK // own["interval"])
        inside = (other >= own["offset"]) & (other < own["offset"] + own["count"])
        there = np.concatenate([there, inside & counts.certain(np.where(inside, other, 0))], axis=1)
        near = np.concatenate([near, other], axis=1)
    return np.where(there, counts.value(near), np.nan)


def _band(references: np.ndarray) -> tuple:
    """Return low, median, high, highest and number of the references of each interval."""
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


def _quantile(values: np.ndarray, total: int, share: float) -> float:
    """Return what `share` of `total` intervals do not exceed, of which `values` (sorted) are those with records."""
    if not total:
        return np.nan
    at = share * (total - 1) - (total - len(values))
    low, high = (values[index] if index >= 0 else 0.0 for index in (math.floor(at), math.ceil(at)))
    return low + (at - math.floor(at)) * (high - low)
