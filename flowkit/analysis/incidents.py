"""Which groups of refusals belong together: what one rule refuses is one incident, however many clients it hits."""

import pandas as pd

from flowkit.analysis.evaluate import Verdict
from flowkit.analysis.network import LAST_RULES
from flowkit.analysis.rules import around

#: The gravest kind first; a finding that joins several groups is of the first of theirs.
KINDS = ("acl-changed", "reply-refused", "blocked-client", "service-control", "late-packets", "scan", "noise")


def incidents(groups: pd.DataFrame) -> pd.DataFrame:
    """`groups` with `inside` (the interface's end), `far` (the other) and `incident`: what belongs together.

    One deny entry of a network ACL is one incident; so is one interface's service refused for one cause.
    What a changed ACL refuses afterwards joins the sessions that the change cut, noise does nowhere else.
    """
    groups = groups.copy()
    began_inside = [
        way is not None and bool(way) != bool(back)
        for way, back in zip(groups.way, groups.from_server, strict=True)
    ]
    began_inside = pd.Series(began_inside, groups.index, dtype=bool)
    groups["inside"] = groups.client.where(began_inside, groups.server)
    groups["far"] = groups.server.where(began_inside, groups.client)
    rule = [deny(verdict) for verdict in groups.verdict]
    keys = zip(
        groups.interface_id, groups.inside, groups.protocol, groups.server_port.fillna(-1), strict=True
    )
    groups["place"] = list(keys)
    groups["incident"] = [
        f"{place} {entry or (kind, reason)}"
        for place, entry, kind, reason in zip(groups.place, rule, groups.kind, groups.cause, strict=True)
    ]
    cuts = groups[groups.kind == "acl-changed"]
    for name, cut in cuts.groupby("incident"):
        block, since = around(cut.far), cut["first"].min() - pd.Timedelta(minutes=10)
        beside = groups.index[
            (groups.place == cut.place.iloc[0]) & (groups["first"] >= since) & (groups.fate == "request")
        ]
        joins = [number for number in beside if block and around([str(block), groups.far[number]]) == block]
        same = groups.index[groups.incident == name]
        groups.loc[joins, "incident"] = name
        groups.loc[[*joins, *same], "kind"] = "acl-changed"
        told = [number for number in joins if groups.verdict[number] is None]
        groups.loc[told, ["cause", "confidence"]] = ["network-acl", "medium"]
        for number in told:
            groups.at[number, "grounds"] += (f"a changed network ACL cut off {block} at that time",)
    rank = groups.kind.map(KINDS.index)
    grave = rank.groupby(groups.incident).transform("min")
    joined = grave < KINDS.index("late-packets")
    groups.loc[joined & (groups.kind != "scan"), "kind"] = grave[joined].map(dict(enumerate(KINDS)))
    return groups.drop(columns="place")


def deny(verdict: Verdict | None) -> tuple | None:
    """What names the ACL entry that refuses, where it is one that somebody wrote."""
    entry = verdict.entry if verdict is not None and verdict.acl_allows is False else None
    return (verdict.acl_id, entry.egress, entry.number) if entry and entry.number not in LAST_RULES else None
