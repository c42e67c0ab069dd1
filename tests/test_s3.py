"""Objects in S3: which are listed for a window, and that each arrives once or is named."""

import builtins
import gzip
import json
import threading
from datetime import UTC, datetime

import boto3
import pytest
from aws_support import endpoint, forward, new_bucket, query_of, s3_error

from flowkit import cli, ingest
from flowkit.loading import s3
from flowkit.loading.errors import SourceError

pytest_plugins = ["aws_support"]

PLAIN = "AWSLogs/123456789012/vpcflowlogs/eu-central-1/{:%Y/%m/%d}/"
HOURLY = "AWSLogs/123456789012/vpcflowlogs/eu-central-1/{:%Y/%m/%d/%H}/"
HIVE = (
    "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-central-1/"
    "year={:%Y}/month={:%m}/day={:%d}/"
)
HIVE_HOURLY = HIVE + "hour={:%H}/"
BODY = gzip.compress(b"version\n2\n", mtime=0)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def key(text: str, folder: str = PLAIN, suffix: str = "aaaa0001.log.gz") -> str:
    """The key that AWS gives the file of the slot `text`."""
    slot = datetime.fromisoformat(text)
    name = f"123456789012_vpcflowlogs_eu-central-1_fl-0a1b2c3d_{slot:%Y%m%dT%H%M}Z_{suffix}"
    return folder.format(slot, slot, slot, slot) + name


def keys(uri: str, start: str | None = None, end: str | None = None) -> list[str]:
    found = s3.list_objects(uri, start and at(start), end and at(end))
    return [each.place.removeprefix("s3://").partition("/")[2] for each in found if not each.aside]


@pytest.fixture
def recorded(aws, monkeypatch):
    """The requests that reach the endpoint, as (method, path)."""
    requests = []

    def answer(method, path, headers, body):
        requests.append((method, path))
        return forward(aws, method, path, headers, body)

    with endpoint(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield requests


def listed(requests) -> list[str]:
    """The prefixes that were listed, each with the key after which its listing began."""
    asked = [query_of(path) for method, path in requests if "list-type=2" in path]
    return [" after ".join(filter(None, (each["prefix"], each.get("start-after")))) for each in asked]


@pytest.mark.parametrize("layout", [PLAIN, HOURLY, HIVE, HIVE_HOURLY])
@pytest.mark.parametrize("above", ["", "custom/flow-logs/"])
def test_only_the_windows_files_are_listed_in_every_layout(aws, layout, above):
    days = ["2026-11-19T23:55", "2026-11-20T00:00", "2026-11-21T00:00", "2027-11-20T12:00"]
    slots = [*days, *(f"2026-11-20T{time}" for time in ("11:55", "12:00", "12:20", "12:25"))]
    uri = new_bucket("acme", {above + key(slot, layout): BODY for slot in slots})
    wanted = [above + key(slot, layout) for slot in ("2026-11-20T11:55", "2026-11-20T12:00", "2026-11-20T12:20")]
    # A record that starts before 12:00 ends by 12:10, and its file may be 15 minutes late.
    assert keys(uri, "2026-11-20T11:58", "2026-11-20T12:00") == wanted
    assert keys(f"{uri}/{above}", "2026-11-20T11:58", "2026-11-20T12:00") == wanted
    assert keys(uri) == sorted(above + key(slot, layout) for slot in slots)


def test_listing_asks_for_the_windows_days_and_no_other_folder(recorded):
    region = PLAIN.partition("{")[0]
    uri = new_bucket("acme", {
        key("2026-11-19T12:00"): BODY, key("2026-11-20T12:00"): BODY, key("2026-11-21T12:00"): BODY,
        "AWSLogs/123456789012/CloudTrail/eu-central-1/2026/11/20/trail.json.gz": BODY,
        "elsewhere/2026/11/20/x.log.gz": BODY,
    })  # fmt: skip
    recorded.clear()
    assert keys(uri, "2026-11-20T12:00", "2026-11-20T13:00") == [key("2026-11-20T12:00")]
    assert listed(recorded) == [
        "", "AWSLogs/", "AWSLogs/123456789012/", "AWSLogs/123456789012/vpcflowlogs/", f"{region} after {region}2026/11/20/",
    ]  # fmt: skip


@pytest.mark.parametrize("layout", [PLAIN, HIVE_HOURLY])
def test_a_window_is_listed_from_its_first_day_and_no_further_than_its_last(recorded, layout):
    region = layout.partition("year=" if "year=" in layout else "{")[0]
    before = {key("2026-11-19T12:00", layout, f"{n:04}.log.gz"): BODY for n in range(1100)}
    after = {key("2026-11-22T12:00", layout, f"{n:04}.log.gz"): BODY for n in range(2100)}
    inside = [key("2026-11-20T23:55", layout), key("2026-11-21T00:10", layout)]
    uri = new_bucket("acme", before | dict.fromkeys(inside, BODY) | after)
    recorded.clear()
    assert keys(f"{uri}/{region}", "2026-11-20T23:50", "2026-11-20T23:59") == inside
    day = layout.partition("hour=")[0].format(*[datetime(2026, 11, 20)] * 3)
    assert listed(recorded) == [f"{region} after {day}"], "one page of a thousand keys"
    assert len(keys(f"{uri}/{region}", "2024-11-29T00:10", "2027-02-01T23:50")) == 3202
    assert len(keys(f"{uri}/{region}", "0001-01-02", "9999-12-31T23:59")) == 3202


def test_a_prefix_inside_the_layout_is_not_left(recorded):
    slots = ["2026-11-20T11:00", "2026-11-20T12:00", "2026-11-21T12:00"]
    uri = new_bucket("acme", {key(slot, HOURLY): BODY for slot in slots})
    month = HOURLY.partition("{")[0] + "2026/11"
    recorded.clear()
    assert keys(f"{uri}/{month}", "2026-11-20T00:10", "2026-11-20T20:00") == [key(s, HOURLY) for s in slots[:2]]
    assert listed(recorded) == [f"{month}/ after {month}/20/"]
    recorded.clear()
    assert keys(f"{uri}/{month}/20/12/", "2026-11-20T00:10", "2026-11-21T20:00") == [key(slots[1], HOURLY)]
    assert listed(recorded) == [f"{month}/20/12/ after {month}/20/"]
    assert keys(f"{uri}/{key(slots[0], HOURLY)}", "2027-01-01") == [key(slots[0], HOURLY)]


def test_accounts_regions_and_an_organisation_are_found(aws):
    org = "AWSLogs/o-exampleorgid/"
    names = [
        key("2026-11-20T12:00").replace("AWSLogs/", org),
        key("2026-11-20T12:00").replace("123456789012", "210987654321").replace("AWSLogs/", org),
        key("2026-11-20T12:00").replace("eu-central-1", "us-gov-west-1"),
    ]
    uri = new_bucket("acme", dict.fromkeys(names, BODY))
    assert sorted(keys(uri, "2026-11-20T12:00", "2026-11-20T12:10")) == sorted(names)


def test_every_object_is_looked_into_that_is_not_of_a_known_other_kind(aws):
    firehose = "logs/stream-1-2026-11-20-12-00-00-0a1b2c3d"
    names = ["logs/a.log", "logs/b.gz", "logs/c.PARQUET", "logs/d.jsonl", "logs/e ü+%20&.log", firehose]
    trail = "logs/AWSLogs/123456789012/CloudTrail/eu-west-1/trail.json.gz"
    uri = new_bucket("acme", dict.fromkeys([*names, trail, "logs/readme.md", "logs/_SUCCESS"], BODY))
    boto3.client("s3").put_object(Bucket="acme", Key="logs/empty.log", Body=b"")
    boto3.client("s3").put_object(Bucket="acme", Key="logs/folder.log/", Body=b"")
    assert keys(f"{uri}/logs") == names
    aside = {each.place for each in s3.list_objects(f"{uri}/logs", None, None) if each.aside}
    assert aside == {f"{uri}/{name}" for name in ("logs/readme.md", "logs/_SUCCESS", "logs/empty.log", trail)}
    assert keys(f"{uri}/logs/b") == ["logs/b.gz"]
    assert keys(f"{uri}/logs/readme.md") == ["logs/readme.md"]
    assert keys(f"{uri}/log") == names


def test_a_prefix_without_anything_is_an_error_in_every_window(aws):
    uri = new_bucket("acme", {key("2026-11-20T12:00"): BODY, "other/readme.md": b"x"})
    for window in ({}, {"start": "2026-11-20"}):
        for folder in ("wrong", "other"):
            with pytest.raises(SourceError, match=f"no files in s3://acme/{folder}/"):
                ingest(f"{uri}/{folder}/", **window)
    assert ingest(uri, start="2027-01-01")["files"] == 0
    with pytest.raises(SourceError, match=r"no files in s3://acme/\*\*/x.log; .* not globs"):
        ingest("s3://acme/**/x.log")


def test_a_window_without_files_is_1_and_names_the_newest_there_is(aws, capsys):
    uri = new_bucket("acme", {key("2026-11-20T12:00"): BODY, key("2026-11-20T11:00"): BODY})
    assert cli.main(["ingest", uri, "--start", "2026-11-22", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["files"] == 0
    newest = f"{uri}/{key('2026-11-20T12:00')} (2026-11-20 12:00 UTC)"
    window = "no records in the window (since 2026-11-22 00:00 UTC)"
    assert said.err == f"flowkit: {window}; the newest file there is: {newest}\n"


def test_more_than_a_thousand_objects_arrive_each_once(recorded, tmp_path):
    names = [key("2026-11-20T12:00", suffix=f"{n:08x}.log.gz") for n in range(1200)]
    uri = new_bucket("acme", {name: name.encode() for name in names})
    recorded.clear()
    found = list(s3.list_objects(uri, at("2026-11-20T12:00"), at("2026-11-20T12:05")))
    assert sum("continuation-token" in path for _, path in recorded) == 1
    recorded.clear()
    pairs = list(s3.fetch(found, tmp_path))
    assert [path.read_bytes().decode() for _, path in pairs] == names
    assert [each for each, _ in pairs] == found
    assert all(path.name.endswith(".log.gz") for _, path in pairs)
    assert len(recorded) == len({path for _, path in recorded}) == 1200


def test_one_object_that_vanished_is_named_and_the_rest_goes_on(aws, tmp_path):
    uri = new_bucket("acme", {f"logs/{n}.log": b"%d" % n for n in range(3)})
    found = list(s3.list_objects(uri, None, None))
    boto3.client("s3").delete_object(Bucket="acme", Key="logs/1.log")
    first, gone, last = [result for _, result in s3.fetch(found, tmp_path)]
    assert (first.read_bytes(), last.read_bytes()) == (b"0", b"2")
    assert isinstance(gone, SourceError)
    assert str(gone) == (
        "s3://acme/logs/1.log was listed but is gone: it was deleted or moved while it was being read."
    )


def test_an_object_overwritten_since_listing_comes_back_as_it_is(aws, tmp_path):
    uri = new_bucket("acme", {"a.log": b"old"})
    found = list(s3.list_objects(uri, None, None))
    boto3.client("s3").put_object(Bucket="acme", Key="a.log", Body=b"newer")
    [(each, path)] = s3.fetch(found, tmp_path)
    assert (each.size, path.read_bytes()) == (5, b"newer")
    assert each.stamp != found[0].stamp
    assert each == next(s3.list_objects(uri, None, None))


def test_a_failing_and_breaking_endpoint_loses_nothing(aws, monkeypatch, tmp_path):
    uri = new_bucket("acme", {f"{n}.log": b"x" * 5000 + b"%d" % n for n in range(4)})
    seen, lock = {}, threading.Lock()

    def answer(method, path, headers, body):
        with lock:
            seen[path] = seen.get(path, 0) + 1
        if seen[path] == 1:
            return s3_error(503, "SlowDown")
        status, kept, reply = forward(aws, method, path, headers, body)
        return status, kept, reply[: 100 if seen[path] == 2 and ".log" in path else None]  # the line breaks

    with endpoint(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        pairs = list(s3.fetch(s3.list_objects(uri, None, None), tmp_path))
    assert [path.read_bytes()[5000:] for _, path in pairs] == [b"0", b"1", b"2", b"3"]
    assert len(list(tmp_path.iterdir())) == 4
    assert {count for path, count in seen.items() if ".log" in path} == {3}


def test_an_endpoint_that_never_recovers_is_a_sentence(aws, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    uri = new_bucket("acme", {"a.log": b"x" * 100})
    found = list(s3.list_objects(uri, None, None))

    def cut(method, path, headers, body):
        status, kept, reply = forward(aws, method, path, headers, body)
        return status, kept, reply[:10]

    for answer, words in (
        (lambda *request: s3_error(503, "SlowDown"), "AWS keeps failing on s3://acme/a.log (SlowDown, also after"),
        (cut, "AWS cannot be reached for s3://acme/a.log: the connection broke 4 times while it was read"),
    ):
        with endpoint(answer) as address:
            monkeypatch.setenv("AWS_ENDPOINT_URL", address)
            [(_, error)] = s3.fetch(found, tmp_path)
        assert str(error).startswith(words)
    assert list(tmp_path.iterdir()) == []


def test_slow_objects_are_read_at_the_same_time(aws, monkeypatch, tmp_path):
    uri = new_bucket("acme", {f"{n}.log": b"x" for n in range(4)})
    together = threading.Barrier(4, timeout=20)  # breaks unless four requests are under way at once

    def answer(method, path, headers, body):
        if ".log" in path:
            together.wait()
        return forward(aws, method, path, headers, body)

    with endpoint(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert [path.read_bytes() for _, path in s3.fetch(s3.list_objects(uri, None, None), tmp_path)] == [b"x"] * 4


def test_requester_pays_only_when_told(aws, monkeypatch, tmp_path):
    uri, payers = new_bucket("acme", {"a.log": b"x"}), []

    def answer(method, path, headers, body):
        payers.append({name.lower(): value for name, value in headers.items()}.get("x-amz-request-payer"))
        return forward(aws, method, path, headers, body)

    with endpoint(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        list(s3.fetch(s3.list_objects(uri, None, None), tmp_path))
        monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
        list(s3.fetch(s3.list_objects(uri, None, None), tmp_path))
    assert payers[: len(payers) // 2] == [None] * (len(payers) // 2)
    assert payers[len(payers) // 2 :] == ["requester"] * (len(payers) // 2)


REFUSALS = {
    "AccessDenied": "AWS denies access to s3://acme/: these credentials need the permission s3:ListBucket; "
    "a requester-pays bucket also needs AWS_REQUEST_PAYER=requester.",
    "ExpiredToken": "The AWS session is over, so s3://acme/ cannot be read: sign in again (`aws sso login`).",
    "InvalidAccessKeyId": "AWS does not accept these credentials for s3://acme/ (InvalidAccessKeyId): "
    "check key and profile.",
    "NoSuchBucket": "There is no such bucket: s3://acme/.",
}


@pytest.mark.parametrize("code", REFUSALS)
def test_what_s3_refuses_is_one_sentence(aws, monkeypatch, code):
    with endpoint(lambda *request: s3_error(404 if code == "NoSuchBucket" else 403, code)) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(SourceError) as refused:
            keys("s3://acme")
    assert str(refused.value) == REFUSALS[code]


def test_a_denied_object_names_the_permission(aws, monkeypatch, tmp_path):
    uri = new_bucket("acme", {"a.log": b"x"})
    found = list(s3.list_objects(uri, None, None))
    with endpoint(lambda *request: s3_error(403, "AccessDenied")) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        [(_, error)] = s3.fetch(found, tmp_path)
    assert "need the permission s3:GetObject" in str(error)


def test_no_credentials_no_profile_and_nobody_there_are_sentences(aws, monkeypatch):
    with monkeypatch.context() as there, endpoint(s3_error) as address:
        there.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)  # closed by now
    with pytest.raises(SourceError, match="AWS cannot be reached for s3://acme/"):
        keys("s3://acme")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(SourceError, match=r"AWS cannot be asked for s3: The config profile \(nobody\)"):
        keys("s3://acme")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(SourceError, match="No AWS credentials for s3://acme/: run `aws configure`"):
        keys("s3://acme")


def test_what_names_no_bucket_is_refused():
    for uri in ("s3://", "s3:///key", "s3://a", "s3://bad bucket/x"):
        with pytest.raises(ValueError, match="names no bucket: write s3://bucket/prefix"):
            s3.split_uri(uri)


def test_without_boto3_the_message_says_how_to_install_it(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "boto3":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SourceError, match=r"pip install boto3"):
        keys("s3://acme")
