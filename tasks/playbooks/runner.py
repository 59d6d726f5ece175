"""Run a plan: all prechecks first, then move by move: look, write down, send, prove; undo in reverse when one
fails. What an earlier process left is gone on with from what is seen now, never by sending blindly again.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from tasks.errors import OpsError
from tasks.playbooks import ACTIONS, CONDITIONS, Holds, NotDone, Seen, Sent, Site, abort
from tasks.playbooks.journal import Event, Journal
from tasks.playbooks.plan import Look, Move, Plan, kind_of
from tasks.texts import t

# How soon an abort is noticed, and how often a condition is looked at while it is waited for.
NOTICE_SECONDS = 0.2
LOOK_SECONDS = 1.0
# A single look that hangs tells nothing.
LOOK_LIMIT = timedelta(seconds=30)


class End(StrEnum):
    """How a run ended. `stopped`: behind the point of no return, or where nobody knows how things stand."""

    DONE = "done"
    NO_GO = "no_go"
    UNDONE = "undone"
    STOPPED = "stopped"


class Aborted(Exception):
    """Somebody asked for it; who and why."""


@dataclass(frozen=True, slots=True)
class Result:
    end: End
    reason: str = ""
    # What could not be undone, or how things stand where nothing is undone.
    standing: tuple[tuple[str, Seen], ...] = ()


@dataclass
class Runner:
    plan: Plan
    site: Site
    journal: Journal

    def __post_init__(self) -> None:
        self._move = ""
        self.site = replace(self.site, sent=self._sent)

    def run(self) -> Result:
        """From the beginning, or on from where the journal ends."""
        begun = self.journal.said(Event.BEGUN)
        if begun is None:
            if no_go := self.prechecks():
                return self.ended(Result(End.NO_GO, t("playbooks.no_go", count=len(no_go)), tuple(no_go)))
            self.journal.write(Event.BEGUN, digest=self.plan.digest)
        elif begun["digest"] != self.plan.digest:
            raise OpsError(t("playbooks.other_plan"))
        try:
            reason = "" if self._undoing() else self._forward()
        except Aborted as asked:
            self.journal.write(Event.ABORTED, reason=str(asked))
            reason = t("playbooks.aborted", by=asked)
        if not reason and not self._undoing():
            return self.ended(Result(End.DONE))
        return self.ended(self._back(reason or t("playbooks.went_on_undoing")))

    def prechecks(self) -> list[tuple[str, Seen]]:
        """What does not hold, or could not be looked at; everything is looked at and written down."""
        bad = []
        for title, look in self.plan.checks:
            seen = self._see(look)
            self.journal.write(
                Event.LOOKED, title=title, target=look.target, holds=seen.holds, text=seen.text
            )
            if seen.holds is not Holds.YES:
                bad.append((t("playbooks.of", title=title, target=look.target), seen))
        return bad

    # Forward.

    def _forward(self) -> str:
        """Why it went no further; empty: everything is done."""
        for move in self.plan.moves:
            self._heed()
            if reason := self._one(move):
                self.journal.write(Event.FAILED, move=move.key, reason=reason)
                return t("playbooks.move_failed", title=move.step.title, target=move.target, reason=reason)
        return ""

    def _one(self, move: Move) -> str:
        last = self.journal.last().get(move.key, {}).get("event")
        if last in (Event.PROVED, Event.SKIPPED):
            return ""
        seen = self._holds(move.proof)
        if seen.holds is Holds.YES:
            self.journal.write(Event.PROVED if last else Event.SKIPPED, move=move.key, text=seen.text)
            return ""
        if last == Event.BEFORE and move.step.do is not None and not move.step.repeat:
            # It may be under way still: it gets its time, and is not sent twice.
            return self._proved(move)
        if seen.holds is Holds.UNKNOWN and move.step.do is not None:
            return t("playbooks.cannot_look", text=seen.text)
        return self._sent_and_proved(move)

    def _sent_and_proved(self, move: Move) -> str:
        self.journal.write(Event.BEFORE, move=move.key, shown=move.shown)
        if move.step.do is not None:
            try:
                self._do(move.step.do, move.target, move.limit, move.key)
            except NotDone as problem:
                seen = self._holds(move.proof)
                if seen.holds is not Holds.YES:
                    return t("playbooks.not_done", reason=problem, text=seen.text)
        return self._proved(move)

    def _proved(self, move: Move) -> str:
        started = time.monotonic()
        seen = self._wait(move.proof, move.limit)
        if seen.holds is not Holds.YES:
            return t("playbooks.not_proved", seconds=move.limit.total_seconds(), text=seen.text)
        self.journal.write(
            Event.PROVED, move=move.key, text=seen.text, seconds=round(time.monotonic() - started, 2)
        )
        return ""

    # Back.

    def _undoing(self) -> bool:
        undoing = (Event.UNDOING, Event.UNDONE, Event.NOT_UNDONE, Event.FAILED, Event.ABORTED)
        return any(line["event"] in undoing for line in self.journal.lines())

    def _back(self, reason: str) -> Result:
        done = [move for move in self.plan.moves if self._touched(move)]
        if any(move.step.no_return for move in done):
            return Result(End.STOPPED, t("playbooks.no_return", reason=reason), self._standing())
        left = [key for move in reversed(done) if (key := self._undone(move))]
        if left:
            told = t("playbooks.not_undone", reason=reason, moves="; ".join(left))
            return Result(End.STOPPED, told, self._standing())
        if any(move.step.undo is None and move.step.do is not None for move in done):
            return Result(End.STOPPED, t("playbooks.stays", reason=reason), self._standing())
        return Result(End.UNDONE, reason, self._standing())

    def _touched(self, move: Move) -> bool:
        """What was right before is nobody's to undo."""
        return self.journal.last().get(move.key, {}).get("event") not in (None, Event.SKIPPED)

    def _undone(self, move: Move) -> str:
        """Empty: undone and proved, or there is nothing about it to undo."""
        if self.journal.last()[move.key]["event"] == Event.UNDONE or move.step.undo is None:
            return ""
        if self._holds(move.undo_proof).holds is not Holds.YES:
            self.journal.write(Event.UNDOING, move=move.key, shown=move.undo_shown)
            try:
                self._do(move.step.undo, move.target, move.limit, move.key, heed=False)
            except NotDone as problem:
                self.site.say(str(problem))
        seen = self._wait(move.undo_proof, move.limit, heed=False)
        if seen.holds is Holds.YES:
            self.journal.write(Event.UNDONE, move=move.key, text=seen.text)
            return ""
        self.journal.write(Event.NOT_UNDONE, move=move.key, text=seen.text)
        return t("playbooks.move_failed", title=move.step.title, target=move.target, reason=seen.text)

    def _standing(self) -> tuple[tuple[str, Seen], ...]:
        """How everything stands now, looked at once more."""
        return tuple((move.key, self._holds(move.proof)) for move in self.plan.moves)

    def ended(self, result: Result) -> Result:
        self.journal.write(Event.ENDED, end=result.end, reason=result.reason)
        return result

    # Looking and sending.

    def _holds(self, looks: Sequence[Look]) -> Seen:
        """All of them; the first that does not hold is the one that is told."""
        seen = [self._see(look) for look in looks]
        return next(
            (one for holds in (Holds.NO, Holds.UNKNOWN) for one in seen if one.holds is holds),
            Seen(Holds.YES, "; ".join(one.text for one in seen)),
        )

    def _see(self, look: Look) -> Seen:
        condition = CONDITIONS.all()[kind_of(look.said)]()
        target = self.site.targets[look.target]
        try:
            found: Seen = within(
                lambda: condition.see(look.said, target, self.site), LOOK_LIMIT, lambda: None
            )
            return found
        except TimeoutError:
            return Seen(Holds.UNKNOWN, t("playbooks.look_hung", shown=look.shown))
        except OpsError as problem:
            return Seen(Holds.UNKNOWN, str(problem))

    def _wait(self, looks: Sequence[Look], limit: timedelta, heed: bool = True) -> Seen:
        until = time.monotonic() + limit.total_seconds()
        while (seen := self._holds(looks)).holds is not Holds.YES and time.monotonic() < until:
            pause = time.monotonic() + LOOK_SECONDS
            while time.monotonic() < pause:
                if heed:
                    self._heed()
                time.sleep(NOTICE_SECONDS)
        return seen

    def _do(self, said: Any, target: str, limit: timedelta, key: str, heed: bool = True) -> None:
        action, self._move = ACTIONS.all()[kind_of(said)](), key
        try:
            within(
                lambda: action.do(said, self.site.targets[target], self.site, limit),
                limit,
                self._heed if heed else lambda: None,
            )
        except TimeoutError:
            raise NotDone(t("playbooks.late", seconds=limit.total_seconds())) from None
        except NotDone:
            raise
        except OpsError as problem:
            raise NotDone(str(problem)) from problem

    def _heed(self) -> None:
        if by := abort.asked(self.site.home, self.journal.run_id):
            raise Aborted(by)

    def _sent(self, sent: Sent) -> None:
        self.journal.write(
            Event.SENT,
            move=self._move,
            target=sent.target,
            command=sent.command,
            sent_at=sent.at.isoformat(),
            seconds=sent.seconds,
            exit_code=sent.exit_code,
            digest=sent.digest,
            said=sent.said,
            failure=sent.failure,
        )


def within(work: Callable[[], Any], limit: timedelta, heed: Callable[[], None]) -> Any:
    """In a thread of its own, so that neither a hang nor an abort waits for it."""
    done: list[Any] = []
    failed: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            done.append(work())
        except BaseException as problem:  # noqa: BLE001 - raised where it is waited for
            failed.append(problem)
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    until = time.monotonic() + limit.total_seconds() + NOTICE_SECONDS
    while not ended.wait(NOTICE_SECONDS):
        heed()
        if time.monotonic() > until:
            raise TimeoutError
    if failed:
        raise failed[0]
    return done[0]
