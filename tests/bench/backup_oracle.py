"""Oracle's backups damaged, on the synthetic Oracle of tests/lab/oracle_tools: real checksums, blocks and
changes, and none of Oracle's own code. What is shown is that this project notices, not that Oracle does."""

import json
import os
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tasks.backups.manifest import Kind
from tests.bench.backup_damage import Dice, Members, Mutation, Subject, damage
from tests.bench.show import Item as Line
from tests.lab.oracle_tools.made import Source
from tests.lab.oracle_tools.state import blocks, read_piece, write_piece
from tests.lab.oracle_tools.world import World, world

Edit = Callable[[bytes, Dice], bytes | None]


def in_piece(members: Members, kind: str, schema: str, edit: Edit, dice: Dice) -> Members | None:
    """One member with its content changed, and checksums that fit it: as valid as the engine can tell."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece"
        for name, content in members.items():
            path.write_bytes(content)
            header, records = read_piece(path)
            if header["kind"] != kind:
                continue
            file = header["files"][0] if kind == "datafile" else {}
            if file and (file["since"] or file["schema"] != schema):
                continue
            changed = edit(b"".join(data for _, _, data in records), dice)
            if changed is None:
                return None
            os.environ.setdefault("ORACLE_HOME", folder)
            write_piece(path, header, [(0, n, data) for n, data in enumerate(blocks(changed))])
            return {**members, name: path.read_bytes()}
    return None


def sql(schema: str, statement: str) -> Callable[[Members, Dice], Members | None]:
    def edit(content: bytes, dice: Dice) -> bytes:
        db = sqlite3.connect(":memory:")
        db.deserialize(content)
        db.execute(statement.format(number=dice.randrange(60)))
        db.commit()
        return db.serialize()

    return lambda members, dice: in_piece(members, "datafile", schema, edit, dice)


def other_database(members: Members, dice: Dice) -> Members | None:
    """The control file of a database of the same name, in any link."""

    def edit(content: bytes, _: Dice) -> bytes:
        said = json.loads(content)
        return json.dumps({**said, "dbid": said["dbid"] + 1}).encode()

    return in_piece(members, "control", "", edit, dice)


CONTENT = (
    Mutation("one row changed", sql("HR", "update PEOPLE set NAME = 'x' where ID = {number}")),
    Mutation("one row lost", sql("HR", "delete from PEOPLE where ID = {number}")),
    Mutation("one row twice", sql("HR", "insert into PEOPLE select * from PEOPLE where ID = {number}")),
    Mutation("NULL for a value", sql("HR", "update PEOPLE set NAME = null where ID = {number}")),
    Mutation(
        "two rows swapped their names",
        sql("HR", "update PEOPLE set NAME = '人' || (1 - ID) where ID in (0, 1)"),
    ),
    Mutation("a trigger lost", sql("SYS", "delete from dba_triggers")),
    Mutation("a trigger disabled", sql("SYS", "update dba_triggers set status = 'DISABLED'")),
    Mutation("a grant lost", sql("SYS", "delete from dba_tab_privs")),
    Mutation("a view changed", sql("SYS", "update dba_views set text_vc = 'select 1 from dual'")),
    Mutation("a procedure changed", sql("SYS", "update dba_source set text = 'x' where line = 2")),
    Mutation("a table lost", sql("SYS", "delete from dba_tables where table_name = 'PEOPLE'")),
    Mutation("another database's control file", other_database),
)


def subject(folder: Path) -> tuple[World, Subject]:
    os.environ["OPSPROOF_HOME"] = str(folder)
    made = world(folder)
    dice, numbers = random.Random(7), iter(range(10_000, 99_999))

    def change() -> None:
        for _ in range(dice.randrange(1, 5)):
            made.source.order(next(numbers))

    said = Subject(
        name="oracle-rman (synthetic)",
        place=made.place,
        identities=made.identities,
        item=made.item,
        access=made.access,
        change=change,
        kinds=(Kind.FULL, Kind.INCREMENTAL),
    )
    return made, said


def damaged() -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        made, said = subject(Path(folder))
        yield from damage(
            said,
            CONTENT,
            count=int(os.environ.get("DAMAGES", "50")),
            clean=int(os.environ.get("CLEAN", "20")),
        )
        left = made.left()
        yield Line(
            "oracle-rman (synthetic): left on both hosts", f"{len(left)} {left[:2] or ''}", "0", not left
        )


def dumped() -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OPSPROOF_HOME"] = folder
        made = world(Path(folder), method="oracle-datapump", between="nothing")
        Source(made.verification, "VERIFY", dbid=4242)
        numbers = iter(range(10_000, 99_999))
        said = Subject(
            name="oracle-datapump (synthetic)",
            place=made.place,
            identities=made.identities,
            item=made.item,
            access=made.access,
            change=lambda: made.source.order(next(numbers)),
        )
        yield from damage(
            said,
            DUMPS,
            count=int(os.environ.get("DAMAGES", "50")),
            clean=int(os.environ.get("CLEAN", "20")),
        )


def in_dump(edit: Callable[[str], str]) -> Callable[[Members, Dice], Members | None]:
    """Text of the dump changed behind checksums that fit."""

    def make(members: Members, dice: Dice) -> Members | None:
        for name in sorted(members):
            only = {name: members[name]}
            changed = in_piece(only, "dump", "", lambda content, _: edit(content.decode()).encode(), dice)
            if changed and changed != only:
                return {**members, **changed}
        return None

    return make


DUMPS = (
    Mutation("one row changed", in_dump(lambda text: text.replace("\\u4eba17", "\\u4eba71", 1))),
    Mutation("a trigger disabled", in_dump(lambda text: text.replace("ENABLED", "DISABLD", 1))),
    Mutation("a procedure changed", in_dump(lambda text: text.replace("begin null;", "begin  null;", 1))),
    Mutation("another type", in_dump(lambda text: text.replace("NVARCHAR2", "VARCHAR2", 1))),
)


def refused() -> Iterator[Line]:
    """The ladder's safety: each of these has to be refused before anything is restored."""
    with tempfile.TemporaryDirectory() as folder:
        made, said = subject(Path(folder))
        backup = made.take()
        proofs = {}
        made.verification.program("uname", "#!/bin/sh\necho db1.example.org\n")
        proofs["the host of production"] = said.prove(backup)
        made.verification.program("uname", "#!/bin/sh\necho verify1\n")
        Source(made.verification, "PROD2", dbid=99)
        proofs["beside another instance"] = said.prove(backup)
        (made.verification.folder / "dbs" / "PROD2.json").unlink()
        made.verification.fault("keeps_recovery")
        proofs["a recovery area outside"] = said.prove(backup)
        made.verification.fault()
        made.verification.program("ps", "#!/bin/sh\nexit 1\n")
        proofs["instances cannot be listed"] = said.prove(backup)
        wrong = [name for name, proof in proofs.items() if not proof.unsure or proof.level.rank > 1]
        measured = f"{len(proofs) - len(wrong)} of {len(proofs)} refused {wrong or ''}"
        yield Line("oracle (synthetic): unsafe verification hosts", measured, "all refused", not wrong)


SHOWS = [damaged, dumped, refused]
