"""A folder for proof that nothing outlives: marked, locked while in use, cleared with all that ran in it.

The marker is the only thing that lets a folder be deleted; what has none was never ours.
"""

import contextlib
import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tasks import clock
from tasks.errors import OpsError, Refused
from tasks.files import write_whole
from tasks.model import Host
from tasks.texts import t, why
from tasks.transports import Access

MARKER = ".opsproof-scratch"
LOCK = ".lock"
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The host that proof is done on where an engine needs one of its own, and what it is called there."""

    host: Host
    access: Access
    programs: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Scratch:
    """`user`: who servers run as where we are root, because they refuse root. `afterwards`: what else has to
    be undone when it goes."""

    folder: Path
    keep_free: int = 0
    elsewhere: Elsewhere | None = None
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    afterwards: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def room(self) -> int:
        found = os.statvfs(self.folder)
        return max(found.f_bavail * found.f_frsize - self.keep_free, 0)

    def need(self, size: int) -> None:
        if self.room() < size:
            raise OpsError(t("backups.scratch_full", need=size / 2**30, room=self.room() / 2**30))

    def start(
        self, command: Sequence[str], log: Path, user: str = "", environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """A server in a session of its own that ends with us, its words in `log`."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*alone(user), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", **(environment or {})},
            )
        self.running.append(process)
        return process

    def stop(self, process: "subprocess.Popen[bytes]", how: int = signal.SIGTERM) -> None:
        if process.poll() is None:
            process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.running.remove(process)

    def give_to(self, user: str) -> None:
        """All that is in it, and the folder: a server writes where it runs."""
        if os.geteuid() != 0 or not user:
            return
        found = pwd.getpwnam(user)
        for path, folders, files in os.walk(self.folder):
            for name in (".", *folders, *files):
                os.chown(Path(path) / name, found.pw_uid, found.pw_gid, follow_symlinks=False)


def alone(user: str) -> list[str]:
    """Words before a command: without a network and as another user where we are root; and whatever happens
    to this process, kill -9 included, the kernel then ends what it started."""
    if os.geteuid() != 0:
        return ["setpriv", "--pdeathsig", "KILL", "--"]
    found = pwd.getpwnam(user or "root")
    who = ["--reuid", str(found.pw_uid), "--regid", str(found.pw_gid), "--clear-groups"]
    return ["unshare", "--net", "--", "setpriv", *who, "--pdeathsig", "KILL", "--"]


@contextmanager
def scratch(root: Path, keep_free: int = 0, elsewhere: Elsewhere | None = None) -> Iterator[Scratch]:
    """A new one, after what dead runs left has been cleared; gone at the end."""
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o711)
        clear_dead(root)
        folder = root / f"{clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        folder.mkdir(mode=0o700)  # what is restored in it is nobody else's to read
        marker = {"pid": os.getpid(), "since": clock.now().isoformat(timespec="seconds")}
        write_whole(folder / MARKER, json.dumps(marker).encode())
    except OSError as problem:
        raise OpsError(t("backups.no_scratch", path=root, reason=why(problem))) from problem
    with locked(folder):
        made = Scratch(folder, keep_free, elsewhere)
        try:
            yield made
        finally:
            for process in list(made.running):
                made.stop(process, signal.SIGKILL)
            try:
                made.afterwards.close()
            finally:
                remove(folder)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Once it has its name it is held: another run that looks in between would take the folder for dead."""
    with (folder / f"{LOCK}.new").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(lock.name).rename(folder / LOCK)
        yield


def clear_dead(root: Path) -> list[Path]:
    """Folders of runs that are no more; those without our marker are nobody's to delete."""
    cleared = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink()):
        if (folder / MARKER).is_file() and not in_use(folder):
            end_all_in(folder)
            remove(folder)
            cleared.append(folder)
    return cleared


def in_use(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        # Between its marker and its lock: a run that is only beginning.
        return time.time() - (folder / MARKER).stat().st_mtime < STOP_SECONDS


def end_all_in(folder: Path) -> None:
    """Servers whose working folder it is: what was started there and outlived its run."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            inside = (process / "cwd").readlink()
            if inside.is_relative_to(folder.resolve()):
                os.kill(int(process.name), signal.SIGKILL)


def remove(folder: Path) -> None:
    if not (folder / MARKER).is_file():
        raise Refused(t("backups.not_scratch", path=folder))
    for path in sorted(folder.iterdir()):
        if path.name != MARKER:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (folder / MARKER).unlink()
    folder.rmdir()
