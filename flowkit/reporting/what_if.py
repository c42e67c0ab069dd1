"""What changed rules would do to the traffic of a log, and the narrowest rules that admit it: the answer for a notebook."""

from dataclasses import dataclass

import pandas as pd

from flowkit.folding.coverage import duration
from flowkit.loading.network import Snapshot
from flowkit.questions.least_privilege import least_privilege
from flowkit.questions.rule_changes import rules_after
from flowkit.questions.rules import share_seen
from flowkit.questions.what_if import PASSES, REJECTED, UNDETERMINED, Replay, replayed
from flowkit.reporting.answer import MIME, Answer, Shown
from flowkit.reporting.html import percent
from flowkit.reporting.kinds import text, translated
from flowkit.reporting.names import hosts, named, service_name
from flowkit.words import without_controls

#: A claim on what was not rejected rests on at least so much of the time of the interfaces whose rules change.
SHORT = 0.95


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class WhatIf(Answer):
    """What `what_if` returns, beside summary and coverage.

    `verdict`: ``rejected``, ``nothing rejected`` (of what the log holds, and no `reasons` forbid to say so: ``short``
    coverage, ``unjudged`` interfaces, ``undetermined`` sessions, ``untried`` rules), ``undetermined``; '' without changed
    rules. `clients`: one row a client, server and service on which the changed rules say another thing. `untried`: changed
    rules that no traffic was judged by. `narrowest` and `narrowed`: as `least_privilege` returns them.
    """

    verdict: str = ""
    reasons: tuple[str, ...] = ()
    clients: pd.DataFrame
    untried: pd.DataFrame
    narrowest: pd.DataFrame
    narrowed: Snapshot | None
    replay: Replay | None = None

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        data = {"schema": 2, "section": True, "summary": list(self.summary), "coverage": self.coverage, "findings": []}
        shown = Shown(data, 0)._repr_mimebundle_()
        return shown if self.replay else {name: shown[name] for name in shown if name != MIME}


def what_if(log, after=None) -> WhatIf:
    """Return what the rules `after` would do to the traffic of `log`: the folder of a rules snapshot, or one change such as
    ``revoke-security-group-ingress --group-id sg-0a1b --protocol tcp --port 22 --cidr 0.0.0.0/0``; it is only read."""
    narrowest, narrowed = least_privilege(log)
    least = {"narrowest": narrowest, "narrowed": narrowed}
    if after is None:
        return WhatIf(summary=(text("what-if.none"),), clients=pd.DataFrame(), untried=pd.DataFrame(), **least)
    if log.network is None:
        raise ValueError("the changed rules are compared with today's: give these, too (`network`)")
    replay = replayed(log, rules_after(log.network, after))
    share = share_seen(log.coverage, replay.affected) if replay.affected else None
    reasons, seen = _reasons(log, replay, share), {"share": percent(share or 0), "interfaces": len(replay.affected)}
    untried = replay.untried.assign(
        change=replay.untried.change.map(translated), interface=replay.untried.interface_id.map(log.network.label),
        effect=replay.untried.closes.map({True: translated("may reject"), False: translated("may let pass")}),
    )  # fmt: skip
    return WhatIf(
        summary=tuple(_sentences(log, replay, [*reasons.values()], seen)),
        coverage="" if share is None else text("what-if.coverage", **seen),
        verdict="rejected" if _sum(replay, REJECTED) else "undetermined" if reasons else "nothing rejected",
        reasons=tuple(reasons), clients=_clients(log, replay), replay=replay,
        untried=untried["change rule effect interface interface_id".split()], **least,
    )  # fmt: skip


def _sum(replay: Replay, verdict: str, name: str = "sessions") -> int:
    return int(replay.totals[name].get(verdict, 0))


def _reasons(log, replay: Replay, share: float | None) -> dict[str, str]:
    """Return what forbids to call the change safe: a word, and a sentence with an example."""
    said, closing = {}, replay.untried[replay.untried.closes]
    values = {"share": percent(share or 0), "sessions": _sum(replay, UNDETERMINED)}
    values |= {"interfaces": len(replay.unjudged), "changes": len(closing)}

    def example(form: str, eni: str, why: str) -> None:
        name = without_controls(log.network.label(eni))
        said[form] = text(f"what-if.{form}", name=name, why=translated(why), **values)

    if replay.affected and not (share or 0) >= SHORT:
        said["short"] = text("what-if.no-coverage" if share is None else "what-if.short", **values)
    for eni, why in list(replay.unjudged.items())[:1]:
        example("unjudged", eni, why)
    for one in replay.clients[replay.clients.verdict == UNDETERMINED].head(1).itertuples():
        example("undetermined", one.interface_id, one.after or one.today)
    for one in closing.head(1).itertuples():
        example("untried", one.interface_id, one.rule)
    return said


def _sentences(log, replay: Replay, reasons: list[str], seen: dict) -> list[str]:
    """Return what the change rejects, what it lets pass, and why that is not all."""
    host, facts, so_far = hosts(log), log.fold.facts, "-so-far" if reasons else ""
    span = duration((facts["last"] or 0) - (facts["first"] or 0))

    def said(form: str, verdict: str) -> str:
        one = replay.clients[replay.clients.verdict == verdict].iloc[0]
        ends = {end: host(one[end], one.interface_id) for end in ("client", "server")}
        counts = {name: _sum(replay, verdict, name) for name in ("sessions", "clients")}
        most = text("what-if.most", **counts, **ends, service=service_name(one.protocol, one.server_port))
        return text(f"what-if.{form}", span=span, most=most, **seen)

    if not replay.affected:
        return [text("what-if.same"), *([text("what-if.not-safe", reasons="; ".join(reasons))] if reasons else [])]
    lost = _sum(replay, REJECTED)
    told = [said("rejected", REJECTED) if lost else text(f"what-if.safe{so_far}", span=span, **seen)]
    if _sum(replay, PASSES):
        told.append(said("passes", PASSES))
    else:
        told.append(text(f"what-if.passes-none{so_far}" if facts["rejected"] else "what-if.no-rejected"))
    if reasons:
        told.append(text("what-if.not-all" if lost else "what-if.not-safe", reasons="; ".join(reasons)))
    return told


def _clients(log, replay: Replay) -> pd.DataFrame:
    times = {name: pd.to_datetime(replay.clients[name], unit="s", utc=True) for name in ("first", "last")}
    table = replay.clients.assign(**times, verdict=replay.clients.verdict.map(translated))
    columns = "verdict client server service sessions today after first last records interface_id"
    return named(table, hosts(log))[columns.split()]
