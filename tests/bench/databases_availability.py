"""`make show-databases`, its availability: a year of known outages, and 56 looks at once."""

import contextlib
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from flows.looking import close_days, samples_of
from flows.statements import Stated, stated
from tasks import clock
from tasks.availability.changes import following
from tasks.availability.probe import Look, State, look_at_all
from tasks.availability.samples import Round
from tasks.availability.stops import Stop, announced
from tasks.contracts.activation import activate
from tasks.home import Home, home
from tasks.inventory.credentials import Keyring
from tasks.model import Database, Host, Instance
from tasks.records import Book
from tasks.transports import Access
from tests.bench.show import Item
from tests.hostile import hostile

DATABASES = 56


@contextlib.contextmanager
def fresh() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OPSPROOF_HOME"] = f"{folder}/var"
        os.environ["OPSPROOF_INVENTORIES"] = f"{folder}/inventories"
        here = home()
        here.ready(here.root)
        for name, text in FILES.items():
            path = here.inventories / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        yield here


FILES = {
    "contracts/x.yml": "code: x\nname: 某合同\nparts:\n"
    "  core: {title: 核心, hosts: {any: 1}, databases: {sqlite: 3}}\n"
    "availability:\n  - {scope: database, title: 数据库可用率, basis: raw, at_least: 99.9}\n",
    "x/hosts.yml": "groups: {a: {part: core, os: linux, transport: local, hosts: [{name: h}]}}\n",
    "x/databases.yml": "groups: {a: {part: core, engine: sqlite, databases: ["
    "{name: DB1, host: h, path: a}, {name: DB2, host: h, path: b}, {name: DB3, host: h, path: c}]}}\n",
    "x/schedules.yml": "schedules:\n  - {routine: availability, title: 可用性, every: 5m}\n",
}


# A year of looks, by a clock of its own.

EVERY = timedelta(minutes=5)
BEGIN = datetime.fromisoformat("2025-11-01T00:00:00+08:00")
YEAR = 365


def year() -> Iterable[Item]:
    """Known outages, stops announced in time and too late, days on which we were away ourselves."""
    with fresh() as here, at(BEGIN) as moved:
        activate(Book(here.ready(here.book)), "x", "bench", BEGIN)
        outages, away = happened(random.Random(8))
        book = Book(here.book)
        known = announcements(outages)
        started = time.monotonic()
        for day in range(YEAR + 1):
            moved(BEGIN + timedelta(days=day))
            for stop in known:
                if stop.recorded_at.date() == clock.now().date():
                    moved(stop.recorded_at)
                    book.append(announced("x", stop))
            moved(BEGIN + timedelta(days=day, minutes=1))
            close_days(here, book, "x")
            if day < YEAR:
                look_all_day(here, outages, away, day)
        seconds = time.monotonic() - started
        moved(BEGIN + timedelta(days=YEAR, hours=1))
        asked = time.monotonic()
        said = stated(here, "x", BEGIN.date(), (BEGIN + timedelta(days=YEAR - 1)).date())
        answer = time.monotonic() - asked
        records = len(list(book.entries(contract="x")))
        size = sum(path.stat().st_size for path in here.root.rglob("*") if path.is_file())
    yield from compared(said, outages, away, known)
    yield Item("a year of three databases every 5 minutes", f"{seconds:.0f} s", "reported", True)
    yield Item(
        "its records (a day each, the announced stops; an outage adds two) and all it takes on disk",
        f"{records} records, {size / 2**20:.1f} MB",
        "≤ 420 records, ≤ 20 MB",
        records <= 420 and size <= 20 * 2**20,
    )
    yield Item("figures of the year from the book", f"{answer:.1f} s", "≤ 10 s", answer <= 10)


@contextlib.contextmanager
def at(begin: datetime) -> Iterator[Callable[[datetime], None]]:
    now, own = [begin], clock.now
    clock.now = lambda: now[0]

    def moved(to: datetime) -> None:
        now[0] = to

    try:
        yield moved
    finally:
        clock.now = own


Spell = tuple[datetime, datetime]


def happened(rng: random.Random) -> tuple[dict[str, list[Spell]], list[Spell]]:
    """Two dozen outages of each database, some over midnight; six times we were away, once for two days."""
    outages = {}
    for name in ("DB1", "DB2"):
        days = sorted(rng.sample(range(2, YEAR - 2), 24))
        starts = [BEGIN + timedelta(days=day, minutes=5 * rng.randrange(288)) for day in days]
        outages[name] = [(start, start + EVERY * rng.randrange(1, 60)) for start in starts]
    outages["DB3"] = []
    busy = {
        start.date() + timedelta(days=n) for its in outages.values() for start, _ in its for n in (-1, 0, 1)
    }
    free = [BEGIN + timedelta(days=day) for day in range(2, YEAR - 3)]
    free = [day for day in free if not {day.date() + timedelta(days=n) for n in range(3)} & busy]
    chosen = sorted(rng.sample(free, 6))
    away = [(day + timedelta(hours=8), day + timedelta(hours=11)) for day in chosen]
    away[-1] = (away[-1][0], away[-1][0] + timedelta(days=2))
    return outages, away


def announcements(outages: dict[str, list[Spell]]) -> list[Stop]:
    """Of each database's first six outages: three announced a day before, three only ten minutes in."""
    made = []
    for name in ("DB1", "DB2"):
        for n, (start, end) in enumerate(outages[name][:6]):
            recorded = start - timedelta(days=1) if n < 3 else start + timedelta(minutes=10)
            made.append(Stop((name,), start, end, "补丁", "bench", recorded))
    return made


def look_all_day(here: Home, outages: dict[str, list[Spell]], away: list[Spell], day: int) -> None:
    """Past the connections: what they would have seen, through the same files."""
    samples = samples_of(here, "x")
    last, lines = samples.last(), []
    for n in range(288):
        now = BEGIN + timedelta(days=day) + n * EVERY
        if any(start <= now < end for start, end in away):
            continue
        looks = {
            name: Look(State.DOWN, reason="连接被拒绝")
            if any(start <= now < end for start, end in its)
            else Look(State.UP, 12)
            for name, its in outages.items()
        }
        last, _ = following(last, Round(now, EVERY, looks))
        lines.append(last.line())
    if lines:
        samples.path((BEGIN + timedelta(days=day)).date()).write_text("".join(lines), "utf-8")


def compared(
    said: Stated, outages: dict[str, list[Spell]], away: list[Spell], known: list[Stop]
) -> Iterable[Item]:
    figures, nothing = said.figures, timedelta(0)
    shown = {name: [(one.span.start, one.span.end) for one in figures[name].outages] for name in outages}
    total = sum(len(its) for its in outages.values())
    yield Item(
        f"a year's {total} outages, each to the round in which it began and ended",
        f"{sum(len(its) for its in shown.values())} found",
        "exactly",
        shown == outages,
    )
    planned = {
        name: sum((one.end - one.start for one in known if in_time(one, name)), nothing) for name in outages
    }
    yield Item(
        "six stops announced a day before are left out, six noted ten minutes in are not",
        ", ".join(f"{figures[name].planned}" for name in ("DB1", "DB2")),
        "exactly",
        all(figures[name].planned == planned[name] for name in outages),
    )
    gone = sum((end - start - EVERY for start, end in away), nothing)
    yield Item(
        "our own six absences are neither up nor down",
        f"{gone.total_seconds() / 3600:.1f} h unwatched, {figures['DB3'].raw:g} % of the rest",
        "exactly",
        all(figure.unknown == gone for figure in figures.values()) and figures["DB3"].raw == 100,
    )
    down = {name: sum((end - start for start, end in its), nothing) for name, its in outages.items()}
    up = {name: timedelta(days=YEAR) - gone - down[name] for name in outages}
    yield Item(
        "raw figures of the year, to the second",
        ", ".join(f"{name} {figures[name].raw:.4f} %" for name in ("DB1", "DB2")),
        "as it was",
        all(figures[name].up == up[name] for name in outages),
    )


def in_time(stop: Stop, name: str) -> bool:
    return name in stop.targets and stop.recorded_at < stop.start


# 56 looks at once; SQLite files, so that the time is our own.


def looks() -> Iterable[Item]:
    with fresh() as here:
        host = Host(contract="x", part="core", name="h", os="linux", transport="local", address="127.0.0.1")
        for n in range(DATABASES):
            with contextlib.closing(sqlite3.connect(here.root / f"{n}.db")) as connection, connection:
                connection.execute("CREATE TABLE a (n)")
        good = [database(f"DB{n}", engine="sqlite", path=f"{n}.db") for n in range(DATABASES)]
        access = Access(Keyring(here), {"h": host})
        look_at_all(good, access)
        times, found = [], {}
        for _ in range(5):
            started, used = time.monotonic(), time.process_time()
            found = look_at_all(good, access)
            times.append((time.monotonic() - started, time.process_time() - used))
        up = sum(look.state is State.UP for look in found.values())
        wall, cpu = min(times)
        yield Item(
            f"{DATABASES} looks at SQLite",
            f"{wall:.2f} s, {cpu:.2f} s of processor, {up} up",
            "≤ 1 s",
            wall <= 1 and up == DATABASES,
        )
        yield from hanging(good[:46], access)


def database(name: str, **said: object) -> Database:
    given = {"contract": "x", "part": "core", "name": name, "instances": (Instance(name=name, host="h"),)}
    return Database(**{**given, **said})  # type: ignore[arg-type]


def hanging(good: list[Database], access: Access) -> Iterable[Item]:
    """Ten PostgreSQL ports that accept and say nothing."""
    os.environ["OPSPROOF_CREDENTIAL_PG_USER"], os.environ["OPSPROOF_CREDENTIAL_PG_PASSWORD"] = "u", "p"
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(hostile("accepted")) for _ in range(10)]
        bad = [
            database(
                f"PG{n}", engine="postgres", port=port, address="127.0.0.1", credential="pg", login_seconds=3
            )
            for n, port in enumerate(ports)
        ]
        started = time.monotonic()
        found = look_at_all([*good, *bad], access)
        seconds = time.monotonic() - started
    up = sum(found[one.name].state is State.UP for one in good)
    down = sum(found[one.name].state is State.DOWN for one in bad)
    yield Item(
        "46 good ones among 10 that hang, each of those looked at twice",
        f"{up} up, {down} down, {seconds:.1f} s",
        "46, 10, ≤ 2 × 3 s + 2 s",
        (up, down) == (46, 10) and seconds <= 8,
    )


SHOWS = [year, looks]
