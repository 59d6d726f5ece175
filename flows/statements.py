"""The availability of a contract over a period, as the book and the looks of today show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tasks import clock
from tasks.availability import statement
from tasks.availability.days import watched_days
from tasks.availability.figures import Figure, figures
from tasks.availability.samples import Samples
from tasks.availability.stops import stops
from tasks.home import Home
from tasks.inventory import load
from tasks.inventory.contract import Contract
from tasks.model import Record
from tasks.records import Book
from tasks.reports.availability import Broken, Facts, Line, Promise, build
from tasks.reports.form import Form
from tasks.texts import listed, t


@dataclass(frozen=True, slots=True)
class Stated:
    figures: Mapping[str, Figure]
    promises: Sequence[Promise]
    parts: Sequence[Line]
    targets: Sequence[Line]
    outages: Sequence[Broken]


def samples_of(home: Home, contract: str) -> Samples:
    return Samples(home.ready(home.ready(home.availability) / contract))


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


def written(said: Stated, contract: Contract, record: Record, number: str) -> Form:
    """As the form of a period that is over."""
    blank = t("reports.blank")
    duties = contract.duties_about(set(record.topics), record.routine)
    header = [
        (t("reports.number"), number),
        (t("reports.contract"), t("reports.contract_of", name=contract.name, code=contract.code)),
        (t("reports.client"), contract.client or blank),
        (t("reports.provider"), contract.provider or blank),
        (t("availability.period"), f"{record.started_at:%Y-%m-%d %H:%M} – {record.ended_at:%Y-%m-%d %H:%M}"),
        (t("reports.clauses"), listed(duty.clause for duty in duties) or "—"),
    ]
    return build(Facts(record, number, header, said.promises, said.parts, said.targets, said.outages))
