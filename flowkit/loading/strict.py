"""From one line that the pattern did not match to what it is: rows, a header, a blank, or why it is malformed.

The one reader in Python, slow and strict. It knows runs of blanks, other separators, JSON with records inside, what
CloudWatch puts before and behind a record, and the exact limits of every field.
Rules: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html.
"""

import csv
import re
import socket
from functools import lru_cache
from typing import NamedTuple

from flowkit.fields import ADDRESSES, FIELDS
from flowkit.loading import messages
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import Format, header, is_default, token_pattern

#: A longer line is no record; of a malformed line so many characters are kept.
LONGEST, KEPT = 65_536, 1_024

#: What stands for null in exports.
_NULLS = {"", "-", "\\N", "null", "NULL", "None", "nan", "NaN"}
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*|EVENTS")


class Verdict(NamedTuple):
    """What a line is: `row` (its tokens), `header` (its format), `blank`, or `malformed` (the reason)."""

    kind: str
    tokens: tuple[str, ...] = ()
    format: Format | None = None
    reason: str = ""


BLANK = Verdict("blank")


@lru_cache(maxsize=200_000)
def canonical(token: str) -> str | None:
    """Return the address `token` in the one spelling of RFC 5952, None where it is no address (zones are none)."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, token))
        except (OSError, ValueError, UnicodeError):
            continue
    return None


def judge(line: str, format: Format, delimiter: str = " ") -> list[Verdict]:
    """Return what `line` is under `format`: one verdict, or several where it is JSON that holds several records."""
    if len(line) > LONGEST:
        return [_malformed(f"longer than {LONGEST:,} characters")]
    if not line.strip(" \t\r,;"):
        return [BLANK]
    if line.lstrip()[:1] in ("{", "[") and (inner := messages.of_line(line)) is not None:
        return [verdict for each in inner for verdict in judge(each, format)]
    if not line.replace("\t", " ").isprintable() or "\ufffd" in line:
        return [_malformed("control characters, or not UTF-8")]
    tokens = split(line, delimiter)
    if named := header_inside(tokens):
        return [Verdict("header", format=named)]
    tokens = _peeled(tokens, format)
    if len(tokens) != len(format.names):
        return [_malformed(f"{len(tokens)} tokens, format has {len(format.names)}")]
    row, reason = _row(tokens, format, exported=delimiter != " ")
    return [_malformed(reason) if reason else Verdict("row", tokens=row)]


def split(line: str, delimiter: str) -> list[str]:
    """Return the tokens of a line: blanks in any number, or the cells of a table with `-` for empty ones."""
    if delimiter == " ":
        return line.replace("\t", " ").replace('"', "").split()
    cells = next(csv.reader([line.strip("\r")], delimiter=delimiter, skipinitialspace=True), [])
    return ["-" if cell.strip() in _NULLS else cell.strip() for cell in cells]


def header_inside(tokens: list[str]) -> Format | None:
    """Return the format that a line in the middle of a file names: a header there has at least three known fields."""
    try:
        named = header(tokens)
    except SourceError:  # the header of another kind of log, among flow logs
        return None
    return named if named and len(named.names) - len(named.unknown) >= 3 else None


def _peeled(tokens: list[str], format: Format) -> list[str]:
    """The record among what CloudWatch's exports put around it: a time, a stream's name, labels."""
    extra = len(tokens) - len(format.names)
    if not 0 < extra <= 5 or not _TIMESTAMP.fullmatch(tokens[0]):
        return tokens
    for first in range(extra, 0, -1):
        inner = tokens[first : first + len(format.names)]
        if not _row(inner, format)[1]:
            return inner
    return tokens[extra:] if extra == 1 else tokens


def default_inside(line: str, delimiter: str = " ") -> bool:
    """Return whether a line holds a record of AWS's default format, whatever CloudWatch put around it."""
    tokens = split(line, delimiter)
    return any(is_default(tokens[at : at + 14]) for at in range(max(1, len(tokens) - 13)) if at < 6)


def _row(tokens: list[str], format: Format, exported: bool = False) -> tuple[tuple[str, ...], str]:
    """The tokens as the pattern wants them, and why they are no record ('' where they are one)."""
    row = []
    for name, token in zip(format.names, tokens, strict=True):
        if exported and name in FIELDS and FIELDS[name].type != "string":
            token = re.sub(r"^(\d+)\.0$", r"\1", token)  # what pandas makes of whole numbers beside nulls
        if " " in token:
            if name in FIELDS and (FIELDS[name].pattern or FIELDS[name].type != "string"):
                return (), f"a blank inside {name}"
            token = token.replace(" ", "%20")  # noqa: PLW2901 - as AWS writes tags
        if token == "-" and name != "log-status":  # noqa: S105 - not a password
            row.append(token)
        elif reason := _problem(name, token):
            return (), reason
        else:
            row.append(canonical(token) if name in ADDRESSES else token)
    return tuple(row), ""


def _problem(name: str, token: str) -> str:
    field = FIELDS.get(name)
    if name in ADDRESSES:
        return "" if canonical(token) else f"{name}={token[:80]!r} is no address"
    if field is None or (field.type == "string" and not field.words and not field.pattern):
        return ""
    if field.type == "string":
        fits = re.fullmatch(token_pattern(name), token)
        return "" if fits else f"{name}={token[:80]!r}"
    if not (token.isascii() and token.isdigit()):
        return f"{name}={token[:80]!r} is no whole number"
    largest = field.largest
    return f"{name}={token[:40]} is above {largest}" if len(token) > 40 or int(token) > largest else ""


def _malformed(reason: str) -> Verdict:
    return Verdict("malformed", reason=reason)
