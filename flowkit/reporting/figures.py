"""What every figure shares: colours, a UTC time axis, sizes, and a title that is the alt text too."""

import base64
import io
import re
import textwrap
import warnings

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowkit.language import LANGUAGES, language
from flowkit.reporting.html import INK, ON_WHITE, escaped
from flowkit.words import visible

#: Told apart by readers with any colour vision, on white and on black. Blue is accepted, vermilion rejected.
COLOURS = {"accept": "#2f7fb8", "reject": "#d1600f", "skip": "#e0b000", "nodata": "#b4bcc4", "muted": "#8b949e"}
COLOURS["accent"] = COLOURS["accept"]


def utc_axis(ax: Axes) -> Axes:
    """Return `ax` with its x axis as UTC times: hours, with the date where it changes; says UTC once."""
    locator = mdates.AutoDateLocator(tz="UTC", maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz="UTC", show_offset=False))
    ax.set_xlabel("UTC", loc="right", labelpad=3)
    return ax


def step_width(ax: Axes, starts: pd.Series | pd.DatetimeIndex) -> pd.Timedelta:
    """Return how long each of the time steps `starts` is, and keep the bars of a few of them as narrow as of many."""
    width = starts.diff().min() if len(starts) > 1 else pd.Timedelta(minutes=1)
    room = max(pd.Timedelta(0), (30 * width - (starts.max() + width - starts.min())) / 2)
    if room:
        ax.set_xlim(starts.min() - room, starts.max() + width + room)
    return width


def finished(figure: Figure, title: str, pad: int = 26) -> Figure:
    """Return `figure` with `title` above its first axes and as alt text; it shows itself once, as a cell's value."""
    figure.axes[0].set_title(visible("\n".join(textwrap.wrap(title, 120))), pad=pad)
    alt(figure, title)
    plt.close(figure)
    return figure


def alt(shown: Axes | Figure, text: str) -> None:
    """Give the figure of `shown` its alt text: one sentence that says what was found."""
    figure = shown if isinstance(shown, Figure) else shown.figure
    figure._ipython_display_ = lambda: display(bundle(figure, text), raw=True)


def bundle(figure: Figure, text: str) -> dict[str, str]:
    """Return `figure` by MIME type: SVG, PNG and `text`; `text` alone where nothing is drawn in it."""
    plain = f"Figure: {visible(text)}"
    if not any(map(_drawn, figure.axes)):
        return {"text/html": f"<p class='fk-caption'>{escaped(text)}</p>", "text/plain": plain}
    svg = {"image/svg+xml": svg_of(figure, text), "text/plain": plain}
    if language() != LANGUAGES[0]:  # The reader's fonts draw the words of an SVG; matplotlib's own has no Hangul.
        return svg
    png = _saved(figure, format="png", dpi=110, facecolor="white", pil_kwargs={"compress_level": 1})
    return svg | {"image/png": base64.b64encode(png).decode()}


def svg_of(figure: Figure, text: str) -> str:
    """Return `figure` as an SVG element with `text` as its alt text; ink on white unless a page's style says else."""
    with plt.rc_context({"svg.hashsalt": text}):  # Marks and clip paths of a page's figures must differ in their ids.
        svg = _saved(figure, format="svg", metadata={"Date": None, "Creator": None}).decode()
    svg = visible(svg[svg.index("<svg") :]).replace(INK, "currentColor")
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    # Names such as axes_1 recur in every figure and would clash on one page; clip paths have hashes.
    svg = re.sub(r'<g id="[A-Za-z0-9._]*_\d+">', "<g>", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escaped(text)}" {ON_WHITE} ', 1)


def _saved(figure: Figure, **how: object) -> bytes:
    file, once = io.BytesIO(), plt.rc_context({"figure.constrained_layout.use": False})
    with warnings.catch_warnings(), once:
        # The reader's fonts draw the words; that matplotlib's own lacks a sign is no matter.
        warnings.filterwarnings("ignore", message="Glyph")
        if layout := figure.get_layout_engine():  # laid out and measured once for all that is drawn of it
            layout.execute(figure)
            figure.tight = figure.get_tightbbox().padded(plt.rcParams["savefig.pad_inches"])
            figure.set_layout_engine(None)
        figure.savefig(file, bbox_inches=figure.tight, **how)
    return file.getvalue()


def _drawn(ax: Axes) -> bool:
    """Whether data are drawn in `ax`: a frame, a zero line or bars without length tell a reader nothing."""
    bars = [patch.get_window_extent() for patch in ax.patches]
    lines = [line for line in ax.lines if line.get_transform() == ax.transData and len(line.get_xdata())]
    marks = [each for each in ax.collections if len(each.get_offsets()) and len(each.get_paths())]
    return bool(lines or marks or ax.images or any(bar.width > 0 and bar.height > 0 for bar in bars))
