"""The engine and its checks against real PostgreSQL servers, and against ones that hang."""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.checks.judging import Before, Limits
from tasks.databases import Endpoint, Gone, NotAnswered, Session, engine_of
from tasks.databases.asking import Open
from tasks.databases.preflight import preflight
from tasks.errors import OpsError
from tasks.inspection.collect import collect
from tasks.inspection.judge import judge_target
from tasks.inventory.credentials import Credential
from tasks.model import Database, Instance, Status
from tasks.transports import Access
from tests.certificates import self_signed
from tests.lab import postgresql
from tests.lab.postgresql import ACCOUNT, PASSWORD, Server, access, give_account, missing, own, server, target
from tests.lab.postgresql_faults import cut, idle_slot
from tests.lab.postgresql_inspected import Watched, alarms
from tests.lab.web.servers import Hostile, drip
from tests.suites.engine import EngineSuite

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Server]]:
    with postgresql.pair() as made:
        made[0].sql("CREATE TABLE things (n int PRIMARY KEY)", "CREATE SEQUENCE counted")
        made[0].sql(f"GRANT ALL ON things TO {ACCOUNT}", f"GRANT ALL ON counted TO {ACCOUNT}")
        yield made


def session(where: Server | Database, user: str = ACCOUNT, password: str = PASSWORD) -> Session:
    database = target(where) if isinstance(where, Server) else where
    endpoint = Endpoint(database.name, database.address, database.port)
    return engine_of(database).open(database, endpoint, Credential("x", user, password))


def refused(where: Server | Database, user: str = ACCOUNT, password: str = PASSWORD) -> str:
    with pytest.raises(OpsError) as problem:
        session(where, user, password)
    assert password not in str(problem.value)
    return str(problem.value)


class TestPostgres(EngineSuite):
    SLOW = "SELECT pg_sleep(30)"
    WRITES = (
        "CREATE TABLE opsproof_was_here (n INTEGER)",
        "INSERT INTO public.things VALUES (1)",
        "SELECT nextval('public.counted')",
        "SELECT pg_create_physical_replication_slot('opsproof')",
        "TRUNCATE public.things",
    )

    @pytest.fixture
    def opened(self, pair: tuple[Server, Server]) -> Iterator[Session]:
        with closing(session(pair[0])) as opened:
            yield opened


def test_it_says_what_hosts_and_statements_need(pair: tuple[Server, Server]) -> None:
    for one, role in zip(pair, ("primary", "standby"), strict=True):
        with closing(session(one)) as opened:
            facts = opened.facts
        assert (facts["role"], facts["flavour"], facts["sees_all"]) == (role, "postgres", "yes")
        assert facts["version"].startswith("15.") and facts["product"].startswith("PostgreSQL 15.")
        assert Path(facts["data"]) == one.data and Path(facts["log"]).parent == one.data / "log"
        assert Path(facts["log"]).is_file()


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("'infinity'::timestamptz", "infinity"),
        ("'-infinity'::date", "-infinity"),
        ("'NaN'::numeric", "NaN"),
        ("'NaN'::float8", "nan"),
        ("10::numeric ^ 30", 10**30),
        ("interval '1 day 2 seconds'", 86402.0),
        ("'0/16B3748'::pg_lsn", "0/16B3748"),
        ("'192.0.2.1'::inet", "192.0.2.1"),
        ("array[1, 2]::text", "{1,2}"),
        ("'\\x00ff'::bytea", "00ff"),
        ("'2026-11-21 08:00+08'::timestamptz", "2026-11-21T00:00:00+00:00"),
    ],
)
def test_values_that_json_has(pair: tuple[Server, Server], sql: str, wanted: object) -> None:
    with closing(session(pair[0])) as opened:
        row = opened.ask(f"SELECT {sql} AS value", 5).rows[0]
    assert row["value"] == wanted and json.dumps(dict(row), allow_nan=False)


def test_text_of_no_known_encoding_is_read_all_the_same(pair: tuple[Server, Server]) -> None:
    pair[0].sql("CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    with closing(session(target(pair[0], service="raw"))) as opened:
        (row,) = opened.ask("SELECT convert_from('\\xc4e3'::bytea, 'SQL_ASCII') AS said", 5).rows
    assert "\ufffd" in row["said"]


def test_no_password_is_sent_in_the_clear() -> None:
    heard: list[bytes] = []
    asking = after_hello(b"R\0\0\0\x08\0\0\0\x03", lambda connection: heard.append(connection.recv(4096)))
    with Hostile(asking) as port:
        assert "服务器要求以明文发送密码" in refused(database(port, login_seconds=2))
    assert not any(PASSWORD.encode() in said for said in heard)


OK_THEN_READY = b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I"


def after_hello(first: bytes, then: Callable[[socket.socket], object]) -> Callable[[socket.socket], object]:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(first)
        then(connection)

    return serve


def silence(connection: socket.socket) -> None:
    time.sleep(20)


HANGING: dict[str, Callable[[socket.socket], object]] = {
    "silent": silence,
    "half an answer": after_hello(b"R\0\0", silence),
    "an answer without end": after_hello(b"R\0\0\x07\xd0\0\0\0\x0a", drip(b"", b"x")),
    "logged in, then silent": after_hello(b"R\0\0\0\x08\0\0\0\0", silence),
    "ready, then silent": after_hello(OK_THEN_READY, silence),
    "ready, then notices without end": after_hello(OK_THEN_READY, drip(b"", b"N\0\0\0\x05\0")),
    "TLS, then silent": after_hello(b"S", silence),
    "TLS, then nonsense without end": after_hello(b"S", drip(b"\x16\x03\x03\x40\0", b"x")),
}


def test_a_login_ends_in_time_wherever_it_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path))
    self_signed(tmp_path, "127.0.0.1")

    def one(name: str) -> tuple[str, float]:
        with Hostile(HANGING[name]) as port:
            found = database(port, tls=name.startswith("TLS"), ca="cert.pem", login_seconds=1)
            started = time.monotonic()
            return refused(found), time.monotonic() - started

    with ThreadPoolExecutor(len(HANGING)) as pool:
        for name, (said, took) in zip(HANGING, pool.map(one, HANGING), strict=True):
            assert "在 1 秒内没有完成登录" in said and 0.9 < took < 3, (name, said, took)


def database(port: int, **more: Any) -> Database:
    fields = {"engine": "postgres", "address": "127.0.0.1", "port": port, **more}
    return Database(contract="lab", part="m", name="db", **fields)


@pytest.fixture(scope="module")
def alone() -> Iterator[Server]:
    with server() as made:
        yield made


def test_a_real_server_that_stands_still_holds_nobody_up(alone: Server) -> None:
    """Before the login, and in the middle of a statement."""
    assert alone.process
    opened = session(alone)
    (row,) = opened.ask("SELECT pg_backend_pid() AS pid", 5).rows
    stopped = (alone.process.pid, row["pid"])
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert "在 1 秒内没有完成登录" in refused(target(alone, login_seconds=1))
        with pytest.raises(Gone, match="探测超过 1 秒未结束，服务器也没有按时限中止"):
            opened.ask("SELECT 1 AS n", 1)
        assert time.monotonic() - started < 7
        with pytest.raises(Gone):
            opened.ask("SELECT 1 AS n", 1)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def test_a_flood_and_a_closed_door(alone: Server) -> None:
    with ExitStack() as stack:
        for _ in range(37):
            stack.enter_context(closing(alone.connect()))
        assert "连接数已满" in refused(alone)
    hba = alone.data / "pg_hba.conf"
    usual = hba.read_text()
    hba.write_text("host all postgres 127.0.0.1/32 trust\n")
    alone.sql("SELECT pg_reload_conf()")
    time.sleep(0.3)
    assert "pg_hba.conf 不允许" in refused(alone)
    hba.write_text(usual)
    alone.sql("SELECT pg_reload_conf()")
    time.sleep(0.3)


def test_a_server_that_stops_and_one_killed_in_the_middle_of_an_answer(alone: Server) -> None:
    assert alone.process
    with closing(session(alone)) as opened:
        alone.process.send_signal(signal.SIGTERM)  # it waits for those that are there
        time.sleep(0.3)
        assert "正在停止" in refused(alone)
        timer = threading.Timer(0.5, alone.stop, [signal.SIGQUIT])
        timer.start()
        with pytest.raises(Gone) as gone:
            opened.ask("SELECT repeat('x', 9000), pg_sleep(0.01) FROM generate_series(1, 2000)", 20)
        assert "会话中断" in str(gone.value)
        timer.join()
        assert "端口没有监听" in refused(alone)


def test_a_session_that_was_ended_is_opened_once_more(pair: tuple[Server, Server]) -> None:
    from tasks.databases.statements import Statement

    database = target(pair[0])
    member = Open(database, Endpoint("db", "127.0.0.1", database.port), access())
    member.connect()
    pair[0].sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'opsproof'")
    answers = [member.ask(Statement("rows", "SELECT 1 AS n"), 5) for _ in range(2)]
    member.close()
    assert "会话中断" in answers[0].failure and [dict(row) for row in answers[1].rows] == [{"n": 1}]


def test_why_a_login_failed_is_said_in_words(pair: tuple[Server, Server]) -> None:
    primary, _ = pair
    assert "用户名或密码错误" in refused(primary, password="wrong-one")
    assert "用户名或密码错误" in refused(primary, user="nobody")
    assert "数据库不存在" in refused(target(primary, service="nowhere"))
    assert "服务器没有启用加密连接" in refused(target(primary, tls=True))
    assert "端口没有监听" in refused(database(1))
    assert "连接失败" in refused(
        Database(contract="lab", part="m", name="db", engine="postgres", address="bad..name")
    )
    primary.sql("CREATE ROLE outsider LOGIN PASSWORD 'lab-only' CONNECTION LIMIT 0", "CREATE ROLE sleeper")
    assert "连接数已满" in refused(primary, user="outsider")
    primary.sql("ALTER ROLE sleeper PASSWORD 'lab-only'")
    assert "不允许登录" in refused(primary, user="sleeper")


def test_a_server_that_is_still_recovering() -> None:
    def never_ready(one: Server) -> None:
        (one.data / "recovery.signal").touch()
        own(one.data / "recovery.signal")

    with postgresql.folder() as place:
        one = Server(postgresql.inside(place, "primary"), postgresql.free_ports(1)[0])
        one.make()
        never_ready(one)
        one.settings["restore_command"] = "sleep 30; false"
        one.start(wait=False)
        try:
            said = ""
            for _ in range(50):
                said = refused(one)
                if "没有监听" not in said:
                    break
                time.sleep(0.1)
            assert "正在启动或恢复" in said
        finally:
            one.stop(signal.SIGQUIT)


def test_tls_is_checked_and_an_expired_certificate_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path))

    def certified(one: Server) -> None:
        for path in self_signed(one.data, "127.0.0.1", 30):
            own(path)
        (tmp_path / "right.pem").write_bytes((one.data / "cert.pem").read_bytes())

    (tmp_path / "other").mkdir()
    self_signed(tmp_path / "other", "127.0.0.1")
    with server(certified, ssl="on", ssl_cert_file="cert.pem", ssl_key_file="key.pem") as one:
        with closing(session(target(one, tls=True, ca="right.pem"))) as opened:
            sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert opened.ask(sql, 5).rows[0]["ssl"] is True
            assert opened.ask("SHOW TLS CERTIFICATE", 5).rows[0]["subject"] == "CN=127.0.0.1"
        assert "服务器证书不受信任" in refused(target(one, tls=True, ca="other/cert.pem"))
        assert "服务器证书不受信任" in refused(target(one, tls=True))
        for path in self_signed(one.data, "127.0.0.1", 0):
            own(path)
        (tmp_path / "old.pem").write_bytes((one.data / "cert.pem").read_bytes())
        one.sql("SELECT pg_reload_conf()")
        time.sleep(0.3)
        assert "服务器证书已过期" in refused(target(one, tls=True, ca="old.pem"))
        with pytest.raises(OpsError, match=r"nowhere\.pem"):
            session(target(one, tls=True, ca="nowhere.pem"))


def test_with_the_shipped_grants_nothing_is_unknown_and_a_sound_pair_is_sound(
    pair: tuple[Server, Server],
) -> None:
    watched = Watched(primary=pair[0], standby=pair[1])
    for _ in range(2):
        found = watched.look()
    assert alarms(found) == set()
    assert len({one.check for one in found}) >= 26


def test_a_pair_that_is_one_database_tells_its_members_apart(pair: tuple[Server, Server]) -> None:
    members = tuple(
        Instance(name=name, host="here", role=name, port=one.port)
        for name, one in zip(("primary", "standby"), pair, strict=True)
    )
    both = Database(
        contract="lab", part="m", name="oa", engine="postgres", form="dataguard",
        instances=members, credential=ACCOUNT, address="127.0.0.1",
    )  # fmt: skip
    hosts = {"here": replace(postgresql.HERE, address="127.0.0.1")}
    found = judge_target(
        collect(both, access=Access(lambda name: postgresql.LOGIN, hosts)),  # type: ignore[arg-type]
        lambda check, target: Limits(check.limits),
        lambda check, target: Before(),
    )
    # The tests before this one left their traces in the log.
    assert {one.status for one in found if one.check != "postgres.serverlog"} == {Status.OK}
    assert {"primary 角色", "standby 角色", "standby 回放", "primary 备库 walreceiver"} <= {
        one.subject for one in found
    }


def test_without_them_each_check_that_needs_one_says_so(
    pair: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.suppress(Exception):
        give_account(pair[0], "stranger", grants=False)
    monkeypatch.setattr(postgresql, "LOGIN", Credential("stranger", "stranger", PASSWORD))
    found = Watched(primary=pair[0]).look()
    blind = {one.check: one.summary for one in found if one.status is Status.UNKNOWN}
    seeing = {"transactions", "blockers", "connections", "replication", "archiver", "wal", "space"}
    assert set(blind) >= {f"postgres.{name}" for name in seeing - {"replication"}}
    assert all("pg_monitor" in said or "日志" in said or "log" in said for said in blind.values()), blind
    steps = [step for step in preflight(target(pair[0]), access()) if step.state != "ok"]
    assert {step.state for step in steps} == {"denied"}
    assert {step.grants for step in steps} == {("GRANT pg_monitor TO OPSPROOF_ACCOUNT;",)}


def test_what_is_refused_for_want_of_a_grant_has_its_code(pair: tuple[Server, Server]) -> None:
    with closing(session(pair[0])) as opened, pytest.raises(NotAnswered) as denied:
        opened.ask("SELECT pg_read_file('PG_VERSION')", 5)
    assert denied.value.code == "42501" in engine_of(target(pair[0])).denied


def test_faults_of_a_pair_are_found(pair: tuple[Server, Server]) -> None:
    """A few of those that the show seeds."""
    watched = Watched(primary=pair[0], standby=pair[1])
    watched.look()
    with idle_slot(*pair):
        assert ("primary", "postgres.slots", "复制槽 forgotten", "warn") in alarms(watched.look())
    with cut(*pair):
        found = alarms(watched.look())
        assert ("primary", "postgres.replication", "备库数量", "fail") in found
        assert ("standby", "postgres.standby", "接收", "fail") in found
