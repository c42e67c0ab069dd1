"""Where the sample and the notebooks lie: in the repository, or inside an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_HOME = _PACKAGE if (_PACKAGE / "notebooks").is_dir() else _PACKAGE.parent

#: The sample's folder: AWSLogs/, network/, expectations.csv, truth.json.
SAMPLE = _HOME / "data" / "sample"

#: The folder of the notebooks that `flowkit report` runs.
NOTEBOOKS = _HOME / "notebooks"
