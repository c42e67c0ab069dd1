"""Scanners: clients whose first contacts fail too often to be by chance.

Threshold random walk over first contacts in time order (Jung, Paxson, Berger, Balakrishnan: Fast Portscan
Detection Using Sequential Hypothesis Testing, 2004). A benign client's first contact succeeds in 80 % of
cases, a scanner's in 20 %; so a failure makes scanning four times as likely and a success four times less,
and four failures more than successes are enough for 99 % detection at 1 % false alarms.
"""

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.analysis.refusals import EPHEMERAL, logged

#: log(99) / log(4), rounded up: how far the walk goes before it decides.
DECIDED = 4


COLUMNS = {
    "client": "str",
    "contacts": "int64",
    "refused": "int64",
    "servers": "int64",
    "ports": "int64",
    "verdict": "str",
}


def scanners(flows: ir.Table, clients: pd.DataFrame) -> pd.DataFrame:
    """The first contacts of `clients` (their addresses in `client`), one row a client, sorted by it.

    `contacts`: distinct (server, protocol, port) it sent to, ports above the ephemeral range only where
    refused; `refused`: of these, never accepted; `servers, ports`; `verdict`: ``scanner``, ``benign`` or
    ``pending``, whichever bound the walk meets first; without any ACCEPT in the log failure means nothing,
    and the walk says no more than that many were refused.
    """
    if clients.empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    rows = logged(flows)
    wanted = ibis.memtable(clients[["client"]].drop_duplicates(), schema={"client": "string"})
    rows = rows.semi_join(wanted, rows.srcaddr == wanted.client)
    port = rows.dstport.fill_null(-1)
    rows = rows.filter((rows.action == "REJECT") | (port < EPHEMERAL))
    contacts = rows.group_by(client=rows.srcaddr, server=rows.dstaddr, protocol=rows.protocol, port=port).agg(
        first=rows.start.min(), failed=(rows.action == "ACCEPT").sum() == 0
    )
    order = ["first", "server", "protocol", "port"]
    so_far = ibis.window(group_by="client", order_by=order, rows=(None, 0))
    steps = contacts.mutate(
        walk=ibis.ifelse(contacts.failed, 1, -1).sum().over(so_far), nth=contacts.server.count().over(so_far)
    )
    walked = steps.group_by("client").agg(
        contacts=_.count(),
        refused=_.failed.sum(),
        servers=_.server.nunique(),
        ports=_.port.nunique(),
        up=_.nth.min(where=_.walk >= DECIDED),
        down=_.nth.min(where=_.walk <= -DECIDED),
    )
    found = walked.order_by("client").execute()
    up, down = (found[name].astype("float64").fillna(float("inf")) for name in ("up", "down"))
    found["verdict"] = "pending"
    found.loc[up < down, "verdict"] = "scanner"
    found.loc[down < up, "verdict"] = "benign"
    return found.drop(columns=["up", "down"])
