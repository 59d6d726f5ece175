"""What several kinds of tests share."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.installation import Installation, running

# Thousands of small files are written, synced and removed: in memory that costs nothing.
MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30

# In this order: the first of them finds the installation as it was made.
SHARED = (
    "tests/integration/test_up.py",
    "tests/integration/test_credential_blocks.py",
    "tests/e2e/",
    "tests/integration/test_up_schedule.py",
)
LONG = ("tests/integration/test_up_anew.py",)


STARTED = pytest.StashKey[Installation]()


class OneInstallation(LoadFileScheduling):  # type: ignore[misc]
    """The files that share an installation go to one worker: each other would start a whole product more."""

    def _split_scope(self, nodeid: str) -> str:
        return "installation" if nodeid.startswith(SHARED) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return OneInstallation(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_configure(config: pytest.Config) -> None:
    """Workers inherit it; whoever sets TMPDIR has another place in mind."""
    if "TMPDIR" in os.environ or not (MEMORY.is_mount() and shutil.disk_usage(MEMORY).free > ROOM):
        return
    # A short name: sockets lie below it. Servers' own users pass through it.
    tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="t-", dir=MEMORY)
    Path(tempfile.tempdir).chmod(0o755)
    config.add_cleanup(lambda: shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True))


def pytest_collection_finish() -> None:
    """What is loaded by now stays: not looked through again with every collection of garbage."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are given out whole, in this order: what starts the whole product is not left for the end."""
    items.sort(key=lambda item: [not item.nodeid.startswith(place) for place in (*SHARED, *LONG)])


@pytest.fixture(scope="session")
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """One installation for all tests that only use it."""
    with running(tmp_path_factory.mktemp("installation")) as started:
        request.config.stash[STARTED] = started
        yield started


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Where nobody needs the installation any more it does not go on working beside the other tests."""
    last = item.nodeid.startswith(SHARED) and not (nextitem and nextitem.nodeid.startswith(SHARED))
    if last and (started := item.config.stash.get(STARTED, None)):
        started.stop()
