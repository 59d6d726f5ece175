"""What every round of looks saw: one line a round, one file a day, only ever added to."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from tasks import clock
from tasks.availability.probe import Look, State
from tasks.errors import OpsError
from tasks.files import sync_folder
from tasks.texts import t, why


@dataclass(frozen=True, slots=True)
class Round:
    """All looks of one moment; `every`: how long until the next was to be."""

    at: datetime
    every: timedelta
    looks: Mapping[str, Look]
    # What has been down since when, and what failed first; kept while nobody can look.
    open: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)

    def line(self) -> str:
        said = {
            "at": self.at.isoformat(timespec="seconds"),
            "every": self.every // timedelta(seconds=1),
            "up": {name: one.ms for name, one in self.looks.items() if one.state is State.UP},
            "down": self._reasons(State.DOWN),
            "unknown": self._reasons(State.UNKNOWN),
            "open": {name: [since.isoformat(), reason] for name, (since, reason) in self.open.items()},
        }
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n"

    def _reasons(self, state: State) -> dict[str, str]:
        return {name: one.reason for name, one in self.looks.items() if one.state is state}

    @staticmethod
    def of(said: Mapping[str, Any]) -> "Round":
        looks = {name: Look(State.UP, int(ms)) for name, ms in said["up"].items()}
        for state in (State.DOWN, State.UNKNOWN):
            looks |= {name: Look(state, reason=str(reason)) for name, reason in said[state].items()}
        still = {name: (clock.parse(since), str(reason)) for name, (since, reason) in said["open"].items()}
        return Round(clock.parse(said["at"]), timedelta(seconds=said["every"]), looks, still)


def read(content: bytes) -> list[Round]:
    """In the order of time. A line that was cut by a crash is a round that nobody knows of."""
    return sorted(_rounds(content), key=lambda one: one.at)


def _rounds(content: bytes) -> Iterator[Round]:
    for line in content.decode("utf-8", "replace").splitlines():
        try:
            yield Round.of(json.loads(line))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            continue


class Samples:
    """The files of one contract."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, day: date) -> Path:
        return self.folder / f"{day}.jsonl"

    def append(self, one: Round) -> None:
        """On disk when this returns. After a cut line a new one is begun."""
        path = self.path(one.at.astimezone(clock.ZONE).date())
        new = not path.exists()
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(handle).st_size
                cut = size and os.pread(handle, 1, size - 1) != b"\n"
                os.write(handle, ("\n" * bool(cut) + one.line()).encode())
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                sync_folder(self.folder)
        except OSError as problem:
            raise OpsError(t("home.unwritable", path=path, reason=why(problem))) from problem

    def content(self, day: date) -> bytes:
        path = self.path(day)
        return path.read_bytes() if path.exists() else b""

    def days(self) -> list[date]:
        found = sorted(path.stem for path in self.folder.glob("????-??-??.jsonl"))
        return [date.fromisoformat(name) for name in found]

    def last(self) -> Round | None:
        """The latest round there is."""
        for day in reversed(self.days()):
            if rounds := read(self.content(day)):
                return rounds[-1]
        return None

    def forget(self, day: date) -> None:
        """What the book holds as evidence need not lie here, too."""
        self.path(day).unlink(missing_ok=True)
