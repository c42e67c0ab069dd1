"""Names for people: hosts beside addresses, services beside ports."""

from collections import defaultdict
from collections.abc import Callable

import pandas as pd

from flowkit.language import translated
from flowkit.net import ICMP, SERVICE_PORTS, protocol_name
from flowkit.reporting.kinds import text
from flowkit.words import without_controls


def hosts(log) -> Callable[..., str]:
    """Return a function that names an address: `host(address, interface_id, first, last)` is `web-1 (10.0.0.5)`, or the
    address. Of several interfaces with it the one in the interface's own VPC counts, unless another had it at that time."""
    network, lives = log.network, defaultdict(list)
    own = log.interfaces[log.interfaces.address.notna() & (log.interfaces.basis != "snapshot")]
    for row in own.itertuples():
        lives[row.address].append((row.interface_id, row.first, row.last))

    def host(address: str, interface_id: str | None = None, first=None, last=None) -> str:
        here = network and network.interfaces.get(interface_id)
        found = network and network.owner(address, here.vpc_id if here else None)
        if found and not pd.isna(first):
            begin, end = first.timestamp(), last.timestamp()
            then = {eni for eni, since, until in lives[address] if since <= end and until >= begin}
            if then and found.interface_id not in then:
                found = network.interfaces.get(then.pop()) if len(then) == 1 else None
        address = without_controls(address)
        return f"{without_controls(found.name)} ({address})" if found and found.name != found.interface_id else address

    return host


def called(name: object, place: str) -> str:
    """Return an address or an interface with its name, as `web-1 (10.0.0.5)`, or alone where it has none."""
    named = pd.isna(name) or name == place or str(place).startswith(f"{name} (")
    return str(place) if named else f"{name} ({place})"


def named(table: pd.DataFrame, host: Callable[..., str]) -> pd.DataFrame:
    """Return `table` with ``client``, ``server`` and ``service`` in words; `host` names an address."""
    rows = list(table.itertuples())
    ends = {end: [host(getattr(one, end), one.interface_id, one.first, one.last) for one in rows]
            for end in ("client", "server")}  # fmt: skip
    return table.assign(service=[service_name(one.protocol, one.server_port) for one in rows], **ends)


def owners(findings: list[dict], network) -> dict[str, str]:
    """Return by the id of a finding whom the tags in the snapshot `network` name for its host; '' where none does."""
    found = dict.fromkeys((each["id"] for each in findings), "")
    for each in findings if network else ():
        interface, *ends = (each["subject"][name] for name in ("interface_id", "dstaddr", "srcaddr"))
        one = network.interfaces.get(interface) or next(filter(None, map(network.owner, filter(None, ends))), None)
        found[each["id"]] = one.owner if one else ""
    return found


def shortened(names: list[str], most: int, more: str = "common.more") -> list[str]:
    """Return the first of `names`, and how many `more` there are."""
    return [*names[:most], *([text(more, n=len(names) - most)] if names[most:] else [])]


def service_name(protocol: int, port: float) -> str:
    """Return such as `tcp/5432 postgresql`; `ICMP`, which has no port; `port 5432` where the protocol is not logged;
    `protocol 50`, which no command of AWS has a name for."""
    if protocol in ICMP:
        return "ICMP" if protocol == 1 else "ICMPv6"
    known = port is not None and not pd.isna(port) and port >= 0
    if protocol < 0:
        return translated("port {n}", n=str(int(port))) if known else translated("any protocol")
    name = SERVICE_PORTS.get(int(port)) if known else None
    word = protocol_name(int(protocol))
    word = translated("protocol {n}", n=word) if word.isdigit() else word
    return word + (f"/{int(port)}" if known else "") + (f" {name}" if name else "")
