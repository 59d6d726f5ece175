"""What was true before: the findings of earlier records, in a form that answers quickly.

Derived from the book and from nothing else: a run's findings enter when its record is in the book,
and the whole of it can be deleted and made again.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path

from tasks import clock
from tasks.checks.baselines import things
from tasks.checks.judging import Before
from tasks.errors import OpsError
from tasks.history.decisions import ACKNOWLEDGE, APPROVE, Acknowledged, sets_of
from tasks.inspection.findings import FINDINGS, read_findings
from tasks.log import log
from tasks.model import Finding, Status
from tasks.records import Book, Entry
from tasks.texts import t

SCHEMA = """
CREATE TABLE IF NOT EXISTS absorbed (contract TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS seen (
  contract TEXT, seq INTEGER, at TEXT, target TEXT, check_name TEXT, subject TEXT, status TEXT,
  PRIMARY KEY (contract, target, check_name, subject, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (
  contract TEXT, seq INTEGER, target TEXT, check_name TEXT, subject TEXT, name TEXT, value REAL,
  PRIMARY KEY (contract, target, check_name, subject, name, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (
  contract TEXT, target TEXT, check_name TEXT, name TEXT, text TEXT, seq INTEGER,
  PRIMARY KEY (contract, target, check_name, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS approved (
  contract TEXT, target TEXT, check_name TEXT, name TEXT, text TEXT, seq INTEGER,
  PRIMARY KEY (contract, target, check_name, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (
  contract TEXT, target TEXT, check_name TEXT, subject TEXT, status TEXT, reason TEXT, until TEXT,
  person TEXT,
  PRIMARY KEY (contract, target, check_name, subject)
) WITHOUT ROWID;
"""


OF_CHECK = "WHERE contract = ?1 AND target = ?2 AND check_name = ?3"
# Target → check → name of the mark → its text.
Sets = Mapping[str, Mapping[str, Mapping[str, str]]]


class History:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "history.sqlite"
        with self._open() as connection:
            connection.executescript(SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
                yield connection
        except sqlite3.Error as problem:
            raise OpsError(t("history.failed", path=self.path, reason=problem)) from problem

    def catch_up(self, book: Book, contract: str) -> None:
        """Take in the records of `contract` that have come into the book since the last time."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            query = "SELECT seq FROM absorbed WHERE contract = ?"
            last = (connection.execute(query, (contract,)).fetchone() or (0,))[0]
            for entry in book.entries(contract=contract, after=last):
                for found in self._findings(book, entry):
                    self._add(connection, entry, found)
                self._decide(connection, entry)
                connection.execute("REPLACE INTO absorbed VALUES (?, ?)", (contract, entry.seq))

    @staticmethod
    def _findings(book: Book, entry: Entry) -> list[Finding]:
        """Damage to what was kept long ago stops no work of today: the next finding is then a first one."""
        kept = [evidence for evidence in entry.record.evidence if evidence.name == FINDINGS]
        try:
            return [found for evidence in kept for found in read_findings(book.read(evidence))]
        except OpsError as problem:
            log.warning(t("history.left_out", contract=entry.contract, seq=entry.seq, reason=problem))
            return []

    @staticmethod
    def _add(connection: sqlite3.Connection, entry: Entry, found: Finding) -> None:
        contract, at = entry.record.contract, entry.record.started_at.isoformat()
        connection.execute(
            "REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?, ?)",
            (contract, entry.seq, at, found.target, found.check, found.subject, found.status),
        )
        connection.executemany(
            "REPLACE INTO numbers VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (contract, entry.seq, found.target, found.check, found.subject, number.name, number.value)
                for number in found.numbers
            ],
        )
        connection.executemany(
            "REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?)",
            [(contract, found.target, found.check, mark.name, mark.text, entry.seq) for mark in found.marks],
        )

    @staticmethod
    def _decide(connection: sqlite3.Connection, entry: Entry) -> None:
        """What people decided about findings; the last word counts."""
        contract, facts = entry.record.contract, entry.record.facts
        if entry.record.routine == APPROVE:
            sets = [
                (contract, target, check, name, text, entry.seq)
                for target, check, name, text in sets_of(facts)
            ]
            connection.executemany("REPLACE INTO approved VALUES (?, ?, ?, ?, ?, ?)", sets)
        elif entry.record.routine == ACKNOWLEDGE:
            known = Acknowledged.of(facts)
            row = (contract, known.target, known.check, known.subject, known.status, known.reason)
            connection.execute(
                "REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, known.until.isoformat(), known.by),
            )

    def before(self, contract: str) -> Callable[[str, str], Before]:
        """(check, target) → what that check last gave for that target."""

        def look(check: str, target: str) -> Before:
            key = (contract, target, check)
            with self._open() as connection:
                last = "(SELECT max(seq) FROM seen WHERE contract = ?1 AND target = ?2 AND check_name = ?3)"
                where = f"WHERE contract = ?1 AND target = ?2 AND check_name = ?3 AND seq = {last}"
                seen = connection.execute(f"SELECT subject, status, at FROM seen {where}", key).fetchall()  # noqa: S608
                statuses = {subject: Status(status) for subject, status, _ in seen}
                rows = connection.execute(f"SELECT subject, name, value FROM numbers {where}", key)  # noqa: S608
                numbers = {(subject, name): value for subject, name, value in rows}
                at = clock.parse(seen[0][2]) if seen else None
                marks = dict(connection.execute(f"SELECT name, text FROM marks {OF_CHECK}", key))  # noqa: S608
                rows = connection.execute(f"SELECT name, text FROM approved {OF_CHECK}", key)  # noqa: S608
                approved = {name: frozenset(things(text)) for name, text in rows}
                return Before(numbers, statuses, at, marks, approved)

        return look

    def numbers(
        self, contract: str, target: str, checks: Iterable[str], since: datetime
    ) -> list[tuple[datetime, str, str, str, float]]:
        """(when, check, subject, name, value) of a target's checks, in the order of writing."""
        query = """
            SELECT s.at, n.subject, n.name, n.value FROM numbers n
            JOIN seen s USING (contract, target, check_name, subject, seq)
            WHERE n.contract = ?1 AND n.target = ?2 AND n.check_name = ?3 AND s.at >= ?4 ORDER BY n.seq
        """
        with self._open() as connection:
            return [
                (clock.parse(at), check, subject, name, value)
                for check in checks
                for at, subject, name, value in connection.execute(
                    query, (contract, target, check, since.astimezone(clock.ZONE).isoformat())
                )
            ]

    def marks(self, contract: str) -> Sets:
        """Target → check → name → what was last marked: in the book, so never of a run without a record."""
        return self._sets("marks", contract)

    def approved(self, contract: str) -> Sets:
        """The same of what was approved, a thing a line."""
        return self._sets("approved", contract)

    def _sets(self, table: str, contract: str) -> Sets:
        found: dict[str, dict[str, dict[str, str]]] = {}
        with self._open() as connection:
            query = f"SELECT target, check_name, name, text FROM {table} WHERE contract = ?"  # noqa: S608
            for target, check, name, text in connection.execute(query, (contract,)):
                found.setdefault(target, {}).setdefault(check, {})[name] = text
        return found

    def acknowledged(self, contract: str) -> list[Acknowledged]:
        with self._open() as connection:
            columns = "target, check_name, subject, status, reason, until, person"
            query = f"SELECT {columns} FROM known WHERE contract = ?"  # noqa: S608
            rows = connection.execute(query, (contract,)).fetchall()
        return [
            Acknowledged(target, check, subject, Status(status), reason, date.fromisoformat(until), person)
            for target, check, subject, status, reason, until, person in rows
        ]
