"""Every statement of the Oracle checks, answered by a dictionary made up after Oracle's books: where it is
healthy nothing is found, and each fault put there is found alone. The wire is tested elsewhere."""

from collections.abc import Iterator

import pytest

from tasks.checks import Check, checks_for
from tasks.checks.answers import Asked, Member, write
from tasks.checks.judging import Before, Limits
from tasks.databases.statements import statements
from tasks.databases.values import table
from tasks.inspection.judge import judge
from tasks.model import Finding, Status
from tests.lab.oracle.database import OraError
from tests.lab.oracle.plan import Plan
from tests.lab.oracle.standing import VERSIONS, Dictionary
from tests.unit.checks.recorded import output

FORMS = {
    "single": {},
    "rac": {"form": "rac", "asm": True},
    "primary": {"form": "dataguard"},
    "mounted": {"form": "dataguard", "role": "standby", "unique": "STBY", "mounted": True},
    "active": {"form": "dataguard", "role": "standby", "unique": "STBY"},
}
# Of releases that nobody mends any more, the version check says so.
OUTDATED = ("11.2", "12.1", "12.2", "18c")


def made(version: str = "19c", form: str = "single", cdb: bool = False) -> Dictionary:
    return Dictionary(Plan(VERSIONS[version], cdb=cdb, **FORMS[form]))


def facts(plan: Plan) -> dict[str, str]:
    return {
        "version": plan.full,
        "role": plan.role,
        "form": plan.form,
        "cdb": "YES" if plan.cdb else "NO",
        "status": "MOUNTED" if plan.mounted else "OPEN",
    }


def asked(dictionary: Dictionary, name: str, sql: str) -> Asked:
    try:
        answer = dictionary({}, sql, [], [])
    except OraError as problem:
        return Asked(name, failure=problem.text, code=problem.text[:9])
    told = table([(column.name, "") for column in answer.columns], answer.rows)
    return Asked(name, told.columns, told.rows)


def findings(dictionary: Dictionary, check: Check) -> list[Finding]:
    known = facts(dictionary.plan)
    members = 2 if dictionary.plan.form == "dataguard" else 1
    fitting = [one for one in statements(check.probe) if one.concerns(known["role"], members)]
    answers = tuple(asked(dictionary, one.name, one.sql) for one in fitting if one.fits(known))
    if not answers:
        return []
    text = write([Member("db", known, answers)])
    return judge(check, output(text), Limits(check.limits), Before())


def unsound(dictionary: Dictionary) -> Iterator[tuple[str, str, Status]]:
    for check in checks_for("oracle"):
        if not check.on_host:
            for found in findings(dictionary, check):
                if found.status is not Status.OK:
                    yield check.name.removeprefix("oracle."), found.subject, found.status


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("version", "cdb"),
    [("11.2", False), ("12.1", True), ("12.2", False), ("12.2", True), ("18c", False), ("19c", True)],
)
def test_a_healthy_database_has_no_fault(version: str, cdb: bool, form: str) -> None:
    seen = {found[0] for found in unsound(made(version, form, cdb))}
    assert seen == ({"instance"} if version in OUTDATED else set())


GIB = 1024**3
GROWS = "UPDATE dba_data_files SET autoextensible = 'YES', maxbytes = {} WHERE tablespace_name = 'APP_DATA'"
FREE = "UPDATE dba_free_space SET bytes = {} WHERE tablespace_name = 'APP_DATA'"
# Form, what is put there, what is found.
FAULTS: dict[str, tuple[str, list[str], set[tuple[str, str, str]]]] = {
    "full without a row of free space": (
        "single",
        ["DELETE FROM dba_free_space WHERE tablespace_name = 'APP_DATA'"],
        {("tablespaces", "APP_DATA", "fail")},
    ),
    "maxbytes of zero": (
        "single",
        [
            GROWS.format(0),
            FREE.format(GIB // 10),
        ],
        {("tablespaces", "APP_DATA", "fail")},
    ),
    "growth beyond the disk group": (
        "rac",
        [
            GROWS.format(32 * GIB),
            FREE.format(GIB // 10),
            "UPDATE v$asm_diskgroup_stat SET free_mb = 100, usable_file_mb = -50 WHERE name = 'DATA'",
        ],
        {("tablespaces", "APP_DATA", "fail"), ("tablespaces", "SYSTEM", "warn"), ("asm", "DATA", "fail")},
    ),
    "a tablespace without temporary files": (
        "single",
        ["DELETE FROM dba_temp_files WHERE tablespace_name = 'TEMP'"],
        {("temp", "TEMP", "fail")},
    ),
    "undo that ran out": (
        "single",
        ["UPDATE v$undostat SET nospaceerrcnt = 1"],
        {("undo", "撤销报错", "fail")},
    ),
    "a node that is down": (
        "rac",
        [
            "DELETE FROM gv$instance WHERE inst_id = 2",
            "UPDATE v$thread SET status = 'CLOSED' WHERE thread# = 2",
        ],
        {("instance", "ORCL2", "fail")},
    ),
    "sessions at their limit": (
        "single",
        ["UPDATE v$resource_limit SET limit_value = '       212' WHERE resource_name = 'sessions'"],
        {("resources", "会话数", "fail")},
    ),
    "archiving failed": (
        "single",
        ["UPDATE v$instance SET archiver = 'FAILED'"],
        {("archivelog", "归档进程", "fail")},
    ),
    "no archiving at all": (
        "single",
        ["UPDATE v$database SET log_mode = 'NOARCHIVELOG'"],
        {("archivelog", "归档模式", "fail")},
    ),
    "a full recovery area": (
        "single",
        ["UPDATE v$recovery_file_dest SET space_used = space_limit, space_reclaimable = 0"],
        {("recovery_area", "快速恢复区", "fail")},
    ),
    "a file to recover": (
        "single",
        [
            "UPDATE v$datafile SET status = 'RECOVER' WHERE file# = 4",
            "INSERT INTO v$recover_file (file#, online_status) VALUES (4, 'OFFLINE')",
        ],
        {("datafiles", "数据文件状态", "fail"), ("datafiles", "待介质恢复", "fail")},
    ),
    "corrupt blocks": (
        "single",
        [
            "INSERT INTO v$database_block_corruption (file#, block#, blocks, corruption_type)"
            " VALUES (4, 9, 2, 'CHECKSUM')"
        ],
        {("corruption", "坏块", "fail")},
    ),
    "a file that was never backed up": (
        "single",
        ["DELETE FROM v$backup_datafile WHERE file# = 4"],
        {("backups", "备份覆盖", "fail")},
    ),
    "a file changed without redo": (
        "single",
        ["UPDATE v$datafile SET unrecoverable_time = creation_time + 100000 WHERE file# = 4"],
        {("backups", "备份覆盖", "warn")},
    ),
    "a blocker": (
        "single",
        [
            "UPDATE v$session SET blocking_session_status = 'VALID', final_blocking_session_status = 'VALID',"
            " final_blocking_instance = 1, final_blocking_session = 6, wait_time_micro = 900000000,"
            " wait_class = 'Application' WHERE sid = 7"
        ],
        {("waits", "阻塞", "fail")},
    ),
    "a password about to expire": (
        "single",
        ["UPDATE dba_users SET account_status = 'EXPIRED(GRACE)' WHERE username = 'APP'"],
        {("accounts", "APP", "fail")},
    ),
    "an invalid object": (
        "single",
        [
            "UPDATE dba_objects SET status = 'INVALID'"
            " WHERE object_name = (SELECT MIN(object_name) FROM dba_objects)"
        ],
        {("objects", "失效对象", "warn")},
    ),
    "a lag without a value": (
        "mounted",
        ["UPDATE v$dataguard_stats SET value = NULL WHERE name = 'apply lag'"],
        {("lag", "db 应用延迟", "unknown")},
    ),
    "a stale datum": (
        "mounted",
        ["UPDATE v$dataguard_stats SET datum_time = '01/02/2020 03:04:05'"],
        {("lag", "db 传输延迟", "fail"), ("lag", "db 应用延迟", "fail")},
    ),
    "recovery that stopped": (
        "mounted",
        ["DELETE FROM v$dataguard_process WHERE name LIKE 'MRP%'"],
        {("apply", "db 日志应用进程", "fail")},
    ),
    "a gap": (
        "mounted",
        ["INSERT INTO v$archive_gap (thread#, low_sequence#, high_sequence#) VALUES (1, 4700, 4702)"],
        {("gap", "db 归档缺口", "fail")},
    ),
    "a destination in error": (
        "primary",
        ["UPDATE v$archive_dest_status SET status = 'ERROR', error = 'ORA-12541' WHERE type = 'PHYSICAL'"],
        {("gap", "db 归档目标 2", "fail")},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_nothing_else(fault: str) -> None:
    form, seeds, expected = FAULTS[fault]
    dictionary = made("19c", form)
    for seed in seeds:
        dictionary.seed(seed)
    assert set(unsound(dictionary)) == {
        (check, subject, Status(status)) for check, subject, status in expected
    }


def test_a_closed_pdb_and_a_full_tablespace_of_another_are_told_by_their_containers() -> None:
    dictionary = made("19c", "rac", cdb=True)
    dictionary.seed("DELETE FROM cdb_free_space WHERE con_id = 3 AND tablespace_name = 'APP_DATA'")
    dictionary.seed("UPDATE gv$pdbs SET restricted = 'YES' WHERE con_id = 3 AND inst_id = 2")
    found = {(check, subject) for check, subject, _ in unsound(dictionary)}
    assert found == {("tablespaces", "PDB1/APP_DATA"), ("pdbs", "PDB1")}


def test_a_view_that_was_not_granted_is_an_unknown_of_its_own_check() -> None:
    dictionary = made()
    dictionary.denied |= {"dba_free_space", "v$recovery_file_dest"}
    found = {(check, status) for check, _, status in unsound(dictionary)}
    assert found == {("tablespaces", Status.UNKNOWN), ("recovery_area", Status.UNKNOWN)}
