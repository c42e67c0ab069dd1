"""From JSON (CloudWatch, Firehose, Kinesis, Logs Insights, Athena) to the lines of the records inside, one at a time.

Nothing is read whole: elements of the lists that wrap events are taken one by one, however long the document.
A line comes with its own format where its values are named, else with None.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache

from flowkit.fields import FIELDS, TIMES
from flowkit.loading.grammar import NULLS, Format, header, refuse_look_alikes

Line = tuple[Format | None, str]

#: Keys whose text holds a record, and the lists that hold events.
_TEXTS = ("message", "@message", "body", "_raw", "log", "line", "kinesis", "awslogs", "result")
_LISTS = ("logEvents", "events", "Records", "results", "records", "logs", "value")
_WRAPPER = re.compile(rf'\s*\{{[^\[\]{{}}]{{0,4096}}?"(?:{"|".join(_LISTS)})"\s*:\s*\[')
_AFTER_LIST = re.compile(r'[\s\],}]*(?:"[^"\\]{0,99}"\s*:\s*)?')
_BETWEEN = re.compile(r"[\s,\]}]*")
#: An element that is longer is no event; of what is none, so much is kept.
_LARGEST, _KEPT = 4 << 20, 70_000
_decoder = json.JSONDecoder()


def lines(texts: Iterable[str], depth: int = 0) -> Iterator[Line]:
    """Yield the record lines of a stream of JSON values, one after another; what is no JSON comes out as it stands.

    Raises SourceError where the first value is a record of another kind of log.
    """
    for number, value in enumerate(_values(texts)):
        if isinstance(value, bytes):
            yield None, value.decode().replace("\r", " ")
            continue
        if number == 0 and isinstance(value, dict):
            refuse_look_alikes(value)
        yield from _lines_of(value, depth)


def of_line(line: str) -> list[Line] | None:
    """Return the record lines inside one line that may be JSON; None where it is none, or holds no text of a record."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    found = _lines_of(value)
    return None if found == [(None, _shown(value))] else found


def of_text(text: str) -> list[Line]:
    """Return the record lines of a message, mostly one; of a blank one a blank line."""
    if "\n" not in text and "\r" not in text:
        return [(None, text)]
    return [(None, part) for part in text.replace("\r", "\n").split("\n") if part.strip()] or [(None, "")]


def _values(texts: Iterable[str]) -> Iterator[object]:
    """The values of the stream; as bytes comes what could not be read."""
    pieces, buffer, at, inside, more = iter(texts), "", 0, False, True
    while True:
        if more and len(buffer) - at < _LARGEST:
            piece = next(pieces, None)
            more = piece is not None
            buffer, at = buffer[at:] + (piece or ""), 0
        after = (_AFTER_LIST if inside else _BETWEEN).match(buffer, at)
        at = after.end()
        if at >= len(buffer):
            if not more:
                return
            continue
        wrapper = None if inside else _WRAPPER.match(buffer, at)
        if (buffer[at] == "[" and not inside) or (wrapper and "CONTROL_MESSAGE" not in wrapper[0]):
            inside, at = True, wrapper.end() if wrapper else at + 1
            continue
        try:
            if not inside and buffer[at] not in '{"':  # a number is the beginning of a line of text
                raise ValueError
            value, at = _decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError):
            if more and len(buffer) - at < _LARGEST:
                continue
            stop = buffer.find("\n", at)
            stop = len(buffer) if stop < 0 else stop
            yield buffer[at : min(stop, at + _KEPT)].encode("utf-8", "replace")
            at = stop
            continue
        if ":" not in after[0]:  # else the value of one more key beside the list
            yield value


def _lines_of(value: object, depth: int = 0) -> list[Line]:
    """The record lines that one JSON value holds."""
    if isinstance(value, str):
        return of_text(value)
    if value is None:
        return []
    if depth > 6 or not isinstance(value, dict | list):
        return [(None, _shown(value))]
    if isinstance(value, list):
        if value and all(isinstance(each, dict) and "field" in each for each in value):  # get-query-results
            return _lines_of({each["field"]: each.get("value") for each in value}, depth + 1)
        return [line for each in value for line in _lines_of(each, depth + 1)]
    if isinstance(message := value.get("message"), str):
        return of_text(message)
    if value.get("messageType") == "CONTROL_MESSAGE":
        return []
    for keys, kinds in ((_LISTS, list), (_TEXTS, str | dict)):
        for key in keys:
            if isinstance(value.get(key), kinds):
                return _lines_of(value[key], depth + 1)
    if (data := _decoded(value.get("Data", value.get("data")))) is not None:
        return list(lines([data], depth + 1))
    row = {key: str(each) for key, each in value.items() if not isinstance(each, dict | list)}
    if named := _named(tuple(row)):
        line = " ".join(map(_token, named.names, row.values()))
        return [(named, line.replace("\n", " ").replace("\r", " "))]
    return [(None, _shown(value))]


@lru_cache(maxsize=1_000)
def _named(keys: tuple[str, ...]) -> Format | None:
    return header(keys, least=2)


def _token(name: str, value: str) -> str:
    """A named value as the token of a line."""
    if value in NULLS:
        return "-"
    if name in FIELDS and FIELDS[name].type != "string":
        value = value.removesuffix(".0")
        value = seconds(value) if name in TIMES else value
    return value.replace(" ", "%20")


def seconds(text: str) -> str:
    """Return the second since 1970 that a date and a time of ISO 8601 name (UTC unless they say); else the text."""
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:", text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return str(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


def _decoded(data: object) -> str | None:
    """What an envelope of Kinesis or Firehose holds: base64, gzip inside or not."""
    if not isinstance(data, str) or len(data) > _LARGEST:
        return None
    try:
        raw = base64.b64decode(data, validate=True)
        if raw[:2] == b"\x1f\x8b":
            raw = zlib.decompressobj(wbits=31).decompress(raw, 4 * _LARGEST)
        return raw.decode()
    except (ValueError, zlib.error):
        return None


def _shown(value: object) -> str:
    return json.dumps(value)[:_KEPT]
