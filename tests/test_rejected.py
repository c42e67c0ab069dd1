"""Causes of refused traffic: AWS's own examples, single cases, and a confusion table on simulated worlds."""

import json
from collections import Counter
from ipaddress import ip_network

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest
import simulate
from support import flows_of

from flowkit import load
from flowkit.analysis import refusals as grouping
from flowkit.analysis.network import read_snapshot
from flowkit.analysis.rejected import evidence, judge, refused_over_time, rejected, samples
from flowkit.fields import COLUMNS, DEFAULT_FORMAT
from flowkit.loading.sample import SAMPLE
from flowkit.reporting.rejected import leads, rejected_findings, rejected_verdict

ENI = "eni-1235b8ca123456789"
WITH_FLAGS = (*DEFAULT_FORMAT, "tcp-flags", "flow-direction", "subnet-id", "reject-reason")


def line(src, dst, sport, dport, action, start, end=None, protocol=6, packets=1, size=None, eni=ENI, **more):
    """A record of the default format; flags=, way=, subnet= and reason= give those of WITH_FLAGS."""
    size, end = packets * 60 if size is None else size, start if end is None else end
    plain = f"2 123456789010 {eni} {src} {dst} {sport} {dport} {protocol} {packets} {size} {start} {end} {action} OK"
    if not more:
        return plain
    extra = {"flags": "-", "way": "-", "subnet": "-", "reason": "-"} | more
    return " ".join([plain, *(str(extra[name]) for name in ("flags", "way", "subnet", "reason"))])


def judged(tmp_path, *lines, fields=DEFAULT_FORMAT, snapshot=None, **options):
    """The judged groups of a log of `lines`."""
    return rejected(flows_of(tmp_path, lines, fields), snapshot, **options).groups


def only(groups, *columns):
    assert len(groups) == 1, groups
    return tuple(groups.iloc[0][column] for column in columns)


# ---------------------------------------------------------------------------------- AWS's documentation


def test_ping_let_in_and_refused_out_is_a_network_acl_refusing_the_reply(tmp_path):
    groups = judged(
        tmp_path,
        f"2 123456789010 {ENI} 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK",
        f"2 123456789010 {ENI} 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK",
        # A second correspondent tells whose address the interface has.
        f"2 123456789010 {ENI} 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
    )
    said = only(groups, "kind", "cause", "confidence", "client", "server", "way")
    assert said == ("reply-refused", "network-acl", "high", "203.0.113.12", "172.31.16.139", True)
    assert "the answer was refused on its way out" in groups.grounds[0]


def test_a_refused_rdp_packet_alone_is_undetermined(tmp_path):
    groups = judged(
        tmp_path,
        f"2 123456789010 {ENI} 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
        f"2 123456789010 {ENI} 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK",
    )
    assert only(groups, "cause", "confidence", "server_port") == ("undetermined", "low", 3389)
    assert "a network snapshot would tell (`flowkit snapshot`)" in groups.grounds[0]


def test_an_accept_and_a_reject_of_one_tuple_in_one_window_is_a_changed_acl(tmp_path):
    ping = {"protocol": 1, "start": 1432917027, "end": 1432917142, "size": 84}
    groups = judged(
        tmp_path,
        line("203.0.113.12", "172.31.16.139", 0, 0, "ACCEPT", packets=2, **ping),
        line("172.31.16.139", "203.0.113.12", 0, 0, "ACCEPT", **ping),
        line("172.31.16.139", "203.0.113.12", 0, 0, "REJECT", **ping),
    )
    assert only(groups, "kind", "cause", "confidence") == ("acl-changed", "network-acl", "high")


# ------------------------------------------------------------------------------------------ single cases


@pytest.mark.parametrize(
    ("reason", "cause", "confidence"),
    [
        ("BPA", "block-public-access", "certain"),
        ("EC", "encryption-control", "certain"),
        ("NEW", "undetermined", "low"),
    ],
)
def test_reject_reason_names_the_control(tmp_path, reason, cause, confidence):
    record = line("203.0.113.5", "10.0.0.7", 40000, 443, "REJECT", 1000, flags=2, reason=reason)
    groups = judged(tmp_path, record, fields=WITH_FLAGS)
    assert only(groups, "kind", "cause", "confidence") == ("service-control", cause, confidence)


def conversation(start, sport=40000, **more):
    """A conversation of 10.0.0.5 with the service at 10.0.0.7:443, closed by both sides."""
    return [
        line("10.0.0.5", "10.0.0.7", sport, 443, "ACCEPT", start, start + 9, packets=8, size=900, **more),
        line("10.0.0.7", "10.0.0.5", 443, sport, "ACCEPT", start, start + 9, packets=7, size=5000, **more),
    ]


def test_packets_after_fin_are_late_and_nobody_is_blocked(tmp_path):
    late = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 1040, packets=2, size=80, flags=1)
    groups = judged(tmp_path, *conversation(1000, flags=3), late, fields=WITH_FLAGS)
    assert only(groups, "kind", "cause", "confidence") == ("late-packets", "closed-connection", "high")


def test_without_flags_small_packets_after_the_end_are_late_with_less_confidence(tmp_path):
    late = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 1040, packets=2, size=80)
    groups = judged(tmp_path, *conversation(1000), late)
    assert only(groups, "kind", "cause", "confidence") == ("late-packets", "closed-connection", "medium")


@pytest.mark.parametrize(("fields", "more"), [(DEFAULT_FORMAT, {}), (WITH_FLAGS, {"flags": 0})])
def test_data_refused_in_mid_session_is_a_changed_acl(tmp_path, fields, more):
    lost = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 1012, 1200, packets=9, size=9000, **more)
    again = line("10.0.0.7", "10.0.0.5", 443, 40000, "ACCEPT", 1012, 1200, packets=9, size=9000, **more)
    groups = judged(tmp_path, *conversation(1000, **more), lost, again, fields=fields)
    assert only(groups, "kind", "cause", "confidence") == ("acl-changed", "network-acl", "high")


def test_a_new_syn_on_the_ports_of_a_closed_conversation_is_a_request(tmp_path):
    syn = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 1040, packets=3, flags=2)
    groups = judged(tmp_path, *conversation(1000, flags=3), syn, fields=WITH_FLAGS)
    assert only(groups, "fate", "client", "server") == ("request", "10.0.0.5", "10.0.0.7")
    assert any(ground.startswith("it was let in until 1970-01-01 00:16 UTC") for ground in groups.grounds[0])


def test_the_same_ports_hours_later_are_another_conversation(tmp_path):
    later = line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 9000, packets=4)
    groups = judged(tmp_path, *conversation(1000), later)
    assert only(groups, "fate", "retries") == ("request", 1)


def beside(own, other, **more):
    """10.0.9.9 is refused on 10.0.0.7 at eni-a and accepted on 10.0.0.8 at eni-b; subnets `own` and `other`."""
    there = {"eni": "eni-b", "subnet": other}
    return [
        line("10.0.9.9", "10.0.0.7", 40000, 443, "REJECT", 1000, 1030, packets=5, flags=2, way="ingress", eni="eni-a",
             subnet=own, **more),
        line("10.0.9.9", "10.0.0.8", 40001, 443, "ACCEPT", 900, 1100, packets=9, flags=3, way="ingress", **there),
        line("10.0.0.8", "10.0.9.9", 443, 40001, "ACCEPT", 900, 1100, packets=9, flags=19, way="egress", **there),
    ]  # fmt: skip


def test_let_in_by_a_neighbour_in_the_subnet_means_the_security_group(tmp_path):
    groups = judged(tmp_path, *beside("subnet-1", "subnet-1"), fields=WITH_FLAGS)
    assert only(groups, "cause", "confidence") == ("security-group", "high")
    assert (
        "eni-b in the same subnet-1 let the same in from 10.0.9.9 at that time, so its network ACL does"
        in (groups.grounds[0])
    )


def test_a_neighbour_in_another_subnet_proves_nothing(tmp_path):
    groups = judged(tmp_path, *beside("subnet-1", "subnet-2"), fields=WITH_FLAGS)
    assert only(groups, "cause", "confidence") == ("undetermined", "low")


def test_the_clients_own_interface_is_no_neighbour(tmp_path):
    sent = line("10.0.9.9", "10.0.0.7", 40000, 443, "ACCEPT", 1000, 1030, packets=5, flags=2, way="egress",
                eni="eni-c", subnet="subnet-1")  # fmt: skip
    refused = line("10.0.9.9", "10.0.0.7", 40000, 443, "REJECT", 1000, 1030, packets=5, flags=2, way="ingress",
                   eni="eni-a", subnet="subnet-2")  # fmt: skip
    groups = judged(tmp_path, sent, refused, fields=WITH_FLAGS)
    assert only(groups, "cause", "interface_id") == ("undetermined", "eni-a")
    assert "the client's own interface eni-c let it out" in groups.grounds[0]


def test_inside_one_subnet_only_the_security_group_can_refuse(tmp_path):
    groups = judged(
        tmp_path,
        line(
            "10.0.0.9",
            "10.0.0.7",
            4,
            443,
            "REJECT",
            1000,
            flags=2,
            way="ingress",
            eni="eni-a",
            subnet="subnet-1",
        ),
        line(
            "10.0.0.9",
            "10.0.0.3",
            5,
            80,
            "ACCEPT",
            1000,
            flags=2,
            way="egress",
            eni="eni-c",
            subnet="subnet-1",
        ),
        fields=WITH_FLAGS,
    )
    assert only(groups, "cause", "confidence") == ("security-group", "high")


def test_a_log_of_refusals_only_says_what_would_tell(tmp_path):
    found = rejected(
        flows_of(tmp_path, [line("10.0.9.9", "10.0.0.7", 40000, 443, "REJECT", 1000, packets=5)])
    )
    assert not found.accepts
    assert only(found.groups, "cause", "confidence") == ("undetermined", "low")
    assert any("a log of ALL traffic would tell" in ground for ground in found.groups.grounds[0])
    verdict = rejected_verdict(rejected_findings(found), found)
    assert verdict[-1] == "The log holds refusals only, so most causes cannot be told: log ALL traffic."


# ---------------------------------------------------------------------------------- wanted, scan or noise


def test_a_stranger_at_many_doors_is_a_scanner_and_never_a_client(tmp_path):
    doors = [
        line("198.51.100.9", "10.0.0.7", 40000 + port, port, "REJECT", 1000 + port) for port in range(20, 40)
    ]
    accepted = conversation(1000)
    found = rejected(flows_of(tmp_path, [*doors, *accepted]))
    assert set(found.groups.kind) == {"scan"}
    assert found.scanners[["client", "contacts", "refused", "verdict"]].values.tolist() == [
        ["198.51.100.9", 20, 20, "scanner"]
    ]
    cells = pd.DataFrame(
        {"interface_id": [ENI, ENI], "state": ["OK", "SKIPDATA"], "start": [0, 30], "end": [30, 40]}
    )
    cells = cells.assign(
        **{edge: pd.to_datetime(cells[edge], unit="s", utc=True) for edge in ("start", "end")}
    )
    finding = next(one for one in rejected_findings(found, cells=cells) if one.kind == "scan")
    assert finding.coverage == 0.75
    assert (
        finding.title == "198.51.100.9 scanned 20 ports of 1 host: 20 refused records, no service let it in."
    )
    assert finding.subject == {"srcaddr": "198.51.100.9", "protocol": 6}


def test_strangers_with_one_packet_each_are_one_finding(tmp_path):
    lines = [line(f"198.51.100.{n}", "10.0.0.7", 4000, 23, "REJECT", 1000 + n, size=40) for n in range(1, 60)]
    found = rejected(flows_of(tmp_path, [*lines, *conversation(1000)]))
    (finding,) = rejected_findings(found)
    assert (finding.kind, finding.severity, finding.records) == ("noise", "info", 59)
    assert finding.title == "59 clients sent 59 refused records of no account: background noise."


def test_a_single_stranger_is_told_in_the_singular(tmp_path):
    lines = [line("198.51.100.1", "10.0.0.7", 4000, 23, "REJECT", 1000, size=40), *conversation(1000)]
    (finding,) = rejected_findings(rejected(flows_of(tmp_path, lines)))
    assert finding.title == "1 client sent 1 refused record of no account: background noise."


def test_samples_are_fetched_for_what_is_told_only(tmp_path):
    tries = [
        line(
            "10.0.0.5",
            f"10.0.{n}.7",
            50000 + n,
            5432,
            "REJECT",
            2000 + 900 * k,
            packets=5 + n,
            eni=f"eni-{n}",
        )
        for n in range(5)
        for k in range(4)
    ]
    groups = rejected(flows_of(tmp_path, tries)).groups
    assert len(leads(groups, 3)) == 3
    assert groups.incident.nunique() == 5


def test_what_is_not_listed_is_still_counted(tmp_path):
    lines = [line(f"198.51.100.{n}", "10.0.0.7", 4000, 23, "REJECT", 1000 + n, size=40) for n in range(1, 60)]
    found = rejected(flows_of(tmp_path, [*lines, *conversation(1000)]), limit=10)
    (finding,) = rejected_findings(found)
    assert len(found.groups) == 10
    assert (finding.records, finding.packets, finding.bytes) == (59, 59, 59 * 40)


def test_every_point_for_a_wanted_client_is_shown(tmp_path):
    tries = [
        line("10.0.0.5", "10.0.0.7", 50000 + n, 5432, "REJECT", 2000 + 900 * n, packets=5) for n in range(12)
    ]
    others = [
        line("10.0.0.6", "10.0.0.7", 50001, 5432, "ACCEPT", 2000, packets=5),
        line("10.0.0.7", "10.0.0.6", 5432, 50001, "ACCEPT", 2000, packets=5),
    ]
    groups = judged(tmp_path, *tries, *others, *conversation(1000))
    assert only(groups, "kind", "score") == ("blocked-client", 9)
    assert groups.parts[0] == {
        "private client": 2,
        "client is accepted elsewhere": 2,
        "others are answered there": 2,
        "retransmits as a real stack does": 1,
        "keeps trying": 2,
    }


def test_a_blocked_client_is_told_in_one_sentence_with_its_numbers(tmp_path):
    tries = [
        line("10.0.0.5", "10.0.0.7", 50000 + n, 5432, "REJECT", 2000 + 900 * n, packets=5) for n in range(12)
    ]
    found = rejected(flows_of(tmp_path, [*tries, *beside_all(ENI), *conversation(1000)]))
    (finding,) = rejected_findings(found)
    assert finding.title == (
        "10.0.0.5 to 10.0.0.7 tcp/5432: 12 attempts refused since 1970-01-01 00:33 UTC, never let in;"
        " its security group refuses it."
    )
    assert (finding.severity, finding.confidence, finding.records, finding.packets) == (
        "high",
        "medium",
        12,
        60,
    )
    assert rejected_verdict([finding], found) == [
        "1 refusal looks like a wanted client that is kept out: " + finding.title,
    ]


def test_clients_of_one_service_and_cause_are_one_finding_of_their_block(tmp_path):
    tries = [
        line(f"10.0.0.{80 + n % 8}", "10.0.0.7", 50000 + n, 5432, "REJECT", 2000 + 300 * n, packets=5)
        for n in range(64)
    ]
    (finding,) = rejected_findings(rejected(flows_of(tmp_path, [*tries, *beside_all(ENI)])))
    assert finding.subject == {
        "interface_id": ENI, "srcaddr": "10.0.0.80/29", "dstaddr": "10.0.0.7", "protocol": 6, "dstport": 5432,
    }  # fmt: skip
    assert "IpRanges=[{CidrIp=10.0.0.80/29}]" in finding.action
    assert "7 more groups of this incident, 56 records" in finding.grounds


# ----------------------------------------------------------------------------------- nothing, and hostile


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [f"2 123456789010 {ENI} - - - - - - - 1431280876 1431280934 - NODATA"],
            "No record says ACCEPT or REJECT: nothing can be told.",
        ),
        (conversation(1000), "Nothing was refused."),
    ],
)
def test_a_log_without_refusals_says_so(tmp_path, lines, said):
    flows = flows_of(tmp_path, lines)
    found = rejected(flows)
    assert found.groups.empty and found.scanners.empty
    assert rejected_findings(found) == []
    assert rejected_verdict([], found) == [said]
    assert refused_over_time(flows, found.groups).empty
    assert samples(flows, leads(found.groups)) == {}


@pytest.mark.parametrize(
    ("lacking", "title"),
    [
        (
            {"start", "end"},
            "10.0.0.5 to 10.0.0.7 tcp/5432: 1 attempt refused, never let in; its security group refuses it.",
        ),
        ({"protocol"}, "10.0.0.5 to 10.0.0.7 port/5432: 4 attempts refused since 1970-01-01 00:33 UTC"),
        ({"srcport", "dstport"}, "10.0.0.5 to 10.0.0.7 tcp: 4 attempts refused since 1970-01-01 00:33 UTC"),
        (
            {"packets", "bytes"},
            "10.0.0.5 to 10.0.0.7 tcp/5432: 4 attempts refused since 1970-01-01 00:33 UTC",
        ),
        ({"interface-id"}, "10.0.0.5 to 10.0.0.7 tcp/5432: 4 attempts refused since 1970-01-01 00:33 UTC"),
    ],
)
def test_a_log_without_some_fields_is_judged_by_the_others(tmp_path, lacking, title):
    tries = [line("10.0.0.5", "10.0.0.7", 50000, 5432, "REJECT", 2000 + 900 * n, packets=5) for n in range(4)]
    kept = [name for name in DEFAULT_FORMAT if name not in lacking]
    whole = [dict(zip(DEFAULT_FORMAT, record.split(), strict=True)) for record in [*tries, *beside_all(ENI)]]
    groups = judged(tmp_path, *(" ".join(record[name] for name in kept) for record in whole), fields=kept)
    assert set(groups.kind) == {"blocked-client"}
    found = rejected(flows_of(tmp_path, [" ".join(record[name] for name in kept) for record in whole], kept))
    assert rejected_findings(found)[0].title.startswith(title)


def test_text_that_is_no_address_is_counted_and_judged_nowhere(tmp_path):
    flows = flows_of(tmp_path, [line("10.0.0.5", "10.0.0.7", 40000, 443, "REJECT", 1000)])
    flows = flows.mutate(srcaddr=ibis.literal("$(reboot)"))
    found = rejected(flows)
    assert found.groups.empty
    (finding,) = rejected_findings(found)
    assert (finding.kind, finding.records) == ("noise", 1)
    assert "reboot" not in json.dumps(finding.as_dict())


def test_commands_quote_what_comes_from_the_log(tmp_path):
    tries = [
        line("10.0.9.9", "10.0.0.7", 50000 + n, 5432, "REJECT", 2000 + 900 * n, packets=5, eni="eni-1;reboot")
        for n in range(12)
    ]
    found = rejected(flows_of(tmp_path, [*tries, *beside_all("eni-1;reboot")]))
    blocked = [finding for finding in rejected_findings(found) if finding.kind == "blocked-client"]
    assert "--network-interface-ids 'eni-1;reboot'" in blocked[0].action


def beside_all(eni):
    """Another client, answered by the same service of `eni`."""
    return [
        line("10.0.0.6", "10.0.0.7", 50001, 5432, "ACCEPT", 2000, packets=5, eni=eni),
        line("10.0.0.7", "10.0.0.6", 5432, 50001, "ACCEPT", 2000, packets=5, eni=eni),
    ]


# --------------------------------------------------------------------------------------------- the sample


@pytest.fixture(scope="module")
def sample():
    """Flows, judged groups and findings of the sample, and what was planted in it."""
    flows, snapshot = load("sample"), read_snapshot(SAMPLE / "network")
    found = rejected(flows, snapshot)
    told = rejected_findings(found, snapshot, samples(flows, leads(found.groups)))
    return flows, found, told, json.loads((SAMPLE / "truth.json").read_text())


def test_every_planted_refusal_is_one_finding_with_its_subject_cause_and_records(sample):
    *_rest, told, truth = sample
    keys = ("interface_id", "srcaddr", "dstaddr", "protocol", "dstport")
    planted = {
        (one["kind"], *(one[key] for key in keys)): (one["cause"], one["records"])
        for one in truth
        if one["notebook"] == "rejected" and one["finding"]
    }
    found = {(one.kind, *(one.subject.get(key) for key in keys)): (one.cause, one.records) for one in told}
    assert found == planted


def test_findings_name_the_rule_that_refuses_or_is_missing(sample):
    *_rest, told, truth = sample
    rules = {one["srcaddr"]: one["rule"] for one in truth if one["notebook"] == "rejected" and one["rule"]}
    assert len(rules) == 5
    for one in (finding for finding in told if finding.subject.get("srcaddr") in rules):
        text = " ".join(one.grounds)
        for rule in rules[one.subject["srcaddr"]].split(" + "):
            name, *entry = rule.split(":")
            assert name in text
            if entry:
                way = {"ingress": "inbound", "egress": "outbound"}[entry[0]]
                assert f"{way} rule {'*' if entry[1] == '32767' else entry[1]} " in text


def test_all_records_are_in_a_finding_and_in_the_hours(sample):
    flows, found, told, _truth = sample
    refused = flows.filter(flows.action == "REJECT").count().execute()
    assert sum(one.records for one in told) == refused
    assert refused_over_time(flows, found.groups).records.sum() == refused


def test_samples_are_records_of_the_finding(sample):
    *_rest, told, _truth = sample
    for one in (finding for finding in told if finding.kind != "noise"):
        assert 1 <= len(one.samples) <= 3
        for record in one.samples:
            fields = dict(zip(DEFAULT_FORMAT, record.split(), strict=True))
            assert fields["action"] == "REJECT"
            assert one.subject.get("interface_id") in (None, fields["interface-id"])


# ------------------------------------------------------------------------------------ portable, and small

DIALECTS = ("trino", "athena", "pyspark")


def test_every_query_compiles_for_other_engines_and_brings_few_rows(tmp_path, monkeypatch):
    crossed, execute, cache = [], ir.Expr.execute, ir.Table.cache

    def spy(expression, *args, **options):
        for dialect in DIALECTS:
            assert ibis.to_sql(expression, dialect=dialect)
        result = execute(expression, *args, **options)
        crossed.append(len(result) if isinstance(result, pd.DataFrame) else 1)
        return result

    def compiled_cache(table):
        for dialect in DIALECTS:
            assert ibis.to_sql(table, dialect=dialect)
        return cache(table)

    monkeypatch.setattr(ir.Table, "cache", compiled_cache)
    monkeypatch.setattr(ir.Expr, "execute", spy)
    lines = [
        line(f"198.51.{n // 200}.{n % 200}", "10.0.0.7", 4000, 23, "REJECT", 1000 + n) for n in range(2000)
    ]
    flows = flows_of(tmp_path, [*lines, *conversation(1000)])
    found = rejected(flows, limit=50)
    refused_over_time(flows, found.groups)
    samples(flows, leads(found.groups))
    assert len(crossed) > 8
    assert max(crossed) <= 500


# ------------------------------------------------------------------------------- simulated worlds, the truth

SEEDS = range(1, 21)
HOURS = 2
KEY = ["interface_id", "client", "server", "protocol", "server_port"]


def table_of(records, fields):
    """The flows table of simulated `records`, as a log of `fields` would give it."""
    columns = {}
    for column, kind in COLUMNS.items():
        known = column in records and column.replace("_", "-") in fields
        values = (
            records[column].replace("-", None) if known else pd.Series(None, records.index, dtype="object")
        )
        columns[column] = (
            values.astype("string") if kind == "string" else pd.to_numeric(values).astype("Int64")
        )
    con = ibis.duckdb.connect()
    return con.create_table("flows", ibis.memtable(pd.DataFrame(columns), schema=ibis.schema(dict(COLUMNS))))


def truth_of(records):
    """Refused conversations: KEY → the true causes, rules and incidents of their records."""
    rows = records[records.action == "REJECT"]
    asked = rows.true_client == rows.srcaddr
    rows = rows.assign(
        client=rows.true_client,
        server=rows.dstaddr.where(asked, rows.srcaddr),
        server_port=pd.to_numeric(rows.dstport.where(asked, rows.srcport)),
        protocol=pd.to_numeric(rows.protocol),
    )
    found = rows.groupby(KEY)[["true_cause", "true_rule", "incident"]].agg(
        lambda column: set(column.dropna())
    )
    return found.to_dict("index")


def rule_named(verdict):
    """The rule that a verdict blames, as the simulator writes it."""
    groups = ",".join(sorted(verdict.group_ids)) if verdict.groups_allow is False else ""
    way = "egress" if verdict.packet.egress else "ingress"
    acl = f"{verdict.acl_id}:{way}:{verdict.entry.number}" if verdict.acl_allows is False else ""
    return " + ".join(filter(None, (groups, acl)))


def test_confusion_of_true_cause_and_verdict_on_simulated_worlds(tmp_path):
    print(f"seeds {SEEDS.start} to {SEEDS.stop - 1}")
    table, wrong, missed, overrated, rules = Counter(), [], [], [], Counter()
    for seed in SEEDS:
        world = simulate.simulate(seed=seed, hours=HOURS)
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, content in world.network.items():
            (folder / name).write_text(json.dumps(content))
        records = world.records.reset_index(drop=True)
        truth, network = truth_of(records), read_snapshot(folder)
        for version, fields in (("v2", simulate.FIELDS_V2), ("v5", simulate.FIELDS_V5)):
            flows = table_of(records, fields)
            known = evidence(flows)
            for snapshot in (None, network):
                found = judge(known, snapshot)
                told = rejected_findings(found, snapshot)
                case = (version, "snapshot" if snapshot else "log alone")
                for _number, group in found.groups.iterrows():
                    port = 0 if pd.isna(group.server_port) else group.server_port
                    true = truth.get((group.interface_id, group.client, group.server, group.protocol, port))
                    causes = true["true_cause"] if true else {"other way round"}
                    table[(*case, " or ".join(sorted(causes)), group.cause, group.confidence)] += 1
                    if group.confidence in ("certain", "high") and group.cause not in causes:
                        wrong.append((seed, *case, dict(group[KEY]), causes, group.cause, group.grounds))
                    if (
                        snapshot
                        and group.verdict is not None
                        and group.cause not in ("closed-connection", "rules-changed")
                    ):
                        rules[rule_named(group.verdict) in (true["true_rule"] if true else ())] += 1
                    if group.kind == "blocked-client" and true and true["incident"] & {"scanner", "noise"}:
                        overrated.append((seed, *case, dict(group[KEY]), group.parts))
                missed += [(seed, *case, one["id"]) for one in world.truth if not is_told(one, told)]
                risen = [f for f in told if f.kind == "blocked-client" and f.severity in ("high", "medium")]
                strangers = {one["srcaddr"] for one in world.truth if one["kind"] == "scan"}
                overrated += [(seed, *case, f.title) for f in risen if f.subject["srcaddr"] in strangers]
    names = ["format", "by", "true cause", "verdict", "confidence"]
    counted = pd.Series(table).rename_axis(names).sort_index()
    (tmp_path / "confusion.txt").write_text(counted.to_string())
    print(counted.to_string())
    assert len(wrong) * 1000 < sum(table.values()), wrong[:5]
    assert not missed
    assert not overrated
    assert rules[True] > 1000 and not rules[False], rules


def is_told(planted, told):
    """Whether a finding tells the planted incident: its kind, place and service, its clients or a block of them."""
    if planted["notebook"] != "rejected" or not planted["finding"] or not planted["records"]:
        return True
    keys = ("interface_id", "dstaddr", "protocol", "dstport")
    return any(
        finding.kind == planted["kind"]
        and all(planted[key] in (None, finding.subject.get(key)) for key in keys)
        and (
            planted["kind"] in ("noise", "late-packets")
            or _same(finding.subject.get("srcaddr"), planted["srcaddr"])
        )
        for finding in told
    )


def _same(said, planted):
    return said is not None and (said == planted or ip_network(said).subnet_of(ip_network(planted)))


def test_the_first_step_reads_refused_conversations_only(tmp_path):
    flows = flows_of(tmp_path, [*conversation(1000), line("10.0.0.5", "10.0.0.8", 40000, 22, "REJECT", 1000)])
    rows = grouping._around(flows).execute()
    assert sorted(rows.b_addr) == ["10.0.0.8"]
