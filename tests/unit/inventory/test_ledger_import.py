"""People's own workbooks: what can be taken is taken, what cannot is named by sheet and cell."""

import io
import random
import shutil
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flows.cli import main
from tasks.errors import OpsError, Refused
from tasks.inventory.contract import contract_named
from tasks.inventory.ledger.table import Reading, read_mapping, read_tables
from tasks.inventory.ledger.workbook import read_sheets

SHIPPED = Path(__file__).parents[3] / "inventories"
CONTRACT = contract_named(SHIPPED, "office-oa")
HEADINGS = ["系统", "服务器名称", "IP地址", "操作系统", "版本", "内存(GB)", "最近补丁日期", "备注列"]
ROW = ["日常办公 OA", "OA-APP-1", "203.0.113.11", "CentOS", "7.9", 16, date(2025, 5, 1), ""]

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def put(*rows: list[Any], title: str = "服务器清单", change: Callable[[Any], None] | None = None) -> Path:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = title
        for row in rows:
            sheet.append(row)
        if change:
            change(sheet)
        path = tmp_path / "theirs.xlsx"
        book.save(path)
        return path

    return put


def reading(path: Path, mapping: Path | None = None) -> Reading:
    return read_tables(read_sheets(path), read_mapping(mapping), CONTRACT)


def test_a_table_as_people_keep_it(save: Save) -> None:
    def merge(sheet: Any) -> None:
        sheet.merge_cells("A1:I1")
        sheet.merge_cells("B3:B4")
        sheet.row_dimensions[6].hidden = True
        # Formats far below the last value.
        sheet["A1000000"].number_format = "0.00"

    found = reading(
        save(
            ["某平台服务器一览表"],
            ["序号", *HEADINGS[:4], *HEADINGS[5:7], "管理员", "机柜"],
            [
                1,
                "日常办公 OA",
                "OA-APP-1",
                "203.0.113.11",
                "CentOS 7.9",
                16,
                datetime(2025, 5, 1),
                "二组",
                "A1",
            ],
            [
                2,
                None,
                " OA-APP-2 ",
                "203.0.113.12",
                "CentOS Linux release 7.9",
                "16 ",
                "2025年5月1日",
                "二组",
            ],
            [],
            [3, "oa", "OA-DB-1", "203.0.113.13", "麒麟 V10", 32.0, 45778, "-"],
            [4, "办公云扩展", "CLOUD-DB-1", "203.0.113.16", "Windows Server 2016", "", "长期"],
            ["备注：以上为示例"],
            change=merge,
        )
    )
    assert found.problems == []
    table = found.tables["host"]
    rows = [[row.values.get(key, "") for key in table.columns] for row in table.rows]
    assert table.columns == ("part", "name", "address", "os", "memory", "patched", "owner", "version")
    assert rows == [
        ["oa", "OA-APP-1", "203.0.113.11", "centos", "16", "2025-05-01", "二组", "7.9"],
        ["oa", "OA-APP-2", "203.0.113.12", "centos", "16", "2025-05-01", "二组", "7.9"],
        ["oa", "OA-DB-1", "203.0.113.13", "kylin", "32", "2025-05-01", "-", "V10"],
        ["office-cloud", "CLOUD-DB-1", "203.0.113.16", "windows", "", "", "", "2016"],
    ]
    told = "\n".join(found.notices)
    assert "序号、机柜" in told and "第 6 行是隐藏行" in told and "服务器清单!A8" in told


@pytest.mark.parametrize(
    ("cell", "value", "words"),
    [
        ("C2", "=1+1", "公式"),
        ("F2", "#N/A", "错误值"),
        ("C2", True, "逻辑值"),
        ("E2", 1234567890123456789, "15 位"),
        ("D2", "CentosX", "不在可选值内"),
        ("A2", "日常办公0A", "是否想写"),
        ("B2", "OA APP;1", "名称"),
        ("B2", None, "名称为空"),
        ("C2", "203.0.113.300", "不是 IP 地址"),
        ("G2", "2025-13-40", "不是日期"),
        ("G2", 7, "不是日期"),
        ("F2", "16\u200bGB", "U+200B"),
        ("F2", "x" * 2001, "2000"),
        ("B3", "OA-app-1", "重复"),
    ],
)
def test_a_wrong_cell_is_named(save: Save, cell: str, value: Any, words: str) -> None:
    second = ["日常办公 OA", "OA-APP-2", "203.0.113.12", "CentOS", "7.9", 16, date(2025, 5, 1), ""]

    def spoil(sheet: Any) -> None:
        sheet[cell] = value

    found = reading(save(HEADINGS, ROW, second, change=spoil))
    assert len(found.problems) == 1, found.problems
    assert found.problems[0].startswith(f"服务器清单!{cell}: ") and words in found.problems[0]


def test_a_merged_name_belongs_to_no_row(save: Save) -> None:
    found = reading(save(HEADINGS, ROW, ROW, change=lambda sheet: sheet.merge_cells("B2:B3")))
    assert found.problems == ["服务器清单!B3: 名称列是合并单元格，无法判断属于哪一行，请取消合并并逐行填写"]


def test_a_control_character_as_excel_writes_it(save: Save, tmp_path: Path) -> None:
    path = save(HEADINGS, [*ROW[:5], "MARK", *ROW[6:]])
    spoilt = tmp_path / "spoilt.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(spoilt, "w") as new:
        for part in old.namelist():
            new.writestr(part, old.read(part).replace(b"MARK", b"16_x0007_GB"))
    assert "服务器清单!F2" in reading(spoilt).problems[0]


def test_a_version_that_became_a_number(
    save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """7.9 is still 7.9; 6.1 may have been 6.10."""
    folder = tmp_path / "inventories"
    shutil.copytree(SHIPPED, folder)
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(folder))
    short = [[*HEADINGS[:5]], [*ROW[:4], 7.9]]
    assert main(["ledger", "import", str(save(*short)), "--contract", "office-oa"]) == 0
    assert "没有差异" not in capsys.readouterr().out  # the other hosts are listed as missing
    short[1][4] = 6.1
    assert main(["ledger", "import", str(save(*short)), "--contract", "office-oa", "--yes"]) == 1
    assert "服务器清单!E2: 6.1 是数字格式" in capsys.readouterr().err


def test_a_blank_sheet_is_no_ledger(save: Save) -> None:
    def beside(sheet: Any) -> None:
        sheet.parent.create_sheet("数据库台账")

    assert reading(save(HEADINGS, ROW, change=beside)).problems == []


def test_which_sheet_and_which_line_must_be_certain(save: Save) -> None:
    assert "没有找到任何台账" in reading(save(HEADINGS, title="随便")).problems[0]
    assert "没有找到表头行" in reading(save(["甲", "乙"], [1, 2])).problems[0]
    assert "缺少 主机" in reading(save(["系统", "IP地址", "内存"], ["oa", "203.0.113.11", 1])).problems[0]
    twice = reading(save(["服务器名称", "IP", "内存", "内存"], ["OA-APP-1", "203.0.113.11", 1, 2]))
    assert "服务器清单!C1、服务器清单!D1" in twice.problems[0]


MAPPING = """\
sheets:
  host:
    sheet: 表一
    header_row: 2
    columns: {name: 甲, address: 乙, owner: 丙}
    ignore: [丁]
    defaults: {part: oa, os: centos, credential: oa-linux}
"""


def test_a_mapping_says_what_headings_mean(save: Save, tmp_path: Path) -> None:
    mapping = tmp_path / "map.yml"
    mapping.write_text(MAPPING, "utf-8")
    theirs = save(["说明"], ["甲", "乙", "丙", "丁"], ["OA-APP-1", "203.0.113.11", "一组", "x"], title="表一")
    found = reading(theirs, mapping)
    assert (found.problems, found.notices) == ([], [])
    assert dict(found.tables["host"].rows[0].values) == {
        "name": "OA-APP-1",
        "address": "203.0.113.11",
        "owner": "一组",
    }
    mapping.write_text(MAPPING.replace("表一", "表二"), "utf-8")
    assert "表二" in reading(theirs, mapping).problems[0]
    mapping.write_text(MAPPING.replace("丙", "戊"), "utf-8")
    assert "戊" in reading(theirs, mapping).problems[0]
    mapping.write_text(MAPPING.replace("owner", "ownr").replace("header_row", "heading_row"), "utf-8")
    with pytest.raises(Refused, match=r"map\.yml:4: .*header_row"):
        read_mapping(mapping)
    mapping.write_text(MAPPING.replace("owner", "ownr"), "utf-8")
    with pytest.raises(Refused, match=r"map\.yml:5: .*owner"):
        read_mapping(mapping)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,address\n", "不是 xlsx"),
        (b"", "不是 xlsx"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, ".xls"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le"), "密码"),
    ],
)
def test_what_is_no_workbook_is_one_clear_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "file.xlsx"
    path.write_bytes(content)
    with pytest.raises(Refused) as told:
        read_sheets(path)
    assert words in str(told.value) and len(str(told.value).splitlines()) == 1


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.xlsx", tmp_path):
        with pytest.raises(OpsError) as told:
            read_sheets(path)
        assert not isinstance(told.value, Refused)


def packed(parts: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return target.getvalue()


def test_a_damaged_workbook_is_refused_and_never_crashes(save: Save, tmp_path: Path) -> None:
    whole = save(HEADINGS, ROW).read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    chance = random.Random(20260301)
    path = tmp_path / "damaged.xlsx"
    outcomes = set()
    for number in range(150):
        if number % 3 == 0:
            content = bytearray(whole)
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            path.write_bytes(bytes(content[: chance.randrange(len(content))] if number % 2 else content))
        else:
            name = chance.choice([name for name in parts if name.endswith((".xml", ".rels"))])
            at = chance.randrange(len(parts[name]))
            spoilt = parts[name][:at] + chance.choice([b"", b"<", b"9" * 9, b"\xff"]) + parts[name][at + 3 :]
            path.write_bytes(packed({**parts, name: spoilt}))
        try:
            reading(path)
            outcomes.add("read")
        except Refused:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_what_would_fill_the_memory_is_refused(save: Save, tmp_path: Path) -> None:
    with zipfile.ZipFile(save(HEADINGS, ROW)) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    path = tmp_path / "large.xlsx"
    merged = b'<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells><pageMargins'
    path.write_bytes(packed({**parts, sheet: parts[sheet].replace(b"<pageMargins", merged, 1)}))
    with pytest.raises(Refused, match="合并单元格"):
        read_sheets(path)
    typed = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + parts[sheet]
    path.write_bytes(packed({**parts, sheet: typed}))
    with pytest.raises(Refused, match="损坏"):
        read_sheets(path)


def test_a_number_too_far_down_is_not_a_ledger(save: Save) -> None:
    def far(sheet: Any) -> None:
        sheet["A1000000"] = "x"

    with pytest.raises(Refused, match="20000 行"):
        read_sheets(save(HEADINGS, ROW, change=far))
