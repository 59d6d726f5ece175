"""Backups as routines, with the embedded engine: taken, proven, checked; damaged, killed, refused."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest

from flows.inventory_check import examine
from flows.routine import Closed, Request, perform
from flows.routines import routine
from tasks import clock
from tasks.backups import METHODS
from tasks.backups.catalogue import Catalogue
from tasks.backups.manifest import Kind
from tasks.errors import Refused
from tasks.history.decisions import Acknowledged, acknowledgement
from tasks.home import CODE, Home
from tasks.locks import held
from tasks.model import Finding, Outcome, Status
from tasks.records import Book
from tests.unit.flows.installed import install

PLAN = """\
stores:
  here: {kind: folder, path: store, keep_free: 0}
  away: {kind: folder, path: away, keep_free: 0}
verification: {keep_free: 0, beside: 测试}
jobs:
  - name: platform
    targets: [platform-db]
    method: sqlite
    store: here
    copies: [away]
    keep: {daily: 1, weekly: 0, monthly: 0}
    rto: 1h
    rpo: 1h
    load: {rate: 50M}
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    made = install(tmp_path)
    plan(made, PLAN)
    with closing(sqlite3.connect(made.root / "db.sqlite")) as connection, connection:
        connection.executemany("INSERT INTO things VALUES (?)", [(f"第 {n} 行",) for n in range(500)])
    return made


def plan(house: Home, text: str) -> None:
    (house.inventories / "local" / "backups.yml").write_text(text, "utf-8")


def go(house: Home, code: str, *only: str, **asked: str) -> Closed:
    return perform(
        house,
        routine(code),
        Request(contract="local", started_by="测试", only=only, asked=asked),
    )


def of(closed: Closed, check: str) -> Finding:
    (found,) = [one for one in closed.findings if one.check == check]
    return found


def form(house: Home, closed: Closed) -> str:
    return Book(house.book).read(closed.entry.record.evidence[0]).decode()


def objects(house: Home, store: str = "store") -> list[Path]:
    return sorted(path for path in (house.root / store).rglob("*") if path.is_file())


def test_taken_copied_proven_and_checked(house: Home) -> None:
    taken = go(house, "backup")
    assert taken.entry.record.outcome is Outcome.OK
    assert taken.entry.record.topics == ("backup", "backup.retention")
    found = of(taken, "backup")
    assert (found.target, found.subject, found.status) == ("platform-db", "platform", Status.OK)
    assert "尚未验证" in found.summary and {one.name for one in found.numbers} >= {
        "full_size_mib",
        "full_ratio",
    }
    (backup,) = Catalogue(house, "local").all()
    assert set(backup.stores) == {"here", "away"} and len(objects(house)) == len(objects(house, "away")) == 2
    text = form(house, taken)
    assert all(word in text for word in ("备份记录", backup.name, "folder：away", "L0", "日 1、周 0"))

    proven = go(house, "backup-proof")
    assert of(proven, "backup-proof").status is Status.OK
    assert "已证明到 L3" in of(proven, "backup-proof").summary
    assert proven.entry.record.topics == ("backup.proof", "restore")
    assert Catalogue(house, "local").named(backup.name).level == "L3"
    assert [path.name[:6] for path in objects(house) if path.name.startswith("proof-")] == ["proof-"]
    text = form(house, proven)
    assert all(
        word in text for word in ("备份数据有效性测试记录", "已达到 L3", "500 行", "已清除", "≤ 1 小时，满足")
    )

    checked = go(house, "backup-check")
    assert checked.entry.record.outcome is Outcome.OK, list(checked.findings)
    assert checked.entry.record.topics == ("backup.plan",)
    assert "备份检查记录" in form(house, checked)


def test_an_older_one_goes_when_a_newer_one_is_proven(house: Home) -> None:
    for _ in range(2):
        go(house, "backup")
        go(house, "backup-proof")
        time.sleep(1.1)  # a name holds seconds
    third = go(house, "backup")
    assert "按保留策略清理" in of(third, "backup-keep").summary
    assert len(Catalogue(house, "local").all()) == 2
    assert "超出保留期限" in form(house, third)


def test_nothing_is_cleared_away_while_somebody_reads(house: Home) -> None:
    go(house, "backup")
    with held(house, "local", "backup-proof", changes=False, title="验证"):
        assert "不清理" in of(go(house, "backup"), "backup-keep").summary


def test_a_copy_that_changed_is_found_the_next_morning(house: Home) -> None:
    go(house, "backup")
    go(house, "backup-proof")
    path = next(one for one in objects(house, "away") if one.suffix == ".zst")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    changed = of(go(house, "backup-check"), "backup-copy")
    assert changed.status is Status.FAIL and "away" in changed.summary
    path.unlink()
    assert "away" in of(go(house, "backup-check"), "backup-copy").summary
    path = next(one for one in objects(house) if one.suffix == ".zst")
    path.write_bytes(content)
    proof = of(go(house, "backup-proof"), "backup-proof")
    assert proof.status is Status.FAIL and "在 L0 未通过" in proof.summary


def test_a_backup_that_fails_is_no_backup_and_costs_no_other(house: Home) -> None:
    other = PLAN.replace(
        "jobs:\n", "jobs:\n  - {name: gone, targets: [platform-db], method: sqlite, store: shut}\n"
    )
    plan(house, other.replace("stores:\n", "stores:\n  shut: {kind: folder, path: /not/there}\n"))
    closed = go(house, "backup")
    states = {found.subject: found.status for found in closed.findings if found.check == "backup"}
    assert states == {"gone": Status.FAIL, "platform": Status.OK}
    assert "失败" in form(house, closed) and closed.entry.record.outcome is Outcome.FINDINGS
    proven = go(house, "backup-proof", "gone")
    assert (
        of(proven, "backup-proof").status is Status.FAIL
        and "没有可验证" in of(proven, "backup-proof").summary
    )


class Broken:
    """A method with a bug in it."""

    kinds = frozenset({Kind.FULL})
    serves = ("database", "sqlite")
    at: ClassVar[list[float]] = []

    def take(self, order: object, sink: object) -> object:
        self.at.append(time.monotonic())
        time.sleep(1)
        raise KeyError("a bug")


def test_a_bug_in_one_method_costs_no_other_and_hosts_are_worked_on_side_by_side(house: Home) -> None:
    METHODS.add("broken")(Broken)  # type: ignore[arg-type]
    try:
        other = house.inventories / "local" / "databases.yml"
        same = "      - {name: platform-db, host: localhost, path: db.sqlite}\n"
        other.write_text(
            other.read_text("utf-8") + same.replace("form-db", "form-2").replace("localhost", "other")
        )
        hosts = house.inventories / "local" / "hosts.yml"
        hosts.write_text(hosts.read_text("utf-8") + "      - {name: other, address: 127.0.0.2}\n")
        counts = house.inventories / "contracts" / "local.yml"
        counts.write_text(
            counts.read_text("utf-8").replace("any: 1", "any: 2").replace("sqlite: 1", "sqlite: 2")
        )
        jobs = "  - {name: bad, targets: [platform-db, platform-2], method: broken, store: here}\n"
        plan(house, PLAN.replace("jobs:\n", f"parallel: 2\njobs:\n{jobs}"))
        closed = go(house, "backup")
    finally:
        METHODS._found.pop("broken")
    states = [(one.subject, one.target, one.status) for one in closed.findings if one.check == "backup"]
    assert states == [
        ("bad", "platform-db", Status.FAIL),
        ("bad", "platform-2", Status.FAIL),
        ("platform", "platform-db", Status.OK),
    ]
    assert abs(Broken.at[0] - Broken.at[1]) < 0.9
    assert "内部错误（KeyError）" in form(house, closed)


def test_what_somebody_answers_for_is_no_news(house: Home) -> None:
    go(house, "backup")
    go(house, "backup-proof")
    assert go(house, "backup-check").entry.record.outcome is Outcome.OK
    (house.root / "store" / "local" / "somebody").mkdir(parents=True)
    (house.root / "store" / "local" / "somebody" / "note.txt").write_text("?")
    found = of(go(house, "backup-check"), "backup-strange")
    assert found.status is Status.WARN and "somebody" in found.summary
    known = Acknowledged(
        target=found.target,
        check=found.check,
        subject=found.subject,
        status=found.status,
        reason="人工放置",
        until=clock.now().date(),
        by="某某",
    )
    Book(house.book).append(acknowledgement("local", known, clock.now()))
    assert go(house, "backup-check").entry.record.outcome is Outcome.OK


def test_what_cannot_be_looked_at_is_not_proven(house: Home) -> None:
    go(house, "backup")
    plan(house, PLAN.replace("path: store", "path: /not/there").replace("path: away", "path: /not/either"))
    closed = go(house, "backup-proof")
    found = of(closed, "backup-proof")
    assert found.status is Status.UNKNOWN and "无法使用" in found.summary
    assert closed.entry.record.not_reached == ("platform/platform-db",) and closed.entry.record.topics == ()
    assert of(go(house, "backup-check"), "backup-copy").status is Status.UNKNOWN


def test_what_is_asked_for_is_known_or_refused(house: Home) -> None:
    with pytest.raises(Refused, match="platform-db"):
        go(house, "backup", "platform-d")
    with pytest.raises(Refused, match="不支持增量"):
        go(house, "backup", "platform", kind="增量")
    with pytest.raises(Refused, match="L0、L1、L2、L3"):
        go(house, "backup-proof", level="L4")
    with pytest.raises(Refused, match="没有名为"):
        go(house, "backup-proof", backups="nothing")
    assert len(list(Book(house.book).entries(contract="local"))) == 1
    name = of(go(house, "backup", "platform", kind="全量"), "backup").summary
    assert "全量" in name
    (backup,) = Catalogue(house, "local").all()
    proven = go(house, "backup-proof", backups=backup.name, level="l1")
    assert "已证明到 L1" in of(proven, "backup-proof").summary


def test_killed_in_the_middle_the_next_run_leaves_nothing_behind(house: Home) -> None:
    with closing(sqlite3.connect(house.root / "db.sqlite")) as connection, connection:
        connection.executemany("INSERT INTO things VALUES (?)", [(os.urandom(2**16),) for _ in range(48)])
    plan(house, PLAN.replace("rate: 50M", "rate: 200K"))
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "backup", "run", "--contract", "local"],
        cwd=CODE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    notes = house.backups / "local" / "running"
    deadline = time.monotonic() + 60
    while not (notes.is_dir() and any(notes.glob("*.json")) and objects(house)):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert Catalogue(house, "local").all() == [] and objects(house)
    plan(house, PLAN)
    closed = go(house, "backup")
    left = of(closed, "backup-left")
    assert left.status is Status.WARN and "上次运行中断" in left.summary
    (backup,) = Catalogue(house, "local").all()
    assert {path.parent.name for path in objects(house)} == {backup.name} and len(objects(house)) == 2
    assert list(notes.iterdir()) == []
    assert of(go(house, "backup-proof"), "backup-proof").status is Status.OK
    assert list((house.root / "scratch").iterdir()) == []


def test_by_command(house: Home) -> None:
    def command(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", "backup", *words, "--contract", "local"],
            cwd=CODE,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    taken = command("run", "--json")
    assert taken.returncode == 0, taken.stderr
    assert "全量备份开始" in taken.stderr
    assert json.loads(taken.stdout)["findings"][0]["check"] == "backup"
    proven = command("prove", "--level", "L2")
    assert proven.returncode == 0 and "已达到 L2" in proven.stderr and "正常" in proven.stdout
    for path in objects(house):
        path.unlink()
    checked = command("check")
    assert checked.returncode == 1 and "异常" in checked.stdout
    assert command("prove", "--level", "L9").returncode == 1


def test_the_inventory_check_reads_the_plan_of_backups(house: Home) -> None:
    plan(
        house,
        PLAN.replace("targets: [platform-db]", "targets: [platform-bd]").replace(
            "copies: [away]", "copies: [awy]"
        ),
    )
    _, problems, _ = examine(house)
    told = [str(one) for one in problems if one.file == "local/backups.yml"]
    assert len(told) == 2 and all("是否" in one for one in told)
    plan(house, PLAN + "identity: no-such-key\n")
    _, problems, _ = examine(house)
    assert ["no-such-key" in str(one) for one in problems] == [True]
    schedules = house.inventories / "local" / "schedules.yml"
    schedules.write_text(
        schedules.read_text("utf-8").replace("routine: inspection", "routine: backup, only: [platform]")
    )
    plan(house, PLAN)
    assert examine(house)[1] == []
