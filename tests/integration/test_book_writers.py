"""Several at once: one chain, nothing acknowledged lost, readers never in the way."""

import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from tasks.records import Book
from tests.bench.book import writers
from tests.bench.book_material import record


def append_many(path: Path, who: str, count: int) -> list[tuple[int, str]]:
    book = Book(path)
    entries = [book.append(record(n, "local", plan_id=f"{who}/{n}")) for n in range(count)]
    return [(entry.seq, entry.hash) for entry in entries]


def one_chain(path: Path, acknowledged: list[list[tuple[int, str]]]) -> None:
    book = Book(path)
    assert book.verify().ok
    written = [(entry.seq, entry.hash) for entry in book.entries("local")]
    assert [seq for seq, _ in written] == list(range(1, len(written) + 1))
    assert sorted(chain.from_iterable(acknowledged)) == written


def test_two_threads_with_one_book(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(append_many, [tmp_path] * 2, "ab", [60] * 2))
    one_chain(tmp_path, both)


def test_two_processes_that_both_begin_the_book(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        both = list(pool.map(append_many, [tmp_path] * 2, "ab", [60] * 2))
    one_chain(tmp_path, both)


def test_verify_and_read_while_somebody_writes(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.append(record(0))
    stop = threading.Event()

    def write() -> None:
        number = 1
        # As fast as it goes, each verification would have more to read than the one before.
        while not stop.wait(0.02):
            book.append_all([record(number, "local"), record(number + 1), record(number, f"new-{number}")])
            number += 3

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(60):
            verification = Book(tmp_path).verify()
            assert verification.ok, verification.problems
            assert [e.seq for e in book.entries("local", limit=50)][:2] in ([1], [1, 2])
    finally:
        stop.set()
        writer.join()
    assert book.head("local").seq > 10


def test_two_processes_killed_at_random_lose_nothing() -> None:
    items = list(writers(count=60, longest=0.12))
    assert all(item.ok for item in items), items
