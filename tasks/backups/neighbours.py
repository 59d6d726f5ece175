"""Whether databases that people work with live on this machine: proof beside them is refused.

A restored copy takes memory and disk, and a slip of a path would hit what must not be touched.
"""

import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.backups.scratch import MARKER
from tasks.model import Database, Host, Target
from tasks.texts import listed, t

PROC = Path("/proc")
SERVERS = frozenset({"mysqld", "mariadbd", "postgres", "postmaster"})
# Every Oracle instance has one, named after it.
ORACLE = "ora_pmon_"
# Run within whatever opens them: they have no server that could live here.
EMBEDDED = frozenset({"sqlite"})
NAMED = 4


@dataclass(frozen=True, slots=True)
class Server:
    pid: int
    name: str
    folder: str


def refusal(targets: Iterable[Target], hosts: Mapping[str, Host]) -> str:
    """Why nothing may be proven here; empty: nothing speaks against it."""
    reasons = []
    if found := list(servers()):
        shown = [
            t("neighbours.server", name=one.name, pid=one.pid, folder=one.folder) for one in found[:NAMED]
        ]
        reasons.append(t("neighbours.running", servers=listed(shown), count=len(found)))
    if here := sorted(one.name for one in targets if lives_here(one, hosts)):
        reasons.append(t("neighbours.listed", names=listed(here[:NAMED]), count=len(here)))
    return t("neighbours.refused", reasons=t("neighbours.and").join(reasons)) if reasons else ""


def servers(proc: Path = PROC) -> Iterator[Server]:
    """Database servers that run now, those of our own scratch folders apart. One that cannot be looked into
    counts as somebody's."""
    for entry in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        name, parent = status(entry)
        if not (name in SERVERS or name.startswith(ORACLE)):
            continue
        if name in SERVERS and status(proc / parent)[0] == name:
            continue  # a worker of one that is told already
        folder = working_folder(entry)
        if not ours(folder):
            yield Server(int(entry.name), name, folder or "?")


def status(process: Path) -> tuple[str, str]:
    """Its name and its parent's number; empty where it has just ended."""
    try:
        content = (process / "stat").read_text("utf-8", "replace")
    except OSError:
        return "", ""
    name, _, rest = content.partition("(")[2].rpartition(")")
    return name, rest.split()[1]


def working_folder(process: Path) -> str:
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""


def ours(folder: str) -> bool:
    path = Path(folder)
    return bool(folder) and any((one / MARKER).is_file() for one in (path, *path.parents))


def lives_here(target: Target, hosts: Mapping[str, Host]) -> bool:
    if not isinstance(target, Database) or target.engine in EMBEDDED:
        return False
    on = [hosts[name] for name in target.hosts if name in hosts]
    return any(one.transport == "local" for one in on) or any(
        is_local(address) for address in {target.address, *(one.address for one in on)} if address
    )


def is_local(address: str) -> bool:
    """Whether this machine answers to it: only then it can be bound."""
    try:
        found = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    return any(bindable(family, where) for family, _, _, _, where in found)


def bindable(family: int, where: tuple[object, ...]) -> bool:
    with socket.socket(family, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind(where)
        except OSError:
            return False
    return True
