"""What was owed and did not happen, or came late: plan compared with book.

The one place where a miss is written. A run that never started cannot record itself, so nobody
asks the runs; the comparison is keyed by plan id and may be repeated at any time.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from tasks.calendar.plans import Plan
from tasks.model import Outcome, Record
from tasks.records import Entry
from tasks.texts import t

ROUTINE = "plan-check"
# Of one comparison. A clock that jumped ahead makes years of misses: a person decides about those.
MOST = 200


def missing(
    plans: Iterable[Plan],
    entries: Iterable[Entry],
    now: datetime,
    running: frozenset[str] = frozenset(),
) -> list[Record]:
    """A record for each plan that was missed or came late and has none yet. `running`: the routines
    at work this moment, about whose plans nothing can be said.
    """
    done: dict[str, Entry] = {}
    noted: set[str] = set()
    for entry in entries:
        if entry.record.outcome in (Outcome.MISSED, Outcome.LATE):
            noted.add(entry.record.plan_id)
        elif entry.record.plan_id and was_begun(entry):
            done.setdefault(entry.record.plan_id, entry)
    found = []
    for plan in plans:
        if plan.id in noted or plan.routine in running:
            continue
        if plan.id in done:
            if done[plan.id].record.started_at > plan.late_at:
                found.append(_late(plan, done[plan.id], now))
        elif now > plan.given_up_at:
            found.append(_missed(plan, now))
    return found


def was_begun(entry: Entry) -> bool:
    """A run of playbooks that only said why nothing may be done has done nothing of its plan."""
    ends = entry.record.facts.get("ends")
    return not isinstance(ends, Mapping) or any(end != "no_go" for end in ends.values())


def _missed(plan: Plan, now: datetime) -> Record:
    title = plan.title or plan.routine
    return Record(
        contract=plan.contract,
        routine=ROUTINE,
        title=t("routine.missed_title", title=title),
        started_at=now,
        ended_at=now,
        started_by=t("routine.by_schedule"),
        outcome=Outcome.MISSED,
        plan_id=plan.id,
        planned_at=plan.due_at,
        summary=t("routine.missed_summary", due=plan.due_at, title=title),
        facts={"missed_routine": plan.routine, "given_up_at": plan.given_up_at.isoformat()},
    )


def _late(plan: Plan, entry: Entry, now: datetime) -> Record:
    title, started = plan.title or plan.routine, entry.record.started_at
    minutes = (started - plan.due_at) // timedelta(minutes=1)
    return Record(
        contract=plan.contract,
        routine=ROUTINE,
        title=t("routine.late_title", title=title),
        started_at=now,
        ended_at=now,
        started_by=t("routine.by_schedule"),
        outcome=Outcome.LATE,
        plan_id=plan.id,
        planned_at=plan.due_at,
        summary=t(
            "routine.late_summary",
            due=plan.due_at,
            title=title,
            started=started,
            minutes=minutes,
            seq=entry.seq,
        ),
        facts={"late_routine": plan.routine, "late_minutes": minutes, "late_record": entry.seq},
    )
