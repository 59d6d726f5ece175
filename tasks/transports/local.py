"""This very machine: a shell in a session of its own, which ends whole when its time is over."""

import os
import selectors
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import IO

from tasks import clock
from tasks.model import Host, Output
from tasks.texts import t
from tasks.transports import MOST, TRANSPORTS, Access
from tasks.transports.local_stream import local_stream
from tasks.transports.sessions import end_session
from tasks.transports.streaming import QUIET, Fed, Stream


@TRANSPORTS.add("local")
class Local:
    def __init__(self, host: Host, _: Access) -> None:
        self.encoding = host.encoding

    def run(self, script: str, limit: timedelta, quiet: timedelta | None = None) -> Output:
        started_at, started = clock.now(), time.monotonic()
        with _as_file(script.encode()) as stdin:
            process = subprocess.Popen(
                ["sh", "-s"],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        with process:  # closes the pipes and waits
            try:
                raw, errors, failure = _listen(process, started, limit.total_seconds())
            finally:
                end_session(process, signal.SIGKILL)
        return Output(
            command="sh -s",
            exit_code=process.returncode,
            raw=raw,
            text=raw.decode(self.encoding, "replace"),
            stderr=errors.decode(self.encoding, "replace"),
            started_at=started_at,
            duration=timedelta(seconds=time.monotonic() - started),
            failure=failure,
        )

    def stream(
        self, script: str, *, quiet: timedelta = QUIET, feed: Fed | None = None
    ) -> AbstractContextManager[Stream]:
        return local_stream(script, quiet, feed, self.encoding)


def _as_file(script: bytes) -> IO[bytes]:
    """In memory, so that a full disk is no reason not to look."""
    file = os.fdopen(os.memfd_create("script"), "wb+")
    file.write(script)
    file.seek(0)
    return file


def _listen(process: "subprocess.Popen[bytes]", started: float, seconds: float) -> tuple[bytes, bytes, str]:
    """What it says until it ends, and why it was not heard out. Not until the pipes close alone:
    something left behind in the background may hold them open."""
    heard = {process.stdout: bytearray(), process.stderr: bytearray()}
    failure = ""
    with selectors.DefaultSelector() as pipes:
        for pipe in heard:
            assert pipe is not None
            pipes.register(pipe, selectors.EVENT_READ, heard[pipe])
        while pipes.get_map() and not failure:
            ended = process.poll() is not None
            ready = pipes.select(0 if ended else LOOK_SECONDS)
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                key.data.extend(chunk)
                if not chunk:
                    pipes.unregister(key.fileobj)
            if ended and not ready:
                break
            if time.monotonic() - started > seconds:
                failure = t("checks.probe_timeout", seconds=round(seconds))
            elif sum(map(len, heard.values())) > MOST:
                failure = t("checks.flood", mib=MOST // 2**20)
    raw, errors = heard.values()
    return bytes(raw), bytes(errors), failure


# How often to see whether it ended although its pipes are open.
LOOK_SECONDS = 0.2
