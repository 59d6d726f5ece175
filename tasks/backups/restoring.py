"""A folder that is being restored: under a name beside its place that says so, until all of it is there."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks import clock
from tasks.backups.scratch import LOCK, MARKER, Scratch, end_all_in, in_use, locked, remove
from tasks.errors import OpsError, Refused
from tasks.files import sync_folder, write_whole
from tasks.texts import t, why

SUFFIX = ".unfinished"


def beside(folder: Path) -> Path:
    return folder.with_name(folder.name + SUFFIX)


def room_at(folder: Path) -> int:
    """Where it is going to be: the nearest folder there is."""
    there = next(one for one in folder.absolute().parents if one.is_dir())
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize


def free_place(folder: Path) -> None:
    """Nothing that is there is written over."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Refused(t("restore.not_a_folder", path=folder))
    if folder.is_dir() and any(folder.iterdir()):
        raise Refused(t("restore.not_empty", path=folder))
    left = beside(folder)
    if left.exists() and not (left / MARKER).is_file():
        raise Refused(t("restore.not_ours", path=left))
    if left.exists() and in_use(left):
        raise Refused(t("restore.at_work", path=left))


@contextmanager
def unfinished(folder: Path) -> Iterator[Scratch]:
    """What is put there is at `folder` when all went well, and nowhere when it did not. After a kill -9 it
    stays under a name that says what it is, and the next restore to the same place clears it."""
    free_place(folder)
    work = beside(folder)
    try:
        if work.exists():
            end_all_in(work)
            remove(work)
        work.mkdir(parents=True, mode=0o700)
        said = {"pid": os.getpid(), "since": clock.now().isoformat(timespec="seconds")}
        write_whole(work / MARKER, json.dumps(said).encode())
        with locked(work):
            made = Scratch(work)
            try:
                with settled(made):
                    yield made
                finish(work, folder)
            except BaseException:
                if work.exists():
                    remove(work)
                raise
    except OSError as problem:
        raise OpsError(t("restore.folder_failed", path=folder, reason=why(problem))) from problem


@contextmanager
def settled(made: Scratch) -> Iterator[None]:
    """Servers that were started on it have ended."""
    try:
        yield
    finally:
        for process in list(made.running):
            made.stop(process, signal.SIGTERM)
        made.afterwards.close()


def finish(work: Path, folder: Path) -> None:
    for path in [path for path in work.rglob("*") if path.is_socket()]:
        path.unlink()
    os.sync()
    for name in (MARKER, LOCK):
        (work / name).unlink()
    work.chmod(0o700)
    with contextlib.suppress(FileNotFoundError):
        folder.rmdir()
    work.rename(folder)
    sync_folder(folder.parent)
