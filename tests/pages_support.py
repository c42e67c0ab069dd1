"""A notebook as small as a report takes, and ways to run it and to read its page."""

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = """source = "sample"   # where the logs are
start = None        # first moment
end = None          # first moment to leave out
format = None       # fields
network = None      # snapshot
account = None      # an account id
top = 20            # rows
share = 0.5         # a share
loud = False        # a switch"""

PROBE = (
    """import matplotlib.pyplot as plt
import pandas as pd
from ibis import _
from flowkit import load
from flowkit.reporting.figures import alt
from flowkit import Finding, tell
from flowkit.reporting.answer import show
plt.style.use("flowkit.reporting.report")""",
    """flows = load(source, start, end, format).flows
refused = flows.filter(_.action == "REJECT")
by = refused.group_by("interface_id", "srcaddr", "dstaddr").aggregate(records=_.count(), first=_.start.min())
by = by.execute().sort_values(["records", "srcaddr", "interface_id"], ascending=[False, True, True])""",
    "## Findings",
    """found = [Finding("blocked-client", "high" if row.records > 2 else "info", "low",
    f"{row.srcaddr} was refused {row.records} times at {row.interface_id}",
    dict(interface_id=row.interface_id, srcaddr=row.srcaddr, dstaddr=row.dstaddr, protocol=6, dstport=443),
    "security-group", (f"seen at {row.interface_id}",),
    f"Look at it:\\naws ec2 describe-security-groups --filters {row.srcaddr}",
    pd.Timestamp(row.first, unit="s", tz="UTC"), None, row.records, samples=(f"2 {row.interface_id}",))
    for row in by.head(30).itertuples()]
tell(found, f"{len(by)} clients were refused.", "all of it")""",
    "## Evidence",
    """fig, ax = plt.subplots()
ax.barh(by.interface_id.head(top).astype(str), by.records.head(top))
ax.set_title(f"{len(by)} clients were refused")
alt(ax, f"{len(by)} clients were refused <&\\">")""",
    'show(by.assign(account=account, start=start, end=end), "Refused")',
)

#: Findings that a log decides, without a library that takes a second to import.
FINDS = (
    "from collections import Counter\nfrom flowkit import Finding, tell",
    "## Findings",
    """by = Counter(line.split()[2] for line in open(source)).most_common()
tell([Finding("blocked-client", "high" if records > 2 else "info", "low",
    f"203.0.113.9 was refused {records} times at {name}",
    dict(interface_id=name, srcaddr="203.0.113.9", dstaddr="10.0.0.5", protocol=6, dstport=443), records=records)
    for name, records in by])""",
)


def write_notebook(path: Path, *cells: str, parameters: str = PARAMETERS, kernel: dict | None = None) -> Path:
    """A notebook at `path`: a title, `parameters`, then `cells` (those that begin with # are markdown)."""
    title = new_markdown_cell(f"# {path.stem.capitalize()}\n\n**Question.** What does {path.stem} say?")
    tagged = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    rest = [new_markdown_cell(cell) if cell.startswith("#") else new_code_cell(cell) for cell in cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[title, tagged, *rest], metadata={"kernelspec": kernel} if kernel else {}), path)
    return path


def record(interface="eni-0a", source="203.0.113.9", action="REJECT", start=1763600000, account="123456789012"):
    """A default record, one line."""
    return f"2 {account} {interface} {source} 10.0.0.5 40000 443 6 1 60 {start} {start + 60} {action} OK"


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def elements(markup: str) -> list[tuple[str, dict]]:
    """Every element of a page, in order: its name and its attributes."""
    parser = _Elements()
    parser.feed(markup)
    return parser.found


def requests_of(markup: str) -> list[str]:
    """Addresses that a browser would load by itself for this page."""
    asked = [
        attributes.get(name) or ""
        for tag, attributes in elements(markup)
        for name in ("src", "href", "data", "srcset", "poster")
        if name in attributes and not (tag == "a" and name == "href")
    ]
    styles = re.findall(r"url\(([^)]*)\)|@import\s+([^;]+)", re.sub(r"<script.*?</script>", "", markup, flags=re.S))
    return [each for each in asked + [a or b for a, b in styles] if not each.startswith(("data:", "#", '"data:', '"#'))]
