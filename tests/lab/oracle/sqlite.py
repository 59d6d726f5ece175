"""The data dictionary of a stand-in: Oracle's views, with the columns they have in its version, on SQLite."""

import re
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.lab.oracle import dialect
from tests.lab.oracle.database import OraError, Result, query

# Only these answer before a database is open.
FIXED = re.compile(r"g?v\$|x\$|dual$|product_component_version$", re.IGNORECASE)
NAMED = re.compile(r"\b(?:from|join)\s+(?:sys\.)?([a-z][\w$#]*)", re.IGNORECASE)


class SqliteEngine:
    """Real statements on tables with the dictionary's names: SQLite allows `v$instance`."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.lock = threading.Lock()
        dialect.install(self.connection)
        # `USERENV` as sys_context gives it.
        self.context: dict[str, str] = {}
        self.connection.create_function("sys_context_", 2, lambda space, name: self.context.get(name.upper()))
        self.table("dual", ["dummy"], [("X",)])

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        with self.lock:
            self.connection.execute(f'DROP TABLE IF EXISTS "{name}"')
            self.connection.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')
            marks = ", ".join("?" * len(columns))
            self.connection.executemany(
                f'INSERT INTO "{name}" VALUES ({marks})', [tuple(map(dialect.kept, row)) for row in rows]
            )

    def seed(self, sql: str, *values: Any) -> None:
        """A fault, in SQL: at least one row has to be touched."""
        with self.lock:
            done = self.connection.execute(dialect.translated(sql), [dialect.kept(one) for one in values])
        if not done.rowcount:
            raise LookupError(f"nothing is changed by {sql}")

    def __call__(
        self, session: Mapping[str, Any], sql: str, binds: Sequence[Any], names: Sequence[str]
    ) -> Result:
        given = [float(one) if isinstance(one, Decimal) else one for one in binds]
        named = names and not names[0].isdigit()
        with self.lock:
            try:
                cursor = self.connection.execute(
                    dialect.translated(sql), dict(zip(names, given, strict=True)) if named else given
                )
                rows = [tuple(map(dialect.out, row)) for row in cursor]
            except sqlite3.Error as problem:
                raise oracles(problem) from problem
        if cursor.description is None:
            return Result(rowcount=max(cursor.rowcount, 0))
        return query([column[0].upper() for column in cursor.description], rows)


def oracles(problem: sqlite3.Error) -> OraError:
    text = str(problem)
    if "no such table" in text:
        return OraError(942, "table or view does not exist")
    if "no such column" in text:
        return OraError(904, f'"{text.split()[-1].upper()}": invalid identifier')
    return OraError(933, f"SQL command not properly ended [{text}]")
