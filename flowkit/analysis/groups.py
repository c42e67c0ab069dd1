"""Networks as names: which group an address belongs to, decided by the engine.

Networks nest or are disjoint, so an address is known by the narrowest network that holds it. The test is a
regular expression over the address as AWS writes it (dotted, or RFC 5952 for IPv6), because that is what
DuckDB, Athena, Trino and Spark have in common: https://www.rfc-editor.org/rfc/rfc5952#section-4
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from math import ceil

import ibis
import ibis.expr.types as ir

Network = IPv4Network | IPv6Network

#: The label of an address that no known network holds.
INTERNET = "internet"

#: Addresses that are no internet addresses: private, shared, link-local and loopback ones.
PRIVATE = tuple(
    ip_network(cidr)
    for cidr in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip


def read_groups(text: str | None) -> dict[Network, str]:
    """The networks named in `text`, such as ``office=203.0.113.0/24, office=198.51.100.7, lab=10.9.0.0/16``.

    Raises ValueError naming every part that is not ``name=CIDR``.
    """
    groups, bad = {}, []
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        name, _, cidr = (word.strip() for word in part.partition("="))
        try:
            groups[ip_network(cidr)] = name if name else bad.append(f"{part!r} has no name")
        except ValueError as error:
            bad.append(f"{part!r}: {error}")
    if bad:
        raise ValueError(f"groups must read name=CIDR,name=CIDR: {'; '.join(bad)}")
    return groups


def subnet_groups(snapshot) -> dict[Network, str]:
    """The networks of a snapshot's subnets, named by Name tag or id; empty without one."""
    subnets = snapshot.subnets.values() if snapshot else ()
    return {ip_network(cidr): subnet.name or subnet.subnet_id for subnet in subnets for cidr in subnet.cidrs}


def name_of(network: str, groups: dict[Network, str]) -> str:
    """The group of a label that `label` gave: the narrowest named network around it, its own CIDR where it
    is private, else ``internet``."""
    if network == INTERNET:
        return INTERNET
    inner = ip_network(network)
    around = [outer for outer in groups if outer.version == inner.version and inner.subnet_of(outer)]
    if around:
        return groups[max(around, key=lambda outer: outer.prefixlen)]
    return network if is_private(inner) else INTERNET


def is_private(network: Network) -> bool:
    """Whether all of `network` is private."""
    return any(network.version == outer.version and network.subnet_of(outer) for outer in PRIVATE)


def label(address: ir.StringValue, networks: Iterable[Network]) -> ir.StringValue:
    """The narrowest of `networks` that holds `address`, as a CIDR; for private addresses in none of them their
    /24 (IPv6: the private block); else ``internet``."""
    known = sorted({*networks, *PRIVATE}, key=lambda network: (-network.prefixlen, str(network)))
    whole = [network for network in known if not network.prefixlen]
    parts = [network for network in known if network.prefixlen]
    default = ibis.literal(INTERNET)
    for network in whole:
        default = ibis.ifelse(address.contains("." if network.version == 4 else ":"), str(network), default)
    # Most clients are strangers: one expression settles them before the networks are tried one by one.
    stranger = ~address.re_search("|".join(pattern(network) for network in parts))
    nearby = address.re_extract("^([0-9]+[.][0-9]+[.][0-9]+)[.]", 1) + ".0/24"
    wide = {network for network in PRIVATE if network.version == 4}.difference(networks)
    inside = [
        (address.re_search(pattern(network)), nearby if network in wide else str(network))
        for network in parts
    ]
    return ibis.cases((stranger, default), *inside, else_=default)


def pattern(network: Network) -> str:
    """A regular expression that the text of an address matches exactly where `network` holds it.

    IPv6 addresses must be in RFC 5952's form; `network` must be narrower than ``/0``.
    """
    if network.version == 4:
        step, one = 8, _pattern4
    else:
        step, one = 4, _pattern6
    whole = network.subnets(new_prefix=ceil(network.prefixlen / step) * step)
    return "|".join(one(part) for part in whole)


def _pattern4(network: IPv4Network) -> str:
    octets = str(network.network_address).split(".")[: network.prefixlen // 8]
    return "^" + "[.]".join(octets) + ("$" if len(octets) == 4 else "[.]")


def _pattern6(network: IPv6Network) -> str:
    """The prefix written out, or with one run of zeros shortened to ``::``."""
    nibbles = network.network_address.exploded.replace(":", "")[: network.prefixlen // 4]
    groups = [nibbles[at : at + 4] for at in range(0, len(nibbles), 4)]
    known = [_group(group) for group in groups]
    zero = [not group.strip("0") for group in groups]
    rest = 8 - len(groups)
    forms = ["^" + ":".join(known) + (":" if rest else "$")]
    for first in (at for at in range(len(groups)) if zero[at] and not (at and zero[at - 1])):
        head = "^" + ":".join(known[:first]) + "::"
        after = next((at for at in range(first, len(groups)) if not zero[at]), len(groups))
        if after == len(groups):
            forms.append(head + f"([0-9a-f]{{1,4}}(:|$)){{0,{rest}}}$")
            after -= len(groups[-1]) < 4  # the last group is known in part: it may be more than zero
        if first + 1 < after < len(groups):
            forms.append(head + ":".join(known[after:]) + f"(:[0-9a-f]{{1,4}}){{{rest}}}$")
    return "|".join(forms)


def _group(nibbles: str) -> str:
    """One group of four digits, of which the first are `nibbles`, without its leading zeros."""
    free = 4 - len(nibbles)
    digits = nibbles.lstrip("0")
    if digits:
        return digits + "[0-9a-f]" * free
    return f"[0-9a-f]{{1,{free}}}" if free else "0"
