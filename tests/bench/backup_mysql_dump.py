"""Dumps of a real MariaDB and its binary logs, damaged in every way; dumped while 1,000 transactions a second
are written; rolled forward to a moment.
"""

import re
import time
from collections.abc import Iterator, Sequence

from tasks import clock
from tasks.backups.manifest import Kind
from tests.bench.backup_damage import Dice, Members, Mutation, Subject, damage, recomputed_damage
from tests.bench.show import Item
from tests.lab.mysql_backup import Kit, kit, writing

DATA, FLOATS, TRIGGERS, ACCOUNTS = "1-data.sql", "2-floats.sql", "3-triggers.sql", "4-accounts.sql"
PITR_ROWS = 200

# What stands for nothing in SQL: comments, what a session had set before, the conditions under which a
# comment is a statement, where numbering goes on, stand-ins of views that are not made yet, and, outside of
# quotes, space and the case of letters.
LINE_COMMENT = re.compile(rb"(?m)^--[^\n]*\n|^/\*M?![0-9]* ?(?:SET|set)[^\n]*\n")
STAND_IN = re.compile(rb"-- Temporary table structure for view.*?(?=\n--\n)", re.S)
QUOTED = re.compile(rb"'(?:[^'\\]|\\.|'')*'|`[^`]*`|\"(?:[^\"\\]|\\.)*\"", re.S)
CONDITION = re.compile(rb"/\*M?!\d+|AUTO_INCREMENT=\d+")


def idle(member: str, content: bytes, offset: int) -> bool:
    if not member.endswith(".sql") or offset < content.index(b"\n"):
        return False
    start, end = max(content.rfind(b"\n", 0, offset) + 1, 0), content.find(b"\n", offset)
    line = content[start : end if end >= 0 else len(content)] + b"\n"
    if LINE_COMMENT.match(line):
        return not content[offset:].startswith(b"\n") and b"Dump completed" not in line
    before = content.rfind(b"-- Temporary table structure for view", 0, offset)
    if before >= 0 and b"\n--\n" not in content[before + 60 : offset].split(b"\n--\n", 1)[-1]:
        stand_in = STAND_IN.match(content, before)
        if stand_in and offset < stand_in.end():
            return True
    at = offset - start
    if any(found.start() <= at < found.end() for found in CONDITION.finditer(line)):
        return True
    if any(found.start() <= at < found.end() for found in QUOTED.finditer(line)):
        return False
    return line[at : at + 1].isalpha() or line[at : at + 1].isspace()


def replaced(member: str, pattern: bytes, by: bytes, count: int = 1) -> Mutation:
    """`pattern` is there, or the mutation is none."""

    def make(members: Members, dice: Dice) -> Members | None:
        if member not in members:
            return None
        changed, number = re.subn(pattern, by, members[member], count=count, flags=re.S | re.M)
        return {**members, member: changed} if number else None

    return Mutation(f"{pattern[:40].decode()!r} in {member}", make)


MUTATIONS: Sequence[Mutation] = (
    # One row changed, one twice, one missing, NULL for '', another table's row.
    replaced(DATA, rb"\((\d+),'([0-9a-f]{31})[0-9a-f]',", rb"(\1,'\g<2>g',"),
    replaced(DATA, rb"^\('x','y'\),$", rb"('x','y'),\n('x','y'),"),
    replaced(DATA, rb"^\('x','y'\),\n", rb""),
    replaced(DATA, rb"^\(NULL,''\)", rb"('','')"),
    replaced(DATA, rb"^\('',''\)", rb"('',NULL)"),
    replaced(DATA, rb"INSERT INTO `aria` VALUES\n\(1,'a'\)(.*)INSERT INTO `old` VALUES\n\(1,'m'\)",
             rb"INSERT INTO `aria` VALUES\n(1,'m')\1INSERT INTO `old` VALUES\n(1,'a')"),
    replaced(FLOATS, rb"0\.1000000014", rb"0.1000000113"),
    replaced(DATA, rb"CREATE TABLE `aria`.*?;\n.*?INSERT INTO `aria`[^;]*;", rb""),
    replaced(DATA, rb"KEY `v` \(`v`,`w`\)", rb"KEY `v` (`v`)"),
    replaced(DATA, rb"utf8mb4_bin", rb"utf8mb4_general_ci"),
    replaced(DATA, rb"^/\*!50106 CREATE.*?EVENT.*?;;$", rb""),
    replaced(DATA, rb"RETURN a \+ 1", rb"RETURN a + 2"),
    replaced(DATA, rb"CREATE DEFINER=[^ ]* PROCEDURE.*?;;$", rb";;"),
    replaced(DATA, rb"WHERE id < 0", rb"WHERE id > 0"),
    replaced(TRIGGERS, rb"^(?:/\*!50003 )?CREATE.*?TRIGGER.*?;;$", rb""),
    replaced(TRIGGERS, rb"CONCAT\(NEW.v, '!'\)", rb"CONCAT(NEW.v, '?')"),
    replaced(ACCOUNTS, rb"^GRANT EXECUTE ON PROCEDURE[^;]*;\n", rb""),
    replaced(ACCOUNTS, rb"^CREATE USER IF NOT EXISTS `clerk`[^;]*;\n", rb""),
    replaced(ACCOUNTS, rb"GRANT SELECT ON `app`", rb"GRANT ALL PRIVILEGES ON `app`"),
    replaced(ACCOUNTS, rb"^GRANT PROXY ON [^;]*clerk[^;]*;\n", rb""),
    replaced(ACCOUNTS, rb"^SET DEFAULT ROLE[^;]*;\n", rb""),
    replaced(ACCOUNTS, rb"^REPLACE INTO mysql.db[^;]*;\n", rb""),
    replaced(DATA, rb"-- Dump completed.*", rb""),
    replaced(DATA, rb"VALUES\n.*\Z", rb""),
    replaced(DATA, rb"^-- opsproof 1-data", rb"-- opsproof 0-data"),
)  # fmt: skip


def damaged_dumps() -> Iterator[Item]:
    """A dump with the log behind it; and each change of content in a dump of its own."""
    with kit("mysql-dump") as one:
        yield from damage(subject_of(one, Kind.FULL, Kind.LOG), MUTATIONS)
        alone = subject_of(one, Kind.FULL)
        old, new = alone.chain(), alone.chain()
        content = alone.plain(new[0])
        idle_ones = [one.name for one in MUTATIONS if one.make(dict(content), Dice(1)) in (None, content)]
        assert not idle_ones, idle_ones
        yield recomputed_damage(alone, old, new, MUTATIONS, len(MUTATIONS), Dice(7))


def subject_of(one: Kit, *kinds: Kind) -> Subject:
    def change() -> None:
        one.server.sql(
            "INSERT INTO app.t (v, w) VALUES (UUID(), 1)", "UPDATE app.numbers SET f = f + 1 WHERE f > 1"
        )

    return Subject(
        name="MariaDB dump" + " and logs" * (len(kinds) > 1),
        place=one.place,
        identities=one.identities,
        item=one.item,
        access=one.access,
        change=change,
        kinds=kinds,
        idle=idle,
    )


def busy_dumps() -> Iterator[Item]:
    """Exact under load, and how long commits stood still for it."""
    with kit("mysql-dump") as one:
        one.server.sql("CREATE TABLE app.w (id INT PRIMARY KEY, f FLOAT)")
        held, bad, rates = [], [], []
        with writing(one.server, lambda n: f"INSERT INTO app.w VALUES ({n}, {n} / 7)") as count:
            time.sleep(1)
            for number in range(4):
                before, started = count[0], time.monotonic()
                backup = one.take(Kind.LOG if number % 2 else Kind.FULL)
                rates.append((count[0] - before) / (time.monotonic() - started))
                proof = one.prove(backup)
                if not proof.holds:
                    bad.append(proof.failed or proof.unsure)
                if not number % 2:
                    held.append(float(backup.manifest.facts["begun_seconds"]) * 1000)
        measured = (
            f"{4 - len(bad)} of 4 at L3 {bad[:1] or ''}, {min(rates):.0f}–{max(rates):.0f} writes/s meanwhile"
        )
        yield Item("MariaDB dump and log, exact while written to", measured, "4 of 4 at L3", not bad)
        shown = " and ".join(f"{one:.0f}" for one in held)
        yield Item(
            "Commits stood still for the dump's snapshot", f"{shown} ms", "≤ 1,000 ms", max(held) <= 1000
        )


def moments() -> Iterator[Item]:
    """To a GTID and to a second in the middle of a log: what the source had then."""
    with kit("mysql-dump") as one:
        one.take()
        yield rolled_to_gtid(one)
        yield rolled_to_time(one)


def rolled_to_gtid(one: Kit) -> Item:
    for number in range(PITR_ROWS):
        one.server.sql(f"INSERT INTO app.t (v, w) VALUES ('gtid', {number})")
        if number == PITR_ROWS // 2:
            gtid, expected = state(one)
    started = time.monotonic()
    with one.opened(one.take(Kind.LOG), gtid=gtid) as instance:
        found = {one.name: one for one in instance.digests(())}["app.t"].count
    seconds = time.monotonic() - started
    return Item(
        "Rolled forward to a GTID", f"{found} rows in {seconds:.1f} s", f"{expected}", found == expected
    )


def rolled_to_time(one: Kit) -> Item:
    time.sleep(1.1)
    one.server.sql("INSERT INTO app.t (v) VALUES ('before')")
    _, expected = state(one)
    moment = clock.now()
    time.sleep(2)
    one.server.sql("INSERT INTO app.t (v) VALUES ('after')", "DELETE FROM app.t WHERE id < 1000")
    with one.opened(one.take(Kind.LOG), time=moment.isoformat()) as instance:
        found = {one.name: one for one in instance.digests(())}["app.t"].count
    return Item(
        "Rolled forward to a time, before a wrong DELETE", f"{found} rows", f"{expected}", found == expected
    )


def state(one: Kit) -> tuple[str, int]:
    row = one.server.sql("SELECT @@gtid_binlog_pos AS gtid, (SELECT COUNT(*) FROM app.t) AS n")[0]
    return str(row["gtid"]), int(row["n"])


SHOWS = [damaged_dumps, busy_dumps, moments]
