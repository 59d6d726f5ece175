"""Where a session is recorded while it runs: a folder of its own, locked by the process that records. What a
killed one left is told from what still runs by that lock, and by nothing else.
"""

import fcntl
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.errors import OpsError
from tasks.files import sync_folder, write_whole
from tasks.home import Home
from tasks.texts import t, why

ABOUT, CAST, LOCK = "about.json", "session.cast", "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whose session, where, and why. `started_at`: ISO 8601."""

    contract: str
    host: str
    by: str
    login: str
    reason: str
    started_at: str


def folder_of(home: Home) -> Path:
    return home.run / "sessions"


@contextmanager
def recording(home: Home, about: About) -> Iterator[Path]:
    """The folder, held until the end; what becomes of it is the caller's."""
    folder = folder_of(home) / uuid.uuid4().hex[:12]
    with ExitStack() as held:
        try:
            home.ready(folder)
            # Locked before it says whose it is: what has no name yet is nobody's to take up.
            lock = held.enter_context((folder / LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            write_whole(folder / ABOUT, json.dumps(asdict(about), ensure_ascii=False).encode(), 0o600)
            sync_folder(folder.parent)
        except OSError as problem:
            raise OpsError(t("home.unwritable", path=folder, reason=why(problem))) from problem
        yield folder


def running(home: Home) -> list[About]:
    found = [read_about(path) for path in folders(home) if not abandoned(path)]
    return [one for one in found if one]


@contextmanager
def left(home: Home) -> Iterator[list[Path]]:
    """What nobody records any more; held, so that two who find it do not both enter it."""
    with (home.ready(folder_of(home)) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield [path for path in folders(home) if abandoned(path)]


def folders(home: Home) -> list[Path]:
    found = folder_of(home)
    return sorted(path.parent for path in found.glob(f"*/{ABOUT}")) if found.is_dir() else []


def abandoned(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):  # forgotten just now, or recorded still
        return False
    return True


def read_about(folder: Path) -> About | None:
    """None: forgotten just now, or damaged; no run of anything else may fail for that."""
    try:
        said: dict[str, Any] = json.loads((folder / ABOUT).read_text("utf-8"))
        return About(**said)
    except (OSError, ValueError, TypeError):
        return None


def cast_of(folder: Path) -> bytes:
    path = folder / CAST
    return path.read_bytes() if path.exists() else b""


def forget(folder: Path) -> None:
    """What it says is in the book by now."""
    shutil.rmtree(folder)
    sync_folder(folder.parent)
