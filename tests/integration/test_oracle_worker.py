"""The process of its own that a thick driver gets. Oracle's client is nowhere here: the thin driver stands
in for it, in the same process, over the same lines.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.databases.oracle_worker import LATE, Line, Problem, Worker, problem
from tests.lab.oracle.database import Deaf, query
from tests.lab.oracle.standing import PASSWORD, USER, Standing, standing

FEIGNED = "from oracledb import *\nimport oracledb\nDB_TYPE_LONG = oracledb.DB_TYPE_LONG\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Standing]:
    with standing() as server:
        server.rule(
            ("select slow", query(["X"], [(1,)], delay=60)),
            ("select deaf", Deaf()),
            ("select halfway", query(["X"], [(number,) for number in range(5000)], cut_after=3000)),
        )
        yield server


def line(
    server: Standing, *, driver: str = "oracledb", password: str = PASSWORD, seconds: float = 15
) -> Line:
    return Line(driver, "thin", server.server.dsn, USER, "", seconds, password)


def test_rows_refusals_and_limits_over_one_login(server: Standing) -> None:
    worker = Worker(line(server))
    assert worker.version == "19.22.0.0.0"
    found = worker.rows("SELECT name, created, dbid FROM v$database", 5, 2)
    assert [name for name, _ in found.columns] == ["name", "created", "dbid"]
    assert found.rows[0]["name"] == "ORCL" and isinstance(found.rows[0]["created"], str)
    with pytest.raises(Problem) as refused:
        worker.rows("SELECT * FROM no_such_thing", 5, 2)
    assert refused.value.code == "ORA-00942" and not refused.value.gone
    with pytest.raises(Problem) as slow:
        worker.rows("SELECT slow FROM dual", 1, 2)
    assert slow.value.code == "DPY-4024" and not slow.value.gone
    assert worker.rows("SELECT 1 AS n FROM dual", 5, 2).rows == ({"n": 1},)
    worker.close(2)


@pytest.mark.parametrize(
    ("sql", "code"), [("SELECT deaf FROM dual", LATE), ("SELECT halfway FROM dual", "DPY-4011")]
)
def test_a_call_that_hangs_or_is_cut_ends_the_process(server: Standing, sql: str, code: str) -> None:
    worker = Worker(line(server))
    started = time.monotonic()
    with pytest.raises(Problem) as ended:
        worker.rows(sql, 1, 1)
    assert ended.value.code == code and ended.value.gone
    assert time.monotonic() - started < 4
    worker.end()
    assert worker._process.returncode is not None


def test_a_login_that_hangs_ends_with_the_process() -> None:
    with standing() as server:
        server.db.hangs_at = "auth2"
        started = time.monotonic()
        with pytest.raises(Problem) as ended:
            Worker(line(server, seconds=3))
        assert ended.value.code == LATE and time.monotonic() - started < 5


def test_the_password_is_in_no_argument(server: Standing) -> None:
    worker = Worker(line(server))
    said = Path(f"/proc/{worker._process.pid}/cmdline").read_bytes()
    assert b"oracle_worker" in said and PASSWORD.encode() not in said
    assert PASSWORD not in repr(line(server))
    worker.close(2)


def test_a_refused_login(server: Standing) -> None:
    with pytest.raises(Problem) as refused:
        Worker(line(server, password="wrong"))
    assert refused.value.code == "ORA-01017"


def test_another_driver_is_loaded_by_its_name(
    server: Standing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SYNTHETIC: a module that is called cx_Oracle; the real one was never run."""
    (tmp_path / "cx_Oracle.py").write_text(FEIGNED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = Worker(line(server, driver="cx_Oracle"))
    assert worker.rows("SELECT open_mode FROM v$database", 5, 2).rows == ({"open_mode": "READ WRITE"},)
    worker.close(2)


def test_codes_of_all_drivers() -> None:
    said = (
        "DPY-6005: cannot connect to database (CONNECTION_ID=x==).\nDPY-3010: not supported Help: https://x"
    )
    assert problem(Exception(said)).code == "DPY-3010" and "Help" not in problem(Exception(said)).text
    wrapped = "DPY-6001: Service is not registered with the listener. (Similar to ORA-12514)"
    assert problem(Exception(wrapped)).code == "ORA-12514"
    assert (
        problem(Exception('DPI-1047: Cannot locate a 64-bit Oracle Client library: "..."')).code == "DPI-1047"
    )
    assert problem(ValueError("odd")).code == "ValueError"
