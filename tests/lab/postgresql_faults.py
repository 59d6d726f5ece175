"""What can be wrong with a PostgreSQL pair, really done to one; each is undone when it is over."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.certificates import self_signed
from tests.lab.postgresql import ACCOUNT, BIN, Server, own, run

# Which of the two, check, subject, status.
Alarm = tuple[str, str, str, str]
Limits = Mapping[str, Mapping[str, tuple[float | None, float | None]]]
DATABASES = ("postgres", "template0", "template1")
SLEEPY = 0.6
SOON: tuple[float, float] = (0.5, 300)


@dataclass(frozen=True)
class Fault:
    """`found` while it is done, and no other alarm. `limits`: by check and number, where it would take hours
    to pass the shipped ones."""

    name: str
    done: Callable[..., "contextlib.AbstractContextManager[object]"]
    found: frozenset[Alarm]
    limits: Limits = field(default_factory=dict)
    # It ends as a pair with this.
    last: bool = False


def alarms(*said: Alarm) -> frozenset[Alarm]:
    return frozenset(said)


def until(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


@contextmanager
def lagging(primary: Server, standby: Server) -> Iterator[None]:
    standby.sql("SELECT pg_wal_replay_pause()")
    primary.sql("CREATE TABLE filler (n int PRIMARY KEY, words text)")
    primary.sql("INSERT INTO filler SELECT n, repeat('x', 1000) FROM generate_series(1, 70000) n")
    try:
        behind = "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) > 66 * 1024 ^ 2"
        until(lambda: standby.sql(behind)[0][0])
        yield
    finally:
        standby.sql("SELECT pg_wal_replay_resume()")
        primary.sql("DROP TABLE filler")
        until(lambda: not standby.sql("SELECT 1 FROM pg_class WHERE relname = 'filler'"))


@contextmanager
def cut(primary: Server, standby: Server) -> Iterator[None]:
    """The standby runs on, and knows a wrong way to its primary."""
    (right,) = standby.sql("SHOW primary_conninfo")[0]
    wrong = "host=127.0.0.1 port=1 user=postgres"
    standby.sql(f"ALTER SYSTEM SET primary_conninfo = '{wrong}'", "SELECT pg_reload_conf()")
    try:
        until(lambda: not primary.sql("SELECT 1 FROM pg_stat_replication"))
        yield
    finally:
        said = str(right).replace("'", "''")
        standby.sql(f"ALTER SYSTEM SET primary_conninfo = '{said}'", "SELECT pg_reload_conf()")
        until(lambda: primary.sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"))


@contextmanager
def promoted(primary: Server, standby: Server) -> Iterator[None]:
    standby.sql("SELECT pg_promote()")
    until(lambda: not primary.sql("SELECT 1 FROM pg_stat_replication"))
    yield


@contextmanager
def changed(one: Server, *after: str, **settings: object) -> Iterator[None]:
    for name, value in settings.items():
        one.sql(f"ALTER SYSTEM SET {name} = '{value}'")
    one.sql("SELECT pg_reload_conf()")
    time.sleep(0.3)
    try:
        for statement in after:
            one.sql(statement)
        yield
    finally:
        for name in settings:
            one.sql(f"ALTER SYSTEM RESET {name}")
        one.sql("SELECT pg_reload_conf()")
        time.sleep(0.3)


@contextmanager
def sessions(one: Server, count: int) -> Iterator[list["psycopg.Connection[Any]"]]:
    with ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(one.connect())) for _ in range(count)]


@contextmanager
def flooded(primary: Server, standby: Server) -> Iterator[None]:
    with sessions(primary, 36):
        yield


@contextmanager
def forgotten_transaction(primary: Server, standby: Server) -> Iterator[None]:
    with sessions(primary, 1) as (one,):
        one.execute("BEGIN")
        one.execute("SELECT txid_current()")
        time.sleep(SLEEPY)
        yield


@contextmanager
def table(one: Server, *more: str, key: str = "PRIMARY KEY") -> Iterator[None]:
    one.sql(f"CREATE TABLE things (n int {key}, words text)", "INSERT INTO things VALUES (1), (2)", *more)
    try:
        yield
    finally:
        one.sql("DROP TABLE things")


def beside(one: "psycopg.Connection[Any]", sql: bytes) -> threading.Thread:
    def work() -> None:
        with contextlib.suppress(psycopg.Error):
            one.execute(sql)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@contextmanager
def blocked(primary: Server, standby: Server) -> Iterator[None]:
    with table(primary), sessions(primary, 2) as (first, second):
        first.execute("BEGIN")
        first.execute("UPDATE things SET n = 3 WHERE n = 1")
        waiting = beside(second, b"UPDATE things SET n = 4 WHERE n = 1")
        time.sleep(SLEEPY)
        yield
        first.execute("ROLLBACK")
        waiting.join(5)


@contextmanager
def deadlocked(primary: Server, standby: Server) -> Iterator[None]:
    with table(primary), sessions(primary, 2) as (first, second):
        for one, row in ((first, 1), (second, 2)):
            one.execute("BEGIN")
            one.execute(f"UPDATE things SET words = 'a' WHERE n = {row}")
        waiting = beside(first, b"UPDATE things SET words = 'b' WHERE n = 2")
        with contextlib.suppress(psycopg.errors.DeadlockDetected):
            second.execute("UPDATE things SET words = 'b' WHERE n = 1")
        waiting.join(5)
        for one in (first, second):
            one.execute("ROLLBACK")
        until(lambda: primary.sql("SELECT sum(deadlocks) FROM pg_stat_database")[0][0])
        yield


@contextmanager
def expired(primary: Server, standby: Server) -> Iterator[None]:
    for path in self_signed(primary.data, "127.0.0.1", 0):
        own(path)
    with changed(primary, ssl="on", ssl_cert_file="cert.pem", ssl_key_file="key.pem"):
        yield


@contextmanager
def archiving_fails(primary: Server, standby: Server) -> Iterator[None]:
    switch = ("CREATE TABLE w (n int PRIMARY KEY)", "DROP TABLE w", "SELECT pg_switch_wal()")
    with changed(primary, *switch, archive_command="/bin/false"):
        until(lambda: primary.sql("SELECT failed_count FROM pg_stat_archiver WHERE failed_count > 0"))
        yield
    until(
        lambda: primary.sql("SELECT 1 FROM pg_stat_archiver WHERE last_archived_time > last_failed_time"), 90
    )


@contextmanager
def idle_slot(primary: Server, standby: Server) -> Iterator[None]:
    primary.sql("SELECT pg_create_physical_replication_slot('forgotten', true)")
    try:
        yield
    finally:
        primary.sql("SELECT pg_drop_replication_slot('forgotten')")


@contextmanager
def broken_index(primary: Server, standby: Server) -> Iterator[None]:
    with table(primary, "UPDATE things SET words = 'same'"):
        with contextlib.suppress(psycopg.errors.UniqueViolation):
            primary.sql("CREATE UNIQUE INDEX CONCURRENTLY things_words ON things (words)")
        yield


@contextmanager
def prepared(primary: Server, standby: Server) -> Iterator[None]:
    with sessions(primary, 1) as (one,):
        for statement in (b"BEGIN", b"SELECT txid_current()", b"PREPARE TRANSACTION 'forgotten'"):
            one.execute(statement)
    time.sleep(SLEEPY)
    try:
        yield
    finally:
        primary.sql("ROLLBACK PREPARED 'forgotten'")


@contextmanager
def dead_rows(primary: Server, standby: Server) -> Iterator[None]:
    fill = "INSERT INTO things SELECT n FROM generate_series(3, 20000) n"
    more = ("ALTER TABLE things SET (autovacuum_enabled = off)", fill, "DELETE FROM things WHERE n > 5000")
    with table(primary, *more):
        until(lambda: primary.sql("SELECT 1 FROM pg_stat_user_tables WHERE n_dead_tup > 10000"))
        yield


@contextmanager
def temporary_files(primary: Server, standby: Server) -> Iterator[None]:
    primary.sql(
        "SET work_mem = '64kB'",
        "SELECT count(*) FROM (SELECT n FROM generate_series(1, 300000) n ORDER BY -n) s",
    )
    until(lambda: primary.sql("SELECT sum(temp_bytes) > 0 FROM pg_stat_database")[0][0])
    yield


@contextmanager
def many_checkpoints(primary: Server, standby: Server) -> Iterator[None]:
    for _ in range(6):
        primary.sql("CHECKPOINT")
    until(lambda: primary.sql("SELECT checkpoints_req > 5 FROM pg_stat_bgwriter")[0][0])
    yield


@contextmanager
def rollbacks(primary: Server, standby: Server) -> Iterator[None]:
    before = primary.sql("SELECT sum(xact_rollback) FROM pg_stat_database")[0][0]
    with sessions(primary, 1) as (one,):
        one.execute(b"BEGIN; SELECT 1; ROLLBACK;" * 1500)
    done = f"SELECT sum(xact_rollback) >= {before} + 1500 FROM pg_stat_database"
    until(lambda: primary.sql(done)[0][0])
    yield


@contextmanager
def guessed_passwords(primary: Server, standby: Server) -> Iterator[None]:
    """A burst of errors in its log."""
    for guess in range(120):
        with contextlib.suppress(psycopg.OperationalError):
            primary.connect(user=ACCOUNT, password=f"guess-{guess}")
    yield


@contextmanager
def restarted(primary: Server, standby: Server) -> Iterator[None]:
    primary.stop()
    primary.start()
    until(lambda: primary.sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"))
    yield


@contextmanager
def damaged_page(primary: Server, standby: Server) -> Iterator[None]:
    """A page of a table turned over on the disk, and read."""
    primary.sql(
        "CREATE TABLE damaged (n int PRIMARY KEY, words text)",
        "INSERT INTO damaged VALUES (1, 'a')",
        "CHECKPOINT",
    )
    (path,) = primary.sql("SELECT pg_relation_filepath('damaged')")[0]
    primary.stop()
    with (primary.data / str(path)).open("r+b") as file:
        file.seek(4096)
        file.write(b"damage")
    primary.start()
    with contextlib.suppress(psycopg.Error):
        primary.sql("SELECT * FROM damaged")
    until(lambda: primary.sql("SELECT sum(checksum_failures) FROM pg_stat_database")[0][0])
    until(lambda: primary.sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"))
    yield


@contextmanager
def aged(one: Server) -> Iterator[None]:
    """1.3 of its 2.1 thousand million transactions gone by, and an autovacuum too slow to mend it. For a
    server alone: its WAL begins anew."""
    one.stop()
    one.settings |= {"autovacuum_vacuum_cost_delay": "100ms", "autovacuum_vacuum_cost_limit": 1}
    next_one, for_each_file = 1_300_000_000, 2**20
    run(BIN / "pg_resetwal", "-x", next_one, "-D", one.data)
    state = one.data / "pg_xact" / f"{next_one // for_each_file:04X}"
    state.write_bytes(bytes(2**18))
    own(state)
    one.start()
    yield


@contextmanager
def full_tablespace(one: Server) -> Iterator[None]:
    """On a file system of its own, 8 MiB of memory, filled until it takes no more. For a server alone: a
    standby on the same machine would want the same folder."""
    place = one.folder / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", place], check=True)
    try:
        own(place)
        one.sql(f"CREATE TABLESPACE small LOCATION '{place}'")
        one.sql("CREATE TABLE filler (n int PRIMARY KEY, words text) TABLESPACE small")
        with contextlib.suppress(psycopg.errors.DiskFull):
            one.sql("INSERT INTO filler SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n")
        yield
    finally:
        one.stop()
        subprocess.run(["umount", place], check=True)
