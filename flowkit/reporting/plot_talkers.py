"""The figures of who talks to whom."""

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from flowkit.reporting.figures import COLOURS, alt, utc_axis
from flowkit.reporting.html import visible
from flowkit.reporting.talkers import WEAK, Talkers

#: The four ways of accepted traffic: column, what a reader calls it, colour; what comes in is above or right of zero.
WAYS = {
    "in_public_bytes": ("in, from the internet", COLOURS["reject"], 1),
    "in_private_bytes": ("in, private", "#f0b27a", 1),
    "out_public_bytes": ("out, to the internet", COLOURS["accept"], -1),
    "out_private_bytes": ("out, private", "#9cc9e3", -1),
}


def _canvas(answer: Talkers, name: str, height: float) -> tuple[Figure, Axes]:
    plt.style.use("flowkit.reporting.report")
    figure, ax = plt.subplots(figsize=(10, height))
    ax.set_title("\n".join(textwrap.wrap(visible(answer.titles[name]), 110)), pad=26)
    return figure, ax


def _shown(figure: Figure, ax: Axes, answer: Talkers, name: str) -> Figure:
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, borderaxespad=0.1)
    alt(figure, answer.titles[name])
    plt.close(figure)  # it shows itself as the cell's value, once
    return figure


def _bytes(axis) -> None:
    axis.set_major_formatter(lambda value, _position: EngFormatter(unit="B", sep=" ")(abs(value)))


def traffic_over_time(answer: Talkers) -> Figure:
    """Return accepted bytes by time step: in above the line, out below it."""
    figure, ax = _canvas(answer, "traffic_over_time", 3.4)
    table = answer.over_time
    width = table.time.diff().min() * 0.9 if len(table) > 1 else pd.Timedelta(minutes=50)
    base = {1: 0, -1: 0}
    for column, (label, colour, sign) in WAYS.items():
        values = sign * table[column].astype("float64")
        ax.bar(table.time, values, width, bottom=base[sign], align="edge", color=colour, label=label)
        base[sign] = base[sign] + values
    ax.axhline(0, color=COLOURS["muted"], linewidth=0.8)
    if len(table):
        utc_axis(ax)
    _bytes(ax.yaxis)
    return _shown(figure, ax, answer, "traffic_over_time")


def traffic_by_interface(answer: Talkers, top: int = 20) -> Figure:
    """Return accepted bytes of the `top` busiest interfaces: out to the left, in to the right."""
    table = answer.by_interface.head(top)
    figure, ax = _canvas(answer, "traffic_by_interface", 1.2 + 0.3 * max(len(table), 3))
    rows, base = range(len(table)), {1: 0, -1: 0}
    for column, (label, colour, sign) in WAYS.items():
        values = sign * table[column].astype("float64")
        ax.barh(rows, values, 0.7, left=base[sign], color=colour, label=label)
        base[sign] = base[sign] + values
    ax.barh(rows, table.transit_bytes.astype("float64"), 0.7, color=COLOURS["nodata"], label="in transit")
    ax.set_yticks(rows, [visible(name) for name in table.name])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.axvline(0, color=COLOURS["muted"], linewidth=0.8)
    ax.grid(False, axis="y")
    _bytes(ax.xaxis)
    return _shown(figure, ax, answer, "traffic_by_interface")


def talkers(answer: Talkers) -> Figure:
    """Return the bytes that each of the heaviest addresses sent and received, each byte counted once."""
    table = answer.talkers
    figure, ax = _canvas(answer, "talkers", 1.2 + 0.3 * max(len(table), 3))
    rows, sent = range(len(table)), table.sent_bytes.astype("float64")
    ax.barh(rows, sent, 0.7, color=COLOURS["accept"], label="sent")
    ax.barh(
        rows,
        table.received_bytes.astype("float64"),
        0.7,
        left=sent,
        color=COLOURS["reject"],
        label="received",
    )
    ax.set_yticks(rows, [visible(address) for address in table.address])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.grid(False, axis="y")
    _bytes(ax.xaxis)
    return _shown(figure, ax, answer, "talkers")


def evidence(answer: Talkers) -> Figure:
    """Return the share of sessions by the evidence for their client, and how often it is right where that is known."""
    figure, ax = _canvas(answer, "evidence", 3)
    table = answer.evidence
    rows = range(len(table))
    ax.barh(
        rows,
        table.share,
        0.7,
        color=[COLOURS["muted" if name in WEAK else "accent"] for name in table.evidence],
    )
    for row, one in enumerate(table.itertuples()):
        right = "" if pd.isna(one.right_share) else f", right in {one.right_share:.1%} of those with a SYN"
        ax.text(one.share + 0.01, row, f"{one.share:.1%}{right}", va="center", fontsize=9)
    ax.set_yticks(rows, table.evidence)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(0, 1.4)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.grid(False, axis="y")
    return _shown(figure, ax, answer, "evidence")
