from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.rows import of_node
from tasks.checks.rows import number, of_member, text
from tasks.model import Finding, Status

# Remote destinations are `oracle.gap`'s. 12.2 added LOCAL and REMOTE to PRIMARY and STANDBY.
PROBE = """
-- database on=each
SELECT log_mode, force_logging, flashback_on FROM v$database
-- archivers on=each
SELECT inst_id, instance_name, archiver AS archiver_status FROM gv$instance
-- destinations on=each
SELECT dest_id, status, destination, error FROM v$archive_dest
WHERE target NOT IN ('STANDBY', 'REMOTE') AND status IN ('ERROR', 'DISABLED', 'BAD PARAM', 'FULL')
"""


@query("oracle.archivelog", title="归档模式", topics=("archivelog", "database"), probe=PROBE)
def archivelog(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("database"):
        yield mode(member, rows[0])
    for member, rows in answers.each("archivers"):
        for row in rows:
            yield archiver(member, row)
    for member, rows in answers.each("destinations"):
        for row in rows:
            subject = of_member(member, f"归档目标 {number(row, 'dest_id'):.0f}")
            told = f"{row['destination']} 状态为 {text(row, 'status')}：{row['error']}"
            yield finding(subject, Status.FAIL, told, advice="检查归档目录的空间和权限，恢复归档")


def mode(member: Member, row: Row) -> Finding:
    log, force = text(row, "log_mode"), text(row, "force_logging")
    flashback = text(row, "flashback_on")
    # Without it, what is loaded NOLOGGING is lost on the standby.
    unforced = force == "NO" and member.facts.get("form") == "dataguard"
    told = f"{log}，强制日志 {force}，闪回 {flashback}"
    if log == "NOARCHIVELOG":
        advice = "非归档模式只能冷备，故障时丢失上次备份之后的全部数据：安排窗口改为归档模式"
        return finding(of_member(member, "归档模式"), Status.FAIL, told, advice=advice)
    status = Status.WARN if unforced else Status.OK
    advice = "在主库执行 ALTER DATABASE FORCE LOGGING"
    return finding(of_member(member, "归档模式"), status, told, advice=advice)


def archiver(member: Member, row: Row) -> Finding:
    """Without archiving there is none; a standby's may rest."""
    state = text(row, "archiver_status")
    archives = member.has("database") and member.row("database")["log_mode"] == "ARCHIVELOG"
    wanted = archives and member.facts.get("role") != "standby"
    return finding(
        of_node(member, row, "归档进程"),
        Status.FAIL if state == "FAILED" or (wanted and state == "STOPPED") else Status.OK,
        f"{row['instance_name']} 的归档进程 {state}",
        advice="归档失败会使数据库挂起：立即检查归档空间（ORA-00257）和告警日志",
    )
