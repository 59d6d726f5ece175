"""A day of looks as evidence, and any number of days read again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tasks.availability import spans
from tasks.availability.changes import ROUTINE
from tasks.availability.probe import State
from tasks.availability.samples import Samples, read
from tasks.availability.spans import Span, Watched
from tasks.calendar.plans import at_midnight
from tasks.records import Book, Entry

# The names under which a day's record keeps its evidence.
WATCHED, SAMPLES = "availability.json", "samples.jsonl"
ONE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Day:
    """`start` is later than midnight only where the watch began that day; `looked_at` is its first look."""

    day: date
    looked_at: datetime
    start: datetime
    end: datetime
    rounds: int
    targets: Mapping[str, Watched]
    unwatched: Sequence[Span]

    def write(self) -> bytes:
        said = {
            "day": self.day.isoformat(),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "rounds": self.rounds,
            "unwatched": [[one.start.isoformat(), one.end.isoformat()] for one in self.unwatched],
            "targets": spans.write(self.targets),
        }
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def of(samples: Samples, day: date, now: datetime, *, first: bool) -> Day | None:
    """The day as its looks show it, with the last one before it; None without a look. `first`: nothing was
    watched before it."""
    rounds = read(samples.content(day))
    if not rounds:
        return None
    start = rounds[0].at if first else at_midnight(day)
    end = min(at_midnight(day + ONE), now)
    seen = [*read(samples.content(day - ONE))[-1:], *rounds]
    names = dict.fromkeys(name for one in rounds for name in one.looks)
    targets = spans.watched(seen, names, start, end)
    return Day(day, rounds[0].at, start, end, len(rounds), targets, spans.unwatched(seen, start, end))


def entry_of(book: Book, contract: str, day: date) -> Entry | None:
    """The record of a day, if its day is closed."""
    since, until = at_midnight(day), at_midnight(day + ONE)
    entries = book.entries(contract=contract, routine=ROUTINE, since=since, until=until)
    return next((entry for entry in entries if entry.record.facts.get("day") == day.isoformat()), None)


def began_before(book: Book, samples: Samples, contract: str, day: date) -> bool:
    """Whether anything was watched before that day."""
    earlier = book.entries(contract=contract, routine=ROUTINE, until=at_midnight(day), limit=1)
    return any(known < day for known in samples.days()) or next(earlier, None) is not None


def watched_days(
    book: Book, samples: Samples, contract: str, first: date, last: date, now: datetime
) -> list[dict[str, Watched]]:
    """One after the other without a hole: what nobody watched is unknown. The days before the watch began
    are not in it."""
    since, until = at_midnight(first), at_midnight(last + ONE)
    closed = {
        str(entry.record.facts["day"]): evidence(book, entry)
        for entry in book.entries(contract=contract, routine=ROUTINE, since=since, until=until)
        if "day" in entry.record.facts
    }
    found: list[dict[str, Watched]] = []
    begun = began_before(book, samples, contract, first)
    names: list[str] = sorted({name for day in closed.values() for name in day})
    for day in (first + n * ONE for n in range((last - first).days + 1)):
        its = closed.get(day.isoformat())
        if its is None and (open_day := of(samples, day, now, first=not begun)):
            its = dict(open_day.targets)
        if its is None and begun and at_midnight(day) < now:
            its = {name: nobody_looked(day, now) for name in names}
        if its is not None:
            begun = True
            names = list(dict.fromkeys([*names, *its]))
            found.append(its)
    return found


def nobody_looked(day: date, now: datetime) -> Watched:
    return Watched((Span(State.UNKNOWN, at_midnight(day), min(at_midnight(day + ONE), now)),))


def evidence(book: Book, entry: Entry) -> dict[str, Watched]:
    kept = next(one for one in entry.record.evidence if one.name == WATCHED)
    return spans.read(json.loads(book.read(kept))["targets"])
