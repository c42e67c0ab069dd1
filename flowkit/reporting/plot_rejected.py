"""The figure of rejected traffic."""

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from flowkit.questions.rejected import KINDS
from flowkit.reporting.figures import COLOURS, alt, step_width, utc_axis
from flowkit.reporting.rejected import VERDICTS, Rejected

#: Dark for what somebody should look at, pale for what needs nothing.
SHADES = {
    "blocked-service": "#7b2d00", "acl-changed": "#a33c00", "reply-refused": COLOURS["reject"],
    "blocked-client": "#f2a65e", "service-control": COLOURS["skip"], "late-packets": COLOURS["accent"],
    "scan": COLOURS["nodata"], "noise": COLOURS["muted"],
}  # fmt: skip


def rejections_over_time(answer: Rejected) -> Figure:
    """Return rejected records by time step, stacked by kind, each kind labelled with its total."""
    plt.style.use("flowkit.reporting.report")
    figure, ax = plt.subplots(figsize=(10, 3.4))
    title = answer.titles["rejections_over_time"]
    table = answer.over_time.dropna(subset="start")
    wide = table.pivot_table(index="start", columns="kind", values="records", aggfunc="sum", fill_value=0)
    steps = step_width(ax, wide.index.to_series()) if len(wide) else None
    base = pd.Series(0, wide.index)
    for kind in (kind for kind in KINDS if kind in wide):
        label = f"{VERDICTS[kind]} ({int(wide[kind].sum()):,})"
        ax.bar(wide.index, wide[kind], steps * 0.9, base, align="edge", label=label, color=SHADES[kind])
        base = base + wide[kind]
    ax.set_ylabel("rejected records")
    ax.set_title("\n".join(textwrap.wrap(title, 110)))
    if len(wide):
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        utc_axis(ax)
    alt(figure, title)
    plt.close(figure)  # it shows itself as the cell's value, once
    return figure
