"""The rules snapshot: interfaces, subnets, security groups and network ACLs, as the AWS CLI prints them.

In: a folder of `aws ec2 describe-*` output. Out: a `Snapshot`, whose rules `flowkit.questions.rules` evaluates. A rule
without a number here means "any": protocol ``-1``, ICMP type ``-1``, no port range.
Formats: https://docs.aws.amazon.com/cli/latest/reference/ec2/ (describe-security-groups.html and the like)
"""

import hashlib
import itertools
import json
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from ipaddress import ip_address, ip_network
from pathlib import Path

from flowkit.loading.hostnames import named, tags_of
from flowkit.loading.sample import SAMPLE
from flowkit.net import ICMP, PROTOCOLS, TCP, UDP, Network, protocol_name

#: The numbers AWS gives the last rules (IPv4, IPv6) of every network ACL, which its console shows as `*`.
LAST_RULES = (32767, 32768)

REWRITE = "write it anew with `flowkit snapshot network`"


@dataclass(frozen=True)
class Match:
    """What both kinds of rule match on: a protocol, and ports (TCP, UDP) or an ICMP type and code."""

    protocol: int | None
    low: int | None
    high: int | None

    @property
    def text(self) -> str:
        """Such as `tcp/443`, `tcp/8000-8010`, `icmp type 8`, `all traffic`."""
        name = protocol_name(self.protocol)
        if self.protocol is None:
            return "all traffic"
        if self.low is None:
            return f"all {name}"
        if self.protocol in ICMP:
            return f"{name} type {self.low}" + ("" if self.high is None else f" code {self.high}")
        return f"{name}/{self.low}" if self.low == self.high else f"{name}/{self.low}-{self.high}"


@dataclass(frozen=True)
class Rule:
    """One security group rule for one peer; `peer` is the CIDR, prefix list or group as AWS names it.

    `networks` and `members` are the addresses behind the peer; `known`: whether the snapshot has them.
    """

    group_id: str
    egress: bool
    match: Match
    peer: str
    networks: tuple[Network, ...] = ()
    members: frozenset = frozenset()
    known: bool = True

    @property
    def text(self) -> str:
        """Such as `tcp/5432 from sg-0123`."""
        return f"{self.match.text} {'to' if self.egress else 'from'} {self.peer}"


@dataclass(frozen=True)
class Entry:
    """One numbered network ACL rule; of entries that say the same only the order counts, not the number."""

    number: int = field(compare=False)
    egress: bool
    allow: bool
    match: Match
    network: Network

    @property
    def text(self) -> str:
        """Such as `outbound rule 70 (deny tcp/1024-65535 to 198.51.100.128/25)`."""
        number, action = "*" if self.number in LAST_RULES else self.number, "allow" if self.allow else "deny"
        way, side = ("outbound", "to") if self.egress else ("inbound", "from")
        return f"{way} rule {number} ({action} {self.match.text} {side} {self.network})"


@dataclass(frozen=True)
class Group:
    """A security group."""

    group_id: str
    name: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Subnet:
    """A subnet; no cidrs where describe-subnets.json is not there."""

    subnet_id: str
    cidrs: tuple[Network, ...] = ()
    name: str = ""
    acl_id: str | None = None


@dataclass(frozen=True)
class Interface:
    """A network interface; `addresses`: private IPv4 (also secondary, delegated prefixes) and IPv6, the primary first."""

    interface_id: str
    addresses: tuple[str, ...]
    public_addresses: tuple[str, ...]
    subnet_id: str
    vpc_id: str
    instance_id: str | None
    name: str
    interface_type: str
    group_ids: tuple[str, ...]
    owner: str = ""


@dataclass(frozen=True)
class Snapshot:
    """Interfaces, subnets, groups and the entries of network ACLs (in the order in which AWS asks them) by their ids;
    `digest` changes with any byte of the snapshot's files."""

    interfaces: dict[str, Interface]
    subnets: dict[str, Subnet]
    groups: dict[str, Group]
    acls: dict[str, tuple[Entry, ...]]
    digest: str = field(default="", compare=False)

    @cached_property
    def _owners(self) -> dict[str, list[Interface]]:
        owners = defaultdict(list)
        for address, interface in ((each, one) for one in self.interfaces.values() for each in one.addresses):
            owners[address].append(interface)
        return owners

    def owner(self, address: str, vpc_id: str | None = None) -> Interface | None:
        """Return the interface that has the private `address`; where several VPCs use it, the one in `vpc_id`."""
        found = ()
        with suppress(ValueError):  # an engine's table may hold what is no address
            found = self._owners.get(str(ip_address(address)), ())
        return next((one for one in found if one.vpc_id == vpc_id), found[0] if len(found) == 1 else None)

    def names(self) -> list[tuple[str, str]]:
        """Return address and name of every interface that has a name."""
        named = [one for one in self.interfaces.values() if one.name != one.interface_id]
        return sorted({address: one.name for one in named for address in one.addresses}.items())

    def label(self, interface_id: str | None) -> str:
        """Return the interface's name, or its id where it has none."""
        return self.interfaces[interface_id].name if interface_id in self.interfaces else str(interface_id)


def snapshot_of(source: str, network: str | Path | None) -> Snapshot | None:
    """Return the snapshot in the folder `network`; the sample's own for source "sample"; None without either."""
    if network is None and source == "sample":
        network = SAMPLE / "network"
    return None if network is None else read_snapshot(network)


def read_snapshot(folder: str | Path) -> Snapshot:
    """Return the snapshot in `folder`: describe-network-interfaces.json, describe-security-groups.json and
    describe-network-acls.json; where there, describe-subnets.json, -instances.json, -nat-gateways.json and
    get-managed-prefix-list-entries-<id>.json.

    Raises ValueError that names the file, what is wrong with it and what to do.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give the one that `flowkit snapshot network` wrote")
    digest, prefix = hashlib.sha256(), "get-managed-prefix-list-entries-"
    items = partial(_items, folder, digest)
    lists = {
        path.stem.removeprefix(prefix): tuple(items(path.stem, "Entries", lambda item: ip_network(item["Cidr"])))
        for path in sorted(folder.glob(f"{prefix}*.json"))
    }
    hosts = items("describe-instances", "Reservations", lambda item: [
        (one["InstanceId"], tags_of(one)) for one in _list(item, "Instances")
    ])  # fmt: skip
    tags = dict(itertools.chain(*hosts))
    tags |= items("describe-nat-gateways", "NatGateways", lambda item: (item["NatGatewayId"], tags_of(item)))
    found = items("describe-network-interfaces", "NetworkInterfaces", partial(_interface, tags=tags), True)
    shared = Counter((one.name, one.subnet_id) for one in found)  # those of an instance get the end of their id
    ends = (f" …{one.interface_id[-4:]}" * (shared[one.name, one.subnet_id] > 1) for one in found)
    interfaces = [replace(one, name=one.name + end) for one, end in zip(found, ends, strict=True)]
    about = ("describe-security-groups", "SecurityGroups")
    members = {group_id: set() for group_id in items(*about, lambda item: item["GroupId"], True)}
    for interface, group_id in ((one, group_id) for one in interfaces for group_id in one.group_ids):
        members.setdefault(group_id, set()).update(map(ip_address, interface.addresses))
    groups = items(*about, partial(group_of, lists=lists, members=members), True)
    acls = items("describe-network-acls", "NetworkAcls", acl_of, True)
    placed = {subnet_id: acl_id for acl_id, _entries, subnet_ids in acls for subnet_id in subnet_ids}
    subnets = {one.subnet_id: one for one in items("describe-subnets", "Subnets", _subnet)}
    for subnet_id in sorted({*subnets, *placed, *(interface.subnet_id for interface in interfaces)}):
        subnet = subnets.get(subnet_id, Subnet(subnet_id, name=subnet_id))
        subnets[subnet_id] = replace(subnet, acl_id=placed.get(subnet_id))
    return Snapshot(
        {interface.interface_id: interface for interface in interfaces}, subnets,
        {group.group_id: group for group in groups}, {acl_id: entries for acl_id, entries, _subnet_ids in acls},
        digest.hexdigest(),
    )  # fmt: skip


def _items(folder: Path, digest, name: str, key: str, parse, required: bool = False) -> list:
    """Return what `parse` makes of each item under `key` in a JSON file of `folder`; its bytes go into `digest`."""
    path, found = folder / f"{name}.json", []
    try:
        content = path.read_bytes()
        digest.update(path.name.encode() + content)
        listed = json.loads(content.decode("utf-8-sig"))
        items = listed[key]
    except FileNotFoundError:
        if not required:
            return []
        raise ValueError(f"{path} is missing: `flowkit snapshot network` writes it") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f'{path} is not `aws ec2` output with a list "{key}" ({error}): {REWRITE}') from None
    if listed.get("NextToken"):
        raise ValueError(f"{path} is one page of many (it ends with a NextToken): {REWRITE}")
    try:
        for item in items if isinstance(items, list) else [items]:
            found.append(parse(item))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{path}: item {len(found) + 1} of {key}: {what}: {REWRITE}") from None
    return found


def _list(item: dict, key: str) -> list:
    """Return the list that an item has under `key`; none where AWS leaves it out or writes null."""
    return item.get(key) or []


def _interface(item: dict, tags: dict) -> Interface:
    listed = _list(item, "PrivateIpAddresses")
    public = [(entry.get("Association") or {}).get("PublicIp") for entry in listed]
    found = [item.get("PrivateIpAddress"), *(entry["PrivateIpAddress"] for entry in listed)]
    found += [entry["Ipv6Address"] for entry in _list(item, "Ipv6Addresses")]
    # Pods have addresses of the prefixes (/28) that their node's interface was given.
    found += [address for entry in _list(item, "Ipv4Prefixes") for address in ip_network(entry["Ipv4Prefix"])]
    identifier, instance = item["NetworkInterfaceId"], (item.get("Attachment") or {}).get("InstanceId")
    name, owner = named(item, tags)
    addresses = tuple(dict.fromkeys(str(ip_address(address)) for address in found if address))
    return Interface(
        identifier, addresses, tuple(filter(None, public)), item["SubnetId"], item["VpcId"], instance,
        name=name or identifier, interface_type=item.get("InterfaceType", "interface"),
        group_ids=tuple(group["GroupId"] for group in _list(item, "Groups")), owner=owner,
    )  # fmt: skip


def _match(protocol: str, low, high) -> Match:
    """Return a match; AWS writes "any" as -1 or leaves it out."""
    number = PROTOCOLS.get(str(protocol).lower(), protocol)
    number, low, high = (None if each is None or int(each) == -1 else int(each) for each in (number, low, high))
    # AWS: for a protocol other than TCP, UDP and ICMP, all ports are meant, whatever the range says.
    every = number not in ICMP and (number not in (TCP, UDP) or None in (low, high))
    return Match(number, None, None) if every else Match(number, low, high)


def group_of(item: dict, lists: dict, members: dict) -> Group:
    """Return the security group `item` of describe-security-groups; `lists`: prefix lists, `members`: addresses, by id."""
    identifier, rules = item["GroupId"], []
    ways = {"IpPermissions": False, "IpPermissionsEgress": True}
    for one, egress in ((one, egress) for key, egress in ways.items() for one in _list(item, key)):
        about = (identifier, egress, _match(one["IpProtocol"], one.get("FromPort"), one.get("ToPort")))
        for key, cidr in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
            networks = (ip_network(peer[cidr], strict=False) for peer in _list(one, key))
            rules += [Rule(*about, str(network), (network,)) for network in networks]
        for name in (peer["PrefixListId"] for peer in _list(one, "PrefixListIds")):
            rules.append(Rule(*about, name, lists.get(name, ()), known=name in lists))
        for name in (peer["GroupId"] for peer in _list(one, "UserIdGroupPairs")):
            rules.append(Rule(*about, name, (), frozenset(members.get(name, ())), known=name in members))
    return Group(identifier, item.get("GroupName", identifier), tuple(rules))


def acl_of(item: dict) -> tuple[str, tuple[Entry, ...], list[str]]:
    """Return a network ACL's id, its entries and the ids of its subnets."""
    entries = []
    for entry in item["Entries"]:
        ports, icmp = entry.get("PortRange") or {}, entry.get("IcmpTypeCode") or {}
        span = (icmp.get("Type"), icmp.get("Code")) if icmp else (ports.get("From"), ports.get("To"))
        number, action = entry["RuleNumber"], entry["RuleAction"]
        if action not in ("allow", "deny"):
            raise ValueError(f"rule {number}: RuleAction is {action!r}")
        network = ip_network(entry.get("CidrBlock") or entry["Ipv6CidrBlock"], strict=False)
        match = _match(entry["Protocol"], *span)
        entries.append(Entry(int(number), bool(entry["Egress"]), action == "allow", match, network))
    subnet_ids = [one["SubnetId"] for one in _list(item, "Associations")]
    return item["NetworkAclId"], tuple(sorted(entries, key=lambda one: one.number)), subnet_ids


def _subnet(item: dict) -> Subnet:
    four = filter(None, [item.get("CidrBlock")])  # a subnet may be of IPv6 alone
    six = [entry["Ipv6CidrBlock"] for entry in _list(item, "Ipv6CidrBlockAssociationSet")]
    return Subnet(item["SubnetId"], tuple(map(ip_network, [*four, *six])), tags_of(item)[0] or item["SubnetId"])
