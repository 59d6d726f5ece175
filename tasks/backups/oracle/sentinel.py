"""The known value, in a table that the database's owner made for it: all that is ever written to a source."""

from tasks.backups import Order
from tasks.backups.oracle.host import OracleHost
from tasks.backups.oracle.rowsums import quoted
from tasks.backups.oracle.source import Facts
from tasks.errors import OpsError
from tasks.texts import t


def plant(host: OracleHost, facts: Facts, order: Order) -> None:
    if not order.sentinel:
        return
    table = order.job.programs.get("sentinel", "")
    if not table:
        raise OpsError(t("oracle_backup.no_sentinel"))
    if not facts.primary:
        raise OpsError(t("oracle_backup.sentinel_standby"))
    named = table_named(table)
    insert = f"insert into {named} (value) values ('{order.sentinel}')"  # noqa: S608 - quoted
    host.sqlplus([f"delete from {named}", insert, "commit"])  # noqa: S608 - quoted


def table_named(table: str) -> str:
    owner, _, name = table.partition(".")
    return f"{quoted(owner)}.{quoted(name)}"
