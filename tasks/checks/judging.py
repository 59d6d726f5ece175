"""What a judge has to hand: thresholds, what was there before, and words for what it saw."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tasks.checks.logrules import Rules, shipped
from tasks.model import Finding, Mark, Number, Status
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold pair; a value above `warn` or `fail` is one. `falling`: below counts instead."""

    warn: float | None
    fail: float | None
    falling: bool = False

    def level(self, value: float) -> Status:
        if self._beyond(value, self.fail):
            return Status.FAIL
        return Status.WARN if self._beyond(value, self.warn) else Status.OK

    def _beyond(self, value: float, threshold: float | None) -> bool:
        if threshold is None:
            return False
        return value <= threshold if self.falling else value >= threshold

    def passed(self, value: float) -> float | None:
        """The threshold to show beside `value`: the one it broke, else the next one."""
        thresholds = [one for one in (self.warn, self.fail) if one is not None]
        broken = [one for one in thresholds if self._beyond(value, one)]
        return broken[-1] if broken else next(iter(thresholds), None)


Pair = tuple[float | None, float | None]
# (number, subject, the check's own pair) → the pair that holds, as limits.yml has it.
Lookup = Callable[[str, str, Pair], Pair]


def as_declared(number: str, subject: str, default: Pair) -> Pair:
    return default


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds of one check on one target, and what lines of its logs mean there."""

    defaults: Mapping[str, Pair] = field(default_factory=dict)
    lookup: Lookup = as_declared
    rules: Callable[[], Rules] = shipped

    def of(self, number: str, subject: str = "", *, falling: bool = False) -> Limit:
        warn, fail = self.lookup(number, subject, self.defaults[number])
        return Limit(warn, fail, falling)


@dataclass(frozen=True, slots=True)
class Before:
    """The values this check gave for this target in the last record of the routine; what it marked for
    itself, whenever that was; and the sets that a named person approved, by the name of their mark."""

    numbers: Mapping[tuple[str, str], float] = field(default_factory=dict)
    statuses: Mapping[str, Status] = field(default_factory=dict)
    at: datetime | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    approved: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def change(self, subject: str, name: str, value: float) -> str:
        """How far `value` moved since last time, in words; empty when there is no last time."""
        last = self.numbers.get((subject, name))
        if last is None:
            return t("checks.first_time") if not self.statuses else ""
        moved = value - last
        return t("checks.unchanged") if abs(moved) < 0.05 else f"{moved:+.1f}"


def finding(
    subject: str,
    status: Status,
    summary: str,
    *numbers: Number,
    change: str = "",
    advice: str = "",
    marks: Mapping[str, str] | None = None,
) -> Finding:
    """A finding as a judge gives it; the name of check and target are filled in afterwards."""
    advice = "" if status is Status.OK else advice
    kept = tuple(Mark(name, text) for name, text in (marks or {}).items())
    return Finding("", "", plain(subject), status, plain(summary), numbers, change, plain(advice), kept)


def unknown(subject: str, reason: str) -> Finding:
    """Could not look: never ok."""
    advice = t("checks.unknown_advice")
    return finding(subject, Status.UNKNOWN, t("checks.not_collected", reason=reason), advice=advice)


def matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    """`text` taken apart, or it was no answer to the probe."""
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return found


def plain(text: str) -> str:
    """What an inspected system said, without what could steer a terminal or break a document."""
    return "".join("�" if unicodedata.category(char)[0] == "C" else char for char in " ".join(text.split()))
