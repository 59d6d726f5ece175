"""The record book at full size: tampering found, nothing lost under fire, and how fast it is.

A realistic record for the rates is an inspection of 100 hosts: about 300 kB of raw output
(`df`, `free`, `ps` of each host), its form in HTML (60 kB) and in Word (45 kB, already
compressed), and some 25 fields.
"""

import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tasks.model import Tier
from tasks.records import Book, Verification
from tests.bench.book_material import build, host_output, record
from tests.bench.book_mutations import MUTATIONS
from tests.bench.book_victim import Expected, Victim
from tests.bench.show import Item, show


@contextmanager
def folder() -> Iterator[Path]:
    """A place on the disk that holds the checkout: /tmp may be memory, where sync costs nothing."""
    var = Path(__file__).resolve().parents[2] / "var"
    var.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=var, prefix="bench-book-") as name:
        yield Path(name)


def link_or_copy(source: str, target: str) -> None:
    if source.endswith(".zst"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def mutated(base: Path, place: Path, number: int, seed: int) -> tuple[str, Expected, Verification]:
    """Damage a fresh copy in way `number`, and what verification says of it."""
    mutation = MUTATIONS[number % len(MUTATIONS)]
    shutil.copytree(base, place, copy_function=link_or_copy)
    try:
        expected = mutation(Victim(place, random.Random(f"{seed}/{number}")))
        return mutation.__name__, expected, Book(place).verify(heads=expected.heads)
    finally:
        shutil.rmtree(place)


def mutations(count: int = 252, size: int = 1000, seed: int = 20260301) -> Iterable[Item]:
    with folder() as place:
        build(place / "base", size, random.Random(seed))
        clean = Book(place / "base").verify()
        yield Item("untouched book verifies", f"{len(clean.problems)} problems", "0 problems", clean.ok)
        undetected, unnamed = [], []
        for number in range(count):
            name, expected, verification = mutated(place / "base", place / "copy", number, seed)
            if verification.ok:
                undetected.append(f"{name}#{number}")
            elif not any(expected.names(problem) for problem in verification.problems):
                unnamed.append(f"{name}#{number}")
    kinds = len(MUTATIONS)
    told = f"{count - len(undetected)} of {count} ({kinds} kinds, {size} records) {' '.join(undetected[:5])}"
    yield Item("mutations detected", told.strip(), "all of >= 200", not undetected)
    right = count - len(undetected) - len(unnamed)
    told = f"{right} of {count} {' '.join(unnamed[:5])}"
    yield Item("mutations named at their place", told.strip(), "all", not (undetected or unnamed))


def append_until_killed(path: Path, who: str, acknowledged: Path, count: int) -> None:
    """In a child: append record by record; a line in `acknowledged` once `append` has returned."""
    done = len(acknowledged.read_bytes().splitlines()) if acknowledged.exists() else 0
    book = Book(path)
    with acknowledged.open("ab", buffering=0) as file:
        for number in range(done, count):
            evidence = []
            if number % 5 == 0:
                raw = f"{who} {number} ".encode() * 200
                evidence = [book.keep(raw, "raw.txt", "text/plain", Tier.FAIR)]
            entry = book.append(record(number, "local", evidence, plan_id=f"{who}/{number}"))
            file.write(f"{who}/{number} {entry.seq} {entry.hash}\n".encode())


class Writer:
    """A process that appends, killed and started again until it has its count."""

    def __init__(self, path: Path, who: str, count: int) -> None:
        self.path, self.who, self.count = path, who, count
        self.acknowledged = path.with_name(f"acknowledged-{who}")
        self.kills = 0
        self.start()

    def start(self) -> None:
        self.pid = os.fork()
        if self.pid:
            return
        code = 1
        try:
            append_until_killed(self.path, self.who, self.acknowledged, self.count)
            code = 0
        finally:
            if code:
                traceback.print_exc()
            os._exit(code)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> bool | None:
        """None: still at work. False: was killed. True: has appended everything."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        if os.WIFSIGNALED(status):
            self.kills += 1
            return False
        if status:
            raise AssertionError(f"{self.who} failed by itself")
        return True

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.acknowledged.read_text().splitlines()]


def fire(path: Path, count: int, seed: int, longest: float) -> tuple[list[Writer], int]:
    """Two writers, each killed after a random time again and again. How often the book, looked
    at in between, did not verify."""
    rng = random.Random(seed)
    writers = [Writer(path, who, count) for who in ("one", "two")]
    due = {writer.who: time.monotonic() + rng.uniform(0, longest) for writer in writers}
    working, bad = set(due), 0
    while working:
        time.sleep(0.0005)
        for writer in writers:
            if writer.who not in working:
                continue
            if time.monotonic() > due[writer.who]:
                writer.kill()
            state = writer.ended()
            if state:
                working.discard(writer.who)
            elif state is False:
                if writer.kills % 40 == 0:
                    bad += not Book(path).verify().ok
                writer.start()
                due[writer.who] = time.monotonic() + rng.uniform(0, longest)
    return writers, bad


def writers(count: int = 1000, seed: int = 20260301, longest: float = 0.12) -> Iterable[Item]:
    with folder() as place:
        Book(place / "book").append(record(0))
        both, bad = fire(place / "book", count, seed, longest)
        book = Book(place / "book")
        verification = book.verify()
        there = {(e.record.plan_id, str(e.seq), e.hash) for e in book.entries()}
        lines = [tuple(line) for writer in both for line in writer.lines()]
        lost = [line for line in lines if line not in there]
        kills = sum(writer.kills for writer in both)
        (chain,) = verification.chains
        extra = chain.records - 1 - len(lines)
    told = (
        f"{len(verification.problems)} problems, {chain.records} records in one chain, {bad} bad in between"
    )
    yield Item(
        f"2 x {count} appends, {kills} kills: verifies", told, "0 problems", verification.ok and not bad
    )
    told = f"{len(lost)} of {len(lines)} lost"
    yield Item("acknowledged records", told, f"0 of {2 * count} lost", not lost and len(lines) == 2 * count)
    told = f"{extra} written, not acknowledged"
    yield Item("records of killed appends", told, f"<= 1 a kill ({kills})", 0 <= extra <= kills)


def timed(path: Path, batches: int, size: int, own_evidence: bool) -> float:
    """Records a second, each batch fully synced; the median batch stands for all."""
    rng = random.Random(size)
    book = Book(path)
    shared = [book.keep(host_output(rng, 10), "raw.txt", "text/plain", Tier.FAIR)]
    seconds = []
    for number in range(batches):
        started = time.perf_counter()
        batch = []
        for at in range(size):
            evidence = shared
            if own_evidence:
                raw = f"{number}/{at} ".encode() * 2000
                evidence = [book.keep(raw, "raw.txt", "text/plain", Tier.FAIR)]
            batch.append(record(number * size + at, "local", evidence))
        book.append_all(batch)
        seconds.append(time.perf_counter() - started)
    return size / statistics.median(seconds)


def realistic(path: Path, count: int) -> Book:
    rng = random.Random(count)
    book = Book(path)
    for number in range(count):
        raw = host_output(rng)
        evidence = [
            book.keep(raw, "raw.txt", "text/plain", Tier.FAIR),
            book.keep(b"<html>" + raw[:60_000], "form.html", "text/html", Tier.FAIR),
            book.keep(rng.randbytes(45_000), "form.docx", "application/zip", Tier.FAIR),
        ]
        book.append(record(number, "local", evidence))
    return book


def laid_out(book: Book, to: Path) -> int:
    """The same bytes as plain files: every content, and the documents."""
    to.mkdir()
    for digest in book.blobs.digests():
        (to / digest).write_bytes(book.read(digest))
    with closing(sqlite3.connect(book.database.path)) as database:
        for number, (text,) in enumerate(database.execute("SELECT document FROM records")):
            (to / f"document-{number}").write_text(text)
    return sum(path.stat().st_size for path in to.iterdir())


def rates(count: int = 400, batches: int = 20, repetitions: int = 7) -> Iterable[Item]:
    with folder() as place:
        for name, own in (("fields only", False), ("and 1 blob of its own each", True)):
            rate = timed(place / f"append-{own}", batches, 50, own)
            told = f"{rate:.0f} records/s, median of {batches} batches of 50"
            yield Item(f"append with full sync, {name}", told, ">= 200 records/s", rate >= 200)
        book = realistic(place / "book", count)
        size = laid_out(book, place / "plain")
        files = sorted(str(path) for path in (place / "plain").iterdir())
        ours, theirs = [], []
        for _ in range(repetitions):
            started = time.perf_counter()
            subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)
            theirs.append(time.perf_counter() - started)
            started = time.perf_counter()
            verification = book.verify()
            ours.append(time.perf_counter() - started)
            assert verification.ok
    mine, plain = size / 1e6 / statistics.median(ours), size / 1e6 / statistics.median(theirs)
    told = f"{mine:.0f} MB/s against {plain:.0f} MB/s: {mine / plain:.2f} x ({size / 1e6:.0f} MB)"
    name = f"verify against sha256sum of the same bytes, median of {repetitions}"
    yield Item(name, told, ">= 0.5 x", mine / plain >= 0.5)


SHOWS = (mutations, writers, rates)

if __name__ == "__main__":
    sys.exit(show(SHOWS))
