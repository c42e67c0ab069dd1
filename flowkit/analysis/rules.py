"""The smallest rule that would let refused traffic through, as AWS CLI commands and as Terraform.

Sources are never wider than what was seen; where that is a whole security group of the snapshot, the rule
names the group. Every word that comes from a log is an address that `ipaddress` has read or is quoted.

https://docs.aws.amazon.com/cli/latest/reference/ec2/authorize-security-group-ingress.html
https://docs.aws.amazon.com/cli/latest/reference/ec2/create-network-acl-entry.html
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/vpc_security_group_ingress_rule
"""

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_address, ip_network

from flowkit.analysis.evaluate import Verdict
from flowkit.analysis.network import ICMP, LAST_RULES, Network, Snapshot, protocol_name
from flowkit.analysis.refusals import EPHEMERAL, PRIVATE

#: Ports that administer a host; open to the internet they are found within minutes.
ADMIN = {22: "SSH", 23: "Telnet", 3389: "RDP", 5900: "VNC", 5985: "WinRM", 5986: "WinRM"}
#: A network ACL takes 20 entries each way, so that a fix of more than a few is none.
ENTRIES = 8
#: What stands for an id that only a snapshot would know.
YOUR_GROUP, YOUR_ACL = "YOUR_SECURITY_GROUP", "YOUR_NETWORK_ACL"


@dataclass(frozen=True)
class Wanted:
    """Traffic to let through: addresses of the far end, seen from the interface that refuses it.

    `ports`: the least and the greatest destination port, None for protocols without.
    """

    interface_id: str
    egress: bool
    far: tuple[str, ...]
    protocol: int
    ports: tuple[int, int] | None


@dataclass(frozen=True)
class Fix:
    """A rule to add: what to beware of, commands for the AWS CLI, the same for Terraform, what else would do."""

    warnings: tuple[str, ...]
    commands: tuple[str, ...]
    terraform: str
    instead: tuple[str, ...] = ()


def merged(addresses: Iterable[str]) -> list[Network]:
    """The fewest networks that hold `addresses` (or CIDRs) and nothing else, IPv4 first."""
    networks = {ip_network(address) for address in addresses}
    parts = ([one for one in networks if one.version == version] for version in (4, 6))
    return [network for part in parts for network in collapse_addresses(part)]


def around(addresses: Iterable[str]) -> Network | None:
    """The smallest network that holds all `addresses`, if it is no larger than a /24 (IPv6: /64)."""
    found = [ip_network(address) for address in addresses]
    if not found or len({network.version for network in found}) > 1:
        return None
    block = found[0]
    while not all(network.subnet_of(block) for network in found):
        block = block.supernet()
    return block if block.prefixlen >= (24 if block.version == 4 else 64) else None


def group_fix(wanted: Wanted, snapshot: Snapshot | None) -> Fix:
    """A security group rule for `wanted`."""
    way = "egress" if wanted.egress else "ingress"
    group_id = _group_for(wanted, snapshot)
    reference = None if wanted.egress else _reference(wanted, snapshot)
    peers = [reference] if reference else merged(wanted.far)
    permission = _permission(wanted, peers)
    commands = [
        f"aws ec2 authorize-security-group-{way} --group-id {shlex.quote(group_id)} --ip-permissions {permission}"
    ]
    if group_id == YOUR_GROUP:
        commands.insert(0, _lookup("NetworkInterfaces[].Groups[].GroupId", wanted))
    text = _terraform_group(wanted, group_id, peers, way)
    return Fix(_warnings(wanted), tuple(commands), text, _by_membership(wanted, group_id, snapshot))


def acl_fix(wanted: Wanted, verdict: Verdict | None, snapshot: Snapshot | None) -> Fix:
    """Network ACL entries for `wanted`, numbered to be asked before the entry that refuses it."""
    acl_id = verdict.acl_id if verdict and verdict.acl_id else YOUR_ACL
    networks, side = merged(wanted.far)[:ENTRIES], "--egress" if wanted.egress else "--ingress"
    numbers = _free(snapshot, verdict, wanted.egress, len(networks)) if verdict and snapshot else None
    warnings = _warnings(wanted)
    if numbers is not None and len(numbers) < len(networks):
        warnings += (f"{acl_id} has no free number before {verdict.entry.text}: move that entry first",)
    numbers = numbers or [
        f"FREE_NUMBER_{number}" if len(networks) > 1 else "FREE_NUMBER"
        for number in range(1, len(networks) + 1)
    ]
    commands = [
        _entry(wanted, acl_id, side, number, network)
        for number, network in zip(numbers, networks, strict=False)
    ]
    if acl_id == YOUR_ACL:
        commands.insert(0, _lookup("NetworkInterfaces[].SubnetId", wanted))
    text = "\n".join(_terraform_acl(wanted, acl_id, *pair) for pair in zip(numbers, networks, strict=False))
    return Fix(warnings, tuple(commands), text, _several(wanted, verdict, side))


def reply_ports(low: int, high: int) -> tuple[int, int]:
    """The ports that answers go to: clients draw them anew each time, so the whole range they draw from."""
    return (EPHEMERAL, 65535) if low >= EPHEMERAL else (1024, 65535)


def _group_for(wanted: Wanted, snapshot: Snapshot | None) -> str:
    """The interface's group that already has most to say of this port, else its first one."""
    interface = snapshot.interfaces.get(wanted.interface_id) if snapshot else None
    if interface is None or not interface.group_ids:
        return YOUR_GROUP

    def known(group_id: str) -> int:
        rules = snapshot.groups[group_id].rules if group_id in snapshot.groups else ()
        return sum(
            rule.egress == wanted.egress and (rule.match.low, rule.match.high) == wanted.ports
            for rule in rules
        )

    return max(interface.group_ids, key=known)


def _reference(wanted: Wanted, snapshot: Snapshot | None) -> str | None:
    """A group whose members are exactly the refused clients, several of them; None where there is none."""
    if snapshot is None or len(wanted.far) < 2:
        return None
    seen = {ip_address(address) for address in wanted.far}
    for group_id in sorted(snapshot.groups):
        owners = [one for one in snapshot.interfaces.values() if group_id in one.group_ids]
        held = {ip_address(address) for one in owners for address in one.addresses}
        if seen == {address for address in held if address.version in {one.version for one in seen}}:
            return group_id
    return None


def _by_membership(wanted: Wanted, group_id: str, snapshot: Snapshot | None) -> tuple[str, ...]:
    """How the snapshot's groups would do it: join the group that a rule lets in, or let in the clients' group."""
    owners = [snapshot.owner(address) for address in wanted.far] if snapshot else []
    if wanted.egress or not owners or None in owners or group_id not in snapshot.groups:
        return ()
    for rule in snapshot.groups[group_id].rules:
        ports = None if rule.match.low is None else (rule.match.low, rule.match.high)
        if (
            rule.egress
            or (rule.match.protocol, ports) != (wanted.protocol, wanted.ports)
            or rule.peer not in snapshot.groups
        ):
            continue
        lines = [
            f"Its rule {rule.text} ({snapshot.groups[rule.peer].name}) is there already. Instead, join that group:"
        ]
        for owner in owners[:ENTRIES]:
            groups = " ".join(shlex.quote(one) for one in (*owner.group_ids, rule.peer))
            eni = shlex.quote(owner.interface_id)
            lines.append(
                f"aws ec2 modify-network-interface-attribute --network-interface-id {eni} --groups {groups}"
            )
        return tuple(lines)
    common = sorted(set.intersection(*(set(owner.group_ids) for owner in owners)))
    if not common:
        return ()
    count = sum(common[0] in one.group_ids for one in snapshot.interfaces.values())
    return (
        f"Or let in all {count} interfaces of {common[0]} ({snapshot.groups[common[0]].name}):",
        f"aws ec2 authorize-security-group-ingress --group-id {shlex.quote(group_id)}"
        f" --ip-permissions {_permission(wanted, [common[0]])}",
    )


def _permission(wanted: Wanted, peers: list) -> str:
    low, high = (-1, -1) if wanted.protocol in ICMP else wanted.ports or (None, None)
    ports = "" if low is None else f",FromPort={low},ToPort={high}"
    kinds = {
        "IpRanges": [f"{{CidrIp={one}}}" for one in peers if getattr(one, "version", 0) == 4],
        "Ipv6Ranges": [f"{{CidrIpv6={one}}}" for one in peers if getattr(one, "version", 0) == 6],
        "UserIdGroupPairs": [f"{{GroupId={one}}}" for one in peers if isinstance(one, str)],
    }
    lists = "".join(f",{kind}=[{','.join(items)}]" for kind, items in kinds.items() if items)
    return shlex.quote(f"IpProtocol={protocol_name(wanted.protocol)}{ports}{lists}")


def _entry(wanted: Wanted, acl_id: str, side: str, number: int | str, network: Network) -> str:
    block = "--cidr-block" if network.version == 4 else "--ipv6-cidr-block"
    extra = ""
    if wanted.protocol in ICMP:
        extra = " --icmp-type-code Type=-1,Code=-1"
    elif wanted.ports:
        extra = f" --port-range From={wanted.ports[0]},To={wanted.ports[1]}"
    return (
        f"aws ec2 create-network-acl-entry --network-acl-id {shlex.quote(acl_id)} {side} --rule-number {number}"
        f" --protocol {wanted.protocol}{extra} {block} {network} --rule-action allow"
    )


def _lookup(what: str, wanted: Wanted) -> str:
    return (
        f"aws ec2 describe-network-interfaces --network-interface-ids {shlex.quote(wanted.interface_id)}"
        f" --query {shlex.quote(what)}"
    )


def _several(wanted: Wanted, verdict: Verdict | None, side: str) -> tuple[str, ...]:
    """What is shorter than an entry for each network, where they are many."""
    count, entry = len(merged(wanted.far)), verdict.entry if verdict else None
    said = (f"Only the first {ENTRIES} of {count} networks are listed.",) if count > ENTRIES else ()
    if count < 2 or entry is None or entry.number in LAST_RULES:
        return said
    return (
        *said,
        f"Rule {entry.number} refuses {entry.network} as a whole. If all of it may pass, remove that rule instead:",
        f"aws ec2 delete-network-acl-entry --network-acl-id {shlex.quote(verdict.acl_id)} {side}"
        f" --rule-number {entry.number}",
    )


def _free(snapshot: Snapshot, verdict: Verdict, egress: bool, count: int) -> list[int]:
    """Up to `count` free numbers that are asked before the refusing entry, ascending."""
    used = {one.number for one in snapshot.acls[verdict.acl_id].entries if one.egress == egress}
    limit = verdict.entry.number if verdict.entry else LAST_RULES[0]
    if limit in LAST_RULES:
        start = max(used - set(LAST_RULES), default=0)
        return [number for number in range(start + 1, LAST_RULES[0]) if number not in used][:count]
    return sorted([number for number in range(limit - 1, 0, -1) if number not in used][:count])


def _warnings(wanted: Wanted) -> tuple[str, ...]:
    outside = [address for address in wanted.far if not re.search(PRIVATE, address)]
    low, high = wanted.ports or (1, 0)
    admin = [f"{name} ({port})" for port, name in ADMIN.items() if low <= port <= high]
    if wanted.egress or not outside or not admin or low < high:
        return ()
    return (
        f"This opens {admin[0]} to the internet ({outside[0]}): rather reach it through a VPN or Session Manager.",
    )


def _terraform_group(wanted: Wanted, group_id: str, peers: list, way: str) -> str:
    service = f"{protocol_name(wanted.protocol)}_{wanted.ports[0] if wanted.ports else 'any'}"
    name = f"flowkit_{group_id[-6:]}_{way}_{service}"
    ports = (-1, -1) if wanted.protocol in ICMP else wanted.ports
    blocks = []
    for number, peer in enumerate(peers, 1):
        key = "referenced_security_group_id" if isinstance(peer, str) else f"cidr_ipv{peer.version}"
        values = {
            "security_group_id": group_id,
            key: str(peer),
            "ip_protocol": protocol_name(wanted.protocol),
        }
        values |= dict(zip(("from_port", "to_port"), ports, strict=True)) if ports else {}
        label = name if len(peers) == 1 else f"{name}_{number}"
        blocks.append(_resource(f"aws_vpc_security_group_{way}_rule", label, values))
    return "\n".join(blocks)


def _terraform_acl(wanted: Wanted, acl_id: str, number: int | str, network: Network) -> str:
    values = {
        "network_acl_id": acl_id,
        "rule_number": number,
        "egress": wanted.egress,
        "protocol": str(wanted.protocol),
        "rule_action": "allow",
        "cidr_block" if network.version == 4 else "ipv6_cidr_block": str(network),
    }
    if wanted.protocol in ICMP:
        values |= {"icmp_type": -1, "icmp_code": -1}
    elif wanted.ports:
        values |= dict(zip(("from_port", "to_port"), wanted.ports, strict=True))
    way = "egress" if wanted.egress else "ingress"
    return _resource("aws_network_acl_rule", f"flowkit_{acl_id[-6:]}_{way}_{number}", values)


def _resource(kind: str, name: str, values: dict) -> str:
    """A Terraform resource; HCL writes strings, numbers and booleans as JSON does."""
    width = max(map(len, values))
    lines = [f"  {key:<{width}} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f'resource "{kind}" "{re.sub(r"[^A-Za-z0-9_]", "_", name)}" {{', *lines, "}"])
