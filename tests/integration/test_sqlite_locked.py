"""A database that somebody holds: SQLite itself waits five seconds."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tasks.checks import checks_for
from tasks.databases import open_engine
from tests.unit.databases.test_sqlite import database, house, made

__all__ = ["house"]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(made(tmp_path / "locked.db"), isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield "locked.db"


def test_a_locked_database_is_unknown_after_a_while(locked: str) -> None:
    check = checks_for("sqlite")[0]
    started = time.monotonic()
    output = open_engine(database(locked)).ask(database(locked), [check])[check.name]
    assert "locked" in output.failure and time.monotonic() - started < 7
