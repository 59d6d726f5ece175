"""Probes that misbehave, in every shell and with every way of limiting their time."""

import shutil
from pathlib import Path

import pytest

from tasks.checks.script import Script, compose
from tests.unit.checks.test_script import SHELLS, probe, run, shell

BADLY = (
    probe("first", "echo first"),
    probe("hangs", "sleep 30; echo never"),
    probe("deaf", "trap '' TERM; sleep 31 & sleep 32; echo never"),
    probe("binary", "head -c 2000 /dev/urandom"),
    probe("long", "head -c 3000000 /dev/zero | tr '\\0' x"),
    probe("fails", "echo trouble >&2; exit 3"),
    probe("reads", "cat; echo 'end of input'"),
    probe("last", "printf 'no newline'"),
)


@pytest.fixture(scope="module")
def without_timeout(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which there is everything the probes need, but no `timeout`."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("sh", "sleep", "head", "tr", "cat", "setsid"):
        (folder / name).symlink_to(Path(shutil.which(name) or ""))
    return str(folder)


@pytest.mark.parametrize("way", ["timeout", "no timeout", "timeout without -k"])
@pytest.mark.parametrize("name", SHELLS)
def test_probes_that_misbehave_take_nothing_from_the_others(
    name: str, way: str, without_timeout: str, tmp_path: Path
) -> None:
    script, path = compose(BADLY), None
    if way != "timeout":
        path = without_timeout
        # What the prologue adds would bring `timeout` back.
        script = Script(
            script.mark, script.text.replace(":/sbin:/usr/sbin:/usr/local/sbin", ""), script.checks
        )
    if way == "timeout without -k":
        old = tmp_path / "timeout"
        old.write_text("#!/bin/sh\necho 'timeout: invalid option -- k' >&2\nexit 125\n")
        old.chmod(0o755)
        path = f"{tmp_path}:{without_timeout}"
    outputs, seconds = run(shell(name), script, path)
    assert seconds < 8
    told = {check.removeprefix("linux."): output for check, output in outputs.items()}
    assert told["first"].text == "first\n" and not told["first"].failure
    assert "1 秒" in told["hangs"].failure and "1 秒" in told["deaf"].failure
    assert "never" not in told["hangs"].text + told["deaf"].text
    assert not told["binary"].failure and len(told["binary"].text) > 100
    assert len(told["long"].text) == 3_000_000 and told["long"].exit_code == 0
    assert (told["fails"].exit_code, told["fails"].stderr, told["fails"].failure) == (3, "trouble\n", "")
    assert told["reads"].text == "end of input\n"  # and not the rest of the script
    assert (told["last"].text, told["last"].exit_code) == ("no newline", 0)
