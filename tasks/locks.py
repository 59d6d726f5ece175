"""One at a time: locks of our own, because the command line goes past Prefect's limits.

A contract is shared by the routines that only look and held alone by one that changes something;
and no routine runs twice at once. The kernel drops a lock with its process, however that dies.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tasks import clock
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.log import log
from tasks.texts import t, why

# `is_held` asks by taking the lock for an instant: that alone must not turn a run away.
PATIENCE_SECONDS = 0.5
# What changes something is due once; an inspection that is under way then is over in minutes.
CHANGE_PATIENCE_SECONDS = 900


@contextmanager
def held(
    home: Home,
    contract: str,
    routine: str,
    *,
    changes: bool,
    title: str,
    patience: float = PATIENCE_SECONDS,
    twin_patience: float = PATIENCE_SECONDS,
) -> Iterator[None]:
    """How long to wait for those who have the contract, and for a run of the same routine."""
    with ExitStack() as stack:
        folder = home.ready(home.run / "locks")
        own = folder / f"{contract}.{routine}.lock"
        stack.enter_context(_lock(own, shared=False, title=title, patience=twin_patience))
        whole = folder / f"{contract}.lock"
        stack.enter_context(_lock(whole, shared=not changes, title=title, patience=patience))
        yield


@contextmanager
def held_beside(home: Home, contract: str, routine: str, title: str) -> Iterator[None]:
    """For what looks from outside while something is being changed, a switchover above all."""
    folder = home.ready(home.run / "locks")
    with _lock(folder / f"{contract}.{routine}.lock", shared=False, title=title):
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
def _lock(path: Path, *, shared: bool, title: str, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    try:
        file = path.open("a+")
    except OSError as problem:
        raise OpsError(t("home.unwritable", path=path, reason=why(problem))) from problem
    with file:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        got = _taken(file.fileno(), kind, PATIENCE_SECONDS)
        if not got and patience > PATIENCE_SECONDS:
            log.info(t("locks.waiting", holder=_holder(path), minutes=patience / 60))
            got = _taken(file.fileno(), kind, patience)
        if not got:
            raise Refused(t("locks.busy", holder=_holder(path)))
        if title:
            _sign(file.fileno(), path, title)
        yield


def _sign(handle: int, path: Path, title: str) -> None:
    """Past the file's buffer: what a full disk does not take would fail again at closing."""
    holder = {"title": title, "pid": os.getpid(), "since": f"{clock.now():%Y-%m-%d %H:%M:%S}"}
    try:
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(holder, ensure_ascii=False).encode())
    except OSError as problem:
        raise OpsError(t("home.unwritable", path=path, reason=why(problem))) from problem


def _taken(handle: int, kind: int, patience: float) -> bool:
    give_up = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.02 if patience <= PATIENCE_SECONDS else 0.2)


def _holder(path: Path) -> str:
    """Who holds it, as far as they said: a reader never waits for that."""
    try:
        said = json.loads(path.read_text("utf-8"))
        return t("locks.holder", **said)
    except (ValueError, KeyError, TypeError):
        return t("locks.someone")
