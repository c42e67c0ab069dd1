"""What every test has: a time zone that is not UTC, and a cache of its own; what several files read is made once."""

import fcntl
import os
import time
from pathlib import Path

import matplotlib as mpl
import pytest

from flowkit import cli

os.environ["TZ"] = "Pacific/Auckland"
time.tzset()
mpl.use("agg")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    os.environ["FLOWKIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))


#: The files that take longest, longest first: begun last, one of them would leave the other workers idle.
LONG = (
    "test_notebooks test_rejected test_gaps test_report test_reachability test_what_if test_pages test_engines test_cache"
    " test_worlds test_surroundings test_korean test_browser test_simulate test_egress test_log"
).split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `LONG` first; the others keep their order."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors, for reports and browsers are waited for."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def sample_reports(tmp_path_factory) -> Path:
    """A folder with one report of the sample, all notebooks and a bundle, which all workers share: to be read only."""
    home = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        home = home.parent
    out = home / "sample-reports"
    with (home / "sample-reports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            assert cli.main(["report", "--bundle", "--out", str(out), "--fail-on", "high"]) == 3
    return out


def _folder(variable: str, what: str) -> Path:
    """The folder that the environment names; skipped on a bare machine, an error in CI."""
    folder = os.environ.get(variable)
    if not folder:
        assert not os.environ.get("CI"), f"CI must set {variable}"
        pytest.skip(f"{variable} names no folder of {what}")
    return Path(folder)


@pytest.fixture(scope="session")
def third_party() -> Path:
    """The folder of files that nobody here wrote."""
    return _folder("FLOWKIT_THIRD_PARTY", "third-party flow logs")


@pytest.fixture(scope="session")
def case_folder() -> Path:
    """The folder of small inputs with their outcomes, as `test_cases` reads it."""
    return _folder("FLOWKIT_CASES", "cases")
