"""The whole way with the embedded engine: taken, stored, proven up to L3, damaged and caught."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.backups.locking import NotLocked
from tasks.backups.manifest import FILE, Kind, Level
from tasks.backups.plan import Item
from tasks.backups.proof import comparable, prove
from tasks.backups.taking import Place, clear_dead, take
from tasks.errors import OpsError
from tasks.inventory.credentials import Keyring
from tasks.model import Database
from tasks.storage import Site
from tasks.storage.folder import Folder
from tasks.transports import Access
from tests.unit.backups.places import CONTRACT, place


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Place, list[Any], Item]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, said TEXT, what BLOB)")
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, f"第{n}行", bytes([n])) for n in range(200)])
        db.commit()
    made, identities = place(tmp_path, {"name": "app", "targets": ["app-db"], "method": "sqlite"})
    target = Database(contract=CONTRACT, part="app", name="app-db", engine="sqlite", path="app.db")
    return made, identities, Item(made.plan.jobs[0], target)


def taken(ready: tuple[Place, list[Any], Item]) -> Any:
    made, _, item = ready
    return take(made, item, Kind.FULL, Access(Keyring(made.home)))


def test_a_clean_backup_reaches_l3(ready: tuple[Place, list[Any], Item]) -> None:
    made, identities, _ = ready
    backup = taken(ready)
    assert backup.name.startswith("app_app-db_full_") and backup.name.endswith("_v0001")
    proof = prove(made, backup, Level.L3, identities)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
    assert proof.rows == 200
    assert list((made.home.root / "scratch").iterdir()) == []


@pytest.mark.parametrize("where", [0, 100, -20])
def test_a_changed_byte_is_l0(ready: tuple[Place, list[Any], Item], where: int) -> None:
    made, identities, _ = ready
    backup = taken(ready)
    path = made.home.root / "vault" / backup.manifest.key(backup.manifest.members[0])
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    proof = prove(made, backup, Level.L3, identities)
    assert proof.level is Level.NONE and "与写入时不同" in proof.failed


def test_a_cut_object_is_l0(ready: tuple[Place, list[Any], Item]) -> None:
    made, identities, _ = ready
    backup = taken(ready)
    path = made.home.root / "vault" / backup.manifest.key(backup.manifest.members[0])
    path.write_bytes(path.read_bytes()[:-7])
    assert "与写入时不同" in prove(made, backup, Level.L3, identities).failed
    path.unlink()
    assert "没有 lab" in prove(made, backup, Level.L3, identities).failed


def test_what_could_not_be_looked_into_is_not_gone(ready: tuple[Place, list[Any], Item]) -> None:
    made, identities, _ = ready
    backup = taken(ready)
    shut = replace(made, stores={})
    proof = prove(shut, backup, Level.L3, identities)
    assert not proof.failed and "vault" in proof.unsure
    in_both = replace(backup, stores=("vault", "elsewhere"))
    (made.home.root / "vault" / backup.manifest.folder / FILE).unlink()
    proof = prove(made, in_both, Level.L3, identities)
    assert not proof.failed and "elsewhere" in proof.unsure
    assert "没有 lab" in prove(made, backup, Level.L3, identities).failed


def test_definitions_alone_are_no_l3_where_rows_were_left_out(ready: tuple[Place, list[Any], Item]) -> None:
    backup = taken(ready)
    only = tuple(one for one in backup.manifest.digests if one.what == "definition")
    assert only and comparable(backup.manifest)
    assert comparable(replace(backup.manifest, digests=only))  # nothing was there to be left out
    assert not comparable(replace(backup.manifest, digests=only, not_digested={"t": "快照之外"}))


def test_a_source_that_breaks_leaves_nothing(ready: tuple[Place, list[Any], Item]) -> None:
    made, _, item = ready
    (made.home.root / "app.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(Exception, match="备份源"):
        take(made, item, Kind.FULL, Access(Keyring(made.home)))
    assert made.catalogue.all() == [] and list(made.stores["vault"].objects("")) == []
    assert clear_dead(made) == [] and list((made.home.backups / CONTRACT / "running").iterdir()) == []


class Slow(Folder):
    """What somebody sent to it arrives after he died."""

    late = timedelta(minutes=15)


def test_what_arrives_behind_the_clearing_is_cleared_by_a_later_run(
    ready: tuple[Place, list[Any], Item],
) -> None:
    made, _, item = ready
    store = Slow(made.plan.stores["vault"], Site(made.home, Keyring(made.home)))
    made = replace(made, stores={"vault": store})
    (made.home.root / "app.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(Exception, match="备份源"):
        take(made, item, Kind.FULL, Access(Keyring(made.home)))
    (note,) = (made.home.backups / CONTRACT / "running").iterdir()
    said = json.loads(note.read_bytes())
    for name in ("x.zst", "manifest.json"):
        store.put(f"{said['folder']}/{name}", [b"late"])
    assert clear_dead(made) == [] and list(store.objects("")) == [] and made.catalogue.all() == []
    note.write_text(json.dumps(said | {"cleared": said["cleared"] - 900}))
    assert clear_dead(made) == [] and not note.exists()


class Unlockable(Folder):
    """A store that offers locks and then does not lock."""

    locks = True
    lock_days = 3

    def keep(self, key: str, until: datetime) -> None:
        raise OpsError("无权锁定")


def test_what_could_not_be_locked_is_a_backup_all_the_same(ready: tuple[Place, list[Any], Item]) -> None:
    made, identities, _ = ready
    store = Unlockable(made.plan.stores["vault"], Site(made.home, Keyring(made.home)))
    place = replace(made, stores={"vault": store})
    with pytest.raises(NotLocked, match="无权锁定") as told:
        taken((place, identities, ready[2]))
    assert place.catalogue.all() == [told.value.backup]
