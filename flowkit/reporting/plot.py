"""Every figure: `fk.plot.<name>(answer)`, with the title and alt text that come with the answer."""

import textwrap
from collections.abc import Callable, Iterable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from flowkit.folding.ranges import merged, seconds, sweep, utc
from flowkit.language import translated
from flowkit.questions.reachability import ANSWERED, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.questions.rejected import KINDS
from flowkit.reporting.figures import COLOURS, alt, finished, step_width, utc_axis
from flowkit.reporting.gaps import Gaps
from flowkit.reporting.html import INK, percent, size
from flowkit.reporting.kinds import text
from flowkit.reporting.reachability import Reachability
from flowkit.reporting.reachability_findings import meaning
from flowkit.reporting.rejected import VERDICTS, Rejected
from flowkit.reporting.talkers import WEAK, Talkers
from flowkit.words import visible

__all__ = [
    "bytes_by_interface", "bytes_over_time", "coverage", "evidence", "missing_records", "pairs", "reachability",
    "rejections_over_time", "skips_by_hour",
]  # fmt: skip
#: How each state of a gap is drawn and what the legend calls it; shape and colour both tell it.
LOOKS = {
    "OK+SKIP": ("skipped in part", {"facecolor": "none", "edgecolor": COLOURS["skip"], "hatch": "/////"}),
    "SKIPDATA": ("SKIPDATA", {"color": COLOURS["skip"]}),
    "SILENT": ("no record of any status", {"color": COLOURS["reject"]}),
    "NOT_DELIVERED": ("not delivered", {"color": COLOURS["muted"]}),
}
#: How each state of a service is drawn.
MARKS = {
    ANSWERED: (COLOURS["accept"], "o"), SILENT: (COLOURS["skip"], "D"), RESET: (COLOURS["nodata"], "s"),
    REPLY_REFUSED: (COLOURS["reject"], "<"), REFUSED: (COLOURS["reject"], "X"),
}  # fmt: skip
#: Source groups that have a column of their own; the others share the last one.
COLUMNS = 24
#: Rejected traffic: dark for what somebody should look at, pale for what needs nothing.
SHADES = {
    "blocked-service": "#7b2d00", "acl-changed": "#a33c00", "reply-refused": COLOURS["reject"],
    "blocked-client": "#f2a65e", "service-control": COLOURS["skip"], "late-packets": COLOURS["accent"],
    "scan": COLOURS["nodata"], "noise": COLOURS["muted"],
}  # fmt: skip
#: The ways of accepted traffic: column, sign on the axis, what the legend calls it, colour.
WAYS = (
    ("in_public_bytes", 1, "in, from public", COLOURS["accept"]),
    ("in_private_bytes", 1, "in, from private", "#9cc9e3"),
    ("out_public_bytes", -1, "out, to public", "#5a9e6f"),
    ("out_private_bytes", -1, "out, to private", "#b5d6be"),
    ("transit_bytes", 1, "transit", COLOURS["muted"]),
    ("unknown_bytes", 1, "direction unknown", COLOURS["nodata"]),
)


def coverage(answer: Gaps, top: int = 20) -> Figure:
    """Return the gaps over time, one row for each of the `top` interfaces with most of their own, worst first; what is
    missing for all is one row, and the thin line is the time that the log covers."""
    intervals = answer.intervals
    gone = intervals[intervals.state.isin(LOOKS)]
    is_lost = gone.state == "NOT_DELIVERED"
    own, lost = gone[~is_lost], gone[is_lost]
    rows = answer.interfaces[answer.interfaces.interface_id.isin(own.interface_id)].head(top)
    names = rows.get("name", rows.interface_id)
    labels = [f"{visible(name)}  {percent(share)}" for name, share in zip(names, rows.certain, strict=True)]
    parts = [own[own.interface_id == eni] for eni in rows.interface_id]
    if len(lost):
        labels.append(translated("{n:interface}", n=lost.interface_id.nunique()))
        parts.append(lost)
    figure, ax = _rows(labels)
    if len(intervals):
        first, last = intervals.start.min(), intervals.end.max()
        least = max(int((last - first).total_seconds()) // 400, 1)
        ax.hlines(range(len(labels)), first, last, color=COLOURS["nodata"], linewidth=1.5, zorder=0)
        for row, part in enumerate(parts):
            for state, some in part.groupby("state"):
                begin = seconds(some.start).to_numpy()
                # A bar is wide enough to be seen, and those that touch are one.
                end = np.maximum(seconds(some.end).to_numpy(), begin + least)
                _code, begin, end, _bits = merged(*sweep([(np.zeros(len(begin), int), begin, end, 1)]))
                bars = list(zip(date2num(utc(begin)), (end - begin) / 86400, strict=True))
                ax.broken_barh(bars, (row - 0.36, 0.72), **LOOKS[state][1])
        utc_axis(ax)
    looks = [look for state, look in LOOKS.items() if state in {*gone.state}]
    _legend(ax, 4, [Patch(label=translated(label), **look) for label, look in looks])
    return finished(figure, answer.titles["coverage"])


def missing_records(answer: Gaps, top: int = 20) -> Figure:
    """Return how many records each gap probably hid: the band, its median, what is known, and the value at a peak."""
    some = answer.gaps[answer.gaps.high.notna()]
    some = some.loc[some.high.nlargest(top).index]
    names = dict(zip(answer.affected.index, answer.affected.interface, strict=True))
    figure, ax = _rows([f"{visible(names[gap.Index])}  {gap.start:%m-%d %H:%M}" for gap in some.itertuples()])
    rows = range(len(some))
    ax.hlines(rows, some.low, some.high, color=COLOURS["skip"], linewidth=7, alpha=0.6, label=translated("80 % band"))
    for column, mark, colour, length, label in (
        ("median", "|", INK, 11, "median"),
        ("seen_by_peer", "o", COLOURS["accept"], 5, "seen by the peer"),
        ("at_peak", ">", COLOURS["reject"], 5, "at the interface's peak"),
    ):
        ax.plot(some[column], rows, mark, color=colour, markersize=length, label=translated(label))
    ax.set_xlim(left=0)
    ax.set_xlabel(translated("records missing"), loc="right")
    if len(some):
        _legend(ax, 4)
    return finished(figure, answer.titles["missing_records"])


def skips_by_hour(answer: Gaps) -> Figure:
    """Return minutes with skipped records by hour of the day, of all interfaces."""
    hours = answer.by_hour
    figure, ax = _axes(2.4)
    ax.bar(hours.hour, hours.minutes, color=COLOURS["skip"], width=0.8)
    ax.set_xticks(range(0, 24, 3), [f"{hour:02}:00" for hour in range(0, 24, 3)])
    ax.set_xlabel(translated("hour of the day, UTC"), loc="right")
    ax.set_ylabel(translated("minutes"))
    ax.set_ylim(0, max(hours.minutes.max(), 1) * 1.05)
    return finished(figure, answer.titles["skips_by_hour"], 6)


def reachability(answer: Reachability, top: int = 20) -> Figure:
    """Return a matrix of source groups by service, those with most trouble first, a mark a state, its size by sessions."""
    rows = answer.services.dropna(subset=["port"])
    failing = (rows["state"] != ANSWERED) & (rows["clients"] > rows["scanners"])
    names = rows["host"].astype(str) + " " + rows["service"].astype(str)
    rows, order = rows.assign(row=names, trouble=rows["sessions"].where(failing, 0)), ["trouble", "sessions"]
    sums = (rows.groupby(by)[order].sum() for by in ("row", "source"))
    services, sources = (list(some.sort_values(order, ascending=False).index) for some in sums)
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
    figure, ax = _axes(1.8 + 0.3 * shown, max(4.5, min(11.2, 4 + 0.8 * len(columns))))
    for state, (colour, mark) in MARKS.items():
        if (here := cells["state"] == state).any():
            label = meaning(state, "high" if (rows.loc[rows["state"] == state, "confidence"] == "high").any() else "")
            area = 14 + 20 * np.log10(cells.loc[here, "sessions"].clip(lower=1))
            ax.scatter(x[here], y[here], s=area, color=colour, marker=mark, label=label)
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="right")
    ax.set_yticks(range(shown), services[:top])
    ax.set_xlim(-0.6, max(len(columns), 1) - 0.4)
    ax.set_ylim(max(shown, 1) - 0.5, -0.5)
    ax.grid(True, alpha=0.3)
    more = text("reached.more", n=str(len(services) - shown)) if len(services) > shown else ""
    title = answer.titles["reachability"] + more
    figure.suptitle("\n".join(textwrap.wrap(title, 110)), x=0.01, ha="left")
    if len(cells):
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3, fontsize="small")
    alt(figure, title)
    plt.close(figure)
    return figure


def rejections_over_time(answer: Rejected) -> Figure:
    """Return rejected records by time step, stacked by kind, each kind labelled with its total; a triangle stands where an
    incident of high or medium severity begins."""
    table = answer.over_time.dropna(subset="start")
    wide = table.pivot_table(index="start", columns="kind", values="records", aggfunc="sum", fill_value=0)
    figure, ax = _axes(3.4)
    if len(wide):
        sums = {kind: int(wide[kind].sum()) for kind in KINDS if kind in wide}
        labels = {kind: f"{translated(VERDICTS[kind])} ({total:,})" for kind, total in sums.items()}
        _time_bars(ax, wide.index.to_series(), ((wide[kind], 1, label, SHADES[kind]) for kind, label in labels.items()))
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        grave = [one for one in answer.findings if one.severity in ("high", "medium")]
        _begun(ax, [one for one in grave if not pd.isna(one.first_seen)])
    ax.set_ylabel(translated("rejected records"))
    return finished(figure, answer.titles["rejections_over_time"], 10)


def bytes_over_time(answer: Talkers) -> Figure:
    """Return accepted bytes over time: in above the line, out below it; without transit, which would be twice in it."""
    table = answer.over_time
    figure, ax = _axes(3.2)
    if len(table):
        _time_bars(ax, table.time, _ways(table.drop(columns="transit_bytes")))
        ax.axhline(0, color=COLOURS["muted"], linewidth=0.8)
        _legend(ax, 6)
    ax.yaxis.set_major_formatter(lambda value, _at: size(abs(value)))
    return finished(figure, answer.titles["bytes_over_time"])


def bytes_by_interface(answer: Talkers, top: int = 20) -> Figure:
    """Return accepted bytes of the `top` busiest interfaces: out to the left, in to the right."""
    table = answer.by_interface.head(top)
    figure, ax = _rows([visible(name) for name in table.name.fillna(table.interface_id)], 0.3)
    _stacked(_ways(table), lambda values, base, **look: ax.barh(range(len(table)), values, 0.7, base, **look))
    ax.axvline(0, color=COLOURS["muted"], linewidth=0.8)
    _legend(ax, 6)
    ax.xaxis.set_major_formatter(lambda value, _at: size(abs(value)))
    return finished(figure, answer.titles["bytes_by_interface"])


def pairs(answer: Talkers, top: int = 12) -> Figure:
    """Return the `top` pairs as bands from client (left) to server and service (right), as wide as their bytes."""
    table = answer.pairs.head(top)
    client, server = (table[f"{end}_name"].fillna(table[end]).map(visible) for end in ("client", "server"))
    total = table.client_bytes.astype("float64") + table.server_bytes.astype("float64")
    table = table.assign(bytes=total, client=client, server=server + " " + table.service)[total > 0]
    figure, ax = _axes(1 + 0.42 * max(table.client.nunique(), table.server.nunique(), 3))
    total, gap, places = table.bytes.sum(), 0.05, {}
    for x, side, where in ((-0.01, "client", "right"), (1.01, "server", "left")):
        top_of = 0.0
        for name, number in table.groupby(side, sort=False).bytes.sum().items():
            places[side, name], middle = top_of, top_of + number / total / 2
            ax.text(x, -middle, f"{name}  {size(number)}", va="center", ha=where, fontsize=9)
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
    table = answer.evidence
    figure, ax = _rows([translated(meaning) for meaning in table.meaning], 0.2)
    colours = [COLOURS["muted" if name in WEAK else "accent"] for name in table.evidence]
    ax.barh(range(len(table)), table.share, 0.7, color=colours)
    for at, row in enumerate(table.itertuples()):
        label = percent(row.share)
        if not pd.isna(row.right_share):
            label += translated(", right in {share} where a SYN tells", share=percent(row.right_share))
        ax.text(row.share + 0.01, at, label, va="center", fontsize=9)
    ax.set_xlim(0, 1.4)
    ax.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    return finished(figure, answer.titles["evidence"], 6)


def _begun(ax, findings: Iterable) -> None:
    """Mark where each of `findings` begins, with its kind in words where there is room."""
    first, last = ax.get_xlim()
    top, free = ax.get_ylim()[1] * 1.12, first
    ax.set_ylim(top=top)
    for one in sorted(findings, key=lambda each: each.first_seen):
        at = date2num(one.first_seen)
        ax.plot(at, top, "v", color=SHADES[one.kind], markersize=6, clip_on=False)
        if at >= free:
            ax.annotate(
                translated(VERDICTS[one.kind]), (at, top), (5, -4), textcoords="offset points", fontsize=8, va="top"
            )
            free = at + 0.2 * (last - first)


def _axes(height: float, width: float = 11.2) -> tuple:
    plt.style.use("flowkit.reporting.report")
    return plt.subplots(figsize=(width, height))


def _rows(labels: Sequence[str], each: float = 0.32) -> tuple:
    """A figure of a row a label, the first at the top."""
    figure, ax = _axes(1.3 + each * max(len(labels), 3))
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(max(len(labels), 1) - 0.4, -0.6)
    ax.grid(False, axis="y")
    return figure, ax


def _legend(ax, columns: int, handles: list | None = None) -> None:
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    if handles:
        ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0.1)


def _ways(table: pd.DataFrame) -> Iterable[tuple]:
    ways = ((name, sign, translated(label), colour) for name, sign, label, colour in WAYS if name in table)
    return ((table[name].astype("float64"), *look) for name, *look in ways)


def _time_bars(ax, times: pd.Series, layers: Iterable[tuple]) -> None:
    """Draw `layers` (see `_stacked`) as bars over the time steps that begin at `times`."""
    ends = times + step_width(ax, times) * 0.92
    edges = np.column_stack([date2num(times), date2num(ends)]).ravel()

    def draw(values: np.ndarray, base: np.ndarray | int, **look) -> None:
        # One shape a layer, with holes between its bars: hundreds of bars take a second.
        base = np.broadcast_to(np.asarray(base, float), len(values))
        tops, bottoms = (
            np.insert(some, range(1, len(values)), hole) for some, hole in ((base + values, np.nan), (base, 0))
        )
        ax.stairs(tops, edges, baseline=bottoms, fill=True, **look)

    _stacked(layers, draw)
    utc_axis(ax)


def _stacked(layers: Iterable[tuple], draw: Callable) -> None:
    """Stack values, each with sign, label and colour, by `draw(values, base, …)`; what is zero everywhere is left out."""
    bases = {1: 0, -1: 0}
    for values, sign, label, colour in layers:
        if values.any():
            draw(sign * values.to_numpy(), bases[sign], color=colour, label=label)
            bases[sign] = bases[sign] + sign * values.to_numpy()
