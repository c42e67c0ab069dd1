"""Findings as data and as HTML, tables, figures: what a log line may not do to them."""

import json
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from flowkit.reporting.answer import MIME, Answer, findings, incidents_html, show, tell
from flowkit.reporting.figures import COLOURS, alt, bundle, svg_of, utc_axis
from flowkit.reporting.finding import Finding, finding_id, incidents
from flowkit.reporting.html import escaped, figure_html, period, when
from flowkit.reporting.kinds import KINDS, Kind
from flowkit.words import one_line, visible

EVENING = pd.Timestamp("2026-11-20 22:15", tz="UTC")


def finding(kind="scan", severity="high", confidence="certain", title="It is so.", subject=None, **more):
    return Finding(kind, severity, confidence, title, subject or {"srcaddr": "203.0.113.9"}, **more)


def html_of(shown) -> str:
    return shown._repr_mimebundle_()["text/html"]


def test_a_finding_keeps_its_id_whatever_else_changes():
    first = finding(subject={"srcaddr": "10.0.0.1", "dstport": 443})
    later = finding(subject={"dstport": 443.0, "srcaddr": "10.0.0.1", "interface_id": None}, title="b", records=7)
    assert first.id == later.id == finding_id("scan", {"srcaddr": "10.0.0.1", "dstport": 443})
    assert re.fullmatch("[0-9a-f]{12}", first.id)


@pytest.mark.parametrize(
    "change", [{"kind": "noise"}, {"subject": {"srcaddr": "10.0.0.2"}}, {"subject": {"dstaddr": "203.0.113.9"}}]
)
def test_another_kind_or_subject_is_another_finding(change):
    assert finding().id != finding(**change).id


def test_a_finding_is_json_as_the_design_says():
    told = finding(
        subject={"interface_id": "eni-1", "protocol": 6, "dstport": float("nan")},
        grounds=("a",),
        first_seen=pd.Timestamp("2026-11-20 23:30", tz="Europe/Berlin"),
        last_seen=pd.NaT,
        records=pd.Series([3]).sum(),
        coverage=0.97123,
        samples=("2 x",),
        counts={"attempts": pd.Series([3]).sum(), "share": 0.5},
    ).as_dict()
    assert json.loads(json.dumps(told)) == {
        "id": told["id"],
        "kind": "scan",
        "severity": "high",
        "confidence": "certain",
        "title": "It is so.",
        "subject": {"interface_id": "eni-1", "srcaddr": None, "dstaddr": None, "protocol": 6, "dstport": None},
        "cause": None,
        "grounds": ["a"],
        "action": KINDS["scan"].action,
        "first_seen": "2026-11-20T22:30:00Z",
        "last_seen": None,
        "records": 3,
        "packets": 0,
        "bytes": 0,
        "coverage": 0.9712,
        "samples": ["2 x"],
        "incident": None,
        "counts": {"attempts": 3, "share": 0.5},
    }


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"severity": "grave"}, "severity is 'grave', not one of high, medium, low, info"),
        ({"confidence": "sure"}, "confidence is 'sure', not one of certain, high, medium, low"),
        ({"kind": "scann"}, "there is no kind 'scann' in flowkit/reporting/kinds.py"),
        ({"counts": {"clients": float("nan")}}, "counts: clients is nan, not a number"),
        ({"cause": "because"}, "cause is 'because', not one of security-group, network-acl"),
        ({"subject": {"protocol": "tcp"}}, "subject: protocol cannot be 'tcp'"),
        ({"subject": {"dstport": 99999}}, "subject: dstport cannot be 99999"),
        ({"coverage": 100}, "coverage is 100, not a share from 0 to 1"),
        ({"records": -1}, "records is -1, not 0 or more"),
        ({"grounds": "abc"}, "grounds is 'abc', not several texts"),
        (
            {"first_seen": pd.Timestamp("2026-11-20")},
            "first_seen is Timestamp('2026-11-20 00:00:00'), not a time with its",
        ),
        ({"subject": {"dstport": 443.5}}, "subject: dstport cannot be 443.5"),
        ({"subject": {"srcaddr": "<x>"}}, "subject: srcaddr cannot be '<x>'"),
        (
            {"subject": {"port": 1}},
            "subject has no port; its keys are interface_id, srcaddr, dstaddr, protocol, dstport",
        ),
    ],
)
def test_a_finding_refuses_words_that_are_not_in_the_design(wrong, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        finding(**wrong)


def test_findings_are_told_gravest_first_and_repeats_are_numbered_by_time():
    later = finding(first_seen=EVENING, title="later")
    sooner = finding(first_seen=EVENING - pd.Timedelta("1h"), title="sooner")
    calm = finding(severity="info", subject={"srcaddr": "10.0.0.3"})
    told = tell([calm, later, sooner]).data["findings"]
    assert [(each["title"], each["id"]) for each in told] == [
        ("later", later.id + "-2"),
        ("sooner", later.id),
        ("It is so.", calm.id),
    ]


def test_a_verdict_has_at_most_five_sentences():
    assert tell([], ["a"] * 5).data["summary"] == ["a"] * 5
    with pytest.raises(ValueError, match="the summary has 6 sentences"):
        tell([], ["a"] * 6)


def test_what_a_log_line_says_is_text_on_the_page():
    evil = '<script>alert(1)</script></table>\x1b[31m\x00\u202e "onload='
    shown = tell([finding(title=evil, grounds=(evil,), samples=(evil,), action=f"aws {evil}\n{evil}")], [evil], evil)
    markup = html_of(shown)
    assert "<script" not in markup and "</table" not in markup
    assert not re.search("[\x00\x1b\u202e]", markup)
    assert markup.count("&lt;script&gt;alert(1)&lt;/script&gt;&lt;/table&gt;␛[31m␀\\u202e &quot;onload=") == 7
    assert shown._repr_mimebundle_()[MIME]["findings"][0]["title"] == one_line(evil), "no ESC in data either"


def test_only_code_gets_a_copy_button():
    action = "If it is wanted:\naws ec2 authorize \\\n  --port 443\nflowkit snapshot --out x\nElse leave it."
    markup = html_of(tell([finding(action=action)]))
    assert re.findall("<pre>(.*?)</pre><button", re.sub("</?span>", "", markup), flags=re.S) == [
        "aws ec2 authorize \\\n  --port 443\nflowkit snapshot --out x"
    ]
    assert re.findall("<p class='fk-action'>(.*?)</p>", markup) == ["If it is wanted:", "Else leave it."]


def test_a_comment_of_terraform_is_code():
    markup = html_of(tell([finding(action="The same for Terraform:\n# remove the aws_network_acl_rule of acl-1")]))
    assert "<pre># remove the " in markup and "<p class='fk-action'># " not in markup


def test_of_the_same_severity_the_surest_comes_first_and_then_the_largest():
    given = [("low", 90), ("certain", 3), ("high", 7), ("certain", 30)]
    told = tell([finding(confidence=sure, records=n, subject={"srcaddr": f"10.0.0.{n}"}) for sure, n in given])
    assert [each["records"] for each in told.data["findings"]] == [30, 3, 7, 90]


def test_an_incident_says_which_expectation_it_breaks_whatever_its_title_says():
    lead = finding(incident="a").as_dict()
    broken = finding("expectation-broken", "low", title="“no” such.", incident="a", expectation="a <b>").as_dict()
    assert "expectation" not in lead and broken["expectation"] == "a <b>"
    assert "breaks “a &lt;b&gt;”</span>" in incidents_html([[lead, broken]])


def test_long_code_is_folded_and_stays_one_block():
    rule = 'resource "aws_network_acl_rule" "x" {\n  rule_number = 1\n\n  egress = true\n}'
    markup = html_of(tell([finding(action=f"For Terraform:\n{rule}\n{rule}\nDone.")]))
    assert re.findall("<summary>(.*?)</summary><div class='fk-command'><pre>", markup) == ["10 lines"]
    assert re.findall("<p class='fk-action'>(.*?)</p>", markup) == ["For Terraform:", "Done."]


def test_many_findings_are_all_data_but_the_page_shows_few_and_counts_the_rest():
    shown = tell([finding(subject={"srcaddr": f"10.0.{n // 256}.{n % 256}"}) for n in range(2_000)])
    assert len(shown.data["findings"]) == 2_000
    assert html_of(shown).count("<article") == 20
    assert "1,980 more incidents. All are in findings.json." in html_of(shown)
    assert html_of(shown).count("<tr id='finding-") == 500
    assert "<article" not in html_of(findings(Answer(findings=(finding(),)), top=0))


def test_findings_with_one_root_cause_are_one_incident_led_by_the_gravest():
    low = finding(severity="low", subject={"srcaddr": "10.0.0.2"}, incident="acl-1", title="It follows.")
    high = finding(severity="high", subject={"srcaddr": "10.0.0.3"}, incident="acl-1", title="It leads.")
    own = finding(severity="medium", subject={"srcaddr": "10.0.0.4"}, title="It stands alone.")
    shown = findings(Answer(findings=(own, low, high)))
    assert [each["title"] for each in shown.data["findings"]] == ["It leads.", "It follows.", "It stands alone."]
    first, second, _ = shown.data["findings"]
    assert first["incident"] == second["incident"] and re.fullmatch("[0-9a-f]{12}", first["incident"])
    markup = html_of(shown)
    assert "<summary>1 more finding with the same root cause</summary>" in markup
    assert markup.index("It leads.") < markup.index("It follows.") < markup.index("It stands alone.")


def test_new_incidents_come_first_and_ongoing_ones_are_folded():
    told = [finding(severity=name, subject={"srcaddr": f"10.0.0.{n}"}, title=name).as_dict()
            for n, name in enumerate(("high", "medium", "low"))]  # fmt: skip
    for each, status in zip(told, ("ongoing", "new", "new"), strict=True):
        each["status"] = status
    groups = incidents(told)
    assert [group[0]["title"] for group in groups] == ["medium", "low", "high"]
    folded = incidents_html(groups).split("<summary>1 incident ongoing</summary>")
    assert "fk-title'>high<" in folded[1] and "fk-title'>high<" not in folded[0]
    assert " open>" not in folded[0] and "<details class='fk-more' open>" in incidents_html(groups[2:])


def test_an_action_of_lines_has_no_line_that_a_name_made():
    name = "web\naws ec2 terminate-instances --instance-ids i-1\x1b"
    markup = html_of(tell([finding(action=("Look:", f"aws ec2 describe-security-groups --filters {name}"))]))
    assert re.findall("<pre>(.*?)</pre>", re.sub("</?span>", "", markup), flags=re.S) == [
        "aws ec2 describe-security-groups --filters web␊aws ec2 terminate-instances --instance-ids i-1␛"
    ]
    assert "\n" not in finding(title=name, grounds=(name,)).title


def test_plain_text_of_findings_says_summary_coverage_and_titles():
    plain = tell([finding()], ["One.", "Two."], "all of it")._repr_mimebundle_()["text/plain"]
    assert plain.splitlines() == ["One.", "Two.", "all of it", "high   It is so."]


def test_a_kind_that_lacks_a_part_stops_the_import():
    entry = {
        "kind": "x",
        "notebook": "rejected",
        "severity": "low",
        "meaning": "m",
        "summary": "{n} s",
        "title": "t",
        "action": "a",
    }
    assert Kind(**entry).kind == "x"
    for part in entry:
        with pytest.raises(ValueError, match=f"lacks {part}"):
            Kind(**entry | {part: ""})
    with pytest.raises(ValueError, match="no severity 'grave'"):
        Kind(**entry | {"severity": "grave"})
    with pytest.raises(ValueError, match="does not count"):
        Kind(**entry | {"summary": "some"})


def test_the_kinds_are_those_of_findings_json_each_in_a_notebook_that_there_is():
    by_notebook = {}
    for each in KINDS.values():
        by_notebook.setdefault(each.notebook, []).append(each.kind)
    assert by_notebook == {
        "rejected": ["blocked-client", "blocked-service", "reply-refused", "acl-changed", "service-control", "scan",
                     "late-packets", "noise"],
        "reachability": ["exposed-service", "accepted-silent", "accepted-reset", "expectation-broken",
                         "expectation-unproven", "newly-reachable", "lost"],
        "skipdata": ["skipdata", "silent-interface", "not-delivered"],
        "direction": ["address-conflict", "low-confidence-direction", "new-destination", "unusual-egress"],
    }  # fmt: skip


def test_a_kind_counts_its_incidents_and_gives_a_finding_its_next_step():
    assert KINDS["blocked-client"].counted(1) == "1 legitimate client appears to be blocked"
    assert KINDS["accepted-silent"].counted(1200) == "1,200 services are allowed but do not respond"
    assert finding("noise").action == KINDS["noise"].action and finding(action="Look.").action == "Look."


def test_nothing_found_is_said():
    assert "No findings." in html_of(tell([], "Nothing was refused."))


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (EVENING, EVENING + pd.Timedelta("1h"), "2026-11-20 22:15 to 23:15 UTC"),
        (EVENING, EVENING + pd.Timedelta("2h"), "2026-11-20 22:15 to 2026-11-21 00:15 UTC"),
        (EVENING, None, "2026-11-20 22:15 UTC"),
        (None, pd.NaT, ""),
    ],
)
def test_a_period_names_the_day_once(first, last, words):
    assert period(first, last) == words


def test_times_are_utc_whatever_they_came_in():
    assert when(pd.Timestamp("2026-11-20 23:30", tz="Pacific/Auckland")) == "2026-11-20 10:30"
    assert when("2026-11-20T10:30:00Z") == "2026-11-20 10:30"


def test_small_words():
    assert visible("a\tb\n\x7f") == "a\tb\n␡"
    assert escaped("<é>") == "&lt;é&gt;"
    assert one_line("web\nrm\t\x1b") == "web␊rm␉␛"


def cells_of(markup: str) -> list[list[str]]:
    """The cells of a table's body as they stand in `markup`, a list a row."""
    body = re.search(r"<tbody>(.*)</tbody>", markup, flags=re.S)[1]
    rows = re.findall(r"<tr>(.*?)</tr>", body, flags=re.S)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, flags=re.S) for row in rows]


def test_a_table_shows_hostile_cells_as_text_and_times_in_utc():
    table = pd.DataFrame(
        {
            "interface_id": ["</table><script>alert(1)</script>", None],
            "start": pd.to_datetime([0, None], unit="s", utc=True).tz_convert("Asia/Tokyo"),
            "gap": pd.to_timedelta([5400, None], unit="s"),
            "<b>": ["\x1b[0m", "x"],
        }
    )
    markup = html_of(show(table, "A <b> caption"))
    rows = cells_of(markup)
    assert rows[0][1:] == ["1970-01-01 00:00:00", "01:30:00", "␛[0m"]
    assert rows[0][0] == "&lt;/table&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    assert rows[1] == ["", "", "", "x"]
    assert "A &lt;b&gt; caption" in markup
    assert "&lt;b&gt;</th>" in markup


def test_numbers_in_a_table_have_as_many_places_as_they_need():
    table = pd.DataFrame({"n": [1.0, None], "share": [0.98765, 1], "size": [1017303.25, 2.5]})
    markup = html_of(show(table))
    rows = cells_of(markup)
    assert rows == [["1", "98.8 %", "1,017,303"], ["", "100 %", "2.5"]]


def test_names_of_the_api_are_words_in_a_table():
    table = pd.DataFrame({"state": ["reply-refused", "accepted-silent"], "cause": ["network-acl", "rules-changed"]})
    rows = cells_of(html_of(show(table)))
    assert rows == [["return traffic rejected", "network ACL"], ["allowed but not responding", "rules changed"]]
    other = pd.DataFrame({"state": ["us-east-1", "not-ok"], "kind": [1, 2], "error_rate": [1.5, 20.5]})
    assert cells_of(html_of(show(other))) == [["us-east-1", "1", "1.5"], ["not-ok", "2", "20.5"]]


def test_a_table_of_5000_rows_says_that_it_is_cut():
    markup = html_of(show(pd.DataFrame({"n": range(5_000)}), "Interfaces"))
    assert "<b>Interfaces</b> (the first 2,000 of 5,000 rows)" in markup
    assert [row[0] for row in cells_of(markup)] == [f"{n:,}" for n in range(2_000)]


def test_an_empty_table_is_a_sentence():
    assert html_of(show(pd.DataFrame({"n": []}), "Refused")) == "<p class='fk-caption'>Refused: no rows.</p>"
    assert show(pd.DataFrame({"n": []}), "Refused", optional=True)._repr_mimebundle_() == {"text/plain": ""}


def drawn(label="eni-1", title="Refusals rise"):
    plt.style.use("flowkit.reporting.report")
    figure, ax = plt.subplots()
    ax.bar(pd.date_range("2026-11-20", periods=24, freq="h", tz="UTC"), range(24), width=0.03, label=label)
    ax.set_title(title)
    return figure, utc_axis(ax)


def test_a_figure_is_svg_with_its_alt_text_and_the_page_own_ink():
    figure, ax = drawn(title=r"eni-$\frac$ <script> \x1b")
    markup = figure_html(svg_of(figure, 'It "rises" <b>'))
    assert markup.startswith("<figure") and markup.rstrip().endswith("</figure>")
    assert 'aria-label="It &quot;rises&quot; &lt;b&gt;"' in markup
    assert "currentColor" in markup and "#24292f" not in markup
    assert r"eni-$\frac$ &lt;script&gt;" in markup, "words stay words: searchable, and redactable"
    assert "<style" not in markup and "http:" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", markup)
    ids = re.findall(r'\bid="([^"]+)"', markup)
    assert len(ids) == len(set(ids))


def nothing(ax):
    ax.barh(["a", "b"], [0, 0])
    ax.axvline(0)
    ax.scatter([], [])
    ax.plot([], [])


@pytest.mark.parametrize(
    ("draw", "drawn"),
    [
        (nothing, False),
        (lambda ax: ax.barh(["a"], [1]), True),
        (lambda ax: ax.plot([1, 2]), True),
        (lambda ax: ax.scatter([1], [1]), True),
        (lambda ax: ax.broken_barh([(0, 1)], (0, 1)), True),
    ],
)
def test_a_figure_without_data_is_its_sentence(draw, drawn):
    figure, ax = plt.subplots()
    draw(ax)
    shown = bundle(figure, "Nothing < was let in.")
    plt.close(figure)
    assert ("image/svg+xml" in shown) is drawn
    if not drawn:
        assert shown["text/html"] == "<p class='fk-caption'>Nothing &lt; was let in.</p>"


def test_a_figure_with_alt_text_displays_itself_as_html(capsys):
    figure, ax = drawn()
    alt(ax, "Refusals rise to 23 an hour.")
    figure._ipython_display_()
    assert "Figure: Refusals rise to 23 an hour." in capsys.readouterr().out


def test_the_time_axis_is_utc_in_any_time_zone():
    figure, ax = drawn()
    figure.canvas.draw()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert "12:00" in labels and ax.get_xlabel() == "UTC"
    plt.close(figure)


def test_colours_are_told_apart_by_colour_blind_readers():
    """Machado, Oliveira and Fernandes (2009): full deuteranopia and protanopia, as plain matrices."""
    matrices = {
        "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    }
    codes = [COLOURS[name] for name in ("accept", "reject", "skip", "nodata")]
    rgb = [[int(code[at : at + 2], 16) for at in (1, 3, 5)] for code in codes]
    for name, matrix in matrices.items():
        seen = [[sum(m * c for m, c in zip(row, colour, strict=True)) for row in matrix] for colour in rgb]
        gaps = [
            sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
            for at, one in enumerate(seen)
            for other in seen[at + 1 :]
        ]
        assert min(gaps) > 60, name
