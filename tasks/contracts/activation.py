"""Which contracts this installation works for, since when: the last word of the book on each.

An inventory alone makes nothing happen. Nobody's systems are contacted and no schedule runs before
someone activated the contract, and who did is a record.
"""

from collections.abc import Iterator
from datetime import datetime

from tasks.model import Outcome, Record
from tasks.records import Book, Entry
from tasks.texts import t

ACTIVATE = "contract.activate"
DEACTIVATE = "contract.deactivate"


def active(book: Book) -> dict[str, datetime]:
    """The contracts in force, each with the moment of its activation."""
    last = {entry.contract: entry for entry in decisions(book)}
    return {code: entry.record.started_at for code, entry in last.items() if entry.record.routine == ACTIVATE}


def decisions(book: Book, contract: str | None = None) -> Iterator[Entry]:
    """Every activation and its end; those of one contract in the order of its chain."""
    found = [
        entry
        for routine in (ACTIVATE, DEACTIVATE)
        for entry in book.entries(contract=contract, routine=routine)
    ]
    return iter(sorted(found, key=lambda entry: (entry.contract, entry.seq)))


def activate(book: Book, code: str, by: str, at: datetime) -> Entry | None:
    """None: it was in force already, and nothing was written."""
    return None if code in active(book) else decide(book, code, ACTIVATE, by, at)


def deactivate(book: Book, code: str, by: str, at: datetime) -> Entry | None:
    """None: it was not in force, and nothing was written."""
    return decide(book, code, DEACTIVATE, by, at) if code in active(book) else None


def activate_first(book: Book, code: str, by: str, at: datetime) -> Entry | None:
    """Activate what nobody has ever decided about: `make up` must not undo somebody's deactivation."""
    return None if any(decisions(book, code)) else decide(book, code, ACTIVATE, by, at)


def decide(book: Book, code: str, routine: str, by: str, at: datetime) -> Entry:
    title = t("activation.activated" if routine == ACTIVATE else "activation.deactivated")
    return book.append(
        Record(
            contract=code,
            routine=routine,
            title=title,
            started_at=at,
            ended_at=at,
            started_by=by,
            outcome=Outcome.NOTED,
            summary=title,
        )
    )
