"""Which contracts are in force is what the book said last."""

from datetime import timedelta
from pathlib import Path

from tasks import clock
from tasks.contracts.activation import activate, activate_first, active, deactivate
from tasks.records import Book


def test_nothing_is_active_before_someone_said_so(tmp_path: Path) -> None:
    assert active(Book(tmp_path / "book")) == {}


def test_the_last_word_counts(tmp_path: Path) -> None:
    book, now = Book(tmp_path / "book"), clock.now()
    assert activate(book, "local", "甲", now)
    assert activate(book, "office-oa", "甲", now + timedelta(minutes=1))
    assert deactivate(book, "local", "乙", now + timedelta(minutes=2))
    assert active(book) == {"office-oa": now + timedelta(minutes=1)}
    assert activate(book, "local", "甲", now + timedelta(minutes=3))
    assert active(book)["local"] == now + timedelta(minutes=3)


def test_saying_it_twice_writes_nothing(tmp_path: Path) -> None:
    book, now = Book(tmp_path / "book"), clock.now()
    assert deactivate(book, "local", "甲", now) is None
    activate(book, "local", "甲", now)
    assert activate(book, "local", "乙", now + timedelta(days=1)) is None
    assert active(book) == {"local": now}


def test_a_deactivation_stays_over_the_next_start(tmp_path: Path) -> None:
    book, now = Book(tmp_path / "book"), clock.now()
    assert activate_first(book, "local", "make up", now)
    deactivate(book, "local", "甲", now)
    assert activate_first(book, "local", "make up", now) is None
    assert active(book) == {}
