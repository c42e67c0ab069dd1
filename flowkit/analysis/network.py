"""The network snapshot: interfaces, subnets, security groups and network ACLs, as the AWS CLI prints them.

In: a folder of `aws ec2 describe-*` output. Out: a `Snapshot`, whose rules `flowkit.analysis.evaluate` judges
packets by. A rule without a number here means "any": protocol ``-1``, ICMP type ``-1``, no port range.

Formats: https://docs.aws.amazon.com/cli/latest/reference/ec2/describe-security-groups.html,
.../describe-network-acls.html, .../describe-network-interfaces.html
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

Network = IPv4Network | IPv6Network

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
ICMP = (1, 58)

#: The numbers AWS gives the last rules (IPv4, IPv6) of every network ACL, which its console shows as `*`.
LAST_RULES = (32767, 32768)


def protocol_name(protocol: int | None) -> str:
    """`tcp` for 6; the number as text where AWS has no name for it; `all` for None."""
    names = {number: name for name, number in PROTOCOLS.items()}
    return "all" if protocol is None else names.get(protocol, str(protocol))


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
    """One numbered network ACL rule."""

    number: int
    egress: bool
    allow: bool
    match: Match
    network: Network

    @property
    def text(self) -> str:
        """Such as `outbound rule 70 (deny tcp/1024-65535 to 198.51.100.128/25)`."""
        number = "*" if self.number in LAST_RULES else self.number
        way, side = ("outbound", "to") if self.egress else ("inbound", "from")
        action = "allow" if self.allow else "deny"
        return f"{way} rule {number} ({action} {self.match.text} {side} {self.network})"


@dataclass(frozen=True)
class Group:
    """A security group."""

    group_id: str
    name: str
    vpc_id: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Acl:
    """A network ACL; entries in the order AWS asks them."""

    acl_id: str
    vpc_id: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Subnet:
    """A subnet; no cidrs where describe-subnets.json is not there."""

    subnet_id: str
    cidrs: tuple[Network, ...]
    az: str | None
    name: str
    acl_id: str | None


@dataclass(frozen=True)
class Interface:
    """A network interface; addresses are its private IPv4 and its IPv6 ones, the primary first."""

    interface_id: str
    addresses: tuple[str, ...]
    public_addresses: tuple[str, ...]
    subnet_id: str
    vpc_id: str
    instance_id: str | None
    name: str
    interface_type: str
    group_ids: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """Interfaces, subnets, groups and ACLs by their ids."""

    interfaces: dict[str, Interface]
    subnets: dict[str, Subnet]
    groups: dict[str, Group]
    acls: dict[str, Acl]

    @cached_property
    def _owners(self) -> dict[str, list[Interface]]:
        owners = defaultdict(list)
        for interface in self.interfaces.values():
            for address in interface.addresses:
                owners[address].append(interface)
        return dict(owners)

    def owner(self, address: str, vpc_id: str | None = None) -> Interface | None:
        """The interface that holds the private `address`; the one in `vpc_id` where several VPCs use it."""
        found = self._owners.get(str(ip_address(address)), [])
        own = [interface for interface in found if interface.vpc_id == vpc_id]
        return (own or found or [None])[0]

    def label(self, interface_id: str | None) -> str:
        """The interface's name, or its id where it has none."""
        interface = self.interfaces.get(interface_id)
        return interface.name if interface else str(interface_id)


def snapshot_of(source: str, network: str | Path | None) -> Snapshot | None:
    """The snapshot in the folder `network`; the sample's own for source "sample"; None without either."""
    if network is not None:
        return read_snapshot(network)
    if source != "sample":
        return None
    from flowkit.loading.sample import SAMPLE  # noqa: PLC0415  (only the sample needs it)

    return read_snapshot(SAMPLE / "network")


def read_snapshot(folder: str | Path) -> Snapshot:
    """The snapshot in `folder`: describe-network-interfaces.json, describe-security-groups.json and
    describe-network-acls.json, and where there describe-subnets.json and
    get-managed-prefix-list-entries-<id>.json.

    Raises ValueError that names the file and what is wrong with it.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give the one that `flowkit snapshot` wrote")
    prefix = "get-managed-prefix-list-entries-"
    lists = {
        path.stem.removeprefix(prefix): tuple(_items(path, "Entries", lambda item: ip_network(item["Cidr"])))
        for path in sorted(folder.glob(f"{prefix}*.json"))
    }
    interfaces = _items(folder / "describe-network-interfaces.json", "NetworkInterfaces", _interface)
    members = defaultdict(set)
    for interface in interfaces:
        for group_id in interface.group_ids:
            members[group_id].update(map(ip_address, interface.addresses))
    path = folder / "describe-security-groups.json"
    for group_id in _items(path, "SecurityGroups", lambda item: item["GroupId"]):
        members[group_id].update(())
    groups = _items(path, "SecurityGroups", lambda item: _group(item, lists, members))
    acls = _items(folder / "describe-network-acls.json", "NetworkAcls", _acl)
    return Snapshot(
        interfaces={interface.interface_id: interface for interface in interfaces},
        subnets=_subnets(folder, interfaces),
        groups={group.group_id: group for group in groups},
        acls={acl.acl_id: acl for acl in acls},
    )


def _items(path: Path, key: str, parse) -> list:
    """What `parse` makes of each item of the list under `key` in the JSON file `path`."""
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig"))[key]
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: `flowkit snapshot` writes it") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is not `aws ec2` output with a list "{key}": {error}') from None
    found = []
    for number, item in enumerate(items, 1):
        try:
            found.append(parse(item))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{path}: item {number} of {key}: {what}") from None
    return found


def _tag(item: dict, default: str) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags") or item.get("TagSet") or []}
    return tags.get("Name") or default


def _interface(item: dict) -> Interface:
    private = [entry["PrivateIpAddress"] for entry in item.get("PrivateIpAddresses", [])]
    public = [entry.get("Association", {}).get("PublicIp") for entry in item.get("PrivateIpAddresses", [])]
    six = [entry["Ipv6Address"] for entry in item.get("Ipv6Addresses", [])]
    primary = [item["PrivateIpAddress"]] if item.get("PrivateIpAddress") else []
    addresses = dict.fromkeys(str(ip_address(address)) for address in primary + private + six)
    identifier = item["NetworkInterfaceId"]
    return Interface(
        interface_id=identifier,
        addresses=tuple(addresses),
        public_addresses=tuple(address for address in public if address),
        subnet_id=item["SubnetId"],
        vpc_id=item["VpcId"],
        instance_id=(item.get("Attachment") or {}).get("InstanceId"),
        name=_tag(item, item.get("Description") or identifier),
        interface_type=item.get("InterfaceType", "interface"),
        group_ids=tuple(group["GroupId"] for group in item.get("Groups", [])),
    )


def _number(value) -> int | None:
    """A port, ICMP type or code; AWS writes "any" as -1 or leaves it out."""
    return None if value is None or int(value) == -1 else int(value)


def _match(protocol: str, low, high) -> Match:
    number = PROTOCOLS.get(str(protocol).lower())
    number = _number(protocol) if number is None else number
    if number in ICMP:
        return Match(number, _number(low), _number(high))
    # AWS: for a protocol other than TCP, UDP and ICMP, all ports are meant, whatever the range says.
    ports = (_number(low), _number(high)) if number in (6, 17) else (None, None)
    return Match(number, *ports) if None not in ports else Match(number, None, None)


def _group(item: dict, lists: dict, members: dict) -> Group:
    identifier = item["GroupId"]

    def rules(permission: dict, egress: bool):
        match = _match(permission["IpProtocol"], permission.get("FromPort"), permission.get("ToPort"))
        for key, name in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
            for peer in permission.get(key, []):
                network = ip_network(peer[name], strict=False)
                yield Rule(identifier, egress, match, str(network), (network,))
        for peer in permission.get("PrefixListIds", []):
            name = peer["PrefixListId"]
            yield Rule(identifier, egress, match, name, lists.get(name, ()), known=name in lists)
        for peer in permission.get("UserIdGroupPairs", []):
            name, there = peer["GroupId"], members.get(peer["GroupId"], ())
            yield Rule(identifier, egress, match, name, (), frozenset(there), known=name in members)

    both = [(permission, False) for permission in item.get("IpPermissions", [])]
    both += [(permission, True) for permission in item.get("IpPermissionsEgress", [])]
    found = tuple(rule for permission, egress in both for rule in rules(permission, egress))
    return Group(identifier, item.get("GroupName", identifier), item.get("VpcId", ""), found)


def _acl(item: dict) -> Acl:
    entries = [_entry(entry) for entry in item["Entries"]]
    return Acl(item["NetworkAclId"], item["VpcId"], tuple(sorted(entries, key=lambda entry: entry.number)))


def _entry(item: dict) -> Entry:
    ports, icmp = item.get("PortRange") or {}, item.get("IcmpTypeCode") or {}
    low, high = (icmp.get("Type"), icmp.get("Code")) if icmp else (ports.get("From"), ports.get("To"))
    if item["RuleAction"] not in ("allow", "deny"):
        raise ValueError(f"rule {item['RuleNumber']}: RuleAction is {item['RuleAction']!r}")
    return Entry(
        number=int(item["RuleNumber"]),
        egress=bool(item["Egress"]),
        allow=item["RuleAction"] == "allow",
        match=_match(item["Protocol"], low, high),
        network=ip_network(item.get("CidrBlock") or item["Ipv6CidrBlock"], strict=False),
    )


def _subnets(folder: Path, interfaces: list[Interface]) -> dict[str, Subnet]:
    """Every subnet that any of the files names, with the ACL that is associated with it."""

    def association(item: dict) -> list[tuple[str, str]]:
        return [(entry["SubnetId"], item["NetworkAclId"]) for entry in item.get("Associations", [])]

    pairs = _items(folder / "describe-network-acls.json", "NetworkAcls", association)
    acl_of = dict(pair for several in pairs for pair in several)
    path, found = folder / "describe-subnets.json", {}
    for item in _items(path, "Subnets", dict) if path.exists() else []:
        six = [entry["Ipv6CidrBlock"] for entry in item.get("Ipv6CidrBlockAssociationSet", [])]
        cidrs = tuple(ip_network(cidr) for cidr in [item["CidrBlock"], *six])
        name = _tag(item, item["SubnetId"])
        found[item["SubnetId"]] = Subnet(
            item["SubnetId"], cidrs, item.get("AvailabilityZone"), name, acl_of.get(item["SubnetId"])
        )
    for subnet_id in sorted({*acl_of, *(interface.subnet_id for interface in interfaces)} - set(found)):
        found[subnet_id] = Subnet(subnet_id, (), None, subnet_id, acl_of.get(subnet_id))
    return found
