"""A host that hangs, at whatever stage, costs its own time limit and nothing else."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.home import home
from tasks.inventory.credentials import Keyring, variable
from tasks.model import Host, Output
from tasks.transports import Access, open_transport
from tasks.transports.known_hosts import KnownHosts, host_name, known_hosts_file
from tests.hostile import EARLY, HOST_KEY, LATE, hostile

SECONDS = 2


@pytest.fixture(autouse=True)
def no_thread_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    monkeypatch.setenv(variable("ops", "user"), "ops")
    monkeypatch.setenv(variable("ops", "password"), "a-word")
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 30
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def ask(port: int, seconds: int = SECONDS, quiet: int = SECONDS) -> Output:
    host = Host(
        contract="lab",
        part="x",
        name="h",
        os="linux",
        address="127.0.0.1",
        port=port,
        credential="ops",
        login_seconds=SECONDS,
    )
    key = {HOST_KEY.get_name(): HOST_KEY.get_base64()}
    KnownHosts().replaced(host_name("127.0.0.1", port), key).write(known_hosts_file(home()))
    return open_transport(host, Access(Keyring(home()))).run(
        "echo", timedelta(seconds=seconds), timedelta(seconds=quiet)
    )


@pytest.mark.parametrize("stage", [*EARLY, *LATE])
def test_a_hanging_host_is_given_up_in_time_and_told_at_which_stage(stage: str) -> None:
    with hostile(stage) as port:
        started = time.monotonic()
        answer = ask(port)
        assert time.monotonic() - started < 2 * SECONDS + 2
    if stage == "exit, never closed":
        assert (answer.text, answer.exit_code, answer.failure) == ("half an answer\n", 0, "")
        return
    assert answer.failure
    assert (answer.text == "half an answer\n") == (stage in ("output", "cut"))
    where = {"login": "登录", "channel": "采集", "exec": "采集", "silent command": "采集", "output": "采集"}
    assert {**dict.fromkeys(EARLY, "SSH"), **where, "cut": "中断"}[stage] in answer.failure


@pytest.mark.parametrize("stage", ["channel", "exec", "silent command", "output"])
def test_one_that_falls_silent_is_not_waited_for_until_all_probes_time_is_over(stage: str) -> None:
    with hostile(stage) as port:
        started = time.monotonic()
        answer = ask(port, seconds=300, quiet=1)
        assert time.monotonic() - started < SECONDS + 3
    assert f"{SECONDS if stage in ('channel', 'exec') else 1} 秒" in answer.failure
    assert (answer.text == "half an answer\n") == (stage == "output")


def test_listening_opens_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paramiko's pipe is written to by number after it is closed: into another thread's file, then."""

    def refuse() -> tuple[int, int]:
        raise AssertionError("a pipe was opened")

    monkeypatch.setattr("os.pipe", refuse)
    with hostile("exit, never closed") as port:
        assert (ask(port).text, ask(port).failure) == ("half an answer\n", "")
