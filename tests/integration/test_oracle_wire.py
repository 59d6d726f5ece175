"""The stand-in Oracle itself, spoken to by the unmodified driver: what it can do, and what it refuses."""

import asyncio
import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import oracledb
import pytest

from tests.lab.oracle.database import Cut, FakeDb, OraError, Result, query
from tests.lab.oracle.server import FakeOracle
from tests.lab.oracle.sqlite import SqliteEngine


@pytest.fixture
def server() -> Iterator[FakeOracle]:
    engine = SqliteEngine()
    columns = ["instance_name", "status", "version"]
    engine.table("v$instance", columns, [("ORCL", "OPEN", "19.0.0.0.0")])
    engine.table("big", ["id", "txt"], [(number, f"row {number}") for number in range(1, 2501)])
    with FakeOracle(FakeDb(engine=engine)) as server:
        yield server


def connected(server: FakeOracle, **fields: Any) -> oracledb.Connection:
    given = {"user": "system", "password": "manager", "dsn": server.dsn} | fields
    return oracledb.connect(**given)


def test_real_sql_and_a_cursor_run_again(server: FakeOracle) -> None:
    with connected(server) as connection, connection.cursor() as cursor:
        asked = "select instance_name, status from v$instance where status = :s"
        cursor.execute(asked, s="OPEN")
        assert cursor.fetchall() == [("ORCL", "OPEN")]
        cursor.execute(asked, s="MOUNTED")
        assert cursor.fetchall() == []
        for status, count in (("OPEN", 1), ("X", 0), ("OPEN", 1)):
            cursor.execute("select count(*) from v$instance where status = :s", s=status)
            assert cursor.fetchone() == (count,)


@pytest.mark.parametrize(("array", "prefetch"), [(100, 2), (1, 0), (7, 3), (5000, 5000)])
def test_many_rows(server: FakeOracle, array: int, prefetch: int) -> None:
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.arraysize, cursor.prefetchrows = array, prefetch
        cursor.execute("select id, txt from big order by id")
        rows = cursor.fetchall()
        assert len(rows) == 2500 and rows[-1] == (2500, "row 2500")


def test_types_and_nulls(server: FakeOracle) -> None:
    numbers = [0, 1, -1, 100, -100, 99.5, -0.25, 12345678901234567890, 1e-5, 1e30, Decimal("1234567.000089")]
    second, fraction = dt.datetime(2024, 2, 29, 23, 59, 59), dt.datetime(2024, 1, 1, 0, 0, 0, 123456)
    rows = [
        (number, None if at % 2 else "é" * 1000, second, fraction, b"\x01\xff")
        for at, number in enumerate(numbers)
    ]
    server.db.rules.append((r"types", query(["V", "S", "D", "T", "R"], rows)))
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.execute("select types")
        found = cursor.fetchall()
    for number, row in zip(numbers, found, strict=True):
        assert float(row[0]) == pytest.approx(float(number), rel=1e-9)
    assert found[1][1] is None and found[0][1] == "é" * 1000
    assert found[0][2:] == (second, fraction, b"\x01\xff")


def test_long_text(server: FakeOracle) -> None:
    server.db.rules.append((r"longs", query(["A", "B"], [("x" * 70000, 1), ("y", 2)])))
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.execute("select longs")
        assert [(len(text), number) for text, number in cursor] == [(70000, 1), (1, 2)]


def test_binds_arrive_as_they_were(server: FakeOracle) -> None:
    got: list[Any] = []
    server.db.rules.append((r"^begin p", lambda session, sql, binds, names: got.extend(binds) or Result()))
    values = ["t" * 32000, 5, -3.25, dt.datetime(2024, 5, 6, 7, 8, 9), None, b"\x00\x01"]
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.execute("begin p(:1,:2,:3,:4,:5,:6); end;", values)
    assert got == [values[0], 5, Decimal("-3.25"), values[3], None, values[5]]


def test_refusals(server: FakeOracle) -> None:
    with connected(server) as connection, connection.cursor() as cursor:
        with pytest.raises(oracledb.DatabaseError) as refused:
            cursor.execute("select * from nope")
        assert refused.value.args[0].full_code == "ORA-00942"
        cursor.execute("select 1 from dual")
        assert cursor.fetchone() == (1,)
    with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
        connected(server, password="bad")
    with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
        connected(server, user="nobody")
    with pytest.raises(oracledb.OperationalError, match="DPY-6001"):
        connected(server, dsn=server.dsn.replace("ORCL", "OTHER"))


def test_changes_and_many_at_once(server: FakeOracle) -> None:
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.execute("create table t(a, b)")
        cursor.executemany("insert into t values(:1,:2)", [(number, str(number)) for number in range(500)])
        assert cursor.rowcount == 500
        cursor.execute("update t set b = :x where a < :y", x="z", y=10)
        assert cursor.rowcount == 10
        connection.commit()
        connection.rollback()


def test_binds_that_come_out(server: FakeOracle) -> None:
    server.db.rules.append((r"get_line", Result(out=["line one", 0])))
    with connected(server) as connection, connection.cursor() as cursor:
        line, status = cursor.var(str), cursor.var(int)
        cursor.execute("begin dbms_output.get_line(:a, :n); end;", a=line, n=status)
        assert (line.getvalue(), status.getvalue()) == ("line one", 0)


def test_a_call_that_is_broken_off_and_the_session_goes_on(server: FakeOracle) -> None:
    server.db.rules.append(("slow", query(["X"], [(1,)], delay=5)))
    with connected(server) as connection, connection.cursor() as cursor:
        connection.call_timeout = 300
        started = time.monotonic()
        with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
            cursor.execute("select slow")
        assert time.monotonic() - started < 2
        cursor.execute("select 1 from dual")
        assert cursor.fetchone() == (1,)


def test_a_cut_in_a_call(server: FakeOracle) -> None:
    server.db.rules.append(("boom", Cut()))
    connection = connected(server)
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
        connection.cursor().execute("select boom")
    assert not connection.is_healthy()


def test_a_cut_between_rows(server: FakeOracle) -> None:
    server.db.rules.append(("cut", query(["X"], [(number,) for number in range(5000)], cut_after=3000)))
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
        connected(server).cursor().execute("select cut").fetchall()


def test_a_database_that_changes_its_role(server: FakeOracle) -> None:
    server.db.logon_error = OraError(1033, "ORACLE initialization or shutdown in progress")
    with pytest.raises(oracledb.DatabaseError, match="ORA-01033"):
        connected(server)
    connected(server, mode=oracledb.AUTH_MODE_SYSDBA).close()
    connected(server, mode=oracledb.AUTH_MODE_SYSDGD).close()
    server.db.refuse = 12528
    with pytest.raises(oracledb.OperationalError, match="12528"):
        connected(server)


def test_thin_refuses_what_is_before_12_1(server: FakeOracle) -> None:
    server.db.protocol = 314
    with pytest.raises(oracledb.Error, match="DPY-3010"):
        connected(server)


def test_a_pool_with_module_and_action(server: FakeOracle) -> None:
    pool = oracledb.create_pool(user="system", password="manager", dsn=server.dsn, min=2, max=4)
    with pool.acquire() as connection:
        connection.module, connection.action = "m", "a"
        connection.client_identifier, connection.client_info = "me", "i"
        for number in (1, 2):
            with connection.cursor() as cursor:
                cursor.execute(f"select {number} from dual")
                assert cursor.fetchone() == (number,)
            connection.current_schema = "HR"
    pool.close()


def test_the_asynchronous_driver(server: FakeOracle) -> None:
    async def rows() -> int:
        connection = await oracledb.connect_async(user="system", password="manager", dsn=server.dsn)
        with connection.cursor() as cursor:
            await cursor.execute("select id, txt from big order by id")
            found = await cursor.fetchall()
        await connection.close()
        return len(found)

    assert asyncio.run(rows()) == 2500
