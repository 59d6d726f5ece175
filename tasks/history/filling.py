"""What fills up on each target: its numbers since some weeks, today's among them, and where they lead."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from tasks.checks import CHECKS
from tasks.clock import ZONE
from tasks.history import History
from tasks.history.trends import WINDOW_DAYS, Kind, Point, Trend, trend
from tasks.model import Finding, Output
from tasks.texts import t

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Filling:
    """One subject of one check on one target: what was measured of it, and the trend of that."""

    target: str
    check: str
    subject: str
    number: str
    points: Sequence[Point]
    trend: Trend

    @property
    def title(self) -> str:
        found = CHECKS.get(self.check)
        return found.title if found else self.check

    @property
    def document(self) -> dict[str, Any]:
        """As JSON has it: what will never be is None."""
        said = {
            "target": self.target,
            "check": self.check,
            "title": self.title,
            "subject": self.subject,
            **asdict(self.trend),
            "emptied_before": self.trend.emptied_before,
        }
        return {name: None if value == math.inf else value for name, value in said.items()}


def fills() -> dict[str, tuple[str, ...]]:
    """The checks that measure what can be full, and by which of their numbers."""
    return {check.name: check.fills for check in CHECKS.all().values() if check.fills}


def day_number(moment: datetime) -> float:
    """Days as they are counted here: from midnight to midnight in the zone of the contracts."""
    local = moment.astimezone(ZONE)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return local.toordinal() + (local - midnight) / DAY


def fillings(
    history: History, contract: str, targets: Iterable[str], now: datetime, today: Sequence[Finding] = ()
) -> list[Filling]:
    """Of every subject that was measured lately; `today`: findings whose record is yet to come."""
    wanted, since = fills(), now - timedelta(days=WINDOW_DAYS)
    measured: dict[tuple[str, str, str, str], list[Point]] = {}
    for target in targets:
        for at, check, subject, name, value in history.numbers(contract, target, wanted, since):
            if name in wanted[check]:
                measured.setdefault((target, check, subject, name), []).append((day_number(at), value))
    for key, value in numbers_of(today, wanted):
        measured.setdefault(key, []).append((day_number(now), value))
    return [Filling(*key, points, trend(points)) for key, points in measured.items() if lately(points, now)]


def numbers_of(
    findings: Sequence[Finding], wanted: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[tuple[str, str, str, str], float]]:
    for found in findings:
        for number in found.numbers:
            if number.name in wanted.get(found.check, ()):
                yield (found.target, found.check, found.subject, number.name), number.value


# A file system that is no longer there fills up no more; a weekly inspection still counts.
GONE_AFTER_DAYS = 15


def lately(points: Sequence[Point], now: datetime) -> bool:
    return max(day for day, _ in points) > day_number(now) - GONE_AFTER_DAYS


def outputs(found: Sequence[Filling], now: datetime) -> dict[str, Output]:
    """By target, as an answer that the check `trend.days` judges; a target of which nothing can be told
    yet has none."""
    by_target: dict[str, list[Filling]] = {}
    for one in found:
        by_target.setdefault(one.target, []).append(one)
    return {
        target: output([one.document for one in its], now)
        for target, its in by_target.items()
        if any(one.trend.kind is not Kind.FEW for one in its)
    }


def output(documents: Sequence[Mapping[str, Any]], now: datetime) -> Output:
    text = json.dumps(documents, ensure_ascii=False)
    return Output(t("trends.command"), 0, text.encode(), text, "", now, timedelta(0))
