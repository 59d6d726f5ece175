"""Run a plan: all prechecks first, then move by move: look, write down, send, prove; undo in reverse when one
fails. What an earlier process left is gone on with from what is seen now, never by sending blindly again.
"""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from tasks import clock
from tasks.errors import OpsError
from tasks.playbooks import Holds, NotDone, Seen, Sent, Site, Unheard, abort
from tasks.playbooks.hands import Hands
from tasks.playbooks.journal import Event, Journal
from tasks.playbooks.plan import Move, Plan
from tasks.playbooks.windows import refusal, ruled
from tasks.texts import listed, t


class End(StrEnum):
    """How a run ended. `stopped`: things are not as they should be, and people have to say what comes next.
    `rehearsed`: looked at, and nothing done."""

    DONE = "done"
    NO_GO = "no_go"
    UNDONE = "undone"
    STOPPED = "stopped"
    REHEARSED = "rehearsed"


class Aborted(Exception):
    """Somebody asked for it; who and why."""


@dataclass(frozen=True, slots=True)
class Result:
    end: End
    reason: str = ""
    # What does not hold (no_go), what would be done (rehearsed), or how every move stands at the end.
    standing: tuple[tuple[str, Seen], ...] = ()
    # Title, target, what was seen: all that was looked at before anything was done.
    looked: tuple[tuple[str, str, Seen], ...] = ()


@dataclass
class Runner:
    """`until`: when the time that was approved is over; nothing is begun after it."""

    plan: Plan
    site: Site
    journal: Journal
    until: datetime | None = None

    def __post_init__(self) -> None:
        self._over = False
        self._sent_here: set[str] = set()
        self._hands = Hands(self.site, frozenset(self.plan.playbook.scope), self._heed)
        self._at("")

    def run(self) -> Result:
        """From the beginning, or on from where the journal ends."""
        if ended := self.journal.said(Event.ENDED):
            return self._as_written(ended)
        self.plan.refuse_others(self.site.targets)
        begun = self.journal.said(Event.BEGUN)
        if begun and begun["digest"] != self.plan.digest:
            raise OpsError(t("playbooks.other_plan"))
        try:
            if not begun and (no_go := self.prechecks()):
                return self.ended(Result(End.NO_GO, t("playbooks.no_go", count=len(no_go)), tuple(no_go)))
            if not begun:
                self.journal.write(Event.BEGUN, digest=self.plan.digest)
            reason = "" if self._undoing() else self._forward()
        except Aborted as asked:
            self.journal.write(Event.ABORTED, reason=str(asked))
            reason = t("playbooks.aborted", by=asked)
            self.site.say(reason)
        # From here on it ends: an abort has nothing left to stop.
        self._hands.heed = lambda: None
        if not reason and not self._undoing():
            return self.ended(self._verified())
        return self.ended(self._back(reason or t("playbooks.went_on_undoing")))

    def rehearse(self) -> Result:
        """Everything is looked at and every command shown; nothing is sent or written into the journal."""
        self.plan.refuse_others(self.site.targets)
        self._hands = replace(self._hands, site=self.site, heed=lambda: None)
        looked = tuple(self._checked())
        bad = [(title, seen) for title, _, seen in looked if seen.holds is not Holds.YES]
        found = [(move.key, self._rehearsed(number, move)) for number, move in enumerate(self.plan.moves, 1)]
        if bad:
            return Result(End.NO_GO, t("playbooks.no_go", count=len(bad)), (*bad, *found), looked)
        return Result(End.REHEARSED, standing=tuple(found), looked=looked)

    def _rehearsed(self, number: int, move: Move) -> Seen:
        seen = self._hands.holds(move.proof, None)
        if seen.holds is Holds.YES and move.may_be_skipped:
            key = "would_skip"
        elif move.shown:
            key = "would_stop" if seen.holds is Holds.UNKNOWN else "would_send"
        else:
            key = "would_wait"
        self._say(number, move, t(f"playbooks.{key}", shown=move.shown, text=seen.text))
        return replace(seen, text=t(f"playbooks.{key}", shown=move.shown, text=seen.text))

    def prechecks(self) -> list[tuple[str, Seen]]:
        """What does not hold, or could not be looked at; everything is looked at and written down."""
        bad = []
        for title, target, seen in self._checked():
            self.journal.write(Event.LOOKED, title=title, target=target, holds=seen.holds, text=seen.text)
            if seen.holds is not Holds.YES:
                bad.append((title, seen))
        return bad

    def _checked(self) -> list[tuple[str, str, Seen]]:
        """Title, target, what was seen; whether it may be done now at all is the first of them."""
        said, now = self.plan.playbook, clock.now()
        try:
            window = ruled(self.site.home.inventories, said.contract, said.kind, now, now)
        except OpsError as problem:
            window = Seen(Holds.UNKNOWN, str(problem))
        found = [(t("playbooks.window"), "", window)] if window else []
        for title, look in self.plan.checks:
            told = t("playbooks.of", title=title, target=look.target)
            found.append((told, look.target, self._hands.see(look)))
        found += self._in_sight()
        for title, _, seen in found:
            self.site.say(t(f"playbooks.go_{seen.holds}", title=title, text=seen.text))
        return found

    def _in_sight(self) -> list[tuple[str, str, Seen]]:
        """Services that would have to be started again: a host that cannot be looked at is found before the
        first is stopped, not behind it."""
        if self.plan.playbook.kind != "service" or not any(move.step.undo for move in self.plan.moves):
            return []
        first = {
            look.target: look for move in self.plan.moves[::-1] for look in move.proof if not look.remembers
        }
        looked = [(look.target, self._hands.see(look)) for look in reversed(first.values())]
        return [
            (
                t("playbooks.in_sight"),
                target,
                seen if seen.holds is Holds.UNKNOWN else Seen(Holds.YES, seen.text),
            )
            for target, seen in looked
        ]

    # Forward.

    def _forward(self) -> str:
        """Why it went no further; empty: everything is done."""
        for number, move in enumerate(self.plan.moves, 1):
            self._heed()
            if reason := self._one(number, move):
                self.journal.write(Event.FAILED, move=move.key, reason=reason)
                self._say(number, move, reason)
                return t("playbooks.move_failed", title=move.step.title, target=move.target, reason=reason)
        return ""

    def _one(self, number: int, move: Move) -> str:
        last = self.journal.last().get(move.key, {}).get("event")
        if last in (Event.PROVED, Event.SKIPPED):
            return ""
        if closed := self._closed():
            return closed
        self._at(move.key)
        if last and move.step.repeat:
            seen = self._arrived(move)
        else:
            seen = self._hands.holds(move.proof, self.journal.marks(move.key, Event.BEFORE))
        if last and move.blind and not move.step.repeat:
            return t("playbooks.cannot_tell")
        if seen.holds is Holds.YES and (move.may_be_skipped or (last and not move.blind)):
            self.journal.write(Event.PROVED if last else Event.SKIPPED, move=move.key, text=seen.text)
            self._say(number, move, t("playbooks.skipped", text=seen.text))
            return ""
        if last and move.step.do is not None and not move.step.repeat:
            # It may be under way still: it gets its time, and is not sent twice.
            return self._proved(number, move)
        if seen.holds is Holds.UNKNOWN and move.step.do is not None:
            return t("playbooks.cannot_look", text=seen.text)
        return self._sent_and_proved(number, move, seen.text)

    def _closed(self) -> str:
        """Why nothing more is begun: the approved time, or the contract's window, is over."""
        now, said = clock.now(), self.plan.playbook
        if self.until and now > self.until:
            return t("playbooks.until_over", until=f"{self.until.astimezone(clock.ZONE):%Y-%m-%d %H:%M}")
        try:
            return refusal(self.site.home.inventories, said.contract, said.kind, now, now)
        except OpsError as problem:
            return str(problem)

    def _sent_and_proved(self, number: int, move: Move, before: str) -> str:
        try:
            known = self.journal.marks(move.key, Event.BEFORE)
            marks = self._hands.marks(move.proof) if known is None else known
        except OpsError as problem:
            return t("playbooks.cannot_look", text=problem)
        self._sent_here.add(move.key)
        self.journal.write(Event.BEFORE, move=move.key, shown=move.shown, marks=marks, seen=before)
        self._say(number, move, t("playbooks.sending" if move.shown else "playbooks.waiting"))
        if move.step.do is not None:
            try:
                self._hands.do(move.step.do, move.target, move.limit)
            except Unheard:
                # It may be under way: its proof gets the time that it has.
                return self._proved(number, move)
            except NotDone as problem:
                seen = self._hands.holds(move.proof, marks)
                if seen.holds is not Holds.YES or move.blind:
                    return t("playbooks.not_done", reason=problem, text=seen.text)
        return self._proved(number, move)

    def _proved(self, number: int, move: Move) -> str:
        started = time.monotonic()
        seen = self._hands.wait(move.proof, self.journal.marks(move.key, Event.BEFORE), move.limit)
        if seen.holds is not Holds.YES:
            return t("playbooks.not_proved", seconds=move.limit.total_seconds(), text=seen.text)
        seconds = round(time.monotonic() - started, 2)
        self.journal.write(Event.PROVED, move=move.key, text=seen.text, seconds=seconds)
        self._say(number, move, t("playbooks.proved", text=seen.text))
        return ""

    def _arrived(self, move: Move) -> Seen:
        """How it stands once what a process that is gone sent has had the rest of its time, all of it where
        nothing looked at tells of it. A clock that was set back grants no more than the limit."""
        sent_at, left = clock.parse(self.journal.last()[move.key]["at"]), timedelta(0)
        if move.step.do is not None and not move.step.do.by_hand:
            left = min(sent_at + move.limit - clock.now(), move.limit)
        if move.blind:
            self._hands.pause(left.total_seconds())
            left = timedelta(0)
        return self._hands.wait(move.proof, self.journal.marks(move.key, Event.BEFORE), left)

    def _verified(self) -> Result:
        """Services have to be at the end as each was proved; what a drill did on its way need not last."""
        standing = self._standing()
        lost = [key for key, seen in standing if seen.holds is not Holds.YES]
        if lost and self.plan.playbook.kind == "service":
            return Result(End.STOPPED, t("playbooks.lost", moves=listed(lost)), standing)
        return Result(End.DONE, standing=standing)

    # Back.

    def _undoing(self) -> bool:
        undoing = (Event.UNDOING, Event.UNDONE, Event.NOT_UNDONE, Event.FAILED, Event.ABORTED)
        return any(line["event"] in undoing for line in self.journal.lines())

    def _back(self, reason: str) -> Result:
        self._settled()
        # What was right before, or was never sent, is nobody's to undo.
        done = [move for move in self.plan.moves if self.journal.marks(move.key, Event.BEFORE) is not None]
        if any(move.step.no_return for move in done):
            return Result(End.STOPPED, t("playbooks.no_return", reason=reason), self._standing())
        left = [key for move in reversed(done) if (key := self._undone(move))]
        if left:
            told = t("playbooks.not_undone", reason=reason, moves="; ".join(left))
            return Result(End.STOPPED, told, self._standing())
        if any(move.step.undo is None and move.step.do is not None for move in done):
            return Result(End.STOPPED, t("playbooks.stays", reason=reason), self._standing())
        return Result(End.UNDONE, reason, self._standing())

    def _settled(self) -> None:
        """What was sent, by this process or by one that is gone, and has not been heard of to its end may yet
        come into effect: nothing can be called undone before that."""
        self._hands.settle()
        for move in self.plan.moves:
            last = self.journal.last().get(move.key, {}).get("event")
            if last == Event.BEFORE and move.key not in self._sent_here:
                self._arrived(move)

    def _undone(self, move: Move) -> str:
        """Empty: undone and proved, or there is nothing about it to undo."""
        last = self.journal.last()[move.key]["event"]
        if last == Event.UNDONE or move.step.undo is None:
            return ""
        self._at(move.key)
        marks = self.journal.marks(move.key, Event.UNDOING)
        if last == Event.UNDOING:
            # Whoever sent it is gone; it may be under way still.
            seen = self._hands.wait(move.undo_proof, marks, move.limit)
        else:
            seen = self._hands.holds(move.undo_proof, marks)
        if seen.holds is not Holds.YES:
            seen = self._undo(move)
        if seen.holds is Holds.YES:
            self.journal.write(Event.UNDONE, move=move.key, text=seen.text)
            self._say(self.plan.moves.index(move) + 1, move, t("playbooks.undone", text=seen.text))
            return ""
        self.journal.write(Event.NOT_UNDONE, move=move.key, text=seen.text)
        return t("playbooks.move_failed", title=move.step.title, target=move.target, reason=seen.text)

    def _undo(self, move: Move) -> Seen:
        try:
            known = self.journal.marks(move.key, Event.UNDOING)
            marks = self._hands.marks(move.undo_proof) if known is None else known
            self.journal.write(Event.UNDOING, move=move.key, shown=move.undo_shown, marks=marks)
            self._hands.do(move.step.undo, move.target, move.limit)
        except NotDone as problem:
            self.site.say(str(problem))
        except OpsError as problem:
            return Seen(Holds.UNKNOWN, str(problem))
        return self._hands.wait(move.undo_proof, self.journal.marks(move.key, Event.UNDOING), move.limit)

    def _standing(self) -> tuple[tuple[str, Seen], ...]:
        """How everything stands now, looked at once more."""
        self._at("")
        return tuple(
            (move.key, self._hands.holds(move.proof, self.journal.marks(move.key, Event.BEFORE)))
            for move in self.plan.moves
        )

    def ended(self, result: Result) -> Result:
        standing = [[key, seen.holds, seen.text] for key, seen in result.standing]
        self._over = True
        self.journal.write(Event.ENDED, end=result.end, reason=result.reason, standing=standing)
        return replace(result, looked=self._looked())

    def _as_written(self, ended: dict[str, Any]) -> Result:
        """It has come to its end, whatever became of the process that should have told of it."""
        standing = tuple((key, Seen(Holds(holds), text)) for key, holds, text in ended["standing"])
        return Result(End(ended["end"]), ended["reason"], standing, self._looked())

    def _looked(self) -> tuple[tuple[str, str, Seen], ...]:
        """By this process or the one that began."""
        return tuple(
            (line["title"], line["target"], Seen(Holds(line["holds"]), line["text"]))
            for line in self.journal.lines()
            if line["event"] == Event.LOOKED
        )

    # What others hear and say.

    def _heed(self) -> None:
        if by := abort.asked(self.site.home, self.journal.run_id):
            raise Aborted(by)

    def _say(self, number: int, move: Move, what: str) -> None:
        place = {"number": number, "count": len(self.plan.moves)}
        self.site.say(t("playbooks.progress", **place, title=move.step.title, target=move.target, what=what))

    def _at(self, key: str) -> None:
        """What is sent from now on is part of that move, however late its answer comes."""
        self._hands.site = replace(self.site, sent=partial(self._sent, key))

    def _sent(self, key: str, sent: Sent) -> None:
        if self._over:
            return
        self.site.sent(sent)
        self.journal.write(
            Event.SENT,
            move=key,
            target=sent.target,
            command=sent.command,
            sent_at=sent.at.isoformat(),
            seconds=sent.seconds,
            exit_code=sent.exit_code,
            digest=sent.digest,
            said=sent.said,
            failure=sent.failure,
        )
