"""The availability of a contract over a period, as the book and the looks of today show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from flows.looking import samples_of
from tasks import clock
from tasks.availability import statement
from tasks.availability.days import watched_days
from tasks.availability.figures import Figure, figures
from tasks.availability.stops import stops
from tasks.home import Home
from tasks.inventory import load
from tasks.records import Book
from tasks.reports.availability import Broken, Line, Promise


@dataclass(frozen=True, slots=True)
class Stated:
    figures: Mapping[str, Figure]
    promises: Sequence[Promise]
    parts: Sequence[Line]
    targets: Sequence[Line]
    outages: Sequence[Broken]


def stated(home: Home, code: str, first: date, last: date) -> Stated:
    inventory, book = load(home.inventories, contract=code), Book(home.book)
    contract, targets = inventory.contract(code), inventory.targets(contract=code)
    days = watched_days(book, samples_of(home, code), code, first, last, clock.now())
    found = figures(days, stops(book, code))
    return Stated(
        figures=found,
        promises=statement.promises(contract, found, targets),
        parts=statement.parts(contract, found, targets),
        targets=statement.lines(found, targets),
        outages=statement.broken(found),
    )
