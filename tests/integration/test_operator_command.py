"""The command as it is used: in a terminal of its own, and in a pipe."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest

from tasks.clock import now
from tasks.home import Home
from tasks.people import codes, logins, operators
from tasks.people.codes import Accepted
from tests.unit.people.conftest import house

__all__ = ["house"]

COMMAND = [sys.executable, "-m", "flows.cli", "operator"]
SECRET = re.compile(rb"secret=([A-Z2-7]{32})")


def piped(*arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], input=typed, capture_output=True, text=True, timeout=60)


def in_terminal(*arguments: str, answer: Callable[[bytes], str]) -> tuple[int, bytes]:
    """Run it in a terminal; each question for a code is answered."""
    child, screen = pty.fork()
    if child == 0:
        os.execv(sys.executable, [*COMMAND, *arguments])
    seen, asked = b"", 0
    while True:
        try:
            chunk = os.read(screen, 4096)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
        if seen[asked:].endswith("动态码：".encode()):
            asked = len(seen)
            os.write(screen, answer(seen).encode() + b"\n")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen


def from_screen(seen: bytes) -> str:
    found = SECRET.search(seen)
    assert found
    return pyotp.TOTP(found[1].decode()).at(now())


def test_added_in_a_terminal_with_a_qr_code_and_a_first_code(house: Home) -> None:
    typed: list[str] = []

    def answer(seen: bytes) -> str:
        typed.append(from_screen(seen))
        return typed[-1]

    code, seen = in_terminal("add", "张三", "--role", "approver", "--show-uri", answer=answer)
    assert code == 0, seen.decode()
    assert "▀".encode() in seen or "▄".encode() in seen
    assert [found.name for found in operators.load(house.inventories)] == ["张三"]
    # The first code is used up by having been the first.
    assert not isinstance(codes.accept(house, "张三", typed[-1], now()), Accepted)


def test_an_unproven_secret_is_not_kept(house: Home) -> None:
    code, seen = in_terminal("add", "张三", "--role", "reader", answer=lambda seen: "000000")
    assert code == 1 and "没有保存" in seen.decode()
    assert operators.load(house.inventories) == () and codes.enrolled(house) == frozenset()


def test_an_answer_not_given_keeps_nothing(house: Home) -> None:
    code, seen = in_terminal("add", "张三", "--role", "reader", answer=lambda seen: "\x04")
    assert code == 1 and "中断" in seen.decode() and "Traceback" not in seen.decode()
    assert operators.load(house.inventories) == ()


def test_a_pipe_gets_no_secret_unless_it_asks(house: Home) -> None:
    refused = piped("add", "张三", "--role", "reader")
    assert refused.returncode == 1 and "--no-confirm" in refused.stderr
    quiet = piped("add", "张三", "--role", "reader", "--no-confirm")
    assert quiet.returncode == 0 and "secret" not in quiet.stdout + quiet.stderr
    renewed = piped("renew", "张三", "--no-confirm", "--show-uri")
    assert SECRET.search(renewed.stdout.encode())
    checked = piped("code-check", "张三", typed=from_screen(renewed.stdout.encode()))
    assert checked.returncode == 0, checked.stdout
    listed = piped("list", "--json")
    assert "张三" in listed.stdout and "secret" not in listed.stdout


def test_a_portal_password_comes_from_standard_input(house: Home) -> None:
    short = piped("add", "张三", "--role", "reader", "--no-confirm", "--portal", typed="short\n")
    assert short.returncode == 1 and operators.load(house.inventories) == ()
    added = piped("add", "张三", "--role", "reader", "--no-confirm", "--portal", typed="a long enough one\n")
    assert added.returncode == 0, added.stderr
    assert logins.check(house, "张三", "a long enough one")
    gone = piped("remove", "张三", "--yes")
    assert gone.returncode == 0
    assert not logins.check(house, "张三", "a long enough one")
    assert logins.with_password(house) == codes.enrolled(house) == frozenset()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "张三", "--role", "aprover", "--no-confirm"), "approver"),
        (("add", "张三", "--role", "reader", "--contract", "locall", "--no-confirm"), "local"),
        (("add", "admin", "--role", "reader", "--no-confirm"), "admin"),
        (("renew", "nobody", "--no-confirm"), "nobody"),
    ],
)
def test_refusals_name_what_is_wrong(house: Home, arguments: tuple[str, ...], told: str) -> None:
    folder: Path = house.inventories / "contracts"
    folder.mkdir()
    (folder / "local.yml").touch()
    answer = piped(*arguments)
    assert answer.returncode == 1 and told in answer.stderr
