"""A whole inspection of stand-in Windows hosts: what is wrong is found where it is, and nothing else."""

import shutil
from pathlib import Path

import pytest

from tests.bench.inspection_windows import alarms, host_of, windows
from tests.lab.winrm.answering import FAULTS, answering, healthy


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"OPSPROOF_HOME": "var", "OPSPROOF_INVENTORIES": "."}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    return tmp_path


def test_a_healthy_host_gives_no_alarm_and_each_fault_its_own(home: Path) -> None:
    with windows("WEB01") as server:
        shutil.copy(server.ca_file, home / "ca.pem")
        target = host_of(server, "ca.pem")
        answering(server, healthy())
        assert alarms(target) == []
        for cause, found in FAULTS.values():
            documents = healthy()
            cause(documents)
            answering(server, documents)
            assert found in alarms(target)
            assert {check for check, _, _ in alarms(target)} == {found[0]}


def test_a_host_that_calls_itself_something_else_is_not_listened_to(home: Path) -> None:
    with windows("OTHER") as server:
        shutil.copy(server.ca_file, home / "ca.pem")
        answering(server, healthy())
        checks = {check for check, _, _ in alarms(host_of(server, "ca.pem", hostname="WEB01"))}
        assert checks == {"reach", "security.hostname"}
