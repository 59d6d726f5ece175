"""An engineer's own shell on a host: what is typed and what is shown pass through here, and what was shown is
recorded. Nothing that was typed is, but as the host showed it.
"""

import codecs
import contextlib
import os
import select
import signal
import termios
import threading
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import paramiko

from tasks.sessions.cast import Writer
from tasks.sessions.entering import End
from tasks.sessions.screen import Typist

CHUNK = 2**15
LOOK_SECONDS = 0.5
# How often to ask whether the other side is there, and how long it may take to say so.
PULSE_SECONDS = 15.0
DEAD_SECONDS = 60.0
# Until an exit code follows the end of the output.
PATIENCE = 3.0


class Pulse(threading.Thread):
    """Whether the host still answers: TCP alone may not tell for hours."""

    def __init__(self, transport: paramiko.Transport) -> None:
        super().__init__(daemon=True)
        self._transport, self._over = transport, threading.Event()
        self.at = time.monotonic()

    def run(self) -> None:
        while not self._over.wait(PULSE_SECONDS) and self._transport.is_active():
            self._transport.global_request("keepalive@openssh.com", wait=True)
            self.at = time.monotonic()

    def stop(self) -> None:
        self._over.set()


class Escape:
    """`~.` at the beginning of a line leaves a host that no longer answers, as with ssh."""

    def __init__(self) -> None:
        self._fresh, self._tilde = True, False
        self.left = False

    def passed(self, text: str) -> str:
        out = ""
        for char in text:
            if self._tilde:
                self._tilde = False
                if char == ".":
                    self.left = True
                    return out
                out += "~" if char != "~" else ""
            elif self._fresh and char == "~":
                self._tilde = True
                continue
            out += char
            self._fresh = char in "\r\n"
        return out


@dataclass
class Conversation:
    """`keys` and `screen`: the local terminal's file descriptors."""

    channel: paramiko.Channel
    writer: Writer
    encoding: str
    idle_seconds: float
    keys: int = 0
    screen: int = 1
    resized: bool = False
    size: "os.terminal_size | None" = None
    closed: bool = False
    pending: bytes = b""
    escape: Escape = field(default_factory=Escape)

    def __post_init__(self) -> None:
        self.typist = Typist(os.get_terminal_size(self.keys).columns)
        self._heard = codecs.getincrementaldecoder(self.encoding)("replace")
        self._typed = codecs.getincrementaldecoder("utf-8")("replace")
        # The last word of the host, and the last of either.
        self._heard_at = self._moved = time.monotonic()

    def run(self) -> End:
        transport = self.channel.get_transport()
        pulse = Pulse(transport)
        pulse.start()
        self.channel.setblocking(False)
        try:
            with raw(self.keys), signals(self) as wake:
                while True:
                    if end := self._turn(wake, pulse):
                        return end
        finally:
            pulse.stop()

    def _turn(self, wake: int, pulse: Pulse) -> End | None:
        wanted: list[Any] = [self.channel, wake, *([self.keys] if len(self.pending) < CHUNK else [])]
        ready, _, _ = select.select(wanted, [], [], 0.02 if self.pending else LOOK_SECONDS)
        if wake in ready:
            os.read(wake, CHUNK)
        if self.resized:
            self._resize()
        if self.channel in ready and (end := self._hear()):
            return end
        if self.keys in ready and not self._type():
            return End("closed")
        self._send()
        return self._over(pulse)

    def _over(self, pulse: Pulse) -> End | None:
        now = time.monotonic()
        if self.closed:
            return End("closed")
        if self.escape.left:
            return End("left")
        if now - self._moved > self.idle_seconds:
            return End("idle")
        return End("lost") if now - max(pulse.at, self._heard_at) > DEAD_SECONDS else None

    def _hear(self) -> End | None:
        try:
            said = self.channel.recv(CHUNK)
        except TimeoutError:
            return None
        if not said:
            return self._ended()
        self._heard_at = self._moved = time.monotonic()
        text = self._heard.decode(said)
        try:
            write(self.screen, said if self.encoding == "utf-8" else text.encode())
        except OSError:  # nobody looks any more
            self.closed = True
        self.writer.shown(text)
        for command in self.typist.shown(text):
            self.writer.command(command)
        return None

    def _ended(self) -> End:
        """A connection that is lost ends without an exit code."""
        self.channel.status_event.wait(PATIENCE)
        code = self.channel.exit_status
        return End("exit", code) if code >= 0 else End("lost")

    def _type(self) -> bool:
        try:
            typed = os.read(self.keys, CHUNK)
        except OSError:
            return False
        if typed:
            self._moved = time.monotonic()
            text = self.escape.passed(self._typed.decode(typed))
            self.typist.typed(text)
            self.pending += text.encode(self.encoding, "replace")
        return bool(typed)

    def _send(self) -> None:
        """Only what the host takes by now: to wait for it would be deaf to what it says."""
        with contextlib.suppress(TimeoutError, OSError):  # its end is heard above
            while self.pending and self.channel.send_ready():
                self.pending = self.pending[self.channel.send(self.pending) :]

    def _resize(self) -> None:
        self.resized = False
        size = os.get_terminal_size(self.keys)
        if size == self.size:  # a window that is dragged says so many times
            return
        self.size = size
        self.typist.resize(size.columns)
        self.writer.resized(size.columns, size.lines)
        with contextlib.suppress(paramiko.SSHException, OSError):
            self.channel.resize_pty(size.columns, size.lines)


def write(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


@contextlib.contextmanager
def raw(handle: int) -> Iterator[None]:
    """Every key goes to the host as it is; whatever happens, the terminal is as it was afterwards."""
    before = termios.tcgetattr(handle)
    try:
        tty.setraw(handle)
        yield
    finally:
        with contextlib.suppress(termios.error):  # a terminal that was closed
            termios.tcsetattr(handle, termios.TCSADRAIN, before)


@contextlib.contextmanager
def signals(conversation: Conversation) -> Iterator[int]:
    """A new window size, and a terminal that is closed, wake who waits."""

    def resized(*_: object) -> None:
        conversation.resized = True

    def closed(*_: object) -> None:
        conversation.closed = True

    wake, into = os.pipe()
    os.set_blocking(into, False)
    handlers = {signal.SIGWINCH: resized, signal.SIGHUP: closed, signal.SIGTERM: closed}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    fd = signal.set_wakeup_fd(into, warn_on_full_buffer=False)
    try:
        yield wake
    finally:
        signal.set_wakeup_fd(fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(wake)
        os.close(into)
