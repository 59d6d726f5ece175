"""What one source says about single dates: rest day, or working day."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import chinese_calendar

# Before 2000 the zone had summer time and no notice has the present form; contracts do not run for centuries.
FIRST_YEAR, LAST_YEAR = 2000, 2199


@dataclass(frozen=True, slots=True)
class Mark:
    """What a source says about one date: a rest day or a working day, and why."""

    rest: bool
    name: str = ""


Marks = Mapping[date, Mark]


def complete(year: int, marks: Marks) -> bool:
    """Whether `marks` are a whole notice: by law 1 January, 1 May and 1 October are always in it."""
    fixed = (date(year, 1, 1), date(year, 5, 1), date(year, 10, 1))
    return all(day in marks and marks[day].rest for day in fixed)


@functools.cache
def packaged(year: int) -> Marks | None:
    """What `chinesecalendar` knows of `year`; None for a year it does not know."""
    try:
        chinese_calendar.is_workday(date(year, 1, 1))
    except NotImplementedError:
        return None
    marks = {
        day: Mark(rest, chinese_calendar.Holiday(name).chinese)
        for known, rest in ((chinese_calendar.holidays, True), (chinese_calendar.workdays, False))
        for day, name in known.items()
        if day.year == year
    }
    return marks if complete(year, marks) else None
