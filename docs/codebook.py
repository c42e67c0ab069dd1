"""Refreshes what the pages of docs/ repeat from the code: tables of the fields, and what `flowkit explain` prints.

In: a page with `<!-- VPC_FIELDS -->` or `<!-- TGW_FIELDS -->` above a table, and consoles with `$ flowkit explain …`.
Out: the same page, each table made from flowkit/fields.py and docs/codebook.csv, each console with the real output.
Run it as `python docs/codebook.py` after a change of either; a test says when that was forgotten.
"""

import contextlib
import csv
import io
import re
import shlex
from pathlib import Path

from flowkit import cli, fields

HERE = Path(__file__).parent
PAGES = sorted([*HERE.glob("*.md"), *HERE.glob("ko/*.md")])
HEADS = {
    "": "# | field | version | type | meaning | more",
    "_ko": "번호 | 필드 | 버전 | 데이터 유형 | 뜻 | 더 알아 둘 것",
}
with (HERE / "codebook.csv").open(encoding="utf-8", newline="") as file:
    NOTES = {row["field"]: row for row in csv.DictReader(file)}


def table(known: tuple[fields.Field, ...], language: str) -> str:
    """Return the fields as a table of Markdown; `language` is the end of the columns of codebook.csv, '' or `_ko`."""
    rows = [HEADS[language], " | ".join(["---"] * 6)]
    for number, field in enumerate(known, 1):
        notes = NOTES[field.name] | {"meaning": field.meaning}
        meaning, more = notes[f"meaning{language}"], notes[f"more{language}"]
        rows.append(f"{number} | `{field.name}` | {field.version} | {field.type} | {meaning} | {more}")
    return "".join(f"| {row} |\n" for row in rows)


def output(command: str) -> str:
    """Return what `flowkit` prints for the words of `command`."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        cli.main(shlex.split(command)[1:])
    return printed.getvalue()


def refreshed(page: Path) -> str:
    """Return the text of `page` as the code has it now."""
    language = "_ko" if page.parent.name == "ko" else ""
    text = re.sub(
        r"(<!-- (\w+) -->\n)\n?(?:\|.*\n)*",
        lambda found: f"{found[1]}\n" + table(getattr(fields, found[2]), language),
        page.read_text(encoding="utf-8"),
    )
    return re.sub(
        r"(```console\n\$ (flowkit explain .*)\n)(?s:.*?)```", lambda found: f"{found[1]}{output(found[2])}```", text
    )


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(refreshed(each), encoding="utf-8")
