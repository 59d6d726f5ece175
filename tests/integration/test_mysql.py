"""The MySQL engine and its checks on real MariaDB servers."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tasks.checks import checks_for
from tasks.databases import Endpoint, Gone, NotAnswered, engine_of
from tasks.databases.mysql import Open
from tasks.databases.preflight import preflight
from tasks.errors import OpsError
from tasks.home import home
from tasks.inventory.credentials import Credential, Keyring
from tasks.transports import Access
from tests.lab import mariadb
from tests.lab.mariadb import ACCOUNT, PASSWORD, Server, give_credentials, missing, pair, server, tls_options
from tests.lab.mysql_faults import FAULTS, Fault, Servers, look, target_of
from tests.suites.engine import EngineSuite

LOGIN = Credential("lab-mysql", ACCOUNT, PASSWORD)
# One fault for each way of looking: session, host, counters since the last look, replica.
SEEN = ("replication broken", "deadlock", "blocker", "crashed table")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("mariadb")
    with pair(folder / "pair", *tls_options(folder / "tls", 400), "--max-connections=60") as made:
        yield made


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path))
    give_credentials()


def session(one: Server, login: Credential = LOGIN, **more: object) -> Open:
    database = one.target(**more)
    made = engine_of(database).open(database, Endpoint("MY-01", "127.0.0.1", one.port), login)
    assert isinstance(made, Open)
    return made


def account(one: Server, name: str, *grants: str, how: str = "") -> Credential:
    one.sql(
        "SET sql_log_bin = 0",
        f"CREATE OR REPLACE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}' {how}",
        *(f"GRANT {grant} TO '{name}'@'%'" for grant in grants),
    )
    return Credential(name, name, PASSWORD)


class TestMariaDb(EngineSuite):
    """As an account that may do everything: what is refused is refused by the session."""

    TEXT = "SELECT CONVERT('{text}' USING utf8mb4) AS said"
    EMPTY = "SELECT 1 AS n FROM dual WHERE 1 = 0"
    MANY = "SELECT seq AS x FROM app.seq_1_to_{count}"
    SLOW = "SELECT SLEEP(20)"
    WRITES = (
        "CREATE TABLE app.opsproof_was_here (n INTEGER)",
        "INSERT INTO app.t VALUES (99, 'x')",
        "SET GLOBAL max_connections = 1",
        "SELECT 1 INTO OUTFILE '/tmp/opsproof_was_here'",
        "SELECT app.writes()",
    )

    @pytest.fixture
    def opened(self, servers: Servers) -> Iterator[Open]:
        primary = servers[0]
        mighty = account(primary, "mighty", "ALL ON *.*")
        primary.sql(
            "CREATE OR REPLACE FUNCTION app.writes() RETURNS INT DETERMINISTIC MODIFIES SQL DATA"
            " BEGIN INSERT INTO app.t VALUES (98, 'written'); RETURN 1; END"
        )
        with closing(session(primary, mighty)) as made:
            yield made
        assert primary.sql("SELECT COUNT(*) AS n FROM app.t WHERE id IN (98, 99)")[0]["n"] == 0


def test_it_says_what_probes_on_its_host_need(servers: Servers) -> None:
    primary, replica = servers
    for one, role, read_only in ((primary, "primary", "OFF"), (replica, "standby", "ON")):
        with closing(session(one)) as made:
            facts = made.facts
        assert (facts["flavour"], facts["role"], facts["read_only"]) == ("mariadb", role, read_only)
        assert facts["version"].startswith("10.") and facts["server_id"] == str(one.number)
        assert facts["datadir"] == f"{one.data}/" and facts["log_error"] == str(one.log)
        assert facts["log_bin_basename"] == f"{one.data}/binlog"
        assert Path(facts["slow_query_log_file"]).parent == one.data


def test_with_the_shipped_grants_every_statement_is_answered(servers: Servers) -> None:
    access = Access(Keyring(home()))
    for one in servers:
        steps = preflight(one.target(), access)
        assert len(steps) > 20 and {step.state for step in steps} == {"ok"}, [
            s for s in steps if s.state != "ok"
        ]
        assert {found.status for found in look(target_of(one)).findings} <= {"ok", "warn"}


def test_what_is_not_granted_is_unknown_and_named(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    account(servers[0], "poor")
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_LAB_MYSQL_USER", "poor")
    found = look(target_of(servers[0])).findings
    unknown: dict[str, str] = {}
    for one in found:
        if one.status == "unknown":
            unknown[one.check] = unknown.get(one.check, "") + one.summary
    named = {
        "mysql.transactions": "PROCESS",
        "mysql.replication": "SLAVE MONITOR",
        "mysql.binlog": "BINLOG MONITOR",
        "mysql.accounts": "`mysql`.`user`",
        "mysql.primary_keys": "PROCESS",
    }
    for check, privilege in named.items():
        assert "缺少权限" in unknown[check] and privilege in unknown[check], unknown[check]
    steps = preflight(servers[0].target(), Access(Keyring(home())))
    grants = {step.check: step.grants for step in steps if step.state == "denied"}
    assert any("PROCESS" in line for line in grants["mysql.transactions"])
    assert any("mysql.user" in line for line in grants["mysql.accounts"])
    assert len(grants["mysql.transactions"]) == 1


def test_half_an_answer_is_unknown_and_never_ok(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an error the server shows such an account only its own sessions and tables."""
    account(servers[0], "half", "REPLICATION CLIENT, SLAVE MONITOR ON *.*")
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_LAB_MYSQL_USER", "half")
    found = [(one.check, one.subject, one.status) for one in look(target_of(servers[0])).findings]
    for check in ("mysql.tables", "mysql.locks"):
        assert {status for name, _, status in found if name == check} == {"unknown"}
    assert ("mysql.replication", "角色", "ok") not in found
    steps = preflight(servers[0].target(), Access(Keyring(home())))
    denied = {(step.check, step.statement): step.grants for step in steps if step.state == "denied"}
    assert any("PROCESS" in line for line in denied["mysql.replication", "dumps"])
    assert any("SHOW VIEW" in line for line in denied["mysql.tables", "broken"])


def test_privileges_of_a_role_count(servers: Servers) -> None:
    login = account(servers[0], "member")
    servers[0].sql(
        "SET sql_log_bin = 0",
        "CREATE OR REPLACE ROLE seer",
        "GRANT PROCESS, SHOW VIEW ON *.* TO seer",
        "GRANT seer TO 'member'@'%'",
        "SET DEFAULT ROLE seer FOR 'member'@'%'",
    )
    with closing(session(servers[0], login)) as made:
        assert "lacks" not in made.facts
        assert made.ask("SELECT COUNT(*) AS n FROM information_schema.processlist", 5).rows[0]["n"] > 1


def test_refusals_of_the_real_server(servers: Servers) -> None:
    primary = servers[0]
    for login, words in (
        (Credential("x", ACCOUNT, "wrong"), "用户名或口令不对"),
        (account(primary, "old", how="PASSWORD EXPIRE"), "口令已过期"),
        (account(primary, "locked", how="ACCOUNT LOCK"), "锁定"),
        (account(primary, "safe", how="REQUIRE X509"), "用户名或口令不对"),
    ):
        with pytest.raises(OpsError, match=words):
            session(primary, login)


def test_tls_against_the_servers_authority(servers: Servers, tmp_path: Path) -> None:
    primary = servers[0]
    shutil.copy(primary.folder.parents[1] / "tls/cert.pem", tmp_path / "ca.pem")
    with closing(
        session(primary, account(primary, "safe", how="REQUIRE SSL"), tls=True, ca="ca.pem")
    ) as made:
        cipher = made.ask("SHOW SESSION STATUS LIKE 'Ssl_cipher'", 5).rows[0]["value"]
        assert cipher and made.ask("SHOW TLS CERTIFICATE", 5).rows[0]["subject"] == "CN=127.0.0.1"
        with pytest.raises(NotAnswered):
            made.ask("SELECT SLEEP(20)", 1)
        assert made.ask("SELECT 1 AS n", 1).rows[0]["n"] == 1
    with pytest.raises(OpsError, match="TLS 握手失败"):
        session(primary, tls=True)
    with pytest.raises(OpsError, match="CA 证书文件不存在"):
        session(primary, tls=True, ca="nowhere.pem")


def test_a_server_killed_in_an_answer_ends_the_session(tmp_path: Path, servers: Servers) -> None:
    with server(tmp_path / "one") as one, closing(session(one)) as made:
        killing = threading.Timer(0.5, one.kill)
        killing.start()
        started = time.monotonic()
        with pytest.raises(Gone, match="断开"):
            made.ask("SELECT SLEEP(20)", 20)
        assert time.monotonic() - started < 5
        killing.join()
        with pytest.raises(OpsError, match="无法连接数据库端口"):
            session(one)


def test_a_session_killed_by_the_administrator_is_opened_again(servers: Servers) -> None:
    primary = servers[0]
    with closing(session(primary)) as made:
        number = made.ask("SELECT CONNECTION_ID() AS id", 5).rows[0]["id"]
        primary.sql(f"KILL {number}")
        with pytest.raises(Gone):
            made.ask("SELECT 1", 5)


def test_a_locked_table_does_not_hold_an_inspection(servers: Servers) -> None:
    primary = servers[0]
    with closing(primary.root()) as holding:
        holding.query("FLUSH TABLES WITH READ LOCK")
        started = time.monotonic()
        found = look(target_of(primary)).findings
        assert time.monotonic() - started < 15
        assert {one.check for one in found} == {check.name for check in checks_for("mysql")}


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.name in SEEN], ids=lambda one: one.name)
def test_a_fault_is_found(fault: Fault, tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> None:
    """In a folder that is not named after the fault: its path stands in the error log."""
    with fault.place(tmp_path_factory.mktemp("own") / "pair", fault.options) as own:
        target = target_of(own[fault.on - 1])
        last = look(target, limits=fault.limits_of())
        alarms = [one for one in last.findings if one.status != "ok" and one.check != "mysql.accounts"]
        assert not alarms, [one.summary for one in alarms]  # and nobody has approved the accounts yet
        with fault.make(own):
            now = look(target, last, fault.limits_of())
    assert fault.found in now.alarms


def test_a_copy_of_the_empty_data_directory_is_made_once() -> None:
    if why := missing():
        pytest.skip(why)
    assert mariadb.installed() == mariadb.installed()
