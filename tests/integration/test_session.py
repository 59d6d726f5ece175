"""An engineer's session against real servers, the command driven as a person does it: in a terminal."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.cli import main
from tasks import clock, operations
from tasks.contracts.activation import activate
from tasks.home import home
from tasks.model import Record
from tasks.records import Book
from tasks.sessions.cast import Cast, read
from tests.installation import PROJECT
from tests.lab.hosts import Lab
from tests.lab.product import give_credentials, trust

PATIENCE = 60


@pytest.fixture(autouse=True)
def in_the_lab(small_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    shutil.copytree(PROJECT / "inventories", tmp_path / "inventories")
    (tmp_path / "inventories/operators.yml").write_text(
        "operators:\n- {name: 张三, roles: [operator], contracts: all}\n", "utf-8"
    )
    line = "      - {{name: {}, address: {}, os: {}, credential: {}, encoding: {}}}\n"
    rows = [
        ("key", 1, "lab-key", "utf-8"),
        ("ops", 4, "ops-password", "utf-8"),
        ("gbk", 3, "lab-key", "gbk"),
    ]
    entries = "".join(
        line.format(name, small_lab.host(n).address, small_lab.host(n).system.os, credential, encoding)
        for name, n, credential, encoding in rows
    )
    hosts = tmp_path / "inventories/lab/hosts.yml"
    hosts.write_text(f"groups:\n  all:\n    part: linux\n    hosts:\n{entries}", "utf-8")
    contract = tmp_path / "inventories/contracts/lab.yml"
    contract.write_text(contract.read_text("utf-8").replace("any: 19", "any: 3"), "utf-8")
    give_credentials(small_lab, monkeypatch.setenv)
    with small_lab.inside():
        home().ready(home().root)
        trust(small_lab)
        activate(book(), "lab", "测试", clock.now())
        yield


def book() -> Book:
    here = home()
    return Book(here.ready(here.book))


class Terminal:
    """The command in a terminal of its own."""

    def __init__(self, host: str, *more: str) -> None:
        self.ours, theirs = pty.openpty()
        self.resize(24, 80)
        self.seen = ""
        words = [
            sys.executable,
            "-m",
            "flows.cli",
            "session",
            host,
            "--contract",
            "lab",
            "--by",
            "张三",
            *more,
        ]
        self.process = subprocess.Popen(
            words,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            cwd=PROJECT,
            env={**os.environ, "TERM": "xterm", "PREFECT_HOME": str(home().prefect)},
        )
        self.theirs = theirs

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def interrupt(self, pattern: str) -> None:
        """With Ctrl-C, and once more where it hit a shell that was not yet waiting for what it started."""
        for _ in range(5):
            self.type("\x03")
            with contextlib.suppress(AssertionError):
                self.expect(pattern, PATIENCE / 10)
                return
        raise AssertionError(self.seen[-2000:])

    def expect(self, pattern: str, seconds: float = PATIENCE) -> str:
        """What came up to and with `pattern`, which is not looked for again."""
        until, before = time.monotonic() + seconds, []
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < until, f"{pattern!r} never came: {self.seen[-2000:]!r}"
            before.append(self.seen[:-500])  # not ten megabytes again and again
            self.seen = self.seen[-500:] + self.heard()
        before.append(self.seen[: found.end()])
        self.seen = self.seen[found.end() :]
        return "".join(before)

    def heard(self) -> str:
        ready = select.select([self.ours], [], [], 0.2)[0]
        return os.read(self.ours, 65536).decode("utf-8", "replace") if ready else ""

    def settings(self) -> list[object]:
        return termios.tcgetattr(self.theirs)

    def ended(self) -> int:
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < until, self.seen[-2000:]
            self.seen += self.heard()
        return self.process.returncode


def last() -> Record:
    return next(book().entries(contract="lab", routine="session", newest_first=True, limit=1)).record


def kept(record: Record) -> tuple[Cast, list[str], bytes]:
    """The recording, the commands, and every byte of the evidence."""
    contents = {piece.name: book().read(piece) for piece in record.evidence}
    sent = operations.read(contents[operations.FILE]) if operations.FILE in contents else []
    return read(contents["session.cast"]), [one.text for one in sent], b"".join(contents.values())


def test_commands_are_kept_and_no_password_is(small_lab: Lab) -> None:
    terminal = Terminal("ops", "--reason", "查磁盘")
    before = terminal.settings()
    terminal.expect(r"\$ ")
    terminal.type("echo on$((1+1))e\r")
    terminal.expect("on2e")
    terminal.type("sudo -k; sudo id -un\r")
    terminal.expect("assword.*: ")
    terminal.type(f"{small_lab.password}\r")
    terminal.expect(r"root\r\n.*\$ ")
    terminal.type("read -s -p 'secret: ' x; echo got ${#x}\r")
    terminal.expect("\rsecret: ")
    terminal.type("zyxwv98765\r")
    terminal.expect("got 10")
    terminal.type(f"echo {small_lab.password}\r")
    terminal.expect(rf"{small_lab.password}\r\n.*{small_lab.password}\r\n")
    terminal.type("sh -c 'echo g''o; sleep 100'\r")
    terminal.expect("\rgo\r\n")  # before that, Ctrl-C would find nobody
    terminal.interrupt(r"\^C[^$]*\$ ")
    terminal.type("exit 3\r")
    assert terminal.ended() == 1
    assert terminal.settings() == before
    record = last()
    cast, commands, everything = kept(record)
    assert commands == [
        "echo on$((1+1))e",
        "sudo -k; sudo id -un",
        "read -s -p 'secret: ' x; echo got ${#x}",
        "echo ******",
        "sh -c 'echo g''o; sleep 100'",
        "exit 3",
    ]
    assert small_lab.password.encode() not in everything and b"zyxwv98765" not in everything
    assert (record.started_by, record.facts["exit_code"], record.facts["reason"]) == ("张三", 3, "查磁盘")
    assert record.facts["session"] == "own" and "命令 6 条" in record.summary
    assert cast.header["width"] == 80 and "on2e" in "".join(event.text for event in cast.events)
    assert not list((home().run / "sessions").glob("*/about.json"))


def test_a_full_screen_a_new_size_and_ten_megabytes(small_lab: Lab) -> None:
    terminal = Terminal("key")
    terminal.expect("# ")
    terminal.type(r"printf '\033[?1049h\033[2J\033[Hfull\033[?1049l'; echo back" + "\r")
    terminal.expect("back\r\n")
    terminal.resize(40, 132)
    terminal.process.send_signal(signal.SIGWINCH)
    time.sleep(1)
    terminal.type("stty size\r")
    terminal.expect("40 132")
    terminal.type("head -c 10485760 /dev/zero | tr '\\0' x | fold -w 100; echo; echo over $((40+2))\r")
    said = terminal.expect("over 42")
    assert said.count("x") >= 10485760
    terminal.type("exit\r")
    assert terminal.ended() == 0
    cast, commands, _ = kept(last())
    assert sum(event.text.count("x") for event in cast.events if event.kind == "o") >= 10485760
    assert [event.text for event in cast.events if event.kind == "r"] == ["132x40"]
    assert "stty size" in commands and commands[-1] == "exit"


def test_a_connection_that_dies_is_told_and_recorded() -> None:
    terminal = Terminal("key")
    terminal.expect("# ")
    terminal.type("kill -9 $PPID\r")
    assert terminal.ended() == 1
    assert last().facts["ended"] == "lost" and "连接中断" in terminal.seen + last().summary


def test_a_terminal_that_is_closed_ends_its_session() -> None:
    terminal = Terminal("key")
    terminal.expect("# ")
    os.close(terminal.ours)
    terminal.process.wait(PATIENCE)
    assert last().facts["ended"] == "closed" and "终端" in last().summary


def test_a_session_that_nobody_uses_is_ended() -> None:
    terminal = Terminal("key", "--idle", "0.03")
    terminal.expect("# ")
    assert terminal.ended() == 1
    assert last().facts["ended"] == "idle" and "没有操作" in last().summary


def test_a_host_that_says_nothing_more_is_left_by_tilde_and_dot(small_lab: Lab) -> None:
    terminal = Terminal("key")
    terminal.expect("# ")
    terminal.type("kill -STOP $$\r")
    terminal.expect("STOP")
    terminal.type("\r~.")
    assert terminal.ended() == 1
    assert last().facts["ended"] == "left"


def test_what_a_killed_session_left_is_taken_up_by_the_next_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal("key", "--reason", "试")
    terminal.expect("# ")
    terminal.type("echo before the end\r")
    terminal.expect("the end\r\n.*# ")
    assert main(["operations", "list", "--contract", "lab", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    terminal.process.kill()
    terminal.process.wait()
    assert main(["operations", "list", "--contract", "lab", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["source"] == "broken" and [one["text"] for one in found["operations"]] == [
        "echo before the end"
    ]
    assert last().started_by == "张三" and "中断" in last().summary
    assert main(["operations", "list", "--contract", "lab", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_a_host_that_speaks_gbk_is_shown_and_recorded_in_characters() -> None:
    terminal = Terminal("gbk")
    terminal.expect("# ")
    terminal.type("printf '\\xd6\\xd0\\xce\\xc4\\n'\r")
    terminal.expect("中文\r\n")
    terminal.type("exit\r")
    assert terminal.ended() == 0
    assert "中文" in kept(last())[2].decode()


def test_it_is_refused_without_a_terminal_to_who_may_not_and_where_nothing_is_active(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def said(*words: str) -> str:
        assert main(["session", *words]) == 1
        return capsys.readouterr().err

    assert "终端" in said("key", "--contract", "lab", "--by", "张三")
    assert "李四" in said("key", "--contract", "lab", "--by", "李四")
    assert "未启用" in said("localhost", "--contract", "local", "--by", "张三")
    hosts = home().inventories / "lab/hosts.yml"
    hosts.write_text(
        hosts.read_text("utf-8").replace("os: centos", "os: windows, version: '2019'", 1), "utf-8"
    )
    assert "Windows" in said("key", "--contract", "lab", "--by", "张三")
