"""What every way that streams keeps to. A subclass gives the fixture `opened`."""

import hashlib
import io
import random
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.errors import OpsError
from tasks.transports.streaming import Ended, Stream, Streaming

Opened = Callable[..., Streaming]


def heard(stream: Stream) -> bytes:
    said = bytearray()
    while chunk := stream.read(2**20):
        said += chunk
    return bytes(said)


class Made:
    """So many bytes that look like nothing, and what they were; with a fault at its end."""

    def __init__(self, size: int, problem: Exception | None = None) -> None:
        self.left, self.problem, self.sha256 = size, problem, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        if not self.left and self.problem:
            raise self.problem
        chunk = random.Random(self.left).randbytes(min(size, self.left))
        self.left -= len(chunk)
        self.sha256.update(chunk)
        return chunk


class StreamingSuite:
    QUIET = timedelta(seconds=1)
    MANY = 8 * 2**20

    def test_nothing_is_an_end_as_well(self, opened: Opened) -> None:
        with opened().stream("exit 0") as stream:
            assert stream.read() == b"" and stream.read(10) == b""
            assert stream.output().exit_code == 0

    def test_every_byte_comes_as_it_is(self, opened: Opened) -> None:
        octal = "".join(f"\\{byte:03o}" for byte in range(256))
        with opened().stream(f"printf '{octal}'; echo oops >&2") as stream:
            assert heard(stream) == bytes(range(256))
            assert stream.output().stderr == "oops\n"

    def test_a_few_bytes_at_a_time(self, opened: Opened) -> None:
        with opened().stream("printf 0123456789") as stream:
            said = [stream.read(3) for _ in range(4)]
            assert b"".join(said) == b"0123456789" and max(map(len, said)) == 3
            assert stream.read(3) == b""

    def test_what_is_fed_is_what_its_commands_read(self, opened: Opened) -> None:
        made = Made(self.MANY)
        with opened().stream("cat", feed=made) as stream:
            assert hashlib.sha256(heard(stream)).digest() == made.sha256.digest()

    def test_what_is_fed_is_not_read_by_the_shell(self, opened: Opened) -> None:
        feed = io.BytesIO(b"echo never\nexit 9\n")
        with opened().stream(
            ": long" + "x" * 20_000 + "\nread -r first; echo $first; wc -c\n", feed=feed
        ) as stream:
            assert heard(stream).split() == [b"echo", b"never", b"7"]

    def test_without_a_feed_there_is_nothing_to_read(self, opened: Opened) -> None:
        with opened().stream("cat; echo done") as stream:
            assert heard(stream) == b"done\n"

    def test_a_feed_that_is_not_wanted_to_its_end(self, opened: Opened) -> None:
        with opened().stream("head -c 10 | wc -c", feed=Made(self.MANY)) as stream:
            assert heard(stream).split() == [b"10"]

    def test_a_failure_in_the_middle_is_no_end(self, opened: Opened) -> None:
        with opened().stream("head -c 500000 /dev/zero; echo no room >&2; exit 3") as stream:
            with pytest.raises(Ended, match=r"3.*no room"):
                heard(stream)
            assert stream.output().exit_code == 3

    def test_a_command_that_is_killed_is_no_end(self, opened: Opened) -> None:
        with opened().stream("head -c 500000 /dev/zero; kill -9 $$") as stream, pytest.raises(Ended):
            heard(stream)

    def test_what_hangs_ends_and_so_does_the_command(self, opened: Opened, tmp_path: Path) -> None:
        started = time.monotonic()
        hung = opened().stream("echo begun; sleep 9876", quiet=self.QUIET)
        with hung as stream, pytest.raises(Ended, match="秒没有任何动静"):
            heard(stream)
        assert time.monotonic() - started < 10
        assert self.gone(opened, "sleep 9876")

    def test_talk_on_the_other_voice_is_a_sign_of_life(self, opened: Opened) -> None:
        script = (
            f"for n in 1 2 3 4; do sleep {self.QUIET.total_seconds() / 3}; echo still >&2; done; echo done"
        )
        with opened().stream(script, quiet=self.QUIET) as stream:
            assert heard(stream) == b"done\n"

    def test_swallowing_what_is_fed_is_a_sign_of_life(self, opened: Opened) -> None:
        pause = self.QUIET.total_seconds() / 3

        class Slow:
            left = 5

            def read(self, size: int = -1, /) -> bytes:
                time.sleep(pause)
                self.left -= 1
                return b"x" * (self.left > 0)

        with opened().stream("wc -c", quiet=self.QUIET, feed=Slow()) as stream:
            assert heard(stream).split() == [b"4"]

    def test_left_early_the_command_and_its_children_end(self, opened: Opened) -> None:
        with opened().stream("setsid -w sh -c : ; timeout 900 sleep 8765 & yes") as stream:
            assert stream.read(4) == b"y\ny\n"
        assert self.gone(opened, "sleep 8765") and self.gone(opened, "^yes")

    @pytest.mark.parametrize("problem", [OpsError("the store is gone"), ValueError("broken")])
    def test_a_feed_that_fails_is_never_taken_for_its_end(self, opened: Opened, problem: Exception) -> None:
        script = "wc -c; echo all >&2; sleep 1; echo whole"
        fed = opened().stream(script, feed=Made(10_000, problem))
        with fed as stream, pytest.raises(OpsError, match=str(problem)):
            heard(stream)
        assert "all" not in stream.output().stderr

    def test_complaints_without_end_cost_nothing_and_the_last_is_kept(self, opened: Opened) -> None:
        octal = "".join(f"\\{byte:03o}" for byte in "磁盘已满".encode("gbk"))
        script = f"head -c 5000000 /dev/zero | tr '\\0' x >&2; printf '{octal}' >&2; exit 1"
        with opened(encoding="gbk").stream(script) as stream:
            with pytest.raises(Ended, match="磁盘已满"):
                heard(stream)
            assert len(stream.output().stderr) <= 64 * 2**10

    def test_nobody_reads_and_the_command_waits(self, opened: Opened) -> None:
        with opened().stream("head -c 30000000 /dev/zero; echo written >&2") as stream:
            stream.read(1)
            time.sleep(0.5)
            assert "written" not in stream.output().stderr
            assert len(heard(stream)) == 30_000_000 - 1

    def gone(self, opened: Opened, what: str, seconds: float = 30) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with opened().stream(f"pgrep -fx '{what}( .*)?' || echo none") as stream:
                if heard(stream) == b"none\n":
                    return True
            time.sleep(0.2)
        return False
