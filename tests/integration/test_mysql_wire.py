"""The engine against servers that stop half-way, at the wire (synthetic); the real one is asked in
tests/integration/test_mysql.py.
"""

import threading
import time
from collections.abc import Callable

import pytest
from pymysql.constants import CLIENT

from tasks.databases import Endpoint, Gone, NotAnswered, engine_of
from tasks.databases.mysql import MySql, Open, half_seen, lacking, only_reads, whole
from tasks.databases.mysql_tls import TLS_CERTIFICATE
from tasks.errors import OpsError
from tasks.inventory.credentials import Credential
from tasks.model import Database
from tests.lab import mysql_wire as wire

PASSWORD = "very secret 口令"


def opened(port: int, seconds: float = 10, **more: object) -> Open:
    database = Database(
        contract="lab", part="db", name="MY-01", engine="mysql", login_seconds=seconds, **more
    )  # type: ignore[arg-type]
    login = Credential("lab", "opsproof", PASSWORD)
    session = engine_of(database).open(database, Endpoint("MY-01", "127.0.0.1", port), login)
    assert isinstance(session, Open)
    return session


def refused(script: wire.Script, seconds: float = 10, **more: object) -> str:
    with wire.speaking(script) as port, pytest.raises(OpsError) as problem:
        opened(port, seconds, **more)
    assert PASSWORD not in str(problem.value) and "secret" not in repr(problem.value.__cause__)
    return str(problem.value)


@pytest.mark.parametrize("stage", wire.STAGES)
def test_a_login_that_hangs_ends_in_time_whatever_its_stage(stage: str) -> None:
    started = time.monotonic()
    assert "登录超过 0.3 秒" in refused(wire.STAGES[stage], 0.3)
    assert time.monotonic() - started < 2.5


def test_a_handshake_that_hangs_ends_in_time() -> None:
    started = time.monotonic()
    assert "登录超过 0.3 秒" in refused(wire.tls_offered_only, 0.3, tls=True)
    assert time.monotonic() - started < 2.5


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1040, "连接数已满"),
        (1045, "用户名或口令不对"),
        (1129, "FLUSH HOSTS"),
        (1130, "不允许从本机登录"),
        (1820, "口令已过期"),
        (1862, "口令已过期"),
        (3118, "锁定"),
        (1234, "MySQL 错误 1234"),
    ],
)
def test_a_refusal_is_told_in_our_words_with_the_servers_code(code: int, words: str) -> None:
    text = refused(wire.refuses(code, "its own words"))
    assert words in text and str(code) in text and "its own words" in text


def test_nobody_there() -> None:
    with wire.speaking(wire.silent) as port:
        pass
    with pytest.raises(OpsError, match="无法连接数据库端口"):
        opened(port)


def test_a_name_that_is_none() -> None:
    database = Database(contract="lab", part="db", name="MY-01", engine="mysql", login_seconds=5)
    with pytest.raises(OpsError, match="域名"):
        engine_of(database).open(
            database, Endpoint("MY-01", "nowhere.invalid", 3306), Credential("x", "x", "x")
        )


@pytest.mark.parametrize("script", [wire.not_mysql, wire.garbage, wire.closes])
def test_what_is_no_mysql_is_told(script: wire.Script) -> None:
    assert "不是 MySQL 协议" in (text := refused(script)) or "断开" in text


def test_without_tls_a_password_goes_out_only_as_proof() -> None:
    """caching_sha2_password wants it whole, other methods in the clear: whoever answers could have it."""
    assert "tls: true" in refused(wire.wants_full_caching_sha2)
    for plugin in ("mysql_clear_password", "dialog", "sha256_password"):
        got: list[bytes] = []
        assert "tls: true" in refused(wire.switches_to(plugin, got))
        assert not any(b"secret" in one for one in got)


def test_a_password_the_server_remembers_needs_no_tls() -> None:
    """It gets past the login; the stand-in then says no more."""
    assert "登录超过" in refused(wire.remembers_caching_sha2, 0.3)


def test_tls_that_the_server_lacks_is_never_done_without() -> None:
    assert "没有启用 TLS" in refused(wire.greeting_only, tls=True)


def asking(then: Callable[[wire.Line], None]) -> wire.Script:
    return lambda line, over: wire.asked(line, then)


def test_a_session_says_what_it_is() -> None:
    with wire.speaking(asking(lambda line: line.answer(("n",), (("一",),)))) as port:
        session = opened(port)
        assert session.facts["version"] == "8.0.36" and session.facts["flavour"] == "mysql"
        assert session.facts["role"] == "primary"
        assert [dict(row) for row in session.ask("SELECT 1", 5).rows] == [{"n": "一"}]
        session.close()


def test_a_mariadb_that_knows_no_limit_is_asked_without() -> None:
    """It came with 10.1.1."""

    def script(line: wire.Line, over: threading.Event) -> None:
        wire.asked(line, lambda line: line.answer(("n",), (("1",),)), version="10.0.38-MariaDB")

    with wire.speaking(script) as port:
        session = opened(port)
        assert session.facts["flavour"] == "mariadb" and session.ask("SELECT 1", 5).rows
        session.close()


def test_what_would_be_half_an_answer_is_refused() -> None:
    def script(line: wire.Line, over: threading.Event) -> None:
        granted = "REPLICATION CLIENT, SLAVE MONITOR"
        wire.asked(line, lambda line: line.answer(("n",), (("0",),)), granted=granted)

    with wire.speaking(script) as port:
        session = opened(port)
        for view, privilege in (("processlist", "PROCESS"), ("tables", "SHOW VIEW")):
            with pytest.raises(NotAnswered, match=f"缺少权限.* {privilege} ") as problem:
                session.ask(f"SELECT COUNT(*) AS n FROM information_schema.{view}", 5)
            assert problem.value.code in MySql.denied
        assert session.ask("SELECT 1 AS n", 5).rows
        session.close()


@pytest.mark.parametrize(
    ("granted", "lacks"),
    [
        ("GRANT USAGE ON *.* TO `x`@`%`", ["PROCESS", "SHOW VIEW"]),
        ("GRANT PROCESS, REPLICATION CLIENT ON *.* TO 'x'@'%' IDENTIFIED BY PASSWORD '*7B'", ["SHOW VIEW"]),
        ("GRANT SELECT, PROCESS, SHOW DATABASES ON *.* TO `x`@`%`", []),
        ("GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION", []),
        ("GRANT ALL PRIVILEGES ON `app`.* TO 'x'@'%'", ["PROCESS", "SHOW VIEW"]),
    ],
)
def test_what_an_account_lacks(granted: str, lacks: list[str]) -> None:
    assert lacking([granted]) == lacks


def test_only_what_an_answer_depends_on_is_missed() -> None:
    assert half_seen("SELECT 1 FROM information_schema.tables", "PROCESS,SHOW VIEW") == "SHOW VIEW"
    assert not half_seen("SELECT 1 FROM information_schema.tables", "PROCESS")
    assert not half_seen("SELECT 1 FROM information_schema.innodb_trx", "PROCESS")
    assert not half_seen("SELECT 1 FROM information_schema.processlist", "")


@pytest.mark.parametrize("rows", [(), (("1",), ("2",))])
def test_a_server_that_hangs_in_an_answer_costs_its_limit_and_the_session(rows: tuple[tuple[str]]) -> None:
    over = threading.Event()

    def hang(line: wire.Line) -> None:
        if rows:
            line.answer(("n",), rows, whole=False)
        over.wait()

    with wire.speaking(asking(hang)) as port:
        session, started = opened(port), time.monotonic()
        with pytest.raises(Gone, match="0 秒"):
            session.ask("SELECT 1", 0)
        assert time.monotonic() - started < 4
        with pytest.raises(NotAnswered):
            session.ask("SELECT 1", 0)
        session.close()
        over.set()


def test_an_answer_that_is_none_ends_the_session() -> None:
    with wire.speaking(asking(lambda line: line.send(b"\x03\xff\xff\xff"))) as port:
        session = opened(port)
        with pytest.raises(NotAnswered):
            session.ask("SELECT 1", 0)


def test_a_handshake_that_fails_does_the_session_no_harm() -> None:
    def script(line: wire.Line, over: threading.Event) -> None:
        wire.asked(line, lambda line: line.answer(("n",), (("1",),)), CLIENT.SSL)

    with wire.speaking(script) as port:
        session = opened(port)
        with pytest.raises(NotAnswered, match="TLS 握手失败") as refused:
            session.ask(TLS_CERTIFICATE, 5)
        assert not isinstance(refused.value, Gone)
        assert session.ask("SELECT 1", 5).rows
        session.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "(SELECT 1)",
        "WITH n AS (SELECT 1) SELECT * FROM n",
        "SHOW ALL SLAVES STATUS",
        "SELECT 'a; DELETE into outfile /*! x */'",
        "SELECT `into` FROM t",
    ],
)
def test_reading_is_let_through(statement: str) -> None:
    assert only_reads(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM t",
        "SET GLOBAL read_only = 0",
        "KILL 3",
        "FLUSH HOSTS",
        "CREATE TEMPORARY TABLE t (n INT)",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT 1 INTO/**/DUMPFILE '/tmp/x'",
        "SELECT * FROM t FOR UPDATE",
        "SELECT * FROM t LOCK IN SHARE MODE",
        "SELECT GET_LOCK('a', 1)",
        "/*! DROP TABLE t */",
        "SELECT 1 /*M!100000 INTO OUTFILE '/tmp/x' */",
        "",
    ],
)
def test_what_a_read_only_session_lets_through_is_refused_here(statement: str) -> None:
    assert not only_reads(statement)


def test_a_path_is_whole() -> None:
    assert whole("./db01.err", "/var/lib/mysql/") == "/var/lib/mysql/db01.err"
    assert whole("/var/log/e", "/d") == "/var/log/e" and whole("C:\\d\\e", "/d") == "C:\\d\\e"


def test_the_check_asks_for_the_certificate_in_the_engines_words() -> None:
    from tasks.checks.mysql.certificate import PROBE

    assert PROBE.endswith(TLS_CERTIFICATE)
