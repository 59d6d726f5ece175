"""What is due when: full days, what is in between, holidays, chains that cannot be gone on with."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tasks.backups.cadence import due, kind_today
from tasks.backups.manifest import Kind
from tasks.backups.plan import Item, Job
from tasks.calendar.days import Calendar
from tasks.calendar.plans import Plan
from tasks.clock import ZONE
from tasks.inventory.vocabulary import Routine
from tasks.model import Database
from tests.unit.backups.histories import START, backup, chain, proved

CALENDAR = Calendar()
SUNDAYS = {"weekly": ["sun"]}
NIGHTLY = timedelta(days=1)


def job(**more: Any) -> Job:
    said = {"name": "app", "targets": ["app-db"], "method": "sqlite", "store": "vault", **more}
    return Job.model_validate(said)


def test_weekly_full_and_increments_between() -> None:
    asked = job(full={"weekly": ["mon"]}, between="incr")
    assert kind_today(asked, START, [], CALENDAR) is Kind.FULL
    week = chain(START, 1, 6)
    for day in range(1, 7):
        at = START + day * NIGHTLY
        assert kind_today(asked, at, week[:day], CALENDAR) is Kind.INCREMENTAL
    assert kind_today(asked, START + 7 * NIGHTLY, week, CALENDAR) is Kind.FULL


def test_nothing_in_between() -> None:
    asked = job(full=SUNDAYS)
    assert kind_today(asked, START, [], CALENDAR) is None
    assert kind_today(asked, START + 6 * NIGHTLY, [], CALENDAR) is Kind.FULL


def test_the_first_of_a_full_day_is_full_and_logs_follow() -> None:
    asked = job(full={"weekly": ["mon"]}, between="log")
    full = backup(START)
    assert kind_today(asked, START, [], CALENDAR) is Kind.FULL
    assert kind_today(asked, START + timedelta(hours=1), [full], CALENDAR) is Kind.LOG
    twice = job(full="every")
    assert kind_today(twice, START + timedelta(hours=12), [full], CALENDAR) is Kind.FULL


@pytest.mark.parametrize("what", ["gone", "failed", "other method", "other digest"])
def test_a_chain_that_is_no_use_begins_anew(what: str) -> None:
    from dataclasses import replace

    asked = job(full=SUNDAYS, between="incr")
    week = chain(START, 1, 2)
    assert kind_today(asked, START + 3 * NIGHTLY, week, CALENDAR) is Kind.INCREMENTAL
    if what == "gone":
        week = [week[0], week[2]]
    elif what == "failed":
        week[0] = proved(week[0], failed="内容不同")
    elif what == "other method":
        asked = job(full=SUNDAYS, between="incr", method="files")
    else:
        week[0] = replace(week[0], digest="0" * 64)
    assert kind_today(asked, START + 3 * NIGHTLY, week, CALENDAR) is Kind.FULL


def test_working_days_know_holidays_and_make_up_weekends() -> None:
    """National Day 2025: 1–8 October off, Saturday 11 October worked."""
    asked = job(full="working")
    at = lambda day: datetime(2025, 10, day, 1, 0, tzinfo=ZONE)  # noqa: E731
    assert kind_today(asked, at(1), [], CALENDAR) is None
    assert kind_today(asked, at(8), [], CALENDAR) is None
    assert kind_today(asked, at(9), [], CALENDAR) is Kind.FULL
    assert kind_today(asked, at(11), [], CALENDAR) is Kind.FULL
    assert kind_today(asked, at(12), [], CALENDAR) is None


def test_what_a_plan_asks_for() -> None:
    target = Database(contract="lab", part="app", name="app-db", engine="sqlite", path="app.db")
    item = Item(job(full={"weekly": ["mon"]}, between="incr"), target)
    later = [backup(START + timedelta(hours=1))]
    plan = Plan(
        id="p",
        contract="lab",
        routine=Routine.BACKUP,
        title="",
        due_at=START,
        late_after=timedelta(minutes=30),
        give_up_after=timedelta(hours=4),
        only=(),
        unpublished=False,
    )
    assert [one.kind for one in due(plan, [item], later, CALENDAR)] == [Kind.FULL]
    from dataclasses import replace

    assert due(replace(plan, only=("other",)), [item], later, CALENDAR) == []
    assert len(due(replace(plan, only=("app-db",)), [item], later, CALENDAR)) == 1
