"""What each instance of a healthy database says of itself. SYNTHETIC, as all of it is."""

from collections.abc import Iterator

from tests.lab.oracle.plan import BLOCK, GIB, Plan, Row


def instance_rows(plan: Plan) -> Iterator[tuple[str, list[Row]]]:
    yield "gv$instance", [instance(plan, number) for number in plan.instances]
    yield "gv$resource_limit", [one for number in plan.instances for one in limits(number)]
    yield "gv$session", [one for number in plan.instances for one in sessions(plan, number)]
    yield "gv$undostat", [one for number in plan.instances for one in undo(plan, number)]
    yield "gv$parameter", [one for number in plan.instances for one in parameters(plan, number)]
    yield "gv$diag_info", [one for number in plan.instances for one in diagnosis(plan, number)]
    yield "gv$version", [{"inst_id": number, "banner": banner(plan)} for number in plan.instances]


def limits(number: int) -> Iterator[Row]:
    for name, current, largest, limit in (
        ("processes", 180, 260, "1000"),
        ("sessions", 210, 300, "1536"),
        ("enqueue_locks", 90, 120, "18000"),
        ("transactions", 3, 20, "UNLIMITED"),
        ("parallel_max_servers", 0, 8, "160"),
    ):
        yield {
            "inst_id": number,
            "resource_name": name,
            "current_utilization": current,
            "max_utilization": largest,
            "initial_allocation": f"{limit:>10}",
            "limit_value": f"{limit:>10}",
            "con_id": 0,
        }


def sessions(plan: Plan, number: int) -> Iterator[Row]:
    idle = {"wait_class": "Idle", "wait_class#": 6, "state": "WAITING", "seconds_in_wait": 12, "wait_time": 0}
    free = {"blocking_session_status": "NO HOLDER", "final_blocking_session_status": "NO HOLDER"}
    for at in range(1, 13):
        user = at > 4
        yield {
            "inst_id": number,
            "sid": at,
            "serial#": 100 + at,
            "username": "APP" if user else None,
            "status": "INACTIVE" if user else "ACTIVE",
            "type": "USER" if user else "BACKGROUND",
            "osuser": "app" if user else "oracle",
            "machine": "app1" if user else "db1",
            "program": "app" if user else "oracle@db1 (PMON)",
            "logon_time": plan.ago(hours=3),
            "last_call_et": 60,
            "event": "SQL*Net message from client" if user else "rdbms ipc message",
            "service_name": plan.name if user else "SYS$BACKGROUND",
            "con_id": 0,
            **idle,
            **free,
        }


def undo(plan: Plan, number: int) -> Iterator[Row]:
    for at in range(6):
        yield {
            "inst_id": number,
            "begin_time": plan.ago(minutes=10 * (at + 1)),
            "end_time": plan.ago(minutes=10 * at),
            "undotsn": 4 + number,
            "undoblks": 420,
            "txncount": 900,
            "maxquerylen": 300,
            "maxconcurrency": 4,
            "unxpstealcnt": 0,
            "expstealcnt": 0,
            "ssolderrcnt": 0,
            "nospaceerrcnt": 0,
            "activeblks": 160,
            "unexpiredblks": 3200,
            "expiredblks": 60000,
            "tuned_undoretention": 1800,
            "con_id": 0,
        }


def parameters(plan: Plan, number: int) -> Iterator[Row]:
    said = {
        "db_name": plan.name,
        "db_unique_name": plan.unique,
        "processes": "1000",
        "sessions": "1536",
        "db_block_size": str(BLOCK),
        "undo_management": "AUTO",
        "undo_tablespace": f"UNDOTBS{number}",
        "undo_retention": "900",
        "cluster_database": "TRUE" if plan.form == "rac" else "FALSE",
        "control_management_pack_access": "NONE",
        "db_recovery_file_dest": "/u01/fra",
        "db_recovery_file_dest_size": str(200 * GIB),
        "standby_file_management": "AUTO" if plan.form == "dataguard" else "MANUAL",
        "remote_login_passwordfile": "EXCLUSIVE",
    }
    for at, (name, value) in enumerate(said.items(), 1):
        shown = {"num": at, "type": 2, "value": value, "display_value": value, "isdefault": "FALSE"}
        yield {"inst_id": number, "name": name, **shown, "con_id": 0}


def diagnosis(plan: Plan, number: int) -> Iterator[Row]:
    home = f"/u01/app/oracle/diag/rdbms/{plan.unique.lower()}/{plan.sid(number)}"
    for name, value in (
        ("Diag Enabled", "TRUE"),
        ("ADR Base", "/u01/app/oracle"),
        ("ADR Home", home),
        ("Diag Trace", f"{home}/trace"),
        ("Diag Alert", f"{home}/alert"),
    ):
        yield {"inst_id": number, "name": name, "value": value, "con_id": 0}


def instance(plan: Plan, number: int) -> Row:
    return {
        "inst_id": number,
        "instance_number": number,
        "instance_name": plan.sid(number),
        "host_name": f"{plan.unique.lower()}-db{number}",
        "version": plan.shown,
        "version_legacy": plan.shown,
        "version_full": plan.full,
        "startup_time": plan.ago(days=30),
        "status": "MOUNTED" if plan.mounted else "OPEN",
        "parallel": "YES" if plan.form == "rac" else "NO",
        "thread#": number,
        "archiver": "STARTED",
        "logins": "ALLOWED",
        "shutdown_pending": "NO",
        "database_status": "ACTIVE",
        "instance_role": "PRIMARY_INSTANCE",
        "active_state": "NORMAL",
        "blocked": "NO",
        "con_id": 0,
        "instance_mode": "REGULAR",
        "edition": "EE",
        "database_type": "RAC" if plan.form == "rac" else "SINGLE",
    }


def banner(plan: Plan) -> str:
    letter = "c" if plan.version[0] >= 12 else "g"
    return f"Oracle Database {plan.version[0]}{letter} Enterprise Edition Release {plan.shown} - Production"
