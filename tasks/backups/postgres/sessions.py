"""Sessions for backups: in any database of the cluster, or for replication."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq.abc import PGconn

from tasks.backups import Order
from tasks.databases import LOGIN_SECONDS, Endpoint
from tasks.databases.postgres import PORT, addresses, connected, conninfo, not_in, refuse_what_is_no_utf8
from tasks.errors import OpsError
from tasks.inventory.credentials import Credential
from tasks.model import Database, Host
from tasks.operations import Answer
from tasks.texts import t
from tasks.transports import Access

Rows: TypeAlias = list[tuple[Any, ...]]
Session: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
OLDEST = 100000
# A way that breaks is noticed within two minutes, however long a statement runs.
ALIVE = {"keepalives_idle": "60", "keepalives_interval": "10", "keepalives_count": "6"}
# Whatever the account, the role or the database say: the same text of a value on every server.
FIXED = {
    "search_path": "",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "3",
    "lc_monetary": "C",
    "xmloption": "content",
    "quote_all_identifiers": "off",
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "3s",
    "jit": "off",
    "max_parallel_workers_per_gather": "1",
}


class NotingCursor(psycopg.Cursor[Any]):
    """Every statement of a session comes by a cursor; its values stand in no text."""

    note: Callable[[str], AbstractContextManager[Answer]]

    def execute(self, query: Any, *values: Any, **more: Any) -> Self:
        text = query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else ""
        with self.note(text or query.as_string(self)):
            return super().execute(query, *values, **more)


@dataclass(frozen=True, slots=True)
class Way:
    """How a server is reached; its repr holds no password."""

    database: Database
    login: Credential | None
    # The member to ask, where not the database's own address.
    address: str = ""
    port: int | None = None
    # Where its statements are noted.
    access: Access | None = None

    @property
    def endpoint(self) -> Endpoint:
        port = self.port or self.database.port or PORT
        return Endpoint(self.database.name, self.address or self.database.address, port)

    def session(self, name: str = "", **more: str) -> Session:
        """In autocommit, its settings fixed; `name`: of the database in the cluster."""
        opened = self._login({"dbname": name or self.database.service or "postgres", **ALIVE, **more})
        try:
            return fixed(opened)
        except psycopg.Error as problem:
            opened.close()
            raise failed(self.database.name, problem) from problem

    def replication(self) -> PGconn:
        """A connection that speaks the replication protocol."""
        if self.access is None:
            return self._login({"replication": "true", **ALIVE}).pgconn
        with self.access.noting(self.database.name, self.database.engine, t("backup_postgres.replication")):
            return self._login({"replication": "true", **ALIVE}).pgconn

    def _login(self, more: dict[str, str]) -> Session:
        where = f"{self.endpoint.address}:{self.endpoint.port}"
        seconds = self.database.login_seconds or LOGIN_SECONDS
        until = time.monotonic() + seconds
        refuse_what_is_no_utf8(self.login)
        try:
            hosts = addresses(self.endpoint.address, seconds)
            info = make_conninfo(conninfo(self.database, self.endpoint, hosts, self.login), **more)
            opened = connected(info, until)
        except TimeoutError as problem:
            raise OpsError(t("postgres.login_late", where=where, seconds=seconds)) from problem
        except (psycopg.Error, OSError, UnicodeError) as problem:
            raise OpsError(not_in(where, str(problem))) from None
        opened.prepare_threshold = None
        if self.access:
            note = partial(self.access.noting, self.database.name, self.database.engine)
            opened.cursor_factory = type("Noting", (NotingCursor,), {"note": staticmethod(note)})
        return opened


def fixed(session: Session) -> Session:
    for setting, value in FIXED.items():
        session.execute("SELECT set_config(%s, %s, false)", (setting, value))
    return session


def way_to(order: Order) -> Way:
    """Primary or standby, as the job says, with the job's own login where it has one."""
    database = order.target
    assert isinstance(database, Database)
    name = order.job.credential or database.credential
    login = order.access.keyring(name) if name else None
    if order.job.schemas or order.job.paths or order.job.exclude:
        raise OpsError(t("backup_postgres.whole_only"))
    if order.job.side == "primary":
        return Way(database, login, access=order.access)
    found = next((one for one in database.instances if one.role == "standby"), None)
    if found is None:
        raise OpsError(t("backup_postgres.no_standby", name=database.name))
    address = order.access.hosts[found.host].address or "127.0.0.1"
    return Way(database, login, address, found.port or database.port, order.access)


def host_of(order: Order) -> Host:
    """Where its programs run."""
    database = order.target
    assert isinstance(database, Database)
    side = [one.host for one in database.instances if one.role == "standby"]
    names: Sequence[str] = side if order.job.side == "standby" and side else database.hosts
    if not names or names[0] not in order.access.hosts:
        raise OpsError(t("backup_postgres.no_host", name=database.name))
    return order.access.hosts[names[0]]


class Failed(OpsError):
    """The server refused, or went away; `code`: its own."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


def failed(name: str, problem: Exception) -> Failed:
    code = getattr(problem, "sqlstate", None) or type(problem).__name__
    said = " ".join(str(problem).split())
    return Failed(t("backup_postgres.failed", name=name, code=code, reason=said), code)


@contextmanager
def troubles(name: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as problem:
        raise failed(name, problem) from problem


def version_of(session: Session) -> int:
    """150004: PostgreSQL 15.4."""
    found = session.info.server_version
    if found < OLDEST:
        raise OpsError(t("backup_postgres.too_old", version=found // 10000))
    return found


def databases(session: Session) -> list[str]:
    """All that one can log in to, by name."""
    rows: Rows = session.execute(
        "SELECT datname::text FROM pg_database WHERE datallowconn ORDER BY datname"
    ).fetchall()
    return [str(row[0]) for row in rows]
