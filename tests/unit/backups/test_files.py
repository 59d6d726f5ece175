"""Directories by the local way: everything a tree may hold comes back, and what does not is told."""

import io
import os
import socket
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.backups import Unsound
from tasks.backups.catalogue import Backup, Proved
from tasks.backups.files.tree import Header, Tree, alike, size_of
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item
from tasks.backups.proof import prove
from tasks.backups.restore import to_folder, to_host
from tasks.backups.taking import take
from tasks.backups.wanted import wanted
from tasks.errors import OpsError, Refused
from tasks.inventory.credentials import Keyring
from tasks.model import Host
from tasks.transports import Access
from tests.unit.backups.places import CONTRACT, place

GBK = "财务报表.txt".encode("gbk")


class Case:
    """A folder `src` as the source, and what is done with it."""

    def __init__(self, folder: Path, **job: Any) -> None:
        self.src = folder / "src"
        self.src.mkdir()
        words = {"name": "docs", "targets": ["h"], "method": "files", "paths": [str(self.src)], **job}
        self.place, self.identities = place(folder, words)
        self.said: list[str] = []

    def host(self, **fields: Any) -> Host:
        return Host(
            **{"contract": CONTRACT, "part": "oa", "name": "h", "os": "linux", "transport": "local", **fields}
        )

    def take(self, kind: Kind = Kind.FULL, **fields: Any) -> Backup:
        item = Item(self.place.plan.jobs[0], self.host(**fields))
        return take(self.place, item, kind, Access(Keyring(self.place.home)), say=self.said.append)

    def prove(self, backup: Backup) -> Proved:
        return prove(self.place, backup, Level.L3, self.identities)

    def proven(self, backup: Backup) -> Proved:
        proof = self.prove(backup)
        assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
        return proof


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    return Case(tmp_path)


def settle() -> None:
    """What was only just changed cannot be told from what is changed again."""
    time.sleep(0.03)


def everything(folder: Path) -> None:
    """One of each kind of thing."""
    (folder / "empty").mkdir()
    (folder / "sub").mkdir(mode=0o750)
    (folder / "plain.txt").write_bytes(b"hello\n" * 1000)
    (folder / "nothing").touch()
    (folder / "script").write_text("#!/bin/sh\n")
    (folder / "script").chmod(0o4755)
    (folder / "-rf --checkpoint=1").write_text("dashes")
    (folder / "new\nline \\ \t'\"$(id)*").write_text("odd")
    (folder / ("x" * 90)).mkdir()
    (folder / ("x" * 90) / ("长" * 80)).write_text("far")
    Path(os.fsdecode(os.fsencode(folder) + b"/" + GBK)).write_bytes(b"gbk")
    os.link(folder / "plain.txt", folder / "sub" / "hard")
    (folder / "soft").symlink_to("plain.txt")
    (folder / "dangling").symlink_to("/nowhere/at all")
    (folder / "out").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    with (folder / "sparse").open("wb") as file:
        file.seek(5_000_000)
        file.write(b"end")
    os.utime(folder / "plain.txt", ns=(1, 1_600_000_000_123_456_789))
    with closing(socket.socket(socket.AF_UNIX)) as one:
        here = Path.cwd()
        os.chdir(folder)
        one.bind("sock")
        os.chdir(here)


def test_everything_comes_back(case: Case) -> None:
    everything(case.src)
    settle()
    proof = case.proven(case.take())
    assert proof.rows == 17 and not case.prove(case.take()).failed


def test_an_increment_carries_what_changed_and_what_is_gone(case: Case) -> None:
    everything(case.src)
    settle()
    first = case.take()
    (case.src / "plain.txt").write_bytes(b"other\n")
    (case.src / "nothing").unlink()
    (case.src / "soft").unlink()
    (case.src / "soft").mkdir()
    (case.src / "soft" / "inside").write_text("a folder where a link was")
    (case.src / "script").rename(case.src / "moved")
    (case.src / "empty").rmdir()
    settle()
    second = case.take(Kind.INCREMENTAL)
    (case.src / "moved").chmod(0o600)
    settle()
    third = case.take(Kind.INCREMENTAL)
    sizes = [link.manifest.members[0].size for link in (first, second, third)]
    assert sizes[0] > sizes[1] > sizes[2] / 2 and third.manifest.number == 2
    for backup in (first, second, third):
        case.proven(backup)


def test_an_increment_without_the_list_of_before_takes_all(case: Case) -> None:
    (case.src / "a").write_bytes(b"a" * 50_000)
    settle()
    first = case.take()
    for path in (case.place.home.backups / CONTRACT / "listings").rglob("*"):
        if path.is_file():
            path.unlink()
    second = case.take(Kind.INCREMENTAL)
    assert second.manifest.members[0].size == first.manifest.members[0].size
    assert any("全部重新传输" in one for one in case.said)
    case.proven(second)


def test_a_known_value_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    case = Case(tmp_path, sentinel=True)
    settle()
    case.proven(case.take())
    assert len((case.src / ".opsproof-sentinel").read_text().strip()) == 32


def test_what_is_excluded_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    case = Case(tmp_path, exclude=["*.log", str(tmp_path / "src" / "缓存" / "*"), "it's"])
    for name in ("a.log", "a.txt", "缓存/deep/b.txt", "it's/c.txt"):
        (case.src / name).parent.mkdir(parents=True, exist_ok=True)
        (case.src / name).write_text(name)
    settle()
    backup = case.take()
    assert {Path(one.name).name for one in backup.manifest.digests} == {"src", "a.txt", "缓存"}
    case.proven(backup)


def test_a_path_by_pattern_and_one_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    case = Case(tmp_path, paths=[str(tmp_path / "src" / "day-*"), str(tmp_path / "src" / "not there")])
    for name in ("day-1", "day-2", "month"):
        (case.src / name).mkdir()
    with pytest.raises(OpsError, match="not there"):
        case.take()
    (case.src / "not there").symlink_to("month")
    with pytest.raises(OpsError, match="链接"):
        case.take()
    (case.src / "not there").unlink()
    (case.src / "not there").mkdir()
    settle()
    assert {Path(one.name).name for one in case.take().manifest.digests} == {"day-1", "day-2", "not there"}


class Meanwhile:
    """Does something at the source between the list and the archive: where `say` tells that it begins."""

    def __init__(self, case: Case, act: Any) -> None:
        self.case, self.act = case, act

    def append(self, text: str) -> None:
        if "本次传输" in text:
            self.act()


def test_what_changes_while_it_is_read_is_told_and_no_alarm(case: Case) -> None:
    for name in ("grows", "goes", "rotates", "stays"):
        (case.src / name).write_text(name * 100)
    settle()

    def act() -> None:
        (case.src / "grows").write_text("longer" * 1000)
        (case.src / "goes").unlink()
        (case.src / "rotates").rename(case.src / "rotates.1")
        (case.src / "rotates").write_text("new")
        (case.src / "comes").write_text("late")

    case.said = Meanwhile(case, act)  # type: ignore[assignment]
    backup = case.take()
    told = {Path(name).name: why for name, why in backup.manifest.not_digested.items()}
    assert set(told) == {"src", "grows", "goes", "rotates"}
    assert "修改" in told["grows"] and "删除" in told["goes"]
    case.proven(backup)
    case.said = []
    settle()
    later = case.take(Kind.INCREMENTAL)
    assert not later.manifest.not_digested
    case.proven(later)


def test_many_entries_are_summed_by_folder(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.backups.files.entries.depth_for.__defaults__", (20,))
    for number in range(10):
        (case.src / str(number)).mkdir()
        for name in range(5):
            (case.src / str(number) / str(name)).touch()
    settle()
    backup = case.take()
    assert len(backup.manifest.digests) < 20 and case.proven(backup).rows == 61


def test_a_chain_is_put_to_a_new_place_here_and_on_a_host(case: Case, tmp_path: Path) -> None:
    everything(case.src)
    settle()
    case.take()
    (case.src / "soft").unlink()
    (case.src / "soft").mkdir()
    (case.src / "empty").rmdir()
    (case.src / "empty").write_text("a file where a folder was")
    (case.src / "nothing").unlink()
    settle()
    last = case.take(Kind.INCREMENTAL)
    here, there = tmp_path / "here", tmp_path / "那里 there"
    chosen, host, access = wanted(case.place, last.name), case.host(), Access(Keyring(case.place.home))
    to_folder(case.place, chosen, here, case.identities, case.said.append)
    to_host(case.place, chosen, host, str(there), case.identities, access, case.said.append)
    expected = told(case.src) - {("pipe", "p", 0), ("sock", "s", 0)}
    assert told(here / "tree" / str(case.src)[1:]) == expected
    assert told(there / str(case.src)[1:]) == expected | {("pipe", "p", 0)}
    assert [path.name for path in there.iterdir()] == [str(case.src).split("/")[1]]
    with pytest.raises(Refused, match="不是空的"):
        to_folder(case.place, chosen, here, case.identities, case.said.append)
    with pytest.raises(OpsError, match="不是空的"):
        to_host(case.place, chosen, host, str(there), case.identities, access, case.said.append)
    assert not list(tmp_path.glob("*.unfinished"))


def told(folder: Path) -> set[tuple[str, str, int]]:
    found = set()
    for path in folder.rglob("*"):
        kind = "l" if path.is_symlink() else "d" if path.is_dir() else "f" if path.is_file() else "s"
        kind = "p" if path.is_fifo() else kind
        found.add((str(path.relative_to(folder)), kind, path.stat().st_size if kind == "f" else 0))
    return found


@pytest.mark.parametrize("record", [{"pbth": "./other"}, {"mtime": "1.123456789\n\0"}, {"mtime": "1e3"}])
def test_a_record_that_tar_would_read_over_is_refused(tmp_path: Path, record: dict[str, str]) -> None:
    out, one = io.BytesIO(), tarfile.TarInfo("./a")
    one.pax_headers = {"mtime": "1.5", **record}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(one)
    with pytest.raises(Unsound, match="归档不完整"):
        Tree(os.fsencode(tmp_path / "tree")).apply(io.BytesIO(out.getvalue()), {})


def test_a_map_of_holes_goes_forward_and_two_names_of_a_file_are_said_to_be_one() -> None:
    one: Any = tarfile.TarInfo("./a")
    for pieces, size in (([(5, 3), (10, 0)], 10), ([(5, 7), (10, 0)], -1), ([(5, -1)], -1)):
        one.sparse = pieces
        assert size_of(one) == size
    first = Header(said("f 644 0 0 12 1"))
    assert alike(Header(said("f 644 0 0 0 1")), first)
    for other in ("f 600 0 0 0 1", "f 644 1 0 0 1", "f 644 0 0 0 2"):
        assert not alike(Header(said(other)), first)


def said(words: str) -> str:
    return words.replace(" ", "\0")
