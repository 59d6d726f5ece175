"""What can be wrong with a host, done to a lab host: really where it can be, else by a bind mount.

Nothing is shared that a lab host has for itself; clock, swap and kernel log are the machine's, and what is
done to those is synthetic.
"""

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import paramiko

from tests.lab.hosts import LabHost
from tests.lab.inspected import Alarm, entry

Work = Callable[[LabHost], object]
# Not the lab's own: nothing of this is let out of the host.
DETACHED = "</dev/null >/dev/null 2>&1 &"
CONNECTIONS, TRIES = 17, 6  # six is what sshd allows in one
ROTATED_ERRORS = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """`found` once it is `done`, and no other alarm; `ready` is what the host has before."""

    name: str
    done: Work
    found: frozenset[Alarm]
    ready: Work = lambda host: None
    systemd: bool = False
    synthetic: bool = False
    # Told once: what a log or a counter gained is no news in the next run.
    past: bool = False
    # Of its line in the inventory.
    fields: Mapping[str, object] = field(default_factory=dict)

    def line(self, host: LabHost) -> dict[str, object]:
        own = {key: host.name if value == "{name}" else value for key, value in self.fields.items()}
        return entry(host, **own)

    def alarms(self, host: LabHost) -> set[Alarm]:
        return {
            (check, subject.format(address=host.address), status) for check, subject, status in self.found
        }


def shell(command: str) -> Work:
    return lambda host: host.run(command)


def alarm(check: str, subject: str, status: str) -> frozenset[Alarm]:
    return frozenset({(check, subject, status)})


def data_disk(*options: str) -> Work:
    """A real ext4 of 16 MiB at /data."""

    def mount(host: LabHost) -> None:
        image = host.folder / "data.img"
        image.touch()
        subprocess.run(["truncate", "-s", "16M", image], check=True)
        subprocess.run(["mkfs.ext4", "-q", *options, image], check=True)
        words = ["losetup", "-f", "--show", image]
        device = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
        number = device.removeprefix("/dev/loop")
        try:
            host.run(f"mknod {device} b 7 {number} && mkdir /data && mount {device} /data")
        finally:  # mounted, it stays until its last user is gone
            subprocess.run(["losetup", "-d", device], check=True)

    return mount


def shadowed(program: str, script: str) -> Work:
    """A bind mount over a program; `{real}` is the program."""
    return shell(
        f"mkdir -p /opt/real && cp -p /usr/bin/{program} /opt/real/ && umask 022 &&"
        f" printf '#!/bin/sh\\n%s\\n' '{script.format(real=f'/opt/real/{program}')}' >/opt/{program} &&"
        f" chmod 755 /opt/{program} && mount --bind /opt/{program} /usr/bin/{program}"
    )


def swap(kib: int) -> Work:
    """In place: a bind mount holds on to the file."""
    words = f"s/^\\(Swap[TF][a-z]*\\): .*/\\1: {kib} kB/"
    return shell(f"sed '{words}' /proc/meminfo >/run/new && cat /run/new >/run/meminfo")


def swap_of_4_gib(host: LabHost) -> None:
    swap(4194300)(host)
    host.run("mount --bind /run/meminfo /proc/meminfo")


def kernel_log(host: LabHost) -> None:
    host.write("/run/kernel.log", "[  1.0] eth0: link is up\n")
    shadowed("dmesg", "cat /run/kernel.log")(host)


RSYSLOG = """\
module(load="imuxsock")
module(load="builtin:omfile" Template="RSYSLOG_TraditionalFileFormat")
*.info /var/log/messages
"""


def syslog(host: LabHost) -> None:
    """A real rsyslogd that writes a real file."""
    host.write("/etc/rsyslog-lab.conf", RSYSLOG)
    host.run("rsyslogd -f /etc/rsyslog-lab.conf -i /run/rsyslogd.pid </dev/null >/dev/null 2>&1")
    write_errors(host, 1)


def write_errors(host: LabHost, count: int) -> None:
    """And wait until they are in the file, under a name or another."""
    size = "cat /var/log/messages* 2>/dev/null | grep -c refused"
    before = int(host.run(size, check=False) or 0)
    host.run(f"for n in $(seq {count}); do logger -p user.err -t app error: refused $n; done")
    deadline = time.monotonic() + 10
    while int(host.run(size, check=False)) < before + count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{host.name}: rsyslogd does not write")
        time.sleep(0.05)


def around(rotation: str) -> Work:
    """Some errors before the log is rotated and some after, all since the last inspection."""

    def rotate(host: LabHost) -> None:
        write_errors(host, 2)
        host.run(rotation)
        write_errors(host, ROTATED_ERRORS - 2)

    return rotate


def journal_rotated(host: LabHost) -> None:
    write = "for n in $(seq {}); do logger -p user.err -t app refused $n; done"
    host.run(write.format(2))
    host.run("journalctl --rotate")
    host.run(write.format(ROTATED_ERRORS - 2))


def guess_passwords(host: LabHost, connections: int = CONNECTIONS, tries: int = TRIES) -> None:
    """From a machine of the lab's network, against the real sshd."""
    with host.lab.inside():
        for _ in range(connections):
            with paramiko.Transport((host.address, 22)) as transport:
                transport.start_client(timeout=10)
                for guess in range(tries):
                    try:
                        transport.auth_password("root", f"guess-{guess}", fallback=False)
                    except paramiko.SSHException:
                        continue


def new_host_key(host: LabHost) -> None:
    kind = "rsa" if host.system.old_ssh else "ed25519"
    file = f"/etc/ssh/ssh_host_{kind}_key"
    host.run(f"rm {file} {file}.pub && ssh-keygen -q -t {kind} -N '' -f {file} && kill -HUP 1")


def ordinary_day(host: LabHost) -> None:
    """What happens on a host with which nothing is wrong; somebody mistypes a password, too."""
    host.run(DAY)
    if host.init == "systemd":
        host.run(DAY_WITH_SYSTEMD)
    guess_passwords(host, 1, 2)


DEAD_SHARE = (
    # A server that takes every question and answers none.
    "mknod /dev/fuse c 10 229 && mkdir /mnt/share && setsid sh -c '"
    "exec 3<>/dev/fuse; mount -i -t fuse.sshfs -o fd=3,rootmode=40000,user_id=0,group_id=0"
    f" files:/share /mnt/share && exec sleep 3600' {DETACHED}"
    " until grep -q /mnt/share /proc/mounts; do sleep 0.1; done"
)
FAILING = "printf '[Service]\\nExecStart=/bin/false\\n' >/etc/systemd/system/agent.service"
LISTEN = "IO::Socket::INET->new(Listen => 5, LocalPort => 8089) or die; sleep 3600"
DAY = (
    # A cache that grows, a server that reads its settings anew, a child that ends.
    "head -c 4000000 /dev/zero >>/tmp/cache; kill -HUP $(cat /run/sshd.pid); sleep 0.1 & wait"
)
DAY_WITH_SYSTEMD = (
    "logger -p user.warning -t app failed once, will retry; logger -p user.info -t app error count 0;"
    " systemctl restart cron; systemctl daemon-reload; journalctl -q --rotate"
)
KEY = (
    "ssh-keygen -q -t ed25519 -N '' -f /tmp/new && cat /tmp/new.pub >>/root/.ssh/authorized_keys"
    " && rm /tmp/new*"
)

FAULTS = (
    Fault(
        "full disk",
        shell("fallocate -l $(($(stat -f -c '%a * %S' /data) - 65536)) /data/full"),
        alarm("linux.disk", "/data", "fail"),
        data_disk(),
    ),
    Fault(
        "full inodes",
        shell("cd /data && seq 1000 | xargs touch 2>/dev/null || :"),
        alarm("linux.inodes", "/data", "fail"),
        data_disk("-N", "128"),
    ),
    Fault(
        "read-only mount",
        shell("mount -o remount,ro /data"),
        alarm("linux.kernel", "/data", "fail"),
        data_disk(),
    ),
    Fault(
        "zombie",
        shell(f"setsid sh -c 'sleep 0.1 & exec sleep 3600' {DETACHED} sleep 0.3"),
        alarm("linux.processes", "僵尸进程", "warn"),
    ),
    Fault(
        "failed unit",
        shell(f"{FAILING} && systemctl start agent; systemctl is-failed --quiet agent"),
        alarm("linux.services", "agent.service", "fail"),
        systemd=True,
    ),
    Fault(
        "log error",
        shell("logger -p user.err -t app connection refused"),
        alarm("linux.logs", "journal", "warn"),
        systemd=True,
        past=True,
    ),
    Fault(
        "log error: journal rotated between two runs",
        journal_rotated,
        alarm("linux.logs", "journal", "warn"),
        systemd=True,
        past=True,
    ),
    Fault(
        "log error: file renamed between two runs",
        around("mv /var/log/messages /var/log/messages-20261121 && kill -HUP $(cat /run/rsyslogd.pid)"),
        alarm("linux.logs", "/var/log/messages", "warn"),
        syslog,
        past=True,
    ),
    Fault(
        "log error: file copied and emptied between two runs",
        around("cp -p /var/log/messages /var/log/messages.1 && : >/var/log/messages"),
        alarm("linux.logs", "/var/log/messages", "warn"),
        syslog,
        past=True,
    ),
    Fault("brute-force logins", guess_passwords, alarm("linux.logins", "失败登录", "fail"), past=True),
    Fault(
        "clock off",
        shadowed("date", 'exec {real} -d "+10 minutes" "$@"'),
        alarm("linux.clock", "时钟偏差", "fail"),
        synthetic=True,
    ),
    Fault("swap gone", swap(0), alarm("linux.swap", "交换空间", "fail"), swap_of_4_gib, synthetic=True),
    Fault(
        "I/O error in the kernel log",
        shell("echo '[  9.0] blk_update_request: I/O error, dev sdb, sector 2048' >>/run/kernel.log"),
        alarm("linux.kernel", "磁盘与文件系统错误", "fail"),
        kernel_log,
        synthetic=True,
        past=True,
    ),
    Fault(
        "new port",
        shell(f"setsid perl -MIO::Socket::INET -e 'my $s = {LISTEN}' {DETACHED} sleep 0.5"),
        alarm("linux.ports", "监听端口", "warn"),
    ),
    Fault("new account", shell("useradd -M visitor"), alarm("linux.accounts", "本地账户", "warn")),
    Fault("new login key", shell(KEY), alarm("linux.accounts", "登录公钥", "fail")),
    Fault("dead network share (FUSE)", shell(DEAD_SHARE), alarm("linux.shares", "/mnt/share", "fail")),
    Fault(
        "changed host key",
        new_host_key,
        alarm("reach", "全部", "unknown") | alarm("security.hostkey", "{address}", "fail"),
    ),
    Fault("dead host", LabHost.unplug, alarm("reach", "全部", "unknown")),
    Fault(
        "password no longer right",
        shell("echo ops:another | chpasswd -c SHA512"),
        alarm("reach", "全部", "unknown"),
        fields={"credential": "ops", "sudo": True},
    ),
    Fault(
        "wrong name",
        shell("hostname web-9"),
        alarm("reach", "全部", "unknown") | alarm("security.hostname", "{address}", "fail"),
        fields={"hostname": "{name}"},
    ),
)
