"""The figure of reachability."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from flowkit.questions.reachability import ANSWERED, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.reporting.figures import COLOURS, alt
from flowkit.reporting.reachability import Reachability
from flowkit.reporting.reachability_findings import MEANING

#: How each state is drawn: colour and shape both tell it.
MARKS = {
    ANSWERED: (COLOURS["accept"], "o"), SILENT: (COLOURS["skip"], "D"), RESET: (COLOURS["nodata"], "s"),
    REPLY_REFUSED: (COLOURS["reject"], "<"), REFUSED: (COLOURS["reject"], "X"),
}  # fmt: skip
#: Source groups that have a column of their own; the others share the last one.
COLUMNS = 24


def reachability(answer: Reachability, top: int = 20) -> Figure:
    """Return a matrix of source groups by service, those with most trouble first, a mark a state, its size by sessions."""
    plt.style.use("flowkit.reporting.report")
    rows = answer.services.dropna(subset=["port"])
    failing = (rows["state"] != ANSWERED) & (rows["clients"] > rows["scanners"])
    rows = rows.assign(
        row=rows["host"].astype(str) + " " + rows["service"].astype(str), trouble=rows["sessions"].where(failing, 0)
    )
    services, sources = (
        list(
            rows.groupby(by)[["trouble", "sessions"]].sum().sort_values(["trouble", "sessions"], ascending=False).index
        )
        for by in ("row", "source")
    )
    rest = len(sources) - COLUMNS
    others = f"{rest} other sources"
    columns = [*sources[:COLUMNS], *([others] if rest > 0 else [])]
    rows = rows[rows["row"].isin(services[:top])]
    rows["source"] = rows["source"].where(rows["source"].isin(columns), others)
    cells = rows.groupby(["source", "row", "state"], as_index=False)["sessions"].sum()
    # States of one cell stand side by side, in the middle of it.
    beside = cells.groupby(["source", "row"])
    offset = 0.2 * (beside.cumcount() - (beside["state"].transform("size") - 1) / 2)
    x, y = cells["source"].map(columns.index).astype(float) + offset, cells["row"].map(services.index).astype(float)
    shown = min(top, len(services))
    size = (max(4.5, min(11, 4 + 0.8 * len(columns))), 1.8 + 0.3 * shown)
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    for state, (colour, mark) in MARKS.items():
        if (here := cells["state"] == state).any():
            area = 14 + 20 * np.log10(cells.loc[here, "sessions"].clip(lower=1))
            ax.scatter(x[here], y[here], s=area, color=colour, marker=mark, label=MEANING[state])
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="right")
    ax.set_yticks(range(shown), services[:top])
    ax.set_xlim(-0.6, max(len(columns), 1) - 0.4)
    ax.set_ylim(max(shown, 1) - 0.5, -0.5)
    ax.grid(True, alpha=0.3)
    more = f"; {len(services) - shown} more services in the table" if len(services) > shown else ""
    title = answer.titles["reachability"] + more
    figure.suptitle("\n".join(textwrap.wrap(title, 90)), x=0.01, ha="left")
    if len(cells):
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3, fontsize="small", frameon=False)
    alt(figure, title)
    plt.close(figure)  # it shows itself as the cell's value, once
    return figure
