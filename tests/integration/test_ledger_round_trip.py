"""Ledgers out and in again: nothing changes; and what is changed is changed in place."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flows.cli import main
from tasks.errors import OpsError, Refused
from tasks.inventory.ledger.apply import Plan, put_in_place
from tasks.inventory.ledger.targets import Targets
from tasks.inventory.load import load

SHIPPED = Path(__file__).parents[2] / "inventories"
CODES = ("approval-platform", "culture-office", "local", "office-oa", "petition-web", "science-oa")


@pytest.fixture
def inventories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "inventories"
    shutil.copytree(SHIPPED, folder)
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(folder))
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    return folder


@pytest.fixture
def exported(inventories: Path, tmp_path: Path) -> Callable[..., Path]:
    def export(code: str, neighbour: str = "") -> Path:
        # The others only take time.
        for other in set(CODES) - {code, neighbour}:
            (inventories / "contracts" / f"{other}.yml").unlink()
            shutil.rmtree(inventories / other)
        path = tmp_path / f"{code}.xlsx"
        assert main(["ledger", "export", "--contract", code, "--output", str(path)]) == 0
        return path

    return export


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edited(path: Path, *cells: tuple[str, str, str, Any]) -> Path:
    """Set cells by ledger, name and heading, as a person would."""
    book = openpyxl.load_workbook(path)
    for title, name, heading, value in cells:
        sheet = book[title]
        headings = [cell.value for cell in sheet[1]]
        row = next(row for row in sheet.iter_rows(2) if name in {cell.value for cell in row[:3]})
        row[headings.index(heading)].value = value
    book.save(path)
    return path


@pytest.mark.parametrize("code", CODES)
def test_a_round_trip_changes_nothing(
    code: str,
    inventories: Path,
    exported: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = exported(code)
    before = everything(inventories)
    # Through another program, which writes the file its own way.
    openpyxl.load_workbook(path).save(path)
    capsys.readouterr()
    arguments = ["ledger", "import", str(path), "--contract", code, "--yes", "--remove-missing", "--json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"added": [], "removed": [], "changed": [], "written": False}
    assert everything(inventories) == before


def test_the_workbook_is_ready_to_print(exported: Callable[..., Path]) -> None:
    book = openpyxl.load_workbook(exported("approval-platform"))
    titles = ["操作系统台账", "数据库台账", "网络策略台账", "云资源台账", "设备台账"]
    assert book.sheetnames == titles
    assert [book[title].max_row - 1 for title in titles] == [116, 56, 3, 3, 12]
    for sheet in book:
        assert sheet.freeze_panes == "C2"
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
        assert sheet.print_title_rows == "$1:$1"
        assert all(cell.data_type == "s" for row in sheet for cell in row if cell.value is not None)
    assert " ".join(cell.value for cell in book["操作系统台账"][1]) == (
        "所属部分 主机 IP 用途 操作系统 系统版本 内核 CPU架构 内存 磁盘 补丁日期 停止支持日 "
        "账户 安全软件 时钟源 备份 责任人"
    )
    assert " ".join(cell.value for cell in book["网络策略台账"][1]) == (
        "设备 策略号 源 目的 端口 动作 业务理由 申请 审批 生效 到期 命中数 复核"
    )
    dataguard = next(row for row in book["数据库台账"].values if row[1] == "SP-DG-1")
    assert dataguard[4] == "spdg1a@SP-RH-09(主) spdg1b@SP-RH-10(备)"


def test_text_never_becomes_a_formula(inventories: Path, exported: Callable[..., Path]) -> None:
    hosts = inventories / "office-oa" / "hosts.yml"
    evil = '=HYPERLINK("http://192.0.2.1","x")'
    hosts.write_text(hosts.read_text("utf-8").replace("OA 数据库服务器", f"'{evil}'"), "utf-8")
    book = openpyxl.load_workbook(exported("office-oa"))
    cell = next(row[3] for row in book["操作系统台账"] if row[1].value == "OA-DB-1")
    assert (cell.value, cell.data_type, cell.hyperlink) == (evil, "s", None)


def test_a_member_of_a_range_goes_to_overrides(
    inventories: Path, exported: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(
        exported("approval-platform"),
        ("操作系统台账", "SP-WIN-07", "系统版本", "2019"),
        ("操作系统台账", "SP-WIN-12", "补丁日期", "2022/4/1"),
        ("操作系统台账", "SP-COS-02", "用途", "消息服务器"),
        ("数据库台账", "SP-ORA-03", "容量", "800 GB"),
        ("设备台账", "SP-SHARE-04", "位置", "机房二"),
        ("网络策略台账", "1002", "到期", "2023-04-30"),
        ("云资源台账", "PT-VOL-01", "规格", "4 TB"),
    )
    before = everything(inventories)
    capsys.readouterr()
    assert main(["ledger", "import", str(path), "--contract", "approval-platform"]) == 1
    shown = capsys.readouterr()
    assert "SP-WIN-07" in shown.out and "2012R2" in shown.out and "--yes" in shown.err
    assert everything(inventories) == before
    assert main(["ledger", "import", str(path), "--contract", "approval-platform", "--yes"]) == 0
    after = everything(inventories)
    folder = "approval-platform/"
    expected = {
        "hosts.yml": (
            "        purpose: 缓存服务器\n",
            "        purpose: 消息服务器\n",
            "  FE-WIN-17: {purpose: 前置交换服务器}\n",
            "  FE-WIN-17: {purpose: 前置交换服务器}\n  SP-WIN-07: {version: '2019'}\n"
            "  SP-WIN-12: {ledger: {patched: '2022-04-01'}}\n",
        ),
        "databases.yml": (
            "  MM-MY-02: {role: standby, partner: MM-MY-01}\n",
            "  MM-MY-02: {role: standby, partner: MM-MY-01}\n  SP-ORA-03: {ledger: {size: 800 GB}}\n",
        ),
        "policies.yml": (
            "    reason: 门户应用访问数据库\n    request: SQ-2022-004\n    approval: 已审批\n"
            "    effective: 2022-03-05\n",
            "    reason: 门户应用访问数据库\n    request: SQ-2022-004\n    approval: 已审批\n"
            "    effective: 2022-03-05\n    expires: 2023-04-30\n",
        ),
        "cloud.yml": ("    spec: 2 TB\n", "    spec: 4 TB\n"),
        "devices.yml": (
            "        address: 192.0.2.[73-81]\n",
            "        address: 192.0.2.[73-81]\n\noverrides:\n  SP-SHARE-04: {location: 机房二}\n",
        ),
    }
    for name, pairs in expected.items():
        text = before[folder + name].decode()
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        assert after[folder + name].decode() == text, name
    untouched = set(before) - {folder + name for name in expected}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}


def test_an_address_takes_its_member_out_of_the_range(
    inventories: Path, exported: Callable[..., Path]
) -> None:
    path = edited(
        exported("approval-platform"),
        ("操作系统台账", "SP-WIN-30", "IP", "198.51.100.30"),
        # Its database goes with it.
        ("操作系统台账", "FE-WIN-17", "IP", "198.51.100.17"),
        ("操作系统台账", "FE-WIN-16", "IP", "198.51.100.16"),
        ("数据库台账", "SP-RAC-2", "地址", "198.51.100.202"),
    )
    assert main(["ledger", "import", str(path), "--contract", "approval-platform", "--yes"]) == 0
    hosts = (inventories / "approval-platform/hosts.yml").read_text("utf-8")
    assert (
        "      - name: SP-WIN-[01-29]\n        address: 192.0.2.[11-39]\n"
        "      - name: SP-WIN-30\n        address: 198.51.100.30\n\n  sp-centos:\n"
    ) in hosts
    inventory = load(inventories, "approval-platform")
    rac = inventory.target("approval-platform", "SP-RAC-2")
    assert (rac.address, rac.hosts) == ("198.51.100.202", ("SP-RH-03", "SP-RH-04"))  # type: ignore[attr-defined]
    followed = inventory.target("approval-platform", "FE-ORA-16")
    assert followed.address == "198.51.100.16"  # type: ignore[attr-defined]
    assert "# SCAN 地址" in (inventories / "approval-platform/databases.yml").read_text("utf-8")


def test_removed_rows_are_listed_and_taken_out_only_when_asked(
    inventories: Path, exported: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = exported("office-oa")
    book = openpyxl.load_workbook(path)
    sheet = book["操作系统台账"]
    sheet.delete_rows(next(row[0].row for row in sheet if row[1].value == "OA-APP-2"))
    book.save(path)
    hosts = inventories / "office-oa/hosts.yml"
    before = hosts.read_bytes()
    assert main(["ledger", "import", str(path), "--contract", "office-oa", "--yes"]) == 0
    assert "OA-APP-2" in capsys.readouterr().out
    assert hosts.read_bytes() == before
    assert main(["ledger", "import", str(path), "--contract", "office-oa", "--yes", "--remove-missing"]) == 0
    assert hosts.read_text("utf-8") == before.decode().replace("OA-APP-[1-2]", "OA-APP-1").replace(
        "203.0.113.[11-12]", "203.0.113.11"
    )


def test_rows_are_added_to_the_group_that_fits(inventories: Path, exported: Callable[..., Path]) -> None:
    path = exported("office-oa")
    book = openpyxl.load_workbook(path)
    new = ["日常办公 OA", "OA-APP-3", "203.0.113.30", "OA 应用服务器", "CentOS", "7.9"]
    book["操作系统台账"].append(new)
    book["云资源台账"].append(["日常办公 OA", "OA-VOL-1", "存储", "1 TB"])
    book["网络策略台账"].append(["FW-1", 7, "any", "203.0.113.11", 443, "允许"])
    book.save(path)
    before = (inventories / "office-oa/hosts.yml").read_text("utf-8")
    assert main(["ledger", "import", str(path), "--contract", "office-oa", "--yes"]) == 0
    anchor = "        address: 203.0.113.[11-12]\n        purpose: OA 应用服务器\n"
    entry = "      - name: OA-APP-3\n        address: 203.0.113.30\n        purpose: OA 应用服务器\n"
    after = (inventories / "office-oa/hosts.yml").read_text("utf-8")
    assert after == before.replace(anchor, anchor + entry)
    assert (inventories / "office-oa/cloud.yml").read_text("utf-8") == (
        "cloud:\n  - part: oa\n    name: OA-VOL-1\n    kind: storage\n    spec: 1 TB\n"
    )
    assert "number: '7'" in (inventories / "office-oa/policies.yml").read_text("utf-8")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            [
                ("操作系统台账", "SP-WIN-07", "IP", "192.0.2.11"),
                ("数据库台账", "SP-ORA-03", "实例", "x@SP-RH-99"),
            ],
            ["192.0.2.11", "hosts.yml", "SP-RH-99"],
        ),
        ([("操作系统台账", "SP-WIN-07", "操作系统", "CentOS")], ["windows", "centos"]),
    ],
)
def test_what_would_not_load_is_not_written(
    cells: list[tuple[str, str, str, Any]],
    words: list[str],
    inventories: Path,
    exported: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = edited(exported("approval-platform"), *cells, ("云资源台账", "PT-VOL-01", "规格", "4 TB"))
    before = everything(inventories)
    assert main(["ledger", "import", str(path), "--contract", "approval-platform", "--yes"]) == 1
    told = capsys.readouterr().err
    assert all(word in told for word in words), told
    assert everything(inventories) == before


def test_a_new_line_must_say_enough(
    inventories: Path, exported: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = exported("office-oa")
    book = openpyxl.load_workbook(path)
    book["操作系统台账"].append(["日常办公 OA", "OA-APP-9"])
    book["操作系统台账"].append([None, "本表由值班二组维护"])
    book.save(path)
    assert main(["ledger", "import", str(path), "--contract", "office-oa", "--yes"]) == 1
    told = capsys.readouterr().err
    assert "操作系统台账!B8: OA-APP-9" in told and "IP、操作系统" in told
    assert "操作系统台账!B9: 本表由值班二组维护" in told


def test_a_broken_neighbour_stops_nothing(inventories: Path, exported: Callable[..., Path]) -> None:
    path = edited(exported("office-oa", "petition-web"), ("操作系统台账", "OA-DB-1", "用途", "新用途"))
    (inventories / "petition-web/hosts.yml").write_text("groups: [", "utf-8")
    assert main(["ledger", "import", str(path), "--contract", "office-oa", "--yes"]) == 0
    assert "新用途" in (inventories / "office-oa/hosts.yml").read_text("utf-8")


def test_another_hand_in_the_file_is_never_overwritten(inventories: Path) -> None:
    hosts, cloud = inventories / "office-oa/hosts.yml", inventories / "office-oa/cloud.yml"
    content = hosts.read_bytes()
    planned = Plan({hosts: b"new", cloud: b"new"}, {hosts: content, cloud: b""})
    hosts.write_bytes(content + b"# mine\n")
    with pytest.raises(Refused, match=r"hosts\.yml"):
        put_in_place(planned)
    assert hosts.read_bytes() == content + b"# mine\n" and not cloud.exists()


def test_files_are_replaced_all_or_none(inventories: Path) -> None:
    hosts, blocked = inventories / "office-oa/hosts.yml", inventories / "office-oa/blocked/cloud.yml"
    content = hosts.read_bytes()
    blocked.parent.write_bytes(b"a file where a folder should be")
    with pytest.raises(OpsError, match="无法写入"):
        put_in_place(Plan({hosts: b"new", blocked: b"new"}, {hosts: content, blocked: b""}))
    assert hosts.read_bytes() == content


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"\n", b"\r\n"), (b"# ", b"\xef\xbb\xbf# "), (b"# ", b"---\n# "), (b"      - name", b"    - name")],
)
def test_the_way_a_file_is_written_stays(inventories: Path, old: bytes, new: bytes) -> None:
    """Line ends, byte order mark, document start, people's own indentation."""
    content = (inventories / "office-oa/hosts.yml").read_bytes()
    if b"name" in new:
        content = content.replace(b"        ", b"      ")
    content = content.replace(old, new, 1 if b"#" in old else -1)
    targets = Targets("host", "hosts", content)
    targets.change("OA-DB-1", {"purpose": "x"})
    assert targets.file.content == content.replace("OA 数据库服务器".encode(), b"x")
