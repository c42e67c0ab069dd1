"""Facts of the network that several questions need, each once and with its source: addresses, ports, flags, times."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

#: Addresses that are not of the internet: RFC 1918 (private), 6598 (shared), 3927 (link-local), 1122 (loopback),
#: 4193 (unique local), 4291 (link-local and loopback of IPv6).
PRIVATE = tuple(map(ip_network, (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7",
    "fe80::/10", "::1/128",
)))  # fmt: skip

#: What stands for every address outside of `PRIVATE` and of all named networks.
INTERNET = "internet"
#: IANA's numbers of the protocols that security groups name.
#: https://www.iana.org/assignments/protocol-numbers
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
_PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}
ICMP, TCP, UDP = (1, 58), 6, 17
#: Protocols whose records carry ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
WITH_PORTS = (6, 17, 33, 132, 136)
#: The TCP flags that flow logs hold; ACK and PSH alone are logged as 0, a SYN-ACK as 18.
#: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
FIN, SYN, RST, ACK = 1, 2, 4, 16
SYN_ACK = SYN | ACK
#: Seconds of silence after which AWS may have forgotten a connection: established TCP on Nitro v6, UDP answered once.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
TCP_IDLE, UDP_IDLE = 350, 30
#: Ports that a client draws from start here, on Linux. https://docs.aws.amazon.com/vpc/latest/userguide/
#: vpc-network-acls.html (ephemeral ports)
EPHEMERAL = 32768
#: Ports below this are the system's: only privileged programs listen on or send from them.
SYSTEM_PORTS = 1024
#: Ports that services listen on and clients hardly ever send from: https://www.iana.org/assignments/
#: service-names-port-numbers, cut down to what AWS's services and their usual companions use.
SERVICE_PORTS = {
    21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "dns", 67: "dhcp", 80: "http", 88: "kerberos",
    110: "pop3", 111: "rpcbind", 123: "ntp", 135: "msrpc", 139: "netbios", 143: "imap", 161: "snmp",
    179: "bgp", 389: "ldap", 443: "https", 445: "smb", 464: "kpasswd", 465: "smtps", 500: "isakmp",
    514: "syslog", 587: "submission", 636: "ldaps", 853: "dns-tls", 873: "rsync", 989: "ftps", 990: "ftps",
    993: "imaps", 995: "pop3s", 1433: "mssql", 1521: "oracle", 1883: "mqtt", 2049: "nfs", 2181: "zookeeper",
    2375: "docker", 2376: "docker", 2379: "etcd", 2380: "etcd", 3000: "http", 3128: "proxy", 3260: "iscsi",
    3268: "ldap-gc", 3306: "mysql", 3389: "rdp", 4317: "otlp", 4318: "otlp", 4500: "ipsec-nat-t",
    5000: "http", 5060: "sip", 5222: "xmpp", 5432: "postgresql", 5439: "redshift", 5601: "kibana",
    5671: "amqps", 5672: "amqp", 5900: "vnc", 5985: "winrm", 5986: "winrm", 6379: "redis", 6443: "kubernetes",
    8000: "http", 8080: "http", 8081: "http", 8086: "influxdb", 8088: "http", 8089: "splunk", 8125: "statsd",
    8443: "https", 8500: "consul", 8883: "mqtts", 9000: "http", 9042: "cassandra", 9090: "prometheus",
    9092: "kafka", 9093: "kafka", 9094: "kafka", 9100: "node-exporter", 9200: "elasticsearch",
    9300: "elasticsearch", 9443: "https", 10250: "kubelet", 11211: "memcached", 15672: "rabbitmq",
    27017: "mongodb",
}  # fmt: skip

#: Ports by which machines are administered, databases asked and pages served; the first two are worth an alarm where
#: the internet reaches them. AWS Config rule restricted-common-ports; CIS AWS Foundations 5.2 and 5.3.
ADMIN_PORTS = {
    22: "SSH", 23: "Telnet", 3389: "RDP", 5900: "VNC", 5985: "WinRM", 5986: "WinRM", 2375: "Docker",
    2376: "Docker", 6443: "Kubernetes", 10250: "kubelet",
}  # fmt: skip
DATABASE_PORTS = {
    1433: "SQL Server", 1521: "Oracle", 2049: "NFS", 2379: "etcd", 3306: "MySQL", 5432: "PostgreSQL",
    5439: "Redshift", 6379: "Redis", 9042: "Cassandra", 9200: "Elasticsearch", 11211: "memcached",
    27017: "MongoDB",
}  # fmt: skip
WEB_PORTS = (80, 443)
#: Bytes of a packet without data: IPv4 and IPv6 header with a bare TCP header; the largest SYN, over IPv6 with all
#: options that stacks send (RFC 791, 8200, 9293).
BARE_IPV4, BARE_IPV6, LARGEST_SYN = 40, 60, 80
#: Interfaces that pass on what other hosts send, in the words of the field ``interface-type`` and of
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterface.html
TRANSIT_TYPES = "nat_gateway natGateway regional_nat_gateway transit_gateway network_load_balancer".split()
TRANSIT_TYPES += ["gateway_load_balancer", "gateway_load_balancer_endpoint"]


def protocol_name(protocol: int | None) -> str:
    """Return `tcp` for 6; the number as text where AWS has no name for it; `all` for None."""
    return "all" if protocol is None else _PROTOCOL_NAMES.get(protocol, str(protocol))


def lies_in(place: str | Network, networks: Iterable[Network]) -> bool:
    """Return whether all of an address or network lies in one of `networks`; False for what is neither."""
    try:
        inner = ip_network(place)
    except ValueError:
        return False
    return any(inner.version == outer.version and inner.subnet_of(outer) for outer in networks)


def is_network(text: str) -> bool:
    """Return whether a text is an address or a network in CIDR notation."""
    try:
        return bool(ip_network(text, strict=False))
    except ValueError:
        return False


def is_private(place: str | Network) -> bool:
    """Return whether all of an address or network lies in `PRIVATE`; False for what is neither."""
    return lies_in(place, PRIVATE)


def is_to_many(address: str) -> bool:
    """Return whether an address is of multicast or broadcast: the last of a private /24 is taken for one of these."""
    broadcast = address.endswith(".255") and (is_private(address) or address.startswith("255."))
    return broadcast or ip_address(address).is_multicast


def private(address: str) -> str:
    """Return `is_private` of a column of addresses as SQL; addresses are dotted or in RFC 5952's form."""
    # The cheap tests first: engines work out a case only for the rows that come to it.
    return f"""CASE WHEN {address} LIKE '10.%' THEN TRUE
        WHEN {address} LIKE '1%' THEN {address} LIKE '192.168.%' OR {address} LIKE '169.254.%' OR {address} LIKE '127.%'
            OR (substr({address}, 7, 1) = '.' AND {address} >= '172.16.' AND {address} < '172.32.')
            OR (substr({address}, 7, 1) = '.' AND {address} >= '100.64.' AND {address} < '101.')
            OR (substr({address}, 8, 1) = '.' AND {address} >= '100.100.' AND {address} < '100.128.')
        WHEN {address} LIKE 'f%' THEN
            ({address} >= 'fc' AND {address} < 'fe') OR ({address} >= 'fe8' AND {address} < 'fec')
        ELSE coalesce({address} = '::1', FALSE) END"""
