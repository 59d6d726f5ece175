"""What a backup of files should hold: stored beside the archive, and kept on this machine for the next."""

import contextlib
import hashlib
import io
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

    state: State
    said: tuple[str, ...]
    sum: str
    link: bytes


def write(entries: Mapping[bytes, Entry]) -> bytes:
    """Nothing that only the source's own file system knows: no inode, no time of change."""
    out = io.BytesIO()
    out.write(HEADER + str(len(entries)).encode() + b"\0")
    for entry in entries.values():
        told = entry.state is State.TAKEN
        words = [entry.state, *(entry.restored if told else ()), *([entry.sum or "-"] if told else ())]
        out.write(b"\0".join([" ".join(words).encode(), entry.path, entry.link if told else b"", b""]))
    return out.getvalue()


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
            found[path] = Expected(state, tuple(words[1:7]), sum_, link)
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
    out = io.BytesIO()
    for entry in entries:
        fields = [f"{entry.state} {entry.sum}".encode(), entry.meta.encode(), entry.path, entry.link, b""]
        out.write(b"\0".join(fields))
    digest = hashlib.sha256(out.getbuffer()).hexdigest()
    write_whole(folder / digest, zstandard.compress(out.getbuffer()))
    for path in folder.iterdir():
        if path.name not in (digest, parent):
            path.unlink()
    return digest


def kept(folder: Path, digest: str) -> dict[bytes, Entry]:
    """Nothing where it is not there or not whole: then all is taken anew."""
    with contextlib.suppress(OSError, zstandard.ZstdError):
        content = zstandard.decompress((folder / digest).read_bytes())
        if hashlib.sha256(content).hexdigest() == digest:
            return dict(parsed(content))
    return {}


def parsed(content: bytes) -> Iterator[tuple[bytes, Entry]]:
    records = split(io.BytesIO(content))
    for line in records:
        state, _, sum_ = line.decode("ascii").partition(" ")
        meta, path, link = next(records).decode("ascii"), next(records), next(records)
        yield path, Entry(path, meta, link, sum_, State(state))
