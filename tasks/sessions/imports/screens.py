"""Commands of a recorded screen that does not say what was typed: told by the prompts before them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tasks.operations import Answer, Operation, encoded
from tasks.sessions.cast import Event
from tasks.sessions.imports import Imported
from tasks.sessions.screen import Screen, prompted

WAY = "session"
COLUMNS = 80


def session(host: str, by: str, at: datetime, events: Sequence[Event], columns: int = COLUMNS) -> Imported:
    screen, found = Screen(columns), list[tuple[float, str, Answer]]()
    marked = any(event.kind == "m" for event in events)  # a recording of ours tells its commands itself
    for event in events:
        if event.kind == "m":
            found.append((event.at, event.text, Answer()))
        elif event.kind == "o":
            for line in screen.feed(event.text):
                if command := "" if marked else prompted(line):
                    found.append((event.at, command, Answer()))
                elif found:
                    found[-1][2].heard(encoded(line + "\n"))
    lasted = events[-1].at if events else 0.0
    ends = [begun for begun, _, _ in found[1:]] + [lasted]
    operations = [
        Operation(
            at=at + timedelta(seconds=begun),
            target=host,
            way=WAY,
            text=text,
            seconds=max(end - begun, 0.0),
            digest=answer.digest,
            size=answer.size,
        )
        for (begun, text, answer), end in zip(found, ends, strict=False)
    ]
    return Imported(
        host=host, by=by, started_at=at, ended_at=at + timedelta(seconds=lasted), operations=operations
    )
