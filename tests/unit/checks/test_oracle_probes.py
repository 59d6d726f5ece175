"""What the Oracle checks run on hosts: the real shell, with programs that print what Oracle's do."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tasks.checks import CHECKS, Check
from tasks.checks.answers import Member, write
from tasks.checks.judging import Before, Limits
from tasks.checks.powershell import compose as compose_powershell
from tasks.checks.script import compose, take_apart
from tasks.inspection.judge import judge
from tasks.inspection.ways.database import told
from tasks.model import Finding, Status
from tests.unit.checks.recorded import output
from tests.unit.checks.test_powershell import TOO_NEW, wrong
from tests.unit.checks.test_script import answer

ON_HOSTS = [
    check for check in map(CHECKS.get, ("oracle.cluster", "oracle.listener", "oracle.storage")) if check
]
READY = """Services Summary...
Service "orcl" has 1 instance(s).
  Instance "ORCL", status READY, has 1 handler(s) for this service...
The command completed successfully"""


def found(name: str, programs: Path, variables: Mapping[str, str]) -> list[Finding]:
    check = CHECKS.get(f"oracle.{name}")
    assert check
    script = compose([check], {check.name: variables})
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-s"], input=script.text.encode(), capture_output=True, timeout=30, check=False, env=env
    )
    said = take_apart(script, answer(done.stdout, done.stderr))[check.name]
    text = write([told("db", {"form": "single"}, said)])
    return judge(check, output(text), Limits(check.limits), Before())


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    """A process that looks like a listener, out of a home of its own; gives the home."""
    home = tmp_path / "product 19"
    asked = '[ "$ORACLE_HOME $*" = "${0%/bin/lsnrctl} status LISTENER_7" ] || exit 9'
    program(home / "bin" / "lsnrctl", f"{asked}\ncat <<'END'\n{READY}\nEND")
    os.mkfifo(tmp_path / "LISTENER_7")
    tmp_path.chmod(0o755)
    process = subprocess.Popen(
        [str(home / "bin" / "tnslsnr"), "LISTENER_7"],
        executable="/bin/cat",
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
    )
    yield home
    process.kill()
    process.wait()


def test_a_listener_is_found_and_asked(listening: Path, tmp_path: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        seen = {one.subject: one for one in found("listener", tmp_path, {})}
        if "LISTENER_7" in seen or time.monotonic() > deadline:
            break
    assert seen["LISTENER_7"].status is Status.OK, seen
    assert "ORCL" in seen["LISTENER_7"].summary


def test_no_listener_is_a_failure(tmp_path: Path) -> None:
    (one,) = found("listener", tmp_path, {})
    assert (one.status, one.subject) == (Status.FAIL, "监听")


def test_the_cluster_tells_its_resources(tmp_path: Path) -> None:
    program(
        tmp_path / "crsctl", "printf 'NAME=ora.orcl.db\\nTYPE=t\\nTARGET=ONLINE\\nSTATE=ONLINE on n1\\n\\n'"
    )
    (one,) = found("cluster", tmp_path, {})
    assert one.status is Status.OK and "1 个资源" in one.summary


def test_a_cluster_that_does_not_answer_is_a_failure_although_it_ended_badly(tmp_path: Path) -> None:
    program(tmp_path / "crsctl", "echo 'CRS-4535: Cannot communicate with Cluster Ready Services'; exit 1")
    (one,) = found("cluster", tmp_path, {})
    assert one.status is Status.FAIL


def test_without_a_cluster_nothing_is_known(tmp_path: Path) -> None:
    (one,) = found("cluster", tmp_path, {})
    assert one.status is Status.UNKNOWN and "no crsctl" in one.summary


def test_the_space_below_the_data_files_is_that_of_their_file_systems(tmp_path: Path) -> None:
    folder = tmp_path / "ora data" / "ORCL"
    folder.mkdir(parents=True)
    (one,) = found("storage", tmp_path, {"db_files": f"{folder}\n{tmp_path}\n+DATA"})
    df = subprocess.run(["df", "-kP", str(folder)], capture_output=True, text=True, check=True).stdout
    assert one.subject == df.split("\n")[1].split(None, 5)[5] and str(folder) in one.summary


def test_folders_that_are_not_there_are_unknown_and_the_inventory_helps_out(tmp_path: Path) -> None:
    (one,) = found("storage", tmp_path, {"db_files": str(tmp_path / "gone")})
    assert one.status is Status.UNKNOWN
    (one,) = found("storage", tmp_path, {"db_data": str(tmp_path)})
    assert one.status is not Status.UNKNOWN
    (one,) = found("storage", tmp_path, {})
    assert one.status is Status.UNKNOWN and "台账" in one.summary


@pytest.mark.parametrize("check", ON_HOSTS, ids=lambda check: check.name)
def test_the_windows_probe_is_powershell_of_the_oldest_version(check: Check) -> None:
    assert check.windows and check.windows.isascii() and not wrong(check.windows)
    assert not [word for word in TOO_NEW if word.casefold() in check.windows.casefold()]
    assert not wrong(compose_powershell([check], {check.name: {"db_files": "E:\\数据\nF:\\x"}}).text)


def test_a_member_that_was_not_reached_says_so_for_each(tmp_path: Path) -> None:
    for check in ON_HOSTS:
        text = write([Member("a", failure="no way there")])
        (one,) = judge(check, output(text), Limits(check.limits), Before())
        assert one.status is Status.UNKNOWN and "no way there" in one.summary
