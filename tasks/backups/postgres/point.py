"""A point at which a snapshot of every database and a position in the log are provably the same, without a
lock on anything that is written.

A snapshot sees a set of committed transactions; replay up to a record has those whose commit record lies
before it. The two sets are the same where, in the order of the log, commits that the snapshot sees come first
and those that it does not see come after. A commit reaches the log a little before others see it, so that a
snapshot may miss one and see its successor: then another is taken. On a standby, where one process replays
one record after another, replay pauses while the snapshots are taken; it goes on by itself even if this
process is killed.

Measured on 2 cores shared by many others, 8 sessions asking for 1,000 commits a second and getting 400 to
500: one database 1 or 2 tries, 0.1 s (median of 15); four databases 1 to 8 tries, 0.3 s. Nobody waits.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tasks.backups.postgres.replication import LogStream, Wire, values
from tasks.backups.postgres.sessions import Session, Way, troubles
from tasks.backups.postgres.wal import LONG_HEADER, PAGE, SHORT_HEADER, Log, Record, number
from tasks.errors import OpsError
from tasks.texts import t

TRIES = 300
# Log before the position at which it begins, so that there is a record in it even where nothing happens.
BEFORE = 2**18
# How long a standby stands still at most.
PAUSE_SECONDS = 8
BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
SNAPSHOT = """SELECT txid_snapshot_xmin(s), txid_snapshot_xmax(s),
    array_to_string(ARRAY(SELECT txid_snapshot_xip(s)), ','), pg_export_snapshot()
    FROM txid_current_snapshot() AS s"""
# Committed in the log, and others may not see it until a standby or the disk has answered.
ENDING = """SELECT count(*) FROM pg_stat_activity
    WHERE wait_event IN ('SyncRep', 'WALSync', 'WALWrite', 'WalSync', 'WalWrite')
        AND backend_xid::text = ANY (string_to_array(%s, ','))"""
PAUSE = f"SELECT pg_wal_replay_pause(); SELECT pg_sleep({PAUSE_SECONDS}); SELECT pg_wal_replay_resume()"
STATES = 140000
IS_PAUSED = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
# Only that it was asked for: the record in hand is replayed to its end.
MAY_BE_PAUSED, OLD_PAUSE_SECONDS = "SELECT pg_is_wal_replay_paused()", 1
POSITION = "SELECT pg_current_wal_insert_lsn()::text"
FLUSHED = "SELECT pg_current_wal_flush_lsn()::text"
REPLAYED = "SELECT pg_last_wal_replay_lsn()::text"


class NoPoint(OpsError):
    """None was found: rows cannot be compared."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one snapshot sees: all before `first`, nothing from `last` on, and not what runs in between."""

    first: int
    last: int
    running: frozenset[int]
    name: str = ""

    def sees(self, xid: int) -> bool:
        """`xid`: its last 32 bits, as the log has it."""
        whole = self.last + (xid - self.last + 2**31) % 2**32 - 2**31
        return whole < self.first or (whole < self.last and whole not in self.running)


@dataclass(frozen=True, slots=True)
class Point:
    """`target`: the last record before it. `end`: the log is needed up to there. `snapshots` by database.
    `running`: transactions that must not be committed in what is restored."""

    target: int
    end: int
    snapshots: Mapping[str, str]
    running: Sequence[int] = ()


def agreed(commits: Sequence[Record], seen: Sequence[Seen]) -> Record | Literal[False] | None:
    """The first commit that none of the snapshots sees, None where all see all, False: they do not agree."""
    first: Record | None = None
    for commit in commits:
        sees = {one.sees(commit.xid or 0) for one in seen}
        if commit.xid == 0 or sees == {True, False} or (first and sees == {True}):
            return False
        if sees == {False}:
            first = first or commit
    return first


@contextmanager
def points(way: Way, names: Sequence[str], timeline: int, segment: int) -> Iterator["Points"]:
    with ExitStack() as opened:
        sessions = {name: opened.enter_context(closing(way.session(name))) for name in names}
        with troubles(way.database.name):
            first = sessions[names[0]]
            standby = bool(first.execute("SELECT pg_is_in_recovery()").fetchone()[0])  # type: ignore[index]
            yield Points(way, sessions, opened, timeline, segment, standby)


class Points:
    def __init__(
        self,
        way: Way,
        sessions: Mapping[str, Session],
        opened: ExitStack,
        timeline: int,
        segment: int,
        standby: bool,
    ) -> None:
        self.sessions, self.standby, self._way = sessions, standby, way
        self._opened, self._timeline, self._segment = opened, timeline, segment
        self._reading: Wire | None = None
        self._one = next(iter(sessions.values()))

    def last_record(self) -> Point:
        """Where nothing is compared: only where the log ends now."""
        log, stream = self._log(self._position())
        end = self._now()
        return Point(last_of(self._read(log, stream, end)).lsn, end, {})

    def find(self) -> Point:
        """With a transaction open in each session, in its snapshot."""
        return self._paused() if self.standby else self._running()

    def _running(self) -> Point:
        start, (old,) = self._position(), self._snapshots([self._one])
        self.end()
        log, stream = self._log(start)
        records: list[Record] = []
        for tries in range(TRIES):
            seen = self._snapshots(list(self.sessions.values()))
            end = self._now()
            records += self._read(log, stream, end)
            commits = [record for record in records if record.xid is not None]
            first = agreed(commits, seen)
            unsure = self._unsure(old, seen, commits)
            if first is not False and unsure is not None:
                before = [one for one in records if first is None or one.lsn < first.lsn]
                names = dict(zip(self.sessions, (one.name for one in seen), strict=True))
                return Point(last_of(before).lsn, end, names, unsure)
            self.end()
            time.sleep(min(0.002 * tries, 0.1))
        raise NoPoint(t("backup_postgres.no_point", tries=TRIES))

    def _unsure(self, old: Seen, seen: Sequence[Seen], commits: Sequence[Record]) -> list[int] | None:
        """Those that ran before the log was looked at and still do; None: one of them may have committed."""
        found = {record.xid for record in commits}
        running = {xid for one in seen for xid in one.running if xid % 2**32 not in found}
        long = sorted(xid for xid in running if not old.sees(xid % 2**32) and xid < old.last)
        if not long:
            return []
        with closing(self._one.cursor()) as cursor:
            cursor.execute(ENDING, (",".join(str(xid % 2**32) for xid in long),))
            return long if cursor.fetchone() == (0,) else None

    def _paused(self) -> Point:
        held = self._one.execute("SELECT pg_is_wal_replay_paused()").fetchone() == (True,)
        log, stream = self._log(self._now())
        with ExitStack() as pausing:
            if not held:
                self._pause(pausing.enter_context(closing(self._way.session())))
            seen = self._snapshots(list(self.sessions.values()))
            end = self._now()
            if not held:
                self._one.execute("SELECT pg_wal_replay_resume()")
        records = self._read(log, stream, end)
        names = dict(zip(self.sessions, (one.name for one in seen), strict=True))
        return Point(last_of(records).lsn, end, names)

    def _pause(self, pausing: Session) -> None:
        """One statement pauses and goes on again: the server comes to its end with or without us."""
        pausing.pgconn.send_query(PAUSE.encode())
        pausing.pgconn.flush()
        new = self._one.info.server_version >= STATES
        until = time.monotonic() + PAUSE_SECONDS - 1
        while self._one.execute(IS_PAUSED if new else MAY_BE_PAUSED).fetchone() != (True,):
            if time.monotonic() > until:
                raise NoPoint(t("backup_postgres.not_paused"))
            time.sleep(0.01)
        if not new:
            time.sleep(OLD_PAUSE_SECONDS)

    def _position(self) -> int:
        """With a record behind it: a transaction that does nothing is committed."""
        if self.standby:
            return self._now()
        start = self._now()
        self._one.execute("SELECT txid_current()")
        return start

    def _now(self) -> int:
        return before_header(self._at(REPLAYED if self.standby else POSITION))

    def _at(self, statement: str) -> int:
        row: Any = self._one.execute(statement.encode()).fetchone()
        return number(row[0])

    def _log(self, start: int) -> tuple[Log, LogStream]:
        """From a page before it, or from the beginning of its segment; only what is on the source's disk is
        sent."""
        begin = max((start - BEFORE) // PAGE * PAGE, start // self._segment * self._segment)
        begin = min(begin, self._at(REPLAYED if self.standby else FLUSHED) // PAGE * PAGE)
        if self._reading:
            self._reading.close()
        self._reading = Wire(self._way.replication(), self._way.database.name)
        self._opened.enter_context(closing(self._reading))
        return Log(begin, self._segment), LogStream(self._reading, begin, self._timeline)

    @staticmethod
    def _read(log: Log, stream: LogStream, end: int) -> list[Record]:
        while log.end < end:
            log.data += stream.read()
        return list(log.records(end))

    def end(self) -> None:
        for session in self.sessions.values():
            session.execute("ROLLBACK")

    def _snapshots(self, sessions: Sequence[Session]) -> list[Seen]:
        """Asked for in all of them before the first has answered: they are to see the same."""
        for session in sessions:
            session.pgconn.send_query(f"{BEGIN}; {SNAPSHOT}".encode())
            session.pgconn.flush()
        return [seen(session) for session in sessions]


def seen(session: Session) -> Seen:
    wire = Wire(session.pgconn, session.info.dbname)
    rows = []
    while (result := wire.result()) is not None:
        rows += values(result)
    ((first, last, running, name),) = rows
    return Seen(int(first), int(last), frozenset(map(int, filter(None, running.split(",")))), name)


def last_of(records: Sequence[Record]) -> Record:
    if not records:
        raise NoPoint(t("backup_postgres.no_point", tries=1))
    return records[-1]


def before_header(lsn: int) -> int:
    """The next record's place is told behind a page header that is not written yet."""
    return lsn - lsn % PAGE if lsn % PAGE in (SHORT_HEADER, LONG_HEADER) else lsn
