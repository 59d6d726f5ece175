"""What a stand-in is: its service, its accounts, how it answers, and what is wrong with it."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.lab.oracle import wire


class OraError(Exception):
    """An answer of the server: the whole text, `ORA-00942: table or view does not exist`."""

    def __init__(self, code: int, text: str = "") -> None:
        self.code, self.text = code, f"ORA-{code:05d}: {text or 'simulated error'}"
        super().__init__(self.text)


class Cut(Exception):
    """The connection is cut in the middle of the call."""


class Deaf(Exception):
    """No answer at all, not even to the client's break."""


@dataclass
class Column:
    name: str
    kind: int = wire.VARCHAR
    size: int = 4000
    scale: int = 0


@dataclass
class Result:
    # None: not a query.
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Any]] = ()
    rowcount: int = 0
    # PL/SQL: a value for each bind; None: it goes in only.
    out: Sequence[Any] | None = None
    # Seconds before the answer; a break ends it with ORA-01013.
    delay: float = 0.0
    # The connection is cut when so many rows have been sent.
    cut_after: int | None = None


def query(names: Sequence[str], rows: Iterable[Sequence[Any]], **fields: Any) -> Result:
    """Types inferred from the values, as a real describe would give them."""
    rows = [tuple(row) for row in rows]
    return Result([column(name, [row[at] for row in rows]) for at, name in enumerate(names)], rows, **fields)


def column(name: str, values: Sequence[Any]) -> Column:
    first = next((value for value in values if value is not None), None)
    if isinstance(first, bool | int | float | Decimal):
        return Column(name, wire.NUMBER, 22, -127)
    if isinstance(first, dt.datetime) and any(value and value.microsecond for value in values):
        return Column(name, wire.TIMESTAMP, 11, 6)
    if isinstance(first, dt.date):
        return Column(name, wire.DATE, 7)
    if isinstance(first, bytes):
        return Column(name, wire.RAW, 2000)
    if any(isinstance(value, str) and len(value.encode()) > 4000 for value in values):
        return Column(name, wire.LONG, 0)
    return Column(name)


# The client's session, the statement, its binds and their names.
Answering = Callable[[dict[str, Any], str, Sequence[Any], Sequence[str]], Result]
Rule = tuple[str, "Result | Exception | Answering"]


@dataclass
class FakeDb:
    users: dict[str, str] = field(default_factory=lambda: {"SYSTEM": "manager"})
    service: str = "ORCL"
    version: tuple[int, int, int, int, int] = (19, 22, 0, 0, 0)
    # 314: what a listener of 11.2 answers; a thin client gives up there.
    protocol: int = 318
    # Patterns of statements and what they get; the first that fits.
    rules: list[Rule] = field(default_factory=list)
    engine: Answering | None = None
    # What the listener refuses with: 12514, 12528.
    refuse: int = 0
    # What everybody but an administrator gets at login: 1033 from a database that is not open.
    logon_error: OraError | None = None
    # What single accounts get: 28000 locked, 28001 expired.
    account_errors: dict[str, OraError] = field(default_factory=dict)
    # Where it falls silent for good: tcp, connect, accept, protocol, types, auth1, auth2, call.
    hangs_at: str = ""
    # There it sends a byte every so many seconds instead of nothing.
    dribbles: float = 0.0
    log: list[tuple[str, str, Sequence[Any]]] = field(default_factory=list)
    logons: int = 0

    def run(self, session: dict[str, Any], sql: str, binds: Sequence[Any], names: Sequence[str]) -> Result:
        self.log.append((session["user"], sql, binds))
        for pattern, what in self.rules:
            if re.search(pattern, sql, re.IGNORECASE | re.DOTALL):
                answer = what(session, sql, binds, names) if callable(what) else what
                if isinstance(answer, Exception):
                    raise answer
                return answer
        if re.match(r"\s*(set\s+transaction|alter\s+session)\b", sql, re.IGNORECASE):
            return Result()
        if self.engine:
            return self.engine(session, sql, binds, names)
        raise OraError(942, "table or view does not exist")
