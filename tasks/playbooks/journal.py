"""What one run has come to, on disk before and after everything it does: the only thing a later process
needs to go on from where an earlier one was killed.
"""

import json
import os
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from tasks import clock
from tasks.errors import OpsError
from tasks.files import sync_folder
from tasks.home import Home
from tasks.texts import t, why


class Event(StrEnum):
    BEGUN = "begun"  # the plan's digest
    LOOKED = "looked"  # a precheck
    BEFORE = "before"  # a move is about to be sent
    SENT = "sent"  # something went out, with its answer's digest
    PROVED = "proved"
    SKIPPED = "skipped"  # it was right already
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"
    NOT_UNDONE = "not_undone"
    ABORTED = "aborted"
    ENDED = "ended"


class Journal:
    """Lines of JSON, each on disk before `write` returns. A line cut by a crash was never acted upon."""

    def __init__(self, home: Home, run_id: str) -> None:
        self.run_id = run_id
        self.home = home
        self.path = home.run / "playbooks" / run_id / "journal.jsonl"

    def write(self, event: Event, **said: Any) -> None:
        line = {"at": clock.now().isoformat(), "event": event, **said}
        self.home.ready(self.path.parent)
        try:
            new = not self.path.exists()
            with self.path.open("ab") as file:
                if file.tell() and not self._ends_whole():
                    file.write(b"\n")
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if new:
                sync_folder(self.path.parent)
        except OSError as problem:
            raise OpsError(t("playbooks.journal_failed", path=self.path, reason=why(problem))) from problem

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_bytes().split(b"\n"):
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def last(self) -> dict[str, dict[str, Any]]:
        """By move: the last that was written of it, looks and what was sent aside."""
        found: dict[str, dict[str, Any]] = {}
        for line in self.lines():
            if "move" in line and line["event"] not in (Event.SENT, Event.LOOKED):
                found[line["move"]] = line
        return found

    def marks(self, move: str, event: Event) -> list[str] | None:
        """What was noted when it was first about to be sent; None: it never was."""
        lines = (line for line in self.lines() if line["event"] == event and line.get("move") == move)
        return next((list(line["marks"]) for line in lines), None)

    def said(self, event: Event) -> dict[str, Any] | None:
        return next((line for line in self.lines() if line["event"] == event), None)
