"""What was true before: the findings of earlier records, in a form that answers quickly.

Derived from the book and from nothing else: a run's findings enter when its record is in the book,
and the whole of it can be deleted and made again.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tasks import clock
from tasks.checks.judging import Before
from tasks.errors import OpsError
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
"""


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
                return Before(numbers, statuses, clock.parse(seen[0][2]) if seen else None)

        return look
