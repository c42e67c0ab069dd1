"""What refused traffic means for an engineer: a handful of findings, a verdict, and the figures.

In: what `flowkit.analysis.rejected` returns. Groups that one rule refuses become one finding; all noise
becomes one, and every scanner one.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from flowkit.analysis.causes import own_client
from flowkit.analysis.coverage import covered_share
from flowkit.analysis.network import LAST_RULES, Snapshot, protocol_name
from flowkit.analysis.rejected import Rejected
from flowkit.analysis.rules import Fix, Wanted, acl_fix, around, group_fix, reply_ports
from flowkit.reporting.figures import COLOURS, utc_axis
from flowkit.reporting.findings import Finding

#: The gravest kind first; a finding that joins several groups is of the first of theirs.
KINDS = ("acl-changed", "reply-refused", "blocked-client", "service-control", "late-packets", "scan", "noise")
#: Warm for what is refused and may be wanted, pale for what is not.
SHADES = {
    "acl-changed": "#7b2d00", "reply-refused": COLOURS["reject"], "blocked-client": "#f2a65e",
    "service-control": COLOURS["skip"], "late-packets": COLOURS["accent"], "scan": COLOURS["nodata"],
    "noise": COLOURS["muted"],
}  # fmt: skip
NOTHING_TO_DO = "Nothing to do: the refusals are what the rules are for."
NOT_BLOCKED = "Nothing to do: no rule is in the way."
EVIDENCE_WANTED = "Save the rules and run again, so that they can be asked: flowkit snapshot"


def rejected_findings(
    rejected: Rejected,
    snapshot: Snapshot | None = None,
    samples: dict[int, tuple[str, ...]] | None = None,
    cells: pd.DataFrame | None = None,
    top: int = 20,
) -> list[Finding]:
    """Findings, gravest first; at most `top` of each kind. `samples`: record lines by index of the group."""
    groups = incidents(rejected.groups)
    found = []
    for kind in KINDS:
        some = groups[groups.kind == kind]
        if kind in ("scan", "noise"):
            continue
        parts = sorted((part for _key, part in some.groupby("incident")), key=_weight, reverse=True)
        found += [_finding(kind, part, snapshot, samples or {}, cells) for part in parts[:top]]
    probes = groups[groups.kind == "scan"].drop_duplicates("client")
    probed = {client: (samples or {}).get(number, ()) for number, client in probes.client.items()}
    scans = [_scan(row, probed) for row in rejected.scanners.head(top).itertuples(index=False)]
    return [*found, *scans, *_noise(rejected, groups)]


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
    rule = [_deny(verdict) for verdict in groups.verdict]
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
    rank = groups.kind.map(KINDS.index)
    grave = rank.groupby(groups.incident).transform("min")
    joined = grave < KINDS.index("late-packets")
    groups.loc[joined & (groups.kind != "scan"), "kind"] = grave[joined].map(dict(enumerate(KINDS)))
    return groups


def leads(groups: pd.DataFrame, top: int = 20) -> pd.DataFrame:
    """One group of each incident and of each of `top` scanners: those whose records a finding shows."""
    told = incidents(groups)
    some = told[~told.kind.isin(["scan", "noise"])].drop_duplicates("incident")
    return pd.concat([some, told[told.kind == "scan"].drop_duplicates("client").head(top)])


def ranked(groups: pd.DataFrame) -> pd.DataFrame:
    """The refused requests and replies as a table to read, most wanted first, scans and noise left out."""
    some = groups[~groups.kind.isin(["scan", "noise", "late-packets"])]
    parts = [", ".join(f"{reason} {points:+d}" for reason, points in one.items()) for one in some.parts]
    columns = ["kind", "client", "server", "protocol", "server_port", "sessions", "records", "first", "last"]
    columns += ["cause", "confidence", "score"]
    return some[[*columns, "interface_id"]].assign(points=parts, grounds=some.grounds.map("; ".join))


def _deny(verdict) -> tuple | None:
    """What names the ACL entry that refuses, where it is one that somebody wrote."""
    entry = verdict.entry if verdict is not None and verdict.acl_allows is False else None
    return (verdict.acl_id, entry.egress, entry.number) if entry and entry.number not in LAST_RULES else None


def _weight(part: pd.DataFrame) -> tuple:
    return part.score.max(), part.records.sum()


def _finding(kind: str, part: pd.DataFrame, snapshot, samples: dict, cells) -> Finding:
    """The groups of one incident as one finding."""
    part = part.sort_values(["records", "score"], ascending=False)
    lead = part[part.fate != "request"].iloc[0] if kind == "acl-changed" else part.iloc[0]
    began_inside = lead.client == lead.inside
    verdict = next((one for one in part.verdict if one is not None and not one.allowed), None)
    far = _far(part, verdict)
    first, last = part["first"].min(), part["last"].max()
    words = _Words(part, lead, far, verdict, snapshot)
    fix = _fix(kind, part, lead, began_inside, verdict, snapshot)
    share = None if cells is None else covered_share(cells, _logged_by(lead.interface_id), first, last)
    return Finding(
        kind=kind,
        severity=_severity(kind, part),
        confidence=lead.confidence,
        title=getattr(words, kind.replace("-", "_"))(),
        subject={
            "interface_id": _logged_by(lead.interface_id),
            "srcaddr": lead.inside if began_inside else far,
            "dstaddr": far if began_inside else lead.inside,
            "protocol": int(lead.protocol),
            "dstport": None if pd.isna(lead.server_port) else int(lead.server_port),
        },
        cause=lead.cause,
        grounds=tuple(dict.fromkeys([*lead.grounds, *_score(kind, lead), *_others(part, lead)])),
        action=_action(kind, lead, fix),
        first_seen=first,
        last_seen=last,
        records=int(part.records.sum()),
        packets=int(part.packets.sum()),
        bytes=int(part.bytes.sum()),
        coverage=share,
        samples=next((samples[number] for number in part.index if number in samples), ()),
    )


def _many(count: int, noun: str) -> str:
    return f"{int(count):,} {noun}" + ("" if count == 1 else "s")


def _logged_by(interface_id: str) -> str | None:
    return None if interface_id == "-" else interface_id


def _far(part: pd.DataFrame, verdict) -> str | None:
    """What the far ends have in common: one address, the network an ACL entry names, the block they fill."""
    if part.far.nunique() == 1:
        return part.far.iloc[0]
    if _deny(verdict) and verdict.entry.network.prefixlen:
        return str(verdict.entry.network)
    block = around(part.far)
    return str(block) if block else None


def _severity(kind: str, part: pd.DataFrame) -> str:
    lead = part.iloc[0]
    if kind == "late-packets":
        return "info"
    if kind == "service-control":
        return "medium" if lead.way else "low"
    if kind == "blocked-client":
        best = part.loc[part.score.idxmax()]
        if not (own_client(best) or best.known or best.own or "private client" in best.parts):
            return "low"
        return "high" if best.score >= 6 and part.sessions.sum() >= 3 else "medium"
    known = part.known.any() or part.way.eq(False).any() or len(part) > 1 or part.retries.any()
    return "high" if known else "low"


def _score(kind: str, lead: pd.Series) -> list[str]:
    if kind != "blocked-client":
        return []
    parts = ", ".join(f"{reason} {points:+d}" for reason, points in lead.parts.items())
    return [f"wanted: {lead.score} points ({parts})"]


def _others(part: pd.DataFrame, lead: pd.Series) -> list[str]:
    rest = part[part.index != lead.name]
    return (
        [f"{len(rest):,} more groups of this incident, {rest.records.sum():,} records"] if len(rest) else []
    )


class _Words:
    """The title of each kind of finding."""

    def __init__(self, part: pd.DataFrame, lead: pd.Series, far: str | None, verdict, snapshot) -> None:
        self.part, self.lead, self.snapshot = part, lead, snapshot
        count = part.far.nunique()
        self.far = (
            self.name(far)
            if far and "/" not in far
            else f"{count:,} addresses" + (f" of {far}" if far else "")
        )
        self.inside = self.name(lead.inside)
        port = "" if pd.isna(lead.server_port) else f"/{int(lead.server_port)}"
        self.service = f"{protocol_name(int(lead.protocol))}{port}"
        self.tries = _many(part.sessions.sum(), "attempt")
        self.since = f"{part['first'].min():%Y-%m-%d %H:%M}"
        self.by = self._by(verdict)
        self.began_inside = lead.client == lead.inside
        self.way = {True: " on their way out", False: " on their way in"}.get(lead.way, "")

    def name(self, address: str) -> str:
        """The address, with the name of its interface where the snapshot knows one."""
        owner = self.snapshot.owner(address) if self.snapshot else None
        return f"{owner.name} ({address})" if owner else address

    def _by(self, verdict) -> str:
        lead = self.lead
        if lead.cause == "rules-changed":
            return "the rules of the snapshot would let them pass, so they have changed since"
        if lead.cause == "undetermined":
            return "security group or network ACL, the log cannot tell"
        if verdict is None:
            words = {
                "security-group": "its security group refuses it",
                "network-acl": "its subnet's network ACL refuses it",
            }
            return words.get(lead.cause, "")
        said = []
        if verdict.groups_allow is False:
            way = "egress" if verdict.packet.egress else "ingress"
            said.append(f"security group {', '.join(verdict.group_ids)} lacks an {way} rule")
        if verdict.acl_allows is False:
            number = (
                "*" if verdict.entry is None or verdict.entry.number in LAST_RULES else verdict.entry.number
            )
            said.append(f"network ACL {verdict.acl_id} refuses it by rule {number}")
        return " and ".join(said)

    def blocked_client(self) -> str:
        client, server = (self.inside, self.far) if self.began_inside else (self.far, self.inside)
        never = (
            "" if self.part.own.any() else ", never let in" if not self.began_inside else ", never let out"
        )
        return f"{client} to {server} {self.service}: {self.tries} refused since {self.since} UTC{never}; {self.by}."

    def reply_refused(self) -> str:
        client, server = (self.inside, self.far) if self.began_inside else (self.far, self.inside)
        return (
            f"Answers of {server} {self.service} to {client} are refused{self.way}:"
            f" {self.tries} since {self.since} UTC; {self.by}."
        )

    def acl_changed(self) -> str:
        cut = int(self.part[self.part.fate == "changed"].sessions.sum())
        later = int(self.part[self.part.fate != "changed"].sessions.sum())
        after = f", {later:,} attempts refused since" if later else ""
        return (
            f"A network ACL cut {_many(cut, 'open conversation')} of {self.far} with {self.inside}"
            f" {self.service} at {self.since} UTC{after}; {self.by}."
        )

    def service_control(self) -> str:
        what = {
            "block-public-access": "VPC Block Public Access",
            "encryption-control": "VPC encryption control",
        }.get(self.lead.cause, f"a control that the log calls {self.lead.reject_reason}")
        client, server = (self.inside, self.far) if self.began_inside else (self.far, self.inside)
        return f"{what} refuses {client} on {server} {self.service}: {self.tries} since {self.since} UTC."

    def late_packets(self) -> str:
        return (
            f"{int(self.part.packets.sum()):,} packets between {self.far} and {self.inside} {self.service}"
            " came after their connection was closed: nothing is blocked."
        )


def _fix(kind: str, part: pd.DataFrame, lead: pd.Series, began_inside: bool, verdict, snapshot) -> list[Fix]:
    """The rules that would let the incident's traffic pass; none where no rule is to blame."""
    if (
        lead.cause not in ("security-group", "network-acl", "security-group-and-network-acl")
        or kind == "late-packets"
    ):
        return []
    far, egress = tuple(sorted(set(part.far))), bool(lead.way)
    ports = None if pd.isna(lead.server_port) else (int(lead.server_port),) * 2
    back = reply_ports(int(part.low.min()), int(part.high.max())) if ports else None
    wanted = Wanted(lead.interface_id, egress, far, int(lead.protocol), back if lead.from_server else ports)
    fixes = [group_fix(wanted, snapshot)] if lead.cause.startswith("security-group") else []
    if lead.cause.endswith("network-acl"):
        fixes.append(acl_fix(wanted, verdict, snapshot))
    if lead.answer is not None:
        answer = replace(wanted, egress=not egress, ports=back)
        fixes.append(acl_fix(answer, lead.answer, snapshot))
    return fixes


def _action(kind: str, lead: pd.Series, fixes: list[Fix]) -> str:
    if kind == "late-packets":
        return NOT_BLOCKED
    if kind == "service-control":
        return (
            "See whether the control is meant to cover this: aws ec2 describe-vpc-block-public-access-options"
        )
    if lead.cause == "rules-changed":
        return "Check that it passes now; nothing is to be added to the rules of the snapshot."
    if not fixes:
        return EVIDENCE_WANTED
    commands = [line for fix in fixes for line in fix.commands]
    lines = [line for fix in fixes for line in fix.warnings]
    lines.append("If this is wanted, the least that lets it pass:")
    lines += [*commands, *(line for fix in fixes for line in fix.instead)]
    return "\n".join([*lines, "The same for Terraform:", *(fix.terraform for fix in fixes)])


def _scan(row, samples: dict[str, tuple]) -> Finding:
    many = f"{_many(row.ports, 'port')} of {_many(row.servers, 'host')}"
    let_in = row.contacts - row.refused
    return Finding(
        kind="scan",
        severity="info",
        confidence="high" if row.verdict == "scanner" else "medium",
        title=f"{row.client} scanned {many}: {row.records:,} refused records, {let_in:,} services let it in.",
        subject={"srcaddr": row.client, "protocol": None if pd.isna(row.protocol) else int(row.protocol)},
        grounds=(
            f"{row.refused:,} of its {row.contacts:,} first contacts were refused",
            "threshold random walk: scanner" if row.verdict == "scanner" else "too many targets for a client",
        ),
        action=NOTHING_TO_DO if not let_in else "See in the reachability notebook what let it in.",
        first_seen=row.first,
        last_seen=row.last,
        records=int(row.records),
        packets=int(row.packets),
        bytes=int(row.bytes),
        samples=samples.get(row.client, ()),
    )


def _noise(rejected: Rejected, groups: pd.DataFrame) -> list[Finding]:
    """Everything else in one finding: the noise, and the groups that were not listed."""
    some, totals = groups[groups.kind == "noise"], rejected.totals
    unlisted = int(totals.groups.sum()) - len(groups)
    sums = {
        name: int(some[name].sum() + totals[name].sum() - groups[name].sum())
        for name in ("records", "packets", "bytes")
    }
    if not len(some) and not unlisted:
        return []
    who = (
        f"{some.client.nunique():,} clients"
        if not unlisted
        else f"{len(some) + unlisted:,} pairs of client and service"
    )
    return [
        Finding(
            kind="noise",
            severity="info",
            confidence="high" if rejected.accepts else "low",
            title=f"{who} sent {sums['records']:,} refused records of no account: background noise.",
            subject={},
            grounds=(
                f"{int((some.sessions == 1).sum()):,} of {len(some):,} groups are a single attempt",
                f"{int((some.tiny == some.sessions).sum()):,} are single packets of at most 44 bytes",
            ),
            action=NOTHING_TO_DO,
            first_seen=totals["first"].min() if unlisted else some["first"].min(),
            last_seen=totals["last"].max() if unlisted else some["last"].max(),
            **sums,
        )
    ]


def rejected_verdict(findings: list[Finding], rejected: Rejected) -> list[str]:
    """Up to five sentences: the gravest findings, what needs nothing, what the log cannot tell."""
    total = int(rejected.totals.records.sum())
    if not total:
        return ["Nothing was refused."]
    said = []
    blocked = [f for f in findings if f.kind == "blocked-client" and f.severity in ("high", "medium")]
    if blocked:
        groups = incidents(rejected.groups)
        parts = groups[groups.kind == "blocked-client"].groupby("incident")
        count = max(len(blocked), sum(_severity("blocked-client", part) != "low" for _key, part in parts))
        are = "refusal looks" if count == 1 else "refusals look"
        said.append(f"{count:,} {are} like a wanted client that is kept out: {blocked[0].title}")
    else:
        said.append("No client that is probably wanted is refused from its first packet on.")
    replies = [f for f in findings if f.kind in ("reply-refused", "acl-changed") and f.severity != "low"]
    said += [finding.title for finding in replies[:3]]
    rest = {kind: [f for f in findings if f.kind == kind] for kind in ("scan", "late-packets", "noise")}
    if any(rest.values()):
        share = sum(f.records for some in rest.values() for f in some) / total
        words = (_many(len(rest["scan"]), "scanner"), "late packets", "noise")
        who = [word for word, some in zip(words, rest.values(), strict=True) if some]
        joined = " and ".join([", ".join(who[:-1]), who[-1]] if len(who) > 1 else who)
        share = "all" if share == 1 else f"{share:.0%} of the"
        said.append(f"Nothing to do for {share} {total:,} refused records: {joined}.")
    if not rejected.accepts:
        said.append("The log holds refusals only, so most causes cannot be told: log ALL traffic.")
    return said[:5]


def plot_refused_over_time(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Refused records by hour, stacked by kind, each kind labelled with its total."""
    ax = ax or plt.subplots(figsize=(9, 3.2))[1]
    wide = table.pivot_table(index="start", columns="kind", values="records", aggfunc="sum", fill_value=0)
    base = pd.Series(0, wide.index)
    width = wide.index.to_series().diff().min() if len(wide) > 1 else pd.Timedelta(hours=1)
    for kind in [kind for kind in KINDS if kind in wide]:
        label = f"{kind} ({int(wide[kind].sum()):,})"
        ax.bar(
            wide.index,
            wide[kind],
            width=width * 0.9,
            bottom=base,
            align="edge",
            label=label,
            color=SHADES[kind],
        )
        base = base + wide[kind]
    ax.set_ylabel("refused records")
    if len(wide):
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        utc_axis(ax)
    return ax
