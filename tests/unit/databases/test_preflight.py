"""The grants that are shipped: for all that the checks read, and found again when one is missing."""

import re

import pytest

from tasks.checks import checks_for
from tasks.databases.preflight import ACCOUNT, engines, granted, grants, missing
from tasks.databases.statements import statements
from tasks.errors import Refused

ORACLE_OBJECT = re.compile(r"\b(?:from|join)\s+((?:g?v\$|dba_|cdb_)\w[\w$]*)", re.IGNORECASE)


def test_every_view_that_an_oracle_check_reads_is_granted() -> None:
    asked = {
        name.lower()
        for check in checks_for("oracle")
        if not check.on_host
        for statement in statements(check.probe)
        for name in ORACLE_OBJECT.findall(statement.sql)
    }
    given = {name for line in grants("oracle").splitlines() for name in granted(line)}
    assert len(asked) > 30 and asked <= given


def test_an_account_takes_its_name() -> None:
    for engine in engines():
        assert ACCOUNT in grants(engine) and ACCOUNT not in grants(engine, "opsproof")
    with pytest.raises(Refused, match="oracle"):
        grants("dbase")


@pytest.mark.parametrize(
    ("engine", "sql", "failure", "wanted"),
    [
        ("oracle", "SELECT name FROM v$database", "ORA-00942: table or view does not exist", "V_$DATABASE"),
        ("oracle", "SELECT 1 FROM dba_users u", "ORA-00942: table or view does not exist", "DBA_USERS"),
        (
            "mysql",
            "SHOW MASTER STATUS",
            "Access denied; you need the REPLICATION CLIENT privilege",
            "REPLICATION",
        ),
        ("postgres", "SELECT 1 FROM pg_stat_wal", "permission denied for view pg_stat_wal", ""),
    ],
)
def test_what_is_missing_is_named_by_its_grant(engine: str, sql: str, failure: str, wanted: str) -> None:
    if engine in engines():
        found = missing(engine, sql, failure)
        assert not wanted or (found and all(wanted in line for line in found))
