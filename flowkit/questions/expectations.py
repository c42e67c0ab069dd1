"""Expectations: what ought to reach what, read from a CSV file and checked against what was seen.

The file has the columns ``name, source, destination, protocol, port, expect`` in any order. ``source`` and
``destination`` are an address, a CIDR, an interface (``eni-…``) or instance (``i-…``) id, or the name of a network or a
host, as the report prints them. ``protocol`` is ``tcp``, ``udp``, ``icmp`` or ``any``; ``port`` a number, a range
``8000-8010`` or ``any`` (for icmp empty, too); ``expect`` is ``reach`` or ``block``. Lines that are blank or begin with
``#`` are skipped.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from ipaddress import ip_interface, ip_network
from pathlib import Path

import pandas as pd

from flowkit.loading.sample import SAMPLE
from flowkit.net import TCP, Network, is_network, is_private, lies_in
from flowkit.questions.networks import text
from flowkit.questions.reachability import ANSWERED, RESET, SILENT
from flowkit.questions.rejected import rejections
from flowkit.words import many

COLUMNS = ("name", "source", "destination", "protocol", "port", "expect")
VERDICTS = ("broken", "newly-reachable", "unproven", "met")
PROTOCOLS = {"tcp": (6,), "udp": (17,), "icmp": (1, 58), "any": ()}
#: What a log of one action only leaves open.
ONLY = {"reject-only": "the log holds rejected traffic only", "accept-only": "no record of the log is a REJECT"}
#: Addresses from which a source is a crowd, in which single failures prove nothing.
WIDE = 65_536
#: Share of the time since the first failure that answers must have gone on after the last one to call it repaired.
REPAIRED = 0.1
#: Columns of `check`.
CHECKED = "line name source destination address destination_name protocol port expect verdict state".split()
CHECKED += "clients failing sessions first_seen last_seen answered_until repaired interface_id confidence note proof rows".split()
#: What people write for the internet.
EVERYWHERE = ("internet", "the internet", "any", "all", "*")
RESOURCE = re.compile(r"(eni|i)-[0-9a-f]{8,17}")


@dataclass(frozen=True)
class Expectation:
    """One line of the file. `source` and `destination` are networks or ids of interfaces or instances, `written` what the
    file has for these; `protocols` empty and `ports` None mean any. `sources` are the networks of the source, of ids those
    that `located` finds."""

    line: int
    name: str
    source: Network | tuple[str, ...]
    destination: Network | tuple[str, ...]
    written: tuple[str, str]
    protocols: tuple[int, ...]
    ports: tuple[int, int] | None
    reach: bool
    sources: tuple[Network, ...] = ()

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that must be told apart to check this line."""
        return self.sources if isinstance(self.destination, tuple) else (*self.sources, self.destination)


def expectations_of(source: str, expect: str | Path | None = None) -> Path | None:
    """Return the expectations file: `expect` where given, the sample's own for the source ``sample``, else None. Raises
    OSError where `expect` names no file."""
    if expect is None:
        return SAMPLE / "expectations.csv" if source == "sample" else None
    path = Path(expect).expanduser()
    if path.is_dir():
        raise IsADirectoryError(f"expectations: {path} is a folder, not a CSV file")
    if not path.is_file():
        raise FileNotFoundError(f"expectations: there is no file {path}")
    return path


def printed_names(snapshot, names: dict[Network, str]) -> dict[str, Network | tuple[str, ...]]:
    """Return what the names that the report prints stand for: hosts for the ids of their interfaces, networks for their
    CIDR, both also with an address behind them, as in titles. A name of several networks stands for none of them."""
    found: dict[str, Network | tuple[str, ...]] = {}
    for network, name in names.items():
        found[name] = () if name in found else network
        found[f"{name} ({text(network)})"] = network
    hosts = defaultdict(tuple)
    for interface in snapshot.interfaces.values() if snapshot else ():
        titled = (f"{interface.name} ({each})" for each in (*interface.addresses, *interface.public_addresses))
        for name in (interface.name, *titled):
            hosts[name] += (interface.interface_id,)
    found |= hosts
    return {name: place for name, place in found.items() if place != ()}


def read_expectations(path: str | Path | None, printed: dict | None = None) -> list[Expectation]:
    """Return the expectations in the CSV file at `path`, in its order; none where `path` is None. `printed` is as
    `printed_names` returns it. Raises ValueError naming the file and, for each bad line, its number and what is wrong
    with it."""
    if path is None:
        return []
    try:
        lines = enumerate(Path(path).read_text(encoding="utf-8-sig").splitlines(), 1)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8 (byte {error.start + 1}): save it as CSV UTF-8") from None
    rows = [
        (at, [cell.strip() for cell in next(csv.reader([line]))])
        for at, line in lines if line.strip() and not line.lstrip().startswith("#")
    ]  # fmt: skip
    header = rows[0][1] if rows else []
    if sorted(header) != sorted(COLUMNS):
        raise ValueError(f"{path}: the first line must name the columns {','.join(COLUMNS)}")
    found, bad, earlier = [], [], {}
    for line, values in rows[1:]:
        try:
            one = _expectation(line, header, values, printed or {})
            other = earlier.setdefault((one.source, one.destination, one.protocols, one.ports), one)
            if other.reach != one.reach:
                raise ValueError(f"contradicts line {other.line}")
            found.append(one)
        except ValueError as error:
            bad.append(f"line {line}: {error}")
    if bad:
        raise ValueError(f"{path} has {many(len(bad), 'bad line')}: {'; '.join(bad)}")
    return found


def _expectation(line: int, header: list[str], values: list[str], printed: dict) -> Expectation:
    if len(values) != len(header):
        raise ValueError(f"{len(values)} values where {len(header)} belong")
    cells = dict(zip(header, values, strict=True))
    protocol, expect, made, wrong = cells["protocol"].lower(), cells["expect"].lower(), {}, []
    for column in ("source", "destination", "port"):
        try:
            made[column] = _ports(cells["port"]) if column == "port" else _place(column, cells[column], printed)
        except ValueError as error:
            if column != "port" or protocol != "icmp" or cells["port"]:
                wrong.append(str(error))
    if not cells["name"]:
        wrong.insert(0, "no name")
    if protocol not in PROTOCOLS:
        wrong.append(f"protocol {cells['protocol']!r} is not tcp, udp, icmp or any")
    if protocol == "icmp" and made.get("port"):
        wrong.append("icmp has no ports: leave its port empty")
    if expect not in ("reach", "block"):
        wrong.append(f"expect {cells['expect']!r} is not reach or block")
    if wrong:
        raise ValueError("; ".join(wrong))
    source, destination = made["source"], made["destination"]
    return Expectation(
        line, cells["name"], source, destination, (cells["source"], cells["destination"]), PROTOCOLS[protocol],
        made.get("port"), expect == "reach", () if isinstance(source, tuple) else (source,),
    )  # fmt: skip


def _place(column: str, written: str, printed: dict) -> Network | tuple[str, ...]:
    """Return the network or the ids of interfaces or instances that a cell names."""
    if RESOURCE.fullmatch(written):
        return (written,)
    if written in printed:
        return printed[written]
    try:
        network, exact = ip_network(written, strict=False), ip_interface(written)
    except ValueError:
        close = get_close_matches(written, printed, 1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        meant = "; the internet is 0.0.0.0/0 or ::/0" if written.lower() in EVERYWHERE else meant
        kinds = "address, CIDR, interface id, instance id or name of a host or network"
        raise ValueError(f"{column} {written!r} is no {kinds}{meant}") from None
    if exact.ip != network.network_address:
        raise ValueError(f"{column} {written!r} is no network; the one it lies in is {network}")
    return network


def _ports(written: str) -> tuple[int, int] | None:
    if written.lower() == "any":
        return None
    match = re.fullmatch(r"([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?", written)
    if not match:
        raise ValueError(f"port {written!r} is no port, range or any")
    low, high = int(match[1]), int(match[2] or match[1])
    if not low <= high <= 65535:
        raise ValueError(f"port {written!r} is not within 0-65535 and rising")
    return low, high


def owners(log) -> pd.DataFrame:
    """Return interfaces with their instance and addresses: interface_id, instance_id, address (one row each, null
    where neither the log nor the snapshot says)."""
    known = log.network.interfaces if log.network else {}
    logged = log.interfaces.loc[~log.interfaces["conflict"], ["interface_id", "instance_id", "address"]]
    logged = logged.drop_duplicates().astype(object)
    logged["address"] = logged["address"].mask(logged["interface_id"].isin(known), None)
    rows = [(e.interface_id, e.instance_id, at) for e in known.values() for at in (*e.addresses, *e.public_addresses)]
    found = pd.concat([pd.DataFrame(rows, columns=list(logged)), logged])
    return found.sort_values(["interface_id", "address"], ignore_index=True, na_position="last")


def located(lines: list[Expectation], owners: pd.DataFrame) -> list[Expectation]:
    """Return `lines` with the addresses that `owners` have for the ids of their sources."""
    ids = {one.source: _own(one.source, owners)["address"] for one in lines if isinstance(one.source, tuple)}
    ids = {source: tuple(map(ip_network, addresses.dropna().unique())) for source, addresses in ids.items()}
    return [replace(one, sources=ids.get(one.source, one.sources)) for one in lines]


def matches(one: Expectation, rows: pd.DataFrame, owners: pd.DataFrame) -> pd.Series:
    """Return which of `rows` (network, destination, interface_id, protocol, port) the line is about. An address that
    several interfaces have is the named one's at that interface, or where no interface is logged; the public IPv4 address
    of an interface, which logs its private one, is that interface."""

    def inside(column: str, networks: Iterable[Network]) -> pd.Series:
        places = {place: lies_in(place, networks) for place in rows[column].unique()}
        return rows[column].map(places).astype(bool)  # an empty column maps to text

    found = inside("network", one.sources)
    if one.protocols:
        found &= rows["protocol"].isin(one.protocols)
    if one.ports:
        found &= rows["port"].between(*one.ports).fillna(False)
    if isinstance(one.destination, tuple):
        own = _own(one.destination, owners)
        others = owners.loc[~owners["interface_id"].isin(own["interface_id"]), "interface_id"]
        there = rows["destination"].isin(own["address"].dropna()) & ~rows["interface_id"].isin(others)
        found &= there | rows["interface_id"].isin({*own["interface_id"], *one.destination})
    else:
        found &= inside("destination", [one.destination]) | rows["interface_id"].isin(_public(one.destination, owners))
    return found.astype(bool)


def _own(place: Network | tuple[str, ...], owners: pd.DataFrame) -> pd.DataFrame:
    """Return the `owners` that a line's source or destination names."""
    if not isinstance(place, tuple):
        return owners[owners["address"] == str(place.network_address)]
    return owners[owners["interface_id"].isin(place) | owners["instance_id"].isin(place)]


def _public(place: Network, owners: pd.DataFrame) -> list[str]:
    """Return the interfaces with a public IPv4 address in `place`, unless that is as wide as the internet."""
    if place.version == 6 or place.num_addresses > WIDE or is_private(place):
        return []
    own = _own(place, owners) if place.num_addresses == 1 else owners.dropna(subset=["address"])
    return [eni for eni, at in zip(own["interface_id"], own["address"], strict=True) if lies_in(at, [place])]


def check(lines: list[Expectation], rows: pd.DataFrame, kind: str, owners: pd.DataFrame, distinct) -> pd.DataFrame:
    """Return each expectation with what was seen of it, one row a line of the file, in its order.

    `rows` are those of `Reach`, as its `kind`, `owners` of `owners`; `distinct(rows)` counts clients that differ. In
    `CHECKED`: source, destination, protocol, port, expect as in the file; address: the destination's, or its CIDR;
    destination_name, interface_id: null where many or unknown; state: the failing one, or the one that proves the verdict
    (null where unproven), and the sessions in it; failing: of the clients; repaired: answered again, to the end; proof:
    the row with most sessions; rows: all that prove it, by their index.

    verdict: `met`; `broken` (reach: not answered; block: accepted, unanswered); `newly-reachable` (block, but
    answered); `unproven` (nothing seen, or the log cannot show it). Traffic is checked by the narrowest line that
    covers it: a `reach` line takes its source out of wider `reach` lines and out of all `block` lines. A source of
    more than 65,536 addresses is broken where most of its clients fail, any other where one does.
    """
    matched = {one.line: matches(one, rows, owners) for one in lines}
    names = rows.dropna(subset=["destination_name"]).set_index("interface_id")["destination_name"].to_dict()
    found = []
    for one in lines:
        covered, own, ids = matched[one.line], _own(one.destination, owners), isinstance(one.destination, tuple)
        allowing = []
        for other in lines:
            narrower = one.sources != other.sources and all(lies_in(each, one.sources) for each in other.sources)
            if other.reach and (not one.reach or narrower):
                allowing += [str(other.line)] if (covered & matched[other.line]).any() else []
                covered = covered & ~matched[other.line]
        seen = rows[covered]
        verdict, proof, note = _verdict(one, seen, kind, distinct)
        if seen.empty and allowing:
            note = f"all that was seen of it is allowed by line {','.join(allowing)}"
        first = proof.sort_values("sessions", ascending=False, kind="stable").head(1)
        wrong = seen[seen["state"] != ANSWERED] if one.reach else proof.head(0 if verdict == "met" else len(proof))
        # The destination's interface and address, where it is one and known.
        at = seen if ids or len(seen) else rows[rows["destination"] == str(one.destination.network_address)]
        eni = (own if ids or at["interface_id"].isna().all() else at)["interface_id"].dropna().unique()
        eni = eni[0] if len(eni) == 1 else None
        address = (own["address"].dropna() if seen.empty else seen["destination"]).unique()
        address = text(one.destination) if not ids else address[0] if len(address) == 1 else None
        called = None if ids or is_network(one.written[1]) else one.written[1].removesuffix(f" ({address})")
        # Half of the clients, at least, were answered again after all failures, and long enough.
        again, since, until = proof["answered_again"].max(), proof["first_seen"].min(), proof["last_seen"].max()
        repaired = 2 * proof["recovered"].sum() >= proof["clients"].sum() and not pd.isna(again)
        repaired = repaired and again - until > REPAIRED * (again - since)
        found.append({
            "line": one.line, "name": one.name, "source": text(one.sources[0]) if len(one.sources) == 1 else one.written[0],
            "destination": one.written[1] if ids else text(one.destination),
            "address": address, "destination_name": names.get(eni) if ids or one.destination.num_addresses == 1 else called,
            "protocol": next(name for name, numbers in PROTOCOLS.items() if numbers == one.protocols),
            "port": "any" if one.ports is None else "-".join(str(port) for port in dict.fromkeys(one.ports)),
            "expect": "reach" if one.reach else "block", "verdict": verdict,
            "state": first["state"].iloc[0] if len(first) else None,
            "clients": distinct(seen), "failing": distinct(wrong), "sessions": int(proof["sessions"].sum()),
            "first_seen": since, "last_seen": until, "answered_until": proof["answered_until"].max(),
            "repaired": bool(repaired) and one.reach and verdict == "broken", "interface_id": eni,
            "confidence": first["confidence"].iloc[0] if len(first) else "low", "note": note,
            "proof": next(first.itertuples(), None), "rows": tuple(proof.index),
        })  # fmt: skip
    table = pd.DataFrame(found, columns=CHECKED)
    times = ("first_seen", "last_seen", "answered_until")
    return table.assign(**{name: pd.to_datetime(table[name], utc=True) for name in times})


def _verdict(one: Expectation, seen: pd.DataFrame, kind: str, distinct) -> tuple[str, pd.DataFrame, str]:
    """Return the verdict on a line, the rows of `seen` that prove it, and why there is none."""
    if not one.sources:
        return "unproven", seen.head(0), "the addresses of its source are not known"
    good, accepted = seen[seen["state"] == ANSWERED], seen[seen["state"].isin([SILENT, RESET])]
    if not one.reach:
        if len(good):
            return "newly-reachable", good, ""
        if len(accepted):
            return "broken", accepted, ""
        return ("met", seen, "") if len(seen) and kind == "all" else ("unproven", seen.head(0), ONLY.get(kind, ""))
    udp = (seen["state"] == SILENT) & (seen["protocol"] != TCP)
    bad = seen[(seen["state"] != ANSWERED) & (seen["clients"] > seen["scanners"]) & ~udp]
    crowd = sum(each.num_addresses for each in one.sources) > WIDE
    if len(bad) and not (crowd and distinct(bad) <= distinct(good)):
        return "broken", bad, ""
    if len(good):
        return "met", good, ""
    note = "accepted, but nothing came back, and UDP need not answer" if udp.any() else ""
    return "unproven", good, ONLY[kind] if kind == "reject-only" else note


def causes_of(log) -> pd.DataFrame:
    """Return what was rejected and why, as `flowkit.questions.rejected` classifies it, most records first. In the
    columns of `matches`, where ``network`` is the client and ``interface_id`` the server's; with ``records``,
    ``cause``, ``grounds``, ``verdict``, ``incident``."""
    groups = rejections(log).groups
    groups = groups[groups["kind"] != "late-packets"].sort_values("records", ascending=False, kind="stable")
    own = groups["interface_id"].where(groups["inside"] == groups["server"])
    names = {"client": "network", "server": "destination", "server_port": "port"}
    return groups.assign(interface_id=own).rename(columns=names).astype({"port": "Int64"})
