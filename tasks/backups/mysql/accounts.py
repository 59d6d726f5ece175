"""Users, roles and grants as statements that make them anew."""

import re
from collections.abc import Iterator
from typing import Any

import pymysql

from tasks.backups.mysql.asking import ask, is_mariadb
from tasks.backups.mysql.definitions import BUILT_IN, OURS, USERS, USERS_AND_ROLES, escaped, rows_of
from tasks.backups.mysql.rows import said
from tasks.errors import OpsError
from tasks.texts import t

# How somebody logs in stands in CREATE USER, where a second way is not lost.
LOGIN = re.compile(
    r" IDENTIFIED (?:BY PASSWORD '(?:[^'\\]|\\.|'')*'"
    r"|VIA \S+(?: USING '(?:[^'\\]|\\.|'')*')?(?: OR \S+(?: USING '(?:[^'\\]|\\.|'')*')?)*)"
)
PROXY = """INSERT INTO mysql.proxies_priv (host, user, proxied_host, proxied_user, with_grant, grantor)
  VALUES ('localhost', %s, '', '', 1, '')"""
EVERYBODYS = "SELECT * FROM mysql.db WHERE user = ''"
MADE = re.compile(r"^CREATE USER (?!IF NOT)")


def accounts(connection: Any) -> list[tuple[str, str, bool]]:
    """User, host, and whether it is a role without one."""
    mariadb = is_mariadb(connection)
    rows = ask(connection, USERS_AND_ROLES if mariadb else USERS)
    known = [
        (user, host, role == "Y" or (mariadb and user == "PUBLIC" and not host)) for user, host, role in rows
    ]
    return [one for one in known if one[0] not in (OURS, *BUILT_IN)]


def name(user: str, host: str, role: bool) -> str:
    if role:
        return "PUBLIC" if user == "PUBLIC" else escaped(user)
    return f"{escaped(user)}@{escaped(host)}"


def statements(connection: Any) -> bytes:
    found = accounts(connection)
    try:
        lines = [*created(connection, found), *granted(connection, found), *everybodys(connection)]
    except pymysql.MySQLError as problem:
        raise OpsError(t("backup_mysql_dump.no_accounts", reason=said(problem))) from problem
    return "".join(f"{line};\n" for line in lines).encode()


def created(connection: Any, found: list[tuple[str, str, bool]]) -> Iterator[str]:
    for user, host, role in found:
        if role and user != "PUBLIC":
            yield f"CREATE ROLE IF NOT EXISTS {escaped(user)}"
        if role:
            continue
        who = name(user, host, role)
        # Of an account for a host by name the server shows nothing while it resolves none.
        lines = shown(connection, f"SHOW CREATE USER {who}") or [f"CREATE USER {who} ACCOUNT LOCK"]
        for line in lines:
            yield MADE.sub("CREATE USER IF NOT EXISTS ", line)


def granted(connection: Any, found: list[tuple[str, str, bool]]) -> Iterator[str]:
    """Roles first: they are granted to users, and users may have them by default."""
    for user, host, role in sorted(found, key=lambda one: not one[2]):
        for line in shown(connection, f"SHOW GRANTS FOR {name(user, host, role)}"):
            yield LOGIN.sub("", line)


def everybodys(connection: Any) -> Iterator[str]:
    """No GRANT makes them: it needs an account."""
    with connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(EVERYBODYS)
        for row in cursor.fetchall():
            values = ", ".join(f"{column} = {escaped(str(value))}" for column, value in row.items())
            yield f"REPLACE INTO mysql.db SET {values}"


def shown(connection: Any, sql: str) -> list[str]:
    return [str(row[0]) for row in rows_of(connection, sql)]


def clear(connection: Any) -> None:
    """Of a scratch server: those that its installation made. Ours is then the only one that may grant PROXY,
    which none can be granted who does not have it."""
    for user, host, role in accounts(connection):
        if not (role and user == "PUBLIC"):
            ask(connection, f"DROP {'ROLE' if role else 'USER'} {name(user, host, role)}")
    ask(connection, PROXY, [OURS])
    ask(connection, "FLUSH PRIVILEGES")
