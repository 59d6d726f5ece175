"""The commands `calendar` and `plan`, run as users run them (in this process: starting costs more)."""

import json
from pathlib import Path

import pytest

from flows.cli import main
from tasks.clock import now
from tasks.contracts.activation import activate
from tasks.records import Book
from tests.unit.calendar.test_imports import TYPED


@pytest.fixture
def house(inventories: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSPROOF_HOME", str(inventories / "var"))
    (inventories / "var" / "book").mkdir(parents=True)
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(inventories))
    (inventories / "contracts").mkdir()
    (inventories / "contracts" / "x.yml").write_text("{code: x, name: 某合同, parts: {}}\n")
    (inventories / "x" / "schedules.yml").write_text(
        'schedules:\n  - {routine: inspection, title: 巡检, at: "08:30", days: working}\n'
    )
    return inventories


def test_a_month_is_a_grid_with_marks(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calendar", "show", "2026", "--month", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2026 年 2 月"
    assert "14班" in lines[4] and "15休" in lines[4] and "8·" in lines[3]
    assert "  2 月 15 日至 23 日 节假日 春节" in lines


@pytest.mark.parametrize("year", ["2027", "2038"])
def test_an_unpublished_year_says_so_in_every_form(
    house: Path, capsys: pytest.CaptureFixture[str], year: str
) -> None:
    assert main(["calendar", "show", year]) == 0
    assert capsys.readouterr().out.startswith(f"{year}年节假日数据未发布")
    assert main(["calendar", "show", year, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 365 and not any(row["published"] for row in rows)
    here = ["plan", "list", "--contract", "x", "--from", f"{year}-01-04"]
    assert main([*here, "--to", f"{year}-01-05"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{year}年节假日数据未发布") and "*" in shown
    assert main([*here, "--json"]) == 0
    captured = capsys.readouterr()
    assert all(row["unpublished"] and "未发布" in row["warning"] for row in json.loads(captured.out))
    assert "未发布" in captured.err


def test_plans_of_a_week(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "list", "--contract", "x", "--from", "2026-10-05", "--json"]) == 0
    ids = [row["id"] for row in json.loads(capsys.readouterr().out)]
    assert ids == [f"x/inspection/202610{day}T0830" for day in ("08", "09", "10")]


def test_only_contracts_in_force_are_listed_unless_asked_for(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "list", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == [] and "--contract" in captured.err
    assert main(["plan", "list", "--contract", "x", "--from", "2026-10-08", "--json"]) == 0
    captured = capsys.readouterr()
    assert {row["active"] for row in json.loads(captured.out)} == {False} and "activate" in captured.err
    activate(Book(house / "var" / "book"), "x", "test", now())
    assert main(["plan", "list", "--from", "2026-10-08", "--json"]) == 0
    captured = capsys.readouterr()
    assert {row["active"] for row in json.loads(captured.out)} == {True} and captured.err == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--contract", "../x"], "../x"),
        (["--contract", "y"], "没有合同 y"),
        (["--from", "2026-02-30"], "2026-02-30"),
        (["--from", "1990-01-01"], "1990-01-01"),
        (["--from", "2026-02-02", "--to", "2026-02-01"], "早于"),
        (["--from", "2026-01-01", "--to", "2036-01-01"], "过长"),
    ],
)
def test_refusals(house: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    assert main(["plan", "list", *arguments]) == 1
    assert told in capsys.readouterr().err


def test_import_shows_first_and_writes_when_told(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = house / "typed.txt"
    path.write_text(TYPED)
    assert main(["calendar", "import", str(path)]) == 1
    captured = capsys.readouterr()
    assert "2026-12-31" in captured.out and "--yes" in captured.err
    assert not (house / "holidays" / "2027.yml").exists()
    assert main(["calendar", "import", str(path), "--yes"]) == 0
    capsys.readouterr()
    assert main(["calendar", "show", "2027", "--month", "1"]) == 0
    assert "未发布" not in capsys.readouterr().out


def test_check_gives_both_years(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["calendar", "check", "--json"])
    assert len(json.loads(capsys.readouterr().out)) == 2


@pytest.mark.parametrize("year", ["1999", "2200", "99999", "-1"])
def test_years_out_of_range(house: Path, capsys: pytest.CaptureFixture[str], year: str) -> None:
    assert main(["calendar", "show", "--", year]) == 1
    assert year in capsys.readouterr().err
