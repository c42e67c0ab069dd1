"""Networks as names: subnets of the snapshot, networks that the user names, and which network holds an address.

Networks nest or are disjoint, so an address is known by the narrowest one that holds it. Each address becomes a key, a
letter for its version and its number in hexadecimal digits, and finds the last network that begins at or before it:
one join in SQL, for millions of addresses of both versions.
"""

from collections.abc import Iterable
from ipaddress import collapse_addresses, ip_network

import pandas as pd

from flowkit.net import INTERNET, PRIVATE, Network, is_private, lies_in

#: What stands for the /24 around a private IPv4 address that lies in no known network.
NEARBY = "/24"

#: The key of `address` in SQL; null for what is no address. RFC 5952's `::` is written out as the zeros it stands for.
KEY = f"""CASE WHEN contains(address, ':') THEN '6' || array_to_string(list_transform(string_split(replace(lower(address),
    '::', ':' || repeat('0:', 8 - len(address) + len(replace(address, ':', '')))), ':'),
    lambda part: lpad(part, 4, '0')), '')
  ELSE '4' || format('{{:02x}}{{:02x}}{{:02x}}{{:02x}}', {
    ", ".join(f"try_cast(split_part(address, '.', {at}) AS UTINYINT)" for at in (1, 2, 3, 4))
}) END"""


def placed(addresses: str) -> str:
    """Return SQL for ``address`` and ``network`` (a CIDR, or ``internet``) of each row of the query `addresses`. It
    joins the frame ``bounds``, as `bounds` returns it."""
    nearby = "regexp_extract(address, '^[0-9]+[.][0-9]+[.][0-9]+') || '.0/24'"
    network = f"CASE b.network WHEN '{NEARBY}' THEN {nearby} ELSE coalesce(b.network, '{INTERNET}') END AS network"
    keys = f"SELECT address, {KEY} AS key FROM (SELECT address::VARCHAR AS address FROM ({addresses}))"
    return f"SELECT address, {network} FROM ({keys}) a ASOF LEFT JOIN bounds b ON a.key >= b.key"


def bounds(networks: Iterable[Network]) -> pd.DataFrame:
    """Return where each of `networks` and of the private blocks begins and ends: ``key``, and ``network``, which holds
    from there on (CIDR; `NEARBY`; null: none)."""
    named = {*networks}
    every = sorted({*named, *PRIVATE}, key=lambda one: one.prefixlen)  # the widest first: what is narrower covers it
    words = {one: NEARBY if one.version == 4 and one not in named else str(one) for one in every}
    found = {(4, 0): None, (6, 0): None}
    for one in every:
        around = (one.supernet(new_prefix=length) for length in range(one.prefixlen - 1, -1, -1))
        end = int(one.broadcast_address) + 1
        if end < 1 << one.max_prefixlen:
            found.setdefault((one.version, end), next((words[outer] for outer in around if outer in words), None))
        found[one.version, int(one.network_address)] = words[one]
    keys = [f"{version}{at:0{8 if version == 4 else 32}x}" for version, at in found]
    return pd.DataFrame({"key": keys, "network": found.values()}, dtype=object)


def read_networks(text: str | None) -> dict[Network, str]:
    """Return the networks named in `text`, such as ``office=203.0.113.0/24, office=198.51.100.7, lab=10.9.0.0/16``.
    Raises ValueError naming every part that is not ``name=CIDR``."""
    found, bad = {}, []
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        name, _, cidr = (word.strip() for word in part.partition("="))
        try:
            found[ip_network(cidr)] = name if name else bad.append(f"{part!r} has no name")
        except ValueError as error:
            bad.append(f"{part!r}: {error}")
    if bad:
        raise ValueError(f"named_networks must read name=CIDR,name=CIDR: {'; '.join(bad)}")
    return found


def subnet_names(snapshot) -> dict[Network, str]:
    """Return the networks of a snapshot's subnets by Name tag or id; of one CIDR in several VPCs all names."""
    found: dict[Network, list[str]] = {}
    for subnet in snapshot.subnets.values() if snapshot else ():
        for cidr in subnet.cidrs:
            found.setdefault(cidr, []).append(subnet.name or subnet.subnet_id)
    return {network: " or ".join(dict.fromkeys(names)) for network, names in found.items()}


def name_of(network: str, names: dict[Network, str]) -> str:
    """Return the name of a network of `placed`: that of the narrowest named network around it, its own CIDR where it
    is private, else ``internet``."""
    around = max((outer for outer in names if lies_in(network, [outer])), key=lambda one: one.prefixlen, default=None)
    return names.get(around) or (network if is_private(network) else INTERNET)


def text(network: Network) -> str:
    """Return one address without its prefix length, any other network as a CIDR."""
    return str(network.network_address if network.num_addresses == 1 else network)


def merged(addresses: Iterable[str]) -> list[Network]:
    """Return the fewest networks that hold `addresses` (or CIDRs) and nothing else, IPv4 first."""
    networks = {ip_network(address) for address in addresses}
    parts = ([one for one in networks if one.version == version] for version in (4, 6))
    return [network for part in parts for network in collapse_addresses(part)]


def enclosing_network(addresses: Iterable[str]) -> Network | None:
    """Return the smallest network that holds all `addresses`, if it is no larger than a /24 (IPv6: /64)."""
    found = [ip_network(address) for address in addresses]
    if not found or len({network.version for network in found}) > 1:
        return None
    block = found[0]
    while not all(network.subnet_of(block) for network in found):
        block = block.supernet()
    return block if block.prefixlen >= (24 if block.version == 4 else 64) else None
