"""`inventories/<code>/schedules.yml`: what is due when, as people write it."""

import re
from collections.abc import Iterator
from datetime import time, timedelta
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from tasks.errors import Refused
from tasks.inventory.vocabulary import CONTINUOUS, KnownRoutine
from tasks.strict import Document, Name, Problem, Shape, Text, is_there, read
from tasks.texts import t

FILE = "schedules.yml"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOUR = timedelta(hours=1)
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def distinct(values: list[Any]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("twice", t("calendar.twice"))
    return tuple(values)


def clock_times(value: Any) -> Any:
    """ "08:30", or a list of such."""
    listed = list(value) if isinstance(value, list) else [value]
    for text in listed:
        if not (isinstance(text, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII)):
            raise PydanticCustomError("clock_times", t("calendar.bad_time"))
    if not listed:
        raise PydanticCustomError("clock_times", t("calendar.bad_time"))
    return distinct([time.fromisoformat(text) for text in listed])


def weekdays(value: Any) -> Any:
    if not isinstance(value, list) or not value or any(day not in WEEKDAYS for day in value):
        raise PydanticCustomError("weekdays", t("calendar.bad_weekday", allowed=", ".join(WEEKDAYS)))
    return distinct([WEEKDAYS.index(day) for day in value])


def month_day(value: Any) -> Any:
    """15 · last · first-working · first-working 3 · last-working."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 31:
        return ("day", int(value))
    pattern = r"(first-working)(?: ([1-9]|1\d))?|(last-working|last)"
    match = re.fullmatch(pattern, value, re.ASCII) if isinstance(value, str) else None
    if not match:
        raise PydanticCustomError("month_day", t("calendar.bad_month_day"))
    return (match[1] or match[3], int(match[2] or 1))


def duration(value: Any) -> Any:
    match = re.fullmatch(r"([1-9]\d{0,3})([mhd])", value, re.ASCII) if isinstance(value, str) else None
    if not match:
        raise PydanticCustomError("duration", t("calendar.bad_duration"))
    return int(match[1]) * UNITS[match[2]]


def interval(value: Any) -> Any:
    """Whole minutes that an hour is a multiple of, so that the clock's hands show when."""
    given = None if value is None else duration(value)
    if given is not None and HOUR % given:
        raise PydanticCustomError("interval", t("calendar.bad_interval"))
    return given


MonthDay = tuple[Literal["day", "last", "first-working", "last-working"], int]
Duration = Annotated[timedelta, BeforeValidator(duration)]


class Rule(Shape):
    """Certain days of the week (0 is Monday), or one day of the month, or around statutory holidays: the last
    working day `before` one, the first `after` it."""

    weekly: Annotated[tuple[int, ...] | None, BeforeValidator(weekdays)] = None
    monthly: Annotated[MonthDay | None, BeforeValidator(month_day)] = None
    holiday: Literal["before", "after"] | None = None

    @model_validator(mode="after")
    def one_of_them(self) -> "Rule":
        if sum(said is not None for said in (self.weekly, self.monthly, self.holiday)) != 1:
            raise PydanticCustomError("rule", t("calendar.bad_rule"))
        return self


# The tags only steer which error is told; they are called like the keys it is told of.
Days = Annotated[
    Annotated[Literal["every", "working"], Tag("days")] | Annotated[Rule, Tag("weekly/monthly/holiday")],
    Discriminator(lambda value: "weekly/monthly/holiday" if isinstance(value, dict | Rule) else "days"),
]


class Entry(Shape):
    """One line of the schedule: a routine, its times of day and on which days; or `every` few minutes of
    every day, which is one plan a day: the day's watch."""

    routine: KnownRoutine
    title: Text = ""
    at: Annotated[tuple[time, ...], BeforeValidator(clock_times)] = ()
    days: Days = "every"
    every: Annotated[timedelta | None, BeforeValidator(interval)] = None
    late_after: Duration = timedelta(minutes=30)
    give_up_after: Duration = timedelta(hours=4)
    only: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def at_times_or_every(self) -> "Entry":
        said = self.model_fields_set
        if self.every is None and not {"at", "days"} <= said:
            raise PydanticCustomError("at", t("calendar.at_and_days"))
        if self.every is not None and said & {"at", "days"}:
            raise PydanticCustomError("every", t("calendar.every_alone"))
        if (self.every is not None) != (self.routine in CONTINUOUS):
            known = ", ".join(sorted(CONTINUOUS))
            raise PydanticCustomError("every", t("calendar.every_for", routine=self.routine, known=known))
        return self

    @property
    def times(self) -> tuple[time, ...]:
        """The times of day at which a plan is due."""
        return self.at if self.every is None else (time(),)

    def may_meet(self, other: "Entry") -> bool:
        """Whether both could be due on the same day. Only two weekly entries can be told apart for
        certain: a day of the month and a working day meet in some year.
        """
        mine = self.days.weekly if isinstance(self.days, Rule) else None
        theirs = other.days.weekly if isinstance(other.days, Rule) else None
        return mine is None or theirs is None or bool(set(mine) & set(theirs))


class Schedules(Shape):
    schedules: tuple[Entry, ...]


def read_schedules(path: Path, problems: list[Problem], name: str = "") -> Document[Schedules] | None:
    """The schedules in `path`; what is wrong goes to `problems`."""
    document = read(path, Schedules, problems, name or f"{path.parent.name}/{path.name}")
    if document:
        problems.extend(given_up_too_soon(document))
        problems.extend(same_minute(document))
    return document


def load(inventories: Path, contract: str) -> Schedules:
    """A contract without the file has no schedule yet; a file that cannot be read is refused."""
    problems: list[Problem] = []
    path = inventories / contract / FILE
    if not is_there(path):
        return Schedules(schedules=())
    document = read_schedules(path, problems)
    if document is None or problems:
        raise Refused(t("calendar.schedules_invalid", contract=contract), sorted(problems))
    return document.content


def given_up_too_soon(document: Document[Schedules]) -> Iterator[Problem]:
    for index, entry in enumerate(document.content.schedules):
        if entry.late_after > entry.give_up_after:
            place = ("schedules", index, "late_after")
            yield document.problem(place, t("calendar.late_after_give_up"))


def same_minute(document: Document[Schedules]) -> Iterator[Problem]:
    """Two entries of one routine at one time would be one plan id for two runs."""
    for (_, first), (index, second) in combinations(enumerate(document.content.schedules), 2):
        shared = sorted(set(first.times) & set(second.times))
        if first.routine == second.routine and shared and first.may_meet(second):
            text = t("calendar.same_minute", routine=second.routine, at=f"{shared[0]:%H:%M}")
            yield document.problem(("schedules", index, "at"), text)
