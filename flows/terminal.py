"""How commands talk: tables or JSON, questions, and nothing a terminal could be tricked by."""

import json
import logging
import sys
import unicodedata
from collections.abc import Mapping, Sequence

from tasks.texts import t

WIDEST = 60


def plain(value: object) -> str:
    """`value` as one line without control characters: names come from files people edit."""
    text = "" if value is None else str(value)
    return "".join(char if unicodedata.category(char)[0] != "C" else "�" for char in text)


def width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def show(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], json_wanted: bool) -> None:
    """Print `rows`: as a JSON array of whole rows, or as a table of `columns` (key → heading)."""
    if json_wanted:
        print(as_json(list(rows)))
        return
    cells = [list(columns.values()), *([plain(row.get(key)) for key in columns] for row in rows)]
    # One long line of a log must not push the columns of all the others off the screen.
    widths = [min(max(width(line[i]) for line in cells), WIDEST) for i in range(len(columns))]
    for line in cells:
        print(
            "  ".join(cell + " " * (w - width(cell)) for cell, w in zip(line, widths, strict=True)).rstrip()
        )
    if not rows:
        print(t("cli.empty"))


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)


def say(text: str) -> None:
    """A line for people, beside whatever goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def confirmed(question: str, assume_yes: bool) -> bool:
    """Ask before something that is hard to take back; without a terminal the answer is no."""
    if assume_yes:
        return True
    if not sys.stdin.isatty():
        say(t("cli.needs_yes", question=question))
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


class Talking(logging.Handler):
    """What the product logs, for the person who waits: progress on a line of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())
