"""Databases on this machine that are not ours: told, and proof beside them refused."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.backups.neighbours import Server, is_local, lives_here, refusal, servers
from tasks.backups.scratch import MARKER
from tasks.model import Database, Host, Instance


@contextmanager
def running(folder: Path, name: str) -> Iterator[int]:
    """A process by the name of a server; stands in for one, which only its name and folder show."""
    program = folder / name
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([str(program), "60"], cwd=folder)
    try:
        deadline = time.monotonic() + 30
        while name not in Path(f"/proc/{process.pid}/stat").read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield process.pid
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ["mariadbd", "mysqld", "postgres", "ora_pmon_ORCL"])
def test_a_server_is_found_by_its_name(tmp_path: Path, name: str) -> None:
    with running(tmp_path, name) as pid:
        assert Server(pid, name, str(tmp_path)) in list(servers())
        assert name in refusal([], {}) or "正在运行" in refusal([], {})
    assert not any(one.pid == pid for one in servers())


def test_ours_do_not_count(tmp_path: Path) -> None:
    inside = tmp_path / "data"
    inside.mkdir()
    (tmp_path / MARKER).write_text("{}")
    with running(inside, "mariadbd") as pid:
        assert not any(one.pid == pid for one in servers())


def database(engine: str, **more: object) -> Database:
    return Database(contract="lab", part="app", name="db", engine=engine, **more)  # type: ignore[arg-type]


def test_targets_with_an_address_of_this_machine() -> None:
    here = Host(contract="lab", part="app", name="web", os="debian", transport="local")
    away = Host(contract="lab", part="app", name="far", os="debian", address="192.0.2.7")
    on = lambda name: (Instance(name="db", host=name),)  # noqa: E731
    assert is_local("127.0.0.1") and not is_local("192.0.2.7")
    assert lives_here(database("mysql", address="127.0.0.1"), {})
    assert lives_here(database("mysql", instances=on("web")), {"web": here})
    assert not lives_here(database("mysql", instances=on("far")), {"far": away})
    assert not lives_here(database("sqlite", path="app.db", address="127.0.0.1"), {})
    said = refusal([database("mysql", address="127.0.0.1")], {})
    assert "地址就是本机（db）" in said and "beside" in said
