"""A folder on this machine or on a mounted share: temporary → fsync → rename.

A share whose server is gone and that was mounted `hard` blocks whoever touches it, for as long as that lasts:
no program can end that. Mount it `soft` or with `timeo`, or it is the run's heartbeat that tells.
"""

import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks import clock
from tasks.errors import OpsError, Refused
from tasks.files import sync_folder
from tasks.storage import STORES, Full, Missing, Site, Stored, sound
from tasks.strict import Shape
from tasks.texts import t, why

CHUNK = 2**20
# How much is written between two looks at what is free.
LOOK_EVERY = 64 * CHUNK
TRIES = 20
UNFINISHED = ".unfinished-"
FULL = (28, 122)  # ENOSPC, EDQUOT
# A file system's own; nobody but root looks inside.
LOST = "lost+found"


class FolderSettings(Shape):
    kind: Literal["folder"]
    # A relative path starts at the state folder.
    path: Annotated[str, Field(min_length=1, max_length=500)]
    # The path is where a share is mounted: refused while it is not, or the disk below would be filled. A
    # folder inside the share needs no word: without the share it is not there.
    mounted: Annotated[bool, Field(strict=True)] = False
    # Never filled beyond this: GiB that stay free.
    keep_free: Annotated[float, Field(ge=0)] = 1


@STORES.add("folder")
class Folder:
    Settings = FolderSettings
    locks = False
    lock_days = 0
    late = timedelta(0)

    def __init__(self, settings: FolderSettings, site: Site) -> None:
        self.root = Path(site.home.root / settings.path)
        self.keep_free = int(settings.keep_free * 2**30)
        if not Path(settings.path).is_absolute():
            site.home.ready(self.root)
        self._device = self._look(settings.mounted)

    def _look(self, mounted: bool) -> int:
        try:
            if not self.root.is_dir():
                raise OpsError(t("storage.no_folder", path=self.root))
            if mounted and not os.path.ismount(self.root):
                raise OpsError(t("storage.not_mounted", path=self.root))
            return self.root.stat().st_dev
        except OSError as problem:
            raise OpsError(t("storage.folder_failed", path=self.root, reason=why(problem))) from problem

    def put(self, key: str, chunks: Iterable[bytes]) -> Stored:
        path = self._path(key)
        temporary = path.parent / f"{UNFINISHED}{secrets.token_hex(8)}"
        with self._troubles(key):
            handle = self._created(temporary)
        try:
            self._fill(handle, key, chunks)
            with self._troubles(key):
                temporary.rename(path)
                sync_folder(path.parent)
                return self._stored(key, path.lstat())
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    def _created(self, temporary: Path) -> int:
        """In a folder that is there: somebody who deletes the last object in it takes it away."""
        for _ in range(TRIES):
            with suppress(FileNotFoundError):
                self._ready(temporary.parent)
                return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        raise OpsError(t("storage.gone", path=temporary.parent))

    def _ready(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
            sync_folder(one.parent)

    def _fill(self, handle: int, key: str, chunks: Iterable[bytes]) -> None:
        """An error out of `chunks` is the source's own, and goes up as it is."""
        size, look = 0, 0
        try:
            for chunk in chunks:
                with self._troubles(key):
                    if size >= look:
                        look = size + LOOK_EVERY
                        if self.free() == 0:
                            raise Full(t("storage.full", path=self.root))
                    write_all(handle, chunk)
                size += len(chunk)
            with self._troubles(key):
                os.fsync(handle)
                if (found := os.fstat(handle).st_size) != size:
                    raise OpsError(t("storage.altered", key=key, found=found, expected=size))
        except BaseException:
            with suppress(OSError):
                os.close(handle)
            raise
        with self._troubles(key):
            os.close(handle)  # where NFS tells what it kept to itself so far

    def read(self, key: str) -> Iterator[bytes]:
        path = self._path(key)
        with self._troubles(key), os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def stat(self, key: str) -> Stored | None:
        path = self._path(key)
        try:
            with self._troubles(key):
                found = path.lstat()
        except Missing:
            return None
        return self._stored(key, found) if stat.S_ISREG(found.st_mode) else None

    def objects(self, prefix: str) -> Iterator[Stored]:
        with self._troubles(prefix):
            found = [(self._key(path), path) for path in self._files(prefix)]
        for key, path in sorted(found):
            if not path.name.startswith(".") and (stored := self.stat(key)):
                yield stored

    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            with self._troubles(key):
                path.unlink()
                self._prune(path.parent)
        except Missing:
            return

    def keep(self, key: str, until: datetime) -> None:
        raise Refused(t("storage.no_lock"))

    def free(self) -> int | None:
        with self._troubles():
            room = os.statvfs(self.root)
        return max(room.f_bavail * room.f_frsize - self.keep_free, 0)

    def sweep(self, older_than: timedelta, prefix: str = "") -> list[str]:
        swept = []
        with self._troubles(prefix):
            for path in [one for one in self._files(prefix) if one.name.startswith(UNFINISHED)]:
                if time.time() - path.lstat().st_mtime >= older_than.total_seconds():
                    path.unlink(missing_ok=True)
                    self._prune(path.parent)
                    swept.append(self._key(path))
        return swept

    def _files(self, prefix: str) -> Iterator[Path]:
        """What may be under `prefix`, unfinished ones too; not a share's own (.snapshot)."""
        top = self.root / prefix.rpartition("/")[0]
        for folder, folders, files in os.walk(top, onerror=unless_gone):
            folders[:] = [name for name in folders if not name.startswith(".") and name != LOST]
            yield from (path for name in files if self._key(path := Path(folder) / name).startswith(prefix))

    def _prune(self, folder: Path) -> None:
        """Folders that are empty now; one that is not refuses by itself."""
        sync_folder(folder)
        with suppress(OSError):
            while folder != self.root:
                folder.rmdir()
                folder = folder.parent

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _path(self, key: str) -> Path:
        """Never out of the store by a link that lies in it."""
        path = self.root / sound(key)
        with self._troubles(key):
            if not path.parent.resolve().is_relative_to(self.root.resolve()):
                raise OpsError(t("storage.outside", key=key, path=self.root))
        return path

    def _stored(self, key: str, found: os.stat_result) -> Stored:
        """The time of the last change of whatever kind is the one that nobody can set back."""
        modified = datetime.fromtimestamp(found.st_mtime, clock.ZONE)
        return Stored(key, found.st_size, modified, f"{found.st_ctime_ns}-{found.st_ino}")

    @contextmanager
    def _troubles(self, key: str = "") -> Iterator[None]:
        """Where a share went away nothing is missing: it could not be looked at."""
        try:
            if not self.root.is_dir() or self.root.stat().st_dev != self._device:
                raise OpsError(t("storage.gone", path=self.root))
            yield
        except FileNotFoundError as problem:
            raise Missing(t("storage.missing", key=key or self.root)) from problem
        except OSError as problem:
            if problem.errno in FULL:
                raise Full(t("storage.full", path=self.root)) from problem
            raise OpsError(t("storage.folder_failed", path=self.root / key, reason=why(problem))) from problem


def write_all(handle: int, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(handle, left) :]


def unless_gone(problem: OSError) -> None:
    """A folder that somebody else took away held nothing; one that cannot be read may hold anything."""
    if not isinstance(problem, FileNotFoundError):
        raise problem
