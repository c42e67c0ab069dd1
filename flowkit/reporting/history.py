"""The runs in a reports folder: made aside and renamed into place, listed, linked, removed."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

from flowkit.reporting.errors import ReportError
from flowkit.reporting.kinds import SEVERITIES

#: What this version needs of a run.json, so that it can be listed.
NEEDED = {"id": str, "started": str, "status": str, "source": str, "redacted": bool, "notebooks": list,
          "counts": dict, "seconds": int | float}  # fmt: skip
TEMPORARY = "flowkit-run-"


@contextmanager
def new_run(out: Path, shared: bool = False) -> Iterator[Path]:
    """A hidden folder to make a run in, its owner's, and the group's where `shared`; on leaving it is renamed to the run's own
    name, and where making fails nothing stays."""
    folder_mode, file_mode = (0o750, 0o640) if shared else (0o700, 0o600)
    try:
        out.mkdir(folder_mode, parents=True, exist_ok=True)
        _sweep(out, ".[0-9]*Z*", ".gone-*")
        with _own(partial(_reserved, out)) as folder:
            try:
                yield folder
                for path in folder.iterdir():
                    path.chmod(file_mode)
                folder.chmod(folder_mode)
                folder.rename(out / folder.name[1:])
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                with suppress(OSError):  # Only an empty folder goes, such as one that was made for this run.
                    out.rmdir()
                raise
    except OSError as error:
        raise ReportError(f"{out} cannot be written: {error.strerror or error}") from None


def _reserved(out: Path) -> Path:
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
    names = (f"{moment}-{number}" if number > 1 else moment for number in count(1))
    while True:
        name = next(names)
        with suppress(FileExistsError):
            folder = out / f".{name}"
            folder.mkdir(0o700)
            if not (out / name).exists():
                return folder
            folder.rmdir()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A temporary folder of this process alone; what killed processes left of theirs goes."""
    _sweep(Path(tempfile.gettempdir()), f"{TEMPORARY}*")
    with _own(lambda: Path(tempfile.mkdtemp(prefix=TEMPORARY))) as folder:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _own(make: Callable[[], Path]) -> Iterator[Path]:
    """The folder that `make` makes, locked as long as this lasts or the process lives."""
    while True:
        folder = make()
        with suppress(FileNotFoundError, BlockingIOError):  # Another process swept it before it was locked.
            handle = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if isinstance(error, BlockingIOError):  # A file system may have no locks.
                    os.close(handle)
                    raise
            if folder.exists():
                break
            os.close(handle)
    try:
        yield folder
    finally:
        os.close(handle)


def _sweep(parent: Path, *patterns: str) -> None:
    """Remove the folders in `parent` that killed processes of this user left behind."""
    for folder in (each for pattern in patterns for each in parent.glob(pattern)):
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(handle).st_uid == os.getuid():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write `text` to `path` at once: a reader sees the old file or the new one."""
    aside = path.with_name(f".{path.name}-{os.getpid()}")
    aside.write_bytes(text.encode("utf-8", "backslashreplace"))  # A file's name may be bytes of no text.
    aside.chmod(mode)
    aside.replace(path)


def runs(out: Path) -> list[dict]:
    """Return what run.json says of every run in `out`, newest first; files of other programs are passed over."""
    found = []
    for path in out.glob("[!.]*/run.json"):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            run = json.loads(path.read_text(encoding="utf-8"))
            is_ours = run["id"] == path.parent.name and all(isinstance(run[key], kind) for key, kind in NEEDED.items())
            whole = all({"name", "failure"} <= each.keys() for each in run["notebooks"])
            if is_ours and whole and set(SEVERITIES) <= run["counts"].keys() and not path.parent.is_symlink():
                found.append(run)
    return sorted(found, key=lambda run: (run["started"], run["id"]), reverse=True)


def previous(out: Path, source: str, redacted: bool, notebooks: list[str]) -> dict | None:
    """Return the findings.json of the newest good run of the same source, redaction and notebooks; None for none."""
    for run in runs(out):
        names = [each["name"] for each in run["notebooks"]]
        if ("ok", source, redacted, notebooks) == (run["status"], run["source"], run["redacted"], names):
            with suppress(OSError, ValueError, KeyError, TypeError):
                earlier = json.loads((out / run["id"] / "findings.json").read_text(encoding="utf-8"))
                for each in earlier["findings"]:  # Another version's, or another program's, may be unlike ours.
                    each["notebook"], each["id"], each["title"], each["kind"], SEVERITIES.index(each["severity"])
                return earlier
    return None


def link_latest(out: Path) -> None:
    """Let `latest` in `out` point at the newest run that went well; swapped in one step."""
    good = next((run["id"] for run in runs(out) if run["status"] == "ok"), None)
    if good:
        aside = out / f".latest-{os.getpid()}"
        aside.unlink(missing_ok=True)
        aside.symlink_to(good, target_is_directory=True)
        aside.replace(out / "latest")


def keep_newest(out: Path, number: int) -> None:
    """Remove all runs but the newest `number`, and but the newest that went well."""
    known = runs(out)
    staying = known[:number] + [run for run in known if run["status"] == "ok"][:1]
    for run in known:
        if run not in staying:
            with suppress(OSError):
                shutil.rmtree((out / run["id"]).rename(out / f".gone-{run['id']}"), ignore_errors=True)
