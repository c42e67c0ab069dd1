"""What the snapshot's rules say of a packet, for whole columns of packets at once.

This is the simulator's own evaluation, on purpose apart from flowkit's: each is a check of the other.
"""

from ipaddress import ip_address, ip_network

import numpy as np
import pandas as pd

GROUP, ACL, BOTH = "security-group", "network-acl", "security-group-and-network-acl"


class Rules:
    """The rules of a snapshot (file name -> object)."""

    def __init__(self, network: dict):
        self.interfaces = {
            i["NetworkInterfaceId"]: i for i in network["describe-network-interfaces.json"]["NetworkInterfaces"]
        }
        self.groups = {g["GroupId"]: g for g in network["describe-security-groups.json"]["SecurityGroups"]}
        self.acls = {
            a["SubnetId"]: acl
            for acl in network["describe-network-acls.json"]["NetworkAcls"]
            for a in acl["Associations"]
        }
        self.subnets = {
            s["SubnetId"]: [s["CidrBlock"]] + [b["Ipv6CidrBlock"] for b in s["Ipv6CidrBlockAssociationSet"]]
            for s in network["describe-subnets.json"]["Subnets"]
        }
        stem = "get-managed-prefix-list-entries-"
        self.lists = {
            name[len(stem) : -5]: [e["Cidr"] for e in made["Entries"]]
            for name, made in network.items()
            if name.startswith(stem)
        }

    def judge(self, packets: pd.DataFrame) -> pd.DataFrame:
        """ok, cause, rule of each packet.

        packets: interface_id, egress (bool), peer (the far address), port (destination), protocol,
        icmp_type, tracked (bool: a reply that security groups let through).
        """
        codes, addresses = pd.factorize(packets["peer"])
        inside = _Inside(addresses)
        verdict = pd.DataFrame({"acl": "", "group": ""}, index=packets.index, dtype=object)
        places = packets.groupby(["interface_id", "egress"], sort=False).indices
        for (interface_id, egress), rows in places.items():
            some = packets.iloc[rows]
            peers = codes[rows]
            interface = self.interfaces[interface_id]
            far = ~inside.any(self.subnets[interface["SubnetId"]])[peers]
            entries = [e for e in self.acls[interface["SubnetId"]]["Entries"] if e["Egress"] == egress]
            denied = _first_match(entries, inside, peers, some)
            label = f"{self.acls[interface['SubnetId']]['NetworkAclId']}:{'egress' if egress else 'ingress'}:"
            acl = np.where(far & (denied > 0), np.char.add(label, denied.astype(str)), "")
            groups = [g["GroupId"] for g in interface["Groups"]]
            let_in = self._group_allows(groups, egress, inside, peers, some) | some["tracked"].to_numpy()
            verdict.iloc[rows, 0] = acl
            verdict.iloc[rows, 1] = np.where(let_in | (not groups), "", ",".join(sorted(groups)))
        acl, group = verdict["acl"] != "", verdict["group"] != ""
        cause = np.select([acl & group, acl, group], [BOTH, ACL, GROUP], "accepted")
        rule = np.where(acl & group, verdict["group"] + " + " + verdict["acl"], verdict["group"] + verdict["acl"])
        return pd.DataFrame({"ok": ~(acl | group), "cause": cause, "rule": rule}, index=packets.index)

    def _group_allows(self, groups, egress, inside, peers, packets) -> np.ndarray:
        allowed = np.zeros(len(packets), dtype=bool)
        key = "IpPermissionsEgress" if egress else "IpPermissions"
        for rule in (rule for group in groups for rule in self.groups[group][key]):
            cidrs = [r["CidrIp"] for r in rule["IpRanges"]] + [r["CidrIpv6"] for r in rule["Ipv6Ranges"]]
            for listed in rule["PrefixListIds"]:
                cidrs += self.lists[listed["PrefixListId"]]
            for pair in rule["UserIdGroupPairs"]:
                cidrs += self._members(pair["GroupId"])
            names = {"tcp": "6", "udp": "17", "icmp": "1"}
            protocol = names.get(rule["IpProtocol"], rule["IpProtocol"])
            low, high = rule.get("FromPort", -1), rule.get("ToPort", -1)
            allowed = allowed | (_matches(protocol, low, high, packets) & inside.any(cidrs)[peers])
        return allowed

    def _members(self, group: str) -> list:
        return [
            address
            for i in self.interfaces.values()
            if group in [g["GroupId"] for g in i["Groups"]]
            for address in [i["PrivateIpAddress"]] + [a["Ipv6Address"] for a in i["Ipv6Addresses"]]
        ]


class _Inside:
    """Which of a few distinct addresses lie inside a CIDR; each CIDR is looked at once."""

    def __init__(self, addresses):
        parsed = [ip_address(a) for a in addresses]
        self.four = np.array([int(a) if a.version == 4 else -1 for a in parsed], dtype=np.int64)
        self.six = {n: a for n, a in enumerate(parsed) if a.version == 6}
        self.known = {}

    def __call__(self, cidr: str) -> np.ndarray:
        if cidr not in self.known:
            block = ip_network(cidr)
            if block.version == 4:
                first, last = int(block[0]), int(block[-1])
                self.known[cidr] = (self.four >= first) & (self.four <= last)
            else:
                self.known[cidr] = np.zeros(len(self.four), dtype=bool)
                hits = [n for n, address in self.six.items() if address in block]
                self.known[cidr][hits] = True
        return self.known[cidr]

    def any(self, cidrs) -> np.ndarray:
        found = np.zeros(len(self.four), dtype=bool)
        for cidr in cidrs:
            found = found | self(cidr)
        return found


def _matches(protocol: str, low: int, high: int, packets) -> np.ndarray:
    if protocol == "-1":
        return np.ones(len(packets), dtype=bool)
    same = (packets["protocol"] == int(protocol)).to_numpy()
    if protocol == "1":
        return same if low == -1 else same & (packets["icmp_type"] == low).to_numpy()
    return same & packets["port"].between(low, high).to_numpy()


def _first_match(entries, inside, peers, packets) -> np.ndarray:
    """0 where the first entry that matches allows, else that entry's number."""
    number = np.full(len(packets), -1)
    for entry in sorted(entries, key=lambda e: e["RuleNumber"]):
        span = entry.get("PortRange", {"From": 0, "To": 65535})
        icmp = entry.get("IcmpTypeCode", {"Type": -1})
        low = icmp["Type"] if entry["Protocol"] == "1" else span["From"]
        hit = _matches(entry["Protocol"], low, span["To"], packets)
        hit = hit & inside(entry.get("CidrBlock") or entry["Ipv6CidrBlock"])[peers]
        number[(number == -1) & hit] = 0 if entry["RuleAction"] == "allow" else entry["RuleNumber"]
    return number
