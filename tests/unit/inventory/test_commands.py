"""`opsproof inventory` and `opsproof credential`, as typed."""

import io
import json
import os
import pty
import select
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from tasks import clock
from tasks.contracts.activation import activate, active
from tasks.home import CODE, Home, home
from tasks.inventory.secret_files import Login, stored
from tasks.records import Book
from tests.unit.inventory.sound import spoil, write

Capture = pytest.CaptureFixture[str]
LOGINS = "".join(
    f"{name}: {{user: u, password: geheim}}\n" for name in ("web-linux", "web-windows", "ora", "my")
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(write(tmp_path / "inventories")))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return home()


def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(CODE / "inventories"))


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def rows(capsys: Capture) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_list_is_one_array_over_all_contracts(
    here: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    shipped(monkeypatch)
    assert main(["inventory", "list", "--json"]) == 0
    targets = rows(capsys)
    assert len({(one["contract"], one["name"]) for one in targets}) == len(targets) > 300
    for one in targets:
        assert {"contract", "part", "type", "name"} <= one.keys()
        assert one["type"] != "host" or one["os"]
        assert one["type"] != "database" or (one["engine"] and one["form"] in ("single", "rac", "dataguard"))
    assert main(["inventory", "list", "--json", "--contract", "petition-web", "--type", "device"]) == 0
    assert len(rows(capsys)) == 74


def test_list_and_show_for_people(here: Home, capsys: Capture) -> None:
    assert main(["inventory", "list", "--type", "host"]) == 0
    table = capsys.readouterr().out
    assert "主机" in table and "WEB-5" in table and "RAC" not in table
    assert main(["inventory", "show", "RAC"]) == 0
    shown = capsys.readouterr().out
    assert "shop/databases.yml:7" in shown and "rac2" in shown and "10.0.0.1" in shown
    assert main(["inventory", "show", "shop"]) == 0
    out, err = capsys.readouterr()
    assert "oracle-rac" in out and "未启用" in err
    assert main(["inventory", "show", "RAK"]) == 1
    assert "是否想写 RAC" in capsys.readouterr().err


def test_check_says_everything_at_once(here: Home, capsys: Capture) -> None:
    assert main(["inventory", "check"]) == 0
    assert "还缺 4 个凭据" in capsys.readouterr().err
    spoil(here.inventories, "shop/limits.yml", "disk:", "dsk:")
    spoil(here.inventories, "shop/sites.yml", "SITE-2", "SITE-1")
    (here.inventories / "shop/schedules.yml").write_text(
        "schedules:\n  - {routine: inspection, at: '08:30', days: every, only: [WEB-9]}\n"
    )
    assert main(["inventory", "check", "--json"]) == 1
    problems = rows(capsys)
    places = [(one["file"], one["line"]) for one in problems]
    assert places == [("shop/limits.yml", 1), ("shop/schedules.yml", 2), ("shop/sites.yml", 6)]
    assert "disk" in problems[0]["suggestion"] and "WEB-" in problems[1]["suggestion"]


def test_a_lacking_credential_counts_once_the_contract_is_active(here: Home, capsys: Capture) -> None:
    activate(Book(here.ready(here.book)), "shop", "甲", clock.now())
    assert main(["inventory", "check"]) == 1
    assert "shop/hosts.yml:9: WEB-1 的凭据 web-linux 在本机上没有" in capsys.readouterr().out
    private(here.ready(here.secrets) / "credentials.yml", LOGINS).chmod(0o644)
    assert main(["inventory", "check"]) == 1
    assert "chmod 600" in capsys.readouterr().out
    (here.secrets / "credentials.yml").chmod(0o600)
    assert main(["inventory", "check"]) == 0


@pytest.mark.parametrize(
    "code", ["approval-platform", "office-oa", "culture-office", "science-oa", "petition-web"]
)
def test_what_is_shipped_can_never_be_activated(
    here: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture, code: str
) -> None:
    shipped(monkeypatch)
    assert main(["inventory", "activate", code, "--yes"]) == 1
    assert "文档专用" in capsys.readouterr().err
    assert not here.book.exists()


def test_activation_shows_asks_and_records(
    here: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert main(["inventory", "activate", "shop", "--yes"]) == 1
    assert "凭据 web-linux" in capsys.readouterr().err
    private(here.ready(here.secrets) / "credentials.yml", LOGINS)
    typed(monkeypatch, "")
    assert main(["inventory", "activate", "shop"]) == 1
    out, err = capsys.readouterr()
    assert "centos：5" in out and "10.0.0.1" in out and "--yes" in err
    assert active(Book(here.book)) == {}
    assert main(["inventory", "activate", "shop", "--yes"]) == 0
    assert list(active(Book(here.book))) == ["shop"]
    assert main(["inventory", "activate", "shop", "--yes"]) == 0
    assert main(["inventory", "deactivate", "shop", "--yes"]) == 0
    assert main(["inventory", "deactivate", "shop", "--yes"]) == 0
    entries = [entry.record for entry in Book(here.book).entries("shop")]
    assert [record.routine for record in entries] == ["contract.activate", "contract.deactivate"]
    assert "命令行（" in entries[0].started_by


def test_local_can_be_activated_as_shipped(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped(monkeypatch)
    assert main(["inventory", "activate", "local", "--yes"]) == 0


def test_credentials_by_standard_input_and_list(
    here: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    typed(monkeypatch, "geheim\n")
    assert main(["credential", "set", "ora", "--user", "system"]) == 0
    typed(monkeypatch, "geheim\n")
    assert main(["credential", "set", "unused", "--user", "x"]) == 0
    assert main(["credential", "list"]) == 0
    assert "geheim" not in "".join(capsys.readouterr())
    assert main(["credential", "list", "--json"]) == 0
    found = {one["name"]: one for one in rows(capsys)}
    assert found["ora"] == {"name": "ora", "source": "file", "contracts": ["shop"], "targets": 2}
    assert found["unused"]["targets"] == 0 and found["my"]["source"] is None
    mode = (here.secrets / "credentials.yml").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize("arguments", [["a b", "--user", "u"], ["ora"], ["ora", "--user", "u"]])
def test_set_without_what_it_needs(here: Home, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    typed(monkeypatch, "" if len(arguments) > 1 else "geheim\n")
    assert main(["credential", "set", *arguments]) == 1
    assert not (here.secrets / "credentials.yml").exists()


def test_a_typed_password_is_not_echoed(here: Home) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "flows.cli", "credential", "set", "ora"])
    seen = read_until(terminal, "用户名")
    os.write(terminal, b"system\n")
    seen += read_until(terminal, "密码")
    os.write(terminal, b"geheim\n")
    seen += read_until(terminal, "已录入")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)
    assert "system" in seen and "geheim" not in seen
    assert stored(here) == {"ora": Login(user="system", password="geheim")}


def read_until(terminal: int, text: str) -> str:
    """What a terminal shows up to and with `text`; the pause lets the child turn its echo off."""
    seen = b""
    while text not in seen.decode("utf-8", "ignore"):
        ready, _, _ = select.select([terminal], [], [], 20)
        assert ready, seen
        seen += os.read(terminal, 1024)
    time.sleep(0.1)
    return seen.decode("utf-8", "ignore")


def test_import_and_check(here: Home, tmp_path: Path, capsys: Capture) -> None:
    activate(Book(here.ready(here.book)), "shop", "甲", clock.now())
    assert main(["credential", "check", "--json"]) == 1
    assert [one["name"] for one in rows(capsys)] == ["my", "ora", "web-linux", "web-windows"]
    listed = private(tmp_path / "list.yml", LOGINS)
    listed.chmod(0o644)
    assert main(["credential", "import", str(listed)]) == 1
    assert f"chmod 600 {listed}" in capsys.readouterr().err
    listed.chmod(0o600)
    assert main(["credential", "import", str(listed)]) == 0
    said = capsys.readouterr().err
    assert "已录入 4 个凭据，其中 0 个" in said and f"shred -u {listed}" in said and "geheim" not in said
    assert main(["credential", "check"]) == 0
    assert main(["credential", "import", str(tmp_path / "nothing.yml")]) == 2


def test_broken_files_do_not_hide_the_credentials_of_the_rest(here: Home, capsys: Capture) -> None:
    spoil(here.inventories, "shop/sites.yml", "SITE-2", "SITE-1")
    assert main(["credential", "list", "--json"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)) == 4 and "清单有 1 处错误" in err
