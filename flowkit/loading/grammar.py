"""From a header, a user's words or a line to a format, and from a format to the one pattern that judges its lines.

The pattern is made of the entries in `flowkit.fields` alone. It is a little stricter than AWS's rules (no runs of
blanks, no leading zeros in ten digits …): what does not match is no record yet, but a line for `strict`.
"""

import re
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

#: Names that tell other AWS logs from flow logs, and what those logs are.
LOOK_ALIKES = {
    "accelerator-id": "AWS Global Accelerator flow logs",
    "class-uid": "Amazon Security Lake (OCSF) records",
    "eventversion": "AWS CloudTrail records",
    "target-processing-time": "Elastic Load Balancing access logs",
    "query-timestamp": "Route 53 Resolver query logs",
    "x-edge-location": "CloudFront access logs",
    "category": "Azure log records",
}


#: Columns that flowkit adds to a table of records.
RESERVED = ("file_id", "duplicate")


class Format(NamedTuple):
    """The fields of a line, in order, by AWS's names; unknown names as the log spells them."""

    names: tuple[str, ...]

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
        return f"^{' '.join(map(token_pattern, self.names))}$"


DEFAULT = Format(DEFAULT_FORMAT)


def token_pattern(name: str) -> str:
    """Return the regular expression of one field's token, as `flowkit.fields` has it; `-` is null."""
    field = FIELDS.get(name)
    if field is None:
        return TEXT
    if field.words:
        return f"(?:{'|'.join(field.words)}{'' if name == 'log-status' else '|-'})"
    if field.pattern:
        return f"(?:{field.pattern}|-)"
    return TEXT if field.type == "string" else f"(?:{_numbers_up_to(field.largest)}|-)"


def _numbers_up_to(limit: int) -> str:
    """Digits that are at most `limit`; of long limits all but the last digit, so that the pattern stays small."""
    digits = str(limit)
    if len(digits) > 6:
        return f"[0-9]{{1,{len(digits) - 1}}}"
    options = [f"[0-9]{{1,{len(digits) - 1}}}"] if len(digits) > 1 else []
    for at, digit in enumerate(digits):
        if digit > ("1" if at == 0 else "0"):
            first = "1" if at == 0 else "0"
            options.append(f"{digits[:at]}[{first}-{int(digit) - 1}][0-9]{{{len(digits) - at - 1}}}")
    return "|".join([*options, digits])


def known(token: str) -> str | None:
    """Return AWS's name of the field that `token` names, in hyphens, underscores or camel case; None if unknown."""
    return _BY_LETTERS.get(token.strip("`\"'${}").replace("-", "").replace("_", "").lower())


def is_name(token: str) -> bool:
    """Return whether a field newer than flowkit may have this name."""
    return bool(_NAME.fullmatch(token))


def header(tokens: list[str]) -> Format | None:
    """Return the format that a line names, or None where the line is no header.

    A header is a line of names of which at least half (and one) are AWS's; the rest are fields newer than flowkit.
    Raises SourceError where it is the header of another kind of log.
    """
    tokens = [token.strip("`\"'${}@") for token in tokens]
    if not tokens or not all(_NAME.fullmatch(token) for token in tokens):
        return None
    names = [known(token) or token.lower().replace("_", "-") for token in tokens]
    for name in names:
        if (other := LOOK_ALIKES.get(name)) and len(names) > 1:
            raise SourceError(f"these are {other}, not VPC flow logs")
    recognised = sum(name in FIELDS for name in names)
    if not recognised or recognised * 2 < len(names) or len(set(names)) < len(names):
        return None
    return Format(tuple(names))


def given(text: str | None, newer: bool = False) -> Format | None:
    """Return the format that a user writes: names, or AWS's `${version} ${account-id} …`; None for None.

    Raises ValueError naming what is no field, with the nearest name there is; `newer` takes any name.
    """
    if not text or not text.strip():
        return None
    tokens = re.sub(r"[${},;]", " ", text).split()
    for token in tokens:
        if not known(token) and not (newer and _NAME.fullmatch(token)):
            raise ValueError(f"{token!r} is no field of a flow log{_nearest(token)}: see flowkit.fields")
    names = tuple(known(token) or token.replace("_", "-") for token in tokens)
    if len(set(names)) < len(names) or not names:
        raise ValueError("the format names a field twice" if names else "the format names no field")
    return Format(names)


def _nearest(token: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(token.replace("_", "-").lower(), FIELDS, 1)
    return f" (did you mean {close[0]}?)" if close else ""


def is_default(tokens: list[str]) -> bool:
    """Return whether a line without a header is of AWS's default format: by its content, not by its length alone."""
    return (
        len(tokens) == len(DEFAULT_FORMAT)
        and tokens[0] == "2"
        and tokens[12] in ("ACCEPT", "REJECT", "-")
        and tokens[13] in ("OK", "NODATA", "SKIPDATA")
    )
