"""A whole installation under `opsproof up`, as a user starts it: real processes, a state of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
READY = "Ctrl-C"


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


@dataclass
class Installation:
    folder: Path
    extra: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.inventories = self.folder / "inventories"
        if not self.inventories.exists():
            shutil.copytree(PROJECT / "inventories", self.inventories)
            # Schedules name playbooks, which lie beside.
            shutil.copytree(PROJECT / "playbooks", self.folder / "playbooks")
        self.ui_port, self.portal_port = free_ports(2)
        self.output = self.folder / "up.log"

    @property
    def scheme(self) -> str:
        return "https" if "OPSPROOF_TLS_CERT" in self.extra else "http"

    @property
    def ui(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.ui_port}"

    @property
    def portal(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.portal_port}"

    @property
    def login(self) -> tuple[str, str]:
        user, _, password = (self.home / "secrets" / "first-login").read_text().strip().partition(":")
        return user, password

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return clean | {
            "OPSPROOF_HOME": str(self.home),
            "OPSPROOF_INVENTORIES": str(self.inventories),
            "OPSPROOF_UI_PORT": str(self.ui_port),
            "OPSPROOF_PORTAL_PORT": str(self.portal_port),
            **self.extra,
        }

    @property
    def client(self) -> dict[str, str]:
        """What a client of its Prefect server is told, with the first login."""
        return {
            "PREFECT_API_URL": f"{self.ui}/api",
            "PREFECT_API_AUTH_STRING": ":".join(self.login),
            "PREFECT_HOME": str(self.home / "prefect"),
        }

    def command(
        self, *words: str, timeout: float = 120, typed: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", *words],
            cwd=PROJECT,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def api(self, path: str, auth: bool = True) -> tuple[int, Any]:
        """What its Prefect server answers."""
        request = urllib.request.Request(f"{self.ui}/api{path}")
        if auth:
            request.add_header("Authorization", "Basic " + b64encode(":".join(self.login).encode()).decode())
        context = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, None

    def state(self, flow_run: str) -> str:
        code, run = self.api(f"/flow_runs/{flow_run}")
        return str(run["state"]["name"]) if code == 200 else f"HTTP {code}"

    def records(self, *words: str) -> list[dict[str, Any]]:
        done = self.command("record", "list", "--json", *words)
        assert done.returncode == 0, done.stderr
        listed: list[dict[str, Any]] = json.loads(done.stdout)
        return listed

    def start(self) -> None:
        with self.output.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", "up"],
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def up(self, seconds: float = 180) -> str:
        """Start it and wait until it says that it is ready; what it printed."""
        self.start()
        deadline = time.monotonic() + seconds
        while READY not in self.said:
            assert self.process is not None
            assert self.process.poll() is None, f"opsproof up ended: {self.said}"
            assert time.monotonic() < deadline, f"not ready after {seconds} s: {self.said}"
            time.sleep(0.2)
        return self.said

    @property
    def said(self) -> str:
        return self.output.read_text("utf-8") if self.output.exists() else ""

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 60) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(seconds)

    def processes(self) -> list[int]:
        """Every process that runs with this installation's state, by its environment."""
        mark = f"OPSPROOF_HOME={self.home}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found


def until(true: Callable[[], object], what: str) -> None:
    """In what time is not what is tested: the machine may be slow, and does other things."""
    deadline = time.monotonic() + 240
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


@contextlib.contextmanager
def running(folder: Path, **extra: str) -> Iterator[Installation]:
    made = Installation(folder, extra)
    try:
        made.up()
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.stop()
