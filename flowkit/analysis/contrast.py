"""What else the log says about refused groups: who else was let in, where, and what the client did besides.

In: flows and the groups of `flowkit.analysis.refusals`. Each question is one pass over the accepted records,
joined to the few keys that matter, so that no more rows come back than there are groups and interfaces.
"""

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.analysis.refusals import EPHEMERAL, logged

SERVICE = ["protocol", "server_port"]
PLACE = ["interface_id", "server", *SERVICE]
#: When and where something was met.
MET = {"subnet_id": _.subnet_id.max(), "first": _.start.min(), "last": _.end.max(), "records": _.count()}


def contrasts(flows: ir.Table, groups: pd.DataFrame) -> pd.DataFrame:
    """Per group (same index): the accepted traffic that speaks for or against it.

    `own`: the client's accepted records to the same service at this interface; `own_first, own_last`;
    `others`: whether other clients were accepted there; `answers`: accepted records that the service sent
    there; `known`: accepted records the client sent anywhere to a service; `peers`: list of (interface,
    subnet, first, last) where the far address was accepted on this port by another interface. Times in
    seconds since 1970.
    """
    keys = groups.assign(server_port=groups.server_port.fillna(-1).astype("int64"))
    leaves = keys.egress.map(lambda leaves: leaves is True).astype(bool)
    accepted = _accepted(flows)
    toward, sent = _toward(accepted, keys, leaves), _sent(accepted, keys, leaves)
    found = keys.merge(toward[[*PLACE, "least", "most"]], "left").merge(_answers(accepted, keys), "left")
    found = found.merge(sent.groupby("client", as_index=False).known.sum(), "left").set_index(groups.index)
    counts = ["answers", "known"]
    found = found.assign(**found[counts].fillna(0).astype("int64"))
    found["others"] = found.least.notna() & ((found.least != found.client) | (found.most != found.client))
    met = _met(toward, "server") | _met(sent.dropna(subset="interface_id"), "client")
    sides = leaves.map({True: "server", False: "client"})
    ends = zip(sides, keys.server.where(leaves, keys.client), keys.protocol, keys.server_port, strict=True)
    places = [met.get(end, {}) for end in ends]
    own = [some.get(here) for some, here in zip(places, keys.interface_id, strict=True)]
    found["own"] = [place[4] if place else 0 for place in own]
    found["own_first"] = [place[2] if place else None for place in own]
    found["own_last"] = [place[3] if place else None for place in own]
    found["peers"] = [
        [place[:4] for eni, place in some.items() if eni != here]
        for some, here in zip(places, keys.interface_id, strict=True)
    ]
    return found[[*counts, "own", "others", "own_first", "own_last", "peers"]]


def _accepted(flows: ir.Table) -> ir.Table:
    rows = logged(flows)
    return rows.filter(rows.action == "ACCEPT").select(
        "start",
        "end",
        "subnet_id",
        interface_id=ibis.coalesce(rows.interface_id, rows.resource_id, "-"),
        client=rows.srcaddr,
        server=rows.dstaddr,
        protocol=rows.protocol.fill_null(-1),
        srcport=rows.srcport.fill_null(-1),
        server_port=rows.dstport.fill_null(-1),
    )


def _toward(accepted: ir.Table, keys: pd.DataFrame, leaves: pd.Series) -> pd.DataFrame:
    """What was let through to the services of `keys`, a row a service and interface: `MET`, and the `least` and
    `most` of its clients. Only at the interfaces of `keys`, unless the service is out in the network."""
    away = keys[leaves][["server", *SERVICE]].drop_duplicates().assign(here="")
    wanted = keys[PLACE].merge(away, "left")
    wanted = wanted.assign(here=wanted.here.fillna(wanted.interface_id)).drop(columns="interface_id")
    met = accepted.inner_join(_table(wanted), ["server", *SERVICE])
    met = met.filter((met.here == "") | (met.here == met.interface_id))
    return met.group_by(PLACE).agg(least=_.client.min(), most=_.client.max(), **MET).execute()


def _answers(accepted: ir.Table, keys: pd.DataFrame) -> pd.DataFrame:
    """How many accepted records the services of `keys` sent at their interfaces."""
    rows = accepted.drop("server", "server_port").rename(server="client", server_port="srcport")
    return rows.inner_join(_table(keys[PLACE]), PLACE).group_by(PLACE).agg(answers=_.count()).execute()


def _sent(accepted: ir.Table, keys: pd.DataFrame, leaves: pd.Series) -> pd.DataFrame:
    """What the clients of `keys` were let through with: `known`, their records to services, and `MET`, a row a
    client and, where it is a service of `keys` that is not out in the network, a service and interface."""
    asked = keys[~leaves][["client", *SERVICE]].assign(asked=1)
    rows = accepted.semi_join(_table(keys[["client"]]), "client").left_join(
        _table(asked), ["client", *SERVICE]
    )
    place = {name: ibis.ifelse(rows.asked == 1, rows[name], None) for name in ("interface_id", *SERVICE)}
    return (
        rows.group_by("client", **place).agg(known=_.count(where=_.server_port < EPHEMERAL), **MET).execute()
    )


def _table(keys: pd.DataFrame) -> ir.Table:
    """The distinct `keys` as a table that any engine can join."""
    numbers = (*SERVICE, "asked")
    schema = {name: "int64" if name in numbers else "string" for name in keys.columns}
    return ibis.memtable(keys.drop_duplicates(), schema=schema)


def _met(table: pd.DataFrame, side: str) -> dict[tuple, dict[str, tuple]]:
    """By side, address and service the interfaces where it was met: interface, subnet, first, last, records."""
    found = {}
    table = table.sort_values("interface_id")
    for row in table[[side, *SERVICE, "interface_id", *MET]].itertuples(index=False):
        found.setdefault((side, *row[:3]), {})[row.interface_id] = row[3:]
    return found
