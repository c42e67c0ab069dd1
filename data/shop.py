"""The shop's VPC: interfaces, subnets, security groups, network ACLs, as `aws ec2 describe-*` prints them."""

from dataclasses import dataclass, field
from ipaddress import ip_network

ACCOUNT = "012345678901"
REGION = "eu-west-1"
ZONES = {"a": ("eu-west-1a", "euw1-az1"), "b": ("eu-west-1b", "euw1-az2")}
#: Amazon S3 in eu-west-1, and its AWS-managed prefix list.
S3_CIDRS = ("52.218.0.0/17", "3.5.64.0/21")
S3_PREFIX_LIST = "pl-6da54004"
#: Ids of an Elastic IP address and of its association with an interface.
ELASTIC = {"AllocationId": "eipalloc", "AssociationId": "eipassoc"}
ANY4, ANY6 = "0.0.0.0/0", "::/0"
PROTOCOLS = {"icmp": "1", "tcp": "6", "udp": "17", "all": "-1"}


@dataclass
class Interface:
    """One network interface; `name` is its Name tag, `groups` the names of its security groups."""

    name: str
    id: str
    tier: str
    zone: str
    address: str
    groups: tuple
    instance: str | None = None
    address6: str | None = None
    public: str | None = None
    kind: str = "interface"
    description: str = ""


@dataclass
class Shop:
    """The VPC; incidents change `groups`, `acls` and `interfaces` before the snapshot is printed."""

    rng: object
    vpc: str = ""
    flow_log: str = ""
    second: int = 10
    interfaces: dict = field(default_factory=dict)
    subnets: dict = field(default_factory=dict)
    groups: dict = field(default_factory=dict)
    acls: dict = field(default_factory=dict)
    places: dict = field(default_factory=dict)
    office_list: str = ""
    fronts: tuple = ()  # the load balancer's nodes: one without refusals, one with

    def new_id(self, prefix: str) -> str:
        """An AWS id: `prefix` and 17 hexadecimal digits."""
        return f"{prefix}-0" + "".join("0123456789abcdef"[d] for d in self.rng.integers(0, 16, 16))

    @property
    def cidr(self) -> str:
        """The VPC's IPv4 block."""
        return f"10.{self.second}.0.0/16"

    def tier_cidr(self, tier: str) -> str:
        """The /23 that holds both subnets of a tier."""
        return f"10.{self.second}.{ {'public': 0, 'app': 10, 'database': 20}[tier] }.0/23"

    def permit(self, group: str, protocol: str, ports, egress=False, **source) -> None:
        """Add a rule to a security group; source: cidr=, cidr6=, from_group= or prefix_list=."""
        key = "IpPermissionsEgress" if egress else "IpPermissions"
        low, high = ports if isinstance(ports, tuple) else (ports, ports)
        head = {"IpProtocol": "-1" if protocol == "all" else protocol}
        if protocol != "all":
            head |= {"FromPort": low, "ToPort": high}
        for rule in self.groups[group][key]:
            if all(rule.get(name) == head.get(name) for name in ("IpProtocol", "FromPort", "ToPort")):
                break
        else:
            rule = head | {"UserIdGroupPairs": [], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
            self.groups[group][key].append(rule)
        for kind, value in source.items():
            if kind == "from_group":
                pair = {"UserId": ACCOUNT, "GroupId": self.groups[value]["GroupId"]}
                rule["UserIdGroupPairs"].append(pair)
            else:
                place, name = {
                    "cidr": ("IpRanges", "CidrIp"),
                    "cidr6": ("Ipv6Ranges", "CidrIpv6"),
                    "prefix_list": ("PrefixListIds", "PrefixListId"),
                }[kind]
                rule[place].append({name: value})

    def entry(self, tier: str, number: int, cidr: str, protocol: str, ports=None, egress=False, deny=False):
        """Set (or replace) one numbered entry of a tier's network ACL; the entry."""
        entries = self.acls[tier]["Entries"]
        entries[:] = [e for e in entries if (e["RuleNumber"], e["Egress"]) != (number, egress)]
        block = "Ipv6CidrBlock" if ":" in cidr else "CidrBlock"
        made = {block: cidr, "Egress": egress, "Protocol": PROTOCOLS[protocol]}
        made |= {"RuleAction": "deny" if deny else "allow", "RuleNumber": number}
        if protocol == "icmp":
            made["IcmpTypeCode"] = {"Code": -1, "Type": -1}
        if ports:
            made["PortRange"] = {"From": ports[0], "To": ports[-1]}
        entries.append(made)
        entries.sort(key=lambda e: (not e["Egress"], e["RuleNumber"]))
        return made

    def owner_of(self) -> dict:
        """Private address -> interface name, IPv4 and IPv6."""
        pairs = [(i.address, i.name) for i in self.interfaces.values()]
        return dict(pairs + [(i.address6, i.name) for i in self.interfaces.values() if i.address6])

    def subnet_of(self, name: str) -> dict:
        """The subnet (as AWS describes it) of the interface called `name`."""
        interface = self.interfaces[name]
        return self.subnets[interface.tier, interface.zone]


def build(rng) -> Shop:
    """A shop without incidents; addresses and ids depend on `rng`."""
    shop = Shop(rng, second=int(rng.integers(10, 60)))
    shop.vpc, shop.flow_log, shop.office_list = (shop.new_id(p) for p in ("vpc", "fl", "pl"))
    low = int(rng.integers(0, 12)) * 16
    shop.places = {
        "office": f"203.0.113.{low}/28",
        "provider": f"192.0.2.{int(rng.integers(0, 8)) * 16}/28",
        "clients": f"198.51.100.{128 + 32 * int(rng.integers(0, 4))}/27",
        "partner": f"198.51.100.{16 * int(rng.integers(0, 8))}/28",
        "carrier": f"203.0.113.{192 + 32 * int(rng.integers(0, 2))}/27",
        "mirror": f"192.0.2.{128 + 16 * int(rng.integers(0, 8))}/28",
        "clock": f"198.51.100.{251 + int(rng.integers(0, 3))}",
    }
    shop.fronts = tuple(str(name) for name in rng.permutation(["lb-a", "lb-b"]))
    _subnets(shop)
    _groups(shop)
    _interfaces(shop)
    _acls(shop)
    return shop


def _subnets(shop: Shop) -> None:
    for tier in ("public", "app", "database"):
        base = int(shop.tier_cidr(tier).split(".")[2])
        for offset, zone in enumerate(ZONES):
            name, zone_id = ZONES[zone]
            subnet = shop.new_id("subnet")
            blocks = []
            if tier == "public":
                blocks = [
                    {
                        "AssociationId": shop.new_id("subnet-cidr-assoc"),
                        "Ipv6CidrBlock": f"2001:db8:{shop.second:x}:a{offset}::/64",
                        "Ipv6CidrBlockState": {"State": "associated"},
                    }
                ]
            shop.subnets[tier, zone] = {
                "AvailabilityZone": name,
                "AvailabilityZoneId": zone_id,
                "AvailableIpAddressCount": 248,
                "CidrBlock": f"10.{shop.second}.{base + offset}.0/24",
                "DefaultForAz": False,
                "MapPublicIpOnLaunch": False,
                "State": "available",
                "SubnetId": subnet,
                "VpcId": shop.vpc,
                "OwnerId": ACCOUNT,
                "AssignIpv6AddressOnCreation": tier == "public",
                "Ipv6CidrBlockAssociationSet": blocks,
                "Tags": [{"Key": "Name", "Value": f"shop-{tier}-{zone}"}],
                "SubnetArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/{subnet}",
            }


def _groups(shop: Shop) -> None:
    for name, text in (
        ("load-balancer", "shop front, from the internet"),
        ("web", "web servers"),
        ("app", "application servers"),
        ("cache-client", "may use the cache on the database hosts"),
        ("database", "database hosts"),
        ("bastion", "SSH from the office"),
    ):
        group = shop.new_id("sg")
        shop.groups[name] = {
            "GroupId": group,
            "IpPermissionsEgress": [],
            "Tags": [{"Key": "Name", "Value": f"shop-{name}"}],
            "VpcId": shop.vpc,
            "SecurityGroupArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group}",
            "OwnerId": ACCOUNT,
            "GroupName": f"shop-{name}",
            "Description": text,
            "IpPermissions": [],
        }
        if name not in ("cache-client", "database"):
            shop.permit(name, "all", 0, egress=True, cidr=ANY4, cidr6=ANY6)
    for port in (80, 443):
        shop.permit("load-balancer", "tcp", port, cidr=ANY4, cidr6=ANY6)
    shop.permit("web", "tcp", 8080, from_group="load-balancer")
    shop.permit("app", "tcp", 9000, from_group="web")
    for name in ("web", "app"):
        shop.permit(name, "tcp", 22, from_group="bastion")
        shop.permit(name, "icmp", (-1, -1), from_group="bastion")
    shop.permit("database", "tcp", 5432, from_group="app")
    shop.permit("database", "tcp", 5432, from_group="database")
    shop.permit("database", "tcp", 5432, egress=True, from_group="database")
    shop.permit("database", "tcp", 443, egress=True, prefix_list=S3_PREFIX_LIST)
    shop.permit("bastion", "tcp", 22, prefix_list=shop.office_list)
    shop.permit("bastion", "icmp", (8, -1), prefix_list=shop.office_list)


def _interfaces(shop: Shop) -> None:
    listed = (
        ("lb-a", "public", "a", ("load-balancer",)),
        ("lb-b", "public", "b", ("load-balancer",)),
        ("web-1", "app", "a", ("web",)),
        ("web-2", "app", "b", ("web",)),
        ("app-1", "app", "a", ("app",)),
        ("app-2", "app", "b", ("app",)),
        ("db-1", "database", "a", ("database",)),
        ("db-2", "database", "b", ("database",)),
        ("bastion", "public", "a", ("bastion",)),
        ("nat", "public", "b", ()),
        ("standby", "app", "b", ("app",)),
    )
    hosts = shop.rng.permutation(range(5, 250))[: len(listed)]
    publics = shop.rng.permutation(range(4, 250))
    for number, (name, tier, zone, groups) in enumerate(listed):
        block = ip_network(shop.subnets[tier, zone]["CidrBlock"])
        made = Interface(name, shop.new_id("eni"), tier, zone, str(block[int(hosts[number])]), groups)
        if tier == "public":
            made.public = f"{'52.16.8.' if zone == 'a' else '52.16.9.'}{publics[number]}"
        if name.startswith("lb"):
            six = shop.subnets[tier, zone]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
            made.address6 = f"{six[:-3]}{shop.rng.integers(0x1000, 0xFFFF):x}:{shop.rng.integers(0x1000, 0xFFFF):x}"
            made.description = "ELB app/shop/50dc6c495c0c9188"
        elif name == "nat":
            made.kind, made.description = "nat_gateway", f"Interface for NAT Gateway {shop.new_id('nat')}"
        else:
            made.instance = shop.new_id("i")
        shop.interfaces[name] = made


def _acls(shop: Shop) -> None:
    for tier in ("public", "app", "database"):
        acl = shop.new_id("acl")
        shop.acls[tier] = {
            "Associations": [
                {
                    "NetworkAclAssociationId": shop.new_id("aclassoc"),
                    "NetworkAclId": acl,
                    "SubnetId": shop.subnets[tier, zone]["SubnetId"],
                }
                for zone in ZONES
            ],
            "Entries": [],
            "IsDefault": False,
            "NetworkAclId": acl,
            "Tags": [{"Key": "Name", "Value": f"shop-{tier}"}],
            "VpcId": shop.vpc,
            "OwnerId": ACCOUNT,
        }
        for egress in (True, False):
            shop.entry(tier, 32767, ANY4, "all", egress=egress, deny=True)
            shop.entry(tier, 32768, ANY6, "all", egress=egress, deny=True)
    _public_acl(shop)
    _private_acls(shop)


def _public_acl(shop: Shop) -> None:
    for number, port in ((100, 80), (110, 443)):
        shop.entry("public", number, ANY4, "tcp", (port,))
        shop.entry("public", number + 1, ANY6, "tcp", (port,))
        shop.entry("public", number, ANY4, "tcp", (port,), egress=True)
    shop.entry("public", 120, ANY4, "tcp", (22,))
    shop.entry("public", 120, shop.cidr, "tcp", (22,), egress=True)
    for egress in (False, True):
        shop.entry("public", 130, ANY4, "tcp", (1024, 65535), egress)
        shop.entry("public", 131, ANY6, "tcp", (1024, 65535), egress)
        shop.entry("public", 140, ANY4, "udp", (1024, 65535), egress)
        shop.entry("public", 150, ANY4, "icmp", None, egress)
    shop.entry("public", 135, shop.cidr, "udp", (123,))
    shop.entry("public", 135, ANY4, "udp", (123,), egress=True)


def _private_acls(shop: Shop) -> None:
    high = (1024, 65535)
    shop.entry("app", 100, shop.cidr, "tcp", (22,))
    shop.entry("app", 110, shop.cidr, "tcp", high)
    for number, cidr in zip((120, 121), S3_CIDRS, strict=True):
        shop.entry("app", number, cidr, "tcp", high)
    shop.entry("app", 130, shop.places["mirror"], "tcp", high)
    shop.entry("app", 140, shop.places["provider"], "tcp", high)
    shop.entry("app", 150, ANY4, "udp", high)
    shop.entry("app", 160, shop.cidr, "icmp")
    shop.entry("app", 100, ANY4, "tcp", (443,), egress=True)
    shop.entry("app", 110, shop.cidr, "tcp", high, egress=True)
    shop.entry("app", 120, ANY4, "udp", (123,), egress=True)
    shop.entry("app", 130, shop.cidr, "icmp", egress=True)
    shop.entry("database", 100, shop.tier_cidr("app"), "tcp", (5432,))
    shop.entry("database", 110, shop.tier_cidr("database"), "tcp", high)
    for number, cidr in zip((120, 121), S3_CIDRS, strict=True):
        shop.entry("database", number, cidr, "tcp", high)
        shop.entry("database", number, cidr, "tcp", (443,), egress=True)
    shop.entry("database", 100, shop.cidr, "tcp", high, egress=True)


def snapshot(shop: Shop) -> dict:
    """File name -> object, as `aws ec2 describe-*` and `get-managed-prefix-list-entries` print them."""
    office = {"Cidr": shop.places["office"], "Description": "head office"}
    s3 = [{"Cidr": cidr} for cidr in S3_CIDRS]
    return {
        "describe-network-interfaces.json": {
            "NetworkInterfaces": [_described(shop, i) for i in shop.interfaces.values()]
        },
        "describe-security-groups.json": {"SecurityGroups": list(shop.groups.values())},
        "describe-network-acls.json": {"NetworkAcls": list(shop.acls.values())},
        "describe-subnets.json": {"Subnets": list(shop.subnets.values())},
        f"get-managed-prefix-list-entries-{shop.office_list}.json": {"Entries": [office]},
        f"get-managed-prefix-list-entries-{S3_PREFIX_LIST}.json": {"Entries": s3},
    }


def _association(interface: Interface) -> dict:
    """The public address; a load balancer's is not the account's own."""
    own = not interface.name.startswith("lb")
    made = {
        "IpOwnerId": ACCOUNT if own else "amazon-elb",
        "PublicDnsName": f"ec2-{interface.public.replace('.', '-')}.{REGION}.compute.amazonaws.com",
        "PublicIp": interface.public,
    }
    ids = {name: f"{prefix}{interface.id[3:]}" for name, prefix in ELASTIC.items()}
    return made | ids if own else made


def _attachment(interface: Interface) -> dict:
    made = {
        "AttachTime": "2026-03-02T09:14:27+00:00",
        "AttachmentId": "eni-attach-" + interface.id[4:],
        "DeleteOnTermination": bool(interface.instance),
        "DeviceIndex": 0 if interface.instance else 1,
        "Status": "attached",
    }
    if interface.instance:
        return made | {"InstanceId": interface.instance, "InstanceOwnerId": ACCOUNT}
    return made | {"InstanceOwnerId": "amazon-elb" if interface.name.startswith("lb") else "amazon-aws"}


def _described(shop: Shop, interface: Interface) -> dict:
    subnet = shop.subnet_of(interface.name)
    dns = f"ip-{interface.address.replace('.', '-')}.{REGION}.compute.internal"
    address = {"Primary": True, "PrivateDnsName": dns, "PrivateIpAddress": interface.address}
    made = {"Association": _association(interface)} if interface.public else {}
    address |= made
    made |= {
        "Attachment": _attachment(interface),
        "AvailabilityZone": subnet["AvailabilityZone"],
        "Description": interface.description,
        "Groups": [
            {"GroupId": shop.groups[name]["GroupId"], "GroupName": shop.groups[name]["GroupName"]}
            for name in interface.groups
        ],
        "InterfaceType": interface.kind,
        "Ipv6Addresses": [{"Ipv6Address": interface.address6}] if interface.address6 else [],
        "MacAddress": "02:" + ":".join(interface.id[n : n + 2] for n in range(5, 15, 2)),
        "NetworkInterfaceId": interface.id,
        "OwnerId": ACCOUNT,
        "PrivateDnsName": dns,
        "PrivateIpAddress": interface.address,
        "PrivateIpAddresses": [address],
    }
    if not interface.instance:
        made["RequesterId"] = "amazon-elb" if interface.name.startswith("lb") else ACCOUNT
    made |= {
        "RequesterManaged": not interface.instance,
        "SourceDestCheck": interface.kind != "nat_gateway",
        "Status": "in-use",
        "SubnetId": subnet["SubnetId"],
        "TagSet": [{"Key": "Name", "Value": interface.name}],
        "VpcId": shop.vpc,
    }
    return made
