"""The figures of the skipdata notebook."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.patches import Patch

from flowkit.analysis.coverage import CERTAIN
from flowkit.analysis.gaps import by_hour, by_interface
from flowkit.reporting.figures import COLOURS, alt, utc_axis
from flowkit.reporting.markup import visible
from flowkit.reporting.skipdata import hours_line, missed_line

#: How each state is drawn, and what the legend calls it; shape and colour both tell it.
LOOKS = {
    "certain": {"color": COLOURS["accept"], "alpha": 0.35},
    "OK+SKIP": {"facecolor": "none", "edgecolor": COLOURS["skip"], "hatch": "/////"},
    "SKIPDATA": {"color": COLOURS["skip"]},
    "SILENT": {"color": COLOURS["reject"]},
    "NOT_DELIVERED": {"color": "#24292f"},
    "PENDING": {"facecolor": "none", "edgecolor": COLOURS["muted"], "hatch": "....."},
}


def plot_coverage(cells: pd.DataFrame, snapshot=None, top: int = 20, ax: Axes | None = None) -> Axes:
    """Time lines of the `top` interfaces whose time is least certain, the worst first, with their gaps drawn.

    A gap is drawn at least wide enough to be seen.
    """
    worst = by_interface(cells).head(top)
    ax = ax or plt.subplots(figsize=(9, 1.3 + 0.3 * max(len(worst), 3)))[1]
    runs = cells[cells.interface_id.isin(worst.interface_id) & (cells.state != "OUTSIDE")]
    state = runs.state.where(~runs.state.isin(CERTAIN), "certain")
    joined = ((state != state.shift()) | (runs.interface_id != runs.interface_id.shift())).cumsum()
    runs = (
        runs.assign(state=state)
        .groupby(joined)
        .agg(
            interface_id=("interface_id", "first"),
            state=("state", "first"),
            start=("start", "min"),
            end=("end", "max"),
        )
    )
    least = (cells.end.max() - cells.start.min()) / 400 if len(cells) else None
    for look, style in LOOKS.items():
        some = runs[runs.state == look]
        for row, eni in enumerate(worst.interface_id):
            own = some[some.interface_id == eni]
            width = (own.end - own.start).clip(lower=least) / pd.Timedelta(days=1)
            if len(own):
                ax.broken_barh(
                    list(zip(date2num(own.start), width, strict=True)), (row - 0.36, 0.72), **style
                )
    names = [_name(eni, snapshot) for eni in worst.interface_id]
    labels = [f"{name}  {share:.1%}" for name, share in zip(names, worst.certain, strict=True)]
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(False, axis="y")
    shown = [
        Patch(label=look.replace("_", " ").lower(), **LOOKS[look])
        for look in LOOKS
        if (runs.state == look).any()
    ]
    if shown:
        ax.legend(
            handles=shown, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(shown), borderaxespad=0.1
        )
    gone = (~state.isin(["certain"])).any()
    told = f"least certain: {labels[0]}" if gone else "no gap in any" if labels else "no interface to show"
    alt(ax, f"Coverage over time of {len(labels)} interfaces, {told}.")
    return utc_axis(ax) if labels else ax


def plot_missed(lost: pd.DataFrame, snapshot=None, top: int = 20, ax: Axes | None = None) -> Axes:
    """How many records each gap probably hid: the band, its median, what is known, and the value at a peak."""
    told = lost[lost.high.notna()]
    told = told.loc[told.high.nlargest(top).index]
    ax = ax or plt.subplots(figsize=(9, 1.3 + 0.32 * max(len(told), 3)))[1]
    rows = range(len(told))
    ax.hlines(rows, told.low, told.high, color=COLOURS["skip"], linewidth=7, alpha=0.6, label="80 % band")
    ax.plot(told["median"], rows, "|", color="#24292f", markersize=11, label="median")
    ax.plot(
        told.recovered, rows, "o", color=COLOURS["accept"], markersize=5, label="known from the other end"
    )
    ax.plot(told.at_peak, rows, ">", color=COLOURS["reject"], markersize=5, label="if at its peak")
    names = [_name(eni, snapshot) for eni in told.interface_id]
    labels = [f"{name}  {start:%d %H:%M}" for name, start in zip(names, told.start, strict=True)]
    ax.set_yticks(rows, labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("records missing", loc="right")
    if labels:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.1)
    alt(ax, missed_line(lost))
    return ax


def plot_skips_by_hour(cells: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Minutes with skipped records by hour of the day, of all interfaces."""
    hours = by_hour(cells)
    ax = ax or plt.subplots(figsize=(9, 2.4))[1]
    ax.bar(hours.hour, hours.minutes, color=COLOURS["skip"], width=0.8)
    ax.set_xticks(range(0, 24, 3), [f"{hour:02}:00" for hour in range(0, 24, 3)])
    ax.set_xlabel("UTC", loc="right")
    ax.set_ylabel("minutes")
    ax.set_ylim(0, max(hours.minutes.max(), 1) * 1.05)
    alt(ax, hours_line(cells))
    return ax


def _name(eni, snapshot) -> str:
    return "all" if pd.isna(eni) else visible(snapshot.label(eni) if snapshot else eni)
