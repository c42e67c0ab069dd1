"""One change of the rules in the words of the AWS CLI, read and made to a snapshot; nothing is executed.

https://docs.aws.amazon.com/cli/latest/reference/ec2/authorize-security-group-ingress.html, .../create-network-acl-entry.html
"""

import argparse
import re
import shlex
from dataclasses import replace

from flowkit.loading.network import LAST_RULES, Snapshot, acl_of, group_of, read_snapshot
from flowkit.questions.fixes import PEERS
from flowkit.questions.rules import members_of
from flowkit.words import one_line

GROUP = "--group-id --protocol --port --cidr --source-group --ip-permissions".split()
#: Options of network ACL entries, those first that name one.
ENTRY = "--network-acl-id --rule-number --ingress --egress".split()
ENTRY += "--protocol --rule-action --cidr-block --ipv6-cidr-block --port-range --icmp-type-code".split()
#: The verbs that are known, each with its options.
VERBS = {f"{verb}-security-group-{way}": GROUP for verb in ("authorize", "revoke") for way in ("ingress", "egress")}
VERBS |= {f"{verb}-network-acl-entry": ENTRY for verb in ("create", "replace")}
VERBS |= {"delete-network-acl-entry": ENTRY[:4]}
#: How a change begins; any other text is the folder of the changed rules.
COMMAND = re.compile(r"\s*(aws\s|(authorize|revoke|create|replace|delete)-\w)")
_MEMBER = r"(\w+)=(\[[^\[\]]*\]|[^,\[\]{}]+)(?:,|$)"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise ValueError(message)


def rules_after(snapshot: Snapshot, after) -> Snapshot:
    """Return the changed rules: `after` itself, or those of the folder `after`, or `snapshot` with the one change that
    the text says as the AWS CLI does: `revoke-security-group-ingress --group-id sg-0a --protocol tcp --port 22 --cidr ::/0`.

    Raises ValueError that says what is wrong.
    """
    if isinstance(after, Snapshot):
        return after
    if not COMMAND.match(str(after)):
        return read_snapshot(after)
    try:
        words = shlex.split(str(after))
        verb, *words = (words[2:] if words[:2] == ["aws", "ec2"] else words) or [""]
        parser = _Parser(add_help=False, allow_abbrev=False)
        for name in VERBS.get(verb) or parser.error(f"it must begin with one of {', '.join(VERBS)}"):
            parser.add_argument(name, dest=name, action="store_true" if name in ENTRY[2:4] else "store")
        given = {name: value for name, value in vars(parser.parse_args(words)).items() if value}
        return (_with_group if "group" in verb else _with_entry)(snapshot, verb, given)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"the change {one_line(after)[:300]!r} cannot be made: {one_line(what)[:300]}") from None


def _with_group(snapshot: Snapshot, verb: str, given: dict) -> Snapshot:
    group, revoke = snapshot.groups.get(given["--group-id"]), verb.startswith("revoke")
    if group is None:
        raise ValueError(f"the snapshot has no security group {given['--group-id']}")
    rules = [rule for one in snapshot.groups.values() for rule in one.rules]
    lists = {rule.peer: rule.networks for rule in rules if rule.known and rule.peer.startswith("pl-")}
    members = {name: members_of(snapshot, name) for name in snapshot.groups}
    key = "IpPermissionsEgress" if verb.endswith("-egress") else "IpPermissions"
    named = group_of({"GroupId": group.group_id, key: _permissions(given)}, lists, members).rules
    if not named:
        raise ValueError("it names no CIDR, group or prefix list")
    for rule in (rule for rule in named if revoke != (rule in group.rules)):
        has = "; ".join(one.text for one in group.rules if one.egress == rule.egress) or "none"
        word = "does not have" if revoke else "already has"
        raise ValueError(f"{group.group_id} {word} the rule {rule.text} (its rules: {has})")
    kept = tuple(rule for rule in group.rules if rule not in named)
    changed = replace(group, rules=kept if revoke else (*kept, *named))
    return replace(snapshot, groups=snapshot.groups | {group.group_id: changed})


def _permissions(given: dict) -> list[dict]:
    """Return the permissions, in the form of `describe-security-groups`, that `--ip-permissions` or the options name."""
    text = given.get("--ip-permissions")
    if text is None:
        protocol, cidr = given["--protocol"].replace("all", "-1"), given.get("--cidr")
        kind = "UserIdGroupPairs" if cidr is None else "Ipv6Ranges" if ":" in cidr else "IpRanges"
        low, high = (-1, -1) if protocol == "-1" else _numbers(given["--port"], r"(-1|\d+)(?:-(-1|\d+))?")
        peer = {PEERS[kind]: cidr or given["--source-group"]}
        return [{"IpProtocol": protocol, "FromPort": low, "ToPort": high, kind: [peer]}]
    if not re.fullmatch(f"(?:{_MEMBER})+", text):
        raise ValueError("--ip-permissions is not IpProtocol=…,FromPort=…,ToPort=…,IpRanges=[{CidrIp=…}]")
    pairs = dict(re.findall(_MEMBER, text))
    listed = {name: re.findall(r"\{([^{}]*)\}", value) for name, value in pairs.items() if name in PEERS}
    return [pairs | {name: [dict(re.findall(r"(\w+)=([^,]+)", one)) for one in each] for name, each in listed.items()}]


def _numbers(text: str, pattern: str) -> tuple[int, int]:
    """Return the two numbers of a range; of one alone it twice."""
    found = re.fullmatch(pattern, text.replace("all", "-1"))
    if found is None or max(map(int, filter(None, found.groups()))) > 65535:
        raise ValueError(f"{text} is no range")
    return int(found[1]), int(found[2] or found[1])


def _with_entry(snapshot: Snapshot, verb: str, given: dict) -> Snapshot:
    acl_id, number, egress = given["--network-acl-id"], int(given["--rule-number"]), "--egress" in given
    there = snapshot.acls.get(acl_id)
    if there is None:
        raise ValueError(f"the snapshot has no network ACL {acl_id}")
    if egress == ("--ingress" in given) or not 0 < number < LAST_RULES[0]:
        raise ValueError(f"it takes --ingress or --egress, and a rule number from 1 to {LAST_RULES[0] - 1}")
    kept = [one for one in there if (one.egress, one.number) != (egress, number)]
    if (len(kept) < len(there)) == verb.startswith("create"):
        word = "already has" if verb.startswith("create") else "does not have"
        raise ValueError(f"{acl_id} {word} {'outbound' if egress else 'inbound'} rule {number}")
    if not verb.startswith("delete"):
        block, protocol = given.get("--cidr-block") or given["--ipv6-cidr-block"], given["--protocol"]
        item = {"RuleNumber": number, "Egress": egress, "RuleAction": given["--rule-action"]}
        item |= {"Protocol": protocol.replace("all", "-1"), "Ipv6CidrBlock" if ":" in block else "CidrBlock": block}
        spans = (("--port-range", "PortRange", "From", "To"), ("--icmp-type-code", "IcmpTypeCode", "Type", "Code"))
        for option, member, *ends in (one for one in spans if one[0] in given):
            numbers = _numbers(given[option], r"{}=(-1|\d+),{}=(-1|\d+)".format(*ends))
            item[member] = dict(zip(ends, numbers, strict=True))
        kept += acl_of({"NetworkAclId": acl_id, "Entries": [item]})[1]
    return replace(snapshot, acls=snapshot.acls | {acl_id: tuple(sorted(kept, key=lambda one: one.number))})
