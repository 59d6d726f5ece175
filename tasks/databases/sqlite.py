"""SQLite, the embedded engine: opened read-only, each query interrupted at its limit.

A relative path starts at the state folder, which is where the databases of the product itself lie.
"""

import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from tasks.databases import ENGINES, Endpoint, NotAnswered, Table
from tasks.databases.values import table
from tasks.errors import OpsError
from tasks.home import home
from tasks.inventory.credentials import Credential
from tasks.model import Database
from tasks.texts import t

# SQLite asks every so many steps of its machine whether to go on: often enough to stop within
# milliseconds, seldom enough not to be felt.
STEPS_BETWEEN_LOOKS = 20_000


class Open:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False
        )
        self.facts: Mapping[str, str] = {"version": sqlite3.sqlite_version, "role": "primary"}

    def ask(self, sql: str, seconds: float) -> Table:
        deadline = time.monotonic() + seconds
        self._connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_LOOKS)
        try:
            cursor = self._connection.execute(sql)
            return table([(column[0], "") for column in cursor.description or ()], cursor)
        except sqlite3.Error as problem:
            code = getattr(problem, "sqlite_errorname", "SQLITE_ERROR")
            if code == "SQLITE_INTERRUPT":
                raise NotAnswered(t("checks.probe_timeout", seconds=seconds), code) from problem
            raise NotAnswered(f"{self.path.name}: {problem}", code) from problem

    def write(self, sql: str, seconds: float) -> int | None:
        raise NotAnswered(t("databases.never_written", path=self.path.name))

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()


@ENGINES.add("sqlite")
class Sqlite:
    trivial = "SELECT 1"
    denied: frozenset[str] = frozenset()

    def open(self, database: Database, endpoint: Endpoint, login: Credential | None) -> Open:
        path = home().root / database.path
        try:
            return Open(path)
        except sqlite3.Error as problem:
            raise OpsError(f"{path.name}: {problem}") from problem
