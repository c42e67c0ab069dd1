"""Tables that a reader sorts, searches and saves as CSV, without a network."""

from typing import Any

import pandas as pd
from itables import options, to_html_datatable
from itables.javascript import generate_init_offline_itables_html

from flowkit.reporting.html import escaped, visible

#: More rows than this are cut, and the caption says so: a page stays under 3 MB.
ROWS = 2_000
#: Up to so many rows a table needs neither search nor pages.
SMALL = 10
LAYOUT = {"topStart": "search", "topEnd": "buttons", "bottomStart": "info", "bottomEnd": "paging"}
options.display_logo_when_loading = False


class Table:
    """A data frame as an interactive table."""

    _carried = False

    def __init__(self, table: pd.DataFrame, caption: str) -> None:
        self.table, self.caption = table, caption

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        cut = f" (the first {ROWS:,} of {len(self.table):,} rows)" if len(self.table) > ROWS else ""
        if self.table.empty:
            return {"text/html": f"<p class='fk-caption'>{escaped(self.caption or 'Table')}: no rows.</p>"}
        markup = to_html_datatable(
            _readable(self.table.head(ROWS)),
            connected=False,
            showIndex=False,
            maxBytes=0,
            classes="display compact nowrap",
            style="width:auto;margin:0",
            lengthMenu=[10, 25, 100],
            scrollX=True,
            layout=LAYOUT if len(self.table) > SMALL else dict.fromkeys(LAYOUT) | {"bottomEnd": "buttons"},
            buttons=[{"extend": "csvHtml5", "text": "CSV"}],
            order=[],
            text_in_header_can_be_selected=False,
        )
        # Cells are escaped, so a bare <NA> or NaN is no text of a log but a number that is missing.
        markup = markup.replace('\\"<NA>\\"', '\\"\\"').replace('[\\"NaN\\",', '[\\"\\",')
        # The library rides along once a kernel, so a page holds it once.
        library = "" if Table._carried else generate_init_offline_itables_html(options.dt_bundle)
        Table._carried = True
        heading = f"<p class='fk-caption'><b>{escaped(self.caption)}</b>{cut}</p>" if self.caption else ""
        return {
            "text/html": f"{library}<div class='fk-table'>{heading}{markup}</div>",
            "text/plain": self.table.to_string(max_rows=20),
        }


def show(table: pd.DataFrame, caption: str = "") -> Table:
    """`table` to display: sortable, searchable, with a CSV button; cells and caption escaped."""
    return Table(table, caption)


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with times as text in UTC and what is invisible made visible; numbers stay numbers."""
    named = table.reset_index() if any(table.index.names) else table
    return pd.DataFrame({visible(name): _column(named[name]) for name in named.columns})


def _column(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC").dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")
    if pd.api.types.is_timedelta64_dtype(values):
        return values.dt.total_seconds().map(_span)
    if pd.api.types.is_float_dtype(values):
        return _rounded(values)
    if pd.api.types.is_numeric_dtype(values):
        return values
    return values.map(lambda value: "" if _missing(value) else visible(value))


def _rounded(values: pd.Series) -> pd.Series:
    """Whole numbers without a point, shares with three places, larger ones with one."""
    plain = values.astype("float64")
    if (plain.dropna() % 1 == 0).all():
        return plain.astype("Int64")
    return plain.round(3 if plain.abs().max() <= 10 else 1)


def _missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and pd.isna(value))


def _span(seconds: float) -> str:
    if pd.isna(seconds):
        return ""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
