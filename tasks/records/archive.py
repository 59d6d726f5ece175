"""Backup and restore of the book itself: a folder or a tar, verified before it counts.

A backup holds `book.sqlite`, `seals/` and the blobs that its records name: one snapshot, taken
while writers go on. A restore takes nothing but those names from an archive and never deletes a
book: the one it replaces is moved aside.
"""

import errno
import os
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import zstandard
from sqlalchemy import select

from tasks import clock
from tasks.errors import OpsError, Refused
from tasks.files import sync_folder
from tasks.records import document as documents
from tasks.records.book import Book
from tasks.records.database import records, troubles
from tasks.records.seals import Seals, content
from tasks.records.verification import Verification
from tasks.texts import t

Stage = Callable[[str, int, int], None]  # "copy" (files) or "verify" (records), done, total

MEMBER = re.compile(
    r"book\.sqlite(-wal)?|seals/[a-z][a-z0-9-]*\.json|blobs/([0-9a-f]{2})/\2[0-9a-f]{62}\.zst"
)
# Also what a killed writer left half-written: it is in no record.
SKIPPED = re.compile(r"book\.(lock|sqlite-shm)|blobs/tmp/[^/]+|seals/\.[^/.][^/]*")
TARS = (".tar", ".tar.zst")
OTHER_ARCHIVES = (".gz", ".tgz", ".zip", ".7z", ".xz", ".bz2", ".zst")
BLOCK = 1024 * 1024


def silent(stage: str, done: int, total: int) -> None:
    """No progress wanted."""


def backup(book: Book, to: Path, stage: Stage = silent) -> Verification:
    """Write a verified copy of the book to `to`, a name that is not taken yet."""
    to = to.absolute()
    if to.exists():
        raise Refused(t("records.target_exists", path=to))
    if not to.name.endswith(TARS) and to.name.endswith(OTHER_ARCHIVES):
        raise Refused(t("records.archive_kind", path=to))
    if not book.database.exists():
        raise Refused(t("records.no_book", path=book.path))
    with troubles(to), _staging(to) as staging:
        _snapshot(book, staging)
        if to.name.endswith(TARS):
            archive = staging.with_suffix(".archive")
            try:
                _pack(book, staging, archive, to.name.endswith(".zst"), stage)
                shutil.rmtree(staging)
                _unpack(archive, staging, silent)
                verification = _verified(staging, stage)
                archive.replace(to)
            finally:
                archive.unlink(missing_ok=True)
        else:
            _copy_blobs(book, staging, stage)
            verification = _verified(staging, stage)
            staging.rename(to)
        sync_folder(to.parent)
    return verification


@dataclass(frozen=True, slots=True)
class Restored:
    """What was checked, and where the book lies that was in the place before."""

    verification: Verification
    aside: Path | None


def restore(source: Path, to: Path, replace: bool = False, stage: Stage = silent) -> Restored:
    """Bring a backup back as the book `to`; a book in that place is moved aside if `replace`."""
    to = to.absolute()
    _may_take(to, replace)
    with troubles(to), _staging(to) as staging:
        _unpack(source, staging, stage)
        if not (staging / "book.sqlite").is_file():
            raise Refused(t("records.not_a_backup", path=source))
        verification = _verified(staging, stage)
        return Restored(verification, _put(staging, to, replace))


@contextmanager
def _staging(to: Path) -> Iterator[Path]:
    """A private folder beside `to`, gone at the end unless it was renamed."""
    to.parent.mkdir(parents=True, exist_ok=True)
    staging = to.with_name(f".{to.name}.{os.getpid()}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _snapshot(book: Book, staging: Path) -> None:
    """Database and seals of one moment: writers wait while the snapshot is opened, not while
    it is copied."""
    with ExitStack() as stack:
        with _still(book):
            connection = stack.enter_context(book.database.reading())
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
            seals = _read_seals(book.seals)
        source = cast(sqlite3.Connection, connection.connection.driver_connection)
        target = sqlite3.connect(staging / "book.sqlite")
        try:
            source.backup(target)
            # A copy at rest needs no WAL: so it can be read on a medium that cannot be written.
            target.execute("PRAGMA journal_mode=DELETE")
        finally:
            target.close()
    (staging / "seals").mkdir(mode=0o700)
    for name, raw in seals.items():
        _write(staging / "seals" / name, [raw])
    _sync(staging / "book.sqlite")


@contextmanager
def _still(book: Book) -> Iterator[None]:
    """No writer for a moment. On a disk gone read-only there is none, nor a place for the lock, and
    that is when a backup is wanted most."""
    if os.statvfs(book.path).f_flag & os.ST_RDONLY:
        yield
        return
    with book.lock():
        yield


def _read_seals(seals: Seals) -> dict[str, bytes]:
    found = {}
    for contract in seals.contracts():
        try:
            seal = seals.read(contract)
        except documents.Unreadable as problem:
            raise OpsError(t("records.seal_refused", contract=contract)) from problem
        if seal:
            found[seals.path(contract).name] = content(contract, seal)
    return found


def _digests(book: Book) -> Iterator[str]:
    """Every blob that a record of this book names, once; a record that cannot be read names none."""
    seen = set()
    with book.database.reading() as connection:
        for text in connection.execute(select(records.c.document)).yield_per(200).scalars():
            try:
                named = [item.digest for item in documents.evidence_of(documents.read(text))]
            except documents.Unreadable:
                continue
            for digest in named:
                if digest not in seen:
                    seen.add(digest)
                    yield digest


def _copy_blobs(book: Book, staging: Path, stage: Stage) -> None:
    digests = list(_digests(Book(staging)))
    for done, digest in enumerate(digests, 1):
        source = book.blobs.path(digest)
        # One that is missing is named by the verification that follows.
        if source.is_file():
            with source.open("rb") as file:
                _write(staging / "blobs" / digest[:2] / source.name, _blocks(file))
        stage("copy", done, len(digests))


def _pack(book: Book, staging: Path, archive: Path, compressed: bool, stage: Stage) -> None:
    digests = list(_digests(Book(staging)))
    handle = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file, ExitStack() as stack:
        outer: BinaryIO = file
        # Blobs are compressed already: the outer layer is for the database.
        if compressed:
            writer = zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False)
            outer = cast(BinaryIO, stack.enter_context(writer))
        with tarfile.open(fileobj=outer, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            paths = [path for path in sorted(staging.rglob("*")) if path.is_file()]
            for path in paths:
                _add(tar, path, str(path.relative_to(staging)))
            for done, digest in enumerate(digests, 1):
                path = book.blobs.path(digest)
                if path.is_file():
                    _add(tar, path, f"blobs/{digest[:2]}/{path.name}")
                stage("copy", done, len(digests))
    _sync(archive)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    with path.open("rb") as file:
        member = tar.gettarinfo(arcname=name, fileobj=file)
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode = 0o600
        tar.addfile(member, file)


def _unpack(source: Path, staging: Path, stage: Stage) -> None:
    staging.mkdir(mode=0o700, exist_ok=True)
    if not source.exists():
        raise Refused(t("records.no_such_backup", path=source))
    members = _folder_members(source) if source.is_dir() else _tar_members(source)
    try:
        for done, (name, file) in enumerate(members, 1):
            _write(staging / name, _blocks(file))
            stage("copy", done, 0)
    except (tarfile.TarError, zstandard.ZstdError, EOFError, FileExistsError) as problem:
        raise Refused(t("records.broken_archive", path=source, reason=problem)) from problem


def _folder_members(source: Path) -> Iterator[tuple[str, BinaryIO]]:
    for path in sorted(source.rglob("*")):
        name = str(path.relative_to(source))
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise Refused(t("records.hostile_member", name=name))
        if path.is_file() and _wanted(name):
            with path.open("rb") as file:
                yield name, file


def _tar_members(source: Path) -> Iterator[tuple[str, BinaryIO]]:
    with source.open("rb") as file:
        is_zstd = file.read(4) == zstandard.FRAME_HEADER
        file.seek(0)
        outer = zstandard.ZstdDecompressor().stream_reader(file) if is_zstd else file
        with tarfile.open(fileobj=cast(BinaryIO, outer), mode="r|") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if member.isdir():
                    continue
                if not member.isreg():
                    raise Refused(t("records.hostile_member", name=name))
                if _wanted(name):
                    yield name, cast(BinaryIO, tar.extractfile(member))


def _wanted(name: str) -> bool:
    """Only the names a book consists of: no path of an archive is ever trusted."""
    if SKIPPED.fullmatch(name):
        return False
    if not MEMBER.fullmatch(name):
        raise Refused(t("records.hostile_member", name=name))
    return True


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _write(path: Path, blocks: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("xb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fchmod(file.fileno(), 0o600)
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _verified(folder: Path, stage: Stage) -> Verification:
    verification = Book(folder).verify(progress=lambda done, total: stage("verify", done, total))
    if not verification.ok:
        raise Refused(t("records.copy_has_problems"), verification.problems)
    return verification


def _may_take(to: Path, replace: bool) -> None:
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not (to.is_dir() and (to / "book.sqlite").is_file()):
        raise Refused(t("records.not_a_book", path=to))
    if not replace:
        raise Refused(t("records.book_exists", path=to))


def _put(staging: Path, to: Path, replace: bool) -> Path | None:
    """Move the new book into its place, and what was there beside it."""
    asides = []
    for last in (False, False, True):
        _may_take(to, replace)
        with ExitStack() as stack:
            if (to / "book.sqlite").is_file():
                # Writers that wait for the old book's lock find the new one when they get it.
                stack.enter_context(Book(to).lock())
                asides.append(to.with_name(f"{to.name}.replaced-{clock.now():%Y%m%d-%H%M%S-%f}"))
                to.rename(asides[-1])
            try:
                staging.rename(to)
                break
            except OSError as problem:
                # A writer that came between the two renames has begun a book of its own here.
                if last or problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
    sync_folder(to.parent)
    return asides[0] if asides else None
