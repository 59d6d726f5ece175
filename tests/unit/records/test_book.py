"""What the book promises to the flows that write it and the reports that read it."""

import fcntl
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tasks.clock import ZONE, now
from tasks.errors import OpsError, Refused
from tasks.model import Evidence, Outcome, Tier
from tasks.records import Book, Head, What
from tasks.records.database import MIGRATIONS
from tasks.records.document import START
from tasks.records.seals import Seal
from tests.bench.book_material import START as BEGUN
from tests.bench.book_material import record


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "book", patience=0.2)


def test_a_record_comes_back_as_it_was_appended(book: Book) -> None:
    evidence = book.keep("输出".encode(), "raw.txt", "text/plain", Tier.FAIR)
    made = record(1, evidence=[evidence])
    entry = book.append(made)
    assert entry.record == made
    assert (entry.seq, entry.prev) == (1, START)
    assert entry.recorded_at.tzinfo == ZONE
    assert entry.recorded_at - made.started_at > timedelta(days=1)  # written after the fact: both times
    assert book.entry("local", 1) == entry
    assert book.read(evidence) == book.read(evidence.digest) == "输出".encode()
    assert book.verify().ok


def test_reading_a_book_that_is_not_there_makes_nothing(book: Book) -> None:
    assert list(book.entries()) == []
    assert book.contracts() == []
    assert book.head("local") is None
    assert book.verify().ok
    with pytest.raises(Refused, match="第 1 号"):
        book.entry("local", 1)
    assert not book.path.exists()


def test_each_contract_has_its_own_chain_also_in_one_batch(book: Book) -> None:
    entries = book.append_all([record(0, "local"), record(1, "office-oa"), record(2, "local")])
    assert [(entry.contract, entry.seq) for entry in entries] == [
        ("local", 1),
        ("office-oa", 1),
        ("local", 2),
    ]
    assert entries[2].prev == entries[0].hash
    assert entries[1].prev == START
    assert book.contracts() == ["local", "office-oa"]
    assert book.head("local") == Head(2, entries[2].hash) == entries[2].head
    assert book.append_all([]) == []


def test_entries_are_found_by_what_they_are(book: Book) -> None:
    book.append_all(record(n, ("local", "office-oa")[n % 2]) for n in range(450))
    assert [e.record.started_at for e in book.entries()] == [BEGUN + timedelta(hours=n) for n in range(450)]
    assert [e.seq for e in book.entries("local", newest_first=True, limit=3)] == [225, 224, 223]
    assert [e.seq for e in book.entries("local", limit=201)] == list(range(1, 202))
    assert [e.seq for e in book.entries("local", after=223)] == [224, 225]
    day = list(book.entries(since=BEGUN + timedelta(hours=10), until=BEGUN + timedelta(hours=34)))
    assert [e.record.started_at for e in day] == [BEGUN + timedelta(hours=n) for n in range(10, 34)]
    (one,) = book.entries(plan_id="local/inspection/44")
    assert one.record == record(44)
    assert {e.record.outcome for e in book.entries(outcome=Outcome.FINDINGS)} == {Outcome.FINDINGS}
    assert len(list(book.entries(routine="backup.check"))) == 150
    assert list(book.entries(limit=0)) == []


def test_evidence_must_be_there_before_its_record(book: Book) -> None:
    book.append(record(0))
    lost = Evidence("a" * 64, "lost.txt", "text/plain", 3, Tier.LEAST)
    with pytest.raises(Refused, match=r"lost\.txt"):
        book.append_all([record(1), record(2, evidence=[lost])])
    kept = book.keep(b"three", "kept.txt", "text/plain", Tier.LEAST)
    with pytest.raises(Refused, match="7 字节"):
        book.append(record(1, evidence=[replace(kept, size=7)]))
    assert book.head("local").seq == 1


def test_altered_evidence_is_not_read(book: Book) -> None:
    kept = book.keep(b"three", "kept.txt", "text/plain", Tier.LEAST)
    path = book.blobs.path(kept.digest)
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(OpsError, match=kept.digest):
        book.read(kept)
    path.unlink()
    with pytest.raises(OpsError, match="缺失"):
        book.read(kept)


def test_one_bad_record_refuses_the_whole_batch(book: Book) -> None:
    with pytest.raises(Refused):
        book.append_all([record(0), replace(record(1), started_at=now().replace(tzinfo=None))])
    assert book.head("local") is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET outcome = 'ok'",
        "DELETE FROM records",
        "INSERT OR REPLACE INTO records SELECT * FROM records",
        "REPLACE INTO records SELECT id + 9, contract, seq, hash, recorded_at, routine, plan_id, started_at,"
        " outcome, '{}' FROM records",
    ],
)
def test_the_database_itself_is_append_only(book: Book, statement: str) -> None:
    book.append_all([record(0), record(1)])
    database = closing(sqlite3.connect(book.database.path))
    with database as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    assert book.verify().ok


def test_a_writer_waits_for_the_lock_and_says_so_when_it_gives_up(book: Book) -> None:
    book.append(record(0))
    with (book.path / "book.lock").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OpsError, match="另一个进程"):
            book.append(record(1))
        assert [entry.seq for entry in book.entries()] == [1]
        assert book.verify().ok
    assert book.append(record(1)).seq == 2


@pytest.mark.parametrize("committed", [True, False])
def test_a_crash_around_the_commit_is_healed_by_the_next_writer(book: Book, committed: bool) -> None:
    first, second = book.append_all([record(0)])[0], book.append_all([record(1)])[0]
    done, pending = (first.head, second.head) if committed else (second.head, Head(3, "c" * 64))
    book.seals.write("local", Seal(done, pending))
    assert book.verify().ok
    assert book.append(record(2)).seq == 3
    assert book.seals.read("local") == Seal(book.head("local"))


def test_a_chain_that_was_tampered_with_gets_no_further_record(book: Book) -> None:
    book.append_all([record(0), record(1)])
    seal = book.seals.path("local")
    content = seal.read_text()
    for damage in (content.replace('"seq": 2', '"seq": 3'), "garbage"):
        seal.write_text(damage)
        with pytest.raises(OpsError, match="封签"):
            book.append(record(2))
    assert book.append(record(2, "office-oa")).seq == 1
    seal.write_text(content)
    assert book.append(record(2)).seq == 3


def test_a_lost_database_is_not_begun_anew(book: Book) -> None:
    book.append(record(0))
    book.database.path.unlink()
    assert {problem.what for problem in book.verify().problems} >= {What.DATABASE_MISSING}
    with pytest.raises(OpsError, match="数据库不见了"):
        book.append(record(1))


def test_a_head_kept_by_the_client_is_compared(book: Book) -> None:
    entries = book.append_all(record(n) for n in range(5))
    kept = {"local": entries[2].head}
    assert book.verify(heads=kept).ok
    assert book.verify(heads=kept).heads_checked == ("local",)
    for wrong in (Head(3, "0" * 64), Head(6, entries[2].hash)):
        (problem,) = book.verify(heads={"local": wrong}).problems
        assert (problem.what, problem.contract, problem.seq) == (What.HEAD_DIFFERS, "local", wrong.seq)
    (problem,) = book.verify(heads={"gone": Head(1, "0" * 64)}).problems
    assert problem.contract == "gone"


def test_verify_of_one_contract_looks_at_that_one(book: Book) -> None:
    book.append_all([record(0, "local"), record(1, "office-oa")])
    book.seals.path("office-oa").unlink()
    assert book.verify("local").ok
    assert [chain.contract for chain in book.verify("local").chains] == ["local"]
    assert not book.verify().ok
    assert not book.verify("office-oa").ok


def test_verify_tells_how_far_it_is(book: Book) -> None:
    book.append_all(record(n) for n in range(450))
    told: list[tuple[int, int]] = []
    verification = book.verify(progress=lambda done, total: told.append((done, total)))
    assert told == [(200, 450), (400, 450), (450, 450)]
    (chain,) = verification.chains
    assert (chain.records, chain.blobs, chain.head) == (450, 0, book.head("local"))


def test_every_problem_is_told_in_words(book: Book) -> None:
    from tasks.records import Problem

    for what in What:
        text = str(Problem(what, "local", 3, "subject", "detail"))
        assert "local 第 3 号" in text
        assert "{" not in text


def second(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE records ADD COLUMN approved TEXT")
    connection.exec_driver_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")


FROZEN = Path(__file__).parent / "version-1"


def frozen(to: Path) -> Path:
    """A book as version 1 wrote it, from text that a reviewer can read."""
    for name in ("seals", "blobs"):
        for source in (FROZEN / name).rglob("*.*"):
            target = to / source.relative_to(FROZEN)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    with closing(sqlite3.connect(to / "book.sqlite")) as database:
        database.executescript((FROZEN / "book.sql").read_text())
    return to


def test_a_book_of_version_1_lives_through_a_migration(tmp_path: Path) -> None:
    old = frozen(tmp_path)
    heads = {name: Head(**head) for name, head in json.loads((FROZEN / "heads.json").read_text()).items()}
    before = {(e.contract, e.seq): e.hash for e in Book(old).entries()}
    assert len(before) == 6
    assert Book(old).verify(heads=heads).ok

    newer = Book(old, migrations=(*MIGRATIONS, second))
    assert newer.verify(heads=heads).ok  # a reader migrates nothing
    entry = newer.append(record(9, "local"))
    assert newer.verify(heads=heads).ok
    after = {(e.contract, e.seq): e.hash for e in newer.entries()}
    assert after == before | {("local", entry.seq): entry.hash}

    with pytest.raises(OpsError, match="请升级"):
        Book(old).append(record(10, "local"))
    with pytest.raises(OpsError, match="请升级"):
        list(Book(old).entries())
    assert [problem.what for problem in Book(old).verify().problems] == [What.NEWER_BOOK]


def test_a_migration_that_fails_leaves_the_book_as_it_was(book: Book) -> None:
    book.append(record(0))

    def broken(connection: Connection) -> None:
        second(connection)
        connection.exec_driver_sql("UPDATE records SET document = '{}'")

    with pytest.raises(OpsError, match="append-only"):
        Book(book.path, migrations=(*MIGRATIONS, broken)).append(record(1))
    assert book.verify().ok
    assert book.append(record(1)).seq == 2
