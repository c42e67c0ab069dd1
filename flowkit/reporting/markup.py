"""Text from logs, made safe for a page: escaped, with what is invisible made visible."""

import html
import re
import unicodedata

import pandas as pd

#: Line breaks and tabs are layout; every other control or direction-changing character is made visible.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def visible(text: object) -> str:
    """`text` with control and direction-changing characters replaced by signs that can be seen.

    A log line is written by whoever sends packets; ESC, NUL or a right-to-left override in it must
    neither vanish nor reorder the words beside it.
    """
    return INVISIBLE.sub(_sign, str(text))


def _sign(match: re.Match) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\\u{code:04x}"


def escaped(text: object) -> str:
    """`text` for the inside of an HTML element or attribute."""
    return html.escape(visible(text))


def when(moment: pd.Timestamp | str | None) -> str:
    """`moment` as the pages write it: `2026-11-20 03:12`, UTC; empty for none."""
    if moment is None or pd.isna(moment):
        return ""
    stamp = pd.Timestamp(moment)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    return f"{stamp:%Y-%m-%d %H:%M}"


def period(first: pd.Timestamp | str | None, last: pd.Timestamp | str | None) -> str:
    """`2026-11-20 03:12 to 04:00 UTC`: the day is said once where it is the same."""
    begin, finish = when(first), when(last)
    if not begin or not finish or begin == finish:
        return f"{begin or finish} UTC" if begin or finish else ""
    return f"{begin} to {finish[11:] if begin[:10] == finish[:10] else finish} UTC"


def slug(text: str) -> str:
    """`text` as an anchor: lower-case words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "section"
