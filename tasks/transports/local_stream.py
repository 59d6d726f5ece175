"""A command of this machine, heard while it runs."""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from tasks import clock
from tasks.model import Output
from tasks.texts import t
from tasks.transports.alarm import Alarm
from tasks.transports.streaming import Ended, Fed

CHUNK = 2**20
# Of its other voice: enough for a cause, whatever it talks.
LAST = 64 * 2**10
END_SECONDS = 10


class LocalStream:
    def __init__(self, process: "subprocess.Popen[bytes]", errors: int, quiet: timedelta, encoding: str):
        self._process, self._errors, self._encoding = process, errors, encoding
        self._quiet = quiet.total_seconds()
        self._started_at, self._started = clock.now(), time.monotonic()
        self._silent = False

    def read(self, size: int = -1, /) -> bytes:
        assert self._process.stdout is not None
        alarm = Alarm(self._quiet, self._give_up)
        try:
            chunk = os.read(self._process.stdout.fileno(), size if 0 < size < CHUNK else CHUNK)
        finally:
            alarm.put_off()
        if not chunk:
            self._ended_well()
        return chunk

    def _give_up(self) -> None:
        self._silent = True
        end(self._process)

    def _ended_well(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._quiet)
        said = self.output()
        if self._silent or said.exit_code is None:
            raise Ended(t("transports.quiet", seconds=round(self._quiet)))
        if said.exit_code != 0:
            last = " ".join(said.stderr.split())[-500:]
            raise Ended(t("transports.stream_failed", code=said.exit_code, said=last or "—"))

    def output(self) -> Output:
        size = os.fstat(self._errors).st_size
        errors = os.pread(self._errors, LAST, max(size - LAST, 0))
        return Output(
            command="sh -s",
            exit_code=self._process.poll(),
            raw=b"",
            text="",
            stderr=errors.decode(self._encoding, "replace"),
            started_at=self._started_at,
            duration=timedelta(seconds=time.monotonic() - self._started),
        )


def end(process: "subprocess.Popen[bytes]") -> None:
    """It and all of its group, gently first."""
    for how in (15, 9):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS / 2)
            return


@contextmanager
def local_stream(script: str, quiet: timedelta, feed: Fed | None, encoding: str) -> Iterator[LocalStream]:
    """The script comes from a file without a name, so that standard input is free for `feed`."""
    with tempfile.TemporaryFile() as errors, os.fdopen(os.memfd_create("script"), "wb") as file:
        file.write(script.encode())
        file.flush()
        process = subprocess.Popen(
            ["sh", f"/dev/fd/{file.fileno()}"],
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=[file.fileno()],
            start_new_session=True,
        )
        feeding = feed_to(process, feed) if feed else None
        try:
            yield LocalStream(process, errors.fileno(), quiet, encoding)
        finally:
            end(process)
            if feeding:
                feeding.join()
            assert process.stdout is not None
            process.stdout.close()


def feed_to(process: "subprocess.Popen[bytes]", feed: Fed) -> threading.Thread:
    """What fails in `feed` ends the command: half of it must not be taken for all."""

    def pour() -> None:
        assert process.stdin is not None
        try:
            with process.stdin as line:
                while chunk := feed.read(CHUNK):
                    line.write(chunk)
        except BrokenPipeError:
            return  # it wanted no more: its exit code says whether that was right
        except Exception:  # noqa: BLE001 - the reader of `feed` knows what went wrong
            os.killpg(process.pid, 9)

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    return thread
