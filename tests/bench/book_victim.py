"""A copy of a book in the hands of somebody who is not its writer.

Whoever tampers here can write: triggers are taken off for the edit and put back as they were,
digests and hashes are recomputed where that would hide the edit better.
"""

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.records import Head, Problem, What
from tasks.records import document as documents


@dataclass(frozen=True)
class Expected:
    """A problem of one of these kinds at this place; None stands for anywhere."""

    whats: tuple[What, ...]
    contract: str | None = None
    seq: int | None = None
    subject: str | None = None
    heads: dict[str, Head] = field(default_factory=dict)

    def names(self, problem: Problem) -> bool:
        return (
            problem.what in self.whats
            and self.contract in (None, problem.contract)
            and self.seq in (None, problem.seq)
            and self.subject in (None, problem.subject)
        )


class Victim:
    """A copy of a book, opened by somebody who is not its writer."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        self.path = path
        self.rng = rng
        self.file = path / "book.sqlite"
        with closing(sqlite3.connect(self.file)) as database:
            rows = database.execute("SELECT contract, max(seq) FROM records GROUP BY contract ORDER BY 1")
            self.ends: dict[str, int] = dict(rows)

    def place(self, room: int = 0) -> tuple[str, int]:
        """A record that has at least `room` records behind it."""
        contract = self.rng.choice([name for name, end in self.ends.items() if end > room])
        return contract, self.rng.randint(1, self.ends[contract] - room)

    @contextmanager
    def edit(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as database:
            triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'").fetchall()
            for name, _ in triggers:
                database.execute(f"DROP TRIGGER {name}")
            yield database
            for _, sql in triggers:
                database.execute(sql)

    def document(self, contract: str, seq: int) -> dict[str, Any]:
        with closing(sqlite3.connect(self.file)) as database:
            query = "SELECT document FROM records WHERE contract=? AND seq=?"
            (text,) = database.execute(query, (contract, seq)).fetchone()
        return json.loads(text)

    def put(self, contract: str, seq: int, document: dict[str, Any], columns: bool = False) -> None:
        values: dict[str, object] = {"document": documents.canonical(document)}
        if columns:
            values |= documents.columns(document)
        self.set(contract, seq, **values)

    def set(self, contract: str, seq: int, /, **values: object) -> None:
        assignments = ", ".join(f"{name}=?" for name in values)
        with self.edit() as database:
            database.execute(
                f"UPDATE records SET {assignments} WHERE contract=? AND seq=?",
                (*values.values(), contract, seq),
            )

    def insert(self, document: dict[str, Any], **columns: object) -> None:
        values = documents.columns(document) | {"document": documents.canonical(document)} | columns
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        with self.edit() as database:
            database.execute(f"INSERT INTO records ({names}) VALUES ({marks})", tuple(values.values()))

    def delete(self, contract: str, first: int, last: int) -> None:
        with self.edit() as database:
            database.execute(
                "DELETE FROM records WHERE contract=? AND seq BETWEEN ? AND ?", (contract, first, last)
            )

    def seal(self, contract: str, change: Callable[[dict[str, Any]], None]) -> None:
        path = self.path / "seals" / f"{contract}.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))


def other_digit(digits: str, rng: random.Random) -> str:
    at = rng.randrange(len(digits))
    return digits[:at] + rng.choice([d for d in "0123456789abcdef" if d != digits[at]]) + digits[at + 1 :]
