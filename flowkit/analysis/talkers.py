"""Who talks to whom, and how much: conversations summed by client, server and service port.

In: the table that `flowkit.analysis.direction.directed` makes. Out: `talks`, a table of the same engine that is
small enough to keep, and small DataFrames from it. A packet between two logged interfaces is logged at both, and
again wherever it passes through; the tables that compare hosts count only rows with ``vantage``, each byte once.
"""

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.analysis.conversations import exact
from flowkit.analysis.direction import RUNGS

#: What one row of `talks` is about.
TALK = ("interface_id", "client", "server", "server_port", "protocol", "direction", "vantage")


def talks(table: ir.Table) -> ir.Table:
    """One row a client, server and service port at one interface, and a rung of evidence.

    ``interface_id``, ``client``, ``server``, ``server_port``, ``protocol``, ``direction``, ``vantage``, ``rung``,
    ``without_flags``, ``agrees`` (as `directed` has them; where the rung is unknown, ``client`` and ``server`` are
    just the two ends), ``conversations``, ``refused`` (conversations that never had a packet accepted),
    ``client_bytes``, ``server_bytes`` (sent by each, none in refused conversations), ``first``, ``last`` (seconds
    since 1970 UTC). Keep it with `flowkit.kept` when asking it more than once.
    """
    told = table.rung != "unknown"
    denied = (table.a_accepted + table.b_accepted == 0) & (table.a_rejected + table.b_rejected > 0)
    table = table.mutate(
        client=ibis.coalesce(table.client, table.a_addr),
        server=ibis.coalesce(table.server, table.b_addr),
        client_bytes=denied.ifelse(0, told.ifelse(table.client_bytes, table.a_bytes)),
        server_bytes=denied.ifelse(0, told.ifelse(table.server_bytes, table.b_bytes)),
        denied=denied,
    )
    return table.group_by(*TALK, "rung", "without_flags", "agrees").aggregate(
        conversations=_.count(),
        refused=exact(_.denied),
        client_bytes=exact(_.client_bytes),
        server_bytes=exact(_.server_bytes),
        first=_["first"].min(),
        last=_["last"].max(),
    )


def top_talks(talks: ir.Table, top: int = 20) -> pd.DataFrame:
    """The `top` client, server and service with the most bytes, each byte counted once.

    ``client``, ``server``, ``protocol``, ``server_port``, ``conversations``, ``refused``, ``client_bytes``,
    ``server_bytes``, ``first``, ``last`` (UTC Timestamps).
    """
    keys = ["client", "server", "protocol", "server_port"]
    counted = talks.filter(talks.vantage & (talks.rung != "unknown"))
    sums = counted.group_by(*keys).aggregate(
        **{
            name: counted[name].sum() for name in ("conversations", "refused", "client_bytes", "server_bytes")
        },
        first=counted["first"].min(),
        last=counted["last"].max(),
    )
    heaviest = sums.order_by(ibis.desc(sums.client_bytes + sums.server_bytes), *keys).limit(top).to_pandas()
    heaviest = heaviest.astype({"server_port": "Int64"})
    return heaviest.assign(
        **{end: pd.to_datetime(heaviest[end], unit="s", utc=True) for end in ("first", "last")}
    )


def top_talkers(talks: ir.Table, top: int = 20) -> pd.DataFrame:
    """The `top` addresses with the most bytes sent and received, each byte counted once.

    ``address``, ``sent_bytes``, ``received_bytes``, ``as_client``, ``as_server`` (conversations).
    """
    counted = talks.filter(talks.vantage)
    told = (counted.rung != "unknown").ifelse(counted.conversations, 0)
    sides = [
        counted.select(
            address=counted[role],
            sent_bytes=counted[f"{role}_bytes"],
            received_bytes=counted[f"{other}_bytes"],
            as_client=told if role == "client" else ibis.literal(0, "int64"),
            as_server=told if role == "server" else ibis.literal(0, "int64"),
        )
        for role, other in (("client", "server"), ("server", "client"))
    ]
    both = sides[0].union(sides[1])
    names = ("sent_bytes", "received_bytes", "as_client", "as_server")
    sums = both.group_by("address").aggregate(**{name: both[name].sum() for name in names})
    return sums.order_by(ibis.desc(sums.sent_bytes + sums.received_bytes), "address").limit(top).to_pandas()


def interface_roles(talks: ir.Table) -> pd.DataFrame:
    """What each interface is client of and server of: one row an interface, role, protocol and service port.

    ``interface_id``, ``role`` (``client`` or ``server``), ``protocol``, ``server_port``, ``peers`` (addresses at
    the other end), ``conversations``, ``refused``, ``sent_bytes``, ``received_bytes`` (by the interface).
    """
    known = talks.filter(talks.direction.isin(("ingress", "egress")))
    egress = known.direction == "egress"
    known = known.mutate(
        role=egress.ifelse("client", "server"),
        peer=egress.ifelse(known.server, known.client),
        sent_bytes=egress.ifelse(known.client_bytes, known.server_bytes),
        received_bytes=egress.ifelse(known.server_bytes, known.client_bytes),
    )
    keys = ["interface_id", "role", "protocol", "server_port"]
    names = ("conversations", "refused", "sent_bytes", "received_bytes")
    roles = known.group_by(*keys).aggregate(
        peers=known.peer.nunique(), **{name: known[name].sum() for name in names}
    )
    table = roles.to_pandas().astype({"server_port": "Int64"})
    return table.sort_values(keys, ignore_index=True)[[*keys, "peers", *names]]


def rung_shares(talks: ir.Table) -> pd.DataFrame:
    """How conversations came by their client: ``rung``, ``conversations``, ``bytes``, ``share`` (0 to 1), all rungs.

    Counted at one vantage point; sorted from the strongest evidence to the weakest.
    """
    counted = talks.filter(talks.vantage)
    sums = counted.group_by("rung").aggregate(
        conversations=counted.conversations.sum(), bytes=(counted.client_bytes + counted.server_bytes).sum()
    )
    table = (
        sums.to_pandas()
        .set_index("rung")
        .reindex(RUNGS)
        .fillna(0)
        .astype("int64")
        .rename_axis("rung")
        .reset_index()
    )
    return table.assign(share=table.conversations / max(table.conversations.sum(), 1))


def rung_accuracy(talks: ir.Table) -> pd.DataFrame:
    """How often the ladder without flags is right where a SYN tells the truth: how far to trust a log without flags.

    ``rung`` (the one that would have decided), ``judged`` (conversations with a SYN), ``right``, ``share`` (right of
    judged); no rows in a log without TCP flags. The measure is the log's own, so it holds for its traffic.
    """
    judged = talks.filter(talks.vantage & (talks.rung == "syn"))
    sums = judged.group_by(rung=judged.without_flags).aggregate(
        judged=judged.conversations.sum(),
        right=judged.agrees.fill_null(False).ifelse(judged.conversations, 0).sum(),
    )
    table = sums.to_pandas()
    table = table.sort_values("rung", key=lambda names: names.map(RUNGS.index), ignore_index=True)
    return table.assign(share=table.right / table.judged)
