"""Routine: compare the plan with the book, and record what did not happen or came late."""

from typing import Any

from prefect import flow

from flows.prefect_run import run_name, run_under_prefect
from flows.routine import Routine, Run, Work
from tasks import clock
from tasks.calendar.days import Calendar
from tasks.calendar.plans import plans
from tasks.calendar.schedules import load as load_schedules
from tasks.contracts.activation import active
from tasks.contracts.misses import MOST, ROUTINE, missing
from tasks.errors import Refused
from tasks.home import Home
from tasks.locks import is_held
from tasks.model import Finding, Outcome, Status
from tasks.records import Book, Entry
from tasks.texts import t


def compare(home: Home, book: Book, contract: str, *, however_many: bool = False) -> tuple[list[Entry], int]:
    """The records it wrote, and how many plans it looked at: all since the contract was activated."""
    now = clock.now()
    since = active(book).get(contract)
    if since is None:
        raise Refused(t("routine.inactive", contract=contract))
    schedules = load_schedules(home.inventories, contract)
    due = plans(schedules, contract, since, now, Calendar.load(home.inventories))
    routines = {plan.routine for plan in due}
    running = frozenset(code for code in routines if code != ROUTINE and is_held(home, contract, code))
    found = missing(due, book.entries(contract=contract), now, running)
    if len(found) > MOST and not however_many:
        raise Refused(t("routine.too_many", count=len(found)))
    return book.append_all(found), len(due)


def check(run: Run) -> Work:
    entries, looked_at = compare(run.home, run.book, run.request.contract)
    missed = sum(entry.record.outcome is Outcome.MISSED for entry in entries)
    return Work(
        findings=[finding(entry) for entry in entries],
        expected=looked_at,
        summary=t("routine.plan_check_summary", missed=missed, late=len(entries) - missed),
    )


def finding(entry: Entry) -> Finding:
    record = entry.record
    status = Status.FAIL if record.outcome is Outcome.MISSED else Status.WARN
    return Finding("plan", record.contract, record.plan_id, status, record.summary)


PLAN_CHECK = Routine(code=ROUTINE, topics=("plan",), work=check)


@flow(name=PLAN_CHECK.title, flow_run_name=run_name(PLAN_CHECK), description=t("routine.plan_check_about"))
def plan_check(contract: str, note: str = "") -> Any:
    return run_under_prefect(PLAN_CHECK, contract, (), note)
