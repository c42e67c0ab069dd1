"""Takes the pictures of the README: a report of the sample in a real browser. `make pictures` runs it."""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from browser import Browser  # noqa: E402

from flowkit import cli  # noqa: E402

#: File name: page, width, height, theme, and where on the page.
PICTURES = {
    "report.png": ("rejected.html", 1200, 1000, "light", ""),
    "report-dark.png": ("direction.html", 1200, 1000, "dark", ""),
    "report-phone.png": ("reachability.html", 390, 844, "light", ""),
    "run.png": ("index.html", 1200, 1000, "light", ""),
    "coverage.png": ("skipdata.html", 1200, 800, "light", "#Evidence"),
}


def main() -> int:
    """Report on the sample, and photograph it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "reports"
        if code := cli.main(["report", "--out", str(out)]):
            return code
        (HERE / "pictures").mkdir(exist_ok=True)
        with Browser() as browser:
            for name, (page, width, height, theme, anchor) in PICTURES.items():
                browser.look(width, height, theme)
                browser.open(out / "latest" / page, anchor)
                browser.picture(HERE / "pictures" / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
