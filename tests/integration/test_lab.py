"""The lab itself: hosts that are what they pose as, labs apart from each other, nothing left behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.inventory import load
from tasks.model import Host
from tests.installation import PROJECT
from tests.lab import network
from tests.lab.base import folder
from tests.lab.hosts import lab, missing, standing
from tests.lab.systems import CENTOS_7, KYLIN_SERVER

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


def test_hosts_have_a_name_a_system_and_a_first_process_of_their_own() -> None:
    with lab(3, systemd=1) as made:
        first, second, third = made.hosts
        assert first.run("hostname; cat /etc/redhat-release").split("\n")[:2] == [
            "lab-001",
            "CentOS Linux release 7.9.2009 (Core)",
        ]
        assert first.run("ps -p 1 -o comm=").strip() == "systemd"
        assert first.run("systemctl --failed --no-legend --plain") == ""
        assert second.run("ps -p 1 -o comm=").strip() == "sshd"
        second.write("/etc/only-here", "x")
        assert third.run("ls /etc/only-here", check=False) == ""


def test_two_labs_do_not_meet_and_both_go_without_a_trace() -> None:
    with lab(1, systems=[CENTOS_7]) as one, lab(1, systems=[KYLIN_SERVER]) as other:
        assert one.host(1).address == other.host(1).address
        for made, word in ((one, "CentOS"), (other, "Kylin")):
            assert word in made.host(1).run("cat /etc/system-release")
    for name in (one.name, other.name):
        assert not network.namespaces(name) and not (folder() / name).exists()


def test_what_a_killed_test_run_left_is_gone_when_the_next_lab_starts() -> None:
    script = (
        "from tests.lab.hosts import lab\n"
        "with lab(2, systemd=1) as made: print(made.name, flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdin is not None
    process.stdin.close()
    process.stdout.close()
    left = network.processes(network.namespaces(name))
    assert left
    with lab(1) as made:
        assert not network.namespaces(name) and not (folder() / name).exists()
        assert not any(alive(pid) for pid in left)
        assert made.host(1).run("hostname") == "lab-001\n"
        root = network.cgroup_root()
        assert root is None or not (root / name).exists()


def alive(pid: int) -> bool:
    """A killed process whose parent was killed, too, may stay in the table for a while."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_its_network_is_reached_from_inside_alone() -> None:
    with lab(1) as made:
        address = made.host(1).address
        assert network.NETWORK not in Path("/proc/net/route").read_text()
        routes = subprocess.run(["ip", "route", "get", address], capture_output=True, text=True).stdout
        assert "br0" not in routes and "veth" not in routes
        code = f"import socket; print(socket.create_connection(('{address}', 22)).recv(4))"
        words = ["python3", "-c", code]
        assert made.run(words).stdout.strip() == "b'SSH-'"
        made.host(1).unplug()
        started = time.monotonic()
        with made.inside(), pytest.raises(TimeoutError):
            network.answers(address, 22, 1)
        assert time.monotonic() - started < 6
        made.host(1).plug_in()


def own_network() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino


def test_a_netns_entered_is_left_again() -> None:
    own = own_network()
    with lab(1) as made:
        with made.inside():
            assert own_network() != own
        assert own_network() == own


def test_the_inventory_says_what_the_standing_lab_is() -> None:
    said = [
        one for one in load(PROJECT / "inventories", "lab").targets("lab", "host") if isinstance(one, Host)
    ]
    linux = {
        one.name: (one.address, one.os, one.version, one.credential) for one in said if one.transport == "ssh"
    }
    assert linux == {
        one.name: (one.address, one.system.os, one.system.version, one.credential) for one in standing().hosts
    }
