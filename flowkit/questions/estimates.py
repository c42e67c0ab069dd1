"""How much a log's gaps probably hid, judged by the certain intervals near them, and how good that judgement is.

A missing aggregation interval is compared with the six certain ones before it and the six after it, and, where the log
spans weeks, with those at the same time of other weeks. The band holds the next value of an exchangeable series in at
least 80 % of cases, because the ranks are rounded outward (https://arxiv.org/abs/1604.04173). AWS skips records at
peaks, which neighbours do not show: `at_peak` says what would be missing there. Estimates are in no total.
"""

import numpy as np
import pandas as pd

from flowkit.folding.coverage import CERTAIN
from flowkit.folding.engine import Engine, total
from flowkit.folding.ranges import seconds, sweep
from flowkit.loading.records import literal

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
_COUNTED = """
    SELECT {owner} AS owner, ("start" + coalesce("end", "start")) // 2 AS middle, coalesce(bytes, 0) AS bytes,
        CASE WHEN action = 'REJECT' THEN 1 ELSE 0 END AS reject
    FROM flows WHERE coalesce(log_status, 'OK') = 'OK' AND "start" IS NOT NULL"""
_COUNTS = f"""
    SELECT shift + number AS number, count(*) AS records, {total("bytes")} AS bytes,
        CAST(sum(reject) AS BIGINT) AS rejects
    FROM (
        SELECT shift, intervals, (middle - base) // width AS number, bytes, reject
        FROM counted JOIN grid ON counted.owner = grid.owner
    ) AS numbered
    WHERE number BETWEEN 0 AND intervals - 1 GROUP BY shift + number"""


class IntervalCounts:
    """What was logged in each aggregation interval of the interfaces with gaps; all intervals are numbered through.

    `owners`: a row an interface, "" for all together (gaps that all share): ``owner``, ``interval`` (seconds), ``base``
    (seconds since 1970, where its first interval begins), ``count`` (of intervals), ``offset`` (number of its first
    interval), ``hidden`` (how many intervals its gaps mostly take), ``low`` and ``high`` (ranks of its first certain
    interval and after its last). Certain intervals, those in which nothing is missing, are ranges of numbers, `first`
    to `last`; `numbers` and `values` are the intervals with records and their counts by measure.
    """

    def __init__(self, owners: pd.DataFrame, first: np.ndarray, last: np.ndarray, table: pd.DataFrame) -> None:
        self.first, self.before = first, np.append(0, (last - first).cumsum())
        self.edges = np.append(0, np.column_stack([first, last]).ravel())
        self.ranks = np.append(0, np.column_stack([self.before[:-1], self.before[1:]]).ravel())
        self.numbers = table.number.to_numpy("int64")
        self.values = np.append(table[list(MEASURES)].to_numpy(float).T, np.zeros((3, 1)), axis=1)
        self.owners = owners.assign(low=self.rank(owners.offset), high=self.rank(owners.offset + owners["count"]))

    def rank(self, numbers: np.ndarray) -> np.ndarray:
        """Return how many certain intervals have a smaller number."""
        return np.interp(numbers, self.edges, self.ranks).astype("int64")

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

    def known(self, owner: int) -> tuple[np.ndarray, np.ndarray]:
        """Return an owner's certain intervals with records, and by measure what all its certain ones hold, in order."""
        row = self.owners.loc[owner]
        own = self.numbers[slice(*np.searchsorted(self.numbers, [row.offset, row.offset + row["count"]]))]
        own = own[self.certain(own)]
        return own, np.sort(np.pad(self.value(own), ((0, 0), (row.high - row.low - len(own), 0))))


def interval_counts(flows: object, coverage: pd.DataFrame, gaps: pd.DataFrame) -> IntervalCounts:
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

    grid = owners[["owner", "interval", "base", "count", "offset"]]
    engine = Engine.of(flows)
    engine.put("grid", grid.set_axis(["owner", "width", "base", "intervals", "shift"], axis=1))
    together = f" UNION ALL {_COUNTED.format(owner=literal(''))}" if (owners.owner == "").any() else ""
    engine.define(counted=_COUNTED.format(owner="interface_id") + together)
    table = engine.answer(_COUNTS)

    # Uncertain is an interval of which a quarter and more is in a gap.
    gone = alive[~alive.state.isin(CERTAIN)].rename(columns={"interface_id": "owner"})
    gone = pd.concat([gone[["owner", "first", "last"]], own.loc[own.owner == "", ["owner", "first", "last"]]])
    gone = gone.merge(owners.reset_index(names="code")[["owner", "code", "base", "interval"]], on="owner")
    first, last, step = gone["first"] - gone.base, gone["last"] - gone.base, gone.interval
    low, high = -(-(4 * first + step) // (4 * step)) - 1, (4 * last - step) // (4 * step) + 1
    taken = {"code": gone.code, "first": low.where(4 * (last - first) >= step, high), "last": high}
    # Whole are those that lie between the first and the last record.
    opens, closes = (owners["first"] - owners.base), (owners["last"] - owners.base)
    whole = {"code": owners.index, "first": -(-opens // owners.interval), "last": closes // owners.interval}
    pieces = [pd.DataFrame(part).query("last > first").to_numpy("int64").T for part in (whole, taken)]
    code, first, last, bits = sweep([(*part, bit) for part, bit in zip(pieces, (1, 2), strict=True)])
    offset = owners.offset.to_numpy()[code[bits == 1]]
    first, last = first[bits == 1] + offset, last[bits == 1] + offset
    return IntervalCounts(owners, first, last, table.sort_values("number"))


def estimate(counts: IntervalCounts, gaps: pd.DataFrame) -> pd.DataFrame:
    """Return what each gap probably hid: one row a gap and measure, by gap.

    ``gap`` (row of `gaps`), ``interface_id``, ``measure`` (records, bytes, rejects), ``intervals`` (uncertain ones),
    ``observed`` (in them), ``low``, ``median``, ``high`` (the band of what is missing), ``at_peak`` (what would be
    missing if every interval was as busy as the busiest nearby, or as the busiest 5 % of the interface's),
    ``references`` (certain intervals compared with), ``load`` (share of the interface's certain intervals that were less
    busy than those beside the gap and what was logged in it: towards 1, the gap lies at a peak). The band is null where
    there are no references, or none as busy as what was logged in the gap.
    """
    own = gaps.assign(gap=np.arange(len(gaps)), owner=gaps.interface_id.fillna(""))
    own = own.drop(columns="interval").merge(counts.owners.reset_index(names="code"), on="owner")
    own = own.sort_values("gap", ignore_index=True)
    # An interval belongs to a gap that holds its middle.
    middles = [-((own.interval - 2 * (seconds(at) - own.base)) // (2 * own.interval)) for at in (own.start, own.end)]
    first, last = ((at.clip(0, own["count"]) + own.offset).to_numpy("int64") for at in middles)
    tried = np.minimum(last - first, MOST)
    row = np.repeat(np.arange(len(own)), tried)
    step = np.arange(len(row)) - np.repeat(tried.cumsum() - tried, tried)
    number = first[row] + step * (last - first)[row] // tried[row]
    row, number = row[~counts.certain(number)], number[~counts.certain(number)]
    uncertain = (last - first) - (counts.rank(last) - counts.rank(first))
    code, value, band = own.code.to_numpy()[row], counts.value(number), np.empty((7, 3, len(row)))
    for part in np.array_split(np.arange(len(row)), len(row) // PART + 1):
        band[:6, :, part] = _band(counts, code[part], number[part], 0)
    for owner in np.unique(code):
        every, rows = counts.known(owner)[1], np.flatnonzero(code == owner)
        for measure, some in enumerate(every if every.size else ()):
            band[3, measure, rows] = np.fmax(band[3, measure, rows], np.quantile(some, 0.95))
            # What was logged in the interval itself counts too: a peak need not reach those beside it.
            near = np.fmax(band[5, measure, rows], value[measure, rows])
            sides = [np.searchsorted(some, near, side) for side in ("left", "right")]
            alike = near == band[5, measure, rows]
            band[6, measure, rows] = np.where(alike, np.mean(sides, axis=0), sides[1]) / len(some)
    # Those that were tried stand for all uncertain ones.
    weight = (uncertain / np.maximum(np.bincount(row, minlength=len(own)), 1))[row]
    names = ("low", "median", "high", "at_peak")
    # An interval that holds as much as the busiest, and yet lacks some, has no reference.
    full = (value > 0) & (value >= band[3])
    columns = dict(zip(names, np.where(full, np.nan, np.maximum(band[:4] - value, 0)) * weight, strict=True))
    columns |= {"observed": value * weight, "load": band[6] * weight, "references": band[4]}
    long = pd.DataFrame({name: values.T.ravel() for name, values in columns.items()})
    long = long.assign(row=np.repeat(row, 3), measure=np.tile(MEASURES, len(row))).groupby(["row", "measure"])
    sums = long.sum(min_count=1).assign(references=long.references.min())
    sums = sums.reindex(pd.MultiIndex.from_product([own.index, MEASURES], names=["row", "measure"])).reset_index()
    sums = sums.fillna({"observed": 0, "references": 0}).join(own[["gap", "interface_id"]], on="row")
    sums = sums.assign(intervals=uncertain[sums.row], load=sums.load / uncertain[sums.row])
    sums.loc[sums.references == 0, [*names, "load"]] = np.nan
    return sums[["gap", "interface_id", "measure", "intervals", "observed", *names, "references", "load"]]


def backtest(counts: IntervalCounts, tests: int = 400) -> pd.DataFrame:
    """Return how often the band held what a known interval held, when that interval was hidden.

    One row a measure and kind of interval (ordinary, or busiest: the busiest tenth of an interface's by records):
    ``measure``, ``kind``, ``tested``, ``held``, ``held_share`` (of tested), ``below`` (the value lay above the band).
    About `tests` of each kind, evenly spread; each is hidden with as many beside it as the interface's gaps have.
    """
    made = []
    chosen = np.unique(np.linspace(0, len(counts.owners) - 1, 80).astype(int)) if len(counts.owners) else []
    for code, owner in counts.owners.loc[chosen].iterrows():
        numbers, every = counts.known(code)
        busy = counts.value(numbers)[0] >= (max(np.quantile(every[0], BUSY), 1) if every.size else 1)
        rank = counts.rank(numbers[busy])
        for kind, count in (("ordinary", every.shape[1] - len(rank)), ("busiest", len(rank))):
            tested = min(count, max(5, tests // len(chosen)))
            at = np.linspace(0, count - 1, tested).astype(int)
            # An ordinary interval comes as many ranks later as busy ones come before it.
            ordinary = owner.low + at + np.searchsorted(rank - owner.low - np.arange(len(rank)), at, "right")
            number = counts.number(rank[at] if kind == "busiest" else ordinary)
            value = counts.value(number)
            low, _middle, high, *_rest = _band(counts, np.full(tested, code), number, int(owner.hidden // 2))
            held, below = ((value >= low) & (value <= high)).sum(axis=1), (value > high).sum(axis=1)
            made += zip(MEASURES, [kind] * 3, [tested] * 3, held, below, strict=True)
    rows = pd.DataFrame(made, columns=["measure", "kind", "tested", "held", "below"])
    rows = rows.groupby(["measure", "kind"], as_index=False).sum()
    rows = rows.assign(held_share=rows.held / rows.tested.where(rows.tested > 0))
    return rows.sort_values(["measure", "kind"], ascending=False, ignore_index=True)


def _band(counts: IntervalCounts, code: np.ndarray, number: np.ndarray, hidden: int) -> np.ndarray:
    """Return low, median, high, highest and number of what the certain intervals near each held, and what the two next to
    it held in the mean, by measure. `hidden`: how many intervals on each side are taken for missing too."""
    own = {name: counts.owners[name].to_numpy()[code][:, None] for name in counts.owners.columns[1:]}
    step = np.arange(NEIGHBOURS)
    before, after = (counts.rank(number - hidden)[:, None] - 1 - step, counts.rank(number + hidden + 1)[:, None] + step)
    ranks = np.concatenate([before, after], axis=1)
    there = (ranks >= own["low"]) & (ranks < own["high"])
    near = counts.number(np.where(there, ranks, 0)) if len(counts.first) else np.zeros_like(ranks)
    if len(number) and (own["count"] * own["interval"]).max() >= WEEK:
        weeks = np.array([week for week in range(-WEEKS, WEEKS + 1) if week])[:, None]
        shift = np.arange(-NEIGHBOURS, NEIGHBOURS + 1) + weeks * (WEEK // own["interval"][:, :, None])
        other = number[:, None] + shift.reshape(len(number), -1)
        inside = (other >= own["offset"]) & (other < own["offset"] + own["count"])
        there = np.concatenate([there, inside & counts.certain(np.where(inside, other, 0))], axis=1)
        near = np.concatenate([near, other], axis=1)
    values = np.where(there, counts.value(near), np.nan)
    ranked, beside = np.sort(values), values[..., [0, NEIGHBOURS]]
    count = np.broadcast_to(there.sum(axis=1), ranked.shape[:2])
    low = np.floor(0.1 * (count + 1)).astype(int)
    high = np.minimum(np.ceil(0.9 * (count + 1)).astype(int), count)
    ranked = np.append(ranked, np.full((*count.shape, 1), np.nan), axis=-1)
    first, left, right, last, top = (
        np.take_along_axis(ranked, at[..., None] % ranked.shape[-1], -1)[..., 0]
        for at in (low - 1, (count - 1) // 2, count // 2, high - 1, count - 1)
    )
    lowest = np.where(low > 0, first, np.where(count > 0, 0, np.nan))
    # One side may lack certain intervals.
    beside = (np.fmax(*np.moveaxis(beside, -1, 0)) + np.fmin(*np.moveaxis(beside, -1, 0))) / 2
    return np.array([lowest, (left + right) / 2, last, top, count, beside])
