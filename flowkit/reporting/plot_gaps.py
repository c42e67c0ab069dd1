"""The figures of what the logs did not see."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from flowkit.folding.ranges import merged, seconds, sweep, utc
from flowkit.reporting.figures import COLOURS, finished, utc_axis
from flowkit.reporting.gaps import Gaps
from flowkit.words import visible

#: How each state is drawn and what the legend calls it; shape and colour both tell it.
LOOKS = {
    "OK+SKIP": ("skipped in part", {"facecolor": "none", "edgecolor": COLOURS["skip"], "hatch": "/////"}),
    "SKIPDATA": ("SKIPDATA", {"color": COLOURS["skip"]}),
    "SILENT": ("no record of any status", {"color": COLOURS["reject"]}),
    "NOT_DELIVERED": ("not delivered", {"color": COLOURS["muted"]}),
}


def coverage(answer: Gaps, top: int = 20) -> Figure:
    """Return the gaps over time, one row for each of the `top` interfaces with most of their own, worst first.

    The thin line is the time that the log covers. What is missing for all is one row; a gap is wide enough to be seen.
    """
    intervals = answer.intervals
    gone = intervals[intervals.state.isin(LOOKS)]
    own = gone[gone.state != "NOT_DELIVERED"].interface_id.unique()
    rows = answer.interfaces[answer.interfaces.interface_id.isin(own)].head(top)
    names = rows.name if "name" in rows else rows.interface_id
    labels = [f"{visible(name)}  {share:.1%}" for name, share in zip(names, rows.certain, strict=True)]
    lost = gone[gone.state == "NOT_DELIVERED"]
    parts = [gone[(gone.interface_id == eni) & (gone.state != "NOT_DELIVERED")] for eni in rows.interface_id]
    if len(lost):
        many = lost.interface_id.nunique()
        labels.append(f"{many:,} interface{'s'[: many != 1]}")
        parts.append(lost)
    figure, ax = _rows(len(labels))
    if len(intervals):
        first, last = intervals.start.min(), intervals.end.max()
        least = max(int((last - first).total_seconds()) // 400, 1)
        ax.hlines(range(len(labels)), first, last, color=COLOURS["nodata"], linewidth=1.5, zorder=0)
        for row, part in enumerate(parts):
            for state, some in part.groupby("state"):
                begin = seconds(some.start).to_numpy()
                # A bar is wide enough to be seen, and those that touch are one.
                end = np.maximum(seconds(some.end).to_numpy(), begin + least)
                _code, begin, end, _bits = merged(*sweep([(np.zeros(len(begin), int), begin, end, 1)]))
                bars = list(zip(date2num(utc(begin)), (end - begin) / 86400, strict=True))
                ax.broken_barh(bars, (row - 0.36, 0.72), **LOOKS[state][1])
        utc_axis(ax)
    ax.set_yticks(range(len(labels)), labels)
    shown = [Patch(label=label, **look) for state, (label, look) in LOOKS.items() if (gone.state == state).any()]
    if shown:
        ax.legend(handles=shown, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.1)
    return finished(figure, answer.titles["coverage"])


def missing_records(answer: Gaps, top: int = 20) -> Figure:
    """Return how many records each gap probably hid: the band, its median, what is known, and the value at a peak."""
    some = answer.gaps[answer.gaps.high.notna()]
    some = some.loc[some.high.nlargest(top).index]
    names = dict(zip(answer.affected.index, answer.affected.interface, strict=True))
    figure, ax = _rows(len(some))
    rows = range(len(some))
    ax.hlines(rows, some.low, some.high, color=COLOURS["skip"], linewidth=7, alpha=0.6, label="80 % band")
    ax.plot(some["median"], rows, "|", color="#24292f", markersize=11, label="median")
    ax.plot(some.seen_by_peer, rows, "o", color=COLOURS["accept"], markersize=5, label="seen by the peer")
    ax.plot(some.at_peak, rows, ">", color=COLOURS["reject"], markersize=5, label="at the interface's peak")
    ax.set_yticks(rows, [f"{visible(names[gap.Index])}  {gap.start:%m-%d %H:%M}" for gap in some.itertuples()])
    ax.set_xlim(left=0)
    ax.set_xlabel("records missing", loc="right")
    if len(some):
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.1)
    return finished(figure, answer.titles["missing_records"])


def skips_by_hour(answer: Gaps) -> Figure:
    """Return minutes with skipped records by hour of the day, of all interfaces."""
    hours = answer.by_hour
    figure, ax = _axes(2.4)
    ax.bar(hours.hour, hours.minutes, color=COLOURS["skip"], width=0.8)
    ax.set_xticks(range(0, 24, 3), [f"{hour:02}:00" for hour in range(0, 24, 3)])
    ax.set_xlabel("hour of the day, UTC", loc="right")
    ax.set_ylabel("minutes")
    ax.set_ylim(0, max(hours.minutes.max(), 1) * 1.05)
    return finished(figure, answer.titles["skips_by_hour"], 6)


def _axes(height: float) -> tuple:
    plt.style.use("flowkit.reporting.report")
    return plt.subplots(figsize=(9, height))


def _rows(count: int) -> tuple:
    """Return a figure of `count` rows, the first at the top."""
    figure, ax = _axes(1.3 + 0.32 * max(count, 3))
    ax.set_ylim(max(count, 1) - 0.4, -0.6)
    ax.grid(False, axis="y")
    return figure, ax
