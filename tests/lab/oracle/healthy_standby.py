"""Data Guard, as a healthy primary and a healthy standby show it. SYNTHETIC, as all of it is."""

from collections.abc import Iterator

from tests.lab.oracle.plan import Plan, Row


def standby_rows(plan: Plan) -> Iterator[tuple[str, list[Row]]]:
    guarded, standby = plan.form == "dataguard", plan.role == "standby"
    for view, shown in (
        ("archive_dest", destinations(guarded and not standby)),
        ("archive_dest_status", statuses(guarded and not standby)),
        ("dataguard_stats", stats(plan) if standby else []),
        ("managed_standby", managed() if standby else []),
        ("dataguard_process", processes(plan) if standby else []),
        ("standby_log", standby_logs(plan) if guarded else []),
        ("archived_log", archived(plan)),
    ):
        yield f"gv${view}", [{"inst_id": number, **row} for number in plan.instances for row in shown]


def destinations(sends: bool) -> list[Row]:
    found: list[Row] = []
    for number in range(1, 32):
        used = number == 1 or (sends and number == 2)
        found.append(
            {
                "dest_id": number,
                "dest_name": f"LOG_ARCHIVE_DEST_{number}",
                "status": "VALID" if used else "INACTIVE",
                "target": "STANDBY" if number == 2 and sends else "PRIMARY",
                "destination": ("USE_DB_RECOVERY_FILE_DEST" if number == 1 else "STBY") if used else None,
                "binding": "OPTIONAL",
                "error": None,
                "valid_now": "YES" if used else "UNKNOWN",
                "con_id": 0,
            }
        )
    return found


def statuses(sends: bool) -> list[Row]:
    found: list[Row] = []
    for number in range(1, 32):
        used, remote = number == 1 or (sends and number == 2), number == 2 and sends
        found.append(
            {
                "dest_id": number,
                "dest_name": f"LOG_ARCHIVE_DEST_{number}",
                "status": "VALID" if used else "INACTIVE",
                "type": "PHYSICAL" if remote else "LOCAL",
                "database_mode": "MOUNTED-STANDBY" if remote else "OPEN" if used else "UNKNOWN",
                "recovery_mode": "MANAGED REAL TIME APPLY" if remote else "IDLE",
                "destination": ("STBY" if remote else "USE_DB_RECOVERY_FILE_DEST") if used else None,
                "archived_thread#": 1 if used else 0,
                "archived_seq#": 4710 if used else 0,
                "applied_seq#": 4710 if remote else 0,
                "error": None,
                "srl": "YES" if remote else "NO",
                "db_unique_name": "STBY" if remote else "NONE",
                "synchronization_status": "CHECK CONFIGURATION",
                "synchronized": "NO",
                "gap_status": "NO GAP" if remote else None,
                "con_id": 0,
            }
        )
    return found


def stats(plan: Plan) -> list[Row]:
    """Texts, all of them; times are the standby's own."""
    at = f"{plan.now:%m/%d/%Y %H:%M:%S}"
    span, whole = "day(2) to second(0) interval", "second"
    return [
        {
            "source_dbid": 1616161616,
            "source_db_unique_name": plan.name,
            "name": name,
            "value": value,
            "unit": unit,
            "time_computed": at,
            "datum_time": at if "lag" in name else None,
            "con_id": 0,
        }
        for name, value, unit in (
            ("transport lag", "+00 00:00:00", span),
            ("apply lag", "+00 00:00:00", span),
            ("apply finish time", "+00 00:00:00.000", "day(2) to second(3) interval"),
            ("estimated startup time", "16", whole),
        )
    ]


def managed() -> list[Row]:
    base = {"thread#": 1, "sequence#": 4711, "block#": 120, "blocks": 1, "delay_mins": 0, "con_id": 0}
    return [
        {**base, "process": "ARCH", "pid": "4100", "status": "CLOSING", "client_process": "ARCH"},
        {**base, "process": "RFS", "pid": "4200", "status": "IDLE", "client_process": "LGWR"},
        {**base, "process": "MRP0", "pid": "4300", "status": "APPLYING_LOG", "client_process": "N/A"},
    ]


def processes(plan: Plan) -> list[Row]:
    base = {"thread#": 1, "sequence#": 4711, "proc_time": plan.ago(days=20), "delay_mins": 0, "con_id": 0}
    return [
        {**base, "name": "ARC0", "pid": "4100", "role": "archive redo", "action": "IDLE"},
        {**base, "name": "rfs", "pid": "4200", "role": "RFS async", "action": "IDLE"},
        {**base, "name": "MRP0", "pid": "4300", "role": "managed recovery", "action": "APPLYING_LOG"},
    ]


def standby_logs(plan: Plan) -> list[Row]:
    standby = plan.role == "standby"
    return [
        {
            "group#": 10 + at,
            "dbid": "1616161616" if standby and at == 0 else "UNASSIGNED",
            "thread#": 1,
            "sequence#": 4711 if standby and at == 0 else 0,
            "bytes": 1024**3 // 2,
            "blocksize": 512,
            "used": 0,
            "archived": "YES",
            "status": "ACTIVE" if standby and at == 0 else "UNASSIGNED",
            "con_id": 0,
        }
        for at in range(4)
    ]


def archived(plan: Plan) -> list[Row]:
    standby = plan.role == "standby"
    return [
        {
            "recid": at + 1,
            "name": f"/u01/fra/{plan.unique}/archivelog/o1_mf_1_{4700 + at}.arc",
            "dest_id": 1,
            "thread#": 1,
            "sequence#": 4700 + at,
            "first_time": plan.ago(minutes=40 * (11 - at)),
            "next_time": plan.ago(minutes=40 * (10 - at)),
            "completion_time": plan.ago(minutes=40 * (10 - at)),
            "blocks": 900000,
            "block_size": 512,
            "archived": "YES",
            "applied": "YES" if standby else "NO",
            "deleted": "NO",
            "status": "A",
            "standby_dest": "NO",
            "backup_count": 1,
            "con_id": 0,
        }
        for at in range(11)
    ]
