"""What every store keeps to. A subclass gives the fixture `store`, empty."""

import hashlib
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest

from tasks.errors import OpsError
from tasks.storage import Missing, Store

MIB = 2**20
CHINESE = "合同/库_甲/社保_主库_full_20260101T010203_v0001/数据 %25+&=?#'\".zst"


def blocks(count: int, size: int = MIB) -> Iterator[bytes]:
    for number in range(count):
        yield number.to_bytes(4) * (size // 4)


def breaks(after: int) -> Iterator[bytes]:
    yield from blocks(after)
    raise RuntimeError("the source broke")


class StoreSuite:
    # What is streamed, and what it may cost in memory: MiB.
    LARGE, MEMORY = 120, 80
    MANY = 1100

    def test_what_was_put_is_read(self, store: Store) -> None:
        stored = store.put("a/b", [b"one", b"", b"two"])
        assert b"".join(store.read("a/b")) == b"onetwo" and stored == store.stat("a/b")
        assert (stored.key, stored.size) == ("a/b", 6)
        assert abs(stored.modified_at.timestamp() - time.time()) < 60

    def test_nothing_at_all_is_an_object_too(self, store: Store) -> None:
        assert store.put("empty", []).size == 0
        assert b"".join(store.read("empty")) == b"" and [one.key for one in store.objects("")] == ["empty"]

    def test_names_may_be_chinese(self, store: Store) -> None:
        store.put(CHINESE, [b"here"])
        assert [one.key for one in store.objects("合同/")] == [CHINESE]
        assert b"".join(store.read(CHINESE)) == b"here"
        store.delete(CHINESE)
        assert store.stat(CHINESE) is None

    @pytest.mark.parametrize(
        "key", ["", "/etc/passwd", "../out", "a/../../out", "a//b", "a/.hidden", "a/", "a\0b"]
    )
    def test_a_key_that_leads_elsewhere_is_refused(self, store: Store, key: str) -> None:
        for asked in (
            lambda: store.put(key, [b"x"]),
            lambda: list(store.read(key)),
            lambda: store.delete(key),
        ):
            with pytest.raises(OpsError):
                asked()

    def test_what_is_not_there(self, store: Store) -> None:
        store.put("a/bc", [b"x"])
        assert store.stat("a/b") is None and store.stat("a") is None
        with pytest.raises(Missing, match="a/b"):
            list(store.read("a/b"))
        store.delete("a/b")
        assert store.stat("a/bc")

    @pytest.mark.parametrize("after", [0, 1, 40])
    def test_a_source_that_breaks_leaves_nothing(self, store: Store, after: int) -> None:
        with pytest.raises(RuntimeError, match="the source broke"):
            store.put("broken", breaks(after))
        assert store.stat("broken") is None and list(store.objects("")) == []
        assert store.sweep(timedelta(0)) == []

    def test_the_error_of_a_source_is_its_own(self, store: Store) -> None:
        def gone() -> Iterator[bytes]:
            yield b"x"
            raise FileNotFoundError("the source's file")

        with pytest.raises(FileNotFoundError, match="the source's file"):
            store.put("broken", gone())

    def test_what_was_there_outlives_a_put_that_broke(self, store: Store) -> None:
        store.put("kept", [b"old"])
        with pytest.raises(RuntimeError):
            store.put("kept", breaks(2))
        assert b"".join(store.read("kept")) == b"old"

    def test_a_large_stream_takes_little_memory(self, store: Store) -> None:
        tracemalloc.start()
        try:
            stored = store.put("large", blocks(self.LARGE))
            found = hashlib.sha256()
            for chunk in store.read("large"):
                found.update(chunk)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        sent = hashlib.sha256()
        for chunk in blocks(self.LARGE):
            sent.update(chunk)
        assert stored.size == self.LARGE * MIB and found.digest() == sent.digest()
        assert peak < self.MEMORY * MIB, peak

    def test_more_than_a_page_is_listed_whole_and_in_order(self, store: Store) -> None:
        keys = [f"many/{number:05}" for number in range(self.MANY)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda key: store.put(key, [b"x"]), keys))
        store.put("many-more", [b"x"])
        assert [one.key for one in store.objects("many/")] == keys
        assert [one.key for one in store.objects("many/0001")] == keys[10:20]
        assert [one.key for one in store.objects("man")] == ["many-more", *keys]

    def test_a_tag_changes_with_the_content(self, store: Store) -> None:
        first = store.put("a", [b"one"])
        assert store.stat("a") == first
        second = store.put("a", [b"two"])
        assert second.tag != first.tag and store.stat("a") == second

    def test_several_at_once(self, store: Store) -> None:
        with ThreadPoolExecutor(4) as pool:
            put: list[int] = list(
                pool.map(lambda n: store.put(f"d/{n}", blocks(n * 6)).size // MIB, range(4))
            )
        assert put == [0, 6, 12, 18]
        for number in range(4):
            assert b"".join(store.read(f"d/{number}")) == b"".join(blocks(number * 6))

    def test_writers_of_one_key_never_mix(self, store: Store) -> None:
        """One that finds another's content afterwards is told; no key is ever used twice in earnest."""
        whole = [bytes([n]) * (MIB * 7) for n in range(4)]

        def write(content: bytes) -> None:
            with suppress(OpsError):
                store.put("same", [content])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, whole))
        assert store.stat("same") is None or b"".join(store.read("same")) in whole

    def test_deleting_beside_a_writer(self, store: Store) -> None:
        """The last object of a folder goes while the next one arrives there."""

        def turn(number: int) -> None:
            for _ in range(20):
                store.put(f"x/y/{number}", [b"x"])
                store.delete(f"x/y/{number}")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(turn, range(4)))
        assert list(store.objects("")) == []

    def test_a_writer_that_is_killed_leaves_what_is_swept(
        self, store: Store, in_another_process: Callable[[], str]
    ) -> None:
        """kill -9 in the middle of a put: nothing under its key, and what there is goes when asked for."""
        code = f"{in_another_process()}\nfrom tests.suites.store import dawdle\nstore.put('k/half', dawdle())"
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ})
        assert writer.stdout
        assert writer.stdout.readline() == b"sent\n"
        writer.kill()
        writer.wait()
        assert store.stat("k/half") is None and list(store.objects("")) == []
        assert store.sweep(timedelta(hours=1)) == [] and store.sweep(timedelta(0), "other/") == []
        assert len(store.sweep(timedelta(0), "k/")) == 1
        assert store.sweep(timedelta(0)) == []


def dawdle() -> Iterator[bytes]:
    """Enough that a part is on its way, and then no end."""
    yield from blocks(40)
    print("sent", flush=True)
    time.sleep(60)
