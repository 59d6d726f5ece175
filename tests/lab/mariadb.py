"""Real MariaDB servers from Debian's package, each in a folder of its own on a free port of loopback.

The data directory is installed once and copied; no service of the system is touched.
"""

import atexit
import contextlib
import fcntl
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from tasks.databases.preflight import grants
from tasks.inventory.credentials import variable
from tasks.model import Database, Host, Instance
from tests.certificates import self_signed

PROGRAMS = ("mariadbd", "mariadb-install-db")
CREDENTIAL, ACCOUNT, PASSWORD = "lab-mysql", "opsproof", "只在实验室里用 only in the lab"
# Nothing here has to outlive a power cut.
SMALL = (
    "--innodb-log-file-size=8M",
    "--innodb-buffer-pool-size=24M",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    "--performance-schema=OFF",
)
START_SECONDS = 30


def missing() -> str:
    gone = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(gone)}" if gone else ""


@functools.cache
def installed() -> Path:
    """A data directory that nobody has used yet."""
    folder = Path(tempfile.mkdtemp(prefix="opsproof-mariadb-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = folder / "data"
    options = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={made}", *SMALL]
    command = ["mariadb-install-db", "--no-defaults", *as_user(), *options]
    # Two at the same moment: one of them fails.
    with (Path(tempfile.gettempdir()) / "opsproof-mariadb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(command, check=True, capture_output=True)
    return made


def as_user() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class Server:
    folder: Path
    number: int = 1
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "error.log"

    def install(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", f"{installed()}/.", str(self.data)], check=True)

    def start(self, *more: str) -> None:
        command = [
            "mariadbd",
            "--no-defaults",
            *as_user(),
            *SMALL,
            f"--datadir={self.data}",
            f"--socket={self.folder / 's'}",
            f"--pid-file={self.folder / 'pid'}",
            # One that starts clears away what others have in a temporary folder they share.
            f"--tmpdir={self.folder}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--server-id={self.number}",
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--expire-logs-days=7",
            "--log-slave-updates",
            "--gtid-strict-mode=1",
            f"--log-error={self.log}",
            "--skip-name-resolve",
            *self.options,
            *more,
        ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.wait()

    def wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process is not None and self.process.poll() is None:
            with contextlib.suppress(pymysql.MySQLError):
                self.root().close()
                return
            time.sleep(0.03)
        raise RuntimeError(self.log.read_text("utf-8", "replace")[-2000:])

    def root(self, **more: Any) -> Any:
        return pymysql.connect(
            user="root",
            unix_socket=str(self.folder / "s"),
            autocommit=True,
            charset="utf8mb4",
            cursorclass=DictCursor,
            **more,
        )

    def sql(self, *statements: str) -> list[dict[str, Any]]:
        """What the last one gave, asked as root."""
        with contextlib.closing(self.root()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def grant(self, account: str = f"'{ACCOUNT}'@'%'", password: str = PASSWORD) -> None:
        """The product's account, with what is shipped as its grants and nothing else; in no binary log."""
        given = [line for line in grants("mysql", account).splitlines() if line.startswith("GRANT")]
        self.sql("SET sql_log_bin = 0", f"CREATE USER {account} IDENTIFIED BY '{password}'", *given)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(START_SECONDS)
            self.process = None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(START_SECONDS)
            self.process = None

    def target(self, name: str = "MY-01", **fields: Any) -> Database:
        own = {"contract": "lab", "part": "db", "name": name, "engine": "mysql", "credential": CREDENTIAL}
        return Database(**{**own, "address": "127.0.0.1", "port": self.port, **fields})


@contextlib.contextmanager
def server(folder: Path, *options: str, number: int = 1) -> Iterator[Server]:
    """Running, with the product's account in it."""
    made = Server(folder, number, options)
    made.install()
    try:
        made.start()
        made.grant()
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def pair(folder: Path, *options: str) -> Iterator[tuple[Server, Server]]:
    """A primary and its replica by GTID, caught up."""
    with (
        server(folder / "one", *options) as primary,
        server(folder / "two", *options, "--read-only=1", number=2) as replica,
    ):
        primary.sql(
            "SET sql_log_bin = 0",
            "CREATE USER 'repl'@'%' IDENTIFIED BY 'repl'",
            "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'",
        )
        follow(replica, primary)
        primary.sql("CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY, said VARCHAR(200))")
        caught_up(replica, primary)
        yield primary, replica


@contextlib.contextmanager
def databases(folder: Path, count: int) -> Iterator[tuple[list[Database], dict[str, Host]]]:
    """As many targets as wanted on one real pair, and the host on which both lie."""
    host = this_host()
    with pair(folder) as servers:
        give_credentials()
        yield (
            [
                servers[number % 2].target(
                    f"MY-{number + 1:02}",
                    role=("primary", "standby")[number % 2],
                    instances=(Instance(name=f"MY-{number + 1:02}", host=host.name),),
                )
                for number in range(count)
            ],
            {host.name: host},
        )


def follow(replica: Server, primary: Server, port: int = 0) -> None:
    replica.sql(
        "STOP SLAVE",
        f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port or primary.port}, MASTER_USER='repl',"
        " MASTER_PASSWORD='repl', MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1,"
        " MASTER_USE_GTID=slave_pos",
        "START SLAVE",
    )


def caught_up(replica: Server, primary: Server) -> None:
    position = primary.sql("SELECT @@gtid_binlog_pos AS position")[0]["position"]
    assert replica.sql(f"SELECT MASTER_GTID_WAIT('{position}', 20) AS late")[0]["late"] == 0


def tls_options(folder: Path, days: int) -> tuple[str, ...]:
    """Options for a server with a certificate of its own, valid for `days` since yesterday."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = self_signed(folder, "127.0.0.1", days)
    return (f"--ssl-cert={certificate}", f"--ssl-key={key}", f"--ssl-ca={certificate}")


def give_credentials() -> None:
    os.environ[variable(CREDENTIAL, "user")] = ACCOUNT
    os.environ[variable(CREDENTIAL, "password")] = PASSWORD


def this_host(name: str = "HERE") -> Host:
    """Where its files lie."""
    return Host(contract="lab", part="db", name=name, os="linux", transport="local")
