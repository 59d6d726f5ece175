"""A command of a host, heard over SSH while it runs; as root if need be.

The script comes first on standard input, read to its last byte and no further, so that the rest of it is free
for `feed`: no argument holds anything of either. Where nothing is fed, a process over there waits for the end
of that input: whatever ends the connection, and be it that this machine dies, ends the command as well.
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

import paramiko

from tasks.model import Host
from tasks.texts import t
from tasks.transports.hearing import Hearing
from tasks.transports.login import Failed, Hop
from tasks.transports.sessions import END
from tasks.transports.streamed import Feeding, Streamed
from tasks.transports.streaming import Ended, Fed

# What is on the way and not yet read; all the memory that a stream takes here.
WINDOW = 2**21
PACKET = 2**15
SESSION = 'read -r line </proc/self/stat; set -- ${line##*) }; session=$4; set --; echo "$session"\n'
WATCHED = f"exec 3<&0 </dev/null; ( cat <&3 >/dev/null; {END} ) >/dev/null 2>&1 & exec 3<&-\n"


LOST = (OSError, EOFError, paramiko.SSHException)


class Way(Protocol):
    """What SSH does to get there: its own limits, and the one handshake with sudo."""

    host: Host
    login_seconds: int

    def within(self, hop: Hop, seconds: float) -> contextlib.AbstractContextManager[None]: ...

    def wait_for_shell(self, hearing: Hearing, mark: str, until: float, seconds: float) -> None: ...

    def order(self, hop: Hop, script: str, seconds: float) -> None: ...


class SSHStream(Streamed):
    def __init__(self, hearing: Hearing, first: bytes, quiet: timedelta, encoding: str) -> None:
        super().__init__(quiet, encoding)
        self._left = memoryview(first)
        self._hearing, self._channel = hearing, hearing.channel
        self._errors += hearing.err

    def _hear(self, seconds: float) -> tuple[bytes, bytes] | None:
        over = self._hearing.over
        if not over:
            self._hearing.wait(seconds)
        try:
            complained = self._channel.recv_stderr(WINDOW) if self._channel.recv_stderr_ready() else b""
            said = self._channel.recv(WINDOW) if self._channel.recv_ready() else b""
        except LOST as problem:  # what is read makes room for more, and that is told to the other side
            raise Ended(t("streams.lost")) from problem
        if over and not said:
            self._errors += complained
            return None
        return said, complained

    def _last_words(self) -> bytes:
        return bytes(self._channel.recv_stderr(WINDOW)) if self._channel.recv_stderr_ready() else b""

    def _code(self, seconds: float) -> int | None:
        """Only with the exit code has it ended; the end of the output may be that of the connection."""
        until = time.monotonic() + seconds
        while not self._channel.exit_status_ready() and time.monotonic() < until:
            self._channel.status_event.wait(0.2)
        return self._hearing.exit_code


@contextmanager
def ssh_stream(way: Way, hop: Hop, script: str, quiet: timedelta, feed: Fed | None) -> Iterator[SSHStream]:
    whole = (SESSION + ("" if feed else WATCHED) + script).encode()
    try:
        with way.within(hop, way.login_seconds):
            hearing = begun(way, hop, whole)
    except Failed as problem:
        raise Ended(str(problem)) from problem
    with hearing:
        line, _, first = bytes(hearing.out).partition(b"\n")
        stream = SSHStream(hearing, first, quiet, way.host.encoding)
        end = ending(way, hop, line.decode("ascii", "replace"))
        if feed:
            stream.feeding = feed_to(hearing, feed, end)
        try:
            yield stream
        finally:
            if feed and not stream.whole:
                end()
            with contextlib.suppress(*LOST):
                hearing.channel.close()
            if stream.feeding:
                stream.feeding.join()


def begun(way: Way, hop: Hop, script: bytes) -> Hearing:
    """The script is over there; what was heard begins with a line that names its session."""
    assert hop.transport is not None
    mark = secrets.token_hex(12)
    channel = hop.transport.open_session(window_size=WINDOW, timeout=way.login_seconds)
    hearing = Hearing(channel)
    channel.settimeout(way.login_seconds)
    channel.exec_command(command(way.host, f"{mark}?", f"{mark}!", len(script)))
    until = time.monotonic() + way.login_seconds
    way.wait_for_shell(hearing, mark, until, way.login_seconds)
    hearing.err.clear()  # a talking profile, sudo's prompt
    channel.sendall(script)
    while b"\n" not in hearing.out:
        if not hearing.listen(until - time.monotonic()) and (hearing.over or time.monotonic() > until):
            raise Failed(t("streams.lost"))
    return hearing


def command(host: Host, prompt: str, ready: str, size: int) -> str:
    """Plain enough for every login shell, csh included. `dd` takes no byte too many."""
    words = f"""sh -c 'echo {ready}; eval "$(dd bs=1 count={size} 2>/dev/null)"'"""
    return f"exec sudo -S -p '{prompt}' {words}" if host.sudo else f"exec {words}"


def ending(way: Way, hop: Hop, session: str) -> Callable[[], None]:
    """Before its input ends: a command that is fed would take half for all."""

    def end() -> None:
        with contextlib.suppress(Failed):  # with the connection its input has ended already
            way.order(hop, f"session='{session}'; {END}", way.login_seconds)

    return end


def feed_to(hearing: Hearing, feed: Fed, end: Callable[[], None]) -> Feeding:
    channel = hearing.channel
    channel.settimeout(None)

    def write(chunk: bytes) -> None:
        for start in range(0, len(chunk), PACKET):
            channel.sendall(chunk[start : start + PACKET])

    return Feeding(feed, write, channel.shutdown_write, end, LOST)
