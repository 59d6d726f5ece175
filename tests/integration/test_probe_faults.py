"""Faults put there, and found by the real probes in a mount namespace of their own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.checks import CHECKS
from tasks.checks.judging import Before, Limits
from tasks.checks.script import compose, take_apart
from tasks.inspection.judge import judge
from tasks.model import BackupFile, Finding, Host, Status
from tests.unit.checks.test_script import answer

HERE = Host(contract="local", part="machine", name="here", os="linux", transport="local")
ROOT = (
    os.geteuid() == 0
    and not subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode
)
namespaces = pytest.mark.skipif(not ROOT, reason="needs root and mount namespaces")


def findings(
    name: str,
    *,
    before: Before = Before(),  # noqa: B008
    host: Host = HERE,
    setup: str = "",
    programs: Path | None = None,
    swap: tuple[str, str] = ("", ""),
) -> dict[str, Finding]:
    """What one check says here, after `setup` in a mount namespace; `programs` stand before the real ones."""
    check = CHECKS.get(f"linux.{name}")
    assert check
    script = compose([check], {check.name: check.variables(host, before.marks)})
    text = script.text.replace(*swap) if swap[0] else script.text
    argv = ["sh", "-s"]
    if setup:
        inside = f"set -e; {setup}\nexec sh -s"
        argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", inside]
    path = f"{programs}:{os.environ['PATH']}" if programs else os.environ["PATH"]
    done = subprocess.run(
        argv,
        input=text.encode(),
        capture_output=True,
        timeout=30,
        check=False,
        env={**os.environ, "PATH": path},
    )
    output = take_apart(script, answer(done.stdout, done.stderr))[check.name]
    return {found.subject: found for found in judge(check, output, Limits(check.limits), before)}


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return folder


def remembered(found: dict[str, Finding]) -> Before:
    return Before(marks={mark.name: mark.text for one in found.values() for mark in one.marks})


def test_a_zombie_is_found_by_name_and_parent() -> None:
    leave = "import os, time\nif os.fork() == 0: os._exit(0)\nprint(flush=True)\ntime.sleep(20)"
    with subprocess.Popen([sys.executable, "-c", leave], stdout=subprocess.PIPE) as parent:
        assert parent.stdout and parent.stdout.readline()
        found = findings("processes")["僵尸进程"]
        parent.kill()
    assert found.status is Status.WARN and f"父进程 {parent.pid}" in found.summary


@namespaces
def test_a_full_tmp_of_its_own() -> None:
    setup = "mount -t tmpfs -o size=1m tmpfs /tmp; head -c 1048576 /dev/zero >/tmp/full || true"
    assert findings("tmp", setup=setup)["/tmp"].status is Status.FAIL
    assert findings("disk", setup=setup)["/tmp"].status is Status.FAIL


def file_system(folder: Path) -> str:
    """The kind of file system that `folder` lies on: the longest mount point above it."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(point, kind) for point, kind in mounts if folder.is_relative_to(point)]
    return max(above, key=lambda one: len(one[0]))[1]


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """Other tests may lie in memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        if (kind := file_system(Path(folder))) not in ("ext4", "xfs", "btrfs"):
            pytest.skip(f"needs a test folder on a disk's file system, here it is {kind}")
        yield Path(folder)


@namespaces
def test_a_read_only_mount(on_disk: Path) -> None:
    setup = f'mount --bind "{on_disk}" "{on_disk}"; mount -o remount,bind,ro "{on_disk}"'
    found = findings("kernel", setup=setup)
    assert found[str(on_disk)].status is Status.FAIL and "只读挂载" not in found


def test_kernel_errors_count_once_in_one_boot(tmp_path: Path) -> None:
    log = tmp_path / "kernel.log"
    programs = program(tmp_path, "dmesg", f'cat "{log}"')
    log.write_text("[1.0] booted\n[2.0] blk_update_request: I/O error, dev sdb, sector 8\n")
    first = findings("kernel", programs=programs)
    assert first["磁盘与文件系统错误"].status is Status.FAIL
    again = findings("kernel", programs=programs, before=remembered(first))
    assert again["磁盘与文件系统错误"].status is Status.OK
    with log.open("a") as more:
        more.write("[3.0] Out of memory: Killed process 12 (java)\n")
    third = findings("kernel", programs=programs, before=remembered(again))
    assert third["其他内核告警"].status is Status.WARN and third["磁盘与文件系统错误"].status is Status.OK
    log.write_text("[9.0] XFS (sdc1): Metadata corruption detected\n")
    rolled = findings("kernel", programs=programs, before=remembered(third))
    assert rolled["磁盘与文件系统错误"].numbers[0].value == 1


def test_a_dead_mount_delays_nobody(tmp_path: Path) -> None:
    """No server can be made to die here: what asks hangs instead, deaf to everything but kill -9."""
    mounts = tmp_path / "mounts"
    places = [tmp_path / name for name in ("alive", "dead", "dead\\040two", "broken")]
    mounts.write_text("".join(f"192.0.2.9:/x {place} nfs4 rw 0 0\n" for place in places))
    (tmp_path / "alive").mkdir()
    text = "case $2 in */dead*) trap '' TERM HUP INT; exec sleep 7;; */broken*) exit 1;; esac"
    started = time.monotonic()
    found = findings("shares", programs=program(tmp_path, "stat", text), swap=("/proc/mounts", str(mounts)))
    assert time.monotonic() - started < 6
    told = {Path(subject).name: one.summary for subject, one in found.items()}
    assert "可以访问" in told["alive"] and "无法访问" in told["broken"]
    assert "没有应答" in told["dead"] and "没有应答" in told["dead two"]


@pytest.mark.skipif(not (ROOT and Path("/dev/fuse").exists()), reason="needs root and FUSE")
def test_who_asks_a_dead_mount_does_not_stay_stuck_there(tmp_path: Path) -> None:
    """A real mount whose server takes every question and answers none."""
    place = tmp_path / "share"
    place.mkdir()
    options = "fd=3,rootmode=40000,user_id=0,group_id=0"
    setup = f'exec 3<>/dev/fuse; mount -i -t fuse.sshfs -o {options} files:/share "{place}"'
    found = findings("shares", setup=setup)[str(place)]
    assert found.status is Status.FAIL and "没有应答" in found.summary
    left = [path.parent for path in Path("/proc").glob("[0-9]*/cmdline") if str(place) in cmdline(path)]
    for process in left:
        os.kill(int(process.name), signal.SIGKILL)
    assert not left


def cmdline(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended meanwhile
        return ""


@namespaces
def test_a_second_root_and_a_new_key(tmp_path: Path) -> None:
    passwd, folder = tmp_path / "passwd", tmp_path / "home"
    passwd.write_text(f"root:x:0:0::{folder}:/bin/sh\ntoor:x:0:0::/:/bin/sh")
    (folder / ".ssh").mkdir(parents=True)
    key = folder / ".ssh" / "authorized_keys"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    key.write_text('# mine\nno-pty,from="192.0.2.1" ' + (tmp_path / "key.pub").read_text().strip())
    said = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True
    )
    before = Before(approved={"accounts": frozenset({"root uid=0 /bin/sh"}), "keys": frozenset()})
    found = findings("accounts", setup=f'mount --bind "{passwd}" /etc/passwd', before=before)
    assert "toor" in found["UID 0 账户"].summary and "toor" in found["本地账户"].change
    assert said.stdout.split()[1] in found["登录公钥"].summary and "no-pty" in found["登录公钥"].summary
    assert found["登录公钥"].status is Status.FAIL


def test_a_new_port_against_what_was_approved() -> None:
    first = findings("ports")["监听端口"]
    approved = {mark.name: frozenset(mark.text.splitlines()) for mark in first.marks}
    with socket.socket() as server:
        server.bind(("127.77.77.77", 9))
        server.listen()
        found = findings("ports", before=Before(approved=approved))["监听端口"]
    assert found.status is Status.WARN and "127.77.77.77:9" in found.change


@namespaces
def test_the_journal_is_read_on_from_its_cursor(tmp_path: Path) -> None:
    """systemd's own journal needs systemd: a stand-in that answers as it does."""
    entry = "Nov 20 07:11:02 web01 app[7]: it failed"
    text = f"""
echo "$*" >>"{tmp_path}/asked"
case $* in *'-o cat'*) echo x; echo '-- cursor: s=1;i=2'; exit;; *after-cursor=s=1*) exit;; esac
echo '{entry}'; echo '{entry}'; echo '-- cursor: s=1;i=2'"""
    setup = (
        "mount -t tmpfs tmpfs /var/log; mkdir -p /var/log/journal/a; touch /var/log/journal/a/system.journal"
    )
    programs = program(tmp_path, "journalctl", text)
    first = findings("logs", setup=setup, programs=programs)
    assert first["journal"].numbers[0].value == 2 and "app 2 条" in first["journal"].summary
    again = findings("logs", setup=setup, programs=programs, before=remembered(first))
    assert again["journal"].status is Status.OK
    assert "--after-cursor=s=1;i=2" in (tmp_path / "asked").read_text()


def test_backups_by_the_newest_that_fits(tmp_path: Path) -> None:
    for name, hours, size in (("a-1.gz", 50, 99), ("a-2.gz", 2, 2048), ("b-1.gz", 50, 2048)):
        (tmp_path / name).write_bytes(bytes(size))
        os.utime(tmp_path / name, (time.time() - hours * 3600,) * 2)
    paths = [str(tmp_path / name) for name in ("a-*.gz", "b-*.gz", "c-*.gz")]
    host = Host(
        contract="local",
        part="machine",
        name="here",
        os="linux",
        backups=tuple(BackupFile(path=path, min_size=1024) for path in paths),
    )
    found = findings("backups", host=host)
    assert [found[path].status for path in paths] == [Status.OK, Status.FAIL, Status.FAIL]
    assert "a-2.gz" in found[paths[0]].summary and "没有备份" in found[paths[2]].summary
