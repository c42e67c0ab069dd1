"""Who reaches which service and whether that is as expected: the answer for a notebook, from `flowkit.questions`."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from flowkit.folding.coverage import covered_share
from flowkit.language import translated
from flowkit.loading.window import Moment, window
from flowkit.questions import expectations as expected
from flowkit.questions.networks import read_networks, subnet_names
from flowkit.questions.reachability import ANSWERED, ENOUGH, REFUSED, REPLY_REFUSED, RESET, SERVICE, SILENT, Reach
from flowkit.questions.samples import KEYS, samples
from flowkit.questions.services import exposed, unanswered
from flowkit.reporting import reachability_findings as finding_of
from flowkit.reporting.answer import Answer, absent, beyond, covered, little
from flowkit.reporting.finding import Finding
from flowkit.reporting.kinds import text
from flowkit.reporting.names import hosts
from flowkit.reporting.reachability_findings import gravity_of, host_of, opened_by, service_of, severity_of
from flowkit.words import without_controls

LIMITS = {
    "none": "There is no traffic in this window: nothing can be said of what is reachable.",
    "reject-only": "This log holds rejected traffic only: it cannot show what is reachable, only what was rejected.",
    "accept-only": "No record of this log is a REJECT: nothing was rejected, or the flow log takes accepted traffic only,"
    " where rejected return traffic looks like no response (this tells: aws ec2 describe-flow-logs --query"
    " 'FlowLogs[].[FlowLogId,TrafficType]').",
    "no-action": "This log lacks the field action: rejected traffic looks like no response.",
}
WORDS = {"newly-reachable": "open but should be blocked", "unproven": "no data"}
#: Clients that the table of changes names in a row; hosts that serve the internet by rules not known and are listed alone.
SHOWN, ALIKE = 50, 10


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Reachability(Answer):
    """What `reachability` returns, beside summary, findings, coverage and titles; times are UTC.

    `services`: one row a source network, service and state. `exposed`: services that answered the internet, with ``role``
    and the rules that they are ``admitted by``. `expectations`: as `check` returns them, with ``failing`` (of the clients)
    and ``cause``. `changes`: as `Reach` returns them. All have ``host`` and ``service`` in words.
    """

    services: pd.DataFrame
    exposed: pd.DataFrame
    expectations: pd.DataFrame
    changes: pd.DataFrame


def reachability(
    log, expect: str | Path | None = None, named_networks: str | None = None, compare_at: Moment = None, top: int = 20
) -> Reachability:
    """Return who reaches what in `log` and whether that is as the file `expect` says, with at most `top` findings of a kind;
    `named_networks`: ``name=CIDR,name=CIDR``; what came after `compare_at` is compared with what came before."""
    names, own = subnet_names(log.network) | read_networks(named_networks), expected.owners(log)
    file, printed = expected.expectations_of(log.source, expect), expected.printed_names(log.network, names)
    lines = expected.located(expected.read_expectations(file, printed), own)
    reach = Reach(log, names, lines)
    wanted = pd.Series(False, reach.rows.index)
    for one in lines:
        wanted |= one.reach & expected.matches(one, reach.rows, own)
    checked = expected.check(lines, reach.rows, reach.kind, own, reach.distinct)
    services, quiet = exposed(reach, wanted), _quiet(reach, lines, checked, own)
    changed = reach.changes(window(compare_at, None)[0])
    lost = changed[changed["change"].isin(["lost", "newly-reachable"]) & (changed["sessions"] >= ENOUGH)]
    failing = checked.loc[(checked["verdict"] == "broken") & (checked["expect"] == "reach"), "state"]
    asked = {*failing, *lost.loc[lost["change"] == "lost", "state"]} & {REFUSED, REPLY_REFUSED, SILENT}
    none = pd.DataFrame(columns=["network", *SERVICE])
    causes = expected.causes_of(log) if asked and log.fold.facts["rejected"] else none
    found, others, broken, host = [], [], {}, hosts(log)
    for one, row in zip(lines, checked.itertuples(), strict=True):
        if row.verdict != "met":
            mine = causes[expected.matches(one, causes, own)]
            same = mine if row.proof is None else mine[_at(mine, row.proof)]
            broken[row.line] = finding_of.expectation(reach, row, same if len(same) else mine, host)
            found.append((broken[row.line], reach.rows.loc[[*row.rows]]))
    open_, silent = _alike(services), _by_port(quiet)
    found += [(finding_of.exposure(reach, part), _of(reach, part, ANSWERED)) for part in open_[:top]]
    found += [(finding_of.without_response(reach, part, host), _asked(reach, part)) for part in silent[:top]]
    for kind, some in lost.groupby("change"):
        for at, row in enumerate(sorted(some.itertuples(), key=lambda one: gravity_of(kind, one))):
            mine = causes[_at(causes, row) & causes["network"].isin(row.who)]
            if at < top:
                asked = lost.loc[[row.Index]].explode("who").rename(columns={"who": "client"})
                asked["since"] = int(row.first_seen.timestamp())
                found.append((finding_of.change(log, row, mine, host), asked))
            else:
                others.append((finding_of.change_incident(row, mine), severity_of(kind, row)))
    others += [(opened_by(one, one.rules), severity_of("exposed-service", one))
              for one in (part.iloc[0] for part in open_[top:])]  # fmt: skip
    others += [(finding_of.place_of(one, one.state), severity_of(one.state, one))
               for one in (next(part.itertuples()) for part in silent[top:])]  # fmt: skip
    rules = [[f"{rule.group_id}: {without_controls(rule.text)}" for rule in some] for some in services["rules"]]
    admitted = services.assign(rules=[*map("; ".join, rules)], networks=[*map(", ".join, services["networks"])])
    return Reachability(
        summary=tuple(_summary(reach, services, quiet, checked, lost)[:5]),
        findings=tuple(_with_evidence(log, reach, found)),
        numbers={"exposed-service": int(((services["scope"] == "internet") & (services["role"] != "web")).sum()),
                 "accepted-silent": len(quiet),
                 "lost": len(lost.loc[lost["change"] == "lost", SERVICE].drop_duplicates())},
        unlisted=beyond((finding.incident for finding, _ in found), others),
        coverage=covered(covered_share(log.coverage)),
        titles=_titles(reach),
        services=_written(reach.rows, "state source host service clients sessions failed bytes"),
        exposed=_written(admitted.rename(columns={"rules": "admitted by"}), "role scope host service clients sessions"),
        expectations=_expectations(checked, broken),
        changes=_written(changed.assign(who=changed["who"].map(lambda some: ", ".join(some[:SHOWN]))),
                         "change source host service was state clients sessions"),
    )  # fmt: skip


def _quiet(reach: Reach, lines: list, checked: pd.DataFrame, own) -> pd.DataFrame:
    """Return the services that never answer, but for those that an expectation's own finding tells of."""
    quiet = unanswered(reach)
    away = quiet[quiet["interface_id"].isna()].explode("networks").rename(columns={"networks": "network"})
    theirs = [away.index[expected.matches(one, away, own)]
            for one, verdict in zip(lines, checked["verdict"], strict=True) if verdict != "met"]  # fmt: skip
    return quiet.drop({*itertools.chain.from_iterable(theirs)})


def _at(rows: pd.DataFrame, service) -> pd.Series:
    """Return which of `rows` are about the same address, protocol and port as `service`."""
    same = (rows["destination"] == service.destination) & (rows["port"] == service.port)
    return (same & (rows["protocol"] == service.protocol)).fillna(False).astype(bool)


def _alike(services: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of `exposed` that make one finding each, the gravest first: web ports together, other services by
    their rule, or where no rule is known each alone, unless many hosts have the same."""
    same = ["protocol", "port", "scope"]
    together = (services["role"] == "web") & (services["scope"] == "internet")
    unknown = services["rules"].map(len) == 0
    together |= unknown & (unknown.groupby([services[name] for name in same], dropna=False).transform("sum") > ALIKE)
    rule = [
        None if one else opened_by(row, row.rules) for one, row in zip(together, services.itertuples(), strict=True)
    ]
    keys = services.assign(rule=rule)[[*same, "rule"]]
    parts = (part for _, part in services.groupby([keys[name] for name in keys], dropna=False, sort=False))
    return sorted(parts, key=lambda part: gravity_of("exposed-service", part.iloc[0]))


def _by_port(quiet: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of `unanswered` that make one finding each: those in the internet by their port, others alone."""
    key = [f"{row.protocol}/{row.port}" if row.outside else row.Index for row in quiet.itertuples()]
    return [part for _, part in quiet.groupby(pd.Series(key, quiet.index, dtype=object), sort=False)]


def _asked(reach: Reach, part: pd.DataFrame) -> pd.DataFrame:
    """Return what `EVIDENCE` is asked of the silent services `part`: rows of `reach`, or the clients alone."""
    first = part.iloc[0]
    if not pd.isna(first.interface_id):
        return _of(reach, part, first.state)
    since = [int(at.timestamp()) for at in part["first_seen"]]
    return part.assign(since=since).explode("who", ignore_index=True).rename(columns={"who": "client"})


def _of(reach: Reach, part: pd.DataFrame, state: str) -> pd.DataFrame:
    """Return the rows of `reach` in this state that the services `part` are about."""
    keys = ["network", *SERVICE]
    wanted = pd.MultiIndex.from_frame(part.explode("networks").rename(columns={"networks": "network"})[keys])
    rows = reach.rows[reach.rows["destination"].isin(part["destination"]) & (reach.rows["state"] == state)]
    return rows[pd.MultiIndex.from_frame(rows[keys]).isin(wanted)]


def _with_evidence(log, reach: Reach, found: list[tuple[Finding, pd.DataFrame]]) -> list[Finding]:
    """Return the findings with coverage, the records that the edges count for each, and a few of them as lines; an interface
    that alone logged them is the finding's where its place names none."""
    if not found:
        return []
    keys = ["network", *SERVICE, "state", "client", "since", "id", "refused"]
    parts = (rows.assign(id=at, refused=bool(one.cause)).reindex(columns=keys) for at, (one, rows) in enumerate(found))
    records = reach.evidence(pd.concat(parts)).set_index("id")
    actions = ["REJECT" if found[number][0].cause else None for number in records.index]
    records["action"] = pd.Series(actions, records.index)
    ends = [records.rename(columns={"client": "srcaddr", "server": "dstaddr", "port": "dstport"}).assign(srcport=None),
            records.rename(columns={"client": "dstaddr", "server": "srcaddr", "port": "srcport"}).assign(dstport=None)]  # fmt: skip
    both = pd.concat(ends).astype({"srcport": "Int64", "dstport": "Int64"}).reset_index()
    lines = samples(log, both[["id", *KEYS]])
    result = []
    for number, (one, _) in enumerate(found):
        known = records.loc[number].to_dict() if number in records.index else {}
        eni = one.subject.get("interface_id")
        eni = known["interface_id"] if pd.isna(eni) and known.get("interfaces") == 1 else eni
        own = {"subject": {**one.subject, "interface_id": eni}, "coverage": covered_share(log.coverage, eni)}
        own |= {name: known.get(name, 0) for name in ("records", "packets", "bytes")}
        result.append(replace(one, samples=lines.get(number, ()), **own))
    return result


def _summary(reach: Reach, services, quiet, checked, lost: pd.DataFrame) -> list[str]:
    said = [translated(LIMITS[reach.kind])] if reach.kind in LIMITS else []
    said += (*little(covered_share(reach.log.coverage)), *absent(reach.log))
    if len(checked):
        counts = checked["verdict"].value_counts()
        words = {**WORDS, "met": "as expected", "unproven": "without data"}
        parts = ", ".join(text("reached.verdict", n=counts[one], verdict=translated(words.get(one, one)))
                          for one in expected.VERDICTS if one in counts)  # fmt: skip
        said.append(text("reached.expectations", n=len(checked), parts=parts))
    if reach.kind in ("reject-only", "none"):
        return said
    open_ = services[services["scope"] == "internet"]
    grave, other = open_[open_["role"].isin(["admin", "database"])], open_[open_["role"] == "other"]
    some = grave if len(grave) else other
    named = ", ".join(f"{host_of(row)} {service_of(row)}" for row in some[:3].itertuples())
    if len(some):
        form = "other" if grave.empty else "grave" if other.empty else "both"
        said.append(text(f"reached.{form}", n=len(grave) + len(other), grave=len(grave), named=named))
    else:
        said.append(text("reached.web" if len(open_) else "reached.none"))
    for form, states in (("rejected", (REFUSED, REPLY_REFUSED)), ("silent", (SILENT, RESET))):
        gone = lost[(lost["change"] == "lost") & lost["state"].isin(states)]
        if len(gone):
            clients = gone.groupby(SERVICE, dropna=False)["clients"].transform("sum")
            row, count = gone.loc[clients.idxmax()], len(gone[SERVICE].drop_duplicates())
            most = text("reached.most", where=f"{host_of(row)} {service_of(row)}", n=clients.max())
            said.append(text(f"reached.gone-{form}", n=count, most=most))
    if len(quiet):
        closed = quiet[quiet["state"] == RESET]
        form = "quiet" if closed.empty else "closed" if (closed["confidence"] == "high").any() else "seem-closed"
        said.append(text(f"reached.{form}", n=len(quiet), closed=len(closed)))
    if checked.empty:
        number = len(reach.rows.loc[reach.rows["state"] == ANSWERED, SERVICE].drop_duplicates())
        said.append(text("reached.answered" if number else "reached.not-answered", n=number))
    return said


def _titles(reach: Reach) -> dict[str, str]:
    rows = reach.rows.dropna(subset=["port"]).drop_duplicates(["state", *SERVICE])
    count = rows["state"].value_counts()
    seems = "-seems" if finding_of.seems_closed(RESET, rows.loc[rows["state"] == RESET, "confidence"].min()) else ""
    parts = [text(f"reached.state-{state}{seems if state == RESET else ''}", n=count[state])
             for state in (ANSWERED, SILENT, RESET, REPLY_REFUSED, REFUSED) if state in count]  # fmt: skip
    return {"reachability": ", ".join(parts) or text("reached.no-traffic")}


def _written(table: pd.DataFrame, first: str) -> pd.DataFrame:
    """Return `table` with ``host`` and ``service`` in words, and the columns `first` in front."""
    names, host = first.split(), ("host", host_of, ["destination", "destination_name"])
    # Of a hundred thousand rows most name the same hosts and services.
    for name, words, columns in (host, ("service", service_of, ["protocol", "port"])):
        number = table.groupby(columns, dropna=False, sort=False).ngroup()
        said = [words(row) for row in table[~number.duplicated()].itertuples()]
        table = table.assign(**{name: pd.Series(said, dtype=object).reindex(number).to_numpy()})
    return table[[*names, *(name for name in table.columns if name not in names)]]


def _expectations(checked: pd.DataFrame, broken: dict[int, Finding]) -> pd.DataFrame:
    """Return the checked expectations, broken ones first, with the causes of their findings."""
    table = checked.assign(
        rank=checked["verdict"].map(expected.VERDICTS.index),
        verdict=checked["verdict"].replace(WORDS).mask(checked["repaired"].astype(bool), "was broken"),
        failing=[f"{row.failing} of {row.clients}" for row in checked.itertuples()],
        cause=pd.Series([broken[line].cause if line in broken else None for line in checked["line"]], dtype=object),
        grounds=["; ".join(broken[line].grounds[1:]) if line in broken else "" for line in checked["line"]],
    )
    table = table.sort_values(["rank", "line"]).drop(columns=["rank", "proof", "rows"])
    return _written(table, "verdict name source host service failing state cause")
