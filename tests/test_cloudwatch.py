"""Log groups in CloudWatch: every event of the window once, and settled slices known again."""

import json
import time
from datetime import UTC, datetime

import boto3
import pytest
from aws_support import endpoint, forward

from flowkit import ingest, load
from flowkit.loading import cloudwatch
from flowkit.loading.errors import SourceError

pytest_plugins = ["aws_support"]

GROUP = "/vpc/flow-logs"
URI = f"cloudwatch://{GROUP}"
HOUR = 3600
#: The beginning of an hour, some hours ago: CloudWatch takes no events older than 14 days.
NOON = int(time.time()) // HOUR * HOUR - 6 * HOUR


def record(at: int, status: str = "OK") -> str:
    if status != "OK":
        return f"2 123456789012 eni-0a1b2c3d - - - - - - - {at} {at + 60} - {status}"
    return f"2 123456789012 eni-0a1b2c3d 10.0.0.5 10.0.1.9 40000 443 6 10 840 {at} {at + 60} ACCEPT OK"


def put(events: list[tuple[int, str]], group: str = GROUP, stream: str = "eni-0a1b2c3d-all"):
    logs = boto3.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    for first in range(0, len(events), 5000):
        batch = [{"timestamp": at * 1000, "message": message} for at, message in events[first : first + 5000]]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)


def lines(start, end, folder) -> list[str]:
    found = cloudwatch.fetch(cloudwatch.list_objects(URI, start, end), folder)
    return [line for _, path in found for line in path.read_text().splitlines()]


def test_every_record_of_the_window_is_there_also_nodata_and_skipdata(aws, tmp_path):
    put([(NOON + 10, record(NOON + 10)), (NOON + 20, record(NOON + 20, "NODATA"))])
    put([(NOON + 30, record(NOON + 30, "SKIPDATA"))], stream="eni-0ffff0000-all")
    put([(NOON + 5, "another group")], group=GROUP + "-other")
    assert lines(NOON, NOON + HOUR, tmp_path) == [
        record(NOON + 10),
        record(NOON + 20, "NODATA"),
        record(NOON + 30, "SKIPDATA"),
    ]


def test_a_record_that_began_before_the_window_is_fetched(aws, tmp_path):
    put([(NOON - 4000, "too early"), (NOON - 590, record(NOON - 590)), (NOON + 2 * HOUR, "too late")])
    assert lines(NOON, NOON + HOUR, tmp_path) == [record(NOON - 590)]


def test_more_events_than_a_page_holds_arrive_each_once(aws, tmp_path):
    put([(NOON + n // 20, f"event {n}") for n in range(12_000)])
    found = sorted(int(line.rsplit(" ", 1)[1]) for line in lines(NOON, NOON + HOUR, tmp_path))
    assert found == list(range(12_000))


def test_a_settled_slice_is_known_again_and_a_recent_one_is_not(aws, monkeypatch):
    put([(NOON, "x")])
    first = list(cloudwatch.list_objects(URI, NOON, None))
    later = time.time() + 5
    monkeypatch.setattr(cloudwatch.time, "time", lambda: later)
    second = list(cloudwatch.list_objects(URI, NOON, None))
    known = {(each.place, each.stamp) for each in first} & {(each.place, each.stamp) for each in second}
    now = int(later)
    assert {place for place, _ in known} == {each.place for each in first if each.end + HOUR <= now}
    assert len(known) >= 4
    assert first[1].place == f"{URI}#{datetime.fromtimestamp(NOON, UTC):%Y-%m-%dT%H}Z"


def test_the_same_group_in_another_region_is_told_apart(aws, monkeypatch):
    put([(NOON, "x")])
    here = next(cloudwatch.list_objects(URI, NOON, NOON + 60))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    put([(NOON, "x")])
    there = next(cloudwatch.list_objects(URI, NOON, NOON + 60))
    assert here.place == there.place
    assert ("eu-central-1" in here.stamp, "us-east-1" in there.stamp) == (True, True)


def test_a_long_window_is_cut_into_days_and_no_older_than_the_group_keeps(aws):
    put([(NOON, "x")])
    boto3.client("logs").put_retention_policy(logGroupName=GROUP, retentionInDays=3)
    slices = list(cloudwatch.list_objects(URI, None, None))
    assert [each.end - each.start for each in slices] == [86400] * len(slices)
    assert len(slices) in (3, 4)
    assert slices[0].start <= time.time() - 3 * 86400 < slices[0].end
    assert all(later.start == earlier.end for earlier, later in zip(slices, slices[1:], strict=False))


def test_an_event_of_several_lines_stays_one_line(aws, tmp_path):
    put([(NOON, "one\ntwo\r\nthree\n")])
    assert lines(NOON, NOON + 60, tmp_path) == ["one two three"]


def test_a_failing_slice_is_named_and_the_rest_goes_on(aws, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    put([(NOON, "first"), (NOON + HOUR, "second")])
    slices = list(cloudwatch.list_objects(URI, NOON + 600, NOON + 2 * HOUR))
    throttled = []

    def answer(method, path, headers, body):
        asked = json.loads(body)["startTime"] // 1000
        if asked == NOON or (asked == NOON + HOUR and not throttled):
            throttled.append(asked) if asked != NOON else None
            kind = {"Content-Type": "application/x-amz-json-1.1"}
            return 400, kind, b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'
        return forward(aws, method, path, headers, body)

    with endpoint(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        failed, good = [got for _, got in cloudwatch.fetch(slices, tmp_path)]
    assert str(failed).startswith(f"AWS keeps failing on {slices[0].place} (ThrottlingException, also after")
    assert good.read_text() == "second\n"
    assert list(tmp_path.iterdir()) == [good]


def test_a_group_is_loaded_like_files_and_settled_slices_once(aws):
    statuses = ["OK", "NODATA", "SKIPDATA", "OK"]
    times = [NOON - 30, NOON + 30, NOON + 60, NOON + HOUR + 10]
    put([(at, record(at, status)) for at, status in zip(times, statuses, strict=True)])
    start, end = (datetime.fromtimestamp(at, UTC) for at in (NOON, NOON + HOUR))
    first = ingest(URI, start, end)
    assert {name: first[name] for name in ("new_files", "ok", "nodata", "skipdata", "malformed")} == {
        "new_files": 2, "ok": 1, "nodata": 1, "skipdata": 1, "malformed": 0,
    }  # fmt: skip
    assert ingest(URI, start, end)["new_files"] == 0
    flows = load(URI, start, end).flows
    assert sorted(flows.start.execute()) == [NOON - 30, NOON + 30, NOON + 60]  # by overlap: NOON - 30 ends after NOON


CUSTOM = "203.0.113.9 10.0.0.5 40000 443 6 {} ACCEPT"


@pytest.mark.parametrize(
    "line", [CUSTOM, "5 " + CUSTOM + " OK eni-0a", '{{"eventVersion": "1.08", "eventSource": {}}}', "x{}"]
)
def test_a_group_says_what_a_file_of_its_content_says(aws, tmp_path, monkeypatch, line):
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "cache"))
    messages = [line.format(number) for number in range(5)]
    put([(NOON + number, message) for number, message in enumerate(messages)])
    path = tmp_path / "custom.log"
    path.write_text("".join(f"{message}\n" for message in messages))
    said = []
    for source in (path, URI):
        with pytest.raises(SourceError) as refused:
            ingest(str(source), datetime.fromtimestamp(NOON, UTC), datetime.fromtimestamp(NOON + 60, UTC))
        said.append(str(refused.value))
    assert said[1].partition(": ")[0].startswith(URI)
    assert said[0].removeprefix(f"{path}: ") == said[1].partition("Z: ")[2]


def test_a_custom_format_is_given(aws, tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWKIT_CACHE", str(tmp_path / "cache"))
    put([(NOON + number, CUSTOM.format(number)) for number in range(5)])
    fields = "srcaddr dstaddr srcport dstport protocol packets action"
    tally = ingest(URI, datetime.fromtimestamp(NOON, UTC), format=fields)
    assert (tally["lines"], tally["no_status"], tally["ok_packets"]) == (5, 5, 10)


def test_a_group_to_which_nothing_was_ever_logged_is_an_error(aws):
    boto3.client("logs").create_log_group(logGroupName=GROUP)
    with pytest.raises(SourceError, match=f"no events in {URI}: nothing was ever logged to it"):
        ingest(URI, "-1h")


def test_refusals_are_sentences(aws, monkeypatch, tmp_path):
    with pytest.raises(SourceError, match="There is no such log group here: cloudwatch://nothing; check"):
        list(cloudwatch.list_objects("cloudwatch://nothing", None, None))
    with pytest.raises(ValueError, match="names no log group: write cloudwatch://name-of-the-group"):
        list(cloudwatch.list_objects("cloudwatch://not a group", None, None))
    put([(NOON, "x")])
    with pytest.raises(SourceError, match="There is no such log group here: cloudwatch:///vpc/flow;"):
        list(cloudwatch.list_objects("cloudwatch:///vpc/flow", None, None))
    slices = list(cloudwatch.list_objects(URI, NOON + 600, NOON + 700))
    denied = b'{"__type": "AccessDeniedException", "message": "not authorized"}'
    with endpoint(lambda *request: (400, {"Content-Type": "application/x-amz-json-1.1"}, denied)) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        [(_, error)] = cloudwatch.fetch(slices, tmp_path)
        with pytest.raises(SourceError, match="need the permission logs:DescribeLogGroups"):
            list(cloudwatch.list_objects(URI, None, None))
    assert "need the permission logs:FilterLogEvents." in str(error)
