"""The line through what fills up: right within its interval, and honest where there is none."""

import math
import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tasks.history.trends import FULL, Kind, Point, trend

percents = st.floats(0, 99, allow_nan=False)
series = st.lists(percents, max_size=60).map(lambda values: [(float(d), v) for d, v in enumerate(values)])


def growing(start: float, slope: float, days: int, noise: float = 0.0, seed: int = 1) -> list[Point]:
    rng = random.Random(seed)
    return [(float(day), start + slope * day + rng.gauss(0, noise)) for day in range(days)]


@settings(max_examples=300, deadline=None)
@given(series)
def test_whatever_was_measured_the_answer_is_in_order(points: list[Point]) -> None:
    found = trend(points)
    if found.kind is Kind.RISING:
        assert 0 <= found.low <= math.ceil(found.days) and math.floor(found.days) <= found.high
    assert (found.kind is Kind.FEW) or (found.points >= 7 and found.span >= 6)
    assert found.kind is not Kind.RISING or (found.slope > 0 and math.isfinite(found.high))


@settings(max_examples=100, deadline=None)
@given(st.floats(1, 50), st.floats(0.12, 3), st.integers(8, 60))
def test_a_line_without_noise_is_met_to_the_day(start: float, slope: float, days: int) -> None:
    now = start + slope * (days - 1)
    assume(now < 99 and (FULL - now) / slope < 364)
    found = trend(growing(start, slope, days))
    assert found.kind is Kind.RISING
    assert found.days == pytest.approx((FULL - now) / slope, abs=0.01)
    # Whole days outwards on both sides: where the line meets a day's very end that makes two.
    assert found.high - found.low <= 2 + 0.001 * found.days


@settings(max_examples=50, deadline=None)
@given(series.filter(lambda points: len(points) > 10), st.floats(-1000, 1000))
def test_when_it_was_measured_does_not_matter(points: list[Point], moved: float) -> None:
    first, then = trend(points), trend([(day + math.floor(moved), value) for day, value in points])
    assert (first.kind, first.points, first.cleanups) == (then.kind, then.points, then.cleanups)
    assert first.slope == pytest.approx(then.slope, abs=1e-6)


def test_one_wild_value_in_seven_moves_nothing() -> None:
    calm = growing(20, 0.5, 56)
    wild = [(day, value + (40 if day % 7 == 3 else 0)) for day, value in calm]
    found = trend(wild)
    assert found.cleanups == 0 and found.slope == pytest.approx(0.5, abs=0.05)
    assert found.low <= (FULL - calm[-1][1]) / 0.5 <= found.high


@pytest.mark.parametrize("points", [[], [(1.0, 50.0)], growing(10, 5, 6), growing(50, 1, 3) * 5])
def test_too_little_data_says_so(points: list[Point]) -> None:
    assert trend(points).kind is Kind.FEW


@pytest.mark.parametrize("slope", [0.0, -0.5, 0.001])
def test_without_a_rise_there_is_no_forecast(slope: float) -> None:
    found = trend(growing(60, slope, 60, 0.5))
    assert found.kind is Kind.STEADY and found.high == math.inf


def test_only_what_came_after_the_last_cleanup_counts() -> None:
    before = growing(40, 1, 50, 0.2)
    after = [(50 + day, value) for day, value in growing(30, 2, 12, 0.2)]
    found = trend([*before, *after])
    assert (found.kind, found.points, found.cleanups) == (Kind.RISING, 12, 1)
    assert found.slope == pytest.approx(2, abs=0.15) and not found.emptied_before


def test_what_is_emptied_in_time_is_known_by_its_rhythm() -> None:
    found = trend([(float(day), 20 + 5 * (day % 14)) for day in range(95)])
    assert (found.kind, found.cleanups, found.longest) == (Kind.RISING, 6, 14) and found.emptied_before
    late = trend([(float(day), 20 + 5 * (min(day, 84) % 14 + max(day - 84, 0))) for day in range(97)])
    assert late.kind is Kind.RISING and late.since_cleanup == 12


def test_a_weekly_rhythm_is_no_cleanup_and_no_trend() -> None:
    rhythm = [0, 1, 2, 2.5, 3, -4, -4.5]
    flat = trend([(float(day), 60 + rhythm[day % 7]) for day in range(84)])
    assert flat.kind is Kind.STEADY and flat.cleanups == 0
    rising = trend([(float(day), 20 + 0.5 * day + rhythm[day % 7]) for day in range(84)])
    assert rising.low <= (80 - 0.5 * 83) / 0.5 <= rising.high


def test_a_leak_that_began_a_week_ago_is_not_hidden_by_a_calm_quarter() -> None:
    calm = growing(30, 0, 84, 0.2)
    leak = [(84.0 + day, 30 + 5 * day) for day in range(8)]
    found = trend([*calm, *leak])
    assert found.kind is Kind.RISING and found.low <= 7 <= found.high <= 15


def test_several_values_a_day_count_once() -> None:
    twice = [(day + part, value) for day, value in growing(20, 1, 30) for part in (0.3, 0.8)]
    assert trend(twice).points == 30


def test_of_many_noisy_series_the_interval_holds_the_day() -> None:
    """The full measurement is in tests/bench/databases_trends.py."""
    held = total = 0
    for seed in range(150):
        rng = random.Random(seed)
        slope, noise, days = rng.uniform(0.2, 1), rng.uniform(0.1, 1.5), rng.randrange(14, 80)
        start = rng.uniform(5, 95 - slope * days)
        found = trend(growing(start, slope, days, noise, seed))
        if found.kind is Kind.RISING:
            total += 1
            held += found.low <= (FULL - start) / slope - (days - 1) <= found.high
    assert total > 100 and held / total >= 0.95
