"""Sessions with all members of a database: what one driver does not foresee, and what is said without any."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tasks.databases import Endpoint, NotAnswered
from tasks.databases.asking import Open
from tasks.databases.oracle import facts
from tasks.databases.statements import Statement
from tasks.databases.values import table
from tasks.home import Home
from tasks.inspection.collect import collect_all
from tasks.inventory.credentials import Keyring
from tasks.model import Database
from tasks.transports import Access

# No file has such a name, and SQLite's driver says so in a way of its own: a ValueError.
UNHEARD_OF = "\ud800"


@pytest.fixture
def access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Access:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "db")) as connection, connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    return Access(Keyring(Home(tmp_path, tmp_path)))


def database(path: str, name: str = "db") -> Database:
    return Database(contract="x", part="p", name=name, engine="sqlite", path=path)


def test_a_driver_that_stumbles_costs_no_other_database_its_answers(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        odd, sound = collect_all([database(UNHEARD_OF, "odd"), database("db", "sound")], access=access)
    assert not odd.reached and "UnicodeEncodeError" in odd.failure
    assert sound.reached
    assert "UnicodeEncodeError" in caplog.text and "sqlite.py" in caplog.text


def test_a_statement_that_a_driver_stumbles_over_ends_that_session_alone(access: Access) -> None:
    one = Open(database("db"), Endpoint("db", "", None), access)
    one.connect()
    assert "UnicodeEncodeError" in one.ask(Statement("odd", "SELECT '\ud800'"), 5).failure
    assert one.session is None
    assert one.ask(Statement("next", "SELECT 1 AS n"), 5).rows == ({"n": 1},)
    one.close()


def test_a_server_that_gives_no_version_is_not_understood() -> None:
    with pytest.raises(NotAnswered, match="版本"):
        facts("unknown", lambda sql: table([], []))
