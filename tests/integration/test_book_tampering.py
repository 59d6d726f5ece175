"""Whatever was done to a book is found and named, and no bytes make verification crash."""

import random
import shutil
from pathlib import Path

import pytest

from tasks.errors import OpsError
from tasks.records import Book
from tests.bench.book import mutations
from tests.bench.book_material import build


def test_every_kind_of_tampering_is_detected_and_named() -> None:
    items = list(mutations(count=108, size=60, seed=11))
    assert all(item.ok for item in items), items


def told(book: Book) -> list[object]:
    return [(entry.head, entry.prev, entry.recorded_at, entry.record) for entry in book.entries()]


@pytest.mark.parametrize("seed", range(4))
def test_bytes_changed_anywhere_are_named_or_change_nothing(tmp_path: Path, seed: int) -> None:
    """A database file has unused bytes; all that is claimed is that nothing reads differently."""
    rng = random.Random(seed)
    truth = told(build(tmp_path / "base", 24, rng))
    detected = 0
    for number in range(60):
        copy = tmp_path / str(number)
        shutil.copytree(tmp_path / "base", copy)
        path = rng.choice(
            [copy / "book.sqlite"] * 3 + [p for p in copy.rglob("*.*") if p.is_file() and p.stat().st_size]
        )
        content = bytearray(path.read_bytes())
        for _ in range(rng.choice([1, 1, 2, 50])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content)
        verification = Book(copy).verify()
        assert all(str(problem) for problem in verification.problems)
        if verification.ok:
            assert told(Book(copy)) == truth, (number, path)
        else:
            detected += 1
            read_without_crash(Book(copy))
    assert detected > 15


def test_a_damaged_name_in_the_schema_is_damage_like_any_other(tmp_path: Path) -> None:
    """SQLite quotes it in its message, which is then no text that Python could read."""
    build(tmp_path / "book", 3, random.Random(1))
    path = tmp_path / "book" / "book.sqlite"
    content = path.read_bytes()
    at = content.index(b"CREATE TABLE")
    path.write_bytes(content[:at] + b"CREATE \xd2\xff\xfe" + content[at + 10 :])
    verification = Book(tmp_path / "book").verify()
    assert not verification.ok and all(str(problem) for problem in verification.problems)
    read_without_crash(Book(tmp_path / "book"))


def read_without_crash(book: Book) -> None:
    for look in (lambda: told(book), book.contracts, lambda: book.head("local")):
        try:
            look()
        except OpsError as problem:
            assert str(problem)
