"""Binary logs of MariaDB's format, synthetic."""

import struct
import zlib
from collections.abc import Sequence

FORMAT, GTID, GTID_LIST, XID, ROTATE, STOP = 15, 162, 163, 16, 4, 3


def made(
    numbers: Sequence[int], *, before: int = 0, times: Sequence[int] | None = None, following: str = ""
) -> bytes:
    """Transactions of domain 0 and server 1, with these numbers, after the number `before`."""
    content = b"\xfebin"

    def event(kind: int, body: bytes, time: int = 1) -> None:
        nonlocal content
        length = 19 + len(body) + 4
        plain = struct.pack("<IBIIIH", time, kind, 1, length, len(content) + length, 0) + body
        content += plain + struct.pack("<I", zlib.crc32(plain))

    event(FORMAT, struct.pack("<H50sIB", 4, b"10.11-synthetic", 1, 19) + bytes(40) + b"\1")
    event(GTID_LIST, struct.pack("<IIIQ", 1, 0, 1, before) if before else struct.pack("<I", 0))
    for number, time in zip(numbers, times or [1] * len(numbers), strict=True):
        event(GTID, struct.pack("<QIB", number, 0, 0) + bytes(6), time)
        event(XID, struct.pack("<Q", number), time)
    event(ROTATE, struct.pack("<Q", 4) + following.encode()) if following else event(STOP, b"")
    return content
