"""Flow log files as AWS puts them into S3: OK and NODATA rows, in five-minute files, some of them late.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html, .../flow-logs-s3-path.html
"""

import gzip
import hashlib
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from worlds.rules import TCP, UDP, inside

REGION = "eu-west-1"
V2 = """version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action
log-status"""
V5 = f"""{V2} vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type
sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"""
#: Formats by name: AWS's default, all fields up to version 5, and these without what some people leave out.
FORMATS = {2: V2.split(), 5: V5.split()}
FORMATS["no-flags"] = [f for f in FORMATS[5] if f != "tcp-flags"]
FORMATS["no-direction"] = [f for f in FORMATS[5] if f not in ("flow-direction", "traffic-path")]
FORMATS["no-pkt"] = [f for f in FORMATS[5] if not f.startswith("pkt-")]


def write_log(scene, records, folder: Path, fields: list) -> None:
    """Records and NODATA rows in five-minute files, as AWS puts them into S3; some files come late.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
    """
    version = str(2 + sum(name in fields for name in ("vpc-id", "region", "flow-direction")))
    rng, slots, busy = random.Random(f"late {scene.name} {scene.seed}"), defaultdict(list), set()
    rows = []
    for r in records:
        rows.append((r.hop.interface, int(r.start), int(r.end), _values(r)))
        busy.add((r.hop.interface, r.window))
    for interface in scene.logged or scene.interfaces:
        low, high = max(scene.start, interface.since), min(scene.end, interface.until)
        for window in range(int((low - interface.phase) // scene.window) + 1, int(high // scene.window)):
            start = int(window * scene.window + interface.phase)
            if (interface, window) not in busy and start + scene.window < high:
                rows.append((interface, start, start + scene.window - 1, {"log-status": "NODATA"}))
    for interface, start, end, values in rows:
        vpc = interface.subnet.vpc
        late = rng.randrange(1, 5) if rng.random() < scene.late_files else 0
        fixed = {
            "version": version, "account-id": vpc.account, "interface-id": interface.id, "vpc-id": vpc.id,
            "subnet-id": interface.subnet.id, "instance-id": interface.instance or "-", "region": REGION,
            "az-id": "euw1-az1", "start": str(start), "end": str(end),
        }  # fmt: skip
        line = " ".join(fixed.get(f) or values.get(f, "-") for f in fields)
        slots[vpc, end // 300 + late].append(line)
    for (vpc, slot), lines in slots.items():
        rng.shuffle(lines)
        text = ("\n".join([" ".join(fields), *lines]) + "\n").encode()
        moment = datetime.fromtimestamp(slot * 300, UTC)
        place = folder / f"AWSLogs/{vpc.account}/vpcflowlogs/{REGION}" / moment.strftime("%Y/%m/%d")
        place.mkdir(parents=True, exist_ok=True)
        mark = hashlib.sha256(text).hexdigest()[:8]
        name = f"{vpc.account}_vpcflowlogs_{REGION}_{vpc.flow_log}_{moment:%Y%m%dT%H%M}Z_{mark}.log.gz"
        (place / name).write_bytes(gzip.compress(text, 6, mtime=0))


def _values(record) -> dict:
    """What the record says of its packets, by AWS's field names."""
    hop, forward = record.hop, record.forward
    ends = [(hop.src, hop.pkt_src, hop.cport), (hop.dst, hop.pkt_dst, hop.sport)]
    (src, pkt_src, sport), (dst, pkt_dst, dport) = ends if forward else reversed(ends)
    ports = record.protocol in (TCP, UDP)
    out = hop.egress == forward
    made = {
        "srcaddr": src,
        "dstaddr": dst,
        "srcport": str(sport) if ports else "0",
        "dstport": str(dport) if ports else "0",
        "protocol": str(record.protocol),
        "packets": str(record.packets),
        "bytes": str(record.bytes),
        "action": record.action,
        "log-status": "OK",
        "tcp-flags": str(record.flags),
        "type": "IPv6" if ":" in src else "IPv4",
        "pkt-srcaddr": pkt_src,
        "pkt-dstaddr": pkt_dst,
        "flow-direction": "egress" if out else "ingress",
    }
    return made | {"traffic-path": _path(hop.interface.subnet, dst) if out else "-"}


def _path(subnet, dst: str) -> str:
    """traffic-path: 1 within the VPC (a NAT or transit gateway too), 4 peering, 8 internet gateway."""
    vpc = subnet.vpc
    link = next((link for other, link in vpc.links.items() if inside(dst, other.cidr)), None)
    if link == "peering":
        return "4"
    near = inside(dst, vpc.cidr) or link or subnet.nat or dst.startswith("100.64.") or ":" in dst
    return "1" if near else "8"
