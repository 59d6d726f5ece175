"""The thin driver, by an event loop: asked directly it waits for ever in every stage of a login, and for
every byte of a server that sends one now and then. Measured with 26.1 in eight stages.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import oracledb

from tasks.databases import Table
from tasks.databases.oracle_worker import LATE, ROWS_AT_ONCE, Line, Problem, kind, milliseconds
from tasks.databases.oracle_worker import problem as problem_of
from tasks.databases.values import table

T = TypeVar("T")
# For a connection that is given up, until its driver has noticed.
PARTING_SECONDS = 2.0
# Packets of Oracle Net: a header with length and type; after an accepted connection of this protocol or later
# the length has four bytes.
HEADER, ACCEPT, LONG_LENGTHS = 8, 2, 315
PACKETS = range(1, 20)
# What an answer that is none of the protocol leads to in the driver.
FAILURES = (oracledb.Error, OSError, ValueError, LookupError, TypeError, AttributeError, EOFError)

# Said before the first connection, or that one, should it hang, keeps all others waiting.
oracledb.enable_thin_mode()  # type: ignore[no-untyped-call]
oracledb.defaults.fetch_lobs = False


class Framed(asyncio.Protocol):
    """Ends a connection whose packets are none: over a length of nothing the driver turns in circles, and
    lets nobody else run."""

    def __init__(self, driver: asyncio.Protocol) -> None:
        self._driver = driver
        self._held = b""
        self._length_bytes = 2
        self._line: Any = None
        self.strange = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line = transport
        self._driver.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        while not self.strange and len(self._held) >= HEADER:
            length = int.from_bytes(self._held[: self._length_bytes], "big")
            self.strange = length < HEADER or self._held[4] not in PACKETS
            if len(self._held) < length:
                break
            if self._held[4] == ACCEPT:
                # Now it is the client's turn: what comes at once would be read by the old measure.
                self.strange = len(self._held) > length
                self._length_bytes = 4 if int.from_bytes(self._held[8:10], "big") >= LONG_LENGTHS else 2
            self._held = self._held[length:]
        if self.strange:
            self._line.abort()
        else:
            self._driver.data_received(data)

    def eof_received(self) -> bool | None:
        return self._driver.eof_received()

    def connection_lost(self, problem: Exception | None) -> None:
        self._driver.connection_lost(problem)


class Loop(asyncio.SelectorEventLoop):
    """Remembers its connections: a login that is given up leaves its own to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[asyncio.BaseTransport] = []
        self.framed: list[Framed] = []

    async def create_connection(self, *arguments: Any, **fields: Any) -> Any:
        factory, *rest = arguments
        driver = factory()
        framed = Framed(driver)
        line, _ = await super().create_connection(lambda: framed, *rest, **fields)
        self.lines.append(line)
        self.framed.append(framed)
        return line, driver

    def end(self) -> None:
        if self.is_closed():
            return
        self.cut()
        self.run_until_complete(asyncio.sleep(0))
        self.close()

    def cut(self) -> None:
        for line in self.lines:
            if isinstance(line, asyncio.WriteTransport):
                line.abort()


class Thin:
    def __init__(self, line: Line, trust: ssl.SSLContext | None) -> None:
        self._loop = Loop()
        self._connection: Any = None
        named: dict[str, Any] = {"mode": getattr(oracledb, line.mode)} if line.mode else {}
        if trust:
            named["ssl_context"] = trust

        async def connect() -> Any:
            return await oracledb.connect_async(user=line.user, password=line.password, dsn=line.dsn, **named)

        try:
            self._connection = self._within(line.seconds, connect)
        except Problem:
            self._loop.end()
            raise
        self.version: str = self._connection.version

    def _within(self, seconds: float, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async def limited() -> T:
            task = asyncio.ensure_future(work())
            await asyncio.wait({task}, timeout=seconds)
            if not task.done():
                task.add_done_callback(lambda late: late.cancelled() or late.exception())
                task.cancel()
                self._loop.cut()  # the driver may be told that it is over and go on reading
                await asyncio.wait({task}, timeout=PARTING_SECONDS)
                raise TimeoutError
            return task.result()

        try:
            return self._loop.run_until_complete(limited())
        except TimeoutError as late:
            raise Problem(LATE, gone=True) from late
        except FAILURES as error:
            if any(one.strange for one in self._loop.framed):
                raise Problem("NOT-ORACLE", gone=True) from error
            alive = self._connection is not None and self._connection.is_healthy()
            raise problem_of(error, gone=not alive) from error

    def rows(self, sql: str, seconds: float, grace: float) -> Table:
        async def fetched() -> Table:
            until = time.monotonic() + seconds
            with self._connection.cursor() as cursor:
                cursor.arraysize = cursor.prefetchrows = ROWS_AT_ONCE
                self._connection.call_timeout = milliseconds(seconds)
                await cursor.execute(sql)
                described, found = cursor.description or (), []
                while described and (more := await cursor.fetchmany()):
                    found += more
                    if time.monotonic() > until:
                        raise Problem("DPY-4024")
                    self._connection.call_timeout = milliseconds(until - time.monotonic())
            return table([(one[0], kind(one[1])) for one in described], found)

        return self._within(seconds + grace, fetched)

    def close(self, seconds: float) -> None:
        with suppress(Problem):
            self._within(seconds, self._connection.close)
        self._loop.end()

    def end(self) -> None:
        self._loop.end()
