"""What each instance of a healthy database has counted since its start, and its account. SYNTHETIC."""

from collections.abc import Iterator

from tests.lab.oracle.plan import GIB, Plan, Row

MIB = 1024**2
# After thirty days of an office's work.
COUNTED = {
    "db block gets from cache": 8e7,
    "consistent gets from cache": 2.4e9,
    "physical reads cache": 2.1e7,
    "parse count (hard)": 9e5,
    "parse count (total)": 6e7,
    "execute count": 2.6e8,
    "user commits": 4e6,
    "user rollbacks": 2e4,
    "redo size": 9e10,
    "sorts (disk)": 0,
    "DB time": 2.2e7,
}
MEMORY = (
    (None, "buffer_cache", 4 * GIB),
    (None, "log_buffer", 64 * MIB),
    ("shared pool", "free memory", 300 * MIB),
    ("shared pool", "SQLA", 900 * MIB),
    ("large pool", "free memory", 64 * MIB),
)
PROGRAM_MEMORY = {
    "aggregate PGA target parameter": 2 * GIB,
    "total PGA allocated": 1.1 * GIB,
    "maximum PGA allocated": 1.6 * GIB,
    "over allocation count": 0,
}


def performance_rows(plan: Plan) -> Iterator[tuple[str, list[Row]]]:
    counted = [{"name": name, "value": value} for name, value in COUNTED.items()]
    memory = [{"pool": pool, "name": name, "bytes": size} for pool, name, size in MEMORY]
    program = [{"name": name, "value": value} for name, value in PROGRAM_MEMORY.items()]
    library = [{"namespace": "SQL AREA", "pins": 3e8, "pinhits": 2.98e8, "reloads": 4e4}]
    for view, rows in (
        ("sysstat", counted),
        ("sgastat", memory),
        ("pgastat", program),
        ("librarycache", library),
        ("log_history", switches(plan)),
    ):
        yield (
            f"gv${view}",
            [{"inst_id": number, "con_id": 0, **row} for number in plan.instances for row in rows],
        )
    yield "user_users", [{"username": "OPSPROOF", "user_id": 101, "account_status": "OPEN"}]


def switches(plan: Plan) -> list[Row]:
    """One an hour, two in working hours."""
    return [
        {"thread#": thread, "sequence#": 4700 - at, "first_time": plan.ago(minutes=45 * at + 5)}
        for thread in plan.instances
        for at in range(40)
    ]
