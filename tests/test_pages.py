"""The pages of a report: whole without a network, safe with any log, and those of redacted reports."""

import ipaddress
import json
import re
from collections import Counter

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages_support import FINDS, PROBE, elements, record, requests_of, write_notebook
from support import write_log

from flowkit import cli, load, reachability, rejected, talkers
from flowkit.reporting import history, redact
from flowkit.reporting.answer import TEMPLATES
from flowkit.reporting.figures import step_width
from flowkit.reporting.finding import incidents
from flowkit.reporting.redact import Redactor, own_key, secrets_of
from flowkit.words import terms

#: A log line's words come from whoever sends packets or names things: none of them may become markup.
HOSTILE = [
    "<script>alert(1)</script>",
    "</table><img/src=x/onerror=alert(1)>",
    "\x1b[31m",
    "'\"><svg/onload=alert(1)>",
    "$\\frac{1}",
    "=HYPERLINK(1)",
    "</script><b>",
    "\u202eeni",
]


def run_of(folder, log, *words, cells=PROBE) -> dict:
    """The text of every file of a run of the probe on `log`, by name."""
    write_notebook(folder / "probe.ipynb", *cells)
    out = folder / "out"
    assert cli.main(["report", str(log), "--notebook", str(folder / "probe.ipynb"), "--out", str(out), *words]) == 0
    run = out / history.runs(out)[0]["id"]
    return {path.name: path.read_text() for path in run.iterdir()} | {"runs": (out / "index.html").read_text()}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    lines = [record(interface=name) for name in HOSTILE if " " not in name]
    return run_of(folder, write_log(folder / "flow.log", lines * 3))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowd")
    lines = [record(f"eni-{n:017x}", f"198.51.{n // 250}.{n % 250}") for n in range(5_000)]
    return run_of(folder, write_log(folder / "flow.log.gz", lines))


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    folder = tmp_path_factory.mktemp("single")
    return run_of(folder, write_log(folder / "flow.log", [record()]))


@pytest.fixture(scope="module")
def redacted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secret-place")
    network = folder / "network"
    network.mkdir()
    eni = {
        "NetworkInterfaceId": "eni-0a",
        "TagSet": [{"Key": "Name", "Value": "payroll <db>"}],
        "OwnerId": "123456789012",
        "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.5"}],
        "SubnetId": "subnet-1",
        "VpcId": "vpc-1",
        "Groups": [{"GroupId": "sg-1", "GroupName": "payroll-sg"}],
        "Description": "",
        "Status": "in-use",
        "InterfaceType": "interface",
        "Ipv6Addresses": [],
    }
    group = {"GroupId": "sg-1", "GroupName": "payroll-sg", "Description": "secret", "OwnerId": "123456789012"}
    group |= {"IpPermissions": [], "IpPermissionsEgress": [], "VpcId": "vpc-1"}
    for name, key, items in (
        ("describe-network-interfaces", "NetworkInterfaces", [eni]),
        ("describe-security-groups", "SecurityGroups", [group]),
        ("describe-network-acls", "NetworkAcls", []),
    ):
        (network / f"{name}.json").write_text(json.dumps({key: items}))
    lines = [record(source=f"203.0.113.{n}") for n in (9, 10)] + [record(source="2606:4700::1111")]
    lines += [record(source="64:ff9b::203.0.113.77"), "2 arn:aws:iam::123456789012:role/payroll 203.0.113.5 x"]
    told = (
        "from flowkit.loading.network import snapshot_of\nname = snapshot_of(source, network).label('eni-0a')\n"
        "group = snapshot_of(source, network).groups['sg-1'].name",
        'tell([Finding("scan", "low", "low", f"{name} in {group} of 123456789012 saw 203.0.113.0/24",'
        ' dict(srcaddr="203.0.113.0/24"), samples=("2 123456789012 eni-0a 203.0.113.9",))])',
        'print(name, source, "arn:aws:iam::123456789012:role/x")',
        'show(pd.DataFrame({"who": [name], "source": ["203.0.113.9"]}), name)',
        "fig, ax = plt.subplots()\nax.set_title(f'{name} 203.0.113.9')\nalt(ax, name)",
        "fig, ax = plt.subplots()\nax.set_title('drawn in pixels 203.0.113.9')\nplt.show()",
        "f'{1 / 0} {source}'",
    )
    write_notebook(folder / "probe.ipynb", *PROBE, *told)
    out = folder / "out"
    words = ["report", str(write_log(folder / "payroll.log", lines)), "--network", str(network), "--redact"]
    assert cli.main([*words, "--notebook", str(folder / "probe.ipynb"), "--out", str(out)]) == 1
    run = out / history.runs(out)[0]["id"]
    return {path.name: path.read_text() for path in run.iterdir()} | {"runs": (out / "index.html").read_text()}


@pytest.fixture(params=["hostile", "crowd", "single"])
def pages(request):
    """The HTML pages of a run, by name."""
    files = request.getfixturevalue(request.param)
    return {name: text for name, text in files.items() if name.endswith("html") or name == "runs"}


def test_no_page_asks_for_anything(pages):
    for name, markup in pages.items():
        assert requests_of(markup) == [], name


def test_every_page_says_what_it_is(pages):
    for name, markup in pages.items():
        found = elements(markup)
        metas = {each.get("name"): each.get("content") for tag, each in found if tag == "meta"}
        assert ("html", {"lang": "en"}) in found and [tag for tag, _ in found].count("title") == 1, name
        assert metas["viewport"].startswith("width=device-width") and metas["description"], name
        title = re.search("<title>(.*?)</title>", markup, flags=re.S)[1]
        assert title.startswith(("Probe · ", "Flow log report · ", "Flow log reports")), name


def test_every_page_stays_under_3_mb(pages):
    assert max(len(markup.encode()) for markup in pages.values()) < 3_000_000


def test_every_link_leads_somewhere(pages):
    ids = {name: {each["id"] for _, each in elements(markup) if "id" in each} for name, markup in pages.items()}
    for name, markup in pages.items():
        for tag, each in elements(markup):
            page, hash_, anchor = (each.get("href") or "").partition("#")
            if tag == "a" and hash_:
                assert anchor in ids[page or name], f"{name}: {each['href']}"


def test_every_figure_has_an_alt_text(pages):
    for markup in pages.values():
        for tag, each in elements(markup):
            if tag == "img":
                assert each["alt"]
            if tag == "svg":
                assert (
                    (each["role"], bool(each["aria-label"])) == ("img", True) if "role" in each else each["aria-hidden"]
                )


def test_the_answer_comes_first_and_the_code_is_folded(single):
    page = single["probe.html"]
    assert page.index("<h1>Probe</h1>") < page.index("<p>1 clients were refused.") < page.index('id="Evidence"')
    assert page.count("<div class='fk-box'>") == 1, "the verdict is said once"
    assert '<div class="code">' in page and ".code{display:none}" in page.replace(".output.aside,", "")
    sections = re.findall(r'<a href="#[^"]*">([^<]*)</a>', page)
    assert sections == ["Findings", "Evidence", "About this run"]


def test_the_foot_names_parameters_inputs_and_versions(single):
    foot = single["probe.html"].split('id="about"')[1]
    run = json.loads(single["run.json"])
    assert "<code>account</code></td><td><code>None</code>" in foot
    assert run["inputs"][0]["sha256"][:16] in foot and "flow.log" in foot
    assert f"duckdb {run['versions']['duckdb']}" in foot


def test_one_record_gives_a_page_worth_reading(single):
    assert "203.0.113.9 was refused 1 times at eni-0a" in single["probe.html"]
    assert "<b>1</b>records" in re.sub(r"\s", "", single["index.html"])
    assert "2025-11-20 00:53 to 00:54 UTC" in single["index.html"]


def test_5000_interfaces_give_the_busiest_and_say_what_is_left_out(crowd):
    page = crowd["probe.html"]
    assert "5000 clients were refused." in page
    assert "(the first 2,000 of 5,000 rows)" in page
    assert len(re.findall(r">eni-[0-9a-f]{17}</text>", page)) == 20
    assert "5,000" in crowd["index.html"]


def test_a_hostile_log_is_only_text_on_every_page(hostile):
    kept = json.loads(hostile["run.json"])["tally"]["ok"]
    assert kept >= 12, "most of these names are taken as they are"
    for name in ("probe.html", "index.html", "runs"):
        tags = elements(hostile[name])
        handlers = [each for tag, each in tags for key in each if key.startswith("on")]
        assert all(each["onclick"].startswith("navigator.clipboard.writeText(this.") for each in handlers), name
        assert not [each for tag, each in tags if tag == "img"], name
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202e]", hostile[name].replace("\r", "")), name
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in hostile["index.html"]


def test_nothing_of_a_hostile_log_is_in_a_script(hostile):
    scripts = re.findall(r"<script\b[^>]*>(.*?)</script>", hostile["probe.html"], flags=re.S)
    tables = [text for text in scripts if "fk-table" in text]
    assert tables and {*tables} == {(TEMPLATES / "table.js").read_text()}
    assert not [text for text in scripts if "alert" in text]


def test_a_spreadsheet_takes_no_cell_for_a_formula(hostile):
    assert "'=HYPERLINK(1)" in hostile["findings.csv"]
    assert not re.search(r"(^|,)\"?[=@+]", hostile["findings.csv"], flags=re.M)


SECRETS = ("123456789012", "203.0.113", "2606:4700", "payroll", "secret", "&lt;db&gt;")


@pytest.mark.parametrize("secret", SECRETS)
def test_redaction_leaves_no_secret_in_any_file_of_a_run(redacted, secret):
    for name, text in redacted.items():
        assert secret not in text, f"{name}: {text[max(0, text.find(secret) - 200) :][:400]}"


def test_redaction_is_the_same_in_pages_findings_and_notebooks(redacted):
    told = json.loads(redacted["findings.json"])["findings"]
    scan = next(each for each in told if each["kind"] == "scan")
    network = ipaddress.ip_network(scan["subject"]["srcaddr"])
    assert network.prefixlen == 24
    hosts = [each["subject"]["srcaddr"] for each in told if each["kind"] != "scan"]
    inside = [each for each in hosts if ":" not in each and ipaddress.ip_address(each) in network]
    assert len(inside) == 2, "both addresses of the /24 are in the /24 that took its place"
    name = re.match(r"(n-\w{6}) in n-\w{6} of \d{12} saw ", scan["title"])[1]
    for file in ("probe.html", "probe.ipynb", "index.html", "findings.csv"):
        assert name in redacted[file], file
    assert f"finding-{scan['id']}" in redacted["probe.html"]
    assert scan["id"] == redact.finding_id("scan", scan["subject"]), "an id must not tell what was replaced"
    assert "10.0.0.5" in redacted["findings.json"], "private addresses stay"


def test_redaction_hides_folders_above_files_names_of_files_and_what_malformed_lines_hold(tmp_path, monkeypatch):
    folder = tmp_path / "jane.doe" / "AcmeWork"
    lines = ["version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status",
             "2 210987654321 eni-x 54.240.1.9 arn:aws:iam::210987654321:role/AcmeAdmin 1 2 6 1 1 1763600000 1763600060 ACCEPT OK",
             *(record(source=f"54.240.1.{n}", account="210987654321") for n in range(20))]  # fmt: skip
    write_log(folder / "AcmeCorp-logs" / "jane.doe@acme.example_210987654321_54.240.1.9.log", lines)
    eni = {"NetworkInterfaceId": "eni-0a", "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.5"}], "VpcId": "vpc-1",
           "TagSet": [{"Key": "Name", "Value": "acme_prod-mq\x1b[31m\r\nrm -rf / <img src=x onerror=alert(2)>"}],
           "Description": "AcmeSecret <script>", "SubnetId": "subnet-1", "OwnerId": "210987654321", "Groups": [],
           "Status": "in-use", "InterfaceType": "interface", "Ipv6Addresses": []}  # fmt: skip
    (folder / "AcmeNet").mkdir()
    for name, key, items in (
        ("describe-network-interfaces", "NetworkInterfaces", [eni]),
        ("describe-security-groups", "SecurityGroups", []),
        ("describe-network-acls", "NetworkAcls", []),
    ):
        (folder / "AcmeNet" / f"{name}.json").write_text(json.dumps({key: items}))
    monkeypatch.chdir(folder)
    words = ["report", "AcmeCorp-logs", "--network", "AcmeNet", "--redact", "--bundle", "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--notebook", "rejected", "--notebook", "skipdata"]) == 0
    run = (tmp_path / "out" / "latest").resolve()
    texts = {path.name: path.read_text().lower() for path in run.iterdir()}
    assert len(texts) == 9 and "10.0.0.5" in texts["rejected.html"] and "1 of 22 lines malformed" in texts["run.json"]
    for secret in ("acme", "jane", "doe@", "210987654321", "54.240.1", "onerror", "rm -rf", "[31m", str(tmp_path)):
        assert [name for name, text in texts.items() if secret in text] == [], secret


def test_redaction_leaves_out_pictures_that_it_cannot_read(redacted):
    assert "image/png" not in redacted["probe.ipynb"]
    assert "a picture, left out: redaction cannot read it" in redacted["probe.html"]


V4 = st.integers(0, (1 << 32) - 1).map(ipaddress.IPv4Address)
V6 = st.integers(0x1FFF << 112, (0x4001 << 112) - 1).map(ipaddress.IPv6Address)


def is_public(address) -> bool:
    return not any(address in block for block in redact.NOT_PUBLIC[address.version])


@given(st.one_of(st.tuples(V4, V4), st.tuples(V6, V6)), st.binary(min_size=1))
def test_redacted_addresses_keep_their_common_prefix_and_stay_public(pair, key):
    redactor = Redactor(key)
    told = [ipaddress.ip_address(redactor.text(str(each))) for each in pair]
    if is_public(pair[0]) and is_public(pair[1]):
        assert (int(pair[0]) ^ int(pair[1])).bit_length() == (int(told[0]) ^ int(told[1])).bit_length()
    for before, after in zip(pair, told, strict=True):
        assert is_public(after) == is_public(before)
        assert after == before or is_public(before)


@pytest.mark.parametrize(
    "text",
    ["10.1.2.3", "at 03:12:00 on 2026-11-20", "fe80::1", "0.0.0.0/0", "::/0", "1.2.3", "999.1.2.3", "x[::2]", "8 ports",
     "1234567890123 bytes", "n-0a", "192.168.0.0/16"],
)  # fmt: skip
def test_redaction_leaves_the_rest_alone(text):
    assert Redactor(b"k", ["web"]).text(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("web", "n-"),
        ("Web", "n-"),
        ("web_1", "n-"),
        ("webs", "webs"),
        ("to web:443", "to n-"),
        ("s3://b/AWSLogs/999999999999/vpcflowlogs/", "n-"),
        ("in /home/alice/acme_prod/x.log (line 3)", "in n-"),
        ("arn:aws:iam::123456789012:role/payroll-admin", "n-"),
        ("999999999999_vpcflowlogs_eu", ""),
        ("default", "default"),
        ("tcp/443 and OK/NODATA", "tcp/443 and OK/NODATA"),
    ],
)
def test_redaction_takes_names_in_any_case_places_and_accounts(text, kept):
    told = Redactor(b"k", ["web"]).text(text)
    assert (told == text) if kept == text else (told != text and told.startswith(kept))
    assert not re.search("web(?!s)|9999|alice|acme|payroll", told)


@pytest.mark.parametrize("text", ["64:ff9b::cb00:7109", "::ffff:cb00:7109", "64:ff9b:1:cb00:71:900::", "x_203.0.113.9",
                                  "ip=203.0.113.9a", "203.000.113.009", "64:ff9b::203.0.113.9", "::203.0.113.9"])  # fmt: skip
def test_redaction_finds_addresses_inside_others(text):
    told = Redactor(b"k").text(text)
    assert told != text and "113.9" not in told and "113.009" not in told and "cb00:71" not in told


def test_an_address_and_its_translation_are_redacted_alike():
    redactor = Redactor(b"k")
    plain = int(ipaddress.ip_address(redactor.text("203.0.113.9")))
    inside = int(ipaddress.ip_address(redactor.text("64:ff9b::cb00:7109")))
    assert inside == (0x64FF9B << 96) + plain


def test_paths_give_away_their_words_and_the_words_of_everybody_stay():
    told = secrets_of("s3://Acme-prod-logs/team_x/AWSLogs", "/srv/payroll/network", None)
    assert {"Acme-prod-logs", "Acme", "team_x", "payroll", "/srv/payroll/network"} <= told
    assert not {"prod", "logs", "AWSLogs", "network", "/"} & told
    told = secrets_of("acme/client-security-class", "security-group/high")
    assert {"acme", "client-security-class"} <= told
    assert not {"client", "security", "class", "security-group", "high"} & told


@pytest.mark.parametrize("name", ["customer-20261120", "acme-deadbeef", "web-0123456789abcdef0"])
def test_only_ids_of_aws_are_no_names(name):
    assert Redactor(b"k").name(name).startswith("n-")
    assert Redactor(b"k").name("sg-0123456789abcdef0") == "sg-0123456789abcdef0"


def test_the_same_key_gives_the_same_report_and_another_key_another(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    text = "203.0.113.9 is web of 123456789012"
    one, again = (Redactor(own_key(), ["web"]).text(text) for _ in range(2))
    assert one == again != text
    assert (tmp_path / "flowkit" / "redaction.key").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    assert Redactor(own_key(), ["web"]).text(text) != one


def test_no_text_of_a_snapshot_goes_in_but_ids_addresses_and_words_of_aws(tmp_path):
    eni = {"NetworkInterfaceId": "eni-0a", "PrivateIpAddress": "10.0.0.5", "InterfaceType": "interface", "VpcId": "acme vpc",
           "TagSet": [{"Key": "Name", "Value": "acme-web"}, {"Key": "acme-team", "Value": "acme"}],
           "Description": "acme's", "Acme": ["acme"], "Status": "in-use", "Ports": 3}  # fmt: skip
    others = [
        {"Description": text} for text in ("ELB app/acme/1", "Interface for NAT Gateway nat-0a", "RDSNetworkInterface")
    ]
    folder = tmp_path / "acme"
    folder.mkdir()
    content = {"NetworkInterfaces": [eni, *others]}
    (folder / "describe-network-interfaces.json").write_text(json.dumps(content))
    (folder / "notes.json").write_text("[acme]")
    redactor = Redactor(b"k")
    told = redactor.snapshot(folder, tmp_path / "out") / "describe-network-interfaces.json"
    assert [path.name for path in told.parent.iterdir()] == [told.name]
    first, balancer, gateway, plain = json.loads(told.read_text())["NetworkInterfaces"]
    assert first == eni | {
        "VpcId": redactor.name("acme vpc"), "Description": redactor.name("acme's"), "Acme": [redactor.name("acme")],
        "TagSet": [{"Key": "Name", "Value": redactor.name("acme-web")},
                   {"Key": redactor.name("acme-team"), "Value": redactor.name("acme")}],
    }  # fmt: skip
    assert balancer["Description"] == f"ELB app/{redactor.name('acme')}/0"
    assert (gateway["Description"], plain["Description"]) == ("Interface for NAT Gateway nat-0a", "")


def test_expectations_go_in_under_the_names_of_the_snapshot(tmp_path):
    rows = ["# acme's", "name,source,destination,protocol,port,expect", "acme to db,acme-net,acme-web …12ab,tcp,443,reach",
            "b,10.0.0.0/8,eni-0123456789abcdef0,any,any,block",
            "c,acme-web (10.0.1.10),acme-20261120,tcp,1,reach"]  # fmt: skip
    (tmp_path / "e.csv").write_text("\n".join(rows))
    redactor = Redactor(b"k")
    told = redactor.expectations(tmp_path / "e.csv", tmp_path / "out.csv").read_text().splitlines()
    name = redactor.name
    assert told == ["", rows[1], f"{name('acme to db')},{name('acme-net')},{name('acme-web')} …12ab,tcp,443,reach",
                    f"{name('b')},10.0.0.0/8,eni-0123456789abcdef0,any,any,block",
                    f"{name('c')},{name('acme-web')} (10.0.1.10),{name('acme-20261120')},tcp,1,reach"]  # fmt: skip
    assert (
        redactor.networks("acme-net=10.0.0.0/8, b=10.1.0.0/16")
        == f"{name('acme-net')}=10.0.0.0/8,{name('b')}=10.1.0.0/16"
    )


@pytest.mark.parametrize(("minutes", "share"), [([0], 1 / 30), ([0, 5, 10], 1 / 30), (range(200), None)])
def test_the_bars_of_a_few_time_steps_are_as_narrow_as_of_many(minutes, share):
    _, ax = plt.subplots()
    starts = pd.Series(pd.Timestamp("2026-11-20T00:00Z") + pd.to_timedelta(list(minutes), unit="min"))
    width = step_width(ax, starts)
    assert width == pd.Timedelta(minutes=5 if minutes == [0, 5, 10] else 1)
    ax.bar(starts, 1, width, align="edge")
    left, right = ax.get_xlim()
    assert share is None or width / pd.Timedelta(days=1) / (right - left) == pytest.approx(share)
    assert left < mdates.date2num(starts.iloc[0]) and right > mdates.date2num(starts.iloc[-1])
    plt.close()


def test_a_users_own_figures_without_alt_text_still_have_one(tmp_path):
    cells = ("import matplotlib.pyplot as plt", "## Mine", "plt.plot([1, 2])\nplt.show()", "plt.gca()")
    book = write_notebook(tmp_path / "mine.ipynb", *cells)
    log, out = write_log(tmp_path / "flow.log", [record()]), tmp_path / "out"
    assert cli.main(["report", str(log), "--notebook", str(book), "--out", str(out)]) == 0
    page = (out / "latest" / "mine.html").read_text()
    assert [each["alt"] for tag, each in elements(page) if tag == "img"][:1] == ["Figure without a description"]
    assert "No findings" not in page, "a notebook that tells none says nothing of them"


def test_times_in_run_pages_do_not_depend_on_the_time_zone(single):
    run = json.loads(single["run.json"])
    assert abs(pd.Timestamp(run["started"]) - pd.Timestamp.now("UTC")) < pd.Timedelta("1h")


def test_every_page_has_a_policy_that_allows_nothing_from_outside(pages):
    for name, markup in pages.items():
        [policy] = [
            each["content"]
            for tag, each in elements(markup)
            if tag == "meta" and each.get("http-equiv") == "Content-Security-Policy"
        ]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules.pop("default-src") == "'none'", name
        allowed = {word for words in rules.values() for word in words.split()}
        assert allowed <= {"'none'", "'unsafe-inline'", "data:", "blob:"}, name


def test_an_executed_notebook_has_plain_tables_and_no_scripts(single):
    notebook = single["probe.ipynb"]
    assert len(notebook) < 100_000 and "<script" not in notebook
    [table] = [
        output["data"]["text/html"]
        for cell in json.loads(notebook)["cells"]
        for output in cell.get("outputs", ())
        if "fk-table" in "".join(output.get("data", {}).get("text/html", ""))
    ]
    assert "203.0.113.9</td>" in "".join(table)
    assert "aria-sort" in single["probe.html"], "the page has the live one"


def test_the_index_lists_thirty_incidents_then_counts_the_rest(crowd, hostile):
    index = crowd["index.html"]
    run = json.loads(crowd["run.json"])
    assert run["counts"]["info"] == 30 and index.count("<tr class=") == 30
    rows = [each for tag, each in elements(hostile["index.html"]) if tag == "tr"]
    assert {each["data-notebook"] for each in rows} == {"probe"}
    assert {each["data-severity"] for each in rows} == {"high"}


def test_many_incidents_are_a_table_behind_a_count(tmp_path):
    cells = ("from flowkit import Finding, tell", "## Findings",
             "tell([Finding('scan', 'low', 'low', f'scan {n}', {'srcaddr': f'10.0.0.{n}'}, incident=f'i{n // 2}')"
             " for n in range(200)])")  # fmt: skip
    book = write_notebook(tmp_path / "many.ipynb", *cells)
    log, out = write_log(tmp_path / "flow.log", [record()]), tmp_path / "out"
    assert cli.main(["report", str(log), "--notebook", str(book), "--out", str(out)]) == 0
    index = (out / "latest" / "index.html").read_text()
    assert "70 more incidents; all of them are in" in index and "<b>100</b>low<" in index
    assert index.count("1 more finding with the same root cause</summary>") == 100
    shown = (out / "latest" / "many.html").read_text()
    assert shown.count("<article") == 60 and "70 more incidents." in shown


def pages_of(tmp_path, tell: str) -> tuple[str, str]:
    """The index and the page of a report whose only notebook is `many`, with the cell `tell`."""
    cells = ("from flowkit import Finding\nfrom flowkit.reporting.answer import Answer, findings", "## Findings", tell)
    book = write_notebook(tmp_path / "many.ipynb", *cells)
    log, out = write_log(tmp_path / "flow.log", [record()]), tmp_path / "out"
    assert cli.main(["report", str(log), "--notebook", str(book), "--out", str(out)]) == 0
    return tuple((out / "latest" / f"{name}.html").read_text() for name in ("index", "many"))


def test_the_index_counts_what_the_page_counts_and_not_only_what_it_was_handed(tmp_path):
    tell = ("found = [Finding('blocked-client', 'high', 'high', f'c{n} is rejected', {'srcaddr': f'10.0.0.{n}'},"
            " cause='network-acl', incident=f'i{n}') for n in range(20)]\n"
            "findings(Answer(findings=tuple(found), numbers={'blocked-client': 399}))")  # fmt: skip
    index, page = pages_of(tmp_path, tell)
    assert "399 legitimate clients appear to be blocked" in index and ">20 legitimate" not in index
    assert '<td class="quiet">network ACL</td>' in index
    assert "network ACL</p>" in page


def test_what_is_beyond_top_is_counted_as_if_it_were_listed(tmp_path):
    fields = "version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags"
    start, rows = 1763600000, []
    for host in range(1, 5):
        me, eni = f"10.0.0.{host}", f"eni-{host}"

        def add(a, b, ports, flags, at, action="ACCEPT", size=900, packets=5, eni=eni):
            rows.append(
                f"5 {eni} {a} {b} {ports} 6 {packets} {size} {start + at} {start + at + 30} {action} OK {flags}"
            )

        for at in range(0, 3600, 600):
            for port in (22, 9999):
                add(f"198.51.{host}.9", me, f"{41000 + at} {port}", 3, at)
                add(me, f"198.51.{host}.9", f"{port} {41000 + at}", 19, at)
            add("10.0.9.9", me, f"{42000 + at} 8125", 2, at, size=132, packets=3)
            add(f"10.1.{host}.7", me, f"{43000 + at} 5432", 2, at, "REJECT", 240, 4)
            add(f"10.1.{host}.7", me, f"{44000 + at} 443", 3, at)
            add(me, f"10.1.{host}.7", f"443 {44000 + at}", 19, at)
        add(me, f"192.0.2.{host}", "45000 443", 3, 7200, size=200_000_000)
        add(f"192.0.2.{host}", me, "443 45000", 19, 7200)
    log = load(str(write_log(tmp_path / "flow.log", rows, fields.split())))
    for question in (rejected, reachability, talkers):
        few, many = question(log, top=1), question(log, top=50)
        assert few.unlisted and not many.unlisted and len(few.findings) < len(many.findings), question
        counted = [Counter(group[0]["severity"] for group in incidents(one.as_dict() for one in each.findings))
                   + Counter(each.unlisted) for each in (few, many)]  # fmt: skip
        assert counted[0] == counted[1], question
        assert few.numbers == many.numbers and max(many.numbers.values()) >= 4
        if question is talkers:  # it says that a day of history is needed to count them
            continue
        for number, kind in ((number, kind) for kind, number in many.numbers.items() if number > 1):
            assert any(str(number) in sentence for sentence in few.summary), f"{kind}: {number} in {few.summary}"


def test_the_index_and_the_page_count_the_incidents_that_are_not_listed(tmp_path):
    tell = ("findings(Answer(findings=(Finding('scan', 'high', 'high', 'a scan', {}),),"
            " unlisted={'high': 378, 'low': 2}))")  # fmt: skip
    index, page = pages_of(tmp_path, tell)
    assert "<b>379</b>high<" in index and "<b>2</b>low<" in index and "381 findings in 381 incidents" in index
    for shown in (index, page):
        assert "380 more incidents, less grave or smaller, in the tables" in shown
    assert '<td class="number">379</td>' in (tmp_path / "out" / "index.html").read_text()


def test_acronyms_are_capitals_in_the_names_of_causes_and_kinds():
    names = ("security-group-and-network-acl", "acl-changed", "skipdata", "blocked-client")
    assert [*map(terms, names)] == ["security group and network ACL", "ACL changed", "SKIPDATA", "blocked client"]


def test_a_log_of_little_of_the_window_says_so_first_on_the_index_and_on_every_page(tmp_path):
    lines = [record(start=start) for start in (1763600000, 1763600060)]
    log, out = (
        write_log(tmp_path / "flow.log", [*lines, record(start=1763800000), record(action="ACCEPT")]),
        tmp_path / "out",
    )
    assert cli.main(["report", str(log), "--notebook", "rejected", "--notebook", "direction", "--out", str(out)]) == 0
    said = "The log covers under 0.1 % of the time: what it does not show may have happened all the same."
    assert said in (out / "latest" / "index.html").read_text().split('id="findings"')[0]
    for name in ("rejected", "direction"):
        assert f"<div class='fk-verdict'><p>{said}" in (out / "latest" / f"{name}.html").read_text()
    shown = (out / "latest" / "rejected.html").read_text()
    assert "No legitimate client" not in shown, "of what was hardly seen nothing is said to be well"
    assert "Of the clients that were seen, none that looks legitimate appears to be blocked." in shown
    assert re.findall("(\\w+): no rows", shown) == ["Scanners"] and "How the security groups" not in shown
    assert 'id="What-if"' in shown


def test_an_incident_says_who_owns_its_host(tmp_path):
    folder = tmp_path / "network"
    folder.mkdir()
    eni = {"NetworkInterfaceId": "eni-0a", "PrivateIpAddress": "10.0.0.5", "SubnetId": "subnet-1", "VpcId": "vpc-1",
           "TagSet": [{"Key": "Owner", "Value": "pay<script>ments\u202e"}]}  # fmt: skip
    for name, key, items in (
        ("describe-network-interfaces", "NetworkInterfaces", [eni]),
        ("describe-security-groups", "SecurityGroups", []),
        ("describe-network-acls", "NetworkAcls", []),
    ):
        (folder / f"{name}.json").write_text(json.dumps({key: items}))
    files = run_of(tmp_path, write_log(tmp_path / "flow.log", [record()]), "--network", str(folder), cells=FINDS)
    for name in ("index.html", "probe.html"):
        assert "owner: pay&lt;script&gt;ments\\u202e" in files[name], name
        assert "<script>ments" not in files[name], name


def test_redaction_that_cannot_redact_makes_no_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "flowkit").mkdir()
    (tmp_path / "flowkit" / "redaction.key").write_bytes(b"")
    book = write_notebook(tmp_path / "probe.ipynb", *PROBE)
    log, out = write_log(tmp_path / "flow.log", [record()]), tmp_path / "out"
    assert cli.main(["report", str(log), "--redact", "--notebook", str(book), "--out", str(out)]) == 1
    assert "redaction key is too short" in capsys.readouterr().err and not out.exists()


def test_a_redacted_report_of_no_records_names_no_file(tmp_path, capsys):
    book = write_notebook(tmp_path / "probe.ipynb", "from flowkit import tell", "tell([], str((source, start, end)))")
    log, out = write_log(tmp_path / "payroll.log", [record(), "not a record"]), tmp_path / "out"
    words = ["report", str(log), "--redact", "--start", "2030-01-01", "--notebook", str(book), "--out", str(out)]
    assert cli.main(words) == 0
    assert "not-delivered" in (out / "latest" / "findings.json").read_text()
    for path in (out / "latest").iterdir():
        assert "payroll" not in path.read_text(), path.name
