"""What every test has: a time zone that is not UTC, and a cache of its own."""

import os
import time

import matplotlib as mpl
import pytest

os.environ["TZ"] = "Pacific/Auckland"
time.tzset()
mpl.use("agg")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    os.environ["FLOWKIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def third_party():
    """The folder of files that nobody here wrote; skipped on a bare machine, an error in CI."""
    from pathlib import Path

    folder = os.environ.get("FLOWKIT_THIRD_PARTY")
    if not folder:
        assert not os.environ.get("CI"), "CI must set FLOWKIT_THIRD_PARTY"
        pytest.skip("FLOWKIT_THIRD_PARTY names no folder of third-party flow logs")
    return Path(folder)
