"""The simulated VPC: the sample is what the simulator writes, and what it says it planted is really there."""

import csv
import gzip
import json
import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from simulate import FIELDS_V2, FIELDS_V5, INCIDENTS, lines, main, simulate
from verdicts import Rules

DATA = Path(__file__).parents[1] / "data"
SAMPLE = DATA / "sample"
MIRRORED = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end"]


@pytest.fixture(scope="module")
def world():
    """Three hours with every incident."""
    return simulate(seed=11, hours=3)


@pytest.fixture(scope="module")
def quiet():
    """Two hours without incidents."""
    return simulate(seed=11, hours=2, incidents=(), scale=0.1)


@pytest.fixture(scope="module")
def ok(world):
    """Its records that describe packets."""
    return world.records[world.records["log_status"] == "OK"]


def truth_of(world, name: str) -> dict:
    return next(t for t in world.truth if t["id"] == name)


def named(world, name: str) -> str:
    return world.shop.interfaces[name].id


def files_of(folder: Path) -> dict:
    """Path -> content; what is compressed is compared as text, for zlib versions compress differently."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        found[str(path.relative_to(folder))] = gzip.decompress(data) if path.suffix == ".gz" else data
    return found


def test_the_sample_is_what_the_command_writes_byte_by_byte(tmp_path, capsys):
    main([str(tmp_path)])
    expected, made = files_of(SAMPLE), files_of(tmp_path)
    assert list(made) == list(expected)
    assert made == expected
    assert {path.read_bytes()[4:8] for path in tmp_path.rglob("*.gz")} == {b"\0\0\0\0"}
    assert "62210 records in 287 files" in capsys.readouterr().out


def test_the_sample_is_small_and_laid_out_as_aws_does():
    logs = sorted((SAMPLE / "AWSLogs").rglob("*.log.gz"))
    assert sum(p.stat().st_size for p in SAMPLE.rglob("*") if p.is_file()) < 3_000_000
    assert len(logs) == 24 * 12 - 1
    assert {p.parent.relative_to(SAMPLE).as_posix() for p in logs} == {
        "AWSLogs/012345678901/vpcflowlogs/eu-west-1/2026/11/20"
    }
    name = re.compile(r"012345678901_vpcflowlogs_eu-west-1_fl-0[0-9a-f]{16}_20261120T\d{4}Z_[0-9a-f]{8}\.log\.gz")
    assert all(name.fullmatch(p.name) for p in logs)
    data = logs[0].read_bytes()
    assert data[4:8] == b"\0\0\0\0"
    assert gzip.decompress(data).decode().splitlines()[0] == " ".join(FIELDS_V5)


def test_a_file_holds_the_records_that_end_in_its_slot():
    path = sorted((SAMPLE / "AWSLogs").rglob("*T1200Z*"))[0]
    rows = [line.split() for line in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]]
    noon = int(pd.Timestamp("2026-11-20T12:00Z").timestamp())
    ends = [int(row[FIELDS_V5.index("end")]) for row in rows]
    assert noon <= min(ends) and max(ends) < noon + 300
    assert ends != sorted(ends)
    assert {len(row) for row in rows} == {29}


@pytest.mark.parametrize("name", INCIDENTS)
def test_every_incident_is_told_and_its_rows_are_there(world, name):
    told = truth_of(world, name)
    rows = world.records
    if told["kind"] in ("silent-interface", "not-delivered"):
        assert told["records"] == 0 and told["missing"] > 20
        return
    if name == "nodata-interface":
        rows = rows[rows["log_status"] == "NODATA"]
    elif name == "skipdata":
        rows = rows[rows["log_status"] == "SKIPDATA"]
    else:
        rows = rows[rows["incident"] == name]
        if told["notebook"] == "rejected":
            rows = rows[rows["action"] == "REJECT"]
    if told["interface_id"]:
        rows = rows[rows["interface_id"] == told["interface_id"]]
    assert len(rows) == told["records"] > 3
    if name != "skipdata":
        assert pd.Timestamp(told["first"]).timestamp() == rows["start"].min()
        assert pd.Timestamp(told["last"]).timestamp() == rows["end"].max()
    if told["cause"]:
        assert set(rows["true_cause"]) == {told["cause"]}
    if told["cause"] and told["rule"]:
        assert set(rows["true_rule"]) == {told["rule"]}


def test_only_incidents_are_refused(quiet, ok):
    refused = ok[ok["action"] == "REJECT"]
    assert refused["incident"].notna().all()
    assert (refused["true_cause"] != "accepted").all()
    assert (ok.loc[ok["action"] == "ACCEPT", "true_cause"] == "accepted").all()
    assert not (quiet.records["action"] == "REJECT").any()
    assert len(quiet.hidden) == 0 and {t["judgement"] for t in quiet.truth} == {"met", "unproven"}


def test_one_application_host_is_let_in_and_the_other_refused(world, ok):
    told = truth_of(world, "missing-rule")
    at_server = ok[(ok["interface_id"] == told["interface_id"]) & (ok["dstport"] == told["dstport"])]
    by_source = at_server.groupby("srcaddr")["action"].agg(set).to_dict()
    other = {world.shop.interfaces[n].address for n in ("app-1", "app-2")} - {told["srcaddr"]}
    assert by_source == {told["srcaddr"]: {"REJECT"}, other.pop(): {"ACCEPT"}}
    refused = at_server[at_server["action"] == "REJECT"]
    assert set(refused["tcp_flags"]) == {2}
    whole = refused.groupby("conversation").agg({"packets": "sum", "bytes": "sum", "start": "min", "end": "max"})
    assert set(whole["packets"]) == {6} and set(whole["bytes"]) == {360}
    assert set(whole["end"] - whole["start"]) <= {31, 32}


def test_the_outbound_acl_lets_requests_in_and_refuses_the_replies(world, ok):
    told = truth_of(world, "acl-outbound")
    rows = ok[ok["incident"] == "acl-outbound"]
    seen = rows.groupby(["flow_direction", "action"])["tcp_flags"].agg(set).to_dict()
    assert seen == {("ingress", "ACCEPT"): {2}, ("egress", "REJECT"): {18}}
    assert {ip_address(a) in ip_network(told["srcaddr"]) for a in rows["true_client"]} == {True}


def test_the_inbound_acl_refuses_replies_to_low_ephemeral_ports_only(ok):
    rows = ok[(ok["incident"] == "acl-inbound") & (ok["true_direction"] == "egress")]
    replies = rows[rows["flow_direction"] == "ingress"]
    refused = replies["action"] == "REJECT"
    assert replies[refused]["dstport"].astype(int).max() < 49152 <= replies[~refused]["dstport"].astype(int).min()


def test_the_changed_acl_cuts_sessions_without_fin(world, ok):
    told = truth_of(world, "acl-changed")
    rows = ok[(ok["incident"] == "acl-changed") & (ok["dstaddr"] == told["dstaddr"])]
    cut = rows.groupby("conversation").filter(lambda r: r["action"].nunique() == 2)
    assert cut["conversation"].nunique() == 7
    assert cut[cut["action"] == "ACCEPT"]["end"].max() <= cut[cut["action"] == "REJECT"]["start"].min()
    assert not (cut["tcp_flags"].astype(int) & 5).any()


def test_late_packets_follow_a_close(ok):
    rows = ok[ok["incident"] == "late-packets"]
    late = rows[rows["action"] == "REJECT"]
    assert set(late["true_cause"]) == {"closed-connection"} and set(late["tcp_flags"]) <= {0, 1, 4}
    closed = rows[rows["action"] == "ACCEPT"].groupby("conversation")["end"].max()
    assert (late["start"].astype(int).to_numpy() > closed.loc[late["conversation"]].to_numpy()).all()


def test_a_silent_service_and_a_resetting_port(world, ok):
    silent, reset = (ok[ok["incident"] == name] for name in ("silent-service", "reset-port"))
    assert set(silent["true_client"] == silent["srcaddr"]) == {True} and set(silent["action"]) == {"ACCEPT"}
    replies = reset[reset["true_client"] != reset["srcaddr"]]
    assert set(replies["tcp_flags"]) == {4} and set(replies["bytes"] // replies["packets"]) == {40}


def test_the_scanner_fans_out_and_the_noise_never_returns(ok):
    scan = ok[(ok["incident"] == "scanner") & (ok["true_client"] == ok["srcaddr"])]
    assert scan["srcaddr"].nunique() == 1 and len(scan.groupby(["interface_id", "dstport"])) > 120
    noise = ok[ok["incident"] == "noise"]
    assert set(noise["packets"]) == {1} and noise["srcaddr"].value_counts().max() == 1


def test_skipdata_stands_where_the_interface_was_busiest(world):
    told = truth_of(world, "skipdata")
    lost = world.hidden[world.hidden["hidden"] == "skipdata"]
    assert set(lost["interface_id"]) == {told["interface_id"]} and len(lost) == told["missing"]
    rows = world.records[world.records["log_status"] == "SKIPDATA"]
    assert set(lost["window"]) <= set(rows["window"]) and rows["window"].is_unique
    every = pd.concat([world.records, world.hidden])
    per = every[(every["interface_id"] == told["interface_id"]) & (every["log_status"] == "OK")]
    per = per.groupby("window").size()
    assert per.loc[list(rows["window"])].mean() > per.mean()


def test_silence_and_the_lost_file_leave_nothing(world):
    told = truth_of(world, "silent-interface")
    first, last = (pd.Timestamp(told[k]).timestamp() for k in ("first", "last"))
    assert last - first >= 600
    mine = world.records[world.records["interface_id"] == told["interface_id"]]
    assert not ((mine["window"] >= first) & (mine["window"] < last)).any()
    assert mine["start"].min() < first and mine["end"].max() > last
    lost = truth_of(world, "missing-file")
    first, last = (pd.Timestamp(lost[k]).timestamp() for k in ("first", "last"))
    assert last - first == 300 and not world.records["end"].between(first, last - 1).any()


def test_every_window_of_every_interface_has_a_row_unless_it_is_hidden(world):
    every = pd.concat([world.records, world.hidden])
    windows = np.arange(every["window"].min() + 60, every["window"].max(), 60)
    seen = set(zip(every["interface_id"], every["window"], strict=True))
    assert {(i.id, w) for i in world.shop.interfaces.values() for w in windows} <= seen
    standby = every[every["interface_id"] == named(world, "standby")]
    assert set(standby["log_status"]) == {"NODATA"}


def test_what_is_hidden_at_one_end_is_logged_at_the_other(world, ok):
    lost = world.hidden[(world.hidden["hidden"] == "skipdata") & (world.hidden["log_status"] == "OK")]
    inside = lost[lost["dstaddr"].isin(world.shop.owner_of()) & lost["srcaddr"].isin(world.shop.owner_of())]
    assert len(inside) > 5
    found = inside[MIRRORED].astype(str).merge(ok[MIRRORED].astype(str), on=MIRRORED)
    assert len(found) == len(inside)


def test_both_ends_of_a_conversation_log_the_same(world):
    every = pd.concat([world.records, world.hidden])
    every = every[(every["log_status"] == "OK") & (every["true_direction"] != "through")]
    owner = world.shop.owner_of()
    both = every[every["srcaddr"].isin(owner) & every["dstaddr"].isin(owner) & (every["true_state"] == "answered")]
    assert set(both.groupby(MIRRORED).size()) == {2}


def test_records_are_plausible(world, ok):
    numbers = ok[["packets", "bytes", "start", "end", "srcport", "dstport", "protocol", "tcp_flags"]].astype(int)
    size = numbers["bytes"] / numbers["packets"]
    assert numbers["packets"].min() == 1 and size.min() >= 28 and size.max() <= 1500
    assert (numbers["end"] - numbers["start"]).between(0, 59).all()
    tcp = numbers["protocol"] == 6
    assert set(numbers["tcp_flags"]) == {0, 1, 2, 3, 4, 6, 18, 19} and not numbers[~tcp]["tcp_flags"].any()
    assert set(numbers["protocol"]) == {1, 6, 17}
    assert (numbers.loc[numbers["protocol"] == 1, ["srcport", "dstport"]] == 0).all().all()
    from_client = ok["srcaddr"] == ok["true_client"]
    assert not (numbers["tcp_flags"][from_client] & 16).any()
    assert set(numbers["tcp_flags"][~from_client]) == {0, 1, 4, 18, 19}
    assert set(ok["type"]) == {"IPv4", "IPv6"}
    assert not ok.duplicated([*FIELDS_V5_COLUMNS]).any()


FIELDS_V5_COLUMNS = [name.replace("-", "_") for name in FIELDS_V5]


def test_an_interface_appears_as_the_near_end_of_its_records(world, ok):
    for interface in world.shop.interfaces.values():
        mine = ok[ok["interface_id"] == interface.id]
        near = mine["srcaddr"].where(mine["flow_direction"] == "egress", mine["dstaddr"])
        if interface.name != "standby":
            assert set(near) <= {interface.address, interface.address6}


def test_the_nat_gateway_shows_both_sides_of_what_it_carries(world, ok):
    nat, s3 = ok[ok["interface_id"] == named(world, "nat")], "pkt_dst_aws_service"
    to_s3 = nat[(nat[s3] == "S3") & (nat["flow_direction"] == "ingress")]
    assert (to_s3["dstaddr"] == world.shop.interfaces["nat"].address).all()
    assert (to_s3["pkt_dstaddr"] != to_s3["dstaddr"]).all() and len(to_s3) > 10
    onward = nat[(nat[s3] == "S3") & (nat["flow_direction"] == "egress")]
    assert set(onward["traffic_path"]) == {"8"} and (onward["srcaddr"] == onward["pkt_srcaddr"]).all()
    assert set(nat["instance_id"]) == {"-"} and set(nat["true_direction"]) == {"through", "ingress"}
    host = ok[(ok["interface_id"] == named(world, "app-1")) & (ok[s3] == "S3")]
    assert set(host["traffic_path"]) == {"1"}
    endpoint = ok[(ok["interface_id"] == named(world, "db-2")) & (ok[s3] == "S3")]
    assert set(endpoint["traffic_path"]) == {"7"}
    assert set(ok.loc[ok["flow_direction"] == "ingress", "traffic_path"]) == {"-"}


def test_a_world_is_a_pure_function_of_its_arguments():
    first, again = (simulate(seed=5, hours=2) for _ in range(2))
    pd.testing.assert_frame_equal(first.records, again.records)
    assert (first.truth, first.network) == (again.truth, again.network)
    other = simulate(seed=6, hours=2)
    assert {i.id for i in other.shop.interfaces.values()}.isdisjoint(i.id for i in first.shop.interfaces.values())
    assert truth_of(first, "skipdata") != truth_of(other, "skipdata")


def test_seeds_vary_which_host_is_refused_and_the_ports():
    planted = ("missing-rule", "exposed-admin")
    told = [simulate(seed=seed, hours=2, incidents=planted, scale=0.1) for seed in range(6)]
    assert {w.shop.owner_of()[truth_of(w, "missing-rule")["srcaddr"]] for w in told} == {"app-1", "app-2"}
    assert {truth_of(w, "exposed-admin")["dstport"] for w in told} == {22, 3389}


@pytest.mark.parametrize("seed", range(4))
def test_two_hours_hold_every_incident(seed):
    world = simulate(seed=seed, hours=2)
    assert all(t["records"] > 3 or t.get("missing", 0) > 20 for t in world.truth if "records" in t)


@pytest.mark.parametrize(
    ("at", "way", "far", "protocol", "port", "cause"),
    [
        ("app-1", "in", "web-1", 6, 9000, "accepted"),
        ("app-1", "in", "web-1", 17, 53, "security-group"),  # one subnet: its ACL has no say
        ("app-1", "in", "web-2", 17, 53, "security-group-and-network-acl"),
        ("app-1", "in", "bastion", 1, 0, "accepted"),
        ("lb-a", "in", "8.8.8.8", 6, 443, "accepted"),
        ("lb-a", "in", "2001:db8:1::1", 6, 443, "accepted"),
        ("lb-a", "in", "8.8.8.8", 6, 8443, "security-group"),
        ("lb-a", "in", "2001:db8:1::1", 6, 25, "security-group-and-network-acl"),
        ("bastion", "in", "office", 6, 22, "accepted"),
        ("bastion", "in", "8.8.8.8", 6, 22, "security-group"),
        ("nat", "in", "8.8.8.8", 6, 4000, "accepted"),
        ("nat", "in", "8.8.8.8", 6, 25, "network-acl"),
        ("db-1", "out", "52.218.0.9", 6, 443, "accepted"),
        ("db-1", "out", "8.8.8.8", 6, 443, "security-group-and-network-acl"),
        ("db-1", "in", "app-2", 6, 5432, "accepted"),
        ("db-1", "in", "web-1", 6, 5432, "security-group"),
    ],
)
def test_the_simulators_own_verdicts(quiet, at, way, far, protocol, port, cause):
    interfaces, places = quiet.shop.interfaces, quiet.shop.places
    peer = interfaces[far].address if far in interfaces else places.get(far, far).replace("/28", "")
    packet = {"interface_id": interfaces[at].id, "egress": way == "out", "peer": peer, "port": port}
    packet |= {"protocol": protocol, "icmp_type": 8 if protocol == 1 else -1, "tracked": False}
    assert Rules(quiet.network).judge(pd.DataFrame([packet]))["cause"].iloc[0] == cause


def test_customers_come_by_the_clock():

    sizes = {name: len(files) for name, files in files_of(SAMPLE / "AWSLogs").items()}
    night, evening = (sum(n for k, n in sizes.items() if f"T{hour}" in k) for hour in ("03", "19"))
    assert evening > 1.5 * night


def test_a_rule_that_was_added_later_shows_as_rules_changed():
    world = simulate(seed=2, hours=3, incidents=("rule-fixed",))
    rows = world.records[world.records["incident"] == "rule-fixed"]
    refused = rows[rows["action"] == "REJECT"]
    assert set(refused["true_cause"]) == {"security-group"}
    assert set(refused["true_snapshot_cause"]) == {"rules-changed"}
    served = rows[(rows["action"] == "ACCEPT") & (rows["true_state"] == "answered")]
    assert refused["end"].max() < served["start"].min()


def test_unknown_incidents_and_fields_are_refused_by_name(world):
    with pytest.raises(ValueError, match="no incident is called flood"):
        simulate(incidents=("flood",))
    with pytest.raises(ValueError, match="at least 2 hours"):
        simulate(hours=1)
    with pytest.raises(ValueError, match="reject-reason"):
        lines(world.records, ("srcaddr", "reject-reason"))


def test_lines_are_in_the_order_asked_for(world):
    rows = world.records.iloc[:50]
    assert [len(line.split()) for line in lines(rows, FIELDS_V2)] == [14] * 50
    first = lines(rows, ("action", "version", "tcp-flags", "account-id"))[0].split()
    assert first == [rows["action"].iloc[0], "3", str(rows["tcp_flags"].iloc[0]), "012345678901"]
    skipped = lines(world.records[world.records["log_status"] == "SKIPDATA"], FIELDS_V2)[0]
    assert re.fullmatch(r"2 012345678901 eni-0\w{16} - - - - - - - \d{10} \d{10} - SKIPDATA", skipped)


def test_default_format_without_a_header(world, tmp_path):
    paths = world.write(tmp_path, FIELDS_V2, layout="hive-hourly", container="text", header=False)
    place = "AWSLogs/aws-account-id=012345678901/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11"
    assert paths[0].parent.relative_to(tmp_path).as_posix() == place + "/day=20/hour=00"
    text = [line for path in paths for line in path.read_text().splitlines()]
    assert len(text) == len(world.records) and {line.split()[0] for line in text} == {"2"}


def test_parquet_has_the_types_of_aws(world, tmp_path):
    paths = world.write(tmp_path, layout="hourly", container="parquet")
    table = pd.concat([pd.read_parquet(path) for path in paths])
    types = {f.name: str(f.type) for f in pq.read_schema(paths[0])}
    assert (types["srcport"], types["protocol"], types["bytes"]) == ("int32", "int32", "int64")
    assert types["account_id"].endswith("string") and set(table["account_id"]) == {"012345678901"}
    assert len(table) == len(world.records)
    carried = world.records.loc[world.records["log_status"] == "OK", "bytes"].astype(int).sum()
    assert table["bytes"].sum() == carried
    assert table.loc[table["log_status"] == "NODATA", "srcaddr"].isna().all()


def test_a_cloudwatch_export_leads_each_line_with_its_start(world, tmp_path):
    paths = world.write(tmp_path, FIELDS_V2, container="cloudwatch-export")
    assert len(paths) == 11 and paths[0].parent.name.startswith("eni-0")
    text = [line for path in paths for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    assert len(text) == len(world.records)
    stamp, *row = text[0].split()
    assert pd.Timestamp(stamp).timestamp() == int(row[FIELDS_V2.index("start")]) and len(row) == 14


def test_the_snapshot_has_the_shape_of_aws_describe(world):
    interfaces = world.network["describe-network-interfaces.json"]["NetworkInterfaces"]
    assert len(interfaces) == 11
    for interface in interfaces:
        assert re.fullmatch(r"eni-0[0-9a-f]{16}", interface["NetworkInterfaceId"])
        primary = interface["PrivateIpAddresses"][0]
        assert primary["Primary"] is True and primary["PrivateIpAddress"] == interface["PrivateIpAddress"]
        assert all(set(group) == {"GroupId", "GroupName"} for group in interface["Groups"])
        assert interface["TagSet"][0]["Key"] == "Name"
    groups = world.network["describe-security-groups.json"]["SecurityGroups"]
    rules = [r for g in groups for r in g["IpPermissions"] + g["IpPermissionsEgress"]]
    lists = {"UserIdGroupPairs", "IpRanges", "Ipv6Ranges", "PrefixListIds"}
    assert all(lists <= set(rule) <= lists | {"IpProtocol", "FromPort", "ToPort"} for rule in rules)
    assert {pair["UserId"] for rule in rules for pair in rule["UserIdGroupPairs"]} == {"012345678901"}
    assert {p["PrefixListId"] for rule in rules for p in rule["PrefixListIds"]} == {
        name[32:-5] for name in world.network if name.startswith("get-managed-prefix-list-entries-")
    }
    for acl in world.network["describe-network-acls.json"]["NetworkAcls"]:
        assert len(acl["Associations"]) == 2 and acl["IsDefault"] is False
        last = {(e["RuleNumber"], e["Egress"]) for e in acl["Entries"] if e["RuleNumber"] > 32766}
        assert last == {(n, egress) for n in (32767, 32768) for egress in (True, False)}
        assert all(isinstance(e["Protocol"], str) and e["RuleAction"] in ("allow", "deny") for e in acl["Entries"])
        ported = [e for e in acl["Entries"] if e["Protocol"] in ("6", "17")]
        assert all(set(e["PortRange"]) == {"From", "To"} for e in ported)
        pings = [e for e in acl["Entries"] if e["Protocol"] == "1"]
        assert all(e["IcmpTypeCode"] == {"Code": -1, "Type": -1} for e in pings)


def test_expectations_and_truth_are_written_beside_the_logs():
    told = json.loads((SAMPLE / "truth.json").read_text())
    with (SAMPLE / "expectations.csv").open() as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["name", "source", "destination", "protocol", "port", "expect"]
    judged = {t["expectation"]: t["judgement"] for t in told if "judgement" in t}
    assert [row["name"] for row in table] == list(judged)
    assert set(judged.values()) == {"met", "broken", "unproven", "newly-reachable"}
    assert {row["expect"] for row in table} == {"reach", "block"}
    assert sorted(p.name for p in (SAMPLE / "network").iterdir())[:4] == [
        "describe-network-acls.json",
        "describe-network-interfaces.json",
        "describe-security-groups.json",
        "describe-subnets.json",
    ]


def test_the_codebook_names_every_column_of_the_truth():
    told = json.loads((SAMPLE / "truth.json").read_text())
    codebook = (DATA / "README.md").read_text()
    assert [key for t in told for key in t if f"`{key}`" not in codebook] == []
    assert [t["id"] for t in told if t["id"] in INCIDENTS and f"`{t['id']}`" not in codebook] == []


def test_the_examples_of_aws_are_as_aws_prints_them():
    text = {path.name: path.read_text().splitlines() for path in (DATA / "aws-examples").glob("*.log")}
    assert {name: len(rows) for name, rows in text.items()} == {
        "default-format.log": 7,
        "tcp-flag-sequence.log": 9,
        "nat-gateway.log": 7,
        "transit-gateway.log": 5,
        "service-path-direction.log": 3,
    }
    assert "43638  10.0.0.62" in text["tcp-flag-sequence.log"][-1]
