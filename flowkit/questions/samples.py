"""Records of findings, read again by key: the only time that a question goes back to the records."""

import ibis
import pandas as pd
from ibis import _

from flowkit.fields import DEFAULT_FORMAT

COLUMNS = [name.replace("-", "_") for name in DEFAULT_FORMAT]
KEYS = dict.fromkeys(["interface_id", "srcaddr", "dstaddr", "action"], "string")
KEYS |= dict.fromkeys(["protocol", "srcport", "dstport"], "int64")


def samples(log, keys: pd.DataFrame, each: int = 3) -> dict[object, tuple[str, ...]]:
    """Return up to `each` records of every key by its ``id``, oldest first, as lines of the default format. `keys` has
    ``id`` and the columns of `KEYS`, null where any value will do; several rows may share an ``id``. One query reads
    the records once for all keys together."""
    if keys.empty:
        return {}
    keys = keys.reset_index(drop=True)
    known = ibis.memtable(keys[[*KEYS]].assign(number=range(len(keys))), schema={**KEYS, "number": "int64"})
    known = known.rename({f"key_{name}": name for name in KEYS})
    rows = log.flows
    rows = rows.filter(rows.srcaddr.notnull() & rows.dstaddr.notnull() & (rows.log_status.fill_null("OK") == "OK"))
    own = {end: ibis.coalesce(rows[f"pkt_{end}addr"], rows[f"{end}addr"]) for end in ("src", "dst")}
    own["at"] = rows.interface_id.fill_null("-")
    rows = rows.mutate(protocol=rows.protocol.cast("int64"), **own)
    # Both addresses, the packet's own, are always given: they join by hash, and the rest is compared.
    found = rows.join(known, [rows.src == known.key_srcaddr, rows.dst == known.key_dstaddr])
    for name, column in {"interface_id": "at", **dict.fromkeys(["protocol", "srcport", "dstport", "action"])}.items():
        key = found[f"key_{name}"]
        found = found.filter(key.isnull() | (found[column or name] == key))
    oldest = ibis.window(group_by="number", order_by=["start", "end", "srcport", "dstport", "packets"])
    some = found.mutate(nth=ibis.row_number().over(oldest)).filter(_.nth < each)
    some = some.select(*COLUMNS, "number", "nth").execute()
    some = some.assign(id=some.number.map(keys["id"])).sort_values(["id", "start", "end", "number", "nth"])
    text = some[COLUMNS].astype("object")
    lines = text.where(text.notna(), "-").astype(str).agg(" ".join, axis=1) if len(some) else some.number
    return {name: tuple(dict.fromkeys(part))[:each] for name, part in lines.groupby(some["id"], sort=False)}
