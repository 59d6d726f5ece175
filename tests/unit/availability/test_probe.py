"""One light look: what is up, what is down, and what only we ourselves cannot see."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pymysql
import pytest

from tasks.availability.probe import Look, State, is_ours, look_at, look_at_all
from tasks.databases import mysql, oracle, postgres
from tasks.databases.oracle_worker import Problem
from tasks.errors import OpsError
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.model import Database, Device, Host, Instance, Site
from tasks.transports import Access
from tests.unit.flows.installed import install

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    return install(tmp_path)


@pytest.fixture
def access(house: Home) -> Access:
    host = Host(contract="x", part="p", name="h", os="linux", transport="local", address="127.0.0.1")
    return Access(Keyring(house), {"h": host})


def database(engine: str, **said: object) -> Database:
    given = {"contract": "x", "part": "p", "name": "db", "instances": (Instance(name="i", host="h"),)}
    return Database(engine=engine, **{**given, **said})  # type: ignore[arg-type]


def site(port: int, **said: object) -> Site:
    given = {"contract": "x", "part": "p", "name": "s", "url": f"http://127.0.0.1:{port}/", "seconds": 5}
    return Site(**{**given, **said})  # type: ignore[arg-type]


@contextmanager
def serving(*answers: bytes) -> Iterator[int]:
    """A server that gives one answer to each connection, then closes its door."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_a_database_that_answers_is_up_and_timed(access: Access) -> None:
    found = look_at(database("sqlite", path="db.sqlite"), access)
    assert found.state is State.UP and 0 < found.ms < 5000 and not found.reason


def test_a_database_that_is_gone_is_down_with_its_reason(access: Access) -> None:
    found = look_at(database("sqlite", path="gone.sqlite"), access)
    assert found.state is State.DOWN and "gone.sqlite" in found.reason


def test_a_driver_that_stumbles_tells_nothing_of_the_service(access: Access) -> None:
    found = look_at_all(
        [database("sqlite", path="\ud800", name="odd"), database("sqlite", path="db.sqlite")], access
    )
    assert found["odd"].state is State.UNKNOWN and "UnicodeEncodeError" in found["odd"].reason
    assert found["db"].state is State.UP


def test_a_port_where_nobody_listens_is_down(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("USER", "PASSWORD"):
        monkeypatch.setenv(f"OPSPROOF_CREDENTIAL_DB_{part}", "x")
    for engine in ("mysql", "postgres"):
        found = look_at(database(engine, port=closed_port(), credential="db", address="127.0.0.1"), access)
        assert found.state is State.DOWN and found.reason and "x" not in found.reason.split()


def test_without_our_own_password_nobody_knows(access: Access) -> None:
    found = look_at(database("postgres", port=closed_port(), credential="nowhere"), access)
    assert found.state is State.UNKNOWN and "nowhere" in found.reason


def test_a_page_is_up_when_it_shows_what_it_should(access: Access) -> None:
    with serving(PAGE) as port:
        assert look_at(site(port, marker="hello"), access).state is State.UP
    with serving(PAGE, PAGE) as port:
        found = look_at(site(port, marker="登录"), access)
        assert found.state is State.DOWN and "登录" in found.reason
    assert look_at(site(closed_port()), access).state is State.DOWN


def test_one_bad_answer_is_looked_at_again(access: Access) -> None:
    with serving(b"", PAGE) as port:
        assert look_at(site(port), access).state is State.UP


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("ORA-01017: invalid username/password; logon denied", True),
        ("ORA-28000: the account is locked", True),
        ("[Errno 101] Network is unreachable", True),
        ("ORA-01033: ORACLE initialization or shutdown in progress", False),
        ("端口 1045 没有监听", False),
    ],
)
def test_what_is_our_own_trouble(text: str, ours: bool) -> None:
    assert is_ours(OpsError(text)) is ours


MYSQL_OURS = (1044, 1045, 1129, 1130, 1203, 1226, 1251, 1820, 1862, 2061, 3118, 3159, 4151)


@pytest.mark.parametrize(
    ("code", "ours"),
    [*((code, True) for code in MYSQL_OURS), *((code, False) for code in (1040, 1042, 2013))],
)
def test_what_mysql_says_of_our_account(code: int, ours: bool) -> None:
    assert is_ours(OpsError(mysql.told(pymysql.err.OperationalError(code, "no")))) is ours


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ('FATAL:  password authentication failed for user "x"', True),
        ('FATAL:  no pg_hba.conf entry for host "192.0.2.1", user "x"', True),
        ('FATAL:  role "x" does not exist', True),
        ('FATAL:  role "x" is not permitted to log in', True),
        ("FATAL:  permission denied for database", True),
        ("authentication method 11 not supported", True),
        ("FATAL:  sorry, too many clients already", False),
        ("FATAL:  the database system is starting up", False),
        ("Connection refused", False),
    ],
)
def test_what_postgres_says_of_our_account(said: str, ours: bool) -> None:
    assert is_ours(OpsError(postgres.not_in("192.0.2.1:5432", said))) is ours


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        *((code, True) for code in ("01005", "01017", "01031", "01045", "28000", "28001", "28009")),
        *((code, False) for code in ("00020", "00257", "01033", "01034", "12514", "12541")),
    ],
)
def test_what_oracle_says_of_our_account(code: str, ours: bool) -> None:
    problem = Problem(f"ORA-{code}", f"ORA-{code}: no")
    assert is_ours(OpsError(oracle.told(problem))) is ours


def test_no_way_out_of_this_machine_is_our_own_trouble() -> None:
    for number, ours in ((errno.ENETUNREACH, True), (errno.EMFILE, True), (errno.ECONNREFUSED, False)):
        try:
            try:
                raise OSError(number, "x")
            except OSError as problem:
                raise OpsError("连不上") from problem
        except OpsError as problem:
            assert is_ours(problem) is ours


def test_what_cannot_be_probed_is_unknown(access: Access) -> None:
    device = Device(contract="x", part="p", name="d", kind="share")
    assert look_at_all([device], access) == {
        "d": Look(State.UNKNOWN, reason="类型 device 没有可用性探测方式")
    }
