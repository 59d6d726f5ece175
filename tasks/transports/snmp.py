"""One GET of sysUpTime by SNMP v2c: forty lines of BER, where a library would bring an event loop, MIB
compilers and half a second of start-up to ask one number.
"""

import secrets
import socket

from tasks.errors import OpsError
from tasks.texts import t

# 1.3.6.1.2.1.1.3.0: hundredths of a second since the agent started (RFC 3418).
SYS_UP_TIME = bytes((0x2B, 6, 1, 2, 1, 1, 3, 0))
INTEGER, OCTETS, NULL, OID, SEQUENCE, GET, RESPONSE, TICKS = 0x02, 0x04, 0x05, 0x06, 0x30, 0xA0, 0xA2, 0x43
TRIES = 3
V2C = 1


def up_time(address: str, port: int, community: str, seconds: float) -> float:
    """Seconds since the agent started. Three tries: a datagram may be lost."""
    number = secrets.randbelow(2**31 - 1) + 1
    names = field(SEQUENCE, field(SEQUENCE, field(OID, SYS_UP_TIME) + field(NULL, b"")))
    request = field(GET, integer(number) + integer(0) + integer(0) + names)
    message = field(SEQUENCE, integer(V2C) + field(OCTETS, community.encode()) + request)
    family = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0][0]
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.settimeout(seconds / TRIES)
        line.connect((address, port))
        for _ in range(TRIES):
            line.send(message)
            try:
                return answered(line.recv(65535), number)
            except TimeoutError:
                continue
    raise TimeoutError


def answered(message: bytes, number: int) -> float:
    """The value in an answer to request `number`; what is anything else is refused."""
    try:
        _, _, (kind, body) = parts(parts(message)[0][1])
        request, status, _, names = parts(body)
        ((_, binding),) = parts(names[1])
        (_, name), (value, ticks) = parts(binding)
        sound = (kind, name, value) == (RESPONSE, SYS_UP_TIME, TICKS)
    except (ValueError, IndexError):
        raise OpsError(t("device.snmp_odd")) from None
    if code := int.from_bytes(status[1]):
        raise OpsError(t("device.snmp_error", code=code))
    if not sound or int.from_bytes(request[1]) != number:
        raise OpsError(t("device.snmp_odd"))
    return int.from_bytes(ticks) / 100


def field(kind: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((kind, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((kind, 0x80 | len(length))) + length + content


def integer(value: int) -> bytes:
    return field(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def parts(content: bytes) -> list[tuple[int, bytes]]:
    """The fields that stand one behind the other in `content`."""
    found, at = [], 0
    while at < len(content):
        kind, size, at = content[at], content[at + 1], at + 2
        if size & 0x80:
            more = size & 0x7F
            size, at = int.from_bytes(content[at : at + more]), at + more
        if at + size > len(content):
            raise ValueError(content)
        found.append((kind, content[at : at + size]))
        at += size
    return found
