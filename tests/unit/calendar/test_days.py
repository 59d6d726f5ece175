from datetime import date, datetime, timedelta
from pathlib import Path

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.calendar.days import Calendar, Count, Kind, Reckoned, Source
from tasks.calendar.marks import complete
from tasks.clock import ZONE
from tasks.errors import Refused

# General Office of the State Council, arrangement of the holidays of 2026 (published 2025-11-04).
MAKEUP_2026 = ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"]
REST_2026 = {
    "元旦": ("01-01", 3),
    "春节": ("02-15", 9),
    "清明": ("04-04", 3),
    "劳动节": ("05-01", 5),
    "端午": ("06-19", 3),
    "中秋": ("09-25", 3),
    "国庆节": ("10-01", 7),
}
PACKAGE = Calendar()
NOTICE_2027 = "year: 2027\ndays:\n" + "".join(
    f"  - {{date: {day}, day: {word}, name: {name}}}\n"
    for day, word, name in [
        ("2026-12-31", "休", "元旦"),
        ("2027-01-01", "休", "元旦"),
        ("2027-01-09", "班", "元旦"),
        ("2027-05-01", "休", "劳动节"),
        ("2027-10-01", "休", "国庆节"),
    ]
)

dates = st.dates(date(2004, 1, 1), date(2040, 12, 31))


def of_2026(day: str) -> date:
    return date.fromisoformat(f"2026-{day}")


def test_2026_is_as_published() -> None:
    year = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    found = {day: PACKAGE.day(day) for day in year}
    assert [day for day in year if found[day].kind is Kind.MAKEUP] == [of_2026(day) for day in MAKEUP_2026]
    rest = {
        of_2026(first) + timedelta(days=n): name
        for name, (first, count) in REST_2026.items()
        for n in range(count)
    }
    assert {day: found[day].name for day in year if found[day].kind is Kind.HOLIDAY} == rest
    assert all(found[day].published and found[day].source is Source.PACKAGE for day in year)
    assert sum(found[day].working for day in year) == 248


@pytest.mark.parametrize("year", range(2004, 2027))
def test_the_package_and_the_calendar_agree(year: int) -> None:
    for n in range(365):
        day = date(year, 1, 1) + timedelta(days=n)
        assert PACKAGE.is_working(day) == chinese_calendar.is_workday(day)


def test_an_unpublished_year_is_said_everywhere() -> None:
    new_year = PACKAGE.day(date(2027, 1, 1))
    assert (new_year.kind, new_year.source, new_year.published) == (Kind.WORKDAY, Source.WEEKDAY, False)
    assert PACKAGE.unpublished(range(2025, 2029)) == (2027, 2028)
    after = PACKAGE.add_working_days(date(2026, 12, 31), 1)
    assert after == Reckoned(date(2027, 1, 1), (2027,)) and "2027年节假日数据未发布" in after.warning
    assert PACKAGE.working_days_between(date(2026, 12, 1), date(2027, 1, 1)).unpublished == (2027,)
    assert PACKAGE.next_working(date(2027, 1, 2)).unpublished == (2027,)
    assert PACKAGE.next_working(date(2027, 1, 4)).unpublished == (2027,)
    assert PACKAGE.add_working_days(date(2027, 1, 4), -1).unpublished == (2027,)
    assert PACKAGE.add_working_days(date(2026, 1, 1), 10).warning == ""


def test_2038_is_reckoned_by_weekdays() -> None:
    assert PACKAGE.day(date(2038, 1, 19)).working
    assert PACKAGE.add_working_days(date(2038, 1, 15), 2) == Reckoned(date(2038, 1, 19), (2038,))


@pytest.mark.parametrize("day", [date(1991, 4, 14), date(1999, 12, 31), date(2200, 1, 1), date.max, date.min])
def test_dates_out_of_range_are_refused(day: date) -> None:
    with pytest.raises(Refused):
        PACKAGE.day(day)


def test_counting_runs_into_the_range_with_a_refusal() -> None:
    with pytest.raises(Refused):
        PACKAGE.add_working_days(date(2000, 1, 4), -5)


def test_a_moment_is_not_a_date() -> None:
    with pytest.raises(TypeError):
        PACKAGE.day(datetime(2026, 10, 1, tzinfo=ZONE))


@given(dates, st.integers(-60, 60))
@settings(deadline=None, max_examples=150)
def test_between_is_the_inverse_of_adding(start: date, n: int) -> None:
    end = PACKAGE.add_working_days(start, n)
    assert PACKAGE.working_days_between(start, end.date) == Count(n, end.unpublished)
    if n:
        assert PACKAGE.is_working(end.date)


@given(dates, st.integers(1, 40))
@settings(deadline=None, max_examples=100)
def test_back_and_forth_comes_home(start: date, n: int) -> None:
    home = PACKAGE.next_working(start).date
    there = PACKAGE.add_working_days(home, n).date
    assert PACKAGE.add_working_days(there, -n).date == home
    assert PACKAGE.add_working_days(home, n + 1).date == PACKAGE.add_working_days(there, 1).date


@given(dates)
@settings(deadline=None, max_examples=100)
def test_the_next_working_day_is_the_first(start: date) -> None:
    found = PACKAGE.next_working(start).date
    assert PACKAGE.is_working(found)
    assert not any(PACKAGE.is_working(start + timedelta(days=n)) for n in range((found - start).days))


def test_an_override_beats_a_notice_beats_the_package(inventories: Path) -> None:
    folder = inventories / "holidays"
    (folder / "2027.yml").write_text(NOTICE_2027)
    (folder / "overrides.yml").write_text(
        "days:\n"
        "  - {date: 2026-12-31, day: 班, reason: 临时安排, document: 某办〔2026〕1号}\n"
        "  - {date: 2026-12-30, day: 休, reason: 迁址}\n"
    )
    calendar = Calendar.load(inventories)
    assert calendar.day(date(2026, 12, 31)).kind is Kind.WORKDAY
    assert calendar.day(date(2026, 12, 31)).source is Source.OVERRIDE
    assert calendar.day(date(2026, 12, 30)).name == "迁址"
    assert calendar.day(date(2027, 1, 9)).kind is Kind.MAKEUP
    assert calendar.unpublished([2026, 2027, 2028]) == (2028,)
    (folder / "overrides.yml").unlink()
    # Next year's notice changes this December, whose other days still are this year's.
    calendar = Calendar.load(inventories)
    assert calendar.day(date(2026, 12, 31)).kind is Kind.HOLIDAY
    assert calendar.day(date(2026, 12, 31)).source is Source.NOTICE
    assert calendar.day(date(2026, 12, 30)).source is Source.PACKAGE


def test_an_override_decides_its_day_not_its_year(inventories: Path) -> None:
    (inventories / "holidays" / "overrides.yml").write_text(
        "days:\n  - {date: 2028-01-03, day: 休, reason: 元旦}\n"
    )
    calendar = Calendar.load(inventories)
    assert calendar.day(date(2028, 1, 3)).published and not calendar.is_working(date(2028, 1, 3))
    assert calendar.unpublished([2028]) == (2028,)


def test_a_notice_of_a_known_year_replaces_the_package(inventories: Path) -> None:
    """A revised notice may drop a day: what it does not name is decided by the weekday."""
    text = NOTICE_2027.replace("2026-", "2025-").replace("2027", "2026").replace("01-09", "01-10")
    (inventories / "holidays" / "2026.yml").write_text(text)
    calendar = Calendar.load(inventories)
    assert calendar.day(date(2026, 10, 2)).working and calendar.day(date(2026, 10, 2)).source is Source.NOTICE
    assert calendar.day(date(2025, 12, 31)).kind is Kind.HOLIDAY


def test_every_error_of_every_file_with_its_line(inventories: Path) -> None:
    folder = inventories / "holidays"
    (folder / "overrides.yml").write_text(
        "days:\n"
        "  - {date: 2026-02-30, day: 休, reason: x}\n"
        "  - {date: 2026-12-01, day: 假, reason: x}\n"
        "  - {date: 2026-12-02, dat: 休, reason: x}\n"
    )
    more = "  - {date: 2027-01-09, day: 班}\n  - {date: 2027-03-01, day: 班}\n"
    (folder / "2028.yml").write_text(NOTICE_2027 + more)
    (folder / "2029.yml").write_text("year: 2029\ndays: []\n")
    with pytest.raises(Refused) as caught:
        Calendar.load(inventories)
    text = str(caught.value)
    for place in ("overrides.yml:2", "overrides.yml:3", "overrides.yml:4", "2028.yml:1", "2028.yml:8"):
        assert f"holidays/{place}" in text
    assert "holidays/2028.yml:9" in text and "holidays/2029.yml" in text


def test_a_partial_notice_is_not_a_notice() -> None:
    assert not complete(2027, {})


def test_without_any_file_the_package_serves(inventories: Path) -> None:
    (inventories / "holidays").rmdir()
    assert Calendar.load(inventories).day(date(2026, 10, 1)).kind is Kind.HOLIDAY
