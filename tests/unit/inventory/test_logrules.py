"""logrules.yml: read strictly, told of with file and line; patterns that could take for ever refused."""

import re
import time
from datetime import date
from pathlib import Path

import pytest

from flows.cli import main
from tasks.checks.logrules import rules_for, shipped_entries
from tasks.inventory import load, survey
from tasks.inventory.logrules import LONGEST, ContractRules, LogRulesFile, compiled
from tests.unit.inventory.sound import write

SOUND = """\
rules:
  app-down:
    logs: [linux, windows]
    pattern: 'app\\[\\d+\\]: .*gone'
    severity: fail
    meaning: 业务程序退出
    advice: 联系开发方
  ora-limit:
    logs: [oracle]
    pattern: 'ORA-00018'
    severity: warn
    meaning: 会话数到上限
    advice: 查连接池
overrides:
  linux-oom: {severity: warn}
  linux-unit:
    suppress: {until: 2026-12-31, reason: 旧代理下月卸载, targets: [WEB-1]}
"""


def told(folder: Path, text: str) -> list[str]:
    (folder / "shop/logrules.yml").write_text(text, "utf-8")
    _, problems = survey(folder)
    return [str(problem) for problem in problems]


def test_a_contract_has_rules_of_its_own_and_changes_others(tmp_path: Path) -> None:
    assert told(write(tmp_path), SOUND) == []
    logrules = load(tmp_path).logrules["shop"]
    assert logrules.unknown_rules(shipped_entries()) == []
    rules = rules_for(logrules.file, "WEB-1", date(2026, 12, 31))
    assert [one.name for one in rules.rules][:2] == ["app-down", "ora-limit"]
    assert len(rules.rules) == len(shipped_entries()) + 1
    by_name = {one.name: one for one in rules.rules}
    assert by_name["linux-oom"].severity == "warn" and by_name["linux-oom"].meaning
    assert by_name["ora-limit"].meaning == "会话数到上限"
    assert by_name["linux-unit"].suppressed and not by_name["linux-unit"].expired
    met = rules.match("linux", "Nov 20 03:20:01 db01 app[7]: it is gone")
    assert met and met.name == "app-down"
    assert rules.match("oracle", "app[7]: it is gone") is None


def test_a_suppression_is_for_its_targets_and_ends(tmp_path: Path) -> None:
    told(write(tmp_path), SOUND)
    file = load(tmp_path).logrules["shop"].file

    def unit(target: str, today: date) -> tuple[bool, bool]:
        rule = next(one for one in rules_for(file, target, today).rules if one.name == "linux-unit")
        return rule.suppressed is not None, rule.expired is not None

    assert unit("WEB-1", date(2026, 12, 31)) == (True, False)
    assert unit("WEB-1", date(2027, 1, 1)) == (False, True)
    assert unit("WEB-2", date(2026, 12, 31)) == unit("WEB-2", date(2027, 1, 1)) == (False, False)


def test_without_a_file_the_shipped_rules_hold() -> None:
    assert [one.name for one in rules_for(ContractRules().file, "X", date(2026, 1, 1)).rules] == list(
        shipped_entries()
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("severity: fail", "severity: fatal", "shop/logrules.yml:5: severity 的值 'fatal' 不在允许范围内"),
        ("severity: fail", "severty: fail", "shop/logrules.yml:5: 未知的键 severty（是否想写 severity？）"),
        ("logs: [linux, windows]", "logs: [linus]", "shop/logrules.yml:3: 0 的值 'linus' 不在允许范围内"),
        ("logs: [linux, windows]", "logs: []", "shop/logrules.yml:3: logs 不能为空"),
        ("meaning: 业务程序退出", "meaning: ''", "shop/logrules.yml:6: meaning 不能为空"),
        ("    advice: 联系开发方\n", "", "shop/logrules.yml:2: 缺少必填的键 advice"),
        ("2026-12-31", "2026-02-30", "shop/logrules.yml:17: until 应为日期"),
        (", reason: 旧代理下月卸载", "", "shop/logrules.yml:17: 缺少必填的键 reason"),
        ("[WEB-1]", "[WEB-9]", "shop/logrules.yml:17: 没有名为 WEB-9 的对象（是否想写 WEB-"),
        ("app\\[\\d+\\]: .*gone", "app[", "不是有效的正则表达式"),
        ("app\\[\\d+\\]: .*gone", "(a+)+b", "匹配一行可能耗时过久"),
        ("app\\[\\d+\\]: .*gone", ".*", "与任何一行都相符"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SOUND
    found = told(write(tmp_path), SOUND.replace(old, new, 1))
    assert any(said in one for one in found), found
    assert all(one.startswith("shop/logrules.yml:") for one in found)


def test_an_override_of_a_rule_that_is_nowhere(tmp_path: Path) -> None:
    told(write(tmp_path), SOUND.replace("linux-oom", "linux-oon"))
    (problem,) = load(tmp_path).logrules["shop"].unknown_rules(shipped_entries())
    assert str(problem) == "shop/logrules.yml:15: 没有名为 linux-oon 的日志规则（是否想写 linux-oom？）"


def test_the_command_says_it_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(write(tmp_path / "inventories")))
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    told(tmp_path / "inventories", SOUND.replace("linux-oom", "linux-oon"))
    assert main(["inventory", "check"]) == 1
    assert "logrules.yml:15" in capsys.readouterr().out
    (tmp_path / "inventories/shop/logrules.yml").rename(tmp_path / "inventories/shop/logrule.yml")
    assert main(["inventory", "check"]) == 1
    assert "是否想写 logrules.yml" in capsys.readouterr().out


# Each takes seconds to centuries on the line beside it.
CATASTROPHIC = [
    "(a+)+b",
    "(a*)*b",
    "(a|a)*b",
    "(a|aa)+b",
    "(a?){60}a{60}b",
    "(.*a){20}b",
    "(x+x+)+y",
    "((a{0,8}){0,8}){0,8}b",
    ".*.*.*.*z",
    "(a+)(a+)(a+)b",
    "(?=(a+)+b)a",
    "(a+)\\1+b",
    "(?i:(a+)+)b",
    "a{0,400}a{0,400}a{0,400}b",
]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_a_pattern_that_could_take_for_ever_is_refused(tmp_path: Path, pattern: str) -> None:
    found = told(write(tmp_path), SOUND.replace("app\\[\\d+\\]: .*gone", pattern))
    assert len(found) == 1 and "匹配一行可能耗时过久" in found[0]


# What is let through: what a rule needs, and the slowest there are.
BOUNDED = [
    r"ORA-0*(600|7445)\b",
    r"error.*disk.*full",
    r"(?:\d{1,3}\.){3}\d{1,3}",
    r"(fail|err)\w* .*(disk|dev|file)",
    r"a.*a.*(b|c|d|e|f|g|h)$",
    r"[^a]*a*b",
    r"(?<!x)a+?b|数据.*失败",
]


@pytest.mark.parametrize("pattern", BOUNDED)
def test_what_is_let_through_is_done_with_the_worst_line_in_time(pattern: str) -> None:
    rule = {"logs": ["linux"], "pattern": pattern, "severity": "warn", "meaning": "x", "advice": "x"}
    LogRulesFile.model_validate({"rules": {"one": rule}})
    for line in ("a" * LONGEST, "ab" * (LONGEST // 2), "1" * LONGEST, "error disk " * (LONGEST // 11)):
        started = time.process_time()
        compiled(pattern).search(line)
        assert time.process_time() - started < 2


def test_every_shipped_rule_is_done_with_every_hostile_line_in_time() -> None:
    lines = [
        piece * (LONGEST // len(piece)) for piece in ("a", "1", " ", "error ", "0x", "/a", "ORA-", "fail 1 ")
    ]
    lines += [
        piece * (LONGEST // len(piece))
        for entry in shipped_entries().values()
        for piece in re.findall(r"[A-Za-z]{4,}", entry.pattern)[:2]
    ]
    started = time.process_time()
    for entry in shipped_entries().values():
        pattern = compiled(entry.pattern)
        for line in lines:
            pattern.search(line)
    assert time.process_time() - started < 10
