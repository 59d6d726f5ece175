"""Lab hosts with a real sshd each, a dozen or a hundred of them, for one test or until `make lab-down`.

    with lab(12, systemd=3) as made:
        made.host(3).run("df -P")
        with made.inside():
            ...  # the product, as if on a machine of that network

Needs root: namespaces, overlay mounts. `missing()` says what is not there.
"""

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from tests.lab import network
from tests.lab.base import ACCOUNTS, base, folder
from tests.lab.systems import ALL, WITH_SYSTEMD, System

PROGRAMS = ("debootstrap", "ip", "unshare", "nsenter", "openssl")
# Without systemd a host is ready in half a second; twelve with it in three.
READY_SECONDS = 60

SSHD = """\
Port 22
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin yes
PasswordAuthentication yes
UsePAM no
UseDNS no
Subsystem sftp internal-sftp
MaxStartups 100
"""
# What OpenSSH 5.3 of CentOS 6 has.
OLD_SSHD = (
    SSHD.replace("ed25519", "rsa")
    + """\
KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1
HostKeyAlgorithms ssh-rsa
PubkeyAcceptedAlgorithms ssh-rsa
Ciphers aes128-cbc,aes128-ctr
MACs hmac-sha1
"""
)


def missing() -> str:
    """Why there can be no lab here; empty: there can."""
    if os.geteuid() != 0:
        return "the lab needs root"
    if absent := [name for name in PROGRAMS if not shutil.which(name)]:
        return f"the lab needs {', '.join(absent)} (deployments/test-packages.sh installs them)"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "the lab needs overlay file systems"
    return ""


@dataclass(frozen=True)
class LabHost:
    lab: "Lab"
    number: int
    system: System
    init: str = "sshd"

    @property
    def name(self) -> str:
        return f"lab-{self.number:03}"

    @property
    def address(self) -> str:
        return network.address(self.number)

    @property
    def namespace(self) -> str:
        return f"{self.lab.name}-{self.number}"

    @property
    def folder(self) -> Path:
        return self.lab.folder / str(self.number)

    @property
    def credential(self) -> str:
        return "lab-key-rsa" if self.system.old_ssh else "lab-key"

    def up(self, root: Path) -> "subprocess.Popen[bytes]":
        self.furnish()
        return self.start(root)

    def furnish(self) -> None:
        """Its own files over the base, before the first process sees them."""
        up = self.folder / "up"
        for made in (up, self.folder / "work", self.folder / "root"):
            made.mkdir(parents=True)
        files = {
            "etc/hostname": f"{self.name}\n",
            "etc/hosts": f"127.0.0.1 localhost {self.name}\n",
            "etc/ssh/sshd_config": OLD_SSHD if self.system.old_ssh else SSHD,
            "etc/shadow": self.lab.shadow,
            **self.system.files,
        }
        for path, content in files.items():
            (up / path).parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                os.mknod(up / path, 0o20000, os.makedev(0, 0))  # overlayfs: not there
            else:
                (up / path).write_text(content)
        (up / "etc/shadow").chmod(0o640)
        self._keys(up)
        if self.init == "systemd":
            wants = up / "etc/systemd/system/multi-user.target.wants"
            wants.mkdir(parents=True)
            (wants / "ssh.service").symlink_to("/lib/systemd/system/ssh.service")

    def _keys(self, up: Path) -> None:
        kind = "rsa" if self.system.old_ssh else "ed25519"
        write_key(up / f"etc/ssh/ssh_host_{kind}_key", new_key(kind))
        (up / "root/.ssh").mkdir(parents=True, mode=0o700)
        (up / "root").chmod(0o700)
        public = "".join((self.lab.folder / f"{name}.pub").read_text() for name in ("key", "key-rsa"))
        (up / "root/.ssh/authorized_keys").write_text(public)

    def start(self, root: Path) -> "subprocess.Popen[bytes]":
        script = Path(__file__).with_name("boot.sh")
        enter = ["nsenter", f"--net={network.NETNS / self.namespace}", "unshare"]
        enter += ["-m", "--propagation", "private", "-u", "-i", "-p", "-f"]
        words = ["sh", script, self.folder, root, self.name, f"{self.address}/16", self.init]
        groups = network.cgroup_root()
        if self.init == "systemd" and groups:
            own = groups / self.lab.name / str(self.number)
            own.mkdir(parents=True, exist_ok=True)
            enter = ["sh", "-c", f'echo $$ >"{own}/cgroup.procs"; exec "$@"', "sh", *enter, "-C"]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(
                [*enter, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @cached_property
    def pid(self) -> int:
        """Its first process, as seen from outside."""
        for pid in network.processes([self.namespace]):
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                if status.partition("NSpid:")[2].split("\n")[0].split()[1:] == ["1"]:
                    return pid
        raise ProcessLookupError(f"{self.name} is not up: {(self.folder / 'log').read_text()}")

    def run(self, command: str, check: bool = True, stdin: str = "") -> str:
        """As root on the host, past SSH; what it printed."""
        spaces = ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
        path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            [*spaces, "env", "-i", path, "sh", "-c", command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {command}: {done.stderr}")
        return done.stdout

    def write(self, path: str, content: str) -> None:
        self.run(f"cat >'{path}'", stdin=content)

    def unplug(self) -> None:
        """As if its power or its cable were gone: nothing answers, not even with a refusal."""
        network.ip("-n", self.lab.name, "link", "set", f"v{self.number}", "down")

    def plug_in(self) -> None:
        network.ip("-n", self.lab.name, "link", "set", f"v{self.number}", "up")

    @property
    def host_key(self) -> tuple[str, str]:
        """Type and key, as known_hosts has them."""
        kind = "rsa" if self.system.old_ssh else "ed25519"
        type_, key = self.run(f"cat /etc/ssh/ssh_host_{kind}_key.pub").split()[:2]
        return type_, key


@dataclass
class Lab:
    """`password` is every account's; `key` and `key-rsa` in the folder are root's. `packages`: what its hosts
    have beside what every host has."""

    name: str
    hosts: tuple[LabHost, ...] = ()
    packages: tuple[str, ...] = ()
    started: "list[subprocess.Popen[bytes]]" = field(default_factory=list, repr=False)
    password: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)

    @property
    def folder(self) -> Path:
        return folder() / self.name

    def host(self, number: int) -> LabHost:
        return self.hosts[number - 1]

    def inside(self) -> contextlib.AbstractContextManager[None]:
        return network.inside(self.name)

    def run(self, words: Sequence[str | Path], **options: Any) -> "subprocess.CompletedProcess[str]":
        """A program of this machine in the lab's network."""
        inside = ["nsenter", f"--net={network.NETNS / self.name}", *words]
        return subprocess.run(inside, **{"capture_output": True, "text": True, "timeout": 300, **options})

    @cached_property
    def shadow(self) -> str:
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"], input=self.password, capture_output=True, text=True
        ).stdout.strip()
        lines = (base(self.packages) / "etc/shadow").read_text().splitlines()
        lines = [line for line in lines if not line.startswith("root:")]
        lines += [f"{name}:{hashed}:19000:0:99999:7:::" for name in ("root", *ACCOUNTS)]
        return "".join(f"{line}\n" for line in lines)

    def start(self) -> None:
        root = base(self.packages)
        (self.folder / "password").write_text(self.password)
        (self.folder / "password").chmod(0o600)
        for name, kind in (("key", "ed25519"), ("key-rsa", "rsa")):
            write_key(self.folder / name, new_key(kind))
        allow_watches(sum(host.init == "systemd" for host in self.hosts))
        network.connect(self.name, [host.number for host in self.hosts])
        with ThreadPoolExecutor(4) as pool:
            self.started += pool.map(lambda host: host.up(root), self.hosts)
        with self.inside():
            for host in self.hosts:
                network.answers(host.address, 22, READY_SECONDS)


def allow_watches(machines: int) -> None:
    """Each systemd takes five of the kernel's 128 inotify instances."""
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    if machines and int(limit.read_text()) < 1024:
        limit.write_text("8192")


def new_key(kind: str) -> Any:
    return (
        ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    )


def write_key(path: Path, key: Any, passphrase: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
    path.touch(0o600)
    path.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, hidden))
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    path.with_name(f"{path.name}.pub").write_bytes(public + b" lab\n")


def plan(name: str, count: int, systemd: int, systems: Sequence[System]) -> Lab:
    """The first hosts run systemd."""
    made = Lab(name)
    kinds = [WITH_SYSTEMD[n % len(WITH_SYSTEMD)] for n in range(systemd)]
    kinds += [systems[n % len(systems)] for n in range(count - systemd)]
    made.hosts = tuple(
        LabHost(made, n, system, "systemd" if n <= systemd else "sshd") for n, system in enumerate(kinds, 1)
    )
    return made


@contextlib.contextmanager
def lab(
    count: int, systemd: int = 0, systems: Sequence[System] = ALL, packages: Sequence[str] = ()
) -> Iterator[Lab]:
    made = plan(f"{network.PREFIX}{secrets.token_hex(4)}", count, systemd, systems)
    made.packages = tuple(packages)
    handle = network.claim(made.name)
    try:
        made.start()
        yield made
    finally:
        network.remove(made.name)
        for process in made.started:
            process.wait()
        os.close(handle)


def standing() -> Lab:
    """The lab of `make lab`, which outlives the command."""
    return plan(f"{network.PREFIX}standing", count=19, systemd=12, systems=ALL)


def up() -> Lab:
    made = standing()
    down()
    handle = network.claim(made.name)
    try:
        made.start()
        (made.folder / network.STANDING).touch()
    except BaseException:
        network.remove(made.name)
        raise
    finally:
        os.close(handle)
    return made


def down() -> None:
    with network.alone("labs"):
        network.remove(standing().name)
