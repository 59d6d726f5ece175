"""From a source to storage and back: zstd, then age, each byte counted and hashed on both sides of them.

Nothing is put down on the way: a bounded queue stands between the thread that encrypts and the store.
"""

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyrage
import zstandard

from tasks.backups.manifest import Manifest, Member
from tasks.errors import OpsError
from tasks.storage import Store
from tasks.texts import t

CHUNK = 2**20
# Chunks between encryption and the store: with what zstd and the store hold, all the memory a backup takes.
AHEAD = 8
# Of zstd, beside the one that reads and hashes.
THREADS = 2
PLAIN, ENCRYPTED = ".zst", ".zst.age"


class Altered(OpsError):
    """L0: what lies in storage is not what was written."""


class Undecodable(OpsError):
    """The bytes are those that the manifest names, and no valid zstd or age all the same."""


class Broken(Exception):
    """The other end of the queue is gone; the reason is told there."""


class Counted:
    """A source on its way: counted, hashed, no faster than `rate` bytes a second."""

    def __init__(self, source: Any, rate: int | None = None, moved: Callable[[int], None] | None = None):
        self._source, self._rate, self._moved = source, rate, moved
        self._hash = hashlib.sha256()
        self._started = time.monotonic()
        self.size = 0
        # What went wrong, as it was: age makes an error of its own of it.
        self.problem: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            chunk: bytes = self._source.read(size if 0 < size <= CHUNK else CHUNK)
        except BaseException as problem:
            self.problem = problem
            raise
        self._hash.update(chunk)
        self.size += len(chunk)
        if self._moved:
            self._moved(len(chunk))
        if self._rate:
            ahead = self.size / self._rate - (time.monotonic() - self._started)
            time.sleep(max(ahead, 0))
        return chunk

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class Pipe:
    """Written by one thread, read by another, never more than `AHEAD` chunks full."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
        self._gone = threading.Event()
        self._filling = bytearray()

    def write(self, data: bytes) -> int:
        if not self._filling and len(data) >= CHUNK:
            self._put(bytes(data))
            return len(data)
        self._filling += data
        if len(self._filling) >= CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._filling:
            self._put(bytes(self._filling))
            self._filling.clear()

    def finish(self, problem: BaseException | None) -> None:
        if problem is None:
            self.flush()
        self._put(problem)

    def _put(self, item: bytes | BaseException | None) -> None:
        while not self._gone.is_set():
            try:
                return self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
        raise Broken

    def chunks(self) -> Iterator[bytes]:
        try:
            while (item := self._queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self._gone.set()


def in_thread(work: Callable[[Pipe], None]) -> tuple[Iterator[bytes], threading.Thread]:
    """What `work` writes, as chunks; its error is raised where they are taken."""
    pipe = Pipe()

    def run() -> None:
        problem: BaseException | None = None
        try:
            work(pipe)
        except BaseException as failed:  # noqa: BLE001 - raised again by the reader
            problem = failed
        try:
            pipe.finish(problem)
        except Broken:
            return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return pipe.chunks(), thread


def end(chunks: Iterator[bytes], thread: threading.Thread) -> None:
    chunks.close()  # type: ignore[attr-defined]
    thread.join()


def send(
    store: Store,
    folder: str,
    name: str,
    source: Any,
    *,
    recipients: Sequence[str] = (),
    compression: int = 1,
    rate: int | None = None,
    moved: Callable[[int], None] | None = None,
) -> Member:
    """All of `source` as one object; an error out of it leaves nothing there."""
    plain = Counted(source, rate, moved)
    to = [pyrage.x25519.Recipient.from_str(one) for one in recipients]

    def pack(pipe: Pipe) -> None:
        packed = zstandard.ZstdCompressor(compression, threads=THREADS).stream_reader(plain, read_size=CHUNK)  # type: ignore[arg-type]
        try:
            if to:
                pyrage.encrypt_io(packed, pipe, to)
            while not to and (chunk := packed.read(CHUNK)):
                pipe.write(chunk)
        except Exception as problem:  # noqa: BLE001 - the source's own, where it was that
            raise (plain.problem or problem) from None

    chunks, thread = in_thread(pack)
    stored = hashlib.sha256()

    def counted() -> Iterator[bytes]:
        for chunk in chunks:
            stored.update(chunk)
            yield chunk

    object_name = name + (ENCRYPTED if to else PLAIN)
    try:
        done = store.put(f"{folder}/{object_name}", counted())
    finally:
        end(chunks, thread)
    return Member(name, plain.size, plain.sha256, object_name, done.size, stored.hexdigest())


class Opened:
    """A stored backup, its members as they were before zstd and age; compared with its manifest as they are
    read."""

    def __init__(self, manifest: Manifest, store: Store, identities: Sequence[Any] = ()) -> None:
        self.manifest, self.store, self.identities = manifest, store, identities
        # Members whose stored bytes were read to their end, and are those that were written.
        self.compared: set[str] = set()

    @contextmanager
    def open(self, member: str) -> Iterator[BinaryIO]:
        found = next((one for one in self.manifest.members if one.name == member), None)
        if found is None:
            raise Altered(t("backups.no_member", name=self.manifest.name, member=member))
        stored = Counted(Chunks(self.store.read(self.manifest.key(found))))
        chunks, thread = in_thread(lambda pipe: unpack(stored, pipe, found, self.identities))
        plain = Counted(Chunks(chunks))
        try:
            yield plain  # type: ignore[misc]
            while plain.read(CHUNK):  # what the reader left; its bytes are checked as well
                pass
        except Exception:
            end(chunks, thread)
            if stored.problem:
                raise stored.problem from None
            while stored.read(CHUNK):  # is it the bytes, or what was made of them?
                pass
            self._compare(found, stored)
            raise
        finally:
            end(chunks, thread)
        self._compare(found, stored)
        if (plain.size, plain.sha256) != (found.size, found.sha256):
            raise Altered(t("backups.altered_inside", name=self.manifest.name, member=member))

    def compare_rest(self) -> None:
        """The stored bytes of what nobody has read."""
        for member in self.manifest.members:
            if member.name not in self.compared:
                stored = Counted(Chunks(self.store.read(self.manifest.key(member))))
                while stored.read(CHUNK):
                    pass
                self._compare(member, stored)

    def _compare(self, member: Member, stored: Counted) -> None:
        if (stored.size, stored.sha256) != (member.stored_size, member.stored_sha256):
            raise Altered(
                t(
                    "backups.altered",
                    name=self.manifest.name,
                    member=member.object,
                    expected=member.stored_size,
                    size=stored.size,
                )
            )
        self.compared.add(member.name)


class Chunks:
    """An iterator of chunks, read like a file; a small read copies a small piece: age asks for 8 KiB."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._chunk, self._at = iter(chunks), b"", 0

    def read(self, size: int = -1) -> bytes:
        while self._at == len(self._chunk):
            found = next(self._chunks, None)
            if found is None:
                return b""
            self._chunk, self._at = found, 0
        end = len(self._chunk) if size < 0 else min(self._at + size, len(self._chunk))
        taken = self._chunk[self._at : end]
        self._at = end
        return taken


def unpack(stored: Counted, pipe: Pipe, member: Member, identities: Sequence[Any]) -> None:
    try:
        if not member.object.endswith(ENCRYPTED):
            zstandard.ZstdDecompressor().copy_stream(stored, pipe, CHUNK, CHUNK)  # type: ignore[arg-type]
            return
        if not identities:
            raise OpsError(t("backups.no_identity"))
        opened, thread = in_thread(lambda inner: pyrage.decrypt_io(stored, inner, list(identities)))
        try:
            zstandard.ZstdDecompressor().copy_stream(Chunks(opened), pipe, CHUNK, CHUNK)  # type: ignore[arg-type]
            for _ in opened:  # behind the last frame: age's own end has to come
                pass
        finally:
            end(opened, thread)
    # OSError: age's word for a block that does not fit; the store's own, known to `stored`, goes before.
    except (zstandard.ZstdError, pyrage.DecryptError, OSError) as problem:
        raise Undecodable(t("backups.undecodable", member=member.object, reason=problem)) from problem
