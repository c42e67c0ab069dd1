"""The runs in a reports folder: made aside and renamed into place, listed, linked, removed. No locks."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from flowkit.reporting.errors import ReportError


@contextmanager
def new_run(out: Path) -> Iterator[Path]:
    """A hidden folder to make a run in, named `.<run id>`; on leaving it is renamed to the run's own name.

    Where making fails nothing stays. Raises ReportError where `out` cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = _reserved(out)
    except OSError as error:
        raise ReportError(f"{out} cannot be written: {error.strerror}") from None
    try:
        yield folder
        folder.rename(out / folder.name[1:])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # Only an empty folder goes, such as one that was made for this run.
            out.rmdir()
        raise


def _reserved(out: Path) -> Path:
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
    for number in range(1, 1000):
        name = moment if number == 1 else f"{moment}-{number}"
        with suppress(FileExistsError):
            folder = out / f".{name}"
            folder.mkdir()
            if not (out / name).exists():
                return folder
            folder.rmdir()
    raise ReportError(f"{out} holds a thousand runs of this second")


def runs(out: Path) -> list[dict]:
    """What run.json says of every run in `out`, newest first."""
    found = []
    for path in out.glob("[!.]*/run.json"):
        if not path.parent.is_symlink():
            with suppress(OSError, ValueError):
                found.append(json.loads(path.read_text()))
    return sorted(found, key=lambda run: (run["started"], run["id"]), reverse=True)


def previous(out: Path, run: dict) -> dict | None:
    """The findings.json of the newest good run of the same source, redaction and notebooks; None for none."""
    same = ("source", "redacted", "notebooks")
    for earlier in runs(out):
        if earlier["status"] == "ok" and all(_names(earlier[key]) == _names(run[key]) for key in same):
            with suppress(OSError, ValueError):
                return json.loads((out / earlier["id"] / "findings.json").read_text())
    return None


def _names(value: object) -> object:
    return [each["name"] for each in value] if isinstance(value, list) else value


def link_latest(out: Path) -> None:
    """`latest` in `out` points at the newest run that went well; swapped in one step."""
    good = next((run["id"] for run in runs(out) if run["status"] == "ok"), None)
    if good:
        aside = out / f".latest-{os.getpid()}"
        with suppress(FileNotFoundError):
            aside.unlink()
        aside.symlink_to(good, target_is_directory=True)
        aside.replace(out / "latest")


def keep_newest(out: Path, number: int) -> None:
    """Remove all runs but the newest `number`, and but the newest that went well."""
    known = runs(out)
    kept = known[:number] + [run for run in known if run["status"] == "ok"][:1]
    for run in known:
        if run not in kept:
            gone = out / f".gone-{run['id']}"
            with suppress(FileNotFoundError):
                (out / run["id"]).rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
