"""When changes may be made: windows that cross midnight, freezes, kinds, years nobody has published."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tasks.clock import parse
from tasks.errors import Refused
from tasks.playbooks.windows import read_changes, refusal, ruled
from tasks.strict import Problem

NIGHTS = 'windows: [{days: every, from: "22:00", to: "06:00"}]\n'
HOUR = timedelta(hours=1)


@pytest.fixture
def said(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    return tmp_path


def refused(said: Path, text: str, start: str, hours: float = 0, kind: str = "change") -> str:
    (said / "shop" / "changes.yml").write_text(text, "utf-8")
    at: datetime = parse(start)
    return refusal(said, "shop", kind, at, at + hours * HOUR)


def test_without_the_file_everything_may_be_done(said: Path) -> None:
    at = parse("2026-11-28T12:00")
    assert ruled(said, "shop", "change", at, at) is None
    assert refusal(said, "shop", "change", at, at) == ""


@pytest.mark.parametrize(
    ("start", "hours", "allowed"),
    [
        ("2026-11-28T23:00", 2, True),
        ("2026-11-28T02:00", 4, True),
        ("2026-11-28T02:00", 4.1, False),
        ("2026-11-28T21:59", 1, False),
        ("2026-11-28T12:00", 0, False),
        ("2026-11-28T22:00", 32, False),
        ("2026-11-28T15:00+00:00", 1, True),
    ],
)
def test_a_window_over_midnight(said: Path, start: str, hours: float, allowed: bool) -> None:
    assert (refused(said, NIGHTS, start, hours) == "") is allowed


def test_the_next_window_is_told(said: Path) -> None:
    assert "最近的窗口为 2026-11-28 22:00–2026-11-29 06:00" in refused(said, NIGHTS, "2026-11-28T12:00")


def test_windows_that_meet_are_one(said: Path) -> None:
    text = 'windows: [{days: every, from: "20:00", to: "22:00"}, {days: every, from: "22:00", to: "01:00"}]\n'
    assert refused(said, text, "2026-11-28T21:00", 3) == ""
    whole = 'windows: [{days: {weekly: [sat, sun]}, from: "00:00", to: "00:00"}]\n'
    assert refused(said, whole, "2026-11-28T00:00", 48) == "" and refused(said, whole, "2026-11-27T23:59")


def test_a_window_of_other_kinds_binds_nobody_else(said: Path) -> None:
    text = 'windows: [{days: every, from: "22:00", to: "06:00", kinds: [patch]}]\n'
    assert refused(said, text, "2026-11-28T12:00", kind="service") == ""
    assert refused(said, text, "2026-11-28T12:00", kind="patch")


def test_a_freeze_holds_on_both_its_days_and_whatever_the_window(said: Path) -> None:
    text = NIGHTS + "freezes: [{from: 2026-11-28, to: 2026-11-29, reason: 两会, kinds: [change]}]\n"
    assert "两会" in refused(said, text, "2026-11-27T22:30", 2)
    assert "两会" in refused(said, text, "2026-11-29T23:59")
    assert refused(said, text, "2026-11-30T00:00", 1) == ""
    assert refused(said, text, "2026-11-28T23:00", kind="service") == ""


def test_days_around_holidays(said: Path) -> None:
    text = 'windows: [{days: {holiday: before}, from: "17:30", to: "22:00"}]\n'
    # 2026-10-01 is a Thursday, the holiday before it and the day after are known to the package.
    assert refused(said, text, "2026-09-30T18:00", 1) == ""
    assert refused(said, text, "2026-09-28T18:00", 1)


def test_a_year_without_a_notice_is_told_where_it_matters(said: Path) -> None:
    working = 'windows: [{days: working, from: "19:00", to: "23:00"}]\n'
    assert "未发布" in refused(said, working, "2150-03-04T12:00")
    assert "未发布" not in refused(said, NIGHTS, "2150-03-04T12:00")
    seen = ruled(said, "shop", "change", parse("2026-11-27T20:00"), parse("2026-11-27T21:00"))
    assert seen is not None and seen.holds == "no"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('windows: [{days: every, from: "25:00", to: "06:00"}]\n', "from"),
        ('windows: [{days: every, from: ["01:00", "02:00"], to: "06:00"}]\n', "from"),
        ('windows: [{days: often, from: "22:00", to: "06:00"}]\n', "days"),
        ('windows: [{days: every, from: "22:00", to: "06:00", kinds: [chang]}]\n', "change"),
        ("freezes: [{from: 2026-02-30, to: 2026-03-01, reason: x}]\n", "from"),
        ("freezes: [{from: 2026-03-02, to: 2026-03-01, reason: x}]\n", "早于"),
        ("freezes: [{from: 2026-03-01, to: 2026-03-01}]\n", "reason"),
        ("window: []\n", "windows"),
    ],
)
def test_what_is_wrong_is_told_and_stops_everything(said: Path, text: str, told: str) -> None:
    (said / "shop" / "changes.yml").write_text(text, "utf-8")
    problems: list[Problem] = []
    assert read_changes(said, "shop", problems) is None
    assert told in str(problems[0]) and problems[0].file == "shop/changes.yml"
    with pytest.raises(Refused, match=r"changes\.yml"):
        refusal(said, "shop", "change", parse("2026-11-28T12:00"), parse("2026-11-28T12:00"))
