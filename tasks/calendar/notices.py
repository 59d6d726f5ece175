"""The files of `inventories/holidays`: `overrides.yml`, written by people, and one `<year>.yml` per
imported notice of the State Council.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from tasks.calendar.marks import FIRST_YEAR, LAST_YEAR, Mark, Marks, complete
from tasks.strict import Document, Problem, Shape, Text, is_there, read
from tasks.texts import t

OVERRIDES = "overrides.yml"


def rest(value: Any) -> Any:
    """The notices' own two words; true for a rest day."""
    meanings = {t("calendar.rest"): True, t("calendar.work"): False}
    if not isinstance(value, str) or value not in meanings:
        raise PydanticCustomError("rest", t("calendar.bad_rest"))
    return meanings[value]


Rest = Annotated[bool, BeforeValidator(rest)]


class Override(Shape):
    """One date decided by the user: why, and by which document."""

    date: date
    day: Rest
    reason: Text
    document: Text = ""


class Overrides(Shape):
    days: tuple[Override, ...] = ()


class NoticeDay(Shape):
    date: date
    day: Rest
    name: Text = ""


class Notice(Shape):
    """A whole notice. Its year is that of its title; it may change the December before."""

    year: int = Field(ge=FIRST_YEAR, le=LAST_YEAR)
    document: Text = ""
    days: tuple[NoticeDay, ...]

    @property
    def marks(self) -> Marks:
        return {entry.date: Mark(entry.day, entry.name) for entry in self.days}


def read_overrides(folder: Path, problems: list[Problem]) -> Marks:
    path = folder / OVERRIDES
    if not is_there(path):
        return {}
    document = read(path, Overrides, problems, f"{folder.name}/{path.name}")
    if document is None:
        return {}
    problems.extend(twice(document, [entry.date for entry in document.content.days]))
    return {entry.date: Mark(entry.day, entry.reason) for entry in document.content.days}


def read_notices(folder: Path, problems: list[Problem]) -> Mapping[int, Marks]:
    found: dict[int, Marks] = {}
    for path in sorted(folder.glob("*.yml")):
        if path.name == OVERRIDES:
            continue
        document = read(path, Notice, problems, f"{folder.name}/{path.name}")
        if document is None:
            continue
        if path.stem != str(document.content.year):
            text = t("calendar.notice_name", year=document.content.year)
            problems.append(document.problem(("year",), text))
        problems.extend(twice(document, [entry.date for entry in document.content.days]))
        problems.extend(document.problem(("days", at), text) for at, text in wrong(document.content))
        found[document.content.year] = document.content.marks
    return found


def twice(document: Document[Any], dates: list[date]) -> list[Problem]:
    return [
        document.problem(("days", index), t("calendar.date_twice", date=day))
        for index, day in enumerate(dates)
        if day in dates[:index]
    ]


def wrong(notice: Notice) -> list[tuple[int, str]]:
    """What cannot be in a notice of that year: index of the day and text."""
    found = []
    for index, entry in enumerate(notice.days):
        december_before = entry.date.year == notice.year - 1 and entry.date.month == 12
        if entry.date.year != notice.year and not december_before:
            found.append((index, t("calendar.date_outside", date=entry.date, year=notice.year)))
        if not entry.day and entry.date.weekday() < 5:
            found.append((index, t("calendar.makeup_on_weekday", date=entry.date)))
    if not complete(notice.year, notice.marks):
        found.append((0, t("calendar.incomplete", year=notice.year)))
    return found
