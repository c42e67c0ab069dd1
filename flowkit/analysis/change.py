"""What changed in who reaches what: against an earlier window, and within the window itself."""

import pandas as pd

from flowkit.analysis.reachability import ANSWERED, STATES

KEY = ["source", "destination", "protocol", "port"]
UNSEEN = "unseen"
COLUMNS = (
    "source", "destination", "destination_name", "interface_id", "protocol", "port", "change", "was", "state",
    "clients", "sessions", "confidence", "first_seen", "last_seen", "answered_until",
)  # fmt: skip
#: Unanswered sessions from which a service counts as lost rather than unlucky.
ENOUGH = 3


def changes(now: pd.DataFrame, before: pd.DataFrame | None = None) -> pd.DataFrame:
    """Services whose reachability changed or stayed, one row a source group and service.

    now, before: tables of `reachability` (`before` of an earlier window; without it only what was lost within
    the window is told).

    Columns: source, destination, destination_name, interface_id, protocol, port; change: `newly-reachable`
    (answered, and earlier seen to fail), `lost` (answered earlier, now failing), `first-seen` (not seen
    earlier), `ongoing` (the same state) or `unseen` (not seen now: no proof that it is lost); was and state
    (the states then and now, `unseen` where not seen); clients, sessions, confidence (now), first_seen,
    last_seen, answered_until (the last answer, where lost within the window).
    """
    ended = now[now["answered_until"].notna() & (now["sessions"] >= ENOUGH)]
    found = [ended.assign(was=ANSWERED, change="lost")]
    if before is not None:
        found.append(_compared(_best(now), _best(before)))
    table = pd.concat(found)[list(COLUMNS)]
    return table.sort_values(
        ["change", "sessions", *KEY], ascending=[True, False] + [True] * 4, ignore_index=True
    )


def _compared(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    both = now.join(before.add_suffix("_before"), how="outer")
    both["was"] = both["state_before"].fillna(UNSEEN)
    both["state"] = both["state"].fillna(UNSEEN)
    for column in ("destination_name", "last_seen"):
        both[column] = both[column].fillna(both[f"{column}_before"])
    for count in ("clients", "sessions"):
        both[count] = both[count].fillna(0).astype("int64")
    both["change"] = [_change(*pair) for pair in zip(both["was"], both["state"], strict=True)]
    return both.reset_index()


def _best(reached: pd.DataFrame) -> pd.DataFrame:
    """One row a source group and service: its best state, for that state what was seen."""
    rank = reached["state"].map(STATES.index)
    ranked = reached.assign(rank=rank).dropna(subset=["port"]).sort_values([*KEY, "rank", "sessions"])
    return ranked.groupby([*KEY, "rank"], sort=True).agg(
        destination_name=("destination_name", "first"),
        interface_id=("interface_id", "first"),
        state=("state", "first"),
        clients=("clients", "sum"),
        sessions=("sessions", "sum"),
        confidence=("confidence", "last"),
        first_seen=("first_seen", "min"),
        last_seen=("last_seen", "max"),
        answered_until=("answered_until", "max"),
    ).reset_index("rank", drop=True).groupby(KEY).head(1)  # fmt: skip


def _change(was: str, state: str) -> str:
    if UNSEEN in (was, state):
        return "first-seen" if was == UNSEEN else UNSEEN
    if (was == ANSWERED) == (state == ANSWERED):
        return "ongoing"
    return "lost" if was == ANSWERED else "newly-reachable"
