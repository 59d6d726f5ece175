"""Seeded faults on real PostgreSQL servers: each is found, nothing else is, and a sound pair is sound."""

from tests.lab.postgresql_faults import (
    DATABASES,
    SOON,
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

FAULTS = (
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
