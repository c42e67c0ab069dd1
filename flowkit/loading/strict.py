"""From one line that the pattern did not match to what it is: rows, a blank, or why it is malformed.

The one reader in Python, slow and strict. It knows runs of blanks, other separators, JSON with records inside, what
CloudWatch puts before and behind a record, and the exact limits of every field.
Rules: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html.
"""

import csv
import re
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from flowkit.fields import ADDRESSES, FIELDS, TIMES
from flowkit.loading import messages
from flowkit.loading.grammar import NULLS, STAMP, Format, token_pattern

#: A longer line is no record; of a malformed line so many characters are kept.
LONGEST, KEPT = 65_536, 1_024
#: What the AWS CLI's text output has around the events.
_NO_EVENT = re.compile(r"(?:SEARCHEDLOGSTREAMS|NEXTTOKEN)[ \t]|[bf]/\d+/\S*\s+[bf]/\d+/\S*\s*$")


class Verdict(NamedTuple):
    """What a line is: `row` (its tokens, of a plain format), `blank`, or `malformed` (the reason)."""

    kind: str
    text: str = ""
    format: Format | None = None


@lru_cache(maxsize=200_000)
def canonical(token: str) -> str | None:
    """Return the address `token` in the one spelling of RFC 5952, None where it is no address (zones are none)."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, token))
        except (OSError, ValueError):
            continue
    return None


def judge(line: str, format: Format) -> list[Verdict]:
    """Return what `line` is under `format`: one verdict, or several where it is JSON that holds several records."""
    if len(line) > LONGEST:
        return [Verdict("malformed", f"longer than {LONGEST:,} characters")]
    if not line.strip(" \t\r,;") or _NO_EVENT.match(line):
        return [Verdict("blank")]
    if line.lstrip()[:1] in ("{", "[") and (inner := messages.of_line(line)) is not None:
        return [verdict for named, each in inner for verdict in judge(each, named or Format(format.names))]
    if not line.replace("\t", " ").isprintable() or "\ufffd" in line:
        return [Verdict("malformed", "control characters, or not UTF-8")]
    if format.separator != " " and line.count('"') % 2:
        return [Verdict("malformed", "a quote that is not closed")]
    tokens, names = split(line, format.separator), format.names
    while format.separator != " " and len(tokens) > len(names) and tokens[-1] == "-":
        tokens.pop()  # a separator at the end, as spreadsheets write it
    before = place(tokens, format, fits)
    if before is None and len(tokens) == format.before + len(names) + format.behind:
        before = format.before
    tokens = tokens if before is None else tokens[before : before + len(names)]
    if len(tokens) != len(names):
        return [Verdict("malformed", f"{len(tokens)} tokens, format has {len(names)}")]
    row, reason = [], ""
    for name, token in zip(names, tokens, strict=True):
        known = FIELDS.get(name)
        if known and known.type != "string" and format.separator != " ":
            token = re.sub(r"^(\d+)\.0$", r"\1", token)  # what pandas makes of whole numbers beside nulls
            token = messages.seconds(token) if name in TIMES else token
        reason = reason or _problem(name, token)
        row.append(canonical(token) or token if name in ADDRESSES else token.replace(" ", "%20"))  # as AWS writes tags
    return [Verdict("malformed", reason) if reason else Verdict("row", " ".join(row), Format(names))]


def split(line: str, separator: str) -> list[str]:
    """Return the tokens of a line: blanks in any number, or the cells of a table with `-` for empty ones."""
    if separator == " ":
        return line.replace('"', "").split()
    line = line.strip("\r\n").replace("\r", " ").replace("\n", " ")  # alone inside a line they are an error to csv
    cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return ["-" if cell.strip() in NULLS else cell.strip() for cell in cells]


def place(tokens: list[str], format: Format, fits: Callable[[list[str], Format], bool]) -> int | None:
    """Return how many tokens stand before a record that `fits`, such as a time and a stream's name; None without one."""
    extra, many = len(tokens) - len(format.names), len(format.names)
    stamped = 0 < extra <= 5 and re.fullmatch(STAMP, tokens[0])
    places = range(extra, 0, -1) if stamped else range(1 if extra == 0 else 0)
    return next((at for at in places if fits(tokens[at : at + many], format)), None)


def fits(tokens: list[str], format: Format) -> bool:
    """Return whether these tokens, as many as the format has, are a record of it."""
    return not any(map(_problem, format.names, tokens))


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
