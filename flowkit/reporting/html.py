"""Text from logs made safe for a page or a terminal: escaped, with what is invisible made visible."""

import html
from typing import TYPE_CHECKING

from flowkit.words import visible

if TYPE_CHECKING:
    import pandas as pd

#: The style sheet's ink, which a page replaces by its own text colour.
INK = "#24292f"
ON_WHITE = f'style="color:{INK};background:#fff"'


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
