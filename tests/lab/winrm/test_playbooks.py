"""Steps on the stand-in Windows. SYNTHETIC: no Windows has run them. That the scripts are PowerShell at all is
what a parser of its grammar says.
"""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.home import Home, home
from tasks.inventory.credentials import Keyring
from tasks.model import Database, Host, Instance
from tasks.playbooks import ACTIONS, CONDITIONS, NotDone, Site
from tasks.playbooks.conditions import log, port
from tasks.playbooks.engine_control import Named as Engine
from tasks.playbooks.engine_control import order as engine_order
from tasks.playbooks.engine_control import question as engine_question
from tasks.playbooks.service_control import Named, order, question
from tasks.transports import Access
from tests.lab.winrm.fakewinrm import Call, FakeWindows
from tests.lab.winrm.test_transport import PASSWORD, target
from tests.unit.checks.test_powershell import wrong

SERVICE = Named(service="DataExchange", process="exchange\\.exe")
WINDOWS = Host(contract="c", part="p", name="W", os="windows", encoding="gbk")
ORACLE = Database(
    contract="c", part="p", name="O", engine="oracle", instances=(Instance(name="orcl", host="W"),)
)


class Machine:
    """One service, whose stopping may come to nothing."""

    def __init__(self) -> None:
        self.state, self.processes, self.stubborn = "running", 1, False

    def asked(self, call: Call) -> list[str]:
        return [self.state, str(self.processes)]

    def stop(self, call: Call) -> list[str]:
        self.state, self.processes = "stopped", int(self.stubborn)
        return []

    def start(self, call: Call) -> list[str]:
        self.state, self.processes = "running", 1
        return []


@pytest.fixture
def windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWindows]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path))
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_WIN_USER", "ops")
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_WIN_PASSWORD", PASSWORD)
    with FakeWindows("WEB01", {"ops": PASSWORD}, https=True, basic=False) as host:
        shutil.copy(host.ca_file, tmp_path / "ca.pem")
        yield host
        assert not host.rule_errors


def tried(windows: FakeWindows) -> tuple[Host, Site]:
    here: Home = home()
    host = target(windows.ports["https"], ca="ca.pem")
    return host, Site(home=here, contract="c", targets={host.name: host}, access=Access(Keyring(here)))


def see(windows: FakeWindows, **said: Any) -> str:
    host, site = tried(windows)
    condition = CONDITIONS.all()[next(iter(said))]()
    return str(condition.see(condition.Settings.model_validate(said), host, site).holds.value)


def do(windows: FakeWindows, **said: Any) -> None:
    host, site = tried(windows)
    action = ACTIONS.all()[next(iter(said))]()
    action.do(action.Settings.model_validate(said), host, site, timedelta(seconds=10))


def test_a_service_is_stopped_only_when_nothing_of_it_is_left(windows: FakeWindows) -> None:
    machine = Machine()
    windows.on(r"Get-Service", machine.asked)
    windows.on(r"Stop-Service", machine.stop)
    windows.on(r"Start-Service", machine.start)
    said = SERVICE.model_dump(exclude_none=True)
    assert see(windows, **said, **{"is": "running"}) == "yes"
    do(windows, **said, to="stopped")
    assert see(windows, **said, **{"is": "stopped"}) == "yes"
    do(windows, **said, to="running")
    machine.stubborn = True
    do(windows, **said, to="stopped")
    assert see(windows, **said, **{"is": "stopped"}) == "no"


def test_what_is_refused_is_not_done_and_what_makes_no_sense_is_unknown(windows: FakeWindows) -> None:
    windows.on(r"Stop-Service", throw={"message": "拒绝访问。", "id": "CouldNotStopService"})
    with pytest.raises(NotDone):
        do(windows, service="DataExchange", to="stopped")
    windows.on(r"Get-Service", ["?"])
    assert see(windows, service="DataExchange", **{"is": "stopped"}) == "unknown"
    windows.on(r"GetActiveTcpListeners", ["open", "end"])
    assert see(windows, port=9001, **{"is": "open"}) == "yes"
    windows.on(r"GetActiveTcpListeners", [])
    assert see(windows, port=9001, **{"is": "closed"}) == "unknown"


def test_a_line_in_a_log_since_its_length_was_taken(windows: FakeWindows) -> None:
    windows.on(r"Get-Item", ["0 120"])
    windows.on(r"StreamReader", ["found", "服务已启动"])
    host, site = tried(windows)
    said = log.LogCondition(log="D:\\日志\\app.log", says="已启动")
    condition = log.Log()
    mark = condition.mark(said, host, site)
    assert mark == "0 120" and condition.since(said, host, site, mark).holds.value == "yes"
    windows.on(r"StreamReader", ["none"])
    assert condition.since(said, host, site, mark).holds.value == "no"
    windows.on(r"StreamReader", [])
    assert condition.since(said, host, site, mark).holds.value == "unknown"


LOG = {
    "file": log.quoted("D:\\日志\\a'b.log"),
    "pattern": log.quoted("启动"),
    "inode": "0",
    "size": "9",
    "encoding": "'gbk'",
}


@pytest.mark.parametrize(
    "script",
    [
        *(order(SERVICE, WINDOWS, to) for to in ("running", "stopped", "restarted")),
        question(SERVICE, WINDOWS),
        port.WINDOWS.format(port=80),
        log.WINDOWS_MARK.format(**LOG),
        log.WINDOWS.format(**LOG),
        *(
            engine_order(Engine(engine="stopped"), ORACLE, ORACLE.instances[0], WINDOWS, to)
            for to in ("running", "stopped")
        ),
        engine_question(Engine(engine="stopped"), ORACLE, ORACLE.instances[0], WINDOWS),
    ],
)
def test_the_scripts_are_powershell(script: str) -> None:
    assert not wrong(script)
