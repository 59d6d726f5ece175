"""Rows of tables with FLOAT columns: the engine's dump program writes six digits of them, and what it writes
is another number. Here the server writes them out with all that they have.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pymysql.cursors import SSCursor

from tasks.backups.mysql.asking import quoted
from tasks.backups.mysql.rows import NUMBERED, PLAIN, SPATIAL, Column, Table
from tasks.errors import OpsError
from tasks.texts import t

# Of one statement: well under the smallest packet a server takes by default.
BATCH = 2**19
BEFORE = (
    b"SET NAMES utf8mb4;\n"
    b"SET FOREIGN_KEY_CHECKS=0, UNIQUE_CHECKS=0, SQL_MODE='NO_AUTO_VALUE_ON_ZERO', TIME_ZONE='+00:00';\n"
)
EXACT = frozenset({"float", "double"})
BARE = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year"})


def inexact(tables: Sequence[Table]) -> list[Table]:
    """A history of rows is only what the dump program writes of it."""
    return [
        table
        for table in tables
        if table.kind == "BASE TABLE" and any(column.type == "float" for column in table.columns)
    ]


def written(columns: Sequence[Column]) -> list[Column]:
    """Generated ones follow from the others."""
    return [column for column in columns if "GENERATED" not in column.extra or "DEFAULT_" in column.extra]


def literal(column: Column, mariadb: bool) -> str:
    """An expression that gives the literal of its value, of characters that no character set changes."""
    name = quoted(column.name)
    match column.type:
        case kind if kind in EXACT:
            text = f"{name}*1e0"
        case kind if kind in BARE | NUMBERED:
            text = f"{name}+0"
        case kind if kind in PLAIN:
            text = f"CONCAT('''',{name},'''')"
        case "json" if not mariadb:
            text = f"CONCAT('CONVERT(X''',HEX({name}),''' USING utf8mb4)')"
        case kind if kind in SPATIAL:
            text = f"CONCAT('X''',HEX({name}),'''')"
        case _:
            text = f"CONCAT('X''',HEX(CAST({name} AS BINARY)),'''')"
    return f"IFNULL({text},'NULL')"


def statements(connection: Any, tables: Sequence[Table], mariadb: bool) -> Iterator[bytes]:
    """In the snapshot of `connection`. What the dump wrote of them is replaced."""
    if tables:
        yield BEFORE
    for table in tables:
        columns = written(table.columns)
        name = quoted(table.schema, table.name)
        into = f"INSERT INTO {name} ({','.join(quoted(one.name) for one in columns)}) VALUES\n"
        row = f"SELECT CONCAT('(',CONCAT_WS(',',{','.join(literal(one, mariadb) for one in columns)}),')')"
        yield f"DELETE FROM {name};\n".encode()  # noqa: S608 - quoted
        yield from batches(connection, f"{row} FROM {name}", into.encode())


def batches(connection: Any, sql: str, into: bytes) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    with connection.cursor(SSCursor) as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(500):
            for (text,) in rows:
                if text is None:
                    raise OpsError(t("backup_mysql_dump.row_too_long", table=into.split(b" (")[0].decode()))
                line = text if isinstance(text, bytes) else str(text).encode()
                if waiting and size + len(line) > BATCH:
                    yield into + b",\n".join(waiting) + b";\n"
                    waiting, size = [], 0
                waiting.append(line)
                size += len(line)
    if waiting:
        yield into + b",\n".join(waiting) + b";\n"
