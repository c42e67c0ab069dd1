"""Flow logs in CloudWatch Logs: a group's events, a slice of time a file.

An event's timestamp is its record's start, one stream belongs to one interface, and NODATA and SKIPDATA are
events like all others: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html
"""

import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flowkit.loading.boto import at_once, client, sentences
from flowkit.loading.errors import SourceError

#: Seconds that a slice lasts, in windows of up to two days and in longer ones.
HOUR, DAY = 3600, 86400
#: The longest time that one record aggregates, and when no more events of a slice are expected.
AGGREGATION, SETTLED = 600, 3600


@dataclass(frozen=True)
class Slice:
    """One slice of a group's time: its place (``cloudwatch://group#2026-11-20T12Z``), and its `etag`, which
    differs with every reading until no more events are to come."""

    place: str
    etag: str
    group: str
    start: int
    end: int
    size: int = 0


def list_objects(uri: str, start: int | None, end: int | None) -> Iterator[Slice]:
    """The slices of the group `uri` that may hold records of the window (seconds since 1970, None: no limit).

    A record belongs to the slice of its start, so the first slice begins up to 600 s before `start`. Raises
    SourceError when there is no such group or AWS refuses.
    """
    group = _group_of(uri)
    now = int(time.time())
    arn, oldest = _described(group, uri, now)
    first = oldest if start is None else max(oldest, start - AGGREGATION)
    last = now if end is None else min(now, end)
    step = HOUR if last - first <= 2 * DAY else DAY
    for at in range(first - first % step, last, step):
        settled = at + step + SETTLED <= now
        name = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H}Z" + ("" if step == HOUR else "+24h")
        yield Slice(f"{uri}#{name}", arn if settled else f"{arn} at {now}", group, at, at + step)


def fetch(slices: Iterable[Slice], folder: Path, workers: int = 4) -> Iterator[tuple[Slice, Path | Exception]]:
    """Each slice that has events, with a file of them as CloudWatch exports events: time, blank, record.

    The file is new in `folder` and the caller's to delete. Where a slice cannot be read, a SourceError stands
    in the file's place and the rest goes on.
    """
    logs = client("logs")
    results = at_once(lambda each: (each, _written(logs, each, folder)), slices, workers)
    return (result for result in results if result[1])


def _group_of(uri: str) -> str:
    group = uri.removeprefix("cloudwatch://")
    if not uri.startswith("cloudwatch://") or not re.fullmatch(r"[A-Za-z0-9._/#-]{1,512}", group):
        raise SourceError(f"{uri} names no log group: write cloudwatch://name-of-the-group.")
    return group


def _described(group: str, uri: str, now: int) -> tuple[str, int]:
    """The group's ARN, which tells accounts and regions apart, and the oldest time of an event in it."""
    with sentences(uri):
        pages = client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=group)
        for found in (each for page in pages for each in page["logGroups"]):
            if found["logGroupName"] == group:
                oldest = found["creationTime"] // 1000 - 14 * DAY  # events may be that old when they arrive
                kept = found.get("retentionInDays")
                return found["arn"], max(oldest, now - kept * DAY) if kept else oldest
    raise SourceError(f"There is no such log group here: {uri}; check its name and the region.")


def _written(logs, each: Slice, folder: Path) -> Path | Exception | None:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=each.group, startTime=each.start * 1000, endTime=each.end * 1000 - 1
    )
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".log", delete=False, encoding="utf-8") as file:
        path, events = Path(file.name), 0
        try:
            with sentences(each.place):
                for event in (event for page in pages for event in page["events"]):
                    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                    message = " ".join(event["message"].splitlines())
                    file.write(f"{at:%Y-%m-%dT%H:%M:%S}.{event['timestamp'] % 1000:03}Z {message}\n")
                    events += 1
        except SourceError as error:
            path.unlink()
            return error
    if not events:
        path.unlink()
        return None
    return path
