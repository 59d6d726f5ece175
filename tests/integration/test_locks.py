import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.locks import held, is_held

HOLD = """
import sys, time
from tasks.home import home
from tasks.locks import held
with held(home(), sys.argv[1], sys.argv[2], changes=sys.argv[3] == "changes", title="另一个进程"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    return Home(tmp_path / "var", tmp_path / "inventories")


@contextmanager
def another(contract: str, routine: str, changes: str = "looks") -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, contract, routine, changes], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout and process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def take(house: Home, contract: str, routine: str, *, changes: bool = False) -> None:
    with held(house, contract, routine, changes=changes, title="本进程"):
        pass


def test_a_routine_runs_once_at_a_time_and_says_who_runs(house: Home) -> None:
    with another("shop", "inspection") as process:
        with pytest.raises(Refused) as refused:
            take(house, "shop", "inspection")
        assert "另一个进程" in str(refused.value) and str(process.pid) in str(refused.value)
        assert is_held(house, "shop", "inspection")
        take(house, "shop", "plan-check")  # looking does not disturb looking
        take(house, "other", "inspection", changes=True)
    take(house, "shop", "inspection")
    assert not is_held(house, "shop", "inspection")


def test_what_changes_a_contract_has_it_alone(house: Home) -> None:
    with another("shop", "patch", "changes"), pytest.raises(Refused, match="另一个进程"):
        take(house, "shop", "inspection")
    with another("shop", "inspection"), pytest.raises(Refused, match="另一个进程"):
        take(house, "shop", "patch", changes=True)


def test_a_killed_process_holds_nothing(house: Home) -> None:
    with another("shop", "inspection") as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        take(house, "shop", "inspection", changes=True)


def test_a_lock_is_given_back_when_the_work_fails(house: Home) -> None:
    with pytest.raises(ZeroDivisionError), held(house, "shop", "inspection", changes=True, title="x"):
        raise ZeroDivisionError
    take(house, "shop", "inspection", changes=True)


def test_asking_who_runs_turns_no_run_away(house: Home) -> None:
    take(house, "shop", "inspection")
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            is_held(house, "shop", "inspection")

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(50):
            take(house, "shop", "inspection")
    finally:
        stop.set()
        asking.join()


def test_a_lock_file_that_says_nonsense_still_locks(house: Home) -> None:
    with another("shop", "inspection"):
        path = house.run / "locks" / "shop.inspection.lock"
        for nonsense in ("", "[1]"):
            path.write_text(nonsense)
            with pytest.raises(Refused, match="持有者未知"):
                take(house, "shop", "inspection")


def test_refusing_is_quick(house: Home) -> None:
    with another("shop", "inspection"):
        started = time.monotonic()
        with pytest.raises(Refused):
            take(house, "shop", "inspection")
        assert time.monotonic() - started < 5


def test_a_lock_that_cannot_be_made_is_told(house: Home) -> None:
    (house.run / "locks" / "shop.inspection.lock").mkdir(parents=True)
    with pytest.raises(OpsError, match="不可写"):
        take(house, "shop", "inspection")


def test_a_change_waits_for_what_looks_to_come_to_its_end(house: Home) -> None:
    with another("shop", "inspection") as looking:
        threading.Timer(1.0, looking.kill).start()
        with held(house, "shop", "service", changes=True, title="启停", patience=60):
            assert looking.poll() is not None


def test_what_is_wanted_later_too_waits_for_its_own_kind(house: Home) -> None:
    with another("shop", "inspection") as earlier:
        threading.Timer(1.0, earlier.kill).start()
        with held(house, "shop", "inspection", changes=False, title="巡检", twin_patience=60):
            assert earlier.poll() is not None
