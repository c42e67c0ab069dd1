"""AWS CLI commands that change rules, as a finding proposes them: read and applied.

https://docs.aws.amazon.com/cli/latest/reference/ec2/authorize-security-group-ingress.html
https://docs.aws.amazon.com/cli/latest/reference/ec2/create-network-acl-entry.html
"""

import re
import shlex

from worlds.rules import PROTOCOLS, TCP, UDP, Rule

VERBS = """authorize-security-group-ingress authorize-security-group-egress create-network-acl-entry
delete-network-acl-entry replace-network-acl-entry modify-managed-prefix-list modify-network-interface-attribute"""
CHANGES = rf"aws ec2 ((?:{'|'.join(VERBS.split())})\b.*)"
#: Idle timeouts of an interface's connection tracking, by their names in the AWS CLI.
TIMEOUTS = {"TcpEstablishedTimeout": TCP, "UdpTimeout": UDP}


def commands(text: str) -> list[str]:
    """The commands in `text` (a finding's action, say) that change rules."""
    return re.findall(CHANGES, text)


def apply(text: str, scene) -> int:
    """Change the scene's rules as the commands in `text` say, for all of its time; how many there were."""
    found = commands(text)
    for command in found:
        verb, *words = shlex.split(command)
        given = {one.partition(" ")[0]: one.partition(" ")[2] for one in " ".join(words).strip("-").split(" --")}
        if verb.startswith("authorize"):
            _authorize(given, verb.endswith("egress"), scene)
        elif verb == "modify-network-interface-attribute":
            interface = next(i for i in scene.interfaces if i.id == given["network-interface-id"])
            for name, seconds in re.findall(r"(\w+)=(\d+)", given["connection-tracking-specification"]):
                interface.timeouts[TIMEOUTS[name]] = int(seconds)
        elif verb.startswith("modify"):
            listed = next(one for one in scene.lists if one.id == given["prefix-list-id"])
            listed.cidrs += re.findall(r"Cidr=([^,\s]+)", given["add-entries"])
        else:
            _entry(verb, given, scene)
    return len(found)


def _authorize(given, egress, scene) -> None:
    """Add the rules of a permission in the CLI's shorthand, `IpProtocol=tcp,…,IpRanges=[{CidrIp=…},…]`."""
    group, text = next(g for g in scene.groups if g.id == given["group-id"]), given["ip-permissions"]
    permission = dict(re.findall(r"(\w+)=([^,\s\[]+)", text))
    protocol = PROTOCOLS.get(permission["IpProtocol"]) or int(permission["IpProtocol"])
    low, high = int(permission.get("FromPort", -1)), int(permission.get("ToPort", -1))
    known = {one.id: one for one in (*scene.groups, *scene.lists)}
    for name in re.findall(r"(?:CidrIp|CidrIpv6|GroupId|PrefixListId)=([\w.:/-]+)", text):
        group.rules.append(Rule(egress, protocol, low, max(low, high), known.get(name, name)))


def _entry(verb, given, scene) -> None:
    acl = next(a for a in scene.acls if a.id == given["network-acl-id"])
    egress, number = "egress" in given, int(given["rule-number"])
    if not verb.startswith("create"):
        acl.entries = [e for e in acl.entries if (e.egress, e.number) != (egress, number)]
    if verb.startswith("delete"):
        return
    ports = re.findall(r"-?\d+", given.get("port-range") or given.get("icmp-type-code") or "")
    low = int(ports[0]) if ports else -1
    high = int(ports[1]) if ports and "port-range" in given else low
    protocol = PROTOCOLS.get(given["protocol"]) or int(given["protocol"])
    cidr = given.get("cidr-block") or given["ipv6-cidr-block"]
    allow = given["rule-action"] == "allow"
    acl.entries.append(Rule(egress, protocol, low, high, cidr, number, allow))
