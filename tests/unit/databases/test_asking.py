"""Sessions with all members of a database: what one driver does not foresee, and what is said without any."""

import logging
import socket
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.checks.answers import read
from tasks.checks.judging import Before, Limits
from tasks.databases import Endpoint, NotAnswered
from tasks.databases.asking import Open
from tasks.databases.oracle import facts
from tasks.databases.preflight import preflight
from tasks.databases.statements import Statement
from tasks.databases.values import table
from tasks.home import Home
from tasks.inspection.collect import Collected, collect, collect_all
from tasks.inspection.judge import judge_target
from tasks.inventory.credentials import Keyring
from tasks.model import Database, Finding, Host, Instance, Status
from tasks.transports import Access
from tests.lab.oracle.standing import standing
from tests.lab.oracle.target import HERE, target
from tests.lab.oracle.target import access as lab_access

# No file has such a name, and SQLite's driver says so in a way of its own: a ValueError.
UNHEARD_OF = "\ud800"


@pytest.fixture
def access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Access:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "db")) as connection, connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    return Access(Keyring(Home(tmp_path, tmp_path)))


def database(path: str, name: str = "db") -> Database:
    return Database(contract="x", part="p", name=name, engine="sqlite", path=path)


def test_a_driver_that_stumbles_costs_no_other_database_its_answers(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        odd, sound = collect_all([database(UNHEARD_OF, "odd"), database("db", "sound")], access=access)
    assert not odd.reached and "UnicodeEncodeError" in odd.failure
    assert sound.reached
    assert "UnicodeEncodeError" in caplog.text and "sqlite.py" in caplog.text


def test_a_statement_that_a_driver_stumbles_over_ends_that_session_alone(access: Access) -> None:
    one = Open(database("db"), Endpoint("db", "", None), access)
    one.connect()
    assert "UnicodeEncodeError" in one.ask(Statement("odd", "SELECT '\ud800'"), 5).failure
    assert one.session is None
    assert one.ask(Statement("next", "SELECT 1 AS n"), 5).rows == ({"n": 1},)
    one.close()


def test_a_server_on_which_everything_is_slow_is_not_asked_for_ever(access: Access) -> None:
    one = Open(database("db"), Endpoint("db", "", None), access, until=time.monotonic() - 1)
    one.connect()
    answer = one.ask(Statement("late", "SELECT 1 AS n"), 5)
    assert "120 秒" in answer.failure and not answer.rows
    one.close()


def test_a_server_that_gives_no_version_is_not_understood() -> None:
    with pytest.raises(NotAnswered, match="版本"):
        facts("unknown", lambda sql: table([], []))


def down(*members: str, form: str = "single", **fields: object) -> Database:
    """Of an engine with a log, on a port where nobody listens."""
    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
    given = {"contract": "x", "part": "p", "name": "db", "engine": "oracle", "form": form, "port": port}
    instances = tuple(Instance(name=name, host=f"{name}-host") for name in members)
    more = {"address": HERE, "service": "s", "credential": "c", "instances": instances, "login_seconds": 2}
    return Database(**{**given, **more, **fields})


def hosts(*members: str) -> Access:
    known = [
        Host(contract="x", part="p", name=f"{one}-host", os="linux", transport="local", address=HERE)
        for one in members
    ]
    return lab_access(hosts={one.name: one for one in known})


def judged(collected: Collected) -> list[Finding]:
    return judge_target(collected, lambda check, target: Limits(check.limits), lambda check, target: Before())


def test_a_database_that_is_down_is_told_by_its_log(access: Access, tmp_path: Path) -> None:
    log = tmp_path / "alert_X.log"
    log.write_text("2026-11-20T08:30:00.000000+08:00\nORA-00600: internal error code\n")
    collected = collect(down("a", log=str(log)), access=hosts("a"))
    assert not collected.reached and "无法连接" in collected.failure
    found = judged(collected)
    (reach,) = (one for one in found if one.check == "reach")
    assert reach.status is Status.UNKNOWN and "无法连接" in reach.summary
    (told,) = (one for one in found if one.check == "oracle.alert" and "ORA-00600" in one.summary)
    assert told.status is Status.FAIL
    (mark, *_) = [mark for one in found if one.check == "oracle.alert" for mark in one.marks]
    assert mark.name.startswith("db.")
    assert {one.check for one in found} <= {"reach", *(c.name for c in collected.checks if c.on_host)}


def test_without_hosts_a_database_that_is_down_is_one_finding(access: Access) -> None:
    (only,) = judged(collect(down("a"), access=lab_access()))
    assert (only.check, only.status) == ("reach", Status.UNKNOWN)


def test_each_node_of_a_cluster_that_is_down_is_looked_at_once(access: Access) -> None:
    collected = collect(down("a", "b", form="rac"), access=hosts("a", "b"))
    members = read(collected.outputs["oracle.alert"].text).members
    assert [one.name for one in members] == ["db", "b"]


def test_preflight_names_the_members_that_are_down(access: Access) -> None:
    steps = preflight(down("a", "b", form="dataguard"), hosts("a", "b"))
    assert [(one.member, one.state) for one in steps] == [("a", "unreached"), ("b", "unreached")]
    assert all("无法连接" in one.reason for one in steps)


def test_preflight_asks_the_member_that_is_there(access: Access) -> None:
    with standing(form="dataguard") as primary:
        gone = down("gone").port
        database = target(primary)
        away = Instance(name="away", host="away-host", role="standby", port=gone)
        steps = preflight(
            replace(database, instances=(*database.instances, away)),
            lab_access(database, hosts=dict(hosts("away").hosts)),
        )
    assert [one.state for one in steps if one.member == "away"] == ["unreached"]
    assert {one.state for one in steps if one.member != "away"} == {"ok"}
