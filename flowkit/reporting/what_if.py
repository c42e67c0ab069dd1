"""What changed rules would do to the traffic of a log, and the narrowest rules that admit it: the answer for a notebook."""

from dataclasses import dataclass

import pandas as pd

from flowkit.folding.coverage import duration
from flowkit.loading.network import Snapshot
from flowkit.questions.least_privilege import least_privilege
from flowkit.questions.rule_changes import rules_after
from flowkit.questions.rule_use import share_seen
from flowkit.questions.what_if import PASSES, REJECTED, UNDETERMINED, Replay, replayed
from flowkit.reporting.answer import MIME, Answer, Shown
from flowkit.reporting.names import hosts, service_name
from flowkit.reporting.tables import percent
from flowkit.words import many, without_controls

#: A claim on what was not rejected rests on at least so much of the time of the interfaces whose rules change.
SHORT = 0.95
NOT_GIVEN = "No changed rules are given (`network_after`), so nothing is replayed."


@dataclass(frozen=True, kw_only=True, eq=False)
class WhatIf(Answer):
    """What `what_if` returns, beside summary and coverage.

    `verdict`: ``rejected`` (something that was let pass would be), ``nothing rejected`` (of what the log holds, and
    nothing forbids to say so), ``undetermined``; '' without changed rules. `clients`: one row a client, server and
    service on which the changed rules say another thing. `untried`: changed rules that no traffic of the log was judged
    by. `narrowest`: the narrowest security group rules for what was answered, and `narrowed` the snapshot with them,
    as `flowkit.questions.least_privilege.least_privilege` returns both. `replay`: what the tables are made of.
    """

    verdict: str = ""
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
    """Return what the rules `after` would do to the traffic of `log`.

    `after`: the folder of a rules snapshot, or one change as the AWS CLI says it, such as
    ``revoke-security-group-ingress --group-id sg-0a1b --protocol tcp --port 22 --cidr 0.0.0.0/0``; it is only read.
    """
    narrowest, narrowed = least_privilege(log)
    least = {"narrowest": narrowest, "narrowed": narrowed}
    if after is None:
        return WhatIf(summary=(NOT_GIVEN,), clients=pd.DataFrame(), untried=pd.DataFrame(), **least)
    if log.network is None:
        raise ValueError("the changed rules are compared with today's: give these, too (`network`)")
    replay = replayed(log, rules_after(log.network, after))
    share = share_seen(log.coverage, replay.affected) if replay.affected else None
    reasons = _reasons(log, replay, share)
    verdict = "rejected" if _sum(replay, REJECTED) else "undetermined" if reasons else "nothing rejected"
    whose = f"of the time of {many(len(replay.affected), 'interface')} whose rules change"
    return WhatIf(
        summary=tuple(_sentences(log, replay, share, reasons)),
        coverage="" if share is None else f"{percent(share)} {whose} was seen",
        verdict=verdict, clients=_clients(log, replay), untried=_named(log, replay.untried), replay=replay, **least,
    )  # fmt: skip


def _sum(replay: Replay, verdict: str, name: str = "sessions") -> int:
    return int(replay.totals[name].get(verdict, 0))


def _reasons(log, replay: Replay, share: float | None) -> list[str]:
    """Return what forbids to call the change safe, each with an example."""
    said, label = [], lambda eni: without_controls(log.network.label(eni))
    if replay.affected and (share is None or share < SHORT):
        said.append("log coverage cannot be judged" if share is None else f"only {percent(share)} of the time was seen")
    if replay.unjudged:
        (eni, why), count = next(iter(replay.unjudged.items())), many(len(replay.unjudged), "interface")
        said.append(f"{count} of the log cannot be judged, such as {label(eni)}: {why}")
    if unsure := many(_sum(replay, UNDETERMINED), "session") if _sum(replay, UNDETERMINED) else "":
        one = replay.clients[replay.clients.verdict == UNDETERMINED].iloc[0]
        said.append(f"{unsure} are undetermined, such as at {label(one.interface_id)}: {one.after or one.today}")
    if len(closing := replay.untried[replay.untried.closes]):
        one = closing.iloc[0]
        what = f"nothing seen tried {many(len(closing), 'change')} that may reject"
        said.append(f"{what}, such as {one.rule} at {label(one.interface_id)}")
    return said


def _sentences(log, replay: Replay, share: float | None, reasons: list[str]) -> list[str]:
    """Return what the change rejects, what it lets pass, and why that is not all."""
    host, facts = _host(log), log.fold.facts
    span = duration((facts["last"] or 0) - (facts["first"] or 0))

    def most(verdict: str) -> str:
        one = replay.clients[replay.clients.verdict == verdict].iloc[0]
        ends = (without_controls(host(end, one.interface_id)) for end in (one.client, one.server))
        counts = many(_sum(replay, verdict), "session"), many(_sum(replay, verdict, "clients"), "client")
        return "{} of {}, most of {} to {} {}".format(*counts, *ends, service_name(one.protocol, one.server_port))

    lost, far = _sum(replay, REJECTED), ", as far as it can be judged" if reasons else ""
    if not replay.affected:
        said = ["The changed rules are those of today, for every interface that can be judged."]
    elif lost:
        said = [f"Accepted in {span}, and rejected by the changed rules: {most(REJECTED)}."]
    else:
        seen = f"{percent(share or 0)} of interface time seen"
        said = [f"Nothing that was accepted in {span} would have been rejected{far}; {seen}."]
    if _sum(replay, PASSES):
        said.append(f"Rejected in {span}, and let pass by the changed rules: {most(PASSES)}.")
    elif replay.affected and facts["rejected"]:
        said.append(f"Nothing that was rejected would pass{far}.")
    elif replay.affected:
        said.append("The log holds no rejected traffic, so what would newly pass is not known.")
    if reasons:
        lead = "What else it would reject is not known" if lost else "That does not make the change safe"
        said.append(f"{lead}: {'; '.join(reasons)}.")
    return said


def _host(log):
    """Return `hosts`, which here may be asked for what is no address."""
    host = hosts(log)

    def name(address: str, *where) -> str:
        try:
            return host(address, *where)
        except ValueError:
            return without_controls(address)

    return name


def _clients(log, replay: Replay) -> pd.DataFrame:
    """Return the clients of `replay` as a table to read."""
    host, table = _host(log), replay.clients
    for name in ("first", "last"):
        table = table.assign(**{name: pd.to_datetime(table[name], unit="s", utc=True)})
    rows = list(table.itertuples())
    clients, servers = (
        [host(end, one.interface_id, one.first, one.last) for one, end in zip(rows, table[role], strict=True)]
        for role in ("client", "server")
    )
    services = [service_name(one.protocol, one.server_port) for one in rows]
    table = table.assign(service=services, client=clients, server=servers)
    return table["verdict client server service sessions today after first last records interface_id".split()]


def _named(log, untried: pd.DataFrame) -> pd.DataFrame:
    names = untried.interface_id.map(log.network.label)
    effect = untried.closes.map({True: "may reject", False: "may let pass"})
    return untried.assign(interface=names, effect=effect)["change rule effect interface interface_id".split()]
