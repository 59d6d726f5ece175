"""The whole daily inspection in a process of its own: `python -m tests.bench.inspection_flow [canned]`.

The flow has started, its Prefect server runs. Each line on standard input is one inspection, as its
deployment runs it: from the lock to the record in the book, the written HTML and Word and the page in the
UI, each batch a Prefect task. It answers with a line of JSON: seconds, hosts reached, the most memory that
the process has needed so far. With `canned` it knows one check, whose probe is the canned payload.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.checks import CHECKS, check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Output, Status
from tests.installation import PROJECT, READY, free_ports
from tests.lab.hosts import Lab
from tests.lab.inspected import Inspected, entry

# What a host answered, recorded once: 5 kB, and next to no work for it.
CANNED = "head -c 5000 /dev/zero | tr '\\0' x"
CODE = "lab"


class Flow:
    """The other end of the process."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process, self.log = process, log

    def inspect(self) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("inspect\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                said: dict[str, Any] = json.loads(line)
                return said
        raise RuntimeError(f"the flow ended: {self.log.read_text()[-2000:]}")


@contextmanager
def installed(lab: Lab, folder: Path) -> Iterator[Inspected]:
    """The lab under contract and `opsproof up` in its network: Prefect's server, portal, runner."""
    made = Inspected(lab, folder)
    made.contract(CODE, [entry(host) for host in lab.hosts])
    ours = PROJECT / "inventories"  # it wants to look at its own machine first
    shutil.copytree(ours / "local", made.inventories / "local")
    shutil.copy(ours / "contracts/local.yml", made.inventories / "contracts")
    ports = zip(("OPSPROOF_UI_PORT", "OPSPROOF_PORTAL_PORT"), map(str, free_ports(2)), strict=True)
    made.environment.update(ports)
    up = made.start("up")
    try:
        assert up.stdout
        if not any(READY in line for line in up.stdout):
            raise RuntimeError(f"opsproof up ended: {up.communicate()[1]}")
        yield made
    finally:
        up.terminate()
        up.communicate(timeout=60)


@contextmanager
def started(made: Inspected, *words: str) -> Iterator[Flow]:
    """`words`: `canned`, or nothing for the real checks."""
    path = made.inventories.parent / "flow.log"
    with made.lab.inside(), path.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.inspection_flow", *words],
            cwd=PROJECT,
            env=made.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        yield Flow(process, path)
        assert process.stdin
        process.stdin.close()  # no more inspections: the flow ends


def only_the_canned_one() -> None:
    for name in [name for name, one in CHECKS.all().items() if one.kind == "linux"]:
        del CHECKS._found[name]

    @check("linux.canned", title="canned", topics=("patch",), probe=CANNED)
    def canned(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
        whole = len(output.text) == 5000
        yield finding(
            "payload", Status.OK if whole else Status.FAIL, output.text[:10], advice="-" * (not whole)
        )


def main(words: Sequence[str]) -> None:
    from flows.commands.up import encryption_key
    from flows.settings import environment_for, settings
    from tasks.home import home
    from tasks.people.logins import first_login

    here = home()
    os.environ |= environment_for(here, settings(), first_login(here).auth, encryption_key(here))
    if words == ["canned"]:
        only_the_canned_one()
    run()


def run() -> None:
    """Prefect reads its settings when it is imported."""
    from prefect import flow

    from flows.inspection import INSPECTION
    from flows.prefect_run import run_under_prefect
    from tasks.home import home
    from tasks.records import Book

    @flow
    def inspections() -> None:
        for _ in sys.stdin:
            began = time.monotonic()
            state = run_under_prefect(INSPECTION, CODE, (), "")
            seconds = time.monotonic() - began
            (last,) = Book(home().book).entries(contract=CODE, newest_first=True, limit=1)
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            said = {
                "seconds": seconds,
                "reached": last.record.reached,
                "mb": most,
                "state": str(state.message),
            }
            print(json.dumps(said), flush=True)

    inspections()


if __name__ == "__main__":
    main(sys.argv[1:])
