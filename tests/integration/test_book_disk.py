"""A full disk and a folder that cannot be written: refused in words, nothing half-written."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import OpsError
from tasks.model import Tier
from tasks.records import Book
from tasks.records.archive import backup
from tests.bench.book_material import record

ROOT = os.geteuid() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    if not ROOT:
        pytest.skip("a full disk needs a small tmpfs, and mounting one needs root")
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_refuses_and_later_appends_work(small_disk: Path) -> None:
    book = Book(small_disk / "book")
    first = book.append_all(record(n) for n in range(20))
    filler = small_disk / "filler"
    refused = 0
    for spare in (0, 1, 2, 3, 5, 8, 12, 20, 40):  # pages of 4 kB left: it fails at another step each time
        fill(filler, spare)
        before = book.head("local")
        try:
            evidence = [book.keep(os.urandom(9000), "raw.bin", "application/octet-stream", Tier.FAIR)]
            book.append_all(record(n, evidence=evidence) for n in range(10))
        except OpsError as problem:
            refused += 1
            assert "磁盘已满" in str(problem)
            assert book.head("local") == before
        assert book.verify().ok
        filler.unlink()
        assert book.append(record(99)).seq == book.head("local").seq
        assert book.verify().ok
    assert 0 < refused < 9
    assert book.entry("local", 20) == first[-1]


def fill(path: Path, spare_pages: int) -> None:
    block = b"x" * 4096
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(block)
        except OSError:
            pass
        size = file.tell() // 4096 * 4096
        file.truncate(max(0, size - spare_pages * 4096))


def test_a_backup_to_a_full_disk_leaves_nothing(small_disk: Path, tmp_path: Path) -> None:
    book = Book(tmp_path / "book")
    for number in range(4):
        raw = os.urandom(1_000_000)
        evidence = [book.keep(raw, "raw.bin", "application/octet-stream", Tier.FAIR)]
        book.append(record(number, evidence=evidence))
    for name in ("copy", "copy.tar"):
        with pytest.raises(OpsError, match="磁盘已满"):
            backup(book, small_disk / name)
        assert list(small_disk.iterdir()) == []


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """The folder of a book with three records that cannot be written; root needs a mount for that."""
    place = tmp_path / "frozen"
    place.mkdir()
    if ROOT:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], check=True)
    book = Book(place / "book")
    kept = book.keep(b"output", "raw.txt", "text/plain", Tier.FAIR)
    book.append_all(record(n, evidence=[kept]) for n in range(3))
    assert book.verify().ok  # a reader was the last to close it
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    if ROOT:
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    else:
        for folder in folders:
            folder.chmod(0o500)
    yield place / "book"
    if ROOT:
        subprocess.run(["umount", "-l", place], check=True)
    else:
        for folder in folders:
            folder.chmod(0o700)


def test_a_read_only_book_is_read_and_refuses_to_be_written(read_only: Path, tmp_path: Path) -> None:
    book = Book(read_only)
    assert book.verify().ok
    assert [entry.seq for entry in book.entries()] == [1, 2, 3]
    with pytest.raises(OpsError, match="没有权限或只读"):
        book.append(record(4))
    with pytest.raises(OpsError, match="没有权限或只读"):
        book.keep(b"new", "raw.txt", "text/plain", Tier.FAIR)
    with pytest.raises(OpsError, match="没有权限或只读"):
        backup(Book(tmp_path / "frozen" / "book"), read_only / "copy")
