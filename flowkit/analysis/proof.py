"""The records behind a finding about a service: how many there are, and a request and a reply as log lines."""

from functools import reduce
from ipaddress import ip_network

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from flowkit.analysis.addresses import named_rows
from flowkit.analysis.conversations import exact
from flowkit.analysis.groups import pattern
from flowkit.analysis.traffic import internal
from flowkit.fields import DEFAULT_FORMAT

#: What says whose records are asked for; `number` is the caller's.
TARGET = {
    "number": "int64", "interface_id": "string", "server": "string", "protocol": "int64", "port": "int64",
    "client": "string", "refused": "boolean",
}  # fmt: skip
#: All addresses, which for a client means all public ones.
ALL = ("0.0.0.0/0", "::/0")
#: Seconds that put a record behind all others.
LATE = 1 << 40


def service_records(flows: ir.Table, targets: pd.DataFrame) -> pd.DataFrame:
    """The records of each target: one row a `number` that has any.

    targets: `number`, `interface_id` (null: any), `server` (address), `protocol`, `port`, `client` (address or
    CIDR, null: any; of `ALL` only public ones), `refused` (whether refused records are the telling ones). Several
    targets may share a number.

    Columns: number, records, packets, bytes (requests and replies), samples (the first request and the first
    reply, refused ones first where they are the telling ones, as lines of the default format).
    """
    known = {client: pattern(ip_network(client)) for client in set(targets.client.dropna()) - {*ALL}}
    wanted = targets.assign(public=targets.client.isin(ALL), client=targets.client.map(known))
    if wanted.empty:
        return pd.DataFrame(columns=["number", "records", "packets", "bytes", "samples"])
    schema = TARGET | {"public": "boolean"}
    halves = _both(flows, ibis.memtable(wanted, schema=schema))
    sums = halves.group_by("number").aggregate(
        records=_.count(), packets=exact(_.packets), bytes=exact(_.bytes),
        request=_.place.min(where=~_.reply), reply=_.place.min(where=_.reply),
    )  # fmt: skip
    sums = sums.order_by("number").execute()
    # Only of the first ones the lines: text for all of them takes the engine ten times as long as counting them.
    first = wanted.merge(sums[["number", "request", "reply"]], on="number")
    first = _both(flows, ibis.memtable(first, schema=schema | {"request": "int64", "reply": "int64"}), True)
    lines = (
        first.group_by("number", "reply").aggregate(line=_.line.min()).order_by("number", "reply").execute()
    )
    samples = {number: tuple(some) for number, some in lines.groupby("number").line}
    sums["samples"] = [samples.get(number, ()) for number in sums.number]
    return sums.drop(columns=["request", "reply"])


def _both(flows: ir.Table, wanted: ir.Table, text: bool = False) -> ir.Table:
    """The requests and replies that are `wanted`; as text only those in the places that it names."""
    return _half(flows, wanted, False, text).union(_half(flows, wanted, True, text))


def _half(flows: ir.Table, wanted: ir.Table, reply: bool, text: bool) -> ir.Table:
    """One row a record: number, reply, and either packets, bytes and its place in time, or its line."""
    client, server = ("dst", "src") if reply else ("src", "dst")
    rows = named_rows(flows)
    fields = [name.replace("-", "_") for name in DEFAULT_FORMAT]
    rows = rows.select(*fields, owner=ibis.coalesce(rows.interface_id, rows.resource_id))
    wanted = (
        wanted.rename(eni="interface_id", over="protocol", asked="request", told="reply")
        if text
        else (wanted.rename(eni="interface_id", over="protocol"))
    )
    same = [
        rows[f"{server}addr"] == wanted.server,
        rows[f"{server}port"].cast("int64") == wanted.port,
        rows.protocol.cast("int64") == wanted.over,
    ]
    rows = rows.inner_join(wanted, same)
    other = rows[f"{client}addr"]
    rows = rows.filter(
        rows.eni.isnull() | (rows.eni == rows.owner),
        rows.client.isnull() | other.re_search(rows.client),
        ~(rows.public & internal(other)),
    )
    late = rows.refused & (rows.action != "REJECT").fill_null(True)
    place = rows.start.fill_null(0) + ibis.ifelse(late, LATE, 0)
    if not text:
        sizes = {name: rows[name].fill_null(0) for name in ("packets", "bytes")}
        return rows.select("number", reply=ibis.literal(reply), place=place, **sizes)
    rows = rows.filter(place == (rows.told if reply else rows.asked))
    words = [rows[name].cast("string").fill_null("-") for name in fields]
    line = reduce(lambda left, right: left + " " + right, words)
    return rows.select("number", reply=ibis.literal(reply), line=line)
