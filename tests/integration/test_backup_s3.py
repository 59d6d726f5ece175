"""A whole backup on a real S3 server: taken, proven, found again from storage alone, locked."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.backups import catalogue
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item
from tasks.backups.proof import prove
from tasks.backups.taking import Place, clear, take
from tasks.errors import Refused
from tasks.inventory.credentials import Keyring, variable
from tasks.model import Database
from tasks.storage import Kept
from tasks.transports import Access
from tests.lab.s3 import ACCESS, SECRET, Gateway, gateway, missing
from tests.unit.backups.places import CONTRACT, place


@pytest.fixture(scope="module")
def server() -> Iterator[Gateway]:
    if why := missing():
        pytest.skip(why)
    with gateway() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    monkeypatch.setenv(variable("vault", "user"), ACCESS)
    monkeypatch.setenv(variable("vault", "password"), SECRET)
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, said TEXT, what BLOB)")
        db.executemany(
            "INSERT INTO t VALUES (?, ?, randomblob(1000))", [(n, f"第{n}行") for n in range(9000)]
        )
        db.commit()
    return tmp_path


def ready(home: Path, server: Gateway, bucket: str, **more: Any) -> tuple[Place, list[Any], Item]:
    said = {"kind": "s3", "endpoint": server.endpoint, "bucket": bucket, "credential": "vault", "part_mib": 5}
    job = {"name": "app", "targets": ["app-db"], "method": "sqlite"}
    made, identities = place(home, job, stores={"vault": {**said, **more}})
    target = Database(contract=CONTRACT, part="app", name="app-db", engine="sqlite", path="app.db")
    return made, identities, Item(made.plan.jobs[0], target)


def test_taken_proven_and_found_again(home: Path, server: Gateway) -> None:
    made, identities, item = ready(home, server, server.bucket())
    backup = take(made, item, Kind.FULL, Access(Keyring(made.home)))
    assert backup.manifest.stored_size > 8 * 2**20  # in parts
    proof = prove(made, backup, Level.L3, identities)
    assert (proof.failed, proof.unsure, proof.level, proof.rows) == ("", "", Level.L3, 9000)
    assert [one.digest for one in catalogue.from_storage(CONTRACT, made.stores)] == [backup.digest]


def test_a_complete_backup_is_locked(home: Path, server: Gateway) -> None:
    made, _, item = ready(home, server, server.bucket(lock=True), lock_days=1)
    backup = take(made, item, Kind.FULL, Access(Keyring(made.home)))
    store, manifest = made.stores["vault"], backup.manifest
    with pytest.raises(Kept):
        clear(store, manifest.folder)
    for key in (f"{manifest.folder}/manifest.json", *map(manifest.key, manifest.members)):
        with pytest.raises(Kept):
            store.delete(key)
        assert store.stat(key)


def test_a_lock_that_cannot_be_had_is_told_before_the_first_byte(home: Path, server: Gateway) -> None:
    bucket = server.bucket()
    made, _, item = ready(home, server, bucket, lock_days=1)
    with pytest.raises(Refused, match="没有启用对象锁定"):
        take(made, item, Kind.FULL, Access(Keyring(made.home)))
    assert made.catalogue.all() == [] and server.held(bucket) == []


def test_what_breaks_off_is_not_locked_and_leaves_nothing(home: Path, server: Gateway) -> None:
    bucket = server.bucket(lock=True)
    made, _, item = ready(home, server, bucket, lock_days=1)
    path = home / "app.db"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(Exception, match="备份源"):
        take(made, item, Kind.FULL, Access(Keyring(made.home)))
    assert server.held(bucket) == [] and made.stores["vault"].sweep(timedelta(0)) == []
