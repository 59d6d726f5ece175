"""Days of looks with a clock of their own: what comes into the book, and what the figures say."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from flows.cli import main
from flows.comparison import compare
from flows.looking import samples_of, watch
from flows.routine import Request, perform
from flows.routines import routine
from flows.statements import stated
from tasks import clock
from tasks.availability.days import SAMPLES
from tasks.availability.samples import read
from tasks.errors import Refused
from tasks.history import History
from tasks.home import Home
from tasks.locks import held
from tasks.model import Outcome, Status
from tasks.records import Book, Entry
from tests.unit.flows.installed import install

START = datetime.fromisoformat("2026-11-20T21:00:00+08:00")
EVERY = timedelta(hours=1)
SCHEDULE = "  - {routine: availability, title: 可用性, every: 1h}\n"
PROMISE = "availability:\n  - {scope: database, title: 数据库可用率, basis: raw, at_least: 99.9}\n"


class Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(START)
    monkeypatch.setattr(clock, "now", made)
    return made


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, time: Clock) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    made = install(tmp_path)
    for name, text in (("local/schedules.yml", SCHEDULE), ("contracts/local.yml", PROMISE)):
        with (made.inventories / name).open("a", encoding="utf-8") as file:
            file.write(text)
    return made


def until(house: Home, time: Clock, end: str) -> None:
    """A round every hour, up to and without `end`."""
    while time.at < clock.parse(end):
        watch(house, Request(contract="local", started_by="计划"))
        time.at += EVERY


def stopped(house: Home, really: bool) -> None:
    """The database's file is gone, or back."""
    here, away = house.root / "db.sqlite", house.root / "away"
    (here if really else away).rename(away if really else here)


def records(house: Home) -> list[Entry]:
    return list(Book(house.book).entries(contract="local", routine="availability"))


def lived(house: Home, time: Clock) -> None:
    """Down from 22:00 to 23:00, we ourselves away from 02:00 to 06:00, down from 23:00 over midnight."""
    until(house, time, "2026-11-20T22:00")
    stopped(house, True)
    until(house, time, "2026-11-20T23:00")
    stopped(house, False)
    until(house, time, "2026-11-21T02:00")
    time.at = clock.parse("2026-11-21T06:00")
    until(house, time, "2026-11-21T23:00")
    stopped(house, True)
    until(house, time, "2026-11-22T01:00")
    stopped(house, False)
    until(house, time, "2026-11-22T03:00")


def test_the_book_gets_a_record_of_each_day_and_of_each_change(house: Home, time: Clock) -> None:
    lived(house, time)
    events = [entry.record.facts.get("event", "day") for entry in records(house)]
    assert events == ["down", "up", "day", "down", "day", "up"]
    first, second = (entry for entry in records(house) if "day" in entry.record.facts)
    assert first.record.started_at == START and first.record.plan_id == "local/availability/20261120T0000"
    assert second.record.ended_at == clock.parse("2026-11-22T00:00")
    assert (second.record.facts["rounds"], second.record.facts["unwatched_seconds"]) == (20, 3 * 3600)
    assert second.record.outcome is Outcome.FINDINGS and "3 小时没有探测" in second.record.summary
    kept = next(one for one in second.record.evidence if one.name == SAMPLES)
    assert len(read(Book(house.book).read(kept))) == 20
    assert samples_of(house, "local").days() == [date(2026, 11, 21), date(2026, 11, 22)]
    assert Book(house.book).verify().ok
    figures_are_those_of_what_happened(house, time)
    the_day_records_feed_the_history(house)


def figures_are_those_of_what_happened(house: Home, time: Clock) -> None:
    said = stated(house, "local", date(2026, 11, 1), date(2026, 11, 30))
    found = said.figures["platform-db"]
    hour = timedelta(hours=1)
    assert [outage.span.length for outage in found.outages] == [hour, 2 * hour]
    assert (found.down, found.unknown) == (3 * hour, 3 * hour)
    assert found.up == time.at - START - 6 * hour
    (promise,) = said.promises
    assert promise.status is Status.FAIL and promise.value == found.raw
    assert "unable to open" in said.outages[0].reason


def the_day_records_feed_the_history(house: Home) -> None:
    history = History(house.ready(house.history))
    history.catch_up(Book(house.book), "local")
    rows = history.numbers("local", "platform-db", ["availability"], START - timedelta(days=1))
    available = [value for _, _, _, name, value in rows if name == "available"]
    assert available == pytest.approx([100 * 2 / 3, 100 * 20 / 21], abs=0.001)


def test_a_day_closed_is_closed_once_and_nothing_of_it_is_missed(house: Home, time: Clock) -> None:
    until(house, time, "2026-11-21T12:00")
    time.at = clock.parse("2026-11-24T10:00")  # we were away for days; whoever comes first closes the day
    entries, _ = compare(house, Book(house.book), "local")
    missed = {
        entry.record.plan_id: entry.record.outcome
        for entry in entries
        if "availability" in entry.record.plan_id
    }
    assert missed == dict.fromkeys(
        [f"local/availability/202611{day}T0000" for day in (22, 23)], Outcome.MISSED
    )
    compare(house, Book(house.book), "local")
    until(house, time, "2026-11-24T12:00")
    days = [entry.record.facts["day"] for entry in records(house) if "day" in entry.record.facts]
    assert days == ["2026-11-20", "2026-11-21"]
    found = stated(house, "local", date(2026, 11, 20), date(2026, 11, 24)).figures["platform-db"]
    assert found.raw == 100 and found.watched < 30
    time.at = clock.parse("2026-11-25T09:00")
    again, _ = compare(house, Book(house.book), "local")
    late = [entry for entry in again if entry.record.plan_id.endswith("20261124T0000")]
    assert [entry.record.outcome for entry in late] == [Outcome.LATE]


def test_a_stop_announced_before_it_is_left_out_and_shown_beside(
    house: Home, time: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["availability", "show", "--contract", "local"]) == 1
    assert "没有可用性探测" in capsys.readouterr().err
    (house.inventories / "operators.yml").write_text(
        "operators: [{name: 甲, roles: [operator], contracts: all}]\n"
    )
    said = [
        "availability",
        "stop",
        "--contract",
        "local",
        "--target",
        "platform-db",
        "--by",
        "甲",
        "--reason",
        "补丁",
    ]
    assert main([*said, "--from", "2026-11-20T22:00", "--to", "2026-11-20T23:00"]) == 0
    lived(house, time)
    assert main([*said, "--from", "2026-11-21T23:00", "--to", "2026-11-22T02:00"]) == 0
    assert "开始时间已过" in capsys.readouterr().err
    assert (
        main(
            [
                "availability",
                "show",
                "--contract",
                "local",
                "--from",
                "2026-11-20",
                "--to",
                "2026-11-22",
                "--json",
            ]
        )
        == 1
    )
    shown = json.loads(capsys.readouterr().out)["targets"]["platform-db"]
    assert (shown["down"], shown["planned"]) == (3 * 3600, 3600)
    assert [one["planned"] for one in shown["outages"]] == [3600, 0]
    assert shown["excepted"] > shown["raw"]
    the_command_shows_tables(capsys)


def the_command_shows_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["availability", "show", "--contract", "local"]) == 1
    captured = capsys.readouterr()
    assert "platform-db" in captured.out and "3 小时" in captured.out and "不达标" in captured.err
    assert main(["availability", "show", "--contract", "local", "--outages"]) == 1
    assert "2026-11-21 23:00:00" in capsys.readouterr().out
    assert (
        main(["availability", "show", "--contract", "local", "--from", "2026-11-22", "--to", "2026-11-01"])
        == 1
    )


def test_a_month_that_is_over_has_its_statement(house: Home, time: Clock) -> None:
    time.at = clock.parse("2026-11-30T22:00")
    until(house, time, "2026-11-30T23:00")
    stopped(house, True)
    until(house, time, "2026-12-01T00:00")
    stopped(house, False)
    until(house, time, "2026-12-02T02:00")
    (entry,) = [entry for entry in records(house) if "month" in entry.record.facts]
    assert entry.record.facts["month"] == "2026-11" and entry.record.ended_at == clock.parse(
        "2026-12-01T00:00"
    )
    form = Book(house.book).read(entry.record.evidence[0]).decode()
    assert "可用性统计" in form and "50.0000%" in form and "不达标" in form and "1 小时" in form


def test_by_hand_it_leaves_a_record_with_what_it_saw(house: Home, time: Clock) -> None:
    stopped(house, True)
    closed = perform(house, routine("availability"), Request(contract="local", started_by="测试"))
    assert [found.status for found in closed.findings] == [Status.FAIL]
    assert closed.entry.record.expected == 1 and "day" not in closed.entry.record.facts
    assert samples_of(house, "local").last() is not None


def test_it_goes_on_while_something_is_changed_and_not_twice_at_once(house: Home, time: Clock) -> None:
    request = Request(contract="local", started_by="计划")
    with held(house, "local", "patch", changes=True, title="打补丁"):
        assert "可用 1" in watch(house, request)
    with (
        held(house, "local", "availability", changes=False, title="另一次"),
        pytest.raises(Refused, match="另一次"),
    ):
        watch(house, request)


def test_what_is_not_active_is_not_looked_at(house: Home, time: Clock, tmp_path: Path) -> None:
    idle = install(tmp_path / "idle", active=False)
    with pytest.raises(Refused, match="activate"):
        watch(idle, Request(contract="local", started_by="计划"))
