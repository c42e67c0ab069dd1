"""What changed rules would do to the traffic of a log, and the narrowest rules that admit it: the answer for a notebook."""

from dataclasses import dataclass

import pandas as pd

from flowkit.folding.coverage import duration
from flowkit.language import retold, translated
from flowkit.loading.network import Snapshot
from flowkit.questions.least_privilege import least_privilege
from flowkit.questions.rule_changes import rules_after
from flowkit.questions.rules import share_seen
from flowkit.questions.what_if import PASSES, REJECTED, UNDETERMINED, Replay, replayed
from flowkit.reporting.answer import MIME, Answer, Shown
from flowkit.reporting.html import percent
from flowkit.reporting.kinds import text
from flowkit.reporting.names import hosts, named, service_name
from flowkit.words import without_controls

#: A claim on what was not rejected rests on at least so much of the time of the interfaces whose rules change.
SHORT = 0.95
#: Verdicts: nothing can be rejected that was seen, and whether changed rules that may reject are left that nothing tried.
SAFE, SEEN = "nothing rejected", "nothing seen rejected"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class WhatIf(Answer):
    """What `what_if` returns, beside summary and coverage.

    `verdict`: ``rejected``; ``nothing rejected`` of what the log holds; ``nothing seen rejected``, but changed rules that
    may reject were `untried` by any traffic; ``undetermined`` for other `reasons` (``short`` coverage, ``unjudged``
    interfaces, ``undetermined`` sessions); '' without changed rules. `clients`: one row a client, server and service on
    which the changed rules say another thing. `narrowest` and `narrowed`: as `least_privilege` returns them.
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
    if after is None:
        nothing = {"clients": pd.DataFrame(), "untried": pd.DataFrame(), "narrowest": narrowest, "narrowed": narrowed}
        return WhatIf(summary=(text("what-if.none"),), **nothing)
    if log.network is None:
        raise ValueError("the changed rules are compared with today's: give these, too (`network`)")
    replay = replayed(log, rules_after(log.network, after))
    share = share_seen(log.coverage, replay.affected) if replay.affected else None
    seen, reasons = {"share": percent(share or 0), "interfaces": len(replay.affected)}, _reasons(log, replay, share)
    verdict = SAFE if not reasons else SEEN if [*reasons] == ["untried"] else "undetermined"
    verdict = "rejected" if REJECTED in replay.totals.index else verdict
    times = {name: pd.to_datetime(replay.clients[name], unit="s", utc=True) for name in ("first", "last")}
    clients = named(replay.clients.assign(**times, verdict=replay.clients.verdict.map(translated)), hosts(log))
    untried = replay.untried.assign(
        change=replay.untried.change.map(translated), interface=replay.untried.interface_id.map(log.network.label),
        effect=replay.untried.closes.map({True: translated("may reject"), False: translated("may let pass")}),
    )  # fmt: skip
    return WhatIf(
        summary=tuple(_sentences(log, replay, verdict, "; ".join(reasons.values()), seen)),
        coverage="" if share is None else text("what-if.coverage", **seen), verdict=verdict, reasons=tuple(reasons),
        clients=clients["verdict client server service sessions today after first last records interface_id".split()],
        untried=untried["change rule effect interface interface_id".split()],
        narrowest=narrowest, narrowed=narrowed, replay=replay,
    )  # fmt: skip


def _reasons(log, replay: Replay, share: float | None) -> dict[str, str]:
    """Return what forbids to call the change safe: a word, and a sentence with an example."""
    said, closing = {}, replay.untried[replay.untried.closes]
    unsure = replay.clients[replay.clients.verdict == UNDETERMINED]
    if replay.affected and not (share or 0) >= SHORT:
        said["short"] = text("what-if.no-coverage" if share is None else "what-if.short", share=percent(share or 0))
    examples = {
        "unjudged": [*replay.unjudged.items()],
        "undetermined": [(one.interface_id, one.after or one.today) for one in unsure.head(1).itertuples()],
        "untried": [*zip(closing.interface_id, closing.rule, strict=True)],
    }
    numbers = {"interfaces": len(replay.unjudged), "changes": len(closing), **_of(replay, UNDETERMINED)}
    for form, ((eni, why), *_) in ((form, some) for form, some in examples.items() if some):
        name = without_controls(log.network.label(eni))
        said[form] = text(f"what-if.{form}", name=name, why=retold(why), **numbers)
    return said


def _of(replay: Replay, verdict: str) -> dict[str, int]:
    """Return the numbers of ``sessions`` and ``clients`` with a verdict."""
    return {name: int(some.get(verdict, 0)) for name, some in replay.totals.items()}


def _sentences(log, replay: Replay, verdict: str, reasons: str, seen: dict) -> list[str]:
    """Return what the change rejects, what it lets pass, and why that is not all."""
    host, facts, lost = hosts(log), log.fold.facts, verdict == "rejected"
    sure = "" if verdict in (SAFE, SEEN) or not reasons else "-so-far"
    seen = seen | {"span": duration((facts["last"] or 0) - (facts["first"] or 0))}

    def most(of: str) -> dict[str, str]:
        one = replay.clients[replay.clients.verdict == of].iloc[0]
        ends = {end: host(one[end], one.interface_id) for end in ("client", "server")}
        service = service_name(one.protocol, one.server_port)
        return seen | {"most": text("what-if.most", **_of(replay, of), **ends, service=service)}

    if replay.affected:
        lines = [text("what-if.rejected", **most(REJECTED)) if lost else text(f"what-if.safe{sure}", **seen)]
        nothing = f"what-if.passes-none{sure}" if facts["rejected"] else "what-if.no-rejected"
        lines.append(text("what-if.passes", **most(PASSES)) if PASSES in replay.totals.index else text(nothing))
    else:
        lines = [text("what-if.same")]
    return lines + ([text("what-if.not-all" if lost else "what-if.not-safe", reasons=reasons)] if reasons else [])
