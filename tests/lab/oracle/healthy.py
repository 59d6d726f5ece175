"""What the dictionary of a healthy database says. SYNTHETIC: made up after Oracle's books; the numbers are
those of a small database of an office.
"""

from collections.abc import Iterator

from tests.lab.oracle.healthy_instance import instance_rows
from tests.lab.oracle.healthy_performance import performance_rows
from tests.lab.oracle.healthy_standby import standby_rows
from tests.lab.oracle.healthy_stored import stored_rows
from tests.lab.oracle.plan import BLOCK, GIB, LARGEST, Plan, Row, Space


def rows(plan: Plan) -> Iterator[tuple[str, list[Row]]]:
    """View and rows. `gv$`: one for each instance, with INST_ID; `cdb_`: with CON_ID."""
    yield from instance_rows(plan)
    yield from performance_rows(plan)
    yield from everywhere(plan, "database", [database(plan)])
    yield from files(plan)
    yield from everywhere(plan, "asm_diskgroup_stat", disk_groups(plan))
    yield from everywhere(plan, "asm_diskgroup", disk_groups(plan))
    yield from everywhere(plan, "recovery_file_dest", [recovery_area()])
    yield from everywhere(plan, "rman_backup_job_details", list(jobs(plan)))
    yield from everywhere(plan, "log", logs(plan))
    yield from everywhere(plan, "thread", threads(plan))
    yield from everywhere(plan, "pdbs", pdbs(plan))
    yield from everywhere(plan, "containers", containers(plan))
    yield from standby_rows(plan)
    yield from stored_rows(plan)


def everywhere(plan: Plan, view: str, same: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """What every instance shows of the one database."""
    yield f"gv${view}", [{"inst_id": number, **row} for number in plan.instances for row in same]


def database(plan: Plan) -> Row:
    primary = plan.role == "primary"
    open_mode = "MOUNTED" if plan.mounted else "READ WRITE" if primary else "READ ONLY WITH APPLY"
    alone = plan.form != "dataguard"
    return {
        "dbid": 1616161616,
        "name": plan.name,
        "created": plan.ago(days=900),
        "resetlogs_time": plan.ago(days=900),
        "log_mode": "ARCHIVELOG",
        "controlfile_type": "CURRENT" if primary else "STANDBY",
        "open_resetlogs": "NOT ALLOWED" if primary else "REQUIRED",
        "open_mode": open_mode,
        "protection_mode": "MAXIMUM PERFORMANCE",
        "protection_level": "MAXIMUM PERFORMANCE",
        "database_role": "PRIMARY" if primary else "PHYSICAL STANDBY",
        "switchover_status": "TO STANDBY" if primary and not alone else "NOT ALLOWED",
        "dataguard_broker": "DISABLED",
        "guard_status": "NONE",
        "force_logging": "YES",
        "platform_id": 13,
        "platform_name": "Linux x86 64-bit",
        "current_scn": 48151623,
        "flashback_on": "YES",
        "db_unique_name": plan.unique,
        "fs_failover_status": "DISABLED",
        "primary_db_unique_name": plan.name,
        "cdb": "YES" if plan.cdb else "NO",
        "con_id": 0,
    }


def files(plan: Plan) -> Iterator[tuple[str, list[Row]]]:
    numbered = [
        (number, container, space)
        for number, (container, space) in enumerate(
            ((container, space) for container in plan.containers for space in plan.spaces), 1
        )
    ]
    yield from everywhere(plan, "tablespace", [tablespace_fixed(*one) for one in numbered])
    yield from everywhere(plan, "datafile", [datafile(plan, *one) for one in numbered])
    backed = [
        {
            "file#": number,
            "completion_time": plan.ago(hours=5),
            "incremental_level": 0,
            "marked_corrupt": 0,
            "media_corrupt": 0,
            "logically_corrupt": 0,
            "con_id": container,
        }
        for number, container, _ in numbered
    ]
    yield from everywhere(plan, "backup_datafile", backed)
    yield "cdb_data_files", [data_file(plan, *one) for one in numbered]


def tablespace_fixed(number: int, container: int, space: Space) -> Row:
    return {"ts#": number, "name": space[0], "bigfile": "NO", "flashback_on": "YES", "con_id": container}


def datafile(plan: Plan, number: int, container: int, space: Space) -> Row:
    name, _, size, _, _ = space
    return {
        "file#": number,
        "ts#": number,
        "rfile#": number,
        "creation_time": plan.ago(days=900),
        "status": "SYSTEM" if name == "SYSTEM" else "ONLINE",
        "enabled": "READ WRITE",
        "checkpoint_time": plan.ago(minutes=5),
        "bytes": int(size * GIB),
        "blocks": int(size * GIB) // BLOCK,
        "block_size": BLOCK,
        "name": plan.path(container, name),
        "unrecoverable_change#": 0,
        "plugged_in": 0,
        "con_id": container,
    }


def data_file(plan: Plan, number: int, container: int, space: Space) -> Row:
    name, _, size, _, grows = space
    return {
        "file_name": plan.path(container, name),
        "file_id": number,
        "tablespace_name": name,
        "bytes": int(size * GIB),
        "blocks": int(size * GIB) // BLOCK,
        "status": "AVAILABLE",
        "relative_fno": number,
        "autoextensible": "YES" if grows else "NO",
        "maxbytes": LARGEST if grows else 0,
        "maxblocks": LARGEST // BLOCK if grows else 0,
        "increment_by": 1280 if grows else 0,
        "user_bytes": int(size * GIB) - 1024**2,
        "online_status": "SYSTEM" if name == "SYSTEM" else "ONLINE",
        "lost_write_protect": "OFF",
        "con_id": container,
    }


def disk_groups(plan: Plan) -> list[Row]:
    if not plan.asm:
        return []
    return [
        {
            "group_number": number,
            "name": name,
            "sector_size": 512,
            "block_size": 4096,
            "allocation_unit_size": 4194304,
            "state": "CONNECTED",
            "type": "NORMAL",
            "total_mb": 1024000,
            "free_mb": 614400,
            "required_mirror_free_mb": 204800,
            "usable_file_mb": 204800,
            "offline_disks": 0,
            "voting_files": "N",
            "con_id": 0,
        }
        for number, name in ((1, "DATA"), (2, "FRA"))
    ]


def recovery_area() -> Row:
    return {
        "name": "/u01/fra",
        "space_limit": 200 * GIB,
        "space_used": 120 * GIB,
        "space_reclaimable": 80 * GIB,
        "number_of_files": 412,
        "con_id": 0,
    }


def jobs(plan: Plan) -> Iterator[Row]:
    """A full one on Sundays, increments at night, the redo every four hours."""
    nightly = [("DB INCR", 5 + 24 * day, 40) for day in range(7)]
    weekly = [("DB FULL", 5 + 24 * 7 * week, 90) for week in range(1, 3)]
    redo = [("ARCHIVELOG", 1 + 4 * at, 5) for at in range(12)]
    for key, (kind, hours, minutes) in enumerate(nightly + weekly + redo, 1):
        yield {
            "session_key": key,
            "session_recid": key,
            "session_stamp": 1_100_000_000 + key,
            "command_id": f"{plan.ago(hours=hours):%Y-%m-%dT%H:%M:%S}",
            "start_time": plan.ago(hours=hours, minutes=minutes),
            "end_time": plan.ago(hours=hours),
            "input_bytes": 24 * GIB,
            "output_bytes": 6 * GIB,
            "output_device_type": "DISK",
            "autobackup_done": "YES",
            "status": "COMPLETED",
            "input_type": kind,
            "elapsed_seconds": minutes * 60,
            "compression_ratio": 4,
            "con_id": 0,
        }


def threads(plan: Plan) -> list[Row]:
    shared = {"status": "OPEN", "enabled": "PUBLIC", "groups": 3, "open_time": plan.ago(days=30)}
    return [
        {"thread#": number, "instance": plan.sid(number), "sequence#": 4711, **shared, "con_id": 0}
        for number in plan.instances
    ]


def logs(plan: Plan) -> list[Row]:
    return [
        {
            "group#": 3 * (thread - 1) + at + 1,
            "thread#": thread,
            "sequence#": 4709 + at,
            "bytes": GIB // 2,
            "blocksize": 512,
            "members": 2,
            "archived": "NO" if at == 2 else "YES",
            "status": "CURRENT" if at == 2 else "INACTIVE",
            "first_time": plan.ago(minutes=40 * (3 - at)),
            "con_id": 0,
        }
        for thread in plan.instances
        for at in range(3)
    ]


def pdbs(plan: Plan) -> list[Row]:
    if not plan.cdb:
        return []
    shared = {"restricted": "NO", "block_size": BLOCK, "open_time": plan.ago(days=30)}
    return [
        {"con_id": 2, "name": "PDB$SEED", "open_mode": "READ ONLY", "total_size": GIB, **shared},
        {"con_id": 3, "name": "PDB1", "open_mode": "READ WRITE", "total_size": 30 * GIB, **shared},
    ]


def containers(plan: Plan) -> list[Row]:
    root = {"con_id": 1, "name": "CDB$ROOT", "open_mode": "READ WRITE", "restricted": "NO"}
    return [root, *pdbs(plan)] if plan.cdb else [{**root, "con_id": 0, "name": plan.name}]
