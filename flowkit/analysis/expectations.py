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

import ibis
import ibis.expr.types as ir
import pandas as pd

from flowkit.analysis.groups import Network
from flowkit.analysis.reachability import ANSWERED, REFUSED, REPLY_REFUSED, RESET, SILENT
from flowkit.analysis.rejected import rejected
from flowkit.loading.sample import SAMPLE

COLUMNS = ("name", "source", "destination", "protocol", "port", "expect")
JUDGED = (
    "line", "name", "source", "destination", "destination_name", "protocol", "port", "expect", "judgement",
    "state", "clients", "failing", "sessions", "first_seen", "last_seen", "answered_until", "interface_id",
    "confidence", "note",
)  # fmt: skip
JUDGEMENTS = ("broken", "newly-reachable", "unproven", "met")
PROTOCOLS = {"tcp": (6,), "udp": (17,), "icmp": (1, 58), "any": ()}
#: What a log of one action only leaves open.
ONLY = {
    "reject-only": "the log holds refused traffic only",
    "accept-only": "the log holds accepted traffic only",
}
#: Addresses from which a source is a crowd, in which single failures prove nothing.
WIDE = 65_536
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


def judged(
    expectations: list[Expectation],
    reached: pd.DataFrame,
    kind: str = "all",
    owners: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Each expectation with what was seen of it, one row a line of the file, in its order.

    reached: `reachability(…, expectations=expectations)`. kind: `log_kind(flows)`. owners: `owners(flows,
    snapshot)`, needed for destinations that are interface or instance ids.

    Columns: line, name, source, destination, destination_name, protocol, port, expect (as in the file),
    judgement, state (the failing one, or the one that proves the judgement; null where unproven), clients,
    failing (those not answered), sessions (in that state), first_seen, last_seen, answered_until, interface_id
    (the destination's, null where many or unknown), confidence, note.

    judgement: `met`; `broken` (reach: not answered; block: let in, unanswered); `newly-reachable` (block, but
    answered); `unproven` (nothing seen, or the log cannot show it). Traffic is judged by the narrowest line
    that wants it: a `reach` line takes its source out of wider `reach` lines and out of all `block` lines. A
    source of more than 65,536 addresses is broken where most of its clients fail, any other where one does.
    """
    matched = {one.line: _matches(one, reached, owners) for one in expectations}
    names = (
        reached.dropna(subset=["destination_name"]).set_index("interface_id")["destination_name"].to_dict()
    )
    rows = []
    for one in expectations:
        own = matched[one.line]
        for other in expectations:
            if other.reach and (not one.reach or _narrower(other.source, one.source)):
                own = own & ~matched[other.line]
        seen = reached[own]
        told = _reach(one, seen, kind) if one.reach else _block(seen, kind)
        eni = _interface(one, seen, reached, owners)
        rows.append(_written(one) | told | {"interface_id": eni, "destination_name": names.get(eni)})
    return pd.DataFrame(rows, columns=list(JUDGED))


def expected(expectations: list[Expectation], reached: pd.DataFrame, owners=None) -> pd.Series:
    """Whether a `reach` line wants the traffic of each row of `reached`."""
    wanted = pd.Series(False, index=reached.index)
    for one in expectations:
        wanted |= one.reach & _matches(one, reached, owners)
    return wanted


def _narrower(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner != outer and inner.subnet_of(outer)


def owners(flows: ir.Table, snapshot=None) -> pd.DataFrame:
    """Interfaces with their instance and addresses: interface_id, instance_id, address (one row each, null
    where neither the log nor the snapshot says)."""
    logged = flows.filter(flows.interface_id.notnull()).group_by("interface_id")
    logged = logged.aggregate(instance_id=flows.instance_id.max()).execute().assign(address=None)
    rows = (
        []
        if snapshot is None
        else [
            (eni.interface_id, eni.instance_id, address)
            for eni in snapshot.interfaces.values()
            for address in (*eni.addresses, *eni.public_addresses)
        ]
    )
    told = pd.DataFrame(rows, columns=["interface_id", "instance_id", "address"])
    return pd.concat([told, logged.astype(object)], ignore_index=True).sort_values(
        ["interface_id", "address"], ignore_index=True, na_position="last"
    )


def _matches(one: Expectation, reached: pd.DataFrame, owners: pd.DataFrame | None) -> pd.Series:
    within = {text: _within(text, one.source) for text in reached["network"].unique()}
    found = reached["network"].map(within).astype(bool)  # an empty column maps to text
    if one.protocols:
        found = found & reached["protocol"].isin(one.protocols)
    if one.ports:
        found = found & reached["port"].between(*one.ports).fillna(False)
    if not isinstance(one.destination, str):
        places = {text: _within(text, one.destination) for text in reached["destination"].unique()}
        return (found & reached["destination"].map(places)).astype(bool)
    own = _owned(one.destination, owners)
    there = reached["destination"].isin(own["address"].dropna())
    return (found & (there | reached["interface_id"].isin(own["interface_id"]))).astype(bool)


def _within(text: str, network: Network) -> bool:
    try:
        inner = ip_network(text)
    except ValueError:  # a label: "internet", "inside"
        return False
    return inner.version == network.version and inner.subnet_of(network)


def _owned(resource: str, owners: pd.DataFrame | None) -> pd.DataFrame:
    if owners is None:
        return pd.DataFrame({"interface_id": [resource], "address": [None]})
    return owners[(owners["interface_id"] == resource) | (owners["instance_id"] == resource)]


def _written(one: Expectation) -> dict:
    names = {numbers: name for name, numbers in PROTOCOLS.items()}
    port = "any" if one.ports is None else "-".join(str(port) for port in dict.fromkeys(one.ports))
    return {
        "line": one.line,
        "name": one.name,
        "source": _text(one.source),
        "destination": _text(one.destination),
        "protocol": names[one.protocols],
        "port": port,
        "expect": "reach" if one.reach else "block",
    }


def _text(place: Network | str) -> str:
    """As in the file: one address without its prefix length."""
    return str(place) if isinstance(place, str) or place.num_addresses > 1 else str(place.network_address)


def _reach(one: Expectation, seen: pd.DataFrame, kind: str) -> dict:
    good = seen[seen["state"] == ANSWERED]
    udp = (seen["state"] == SILENT) & (seen["protocol"] != 6)
    bad = seen[(seen["state"] != ANSWERED) & (seen["clients"] > seen["scanners"]) & ~udp]
    some = one.source.num_addresses > WIDE and bad["clients"].sum() <= good["clients"].sum()
    if len(bad) and not some:
        return _judgement("broken", bad, seen)
    if len(good):
        return _judgement("met", good, seen)
    note = "let in, but nothing came back, and UDP need not answer" if udp.any() else ""
    return _judgement("unproven", good, seen, ONLY.get(kind, "") if kind == "reject-only" else note)


def _block(seen: pd.DataFrame, kind: str) -> dict:
    open_, let_in = seen[seen["state"] == ANSWERED], seen[seen["state"].isin([SILENT, RESET])]
    if len(open_):
        return _judgement("newly-reachable", open_, seen)
    if len(let_in):
        return _judgement("broken", let_in, seen)
    if len(seen) and kind == "all":
        return _judgement("met", seen, seen)
    return _judgement("unproven", seen.head(0), seen, ONLY.get(kind, ""))


def _judgement(judgement: str, proof: pd.DataFrame, seen: pd.DataFrame, note: str = "") -> dict:
    first = proof.sort_values("sessions", ascending=False, kind="stable").head(1)
    return {
        "judgement": judgement,
        "state": first["state"].iloc[0] if len(first) else None,
        "clients": int(seen["clients"].sum()),
        "failing": int(seen.loc[seen["state"] != ANSWERED, "clients"].sum()),
        "sessions": int(proof["sessions"].sum()),
        "first_seen": proof["first_seen"].min(),
        "last_seen": proof["last_seen"].max(),
        "answered_until": proof["answered_until"].max(),
        "confidence": first["confidence"].iloc[0] if len(first) else "low",
        "note": note,
    }


def _interface(one: Expectation, seen: pd.DataFrame, reached: pd.DataFrame, owners) -> str | None:
    """The destination's interface, where it is one and known."""
    if isinstance(one.destination, str):
        known = _owned(one.destination, owners)["interface_id"]
    else:
        address = str(one.destination.network_address)
        known = (seen if len(seen) else reached[reached["destination"] == address])["interface_id"]
        if owners is not None and not known.notna().any():
            known = owners.loc[owners["address"] == address, "interface_id"]
    found = known.dropna().unique()
    return found[0] if len(found) == 1 else None


def explained(
    judged: pd.DataFrame, expectations: list[Expectation], flows: ir.Table, snapshot=None, owners=None
) -> pd.DataFrame:
    """`judged` with `cause` and `grounds` (a tuple of sentences) of what was refused, as `rejected` tells them;
    null and empty for the others."""
    table = judged.assign(cause=None, grounds=[()] * len(judged)).astype({"cause": object})
    refused = (judged["judgement"] == "broken") & judged["state"].isin([REFUSED, REPLY_REFUSED])
    lines = [one for one in expectations if one.line in set(judged.loc[refused, "line"])]
    if not lines:
        return table
    if all(one.ports for one in lines):  # what else the log says about these ports is all that counts
        ends = [end.between(*one.ports) for one in lines for end in (flows.srcport, flows.dstport)]
        flows = flows.filter(ibis.or_(*ends))
    groups = rejected(flows, snapshot).groups
    groups = groups[groups["kind"] != "late-packets"]
    for one in lines:
        same = pd.DataFrame({
            "network": groups["client"], "destination": groups["server"], "interface_id": groups["interface_id"],
            "protocol": groups["protocol"], "port": groups["server_port"].astype("Int64"),
        })  # fmt: skip
        mine = _matches(one, same, owners)
        if mine.any():
            most = groups[mine].sort_values("records", ascending=False, kind="stable").iloc[0]
            at = table.index[table["line"] == one.line][0]
            table.at[at, "cause"], table.at[at, "grounds"] = most["cause"], tuple(most["grounds"])
    return table
