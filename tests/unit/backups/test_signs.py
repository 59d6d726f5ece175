"""Signs that a backup is not what it was: ordinary weeks raise none, encrypted and emptied ones do."""

from dataclasses import replace
from datetime import timedelta

from tasks.backups.catalogue import Backup
from tasks.backups.signs import findings, judge
from tasks.model import Status
from tests.unit.backups.histories import START, backup
from tests.unit.backups.series import emptied, encrypted, series

TABLES = {"a": 100_000, "b": 500}


def ordinary(days: int) -> list[Backup]:
    return [
        backup(
            START + timedelta(days=day),
            version=(day + 1, 0),
            size=10**9 + day * 10**6,
            stored=3 * 10**8,
            tables={**TABLES, "a": 100_000 + day},
        )
        for day in range(days)
    ]


def test_too_early_to_say() -> None:
    made = ordinary(5)
    [found] = findings(made[-1], made)
    assert found.status is Status.OK and "暂无可比对的历史" in found.summary


def test_an_ordinary_one() -> None:
    made = ordinary(12)
    [found] = findings(made[-1], made)
    assert found.status is Status.OK and "都在以往范围内" in found.summary


def test_what_does_not_compress_any_more() -> None:
    made = ordinary(12)
    last = made[-1]
    member = replace(last.manifest.members[0], stored_size=last.manifest.size)
    bad = replace(last, manifest=replace(last.manifest, members=(member,)))
    [found] = findings(bad, made[:-1])
    assert found.status is Status.WARN and "压缩后占比 100%" in found.summary and "勒索" in found.advice
    [number] = found.numbers
    assert (number.name, number.value) == ("ratio", 100.0) and 30 < (number.threshold or 0) < 40


def test_an_emptied_source_shows_in_rows_and_size() -> None:
    made = ordinary(12)
    bad = backup(
        START + timedelta(days=12), version=(13, 0), size=10**7, stored=3 * 10**6, tables={"a": 1, "b": 500}
    )
    assert {sign.name for sign in judge(bad, made).signs} == {"size", "rows"}


def test_what_comes_later_does_not_count() -> None:
    made = ordinary(12)
    assert not judge(made[3], made).enough


def test_ordinary_weeks_raise_no_alarm_and_bad_ones_do() -> None:
    for seed in range(2):
        office, made = series(seed, 40)
        assert not any(judge(one, made[:place]).signs for place, one in enumerate(made))
        assert judge(encrypted(office, made, 1), made).signs
        office, made = series(seed, 40)
        assert judge(emptied(office, made, 0.9), made).signs
