"""Whether a device answers, in the way that the inventory says: each an entry of `WAYS`."""

import http.client
import json
import secrets
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

from tasks.errors import OpsError
from tasks.model import Device
from tasks.texts import t
from tasks.transports import Access
from tasks.transports import snmp as agent
from tasks.transports.deadline import Deadline

SECONDS = 5
TRIES = 3
# IANA.
SNMP_PORT, HTTP_PORT = 161, 80
ECHO, ECHO_REPLY = 8, 0


def look(device: Device, access: Access) -> dict[str, Any]:
    """How long it took to answer and what it said, or why it did not."""
    started = time.monotonic()
    said: dict[str, Any] = {}
    failure = ""
    where = f"{device.reach} {device.address}" + (f":{device.port}" if device.port else "")
    try:
        with access.noting(device.name, device.reach, where) as answer:
            said = WAYS[device.reach](device, access)
            answer.heard(json.dumps(said).encode())
    except TimeoutError:
        failure = t("device.no_answer", seconds=SECONDS)
    except (OSError, http.client.HTTPException) as problem:
        reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
        failure = t("device.unreachable", reason=reason)
    ms = round(1000 * (time.monotonic() - started), 1)
    return {"reach": device.reach, "address": device.address, "ms": ms, "failure": failure, **said}


def tcp(device: Device, access: Access) -> dict[str, Any]:
    with socket.create_connection((device.address, device.port or 0), timeout=SECONDS):
        return {"port": device.port}


def web(device: Device, access: Access) -> dict[str, Any]:
    """Any answer in HTTP will do: many devices ask for a login first."""
    port = device.port or HTTP_PORT
    with Deadline(SECONDS) as until, socket.create_connection((device.address, port), until.left) as line:
        until.watch(line)
        line.sendall(f"HEAD / HTTP/1.0\r\nHost: {device.address}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(line, method="HEAD")
        try:
            answer.begin()
        finally:
            if until.passed:  # a connection that was shut ends like one that has said everything
                raise TimeoutError
        return {"port": port, "status": answer.status}


def snmp(device: Device, access: Access) -> dict[str, Any]:
    credential = access.keyring(device.credential)
    if not credential.password:
        raise OpsError(t("device.no_password", name=credential.name))
    port = device.port or SNMP_PORT
    return {"port": port, "up": agent.up_time(device.address, port, credential.password, SECONDS)}


def icmp(device: Device, access: Access) -> dict[str, Any]:
    """By a datagram socket where the kernel lets its group, a raw one where it lets us; else by `ping`."""
    address = socket.getaddrinfo(device.address, None)[0]
    if address[0] is socket.AF_INET:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
            try:
                line = socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
            except PermissionError:
                continue
            with line:
                return {"tries": echo(line, str(address[4][0]))}
    return program(device.address)


def echo(line: socket.socket, address: str) -> int:
    """How many requests it took. The kernel hands a raw socket every answer to anybody: ours is known by
    what it carries."""
    token = secrets.token_bytes(16)
    line.connect((address, 0))
    for attempt in range(1, TRIES + 1):
        head = struct.pack("!BBHHH", ECHO, 0, 0, 0, attempt)
        head = struct.pack("!BBHHH", ECHO, 0, checksum(head + token), 0, attempt)
        line.send(head + token)
        end = time.monotonic() + SECONDS / TRIES
        while (left := end - time.monotonic()) > 0:
            line.settimeout(left)
            try:
                packet: bytes = line.recv(2048)
            except TimeoutError:
                break
            if packet[0] >> 4 == 4 and len(packet) > 20 + len(token):  # a raw socket shows the IP header
                packet = packet[4 * (packet[0] & 0xF) :]
            if packet[0] == ECHO_REPLY and packet.endswith(token):
                return attempt
    raise TimeoutError


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return int(~(total + (total >> 16)) & 0xFFFF)


def program(address: str) -> dict[str, Any]:
    if not shutil.which("ping"):
        raise OpsError(t("device.ping_missing"))
    words = ["ping", "-n", "-q", "-c", "1", "-W", str(SECONDS), "-w", str(SECONDS), address]
    try:
        done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS + 2)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    if done.returncode:
        raise TimeoutError
    return {}


WAYS: Mapping[str, Callable[[Device, Access], dict[str, Any]]] = {
    "tcp": tcp,
    "http": web,
    "snmp": snmp,
    "icmp": icmp,
}
