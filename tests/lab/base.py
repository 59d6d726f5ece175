"""The read-only root that all lab hosts share: a small Debian, made once and kept outside the checkout."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PACKAGES = [
    "openssh-server",
    "sudo",
    "tcsh",
    "procps",
    "iproute2",
    "iputils-ping",
    "systemd",
    "systemd-sysv",
    "dbus",
    "rsyslog",
    "cron",
]
SUITE = "bookworm"
# Who logs in, with what shell, and what sudo lets them do.
ACCOUNTS = {
    "ops": ("/bin/bash", "ALL=(ALL) NOPASSWD: ALL"),
    "ops-password": ("/bin/bash", "ALL=(ALL) ALL"),
    "ops-refused": ("/bin/bash", ""),
    "ops-tcsh": ("/bin/tcsh", "ALL=(ALL) ALL"),
    "ops-noisy": ("/bin/bash", "ALL=(ALL) NOPASSWD: ALL"),
    "ops-nologin": ("/usr/sbin/nologin", ""),
}
NOISE = "echo 'Welcome: authorised use only'\necho 'a warning from the profile' >&2\n"
UID = 2000
# What makes no sense in a container.
MASKED = [
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-logind.service",
    "getty.target",
    "console-getty.service",
    "systemd-timesyncd.service",
    "systemd-networkd.service",
    "dev-hugepages.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-fs-fuse-connections.mount",
    "systemd-remount-fs.service",
    "systemd-modules-load.service",
    "systemd-sysctl.service",
    "e2scrub_reap.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "fstrim.timer",
    "e2scrub_all.timer",
    "systemd-journald-audit.socket",
    "dpkg-db-backup.timer",
    "systemd-pcrphase.service",
    "systemd-firstboot.service",
]


def folder() -> Path:
    """Where labs live; no checkout and no clean-up of temporary files gets at it."""
    made = Path(os.environ.get("OPSPROOF_LAB") or "/var/tmp/opsproof-lab")
    made.mkdir(parents=True, exist_ok=True)
    made.chmod(0o755)
    return made


@contextmanager
def alone(name: str) -> Iterator[None]:
    with (folder() / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def base(more: Sequence[str] = ()) -> Path:
    """Its name holds what it was made of: a change of this file, or more packages, make another one."""
    recipe = hashlib.sha256(Path(__file__).read_bytes() + " ".join(more).encode()).hexdigest()[:12]
    path = folder() / f"base-{recipe}"
    with alone("base"):
        if not path.exists():
            make(path, [*PACKAGES, *more])
    return path


def make(path: Path, packages: Sequence[str]) -> None:
    half = Path(tempfile.mkdtemp(dir=folder(), prefix=".base-"))
    try:
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE, half, *mirror()],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        half.chmod(0o755)
        furnish(half)
        half.rename(path)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise


def mirror() -> list[str]:
    """The one that this machine's apt uses, if it has that suite."""
    lines = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [line.split()[1] for line in lines if line.split()[:1] == [SUITE]][:1]


def furnish(root: Path) -> None:
    for number, (name, (shell, sudo)) in enumerate(ACCOUNTS.items(), UID):
        home = root / "home" / name
        home.mkdir(parents=True, mode=0o755)
        os.chown(home, number, number)
        append(root / "etc/passwd", f"{name}:x:{number}:{number}::/home/{name}:{shell}\n")
        append(root / "etc/group", f"{name}:x:{number}:\n")
        if sudo:
            append(root / "etc/sudoers.d/lab", f"{name} {sudo}\n")
    append(root / "etc/sudoers.d/lab", "Defaults lecture=always\n")
    (root / "etc/sudoers.d/lab").chmod(0o440)
    for file in (".bashrc", ".profile"):
        (root / "home/ops-noisy" / file).write_text(NOISE)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    units = root / "etc/systemd/system"
    for unit in MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (units / "default.target").unlink(missing_ok=True)
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    journal = root / "etc/systemd/journald.conf.d"
    journal.mkdir(parents=True, exist_ok=True)
    (journal / "lab.conf").write_text("[Journal]\nStorage=persistent\nSystemMaxUse=16M\n")
    (root / "var/log/journal").mkdir(exist_ok=True)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)
