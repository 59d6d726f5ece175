import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.checks import checks_for
from tasks.checks.judging import Before, Limits
from tasks.databases import Endpoint, NotAnswered, Session, engine_of
from tasks.errors import OpsError
from tasks.inspection.collect import Collected, collect
from tasks.inspection.judge import judge_target
from tasks.model import Database, Finding, Status
from tests.suites.engine import EngineSuite


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


def session(path: str) -> Session:
    return engine_of(database(path)).open(database(path), Endpoint("db", "", None), None)


def ask(path: str, query: str, seconds: int = 5) -> list[dict[str, Any]]:
    with closing(session(path)) as opened:
        return [dict(row) for row in opened.ask(query, seconds).rows]


class TestSqlite(EngineSuite):
    SLOW = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    WRITES = ("CREATE TABLE opsproof_was_here (n INTEGER)", "DELETE FROM things", "VACUUM")

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Session]:
        made(tmp_path / "db")
        with closing(session("db")) as opened:
            yield opened


@pytest.mark.parametrize("name", ["plain.db", "a b/c d.db", "50%?mode=rwc#x.db", "数据.db", "file:x.db"])
def test_a_sound_database_whatever_its_path(tmp_path: Path, name: str) -> None:
    made(tmp_path / name)
    assert set(found(name).values()) == {Status.OK}
    assert ask(name, "SELECT name FROM things") == [{"name": "一"}]


def test_looking_never_writes(tmp_path: Path) -> None:
    path = made(tmp_path / "db")
    before = path.read_bytes()
    with pytest.raises(NotAnswered, match="readonly"):
        ask("db", "DELETE FROM things")
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


def test_an_engine_nobody_made_is_told() -> None:
    with pytest.raises(OpsError, match="dbase"):
        engine_of(database("x", engine="dbase"))


def test_checks_of_one_kind_only() -> None:
    assert {check.kind for check in checks_for("sqlite")} == {"sqlite"}
    assert checks_for("solaris") == () and checks_for("") == ()
