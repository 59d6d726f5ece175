"""SSH: through the jump hosts to the host, there to root if need be, and the whole script in one trip."""

import contextlib
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from threading import BoundedSemaphore

import paramiko

from tasks import clock
from tasks.checks import powershell
from tasks.errors import OpsError
from tasks.model import Host, Output
from tasks.texts import t
from tasks.transports import TRANSPORTS, Access
from tasks.transports.hearing import Hearing
from tasks.transports.login import (
    LOGIN_SECONDS,
    SILENT,
    Failed,
    Hop,
    Shown,
    ended_after,
    hop_to,
    hop_without_login,
    log_in,
    told,
)
from tasks.transports.ssh_stream import ssh_stream
from tasks.transports.streaming import QUIET, Ended, Fed, Stream

# sshd turns away at random when more than ten connections at once have not yet logged in (MaxStartups):
# a jump host is logged in to by many.
LOGINS_AT_ONCE = 8
SAID_NOTHING = "transports.sudo_silent"


@TRANSPORTS.add("ssh")
class SSH:
    def __init__(self, host: Host, access: Access) -> None:
        self.host, self.access = host, access
        self.login_seconds = host.login_seconds or LOGIN_SECONDS

    def run(self, script: str, limit: timedelta, quiet: timedelta | None = None) -> Output:
        started_at, started = clock.now(), time.monotonic()
        answer = Output(command(self.host), None, b"", "", "", started_at, timedelta(0))
        with ExitStack() as hops:
            try:
                seconds = limit.total_seconds()
                patience = quiet.total_seconds() if quiet else seconds
                answer = self._ask(self._log_in(hops), script, seconds, patience, answer)
            except Failed as problem:
                answer = replace(answer, failure=str(problem), event=problem.event)
        return replace(answer, duration=timedelta(seconds=time.monotonic() - started))

    @contextlib.contextmanager
    def stream(self, script: str, *, quiet: timedelta = QUIET, feed: Fed | None = None) -> Iterator[Stream]:
        if self.host.family == "windows":
            raise OpsError(t("streams.not_here", name=self.host.transport))
        with ExitStack() as hops:
            try:
                hop = self._log_in(hops)
            except Failed as problem:
                raise Ended(str(problem)) from problem
            yield hops.enter_context(ssh_stream(self, hop, script, quiet, feed))

    @contextlib.contextmanager
    def shell(self, kind: str, columns: int, rows: int) -> Iterator[paramiko.Channel]:
        """A person's own login shell, on a terminal of that kind and size."""
        with ExitStack() as hops:
            try:
                hop = self._log_in(hops)
                with self.within(hop, self.login_seconds):
                    assert hop.transport is not None
                    channel = hop.transport.open_session(timeout=self.login_seconds)
                    channel.settimeout(self.login_seconds)
                    channel.get_pty(kind, columns, rows)
                    channel.invoke_shell()
            except Failed as problem:
                raise OpsError(str(problem)) from problem
            yield channel

    def order(self, hop: Hop, script: str, seconds: float) -> None:
        """Something short, beside what runs on the same connection."""
        self._ask(hop, script, seconds, seconds, Output("", None, b"", "", "", clock.now(), timedelta(0)))

    def host_key(self) -> tuple[str, str]:
        """Type and key as the host shows them, whether known or not; nobody logs in to it."""
        until = time.monotonic() + self.login_seconds
        with ExitStack() as hops:
            hop, _ = hop_without_login(self.host, self.access, self._through(hops, until))
            hops.callback(hop.close)
            try:
                log_in(hop, until - time.monotonic(), self.login_seconds)
            except Shown as shown:
                return shown.type, shown.key
        raise AssertionError("logged in without a login")

    def _log_in(self, hops: ExitStack) -> Hop:
        until = time.monotonic() + self.login_seconds
        hop = hop_to(self.host, self.access, self._through(hops, until))
        hops.callback(hop.close)
        log_in(hop, until - time.monotonic(), self.login_seconds)
        return hop

    def _through(self, hops: ExitStack, until: float) -> Hop | None:
        """The last of the jump hosts, logged in to through all others."""
        hop: Hop | None = None
        for name in self.host.jump:
            hop = hop_to(self._jump_host(name), self.access, hop)
            hops.callback(hop.close)
            try:
                with self._turn(name, until):
                    log_in(hop, until - time.monotonic(), self.login_seconds)
            except Failed as problem:
                raise Failed(t("transports.through", jump=name, reason=problem), problem.event) from problem
        return hop

    def _jump_host(self, name: str) -> Host:
        if name not in self.access.hosts:
            raise OpsError(t("transports.jump_missing", jump=name))
        return self.access.hosts[name]

    @contextlib.contextmanager
    def _turn(self, jump: str, until: float) -> Iterator[None]:
        turns = self.access.once(("turns", jump), lambda: BoundedSemaphore(LOGINS_AT_ONCE))
        if not turns.acquire(timeout=max(until - time.monotonic(), 0)):
            raise Failed(t("transports.late_login", seconds=self.login_seconds))
        try:
            yield
        finally:
            turns.release()

    def _ask(self, hop: Hop, script: str, seconds: float, quiet: float, answer: Output) -> Output:
        mark = secrets.token_hex(12)
        with ExitStack() as stack:
            with self.within(hop, self.login_seconds):
                hearing = stack.enter_context(self._shell(hop, mark))
            with self.within(hop, seconds):
                hearing.channel.settimeout(quiet)
                hearing.channel.sendall(script.encode())
                hearing.channel.shutdown_write()
                failure = hearing.to_the_end(seconds, quiet)
        return self._heard(hearing, f"{mark}?".encode(), replace(answer, failure=failure))

    def _shell(self, hop: Hop, mark: str) -> Hearing:
        """A shell that waits for the script, root's where that is asked for."""
        assert hop.transport is not None
        channel = hop.transport.open_session(timeout=self.login_seconds)
        hearing = Hearing(channel)
        channel.settimeout(self.login_seconds)
        channel.exec_command(command(self.host, f"{mark}?", f"{mark}!"))
        if self.host.sudo:
            self.wait_for_shell(hearing, mark, time.monotonic() + self.login_seconds, self.login_seconds)
        return hearing

    @contextlib.contextmanager
    def within(self, hop: Hop, seconds: float) -> Iterator[None]:
        """Whatever ends a connection in the middle of it, in words; its time included."""
        with ended_after(seconds + 1, hop.end) as late:
            try:
                yield
            except (paramiko.SSHException, OSError, EOFError) as problem:
                if late.is_set() or isinstance(problem, TimeoutError) or str(problem) in SILENT:
                    raise Failed(t("transports.late_command", seconds=round(seconds))) from problem
                raise Failed(t("transports.failed_command", reason=told(problem))) from problem

    def wait_for_shell(self, hearing: Hearing, mark: str, until: float, seconds: float) -> None:
        """The password goes out when sudo asks for it and at no other time, the script when a shell of
        root's says that it is there: what is sent too early may be run as a command.
        """
        prompt, ready = f"{mark}?".encode(), f"{mark}!\n".encode()
        asked = 0
        while ready not in hearing.out:
            if hearing.err.count(prompt) > asked:
                asked += 1
                self._give_password(hearing, asked)
            ended = hearing.over
            if not hearing.listen(min(until - time.monotonic(), 1)) and ended:
                said = hearing.err.replace(prompt, b"").decode(self.host.encoding, "replace").strip()
                last = said.splitlines()[-1:]  # its lecture comes first
                refused = "transports.sudo_refused" if self.host.sudo else "streams.no_shell"
                raise Failed(t(refused, reason="".join(last)[:200] or t(SAID_NOTHING)))
            if time.monotonic() > until:
                raise Failed(t("transports.late_command", seconds=round(seconds)))
        del hearing.out[: hearing.out.index(ready) + len(ready)]

    def _give_password(self, hearing: Hearing, time_asked: int) -> None:
        """Once: a second try of the wrong one brings an account closer to being locked."""
        credential = self.access.keyring(self.host.credential)
        if not credential.password:
            raise Failed(t("transports.sudo_needs_password", name=credential.name))
        if time_asked > 1:
            raise Failed(t("transports.sudo_password"))
        hearing.channel.sendall(f"{credential.password}\n".encode())

    def _heard(self, hearing: Hearing, prompt: bytes, answer: Output) -> Output:
        raw, errors = bytes(hearing.out), bytes(hearing.err).replace(prompt, b"")
        return replace(
            answer,
            exit_code=hearing.exit_code,
            raw=raw,
            text=raw.decode(self.host.encoding, "replace"),
            stderr=errors.decode(self.host.encoding, "replace"),
        )


def command(host: Host, prompt: str = "", ready: str = "") -> str:
    """Plain enough for every login shell, csh included; and for cmd.exe, which OpenSSH on Windows starts."""
    if host.family == "windows":
        return powershell.COMMAND
    if not host.sudo:
        return "exec sh -s"
    return f"exec sudo -S -p '{prompt}' sh -c 'echo {ready}; exec sh -s'"
