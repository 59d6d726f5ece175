"""A run that asks in the UI: it pauses until enough people have approved what it would do, somebody has
refused, or its time is over. What is answered becomes a record of the book; the run itself looks there.
"""

import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from pydantic import create_model

from flows.commands.playbook import listing
from flows.routine import Request
from tasks import clock
from tasks.errors import Refused
from tasks.home import Home
from tasks.inventory import load
from tasks.log import log
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


class Denied(Exception):
    """Somebody refused: nobody is asked any further."""


def sought(home: Home, request: Request) -> None:
    """For every playbook of the run; a rehearsal changes nothing and asks nobody."""
    if "rehearse" in request.asked or not request.only:
        return
    inventory, book = load(home.inventories, contract=request.contract), Book(home.book)
    until = request.plan.given_up_at if request.plan else clock.now() + WAIT
    with contextlib.suppress(Denied, FlowPauseTimeout):
        for name in request.only:
            plan = made(library.named(home, request.contract, name), inventory)
            ask_until_enough(home, book, plan, until)


def ask_until_enough(home: Home, book: Book, plan: Plan, until: datetime) -> None:
    said, number = "", 0
    while (short := shortfall(book, plan, clock.now())) and clock.now() < until:
        number += 1
        log.info(t("approvals.asking", title=plan.playbook.title, short=short))
        answer = pause_flow_run(
            wait_for_input=Decision.with_initial_data(description=shown(plan, short, said)),
            timeout=max(round((until - clock.now()).total_seconds()), 1),
            key=f"{plan.digest[:12]}-{number}",
        )
        said = decided(home, book, plan, answer.model_dump())
        log.info(said)


def decided(home: Home, book: Book, plan: Plan, answer: Mapping[str, Any]) -> str:
    """What came of the answer, for whoever is asked next."""
    now = clock.now()
    asked = Asked(plan=plan, start=now, end=now + WINDOW)
    by, code = answer[OPERATOR].strip(), answer[CODE].strip()
    try:
        if answer[DENY]:
            entry = deny(home, book, asked, by, code, answer[REASON].strip())
            log.warning(entry.record.summary)
            raise Denied
        return approve(home, book, asked, by, code).record.summary
    except Refused as problem:
        return t("approvals.not_taken", reason=problem)


def shown(plan: Plan, short: str, said: str) -> str:
    lines = "\n".join(listing(plan))
    return t("approvals.form", title=plan.playbook.title, short=short, said=said, plan=lines)
