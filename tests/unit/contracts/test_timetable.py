"""Within its term a contract owes what its schedules say, outside of it nothing, and says why."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from flows.cli import main
from flows.comparison import compare
from tasks import clock
from tasks.calendar.plans import NotDue, Plan, at_midnight
from tasks.contracts.activation import activate
from tasks.contracts.timetable import Timetable
from tasks.home import Home, home
from tasks.records import Book

TODAY = clock.now().date()
DAILY = 'schedules:\n  - {routine: inspection, title: 巡检, at: "00:00", days: every, give_up_after: 1h}\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path))
    (tmp_path / "contracts").mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "schedules.yml").write_text(DAILY)
    (tmp_path / "x" / "hosts.yml").write_text(
        "groups: {here: {part: machine, os: linux, transport: local, hosts: [{name: localhost}]}}\n"
    )
    home().ready(home().book)
    return home()


def term(here: Home, first: date | None, last: date | None) -> None:
    said = f"term: {{start: {first}, end: {last}}}\n" if first else ""
    parts = "parts: {machine: {title: 本机, hosts: {any: 1}}}\n"
    (here.inventories / "contracts" / "x.yml").write_text(f"code: x\nname: 某合同\n{parts}{said}")


def test_the_first_and_the_last_day_of_the_term_count(here: Home) -> None:
    term(here, date(2026, 3, 1), date(2026, 3, 5))
    timetable = Timetable.load(here.inventories, "x")
    found = timetable.plans(at_midnight(date(2026, 2, 1)), at_midnight(date(2026, 4, 1)))
    assert [plan.due_at.day for plan in found] == [1, 2, 3, 4, 5]
    for day, due in ((1, True), (5, True), (6, False)):
        plan = timetable.plan_at("inspection", at_midnight(date(2026, 3, day)))
        assert isinstance(plan, Plan if due else NotDue)
    early = timetable.plan_at("inspection", at_midnight(date(2026, 2, 28)))
    assert isinstance(early, NotDue) and "服务期" in early.reason and "2026-03-01" in early.reason


def test_without_a_term_it_is_always_due(here: Home) -> None:
    term(here, None, None)
    timetable = Timetable.load(here.inventories, "x")
    start = at_midnight(date(2031, 1, 1))
    assert len(timetable.plans(start, start + timedelta(days=10))) == 10


def test_the_comparison_owes_nothing_after_the_term(here: Home) -> None:
    term(here, TODAY - timedelta(days=30), TODAY - timedelta(days=3))
    book = Book(here.book)
    activate(book, "x", "test", clock.now() - timedelta(days=6))
    entries, looked_at = compare(here, book, "x")
    days = {entry.record.planned_at.date() for entry in entries if entry.record.planned_at}
    assert looked_at == len(entries) >= 2
    assert max(days) == TODAY - timedelta(days=3)


def test_plan_list_says_why_it_is_empty(here: Home, capsys: pytest.CaptureFixture[str]) -> None:
    term(here, date(2026, 3, 1), date(2026, 3, 5))
    assert main(["plan", "list", "--contract", "x", "--from", "2026-04-01", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == [] and "2026-03-01 至 2026-03-05" in captured.err
    assert main(["plan", "list", "--contract", "x", "--from", "2026-03-04", "--json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 2 and "服务期" in captured.err
    (here.inventories / "x" / "schedules.yml").unlink()
    assert main(["plan", "list", "--contract", "x"]) == 0
    assert "还没有计划表" in capsys.readouterr().err


def test_activation_after_the_term_is_warned_of(here: Home, capsys: pytest.CaptureFixture[str]) -> None:
    term(here, date(2022, 3, 1), date(2023, 4, 30))
    assert main(["inventory", "activate", "x"]) == 1
    captured = capsys.readouterr()
    assert "2022-03-01 至 2023-04-30" in captured.err and "只能手工执行" in captured.err
    term(here, TODAY, TODAY)
    assert main(["inventory", "activate", "x", "--yes"]) == 0
    assert "服务期" not in capsys.readouterr().err
