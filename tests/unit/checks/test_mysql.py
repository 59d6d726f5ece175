"""What the MySQL checks are made of."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tasks.checks.answers import Answers, Asked, Member
from tasks.checks.judging import Before, Limits
from tasks.checks.mysql import files, primary_keys
from tasks.checks.mysql.counters import Counted, counted
from tasks.checks.mysql.gtid import behind
from tasks.checks.mysql.names import readable
from tests.unit.checks.test_powershell import wrong
from tests.unit.checks.test_script import SHELLS, shell

ONE, OTHER = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"


@pytest.mark.parametrize(
    ("received", "applied", "missing"),
    [
        ("", "", 0),
        ("0-1-100", "0-1-100", 0),
        ("0-1-100,1-2-7", "0-1-90", 17),
        ("0-2-100", "0-1-120", 0),
        (f"{ONE}:1-5", "", 5),
        (f"{ONE}:1-250", f"{ONE}:1-100:120-130", 139),
        (f"{ONE}:7,\n{OTHER}:1-3", f"{OTHER}:2", 3),
        (f"{ONE}:1-5:a_tag:1-4", f"{ONE}:1-5:a_tag:1-3", 1),
    ],
)
def test_transactions_between_two_positions(received: str, applied: str, missing: int) -> None:
    assert behind(received, applied) == missing


def at(now: int, uptime: int, deadlocks: int, before: Before) -> Counted:
    status = (
        {"variable_name": "Uptime", "value": str(uptime)},
        {"variable_name": "D", "value": str(deadlocks)},
    )
    asked = (Asked("now", rows=({"now": now},)), Asked("status", rows=status))
    return counted(Answers((Member("MY-01", asked=asked),)), before)


def test_counters_are_counted_from_the_last_look() -> None:
    first = at(10_000, 5_000, 7, Before())
    assert (first.how, first.since("d"), first.seconds) == ("first", 7, 5_000)
    then = Before(marks=first.marks)
    same = at(17_200, 12_200, 9, then)
    assert (same.how, same.since("d"), same.seconds, same.hourly("d")) == ("same", 2, 7_200, 1)
    assert at(10_060, 5_060, 9, then).hourly("d") == 2  # a minute makes no rate of 120
    new = Before(marks={"counters": "at=10000 uptime=5000"})
    assert at(17_200, 12_200, 9, new).since("d") == 0  # not counted then


def test_a_counter_that_began_anew_is_counted_from_there() -> None:
    """FLUSH STATUS, without a restart."""
    count = at(17_200, 12_200, 3, Before(marks=at(10_000, 5_000, 7, Before()).marks))
    assert (count.how, count.since("d")) == ("same", 3)


@pytest.mark.parametrize(("now", "uptime"), [(10_050, 20), (17_200, 7_000), (96_400, 80_000)])
def test_a_restart_is_seen_however_long_ago(now: int, uptime: int) -> None:
    count = at(now, uptime, 9, Before(marks=at(10_000, 5_000, 7, Before()).marks))
    assert (count.how, count.since("d"), count.seconds) == ("restarted", 9, uptime)


def test_names_of_files_are_readable() -> None:
    assert readable("office@002doa/@6765@6587") == "office-oa/来文" and readable("a@b") == "a@b"


@pytest.mark.parametrize("name", SHELLS)
def test_files_are_measured_in_every_shell(name: str, tmp_path: Path) -> None:
    data = tmp_path / "a b'c"
    (data / "app@002d1").mkdir(parents=True)
    (data / "app@002d1/t.ibd").write_bytes(os.urandom(300_000))
    (data / "ibdata1").write_bytes(os.urandom(100_000))
    (data / "binlog.000001").write_bytes(os.urandom(50_000))
    told = {"db_datadir": f"{data}/", "db_log_bin_basename": f"{data}/binlog", "db_tmpdir": "/tmp:/var/tmp"}
    done = subprocess.run(
        shell(name), input=files.PROBE, capture_output=True, text=True, env=os.environ | told, check=True
    )
    found = {line.split()[0] for line in done.stdout.splitlines()}
    assert found == {"place", "total", "schema", "system", "binlogs"} and not done.stderr
    kib = {line.split()[-1]: int(line.split()[1]) for line in done.stdout.splitlines() if "schema" in line}
    assert 290 <= kib["app@002d1"] <= 400


def test_what_may_not_be_read_is_not_measured() -> None:
    """Another account's folders, as the server makes them: 0700."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        data.chmod(0o755)
        for name, mode in (("closed", 0o700 if not os.geteuid() else 0), ("open", 0o755)):
            (data / name).mkdir()
            (data / name / "t.ibd").write_bytes(os.urandom(300_000))
            (data / name).chmod(mode)
        who: dict[str, Any] = {} if os.geteuid() else {"user": 65534, "group": 65534, "extra_groups": []}
        done = subprocess.run(
            ["sh", "-s"],
            input=files.PROBE,
            capture_output=True,
            text=True,
            env=os.environ | {"db_datadir": folder},
            check=True,
            cwd="/",
            **who,
        )
        (data / "closed").chmod(0o700)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("place")]
    assert lines[0] == f"denied total {folder}"
    assert [line.split()[-1] for line in lines[1:]] == ["open"], lines


def test_a_list_that_was_cut_is_compared_with_nothing() -> None:
    names = [f"app/t{number}" for number in range(primary_keys.MOST + 1)]
    known = Before(approved={primary_keys.MARK: frozenset(name.replace("/", ".") for name in names)})

    def statuses(rows: list[str]) -> set[str]:
        asked = Asked("rows", rows=tuple({"name": name} for name in rows))
        answers = Answers((Member("MY-01", asked=(asked,)),))
        return {str(one.status) for one in primary_keys.primary_keys(answers, Limits(), known)}

    assert statuses(names) == {"unknown"} and "unknown" not in statuses(names[1:])
    assert primary_keys.PROBE.count(f"LIMIT {len(names)}") == 3


def test_a_folder_that_is_not_there_is_no_answer() -> None:
    done = subprocess.run(["sh", "-s"], input=files.PROBE, capture_output=True, text=True, check=False)
    assert done.returncode and shutil.which("sh")


def test_the_windows_probe_is_powershell() -> None:
    assert not wrong(files.WINDOWS)
