"""From the book to forecasts: by subject, with today's numbers, and as findings of an inspection."""

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flows.cli import main
from flows.routine import Request, perform
from flows.routines import routine
from tasks import clock
from tasks.history import History
from tasks.history.filling import day_number, fillings, outputs
from tasks.history.trends import Kind
from tasks.home import Home
from tasks.inspection.findings import FINDINGS, write_findings
from tasks.model import Finding, Number, Outcome, Record, Status, Tier
from tasks.records import Book
from tests.unit.flows.installed import install

NOW = datetime.fromisoformat("2026-11-21T08:30:00+08:00")


def used(percent: float, subject: str = "/data", target: str = "localhost") -> Finding:
    numbers = (Number("percent", percent, "%", 80), Number("free", 7, "GiB"))
    return Finding("linux.disk", target, subject, Status.OK, "…", numbers)


def record(at: datetime, book: Book, *findings: Finding) -> Record:
    kept = book.keep(write_findings(findings), FINDINGS, "application/json", Tier.FAIR)
    return Record(
        contract="local",
        routine="inspection",
        title="每日巡检",
        started_at=at,
        ended_at=at,
        started_by="测试",
        outcome=Outcome.OK,
        evidence=(kept,),
    )


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    return install(tmp_path)


def grown(house: Home, days: int, now: datetime) -> History:
    """A file system that grows by a percent a day, and will be full in ten days; one that does not."""
    book, rng = Book(house.book), random.Random(3)
    book.append_all(
        record(
            now - timedelta(days=ago),
            book,
            used(round(90 - ago + rng.gauss(0, 0.2), 1)),
            used(30.0, "/"),
            used(50.0, "/gone") if ago > 40 else used(30.0, "/"),
        )
        for ago in range(days, 0, -1)
    )
    history = History(house.ready(house.history))
    history.catch_up(book, "local")
    return history


def test_forecasts_are_by_subject_and_what_is_gone_has_none(house: Home) -> None:
    history = grown(house, 60, NOW)
    found = {one.subject: one for one in fillings(history, "local", ["localhost", "other"], NOW)}
    assert set(found) == {"/data", "/"}
    assert found["/"].trend.kind is Kind.STEADY and found["/data"].number == "percent"
    assert found["/data"].trend.low <= 11 <= found["/data"].trend.high
    assert found["/data"].document["days"] == pytest.approx(11, abs=1) and found["/"].document["days"] is None


def test_todays_numbers_count_before_their_record_is_there(house: Home) -> None:
    history = grown(house, 7, NOW)
    (today,) = [
        one for one in fillings(history, "local", ["localhost"], NOW, [used(90.0)]) if one.subject == "/data"
    ]
    assert today.points[-1] == (day_number(NOW), 90.0) and today.trend.points == 8


def test_a_target_measured_twice_has_no_answer_yet(house: Home) -> None:
    history = grown(house, 2, NOW)
    assert outputs(fillings(history, "local", ["localhost"], NOW), NOW) == {}


def test_days_are_those_of_the_contracts_zone() -> None:
    utc = datetime.fromisoformat("2026-11-20T23:59:00+00:00")
    assert int(day_number(utc)) == NOW.date().toordinal()


def test_an_inspection_says_what_will_be_full(house: Home) -> None:
    """The file system of this machine that really is inspected, with an invented past."""
    plain = perform(house, routine("inspection"), Request(contract="local", started_by="测试"))
    assert not [one for one in plain.findings if one.check == "trend.days"]
    now = next(one for one in plain.findings if one.check == "linux.disk")
    percent = next(number.value for number in now.numbers if number.name == "percent")
    step, book = 0.1, Book(house.book)
    book.append_all(
        record(
            clock.now() - timedelta(days=ago),
            book,
            used(percent - step * ago, now.subject),
            used(30, "/none"),
        )
        for ago in range(30, 0, -1)
    )
    days = (100 - percent) / step
    (house.inventories / "local" / "limits.yml").write_text(
        f"trend.days: {{warn: {days + 50:.0f}, fail: 1}}\n"
    )
    closed = perform(house, routine("inspection"), Request(contract="local", started_by="测试"))
    (found,) = [one for one in closed.findings if one.check == "trend.days"]
    if days < 364:
        assert found.status is Status.WARN and "95% 区间" in found.summary and now.subject in found.subject
        assert found.numbers[0].value == pytest.approx(days, rel=0.05, abs=1)
        form = Book(house.book).read(closed.entry.record.evidence[0]).decode()
        assert "<svg" in form and "写满预测" in form


def test_the_command_lists_and_draws(house: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    grown(house, 60, clock.now())
    page = tmp_path / "page.html"
    assert main(["trend", "list", "--contract", "local", "--picture", str(page)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "/data" in out[1] and "上升" in out[1] and "60 个点" in out[1]
    assert page.read_text("utf-8").count("<svg") == 1 and "<script" not in page.read_text("utf-8")
    assert main(["trend", "list", "--contract", "local", "--target", "localhsot"]) == 1
    assert main(["trend", "list", "--contract", "local", "--target", "platform-db", "--json"]) == 0
    assert capsys.readouterr().out.strip() == "[]"
