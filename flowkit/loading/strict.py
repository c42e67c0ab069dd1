"""From one line that the pattern did not match, or from JSON, to records: the one reader in Python, slow and strict.

It knows runs of blanks, other separators, what CloudWatch puts around a record, the exact limits of every field, and
JSON of CloudWatch, Firehose, Kinesis, Logs Insights and Athena, of which nothing is read whole: elements of the lists
that wrap events are taken one by one. Rules: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

import base64
import csv
import json
import re
import socket
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache

from flowkit.fields import ACCOUNTS, ADDRESSES, FIELDS, TIMES
from flowkit.loading.grammar import NULLS, STAMP, Format, header, known, refuse_look_alikes, token_pattern

#: A line and the format that it brings along; None where it has that of its file.
Line = tuple[Format | None, str]

#: A longer line is no record; of a malformed line so many characters are kept.
LONGEST, KEPT = 65_536, 1_024
#: What the AWS CLI's text output has around the events.
_NO_EVENT = re.compile(r"(?:SEARCHEDLOGSTREAMS|NEXTTOKEN)[ \t]|[bf]/\d+/\S*\s+[bf]/\d+/\S*\s*$")
#: Keys whose text holds a record, and the lists that hold events.
_TEXTS = ("message", "@message", "body", "_raw", "log", "line", "kinesis", "awslogs", "result")
_LISTS = ("logEvents", "events", "Records", "results", "records", "logs", "value")
_WRAPPER = re.compile(rf'\s*\{{[^\[\]{{}}]{{0,4096}}?"(?:{"|".join(_LISTS)})"\s*:\s*\[')
_AFTER_LIST = re.compile(r'[\s\],}]*(?:"[^"\\]{0,99}"\s*:\s*)?')
_BETWEEN = re.compile(r"[\s,\]}\ufeff]*")
#: How a line begins that is JSON, or meant to be.
_JSON = re.compile(r'\s*(?:\{\s*["}]|\[\s*[\[{"])')
#: An element that is longer is no event; of what is none, so much is kept.
_LARGEST, _SHOWN = 4 << 20, 70_000
#: So many times JSON may be inside the text of JSON.
_DEEPEST = 3


def judge(line: str, format: Format, depth: int = 0) -> list[Line]:
    """Return what `line` is under `format`, several things where it is JSON that holds several records.

    A record is its tokens with a plain format, a blank is without both, and all else the reason why it is malformed.
    """
    if len(line) > LONGEST:
        return [(None, f"longer than {LONGEST:,} characters")]
    if not line.strip(" \t\r,;|") or _NO_EVENT.match(line):
        return [(None, "")]
    if _JSON.match(line):
        if depth == _DEEPEST:
            return [(None, "JSON that is no record, or has an object or a list for a field")]
        inner = lines([line], depth + 1)
        return [verdict for named, each in inner for verdict in judge(each, named or Format(format.names), depth + 1)]
    if not line.replace("\t", " ").isprintable() or "\ufffd" in line:
        return [(None, "control characters, or not UTF-8")]
    table, names = format.separator != " ", format.names
    if table and line.count('"') % 2:
        return [(None, "a quote that is not closed")]
    tokens = split(line, format.separator)
    while table and len(tokens) > len(names) and tokens[-1] == "-":
        tokens.pop()  # a separator at the end, as spreadsheets write it
    before = place(tokens, format, fits)
    if before is None and len(tokens) == format.before + len(names) + format.behind:
        before = format.before
    tokens = tokens if before is None else tokens[before : before + len(names)]
    if len(tokens) != len(names):
        return [(None, f"{len(tokens)} tokens, format has {len(names)}")]
    if table:
        tokens = list(map(_plain, names, tokens))
    if reason := next(filter(None, map(_problem, names, tokens)), None):
        return [(None, reason)]
    row = (canonical(token) or token if name in ADDRESSES else token for name, token in zip(names, tokens, strict=True))
    return [(Format(names), " ".join(map(_one_token, row)))]


def split(line: str, separator: str) -> list[str]:
    """Return the tokens of a line: blanks in any number, or the cells of a table with `-` for empty ones."""
    if separator == " ":
        return line.replace('"', "").split()
    line = line.strip("\r\n").replace("\r", " ").replace("\n", " ")  # alone inside a line they are an error to csv
    cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return ["-" if (text := cell.strip()) in NULLS else text for cell in cells]


def place(tokens: list[str], format: Format, fits: Callable[[list[str], Format], bool]) -> int | None:
    """Return how many tokens stand before a record that `fits`, such as a time and a stream's name; None without one."""
    extra, many = len(tokens) - len(format.names), len(format.names)
    stamped = 0 < extra <= 5 and re.fullmatch(STAMP, tokens[0])
    places = range(extra, 0, -1) if stamped else range(1 if extra == 0 else 0)
    return next((at for at in places if fits(tokens[at : at + many], format)), None)


def fits(tokens: list[str], format: Format) -> bool:
    """Return whether these tokens, as many as the format has, are a record of it."""
    return not any(map(_problem, format.names, tokens))


@lru_cache(maxsize=200_000)
def canonical(token: str) -> str | None:
    """Return the address `token` in the one spelling of RFC 5952, None where it is no address (zones are none)."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, ValueError):
            return socket.inet_ntop(family, socket.inet_pton(family, token))
    return None


def _problem(name: str, token: str) -> str:
    """Why this token is none of the field `name`; '' where it is one."""
    field = FIELDS.get(name)
    if field is None or (token == "-" and name != "log-status"):  # noqa: S105 - not a password
        return ""
    free = field.type == "string" and not field.words and not field.pattern
    if " " in token and not free:
        return f"a blank inside {name}"
    if name in ADDRESSES:
        return "" if canonical(token) else f"{name}={token[:80]!r} is no address"
    if field.type == "string":
        return "" if free or re.fullmatch(token_pattern(name), token) else f"{name}={token[:80]!r}"
    if not (token.isascii() and token.isdigit()):
        return f"{name}={token[:80]!r} is no whole number"
    return f"{name}={token[:40]} is above {field.largest}" if len(token) > 40 or int(token) > field.largest else ""


def _plain(name: str, text: str) -> str:
    """A cell as a token: null as `-`, a number without pandas' `.0`, a time of ISO 8601 (UTC unless it says) as seconds."""
    token = text.strip(" \t\r\n")
    if token in NULLS:
        return "-"
    if name in FIELDS and (FIELDS[name].type != "string" or name in ACCOUNTS):
        token = re.sub(r"^(\d+)\.0+$", r"\1", token)
    if name in TIMES and re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:", token):
        with suppress(ValueError):
            moment = datetime.fromisoformat(token.removesuffix(" UTC"))
            return str(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
    return token


def _one_token(text: str) -> str:
    """A cell without blanks, line ends and quotes, as AWS writes tags."""
    return re.sub(r'[ \t\r\n"]', lambda found: f"%{ord(found[0]):02X}", text)


def lines(texts: Iterable[str], depth: int = 0) -> Iterator[Line]:
    """Yield the record lines of a stream of JSON values, one after another; what is no JSON comes out as it stands.

    Raises SourceError where the first value is a record of another kind of log.
    """
    for number, value in enumerate(_values(texts)):
        if isinstance(value, bytes):
            yield None, value.decode().replace("\r", " ")
            continue
        if number == depth == 0 and isinstance(value, dict):
            refuse_look_alikes(value)
        yield from _lines_of(value, depth)


def of_text(text: str) -> list[Line]:
    """Return the record lines of a message, mostly one; of a blank one a blank line."""
    if "\n" not in text and "\r" not in text:
        return [(None, text)]
    return [(None, part) for part in text.replace("\r", "\n").split("\n") if part.strip()] or [(None, "")]


def _values(texts: Iterable[str]) -> Iterator[object]:
    """The values of the stream; as bytes comes what could not be read."""
    pieces, buffer, at, inside, more, decoder = iter(texts), "", 0, False, True, json.JSONDecoder()
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
            value, at = decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError):
            if more and len(buffer) - at < _LARGEST:
                continue
            stop = buffer.find("\n", at)
            stop = len(buffer) if stop < 0 else stop
            yield buffer[at : min(stop, at + _SHOWN)].encode("utf-8", "replace")
            at = stop
            continue
        if ":" not in after[0]:  # else the value of one more key beside the list
            yield value


_header = lru_cache(maxsize=1_000)(header)


def _lines_of(value: object, depth: int = 0) -> list[Line]:
    """The record lines that one JSON value holds."""
    if isinstance(value, str):
        return of_text(value)
    if value is None:
        return []
    if depth > 6 or not isinstance(value, dict | list):
        return [(None, json.dumps(value)[:_SHOWN])]
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
    data = value.get("Data", value.get("data"))
    if isinstance(data, str) and len(data) <= _LARGEST:  # of Kinesis or Firehose: base64, gzip inside or not
        with suppress(ValueError, zlib.error):
            raw = base64.b64decode(data, validate=True)
            if raw[:2] == b"\x1f\x8b":
                raw = zlib.decompressobj(wbits=31).decompress(raw, 4 * _LARGEST)
            return list(lines([raw.decode()], depth + 1))
    row = {key: each for key, each in value.items() if not isinstance(each, dict | list) or known(key)}
    named = _header(tuple(row), least=2)
    if not named or any(isinstance(each, dict | list) for each in row.values()):
        return [(None, json.dumps(value)[:_SHOWN])]
    return [
        (named, " ".join(_one_token(_plain(*pair)) for pair in zip(named.names, map(str, row.values()), strict=True)))
    ]
