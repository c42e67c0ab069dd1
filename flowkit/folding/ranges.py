"""Ranges of time: joined with records in any engine, and cut into pieces here. Never as lists of their minutes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from flowkit.folding.engine import Engine
from flowkit.loading.records import new_name, quoted


def within(engine: Engine, rows: str, ranges: pd.DataFrame, keys: Sequence[str], at: str) -> str:
    """Return SQL for each of the statement `rows` with each range that its time `at` lies in: first <= at < last, `keys`
    equal.

    `ranges` has `keys`, ``first`` and ``last`` (seconds since 1970), and other columns of texts or whole numbers, which
    are added to the rows. They are joined by bins as wide as the mean range: a range touches three of them on
    average, however long one is, and a record meets few ranges that are not its own.
    """
    first, last = (ranges[edge].to_numpy("int64") for edge in ("first", "last"))
    width = max(60, int((last - first).mean()) if len(ranges) else 0)
    bins = np.maximum(last - 1, first) // width - first // width + 1
    number = np.repeat(np.arange(len(ranges)), bins)
    step = np.arange(len(number)) - np.repeat(bins.cumsum() - bins, bins)
    engine.put(name := new_name("ranges"), ranges.iloc[number].assign(bin=(first // width)[number] + step))
    added = ", ".join(f"{name}.{quoted(column)}" for column in ranges.columns if column not in keys)
    same = " AND ".join(f"one.{key} = {name}.{key}" for key in keys)
    return f"""
    SELECT one.*, {added} FROM {rows} AS one JOIN {name} ON {same} AND one.{quoted(at)} // {width} = {name}.bin
        AND one.{quoted(at)} >= {name}.first AND one.{quoted(at)} < {name}.last"""


def sweep(pieces: Sequence[tuple], holes: bool = False) -> tuple:
    """Return the elementary segments of overlapping pieces: code, first, last, bits (of all that cover it). A piece is
    (codes, firsts, lasts, bit), its first three arrays. With `holes`, also the segments between two pieces of one code
    that none covers: their bits are 0. Sorted by code and time."""
    code = np.concatenate([p[0] for p in pieces for _ in (1, 2)])
    time = np.concatenate([edge for p in pieces for edge in p[1:3]])
    step = np.concatenate([np.full(len(p[0]), sign, np.int8) for p in pieces for sign in (1, -1)])
    kind = np.concatenate([np.full(len(p[0]), p[3], np.int16) for p in pieces for _ in (1, 2)])
    order = np.lexsort((time, code))
    code, time, step, kind = code[order], time[order], step[order], kind[order]
    bits = np.zeros(len(code), np.int16)
    for bit in np.unique(kind):
        open_pieces = np.cumsum(np.where(kind == bit, step, 0), dtype=np.int32)
        bits |= np.where(open_pieces > 0, bit, 0).astype(np.int16)
    here = np.flatnonzero((code[1:] == code[:-1]) & (time[1:] > time[:-1]) & (holes | (bits[:-1] > 0)))
    return code[here], time[here], time[here + 1], bits[here]


def merged(code: np.ndarray, first: np.ndarray, last: np.ndarray, same: np.ndarray) -> tuple:
    """Return segments, sorted by code and time, with those that touch and have one code and one `same` as one."""
    changes = (code[1:] != code[:-1]) | (same[1:] != same[:-1]) | (first[1:] != last[:-1])
    edge = np.ones(min(len(code), 1), bool)
    opens, closes = np.append(edge, changes), np.append(changes, edge)
    return code[opens], first[opens], last[closes], same[opens]


def seconds(moments: pd.Series) -> pd.Series:
    """Return UTC Timestamps as whole seconds since 1970."""
    return moments.dt.tz_convert(None).astype("datetime64[s]").astype("int64")


def utc(moments) -> pd.Series:
    """Return whole seconds since 1970 as UTC Timestamps."""
    return pd.Series(np.asarray(moments, "int64").astype("datetime64[s]")).dt.tz_localize("UTC")
