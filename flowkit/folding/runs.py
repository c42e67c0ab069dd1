"""From records to runs: when each interface reported without a break, and its aggregation interval.

What `flowkit.folding.coverage` rests on, and all of it that touches records.
"""

from collections.abc import Iterator
from itertools import pairwise

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis import _

from flowkit.folding.ranges import sweep, within

#: Aggregation intervals without any record that make an interface silent.
SILENT_AFTER = 3
#: Seconds without a record that do not end a run of them: less than an interval of another kind.
BRIDGE = 45
#: A record of more seconds is of the longer aggregation interval: AWS has 60 s and 600 s.
LONG = 90
#: Pieces of time that are worked on at once: interfaces that need more memory take turns.
PART = 1_000_000

#: What a piece of time is known by, as bits: NODATA, flows, SKIPDATA without and with flows.
NODATA, SEEN, SKIP, MIXED = (1 << bit for bit in range(4))


def facts_of(flows: ir.Table) -> pd.DataFrame:
    """Return how many records of each interface hold which fields, statuses and actions."""
    owners = flows.group_by(interface_id=flows.interface_id.coalesce(flows.resource_id))
    counts = {name: flows[name].count() for name in ("start", "end", "log_status", "action")}
    return owners.agg(
        timed=_.count(where=_.start.notnull() & _.end.notnull()),
        accepts=_.count(where=(_.action == "ACCEPT").fill_null(False)),
        nodata=_.count(where=(_.log_status == "NODATA").fill_null(False)),
        skipdata=_.count(where=(_.log_status == "SKIPDATA").fill_null(False)),
        **counts,
    ).execute()


def runs_of(flows: ir.Table, names: pd.Index) -> ir.Table:
    """Return where unbroken runs of records begin: one row a run of one kind at one interface, found in the engine.

    ``code`` (of the interface in `names`), ``kind`` (NODATA or SEEN), ``start`` (seconds since 1970), ``reach`` (where
    the run before ended, null for the first); of all runs of that interface and kind: ``last`` (where the last ends),
    ``slots`` (NODATA records, or minutes with a flow), ``long`` (those with a record of more than `LONG` seconds).
    """
    rows = _timed(flows).inner_join(_codes(names), "interface_id")
    seen = rows.filter(rows.log_status.fill_null("OK") == "OK")
    seen = seen.group_by("code", minute=seen.start // 60).agg(
        start=_.start.min(), end=_.end.max(), long=(_.end - _.start).max()
    )
    idle = rows.filter(rows.log_status == "NODATA").mutate(long=_.end - _.start)
    kinds = ((seen, SEEN), (idle, NODATA))
    slots = ibis.union(*(t.select("code", "start", "end", "long", kind=ibis.literal(kind)) for t, kind in kinds))
    # All windows have one order, so that an engine sorts once.
    order = {"group_by": ["code", "kind"], "order_by": "start"}
    before, whole = ibis.window(**order, rows=(None, -1)), ibis.window(**order, rows=(None, None))
    slots = slots.mutate(
        reach=slots.end.max().over(before),
        last=slots.end.max().over(whole),
        slots=slots.count().over(whole),
        long=(slots.long > LONG).ifelse(1, 0).sum().over(whole),
    )
    opens = slots.reach.isnull() | (slots.start > slots.reach + BRIDGE)
    return slots.filter(opens).select("code", "kind", "start", "reach", "last", "slots", "long")


def runs(flows: ir.Table, names: pd.Index) -> pd.DataFrame:
    """Return `runs_of` with ``end`` (seconds since 1970) of each run, sorted by interface, kind and start."""
    made = runs_of(flows, names).execute().sort_values(["code", "kind", "start"], ignore_index=True)
    end = made.groupby(["code", "kind"]).reach.shift(-1)
    return made.assign(end=end.fillna(made["last"]).astype("int64"))


def skip_records(flows: ir.Table, names: pd.Index) -> pd.DataFrame:
    """Return the SKIPDATA records: code, start, end (seconds since 1970)."""
    rows = _timed(flows).filter(_.log_status == "SKIPDATA").inner_join(_codes(names), "interface_id")
    return rows.select("code", "start", "end").execute().sort_values(["code", "start", "end"], ignore_index=True)


def skip_pieces(flows, skips, names, interval) -> list:
    """Return SKIPDATA as pieces, those with flows in them apart; an empty record stands for an interval."""
    if skips.empty:
        return []
    empty = skips.end <= skips.start
    skips.loc[empty, "end"] = skips.start[empty] + interval[skips.code[empty]]
    ranges = pd.DataFrame({"owner": names.take(skips.code), "first": skips.start, "last": skips.end})
    rows = flows.filter((flows.log_status.fill_null("OK") == "OK") & flows.start.notnull() & flows.end.notnull())
    rows = rows.select(owner=rows.interface_id.coalesce(rows.resource_id), middle=(rows.start + rows.end) // 2)
    hit = within(rows, ranges.assign(number=skips.index), ["owner"], "middle")
    mixed = skips.index.isin(hit.select("number").distinct().execute().number)
    return [pieces_of(skips[~mixed], SKIP), pieces_of(skips[mixed], MIXED)]


def intervals_of(runs: pd.DataFrame, skips: pd.DataFrame, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of each interface: its aggregation interval, the slots that it filled, whether it reports steadily.

    A NODATA record lasts an interval, so that three of them decide. Else the longer interval shows in records that
    last longer than `LONG`, or in holes that one of 60 s cannot leave: two flows in neighbouring intervals are less
    than 120 s apart. Where an interface has too few records to tell, it is taken for what most of the log is.
    """
    kinds = runs.drop_duplicates(["code", "kind"])
    slots = np.bincount(skips.code, minlength=count)
    long = np.bincount(skips.code[skips.end - skips.start > LONG], minlength=count)
    for sums, name in ((slots, "slots"), (long, "long")):
        np.add.at(sums, kinds.code, kinds[name])
    idle = kinds[kinds.kind == NODATA]
    idle_slots, idle_long = (np.bincount(idle.code, idle[name], count) for name in ("slots", "long"))
    pieces = [pieces_of(runs, SEEN), pieces_of(skips, SKIP)]
    holes = [_holes(part) for part in parts_of(pieces, count)]
    code, width = (np.concatenate(column) for column in zip(*holes, strict=True))
    wide = np.bincount(code, minlength=count)
    longer = np.where(idle_slots >= 3, idle_long > 0.5 * idle_slots, np.maximum(long, wide) > 0.1 * slots)
    enough = slots >= 5
    common = slots[enough & longer].sum() > slots[enough & ~longer].sum()
    unsure = ~enough & (idle_slots < 3) & (long == 0) & (wide < 2) & enough.any()
    interval = np.where(np.where(unsure, common, longer), 600, 60)
    silent = np.bincount(code[width >= SILENT_AFTER * interval[code]], minlength=count)
    return interval, slots, steady(slots, silent)


def steady(slots, silences):
    """Return whether so few silences among so many filled slots mean that silence is not how it reports."""
    return (slots >= 10) & (silences <= 1 + 0.05 * slots)


def _holes(pieces: list) -> tuple:
    """Return code and length of each time of more than 120 s between two `pieces` of an interface."""
    code, first, last, bits = sweep(pieces, holes=True)
    hole = (bits == 0) & (last - first > 120)
    return code[hole], (last - first)[hole]


def pieces_of(runs: pd.DataFrame, bit: int) -> tuple:
    """Return runs as arrays (code, first, last, bit); a record of one moment covers that second."""
    first = runs.start.to_numpy("int64")
    return runs.code.to_numpy(), first, np.maximum(runs.end.to_numpy("int64"), first + 1), bit


def parts_of(pieces: list, count: int) -> Iterator[list]:
    """Return `pieces` apart by interface, about `PART` of them at a time."""
    edges = np.linspace(0, count, sum(len(piece[0]) for piece in pieces) // PART + 2).astype(int)
    for low, high in pairwise(edges):
        here = [(piece[0] >= low) & (piece[0] < high) for piece in pieces]
        yield [(*(column[keep] for column in piece[:3]), piece[3]) for piece, keep in zip(pieces, here, strict=True)]


def _timed(flows: ir.Table) -> ir.Table:
    """Return the records that have a time, by interface; one that ends before it starts is of one moment."""
    rows = flows.filter(flows.start.notnull() & flows.end.notnull())
    return rows.select(
        "start",
        "log_status",
        interface_id=rows.interface_id.coalesce(rows.resource_id),
        end=ibis.greatest(rows.start, rows.end),
    )


def _codes(names: pd.Index) -> ir.Table:
    codes = pd.DataFrame({"interface_id": names, "code": np.arange(len(names), dtype="int32")})
    return ibis.memtable(codes, schema={"interface_id": "string", "code": "int32"})
