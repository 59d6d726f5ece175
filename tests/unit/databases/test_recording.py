"""What a database answers, kept as cases; and what may be seen of it when it is masked."""

import json
from pathlib import Path

import pytest

from flows.cli import main
from tasks.checks.answers import Asked, Member, read, write
from tasks.inspection.recording import Masking
from tests.unit.checks.recorded import Case

TABLESPACE = Asked(
    "rows",
    (("tablespace_name", "VARCHAR2"), ("status", "VARCHAR2"), ("used", "NUMBER")),
    (
        {"tablespace_name": "SECRET_PROJECT", "status": "ONLINE", "used": 12.5},
        {"tablespace_name": "SECRET_PROJECT", "status": "OFFLINE", "used": None},
    ),
)
DENIED = Asked("more", failure="ORA-00942: SECRET.TABLE does not exist", code="ORA-00942")
WHOLE = Member("SECRETDB", {"version": "19.21.0.0.0", "data": "/u01/SECRET"}, (TABLESPACE, DENIED))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    (tmp_path / "prefect").mkdir()
    import sqlite3

    sqlite3.connect(tmp_path / "prefect/prefect.db").executescript("CREATE TABLE flows (name TEXT)")
    return tmp_path


def test_an_answer_comes_back_as_it_was_written() -> None:
    assert read(write([WHOLE])).members == (WHOLE,)


def test_a_masked_answer_tells_states_and_numbers_and_no_names() -> None:
    masked = Masking().member(WHOLE)
    assert "SECRET" not in write([masked])
    first, second = masked.rows()
    assert first["tablespace_name"] == second["tablespace_name"] != ""
    assert (first["status"], first["used"], second["used"]) == ("ONLINE", 12.5, None)
    assert masked.facts["version"] == "19.21.0.0.0" and masked.asked[1].code == "ORA-00942"


def test_addresses_names_of_digits_and_reasons_are_masked() -> None:
    row = {"client": "192.0.2.7", "mode": "192.0.2.8:1521", "schema": "20260101", "bytes": "4096"}
    row |= {"started": "2026-11-20 08:30:00", "version": "11.2.0.4", "lag": "+00 00:01:05"}
    one = Member("1001", {"version": "8.0.36"}, (Asked("rows", (), (row,)),), failure="SECRET: 192.0.2.9")
    masked = Masking().member(one)
    told = masked.rows()[0]
    assert {column for column in row if told[column] != row[column]} == {"client", "mode", "schema"}
    assert masked.name != "1001" and "SECRET" not in masked.failure and "192.0.2" not in write([masked])


def test_a_recording_is_a_case_that_the_tests_can_read(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["databases", "record", "--contract", "local", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["check"] for row in rows} >= {"sqlite.integrity", "sqlite.size"}
    assert all(row["rows"] and not row["left_out"] for row in rows)
    case = Case(house / "recordings/local/platform-db/sqlite.size/recorded.txt")
    assert [found.status for found in case.findings()] == ["ok"]
    assert case.said["recorded"] and case.said["findings"][0]["status"] == "ok"


def test_a_bad_name_of_a_case_is_refused(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["databases", "record", "--contract", "local", "--case", "../x"]) == 1
    assert "用例名称" in capsys.readouterr().err


def test_examples_are_never_connected_to(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("record", "preflight"):
        assert main(["databases", verb, "--contract", "approval-platform"]) == 1
        assert "文档" in capsys.readouterr().err


def test_preflight_says_what_is_answered_and_what_is_not(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["databases", "preflight", "--contract", "local", "--json"]) == 0
    assert {row["state"] for row in json.loads(capsys.readouterr().out)} == {"ok"}
    (house / "prefect/prefect.db").unlink()
    assert main(["databases", "preflight", "--contract", "local"]) == 2
    assert "无法连接" in capsys.readouterr().out
