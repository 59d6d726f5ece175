"""What one inspection leaves for the next: real runs on this machine, with a /var/log of its own."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks import clock
from tasks.contracts.activation import activate
from tasks.history import History
from tasks.home import home
from tasks.records import Book

PROJECT = Path(__file__).parents[2]
ERROR = "Nov 20 07:{:02d}:{:02d} web01 app[7]: error: refused\n"
# Beside `opsproof`: one that dies after it has looked and before anything is recorded.
DIES = """
import os
from flows.inspection import INSPECTION
from flows.routine import Request, perform
from tasks.home import home
def call(verb, *arguments):
    verb(*arguments)
    os.kill(os.getpid(), 9)
perform(home(), INSPECTION, Request(contract="local", started_by="x"), call)
"""


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        self.log.mkdir()
        self.messages = self.log / "messages"
        (self.log / "btmp").touch()
        self.seconds = itertools.count()
        inventories = folder / "inventories"
        for name in ("contracts/local.yml", "local/hosts.yml", "local/databases.yml"):
            (inventories / name).parent.mkdir(parents=True, exist_ok=True)
            (inventories / name).write_bytes((PROJECT / "inventories" / name).read_bytes())
        people = [("审批乙", "approver"), ("只读丙", "reader")]
        listed = [f"  - {{name: {name}, roles: [{role}], contracts: all}}\n" for name, role in people]
        (inventories / "operators.yml").write_text("operators:\n" + "".join(listed), "utf-8")
        self.environment = os.environ | {
            "OPSPROOF_HOME": str(folder / "home"),
            "OPSPROOF_INVENTORIES": str(inventories),
        }

    def python(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        inside = f'mount --bind "{self.log}" /var/log && exec "$@"'
        argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", inside, "sh", sys.executable, *words]
        done = subprocess.run(
            argv, capture_output=True, text=True, env=self.environment, cwd=PROJECT, timeout=120, check=False
        )
        assert not check or (done.returncode in (0, 1) and "Traceback" not in done.stderr), done.stderr
        return done

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.python("-m", "flows.cli", *words)

    def inspect(self, *words: str) -> dict[str, Any]:
        done = self.command("run", "inspection", "--contract", "local", "--json", *words)
        assert done.stdout, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def errors(self, count: int, file: str = "messages") -> None:
        with (self.log / file).open("a") as log:
            log.writelines(ERROR.format(*divmod(next(self.seconds), 60)) for _ in range(count))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path)
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("needs root and mount namespaces")
    for name in ("OPSPROOF_HOME", "OPSPROOF_INVENTORIES"):
        monkeypatch.setenv(name, made.environment[name])
    activate(Book(home().ready(home().book)), "local", "测试", clock.now())
    yield made


def number(run: dict[str, Any], check: str, name: str) -> float:
    (value,) = [
        one["value"]
        for found in run["findings"]
        if found["check"] == check
        for one in found["numbers"]
        if one["name"] == name
    ]
    return float(value)


def one(run: dict[str, Any], check: str, subject: str) -> dict[str, Any]:
    (found,) = [found for found in run["findings"] if (found["check"], found["subject"]) == (check, subject)]
    return dict(found)


def test_each_error_is_counted_once_whatever_happens_to_the_log(machine: Machine) -> None:
    def errors() -> float:
        return number(machine.inspect(), "linux.logs", "errors")

    machine.errors(2)
    assert errors() == 2
    machine.errors(3)
    dead = machine.python("-c", DIES, check=False)
    assert dead.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert errors() == 3, "what a run saw that has no record is seen again"
    assert errors() == 0
    machine.errors(1)
    machine.messages.rename(machine.log / "messages-20261120")
    machine.errors(1, "messages-20261120")
    machine.errors(2)
    assert errors() == 4, "rotated by its name"
    machine.errors(1)
    shutil.copy(machine.messages, machine.log / "messages.1")
    os.truncate(machine.messages, 0)
    machine.errors(5)
    assert errors() == 6, "copied and emptied, and longer again than it was"
    os.truncate(machine.messages, 0)
    (machine.log / "messages.1").unlink()
    machine.messages.write_text("Nov 20 07:12:00 web01 app: nothing\n")
    run = machine.inspect()
    assert number(run, "linux.logs", "errors") == 0
    assert "清空" in one(run, "linux.logs", "/var/log/messages")["summary"]


def test_failed_logins_are_counted_by_the_size_of_their_file(machine: Machine) -> None:
    btmp = machine.log / "btmp"
    machine.messages.touch()
    run = machine.inspect()
    assert number(run, "linux.logins", "failed") == 0
    record = 400 if os.uname().machine == "aarch64" else 384
    btmp.write_bytes(bytes(record * 120))
    run = machine.inspect()
    assert number(run, "linux.logins", "failed") == 120
    assert one(run, "linux.logins", "失败登录")["status"] == "fail"
    btmp.rename(machine.log / "btmp-20261120")
    btmp.write_bytes(bytes(record * 3))
    assert number(machine.inspect(), "linux.logins", "failed") == 3


def test_a_baseline_is_approved_by_a_named_person_and_then_holds(machine: Machine) -> None:
    machine.messages.touch()
    run = machine.inspect()
    assert "未建立基线" in one(run, "linux.accounts", "本地账户")["summary"]
    approve = ("baseline", "approve", "--contract", "local", "--reason", "上线核对")
    assert "operator list" in machine.command(*approve, "--all", "--by", "某人").stderr
    assert "没有所需角色" in machine.command(*approve, "--all", "--by", "只读丙").stderr
    assert "--all" in machine.command(*approve, "--by", "审批乙").stderr
    assert machine.command("baseline", "show", "--contract", "local").returncode == 1
    done = machine.command(*approve, "--target", "localhost", "--check", "linux.accounts", "--by", "审批乙")
    assert done.returncode == 0, done.stderr
    run = machine.inspect()
    assert one(run, "linux.accounts", "本地账户")["status"] == "ok"
    assert "未建立基线" in one(run, "linux.ports", "监听端口")["summary"]
    rows = json.loads(
        machine.command(
            "baseline", "show", "--contract", "local", "--check", "linux.accounts", "--json"
        ).stdout
    )
    assert rows and {row["state"] for row in rows} == {"same"}
    shutil.rmtree(home().history)
    assert one(machine.inspect(), "linux.accounts", "本地账户")["status"] == "ok", "the book knows it"


def test_a_known_finding_is_recorded_and_no_longer_shouts(machine: Machine) -> None:
    machine.errors(2)
    machine.inspect()
    what = ("--target", "localhost", "--check", "linux.accounts", "--subject", "本地账户")
    words = ("finding", "acknowledge", "--contract", "local", "--by", "审批乙", "--reason", "上线前清理")
    assert "日期" in machine.command(*words, *what, "--until", "2020-01-01").stderr
    wrong = (*what[:-1], "本地帐户")
    assert "本地账户" in machine.command(*words, *wrong, "--until", "2099-01-01").stderr
    assert machine.command(*words, *what, "--until", "2099-01-01").returncode == 0
    run = machine.inspect()
    found = one(run, "linux.accounts", "本地账户")
    assert found["status"] == "warn" and "上线前清理（审批乙），至 2099-01-01" in found["known"]
    assert "已知 1" in run["summary"]
    warned = sum(one["status"] == "warn" and not one["known"] for one in run["findings"])
    assert f"预警 {warned}，" in run["summary"]
    rows = json.loads(machine.command("finding", "list", "--contract", "local", "--json").stdout)
    assert [(row["subject"], row["over"]) for row in rows] == [("本地账户", False)]


def test_what_could_not_be_looked_at_is_looked_at_again_alone(machine: Machine) -> None:
    machine.messages.touch()
    (machine.log / "btmp").unlink()
    first = machine.inspect()
    assert one(first, "linux.logins", "失败登录")["status"] == "unknown"
    (machine.log / "btmp").touch()
    again = machine.inspect("--failed")
    assert {found["check"] for found in again["findings"]} == {
        found["check"] for found in first["findings"] if found["status"] == "unknown"
    }
    assert one(again, "linux.logins", "失败登录")["status"] == "ok"
    record = Book(home().book).entry("local", again["seq"]).record
    assert record.facts["again_of"] == first["seq"] and record.summary.startswith("补检")
    left = [found for found in again["findings"] if found["status"] == "unknown"]
    done = machine.command("run", "inspection", "--contract", "local", "--failed")
    assert left or (done.returncode == 1 and "无需补检" in done.stderr)


def test_marks_are_those_of_the_book_and_of_nothing_else(machine: Machine) -> None:
    machine.errors(1)
    machine.inspect()
    history = History(home().history)
    history.catch_up(Book(home().book), "local")
    marks = history.marks("local")
    shutil.rmtree(home().history)
    rebuilt = History(home().ready(home().history))
    assert rebuilt.marks("local") == {}
    rebuilt.catch_up(Book(home().book), "local")
    assert rebuilt.marks("local") == marks and marks["localhost"]["linux.logs"]["inode"]
