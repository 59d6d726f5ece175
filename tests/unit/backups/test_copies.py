"""Copies of backups, and what a morning's look finds of them: gone, changed, replaced, unknown, strange."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.backups.catalogue import Backup, Proved, from_storage
from tasks.backups.copying import copy
from tasks.backups.looks import Look, look
from tasks.backups.manifest import FILE, Kind, Level
from tasks.backups.plan import Item, Keep
from tasks.backups.removing import tidy
from tasks.backups.retention import retention
from tasks.backups.road import Altered
from tasks.backups.taking import Place, clear_dead, take
from tasks.clock import now
from tasks.errors import OpsError
from tasks.inventory.credentials import Keyring
from tasks.model import Database
from tasks.storage import Full, Store, Stored
from tasks.transports import Access
from tests.unit.backups.places import CONTRACT, place

STORES = {name: {"kind": "folder", "path": name, "keep_free": 0} for name in ("vault", "second")}


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Place, Backup]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, said TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?)", [(n, f"第{n}行") for n in range(200)])
        db.commit()
    made, _ = place(tmp_path, {"name": "app", "targets": ["app-db"], "method": "sqlite"}, stores=STORES)
    target = Database(contract=CONTRACT, part="app", name="app-db", engine="sqlite", path="app.db")
    return made, take(made, Item(made.plan.jobs[0], target), Kind.FULL, Access(Keyring(made.home)))


def path(made: Place, backup: Backup, store: str, file: str = "") -> Path:
    return made.home.root / store / backup.manifest.folder / (file or backup.manifest.members[0].object)


def states(found: Look) -> dict[str, str]:
    return {one.store: one.state for one in found.seen}


def test_a_copy_is_the_same_byte_for_byte(ready: tuple[Place, Backup]) -> None:
    made, backup = ready
    copied = copy(made, backup, "second")
    assert copied.stores == ("vault", "second") == made.catalogue.named(backup.name).stores
    for file in ("", FILE):
        assert (
            path(made, backup, "second", file).read_bytes() == path(made, backup, "vault", file).read_bytes()
        )
    assert [one.stores for one in from_storage(CONTRACT, made.stores)] == [("vault", "second")]
    assert copy(made, copied, "second").stores == ("vault", "second")


def test_what_is_no_more_what_was_written_is_not_copied(ready: tuple[Place, Backup]) -> None:
    made, backup = ready
    spoil(path(made, backup, "vault"))
    with pytest.raises(Altered, match="与写入时不同"):
        copy(made, backup, "second")
    assert list(made.stores["second"].objects("")) == []
    assert made.catalogue.named(backup.name).stores == ("vault",)


def test_a_copy_that_nobody_knows_of_is_not_written_over(ready: tuple[Place, Backup]) -> None:
    """The catalogue was made anew while its store was shut; what lies in the other one has rotted since."""
    made, backup = ready
    copy(made, backup, "second")
    made.catalogue.add(backup)
    spoil(path(made, backup, "vault"))
    before = path(made, backup, "second").stat()
    assert copy(made, backup, "second").stores == ("vault", "second")
    assert path(made, backup, "second").stat() == before
    path(made, backup, "second").unlink()
    made.catalogue.add(backup)
    with pytest.raises(Altered):
        copy(made, backup, "second")
    assert list(made.stores["second"].objects("")) == []


def spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


class Ending:
    """A store that is full, or whose process dies, at the `last`-th object."""

    def __init__(self, store: Store, last: int, how: type[BaseException]) -> None:
        self.store, self.left, self.how = store, last, how

    def put(self, key: str, chunks: Iterator[bytes]) -> Stored:
        self.left -= 1
        if self.left < 0:
            raise self.how("full")
        return self.store.put(key, chunks)

    def __getattr__(self, name: str) -> object:
        if self.how is Killed and name == "objects":
            raise Killed
        return getattr(self.store, name)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("how", [Full, Killed])
def test_a_copy_that_ends_early_is_no_copy(
    ready: tuple[Place, Backup], last: int, how: type[BaseException]
) -> None:
    made, backup = ready
    ending = replace(made, stores={**made.stores, "second": Ending(made.stores["second"], last, how)})  # type: ignore[dict-item]
    with pytest.raises(how):
        copy(ending, backup, "second")
    assert [one.stores for one in from_storage(CONTRACT, made.stores)] == [("vault",)]
    clear_dead(made)
    assert list(made.stores["second"].objects("")) == []
    assert made.catalogue.named(backup.name).stores == ("vault",)


def test_killed_behind_the_manifest_the_copy_is_known(ready: tuple[Place, Backup]) -> None:
    """The note is still there, and all of the copy: nothing known of the backup is lost."""
    from tasks.backups.taking import noted

    made, backup = ready
    backup = made.catalogue.prove(backup, Proved(now(), Level.L3, Level.L3))
    copy(made, backup, "second")
    made.catalogue.add(backup)
    with noted(made, backup.manifest, "second"):
        pass
    assert clear_dead(made) == []
    known = made.catalogue.named(backup.name)
    assert known.stores == ("vault", "second") and known.level is Level.L3


def test_a_look_at_what_is_whole_reads_it(ready: tuple[Place, Backup]) -> None:
    made, backup = ready
    known = copy(made, backup, "second")
    found = look(made, [known])
    assert states(found) == {"vault": "whole", "second": "whole"} and not found.strangers
    assert all(one.read_at for one in found.seen) and found.read == 2 * backup.manifest.stored_size


def test_what_vanished_and_what_changed(ready: tuple[Place, Backup]) -> None:
    made, backup = ready
    known = copy(made, backup, "second")
    path(made, backup, "second").unlink()
    spoil(path(made, backup, "vault"))
    found = look(made, [known])
    assert states(found) == {"vault": "changed", "second": "vanished"}
    path(made, backup, "second", FILE).unlink()
    path(made, backup, "vault").write_bytes(b"short")
    found = look(made, [known])
    assert "已不在存储中" in found.seen[1].said and "大小为 5 字节" in found.seen[0].said


def test_a_change_is_told_again_every_morning(ready: tuple[Place, Backup]) -> None:
    made, backup = ready
    older = Backup(replace(backup.manifest, number=0, chain=1), backup.digest, ("vault",))
    spoil(path(made, backup, "vault"))
    newer = replace(backup, manifest=replace(backup.manifest, chain=9))
    assert look(made, [older]).seen[0].state == "changed"
    found = look(made, [older, newer], budget=0)
    assert found.seen[0].state == "changed", "not the newest any more, and read all the same"


def test_the_budget_reads_what_was_read_the_longest_ago(ready: tuple[Place, Backup]) -> None:
    made, backup = ready
    others = [copied(made, backup, number) for number in range(2, 6)]
    everything = [backup, *others]
    size = backup.manifest.stored_size
    for morning in range(4):
        found = look(made, everything, budget=size + size)
        assert found.read == 2 * size, morning
    first = {one.backup.name: one.read_at for one in found.seen}
    assert all(first.values()), "within four mornings all were read"


def copied(made: Place, backup: Backup, number: int) -> Backup:
    """The same bytes under another version."""
    from tasks.backups import manifest as manifests

    one = replace(backup.manifest, chain=number)
    store = made.stores["vault"]
    for member in one.members:
        store.put(one.key(member), store.read(backup.manifest.key(member)))
    store.put(f"{one.folder}/{FILE}", [manifests.write(one)])
    return Backup(one, manifests.digest_of(manifests.write(one)), ("vault",))


def test_an_object_that_was_replaced_is_read_before_others(ready: tuple[Place, Backup]) -> None:
    made, backup = ready
    everything = [backup, *(copied(made, backup, number) for number in range(2, 5))]
    size = backup.manifest.stored_size
    look(made, everything, budget=9 * size)
    victim = path(made, everything[1], "vault")
    spoil(victim)
    found = look(made, everything, budget=2 * size)
    assert [one.state for one in found.seen] == ["whole", "changed", "whole", "whole"]


def test_a_store_that_cannot_be_reached_is_unknown(ready: tuple[Place, Backup]) -> None:
    made, backup = ready
    known = copy(made, backup, "second")

    class Gone:
        def objects(self, prefix: str) -> Iterator[Stored]:
            raise OpsError("连接被拒绝")

    gone = replace(made, stores={**made.stores, "second": Gone()})  # type: ignore[dict-item]
    found = look(gone, [known])
    assert states(found) == {"vault": "whole", "second": "unknown"} and "连接被拒绝" in found.seen[1].said
    closed = replace(made, stores={"vault": made.stores["vault"]})
    assert look(closed, [known], {"second": "目录未挂载"}).seen[1].said == "目录未挂载"


def test_folders_that_nobody_knows(ready: tuple[Place, Backup]) -> None:
    made, backup = ready
    made.stores["vault"].put("lab/app-db/leftover/data.zst", [b"x" * 10])
    unknown = copied(made, backup, 7)
    found = look(made, [backup])
    assert [(one.folder.rpartition("/")[2], one.whole) for one in found.strangers] == sorted(
        [("leftover", False), (unknown.name, True)], key=lambda pair: f"lab/app-db/{pair[0]}"
    )


def test_two_jobs_of_one_target_within_a_second_are_two_backups(ready: tuple[Place, Backup]) -> None:
    made, _ = ready
    target = Database(contract=CONTRACT, part="app", name="app-db", engine="sqlite", path="app.db")
    job = made.plan.jobs[0]
    for name in ("second", "third"):
        take(made, Item(job.model_copy(update={"name": name}), target), Kind.FULL, Access(Keyring(made.home)))
    known = made.catalogue.all()
    assert len({one.name for one in known}) == len({one.manifest.folder for one in known}) == 3
    assert {one.manifest.job for one in from_storage(CONTRACT, made.stores)} == {"app", "second", "third"}


@pytest.mark.parametrize("how", ["gone", "rotten", "gone in one store", "sound"])
def test_nothing_is_given_up_for_one_that_is_not_sound_any_more(
    ready: tuple[Place, Backup], how: str
) -> None:
    """The newest was proven, and has rotted in its store since: what is older must not go for it."""
    made, first = ready
    target = Database(contract=CONTRACT, part="app", name="app-db", engine="sqlite", path="app.db")
    second = take(made, Item(made.plan.jobs[0], target), Kind.FULL, Access(Keyring(made.home)))
    for one in (first, second):
        made.catalogue.prove(one, Proved(now(), Level.L3, Level.L3))
    if how == "gone in one store":
        copy(made, second, "second")
    if how == "rotten":
        spoil(path(made, second, "vault"))
        assert {one.state for one in look(made, made.catalogue.all()).seen} == {"whole", "changed"}
    elif how != "sound":
        path(made, second, "vault").unlink()
    verdict = retention(made.catalogue.all(), Keep(daily=1, weekly=0, monthly=0), Level.L3, now())
    assert [one.name for one in verdict.goes] == [first.name]
    said = list(tidy(made, verdict, Level.L3))
    if how in ("gone", "rotten"):
        assert len(said) == 1 and "已不能确认完整" in said[0].problem
        assert len(made.catalogue.all()) == 2 and path(made, first, "vault").is_file()
    else:
        assert not said[0].problem and [one.name for one in made.catalogue.all()] == [second.name]
