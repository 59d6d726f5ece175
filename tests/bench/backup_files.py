"""Backups of directories, damaged; and streams over SSH against the `ssh` program."""

import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path

from tasks.backups.files import listing
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item
from tasks.backups.proof import prove
from tasks.backups.taking import take
from tasks.inventory.credentials import Keyring
from tasks.model import Host
from tasks.transports import Access, open_stream
from tests.bench.backup_damage import Dice, Members, Mutation, Subject, damage
from tests.bench.show import Item as Line
from tests.lab.hosts import lab
from tests.lab.product import access, give_credentials, host_of, trust
from tests.lab.systems import DEBIAN
from tests.unit.backups.places import CONTRACT, place

ARCHIVE, LISTING, BLOCK = "files.tar", "listing", 512
SPEED_SIZE = 600_000_000


@contextmanager
def own_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        before = os.environ.get("OPSPROOF_HOME")
        os.environ["OPSPROOF_HOME"] = name
        try:
            yield Path(name)
        finally:
            os.environ.pop("OPSPROOF_HOME")
            os.environ |= {"OPSPROOF_HOME": before} if before else {}


def damaged() -> Iterator[Line]:
    with own_home() as folder:
        yield from damage(subject(folder), MUTATIONS)


def subject(folder: Path) -> Subject:
    source = folder / "src"
    for number in range(8):
        (source / f"部门{number}").mkdir(parents=True)
    (source / "link").symlink_to("部门1")
    job = {"name": "docs", "targets": ["h"], "method": "files", "paths": [str(source)]}
    made, identities = place(folder, job)
    numbers, dice = count(1), random.Random(3)

    def change() -> None:
        for number in (next(numbers) for _ in range(20)):
            path = source / f"部门{number % 8}" / f"{number}.bin"
            path.write_bytes(dice.randbytes(dice.randrange(8000)))
            path.chmod(dice.choice((0o600, 0o644)))
        (source / "hard").unlink(missing_ok=True)
        os.link(path, source / "hard")
        old = source / f"部门{(number - 17) % 8}" / f"{number - 17}.bin"
        old.write_bytes(dice.randbytes(3000))
        time.sleep(0.03)

    return Subject(
        name="files",
        place=made,
        identities=identities,
        item=Item(
            made.plan.jobs[0], Host(contract=CONTRACT, part="oa", name="h", os="linux", transport="local")
        ),
        access=Access(Keyring(made.home)),
        change=change,
        kinds=(Kind.FULL, Kind.INCREMENTAL, Kind.INCREMENTAL),
        idle=idle,
    )


def idle(member: str, content: bytes, offset: int) -> bool:
    """By the format of tar: what fills the last block of a content and of a map of holes; what stands
    around the digits of a checksum and ends the line of an attribute, which readers skip without a look."""
    return member == ARCHIVE and any(offset in span for span in idle_spans(content))


@lru_cache(4)
def idle_spans(content: bytes) -> list[range]:
    spans, at, holes = [], 0, False
    while at < len(content) and any(header := content[at : at + BLOCK]):
        size = int(header[124:135].strip(b" \0") or b"0", 8) if header[156:157] not in b"125" else 0
        zeros = len(header[148:154]) - len(header[148:154].lstrip(b"0"))
        end = at + BLOCK + size
        spans += [range(at + 148, at + 148 + zeros), range(at + 154, at + 156)]
        if header[156:157] in b"xg":
            spans += line_ends(content, at + BLOCK, end)
            holes = b" GNU.sparse.major=1\n" in content[at + BLOCK : end]
        elif holes:
            spans.append(behind_map(content, at + BLOCK))
        at = -(-end // BLOCK) * BLOCK
        spans.append(range(end, at))
    return spans


def behind_map(content: bytes, start: int) -> range:
    """A number of pieces, then the place and the size of each."""
    lines = content[start:].split(b"\n", 1 + 2 * int(content[start : content.index(b"\n", start)]))
    at = len(content) - len(lines[-1])
    return range(at, start + -(-(at - start) // BLOCK) * BLOCK)


def line_ends(content: bytes, at: int, end: int) -> Iterator[range]:
    while at < end:
        at += int(content[at : content.index(b" ", at)])
        yield range(at - 1, at)


def by_tar(name: str, change: Callable[[list[tuple[tarfile.TarInfo, bytes]], Dice], object]) -> Mutation:
    """A valid archive all the same, with other content."""

    def make(members: Members, dice: Dice) -> Members | None:
        with tarfile.open(fileobj=io.BytesIO(members[ARCHIVE]), errors="surrogateescape") as archive:
            content = [
                (one, archive.extractfile(one).read() if one.isreg() else b"")  # type: ignore[union-attr]
                for one in archive.getmembers()
            ]
        if not any(one.isreg() for one, _ in content) or change(content, dice) is False:
            return None
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as made:
            for one, data in content:
                made.addfile(one, io.BytesIO(data))
        return {**members, ARCHIVE: out.getvalue()}

    return Mutation(name, make)


def some(content: list[tuple[tarfile.TarInfo, bytes]], dice: Dice, kind: str = "isreg") -> int | None:
    fitting = [number for number, (one, _) in enumerate(content) if getattr(one, kind)()]
    return dice.choice(fitting) if fitting else None


def one_byte(content: list[tuple[tarfile.TarInfo, bytes]], dice: Dice) -> bool:
    at = next((n for n, (one, data) in enumerate(content) if data), None)
    if at is None:
        return False
    one, data = content[at]
    content[at] = one, data[:-1] + bytes([data[-1] ^ 1])
    return True


def missing(content: list[tuple[tarfile.TarInfo, bytes]], dice: Dice) -> None:
    number = some(content, dice)
    assert number is not None
    del content[number]


def too_many(content: list[tuple[tarfile.TarInfo, bytes]], dice: Dice) -> None:
    content.append((tarfile.TarInfo("./tmp/planted"), b""))


def twisted(field: str, value: Callable[[object], object], kind: str = "isreg") -> Callable[..., bool]:
    def change(content: list[tuple[tarfile.TarInfo, bytes]], dice: Dice) -> bool:
        number = some(content, dice, kind)
        if number is None:
            return False
        one = content[number][0]
        setattr(one, field, value(getattr(one, field)))
        one.pax_headers = {name: said for name, said in one.pax_headers.items() if name != field}
        return True

    return change


def escaping(content: list[tuple[tarfile.TarInfo, bytes]], dice: Dice) -> None:
    content.append((tarfile.TarInfo("./../../escaped"), b""))


def two_swapped(content: list[tuple[tarfile.TarInfo, bytes]], dice: Dice) -> bool:
    files = [number for number, (one, _) in enumerate(content) if one.isreg()]
    if len(files) < 2:
        return False
    one, other = files[:2]
    content[one][0].name, content[other][0].name = content[other][0].name, content[one][0].name
    for number in (one, other):
        content[number][0].pax_headers = {}
    return True


def listed_otherwise(name: str, old: bytes, new: bytes) -> Mutation:
    """The listing agrees with what was done; only the digests of the source do not."""

    def make(members: Members, dice: Dice) -> Members | None:
        content = members[LISTING]
        listing.read(io.BytesIO(content))
        return {**members, LISTING: content.replace(old, new, 1)} if old in content else None

    return Mutation(name, make)


def together(members: Members, dice: Dice) -> Members | None:
    """One file's mode in the archive and in the listing alike."""
    with tarfile.open(fileobj=io.BytesIO(members[ARCHIVE])) as archive:
        one = next((one for one in archive if one.isreg() and one.mode == 0o600), None)
        if one is None:
            return None
        path, data = one.name[1:].encode(), members[ARCHIVE]
    header = bytearray(data[one.offset_data - BLOCK : one.offset_data])
    header[100:107] = b"0000644"
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\0" % sum(header)
    whole = bytearray(data)
    whole[one.offset_data - BLOCK : one.offset_data] = header
    lines = members[LISTING].split(b"\0")
    at = lines.index(path) - 1
    lines[at] = lines[at].replace(b" 600 ", b" 644 ", 1)
    return {**members, ARCHIVE: bytes(whole), LISTING: b"\0".join(lines)}


MUTATIONS = (
    by_tar("one byte of one file", one_byte),
    by_tar("a file missing", missing),
    by_tar("a file too many", too_many),
    by_tar("another mode", twisted("mode", lambda mode: 0o777)),
    by_tar("another owner", twisted("uid", lambda uid: 4711)),
    by_tar("another time", twisted("mtime", lambda mtime: 1_600_000_000)),
    by_tar("another target of a link", twisted("linkname", lambda name: "/etc/shadow", "issym")),
    by_tar("another name of a file", twisted("linkname", lambda name: "./etc/shadow", "islnk")),
    by_tar("a path that leads out", escaping),
    by_tar("the names of two files swapped", two_swapped),
    listed_otherwise("listed as changed meanwhile", b"\0t f ", b"\0c\0"),
    listed_otherwise("listed as gone meanwhile", b"\0k\0", b"\0v\0"),
    Mutation("a mode, in the listing alike", together),
)


def throughput() -> Iterator[Line]:
    """Over the lab's network: what it costs beside the program that everybody trusts."""
    with own_home() as folder, lab(1, systems=(DEBIAN,)) as made:
        give_credentials(made, os.environ.__setitem__)
        trust(made)
        host = made.host(1)
        host.run(f"head -c {SPEED_SIZE} /dev/urandom >/big")
        with made.inside():
            rounds = [(by_program(made.folder / "key", host.address), by_ours(made)) for _ in range(3)]
        theirs, ours = (sorted(pair[which] for pair in rounds)[1] for which in (0, 1))
        assert folder
    size = SPEED_SIZE / 1e6
    measured = f"{size / ours:.0f} MB/s, ssh program {size / theirs:.0f} MB/s, median of 3"
    yield Line("a stream over SSH", measured, "at least 0.8 of the ssh program", ours <= theirs / 0.8)


def by_program(key: Path, address: str) -> float:
    options = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    started = time.monotonic()
    words = ["ssh", *options, "-o", "LogLevel=ERROR", "-i", str(key), f"root@{address}", "cat /big"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert sum(map(len, iter(lambda: os.read(process.stdout.fileno(), 2**20), b""))) == SPEED_SIZE  # type: ignore[union-attr]
    return time.monotonic() - started


def by_ours(made: object) -> float:
    started, size = time.monotonic(), 0
    with open_stream(host_of(made.host(1)), access(made)).stream("cat /big") as stream:  # type: ignore[attr-defined,arg-type]
        while chunk := stream.read(2**20):
            size += len(chunk)
    assert size == SPEED_SIZE
    return time.monotonic() - started


def memory() -> Iterator[Line]:
    """100,000 files, taken and proven, each in a program of its own."""
    with own_home() as folder:
        many(folder / "src")
        for what in ("take", "prove"):
            started = time.monotonic()
            words = [sys.executable, "-m", __name__, what, str(folder)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            used = int(done.stdout or 0)
            measured = f"{used // 1024} MiB, {time.monotonic() - started:.0f} s {done.stderr[-200:]}"
            fits = not done.returncode and 0 < used <= 200 * 1024
            yield Line(f"files: 100,000 files, {what}", measured, "at most 200 MiB", fits)


def many(source: Path) -> None:
    for number in range(1000):
        part = source / f"{number // 100:02}" / f"{number:04}"
        part.mkdir(parents=True)
        for name in range(100):
            (part / f"file-{name:03}.txt").write_text(f"{number}-{name}")
    time.sleep(0.05)


def work(what: str, folder: Path) -> bool:
    job = {"name": "docs", "targets": ["h"], "method": "files", "paths": [str(folder / "src")]}
    made, _ = place(folder, job, encrypted=False)
    host = Host(contract=CONTRACT, part="oa", name="h", os="linux", transport="local")
    if what == "take":
        return bool(take(made, Item(made.plan.jobs[0], host), Kind.FULL, Access(Keyring(made.home))))
    return prove(made, made.catalogue.all()[-1], Level.L3).holds


def peak() -> int:
    """KiB of this program alone: what `wait4` tells holds the one it was begun by as well."""
    said = Path("/proc/self/status").read_text()
    return int(said.partition("VmHWM:")[2].split()[0])


SHOWS = [damaged, throughput, memory]

if __name__ == "__main__":
    well = work(sys.argv[1], Path(sys.argv[2]))
    print(peak())
    sys.exit(not well)
