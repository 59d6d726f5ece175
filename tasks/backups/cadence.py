"""What is due for which item when the routine `backup` is: a full backup, what is in between, or nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tasks.backups.catalogue import Backup
from tasks.backups.chains import by_name, failed, links, newest
from tasks.backups.manifest import Kind
from tasks.backups.plan import Item, Job
from tasks.calendar.days import Calendar
from tasks.calendar.plans import Plan, due_days
from tasks.calendar.schedules import Entry
from tasks.clock import ZONE
from tasks.inventory.vocabulary import Routine


@dataclass(frozen=True, slots=True)
class Due:
    item: Item
    kind: Kind


def kind_today(job: Job, at: datetime, before: Sequence[Backup], calendar: Calendar) -> Kind | None:
    """On a full day the first one is full, and every one where there is nothing in between; None: nothing
    is due. `before`: the complete backups of this one item."""
    today = at.astimezone(ZONE).date()
    if is_full_day(job, today, calendar):
        return Kind.FULL if job.between == "nothing" or not full_of(today, before) else between(job, before)
    return None if job.between == "nothing" else between(job, before)


def between(job: Job, before: Sequence[Backup]) -> Kind:
    return Kind(job.between) if usable(job, before) else Kind.FULL


def usable(job: Job, before: Sequence[Backup]) -> bool:
    """Whether the last chain can be gone on with: whole, made by the same method, and no link failed."""
    last = newest(before)
    chain = links(last, by_name(before)) if last else []
    return bool(chain) and not any(failed(one) or one.manifest.method != job.method for one in chain)


def full_of(day: date, before: Sequence[Backup]) -> bool:
    return any(
        one.manifest.kind is Kind.FULL
        and not failed(one)
        and one.manifest.started_at.astimezone(ZONE).date() == day
        for one in before
    )


def is_full_day(job: Job, day: date, calendar: Calendar) -> bool:
    entry = Entry.model_construct(routine=Routine.BACKUP, days=job.full)
    return any(due_days(entry, day, day, calendar))


def due(plan: Plan, items: Iterable[Item], backups: Sequence[Backup], calendar: Calendar) -> list[Due]:
    """What `plan` asks for, by what there was before it."""
    found = []
    for item in items:
        if not asked_by(plan, item):
            continue
        before = [one for one in backups if one.item == item.key and one.manifest.started_at < plan.due_at]
        if kind := kind_today(item.job, plan.due_at, before, calendar):
            found.append(Due(item, kind))
    return found


def asked_by(plan: Plan, item: Item) -> bool:
    return not plan.only or item.job.name in plan.only or item.target.name in plan.only
