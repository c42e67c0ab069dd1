"""From a header, a user's words or a line to a format, and from a format to the one pattern that judges its lines.

The pattern is made of the entries in `flowkit.fields` alone. It is a little stricter than AWS's rules (no runs of
blanks, no leading zeros in ten digits …): what does not match is no record yet, but a line for `strict`.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from flowkit.fields import DEFAULT_FORMAT, FIELDS, TEXT, TGW_FIELDS
from flowkit.loading.errors import SourceError

_BY_LETTERS = {name.replace("-", ""): name for name in FIELDS}
#: Names that other tools and older tables give the fields.
_BY_LETTERS |= {
    "account": "account-id", "sourceaddress": "srcaddr", "destinationaddress": "dstaddr", "sourceport": "srcport",
    "destinationport": "dstport", "numpackets": "packets", "numbytes": "bytes", "starttime": "start", "endtime": "end",
    "srcip": "srcaddr", "dstip": "dstaddr",
}  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*", re.IGNORECASE)
_TGW_ONLY = {field.name for field in TGW_FIELDS}

#: Names (letters alone) that no flow log has, and the logs that they tell.
_LOOK_ALIKES = {
    "acceleratorid": "AWS Global Accelerator flow logs",
    "clientvpnendpointid": "AWS Client VPN connection logs",
    "configurationitems": "AWS Config snapshots",
    "digeststarttime": "AWS CloudTrail digests",
    "classuid": "Amazon Security Lake (OCSF) records",
    "eventversion": "AWS CloudTrail records",
    "firewallname": "AWS Network Firewall logs",
    "flowrecords": "Azure flow log records",
    "jsonpayload": "Google Cloud log records",
    "operationname": "Azure log records",
    "queryname": "Route 53 Resolver query logs",
    "schemaversion": "Amazon GuardDuty findings",
    "servicenetworkarn": "VPC Lattice access logs",
    "targetprocessingtime": "Elastic Load Balancing access logs",
    "webaclid": "AWS WAF logs",
    "xedgelocation": "CloudFront access logs",
}
#: How lines of other logs without names begin.
_LOOK_ALIKE_LINES = {
    r"(?:https?|h2|grpcs?|wss?|tls) (?:\d\.\d )?\d{4}-\S+ |\d{4}-\S+Z \S+ [\d.]+:\d+ ": "Elastic Load Balancing access logs",
    r"#Version: 1.0|\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d\t[A-Z]{3}\d+": "CloudFront access logs",
    r"[0-9a-f]{64} \S+ \[\d\d/": "S3 server access logs",
    r"1\.\d \d{4}-\S+Z Z\w+ \S+ [A-Z]+ ": "Route 53 query logs",
    r"\S+ \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}:": "access logs of a web server",
    r"(?:<\d+>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ ": "lines of syslog",
}
#: What stands for null in tables that other tools write.
NULLS = ("", "-", "\\N", "null", "NULL", "None", "nan", "NaN", "NA", "<NA>")
#: What CloudWatch's exports and commands put first on a line.
STAMP = r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[!-~]*|EVENTS)"
#: Columns that flowkit adds to a table of records.
RESERVED = ("file_id", "duplicate")


class Format(NamedTuple):
    """The fields of a line, in order, by AWS's names (unknown names as the log spells them), and what is around them.

    `separator` stands between the cells, which are all `quoted` or none; `before` and `behind` are counts of tokens
    that belong to no record, the first of them a time.
    """

    names: tuple[str, ...]
    separator: str = " "
    quoted: bool = False
    before: int = 0
    behind: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of each field; an unknown one that is named as a column of ours has a `_` more."""
        names = (name.replace("-", "_") for name in self.names)
        return tuple(f"{name}_" if name in RESERVED else name for name in names)

    @property
    def kind(self) -> str:
        """`vpc`, or `transit-gateway` where any field belongs to a transit gateway's log alone."""
        return "transit-gateway" if _TGW_ONLY.intersection(self.names) else "vpc"

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names that AWS's documents do not have."""
        return tuple(name for name in self.names if name not in FIELDS)

    @property
    def pattern(self) -> str:
        """The regular expression that a whole line of this format matches."""
        tokens, between = list(map(token_pattern, self.names)), f"[{self.separator}]"
        if self.separator != " ":
            empty = "".join(f"|{re.escape(null)}" for null in NULLS)
            pairs = zip(self.names, tokens, strict=True)
            tokens = [f"(?:{token}{'' if name == 'log-status' else empty})" for name, token in pairs]
        if self.quoted:
            return '^"' + f'"{between}"'.join(tokens) + '"$'
        if self.separator != " ":
            tokens = [token.replace("~]", f"~&&[^{self.separator}]]") for token in tokens]
        first = f"{STAMP} (?:[!-~]+ ){{{self.before - 1}}}" if self.before else ""
        return f"^{first}{between.join(tokens)}(?: [!-~]+){{{self.behind}}}$"


DEFAULT = Format(DEFAULT_FORMAT)


def token_pattern(name: str) -> str:
    """Return the regular expression of one field's token, as `flowkit.fields` has it; `-` is null."""
    field = FIELDS.get(name)
    if field and (pattern := "|".join(field.words) or field.pattern):
        return f"(?:{pattern}{'' if name == 'log-status' else '|-'})"
    if field is None or field.type == "string":
        return TEXT
    return f"(?:[0-9]{{1,{len(str(field.largest)) - 1}}}|-)"


def known(token: str) -> str | None:
    """Return AWS's name of the field that `token` names, in hyphens, underscores or camel case; None if unknown."""
    return _BY_LETTERS.get(_letters(token))


def named(token: str) -> str | None:
    """Return AWS's name of the field that `token` names, or that of a field newer than flowkit; None if it is none."""
    token = token.strip("`\"'${}@")
    return known(token) or (token.lower().replace("_", "-") if _NAME.fullmatch(token) else None)


@lru_cache(maxsize=1000)
def _letters(token: str) -> str:
    return token.strip("`\"'${}@").replace("-", "").replace("_", "").lower()


def refuse_look_alikes(names: Iterable[str], line: str = "") -> None:
    """Raise SourceError where one of several names is that of another kind of log, or a line without names is one's."""
    named = [_LOOK_ALIKES.get(_letters(name)) for name in names]
    if len(named) > 1 and (other := next(filter(None, named), None)):
        raise SourceError(f"these are {other}, not VPC flow logs")
    if other := next((what for beginning, what in _LOOK_ALIKE_LINES.items() if re.match(beginning, line)), None):
        raise SourceError(f"these look like {other}, not VPC flow logs")


def twice(names: Iterable[str | None]) -> str | None:
    """Return the first name that comes more than once; None where each comes once, or not all are names."""
    names = list(names)
    return None if None in names else next((name for name in names if names.count(name) > 1), None)


def header(tokens: Iterable[str], least: int = 1) -> Format | None:
    """Return the format that a line names, or None where the line is no header.

    A header is a line of names of which at least half, and so many as are the `least`, are AWS's; the rest are fields
    newer than flowkit, or columns under no name, such as pandas' index and what a comma at the end makes.
    """
    names = tuple(
        f"column-{at}" if token == "-" or token.startswith("Unnamed") else named(token)  # noqa: S105
        for at, token in enumerate(tokens, 1)
    )
    recognised = sum(name in FIELDS for name in names)
    if None in names or recognised < least or recognised * 2 < len(names) or len(set(names)) < len(names):
        return None
    return Format(names)


def given(text: str | None) -> Format | None:
    """Return the format that a user writes: names, or AWS's `${version} ${account-id} …`; None for None.

    Raises ValueError naming what is no field, with the nearest name there is.
    """
    if not text or not text.strip():
        return None
    tokens = re.sub(r"[,;]", " ", re.sub(r"\$*\{([^${}]*)\}", r" \1 ", text)).split()
    for token in tokens:
        if set(token) & set("${}"):
            raise ValueError(f"{token!r} is no field of a format: a field is written name or ${{name}}")
        if not known(token):
            close = get_close_matches(token.replace("_", "-").lower(), FIELDS, 1)
            nearest = f" (did you mean {close[0]}?)" if close else ""
            raise ValueError(f"{token!r} is no field of a flow log{nearest}: docs/fields.md lists them")
    names = tuple(map(known, tokens))
    if again := twice(names):
        raise ValueError(f"the format names {again} twice")
    if not names:
        raise ValueError("the format names no field")
    return Format(names)
