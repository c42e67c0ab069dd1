"""The templates and the guide: they ask AWS for what flowkit asks for, and every command in them is one."""

import re
import shlex
from pathlib import Path

import boto3
import hcl2
import pytest
from aws_support import ACCOUNT, REGION
from cfnlint.api import lint_file
from cfnlint.decode import cfn_yaml

from flowkit import cli
from flowkit.aws import policies, request

pytest_plugins = ["aws_support"]

DOCS = Path(__file__).parents[1] / "docs"
TEMPLATE, TERRAFORM, GUIDE = (
    DOCS / "examples/flow-logs.cfn.yaml",
    DOCS / "examples/flow-logs.tf",
    DOCS / "setting-up.md",
)
BUCKET = "arn:aws:s3:::acme-logs"
WANTED = request(["vpc-0123abcd"], "ALL", BUCKET)


def test_cloudformation_passes_cfn_lint():
    assert lint_file(TEMPLATE) == []


def test_cloudformation_makes_the_flow_log_that_flowkit_would_make(aws):
    vpc = boto3.client("ec2").create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    stack = {"StackName": "flow", "Capabilities": ["CAPABILITY_IAM"]}
    chosen = [{"ParameterKey": "VpcId", "ParameterValue": vpc}]
    boto3.client("cloudformation").create_stack(**stack, TemplateBody=TEMPLATE.read_text(), Parameters=chosen)
    [made] = boto3.client("cloudformation").describe_stacks(StackName="flow")["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}
    [log] = boto3.client("ec2").describe_flow_logs(FlowLogIds=[outputs["FlowLogId"]])["FlowLogs"]
    wanted = request([vpc], "ALL", outputs["Source"])
    for key in ("TrafficType", "LogDestination", "LogDestinationType", "LogFormat", "MaxAggregationInterval"):
        assert log[key] == wanted[key]
    assert log["ResourceId"] == vpc


def test_cloudformation_attaches_the_policies_that_flowkit_prints():
    resources = cfn_yaml.load(str(TEMPLATE))["Resources"]
    _, delivery, reader = policies(WANTED, ACCOUNT, REGION).values()
    assert statements(resources["BucketPolicy"]) == statements({"Properties": {"PolicyDocument": delivery}})
    assert statements(resources["ReportPolicy"]) == statements({"Properties": {"PolicyDocument": reader}})


def statements(resource: dict) -> list[dict]:
    """A policy's statements, in one spelling, with the template's functions carried out."""
    document = carried_out(resource["Properties"]["PolicyDocument"])
    return [
        each | {"Action": [each["Action"]] if isinstance(each["Action"], str) else each["Action"]}
        for each in document["Statement"]
    ]


def carried_out(node):
    names = {"Bucket.Arn": BUCKET, "AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}
    if isinstance(node, list):
        return [carried_out(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "Ref" in node:
        return names[node["Ref"]]
    if "Fn::GetAtt" in node:
        return names[".".join(node["Fn::GetAtt"])]
    if "Fn::Sub" in node:
        return re.sub(r"\$\{([^}]+)\}", lambda found: names[found[1]], node["Fn::Sub"])
    return {key: carried_out(value) for key, value in node.items()}


def test_terraform_asks_for_the_same():
    with TERRAFORM.open() as file:
        parsed = hcl2.load(file)
    made = {kind.strip('"'): next(iter(block[kind].values())) for block in parsed["resource"] for kind in block}
    log = made["aws_flow_log"]
    assert log["log_format"].strip('"') == WANTED["LogFormat"].replace("${", "$${")
    assert (log["max_aggregation_interval"], log["log_destination_type"].strip('"')) == (60, "s3")
    for action in ("s3:PutObject", "s3:GetBucketAcl", "s3:ListBucket"):
        assert action in made["aws_s3_bucket_policy"]["policy"]
    reader = policies(WANTED, ACCOUNT, REGION)["IAM policy of whoever runs the reports"]
    for statement in reader["Statement"]:
        for action in statement["Action"]:
            assert f'"{action}"' in made["aws_iam_policy"]["policy"].replace("\\", "")


def commands() -> list[str]:
    blocks = re.findall(r"(?s)```sh\n(.*?)```", GUIDE.read_text())
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line]


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("flowkit ")])
def test_every_flowkit_command_of_the_guide_is_one(command):
    parsed = cli.parser().parse_args(shlex.split(command)[1:])
    assert callable(parsed.func)
    if hasattr(parsed, "destination") and not parsed.print_policy:
        assert request(parsed.resource, parsed.traffic_type, parsed.destination, parsed.format, role=parsed.role)


def test_the_guides_aws_cli_call_asks_for_the_same():
    [call] = [shlex.split(line) for line in commands() if line.startswith("aws ec2 create-flow-logs")]
    given = dict(zip(call[3::2], call[4::2], strict=True))
    wanted = request([given["--resource-ids"]], given["--traffic-type"], given["--log-destination"])
    assert given["--log-format"] == wanted["LogFormat"]
    assert given["--log-destination-type"] == wanted["LogDestinationType"]
    assert int(given["--max-aggregation-interval"]) == wanted["MaxAggregationInterval"]


def test_the_guides_links_lead_somewhere():
    for link in re.findall(r"\]\(((?!https?:)[^)]+)\)", GUIDE.read_text()):
        assert (DOCS / link).exists(), link
