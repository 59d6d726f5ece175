"""Oracle 11.2 to 19c: read-only sessions that end in time, whatever the other side does.

`oracledb` speaks to 12.1 and later by itself (thin). 11.2, and servers that want native network encryption,
need Oracle's own client: `client: thick`, or the driver `cx_Oracle`, each in a process of its own.

An administrator's login, which a standby that is only mounted asks for, says so in its credential's user:
`opsproof as sysdg`, `sys as sysdba`, `backup as sysbackup`. A member of a Data Guard set is asked for by the
database's service, and by the member's name (then its DB_UNIQUE_NAME) where the listener has no such service.
"""

import re
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import ceil
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from tasks.databases import ENGINES, LOGIN_SECONDS, Endpoint, Gone, NotAnswered, Table
from tasks.databases.oracle_thin import Thin
from tasks.databases.oracle_worker import (
    LATE,
    TIMED_OUT,
    Line,
    Problem,
    Worker,
)
from tasks.databases.statements import parts
from tasks.errors import OpsError
from tasks.home import home
from tasks.inventory.credentials import Credential
from tasks.model import Database
from tasks.texts import t, texts

PORT = 1521
# A statement that the server does not end by itself is cut off this much later.
GRACE_SECONDS = 2.0
DENIED = frozenset({"ORA-00942", "ORA-01031", "ORA-41900"})
TOO_LATE = TIMED_OUT | {LATE}
# The listener is there, and the service is not, or not by this name.
UNKNOWN_SERVICE = ("ORA-12514", "ORA-12521")
# Nothing to read there before the control file is open.
NOT_MOUNTED = "ORA-01507"
ADMINISTRATOR = re.compile(r"(?P<user>\S+)\s+as\s+(?P<mode>sysdba|sysdg|sysbackup)", re.I)
MODES = {"sysdba": "SYSDBA", "sysdg": "SYSDGD", "sysbackup": "SYSBKP"}

BARE = re.compile(r"'[^']*'|--[^\n]*|/\*.*?\*/", re.S)
READS = re.compile(r"[\s(]*(?:select\b|with\b(?!\s+(?:function|procedure)\b))", re.I)
LOCKS = re.compile(r"\bfor\s+update\b", re.I)

INSTANCE = "SELECT instance_name, host_name, {version}, status, parallel FROM v$instance"
DATABASE = "SELECT db_unique_name, open_mode, database_role{cdb} FROM v$database"
TRACE = "SELECT value FROM v$diag_info WHERE name = 'Diag Trace'"
FILES = "SELECT name FROM v$datafile UNION ALL SELECT name FROM v$tempfile"
# By `open_mode` and `status`.
WRITABLE = ("READ WRITE", "OPEN")
READ_ONLY = "SET TRANSACTION READ ONLY"


class Driven(Protocol):
    """A logged-in driver, in this process or in another. Everything it raises is a Problem."""

    version: str

    def rows(self, sql: str, seconds: float, grace: float) -> Table: ...

    def close(self, seconds: float) -> None:
        """Logged off."""

    def end(self) -> None:
        """Without a word."""


class Open:
    def __init__(self, driven: Driven, seconds: float) -> None:
        self._driven = driven
        self._ended = False
        until = time.monotonic() + seconds

        def ask(sql: str) -> Table:
            return self._rows(sql, until - time.monotonic(), 0)

        self.facts: Mapping[str, str] = facts(driven.version, ask)
        # What is not open cannot be written to, and takes no transaction; what may not be looked up is open.
        if (self.facts.get("open_mode", "READ WRITE"), self.facts.get("status", "OPEN")) == WRITABLE:
            ask(READ_ONLY)

    def ask(self, sql: str, seconds: float) -> Table:
        if not only_reads(sql):
            raise NotAnswered(t("oracle.not_read_only"))
        return self._rows(sql, seconds, GRACE_SECONDS)

    def write(self, sql: str, seconds: float) -> int | None:
        """A statement of definition commits by itself, one of data does not."""
        self._rows("ROLLBACK", seconds, GRACE_SECONDS)  # the read-only transaction
        try:
            self._rows(sql, seconds, GRACE_SECONDS)
            self._rows("COMMIT", seconds, GRACE_SECONDS)
        finally:
            with suppress(NotAnswered):
                self._rows(READ_ONLY, seconds, GRACE_SECONDS)
        return None

    def _rows(self, sql: str, seconds: float, grace: float) -> Table:
        if self._ended:
            raise Gone(t("oracle.closed"))
        try:
            return self._driven.rows(sql, max(seconds, 0.001), grace)
        except Problem as problem:
            late = problem.code in TOO_LATE
            said = t("checks.probe_timeout", seconds=round(seconds, 1)) if late else told(problem)
            if problem.gone:
                self._ended = True
                self._driven.end()
                raise Gone(said, problem.code) from problem
            raise NotAnswered(said, problem.code) from problem

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            self._driven.close(GRACE_SECONDS)


@ENGINES.add("oracle")
class Oracle:
    trivial = "SELECT 1 FROM dual"
    denied = DENIED

    def open(self, database: Database, endpoint: Endpoint, login: Credential | None) -> Open:
        if login is None:
            raise OpsError(t("oracle.no_login"))
        if not database.service:
            raise OpsError(t("oracle.no_service"))
        seconds = database.login_seconds or LOGIN_SECONDS
        until = time.monotonic() + seconds
        try:
            return opened(reached(database, endpoint, login, until), until - time.monotonic())
        except (Problem, NotAnswered) as problem:
            if problem.code in TOO_LATE:
                raise OpsError(t("oracle.login_late", seconds=seconds)) from problem
            raise OpsError(told(problem) if isinstance(problem, Problem) else str(problem)) from problem


def opened(driven: Driven, seconds: float) -> Open:
    try:
        return Open(driven, seconds)
    except BaseException:
        driven.end()
        raise


def reached(database: Database, endpoint: Endpoint, login: Credential, until: float) -> Driven:
    """By its service; a standby's listener may know but the standby's own name, DB_UNIQUE_NAME."""
    services = [database.service, *([endpoint.name] if database.form == "dataguard" else [])]
    while True:
        try:
            return driven_by(line_to(database, endpoint, login, services.pop(0), until), database)
        except Problem as problem:
            if problem.code not in UNKNOWN_SERVICE or not services:
                raise


def driven_by(line: Line, database: Database) -> Driven:
    if line.driver == "oracledb" and line.client == "thin":
        return Thin(line, trusted(database) if database.tls else None)
    if database.ca:  # Oracle's own client trusts what its wallet holds
        raise OpsError(t("oracle.ca_of_thin_only"))
    return Worker(line)


def line_to(database: Database, endpoint: Endpoint, login: Credential, service: str, until: float) -> Line:
    asked = ADMINISTRATOR.fullmatch(login.user.strip())
    user, mode = (asked["user"], MODES[asked["mode"].lower()]) if asked else (login.user, "")
    protocol, port = "TCPS" if database.tls else "TCP", endpoint.port or PORT
    seconds = max(until - time.monotonic(), 0.1)
    limits = f"(CONNECT_TIMEOUT={ceil(seconds)})(TRANSPORT_CONNECT_TIMEOUT={ceil(seconds)})(RETRY_COUNT=0)"
    dsn = (
        f"(DESCRIPTION={limits}(ADDRESS=(PROTOCOL={protocol})(HOST={endpoint.address})(PORT={port}))"
        f"(CONNECT_DATA=(SERVICE_NAME={service})))"
    )
    driver = database.driver or "oracledb"
    return Line(driver, database.client or "thin", dsn, user, mode, seconds, login.password)


def trusted(database: Database) -> ssl.SSLContext:
    path = Path(home().inventories) / database.ca if database.ca else None
    if path and not path.is_file():
        raise OpsError(t("oracle.no_ca", path=path))
    return ssl.create_default_context(cafile=path)


def facts(version: str, ask: Callable[[str], Table]) -> dict[str, str]:
    """What is not granted, or not there yet, is not among them: the inventory has its own word on it."""

    def row(sql: str) -> Mapping[str, Any]:
        return next(iter(rows(sql)), {})

    def rows(sql: str) -> tuple[Mapping[str, Any], ...]:
        try:
            return ask(sql).rows
        except Gone:
            raise
        except NotAnswered as refused:
            if refused.code in (*DENIED, NOT_MOUNTED):
                return ()
            raise

    if not parts(version):
        raise NotAnswered(t("oracle.no_version"))
    major = parts(version)[0]
    instance = row(INSTANCE.format(version="version_full AS version" if major >= 18 else "version"))
    database = row(DATABASE.format(cdb=", cdb" if major >= 12 else ", 'NO' AS cdb"))
    role = str(database.get("database_role", ""))
    sid, parallel = instance.get("instance_name"), instance.get("parallel") == "YES"
    trace = None if parallel else row(TRACE).get("value")  # a cluster's sessions land on any of its nodes
    known = {
        "version": instance.get("version") or version,
        "role": role and ("primary" if role == "PRIMARY" else "standby"),
        "open_mode": database.get("open_mode"),
        "cdb": database.get("cdb"),
        "status": instance.get("status"),
        "sid": sid,
        "host_name": instance.get("host_name"),
        "unique_name": database.get("db_unique_name"),
        "log": f"{trace}/alert_{sid}.log" if trace and sid else "",
        "files": "\n".join(sorted({folder(str(one["name"])) for one in rows(FILES) if one["name"]})),
    }
    return {name: str(value) for name, value in known.items() if value}


def folder(path: str) -> str:
    """Of a file; of one in ASM its disk group."""
    if path.startswith("+"):
        return path.split("/")[0]
    if "\\" in path:
        return path.rpartition("\\")[0]
    return str(PurePosixPath(path).parent)


def only_reads(sql: str) -> bool:
    bare = BARE.sub(" ", sql)
    return bool(READS.match(bare)) and not LOCKS.search(bare)


def told(problem: Problem) -> str:
    """In our words where we have them, with the server's behind."""
    words = texts("oracle").get(problem.code.lower().replace("-", "_"), "")
    said = problem.text[:300]
    return t("oracle.refused", words=words, said=said) if words and said else words or said or problem.code
