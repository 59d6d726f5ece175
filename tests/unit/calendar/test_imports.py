import json
from datetime import date
from pathlib import Path
from typing import Any

import chinese_calendar
import pytest

from tasks.calendar.days import Calendar, Kind
from tasks.calendar.imports import changes, missing_notice, read_notice, write
from tasks.errors import OpsError, Refused

# As a person would type a notice; the dates are invented.
TYPED = """\
# 照通知录入
文号：某办发〔2026〕1号
日期,休班,名称
2026年12月31日至2027年1月2日，休，元旦
2027-01-09 班 元旦
2027/2/5~11 休 春节
2027年4月5日 休 清明
2027年5月1日至5日 休 劳动节
2027-06-09\t休\t端午
2027年9月15日 休 中秋
2027年10月1日到7日 休 国庆节   # 七天
2027-10-09,班,国庆节
"""


def holiday_cn(year: int) -> dict[str, Any]:
    """The year as holiday-cn would publish it."""
    known = [
        (day, name, rest)
        for table, rest in ((chinese_calendar.holidays, True), (chinese_calendar.workdays, False))
        for day, name in table.items()
        if day.year == year
    ]
    days = [{"name": name, "date": day.isoformat(), "isOffDay": rest} for day, name, rest in sorted(known)]
    return {"$schema": "x", "$id": "y", "year": year, "papers": [], "days": days}


def given(folder: Path, content: str | bytes) -> Path:
    path = folder / "notice.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_typed_notice_is_imported(inventories: Path, encoding: str) -> None:
    notice = read_notice(given(inventories, TYPED.encode(encoding)))
    assert (notice.year, notice.document, len(notice.days)) == (2027, "某办发〔2026〕1号", 27)
    before = Calendar.load(inventories)
    changed = changes(before, notice)
    assert [str(change.after.date) for change in changed[:3]] == ["2026-12-31", "2027-01-01", "2027-01-02"]
    assert (changed[0].before.kind, changed[0].after.kind) == (Kind.WORKDAY, Kind.HOLIDAY)
    write(inventories, notice)
    after = Calendar.load(inventories)
    assert after.unpublished([2027]) == () and after.day(date(2026, 12, 31)).kind is Kind.HOLIDAY
    assert after.day(date(2027, 1, 9)).kind is Kind.MAKEUP and after.day(date(2027, 2, 12)).working
    assert after.notices[2027] == notice.marks
    assert changes(after, notice) == []


def test_holiday_cn_is_imported_and_says_the_same_as_the_package(inventories: Path) -> None:
    path = given(inventories, json.dumps(holiday_cn(2026), ensure_ascii=False))
    notice = read_notice(path)
    write(inventories, notice)
    after, package = Calendar.load(inventories), Calendar()
    for n in range(365):
        day = date.fromordinal(date(2026, 1, 1).toordinal() + n)
        assert after.day(day).kind == package.day(day).kind


def test_a_second_import_shows_only_what_changed(inventories: Path) -> None:
    write(inventories, read_notice(given(inventories, TYPED)))
    notice = read_notice(given(inventories, TYPED.replace("2027-10-09,班", "2027-10-10,班")))
    assert [str(change.after.date) for change in changes(Calendar.load(inventories), notice)] == [
        "2027-10-09",
        "2027-10-10",
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "没有任何日期"),
        ("{", "notice.txt:1: 不是有效的 JSON"),
        ("[]", "holiday-cn"),
        ('{"year": 2027, "papers": [], "days": []}', "不完整"),
        ('{"year": "2027", "days": []}', "holiday-cn"),
        ('{"year": 99999, "days": []}', "99999"),
        (
            '{"year": 2027, "days": [1, {"date": "2027-02-30", "isOffDay": true}]}',
            "2027-02-30",
        ),
        ('{"year": 2027, "days": [{"date": [], "isOffDay": []}]}', "notice.txt:1"),
        (TYPED.replace("2027-01-09 班", "2027-01-08 班"), "notice.txt:5: 2027-01-08"),
        (TYPED.replace("2027-01-09 班", "2027-02-30 班"), "notice.txt:5: 无法理解"),
        (TYPED.replace("2027-01-09 班", "2027-01-09 假"), "notice.txt:5: 无法理解"),
        (TYPED.replace("2027-01-09 班", "元旦"), "notice.txt:5: 无法理解"),
        (TYPED.replace("2027/2/5~11", "2027/2/5~2028/2/11"), "notice.txt:6: 无法理解"),
        (TYPED.replace("2027/2/5~11", "2027/2/11~5"), "notice.txt:6: 无法理解"),
        (TYPED.replace("2026年12月31日", "2026年11月30日"), "notice.txt:4"),
        (TYPED + "2027-10-09 班\n", "notice.txt:13: 日期 2027-10-09 写了两次"),
        (TYPED.replace("2027年5月1日", "2027年5月2日"), "不完整"),
        (TYPED.replace("春节", "春\x1b[1m节"), "notice.txt:6"),
        (b"\xff\xfe\x00", "编码"),
        (b"2027-01-01 \xe4\xbc\x91" + b"x" * 2**20, "太大"),
    ],
)
def test_bad_files_are_refused(inventories: Path, content: str | bytes, told: str) -> None:
    with pytest.raises(Refused) as caught:
        read_notice(given(inventories, content))
    assert told in str(caught.value)


def test_a_missing_file_could_not_be_read(inventories: Path) -> None:
    with pytest.raises(OpsError, match="无法读取"):
        read_notice(inventories / "nothing")


def test_an_empty_file_of_the_project_for_a_year_to_come_stays_unpublished(inventories: Path) -> None:
    """holiday-cn publishes a year's file before its notice: with no days in it."""
    with pytest.raises(Refused, match="未发布"):
        read_notice(given(inventories, json.dumps({"year": 2027, "papers": [], "days": []})))


@pytest.mark.parametrize(
    ("today", "years"),
    [
        (date(2026, 11, 30), ""),
        (date(2026, 12, 1), "2027年"),
        (date(2026, 12, 31), "2027年"),
        (date(2027, 1, 1), "2027年"),
        (date(2027, 12, 1), "2027、2028年"),
    ],
)
def test_the_daily_warning_begins_on_the_first_of_december(today: date, years: str) -> None:
    warning = missing_notice(Calendar(), today)
    assert warning.startswith(years) and bool(warning) == bool(years)


def test_an_import_ends_the_warning(inventories: Path) -> None:
    write(inventories, read_notice(given(inventories, TYPED)))
    assert missing_notice(Calendar.load(inventories), date(2026, 12, 24)) == ""
