"""Flow logs in an engine's table: the fold on Spark is the one on DuckDB, row by row."""

import datetime
from types import SimpleNamespace

import ibis
import pandas as pd
import pytest
from support import write_log
from test_coverage import flows, full, idle, record

from flowkit.fields import COLUMNS
from flowkit.folding.coverage import coverage
from flowkit.folding.engine import sql
from flowkit.loading.engines import recognised, table_of
from flowkit.loading.errors import SourceError
from flowkit.log import load
from flowkit.questions.gaps import gaps
from flowkit.reporting.talkers import talkers

WINDOW = {"start": "2026-11-20T06:00Z", "end": "2026-11-20T09:00Z"}
#: One Spark for all tests of this file: it takes longer to start than all that is asked of it, and compiling and
#: planning anew pay off where there are more rows.
SPARK = "pyspark://?" + "&".join(
    f"spark.{setting}"
    for setting in (
        "master=local[2]", "sql.shuffle.partitions=2", "sql.session.timeZone=UTC", "sql.codegen.wholeStage=false",
        "sql.codegen.factoryMode=NO_CODEGEN", "sql.adaptive.enabled=false",
    )
)  # fmt: skip
TABLES = ("edges", "refusals", "volumes", "evidence", "interfaces")


@pytest.fixture(scope="module", autouse=True)
def _quick_spark():
    """No web page, no second compiler and no threads for garbage, which pay off in hours and not in minutes."""
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    words = f"--conf spark.ui.enabled=false --driver-java-options '{java}' pyspark-shell"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_SUBMIT_ARGS", words)
        yield


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    """A Parquet table with Athena's column names: three hours of the sample, sums beyond 64 bits, a record of 400 days."""
    folder = tmp_path_factory.mktemp("table")
    line = "2 123456789012 eni-0abc 10.0.1.5 10.0.2.9 {} 443 6 10 9223372036854775807 {} 1795176055 ACCEPT OK"
    lines = [line.format(40000 + number // 2, 1795176000 + number) for number in range(10)]
    (place := folder / "table").mkdir()
    large = load(str(write_log(folder / "x.log", [*lines, line.format(50000, 1760616000)])))
    for name, table in (("flows", load("sample", **WINDOW).flows), ("large", large.raw)):
        table.select([name for name in COLUMNS if name in table.columns]).to_parquet(place / f"{name}.parquet")
    return place


def rows(fold, name):
    table = fold.sql(f"FROM {name}")
    return sorted(map(repr, table.astype(object).where(table.notna(), None).itertuples(index=False)))


def test_the_fold_on_spark_is_the_one_on_duckdb(parquet, monkeypatch):
    monkeypatch.setenv("FLOWKIT_REPORT", "one report")
    here = load(str(parquet), network="data/sample/network")
    there = load(f"{SPARK}#parquet.{parquet}", network="data/sample/network")
    for name in TABLES:
        assert rows(here.fold, name) == rows(there.fold, name), name
    assert len(rows(there.fold, "edges")) > 300
    large = "SELECT sum(sessions)::INT AS n, max(client_bytes) AS most FROM edges WHERE interface_id = 'eni-0abc'"
    assert there.fold.sql(large).iloc[0].tolist() == [5, 2**63 - 1]
    ignored = {"coverage", "tally", "odd_times"}
    assert {k: v for k, v in here.fold.facts.items() if k not in ignored} == {
        k: v for k, v in there.fold.facts.items() if k not in ignored
    }
    assert [there.tally[name] for name in ("ok", "ok_bytes")] == [here.tally[name] for name in ("ok", "ok_bytes")]
    assert there.odd_times == "1 record, such as 1760616000 to 1795176055 (seconds since 1970) in this table"


def test_coverage_and_gaps_on_spark_are_those_of_duckdb():
    rows = [row for eni in ("eni-b", "eni-c") for row in full(eni, 0, 1200) + full(eni, 1500, 7200)]
    rows += full("eni-a", 0, 600) + full("eni-a", 660, 1200) + full("eni-a", 1500, 3600)
    rows += [record("eni-a", at, at + 58, "SKIPDATA") for at in (600, 900)] + idle("eni-a", 5400, 7200, 60)
    sent = {"srcaddr": "10.0.0.2", "dstaddr": "10.0.0.1", "srcport": 5, "dstport": 6, "protocol": 6}
    rows.append(record("eni-b", 610, 650, **sent))
    here = flows([row | {"tcp_flags": 0} for row in rows])
    there = ibis.connect(SPARK).create_view("gaps_on_spark", here, overwrite=True)
    answers = []
    for table in (here, there):
        cells = coverage(table)
        own = pd.DataFrame({"interface_id": ["eni-a", "eni-b"], "address": ["10.0.0.1", "10.0.0.2"]})
        own = own.assign(transit=False, conflict=False)
        log = SimpleNamespace(rows=table, files=None, coverage=cells, interfaces=own, network=None)
        answers.append(gaps(log))
    for name, frame in vars(answers[0]).items():
        pd.testing.assert_frame_equal(getattr(answers[1], name), frame, check_dtype=False, obj=name)
    assert len(answers[0].seen_by_peer) > 0


def test_a_duckdb_table_is_a_source(parquet, tmp_path):
    import duckdb

    with duckdb.connect(str(tmp_path / "logs.duckdb")) as connection:
        connection.execute("CREATE TABLE flow_logs AS FROM read_parquet(?)", [str(parquet / "flows.parquet")])
    log = load(f"duckdb://{tmp_path}/logs.duckdb#flow_logs")
    assert log.fold.facts["records"] == load(str(parquet / "flows.parquet")).fold.facts["records"] > 1000


def test_what_a_report_folded_and_counted_is_not_asked_of_the_engine_again(parquet, monkeypatch):
    monkeypatch.setenv("FLOWKIT_REPORT", "another report")
    table = ibis.duckdb.connect().read_parquet(parquet / "large.parquet", table_name="flow_logs")
    log = load(table)
    first = talkers(log).summary
    assert log.odd_times == "1 record, such as 1760616000 to 1795176055 (seconds since 1970) in this table"
    monkeypatch.setattr("flowkit.loading.engines.table_of", None)
    again = load(table)
    assert (talkers(again).summary, again.tally, repr(again)) == (first, log.tally, repr(log))


@pytest.mark.parametrize("url", ["datafusion://#t", "sqlite://x.db#t", "postgres://h/d#t"])
def test_other_engines_are_refused_in_one_sentence(url):
    with pytest.raises(SourceError, match="duckdb, pyspark, athena.* trino"):
        table_of(url)


def test_timestamps_and_other_spellings_of_columns_are_recognised():
    frame = pd.DataFrame({
        "srcAddr": ["10.0.0.1"], "dst_addr": ["10.0.0.2"], "start": [pd.Timestamp("2026-11-20T00:00:00Z")],
        "log-status": ["-"], "day": ["20"], "accountId": [12345678901],
    })  # fmt: skip
    row = recognised(ibis.memtable(frame)).execute().iloc[0]
    assert (row["srcaddr"], row["dstaddr"], row["start"], row["day"]) == ("10.0.0.1", "10.0.0.2", 1795132800, "20")
    assert pd.isna(row["log_status"]) and row["account_id"] == "012345678901"


def flow_logs(at: str = ":memory:", **changed) -> ibis.Table:
    """A table as Athena's CSV has it, all texts: two hours of a client that is served, and refused on 6379."""
    kept = {"start": NOON, "end": NOON + 59, "action": "ACCEPT", "log-status": "OK", "protocol": "6", "bytes": "900"}
    ends = {"interface-id": "eni-0a", "srcaddr": "10.0.0.5", "dstaddr": "10.0.1.7", "srcport": "40000", "packets": "5"}
    back = {"srcaddr": "10.0.1.7", "dstaddr": "10.0.0.5", "srcport": "5432", "dstport": "40000"}
    there = kept | ends | {"dstport": "5432"}
    rows = [there, there | back, there | {"srcport": "50000", "dstport": "6379", "action": "REJECT"}]
    rows = [{name: changed[name](value) if name in changed else value for name, value in row.items()} for row in rows]
    return ibis.duckdb.connect(at).create_table("flow_logs", pd.DataFrame(rows))


NOON = 1_795_176_000


@pytest.mark.parametrize("times", [str, lambda at: f"{at}000", lambda at: at * 10**6, lambda at: f"{at}999999999"])
def test_times_of_a_table_are_seconds_whatever_their_unit(times):
    log = load(flow_logs(start=times, end=times))
    assert log.fold.facts["first"] == NOON and log.fold.facts["last"] == NOON + 59
    assert log.odd_times == "" and log.tally["ok"] == 3


def test_actions_and_states_of_a_table_may_have_blanks_and_small_letters():
    log = load(flow_logs(action=lambda word: f" {word.lower()} ", **{"log-status": str.lower}))
    assert (log.fold.facts["accepted"], log.fold.facts["rejected"], log.tally["ok"]) == (2, 1, 3)


@pytest.mark.parametrize(("status", "ok", "no_status"), [("", 0, 3), ("?", 0, 0)])
def test_a_table_without_any_log_status_is_not_judged(status, ok, no_status):
    log = load(flow_logs(**{"log-status": lambda _: status}))
    assert log.coverage.empty and "the log lacks log-status" in log.coverage.attrs["unjudged"]
    assert (log.tally["ok"], log.tally["no_status"]) == (ok, no_status)


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("start", "2026-11-20 12:00:00", "holds '2026-11-20 12:00:00', not a time in seconds since 1970"),
        ("protocol", "TCP", "holds 'TCP', not a whole number"),
        ("bytes", "N/A", "holds 'N/A', not a whole number"),
        ("end", datetime.date(2026, 11, 20), "holds a date, not a time in seconds since 1970"),
    ],
)
def test_a_value_that_is_no_number_is_named_with_its_column(column, value, sentence):
    with pytest.raises(SourceError, match=f"column {column} {sentence}$"):
        talkers(load(flow_logs(**{column: lambda _: value})))


def test_nothing_is_made_in_a_users_own_duckdb_which_may_be_read_only(tmp_path):
    flow_logs(str(tmp_path / "own.duckdb")).get_backend().disconnect()
    for read_only in (True, False):
        con = ibis.duckdb.connect(tmp_path / "own.duckdb", read_only=read_only)
        log = load(con.table("flow_logs"))
        assert talkers(log).summary[0].startswith("Accepted traffic: 1.8 kB")
        assert sql("SELECT count(*) AS n FROM x", x=log).n.item() == log.conversations.count().execute() + 1 == 3
        assert sql("SELECT count(*) AS n, count(client_name) AS named FROM e", e=log.edges).iloc[0].tolist() == [2, 0]
        with pytest.raises(ValueError, match="tables of two DuckDB connections cannot be asked together"):
            sql("SELECT 1", x=log, y=load("sample", **WINDOW))
        con.disconnect()
    views = "SELECT view_name FROM duckdb_views() WHERE NOT internal"
    assert ibis.duckdb.connect(tmp_path / "own.duckdb").con.execute(views).fetchall() == []


def test_a_log_of_a_table_is_called_by_its_name():
    table = flow_logs()
    assert repr(load(table)).startswith("Log\n  source: flow_logs\n")
    assert "source: a table of Ibis\n" in repr(load(table.filter(table.action == "REJECT")))


def test_a_table_of_something_else_is_refused_by_its_columns():
    with pytest.raises(SourceError, match="columns are not those of flow logs: a"):
        recognised(ibis.memtable(pd.DataFrame({"a": [1]})))


def test_two_columns_for_one_field_are_refused():
    with pytest.raises(SourceError, match="two columns of the table are both srcaddr: srcaddr and src_addr"):
        recognised(ibis.memtable(pd.DataFrame({"srcaddr": ["10.0.0.1"], "src_addr": ["10.0.0.2"]})))


def test_a_table_of_an_untried_engine_is_refused_too(tmp_path):
    table = ibis.sqlite.connect(tmp_path / "x.db").create_table("t", pd.DataFrame({"srcaddr": ["10.0.0.1"]}))
    with pytest.raises(SourceError, match="sqlite is no engine that flowkit was tried on"):
        table_of(table)
