"""Reports in Korean: the catalogue is whole, a report of the sample is Korean, and its data are those of the English one."""

import ast
import json
import re
import shutil
from html import unescape
from string import Formatter

import nbformat
import pytest
from test_newcomer import KOREAN, ROOT, cells, text

from flowkit import cli, load
from flowkit.language import LANGUAGE, catalogue, language, retold, translated
from flowkit.loading.sample import NOTEBOOKS
from flowkit.reporting.answer import WORDS, incidents_html
from flowkit.reporting.finding import FOLDS, Finding
from flowkit.reporting.kinds import KINDS, TEXTS
from flowkit.reporting.kinds import text as text_of
from flowkit.reporting.redact import Redactor

HANGUL = re.compile("[가-힣]")
#: Headings that stay: AWS's fields, and tools.
KEPT = {"Terraform", "log-status"}
#: Columns whose cells are words or sentences.
WORDY = {catalogue("ko").get(f"column.{name}", "-") for name in WORDS}
SOURCES = sorted((ROOT / "flowkit").rglob("*.py"))
TEMPLATES = sorted((ROOT / "flowkit/reporting/template").glob("*.j2"))


def names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def test_every_english_sentence_is_there_in_korean_with_the_same_names_in_braces():
    korean = catalogue("ko")
    assert {key for key in korean if not key.startswith(("page.", "column."))} == TEXTS.keys()
    assert {
        key: names(TEXTS[key]) ^ names(korean[key]) for key in TEXTS if names(TEXTS[key]) != names(korean[key])
    } == {}
    page = {key.removeprefix("page."): said for key, said in korean.items() if key.startswith("page.")}
    assert [words for words, said in page.items() if names(words) != names(said)] == []
    commands = {key: re.findall(r"(?m)^(?:aws|sudo|ss|flowkit) .*", TEXTS[key]) for key in TEXTS}
    assert {key: found for key, found in commands.items() if any(line not in korean[key] for line in found)} == {}
    signs = {"common.and", "delivery.command", "egress.pair", "kind.blocked-client.title", "talkers.part"}
    assert {key for key in TEXTS if not HANGUL.search(korean[key])} == signs


def test_every_label_of_pages_figures_and_tables_is_in_the_catalogue():
    said = {words for page in TEMPLATES for words in re.findall(r'_\("([^"]*)"[,)]', text(page))}
    said |= {f"{{n{spec}}} {fold}" for fold in FOLDS if fold for spec in ("", ":incident")}
    for path in SOURCES:
        for call in ast.walk(ast.parse(text(path))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "translated":
                said |= {each.value for each in call.args if isinstance(each, ast.Constant) and each.value}
    assert {words for words in said if f"page.{words}" not in catalogue("ko")} == set()
    assert len(said) > 100


#: Modules whose sentences a report shows, and what in them it does not.
TELLING = ["questions/" + name for name in ("causes", "legitimacy", "rules", "fixes", "what_if", "gaps")] + [
    "reporting/run"
]
NOT_SHOWN = re.compile(
    r"^[^ ]*$|SELECT|^CASE |^aws |^--|^[\w, ]*(interface|group)_id|^(reading logs|running notebooks)$|^; "
    r"|^(low|out to|in from|was|is)\b.*"
)
#: What stands only in a longer sentence, each of which is told below.
PIECES = {
    "{} of {} on {}", "1 packet of {}", " on average", "{} in the same {} let the same {} {} then", "{}, so its network ACL does",
    "all {} interfaces of {} that were asked reject it", "{}, {} in another does not",
    "{} public clients are accepted there: its security group is open to the internet",
    "{}, and it cannot deny one network, as a network ACL does", "as no rule of it matches",
    "# remove the {}: {} rule {}", "This opens {} to {}: a VPN or Session Manager is safer.",
    "{}'s packets to {} were accepted ({})", "{} has no free number {}", "before {}: move that entry first",
}  # fmt: skip
WHOLE = (
    "eni-a in the same subnet-1 let the same out to 10.0.0.1 then, so its network ACL does",
    "all 3 interfaces of subnet-1 that were asked reject it, eni-b in another does not",
    "60 public clients are accepted there: its security group is open to the internet, and it cannot deny one network, as a"
    " network ACL does",
    "1 attempt of a on b", "1 packet of 40 bytes after the conversation was accepted both ways",
    "2 packets of 40 bytes on average in mid-stream, without SYN", "network ACL a denies b as no rule of it matches",
    "# remove the aws_network_acl_rule of a: egress rule 7",
    "This opens SSH (22) to a: a VPN or Session Manager is safer.",
    "a's packets to b were accepted (1 record)", "a's packets to b were accepted (2 records)",
    "acl-1 has no free number before inbound rule 1 (deny all traffic from ::/0): move that entry first",
)  # fmt: skip


def sentences(path) -> set[str]:
    """What a module says, each f-string with {} for what it quotes; not its docstrings, nor what it raises."""
    tree, found, skipped = ast.parse(text(path)), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.FormattedValue):
            skipped |= set(ast.walk(node)) - {node}
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
    for node in set(ast.walk(tree)) - skipped:
        if isinstance(node, ast.JoinedStr):
            found.add("".join(each.value if isinstance(each, ast.Constant) else "{}" for each in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return {
        one for one in found if len(re.findall(r"(?<![\w-])[a-z]{2,}(?![\w-])", one)) > 1 and not NOT_SHOWN.search(one)
    }


@pytest.mark.parametrize("name", TELLING)
def test_every_sentence_of_a_question_that_a_report_shows_is_there_in_korean(name, monkeypatch):
    monkeypatch.setenv(LANGUAGE, "ko")
    said = sentences(ROOT / "flowkit" / f"{name}.py")
    assert {one for one in said if not HANGUL.search(retold(one.format(*"ABCDEFGH")))} <= PIECES
    assert len(said) > 0
    assert [one for one in WHOLE if not HANGUL.search(retold(one))] == []


def test_a_question_is_retold_with_what_it_quotes(monkeypatch):
    said = "3 attempts of 10.0.0.5 on tcp/22; security group sg-1 has no ingress rule for tcp/22 from 10.0.0.5; other words"
    assert retold(said) == said
    monkeypatch.setenv(LANGUAGE, "ko")
    assert retold(said) == (
        "10.0.0.5 → tcp/22 시도 3회; 보안 그룹 sg-1: tcp/22(소스 10.0.0.5)에 대한 인바운드 규칙이 없습니다; other words"
    )
    assert retold("inbound rule 7 (deny all traffic from ::/0)") == "인바운드 규칙 7: 모든 트래픽(소스 ::/0) 거부"
    assert retold("tcp/1-9 to sg-1, 10.0.0.0/8 and 3 more; icmp type 8 code 0 from ::/0; all icmp to pl-1") == (
        "tcp/1-9(대상 sg-1, 10.0.0.0/8 외 3개); icmp 유형 8 코드 0(소스 ::/0); 모든 icmp(대상 pl-1)"
    )
    assert (
        retold("10.0.0.5 port 443") == "10.0.0.5 포트 443" and retold("a letter from b to c") == "a letter from b to c"
    )
    assert retold("security-group-and-network-acl") == "보안 그룹과 네트워크 ACL"
    assert retold("x" * 10_000 + " of " * 10_000) == "x" * 10_000 + " of " * 10_000
    told = text_of("what-if.same"), text_of("what-if.safe", span="2 d 3 h", share="98.7 %")
    assert "2일 3시간 동안 수락된" in told[1] and HANGUL.search(told[0])


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_line_and_caption_of_a_notebook_is_in_the_catalogue(path):
    notebook = nbformat.read(path, as_version=4)
    lines = [
        line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.split("\n") if line
    ]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    captions = re.findall(r'fk\.show\(.*?, "([^"]*)"[,)]', code)
    assert len(lines) > 5 and captions
    assert [words for words in lines + captions if not HANGUL.search(catalogue("ko").get(f"page.{words}", ""))] == []


def test_the_meanings_of_kinds_are_those_of_the_korean_readme():
    rows = {row[0].strip(" `"): row[3].strip() for row in cells(text(KOREAN["README.md"])) if len(row) == 4}
    assert {kind: catalogue("ko")[f"kind.{kind}.meaning"] for kind in KINDS} == {kind: rows[kind] for kind in KINDS}


@pytest.fixture(scope="module")
def reports(tmp_path_factory, sample_reports):
    """The sample's report in English, and in Korean after it, in one folder, with the second one's exit code."""
    out = shutil.copytree(sample_reports, tmp_path_factory.mktemp("korean") / "out", symlinks=True)
    english = (out / "latest").resolve()
    code = cli.main(["report", "--out", str(out), "--lang", "ko", "--fail-on", "high"])
    return english, code, (out / "latest").resolve()


def test_a_korean_report_finds_what_the_english_one_finds(reports):
    english, code, korean = reports
    assert (code, language()) == (3, "en") and korean != english
    one, other = (json.loads(text(folder / "findings.json")) for folder in (english, korean))
    words = ("title", "grounds", "action", "status")
    plain = [
        [{key: each[key] for key in each.keys() - set(words)} for each in found["findings"]] for found in (one, other)
    ]
    assert plain[0] == plain[1] and len(plain[0]) > 20
    # The run before was English: what it had goes on, and nothing is resolved.
    assert {each["status"] for each in other["findings"]} == {"ongoing"} and other["resolved"] == []
    assert one["coverage"] == other["coverage"]
    assert [each["title"] for each in other["findings"] if not HANGUL.search(each["title"])] == []
    told = [
        f["title"] for f in other["findings"] if f["kind"] == "expectation-broken" and f["subject"]["dstport"] == 6380
    ]
    assert told == [
        "“worker to cache” 기대가 충족되지 않습니다: app-1 (10.14.10.162) → db-1 (10.14.20.216) tcp/6380: 거부됨(세션 190개)."
    ]


def test_headings_titles_and_summaries_of_a_korean_report_are_korean(reports):
    english, _, folder = reports
    pages = {path.stem: text(path) for path in folder.glob("*.html")}
    assert len(pages) == 5
    for name, page in pages.items():
        assert '<html lang="ko">' in page, name
        body = re.sub(r"(?s)<(script|style|pre)\b.*?</\1>", "", page)
        found = re.findall(r"(?s)<(?:h[1-3]|title|summary)\b[^>]*>(.*?)</", body)
        found += re.findall(r"(?s)class='fk-title'>(.*?)</span>", body) + re.findall(r"<b>([A-Za-z][^<]*)</b>", body)
        for box in re.findall(r"(?s)<div class='fk-verdict'>(.*?)</div>", body):
            found += re.findall(r"<p>(.*?)</p>", box)
        found += re.findall(r"class='fk-coverage'>(.*?)</p>", body)
        plain = [unescape(re.sub("<[^>]*>", "", each)).strip() for each in found]
        left = {each for each in plain if re.search("[A-Za-z]{2}", each) and not HANGUL.search(each)}
        assert {each for each in left if " " in each} == set() and len(plain) > 10, name
        drawn = {unescape(each).strip() for each in re.findall(r"(?s)<text\b[^>]*>(?:<!--.*?-->)?([^<]*)</text>", body)}
        named = {each for each in drawn if not re.search(r"[\d(]", each) and not HANGUL.search(each)}
        assert {each for each in named if " " in each} == set(), name
        cells = re.findall(r"(?s)<dt>(.*?)</dt><dd>(.*?)</dd>", body)
        for table in re.findall(r"(?s)<table><thead>.*?</table>", body):
            heads = re.findall(r"<th\b[^>]*>(.*?)</th>", table)
            for row in re.findall(r"(?s)<tr>(?:\s*<td\b.*?)</tr>", table):
                cells += zip(heads, re.findall(r"(?s)<td\b[^>]*>(.*?)</td>", row), strict=False)
        assert {head for head, _ in cells if re.search("[a-z]{3}", head) and not HANGUL.search(head)} <= KEPT, name
        words = {cell for head, cell in cells if head in WORDY for cell in unescape(cell).split("; ")}
        assert {each for each in words if re.search("[a-z]{3}", each) and not HANGUL.search(each)} == set(), name
        labels = re.findall(r'role="img" aria-label="([^"]*)"', page)
        assert [label for label in labels if not HANGUL.search(label)] == [], name
    runs = json.loads(text(folder / "run.json"))["notebooks"]
    assert all(HANGUL.search(sentence) for each in runs for sentence in (each["title"], *each["summary"]))
    assert '<html lang="ko">' in text(folder.parent / "index.html")
    assert HANGUL.search(text(english / "index.html")) is None


def test_a_language_that_is_not_there_is_wrong_usage(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["report", "--lang", "fr", "--out", str(tmp_path / "out")])
    assert stop.value.code == 2 and "--lang: invalid choice: 'fr'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_a_log_says_is_escaped_in_korean_sentences_too(monkeypatch):
    monkeypatch.setenv(LANGUAGE, "ko")
    broken = Finding("expectation-broken", "low", "high", "기대", {}, incident="a", expectation="<img src=x>").as_dict()
    lead = Finding("scan", "high", "certain", "스캔", {}, incident="a").as_dict()
    page = str(incidents_html([[lead | {"status": "new"}, broken | {"status": "new"}]]))
    assert "위반: “&lt;img src=x&gt;”" in page and "<img" not in page
    assert translated("breaks {name}", name="{n}") == "위반: {n}"


def test_redaction_finds_addresses_beside_korean_letters():
    told = Redactor(b"k").text("2600:1f18:1234::5에서 8.8.8.8으로")
    assert "2600:1f18:1234::5" not in told and "8.8.8.8" not in told and told.endswith("으로")


def test_another_language_in_the_environment_is_english(monkeypatch):
    monkeypatch.setenv(LANGUAGE, "xx")
    assert language() == "en" and translated("grounds") == "grounds"


def test_what_a_log_says_of_itself_is_korean_too(tmp_path, monkeypatch):
    lines = ["2 123456789012 eni-1 10.0.0.5 10.0.0.6 40000 443 6 1 60 1763600000 1763600060 ACCEPT OK", "x y", "z"]
    (tmp_path / "network.log").write_text("\n".join(lines))
    log = load(str(tmp_path / "network.log"), end="2026-01-01")
    plain = repr(log)
    monkeypatch.setenv(LANGUAGE, "ko")
    rows = dict(line.strip().split(": ", 1) for line in repr(log).splitlines()[1:])
    assert plain.startswith("Log\n  source: ") and not HANGUL.search(plain)
    assert rows["소스"] == str(tmp_path / "network.log"), "a name stays, whatever words it has"
    assert rows["기간"] == "첫 레코드 ~ 2026-01-01 00:00:00 UTC"
    assert rows["이 파일들의 레코드"] == "1개, 2025-11-20 00:53:20 ~ 2025-11-20 00:54:20 UTC"
    assert (rows["log-status"], rows["파일"]) == ("1 OK", "1개, 손상 0개, 읽을 수 없음 0개")
    assert rows["형식이 잘못된 줄"] == "3줄 중 2줄" and any(each.startswith("형식 오류") for each in rows)
    assert "<th>소스</th>" in log._repr_html_()
