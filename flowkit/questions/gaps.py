"""What the logs did not see: where a log has gaps, what is known of what they hid, and what it probably was."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from ibis import _

from flowkit.folding.coverage import CERTAIN, SKIPPED, SLOT, missing_slots
from flowkit.folding.ranges import seconds
from flowkit.folding.runs import steady
from flowkit.questions.estimates import backtest, estimate, interval_counts
from flowkit.questions.gap_records import flows_across_gap, seen_by_peer, skipdata_records

#: Skipped intervals of one interface that lie no further apart than so many intervals are one gap.
EPISODE = 10
KINDS = {"SKIPDATA": "skipdata", "OK+SKIP": "skipdata", "SILENT": "silent-interface", "NOT_DELIVERED": "not-delivered"}
COLUMNS = {
    "kind": "str", "interface_id": "str", "start": "datetime64[s, UTC]", "end": "datetime64[s, UTC]",
    "interval": "int64", "uncertain": "timedelta64[s]", "interfaces": "int64", "returned": "bool", "steady": "bool",
}  # fmt: skip
#: What a gap of each kind takes from other questions.
AFFECTED = {
    "skipdata": {
        "rejected": "counts are lower bounds; a client may be missing",
        "reachability": "no traffic, a lost service or no data prove nothing here",
        "talkers": "totals are lower bounds; a first packet may be missing, so that a later one looks like it",
    },
    "silent-interface": {
        "rejected": "nothing is known",
        "reachability": "nothing is known, but what the other ends logged",
        "talkers": "nothing is in the totals; sessions seem to begin after the gap",
    },
}
AFFECTED["not-delivered"] = AFFECTED["silent-interface"]


@dataclass(frozen=True, kw_only=True)
class GapTables:
    """What `gaps` returns. Times are UTC, durations Timedelta, `start` and `end` the edges.

    `intervals`: as `flowkit.folding.coverage.coverage` returns them. `interfaces`: see `by_interface`. `gaps`: see
    `find_gaps` and `gap_impact`. `estimates`, `backtest`: see `flowkit.questions.estimates`. `seen_by_peer`: see
    `flowkit.questions.gap_records`. `by_hour`: ``hour`` (of the day, UTC), ``minutes`` with skipped records, of all
    interfaces. `affected`: ``interface`` (name), ``start``, ``end``, and by notebook what the gap takes from it.
    """

    intervals: pd.DataFrame
    interfaces: pd.DataFrame
    gaps: pd.DataFrame
    estimates: pd.DataFrame
    backtest: pd.DataFrame
    seen_by_peer: pd.DataFrame
    by_hour: pd.DataFrame
    affected: pd.DataFrame


def gaps(log) -> GapTables:
    """Return where `log` has gaps, what is known of the records in them and what they probably hid."""
    intervals = log.coverage
    found = find_gaps(intervals)
    regular = found[found.steady]
    counts = interval_counts(log.flows, intervals, regular)
    estimates = estimate(counts, regular)
    estimates["gap"] = regular.index.to_numpy()[estimates.gap]
    peers = seen_by_peer(log.flows, found, log.interfaces)
    names = found.interface_id.map(log.network.label, na_action="ignore") if log.network else found.interface_id
    names = names.where(found.interface_id.notna(), found.interfaces.map("{:,} interfaces".format))
    words = pd.DataFrame([AFFECTED[kind] for kind in found.kind], columns=list(AFFECTED["skipdata"]))
    affected = pd.DataFrame({"interface": names, "start": found.start, "end": found.end}).join(words)
    return GapTables(
        intervals=intervals, interfaces=by_interface(intervals, log.network), estimates=estimates,
        gaps=gap_impact(log.flows, log.files, intervals, found, estimates, peers), backtest=backtest(counts),
        seen_by_peer=peers, by_hour=by_hour(intervals), affected=affected,
    )  # fmt: skip


def find_gaps(coverage: pd.DataFrame) -> pd.DataFrame:
    """Return every gap of the log, one row each, by start.

    ``kind`` (skipdata, silent-interface or not-delivered); ``interface_id`` (null: several); ``start``, ``end``;
    ``interval`` (seconds); ``uncertain`` (how much of the gap is uncertain at the interface: certain intervals may lie
    between skipped ones); ``interfaces`` (how many it concerns); ``returned`` (whether records followed); ``steady``
    (False where the interface is silent so often that silence may be how it reports, as without NODATA records).
    """
    kind = coverage.state.map(KINDS)
    if not kind.notna().any():
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in COLUMNS.items()})
    skipped, silent, lost = (coverage[kind == name].assign(kind=name) for name in dict.fromkeys(KINDS.values()))
    apart = pd.to_timedelta(EPISODE * skipped.interval, unit="s")
    found = [_joined(skipped, skipped.start - skipped.groupby("interface_id").end.shift() > apart)]
    # Silence goes on where only a file is missing between two parts of it.
    both = pd.concat([silent, lost.assign(kind="silent-interface")]).sort_index()
    both["apart"] = both.start != both.groupby("interface_id").end.shift()
    is_silent = coverage.state[both.index] == "SILENT"
    both = both[is_silent.groupby(both.apart.cumsum()).transform("any")]
    found.append(_joined(both, both.apart))
    lost = lost.sort_values(["start", "end"])
    shared = _joined(lost.assign(all=""), lost.start > lost.end.cummax().shift(), "all")
    found.append(shared.assign(uncertain=shared.uncertain / shared.interfaces.clip(lower=1)))
    table = pd.concat([part for part in found if len(part)] or found[:1], ignore_index=True)
    recorded = coverage[coverage.state.isin([*CERTAIN, *SKIPPED])]
    last = recorded.groupby("interface_id").end.max()
    known = recorded[recorded.state.isin(CERTAIN)]
    full = ((known.end - known.start).dt.total_seconds() / known.interval).groupby(known.interface_id).sum()
    is_silent = table.kind == "silent-interface"
    silences = table.interface_id[is_silent].value_counts()
    filled, times = (table.interface_id.map(counts).astype(float).fillna(0) for counts in (full, silences))
    regular = steady(filled, times)
    table["returned"] = ~is_silent | (table.interface_id.map(last) > table.end)
    table["steady"] = ~is_silent | regular
    return table.sort_values(["start", "kind", "interface_id"], ignore_index=True)


def _joined(intervals: pd.DataFrame, apart: pd.Series, by: str = "interface_id") -> pd.DataFrame:
    """Return `intervals` of one `by` as one row from each that is `apart` from the one before it."""
    number = apart.groupby(intervals[by]).cumsum().astype("int64")
    intervals = intervals.assign(number=number, uncertain=intervals.end - intervals.start, who=intervals.interface_id)
    made = intervals.groupby([by, "number"], as_index=False).agg(
        kind=("kind", "first"), who=("who", "first"), start=("start", "min"), end=("end", "max"),
        interval=("interval", "max"), uncertain=("uncertain", "sum"), interfaces=("who", "nunique"),
    )  # fmt: skip
    made["interface_id"] = made.who.where(made.interfaces == 1)
    return made[list(COLUMNS)[:7]]


def by_interface(coverage: pd.DataFrame, network=None) -> pd.DataFrame:
    """Return how much of each interface's time is certain, the worst first.

    ``interface_id``, ``name`` (with a `network`), ``certain`` (share of its time, as `covered_share`), ``skipped``,
    ``silent``, ``undelivered`` (durations), ``longest`` (duration of the longest run of one of these), ``last`` (when
    the last of them ended).
    """
    alive = coverage[coverage.state != "OUTSIDE"]
    alive = alive.assign(span=alive.end - alive.start)
    kinds = {"OK+SKIP": "skipped", "SKIPDATA": "skipped", "SILENT": "silent", "NOT_DELIVERED": "undelivered"}
    kind = alive.state.map(kinds).fillna(alive.state.isin(CERTAIN).map({True: "certain", False: "pending"}))
    spans = alive.pivot_table(index="interface_id", columns=kind, values="span", aggfunc="sum")
    names = ["certain", "skipped", "silent", "undelivered"]
    table = spans.reindex(columns=names).astype("timedelta64[s]").fillna(pd.Timedelta(0))
    table["certain"] = table.certain / alive.groupby("interface_id").span.sum()
    runs = alive[alive.state.isin(kinds)].groupby("interface_id")
    table = table.assign(longest=runs.span.max(), last=runs.end.max()).reset_index()
    if network:
        table.insert(1, "name", table.interface_id.map(network.label))
    return table.sort_values(["certain", "interface_id"], ignore_index=True).rename_axis(columns=None)


def by_hour(coverage: pd.DataFrame) -> pd.DataFrame:
    """Return in which hours of the day AWS skipped records: ``hour`` (UTC), ``minutes`` (of all interfaces)."""
    skipped = coverage[coverage.state.isin(SKIPPED)]
    first, last = seconds(skipped.start).to_numpy(), seconds(skipped.end).to_numpy()
    hours = np.arange(24)

    def until(moment: np.ndarray) -> np.ndarray:
        """Return how many seconds of each hour of the day have passed since 1970."""
        return moment // 86400 * 3600 + np.clip(moment % 86400 - hours[:, None] * 3600, 0, 3600)

    minutes = (until(last) - until(first)).sum(axis=1) / 60
    return pd.DataFrame({"hour": hours, "minutes": minutes.round().astype("int64")})


def gap_impact(flows, files, coverage, gaps, estimates, peers) -> pd.DataFrame:
    """Return the `gaps` with all that can be said of what they hid, a row each.

    Adds ``records`` and ``samples`` (its SKIPDATA records, and three of them as lines), ``files`` (five-minute files
    missing in it, of all flow logs), ``seen_by_peer`` (missing records that the other end logged: of `peers`),
    ``flows_across_gap`` (how many ran on across it), and from `estimates` of records: ``intervals``, ``observed``,
    ``low``, ``median``, ``high``, ``at_peak``, ``load``.
    """
    skipped = gaps[gaps.kind == "skipdata"]
    skips = pd.DataFrame(columns=["records", "samples"])
    if len(skipped):
        skips = skipdata_records(flows, skipped)
        skips.index = skipped.index.take(skips.index)
    slots = np.zeros(len(gaps), "int64")
    for row in missing_slots(files).itertuples():
        # Of a file of five minutes a gap may have only a part.
        into, out = gaps.start.clip(lower=row.start) - row.start, gaps.end.clip(upper=row.end) - row.start
        into, out = (time.dt.total_seconds().to_numpy() / SLOT for time in (into, out))
        slots += np.maximum(np.ceil(out) - np.floor(into), 0).astype("int64")
    across = coverage[coverage.state.isin(["SKIPDATA", "SILENT"])].reset_index(drop=True)
    count = flows_across_gap(flows, across).group_by("gap").agg(flows=_.count()).execute().set_index("gap").flows
    cut = across.assign(flows=count, at=seconds(across.start)).dropna(subset="flows").sort_values("at")
    own = gaps[gaps.interface_id.notna()].reset_index(names="gap")
    own = own.assign(at=seconds(own.start)).sort_values("at").astype({"interface_id": cut.interface_id.dtype})
    cut = pd.merge_asof(
        cut, own[["gap", "interface_id", "at", "end"]], on="at", by="interface_id", suffixes=("", "_gap")
    )
    cut = cut[seconds(cut.end) <= seconds(cut.end_gap)].groupby("gap").flows.sum()
    samples, of_records = skips.samples.to_dict(), estimates[estimates.measure == "records"].set_index("gap")
    return gaps.assign(
        records=skips.records.reindex(gaps.index).fillna(0).astype("int64"),
        samples=[samples.get(number, ()) for number in gaps.index],
        files=slots,
        seen_by_peer=peers.groupby("gap").in_gap.first().reindex(gaps.index, fill_value=0),
        flows_across_gap=cut.reindex(gaps.index, fill_value=0).astype("int64"),
    ).join(of_records[["intervals", "observed", "low", "median", "high", "at_peak", "load"]])
