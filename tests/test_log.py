"""The log that `load` returns, and the loading floor: nothing silently wrong, one bad thing stops nothing good."""

import gzip
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import write_log

import flowkit
from flowkit import cli
from flowkit.fields import DEFAULT_FORMAT, FIELDS, Field, version_of
from flowkit.folding import store
from flowkit.folding.engine import sql
from flowkit.loading import cache, grammar
from flowkit.loading.boto import client
from flowkit.loading.errors import SourceError
from flowkit.loading.sources import slot_of
from flowkit.log import backend, load

NOON = 1_795_176_000
LINE = "2 012345678901 {eni} 10.0.0.{host} 203.0.113.9 443 50000 6 1 {size} {at} {at} ACCEPT OK"


def record(eni="eni-0a", host=1, size=40, at=NOON) -> str:
    return LINE.format(eni=eni, host=host, size=size, at=at)


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def one(path, capsys, *words) -> tuple[int, dict, str]:
    code = cli.main(["ingest", str(path), "--json", *words])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {}, said.err


def test_two_logs_are_two_tables_that_can_be_united_joined_and_subtracted():
    noon = "2026-11-20T12:00Z"
    morning, evening = load("sample", end=noon), load("sample", start=noon)
    counts = [log.records.count().execute() for log in (morning, evening)]
    assert counts == [27_393, 34_853]
    assert morning.records.union(evening.records).count().execute() == 62_246
    new = evening.records.select("dstaddr").distinct().difference(morning.records.select("dstaddr").distinct())
    assert new.count().execute() > 0
    query = "SELECT (SELECT count(*) FROM today) AS t, (SELECT count(*) FROM yesterday) AS y"
    assert sql(query, today=evening, yesterday=morning).iloc[0].tolist() == [34_853, 27_393]
    assert sql("SELECT count(*) AS n FROM logs", logs=morning.flows).n.item() == 27_393


@pytest.mark.parametrize(
    ("source", "record", "error", "sentence"),
    [
        ("sample", "x", ValueError, "record is 'x', not one of vpc, transit-gateway"),
        (
            pd.DataFrame({"srcaddr": ["10.0.0.1"]}),
            "vpc",
            TypeError,
            "a URL or an Ibis table, no DataFrame; ibis.memtable",
        ),
        (5, "vpc", TypeError, "a source is a path, a URL or an Ibis table, no int"),
    ],
)
def test_what_load_cannot_take_is_one_sentence(source, record, error, sentence):
    with pytest.raises(error, match=sentence):
        load(source, record=record)


def test_records_have_utc_times_a_settled_interface_and_no_copies(tmp_path):
    names = [*DEFAULT_FORMAT, "resource-id", "brand-new"]
    rows = [f"{record('-')} nat-0a x", f"{record('eni-0b')} - y"]
    log = load(write_log(tmp_path / "x.log", rows, names))
    table = log.records.order_by("interface_id").execute()
    assert table.interface_id.tolist() == ["eni-0b", "nat-0a"]
    assert sorted(log.interfaces.interface_id) == sorted(log.coverage.interface_id) == ["eni-0b", "nat-0a"]
    assert table.start.tolist() == [pd.Timestamp("2026-11-20 12:00", tz="UTC")] * 2
    assert table.brand_new.tolist() == ["y", "x"]
    assert log.records.filter(log.records.start >= "2026-11-20T12:00:01").count().execute() == 0
    assert log.flows.start.min().execute() == NOON
    assert log.records is log.records


def test_a_log_says_what_it_rests_on_and_nothing_in_it_is_markup(tmp_path):
    write_log(tmp_path / "x.log", [record(), "<b>bold\x1b[31m"])
    log = load(tmp_path)
    assert "records in these files: 1 from 2026-11-20 12:00:00" in repr(log) and "\x1b" not in repr(log)
    assert "<b>" not in log._repr_html_() and "&lt;b&gt;" in log._repr_html_()


def test_sums_beyond_64_bits_are_exact(tmp_path):
    largest = 2**63 - 1
    write_log(tmp_path / "x.log", [record(size=largest), record(size=largest), record(size=1)])
    assert flowkit.ingest(str(tmp_path))["ok_bytes"] == 2 * largest + 1


def test_a_field_of_a_newer_version_touches_one_table_and_the_cache_does_not_lie(tmp_path, own_cache, monkeypatch):
    path = write_log(tmp_path / "x.log", [f"{record()} 7", f"{record()} seven"], [*DEFAULT_FORMAT, "hop-count"])
    assert (flowkit.ingest(str(path))["ok"], cache.folder().name) == (2, f"v-{version_of(FIELDS, cache.LAYOUT)}")
    old = cache.folder()
    code = (
        "from flowkit import fields\n"
        "fields.VPC_FIELDS += (fields.Field('hop-count', 12, 'int32', 'hops', limit=255),)\n"
        "source = open(fields.__file__).read()\n"
        "exec(source[source.index('#: Every known field'):], fields.__dict__)\n"
        "import sys, flowkit\nfrom flowkit.loading import cache\n"
        "print(flowkit.ingest(sys.argv[1])['malformed'], flowkit.load(sys.argv[1]).flows.hop_count.max().execute())\n"
        "print(cache.folder())"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    malformed, hops, folder = done.stdout.split()
    assert (malformed, hops) == ("1", "7"), done.stderr
    assert Path(folder) != old and flowkit.ingest(str(path))["new_files"] == 0


def test_a_version_knows_types_patterns_limits_and_words_but_no_meanings():
    field = FIELDS["srcport"]
    versions = {
        version_of(FIELDS | {"srcport": other}, 1)
        for other in (field, field._replace(type="int64"), field._replace(limit=9), field._replace(pattern="x"))
    }
    assert len(versions) == 4
    assert version_of(FIELDS | {"srcport": field._replace(meaning="")}, 1) in versions
    assert isinstance(field, Field)


def test_a_missing_or_cut_part_is_healed(tmp_path, own_cache):
    write_log(tmp_path / "logs" / "x.log", [record()])
    for damage in (lambda part: part.unlink(), lambda part: part.write_bytes(part.read_bytes()[:-5])):
        assert load(tmp_path / "logs").records.count().execute() == 1
        damage(next((cache.folder() / "parts").iterdir()))
        assert flowkit.ingest(str(tmp_path / "logs"))["new_files"] == 1
        assert load(tmp_path / "logs").records.count().execute() == 1
    for facts in (cache.folder() / "facts").iterdir():
        facts.write_bytes(b"PAR1 cut")
    assert flowkit.ingest(str(tmp_path / "logs"))["ok"] == 1


def test_a_rewrite_of_the_same_size_and_time_is_seen_when_asked_again(tmp_path, own_cache, capsys):
    path = write_log(tmp_path / "x.log", [record(size=40)])
    assert flowkit.ingest(str(path))["ok_bytes"] == 40
    times = path.stat()
    write_log(path, [record(size=41)])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert flowkit.ingest(str(path))["ok_bytes"] == 40
    assert one(path, capsys, "--again")[1]["ok_bytes"] == 41


def test_a_folder_with_other_files_is_no_cache_and_keeps_them(tmp_path, own_cache, capsys):
    log = write_log(tmp_path / "x.log", [record()])
    own_cache.mkdir(mode=0o755)
    (own_cache / "parts").mkdir()
    (own_cache / "parts" / "mine.parquet").write_text("mine")
    (own_cache / "letter.txt").write_text("mine")
    for words in (["ingest", str(log)], ["cache"], ["cache", "clear"], ["cache", "prune"]):
        assert cli.main(words) == 1
        said = capsys.readouterr().err
        assert "is no cache of flowkit (it holds other files)" in said and said.count("\n") == 1
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o755
    assert sorted(path.name for path in own_cache.rglob("*")) == ["letter.txt", "mine.parquet", "parts"]


def test_clearing_takes_only_what_is_flowkits(tmp_path, own_cache):
    flowkit.ingest(str(write_log(tmp_path / "x.log", [record()])))
    (own_cache / "letter.txt").write_text("mine")
    cache.clear()
    assert sorted(path.name for path in own_cache.iterdir()) == ["flowkit-cache", "letter.txt"]


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, capsys):
    log = write_log(tmp_path / "x.log", [record()])
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "file" / "cache"))
    code, _, error = one(log, capsys)
    assert code == 1 and error.count("\n") == 1 and "set FLOWKIT_CACHE" in error


def test_spill_files_lie_in_the_cache_and_are_private():
    where = Path(backend().con.execute("SELECT current_setting('temp_directory')").fetchone()[0])
    assert stat.S_IMODE(where.stat().st_mode) == 0o700 and (where.parent / "flowkit-cache").is_file()


@pytest.mark.parametrize("name", ["a[bc].parquet", "*.parquet", "?.parquet", "o'clock.parquet", "{a,b}.parquet"])
def test_parquet_files_are_read_by_their_own_name(tmp_path, name):
    def write(path, size):
        row = {"srcaddr": ["10.0.0.1"], "dstaddr": ["10.0.0.2"], "bytes": [size], "log_status": ["OK"], "start": [NOON]}
        pq.write_table(pa.table(row), path)

    for number, each in enumerate(["a[bc].parquet", "*.parquet", "?.parquet", "ab.parquet", "b.parquet"]):
        write(tmp_path / each, 10**number)
    write(tmp_path / name, 7)
    assert flowkit.ingest(str(tmp_path / name))["ok_bytes"] == 7 if not set(name) & set("*?") else True
    assert load(tmp_path).tally["files"] == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("column", ["file_id", "file-id", "duplicate", "__index_level_0__"])
def test_columns_named_as_flowkits_own_do_no_harm(tmp_path, column):
    row = {"srcaddr": ["10.0.0.1"], "dstaddr": ["10.0.0.2"], "bytes": [40], "log_status": ["OK"], column: [5]}
    pq.write_table(pa.table(row), tmp_path / "x.parquet")
    assert load(tmp_path).records.count().execute() == 1
    write_log(tmp_path / "y.log", [f"{record()} 5"], [*DEFAULT_FORMAT, column.strip("_")])
    assert load(tmp_path).records.count().execute() == 2


def test_accounts_are_not_bent(tmp_path):
    row = {"srcaddr": ["10.0.0.1"], "account_id": [12345678901.0], "log_status": ["OK"]}
    pq.write_table(pa.table(row), tmp_path / "x.parquet")
    assert load(tmp_path).records.account_id.execute().tolist() == ["012345678901"]


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 5000, b"\n", b"junk"])
def test_what_follows_a_gzip_never_hangs(tmp_path, tail):
    (tmp_path / "x.log.gz").write_bytes(gzip.compress((record() + "\n").encode()) + tail)
    tally = flowkit.ingest(str(tmp_path))
    assert (tally["ok"], tally["damaged_files"]) == (1, int(bool(tail.strip(b"\0"))))


@pytest.mark.parametrize("line", ["start", "hello", "#note,with,commas", "eventVersion", "source destination"])
def test_a_word_in_the_middle_is_malformed_and_changes_nothing(tmp_path, line):
    write_log(tmp_path / "x.log", [record()] * 50 + [line] + [record()] * 50)
    tally = flowkit.ingest(str(tmp_path))
    assert (tally["ok"], tally["malformed"], tally["headers"]) == (100, 1, 0)


def test_a_line_that_is_too_long_is_malformed_and_little_of_it_is_kept(tmp_path):
    write_log(tmp_path / "x.log", [record(), record() + " " * 65_600 + "15th", record(), "x" * 3_000_000, record()])
    log = load(tmp_path)
    assert (log.tally["ok"], log.tally["malformed"], log.tally["lines"]) == (3, 2, 5)
    assert log.malformed.line.tolist() == [2, 4]
    assert log.malformed.text.str.len().max() == 1_024 and log.malformed.length.min() > 65_536


def test_blank_lines_before_the_header_count_and_numbers_stay(tmp_path):
    text = "\n\n" + " ".join(DEFAULT_FORMAT) + "\n" + record() + "\nbad\n"
    (tmp_path / "x.log.gz").write_bytes(gzip.compress(b"\n") + gzip.compress(text[1:].encode()))
    log = load(tmp_path)
    assert (log.tally["lines"], log.tally["blank"], log.malformed.line.tolist()) == (5, 2, [5])


def test_a_misspelt_format_is_wrong_usage_with_a_hint(tmp_path, capsys):
    log = write_log(tmp_path / "x.log", ["10.0.0.1 10.0.0.2"])
    code, _, error = one(log, capsys, "--format", "scraddr dstaddr")
    assert (code, error) == (
        2,
        "flowkit: 'scraddr' is no field of a flow log (did you mean srcaddr?): docs/fields.md lists them\n",
    )
    code, tally, error = one(log, capsys, "--format", "srcaddr dstaddr bytes")
    assert (code, tally["malformed"]) == (1, 1) and "no line is a record" in error


def test_what_cannot_be_read_is_said_beside_what_can(tmp_path, capsys):
    write_log(tmp_path / "a.log", [record()])
    (tmp_path / "b.log").write_bytes(b"")
    code, tally, error = one(tmp_path, capsys)
    assert (code, tally["ok"], tally["unreadable_files"]) == (0, 1, 1)
    assert "1 of 2 files not read, the first" in error and "the file is empty" in error
    (tmp_path / "a.log").write_text("no record\n" * 3)
    assert one(tmp_path, capsys)[0] == 1


def test_names_of_any_bytes_and_with_escapes_are_read_and_shown_harmlessly(tmp_path, capsys):
    write_log(tmp_path / "esc\x1b[31m\r\nx.log", [record(), "bad"])
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin-\xe9.log")).write_text(record("eni-0c"))
    code, tally, error = one(tmp_path, capsys)
    assert (code, tally["ok"]) == (0, 2)
    assert error.count("\n") == 1 and "\x1b" not in error and "\r" not in error
    assert load(tmp_path).records.count().execute() == 2


def test_sockets_in_a_folder_are_said_and_passed_over(tmp_path, capsys, monkeypatch):
    write_log(tmp_path / "x.log", [record()])
    monkeypatch.chdir(tmp_path)  # the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        code, tally, error = one(tmp_path, capsys)
    assert (code, tally["files"]) == (0, 1) and "1 left aside" in error


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"Records":[{"eventVersion":"1.08","eventSource":"ec2"}]}', "AWS CloudTrail records"),
        ('{"version":"1.1","query_name":"x.","query_timestamp":"2026"}', "Route 53 Resolver query logs"),
        ('{"insertId":"x","jsonPayload":{},"logName":"projects/x"}', "Google Cloud log records"),
        ('{"records":[{"category":"NetworkSecurityGroupFlowEvent","operationName":"y"}]}', "Azure log records"),
        ("Obj\x01avro", "an Avro file"),
        ("ORC", "an ORC file"),
    ],
)  # fmt: skip
def test_logs_of_other_kinds_are_refused_by_name(tmp_path, text, what):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(flowkit.SourceError, match=what) as refused:
        flowkit.ingest(str(tmp_path))
    assert "--format" not in str(refused.value)


def test_transit_gateway_logs_alone_are_said_in_one_sentence(tmp_path):
    names = ["tgw-id", "srcaddr", "dstaddr", "start", "end", "log-status"]
    path = write_log(tmp_path / "x.log", [f"tgw-1 10.0.0.1 10.0.0.2 {NOON} {NOON} OK"], names)
    assert flowkit.ingest(str(path))["ok"] == 1
    with pytest.raises(flowkit.SourceError, match="transit gateway flow logs alone"):
        load(path)
    assert load(path, record="transit-gateway").records.tgw_id.execute().tolist() == ["tgw-1"]


def test_a_slot_of_no_age_is_none():
    name = "012345678901_vpcflowlogs_eu-west-1_fl-1000_{}_x.log.gz"
    assert slot_of(name.format("99991231T2355Z")) is None
    assert slot_of(name.format("20261120T1200Z")) == NOON


def test_a_format_of_many_headers_is_read_in_order(tmp_path):
    other = [*DEFAULT_FORMAT[1:], "version"]
    block = [" ".join(DEFAULT_FORMAT), record(), " ".join(other), " ".join([*record().split()[1:], "2"])]
    write_log(tmp_path / "x.log", block * 300)
    log = load(tmp_path)
    assert (log.tally["ok"], log.tally["headers"], log.tally["malformed"]) == (600, 600, 0)
    assert log.records.version.nunique().execute() == 1


def test_aws_region_alone_is_enough(monkeypatch):
    pytest.importorskip("boto3")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert client("logs").meta.region_name == "eu-north-1"


def test_the_pattern_of_every_field_takes_its_null_and_compiles():
    import re

    for name in FIELDS:
        assert bool(re.fullmatch(grammar.token_pattern(name), "-")) == (name != "log-status")


def test_an_engines_table_is_a_log_too():
    rows = ibis.memtable({"srcaddr": ["10.0.0.1"], "dstaddr": ["10.0.0.2"], "start": [NOON], "log_status": ["OK"]})
    log = load(rows)
    assert (log.tally["ok"], log.records.count().execute(), len(log.files)) == (1, 1, 0)


def test_a_record_longer_than_an_aggregation_interval_is_counted_and_said_and_covers_nothing(tmp_path):
    lines = [LINE.format(eni="eni-0a", host=1, size=40, at=NOON + 60 * minute) for minute in range(5)]
    long = LINE.replace("{at} {at}", f"{NOON - 400 * 86400} {NOON + 60}").format(eni="eni-0a", host=2, size=40)
    (tmp_path / "x.log").write_text("\n".join([*lines, long]) + "\n")
    log = load(tmp_path)
    assert (log.tally["ok"], log.tally["ok_bytes"], log.flows.count().execute()) == (6, 240, 5)
    assert log.records.start.isnull().sum().execute() == log.records.end.isnull().sum().execute() == 1
    assert log.odd_times == f"1 record, such as {NOON - 400 * 86400} to {NOON + 60} (seconds since 1970) in x.log"
    assert log.coverage.start.min() == pd.Timestamp(NOON, unit="s", tz="UTC")
    assert log.edges.sessions.sum().execute() == log.conversations.count().execute() == 1
    allowed = long.replace(str(NOON - 400 * 86400), str(NOON + 60 - 1200))
    (tmp_path / "x.log").write_text("\n".join([*lines, allowed]) + "\n")
    assert (load(tmp_path).odd_times, load(tmp_path).flows.count().execute()) == ("", 6)


def test_whole_numbers_come_back_whole_from_sql_and_too_large_sums_are_said(tmp_path):
    (tmp_path / "x.log").write_text("\n".join(record(host=host, size=2**63 - 1) for host in (1, 1, 2)) + "\n")
    log = load(tmp_path)
    query = "SELECT srcaddr, sum(bytes) AS bytes, sum(packets), sum(packets) FROM log GROUP BY srcaddr ORDER BY srcaddr"
    answer = sql(query, log=log)
    assert answer.bytes.tolist() == [2**64 - 2, 2**63 - 1] and answer.iloc[:, 2].dtype == "int64"
    assert answer.iloc[:, 3].tolist() == [2, 1]
    assert sql("SELECT sum(bytes) AS n FROM log WHERE false", log=log).n.isna().all()
    assert (
        sql("SELECT srcaddr, sum(bytes) AS n FROM log GROUP BY 1 ORDER BY 2 DESC LIMIT 1", log=load("sample")).n.dtype
        == "int64"
    )
    said = log.summary.set_index("what").value["sums"]
    assert said.endswith("a sum beyond 9,223,372,036,854,775,807 is given as that, a lower bound")
    assert "sums" not in set(load("sample").summary.what)


def test_a_window_without_records_says_what_the_source_holds(tmp_path):
    (tmp_path / "x.log").write_text("\n".join([record(at=NOON), record(at=NOON + 60), record(at=5)]) + "\n")
    log = load(tmp_path, start="2027-01-01")
    span = "its oldest record starts 2026-11-20 12:00:00 UTC, its newest ends 2026-11-20 12:01:00 UTC"
    assert log.outside == span
    assert flowkit.gaps(log).summary == (
        f"Log coverage cannot be judged: the log holds no record in this window; {span}.",
    )
    assert flowkit.gaps(log).findings[0].grounds == (span,)
    (tmp_path / "x.log").write_text(record(at=5) + "\n")
    assert load(tmp_path).outside == "the times of its records are such as no flow log can have"


@pytest.mark.parametrize("question", ["rejected", "reachability", "gaps", "talkers", "what_if"])
def test_an_answer_shows_its_summary_and_not_all_of_its_tables(question):
    answer = getattr(flowkit, question)(load("sample"))
    shown = repr(answer)
    assert shown.startswith(f"<{type(answer).__name__}: {answer.summary[0]}") and shown.endswith(" findings>")
    assert len(shown) < 2000


def test_a_log_whose_fold_was_removed_meanwhile_says_so(tmp_path, own_cache):
    log = load(str(write_log(tmp_path / "flow.log", [record()])))
    unasked = load(str(tmp_path / "flow.log"))
    assert len(log.fold.sql("FROM edges")) == 1 and unasked.fold.facts["records"] == 1
    store.prune(log.fold.folder.parent)
    with pytest.raises(SourceError, match="the fold of this log is gone from the cache .*: load the log again"):
        log.fold.sql("FROM edges")
    with pytest.raises(SourceError, match="the fold of this log is gone"):
        unasked.fold.sql("FROM keys", keys=pd.DataFrame({"a": [1]}))
    again = load(str(tmp_path / "flow.log"))
    assert len(again.fold.sql("FROM edges")) == 1
