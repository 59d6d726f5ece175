"""The command line as a whole: help and mistakes in Chinese, JSON for tables, a quick start."""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.cli import Parser, main, parser
from tasks.home import CODE

Capture = pytest.CaptureFixture[str]
# Names of options, placeholders, commands and formats; what they stand beside is Chinese.
LATIN = re.compile(r"[A-Za-z]{2,}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def parsers(
    words: tuple[str, ...] = (), top: Parser | None = None
) -> Iterator[tuple[tuple[str, ...], Parser]]:
    """Every noun and verb, with the words that lead to it."""
    top = top or parser()
    yield words, top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from parsers((*words, name), inner)


ALL = dict(parsers())
VERBS = {words: one for words, one in ALL.items() if one.get_default("run")}
NOUNS = {words: one for words, one in ALL.items() if words not in VERBS}


def required(one: Parser) -> bool:
    return any(action.required for action in one._actions)


def takes_json(one: Parser) -> bool:
    return "--json" in one._option_string_actions


LISTS = [words for words, one in VERBS.items() if takes_json(one) and not required(one)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(CODE / "inventories"))
    return tmp_path


def refused(words: list[str], capsys: Capture) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("命令有误：") and "--help" in told.err
    return told.err


def test_there_are_commands() -> None:
    assert len(VERBS) > 25 and len(LISTS) > 10


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_is_chinese(words: tuple[str, ...], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith("用法：opsproof")
    assert CHINESE.search(ALL[words].description or "")
    for english in ("usage", "options:", "positional", "show this", "arguments"):
        assert english not in told


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_argument_is_explained(words: tuple[str, ...]) -> None:
    for action in VERBS[words]._actions:
        assert action.help and CHINESE.search(action.help), action


@pytest.mark.parametrize("words", NOUNS, ids=lambda words: " ".join(words) or "opsproof")
def test_an_unknown_verb(words: tuple[str, ...], capsys: Capture) -> None:
    assert "不能是 'frob'" in refused([*words, "frob"], capsys)
    assert "缺少" in refused([*words], capsys)


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_an_unknown_option(words: tuple[str, ...], capsys: Capture) -> None:
    told = refused([*words, "--frob"], capsys)
    assert "不认识的参数 --frob" in told or (required(VERBS[words]) and "缺少" in told)
    sentence = told.splitlines()[0].replace("--frob", "")
    names = {name for action in VERBS[words]._actions for name in (action.dest, action.metavar) if name}
    names |= {option.strip("-") for option in VERBS[words]._option_string_actions}
    assert not set(LATIN.findall(sentence)) - {
        part for name in names for part in re.split(r"[-_]", str(name))
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["inventroy"], "（是否想写 inventory？）"),
        (["inventory", "list", "--type", "hots"], "（是否想写 host？）"),
        (["calendar", "show", "x"], "YEAR 的值 'x' 不对"),
        (["calendar", "show", "2026", "--month", "13"], "--month 不能是 13"),
        (["run", "inspection", "--contract"], "--contract 后面要有值"),
        (["inventory", "list", "--json=3"], "--json 后面不能有值"),
        (["run", "inspection"], "缺少 --contract"),
        (["\x1b[31m"], "\\x1b[31m"),
        (["inventory", "list", "--a\x1b[31m"], "�[31m"),
    ],
)
def test_mistakes_are_named(words: list[str], told: str, capsys: Capture) -> None:
    said = refused(words, capsys)
    assert told in said and "\x1b" not in said


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_table_is_json_when_asked(here: Path, words: tuple[str, ...], capsys: Capture) -> None:
    code = main([*words, "--json"])
    told = capsys.readouterr()
    assert code in (0, 1), told.err
    assert isinstance(json.loads(told.out), list | dict)
    assert main([*words]) == code
    told = capsys.readouterr()
    assert told.out.strip() or told.err.strip()


def test_every_list_takes_json() -> None:
    assert [
        words
        for words in VERBS
        if words[-1] in ("list", "check", "show", "verify")
        and words not in LISTS
        and not takes_json(VERBS[words])
    ] == []


def opsproof(*words: str, check: str = "") -> "subprocess.CompletedProcess[str]":
    program = (
        f"import sys; from flows.cli import main\ntry: main({list(words)!r})\nfinally: {check or 'pass'}"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=CODE, env=dict(os.environ)
    )


@pytest.mark.parametrize("words", [("--help",), ("inventory", "--help"), ("run", "--help")], ids=" ".join)
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    heavy = (
        "'prefect', 'sqlalchemy', 'pydantic', 'oracledb', 'pymysql', 'paramiko', 'fabric', 'boto3', 'sqlite3'"
    )
    loaded = f"print('LOADED', [name for name in ({heavy}) if name in sys.modules])"
    done = opsproof(*words, check=loaded)
    assert "LOADED []" in done.stdout and done.returncode == 0


def seconds_of_help() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "flows.cli", "--help"], cwd=CODE, capture_output=True, check=True)
    return time.perf_counter() - started


def test_help_is_quick() -> None:
    """One of five is enough: other work on this machine is not what is measured."""
    assert any(seconds_of_help() <= 1.0 for _ in range(5))
