"""All that is in a server at one point of its log, in few bytes each: rows and definitions.

Several sessions see one and the same snapshot: they begin it while commits stand still for a moment. What is
in no snapshot, definitions, is read before it and again at the end; if it differs, the whole is done again.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pymysql

from tasks.backups.digests import Digest
from tasks.backups.mysql.asking import ask, is_mariadb, setting
from tasks.backups.mysql.definitions import definitions
from tasks.backups.mysql.points import Point
from tasks.backups.mysql.rows import Changed, Table, all_rows, incomparable, said, steady, tables
from tasks.databases.statements import parts
from tasks.errors import OpsError
from tasks.texts import t

SESSIONS = 2
TRIES = 3
# For so long writers may stand behind our wait for the lock.
LOCK_SECONDS = 3
PAUSE_SECONDS = 2
SILENT_SECONDS = 30

Connect = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Found:
    """`point`: where the log stood at that moment."""

    digests: tuple[Digest, ...]
    not_digested: Mapping[str, str]
    point: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `sessions` all see; `now`: when, by the server's clock; `definitions`: as they were before."""

    sessions: Sequence[Any]
    control: Any
    point: Mapping[str, str]
    now: str
    tables: Sequence[Table]
    definitions: tuple[Digest, ...]
    schemas: Collection[str]

    def digests(self) -> Found:
        """Changed: a definition is another one than before, and one try is lost."""
        still = [table for table in self.tables if table.transactional]
        moving = [table for table in self.tables if not table.transactional]
        unread = incomparable(moving, moving, self.now)
        found = all_rows(
            self.sessions, self.control, [*still, *(one for one in moving if one.shown not in unread)]
        )
        if definitions(self.control, self.schemas) != self.definitions:
            raise Changed(t("backup_mysql.changed", name="—"))
        unread = {**unread, **incomparable(moving, tables(self.control, self.schemas), self.now)}
        kept = tuple(one for one in found if one.name not in unread)
        return Found((*self.definitions, *kept), unread, self.point)


@contextmanager
def snapshot(
    connect: Connect,
    sessions: int = SESSIONS,
    schemas: Collection[str] = (),
    meanwhile: Callable[[Any], None] = lambda control: None,
) -> Iterator[Snapshot]:
    """`connect`: a new connection by PyMySQL, not yet used. `meanwhile`: what else has to begin while commits
    stand still."""
    with ExitStack() as stack:
        control, *readers = [stack.enter_context(closing(connect())) for _ in range(sessions + 1)]
        for one in (control, *readers):
            steady(one)
        before = definitions(control, schemas)
        found = tables(control, schemas)
        with commits_held(control):
            for one in readers:
                ask(one, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                ask(one, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
            point = log_position(control)
            # A second earlier: engines without transactions tell it in whole seconds.
            now = str(ask(control, "SELECT CAST(UTC_TIMESTAMP(0) - INTERVAL 1 SECOND AS CHAR)")[0][0])
            meanwhile(control)
        yield Snapshot(readers, control, point, now, found, before, schemas)


def digests(connect: Connect, sessions: int = SESSIONS, schemas: Collection[str] = ()) -> Found:
    """Of a server at work, tried again when a definition changes meanwhile."""
    for left in reversed(range(TRIES)):
        try:
            with snapshot(connect, sessions, schemas) as seen:
                return seen.digests()
        except Changed:
            if not left:
                raise
        except pymysql.MySQLError as problem:
            raise OpsError(t("backup_mysql.no_snapshot_made", reason=said(problem))) from problem
    raise AssertionError


def restored(
    connect: Connect, expected: Sequence[Digest], sessions: int = SESSIONS, schemas: Collection[str] = ()
) -> tuple[Digest, ...]:
    """Of a server that nobody else uses. A table whose definition is expected but not its rows could not be
    compared in the source either; one that nobody expects is told."""
    with ExitStack() as stack:
        control, *readers = [stack.enter_context(closing(connect())) for _ in range(sessions + 1)]
        for one in (control, *readers):
            steady(one)
        known = {one.key for one in expected}
        wanted = [
            table
            for table in tables(control, schemas)
            if ("rows", table.shown) in known or ("definition", f"table {table.shown}") not in known
        ]
        return (*definitions(control, schemas), *all_rows(readers, control, wanted))


@contextmanager
def commits_held(control: Any) -> Iterator[None]:
    """For as long as some statements take. MariaDB can hold commits alone; elsewhere it is the lock of every
    backup, which is given up if statements that run keep it waiting: whoever writes waits behind it."""
    version = parts(control.get_server_info().removeprefix("5.5.5-"))
    stages = is_mariadb(control) and version >= (10, 4, 1)
    hold = ["BACKUP STAGE START", "BACKUP STAGE BLOCK_COMMIT"] if stages else ["FLUSH TABLES WITH READ LOCK"]
    ask(control, f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
    # Should we hang or the line be cut, the server ends the session and with it the lock.
    ask(control, f"SET SESSION wait_timeout = {SILENT_SECONDS}")
    release = "BACKUP STAGE END" if stages else "UNLOCK TABLES"
    for left in reversed(range(TRIES)):
        try:
            for statement in hold:
                ask(control, statement)
            break
        except pymysql.MySQLError as problem:
            with suppress(pymysql.MySQLError):
                ask(control, release)
            if not left:
                raise OpsError(t("backup_mysql.no_lock", reason=said(problem))) from problem
            time.sleep(PAUSE_SECONDS)
    try:
        yield
    finally:
        ask(control, release)
        ask(control, "SET SESSION wait_timeout = 86400")


def log_position(control: Any) -> dict[str, str]:
    """Of the server's own binary log, `file` and `position` missing where it writes none; exact while commits
    are held. `time` in UTC."""
    point = {"time": str(ask(control, "SELECT CONCAT(UTC_TIMESTAMP(6), '+00:00')")[0][0])}
    if lsn := ask(control, "SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'"):
        point["lsn"] = str(lsn[0][1])
    here = standing(control)
    return point | (here.said if here else {})


def standing(control: Any) -> Point | None:
    """None: it writes no binary logs."""
    mariadb = is_mariadb(control)
    newer = not mariadb and parts(control.get_server_info()) >= (8, 2)
    rows = ask(control, "SHOW BINARY LOG STATUS" if newer else "SHOW MASTER STATUS")
    if not rows:
        return None
    file, position = str(rows[0][0]), int(rows[0][1])
    if mariadb:
        # Of this position, not of a moment later.
        gtid = ask(control, "SELECT BINLOG_GTID_POS(%s, %s)", [file, position])[0][0]
        return Point(file, position, gtid or "")
    executed = "".join(str(rows[0][4]).split()) if setting(control, "gtid_mode") == "ON" else ""
    return Point(file, position, executed)
