import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tasks.errors import OpsError
from tasks.history import History
from tasks.inspection.findings import FINDINGS, read_findings, write_findings
from tasks.model import Finding, Number, Outcome, Record, Status, Tier
from tasks.records import Book, Entry

START = datetime.fromisoformat("2026-11-01T08:30:00+08:00")


def seen(percent: float, subject: str = "/", target: str = "host", status: Status = Status.OK) -> Finding:
    return Finding("linux.disk", target, subject, status, "…", (Number("percent", percent, "%", 80),))


def add(book: Book, day: int, *findings: Finding, contract: str = "local") -> Entry:
    kept = book.keep(write_findings(findings), FINDINGS, "application/json", Tier.FAIR)
    at = START + timedelta(days=day)
    return book.append(
        Record(
            contract=contract,
            routine="inspection",
            title="每日巡检",
            started_at=at,
            ended_at=at,
            started_by="测试",
            outcome=Outcome.OK,
            evidence=(kept,),
        )
    )


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "book")


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path / "history.sqlite")) as connection:
        return sorted(connection.iterdump())


def test_findings_pass_through_their_file_unchanged() -> None:
    findings = [seen(1.5), seen(2, "/数据 一", status=Status.FAIL)]
    assert read_findings(write_findings(findings)) == findings


def test_before_is_what_the_check_gave_last_for_that_target(book: Book, tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.before("local")("linux.disk", "host").at is None
    add(book, 0, seen(10), seen(99, target="other", status=Status.FAIL))
    add(book, 1, seen(20), seen(5, "/data"))
    add(book, 2, seen(7, target="other"))
    add(book, 3, seen(77), contract="elsewhere")
    history.catch_up(book, "local")
    before = history.before("local")("linux.disk", "host")
    assert before.numbers == {("/", "percent"): 20, ("/data", "percent"): 5}
    assert before.at == START + timedelta(days=1)
    assert (before.change("/", "percent", 30), before.change("/", "percent", 20)) == ("+10.0", "持平")
    assert history.before("local")("linux.disk", "other").statuses == {"/": Status.OK}
    assert history.before("elsewhere")("linux.disk", "host").numbers == {}


def test_catching_up_twice_changes_nothing_and_a_rebuild_gives_the_same(book: Book, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    for day in range(5):
        add(book, day, seen(day), seen(day, "/data"))
        History(one).catch_up(book, "local")
        History(one).catch_up(book, "local")
    first = dump(one)
    History(one).catch_up(book, "local")
    assert dump(one) == first
    History(other).catch_up(book, "local")
    assert dump(other) == first


def test_damaged_evidence_of_an_old_record_stops_no_later_one(
    book: Book, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(book, 0, seen(10))
    bad = add(book, 1, seen(20))
    add(book, 2, seen(30))
    digest = bad.record.evidence[0].digest
    next((tmp_path / "book" / "blobs").rglob(f"{digest}*")).write_bytes(b"\0" * 40)
    history = History(tmp_path)
    history.catch_up(book, "local")
    assert history.before("local")("linux.disk", "host").numbers == {("/", "percent"): 30}
    assert "第 2 号" in caplog.text


def test_a_damaged_history_says_that_it_may_be_deleted(book: Book, tmp_path: Path) -> None:
    add(book, 0, seen(10))
    (tmp_path / "history.sqlite").write_bytes(b"nonsense" * 500)
    with pytest.raises(OpsError, match="可删除该文件"):
        History(tmp_path)
    (tmp_path / "history.sqlite").unlink()
    History(tmp_path).catch_up(book, "local")
    assert History(tmp_path).before("local")("linux.disk", "host").numbers
