"""Working days of the State Council's notices. A year without a notice is reckoned by weekdays,
and whatever was reckoned that way says so.

Order of sources: the user's own override, an imported notice, the package `chinesecalendar`, the weekday.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from tasks.calendar.marks import FIRST_YEAR, LAST_YEAR, Mark, Marks, packaged
from tasks.calendar.notices import read_notices, read_overrides
from tasks.errors import Refused
from tasks.strict import Problem
from tasks.texts import t

ONE = timedelta(days=1)


class Kind(StrEnum):
    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    MAKEUP = "makeup"


class Source(StrEnum):
    OVERRIDE = "override"
    NOTICE = "notice"
    PACKAGE = "package"
    WEEKDAY = "weekday"


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    kind: Kind
    name: str
    source: Source

    @property
    def working(self) -> bool:
        return self.kind in (Kind.WORKDAY, Kind.MAKEUP)

    @property
    def published(self) -> bool:
        return self.source is not Source.WEEKDAY


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A date found by counting working days, with the years in which only weekdays were counted."""

    date: date
    unpublished: tuple[int, ...] = ()

    @property
    def warning(self) -> str:
        return unpublished_text(self.unpublished)


@dataclass(frozen=True, slots=True)
class Count:
    """A number of working days, with the years in which only weekdays were counted."""

    days: int
    unpublished: tuple[int, ...] = ()

    @property
    def warning(self) -> str:
        return unpublished_text(self.unpublished)


def unpublished_text(years: Iterable[int]) -> str:
    """The sentence every plan and report shows; empty when all years are published."""
    listed = t("calendar.and").join(str(year) for year in sorted(set(years)))
    return t("calendar.unpublished", years=listed) if listed else ""


@dataclass(frozen=True)
class Calendar:
    overrides: Marks = field(default_factory=dict)
    notices: Mapping[int, Marks] = field(default_factory=dict)
    """By the year of the notice's title: it may also change the December before."""

    @staticmethod
    def load(inventories: Path) -> "Calendar":
        """The overrides and notices of `inventories/holidays`; all their errors at once."""
        problems: list[Problem] = []
        folder = inventories / "holidays"
        overrides = read_overrides(folder, problems)
        notices = read_notices(folder, problems)
        if problems:
            raise Refused(t("calendar.files_invalid"), sorted(problems))
        return Calendar(overrides, notices)

    def day(self, when: date) -> Day:
        if isinstance(when, datetime):
            raise TypeError("a date, not a moment: convert it to the contracts' zone first")
        if not FIRST_YEAR <= when.year <= LAST_YEAR:
            raise Refused(t("calendar.out_of_range", date=when, first=FIRST_YEAR, last=LAST_YEAR))
        mark, source = self._mark(when)
        weekend = when.weekday() >= 5
        if mark and mark.rest:
            return Day(when, Kind.HOLIDAY, mark.name, source)
        if mark and weekend:
            return Day(when, Kind.MAKEUP, mark.name, source)
        plain = Kind.WEEKEND if weekend and not mark else Kind.WORKDAY
        return Day(when, plain, mark.name if mark else "", source)

    def _mark(self, when: date) -> tuple[Mark | None, Source]:
        if when in self.overrides:
            return self.overrides[when], Source.OVERRIDE
        for year in (when.year + 1, when.year):
            if when in self.notices.get(year, {}):
                return self.notices[year][when], Source.NOTICE
        known = packaged(when.year)
        if when.year in self.notices:
            ahead = when.month == 12 and when.year + 1 not in self.notices and packaged(when.year + 1)
            if ahead and known and when in known:
                return known[when], Source.PACKAGE
            return None, Source.NOTICE
        if known is not None:
            return known.get(when), Source.PACKAGE
        return None, Source.WEEKDAY

    def published(self, year: int) -> bool:
        return year in self.notices or packaged(year) is not None

    def unpublished(self, years: Iterable[int]) -> tuple[int, ...]:
        """Those of `years` for which no notice is known."""
        return tuple(sorted({year for year in years if not self.published(year)}))

    def is_working(self, when: date) -> bool:
        """For deciding only; what is shown or kept should come from `day`, which tells its source."""
        return self.day(when).working

    def add_working_days(self, when: date, n: int) -> Reckoned:
        """The n-th working day after `when` (before it, if negative); 0 is `when` itself."""
        step = ONE if n > 0 else -ONE
        left, at, guessed = abs(n), when, set[int]()
        while left:
            at += step
            day = self.day(at)
            left -= day.working
            if not day.published:
                guessed.add(at.year)
        return Reckoned(at, tuple(sorted(guessed)))

    def working_days_between(self, start: date, end: date) -> Count:
        """Working days after `start` up to and including `end`: the n of `add_working_days`.
        Negative, counted from the day before `start`, when `end` is earlier.
        """
        forward = end >= start
        first, last = (start + ONE, end) if forward else (end, start - ONE)
        days = [self.day(at) for at in span(first, last)]
        count = sum(day.working for day in days)
        guessed = {day.date.year for day in days if not day.published}
        return Count(count if forward else -count, tuple(sorted(guessed)))

    def next_working(self, when: date) -> Reckoned:
        """`when` if it is a working day, otherwise the first one after it."""
        day = self.day(when)
        if not day.working:
            after = self.add_working_days(when, 1)
            guessed = set(after.unpublished) | (set() if day.published else {when.year})
            return Reckoned(after.date, tuple(sorted(guessed)))
        return Reckoned(when, () if day.published else (when.year,))


def span(first: date, last: date) -> Iterator[date]:
    """Every date from `first` to `last`, both included."""
    return (first + ONE * n for n in range((last - first).days + 1))
