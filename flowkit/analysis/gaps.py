"""Where a log has gaps: each one as a row, and what they have in common.

Works on the cells of `flowkit.analysis.coverage`.
"""

import pandas as pd

from flowkit.analysis.coverage import CERTAIN, GAPS, steady
from flowkit.analysis.missed import minutes

#: Skipped windows of one interface that lie no further apart than so many intervals are one gap.
EPISODE = 10
COLUMNS = [
    "kind",
    "interface_id",
    "start",
    "end",
    "interval",
    "uncertain",
    "interfaces",
    "returned",
    "steady",
]


def gaps(cells) -> pd.DataFrame:
    """Every gap of the log, one row each, by start.

    Columns: kind (skipdata, silent-interface or not-delivered); interface_id (null: several); start, end
    (UTC, the gap's edges); interval (seconds); uncertain (Timedelta: how much of the gap is uncertain at the
    interface, as certain windows may lie between skipped ones); interfaces (how many it concerns);
    returned (whether records followed); steady (False where the interface falls silent so often that silence
    may be how it reports: a log without NODATA records looks like that).
    """
    finders = {"SKIPDATA": _skipped, "OK+SKIP": _skipped, "SILENT": _silent, "NOT_DELIVERED": _lost}
    parts = [
        finder(cells)
        for finder in dict.fromkeys(finders[one] for one in finders if (cells.state == one).any())
    ]
    if not parts:
        none = cells.assign(
            kind="", uncertain=cells.end - cells.start, interfaces=1, returned=True, steady=True
        )
        return none[COLUMNS][:0]
    found = pd.concat(parts, ignore_index=True)[COLUMNS]
    return found.sort_values(["start", "kind", "interface_id"], ignore_index=True)


def _skipped(cells) -> pd.DataFrame:
    """SKIPDATA runs of an interface, those near each other joined."""
    skips = cells[cells.state.isin(["SKIPDATA", "OK+SKIP"])]
    near = pd.to_timedelta(EPISODE * skips.interval, unit="s")
    made = _joined(skips, skips.start - skips.groupby("interface_id").end.shift() > near)
    return made.assign(kind="skipdata", interfaces=1, returned=True, steady=True)


def _silent(cells) -> pd.DataFrame:
    """SILENT runs of an interface, those joined between which only a file is missing."""
    silent = cells[cells.state.isin(["SILENT", "NOT_DELIVERED"])]
    silent = silent.assign(apart=silent.start != silent.groupby("interface_id").end.shift())
    silent["episode"] = silent.apart.cumsum()
    silent = silent[silent.groupby("episode").state.transform(lambda states: (states == "SILENT").any())]
    known = cells[cells.state.isin(CERTAIN)]
    windows = (known.end - known.start).dt.total_seconds() / known.interval
    windows = windows.groupby(known.interface_id).sum()
    last = cells[cells.state.isin([*CERTAIN, *GAPS[:2]])].groupby("interface_id").end.max()
    made = _joined(silent, silent.apart)
    runs = made.interface_id.map(made.interface_id.value_counts())
    regular = steady(made.interface_id.map(windows).fillna(0), runs)
    returned = made.interface_id.map(last) > made.end
    return made.assign(kind="silent-interface", interfaces=1, returned=returned, steady=regular)


def _lost(cells) -> pd.DataFrame:
    """NOT_DELIVERED runs of all interfaces, those that overlap in time joined."""
    lost = cells[cells.state == "NOT_DELIVERED"].sort_values(["start", "end"])
    reach = lost.end.cummax().shift()
    made = _joined(lost.assign(who="all"), lost.start > reach, by="who", count=True)
    return made.assign(kind="not-delivered", returned=True, steady=True)


def _joined(cells, apart, by="interface_id", count=False) -> pd.DataFrame:
    """`cells` of one `by` in one row from each that is `apart` from the one before."""
    number = apart.groupby(cells[by]).cumsum()
    cells = cells.assign(number=number.astype("int64"), uncertain=cells.end - cells.start)
    made = cells.groupby([by, "number"], as_index=False).agg(
        who=("interface_id", "first"),
        interfaces=("interface_id", "nunique"),
        start=("start", "min"),
        end=("end", "max"),
        interval=("interval", "max"),
        uncertain=("uncertain", "sum"),
    )
    if count:
        made["uncertain"] /= made.interfaces
    return made.assign(interface_id=made.who.where(made.interfaces == 1)).drop(columns=["who", "number"])


def by_interface(cells, snapshot=None) -> pd.DataFrame:
    """How much of each interface's time is certain, the worst first.

    Columns: interface_id, name (where a `snapshot` is given), certain (share of its time, as `covered_share`),
    skipped, silent, undelivered (Timedelta of SKIPDATA and OK+SKIP, SILENT, NOT_DELIVERED time), longest
    (Timedelta, the longest run of one of these), last (UTC, when the last of them ended).
    """
    alive = cells[cells.state != "OUTSIDE"]
    alive = alive.assign(span=alive.end - alive.start)
    kinds = {"OK+SKIP": "skipped", "SKIPDATA": "skipped", "SILENT": "silent", "NOT_DELIVERED": "undelivered"}
    spans = alive.assign(kind=alive.state.map(kinds).fillna("known")).pivot_table(
        index="interface_id", columns="kind", values="span", aggfunc="sum", fill_value=pd.Timedelta(0)
    )
    names = ["skipped", "silent", "undelivered"]
    table = spans.reindex(columns=names, fill_value=pd.Timedelta(0))
    whole = alive.groupby("interface_id").span.sum()
    certain = alive[alive.state.isin(CERTAIN)].groupby("interface_id").span.sum()
    table.insert(
        0, "certain", (certain.reindex(whole.index, fill_value=pd.Timedelta(0)) / whole).astype(float)
    )
    runs = alive[alive.state.isin(kinds)].groupby("interface_id")
    table = table.assign(longest=runs.span.max(), last=runs.end.max()).reset_index()
    if snapshot:
        table.insert(1, "name", table.interface_id.map(snapshot.label))
    return table.sort_values(["certain", "interface_id"], ignore_index=True).rename_axis(columns=None)


def by_hour(cells) -> pd.DataFrame:
    """In which hours of the day records were skipped: hour (UTC, 0 to 23), minutes (of all interfaces)."""
    skips = cells[cells.state.isin(["SKIPDATA", "OK+SKIP"])].reset_index(drop=True)
    hour = minutes(skips, around=0).minute // 60 % 24
    return (
        hour.value_counts()
        .reindex(range(24), fill_value=0)
        .rename_axis("hour")
        .rename("minutes")
        .reset_index()
    )
