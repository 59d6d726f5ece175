"""What needs no server: what the programs say, and what a backup says of itself."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.backups import Unsound
from tasks.backups.manifest import Kind, Manifest, Member
from tasks.backups.methods.mysql_physical import same, with_all
from tasks.backups.mysql.definitions import COLUMNS, COUNTER
from tasks.backups.mysql.rows import Column, Table, incomparable, statement
from tasks.backups.mysql.tool import heard
from tasks.errors import OpsError

MARIADB = """[00] mariabackup: The latest check point (for incremental): '1219134989'
[00] MySQL binlog position: filename 'binlog.000001', position '1814', GTID of the last change '0-1-9,
1-2-3'
[00] Redo log (from LSN 1219134989 to 1219135005) was copied.
[00] completed OK!
"""
XTRABACKUP = """xtrabackup: The latest check point (for incremental): '22031446'
MySQL binlog position: filename 'b.000007', position '157'
xtrabackup: Transaction log of lsn (22031446) to (22031456) was copied.
completed OK!
"""
NOW = datetime(2026, 11, 21, tzinfo=UTC)
TOLD = {
    "innodb_from_lsn": "0",
    "innodb_to_lsn": "10",
    "server_version": "10.11.6-MariaDB-log",
    "binlog_pos": "filename 'b.000001', position '4', GTID of the last change '0-1-2'",
}


def manifest(**changed: object) -> Manifest:
    made = Manifest(
        contract="lab",
        system="db",
        target="MY-01",
        engine="mysql",
        job="db",
        method="mysql-physical",
        kind=Kind.FULL,
        chain=1,
        number=0,
        started_at=NOW,
        ended_at=NOW,
        point={"lsn": "10", "file": "b.000001", "position": "4", "gtid": "0-1-2", "time": "now"},
        facts={"version": "10.11.6-MariaDB-log"},
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def holding(*names: str, **changed: object) -> Any:
    """As fetched, its members never read."""
    members = tuple(Member(name, 0, "", name, 0, "") for name in names)
    return SimpleNamespace(manifest=manifest(members=members, **changed))


def test_each_link_has_all_that_is_always_sent() -> None:
    end = {"file": "b.000003", "position": "9"}
    whole = holding("data.xbstream", "log-b.000001", "log-b.000002", "log-b.000003", digest_point=end)
    closed = holding("log-b.000001", kind=Kind.LOG, point={"file": "b.000002", "position": "4"})
    with_all([holding("data.xbstream"), closed])
    with_all([whole, holding("data.xbstream", point={"lsn": "11"})])
    for gone in range(4):
        names = [member.name for member in whole.manifest.members]
        del names[gone]
        with pytest.raises(Unsound, match="data.xbstream" if gone == 0 else "不齐"):
            with_all([holding(*names, digest_point=end), whole])
    for names in ([], ["log-b.000002"], ["log-b.000001", "log-b.000002"], ["log-x"]):
        with pytest.raises(Unsound, match="不齐"):
            with_all([whole, holding(*names, kind=Kind.LOG, point=closed.manifest.point)])


def test_where_a_program_says_it_was() -> None:
    said = heard(MARIADB)
    assert (said.to_lsn, said.last_lsn) == ("1219134989", "1219135005")
    assert said.log == {"file": "binlog.000001", "position": "1814", "gtid": "0-1-9,1-2-3"}
    said = heard(XTRABACKUP)
    assert (said.to_lsn, said.last_lsn) == ("22031446", "22031456")
    assert said.log == {"file": "b.000007", "position": "157"}


@pytest.mark.parametrize("gone", ["completed OK!", "latest check point", "was copied", "to 1219135005"])
def test_a_program_that_does_not_say_it_has_failed(gone: str) -> None:
    text = MARIADB.replace(gone, "…")
    if gone == "was copied":
        text = MARIADB.replace("completed OK!", "")
    with pytest.raises(OpsError, match="没有正常结束"):
        heard(text)


def test_a_backup_is_what_its_manifest_says() -> None:
    same(manifest(), None, TOLD)
    for changed in ("innodb_to_lsn", "innodb_from_lsn", "server_version", "binlog_pos"):
        other = "filename 'b.000002', position '4'" if changed == "binlog_pos" else "99"
        with pytest.raises(Unsound, match="另一份备份"):
            same(manifest(), None, {**TOLD, changed: other})
    increment = {**TOLD, "innodb_from_lsn": "10", "innodb_to_lsn": "20"}
    child = manifest(kind=Kind.INCREMENTAL, point={**manifest().point, "lsn": "20"})
    same(child, manifest(), increment)
    with pytest.raises(Unsound, match="from_lsn"):
        same(child, manifest(point={**manifest().point, "lsn": "9"}), increment)


def table(*columns: Column, kind: str = "BASE TABLE", engine: str = "InnoDB", touched: str = "") -> Table:
    return Table("a`b", "t", kind, engine, 0, touched, columns)


def test_a_row_is_written_out_unambiguously() -> None:
    said = statement(
        table(Column("n", "int"), Column("f", "float"), Column("v", "varchar"), Column("l", "longblob"))
    )
    assert "IFNULL(`n`,'N'),IFNULL(`f`*1e0,'N')" in said
    assert "IFNULL(LENGTH(`v`),'N'),IFNULL(CAST(`v` AS BINARY),''),IFNULL(SHA1(`l`),'N')" in said
    assert said.endswith("FROM `a``b`.`t` USE INDEX ()")
    virtual = Column("v", "int", "VIRTUAL GENERATED")
    assert "`v`" not in statement(table(Column("n", "int"), virtual))
    versioned = statement(table(Column("n", "int"), kind="SYSTEM VERSIONED"))
    assert "ROW_START,ROW_END" in versioned and "FOR SYSTEM_TIME ALL" in versioned


def test_tables_that_no_snapshot_holds_still() -> None:
    quiet = table(engine="MyISAM", touched="2026-11-21 10:00:00")
    assert incomparable([quiet], [quiet], "2026-11-21 12:00:00") == {}
    assert list(incomparable([quiet], [quiet], "2026-11-21 10:00:00")) == ["a`b.t"]
    later = table(engine="MyISAM", touched="2026-11-21 12:00:05")
    assert list(incomparable([quiet], [later], "2026-11-21 12:00:00")) == ["a`b.t"]
    assert list(incomparable([table(engine="MEMORY")], [], "")) == ["a`b.t"]
    assert incomparable([table()], [], "2026") == {}


def test_what_is_no_part_of_a_definition() -> None:
    made = "CREATE TABLE `t` (\n  `id` int COMMENT ') ENGINE=x AUTO_INCREMENT=3'\n"
    made += ") ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT"
    assert COUNTER.sub(r"\1", made, count=1).endswith("AUTO_INCREMENT=3'\n) ENGINE=InnoDB DEFAULT")
    assert COLUMNS.findall("GRANT SELECT (`b`, `a`), UPDATE (`c`) ON") == ["`b`, `a`", "`c`"]
