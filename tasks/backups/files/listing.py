"""What a backup of files should hold: stored beside the archive, and kept on this machine for the next."""

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from tasks.backups import Unsound
from tasks.backups.files.entries import Entry, State
from tasks.files import write_whole
from tasks.texts import t

HEADER = b"opsproof-files 1 "


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of the stored listing; what was not taken again is only named."""

    path: bytes
    state: State
    said: str
    sum: str
    link: bytes


def write(entries: Mapping[bytes, Entry]) -> Iterator[bytes]:
    """Nothing that only the source's own file system knows: no inode, no time of change."""
    yield HEADER + str(len(entries)).encode() + b"\0"
    yield from gathered(map(line_of, entries.values()))


def line_of(entry: Entry) -> bytes:
    if entry.state is not State.TAKEN:
        return b"%s\0%s\0\0" % (entry.state.encode(), entry.path)
    words = " ".join([entry.state, *entry.restored.split("\0"), entry.sum or "-"])
    return b"%s\0%s\0%s\0" % (words.encode(), entry.path, entry.link)


def gathered(lines: Iterable[bytes]) -> Iterator[bytes]:
    """So many at once that nothing is done for a line alone."""
    left = iter(lines)
    while chunk := b"".join(itertools.islice(left, 1000)):
        yield chunk


def read(stream: BinaryIO) -> dict[bytes, Expected]:
    """To its last byte: one that was cut, or has more than it says, is no listing."""
    records = split(stream)
    found: dict[bytes, Expected] = {}
    try:
        header = next(records, b"")
        if not header.startswith(HEADER):
            raise ValueError(header[:40])
        for line in records:
            words = line.decode("ascii").split(" ")
            state, path, link = State(words[0]), next(records), next(records)
            if (len(words) == 8) != (state is State.TAKEN) or len(words) not in (1, 8) or path in found:
                raise ValueError(line[:100])
            sum_ = words[7].replace("-", "") if len(words) == 8 else ""
            found[path] = Expected(path, state, "\0".join(words[1:7]), sum_, link)
        if int(header[len(HEADER) :]) != len(found):
            raise ValueError(header)
    except (ValueError, StopIteration) as problem:
        raise Unsound(t("files.bad_listing", reason=problem)) from problem
    return found


def split(stream: BinaryIO, end: bytes = b"\0") -> Iterator[bytes]:
    """What each `end` ends; the rest must be nothing."""
    left = b""
    while chunk := stream.read(2**20):
        *whole, left = (left + chunk).split(end)
        yield from whole
    if left:
        raise ValueError(left[:100])


# For the next backup, on this machine: whole, and known by its digest.


def keep(folder: Path, entries: Iterable[Entry], parent: str = "") -> str:
    summed, packer = hashlib.sha256(), zstandard.ZstdCompressor().compressobj()
    packed = []
    for chunk in gathered(map(own_line, entries)):
        summed.update(chunk)
        packed.append(packer.compress(chunk))
    digest = summed.hexdigest()
    write_whole(folder / digest, b"".join(packed) + packer.flush())
    for path in folder.iterdir():
        if path.name not in (digest, parent):
            path.unlink()
    return digest


def own_line(entry: Entry) -> bytes:
    fields = [f"{entry.state} {entry.sum}".encode(), entry.meta.encode(), entry.path, entry.link, b""]
    return b"\0".join(fields)


def kept(folder: Path, digest: str) -> Iterator[Entry] | None:
    """None where it is not there or not whole: then all is taken anew. Read twice, never held as a whole."""
    path = folder / digest
    with contextlib.suppress(OSError, zstandard.ZstdError), unpacked(path) as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() == digest:  # type: ignore[arg-type]
            return parsed(path)
    return None


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        yield stream


def parsed(path: Path) -> Iterator[Entry]:
    with unpacked(path) as stream:
        yield from entries_of(split(stream))


def entries_of(records: Iterator[bytes]) -> Iterator[Entry]:
    for line in records:
        state, _, sum_ = line.decode("ascii").partition(" ")
        meta, path, link = next(records).decode("ascii"), next(records), next(records)
        yield Entry(path, meta, link, sum_, State(state))
