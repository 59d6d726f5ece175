"""What every transport keeps to, whatever the way. A subclass gives the fixture `run`, and says in its
host's own language what differs from the POSIX shell.
"""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from tasks.model import Output
from tasks.transports import Transport

Run = Callable[..., Output]


def runner(opened: Callable[..., Transport]) -> Run:
    """`opened` takes the fields of the host that differ."""

    def run(script: str, seconds: float = 20, **fields: object) -> Output:
        return opened(**fields).run(script, timedelta(seconds=seconds))

    return run


class TransportSuite:
    EXIT = "exit {code}\n"
    SAY = "echo {text}\n"
    COMPLAIN = "echo {text} >&2\n"
    BIG = "head -c {size} /dev/zero | tr '\\0' x\n"
    BIG_COMPLAINT = "head -c {size} /dev/zero | tr '\\0' x >&2\n"
    BYTES = "printf '{octal}'\n"
    HANG = "sleep 987\n"
    FLOOD = "yes\n"
    READ_ALL = "cat\n"
    DIE = "kill -9 $$\n"
    COMMENT = ": '{text}'\n"
    BACKGROUND = "sleep 3 &\n"

    @pytest.mark.parametrize("code", [0, 1, 7, 124, 255])
    def test_the_exit_code_comes_through(self, run: Run, code: int) -> None:
        answer = run(self.SAY.format(text="said") + self.EXIT.format(code=code))
        assert (answer.exit_code, answer.text.split(), answer.failure) == (code, ["said"], "")

    def test_five_megabytes_come_whole_and_so_does_a_long_script(self, run: Run) -> None:
        script = self.COMMENT.format(text="x" * 100) * 3000 + self.BIG.format(size=5_000_000)
        answer = run(script + self.COMPLAIN.format(text="oops"))
        assert answer.raw.count(b"x") == 5_000_000 and answer.stderr.split() == ["oops"]
        assert answer.exit_code == 0 and not answer.failure

    def test_complaints_alone_do_not_stop_the_answer(self, run: Run) -> None:
        answer = run(self.BIG_COMPLAINT.format(size=5_000_000) + self.SAY.format(text="said"))
        assert len(answer.stderr.strip()) == 5_000_000 and answer.text.split() == ["said"]

    def test_bytes_that_are_no_text_come_as_they_are(self, run: Run) -> None:
        sent = bytes(range(256))
        answer = run(self.BYTES.format(octal="".join(f"\\{byte:03o}" for byte in sent)))
        assert answer.raw == sent and "\ufffd" in answer.text

    @pytest.mark.parametrize("encoding", ["utf-8", "gbk", "gb18030"])
    def test_answers_are_read_in_the_encoding_of_the_host(self, run: Run, encoding: str) -> None:
        octal = "".join(f"\\{byte:03o}" for byte in "磁盘已满".encode(encoding))
        answer = run(self.BYTES.format(octal=octal), encoding=encoding)
        assert answer.text == "磁盘已满"

    def test_nothing_waits_for_an_input_that_never_comes(self, run: Run) -> None:
        started = time.monotonic()
        answer = run(self.READ_ALL)
        assert time.monotonic() - started < 10 and not answer.failure

    def test_what_hangs_is_given_up_and_what_was_said_before_is_kept(self, run: Run) -> None:
        started = time.monotonic()
        answer = run(self.SAY.format(text="said") + self.HANG, seconds=1)
        assert time.monotonic() - started < 5
        assert answer.failure and answer.text.split() == ["said"] and answer.exit_code != 0

    def test_a_flood_is_stopped(self, run: Run) -> None:
        answer = run(self.FLOOD)
        assert "MiB" in answer.failure and len(answer.raw) < 64 * 2**20

    def test_what_is_left_in_the_background_delays_nothing(self, run: Run) -> None:
        started = time.monotonic()
        answer = run(self.BACKGROUND + self.SAY.format(text="said"))
        assert time.monotonic() - started < 2.5
        assert (answer.text.split(), answer.exit_code, answer.failure) == (["said"], 0, "")

    def test_an_answer_that_was_cut_is_not_a_whole_one(self, run: Run) -> None:
        answer = run(self.SAY.format(text="said") + self.DIE + self.SAY.format(text="never"))
        assert answer.text.split() == ["said"]
        assert answer.failure or answer.exit_code not in (0, None)

    def test_what_is_written_down_tells_when_and_how_long(self, run: Run) -> None:
        answer = run(self.SAY.format(text="said"))
        assert answer.started_at.tzinfo is not None and timedelta(0) < answer.duration < timedelta(seconds=10)
        assert answer.command and "said" not in answer.command
