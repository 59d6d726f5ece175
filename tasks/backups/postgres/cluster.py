"""A scratch server: on a private socket, without a network, without jobs, with settings of its own."""

import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg

from tasks.backups import START_LIMIT, CouldNotLook, Unsound
from tasks.backups.postgres.sessions import Session, fixed
from tasks.backups.scratch import Scratch
from tasks.databases.postgres import NO_FILE
from tasks.texts import t

PLACES = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin", "/usr/local/pgsql/bin", "/opt/pgsql-{}/bin")
USER = "postgres"
LAST = 2000
# What a host lacks, not the backup.
OURS = re.compile(
    r"No space left on device|could not (create|map|resize|open) .*shared memory|not recognized by setlocale"
    r"|incompatible with operating system|invalid locale name|could not create locale"
    r"|could not (load|access) (library|file) \"(\$libdir|[^\"]*\.so)|extension \"[^\"]*\" is not available"
    r"|extension control file|Cannot allocate memory|database locale is|could not access directory"
)
SETTINGS: Mapping[str, object] = {
    "listen_addresses": "",
    # In the data directory, which nobody else may enter; reached through /proc, so that no path is too long.
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "port": 5432,
    "shared_buffers": "128MB",
    "max_connections": 20,
    "archive_mode": "off",
    "autovacuum": "off",
    "hot_standby": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "logging_collector": "off",
    "lc_messages": "C",
    "log_timezone": "UTC",
    "max_logical_replication_workers": 0,
    "shared_preload_libraries": "",
    "max_wal_size": "1GB",
    "max_prepared_transactions": 1000,
}


@dataclass(frozen=True, slots=True)
class Programs:
    """Of one major version, on this machine."""

    folder: Path

    def path(self, name: str) -> str:
        return str(self.folder / name)


def programs(version: int) -> Programs:
    """`version`: the server's own number, 150004."""
    major = str(version // 10000)
    on_path = shutil.which("postgres")
    places = [Path(place.format(major)) for place in PLACES]
    for folder in [*places, *([Path(on_path).parent] if on_path else [])]:
        program = folder / "postgres"
        if program.is_file() and f" {major}" in said_version(program):
            return Programs(folder)
    raise CouldNotLook(t("backup_postgres.no_programs", version=major))


def said_version(program: Path) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.split(".")[0]


def checked(words: Sequence[str], limit: timedelta, environment: Mapping[str, str] | None = None) -> str:
    """What a program said of what came back; its refusal is the backup's fault unless the host lacks
    something."""
    said = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", **(environment or {})}
    try:
        done = subprocess.run(
            words, capture_output=True, check=False, env=said, timeout=limit.total_seconds(), errors="replace"
        )
    except OSError as problem:
        raise CouldNotLook(t("backup_postgres.no_program", name=words[0], reason=problem)) from problem
    except subprocess.TimeoutExpired as problem:
        raise CouldNotLook(t("backup_postgres.too_long", name=Path(words[0]).name)) from problem
    if done.returncode:
        raise blamed(done.stderr or done.stdout)
    return done.stdout


def blamed(said: str) -> Unsound | CouldNotLook:
    last = " ".join(said.split())[-LAST // 4 :]
    kind = CouldNotLook if OURS.search(said) else Unsound
    return kind(t("backup_postgres.unsound", reason=last or "—"))


def user() -> str:
    if os.geteuid() != 0:
        return ""
    try:
        return pwd.getpwnam(USER).pw_name
    except KeyError:
        raise CouldNotLook(t("backup_postgres.no_user", user=USER)) from None


class Cluster:
    """One data directory and the server on it."""

    def __init__(self, scratch: Scratch, version: int, superuser: str) -> None:
        self.scratch, self.programs, self.superuser = scratch, programs(version), superuser
        self.data, self.log = scratch.folder / "data", scratch.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """An empty one."""
        self.scratch.give_to(user())
        words = [self.programs.path("initdb"), "-D", str(self.data), "-U", self.superuser]
        process = self.scratch.start(
            [*words, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], self.log, user()
        )
        if process.wait(START_LIMIT.total_seconds()):
            raise CouldNotLook(t("backup_postgres.unsound", reason=self.said()))
        self.scratch.running.remove(process)

    def folder(self, name: str) -> Path:
        """One more that the server may write in."""
        made = self.scratch.folder / name
        made.mkdir()
        if user():
            shutil.chown(made, user(), user())
        return made

    def start(self, limit: timedelta, **more: object) -> None:
        """Until it answers: what it had to recover is recovered then."""
        places = {"hba_file": self.data / "access.conf", "ident_file": self.data / "ident.conf"}
        said = {**SETTINGS, **places, **more}
        lines = [f"{name} = {quoted(value)}" for name, value in said.items()]
        files = {
            "server.conf": "\n".join(lines),
            "access.conf": "local all all trust",
            "ident.conf": "",
            "postgresql.auto.conf": "",
        }
        for name, content in files.items():
            (self.data / name).write_text(content + "\n")
        self.data.chmod(0o700)
        self.scratch.give_to(user())
        words = [self.programs.path("postgres"), "-D", str(self.data)]
        self._process = self.scratch.start(
            [*words, "-c", f"config_file={self.data}/server.conf"], self.log, user()
        )
        self._await(time.monotonic() + limit.total_seconds())

    def _await(self, until: float) -> None:
        assert self._process
        while True:
            try:
                self.connect("template1").close()
                return
            except psycopg.Error as problem:
                if self._process.poll() is not None:
                    raise blamed(self.said()) from problem
                if OURS.search(str(problem)):
                    raise blamed(str(problem)) from problem
            if time.monotonic() > until:
                raise CouldNotLook(t("backup_postgres.too_long", name="postgres"))
            time.sleep(0.05)

    def connect(self, name: str) -> Session:
        assert self._process
        opened = psycopg.connect(
            host=f"/proc/{self._process.pid}/cwd",
            port=5432,
            user=self.superuser,
            dbname=name,
            autocommit=True,
            client_encoding="UTF8",
            passfile=NO_FILE,
        )
        opened.prepare_threshold = None
        return fixed(opened)

    def where(self) -> dict[str, str]:
        """For programs that log in to it."""
        assert self._process
        return {"PGHOST": f"/proc/{self._process.pid}/cwd", "PGPORT": "5432", "PGUSER": self.superuser}

    def said(self) -> str:
        with self.log.open("rb") as file:
            file.seek(max(self.log.stat().st_size - LAST, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
        bad = [line for line in lines if re.search(r"FATAL|PANIC|ERROR|DETAIL", line)]
        return " ".join(bad or lines)

    def stop(self) -> None:
        if self._process:
            self.scratch.stop(self._process)
            self._process = None


def quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
