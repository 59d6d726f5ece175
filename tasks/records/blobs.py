"""Evidence by digest: `ab/<sha256 of the content>.zst`, each content once, none ever changed.

A blob is one zstd frame and a skippable frame behind it (so `zstd -d` reads it) that says how
long the frame and the content are and carries the CRC of the frame: a zstd frame has bits whose
change no decoder notices, and here no byte may change unnoticed.
"""

import os
import re
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from tasks.files import sync_folder

CHUNK = 256 * 1024
LEVEL = 3
TRAILER = struct.Struct("<IIQQI")
TRAILER_MAGIC = 0x184D2A5E  # a skippable frame, RFC 8878 section 3.1.2
STALE_SECONDS = 24 * 3600
BLOB_NAME = re.compile(r"[0-9a-f]{64}\.zst")

_local = threading.local()


class Damaged(Exception):
    """A blob that is not what its name says: `missing`, `truncated`, `changed` or `unreadable`."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


@dataclass(frozen=True, slots=True)
class Blob:
    digest: str
    size: int


class _Frame:
    """The zstd frame in an open blob, as a stream that counts and sums what it gives out."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self.file = file
        self.left = length
        self.crc = 0

    def read(self, count: int = -1) -> bytes:
        data = self.file.read(self.left if count < 0 else min(count, self.left))
        self.left -= len(data)
        self.crc = zlib.crc32(data, self.crc)
        return data

    def drain(self) -> None:
        while self.left and self.read(CHUNK):
            pass


def _decompressor() -> zstandard.ZstdDecompressor:
    """One per thread: making one costs more than a small blob."""
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    return _local.decompressor  # type: ignore[no-any-return]


class Blobs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.swept = False

    def path(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest}.zst"

    def size(self, digest: str) -> int:
        """Length of the content, as the blob's own trailer says; Damaged if there is none."""
        try:
            with self.path(digest).open("rb") as file:
                return _trailer(file)[1]
        except FileNotFoundError:
            raise Damaged("missing") from None

    def keep(self, content: bytes | BinaryIO) -> Blob:
        """Write `content` unless an intact copy is there already; memory stays bounded for streams."""
        if isinstance(content, bytes):
            blob = Blob(sha256(content).hexdigest(), len(content))
            if self._intact(blob.digest):
                return blob
        self._sweep()
        pending = self.folder / "tmp"
        pending.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=pending)
        try:
            with os.fdopen(handle, "wb") as file:
                blob = _compress(content, file)
                file.flush()
                os.fsync(file.fileno())
            if isinstance(content, bytes) or not self._intact(blob.digest):
                self._place(Path(name), self.path(blob.digest))
        finally:
            Path(name).unlink(missing_ok=True)
        return blob

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The content, piece by piece; Damaged at the latest behind the last one."""
        try:
            with self.path(digest).open("rb") as file:
                yield from _checked(file, digest)
        except FileNotFoundError:
            raise Damaged("missing") from None
        except OSError as problem:
            raise Damaged("unreadable") from problem

    def check(self, digest: str) -> int:
        """Length of the content if every byte is as it was written; Damaged otherwise."""
        return sum(map(len, self.chunks(digest)))

    def digests(self) -> Iterator[str]:
        """Every blob there is, in order, referenced by a record or not."""
        if self.folder.is_dir():
            for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*.zst")):
                if BLOB_NAME.fullmatch(path.name):
                    yield path.stem

    def _intact(self, digest: str) -> bool:
        try:
            self.check(digest)
        except Damaged:
            return False
        return True

    def _place(self, source: Path, target: Path) -> None:
        if not target.parent.is_dir():
            target.parent.mkdir(exist_ok=True, mode=0o700)
            sync_folder(self.folder)
        source.replace(target)
        sync_folder(target.parent)

    def _sweep(self) -> None:
        """What a killed writer left half-written, once it is surely nobody's any more."""
        if self.swept:
            return
        self.swept = True
        for path in (self.folder / "tmp").glob("*"):
            try:
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()
            except FileNotFoundError:
                continue


def _compress(content: bytes | BinaryIO, file: BinaryIO) -> Blob:
    digest = sha256()
    size = packed = crc = 0
    known = len(content) if isinstance(content, bytes) else -1
    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj(size=known)
    for piece in _pieces(content):
        digest.update(piece)
        size += len(piece)
        data = compressor.compress(piece)
        packed, crc = packed + file.write(data), zlib.crc32(data, crc)
    data = compressor.flush()
    packed, crc = packed + file.write(data), zlib.crc32(data, crc)
    file.write(TRAILER.pack(TRAILER_MAGIC, TRAILER.size - 8, packed, size, crc))
    return Blob(digest.hexdigest(), size)


def _pieces(content: bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    while piece := content.read(CHUNK):
        yield piece


def _trailer(file: BinaryIO) -> tuple[int, int, int]:
    """(length of the frame, length of the content, CRC of the frame); Damaged if it is not there."""
    end = file.seek(0, os.SEEK_END)
    if end < TRAILER.size:
        raise Damaged("truncated")
    file.seek(end - TRAILER.size)
    magic, length, packed, size, crc = TRAILER.unpack(file.read(TRAILER.size))
    if (magic, length, packed) != (TRAILER_MAGIC, TRAILER.size - 8, end - TRAILER.size):
        raise Damaged(_without_trailer(file))
    return packed, size, crc


def _without_trailer(file: BinaryIO) -> str:
    """A cut blob still begins as one and ends early; anything else was overwritten."""
    file.seek(0)
    count = 0
    try:
        declared = zstandard.get_frame_parameters(file.read(64)).content_size
        file.seek(0)
        reader = _decompressor().stream_reader(file)
        while piece := reader.read(CHUNK):
            count += len(piece)
    except zstandard.ZstdError:
        return "changed"
    return "truncated" if count < declared else "changed"


def _checked(file: BinaryIO, expected: str) -> Iterator[bytes]:
    packed, size, crc = _trailer(file)
    file.seek(0)
    frame = _Frame(file, packed)
    reader = _decompressor().stream_reader(cast(BinaryIO, frame), read_size=CHUNK)
    digest = sha256()
    count = 0
    try:
        while piece := reader.read(CHUNK):
            digest.update(piece)
            count += len(piece)
            if count > size:
                raise Damaged("changed")
            yield piece
    except (zstandard.ZstdError, MemoryError) as problem:
        raise Damaged("changed") from problem
    frame.drain()
    if (count, frame.crc, digest.hexdigest()) != (size, crc, expected):
        raise Damaged("changed")
