"""A routine run as a Prefect flow run: is it due, is it too late, and what its page shows."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.context import FlowRunContext
from prefect.states import Completed, Failed
from prefect.utilities.annotations import quote

from flows.links import record_url
from flows.routine import Closed, Request, Routine, perform, row
from tasks import clock
from tasks.calendar.plans import NotDue, Plan
from tasks.contracts.timetable import Timetable
from tasks.errors import OpsError
from tasks.home import Home, home
from tasks.log import log
from tasks.model import Outcome
from tasks.records import Book
from tasks.reports.daily import worst_first
from tasks.texts import t
from tasks.verb import Verb

# Marks the run that `opsproof up` starts by itself.
FIRST = t("routine.tag_first")


def run_under_prefect(
    routine: Routine,
    contract: str,
    only: Sequence[str],
    note: str,
    before: Callable[[Home, Request], None] = lambda *_: None,
    rehearse: bool = False,
    **asked: str,
) -> State[Any]:
    """The flow's final state; findings are Completed under a name of their own: the run did its work.
    `before`: what is waited for while nothing is held yet."""
    here = home()
    only = tuple(filter(None, only))
    plan: Plan | None = None
    try:
        if scheduled := scheduled_start():
            planned = due(here, routine, contract, scheduled)
            if isinstance(planned, State):
                return planned
            plan, only = planned, only or planned.only
        started_by = t("routine.by_schedule") if plan else by_hand()
        request = Request(
            contract=contract,
            started_by=started_by,
            only=only,
            note=note,
            plan=plan,
            rehearse=rehearse,
            asked={name: said for name, value in asked.items() if (said := value.strip())},
        )
        before(here, request)
        closed = perform(here, routine, request, call=as_task)
    except OpsError as problem:
        return Failed(name=t("routine.state_failed"), message=str(problem))
    show(closed)
    ok = closed.entry.record.outcome is Outcome.OK
    name = t("routine.state_ok") if ok else t("routine.state_findings")
    return Completed(name=name, message=closed.entry.record.summary)


def run_name(title: str) -> Callable[[], str]:
    """What the UI calls a run, instead of two random words."""
    return lambda: f"{title} {clock.now():%m-%d %H:%M:%S}"


def as_task(verb: Verb, *arguments: Any) -> Any:
    """Quoted: Prefect would look through all that hangs on an argument for results of other tasks, and takes
    a model with a field `keys` for a mapping."""
    of = task(
        name=verb.name,
        task_run_name=verb.run_name,
        timeout_seconds=verb.seconds,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    return of(verb.do)(*map(quote, arguments))


def by_hand() -> str:
    """The UI has one login for all, so it cannot say who; the very first run nobody asked for."""
    context = FlowRunContext.get()
    first = context is not None and context.flow_run is not None and FIRST in context.flow_run.tags
    return t("routine.by_start") if first else t("routine.by_ui")


def scheduled_start() -> datetime | None:
    """When Prefect's schedule wanted this run; None for a run that a person started."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or not run.auto_scheduled or run.expected_start_time is None:
        return None
    # Prefect's own kind of datetime loses its zone in our arithmetic.
    return datetime.fromtimestamp(run.expected_start_time.timestamp(), clock.ZONE)


def due(here: Home, routine: Routine, contract: str, scheduled: datetime) -> Plan | State[Any]:
    """The plan of this moment. A day off or outside the term, a run already recorded and one that
    comes too late end here: after an outage Prefect starts every late run at once. The comparison
    of plan with book writes what was missed, in one place for those that never started too.
    """
    plan = Timetable.load(here.inventories, contract).plan_at(routine.code, scheduled)
    if isinstance(plan, NotDue):
        return Completed(name=t("routine.state_skipped"), message=plan.reason)
    done = next(Book(here.ready(here.book)).entries(contract=contract, plan_id=plan.id, limit=1), None)
    if done:
        message = t("routine.skipped_done", seq=done.seq)
        return Completed(name=t("routine.state_skipped"), message=message)
    if clock.now() > plan.given_up_at:
        message = t("routine.given_up", due=plan.due_at)
        log.warning(message)
        return Completed(name=t("routine.state_given_up"), message=message)
    return plan


def show(closed: Closed) -> None:
    """What the run's page in the UI says: the link to the written record, then what was found."""
    record, seq = closed.entry.record, closed.entry.seq
    values = {
        "title": record.title,
        "number": f"{record.started_at:%Y-%m-%d %H:%M}",
        "summary": record.summary,
        "link": t("routine.artifact_link"),
        "url": record_url(record.contract, seq),
        "contract": record.contract,
        "seq": seq,
        "hash": closed.entry.hash,
    }
    key = f"{record.routine}-{record.contract}"
    create_markdown_artifact(
        t("routine.artifact_text", **values), key=f"{key}-record", description=t("routine.artifact_record")
    )
    if closed.findings:
        rows = [row(found) for found in worst_first(closed.findings)]
        create_table_artifact(rows, key=f"{key}-findings", description=t("routine.artifact_table"))
