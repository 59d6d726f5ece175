"""The book's database: tables, triggers, migrations, and connections that write or only read.

What is particular to SQLite is in this file; the rest of the room speaks SQLAlchemy Core.
"""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, Text, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tasks.errors import OpsError
from tasks.files import sync_folder
from tasks.texts import t, why


class NewerBook(OpsError):
    """Written by a later version of this program: neither damaged nor readable here."""


Migration = Callable[[Connection], None]
BUSY_SECONDS = 30

records = Table(
    "records",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("contract", Text),
    Column("seq", Integer),
    Column("hash", Text),
    Column("recorded_at", Text),
    Column("routine", Text),
    Column("plan_id", Text),
    Column("started_at", Text),
    Column("outcome", Text),
    Column("document", Text),
)

FIRST = (
    """CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        contract TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL, recorded_at TEXT NOT NULL,
        routine TEXT NOT NULL, plan_id TEXT NOT NULL, started_at TEXT NOT NULL, outcome TEXT NOT NULL,
        document TEXT NOT NULL,
        UNIQUE (contract, seq)
    )""",
    "CREATE INDEX records_by_start ON records (contract, started_at)",
    "CREATE INDEX records_by_routine ON records (contract, routine, started_at)",
    "CREATE INDEX records_by_plan ON records (plan_id)",
    """CREATE TRIGGER records_no_update BEFORE UPDATE ON records
        BEGIN SELECT RAISE(ABORT, 'the book is append-only'); END""",
    """CREATE TRIGGER records_no_delete BEFORE DELETE ON records
        BEGIN SELECT RAISE(ABORT, 'the book is append-only'); END""",
    # INSERT OR REPLACE deletes without firing the trigger above.
    """CREATE TRIGGER records_no_replace BEFORE INSERT ON records WHEN EXISTS (
        SELECT 1 FROM records WHERE id = NEW.id OR (contract = NEW.contract AND seq = NEW.seq)
        ) BEGIN SELECT RAISE(ABORT, 'the book is append-only'); END""",
)


def first(connection: Connection) -> None:
    for statement in FIRST:
        connection.exec_driver_sql(statement)


# In order; the number of those applied is PRAGMA user_version. One that was released is never
# changed again, adds tables, columns or indexes only, and rewrites no document.
MIGRATIONS: tuple[Migration, ...] = (first,)


class Database:
    def __init__(self, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self.path = path
        self.migrations = tuple(migrations)
        self._writer = _engine(lambda: _open(path, "mode=rwc"))
        self._reader = _engine(lambda: open_to_read(path))

    def exists(self) -> bool:
        return self.path.is_file()

    def version(self, connection: Connection) -> int:
        """How many migrations were applied; a newer book than this program knows is refused."""
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if version > len(self.migrations):
            raise NewerBook(
                t("records.newer_book", path=self.path, found=version, known=len(self.migrations))
            )
        return version

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot, which stays as it is while writers go on."""
        with troubles(self.path), self._reader.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            self.version(connection)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits only if told to; the caller holds the writers' lock."""
        with troubles(self.path):
            is_new = not self.exists()
            with self._writer.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                connection.exec_driver_sql("PRAGMA synchronous=FULL")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                self._migrate(connection)
                if is_new:
                    sync_folder(self.path.parent)
                yield connection
                connection.rollback()

    def _migrate(self, connection: Connection) -> None:
        version = self.version(connection)
        if version == len(self.migrations):
            return
        for migration in self.migrations[version:]:
            migration(connection)
        connection.exec_driver_sql(f"PRAGMA user_version={len(self.migrations)}")
        connection.commit()
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def expected_schema(self, version: int) -> dict[tuple[str, str], str]:
        """What a book of this version must consist of, triggers included."""
        with _engine(lambda: _open(None, "mode=memory")).connect() as connection:
            for migration in self.migrations[:version]:
                migration(connection)
            return schema(connection)


def schema(connection: Connection) -> dict[tuple[str, str], str]:
    rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master")
    return {
        (str(kind), str(name)): str(sql) for kind, name, sql in rows if not str(name).startswith("sqlite_")
    }


def _engine(creator: Callable[[], sqlite3.Connection]) -> Engine:
    # No pool: a connection that outlives its use would still point at a book moved aside.
    return create_engine("sqlite://", creator=creator, poolclass=NullPool)


def _open(path: Path | None, query: str) -> sqlite3.Connection:
    # isolation_level None: transactions begin where this room says BEGIN, nowhere else.
    connection = sqlite3.connect(
        f"file:{quote(str(path or ''))}?{query}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = _decoded
    return connection


def _decoded(raw: bytes) -> str | bytes:
    """Damaged text must come out as a difference, not as an exception of the driver."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def open_to_read(path: Path) -> sqlite3.Connection:
    """Without the lock. WAL needs a file of its own beside the database, also to read: where none
    can be made (read-only medium, full disk) and nobody left a WAL, the file is read as it is."""
    connection = _open(path, "mode=ro")
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.OperationalError:
        connection.close()
        wal = path.with_name(f"{path.name}-wal")
        no_room = _full(path.parent) or not os.access(path.parent, os.W_OK)
        if not no_room or (wal.exists() and wal.stat().st_size):
            raise
        return _open(path, "mode=ro&immutable=1")
    return connection


@contextmanager
def troubles(path: Path) -> Iterator[None]:
    """Failures of disk and database, in words."""
    try:
        yield
    except DBAPIError as problem:
        raise OpsError(_told(path, problem.orig)) from problem
    except sqlite3.Error as problem:
        raise OpsError(_told(path, problem)) from problem
    except UnicodeDecodeError as problem:  # SQLite's own message quotes a damaged name
        raise OpsError(t("records.damaged", path=path, reason=t("records.damaged_names"))) from problem
    except OSError as problem:
        raise OpsError(_failed(path, problem)) from problem


def _told(path: Path, problem: BaseException | None) -> str:
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return t("records.disk_full", path=path.parent)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return t("records.no_write", path=path.parent, reason=problem)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return t("records.locked", path=path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return t("records.damaged", path=path, reason=problem)
    if code == sqlite3.SQLITE_IOERR and _full(path.parent):
        return t("records.disk_full", path=path.parent)
    return t("records.database_failed", path=path, reason=problem)


def _failed(path: Path, problem: OSError) -> str:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return t("records.disk_full", path=path.parent)
    if problem.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return t("records.no_write", path=path.parent, reason=why(problem))
    return t("records.file_failed", path=problem.filename or path, reason=why(problem))


def _full(folder: Path) -> bool:
    try:
        return os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize < 1024 * 1024
    except OSError:
        return False
