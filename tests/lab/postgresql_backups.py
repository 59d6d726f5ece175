"""PostgreSQL servers to be backed up: every kind of object there is, and somebody who writes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tasks.backups.plan import Item
from tasks.backups.taking import Place
from tests.lab.postgresql import ACCOUNT, Server, target
from tests.unit.backups.places import place

GRANTS = Path("tasks/databases/grants/postgres-backup.sql")
EVERYTHING = Path(__file__).with_name("postgresql_objects.sql")
SENTINEL = (
    "CREATE SCHEMA opsproof",
    "CREATE TABLE opsproof.sentinel (value text)",
    "INSERT INTO opsproof.sentinel VALUES ('')",
    f"GRANT USAGE ON SCHEMA opsproof TO {ACCOUNT}",
    f"GRANT SELECT, UPDATE ON opsproof.sentinel TO {ACCOUNT}",
)


def allow(server: Server) -> None:
    """What an administrator grants the account that takes backups."""
    text = (Path(__file__).parents[2] / GRANTS).read_text("utf-8").replace("OPSPROOF_ACCOUNT", ACCOUNT)
    server.sql(text, "GRANT EXECUTE ON FUNCTION pg_wal_replay_pause(), pg_wal_replay_resume() TO " + ACCOUNT)
    server.sql(*SENTINEL)


def fill(server: Server, folder: Path) -> None:
    """One of each kind of object, in two databases; `folder`: for a tablespace."""
    server.sql(f"CREATE TABLESPACE elsewhere LOCATION '{folder}'", "CREATE DATABASE other")
    server.sql(EVERYTHING.read_text("utf-8"))
    server.sql("CREATE TABLE only_here (n int)", "INSERT INTO only_here VALUES (1), (1)", database="other")


def subject(folder: Path, server: Server, method: str, **more: Any) -> tuple[Place, list[Any], Item]:
    job = {"name": "pg", "targets": ["db"], "method": method, "load": {"gentle": False}, **more}
    made, identities = place(folder, job)
    return made, identities, Item(made.plan.jobs[0], target(server))


class Writing:
    """Small transactions, as many a second as asked for, and how many it were."""

    SESSIONS = 8

    def __init__(self, server: Server, per_second: int) -> None:
        self.server, self.pause = server, self.SESSIONS / per_second
        self.done = 0
        self._end = threading.Event()

    def _write(self) -> None:
        with self.server.connect() as session:
            while not self._end.is_set():
                started = time.monotonic()
                session.execute(
                    "WITH x AS (INSERT INTO written (said) VALUES (md5(random()::text)) RETURNING n)"
                    " UPDATE written SET said = said || '.' WHERE n = (SELECT n FROM x) - 100"
                )
                self.done += 1
                time.sleep(max(self.pause - (time.monotonic() - started), 0))

    @contextmanager
    def going_on(self) -> Iterator["Writing"]:
        self.server.sql("CREATE TABLE IF NOT EXISTS written (n bigserial PRIMARY KEY, said text)")
        threads = [threading.Thread(target=self._run) for _ in range(self.SESSIONS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._end.set()
            for thread in threads:
                thread.join()

    def _run(self) -> None:
        try:
            self._write()
        except psycopg.OperationalError:
            return  # the server was ended
