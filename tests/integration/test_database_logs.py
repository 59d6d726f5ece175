"""The logs of a real MariaDB and of a real PostgreSQL, read on over what happens to them."""

import os
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pymysql
import pytest

from tasks.model import Status
from tests.lab import mariadb, postgresql
from tests.unit.checks.test_database_logs import Reader, number


@pytest.mark.skipif(bool(mariadb.missing()), reason=mariadb.missing())
def test_a_real_mariadb(tmp_path: Path) -> None:
    with mariadb.server(tmp_path / "one") as server:
        reader = Reader("mysql.errorlog", {"log_error": str(server.log)})
        assert {one.status for one in reader.read().values()} == {Status.OK}
        for _ in range(30):
            with suppress(pymysql.MySQLError):
                pymysql.connect(host="127.0.0.1", port=server.port, user="nobody", password="x")
        burst = reader.read()
        assert number(burst["错误日志"]) == 30
        assert number(burst["错误日志 mysql-access-denied"], "count") == 30
        assert burst["错误日志 mysql-access-denied"].change == "首次出现"
        server.kill()
        server.start()
        assert "错误日志 mysql-access-denied" not in reader.read()
        assert reader.errors() == 0


@pytest.mark.skipif(bool(postgresql.missing()), reason=postgresql.missing())
@pytest.mark.parametrize("style", ["stderr", "csvlog", "jsonlog"])
def test_a_real_postgresql(style: str) -> None:
    with postgresql.server(log_destination=style, log_filename="%H%M%S.log") as server:
        reader = Reader("postgres.serverlog", facts_of(server, style))
        assert {one.status for one in reader.read().values()} == {Status.OK}
        for text in ("wrong", "wrong again"):
            with suppress(psycopg.Error):
                server.connect(user="opsproof", password=text)
        with suppress(psycopg.Error):
            server.sql("SET work_mem = 'nonsense'")
        with server.connect() as connection:
            (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
            os.kill(int(str(pid)), 9)
        time.sleep(1)  # it starts again, and its log has a new name
        server.await_login()
        found = reader.read()
        assert found["服务器日志 pg-crash"].status is Status.FAIL
        assert number(found["服务器日志 pg-login"], "count") == 2
        assert "work_mem" in found["服务器日志"].summary
        server.sql("SELECT pg_rotate_logfile()")
        with suppress(psycopg.Error):
            server.sql("SET work_mem = 'nonsense'")
        deadline = time.monotonic() + 30
        while (facts := facts_of(server, style)) == reader.facts and time.monotonic() < deadline:
            time.sleep(0.05)
        reader.facts = dict(facts)
        assert reader.errors() == 1 and reader.errors() == 0


def facts_of(server: postgresql.Server, style: str) -> dict[str, str]:
    (name,) = server.sql(f"SELECT pg_current_logfile('{style}')")[0]
    return {"log": str(server.data / str(name))}
