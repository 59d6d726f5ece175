"""Calls of a logged-in client: statements with their binds, rows, re-execution of what is parsed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.lab.oracle import wire
from tests.lab.oracle.database import Column, FakeDb, OraError, Result
from tests.lab.oracle.wire import Reader, Writer

ERROR, ROW_HEADER, ROW, STATUS, IO_VECTOR, DESCRIBE = 4, 6, 7, 9, 11, 16
UTF8 = 873
# Options of an execute call.
RUN, FETCH, NOT_PLSQL = 0x20 | 0x20000, 0x40, 0x8000
TEXTS = (wire.VARCHAR, wire.CHAR, wire.LONG)
NAMES = re.compile(r"(?<![:\w])'[^']*'|:\"?([A-Za-z0-9_$#]+)")
# Type and size.
Bind = tuple[int, int]


class CutShort(Exception):
    """The connection is cut while these bytes are on their way."""

    def __init__(self, sent: bytes) -> None:
        super().__init__()
        self.sent = sent


@dataclass
class Cursor:
    sql: str
    plsql: bool
    types: list[Bind] = field(default_factory=list)
    result: Result = field(default_factory=Result)
    rows: list[Sequence[Any]] = field(default_factory=list)
    sent: int = 0


class Calls:
    def __init__(self, db: FakeDb, session: dict[str, Any], waited: Callable[[float], bool]) -> None:
        self.db, self.session, self.waited = db, session, waited
        self.cursors: dict[int, Cursor] = {}
        self.last = 0

    def close(self, reader: Reader) -> None:
        reader.byte()
        for number in reader.numbers(reader.number()):
            self.cursors.pop(number, None)

    def execute(self, reader: Reader) -> Writer | None:
        options, number = reader.numbers(2)
        sql, prefetch, inputs, outputs = header(reader)
        text = (reader.chunk() or b"").decode() if sql else self.cursors[number].sql
        extra = reader.numbers(13)
        types = [bind(reader) for _ in range(inputs or outputs)]
        known = self.cursors.get(number)
        cursor = Cursor(text, not options & NOT_PLSQL, known.types if known and not inputs else [])
        if inputs:
            cursor.types = types
        # All of it is read before anything is done: a request may go on in the next packet.
        binds = bind_rows(cursor, reader, 1 if extra[7] else max(1, extra[1]))
        if not number:
            self.last = number = self.last + 1
        self.cursors[number] = cursor
        if not options & RUN:
            return answer(cursor=number)
        return self.go(number, binds, prefetch if options & FETCH else 0, describing=True)

    def again(self, reader: Reader) -> Writer | None:
        number, count, fetch, _ = reader.numbers(4)
        cursor = self.cursors[number]
        binds = bind_rows(cursor, reader, 1 if fetch else max(1, count))
        return self.go(number, binds, count if fetch else 0, describing=False)

    def fetch(self, reader: Reader) -> Writer:
        number, count = reader.numbers(2)
        return self.some_rows(Writer(), number, count)

    def go(self, number: int, binds: list[list[Any]], count: int, *, describing: bool) -> Writer | None:
        cursor, total = self.cursors[number], 0
        names = [name for name in dict.fromkeys(NAMES.findall(cursor.sql)) if name]
        try:
            for values in binds:
                cursor.result = self.db.run(self.session, cursor.sql, values, names)
                total += cursor.result.rowcount
        except OraError as problem:
            return answer(problem, cursor=number)
        result = cursor.result
        if result.delay and not self.waited(result.delay):
            return None
        if result.columns:
            cursor.rows, cursor.sent = list(result.rows), 0
            described = describe(result.columns) if describing else Writer()
            return self.some_rows(described, number, count)
        written = Writer() if result.out is None else io_vector(cursor.types, result.out)
        written += answer(cursor=number, rowcount=total)
        return written

    def some_rows(self, writer: Writer, number: int, count: int) -> Writer:
        cursor = self.cursors[number]
        part, cursor.rows = cursor.rows[:count], cursor.rows[count:]
        writer.byte(ROW_HEADER).byte(0).numbers(0, 0, 0, 0, 0, 0)
        for row in part:
            writer.byte(ROW)
            for column, value in zip(cursor.result.columns, row, strict=True):
                writer.chunk(wire.encoded(column.kind, value))
                if column.kind == wire.LONG:
                    writer.signed(0).number(0)
            cursor.sent += 1
            if cursor.sent == cursor.result.cut_after:
                raise CutShort(bytes(writer))
        more = bool(cursor.rows) or count == 0
        writer += answer(cursor=number, rowcount=len(part), more=more)
        return writer


def header(reader: Reader) -> tuple[int, int, int, int]:
    """Of an execute call: length of the text, rows to send at once, binds in and columns defined."""
    reader.byte()
    length = reader.number()
    reader.byte()
    reader.number()
    reader.raw(2)
    reader.number()
    prefetch = reader.number()
    reader.number()
    reader.byte()
    inputs = reader.number()
    reader.raw(5)
    reader.byte()
    outputs = reader.number()
    reader.number()
    reader.raw(3)
    reader.number()
    reader.byte()
    reader.numbers(2)
    reader.byte()
    reader.number()
    reader.raw(2)
    reader.number()
    reader.byte()
    reader.number()
    reader.raw(2)
    reader.number()
    return length, prefetch, inputs, outputs


def bind(reader: Reader) -> Bind:
    kind = reader.byte()
    reader.raw(3)
    size = reader.number()
    reader.numbers(2)
    reader.sized()
    reader.numbers(2)
    reader.byte()
    reader.numbers(2)
    return kind, size


def bind_rows(cursor: Cursor, reader: Reader, count: int) -> list[list[Any]]:
    if not cursor.types:
        return [[] for _ in range(count)]
    return [bound(cursor, reader) for _ in range(count)]


def bound(cursor: Cursor, reader: Reader) -> list[Any]:
    if reader.byte() != ROW:
        raise ConnectionError("a row of binds was expected")
    order = list(range(len(cursor.types)))
    if not cursor.plsql:  # LONG values come last
        order.sort(key=lambda at: cursor.types[at][1] > 32767)
    values: list[Any] = [None] * len(cursor.types)
    for at in order:
        values[at] = wire.decoded(cursor.types[at][0], reader.chunk())
    return values


def describe(columns: Sequence[Column]) -> Writer:
    writer = Writer([DESCRIBE]).byte(0).numbers(sum(one.size for one in columns), len(columns)).byte(1)
    for at, one in enumerate(columns, 1):
        text = one.kind in TEXTS
        writer.byte(one.kind).byte(0).byte(0).byte(one.scale).numbers(one.size, 0, 0, 0, 0)
        writer.number(UTF8 if text else 0).byte(1 if text else 0).numbers(one.size if text else 0, 0)
        writer.byte(1).byte(len(one.name)).sized(one.name).numbers(0, 0, at, 0)
    return writer.numbers(0, 0, 0, 0, 0, 0)


def io_vector(types: Sequence[Bind], out: Sequence[Any]) -> Writer:
    writer = Writer([IO_VECTOR]).byte(0).numbers(len(types) % 256, len(types) // 256, 1, 0, 0, 0)
    for value in out:
        writer.byte(32 if value is None else 16)
    writer.byte(ROW)
    for (kind, _), value in zip(types, out, strict=True):
        if value is not None:
            writer.chunk(wire.encoded(kind, value)).signed(0)
    return writer


def answer(
    problem: OraError | None = None, cursor: int = 0, rowcount: int = 0, *, more: bool = True
) -> Writer:
    """How a call ended; ORA-01403 is the end of the rows."""
    if problem is None and not more:
        problem = OraError(1403, "no data found")
    code, text = (problem.code, problem.text) if problem else (0, "")
    writer = Writer([ERROR]).numbers(0, 0, 0, min(code, 65535), 0, 0, cursor).signed(0)
    writer.extend(bytes(6))  # type of statement, fatal, flags, options, warnings
    writer.numbers(0, 0).byte(0).numbers(0, 0)  # row id
    writer.number(0).byte(0).byte(0).numbers(0, 0, 0)  # system's error, statement, call, pad, iterations
    writer.numbers(0, 0, 0, code, rowcount)
    return writer.chunk(text.encode() + b"\n") if code else writer


def done(_: Reader) -> Writer:
    """Ping, commit, rollback, log off."""
    return Writer([STATUS]).numbers(0, 0)
