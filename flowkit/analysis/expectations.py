"""Expectations: what ought to reach what, read from a CSV file and judged against what was seen.

The file has the columns ``name, source, destination, protocol, port, expect`` in any order. ``source`` is an
address or CIDR; ``destination`` too, or an interface (``eni-…``) or instance (``i-…``) id. ``protocol`` is
``tcp``, ``udp``, ``icmp`` or ``any``; ``port`` a number, a range ``8000-8010`` or ``any``; ``expect`` is
``reach`` or ``block``. Lines that are blank or begin with ``#`` are skipped.
"""

import csv
import re
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from flowkit.analysis.groups import Network
from flowkit.loading.sample import SAMPLE

COLUMNS = ("name", "source", "destination", "protocol", "port", "expect")
PROTOCOLS = {"tcp": (6,), "udp": (17,), "icmp": (1, 58), "any": ()}
RESOURCE = re.compile(r"(eni|i)-[0-9a-f]{8,17}")


@dataclass(frozen=True)
class Expectation:
    """One line of the file; `protocols` empty and `ports` None mean any."""

    line: int
    name: str
    source: Network
    destination: Network | str
    protocols: tuple[int, ...]
    ports: tuple[int, int] | None
    reach: bool

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that the engine has to tell apart to judge this line."""
        return (self.source,) if isinstance(self.destination, str) else (self.source, self.destination)


def expectations_of(source, expect: str | Path | None = None) -> Path | None:
    """The expectations file: `expect` where given, the sample's own for the source ``sample``, else None.

    Raises FileNotFoundError where `expect` names no file.
    """
    if expect:
        path = Path(expect).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"expectations: there is no file {path}")
        return path
    if source == "sample":
        return SAMPLE / "expectations.csv"
    return None


def read_expectations(path: str | Path | None) -> list[Expectation]:
    """The expectations in the CSV file at `path`, in its order; none where `path` is None.

    Raises ValueError naming the file and, for each bad line, its number and what is wrong with it.
    """
    if path is None:
        return []
    text = enumerate(Path(path).read_text(encoding="utf-8-sig").splitlines(), 1)
    rows = [(at, _cells(line)) for at, line in text if line.strip() and not line.lstrip().startswith("#")]
    header = rows[0][1] if rows else []
    if sorted(header) != sorted(COLUMNS):
        raise ValueError(f"{path}: the first line must name the columns {','.join(COLUMNS)}")
    found, bad = [], []
    for line, cells in rows[1:]:
        try:
            found.append(_expectation(line, header, cells))
            _agrees(found[-1], found[:-1])
        except ValueError as error:
            bad.append(f"line {line}: {error}")
    if bad:
        raise ValueError(f"{path} has {len(bad)} bad line{'s'[: len(bad) > 1]}\n  " + "\n  ".join(bad))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line]))]


def _agrees(line: Expectation, earlier: list[Expectation]) -> None:
    def what(one: Expectation):
        return one.source, one.destination, one.protocols, one.ports

    for other in earlier:
        if what(other) == what(line) and other.reach != line.reach:
            raise ValueError(f"contradicts line {other.line}")


def _expectation(line: int, header: list[str], values: list[str]) -> Expectation:
    if len(values) != len(header):
        raise ValueError(f"{len(values)} values where {len(header)} belong")
    cells = dict(zip(header, values, strict=True))
    protocol, expect = cells["protocol"].lower(), cells["expect"].lower()
    if not cells["name"]:
        raise ValueError("no name")
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol {cells['protocol']!r} is not tcp, udp, icmp or any")
    if expect not in ("reach", "block"):
        raise ValueError(f"expect {cells['expect']!r} is not reach or block")
    ports = _ports(cells["port"])
    if protocol == "icmp" and ports:
        raise ValueError("icmp has no ports: its port must be any")
    destination = cells["destination"]
    if not RESOURCE.fullmatch(destination):
        destination = _network("destination", destination)
    source = _network("source", cells["source"])
    return Expectation(
        line, cells["name"], source, destination, PROTOCOLS[protocol], ports, expect == "reach"
    )


def _network(column: str, text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        right = ip_network(text, strict=False)
    except ValueError:
        kinds = "address, CIDR, interface id or instance id" if column == "destination" else "address or CIDR"
        raise ValueError(f"{column} {text!r} is no {kinds}") from None
    raise ValueError(f"{column} {text!r} is no network; the one it lies in is {right}")


def _ports(text: str) -> tuple[int, int] | None:
    if text.lower() == "any":
        return None
    match = re.fullmatch(r"([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?", text)
    if not match:
        raise ValueError(f"port {text!r} is no port, range or any")
    low, high = int(match[1]), int(match[2] or match[1])
    if not low <= high <= 65535:
        raise ValueError(f"port {text!r} is not within 0-65535 and rising")
    return low, high
