"""SSH against real servers: the suite of all transports, then logins, root, jump hosts and host keys."""

import base64
import hashlib
import hmac
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.checks.judging import Before, Limits
from tasks.home import home
from tasks.inspection.collect import collect, collect_all
from tasks.inspection.judge import judge_target
from tasks.model import Host, Output, SecurityEvent, Status
from tasks.operations import collecting, read
from tasks.transports import Transport, open_transport
from tasks.transports.known_hosts import host_name, known_hosts_file, read_known_hosts
from tests.hostile import hostile
from tests.lab.hosts import Lab, new_key, write_key
from tests.lab.product import access, give_credentials, host_of, trust
from tests.suites.transport import Run, TransportSuite, runner


@pytest.fixture(autouse=True)
def in_the_lab(small_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    give_credentials(small_lab, monkeypatch.setenv)
    trust(small_lab)
    before = set(threading.enumerate())
    with small_lab.inside():
        yield
    deadline = time.monotonic() + 30
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def ask(lab: Lab, script: str, number: int = 1, **fields: object) -> Output:
    host = host_of(lab.host(number), **fields)
    return open_transport(host, access(lab)).run(script, timedelta(seconds=10))


class TestSSH(TransportSuite):
    @pytest.fixture
    def run(self, small_lab: Lab) -> Run:
        def opened(**fields: object) -> Transport:
            return open_transport(host_of(small_lab.host(1), **fields), access(small_lab))

        return runner(opened)


class TestSudo(TransportSuite):
    """The same as root, the password asked for."""

    @pytest.fixture
    def run(self, small_lab: Lab) -> Run:
        host = small_lab.host(4)
        host.run("sed -i s/lecture=always/lecture=never/ /etc/sudoers.d/lab")

        def opened(**fields: object) -> Transport:
            return open_transport(
                host_of(host, credential="ops-password", sudo=True, **fields), access(small_lab)
            )

        return runner(opened)


@pytest.mark.parametrize(
    ("credential", "sudo", "who"),
    [
        ("lab-key", False, "root"),
        ("ops", False, "ops"),
        ("ops", True, "root"),
        ("ops-password", True, "root"),
        ("ops-tcsh", False, "ops-tcsh"),
        ("ops-tcsh", True, "root"),
        ("ops-noisy", True, "root"),
    ],
)
def test_logins_and_root_whatever_the_login_shell(
    small_lab: Lab, credential: str, sudo: bool, who: str
) -> None:
    answer = ask(small_lab, "id -un", credential=credential, sudo=sudo)
    assert (answer.text, answer.exit_code, answer.failure) == (f"{who}\n", 0, "")


def test_no_password_goes_where_it_was_not_asked_for(small_lab: Lab) -> None:
    """With NOPASSWD a password sent ahead of the script would be run, printed and logged."""
    script = "cat /proc/$$/cmdline | tr '\\0' ' '; set; cat /proc/$PPID/cmdline | tr '\\0' ' '"
    for credential in ("ops", "ops-password", "ops-tcsh", "ops-noisy"):
        answer = ask(small_lab, script, credential=credential, sudo=True)
        assert answer.exit_code == 0 and answer.text
        assert small_lab.password not in f"{answer!r}"
    # Of accounting files only what can be read: the rest of their bytes is no text.
    logs = small_lab.host(1).run("cat /var/log/* 2>/dev/null | tr -dc '[:print:]\\n'", check=False)
    assert small_lab.password not in logs


def test_what_goes_out_is_noted_and_no_password_with_it(small_lab: Lab) -> None:
    with collecting() as sent:
        ask(small_lab, f"id -un; : {small_lab.password}", credential="ops-password", sudo=True)
        ask(small_lab, "id -un", credential="wrong")
    good, bad = read(sent.content())
    assert (good.target, good.way, good.text, good.exit_code) == ("lab-001", "ssh", "id -un; : ******", 0)
    assert good.size > 0 and "不被接受" in bad.failure
    assert small_lab.password not in sent.content().decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"credential": "wrong"}, "不被接受"),
        ({"credential": "ops-refused", "sudo": True}, "sudoers"),
        ({"credential": "lab-key", "port": 2222}, "无法连接"),
        ({"address": "10.99.9.9", "login_seconds": 2}, "没有应答"),
    ],
)
def test_a_way_that_is_closed_is_told_and_nothing_is_said_of_a_secret(
    small_lab: Lab, fields: dict[str, object], said: str
) -> None:
    answer = ask(small_lab, "id", **fields)
    assert said in answer.failure and not answer.text and answer.exit_code is None
    assert small_lab.password not in f"{answer!r}"


def test_sudo_asks_for_a_password_that_is_wrong_or_not_there(
    small_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.inventory.credentials import variable

    public = (small_lab.folder / "key.pub").read_text()
    host = small_lab.host(1)
    host.run("mkdir -p -m 700 ~ops-password/.ssh")
    host.write("/home/ops-password/.ssh/authorized_keys", public)
    host.run("chown -R ops-password: ~ops-password/.ssh")
    for part, value in (("user", "ops-password"), ("key_file", str(small_lab.folder / "key"))):
        monkeypatch.setenv(variable("by-key", part), value)
    assert "没有密码" in ask(small_lab, "id", credential="by-key", sudo=True).failure
    monkeypatch.setenv(variable("by-key", "password"), "not-it")
    started = time.monotonic()
    assert "不接受" in ask(small_lab, "id", credential="by-key", sudo=True).failure
    assert time.monotonic() - started < 8
    deadline = time.monotonic() + 5
    while left := host.run("pgrep -u root sudo", check=False):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_keys_with_a_passphrase(
    small_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from tasks.inventory.credentials import variable

    key = new_key(kind)
    write_key(tmp_path / "locked", key, "open sesame")
    host = small_lab.host(4)
    host.write("/root/.ssh/authorized_keys2", (tmp_path / "locked.pub").read_text())
    monkeypatch.setenv(variable("locked", "user"), "root")
    monkeypatch.setenv(variable("locked", "key_file"), str(tmp_path / "locked"))
    for passphrase, said in (("", "口令"), ("wrong", "口令")):
        monkeypatch.setenv(variable("locked", "passphrase"), passphrase)
        failure = collect(host_of(host, credential="locked"), access=access(small_lab)).failure
        assert said in failure and "open sesame" not in failure
    monkeypatch.setenv(variable("locked", "passphrase"), "open sesame")
    assert ask(small_lab, "id -un", 4, credential="locked").text == "root\n"


def test_the_algorithms_of_centos_6(small_lab: Lab) -> None:
    assert ask(small_lab, "cat /etc/redhat-release", 2).text == "CentOS release 6.10 (Final)\n"


def test_through_one_jump_host_and_through_two(small_lab: Lab) -> None:
    assert ask(small_lab, "hostname", 3, jump=("lab-001",)).text == "lab-003\n"
    answer = ask(small_lab, "hostname; echo $SSH_CONNECTION", 3, jump=("lab-001", "lab-002"))
    name, client = answer.lines
    assert name == "lab-003" and client.startswith(small_lab.host(2).address)
    lost = ask(small_lab, "hostname", 3, jump=("lab-001",), port=2222)
    assert lost.failure and not lost.text
    through = access(small_lab)
    closed = host_of(small_lab.host(1), port=2222)
    broken = replace(through, hosts={**through.hosts, "lab-001": closed})
    host = host_of(small_lab.host(3), jump=("lab-001",))
    assert "lab-001" in open_transport(host, broken).run("id", timedelta(seconds=5)).failure


def status(lab: Lab, host: Host) -> dict[str, Status]:
    found = judge_target(collect(host, access=access(lab)), lambda *_: Limits(), lambda *_: Before())
    return {one.check: one.status for one in found if one.check in ("reach", "security.hostkey")}


def test_an_unknown_key_and_a_changed_one_are_refused_before_the_login(small_lab: Lab) -> None:
    one, path = small_lab.host(1), known_hosts_file(home())
    name, host = host_name(one.address, 22), host_of(one)
    whole, (_, other) = read_known_hosts(path), small_lab.host(3).host_key
    log = "/var/log/sshd.log"
    for keys, event, found in (
        ({}, SecurityEvent.KEY_UNKNOWN, Status.UNKNOWN),
        ({"ssh-ed25519": other}, SecurityEvent.KEY_CHANGED, Status.FAIL),
        ({"ssh-rsa": small_lab.host(2).host_key[1]}, SecurityEvent.KEY_CHANGED, Status.FAIL),
    ):
        whole.replaced(name, keys).write(path)
        before = one.run(f"grep -c Accepted {log}", check=False)
        answer = ask(small_lab, "id")
        assert answer.event is event and "SHA256:" in answer.failure and not answer.text
        assert one.run(f"grep -c Accepted {log}", check=False) == before
        assert status(small_lab, host) == {"reach": Status.UNKNOWN, "security.hostkey": found}
        whole.write(path)
    assert ask(small_lab, "id").failure == ""


def test_hashed_names_are_found(small_lab: Lab) -> None:
    one, salt = small_lab.host(1), os.urandom(20)
    digest = hmac.new(salt, one.address.encode(), hashlib.sha1).digest()
    hashed = "|".join(["", "1", base64.b64encode(salt).decode(), base64.b64encode(digest).decode()])
    known_hosts_file(home()).write_text(" ".join([hashed, *one.host_key]) + "\n")
    assert ask(small_lab, "id").failure == ""


def test_a_host_that_calls_itself_by_another_name_is_flagged(small_lab: Lab) -> None:
    for name, event in (("lab-001", None), ("LAB-001", None), ("web-9", SecurityEvent.NAME_DIFFERS)):
        found = collect(host_of(small_lab.host(1), hostname=name), access=access(small_lab))
        assert found.event is event and found.reached is (event is None)


def test_hosts_that_hang_delay_no_other(small_lab: Lab) -> None:
    with hostile("accepted") as port:
        # The lab's own loopback: the server listens where the test is.
        bad = [
            host_of(
                small_lab.host(1), name=f"bad-{n}", address=f"127.0.0.{n + 1}", port=port, login_seconds=4
            )
            for n in range(1)
        ]
        good = [host_of(one) for one in small_lab.hosts]
        done: dict[str, float] = {}
        started = time.monotonic()
        collect_all(
            [*bad, *good],
            lambda _, __, name: done.setdefault(name, time.monotonic() - started),
            access=access(small_lab),
        )
    assert max(done[one.name] for one in good) < 4 <= done["bad-0"] < 7
