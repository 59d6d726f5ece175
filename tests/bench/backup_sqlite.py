"""Backups of the embedded engine, damaged."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

from tasks.backups.plan import Item
from tasks.inventory.credentials import Keyring
from tasks.model import Database
from tasks.transports import Access
from tests.bench.backup_damage import Dice, Members, Mutation, Subject, damage
from tests.bench.show import Item as Line
from tests.unit.backups.places import CONTRACT, place

MEMBER = "database.sqlite"


def shown() -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as name:
        before = os.environ.get("OPSPROOF_HOME")
        os.environ["OPSPROOF_HOME"] = name
        try:
            yield from damage(subject(Path(name)), MUTATIONS)
        finally:
            os.environ.pop("OPSPROOF_HOME")
            os.environ |= {"OPSPROOF_HOME": before} if before else {}


def subject(folder: Path) -> Subject:
    source = folder / "app.db"
    with closing(sqlite3.connect(source)) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, said TEXT, price REAL, what BLOB)")
        db.execute("CREATE TABLE log (said TEXT)")
        db.execute("CREATE INDEX by_said ON t (said)")
        db.execute("CREATE VIEW v AS SELECT said FROM t WHERE id > 10")
        db.execute("CREATE TRIGGER kept AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.said); END")
        db.commit()
    numbers = count(1)

    def change() -> None:
        with closing(sqlite3.connect(source)) as db:
            for number in (next(numbers) for _ in range(200)):
                row = (number, f"第{number}行" * 5, number / 7, os.urandom(200))
                db.execute("INSERT INTO t VALUES (?, ?, ?, ?)", row)
            db.commit()

    made, identities = place(folder, {"name": "app", "targets": ["app-db"], "method": "sqlite"})
    target = Database(contract=CONTRACT, part="app", name="app-db", engine="sqlite", path="app.db")
    return Subject(
        name="SQLite",
        place=made,
        identities=identities,
        item=Item(made.plan.jobs[0], target),
        access=Access(Keyring(made.home)),
        change=change,
        idle=idle,
    )


# Counters and versions in the header that no reader looks at, and its reserved space.
HEADER_IDLE = (range(18, 20), range(24, 28), range(72, 100))


def idle(member: str, content: bytes, offset: int) -> bool:
    """By SQLite's file format: what lies between a page's cell pointers and its first cell."""
    page_size = int.from_bytes(content[16:18]) or 65536
    number, within = divmod(offset, page_size)
    if number == 0 and any(within in span for span in HEADER_IDLE):
        return True
    page = content[number * page_size : (number + 1) * page_size]
    header = page[100:] if number == 0 else page
    if header[0] not in (2, 5, 10, 13):
        return False
    start = (100 if number == 0 else 0) + (8 if header[0] > 5 else 12) + 2 * int.from_bytes(header[3:5])
    return start <= within < (int.from_bytes(header[5:7]) or 65536)


def by_sql(name: str, *statements: str) -> Mutation:
    """A valid file all the same, with other content."""

    def make(members: Members, dice: Dice) -> Members:
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(members[MEMBER])
            with closing(sqlite3.connect(file.name)) as db:
                for statement in statements:
                    db.execute(statement)
                db.commit()
            return {**members, MEMBER: Path(file.name).read_bytes()}

    return Mutation(name, make)


MUTATIONS = (
    by_sql("one row changed", "UPDATE t SET price = price + 0.0000001 WHERE id = 7"),
    by_sql("one row missing", "DELETE FROM t WHERE id = 9"),
    by_sql("one row twice", "INSERT INTO log SELECT said FROM log LIMIT 1"),
    by_sql("NULL for a value", "UPDATE t SET what = NULL WHERE id = 3"),
    by_sql("empty for NULL", "UPDATE t SET said = '' WHERE id = 3"),
    by_sql("two values swapped", "UPDATE t SET price = (SELECT 9 * u.price FROM t u WHERE u.id = 9 - t.id)"
        " WHERE id IN (4, 5)"),
    by_sql("table missing", "DROP TABLE log"),
    by_sql("trigger missing", "DROP TRIGGER kept"),
    by_sql("view missing", "DROP VIEW v"),
    by_sql("index missing", "DROP INDEX by_said"),
    by_sql("table too many", "CREATE TABLE more (id INTEGER)"),
    by_sql("other type", "UPDATE t SET said = CAST(said AS BLOB) WHERE id = 8"),
)  # fmt: skip

SHOWS = [shown]
