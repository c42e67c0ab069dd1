"""Flow logs in CloudWatch Logs: a group's events, a slice of time a file.

An event's timestamp is its record's start, one stream belongs to one interface, and NODATA and SKIPDATA are
events like all others: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html
"""

import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flowkit.loading.boto import client, sentences
from flowkit.loading.errors import SourceError
from flowkit.loading.sources import SourceFile, at_once

#: Seconds that a slice lasts, in windows of up to two days and in longer ones.
HOUR, DAY = 3600, 86400
#: The longest time that one record aggregates, and when no more events of a slice are expected.
AGGREGATION, SETTLED = 600, 3600


@dataclass(frozen=True)
class Slice(SourceFile):
    """One slice of a group's time: its place is ``cloudwatch://group#2026-11-20T12Z``, and its stamp differs with
    every reading until no more events are to come."""

    group: str = ""
    start: int = 0
    end: int = 0


def list_objects(uri: str, start: int | None, end: int | None) -> Iterator[Slice]:
    """The slices of the group `uri` that may hold records of the window: each belongs to the slice of its start.

    Raises ValueError where `uri` names no group, SourceError when there is none, nothing was ever logged to it, or AWS
    refuses.
    """
    group = uri.removeprefix("cloudwatch://")
    if not uri.startswith("cloudwatch://") or not re.fullmatch(r"[A-Za-z0-9._/#-]{1,512}", group):
        raise ValueError(f"{uri} names no log group: write cloudwatch://name-of-the-group")
    logs, now, streams = client("logs"), int(time.time()), [True]
    with sentences(uri):
        pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=group)
        found = next((each for page in pages for each in page["logGroups"] if each["logGroupName"] == group), None)
    if not found:
        raise SourceError(f"There is no such log group here: {uri}; check its name and the region.")
    with suppress(SourceError), sentences(uri):  # who may not list streams is not told that there are none
        streams = logs.describe_log_streams(logGroupName=group, limit=1)["logStreams"]
    if not streams:
        raise SourceError(f"no events in {uri}: nothing was ever logged to it")
    oldest = found["creationTime"] // 1000 - 14 * DAY  # events may be that old when they arrive
    if kept := found.get("retentionInDays"):
        oldest = max(oldest, now - kept * DAY)
    first = oldest if start is None else max(oldest, start - AGGREGATION)
    last = now if end is None else min(now, end)
    step = HOUR if last - first <= 2 * DAY else DAY
    for at in range(first - first % step, last, step):
        name = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H}Z" + ("" if step == HOUR else "+24h")
        # The ARN tells accounts and regions apart.
        stamp = found["arn"] if at + step + SETTLED <= now else f"{found['arn']} at {now}"
        yield Slice(f"{uri}#{name}", stamp, group=group, start=at, end=at + step)


def fetch(slices: Iterable[Slice], folder: Path, workers: int = 4) -> Iterator[tuple[Slice, Path | SourceError]]:
    """Each slice that has events, with a new file of them in `folder`, a line an event, or with a SourceError."""
    logs = client("logs")
    results = at_once(lambda each: (each, _written(logs, each, folder)), slices, workers)
    return (result for result in results if result[1])


def _written(logs, each: Slice, folder: Path) -> Path | SourceError | None:
    window = {"startTime": each.start * 1000, "endTime": each.end * 1000 - 1}
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=each.group, **window)
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".log", delete=False, encoding="utf-8") as file:
        path = result = Path(file.name)
        try:
            with sentences(each.place):
                for event in (event for page in pages for event in page["events"]):
                    file.write(" ".join(event["message"].splitlines()) + "\n")
            result = path if file.tell() else None
        except SourceError as error:
            result = error
    if result is not path:
        path.unlink()
    return result
