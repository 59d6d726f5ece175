"""Real PostgreSQL servers from Debian's package, on free loopback ports, in a folder that goes with them.

`initdb` runs once; every server starts from a copy. Segments of 1 MiB keep them small.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psycopg

from tasks.inventory.credentials import Credential
from tasks.model import Database, Host, Instance
from tasks.transports import Access
from tests.installation import free_ports

BIN = Path("/usr/lib/postgresql/15/bin")
# It refuses to run as root.
USER = "postgres" if os.geteuid() == 0 else None
PASSWORD = "lab-only"
ACCOUNT = "opsproof"
GRANTS = Path("tasks/databases/grants/postgres.sql")
CALM: Mapping[str, object] = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "16MB",
    "max_connections": 40,
    "wal_level": "replica",
    "max_wal_size": "64MB",
    "min_wal_size": "4MB",
    "wal_keep_size": "8MB",
    "archive_mode": "on",
    "archive_command": "/bin/true",
    "logging_collector": "on",
    "log_line_prefix": "%m [%p] ",
    "wal_receiver_status_interval": 1,
    "autovacuum_naptime": 60,
    "max_prepared_transactions": 5,
}


def missing() -> str:
    """Why there can be none here; empty: nothing is in the way."""
    return "" if (BIN / "postgres").is_file() else "postgresql-15 is not installed"


def run(*words: object) -> None:
    subprocess.run(
        [str(word) for word in words], check=True, capture_output=True, user=USER, group=USER, cwd="/"
    )


@cache
def template() -> Path:
    """One empty cluster for all, left for the next run; two that make it at once do not meet."""
    found = Path(tempfile.gettempdir()) / f"opsproof-postgresql-15-{os.geteuid()}"
    if not found.is_dir():
        made = Path(tempfile.mkdtemp(prefix="opsproof-pg-"))
        own(made)
        run(BIN / "initdb", "-D", made / "data", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8",
            "--locale", "C.UTF-8", "--wal-segsize=1", "--data-checksums")  # fmt: skip
        with contextlib.suppress(OSError):
            made.rename(found)
        if made.is_dir():
            shutil.rmtree(made)
    return found / "data"


def own(path: Path) -> None:
    if USER:
        shutil.chown(path, USER, USER)


@dataclass
class Server:
    """One server. `sql` is its superuser's; the account of the product has a password and its grants."""

    folder: Path
    port: int
    settings: dict[str, object] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def make(self) -> None:
        subprocess.run(["cp", "-a", template(), self.data], check=True)
        hba = "local all all trust\nhost all postgres 127.0.0.1/32 trust\n"
        hba += "host replication all 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(hba)

    def start(self, wait: bool = True) -> None:
        said = {**CALM, "port": self.port, "unix_socket_directories": str(self.folder), **self.settings}
        lines = "".join(f"{name} = '{value}'\n" for name, value in said.items())
        (self.data / "opsproof.conf").write_text(lines)
        own(self.data / "opsproof.conf")
        words = [str(BIN / "postgres"), "-D", str(self.data), "-c", f"config_file={self.config()}"]
        with (self.folder / "start").open("ab") as said:
            self.process = subprocess.Popen(words, user=USER, group=USER, cwd="/", stdout=said, stderr=said)
        if wait:
            self.await_login()

    def config(self) -> Path:
        main = self.data / "postgresql.conf"
        if "include 'opsproof.conf'" not in main.read_text():
            with main.open("a") as file:
                file.write("\ninclude 'opsproof.conf'\n")
        return main

    def await_login(self, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                self.sql("SELECT 1")
                return
            except psycopg.OperationalError:
                assert self.process and self.process.poll() is None, (self.folder / "start").read_text()
                assert time.monotonic() < end, (self.folder / "start").read_text()
                time.sleep(0.05)

    def connect(self, database: str = "postgres", **more: str) -> "psycopg.Connection[tuple[object, ...]]":
        where = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": database, **more}
        return psycopg.connect(**where, autocommit=True, connect_timeout=5)  # type: ignore[arg-type]

    def sql(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """The last one's answer."""
        with self.connect(database) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def change(self, **settings: object) -> None:
        """At once, by a reload."""
        self.settings |= settings
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.sql("SELECT pg_reload_conf()")
        time.sleep(0.2)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once and in order; SIGQUIT: as after a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self.process = None

    def replica(self, folder: Path, port: int, slot: str = "standby") -> "Server":
        """A standby that streams from this one, through a slot."""
        made = Server(folder, port, dict(self.settings))
        run(BIN / "pg_basebackup", "-D", made.data, "-h", "127.0.0.1", "-p", self.port, "-U", "postgres",
            "-R", "-X", "stream", "-C", "-S", slot, "-c", "fast", "--no-sync")  # fmt: skip
        return made


def give_account(server: Server, account: str = ACCOUNT, grants: bool = True) -> None:
    server.sql(f"CREATE ROLE {account} LOGIN PASSWORD '{PASSWORD}'")
    if grants:
        text = (Path(__file__).parents[2] / GRANTS).read_text("utf-8").replace("OPSPROOF_ACCOUNT", account)
        server.sql(text)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Its users reach it, whoever runs the tests."""
    made = Path(tempfile.mkdtemp(prefix="opsproof-pg-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def server(prepare: Callable[[Server], object] = lambda server: None, **settings: object) -> Iterator[Server]:
    """`prepare`: what is done to its files before it starts."""
    with folder() as place:
        made = Server(inside(place, "primary"), free_ports(1)[0], settings)
        made.make()
        prepare(made)
        try:
            made.start()
            give_account(made)
            yield made
        finally:
            made.stop(signal.SIGQUIT)


@contextlib.contextmanager
def pair(
    prepare: Callable[[Server], object] = lambda server: None, **settings: object
) -> Iterator[tuple[Server, Server]]:
    """A primary and its standby, streaming."""
    with server(prepare, **settings) as primary, folder() as place:
        standby = primary.replica(inside(place, "standby"), free_ports(1)[0])
        try:
            standby.start()
            caught_up(primary, standby)
            yield primary, standby
        finally:
            standby.stop(signal.SIGQUIT)


def inside(place: Path, name: str) -> Path:
    made = place / name
    made.mkdir(mode=0o700)
    own(made)
    return made


def caught_up(primary: Server, standby: Server, seconds: float = 15) -> None:
    """And the primary knows it: a standby that has only just come reports nothing yet."""
    end = time.monotonic() + seconds
    (now,) = primary.sql("SELECT pg_current_wal_lsn()")[0]
    reported = f"SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn >= '{now}'"
    while not (
        standby.sql(f"SELECT coalesce(pg_last_wal_replay_lsn() >= '{now}', false)")[0][0]
        and primary.sql(reported)
    ):
        assert time.monotonic() < end
        time.sleep(0.05)


HERE = Host(contract="lab", part="databases", name="here", os="linux", transport="local")
# By the name that the targets below give.
LOGIN = Credential(ACCOUNT, ACCOUNT, PASSWORD)


def access() -> Access:
    """The account of the product, and this machine as the host of every server."""
    return Access(lambda name: LOGIN, {HERE.name: HERE})  # type: ignore[arg-type]


def target(one: Server, name: str = "db", role: str = "", **more: object) -> Database:
    """A server as the inventory has it."""
    said = {"engine": "postgres", "address": "127.0.0.1", "port": one.port, "credential": ACCOUNT, **more}
    here = (Instance(name=name, host=HERE.name),)
    return Database(contract="lab", part="databases", name=name, role=role, instances=here, **said)  # type: ignore[arg-type]


@contextlib.contextmanager
def targets(count: int) -> Iterator[tuple[list[Database], Access]]:
    """`count` databases to inspect, on a real primary and its standby in turn."""
    with pair() as servers:
        roles = ("primary", "standby")
        found = [target(servers[i % 2], f"pg-{i + 1:02}", roles[i % 2]) for i in range(count)]
        yield found, access()
