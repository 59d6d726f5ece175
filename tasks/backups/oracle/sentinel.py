"""The known value, in a table that the database's owner made for it: all that is ever written to a source."""

from tasks.backups import Order
from tasks.backups.oracle.host import OracleHost
from tasks.backups.oracle.rowsums import listed, quoted
from tasks.backups.oracle.source import Facts
from tasks.errors import OpsError
from tasks.texts import t

COLUMNS = """\
select column_name from dba_tab_columns where owner in {owner} and table_name in {name} order by column_id"""


def plant(host: OracleHost, facts: Facts, order: Order) -> None:
    if not order.sentinel:
        return
    table = order.job.programs.get("sentinel", "")
    if not table:
        raise OpsError(t("oracle_backup.no_sentinel"))
    if not facts.primary:
        raise OpsError(t("oracle_backup.sentinel_standby"))
    owner, _, name = table.partition(".")
    # All rows of it are deleted: a slip of the name must not hit a table that holds anything else.
    if host.rows(COLUMNS.format(owner=listed([owner]), name=listed([name]))) != [["VALUE"]]:
        raise OpsError(t("oracle_backup.sentinel_table", table=table))
    named = table_named(table)
    insert = f"insert into {named} (value) values ('{order.sentinel}')"  # noqa: S608 - quoted
    host.sqlplus([f"delete from {named}", insert, "commit"])  # noqa: S608 - quoted


def table_named(table: str) -> str:
    owner, _, name = table.partition(".")
    return f"{quoted(owner)}.{quoted(name)}"
