"""`opsproof logrules`, and a contract's rules on their way to the judges."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.cli import main
from flows.foresight import limits_of
from tasks import clock
from tasks.checks import CHECKS
from tasks.inventory import load
from tests.unit.inventory.sound import write

RULES = """\
rules:
  app-down: {logs: [linux], pattern: 'app.* is gone', severity: fail, meaning: 业务程序退出, advice: 找开发}
overrides:
  linux-oom: {suppress: {until: 2020-01-01, reason: 已加内存}}
  linux-unit: {suppress: {until: 2999-01-01, reason: 旧代理, targets: [WEB-1]}}
"""
LOG = (
    b"Nov 20 03:20:01 db01 app[7]: it is gone\n\n"
    b"Nov 20 03:20:02 db01 kernel: Out of memory: Killed process 4242 (java)\n"
    b"Nov 20 03:20:03 db01 kernel: Out of memory: Killed process 4243 (java)\n"
) + "Nov 20 03:20:04 db01 app[7]: 数据库连接失败\n".encode("gbk")


@pytest.fixture
def inventories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(write(tmp_path / "inventories")))
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    (tmp_path / "inventories/shop/logrules.yml").write_text(RULES, "utf-8")
    return tmp_path / "inventories"


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_check_says_what_is_suppressed_and_what_is_over(
    inventories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logrules", "check"]) == 1
    out, err = capsys.readouterr()
    assert "已到期" in out and "有效" in out and "WEB-1" in out and "自定 1 条、改动 2 条" in err
    (inventories / "shop/logrules.yml").write_text(RULES.replace("2020-01-01", "2999-01-01"), "utf-8")
    assert main(["logrules", "check", "--json"]) == 0
    said = told(capsys)
    assert said["problems"] == [] and [one["state"] for one in said["suppressions"]] == ["holds", "holds"]
    (inventories / "shop/logrules.yml").write_text(RULES.replace("linux-oom", "linux-oon"), "utf-8")
    assert main(["logrules", "check"]) == 1
    assert "shop/logrules.yml:4: 没有名为 linux-oon 的日志规则" in capsys.readouterr().out


def test_list_has_the_shipped_and_the_contracts(
    inventories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logrules", "list", "--log", "oracle", "--json"]) == 0
    shipped = told(capsys)
    assert {"ora-internal", "ora-archiver-stuck"} <= {one["name"] for one in shipped}
    assert all(one["logs"] == ["oracle"] for one in shipped)
    assert main(["logrules", "list", "--contract", "shop"]) == 0
    assert "业务程序退出" in capsys.readouterr().out


def test_a_file_is_held_against_the_rules_whatever_its_encoding(
    inventories: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "messages").write_bytes(LOG)
    words = ["logrules", "try", str(tmp_path / "messages"), "--log", "linux", "--json"]
    assert main([*words, "--contract", "shop"]) == 1
    found = [(one["name"], one["count"]) for one in told(capsys)]
    assert found == [("linux-oom", 2), ("app-down", 1), ("", 1)]
    assert main(words) == 1
    assert [(one["name"], one["count"]) for one in told(capsys)] == [("linux-oom", 2), ("", 1), ("", 1)]
    assert main([*words, "--unknown", "0"]) == 1
    assert len(told(capsys)) == 1
    assert main(["logrules", "try", str(tmp_path / "gone"), "--log", "linux"]) == 2
    assert "无法读取" in capsys.readouterr().err


def test_an_inspections_judges_have_the_contracts_rules(inventories: Path) -> None:
    inventory = load(inventories, "shop")
    run: Any = SimpleNamespace(inventory=inventory, request=SimpleNamespace(contract="shop"))
    check = CHECKS.all()["linux.logs"]
    by_target = {
        name: {one.name: one for one in limits_of(run, check, inventory.target("shop", name)).rules().rules}
        for name in ("WEB-1", "WEB-2")
    }
    assert by_target["WEB-1"]["linux-unit"].suppressed and not by_target["WEB-2"]["linux-unit"].suppressed
    assert by_target["WEB-2"]["linux-oom"].expired and "app-down" in by_target["WEB-2"]
    assert clock.now().year < 2999
