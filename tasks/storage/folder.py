"""A folder on this machine or on a mounted share: temporary → fsync → rename."""

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks import clock
from tasks.errors import OpsError
from tasks.files import sync_folder
from tasks.storage import STORES, Full, Missing, Site, Stored
from tasks.strict import Shape
from tasks.texts import t, why

CHUNK = 2**20
UNFINISHED = ".unfinished-"
FULL = (28, 122)  # ENOSPC, EDQUOT


class FolderSettings(Shape):
    kind: Literal["folder"]
    # A relative path starts at the state folder.
    path: Annotated[str, Field(min_length=1, max_length=500)]
    # Never filled beyond this: GiB that stay free.
    keep_free: Annotated[float, Field(ge=0)] = 1

    @property
    def where(self) -> str:
        return self.path


@STORES.add("folder")
class Folder:
    Settings = FolderSettings
    locks = False

    def __init__(self, settings: FolderSettings, site: Site) -> None:
        self.root = Path(site.home.root / settings.path)
        self.keep_free = int(settings.keep_free * 2**30)
        try:
            if not Path(settings.path).is_absolute():
                site.home.ready(self.root)
            elif not self.root.is_dir():
                # A share that is not mounted: making its folder would fill the disk below.
                raise OpsError(t("storage.no_folder", path=self.root))
        except OSError as problem:
            raise OpsError(t("storage.folder_failed", path=self.root, reason=why(problem))) from problem

    def put(self, key: str, chunks: Iterable[bytes]) -> Stored:
        path = self._path(key)
        with self._troubles(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = path.parent / f"{UNFINISHED}{secrets.token_hex(6)}-{path.name}"
            try:
                self._write(temporary, chunks)
                temporary.rename(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)
        return self._stored(key, path)

    def _write(self, temporary: Path, chunks: Iterable[bytes]) -> None:
        with temporary.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            written = 0
            for chunk in chunks:
                file.write(chunk)
                written += len(chunk)
                if written >= 64 * CHUNK:
                    written = 0
                    if self.free() == 0:
                        raise Full(t("storage.full", path=self.root))
            file.flush()
            os.fsync(file.fileno())

    def read(self, key: str) -> Iterator[bytes]:
        path = self._path(key)
        with self._troubles(path), path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def stat(self, key: str) -> Stored | None:
        path = self._path(key)
        with self._troubles(path):
            return self._stored(key, path) if path.is_file() else None

    def objects(self, prefix: str) -> Iterator[Stored]:
        with self._troubles(self.root):
            found = [
                (str(path.relative_to(self.root)), path)
                for path in self.root.rglob("*")
                if path.is_file() and not path.name.startswith(UNFINISHED)
            ]
            for key, path in sorted(found):
                if key.startswith(prefix):
                    yield self._stored(key, path)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._troubles(path):
            path.unlink(missing_ok=True)
            folder = path.parent
            while folder != self.root and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
                folder = folder.parent

    def keep(self, key: str, until: datetime) -> None:
        raise OpsError(t("storage.no_lock"))

    def free(self) -> int | None:
        with self._troubles(self.root):
            room = os.statvfs(self.root)
        return max(room.f_bavail * room.f_frsize - self.keep_free, 0)

    def sweep(self, older_than: timedelta) -> list[str]:
        with self._troubles(self.root):
            old = [
                path
                for path in self.root.rglob(f"{UNFINISHED}*")
                if time.time() - path.stat().st_mtime >= older_than.total_seconds()
            ]
            for path in old:
                path.unlink(missing_ok=True)
        return [str(path.relative_to(self.root)) for path in old]

    def _path(self, key: str) -> Path:
        path = self.root / key
        if ".." in path.parts or path.name.startswith(UNFINISHED):
            raise OpsError(t("storage.bad_key", key=key))
        return path

    def _stored(self, key: str, path: Path) -> Stored:
        found = path.stat()
        modified = datetime.fromtimestamp(found.st_mtime, clock.ZONE)
        return Stored(key, found.st_size, modified, f"{found.st_mtime_ns}-{found.st_ino}")

    @contextmanager
    def _troubles(self, path: Path) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as problem:
            raise Missing(
                t("storage.missing", key=path.relative_to(self.root) if path != self.root else path)
            ) from problem
        except OSError as problem:
            if problem.errno in FULL:
                raise Full(t("storage.full", path=self.root)) from problem
            raise OpsError(t("storage.folder_failed", path=path, reason=why(problem))) from problem
