"""What a user throws at flowkit loads, or is refused with a sentence; the counts are those of AWS's rules."""

import base64
import bz2
import gzip
import io
import json
import os
import re
import shutil
import tarfile
import zipfile
from datetime import UTC, datetime

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import flows_of, write_log

import flowkit
from flowkit.fields import COLUMNS, DEFAULT_FORMAT, FIELDS, TGW_FIELDS, VPC_FIELDS
from flowkit.loading import grammar
from flowkit.loading.ingestion import bring_in
from flowkit.loading.window import moment, window
from flowkit.log import Log

PING = (
    "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK",
    "2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK",
)
GAPS = (
    "2 012345678901 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA",
    "2 012345678901 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA",
)
#: A real SKIPDATA record in the order that the console's "select all" gives (github.com/elastic/integrations 8532).
ALPHABETICAL = (
    "account-id action az-id bytes dstaddr dstport end flow-direction instance-id interface-id log-status packets"
    " pkt-dst-aws-service pkt-dstaddr pkt-src-aws-service pkt-srcaddr protocol region srcaddr srcport start"
    " sublocation-id sublocation-type subnet-id tcp-flags traffic-path type version vpc-id"
)
SKIPPED = (
    "325352056000 - apne1-az1 - - - 1700185000 - i-085c8f3d12aa57000 eni-03a3504cbdd789000 SKIPDATA - - - - - -"
    " ap-northeast-1 - - 1700185000 - - subnet-f27b1000 - - - 5 vpc-bcd5b000"
)


NOON = 1_795_176_000


def one(path, **more):
    """The tally of one file, without what differs from run to run."""
    tally = flowkit.ingest(str(path), **more)
    return {name: tally[name] for name in ("lines", "headers", "blank", "ok", "nodata", "skipdata", "malformed")}


def expected(third_party):
    return [json.loads(line) for line in (third_party / "EXPECTED.jsonl").read_text().splitlines()]


def test_every_third_party_file_gives_exactly_the_expected_counts(third_party):
    wrong = []
    for file in expected(third_party):
        path = str(third_party / file["file"])
        given = " ".join(file["fields"]) if file["format_from"] == "must be given" else None
        tally = flowkit.ingest(path, format=given)
        log = Log(path, None, None, given, None, "vpc", bring_in(path, None, None, given))
        flows = log.raw
        carried = flows.filter(flows.log_status.isnull() | (flows.log_status == "OK"))
        seen = carried.aggregate(
            accept=carried.count(where=carried.action == "ACCEPT"),
            reject=carried.count(where=carried.action == "REJECT"),
            ipv6_rows=carried.count(where=carried.srcaddr.contains(":")),
        ).execute()
        tally |= seen.iloc[0].to_dict()
        wrong += [
            (file["file"], name, tally[name], count) for name, count in file["expect"].items() if tally[name] != count
        ]
        bad = log.malformed
        for (line, reason), (number, why) in zip(file["malformed_lines"], bad[["line", "reason"]].values, strict=False):
            wrong += [] if line == number and reason in why else [(file["file"], line, reason, number, why)]
        if given:
            with pytest.raises(flowkit.SourceError, match=rf"{len(file['fields'])} tokens.*--format"):
                flowkit.ingest(path)
    assert wrong == []
    assert len(expected(third_party)) >= 28


def test_all_54_vpc_fields_and_the_transit_gateways_are_known():
    versions = [sum(field.version <= version for field in VPC_FIELDS) for version in (2, 3, 4, 5, 7, 8, 9, 10, 11)]
    assert versions == [14, 21, 25, 29, 39, 40, 41, 42, 54]
    assert len(TGW_FIELDS) == 18
    assert list(COLUMNS)[:3] == ["version", "account_id", "interface_id"]


def test_a_row_has_typed_columns_and_nulls_for_dashes_and_for_what_the_format_lacks(tmp_path):
    flows = flows_of(tmp_path, [*PING, *GAPS]).flows
    assert {name: str(flows[name].type()) for name in COLUMNS} == COLUMNS
    table = flows.execute().sort_values("start")
    gap = table[table["log_status"] == "NODATA"].iloc[0]
    assert gap["account_id"] == "012345678901"
    assert all(pd.isna(gap[name]) for name in ("srcaddr", "srcport", "protocol", "packets", "bytes", "tcp_flags"))
    assert (gap["start"], gap["end"]) == (1431280876, 1431280934)
    assert table["srcport"].dropna().tolist() == [0, 0]


def test_any_order_and_underscores_and_camel_case_and_unknown_names(tmp_path):
    write_log(tmp_path / "console.log", [SKIPPED], ALPHABETICAL.split())
    assert one(tmp_path / "console.log")["skipdata"] == 1
    names = ["version", "srcAddr", "dst_addr", "`start`", "end", "future-field", "log_status"]
    write_log(tmp_path / "new.log", ["12 10.0.0.1 10.0.0.2 1 2 <b> OK"], names)
    row = flowkit.load(str(tmp_path / "new.log")).raw.execute().iloc[0]
    assert (row["version"], row["srcaddr"], row["dstaddr"], row["start"]) == (12, "10.0.0.1", "10.0.0.2", 1)
    assert row["future_field"] == "<b>"
    shown = flowkit.load(str(tmp_path / "new.log")).summary.set_index("what")["value"]
    assert shown["unknown fields"] == "future-field"
    later = [f"later-{letter}" for letter in "abcdefgh"]
    for number in range(4):
        kept = later[6 - 2 * number : 8 - 2 * number]
        write_log(tmp_path / f"{number}.log", ["10.0.0.1 - OK 1 2"], ["srcaddr", "dstaddr", "log-status", *kept])
    columns = flowkit.load(str(tmp_path)).raw.columns
    assert [name for name in columns if "later" in name] == [name.replace("-", "_") for name in later]


def test_a_header_anywhere_sets_the_format_for_what_follows(tmp_path):
    lines = ["", "  ", " ".join(DEFAULT_FORMAT), PING[0], " ".join(DEFAULT_FORMAT), PING[1], ALPHABETICAL, SKIPPED, ""]
    path = tmp_path / "joined.log"
    path.write_text("\n".join(lines) + "\n" + PING[0])
    tally = one(path)
    assert tally == {"lines": 10, "headers": 3, "blank": 3, "ok": 2, "nodata": 0, "skipdata": 1, "malformed": 1}
    bad = flowkit.load(str(path)).malformed.iloc[0]
    assert (bad["line"], bad["text"], bad["reason"]) == (10, PING[0], "14 tokens, format has 29")


@pytest.mark.parametrize(
    "data",
    [
        "\ufeff" + "\n".join(PING) + "\n",
        "\r\n".join(PING) + "\r\n",
        "\r".join(PING) + "\n",
        "\n".join(PING),
        "\n".join(line.replace(" ", "  ") + "  " for line in PING),
        "\n".join(line.replace(" ", "\t") for line in PING),
        "\n".join(line.replace("1432917027", "1432917027123") for line in PING),
        "\n".join("2018-09-22T20:29:12.000Z " + line for line in PING),
        "\n".join(line.replace(" ", ",") for line in (" ".join(DEFAULT_FORMAT), *PING)),
        "\n".join(",".join(f'"{token}"' for token in line.split()) for line in (" ".join(DEFAULT_FORMAT), *PING)),
        json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [{"message": line} for line in PING]}),
        "\n".join(json.dumps({"timestamp": 1, "message": line}) for line in PING),
        json.dumps({"events": [{"message": line} for line in PING]}, indent=2),
    ],
    ids=[
        "bom", "crlf", "cr", "no-final-newline", "double-blanks", "tabs", "milliseconds", "export", "comma", "quoted",
        "subscription", "ndjson", "events",
    ],
)  # fmt: skip
def test_the_same_two_records_however_they_are_written(tmp_path, data):
    path = tmp_path / "flow.log"
    path.write_bytes(data.encode())
    assert {name: one(path)[name] for name in ("ok", "malformed", "blank")} == {"ok": 2, "malformed": 0, "blank": 0}
    table = flowkit.load(str(path)).flows.order_by("start").execute()
    assert table["start"].tolist() == [1432917027, 1432917094]
    assert table["action"].tolist() == ["ACCEPT", "REJECT"]


def test_without_header_and_default_format_the_user_is_asked_and_never_guessed_for(tmp_path):
    path = write_log(tmp_path / "custom.log", ["10.0.0.1 10.0.0.2 6 443", "10.0.0.3 10.0.0.2 6 443"])
    with pytest.raises(flowkit.SourceError, match=r"custom.log: no header.*4 tokens.*--format"):
        flowkit.ingest(str(path))
    given = "${srcaddr} ${dstaddr} ${protocol} ${dstport}"
    assert flowkit.load(str(path), format=given).flows.execute()["dstport"].tolist() == [443, 443]
    other = "dstaddr srcaddr protocol dstport"
    assert flowkit.load(str(path), format=other).flows.srcaddr.max().execute() == "10.0.0.2"
    fourteen = write_log(tmp_path / "fourteen.log", [" ".join(["3", *PING[0].split()[1:]])])
    with pytest.raises(flowkit.SourceError, match="14 tokens"):
        flowkit.ingest(str(fourteen))
    for wrong in ("srcaddr srcaddr", "srcaddr; drop", "nothing known"):
        with pytest.raises(ValueError, match="field|format"):
            grammar.given(wrong)


def test_look_alikes_are_refused_by_name(tmp_path):
    accelerator = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip start_time"
    write_log(tmp_path / "ga.log", ["2 1 a 1.1.1.1 1 2.2.2.2 443 10.0.0.1 1"], accelerator.split())
    with pytest.raises(flowkit.SourceError, match="Global Accelerator"):
        flowkit.ingest(str(tmp_path / "ga.log"))
    pq.write_table(pa.table({"class_uid": [4001], "src_endpoint": ["x"]}), tmp_path / "ocsf.parquet")
    with pytest.raises(flowkit.SourceError, match="Security Lake"):
        flowkit.ingest(str(tmp_path / "ocsf.parquet"))


def test_several_gzip_members_and_a_cut_and_a_damaged_file(tmp_path):
    lines = [PING[0].replace("336", str(1000 + number)) for number in range(20_000)]
    text = ("\n".join(lines) + "\n").encode()
    whole = gzip.compress(text[:50_000], mtime=0) + gzip.compress(text[50_000:], mtime=0)
    (tmp_path / "members.gz").write_bytes(whole)
    assert one(tmp_path / "members.gz")["ok"] == 20_000
    (tmp_path / "cut.gz").write_bytes(gzip.compress(text, mtime=0)[:-3000])
    cut = one(tmp_path / "cut.gz")
    assert 15_000 < cut["ok"] < 20_000
    assert cut["malformed"] <= 1
    assert cut["lines"] == cut["ok"] + cut["malformed"]
    damaged = bytearray(gzip.compress(text, mtime=0))
    damaged[-6] ^= 0xFF
    (tmp_path / "checksum.gz").write_bytes(damaged)
    assert one(tmp_path / "checksum.gz")["ok"] == 20_000
    files = flowkit.load(str(tmp_path)).files.set_index("file")["damage"]
    told = {path.rsplit("/", 1)[1]: damage for path, damage in files.items()}
    assert pd.isna(told["members.gz"])
    assert told["cut.gz"] == "the gzip data ends too early"
    assert "damaged" in told["checksum.gz"]
    assert flowkit.ingest(str(tmp_path))["damaged_files"] == 2


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path):
    write_log(tmp_path / "good.log", PING)
    (tmp_path / "empty.log").write_bytes(b"")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "notes.txt").write_text("Call Bob about the firewall.\n")
    tally = flowkit.ingest(str(tmp_path))
    assert (tally["files"], tally["unreadable_files"], tally["ok"]) == (5, 4, 2)
    refusals = flowkit.load(str(tmp_path)).files.set_index("file")["refusal"].dropna()
    assert {path.rsplit("/", 1)[1] for path in refusals.index} == {
        "empty.log",
        "picture.png",
        "broken.parquet",
        "notes.txt",
    }
    assert refusals[str(tmp_path / "empty.log")] == "the file is empty"
    with pytest.raises(flowkit.SourceError, match=r"empty.log: the file is empty"):
        flowkit.ingest(str(tmp_path / "empty.log"))
    with pytest.raises(flowkit.SourceError, match="there is no .*nowhere"):
        flowkit.ingest(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="the source is empty"):
        flowkit.load(None)
    (tmp_path / "folder").mkdir()
    with pytest.raises(flowkit.SourceError, match="no files in"):
        flowkit.ingest(str(tmp_path / "folder"))


def test_about_names_what_went_wrong_with_an_example(tmp_path):
    bad = [PING[0].replace(" 4 336 ", " NaN 336 "), PING[0].replace(" 4 336 ", " <b> 336 "), "one two"]
    write_log(tmp_path / "a.log", [*PING, *bad])
    (tmp_path / "b.log.gz").write_bytes(gzip.compress("\n".join(PING).encode(), mtime=0)[:-9])
    (tmp_path / "c.log").write_bytes(b"")
    shown = flowkit.load(str(tmp_path)).summary.values.tolist()
    assert ["files", "3, 1 damaged, 1 unreadable"] in shown
    assert ["malformed: packets is no whole number", f"2, such as line 3 of a.log: {bad[0]}"] in shown
    assert ["malformed: 2 tokens, format has 14", "1, such as line 5 of a.log: one two"] in shown
    assert ["damaged", f"{tmp_path}/b.log.gz: the gzip data ends too early"] in shown
    assert ["not read", f"{tmp_path}/c.log: the file is empty"] in shown


def test_parquet_as_aws_and_as_others_write_it(tmp_path):
    def table(**types):
        rows = {
            "version": [2, 2],
            "account_id": ["012345678901"] * 2,
            "srcaddr": ["10.0.0.1", "-"],
            "srcport": [443, None],
        }
        rows |= {
            "bytes": [840, None],
            "start": [1700000000] * 2,
            "end": [1700000060] * 2,
            "log_status": ["OK", "NODATA"],
        }
        return pa.table({name: pa.array(values, types.get(name)) for name, values in rows.items()})

    integers = {
        "version": pa.int32(),
        "srcport": pa.int32(),
        "bytes": pa.int64(),
        "start": pa.int64(),
        "end": pa.int64(),
    }
    pq.write_table(table(**integers), tmp_path / "aws.log.parquet")
    pq.write_table(table(), tmp_path / "wide.parquet")
    pq.write_table(table(srcport=pa.float64(), bytes=pa.float64()), tmp_path / "pandas.parquet")
    text = table().to_pandas().astype(object)
    text["bytes"], text["srcport"] = ["840", "None"], ["443", "-"]
    text["account_id"] = [12345678901, 12345678901]
    pq.write_table(pa.Table.from_pandas(text), tmp_path / "text.parquet")
    assert flowkit.ingest(str(tmp_path))["files"] == 4
    flows = flowkit.load(str(tmp_path)).flows.execute()
    assert flows["account_id"].unique().tolist() == ["012345678901"]
    assert flows["srcport"].dropna().tolist() == [443] * 4
    assert flows["bytes"].dropna().tolist() == [840] * 4
    assert flows["srcaddr"].isna().sum() == 4
    bad = table(**integers).to_pylist()
    bad[0] |= {"srcport": 70000, "srcaddr": "<script>"}
    pq.write_table(pa.Table.from_pylist(bad), tmp_path / "bad.parquet")
    assert one(tmp_path / "bad.parquet")["malformed"] == 1
    assert flowkit.load(str(tmp_path / "bad.parquet")).malformed["reason"].tolist() == [
        "srcaddr='<script>' is no address"
    ]


def test_transit_gateway_records_are_told_apart(tmp_path):
    gateway = [field.name for field in TGW_FIELDS] + ["srcaddr", "dstaddr", "start", "end", "log-status"]
    values = [str(number) if "packets" in name else "x" for number, name in enumerate(gateway[:18])]
    write_log(tmp_path / "tgw.log", [" ".join([*values, "10.0.0.1", "10.0.0.2", "1", "2", "OK"])], gateway)
    write_log(tmp_path / "vpc.log", PING)
    assert flowkit.ingest(str(tmp_path))["ok"] == 3
    assert flowkit.load(str(tmp_path)).flows.count().execute() == 2
    records = flowkit.load(str(tmp_path), record="transit-gateway").raw
    assert records.select("tgw_id", "packets_lost_no_route").execute().values.tolist() == [["x", 14]]


@pytest.mark.parametrize(
    "layout",
    [
        "AWSLogs/012345678901/vpcflowlogs/eu-west-1/2026/11/20/",
        "some/prefix/AWSLogs/o-abc123/012345678901/vpcflowlogs/eu-west-1/2026/11/20/16/",
        "AWSLogs/aws-account-id=012345678901/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11/day=20/",
        "AWSLogs/aws-account-id=012345678901/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11/day=20/hour=16/",
    ],
    ids=["plain", "organisation-hourly", "hive", "hive-hourly"],
)  # fmt: skip
def test_the_layouts_of_s3_in_a_folder(tmp_path, layout):
    for slot in ("1615", "1620", "1625"):
        name = f"012345678901_vpcflowlogs_eu-west-1_fl-1234abcd_20261120T{slot}Z_fe123456.log.gz"
        write_log(tmp_path / layout / name, PING)
    files = flowkit.load(str(tmp_path)).files
    assert files["slot"].tolist() == [pd.Timestamp(f"2026-11-20 16:{minute}", tz="UTC") for minute in (15, 20, 25)]
    assert set(files["flow_log_id"]) == {"fl-1234abcd"}
    assert set(files["account_id"]) == {"012345678901"}
    assert set(files["region"]) == {"eu-west-1"}
    assert flowkit.load(str(tmp_path), start="2027-01-01").flows.count().execute() == 0
    assert flowkit.ingest(str(tmp_path), start="2027-01-01")["files"] == 0
    assert len(flowkit.load(str(tmp_path), start="2027-01-01").files) == 0
    only = flowkit.load(str(tmp_path), start="2026-11-20T16:24Z", end="2026-11-20T16:25Z").files
    assert only["slot"].dt.minute.tolist() == [20, 25]


def test_a_window_takes_the_records_that_overlap_it(tmp_path):
    record = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 {0} {0} {1} ACCEPT OK"
    path = write_log(tmp_path / "flow.log", [record.format(at, at + 10) for at in range(NOON, NOON + 61, 20)])
    seen = flowkit.load(
        str(path), start=datetime.fromtimestamp(NOON + 30, UTC), end=datetime.fromtimestamp(NOON + 60, UTC)
    ).flows
    assert sorted(seen.execute()["start"]) == [NOON + 20, NOON + 40]
    assert flowkit.load(str(path), start="-24h").flows.count().execute() == 0


def test_moments_are_utc_unless_they_say_otherwise():
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert moment("2026-11-22 06:00", now) == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert moment("2026-11-22T06:00+02:00", now) == datetime(2026, 11, 22, 4, tzinfo=UTC)
    assert moment("-24h", now) == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert moment("now", now) == now
    assert window("-1d", "now", now) == (int(now.timestamp()) - 86400, int(now.timestamp()))
    assert moment("2026-11-20t16:24z") == moment("2026-11-20T16:24Z")
    with pytest.raises(ValueError, match="'yesterday' is no time"):
        moment("yesterday")
    with pytest.raises(ValueError, match=r"the end \(2026-11-20 .*is not after the start \(2026-11-21"):
        window("2026-11-21", "2026-11-20")


def test_a_record_in_several_flow_logs_counts_once_and_equal_ones_in_one_stay(tmp_path):
    def log(flow_log, records):
        write_log(tmp_path / f"012345678901_vpcflowlogs_eu-west-1_{flow_log}_20150529T1630Z_ab.log.gz", records)

    log("fl-0000000a", [PING[0], PING[0], PING[1]])
    log("fl-0000000b", [PING[0], PING[1], PING[1], PING[1]])
    assert flowkit.ingest(str(tmp_path))["ok"] == 7
    marked = flowkit.load(str(tmp_path)).raw.group_by(["action", "duplicate"]).agg(n=ibis._.count())
    assert sorted(marked.execute().values.tolist()) == [
        ["ACCEPT", False, 2], ["ACCEPT", True, 1], ["REJECT", False, 3], ["REJECT", True, 1],
    ]  # fmt: skip
    assert flowkit.load(str(tmp_path)).flows.count().execute() == 5


def test_an_ibis_table_is_a_source_and_nothing_is_copied():
    rows = pd.DataFrame(
        {"interface-id": ["eni-1"], "srcAddr": ["10.0.0.1"], "start": [5], "tcp_flags": ["2"], "day": ["x"]}
    )
    flows = flowkit.load(ibis.memtable(rows)).raw
    assert {name: str(flows[name].type()) for name in COLUMNS} == COLUMNS
    row = flows.execute().iloc[0]
    assert (row["interface_id"], row["srcaddr"], row["tcp_flags"], row["day"]) == ("eni-1", "10.0.0.1", 2, "x")
    assert flowkit.ingest(ibis.memtable(rows))["no_status"] == 1
    assert len(flowkit.load(ibis.memtable(rows)).files) == len(flowkit.load(ibis.memtable(rows)).malformed) == 0
    assert ["log-status", "1 without log-status"] in flowkit.load(ibis.memtable(rows)).summary.values.tolist()
    with pytest.raises(flowkit.SourceError, match="columns are not those of flow logs: a"):
        flowkit.load(ibis.memtable(pd.DataFrame({"a": [1]}))).flows.count()


def test_duckdb_draws_no_progress_bar_of_its_own(tmp_path):
    asked = "SELECT current_setting('enable_progress_bar')"
    assert flows_of(tmp_path, PING).flows.get_backend().con.execute(asked).fetchone() == (False,)


def test_field_meanings_are_one_line_each():
    assert all(field.meaning and "\n" not in field.meaning for field in FIELDS.values())


def test_a_folder_may_be_moved_or_deleted_between_runs(tmp_path):
    write_log(tmp_path / "a" / "flow.log", PING)
    assert one(tmp_path / "a")["ok"] == 2
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert one(tmp_path / "b")["ok"] == 2
    with pytest.raises(flowkit.SourceError, match="there is no"):
        flowkit.ingest(str(tmp_path / "a"))


A = "2 123456789012 eni-0a 10.0.1.5 10.0.2.9 44321 443 6 10 5400 1795176000 1795176055 ACCEPT OK"
B = "2 123456789012 eni-0a 203.0.113.7 10.0.1.5 51000 22 6 3 180 1795176010 1795176060 REJECT OK"
CAMEL = (
    "version accountId interfaceId srcAddr dstAddr srcPort dstPort protocol packets bytes start end action logStatus"
)
OLDER = (
    "version account interfaceid sourceaddress destinationaddress sourceport destinationport protocol numpackets"
    " numbytes starttime endtime action logstatus"
)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def result(*pairs) -> list[dict]:
    return [{"field": name, "value": value} for name, value in pairs]


SUBSCRIPTION = json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": A}, {"message": B}]})
EXPORTS = {
    "get-query-results": json.dumps(
        {"results": [result(("@timestamp", "2026"), ("@message", line)) for line in (A, B)], "status": "Complete"}
    ),
    "get-query-results of fields": json.dumps(
        {"results": [result(*zip(CAMEL.split(), line.split(), strict=True)) for line in (A, B)]}, indent=2
    ),
    "filter-log-events": json.dumps(
        {"events": [{"message": A}, {"message": B}], "searchedLogStreams": [{"logStreamName": "x"}]}, indent=2
    ),
    "filter-log-events text": "".join(f"EVENTS\t7\t1795176099000\teni-0a-all\t{line}\t5\n" for line in (A, B)),
    "logs tail": "".join(f"2026-11-20T12:00:00+00:00 eni-0a-all {line}\n" for line in (A, B)),
    "firehose": json.dumps({"Records": [{"Data": base64_of(line.encode())} for line in (A, B)]}),
    "kinesis": json.dumps({"Records": [{"kinesis": {"data": base64_of(gzip.compress(SUBSCRIPTION.encode()))}}]}),
    "lambda": json.dumps({"awslogs": {"data": base64_of(gzip.compress(SUBSCRIPTION.encode()))}}),
    "two in one message": json.dumps({"message": f"{A}\n{B}\n"}),
    "no line ends": "".join(json.dumps({"message": line}, separators=(",", ":")) for line in (A, B)),
    "insights": "@timestamp,@message,@log\n" + "".join(f"2026-11-20 12:00:00.000,{line},1:g\n" for line in (A, B)),
    "insights of fields": f"@timestamp,{CAMEL.replace(' ', ',')}\n"
    + "".join(f"2026-11-20 12:00:00.000,{line.replace(' ', ',')}\n" for line in (A, B)),
    "rows": "\n".join(json.dumps(dict(zip(CAMEL.split(), line.split(), strict=True))) for line in (A, B)),
    "athena": "\n".join('"' + line.replace(" ", '","') + '"' for line in (OLDER, A, B)),
    "pipes": "\n".join(line.replace(" ", "|") for line in (CAMEL, A, B)),
    "semicolons": "\n".join(line.replace(" ", ";") for line in (CAMEL, A, B)),
    "commas and blanks": "\n".join(line.replace(" ", ", ") for line in (CAMEL, A, B)),
    "index": "\n".join(line.replace(" ", ",") for line in (f" {CAMEL}", f"0 {A}", f"1 {B}")),
    "some cells quoted": "\n".join(line.replace(" ", ",").replace("6,", '"6",') for line in (CAMEL, A, B)),
    "text that begins like JSON": f"{{}}\n{A}\n{B}\n",
}


@pytest.mark.parametrize("name", EXPORTS)
def test_what_other_tools_export_is_read_as_the_records_that_it_holds(tmp_path, name):
    (tmp_path / "export").write_text(EXPORTS[name])
    tally = flowkit.ingest(str(tmp_path))
    assert (tally["ok"], tally["ok_bytes"]) == (2, 5580)
    assert tally["malformed"] == (name == "text that begins like JSON")
    assert sorted(flowkit.load(str(tmp_path)).raw.srcport.execute()) == [44321, 51000]


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_table_is_judged_like_the_text_of_the_same_cells(tmp_path, separator, quote):
    """Empty cells and words for null are null; a separator inside a cell, a blank line and a wrong number are seen."""
    names = ["srcaddr", "bytes", "instance-tag", "az-id"]
    rows = [["10.0.0.1", "5", "a b", ""], ["", "null", "x", "NaN"], ["10.0.0.2", "5.5", "-", "z"]]
    lines = [separator.join(f"{quote}{cell}{quote}" for cell in row) for row in (names, *rows)]
    lines += [separator * 3, f'10.0.0.3{separator}7{separator}"a{separator}b"{separator}-', "10.0.0.4"]
    (tmp_path / "table").write_text("\n".join(lines) + "\n")
    tally = flowkit.ingest(str(tmp_path))
    assert {name: tally[name] for name in ("lines", "headers", "blank", "no_status", "malformed", "ok_bytes")} == {
        "lines": 7, "headers": 1, "blank": 1, "no_status": 3, "malformed": 2, "ok_bytes": 12,
    }  # fmt: skip
    found = flowkit.load(str(tmp_path)).raw.select("srcaddr", "bytes", "instance_tag", "az_id").to_pyarrow().to_pylist()
    assert sorted((tuple(row.values()) for row in found), key=str) == [
        ("10.0.0.1", 5, "a%20b", None), ("10.0.0.3", 7, "a%09b" if separator == "\t" else f"a{separator}b", None),
        (None, None, "x", None),
    ]  # fmt: skip
    assert flowkit.load(str(tmp_path)).malformed["line"].tolist() == [4, 7]


def test_a_word_or_an_unknown_name_inside_a_file_is_no_header(tmp_path):
    for number, line in enumerate(("start", "bogus", "srcaddr dstaddr", "srcaddr bogus", "#note,with,commas")):
        write_log(tmp_path / str(number), [*PING, line, *PING])
        assert one(tmp_path / str(number)) == {
            "lines": 5, "headers": 0, "blank": 0, "ok": 4, "nodata": 0, "skipdata": 0, "malformed": 1,
        }, line  # fmt: skip
        write_log(tmp_path / f"first{number}", [line, *PING])
        assert (one(tmp_path / f"first{number}")["ok"], one(tmp_path / f"first{number}")["headers"]) in ((2, 0), (0, 1))


def test_headers_of_other_formats_that_follow_each_other_are_read_each_with_its_lines(tmp_path):
    ports = [f"srcport dstport bytes\n{number} 443 7\n" for number in range(2_000)]
    (tmp_path / "x.log").write_text("".join(part + f"{' '.join(DEFAULT_FORMAT)}\n{PING[0]}\n" for part in ports))
    tally = flowkit.ingest(str(tmp_path))
    assert [tally[name] for name in ("lines", "headers", "ok", "no_status", "malformed", "ok_bytes")] == [
        8_000, 4_000, 2_000, 2_000, 0, 2_000 * (336 + 7),
    ]  # fmt: skip
    assert flowkit.load(str(tmp_path)).raw.srcport.sum().execute() == sum(range(2_000))


def test_a_message_that_is_cut_off_is_no_record(tmp_path):
    (tmp_path / "x.json").write_text(f'{{"timestamp": 1, "message": "{A}"}}\n{{"timestamp": 1, "message": "{B}')
    assert [flowkit.ingest(str(tmp_path))[name] for name in ("lines", "ok", "malformed")] == [2, 1, 1]


def test_seconds_of_parquet_times_are_those_that_have_begun(tmp_path):
    at = datetime(2026, 11, 20, 12, 0, 0, 999_999, UTC)
    table = {"srcaddr": ["2001:DB8::5", "2001:db8:0::5"], "start": [at, at], "end": [at, at]}
    for unit in ("us", "ns"):
        times = {name: pa.array(table[name], pa.timestamp(unit, "UTC")) for name in ("start", "end")}
        pq.write_table(pa.table(table | times), tmp_path / f"{unit}.parquet")
        rows = flowkit.load(str(tmp_path / f"{unit}.parquet")).raw.execute()
        assert rows.end.tolist() == [1_795_176_000] * 2
        assert set(rows.srcaddr) == {"2001:db8::5"}


def test_the_first_malformed_line_is_named_by_its_number(tmp_path, capsys):
    from flowkit import cli

    write_log(tmp_path / "x.log", [*PING, "one two"])
    assert cli.main(["ingest", str(tmp_path)]) == 0
    assert "1 of 3 lines malformed, the first in" in (said := capsys.readouterr().err)
    assert "x.log (line 3: 2 tokens, format has 14)" in said


#: What is in a file (of whatever name), and what is said of it.
OTHERS = {
    "azure": ('{"records": [{"category": "FlowLogFlowEvent", "flowRecords": {"flows": []}}]}', "Azure flow log records"),
    "vpn": ('{"connection-log-type": "connection-attempt", "client-vpn-endpoint-id": "x"}', "AWS Client VPN"),
    "config": ('{"fileVersion": "1.0", "configSnapshotId": "x", "configurationItems": []}', "AWS Config snapshots"),
    "digest": ('{"awsAccountId": "1", "digestStartTime": "2026", "digestS3Bucket": "b"}', "AWS CloudTrail digests"),
    "guardduty": ('{"schemaVersion": "2.0", "type": "Recon:EC2/PortProbe"}', "Amazon GuardDuty findings"),
    "nginx": ('10.0.0.1 - - [20/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"', "access logs of a web server"),
    "syslog": ("Nov 20 12:00:00 host sshd[1]: Failed password for root", "lines of syslog"),
    "json": ('{"a": [1, 2, 3], "b": "of no kind that is known"}', "this is JSON, but its first value holds no flow log record"),
    "blanks": (b"\0" * 100, "the file is empty but for blanks"),
    "compress": (b"\x1f\x9d\x90" + b"x" * 99, "compressed with compress (.Z): decompress it first"),
    "lz4": (b"\x04\x22\x4d\x18" + b"x" * 99, "this is a file compressed with lz4: decompress it first"),
    "zip": (b"PK\x05\x06" + b"\0" * 18, "this is an empty zip archive"),
    "commas": ("a,b,10.0.0.1,c", "its first line has 4 tokens"),
    "one": ("word", "its first line has 1 token)"),
    "twice": ("srcaddr dstaddr start srcaddr\n1 2 3 4", "the header names srcaddr twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_kind_is_named(tmp_path, name):
    data, sentence = OTHERS[name]
    (tmp_path / "a.log").write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(flowkit.SourceError) as error:
        flowkit.ingest(str(tmp_path))
    assert sentence in str(error.value)


def test_archives_are_unpacked_or_named(tmp_path):
    text = ("\n".join((" ".join(DEFAULT_FORMAT), *PING)) + "\n").encode()

    def zipped(**members):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for member, data in members.items():
                archive.writestr(re.sub("(?<!_)_(?!_)", ".", member), data)
        return tmp_path / "a.zip"

    tally = flowkit.ingest(str(zipped(a_gz=gzip.compress(text), b_log=text, c_bz2=bz2.compress(text[:-1]))))
    assert (tally["ok"], tally["headers"], tally["malformed"], tally["damaged_files"]) == (6, 3, 0, 0)
    frame = pd.DataFrame([PING[0].split()], columns=[name.replace("-", "_") for name in DEFAULT_FORMAT])
    parquet = frame.to_parquet()
    assert one(zipped(a_parquet=parquet))["ok"] == 1
    table = text.replace(b" ", b",")
    tally = flowkit.ingest(str(zipped(a_parquet=parquet, b_csv=table, c_log=text.decode().encode("utf-16"), d=parquet)))
    assert (tally["ok"], tally["headers"], tally["malformed"], tally["damaged_files"]) == (6, 2, 0, 0)
    tally = flowkit.ingest(
        str(zipped(**{"a/.__x": b"\0\5\x16", "__MACOSX/x": b"\0\5\x16", "empty": b"", "a_log": text}))
    )
    assert (tally["ok"], tally["malformed"], tally["damaged_files"]) == (2, 0, 0)
    tally = flowkit.ingest(str(zipped(README=b"What these are", a_log=text)))
    assert (tally["ok"], tally["malformed"], tally["damaged_files"]) == (2, 0, 1)
    with pytest.raises(flowkit.SourceError, match="an empty zip archive"):
        flowkit.ingest(str(zipped(empty=b"")))
    with pytest.raises(flowkit.SourceError, match="an office document, such as a workbook: save its table as CSV"):
        flowkit.ingest(str(zipped(mimetype=text)))
    for mode in ("w", "w:gz"):
        with tarfile.open(tmp_path / "a.tar", mode) as archive:
            member = tarfile.TarInfo("a.log")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
        with pytest.raises(flowkit.SourceError, match="this is a tar archive: unpack it first"):
            flowkit.ingest(str(tmp_path / "a.tar"))
    old = bytearray(512)  # of before POSIX
    old[:5], old[148:156] = b"a.log", f"{sum(b'a.log') + 8 * 32:06o}\0 ".encode()
    (tmp_path / "a.tar").write_bytes(bytes(old) + text)
    with pytest.raises(flowkit.SourceError, match="this is a tar archive: unpack it first"):
        flowkit.ingest(str(tmp_path / "a.tar"))


HEADED = ",".join(DEFAULT_FORMAT)
ROW = PING[0].replace(" ", ",")


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (f"sep=;\n{HEADED};\n{ROW};\n".replace(",", ";"), (3, 1, 1, 1, 0)),
        (f"{HEADED},\n{ROW},\n{ROW},,\n", (3, 1, 0, 2, 0)),
        (f"{HEADED}\n{ROW},\n{ROW},extra\n", (3, 1, 0, 1, 1)),
        (f"{HEADED}\n{ROW}\n{HEADED},\n{ROW},\n", (4, 2, 0, 2, 0)),
        (HEADED.replace("dstaddr", "dstaddr\r") + f"\n{ROW}\n", (2, 1, 0, 1, 0)),
        (HEADED + f'\n{ROW[:-2]}"OK\n"{ROW}\n{ROW}\n', (4, 1, 0, 1, 2)),
        (HEADED + f"\n{ROW}\n".replace("1432917027", "2015-05-29T16:30:27Z"), (2, 1, 0, 1, 0)),
        (HEADED + f"\n{ROW}\n".replace("1432917027", "2015-13-29 16:30:27"), (2, 1, 0, 0, 1)),
    ],
    ids=["sep", "comma-at-the-end", "more-cells", "header-again", "lone-cr", "open-quote", "iso-time", "no-time"],
)  # fmt: skip
def test_tables_as_spreadsheets_write_them(tmp_path, text, counts):
    (tmp_path / "a.csv").write_bytes(text.encode())
    assert tuple(one(tmp_path / "a.csv")[name] for name in ("lines", "headers", "blank", "ok", "malformed")) == counts
    starts = flowkit.load(str(tmp_path / "a.csv")).raw.select("start").to_pyarrow()["start"].to_pylist()
    assert set(starts) <= {1432917027}


def test_iso_times_of_json_and_of_text_in_parquet_are_seconds(tmp_path):
    row = dict(zip(DEFAULT_FORMAT, PING[0].split(), strict=True)) | {"end": "2015-05-29T18:32:22.5+02:00"}
    row["start"] = "2015-05-29 16:30:27"
    (tmp_path / "a.json").write_text(json.dumps(row))
    pd.DataFrame([row | {"end": "2015-05-29T16:32:22Z"}]).to_parquet(tmp_path / "a.parquet")
    for name in ("a.json", "a.parquet"):
        found = flowkit.load(str(tmp_path / name)).raw.select("start", "end").to_pyarrow().to_pylist()
        assert found == [{"start": 1432917027, "end": 1432917142}]


def test_what_the_aws_cli_writes_around_events_is_blank(tmp_path):
    around = ("b/3823/s\tf/3823/s", f"EVENTS\t1\t{PING[0]}\t2", "NEXTTOKEN\tx", "SEARCHEDLOGSTREAMS\teni-1\tTrue")
    (tmp_path / "a.txt").write_text("\n".join(around) + "\n")
    assert one(tmp_path / "a.txt") | {"lines": 4, "blank": 3, "ok": 1, "malformed": 0} == one(tmp_path / "a.txt")


def test_parquet_under_a_name_that_is_no_utf8_and_with_times_before_1970(tmp_path):
    row = dict(zip(DEFAULT_FORMAT, PING[0].split(), strict=True)) | {"start": datetime(1960, 1, 1, tzinfo=UTC)}
    pd.DataFrame([row]).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.parquet").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.parquet"))
    tally = flowkit.ingest(str(tmp_path))
    assert (tally["ok"], tally["malformed"], tally["ok_bytes"]) == (1, 0, 336)
    assert "times that no flow log can have, such as 0 to 1432917142" in flowkit.load(str(tmp_path)).troubles


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("${srcaddr", "'${srcaddr' is no field of a format"),
        ("srcaddr start srcAddr", "the format names srcaddr twice"),
        (",", "the format names no field"),
    ],
)
def test_a_wrong_format_says_what_is_wrong(text, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        grammar.given(text)


def test_a_table_of_events_keeps_every_row_whatever_its_quotes(tmp_path):
    rows = [f"2026-11-20 12:00:00.000,{line}\n" for line in PING * 600]
    quoted = f'2026-11-20 12:00:00.000,"{PING[0]}\n"\n'
    cases = {
        "plain": (rows, (1200, 1200, 0)),
        "quoted": ([*rows, quoted, quoted], (1202, 1202, 0)),
        "open": (['2026-11-20 12:00:00.000,"2 1\n', *rows], (1201, 1200, 1)),
        "short": ([rows[0], "word\n", quoted, "word\n"], (4, 2, 2)),
        "long": ([rows[0], '1,"' + "x" * 200_000 + '"\n', rows[1]], (3, 2, 1)),
    }
    for name, (lines, expected) in cases.items():
        (tmp_path / name).write_text("@timestamp,@message\n" + "".join(lines))
        tally = one(tmp_path / name)
        assert (tally["lines"], tally["ok"], tally["malformed"]) == expected, name


def message(line: str, **more) -> str:
    return json.dumps({"message": line} | more, separators=(",", ":"))


BOM, CSV = "\ufeff", [line.replace(" ", ",") for line in (" ".join(DEFAULT_FORMAT), *PING, *GAPS)]
#: Texts of which each holds both of PING and the NODATA record, and how many lines it has.
JOINED = {
    "three on a line": f"{message(PING[0])}\n{message(PING[1])}{message(GAPS[0])}\n",
    "a blank between": " ".join(map(message, (*PING, GAPS[0]))),
    "a tab between": f"{message(PING[0])}\n" + "\t".join(map(message, (PING[1], GAPS[0]))),
    "CR between": "\r".join(map(message, (*PING, GAPS[0]))),
    "commas between": ",".join(map(message, (*PING, GAPS[0]))),
    "a subscription later": f"{message(PING[0])}\n"
    + json.dumps({"logEvents": [{"message": PING[1]}, {"message": GAPS[0]}]}, separators=(",", ":")),
    "a list later": f"{message(PING[0])}\n[{message(PING[1])},{message(GAPS[0])}]\n",
    "the outer message": f"{message(PING[0])}\n"
    + "\n".join(f'{{"meta":{message(PING[0])},"message":"{line}"}}' for line in (PING[1], GAPS[0])),
    "the last of two": f'{message(PING[0])}\n{{"message":"{PING[0]}","message":"{PING[1]}"}}\n{message(GAPS[0])}\n',
    "BOM inside": f"{CSV[0]}\n{CSV[1]}\n{CSV[2]}\n{BOM}{CSV[0]}\n{CSV[3]}\n",
    "BOM twice": BOM * 2 + "\n".join(CSV[:4]),
    "BOM between messages": f"{message(PING[0])}\n{BOM}{message(PING[1])}\n{message(GAPS[0])}\n",
    "one column": "@message\n" + "\n".join((*PING, f'"{GAPS[0]}"')),
    "NA of R": "\n".join(CSV[:4]).replace(",-", ",NA"),
    "NA of pandas": "\n".join(CSV[:4]).replace(",-", ",<NA>"),
}


@pytest.mark.parametrize("name", JOINED)
def test_all_records_of_what_was_joined_come_out_once(tmp_path, name):
    (tmp_path / "x").write_bytes(JOINED[name].encode())
    tally = one(tmp_path / "x")
    assert (tally["ok"], tally["nodata"], tally["malformed"], tally["blank"]) == (2, 1, 0, 0)
    assert tally["lines"] == 3 + tally["headers"]
    found = flowkit.load(str(tmp_path)).raw.select("srcaddr").to_pyarrow()["srcaddr"].to_pylist()
    assert sorted(found, key=str) == sorted([*(line.split()[3] for line in PING), None], key=str)


def test_what_else_stands_on_the_line_of_a_message_is_malformed(tmp_path):
    (tmp_path / "x").write_text(f"{message(PING[0])}\n{message(PING[1])} word {{\n" + "{" * 60_000 + "\n")
    assert one(tmp_path / "x") | {"lines": 4, "ok": 2, "malformed": 2} == one(tmp_path / "x")
    (tmp_path / "blanks").write_text('{"a":' + " " * 1_000_000)  # takes no time
    with pytest.raises(flowkit.SourceError, match="holds no flow log record"):
        flowkit.ingest(str(tmp_path / "blanks"))


@pytest.mark.parametrize("value", [{"$numberLong": "336"}, [336], {}], ids=str)
@pytest.mark.parametrize("field", ["bytes", "vpc-id", "log-status"])
def test_an_object_or_a_list_is_no_value_of_a_field(tmp_path, field, value):
    row = dict(zip(DEFAULT_FORMAT, PING[0].split(), strict=True))
    (tmp_path / "x").write_text("\n".join(map(json.dumps, (row | {"other": value}, row | {field: value}))))
    assert one(tmp_path / "x") | {"lines": 2, "ok": 1, "malformed": 1} == one(tmp_path / "x")
    assert "has an object or a list for a field" in flowkit.load(str(tmp_path / "x")).troubles


#: Cells as other tools write them, and what they are in every kind of file.
CELLS = {
    "account-id": [("12345678901", "012345678901"), ("12345678901.0", "012345678901"), ("unknown", "unknown")],
    "start": [(f"2015-05-29{rest}", 1432917027) for rest in (" 16:30:27.000 UTC", "T18:30:27+02:00", "T16:30:27Z")],
    "srcport": [("44321.0", 44321), ("6.00", 6), (" 7 ", 7), ("<NA>", None)],
    "action": [("ACCEPT ", "ACCEPT"), ("NA", None)],
    "instance-tag": [("a b", "a%20b"), ("a\tb", "a%09b"), ('say "x"', "say%20%22x%22")],
}


@pytest.mark.parametrize("field", CELLS)
def test_a_cell_is_the_same_in_csv_json_and_parquet(tmp_path, field):
    plain = dict(zip(DEFAULT_FORMAT, PING[0].split(), strict=True)) | {"instance-tag": "x"}
    table = pd.DataFrame([plain | {field: text} for text, _ in CELLS[field]])
    table.to_csv(tmp_path / "csv", index=False)
    table.to_json(tmp_path / "json", orient="records", lines=True)
    table.to_parquet(tmp_path / "parquet")
    for kind in ("csv", "json", "parquet"):
        column = field.replace("-", "_")
        found = flowkit.load(str(tmp_path / kind)).raw.select(column).to_pyarrow()[column].to_pylist()
        assert sorted(found, key=str) == sorted((value for _, value in CELLS[field]), key=str), kind


def parquet(**columns) -> bytes:
    rows = [line.split() for line in PING]
    table = dict(zip(DEFAULT_FORMAT, zip(*rows, strict=True), strict=True)) | columns
    pq.write_table(pa.table(table), out := io.BytesIO())
    return out.getvalue()


PARQUET = {
    "days": (parquet(start=pa.array([0, 1], pa.date32())), "the column start of the Parquet file holds Date"),
    "days in milliseconds": (
        parquet(start=pa.array([0, 86_400_000], pa.date64())),
        "the column start of the Parquet file holds Date",
    ),
    "milliseconds": (parquet(start=pa.array([1432917027000] * 2, pa.timestamp("ms"))), 2),
    "joined": (parquet() + parquet(), "several Parquet files joined in one: keep them apart"),
    "joined members": (2 * gzip.compress(parquet()), "several Parquet files joined in one: keep them apart"),
    "joined in words": (parquet(**{"instance-tag": ["PAR1PAR1", "xPAR1PAR1PAR1PAR1"]}), 2),
    "bytes": (parquet(extra=[b"\xff", b"x"]), 2),
    "durations": (parquet(extra=pa.array([1, 2], pa.duration("s"))), 2),
    "times": (parquet(extra=pa.array([1, 2], pa.time32("s"))), 2),
    "a bad byte": (parquet(**{"instance-tag": [b"\xff", b"x"]}), 1),
}
MESSAGE_COLUMNS = {
    "bytes": (PING[0].encode(), 2), "number": (1, "the column message of the Parquet file holds Int64, not text"),
    "object": ({"a": 1}, "holds Struct"), "list": ([PING[0]], "holds List"),
}  # fmt: skip
for kind, (value, result_) in MESSAGE_COLUMNS.items():
    pq.write_table(pa.table({"timestamp": [1, 2], "message": [value] * 2}), out := io.BytesIO())
    PARQUET[f"messages of {kind}"] = out.getvalue(), result_


@pytest.mark.parametrize("name", PARQUET)
def test_parquet_is_read_or_refused_with_a_sentence(tmp_path, name):
    data, result = PARQUET[name]
    (tmp_path / "x").write_bytes(data)
    if isinstance(result, str):
        with pytest.raises(flowkit.SourceError, match=re.escape(result)):
            flowkit.ingest(str(tmp_path))
    else:
        tally = one(tmp_path / "x")
        assert (tally["lines"], tally["ok"], tally["malformed"]) == (2, result, 2 - result)


def test_what_is_before_the_cut_of_a_zstd_file_stays(tmp_path):
    text = "".join(f"{PING[0].replace(' 336 ', f' {number} ')}\n" for number in range(60_000)).encode()
    data = pa.compress(text, "zstd", asbytes=True)
    (tmp_path / "cut").write_bytes(data[: len(data) // 2])
    tally = flowkit.ingest(str(tmp_path / "cut"))
    assert (tally["damaged_files"], tally["malformed"]) == (1, 1)
    assert 10_000 < tally["ok"] < 50_000
    (tmp_path / "skip").write_bytes(b"\x50\x2a\x4d\x18\4\0\0\0abcd" + data)
    assert flowkit.ingest(str(tmp_path / "skip"))["ok"] == 60_000
    for name, begun in {"cut": data[:20], "gzip": gzip.compress(text)[:10]}.items():
        (tmp_path / name).write_bytes(begun)
        with pytest.raises(flowkit.SourceError, match=r"Truncated|ends too early"):
            flowkit.ingest(str(tmp_path / name))
