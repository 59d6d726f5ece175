"""The Oracle engine over the wire, on the stand-in; everything here is synthetic but the driver."""

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tasks.databases import Endpoint, Gone, NotAnswered, Session, Table
from tasks.databases.oracle import GRACE_SECONDS, Oracle, facts, folder, only_reads
from tasks.databases.values import table
from tasks.errors import OpsError
from tasks.inventory.credentials import Credential
from tasks.model import Database
from tests.certificates import self_signed
from tests.lab.oracle.database import Cut, Deaf, OraError, Result, query
from tests.lab.oracle.standing import PASSWORD, Standing, dataguard, standing
from tests.lab.oracle.target import HERE, target
from tests.suites.engine import EngineSuite


@pytest.fixture
def server() -> Iterator[Standing]:
    with standing() as server:
        yield server


def session(server: Standing, user: str = "", password: str = PASSWORD, **fields: Any) -> Session:
    database = target(server, **fields)
    login = Credential("ora", user or server.user, password)
    return Oracle().open(database, Endpoint(server.plan.unique, HERE, server.port), login)


def counted(session: dict[str, Any], sql: str, binds: Sequence[Any], names: Sequence[str]) -> Result:
    return query(["X"], [(number,) for number in range(1, int(sql.split()[-1]) + 1)])


class TestOracle(EngineSuite):
    """SYNTHETIC: that a statement runs until it is broken off, and CONNECT BY, are the stand-in's."""

    ONE = "SELECT 1 AS n FROM dual"
    TEXT = "SELECT '{text}' AS said FROM dual"
    NULL = "SELECT NULL AS absent FROM dual"
    EMPTY = "SELECT 1 AS n FROM dual WHERE 1 = 0"
    MANY = "SELECT LEVEL AS x FROM dual CONNECT BY LEVEL <= {count}"
    SLOW = "SELECT slow FROM dual"
    WRITES = (
        "CREATE TABLE opsproof_was_here (n INTEGER)",
        "DELETE FROM dual",
        "BEGIN NULL; END;",
        "/* SELECT */ ALTER SYSTEM SWITCH LOGFILE",
        "SELECT 1 FROM dual FOR UPDATE",
        "WITH FUNCTION f RETURN NUMBER IS BEGIN RETURN 1; END; SELECT f FROM dual",
    )

    @pytest.fixture
    def opened(self, server: Standing) -> Iterator[Session]:
        server.rule(
            ("select slow", query(["X"], [(1,)], delay=60)),
            ("connect by level", counted),
        )
        with closing(session(server)) as opened:
            yield opened


def test_reading_is_told_from_all_else() -> None:
    assert only_reads("  -- first\nSELECT 'for update; DELETE' FROM dual")
    assert only_reads("(SELECT 1 FROM dual) UNION ALL SELECT 2 FROM dual")
    assert only_reads("WITH a AS (SELECT 1 x FROM dual) SELECT x FROM a")
    assert not only_reads("selection") and not only_reads("-- SELECT 1\nDROP TABLE t")


def test_the_session_reads_only_on_the_server_too(server: Standing) -> None:
    session(server).close()
    said = [sql for _, sql, _ in server.db.log]
    assert said[-1] == "SET TRANSACTION READ ONLY"


VERSIONS = [("12.1", "12.1.0.2.0"), ("12.2", "12.2.0.1.0"), ("18c", "18.14.0.0.0"), ("19c", "19.22.0.0.0")]


@pytest.mark.parametrize(("version", "shown"), VERSIONS)
def test_facts_of_each_release(version: str, shown: str) -> None:
    with standing(version, cdb=True) as server, closing(session(server)) as opened:
        known = opened.facts
    assert known["version"] == shown and known["role"] == "primary" and known["cdb"] == "YES"
    assert known["open_mode"] == "READ WRITE" and known["status"] == "OPEN"
    assert known["log"] == "/u01/app/oracle/diag/rdbms/orcl/ORCL/trace/alert_ORCL.log"
    assert known["files"] == "/u01/oradata/ORCL\n/u01/oradata/ORCL/PDB1"


def test_facts_of_11_2() -> None:
    """Without containers and without a full version; past the wire, which a thin client cannot speak."""
    oracle = standing("11.2")

    def ask(sql: str) -> Table:
        found = oracle.dictionary({}, sql, (), ())
        return table([(column.name, "") for column in found.columns], found.rows)

    known = facts("11.2.0.4.0", ask)
    oracle.server.server_close()
    assert (known["version"], known["cdb"], known["role"]) == ("11.2.0.4.0", "NO", "primary")


def test_facts_of_a_cluster() -> None:
    """A session of a cluster lands on any node: no path of one is said to be that of all."""
    with standing(form="rac") as server, closing(session(server)) as opened:
        assert opened.facts["sid"] == "ORCL1" and "log" not in opened.facts
        assert opened.facts["files"] == "+DATA"


def test_where_a_file_lies() -> None:
    assert folder("/u01/oradata/x.dbf") == "/u01/oradata"
    assert folder("+DATA/ORCL/DATAFILE/x.1") == "+DATA"
    assert folder("D:\\ORADATA\\X.DBF") == "D:\\ORADATA"


def test_a_standby_that_is_open_and_one_that_is_not() -> None:
    _, adg = dataguard()
    with adg, closing(session(adg)) as opened:
        assert opened.facts["role"] == "standby" and opened.facts["open_mode"] == "READ ONLY WITH APPLY"
    _, mounted = dataguard(mounted=True)
    with mounted:
        with pytest.raises(OpsError, match=r"只挂载未打开.*ORA-01033"):
            session(mounted, "OPSPROOF")
        with closing(session(mounted, "sys as sysdg")) as opened:
            assert opened.facts["role"] == "standby" and opened.facts["open_mode"] == "MOUNTED"
            with pytest.raises(NotAnswered) as refused:
                opened.ask("SELECT tablespace_name FROM dba_tablespaces", 5)
            assert refused.value.code == "ORA-01219" and "数据库未打开" in str(refused.value)
            assert opened.ask("SELECT file# FROM v$datafile", 5).rows
        assert not [sql for _, sql, _ in mounted.db.log if "TRANSACTION" in sql]


def test_a_database_that_is_not_even_mounted() -> None:
    with standing(mounted=True) as server:
        server.rule(
            (r"from v\$(database|datafile)", OraError(1507, "database not mounted")),
            (r"from v\$instance", query(["INSTANCE_NAME", "STATUS"], [("ORCL", "STARTED")])),
        )
        with closing(session(server)) as opened:
            assert opened.facts["status"] == "STARTED" and "role" not in opened.facts


def test_views_that_are_not_granted(server: Standing) -> None:
    server.dictionary.denied |= {"v$instance", "v$database", "v$diag_info", "dba_free_space"}
    with closing(session(server)) as opened:
        assert opened.facts["version"] == "19.22.0.0.0" and "role" not in opened.facts
        with pytest.raises(NotAnswered) as refused:
            opened.ask("SELECT bytes FROM dba_free_space", 5)
        assert refused.value.code in Oracle.denied and "没有查询权限" in str(refused.value)
    assert "SET TRANSACTION READ ONLY" in [sql for _, sql, _ in server.db.log]


REFUSALS = [
    (OraError(28000, "the account is locked"), "账户已被锁定.*ORA-28000"),
    (OraError(28001, "the password has expired"), "口令已过期.*ORA-28001"),
    (OraError(1034, "ORACLE not available"), "没有启动.*ORA-01034"),
    (OraError(1045, "user lacks CREATE SESSION privilege"), "CREATE SESSION"),
    (OraError(20, "maximum number of processes (1000) exceeded"), "进程数已满"),
    (OraError(257, "archiver error"), "归档空间已满"),
    (OraError(4711, "something nobody wrote down"), "ORA-04711: something nobody wrote down"),
]


@pytest.mark.parametrize(("error", "said"), REFUSALS)
def test_a_refused_login_says_why(server: Standing, error: OraError, said: str) -> None:
    server.db.account_errors["OPSPROOF"] = error
    with pytest.raises(OpsError, match=said) as refused:
        session(server)
    assert PASSWORD not in str(refused.value)


def test_a_wrong_password_is_told_and_not_said(server: Standing) -> None:
    with pytest.raises(OpsError, match=r"用户名或口令不对.*ORA-01017") as refused:
        session(server, password="not-the-one")
    assert "not-the-one" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "said"), [(12514, "不认识该服务名"), (12528, "正在启动"), (12516, "进程数已满")]
)
def test_a_listener_that_refuses(server: Standing, code: int, said: str) -> None:
    server.db.refuse = code
    with pytest.raises(OpsError, match=said):
        session(server)


def test_nobody_listens(server: Standing) -> None:
    server.server.stop()
    with pytest.raises(OpsError, match="无法连接数据库端口"):
        session(server)


def test_what_the_inventory_lacks(server: Standing) -> None:
    with pytest.raises(OpsError, match="credential"):
        Oracle().open(target(server), Endpoint("x", HERE, server.port), None)
    with pytest.raises(OpsError, match="service"):
        session(server, service="")


def test_11_2_without_a_client_says_what_to_set() -> None:
    with standing("11.2") as server, pytest.raises(OpsError, match="client: thick"):
        session(server)


STAGES = ("tcp", "connect", "accept", "protocol", "types", "auth1", "auth2", "call")


@pytest.mark.parametrize("dribbles", [0.0, 0.3], ids=["silent", "a byte now and then"])
def test_a_login_ends_in_whatever_stage_it_hangs(dribbles: float) -> None:
    """All stages at once: each only waits. Two have nothing to send before the next."""
    stages = STAGES[2:] if dribbles else STAGES
    with ThreadPoolExecutor(len(stages)) as pool:
        for took in pool.map(lambda stage: late(stage, dribbles), stages):
            assert 0.9 < took < 1 + GRACE_SECONDS + 1


def late(stage: str, dribbles: float) -> float:
    with standing() as server:
        server.db.hangs_at, server.db.dribbles = stage, dribbles
        started = time.monotonic()
        with pytest.raises(OpsError, match="登录超过 1 秒"):
            session(server, login_seconds=1)
        took = time.monotonic() - started
        gone(server)
    return took


def gone(server: Standing) -> None:
    """The other side sees that nobody is there any more."""
    until = time.monotonic() + 30
    while server.server.live and time.monotonic() < until:
        time.sleep(0.02)
    assert not server.server.live


def test_a_first_login_that_hangs_keeps_no_other_waiting(server: Standing) -> None:
    with standing() as sound:
        server.db.hangs_at = "auth1"
        stuck = threading.Thread(target=lambda: refused(server), daemon=True)
        stuck.start()
        time.sleep(0.2)
        started = time.monotonic()
        session(sound).close()
        assert time.monotonic() - started < 1
        stuck.join(6)


def refused(server: Standing) -> None:
    with pytest.raises(OpsError):
        session(server, login_seconds=1)


def deaf(server: Standing) -> None:
    server.rule((r"v\$datafile", Deaf()))


def slow(server: Standing) -> None:
    server.db.hangs_at, server.db.dribbles = "call", 0.3


def test_a_statement_that_not_even_a_break_ends() -> None:
    """It says nothing, or a byte now and then: both at once, for they only wait."""
    with ThreadPoolExecutor(2) as pool:
        for took in pool.map(unbroken, (deaf, slow)):
            assert took < 2 + GRACE_SECONDS


def unbroken(spoil: Callable[[Standing], None]) -> float:
    with standing() as server:
        opened = session(server)
        spoil(server)
        started = time.monotonic()
        with pytest.raises(Gone):
            opened.ask("SELECT file# FROM v$datafile", 1)
        took = time.monotonic() - started
        with pytest.raises(Gone):
            opened.ask("SELECT 1 FROM dual", 1)
        gone(server)
    return took


def test_a_cut_in_a_call_and_between_rows(server: Standing) -> None:
    rows = [(number, "x" * 100) for number in range(5000)]
    server.rule(("boom", Cut()), ("halfway", query(["N", "T"], rows, cut_after=3000)))
    for statement in ("SELECT boom FROM dual", "SELECT halfway FROM dual"):
        with closing(session(server)) as opened, pytest.raises(Gone, match="断开"):
            opened.ask(statement, 5)


@pytest.mark.parametrize("code", [28, 600, 3113, 3135])
def test_errors_after_which_there_is_no_session(server: Standing, code: int) -> None:
    server.rule(("fatal", OraError(code, "end")))
    with closing(session(server)) as opened:
        with pytest.raises(Gone):
            opened.ask("SELECT fatal FROM dual", 5)
        with pytest.raises(Gone):
            opened.ask("SELECT 1 FROM dual", 5)


def test_one_login_for_all_statements(server: Standing) -> None:
    with closing(session(server)) as opened:
        for _ in range(50):
            opened.ask("SELECT name FROM v$database", 5)
    assert server.db.logons == 1
    gone(server)


def test_a_login_of_an_administrator_is_read_from_its_user(server: Standing) -> None:
    for user in ("sys as sysdba", "SYS AS SYSDG", " sys as sysbackup "):
        session(server, user).close()


def test_the_thick_client_is_asked_for_in_a_process_of_its_own(server: Standing) -> None:
    """Instant Client is nowhere among the test's packages: what is said where there is none."""
    started = time.monotonic()
    with pytest.raises(OpsError, match="Instant Client 19"):
        session(server, client="thick", login_seconds=20)
    assert time.monotonic() - started < 20


def test_an_authority_that_a_thick_client_would_not_look_at_is_refused(server: Standing) -> None:
    with pytest.raises(OpsError, match="thin"):
        session(server, client="thick", tls=True, ca="ca.pem")


def test_cx_oracle_that_is_not_installed_is_told(server: Standing) -> None:
    with pytest.raises(OpsError, match=r"cx-oracle-constraint|Instant Client"):
        session(server, driver="cx_Oracle", login_seconds=20)


def test_an_encrypted_line_is_checked_against_the_authority(
    server: Standing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path))
    certificate, key = self_signed(tmp_path, HERE)
    server.server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.server.tls.load_cert_chain(certificate, key)
    with closing(session(server, tls=True, ca=certificate.name)) as opened:
        assert opened.ask("SELECT 1 AS n FROM dual", 5).rows == ({"n": 1},)
    with pytest.raises(OpsError, match="CERTIFICATE_VERIFY_FAILED"):
        session(server, tls=True)
    with pytest.raises(OpsError, match="CA 证书文件不存在"):
        session(server, tls=True, ca="none.pem")


ACCEPTED = bytes.fromhex(
    "0035000002000000013e" + 20 * "00" + "04" + 9 * "00" + "00002000" + 9 * "00" + 8 * "00"
)
STRANGE = {
    "another service": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "lengths of nothing": bytes(100),
    "noise": random.Random(7).randbytes(500),
    "accepted and on without waiting": ACCEPTED + bytes(100),
    "packets without sense": bytes.fromhex("00000020060000000000") + b"\xff" * 22,
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_speaks_another_protocol_is_told(name: str) -> None:
    """Over packets with a length of nothing the driver would turn in circles, and hold all threads."""
    with socket.create_server((HERE, 0)) as listening:
        threading.Thread(target=answering, args=(listening, STRANGE[name]), daemon=True).start()
        with pytest.raises(OpsError, match=r"不是 Oracle 协议|DPY-5000|登录超过"):
            Oracle().open(
                Database(contract="c", part="p", name="n", engine="oracle", service="ORCL", login_seconds=2),
                Endpoint("n", HERE, listening.getsockname()[1]),
                Credential("a", "u", "p"),
            )


def answering(listening: socket.socket, content: bytes) -> None:
    with listening.accept()[0] as line, suppress(ConnectionError):
        while line.recv(4096):
            line.sendall(content)
