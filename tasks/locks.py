"""One at a time: locks of our own, because the command line goes past Prefect's limits.

A contract is shared by the routines that only look and held alone by one that changes something;
and no routine runs twice at once. The kernel drops a lock with its process, however that dies.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tasks import clock
from tasks.errors import Refused
from tasks.home import Home
from tasks.texts import t


@contextmanager
def held(home: Home, contract: str, routine: str, *, changes: bool, title: str) -> Iterator[None]:
    with ExitStack() as stack:
        folder = home.ready(home.run / "locks")
        stack.enter_context(_lock(folder / f"{contract}.{routine}.lock", shared=False, title=title))
        stack.enter_context(_lock(folder / f"{contract}.lock", shared=not changes, title=title))
        yield


def is_held(home: Home, contract: str, routine: str) -> bool:
    path = home.run / "locks" / f"{contract}.{routine}.lock"
    if not path.exists():
        return False
    try:
        with _lock(path, shared=True, title=""):
            return False
    except Refused:
        return True


@contextmanager
def _lock(path: Path, *, shared: bool, title: str) -> Iterator[None]:
    with path.open("a+") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            raise Refused(t("locks.busy", holder=_holder(path))) from busy
        if title:
            file.truncate(0)
            holder = {"title": title, "pid": os.getpid(), "since": f"{clock.now():%Y-%m-%d %H:%M:%S}"}
            json.dump(holder, file, ensure_ascii=False)
            file.flush()
        yield


def _holder(path: Path) -> str:
    """Who holds it, as far as they said: a reader never waits for that."""
    try:
        said = json.loads(path.read_text("utf-8"))
        return t("locks.holder", **said)
    except (ValueError, KeyError, TypeError):
        return t("locks.someone")
