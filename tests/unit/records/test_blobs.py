"""Evidence on disk: once per content, and no byte of it changes unnoticed."""

import io
import os
import random
import time
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard

from tasks.records.blobs import CHUNK, STALE_SECONDS, TRAILER, Blobs, Damaged

SIZES = [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("as_stream", [False, True])
def test_content_comes_back(tmp_path: Path, size: int, as_stream: bool) -> None:
    raw = random.Random(size).randbytes(size)
    blob = Blobs(tmp_path).keep(io.BytesIO(raw) if as_stream else raw)
    assert (blob.digest, blob.size) == (sha256(raw).hexdigest(), size)
    assert b"".join(Blobs(tmp_path).chunks(blob.digest)) == raw
    assert Blobs(tmp_path).size(blob.digest) == size


def test_same_content_is_stored_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    path = blobs.path(blobs.keep(b"same").digest)
    before = path.stat()
    blobs.keep(b"same")
    blobs.keep(io.BytesIO(b"same"))
    assert path.stat() == before
    assert list(blobs.digests()) == [sha256(b"same").hexdigest()]


def test_a_damaged_copy_is_written_again(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    path = blobs.path(blobs.keep(b"content").digest)
    path.write_bytes(path.read_bytes()[:-3])
    assert blobs.check(blobs.keep(b"content").digest) == 7


@pytest.mark.parametrize("as_stream", [False, True])
def test_every_bit_of_a_blob_counts(tmp_path: Path, as_stream: bool) -> None:
    raw = b"some text, some text, some more text " * 9
    blobs = Blobs(tmp_path)
    digest = blobs.keep(io.BytesIO(raw) if as_stream else raw).digest
    path = blobs.path(digest)
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(Damaged):
            blobs.check(digest)


@pytest.mark.parametrize("as_stream", [False, True])
def test_every_cut_is_found(tmp_path: Path, as_stream: bool) -> None:
    raw = random.Random(1).randbytes(400)
    blobs = Blobs(tmp_path)
    digest = blobs.keep(io.BytesIO(raw) if as_stream else raw).digest
    path = blobs.path(digest)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Damaged) as found:
            blobs.check(digest)
        if length < len(whole) - TRAILER.size:
            assert found.value.how == "truncated"


def test_the_command_line_tool_of_zstd_reads_a_blob(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    path = blobs.path(blobs.keep(b"readable").digest)
    reader = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True)
    assert reader.read() == b"readable"


def test_a_blob_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="missing"):
        Blobs(tmp_path).check("0" * 64)
    with pytest.raises(Damaged, match="missing"):
        Blobs(tmp_path).size("0" * 64)


def test_what_a_killed_writer_left_goes_after_a_day(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    for name, age in (("old", STALE_SECONDS + 60), ("young", 60)):
        (tmp_path / "tmp" / name).write_bytes(b"half")
        os.utime(tmp_path / "tmp" / name, (time.time() - age,) * 2)
    Blobs(tmp_path).keep(b"next")
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["young"]


def test_a_large_stream_needs_little_memory(tmp_path: Path) -> None:
    class Zeros(io.RawIOBase):
        left = 64 * 1024 * 1024

        def read(self, count: int = -1) -> bytes:
            piece = bytes(min(count, self.left))
            self.left -= len(piece)
            return piece

    tracemalloc.start()
    digest = Blobs(tmp_path).keep(Zeros()).digest
    assert Blobs(tmp_path).check(digest) == 64 * 1024 * 1024
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
