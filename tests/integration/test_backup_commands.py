"""`opsproof backup` as its users meet it: listed, shown, cleared, made again, restored; killed between."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flows.cli import main
from flows.routine import Request, perform
from flows.routines import routine
from tasks import operations
from tasks.backups.catalogue import Backup, Catalogue
from tasks.home import CODE, Home
from tasks.model import Outcome, Record
from tasks.records import Book
from tests.unit.flows.installed import install

PLAN = """\
stores:
  here: {kind: folder, path: store, keep_free: 0}
  away: {kind: folder, path: away, keep_free: 0}
keys:
  ops: KEY
identity: ops
verification: {keep_free: 0, beside: 测试}
jobs:
  - name: platform
    targets: [platform-db]
    method: sqlite
    store: here
    copies: [away]
    keep: {daily: 1, weekly: 0, monthly: 0}
"""
Output = pytest.CaptureFixture[str]
ROWS = 500


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> Home:
    """With a key made by its command, and two backups."""
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    made = install(tmp_path)
    assert main(["backup", "key", "new", "ops"]) == 0
    public = next(word for word in capsys.readouterr().out.split() if word.startswith("age1"))
    (made.inventories / "local" / "backups.yml").write_text(PLAN.replace("KEY", public), "utf-8")
    with closing(sqlite3.connect(made.root / "db.sqlite")) as connection, connection:
        connection.executemany("INSERT INTO things VALUES (?)", [(f"第 {n} 行",) for n in range(ROWS)])
    for _ in range(2):
        perform(made, routine("backup"), Request(contract="local", started_by="测试"))
    capsys.readouterr()
    return made


def backups(house: Home) -> list[Backup]:
    return Catalogue(house, "local").all()


def backup(*arguments: str) -> int:
    return main(["backup", *arguments, "--contract", "local"])


def last(house: Home) -> Record:
    return [entry.record for entry in Book(house.book).entries(contract="local")][-1]


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM things").fetchone()[0])


def spoil(house: Home, one: Backup, *stores: str) -> None:
    for store in stores:
        path = house.root / store / one.manifest.key(one.manifest.members[0])
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


def test_a_key_is_for_its_owner_and_shown_only_when_asked(house: Home, capsys: Output) -> None:
    path = house.secrets / "ops.agekey"
    assert path.stat().st_mode & 0o777 == 0o600 and "AGE-SECRET-KEY-" in path.read_text()
    assert main(["backup", "key", "new", "ops"]) == 1, "a key is never written over"
    assert main(["backup", "key", "new", "second"]) == 0
    said = capsys.readouterr()
    assert "AGE-SECRET-KEY" not in said.out + said.err and "保管" in said.out
    assert main(["backup", "key", "new", "third", "--show"]) == 0
    assert "AGE-SECRET-KEY-" in capsys.readouterr().out


def test_list_and_show(house: Home, capsys: Output) -> None:
    assert backup("list") == 0
    out = capsys.readouterr().out
    assert "未验证" in out and "here away" in out
    assert backup("list", "--json", "--item", "platform-db") == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in said] == [one.name for one in backups(house)]
    assert said[0]["level"] == "none" and said[0]["stores"] == ["here", "away"]
    assert backup("list", "--json", "--item", "other") == 0 and json.loads(capsys.readouterr().out) == []
    name = backups(house)[0].name
    assert backup("show", name) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in (name, f"{ROWS}", "sha256", "database.sqlite.zst.age", "未验证"))
    assert backup("show", name, "--json") == 0
    assert json.loads(capsys.readouterr().out)["manifest"]["target"] == "platform-db"
    assert backup("show", "nothing") == 1


def test_restore_to_a_new_folder(house: Home, tmp_path: Path, capsys: Output) -> None:
    name, place = backups(house)[0].name, tmp_path / "restored"
    assert backup("restore", name, "--to", str(place), "--plan") == 0 and not place.exists()
    said = capsys.readouterr()
    assert "从存储 here 读取" in said.out and "至多占用" in said.err
    assert backup("restore", name, "--to", str(place)) == 1, "without a terminal the answer is no"
    assert backup("restore", name, "--to", str(place), "--yes") == 0
    assert rows(place / "database.sqlite") == ROWS and place.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in place.iterdir()] == ["database.sqlite"]
    record = last(house)
    assert record.topics == ("restore",) and record.outcome is Outcome.OK and record.facts["level"] == "L1"
    assert backup("restore", name, "--to", str(place), "--yes") == 1, "what is there is not written over"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert backup("restore", "platform-db", "--to", str(empty), "--yes") == 0
    assert rows(empty / "database.sqlite") == ROWS


def test_members_alone(house: Home, tmp_path: Path) -> None:
    name, place = backups(house)[0].name, tmp_path / "members"
    assert backup("restore", name, "--to", str(place), "--members", "--yes") == 0
    assert sorted(path.name for path in (place / f"00-{name}").iterdir()) == ["database.sqlite", "facts.json"]
    assert rows(place / f"00-{name}" / "database.sqlite") == ROWS


def test_what_is_not_as_written_leaves_nothing(house: Home, tmp_path: Path, capsys: Output) -> None:
    one, place = backups(house)[0], tmp_path / "restored"
    spoil(house, one, "store", "away")
    assert backup("restore", one.name, "--to", str(place), "--yes") == 2
    assert "与写入时不同" in capsys.readouterr().err
    assert list(tmp_path.glob("restored*")) == []
    record = last(house)
    assert record.outcome is Outcome.FAILED and "与写入时不同" in record.summary


def test_a_copy_serves_where_the_first_store_is_gone(house: Home, tmp_path: Path, capsys: Output) -> None:
    shutil.rmtree(house.root / "store")
    assert backup("restore", "platform", "--to", str(tmp_path / "restored"), "--yes") == 0
    assert "从存储 away 读取" in capsys.readouterr().out
    assert rows(tmp_path / "restored" / "database.sqlite") == ROWS


def test_a_sound_copy_serves_where_the_first_is_spoilt(house: Home, tmp_path: Path, capsys: Output) -> None:
    one = backups(house)[0]
    spoil(house, one, "store")
    for more in ([], ["--members"]):
        place = tmp_path / f"restored{len(more)}"
        assert backup("restore", one.name, "--to", str(place), "--yes", *more) == 0
        assert "改从另一处副本读取" in capsys.readouterr().err
        assert "改从另一处副本读取" in str(last(house).facts["said"])
        assert rows(next(place.rglob("database.sqlite"))) == ROWS


def test_a_live_target_wants_its_name(house: Home, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    live = house.root / "db.sqlite"
    with closing(sqlite3.connect(live)) as connection, connection:
        connection.execute("DELETE FROM things")
    name = backups(house)[0].name
    for refused in ([], ["--confirm", "platform"], ["--confirm", "platform-db "], ["--yes"]):
        assert backup("restore", name, "--into", "platform-db", *refused) == 1
        assert rows(live) == 0 and "未执行" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert backup("restore", name, "--into", "platform-db") == 1 and rows(live) == 0
    monkeypatch.setattr("builtins.input", lambda _: "platform-db")
    assert backup("restore", name, "--into", "platform-db") == 0 and rows(live) == ROWS
    assert last(house).facts["live"] is True


def test_onto_a_host_as_one_archive(house: Home, tmp_path: Path, capsys: Output) -> None:
    """Over the way to a host of the contract, here this machine."""
    name, place = backups(house)[0].name, tmp_path / "there"
    assert backup("restore", name, "--to", f"localhost:{place}", "--yes") == 0
    assert rows(place / "database.sqlite") == ROWS and [path.name for path in place.iterdir()] == [
        "database.sqlite"
    ]
    kept = last(house).evidence
    sent = operations.read(Book(house.book).read(kept[0]))
    assert [one.name for one in kept] == [operations.FILE] and any("tar -x" in one.text for one in sent)
    assert {(one.target, one.way, one.exit_code) for one in sent} == {("localhost", "local", 0)}
    assert backup("restore", name, "--to", f"localhost:{place}", "--yes") == 2
    assert "不是空的" in capsys.readouterr().err
    spoil(house, backups(house)[0], "store", "away")
    assert backup("restore", name, "--to", f"localhost:{tmp_path}/other", "--yes") == 2
    assert list(tmp_path.glob("other*")) == [] and list((house.root / "scratch").iterdir()) == []


def test_points_that_cannot_be_had(house: Home, tmp_path: Path, capsys: Output) -> None:
    to = ["--to", str(tmp_path / "restored"), "--yes"]
    assert backup("restore", "platform", "--at", "2026-05-01 08:00", *to) == 1
    assert backup("restore", backups(house)[0].name, "--at", "soon", *to) == 1
    assert "无法识别" in capsys.readouterr().err
    assert backup("restore", "platform", "--to", "nohost:/srv/x", "--yes") == 1


def test_retain_is_a_dry_run_until_yes(house: Home, capsys: Output) -> None:
    first, second = backups(house)
    assert backup("retain") == 0
    assert "还没有一份备份通过验证" in capsys.readouterr().out
    assert main(["backup", "prove", "--contract", "local", "--backup", second.name]) == 0
    capsys.readouterr()
    assert backup("retain", "--json") == 0
    said = {one["name"]: one["stays"] for one in json.loads(capsys.readouterr().out)}
    assert said == {first.name: False, second.name: True} and len(backups(house)) == 2
    assert backup("retain") == 1 and len(backups(house)) == 2
    assert backup("retain", "--yes") == 0
    assert [one.name for one in backups(house)] == [second.name]
    assert not list(house.root.glob(f"*/local/platform-db/{first.name}*"))
    assert last(house).topics == ("backup.retention",)


def test_the_catalogue_is_made_again_from_storage(house: Home, capsys: Output) -> None:
    before = backups(house)
    assert backup("rebuild") == 0 and "一致" in capsys.readouterr().err
    folder = house.backups / "local" / "catalogue"
    shutil.rmtree(folder)
    assert backup("rebuild") == 1, "the difference is shown first"
    assert capsys.readouterr().out.count("登记") == 2 and not backups(house)
    assert backup("rebuild", "--yes") == 0
    assert [(one.name, one.digest, set(one.stores)) for one in backups(house)] == [
        (one.name, one.digest, set(one.stores)) for one in before
    ]
    (folder / f"{before[0].name}.json").write_text("{")
    assert backup("list") == 2
    backup("rebuild", "--yes")
    assert [one.name for one in backups(house)] == [one.name for one in before]
    for store in ("store", "away"):
        shutil.rmtree(house.root / store / before[1].manifest.folder)
    assert backup("rebuild", "--yes") == 0
    assert [one.name for one in backups(house)] == [before[0].name]


def test_a_store_that_is_gone_takes_nothing_out_of_the_catalogue(house: Home) -> None:
    path = house.inventories / "local" / "backups.yml"
    path.write_text(path.read_text("utf-8").replace("path: away", "path: /nonexistent/share"), "utf-8")
    shutil.rmtree(house.root / "store")
    backup("rebuild", "--yes")
    assert len(backups(house)) == 2, "they may lie where nobody could look"


SLOW = """
import os, sys, time
from tasks.backups import restoring
put = restoring.finish
restoring.finish = lambda *args: (print("ready", flush=True), time.sleep(60))
from flows.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def killed(house: Home, tmp_path: Path) -> Iterator[Path]:
    """A restore that was killed when all of it was there but its name."""
    place = tmp_path / "restored"
    arguments = ["backup", "restore", "platform", "--to", str(place), "--yes", "--contract", "local"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments], cwd=CODE, stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != b"ready":
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    yield place


def test_killed_it_is_marked_and_the_next_one_clears_it(house: Home, killed: Path) -> None:
    left = killed.with_name("restored.unfinished")
    assert not killed.exists() and (left / ".opsproof-scratch").is_file()
    assert backup("restore", "platform", "--to", str(killed), "--yes") == 0
    assert rows(killed / "database.sqlite") == ROWS and not left.exists()


def test_somebody_elses_folder_is_not_cleared(house: Home, tmp_path: Path) -> None:
    other = tmp_path / "restored.unfinished"
    other.mkdir()
    (other / "theirs").write_text("x")
    assert backup("restore", "platform", "--to", str(tmp_path / "restored"), "--yes") == 1
    assert (other / "theirs").exists()
