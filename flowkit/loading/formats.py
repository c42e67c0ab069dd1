"""Formats: which fields a log's lines hold, from a header, from the user, or AWS's default."""

import re
from typing import NamedTuple

from flowkit.fields import DEFAULT_FORMAT, FIELDS, TGW_FIELDS
from flowkit.loading.errors import SourceError

_BY_LETTERS = {name.replace("-", ""): name for name in FIELDS}
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*", re.IGNORECASE)
_TGW_ONLY = {field.name for field in TGW_FIELDS}
_ADDRESSES = ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr")

#: Names that tell other AWS logs from flow logs, and what those logs are.
LOOK_ALIKES = {
    "accelerator-id": "AWS Global Accelerator flow logs",
    "class-uid": "Amazon Security Lake (OCSF) records",
    "eventversion": "AWS CloudTrail records",
}


class Format(NamedTuple):
    """The fields of a line, in order, by AWS's names; unknown names as the log spells them."""

    names: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of each field."""
        return tuple(name.replace("-", "_") for name in self.names)

    @property
    def kind(self) -> str:
        """`vpc`, or `transit-gateway` where any field belongs to a transit gateway's log alone."""
        return "transit-gateway" if _TGW_ONLY.intersection(self.names) else "vpc"

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names that AWS's documents do not have."""
        return tuple(name for name in self.names if name not in FIELDS)

    @property
    def integers(self) -> tuple[str, ...]:
        """The columns that hold whole numbers."""
        return tuple(
            FIELDS[name].column for name in self.names if name in FIELDS and FIELDS[name].type != "string"
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that hold text."""
        return tuple(column for column in self.columns if column not in self.integers)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The columns that hold IP addresses."""
        return tuple(name.replace("-", "_") for name in self.names if name in _ADDRESSES)


DEFAULT = Format(DEFAULT_FORMAT)


def known(token: str) -> str | None:
    """AWS's name of the field that `token` names, in hyphens, underscores or camel case; None if unknown."""
    return _BY_LETTERS.get(token.strip("`\"'").replace("-", "").replace("_", "").lower())


def header(tokens: list[str]) -> Format | None:
    """The format that a line names, or None where the line is no header.

    A header is a line of names of which at least half (and one) are AWS's; the rest are fields newer than flowkit.
    Raises SourceError where it is the header of another kind of AWS log.
    """
    if not tokens or not all(_NAME.fullmatch(token.strip("`\"'")) for token in tokens):
        return None
    for token in tokens:
        if other := LOOK_ALIKES.get(token.lower().replace("_", "-")):
            raise SourceError(f"these are {other}, not VPC flow logs")
    names = [known(token) or token.strip("`\"'").lower().replace("_", "-") for token in tokens]
    recognised = sum(name in FIELDS for name in names)
    if not recognised or recognised * 2 < len(names) or len(set(names)) < len(names):
        return None
    return Format(tuple(names))


def given(text: str | None) -> Format | None:
    """The format that a user writes: names, or AWS's `${version} ${account-id} …`; None for None.

    Raises ValueError naming what is no field.
    """
    if not text:
        return None
    tokens = re.sub(r"[${},]", " ", text).split()
    wrong = [token for token in tokens if not _NAME.fullmatch(token)]
    if wrong or not any(known(token) for token in tokens):
        raise ValueError(
            f"{wrong[0] if wrong else text!r} is no field of a flow log: give names such as 'version srcaddr …'"
        )
    names = tuple(known(token) or token.replace("_", "-") for token in tokens)
    if len(set(names)) < len(names):
        raise ValueError("the format names a field twice")
    return Format(names)


def is_default(tokens: list[str]) -> bool:
    """Whether a line without a header is of AWS's default format: by its content, not by its length alone."""
    return (
        len(tokens) == len(DEFAULT_FORMAT)
        and tokens[0] == "2"
        and tokens[12] in ("ACCEPT", "REJECT", "-")
        and tokens[13] in ("OK", "NODATA", "SKIPDATA")
    )
