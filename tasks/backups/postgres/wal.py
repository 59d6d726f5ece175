"""Positions in the write-ahead log, and the records in a piece of it: where each begins, and which of them
commit a transaction. The layout is the same from PostgreSQL 9.5 to 18 on machines with the low byte first.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.errors import OpsError
from tasks.texts import t

PAGE = 8192
SHORT_HEADER, LONG_HEADER = 24, 40
CONTINUED, LONG = 0x0001, 0x0002
HEADER = struct.Struct("<IIQBB2xI")
XLOG, XACT = 0, 1
SWITCH = 0x40
COMMIT, COMMIT_PREPARED, ACTION = 0x00, 0x30, 0x70
# Segments counted by 32 bits: what a file's name is made of.
LOG_SIZE = 2**32


def number(lsn: str) -> int:
    high, low = lsn.split("/")
    return int(high, 16) * LOG_SIZE + int(low, 16)


def text(lsn: int) -> str:
    return f"{lsn // LOG_SIZE:X}/{lsn % LOG_SIZE:X}"


def segment_name(timeline: int, lsn: int, size: int) -> str:
    log, within = divmod(lsn // size, LOG_SIZE // size)
    return f"{timeline:08X}{log:08X}{within:08X}"


@dataclass(frozen=True, slots=True)
class Record:
    """`xid`: of the transaction it commits, its last 32 bits; 0: which one is not understood; None: it
    commits none."""

    lsn: int
    end: int
    xid: int | None = None


class Log:
    """A piece of log from a page's start or from a record's, which grows."""

    def __init__(self, start: int, segment: int) -> None:
        self.start, self.segment, self.data = start, segment, bytearray()
        self._at: int | None = None if start % PAGE == 0 else start

    @property
    def end(self) -> int:
        return self.start + len(self.data)

    def records(self, until: int) -> Iterator[Record]:
        """Those not told yet that end by `until`, which is the end of one."""
        if self._at is None:
            self._at = self._first()
        while self._at < until:
            at = self._skip_header(self._at)
            if at >= until:
                return
            (size,) = struct.unpack("<I", self._bytes(at, 4)[0])
            if size == 0:
                raise OpsError(t("backup_postgres.no_record", lsn=text(at)))
            content, end = self._bytes(at, size)
            self._at = self._aligned(end)
            record = told(at, self._at, content)
            if content[17] == XLOG and content[16] & 0xF0 == SWITCH:
                self._at = -(-self._at // self.segment) * self.segment
            yield record

    def _first(self) -> int:
        """Behind what a record of an earlier page still has there."""
        at = self.start
        while True:
            flags, left = self._header(at)
            room = PAGE - (LONG_HEADER if flags & LONG else SHORT_HEADER)
            if not flags & CONTINUED:
                return at
            if left <= room:
                return self._aligned(at + PAGE - room + left)
            at += PAGE

    def _header(self, page: int) -> tuple[int, int]:
        content = self.data[page - self.start : page - self.start + SHORT_HEADER]
        _, flags, _, address, left = struct.unpack("<HHIQI4x", content)
        if address != page:
            raise OpsError(t("backup_postgres.no_record", lsn=text(page)))
        return flags, left

    def _skip_header(self, at: int) -> int:
        if at % PAGE:
            return at
        flags, _ = self._header(at)
        return at + (LONG_HEADER if flags & LONG else SHORT_HEADER)

    def _bytes(self, at: int, size: int) -> tuple[bytes, int]:
        """`size` bytes of one record and where they end, page headers left out."""
        found = b""
        while len(found) < size:
            at = self._skip_header(at)
            take = min(size - len(found), PAGE - at % PAGE)
            piece = self.data[at - self.start : at - self.start + take]
            if len(piece) < take:
                raise OpsError(t("backup_postgres.no_record", lsn=text(at)))
            found += piece
            at += take
        return found, at

    @staticmethod
    def _aligned(at: int) -> int:
        return -(-at // 8) * 8


def told(at: int, end: int, content: bytes) -> Record:
    _, xid, _, info, manager, _ = HEADER.unpack_from(content)
    if manager == XACT and info & ACTION == COMMIT:
        return Record(at, end, xid)
    if manager == XACT and info & ACTION == COMMIT_PREPARED:
        return Record(at, end, prepared(content[HEADER.size :]))
    return Record(at, end)


# What stands before the data of a record, by its first byte → its length.
AHEAD = {255: 2, 254: 5, 253: 3, 252: 5}
DATA = (255, 254)
# Parts of a commit record in their order: flag, bytes of one entry; 0: a fixed part of 8 bytes.
PARTS = ((1, 0), (2, 4), (4, 12), (256, 12), (8, 16))
TWO_PHASE = 16


def prepared(content: bytes) -> int:
    """Which transaction it commits; 0: not understood."""
    try:
        while content[0] not in DATA:
            content = content[AHEAD[content[0]] :]
        content = content[AHEAD[content[0]] + 8 :]
        (flags,) = struct.unpack_from("<I", content)
        at = 4
        for flag, size in PARTS:
            if flags & flag:
                at += 4 + size * struct.unpack_from("<I", content, at)[0] if size else 8
        return int(struct.unpack_from("<I", content, at)[0]) if flags & TWO_PHASE else 0
    except (KeyError, IndexError, struct.error):
        return 0
