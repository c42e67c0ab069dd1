"""Records of findings, read again by key: the only time that a question goes back to the records."""

import pandas as pd

from flowkit.fields import DEFAULT_FORMAT
from flowkit.folding.engine import Engine
from flowkit.folding.sessions import INTERFACE, NAMED
from flowkit.loading.records import quoted

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
    engine = Engine(log.rows)
    engine.put("wanted", keys[[*KEYS]].assign(number=range(len(keys))), KEYS | {"number": "int64"})
    # Both addresses, the packet's own, are always given: they join by hash, and the rest is compared.
    own = {name: f"own.{name}" for name in KEYS if not name.endswith("addr")} | {"interface_id": "own.place"}
    same = " AND ".join(f"coalesce({column} = wanted.{name}, wanted.{name} IS NULL)" for name, column in own.items())
    lines = ", ".join(map(quoted, COLUMNS))
    some = engine.answer(f"""
    SELECT {lines}, number, nth FROM (
        SELECT own.*, number, row_number() OVER (
            PARTITION BY number ORDER BY own."start", own."end", own.srcport, own.dstport, own.packets) AS nth
        FROM (
            SELECT {lines}, coalesce(pkt_srcaddr, srcaddr) AS src, coalesce(pkt_dstaddr, dstaddr) AS dst, {INTERFACE} AS place
            FROM flows WHERE {NAMED}
        ) AS own JOIN wanted ON own.src = wanted.srcaddr AND own.dst = wanted.dstaddr
        WHERE {same}
    ) AS found WHERE nth <= {int(each)}""")
    some = some.assign(id=some.number.map(keys["id"])).sort_values(["id", "start", "end", "number", "nth"])
    text = some[COLUMNS].astype("object")
    lines = text.where(text.notna(), "-").astype(str).agg(" ".join, axis=1) if len(some) else some.number
    return {name: tuple(dict.fromkeys(part))[:each] for name, part in lines.groupby(some["id"], sort=False)}
