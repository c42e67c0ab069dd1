"""What the logs do not hold: NODATA windows, SKIPDATA, an interface that falls silent, a lost file."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
from shop import Shop
from traffic import Clock
from windows import WINDOW, described

SLOT = 300
GAPS = ("skipdata", "nodata-interface", "silent-interface", "missing-file")
BLANK = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action", "tcp_flags", "type"]
BLANK += ["pkt_srcaddr", "pkt_dstaddr", "pkt_src_aws_service", "pkt_dst_aws_service", "flow_direction"]


def iso(seconds: float) -> str:
    """ISO 8601 in UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_nodata(rows: pd.DataFrame, shop: Shop, clock: Clock, phase: int, rng) -> pd.DataFrame:
    """`rows` and a NODATA row for every whole window in which an interface logged nothing."""
    first = clock.start + phase
    windows = np.arange(first, clock.start + clock.seconds - WINDOW + 1, WINDOW)
    grid = pd.MultiIndex.from_product([shop.interfaces, windows])
    idle = grid.difference(pd.MultiIndex.from_frame(rows[["name", "window"]].drop_duplicates())).to_frame()
    window = idle[1].to_numpy()
    start = window + rng.integers(0, 5, len(idle))
    end = window + WINDOW - rng.integers(-1, 5, len(idle))
    made = _statement(idle[0].to_numpy(), window, start, np.minimum(end, clock.start + clock.seconds - 1), "NODATA")
    return pd.concat([rows, described(made, shop)], ignore_index=True)


def _statement(names, window, start, end, status) -> pd.DataFrame:
    """Rows without a packet: `-` in every field that describes one."""
    made = pd.DataFrame({"name": names, "window": window, "start": start, "end": end, "log_status": status})
    return made.assign(**dict.fromkeys(BLANK, "-"))


def apply(rows: pd.DataFrame, shop: Shop, clock: Clock, phase: int, rng, wanted) -> tuple:
    """Rows that are logged, rows that are not (`hidden` says why), and the truths of the planted gaps."""
    truths = {}
    rows = rows.assign(hidden=None)
    silent, skipped = rng.permutation(["app-1", "app-2", "web-1", "web-2"])[:2]
    skipped = rng.choice(["db-1", skipped])
    if "skipdata" in wanted:
        rows, truths["skipdata"] = _skipdata(rows, shop, clock, skipped, rng)
    if "silent-interface" in wanted:
        truths["silent-interface"] = _silence(rows, shop, clock, silent, rng)
    if "missing-file" in wanted:
        truths["missing-file"] = _lost_file(rows, clock, rng)
    if "nodata-interface" in wanted:
        truths["nodata-interface"] = _nodata(rows, shop)
    kept = rows["hidden"].isna()
    return rows[kept].assign(hidden=False), rows[~kept].copy(), truths


def _skipdata(rows, shop, clock, name, rng) -> tuple:
    """SKIPDATA in the busiest run of windows; most lose all their rows, some only part of them."""
    mine = rows[(rows["name"] == name) & (rows["log_status"] == "OK")]
    per = mine.groupby("window").size()
    per = per[(per.index >= clock.at(0.62)) & (per.index <= clock.at(0.94))]
    length = int(rng.integers(4, 9)) if clock.seconds < 6 * 3600 else int(rng.integers(8, 15))
    busy = per.rolling(length, min_periods=length).sum().shift(1 - length)
    first = per.index.get_loc(busy.idxmax())
    windows = per.index[first : first + length]
    partly = rng.uniform(size=length) < 0.25
    lost = mine[mine["window"].isin(windows)].index
    share = np.where(rows.loc[lost, "window"].isin(windows[partly]), 0.6, 1.0)
    lost = lost[rng.uniform(size=len(lost)) < share]
    rows.loc[lost, "hidden"] = "skipdata"
    start = windows.to_numpy() + rng.integers(0, 4, length)
    end = np.where(rng.uniform(size=length) < 0.15, start, windows.to_numpy() + WINDOW - 1)
    made = described(_statement(name, windows.to_numpy(), start, end, "SKIPDATA"), shop)
    made = made.assign(incident="skipdata", hidden=None)
    note = f"{length} windows of {name} at its peak have SKIPDATA; {len(lost)} records are missing"
    interface_id, edge = shop.interfaces[name].id, windows[-1] + WINDOW
    truth = _truth("skipdata", interface_id, windows[0], edge, length, note) | {"missing": len(lost)}
    return pd.concat([rows, made], ignore_index=True), truth


def _silence(rows, shop, clock, name, rng) -> dict:
    """Mark the rows of an interface that logs nothing for a while, not even NODATA."""
    begin = clock.at(rng.uniform(0.27, 0.3))
    stop = begin + max(720, min(rng.uniform(1200, 3600), 0.1 * clock.seconds))
    hit = (rows["name"] == name) & rows["window"].between(begin, stop) & rows["hidden"].isna()
    rows.loc[hit, "hidden"] = "silent"
    windows = rows.loc[hit, "window"]
    note = f"{name} logs nothing at all, not even NODATA, then comes back"
    interface_id, edge = shop.interfaces[name].id, windows.max() + WINDOW
    return _truth("silent-interface", interface_id, windows.min(), edge, 0, note) | {"missing": int(hit.sum())}


def _lost_file(rows, clock, rng) -> dict:
    """Mark the rows of one slot's file."""
    slot = int(clock.at(rng.uniform(0.1, 0.22)) // SLOT * SLOT)
    hit = rows["end"].between(slot, slot + SLOT - 1) & rows["hidden"].isna()
    rows.loc[hit, "hidden"] = "lost-file"
    note = "the file of one five-minute slot was never delivered: every interface is blind"
    return _truth("not-delivered", None, slot, slot + SLOT, 0, note) | {"missing": int(hit.sum())}


def _nodata(rows, shop) -> dict:
    standby = rows[(rows["name"] == "standby") & rows["hidden"].isna()]
    note = "standby has no traffic: every row is NODATA, which is proof of none"
    first, last = standby["start"].min(), standby["end"].max()
    truth = _truth("nodata", shop.interfaces["standby"].id, first, last, len(standby), note)
    return truth | {"finding": False}


def _truth(kind, interface_id, first, last, records, note) -> dict:
    made = {"kind": kind, "notebook": "skipdata", "finding": True, "interface_id": interface_id}
    made |= dict.fromkeys(("srcaddr", "dstaddr", "protocol", "dstport"))
    seen = {"first": iso(first), "last": iso(last), "records": int(records)}
    return made | {"cause": None, "rule": None, "note": note} | seen
