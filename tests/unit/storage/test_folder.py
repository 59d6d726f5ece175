"""A folder as a store: the suite, and what can be wrong with a folder."""

import os
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.clock import now
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.storage import Full, Missing, Site, Store, Stored, open_store
from tasks.storage.folder import Folder, FolderSettings
from tests.suites.store import MIB, StoreSuite, blocks

OPEN = """
from pathlib import Path
from tests.unit.storage.test_folder import folder_in
store = folder_in(Path({home!r}))
"""


def folder_in(home: Path, **more: Any) -> Folder:
    said = FolderSettings.model_validate({"kind": "folder", "path": "vault", "keep_free": 0, **more})
    at = Home(home, home / "inventories")
    made = open_store(said, Site(at, Keyring(at)))
    assert isinstance(made, Folder)
    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return folder_in(tmp_path)


@pytest.fixture
def in_another_process(tmp_path: Path) -> Callable[[], str]:
    return lambda: OPEN.format(home=str(tmp_path))


class TestFolder(StoreSuite):
    MEMORY, MANY = 8, 120


def modes(root: Path) -> set[int]:
    return {stat.S_IMODE(path.lstat().st_mode) for path in root.rglob("*")}


def test_only_the_owner_reads(tmp_path: Path) -> None:
    was = os.umask(0)
    try:
        folder_in(tmp_path).put("a/b/c", [b"x"])
    finally:
        os.umask(was)
    assert modes(tmp_path / "vault") == {0o600, 0o700}


def test_room_that_has_to_stay_free_is_not_touched(tmp_path: Path) -> None:
    store = folder_in(tmp_path, keep_free=10**6)
    with pytest.raises(Full, match="空间不足"):
        store.put("a/b", blocks(1))
    assert list((tmp_path / "vault").rglob("*.*")) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="请先挂载"):
        folder_in(tmp_path, path=str(tmp_path / "share"))


def test_a_share_that_is_not_mounted_is_refused(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    with pytest.raises(OpsError, match="没有挂载"):
        folder_in(tmp_path, path=str(tmp_path / "share"), mounted=True)


def test_a_folder_that_went_away_misses_nothing(tmp_path: Path) -> None:
    store = folder_in(tmp_path)
    store.put("a/b", [b"x"])
    (tmp_path / "vault").rename(tmp_path / "elsewhere")
    asked: list[Callable[[], object]] = [
        lambda: list(store.read("a/b")),
        lambda: store.stat("a/b"),
        lambda: list(store.objects("")),
        lambda: store.delete("a/b"),
        lambda: store.put("c", [b"x"]),
        lambda: store.sweep(timedelta(0)),
        store.free,
    ]
    for ask in asked:
        with pytest.raises(OpsError, match="已不可用") as gone:
            ask()
        assert not isinstance(gone.value, Missing)
    assert not (tmp_path / "vault").exists()


def test_a_folder_that_cannot_be_read_may_hold_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = folder_in(tmp_path)
    store.put("a/b", [b"x"])

    def refused(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refused)  # root may look everywhere
    with pytest.raises(OpsError, match="权限"):
        list(store.objects(""))


def test_a_link_leads_nowhere(tmp_path: Path) -> None:
    store, outside = folder_in(tmp_path), tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"not ours")
    (tmp_path / "vault" / "way").symlink_to(outside)
    (tmp_path / "vault" / "file").symlink_to(outside / "secret")
    for asked in (
        lambda: store.put("way/x", [b"x"]),
        lambda: list(store.read("way/secret")),
        lambda: store.delete("way/secret"),
    ):
        with pytest.raises(OpsError, match="之外"):
            asked()
    with pytest.raises(OpsError):
        list(store.read("file"))
    assert store.stat("file") is None and list(store.objects("")) == []
    store.put("file", [b"ours"])
    assert (outside / "secret").read_bytes() == b"not ours" and b"".join(store.read("file")) == b"ours"


def test_a_change_that_hides_its_time_has_another_tag(tmp_path: Path) -> None:
    store = folder_in(tmp_path)
    before = store.put("a", [b"one"])
    path = tmp_path / "vault" / "a"
    found = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    after = store.stat("a")
    assert after and (after.size, after.modified_at) == (before.size, before.modified_at)
    assert after.tag != before.tag


def test_what_a_share_keeps_of_its_own_is_no_backup(tmp_path: Path) -> None:
    store = folder_in(tmp_path)
    stored = store.put("a/b", [b"x"])
    for own in (".snapshot/hourly/a", "lost+found"):
        (tmp_path / "vault" / own).mkdir(parents=True)
        (tmp_path / "vault" / own / ".unfinished-b").write_bytes(b"x")
    (tmp_path / "vault" / "a" / ".nfs0001").write_bytes(b"x")
    assert list(store.objects("")) == [stored] and store.sweep(timedelta(0)) == []


def test_a_name_as_long_as_a_name_may_be(tmp_path: Path) -> None:
    key = "a/" + "长" * 85
    assert folder_in(tmp_path).put(key, [b"x"]).key == key


def test_folders_that_hold_nothing_any_more_go(tmp_path: Path) -> None:
    store = folder_in(tmp_path)
    store.put("a/b/c", [b"x"])
    store.put("a/d", [b"x"])
    store.delete("a/b/c")
    assert sorted(path.name for path in (tmp_path / "vault").rglob("*")) == ["a", "d"]


def test_it_locks_nothing_and_says_so(tmp_path: Path) -> None:
    store = folder_in(tmp_path)
    store.put("a", [b"x"])
    assert not store.locks and store.lock_days == 0
    with pytest.raises(Refused, match="不支持"):
        store.keep("a", now())


def test_bytes_that_are_free(tmp_path: Path) -> None:
    assert (folder_in(tmp_path).free() or 0) > MIB
    assert Stored("a", 1, now()).tag == ""
