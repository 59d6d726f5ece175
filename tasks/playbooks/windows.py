"""`inventories/<code>/changes.yml`: when changes may be made and when not; without the file, always."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from tasks.calendar.days import ONE, Calendar, unpublished_text
from tasks.calendar.plans import at_midnight, due_days
from tasks.calendar.schedules import Days, clock_times
from tasks.clock import ZONE
from tasks.errors import Refused
from tasks.playbooks import Holds, Seen
from tasks.playbooks.schema import Sort
from tasks.strict import Document, Problem, Shape, Text, is_there, read
from tasks.texts import t

FILE = "changes.yml"
# How far ahead the next window is looked for.
AHEAD = 60 * ONE


def clock_time(value: Any) -> Any:
    return clock_times(value)[0] if isinstance(value, str) else clock_times(())


ClockTime = Annotated[time, BeforeValidator(clock_time)]


class Window(Shape):
    """From a time of day to another, the next day's if it is not later; `days` are those on which it begins.
    Without `kinds` it is one for all of them."""

    days: Days
    from_: ClockTime = Field(alias="from")
    to: ClockTime
    kinds: tuple[Sort, ...] = ()


class Freeze(Shape):
    """Days on which nothing of these kinds is done, both dates included."""

    from_: date = Field(alias="from")
    to: date
    reason: Annotated[Text, Field(min_length=1)]
    kinds: tuple[Sort, ...] = ()

    @model_validator(mode="after")
    def in_order(self) -> "Freeze":
        if self.to < self.from_:
            raise PydanticCustomError("order", t("playbooks.freeze_order"))
        return self


class Changes(Shape):
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    start: datetime
    end: datetime


def read_changes(inventories: Path, contract: str, problems: list[Problem]) -> Document[Changes] | None:
    path = inventories / contract / FILE
    return read(path, Changes, problems, f"{contract}/{FILE}") if is_there(path) else None


def refusal(inventories: Path, contract: str, kind: str, start: datetime, until: datetime) -> str:
    """Why nothing of that kind may be done then; empty: it may."""
    seen = ruled(inventories, contract, kind, start, until)
    return seen.text if seen and seen.holds is not Holds.YES else ""


def ruled(inventories: Path, contract: str, kind: str, start: datetime, until: datetime) -> Seen | None:
    """What the contract's windows and freezes say to it; None: they say nothing about that kind."""
    problems: list[Problem] = []
    document = read_changes(inventories, contract, problems)
    if problems:
        raise Refused(t("playbooks.invalid", path=f"{contract}/{FILE}"), sorted(problems))
    changes = document.content if document else Changes()
    windows = [one for one in changes.windows if kind in (one.kinds or (kind,))]
    freezes = [one for one in changes.freezes if kind in (one.kinds or (kind,))]
    if not windows and not freezes:
        return None
    start, until = start.astimezone(ZONE), until.astimezone(ZONE)
    for freeze in freezes:
        if at_midnight(freeze.from_) <= until and start < at_midnight(freeze.to + ONE):
            told = t("playbooks.frozen", start=freeze.from_, end=freeze.to, reason=freeze.reason)
            return Seen(Holds.NO, told)
    if not windows:
        return Seen(Holds.YES, t("playbooks.not_frozen"))
    return within(windows, start, until, Calendar.load(inventories))


def within(windows: list[Window], start: datetime, until: datetime, calendar: Calendar) -> Seen:
    open_ = stretches(windows, start, until, calendar)
    doubt = doubted(windows, {start.year, until.year}, calendar)
    said = f"{start:%Y-%m-%d %H:%M}–{until:%Y-%m-%d %H:%M}"
    if covered(open_, start, until):
        return Seen(Holds.YES, t("playbooks.in_window", time=said, doubt=doubt))
    later = stretches(windows, start, start + AHEAD, calendar)
    following = next((one for one in later if one.end > start), None)
    told = t("playbooks.out_of_window", time=said, doubt=doubt)
    if following:
        told += t("playbooks.next_window", start=following.start, end=following.end)
    return Seen(Holds.NO, told)


def doubted(windows: list[Window], years: set[int], calendar: Calendar) -> str:
    """Days of the week are certain; working days and holidays are not while no notice says them."""
    reckoned = any(one.days != "every" and not getattr(one.days, "weekly", None) for one in windows)
    unsaid = unpublished_text(calendar.unpublished(years)) if reckoned else ""
    return t("playbooks.doubt", text=unsaid) if unsaid else ""


def stretches(windows: list[Window], start: datetime, until: datetime, calendar: Calendar) -> list[Stretch]:
    """Windows open at some time between the two; those that meet are one."""
    found = sorted(opened(windows, start, until, calendar), key=lambda one: one.start)
    joined: list[Stretch] = []
    for one in found:
        if joined and one.start <= joined[-1].end:
            joined[-1] = Stretch(joined[-1].start, max(joined[-1].end, one.end))
        else:
            joined.append(one)
    return joined


def opened(windows: list[Window], start: datetime, until: datetime, calendar: Calendar) -> Iterator[Stretch]:
    for window in windows:
        length = timedelta(days=0 if window.from_ < window.to else 1)
        for day in due_days(window, start.date() - ONE, until.date(), calendar):
            yield Stretch(
                datetime.combine(day, window.from_, ZONE), datetime.combine(day + length, window.to, ZONE)
            )


def covered(open_: list[Stretch], start: datetime, until: datetime) -> bool:
    return any(one.start <= start and until <= one.end for one in open_)
