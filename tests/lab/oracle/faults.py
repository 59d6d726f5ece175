"""What can be wrong with an Oracle database: SQL on the dictionary of a stand-in, and what is then found."""

from collections.abc import Sequence
from dataclasses import dataclass

GIB = 1024**3
GROWS = "UPDATE dba_data_files SET autoextensible = 'YES', maxbytes = {} WHERE tablespace_name = 'APP_DATA'"
FREE = "UPDATE dba_free_space SET bytes = {} WHERE tablespace_name = 'APP_DATA'"


@dataclass(frozen=True)
class Fault:
    """`form`: single, rac, or the member of a Data Guard set where it is: primary, mounted. `found`: check,
    subject, status."""

    name: str
    form: str
    seeds: Sequence[str]
    found: set[tuple[str, str, str]]
    cdb: bool = False


FAULTS = (
    Fault(
        "full without a row of free space",
        "single",
        ["DELETE FROM dba_free_space WHERE tablespace_name = 'APP_DATA'"],
        {("tablespaces", "APP_DATA", "fail")},
    ),
    Fault(
        "maxbytes of zero",
        "single",
        [
            GROWS.format(0),
            FREE.format(GIB // 10),
        ],
        {("tablespaces", "APP_DATA", "fail")},
    ),
    Fault(
        "growth beyond the disk group",
        "rac",
        [
            GROWS.format(32 * GIB),
            FREE.format(GIB // 10),
            "UPDATE dba_data_files SET file_name = '+data/orcl/a.dbf' WHERE tablespace_name = 'APP_DATA'",
            "UPDATE v$asm_diskgroup_stat SET free_mb = 100, usable_file_mb = -50 WHERE name = 'DATA'",
        ],
        {("tablespaces", "APP_DATA", "fail"), ("tablespaces", "SYSTEM", "warn"), ("asm", "DATA", "fail")},
    ),
    Fault(
        "a tablespace without temporary files",
        "single",
        ["DELETE FROM dba_temp_files WHERE tablespace_name = 'TEMP'"],
        {("temp", "TEMP", "fail")},
    ),
    Fault(
        "undo that ran out",
        "single",
        ["UPDATE v$undostat SET nospaceerrcnt = 1"],
        {("undo", "撤销报错", "fail")},
    ),
    Fault(
        "a node that is down",
        "rac",
        [
            "DELETE FROM gv$instance WHERE inst_id = 2",
            "UPDATE v$thread SET status = 'CLOSED' WHERE thread# = 2",
        ],
        {("instance", "ORCL2", "fail")},
    ),
    Fault(
        "sessions at their limit",
        "single",
        ["UPDATE v$resource_limit SET limit_value = '       212' WHERE resource_name = 'sessions'"],
        {("resources", "会话数", "fail")},
    ),
    Fault(
        "archiving failed",
        "single",
        ["UPDATE v$instance SET archiver = 'FAILED'"],
        {("archivelog", "归档进程", "fail")},
    ),
    Fault(
        "no archiving at all",
        "single",
        ["UPDATE v$database SET log_mode = 'NOARCHIVELOG'"],
        {("archivelog", "归档模式", "fail")},
    ),
    Fault(
        "a full recovery area",
        "single",
        ["UPDATE v$recovery_file_dest SET space_used = space_limit, space_reclaimable = 0"],
        {("recovery_area", "快速恢复区", "fail")},
    ),
    Fault(
        "a file to recover",
        "single",
        [
            "UPDATE v$datafile SET status = 'RECOVER' WHERE file# = 4",
            "INSERT INTO v$recover_file (file#, online_status) VALUES (4, 'OFFLINE')",
        ],
        {("datafiles", "数据文件状态", "fail"), ("datafiles", "待介质恢复", "fail")},
    ),
    Fault(
        "corrupt blocks",
        "single",
        [
            "INSERT INTO v$database_block_corruption (file#, block#, blocks, corruption_type)"
            " VALUES (4, 9, 2, 'CHECKSUM')"
        ],
        {("corruption", "坏块", "fail")},
    ),
    Fault(
        "a file that was never backed up",
        "single",
        ["DELETE FROM v$backup_datafile WHERE file# = 4"],
        {("backups", "备份覆盖", "fail")},
    ),
    Fault(
        "a file changed without redo",
        "single",
        ["UPDATE v$datafile SET unrecoverable_time = creation_time + 100000 WHERE file# = 4"],
        {("backups", "备份覆盖", "warn")},
    ),
    Fault(
        "a blocker",
        "single",
        [
            "UPDATE v$session SET blocking_session_status = 'VALID', final_blocking_session_status = 'VALID',"
            " final_blocking_instance = 1, final_blocking_session = 6, wait_time_micro = 900000000,"
            " wait_class = 'Application' WHERE sid = 7"
        ],
        {("waits", "阻塞", "fail")},
    ),
    Fault(
        "a password about to expire",
        "single",
        ["UPDATE dba_users SET account_status = 'EXPIRED(GRACE)' WHERE username = 'APP'"],
        {("accounts", "APP", "fail")},
    ),
    Fault(
        "an invalid object",
        "single",
        [
            "UPDATE dba_objects SET status = 'INVALID'"
            " WHERE object_name = (SELECT MIN(object_name) FROM dba_objects)"
        ],
        {("objects", "失效对象", "warn")},
    ),
    Fault(
        "a lag without a value",
        "mounted",
        ["UPDATE v$dataguard_stats SET value = NULL WHERE name = 'apply lag'"],
        {("lag", "STBY 应用延迟", "unknown")},
    ),
    Fault(
        "a stale datum",
        "mounted",
        ["UPDATE v$dataguard_stats SET datum_time = '01/02/2020 03:04:05'"],
        {("lag", "STBY 传输延迟", "fail"), ("lag", "STBY 应用延迟", "fail")},
    ),
    Fault(
        "recovery that stopped",
        "mounted",
        ["DELETE FROM v$dataguard_process WHERE name LIKE 'MRP%'"],
        {("apply", "STBY 日志应用进程", "fail")},
    ),
    Fault(
        "a gap",
        "mounted",
        ["INSERT INTO v$archive_gap (thread#, low_sequence#, high_sequence#) VALUES (1, 4700, 4702)"],
        {("gap", "STBY 归档缺口", "fail")},
    ),
    Fault(
        "a destination in error",
        "primary",
        ["UPDATE v$archive_dest_status SET status = 'ERROR', error = 'ORA-12541' WHERE type = 'PHYSICAL'"],
        {("gap", "ORCL 归档目标 2", "fail")},
    ),
    Fault(
        "no room for the mirrors after the loss of a disk",
        "rac",
        ["UPDATE v$asm_diskgroup_stat SET usable_file_mb = -560 WHERE name = 'DATA'"],
        {("asm", "DATA", "warn")},
    ),
    Fault(
        "undo held by transactions",
        "single",
        ["UPDATE dba_undo_extents SET status = 'ACTIVE', bytes = 40000000000"],
        {("undo", "UNDOTBS1", "fail")},
    ),
    Fault(
        "a burst of redo",
        "single",
        ["UPDATE v$log_history SET first_time = (SELECT MAX(first_time) FROM v$log_history)"],
        {("redo", "日志切换", "warn")},
    ),
    Fault(
        "work areas beyond their target",
        "single",
        ["UPDATE v$pgastat SET value = 5e9 WHERE name = 'total PGA allocated'"],
        {("memory", "PGA", "fail")},
    ),
    Fault(
        "a cache that misses",
        "single",
        ["UPDATE v$sysstat SET value = 1e9 WHERE name = 'physical reads cache'"],
        {("performance", "缓冲区命中率", "warn")},
    ),
    Fault(
        "a full tablespace in a container, restricted on one node",
        "rac",
        [
            "DELETE FROM cdb_free_space WHERE con_id = 3 AND tablespace_name = 'APP_DATA'",
            "UPDATE gv$pdbs SET restricted = 'YES' WHERE con_id = 3 AND inst_id = 2",
        ],
        {("tablespaces", "PDB1/APP_DATA", "fail"), ("pdbs", "PDB1", "warn")},
        cdb=True,
    ),
    Fault(
        "a container that is closed",
        "single",
        ["UPDATE gv$pdbs SET open_mode = 'MOUNTED', restricted = NULL WHERE con_id = 3"],
        {("pdbs", "PDB1", "fail")},
        cdb=True,
    ),
    Fault(
        "a transaction that was forgotten",
        "single",
        [
            "INSERT INTO v$transaction (status, ses_addr, used_ublk, start_date)"
            " SELECT 'ACTIVE', saddr, 9, startup_time FROM v$session, v$instance WHERE sid = 7"
        ],
        {("transactions", "长事务", "fail")},
    ),
    Fault(
        "protection that was lost",
        "primary",
        ["UPDATE v$database SET protection_level = 'RESYNCHRONIZATION'"],
        {("role", "ORCL 角色与打开模式", "warn")},
    ),
)
