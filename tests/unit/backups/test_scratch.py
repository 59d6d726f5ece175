"""The scratch folder: nothing outlives it, nothing that is not ours is deleted."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.backups.scratch import LOCK, MARKER, clear_dead, remove, scratch
from tasks.errors import Refused

VICTIM = """
import sys, time
from pathlib import Path
from tasks.backups.scratch import scratch
with scratch(Path(sys.argv[1])) as room:
    process = room.start(["sh", "-c", "sleep 300 & sleep 300"], room.folder / "log")
    print(room.folder, process.pid, flush=True)
    time.sleep(300)
"""


def test_it_is_gone_at_the_end_with_all_that_ran_in_it(tmp_path: Path) -> None:
    with scratch(tmp_path / "root") as room:
        assert stat.S_IMODE(room.folder.stat().st_mode) == 0o700  # whole databases lie there
        (room.folder / "data").mkdir()
        (room.folder / "data" / "file").write_text("x")
        process = room.start(["sleep", "300"], room.folder / "log")
        assert room.folder.is_dir()
    assert process.poll() is not None and list((tmp_path / "root").iterdir()) == []


def test_after_kill_9_the_next_run_finds_nothing(tmp_path: Path) -> None:
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    folder, pid = victim.stdout.readline().split()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    assert Path(folder).is_dir()
    with scratch(tmp_path) as room:
        assert not Path(folder).exists()
        assert list(tmp_path.iterdir()) == [room.folder]
    until = time.monotonic() + 30
    while running(int(pid)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(int(pid))


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_bears_no_marker_stays(tmp_path: Path) -> None:
    (tmp_path / "production").mkdir()
    (tmp_path / "production" / "data").write_text("x")
    assert clear_dead(tmp_path) == []
    with pytest.raises(Refused, match="没有本平台的标记"):
        remove(tmp_path / "production")
    assert (tmp_path / "production" / "data").exists()


def test_a_run_that_is_alive_is_left_alone(tmp_path: Path) -> None:
    with scratch(tmp_path) as room:
        assert clear_dead(tmp_path) == []
        assert (room.folder / MARKER).is_file() and (room.folder / LOCK).is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take the network away")
def test_what_runs_in_it_has_no_network(tmp_path: Path) -> None:
    with scratch(tmp_path) as room:
        log = room.folder / "log"
        process = room.start(["cat", "/proc/net/dev"], log)
        assert process.wait() == 0
        names = [line.split(":")[0].strip() for line in log.read_text().splitlines() if ":" in line]
        assert names == ["lo"]


def test_links_are_not_followed_when_it_is_removed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    with scratch(tmp_path / "root") as room:
        (room.folder / "link").symlink_to(outside)
        room.give_to("nobody")
    assert (outside / "file").exists() and outside.stat().st_uid == os.geteuid()
