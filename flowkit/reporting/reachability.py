"""Who reaches which service and whether that is as expected: the answer for a notebook, from `flowkit.questions`."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from flowkit.folding.coverage import covered_share
from flowkit.loading.window import Moment, window
from flowkit.questions.expectations import (
    VERDICTS,
    causes_of,
    check,
    expectations_of,
    matches,
    owners,
    printed_names,
    read_expectations,
)  # fmt: skip
from flowkit.questions.fixes import one_line
from flowkit.questions.networks import read_networks, subnet_names
from flowkit.questions.pairs import ANSWERED, ENOUGH, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.questions.reachability import SERVICE, Reach
from flowkit.questions.samples import KEYS, samples
from flowkit.questions.services import by_service, exposed, unanswered
from flowkit.reporting.answer import Answer
from flowkit.reporting.finding import Finding
from flowkit.reporting.names import many
from flowkit.reporting.reachability_findings import change, expectation, exposure, host_of, service_of, without_response
from flowkit.reporting.rejected_findings import incident_of

LIMITS = {
    "none": "There is no traffic in this window: nothing can be said of what is reachable.",
    "reject-only": "This log holds rejected traffic only: it cannot show what is reachable, only what was rejected.",
    "accept-only": "This log holds accepted traffic only: it cannot show rejections, and rejected return traffic looks"
    " like no response.",
    "no-action": "This log lacks the field action: rejected traffic looks like no response.",
}
WORDS = {"newly-reachable": "open but should be blocked", "unproven": "no data"}


@dataclass(frozen=True, kw_only=True)
class Reachability(Answer):
    """What `reachability` returns, beside summary, findings, coverage and titles.

    `services`: one row a source network, service and state: ``state``, ``source``, ``host``, ``service``, ``clients``,
    ``sessions``, ``failed``, ``bytes``; then the other columns of `flowkit.questions.reachability.COLUMNS`. `exposed`:
    services that answered the internet: ``role``, ``host``, ``service``, ``clients``, ``sessions``, ``admitted by``
    (security group rules), ``first_seen``, ``last_seen`` and more. `expectations`: ``verdict``, ``name``, ``source``,
    ``host``, ``service``, ``failing`` (of the clients), ``state``, ``cause``; then the columns of `check`. `changes`
    and `sessions_over_time` as `Reach` returns them, with ``host`` and ``service``. Times are UTC.
    """

    services: pd.DataFrame
    exposed: pd.DataFrame
    expectations: pd.DataFrame
    changes: pd.DataFrame
    sessions_over_time: pd.DataFrame


def reachability(
    log, expect: str | Path | None = None, named_networks: str | None = None, compare_at: Moment = None, top: int = 20
) -> Reachability:
    """Return who reaches what in `log` and whether that is as expected, with at most `top` findings of a kind.

    `expect`: the file of expectations; `named_networks`: ``name=CIDR,name=CIDR``; `compare_at`: what came after this
    moment is compared with what came before. Raises ValueError for a bad file or networks.
    """
    names = subnet_names(log.network) | read_networks(named_networks)
    lines = read_expectations(expectations_of(log.source, expect), printed_names(log.network, names))
    reach, own = Reach(log, names, lines), owners(log)
    matched = {one.line: matches(one, reach.rows, own) for one in lines}
    wanted = pd.Series(False, reach.rows.index)
    for one in lines:
        wanted |= one.reach & matched[one.line]
    checked = check(lines, reach.rows, reach.kind, own, reach.distinct)
    services, quiet = exposed(reach, wanted), unanswered(reach)
    changed = reach.changes(window(compare_at, None)[0])
    lost = changed[changed["change"].isin(["lost", "newly-reachable"]) & (changed["sessions"] >= ENOUGH)]
    refusing = checked["state"].isin([REFUSED, REPLY_REFUSED, SILENT]) & (checked["verdict"] == "broken")
    some = refusing.any() or lost["state"].isin([REFUSED, REPLY_REFUSED]).any()
    causes = causes_of(log) if some else None
    checked = _with_cause(checked, lines, causes, own)
    found = [
        (expectation(log, row), reach.rows[matched[row.line]]) for row in checked.itertuples() if row.verdict != "met"
    ]
    found += [(exposure(log, reach, part), _of(reach, part)) for part in _grouped(services)][:top]
    found += [(without_response(row), _of(reach, row)) for row in quiet.head(top).itertuples()]
    found += [(change(row, causes), _of(reach, row)) for row in lost.head(top).itertuples()]
    whole = covered_share(log.coverage)
    return Reachability(
        summary=tuple(_summary(reach, services, quiet, checked, lost)[:5]),
        findings=tuple(_with_evidence(log, reach, found)),
        coverage="" if whole is None else f"Log coverage {whole:.2%}",
        titles=_titles(reach),
        services=_first(_written(reach.rows), "state source host service clients sessions failed bytes"),
        exposed=_exposed(services),
        expectations=_expectations(checked),
        changes=_first(
            _written(changed.assign(who=changed["who"].str.join(", "))),
            "change source host service was state clients sessions",
        ),
        sessions_over_time=_written(reach.over_time()),
    )


def _with_cause(checked: pd.DataFrame, lines: list, causes: pd.DataFrame | None, own: pd.DataFrame) -> pd.DataFrame:
    """Return `checked` with cause, grounds (a tuple of sentences) and incident of what was rejected; where the clients
    are silent at their own interface only, also of what the service's interface rejected."""
    table = checked.assign(cause=None, grounds=[()] * len(checked), incident=None).astype(
        {"cause": object, "incident": object}
    )
    for number, one in ((number, one) for number, one in enumerate(lines) if causes is not None):
        row = table.loc[number]
        if row["verdict"] != "broken" or row["state"] not in (REFUSED, REPLY_REFUSED, SILENT):
            continue
        mine = causes[matches(one, causes, own)]
        if len(mine) and (row["state"] != SILENT or not one.reach):
            lead = mine.sort_values("records", ascending=False, kind="stable").iloc[0]
            table.at[number, "cause"], table.at[number, "grounds"] = (
                lead["cause"],
                tuple(map(one_line, lead["grounds"])),
            )
            table.at[number, "incident"] = incident_of(lead, lead["verdict"])
    return table


def _grouped(services: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of `exposed` that make one finding each: web ports together, any other service alone."""
    web = services["role"] == "web"
    return [part for _, part in services[~web].groupby(level=0)] + [
        part for _, part in services[web].groupby(["protocol", "port"])
    ]


def _of(reach: Reach, of) -> pd.DataFrame:
    """Return the rows of `reach` that services (a table) or one service or change (a row) are about."""
    part = of if isinstance(of, pd.DataFrame) else pd.DataFrame([of._asdict()])
    if "networks" in part:
        part = part.explode("networks").rename(columns={"networks": "network"})
    keys = ["network", *SERVICE]
    return reach.rows[pd.MultiIndex.from_frame(reach.rows[keys]).isin(pd.MultiIndex.from_frame(part[keys]))]


def _with_evidence(log, reach: Reach, found: list[tuple[Finding, pd.DataFrame]]) -> list[Finding]:
    """Return the findings with coverage, the records that the edges count for each, and a few of them as lines."""
    keys = ["network", "destination", "interface_id", "protocol", "port"]
    parts = [rows[keys].drop_duplicates().assign(id=number) for number, (_, rows) in enumerate(found)]
    refused = {number: bool(finding.cause) for number, (finding, _) in enumerate(found)}
    asked = pd.concat(parts or [reach.rows[keys].head(0).assign(id=0)])
    records = reach.evidence(asked.assign(refused=asked["id"].map(refused).astype(bool)))
    ends = [records.rename(columns={"client": "srcaddr", "server": "dstaddr", "port": "dstport"}).assign(srcport=None),
            records.rename(columns={"client": "dstaddr", "server": "srcaddr", "port": "srcport"}).assign(dstport=None)]  # fmt: skip
    both = pd.concat(ends).assign(action=None).astype({"srcport": "Int64", "dstport": "Int64"})
    rejected = both[both["refused"].astype(bool)].assign(action="REJECT")
    lines = samples(log, pd.concat([both[~both["refused"].astype(bool)], rejected])[["id", *KEYS]])
    counts = {row.pop("id"): row for row in records[["id", "records", "packets", "bytes"]].to_dict("records")}
    shares = {eni: covered_share(log.coverage, eni) for eni in {one.subject.get("interface_id") for one, _ in found}}
    return [
        replace(
            one,
            coverage=shares[one.subject.get("interface_id")],
            samples=lines.get(number, ()),
            **counts.get(number, {}),
        )
        for number, (one, _) in enumerate(found)
    ]


def _summary(
    reach: Reach, services: pd.DataFrame, quiet: pd.DataFrame, checked: pd.DataFrame, lost: pd.DataFrame
) -> list[str]:
    """Return what the page says first, the gravest first."""
    said = [LIMITS[reach.kind]] if reach.kind in LIMITS else []
    if len(checked):
        counts = checked["verdict"].value_counts()
        words = {**WORDS, "met": "as expected", "unproven": "without data"}
        parts = [f"{counts[one]} {words.get(one, one)}" for one in VERDICTS if one in counts]
        said.append(f"Of {many(len(checked), 'expectation')}: {', '.join(parts)}.")
    if reach.kind in ("reject-only", "none"):
        return said
    grave = services[services["role"].isin(["admin", "database"]) & (services["scope"] == "internet")]
    other = services[(services["role"] == "other") & (services["scope"] == "internet")]
    if len(grave):
        named = ", ".join(f"{host_of(row)} {service_of(row)}" for row in grave[:3].itertuples())
        verb = "is" if len(grave) == 1 else "are"
        said.append(f"{many(len(grave), 'admin or database port')} {verb} reachable from the internet: {named}.")
    elif len(other):
        named = ", ".join(f"{host_of(row)} {service_of(row)}" for row in other[:3].itertuples())
        said.append(f"The internet was answered on {many(len(other), 'service')} beyond web ports: {named}.")
    else:
        web = (services["role"] == "web").any()
        said.append("The internet was answered on web ports only." if web else "No answer to the internet was seen.")
    if len(quiet):
        resets = int((quiet["state"] == RESET).sum())
        closed = f" ({many(resets, 'port')} closed: TCP RST)" if resets else ""
        said.append(f"{many(len(quiet), 'service')} allowed but not responding{closed}.")
    gone = lost[lost["change"] == "lost"]
    if len(gone):
        said.append(f"{many(len(gone), 'service')} stopped responding to {many(gone['clients'].sum(), 'client')}.")
    if checked.empty:
        answered = reach.rows.loc[reach.rows["state"] == ANSWERED, ["destination", "protocol", "port"]]
        said.append(f"{many(len(answered.drop_duplicates()), 'service')} answered; no expectations were given.")
    return said


def _titles(reach: Reach) -> dict[str, str]:
    """Return the titles of the figures, which are their alt texts."""
    rows = reach.rows.dropna(subset=["port"])
    count = rows.groupby("state").apply(lambda part: len(part[["destination", "protocol", "port"]].drop_duplicates()))
    parts = [f"{many(count[state], 'service')} {words}" for state, words in (
        (ANSWERED, "answered"), (SILENT, "without response"), (RESET, "with a closed port"),
        (REPLY_REFUSED, "with return traffic rejected"), (REFUSED, "rejected"),
    ) if state in count]  # fmt: skip
    busiest = reach.rows[(reach.rows["state"] == ANSWERED) & reach.rows["interface_id"].notna()]
    busiest = by_service(busiest).sort_values("sessions", ascending=False).head(1)
    over = [
        f"{host_of(row)} {service_of(row)} is the busiest service: {many(row.sessions, 'session')}"
        for row in busiest.itertuples()
    ]
    return {
        "reachability": ", ".join(parts) or "No traffic",
        "sessions_over_time": "".join(over) or "No session was answered",
    }


def _written(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with ``host`` and ``service`` in words."""
    rows = list(table.itertuples())
    return table.assign(host=[host_of(row) for row in rows], service=[service_of(row) for row in rows])


def _first(table: pd.DataFrame, columns: str) -> pd.DataFrame:
    """Return `table` with these columns in front."""
    names = columns.split()
    return table[[*names, *(name for name in table.columns if name not in names)]]


def _exposed(services: pd.DataFrame) -> pd.DataFrame:
    rules = ["; ".join(f"{rule.group_id}: {one_line(rule.text)}" for rule in some) for some in services["rules"]]
    table = _written(services).assign(rules=rules, networks=[", ".join(some) for some in services["networks"]])
    return _first(table.rename(columns={"rules": "admitted by"}), "role scope host service clients sessions").rename(
        columns=str
    )


def _expectations(checked: pd.DataFrame) -> pd.DataFrame:
    """Return the checked expectations, broken ones first, the verdict in the first column."""
    table = _written(checked).assign(rank=checked["verdict"].map(VERDICTS.index)).sort_values(["rank", "line"])
    verdict = ["was broken" if row.repaired and row.verdict == "broken" else WORDS.get(row.verdict, row.verdict)
               for row in table.itertuples()]  # fmt: skip
    failing = [f"{row.failing} of {row.clients}" for row in table.itertuples()]
    table = table.assign(verdict=verdict, failing=failing, grounds=["; ".join(some) for some in table["grounds"]])
    return _first(table.drop(columns=["rank", "incident"]), "verdict name source host service failing state cause")
