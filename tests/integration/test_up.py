"""`opsproof up` as a whole: it starts, says where things are, survives what dies, and stops."""

import json
import os
import signal
import socket
import ssl
import time
import urllib.error
import urllib.request
from base64 import b64encode
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
from tests.installation import Installation, running


def until(true: Any, what: str) -> None:
    """In what time is not what is tested here: the machine may be slow, and does other things."""
    deadline = time.monotonic() + 240
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def records(installation: Installation, *words: str) -> list[dict[str, Any]]:
    done = installation.command("record", "list", "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def api(installation: Installation, path: str, auth: bool = True) -> tuple[int, Any]:
    request = urllib.request.Request(f"{installation.ui}/api{path}")
    if auth:
        user, password = installation.login
        request.add_header("Authorization", "Basic " + b64encode(f"{user}:{password}".encode()).decode())
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, None


def test_it_says_where_things_are_and_what_was_found(installation: Installation) -> None:
    user, password = installation.login
    for said in (installation.ui, installation.portal, user, password, "实检 2/2", "/records/local/"):
        assert said in installation.said
    first = records(installation)[-2:]
    assert [one["routine"] for one in first] == ["inspection", "contract.activate"]
    assert first[0]["started_by"] == "首次启动"


def test_the_server_asks_for_the_login_and_keeps_to_its_settings(installation: Installation) -> None:
    assert api(installation, "/deployments/filter", auth=False)[0] == 401
    code, settings = api(installation, "/admin/settings")
    assert code == 200
    server = settings["server"]
    assert server["analytics_enabled"] is False
    assert server["api"]["csrf_protection_enabled"] is True
    assert set(server["services"]["db_vacuum"]["enabled"]) == {"events", "flow_runs"}
    with urllib.request.urlopen(f"{installation.ui}/ui-settings", timeout=30) as answer:
        assert json.load(answer)["default_ui"] == "v1"


def test_secrets_are_readable_by_their_owner_only_and_not_in_arguments(installation: Installation) -> None:
    for path in (installation.home / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    password = installation.login[1].encode()
    for pid in installation.processes():
        assert password not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for log in (installation.home / "logs").iterdir():
        assert password not in log.read_bytes()


def test_a_second_instance_is_refused_in_one_sentence(installation: Installation) -> None:
    done = installation.command("up")
    assert done.returncode == 1
    assert "已有一个实例在运行" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_contract_activated_later_is_served_and_a_deactivated_one_paused(
    installation: Installation,
) -> None:
    folder = installation.inventories
    (folder / "contracts" / "second.yml").write_text(
        (folder / "contracts" / "local.yml").read_text("utf-8").replace("code: local", "code: second"),
        "utf-8",
    )
    (folder / "second").mkdir()
    for name in ("hosts.yml", "databases.yml", "schedules.yml"):
        text = (folder / "local" / name).read_text("utf-8")
        # Its own host on this machine: another loopback address.
        (folder / "second" / name).write_text(text.replace("127.0.0.1", "127.0.0.2"), "utf-8")
    done = installation.command("inventory", "activate", "second", "--yes")
    assert done.returncode == 0, done.stderr + done.stdout
    name = "/deployments/name/second/%E6%AF%8F%E6%97%A5%E5%B7%A1%E6%A3%80"
    until(lambda: api(installation, name)[0] == 200, "not served")
    assert installation.command("inventory", "deactivate", "second", "--yes").returncode == 0
    until(lambda: api(installation, name)[1]["paused"], "not paused")


def test_a_child_that_dies_is_started_again(installation: Installation) -> None:
    def portal_pid() -> int | None:
        for pid in installation.processes():
            if b"tasks.portal.app" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None

    before = portal_pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(lambda: portal_pid() not in (before, None), "the portal did not come back")
    assert "意外退出" in installation.said


def test_stopped_it_leaves_nothing_and_goes_on_from_where_it_was(tmp_path: Path) -> None:
    made = Installation(tmp_path)
    made.up()
    password = made.login[1]
    assert made.stop() == 0
    assert "已全部停止" in made.said
    assert made.processes() == []
    before = records(made)
    said = made.up()
    try:
        assert password not in said, "the password is shown once"
        assert records(made) == before, "no second first inspection"
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


def test_over_tls_with_a_login_from_outside(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, "127.0.0.1")
    login = tmp_path / "login"
    login.write_text("operator:a-long-enough-password\n")
    login.chmod(0o600)
    extra = {
        "OPSPROOF_TLS_CERT": str(cert),
        "OPSPROOF_TLS_KEY": str(key),
        "OPSPROOF_LOGIN_FILE": str(login),
    }
    with running(tmp_path, **extra) as installation:
        assert "https://127.0.0.1" in installation.said
        assert "a-long-enough-password" not in installation.said
        assert next(one["routine"] for one in records(installation)) == "inspection"
        with pytest.raises(OSError):
            urllib.request.urlopen(installation.portal.replace("https", "http"), timeout=5)


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


def test_what_was_missed_while_it_was_down_is_recorded_at_the_next_start(tmp_path: Path) -> None:
    made = Installation(tmp_path)
    made.home.mkdir(mode=0o700)
    two_days_ago = clock.now() - timedelta(days=2)
    activate(Book(made.home / "book"), "local", by="test", at=two_days_ago)
    made.up()
    try:
        until(lambda: records(made, "--outcome", "missed"), "no miss was recorded")
        missed = {one["plan_id"] for one in records(made, "--outcome", "missed")}
        schedules = load_schedules(made.inventories, "local")
        calendar = Calendar.load(made.inventories)
        owed = plans(schedules, "local", two_days_ago, clock.now(), calendar)
        assert missed == {plan.id for plan in owed if plan.given_up_at < clock.now()}
        assert len(missed) >= 4
    finally:
        made.stop()


def test_the_schedule_starts_a_run_by_itself(installation: Installation) -> None:
    """Last in this file: its moment was set three minutes after the installation's start."""

    def scheduled() -> list[dict[str, Any]]:
        return [one for one in records(installation) if one["plan_id"]]

    until(lambda: bool(scheduled()), "no scheduled run was recorded")
    (run,) = scheduled()
    assert run["started_by"] == "计划自动执行"
    assert run["plan_id"].startswith("local/inspection/")
    assert run["outcome"] in ("ok", "findings")
