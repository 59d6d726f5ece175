"""Physical backups of a real MariaDB, damaged: bits, pages, rows, tables, grants, links of other chains."""

import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache

from tasks.backups.manifest import Kind
from tests.bench.backup_damage import Dice, Members, Mutation, Subject, damage
from tests.bench.show import Item
from tests.lab.mysql_backup import kit

MEMBER = "data.xbstream"
MAGIC = b"XBSTCK01"
PAYLOAD = ord("P")
PAGE, ARIA_PAGE = 16384, 8192
# What a table's rows are known by in its pages.
MARK = b"marked-row-"
CRC32C = [0] * 256
for number in range(256):
    value = number
    for _ in range(8):
        value = value >> 1 ^ 0x82F63B78 * (value & 1)
    CRC32C[number] = value


def crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = CRC32C[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


# A chunk: where it begins, flags, type, path, payload, offset in its file.
Chunk = tuple[int, int, int, bytes, bytes, int]


@lru_cache(4)
def chunks(stream: bytes) -> tuple[Chunk, ...]:
    found, at = [], 0
    while at < len(stream):
        assert stream[at : at + 8] == MAGIC
        flags, kind, size = struct.unpack_from("<BBI", stream, at + 8)
        path, after = stream[at + 14 : at + 14 + size], at + 14 + size
        payload, offset = b"", 0
        if kind == PAYLOAD:
            length, offset, _ = struct.unpack_from("<QQI", stream, after)
            payload = stream[after + 20 : after + 20 + length]
            after += 20 + length
        found.append((at, flags, kind, path, payload, offset))
        at = after
    return tuple(found)


def written(parts: list[Chunk]) -> bytes:
    made = []
    for _, flags, kind, path, payload, offset in parts:
        made.append(MAGIC + struct.pack("<BBI", flags, kind, len(path)) + path)
        if kind == PAYLOAD:
            made.append(struct.pack("<QQI", len(payload), offset, zlib.crc32(payload)) + payload)
    return b"".join(made)


def idle(member: str, content: bytes, offset: int) -> bool:
    """The flags of a chunk: they only say that a reader who does not know its type may go on."""
    return member == MEMBER and content[:8] == MAGIC and any(one[0] + 8 == offset for one in chunks(content))


def superseded(path: bytes, stream: bytes) -> bool:
    """An increment brings all that is not InnoDB's whole again: the full backup's is not used."""
    of_innodb = path.endswith((b".ibd", b".delta", b".meta", b"ib_logfile0", b"xtrabackup_info"))
    return not of_innodb and not any(one[3].endswith(b".delta") for one in chunks(stream))


def without(name: str, *paths: bytes) -> Mutation:
    def make(members: Members, dice: Dice) -> Members | None:
        if superseded(paths[-1], members[MEMBER]):
            return None
        kept = [one for one in chunks(members[MEMBER]) if not one[3].endswith(paths)]
        return {**members, MEMBER: written(kept)}

    return Mutation(name, make)


def inside(name: str, path: bytes, change: Callable[[bytearray, Dice], bool]) -> Mutation:
    """One chunk's payload changed, its checksum made to fit."""

    def make(members: Members, dice: Dice) -> Members | None:
        if superseded(path, members[MEMBER]):
            return None
        parts, done = [], False
        for one in chunks(members[MEMBER]):
            payload = bytearray(one[4])
            if not done and one[3].endswith(path) and payload:
                done = change(payload, dice)
            parts.append((*one[:4], bytes(payload), one[5]))
        return {**members, MEMBER: written(parts)} if done else None

    return Mutation(name, make)


def one_value(payload: bytearray, dice: Dice) -> bool:
    """In a row of a page that is right in every other way."""
    places = [at for at in range(0, len(payload) - PAGE + 1, PAGE) if MARK in payload[at : at + PAGE]]
    if not places:
        return False
    at = dice.choice(places)
    page = payload[at : at + PAGE]
    page[page.index(MARK) + len(MARK)] ^= 1
    page[-4:] = crc32c(bytes(page[:-4])).to_bytes(4)
    payload[at : at + PAGE] = page
    return True


def one_page_bit(payload: bytearray, dice: Dice) -> bool:
    """In a page with something in it: an empty one may be all zeros."""
    places = [at for at in range(0, len(payload) - PAGE + 1, PAGE) if any(payload[at : at + PAGE])]
    if not places:
        return False
    payload[dice.choice(places) + dice.randrange(PAGE)] ^= 1 << dice.randrange(8)
    return True


def replaced(old: bytes, new: bytes) -> Callable[[bytearray, Dice], bool]:
    def change(payload: bytearray, dice: Dice) -> bool:
        if old not in payload:
            return False
        payload[:] = payload.replace(old, new)
        return True

    return change


def in_aria(old: bytes, new: bytes) -> Callable[[bytearray, Dice], bool]:
    """The checksum begins with a number of the table's that stands elsewhere: it is carried over."""

    def change(payload: bytearray, dice: Dice) -> bool:
        before = bytes(payload)
        for at in range(0, len(before), ARIA_PAGE):
            page = before[at : at + ARIA_PAGE - 4]
            made = page.replace(old, new)
            held = int.from_bytes(before[at + ARIA_PAGE - 4 : at + ARIA_PAGE], "little")
            fits = held ^ zlib.crc32(page) ^ zlib.crc32(made)
            payload[at : at + ARIA_PAGE] = made + fits.to_bytes(4, "little")
        return bytes(payload) != before

    return change


MUTATIONS = (
    inside("one row changed in a sound page", b"app/marked.ibd", one_value),
    inside("a bit in a page", b"app/marked.ibd", one_page_bit),
    inside("a bit in a page of a full backup", b"app/t.ibd", one_page_bit),
    inside("a bit in a page of the system's tables", b"mysql/innodb_table_stats.ibd", one_page_bit),
    without(
        "table missing", b"app/twice.ibd", b"app/twice.frm", b"app/twice.ibd.meta", b"app/twice.ibd.delta"
    ),
    without("a table's file missing", b"app/numbers.ibd"),
    without("trigger missing", b".TRG", b".TRN"),
    without("view missing", b"app/seen.frm"),
    without("MyISAM rows missing", b"app/old.MYD"),
    without("a database's settings missing", b"app/db.opt"),
    without("accounts missing", b"mysql/global_priv.MAD", b"mysql/global_priv.MAI", b"mysql/global_priv.frm"),
    inside("a schema's grant changed", b"mysql/db.MAD", in_aria(b"readers", b"raaders")),
    inside("everybody's rights changed", b"mysql/db.MAD", in_aria(b"public", b"pablic")),
    inside("a table's grant changed", b"mysql/tables_priv.MAD", in_aria(b"clerk", b"clark")),
    inside("a column's grant changed", b"mysql/columns_priv.MAD", in_aria(b"note", b"nose")),
    inside("a routine's grant changed", b"mysql/procs_priv.MAD", in_aria(b"clerk", b"clark")),
    inside("a proxy changed", b"mysql/proxies_priv.MAD", in_aria(b"chief", b"thief")),
    inside("a role given to another", b"mysql/roles_mapping.MAD", in_aria(b"clerk", b"clark")),
    inside("an account renamed", b"mysql/global_priv.MAD", in_aria(b"clerk", b"clark")),
    inside("a default role changed", b"mysql/global_priv.MAD", in_aria(b'"readers"', b'"raaders"')),
    inside("a routine changed", b"mysql/proc.MAD", in_aria(b"RETURN a + 1", b"RETURN a + 2")),
    inside("a bit in a page of Aria", b"mysql/proc.MAD", replaced(b"RETURN a + 1", b"RETURN a + 3")),
    inside("a MyISAM row changed", b"app/old.MYD", replaced(b"m", b"n")),
    without("what it says of itself missing", b"xtrabackup_info"),
    without("the log of changes missing", b"ib_logfile0"),
)


def shown() -> Iterator[Item]:
    with kit("mysql-physical") as made:
        made.server.sql(
            "CREATE TABLE app.marked (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(60), note VARCHAR(9))",
            "INSERT INTO app.marked (v) SELECT CONCAT('marked-row-', seq) FROM app.seq_1_to_500",
            "GRANT SELECT (note) ON app.marked TO 'clerk'@'10.99.%'",
        )
        # Its redo log would write over what is changed in Aria's files, if it had to go so far back.
        made.server.stop()
        made.server.start()
        turns = itertools.count(1)

        def change() -> None:
            turn = next(turns)
            made.server.sql(
                "INSERT INTO app.marked (v)"
                f" SELECT CONCAT('marked-row-', {turn}, '-', seq) FROM app.seq_1_to_50",
                f"UPDATE app.t SET v = MD5(CONCAT(v, {turn})) WHERE id % 50 = {turn % 50}",
            )

        yield from damage(
            Subject(
                name="MariaDB, physical, full and incremental",
                place=made.place,
                identities=made.identities,
                item=made.item,
                access=made.access,
                change=change,
                kinds=(Kind.FULL, Kind.INCREMENTAL),
                idle=idle,
            ),
            MUTATIONS,
        )


SHOWS = [shown]
