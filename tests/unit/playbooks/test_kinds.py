"""What a step may say, and what would be sent: nothing here is."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.errors import OpsError
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.model import Database, Host, Instance, Target
from tasks.playbooks import CONDITIONS, Site
from tasks.playbooks.plan import Move, look, moves, reached, shown
from tasks.playbooks.schema import Playbook, Step
from tasks.playbooks.services import Entry
from tasks.transports import Access

HOST = Host(contract="c", part="p", name="H", os="linux", encoding="gbk")
NODES = (
    Instance(name="orcl1", host="H", role="primary"),
    Instance(name="orcl2", host="I", role="standby"),
)
ORACLE = Database(contract="c", part="p", name="D", engine="oracle", form="dataguard", instances=NODES)
PORT = {"port": 80, "is": "open"}


def move(target: Target = HOST, **said: Any) -> Move:
    given = {"id": "s", "title": "步骤", "on": [target.name], "prove": [PORT], **said}
    return next(moves([Step.model_validate(given)], {target.name: target}))


def refusal(shape: Any, said: Mapping[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        shape.model_validate(said)
    return str(refused.value)


@pytest.mark.parametrize(
    "sql", ["ALTER USER a IDENTIFIED BY x", "create role a password 'x'", "SET PASSWORD FOR a = 'x'"]
)
def test_a_statement_with_a_secret_is_refused(sql: str) -> None:
    assert "口令" in refusal(
        Step, {"id": "s", "title": "t", "on": ["D"], "do": {"sql": sql}, "prove": [PORT]}
    )


@pytest.mark.parametrize("pattern", [r"up \d+", "(?i)up", "up.*?", "成+", "[成功]", "(up"])
def test_a_pattern_that_grep_reads_otherwise_is_refused(pattern: str) -> None:
    said = {"id": "s", "title": "t", "on": ["H"], "prove": [{"log": "/x", "says": pattern}]}
    assert "says" in refusal(Step, said)


def test_a_restart_and_what_says_always_are_never_skipped() -> None:
    runs = {"service": "nginx", "is": "running"}
    restart = {"do": {"service": "nginx", "to": "restarted"}, "prove": [runs]}
    assert not move(**restart).may_be_skipped and move(**restart).blind
    seen = move(**{**restart, "prove": [runs, {"log": "/x", "says": "up"}]})
    assert not seen.may_be_skipped and not seen.blind and seen.proof[1].remembers
    assert (
        move(do={"command": "true"}).may_be_skipped
        and not move(do={"command": "true"}, always=True).may_be_skipped
    )
    assert move().may_be_skipped and not move().blind


def test_a_database_that_is_gone_could_not_be_asked(tmp_path: Path) -> None:
    step = move(prove=[{"sql": "SELECT 1", "database": "D"}]).step
    home = Home(tmp_path / "var", tmp_path / "inventories")
    site = Site(home=home, contract="c", targets={"H": HOST}, access=Access(Keyring(home)))
    with pytest.raises(OpsError, match="D"):
        CONDITIONS.all()["sql"]().see(step.prove[0], HOST, site)


def test_the_hosts_on_the_way_are_part_of_what_is_approved() -> None:
    steps = [{"id": "s", "title": "t", "on": ["D"], "prove": [{"engine": "running"}]}]
    said = {"name": "p", "title": "t", "purpose": "t", "kind": "change", "contract": "c", "scope": ["D"]}
    playbook = Playbook.model_validate({**said, "steps": steps})
    far, gate = replace(HOST, name="I", jump=("G",)), replace(HOST, name="G")
    targets = {one.name: one for one in (ORACLE, HOST, far, gate, replace(HOST, name="OTHER"))}
    assert reached(playbook, targets) == ["D", "G", "H", "I"]


def test_an_engine_says_what_it_does_where_and_mounts_a_standby() -> None:
    stop, start = ({"do": {"engine": to}, "prove": [{"engine": to}]} for to in ("stopped", "running"))
    assert move(ORACLE, **stop).shown.splitlines() == [
        "H: sqlplus / as sysdba (orcl1): shutdown immediate",
        "I: sqlplus / as sysdba (orcl2): shutdown immediate",
    ]
    assert move(ORACLE, **start).shown.splitlines()[1].endswith("(orcl2): startup mount")


def test_what_is_shown_of_a_step_names_everything_that_decides() -> None:
    request = Step.model_validate(
        {
            "id": "s",
            "title": "t",
            "on": ["H"],
            "do": {"http": "http://lb.example/nodes/1", "method": "PUT", "body": "down", "status": 204},
            "prove": [{"service": "nginx", "process": "nginx: ", "is": "stopped"}],
        }
    )
    assert shown(request.do, HOST) == "PUT http://lb.example/nodes/1 → 应返回 204\ndown"
    assert "nginx: " in look(request.prove[0], HOST).shown


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"engine": True, "service": "mysqld"},
        {"engine": True, "drain": "sleep 1"},
        {"engine": True, "process": "mysqld"},
    ],
)
def test_an_entry_is_a_service_or_a_database(said: dict[str, Any]) -> None:
    assert "engine" in refusal(Entry, {"name": "db", "on": ["D"], **said})
    assert Entry.model_validate({"name": "db", "on": ["D"], "engine": True}).engine
