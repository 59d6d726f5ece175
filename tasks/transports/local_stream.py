"""A command of this machine, heard while it runs."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from tasks.transports.sessions import end_session
from tasks.transports.streamed import CHUNK, END_SECONDS, Feeding, Streamed
from tasks.transports.streaming import Fed


class LocalStream(Streamed):
    command = "sh"

    def __init__(self, process: "subprocess.Popen[bytes]", quiet: timedelta, encoding: str) -> None:
        super().__init__(quiet, encoding)
        self._process = process
        assert process.stdout is not None and process.stderr is not None
        self._out, self._err = process.stdout.fileno(), process.stderr.fileno()
        # As long as a read: with the 64 KiB of a new pipe two programs take turns all the time.
        with contextlib.suppress(OSError):  # the kernel's limit for one user is used up
            fcntl.fcntl(self._out, fcntl.F_SETPIPE_SZ, CHUNK)
        self._voices = select.poll()
        for voice in (self._out, self._err):
            self._voices.register(voice, select.POLLIN)

    def _hear(self, seconds: float) -> tuple[bytes, bytes] | None:
        said = complained = b""
        for voice, _ in self._voices.poll(seconds * 1000):
            chunk = os.read(voice, CHUNK)
            if voice == self._err:
                complained = chunk
                if not chunk:
                    self._voices.unregister(voice)
            elif chunk:
                said = chunk
            else:
                self._errors += complained
                return None
        return said, complained

    def _last_words(self) -> bytes:
        """Not to the end of the pipe: something left behind may hold it open."""
        os.set_blocking(self._err, False)
        said = bytearray()
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._err, CHUNK):
                said += chunk
        return bytes(said)

    def _code(self, seconds: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None


def end(process: "subprocess.Popen[bytes]") -> None:
    """It and all of its session, gently first."""
    if process.poll() is None:
        end_session(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS / 2)
    end_session(process, signal.SIGKILL)
    process.wait()


@contextmanager
def local_stream(script: str, quiet: timedelta, feed: Fed | None, encoding: str) -> Iterator[LocalStream]:
    """The script comes from a file without a name, so that standard input is free for `feed`."""
    with os.fdopen(os.memfd_create("script"), "wb") as file:
        file.write(script.encode())
        file.flush()
        process = subprocess.Popen(
            ["sh", f"/dev/fd/{file.fileno()}"],
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[file.fileno()],
            start_new_session=True,
            bufsize=0,
        )
        stream = LocalStream(process, quiet, encoding)
        if feed:
            stream.feeding = feed_to(process, feed)
        try:
            yield stream
        finally:
            end(process)
            if stream.feeding:
                stream.feeding.join()
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()


def feed_to(process: "subprocess.Popen[bytes]", feed: Fed) -> Feeding:
    line = process.stdin
    assert line is not None

    def write(chunk: bytes) -> None:
        left = memoryview(chunk)
        while left:
            left = left[line.write(left) :]

    return Feeding(feed, write, line.close, lambda: end_session(process, signal.SIGKILL))
