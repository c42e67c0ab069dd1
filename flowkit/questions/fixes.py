"""The smallest rule that would let rejected traffic pass, as AWS CLI commands and Terraform, and its replay.

Sources are never wider than what was seen; where that is a whole security group of the snapshot, the rule names the
group. Every word that comes from a log is an address that `ipaddress` has read or is quoted.

https://docs.aws.amazon.com/cli/latest/reference/ec2/authorize-security-group-ingress.html
https://docs.aws.amazon.com/cli/latest/reference/ec2/create-network-acl-entry.html
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/vpc_security_group_ingress_rule
"""

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import collapse_addresses, ip_address, ip_network

from flowkit.loading.network import LAST_RULES, Entry, Interface, Match, Rule, Snapshot
from flowkit.net import ADMIN_PORTS, EPHEMERAL, ICMP, Network, is_private, protocol_name
from flowkit.questions.rules import Verdict, evaluate

#: A network ACL takes 20 entries each way, so that a fix of more than a few is none.
ENTRIES = 8
#: What stands for an id that only a snapshot would know.
YOUR_GROUP, YOUR_ACL = "YOUR_SECURITY_GROUP", "YOUR_NETWORK_ACL"


@dataclass(frozen=True)
class TrafficToAllow:
    """Traffic to let pass: addresses of the far end, seen from the interface that rejects it.

    `ports`: the least and the greatest destination port, None for protocols without; `icmp`: type and code.
    """

    interface_id: str
    egress: bool
    far: tuple[str, ...]
    protocol: int
    ports: tuple[int, int] | None
    icmp: tuple[int, int] | None = None

    @property
    def match(self) -> Match:
        """What a rule for it has to match, and nothing else; of ICMP a type, with any code."""
        if self.protocol in ICMP:
            return Match(self.protocol, self.icmp[0] if self.icmp else None, None)
        return Match(self.protocol, *(self.ports or (None, None)))


@dataclass(frozen=True)
class Fix:
    """A rule to add: what to beware of, commands for the AWS CLI, the same for Terraform, what else would do; and the
    rules themselves, by the group or network ACL that they go into, for `replay`."""

    warnings: tuple[str, ...]
    commands: tuple[str, ...]
    terraform: str
    instead: tuple[str, ...] = ()
    rules: tuple[Rule | tuple[str, Entry], ...] = ()


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


def reply_ports(low: int, high: int) -> tuple[int, int]:
    """Return the ports that answers go to: clients draw them anew each time, so the whole range they draw from."""
    return (EPHEMERAL, 65535) if low >= EPHEMERAL else (1024, 65535)


def group_fix(wanted: TrafficToAllow, snapshot: Snapshot | None, owners: list[Interface | None] = ()) -> Fix:
    """Return a security group rule for `wanted`; `owners` are the interfaces of its far end, where all are known."""
    way = "egress" if wanted.egress else "ingress"
    group_id = _group_for(wanted, snapshot)
    reference = None if wanted.egress else _reference(wanted, snapshot)
    peers = [reference] if reference else merged(wanted.far)
    commands = [
        f"aws ec2 authorize-security-group-{way} --group-id {quoted(group_id)}"
        f" --ip-permissions {_permission(wanted.match, peers)}"
    ]
    if group_id == YOUR_GROUP:
        commands.insert(0, _lookup("NetworkInterfaces[].Groups[].GroupId", wanted))
    rules = tuple(
        Rule(group_id, wanted.egress, wanted.match, str(peer), (), frozenset(map(ip_address, wanted.far)))
        if isinstance(peer, str) else Rule(group_id, wanted.egress, wanted.match, str(peer), (peer,))
        for peer in peers
    )  # fmt: skip
    text = _terraform_group(wanted, group_id, peers, way)
    return Fix(_warnings(wanted), tuple(commands), text, _by_membership(wanted, group_id, snapshot, owners), rules)


def acl_fix(wanted: TrafficToAllow, verdict: Verdict | None, snapshot: Snapshot | None) -> Fix:
    """Return network ACL entries for `wanted`, numbered to be asked before the entry that denies it."""
    acl_id = verdict.acl_id if verdict and verdict.acl_id else YOUR_ACL
    networks, side = merged(wanted.far), "--egress" if wanted.egress else "--ingress"
    block = enclosing_network(wanted.far) if len(networks) > ENTRIES else None
    networks = [block] if block else networks[:ENTRIES]
    numbers = _free(snapshot, verdict, wanted.egress, len(networks)) if verdict and snapshot else None
    warnings = _warnings(wanted)
    if numbers is not None and len(numbers) < len(networks):
        warnings += (f"{one_line(acl_id)} has no free number before {verdict.entry.text}: move that entry first",)
    known = numbers is not None
    numbers = numbers or [
        f"FREE_NUMBER_{n}" if len(networks) > 1 else "FREE_NUMBER" for n in range(1, len(networks) + 1)
    ]
    pairs = list(zip(numbers, networks, strict=False))
    commands = [_entry(wanted, acl_id, side, number, network) for number, network in pairs]
    if acl_id == YOUR_ACL:
        commands.insert(0, _lookup("NetworkInterfaces[].SubnetId", wanted))
    text = "\n".join(_terraform_acl(wanted, acl_id, *pair) for pair in pairs)
    rules = [(acl_id, Entry(number, wanted.egress, True, wanted.match, network)) for number, network in pairs if known]
    count = 0 if block else len(merged(wanted.far))
    said = (f"Only the first {ENTRIES} of {count} networks are listed.",) if count > ENTRIES else ()
    return Fix(warnings, tuple(commands), text, said, tuple(rules))


def revocation(rule: Rule) -> str | None:
    """Return the command that removes a security group rule for CIDRs; None for a rule of other peers."""
    if not rule.networks or rule.peer != str(rule.networks[0]):
        return None
    way = "egress" if rule.egress else "ingress"
    permission = _permission(rule.match, list(rule.networks)).replace("IpProtocol=all", "IpProtocol=-1")
    return f"aws ec2 revoke-security-group-{way} --group-id {shlex.quote(rule.group_id)} --ip-permissions {permission}"


def replay(snapshot: Snapshot, fixes: Iterable[Fix], allow: list[tuple], refused: list[tuple]) -> list[str]:
    """Return what is wrong with `fixes`, tried on the rules: packets to let pass that still do not, and packets of
    others, rejected until now, that would pass. A packet is (interface, `Packet`, whether it is a reply)."""
    groups, acls = dict(snapshot.groups), dict(snapshot.acls)
    for rule in (rule for fix in fixes for rule in fix.rules):
        if isinstance(rule, Rule):
            group = groups[rule.group_id]
            groups[rule.group_id] = replace(group, rules=(*group.rules, rule))
        else:
            acl_id, entry = rule
            entries = sorted((*acls[acl_id].entries, entry), key=lambda one: one.number)
            acls[acl_id] = replace(acls[acl_id], entries=tuple(entries))
    after = replace(snapshot, groups=groups, acls=acls)
    still = [packet for eni, packet, reply in allow if not evaluate(after, eni, packet, reply).allowed]
    opened = [
        packet for eni, packet, reply in refused
        if not evaluate(snapshot, eni, packet, reply).allowed and evaluate(after, eni, packet, reply).allowed
    ]  # fmt: skip
    return [f"it does not let {one.text} pass" for one in still[:1]] + [
        f"it would let {one.text} pass too, which is rejected now" for one in opened[:1]
    ]


def _group_for(wanted: TrafficToAllow, snapshot: Snapshot | None) -> str:
    """Return the interface's group that already has most rules for this port, else its first one."""
    interface = snapshot.interfaces.get(wanted.interface_id) if snapshot else None
    known = [name for name in interface.group_ids if name in snapshot.groups] if interface else []
    if not known:
        return YOUR_GROUP

    def rules(group_id: str) -> int:
        every = snapshot.groups[group_id].rules
        return sum(rule.egress == wanted.egress and (rule.match.low, rule.match.high) == wanted.ports for rule in every)

    return max(known, key=rules)


def _reference(wanted: TrafficToAllow, snapshot: Snapshot | None) -> str | None:
    """Return a group whose members are exactly the rejected clients, several of them; None where there is none."""
    if snapshot is None or len(wanted.far) < 2:
        return None
    seen = {ip_address(address) for address in wanted.far}
    versions = {address.version for address in seen}
    for group_id in sorted(snapshot.groups):
        owners = [one for one in snapshot.interfaces.values() if group_id in one.group_ids]
        members = {ip_address(address) for one in owners for address in one.addresses}
        if seen == {address for address in members if address.version in versions}:
            return group_id
    return None


def _by_membership(wanted: TrafficToAllow, group_id: str, snapshot: Snapshot | None, owners: list) -> tuple[str, ...]:
    """Return how the clients would join the group that a rule lets in already."""
    if wanted.egress or not owners or None in owners or group_id == YOUR_GROUP:
        return ()
    for rule in snapshot.groups[group_id].rules:
        if not rule.egress and rule.match == wanted.match and rule.peer in snapshot.groups:
            joined = snapshot.groups[rule.peer]
            lines = [
                f"Its rule {one_line(rule.text)} ({one_line(joined.name)}) is there already. Instead, join that group:"
            ]
            for owner in owners[:ENTRIES]:
                names = " ".join(quoted(one) for one in (*owner.group_ids, rule.peer))
                eni = quoted(owner.interface_id)
                lines.append(
                    f"aws ec2 modify-network-interface-attribute --network-interface-id {eni} --groups {names}"
                )
            return tuple(lines)
    return ()


def quoted(text: str) -> str:
    """Return `text` as one word of a shell command on one line."""
    return shlex.quote(one_line(text))


def one_line(text: str) -> str:
    """Return `text` without what would begin a line of its own or steer a terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", str(text))


def _permission(match: Match, peers: list) -> str:
    low, high = match.low, match.high
    if match.protocol in ICMP:
        low, high = (-1 if number is None else number for number in (low, high))
    ports = "" if low is None else f",FromPort={low},ToPort={high}"
    kinds = {
        "IpRanges": [f"{{CidrIp={one}}}" for one in peers if getattr(one, "version", 0) == 4],
        "Ipv6Ranges": [f"{{CidrIpv6={one}}}" for one in peers if getattr(one, "version", 0) == 6],
        "UserIdGroupPairs": [f"{{GroupId={one}}}" for one in peers if isinstance(one, str)],
    }
    lists = "".join(f",{kind}=[{','.join(items)}]" for kind, items in kinds.items() if items)
    return quoted(f"IpProtocol={protocol_name(match.protocol)}{ports}{lists}")


def _icmp(match: Match) -> tuple[int, int]:
    return tuple(-1 if number is None else number for number in (match.low, match.high))


def _entry(wanted: TrafficToAllow, acl_id: str, side: str, number: int | str, network: Network) -> str:
    block = "--cidr-block" if network.version == 4 else "--ipv6-cidr-block"
    extra = ""
    if wanted.protocol in ICMP:
        extra = " --icmp-type-code Type={},Code={}".format(*_icmp(wanted.match))
    elif wanted.ports:
        extra = f" --port-range From={wanted.ports[0]},To={wanted.ports[1]}"
    return (
        f"aws ec2 create-network-acl-entry --network-acl-id {quoted(acl_id)} {side} --rule-number {number}"
        f" --protocol {wanted.protocol}{extra} {block} {network} --rule-action allow"
    )


def _lookup(what: str, wanted: TrafficToAllow) -> str:
    return (
        f"aws ec2 describe-network-interfaces --network-interface-ids {quoted(wanted.interface_id)}"
        f" --query {quoted(what)}"
    )


def _free(snapshot: Snapshot, verdict: Verdict, egress: bool, count: int) -> list[int]:
    """Return up to `count` free numbers that are asked before the denying entry, ascending."""
    used = {one.number for one in snapshot.acls[verdict.acl_id].entries if one.egress == egress}
    limit = verdict.entry.number if verdict.entry else LAST_RULES[0]
    if limit in LAST_RULES:
        start = max(used - set(LAST_RULES), default=0)
        return [number for number in range(start + 1, LAST_RULES[0]) if number not in used][:count]
    return sorted([number for number in range(limit - 1, 0, -1) if number not in used][:count])


def _warnings(wanted: TrafficToAllow) -> tuple[str, ...]:
    outside = [address for address in wanted.far if not is_private(address)]
    low, high = wanted.ports or (1, 0)
    admin = [f"{name} ({port})" for port, name in ADMIN_PORTS.items() if low <= port <= high]
    if wanted.egress or not outside or not admin or low < high:
        return ()
    return (f"This opens {admin[0]} to the internet ({outside[0]}): rather reach it through a VPN or Session Manager.",)


def _terraform_group(wanted: TrafficToAllow, group_id: str, peers: list, way: str) -> str:
    service = f"{protocol_name(wanted.protocol)}_{wanted.ports[0] if wanted.ports else 'any'}"
    name = f"flowkit_{group_id[-6:]}_{way}_{service}"
    ports = _icmp(wanted.match) if wanted.protocol in ICMP else wanted.ports
    blocks = []
    for number, peer in enumerate(peers, 1):
        key = "referenced_security_group_id" if isinstance(peer, str) else f"cidr_ipv{peer.version}"
        values = {"security_group_id": group_id, key: str(peer), "ip_protocol": protocol_name(wanted.protocol)}
        values |= dict(zip(("from_port", "to_port"), ports, strict=True)) if ports else {}
        label = name if len(peers) == 1 else f"{name}_{number}"
        blocks.append(_resource(f"aws_vpc_security_group_{way}_rule", label, values))
    return "\n".join(blocks)


def _terraform_acl(wanted: TrafficToAllow, acl_id: str, number: int | str, network: Network) -> str:
    values = {
        "network_acl_id": acl_id,
        "rule_number": number,
        "egress": wanted.egress,
        "protocol": str(wanted.protocol),
        "rule_action": "allow",
        "cidr_block" if network.version == 4 else "ipv6_cidr_block": str(network),
    }
    if wanted.protocol in ICMP:
        values |= dict(zip(("icmp_type", "icmp_code"), _icmp(wanted.match), strict=True))
    elif wanted.ports:
        values |= dict(zip(("from_port", "to_port"), wanted.ports, strict=True))
    way = "egress" if wanted.egress else "ingress"
    return _resource("aws_network_acl_rule", f"flowkit_{acl_id[-6:]}_{way}_{number}", values)


def _resource(kind: str, name: str, values: dict) -> str:
    """Return a Terraform resource; HCL writes strings, numbers and booleans as JSON does."""
    width = max(map(len, values))
    lines = [f"  {key:<{width}} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f'resource "{kind}" "{re.sub(r"[^A-Za-z0-9_]", "_", name)}" {{', *lines, "}"])
