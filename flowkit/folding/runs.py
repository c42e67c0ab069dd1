"""From records to runs: when each interface reported without a break, and its aggregation interval.

What `flowkit.folding.coverage` rests on, and all of it that touches records.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

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
#: How many records of each interface hold which fields, statuses and actions.
FACTS = """
    SELECT interface_id, count("start") AS start, count("end") AS "end",
        count(*) FILTER (WHERE log_status IN ('OK', 'NODATA', 'SKIPDATA')) AS log_status,
        count(action) AS action, count(*) FILTER (WHERE "start" IS NOT NULL AND "end" IS NOT NULL) AS timed,
        count(*) FILTER (WHERE action = 'ACCEPT') AS accepts, count(*) FILTER (WHERE log_status = 'NODATA') AS nodata,
        count(*) FILTER (WHERE log_status = 'SKIPDATA') AS skipdata
    FROM flows GROUP BY interface_id"""
#: The records that have a time, by interface; one that ends before it starts is of one moment.
TIMED = """
    SELECT interface_id, "start", greatest("start", "end") AS "end", log_status
    FROM flows WHERE "start" IS NOT NULL AND "end" IS NOT NULL AND interface_id IS NOT NULL"""
MIDDLES = """
    SELECT interface_id, ("start" + "end") // 2 AS middle FROM timed WHERE coalesce(log_status, 'OK') = 'OK'"""
SKIPS = """SELECT interface_id, "start", "end" FROM timed WHERE log_status = 'SKIPDATA'"""
_OVER = 'OVER (PARTITION BY interface_id, kind ORDER BY "start" ROWS BETWEEN UNBOUNDED PRECEDING AND {})'
_BEFORE, _WHOLE = _OVER.format("1 PRECEDING"), _OVER.format("UNBOUNDED FOLLOWING")
#: Where unbroken runs of records begin: one row a run of one kind at one interface. ``kind`` (NODATA or SEEN),
#: ``start`` (seconds since 1970), ``reach`` (where the run before ended, null for the first); of all runs of that
#: interface and kind: ``last`` (where the last ends), ``slots`` (NODATA records, or minutes with a flow), ``long``
#: (those with a record of more than `LONG` seconds). All windows have one order, so that an engine sorts once.
RUNS = f"""
    SELECT * FROM (
        SELECT interface_id, kind, "start", max("end") {_BEFORE} AS reach, max("end") {_WHOLE} AS last,
            count(*) {_WHOLE} AS slots, CAST(sum(CASE WHEN long > {LONG} THEN 1 ELSE 0 END) {_WHOLE} AS BIGINT) AS long
        FROM (
            SELECT interface_id, {SEEN} AS kind, min("start") AS start, max("end") AS "end", max("end" - "start") AS long
            FROM timed WHERE coalesce(log_status, 'OK') = 'OK' GROUP BY interface_id, "start" // 60
            UNION ALL
            SELECT interface_id, {NODATA}, "start", "end", "end" - "start" FROM timed WHERE log_status = 'NODATA'
        ) AS slots
    ) AS reached
    WHERE reach IS NULL OR "start" > reach + {BRIDGE}"""


def coded(rows: pd.DataFrame, names: pd.Index) -> pd.DataFrame:
    """Return rows of `RUNS` or `SKIPS`, sorted, by ``code`` (of the interface in `names`); runs with their ``end``."""
    rows.insert(0, "code", names.get_indexer(rows.pop("interface_id")))
    rows = rows.sort_values([*rows.columns[:3]], ignore_index=True)
    if "reach" in rows:
        end = rows.groupby(["code", "kind"]).reach.shift(-1)
        rows["end"] = end.fillna(rows["last"]).astype("int64")
    return rows


def skip_pieces(engine, skips, names, interval) -> list:
    """Return SKIPDATA as pieces, those with flows in them apart; an empty record stands for an interval. Reads ``timed``."""
    if skips.empty:
        return []
    empty = skips.end <= skips.start
    skips.loc[empty, "end"] = skips.start[empty] + interval[skips.code[empty]]
    made = {"interface_id": names.take(skips.code), "first": skips.start, "last": skips.end, "number": skips.index}
    engine.define(middles=MIDDLES)
    hit = within(engine, "middles", pd.DataFrame(made), ["interface_id"], "middle")
    mixed = skips.index.isin(engine.answer(f"SELECT DISTINCT number FROM ({hit}) AS hit").number)
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
    swept = [sweep(part, holes=True) for part in parts_of(pieces, count)]
    code, first, last, bits = (np.concatenate(column) for column in zip(*swept, strict=True))
    hole = (bits == 0) & (last - first > 120)
    code, width = code[hole], (last - first)[hole]
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
