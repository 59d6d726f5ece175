"""Backup and restore of the book: complete, checked, and safe against what an archive may hold."""

import io
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tasks.errors import OpsError, Refused
from tasks.model import Tier
from tasks.records import Book
from tasks.records.archive import backup, restore
from tests.bench.book_material import build, record

FORMS = ["copy", "copy.tar", "copy.tar.zst"]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = build(tmp_path / "book", 60, Random(5))
    made.keep(b"in no record", "stray.txt", "text/plain", Tier.FAIR)
    return made


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("form", FORMS)
def test_what_was_backed_up_comes_back(book: Book, tmp_path: Path, form: str) -> None:
    stages: set[str] = set()
    checked = backup(book, tmp_path / form, lambda stage, done, total: stages.add(stage))
    assert stages == {"copy", "verify"}
    assert checked.ok
    restored = restore(tmp_path / form, tmp_path / "new")
    assert restored.verification.chains == checked.chains
    new = Book(tmp_path / "new")
    assert list(new.entries()) == list(book.entries())
    assert [new.read(e) for entry in new.entries() for e in entry.record.evidence] == [
        book.read(e) for entry in book.entries() for e in entry.record.evidence
    ]
    assert new.append(record(99)).seq == book.head("local").seq + 1
    assert new.verify().ok
    assert listing(tmp_path) == sorted(["book", form, "new"])


@pytest.mark.parametrize("form", FORMS)
def test_a_backup_is_one_moment_while_writers_go_on(book: Book, tmp_path: Path, form: str) -> None:
    stop = threading.Event()
    before = book.head("local").seq

    def write() -> None:
        while not stop.is_set():
            kept = book.keep(str(book.head("local")).encode(), "raw.txt", "text/plain", Tier.FAIR)
            book.append_all([record(1, "local", [kept]), record(2, "office-oa")])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            assert backup(book, tmp_path / f"{number}-{form}").ok
    finally:
        stop.set()
        writer.join()
    for number in range(4):
        assert restore(tmp_path / f"{number}-{form}", tmp_path / f"restored-{number}").verification.ok
    assert book.head("local").seq > before
    assert book.verify().ok


def test_a_book_in_the_place_is_moved_aside_never_deleted(book: Book, tmp_path: Path) -> None:
    backup(book, tmp_path / "copy.tar")
    book.append(record(99))
    newest = book.head("local")
    with pytest.raises(Refused, match="--replace"):
        restore(tmp_path / "copy.tar", book.path)
    assert book.head("local") == newest
    restored = restore(tmp_path / "copy.tar", book.path, replace=True)
    assert book.head("local").seq == newest.seq - 1
    assert restored.aside is not None
    assert Book(restored.aside).head("local") == newest
    assert Book(restored.aside).verify().ok


def test_a_writer_that_waited_writes_into_the_restored_book(book: Book, tmp_path: Path) -> None:
    backup(book, tmp_path / "copy")
    expected = book.head("local").seq + 1
    book.append(record(98))
    with book.lock():
        waiting = threading.Thread(target=lambda: Book(book.path).append(record(99)))
        waiting.start()
        time.sleep(0.5)  # it is at the lock by now
        book.path.rename(tmp_path / "aside")
        restore(tmp_path / "copy", book.path)
    waiting.join()
    assert book.head("local").seq == expected
    assert book.verify().ok
    assert Book(tmp_path / "aside").verify().ok


def test_names_that_are_taken_are_left_alone(book: Book, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("x")
    (tmp_path / "file.tar").write_text("x")
    for name in ("taken", "file.tar"):
        with pytest.raises(Refused, match="已存在"):
            backup(book, tmp_path / name)
    backup(book, tmp_path / "copy")
    for name in ("taken", "file.tar"):
        with pytest.raises(Refused, match="不是记录簿"):
            restore(tmp_path / "copy", tmp_path / name, replace=True)
    assert listing(tmp_path / "taken") == ["letter.txt"]
    with pytest.raises(Refused, match="归档格式"):
        backup(book, tmp_path / "copy.tar.gz")
    with pytest.raises(Refused, match="还没有记录簿"):
        backup(Book(tmp_path / "none"), tmp_path / "copy2")


def test_a_damaged_book_gives_no_backup(book: Book, tmp_path: Path) -> None:
    entry = next(book.entries())
    book.blobs.path(entry.record.evidence[0].digest).unlink()
    for form in FORMS:
        with pytest.raises(Refused, match="缺失"):
            backup(book, tmp_path / form)
    assert listing(tmp_path) == ["book"]


@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_backup_is_not_restored(book: Book, tmp_path: Path, form: str) -> None:
    backup(book, tmp_path / form)
    path = tmp_path / form
    path = next(path.rglob("*.zst")) if path.is_dir() else path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(OpsError):
        restore(tmp_path / form, tmp_path / "new")
    path.write_bytes(content[: len(content) // 3])
    with pytest.raises(OpsError):
        restore(tmp_path / form, tmp_path / "new")
    assert listing(tmp_path) == sorted(["book", form])


def member(name: str, change: Callable[[tarfile.TarInfo], None] = lambda info: None) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    change(info)
    return info


def linked(kind: bytes) -> Callable[[tarfile.TarInfo], None]:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, "/etc/hostname"

    return change


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside"),
        member("/tmp/outside"),
        member("seals/../../outside.json"),
        member("blobs/ab/../../../outside"),
        member("seals/local.json\n"),
        member("notes.txt"),
        member("blobs/tmp/../../../outside", linked(tarfile.SYMTYPE)),
        member("seals/local.json", linked(tarfile.SYMTYPE)),
        member("book.sqlite", linked(tarfile.LNKTYPE)),
        member("book.sqlite", linked(tarfile.CHRTYPE)),
        member("book.sqlite", linked(tarfile.FIFOTYPE)),
    ],
    ids=lambda info: f"{info.name!r}-{info.type!r}",
)
def test_an_archive_with_foreign_content_is_refused(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        tar.addfile(hostile, io.BytesIO())
    with pytest.raises(Refused, match="不属于记录簿"):
        restore(tmp_path / "bad.tar", place / "new")
    assert listing(tmp_path) == ["bad.tar", "place"]
    assert listing(place) == []


def test_what_is_no_backup_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a tar")
    (tmp_path / "empty").mkdir()
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    for name, told in (
        ("text", "归档无法读取"),
        ("empty", "不是记录簿的备份"),
        ("empty.tar", "不是记录簿的备份"),
    ):
        with pytest.raises(Refused, match=told):
            restore(tmp_path / name, tmp_path / "new")
    with pytest.raises(Refused, match="找不到"):
        restore(tmp_path / "none.tar", tmp_path / "new")


def test_a_live_book_folder_is_a_backup_too(book: Book, tmp_path: Path) -> None:
    """Somebody copied the folder with cp, or archived it with tar."""
    with tarfile.open(tmp_path / "plain.tar", "w") as tar:
        tar.add(book.path, arcname=".")
    for number, source in enumerate((book.path, tmp_path / "plain.tar")):
        restore(source, tmp_path / f"new-{number}")
        assert list(Book(tmp_path / f"new-{number}").entries()) == list(book.entries())
