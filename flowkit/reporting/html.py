"""Findings as HTML, and text from logs made safe for a page: escaped, with what is invisible made visible."""

import html
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: Line breaks and tabs are layout; every other control or direction-changing character is made visible.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
#: A line of an action that begins so is code, with what `\` or an open brace carries on; code has a copy button.
COMMAND = re.compile(r"^\s*(\$ |aws |flowkit |papermill |python3? |sudo |ss |nc |nmap |curl |dig |ping |resource \")")
#: Code of more lines than this is folded; so many incidents beyond those in full are rows of a table.
LONG, ROWS = 8, 500
#: The style sheet's ink, which a page replaces by its own text colour.
INK = "#24292f"
ON_WHITE = f'style="color:{INK};background:#fff"'
COPY = "navigator.clipboard.writeText(this.previousElementSibling.textContent);this.textContent='copied'"


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


def counted(number: int, noun: str) -> str:
    """Return `number` and `noun` with its plural: `1 file`, `2,000 files`."""
    return f"{number:,} {noun}{'s'[: number != 1]}"


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


def assured(confidence: str) -> str:
    """Return a confidence in words that cannot be taken for a severity."""
    return confidence if confidence == "certain" else f"{confidence} confidence"


def boxes(data: dict) -> str:
    """Return the box of the summary and the coverage of a notebook's findings, as HTML."""
    summary = "".join(f"<p>{escaped(sentence)}</p>" for sentence in data["summary"])
    coverage = data["coverage"] and f"<p class='fk-coverage'><b>Coverage</b> {escaped(data['coverage'])}</p>"
    return f"<div class='fk-box'><div class='fk-verdict'>{summary}</div>{coverage}</div>"


def incidents_html(incidents: Sequence[list[dict]], top: int = 30) -> str:
    """Return incidents (see `flowkit.reporting.finding.incidents`) as HTML.

    At most `top` in full: those that are new, or all where no earlier run is known; ongoing ones and those for
    information are folded; where nothing is new, the ongoing ones are open. The rest is counted and in a table.
    """
    if not incidents:
        return "<p class='fk-none'>No findings.</p>"
    shown: dict[str, list[str]] = {"": [], "ongoing": [], "for information": []}
    for group in incidents[:top]:
        ongoing = any(finding.get("status") == "ongoing" for finding in group)
        fold = "for information" if group[0]["severity"] == "info" else "ongoing" if ongoing else ""
        shown[fold].append(_incident(group))
    parts = [*shown.pop("")]
    nothing_new = not parts
    for fold, articles in shown.items():
        if articles:
            is_open = " open" if nothing_new and fold == "ongoing" else ""
            summary = f"<summary>{counted(len(articles), 'incident')} {fold}</summary>"
            parts.append(f"<details class='fk-more'{is_open}>{summary}{''.join(articles)}</details>")
    return "".join(parts) + _rest([group[0] for group in incidents[top:]])


def _rest(leads: list[dict]) -> str:
    """What is not shown in full: its number, and a table of it."""
    if not leads:
        return ""
    rows = "".join(
        f"<tr id='finding-{escaped(each['id'])}'><td>{escaped(each['severity'])}</td>"
        f"<td>{escaped(each['title'])}</td></tr>"
        for each in leads[:ROWS]
    )
    table = f"<div class='scroll' tabindex='0'><table class='fk-rest'>{rows}</table></div>"
    beyond = " All are in findings.json." if len(leads) > ROWS else ""
    return f"<p class='fk-none'>{counted(len(leads), 'more incident')}.{beyond}</p>{table}"


def _incident(group: list[dict]) -> str:
    """An incident: the finding that leads, and the others of the same root cause folded below it."""
    lead, *others = group
    more = "".join(map(finding_html, others))
    summary = f"<summary>{counted(len(others), 'more finding')} with the same root cause</summary>"
    return finding_html(lead) + (f"<details class='fk-same'>{summary}{more}</details>" if others else "")


def finding_html(finding: dict) -> str:
    """Return one finding as HTML: severity, sentence, period, cause, grounds, samples, next step."""
    facts = [
        finding["cause"] and finding["cause"].replace("-", " "),
        period(finding["first_seen"], finding["last_seen"]),
        finding["records"] and counted(finding["records"], "record"),
        finding["coverage"] is not None and f"log coverage {finding['coverage']:.1%}",
    ]
    small = " · ".join(escaped(fact) for fact in facts if fact)
    severity, confidence = escaped(finding["severity"]), escaped(assured(finding["confidence"]))
    status = "<span class='tag new'>new</span>" if finding.get("status") == "new" else ""
    return (
        f"<article class='fk-finding fk-{severity}' id='finding-{escaped(finding['id'])}'>"
        f"<header><span class='fk-severity'>{severity}</span>"
        f"<span class='fk-title'>{escaped(finding['title'])}</span>"
        f"<span class='fk-confidence'>{status} {confidence}</span></header>"
        f"<p class='fk-facts'>{small}</p>"
        + _folded("grounds", "ul", "li", finding["grounds"])
        + _folded("samples", "div", "code", finding["samples"])
        + action_html(finding["action"])
        + "</article>"
    )


def _folded(name: str, outer: str, inner: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<{inner}>{escaped(line)}</{inner}>" for line in lines)
    return f"<details class='fk-{name}'><summary>{name}</summary><{outer}>{items}</{outer}></details>"


def action_html(action: str) -> str:
    """Return the next step as HTML: sentences as paragraphs, code in blocks with a copy button."""
    parts = []
    for is_code, lines in groupby(_marked(action), key=lambda each: each[0]):
        texts = [line for _, line in lines]
        if is_code:
            parts.append(_code("\n".join(texts)))
        else:
            parts += [f"<p class='fk-action'>{escaped(line.strip())}</p>" for line in texts if line.strip()]
    return "".join(parts)


def _marked(action: str) -> Iterator[tuple[bool, str]]:
    """Each line with whether it is code: a command, what carries one on, or a block in braces."""
    carried, depth = False, 0
    for line in action.split("\n"):
        is_code = bool(carried or depth or COMMAND.match(line))
        depth = max(0, depth + line.count("{") - line.count("}")) if is_code else 0
        carried = is_code and line.endswith("\\")
        yield is_code, line.rstrip()


def _code(text: str) -> str:
    button = f'<button type="button" onclick="{COPY}">copy</button>'
    block = f"<div class='fk-command'><pre>{escaped(text)}</pre>{button}</div>"
    count = text.count("\n") + 1
    return block if count <= LONG else f"<details><summary>{count} lines</summary>{block}</details>"


def is_figure(svg: str) -> bool:
    """Return whether `svg` was made by `svg_of`: all text in it is escaped, so that it may stand inside a page."""
    return svg.startswith('<svg role="img" aria-label="')


def figure_html(svg: str) -> str:
    """Return what `svg_of` made as a `<figure>` for a page, in the page's own colours."""
    svg = svg.replace(f" {ON_WHITE}", "", 1)
    return f'<figure class="fk-figure" style="margin:.6em 0">{svg}</figure>'
