"""Transcripts are synthetic: made up after the shapes in the project's sheet of Oracle facts ("CLI shapes":
rman, VALIDATE table, sqlplus exit codes, expdp/impdp endings). No Oracle printed them."""

import pytest

from tasks.backups.oracle.verdicts import State, datapump, rman, sqlplus

BACKUP = """\
Recovery Manager: Release 19.0.0.0.0 - Production on Sat Nov 21 03:00:00 2026
connected to target database: ORCL (DBID=1234567890)
using target database control file instead of recovery catalog

RMAN> 2> 3>
Starting backup at 2026-11-21T03:00:01
channel d1: starting incremental level 0 datafile backup set
channel d1: starting piece 1 at 2026-11-21T03:00:01
channel d1: finished piece 1 at 2026-11-21T03:00:04
piece handle=/stage/d_0a1_1_1 tag=OPS_20261121T030000_AB12 comment=NONE
channel d1: backup set complete, elapsed time: 00:00:03
Finished backup at 2026-11-21T03:00:05

RMAN>

Recovery Manager complete.
"""
STACK = """\
RMAN-00571: ===========================================================
RMAN-00569: =============== ERROR MESSAGE STACK FOLLOWS ===============
RMAN-00571: ===========================================================
RMAN-03009: failure of backup command on d1 channel at 11/21/2026 03:00:05
ORA-19502: write error on file "/stage/d_0a1_1_1", block number 1 (block size=8192)
"""
CHINESE = """\
启动 backup 于 2026-11-21T03:00:01
段句柄=D:\\BACKUP\\0A1_1_1 标记=TAG20261121T030001 注释=NONE
通道 ORA_DISK_1: 备份集已完成, 经过时间:00:00:01
完成 backup 于 2026-11-21T03:00:02

恢复管理器完成。
"""
VALIDATE = """\
Starting validate at 2026-11-21T04:00:00
List of Datafiles
=================
File Status Marked Corrupt Empty Blocks Blocks Examined High SCN
---- ------ -------------- ------------ --------------- ----------
1    {status} {corrupt}              12           640             1000
  File Name: /u01/oradata/system01.dbf
  Block Type Blocks Failing Blocks Processed
  ---------- -------------- ----------------
  Data       {failing}              400
  Index      0              100

{tail}
Finished validate at 2026-11-21T04:00:05

Recovery Manager complete.
"""


def test_a_backup_that_went_well() -> None:
    said = rman(BACKUP)
    assert said.pieces == (("/stage/d_0a1_1_1", "OPS_20261121T030000_AB12"),)
    assert said.judged(0, {"backup": 1}).state is State.OK


def test_chinese_gbk_is_read_as_well() -> None:
    said = rman(CHINESE.encode("gbk").decode("gb18030"))
    assert said.pieces == (("D:\\BACKUP\\0A1_1_1", "TAG20261121T030001"),)
    assert said.judged(0, {"backup": 1}).state is State.OK


def test_a_stack_fails_whatever_the_exit_code() -> None:
    verdict = rman(STACK + BACKUP).judged(0, {"backup": 1})
    assert verdict.state is State.FAILED and "ORA-19502" in verdict.codes
    assert rman(STACK.replace("ERROR MESSAGE STACK FOLLOWS", "错误消息堆栈跟随")).errors


def test_what_was_not_finished_is_unknown() -> None:
    assert rman(BACKUP).judged(0, {"backup": 2}).state is State.UNKNOWN
    assert rman(BACKUP.replace("Recovery Manager complete.", "")).judged(0, {"backup": 1}).state is (
        State.UNKNOWN
    )
    assert rman("so etwas").judged(0, {}).state is State.UNKNOWN
    assert rman("").judged(0, {}).state is State.UNKNOWN
    assert rman(BACKUP).judged(None, {"backup": 1}).state is State.UNKNOWN


def test_the_exit_code_alone_fails() -> None:
    assert rman(BACKUP).judged(1, {"backup": 1}).state is State.FAILED


def test_warnings_are_no_errors() -> None:
    text = "RMAN-08120: WARNING: archived log not deleted, not yet applied by standby\n" + BACKUP
    said = rman(text)
    assert said.judged(0, {"backup": 1}).state is State.OK and len(said.warnings) == 1


@pytest.mark.parametrize(
    ("status", "corrupt", "failing", "tail", "state"),
    [
        ("OK    ", 0, 0, "", State.OK),
        ("FAILED", 0, 0, "validate found one or more corrupt blocks", State.FAILED),
        ("FAILED", 0, 0, "", State.FAILED),
        ("OK    ", 3, 0, "", State.FAILED),
        ("OK    ", 0, 1, "", State.FAILED),
        ("SONST ", 0, 0, "", State.UNKNOWN),
    ],
)
def test_validate_is_read_from_its_table(
    status: str, corrupt: int, failing: int, tail: str, state: State
) -> None:
    text = VALIDATE.format(status=status, corrupt=corrupt, failing=failing, tail=tail)
    assert rman(text).judged(0, {"validate": 1}).state is state


@pytest.mark.parametrize("code", ["RMAN-06023", "RMAN-06025", "RMAN-06026"])
def test_no_backup_to_restore_from(code: str) -> None:
    text = f"RMAN-00571: ===\nRMAN-03002: failure of restore command\n{code}: no backup or copy found\n"
    assert code in rman(text + BACKUP).judged(0, {}).codes


def test_no_parent_is_told() -> None:
    assert rman("no parent backup or copy of datafile 4 found\n" + BACKUP).no_parent == ("4",)


@pytest.mark.parametrize(
    ("text", "code", "state"),
    [
        ("1\nEND\n", 0, State.OK),
        ("1\n", 0, State.UNKNOWN),
        ("ORA-01536: space quota exceeded\nEND\n", 0, State.FAILED),  # 1536 modulo 256 is 0
        ("SP2-0734: unknown command\nEND\n", 0, State.FAILED),
        ("PLS-00201: identifier must be declared\nEND\n", 0, State.FAILED),
        ("TNS-12541: no listener\nEND\n", 0, State.FAILED),
        ("1\nEND\n", 174, State.FAILED),
        ("1\nEND\n", None, State.UNKNOWN),
        ("it said ORA-00942 once\nEND\n", 0, State.OK),
    ],
)
def test_sqlplus(text: str, code: int | None, state: State) -> None:
    assert sqlplus(text, "END", code).state is state


ROW = '. . exported "APP"."ORDERS"                           5.0 KB       3 rows\n'
PARTITION = '. . exported "APP"."ORDERS":"P1"                      0 KB       0 rows\n'


@pytest.mark.parametrize(
    ("end", "code", "state"),
    [
        (
            'Job "SYS"."SYS_EXPORT_SCHEMA_01" successfully completed at Sat Nov 21 elapsed 0 00:00:35',
            0,
            State.OK,
        ),
        ('Job "SYS"."SYS_EXPORT_SCHEMA_01" successfully completed', 0, State.OK),  # 10g, early 11g
        (
            'Job "SYS"."J" completed with 1 error(s) at Sat Nov 21 03:00:00 2026 elapsed 0 00:00:35',
            5,
            State.FAILED,
        ),
        ('Job "SYS"."J" completed with 1 error(s) at Sat Nov 21', 0, State.FAILED),
        ('Job "SYS"."J" stopped due to fatal error at Sat Nov 21', 1, State.FAILED),
        ("", 0, State.UNKNOWN),
        ('Job "SYS"."J" successfully completed\nORA-31693: table failed to load', 0, State.FAILED),
        ('Job "SYS"."J" successfully completed', None, State.UNKNOWN),
    ],
)
def test_datapump(end: str, code: int | None, state: State) -> None:
    assert datapump(ROW + end, code).verdict.state is state


def test_rows_of_tables_and_partitions() -> None:
    assert datapump(ROW + PARTITION, 0).rows == {"APP.ORDERS": 3, "APP.ORDERS:P1": 0}
    assert datapump('. . 导出了 "APP"."ORDERS"    5.0 KB       3 行\n', 0).rows == {"APP.ORDERS": 3}
