"""Devices by TCP, HTTP, ICMP on loopback and SNMP against Debian's own agent."""

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.checks.judging import Before, Limits
from tasks.inspection.collect import collect
from tasks.inspection.judge import judge_target
from tasks.model import Device, Finding, Status
from tests.installation import free_ports
from tests.lab.web.servers import HANGING, Hostile


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_SNMP_USER", "community")
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_SNMP_PASSWORD", "lab-only")


def look(reach: str, port: int | None = None, address: str = "127.0.0.1") -> Finding:
    device = Device(
        contract="c", part="p", name="D", kind="k", address=address, port=port, reach=reach, credential="snmp"
    )
    (found,) = judge_target(collect(device), lambda check, _: Limits(check.limits), lambda *_: Before())
    return found


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if not shutil.which("snmpd"):
        pytest.skip("snmpd is not installed")
    folder = tmp_path_factory.mktemp("snmp")
    (port,) = free_ports(1)
    (folder / "agent").write_text(f"agentaddress udp:127.0.0.1:{port}\nrocommunity lab-only 127.0.0.1\n")
    words = [
        "snmpd",
        "-f",
        "-Lf",
        str(folder / "log"),
        "-C",
        "-c",
        str(folder / "agent"),
    ]
    process = subprocess.Popen(words, env={"SNMP_PERSISTENT_DIR": str(folder), "PATH": "/usr/sbin:/usr/bin"})
    time.sleep(0.7)
    yield port
    process.terminate()
    process.wait(10)


def test_an_agent_says_how_long_it_has_been_up(agent: int) -> None:
    found = look("snmp", agent)
    assert found.status is Status.OK and "已运行" in found.summary, found
    assert {number.name for number in found.numbers} == {"ms", "up"}


def test_another_community_gets_no_answer(agent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_SNMP_PASSWORD", "wrong")
    found = look("snmp", agent)
    assert found.status is Status.FAIL and "没有应答" in found.summary and "wrong" not in repr(found)


@pytest.mark.parametrize(
    "answer", [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x02\x01\x01", b"x" * 400]
)
def test_an_agent_that_answers_nonsense(answer: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def serve() -> None:
            with contextlib.suppress(OSError):
                _, sender = line.recvfrom(2048)
                line.sendto(answer, sender)

        threading.Thread(target=serve, daemon=True).start()
        assert look("snmp", line.getsockname()[1]).status is Status.UNKNOWN


def test_tcp_and_icmp() -> None:
    with Hostile(lambda connection: None) as port:
        assert look("tcp", port).status is Status.OK
    (closed,) = free_ports(1)
    assert look("tcp", closed).status is Status.FAIL
    assert look("icmp").status is Status.OK


def test_http_is_any_answer_in_http() -> None:
    with Hostile(lambda line: (line.recv(999), line.sendall(b"HTTP/1.0 401 No\r\n\r\n"))) as port:
        assert look("http", port).status is Status.OK
    started = time.monotonic()
    with Hostile(HANGING["header-without-end"]) as port:
        assert look("http", port).status is Status.FAIL
    assert time.monotonic() - started < 7


def test_a_device_without_a_network_is_for_people() -> None:
    found = look("manual")
    assert found.status is Status.UNKNOWN and "opsproof device note" in found.summary
