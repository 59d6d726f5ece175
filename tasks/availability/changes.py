"""What stopped and what came back between two rounds: each a record, and a candidate for an incident."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tasks.availability.probe import State
from tasks.availability.samples import Round
from tasks.model import Json, Mode, Outcome, Record
from tasks.texts import t

ROUTINE = "availability"
TOPIC = "availability"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Change:
    """`end`: when it came back; None: it has just stopped."""

    target: str
    start: datetime
    reason: str
    end: datetime | None = None


def following(before: Round | None, now: Round) -> tuple[Round, list[Change]]:
    """The round with what is still open, and what changed. While nobody can look nothing changes."""
    known = before.open if before else {}
    return replace(now, open=dict(_open(known, now))), list(_changes(known, now))


def _open(
    known: Mapping[str, tuple[datetime, str]], now: Round
) -> Iterator[tuple[str, tuple[datetime, str]]]:
    for name, look in now.looks.items():
        if look.state is State.DOWN:
            yield name, known.get(name, (now.at, look.reason))
        elif look.state is State.UNKNOWN and name in known:
            yield name, known[name]


def _changes(known: Mapping[str, tuple[datetime, str]], now: Round) -> Iterator[Change]:
    for name, look in now.looks.items():
        if look.state is State.DOWN and name not in known:
            yield Change(name, now.at, look.reason)
        elif look.state is State.UP and name in known:
            yield Change(name, *known[name], end=now.at)


def record(contract: str, mode: Mode, change: Change) -> Record:
    facts: dict[str, Json] = {
        "target": change.target,
        "event": "up" if change.end else "down",
        "start": change.start.isoformat(),
        "reason": change.reason,
    }
    values = {"target": change.target, "start": change.start, "reason": change.reason}
    if change.end is None:
        summary, outcome = t("availability.down_summary", **values), Outcome.FINDINGS
    else:
        seconds = (change.end - change.start) // SECOND
        facts |= {"end": change.end.isoformat(), "seconds": seconds}
        lasted = span_text(change.end - change.start)
        summary, outcome = (
            t("availability.up_summary", **values, end=change.end, lasted=lasted),
            Outcome.NOTED,
        )
    return Record(
        contract=contract,
        routine=ROUTINE,
        title=t(f"availability.{facts['event']}_title", target=change.target),
        started_at=change.start,
        ended_at=change.end or change.start,
        started_by=t("routine.by_schedule"),
        outcome=outcome,
        mode=mode,
        topics=(TOPIC,),
        summary=summary,
        facts=facts,
    )


def span_text(length: timedelta) -> str:
    """In the largest units that say it to the second."""
    minutes, seconds = divmod(length // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [("days", days), ("hours", hours), ("minutes", minutes), ("seconds", seconds)]
    return "".join(t(f"availability.{name}", n=n) for name, n in parts if n) or t("availability.seconds", n=0)
