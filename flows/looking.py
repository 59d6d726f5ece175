"""The light looks of one contract: a round of them, and the record of each day they make up.

No Prefect task and no record for a round: every five minutes that would be a hundred thousand a year.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from flows.credential_blocks import lookup
from flows.routine import Piece, Request, Routine, Run, Work, close
from flows.statements import samples_of, stated, written
from tasks import clock
from tasks.availability import changes, days
from tasks.availability.changes import following, span_text
from tasks.availability.days import Day
from tasks.availability.figures import Figure, figures
from tasks.availability.probe import PROBES, State, look_at_all
from tasks.availability.samples import Round
from tasks.availability.stops import stops
from tasks.calendar import schedules
from tasks.calendar.plans import at_midnight
from tasks.contracts.activation import active
from tasks.contracts.timetable import Timetable
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inventory import Inventory, load
from tasks.inventory.contract import contract_named
from tasks.inventory.credentials import Keyring
from tasks.locks import held_beside
from tasks.model import Finding, Host, Number, Status, Target
from tasks.records import Book, Entry
from tasks.texts import t
from tasks.transports import Access

ONE = timedelta(days=1)
# Where no schedule says how often: somebody looks by hand.
EVERY = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


def watch(here: Home, request: Request) -> str:
    """By schedule: one round, a record only of what changed, and of the day when it is over."""
    book, contract = Book(here.ready(here.book)), request.contract
    inventory = load(here.inventories, contract=contract)
    if contract not in active(book):
        raise Refused(t("routine.inactive", contract=contract))
    request = replace(request, mode=inventory.contract(contract).mode)
    with held_beside(here, contract, AVAILABILITY.code, AVAILABILITY.title):
        seen = look_round(here, book, inventory, request)
        close_days(here, book, contract)
    counts = Counter(one.state for one in seen.looks.values())
    return t("availability.round", **{str(state): counts[state] for state in State})


def look_round(home: Home, book: Book, inventory: Inventory, request: Request) -> Round:
    """Look at everything once, keep what was seen, and record what changed."""
    contract, samples = request.contract, samples_of(home, request.contract)
    targets = probed(inventory, contract, request.only)
    hosts = {one.name: one for one in inventory.targets(contract=contract) if isinstance(one, Host)}
    at = clock.now()
    looks = look_at_all(targets, Access(Keyring(home, lookup), hosts))
    seen, changed = following(samples.last(), Round(at, every(home, contract), looks))
    samples.append(seen)
    book.append_all(changes.record(contract, request.mode, one) for one in changed)
    return seen


def probed(inventory: Inventory, contract: str, only: Sequence[str] = ()) -> list[Target]:
    targets = inventory.targets(contract=contract, names=tuple(only))
    found = [target for target in targets if target.type in PROBES]
    if not found:
        raise OpsError(t("availability.no_targets", contract=contract))
    return found


def every(home: Home, contract: str) -> timedelta:
    entries = schedules.load(home.inventories, contract).schedules
    return next((one.every for one in entries if one.every is not None), EVERY)


def close_days(home: Home, book: Book, contract: str) -> list[Entry]:
    """A record for each day that is over and has none; the looks of the day before are kept for what they
    carry over midnight."""
    samples, now = samples_of(home, contract), clock.now()
    closed = []
    for day in samples.days():
        if day >= now.date():
            continue
        if days.entry_of(book, contract, day) is None:
            begun = days.began_before(book, samples, contract, day)
            its = days.of(samples, day, now, first=not begun)
            if its is not None:
                closed.append(close_day(home, book, contract, its, samples.content(day)))
        if day + ONE < now.date():
            samples.forget(day)
    if closed:
        close_month(home, book, contract, now.date().replace(day=1) - ONE)
    return closed


def close_day(home: Home, book: Book, contract: str, day: Day, raw: bytes) -> Entry:
    plan = Timetable.load(home.inventories, contract).watch_of(changes.ROUTINE, day.day)
    request = Request(
        contract=contract,
        started_by=t("routine.by_schedule"),
        plan=plan,
        mode=contract_named(home.inventories, contract).mode,
    )
    found = figures([day.targets], stops(book, contract))
    work = Work(
        findings=list(findings(found)),
        expected=len(found),
        topics=(changes.TOPIC,),
        summary=summary(day, found),
        pieces=[
            Piece(name=days.WATCHED, content=day.write()),
            Piece(name=days.SAMPLES, content=raw, media_type="application/x-ndjson"),
        ],
        facts={"day": day.day.isoformat(), "rounds": day.rounds, "unwatched_seconds": unwatched(day)},
        ended_at=day.end,
    )
    return close(home, book, AVAILABILITY, request, day.looked_at, work)


def close_month(home: Home, book: Book, contract: str, last: date) -> None:
    """The statement of the month that ended on `last`, once it has one to make."""
    first = last.replace(day=1)
    start = at_midnight(first)
    of_month = book.entries(contract=contract, routine=changes.ROUTINE, since=start, until=start + ONE)
    said = stated(home, contract, first, last)
    if not said.targets or any("month" in entry.record.facts for entry in of_month):
        return
    whose = contract_named(home.inventories, contract)
    request = Request(contract=contract, started_by=t("routine.by_schedule"), mode=whose.mode)
    work = Work(
        findings=[],
        expected=len(said.targets),
        topics=(changes.TOPIC,),
        summary=t("availability.month_summary", month=first, outages=len(said.outages)),
        form=lambda record, number: written(said, whose, record, number),
        facts={"month": f"{first:%Y-%m}"},
        ended_at=at_midnight(last + ONE),
    )
    close(home, book, AVAILABILITY, request, start, work)


def unwatched(day: Day) -> int:
    return sum((one.length for one in day.unwatched), timedelta(0)) // SECOND


def findings(found: dict[str, Figure]) -> Iterator[Finding]:
    for name, figure in found.items():
        status = Status.FAIL if figure.down else Status.UNKNOWN if figure.unknown else Status.OK
        numbers = [
            Number("down", figure.down // SECOND, "s"),
            Number("planned", figure.planned // SECOND, "s"),
            Number("unwatched", figure.unknown // SECOND, "s"),
        ]
        if figure.raw is not None:
            numbers.insert(0, Number("available", round(figure.raw, 4), "%"))
            numbers.append(Number("ms", figure.ms[0], "ms"))
        yield Finding(
            check=changes.ROUTINE,
            target=name,
            subject=t("availability.subject"),
            status=status,
            summary=said(figure),
            numbers=tuple(numbers),
            advice="" if status is Status.OK else t(f"availability.advice_{status}"),
        )


def said(figure: Figure) -> str:
    parts = []
    if figure.outages:
        longest = max(figure.outages, key=lambda one: one.span.length)
        parts.append(
            t(
                "availability.was_down",
                times=len(figure.outages),
                lasted=span_text(figure.down),
                reason=longest.span.reason,
            )
        )
    if figure.unknown:
        parts.append(t("availability.was_unwatched", lasted=span_text(figure.unknown)))
    return t("contract.and").join(parts) or t("availability.was_up", ms=figure.ms[0])


def summary(day: Day, found: dict[str, Figure]) -> str:
    down = sum(bool(figure.down) for figure in found.values())
    text = t("availability.day_summary", day=day.day, rounds=day.rounds, targets=len(found), down=down)
    gap = sum((one.length for one in day.unwatched), timedelta(0))
    return text + (t("availability.day_unwatched", lasted=span_text(gap)) if gap else "")


def of_round(seen: Round, targets: Sequence[Target]) -> list[Finding]:
    """What one round saw, for whoever asked for it."""
    statuses = {State.UP: Status.OK, State.DOWN: Status.FAIL, State.UNKNOWN: Status.UNKNOWN}
    return [
        Finding(
            check=changes.ROUTINE,
            target=target.name,
            subject=t("availability.subject"),
            status=(status := statuses[look.state]),
            summary=look.reason or t("availability.answered", ms=look.ms),
            numbers=(Number("ms", look.ms, "ms"),) if look.ms else (),
            advice="" if status is Status.OK else t(f"availability.advice_{status}"),
        )
        for target in targets
        for look in [seen.looks[target.name]]
    ]


def look(run: Run) -> Work:
    """By hand: one round, with a record of its own."""
    contract = run.request.contract
    seen = look_round(run.home, run.book, run.inventory, run.request)
    targets = probed(run.inventory, contract, run.request.only)
    unknown = {name: one.reason for name, one in seen.looks.items() if one.state is State.UNKNOWN}
    return Work(
        findings=of_round(seen, targets), expected=len(targets), topics=(changes.TOPIC,), not_reached=unknown
    )


AVAILABILITY = Routine(code=changes.ROUTINE, work=look)
