"""Bytes of Oracle Net and of the calls it carries (TTC): packets' parts and values.

The layout was learnt by reading the client side of python-oracledb (UPL / Apache 2.0).
"""

import datetime as dt
import struct
from decimal import Context, Decimal
from typing import Any, Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

VARCHAR, NUMBER, LONG, DATE, RAW, CHAR, BINARY_DOUBLE, TIMESTAMP = 1, 2, 8, 12, 23, 96, 101, 180
# A length byte that announces pieces, each with its own length, ended by an empty one.
IN_PIECES = 0xFE
PIECE = 32767


class Short(EOFError):
    """A request goes on in the next packet."""


class Writer(bytearray):
    def byte(self, value: int) -> Self:
        self.append(value & 255)
        return self

    def number(self, value: int) -> Self:
        digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
        self.append(len(digits))
        self.extend(digits)
        return self

    def numbers(self, *values: int) -> Self:
        for value in values:
            self.number(value)
        return self

    def signed(self, value: int) -> Self:
        digits = abs(value).to_bytes((abs(value).bit_length() + 7) // 8, "big")
        self.append(len(digits) | (0x80 if value < 0 else 0))
        self.extend(digits)
        return self

    def chunk(self, content: bytes | None) -> Self:
        if not content:
            return self.byte(0)
        if len(content) <= 252:
            self.append(len(content))
            self.extend(content)
            return self
        self.append(IN_PIECES)
        for start in range(0, len(content), PIECE):
            piece = content[start : start + PIECE]
            self.number(len(piece))
            self.extend(piece)
        return self.byte(0)

    def sized(self, content: bytes | str | None) -> Self:
        """Its length, then the chunk."""
        raw = content.encode() if isinstance(content, str) else content
        self.number(len(raw) if raw else 0)
        return self.chunk(raw) if raw else self


class Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = bytes(content), 0

    def raw(self, count: int) -> bytes:
        taken = self.content[self.at : self.at + count]
        if len(taken) < count:
            raise Short
        self.at += count
        return taken

    def byte(self) -> int:
        return self.raw(1)[0]

    def number(self) -> int:
        count = self.byte()
        return int.from_bytes(self.raw(count & 0x7F), "big") * (-1 if count & 0x80 else 1)

    def numbers(self, count: int) -> list[int]:
        return [self.number() for _ in range(count)]

    def chunk(self) -> bytes | None:
        count = self.byte()
        if count in (0, 255):
            return None
        if count != IN_PIECES:
            return self.raw(count)
        content = b""
        while piece := self.number():
            content += self.raw(piece)
        return content

    def sized(self) -> bytes | None:
        return self.chunk() if self.number() else None


def encoded_number(value: bool | int | float | Decimal) -> bytes:
    """Oracle's own NUMBER: digits to the base of a hundred behind an exponent."""
    value = int(value) if isinstance(value, bool) else value
    negative, digits, exponent = Decimal(repr(value) if isinstance(value, float) else value).as_tuple()
    figures, power = list(digits), int(exponent)
    while figures and figures[-1] == 0:
        figures.pop()
        power += 1
    while figures and figures[0] == 0:
        figures.pop(0)
    if not figures:
        return b"\x80"
    if power % 2:
        figures.append(0)
        power -= 1
    if len(figures) % 2:
        figures.insert(0, 0)
    pairs = [figures[i] * 10 + figures[i + 1] for i in range(0, len(figures), 2)][:20]
    size = (len(figures) + power) // 2 - 1
    if not negative:
        return bytes([0xC1 + size] + [pair + 1 for pair in pairs])
    return bytes([~(0xC1 + size) & 255] + [101 - pair for pair in pairs] + [102] * (len(pairs) < 20))


def decoded_number(raw: bytes) -> int | Decimal:
    if raw == b"\x80":
        return 0
    negative = not raw[0] & 0x80
    size = ((~raw[0] & 255) if negative else raw[0]) - 0xC1
    body = raw[1:-1] if negative and raw[-1] == 102 else raw[1:]
    pairs = [(101 - one) if negative else one - 1 for one in body]
    digits = Decimal("".join(f"{pair:02d}" for pair in pairs))
    value = digits.scaleb(2 * (size - len(pairs) + 1), Context(prec=60))
    value = -value if negative else value
    return int(value) if value == value.to_integral_value() else value


def encoded_date(value: dt.date, fractions: bool = False) -> bytes:
    at = value if isinstance(value, dt.datetime) else dt.datetime(value.year, value.month, value.day)
    year = [at.year // 100 + 100, at.year % 100 + 100]
    raw = bytes([*year, at.month, at.day, at.hour + 1, at.minute + 1, at.second + 1])
    return raw + struct.pack(">I", at.microsecond * 1000) if fractions else raw


def decoded_date(raw: bytes) -> dt.datetime:
    micros = struct.unpack(">I", raw[7:11])[0] // 1000 if len(raw) >= 11 else 0
    year = (raw[0] - 100) * 100 + raw[1] - 100
    return dt.datetime(year, raw[2], raw[3], raw[4] - 1, raw[5] - 1, raw[6] - 1, micros)


def encoded(kind: int, value: Any) -> bytes | None:
    if value is None:
        return None
    if kind == NUMBER:
        return encoded_number(value)
    if kind in (DATE, TIMESTAMP):
        return encoded_date(value, fractions=kind == TIMESTAMP)
    return value if isinstance(value, bytes) else str(value).encode()


def decoded(kind: int, raw: bytes | None) -> Any:
    if raw is None:
        return None
    if kind in (NUMBER, 3):
        return decoded_number(raw)
    if kind in (DATE, TIMESTAMP, 181, 231):
        return decoded_date(raw)
    if kind in (RAW, 24):
        return raw
    if kind == BINARY_DOUBLE:
        bits = int.from_bytes(raw, "big")
        bits = bits ^ (1 << 63) if bits >> 63 else ~bits & (2**64 - 1)
        return struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    if kind == 252:  # BOOLEAN
        return raw[-1:] == b"\x01"
    return raw.decode("utf-8", "replace")


def aes(key: bytes, content: bytes, *, encrypt: bool) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16)))
    turning = cipher.encryptor() if encrypt else cipher.decryptor()
    return turning.update(content) + turning.finalize()
