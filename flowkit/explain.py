"""One flow log record in words: what each field of a line says, from `flowkit.fields`."""

from collections.abc import Iterator
from datetime import UTC, datetime

from flowkit.fields import FIELDS, TRAFFIC_PATHS
from flowkit.loading.grammar import DEFAULT, given
from flowkit.net import ACK, FIN, RST, SYN

PROTOCOLS = {"1": "ICMP", "6": "TCP", "17": "UDP", "47": "GRE", "50": "ESP", "58": "ICMPv6"}
FLAGS = {FIN: "FIN", SYN: "SYN", RST: "RST", ACK: "ACK"}


def explained(line: str, format: str | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield each field of the record `line`: its name, its value, and the value's meaning. Raises ValueError for a
    wrong `format`, and where the line has another number of fields."""
    names = (given(format) or DEFAULT).names
    values = line.split()
    if len(values) != len(names):
        raise ValueError(
            f"the line has {len(values)} fields and the format {len(names)}: give --format with the log's fields"
        )
    for name, value in zip(names, values, strict=True):
        meaning = FIELDS[name].meaning if name in FIELDS else "no field of AWS's documents"
        words = "not applicable, or not known" if value == "-" else in_words(name, value)
        yield name, value, f"{meaning}: {words}" if words else meaning


def in_words(name: str, value: str) -> str:
    """Return what `value` stands for in the field `name`; empty where it speaks for itself."""
    if name == "protocol":
        return PROTOCOLS.get(value, "")
    if not value.isdecimal() or len(value) > 11:
        return ""
    if name == "traffic-path":
        return TRAFFIC_PATHS.get(int(value), "")
    if name in ("start", "end"):
        return f"{datetime.fromtimestamp(int(value), UTC):%Y-%m-%d %H:%M:%S} UTC"
    if name == "tcp-flags":
        return " + ".join(word for bit, word in FLAGS.items() if int(value) & bit) or "none of those that are logged"
    return ""
