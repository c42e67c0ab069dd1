"""The direction notebook in words and figures: who talks to whom, which way, and how far to trust it."""

import shlex

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from flowkit.analysis.direction import CONFIDENCE, RUNGS
from flowkit.reporting.figures import COLOURS, alt, utc_axis
from flowkit.reporting.finding import Finding
from flowkit.reporting.html import visible

#: The rungs whose answer is a guess, or none.
WEAK = tuple(rung for rung, confidence in CONFIDENCE.items() if confidence == "low")

#: How a sentence names a packet direction.
WHERE = {"ingress": "on the way in", "egress": "on the way out", "unknown": "which way is unknown"}

#: The four ways of accepted traffic: column, what a reader calls it, colour.
WAYS = {
    "ingress_external": ("in, from outside", COLOURS["reject"]),
    "ingress_internal": ("in, from inside", "#f0b27a"),
    "egress_external": ("out, to outside", COLOURS["accept"]),
    "egress_internal": ("out, to inside", "#9cc9e3"),
}


def direction_findings(
    addresses: pd.DataFrame, shares: pd.DataFrame, coverage: float | None = None, doubt: float = 0.05
) -> list[Finding]:
    """What stands in the way of telling direction: an address of two interfaces at once (`address-conflict`), an
    interface whose address cannot be told, and a share of weak evidence above `doubt` (`low-confidence-direction`).

    `addresses` is what `interface_addresses` makes, `shares` what `rung_shares` makes.
    """
    found = [
        _conflict(address, rows, coverage)
        for address, rows in addresses[addresses.conflict].groupby("address")
    ]
    lost = addresses[(addresses.basis == "unknown") & ~addresses.through & (addresses.interface_id != "-")]
    found += [_nameless(eni, rows, coverage) for eni, rows in lost.groupby("interface_id")]
    weak = shares[shares.rung.isin(WEAK)]
    return found + ([_doubtful(shares, weak, coverage)] if weak.share.sum() > doubt else [])


def _conflict(address: str, rows: pd.DataFrame, coverage: float | None) -> Finding:
    interfaces = sorted(rows.interface_id.unique())
    sure = rows.basis.isin(["flow-direction", "snapshot"]).all()
    return Finding(
        "address-conflict",
        "medium" if sure else "low",
        "certain" if sure else "medium",
        f"{address} is the address of {len(interfaces)} interfaces on the same day: {_listed(interfaces)}.",
        {"srcaddr": address},
        grounds=tuple(
            f"{row.interface_id}: {row.basis}" for row in rows.drop_duplicates("interface_id").itertuples()
        ),
        action="An address alone does not say whose packets these are, and totals may count them twice.\n"
        "Two VPCs with the same range: add vpc-id to the log's format. One VPC: see who holds it.\n"
        "aws ec2 describe-network-interfaces "
        f"--filters {shlex.quote(f'Name=addresses.private-ip-address,Values={address}')}",
        first_seen=rows.day.min(),
        last_seen=rows.day.max(),
        coverage=coverage,
    )


def _nameless(eni: str, rows: pd.DataFrame, coverage: float | None) -> Finding:
    days = rows.day.nunique(dropna=False)
    return Finding(
        "low-confidence-direction",
        "low",
        "certain",
        f"The own address of {eni} cannot be told on {_many(days, 'day')}: "
        "its conversations count as neither ingress nor egress.",
        {"interface_id": eni},
        grounds=("no address is at one end of all its records, or two are",),
        action="Add flow-direction to the log's format, or give this report the network's interfaces.\n"
        "flowkit snapshot network",
        first_seen=rows.day.min(),
        last_seen=rows.day.max(),
        coverage=coverage,
    )


def _doubtful(shares: pd.DataFrame, weak: pd.DataFrame, coverage: float | None) -> Finding:
    parts = [f"{row.rung} {percent(row.share)}" for row in weak.itertuples() if row.conversations]
    flags = shares.loc[shares.rung == "syn", "conversations"].sum() > 0
    return Finding(
        "low-confidence-direction",
        "low",
        "certain",
        f"Who began is a guess or unknown in {percent(weak.share.sum())} "
        f"of {_many(shares.conversations.sum(), 'conversation')}.",
        {},
        grounds=tuple(parts),
        action="What is left has no TCP flags to go by: it is not TCP, or began before the log does."
        if flags
        else "Create a flow log whose format has tcp-flags and flow-direction; a format cannot be changed afterwards.",
        coverage=coverage,
    )


def direction_verdict(
    traffic: pd.DataFrame, top: pd.DataFrame, shares: pd.DataFrame, accuracy: pd.DataFrame
) -> list[str]:
    """What the page says first: volume, the heaviest pair, what is refused, and how far to trust it all.

    `traffic` as `traffic` makes it, `top` as `top_talks`, `shares` as `rung_shares`, `accuracy` as `rung_accuracy`.
    """
    if traffic.empty:
        return ["No record in this window names a flow: there is no direction to tell."]
    said = [volume_line(traffic)]
    if top[["client_bytes", "server_bytes"]].sum().sum():
        said.append(talks_line(top))
    refused = traffic[traffic.vantage & (traffic.action == "REJECT")].groupby("direction").records.sum()
    if refused.sum():
        said.append(
            f"{_many(refused.sum(), 'record')} {'was' if refused.sum() == 1 else 'were'} refused: "
            + ", ".join(f"{number:,} {WHERE[way]}" for way, number in refused.items())
            + "."
        )
    through = traffic.loc[traffic.direction == "through", "interface_id"].nunique()
    if through:
        said.append(
            f"{_many(through, 'interface')} only {'passes' if through == 1 else 'pass'} traffic on: not in totals."
        )
    return [*said, trust_line(shares, accuracy)]


def volume_line(traffic: pd.DataFrame) -> str:
    """How many bytes were let in each way, counted once, and how much of it stayed inside."""
    counted = traffic[traffic.vantage & (traffic.action != "REJECT")]
    total = counted.bytes.sum()
    if not total:
        return "No byte was let through, as far as this log says."
    inside = counted.loc[counted.peer == "internal", "bytes"].sum()
    outside = counted[counted.peer == "external"].groupby("direction").bytes.sum()
    return (
        f"{size(total)} were let through, {inside / total:.0%} between private addresses; "
        f"{size(outside.get('ingress', 0))} came from outside and {size(outside.get('egress', 0))} went there."
    )


def talks_line(top: pd.DataFrame) -> str:
    """The heaviest client and server, in one sentence."""
    if top.empty:
        return "No conversation whose client is known."
    one = top.iloc[0]
    port = "" if pd.isna(one.server_port) else f" port {one.server_port}"
    return (
        f"Most bytes: {one.client} with {one.server}{port}, {size(one.client_bytes)} up and "
        f"{size(one.server_bytes)} down in {_many(one.conversations, 'conversation')}."
    )


def talkers_line(talkers: pd.DataFrame) -> str:
    """The address with the most bytes, in one sentence."""
    if not talkers[["sent_bytes", "received_bytes"]].sum().sum():
        return "Nobody sent anything that was let through."
    one = talkers.iloc[0]
    return f"{one.address} moved most: {size(one.sent_bytes)} sent, {size(one.received_bytes)} received."


def zones_line(zones: pd.DataFrame) -> str:
    """How much of the traffic between known zones crosses from one to another."""
    total, crossing = zones.bytes.sum(), zones.loc[zones.crosses, "bytes"].sum()
    if not total:
        return "Zones: the log does not say in which zones the two ends are."
    return f"{crossing / total:.0%} of the bytes between known zones cross from one to another ({size(crossing)})."


def trust_line(shares: pd.DataFrame, accuracy: pd.DataFrame) -> str:
    """By what evidence the direction is told, and how far it can be trusted, in one sentence."""
    if not shares.conversations.sum():
        return founded_line(shares)
    parts = ", ".join(f"{row.rung} {percent(row.share)}" for row in shares.itertuples() if row.conversations)
    line = f"{founded_line(shares)[:-1]}: {parts}"
    if judged := accuracy.judged.sum():
        line += f"; without flags, {percent(accuracy.right.sum() / judged)} of the SYN's answers would be the same"
    return line + "."


def founded_line(shares: pd.DataFrame) -> str:
    """In how many conversations who began is more than a guess, in one sentence."""
    total = shares.conversations.sum()
    if not total:
        return "No conversation to tell a direction of."
    firm = 1 - shares.loc[shares.rung.isin(WEAK), "share"].sum()
    return f"Who began is more than a guess in {percent(firm)} of {_many(total, 'conversation')}."


def plot_traffic_over_time(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Accepted bytes over time as `traffic_over_time` makes them: in above the line, out below it."""
    ax = ax or plt.subplots(figsize=(9, 3.2))[1]
    if len(table):
        times = [table.index[0], *table.index[1:]]
        width = (times[1] - times[0]) * 0.9 if len(times) > 1 else pd.Timedelta(minutes=50)
        width = (
            min((later - sooner for sooner, later in zip(times, times[1:], strict=False)), default=width)
            * 0.9
        )
        for sign, way in ((1, "ingress"), (-1, "egress")):
            base = 0
            for where in ("external", "internal"):
                name, colour = WAYS[f"{way}_{where}"]
                values = sign * table[f"{way}_{where}"].astype("float64")
                ax.bar(table.index, values, width, bottom=base, align="edge", color=colour, label=name)
                base = base + values
        ax.axhline(0, color=COLOURS["muted"], linewidth=0.8)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.1)
        utc_axis(ax)
    _sizes(ax.yaxis)
    alt(ax, busiest_line(table))
    return ax


def busiest_line(table: pd.DataFrame) -> str:
    """When most was let in and out, of what `traffic_over_time` makes."""
    sums = table.sum(axis=1)
    if not sums.sum():
        return "Nothing was let in or out, as far as this log says."
    peak = sums.idxmax()
    ways = table.loc[peak]
    into, out = ways.filter(like="ingress").sum(), ways.filter(like="egress").sum()
    return f"Busiest at {peak:%Y-%m-%d %H:%M} UTC: {size(into)} in, {size(out)} out."


def plot_traffic_by_interface(
    table: pd.DataFrame, snapshot=None, top: int = 20, ax: Axes | None = None
) -> Axes:
    """Bytes of the `top` busiest interfaces as `traffic_by_interface` makes them: out to the left, in to the right."""
    table = table.head(top)
    ax = ax or plt.subplots(figsize=(9, 1.2 + 0.3 * max(len(table), 3)))[1]
    rows = range(len(table))
    for sign, way in ((1, "ingress"), (-1, "egress")):
        base = pd.Series(0.0, index=table.index)
        for where in ("external", "internal"):
            name, colour = WAYS[f"{way}_{where}"]
            values = sign * table[f"{way}_{where}"].astype("float64")
            ax.barh(rows, values, 0.7, left=base, color=colour, label=name)
            base = base + values
    ax.barh(rows, table.through.astype("float64"), 0.7, color=COLOURS["nodata"], label="through")
    names = [visible(snapshot.label(eni) if snapshot else eni) for eni in table.interface_id]
    ax.set_yticks(rows, names)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.axvline(0, color=COLOURS["muted"], linewidth=0.8)
    ax.grid(False, axis="y")
    if len(table):
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, borderaxespad=0.1)
    _sizes(ax.xaxis)
    alt(ax, interfaces_line(table, snapshot))
    return ax


def interfaces_line(table: pd.DataFrame, snapshot=None) -> str:
    """The busiest interface, in one sentence."""
    if table.empty:
        return "No interface logged a flow."
    one = table.iloc[0]
    name = snapshot.label(one.interface_id) if snapshot else one.interface_id
    into, out = (one[[f"{way}_internal", f"{way}_external"]].sum() for way in ("ingress", "egress"))
    if not into + out:
        return f"{visible(name)} is the busiest: {size(one.through + one.unknown)} of no known direction of its own."
    return f"{visible(name)} is the busiest: {size(into)} in, {size(out)} out."


def plot_talkers(talkers: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Bytes that each address of `top_talkers` sent and received, each counted once."""
    ax = ax or plt.subplots(figsize=(9, 1.2 + 0.3 * max(len(talkers), 3)))[1]
    rows = range(len(talkers))
    ax.barh(rows, talkers.sent_bytes.astype("float64"), 0.7, color=COLOURS["accept"], label="sent")
    ax.barh(
        rows, talkers.received_bytes.astype("float64"), 0.7,
        left=talkers.sent_bytes.astype("float64"), color=COLOURS["reject"], label="received",
    )  # fmt: skip
    ax.set_yticks(rows, [visible(address) for address in talkers.address])
    ax.set_ylim(len(talkers) - 0.4, -0.6)
    ax.grid(False, axis="y")
    if len(talkers):
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.1)
    _sizes(ax.xaxis)
    alt(ax, talkers_line(talkers))
    return ax


def plot_rungs(shares: pd.DataFrame, accuracy: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Share of conversations by the evidence that tells who began, and how often it is right where that is known."""
    ax = ax or plt.subplots(figsize=(9, 2.8))[1]
    rows = range(len(RUNGS))
    values = shares.set_index("rung").share.reindex(RUNGS, fill_value=0)
    right = accuracy.set_index("rung").share.reindex(RUNGS)
    ax.barh(rows, values, 0.7, color=[COLOURS["muted" if rung in WEAK else "accent"] for rung in RUNGS])
    for row, rung in enumerate(RUNGS):
        known = "" if pd.isna(right[rung]) else f", right in {percent(right[rung])} of those with a SYN"
        ax.text(values[rung] + 0.01, row, f"{percent(values[rung])}{known}", va="center", fontsize=9)
    ax.set_yticks(rows, RUNGS)
    ax.set_ylim(len(RUNGS) - 0.4, -0.6)
    ax.set_xlim(0, 1.3)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.grid(False, axis="y")
    alt(ax, trust_line(shares, accuracy))
    return ax


def size(number: float) -> str:
    """`1.3 GB` for 1,300,000,000 bytes."""
    return EngFormatter(unit="B", places=1 if number >= 1000 else 0, sep=" ")(float(abs(number))).replace(
        "k", "k"
    )


def percent(share: float) -> str:
    """`12.3%`; never `0.0%` or `100.0%` for what is not quite none or all."""
    return "<0.1%" if 0 < share < 0.001 else ">99.9%" if 0.999 < share < 1 else f"{share:.1%}"


def _sizes(axis) -> None:
    axis.set_major_formatter(lambda value, _position: EngFormatter(unit="B", sep=" ")(abs(value)))


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _listed(names: list[str], most: int = 3) -> str:
    """`a, b and 4 more`."""
    more = [f"{len(names) - most} more"] if len(names) > most else []
    names = [*names[:most], *more]
    return f"{', '.join(names[:-1])} and {names[-1]}"
