"""From JSON (CloudWatch, Firehose, Kinesis, Logs Insights, Athena) to the lines of the records inside, one at a time.

Nothing is read whole: elements of the lists that wrap events are taken one by one, however long the document.
"""

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator

from flowkit.fields import FIELDS
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import known

#: Keys whose text holds a record, and the lists that hold events.
_TEXTS = ("message", "@message", "body", "_raw", "log", "line")
_WRAPPER = re.compile(r'\s*\{[^\[\]]{0,4096}?"(?:logEvents|events|Records|results|records|logs|value)"\s*:\s*\[')
_AFTER_LIST = re.compile(r'[\s\],}]*(?:"[^"\\]{0,99}"\s*:\s*)?')
#: An element that is longer is no event.
_LARGEST = 4 << 20
_ALIENS = (
    (("eventVersion", "eventSource"), "AWS CloudTrail records"),
    (("query_name",), "Route 53 Resolver query logs"),
    (("jsonPayload", "logName"), "Google Cloud log records"),
    (("operationName", "category"), "Azure log records"),
    (("webaclId", "httpRequest"), "AWS WAF logs"),
    (("class_uid", "category_uid"), "Amazon Security Lake (OCSF) records"),
)
_decoder = json.JSONDecoder()


def lines(texts: Iterable[str]) -> Iterator[str]:
    """Return the record lines of a stream of JSON values, one after another; what is no JSON comes out as it stands.

    Raises SourceError where the first value is a record of another kind of log.
    """
    first = True
    for value in _values(texts):
        if isinstance(value, str) and value.startswith("\0"):
            yield value[1:]
            continue
        if first and (other := _alien(value)):
            raise SourceError(f"these are {other}, not VPC flow logs")
        first = False
        yield from _lines_of(value)


def of_line(line: str) -> list[str] | None:
    """Return the record lines inside one line that may be JSON; None where it is none, or holds no text of a record."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    found = list(_lines_of(value))
    return None if found == [_shown(value)] else found


def _values(texts: Iterable[str]) -> Iterator[object]:
    """The values of the stream; a text that begins with NUL is what could not be read."""
    pieces, buffer, at, inside, more = iter(texts), "", 0, False, True
    while True:
        if more and len(buffer) - at < _LARGEST:
            piece = next(pieces, None)
            more = piece is not None
            buffer, at = buffer[at:] + (piece or ""), 0
        after = _AFTER_LIST.match(buffer, at) if inside else None
        at = after.end() if after else _skipped(buffer, at)
        if at >= len(buffer):
            if not more:
                return
            continue
        if buffer[at] == "[":
            inside, at = True, at + 1
            continue
        wrapper = None if inside else _WRAPPER.match(buffer, at)
        if wrapper and "CONTROL_MESSAGE" not in wrapper[0]:
            inside, at = True, wrapper.end()
            continue
        try:
            value, at = _decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError):
            if more and len(buffer) - at < _LARGEST:
                continue
            stop = buffer.find("\n", at)
            stop = len(buffer) if stop < 0 else stop
            yield "\0" + buffer[at : min(stop, at + 70_000)]
            at = stop
            continue
        if not (after and ":" in after[0]):  # else the value of one more key beside the list
            yield value


def _skipped(buffer: str, at: int) -> int:
    while at < len(buffer) and buffer[at] in " \t\r\n,]}":
        at += 1
    return at


def _alien(value: object) -> str | None:
    keys = value.keys() if isinstance(value, dict) else ()
    return next((what for names, what in _ALIENS if all(name in keys for name in names)), None)


def _lines_of(value: object, depth: int = 0) -> Iterator[str]:
    """The record lines that one JSON value holds."""
    if depth > 6:
        yield _shown(value)
    elif isinstance(value, str):
        yield from (part for part in value.splitlines() if part.strip()) if value.strip() else [""]
    elif isinstance(value, list) and value and all(isinstance(each, dict) and "field" in each for each in value):
        yield from _lines_of({each["field"]: each.get("value") for each in value}, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _lines_of(each, depth + 1)
    elif isinstance(value, dict):
        yield from _lines_of_event(value, depth)
    elif value is not None:
        yield _shown(value)


def _lines_of_event(event: dict, depth: int) -> Iterator[str]:
    if event.get("messageType") == "CONTROL_MESSAGE":
        return
    for key in ("logEvents", "events", "Records", "results", "records"):
        if isinstance(event.get(key), list):
            yield from _lines_of(event[key], depth + 1)
            return
    text = next((event[key] for key in _TEXTS if isinstance(event.get(key), str | dict)), None)
    if text is not None:
        yield from _lines_of(text, depth + 1)
    elif (data := _decoded(event.get("Data", event.get("data")))) is not None:
        yield from lines([data])
    elif sum(known(key) in FIELDS for key in event) >= max(2, len(event) / 2):
        yield "\1" + json.dumps({key: value for key, value in event.items() if not isinstance(value, dict | list)})
    else:
        yield _shown(event)


def _decoded(data: object) -> str | None:
    """What an envelope of Kinesis or Firehose holds: base64, gzip inside or not."""
    if not isinstance(data, str) or len(data) > _LARGEST:
        return None
    try:
        raw = base64.b64decode(data, validate=True)
        if raw[:2] == b"\x1f\x8b":
            raw = zlib.decompressobj(wbits=31).decompress(raw, 4 * _LARGEST)
        return raw.decode()
    except (binascii.Error, ValueError, zlib.error, gzip.BadGzipFile):
        return None


def _shown(value: object) -> str:
    return json.dumps(value)[:70_000]
