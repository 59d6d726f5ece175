"""Planned stops: announced in the book before they happen, or they are no planned ones."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks import clock
from tasks.availability.spans import Span, overlap
from tasks.model import Json, Outcome, Record
from tasks.records import Book
from tasks.texts import listed, t

ROUTINE = "availability.stop"


@dataclass(frozen=True, slots=True)
class Stop:
    targets: tuple[str, ...]
    start: datetime
    end: datetime
    reason: str
    by: str
    recorded_at: datetime

    def announces(self, outage: Span) -> bool:
        """The record has to be older than the stop itself, not only than its own window."""
        return self.recorded_at <= outage.start and overlap(outage, self.start, self.end) > timedelta(0)


def announced(contract: str, stop: Stop) -> Record:
    facts: dict[str, Json] = {
        "targets": list(stop.targets),
        "start": stop.start.isoformat(),
        "end": stop.end.isoformat(),
        "reason": stop.reason,
        "by": stop.by,
    }
    return Record(
        contract=contract,
        routine=ROUTINE,
        title=t("availability.stop_title", targets=listed(stop.targets)),
        started_at=stop.recorded_at,
        ended_at=stop.recorded_at,
        started_by=stop.by,
        outcome=Outcome.NOTED,
        summary=t("availability.stop_summary", start=stop.start, end=stop.end, reason=stop.reason),
        facts=facts,
    )


def stops(book: Book, contract: str) -> list[Stop]:
    """All of a contract. When each was recorded is what the book says, not what the record says."""
    return [
        Stop(
            tuple(entry.record.facts["targets"]),  # type: ignore[arg-type]
            clock.parse(str(entry.record.facts["start"])),
            clock.parse(str(entry.record.facts["end"])),
            str(entry.record.facts["reason"]),
            str(entry.record.facts["by"]),
            entry.recorded_at,
        )
        for entry in book.entries(contract=contract, routine=ROUTINE)
    ]


def planned(outage: Span, known: Iterable[Stop]) -> timedelta:
    """How much of an outage lies in stops that were announced; what two announce counts once."""
    return sum((end - start for start, end in windows(outage, known)), timedelta(0))


def windows(outage: Span, known: Iterable[Stop]) -> Iterator[tuple[datetime, datetime]]:
    announced_ones: Sequence[Stop] = sorted(
        (one for one in known if one.announces(outage)), key=lambda one: one.start
    )
    at = outage.start
    for one in announced_ones:
        start, end = max(one.start, at), min(one.end, outage.end)
        if end > start:
            yield start, end
            at = end
