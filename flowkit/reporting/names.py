"""Names for people: hosts beside addresses, services beside ports."""

from collections import defaultdict
from collections.abc import Callable

import pandas as pd

from flowkit.net import ICMP, SERVICE_PORTS, protocol_name
from flowkit.reporting.kinds import translated
from flowkit.words import without_controls


def hosts(log) -> Callable[..., str]:
    """Return a function that names an address: `host(address, interface_id, first, last)` is `web-1 (10.0.0.5)`.

    An address is used again by others, and several VPCs may use it: that of the interface's own VPC counts, unless the
    log says that another interface had it at that time. Where nothing names it, it is the address alone.
    """
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


def owners(findings: list[dict], network) -> dict[str, str]:
    """Return by the id of a finding whom the tags in the snapshot `network` name for its host; '' where none does."""
    found = {}
    for each in findings:
        subject = each["subject"]
        one = network and network.interfaces.get(subject["interface_id"])
        for end in ("dstaddr", "srcaddr"):
            if network and one is None and subject[end]:
                one = network.owner(subject[end])
        found[each["id"]] = one.owner if one else ""
    return found


def service_name(protocol: int, port: float) -> str:
    """Return such as `tcp/5432 postgresql`; `ICMP`, which has no port; `port 5432` where the protocol is not logged."""
    if protocol in ICMP:
        return "ICMP" if protocol == 1 else "ICMPv6"
    known = port is not None and not pd.isna(port) and port >= 0
    if protocol < 0:
        return translated("port {n}", n=str(int(port))) if known else translated("any protocol")
    name = SERVICE_PORTS.get(int(port)) if known else None
    return protocol_name(int(protocol)) + (f"/{int(port)}" if known else "") + (f" {name}" if name else "")
