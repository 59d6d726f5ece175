"""Bytes on their way to storage and back: what comes in is what comes out, or an error of the right kind."""

import hashlib
import io
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tasks.backups.manifest import Manifest, Member
from tasks.backups.road import Altered, Chunks, Opened, Undecodable, send
from tasks.errors import OpsError
from tasks.storage import Store, Stored
from tests.unit.backups.places import place

FOLDER = "lab/docs/one"
CONTENT = random.Random(7).randbytes(3 * 2**19 + 17)


class Way:
    """A store, and what goes there and comes back."""

    def __init__(self, folder: Path, encrypted: bool) -> None:
        self.place, self.identities = place(
            folder, {"name": "docs", "targets": ["h"], "method": "files", "paths": ["/"]}, encrypted=encrypted
        )
        self.store: Store = self.place.stores["vault"]
        self.recipients = list(self.place.plan.keys.values())

    def send(self, source: Any) -> Member:
        return send(self.store, FOLDER, "data", source, recipients=self.recipients)

    def back(self, member: Member) -> bytes:
        manifest: Any = FakeManifest(member)
        with Opened(manifest, self.store, self.identities).open(member.name) as stream:
            return b"".join(iter(lambda: stream.read(1000_000), b""))

    def stored(self, member: Member) -> bytes:
        return b"".join(self.store.read(f"{FOLDER}/{member.object}"))

    def put(self, member: Member, content: bytes) -> Member:
        """Other bytes in its place, and a manifest that knows no better."""
        self.store.put(f"{FOLDER}/{member.object}", [content])
        return replace(member, stored_size=len(content), stored_sha256=hashlib.sha256(content).hexdigest())


class FakeManifest:
    """Of one member; a whole one says nothing more here."""

    name, folder = "one", FOLDER

    def __init__(self, member: Member) -> None:
        self.members = (member,)

    key = Manifest.key


@pytest.fixture(params=[True, False], ids=["encrypted", "plain"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    return Way(tmp_path, request.param)


def test_an_empty_chunk_is_not_the_end() -> None:
    stream = Chunks([b"", b"one", b"", b"", b"two", b""])
    assert [stream.read(2) for _ in range(6)] == [b"on", b"e", b"tw", b"o", b"", b""]
    assert Chunks([b"", b""]).read() == b""


def test_all_of_it_arrives_and_comes_back(way: Way) -> None:
    parts = [CONTENT[:1], b"", CONTENT[1:1_000_000], b"", CONTENT[1_000_000:]]
    for content, source in ((CONTENT, Chunks(parts)), (b"", io.BytesIO())):
        member = way.send(source)
        assert (member.size, way.back(member)) == (len(content), content)


@pytest.mark.parametrize("left", [0, 100, 2**20, -1])
def test_a_cut_stream_is_altered_by_its_digest_and_never_whole_without(way: Way, left: int) -> None:
    member = way.send(io.BytesIO(CONTENT))
    cut = way.stored(member)[:left]
    believed = way.put(member, cut)
    with pytest.raises(Altered):
        way.back(member)
    with pytest.raises((Altered, Undecodable)):
        way.back(believed)


def test_frames_that_changed_places_are_not_what_was_written(tmp_path: Path) -> None:
    """Each of them valid, so that zstd finds nothing."""
    way = Way(tmp_path, encrypted=False)
    member = way.send(io.BytesIO(CONTENT))
    half = len(CONTENT) // 2
    frames = [zstandard.compress(part) for part in (CONTENT[half:], CONTENT[:half])]
    for content in (b"".join(frames), frames[0], frames[0] * 2):
        with pytest.raises(Altered):
            way.back(way.put(member, content))


def test_blocks_of_age_that_changed_places_are_refused(tmp_path: Path) -> None:
    way = Way(tmp_path, encrypted=True)
    member = way.send(io.BytesIO(CONTENT))
    content = way.stored(member)
    one, other = content[100_000:165_552], content[165_552:231_104]
    with pytest.raises(Undecodable):
        way.back(way.put(member, content[:100_000] + other + one + content[231_104:]))


class Unreadable(OpsError):
    """A source's own trouble."""


def failing(after: int) -> Iterator[bytes]:
    yield from (CONTENT for _ in range(after))
    raise Unreadable("the source")


@pytest.mark.parametrize("after", [0, 1, 5])
def test_an_error_in_the_source_keeps_its_type_and_leaves_nothing(way: Way, after: int) -> None:
    with pytest.raises(Unreadable, match="the source"):
        way.send(Chunks(failing(after)))
    assert list(way.store.objects("")) == []


def test_an_error_in_the_store_ends_the_source_and_leaves_nothing(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = iter([10**9, 0])
    monkeypatch.setattr(way.store, "free", lambda: next(room))
    monkeypatch.setattr("tasks.storage.folder.LOOK_EVERY", 2**20)
    read = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(1)
            yield CONTENT

    with pytest.raises(OpsError, match="空间"):
        way.send(Chunks(endless()))
    assert len(read) < 20 and list(way.store.objects("")) == []


def test_an_error_in_the_store_while_reading_keeps_its_type(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = way.send(io.BytesIO(CONTENT))
    whole = way.stored(member)

    def read(key: str) -> Iterable[bytes]:
        yield whole[: len(whole) // 2]
        raise Unreadable("the store")

    monkeypatch.setattr(way.store, "read", read)
    with pytest.raises(Unreadable, match="the store"):
        way.back(member)


def test_the_store_says_what_it_holds(way: Way) -> None:
    member = way.send(io.BytesIO(CONTENT))
    found: Stored | None = way.store.stat(f"{FOLDER}/{member.object}")
    assert found and found.size == member.stored_size == len(way.stored(member))
