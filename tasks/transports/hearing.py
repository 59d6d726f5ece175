"""Both voices of an SSH channel at once, until it ends, takes too long or says too much.

`Connection.run` of Fabric listens with three polling threads a host, at six times the CPU.
"""

import threading
import time
from typing import Self

import paramiko

from tasks.texts import t
from tasks.transports import MOST

# How often to see whether the command ended although something left behind holds the channel open.
LOOK_SECONDS = 0.2
CHUNK = 2**16


class News(threading.Event):
    """Set by both of a channel's buffers when something came or nothing more will.

    Not the pipe of `Channel.fileno()`: Paramiko's thread may write to its number after it was closed here,
    and the byte goes into whatever another thread opened under that number.
    """

    def clear(self) -> None:
        """A buffer that was emptied says nothing of the other one: only who looks at both forgets."""

    def forget(self) -> None:
        super().clear()


class Hearing:
    def __init__(self, channel: paramiko.Channel) -> None:
        self.channel = channel
        self.out, self.err = bytearray(), bytearray()
        self._news = News()
        for buffer in (channel.in_buffer, channel.in_stderr_buffer):
            buffer.set_event(self._news)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def listen(self, seconds: float) -> bool:
        """Take what is there, waiting for it at most `seconds`; False: nothing came."""
        self.wait(seconds)
        before = len(self.out) + len(self.err)
        while self.channel.recv_ready() and len(self.out) <= MOST:
            self.out += self.channel.recv(CHUNK)
        while self.channel.recv_stderr_ready() and len(self.err) <= MOST:
            self.err += self.channel.recv_stderr(CHUNK)
        return len(self.out) + len(self.err) > before

    def wait(self, seconds: float) -> None:
        if not self.over:
            self._news.wait(max(seconds, 0))
        self._news.forget()

    @property
    def over(self) -> bool:
        return bool(self.channel.closed or self.channel.eof_received)

    @property
    def exit_code(self) -> int | None:
        """Paramiko's -1: ended by a signal, or the connection was lost."""
        code = self.channel.exit_status if self.channel.exit_status_ready() else -1
        return None if code < 0 else int(code)

    def to_the_end(self, seconds: float, quiet: float) -> str:
        """Hear it out; why it was not, or nothing."""
        until = time.monotonic() + seconds
        last = time.monotonic()
        while True:
            heard = self.listen(min(until - time.monotonic(), LOOK_SECONDS))
            last = time.monotonic() if heard else last
            if len(self.out) + len(self.err) > MOST:
                return t("checks.flood", mib=MOST // 2**20)
            ended = self.over or self.exit_code is not None
            if ended and not heard and not self.listen(0):
                return self._ended()
            if time.monotonic() > until:
                return t("transports.late_command", seconds=round(seconds))
            if time.monotonic() > last + quiet:
                return t("transports.quiet", seconds=round(quiet))

    def _ended(self) -> str:
        """A command's end comes with its exit code; the end of a connection does not."""
        # The code follows the end of the output.
        patience = time.monotonic() + 5 * LOOK_SECONDS
        while not self.channel.exit_status_ready() and time.monotonic() < patience:
            self.channel.status_event.wait(LOOK_SECONDS)
        return "" if self.exit_code is not None else t("transports.lost")
