"""Flow logs from nothing: what is asked of AWS, what it refuses, what comes back."""

import gzip
import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from xml.etree import ElementTree

import boto3
import pytest
from aws_support import ACCOUNT, REGION, endpoint, forward, new_bucket
from pages_support import write_notebook

from flowkit import aws as calls
from flowkit import cli
from flowkit.loading.errors import SourceError
from flowkit.loading.network import read_snapshot

pytest_plugins = ["aws_support"]

VPC = "vpc-0123456789abcdef0"
BUCKET = "arn:aws:s3:::acme-logs"


def run(*words) -> int:
    """The exit code of a command."""
    return cli.main([str(word) for word in words])


def ec2_error(code: str, message: str):
    """How EC2 refuses."""
    xml = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
    return 403, {"Content-Type": "text/xml"}, xml.encode()


@pytest.fixture
def network(aws):
    """A VPC with a subnet and an interface, and a bucket: their ids."""
    ec2 = boto3.client("ec2")
    new_bucket("acme-logs", {})
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    eni = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    return {"vpc": vpc, "subnet": subnet, "eni": eni}


def flow_logs() -> list[dict]:
    return boto3.client("ec2").describe_flow_logs()["FlowLogs"]


def test_the_request_is_what_awss_api_takes():
    wanted = calls.request([VPC], "ALL", BUCKET + "/flow/", parquet=True, hive=True)
    fields = wanted.pop("LogFormat")
    assert wanted == {
        "ResourceType": "VPC",
        "ResourceIds": [VPC],
        "TrafficType": "ALL",
        "LogDestinationType": "s3",
        "LogDestination": BUCKET + "/flow",
        "DestinationOptions": {
            "FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": False,
        },
        "MaxAggregationInterval": 60,
    }  # fmt: skip
    assert fields.startswith("${version} ${account-id} ${interface-id} ${srcaddr}")
    assert fields.endswith("${flow-direction} ${traffic-path} ${reject-reason}")
    assert len(fields.split()) == 30
    plain = calls.request(["eni-0123abcd"], "REJECT", "s3://acme-logs", "default", hourly=True)
    assert (plain["ResourceType"], plain["LogDestination"]) == ("NetworkInterface", BUCKET)
    assert "LogFormat" not in plain
    assert plain["DestinationOptions"]["PerHourPartition"] is True
    group = calls.request(["subnet-0123abcd"], "ACCEPT", "/vpc/flow", "srcaddr dstaddr", role="arn:aws:iam::1:role/r")
    assert (group["ResourceType"], group["LogGroupName"]) == ("Subnet", "/vpc/flow")
    assert group["LogFormat"] == "${srcaddr} ${dstaddr}"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"resources": ["i-0123abcd"]}, "i-0123abcd is no interface, subnet or VPC: give eni-…, subnet-… or vpc-…"),
        ({"resources": [VPC, "eni-0123abcd"]}, "one call takes one kind of resource, not eni and vpc"),
        ({"destination": BUCKET + "/AWSLogs"}, f"leave AWSLogs out of {BUCKET}/AWSLogs: AWS adds that folder itself"),
        ({"destination": "a bucket"}, "a bucket is no destination"),
        ({"destination": "/vpc/flow"}, "a log group needs --role"),
        ({"destination": "/vpc/flow", "role": "r", "hive": True}, "are for a bucket, not for a log group"),
        ({"format": "srcaddr dst-addres"}, "'dst-addres' is no field of a flow log"),
    ],
)
def test_what_aws_would_refuse_is_a_sentence(words, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        calls.request(**{"resources": [VPC], "traffic_type": "ALL", "destination": BUCKET} | words)


def test_enable_creates_the_flow_log_and_says_what_comes_next(network, capsys):
    assert run("enable", "--resource", network["eni"], "--destination", BUCKET, "--yes") == 0
    [log] = flow_logs()
    assert (log["ResourceId"], log["TrafficType"]) == (network["eni"], "ALL")
    assert (log["LogDestination"], log["MaxAggregationInterval"]) == (BUCKET, 60)
    said = capsys.readouterr().out
    assert f"Created {log['FlowLogId']}." in said
    assert "flowkit report s3://acme-logs --start=-1h --network network" in said


def test_every_option_reaches_aws(network, monkeypatch, aws):
    bodies = []

    def answer(method, path, headers, body):
        bodies.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
        return forward(aws, method, path, headers, body)

    with endpoint(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        words = ("--traffic-type", "REJECT", "--destination", BUCKET, "--format", "default", "--parquet", "--hive")
        assert run("enable", "--resource", network["vpc"], *words, "--hourly", "--yes") == 0
    [sent] = [body for body in bodies if body.get("Action") == "CreateFlowLogs"]
    del sent["Version"]
    assert sent == {
        "Action": "CreateFlowLogs", "DryRun": "false", "ResourceType": "VPC", "ResourceId.1": network["vpc"],
        "TrafficType": "REJECT", "LogDestinationType": "s3", "LogDestination": BUCKET,
        "MaxAggregationInterval": "60", "DestinationOptions.FileFormat": "parquet",
        "DestinationOptions.HiveCompatiblePartitions": "true", "DestinationOptions.PerHourPartition": "true",
    }  # fmt: skip


def test_a_dry_run_asks_aws_and_creates_nothing(network, capsys):
    assert run("enable", "--resource", network["vpc"], "--destination", BUCKET, "--dry-run") == 0
    assert "AWS would allow it. Nothing was created (--dry-run)." in capsys.readouterr().out
    assert flow_logs() == []


@pytest.mark.parametrize(("typed", "made"), [("y", 1), ("no", 0), (None, 0)])
def test_it_asks_before_it_creates(network, monkeypatch, typed, made):
    def answer(question):
        if typed is None:
            raise EOFError
        return typed

    monkeypatch.setattr("builtins.input", answer)
    assert run("enable", "--resource", network["vpc"], "--destination", BUCKET) == 1 - made
    assert len(flow_logs()) == made


def test_a_second_flow_log_over_the_same_traffic_is_refused(network, capsys):
    new_bucket("acme-more", {})
    assert run("enable", "--resource", network["vpc"], "--destination", BUCKET, "--yes") == 0
    [log] = flow_logs()
    words = ("enable", "--resource", network["eni"], "--destination", "s3://acme-more", "--yes")
    capsys.readouterr()
    assert run(*words, "--traffic-type", "REJECT") == 1
    said = capsys.readouterr()
    assert f"{log['FlowLogId']} already logs ALL of {network['vpc']} to {BUCKET}." in said.out
    assert "packets would be logged, and paid for, twice; --overlap allows it" in said.err
    assert len(flow_logs()) == 1
    assert run(*words, "--overlap") == 0
    assert len(flow_logs()) == 2


@pytest.mark.parametrize("first", ["vpc", "subnet", "eni"])
def test_a_resource_overlaps_what_it_lies_in_and_what_lies_in_it(network, first):
    ec2 = boto3.client("ec2")
    [made] = calls.create(ec2, calls.request([network[first]], "ACCEPT", BUCKET))
    sibling = ec2.create_network_interface(SubnetId=network["subnet"])["NetworkInterface"]["NetworkInterfaceId"]
    other = ec2.create_subnet(VpcId=network["vpc"], CidrBlock="10.20.2.0/24")["Subnet"]["SubnetId"]

    def found(resource, traffic):
        return [log["FlowLogId"] for log in calls.overlapping(ec2, calls.request([resource], traffic, BUCKET))]

    for second in network.values():
        assert (found(second, "ALL"), found(second, "ACCEPT"), found(second, "REJECT")) == ([made], [made], [])
    assert found(sibling, "ALL") == ([] if first == "eni" else [made])
    assert found(other, "ALL") == ([made] if first == "vpc" else [])


def test_what_aws_refuses_names_the_permissions(network, monkeypatch, capsys, aws):
    def refusing(message):
        def answer(method, path, headers, body):
            denied = b"Action=CreateFlowLogs" in body
            return ec2_error("UnauthorizedOperation", message) if denied else forward(aws, method, path, headers, body)

        return answer

    for message, needed in (
        ("You are not authorized", "ec2:CreateFlowLogs, logs:CreateLogDelivery, logs:DeleteLogDelivery;"),
        ("User: x is not authorized to perform: logs:CreateLogDelivery", "you have logs:CreateLogDelivery;"),
    ):
        with monkeypatch.context() as patch, endpoint(refusing(message)) as address:
            patch.setenv("AWS_ENDPOINT_URL", address)
            assert run("enable", "--resource", network["vpc"], "--destination", BUCKET, "--yes") == 1
        error = capsys.readouterr().err
        assert needed in error
        assert "flowkit enable --print-policy prints the policies." in error
    missing = ("--destination", "arn:aws:s3:::nowhere-to-be-found", "--yes")
    assert run("enable", "--resource", network["vpc"], *missing) == 1
    assert "LogDestination: nowhere-to-be-found does not exist). Check that the destination" in capsys.readouterr().err
    assert run("enable", "--resource", "vpc-0fffffff", "--destination", BUCKET, "--yes") == 1
    assert "vpc-0fffffff" in capsys.readouterr().err


def test_wrong_words_are_wrong_usage(aws, capsys):
    assert run("enable", "--resource", "i-1", "--destination", BUCKET) == 2
    assert capsys.readouterr().err.startswith("flowkit: i-1 is no interface")
    with pytest.raises(SystemExit) as stopped:
        run("enable", "--resource", VPC, "--traffic-type", "SOME", "--destination", BUCKET)
    assert stopped.value.code == 2


def documents(printed: str) -> dict[str, dict]:
    parts = re.split(r"(?m)^# (.*)\n", printed)[1:]
    return {title: json.loads(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}


def test_the_policies_are_small_and_name_the_bucket(aws, capsys):
    assert run("enable", "--resource", VPC, "--destination", BUCKET + "/flow", "--hive", "--print-policy") == 0
    creator, bucket, reader = documents(capsys.readouterr().out).values()
    [statement] = creator["Statement"]
    assert {"ec2:CreateFlowLogs", "logs:CreateLogDelivery", "logs:DeleteLogDelivery"} <= set(statement["Action"])
    write, check = bucket["Statement"]
    assert write["Resource"] == f"{BUCKET}/flow/AWSLogs/aws-account-id={ACCOUNT}/*"
    assert write["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT, "s3:x-amz-acl": "bucket-owner-full-control"},
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"},
    }
    assert (check["Action"], check["Resource"]) == (["s3:GetBucketAcl", "s3:ListBucket"], BUCKET)
    assert [each["Resource"] for each in reader["Statement"]] == [BUCKET, f"{BUCKET}/flow/*", "*"]
    assert flow_logs() == []


def test_the_policies_of_a_log_group_name_its_role(aws, monkeypatch, capsys):
    words = ("enable", "--resource", VPC, "--destination", "/vpc/flow", "--print-policy")
    role = "arn:aws:iam::123456789012:role/flow"
    assert run(*words, "--role", role) == 0
    printed = documents(capsys.readouterr().out)
    assert printed[f"trust policy of {role}"]["Statement"][0]["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert printed["IAM policy of whoever creates the flow log"]["Statement"][1] == {
        "Effect": "Allow", "Action": ["iam:PassRole"], "Resource": role,
    }  # fmt: skip
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert run(*words) == 0
    said = capsys.readouterr()
    assert "ACCOUNT and REGION stand for yours." in said.err
    reader = documents(said.out)["IAM policy of whoever runs the reports"]
    assert "arn:aws:logs:REGION:ACCOUNT:log-group:/vpc/flow:*" in json.dumps(reader)


def test_status_tells_delivery_and_the_newest_file(network, capsys):
    assert run("status") == 0
    assert capsys.readouterr().out == "There is no flow log here: flowkit enable creates one.\n"
    run("enable", "--resource", network["vpc"], "--destination", BUCKET, "--yes")
    [log] = flow_logs()
    newest = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=20)
    for minutes, name in ((0, log["FlowLogId"]), (60, log["FlowLogId"]), (-15, "fl-0123abcd")):
        slot = newest - timedelta(minutes=minutes)
        file = f"{ACCOUNT}_vpcflowlogs_{REGION}_{name}_{slot:%Y%m%dT%H%M}Z_0123abcd.log.gz"
        key = f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{slot:%Y/%m/%d}/{file}"
        boto3.client("s3").put_object(Bucket="acme-logs", Key=key, Body=b"x")
    boto3.client("ec2").create_flow_logs(
        ResourceType="NetworkInterface", ResourceIds=[network["eni"]], TrafficType="REJECT",
        LogGroupName="missing", DeliverLogsPermissionArn="arn:aws:iam::1:role/r",
    )  # fmt: skip
    capsys.readouterr()
    assert run("status", "--region", REGION) == 0
    said = capsys.readouterr().out
    assert (
        f"{log['FlowLogId']}  ALL of {network['vpc']}  ACTIVE\n  destination  {BUCKET}\n  delivery     SUCCESS" in said
    )
    assert f"newest       {newest:%Y-%m-%d %H:%M} UTC, " in said
    assert "delivery     FAILED: Access error (the role or the bucket policy does not let AWS write" in said
    assert "newest       There is no such log group here: cloudwatch://missing" in said
    assert "format       version account-id interface-id srcaddr" in said


def test_status_of_a_log_group_tells_the_newest_event(network):
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName="flow")
    logs.create_log_stream(logGroupName="flow", logStreamName="eni-0-all")
    when = datetime.now(UTC).replace(microsecond=0)
    event = {"timestamp": int(when.timestamp() * 1000), "message": "x"}
    logs.put_log_events(logGroupName="flow", logStreamName="eni-0-all", logEvents=[event])
    wanted = calls.request([network["vpc"]], "ALL", "flow", role="arn:aws:iam::1:role/r")
    [created] = calls.create(boto3.client("ec2"), wanted)
    [log] = calls.status()
    assert (log["flow_log_id"], log["destination"], log["newest"]) == (created, "flow", when)


def test_a_snapshot_is_what_the_notebooks_read(network, tmp_path, capsys):
    ec2 = boto3.client("ec2")
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=network["vpc"])["GroupId"]
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="offices", MaxEntries=5, AddressFamily="IPv4",
        Entries=[{"Cidr": "198.51.100.0/24", "Description": "Köln"}],
    )["PrefixList"]["PrefixListId"]  # fmt: skip
    folder = tmp_path / "network"
    assert run("snapshot", "--out", folder) == 0
    entries = folder / f"get-managed-prefix-list-entries-{prefix_list}.json"
    assert f"{entries}  1\n" in capsys.readouterr().out
    assert entries.read_text().startswith('{\n    "Entries": [\n        {\n            "Cidr": "198.51.100.0/24"')
    assert "Köln" in entries.read_text()
    snapshot = read_snapshot(folder)
    assert snapshot.interfaces[network["eni"]].subnet_id == network["subnet"]
    assert snapshot.interfaces[network["eni"]].vpc_id == network["vpc"]
    assert group in {
        each["GroupId"] for each in json.loads((folder / "describe-security-groups.json").read_text())["SecurityGroups"]
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_snapshot_of_several_regions_and_profiles_is_one(network, tmp_path, monkeypatch):
    config = tmp_path / "config"
    config.write_text("[profile one]\nregion = eu-central-1\n[profile two]\nregion = us-east-1\n")
    keys = "aws_access_key_id = testing\naws_secret_access_key = testing\n"
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[one]\n{keys}[two]\n{keys}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    there = boto3.client("ec2", region_name="us-east-1")
    subnet = there.describe_subnets()["Subnets"][0]["SubnetId"]
    far = there.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    for number, words in enumerate(
        (("--profile", "one", "--profile", "two"), ("--region", "us-east-1", "--region", REGION, "--region", REGION))
    ):
        folder = tmp_path / str(number)
        assert run("snapshot", "--out", folder, *words) == 0
        listed = json.loads((folder / "describe-network-interfaces.json").read_text())["NetworkInterfaces"]
        assert sorted(each["NetworkInterfaceId"] for each in listed) == sorted([network["eni"], far])


def test_a_snapshot_reads_every_page(network, tmp_path, monkeypatch, aws):
    ec2 = boto3.client("ec2")
    enis = [network["eni"]]
    for _ in range(4):
        enis.append(ec2.create_network_interface(SubnetId=network["subnet"])["NetworkInterface"]["NetworkInterfaceId"])

    def two_a_page(method, path, headers, body):
        words = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        status, kept, reply = forward(aws, method, path, headers, body)
        if words["Action"] != "DescribeNetworkInterfaces":
            return status, kept, reply
        root = ElementTree.fromstring(reply)
        first = int(words.get("NextToken", 0))
        [items] = [each for each in root if each.tag.endswith("networkInterfaceSet")]
        items[:] = items[first : first + 2]
        if first + 2 < len(enis):
            ElementTree.SubElement(root, items.tag.replace("networkInterfaceSet", "nextToken")).text = str(first + 2)
        reply = ElementTree.tostring(root)
        return status, {**kept, "Content-Length": str(len(reply))}, reply

    with endpoint(two_a_page) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert calls.snapshot(tmp_path)[0]["describe-network-interfaces.json"] == 5
    listed = json.loads((tmp_path / "describe-network-interfaces.json").read_text())["NetworkInterfaces"]
    assert sorted(each["NetworkInterfaceId"] for each in listed) == sorted(enis)


def test_a_snapshot_is_written_whole_or_not_at_all(network, tmp_path, monkeypatch, capsys, aws):
    folder = tmp_path / "network"
    calls.snapshot(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    boto3.client("ec2").create_network_interface(SubnetId=network["subnet"])

    def denying(method, path, headers, body):
        if b"DescribeSubnets" in body:
            return ec2_error("UnauthorizedOperation", "no")
        return forward(aws, method, path, headers, body)

    with endpoint(denying) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert run("snapshot", "--out", folder) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert "need the permission ec2:DescribeSubnets." in capsys.readouterr().err


def test_calls_without_a_region_say_so(aws, monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SourceError, match="No AWS region is set: give --region, or set AWS_REGION."):
        calls.status()


def test_a_snapshot_takes_one_folder_by_either_name(network, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("snapshot", "network") == 0, "as the pages print it"
    assert (tmp_path / "network" / "describe-subnets.json").is_file()
    assert run("snapshot") == 2 and run("snapshot", "a", "--out", "b") == 2
    assert "name one folder to write to: flowkit snapshot DIR" in capsys.readouterr().err


def test_a_snapshot_has_instances_routes_and_nat_gateways_for_their_names(network, tmp_path):
    ec2 = boto3.client("ec2")
    [made] = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=network["subnet"])["Instances"]
    gateway = ec2.create_nat_gateway(SubnetId=network["subnet"], ConnectivityType="private")["NatGateway"]
    counts, notes = calls.snapshot(tmp_path)
    assert notes == [] and counts["describe-route-tables.json"] >= 1
    [reservation] = json.loads((tmp_path / "describe-instances.json").read_text())["Reservations"]
    assert [each["InstanceId"] for each in reservation["Instances"]] == [made["InstanceId"]]
    gateways = json.loads((tmp_path / "describe-nat-gateways.json").read_text())["NatGateways"]
    assert [each["NatGatewayId"] for each in gateways] == [gateway["NatGatewayId"]]


def test_what_only_names_things_may_be_denied(network, tmp_path, monkeypatch, capsys, aws):
    def denying(method, path, headers, body):
        if b"DescribeNatGateways" in body or b"DescribeInstances" in body:
            return ec2_error("UnauthorizedOperation", "no")
        return forward(aws, method, path, headers, body)

    with endpoint(denying) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert run("snapshot", tmp_path / "network") == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" is left out")[0] for line in said] == [
        "flowkit: describe-instances.json", "flowkit: describe-nat-gateways.json",
    ]  # fmt: skip
    assert "ec2:DescribeInstances" in said[0]
    assert (tmp_path / "network" / "describe-route-tables.json").is_file()


def test_fields_of_ecs_tasks_take_their_own_permissions(aws, capsys):
    words = ("enable", "--resource", VPC, "--destination", BUCKET, "--print-policy")
    for format, needed in (("default", False), ("srcaddr dstaddr ecs-task-id", True)):
        assert run(*words, "--format", format) == 0
        assert ("ecs:ListTasks" in capsys.readouterr().out) == needed


def test_report_takes_region_and_profile(aws, tmp_path, monkeypatch, capsys):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name, raising=False)
    words = ("report", "s3://acme-nowhere", "--out", tmp_path / "out", "--region", "us-east-1")
    assert run(*words, "--profile", "nobody") == 1
    assert "nobody" in capsys.readouterr().err
    assert (os.environ["AWS_DEFAULT_REGION"], os.environ["AWS_REGION"]) == ("us-east-1", "us-east-1")


def test_a_wrong_prefix_is_no_green_report(aws, tmp_path, capsys):
    new_bucket("acme-logs", {"AWSLogs/x/other.txt": b""})
    for words in ((), ("--start", "-24h")):
        assert run("report", "s3://acme-logs/wrong", *words, "--out", tmp_path / "out") == 1
        said = capsys.readouterr().err
        assert "s3://acme-logs/wrong" in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_window_without_files_names_the_newest(aws, tmp_path, capsys):
    line = b"2 123456789012 eni-0a 203.0.113.9 10.0.0.5 40000 443 6 1 60 1763600000 1763600060 REJECT OK\n"
    name = "123456789012_vpcflowlogs_eu-central-1_fl-0123abcd_20251120T0050Z_0123abcd.log.gz"
    key = f"AWSLogs/123456789012/vpcflowlogs/eu-central-1/2025/11/20/{name}"
    new_bucket("acme-logs", {key: gzip.compress(line)})
    book = write_notebook(tmp_path / "quick.ipynb", "1")
    words = ("--start", "-24h", "--out", tmp_path / "out", "--notebook", book, "--fail-on", "high")
    assert run("report", "s3://acme-logs", *words) == 3
    said = capsys.readouterr().err
    assert f"the newest file there is: s3://acme-logs/{key} (2025-11-20 00:50 UTC)" in said
    told = json.loads((tmp_path / "out" / "latest" / "findings.json").read_text())
    assert [(each["kind"], each["severity"]) for each in told["findings"]] == [("not-delivered", "high")]
