"""Database engines: one file each, found by its name. An engine opens sessions; what is asked over them,
and how the answers come together, is the same for all (`asking.py`).
"""

import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from tasks.errors import OpsError
from tasks.inventory.credentials import Credential
from tasks.log import log
from tasks.model import Database
from tasks.operations import encoded
from tasks.registry import Registry
from tasks.texts import t
from tasks.transports import Access


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one member of a database listens."""

    name: str
    address: str
    port: int | None
    host: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What a statement gave: columns with their types, rows with values that JSON knows. Column names are
    in small letters, whatever the engine makes of them."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[Mapping[str, Any], ...]


class NotAnswered(OpsError):
    """The server refused a statement or ran out of its time; the session lives on. `code`: the engine's own,
    `ORA-00942`, `1142`, `42501`."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Gone(NotAnswered):
    """The session ended in the middle of it."""


class Surprise(Gone):
    """A driver failed in a way that nobody foresaw: it tells of us, not of the server."""


@contextmanager
def no_surprises() -> Iterator[None]:
    """One database that a driver stumbles over costs no other its answers."""
    try:
        yield
    except OpsError:
        raise
    except Exception as problem:
        kind = type(problem).__name__
        # Without its text, which may hold what the driver was given: a password.
        log.error("%s\n%s", kind, "".join(traceback.format_tb(problem.__traceback__)))
        raise Surprise(t("databases.surprise", kind=kind)) from problem


class Session(Protocol):
    """Read-only, but for `write`. `facts`: `version`, `role` (`primary`, `standby`), `flavour` and what else
    statements are chosen by."""

    @property
    def facts(self) -> Mapping[str, str]: ...

    def ask(self, sql: str, seconds: float) -> Table:
        """The answer within its time, or NotAnswered; Gone where nothing more can be asked."""

    def write(self, sql: str, seconds: float) -> int | None:
        """One statement that may change what is there, for whoever was told to; how many rows it was about,
        where the engine says. NotAnswered: it may have been done all the same."""

    def close(self) -> None: ...


class Engine(Protocol):
    # The cheapest statement there is.
    trivial: str
    # Codes by which the server says that a grant is missing.
    denied: frozenset[str]

    def open(self, database: Database, endpoint: Endpoint, login: Credential | None) -> Session:
        """Logged in within the database's `login_seconds`, whatever the other side does; or OpsError."""


# The name that databases.yml uses → the engine.
ENGINES: Registry[Callable[[], Engine]] = Registry(__name__)
LOGIN_SECONDS = 10


def engine_of(database: Database) -> Engine:
    engine = ENGINES.get(database.engine)
    if engine is None:
        raise OpsError(t("databases.no_engine", name=database.engine))
    return engine()


@dataclass(slots=True)
class Noting:
    """A session that takes note of what is asked over it."""

    session: Session
    database: Database
    access: Access

    @property
    def facts(self) -> Mapping[str, str]:
        return self.session.facts

    def ask(self, sql: str, seconds: float) -> Table:
        with self.access.noting(self.database.name, self.database.engine, sql) as answer:
            table = self.session.ask(sql, seconds)
            if self.access.sent is not None:
                answer.heard(encoded(json.dumps([table.columns, table.rows], ensure_ascii=False)))
        return table

    def write(self, sql: str, seconds: float) -> int | None:
        with self.access.noting(self.database.name, self.database.engine, sql) as answer:
            count = self.session.write(sql, seconds)
            answer.heard(str(count).encode())
        return count

    def close(self) -> None:
        self.session.close()


def open_session(database: Database, endpoint: Endpoint, login: Credential | None, access: Access) -> Session:
    """The login, and what an engine asks for its facts, are noted as one."""
    user = login.user if login else "—"
    with access.noting(database.name, database.engine, t("databases.login", user=user, name=endpoint.name)):
        session = engine_of(database).open(database, endpoint, login)
    return Noting(session, database, access)
