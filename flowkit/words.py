"""Texts and counts in, words out that neither a terminal nor a page obeys, each on one line where it must be."""

import re
from datetime import datetime
from numbers import Number
from string import Formatter

#: Line breaks and tabs are layout; every other control or direction-changing character is made visible.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


#: Names of states and kinds that say nothing to who has not read the documents.
TERMS = {
    "accepted-silent": "allowed but not responding", "accepted-reset": "allowed but closed",
    "reply-refused": "return traffic rejected", "refused": "rejected", "silent-interface": "stopped logging",
}  # fmt: skip


def many(count: int, noun: str) -> str:
    """Return `count` and the noun, in the plural unless it is one: `1 file`, `2,000 addresses`."""
    return f"{int(count):,} {noun}" + ("" if count == 1 else "es" if noun.endswith("s") else "s")


class _Filled(Formatter):
    def format_field(self, value: object, spec: str) -> str:
        if "|" in spec:
            one, more = spec.split("|")
            return one if value == 1 else more
        if isinstance(value, Number) and not isinstance(value, bool):
            return many(value, spec) if spec[:1].isalpha() else format(value, spec or ",")
        return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) and not spec else format(value, spec)


_FILLED = _Filled()


def filled(template: str, /, **values: object) -> str:
    """Return `template` with `{name}` replaced: a number with its commas, a time in UTC, `{n:client}` as `many` counts,
    and `{n:is|are}` by the word for one or for several."""
    return _FILLED.vformat(template, (), values)


def percent(share: float | None) -> str:
    """Return `99.4 %`; `under 0.1 %` and `over 99.9 %` for what is not quite none or all."""
    if share is None:
        return "unknown"
    if 0 < share < 0.001:
        return "under 0.1 %"
    return "over 99.9 %" if 0.999 < share < 1 else f"{share * 100:.1f} %".replace(".0 %", " %")


def terms(name: str) -> str:
    """Return the name of a kind, a cause or a state as people write it: `network ACL` for `network-acl`."""
    return TERMS.get(name) or re.sub(r"\b(acl|skipdata)\b", lambda found: found[0].upper(), name.replace("-", " "))


def visible(text: object) -> str:
    """Return `text` with control and direction-changing characters replaced by signs that can be seen. A log line is
    written by whoever sends packets; ESC, NUL or a right-to-left override in it must neither vanish nor reorder the
    words beside it."""
    return INVISIBLE.sub(_sign, str(text))


def one_line(text: object) -> str:
    """Return `text` as `visible` does, and with line breaks and tabs as signs too, for a name or a sentence."""
    return re.sub(r"[\t\n]", _sign, visible(text))


def _sign(match: re.Match) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\\u{code:04x}"


def without_controls(text: str) -> str:
    """Return `text` without what would begin a line of its own or steer a terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", str(text))
