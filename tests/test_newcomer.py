"""The newcomer's way: pages in English and Korean that say the same, as the code has it, and the first notebook."""

import json
import re
from pathlib import Path

import codebook
import nbformat
import pytest

from flowkit import cli
from flowkit.fields import FIELDS, TGW_FIELDS, VPC_FIELDS
from flowkit.loading.sample import NOTEBOOKS
from flowkit.reporting.notebooks import chosen

ROOT = Path(__file__).resolve().parents[1]
KOREAN = {name: ROOT / "docs/ko" / Path(name).name for name in (
    "README.md", "docs/setting-up.md", "docs/fields.md", "docs/reading-flow-logs.md",
)}  # fmt: skip
BOTH = pytest.mark.parametrize("name", KOREAN)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def sections(page: Path) -> list[str]:
    """The page cut at its headings, each with what follows it; a `#` in a block of code is none."""
    plain = re.sub(
        r"(?ms)^```.*?^```", lambda block: re.sub("^#", "\N{NUMBER SIGN}\0", block[0], flags=re.M), text(page)
    )
    return [part.replace("\0", "") for part in re.split(r"(?m)^(?=#+ )", plain)][1:]


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page_text: str) -> list[str]:
    return re.findall(r"(?ms)^```.*?^```", page_text)


def prose(page_text: str) -> str:
    return re.sub(r"(?ms)^```.*?^```", "", page_text)


def spans(page_text: str) -> set[str]:
    return set(re.findall(r"`[^`\n]+`", prose(page_text)))


def cells(page_text: str) -> list[list[str]]:
    return [row.strip("| ").split("|") for row in re.findall(r"(?m)^\|.*\|$", prose(page_text))]


@pytest.mark.parametrize("page", codebook.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_the_fields_and_the_explained_records_as_the_code_has_them(page):
    assert text(page) == codebook.refreshed(page), "run `python docs/codebook.py`"


@pytest.mark.parametrize("name", ["docs/fields.md", "docs/ko/fields.md"])
def test_the_codebook_has_all_fields_in_awss_order(name):
    rows = [[cell.strip() for cell in row] for row in cells(text(ROOT / name)) if row[0].strip().isdecimal()]
    assert len(VPC_FIELDS) == 54 and len(TGW_FIELDS) == 18
    assert [(row[1].strip("`"), int(row[2]), row[3]) for row in rows] == [each[:3] for each in VPC_FIELDS + TGW_FIELDS]
    versions = [2, 3, 4, 5, 7, 8, 9, 10, 11]
    totals = [sum(each.version <= version for each in VPC_FIELDS) for version in versions]
    said = re.findall(
        r"\d+", next(line for line in text(ROOT / name).splitlines() if re.match(r"- \*(Version|버전)", line))
    )
    assert {str(number) for number in totals + versions} <= set(said)
    assert totals == [14, 21, 25, 29, 39, 40, 41, 42, 54]


def test_every_field_is_said_in_korean_with_the_same_values():
    assert list(codebook.NOTES) == list(FIELDS)
    for name, row in codebook.NOTES.items():
        assert re.search(r"[가-힣]|^EFA", row["meaning_ko"]) and bool(row["more"]) == bool(row["more_ko"]), name
        assert spans(row["more"]) == spans(row["more_ko"]), name
        for english, korean in ((FIELDS[name].meaning, row["meaning_ko"]), (row["more"], row["more_ko"])):
            assert set(re.findall(r"\d+", english)) <= set(re.findall(r"\d+", korean)), name


@BOTH
def test_korean_and_english_have_the_same_headings_commands_and_values(name):
    english, korean = sections(ROOT / name), sections(KOREAN[name])
    assert [part.split(" ")[0] for part in english] == [part.split(" ")[0] for part in korean]
    for one, other in zip(english, korean, strict=True):
        heading = other.splitlines()[0]
        assert blocks(one) == blocks(other), heading
        assert spans(one) == spans(other), heading
        assert [len(row) for row in cells(one)] == [len(row) for row in cells(other)], heading
        assert len(re.findall(r"(?m)^(?:[-*]|\d+\.) ", one)) == len(re.findall(r"(?m)^(?:[-*]|\d+\.) ", other)), heading


@BOTH
def test_the_korean_is_korean_and_polite_in_one_way(name):
    page = prose(text(KOREAN[name]))
    lines = [line for line in page.splitlines() if re.search(r"[A-Za-z]{4,} [a-z]{3,} [a-z]{3,}", line)]
    assert [line for line in lines if not re.search("[가-힣]", line)] == []
    assert re.findall(r"\S*(?:(?<!니)다|요)\.(?=\s|$)", page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", prose(text(page)))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_readmes_name_the_same_kinds():
    kinds = [
        [row[:3] for row in cells(text(page)) if len(row) == 4] for page in (ROOT / "README.md", KOREAN["README.md"])
    ]
    assert kinds[0][2:] == kinds[1][2:] and len(kinds[0]) > 20


@pytest.mark.parametrize("name", ["docs/fields.md", "docs/reading-flow-logs.md", "docs/setting-up.md"])
def test_a_page_is_read_in_about_five_minutes(name):
    words = re.sub(r"(?m)^\|.*\|$", "", prose(text(ROOT / name))).split()
    assert len(words) <= 5 * 240


#: What a tutorial tells a newcomer, as the pages say it: page, English, Korean.
FIELDS_PAGE, READING = "docs/fields.md", "docs/reading-flow-logs.md"
TUTORIAL = [
    # What a flow log is, and what it is for.
    (READING, "records the IP traffic of network interfaces", "네트워크 인터페이스를 오가는 IP 트래픽을 기록합니다"),
    (READING, "diagnosing overly restrictive security group rules", "지나치게 제한적인 보안 그룹 규칙 진단"),
    (READING, "monitoring the traffic that reaches an instance", "인스턴스에 도달하는 트래픽 모니터링"),
    (READING, "the direction of the traffic to and from the network interfaces", "오가는 트래픽의 방향"),
    (READING, "collected outside the path of the traffic", "네트워크 트래픽 경로 외부에서 수집"),
    (READING, "takes no bandwidth and adds no latency", "네트워크 처리량이나 지연 시간에 영향을 주지 않습니다"),
    # The fourteen fields of the default format.
    (FIELDS_PAGE, "The default format is the 14 fields of version 2", "기본 형식은 버전 2의 14개 필드"),
    (FIELDS_PAGE, "`version` | 2 | int32 | flow log version", "`version` | 2 | int32 | 흐름 로그 버전"),
    (FIELDS_PAGE, "`account-id` | 2 | string | account", "`account-id` | 2 | string | 인터페이스 소유자의 AWS 계정 ID"),
    (FIELDS_PAGE, "`unknown` for some interfaces that an AWS service made", "AWS 서비스가 만든 일부 인터페이스에서는 `unknown`"),
    (FIELDS_PAGE, "network interface that logged the traffic", "트래픽이 기록된 네트워크 인터페이스의 ID"),
    (FIELDS_PAGE, "| source address | Incoming: the sender.", "| 소스 주소 | 수신 트래픽에서는 보낸 쪽의 주소"),
    (FIELDS_PAGE, "| destination address | Outgoing: the receiver.", "| 대상 주소 | 송신 트래픽에서는 받는 쪽의 주소"),
    (FIELDS_PAGE, "whose IPv4 address is always its private one", "IPv4 주소는 항상 프라이빗 주소"),
    (FIELDS_PAGE, "`srcport` | 2 | int32 | source port", "`srcport` | 2 | int32 | 소스 포트"),
    (FIELDS_PAGE, "`dstport` | 2 | int32 | destination port", "`dstport` | 2 | int32 | 대상 포트"),
    (FIELDS_PAGE, "IANA protocol number | 1 ICMP, 6 TCP, 17 UDP", "IANA 프로토콜 번호 | 1 ICMP, 6 TCP, 17 UDP"),
    (FIELDS_PAGE, "packets in the aggregation interval", "집계 간격 동안의 패킷 수"),
    (FIELDS_PAGE, "bytes in the aggregation interval", "집계 간격 동안의 바이트 수"),
    (FIELDS_PAGE, "first packet of the flow in the interval", "집계 간격 안에서 흐름의 첫 패킷 시각"),
    (FIELDS_PAGE, "last packet of the flow in the interval", "집계 간격 안에서 흐름의 마지막 패킷 시각"),
    (FIELDS_PAGE, "Up to 60 seconds after the packet", "최대 60초 늦을 수 있습니다"),
    (FIELDS_PAGE, "`ACCEPT`: let through.", "`ACCEPT`: 트래픽이 수락되었습니다."),
    (FIELDS_PAGE, "`REJECT`: not allowed by the security groups or network ACLs", "`REJECT`: 보안 그룹이나 네트워크 ACL이"),
    (FIELDS_PAGE, "packets that arrived after the connection was closed", "연결이 닫힌 뒤에 패킷이 도착했습니다"),
    (FIELDS_PAGE, "`OK`: data is logged normally.", "`OK`: 데이터가 정상적으로 기록됩니다."),
    (FIELDS_PAGE, "A field that is not applicable", "해당 사항이 없거나 AWS가 계산할 수 없는 필드는 `-`"),
    # The statuses.
    (READING, "| `OK` | log-status | data is logged normally", "| `OK` | log-status | 데이터가 정상적으로 기록됩니다"),
    (READING, "there was no network traffic to or from the interface", "주고받은 네트워크 트래픽이 없었습니다"),
    (READING, "some records were skipped in the interval", "집계 간격의 일부 레코드를 건너뛰었습니다"),
    (READING, "internal capacity constraint or an internal error", "내부 용량 제약이나 내부 오류"),
    (READING, "A single such record can stand for many flows", "이런 레코드 하나가 여러 흐름을 나타낼 수 있습니다"),
    (READING, "not applicable to this record, or AWS could not compute it", "해당 사항이 없거나, AWS가 값을 계산할 수 없었습니다"),
    # The two lines of AWS's page.
    (READING, "20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK'", "20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK'"),
    (READING, "sent 20 packets (4,249 bytes) from port 20641 to the SSH port", "포트 20641에서 172.31.16.21의 SSH 포트(22, TCP"),
    (READING, "- - - - - - - 1431280876 1431280934 - SKIPDATA'", "- - - - - - - 1431280876 1431280934 - SKIPDATA'"),
    (READING, "AWS failed to log something of this interface", "이 인터페이스의 트래픽 일부를 기록하지 못했으며"),
    # Addresses, times, and what is never there.
    (READING, "IPv4 address of the interface itself is always its private address", "자신의 IPv4 주소는 항상 프라이빗 주소"),
    (READING, "at most 10 minutes by default, 1 minute if chosen", "기본값이 10분이며 1분을 선택할 수도 있습니다"),
    (READING, "about 5 minutes to CloudWatch Logs, about 10 to S3", "CloudWatch Logs에는 약 5분, S3에는 약 10분"),
    (READING, "Nothing appears before there is traffic", "트래픽이 생기기 전에는 아무것도 나타나지 않습니다"),
    (READING, "traffic to Amazon's DNS server", "Amazon DNS 서버로 가는 트래픽"),
    (READING, "instance metadata, 169.254.169.254", "인스턴스 메타데이터 169.254.169.254"),
    (READING, "Amazon Time Sync Service, 169.254.169.123", "Amazon Time Sync Service 169.254.169.123"),
    (READING, "- DHCP and ARP", "- DHCP와 ARP"),
    (READING, "activating its licence", "라이선스를 활성화하는 트래픽"),
    (READING, "source traffic of traffic mirroring", "트래픽 미러링의 원본 트래픽"),
    (READING, "reserved address of the VPC's default router", "기본 VPC 라우터의 예약된 주소"),
    # Making one, and where it lies.
    (READING, "a VPC, a subnet or a network interface", "VPC, 서브넷 또는 네트워크 인터페이스(ENI)"),
    (READING, "| traffic type | ACCEPT, REJECT or ALL |", "| 트래픽 유형 | ACCEPT(수락), REJECT(거부) 또는 ALL(모두) |"),
    (READING, "CloudWatch Logs, an S3 bucket, or Amazon Data Firehose", "CloudWatch Logs, S3 버킷 또는 Amazon Data Firehose"),
    (READING, "IAM permission `ec2:CreateFlowLogs`", "IAM 권한 `ec2:CreateFlowLogs`"),
    (READING, "*bucket policy* that lets `delivery.logs.amazonaws.com` write", "`delivery.logs.amazonaws.com`의 쓰기"),
    (READING, "Every 5 minutes AWS writes the last 5 minutes as `.log.gz` files", "5분마다 지난 5분의 레코드를 `.log.gz` 파일"),
    (READING, "/AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/11/20/", "/AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/11/20/"),
    (READING, "A flow log cannot be changed", "흐름 로그는 형식을 포함하여 변경할 수 없습니다"),
    ("docs/setting-up.md", "*Actions*, *Create flow log*", "*작업*, *흐름 로그 생성*"),
    ("docs/setting-up.md", "Filter *All*; maximum aggregation interval *1 minute*", "필터는 *모두*, 최대 집계 간격은 *1분*"),
    ("docs/setting-up.md", "*Send to an Amazon S3 bucket*", "*Amazon S3 버킷으로 전송*"),
    ("docs/setting-up.md", "after about 5 minutes in a log group, about 10 in a bucket", "로그 그룹에는 약 5분, 버킷에는 약 10분"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "english", "korean"), TUTORIAL, ids=[f"{at:02}" for at in range(len(TUTORIAL))])
def test_what_a_tutorial_says_has_its_place_in_both_languages(page, english, korean):
    here = [at for at, part in enumerate(sections(ROOT / page)) if english in part]
    there = [at for at, part in enumerate(sections(KOREAN[page])) if korean in part]
    assert here, english
    assert set(here) & set(there), korean


def test_no_report_runs_the_first_look_by_itself():
    assert list(chosen((), NOTEBOOKS)) == ["direction", "reachability", "rejected", "skipdata"]
    assert chosen(("first-look",), NOTEBOOKS) == {"first-look": NOTEBOOKS / "learn" / "first-look.ipynb"}


def test_the_first_look_reads_the_two_records_and_the_sample(tmp_path):
    assert cli.main(["report", "--notebook", "first-look", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "latest" / "findings.json").read_text())["findings"] == []
    notebook = nbformat.read(tmp_path / "latest" / "first-look.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = {said.splitlines()[0]: said for said in (output["data"]["text/plain"] for output in outputs)}
    ssh = shown["One accepted SSH record, field by field"]
    assert len(ssh.splitlines()) == 2 + 14 and "2014-12-14 04:06:50 UTC" in ssh
    assert shown["One SKIPDATA record, field by field"].count("not applicable, or not known") == 8
    counts = shown["Records by log-status and action"]
    assert re.findall(r"(NODATA|ACCEPT|REJECT|SKIPDATA)\s+([\d,]+)", counts) == [
        ("NODATA", "3,807"), ("ACCEPT", "57,173"), ("REJECT", "1,217"), ("SKIPDATA", "13"),
    ]  # fmt: skip
    assert len(shown["SKIPDATA records"].splitlines()) == 2 + 5
    asked = shown["Who asked for TCP port 22"].splitlines()[2:]
    assert re.split(r"\s+", asked[0].strip()) == ["10.14.0.227", "bastion", "10.14.10.49", "web-1", "answered", "10"]


def test_the_first_look_says_where_a_log_has_no_such_record(tmp_path):
    log = tmp_path / "flow.log"
    log.write_text("2 123456789010 eni-0a 10.0.0.9 10.0.0.5 40000 443 6 1 60 1763600000 1763600060 ACCEPT OK\n")
    assert cli.main(["report", str(log), "--notebook", "first-look", "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "latest" / "first-look.html").read_text()
    for caption in ("TCP port 22, requests and replies", "SKIPDATA records", "Who asked for TCP port 22"):
        assert f"{caption}: no rows." in page
