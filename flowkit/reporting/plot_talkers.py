"""The figures of who talks to whom."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from flowkit.folding.conversations import EVIDENCE
from flowkit.net import protocol_name
from flowkit.reporting.figures import COLOURS, finished, utc_axis
from flowkit.reporting.html import visible
from flowkit.reporting.tables import percent, size
from flowkit.reporting.talkers import WEAK, Talkers

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
    """Return accepted bytes over time: in above the line, out below it."""
    table = answer.over_time
    figure, ax = _axes(3.2)
    if len(table):
        width = table.time.diff().min() if len(table) > 1 else pd.Timedelta("50min")
        _stacked(
            ax.bar, table, [name for name, *_ in WAYS if name != "transit_bytes"], x=table.time, width=width * 0.92
        )
        ax.axhline(0, color=COLOURS["muted"], linewidth=0.8)
        utc_axis(ax)
    ax.yaxis.set_major_formatter(lambda value, _at: size(abs(value)))
    return finished(figure, answer.titles["bytes_over_time"])


def bytes_by_interface(answer: Talkers, top: int = 20) -> Figure:
    """Return accepted bytes of the `top` busiest interfaces: out to the left, in to the right."""
    table = answer.by_interface.head(top)
    figure, ax = _axes(1.3 + 0.3 * max(len(table), 3))
    _stacked(ax.barh, table, [name for name, *_ in WAYS], y=np.arange(len(table)), height=0.7)
    ax.set_yticks(range(len(table)), [visible(name) for name in table.name.fillna(table.interface_id)])
    ax.set_ylim(max(len(table), 1) - 0.4, -0.6)
    ax.axvline(0, color=COLOURS["muted"], linewidth=0.8)
    ax.grid(False, axis="y")
    ax.xaxis.set_major_formatter(lambda value, _at: size(abs(value)))
    return finished(figure, answer.titles["bytes_by_interface"])


def _stacked(bars, table: pd.DataFrame, names: list[str], **place) -> None:
    """Draw the columns `names` as stacked bars by `bars`, `ax.bar` or `ax.barh`; what is zero everywhere is left out."""
    bases = {1: np.zeros(len(table)), -1: np.zeros(len(table))}
    base = "bottom" if "x" in place else "left"
    span = place.pop("width", place.pop("height", None))
    where = place.pop("x", place.pop("y", None))
    for name, sign, label, colour in WAYS:
        values = sign * table[name].to_numpy("float64")
        if name in names and values.any():
            options = {base: bases[sign], "color": colour, "label": label}
            bars(where, values, span, **options, **({"align": "edge"} if base == "bottom" else {}))
            bases[sign] = bases[sign] + values
    if any(axis.any() for axis in bases.values()):
        plt.gca().legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=6, borderaxespad=0.1)


def pairs(answer: Talkers, top: int = 12) -> Figure:
    """Return the `top` pairs as bands from client (left) to server and service (right), as wide as their bytes."""
    table = answer.pairs.head(top)
    table = table.assign(bytes=table.client_bytes.astype("float64") + table.server_bytes.astype("float64"))
    table = table[table.bytes > 0]
    protocol = table.protocol.map(lambda number: "" if pd.isna(number) else protocol_name(int(number)))
    port = table.server_port.map(lambda number: "" if pd.isna(number) else f"/{number}")
    table = table.assign(
        client=table.client_name.fillna(table.client).map(visible),
        server=table.server_name.fillna(table.server).map(visible) + " " + protocol + port,
    )
    figure, ax = _axes(1 + 0.42 * max(table.client.nunique(), table.server.nunique(), 3))
    total, gap = table.bytes.sum(), 0.05
    places = {}
    for x, side in ((0, "client"), (1, "server")):
        top_of, sums = 0.0, table.groupby(side, sort=False).bytes.sum()
        for name, number in sums.items():
            share = number / total
            places[side, name] = top_of
            where = {"va": "center", "ha": "right" if x == 0 else "left", "fontsize": 9}
            ax.text(x + (-0.01, 0.01)[x], -(top_of + share / 2), f"{name}  {size(number)}", **where)
            top_of += share + gap
    for row in table.itertuples():
        share = row.bytes / total
        left, right = places["client", row.client], places["server", row.server]
        places["client", row.client] += share
        places["server", row.server] += share
        ax.add_patch(_band(-left, -right, share))
    ax.set_xlim(-0.55, 1.65)
    ax.set_ylim(-(1 + gap * max(len(places), 1)), 0.03)
    ax.set_axis_off()
    return finished(figure, answer.titles["pairs"], 6)


def _band(left: float, right: float, width: float) -> PathPatch:
    """Return a band from (0, left) to (1, right), its upper corners, that is `width` high."""
    points = [(0, left), (0.5, left), (0.5, right), (1, right), (1, right - width), (0.5, right - width),
              (0.5, left - width), (0, left - width), (0, left)]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return PathPatch(Path(points, codes), facecolor=COLOURS["accept"], alpha=0.45, linewidth=0)


def evidence(answer: Talkers) -> Figure:
    """Return the share of sessions by the evidence for who began, and how often it is right where a SYN tells."""
    table = answer.evidence.set_index("evidence").reindex(EVIDENCE)
    figure, ax = _axes(2.9)
    ax.barh(
        range(len(table)), table.share, 0.7, color=[COLOURS["muted" if name in WEAK else "accent"] for name in EVIDENCE]
    )
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
