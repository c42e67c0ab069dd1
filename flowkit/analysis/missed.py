"""What is known of the records that a log does not hold: those the other end logged, and flows cut by a gap.

In: the flows table, and gaps (rows of `flowkit.analysis.gaps` or cells of `flowkit.analysis.coverage`: anything
with interface_id, start, end and interval). Out: facts. Estimates are apart, in `flowkit.analysis.estimate`.
"""

import ibis
import numpy as np
import pandas as pd

FLOW = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol"]
FIN, SYN, RST = 1, 2, 4


def recovered(flows, gaps, addresses) -> ibis.Table:
    """Records missing at one interface, as the interface at the other end logged them: rows, no estimate.

    A packet inside a VPC is logged where it leaves and where it arrives. One row a record: gap (row of
    `gaps`), interface_id (which lost it), seen_by (which logged it), srcaddr, dstaddr, srcport, dstport,
    protocol, packets, bytes, start, end (seconds since 1970), tcp_flags, and flow_direction and action as the
    interface that lost it had them. `action` is null for what came in: whether it was refused there, only that
    interface knew. What it did log is left out.

    Never from or for NAT gateways, transit gateways and load balancers, which log other endpoints than their
    peers do. `addresses` is `interface_addresses(flows, snapshot)`, which marks them as ``through``; where the
    log has no field to tell, an interface is believed only if others have its address in their records.
    """
    own = addresses[~addresses.through & ~addresses.conflict & addresses.address.notna()]
    own = own[["interface_id", "address"]].drop_duplicates()
    own = own[~own.address.duplicated(keep=False)].rename(
        columns={"interface_id": "owner", "address": "mine"}
    )
    windows = minutes(gaps).rename(columns={"interface_id": "owner"}).merge(own, on="owner")
    rows = _rows(flows)
    seen = _other_ends(rows, own[own.owner.isin(_known_to_others(rows, own))])
    seen = seen.inner_join(typed(windows), ["mine", "minute"]).filter(lambda t: t.interface_id != t.owner)
    seen = seen.filter(lambda t: t.out | (t.action.fill_null("ACCEPT") != "REJECT"))
    kept = typed(minutes(gaps, around=2).set_axis(["gap", "interface_id", "minute"], axis=1))
    kept = rows.inner_join(kept, ["interface_id", "minute"]).select("gap", "start", "end", *FLOW)
    same = [seen[key] == kept[key] for key in ("gap", *FLOW)]
    lost = seen.anti_join(kept, [*same, seen.start < _after(kept), kept.start < _after(seen)])
    found = lost.select(
        "gap",
        "srcaddr",
        "dstaddr",
        *(lost[key].nullif(-1).name(key) for key in FLOW[2:]),
        *("packets", "bytes", "start", "end", "tcp_flags"),
        interface_id=lost.owner,
        seen_by=lost.interface_id,
        flow_direction=lost.out.ifelse("egress", "ingress"),
        action=lost.out.ifelse("ACCEPT", ibis.null("string")),
    )
    # A record between two gaps that touch belongs to both; it is missing once.
    return found.group_by(*(name for name in found.columns if name != "gap")).agg(gap=found.gap.min())


def recovered_rows(flows, gaps, addresses, most: int = 100) -> pd.DataFrame:
    """The first `most` rows of `recovered` for each gap, as a frame with start and end in UTC.

    Adds in_gap: how many there are for that gap. Sorted by start.
    """
    rows = recovered(flows, gaps, addresses)
    by_time = ibis.window(group_by="gap", order_by=["start", *FLOW, "seen_by"])
    rows = rows.mutate(
        nth=ibis.row_number().over(by_time), in_gap=rows.count().over(ibis.window(group_by="gap"))
    )
    rows = rows.filter(rows.nth < most).drop("nth").execute()
    rows = rows.sort_values(["start", *FLOW, "seen_by"], ignore_index=True)
    times = {name: pd.to_datetime(rows[name], unit="s", utc=True) for name in ("start", "end")}
    first = ["interface_id", "seen_by", "start", "end"]
    return rows.assign(**times)[[*first, *rows.columns.difference(first, sort=False)]]


def bridged(flows, gaps) -> pd.DataFrame:
    """Flows that ran up to a gap and went on right after it, with nothing in between.

    One row a flow (one direction of a session) and gap: gap (row of `gaps`), interface_id, srcaddr, dstaddr,
    srcport, dstport, protocol, windows (intervals in the gap), packets and bytes (of the two intervals beside the
    gap). Only flows that were seen in the interval before and the interval after, that neither end before
    (FIN, RST) nor begin after (SYN). An open session can idle, so that a flow here was open for certain, and in
    all likelihood sent something: a lower bound on what is missing.
    """
    table = gaps.assign(first=seconds(gaps.start), last=seconds(gaps.end), gap=np.arange(len(gaps)))
    table = typed(table[["gap", "first", "last", "interval"]])
    rows = _rows(flows).inner_join(typed(minutes(gaps)), ["interface_id", "minute"]).inner_join(table, "gap")
    before = (rows.end <= rows["first"]) & (rows.end > rows["first"] - rows.interval)
    after = (rows.start >= rows["last"]) & (rows.start < rows["last"] + rows.interval)
    inside = (rows.start < rows["last"]) & (_after(rows) > rows["first"] + 1)
    flags = rows.tcp_flags.fill_null(0)
    over = before & ((flags & (FIN | RST)) > 0) | after & ((flags & SYN) > 0)
    made = rows.group_by("gap", "interface_id", *FLOW).agg(
        windows=((rows["last"] - rows["first"] + rows.interval // 2) // rows.interval).max(),
        packets=(before | after).ifelse(rows.packets, 0).sum(),
        bytes=(before | after).ifelse(rows.bytes, 0).sum(),
        **{
            name: test.ifelse(1, 0).max()
            for name, test in {
                "before": before,
                "after": after,
                "inside": inside & ~before & ~after,
                "over": over,
            }.items()
        },
    )
    made = made.filter((made.before == 1) & (made.after == 1) & (made.inside == 0) & (made.over == 0))
    made = made.drop("before", "after", "inside", "over").execute()
    return made.sort_values(
        ["gap", "packets", *FLOW], ascending=[True, False, *[True] * 5], ignore_index=True
    )


def skip_records(flows, gaps) -> pd.DataFrame:
    """The SKIPDATA records of each gap: gap (row of `gaps`), records (how many), samples (three, as v2 lines)."""
    fields = ["version", "account_id", "interface_id", "start", "end"]
    rows = flows.filter((flows.log_status == "SKIPDATA") & flows.start.notnull() & flows.end.notnull())
    rows = rows.select(*fields[:2], *fields[3:], interface_id=rows.interface_id.coalesce(rows.resource_id))
    rows = rows.mutate(minute=rows.start // 60).inner_join(
        typed(minutes(gaps, around=0)), ["interface_id", "minute"]
    )
    own = ibis.window(group_by="gap", order_by="start")
    rows = rows.mutate(
        nth=ibis.row_number().over(own), records=rows.count().over(ibis.window(group_by="gap"))
    )
    rows = rows.filter(rows.nth < 3).execute().sort_values(["gap", "nth"]).fillna({"account_id": "-"})
    rows["line"] = [
        f"{version:.0f} {account} {eni} - - - - - - - {start} {end} - SKIPDATA"
        for version, account, eni, start, end in rows.fillna({"version": 2})[fields].itertuples(index=False)
    ]
    return rows.groupby("gap", as_index=False).agg(records=("records", "first"), samples=("line", tuple))


def minutes(gaps, around=1) -> pd.DataFrame:
    """The minutes that each gap touches, and those of `around` intervals beside it: gap, interface_id, minute."""
    slack = around * gaps.interval
    first = (seconds(gaps.start) - slack) // 60
    count = (seconds(gaps.end) + slack) // 60 - first + 1
    gap = np.repeat(np.arange(len(gaps)), count)
    step = np.arange(len(gap)) - np.repeat((count.cumsum() - count).to_numpy(), count)
    made = {
        "gap": gap,
        "interface_id": gaps.interface_id.to_numpy()[gap],
        "minute": first.to_numpy()[gap] + step,
    }
    return pd.DataFrame(made)


def _rows(flows) -> ibis.Table:
    """Records of flows, by the interface that logged them and the minute of their middle."""
    rows = flows.filter(flows.log_status.fill_null("OK") == "OK")
    rows = rows.filter(rows.srcaddr.notnull() & rows.start.notnull() & rows.end.notnull())
    return rows.select(
        *("srcaddr", "dstaddr", "packets", "bytes", "start", "end", "action", "tcp_flags"),
        *(rows[key].fill_null(-1).name(key) for key in FLOW[2:]),
        interface_id=rows.interface_id.coalesce(rows.resource_id),
        minute=(rows.start + rows.end) // 120,
    )


def _known_to_others(rows, own) -> list:
    """The interfaces whose address another interface, itself at the other end, has in its records."""
    met = _other_ends(rows, own).inner_join(typed(own), "mine")
    return met.filter(met.owner != met.interface_id).select("owner").distinct().execute().owner.tolist()


def _other_ends(rows, own) -> ibis.Table:
    """The records that have the logging interface's `own` address at one end: `mine`, the address at the other, and
    `out`, whether that one sent."""
    rows = rows.inner_join(typed(own.set_axis(["interface_id", "peer"], axis=1)), "interface_id")
    out = rows.dstaddr == rows.peer
    return rows.filter(out | (rows.srcaddr == rows.peer)).mutate(
        out=out, mine=out.ifelse(rows.srcaddr, rows.dstaddr)
    )


def _after(rows) -> ibis.Value:
    """The first second after a record; one of a single second lasts it."""
    return ibis.greatest(rows.end, rows.start + 1)


def seconds(moments) -> pd.Series:
    """UTC Timestamps as whole seconds since 1970."""
    return moments.dt.tz_convert(None).astype("datetime64[s]").astype("int64")


def typed(frame) -> ibis.Table:
    """A small frame of texts and whole numbers as a table that any engine can join."""
    types = {"string": "string", "object": "string", "str": "string"}
    return ibis.memtable(
        frame, schema={name: types.get(str(kind), "int64") for name, kind in frame.dtypes.items()}
    )
