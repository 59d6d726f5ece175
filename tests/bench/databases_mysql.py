"""Seeded faults on real MariaDB servers: each is found, nothing is said of a healthy pair, and a flood that
keeps the product out says so itself.
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pymysql

from tasks.checks import checks_for
from tests.bench.show import Item, show
from tests.lab.mariadb import give_credentials, missing, pair
from tests.lab.mysql_faults import FAULTS, FULL, Fault, Look, Servers, burst, guest, look, once, target_of

RUNS = 5
LOG = "mysql.errorlog"


@contextlib.contextmanager
def place() -> Iterator[Path]:
    if why := missing():
        raise RuntimeError(why)
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("OPSPROOF_HOME")
        os.environ["OPSPROOF_HOME"] = f"{folder}/var"
        give_credentials()
        try:
            yield Path(folder)
        finally:
            os.environ.pop("OPSPROOF_HOME")
            os.environ |= {"OPSPROOF_HOME": before} if before else {}


def faults() -> Iterator[Item]:
    """Each on a pair of its own: a look, the fault, and another look."""
    for fault in FAULTS:
        with place() as folder:
            last, now = before_and_after(fault, folder)
        fresh = [one for one in now.alarms if one not in last.alarms or one == fault.found]
        others = [one for one in fresh if one[0] != fault.found[0] and one[0] != LOG]
        measured = f"{now.summary(fault.found)}; beside it {others or 'nothing'}"
        yield Item(f"MariaDB: {fault.name}", measured, " ".join(fault.found), fault.found in now.alarms)


def before_and_after(fault: Fault, folder: Path) -> tuple[Look, Look]:
    with fault.place(folder / "pair", fault.options) as servers:
        target = target_of(servers[fault.on - 1])
        last = look(target, limits=fault.limits_of())
        with fault.make(servers):
            return last, look(target, last, fault.limits_of())


def error_log() -> Iterator[Item]:
    name = "MariaDB: error-log burst"
    if LOG not in {check.name for check in checks_for("mysql")}:
        yield Item(name, f"no check {LOG} yet", "found", False)
        return
    with place() as folder, pair(folder / "pair") as servers:
        target = target_of(servers[0])
        last = look(target)
        with once(burst)(servers):
            now = look(target, last)
        found = [one for one in now.alarms if one[0] == LOG and one not in last.alarms]
        yield Item(
            name, str([now.summary(one) for one in found]), f"{LOG} fail", any("fail" in one for one in found)
        )


def flood_that_keeps_us_out() -> Iterator[Item]:
    with place() as folder, pair(folder / "pair", *FULL) as servers, ExitStack() as stack:
        with contextlib.suppress(pymysql.MySQLError):
            for _ in range(40):
                stack.enter_context(closing(guest(servers[0], "repl")))
        now = look(target_of(servers[0], log=str(servers[0].log)))
        told = [one.summary for one in now.findings]
        sound = [one[0] for one in now.alarms] == ["reach"] and "连接数已满" in told[0]
        yield Item("MariaDB: no connection left", "; ".join(told), "not reached, and why", sound)


def healthy() -> Iterator[Item]:
    with place() as folder, pair(folder / "pair") as servers:
        targets = [target_of(one) for one in servers]
        looks = [look(target) for target in targets]  # the sets of things are approved after this one
        seconds, count = [], []
        for run in range(RUNS):
            work(servers, run)
            started = time.monotonic()
            looks = [look(target, last) for target, last in zip(targets, looks, strict=True)]
            seconds.append(time.monotonic() - started)
            count += [alarm for one in looks for alarm in one.alarms]
        findings = sum(len(one.findings) for one in looks)
        yield Item(
            "MariaDB: healthy pair",
            f"{len(count)} alarms in {RUNS} runs of {findings} findings {count or ''}",
            "0",
            not count,
        )
        yield Item("MariaDB: both inspected", f"{max(seconds):.2f} s", "≤ 5 s", max(seconds) <= 5)


def work(servers: Servers, run: int) -> None:
    rows = ", ".join(f"({run * 1000 + number}, 'row')" for number in range(200))
    servers[0].sql(
        f"INSERT INTO app.t VALUES {rows}", "UPDATE app.t SET said = 'changed'", "SELECT * FROM app.t"
    )


SHOWS = [faults, error_log, flood_that_keeps_us_out, healthy]

if __name__ == "__main__":
    sys.exit(show(SHOWS))
