"""Runs of playbooks that a dead process left are gone on with, without anybody having to ask."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from flows.supervisor import die_with_parent
from flows.terminal import say
from tasks.errors import OpsError
from tasks.home import Home
from tasks.locks import is_held
from tasks.playbooks.runs import Begun, left
from tasks.records import Book
from tasks.texts import t

LOOK_EVERY = 5  # seconds


def resuming(here: Home, environment: Mapping[str, str]) -> Callable[[], None]:
    """Each once: one that cannot be gone on with is for people, who see it in `opsproof playbook runs`."""
    tried: dict[str, subprocess.Popen[bytes]] = {}
    next_time = 0.0

    def look() -> None:
        nonlocal next_time
        if time.monotonic() < next_time:
            return
        next_time = time.monotonic() + LOOK_EVERY
        for process in tried.values():
            process.poll()  # its end is taken note of, or it stays a zombie
        for one in abandoned(here):
            if one.run_id not in tried:
                tried[one.run_id] = gone_on(here, one, environment)

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
