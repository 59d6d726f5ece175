"""TLS with a MySQL server: whom to trust, and what certificate it shows."""

import socket
import ssl
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
from cryptography import x509
from pymysql.constants import CLIENT
from pymysql.protocol import MysqlPacket

from tasks.databases import Table
from tasks.databases.values import table
from tasks.errors import OpsError
from tasks.texts import t
from tasks.transports.deadline import Deadline
from tasks.transports.web import anybody, described

# Asked like a statement: only a handshake tells.
TLS_CERTIFICATE = "SHOW TLS CERTIFICATE"
COLUMNS = [(name, "") for name in ("subject", "issuer", "from", "until")]
# "Let us speak TLS": capabilities, largest packet, character set, and 23 bytes of nothing.
REQUEST = struct.pack("<IIB23x", CLIENT.SSL | CLIENT.PROTOCOL_41 | CLIENT.SECURE_CONNECTION, 2**24, 45)
GREETING, ERROR = 0x0A, 0xFF


def context(ca: Path | None) -> ssl.SSLContext:
    """Against the client's own authority without looking at names: those that MySQL makes for itself have
    none in them (`ssl-mode=VERIFY_CA`)."""
    if ca is None:
        return ssl.create_default_context()
    if not ca.is_file():
        raise OpsError(t("mysql.no_ca", path=ca))
    made = ssl.create_default_context(cafile=str(ca))
    made.check_hostname = False
    # They have no key identifiers either, which Python 3.13 asks for.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return made


def shown(connection: Any, until: Deadline) -> Table:
    """No row: the server has no TLS. An encrypted session has seen it; else one handshake without login."""
    own = connection._sock
    if isinstance(own, ssl.SSLSocket):
        return described_as_table(own.getpeercert(binary_form=True))
    if not connection.server_capabilities & CLIENT.SSL:
        return table(COLUMNS, [])
    with closing(socket.create_connection(own.getpeername()[:2], timeout=until.left)) as line:
        until.watch(line)
        greeting(line)
        line.sendall(len(REQUEST).to_bytes(3, "little") + b"\1" + REQUEST)
        with lenient().wrap_socket(line) as secure:
            return described_as_table(secure.getpeercert(binary_form=True))


def lenient() -> ssl.SSLContext:
    """Nothing secret follows: what an old server still speaks will do."""
    made = anybody()
    made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    made.set_ciphers("ALL:@SECLEVEL=0")
    return made


def greeting(line: socket.socket) -> None:
    size = int.from_bytes(exactly(line, 4)[:3], "little")
    said = exactly(line, size)
    if said[:1] == bytes([ERROR]):
        MysqlPacket(said, "utf-8").raise_for_error()
    if said[:1] != bytes([GREETING]):
        raise ValueError("greeting")


def exactly(line: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = line.recv(size - len(got))
        if not more:
            raise pymysql.OperationalError(pymysql.constants.CR.CR_SERVER_LOST, "")
        got += more
    return got


def described_as_table(der: bytes | None) -> Table:
    said = described(x509.load_der_x509_certificate(der or b""))
    return table(COLUMNS, [[said[name] for name, _ in COLUMNS]])
