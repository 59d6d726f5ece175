"""The Prefect server gone for a minute while a playbook runs under it, for `make show-playbooks`: inside a
step and between two; its record and what the services were told say what came of it.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.show import Item
from tests.installation import PROJECT, Installation
from tests.lab.approvers import Approvers

GONE, PATIENCE = 60, 300
ENDS = ("全部正常", "有异常", "未能完成", "Crashed")
# Where it is struck: event and move of the journal.
PLACES = {
    "inside a step": ("before", "stop-app@localhost"),
    "between two steps": ("proved", "stop-app@localhost"),
}
START = """\
import sys
from prefect.deployments import run_deployment
run = run_deployment(sys.argv[1], parameters={"only": sys.argv[2], "note": "演示"}, timeout=0)
print(run.id)
"""


def server_gone() -> Iterator[Item]:
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder))
        people = Approvers(installation)
        people.playbook("slow", "none", drain="sleep 15")
        installation.up(PATIENCE)
        try:
            for place in PLACES:
                people.begin_anew()
                yield gone(people, place)
        finally:
            installation.stop()


def gone(people: Approvers, place: str) -> Item:
    installation = people.installation
    before = len(people.records())
    run = prefect(installation, START, "local/服务启停", "slow-stop")
    until(lambda: PLACES[place] in journal(installation), "its step")
    held = servers(installation)
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(GONE)
        during = len(people.records()) - before
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)
    until(lambda: len(people.records()) > before, "its record")
    until(lambda: installation.state(run) in ENDS, "its end under Prefect")
    state, records = installation.state(run), people.records()[before:]
    told = people.touched()
    return Item(
        f"Prefect's server gone for {GONE} s, {place}",
        f"{len(records)} record ({during} of them while it was gone): {records[0].summary};"
        f" services told {' '.join(told)}; under Prefect: {state}",
        "one record, each service stopped once, 全部正常",
        len(records) == 1 and told == ["stop", "stop"] and state == "全部正常" and bool(held),
    )


def prefect(installation: Installation, program: str, *words: str) -> str:
    """As a client of its server."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=PROJECT,
        env={**installation.environment, **installation.client},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def journal(installation: Installation) -> list[tuple[str, str]]:
    """Events and moves of the run that is under way."""
    lines = [
        json.loads(line)
        for path in (installation.home / "run/playbooks").glob("*/journal.jsonl")
        for line in path.read_bytes().split(b"\n")[:-1]
    ]
    return [(line["event"], line.get("move", "")) for line in lines]


def servers(installation: Installation) -> list[int]:
    words = [b"uvicorn", str(installation.ui_port).encode()]
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in installation.processes()}
    return [pid for pid, line in lines.items() if all(word in line for word in words)]


def until(so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not so():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} never comes")
        time.sleep(0.2)


SHOWS = [server_gone]
