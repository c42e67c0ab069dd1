"""Reports in Korean: the catalogue is whole, a report of the sample is Korean, and its data are those of the English one."""

import ast
import json
import re
from html import unescape
from string import Formatter

import nbformat
import pytest
from test_newcomer import KOREAN, ROOT, cells, text

from flowkit import cli
from flowkit.loading.sample import NOTEBOOKS
from flowkit.reporting.answer import incidents_html
from flowkit.reporting.finding import FOLDS, Finding
from flowkit.reporting.kinds import KINDS, LANGUAGE, LANGUAGES, TEXTS, catalogue, language, translated
from flowkit.reporting.redact import Redactor

HANGUL = re.compile("[가-힣]")
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
def reports(tmp_path_factory):
    """The sample's report in English, and in Korean after it, in one folder, with their exit codes."""
    out, told = tmp_path_factory.mktemp("korean"), []
    for lang in LANGUAGES:
        code = cli.main(["report", "--out", str(out), "--lang", lang, "--fail-on", "high"])
        told.append((code, (out / "latest").resolve()))
    return told


def test_a_korean_report_finds_what_the_english_one_finds(reports):
    (code, english), (korean_code, korean) = reports
    assert (code, korean_code, language()) == (3, 3, "en")
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
    folder = reports[1][1]
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
        labels = re.findall(r'role="img" aria-label="([^"]*)"', page)
        assert [label for label in labels if not HANGUL.search(label)] == [], name
    runs = json.loads(text(folder / "run.json"))["notebooks"]
    assert all(HANGUL.search(sentence) for each in runs for sentence in (each["title"], *each["summary"]))
    assert '<html lang="ko">' in text(folder.parent / "index.html")
    assert HANGUL.search(text(reports[0][1] / "index.html")) is None


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
