"""What a run's journal comes to, move by move. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks import clock
from tasks.model import Status
from tasks.playbooks import Holds, Seen
from tasks.playbooks.journal import Event
from tasks.playbooks.plan import Move, Plan
from tasks.playbooks.runner import End, Result

Lines = Sequence[Mapping[str, Any]]
STANDING = {Holds.YES: Status.OK, Holds.NO: Status.FAIL, Holds.UNKNOWN: Status.UNKNOWN}
# By the last that was written of a move; what had begun and was never proved is a failure.
WORDS = {
    Event.SKIPPED: ("skipped", Status.OK),
    Event.PROVED: ("proved", Status.OK),
    Event.UNDONE: ("undone", Status.WARN),
    Event.NOT_UNDONE: ("not_undone", Status.FAIL),
    Event.FAILED: ("failed", Status.FAIL),
}


@dataclass(frozen=True, slots=True)
class Told:
    """`before`: how it stood when its turn came; `after`: at the end of the run. `word`: `proved`, `skipped`,
    `failed`, `undone`, `not_undone`, `broken_off`, `not_begun` or `rehearsed`."""

    move: Move
    word: str
    status: Status
    before: str = ""
    after: str = ""
    reason: str = ""
    begun_at: datetime | None = None
    seconds: float | None = None


def told(plan: Plan, lines: Lines, result: Result) -> list[Told]:
    standing = dict(result.standing)
    return [of_move(move, lines, result, standing.get(move.key)) for move in plan.moves]


def of_move(move: Move, lines: Lines, result: Result, stands: Seen | None) -> Told:
    own = [line for line in lines if line.get("move") == move.key and line["event"] != Event.SENT]
    after = stands.text if stands else ""
    if result.end is End.REHEARSED or (not own and stands and result.end is End.NO_GO):
        return Told(move, "rehearsed", rehearsed(stands), after=after)
    if not own:
        return Told(move, "not_begun", Status.WARN, after=after)
    word, status = WORDS.get(Event(own[-1]["event"]), ("broken_off", Status.UNKNOWN))
    if any(line["event"] == Event.FAILED for line in own) and word == "undone":
        status = Status.FAIL
    if word in ("proved", "skipped") and stands and result.end in (End.DONE, End.STOPPED):
        # Proved when its turn was; whether it still is at the end is what counts.
        status = STANDING[stands.holds]
    begun = next((line for line in own if line["event"] == Event.BEFORE), None)
    return Told(
        move,
        word,
        status,
        before=str((begun or own[0]).get("seen" if begun else "text", "")),
        after=after,
        reason=next((str(line["reason"]) for line in own if line["event"] == Event.FAILED), ""),
        begun_at=clock.parse(begun["at"]) if begun else None,
        seconds=between(begun, own[-1]) if begun else None,
    )


def rehearsed(stands: Seen | None) -> Status:
    """What is not as it will be is no fault of a rehearsal; what could not be looked at is."""
    return Status.UNKNOWN if stands is None or stands.holds is Holds.UNKNOWN else Status.OK


def between(first: Mapping[str, Any], last: Mapping[str, Any]) -> float:
    return round((clock.parse(last["at"]) - clock.parse(first["at"])).total_seconds(), 1)
