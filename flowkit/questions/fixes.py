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

from flowkit.loading.network import LAST_RULES, Entry, Match, Rule, Snapshot
from flowkit.net import ADMIN_PORTS, EPHEMERAL, ICMP, Network, is_private, protocol_name
from flowkit.questions.rules import Verdict, evaluate
from flowkit.words import without_controls

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
    """Rules to add to a security group, or to a network ACL, whose id stands beside each then, where an entry that denies
    is to be deleted; what to beware of, how to look up an id that is not known, and what else would do."""

    rules: tuple[Rule, ...] | tuple[tuple[str, Entry], ...]
    warnings: tuple[str, ...] = ()
    lookup: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()

    @property
    def commands(self) -> tuple[str, ...]:
        """Commands for the AWS CLI that add the rules."""
        if isinstance(self.rules[0], Rule):
            return (*self.lookup, group_command("authorize", self.rules))
        return (*self.lookup, *(_entry_command(*rule) for rule in self.rules))

    @property
    def terraform(self) -> str:
        """The same for Terraform."""
        blocks = []
        for count, rule in enumerate(self.rules, 1):
            acl_id, one = (None, rule) if isinstance(rule, Rule) else rule
            way, match, network = "egress" if one.egress else "ingress", one.match, _network(one)
            ports = () if match.low is None else ("from_port", "to_port")
            if acl_id and not one.allow:
                blocks.append(
                    f"# remove the aws_network_acl_rule of {without_controls(acl_id)}: {way} rule {one.number}"
                )
                continue
            if acl_id:
                kind, name = "aws_network_acl_rule", f"{acl_id[-6:]}_{way}_{one.number}"
                values = {"network_acl_id": acl_id, "rule_number": one.number, "egress": one.egress}
                values |= {"protocol": str(match.protocol), "rule_action": "allow"}
                values["cidr_block" if network.version == 4 else "ipv6_cidr_block"] = str(network)
                ports = ("icmp_type", "icmp_code") if match.protocol in ICMP else ports
            else:
                port = "any" if match.low is None or match.protocol in ICMP else match.low
                name = f"{one.group_id[-6:]}_{way}_{protocol_name(match.protocol)}_{port}"
                name += f"_{count}" if len(self.rules) > 1 else ""
                kind, key = f"aws_vpc_security_group_{way}_rule", "referenced_security_group_id"
                key = "prefix_list_id" if one.peer.startswith("pl-") else key
                key = f"cidr_ipv{network.version}" if network else key
                values = {
                    "security_group_id": one.group_id,
                    key: one.peer,
                    "ip_protocol": protocol_name(match.protocol),
                }
            values |= dict(zip(ports, _span(match), strict=False))
            width = max(map(len, values))
            # HCL writes strings, numbers and booleans as JSON does.
            lines = [f"  {key:<{width}} = {json.dumps(value)}" for key, value in values.items()]
            label = re.sub(r"[^A-Za-z0-9_]", "_", f"flowkit_{name}")
            blocks += [f'resource "{kind}" "{label}" {{', *lines, "}"]
        return "\n".join(blocks)


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


def group_fix(wanted: TrafficToAllow, snapshot: Snapshot | None) -> Fix:
    """Return a security group rule for `wanted`.

    It goes into the interface's group that has most rules for this port already, else into its first one.
    """
    interface = snapshot.interfaces.get(wanted.interface_id) if snapshot else None
    known = [name for name in interface.group_ids if name in snapshot.groups] if interface else []

    def similar(name: str) -> int:
        rules = snapshot.groups[name].rules
        return sum(one.egress == wanted.egress and (one.match.low, one.match.high) == wanted.ports for one in rules)

    group_id = max(known, key=similar, default=YOUR_GROUP)
    about = (group_id, wanted.egress, wanted.match)
    source = None if wanted.egress else reference(wanted.far, snapshot)
    if source:
        rules = (Rule(*about, source, (), frozenset(map(ip_address, wanted.far))),)
    else:
        rules = tuple(Rule(*about, str(network), (network,)) for network in merged(wanted.far))
    lookup = () if known else _lookup("NetworkInterfaces[].Groups[].GroupId", wanted)
    return Fix(rules, _warnings(wanted), lookup)


def acl_fix(wanted: TrafficToAllow, verdict: Verdict | None, snapshot: Snapshot | None) -> Fix:
    """Return network ACL entries for `wanted`, numbered to be asked before the entry that denies it."""
    acl_id = verdict.acl_id if verdict and verdict.acl_id else YOUR_ACL
    networks, warnings, instead = merged(wanted.far), _warnings(wanted), ()
    if len(networks) > ENTRIES:
        block = enclosing_network(wanted.far)
        instead = () if block else (f"Only the first {ENTRIES} of {len(networks)} networks are listed.",)
        networks = [block] if block else networks[:ENTRIES]
    numbers = _free(snapshot, verdict, wanted.egress)[: len(networks)] if verdict and snapshot else []
    if verdict and snapshot and len(numbers) < len(networks):
        warnings += (
            f"{without_controls(acl_id)} has no free number before {verdict.entry.text}: move that entry first",
        )
    if not numbers:
        numbers = [f"FREE_NUMBER_{n}" for n in range(1, len(networks) + 1)] if networks[1:] else ["FREE_NUMBER"]
    lookup = _lookup("NetworkInterfaces[].SubnetId", wanted) if acl_id == YOUR_ACL else ()
    rules = [
        (acl_id, Entry(number, wanted.egress, True, wanted.match, network))
        for number, network in zip(sorted(numbers), networks, strict=False)
    ]
    return Fix(tuple(rules), warnings, lookup, instead)


def entry_fix(verdict: Verdict | None) -> Fix | None:
    """Return the deletion of the network ACL entry that denies, where somebody wrote it for one network, no larger than
    a /24 (IPv6: /64), and nothing else denies; else None."""
    if verdict is None or verdict.deny is None or verdict.groups_allow is False:
        return None
    entry = verdict.entry
    if enclosing_network([str(entry.network)]) is None:
        return None
    narrow = f"Or narrow it: it denies {entry.match.text} {'to' if entry.egress else 'from'} {entry.network}."
    return Fix(((verdict.acl_id, entry),), instead=(narrow,))


def revocation(rule: Rule) -> str | None:
    """Return the command that removes a security group rule for CIDRs; None for a rule of other peers."""
    return group_command("revoke", [rule]) if rule.networks and rule.peer == str(rule.networks[0]) else None


def replay(snapshot: Snapshot, fixes: Iterable[Fix], allow: list[tuple], refused: list[tuple]) -> list[str]:
    """Return what is wrong with `fixes`, tried on the rules: packets to let pass that still do not, and packets of
    others, rejected until now, that would pass. A packet is (interface, `Packet`, whether it is a reply)."""
    groups, acls = dict(snapshot.groups), dict(snapshot.acls)
    for rule in (rule for fix in fixes for rule in fix.rules):
        if isinstance(rule, Rule):
            group = groups[rule.group_id]
            groups[rule.group_id] = replace(group, rules=(*group.rules, rule))
        elif isinstance(rule[1].number, int):
            others = [one for one in acls[rule[0]] if (one.egress, one.number) != (rule[1].egress, rule[1].number)]
            added = [rule[1]] if rule[1].allow else []
            acls[rule[0]] = tuple(sorted((*others, *added), key=lambda one: one.number))
    after = replace(snapshot, groups=groups, acls=acls)
    still = [packet for eni, packet, reply in allow if not evaluate(after, eni, packet, reply).allowed]
    opened = [
        packet for eni, packet, reply in refused
        if not evaluate(snapshot, eni, packet, reply).allowed and evaluate(after, eni, packet, reply).allowed
    ]  # fmt: skip
    return [f"it does not let {one.text} pass" for one in still[:1]] + [
        f"it would let {one.text} pass too, which is rejected now" for one in opened[:1]
    ]


def reference(far: Iterable[str], snapshot: Snapshot | None) -> str | None:
    """Return a group whose members are exactly the addresses `far`, several of them; None where there is none."""
    seen = {ip_network(address) for address in far}
    versions = {network.version for network in seen}
    for group_id in sorted(snapshot.groups) if snapshot and len(seen) > 1 else ():
        owners = [one for one in snapshot.interfaces.values() if group_id in one.group_ids]
        members = {ip_network(address) for one in owners for address in one.addresses}
        if seen == {network for network in members if network.version in versions}:
            return group_id
    return None


def quoted(text: str) -> str:
    """Return `text` as one word of a shell command on one line."""
    return shlex.quote(without_controls(text))


def _network(one: Rule | Entry) -> Network | None:
    """Return the network of a rule; None where its peer is a group or a prefix list."""
    return one.network if isinstance(one, Entry) else next(iter(one.networks), None) if "/" in one.peer else None


def _span(match: Match) -> tuple[int, int]:
    """Return ports, or ICMP type and code, as AWS writes them: -1 is any."""
    return tuple(-1 if number is None else number for number in (match.low, match.high))


def group_command(verb: str, rules: Iterable[Rule]) -> str:
    """Return the command that adds (`authorize`) or removes (`revoke`) security group `rules` that match the same."""
    rule, peers = rules[0], {"IpRanges": [], "Ipv6Ranges": [], "UserIdGroupPairs": [], "PrefixListIds": []}
    for one in rules:
        network = _network(one)
        listed = one.peer.startswith("pl-")
        kind, name = ("PrefixListIds", "PrefixListId") if listed else ("UserIdGroupPairs", "GroupId")
        kind, name = ("IpRanges", "CidrIp") if network else (kind, name)
        kind, name = ("Ipv6Ranges", "CidrIpv6") if network and network.version == 6 else (kind, name)
        peers[kind].append(f"{{{name}={one.peer}}}")
    protocol = -1 if rule.match.protocol is None else protocol_name(rule.match.protocol)
    words = [f"IpProtocol={protocol}"]
    if rule.match.low is not None or rule.match.protocol in ICMP:
        words += ["FromPort={},ToPort={}".format(*_span(rule.match))]
    words += [f"{kind}=[{','.join(some)}]" for kind, some in peers.items() if some]
    return (
        f"aws ec2 {verb}-security-group-{'egress' if rule.egress else 'ingress'} --group-id {quoted(rule.group_id)}"
        f" --ip-permissions {quoted(','.join(words))}"
    )


def _entry_command(acl_id: str, entry: Entry) -> str:
    side, block = (
        "--egress" if entry.egress else "--ingress",
        "--cidr-block" if entry.network.version == 4 else "--ipv6-cidr-block",
    )
    if not entry.allow:
        about = f"--network-acl-id {quoted(acl_id)} {side} --rule-number {entry.number}"
        return f"aws ec2 delete-network-acl-entry {about}"
    extra = ""
    if entry.match.protocol in ICMP:
        extra = " --icmp-type-code Type={},Code={}".format(*_span(entry.match))
    elif entry.match.low is not None:
        extra = f" --port-range From={entry.match.low},To={entry.match.high}"
    return (
        f"aws ec2 create-network-acl-entry --network-acl-id {quoted(acl_id)} {side} --rule-number {entry.number}"
        f" --protocol {entry.match.protocol}{extra} {block} {entry.network} --rule-action allow"
    )


def _lookup(what: str, wanted: TrafficToAllow) -> tuple[str]:
    eni = quoted(wanted.interface_id)
    return (f"aws ec2 describe-network-interfaces --network-interface-ids {eni} --query {quoted(what)}",)


def _free(snapshot: Snapshot, verdict: Verdict, egress: bool) -> list[int]:
    """Return free numbers that are asked before the denying entry: the next ones before it, or the next ones after all
    others where it is the last."""
    used = {one.number for one in snapshot.acls[verdict.acl_id] if one.egress == egress}
    limit = verdict.entry.number if verdict.entry else LAST_RULES[0]
    if limit in LAST_RULES:
        return sorted(set(range(max(used - set(LAST_RULES), default=0) + 1, LAST_RULES[0])) - used)
    return sorted(set(range(1, limit)) - used, reverse=True)


def _warnings(wanted: TrafficToAllow) -> tuple[str, ...]:
    outside = [address for address in wanted.far if not is_private(address)]
    low, high = wanted.ports or (1, 0)
    admin = [f"{name} ({port})" for port, name in ADMIN_PORTS.items() if low <= port <= high]
    if wanted.egress or not outside or not admin or low < high:
        return ()
    return (f"This opens {admin[0]} to the internet ({outside[0]}): rather reach it through a VPN or Session Manager.",)
