"""Routine: compare the plan with the book, and record what did not happen or came late."""

from typing import Any

from prefect import flow

from flows.comparison import compare
from flows.prefect_run import run_name, run_under_prefect
from flows.routine import Routine, Run, Work
from tasks.contracts.misses import ROUTINE
from tasks.model import Finding, Outcome, Status
from tasks.records import Entry
from tasks.texts import t


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
