"""A binary log, event by event, as far as its structure goes: whole, in order, at which GTID.

Formats: MySQL's internals manual, "Binary Log", and MariaDB's log_event.h.
"""

import re
import struct
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

MAGIC = b"\xfebin"
# Timestamp, type, server, length, position of the next one, flags.
HEADER = struct.Struct("<IBIIIH")
CHECKSUM = 4
STOP, ROTATE, FORMAT, MYSQL_GTID, ANONYMOUS_GTID, TAGGED_GTID = 3, 4, 15, 33, 34, 42
GTID, GTID_LIST, START_ENCRYPTION = 162, 163, 164
# With these a transaction, or a statement of its own, begins; the next one's beginning is its end.
BEGINNINGS = frozenset({MYSQL_GTID, ANONYMOUS_GTID, TAGGED_GTID, GTID})
KEPT = BEGINNINGS | {ROTATE, FORMAT, GTID_LIST}
# That of a log belong to no transaction: formats, lists and checkpoints.
OF_THE_LOG = frozenset({STOP, ROTATE, FORMAT, 35, 161, GTID_LIST, START_ENCRYPTION})
# A flag of the first event while the server writes the log.
IN_USE = 1
NAME = re.compile(r"[\w.-]+\.\d{6,10}", re.ASCII)


class Damaged(ValueError):
    """It is no binary log, or not all of it. Its words are for the reason in a text of the catalogue."""


# Domain → server and number (MariaDB), or UUID of the server → number: where replication stands.
Gtids = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """One transaction: from where to where in its log, when it was written, and under which number."""

    start: int
    end: int
    time: int
    key: str = ""
    number: str = ""


@dataclass
class Log:
    """Fed with the bytes of one log; `state` is what was there before it, as far as known."""

    name: str
    state: dict[str, str] = field(default_factory=dict)
    # At these positions `state` is noted in `seen`: is it the log that we think it is?
    watch: frozenset[int] = frozenset()
    seen: dict[int, Gtids] = field(default_factory=dict)
    position: int = 0
    next_name: str = ""
    last_type: int = 0
    checksums: bool = False
    groups: deque[Group] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._carry = b""
        self._left = self._crc = 0
        self._header = (0, 0, 0, 0, 0, 0)
        self._body = bytearray()
        self._tail = b""
        self._open: tuple[int, str, str] | None = None
        self._time = 0

    def feed(self, chunk: bytes) -> None:
        data, at = self._carry + chunk, 0
        if self.position == 0:
            if len(data) < len(MAGIC):
                self._carry = data
                return
            if not data.startswith(MAGIC):
                raise Damaged("magic")
            at = self.position = len(MAGIC)
        end = len(data)
        while self._left or end - at >= HEADER.size:
            if not self._left:
                self._begin(data, at)
            size = min(self._left, end - at)
            if not size:
                break
            self._take(data[at : at + size])
            at += size
        self._carry = data[at:] if not self._left else b""

    def finish(self) -> None:
        if self._left or self._carry or self.position <= len(MAGIC):
            raise Damaged(f"end {self.position}")
        self._close_group(self.position)

    def _begin(self, data: bytes, at: int) -> None:
        self._header = HEADER.unpack_from(data, at)
        time, kind, _, length, _, _ = self._header
        if length < HEADER.size + CHECKSUM * self.checksums:
            raise Damaged(f"length {self.position}")
        if self.last_type == 0 and kind != FORMAT:
            raise Damaged("format")
        if kind in BEGINNINGS:
            self._close_group(self.position)
        elif self._open and kind not in OF_THE_LOG:
            self._time = max(self._time, time)
        self._left, self._crc, self._tail = length, 0, b""
        self._body.clear()

    def _take(self, piece: bytes) -> None:
        if self._header[1] in KEPT:
            self._body += piece
        elif self.checksums:
            covered = max(min(len(piece), self._left - CHECKSUM), 0)
            self._crc = zlib.crc32(piece[:covered], self._crc)
            self._tail += piece[covered:]
        self._left -= len(piece)
        if not self._left:
            self._ended()

    def _ended(self) -> None:
        _, kind, _, length, following, _ = self._header
        self.position += length
        body = self._body
        if kind == FORMAT:
            self._format(body)
        elif self.checksums:
            crc = zlib.crc32(body[:-CHECKSUM]) if kind in KEPT else self._crc
            if crc.to_bytes(CHECKSUM, "little") != (body[-CHECKSUM:] if kind in KEPT else self._tail):
                raise Damaged(f"checksum {self.position - length}")
        if following not in (0, self.position % 2**32):
            raise Damaged(f"position {self.position - length}")
        if kind in KEPT:
            self._understand(kind, body[HEADER.size : len(body) - CHECKSUM * self.checksums])
        self.last_type = kind
        if self.position in self.watch and kind not in BEGINNINGS:
            self.seen[self.position] = self._state_here()

    def _format(self, body: bytearray) -> None:
        """Its last five bytes: whether events are checked, and its own sum, made before the log was in use.
        A log whose events are not checked does not fit the sum of one whose events are."""
        if len(body) < HEADER.size + 5 or body[-1 - CHECKSUM] not in (0, 1):
            raise Damaged("format")
        whole = bytearray(body)
        whole[17] &= ~IN_USE
        whole[-1 - CHECKSUM] = 1
        fits = zlib.crc32(whole[:-CHECKSUM]) == int.from_bytes(body[-CHECKSUM:], "little")
        self.checksums = body[-1 - CHECKSUM] == 1
        if fits != self.checksums:
            raise Damaged("checksum 4")

    def _understand(self, kind: int, body: bytearray) -> None:
        if kind == ROTATE:
            self.next_name = bytes(body[8:]).decode("utf-8", "replace")
        elif kind == GTID_LIST:
            listed = gtid_list(body)
            if self.state and listed != self.state:
                raise Damaged(f"gtid {shown(listed)} {shown(self.state)}")
            self.state.update(listed)
            self.seen[len(MAGIC)] = dict(listed)
        elif kind in BEGINNINGS:
            self._open = (self.position - self._header[3], *numbered(kind, self._header[2], body))
            self._time = self._header[0]

    def _state_here(self) -> dict[str, str]:
        """As after the transaction that is still open: it is known to end only when the next one begins."""
        state = dict(self.state)
        if self._open and self._open[1]:
            state[self._open[1]] = self._open[2]
        return state

    def _close_group(self, end: int) -> None:
        if self._open is None:
            return
        start, key, number = self._open
        self.groups.append(Group(start, end, self._time, key, number))
        if key:
            self.state[key] = number
        self._open = None


def gtid_list(body: bytes | bytearray) -> dict[str, str]:
    count = int.from_bytes(body[:4], "little") & (2**28 - 1)
    found: dict[str, str] = {}
    for domain, server, number in struct.iter_unpack("<IIQ", bytes(body[4 : 4 + 16 * count])):
        found[str(domain)] = f"{server}-{number}"  # of one domain the last is the newest
    return found


def numbered(kind: int, server: int, body: bytes | bytearray) -> tuple[str, str]:
    if kind == GTID:
        number, domain = struct.unpack_from("<QI", body)
        return str(domain), f"{server}-{number}"
    if kind == MYSQL_GTID:
        flat = bytes(body[1:17]).hex()
        uuid = "-".join((flat[:8], flat[8:12], flat[12:16], flat[16:20], flat[20:]))
        return uuid, str(int.from_bytes(body[17:25], "little"))
    return "", ""


def parse_gtids(text: str) -> dict[str, str]:
    """`0-1-5,1-2-9` or `uuid:1-5:7,uuid:1-3`: what is the last of each."""
    found = {}
    for part in filter(None, re.sub(r"\s", "", text).split(",")):
        if re.fullmatch(r"\d+-\d+-\d+", part):
            domain, rest = part.split("-", 1)
            found[domain] = rest
        elif match := re.fullmatch(r"([0-9a-fA-F-]{36})((?::\d+(?:-\d+)?)+)", part):
            found[match[1].lower()] = re.split(r"[:-]", match[2])[-1]
        else:
            raise ValueError(part)
    return found


def shown(state: Gtids) -> str:
    """As it is given to a server; MariaDB's in the order of its domains."""
    return ",".join(f"{key}{'-' if key.isdecimal() else ':'}{state[key]}" for key in sorted(state))


def following(name: str) -> str:
    """The next log's name, where a server that stopped or died did not say it."""
    stem, number = name.rsplit(".", 1)
    return f"{stem}.{int(number) + 1:0{len(number)}}"
