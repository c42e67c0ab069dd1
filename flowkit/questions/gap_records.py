"""What is known of the records in a log's gaps, read again near them: those that the other end logged,
flows that ran on across them, and SKIPDATA records.

`gaps`: rows with interface_id, start, end (UTC) and interval (seconds).
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from flowkit.folding.ranges import memtable, seconds, utc, within
from flowkit.net import FIN, RST, SYN

FLOW = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol"]
#: Rows that a table holds of the records that the other end of one gap logged.
ROWS = 100


def seen_by_peer(flows: ir.Table, gaps: pd.DataFrame, interfaces: pd.DataFrame, most: int = ROWS) -> pd.DataFrame:
    """Return records missing at one interface, as the interface at the other end logged them: rows, no estimate.

    A packet inside a VPC is logged where it leaves and where it arrives. One row a record, the first `most` of each
    gap, by start: ``interface_id`` (which lacks it), ``seen_by`` (which logged it), ``start``, ``end`` (UTC), srcaddr,
    dstaddr, srcport, dstport, protocol, packets, bytes, tcp_flags, ``flow_direction`` and ``action`` as the interface
    that lacks it had them (``action`` is null for what came in: whether it was rejected there, only that interface
    knew), ``gap`` (row of `gaps`), ``in_gap`` (how many there are). What the interface did log is left out.

    Never from or for NAT gateways, transit gateways and load balancers, which log other endpoints than their peers
    do: `interfaces` (own addresses) marks them as ``transit``; where the log has no field to tell, an interface is
    believed only if others have its address in their records.
    """
    own = interfaces[~interfaces.transit & ~interfaces.conflict & interfaces.address.notna()]
    own = own[["interface_id", "address"]].drop_duplicates()
    own = own[~own.address.duplicated(keep=False)].set_axis(["owner", "mine"], axis=1)
    rows = _rows(flows)
    # Which interfaces' addresses other interfaces, themselves at the other end, have in their records.
    met = _from_other_end(rows, own).inner_join(memtable(own), "mine")
    known = met.filter(met.owner != met.interface_id).select("owner").distinct()
    known = known.execute().owner if len(gaps) else ()
    ranges = _minutes(gaps, 1).rename(columns={"interface_id": "owner"}).merge(own, on="owner")
    seen = within(_from_other_end(rows, own[own.owner.isin(known)]), ranges, ["mine"], "middle")
    seen = seen.filter((seen.interface_id != seen.owner) & (seen.sent | (seen.action.fill_null("ACCEPT") != "REJECT")))
    there = within(rows, _minutes(gaps, 2), ["interface_id"], "middle").select("gap", "start", "end", *FLOW)
    same = [seen[key] == there[key] for key in ("gap", *FLOW)]
    # A record of a single second lasts it.
    after, then = (ibis.greatest(each.end, each.start + 1) for each in (seen, there))
    lost = seen.anti_join(there, [*same, seen.start < then, there.start < after])
    found = lost.select(
        "gap",
        "srcaddr",
        "dstaddr",
        *(lost[key].nullif(-1).name(key) for key in FLOW[2:]),
        *("packets", "bytes", "start", "end", "tcp_flags"),
        interface_id=lost.owner,
        seen_by=lost.interface_id,
        flow_direction=lost.sent.ifelse("egress", "ingress"),
        action=lost.sent.ifelse("ACCEPT", ibis.null("string")),
    )
    # A record between two gaps that touch belongs to both; it is missing once.
    rows = found.group_by(*(name for name in found.columns if name != "gap")).agg(gap=found.gap.min())
    by_time = ibis.window(group_by="gap", order_by=["start", *FLOW, "seen_by"])
    whole = ibis.window(group_by="gap")
    rows = rows.mutate(nth=ibis.row_number().over(by_time), in_gap=rows.count().over(whole))
    table = rows.filter(rows.nth < most).drop("nth").execute()
    table = table.sort_values(["start", *FLOW, "seen_by"], ignore_index=True)
    table = table.assign(start=utc(table.start), end=utc(table.end))
    first = ["interface_id", "seen_by", "start", "end", *FLOW, "packets", "bytes", "tcp_flags", "flow_direction"]
    return table[[*first, "action", "gap", "in_gap"]]


def flows_across_gap(flows: ir.Table, gaps: pd.DataFrame) -> ir.Table:
    """Return flows that ran up to a gap and on after it, with no record in between: a lower bound of what is missing.

    One row a flow (one direction of a session) and gap: ``gap`` (row of `gaps`), ``interface_id``, srcaddr, dstaddr,
    srcport, dstport, protocol, ``packets`` (of the two intervals beside the gap). Only flows that were seen in the
    interval before and the interval after, that neither end before (FIN, RST) nor begin after (SYN).
    """
    edges = {"opens": seconds(gaps.start).to_numpy(), "closes": seconds(gaps.end).to_numpy()}
    ranges = _minutes(gaps, 1).assign(**edges, interval=gaps.interval.to_numpy())
    rows = within(_rows(flows), ranges, ["interface_id"], "middle")
    before = (rows.end <= rows.opens) & (rows.end > rows.opens - rows.interval)
    after = (rows.start >= rows.closes) & (rows.start < rows.closes + rows.interval)
    inside = (rows.start < rows.closes) & (ibis.greatest(rows.end, rows.start + 1) > rows.opens + 1)
    flags = rows.tcp_flags.fill_null(0)
    over = before & ((flags & (FIN | RST)) > 0) | after & ((flags & SYN) > 0)
    tests = {"before": before, "after": after, "inside": inside & ~before & ~after, "over": over}
    made = rows.group_by("gap", "interface_id", *FLOW).agg(
        packets=(before | after).ifelse(rows.packets, 0).sum(),
        **{name: test.ifelse(1, 0).max() for name, test in tests.items()},
    )
    made = made.filter((made.before == 1) & (made.after == 1) & (made.inside == 0) & (made.over == 0))
    return made.drop(*tests)


def skipdata_records(flows: ir.Table, gaps: pd.DataFrame) -> pd.DataFrame:
    """Return the SKIPDATA records of each gap: ``records``, ``samples`` (three, as v2 lines), by the row of `gaps`."""
    rows = flows.filter((flows.log_status == "SKIPDATA") & flows.start.notnull() & flows.end.notnull())
    rows = rows.select(
        *("version", "account_id", "start", "end"), interface_id=rows.interface_id.coalesce(rows.resource_id)
    )
    rows = within(rows, _minutes(gaps, 0), ["interface_id"], "start")
    nth = ibis.row_number().over(ibis.window(group_by="gap", order_by="start"))
    rows = rows.mutate(nth=nth, records=rows.count().over(ibis.window(group_by="gap")))
    rows = rows.filter(rows.nth < 3).execute().sort_values(["gap", "nth"]).fillna({"account_id": "-", "version": 2})
    rows["line"] = [
        f"{row.version:.0f} {row.account_id} {row.interface_id} - - - - - - - {row.start} {row.end} - SKIPDATA"
        for row in rows.itertuples()
    ]
    return rows.groupby("gap").agg(records=("records", "first"), samples=("line", tuple))


def _minutes(gaps: pd.DataFrame, slack: int) -> pd.DataFrame:
    """Return `gaps` as ranges of whole minutes, with `slack` intervals beside each: gap (row), interface_id, edges."""
    beside = slack * gaps.interval
    first = (seconds(gaps.start) - beside) // 60 * 60
    last = (seconds(gaps.end) + beside) // 60 * 60 + 60
    made = {"gap": np.arange(len(gaps)), "interface_id": gaps.interface_id, "first": first, "last": last}
    return pd.DataFrame(made)


def _rows(flows: ir.Table) -> ir.Table:
    """Return records of flows, by the interface that logged them, with the middle of their time."""
    rows = flows.filter(flows.log_status.fill_null("OK") == "OK")
    rows = rows.filter(rows.srcaddr.notnull() & rows.start.notnull() & rows.end.notnull())
    return rows.select(
        *("srcaddr", "dstaddr", "packets", "bytes", "start", "end", "action", "tcp_flags"),
        *(rows[key].fill_null(-1).name(key) for key in FLOW[2:]),
        interface_id=rows.interface_id.coalesce(rows.resource_id),
        middle=(rows.start + rows.end) // 2,
    )


def _from_other_end(rows: ir.Table, own: pd.DataFrame) -> ir.Table:
    """Return records that have the logging interface's own address at one end: `mine`, the address at the other, and
    whether `mine` sent."""
    rows = rows.inner_join(memtable(own.set_axis(["interface_id", "peer"], axis=1)), "interface_id")
    sent = rows.dstaddr == rows.peer
    rows = rows.filter(sent | (rows.srcaddr == rows.peer))
    return rows.mutate(sent=sent, mine=sent.ifelse(rows.srcaddr, rows.dstaddr))
