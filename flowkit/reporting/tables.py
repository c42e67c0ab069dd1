"""Tables for people: sorted by a click, searched, saved as CSV; plain HTML where no script may run.

Each output stands alone, so it lives after a second run, a save and a reload, and in a notebook that is not trusted.
"""

import re
from importlib.resources import files

import pandas as pd

from flowkit.net import protocol_name
from flowkit.reporting.html import escaped

#: More rows than this are cut, and the caption says so: a page stays under 3 MB.
ROWS = 2_000
#: Columns of shares, 0 to 1.
SHARES = ("share", "coverage", "certain")
#: The largest number that a sum of a fold can hold; there it stops.
LARGEST = 2**63 - 1
_SCRIPT, _STYLE = (files("flowkit.reporting") / "template" / f"table.{end}" for end in ("js", "css"))


class Table:
    """A data frame as HTML: at most `columns` columns, what follows in a row that unfolds."""

    def __init__(self, table: pd.DataFrame, caption: str, columns: int) -> None:
        self.table, self.caption, self.columns = table, caption, columns

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        table = self.table.reset_index() if any(self.table.index.names) else self.table
        caption = escaped(self.caption or "Table")
        if table.empty:
            return {"text/html": f"<p class='fk-caption'>{caption}: no rows.</p>", "text/plain": f"{caption}: no rows."}
        cut = f" (the first {ROWS:,} of {len(table):,} rows)" if len(table) > ROWS else ""
        some = table.head(ROWS)
        shown = {name: _cells(some[name], str(name)) for name in table.columns if some[name].notna().any()}
        head = f"<p class='fk-caption'><b>{caption}</b>{cut}</p>" if self.caption else ""
        region = f'<div class="fk-scroll" role="region" tabindex="0" aria-label="{caption}">'
        body = region + _markup(shown, self.columns) + "</div>"
        style = f"<style>{_STYLE.read_text()}</style><script>{_SCRIPT.read_text()}</script>"
        texts = pd.DataFrame({header: [text for text, _ in cells] for header, _, cells in shown.values()})
        return {
            "text/html": f"<div class='fk-table'>{head}{body}</div>{style}",
            "text/plain": f"{self.caption}{cut}\n{texts.to_string(index=False, max_rows=20)}".lstrip(),
        }


def show(table: pd.DataFrame, caption: str = "", columns: int = 8) -> Table:
    """Return `table` to display: `columns` columns, then the others in a row that unfolds; empty ones never."""
    return Table(table, caption, columns)


def size(number: int) -> str:
    """Return `37.2 MB` for 37,200,000 bytes, `12 B` for 12, `at least 9.2 EB` where a sum reached the largest number."""
    if number >= LARGEST:
        return f"at least {number / 1e18:.1f} EB"
    scaled, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB", "EB"):  # noqa: B007
        if scaled < 999.95 or unit == "EB":
            break
        scaled /= 1000
    return f"{int(number)} B" if unit == "B" else f"{scaled:.1f} {unit}"


def percent(share: float) -> str:
    """Return `99.4 %`; `under 0.1 %` and `over 99.9 %` for what is not quite none or all."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return "over 99.9 %" if 0.999 < share < 1 else f"{share * 100:.1f} %".replace(".0 %", " %")


def printed(share: float) -> float:
    """Return the number that `percent` prints for `share`: 99.4."""
    return float(re.search(r"[0-9.]+", percent(share))[0])


def _cells(values: pd.Series, name: str) -> tuple[str, bool, list[tuple[str, object]]]:
    """Return the header in words, whether the column holds numbers, and each value as text and as what it sorts by."""
    header, numbers, text = name.replace("_", " "), False, str
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        header, text = f"{header} (UTC)", lambda value: f"{value.tz_convert('UTC'):%Y-%m-%d %H:%M:%S}"
    elif pd.api.types.is_bool_dtype(values):
        text = lambda value: "yes" if value else "no"  # noqa: E731
    elif pd.api.types.is_timedelta64_dtype(values):
        header, numbers, text = f"{header} (h:m:s)", True, _span
    elif name == "protocol" and pd.api.types.is_numeric_dtype(values):
        text = lambda value: protocol_name(int(value))  # noqa: E731
    elif pd.api.types.is_numeric_dtype(values):
        numbers = True
        if name == "bytes" or name.endswith("_bytes"):
            text = size
        elif name.endswith(SHARES):
            text = percent
        elif name.endswith("port") or name == "traffic_path":
            text = lambda value: str(int(value))  # noqa: E731
        else:
            whole = (values.dropna().astype("float64") % 1 == 0).all()
            text = lambda value: f"{int(value):,}" if whole else f"{value:,.1f}"  # noqa: E731
    missing = [value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value))) for value in values]
    cells = [("", "") if none else (text(value), value) for none, value in zip(missing, values, strict=True)]
    return header, numbers, cells


def _span(value: pd.Timedelta) -> str:
    hours, rest = divmod(int(value.total_seconds()), 3600)
    return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"


def _markup(shown: dict, columns: int) -> str:
    front, rest = list(shown.values())[:columns], list(shown.values())[columns:]
    kinds = [" class='n'" if numbers else "" for _, numbers, _ in front]
    heads = [f"<th scope='col'{kind}>{escaped(header)}</th>" for kind, (header, _, _) in zip(kinds, front, strict=True)]
    heads += ["<th scope='col' data-more>more</th>"] if rest else []
    rows = []
    for at in range(len(front[0][2])):
        row = []
        for kind, (_, numbers, cells) in zip(kinds, front, strict=True):
            text, value = cells[at]
            raw = f" data-v='{escaped(value)}'" if numbers else ""
            wide = " class='w'" if len(text) > 60 else " class='m'" if len(text) > 24 else ""
            row.append(f"<td{kind or wide}{raw}>{escaped(text)}</td>")
        if rest:
            pairs = [(header, cells[at][0]) for header, _, cells in rest if cells[at][0]]
            terms = "".join(f"<dt>{escaped(header)}</dt><dd>{escaped(text)}</dd>" for header, text in pairs)
            row.append(f"<td><details><summary>more</summary><dl>{terms}</dl></details></td>")
        rows.append(f"<tr>{''.join(row)}</tr>")
    return f"<table><thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
