"""The figures of reachability."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from flowkit.questions.pairs import ANSWERED, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.reporting.figures import COLOURS, alt, finished, utc_axis
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


def sessions_over_time(answer: Reachability) -> Figure:
    """Return new sessions over time, a band a service, each to its own scale, its greatest value beside it."""
    plt.style.use("flowkit.reporting.report")
    table = answer.sessions_over_time
    bands = list(table.groupby(["host", "service"], sort=False))
    figure, ax = plt.subplots(figsize=(10, 1 + 0.6 * max(len(bands), 1)), layout="constrained")
    every = table["time"].drop_duplicates().sort_values()
    step = every.diff().min() if len(every) > 1 else pd.Timedelta(minutes=1)
    for at, (_, rows) in enumerate(bands):
        height = -0.85 * rows["sessions"] / rows["sessions"].max()
        ax.bar(rows["time"], height, step, at, align="edge", color=COLOURS["accept"], alpha=0.6)
    ax.set_yticks(range(len(bands)), [f"{' '.join(name)}, at most {rows['sessions'].max():,}" for name, rows in bands])
    ax.set_ylim(max(len(bands), 1) - 0.8, -1)
    if bands:
        utc_axis(ax)
    return finished(figure, answer.titles["sessions_over_time"], 6)
