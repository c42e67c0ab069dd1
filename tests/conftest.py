"""What every test has: a time zone that is not UTC, and a cache of its own."""

import os
import time
from pathlib import Path

import matplotlib as mpl
import pytest

os.environ["TZ"] = "Pacific/Auckland"
time.tzset()
mpl.use("agg")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    os.environ["FLOWKIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))


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
