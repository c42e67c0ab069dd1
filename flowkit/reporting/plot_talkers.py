"""The figures of who talks to whom."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from flowkit.folding.conversations import EVIDENCE
from flowkit.net import protocol_name
from flowkit.reporting.figures import COLOURS, finished, step_width, utc_axis
from flowkit.reporting.tables import percent, size
from flowkit.reporting.talkers import WEAK, Talkers
from flowkit.words import visible

#: The ways of accepted traffic: column, sign on the axis, what the legend calls it, colour.
WAYS = (
    ("in_public_bytes", 1, "in, from public", COLOURS["accept"]),
    ("in_private_bytes", 1, "in, from private", "#9cc9e3"),
    ("out_public_bytes", -1, "out, to public", "#5a9e6f"),
    ("out_private_bytes", -1, "out, to private", "#b5d6be"),
    ("transit_bytes", 1, "transit", COLOURS["muted"]),
    ("unknown_bytes", 1, "direction unknown", COLOURS["nodata"]),
)


def bytes_over_time(answer: Talkers) -> Figure:
    """Return accepted bytes over time: in above the line, out below it; without transit, which would be twice in it."""
    table = answer.over_time
    figure, ax = _axes(3.2)
    if len(table):
        width = step_width(ax, table.time)
        _stacked(ax, table.drop(columns="transit_bytes"), lambda *bar, **look: ax.bar(
            table.time, bar[0], width * 0.92, bar[1], align="edge", **look
        ))  # fmt: skip
        ax.axhline(0, color=COLOURS["muted"], linewidth=0.8)
        utc_axis(ax)
    ax.yaxis.set_major_formatter(lambda value, _at: size(abs(value)))
    return finished(figure, answer.titles["bytes_over_time"])


def bytes_by_interface(answer: Talkers, top: int = 20) -> Figure:
    """Return accepted bytes of the `top` busiest interfaces: out to the left, in to the right."""
    table = answer.by_interface.head(top)
    figure, ax = _axes(1.3 + 0.3 * max(len(table), 3))
    _stacked(ax, table, lambda values, base, **look: ax.barh(range(len(table)), values, 0.7, base, **look))
    ax.set_yticks(range(len(table)), [visible(name) for name in table.name.fillna(table.interface_id)])
    ax.set_ylim(max(len(table), 1) - 0.4, -0.6)
    ax.axvline(0, color=COLOURS["muted"], linewidth=0.8)
    ax.grid(False, axis="y")
    ax.xaxis.set_major_formatter(lambda value, _at: size(abs(value)))
    return finished(figure, answer.titles["bytes_by_interface"])


def _stacked(ax, table: pd.DataFrame, draw) -> None:
    """Stack the columns of `WAYS` that `table` has by `draw(values, base, …)`; what is zero everywhere is left out."""
    bases = {1: np.zeros(len(table)), -1: np.zeros(len(table))}
    for name, sign, label, colour in WAYS:
        values = sign * table[name].to_numpy("float64") if name in table else np.zeros(0)
        if values.any():
            draw(values, bases[sign], color=colour, label=label)
            bases[sign] = bases[sign] + values
    if any(base.any() for base in bases.values()):
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=6, borderaxespad=0.1)


def pairs(answer: Talkers, top: int = 12) -> Figure:
    """Return the `top` pairs as bands from client (left) to server and service (right), as wide as their bytes."""
    table = answer.pairs.head(top)
    protocol = table.protocol.map(lambda number: "" if pd.isna(number) else f" {protocol_name(int(number))}")
    port = table.server_port.map(lambda number: "" if pd.isna(number) else f"/{number}")
    table = table.assign(
        bytes=table.client_bytes.astype("float64") + table.server_bytes.astype("float64"),
        client=table.client_name.fillna(table.client).map(visible),
        server=table.server_name.fillna(table.server).map(visible) + protocol + port,
    )
    table = table[table.bytes > 0]
    figure, ax = _axes(1 + 0.42 * max(table.client.nunique(), table.server.nunique(), 3))
    total, gap, places = table.bytes.sum(), 0.05, {}
    for x, side, where in ((-0.01, "client", "right"), (1.01, "server", "left")):
        top_of = 0.0
        for name, number in table.groupby(side, sort=False).bytes.sum().items():
            places[side, name] = top_of
            words = f"{name}  {size(number)}"
            ax.text(x, -(top_of + number / total / 2), words, va="center", ha=where, fontsize=9)
            top_of += number / total + gap
    at = np.linspace(0, 1, 40)
    for row in table.itertuples():
        share, left, right = row.bytes / total, places["client", row.client], places["server", row.server]
        places["client", row.client] += share
        places["server", row.server] += share
        upper = -left + (left - right) * (3 * at**2 - 2 * at**3)
        ax.fill_between(at, upper, upper - share, color=COLOURS["accept"], alpha=0.45, linewidth=0)
    ax.set_xlim(-0.55, 1.65)
    ax.set_ylim(-(1 + gap * max(len(places), 1)), 0.03)
    ax.set_axis_off()
    return finished(figure, answer.titles["pairs"], 6)


def evidence(answer: Talkers) -> Figure:
    """Return the share of sessions by the evidence for who began, and how often it is right where a SYN tells."""
    table = answer.evidence.set_index("evidence").reindex(EVIDENCE)
    figure, ax = _axes(2.9)
    colours = [COLOURS["muted" if name in WEAK else "accent"] for name in EVIDENCE]
    ax.barh(range(len(table)), table.share, 0.7, color=colours)
    for at, row in enumerate(table.itertuples()):
        known = "" if pd.isna(row.right_share) else f", right in {percent(row.right_share)} where a SYN tells"
        ax.text(row.share + 0.01, at, f"{percent(row.share)}{known}", va="center", fontsize=9)
    ax.set_yticks(range(len(table)), EVIDENCE)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(0, 1.4)
    ax.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    ax.grid(False, axis="y")
    return finished(figure, answer.titles["evidence"], 6)


def _axes(height: float) -> tuple:
    plt.style.use("flowkit.reporting.report")
    return plt.subplots(figsize=(9, height))
