"""What was installed after the boot, on the RPM family. There is no RPM database here: `rpm` is a stand-in
that prints what the real one prints for `-q --qf`, packages that are not installed included.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tasks.checks.linux.reboot import PROBE
from tests.unit.checks.test_script import SHELLS, shell

BOOTED = next(int(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if "btime" in line)
ABSENT = "package kernel-rt is not installed"
OLD = f"{BOOTED - 9000} kernel-3.10.0-957.el7\n{BOOTED - 9000} glibc-2.17-260.el7\n{ABSENT}"
NEW = f"{BOOTED + 60} glibc-2.17-326.el7_9"


def answer(name: str, folder: Path, printed: str) -> str:
    for program in ("sed", "awk", "cat"):
        (folder / program).symlink_to(Path(shutil.which(program) or ""))
    (folder / "rpm").write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\n")
    (folder / "rpm").chmod(0o755)
    done = subprocess.run(
        shell(name), input=PROBE, env={"PATH": str(folder)}, capture_output=True, text=True, timeout=20
    )
    assert not done.stderr
    return done.stdout


@pytest.mark.skipif(Path("/var/run/reboot-required").exists(), reason="this machine wants to be restarted")
@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (OLD, "no\n"),
        (f"{OLD}\n{NEW}\n{NEW}", "yes\nglibc-2.17-326.el7_9\n"),  # two architectures
        (ABSENT, "unsure\n"),
        ("", "unsure\n"),
    ],
    ids=["before the boot", "after it", "none of them", "nothing"],
)
def test_packages_installed_after_the_boot_want_a_restart(
    name: str, printed: str, told: str, tmp_path: Path
) -> None:
    assert answer(name, tmp_path, printed) == told
