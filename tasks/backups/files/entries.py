"""One thing in a directory, as its host tells it, and what of it must come back."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tasks.backups.digests import Digest, Sum

# More digests than that make a manifest that no catalogue reads gladly: then each is of a folder.
MOST_DIGESTS = 5000
NUMBER = re.compile(r"-?\d+(\.\d+)?")


class State(StrEnum):
    TAKEN = "t"
    KEPT = "k"  # as in the backup before: not taken again
    CHANGED = "c"  # while it was read: it has to be there, whatever it holds
    MAYBE = "v"  # came or went meanwhile


@dataclass(slots=True)
class Entry:
    """`meta` as `find` said it, kept as one text because there are many: type, mode, owner, group, size,
    mtime, ctime, inode, device, links. `path` is absolute, and bytes: a host's names are in no encoding."""

    path: bytes
    meta: str
    link: bytes = b""
    sum: str = ""
    state: State = State.TAKEN

    @property
    def type(self) -> str:
        return self.meta[0]

    @property
    def inode(self) -> str:
        return self.meta.split(" ")[7]

    @property
    def size(self) -> int:
        return int(self.meta.split(" ")[4])

    @property
    def changed_at(self) -> int:
        return nanoseconds(self.meta.split(" ")[6])

    @property
    def linked(self) -> tuple[str, str] | None:
        """What it shares with its other names; None: it has one name only."""
        said = self.meta.split(" ")
        return (said[7], said[8]) if said[0] == "f" and said[9] != "1" else None

    @property
    def same(self) -> tuple[str, ...]:
        """Whatever else than the device's number would show that it was touched; a reboot may change that."""
        said = self.meta.split(" ")
        return (*said[:8], said[9])

    @property
    def restored(self) -> str:
        """What of it a restore brings back: type, mode, owner, group, size, mtime."""
        kind, mode, user, group, size, mtime = self.meta.split(" ")[:6]
        return attributes(kind, int(mode, 8), int(user), int(group), int(size), nanoseconds(mtime))


def attributes(kind: str, mode: int, user: int, group: int, size: int, mtime: int) -> str:
    """One text with zeros between, because there are many. A link has no mode of its own, and a size is a
    file's alone."""
    mode = 0 if kind == "l" else mode
    size = size if kind == "f" else 0
    return f"{kind}\0{mode:o}\0{user}\0{group}\0{size}\0{mtime}"


def nanoseconds(said: str) -> int:
    whole, _, part = said.partition(".")
    return int(whole) * 10**9 + int(part[:9].ljust(9, "0"))


def shown(path: bytes, encoding: str) -> str:
    """As text that is valid everywhere; bytes that are none are told as `\\xb4`."""
    return path.decode(encoding, "backslashreplace")


def first_names(linked: Iterable[tuple[bytes, tuple[str, str] | None]]) -> dict[bytes, bytes]:
    """A file of several names → the first of them, by which it is known that they are one."""
    groups: dict[tuple[str, str], list[bytes]] = {}
    for path, key in linked:
        if key:
            groups.setdefault(key, []).append(path)
    return {path: min(paths) for paths in groups.values() if len(paths) > 1 for path in paths}


def depth_for(paths: Collection[bytes], most: int = MOST_DIGESTS) -> int:
    """How many parts of a path name its digest, so that there are not too many."""
    deepest = max((path.count(b"/") + 1 for path in paths), default=1)
    for depth in range(deepest, 1, -1):
        names: set[bytes] = set()
        for path in paths:
            names.add(leading(path, depth))
            if len(names) > most:
                break
        else:
            return depth
    return 1


def leading(path: bytes, depth: int) -> bytes:
    return b"/".join(path.split(b"/", depth)[:depth])


@dataclass(slots=True)
class Sums:
    """The digests of a tree, on either side."""

    depth: int
    encoding: str
    found: dict[bytes, Sum]

    def add(self, path: bytes, *said: bytes | str) -> None:
        group = leading(path, self.depth) or b"/"
        row = [path, *(one.encode() if isinstance(one, str) else one for one in said)]
        self.found.setdefault(group, Sum()).add(b"\0".join(row))

    def digests(self) -> Iterator[Digest]:
        for group, total in sorted(self.found.items()):
            yield Digest("file", shown(group, self.encoding), total.digest, total.count)


def digests_of(entries: Mapping[bytes, Entry], depth: int, encoding: str) -> tuple[Digest, ...]:
    """As the source says it is."""
    sums = Sums(depth, encoding, {})
    told = [entry for entry in entries.values() if entry.state in (State.TAKEN, State.KEPT)]
    first = first_names((entry.path, entry.linked) for entry in told)
    for entry in entries.values():
        if entry.state is State.CHANGED:
            sums.add(entry.path, State.CHANGED)
        elif entry.state is not State.MAYBE:
            sums.add(entry.path, entry.restored, entry.sum, entry.link, first.get(entry.path, b""))
    return tuple(sums.digests())
