"""Routine: compare the plan with the book, and record what did not happen or came late."""

from flows.comparison import compare
from flows.routine import Routine, Run, Work
from tasks import clock
from tasks.calendar.days import Calendar
from tasks.calendar.imports import missing_notice
from tasks.contracts.misses import ROUTINE
from tasks.home import Home
from tasks.model import Finding, Outcome, Status
from tasks.records import Entry
from tasks.texts import t


def check(run: Run) -> Work:
    entries, looked_at = compare(run.home, run.book, run.request.contract)
    missed = sum(entry.record.outcome is Outcome.MISSED for entry in entries)
    return Work(
        findings=[*(finding(entry) for entry in entries), *without_notice(run.home, run.request.contract)],
        expected=looked_at,
        topics=("plan",),
        summary=t("routine.plan_check_summary", missed=missed, late=len(entries) - missed),
    )


def finding(entry: Entry) -> Finding:
    record = entry.record
    status = Status.FAIL if record.outcome is Outcome.MISSED else Status.WARN
    return Finding("plan", record.contract, record.plan_id, status, record.summary)


def without_notice(home: Home, contract: str) -> list[Finding]:
    """A year's notice that should be known by now: whoever reads the day's record learns of it."""
    warning = missing_notice(Calendar.load(home.inventories), clock.now().date())
    return [Finding("plan", contract, t("calendar.notice"), Status.WARN, warning)] if warning else []


PLAN_CHECK = Routine(code=ROUTINE, work=check)
