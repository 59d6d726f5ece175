"""The work log: what routines did is in it by itself, people add the rest; its report is a record."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from flows.cli import main
from tasks import clock
from tasks.home import Home
from tasks.model import Outcome, Record
from tasks.records import Book
from tests.unit.flows.installed import install


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    made = install(tmp_path)
    roles = (("张三", "operator"), ("李四", "reader"))
    people = "".join(f"- {{name: {name}, roles: [{role}], contracts: all}}\n" for name, role in roles)
    (made.inventories / "operators.yml").write_text("operators:\n" + people, "utf-8")
    contract = made.inventories / "contracts/local.yml"
    duty = """term: {start: 2026-01-01, end: 2027-12-31}
duties:
  - {id: X1, clause: "3.1", title: 培训, kind: manual, evidence: [工作日志],
     owes: [{every: need, document: 工作日志}]}
"""
    contract.write_text(contract.read_text("utf-8") + duty, "utf-8")
    return made


def add(*more: str) -> int:
    words = ["--contract", "local", "--by", "张三", "--what", "为科室培训", "--result", "到会 12 人"]
    return main(["worklog", "add", *words, *more])


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["worklog", "list", "--contract", "local", "--json"]) == 0
    return list(json.loads(capsys.readouterr().out))


def test_what_a_routine_did_and_what_a_person_adds_stand_together(
    house: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    book, now = Book(house.book), clock.now()
    backup = Record(
        contract="local",
        routine="backup",
        title="备份",
        started_at=now - timedelta(minutes=9),
        ended_at=now,
        started_by="计划自动执行",
        outcome=Outcome.OK,
        summary="已备份",
    )
    missed = Record(**{**{f: getattr(backup, f) for f in backup.__slots__}, "outcome": Outcome.MISSED})
    book.append_all([backup, missed])
    paper = tmp_path / "签到表.pdf"
    paper.write_bytes(b"%PDF-1.4 x")
    at = now - timedelta(hours=2)
    told = (
        "--at",
        at.isoformat(timespec="minutes"),
        "--minutes",
        "30",
        "--duty",
        "X1",
        "--attach",
        str(paper),
    )
    assert add(*told) == 0
    rows = [row for row in listed(capsys) if row["what"] in ("备份", "为科室培训")]
    assert [row["what"] for row in rows] == ["为科室培训", "备份"]
    mine, its = rows
    assert (mine["clause"], mine["who"], mine["lasted"], mine["attachments"]) == ("3.1", "张三", 1800.0, 1)
    assert mine["by_hand"] is True and its["by_hand"] is False and its["lasted"] == 540.0
    entry = next(book.entries(contract="local", routine="worklog", newest_first=True))
    assert entry.record.started_at == at.replace(second=0, microsecond=0)
    assert clock.parse(str(entry.record.facts["entered_at"])) >= now
    assert book.read(entry.record.evidence[0]) == b"%PDF-1.4 x"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--duty", "X2"), "X1"),
        (("--minutes", "-1"), "--minutes"),
        (("--minutes", "1441"), "--minutes"),
        (("--at", "2999-01-01T00:00"), "将来"),
        (("--at", "gestern"), "时间"),
        (("--result", " "), "不能为空"),
        (("--by", "李四"), "李四"),
    ],
)
def test_what_cannot_be_is_refused(
    house: Home, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(*more) == 1
    assert said in capsys.readouterr().err


def test_the_report_is_a_record_and_no_work_itself(house: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert add("--minutes", "45") == 0
    assert main(["worklog", "report", "--contract", "local", "--by", "张三"]) == 0
    book = Book(house.book)
    record = next(book.entries(contract="local", routine="worklog", newest_first=True)).record
    assert [piece.name.rpartition(".")[2] for piece in record.evidence] == ["html", "docx", "xlsx"]
    page = book.read(record.evidence[0]).decode()
    assert "为科室培训" in page and "45 分钟" in page and "工作日志" in page
    assert record.topics == ("worklog",)
    assert "工作日志" not in [row["what"] for row in listed(capsys)]
