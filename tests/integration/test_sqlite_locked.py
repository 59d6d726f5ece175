"""A database that somebody holds: SQLite itself waits five seconds."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tasks.databases import NotAnswered
from tests.unit.databases.test_sqlite import house, made, session

__all__ = ["house"]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(made(tmp_path / "locked.db"), isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield "locked.db"


def test_a_locked_database_is_unknown_after_a_while(locked: str) -> None:
    with closing(session(locked)) as opened:
        started = time.monotonic()
        with pytest.raises(NotAnswered, match="locked"):
            opened.ask("PRAGMA integrity_check(20)", 60)
        assert time.monotonic() - started < 7
