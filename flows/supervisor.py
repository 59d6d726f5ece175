"""`opsproof up`: server, portal and runner as one thing that starts, stays up and stops together."""

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from flows.settings import Settings
from flows.terminal import say
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.texts import t, why

SERVER_SECONDS = 180  # a cold start takes 10 s on two idle cores
STOP_SECONDS = 15
LOG_KEPT = 20 * 1024**2
RESTART_AFTER = (1, 5, 15, 60)
PR_SET_PDEATHSIG = 1


class Stop(BaseException):
    """Ctrl-C or SIGTERM."""


@dataclass
class Child:
    """One process of the installation, started again when it dies."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    deaths: int = 0
    started: float = 0.0
    next_start: float = 0.0

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_KEPT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the supervisor, which then stops all in order
                preexec_fn=die_with_parent,
            )
        self.started = time.monotonic()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def watch(self) -> None:
        """Start it again if it died: at once the first time, then ever later."""
        if self.running:
            if time.monotonic() - self.started > 600:
                self.deaths = 0
            return
        if self.process is not None:
            wait = RESTART_AFTER[min(self.deaths, len(RESTART_AFTER) - 1)]
            say(t("serve.died", name=self.name, code=self.process.returncode, wait=wait, log=self.log))
            self.process, self.deaths = None, self.deaths + 1
            self.next_start = time.monotonic() + wait
        if time.monotonic() >= self.next_start:
            self.start()

    def stop(self) -> None:
        if self.process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
                # What the process itself started may outlive it by a moment.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                return

    def tail(self) -> str:
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-8:])


def die_with_parent() -> None:
    """Should the supervisor be killed outright, its processes get SIGTERM from the kernel."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Supervisor:
    home: Home
    settings: Settings
    environment: Mapping[str, str]
    heed: Callable[[], None]
    children: list[Child] = field(default_factory=list)

    def start_all(self) -> None:
        """Server, then what needs it. The server is ready before anything talks to it."""
        given = self.settings
        uvicorn = [sys.executable, "-m", "uvicorn", "--factory", "--log-level", "warning"]
        listen = ["--host", given.bind, *given.uvicorn_tls]
        ui = [*listen, "--port", str(given.ui_port), "flows.server:create"]
        portal = [*listen, "--port", str(given.portal_port), "tasks.portal.app:create"]
        self._add("server", [*uvicorn, *ui])
        self._wait(f"{given.ui_url}/api/health", "server")
        self._add("portal", [*uvicorn, *portal])
        self._wait(f"{given.portal_url}/health", "portal")
        (self.home.run / "deployments").unlink(missing_ok=True)
        self._add("runner", [sys.executable, "-m", "flows.runner"])
        self._until((self.home.run / "deployments").exists, "runner", 60)

    def _add(self, name: str, command: list[str]) -> None:
        child = Child(name, command, self.environment, self.home.logs / f"{name}.log")
        self.children.append(child)
        child.start()

    def _wait(self, url: str, name: str) -> None:
        self._until(lambda: answers(url), name, SERVER_SECONDS)

    def _until(self, ready: Callable[[], bool], name: str, seconds: float) -> None:
        child = self.children[-1]
        deadline = time.monotonic() + seconds
        while not ready():
            self.heed()
            if not child.running:
                raise OpsError(t("serve.start_failed", name=name, log=child.log, tail=child.tail()))
            if time.monotonic() > deadline:
                raise OpsError(t("serve.start_slow", name=name, seconds=round(seconds), log=child.log))
            time.sleep(0.2)

    def watch(self, *chores: Callable[[], None]) -> None:
        """Until stopped: keep all running; each chore is called every second and knows its own time."""
        while True:
            self.heed()
            for child in self.children:
                child.watch()
            for chore in chores:
                chore()
            time.sleep(1)

    def stop_all(self) -> None:
        """The runner first, so that no run starts into a server that is going away."""
        for child in reversed(self.children):
            child.stop()


def answers(url: str) -> bool:
    # It is our own process on this machine; whether its certificate names it is not the question.
    context = ssl._create_unverified_context() if url.startswith("https") else None  # noqa: S323
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def only_one(home: Home, settings: Settings) -> Iterator[None]:
    """Refuse a second instance on the same state."""
    path = home.ready(home.run) / "up.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            pid, _, url = path.read_text("utf-8").partition(" ")
            raise Refused(t("serve.second_instance", home=home.root, pid=pid, url=url)) from busy
        file.truncate(0)
        file.write(f"{os.getpid()} {settings.ui_url}")
        file.flush()
        os.set_inheritable(file.fileno(), False)
        yield
        file.truncate(0)


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """SIGTERM and Ctrl-C raise Stop here; a second one while stopping is ignored. What is given raises it as
    well once it was asked for: what was interrupted may have swallowed the first, as was seen of a library's
    clean-up."""
    asked = False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise Stop

    def heed() -> None:
        if asked:
            raise Stop

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield heed
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def refuse_busy_ports(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
    named = {"OPSPROOF_UI_PORT": settings.ui_port, "OPSPROOF_PORTAL_PORT": settings.portal_port}
    if settings.ui_port == settings.portal_port:
        raise Refused(t("serve.same_port", port=settings.ui_port))
    for name, port in named.items():
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.bind, port))
            except OSError as problem:
                busy = problem.errno == errno.EADDRINUSE
                reason = t("serve.in_use") if busy else why(problem)
                raise Refused(
                    t("serve.port_busy", bind=settings.bind, port=port, name=name, reason=reason)
                ) from problem


def refuse_damaged_state(home: Home) -> None:
    """Prefect's database is replaceable, the book is not: say which of them is broken."""
    path = home.prefect / "prefect.db"
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as problem:
        raise OpsError(t("serve.prefect_damaged", path=path, reason=problem)) from problem
