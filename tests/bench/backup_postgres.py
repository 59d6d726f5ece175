"""Backups of PostgreSQL, damaged; and how long they take beside the bare tools."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tasks.backups.manifest import Kind
from tasks.backups.postgres import wal
from tasks.backups.taking import take
from tests.bench.backup_damage import Dice, Members, Mutation, Subject, damage
from tests.bench.show import Item as Line
from tests.lab.postgresql import BIN, Server, access, folder, server
from tests.lab.postgresql_backups import allow, subject

OBJECTS = (
    "CREATE ROLE clerk NOLOGIN",
    "CREATE TABLE t (id int PRIMARY KEY, said text, price double precision, what bytea)",
    "CREATE TABLE log (said text)",
    "CREATE INDEX by_said ON t (said)",
    "CREATE VIEW v AS SELECT said FROM t WHERE id > 10",
    "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN INSERT INTO public.log VALUES (NEW.said); RETURN NEW; END $$",
    "CREATE TRIGGER kept AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION kept()",
    "GRANT SELECT ON t TO clerk",
)
ROWS = 200
BLOCK = 512


@contextmanager
def at_home(made: Path) -> Iterator[None]:
    before = os.environ.get("OPSPROOF_HOME")
    os.environ["OPSPROOF_HOME"] = str(made)
    try:
        yield
    finally:
        os.environ.pop("OPSPROOF_HOME")
        os.environ |= {"OPSPROOF_HOME": before} if before else {}


def damaged(
    name: str, method: str, kinds: tuple[Kind, ...], idle: Callable[[str, bytes, int], bool]
) -> Iterator[Line]:
    with server() as source, folder() as home, at_home(home):
        allow(source)
        source.sql(*OBJECTS)
        numbers = count(1)

        def change() -> None:
            first = next(numbers) * ROWS
            source.sql(
                "INSERT INTO t SELECT g, '第' || g || '行', g / 7.0::float8, decode(md5(g::text), 'hex')"
                f" FROM generate_series({first}, {first + ROWS - 1}) AS g"
            )

        between = {"between": "log"} if len(kinds) > 1 else {}
        place, identities, item = subject(home, source, method, **between)
        made = Subject(
            name=name,
            place=place,
            identities=identities,
            item=item,
            access=access(),
            change=change,
            kinds=kinds,
            idle=idle,
        )
        mutations = DUMP_MUTATIONS if method == "postgres-dump" else physical_mutations(home, identities)
        yield from damage(made, mutations)


def physical() -> Iterator[Line]:
    kinds = (Kind.FULL, Kind.LOG)
    yield from damaged("PostgreSQL physical and log", "postgres-physical", kinds, idle_physical)


def dumped() -> Iterator[Line]:
    yield from damaged("PostgreSQL dump", "postgres-dump", (Kind.FULL,), idle_dump)


def idle_physical(member: str, content: bytes, offset: int) -> bool:
    """By the formats: what fills a tar's last block of a file, headers of its archive beside name, size and
    checksum, and what stands between the records of the log."""
    if member == "wal":
        return idle_log(content, offset)
    if member == "base.tar":
        return idle_tar(content, offset)
    return False


def idle_tar(content: bytes, offset: int) -> bool:
    at = 0
    while at + BLOCK <= len(content):
        size = int(content[at + 124 : at + 135].strip(b"\0 ") or b"0", 8)
        whole = -(-size // BLOCK) * BLOCK
        if at <= offset < at + BLOCK + whole:
            # pg_verifybackup looks neither at the log nor at directories.
            name = content[at : at + 100].split(b"\0")[0]
            elsewhere = name.startswith(b"pg_wal/") or content[at + 156 : at + 157] == b"5"
            return offset >= at + BLOCK + size or not any(content[at : at + BLOCK]) or elsewhere
        at += BLOCK + whole
    return True


def idle_log(content: bytes, offset: int) -> bool:
    """Records are put on borders of eight bytes; a segment that was left early ends in nothing."""
    _, _, _, start = wal.struct.unpack_from("<HHIQ", content)
    log = wal.Log(start, 2**20)
    log.data += content
    try:
        for record in log.records(log.end):
            if record.lsn <= start + offset < record.end:
                size = wal.struct.unpack_from("<I", content, record.lsn - start)[0]
                crossed = record.lsn // wal.PAGE != (record.end - 1) // wal.PAGE
                return not crossed and start + offset >= record.lsn + size
    except Exception:  # noqa: BLE001 - behind the last whole record
        return False
    # A page's header counts; the rest between records does not.
    return (start + offset) % wal.PAGE >= wal.LONG_HEADER


# Names of the archive's own settings and comments, which no restore looks at, are not to be told from
# others here: a bit in them that changes nothing that is restored is no damage.
def idle_dump(member: str, content: bytes, offset: int) -> bool:
    if member == "globals.sql":
        end = content.find(b"\n", offset)
        line = content[content.rfind(b"\n", 0, offset) + 1 : end if end >= 0 else None]
        return not line.strip() or line.startswith((b"--", b"SET ", b"\\"))
    return idle_archive(content, offset)


def idle_archive(content: bytes, offset: int) -> bool:
    """Header, and what of the table of contents says when and by what it was made: dates and versions; and
    how `template1` itself would be made and dropped, which is there already wherever it is restored."""
    begin = content.find(b"CREATE DATABASE template1 ")
    end = content.find(b";", content.find(b"UPDATE pg_catalog.pg_database SET datistemplate", begin)) + 2
    return offset < 64 or 0 <= begin <= offset < end


def edited(name: str, old: bytes, new: bytes) -> Mutation:
    """A dump that is as valid as before: as many bytes, other content."""
    assert len(old) == len(new)

    def make(members: Members, dice: Dice) -> Members | None:
        changed = {key: data.replace(old, new, 1) for key, data in members.items()}
        return changed if changed != members else None

    return Mutation(name, make)


def blanked(name: str, begin: bytes) -> Mutation:
    """A statement in the table of contents made a comment of the same length."""

    def make(members: Members, dice: Dice) -> Members | None:
        changed = {key: data.replace(begin, b"--" + begin[2:], 1) for key, data in members.items()}
        return changed if changed != members else None

    return Mutation(name, make)


DUMP_MUTATIONS = (
    edited("one row changed", "第203行".encode(), "第293行".encode()),
    edited("a price changed", b"29.142857142857142", b"29.142857142857152"),
    edited("NULL for a value", b"\t\\\\x", b"\t\\Nx"),
    blanked("table missing", b"CREATE TABLE public.log ("),
    blanked("trigger missing", b"CREATE TRIGGER kept "),
    blanked("index missing", b"CREATE INDEX by_said "),
    blanked("view missing", b"CREATE VIEW public.v "),
    blanked("grant missing", b"GRANT SELECT ON TABLE public.t TO clerk"),
    blanked("role missing", b"CREATE ROLE clerk"),
    edited(
        "grant to somebody else",
        b"GRANT SELECT ON TABLE public.t TO clerk",
        b"GRANT DELETE ON TABLE public.t TO clerk",
    ),
)


def physical_mutations(home: Path, identities: Any) -> tuple[Mutation, ...]:
    """Log of another cluster, and files of which one was changed with its list of checksums left as it is."""
    with server() as other, folder() as place, at_home(place):
        allow(other)
        made, keys, item = subject(place, other, "postgres-physical")
        backup = take(made, item, Kind.FULL, access())
        them = Subject(name="", place=made, identities=keys, item=item, access=access(), change=lambda: None)
        foreign = them.plain(backup)

    def log(members: Members, dice: Dice) -> Members | None:
        return {**members, "wal": foreign["wal"]}

    def files(members: Members, dice: Dice) -> Members | None:
        return {**foreign, "wal": members["wal"]} if "base.tar" in members else None

    def row(members: Members, dice: Dice) -> Members | None:
        old = "第203行".encode()
        changed = {key: data.replace(old, "第293行".encode(), 1) for key, data in members.items()}
        return changed if changed != members else None

    def early(members: Members, dice: Dice) -> Members | None:
        return {**members, "wal": members["wal"][: -(2**17)]} if len(members["wal"]) > 2**18 else None

    return (
        Mutation("log of another cluster", log),
        Mutation("files of another cluster", files),
        Mutation("one row changed", row),
        Mutation("end of the log missing", early),
    )


# How long it takes.
SIZE = 550
RUNS = 3


def speed() -> Iterator[Line]:
    with server(shared_buffers="256MB", max_wal_size="2GB") as source, folder() as home, at_home(home):
        allow(source)
        source.sql(
            "CREATE TABLE acc AS SELECT g AS id, g % 100 AS bid, 0 AS bal, md5(g::text) || repeat(' ', 52)"
            f" AS filler FROM generate_series(1, {SIZE * 7200}) AS g",
            "VACUUM FREEZE acc",
            "CHECKPOINT",
        )
        ((size,),) = source.sql("SELECT sum(pg_database_size(oid))::bigint / 1048576 FROM pg_database")
        jobs = {level: one_job(home / level, source, level) for level in ("L3", "L2")}
        bare, ours, without = [], [], []
        for _ in range(RUNS):
            bare.append(timed(lambda: by_hand(source, home / "bare.zst")))
            without.append(timed(jobs["L2"]))
            ours.append(timed(jobs["L3"]))
        for name, found, limit in (("files and log", without, 1.15), ("with the digests for L3", ours, None)):
            ratio = statistics.median(found) / statistics.median(bare)
            said = f"{statistics.median(found):.2f} s against {statistics.median(bare):.2f} s: {ratio:.2f} x"
            target = f"<= {limit} x" if limit else "told"
            yield Line(f"PostgreSQL {size} MiB taken, {name}", said, target, limit is None or ratio <= limit)


def one_job(home: Path, source: Server, level: str) -> Callable[[], None]:
    home.mkdir()
    made, _, item = subject(home, source, "postgres-physical", level=level)

    def run() -> None:
        take(made, item, Kind.FULL, access())

    return run


def by_hand(source: Server, to: Path) -> None:
    words = f"{BIN}/pg_basebackup -h 127.0.0.1 -p {source.port} -U postgres -Ft -X fetch -c fast -D -"
    subprocess.run(f"set -e; {words} | zstd -q -f -1 > {to}; sync {to}", shell=True, check=True)


def timed(what: Callable[[], None]) -> float:
    started = time.monotonic()
    what()
    return time.monotonic() - started


SHOWS = [physical, dumped, speed]
