"""An end to whatever happens on a socket. A read timeout alone bounds nothing: a server that sends a byte
a second is never late.
"""

import contextlib
import socket
import threading
import time
from types import TracebackType

from tasks.transports.alarm import Alarm


class Deadline:
    """When its time comes every watched connection is shut, in whatever stage it is; whoever waits for it
    gets an error at once."""

    def __init__(self, seconds: float) -> None:
        self._watched: list[socket.socket] = []
        self._lock = threading.Lock()
        self.passed = False
        self._alarm = Alarm(seconds, self.shut)

    @property
    def left(self) -> float:
        """Seconds, never nothing at all: a socket takes 0 for "do not wait"."""
        return max(self._alarm.at - time.monotonic(), 0.001)

    def move(self, seconds: float) -> None:
        """From now on, another stretch of time: the next stage begins."""
        self._alarm.put_off()
        self._alarm = Alarm(seconds, self.shut)

    def watch(self, connection: socket.socket) -> None:
        """By a second handle: TLS takes the first one away from its owner."""
        with self._lock:
            if self.passed:
                raise TimeoutError
            self._watched.append(connection.dup())

    def shut(self) -> None:
        with self._lock:
            self.passed = True
            for connection in self._watched:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> "Deadline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alarm.put_off()
        with self._lock:
            for connection in self._watched:
                connection.close()
            self._watched.clear()
