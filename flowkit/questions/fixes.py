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
from ipaddress import ip_address, ip_network

from flowkit.loading.network import LAST_RULES, Entry, Match, Rule, Snapshot
from flowkit.net import ADMIN_PORTS, EPHEMERAL, ICMP, SERVICE_PORTS, SYSTEM_PORTS, is_private, protocol_name
from flowkit.questions.networks import enclosing_network, merged
from flowkit.questions.rules import Verdict, evaluate, members_of
from flowkit.words import without_controls

#: A network ACL takes 20 entries each way, so that a fix of more than a few is none.
ENTRIES = 8
#: Where the ports begin that privileged clients ask from, such as those of NFS.
RESERVED = 512
#: What stands for an id that only a snapshot would know.
YOUR_GROUP, YOUR_ACL = "YOUR_SECURITY_GROUP", "YOUR_NETWORK_ACL"
#: Kinds of peers of a security group rule, and the member that names one.
PEERS = {"IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6", "UserIdGroupPairs": "GroupId", "PrefixListIds": "PrefixListId"}


@dataclass(frozen=True)
class TrafficToAllow:
    """Traffic to let pass: addresses of the far end, seen from the interface that rejects it. `ports`: the least and
    the greatest destination port, None for protocols without; `icmp`: type and code."""

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

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to beware of: an admin port that public addresses would reach."""
        outside = [address for address in self.far if not is_private(address)]
        low, high = self.ports or (1, 0)
        admin = [f"{name} ({port})" for port, name in ADMIN_PORTS.items() if low <= port <= high]
        if self.egress or not outside or not admin or low < high:  # a range is that of clients, which answers go to
            return ()
        return (f"This opens {admin[0]} to {outside[0]}: a VPN or Session Manager is safer.",)

    def lookup(self, what: str) -> tuple[str]:
        """Return the command that looks up an id of the interface."""
        eni = quoted(self.interface_id)
        return (f"aws ec2 describe-network-interfaces --network-interface-ids {eni} --query {quoted(what)}",)


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
        made = []
        for acl_id, one in self.rules:
            verb, side = "create" if one.allow else "delete", "egress" if one.egress else "ingress"
            words = f"aws ec2 {verb}-network-acl-entry --network-acl-id {quoted(acl_id)} --{side} --rule-number {one.number}"
            if one.allow:
                words += f" --protocol {one.match.protocol}"
                if one.match.protocol in ICMP:
                    words += " --icmp-type-code Type={},Code={}".format(*_span(one.match))
                elif one.match.low is not None:
                    words += f" --port-range From={one.match.low},To={one.match.high}"
                block = "cidr-block" if one.network.version == 4 else "ipv6-cidr-block"
                words += f" --{block} {one.network} --rule-action allow"
            made.append(words)
        return (*self.lookup, *made)

    @property
    def terraform(self) -> str:
        """The same for Terraform."""
        blocks = []
        for count, rule in enumerate(self.rules, 1):
            acl_id, one = (None, rule) if isinstance(rule, Rule) else rule
            way, match, icmp = "egress" if one.egress else "ingress", one.match, one.match.protocol in ICMP
            ports = () if match.low is None else ("from_port", "to_port")
            if acl_id and not one.allow:
                where = f"aws_network_acl_rule of {without_controls(acl_id)}"
                blocks.append(f"# remove the {where}: {way} rule {one.number}")
                continue
            if acl_id:
                kind, name = "aws_network_acl_rule", f"{acl_id[-6:]}_{way}_{one.number}"
                ports = ("icmp_type", "icmp_code") if icmp else ports
                block = "cidr_block" if one.network.version == 4 else "ipv6_cidr_block"
                values = {"network_acl_id": acl_id, "rule_number": one.number, "egress": one.egress,
                          "protocol": str(match.protocol), "rule_action": "allow", block: str(one.network)}  # fmt: skip
            else:
                kind, port = f"aws_vpc_security_group_{way}_rule", "any" if icmp or match.low is None else match.low
                word = protocol_name(match.protocol)
                name = f"{one.group_id[-6:]}_{way}_{word}_{port}" + (f"_{count}" if len(self.rules) > 1 else "")
                named = "prefix_list_id" if one.peer.startswith("pl-") else "referenced_security_group_id"
                peer = f"cidr_ipv{one.networks[0].version}" if "/" in one.peer else named
                values = {"security_group_id": one.group_id, peer: one.peer, "ip_protocol": word}
            values |= dict(zip(ports, _span(match), strict=False))
            width, label = max(map(len, values)), re.sub(r"[^A-Za-z0-9_]", "_", f"flowkit_{name}")
            # HCL writes strings, numbers and booleans as JSON does.
            lines = [f"  {key:<{width}} = {json.dumps(value)}" for key, value in values.items()]
            blocks += [f'resource "{kind}" "{label}" {{', *lines, "}"]
        return "\n".join(blocks)


def reply_ports(low: int, high: int) -> tuple[int, int]:
    """Return the ports that answers go to: clients draw them anew each time, so the whole range they draw from; below
    1024 that of NFS and its like (512 to 1023), or the very port, as of NTP."""
    if high < SYSTEM_PORTS:
        fixed = low < RESERVED or (low == high and low in SERVICE_PORTS)
        return (low, high) if fixed else (RESERVED, SYSTEM_PORTS - 1)
    return (EPHEMERAL if low >= EPHEMERAL else min(low, SYSTEM_PORTS), 65535)


def group_fix(wanted: TrafficToAllow, snapshot: Snapshot | None) -> Fix:
    """Return a security group rule for `wanted`, whose peer is a group if its members are exactly the rejected clients,
    for the interface's group that has most rules for this port already, else for its first one."""
    interface = snapshot.interfaces.get(wanted.interface_id) if snapshot else None
    known = [name for name in interface.group_ids if name in snapshot.groups] if interface else []

    def similar(name: str) -> int:
        rules = snapshot.groups[name].rules
        return sum(one.egress == wanted.egress and (one.match.low, one.match.high) == wanted.ports for one in rules)

    about = (max(known, key=similar, default=YOUR_GROUP), wanted.egress, wanted.match)
    if name := None if wanted.egress else reference(wanted.far, snapshot):
        rules = [Rule(*about, name, (), frozenset(map(ip_address, wanted.far)))]
    else:
        rules = [Rule(*about, str(network), (network,)) for network in merged(wanted.far)]
    return Fix(tuple(rules), wanted.warnings, () if known else wanted.lookup("NetworkInterfaces[].Groups[].GroupId"))


def acl_fix(wanted: TrafficToAllow, verdict: Verdict | None, snapshot: Snapshot | None) -> Fix:
    """Return network ACL entries for `wanted`, numbered to be asked before the entry that denies it."""
    acl_id = verdict.acl_id if verdict and verdict.acl_id else YOUR_ACL
    networks, warnings, instead, numbers = merged(wanted.far), wanted.warnings, (), []
    answers = wanted.ports and wanted.ports[0] < wanted.ports[1] and not any(map(is_private, networks))
    if answers and len(networks) > ENTRIES:  # what no request came in for, a security group rejects all the same
        networks = [
            ip_network("::/0" if version == 6 else "0.0.0.0/0") for version in {one.version for one in networks}
        ]
    if len(networks) > ENTRIES:
        block = enclosing_network(wanted.far)
        instead = () if block else (f"Only the first {ENTRIES} of {len(networks)} networks are listed.",)
        networks = [block] if block else networks[:ENTRIES]
    if verdict and snapshot:
        used = {one.number for one in snapshot.acls[verdict.acl_id] if one.egress == wanted.egress}
        limit = verdict.entry.number if verdict.entry else LAST_RULES[0]
        free = range(limit - 1, 0, -1)
        if limit in LAST_RULES:  # the entry that denies is the last: after all others
            free = range(max(used - set(LAST_RULES), default=0) + 1, LAST_RULES[0])
        numbers = sorted([number for number in free if number not in used][: len(networks)])
        if len(numbers) < len(networks):
            before = f"before {verdict.entry.text}: move that entry first"
            warnings += (f"{without_controls(acl_id)} has no free number {before}",)
    if not numbers:
        numbers = [f"FREE_NUMBER_{n}" for n in range(1, len(networks) + 1)] if networks[1:] else ["FREE_NUMBER"]
    entries = (Entry(at, wanted.egress, True, wanted.match, one) for at, one in zip(numbers, networks, strict=False))
    lookup = wanted.lookup("NetworkInterfaces[].SubnetId") if acl_id == YOUR_ACL else ()
    return Fix(tuple((acl_id, entry) for entry in entries), warnings, lookup, instead)


def entry_fix(verdict: Verdict | None) -> Fix | None:
    """Return the deletion of the network ACL entry that denies, where somebody wrote it for one network, no larger than
    a /24 (IPv6: /64), and one protocol, and nothing else denies; else None."""
    if verdict is None or verdict.deny is None or verdict.groups_allow is False:
        return None
    entry = verdict.entry
    if enclosing_network([str(entry.network)]) is None or entry.match.protocol is None:
        return None
    narrow = f"Or narrow it: it denies {entry.match.text} {'to' if entry.egress else 'from'} {entry.network}."
    return Fix(((verdict.acl_id, entry),), instead=(narrow,))


def revocation(rule: Rule) -> str | None:
    """Return the command that removes a security group rule for CIDRs; None for a rule of other peers."""
    return group_command("revoke", [rule]) if rule.networks and rule.peer == str(rule.networks[0]) else None


def replay(snapshot: Snapshot, fixes: Iterable[Fix], allow: list[tuple], refused: list[tuple]) -> list[str]:
    """Return what is wrong with `fixes`, tried on the rules: packets to let pass that still do not, and packets of
    others, rejected until now, that would pass. A packet is (interface, `Packet`, whether it is a reply). A rule for a group
    that the snapshot lacks cannot be tried: nothing is said."""
    groups, acls, added = dict(snapshot.groups), dict(snapshot.acls), [rule for fix in fixes for rule in fix.rules]
    if any(isinstance(rule, Rule) and rule.group_id not in groups for rule in added):
        return []
    for rule in added:
        if isinstance(rule, Rule):
            group = groups[rule.group_id]
            groups[rule.group_id] = replace(group, rules=(*group.rules, rule))
        elif isinstance(rule[1].number, int):
            acl_id, entry = rule
            others = [one for one in acls[acl_id] if (one.egress, one.number) != (entry.egress, entry.number)]
            acls[acl_id] = tuple(sorted([*others, *([entry] if entry.allow else [])], key=lambda one: one.number))
    after = replace(snapshot, groups=groups, acls=acls)
    still = [one[1] for one in allow if not evaluate(after, *one).allowed]
    shut = (one for one in refused if not evaluate(snapshot, *one).allowed)
    opened = [one[1] for one in shut if evaluate(after, *one).allowed]
    said = [f"it does not let {one.text} pass" for one in still[:1]]
    return said + [f"it would let {one.text} pass too, which is rejected now" for one in opened[:1]]


def group_command(verb: str, rules: Iterable[Rule]) -> str:
    """Return the command that adds (`authorize`) or removes (`revoke`) security group `rules` that match the same."""
    rule, way = rules[0], "egress" if rules[0].egress else "ingress"
    words = [f"IpProtocol={-1 if rule.match.protocol is None else protocol_name(rule.match.protocol)}"]
    if rule.match.low is not None or rule.match.protocol in ICMP:
        words += ["FromPort={},ToPort={}".format(*_span(rule.match))]
    for kind, name in PEERS.items():
        peers = [one.peer for one in rules if _kind(one.peer) == kind]
        words += [f"{kind}=[{','.join(f'{{{name}={peer}}}' for peer in peers)}]"] if peers else []
    where = f"{verb}-security-group-{way} --group-id {quoted(rule.group_id)}"
    return f"aws ec2 {where} --ip-permissions {quoted(','.join(words))}"


def reference(far: Iterable[str], snapshot: Snapshot | None) -> str | None:
    """Return a group whose members are exactly the addresses `far`, several of them; None where there is none."""
    seen = {ip_network(address) for address in far}
    versions = {one.version for one in seen}
    for name in sorted(snapshot.groups) if snapshot and len(seen) > 1 else ():
        if seen == {ip_network(one) for one in members_of(snapshot, name) if one.version in versions}:
            return name
    return None


def quoted(text: str) -> str:
    """Return `text` as one word of a shell command on one line."""
    return shlex.quote(without_controls(text))


def _kind(peer: str) -> str:
    """Return under which name AWS lists a peer."""
    named = "PrefixListIds" if peer.startswith("pl-") else "UserIdGroupPairs"
    return named if "/" not in peer else "Ipv6Ranges" if ":" in peer else "IpRanges"


def _span(match: Match) -> tuple[int, int]:
    """Return ports, or ICMP type and code, as AWS writes them: -1 is any."""
    return tuple(-1 if number is None else number for number in (match.low, match.high))
