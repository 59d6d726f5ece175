"""A folder of our own on an Oracle host, for what its tools can only write to disk: bounded, marked, emptied
whatever happens, by the next run if need be.
"""

import os
import platform
import re
import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks.backups import Sink
from tasks.backups.oracle.host import UNIT, OracleHost
from tasks.errors import OpsError
from tasks.texts import t
from tasks.transports.streaming import Fed

MARKER = ".opsproof-staging"
OURS = re.compile(r"^opsproof-[0-9a-f]{12}$")
FOLDER = re.compile(r"^/[A-Za-z0-9._/-]+$")
PIECE = re.compile(r"^[A-Za-z0-9._-]+$")

LISTED = """\
for folder in {root}/opsproof-*; do
    [ -d "$folder" ] && [ ! -L "$folder" ] && [ -f "$folder/{marker}" ] || continue
    printf '%s\\037%s\\n' "${{folder##*/}}" "$(cat "$folder/{marker}")"
done
"""
# What still runs in it is ended first; only a marker of ours lets anything be removed.
REMOVED = """\
folder={folder}
[ -d "$folder" ] && [ ! -L "$folder" ] && [ -f "$folder/{marker}" ] || exit 0
inside=$(find /proc/[0-9]* -maxdepth 1 -name cwd \\( -lname "$folder" -o -lname "$folder/*" \\) 2>/dev/null)
for link in $inside; do
    process=${{link#/proc/}}
    process=${{process%/cwd}}
    [ "$process" = "$$" ] || kill -9 "$process" 2>/dev/null
done
find "$folder" -xdev -depth -mindepth 1 ! -name {marker} -delete
rm -f "$folder/{marker}"
rmdir "$folder"
"""


def root_of(host: OracleHost, name: str, missing: str) -> str:
    root = host.programs.get(name, "").rstrip("/")
    if not root:
        raise OpsError(t(f"oracle_backup.{missing}"))
    if not FOLDER.match(root) or ".." in root or root.count("/") < 2:
        raise OpsError(t("oracle_backup.bad_folder", path=root))
    return root


def enough_room(host: OracleHost, root: str, need: int) -> None:
    quoted = shlex.quote(root)
    said = host.sh(f"mkdir -p {quoted} && df -Pk {quoted} | awk 'NR == 2 {{ print $4 }}'").split()
    room = int(said[-1]) * 1024 if said and said[-1].isdigit() else 0
    if room < need:
        raise OpsError(t("oracle_backup.no_room", path=root, need=need / 2**30, room=room / 2**30))


@contextmanager
def staging(host: OracleHost, root: str, need: int) -> Iterator[str]:
    """A new folder, after there is room for it; nothing of it stays."""
    enough_room(host, root, need)
    folder = f"{root}/opsproof-{secrets.token_hex(6)}"
    quoted = shlex.quote(folder)
    host.sh(f"mkdir {quoted} && printf %s {shlex.quote(whose())} > {quoted}/{MARKER}")
    try:
        yield folder
    finally:
        remove(host, folder)


def remove(host: OracleHost, folder: str) -> None:
    if OURS.match(folder.rpartition("/")[2]):
        host.sh(REMOVED.format(folder=shlex.quote(folder), marker=MARKER))


def clear_dead(host: OracleHost, root: str, before: Callable[[str], None] = lambda _: None) -> list[str]:
    """Folders of runs of this machine that are no more; another machine's may be at work still."""
    cleared = []
    listed = host.sh(LISTED.format(root=shlex.quote(root), marker=MARKER)).decode("utf-8", "replace")
    for line in listed.splitlines():
        name, _, owner = line.partition(UNIT)
        if OURS.match(name) and dead(owner):
            before(f"{root}/{name}")
            remove(host, f"{root}/{name}")
            cleared.append(f"{root}/{name}")
    return cleared


def whose() -> str:
    return f"{platform.node()} {os.getpid()} {begun(os.getpid())}"


def begun(process: int) -> str:
    """When it started, in ticks since boot: a number is used again, both together are not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def dead(owner: str) -> bool:
    node, _, rest = owner.partition(" ")
    process, _, since = rest.partition(" ")
    return node == platform.node() and process.isdigit() and begun(int(process)) != since


class Whole:
    """A file on its way, compared with the size that its host told."""

    def __init__(self, source: Fed, name: str, size: int) -> None:
        self._source, self._name, self._size, self._read = source, name, size, 0

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._source.read(size)
        self._read += len(chunk)
        if not chunk and self._read != self._size:
            text = t("oracle_backup.piece_short", name=self._name, read=self._read, size=self._size)
            raise OpsError(text)
        return chunk


def files_in(host: OracleHost, folder: str) -> dict[str, int]:
    """Name → size."""
    script = f"cd {shlex.quote(folder)} && find . -type f ! -name {MARKER} -exec stat -c '%s %n' {{}} +"
    found = {}
    for line in host.sh(script).decode("utf-8", "replace").splitlines():
        size, _, name = line.partition(" ")
        found[name.removeprefix("./")] = int(size)
    return found


def carry_off(host: OracleHost, folder: str, expected: Sequence[str], sink: Sink) -> list[str]:
    """Every file that is there, which are those that the tool named; gone from there afterwards."""
    found = files_in(host, folder)
    strange = sorted(found.keys() ^ set(expected)) + [name for name in found if not PIECE.match(name)]
    if strange:
        raise OpsError(t("oracle_backup.piece_strange", names=" ".join(strange)[:300]))
    for name, size in sorted(found.items()):
        path = shlex.quote(f"{folder}/{name}")
        with host.stream(f"exec cat {path}") as stream:
            sink.send(name, Whole(stream, name, size))
        host.sh(f"rm -f {path}")
    return sorted(found)


def bring(host: OracleHost, folder: str, name: str, feed: Fed) -> None:
    """`feed` into a file there; its bytes are counted by who opened it."""
    if not PIECE.match(name):
        raise OpsError(t("oracle_backup.piece_strange", names=name[:300]))
    host.sh(f"exec cat > {shlex.quote(f'{folder}/{name}')}", feed=feed)
