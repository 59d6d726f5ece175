"""Recordings of terminals in the format of asciinema: a line of JSON for the header, one for each event."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import OpsError, Refused
from tasks.hiding import Hiding, HidingFlow
from tasks.texts import t, why

MEDIA_TYPE = "application/x-asciicast"
# Of what is on its way to the disk: so much is lost when the machine itself dies.
SYNC_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Event:
    """`o`: shown; `m`: a command, as players show it in their time line; `r`: the window's new size."""

    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Cast:
    header: Mapping[str, Any]
    events: tuple[Event, ...]
    # Whether a last line was cut, as a kill leaves it.
    cut: bool = False


class Writer:
    """Each event on its way to disk at once, without the secrets."""

    def __init__(self, path: Path, header: Mapping[str, Any], hiding: Hiding) -> None:
        self._path, self._hiding = path, hiding
        self._flow = HidingFlow(hiding)
        self._started = self._synced = time.monotonic()
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._line({"version": 2, **header})

    def shown(self, text: str) -> None:
        if kept := self._flow.feed(text):
            self._event("o", kept)

    def command(self, text: str) -> None:
        self._event("m", self._hiding(text))

    def resized(self, columns: int, rows: int) -> None:
        self._event("r", f"{columns}x{rows}")

    def close(self) -> None:
        try:
            if rest := self._flow.rest():
                self._event("o", rest)
            os.fsync(self._handle)
        finally:
            os.close(self._handle)

    def _event(self, kind: str, text: str) -> None:
        self._line([round(time.monotonic() - self._started, 6), kind, text])
        if time.monotonic() - self._synced > SYNC_SECONDS:
            os.fdatasync(self._handle)
            self._synced = time.monotonic()

    def _line(self, value: Any) -> None:
        left = memoryview(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError as problem:  # what cannot be recorded does not go on
            raise OpsError(t("sessions.not_recorded", path=self._path, reason=why(problem))) from problem


def read(content: bytes) -> Cast:
    """Version 1, one document with delays, or 2, a line for each event. Refused with the line's number."""
    text = content.decode("utf-8-sig", "replace")
    first, _, rest = text.partition("\n")
    header = loaded(first, 1) if parses(first) else None
    if isinstance(header, dict) and header.get("version") == 2:
        lines = rest.split("\n")
        cut = bool(lines[-1].strip())
        whole = lines if not cut or parses(lines[-1]) else lines[:-1]
        found = [event_of(loaded(line, n), n) for n, line in enumerate(whole, 2) if line.strip()]
        return Cast(header, tuple(found), cut)
    document = loaded(text, 1)
    if isinstance(document, dict) and document.get("version") == 1:
        return Cast(document, tuple(version_1(document)))
    raise Refused(t("sessions.bad_cast", line=1))


def version_1(document: Mapping[str, Any]) -> Iterator[Event]:
    at = 0.0
    for number, entry in enumerate(document.get("stdout", ()), 1):
        match entry:
            case [int() | float() as delay, str() as text]:
                at += delay
                yield Event(at, "o", text)
            case _:
                raise Refused(t("sessions.bad_frame", number=number))


def event_of(value: Any, line: int) -> Event:
    match value:
        case [int() | float() as at, str() as kind, str() as text]:
            return Event(float(at), kind, text)
        case _:
            raise Refused(t("sessions.bad_cast", line=line))


def loaded(text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except ValueError as problem:
        wrong = line + getattr(problem, "lineno", 1) - 1
        raise Refused(t("sessions.bad_cast", line=wrong)) from problem


def parses(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
