"""How a contract punishes and praises: a ledger of breaches with amounts, or points from 100."""

from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from tasks.inventory.due import Span, Times
from tasks.inventory.vocabulary import KnownTopic
from tasks.strict import Name, Shape, Text
from tasks.texts import t


class Breach(Shape):
    """Each breach costs `each` of `unit`; so many, or results so late, let the client end the contract."""

    each: Times
    unit: Text
    ends_contract_at: Times
    late_percent_a_day: float
    late_ends_contract_after_days: Times


class Band(Shape):
    """`from` ≤ value < `below`, in percent."""

    at_least: float | None = None
    below: float | None = None

    def holds(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (
            self.below is None or value < self.below
        )


class Option(Shape):
    title: Text
    points: float


class ScoreItem(Shape):
    """`points`, or a range to choose from, or named options; none of them: people enter the points."""

    id: Name
    text: Text
    by: Literal["records", "people"]
    per: Literal["each", "period"] = "each"
    points: float | None = None
    range: tuple[float, float] | None = None
    options: tuple[Option, ...] = ()
    # What the band of a measured value is about: items with the same one exclude each other.
    measure: Name | None = None
    band: Band | None = None
    # A moment after which it is late, as `15 minutes`.
    within: Span | None = None
    # Not more than so many points in a period.
    most: float | None = None
    topics: tuple[KnownTopic, ...] = ()
    excepts: Text = ""

    @model_validator(mode="after")
    def one_way(self) -> Self:
        ways = (self.points is not None) + (self.range is not None) + bool(self.options)
        if ways > 1 or (self.by == "records" and self.points is None):
            raise PydanticCustomError("points", t("contract.points_shape"))
        if (self.measure is None) != (self.band is None):
            raise PydanticCustomError("points", t("contract.band_shape"))
        if self.range and self.range[0] > self.range[1]:
            raise PydanticCustomError("points", t("contract.range_shape"))
        return self

    @property
    def shown(self) -> str:
        if self.points is not None:
            return signed(self.points)
        if self.range:
            return t("contract.points_range", low=signed(self.range[0]), high=signed(self.range[1]))
        return " / ".join(signed(option.points) for option in self.options)


def signed(points: float) -> str:
    return f"{points:+g}" if points else "0"


class Grade(Shape):
    # Absent: everything below the grades before it.
    at_least: float | None = None
    title: Text


class Score(Shape):
    start: float
    # Points are counted over this; the contract names it and not its length.
    period: Text = ""
    items: tuple[ScoreItem, ...]
    grades: tuple[Grade, ...]

    def grade(self, points: float) -> str:
        """Grades stand from the best downwards; the last one holds for everything below."""
        return next(
            grade.title for grade in self.grades if grade.at_least is None or points >= grade.at_least
        )
