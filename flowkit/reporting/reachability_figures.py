"""The figures of the reachability notebook."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from flowkit.analysis.network import protocol_name
from flowkit.analysis.reachability import ANSWERED, REFUSED, REPLY_REFUSED, RESET, SILENT, STATES
from flowkit.reporting.figures import COLOURS, alt, utc_axis

#: How each state is drawn: colour and shape both tell it.
MARKS = {
    ANSWERED: (COLOURS["accept"], "o"),
    SILENT: (COLOURS["skip"], "D"),
    RESET: (COLOURS["nodata"], "s"),
    REPLY_REFUSED: (COLOURS["reject"], "<"),
    REFUSED: (COLOURS["reject"], "X"),
}


def plot_reachability(reached: pd.DataFrame, top: int = 20, ax: Axes | None = None) -> Axes:
    """Who reaches what: source groups beside the `top` busiest services, a mark a state, its size by sessions."""
    rows = reached.dropna(subset=["port"])
    rows = rows.assign(service=[_label(row) for row in rows.itertuples()])
    services = list(rows.groupby("service")["sessions"].sum().nlargest(top).index)
    cells = rows[rows["service"].isin(services)].groupby(["source", "service", "state"])["sessions"].sum()
    cells = cells.reset_index()
    sources = sorted(cells["source"].unique())
    ax = ax or plt.subplots(figsize=(9, 1.4 + 0.32 * len(services)), layout="constrained")[1]
    # States of one cell stand side by side, in the middle of it.
    cells["nth"] = cells.groupby(["source", "service"]).cumcount()
    cells["of"] = cells.groupby(["source", "service"])["state"].transform("size") - 1
    cells["x"] = cells["source"].map(sources.index).astype(float) + 0.16 * (cells["nth"] - cells["of"] / 2)
    for state in STATES:
        some = cells[cells["state"] == state]
        size = 14 + 24 * np.log10(some["sessions"].clip(lower=1))
        colour, mark = MARKS[state]
        ax.scatter(
            some["x"], some["service"].map(services.index), s=size, color=colour, marker=mark, label=state
        )
    ax.set_xticks(range(len(sources)), sources, rotation=25, ha="right")
    ax.set_yticks(range(len(services)), services)
    ax.set_xlim(-0.5, max(len(sources), 1) - 0.5)
    ax.set_ylim(max(len(services), 1) - 0.5, -0.5)
    ax.grid(True, alpha=0.3)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=len(STATES), fontsize="small", frameon=False)
    alt(ax, f"{len(cells)} pairs of a source group and a service, coloured by what became of the attempts.")
    return ax


def plot_sessions_over_time(sessions: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Client connections over time, a band a service, each to its own scale; its greatest value beside it."""
    services = sessions.assign(service=[_label(row) for row in sessions.itertuples()])
    bands = list(services.groupby("service", sort=False))
    ax = ax or plt.subplots(figsize=(9, 1 + 0.6 * max(len(bands), 1)), layout="constrained")[1]
    for at, (_, rows) in enumerate(bands):
        top = at - 0.85 * rows["sessions"] / rows["sessions"].max()
        ax.fill_between(rows["time"], at, top, color=COLOURS["accept"], alpha=0.55, linewidth=0.8)
    labels = [f"{service}, at most {rows['sessions'].max():,}" for service, rows in bands]
    ax.set_yticks(range(len(bands)), labels)
    ax.set_ylim(max(len(bands), 1) - 0.8, -1)
    busiest = f"; {labels[0]} open connections" if labels else ""
    alt(ax, f"Open connections over time at {len(bands)} services{busiest}.")
    return utc_axis(ax)


def _label(row) -> str:
    host = row.destination if pd.isna(row.destination_name) else row.destination_name
    return f"{host} {protocol_name(row.protocol)}/{row.port}"
