"""The operation report: each command of each session, and what is left out of the form said."""

import io
from dataclasses import replace
from datetime import datetime, timedelta

import openpyxl
import pytest

from tasks.model import Outcome, Record, Status
from tasks.operations import Operation
from tasks.reports import render
from tasks.reports.form import Form, Table
from tasks.reports.operations import MOST, Facts, Session, build, sheets, shown
from tasks.reports.sheets import CELL, Sheet, workbook

AT = datetime.fromisoformat("2026-11-20T09:00:00+08:00")
RECORD = Record(
    contract="c",
    routine="session",
    title="操作报告",
    started_at=AT,
    ended_at=AT,
    started_by="张三",
    outcome=Outcome.NOTED,
)
NASTY = "=cmd|' /C calc'!A0 <script>alert(1)</script> \x1b[31m"


def sent(text: str = "uptime", target: str = "WEB-01", at: int = 0, **more: object) -> Operation:
    said = {"exit_code": 0, "digest": "d" * 64, "size": 3, **more}
    return Operation(
        at=AT + timedelta(seconds=at),
        target=target,
        way="ssh",
        text=text,
        seconds=0.2,
        **said,  # type: ignore[arg-type]
    )


def session(*operations: Operation, seq: int = 7, source: str = "routine", looks: int = 0) -> Session:
    return Session(
        seq=seq,
        title="每日巡检",
        who="张三",
        source=source,
        started_at=AT,
        ended_at=AT + timedelta(minutes=1),
        operations=operations,
        looks=looks,
    )


def form(*sessions: Session, running: tuple[str, ...] = ()) -> Form:
    return build(
        Facts(record=RECORD, number="n", header=[], sessions=sessions, running=running, attachments={})
    )


def tables(made: Form) -> list[Table]:
    return list(made.tables)


def test_every_command_has_host_time_operator_code_and_digest() -> None:
    made = form(session(sent("uptime"), sent("df -h", "DB-01", 3, exit_code=1)))
    overview, details, _, _ = tables(made)
    assert [cell.text for cell in overview.rows[0]][3:] == [
        "张三",
        "平台例行",
        "每日巡检",
        "DB-01、WEB-01",
        "2",
        "1",
    ]
    assert [cell.text for cell in details.rows[1]] == [
        "7", "11-20 09:00:03", "DB-01", "ssh", "df -h", "退出码 1", "0.2", "d" * 12,
    ]  # fmt: skip
    assert details.rows[1][5].status is Status.FAIL
    assert made.verdict.status is Status.OK and "2 条操作" in made.verdict.text


def test_what_has_no_record_of_its_own_is_said() -> None:
    broken = session(sent(), seq=8, source="broken")
    made = form(broken, session(seq=9, looks=288), running=("李四在 DB-01",))
    overview, _, unrecorded, _ = tables(made)
    assert len(overview.rows) == 1 and made.verdict.status is Status.WARN
    said = [row[1].text for row in unrecorded.rows]
    assert "288 轮" in said[0] and said[1] == "李四在 DB-01"


def test_too_many_are_put_together_but_for_those_that_failed() -> None:
    many = [sent("uptime", f"WEB-{number:03}") for number in range(MOST + 1)]
    made = form(session(*many, sent("uptime", "WEB-999", 5, exit_code=3)))
    details = tables(made)[1]
    assert len(details.rows) == 2 and f"等 {MOST + 1} 个" in details.rows[0][2].text
    assert any("已合并" in note for note in made.notes)


@pytest.mark.parametrize("text", ["uptime", "a\nb"])
def test_a_short_command_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_a_script_is_told_by_size_digest_and_first_line() -> None:
    text = "mark=<mark>\n# why\n" + "echo hello\n" * 100
    assert "echo hello" in shown(text) and "102 行" in shown(text)


def test_the_workbook_holds_all_and_nothing_becomes_a_formula() -> None:
    content = workbook(sheets([session(sent(NASTY), sent("echo x\n" * 1000, at=1))]))
    operations, texts = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    assert [cell.value for cell in operations[2]][3:6] == ["2026-11-20 09:00:00", "WEB-01", "ssh"]
    assert all(cell.data_type == "s" for row in texts.iter_rows() for cell in row if cell.value)
    kept = [row[1].value or "" for row in texts.iter_rows(min_row=2)]
    assert kept[0].startswith("=cmd") and "第 7 号" in kept[1] and "echo x" in kept[1]


def test_a_text_too_long_for_a_cell_goes_on_below() -> None:
    long = "x" * (2 * CELL + 10)
    content = workbook([Sheet("表", ["一", "二"], [["a", long]])])
    (page,) = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    assert "".join(row[1].value for row in page.iter_rows(min_row=2)) == long


def test_an_empty_sheet_is_one() -> None:
    assert workbook([Sheet("空", ["一"], [])])


def test_it_renders() -> None:
    made = form(session(sent(NASTY)))
    assert "<script>alert" not in render.html(made).decode()
    assert render.docx(replace(made, number="n"))
