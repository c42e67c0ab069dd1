"""Ports and protocols: which have ports, which ports are services. Data, and no logic that needs flows."""

#: Protocols whose records carry ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
WITH_PORTS = (6, 17, 33, 132, 136)

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

#: Ports below this are the system's: only privileged programs listen on or send from them.
SYSTEM_PORTS = 1024
