"""Text and numbers as a reader sees them: escaped for a page, times in UTC, sizes, shares, figures."""

import html
import re

import pandas as pd

from flowkit import words
from flowkit.fields import MOST
from flowkit.language import translated
from flowkit.words import visible

#: The style sheet's ink, which a page replaces by its own text colour.
INK = "#24292f"
#: Shares of fewer than this are said as numbers.
FEW = 20
ON_WHITE = f'style="color:{INK};background:#fff"'


def escaped(text: object) -> str:
    """Return `text` for the inside of an HTML element or attribute."""
    return html.escape(visible(text))


def when(moment: pd.Timestamp | str | None) -> str:
    """Return `moment` as the pages write it: `2026-11-20 03:12`, UTC; empty for none."""
    return "" if pd.isna(moment) else f"{pd.to_datetime(moment, utc=True):%Y-%m-%d %H:%M}"


def period(first: pd.Timestamp | str | None, last: pd.Timestamp | str | None) -> str:
    """Return `2026-11-20 03:12 to 04:00 UTC`: the day stands once where it is the same."""
    begin, finish = when(first), when(last)
    if not begin or not finish or begin == finish:
        return f"{begin or finish} UTC" if begin or finish else ""
    finish = finish[11:] if begin[:10] == finish[:10] else finish
    return translated("{first} to {last} UTC", first=begin, last=finish)


def is_figure(svg: str) -> bool:
    """Return whether `svg` was made by `figures.svg_of`: all text in it is escaped, so it may stand inside a page."""
    return svg.startswith('<svg role="img" aria-label="')


def figure_html(svg: str) -> str:
    """Return what `figures.svg_of` made as a `<figure>` for a page, in the page's own colours."""
    return f'<figure class="fk-figure" tabindex="0">{svg.replace(f" {ON_WHITE}", "", 1)}</figure>'


def size(number: int) -> str:
    """Return `37.2 MB` for 37,200,000 bytes, `12 B` for 12, `at least 9.2 EB` where a sum reached the largest number."""
    scaled, unit = sized(number)
    words = f"{scaled:.0f} B" if unit == "B" else f"{scaled:.1f} {unit}"
    return translated("at least {size}", size=words) if number >= MOST else words


def sized(number: int) -> tuple[float, str]:
    """Return the number and the unit that `size` prints."""
    scaled, units = float(int(number)), ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
    while scaled >= 999.95 and units[1:]:
        scaled, units = scaled / 1000, units[1:]
    return round(scaled, 1), units[0]


def percent(share: float | None) -> str:
    """Return a share as `flowkit.words.percent` does, in the language of the report."""
    return translated(words.percent(share))


def portion(some: int, total: int) -> str:
    """Return `some` of `total` as a share, as a number where there are few."""
    return percent(some / total) if total >= FEW else f"{some:,}"


def printed(share: float) -> float:
    """Return the number that `percent` prints for `share`: 99.4."""
    return float(re.search(r"[0-9.]+", percent(share))[0])
