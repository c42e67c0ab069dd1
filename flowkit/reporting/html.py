"""Text from logs made safe for a page or a terminal: escaped, with what is invisible made visible."""

import html
import re
from typing import TYPE_CHECKING

from flowkit.loading.errors import many  # noqa: F401 - the pages count in the same words

if TYPE_CHECKING:
    import pandas as pd

#: Line breaks and tabs are layout; every other control or direction-changing character is made visible.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
#: The style sheet's ink, which a page replaces by its own text colour.
INK = "#24292f"
ON_WHITE = f'style="color:{INK};background:#fff"'


def visible(text: object) -> str:
    """Return `text` with control and direction-changing characters replaced by signs that can be seen.

    A log line is written by whoever sends packets; ESC, NUL or a right-to-left override in it must
    neither vanish nor reorder the words beside it.
    """
    return INVISIBLE.sub(_sign, str(text))


def one_line(text: object) -> str:
    """Return `text` as `visible` does, and with line breaks and tabs as signs too, for a name or a sentence."""
    return re.sub(r"[\t\n]", _sign, visible(text))


def _sign(match: re.Match) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\\u{code:04x}"


def escaped(text: object) -> str:
    """Return `text` for the inside of an HTML element or attribute."""
    return html.escape(visible(text))


def when(moment: "pd.Timestamp | str | None") -> str:
    """Return `moment` as the pages write it: `2026-11-20 03:12`, UTC; empty for none."""
    import pandas as pd  # The command line needs no more of this module than `visible`.

    if moment is None or pd.isna(moment):
        return ""
    stamp = pd.Timestamp(moment)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    return f"{stamp:%Y-%m-%d %H:%M}"


def period(first: "pd.Timestamp | str | None", last: "pd.Timestamp | str | None") -> str:
    """Return `2026-11-20 03:12 to 04:00 UTC`: the day stands once where it is the same."""
    begin, finish = when(first), when(last)
    if not begin or not finish or begin == finish:
        return f"{begin or finish} UTC" if begin or finish else ""
    return f"{begin} to {finish[11:] if begin[:10] == finish[:10] else finish} UTC"


def is_figure(svg: str) -> bool:
    """Return whether `svg` was made by `svg_of`: all text in it is escaped, so that it may stand inside a page."""
    return svg.startswith('<svg role="img" aria-label="')


def figure_html(svg: str) -> str:
    """Return what `svg_of` made as a `<figure>` for a page, in the page's own colours."""
    svg = svg.replace(f" {ON_WHITE}", "", 1)
    return f'<figure class="fk-figure" tabindex="0">{svg}</figure>'
