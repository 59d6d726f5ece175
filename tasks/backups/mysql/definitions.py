"""How everything on a server is made: tables, views, routines, triggers, events, databases, users, grants."""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

import pymysql

from tasks.backups.digests import Digest, of_text
from tasks.backups.mysql.asking import Row, ask, is_mariadb, quoted
from tasks.backups.mysql.rows import Changed, concerns, said
from tasks.errors import OpsError
from tasks.texts import t

# The account by which we look into a scratch server: it was never in the source.
OURS = "opsproof-scratch"
# The next number is no part of how a table is made: restored, it may stand elsewhere.
COUNTER = re.compile(r"^(\) ENGINE=.*?) AUTO_INCREMENT=\d+", re.M)
# When a trigger was made here.
VOLATILE = frozenset({"Created"})
COLUMNS = re.compile(r"(?<=\()`[^()]+`(?=\))")
GONE = frozenset({1146, 1049, 1305, 1360, 1539, 1932})
NOT_IN_FORCE = frozenset({1133, 1141, 1269, 1396})

OBJECTS = (
    """SELECT 'TABLE', table_schema, table_name FROM information_schema.tables
        WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')""",
    "SELECT 'VIEW', table_schema, table_name FROM information_schema.views",
    "SELECT 'TRIGGER', trigger_schema, trigger_name, action_order FROM information_schema.triggers",
    "SELECT 'EVENT', event_schema, event_name FROM information_schema.events",
    "SELECT routine_type, routine_schema, routine_name FROM information_schema.routines",
)
DATABASES = """SELECT schema_name, default_character_set_name, default_collation_name
    FROM information_schema.schemata"""
USERS = "SELECT user, host, '' FROM mysql.user"
USERS_AND_ROLES = "SELECT user, host, is_role FROM mysql.user"
# Rights of no account at all are everybody's, and SHOW GRANTS tells them of nobody.
EVERYBODYS = """SELECT grantee, table_schema, privilege_type, is_grantable
    FROM information_schema.schema_privileges WHERE grantee LIKE '''''@%'"""
# MySQL's own accounts: made by every installation, locked.
BUILT_IN = ("mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys")


def definitions(connection: Any, schemas: Collection[str] = ()) -> tuple[Digest, ...]:
    """Of all, accounts included, or of some schemas. Read twice around a snapshot and found equal, they hold
    for the snapshot."""
    try:
        found = [*objects(connection, schemas), *databases(connection, schemas)]
        found += [] if schemas else accounts(connection)
    except pymysql.MySQLError as problem:
        if problem.args[0] in GONE:
            raise Changed(t("backup_mysql.changed", name=said(problem))) from problem
        raise OpsError(t("backup_mysql.no_definition", reason=said(problem))) from problem
    return tuple(sorted(found, key=lambda digest: digest.name))


def definition(name: str, *parts: object) -> Digest:
    return Digest("definition", name, of_text(json.dumps(parts, ensure_ascii=False, default=str)))


def objects(connection: Any, schemas: Collection[str]) -> Iterator[Digest]:
    for kind, schema, name, *more in [row for sql in OBJECTS for row in ask(connection, sql)]:
        if concerns(schema, schemas):
            yield made(connection, kind, schema, name, *more)


def made(connection: Any, kind: str, schema: str, name: str, *more: object) -> Digest:
    """As the server would make it again; a routine whose body it does not show would be proven by nothing."""
    with connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(f"SHOW CREATE {kind} {quoted(schema, name)}")
        row = {key: text for key, text in cursor.fetchone().items() if key not in VOLATILE}
    if hidden := [key for key, text in row.items() if text is None]:
        raise OpsError(t("backup_mysql.hidden", kind=kind, name=f"{schema}.{name}", column=hidden[0]))
    if kind == "TABLE":
        row = {key: COUNTER.sub(r"\1", text, count=1) for key, text in row.items()}
    return definition(f"{kind.lower()} {schema}.{name}", row, *more)


def databases(connection: Any, schemas: Collection[str]) -> Iterator[Digest]:
    for name, *how in ask(connection, DATABASES):
        if concerns(name, schemas):
            yield definition(f"database {name}", *how)


def accounts(connection: Any) -> Iterator[Digest]:
    mariadb = is_mariadb(connection)
    for user, host, role in ask(connection, USERS_AND_ROLES if mariadb else USERS):
        if user == OURS or user in BUILT_IN:
            continue
        shown = f"{user}@{host}"
        everybody = (user, host) == ("PUBLIC", "")
        who = "PUBLIC" if everybody else escaped(user)
        if role != "Y" and not everybody:
            who += f"@{escaped(host)}"
            yield definition(f"user {shown}", *rows_of(connection, f"SHOW CREATE USER {who}"))
        yield definition(f"grants {shown}", *granted(connection, who))
    if rights := sorted(ask(connection, EVERYBODYS)):
        yield definition("grants of everybody", *rights)


def granted(connection: Any, who: str) -> list[str]:
    """Columns come in no order of their own."""
    lines = [str(row[0]) for row in rows_of(connection, f"SHOW GRANTS FOR {who}")]
    return sorted(COLUMNS.sub(lambda found: ", ".join(sorted(found[0].split(", "))), line) for line in lines)


def rows_of(connection: Any, sql: str) -> list[Row]:
    """An account for a host by name is not in force where the server resolves none."""
    try:
        return sorted(ask(connection, sql))
    except pymysql.MySQLError as problem:
        if problem.args[0] not in NOT_IN_FORCE:
            raise
        return []


def escaped(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
