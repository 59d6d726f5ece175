"""Playbooks played on the lab of `services.py`, and whether what was said of them is true."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.records import Book
from tests.installation import PROJECT
from tests.lab.inspected import APPROVER, told
from tests.lab.services import APP, HOSTS, WEB, State, System, services, write

Work = Callable[[System], object]
SECONDS = 400


@dataclass
class Play:
    """One run, gone on with as often as it is begun again."""

    system: System
    name: str
    run: str
    process: "subprocess.Popen[str] | None" = None
    kills: int = 0

    def begin(self) -> None:
        with self.system.made.inside():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.lab.plays", "lab", self.name, self.run],
                cwd=PROJECT,
                env=self.system.product.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    def journal(self) -> list[dict[str, Any]]:
        path = self.system.folder / "home/run/playbooks" / self.run / "journal.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def reaches(self, event: str, move: str) -> None:
        """Until its journal says so."""
        until = time.monotonic() + SECONDS
        while not any(line["event"] == event and line.get("move") == move for line in self.journal()):
            assert self.process is not None and self.process.poll() is None, self.journal()[-1:]
            assert time.monotonic() < until, f"{event} {move} is never reached"
            time.sleep(0.02)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()
        self.kills += 1

    def result(self) -> dict[str, Any]:
        assert self.process is not None
        out, said = self.process.communicate(timeout=SECONDS)
        if self.process.returncode or "Traceback" in said:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {said}")
        result: dict[str, Any] = json.loads(out)
        return result

    def again(self) -> None:
        """Gone on with after its process has died."""
        self.begin()

    def played(self) -> dict[str, Any]:
        self.begin()
        return self.result()


@dataclass
class Ordered(Play):
    """The same by `opsproof`, as its user types it: what came of it is read in the book."""

    run: str = ""
    before: frozenset[Path] = frozenset()

    def begin(self) -> None:
        self.before = frozenset(self._journals())
        self.process = self.system.product.start("playbook", "run", self.name, "--contract", "lab", "--json")

    def _journals(self) -> Iterable[Path]:
        return (self.system.folder / "home/run/playbooks").glob("*/journal.jsonl")

    def again(self) -> None:
        self.process = self.system.product.start("playbook", "resume", self.run, "--json")

    def journal(self) -> list[dict[str, Any]]:
        """Its own, as soon as it is there: what earlier runs left goes with the next."""
        new = [path for path in self._journals() if path not in self.before]
        self.run = new[0].parent.name if new else self.run
        return super().journal() if self.run else []

    def result(self) -> dict[str, Any]:
        assert self.process is not None
        printed: Any = told(self.process, SECONDS)
        said = printed[0] if isinstance(printed, list) else printed  # `resume` may be about several
        book = Book(self.system.folder / "home/book")
        record = book.entry("lab", said["seq"]).record
        ((run, end),) = record.facts["ends"].items()  # type: ignore[union-attr]
        evidence = next(one for one in record.evidence if one.name == f"{run}.jsonl")
        ended = json.loads(book.read(evidence).splitlines()[-1])
        standing = {move: [holds, text] for move, holds, text in ended["standing"]}
        return {
            **ended,
            "end": end,
            "standing": standing,
            "outcome": said["outcome"],
            "found": said["findings"],
        }


def untrue(
    result: Mapping[str, Any], before: Mapping[str, State], now: Mapping[str, State], lost: str = ""
) -> list[str]:
    """What was said and is not so. `lost`: the host of which nothing can be known."""
    found = []
    if result["end"] in ("undone", "no_go"):
        found += [
            f"{name} is not as it was"
            for name in HOSTS
            if (before[name].runs, before[name].stopped) != (now[name].runs, now[name].stopped)
        ]
    elif not result["standing"]:
        found.append("no word of how things stand")
    if "outcome" in result and (result["outcome"] == "ok") != (result["end"] == "done"):
        found.append(f"{result['end']} is recorded as {result['outcome']}")
    # What was in the way of a run that never began is told of by condition, not by move.
    standing = {} if result["end"] == "no_go" else result["standing"]
    for move, (holds, text) in standing.items():
        step, _, name = move.partition("@")
        so = now[name].stopped if step.startswith("stop") else now[name].runs
        if holds == "unknown" and name != lost:
            found.append(f"{move} unknown: {text}")
        elif holds in ("yes", "no") and (holds == "yes") != so:
            found.append(f"{move} {holds}, but {now[name]}")
        if result["end"] == "done" and holds != "yes":
            found.append(f"done, but {move} {holds}: {text}")
        moves = [one for one in result.get("found", ()) if one["check"] == "service"]
        states = [one["status"] for one in moves if one["target"] == name]
        if "ok" in states and not so:
            found.append(f"recorded as ok, but {name} is {now[name]}")
    return found


@dataclass(frozen=True, slots=True)
class Fault:
    """`struck` when the journal comes to `at`; `ends`: how it may end, of `done`, `undone`, `stopped`."""

    name: str
    playbook: str
    ends: str
    ready: Work = lambda system: None
    more: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""
    struck: Work = lambda system: None
    lost: str = ""
    # Seconds after its end in which something may still happen that must not.
    settles: float = 0


def unplugged(name: str) -> Work:
    return lambda system: system.host(name).unplug()


def frozen(name: str) -> Work:
    return lambda system: system.freeze(name)


def aborted(system: System) -> None:
    system.product.opsproof("abort", "--by", APPROVER, "--reason", "试验")


def drop_in(text: str) -> Work:
    def ready(system: System) -> None:
        host = system.host(APP)
        host.run("mkdir -p /etc/systemd/system/app.service.d")
        host.write("/etc/systemd/system/app.service.d/lab.conf", f"[Service]\n{text}\n")
        host.run("systemctl daemon-reload")

    return ready


def stubborn(system: System) -> None:
    system.application(stubborn=True)
    drop_in("TimeoutStopSec=600")(system)
    system.host(APP).run("/usr/bin/systemctl restart app")
    system.bring("start")


def leaves_a_child(system: System) -> None:
    system.application(child=True)
    drop_in("KillMode=process")(system)
    system.host(APP).run("/usr/bin/systemctl restart app")
    system.bring("start")


def stopped(system: System) -> None:
    system.bring("stop")


def wrong_password(system: System) -> None:
    system.bring("stop")
    system.application(password="not the password")


STOP = "stop-app@APP"
SHORT = {"app": {"stop_within": "8s", "start_within": "8s"}}
SCRIPTS = {
    "start": "systemctl start app",
    "stop": "exit 0",
    "status": "systemctl is-active --quiet app",
}
FAULTS = (
    Fault("stop", "oa-stop", "done"),
    Fault("start", "oa-start", "done", stopped),
    Fault("a service that refuses to stop", "oa-stop", "stopped", stubborn, SHORT),
    Fault(
        "a script that returns 0 and stops nothing",
        "oa-stop",
        "undone",
        more={"app": {**SHORT["app"], "how": "script", "scripts": SCRIPTS}},
    ),
    Fault("systemctl stop returns 0, a process stays", "oa-stop", "undone", leaves_a_child, SHORT),
    Fault("a service that starts unhealthy", "oa-start", "stopped", wrong_password, SHORT),
    Fault(
        "aborted while a service drains",
        "oa-stop",
        "undone",
        more={"app": {"drain": "sleep 12"}},
        at=STOP,
        struck=aborted,
        settles=15,
    ),
    Fault("a host down, to stop", "oa-stop", "no_go", unplugged(APP), lost=APP),
    Fault(
        "a host lost in the middle of its step",
        "oa-stop",
        "stopped",
        at="stop-app@APP",
        struck=unplugged(APP),
        lost=APP,
    ),
    Fault(
        "a host frozen in the middle of its step",
        "oa-stop",
        "stopped",
        at="stop-app@APP",
        struck=frozen(APP),
        lost=APP,
    ),
    Fault(
        "the last host lost in the middle, to start",
        "oa-start",
        "stopped",
        stopped,
        at="start-web@WEB",
        struck=unplugged(WEB),
        lost=WEB,
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    result: Mapping[str, Any]
    wrong: list[str]
    seconds: float


def suffer(system: System, fault: Fault) -> Outcome:
    """The fault, what is said of it in the end, and what of that is not so."""
    heal(system)
    write(system, services(system, **fault.more))
    fault.ready(system)
    system.forget()
    before, started = system.state(), time.monotonic()
    play = Ordered(system, fault.playbook)
    play.begin()
    if fault.at:
        play.reaches("before", fault.at)
        fault.struck(system)
    result = play.result()
    seconds = time.monotonic() - started
    time.sleep(fault.settles)
    wrong = untrue(result, before, system.state(), fault.lost)
    if result["end"] not in fault.ends.split():
        wrong.append(f"ended {result['end']}, not {fault.ends}: {result['reason']}")
    return Outcome(result, wrong, seconds)


def heal(system: System) -> None:
    """Whatever was done to it: everything runs again."""
    for name in HOSTS:
        system.host(name).plug_in()
        system.freeze(name, signal.SIGCONT)
    system.application()
    host = system.host(APP)
    host.run("rm -rf /etc/systemd/system/app.service.d; systemctl daemon-reload")
    # A start may still be waiting for the end of what is killed.
    host.run("/usr/bin/systemctl --no-block stop app; pkill -KILL -f '[/]opt/app.py'", check=False)
    host.run("/usr/bin/systemctl stop app; systemctl reset-failed")
    system.bring("start")
    system.forget()
