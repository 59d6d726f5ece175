"""A known value in a schema of its own in the source."""

from typing import Any

import pymysql

from tasks.backups.mysql.asking import ask
from tasks.backups.mysql.rows import said
from tasks.errors import OpsError
from tasks.texts import t

SCHEMA = "opsproof_backup"
STATEMENTS = (
    f"CREATE DATABASE IF NOT EXISTS {SCHEMA}",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.sentinel (id TINYINT PRIMARY KEY, value VARCHAR(64) NOT NULL)"
    " ENGINE=InnoDB",
)


def plant(connection: Any, value: str) -> None:
    try:
        for statement in STATEMENTS:
            ask(connection, statement)
        ask(connection, f"REPLACE INTO {SCHEMA}.sentinel VALUES (1, %s)", [value])  # noqa: S608 - a constant
    except pymysql.MySQLError as problem:
        raise OpsError(t("backup_mysql_dump.no_sentinel", reason=said(problem))) from problem


def planted(connection: Any) -> str:
    try:
        rows = ask(connection, f"SELECT value FROM {SCHEMA}.sentinel WHERE id = 1")  # noqa: S608 - a constant
    except pymysql.MySQLError:
        return ""
    return str(rows[0][0]) if rows else ""
