"""An archive laid out again, in a folder that it cannot get out of: links are made and never followed,
devices and pipes only noted. Whoever is not root cannot give files away: owners and modes are noted then.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
import tarfile
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from tasks.backups import CouldNotLook, Unsound
from tasks.backups.files.entries import State, Sums, attributes, first_names, nanoseconds
from tasks.backups.files.listing import Expected
from tasks.texts import listed, t

CHUNK = 2**20
BLOCK = 512
ZEROS = bytes(CHUNK)
NAMED = 8
KINDS = {
    tarfile.DIRTYPE: "d",
    tarfile.SYMTYPE: "l",
    tarfile.FIFOTYPE: "p",
    tarfile.BLKTYPE: "b",
    tarfile.CHRTYPE: "c",
}
# What GNU tar and our own write into pax records: any other word is one of these with a letter changed.
WORDS = re.compile(
    r"path|linkpath|size|uid|gid|uname|gname|mtime|hdrcharset|RHT\.security\.selinux"
    r"|GNU\.sparse\.(major|minor|name|realsize)|SCHILY\.(xattr\..+|acl\.(access|default))",
    re.DOTALL,
)
TIME = re.compile(r"-?\d+(\.\d{1,9})?")
# No fault of the archive's: no room, no right, a name that is too long for this machine (NTFS takes 255
# characters of any kind, ext4 255 bytes).
OURS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS),
    *(errno.EACCES, errno.EPERM, errno.ENAMETOOLONG),
)
# What a file is, by the disk it lies on.
FORMATS = {stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFREG: "f"}


@dataclass(slots=True)
class Header:
    """A member as the archive describes it. `target`: of a link, or the first name of the same file."""

    said: str
    target: bytes = b""
    sum: str = ""
    again: bool = False


@dataclass
class Tree:
    folder: bytes
    headers: dict[bytes, Header] = field(default_factory=dict)
    # Folders that were seen to be real ones: everything below them is inside.
    _real: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.root = os.geteuid() == 0
        os.makedirs(self.folder, 0o700, exist_ok=True)  # noqa: PTH103 - names are bytes

    def apply(self, stream: BinaryIO, expected: Mapping[bytes, Expected]) -> None:
        """One archive over what is there, which then is what its listing says and nothing else."""
        before, self.headers = self.headers, {}
        watched = Watched(stream)
        try:
            for path, member, archive in members(watched):
                one = expected.get(path)
                self._put(one.path if one else path, member, archive)
                if one and self._fits(one, header := self.headers[one.path]):
                    header.said, header.sum = one.said, one.sum or header.sum  # the same, kept once
            watched.must_have_ended()
        except (tarfile.TarError, ValueError, EOFError) as problem:
            raise Unsound(t("files.bad_archive", reason=problem)) from problem
        except OSError as problem:
            if problem.errno in OURS:
                raise CouldNotLook(t("files.cannot_lay_out", reason=problem)) from problem
            raise Unsound(t("files.cannot_lay_out", reason=problem)) from problem
        self._must_fit(expected, before)
        for path, header in before.items():
            if path not in self.headers and kept(expected.get(path)):
                self.headers[path] = header
        self._remove_others(expected)

    def _put(self, path: bytes, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        place = self._place(path)
        kind = KINDS.get(member.type, "f")
        header = Header(
            attributes(kind, member.mode, member.uid, member.gid, size_of(member), mtime_of(member)),
            encoded(member.linkname),
        )
        self.headers[path] = header
        if kind != "d" or not is_folder(place):
            self._clear(path, place)
        if kind == "d":
            if not is_folder(place):
                os.mkdir(place, 0o700)  # noqa: PTH102
            self._real.add(path)
        elif kind == "l":
            os.symlink(header.target, place)  # noqa: PTH211
        elif member.islnk():
            header.target, header.again = inside(header.target), True
            os.link(self._place(header.target), place, follow_symlinks=False)
        elif member.isreg():
            content: Any = archive.extractfile(member)
            header.sum = written(content, place, member.size)
        if kind in "fl" and not header.again:
            self._attributes(place, header)

    def _place(self, path: bytes) -> bytes:
        """Where it goes, all folders above it being real ones of this tree."""
        above = os.path.dirname(path)  # noqa: PTH120
        if above not in self._real and above != b"/":
            place = self._place(above)
            if not os.path.lexists(place):
                os.mkdir(place, 0o700)  # noqa: PTH102
            if not is_folder(place):
                raise ValueError(t("files.escapes", path=path.decode("utf-8", "backslashreplace")))
            self._real.add(above)
        return self.folder + path

    def _clear(self, path: bytes, place: bytes) -> None:
        if not os.path.lexists(place):
            return
        if is_folder(place):
            self._real = {one for one in self._real if one != path and not one.startswith(path + b"/")}
            shutil.rmtree(place)
        else:
            os.unlink(place)  # noqa: PTH108

    def _attributes(self, place: bytes, header: Header) -> None:
        kind, mode, user, group, _, mtime = header.said.split("\0")
        if self.root:
            os.chown(place, int(user), int(group), follow_symlinks=False)
            if kind != "l":
                os.chmod(place, int(mode, 8))  # noqa: PTH101
        os.utime(place, ns=(int(mtime), int(mtime)), follow_symlinks=False)

    def finish(self) -> None:
        """Folders last, the deepest first: whatever is put into one changes its time."""
        for path in sorted((path for path, one in self.headers.items() if one.said[0] == "d"), reverse=True):
            self._attributes(self.folder + path, self.headers[path])

    def _must_fit(self, expected: Mapping[bytes, Expected], before: Container[bytes]) -> None:
        """The archive against the listing: all of it, nothing else, and each as it should be."""
        wrong = [path for path in self.headers if not taken(expected.get(path))]
        for path, one in expected.items():
            header = self.headers.get(path)
            if one.state is State.KEPT:
                fits = path in before
            elif one.state is State.TAKEN:
                fits = header is not None and self._fits(one, header)
            else:
                fits = header is not None or one.state is State.MAYBE
            if not fits:
                wrong.append(path)
        if wrong:
            named = listed(one.decode("utf-8", "backslashreplace") for one in wrong[:NAMED])
            raise Unsound(t("files.does_not_fit", count=len(wrong), named=named))

    def _fits(self, one: Expected, header: Header) -> bool:
        if header.again:
            first = self.headers.get(header.target)
            return first is not None and not first.again and alike(header, first) and self._fits(one, first)
        target = header.target if header.said[0] == "l" else b""
        return header.said == one.said and target == one.link and one.sum in ("", header.sum)

    def _remove_others(self, expected: Mapping[bytes, Expected]) -> None:
        leading = {above for path in expected for above in all_above(path)}
        for path, place in self.walk():  # from below: what is taken away has been walked
            one = expected.get(path)
            gone = one is None or (one.state is State.MAYBE and path not in self.headers)
            if gone and path not in leading:
                self._clear(path, place)

    def walk(self) -> Iterator[tuple[bytes, bytes]]:
        for folder, folders, files in os.walk(self.folder, topdown=False):
            above = folder[len(self.folder) :]
            for name in (*folders, *files):
                yield above + b"/" + name, folder + b"/" + name

    def sums(self, expected: Mapping[bytes, Expected], depth: int, encoding: str) -> Sums:
        """As it lies there now."""
        told = {one.path for path, _ in self.walk() if (one := expected.get(path)) and kept(one)}
        names = (path for path in told if expected[path].state is not State.CHANGED)
        first = first_names((path, several(self.folder + path)) for path in names)
        sums = Sums(depth, encoding, {})
        for path, one in expected.items():
            place = self.folder + path
            if one.state is State.CHANGED:
                if path in told or path in self.headers:
                    sums.add(path, State.CHANGED)
            elif one.state is not State.MAYBE and (path in told or path in self.headers):
                sums.add(path, *self._found(path, place), first.get(path, b""))
        return sums

    def _found(self, path: bytes, place: bytes) -> tuple[bytes | str, ...]:
        noted = self.headers.get(path)
        while noted and noted.again:
            noted = self.headers.get(noted.target)
        if not os.path.lexists(place):
            return (noted.said if noted else "", "", b"")
        there = os.lstat(place)
        kind = FORMATS.get(stat.S_IFMT(there.st_mode), "?")
        mode, user, group = stat.S_IMODE(there.st_mode), there.st_uid, there.st_gid
        if not self.root and noted:
            _, as_noted, *owners = noted.said.split("\0")[:4]
            mode, user, group = int(as_noted, 8), *map(int, owners)
        said = attributes(kind, mode, user, group, there.st_size, there.st_mtime_ns)
        link = os.readlink(place) if kind == "l" else b""  # noqa: PTH115
        return (said, summed(place) if kind == "f" else "", link)


class Watched:
    """An archive on its way, and whether nothing but zeros follows its last member."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = self.last = self.end = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        if content := len(chunk.rstrip(b"\0")):
            self.last = self.size + content
        self.size += len(chunk)
        return chunk

    def must_have_ended(self) -> None:
        while self.read(CHUNK):
            pass
        if self.last > self.end or self.size - self.end < 2 * BLOCK or self.size % BLOCK:
            raise EOFError(t("files.cut"))


def members(watched: Watched) -> Iterator[tuple[bytes, tarfile.TarInfo, tarfile.TarFile]]:
    stream: Any = watched
    with tarfile.open(None, "r|", stream, CHUNK, encoding="utf-8", errors="surrogateescape") as archive:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # it would keep all of them
            if strange := [word for word in member.pax_headers if not WORDS.fullmatch(word)]:
                raise ValueError(strange[0])
            yield inside(encoded(member.name)), member, archive
            watched.end = archive.offset


def encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def inside(name: bytes) -> bytes:
    """`./etc/passwd` → `/etc/passwd`; a name that leads out is refused."""
    parts = [part for part in name.split(b"/") if part != b"."]
    if b".." in parts or name.startswith(b"/") or b"\0" in name:
        raise ValueError(t("files.escapes", path=name.decode("utf-8", "backslashreplace")))
    return b"/" + b"/".join(part for part in parts if part)


def mtime_of(member: tarfile.TarInfo) -> int:
    exact = member.pax_headers.get("mtime")
    if exact and not TIME.fullmatch(exact):
        raise ValueError(exact)
    return nanoseconds(exact) if exact else int(member.mtime) * 10**9


def size_of(member: tarfile.TarInfo) -> int:
    """Of one with holes as far as its map goes, piece behind piece; a map that is none fits no size."""
    pieces: Any = member.sparse
    if pieces is None:
        return member.size
    at = 0
    for start, size in pieces:
        if start < at or size < 0:
            return -1
        at = start + size
    return at


def alike(again: Header, first: Header) -> bool:
    """Two names of one file are said to have the same mode, owner, group and time; links have no mode."""
    parts = (2, 3, 5) if first.said[0] == "l" else (1, 2, 3, 5)
    one, other = again.said.split("\0"), first.said.split("\0")
    return all(one[part] == other[part] for part in parts)


def all_above(path: bytes) -> Iterator[bytes]:
    """The folders that lead to it."""
    while path := path.rpartition(b"/")[0]:
        yield path


def kept(one: Expected | None) -> bool:
    return one is not None and one.state is not State.MAYBE


def taken(one: Expected | None) -> bool:
    return one is not None and one.state is not State.KEPT


def is_folder(place: bytes) -> bool:
    return os.path.isdir(place) and not os.path.islink(place)  # noqa: PTH112, PTH114


def several(place: bytes) -> tuple[str, str] | None:
    found = os.lstat(place)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink < 2:
        return None
    return str(found.st_ino), str(found.st_dev)


def written(content: BinaryIO, place: bytes, size: int) -> str:
    """Holes stay holes. Its sum."""
    summed_, total = hashlib.sha256(), 0
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        while chunk := content.read(CHUNK):
            summed_.update(chunk)
            total += len(chunk)
            if chunk == ZEROS[: len(chunk)]:
                file.seek(total)
            else:
                file.write(chunk)
        file.truncate(total)
    if total != size:
        raise EOFError(t("files.cut"))
    return summed_.hexdigest()


def summed(place: bytes) -> str:
    with open(place, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()
