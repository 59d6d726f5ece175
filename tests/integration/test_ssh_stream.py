"""Streams over real SSH servers: the suite of all ways, then what only a connection can do wrong."""

import hashlib
import resource
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.transports import open_stream
from tasks.transports.streaming import Ended, Streaming
from tests.lab.hosts import Lab
from tests.lab.product import access, give_credentials, host_of, trust
from tests.suites.streaming import Made, Opened, StreamingSuite, heard


@pytest.fixture(autouse=True)
def in_the_lab(small_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    give_credentials(small_lab, monkeypatch.setenv)
    trust(small_lab)
    small_lab.host(4).run("sed -i s/lecture=always/lecture=never/ /etc/sudoers.d/lab")
    before = set(threading.enumerate())
    with small_lab.inside():
        yield
    deadline = time.monotonic() + 30
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def way(lab: Lab, number: int = 1, **fields: object) -> Streaming:
    return open_stream(host_of(lab.host(number), **fields), access(lab))


class TestSSH(StreamingSuite):
    @pytest.fixture
    def opened(self, small_lab: Lab) -> Opened:
        return lambda **fields: way(small_lab, 1, **fields)


class TestSudo(StreamingSuite):
    @pytest.fixture
    def opened(self, small_lab: Lab) -> Opened:
        return lambda **fields: way(small_lab, 4, credential="ops-password", sudo=True, **fields)


@pytest.mark.parametrize("credential", ["ops", "ops-tcsh", "ops-noisy", "ops-password"])
@pytest.mark.parametrize("sudo", [True, False])
def test_whatever_the_login_shell_says_no_byte_is_added(small_lab: Lab, credential: str, sudo: bool) -> None:
    opened = way(small_lab, credential=credential, sudo=sudo)
    made = Made(300_000)
    script = ": s3cret; id -un; wc -c; cat /proc/*/cmdline | tr -c '[:print:]' ' '"
    with opened.stream(script, feed=made) as stream:
        who, size, arguments = heard(stream).split(maxsplit=2)
    assert (who, size) == (b"root" if sudo else credential.encode(), b"300000")
    assert (
        b"sshd" in arguments and b"s3cret" not in arguments and small_lab.password.encode() not in arguments
    )


def test_through_two_jump_hosts(small_lab: Lab) -> None:
    made = Made(2**20)
    with way(small_lab, 3, jump=("lab-001", "lab-002")).stream("cat", feed=made) as stream:
        assert hashlib.sha256(heard(stream)).digest() == made.sha256.digest()


def test_the_algorithms_of_centos_6(small_lab: Lab) -> None:
    with way(small_lab, 2).stream("head -c 5000000 /dev/zero") as stream:
        assert heard(stream) == bytes(5_000_000)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"credential": "wrong"}, "不被接受"),
        ({"credential": "ops-refused", "sudo": True}, "sudoers"),
        ({"credential": "ops-nologin"}, "没有得到可用的命令行"),
        ({"port": 2222}, "无法连接"),
    ],
)
def test_a_way_that_is_closed(small_lab: Lab, fields: dict[str, object], said: str) -> None:
    with pytest.raises(Ended, match=said) as problem, way(small_lab, **fields).stream("id"):
        pass
    assert small_lab.password not in f"{problem.value!r}"


@pytest.mark.parametrize("feed", [None, Made(10**12)])
def test_a_connection_that_is_cut_is_no_end(small_lab: Lab, feed: Made | None) -> None:
    """All of the connection's processes over there end, as when a machine in between forgets it."""
    with way(small_lab, 4).stream("head -c 1000000 /dev/zero; sleep 7654", feed=feed) as stream:
        assert stream.read(1)
        small_lab.host(4).run("kill -9 $(pgrep -f 'sshd: [r]oot@notty')")
        with pytest.raises(Ended, match="中断"):
            heard(stream)
    if not feed:
        gone(small_lab, 4, "sleep 7654")


def test_a_network_that_is_gone_is_no_end(small_lab: Lab) -> None:
    one = small_lab.host(4)
    with way(small_lab, 4).stream("yes", quiet=timedelta(seconds=2)) as stream:
        assert stream.read(2)
        one.unplug()
        try:
            with pytest.raises(Ended, match="没有任何动静"):
                heard(stream)
        finally:
            one.plug_in()


def test_a_gigabyte_takes_no_memory_and_new_keys_on_the_way(small_lab: Lab) -> None:
    """More than Paramiko sends under one key."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total, hashed = 0, hashlib.sha256()
    with way(small_lab, 1).stream("head -c 1200000000 /dev/zero") as stream:
        while chunk := stream.read(2**20):
            total += len(chunk)
            hashed.update(chunk)
    assert total == 1_200_000_000
    expected = hashlib.sha256()
    for _ in range(1200):
        expected.update(bytes(1_000_000))
    assert hashed.digest() == expected.digest()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024  # KiB


def test_three_hundred_megabytes_there_and_back(small_lab: Lab) -> None:
    made = Made(300_000_000)
    with way(small_lab, 1).stream("sha256sum", feed=made) as stream:
        assert heard(stream).split()[0].decode() == made.sha256.hexdigest()


def gone(lab: Lab, number: int, what: str) -> None:
    until = time.monotonic() + 30
    while left := lab.host(number).run(f"pgrep -fx '{what}'", check=False):
        assert time.monotonic() < until, left
        time.sleep(0.2)
