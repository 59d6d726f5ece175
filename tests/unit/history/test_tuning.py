"""The monthly advice: rules that name what there is, numbers cited as they were measured."""

import json
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.routine import Request, perform
from flows.routines import routine
from tasks import clock
from tasks.checks import CHECKS
from tasks.history.tuning import STATISTICS, Metric, Rule, growth, metrics, p95, rules
from tasks.home import Home
from tasks.inspection.findings import FINDINGS, write_findings
from tasks.model import Finding, Number, Outcome, Record, Status, Tier
from tasks.records import Book
from tests.unit.flows.installed import install

CASES = Path(__file__).parents[1] / "checks"
NOW = datetime.fromisoformat("2026-11-02T09:00:00+08:00")


def recorded() -> dict[str, set[str]]:
    """The numbers that each check is known to give."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in CASES.glob("*.*/*.json"):
        for one in json.loads(path.read_text("utf-8"))["findings"]:
            found[path.parent.name] |= set(one["numbers"])
    return found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: f"{rule.check}.{rule.number}.{rule.of}")
def test_a_rule_is_about_what_a_check_really_measures(rule: Rule) -> None:
    assert CHECKS.get(rule.check) and rule.number in recorded()[rule.check]
    assert rule.of in STATISTICS and rule.advice and rule.what
    assert (rule.above is None) != (rule.below is None)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_statistics_lie_within_what_was_measured(values: list[float]) -> None:
    for name in ("median", "max", "min", "p95"):
        assert min(values) * (1 - 1e-9) <= STATISTICS[name](values) <= max(values) * (1 + 1e-9)


def test_growth_and_p95() -> None:
    assert growth([100, 100, 110, 130]) == pytest.approx(30)
    assert growth([0, 5]) == 0 and growth([7]) == 0
    assert p95([1.0] * 95 + [9.0] * 5) == pytest.approx(1, abs=0.5) and p95([3.0]) == 3


def rule(**said: object) -> Rule:
    given = {
        "check": "mysql.slow",
        "number": "hourly",
        "what": "慢查询",
        "unit": "次/小时",
        "of": "p95",
        "above": 20,
    }
    return Rule(**{**given, "advice": "建索引", **said})  # type: ignore[arg-type]


def test_an_advice_cites_its_numbers() -> None:
    found = Metric("db", rule(), "慢查询", [10, 20, 30, 40.5], 30, before=8)
    assert found.bad
    assert found.cited == (
        "慢查询 第 95 百分位 38.92 次/小时（界限 ≥ 20 次/小时；本月 30 天 4 次测量；上月 8 次/小时）"
    )


def test_a_month_of_few_days_gives_no_advice() -> None:
    assert not Metric("db", rule(), "慢查询", [100.0] * 8, 4).bad
    assert Metric("db", rule(), "慢查询", [100.0] * 8, 5).bad


def test_metrics_go_by_subject_and_know_the_month_before() -> None:
    month = {
        ("mysql.size", name, "mib"): [(float(day), 100 + day) for day in range(30)] for name in ("a", "b")
    }
    before = {("mysql.size", "a", "mib"): [(0.0, 50.0), (9.0, 100.0)], ("x", "y", "z"): [(0.0, 1.0)]}
    found = {one.subject: one for one in metrics("db", {**month, ("x", "y", "z"): [(0.0, 1.0)]}, before)}
    assert set(found) == {"a", "b"} and found["a"].before == 100 and found["b"].before is None
    assert found["a"].days == 30 and found["a"].value == pytest.approx(22, abs=1)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return install(tmp_path)


def month_of(house: Home, mib: float) -> None:
    """A database that grows by so much a day, all October."""
    book = Book(house.book)

    def made(day: int) -> Record:
        at = NOW.replace(month=10, day=1) + timedelta(days=day)
        number = Number("mib", 100 + mib * day, "MiB")
        found = Finding("sqlite.size", "platform-db", "数据文件", Status.OK, "…", (number,))
        kept = book.keep(write_findings([found]), FINDINGS, "application/json", Tier.FAIR)
        return Record(
            contract="local",
            routine="inspection",
            title="…",
            started_at=at,
            ended_at=at,
            started_by="测试",
            outcome=Outcome.OK,
            evidence=(kept,),
        )

    book.append_all(made(day) for day in range(31))


def reviewed(house: Home) -> tuple[Record, list[Finding], str]:
    closed = perform(house, routine("performance-review"), Request(contract="local", started_by="测试"))
    record = closed.entry.record
    return record, list(closed.findings), Book(house.book).read(record.evidence[0]).decode()


def test_the_review_of_the_month_that_is_over_is_a_record_with_its_form(house: Home) -> None:
    month_of(house, 2)
    record, (found,), form = reviewed(house)
    assert (record.facts["month"], record.facts["advice"]) == ("2026-10", 1)
    assert found.status is Status.WARN and "31 天 31 次测量" in found.summary and found.advice
    assert "数据库性能分析与调优建议" in form and found.advice in form and found.summary in form
    assert set(record.topics) == {"performance", "tuning"}


def test_a_calm_month_and_one_without_numbers_are_told_apart(house: Home) -> None:
    record, (found,), form = reviewed(house)
    assert found.status is Status.UNKNOWN and record.reached == 0 and record.topics == ()
    assert "没有性能数据" in form
    month_of(house, 0.01)
    record, (found,), form = reviewed(house)
    assert found.status is Status.OK and record.reached == 1 and "均在界限之内" in form
