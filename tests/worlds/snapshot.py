"""The networks of a world as the AWS CLI prints them (`aws ec2 describe-*`)."""

from math import inf

from worlds.rules import ANY4, ANY6, ICMP, ICMP6, PROTOCOLS, Group, PrefixList

NAMES = {number: name for name, number in PROTOCOLS.items()} | {-1: "-1"}


def snapshot(scene) -> dict:
    """File name -> object, of the rules and interfaces that there are at the end of the log."""
    alive = [i for i in scene.interfaces if i.until == inf]
    made = {
        "describe-network-interfaces.json": {"NetworkInterfaces": [_interface(i) for i in alive]},
        "describe-security-groups.json": {"SecurityGroups": [_group(g, scene.end) for g in scene.groups]},
        "describe-network-acls.json": {"NetworkAcls": [_acl(a, scene) for a in scene.acls]},
        "describe-subnets.json": {"Subnets": [_subnet(s) for s in scene.subnets]},
        "describe-instances.json": {
            "Reservations": [{"OwnerId": _owner(i), "Instances": [_instance(i)]} for i in alive if i.instance]
        },
        "describe-nat-gateways.json": {"NatGateways": [_nat_gateway(i) for i in alive if i.kind == "nat_gateway"]},
    }
    for listed in scene.lists:
        entries = [{"Cidr": cidr, "Description": listed.name} for cidr in listed.cidrs]
        made[f"get-managed-prefix-list-entries-{listed.id}.json"] = {"Entries": entries}
    return made


def _owner(interface) -> str:
    return interface.subnet.vpc.account


def _name(name: str) -> list:
    return [{"Key": "Name", "Value": name}]


def _interface(interface) -> dict:
    private = [{"PrivateIpAddress": a, "Primary": n == 0} for n, a in enumerate(interface.addresses)]
    if interface.public:
        private[0]["Association"] = {"PublicIp": interface.public, "IpOwnerId": _owner(interface)}
    return {
        "Attachment": {"InstanceId": interface.instance} if interface.instance else {},
        "Description": interface.description,
        "Groups": [{"GroupId": g.id, "GroupName": g.name} for g in interface.groups],
        "InterfaceType": "interface" if interface.kind == "alb" else interface.kind,
        "Ipv6Addresses": [{"Ipv6Address": six} for six in interface.six],
        "NetworkInterfaceId": interface.id,
        "OwnerId": _owner(interface),
        "PrivateIpAddress": interface.address,
        "PrivateIpAddresses": private,
        "SubnetId": interface.subnet.id,
        "TagSet": _name(interface.name) if interface.instance else [],
        "VpcId": interface.subnet.vpc.id,
    }


def _group(group, moment) -> dict:
    made = {"IpPermissions": [], "IpPermissionsEgress": []}
    for rule in (r for r in group.rules if r.since <= moment < r.until):
        permission = {"IpProtocol": NAMES[rule.protocol]}
        if rule.protocol in (ICMP, ICMP6):
            permission |= {"FromPort": rule.low, "ToPort": -1}
        elif rule.protocol != -1:
            permission |= {"FromPort": max(rule.low, 0), "ToPort": 65535 if rule.low == -1 else rule.high}
        permission |= {"UserIdGroupPairs": [], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
        if isinstance(rule.peer, Group):
            pair = {"UserId": rule.peer.vpc.account, "GroupId": rule.peer.id}
            if rule.peer.vpc is not group.vpc:
                pair |= {"VpcId": rule.peer.vpc.id, "PeeringStatus": "active"}
            permission["UserIdGroupPairs"].append(pair)
        elif isinstance(rule.peer, PrefixList):
            permission["PrefixListIds"].append({"PrefixListId": rule.peer.id})
        elif ":" in rule.peer:
            permission["Ipv6Ranges"].append({"CidrIpv6": rule.peer})
        else:
            permission["IpRanges"].append({"CidrIp": rule.peer})
        made["IpPermissionsEgress" if rule.egress else "IpPermissions"].append(permission)
    return made | {"GroupId": group.id, "GroupName": group.name, "VpcId": group.vpc.id, "OwnerId": group.vpc.account}


def _acl(acl, scene) -> dict:
    entries = []
    for entry in sorted(acl.entries, key=lambda e: (not e.egress, e.number)):
        if entry.since <= scene.end < entry.until:
            made = {"Egress": entry.egress, "RuleNumber": entry.number, "Protocol": str(entry.protocol)}
            made["RuleAction"] = "allow" if entry.allow else "deny"
            made["Ipv6CidrBlock" if ":" in entry.peer else "CidrBlock"] = entry.peer
            if entry.protocol in (ICMP, ICMP6):
                made["IcmpTypeCode"] = {"Type": entry.low, "Code": -1}
            elif entry.low != -1:
                made["PortRange"] = {"From": entry.low, "To": entry.high}
            entries.append(made)
    for egress in (True, False):
        for number, block, cidr in ((32767, "CidrBlock", ANY4), (32768, "Ipv6CidrBlock", ANY6)):
            last = {"Egress": egress, "RuleNumber": number, "Protocol": "-1", "RuleAction": "deny"}
            entries.append(last | {block: cidr})
    here = [{"NetworkAclId": acl.id, "SubnetId": s.id} for s in scene.subnets if s.acl is acl]
    return {"Associations": here, "Entries": entries, "NetworkAclId": acl.id, "VpcId": acl.vpc.id}


def _subnet(subnet) -> dict:
    six = [{"Ipv6CidrBlock": subnet.six, "Ipv6CidrBlockState": {"State": "associated"}}] if subnet.six else []
    made = {"CidrBlock": subnet.cidr, "Ipv6CidrBlockAssociationSet": six, "SubnetId": subnet.id}
    return made | {"AvailabilityZone": "eu-west-1a", "Tags": _name(subnet.name), "VpcId": subnet.vpc.id}


def _instance(interface) -> dict:
    return {"InstanceId": interface.instance, "SubnetId": interface.subnet.id, "Tags": _name(interface.name)}


def _nat_gateway(interface) -> dict:
    return {"NatGatewayId": interface.description.split()[-1], "SubnetId": interface.subnet.id}
