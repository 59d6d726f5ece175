"""SQLite, the embedded engine: opened read-only, each query interrupted at its limit.

A relative path starts at the state folder, which is where the databases of the product itself lie.
"""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from tasks import clock
from tasks.checks import Check
from tasks.databases import ENGINES
from tasks.home import home
from tasks.model import Database, Output
from tasks.texts import t

# SQLite asks every so many steps of its machine whether to go on: often enough to stop within
# milliseconds, seldom enough not to be felt.
STEPS_BETWEEN_LOOKS = 20_000
# The file was reached and is no sound database: an answer to judge, not a way that failed.
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@ENGINES.add("sqlite")
class Sqlite:
    def ask(self, database: Database, checks: Sequence[Check]) -> Mapping[str, Output]:
        path = home().root / database.path
        return {check.name: self._one(path, check) for check in checks}

    def _one(self, path: Path, check: Check) -> Output:
        started_at, started = clock.now(), time.monotonic()
        text, stderr, failure, code = "", "", "", 0
        try:
            text = self._rows(path, check)
        except sqlite3.Error as problem:
            code = getattr(problem, "sqlite_errorcode", 1) & 0xFF
            stderr = f"{path.name}: {problem}"
            if code == sqlite3.SQLITE_INTERRUPT:
                failure = t("checks.probe_timeout", seconds=check.seconds)
            elif code not in DAMAGED:
                failure = stderr
        return Output(
            command=check.probe,
            exit_code=code,
            raw=text.encode(),
            text=text,
            stderr=stderr,
            started_at=started_at,
            duration=timedelta(seconds=time.monotonic() - started),
            failure=failure,
        )

    @staticmethod
    def _rows(path: Path, check: Check) -> str:
        deadline = time.monotonic() + check.seconds
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_LOOKS)
            rows = [dict(row) for row in connection.execute(check.probe)]
        return json.dumps(rows, ensure_ascii=False, default=str)
