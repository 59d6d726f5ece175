"""PostgreSQL 9.6 to 18, and the databases built on it, by psycopg.

libpq is stepped here rather than by psycopg: a login then ends in time whatever stage it hangs in, and
whatever number of addresses the name has.
"""

import contextlib
import os
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg.adapt import Loader
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PGconn, PollingStatus
from psycopg.pq.abc import PGconn as Connection
from psycopg.rows import tuple_row
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from psycopg.types.numeric import NumericLoader

from tasks import clock
from tasks.databases import ENGINES, LOGIN_SECONDS, Endpoint, Gone, NotAnswered, Table
from tasks.databases.postgres_facts import TLS_CERTIFICATE, certificate, facts
from tasks.databases.values import table
from tasks.errors import OpsError
from tasks.home import home
from tasks.inventory.credentials import Credential
from tasks.model import Database
from tasks.texts import t
from tasks.transports.deadline import Deadline

# Where no file can be: of a file that is there and is no file libpq tells everybody on every connection.
NO_FILE = "/dev/null/none"
PORT = 5432
DENIED = "42501"
CANCELED = "57014"
# Debian, Kylin, openEuler and CentOS (by a link) keep them here.
SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
# The server ends a statement by itself; when it has not by then, it hangs.
GRACE_SECONDS = 2
# What others than superusers and members of pg_read_all_stats see half of, without an error.
HALF_SEEN = re.compile(r"\bpg_stat_(activity|replication|wal_receiver|ssl|subscription)\b")
RESTRICTIONS = {
    "default_transaction_read_only": "on",
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "3s",
    # openGauss has no lock_timeout.
    "lockwait_timeout": "3s",
    "jit": "off",
    # Nobody's function of a known name is called instead.
    "search_path": "pg_catalog",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
}
PREFIX = re.compile(r"connection to server at .*? failed: |^connection (failed|is bad): ")
# Libpq gives no code for a refused login: the server's own words tell, in English and in Chinese.
SAID = {
    "cleartext": r"authentication method requirement \"!password\" failed",
    "password": r"password authentication failed|no password supplied",
    "no_hba": r"no pg_hba\.conf entry|pg_hba\.conf rejects",
    "full": r"too many (clients|connections)|remaining connection slots",
    "starting": r"starting up|not yet accepting|recovery mode",
    "standby_closed": r"the database system is not accepting connections",
    "stopping": r"shutting down",
    "no_database": r"database \"[^\"]*\" does not exist",
    "no_role": r"role \"[^\"]*\" does not exist",
    "not_permitted": r"not permitted to log in|permission denied for database",
    "expired": r"certificate has expired",
    "certificate": r"certificate verify failed|does not match host name",
    "no_tls": r"server does not support SSL",
    "refused": r"Connection refused",
    "method": r"authentication method|SASL|not supported",
}
SAID_IN_CHINESE = frozenset(
    (
        *("password", "no_hba", "full", "starting", "standby_closed", "stopping"),
        *("no_database", "no_role", "not_permitted"),
    )
)
REASONS = {
    name: f"{words}|{t(f'postgres.said_{name}')}" if name in SAID_IN_CHINESE else words
    for name, words in SAID.items()
}


class TextLoader(Loader):
    """A database in SQL_ASCII holds whatever was put into it."""

    def load(self, data: bytes | bytearray | memoryview) -> str:
        return bytes(data).decode("utf-8", "replace")


def plainly(loader: type[Loader]) -> type[Loader]:
    """`infinity`, `NaN` and years that Python lacks, as text."""

    class Plain(loader):  # type: ignore[valid-type, misc]
        def load(self, data: bytes | bytearray | memoryview) -> object:
            try:
                return super().load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    return Plain


# 0 is what every type has that is not named here.
LOADERS: Mapping[str | int, type[Loader]] = {
    **dict.fromkeys((0, "text", "varchar", "bpchar", "name", "json", "jsonb", "inet"), TextLoader),
    "numeric": NumericLoader,
    "date": plainly(DateLoader),
    "timestamp": plainly(TimestampLoader),
    "timestamptz": plainly(TimestamptzLoader),
}


class Open:
    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        self._connection = connection
        self._limit = 0.0
        # None while logging in, which has an end of its own for all its statements together.
        self.grace: float | None = None
        self.facts: Mapping[str, str] = {}
        connection.prepare_threshold = None
        for name, loader in LOADERS.items():
            connection.adapters.register_loader(name, loader)

    def ask(self, sql: str, seconds: float) -> Table:
        if self.facts.get("sees_all") == "no" and HALF_SEEN.search(sql):
            raise NotAnswered(t("postgres.half_seen"), DENIED)
        if sql == TLS_CERTIFICATE:
            pgconn = self._connection.pgconn
            return certificate(pgconn.hostaddr.decode(), int(pgconn.port), seconds)
        return self._within(sql, seconds)[0]

    def write(self, sql: str, seconds: float) -> int | None:
        """Names have to say their schema: the search path is the catalogue's alone."""
        self._within("SET default_transaction_read_only = off", seconds)
        try:
            return self._within(sql, seconds)[1]
        finally:
            with contextlib.suppress(NotAnswered):
                self._within("SET default_transaction_read_only = on", seconds)

    def _within(self, sql: str, seconds: float) -> tuple[Table, int]:
        started = time.monotonic()
        with Deadline(seconds + (self.grace or 0)) as deadline:
            try:
                watch(deadline, self._connection.pgconn)
                return self._asked(sql, seconds)
            except (psycopg.Error, UnicodeError, OSError) as problem:
                raise self._told(problem, time.monotonic() - started, seconds, deadline.passed) from problem

    def _asked(self, sql: str, seconds: float) -> tuple[Table, int]:
        """And how many rows it was about."""
        if self.grace and seconds != self._limit:
            self._connection.execute(f"SET statement_timeout = {max(round(seconds * 1000), 1)}")
            self._limit = seconds
        cursor = self._connection.execute(sql.encode())
        columns = [(one.name, one.type_display) for one in cursor.description or ()]
        return table(columns, cursor.fetchall() if columns else ()), cursor.rowcount

    def _told(self, problem: Exception, took: float, seconds: float, shut: bool) -> NotAnswered:
        code = getattr(problem, "sqlstate", "") or ""
        said = " ".join(str(problem).split())
        late = t("checks.probe_timeout", seconds=f"{seconds:g}")
        if shut:
            self.close()
            return Gone(t("postgres.hung", late=late))
        if self._connection.closed:
            return Gone(t("postgres.gone", reason=said, code=code or "-"), code)
        if code == CANCELED and took >= 0.9 * seconds:
            return NotAnswered(late, code)
        frame = "postgres.denied" if code == DENIED else "postgres.refused_statement"
        return NotAnswered(t(frame, reason=said, code=code or type(problem).__name__), code)

    def restrict(self, seconds: float) -> None:
        """What the server knows of these; read-only is then looked at, not believed."""
        if self._connection.pgconn.parameter_status(b"server_encoding") == b"SQL_ASCII":
            # It would refuse to send what is no UTF-8.
            self.ask("SET client_encoding = SQL_ASCII", seconds)
        wanted = " ".join(f"WHEN '{name}' THEN '{value}'" for name, value in RESTRICTIONS.items())
        names = ", ".join(f"'{name}'" for name in RESTRICTIONS)
        value = f"set_config(name, CASE name {wanted} END, false)"
        self.ask(f"SELECT {value} FROM pg_settings WHERE name IN ({names})", seconds)  # noqa: S608
        (row,) = self.ask("SHOW transaction_read_only", seconds).rows
        if row["transaction_read_only"] != "on":
            raise OpsError(t("postgres.not_read_only"))

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._connection.close()


@ENGINES.add("postgres")
class Postgres:
    trivial = "SELECT 1"
    denied = frozenset({DENIED})

    def open(self, database: Database, endpoint: Endpoint, login: Credential | None) -> Open:
        seconds = database.login_seconds or LOGIN_SECONDS
        until = time.monotonic() + seconds
        port = endpoint.port or PORT
        where = f"{endpoint.address}:{port}"
        refuse_what_is_no_utf8(login)
        try:
            hosts = addresses(endpoint.address, seconds)
            connection = connected(conninfo(database, endpoint, hosts, login), until)
        except TimeoutError as problem:
            raise OpsError(t("postgres.login_late", where=where, seconds=seconds)) from problem
        except psycopg.Error as problem:
            raise OpsError(not_in(where, explained(str(problem), hosts[0], port, until))) from None
        except (OSError, UnicodeError) as problem:
            raise OpsError(not_in(where, str(problem))) from None
        opened = Open(connection)
        try:
            opened.restrict(left(until))
            opened.facts = facts(opened, until)
        except (OpsError, LookupError, ValueError) as problem:
            opened.close()
            if time.monotonic() >= until:
                raise OpsError(t("postgres.login_late", where=where, seconds=seconds)) from problem
            raise OpsError(t("postgres.not_understood", where=where, reason=problem)) from problem
        opened.grace = GRACE_SECONDS
        return opened


def refuse_what_is_no_utf8(login: Credential | None) -> None:
    """Whatever failed to encode it would hold the password."""
    try:
        _ = login and (login.user + login.password).encode()
    except UnicodeEncodeError:
        name = login.name if login else ""
        raise OpsError(t("postgres.no_utf8", name=name)) from None


def conninfo(database: Database, endpoint: Endpoint, hosts: list[str], login: Credential | None) -> str:
    """Nothing is left to the environment of whoever runs this. It holds the password: never to be shown."""
    name = database.service or "postgres"
    names = {"host": ",".join([endpoint.address] * len(hosts)), "hostaddr": ",".join(hosts)}
    tls = {"sslmode": "verify-full", "sslrootcert": authorities(database)} if database.tls else {}
    return make_conninfo(
        **names,
        port=endpoint.port or PORT,
        dbname=name,
        user=login.user if login else "",
        password=login.password if login else "",
        passfile=NO_FILE,
        client_encoding="UTF8",
        application_name="opsproof",
        options="",
        gssencmode="disable",
        target_session_attrs="any",
        # Not in the clear for whoever listens, nor to whoever asks for it.
        **(tls or {"sslmode": "disable", "require_auth": "!password"}),
    )


def authorities(database: Database) -> str:
    """libpq comes with an OpenSSL of its own, which does not know where this system keeps its own."""
    if not database.ca:
        return ssl.get_default_verify_paths().cafile or SYSTEM_AUTHORITIES
    path = Path(home().inventories) / database.ca
    if not path.is_file():
        raise OpsError(t("web.no_file", path=path, name=database.name))
    return str(path)


def addresses(name: str, seconds: float) -> list[str]:
    """The system's resolver has no limit of its own: it is left behind."""
    found: list[str] = []
    trouble: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(row[4][0]) for row in rows))
        except (OSError, UnicodeError) as problem:
            trouble.append(problem)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if trouble:
        raise trouble[0]
    if not found:
        raise TimeoutError
    return found


def left(until: float) -> float:
    return max(until - time.monotonic(), 0.001)


def watch(deadline: Deadline, pgconn: Connection) -> None:
    with socket.socket(fileno=os.dup(pgconn.socket)) as same:
        deadline.watch(same)


def explained(said: str, address: str, port: int, until: float) -> str:
    """libpq does not say what is wrong with a certificate."""
    if "certificate verify failed" in said:
        with contextlib.suppress(NotAnswered):
            (row,) = certificate(address, port, left(until)).rows
            if datetime.fromisoformat(row["until"]) < clock.now():
                return f"{said} (certificate has expired: {row['until']})"
    return said


def not_in(where: str, said: str) -> str:
    """Why a login failed, in words, and in the server's own."""
    said = " ".join(PREFIX.sub("", said).split())
    for name, pattern in REASONS.items():
        if re.search(pattern, said):
            return t("postgres.not_in", where=where, why=t(f"postgres.login_{name}"), reason=said)
    return t("postgres.not_in", where=where, why=t("postgres.login_failed"), reason=said)


def connected(info: str, until: float) -> "psycopg.Connection[tuple[object, ...]]":
    pgconn = PGconn.connect_start(info.encode())
    try:
        while pgconn.status != ConnStatus.BAD and (step := pgconn.connect_poll()) != PollingStatus.OK:
            if step == PollingStatus.FAILED:
                break
            ready = select.poll()
            ready.register(pgconn.socket, select.POLLIN if step == PollingStatus.READING else select.POLLOUT)
            if not ready.poll(1000 * left(until)):
                raise TimeoutError
        if pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError(pgconn.get_error_message("utf-8"))
    except BaseException:
        pgconn.finish()
        raise
    pgconn.nonblocking = 1
    connection = psycopg.Connection(pgconn, tuple_row)
    connection.autocommit = True
    return connection
