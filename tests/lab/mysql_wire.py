"""Servers that begin to speak MySQL's protocol and then do not go on; synthetic, on loopback."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from pymysql.constants import CLIENT

OK = b"\x00\x00\x00\x02\x00\x00\x00"
CAPABILITIES = (
    CLIENT.PROTOCOL_41 | CLIENT.SECURE_CONNECTION | CLIENT.PLUGIN_AUTH | CLIENT.PLUGIN_AUTH_LENENC_CLIENT_DATA
)
Script = Callable[["Line", threading.Event], None]


class Line:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._number = 0

    def send(self, payload: bytes) -> None:
        self.raw(len(payload).to_bytes(3, "little") + bytes([self._number]) + payload)
        self._number += 1

    def raw(self, data: bytes) -> None:
        self._connection.sendall(data)

    def receive(self) -> bytes:
        head = self._exactly(4)
        self._number = head[3] + 1
        return self._exactly(int.from_bytes(head[:3], "little"))

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            more = self._connection.recv(size - len(got))
            if not more:
                raise ConnectionError
            got += more
        return got

    def greet(self, plugin: str = "mysql_native_password", version: str = "8.0.36", flags: int = 0) -> None:
        flags |= CAPABILITIES
        self.send(
            b"\x0a"
            + version.encode()
            + b"\0"
            + struct.pack("<I8sxHBHHB10x", 1, b"12345678", flags & 0xFFFF, 45, 2, flags >> 16, 21)
            + b"901234567890\0"
            + plugin.encode()
            + b"\0"
        )

    def error(self, code: int, text: str) -> None:
        self.send(b"\xff" + struct.pack("<H", code) + b"#HY000" + text.encode())

    def settled(self, flags: int = 0) -> None:
        """Logged in, and everything up to the first question agreed to."""
        self.greet(flags=flags)
        self.receive()
        self.send(OK)

    def answer(self, names: tuple[str, ...], rows: tuple[tuple[str, ...], ...], whole: bool = True) -> None:
        """A result set in the text protocol; without its end where it is not `whole`."""
        self.send(bytes([len(names)]))
        for name in names:
            texts = (b"def", b"", b"", b"", name.encode(), b"")
            kind = struct.pack("<BHIBHB2x", 12, 45, 255, 253, 0, 0)
            self.send(b"".join(bytes([len(text)]) + text for text in texts) + kind)
        self.send(b"\xfe\x00\x00\x02\x00")
        for row in rows:
            self.send(b"".join(bytes([len(cell.encode())]) + cell.encode() for cell in row))
        if whole:
            self.send(b"\xfe\x00\x00\x02\x00")


@contextlib.contextmanager
def speaking(script: Script) -> Iterator[int]:
    """A port behind which `script` answers whoever comes, until this is left."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            script(Line(connection), over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1])
        over.set()
        listener.shutdown(socket.SHUT_RDWR)


def refuses(code: int, text: str) -> Script:
    return lambda line, over: line.error(code, text)


def silent(line: Line, over: threading.Event) -> None:
    over.wait()


def half_a_greeting(line: Line, over: threading.Event) -> None:
    line.raw(b"\x4a\x00\x00\x00\x0a8.0")
    over.wait()


def a_byte_a_second(line: Line, over: threading.Event) -> None:
    for byte in b"\x4a\x00\x00\x00\x0a8.0.36-community-server-of-somebody":
        line.raw(bytes([byte]))
        if over.wait(0.5):
            return


def greeting_only(line: Line, over: threading.Event) -> None:
    line.greet()
    over.wait()


def password_taken(line: Line, over: threading.Event) -> None:
    line.greet()
    line.receive()
    over.wait()


def logged_in_only(line: Line, over: threading.Event) -> None:
    line.settled()
    over.wait()


def tls_offered_only(line: Line, over: threading.Event) -> None:
    line.greet(flags=CLIENT.SSL)
    over.wait()


def not_mysql(line: Line, over: threading.Event) -> None:
    line.raw(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n" * 20)
    over.wait(1)


def garbage(line: Line, over: threading.Event) -> None:
    line.send(b"\x0a8.0.36\0\x01")


def closes(line: Line, over: threading.Event) -> None:
    return


STAGES: dict[str, Script] = {
    "silent": silent,
    "half a greeting": half_a_greeting,
    "a byte a second": a_byte_a_second,
    "greeting only": greeting_only,
    "password taken": password_taken,
    "logged in only": logged_in_only,
}


def wants_full_caching_sha2(line: Line, over: threading.Event) -> None:
    """Its server does not remember the password: it wants all of it, by RSA or TLS."""
    line.greet("caching_sha2_password")
    line.receive()
    line.send(b"\x01\x04")
    line.receive()


def remembers_caching_sha2(line: Line, over: threading.Event) -> None:
    line.greet("caching_sha2_password")
    line.receive()
    line.send(b"\x01\x03")
    line.send(OK)
    over.wait()


def switches_to(plugin: str, got: list[bytes]) -> Script:
    """Asks for the password by another method; what it is sent is put into `got`."""

    def script(line: Line, over: threading.Event) -> None:
        line.greet()
        line.receive()
        line.send(b"\xfe" + plugin.encode() + b"\0" + b"12345678901234567890\0")
        got.append(line.receive())

    return script


def asked(
    line: Line,
    then: Callable[[Line], None],
    flags: int = 0,
    granted: str = "ALL PRIVILEGES",
    version: str = "8.0.36",
) -> None:
    """A session as the engine begins it: settings, what the server is, no replication; then one statement."""
    line.settled(flags)
    said = (("version", version), ("datadir", "/var/lib/mysql/"))
    while True:
        statement = line.receive()[1:].decode()
        if "SHOW GLOBAL VARIABLES" in statement:
            line.answer(("Variable_name", "Value"), said)
        elif statement.startswith(("SHOW REPLICA STATUS", "SHOW ALL SLAVES STATUS")):
            line.answer(("Source_Host",), ())
        elif statement == "SHOW GRANTS":
            line.answer(("Grants for x@%",), ((f"GRANT {granted} ON *.* TO `x`@`%`",),))
        elif "max_statement_time" in statement and version.startswith("10.0"):
            line.error(1193, "Unknown system variable 'max_statement_time'")
        elif statement.upper().startswith("SET "):
            line.send(OK)
        else:
            then(line)
