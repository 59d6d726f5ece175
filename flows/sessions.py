"""Engineers' own sessions: opened, recorded, entered; and what a killed one left."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks import clock
from tasks.errors import OpsError
from tasks.hiding import Hiding
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.inventory.secret_files import stored
from tasks.model import Host, Mode, Target
from tasks.records import Book, Entry
from tasks.sessions.cast import Writer
from tasks.sessions.entering import End, enter
from tasks.sessions.recording import CAST, About, cast_of, forget, recording
from tasks.sessions.shell import Conversation
from tasks.texts import t
from tasks.transports import Access
from tasks.transports.ssh import SSH


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Whose shell, where and why; what it must not keep, and how long it may be idle."""

    host: Host
    access: Access
    by: str
    reason: str
    mode: Mode
    hidden: Hiding
    idle_seconds: float


def session(home: Home, book: Book, wanted: Wanted) -> Entry:
    """Whatever ends it, what was recorded becomes a record; where that fails it is taken up later."""
    host, size, kind = wanted.host, os.get_terminal_size(0), os.environ.get("TERM", "xterm")
    login = wanted.access.keyring(host.credential).user if host.credential else ""
    with SSH(host, wanted.access).shell(kind, size.columns, size.lines) as channel:
        started_at = clock.now()
        about = About(
            contract=host.contract,
            host=host.name,
            by=wanted.by,
            login=login,
            reason=wanted.reason,
            started_at=started_at.isoformat(),
        )
        with recording(home, about) as folder:
            writer = Writer(folder / CAST, header(host, size, kind, started_at), wanted.hidden)
            end = End("failed")
            try:
                end = Conversation(channel, writer, host.encoding, wanted.idle_seconds).run()
            finally:
                with contextlib.suppress(OSError, OpsError):  # of a full disk it was told already
                    writer.close()
                entry = enter(book, about, cast_of(folder), end, wanted.mode)
                forget(folder)
    return entry


def header(host: Host, size: os.terminal_size, kind: str, started_at: datetime) -> dict[str, Any]:
    return {
        "width": size.columns,
        "height": size.lines,
        "timestamp": int(started_at.timestamp()),
        "title": t("sessions.title", host=host.name),
        "env": {"TERM": kind},
    }


def secrets(keyring: Keyring, targets: Sequence[Target]) -> set[str]:
    """All that the installation knows, and whatever else the contract's targets are opened with."""
    found = {part for one in stored(keyring.home).values() for part in (one.password, one.passphrase)}
    for name in {str(getattr(one, "credential", "")) for one in targets} - {""}:
        with contextlib.suppress(OpsError):  # one that is missing hides nothing
            credential = keyring(name)
            found |= {credential.password, credential.passphrase}
    return found - {""}
