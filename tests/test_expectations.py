"""Expectations: reading the file, and checking each line against what was seen."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pandas as pd
import pytest
from support import write_log
from test_network import OPEN, acl, group, interface, permission, write_snapshot

from flowkit.loading.network import read_snapshot
from flowkit.loading.sample import SAMPLE
from flowkit.log import load
from flowkit.questions.expectations import check, expectations_of, matches, printed_names, read_expectations
from flowkit.questions.reachability import COLUMNS
from flowkit.reporting.errors import ReportError
from flowkit.reporting.reachability import reachability
from flowkit.reporting.redact import Redactor
from flowkit.reporting.run import Request, planned

HEADER = "name,source,destination,protocol,port,expect\n"
OWNERS = pd.DataFrame(
    [("eni-0000000a", "i-0000000a", "10.0.0.1"), ("eni-0000000b", "i-0000000b", "10.0.0.2")],
    columns=["interface_id", "instance_id", "address"],
)


def _file(tmp_path, text, header=HEADER):
    path = tmp_path / "expectations.csv"
    path.write_text(header + text, encoding="utf-8")
    return path


def _seen(*rows):
    """A table of `reachability`: each row is (network, destination, protocol, port, state) and changes to it."""
    table = []
    for network, destination, protocol, port, state, *changes in rows:
        row = dict.fromkeys(COLUMNS) | {"clients": 1, "scanners": 0, "sessions": 5, "failed": 0, "bytes": 1}
        row |= {"network": network, "destination": destination, "protocol": protocol, "port": port, "state": state}
        row |= {"source": network, "public": False, "confidence": "high", "interface_id": "eni-0000000a"}
        row |= {"first_seen": pd.Timestamp(0, tz="UTC"), "last_seen": pd.Timestamp(60, unit="s", tz="UTC")}
        row |= {"answered_until": pd.NaT, "recovered": 0, "answered_again": pd.NaT}
        table.append(row | (changes[0] if changes else {}))
    frame = pd.DataFrame(table, columns=list(COLUMNS))
    frame["answered_again"] = pd.to_datetime(frame["answered_again"], utc=True)
    return frame.astype({"port": "Int64", "protocol": "Int64", "destination_name": object})


def _checked(tmp_path, lines, seen, kind="all"):
    return check(read_expectations(_file(tmp_path, lines)), seen, kind, OWNERS, lambda rows: int(rows["clients"].sum()))


def test_a_file_is_read_in_its_order_whatever_the_order_of_its_columns(tmp_path):
    header = "\ufeffexpect,port,protocol,destination,source,name\n# a note\n\n"
    lines = 'reach, 8000-8010 ,TCP,i-0123456789abcdef0,203.0.113.0/24,"a, b"\nblock,any,icmp,2001:db8::1,::/0,six\n'
    first, second = read_expectations(_file(tmp_path, lines, header))
    assert (first.line, first.name, first.source) == (4, "a, b", ip_network("203.0.113.0/24"))
    assert (first.written, first.protocols, first.ports, first.reach) == (
        ("203.0.113.0/24", "i-0123456789abcdef0"), (6,), (8000, 8010), True,
    )  # fmt: skip
    assert (second.line, second.protocols, second.ports, second.reach) == (5, (1, 58), None, False)
    assert second.networks == (ip_network("::/0"), ip_network("2001:db8::1/128"))


def test_every_bad_line_is_named_with_what_is_wrong(tmp_path):
    lines = """good,10.0.0.0/24,10.0.0.1,tcp,22,reach
mask,10.0.0.0/33,10.0.0.1,tcp,22,reach
host bits,10.0.0.5/24,10.0.0.1,tcp,22,reach

contradiction,10.0.0.0/24,10.0.0.1,tcp,22,block
short,10.0.0.0/24,10.0.0.1,tcp
place,10.0.0.0/24,web-1,tcp,22,reach
protocol,10.0.0.0/24,10.0.0.1,sctp,22,reach
port,10.0.0.0/24,10.0.0.1,tcp,70000,reach
range,10.0.0.0/24,10.0.0.1,tcp,90-80,reach
ping,10.0.0.0/24,10.0.0.1,icmp,8,reach
word,10.0.0.0/24,10.0.0.1,tcp,22,allow
,10.0.0.0/24,10.0.0.1,tcp,23,reach
"""
    path = _file(tmp_path, lines)
    with pytest.raises(ValueError) as caught:
        read_expectations(path)
    kinds = "address, CIDR, interface id, instance id or name of a host or network"
    assert str(caught.value) == f"{path} has 11 bad lines: " + "; ".join(
        [
            f"line 3: source '10.0.0.0/33' is no {kinds}",
            "line 4: source '10.0.0.5/24' is no network; the one it lies in is 10.0.0.0/24",
            "line 6: contradicts line 2",
            "line 7: 4 values where 6 belong",
            f"line 8: destination 'web-1' is no {kinds}",
            "line 9: protocol 'sctp' is not tcp, udp, icmp or any",
            "line 10: port '70000' is not within 0-65535 and rising",
            "line 11: port '90-80' is not within 0-65535 and rising",
            "line 12: icmp has no ports: leave its port empty",
            "line 13: expect 'allow' is not reach or block",
            "line 14: no name",
        ]
    )


@pytest.mark.parametrize("text", ["", "name,source,destination,protocol,port\n", "# only a note\n"])
def test_a_file_without_the_columns_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match="the first line must name the columns name,source"):
        read_expectations(_file(tmp_path, "", text))


def test_the_file_is_the_one_given_or_the_samples_own(tmp_path):
    assert expectations_of("sample") == SAMPLE / "expectations.csv"
    assert expectations_of("logs/") is None
    assert read_expectations(None) == []
    path = _file(tmp_path, "")
    assert expectations_of("sample", str(path)) == path
    with pytest.raises(FileNotFoundError, match="there is no file .*missing.csv"):
        expectations_of("sample", tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("line", "state", "verdict"),
    [
        ("10.0.9.0/24,10.0.0.1,tcp,22,reach", "answered", "met"),
        ("10.0.9.0/24,10.0.0.1,tcp,22,reach", "refused", "broken"),
        ("10.0.9.0/24,10.0.0.1,tcp,22,reach", "accepted-silent", "broken"),
        ("10.0.9.0/24,10.0.0.1,tcp,22,reach", "accepted-reset", "broken"),
        ("10.0.9.0/24,10.0.0.1,tcp,22,reach", "reply-refused", "broken"),
        ("10.0.9.0/24,10.0.0.1,tcp,22,block", "answered", "newly-reachable"),
        ("10.0.9.0/24,10.0.0.1,tcp,22,block", "accepted-silent", "broken"),
        ("10.0.9.0/24,10.0.0.1,tcp,22,block", "refused", "met"),
        ("10.0.9.0/24,10.0.0.1,tcp,22,block", "reply-refused", "met"),
        ("10.0.0.0/16,10.0.0.0/24,any,any,reach", "answered", "met"),
        ("10.0.9.0/24,eni-0000000a,tcp,20-22,reach", "answered", "met"),
        ("10.0.9.0/24,i-0000000a,tcp,22,reach", "answered", "met"),
        ("10.0.9.0/25,10.0.0.1,tcp,22,reach", "answered", "unproven"),
        ("10.0.9.0/24,10.0.0.2,tcp,22,reach", "answered", "unproven"),
        ("10.0.9.0/24,i-0000000b,tcp,22,reach", "answered", "unproven"),
        ("10.0.9.0/24,10.0.0.1,udp,22,reach", "answered", "unproven"),
        ("10.0.9.0/24,10.0.0.1,tcp,23-25,reach", "answered", "unproven"),
        ("2001:db8::/32,10.0.0.1,tcp,22,reach", "answered", "unproven"),
    ],
)
def test_a_line_is_checked_by_what_was_seen(tmp_path, line, state, verdict):
    seen = _seen(("10.0.9.0/24", "10.0.0.1", 6, 22, state))
    row = _checked(tmp_path, f"name,{line}\n", seen).iloc[0]
    assert row.verdict == verdict
    assert (row.sessions, row.state) == ((0, None) if verdict == "unproven" else (5, state))


def test_an_unproven_line_names_its_interface_so_that_coverage_can_be_told(tmp_path):
    row = _checked(tmp_path, "n,10.0.9.0/24,10.0.0.2,tcp,22,reach\n", _seen()).iloc[0]
    assert (row.verdict, row.interface_id, row.clients) == ("unproven", "eni-0000000b", 0)


def test_one_failing_client_breaks_a_known_network_but_not_the_internet(tmp_path):
    seen = _seen(
        ("10.0.9.0/24", "10.0.0.1", 6, 22, "answered", {"clients": 30}),
        ("10.0.9.0/24", "10.0.0.1", 6, 22, "refused", {"clients": 1, "sessions": 7}),
    )
    lines = "lan,10.0.9.0/24,10.0.0.1,tcp,22,reach\nall,0.0.0.0/0,10.0.0.1,tcp,22,reach\n"
    narrow = _checked(tmp_path, lines.splitlines()[0], seen).iloc[0]
    wide = _checked(tmp_path, lines.splitlines()[1], seen).iloc[0]
    assert (narrow.verdict, narrow.clients, narrow.failing, narrow.sessions) == ("broken", 31, 1, 7)
    assert (wide.verdict, wide.failing) == ("met", 1)
    crowd = seen.assign(clients=[1, 30])
    assert _checked(tmp_path, lines.splitlines()[1], crowd).iloc[0].verdict == "broken"


def test_scanners_do_not_break_a_line(tmp_path):
    seen = _seen(("198.51.100.0/24", "10.0.0.1", 6, 22, "refused", {"scanners": 1}))
    row = _checked(tmp_path, "n,198.51.100.0/24,10.0.0.1,tcp,22,reach\n", seen).iloc[0]
    assert row.verdict == "unproven"


def test_a_narrower_line_takes_its_traffic_out_of_a_wider_one(tmp_path):
    seen = _seen(
        ("0.0.0.0/0", "10.0.0.1", 6, 443, "answered"),
        ("198.51.100.0/27", "10.0.0.1", 6, 443, "refused", {"clients": 9}),
        ("203.0.113.0/28", "10.0.0.1", 6, 22, "answered"),
    )
    lines = """shop,0.0.0.0/0,10.0.0.1,tcp,443,reach
branch,198.51.100.0/27,10.0.0.1,tcp,443,reach
office,203.0.113.0/28,10.0.0.1,tcp,22,reach
nobody,0.0.0.0/0,10.0.0.1,tcp,22,block
"""
    table = _checked(tmp_path, lines, seen)
    assert dict(zip(table["name"], table["verdict"], strict=True)) == {
        "shop": "met", "branch": "broken", "office": "met", "nobody": "unproven",
    }  # fmt: skip
    wanted = [matches(one, seen, OWNERS) for one in read_expectations(_file(tmp_path, lines)) if one.reach]
    assert pd.concat(wanted, axis=1).any(axis=1).tolist() == [True, True, True]


def test_udp_need_not_answer(tmp_path):
    seen = _seen(("10.0.9.0/24", "10.0.0.1", 17, 514, "accepted-silent"))
    row = _checked(tmp_path, "syslog,10.0.9.0/24,10.0.0.1,udp,514,reach\n", seen).iloc[0]
    assert (row.verdict, row.note) == ("unproven", "accepted, but nothing came back, and UDP need not answer")


@pytest.mark.parametrize(
    ("kind", "expect", "state", "verdict"),
    [
        ("reject-only", "reach", "refused", "broken"),
        ("reject-only", "block", "refused", "unproven"),
        ("accept-only", "block", "answered", "newly-reachable"),
        ("accept-only", "reach", "answered", "met"),
    ],
)
def test_a_log_of_one_action_proves_only_what_it_holds(tmp_path, kind, expect, state, verdict):
    seen = _seen(("10.0.9.0/24", "10.0.0.1", 6, 22, state))
    assert _checked(tmp_path, f"n,10.0.9.0/24,10.0.0.1,tcp,22,{expect}\n", seen, kind).iloc[0].verdict == verdict


def test_ports_nobody_serves_count_for_any_port_only(tmp_path):
    seen = _seen(("0.0.0.0/0", "10.0.0.1", 6, None, "refused", {"public": True}))
    lines = "any,0.0.0.0/0,10.0.0.1,tcp,any,block\none,0.0.0.0/0,10.0.0.1,tcp,23,block\n"
    assert _checked(tmp_path, lines, seen)["verdict"].tolist() == ["met", "unproven"]


def test_names_and_ids_that_the_report_prints_are_sources_and_destinations(tmp_path):
    snapshot = read_snapshot(SAMPLE / "network")
    printed = printed_names(snapshot, {ip_network("203.0.113.0/28"): "office"})
    (bastion,) = [eni.interface_id for eni in snapshot.interfaces.values() if eni.name == "bastion"]
    for host in ("bastion", "bastion (10.14.0.227)", bastion):
        lines = f"n,office,{host},tcp,22,reach\nn,{host},office,tcp,22,reach\n"
        one, back = read_expectations(_file(tmp_path, lines), printed)
        assert (one.source, one.destination, one.written) == (
            ip_network("203.0.113.0/28"),
            (bastion,),
            ("office", host),
        )
        assert (back.source, back.sources, back.destination) == ((bastion,), (), one.source)
    with pytest.raises(ValueError) as caught:
        read_expectations(_file(tmp_path, "n,office,bastoin,tcp,x,reach\n"), printed)
    assert str(caught.value).endswith(
        "line 2: destination 'bastoin' is no address, CIDR, interface id, instance id or name of a host or network; did you"
        " mean 'bastion'?; port 'x' is no port, range or any"
    )


@pytest.mark.parametrize("source", ["app-1", "{eni}", "{instance}"])
def test_a_host_is_a_source_by_its_name_its_interface_or_its_instance(tmp_path, source):
    log = load("sample")
    (app,) = [eni for eni in log.network.interfaces.values() if eni.name == "app-1"]
    named = source.format(eni=app.interface_id, instance=app.instance_id)
    path = _file(tmp_path, f"a,{named},db-1,tcp,5432,reach\nb,{app.addresses[0]},db-1,tcp,5432,reach\n")
    answer = reachability(log, path)
    first, second = answer.expectations.sort_values("line").itertuples()
    assert (first.source, first.verdict, first.sessions) == (second.source, second.verdict, second.sessions)
    assert first.sessions > 0


def test_an_interface_is_a_source_by_the_log_alone_and_one_that_nobody_knows_proves_nothing(tmp_path):
    log = load(SAMPLE / "AWSLogs")
    app = next(eni for eni in load("sample").network.interfaces.values() if eni.name == "app-1")
    path = _file(
        tmp_path, f"a,{app.interface_id},10.14.20.216,tcp,5432,reach\nb,eni-0000dead,10.14.20.216,tcp,5432,reach\n"
    )
    known, unknown = reachability(log, path).expectations.sort_values("line").itertuples()
    assert (known.source, known.sessions > 0) == (app.addresses[0], True)
    assert (unknown.source, unknown.verdict, unknown.note) == (
        "eni-0000dead", "no data", "the addresses of its source are not known",
    )  # fmt: skip


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """A day of a web host with a public address, in whose subnet it is alone; answered on 443 and 3389 by everybody."""
    folder = tmp_path_factory.mktemp("web")
    public = interface("eni-0000000a", "10.0.1.10", ["sg-web"])
    public["PrivateIpAddresses"][0]["Association"] = {"PublicIp": "203.0.113.200"}
    subnets = [{"SubnetId": "subnet-1", "CidrBlock": "10.0.1.0/24", "Tags": [{"Key": "Name", "Value": "front"}]}]
    rules = [permission("-1", cidr="0.0.0.0/0")]
    write_snapshot(folder / "network", [public], [group("sg-web", rules)], [acl("acl-1", OPEN)], subnets)
    ends = [("198.51.100.9", "10.0.1.10", 50000, port) for port in (443, 3389)]
    rows = [
        f"2 1 eni-0000000a {a} {b} {p} {q} 6 9 900 {1_700_000_000 + at} {1_700_000_030 + at} ACCEPT OK {flags}"
        for at in range(0, 6000, 600) for src, dst, sport, dport in ends
        for a, b, p, q, flags in [(src, dst, sport + at, dport, 3), (dst, src, dport, sport + at, 19)]
    ]  # fmt: skip
    head = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"
    path = write_log(folder / "flow.log", rows, [*head.split(), "log-status", "tcp-flags"])
    return load(str(path), network=folder / "network")


@pytest.mark.parametrize(
    ("place", "host"),
    [
        ("203.0.113.200", "eni-0000000a's description (203.0.113.200)"),
        ("203.0.113.192/28", "203.0.113.192/28"),
        ("eni-0000000a's description (203.0.113.200)", "eni-0000000a's description (203.0.113.200)"),
        ("10.0.1.0/24", "10.0.1.0/24"),  # not the host's name, though it is alone there
        ("front", "front (10.0.1.0/24)"),
        ("front (10.0.1.0/24)", "front (10.0.1.0/24)"),
    ],
)
def test_a_host_is_a_destination_by_its_public_address_and_titles_name_the_place(tmp_path, web, place, host):
    (row,) = reachability(web, _file(tmp_path, f"rdp,0.0.0.0/0,{place},tcp,3389,block\n")).expectations.itertuples()
    assert (row.verdict, row.sessions, row.host) == ("open but should be blocked", 10, host)


def test_a_redacted_copy_of_the_expectations_names_hosts_with_their_address_as_its_snapshot_does(tmp_path):
    redactor = Redactor(b"key")
    path = _file(tmp_path, "n,office (203.0.113.0/24),web-1 (10.0.1.10),tcp,22,reach\n")
    cells = redactor.expectations(path, tmp_path / "copy.csv").read_text().splitlines()[1].split(",")
    assert cells[1:3] == [f"{redactor.name('office')} (203.0.113.0/24)", f"{redactor.name('web-1')} (10.0.1.10)"]


def test_a_block_line_that_other_lines_allow_says_so_however_both_are_spelt(tmp_path, web):
    lines = """a,198.51.100.9,10.0.1.10,tcp,443,reach
b,198.51.100.0/24,eni-0000000a's description,tcp,443,block
"""
    answer = reachability(web, _file(tmp_path, lines))
    (found,) = [one for one in answer.findings if one.expectation == "b"]
    assert found.title == (
        "“b” has no data: 198.51.100.0/24 to eni-0000000a's description tcp/443 https, all that was seen of it is allowed"
        " by line 2."
    )
    assert str(answer.expectations["answered_until"].dtype).endswith("UTC]")  # though nothing is in it


def test_a_host_with_an_address_that_is_not_its_own_is_refused_and_the_internet_has_a_hint(tmp_path, web):
    lines = "n,eni-0000000a's description (10.9.9.9),internet,tcp,22,reach\n"
    with pytest.raises(ValueError) as caught:
        reachability(web, _file(tmp_path, lines))
    assert 'did you mean "eni-0000000a\'s description (10.0.1.10)"?' in str(caught.value)
    assert str(caught.value).endswith("; the internet is 0.0.0.0/0 or ::/0")


def test_a_file_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes((HEADER + "B\u00fcro,10.0.0.0/24,10.0.0.1,tcp,22,reach\n").encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin.csv is not in UTF-8 \(byte 47\): save it as CSV UTF-8"):
        read_expectations(path)


def test_the_port_of_icmp_may_be_empty_and_of_tcp_not(tmp_path):
    (one,) = read_expectations(_file(tmp_path, "n,10.0.0.0/24,10.0.0.1,icmp,,reach\n"))
    assert (one.protocols, one.ports) == ((1, 58), None)
    with pytest.raises(ValueError, match="line 2: port '' is no port, range or any"):
        read_expectations(_file(tmp_path, "n,10.0.0.0/24,10.0.0.1,tcp,,reach\n"))


def test_a_repaired_line_says_until_when_it_was_broken(tmp_path):
    def at(minutes):
        return pd.Timestamp(60 * minutes, unit="s", tz="UTC")

    failing = {"first_seen": at(10), "last_seen": at(20), "recovered": 1, "answered_again": at(100)}
    row = ("10.0.9.0/24", "10.0.0.1", 6, 22, "refused")
    line = "n,10.0.9.0/24,10.0.0.1,tcp,22,reach\n"
    assert _checked(tmp_path, line, _seen((*row, failing))).iloc[0].repaired
    assert not _checked(tmp_path, line, _seen((*row, failing | {"last_seen": at(99)}))).iloc[0].repaired
    assert not _checked(tmp_path, line, _seen((*row, failing | {"recovered": 0}))).iloc[0].repaired


def test_a_repaired_expectation_is_no_longer_high_and_a_client_counts_once(tmp_path):
    start = 1_700_000_000
    head = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"
    rows = []
    for at in range(0, 6000, 600):
        ends = f"{start + at} {start + at + 30}"
        action = "ACCEPT" if at not in (600, 1200, 1800) else "REJECT"
        rows.append(f"2 1 eni-0000000a 10.0.9.5 10.0.0.1 {40000 + at} 22 6 3 180 {ends} {action} OK 2")
        if action == "ACCEPT":
            rows.append(f"2 1 eni-0000000a 10.0.0.1 10.0.9.5 22 {40000 + at} 6 9 900 {ends} ACCEPT OK 18")
    path = write_log(tmp_path / "flow.log", rows, [*head.split(), "log-status", "tcp-flags"])
    lines = _file(tmp_path, "admin,10.0.9.0/24,10.0.0.1,tcp,22,reach\n")
    answer = reachability(load(str(path)), lines)
    (found,) = answer.findings
    assert (found.kind, found.severity, found.counts["clients"]) == ("expectation-broken", "medium", 1)
    assert found.title == (
        "“admin” was broken until 2023-11-14 22:43 UTC, and answered since: 10.0.9.0/24 to 10.0.0.1 tcp/22 ssh: rejected"
        " (3 sessions)."
    )
    assert answer.expectations["verdict"].tolist() == ["was broken"]
    assert (found.records, found.packets, found.bytes) == (3, 9, 540)  # of the rejected sessions alone
    assert found.subject["interface_id"] == "eni-0000000a"
    assert found.action == "It has been answered since the last failure (2023-11-14 22:43 UTC): nothing to do."


def test_a_report_takes_names_that_it_prints_before_it_begins(tmp_path):
    """Names of hosts come from the snapshot, those of networks from a notebook's parameter."""
    path = _file(tmp_path, "n,office,bastion,tcp,22,reach\n")
    named = ("named_networks=office=203.0.113.0/28",)
    request = Request(expect=str(path), notebooks=("reachability",), params=named)
    assert planned(request, datetime.now(UTC)).options["expect"] == str(path)
    with pytest.raises(ReportError, match="source 'office' is no address, CIDR, interface id"):
        planned(replace(request, params=()), datetime.now(UTC))
