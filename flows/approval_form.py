"""A run that asks in the UI: it pauses until enough people have approved what it would do, somebody has
refused, or its time is over. What is answered becomes a record of the book; the run itself looks there.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from prefect.context import FlowRunContext
from prefect.exceptions import NotPausedError
from prefect.flow_runs import pause_flow_run, resume_flow_run
from prefect.input import RunInput
from pydantic import create_model

from flows.commands.playbook import listing
from flows.routine import Request
from tasks import clock
from tasks.errors import Refused
from tasks.home import Home
from tasks.inventory import load
from tasks.log import log
from tasks.model import Mode
from tasks.playbooks import library
from tasks.playbooks.approvals import Asked, approve, deny, shortfall
from tasks.playbooks.plan import Plan, made
from tasks.records import Book
from tasks.texts import t

# How long a run started by hand waits for an answer; one of a schedule waits as long as it may be late.
WAIT = timedelta(hours=4)
# How long what was approved here may run.
WINDOW = timedelta(hours=4)


# Prefect labels a field with its name, so the fields are named for the people who fill them in.
OPERATOR, CODE, DENY, REASON = (
    t(f"approvals.field_{name}") for name in ("operator", "code", "deny", "reason")
)
FIELDS: dict[str, Any] = {OPERATOR: (str, ""), CODE: (str, ""), DENY: (bool, False), REASON: (str, "")}
Decision = create_model("Decision", __base__=RunInput, **FIELDS)


# How often it is looked whether people have approved by command meanwhile.
LOOK_SECONDS = 3.0


class Denied(Exception):
    """Somebody refused: nobody is asked any further."""


def sought(home: Home, request: Request) -> None:
    """For every playbook of the run; a rehearsal changes nothing and asks nobody."""
    if request.rehearse or not request.only:
        return
    inventory, book = load(home.inventories, contract=request.contract), Book(home.book)
    mode = inventory.contract(request.contract).mode
    until = request.plan.given_up_at if request.plan else clock.now() + WAIT
    with contextlib.suppress(Denied):
        for name in request.only:
            plan = made(library.named(home, request.contract, name), inventory)
            asking = Asking(home=home, book=book, plan=plan, mode=mode, until=until)
            asking.until_enough()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    home: Home
    book: Book
    plan: Plan
    mode: Mode
    until: datetime

    def short(self) -> str:
        return shortfall(self.home, self.book, self.plan, clock.now())

    def over(self) -> bool:
        """Nobody need be asked any more, or nobody has any more time."""
        return not self.short() or clock.now() >= self.until

    def until_enough(self) -> None:
        said, number = "", 0
        while not self.over():
            number += 1
            short = self.short()
            log.info(t("approvals.asking", title=self.plan.playbook.title, short=short))
            with woken(self.over):
                answer = pause_flow_run(
                    wait_for_input=Decision.with_initial_data(description=shown(self.plan, short, said)),
                    # Whoever wakes it does so before: a pause that times out ends the run as failed.
                    timeout=round((self.until - clock.now()).total_seconds()) + 3600,
                    poll_interval=2,
                    key=f"{self.plan.digest[:12]}-{number}",
                ).model_dump()
            if any(answer[name] for name in FIELDS):  # who only wakes it has nothing to say
                said = self.decided(answer)
                log.info(said)

    def decided(self, answer: Mapping[str, Any]) -> str:
        """What came of the answer, for whoever is asked next."""
        now = clock.now()
        asked = Asked(plan=self.plan, start=now, end=now + WINDOW, mode=self.mode)
        by, code = answer[OPERATOR].strip(), answer[CODE].strip()
        try:
            if answer[DENY]:
                entry = deny(self.home, self.book, asked, by, code, answer[REASON].strip())
                log.warning(entry.record.summary)
                raise Denied
            return approve(self.home, self.book, asked, by, code).record.summary
        except Refused as problem:
            return t("approvals.not_taken", reason=problem)


@contextlib.contextmanager
def woken(over: Callable[[], bool]) -> Iterator[None]:
    """A run that pauses here is resumed as soon as there is nothing more to ask for: who approves by command
    need not come to the page as well."""
    context = FlowRunContext.get()
    assert context is not None and context.flow_run is not None
    run_id, ended = context.flow_run.id, threading.Event()

    def watch() -> None:
        told = ""
        while not ended.wait(LOOK_SECONDS):
            try:
                # A server that does not answer now, and a run that is not paused yet, are asked again.
                with contextlib.suppress(NotPausedError, httpx.HTTPError):
                    if over():
                        resume_flow_run(run_id, run_input={OPERATOR: "", CODE: "", DENY: False, REASON: ""})
            except Exception as problem:  # noqa: BLE001 - whatever it is, people can still answer on the page
                if str(problem) != told:
                    told = str(problem)
                    log.warning(t("approvals.not_looked", reason=told))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def shown(plan: Plan, short: str, said: str) -> str:
    lines = "\n".join(listing(plan))
    return t("approvals.form", title=plan.playbook.title, short=short, said=said, plan=lines)
