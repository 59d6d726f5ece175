"""A folder as a store on file systems of its own: full, read-only, unmounted."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import OpsError
from tasks.storage import Full, Missing
from tests.suites.store import MIB, blocks
from tests.unit.storage.test_folder import folder_in

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="needs root: mounts file systems"
)


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Path]:
    """16 MiB of memory, mounted."""
    path = tmp_path / "share"
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "lab", path], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    yield path
    if os.path.ismount(path):
        subprocess.run(["umount", "--lazy", path], check=True)


def test_a_disk_that_is_full_keeps_what_it_had(tmp_path: Path, share: Path) -> None:
    store = folder_in(tmp_path, path=str(share), mounted=True)
    store.put("a/first", blocks(4))
    with pytest.raises(Full, match="空间不足"):
        store.put("a/second", blocks(30))
    assert [one.key for one in store.objects("")] == ["a/first"]
    assert [path.name for path in share.rglob("*") if path.is_file()] == ["first"]
    assert store.put("a/third", blocks(4)).size == 4 * MIB


def test_a_share_that_is_read_only(tmp_path: Path, share: Path) -> None:
    store = folder_in(tmp_path, path=str(share), mounted=True)
    store.put("a", [b"x"])
    subprocess.run(["mount", "-o", "remount,ro", share], check=True)
    for asked in (lambda: store.put("b", [b"x"]), lambda: store.delete("a")):
        with pytest.raises(OpsError, match="无法使用") as refused:
            asked()
        assert not isinstance(refused.value, Full | Missing)
    assert b"".join(store.read("a")) == b"x"


def test_a_share_that_is_unmounted_in_between(tmp_path: Path, share: Path) -> None:
    """Nothing is said to be missing, and nothing is written below the place where it was."""
    store = folder_in(tmp_path, path=str(share), mounted=True)
    store.put("a/b", [b"x"])

    def leaving() -> Iterator[bytes]:
        yield b"x"
        subprocess.run(["umount", "--lazy", share], check=True)
        yield b"y"

    with pytest.raises(OpsError, match="已不可用"):
        store.put("a/c", leaving())
    for asked in (lambda: store.stat("a/b"), lambda: list(store.objects("")), lambda: store.put("d", [b"x"])):
        with pytest.raises(OpsError, match="已不可用"):
            asked()
    assert list(share.iterdir()) == []
    with pytest.raises(OpsError, match="没有挂载"):
        folder_in(tmp_path, path=str(share), mounted=True)
