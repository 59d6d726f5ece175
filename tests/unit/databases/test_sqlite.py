import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tasks.checks import Check, checks_for
from tasks.checks.judging import Before, Limits
from tasks.databases import open_engine
from tasks.errors import OpsError
from tasks.inspection.collect import Collected, collect
from tasks.inspection.judge import judge_target
from tasks.model import Database, Finding, Output, Status


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))


def database(path: str, engine: str = "sqlite") -> Database:
    return Database(contract="local", part="m", name="db", engine=engine, path=path)


def made(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.execute("INSERT INTO things VALUES ('一')")
    return path


def found(path: str) -> dict[str, Status]:
    collected = collect(database(path))
    return {one.check: one.status for one in judged(collected)}


def judged(collected: Collected) -> list[Finding]:
    return judge_target(collected, lambda check, target: Limits(check.limits), lambda check, target: Before())


def ask(path: str, query: str, seconds: int = 5) -> Output:
    check = Check("sqlite.asked", "sqlite", "asked", (), query, lambda *_: [], seconds)
    return open_engine(database(path)).ask(database(path), [check])["sqlite.asked"]


@pytest.mark.parametrize("name", ["plain.db", "a b/c d.db", "50%?mode=rwc#x.db", "数据.db", "file:x.db"])
def test_a_sound_database_whatever_its_path(tmp_path: Path, name: str) -> None:
    made(tmp_path / name)
    assert set(found(name).values()) == {Status.OK}
    assert ask(name, "SELECT name FROM things").rows == [{"name": "一"}]


def test_looking_never_writes(tmp_path: Path) -> None:
    path = made(tmp_path / "db")
    before = path.read_bytes()
    assert "readonly" in ask("db", "DELETE FROM things").failure
    assert path.read_bytes() == before


def test_a_missing_database_is_not_reached_and_not_made(tmp_path: Path) -> None:
    assert found("nowhere.db") == {"reach": Status.UNKNOWN}
    assert found(".") == {"reach": Status.UNKNOWN}
    assert not (tmp_path / "nowhere.db").exists()


def test_a_damaged_database_is_a_failure_and_not_unknown(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"no database at all " * 100)
    assert found("db") == {"sqlite.integrity": Status.FAIL, "sqlite.size": Status.UNKNOWN}
    path = made(tmp_path / "cut")
    path.write_bytes(path.read_bytes()[:5000])
    assert found("cut")["sqlite.integrity"] is Status.FAIL


def test_an_emptied_database_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "db").touch()
    assert found("db")["sqlite.size"] is Status.FAIL


def test_a_slow_query_is_interrupted_at_its_limit(tmp_path: Path) -> None:
    made(tmp_path / "db")
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    started = time.monotonic()
    assert "1 秒" in ask("db", endless, 1).failure
    assert time.monotonic() - started < 5


def test_an_engine_nobody_made_is_told() -> None:
    with pytest.raises(OpsError, match="dbase"):
        open_engine(database("x", engine="dbase"))


def test_checks_of_one_kind_only() -> None:
    assert {check.kind for check in checks_for("sqlite")} == {"sqlite"}
    assert checks_for("solaris") == () and checks_for("") == ()
