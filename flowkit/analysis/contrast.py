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


def contrasts(flows: ir.Table, groups: pd.DataFrame) -> pd.DataFrame:
    """Per group (same index): the accepted traffic that speaks for or against it.

    `own`: the client's accepted records to the same service at this interface; `own_first, own_last`;
    `others`: whether other clients were accepted there; `answers`: accepted records that the service sent
    there; `known`: accepted records the client sent anywhere to a service; `peers`: list of (interface,
    subnet, first, last) where the far address was accepted on this port by another interface. Times in
    seconds since 1970.
    """
    keys = groups.assign(server_port=groups.server_port.fillna(-1).astype("int64"))
    accepted = _accepted(flows)
    ports = sorted(set(keys.server_port))
    toward, away = accepted, accepted
    if len(ports) <= 100:  # a test of numbers, before addresses are compared
        toward, away = accepted.filter(_.server_port.isin(ports)), accepted.filter(_.srcport.isin(ports))
    back = {"server": "client", "server_port": "srcport"}
    place = keys[["interface_id", "server", *SERVICE]]
    parts = (
        _joined(toward, place, {}).agg(least=_.client.min(), most=_.client.max()),
        _joined(away, place, back).agg(answers=_.count()),
        _joined(accepted.filter(_.server_port < EPHEMERAL), keys[["client"]], {}).agg(known=_.count()),
    )
    found = keys
    for part in parts:
        table = part.execute()
        found = found.merge(table, "left", on=[name for name in table.columns if name in keys])
    found.index = groups.index
    counts = ["answers", "known"]
    found = found.assign(**found[counts].fillna(0).astype("int64"))
    found["others"] = found.least.notna() & ((found.least != found.client) | (found.most != found.client))
    places = _places(toward, keys)
    own = [
        next((place for place in some if place[0] == here), None)
        for some, here in zip(places, keys.interface_id, strict=True)
    ]
    found["own"] = [place[4] if place else 0 for place in own]
    found["own_first"] = [place[2] if place else None for place in own]
    found["own_last"] = [place[3] if place else None for place in own]
    found["peers"] = [
        [p[:4] for p in some if p[0] != here] for some, here in zip(places, keys.interface_id, strict=True)
    ]
    return found[[*counts, "own", "others", "own_first", "own_last", "peers"]]


def _accepted(flows: ir.Table) -> ir.Table:
    rows = logged(flows)
    return rows.filter(rows.action == "ACCEPT").select(
        "start",
        "end",
        interface_id=ibis.coalesce(rows.interface_id, rows.resource_id, "-"),
        subnet_id=rows.subnet_id,
        client=rows.srcaddr,
        server=rows.dstaddr,
        protocol=rows.protocol.fill_null(-1).cast("int64"),
        srcport=rows.srcport.fill_null(-1).cast("int64"),
        server_port=rows.dstport.fill_null(-1).cast("int64"),
    )


def _joined(accepted: ir.Table, keys: pd.DataFrame, renamed: dict[str, str], *extra: str):
    """The accepted records with one of `keys`, grouped by it and `extra`; `renamed`: their names for keys."""
    keys = keys.drop_duplicates()
    schema = {name: "int64" if name in SERVICE else "string" for name in keys.columns}
    wanted = ibis.memtable(keys, schema=schema)
    on = [accepted[renamed.get(name, name)] == wanted[name] for name in keys.columns]
    rest = {name: accepted[name] for name in accepted.columns if name not in keys.columns}
    joined = accepted.inner_join(wanted, on).select(**{name: wanted[name] for name in keys.columns}, **rest)
    return joined.group_by([*keys.columns, *extra])


def _places(accepted: ir.Table, keys: pd.DataFrame) -> list[list[tuple]]:
    """For each key, the interfaces where its far address was accepted on the same port: interface, subnet,
    first, last, records."""
    leaves = keys.egress.map(lambda leaves: leaves is True).astype(bool)
    seen = {}
    for side, some in (("client", keys[~leaves]), ("server", keys[leaves])):
        found = _joined(accepted, some[[side, *SERVICE]], {}, "interface_id")
        table = found.agg(
            subnet_id=_.subnet_id.max(), first=_.start.min(), last=_.end.max(), records=_.count()
        )
        for row in table.order_by("interface_id").execute().itertuples(index=False):
            place = (row.interface_id, row.subnet_id, row.first, row.last, row.records)
            seen.setdefault((side, row[0], row.protocol, row.server_port), []).append(place)
    sides = leaves.map({True: "server", False: "client"})
    far = keys.server.where(leaves, keys.client)
    return [seen.get(key, []) for key in zip(sides, far, keys.protocol, keys.server_port, strict=True)]
