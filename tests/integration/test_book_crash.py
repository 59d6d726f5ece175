"""kill -9 at any instant: the book opens, verifies, and lacks at most the record being written."""

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from tasks.model import Tier
from tasks.records import Book
from tests.bench.book_material import record

# Every call into the system or into SQLite that an append makes; killed before and behind each.
BOUNDARIES = {
    "open", "close", "write", "flush", "fsync", "replace", "rename", "unlink", "mkdir", "flock", "fchmod",
    "connect", "execute", "executemany", "commit", "rollback", "fetchone", "mkstemp",
}  # fmt: skip


def forked(work: Callable[[], None]) -> int:
    """The wait status of a child that does `work`."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            if code:
                traceback.print_exc()
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def killed_at(boundary: int, work: Callable[[], None]) -> None:
    """Do `work`, and die at this boundary of it."""
    seen = 0

    def watch(frame: FrameType, event: str, called: object) -> None:
        nonlocal seen
        if event in ("c_call", "c_return") and getattr(called, "__name__", "") in BOUNDARIES:
            if seen == boundary:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    sys.setprofile(watch)
    work()
    sys.setprofile(None)


def append_one(path: Path, number: int) -> None:
    book = Book(path)
    evidence = [book.keep(b"output %d " % number * 50, "raw.txt", "text/plain", Tier.FAIR)]
    book.append_all([record(number, "local", evidence), record(number, "office-oa", evidence)])


def counts(path: Path) -> tuple[int, int]:
    heads = [Book(path).head(name) for name in ("local", "office-oa")]
    return tuple(head.seq if head else 0 for head in heads)  # type: ignore[return-value]


def killed_at_each_boundary(path: Path) -> tuple[int, int]:
    """(boundaries, how often the batch was in the book although its writer was killed)."""
    before = counts(path)
    number = kept = 0
    while True:
        status = forked(lambda at=number: killed_at(at, lambda: append_one(path, at)))  # type: ignore[misc]
        verification = Book(path).verify()
        assert verification.ok, (number, verification.problems)
        after = counts(path)
        grown = (after[0] - before[0], after[1] - before[1])
        assert grown in ((0, 0), (1, 1)), f"half a batch at boundary {number}"
        if not os.WIFSIGNALED(status):
            assert (status, grown) == (0, (1, 1))
            return number, kept
        kept += grown == (1, 1)
        before = after
        number += 1


def test_killed_at_each_step_of_an_append(tmp_path: Path) -> None:
    Book(tmp_path / "book").append_all([record(0, "local"), record(0, "office-oa")])
    boundaries, kept = killed_at_each_boundary(tmp_path / "book")
    assert boundaries > 80
    assert kept > 0  # some of these instants lie behind the commit


def test_killed_at_each_step_of_the_first_append(tmp_path: Path) -> None:
    """As above on a book that does not exist yet: a new folder for each instant."""
    number = 0
    while True:
        path = tmp_path / str(number) / "book"
        path.parent.mkdir()
        status = forked(lambda at=number, to=path: killed_at(at, lambda: append_one(to, at)))  # type: ignore[misc]
        verification = Book(path).verify()
        assert verification.ok, (number, verification.problems)
        assert counts(path) in ((0, 0), (1, 1))
        append_one(path, number)
        assert Book(path).verify().ok
        if not os.WIFSIGNALED(status):
            assert status == 0
            assert number > 80
            return
        number += 3  # these are many; every third is enough here


def test_killed_at_random_instants(tmp_path: Path) -> None:
    path = tmp_path / "book"
    acknowledged = tmp_path / "acknowledged"
    rng = random.Random(7)
    Book(path).append(record(0))
    kills = 100
    for number in range(kills):
        pid = os.fork()
        if pid == 0:
            append_for_ever(path, acknowledged, number)
        time.sleep(rng.uniform(0, 0.08))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if number % 4 == 0:
            assert Book(path).verify().ok, number
    there = {(str(entry.seq), entry.hash) for entry in Book(path).entries()}
    lines = {tuple(line.split()) for line in acknowledged.read_text().splitlines()}
    assert lines <= there
    assert lines  # else it was never killed at work
    assert len(there) - 1 - len(lines) <= kills
    assert Book(path).verify().ok


def append_for_ever(path: Path, acknowledged: Path, number: int) -> None:
    try:
        book = Book(path)
        with acknowledged.open("ab", buffering=0) as file:
            while True:
                evidence = [book.keep(os.urandom(500), "raw.bin", "application/octet-stream", Tier.FAIR)]
                entry = book.append(record(number, "local", evidence))
                file.write(f"{entry.seq} {entry.hash}\n".encode())
    finally:
        traceback.print_exc()
        os._exit(1)
