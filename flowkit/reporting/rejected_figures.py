"""The figures of refused traffic."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from flowkit.analysis.incidents import KINDS
from flowkit.reporting.figures import COLOURS, utc_axis

#: Warm for what is refused and may be wanted, pale for what is not.
SHADES = {
    "acl-changed": "#7b2d00", "reply-refused": COLOURS["reject"], "blocked-client": "#f2a65e",
    "service-control": COLOURS["skip"], "late-packets": COLOURS["accent"], "scan": COLOURS["nodata"],
    "noise": COLOURS["muted"],
}  # fmt: skip


def plot_refused_over_time(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Refused records by hour, stacked by kind, each kind labelled with its total."""
    ax = ax or plt.subplots(figsize=(9, 3.2))[1]
    wide = table.pivot_table(index="start", columns="kind", values="records", aggfunc="sum", fill_value=0)
    base = pd.Series(0, wide.index)
    width = wide.index.to_series().diff().min() if len(wide) > 1 else pd.Timedelta(hours=1)
    for kind in [kind for kind in KINDS if kind in wide]:
        label = f"{kind} ({int(wide[kind].sum()):,})"
        ax.bar(
            wide.index,
            wide[kind],
            width=width * 0.9,
            bottom=base,
            align="edge",
            label=label,
            color=SHADES[kind],
        )
        base = base + wide[kind]
    ax.set_ylabel("refused records")
    if len(wide):
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        utc_axis(ax)
    return ax


def refused_line(table: pd.DataFrame) -> str:
    """One sentence on what the refused records of `refused_over_time` are."""
    sums = table.groupby("kind").records.sum().sort_values(ascending=False)
    if sums.empty:
        return "Nothing was refused."
    parts = ", ".join(f"{kind} {count:,}" for kind, count in sums.items())
    return f"{sums.sum():,} refused records: {parts}."
