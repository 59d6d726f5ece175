"""One connection to a stand-in: connect, negotiate, log in, then calls.

It advertises old capabilities on purpose (those of 19.1 over protocol 318, no fast login, no end-of-response
marks, no out-of-band breaks), so that the client keeps to its simplest ways, whatever version it plays.
"""

import re
import secrets
import select
import socketserver
import struct
from collections.abc import Callable
from typing import Any

from tests.lab.oracle import login
from tests.lab.oracle.calls import UTF8, Calls, CutShort, answer, done
from tests.lab.oracle.database import Cut, Deaf, FakeDb, OraError
from tests.lab.oracle.wire import Reader, Short, Writer

CONNECT, ACCEPT, REFUSE, DATA, MARKER = 1, 2, 4, 6, 12
PROTOCOL, DATA_TYPES, FUNCTION, PARAMETERS, STATUS, PIGGYBACK = 1, 2, 3, 8, 9, 17
BREAK, RESET = b"\1\0\1", b"\1\0\2"
AUTH1, AUTH2, EXECUTE, FETCH, REEXECUTE, REEXECUTE_FETCH = 118, 115, 94, 5, 4, 78
LOGOFF, COMMIT, ROLLBACK, PING = 9, 14, 15, 147
CLOSE_CURSORS, END_TO_END, SET_SCHEMA = 105, 135, 152
# Size of a packet, and what of it is not ours to fill.
PACKET, MARGIN = 8192, 64
# From this protocol on a packet's length has four bytes.
LONG_LENGTHS = 315


class Session(socketserver.BaseRequestHandler):
    long_lengths = False
    stage = "tcp"

    def handle(self) -> None:
        self.db: FakeDb = self.server.db
        self.server.live.add(self.request)
        self.session: dict[str, Any] = {"user": None}
        self.calls = Calls(self.db, self.session, self.waited)
        self.login: login.Login | None = None
        try:
            self.silent("tcp")
            self.connect()
            while self.once():
                pass
        except CutShort as cut:
            self.packet_out(DATA, b"\0\0" + cut.sent, cut=True)
        except (OSError, Cut):
            pass
        except Deaf:
            self.ignore()
        finally:
            self.server.live.discard(self.request)

    def once(self) -> bool:
        kind, body = self.packet_in()
        if kind == MARKER:
            self.marker(body)
        elif kind == DATA:
            if body[:2] == b"\0\x40":  # end of file
                return False
            self.request_of_several_packets(body)
        return True

    def marker(self, body: bytes) -> None:
        if body[2] == 3:  # interrupt
            self.packet_out(MARKER, BREAK)
        if body[2] == 2:
            self.packet_out(MARKER, RESET)
            self.answer(answer(OraError(1013, "user requested cancel of current operation")))

    def request_of_several_packets(self, body: bytes) -> None:
        whole, last = body[2:], len(body) + 8
        while True:
            try:
                return self.message(Reader(whole))
            except Short:
                if last < PACKET - 16:
                    raise ConnectionError("a request is cut short") from None
                _, body = self.packet_in()
                whole, last = whole + body[2:], len(body) + 8

    # --- packets

    def taken(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            piece = self.request.recv(count - len(content))
            if not piece:
                raise ConnectionError
            content += piece
        return content

    def packet_in(self) -> tuple[int, bytes]:
        head = self.taken(8)
        length = int.from_bytes(head[:4] if self.long_lengths else head[:2], "big")
        return head[4], self.taken(length - 8)

    def packet_out(self, kind: int, body: bytes, *, cut: bool = False) -> None:
        length = len(body) + 8
        head = struct.pack(">I", length) if self.long_lengths else struct.pack(">HH", length, 0)
        whole = head + bytes([kind, 0, 0, 0]) + body
        if self.db.hangs_at == self.stage and self.db.dribbles:
            return self.dribble(whole)
        self.request.sendall(whole[: len(whole) // 2 + 4] if cut else whole)
        return None

    def answer(self, writer: Writer) -> None:
        step = PACKET - MARGIN
        for start in range(0, len(writer), step):
            self.packet_out(DATA, b"\0\0" + bytes(writer[start : start + step]))

    # --- what is wrong with it

    def silent(self, stage: str) -> None:
        self.stage = stage
        if self.db.hangs_at == stage and not self.db.dribbles:
            raise Deaf

    def ignore(self) -> None:
        """Hear everything, say nothing, until the other side goes."""
        try:
            while self.request.recv(4096):
                pass
        except OSError:
            return

    def dribble(self, content: bytes) -> None:
        for byte in content:
            if self.server.stopped.wait(self.db.dribbles):
                raise ConnectionError
            self.request.sendall(bytes([byte]))

    def waited(self, seconds: float) -> bool:
        """Whether nothing came meanwhile: what comes is the client's break, answered by the main loop."""
        return not select.select([self.request], [], [], seconds)[0]

    # --- connect and negotiate

    def connect(self) -> None:
        kind, body = self.packet_in()
        if kind != CONNECT:
            raise ConnectionError
        length, offset = struct.unpack(">HH", body[16:20])
        content = body[offset - 8 : offset - 8 + length]
        if len(content) < length:  # long connect data has a packet of its own
            content = self.packet_in()[1][2:]
        self.session["descriptor"] = content.decode()
        self.silent("connect")
        if code := self.db.refuse or self.unknown_service():
            self.refuse(code)
            raise ConnectionError
        self.accept()

    def unknown_service(self) -> int:
        asked = re.search(r"SERVICE_NAME=([^)]+)", self.session["descriptor"], re.IGNORECASE)
        known = self.db.service.upper()
        return 0 if asked and asked[1].split(".")[0].upper() == known else 12514

    def refuse(self, code: int) -> None:
        stack = f"(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4)))"
        text = f"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={code}){stack})".encode()
        self.packet_out(REFUSE, b"\x22\0" + struct.pack(">H", len(text)) + text)

    def accept(self) -> None:
        self.silent("accept")
        protocol = self.db.protocol
        body = struct.pack(">HH", protocol, 0) + bytes(10) + b"\x04" + bytes(9) + struct.pack(">I", PACKET)
        if protocol >= 318:  # neither fast login nor a check of out-of-band breaks
            body += bytes(5) + struct.pack(">I", 0)
        self.packet_out(ACCEPT, body + bytes(8))
        self.long_lengths = protocol >= LONG_LENGTHS

    def protocol(self) -> Writer:
        self.silent("protocol")
        compiled = bytearray(45)
        compiled[7] = 12  # fields as of 19.1
        compiled[4], compiled[37] = 0xEA, 0x20  # kinds of login, large chunks
        running = bytearray(7)
        running[0], running[6] = 2, 0x04  # texts of 32 KB
        writer = Writer([PROTOCOL, 6, 0])
        writer += b"x86_64/Linux 2.4.xx\0" + struct.pack("<HBH", UTF8, 1, 0)
        described = bytes(9) + struct.pack(">H", 2000)
        writer += struct.pack(">H", len(described)) + described
        return writer.chunk(bytes(compiled)).chunk(bytes(running))

    # --- messages

    def message(self, reader: Reader) -> None:
        while True:
            kind = reader.byte()
            if kind == PROTOCOL:
                return self.answer(self.protocol())
            if kind == DATA_TYPES:
                self.silent("types")
                return self.answer(Writer(b"\x02\0\0"))
            if kind not in (FUNCTION, PIGGYBACK):
                raise ConnectionError(f"message {kind}")
            function, _ = reader.byte(), reader.byte()
            if kind == FUNCTION:
                break
            self.piggyback(function, reader)
        written = self.called(function, reader)
        return None if written is None else self.answer(written)

    def called(self, function: int, reader: Reader) -> Writer | None:
        try:
            return self.handler(function)(reader)
        except OraError as problem:
            return answer(problem)
        except (Cut, CutShort, Deaf, Short, ConnectionError):
            raise
        except Exception as bug:  # noqa: BLE001 - a bug here must not look like a hang
            return answer(OraError(20999, f"stand-in: {type(bug).__name__} {bug}"))

    def handler(self, function: int) -> Callable[[Reader], Writer | None]:
        if function in (AUTH1, AUTH2):
            return self.challenge if function == AUTH1 else self.admit
        self.silent("call")
        if function == EXECUTE:
            return self.calls.execute
        if function == FETCH:
            return self.calls.fetch
        if function in (REEXECUTE, REEXECUTE_FETCH):
            return self.calls.again
        if function in (PING, COMMIT, ROLLBACK, LOGOFF):
            return done
        raise OraError(3120, "stand-in: function not implemented (LOB, AQ, …)")

    def piggyback(self, function: int, reader: Reader) -> None:
        if function == CLOSE_CURSORS:
            self.calls.close(reader)
        elif function == SET_SCHEMA:
            reader.byte()
            self.session["schema"] = reader.sized()
        elif function == END_TO_END:
            self.end_to_end(reader)
        else:
            raise ConnectionError(f"piggyback {function}")

    def end_to_end(self, reader: Reader) -> None:
        """What the client says of itself: module, action and so on."""
        reader.raw(2)
        reader.number()
        said: list[str] = []
        for slot in ("client_id", "module", "action", "", "client_info", "", "", "dbop"):
            reader.byte()
            given = reader.number()
            if not slot and len(said) == 3:
                reader.byte()
                reader.number()
            said.append(slot if given else "")
        for slot in filter(None, said):
            self.session[slot] = (reader.chunk() or b"").decode()

    # --- login

    def challenge(self, reader: Reader) -> Writer:
        asked = login.Asked.read(reader)
        self.silent("auth1")
        self.session["user"] = asked.user
        self.login = login.Login(self.db.users.get(asked.user, secrets.token_hex(8)))
        return parameters(self.login.challenge())

    def admit(self, reader: Reader) -> Writer:
        asked, administrator = login.Asked.read(reader), False
        self.silent("auth2")
        assert self.login
        if asked.user in self.db.account_errors:
            raise self.db.account_errors[asked.user]
        if asked.user not in self.db.users or not self.login.right(asked.said):
            raise OraError(1017, "invalid username/password; logon denied")
        administrator = bool(asked.mode & login.ADMINISTRATOR)
        if self.db.logon_error and not administrator:
            raise self.db.logon_error
        self.session["administrator"] = administrator
        self.db.logons += 1
        release = self.db.version
        number = release[0] << 24 | release[1] << 16 | release[2] << 12 | release[3] << 4 | release[4]
        name = self.db.service
        return parameters(
            [
                self.login.proof(asked.said),
                ("AUTH_VERSION_NO", str(number), 0),
                ("AUTH_SESSION_ID", "101", 0),
                ("AUTH_SERIAL_NUM", "7", 0),
                ("AUTH_SC_DBUNIQUE_NAME", name, 0),
                ("AUTH_SC_SERVICE_NAME", name, 0),
                ("AUTH_INSTANCENAME", name, 0),
                ("AUTH_MAX_OPEN_CURSORS", "300", 0),
                ("AUTH_MAX_IDEN_LENGTH", "128", 0),
            ]
        )


def parameters(pairs: list[login.Pair]) -> Writer:
    writer = Writer([PARAMETERS]).number(len(pairs))
    for name, value, flag in pairs:
        writer.sized(name).sized(value).number(flag)
    writer += Writer([STATUS]).numbers(0, 0)
    return writer
