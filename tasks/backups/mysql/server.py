"""A server of our own on data that came back: a private socket, neither network nor log nor replication."""

import contextlib
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from tasks.backups import START_LIMIT, CouldNotLook, Unsound
from tasks.backups.mysql.asking import ask
from tasks.backups.mysql.definitions import OURS
from tasks.backups.scratch import Scratch
from tasks.databases.statements import parts
from tasks.errors import OpsError
from tasks.texts import t

USER = "mysql"
NAMES = {"mariadb": ("mariadbd", "mysqld"), "mysql": ("mysqld",)}
# Where packages put servers, beside what PATH says.
PLACES = "/usr/sbin:/usr/libexec:/usr/local/mysql/bin:/usr/local/sbin"
# Of the source: without them its data cannot be opened, or replayed statements mean something else.
KEPT = (
    "lower_case_table_names",
    "explicit_defaults_for_timestamp",
    "innodb_page_size",
    "innodb_data_file_path",
    "innodb_undo_tablespaces",
    "innodb_checksum_algorithm",
    "character_set_server",
    "collation_server",
    "skip_name_resolve",
    "gtid_mode",
    "enforce_gtid_consistency",
)
OPTIONS = (
    "--skip-networking",
    "--skip-log-bin",
    "--skip-slave-start",
    "--event-scheduler=OFF",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=256M",
    # It lives once: nothing here has to outlive a power cut.
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--max-connections=32",
    "--max-allowed-packet=1G",
    "--local-infile=0",
)
# Where logs are replayed, its own one tells how far.
LOGGED = ("--log-bin=replayed", "--server-id=1")
# Reasons to end that are not the data's.
OURS_TO_MEND = re.compile(
    r"No space left|out of memory|Cannot allocate|Permission denied|unknown (option|var)", re.I
)
CHATTER = re.compile(r"\[(Note|System|Warning)\]")
LAST_LINES = 4


@dataclass(frozen=True, slots=True)
class Server:
    """`login`: an option file for the engine's own clients."""

    scratch: Scratch
    process: "subprocess.Popen[bytes]"
    socket: str
    password: str
    login: Path
    log: Path

    def connect(self, **more: Any) -> Any:
        return pymysql.connect(
            unix_socket=self.socket,
            user=OURS,
            password=self.password,
            charset="utf8mb4",
            autocommit=True,
            **more,
        )

    def freeze(self) -> None:
        """When nothing more is to be replayed."""
        with contextlib.closing(self.connect()) as connection:
            ask(connection, "SET GLOBAL read_only = 1")

    def gone(self) -> bool:
        return self.process.poll() is not None

    def last_words(self) -> str:
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.is_file() else []
        telling = [line for line in lines if line.strip() and not CHATTER.search(line)] or lines
        return " | ".join(line[:300] for line in telling[-LAST_LINES:]) or "—"


def program(flavour: str, version: str, given: str = "") -> str:
    """A server of that flavour, and not older than the source."""
    names = [given] if given else NAMES[flavour]
    path = next((found for name in names if (found := which(name))), "")
    if not path:
        raise CouldNotLook(t("backup_mysql.no_server", program=" / ".join(names)))
    said = subprocess.run(
        [path, "--no-defaults", "--version"], capture_output=True, text=True, check=False
    ).stdout
    own = re.search(r"Ver (\S+)", said)
    mine = parts(own[1]) if own else ()
    if ("mariadb" in said.lower()) != (flavour == "mariadb") or mine[:2] < parts(version)[:2]:
        raise CouldNotLook(
            t("backup_mysql.other_server", found=said.strip()[:100], wanted=f"{flavour} {version}")
        )
    return path


def which(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path=PLACES) or ""


@contextmanager
def server(
    scratch: Scratch,
    data: Path,
    path: str,
    settings: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[Server]:
    """`data` may be an empty directory of the engine's own making. Answers when it is there."""
    made = begin(scratch, data, path, settings or {}, options)
    try:
        wait(made)
        yield made
    finally:
        if made.process in scratch.running:
            scratch.stop(made.process)


def begin(
    scratch: Scratch, data: Path, path: str, settings: Mapping[str, str], options: Sequence[str] = ()
) -> Server:
    password = secrets.token_urlsafe(24) + "-Aa1"  # whatever a plugin may want of passwords
    account = f"'{OURS}'@'localhost'"
    first = scratch.folder / "first.sql"
    login = scratch.folder / "login.cnf"
    log = scratch.folder / "server.log"
    write(
        first,
        f"DROP USER IF EXISTS {account};\nCREATE USER {account} IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO {account} WITH GRANT OPTION;\n",
    )
    command = [
        path,
        "--no-defaults",
        f"--datadir={data}",
        # In its data directory: a path of any length fits there, as in /proc below.
        "--socket=s",
        f"--pid-file={scratch.folder / 'pid'}",
        f"--tmpdir={scratch.folder}",
        f"--init-file={first}",
        *OPTIONS,
        *options,
        *(
            f"--loose-{name.replace('_', '-')}={text}"
            for name, text in settings.items()
            if name in KEPT and text
        ),
    ]
    try:
        scratch.give_to(USER)
        process = scratch.start(command, log, USER)
    except KeyError as problem:
        raise CouldNotLook(t("backup_mysql.no_user", user=USER)) from problem
    socket = f"/proc/{process.pid}/cwd/s"
    write(login, f'[client]\nuser="{OURS}"\npassword="{password}"\nsocket="{socket}"\nprotocol=socket\n')
    return Server(scratch, process, socket, password, login, log)


def write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def wait(made: Server) -> None:
    until = time.monotonic() + START_LIMIT.total_seconds()
    while time.monotonic() < until:
        if made.gone():
            raise failed("backup_mysql.not_started", made)
        with contextlib.suppress(pymysql.OperationalError):
            made.connect(connect_timeout=5).close()
            return
        time.sleep(0.05)
    raise CouldNotLook(
        t("backup_mysql.start_late", minutes=START_LIMIT.total_seconds() // 60, said=made.last_words())
    )


def failed(text: str, made: Server) -> OpsError:
    said = made.last_words()
    message = t(text, said=said)
    ended_by_kill = made.process.poll() == -9
    return CouldNotLook(message) if ended_by_kill or OURS_TO_MEND.search(said) else Unsound(message)
