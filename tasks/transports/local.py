"""This very machine: a shell of its own process group, killed whole when its time is over."""

import contextlib
import os
import signal
import subprocess
import time
from datetime import timedelta

from tasks import clock
from tasks.model import Host, Output
from tasks.texts import t
from tasks.transports import TRANSPORTS


@TRANSPORTS.add("local")
class Local:
    def __init__(self, host: Host) -> None:
        self.encoding = host.encoding

    def run(self, script: str, limit: timedelta) -> Output:
        started_at, started = clock.now(), time.monotonic()
        process = subprocess.Popen(
            ["sh", "-s"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        failure = ""
        try:
            raw, errors = process.communicate(script.encode(), timeout=limit.total_seconds())
        except subprocess.TimeoutExpired:
            failure = t("checks.probe_timeout", seconds=round(limit.total_seconds()))
            _kill_group(process)
            raw, errors = process.communicate()
        except BaseException:
            _kill_group(process)
            raise
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


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
