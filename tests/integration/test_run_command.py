"""`opsproof run` as typed: exit codes, JSON, a clock in 2038, a state folder nobody can write to."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import clock
from tasks.contracts.activation import activate
from tasks.home import Home
from tasks.records import Book
from tests.unit.flows.installed import install

ROOT = os.geteuid() == 0


def opsproof(
    house: Home, *words: str, before: tuple[str, ...] = (), **extra: str
) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "OPSPROOF_HOME": str(house.root),
        "OPSPROOF_INVENTORIES": str(house.inventories),
        **extra,
    }
    command = [*before, sys.executable, "-m", "flows.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def run(house: Home, *words: str) -> "subprocess.CompletedProcess[str]":
    return opsproof(house, "run", "inspection", "--contract", "local", *words)


def one_sentence(done: "subprocess.CompletedProcess[str]") -> str:
    said = done.stderr.strip()
    assert "Traceback" not in said and said.count("\n") <= 2, said
    return said


@pytest.fixture
def house(tmp_path: Path) -> Home:
    return install(tmp_path)


def test_all_ok_is_0_and_findings_are_1(house: Home) -> None:
    done = run(house, "--json", "--only", "platform-db")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["outcome"] == "ok", done.stderr
    assert {
        "contract",
        "seq",
        "hash",
        "summary",
        "expected",
        "reached",
        "not_reached",
        "findings",
    } <= told.keys()
    assert all(
        {"check", "target", "subject", "status", "summary", "numbers"} <= f.keys() for f in told["findings"]
    )
    (house.root / "db.sqlite").write_bytes(b"")
    done = run(house, "--only", "platform-db")
    assert done.returncode == 1 and "空的" in done.stdout and "异常 1" in done.stderr


def test_refusals_are_1_and_leave_nothing(house: Home, tmp_path: Path) -> None:
    for words, hint in (
        (("run", "inspektion", "--contract", "local"), "inspection"),
        (("run", "inspection", "--contract", "lokal"), "local"),
        (("run", "inspection", "--contract", "local", "--only", "localhosts"), "localhost"),
    ):
        done = opsproof(house, *words)
        assert done.returncode == 1 and hint in one_sentence(done)
    idle = install(tmp_path / "idle", active=False)
    assert "inventory activate" in one_sentence(run(idle))
    assert len(list(Book(house.book).entries())) == 1


def test_bad_usage_and_what_cannot_run_are_2(house: Home) -> None:
    assert opsproof(house, "run", "inspection").returncode == 2
    (house.inventories / "local" / "hosts.yml").write_text("groups: {}\n")
    (house.inventories / "local" / "databases.yml").write_text("groups: {}\n")
    contract = house.inventories / "contracts" / "local.yml"
    contract.write_text("code: local\nname: 本机\nparts: {machine: {title: 本机}}\n")
    done = run(house)
    assert done.returncode == 2 and "没有可自动巡检" in one_sentence(done)
    assert run(house).returncode == 2


def test_a_book_that_cannot_be_opened_is_2(house: Home) -> None:
    for stale in house.book.glob("book.sqlite-*"):
        stale.unlink()
    (house.book / "book.sqlite").write_bytes(b"nonsense" * 1000)
    done = run(house)
    assert done.returncode == 2 and "book" in one_sentence(done)


def test_a_bug_shows_its_traceback_and_is_not_taken_for_findings() -> None:
    code = (
        "from flows import cli; import flows.commands.run as run; run._run = lambda options: 1 / 0; "
        "raise SystemExit(cli.main(['run', 'inspection', '--contract', 'local']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2 and "ZeroDivisionError" in done.stderr


@pytest.fixture
def read_only(house: Home) -> Iterator[Home]:
    if not ROOT:
        pytest.skip("a read-only file system needs root to be mounted")
    subprocess.run(["mount", "--bind", house.root, house.root], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", house.root], check=True)
    yield house
    subprocess.run(["umount", "-l", house.root], check=True)


def test_a_read_only_state_folder_is_2_and_one_sentence(read_only: Home) -> None:
    done = run(read_only)
    assert done.returncode == 2 and str(read_only.root) in one_sentence(done)
    assert opsproof(read_only, "record", "list").returncode == 0  # reading goes on


def test_after_2038_runs_are_recorded_and_verify(tmp_path: Path) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    house = install(tmp_path)
    # Nothing on this machine looks at monotonic time: only the date is another.
    late = ("faketime", "2038-01-20 09:00:00")
    quiet = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "Asia/Shanghai"}
    words = ("run", "inspection", "--contract", "local", "--only", "platform-db", "--json")
    done = opsproof(house, *words, before=late, **quiet)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["started_at"].startswith("2038-01-20T09:00")
    assert opsproof(house, "record", "verify", before=late, **quiet).returncode == 0
    assert opsproof(house, "record", "list", before=late, **quiet).returncode == 0
    jumped = opsproof(house, "plan", "check", "--contract", "local", before=late, **quiet)
    assert jumped.returncode == 1 and "时钟" in jumped.stderr, jumped
    back = opsproof(house, *words)
    assert back.returncode == 0, back.stderr
    assert opsproof(house, "record", "verify").returncode == 0


def test_from_december_on_the_plan_check_warns_of_the_missing_notice(tmp_path: Path) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    house = install(tmp_path, active=False)
    activate(Book(house.ready(house.book)), "local", "test", clock.parse("2026-12-02T00:30:00"))
    words = ("run", "plan-check", "--contract", "local", "--json")
    done = opsproof(house, *words, before=("faketime", "2026-12-02 09:00:00"), TZ="Asia/Shanghai")
    assert done.returncode == 1, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert [one["status"] for one in findings] == ["warn"] and "2027年" in findings[0]["summary"]
