"""Runs of playbooks that a dead process left are gone on with, without anybody having to ask."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flows.supervisor import die_with_parent
from flows.terminal import say
from tasks.errors import OpsError
from tasks.home import Home
from tasks.locks import is_held
from tasks.playbooks.runs import Begun, broken, left
from tasks.records import Book
from tasks.texts import t

LOOK_EVERY = 5  # seconds
# Until a run is tried again that could not be gone on with.
AGAIN_AFTER = (60, 300, 900)


@dataclass
class Try:
    contract: str
    process: "subprocess.Popen[bytes]"
    count: int
    again_at: float


def resuming(here: Home, environment: Mapping[str, str]) -> Callable[[], None]:
    """The oldest of each contract, one at a time; people see what is left in `opsproof playbook runs`."""
    tries: dict[str, Try] = {}
    told: set[str] = set()
    next_time = 0.0

    def look() -> None:
        nonlocal next_time
        if time.monotonic() < next_time:
            return
        next_time = time.monotonic() + LOOK_EVERY
        for run_id, problem in broken(here).items():
            if run_id not in told:
                told.add(run_id)
                say(problem)
        # Asking takes note of its end, too, or a process that has ended stays a zombie.
        busy = {one.contract for one in tries.values() if one.process.poll() is None}
        for run in abandoned(here):
            last = tries.get(run.run_id)
            if run.contract in busy or (last and time.monotonic() < last.again_at):
                continue
            busy.add(run.contract)
            count = last.count + 1 if last else 0
            again_at = time.monotonic() + AGAIN_AFTER[min(count, len(AGAIN_AFTER) - 1)]
            tries[run.run_id] = Try(run.contract, gone_on(here, run, environment), count, again_at)

    return look


def abandoned(here: Home) -> list[Begun]:
    try:
        found = list(left(here, Book(here.book)))
    except OpsError as problem:
        say(str(problem))
        return []
    return [one for one in found if not is_held(here, one.contract, one.routine)]


def gone_on(here: Home, one: Begun, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    path = here.logs / "resume.log"
    say(t("playbook_runs.resumed", run=one.run_id, title=one.title, log=path))
    with path.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "playbook", "resume", one.run_id],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
