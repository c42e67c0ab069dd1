"""The record format: every field of AWS's flow logs, as data.

One row of a table of records is one flow log record. Its columns are these fields under AWS's own names with
``-`` written ``_``; ``-`` in a record is null. ``start`` and ``end`` are whole seconds since 1970 (UTC).

Sources: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (versions 2 to 11) and
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-flow-logs.html (version 6, transit gateways).
"""

from hashlib import sha256
from typing import NamedTuple

#: The greatest whole number of 64 bits: no field holds more, and a sum stops there.
MOST = 2**63 - 1
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_GROUP = "[0-9A-Fa-f]{1,4}"
#: An IPv4 address without leading zeros, as RFC 6943 (3.1.1) wants it.
IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
#: An IPv6 address (RFC 4291, 2.2) without a zone: eight groups, or `::` for one or more of them.
IPV6 = "|".join(
    [f"(?:{_GROUP}:){{7}}{_GROUP}", f"::(?:{_GROUP}(?::{_GROUP}){{0,6}})?"]
    + [f"{_GROUP}(?::{_GROUP}){{{n - 1}}}::(?:{_GROUP}(?::{_GROUP}){{0,{6 - n}}})?" for n in range(1, 7)]
    + [f"{_GROUP}(?::{_GROUP}){{6}}::"]
)
ADDRESS = f"{IPV4}|{IPV6}"
#: At most twelve digits, or a word such as `unknown`; never a number that a spreadsheet bent (`1.23457E+11`).
ACCOUNT = "[0-9]{1,12}|[!#-,./:-~][!#-~]*"
#: A port, again without leading zeros where it has five digits.
PORT = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
#: Whole seconds; milli-, micro- and nanoseconds become seconds after they are read.
TIME = "[0-9]{1,18}"
#: What a record says of its interval.
STATUS = ("OK", "NODATA", "SKIPDATA")
#: Printable ASCII without blanks and quotes. Other printable text is looked at by the strict reader.
TEXT = "[!#-~]+"


class Field(NamedTuple):
    """One field: all that flowkit knows of it. The grammar of a format is made from these entries alone.

    `name` is AWS's, `version` the one that introduced it, `type` the column's. Of a token: `pattern` (a regular
    expression without look-around; by default text, or so many digits as fit the type), `limit` (the largest number)
    and `words` (all that it may be). `-` stands for null in every field but log-status.
    """

    name: str
    version: int
    type: str
    meaning: str
    pattern: str = ""
    limit: int = 0
    words: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """The field's column in a table of records."""
        return self.name.replace("-", "_")

    @property
    def largest(self) -> int:
        """The largest number that a token of this field may be."""
        return self.limit or {"int32": 2**31 - 1, "int64": MOST}[self.type]


#: The fields of a VPC flow log, in AWS's order.
VPC_FIELDS = (
    Field("version", 2, "int32", "flow log version"),
    Field("account-id", 2, "string", "account that owns the interface; text, leading zeros kept", ACCOUNT),
    Field("interface-id", 2, "string", "network interface that logged the traffic"),
    Field("srcaddr", 2, "string", "source address", ADDRESS),
    Field("dstaddr", 2, "string", "destination address", ADDRESS),
    Field("srcport", 2, "int32", "source port", PORT, 65535),
    Field("dstport", 2, "int32", "destination port", PORT, 65535),
    Field("protocol", 2, "int32", "IANA protocol number", _OCTET, 255),
    Field("packets", 2, "int64", "packets in the aggregation interval"),
    Field("bytes", 2, "int64", "bytes in the aggregation interval"),
    Field("start", 2, "int64", "first packet of the flow in the interval, seconds since 1970 UTC", TIME),
    Field("end", 2, "int64", "last packet of the flow in the interval, seconds since 1970 UTC", TIME),
    Field("action", 2, "string", "ACCEPT or REJECT", words=("ACCEPT", "REJECT")),
    Field("log-status", 2, "string", "OK, NODATA (no traffic) or SKIPDATA (records were skipped)", words=STATUS),
    Field("vpc-id", 3, "string", "VPC of the interface"),
    Field("subnet-id", 3, "string", "subnet of the interface"),
    Field("instance-id", 3, "string", "instance of the interface; null for requester-managed interfaces"),
    Field("tcp-flags", 3, "int32", "OR of FIN 1, SYN 2, RST 4, SYN-ACK 18 over the interval"),
    Field("type", 3, "string", "IPv4, IPv6 or EFA"),
    Field("pkt-srcaddr", 3, "string", "source address in the packet", ADDRESS),
    Field("pkt-dstaddr", 3, "string", "destination address in the packet", ADDRESS),
    Field("region", 4, "string", "region of the interface"),
    Field("az-id", 4, "string", "availability zone of the interface"),
    Field("sublocation-type", 4, "string", "wavelength, outpost or localzone"),
    Field("sublocation-id", 4, "string", "sublocation of the interface"),
    Field("pkt-src-aws-service", 5, "string", "AWS service of the packet's source"),
    Field("pkt-dst-aws-service", 5, "string", "AWS service of the packet's destination"),
    Field("flow-direction", 5, "string", "ingress or egress, seen from the interface"),
    Field("traffic-path", 5, "int32", "path that egress traffic takes, 1 to 8"),
    Field("ecs-cluster-arn", 7, "string", "ECS cluster"),
    Field("ecs-cluster-name", 7, "string", "ECS cluster's name"),
    Field("ecs-container-instance-arn", 7, "string", "ECS container instance"),
    Field("ecs-container-instance-id", 7, "string", "ECS container instance's id"),
    Field("ecs-container-id", 7, "string", "first container"),
    Field("ecs-second-container-id", 7, "string", "second container"),
    Field("ecs-service-name", 7, "string", "ECS service's name"),
    Field("ecs-task-definition-arn", 7, "string", "ECS task definition"),
    Field("ecs-task-arn", 7, "string", "ECS task"),
    Field("ecs-task-id", 7, "string", "ECS task's id"),
    Field("reject-reason", 8, "string", "BPA (block public access), EC (encryption control) or null"),
    Field("resource-id", 9, "string", "resource that logged the traffic where there is no interface"),
    Field("encryption-status", 10, "int32", "0 none, 1 Nitro, 2 application, 3 both"),
    Field("instance-tag", 11, "string", "tag of the instance, percent-encoded"),
    Field("instance-tag-2", 11, "string", "second tag of the instance, percent-encoded"),
    Field("interface-tag", 11, "string", "tag of the interface, percent-encoded"),
    Field("interface-tag-2", 11, "string", "second tag of the interface, percent-encoded"),
    Field("asg-tag", 11, "string", "tag of the Auto Scaling group, percent-encoded"),
    Field("asg-tag-2", 11, "string", "second tag of the Auto Scaling group, percent-encoded"),
    Field("interface-type", 11, "string", "type of the interface, such as nat_gateway"),
    Field("next-hop-interface-id", 11, "string", "interface that receives (egress) or sent (ingress)"),
    Field("next-hop-subnet-id", 11, "string", "subnet of the next hop"),
    Field("next-hop-az-id", 11, "string", "availability zone of the next hop"),
    Field("next-hop-vpc-id", 11, "string", "VPC of the next hop"),
    Field("next-hop-interface-type", 11, "string", "interface type of the next hop"),
)

#: The fields that only a transit gateway's flow log has.
TGW_FIELDS = (
    Field("resource-type", 6, "string", "TransitGateway or TransitGatewayAttachment"),
    Field("tgw-id", 6, "string", "transit gateway"),
    Field("tgw-attachment-id", 6, "string", "transit gateway attachment"),
    Field("tgw-src-vpc-account-id", 6, "string", "account of the source VPC", ACCOUNT),
    Field("tgw-dst-vpc-account-id", 6, "string", "account of the destination VPC", ACCOUNT),
    Field("tgw-src-vpc-id", 6, "string", "source VPC"),
    Field("tgw-dst-vpc-id", 6, "string", "destination VPC"),
    Field("tgw-src-subnet-id", 6, "string", "source subnet"),
    Field("tgw-dst-subnet-id", 6, "string", "destination subnet"),
    Field("tgw-src-eni", 6, "string", "source interface of the attachment"),
    Field("tgw-dst-eni", 6, "string", "destination interface of the attachment"),
    Field("tgw-src-az-id", 6, "string", "source availability zone"),
    Field("tgw-dst-az-id", 6, "string", "destination availability zone"),
    Field("tgw-pair-attachment-id", 6, "string", "attachment on the other side"),
    Field("packets-lost-no-route", 6, "int64", "packets lost for want of a route"),
    Field("packets-lost-blackhole", 6, "int64", "packets lost in a blackhole route"),
    Field("packets-lost-mtu-exceeded", 6, "int64", "packets lost for their size"),
    Field("packets-lost-ttl-expired", 6, "int64", "packets lost for their age"),
)

#: Every known field by AWS's name.
FIELDS = {field.name: field for field in VPC_FIELDS + TGW_FIELDS}

#: AWS's default format: the fields of version 2, in this order.
DEFAULT_FORMAT = tuple(field.name for field in VPC_FIELDS if field.version == 2)

#: The fields that hold times, those that hold addresses, and those that hold accounts.
TIMES = tuple(field.name for field in FIELDS.values() if field.pattern == TIME)
ADDRESSES = tuple(field.name for field in FIELDS.values() if field.pattern == ADDRESS)
ACCOUNTS = tuple(field.name for field in FIELDS.values() if field.pattern == ACCOUNT)

#: AWS's words for traffic-path, the way that egress traffic takes.
#: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
TRAFFIC_PATHS = {
    1: "another resource in the same VPC", 2: "an internet gateway or a gateway VPC endpoint",
    3: "a virtual private gateway", 4: "an intra-region VPC peering connection",
    5: "an inter-region VPC peering connection", 6: "a local gateway", 7: "a gateway VPC endpoint",
    8: "an internet gateway",
}  # fmt: skip

#: The columns of a table of records and their types: all VPC fields, whatever the log's format holds.
COLUMNS = {field.column: field.type for field in VPC_FIELDS}


def version_of(fields: dict[str, Field], layout: int) -> str:
    """Return a name for what Parquet of these `fields` in this `layout` of the cache looks like.

    Any change of an entry's type, pattern, limit or words gives another name; a change of a meaning does not.
    """
    entries = repr([layout, *((*field[:3], *field[4:]) for field in fields.values())])
    return sha256(entries.encode()).hexdigest()[:12]
