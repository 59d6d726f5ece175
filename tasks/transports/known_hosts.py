"""The host keys we trust: a file of our own in OpenSSH's format, read strictly and written whole.

Nothing that is not understood is passed over: a line that trusts or revokes in a way this does not
know would otherwise decide something else than people believe.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tasks.errors import OpsError
from tasks.files import write_whole
from tasks.home import Home
from tasks.texts import t

# Type of key → the key itself, both as the file has them.
Keys = Mapping[str, str]

SSH_PORT = 22
LINE = re.compile(
    r"(?P<names>[^\s@#!*?][^\s!*?]*)\s+(?P<type>[a-z][\w@.-]+)\s+(?P<key>[\w+/]+=*)(\s.*)?", re.ASCII
)


def known_hosts_file(home: Home) -> Path:
    return home.root / "known_hosts"


def host_name(address: str, port: int | None) -> str:
    """As OpenSSH writes it: a port of its own makes another host."""
    name = address.casefold()
    return name if port in (None, SSH_PORT) else f"[{name}]:{port}"


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    names: tuple[str, ...] = ()
    type: str = ""
    key: str = ""

    def is_about(self, name: str) -> bool:
        return any(stands_for(written, name) for written in self.names)


def stands_for(written: str, name: str) -> bool:
    """`|1|salt|hash` hides the name; what is hashed is the same name with its port."""
    if not written.startswith("|1|"):
        return written.casefold() == name
    _, _, salt, digest = written.split("|")
    hashed = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
    return hmac.compare_digest(hashed, base64.b64decode(digest))


@dataclass(frozen=True)
class KnownHosts:
    lines: tuple[Line, ...] = ()

    def keys(self, name: str) -> dict[str, str]:
        numbers = sorted({*self._plain.get(name, ()), *self._hidden})
        return {line.type: line.key for line in map(self.lines.__getitem__, numbers) if line.is_about(name)}

    @cached_property
    def _plain(self) -> dict[str, list[int]]:
        """Where each name stands: a thousand hosts do not each read a thousand lines."""
        found: dict[str, list[int]] = {}
        for number, line in enumerate(self.lines):
            for name in line.names:
                found.setdefault(name.casefold(), []).append(number)
        return found

    @cached_property
    def _hidden(self) -> list[int]:
        return [n for n, line in enumerate(self.lines) if any(name.startswith("|1|") for name in line.names)]

    def replaced(self, name: str, keys: Keys) -> "KnownHosts":
        """With these keys and no others for `name`; a line shared with other names stays theirs."""
        kept = [one for line in self.lines if (one := without(line, name))]
        new = [Line(f"{name} {type_} {key}", (name,), type_, key) for type_, key in keys.items()]
        return KnownHosts((*kept, *new))

    def write(self, path: Path) -> None:
        text = "".join(f"{line.text}\n" for line in self.lines)
        try:
            write_whole(path, text.encode(), 0o600)
        except OSError as problem:
            raise OpsError(t("home.unwritable", path=path, reason=problem.strerror)) from problem


def without(line: Line, name: str) -> Line | None:
    if not line.is_about(name):
        return line
    names = tuple(one for one in line.names if not stands_for(one, name))
    return Line(f"{','.join(names)} {line.type} {line.key}", names, line.type, line.key) if names else None


def read_known_hosts(path: Path) -> KnownHosts:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return KnownHosts()
    except (OSError, UnicodeDecodeError) as problem:
        raise OpsError(t("transports.known_hosts_unreadable", path=path, reason=problem)) from problem
    return KnownHosts(tuple(parsed(line, path, number) for number, line in enumerate(text.splitlines(), 1)))


def parsed(text: str, path: Path, number: int) -> Line:
    text = text.strip()
    if not text or text.startswith("#"):
        return Line(text)
    found = LINE.fullmatch(text)
    try:
        names = tuple(found["names"].split(",")) if found else ()
        for name in names:
            stands_for(name, "")
        if not found or not base64.b64decode(found["key"], validate=True):
            raise ValueError(text)
    except (ValueError, binascii.Error) as problem:
        raise OpsError(t("transports.known_hosts_line", path=path, line=number)) from problem
    return Line(text, names, found["type"], found["key"])


def fingerprints(key: str) -> tuple[str, str]:
    """SHA256 as today's tools show it, and MD5 in hexadecimal as old consoles do."""
    raw = base64.b64decode(key)
    sha256 = base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
    md5 = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    return f"SHA256:{sha256}", "MD5:" + ":".join(md5[i : i + 2] for i in range(0, 32, 2))
