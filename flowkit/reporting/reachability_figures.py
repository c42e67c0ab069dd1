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
    for state in STATES:
        some = cells[cells["state"] == state]
        x = some["source"].map(sources.index) + 0.14 * (STATES.index(state) - 2)
        size = 14 + 24 * np.log10(some["sessions"].clip(lower=1))
        colour, mark = MARKS[state]
        ax.scatter(x, some["service"].map(services.index), s=size, color=colour, marker=mark, label=state)
    ax.set_xticks(range(len(sources)), sources, rotation=25, ha="right")
    ax.set_yticks(range(len(services)), services)
    ax.set_ylim(len(services) - 0.5, -0.5)
    ax.grid(True, alpha=0.3)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=len(STATES), fontsize="small", frameon=False)
    alt(ax, f"{len(cells)} pairs of a source group and a service, coloured by what became of the attempts.")
    return ax


def plot_sessions_over_time(sessions: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Client connections over time, a line a service, named at its end."""
    ax = ax or plt.subplots(figsize=(9, 3.4), layout="constrained")[1]
    services = sessions.assign(service=[_label(row) for row in sessions.itertuples()])
    for service, rows in services.groupby("service", sort=False):
        (line,) = ax.plot(rows["time"], rows["sessions"], marker="." if len(rows) < 3 else None)
        end = (rows["time"].iloc[-1], rows["sessions"].iloc[-1])
        ax.annotate(f" {service}", end, color=line.get_color(), va="center", fontsize="small")
    ax.set_ylim(bottom=0)
    ax.set_ylabel("open connections")
    busiest = f", most at {services['service'].iloc[services['sessions'].argmax()]}" if len(services) else ""
    alt(ax, f"Open connections over time at {services['service'].nunique()} services{busiest}.")
    return utc_axis(ax)


def _label(row) -> str:
    host = row.destination if pd.isna(row.destination_name) else row.destination_name
    return f"{host} {protocol_name(row.protocol)}/{row.port}"
