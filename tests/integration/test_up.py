"""`opsproof up` as a whole: it starts, says where things are, survives what dies, and stops."""

import json
import os
import signal
import urllib.request
from pathlib import Path

from tests.installation import Installation, until


def test_it_says_where_things_are_and_what_was_found(installation: Installation) -> None:
    user, password = installation.login
    for said in (installation.ui, installation.portal, user, password, "实检 2/2", "/records/local/"):
        assert said in installation.said
    first = installation.records()[-2:]
    assert [one["routine"] for one in first] == ["inspection", "contract.activate"]
    assert first[0]["started_by"] == "首次启动"


def test_the_server_asks_for_the_login_and_keeps_to_its_settings(installation: Installation) -> None:
    assert installation.api("/deployments/filter", auth=False)[0] == 401
    code, settings = installation.api("/admin/settings")
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
    until(lambda: installation.api(name)[0] == 200, "not served")
    assert installation.command("inventory", "deactivate", "second", "--yes").returncode == 0
    until(lambda: installation.api(name)[1]["paused"], "not paused")


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
