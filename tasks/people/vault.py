"""Small private JSON files that several processes change: one writer at a time, whole or unchanged."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.errors import OpsError, Refused
from tasks.files import write_whole
from tasks.home import Home
from tasks.texts import t, why

PRIVATE = 0o600


def read_private(path: Path) -> bytes | None:
    """The bytes of a file that only its owner may read; None if there is no such file."""
    try:
        with path.open("rb") as file:
            # The open file is asked, not the path: nothing can be swapped in between.
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise Refused(t("people.readable_by_others", path=path))
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise OpsError(t("people.unreadable", path=path, reason=why(problem))) from problem


def write_private(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content, PRIVATE)
    except OSError as problem:
        raise OpsError(t("people.unwritable", path=path, reason=why(problem))) from problem


@contextmanager
def alone(home: Home, name: str) -> Iterator[Path]:
    """Until the end of the block no other process is inside an `alone` of that name."""
    folder = home.ready(home.secrets)
    try:
        handle = os.open(folder / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as problem:
        raise OpsError(t("people.unwritable", path=folder, reason=why(problem))) from problem
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(handle)


def look(home: Home, name: str) -> dict[str, Any]:
    """What `name`.json holds; it is replaced whole, so that reading needs no lock."""
    path = home.secrets / f"{name}.json"
    content = read_private(path)
    if content is None:
        return {}
    try:
        held = json.loads(content)
    except ValueError as problem:
        raise OpsError(t("people.damaged", path=path)) from problem
    if not isinstance(held, dict) or not all(isinstance(entry, dict) for entry in held.values()):
        raise OpsError(t("people.damaged", path=path))
    return held


@contextmanager
def changing(home: Home, name: str) -> Iterator[dict[str, Any]]:
    """What `name`.json holds, to be changed in place: on disk when the block has ended well."""
    with alone(home, name) as folder:
        held = look(home, name)
        before = json.dumps(held)
        yield held
        if json.dumps(held) != before:
            text = json.dumps(held, ensure_ascii=False, indent=1, sort_keys=True)
            write_private(folder / f"{name}.json", text.encode())
