"""The morning's check: what was not backed up, late, unproven, too old or gone; holidays and wrong clocks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tasks.backups.catalogue import Backup
from tasks.backups.looks import Look, Seen, Stranger
from tasks.backups.plan import Item, Job
from tasks.backups.plan_check import Facts, Ran, check
from tasks.calendar.days import Calendar
from tasks.calendar.plans import plans
from tasks.calendar.schedules import Schedules
from tasks.clock import ZONE
from tasks.model import Database, Finding, Status
from tests.unit.backups.histories import START, backup, proved

TARGET = Database(contract="lab", part="app", name="app-db", engine="sqlite", path="app.db")
NIGHT = timedelta(days=1)
MORNING = timedelta(hours=7, minutes=30)
NIGHTLY = {"routine": "backup", "at": "01:00", "days": "every"}
WEEKLY_PROOF = {"routine": "backup-proof", "at": "03:00", "days": {"weekly": ["mon"]}}


def item(**more: Any) -> Item:
    said = {"name": "app", "targets": ["app-db"], "method": "sqlite", "store": "vault", **more}
    return Item(Job.model_validate(said), TARGET)


def nights(count: int, start: datetime = START) -> list[Backup]:
    """One a night, a few minutes after it was due, the newest proven."""
    made = [
        backup(start + night * NIGHT + timedelta(minutes=3), version=(night + 1, 0)) for night in range(count)
    ]
    return [*made[:-1], proved(made[-1])] if made else []


def whole(backups: Sequence[Backup]) -> Look:
    return Look(tuple(Seen(one, store, "whole") for one in backups for store in one.stores))


def looked(
    backups: Sequence[Backup],
    now: datetime,
    one: Item | None = None,
    schedules: Sequence[dict[str, Any]] = (NIGHTLY, WEEKLY_PROOF),
    **more: Any,
) -> dict[str, Finding]:
    """What the check says, the worst of each kind."""
    said = Schedules.model_validate({"schedules": schedules})
    calendar = Calendar()
    facts = {
        "now": now,
        "since": now - 3 * NIGHT,
        "items": [one or item()],
        "plans": plans(said, "lab", START - NIGHT, now, calendar),
        "backups": backups,
        "look": whole(backups),
        "calendar": calendar,
        **more,
    }
    worst: dict[str, Finding] = {}
    for found in check(Facts(**facts)):
        known = worst.get(found.check)
        if known is None or Status.worst([known.status, found.status]) != known.status:
            worst[found.check] = found
    return worst


def test_a_quiet_morning() -> None:
    made = nights(10)
    found = looked(made, START + 9 * NIGHT + MORNING)
    assert {one.status for one in found.values()} == {Status.OK}
    assert "3 次" in found["backup-check"].summary


def test_a_missed_night_is_known_the_same_morning() -> None:
    found = looked(nights(9), START + 9 * NIGHT + MORNING)["backup-check"]
    assert found.status is Status.FAIL and "没有执行" in found.summary and "--only app-db" in found.advice


def test_a_run_that_left_no_backup_failed() -> None:
    now = START + 9 * NIGHT + MORNING
    ran = {"lab/backup/20260311T0100": Ran(START + 9 * NIGHT)}
    found = looked(nights(9), now, ran=ran)["backup-check"]
    assert found.status is Status.FAIL and "没有留下完整备份" in found.summary


def test_what_retention_gave_up_was_made() -> None:
    made = nights(10)
    gone = made[8]
    ran = {"lab/backup/20260310T0100": Ran(gone.manifest.started_at, frozenset({gone.name}))}
    kept = [*made[:8], made[9]]
    assert looked(kept, START + 9 * NIGHT + MORNING, ran=ran)["backup-check"].status is Status.OK
    assert looked(kept, START + 9 * NIGHT + MORNING)["backup-check"].status is Status.FAIL


def test_late_is_when_the_run_began_late() -> None:
    made = nights(10)
    slow = replace(
        made[-1], manifest=replace(made[-1].manifest, started_at=START + 9 * NIGHT + 3 * NIGHT / 24)
    )
    now = START + 9 * NIGHT + MORNING
    found = looked([*made[:-1], slow], now)["backup-check"]
    assert found.status is Status.WARN and found.numbers[0].value == 180
    ran = {"lab/backup/20260311T0100": Ran(START + 9 * NIGHT)}
    assert looked([*made[:-1], slow], now, ran=ran)["backup-check"].status is Status.OK


def test_before_it_is_late_and_while_it_runs_nothing_is_wrong() -> None:
    now = START + 9 * NIGHT + timedelta(minutes=10)
    assert looked(nights(9), now)["backup-check"].status is Status.OK
    now = START + 9 * NIGHT + timedelta(hours=2)
    assert looked(nights(9), now)["backup-check"].status is Status.FAIL
    assert looked(nights(9), now, running=frozenset({"backup"}))["backup-check"].status is Status.OK


def test_on_a_holiday_nothing_is_owed() -> None:
    """National Day 2025: nothing from the 1st to the 8th; Saturday the 11th is worked."""
    holiday = datetime(2025, 9, 30, 1, 0, tzinfo=ZONE)
    working = {"routine": "backup", "at": "01:00", "days": "working"}
    said = Schedules.model_validate({"schedules": [working]})
    only = item(full="working")
    made = [proved(backup(holiday))]

    def on(day: int, hour: int = 8) -> Finding:
        now = datetime(2025, 10, day, hour, 30, tzinfo=ZONE)
        due = plans(said, "lab", holiday, now, Calendar())
        return looked(made, now, only, (), plans=due, since=holiday)["backup-check"]

    assert on(8).status is Status.OK
    assert on(9).status is Status.FAIL and "10-09 01:00" in on(9).summary
    made.append(backup(datetime(2025, 10, 9, 1, 1, tzinfo=ZONE), version=(2, 0)))
    made.append(backup(datetime(2025, 10, 10, 1, 1, tzinfo=ZONE), version=(3, 0)))
    assert on(10).status is Status.OK
    assert on(11).status is Status.FAIL, "a make-up Saturday"


def test_every_day_items_under_a_schedule_of_every_day_but_full_on_sundays() -> None:
    only = item(full={"weekly": ["sun"]})
    made = [proved(backup(START + 6 * NIGHT, version=(1, 0)))]
    assert looked(made, START + 9 * NIGHT + MORNING, only, (NIGHTLY,))["backup-check"].status is Status.OK
    assert looked([], START + 6 * NIGHT + MORNING, only, (NIGHTLY,))["backup-check"].status is Status.FAIL


def test_never_proven_failed_and_too_old() -> None:
    made = [replace(one, proofs=()) for one in nights(10)]
    now = START + 9 * NIGHT + MORNING
    assert looked(made, now)["backup-proof"].status is Status.WARN
    bad = [*made[:-1], proved(made[-1], failed="内容不同")]
    found = looked(bad, now)["backup-proof"]
    assert found.status is Status.FAIL and "内容不同" in found.summary
    old = [proved(made[0]), *made[1:]]  # of Monday the 2nd; the 9th is promised, too
    found = looked(old, now)["backup-proof"]
    assert found.status is Status.WARN and "2026-03-09" in found.summary
    assert looked(old, now, schedules=(NIGHTLY,))["backup-proof"].status is Status.OK
    assert looked([], now)["backup-proof"].status is Status.FAIL


def test_a_proof_that_failed_is_over_when_a_later_one_held() -> None:
    made = nights(10)
    made[7] = proved(made[7], failed="内容不同")
    assert looked(made, START + 9 * NIGHT + MORNING)["backup-proof"].status is Status.OK
    made[9] = proved(made[9], failed="内容不同", after=5)
    assert looked(made, START + 9 * NIGHT + MORNING)["backup-proof"].status is Status.FAIL


def test_the_promised_point() -> None:
    only = item(rpo="26h")
    made = nights(10)
    now = START + 9 * NIGHT + MORNING
    assert looked(made, now, only)["backup-rpo"].status is Status.OK
    late = looked(made[:-1], now, only)["backup-rpo"]
    assert late.status is Status.FAIL and late.numbers[0].value == pytest.approx(31.45)
    seen = Look(tuple(Seen(one, "vault", "vanished" if one is made[-1] else "whole") for one in made))
    assert looked(made, now, only, look=seen)["backup-rpo"].status is Status.FAIL, (
        "what vanished restores nothing"
    )


def test_copies_gone_changed_missing_and_unreachable() -> None:
    made, now = nights(10), START + 9 * NIGHT + MORNING

    def said(state: Any, one: Item | None = None) -> Finding:
        seen = [Seen(each, "vault", "whole") for each in made[:-1]]
        look = Look((*seen, Seen(made[-1], "vault", state, "某处")))
        return looked(made, now, one, look=look)["backup-copy"]

    assert said("whole").status is Status.OK
    assert said("vanished").status is said("changed").status is Status.FAIL
    assert said("unknown").status is Status.UNKNOWN
    found = said("whole", item(copies=["second"]))
    assert found.status is Status.WARN and "second" in found.summary


def test_wrong_clocks_are_told_and_count_for_nothing() -> None:
    made, now = nights(9), START + 9 * NIGHT + MORNING
    ahead = backup(datetime(2031, 1, 1, tzinfo=ZONE), version=(10, 0))
    found = looked([*made, ahead], now, item(rpo="26h"))
    assert found["backup-clock"].status is Status.WARN and "2031" in found["backup-clock"].summary
    assert found["backup-check"].status is Status.FAIL and found["backup-rpo"].status is Status.FAIL


def test_strangers_and_closed_stores() -> None:
    made = nights(3)
    look = replace(
        whole(made),
        strangers=(Stranger("vault", "lab/app-db/x", 2**30, True),),
        closed={"second": "目录未挂载"},
    )
    found = check(
        Facts(
            now=START + 2 * NIGHT + MORNING,
            since=START,
            items=[],
            plans=[],
            backups=made,
            look=look,
            calendar=Calendar(),
        )
    )
    assert [(one.target, one.status) for one in found] == [
        ("second", Status.UNKNOWN),
        ("vault", Status.WARN),
    ]


def test_what_shrank_is_told() -> None:
    made = nights(10)
    small = backup(START + 10 * NIGHT, version=(11, 0), size=10**7, stored=10**6)
    found = looked([*made, small], START + 10 * NIGHT + MORNING)["backup-signs"]
    assert found.status is Status.WARN and "大小" in found.summary
