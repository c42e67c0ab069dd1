"""Direction: which address is an interface's own, who began a conversation, and which way it went.

In: the flows table, or conversations. Out: the addresses of every interface day by day (a small DataFrame) and
conversations with ``client``, ``server``, the rung of evidence that says so, and ``direction``.

AWS logs packets and says who sent them, never who began. What speaks first on this ladder decides:

| rung | who is the client |
| --- | --- |
| syn | who sent the SYN, or got the SYN-ACK |
| carry | as in the earlier session of the same endpoints, which the log calls mid-stream |
| refused | whose packets were refused, if nothing ever came back |
| service | the end facing the address and port that at least `FAN_IN` ends talked to |
| ports | the end facing a well-known service port |
| lowport | the end facing a port below 1024 |
| first | whose first packet is at least `LEAD` seconds older, or the only one |
"""

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.analysis.addresses import interface_addresses
from flowkit.analysis.conversations import IDLE, conversations
from flowkit.analysis.ports import SERVICE_PORTS, SYSTEM_PORTS, WITH_PORTS

RUNGS = ("syn", "carry", "refused", "service", "ports", "lowport", "first", "unknown")

#: How sure the client is on each rung: wrong in fewer than one of a thousand where it says certain or high.
CONFIDENCE = dict(zip(RUNGS, ("certain", "high", "high", "high", "medium", "low", "low", "low"), strict=True))

#: The rungs that read TCP flags.
FLAGGED = ("syn", "carry")

#: How many ends must have been answered by one address and port for it to be a service, and how many times
#: more than its counterpart's.
FAN_IN, RATIO = 3, 4

#: Seconds between the first packets of the two ends that count as one being first. AWS's times are soft by 60 s.
LEAD = 2

COUNTS = ("packets", "bytes", "accepted", "rejected", "flags", "first")


def initiators(table: ir.Table, whole: ir.Table) -> ir.Table:
    """Conversations with who began each, on what evidence; `whole` are the same ones unsplit, to count services by.

    The columns of `conversations`, plus ``client``, ``client_port``, ``server``, ``server_port`` (null where
    nothing tells; ports null for protocols without), ``rung`` (see the ladder above), and what each sent:
    ``client_packets`` … ``client_first``, ``server_packets`` … ``server_first`` (null where nothing tells). To
    measure the ladder by its surest rung: ``without_flags`` (the rung that decides if no flag is looked at) and
    ``agrees`` (whether that one names the same client as the SYN did; null without a SYN).
    """
    says = {f"says_{name}": verdict for name, verdict in _speakers(table).items()}
    # Joined after the verdicts, so that the engine works each of them out once.
    told = _with_fan_in(table.mutate(**says), whole)
    by = {name: told[f"says_{name}"] for name in RUNGS[:-1]}
    plain = by | {"refused": told.says_refused_plain}
    plain = {name: plain[name] for name in RUNGS[:-1] if name not in FLAGGED}
    columns = {
        "rung": _rung(by),
        "without_flags": _rung(plain),
        "agrees": ibis.coalesce(*plain.values()) == told.says_syn,
    }
    by_a = ibis.coalesce(*by.values())
    ported = told.protocol.isin(WITH_PORTS)
    for role, (if_a, if_b) in {"client": ("a", "b"), "server": ("b", "a")}.items():
        columns[role] = _pick(by_a, told, f"{if_a}_addr", f"{if_b}_addr")
        columns[f"{role}_port"] = ported.ifelse(
            _pick(by_a, told, f"{if_a}_port", f"{if_b}_port"), ibis.null("int32")
        )
        columns |= {
            f"{role}_{count}": _pick(by_a, told, f"{if_a}_{count}", f"{if_b}_{count}") for count in COUNTS
        }
    return told.select(*table.columns, **columns)


def _rung(speakers: dict[str, ir.BooleanValue]) -> ir.StringValue:
    return ibis.cases(*((says.notnull(), name) for name, says in speakers.items()), else_="unknown")


def directed(
    flows: ir.Table, snapshot=None, gap: int | None = IDLE, addresses: pd.DataFrame | None = None
) -> ir.Table:
    """Conversations, who began each, and which way it went, seen from the interface that logged it.

    The columns of `initiators`, plus ``direction`` (``ingress``: the client reached the interface; ``egress``:
    the interface's own address began; ``through``: the interface passes other hosts' traffic on; ``unknown``)
    and ``vantage`` (whether this row is the one to count, where several interfaces logged the same packets).
    `gap` is that of `conversations`; `addresses` is what `interface_addresses` made, where it is at hand: without
    it its small queries run at once. The rest is lazy.
    """
    addresses = interface_addresses(flows, snapshot) if addresses is None else addresses
    return located(initiators(conversations(flows, gap), conversations(flows, None)), addresses)


def located(table: ir.Table, addresses: pd.DataFrame) -> ir.Table:
    """`table` (as `initiators` makes it) with ``direction`` and ``vantage``, by `interface_addresses`."""
    own = addresses.loc[addresses.address.notna(), ["interface_id", "day", "address", "through"]]
    through = addresses.loc[addresses.through, "interface_id"].unique().tolist()
    logged = own.loc[~own.through, ["address"]].drop_duplicates()
    day = ((own.day - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(days=1)).fillna(0).astype("int64")
    own = own.assign(day=day)
    columns = table.columns
    table = table.mutate(
        day=(table["first"] // 86400).fill_null(0), opener=ibis.coalesce(table.client, table.a_addr)
    )
    for end in ("a", "b"):
        table = _marked(table, own, {"interface_id": "interface_id", "day": "day", "address": f"{end}_addr"})
    table = _marked(table, logged, {"address": "opener"})
    a_opens = table.opener == table.a_addr
    from_own = a_opens.ifelse(table.a_addr_known, table.b_addr_known)
    to_own = a_opens.ifelse(table.b_addr_known, table.a_addr_known)
    passes = table.interface_id.isin(through).fill_null(False) if through else ibis.literal(False)
    return table.select(
        *columns,
        direction=ibis.cases(
            (passes, "through"),
            (table.client.notnull() & from_own & ~to_own, "egress"),
            (table.client.notnull() & to_own & ~from_own, "ingress"),
            else_="unknown",
        ),
        vantage=~passes & (from_own | ~table.opener_known),
    )


def _marked(table: ir.Table, marks: pd.DataFrame, keys: dict[str, str]) -> ir.Table:
    """`table` with a boolean column: whether its key is one of `marks`; named after the last key."""
    name = list(keys.values())[-1]
    marks = marks[list(keys)].drop_duplicates().rename(columns=keys)
    types = {column: "int64" if column == "day" else "string" for column in marks.columns}
    known = ibis.memtable(marks, schema=types).mutate(known=True)
    joined = table.left_join(known, list(keys.values()))
    return joined.select(
        *(joined[column] for column in table.columns), **{f"{name}_known": joined.known.fill_null(False)}
    )


def _with_fan_in(told: ir.Table, table: ir.Table) -> ir.Table:
    """`told` with ``says_service``: which end is a service, by how many ends of `table` it talked to both ways."""
    answered = table.filter(table.protocol.isin(WITH_PORTS) & (table.a_accepted > 0) & (table.b_accepted > 0))
    ends = [
        answered.select(
            "protocol", addr=answered[f"{x}_addr"], port=answered[f"{x}_port"], other=answered[f"{y}_port"]
        )
        for x, y in ("ab", "ba")
    ]
    ends = ends[0].union(ends[1])
    # A client's own port facing a service port is never a service: leaving it out keeps this small.
    ends = ends.filter(_is_service(ends.port) | ~_is_service(ends.other))
    services = (
        ends.group_by("protocol", "addr", "port").aggregate(fan_in=_.count()).filter(_.fan_in >= FAN_IN)
    )
    columns = told.columns
    for end in ("a", "b"):
        side = services.select(
            "protocol",
            **{f"{end}_addr": services.addr, f"{end}_port": services.port, f"{end}_fan_in": services.fan_in},
        )
        joined = told.left_join(side, ["protocol", f"{end}_addr", f"{end}_port"])
        told = joined.select(*(joined[column] for column in told.columns), joined[f"{end}_fan_in"])
    a, b = told.a_fan_in.fill_null(0), told.b_fan_in.fill_null(0)
    verdict = _either((b >= FAN_IN) & (b >= RATIO * a), (a >= FAN_IN) & (a >= RATIO * b))
    return told.select(*columns, says_service=verdict)


def _speakers(told: ir.Table) -> dict[str, ir.BooleanValue]:
    """What each rung but `service` says: True if a began it, False if b did, null if it cannot tell."""
    none = ibis.null("boolean")
    by_a, by_b = (told[f"{end}_opened"].fill_null(False) for end in "ab")
    sent = {end: told[f"{end}_accepted"] + told[f"{end}_rejected"] > 0 for end in "ab"}
    mid_stream = ((told.protocol == 6) & told.a_opened.notnull()).fill_null(False)
    refused = _either(
        (told.a_rejected > 0) & (told.a_accepted == 0) & ~sent["b"] & ~told.resumed,
        (told.b_rejected > 0) & (told.b_accepted == 0) & ~sent["a"] & ~told.resumed,
    )
    ported = told.protocol.isin(WITH_PORTS).fill_null(False)
    service = {end: _is_service(told[f"{end}_port"]) for end in "ab"}
    system = {end: told[f"{end}_port"] < SYSTEM_PORTS for end in "ab"}
    lead = told.b_first - told.a_first

    return {
        "syn": _either(by_a, by_b),
        "carry": (by_a | by_b).ifelse(none, told.carried == "a"),
        "refused_plain": refused,
        # A refused TCP packet without SYN came late; it began nothing.
        "refused": mid_stream.ifelse(none, refused),
        "ports": ported.ifelse(
            _either(
                service["b"] & ~service["a"] & ~system["a"],
                service["a"] & ~service["b"] & ~system["b"],
            ),
            none,
        ),
        "lowport": ported.ifelse(_either(system["b"], system["a"]), none),
        "first": _either(
            (sent["a"] & ~sent["b"]) | (lead >= LEAD).fill_null(False),
            (sent["b"] & ~sent["a"]) | (-lead >= LEAD).fill_null(False),
        ),
    }


def _either(a: ir.BooleanValue, b: ir.BooleanValue) -> ir.BooleanValue:
    """True where only `a` holds, False where only `b` does, null else."""
    return ibis.cases((a & ~b, True), (b & ~a, False), else_=ibis.null("boolean"))


def _is_service(port: ir.Value) -> ir.BooleanValue:
    return port.isin(tuple(SERVICE_PORTS)).fill_null(False)


def _pick(by_a: ir.BooleanValue, told: ir.Table, if_a: str, if_b: str) -> ir.Value:
    """One column where a began, the other where b did, null where nothing tells."""
    return ibis.cases((by_a, told[if_a]), (~by_a, told[if_b]))
