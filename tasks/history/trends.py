"""When what fills up will be full: a line through what was measured, and how far it can be trusted.

One point a day. Only what came after the last clean-up counts, and only as far back as the line still holds
for the last days: a leak that began a week ago is not hidden by a calm quarter. The slope is the median of
the slopes between all pairs (Theil and Sen), so single wild values do not move it. How far it can be off is
taken from the measurements themselves: noise that goes away again hardly matters after some weeks, noise
that stays adds up until the day in question. Both are told apart by how changes over seven and over
fourteen days differ; a weekly rhythm is in neither.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Any

FULL = 100.0
# Older than this says little of now; and all pairs of it are quickly gone through.
WINDOW_DAYS = 91
FEWEST, SHORTEST_DAYS = 7, 6.0
# A drop of less is breathing: in the unit of what fills (percent), and in the usual change of a day.
LEAST_DROP, DROP_IN_CHANGES = 3.0, 6.0
# Of a normal distribution: standard deviations of a median deviation, and of 95 %.
SIGMA, NINETY_FIVE = 1.4826, 1.96
WEEK = 7
# Beyond a year the line says nothing that anybody should plan by.
HORIZON_DAYS = 365.0
# Values come with one digit after the point.
ROUNDING = 0.3

# (day, value): days as a number, from any beginning.
Point = tuple[float, float]


class Kind(StrEnum):
    FEW = "few"  # too little data
    STEADY = "steady"  # no upward trend that could be told from noise, or full in more than a year
    RISING = "rising"
    FULL = "full"  # it is already


@dataclass(frozen=True, slots=True)
class Trend:
    """`days`, `low` and `high`: until it is full, and the interval that holds it 95 times of 100. `high`
    may be infinite. `cleanups`: how often it was emptied; `longest`: days between two of them."""

    kind: Kind
    points: int
    span: float
    level: float = 0.0
    slope: float = 0.0
    days: float = math.inf
    low: float = math.inf
    high: float = math.inf
    cleanups: int = 0
    longest: float = 0.0
    since_cleanup: float = 0.0

    @property
    def emptied_before(self) -> bool:
        """Whether, by the rhythm in which it is emptied, that happens before it is full."""
        return self.cleanups >= 2 and self.longest - self.since_cleanup < self.low


def trend(measured: Sequence[Point]) -> Trend:
    """Of a subject's values in percent full; the last point is now."""
    points = daily(measured)
    usual = usual_change(points)
    drops = [i for i in range(1, len(points)) if is_cleanup(points, i, usual)]
    longest = max((points[b][0] - points[a][0] for a, b in pairwise(drops)), default=0.0)
    kept = points[drops[-1] if drops else 0 :]
    known: dict[str, Any] = {"cleanups": len(drops), "longest": longest}
    if drops:
        known["since_cleanup"] = points[-1][0] - points[drops[-1]][0]
    if len(kept) < FEWEST or kept[-1][0] - kept[0][0] < SHORTEST_DAYS:
        level = kept[-1][1] if kept else 0.0
        return Trend(Kind.FEW, len(kept), span_of(kept), level, **known)
    return fitted(recent(kept), known)


def daily(measured: Sequence[Point]) -> list[Point]:
    """The last value of each day, of the days that count."""
    last: dict[int, Point] = {}
    for point in sorted(measured):
        last[math.floor(point[0])] = point
    if not last:
        return []
    first = max(last) - WINDOW_DAYS
    return [point for day, point in last.items() if day > first]


def usual_change(points: Sequence[Point]) -> float:
    changes = [after[1] - before[1] for before, after in pairwise(points)]
    return SIGMA * deviation(changes) if changes else 0.0


def deviation(values: Sequence[float]) -> float:
    """The median distance from the median."""
    middle = median(values)
    return median(abs(value - middle) for value in values)


def is_cleanup(points: Sequence[Point], i: int, usual: float) -> bool:
    """Whether it was emptied just before point `i`: it fell, and stays lower than in all of the week before.
    A wild value or a quiet weekend is none."""
    least = max(LEAST_DROP, DROP_IN_CHANGES * usual)
    before, after = points[max(i - WEEK, 0) : i], points[i : i + 5]
    lowest, stays = min(value for _, value in before), median(value for _, value in after)
    return points[i - 1][1] - points[i][1] > least and lowest - stays > least / 2


def slope_of(points: Sequence[Point]) -> float:
    return median((y - b) / (x - a) for i, (a, b) in enumerate(points) for x, y in points[i + 1 :])


@dataclass(frozen=True, slots=True)
class Line:
    """Through `points`; `level` is where it stands now, `off` how far each point lies from it."""

    points: Sequence[Point]
    slope: float
    level: float
    off: Sequence[float]

    @staticmethod
    def through(points: Sequence[Point]) -> "Line":
        slope, now = slope_of(points), points[-1][0]
        level = median(value + slope * (now - day) for day, value in points)
        off = [value - level + slope * (now - day) for day, value in points]
        return Line(points, slope, level, off)

    @property
    def span(self) -> float:
        return span_of(self.points)

    @property
    def holds(self) -> bool:
        """Whether the last days lie as near to it as the others."""
        off = self.off
        return abs(median(off[-5:])) <= max(ROUNDING, 2 * SIGMA * deviation(off[:-5]))


def recent(points: Sequence[Point]) -> Line:
    """As far back as the line through all of it still holds for the last days."""
    line = Line.through(points)
    while not line.holds and len(line.points) > FEWEST:
        line = Line.through(line.points[-max(len(line.points) // 2, FEWEST) :])
    return line


def fitted(line: Line, known: dict[str, Any]) -> Trend:
    common = {**known, "points": len(line.points), "span": line.span}
    common |= {"level": line.level, "slope": line.slope}
    if line.level >= FULL:
        return Trend(Kind.FULL, days=0.0, low=0.0, high=0.0, **common)
    days = (FULL - line.level) / line.slope if line.slope > 0 else math.inf
    if days > HORIZON_DAYS:
        return Trend(Kind.STEADY, **common)
    low, high = between(line)
    kind = Kind.RISING if math.isfinite(high) else Kind.STEADY
    return Trend(kind, days=days, low=low, high=high, **common)


def between(line: Line) -> tuple[float, float]:
    """The days between which the line, and what comes on top of it, reaches the top.

    Both are roots of (slope·t − rest)² = z²·variance(t). The variance grows with the distance from the
    middle of the points: by how badly their slope is known, and by the noise that stays.
    """
    rest, n, span, slope = FULL - line.level, len(line.points), line.span, line.slope
    goes, stays = noises(line)
    turning = 12 * goes / (span**2 * n) + 1.2 * stays / span  # of a slope: Gauss, and of a random walk
    z2 = student(n / 3) ** 2  # neighbours are alike: a third as many count
    square = slope**2 - z2 * turning
    linear = 2 * slope * rest + z2 * (turning * span + stays)
    constant = rest**2 - z2 * (goes / n + turning * span**2 / 4)
    root = math.sqrt(max(linear**2 - 4 * square * constant, 0.0))
    low = max(2 * constant / (linear + root), 0.0)
    high = (linear + root) / (2 * square) if square > 0 else math.inf
    return float(math.floor(low)), float(math.ceil(high)) if math.isfinite(high) else high


def noises(line: Line) -> tuple[float, float]:
    """(variance of the noise that goes away, of the noise that stays and adds up day by day).

    A third of what changed over the longer time is taken to stay even where no more is seen to: that there is
    none can only be told after months.
    """
    lag = WEEK if len(line.points) >= 5 * WEEK else max(len(line.points) // 5, 1)
    short, long = moved(line, lag), moved(line, 2 * lag)
    return 1.1 * (SIGMA * median(map(abs, line.off))) ** 2, max(long / (6 * lag), (long - short) / lag)


def moved(line: Line, lag: int) -> float:
    """The variance of what changed over `lag` points beside the slope; wild values count as large ones."""
    pairs = zip(line.points, line.points[lag:], strict=False)
    changes = [y - b - line.slope * (x - a) for (a, b), (x, y) in pairs]
    most = 3 * SIGMA * median(map(abs, changes))
    return sum(min(change**2, most**2) for change in changes) / len(changes)


def student(freedom: float) -> float:
    """The 97.5 % point of Student's distribution, by its expansion (Abramowitz and Stegun 26.7.5)."""
    z, v = NINETY_FIVE, max(freedom, 2.5)
    return z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)


def span_of(points: Sequence[Point]) -> float:
    return points[-1][0] - points[0][0] if points else 0.0
