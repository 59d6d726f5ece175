"""Forms as HTML and Word, with whatever inspected systems may have said in them."""

import io
import shutil
import time
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import OpsError
from tasks.model import Finding, Mode, Number, Outcome, Record, Status
from tasks.reports import daily, render
from tasks.reports.form import Form

AT = datetime.fromisoformat("2026-11-20T08:30:00+08:00")
NASTY = (
    "<script>alert(1)</script> & \"'{{ 7 * 7 }} {% raw %} ]]> \x00\x0b\x1b[31m\ud800\uffff 一" + "长" * 400
)
RECORD = Record(
    contract="local",
    routine="inspection",
    title="每日巡检",
    started_at=AT,
    ended_at=AT + timedelta(minutes=1),
    started_by="计划自动执行",
    outcome=Outcome.FINDINGS,
    expected=2,
    reached=1,
)


def form(count: int = 3, text: str = "", record: Record = RECORD) -> Form:
    statuses = [Status.OK, Status.WARN, Status.FAIL, Status.UNKNOWN]
    number = Number("percent", 81.5, "%", 80)
    findings = [
        Finding(
            "linux.disk",
            f"H-{i}{text}",
            f"/{i}",
            statuses[i % 4],
            f"已用 {i}{text}",
            (number,),
            "+2.0",
            "清理",
        )
        for i in range(count)
    ]
    return daily.build(
        daily.Facts(
            record=record,
            number="local-每日巡检-20261120-083000",
            contract_name=f"本机{text}",
            findings=findings,
            not_reached={"H-9": f"不通{text}"},
            titles={"linux.disk": "空间"},
            attachments={"answers.json": b"{}"},
        )
    )


def cells(content: bytes) -> list[list[list[str]]]:
    document = Document(io.BytesIO(content))
    return [[[cell.text for cell in row.cells] for row in table.rows] for table in document.tables]


class Read(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_word_has_the_right_cells() -> None:
    head, differences, _changes, _missing, results, attachments, _ = cells(render.docx(form()))
    assert head[0][:2] == ["编号", "local-每日巡检-20261120-083000"]
    assert [row[0] for row in differences] == ["异常编号", "01", "02"]
    assert differences[1][1:9] == ["H-2", "空间", "/2", "已用 2", "80%", "异常", "+2.0", "清理"]
    assert [row[0] for row in results] == ["对象", "H-0", "H-1", "H-2"]
    assert {row[2].split()[0] for row in attachments[1:]} == {"SM3", "SHA-256"}


def test_nasty_text_is_shown_and_does_nothing() -> None:
    made = form(text=NASTY)
    page = Read(render.html(made))
    assert "script" not in page.tags and "alert(1)" in page.text and "{{ 7 * 7 }}" in page.text
    assert "\x00" not in page.text and "\x1b" not in page.text
    word = cells(render.docx(made))
    assert "<script>alert(1)</script> & \"'{{ 7 * 7 }} {% raw %} ]]> " in word[4][1][0]
    assert "长" * 400 in word[4][1][0] and "\x1b" not in word[4][1][0]


@settings(max_examples=8, deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_be_written(text: str) -> None:
    made = form(1, text)
    assert render.html(made) and Document(io.BytesIO(render.docx(made)))


def test_no_findings_at_all_and_a_rehearsal_say_so() -> None:
    record = replace(RECORD, mode=Mode.REHEARSAL)
    made = form(0, record=record)
    assert made.verdict.status is Status.UNKNOWN
    document = Document(io.BytesIO(render.docx(made)))
    assert any("不作为履约证据" in line.text for line in document.paragraphs)
    assert "不作为履约证据" in render.html(made).decode()
    assert not any("[[tables]]" in line.text for line in document.paragraphs)


def test_many_rows_in_reasonable_time_and_size() -> None:
    made = form(300)
    started = time.process_time()
    page, word = render.html(made), render.docx(made)
    assert time.process_time() - started < 10
    assert len(page) < 600_000 and len(word) < 200_000


def test_the_page_needs_nothing_else() -> None:
    page = render.html(form()).decode()
    assert "http://" not in page and "https://" not in page and "src=" not in page and "<link" not in page


def test_own_templates_win(tmp_path: Path) -> None:
    (tmp_path / "record.html").write_text("<p>自己的 {{ form.number }}</p>", "utf-8")
    shutil.copy(render.TEMPLATES / "record.docx", tmp_path)
    document = Document(str(tmp_path / "record.docx"))
    document.paragraphs[0].insert_paragraph_before("自己的抬头")
    document.save(str(tmp_path / "record.docx"))
    assert render.html(form(), tmp_path).decode() == "<p>自己的 local-每日巡检-20261120-083000</p>"
    made = Document(io.BytesIO(render.docx(form(), tmp_path)))
    assert made.paragraphs[0].text == "自己的抬头" and len(made.tables) == 7
    assert "自己的" not in render.html(form(), tmp_path / "nothing").decode()


def without_marker(path: Path) -> None:
    document = Document(str(render.TEMPLATES / "record.docx"))
    for line in document.paragraphs:
        if "[[tables]]" in line.text:
            line.clear()
    document.save(str(path))


def saying(text: str) -> Any:
    def write(path: Path) -> None:
        document = Document(str(render.TEMPLATES / "record.docx"))
        document.paragraphs[0].insert_paragraph_before(text)
        document.save(str(path))

    return write


def broken_xml(path: Path) -> None:
    with zipfile.ZipFile(render.TEMPLATES / "record.docx") as ours, zipfile.ZipFile(path, "w") as made:
        for name in ours.namelist():
            content = ours.read(name)
            made.writestr(name, content[:500] if name == "word/document.xml" else content)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"not a document"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes((render.TEMPLATES / "record.docx").read_bytes()[:30_000]),
        lambda path: zipfile.ZipFile(path, "w").close(),
        lambda path: path.mkdir(),
        broken_xml,
        without_marker,
        saying("{{ form.nothing.at.all }}"),
        saying("{{ 1 + form.number }}"),
        saying("{% for x in %}"),
    ],
)
def test_a_broken_own_word_template_gives_one_clear_sentence(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "record.docx")
    with pytest.raises(OpsError, match="模板") as told:
        render.docx(form(), tmp_path)
    assert "\n" not in str(told.value) and len(str(told.value)) < 500


@pytest.mark.parametrize(
    "content", [b"{{ form.number", b"{% include 'x' %}", b"\xff\xfe", b"{{ form.no.thing }}", b"{{ 1 / 0 }}"]
)
def test_a_broken_own_page_template_gives_one_clear_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.html").write_bytes(content)
    with pytest.raises(OpsError, match="模板") as told:
        render.html(form(), tmp_path)
    assert "\n" not in str(told.value)
