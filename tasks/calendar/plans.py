"""From schedules to plans: each a moment at which one routine of one contract is due.

Cron only says the time of day. Whether the day counts is asked of the calendar, because make-up
weekends cannot be written as a recurrence rule.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal, Protocol

from tasks.calendar.days import ONE, Calendar, Kind, span, unpublished_text
from tasks.calendar.schedules import HOUR, Entry, Rule, Schedules
from tasks.clock import ZONE
from tasks.texts import t

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`unpublished`: no notice is known for its year, weekdays decided (or would have)."""

    id: str
    contract: str
    routine: str
    title: str
    due_at: datetime
    late_after: timedelta
    give_up_after: timedelta
    only: tuple[str, ...]
    unpublished: bool

    @property
    def late_at(self) -> datetime:
        return self.due_at + self.late_after

    @property
    def given_up_at(self) -> datetime:
        return self.due_at + self.give_up_after

    @property
    def warning(self) -> str:
        return unpublished_text((self.due_at.year,)) if self.unpublished else ""


@dataclass(frozen=True, slots=True)
class NotDue:
    """Why nothing is due at a moment: the text a skipped run ends with."""

    reason: str
    unpublished: bool = False


@dataclass(frozen=True, slots=True)
class Cron:
    """A trigger; the entry's own days are judged when it fires, by `plan_at`."""

    routine: str
    cron: str
    entry: Entry


def plans(
    schedules: Schedules, contract: str, start: datetime, end: datetime, calendar: Calendar
) -> list[Plan]:
    """What is due from `start` on and before `end`, in order of time."""
    start, end = start.astimezone(ZONE), end.astimezone(ZONE)
    found = [
        made(contract, entry, datetime.combine(day, at, ZONE), calendar)
        for entry in schedules.schedules
        for day in due_days(entry, start.date(), end.date(), calendar)
        for at in entry.times
    ]
    return sorted((plan for plan in found if start <= plan.due_at < end), key=lambda p: (p.due_at, p.routine))


def plan_at(
    schedules: Schedules, contract: str, routine: str, due_at: datetime, calendar: Calendar
) -> Plan | NotDue:
    """The plan of `routine` due at exactly `due_at`, or why there is none."""
    local = due_at.astimezone(ZONE)
    unpublished = not calendar.published(local.year)
    entries = [entry for entry in schedules.schedules if entry.routine == routine and hits(entry, local)]
    for entry in entries:
        if entry.every is not None:
            day = made(contract, entry, at_midnight(local.date()), calendar)
            return replace(day, due_at=local, late_after=entry.every, give_up_after=entry.every)
        if list(due_days(entry, local.date(), local.date(), calendar)):
            return made(contract, entry, local, calendar)
    if not entries:
        return NotDue(t("calendar.no_such_time", routine=routine, at=f"{local:%H:%M:%S}"), unpublished)
    reason = " ".join(filter(None, (why_not(entries, local.date(), calendar), warning(calendar, local.year))))
    return NotDue(reason, unpublished)


def crons(schedules: Schedules) -> list[Cron]:
    """One daily trigger per routine and time of day, for a scheduler in the zone Asia/Shanghai; one for
    what is done every few minutes."""
    triggers = {
        (entry.routine, at): Cron(entry.routine, cron(entry, at), entry)
        for entry in reversed(schedules.schedules)
        for at in entry.times
    }
    return [triggers[key] for key in sorted(triggers)]


def cron(entry: Entry, at: time) -> str:
    if entry.every is None:
        return f"{at.minute} {at.hour} * * *"
    return f"*/{entry.every // MINUTE} * * * *" if entry.every < HOUR else "0 * * * *"


def hits(entry: Entry, local: datetime) -> bool:
    """Whether the entry's clock strikes at that moment, be it the day or not."""
    if entry.every is not None:
        return (local - at_midnight(local.date())) % entry.every == timedelta(0)
    return local.timetz().replace(tzinfo=None) in entry.at


def made(contract: str, entry: Entry, due_at: datetime, calendar: Calendar) -> Plan:
    """The watch of a day is given up only so long after the day's end: until then it goes on."""
    goes_on = ONE if entry.every is not None else timedelta(0)
    return Plan(
        id=plan_id(contract, entry.routine, due_at),
        contract=contract,
        routine=entry.routine,
        title=entry.title,
        due_at=due_at,
        late_after=entry.late_after,
        give_up_after=entry.give_up_after + goes_on,
        only=entry.only,
        unpublished=not calendar.published(due_at.year),
    )


def plan_id(contract: str, routine: str, due_at: datetime) -> str:
    return f"{contract}/{routine}/{due_at.astimezone(ZONE):%Y%m%dT%H%M}"


class OnDays(Protocol):
    @property
    def days(self) -> Literal["every", "working"] | Rule: ...


def due_days(entry: OnDays, first: date, last: date, calendar: Calendar) -> Iterator[date]:
    """The dates of `entry` from `first` to `last`, both included."""
    if not isinstance(entry.days, Rule):
        every = entry.days == "every"
        return (day for day in span(first, last) if every or calendar.day(day).working)
    if entry.days.holiday is not None:
        around = beside_holidays(first, last, calendar)
        return (day for day, where in around if where == entry.days.holiday)
    if entry.days.weekly is not None:
        chosen = set(entry.days.weekly)
        return (day for day in span(first, last) if day.weekday() in chosen)
    assert entry.days.monthly is not None
    kind, n = entry.days.monthly
    monthly = (month_date(kind, n, month, calendar) for month in months(first, last))
    return (day for day in monthly if day is not None and first <= day <= last)


def beside_holidays(first: date, last: date, calendar: Calendar) -> Iterator[tuple[date, str]]:
    """Working days next to days off among which a statutory holiday is; a lone working day between two of
    them is both. Weekends alone are no holiday."""
    for day in span(first, last):
        if calendar.day(day).working:
            for where, step in (("before", ONE), ("after", -ONE)):
                if holiday_follows(day, step, calendar):
                    yield day, where


def holiday_follows(day: date, step: timedelta, calendar: Calendar) -> bool:
    at = calendar.day(day + step)
    while not at.working:
        if at.kind is Kind.HOLIDAY:
            return True
        at = calendar.day(at.date + step)
    return False


def months(first: date, last: date) -> Iterator[date]:
    """The first day of every month touched."""
    at = first.replace(day=1)
    while at <= last:
        yield at
        at = month_end(at) + ONE


def month_end(month: date) -> date:
    return (month.replace(day=28) + 4 * ONE).replace(day=1) - ONE


def month_date(kind: str, n: int, month: date, calendar: Calendar) -> date | None:
    """Day 31 of a shorter month is its last day: a monthly duty is owed in February too.
    None: the month has fewer than n working days.
    """
    end = month_end(month)
    if kind == "last":
        return end
    if kind == "day":
        return month.replace(day=min(n, end.day))
    working = [day for day in span(month, end) if calendar.day(day).working]
    if kind == "last-working":
        return working[-1] if working else None
    return working[n - 1] if n <= len(working) else None


def why_not(entries: Iterable[Entry], when: date, calendar: Calendar) -> str:
    day = calendar.day(when)
    if all(entry.days == "working" for entry in entries):
        shown = t(f"calendar.kind_{day.kind}") + (f" {day.name}" if day.name else "")
        return t("calendar.not_working", date=when, kind=shown)
    return t("calendar.not_its_day", date=when)


def warning(calendar: Calendar, *years: int) -> str:
    return unpublished_text(calendar.unpublished(years))


def at_midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)
