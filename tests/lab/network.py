"""The namespaces, processes and folders of one lab: made, found again by name, and removed whole."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.lab.base import alone, folder

NETNS = Path("/run/netns")
# Private, and reachable from inside a lab's own network namespace alone.
NETWORK = "10.99"
CLONE_NEWNET = 0x40000000
PREFIX = "opsproof-"
STANDING = "standing"


def ip(*words: str, lines: Iterable[str] = (), force: bool = False) -> None:
    """One `ip`, or a batch of commands in one process: two hundred single ones take seconds."""
    batch = ["-force", "-batch", "-"] if force else ["-batch", "-"]
    text = "".join(f"{line}\n" for line in lines)
    subprocess.run(
        ["ip", *words, *(batch if text else [])],
        input=text.encode(),
        check=not force,
        stderr=subprocess.DEVNULL if force else None,
    )


def address(number: int) -> str:
    return f"{NETWORK}.{1 + number // 200}.{1 + number % 200}"


def connect(name: str, numbers: Iterable[int]) -> None:
    """A bridge in a namespace of its own; behind each of its ports a namespace with one `eth0`."""
    numbers = list(numbers)
    ip("netns", "add", name)
    bridge = ["link set lo up", "link add br0 type bridge", f"addr add {NETWORK}.0.1/16 dev br0"]
    ip("-n", name, lines=[*bridge, "link set br0 up"])
    ip(lines=[f"netns add {name}-{n}" for n in numbers])
    ip(lines=[f"link add v{n} netns {name} type veth peer name eth0 netns {name}-{n}" for n in numbers])
    ip("-n", name, lines=[f"link set v{n} master br0 up" for n in numbers])


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """This thread, and what it starts from here, in the lab's network; other threads stay outside."""
    with Path("/proc/thread-self/ns/net").open() as own, (NETNS / name).open() as other:
        enter(other.fileno())
        try:
            yield
        finally:
            enter(own.fileno())


def enter(handle: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def answers(host: str, port: int, seconds: float) -> None:
    """Wait until SSH greets there; called from inside."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection((host, port), timeout=2) as sock:
                if sock.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"{host} does not answer")
        time.sleep(0.02)


def claim(name: str) -> int:
    """The folder of a lab, locked for as long as this process lives; remains of others are removed."""
    with alone("labs"):
        sweep()
        (folder() / name).mkdir()
        handle = os.open(folder() / name / "owner", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def sweep() -> None:
    """The kernel drops a lock with its process, however that died: what nobody holds is remains."""
    for path in folder().glob(f"{PREFIX}*"):
        if (path / STANDING).exists():
            continue
        with (path / "owner").open("a") as file, contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(path.name)


def namespaces(name: str) -> list[str]:
    return [path.name for path in NETNS.glob(f"{name}*") if path.name == name or path.name[len(name)] == "-"]


def processes(names: Iterable[str]) -> list[int]:
    """Those in the network namespaces of these names, whatever they are called."""
    marks = set()
    for name in names:
        with contextlib.suppress(OSError):
            marks.add((NETNS / name).stat().st_ino)
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{entry.name}/ns/net").stat().st_ino in marks:
                    found.append(int(entry.name))
    return found


def remove(name: str) -> None:
    """Everything that carries the lab's name; no process is ended that is not in its networks."""
    names = namespaces(name)
    deadline = time.monotonic() + 20
    while left := processes(names):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {left} of {name} do not end")
        time.sleep(0.05)
    if names:
        ip(force=True, lines=[f"netns del {one}" for one in names])
    remove_cgroups(name)
    shutil.rmtree(folder() / name, ignore_errors=True)


def cgroup_root() -> Path | None:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    return None


def remove_cgroups(name: str) -> None:
    root = cgroup_root()
    if root is None:
        return
    for path, _, _ in os.walk(root / name, topdown=False):
        for _ in range(50):  # the kernel lets go of a dead process's group a little later
            try:
                Path(path).rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.02)
