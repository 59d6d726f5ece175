"""`make show-databases`, its forecasts: against what came, and at full size."""

import contextlib
import random
import sqlite3
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from statistics import median

from tasks import clock
from tasks.history import History
from tasks.history.filling import fillings
from tasks.history.trends import FULL, Kind, Point, trend
from tasks.home import Home
from tests.bench import databases_availability
from tests.bench.databases_availability import fresh
from tests.bench.show import Item

NINETY_FIVE = 0.95
SERIES = 60  # of each kind
DATABASES, HOSTS, DAYS = 56, 116, 420


# Forecasts: a file system is filled until it is full, cut off at some day, and asked when.


def noises(kind: str, rng: random.Random) -> Callable[[int], tuple[float, float]]:
    """(what goes away again, what stays) of a day."""
    sigma, held = rng.uniform(0.1, 1.5), [0.0]
    rhythm = [rng.gauss(0, sigma) for _ in range(7)]

    def one(day: int) -> tuple[float, float]:
        match kind:
            case "weekly rhythm":
                return rhythm[day % 7] + rng.gauss(0, sigma / 4), 0.0
            case "noise with a memory":
                held[0] = 0.6 * held[0] + rng.gauss(0, sigma)
                return held[0], 0.0
            case "noise and wild values":
                wild = rng.uniform(-20, 20) if rng.random() < 0.05 else 0.0
                return rng.gauss(0, sigma) + wild, 0.0
            case "growth that varies by the day":
                return 0.0, rng.gauss(0, sigma / 2)
            case "quiet":
                return rng.gauss(0, 0.03), 0.0
            case _:
                return rng.gauss(0, sigma), 0.0

    return one


def filled(kind: str, seed: int) -> tuple[list[Point], int] | None:
    """What was measured until some day, and how many days later it was full."""
    rng = random.Random(seed)
    noise, slope, level = noises(kind, rng), rng.uniform(0.15, 1.5), rng.uniform(5, 30)
    cleanups = {rng.randrange(15, 60) for _ in range(2)} if kind == "clean-ups" else set()
    seen: list[Point] = []
    while level < FULL:
        day = len(seen)
        goes, stays = noise(day)
        level += slope + stays
        if day in cleanups:
            level = max(level - rng.uniform(15, 30), 2.0)
        seen.append((float(day), round(min(max(level + goes, 0), 100), 1)))
    last_cleanup = max((day for day in cleanups if day < len(seen)), default=0)
    earliest = last_cleanup + 10
    if earliest + 2 >= len(seen):
        return None
    now = rng.randrange(earliest, len(seen) - 1)
    return seen[: now + 1], len(seen) - 1 - now


KINDS = (
    "noise",
    "quiet",
    "weekly rhythm",
    "clean-ups",
    "noise with a memory",
    "noise and wild values",
    "growth that varies by the day",
)


def coverage() -> Iterable[Item]:
    held = total = silent = 0
    for kind in KINDS:
        made = [one for seed in range(SERIES) if (one := filled(kind, seed))]
        found = [(trend(points), left) for points, left in made]
        told = [(one, left) for one, left in found if one.kind is Kind.RISING]
        right = sum(one.low <= left <= one.high for one, left in told)
        width = median((one.high - one.low) / max(one.days, 1) for one, _ in told)
        held, total, silent = held + right, total + len(told), silent + len(found) - len(told)
        # Sixty series tell a share of 95 % from one of 85 %, and no finer.
        need = 0.80 if kind == "growth that varies by the day" else 0.88
        yield Item(
            f"days to full, {kind}: the day lay in the 95 % interval",
            f"{right} of {len(told)} ({100 * right / len(told):.0f} %), median ± {50 * width:.0f} %",
            f"≥ {100 * need:.0f} %",
            right / len(told) >= need,
        )
    yield Item(
        f"all {total} forecasts ({silent} more series gave none): the day lay in the interval",
        f"{100 * held / total:.1f} %",
        f"≥ {100 * NINETY_FIVE:.0f} %, of ≥ 200",
        held / total >= NINETY_FIVE and total >= 200,
    )


def calm() -> Iterable[Item]:
    """What does not grow must not be said to be full within a month."""
    alarms = 0
    for seed in range(300):
        rng = random.Random(seed)
        level, sigma, days = rng.uniform(20, 85), rng.uniform(0.05, 1.5), rng.randrange(10, 91)
        found = trend([(float(day), level + rng.gauss(0, sigma)) for day in range(days)])
        alarms += found.kind is Kind.RISING and found.days <= 30
    yield Item("300 that do not grow: warnings of being full within 30 days", str(alarms), "≤ 9", alarms <= 9)


# At full size.


def remembered(here: Home, now: datetime) -> History:
    """116 hosts with four file systems and their inodes, 56 databases with ten tablespaces, 420 days: as rows
    of the history, which is what is read."""
    history, rng = History(here.ready(here.history)), random.Random(1)
    subjects = [
        (f"H{host}", check, mount)
        for host in range(HOSTS)
        for check in ("linux.disk", "linux.inodes")
        for mount in ("/", "/data", "/var", "/boot")
    ]
    subjects += [
        (f"D{database}", "oracle.tablespaces", f"TS{n}") for database in range(DATABASES) for n in range(10)
    ]
    with contextlib.closing(sqlite3.connect(history.path)) as connection, connection:
        for key in subjects:
            slope = rng.choice([0, 0, 0, 0.02, 0.1])
            days = [(day, (now - timedelta(days=DAYS - day)).isoformat()) for day in range(DAYS)]
            seen = [("x", day, at, *key, "ok") for day, at in days]
            connection.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?, ?)", seen)
            values = [
                ("x", day, *key, "percent", round(30 + slope * day + rng.gauss(0, 0.3), 1)) for day, _ in days
            ]
            connection.executemany("INSERT INTO numbers VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return history


def full_size() -> Iterable[Item]:
    with fresh() as here:
        now = clock.now()
        history = remembered(here, now)
        names = [f"H{host}" for host in range(HOSTS)] + [f"D{database}" for database in range(DATABASES)]
        started = time.monotonic()
        found = fillings(history, "x", names, now)
        seconds = time.monotonic() - started
    yield Item(
        f"{len(names)} targets × {DAYS} days, {len(found)} subjects: all forecasts",
        f"{seconds:.1f} s",
        "≤ 10 s",
        seconds <= 10 and len(found) == 8 * HOSTS + 10 * DATABASES,
    )


SHOWS = [coverage, calm, full_size, *databases_availability.SHOWS]
