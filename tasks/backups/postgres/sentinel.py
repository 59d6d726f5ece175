"""A known value in the source: in a table that the administrator makes and the account may change."""

import time
from contextlib import closing

import psycopg

from tasks.backups import Order
from tasks.backups.postgres.sessions import Session, Way, way_to
from tasks.errors import OpsError
from tasks.model import Database
from tasks.texts import t

PLANT = "UPDATE opsproof.sentinel SET value = %s"
ARRIVED_SECONDS = 60


def planted(order: Order) -> str:
    """In which database; empty: none is wanted. Always in the primary; a standby is waited for."""
    if not order.sentinel:
        return ""
    way = way_to(order)
    assert isinstance(order.target, Database)
    primary = Way(order.target, way.login, access=order.access)
    with closing(primary.session()) as session:
        plant(session, order.sentinel)
        name = session.info.dbname
    if order.job.side == "standby":
        with closing(way.session()) as session:
            await_value(session, order.sentinel)
    return name


def plant(session: Session, value: str) -> None:
    try:
        session.execute("SET default_transaction_read_only = off")
        changed = session.execute(PLANT, (value,)).rowcount
    except psycopg.Error as problem:
        raise OpsError(t("backup_postgres.no_sentinel", reason=" ".join(str(problem).split()))) from problem
    if changed != 1:
        raise OpsError(t("backup_postgres.no_sentinel", reason=changed))


def await_value(session: Session, value: str) -> None:
    until = time.monotonic() + ARRIVED_SECONDS
    while session.execute("SELECT value FROM opsproof.sentinel").fetchone() != (value,):
        if time.monotonic() > until:
            raise OpsError(t("backup_postgres.standby_behind", seconds=ARRIVED_SECONDS))
        time.sleep(0.2)
