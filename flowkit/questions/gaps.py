"""What the logs did not see: where a log has gaps, what is known of what they hid, and what it probably was.

The records near the gaps are read again: those that the other end logged, flows that ran on across a gap, and SKIPDATA
records. There `gaps` are rows with interface_id, start, end (UTC) and interval (seconds).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flowkit.folding.coverage import CERTAIN, SKIPPED, SLOT, missing_slots
from flowkit.folding.engine import Engine, total
from flowkit.folding.ranges import seconds, utc, within
from flowkit.folding.runs import steady
from flowkit.folding.sessions import NAMED, NONE
from flowkit.net import FIN, RST, SYN
from flowkit.questions.estimates import backtest, estimate, interval_counts

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
FLOW = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol"]
#: Records of flows, by the interface that logged them, with the middle of their time.
_NAMED = f"""
    SELECT interface_id, srcaddr, dstaddr, {", ".join(f"coalesce({key}, {NONE}) AS {key}" for key in FLOW[2:])}, packets,
        bytes, "start", "end", action, tcp_flags, ("start" + "end") // 2 AS middle
    FROM flows WHERE {NAMED} AND "start" IS NOT NULL AND "end" IS NOT NULL"""
#: Those that have the logging interface's own address at one end: `mine`, the address at the other, and whether `mine`
#: sent.
_FROM_OTHER_END = """
    SELECT named.*, dstaddr = own.mine AS sent, CASE WHEN dstaddr = own.mine THEN srcaddr ELSE dstaddr END AS mine
    FROM named JOIN own ON named.interface_id = own.owner WHERE dstaddr = own.mine OR srcaddr = own.mine"""
_LAST = 'CASE WHEN {0}."end" > {0}."start" THEN {0}."end" ELSE {0}."start" + 1 END'
#: Of `_FROM_OTHER_END` in the gaps (``seen``), what the interface's own records beside them (``there``) lack. A record of
#: a single second lasts it; one between two gaps that touch belongs to both, and is missing once.
_LOST = f"""
    SELECT owner AS interface_id, interface_id AS seen_by, srcaddr, dstaddr, packets, bytes, "start", "end", tcp_flags,
        {", ".join(f"nullif({key}, {NONE}) AS {key}" for key in FLOW[2:])}, min(gap) AS gap,
        CASE WHEN sent THEN 'egress' ELSE 'ingress' END AS flow_direction, CASE WHEN sent THEN 'ACCEPT' END AS action
    FROM seen
    WHERE interface_id <> owner AND (sent OR coalesce(action, 'ACCEPT') <> 'REJECT') AND NOT EXISTS (
        SELECT 1 FROM there WHERE {" AND ".join(f"there.{key} = seen.{key}" for key in ("gap", *FLOW))}
            AND seen."start" < {_LAST.format("there")} AND there."start" < {_LAST.format("seen")})
    GROUP BY owner, interface_id, srcaddr, dstaddr, packets, bytes, "start", "end", tcp_flags, {", ".join(FLOW[2:])}, sent"""
#: Rows that a table holds of the records that the other end of one gap logged.
ROWS = 100


@dataclass(frozen=True, kw_only=True)
class GapTables:
    """What `gaps` returns. Times are UTC, durations Timedelta, `start` and `end` the edges.

    `intervals`: as `flowkit.folding.coverage.coverage` returns them. `gaps`: see `find_gaps` and `gap_impact`;
    `interfaces`, `estimates`, `backtest`, `seen_by_peer`, `by_hour`: see the functions of these names. `affected`:
    ``interface`` (name), ``start``, ``end``, and by notebook what the gap takes from it.
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
    engine = Engine(log.rows)
    counts = interval_counts(engine, intervals, regular)
    estimates = estimate(counts, regular)
    estimates["gap"] = regular.index.to_numpy()[estimates.gap]
    peers = seen_by_peer(engine, found, log.interfaces)
    names = found.interface_id.map(log.network.label, na_action="ignore") if log.network else found.interface_id
    names = names.where(found.interface_id.notna(), found.interfaces.map("{:,} interfaces".format))
    words = pd.DataFrame([AFFECTED[kind] for kind in found.kind], columns=list(AFFECTED["skipdata"]))
    affected = pd.DataFrame({"interface": names, "start": found.start, "end": found.end}).join(words)
    return GapTables(
        intervals=intervals, interfaces=by_interface(intervals, log.network), estimates=estimates,
        gaps=gap_impact(engine, log.files, intervals, found, estimates, peers), backtest=backtest(counts),
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
    if kind.isna().all():
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
    last = coverage[coverage.state.isin([*CERTAIN, *SKIPPED])].groupby("interface_id").end.max()
    known = coverage[coverage.state.isin(CERTAIN)]
    full = ((known.end - known.start).dt.total_seconds() / known.interval).groupby(known.interface_id).sum()
    is_silent = table.kind == "silent-interface"
    silences = table.interface_id[is_silent].value_counts()
    counts = (table.interface_id.map(each).astype(float).fillna(0) for each in (full, silences))
    table["returned"] = ~is_silent | (table.interface_id.map(last) > table.end)
    table["steady"] = ~is_silent | steady(*counts)
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
    alive = coverage[coverage.state != "OUTSIDE"].assign(span=coverage.end - coverage.start)
    kinds = {"OK+SKIP": "skipped", "SKIPDATA": "skipped", "SILENT": "silent", "NOT_DELIVERED": "undelivered"}
    kind = alive.state.map(kinds | dict.fromkeys(CERTAIN, "certain")).fillna("pending")
    spans = alive.pivot_table(index="interface_id", columns=kind, values="span", aggfunc="sum")
    spans = spans.reindex(columns=["certain", "skipped", "silent", "undelivered"])
    table = spans.astype("timedelta64[s]").fillna(pd.Timedelta(0))
    table["certain"] = table.certain / alive.groupby("interface_id").span.sum()
    runs = alive[alive.state.isin(kinds)].groupby("interface_id")
    table = table.assign(longest=runs.span.max(), last=runs.end.max()).reset_index()
    if network:
        table.insert(1, "name", table.interface_id.map(network.label))
    return table.sort_values(["certain", "interface_id"], ignore_index=True).rename_axis(columns=None)


def by_hour(coverage: pd.DataFrame) -> pd.DataFrame:
    """Return in which hours of the day AWS skipped records: ``hour`` (UTC), ``minutes`` (of all interfaces)."""
    skipped, hours = coverage[coverage.state.isin(SKIPPED)], np.arange(24)
    edges = np.stack([seconds(skipped.start), seconds(skipped.end)])[:, :, None]
    # Seconds of each hour of the day that have passed since 1970.
    passed = edges // 86400 * 3600 + np.clip(edges % 86400 - hours * 3600, 0, 3600)
    minutes = (passed[1] - passed[0]).sum(axis=0) / 60
    return pd.DataFrame({"hour": hours, "minutes": minutes.round().astype("int64")})


def gap_impact(engine, files, coverage, gaps, estimates, peers) -> pd.DataFrame:
    """Return the `gaps` with all that can be said of what they hid, a row each.

    Adds ``records`` and ``samples`` (its SKIPDATA records, and three of them as lines), ``files`` (five-minute files
    missing in it, of all flow logs), ``seen_by_peer`` (missing records that the other end logged: of `peers`),
    ``flows_across_gap`` (how many ran on across it), and from `estimates` of records: ``intervals``, ``observed``,
    ``low``, ``median``, ``high``, ``at_peak``, ``load``.
    """
    skipped, skips = gaps[gaps.kind == "skipdata"], pd.DataFrame(columns=["records", "samples"])
    if len(skipped):
        skips = skipdata_records(engine, skipped)
        skips.index = skipped.index.take(skips.index)
    slots = np.zeros(len(gaps), "int64")
    for row in missing_slots(files).itertuples():
        # Of a file of five minutes a gap may have only a part.
        into, out = gaps.start.clip(lower=row.start) - row.start, gaps.end.clip(upper=row.end) - row.start
        into, out = (time.dt.total_seconds().to_numpy() / SLOT for time in (into, out))
        slots += np.maximum(np.ceil(out) - np.floor(into), 0).astype("int64")
    across = coverage[coverage.state.isin(["SKIPDATA", "SILENT"])].reset_index(drop=True)
    flows = f"SELECT gap, count(*) AS flows FROM ({flows_across_gap(engine, across)}) AS cut GROUP BY gap"
    cut = across.join(engine.answer(flows).set_index("gap"))
    cut = cut.dropna(subset="flows").sort_values("start")
    own = gaps.dropna(subset="interface_id").reset_index(names="gap").sort_values("start")
    own = own[["gap", "interface_id", "start", "end"]].astype(dict(cut.dtypes[["interface_id", "start", "end"]]))
    cut = pd.merge_asof(cut, own, on="start", by="interface_id", suffixes=("", "_gap"))
    cut = cut[cut.end <= cut.end_gap].groupby("gap").flows.sum()
    of_records = estimates[estimates.measure == "records"].set_index("gap")
    return gaps.assign(
        records=skips.records.reindex(gaps.index).fillna(0).astype("int64"),
        samples=[skips.samples.get(number, ()) for number in gaps.index], files=slots,
        seen_by_peer=peers.groupby("gap").in_gap.first().reindex(gaps.index, fill_value=0),
        flows_across_gap=cut.reindex(gaps.index, fill_value=0).astype("int64"),
    ).join(of_records[["intervals", "observed", "low", "median", "high", "at_peak", "load"]])  # fmt: skip


def seen_by_peer(flows: object, gaps: pd.DataFrame, interfaces: pd.DataFrame, most: int = ROWS) -> pd.DataFrame:
    """Return records missing at one interface, as the interface at the other end logged them: rows, no estimate.

    A packet inside a VPC is logged where it leaves and where it arrives. One row a record, the first `most` of each
    gap, by start: ``interface_id`` (which lacks it), ``seen_by`` (which logged it), the fields of the record,
    ``flow_direction`` and ``action`` as the interface that lacks it had them (``action`` is null for what came in:
    whether it was rejected there, only that interface knew), ``gap`` (row of `gaps`), ``in_gap`` (how many there are).
    What the interface did log is left out.

    Never from or for NAT gateways, transit gateways and load balancers, which log other endpoints than their peers
    do: `interfaces` (own addresses) marks them as ``transit``; where the log has no field to tell, an interface is
    believed only if others have its address in their records.
    """
    own = interfaces[~interfaces.transit & ~interfaces.conflict & interfaces.address.notna()]
    own = own[["interface_id", "address"]].drop_duplicates()
    own = own[~own.address.duplicated(keep=False)].set_axis(["owner", "mine"], axis=1)
    engine = Engine.of(flows)
    engine.put("own", own)
    engine.define(named=_NAMED, far=_FROM_OTHER_END)
    # Which interfaces' addresses other interfaces, themselves at the other end, have in their records.
    met = "SELECT DISTINCT owner FROM far JOIN own ON far.mine = own.mine WHERE owner <> interface_id"
    known = engine.answer(met).owner if len(gaps) else ()
    ranges = _minutes(gaps, 1).rename(columns={"interface_id": "owner"}).merge(own, on="owner")
    engine.put("own", own[own.owner.isin(known)])
    engine.define(
        seen=within(engine, "far", ranges, ["mine"], "middle"),
        there=within(engine, "named", _minutes(gaps, 2), ["interface_id"], "middle"),
    )
    order = ["start", *FLOW, "seen_by"]
    table = engine.answer(f"""
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY gap ORDER BY "start", {", ".join(order[1:])}) AS nth,
            count(*) OVER (PARTITION BY gap) AS in_gap
        FROM ({_LOST}) AS lost
    ) AS ranked WHERE nth <= {most}""").sort_values(order, ignore_index=True)
    table = table.assign(start=utc(table.start), end=utc(table.end))
    more = ["packets", "bytes", "tcp_flags", "flow_direction", "action", "gap", "in_gap"]
    return table[["interface_id", "seen_by", "start", "end", *FLOW, *more]]


def flows_across_gap(engine: Engine, gaps: pd.DataFrame) -> str:
    """Return SQL for the flows that ran up to a gap and on after it, with no record in between: a lower bound of what is
    missing.

    One row a flow (one direction of a session) and gap: ``gap`` (row of `gaps`), ``interface_id``, `FLOW`, ``packets``
    (of the two intervals beside the gap). Only flows that were seen in the interval before and the interval after, that
    neither end before (FIN, RST) nor begin after (SYN).
    """
    engine.define(named=_NAMED)
    edges = {"opens": seconds(gaps.start), "closes": seconds(gaps.end), "width": gaps.interval}
    ranges = _minutes(gaps, 1).assign(**{name: edge.to_numpy() for name, edge in edges.items()})
    keys = ", ".join(["gap", "interface_id", *FLOW])
    return f"""
    SELECT {keys}, {total("CASE WHEN is_before OR is_after THEN packets ELSE 0 END")} AS packets
    FROM (
        SELECT *, coalesce(tcp_flags, 0) AS flags, "end" <= opens AND "end" > opens - width AS is_before,
            "start" >= closes AND "start" < closes + width AS is_after,
            "start" < closes AND {_LAST.format("near")} > opens + 1 AS is_inside
        FROM ({within(engine, "named", ranges, ["interface_id"], "middle")}) AS near
    ) AS beside
    GROUP BY {keys}
    HAVING max(CASE WHEN is_before THEN 1 ELSE 0 END) = 1 AND max(CASE WHEN is_after THEN 1 ELSE 0 END) = 1
        AND max(CASE WHEN is_inside AND NOT is_before AND NOT is_after THEN 1
            WHEN is_before AND (flags & {FIN | RST}) > 0 OR is_after AND (flags & {SYN}) > 0 THEN 1 ELSE 0 END) = 0"""


def skipdata_records(flows: object, gaps: pd.DataFrame) -> pd.DataFrame:
    """Return the SKIPDATA records of each gap: ``records``, ``samples`` (three, as v2 lines), by the row of `gaps`."""
    engine = Engine.of(flows)
    engine.define(
        skips="""
    SELECT interface_id, version, account_id, "start", "end" FROM flows
    WHERE log_status = 'SKIPDATA' AND "start" IS NOT NULL AND "end" IS NOT NULL"""
    )
    rows = engine.answer(f"""
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY gap ORDER BY "start", "end") AS nth, count(*) OVER (PARTITION BY gap) AS records
        FROM ({within(engine, "skips", _minutes(gaps, 0), ["interface_id"], "start")}) AS hidden
    ) AS ranked WHERE nth <= 3""")
    rows = rows.sort_values(["gap", "nth"]).fillna({"account_id": "-", "version": 2})
    rows["line"] = [
        f"{row.version:.0f} {row.account_id} {row.interface_id} - - - - - - - {row.start} {row.end} - SKIPDATA"
        for row in rows.itertuples()
    ]
    return rows.groupby("gap").agg(records=("records", "first"), samples=("line", tuple))


def _minutes(gaps: pd.DataFrame, slack: int) -> pd.DataFrame:
    """Return `gaps` as ranges of whole minutes, with `slack` intervals beside each: gap (row), interface_id, edges."""
    first = (seconds(gaps.start) - slack * gaps.interval) // 60 * 60
    last = (seconds(gaps.end) + slack * gaps.interval) // 60 * 60 + 60
    return pd.DataFrame({"interface_id": gaps.interface_id, "first": first, "last": last, "gap": np.arange(len(gaps))})
