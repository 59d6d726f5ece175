"""Services of every shipped contract stopped before each holiday and started after it, for `make
show-playbooks`: a year of schedules on a clock of ours, which stands still, jumps and goes back.

The contracts are copies whose hosts are this machine and whose services are files: nothing is contacted.
What should have happened is reckoned here from the text of the State Council's notice, not by the product.
"""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect.states import State

from flows.comparison import compare
from flows.prefect_run import due
from flows.routine import Request, perform
from flows.service import SERVICE
from tasks import clock
from tasks.calendar.days import Calendar
from tasks.calendar.imports import missing_notice
from tasks.calendar.plans import NotDue
from tasks.clock import ZONE
from tasks.contracts.activation import activate
from tasks.contracts.timetable import Timetable
from tasks.home import Home
from tasks.model import Outcome, Record
from tasks.records import Book
from tests.bench.show import Item
from tests.lab.paper import Paper

ONE = timedelta(days=1)
# 国务院办公厅关于 2026 年部分节假日安排的通知: days off, both included, and weekend days that are worked.
REST = (
    (date(2026, 1, 1), date(2026, 1, 3)),
    (date(2026, 2, 15), date(2026, 2, 23)),
    (date(2026, 4, 4), date(2026, 4, 6)),
    (date(2026, 5, 1), date(2026, 5, 5)),
    (date(2026, 6, 19), date(2026, 6, 21)),
    (date(2026, 9, 25), date(2026, 9, 27)),
    (date(2026, 10, 1), date(2026, 10, 7)),
)
WORKED = (
    date(2026, 1, 4),
    date(2026, 2, 14),
    date(2026, 2, 28),
    date(2026, 5, 9),
    date(2026, 9, 20),
    date(2026, 10, 10),
)
STOP, START = (18, 30), (7, 30)
# On the first of each month, one contract's services are stopped at midnight and started half an hour later.
MIDNIGHT, STOP_AT_MIDNIGHT, START_AT_MIDNIGHT = "culture-office", (0, 0), (0, 30)
LATE, GIVEN_UP = timedelta(minutes=30), timedelta(hours=4)


def moment(*given: int) -> datetime:
    return datetime(*given, tzinfo=ZONE)  # type: ignore[misc,arg-type]


BEGIN, END = moment(2025, 12, 25), moment(2027, 2, 2)
# While the product runs, by its own clock. A gap: switched off, or the clock jumped ahead; an overlap: it
# went back.
RUNS = (
    (BEGIN, moment(2026, 4, 30, 18)),
    (moment(2026, 5, 1, 9), moment(2026, 6, 18, 18)),
    (moment(2026, 6, 18, 20), moment(2026, 9, 24, 18)),
    (moment(2026, 9, 24, 23), moment(2026, 9, 30, 18, 31)),
    (moment(2026, 9, 30, 18, 15), moment(2026, 11, 1, 0, 5)),
    (moment(2026, 10, 31, 23, 50), END),
)


# What should happen.


@dataclass(frozen=True, slots=True, order=True)
class Due:
    at: datetime
    stop: bool
    holiday: bool = True


def off(day: date) -> bool:
    """2027 is not published: its weekends alone."""
    rests = any(first <= day <= last for first, last in REST)
    return rests or (day.weekday() >= 5 and day not in WORKED)


def owed(contract: str) -> list[Due]:
    found = []
    for first, last in REST:
        before, after = first - ONE, last + ONE
        while off(before):
            before -= ONE
        while off(after):
            after += ONE
        found += [Due(at(before, STOP), True), Due(at(after, START), False)]
    if contract == MIDNIGHT:
        firsts = [date(2026 + month // 12, month % 12 + 1, 1) for month in range(14)]
        found += [Due(at(day, STOP_AT_MIDNIGHT), True, False) for day in firsts]
        found += [Due(at(day, START_AT_MIDNIGHT), False, False) for day in firsts]
    return sorted(one for one in found if BEGIN <= one.at < END)


def at(day: date, time: tuple[int, int]) -> datetime:
    return moment(day.year, day.month, day.day, *time)


def heard(due_at: datetime) -> datetime:
    """When the product comes to it."""
    if any(first <= due_at < last for first, last in RUNS):
        return due_at
    return min(first for first, _ in RUNS if first > due_at)


def fate(one: Due) -> str:
    late = heard(one.at) - one.at
    return "missed" if late > GIVEN_UP else "late" if late > LATE else "on time"


# What does happen.


@contextlib.contextmanager
def hands() -> Iterator[Callable[[datetime], None]]:
    now, own = [BEGIN], clock.now
    clock.now = lambda: now[0]
    try:
        yield lambda to: now.__setitem__(0, to)
    finally:
        clock.now = own


def fired(table: Timetable) -> Iterator[tuple[datetime, datetime]]:
    """Each time a trigger fires: for when, and when that is. What is overdue comes first, all at once."""
    left = BEGIN
    for first, last in RUNS:
        for when in strikes(table, min(left, first), last):
            yield when, max(when, first) + timedelta(seconds=2)
        left = last


def strikes(table: Timetable, start: datetime, end: datetime) -> Iterator[datetime]:
    day = start.date()
    times = sorted({time for one in table.crons() for time in one.entry.times})
    while day <= end.date():
        yield from (when for time in times if start <= (when := datetime.combine(day, time, ZONE)) < end)
        day += ONE


def lived(home: Home, contract: str, moved: Callable[[datetime], None]) -> None:
    """Every trigger, and the plan compared with the book about once a week."""
    book, table = Book(home.ready(home.book)), Timetable.load(home.inventories, contract)
    moved(BEGIN)
    activate(book, contract, "演示", BEGIN)
    compared = BEGIN
    for scheduled, now in fired(table):
        moved(now)
        if now - compared > 7 * ONE:
            compare(home, book, contract)
            compared = now
        if isinstance(table.plan_at(SERVICE.code, scheduled), NotDue):
            continue
        plan = due(home, SERVICE, contract, scheduled)
        if not isinstance(plan, State):
            perform(home, SERVICE, Request(contract=contract, started_by="计划", only=plan.only, plan=plan))
    moved(END)
    compare(home, book, contract)


def year() -> Iterator[Item]:
    with tempfile.TemporaryDirectory() as folder, hands() as moved:
        paper = Paper(Path(folder), BEGIN.date(), END.date(), schedules)
        for contract in paper.contracts:
            lived(paper.home, contract, moved)
            records = [one.record for one in Book(paper.home.book).entries(contract=contract)]
            yield of_runs(contract, records)
            yield of_misses(contract, records)
            yield of_services(contract, paper)
        yield of_2027(paper)


def schedules(contract: str, names: Sequence[str], holiday: Sequence[str]) -> list[dict[str, Any]]:
    """The contract's own `schedules.yml`. `names`: of all playbooks; `holiday`: those for holidays."""

    def entry(time: tuple[int, int], days: object, chosen: Sequence[str], verb: str) -> dict[str, Any]:
        only = [one for one in chosen if one.endswith(f"-{verb}")]
        when = {"at": f"{time[0]:02}:{time[1]:02}", "days": days, "only": only}
        return {"routine": "service", "late_after": "30m", "give_up_after": "4h", **when}

    found = [
        entry(STOP, {"holiday": "before"}, holiday, "stop"),
        entry(START, {"holiday": "after"}, holiday, "start"),
    ]
    if contract == MIDNIGHT:
        found.append(entry(STOP_AT_MIDNIGHT, {"monthly": 1}, names, "stop"))
        found.append(entry(START_AT_MIDNIGHT, {"monthly": 1}, names, "start"))
    return found


# Compared.


def of_runs(contract: str, records: Sequence[Record]) -> Item:
    wanted = Counter(one.at for one in owed(contract) if fate(one) != "missed")
    ran = Counter(record.planned_at for record in records if record.routine == "service")
    good = all(record.outcome is Outcome.OK for record in records if record.routine == "service")
    wrong = (wanted - ran) + (ran - wanted)
    told = ", ".join(f"{when:%m-%d %H:%M}" for when in sorted(filter(None, wrong))[:5])
    return Item(
        f"{contract}: stopped and started from {BEGIN:%Y-%m-%d} to {END:%Y-%m-%d}",
        f"{ran.total()} runs{'' if good else ', some not ok'}, {wrong.total()} wrong {told}".strip(),
        f"{wanted.total()}, each once and when the notice says",
        not wrong and good,
    )


def of_misses(contract: str, records: Sequence[Record]) -> Item:
    wanted = {(one.at, fate(one)) for one in owed(contract) if fate(one) != "on time"}
    outcomes = {Outcome.MISSED: "missed", Outcome.LATE: "late"}
    told = [(one.planned_at, outcomes[one.outcome]) for one in records if one.outcome in outcomes]
    said = ", ".join(f"{when:%m-%d %H:%M} {what}" for when, what in told if when)
    right = len(told) == len(set(told)) and set(told) == wanted
    expected = ", ".join(f"{when:%m-%d %H:%M} {what}" for when, what in sorted(wanted))
    return Item(f"{contract}: what could not be in time", said or "nothing", expected or "nothing", right)


def of_services(contract: str, paper: Paper) -> Item:
    """Every service was told as often as its state had to change, stops and starts by turns."""
    wrong = []
    services = paper.services[contract]
    for one in services:
        running, turns = True, []
        for event in owed(contract):
            touched = fate(event) != "missed" and not (event.holiday and one.keep)
            if touched and running == event.stop:
                running = not event.stop
                turns.append("stop" if event.stop else "start")
        if one.told() != turns or one.runs() != running:
            wrong.append(f"{one.name}: {len(one.told())} turns, not {len(turns)}")
    kept, turned = sum(one.keep for one in services), sum(len(one.told()) for one in services)
    return Item(
        f"{contract}: each of {len(services)} services, {kept} of them kept through holidays",
        f"{turned} turns, {len(wrong)} wrong {'; '.join(wrong[:3])}".strip(),
        "as often as its state had to change, stop and start by turns",
        not wrong and bool(services),
    )


def of_2027(paper: Paper) -> Item:
    table = Timetable.load(paper.home.inventories, MIDNIGHT)
    plans = table.plans(moment(2026, 12, 1), END)
    told = [plan for plan in plans if "2027" in plan.warning]
    wanted = [one for one in owed(MIDNIGHT) if one.at >= moment(2027, 1, 1)]
    asked = missing_notice(Calendar.load(paper.home.inventories), date(2026, 12, 2))
    right = [plan.due_at for plan in told] == [one.at for one in wanted]
    return Item(
        "2027, of which no notice is published",
        f"{len(told)} plans say so; in December it is told: {asked}",
        f"{len(wanted)}, no holiday made up, and the missing notice told of",
        right and "2027" in asked,
    )


SHOWS = [year]
