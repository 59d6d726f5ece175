import contextlib
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.errors import OpsError
from tasks.inspection.collect import collect
from tasks.model import Host, Output
from tasks.registry import Registry
from tasks.transports import MOST, open_transport


def host(**fields: str) -> Host:
    return Host(
        **{"contract": "local", "part": "m", "name": "h", "os": "linux", "transport": "local", **fields}
    )


def run(script: str, seconds: float = 5, **fields: str) -> Output:
    return open_transport(host(**fields)).run(script, timedelta(seconds=seconds))


def alive(word: str) -> bool:
    """What was killed takes a moment to leave the table of processes."""
    deadline = time.monotonic() + 2
    while found := listed(word):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return found


def listed(word: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # gone between the two looks
            if word.encode() in path.read_bytes():
                return True
    return False


@pytest.mark.parametrize(
    "script",
    [
        "echo said; sleep 987.1",
        "echo said; timeout 100 sleep 987.2",  # a process group of its own
        "echo said; (trap '' TERM HUP; sleep 987.3) & wait",
        "trap '' TERM; echo said; sleep 987.4; sleep 987.4",
    ],
)
def test_when_the_time_is_over_all_of_it_ends_and_what_was_said_is_kept(script: str) -> None:
    started = time.monotonic()
    answer = run(script, 0.5)
    assert time.monotonic() - started < 3
    assert answer.failure and answer.text == "said\n"
    assert not alive("987.")


def test_what_is_left_in_the_background_delays_nothing() -> None:
    started = time.monotonic()
    answer = run("sleep 986 & echo done; setsid sleep 4 & exit 7", 20)
    assert time.monotonic() - started < 3
    assert (answer.text, answer.exit_code, answer.failure) == ("done\n", 7, "")
    assert not alive("986")


def test_a_flood_is_stopped_before_it_fills_the_memory() -> None:
    answer = run("yes", 20)
    assert "MiB" in answer.failure and MOST < len(answer.raw) < MOST + 2**20
    assert not alive("yes\0")


def test_a_long_script_and_a_long_answer_pass_whole() -> None:
    script = "".join(f": '{'x' * 100}'\n" for _ in range(3000)) + "head -c 3000000 /dev/zero; echo oops >&2"
    answer = run(script)
    assert len(answer.raw) == 3_000_000 and answer.stderr == "oops\n" and not answer.failure


def test_answers_are_read_in_the_encoding_of_the_host() -> None:
    said = "echo '中文'; echo '错误' >&2".encode("gbk").decode("latin-1")
    octal = "".join(f"\\{byte:03o}" for byte in "中文".encode("gbk"))
    answer = run(f"printf '{octal}'; printf '{octal}' >&2", encoding="gbk")
    assert said and (answer.text, answer.stderr) == ("中文", "中文")
    assert "\ufffd" in run(f"printf '{octal}'").text


def test_a_way_nobody_made_is_told_and_the_target_is_not_reached() -> None:
    with pytest.raises(OpsError, match="pigeon"):
        open_transport(host(transport="pigeon"))
    collected = collect(host(transport="pigeon"))
    assert not collected.reached and "pigeon" in collected.failure


def test_two_pieces_of_one_name_are_a_bug() -> None:
    pieces: Registry[int] = Registry("tasks.transports")
    pieces.add("one")(1)
    with pytest.raises(ValueError, match="one"):
        pieces.add("one")(2)
    assert pieces.get("two") is None
