"""What a run does to targets: looks, waits and sends, each in a time of its own and only within the scope."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tasks.errors import OpsError
from tasks.model import Target
from tasks.playbooks import ACTIONS, CONDITIONS, Holds, NotDone, Seen, Site
from tasks.playbooks.plan import Look, kind_of
from tasks.texts import t

# How soon an abort is noticed, and how often a condition is looked at while it is waited for.
NOTICE_SECONDS = 0.2
LOOK_SECONDS = 1.0
# A way to a host ends by itself at a step's limit, and says what it heard until then.
GRACE = timedelta(seconds=2)
# A single look that hangs tells nothing.
LOOK_LIMIT = timedelta(seconds=30)
# What conditions had to know of before something was sent, one for each look; None: nothing was sent yet.
Marks = Sequence[str] | None


@dataclass
class Hands:
    """`heed` raises where the run must go no further; on the way back nothing is heeded."""

    site: Site
    scope: frozenset[str]
    heed: Callable[[], None] = lambda: None
    # Of each that was sent: set once it is over.
    _overs: list[threading.Event] = field(default_factory=list)

    def target(self, name: str) -> Target:
        """Whatever a plan says: what is not named in the scope is not there."""
        if name not in self.scope or name not in self.site.targets:
            raise OpsError(t("playbooks.outside_scope", name=name))
        return self.site.targets[name]

    def marks(self, looks: Sequence[Look]) -> list[str]:
        """OpsError where one cannot be taken: then nothing may be sent."""
        return [self._mark(look) for look in looks]

    def _mark(self, look: Look) -> str:
        if not look.remembers:
            return ""
        condition: Any = CONDITIONS.all()[kind_of(look.said)]()
        target = self.target(look.target)
        try:
            return str(within(lambda: condition.mark(look.said, target, self.site), LOOK_LIMIT, self.heed))
        except TimeoutError:
            raise OpsError(t("playbooks.look_hung", shown=look.shown)) from None

    def holds(self, looks: Sequence[Look], marks: Marks) -> Seen:
        """All of them; the first that does not hold is the one that is told. Before anything was sent, what
        happens only afterwards is no question."""
        marked = [(look, marks[number] if marks else "") for number, look in enumerate(looks)]
        seen = [self.see(look, mark) for look, mark in marked if mark or not look.remembers]
        if not seen:
            return Seen(Holds.NO, t("playbooks.not_sent_yet"))
        return next(
            (one for holds in (Holds.NO, Holds.UNKNOWN) for one in seen if one.holds is holds),
            Seen(Holds.YES, "; ".join(one.text for one in seen)),
        )

    def see(self, look: Look, mark: str = "") -> Seen:
        condition: Any = CONDITIONS.all()[kind_of(look.said)]()

        def seen() -> Any:
            target = self.target(look.target)
            if mark:
                return condition.since(look.said, target, self.site, mark)
            return condition.see(look.said, target, self.site)

        try:
            found: Seen = within(seen, LOOK_LIMIT, self.heed)
            return found
        except TimeoutError:
            return Seen(Holds.UNKNOWN, t("playbooks.look_hung", shown=look.shown))
        except OpsError as problem:
            return Seen(Holds.UNKNOWN, str(problem))

    def wait(self, looks: Sequence[Look], marks: Marks, limit: timedelta) -> Seen:
        until = time.monotonic() + limit.total_seconds()
        while (seen := self.holds(looks, marks)).holds is not Holds.YES and time.monotonic() < until:
            self.pause(LOOK_SECONDS)
        return seen

    def pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.heed()
            time.sleep(NOTICE_SECONDS)

    def do(self, said: Any, name: str, limit: timedelta) -> None:
        """NotDone, whatever it was that went wrong. All that an action sends has one limit."""
        action = ACTIONS.all()[kind_of(said)]()
        unwanted, over = threading.Event(), threading.Event()
        until = time.monotonic() + limit.total_seconds()
        late = t("playbooks.late", seconds=limit.total_seconds())

        def go_on(most: timedelta) -> timedelta:
            if unwanted.is_set():
                raise NotDone(t("playbooks.unwanted"))
            if (left := timedelta(seconds=until - time.monotonic())) <= timedelta(0):
                raise NotDone(late)
            return min(most, left)

        def work() -> None:
            # Before anything is sent: whoever settles meanwhile has said that nothing is wanted any more.
            if not said.by_hand:
                self._overs.append(over)
            try:
                action.do(said, target, replace(self.site, go_on=go_on), limit)
            finally:
                over.set()

        try:
            target = self.target(name)
            within(work, limit + GRACE, self.heed)
        except TimeoutError:
            raise NotDone(late) from None
        except NotDone:
            raise
        except OpsError as problem:
            raise NotDone(str(problem)) from problem
        finally:
            unwanted.set()

    def settle(self) -> None:
        """What was sent and is waited for no more comes to its end: every way to a target has a time of its
        own, which its login comes on top of."""
        for over in self._overs:
            over.wait()


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
