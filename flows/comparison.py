"""Plan compared with book, for one contract: by the routine, the supervisor and the command line."""

from flows.looking import close_days
from tasks import clock
from tasks.contracts.activation import active
from tasks.contracts.misses import MOST, ROUTINE, missing
from tasks.contracts.timetable import Timetable
from tasks.errors import Refused
from tasks.home import Home
from tasks.locks import is_held
from tasks.playbooks.runs import left
from tasks.records import Book, Entry
from tasks.texts import t


def compare(home: Home, book: Book, contract: str, *, however_many: bool = False) -> tuple[list[Entry], int]:
    """The records it wrote, and how many plans it looked at: all since the contract was activated."""
    now = clock.now()
    since = active(book).get(contract)
    if since is None:
        raise Refused(t("routine.inactive", contract=contract))
    # What was looked at all day counts as done as soon as the day is over, whoever asks first.
    close_days(home, book, contract)
    due = Timetable.load(home.inventories, contract).plans(since, now)
    routines = {plan.routine for plan in due}
    running = frozenset(code for code in routines if code != ROUTINE and is_held(home, contract, code))
    # What a dead process left is gone on with, and its record will tell.
    running |= {one.routine for one in left(home, book) if one.contract == contract}
    found = missing(due, book.entries(contract=contract), now, running)
    if len(found) > MOST and not however_many:
        raise Refused(t("routine.too_many", count=len(found)))
    return book.append_all(found), len(due)
