"""The rules snapshot: interfaces, subnets, security groups and network ACLs, as the AWS CLI prints them.

In: a folder of `aws ec2 describe-*` output. Out: a `Snapshot`, whose rules `flowkit.questions.rules` evaluates. A rule
without a number here means "any": protocol ``-1``, ICMP type ``-1``, no port range.

Formats: https://docs.aws.amazon.com/cli/latest/reference/ec2/describe-security-groups.html,
.../describe-network-acls.html, .../describe-network-interfaces.html
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import ip_address, ip_network
from pathlib import Path

from flowkit.net import ICMP, PROTOCOLS, Network, protocol_name

#: The numbers AWS gives the last rules (IPv4, IPv6) of every network ACL, which its console shows as `*`.
LAST_RULES = (32767, 32768)

#: Descriptions of AWS's own making that name no host: what is said of many interfaces alike, or by their kind alone.
#: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eni.html
UNHELPFUL = re.compile(r"(?i)^(primary network interface|rdsnetworkinterface|aws-k8s-.*|arn:.*|)$")
#: The name stands in the middle of `ELB app/shop/50dc6c495c0c9188`, at the end of `Interface for NAT Gateway nat-0123`.
LOAD_BALANCER = re.compile(r"^ELB (?:(?:app|net|gwy)/)?([^/]+)")
NAT_GATEWAY = re.compile(r"\b(nat-[0-9a-f]+)\b")

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
    """A subnet; no cidrs where describe-subnets.json is not there. `public`: its routes lead to an internet gateway
    (None: describe-route-tables.json is not there)."""

    subnet_id: str
    cidrs: tuple[Network, ...] = ()
    az: str | None = None
    name: str = ""
    acl_id: str | None = None
    public: bool | None = None


@dataclass(frozen=True)
class Interface:
    """A network interface; addresses are its private IPv4 (secondary ones and delegated prefixes too) and its IPv6
    ones, the primary first."""

    interface_id: str
    addresses: tuple[str, ...]
    public_addresses: tuple[str, ...]
    subnet_id: str
    vpc_id: str
    instance_id: str | None
    name: str
    interface_type: str
    group_ids: tuple[str, ...]
    account_id: str = ""


@dataclass(frozen=True)
class Snapshot:
    """Interfaces, subnets, groups and ACLs by their ids; `digest` changes with any byte of the snapshot's files."""

    interfaces: dict[str, Interface]
    subnets: dict[str, Subnet]
    groups: dict[str, Group]
    acls: dict[str, Acl]
    digest: str = field(default="", compare=False)

    @cached_property
    def _owners(self) -> dict[str, list[Interface]]:
        owners = defaultdict(list)
        for interface in self.interfaces.values():
            for address in interface.addresses:
                owners[address].append(interface)
        return dict(owners)

    def owner(self, address: str, vpc_id: str | None = None) -> Interface | None:
        """Return the interface that has the private `address`; where several VPCs use it, the one in `vpc_id`, None
        without."""
        found = self._owners.get(str(ip_address(address)), [])
        own = [interface for interface in found if interface.vpc_id == vpc_id]
        return own[0] if own else found[0] if len(found) == 1 else None

    def names(self) -> list[tuple[str, str]]:
        """Return address and name of every interface that has a name."""
        named = [one for one in self.interfaces.values() if one.name != one.interface_id]
        return sorted({address: one.name for one in named for address in one.addresses}.items())

    def label(self, interface_id: str | None) -> str:
        """Return the interface's name, or its id where it has none."""
        interface = self.interfaces.get(interface_id)
        return interface.name if interface else str(interface_id)

    def name_of(self, address: str, vpc_id: str | None = None) -> str | None:
        """Return the name of the host that has `address`, None where none is known."""
        owner = self.owner(address, vpc_id)
        return owner.name if owner and owner.name != owner.interface_id else None


def snapshot_of(source: str, network: str | Path | None) -> Snapshot | None:
    """Return the snapshot in the folder `network`; the sample's own for source "sample"; None without either."""
    if network is None and source == "sample":
        from flowkit.loading.sample import SAMPLE  # noqa: PLC0415  (only the sample needs it)

        network = SAMPLE / "network"
    return None if network is None else read_snapshot(network)


def read_snapshot(folder: str | Path) -> Snapshot:
    """Return the snapshot in `folder`: describe-network-interfaces.json, describe-security-groups.json and
    describe-network-acls.json; where there, describe-subnets.json, -instances.json, -route-tables.json,
    -nat-gateways.json and get-managed-prefix-list-entries-<id>.json.

    Raises ValueError that names the file, what is wrong with it and what to do.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give the one that `flowkit snapshot network` wrote")
    digest, prefix = hashlib.sha256(), "get-managed-prefix-list-entries-"

    def items(name: str, key: str, parse, required: bool = False) -> list:
        return _items(folder / f"{name}.json", key, parse, required, digest)

    lists = {
        path.stem.removeprefix(prefix): tuple(items(path.stem, "Entries", lambda item: ip_network(item["Cidr"])))
        for path in sorted(folder.glob(f"{prefix}*.json"))
    }
    hosts = dict(
        host
        for several in items("describe-instances", "Reservations", lambda item: [
            (one["InstanceId"], _tag(one)) for one in item.get("Instances", [])
        ])
        for host in several
    )  # fmt: skip
    gateways = dict(items("describe-nat-gateways", "NatGateways", lambda item: (item["NatGatewayId"], _tag(item))))
    interfaces = items("describe-network-interfaces", "NetworkInterfaces",
                       lambda item: _interface(item, hosts, gateways), True)  # fmt: skip
    members = defaultdict(set)
    for interface in interfaces:
        for group_id in interface.group_ids:
            members[group_id].update(map(ip_address, interface.addresses))
    raw = items("describe-security-groups", "SecurityGroups", lambda item: item["GroupId"] and item, True)
    for item in raw:
        members[item["GroupId"]].update(())
    groups = _parsed(raw, lambda item: _group(item, lists, members), folder / "describe-security-groups.json",
                     "SecurityGroups")  # fmt: skip
    acls, placed = [], {}
    for acl, subnet_ids in items("describe-network-acls", "NetworkAcls", _acl, True):
        acls.append(acl)
        placed |= dict.fromkeys(subnet_ids, acl.acl_id)
    subnets = {one.subnet_id: one for one in items("describe-subnets", "Subnets", _subnet)}
    public = _public(
        items("describe-route-tables", "RouteTables", _routes), {one.subnet_id: one.vpc_id for one in interfaces}
    )
    for subnet_id in sorted({*subnets, *placed, *(interface.subnet_id for interface in interfaces)}):
        subnet = subnets.get(subnet_id, Subnet(subnet_id, name=subnet_id))
        subnets[subnet_id] = replace(subnet, acl_id=placed.get(subnet_id), public=public.get(subnet_id))
    return Snapshot(
        interfaces={interface.interface_id: interface for interface in _told_apart(interfaces)},
        subnets=subnets,
        groups={group.group_id: group for group in groups},
        acls={acl.acl_id: acl for acl in acls},
        digest=digest.hexdigest(),
    )


def _items(path: Path, key: str, parse, required: bool, digest) -> list:
    """Return what `parse` makes of each item under `key` in the JSON file `path`, whose bytes go into `digest`."""
    try:
        content = path.read_bytes()
        digest.update(path.name.encode() + content)
        found = json.loads(content.decode("utf-8-sig"))[key]
    except FileNotFoundError:
        if not required:
            return []
        raise ValueError(f"{path} is missing: `flowkit snapshot network` writes it") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f'{path} is not `aws ec2` output with a list "{key}" ({error}): {REWRITE}') from None
    return _parsed(found if isinstance(found, list) else [found], parse, path, key)


def _parsed(items: list, parse, path: Path, key: str) -> list:
    found = []
    for number, item in enumerate(items, 1):
        try:
            found.append(parse(item))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{path}: item {number} of {key}: {what}: {REWRITE}") from None
    return found


def _tag(item: dict) -> str:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags") or item.get("TagSet") or []}.get("Name", "")


def _interface(item: dict, hosts: dict, gateways: dict) -> Interface:
    listed = item.get("PrivateIpAddresses", [])
    public = [entry.get("Association", {}).get("PublicIp") for entry in listed]
    found = [item.get("PrivateIpAddress"), *(entry["PrivateIpAddress"] for entry in listed)]
    found += [entry["Ipv6Address"] for entry in item.get("Ipv6Addresses", [])]
    # Pods have addresses of the prefixes (/28) that their node's interface was given.
    prefixes = [ip_network(entry["Ipv4Prefix"]) for entry in item.get("Ipv4Prefixes", [])]
    found += [str(address) for prefix in prefixes for address in prefix]
    identifier, instance = item["NetworkInterfaceId"], (item.get("Attachment") or {}).get("InstanceId")
    text = str(item.get("Description") or "").strip()
    balancer, gateway = LOAD_BALANCER.match(text), NAT_GATEWAY.search(text)
    described = "" if UNHELPFUL.match(text) else balancer[1] if balancer else text
    if gateway:
        described = f"NAT gateway {gateways.get(gateway[1]) or gateway[1]}"
    return Interface(
        interface_id=identifier,
        addresses=tuple(dict.fromkeys(str(ip_address(address)) for address in found if address)),
        public_addresses=tuple(address for address in public if address),
        subnet_id=item["SubnetId"],
        vpc_id=item["VpcId"],
        instance_id=instance,
        name=_tag(item) or hosts.get(instance) or described or identifier,
        interface_type=item.get("InterfaceType", "interface"),
        group_ids=tuple(group["GroupId"] for group in item.get("Groups", [])),
        account_id=item.get("OwnerId", ""),
    )


def _told_apart(interfaces: list[Interface]) -> list[Interface]:
    """Return the interfaces, those of one subnet that share a name (two of an instance) with the end of their id."""
    names = Counter((one.name, one.subnet_id) for one in interfaces)
    return [
        replace(one, name=f"{one.name} …{one.interface_id[-4:]}") if names[one.name, one.subnet_id] > 1 else one
        for one in interfaces
    ]


def _number(value) -> int | None:
    """Return a port, ICMP type or code; AWS writes "any" as -1 or leaves it out."""
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
    identifier, rules = item["GroupId"], []
    both = [(permission, False) for permission in item.get("IpPermissions", [])]
    both += [(permission, True) for permission in item.get("IpPermissionsEgress", [])]
    for permission, egress in both:
        match = _match(permission["IpProtocol"], permission.get("FromPort"), permission.get("ToPort"))
        about = (identifier, egress, match)
        for key, name in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
            networks = [ip_network(peer[name], strict=False) for peer in permission.get(key, [])]
            rules += [Rule(*about, str(network), (network,)) for network in networks]
        for name in (peer["PrefixListId"] for peer in permission.get("PrefixListIds", [])):
            rules.append(Rule(*about, name, lists.get(name, ()), known=name in lists))
        for name in (peer["GroupId"] for peer in permission.get("UserIdGroupPairs", [])):
            there = frozenset(members.get(name, ()))
            rules.append(Rule(*about, name, (), there, known=name in members))
    return Group(identifier, item.get("GroupName", identifier), item.get("VpcId", ""), tuple(rules))


def _acl(item: dict) -> tuple[Acl, list[str]]:
    """Return a network ACL and the ids of its subnets."""
    entries = sorted((_entry(entry) for entry in item["Entries"]), key=lambda entry: entry.number)
    subnets = [entry["SubnetId"] for entry in item.get("Associations", [])]
    return Acl(item["NetworkAclId"], item["VpcId"], tuple(entries)), subnets


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


def _subnet(item: dict) -> Subnet:
    six = [entry["Ipv6CidrBlock"] for entry in item.get("Ipv6CidrBlockAssociationSet", [])]
    cidrs = tuple(ip_network(cidr) for cidr in [item["CidrBlock"], *six])
    identifier = item["SubnetId"]
    return Subnet(identifier, cidrs, item.get("AvailabilityZone"), _tag(item) or identifier)


def _routes(item: dict) -> tuple[str, list[str | None], bool]:
    """Return a route table's VPC, its subnets (None: it is the main one), and whether it leads to the internet."""
    subnets = [None if one.get("Main") else one.get("SubnetId") for one in item.get("Associations", [])]
    return (item["VpcId"], subnets, any(str(one.get("GatewayId", "")).startswith("igw-") for one in item["Routes"]))


def _public(tables: list, vpcs: dict[str, str]) -> dict[str, bool]:
    """Return by subnet whether its routes lead to the internet; `vpcs` is by subnet."""
    main = {vpc: leads for vpc, subnets, leads in tables if None in subnets}
    own = {subnet: leads for _vpc, subnets, leads in tables for subnet in subnets if subnet}
    return {subnet: main[vpc] for subnet, vpc in vpcs.items() if vpc in main} | own
