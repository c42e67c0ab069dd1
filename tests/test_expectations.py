"""Expectations: reading the file, and judging each line by what was seen."""

from ipaddress import ip_network

import pandas as pd
import pytest

from flowkit.analysis.expectations import expectations_of, expected, judged, read_expectations
from flowkit.analysis.reachability import COLUMNS
from flowkit.loading.sample import SAMPLE

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
        row |= {
            "network": network,
            "destination": destination,
            "protocol": protocol,
            "port": port,
            "state": state,
        }
        row |= {"source": network, "public": False, "confidence": "high", "interface_id": "eni-0000000a"}
        row |= {"first_seen": pd.Timestamp(0, tz="UTC"), "last_seen": pd.Timestamp(60, unit="s", tz="UTC")}
        table.append(row | {"answered_until": pd.NaT} | (changes[0] if changes else {}))
    frame = pd.DataFrame(table, columns=list(COLUMNS))
    return frame.astype({"port": "Int64", "protocol": "Int64", "destination_name": object})


def _judgements(tmp_path, lines, seen, kind="all"):
    return judged(read_expectations(_file(tmp_path, lines)), seen, kind, OWNERS)


def test_a_file_is_read_in_its_order_whatever_the_order_of_its_columns(tmp_path):
    header = "\ufeffexpect,port,protocol,destination,source,name\n# a note\n\n"
    lines = 'reach, 8000-8010 ,TCP,i-0123456789abcdef0,203.0.113.0/24,"a, b"\nblock,any,icmp,2001:db8::1,::/0,six\n'
    first, second = read_expectations(_file(tmp_path, lines, header))
    assert (first.line, first.name, first.source) == (4, "a, b", ip_network("203.0.113.0/24"))
    assert (first.destination, first.protocols, first.ports, first.reach) == (
        "i-0123456789abcdef0", (6,), (8000, 8010), True,
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
    assert str(caught.value).splitlines() == [
        f"{path} has 11 bad lines",
        "  line 3: source '10.0.0.0/33' is no address or CIDR",
        "  line 4: source '10.0.0.5/24' is no network; the one it lies in is 10.0.0.0/24",
        "  line 6: contradicts line 2",
        "  line 7: 4 values where 6 belong",
        "  line 8: destination 'web-1' is no address, CIDR, interface id or instance id",
        "  line 9: protocol 'sctp' is not tcp, udp, icmp or any",
        "  line 10: port '70000' is not within 0-65535 and rising",
        "  line 11: port '90-80' is not within 0-65535 and rising",
        "  line 12: icmp has no ports: its port must be any",
        "  line 13: expect 'allow' is not reach or block",
        "  line 14: no name",
    ]


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
    ("line", "state", "judgement"),
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
def test_a_line_is_judged_by_what_was_seen(tmp_path, line, state, judgement):
    seen = _seen(("10.0.9.0/24", "10.0.0.1", 6, 22, state))
    row = _judgements(tmp_path, f"name,{line}\n", seen).iloc[0]
    assert row.judgement == judgement
    assert (row.sessions, row.state) == ((0, None) if judgement == "unproven" else (5, state))


def test_an_unproven_line_names_its_interface_so_that_coverage_can_be_told(tmp_path):
    row = _judgements(tmp_path, "n,10.0.9.0/24,10.0.0.2,tcp,22,reach\n", _seen()).iloc[0]
    assert (row.judgement, row.interface_id, row.clients) == ("unproven", "eni-0000000b", 0)


def test_one_failing_client_breaks_a_known_network_but_not_the_internet(tmp_path):
    seen = _seen(
        ("10.0.9.0/24", "10.0.0.1", 6, 22, "answered", {"clients": 30}),
        ("10.0.9.0/24", "10.0.0.1", 6, 22, "refused", {"clients": 1, "sessions": 7}),
    )
    lines = "lan,10.0.9.0/24,10.0.0.1,tcp,22,reach\nall,0.0.0.0/0,10.0.0.1,tcp,22,reach\n"
    narrow = _judgements(tmp_path, lines.splitlines()[0], seen).iloc[0]
    wide = _judgements(tmp_path, lines.splitlines()[1], seen).iloc[0]
    assert (narrow.judgement, narrow.clients, narrow.failing, narrow.sessions) == ("broken", 31, 1, 7)
    assert (wide.judgement, wide.failing) == ("met", 1)
    crowd = seen.assign(clients=[1, 30])
    assert _judgements(tmp_path, lines.splitlines()[1], crowd).iloc[0].judgement == "broken"


def test_scanners_do_not_break_a_line(tmp_path):
    seen = _seen(("198.51.100.0/24", "10.0.0.1", 6, 22, "refused", {"scanners": 1}))
    row = _judgements(tmp_path, "n,198.51.100.0/24,10.0.0.1,tcp,22,reach\n", seen).iloc[0]
    assert row.judgement == "unproven"


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
    table = _judgements(tmp_path, lines, seen)
    assert dict(zip(table["name"], table["judgement"], strict=True)) == {
        "shop": "met", "branch": "broken", "office": "met", "nobody": "unproven",
    }  # fmt: skip
    assert expected(read_expectations(_file(tmp_path, lines)), seen).tolist() == [True, True, True]


def test_udp_need_not_answer(tmp_path):
    seen = _seen(("10.0.9.0/24", "10.0.0.1", 17, 514, "accepted-silent"))
    row = _judgements(tmp_path, "syslog,10.0.9.0/24,10.0.0.1,udp,514,reach\n", seen).iloc[0]
    assert (row.judgement, row.note) == ("unproven", "let in, but nothing came back, and UDP need not answer")


@pytest.mark.parametrize(
    ("kind", "expect", "state", "judgement"),
    [
        ("reject-only", "reach", "refused", "broken"),
        ("reject-only", "block", "refused", "unproven"),
        ("accept-only", "block", "answered", "newly-reachable"),
        ("accept-only", "reach", "answered", "met"),
    ],
)
def test_a_log_of_one_action_proves_only_what_it_holds(tmp_path, kind, expect, state, judgement):
    seen = _seen(("10.0.9.0/24", "10.0.0.1", 6, 22, state))
    assert (
        _judgements(tmp_path, f"n,10.0.9.0/24,10.0.0.1,tcp,22,{expect}\n", seen, kind).iloc[0].judgement
        == judgement
    )


def test_ports_nobody_serves_count_for_any_port_only(tmp_path):
    seen = _seen(("0.0.0.0/0", "10.0.0.1", 6, None, "refused", {"public": True}))
    lines = "any,0.0.0.0/0,10.0.0.1,tcp,any,block\none,0.0.0.0/0,10.0.0.1,tcp,23,block\n"
    assert _judgements(tmp_path, lines, seen)["judgement"].tolist() == ["met", "unproven"]
