"""One walk from an empty account to findings: flow log, snapshot, files in S3, report."""

import gzip
import json
import re
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from aws_support import ACCOUNT, REGION, new_bucket

from flowkit import cli

pytest_plugins = ["aws_support"]

SERVER, CLIENT, REFUSED = "10.20.1.10", "10.20.1.20", "10.20.1.30"
MINUTES = 90


@pytest.fixture
def shop(aws):
    """A VPC with a web server that lets its clients in on 443 alone: the ids of the VPC, interface and group."""
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.20.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https])
    made = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=SERVER, Groups=[group])
    return {"vpc": vpc, "subnet": subnet, "group": group, "eni": made["NetworkInterface"]["NetworkInterfaceId"]}


def records(shop: dict, first: datetime) -> list[tuple[datetime, dict]]:
    """Each minute one answered request to 443 and one refused to 6379, with the minute it ended in."""
    found = []
    for minute in range(MINUTES):
        start = int(first.timestamp()) + 60 * minute
        always = {"version": 5, "account-id": ACCOUNT, "interface-id": shop["eni"], "vpc-id": shop["vpc"],
                  "subnet-id": shop["subnet"], "protocol": 6, "start": start, "end": start + 50, "type": "IPv4",
                  "region": REGION, "log-status": "OK"}  # fmt: skip
        asked = {"srcaddr": CLIENT, "dstaddr": SERVER, "srcport": 40000 + minute, "dstport": 443, "packets": 9,
                 "bytes": 900, "action": "ACCEPT", "tcp-flags": 3, "flow-direction": "ingress"}  # fmt: skip
        told = {"srcaddr": SERVER, "dstaddr": CLIENT, "srcport": 443, "dstport": 40000 + minute, "packets": 8,
                "bytes": 4000, "action": "ACCEPT", "tcp-flags": 19, "flow-direction": "egress"}  # fmt: skip
        refused = {"srcaddr": REFUSED, "dstaddr": SERVER, "srcport": 50000 + minute, "dstport": 6379, "packets": 3,
                   "bytes": 180, "action": "REJECT", "tcp-flags": 2, "flow-direction": "ingress"}  # fmt: skip
        end = datetime.fromtimestamp(start + 50, UTC)
        for own in (asked, told, refused):
            addresses = {"pkt-srcaddr": own["srcaddr"], "pkt-dstaddr": own["dstaddr"]}
            found.append((end, always | addresses | own))
    return found


def deliver(log: dict, found: list[tuple[datetime, dict]]) -> None:
    """What AWS does with `found`: a file for every five minutes, in the flow log's own format."""
    names = re.findall(r"\$\{([a-z0-9-]+)\}", log["LogFormat"])
    slots = {}
    for end, record in found:
        slot = end.replace(minute=end.minute // 5 * 5, second=0)
        slots.setdefault(slot, [" ".join(names)]).append(" ".join(str(record.get(name, "-")) for name in names))
    s3, bucket = boto3.client("s3"), log["LogDestination"].rpartition(":")[2]
    for slot, lines in slots.items():
        name = f"{ACCOUNT}_vpcflowlogs_{REGION}_{log['FlowLogId']}_{slot:%Y%m%dT%H%M}Z_0a1b2c3d.log.gz"
        key = f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{slot:%Y/%m/%d}/{name}"
        s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress("\n".join([*lines, ""]).encode()))


def test_from_an_empty_account_to_findings(shop, tmp_path, capsys):
    new_bucket("acme-logs", {})
    wanted = ("--resource", shop["vpc"], "--destination", "arn:aws:s3:::acme-logs")
    assert cli.main(["enable", *wanted, "--yes"]) == 0
    [log] = boto3.client("ec2").describe_flow_logs()["FlowLogs"]

    first = (datetime.now(UTC) - timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    deliver(log, records(shop, first))
    assert cli.main(["snapshot", "--out", str(tmp_path / "network")]) == 0

    capsys.readouterr()
    assert cli.main(["ingest", "s3://acme-logs", "--json"]) == 0
    tally = json.loads(capsys.readouterr().out)
    expected = {
        "files": MINUTES // 5,
        "new_files": MINUTES // 5,
        "ok": 3 * MINUTES,
        "headers": MINUTES // 5,
        "malformed": 0,
    }
    assert {name: tally[name] for name in expected} == expected

    window = [f"--start={first.isoformat()}", f"--end={(first + timedelta(minutes=60)).isoformat()}"]
    out = tmp_path / "reports"
    words = ["report", "s3://acme-logs", *window, "--network", str(tmp_path / "network"), "--notebook", "rejected"]
    code = cli.main([*words, "--out", str(out)])
    assert code == 0, capsys.readouterr().err
    found = json.loads((out / "latest" / "findings.json").read_text())
    assert found["coverage"]["records"] == 3 * 60
    [blocked] = [each for each in found["findings"] if each["kind"] == "blocked-client"]
    assert blocked["subject"] == {
        "interface_id": shop["eni"], "srcaddr": REFUSED, "dstaddr": SERVER, "protocol": 6, "dstport": 6379,
    }  # fmt: skip
    assert (blocked["cause"], blocked["records"]) == ("security-group", 60)
    assert f"--group-id {shop['group']}" in blocked["action"]
    assert "aws ec2 authorize-security-group-ingress" in blocked["action"]
