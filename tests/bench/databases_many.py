"""A whole contract's databases in one run: 41 stand-ins of Oracle in a process of their own (synthetic), and
15 connections to real servers, a MariaDB pair and a PostgreSQL pair.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

from tasks.checks.judging import Before, Limits
from tasks.inspection.collect import Collected, collect, collect_all
from tasks.inspection.judge import judge_target
from tasks.inventory.credentials import Credential, Keyring
from tasks.model import Database, Instance, Target
from tasks.transports import Access
from tests.bench.show import Item
from tests.lab import mariadb, postgresql
from tests.lab.oracle import fleet as oracle
from tests.lab.oracle import standing

STAND_INS, REAL, HANGING = 41, 15, 10
ROUNDS = 3
# A login that hangs is given up after 5 s; a call after its own limit, twice, with a login before each.
LIMIT_SECONDS = 2 * (5 + 10) + 5
HERE = postgresql.HERE
LOGINS = {
    standing.USER: Credential(standing.USER, standing.USER, standing.PASSWORD),
    mariadb.CREDENTIAL: Credential(mariadb.CREDENTIAL, mariadb.ACCOUNT, mariadb.PASSWORD),
    postgresql.ACCOUNT: Credential(postgresql.ACCOUNT, postgresql.ACCOUNT, postgresql.PASSWORD),
}


def access() -> Access:
    return Access(cast(Keyring, LOGINS.__getitem__), {HERE.name: HERE})


@contextmanager
def real() -> Iterator[list[Database]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        before = os.environ.get("OPSPROOF_HOME")
        os.environ["OPSPROOF_HOME"] = str(folder / "var")
        stack.callback(os.environ.update, {"OPSPROOF_HOME": before} if before else {})
        mine = stack.enter_context(mariadb.pair(folder / "mysql"))
        theirs = stack.enter_context(postgresql.pair())
        here = (Instance(name="here", host=HERE.name),)
        found = [mine[n % 2].target(f"MY-{n:02}", instances=here, role=role(n)) for n in range(8)]
        found += [postgresql.target(theirs[n % 2], f"PG-{n:02}", role(n)) for n in range(REAL - 8)]
        yield found


def role(number: int) -> str:
    return ("primary", "standby")[number % 2]


def taken(targets: Sequence[Target]) -> tuple[float, list[Collected]]:
    """From the first question to the last finding."""
    started = time.monotonic()
    found = collect_all(targets, access=access())
    for one in found:
        assert judge_target(one, lambda check, target: Limits(check.limits), lambda check, target: Before())
    return time.monotonic() - started, found


def all_of_them() -> Iterator[Item]:
    with real() as servers, oracle.fleet(STAND_INS) as stand_ins:
        databases: list[Database] = [*stand_ins, *servers]
        for one in (stand_ins[0], servers[0], servers[-1]):  # what is loaded once is loaded
            collect(one, access=access())
        runs = [taken(databases) for _ in range(ROUNDS)]
    seconds = statistics.median(second for second, _ in runs)
    reached = min(sum(one.reached for one in found) for _, found in runs)
    answers = sum(len(one.outputs) for one in runs[0][1])
    yield Item(
        f"{len(databases)} databases in one run ({STAND_INS} synthetic)",
        f"{seconds:.1f} s (median of {ROUNDS}), {reached} reached, {answers} checks answered",
        f"≤ 5 s, {len(databases)} reached",
        seconds <= 5 and reached == len(databases),
    )


def ten_that_hang() -> Iterator[Item]:
    with real() as servers, oracle.fleet(STAND_INS, HANGING) as stand_ins:
        seconds, found = taken([*stand_ins, *servers])
    good = [one for one in found[HANGING:] if one.reached]
    told = [one for one in found[:HANGING] if not one.reached and (one.failure or one.outputs)]
    yield Item(
        f"{len(found)} databases, {HANGING} of them hanging (synthetic)",
        f"{seconds:.1f} s, {len(good)} reported, {len(told)} said not to be reached",
        f"≤ {LIMIT_SECONDS} s, {len(found) - HANGING} reported, {HANGING} not reached",
        seconds <= LIMIT_SECONDS and len(good) == len(found) - HANGING and len(told) == HANGING,
    )


SHOWS = [all_of_them, ten_that_hang]
