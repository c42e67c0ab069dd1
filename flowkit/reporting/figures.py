"""What every figure shares: colours, a UTC time axis, and alt text.

The style sheet is `plt.style.use("flowkit.reporting.report")`. A figure that was given its alt text is
shown as SVG inside the page: sharp at any size, in the reader's colours (light or dark), its words still
words, so that they can be searched and, for sharing, redacted.
"""

import io
import re
import warnings
from collections.abc import Callable

import matplotlib.dates as mdates
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowkit.reporting.html import escaped, visible

#: Told apart by readers with any colour vision, on white and on black. Blue is let in, vermilion refused.
COLOURS = {
    "accept": "#2f7fb8",
    "reject": "#d1600f",
    "skip": "#e0b000",
    "nodata": "#b4bcc4",
    "accent": "#2f7fb8",
    "muted": "#8b949e",
}
#: The style sheet's ink, which the page replaces by its own text colour.
INK = "#24292f"


def utc_axis(ax: Axes) -> Axes:
    """`ax` with its x axis as UTC times: hours, with the date where it changes; says UTC once."""
    locator = mdates.AutoDateLocator(tz="UTC", maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz="UTC", show_offset=False))
    ax.set_xlabel("UTC", loc="right", labelpad=3)
    return ax


def alt(shown: Axes | Figure, text: str) -> None:
    """Give the figure of `shown` its alt text: one sentence that says what it shows.

    It is for readers who do not see the figure, so it tells the finding and not the kind of chart.
    """
    figure = shown if isinstance(shown, Figure) else shown.figure
    figure._ipython_display_ = _display(figure, text)


def _display(figure: Figure, text: str) -> Callable[[], None]:
    def show() -> None:
        plain = f"Figure: {visible(text)}"
        display({"text/html": figure_html(figure, text), "text/plain": plain}, raw=True)

    return show


def figure_html(figure: Figure, text: str) -> str:
    """`figure` as a `<figure>` element with `text` as its alt text; `text` alone where nothing is drawn in it."""
    if not any(_holds(ax) for ax in figure.axes):
        return f"<p class='fk-caption'>{escaped(text)}</p>"
    held = io.StringIO()
    with warnings.catch_warnings():
        # The reader's fonts draw the words; that matplotlib's own lacks a sign is of no matter.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(held, format="svg", metadata={"Date": None, "Creator": None})
    svg = held.getvalue()
    svg = visible(svg[svg.index("<svg") :]).replace(INK, "currentColor")
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    # Names such as axes_1 recur in every figure and would clash on one page; clip paths have hashes.
    svg = re.sub(r'<g id="[A-Za-z0-9._]*_\d+">', "<g>", svg)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escaped(text)}" ', 1)
    return f'<figure class="fk-figure" style="margin:.6em 0">{svg}</figure>'


def _holds(ax: Axes) -> bool:
    """Whether data are drawn in `ax`: a frame, a zero line or bars without length tell a reader nothing."""
    bars = [patch.get_window_extent() for patch in ax.patches]
    lines = [line for line in ax.lines if line.get_transform() == ax.transData and len(line.get_xdata())]
    marks = [each for each in ax.collections if len(each.get_offsets()) and len(each.get_paths())]
    return bool(lines or marks or ax.images or any(bar.width > 0 and bar.height > 0 for bar in bars))
