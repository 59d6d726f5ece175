"""The replication protocol, spoken from here: base backups and log come as streams, with every tablespace,
without a program or a file on the source's host. Slots are temporary: the server drops them when the session
ends, however it ends.
"""

import secrets
import select
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn as Connection
from psycopg.pq.abc import PGresult

from tasks.backups.postgres.sessions import Failed
from tasks.backups.postgres.wal import text
from tasks.errors import OpsError
from tasks.texts import t

# Silence that nothing explains; before a base backup the server may spread its checkpoint over minutes.
QUIET_SECONDS = 300
CHECKPOINT_SECONDS = 3600
PIECE = 256 * 2**10
GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)
# Since when archives and manifest come in one stream whose messages say what they are.
ONE_STREAM = 150000
MANIFESTS = 130000


class Wire:
    """One replication connection, read without holding up the other threads."""

    def __init__(self, pgconn: Connection, name: str) -> None:
        self.pgconn, self.name = pgconn, name

    def close(self) -> None:
        self.pgconn.finish()

    def ask(self, command: str) -> list[tuple[str, ...]]:
        self.pgconn.send_query(command.encode())
        rows: list[tuple[str, ...]] = []
        while (result := self.result()) is not None:
            rows += values(result)
        return rows

    def result(self, seconds: float = QUIET_SECONDS) -> PGresult | None:
        while self.pgconn.is_busy():
            self._await(seconds)
        result = self.pgconn.get_result()
        if result is not None and result.status not in GOOD:
            code = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
            raise self.problem(result.error_message.decode("utf-8", "replace"), code)
        return result

    def copied(self, seconds: float = QUIET_SECONDS) -> bytes:
        """The next message of a copy; empty at its end."""
        while True:
            size, data = self.pgconn.get_copy_data(1)
            if size > 0:
                return bytes(data)
            if size == -1:
                return b""
            if size < -1:
                raise self.problem(self.pgconn.error_message.decode("utf-8", "replace"))
            self._await(seconds)

    def problem(self, said: str, code: str = "") -> Failed:
        said, shown = " ".join(said.split()), code or "replication"
        return Failed(t("backup_postgres.failed", name=self.name, code=shown, reason=said), code)

    def _await(self, seconds: float) -> None:
        ready = select.poll()
        ready.register(self.pgconn.socket, select.POLLIN)
        if not ready.poll(1000 * seconds):
            raise OpsError(t("backup_postgres.silent", name=self.name, seconds=round(seconds)))
        try:
            self.pgconn.consume_input()
        except Exception as problem:
            raise self.problem(str(problem)) from problem


def values(result: PGresult) -> list[tuple[str, ...]]:
    return [
        tuple((result.get_value(row, column) or b"").decode() for column in range(result.nfields))
        for row in range(result.ntuples)
    ]


@dataclass(frozen=True, slots=True)
class Identity:
    system: str
    timeline: int


def identify(wire: Wire) -> Identity:
    ((system, timeline, *_),) = wire.ask("IDENTIFY_SYSTEM")
    return Identity(system, int(timeline))


def keep_log(wire: Wire) -> str:
    """From now on nothing is recycled until this connection ends."""
    name = f"opsproof_{secrets.token_hex(6)}"
    wire.ask(f"CREATE_REPLICATION_SLOT {name} TEMPORARY PHYSICAL RESERVE_WAL")
    return name


class BaseBackup:
    """The files of a cluster as they are read while it runs: one tar for each tablespace and the manifest."""

    def __init__(self, wire: Wire, version: int, label: str, fast: bool) -> None:
        self._wire, self._old, self._left = wire, version < ONE_STREAM, b""
        self._next, self._ended = "", False
        command = old_command if self._old else new_command
        wire.pgconn.send_query(command(version, label, fast).encode())
        ((self.start, timeline),) = values(self._result(CHECKPOINT_SECONDS))
        self.timeline = int(timeline)
        # Number → where it lies on the source; the data directory has no number.
        self.tablespaces = {row[0]: row[1] for row in values(self._result())}
        self.end = ""

    def _result(self, seconds: float = QUIET_SECONDS) -> PGresult:
        found = self._wire.result(seconds)
        if found is None:
            raise self._wire.problem("ended early")
        return found

    def parts(self) -> Iterator[tuple[str, "Part"]]:
        yield from self._old_parts() if self._old else self._new_parts()
        while (result := self._wire.result()) is not None:
            for row in values(result):
                self.end = row[0]

    def _new_parts(self) -> Iterator[tuple[str, "Part"]]:
        self._result()
        self._next = self._wire.copied().decode("utf-8", "replace")
        while self._next:
            name = self._next[1:].split("\0")[0] if self._next[0] == "n" else "manifest"
            part = Part(self._typed)
            yield name.removesuffix(".tar"), part
            part.drain()

    def _typed(self) -> bytes:
        """Data of this part; where another begins, it is noted."""
        while message := self._wire.copied():
            if message[:1] == b"d":
                return message[1:]
            if message[:1] in (b"n", b"m"):
                self._next = message.decode("utf-8", "replace")
                return b""
        self._next = ""
        return b""

    def _old_parts(self) -> Iterator[tuple[str, "Part"]]:
        for number in self.tablespaces:
            self._result()
            part = Part(self._wire.copied)
            yield number or "base", part
            part.drain()
        if self._wire.pgconn.server_version >= MANIFESTS:
            self._result()
            part = Part(self._wire.copied)
            yield "manifest", part
            part.drain()


class Part:
    """One tar, or the manifest, read like a file."""

    def __init__(self, message: "object") -> None:
        self._message, self._ended = message, False

    def read(self, size: int = -1, /) -> bytes:
        pieces, length = [], 0
        while not self._ended and length < PIECE:
            piece: bytes = self._message()  # type: ignore[operator]
            self._ended = not piece
            pieces.append(piece)
            length += len(piece)
        return b"".join(pieces)

    def drain(self) -> None:
        while self.read():
            pass


def new_command(version: int, label: str, fast: bool) -> str:
    checkpoint = "fast" if fast else "spread"
    return f"BASE_BACKUP (LABEL '{label}', CHECKPOINT '{checkpoint}', WAIT false, MANIFEST 'yes')"


def old_command(version: int, label: str, fast: bool) -> str:
    words = [f"BASE_BACKUP LABEL '{label}'", "FAST" if fast else "", "NOWAIT"]
    return " ".join(filter(None, [*words, "MANIFEST 'yes'" if version >= MANIFESTS else ""]))


class LogStream:
    """The log from one position to another, as soon as it is on the source's disk."""

    def __init__(self, wire: Wire, start: int, timeline: int, slot: str = "") -> None:
        self._wire, self.at = wire, start
        with_slot = f"SLOT {slot} " if slot else ""
        wire.pgconn.send_query(
            f"START_REPLICATION {with_slot}PHYSICAL {text(start)} TIMELINE {timeline}".encode()
        )
        result = wire.result()
        if result is None or result.status != ExecStatus.COPY_BOTH:
            raise OpsError(t("backup_postgres.other_timeline", name=wire.name, timeline=timeline))

    def read(self) -> bytes:
        """The next piece; the server's questions whether somebody listens are answered."""
        while message := self._wire.copied():
            if message[:1] == b"w":
                start = struct.unpack_from(">Q", message, 1)[0]
                if start != self.at:
                    raise self._wire.problem(f"{text(start)} != {text(self.at)}")
                self.at += len(message) - 25
                return message[25:]
            if message[17:18] == b"\1":
                self._alive()
        self._wire.result()  # its own reason, where it has one
        raise OpsError(t("backup_postgres.log_ended", name=self._wire.name, lsn=text(self.at)))

    def _alive(self) -> None:
        """Nothing is said to be safe yet: a slot keeps all of it."""
        since_2000 = int((time.time() - 946684800) * 1_000_000)
        self._wire.pgconn.put_copy_data(struct.pack(">cQQQQB", b"r", 0, 0, 0, since_2000, 0))
        self._wire.pgconn.flush()


class Shipped:
    """A log stream up to exactly `end`, as the source of a member."""

    def __init__(self, stream: LogStream, end: int) -> None:
        self._stream, self._end = stream, end

    def read(self, size: int = -1, /) -> bytes:
        at = self._stream.at
        return self._stream.read()[: self._end - at] if at < self._end else b""
