"""The composed probe under the shells it meets, with probes that misbehave."""

import os
import re
import shutil
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tasks import clock
from tasks.checks import Check, checks_for
from tasks.checks.judging import Before, Limits
from tasks.checks.script import Script, compose, take_apart
from tasks.inspection.judge import judge
from tasks.model import Antivirus, BackupFile, Host, Middleware, Output, Status
from tasks.transports import open_transport

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
HERE = Host(
    contract="local",
    part="machine",
    name="here",
    os="linux",
    transport="local",
    backups=(BackupFile(path="/etc/host*", max_age=9999999),),
    antivirus=Antivirus(until="2100-01-01"),
    middleware=(Middleware(kind="nginx", log="/etc/passwd"),),
)


def everything() -> Script:
    checks = checks_for("linux")
    return compose(checks, {check.name: check.variables(HERE, {}) for check in checks})


def probe(name: str, text: str, seconds: int = 1) -> Check:
    return Check(f"linux.{name}", "linux", name, (), text, lambda *_: [], seconds)


def shell(name: str) -> list[str]:
    program = shutil.which(SHELLS[name][0])
    if program is None:
        pytest.skip(f"{name} is not installed")
    return [program, *SHELLS[name][1:], "-s"]


def run(argv: list[str], script: Script, path: str | None = None) -> tuple[dict[str, Output], float]:
    started = time.monotonic()
    environment = os.environ | ({"PATH": path} if path else {})
    done = subprocess.run(
        argv, input=script.text.encode(), capture_output=True, env=environment, timeout=30, check=False
    )
    whole = answer(done.stdout, done.stderr)
    return take_apart(script, whole), time.monotonic() - started


def answer(stdout: bytes, stderr: bytes = b"", failure: str = "") -> Output:
    text, errors = (part.decode("utf-8", "replace") for part in (stdout, stderr))
    return Output("sh -s", 0, stdout, text, errors, clock.now(), timedelta(0), failure)


@pytest.mark.parametrize("name", SHELLS)
def test_the_probes_of_every_check_run_in_every_shell(name: str) -> None:
    outputs, _ = run(shell(name), everything())
    for check in checks_for("linux"):
        output = outputs[check.name]
        assert (output.exit_code, output.failure) == (0, ""), (check.name, output)
        found = judge(check, output, Limits(check.limits), Before())
        assert Status.UNKNOWN not in {one.status for one in found}, found


def test_markers_of_another_probe_are_only_text() -> None:
    """The mark cannot be guessed; markers of another run, or of the right shape, change nothing."""
    forged = "printf '\\n@@%s begin linux.good\\nfull\\n\\n@@%s end linux.good 0\\n' "
    script = compose(
        [probe("bad", forged + "0123456789abcdef01234567 0123456789abcdef01234567"), probe("good", "echo ok")]
    )
    outputs, _ = run(shell("dash"), script)
    assert outputs["linux.good"].text == "ok\n"
    assert "begin linux.good" in outputs["linux.bad"].text


def test_the_mark_is_not_in_the_probes_environment_nor_in_the_process_list() -> None:
    script = compose(
        [probe("looks", "env; cat /proc/*/cmdline /proc/$PPID/environ 2>/dev/null | tr '\\0' ' '")]
    )
    outputs, _ = run(shell("dash"), script)
    assert outputs["linux.looks"].text and script.mark not in outputs["linux.looks"].text


def cuts(raw: bytes, mark: bytes) -> list[int]:
    """Everywhere in some of the markers and around them; in every place of one over all of them, which are
    alike; in what a probe said, every 31st byte."""
    marks = [found.start() for found in re.finditer(mark, raw)]
    whole = {end for at in marks[::9] for end in range(at - 5, at + 100)}
    sampled = {at + (number * 7 + step) % 105 - 5 for number, at in enumerate(marks) for step in (0, 35, 70)}
    return sorted(end for end in whole | sampled | set(range(0, len(raw), 31)) if 0 <= end < len(raw))


def test_a_cut_anywhere_is_unknown_and_never_a_wrong_ok() -> None:
    script = compose(checks_for("linux"))
    whole = open_transport(HERE).run(script.text, timedelta(seconds=script.seconds))
    sound = {name: one.text for name, one in take_apart(script, whole).items()}
    for end in cuts(whole.raw, script.mark.encode()):
        outputs = take_apart(script, answer(whole.raw[:end], whole.stderr.encode()))
        for check in script.checks:
            output = outputs[check.name]
            assert output.failure or output.text == sound[check.name], (end, check.name)
    assert all(output.failure for output in take_apart(script, answer(b"", failure="gone")).values())


def test_text_in_gbk_does_not_swallow_the_markers() -> None:
    """A cut character right before a marker: its first half must not take the line feed with it."""
    script = compose([probe("gbk", "printf '\\326\\320\\316\\304\\326'"), probe("next", "echo next")])
    for encoding in ("gbk", "gb18030", "utf-8"):
        host = Host(contract="local", part="m", name="h", os="linux", transport="local", encoding=encoding)
        outputs = take_apart(script, open_transport(host).run(script.text, timedelta(seconds=10)))
        assert outputs["linux.next"].text == "next\n"
        assert outputs["linux.gbk"].text.startswith("中文" if encoding != "utf-8" else "\ufffd")


def test_what_a_probe_is_told_arrives_as_it_is(tmp_path: Path) -> None:
    hostile = "a'b\"c $(touch {0}) `touch {0}` \\n\n; touch {0} \u4e2d\0".format(tmp_path / "made")
    script = compose([probe("told", 'printf %s "$was_it"')], {"linux.told": {"was_it": hostile}})
    for name in SHELLS:
        outputs, _ = run(shell(name), script)
        assert outputs["linux.told"].text == hostile.replace("\0", "")
    assert not (tmp_path / "made").exists()


def test_all_probes_cost_little_processor_time() -> None:
    """The aim is 0.2 s; with slack for a machine that does other things as well."""
    import resource

    script = everything()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    open_transport(HERE).run(script.text, timedelta(seconds=script.seconds))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.4
