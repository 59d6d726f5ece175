"""When something is owed: rules as data, and the day they come to once their anchor is known."""

import calendar
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from tasks.inventory.vocabulary import Anchor, KnownAnchor, KnownEvery
from tasks.strict import Shape, Text
from tasks.texts import t

# The n-th working day after a day; None when the calendar cannot say.
WorkingDays = Callable[[date, int], date | None]

SPAN = re.compile(r"[1-9]\d{0,3} (minute|hour|day|working-day|week|month|year)s?")


def span(text: str) -> str:
    if not SPAN.fullmatch(text):
        raise PydanticCustomError("span", t("contract.bad_span"))
    return text


def positive(number: int) -> int:
    if number < 1:
        raise PydanticCustomError("positive", t("contract.not_positive"))
    return number


Span = Annotated[str, AfterValidator(span)]
Times = Annotated[int, AfterValidator(positive)]


class Due(Shape):
    """`{within: 3 working-days, after: period-end}` or `{before: term-end}`."""

    within: Span | None = None
    after: KnownAnchor | None = None
    before: KnownAnchor | None = None

    @model_validator(mode="after")
    def one_anchor(self) -> Self:
        if (self.after is None) == (self.before is None) or (self.after and not self.within):
            raise PydanticCustomError("due", t("contract.due_shape"))
        return self

    @property
    def anchor(self) -> Anchor:
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def length(self) -> tuple[int, str]:
        """(3, "working-day"); nothing to add is (0, "day")."""
        if not self.within:
            return 0, "day"
        number, unit = self.within.split(" ")
        return int(number), unit.removesuffix("s")

    @property
    def shown(self) -> str:
        number, unit = self.length
        anchor = t(f"contract.anchor_{self.anchor.replace('-', '_')}")
        if not number:
            return t("contract.due_by", anchor=anchor)
        span = t(f"contract.span_{unit.replace('-', '_')}", number=number)
        return t("contract.due_after" if self.after else "contract.due_before", anchor=anchor, span=span)

    def day(self, anchors: Mapping[Anchor, date], working_days: WorkingDays | None = None) -> date | None:
        """The last day that is in time; None while the anchor or the calendar is not known."""
        start = anchors.get(self.anchor)
        if start is None:
            return None
        number, unit = self.length
        number = number if self.after else -number
        match unit:
            case "working-day":
                return working_days(start, number) if working_days else None
            case "day" | "week":
                return start + timedelta(days=number * (7 if unit == "week" else 1))
            case "month" | "year":
                return add_months(start, number * (12 if unit == "year" else 1))
            case _:
                return start


def add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


class Owed(Shape):
    """What is owed how often. Without `due` it is in time until its period, or the term, ends."""

    every: KnownEvery
    at_least: Times = 1
    document: Text = ""
    due: Due | None = None

    @property
    def shown(self) -> str:
        every = t(f"contract.every_{self.every.replace('-', '_')}")
        times = t("contract.at_least_times", number=self.at_least) if self.at_least > 1 else ""
        due = t("contract.in_brackets", text=self.due.shown) if self.due else ""
        return f"{every}{times} {self.document}".rstrip() + due
