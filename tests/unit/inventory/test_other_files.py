"""`inventory check` sees files that list no targets, too: registers, schedules, people, holidays."""

from pathlib import Path

import pytest

from flows.cli import main
from tests.unit.inventory.sound import FILES, write

POLICIES = """\
policies:
  - {device: FW-1, number: 10, source: any, destination: any, ports: TCP 80, action: permit}
"""
CLOUD = "cloud:\n  - {name: C-1, part: front, kind: host}\n"
SCHEDULES = 'schedules:\n  - {routine: inspection, at: "08:30", days: every}\n'
OPERATORS = "operators:\n  - name: 甲\n    roles: [reader]\n    contracts: [shop]\n"
OVERRIDES = "days:\n  - {date: 2026-05-03, day: 休, reason: 停电}\n"
SOUND = {
    "shop/policies.yml": POLICIES,
    "shop/cloud.yml": CLOUD,
    "shop/schedules.yml": SCHEDULES,
    "operators.yml": OPERATORS,
    "holidays/overrides.yml": OVERRIDES,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = write(tmp_path / "inventories")
    (made / "holidays").mkdir()
    for name, text in SOUND.items():
        (made / name).write_text(text)
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(made))
    return made


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("shop/policies.yml", "permit", "allow", "shop/policies.yml:2: action"),
        ("shop/policies.yml", "permit}", "permit, expires: 2026-02-30}", "shop/policies.yml:2: expires"),
        ("shop/policies.yml", "ports", "prots", "（是否想写 ports？）"),
        ("shop/cloud.yml", "front", "frnt", "shop/cloud.yml:2: 合同中没有 frnt 这一部分（是否想写 front？）"),
        ("shop/cloud.yml", "kind: host", "kind: boat", "shop/cloud.yml:2: kind"),
        ("shop/schedules.yml", "inspection", "inspektion", "shop/schedules.yml:2: routine"),
        ("shop/schedules.yml", "08:30", "8:30", "shop/schedules.yml:2: at"),
        ("operators.yml", "[shop]", "[shpo]", "operators.yml:4: 没有合同 shpo（是否想写 shop？）"),
        ("operators.yml", "reader", "raeder", "operators.yml:3: "),
        ("holidays/overrides.yml", "休", "修", "holidays/overrides.yml:2: "),
        ("shop/hosts.yml", "{owner: 一组}", "{owner: 一组, ledger: {state: 在用, colour: 红}}", "colour"),
        ("shop/sites.yml", "part: front", "part: front\n    ledger: {icp: 1}", "shop/sites.yml:4: "),
    ],
)
def test_each_is_told_with_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, told: str
) -> None:
    assert main(["inventory", "check"]) in (0, 1)
    before = capsys.readouterr().out.splitlines()
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    assert main(["inventory", "check"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line not in before]
    assert any(told in line for line in lines), lines
    assert all(line.startswith((f"{file}:", file)) for line in lines), lines


def test_sound_files_have_no_problem(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inventory", "check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", ["policy.yml", "policies.yaml", "clouds.yml", "schedule.yml"])
def test_a_misspelt_file_name_is_not_passed_over(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (folder / "shop" / name).write_text(FILES["shop/sites.yml"])
    assert main(["inventory", "check"]) == 1
    assert f"shop/{name}:1: 不认识的文件（是否想写 " in capsys.readouterr().out
