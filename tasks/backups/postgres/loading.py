"""A dump into a server that lives: what is there is put aside under another name, and comes back if the
restore fails."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg import sql

from tasks import clock
from tasks.backups.postgres.programs import script
from tasks.backups.postgres.sessions import Session, Way, troubles, version_of
from tasks.errors import OpsError
from tasks.model import Database
from tasks.texts import t
from tasks.transports import Access, open_stream

ASIDE = "{}_before_{:%Y%m%d%H%M%S}"
MAINTENANCE = "template1"
CHUNK = 2**20
OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
)


def replace_database(
    target: Database, access: Access, name: str, archive: Path, say: Callable[[str], None]
) -> None:
    login = access.keyring(target.credential) if target.credential else None
    way = Way(target, login, access=access)
    aside = ASIDE.format(name[:40], clock.now())
    with closing(way.session(MAINTENANCE)) as session, troubles(target.name):
        session.execute("SET default_transaction_read_only = off")
        version = version_of(session)
        there = renamed(session, name, aside)
    words = ["--create", "--exit-on-error", "--no-password", "-d", MAINTENANCE]
    said = script(way, version, "pg_restore", words, MAINTENANCE)
    try:
        pour(target, access, said, archive)
    except OpsError:
        with closing(way.session(MAINTENANCE)) as session, troubles(target.name):
            session.execute("SET default_transaction_read_only = off")
            put_back(session, name, aside if there else "")
        raise
    if there:
        say(t("backup_postgres.put_aside", name=name, aside=aside))


def renamed(session: Session, name: str, new: str) -> bool:
    """Whether there was one; whoever is in it is sent away."""
    if session.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).rowcount == 0:
        return False
    with session.transaction():
        session.execute(OTHERS, (name,))
        statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        session.execute(statement.format(sql.Identifier(name), sql.Identifier(new)))
    return True


def put_back(session: Session, name: str, aside: str) -> None:
    try:
        session.execute(OTHERS, (name,))
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
    except psycopg.Error as problem:
        raise OpsError(t("backup_postgres.not_put_back", name=name, aside=aside, reason=problem)) from problem
    if aside:
        renamed(session, aside, name)


def pour(target: Database, access: Access, said: str, archive: Path) -> None:
    host = access.hosts[target.hosts[0]]
    with archive.open("rb") as file, open_stream(host, access).stream(said, feed=file) as stream:
        while stream.read(CHUNK):
            pass
