"""The careful way: one line at a time, each one a row, a header, a blank, or malformed with its reason.

Slow and strict; it settles every file that the fast way (`stage`, `parse`) cannot prove clean.
Rules: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html; a run of blanks counts as one.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from flowkit.fields import FIELDS
from flowkit.loading import formats
from flowkit.loading.errors import SourceError
from flowkit.loading.formats import DEFAULT, Format

#: What CloudWatch puts before each line that it exports.
EXPORTED_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")

#: Larger numbers are no ports, protocols or counts. https://www.iana.org/assignments/protocol-numbers
_LIMITS = {"srcport": 65535, "dstport": 65535, "protocol": 255}
_TYPE_LIMITS = {"int32": 2**31 - 1, "int64": 2**63 - 1}
_WORDS = {"action": {"ACCEPT", "REJECT", "-"}, "log-status": {"OK", "NODATA", "SKIPDATA"}}
_ADDRESSES = {"srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"}


class Row(NamedTuple):
    """A record: its tokens, in the order of its format."""

    format: Format
    tokens: list[str]


class Malformed(NamedTuple):
    """A line that is no record, and why."""

    number: int
    text: str
    reason: str


class Skipped(NamedTuple):
    """A line that holds no record by right: `header` or `blank`."""

    what: str


class NoFormat(SourceError):
    """Nothing says which fields the lines hold."""


@lru_cache(maxsize=100_000)
def is_address(token: str) -> bool:
    """Whether `token` is an IPv4 or IPv6 address, without a zone."""
    try:
        ip_address(token)
    except ValueError:
        return False
    return "%" not in token


def _problem_of(name: str, token: str) -> str | None:
    if name in _ADDRESSES:
        return None if token == "-" or is_address(token) else f"{name}={token!r} is no address"  # noqa: S105
    if name in _WORDS:
        return None if token in _WORDS[name] else f"{name}={token!r}"
    field = FIELDS.get(name)
    if field is None or field.type == "string" or token == "-":  # noqa: S105
        return None
    if not (token.isascii() and token.isdigit()):
        return f"{name}={token!r} is no whole number"
    limit = _LIMITS.get(name, _TYPE_LIMITS[field.type])
    return f"{name}={token} is above {limit}" if len(token) > 19 or int(token) > limit else None


def problem(format: Format, tokens: list[str]) -> str | None:
    """Why `tokens` are no record of `format`, or None where they are one."""
    if len(tokens) != len(format.names):
        return f"{len(tokens)} tokens, format has {len(format.names)}"
    for name, token in zip(format.names, tokens, strict=True):
        if reason := _problem_of(name, token):
            return reason
    return None


def _split(line: str, comma: bool) -> list[str]:
    if comma:
        cells = next(csv.reader([line.strip()]), [])
        return [cell.strip() or "-" for cell in cells] if any(cell.strip() for cell in cells) else []
    tokens = [token for token in line.replace("\t", " ").split(" ") if token]
    if tokens and EXPORTED_AT.fullmatch(tokens[0]):
        del tokens[0]
    return tokens


def _is_comma_separated(line: str) -> bool:
    return line.count(",") > len(line.split())


def first_format(lines: Iterable[str], given: Format | None) -> Format:
    """The format in force before any header: the user's, else AWS's default where a line is of it.

    Raises NoFormat, naming how many tokens were seen, where neither is.
    """
    if given:
        return given
    counts: list[int] = []
    for line in lines:
        tokens = _split(line, _is_comma_separated(line))
        if not tokens:
            continue
        if formats.is_default(tokens) or formats.header(tokens):
            return DEFAULT
        counts.append(len(tokens))
    if not counts:
        return DEFAULT
    raise NoFormat(
        f"no header, and not AWS's default format (its first line has {counts[0]} tokens): "
        "say which fields the lines hold with --format"
    )


def judge(
    lines: Iterable[str], format: Format, cut: Callable[[], bool] = lambda: False
) -> Iterator[Row | Malformed | Skipped]:
    """Every line of `lines` (without their ends), judged in turn under `format` until a header changes it.

    `cut` says, once the last line is out, whether damage cut it off: then it is malformed whatever it looks like.
    """
    comma, last = None, None
    for number, line in enumerate(lines, 1):
        if last:
            yield last[0]
        if comma is None and line.strip():
            comma = _is_comma_separated(line)
        verdict = _judge_line(number, line, bool(comma), format)
        if isinstance(verdict, Format):
            format, verdict = verdict, Skipped("header")
        last = (verdict, number, line)
    if last:
        verdict, number, line = last
        yield Malformed(number, line, "cut off where the file is damaged") if cut() else verdict


def _judge_line(number: int, line: str, comma: bool, format: Format) -> Row | Malformed | Skipped | Format:
    """The line's verdict; a Format where it is a header."""
    if not line.replace("\t", " ").isprintable() or "\ufffd" in line:
        return Malformed(number, line, "control characters, or not UTF-8")
    tokens = _split(line, comma)
    if not tokens:
        return Skipped("blank")
    if named := formats.header(tokens):
        return named
    if reason := problem(format, tokens):
        return Malformed(number, line, reason)
    if comma and any(" " in token or "\t" in token for token in tokens):
        return Malformed(number, line, "a blank inside a field")
    return Row(format, tokens)
