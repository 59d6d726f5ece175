"""Seeded faults on real PostgreSQL servers: each is found, nothing else is, and a sound pair is sound."""

import statistics
import sys
import time
from collections.abc import Iterator

from tasks.model import Finding, Status
from tests.bench.show import Item, show
from tests.lab.postgresql import Server, pair, server
from tests.lab.postgresql_faults import (
    DATABASES,
    SOON,
    Alarm,
    Fault,
    aged,
    alarms,
    archiving_fails,
    blocked,
    broken_index,
    changed,
    cut,
    damaged_page,
    dead_rows,
    deadlocked,
    expired,
    flooded,
    forgotten_transaction,
    full_tablespace,
    guessed_passwords,
    idle_slot,
    lagging,
    many_checkpoints,
    prepared,
    promoted,
    restarted,
    rollbacks,
    table,
    temporary_files,
)
from tests.lab.postgresql_inspected import Watched
from tests.lab.postgresql_inspected import alarms as alarms_of

# What is done to a server shows in its log, too: there only the burst counts.
SERVERLOG = "postgres.serverlog"
RUNS = 5

FAULTS = (
    Fault(
        "error-log burst",
        guessed_passwords,
        alarms(
            ("primary", SERVERLOG, "服务器日志", "fail"),
            ("primary", SERVERLOG, "服务器日志 pg-login", "warn"),
        ),
    ),
    Fault(
        "replication lagging",
        lagging,
        alarms(
            ("primary", "postgres.replication", "备库 walreceiver", "warn"),
            ("standby", "postgres.standby", "回放", "fail"),
        ),
    ),
    Fault(
        "replication broken",
        cut,
        alarms(
            ("primary", "postgres.replication", "备库 walreceiver", "fail"),
            ("primary", "postgres.replication", "备库数量", "fail"),
            ("primary", "postgres.slots", "复制槽 standby", "warn"),
            ("standby", "postgres.standby", "接收", "fail"),
        ),
    ),
    Fault(
        "no synchronous standby",
        lambda primary, standby: changed(primary, synchronous_standby_names="nobody"),
        alarms(("primary", "postgres.replication", "同步备库", "fail")),
    ),
    Fault(
        "connection flood",
        flooded,
        alarms(("primary", "postgres.connections", "连接", "fail")),
    ),
    Fault(
        "long transaction, forgotten open",
        forgotten_transaction,
        alarms(
            ("primary", "postgres.transactions", "长事务", "warn"),
            ("primary", "postgres.transactions", "事务中空闲", "warn"),
        ),
        {"postgres.transactions": {"seconds": SOON, "idle": SOON}},
    ),
    Fault(
        "blocker",
        blocked,
        alarms(("primary", "postgres.blockers", "锁等待", "warn")),
        {"postgres.blockers": {"seconds": SOON}},
    ),
    Fault("deadlock", deadlocked, alarms(("primary", "postgres.deadlocks", "死锁", "warn"))),
    Fault("expired certificate", expired, alarms(("primary", "postgres.certificate", "证书", "fail"))),
    Fault(
        "archiver failing",
        archiving_fails,
        alarms(("primary", "postgres.archiver", "归档", "fail")),
    ),
    Fault("inactive slot", idle_slot, alarms(("primary", "postgres.slots", "复制槽 forgotten", "warn"))),
    Fault(
        "table without a primary key",
        lambda primary, standby: table(primary, key=""),
        alarms(("primary", "postgres.keys", "库 postgres", "warn")),
    ),
    Fault(
        "invalid index",
        broken_index,
        alarms(("primary", "postgres.indexes", "索引 public.things_words", "warn")),
    ),
    Fault(
        "prepared transaction, forgotten",
        prepared,
        alarms(("primary", "postgres.prepared", "两阶段事务", "warn")),
        {"postgres.prepared": {"seconds": SOON}},
    ),
    Fault("dead rows", dead_rows, alarms(("primary", "postgres.vacuum", "表 public.things", "warn"))),
    Fault(
        "temporary files",
        temporary_files,
        alarms(("primary", "postgres.temp", "临时文件", "warn")),
        {"postgres.temp": {"mib": (1, None)}},
    ),
    Fault(
        "checkpoints requested",
        many_checkpoints,
        alarms(("primary", "postgres.checkpoints", "检查点", "fail")),
    ),
    Fault("rollbacks", rollbacks, alarms(("primary", "postgres.performance", "负载", "warn"))),
    Fault(
        "fsync off",
        lambda primary, standby: changed(primary, fsync="off"),
        alarms(("primary", "postgres.settings", "参数 fsync", "fail")),
    ),
    Fault(
        "changed, and not restarted",
        lambda primary, standby: changed(primary, max_connections=50),
        alarms(("primary", "postgres.settings", "待重启参数", "warn")),
    ),
    Fault("restarted", restarted, alarms(("primary", "postgres.uptime", "运行时间", "warn"))),
    Fault(
        "damaged page",
        damaged_page,
        alarms(
            ("primary", "postgres.checksums", "数据页", "fail"),
            ("primary", "postgres.uptime", "运行时间", "warn"),
        ),
        last=True,
    ),
    Fault(
        "standby promoted",
        promoted,
        alarms(
            ("primary", "postgres.replication", "备库 walreceiver", "fail"),
            ("primary", "postgres.replication", "备库数量", "fail"),
            ("primary", "postgres.slots", "复制槽 standby", "warn"),
            ("standby", "postgres.role", "角色", "fail"),
        ),
        last=True,
    ),
)

# Alone on its server.
ALONE = (
    Fault(
        "tablespace full",
        full_tablespace,
        alarms(("primary", "postgres.space", "表空间 small", "fail")),
    ),
    Fault(
        "wraparound age",
        aged,
        alarms(
            ("primary", "postgres.uptime", "运行时间", "warn"),
            *(("primary", "postgres.wraparound", f"库 {name}", "fail") for name in DATABASES),
        ),
    ),
)


def sound() -> Iterator[Item]:
    """Nothing is found where nothing is wrong."""
    with pair() as (primary, standby):
        watched = Watched(primary=primary, standby=standby)
        found, took = [], []
        for _ in range(RUNS):
            started = time.monotonic()
            found.append(watched.look())
            took.append(time.monotonic() - started)
    bad = [one for run in found for one in run if one.status is not Status.OK]
    checks = len({one.check for one in found[-1]})
    measured = f"{len(bad)} alarms from {checks} checks, {statistics.median(took):.2f} s a run for both"
    yield Item(f"PostgreSQL, a sound pair inspected {RUNS} times", measured, "0 alarms", not bad)


def faults() -> Iterator[Item]:
    with pair() as servers:
        yield from (
            seeded(fault, primary=servers[0], standby=servers[1]) for fault in FAULTS if not fault.last
        )
    for fault in FAULTS:
        if fault.last:
            with pair() as servers:
                yield seeded(fault, primary=servers[0], standby=servers[1])
    for fault in ALONE:
        with server() as one:
            yield seeded(fault, primary=one)


def seeded(fault: Fault, **servers: Server) -> Item:
    watched = Watched(**servers)
    before = judged(watched.look(), fault)
    with fault.done(*servers.values()):
        found = judged(watched.look(fault.limits), fault)
    false, unseen = (found | before) - fault.found, fault.found - found
    measured = f"{len(fault.found) - len(unseen)} of {len(fault.found)} alarms, {len(false)} false"
    ok = not (false or unseen)
    return Item(
        f"PostgreSQL fault: {fault.name}", measured + ("" if ok else f" {false | unseen}"), "all, 0 false", ok
    )


def judged(found: list[Finding], fault: Fault) -> set[Alarm]:
    wanted = {check for _, check, _, _ in fault.found}
    return {one for one in alarms_of(found) if one[1] != SERVERLOG or SERVERLOG in wanted}


SHOWS = [sound, faults]

if __name__ == "__main__":
    sys.exit(show(SHOWS))
