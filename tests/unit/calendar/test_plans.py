import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.calendar.days import Calendar
from tasks.calendar.plans import NotDue, Plan, at_midnight, crons, due_days, plan_at, plans
from tasks.calendar.schedules import Schedules, load
from tasks.clock import ZONE
from tasks.errors import Refused
from tasks.home import CODE

CALENDAR = Calendar()
INVENTORIES = CODE / "inventories"
CONTRACTS = ("local", "approval-platform", "office-oa", "culture-office", "science-oa", "petition-web")


def written(inventories: Path, *entries: str) -> Schedules:
    text = "schedules:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)
    (inventories / "x" / "schedules.yml").write_text(text)
    return load(inventories, "x")


def due(schedules: Schedules, first: date, last: date) -> list[str]:
    found = plans(schedules, "x", at_midnight(first), at_midnight(last + timedelta(days=1)), CALENDAR)
    return [plan.id.removeprefix("x/").removeprefix("inspection/") for plan in found]


def rule(inventories: Path, days: str, first: date, last: date, at: str = '"08:30"') -> list[str]:
    return due(written(inventories, f"routine: inspection, at: {at}, days: {days}"), first, last)


def test_ids_name_contract_routine_and_local_time(inventories: Path) -> None:
    schedules = written(
        inventories, 'routine: inspection, title: 早, at: "08:30", days: every, only: [web-01]'
    )
    found = plans(
        schedules, "x", datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC), CALENDAR
    )
    assert [plan.id for plan in found] == ["x/inspection/20261121T0830"]
    plan = found[0]
    assert plan.due_at == datetime(2026, 11, 21, 8, 30, tzinfo=ZONE)
    assert (plan.title, plan.only, plan.unpublished) == ("早", ("web-01",), False)
    assert plan.late_at - plan.due_at == timedelta(minutes=30)
    assert plan.given_up_at - plan.due_at == timedelta(hours=4)


def test_the_start_belongs_to_the_period_and_the_end_does_not(inventories: Path) -> None:
    schedules = written(inventories, 'routine: inspection, at: ["00:00", "23:59"], days: every')
    assert due(schedules, date(2026, 12, 31), date(2026, 12, 31)) == ["20261231T0000", "20261231T2359"]
    start = datetime(2026, 12, 31, 23, 59, tzinfo=ZONE)
    found = plans(schedules, "x", start, start + timedelta(minutes=1), CALENDAR)
    assert [plan.id for plan in found] == ["x/inspection/20261231T2359"]
    assert plans(schedules, "x", start, start, CALENDAR) == []


def test_working_days_hold_makeup_weekends_and_no_holidays(inventories: Path) -> None:
    found = rule(inventories, "working", date(2026, 9, 28), date(2026, 10, 12))
    assert [one[6:8] for one in found] == ["28", "29", "30", "08", "09", "10", "12"]


def test_weekly_runs_on_holidays_too(inventories: Path) -> None:
    """All of 16 to 22 February 2026 is holiday; an inspection owed once a week is still owed."""
    assert rule(inventories, "{weekly: [mon, sun]}", date(2026, 2, 16), date(2026, 2, 22)) == [
        "20260216T0830",
        "20260222T0830",
    ]


@pytest.mark.parametrize(
    ("year", "month", "last"), [(2026, 2, 28), (2028, 2, 29), (2026, 4, 30), (2026, 12, 31), (2100, 2, 28)]
)
@pytest.mark.parametrize("days", ["{monthly: last}", "{monthly: 31}"])
def test_month_ends(inventories: Path, days: str, year: int, month: int, last: int) -> None:
    first = date(year, month, 1)
    assert rule(inventories, days, first, date(year, month, last)) == [f"{year}{month:02}{last}T0830"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("{monthly: 30}", ["0130", "0228", "0330"]),
        ("{monthly: 1}", ["0101", "0201", "0301"]),
        ("{monthly: first-working}", ["0104", "0202", "0302"]),
        ("{monthly: first-working 3}", ["0106", "0204", "0304"]),
        ("{monthly: first-working 17}", ["0126", "0324"]),
        ("{monthly: last-working}", ["0130", "0228", "0331"]),
    ],
)
def test_days_of_the_month(inventories: Path, days: str, expected: list[str]) -> None:
    """2026: 4 January is a make-up Sunday, 28 February a make-up Saturday; February has 16 working days."""
    found = rule(inventories, days, date(2026, 1, 1), date(2026, 3, 31))
    assert [one[4:8] for one in found] == expected


def test_an_unpublished_year_marks_every_plan(inventories: Path) -> None:
    schedules = written(
        inventories,
        'routine: inspection, at: "08:30", days: every',
        'routine: backup, at: "09:00", days: working',
    )
    found = plans(schedules, "x", at_midnight(date(2026, 12, 31)), at_midnight(date(2027, 1, 2)), CALENDAR)
    assert [(plan.due_at.year, plan.unpublished) for plan in found] == [(2026, False)] * 2 + [
        (2027, True)
    ] * 2
    assert "节假日数据未发布" in found[-1].warning and found[0].warning == ""


def test_a_scheduled_start_finds_its_plan(inventories: Path) -> None:
    schedules = written(inventories, 'routine: inspection, at: "08:30", days: working')
    at = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    plan = plan_at(schedules, "x", "inspection", at, CALENDAR)
    assert isinstance(plan, Plan) and plan.id == "x/inspection/20261120T0830"
    assert [plan] == plans(schedules, "x", at, at + timedelta(minutes=1), CALENDAR)


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2026-10-01T08:30", "国庆节"),
        ("2026-11-21T08:30", "周末"),
        ("2026-11-20T08:31", "08:31"),
        ("2026-11-20T08:30:30", "08:30:30"),
        ("2027-01-02T08:30", "2027年节假日数据未发布"),
    ],
)
def test_no_plan_says_why(inventories: Path, at: str, told: str) -> None:
    schedules = written(inventories, 'routine: inspection, at: "08:30", days: working')
    moment = datetime.fromisoformat(at).replace(tzinfo=ZONE)
    answer = plan_at(schedules, "x", "inspection", moment, CALENDAR)
    assert isinstance(answer, NotDue) and told in answer.reason
    assert isinstance(plan_at(schedules, "x", "backup", moment, CALENDAR), NotDue)


def test_crons_are_daily_and_one_for_each_time(inventories: Path) -> None:
    schedules = written(
        inventories,
        'routine: inspection, at: ["20:00", "08:30"], days: working',
        'routine: backup, at: "00:05", days: {weekly: [mon]}',
        'routine: backup, at: "00:05", days: {weekly: [tue]}',
    )
    assert [(cron.routine, cron.cron) for cron in crons(schedules)] == [
        ("backup", "5 0 * * *"),
        ("inspection", "30 8 * * *"),
        ("inspection", "0 20 * * *"),
    ]


@given(st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31)))
@settings(deadline=None, max_examples=60)
def test_every_cron_of_a_day_is_a_plan_or_says_why(moment: datetime) -> None:
    for code in CONTRACTS[:2]:
        schedules = load(INVENTORIES, code)
        day = at_midnight(moment.date())
        expected = {plan.id for plan in plans(schedules, code, day, day + timedelta(days=1), CALENDAR)}
        fired = [
            plan_at(schedules, code, cron.routine, day.replace(hour=hour, minute=minute), CALENDAR)
            for cron in crons(schedules)
            for minute, hour in [(0 if "*" in part else int(part) for part in cron.cron.split()[:2])]
        ]
        assert {answer.id for answer in fired if isinstance(answer, Plan)} == expected
        assert all(answer.reason for answer in fired if isinstance(answer, NotDue))


def test_a_year_of_all_contracts_is_quick_and_unique() -> None:
    every = [(code, load(INVENTORIES, code)) for code in CONTRACTS]
    began = time.perf_counter()
    found = [
        plan.id
        for code, schedules in every
        for plan in plans(
            schedules, code, at_midnight(date(2026, 1, 1)), at_midnight(date(2027, 1, 1)), CALENDAR
        )
    ]
    # 0.06 s when measured; the machine may be busy.
    assert time.perf_counter() - began < 1
    assert len(found) == len(set(found)) > 9000


def test_what_c7_owes_on_time_is_planned_on_time() -> None:
    """Monthly report within the first three working days; an inspection in every week of 2026."""
    schedules = load(INVENTORIES, "science-oa")
    found = plans(schedules, "x", at_midnight(date(2026, 1, 1)), at_midnight(date(2027, 1, 1)), CALENDAR)
    monthly = [plan.due_at.date() for plan in found if plan.routine == "report-monthly"]
    assert len(monthly) == 12
    for day in monthly:
        month_before = day.replace(day=1) - timedelta(days=1)
        assert 1 <= CALENDAR.working_days_between(month_before, day).days <= 3
    weeks = {plan.due_at.isocalendar()[:2] for plan in found if plan.routine == "inspection"}
    assert len(weeks) == 52


def test_all_errors_in_one_pass_with_their_lines(inventories: Path) -> None:
    bad = [
        'routine: inspecton, at: "08:30", days: every',
        'routine: backup, at: "24:00", days: every',
        "routine: backup, at: 8, days: every",
        "routine: backup, at: [], days: every",
        'routine: backup, at: ["08:00", "08:00"], days: every',
        'routine: backup, at: "09:00", days: evry',
        'routine: backup, at: "09:00", days: {weekly: [monday]}',
        'routine: backup, at: "09:00", days: {weekly: []}',
        'routine: backup, at: "09:00", days: {monthly: 32}',
        'routine: backup, at: "09:00", days: {monthly: first-workin}',
        'routine: backup, at: "09:00", days: {monthly: true}',
        'routine: backup, at: "09:00", days: {weekly: [mon], monthly: 1}',
        'routine: backup, at: "09:00", days: {}',
        'routine: backup, at: "09:00", days: every, late_after: 30',
        'routine: backup, at: "09:00", days: every, late_after: -3m',
        'routine: backup, at: "09:00", days: every, late_afer: 3m',
        'routine: backup, at: "09:00", days: every, only: ["a;b"]',
        'routine: backup, at: "09:00", days: every, title: "a\\e[1m"',
        'routine: backup, at: "０9:00", days: every',
        'at: "09:00"',
    ]
    with pytest.raises(Refused) as caught:
        written(inventories, *bad)
    text = str(caught.value)
    assert [line for line in range(2, len(bad) + 2) if f"x/schedules.yml:{line}:" not in text] == []
    assert all(word in text for word in ("inspection", "every", "late_after"))


@pytest.mark.parametrize(
    ("first", "second", "meets"),
    [
        ("every", "every", True),
        ("working", "{monthly: 1}", True),
        ("{monthly: 30}", "{monthly: 31}", True),
        ("{weekly: [mon, tue]}", "{weekly: [tue]}", True),
        ("{weekly: [mon]}", "{weekly: [sat, sun]}", False),
    ],
)
def test_two_entries_of_one_routine_at_one_minute(
    inventories: Path, first: str, second: str, meets: bool
) -> None:
    entries = [f'routine: backup, at: "09:00", days: {days}' for days in (first, second)]
    if meets:
        with pytest.raises(Refused, match=r"schedules\.yml:3.*09:00"):
            written(inventories, *entries)
    else:
        assert len(written(inventories, *entries).schedules) == 2


def test_given_up_before_late_is_refused(inventories: Path) -> None:
    with pytest.raises(Refused, match="late_after"):
        written(inventories, 'routine: backup, at: "09:00", days: every, late_after: 5h')


def test_no_file_is_a_contract_without_schedule(inventories: Path) -> None:
    assert load(inventories, "x") == Schedules(schedules=())


def test_a_file_that_cannot_be_read_is_refused(inventories: Path) -> None:
    path = inventories / "x" / "schedules.yml"
    path.mkdir()
    with pytest.raises(Refused, match=r"schedules\.yml:1"):
        load(inventories, "x")
    path.rmdir()
    path.symlink_to("nowhere.yml")
    with pytest.raises(Refused, match=r"schedules\.yml:1"):
        load(inventories, "x")


def test_around_holidays_make_up_days_count_and_weekends_alone_do_not() -> None:
    """2026: Spring Festival 15 to 23 February (14 and 28 worked), Dragon Boat Festival 19 to 21 June,
    Mid-Autumn 25 to 27 September, National Day 1 to 7 October (20 September and 10 October worked)."""
    calendar = Calendar()

    def days(where: str, first: date, last: date) -> list[date]:
        said = Schedules.model_validate(
            {"schedules": [{"routine": "service", "at": "18:30", "days": {"holiday": where}}]}
        )
        return list(due_days(said.schedules[0], first, last, calendar))

    february = (date(2026, 2, 1), date(2026, 3, 1))
    assert days("before", *february) == [date(2026, 2, 14)]
    assert days("after", *february) == [date(2026, 2, 24)]
    june = (date(2026, 6, 1), date(2026, 6, 30))
    assert days("before", *june) == [date(2026, 6, 18)]
    assert days("after", *june) == [date(2026, 6, 22)]
    autumn = (date(2026, 9, 10), date(2026, 10, 15))
    assert days("before", *autumn) == [date(2026, 9, 24), date(2026, 9, 30)]
    assert days("after", *autumn) == [date(2026, 9, 28), date(2026, 10, 8)]
    year = (date(2026, 1, 1), date(2026, 12, 31))
    assert len(days("before", *year)) == 6  # the first of January began the year before
