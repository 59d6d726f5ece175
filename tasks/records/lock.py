"""One writer at a time: flock on `book.lock`, between processes and between threads."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import OpsError
from tasks.texts import t

PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.005


@contextmanager
def held(path: Path, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Wait for the lock, then hold it. The kernel frees it when its holder dies."""
    deadline = time.monotonic() + patience
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _wait(handle, deadline, path)
            # A restore may have moved the whole book aside while this writer waited.
            if _same(handle, path):
                yield
                return
        finally:
            os.close(handle)


def _wait(handle: int, deadline: float, path: Path) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OpsError(t("records.locked", path=path)) from None
            time.sleep(POLL_SECONDS)


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
