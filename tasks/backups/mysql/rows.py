"""What is in the tables of a server: one statement each, that sums a hash of every row on the server.

A row is written out unambiguously: each value behind its length or in a form that holds no separator, NULL as
nothing else can be; stored bytes instead of characters, so that no character set of a connection plays in.
The halves of the hashes are added up: neither order nor two equal rows can hide, as they could in an XOR.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pymysql

from tasks.backups import Disturbed
from tasks.backups.digests import Digest
from tasks.backups.mysql.asking import ask, is_mariadb, quoted, shared
from tasks.errors import OpsError
from tasks.texts import t

# Their own housekeeping; users and grants are digested by what they say (`definitions.py`).
SYSTEM = frozenset({"mysql", "sys", "information_schema", "performance_schema", "ndbinfo"})
# Values that need no connection's time zone, SQL mode or limit to be what they are.
STEADY = (
    "SET SESSION time_zone = '+00:00', sql_mode = '', sql_quote_show_create = 1, wait_timeout = 86400",
    "SET NAMES utf8mb4",
)
# Written out they hold no comma, and a length is nothing that their text needs.
PLAIN = frozenset(
    {
        "tinyint",
        "smallint",
        "mediumint",
        "int",
        "bigint",
        "decimal",
        "date",
        "datetime",
        "timestamp",
        "time",
        "year",
        "inet4",
        "inet6",
        "uuid",
    }
)
# By number: an empty string that is a member of its own is not the empty string of a bad value.
NUMBERED = frozenset({"bit", "enum", "set"})
# Longer than the longest packet a row written out may be: in it by their own hash.
LONG = frozenset({"mediumtext", "longtext", "mediumblob", "longblob", "json", "vector"})
SPATIAL = frozenset(
    {"geometry", "point", "linestring", "polygon", "geometrycollection", "geomcollection"}
    | {"multipoint", "multilinestring", "multipolygon"}
)
TRANSACTIONAL = frozenset({"InnoDB", "ROCKSDB", "TokuDB"})
# What they show lies elsewhere, or is gone when the server stops.
NOT_THERE = frozenset({"MEMORY", "BLACKHOLE", "FEDERATED", "CONNECT", "SPIDER", "S3"})

TABLES = """SELECT table_schema, table_name, table_type, COALESCE(engine, ''),
    COALESCE(data_length, 0), CAST(COALESCE(update_time, '') AS CHAR)
  FROM information_schema.tables
  WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') ORDER BY 1, 2"""
COLUMNS = """SELECT table_schema, table_name, column_name, data_type, extra
  FROM information_schema.columns ORDER BY 1, 2, ordinal_position"""

# A table that is no longer what it was: another definition since the snapshot, gone, a column gone.
CHANGED = frozenset({1412, 1146, 1049, 1054, 1932})


class Changed(Disturbed):
    """A definition changed while the rows were read: another try is needed."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """`touched`: when it was last written, as far as engines without transactions tell."""

    schema: str
    name: str
    kind: str
    engine: str
    size: int
    touched: str
    columns: tuple[Column, ...]

    @property
    def shown(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def transactional(self) -> bool:
        return self.engine in TRANSACTIONAL


def steady(connection: Any) -> None:
    for statement in STEADY:
        ask(connection, statement)
    mariadb = is_mariadb(connection)
    limit = "max_statement_time" if mariadb else "max_execution_time"
    try:
        ask(connection, f"SET SESSION {limit} = 0")
        if not mariadb:  # hashes of passwords are bytes, which no character set holds
            ask(connection, "SET SESSION print_identified_with_as_hex = 1")
    except pymysql.MySQLError as problem:
        if problem.args[0] != 1193:  # an older server that knows no such variable
            raise


def tables(connection: Any, schemas: Collection[str] = ()) -> list[Table]:
    columns: dict[tuple[str, str], list[Column]] = {}
    for schema, table, name, kind, extra in ask(connection, COLUMNS):
        columns.setdefault((schema, table), []).append(Column(name, kind.lower(), (extra or "").upper()))
    return [
        Table(schema, name, kind, engine, int(size), touched, tuple(columns.get((schema, name), ())))
        for schema, name, kind, engine, size, touched in ask(connection, TABLES)
        if concerns(schema, schemas)
    ]


def concerns(schema: str, schemas: Collection[str]) -> bool:
    return schema.lower() not in SYSTEM and (not schemas or schema in schemas)


def value(column: Column) -> str:
    """The expressions that write one column into its row."""
    name = quoted(column.name)
    match column.type:
        case kind if kind in PLAIN:
            return f"IFNULL({name},'N')"
        case kind if kind in NUMBERED:
            return f"IFNULL({name}+0,'N')"
        case "float" | "double":  # a product is written out with all its digits, -0 as -0
            return f"IFNULL({name}*1e0,'N')"
        case kind if kind in LONG | SPATIAL:
            return f"IFNULL(SHA1({name}),'N')"
        case _:
            return f"IFNULL(LENGTH({name}),'N'),IFNULL(CAST({name} AS BINARY),'')"


def statement(table: Table) -> str:
    """By the table itself: an index that holds all columns would be read in its place. The hash is made
    inside the first sum: COUNT() of what cannot be NULL does not evaluate it."""
    # A virtual column is what its definition makes of the others, in the eyes of whoever asks.
    stored = [column for column in table.columns if "VIRTUAL" not in column.extra]
    versioned = table.kind == "SYSTEM VERSIONED"
    values = [value(column) for column in stored] + ["ROW_START", "ROW_END"] * versioned
    source = quoted(table.schema, table.name) + " FOR SYSTEM_TIME ALL" * versioned
    return (
        "SELECT"  # noqa: S608 - quoted
        f" SUM(CAST(CONV(LEFT(@h := SHA1(CONCAT_WS(',',{','.join(values)})),16),16,10) AS UNSIGNED)),"
        " SUM(CAST(CONV(SUBSTR(@h,17,16),16,10) AS UNSIGNED)), COUNT(@h), COUNT(*)"
        f" FROM {source}" + " USE INDEX ()" * (table.kind != "SEQUENCE")
    )


def rows(connection: Any, table: Table) -> Digest:
    try:
        *sums, hashed, count = (int(one or 0) for one in ask(connection, statement(table))[0])
    except pymysql.MySQLError as problem:
        if problem.args[0] in CHANGED:
            raise Changed(t("backup_mysql.changed", name=table.shown)) from problem
        raise OpsError(t("backup_mysql.unreadable", name=table.shown, reason=said(problem))) from problem
    if hashed != count:
        raise OpsError(t("backup_mysql.too_long", name=table.shown, count=count - hashed))
    return Digest("rows", table.shown, "-".join(f"{one:032x}" for one in sums), count)


def all_rows(connections: Sequence[Any], control: Any, wanted: Sequence[Table]) -> tuple[Digest, ...]:
    """The largest first, so that the connections end together."""
    by_size = sorted(wanted, key=lambda table: -table.size)
    found: list[Digest] = shared(connections, rows, by_size, control)
    return tuple(sorted(found, key=lambda digest: digest.name))


def incomparable(before: Sequence[Table], after: Sequence[Table], now: str) -> Mapping[str, str]:
    """Tables that no snapshot holds still: those that were written since shortly before it."""
    later = {table.shown: table.touched for table in after}
    found = {}
    for table in before:
        if table.engine.upper() in NOT_THERE:
            found[table.shown] = t("backup_mysql.not_there", name=table.shown, engine=table.engine)
        elif not table.transactional and (table.touched >= now or later.get(table.shown) != table.touched):
            found[table.shown] = t("backup_mysql.no_snapshot", name=table.shown, engine=table.engine)
    return found


def said(problem: Exception) -> str:
    """The engine's own number and words."""
    return " ".join(str(one) for one in problem.args)[:300]
