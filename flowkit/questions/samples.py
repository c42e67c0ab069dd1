"""Records of findings, read again by key: the only time that a question goes back to the records."""

import pandas as pd

from flowkit.fields import DEFAULT_FORMAT
from flowkit.folding.engine import Engine

COLUMNS = [name.replace("-", "_") for name in DEFAULT_FORMAT]
KEYS = dict.fromkeys(["interface_id", "srcaddr", "dstaddr", "action"], "string")
KEYS |= dict.fromkeys(["protocol", "srcport", "dstport"], "int64")
_LINE = ", ".join(f"coalesce(CAST(f.\"{name}\" AS VARCHAR), '-')" for name in COLUMNS)
_SAME = " ".join(f"AND (k.{name} IS NULL OR f.{name} = k.{name})" for name in KEYS if not name.endswith(("id", "addr")))
#: Both addresses, the packet's own, are always given: they join by hash, and the rest is compared.
SAMPLES = f"""
SELECT * FROM (
    SELECT concat_ws(' ', {_LINE}) AS line, f."start" AS first, f."end" AS last, k.number, row_number() OVER (
        PARTITION BY k.number ORDER BY f."start", f."end", f.srcport, f.dstport, f.packets) AS nth
    FROM flows AS f JOIN keys AS k
        ON coalesce(f.pkt_srcaddr, f.srcaddr) = k.srcaddr AND coalesce(f.pkt_dstaddr, f.dstaddr) = k.dstaddr
    WHERE f.srcaddr IS NOT NULL AND f.dstaddr IS NOT NULL AND coalesce(f.log_status, 'OK') = 'OK'
        AND (k.interface_id IS NULL OR coalesce(f.interface_id, '-') = k.interface_id) {_SAME}
) AS found WHERE nth <= {{each}}"""


def samples(log, keys: pd.DataFrame, each: int = 3) -> dict[object, tuple[str, ...]]:
    """Return up to `each` records of every key by its ``id``, oldest first, as lines of the default format. `keys` has
    ``id`` and the columns of `KEYS`, null where any value will do; several rows may share an ``id``. One query reads
    the records once for all keys together."""
    if keys.empty:
        return {}
    keys = keys.reset_index(drop=True)
    engine = Engine(log.rows)
    engine.put("keys", keys.assign(number=range(len(keys))), {**KEYS, "number": "int64"})
    some = engine.answer(SAMPLES.format(each=each))
    some = some.assign(id=some.number.map(keys["id"])).sort_values(["id", "first", "last", "number", "nth"])
    return {name: tuple(dict.fromkeys(part))[:each] for name, part in some.line.groupby(some["id"], sort=False)}
