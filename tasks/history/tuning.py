"""A month of a database's numbers and what to do about them: rules as data, each advice with its numbers."""

import functools
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from tasks.history.trends import Point
from tasks.texts import t

RULES = Path(__file__).with_name("tuning.toml")
# A rule that says nothing else: fewer days of a month are no month.
DAYS = 5


def p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def growth(values: Sequence[float]) -> float:
    """Percent from the first quarter of the values to the last one."""
    part = max(len(values) // 4, 1)
    first, last = median(values[:part]), median(values[-part:])
    return 100 * (last / first - 1) if first > 0 else 0.0


STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "median": median,
    "max": max,
    "min": min,
    "total": sum,
    "p95": p95,
    "growth": growth,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    check: str
    number: str
    what: str
    unit: str
    of: str
    advice: str
    above: float | None = None
    below: float | None = None
    days: int = DAYS

    def statistic(self, values: Sequence[float]) -> float:
        return STATISTICS[self.of](values)

    def holds(self, value: float) -> bool:
        if self.above is not None:
            return value >= self.above
        return self.below is not None and value <= self.below

    @property
    def limit(self) -> float:
        return self.above if self.above is not None else self.below or 0.0


@functools.cache
def rules() -> tuple[Rule, ...]:
    return tuple(Rule(**said) for said in tomllib.loads(RULES.read_text("utf-8"))["rules"])


# (check, subject, name) → the values, each with its day, in order of time.
Measured = Mapping[tuple[str, str, str], Sequence[Point]]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a month was like in one number, and the month before it."""

    target: str
    rule: Rule
    subject: str
    values: Sequence[float]
    days: int
    before: float | None = None

    @property
    def value(self) -> float:
        return self.rule.statistic(self.values)

    @property
    def enough(self) -> bool:
        return self.days >= self.rule.days

    @property
    def bad(self) -> bool:
        return self.enough and self.rule.holds(self.value)

    @property
    def title(self) -> str:
        return self.rule.what if self.subject in self.rule.what else f"{self.rule.what} {self.subject}"

    @property
    def cited(self) -> str:
        """The numbers that an advice stands on."""
        said = t(
            "tuning.cited",
            what=self.title,
            of=t(f"tuning.of_{self.rule.of}"),
            value=shown(self.value, self.rule.unit),
            sign="≥" if self.rule.above is not None else "≤",
            limit=shown(self.rule.limit, self.rule.unit),
            count=len(self.values),
            days=self.days,
        )
        before = "" if self.before is None else t("tuning.before", value=shown(self.before, self.rule.unit))
        return said + before + t("tuning.close")


def shown(value: float, unit: str) -> str:
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{text}{'' if unit in ('', '%') else ' '}{unit}"


def metrics(target: str, month: Measured, before: Measured) -> list[Metric]:
    """One for each rule and subject that was measured this month."""
    return [
        Metric(
            target=target,
            rule=rule,
            subject=subject,
            values=[value for _, value in points],
            days=len({int(day) for day, _ in points}),
            before=earlier(rule, before.get((check, subject, name), ())),
        )
        for (check, subject, name), points in month.items()
        for rule in rules()
        if (rule.check, rule.number) == (check, name)
    ]


def earlier(rule: Rule, points: Sequence[Point]) -> float | None:
    return rule.statistic([value for _, value in points]) if points else None


def measured(rows: Sequence[tuple[Any, str, str, str, float]], day: Callable[[Any], float]) -> Measured:
    found: dict[tuple[str, str, str], list[Point]] = {}
    for at, check, subject, name, value in rows:
        found.setdefault((check, subject, name), []).append((day(at), value))
    return found
