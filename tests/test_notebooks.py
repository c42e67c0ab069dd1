"""The four notebooks, end to end, by `flowkit report`: on the sample, on real logs, and on logs that hold little."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from simulate import FIELDS_V2, simulate
from support import write_log

from flowkit import cli, gaps, load, reachability, rejected, talkers
from flowkit.folding.coverage import covered_share
from flowkit.loading.sample import NOTEBOOKS, SAMPLE

V2 = "2 012345678901 eni-0a1 {src} {dst} {sport} {dport} 6 3 180 {at} {at} {action} OK"


def run(tmp_path: Path, source: str, *words: str) -> Path:
    """The folder of a good run of all four notebooks over `source`."""
    assert cli.main(["report", source, "--out", str(tmp_path), *words]) == 0
    return tmp_path / "latest"


def told(folder: Path) -> dict:
    return json.loads((folder / "findings.json").read_text())


def text_of(folder: Path) -> dict[str, str]:
    """By notebook: what its Findings cell shows, without markup."""
    shown = {}
    for path in folder.glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
        assert [output for output in outputs if output.output_type == "error"] == []
        html = " ".join(output.data.get("text/html", "") for output in outputs if "data" in output)
        html = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.S)
        shown[path.stem] = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    assert sorted(shown) == sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    return shown


@pytest.fixture(scope="module")
def sample(sample_reports):
    return sample_reports / "latest"


def found(incident: dict, findings: list[dict]) -> list[dict]:
    """The findings that tell of a planted incident."""
    fixed = ["interface_id", "srcaddr", "dstaddr", "dstport"]
    if incident["kind"].startswith(("expectation", "newly")):
        fixed = ["dstport"]
    named = {name: incident[name] for name in fixed if incident[name] is not None}
    return [
        finding
        for finding in findings
        if finding["kind"] == incident["kind"]
        and named.items() <= finding["subject"].items()
        and (incident["cause"] is None or finding["cause"] == incident["cause"])
    ]


def test_every_planted_incident_of_the_sample_is_found_with_its_cause(sample):
    truth = json.loads((SAMPLE / "truth.json").read_text())
    incidents = [each for each in truth if each["finding"]]
    findings = told(sample)["findings"]
    assert [each["id"] for each in incidents if not found(each, findings)] == []
    assert len(incidents) >= 17


def test_nothing_grave_is_told_that_was_not_planted(sample):
    truth = json.loads((SAMPLE / "truth.json").read_text())
    explained = [finding["id"] for each in truth for finding in found(each, told(sample)["findings"])]
    rest = [
        each["title"] for each in told(sample)["findings"] if each["severity"] == "high" and each["id"] not in explained
    ]
    assert rest == []


def test_every_notebook_draws_a_figure_and_runs_its_cells_from_any_folder(sample):
    for path in sample.glob("*.ipynb"):
        outputs = [
            output for cell in nbformat.read(path, 4).cells if cell.cell_type == "code" for output in cell.outputs
        ]
        drawn = [output for output in outputs if "image/svg+xml" in output.get("data", {})]
        assert drawn, f"{path.stem} drew no figure"


@pytest.mark.parametrize(
    ("patterns", "records"),
    [
        (("SEKOIA-IO__automation-library/*.log", "grafana__lambda-promtail/*.gz"), 17),
        (("obsrvbl-oss__flowlogs-reader/V[2345]*",), 11),
    ],
    ids=["default format", "formats with headers"],
)
def test_real_logs_give_a_report_with_the_right_counts(third_party, tmp_path, patterns, records):
    files = [path for pattern in patterns for path in sorted(third_party.glob(pattern))]
    (tmp_path / "logs").mkdir()
    for path in files:
        (tmp_path / "logs" / path.name).symlink_to(path)
    folder = run(tmp_path / "out", str(tmp_path / "logs"))
    coverage = told(folder)["coverage"]
    assert coverage["records"] == records
    expected = [json.loads(line) for line in (third_party / "EXPECTED.jsonl").read_text().splitlines()]
    counted = [each["expect"] for each in expected if third_party / each["file"] in files]
    for name in ("nodata", "skipdata", "malformed"):
        assert coverage[name] == sum(each[name] for each in counted)
    text_of(folder)


def test_an_empty_window_is_a_report_that_says_so(tmp_path):
    assert load("sample", "2026-11-20T12:00:01Z", "2026-11-20T12:00:02Z").fold.facts["records"] < 60
    empty = run(tmp_path, "sample", "--start", "2030-01-01", "--end", "2030-01-02")
    assert told(empty)["coverage"]["records"] == 0
    assert {each["kind"] for each in told(empty)["findings"]} == {"expectation-unproven", "not-delivered"}
    for name, text in text_of(empty).items():
        assert re.search(r"\b(no|nothing|not one|none)\b", text, re.I), name


def test_a_log_of_refusals_alone_makes_no_claim_that_it_cannot_carry(tmp_path):
    records = [
        V2.format(
            src="203.0.113.9", dst="10.0.0.5", sport=50000 + n, dport=5432, at=1700000000 + 60 * n, action="REJECT"
        )
        for n in range(30)
    ]
    folder = run(tmp_path, str(write_log(tmp_path / "flow.log", records)))
    assert {each["cause"] for each in told(folder)["findings"] if each["notebook"] == "rejected"} <= {
        "undetermined",
        None,
    }
    assert {each["kind"] for each in told(folder)["findings"]} <= {
        "blocked-client",
        "scan",
        "noise",
        "low-confidence-direction",
    }
    texts = text_of(folder)
    assert "This log holds rejected traffic only: it cannot show what is reachable" in texts["reachability"]
    assert (
        "This log holds rejected traffic only: a log of ALL traffic would tell more of the causes." in texts["rejected"]
    )
    assert "The log holds REJECT records only" in texts["skipdata"]


def test_a_log_of_nodata_alone_is_proof_of_no_traffic(tmp_path):
    records = [
        f"2 012345678901 eni-0a1 - - - - - - - {1700000000 + 60 * n} {1700000058 + 60 * n} - NODATA" for n in range(30)
    ]
    log = load(str(write_log(tmp_path / "flow.log", records)))
    assert [one for question in (rejected, reachability, gaps, talkers) for one in question(log).findings] == []
    assert covered_share(log.coverage) == 1.0


def test_the_default_format_gives_the_same_grave_incidents(tmp_path):
    world = simulate(seed=7, hours=4)
    world.write(tmp_path / "logs", fields=FIELDS_V2)
    log = load(str(tmp_path / "logs" / "AWSLogs"), network=tmp_path / "logs" / "network")
    findings = [each.as_dict() for answer in (rejected(log), gaps(log)) for each in answer.findings]
    planted = [
        each
        for each in world.truth
        if each["kind"] in ("blocked-client", "reply-refused", "acl-changed", "skipdata", "not-delivered")
    ]
    assert [each["id"] for each in planted if not found(each, findings)] == []
