"""`opsproof up` on a state of its own: stopped and started again, from outside, and on what is half there."""

import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks import clock
from tasks.calendar.days import Calendar
from tasks.calendar.plans import plans
from tasks.calendar.schedules import load as load_schedules
from tasks.contracts.activation import activate
from tasks.records import Book
from tests.certificates import self_signed
from tests.installation import Installation, until

TWO_DAYS_AGO = clock.now() - timedelta(days=2)


@pytest.fixture(scope="module")
def back_again(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Its contract was activated two days ago, and nothing has run since."""
    made = Installation(tmp_path_factory.mktemp("back"))
    made.home.mkdir(mode=0o700)
    activate(Book(made.home / "book"), "local", by="test", at=TWO_DAYS_AGO)
    try:
        made.up()
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.stop()


def test_what_was_missed_while_it_was_down_is_recorded_at_the_next_start(back_again: Installation) -> None:
    until(lambda: back_again.records("--outcome", "missed"), "no miss was recorded")
    missed = {one["plan_id"] for one in back_again.records("--outcome", "missed")}
    schedules = load_schedules(back_again.inventories, "local")
    calendar = Calendar.load(back_again.inventories)
    owed = plans(schedules, "local", TWO_DAYS_AGO, clock.now(), calendar)
    assert missed == {plan.id for plan in owed if plan.given_up_at < clock.now()}
    assert len(missed) >= 4


def test_stopped_it_leaves_nothing(back_again: Installation) -> None:
    assert back_again.login[1] in back_again.said
    assert back_again.stop() == 0
    assert "已全部停止" in back_again.said
    assert back_again.processes() == []


def test_it_goes_on_from_where_it_was_over_tls_and_with_a_login_from_outside(
    back_again: Installation, tmp_path: Path
) -> None:
    made, before = back_again, back_again.records("--routine", "inspection")
    cert, key = self_signed(tmp_path, "127.0.0.1")
    login = tmp_path / "login"
    login.write_text("operator:a-long-enough-password\n")
    login.chmod(0o600)
    made.extra["OPSPROOF_TLS_CERT"], made.extra["OPSPROOF_TLS_KEY"] = str(cert), str(key)
    made.extra["OPSPROOF_LOGIN_FILE"] = str(login)
    said = made.up()
    try:
        assert "https://127.0.0.1" in said
        assert made.login[1] not in said and "a-long-enough-password" not in said
        with pytest.raises(OSError):
            urllib.request.urlopen(made.portal.replace("https", "http"), timeout=5)
        assert made.records("--routine", "inspection") == before, "no second first inspection"
    finally:
        os.kill(made.process.pid, signal.SIGKILL)  # type: ignore[union-attr]
    until(lambda: made.processes() == [], f"left after kill -9: {made.processes()}")
    assert made.command("record", "verify").returncode == 0


def test_ctrl_c_stops_it_too_even_while_starting(tmp_path: Path) -> None:
    made = Installation(tmp_path)
    made.start()
    until(lambda: "正在启动" in made.said, "did not start")
    time.sleep(1)
    assert made.stop(signal.SIGINT) == 0
    assert made.processes() == []


def refused(installation: Installation) -> str:
    done = installation.command("up")
    assert done.returncode in (1, 2), done.stdout
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("错误：")]
    assert len(errors) == 1, done.stderr
    assert installation.processes() == []
    return errors[0]


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    made = Installation(tmp_path)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", made.ui_port))
        holder.listen()
        assert f"{made.ui_port}" in refused(made)
    made.extra["OPSPROOF_PORTAL_PORT"] = "http"
    assert "OPSPROOF_PORTAL_PORT" in refused(made)


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    made = Installation(tmp_path)
    made.home.write_text("a file where the folder should be")
    assert str(made.home) in refused(made)
    made.extra["OPSPROOF_HOME"] = "/proc/opsproof"
    assert "/proc/opsproof" in refused(made)


def half_written_database(home: Path) -> None:
    (home / "prefect").mkdir()
    (home / "prefect" / "prefect.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 500)


def half_written_key(home: Path) -> None:
    (home / "secrets").mkdir(mode=0o700)
    (home / "secrets" / "encryption-key").write_text("abc")


def half_written_login(home: Path) -> None:
    (home / "secrets").mkdir(mode=0o700)
    (home / "secrets" / "first-login").write_text("admin:")
    (home / "secrets" / "first-login").chmod(0o600)


def half_written_book(home: Path) -> None:
    (home / "book").mkdir()
    (home / "book" / "book.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)


def broken_inventory(home: Path) -> None:
    path = home.parent / "inventories" / "local" / "hosts.yml"
    path.write_text("groups: [", "utf-8")


@pytest.mark.parametrize(
    "spoil",
    [half_written_database, half_written_key, half_written_login, half_written_book, broken_inventory],
)
def test_a_half_written_state_is_one_clear_sentence(tmp_path: Path, spoil: Any) -> None:
    made = Installation(tmp_path)
    made.home.mkdir(mode=0o700)
    spoil(made.home)
    assert refused(made)
