from collections.abc import Iterator, Sequence

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import of_member, text
from tasks.model import Finding, Number, Status

# One row at least, with or without a process: a standby that applies nothing has none. On a cluster it runs
# on one of the nodes. v$managed_standby is superseded from 12.2 on.
PROBE = """
-- rows on=standby role=standby, before=12.2
SELECT d.database_role, p.process, p.status AS state, p.thread#, p.sequence#, p.delay_mins
FROM v$database d LEFT JOIN gv$managed_standby p ON p.process LIKE 'MRP%'
-- rows on=standby role=standby, since=12.2
SELECT d.database_role, p.name AS process, p.action AS state, p.thread#, p.sequence#, p.delay_mins
FROM v$database d LEFT JOIN gv$dataguard_process p ON p.name LIKE 'MRP%'
"""


@query("oracle.apply", title="日志应用进程", topics=("replication", "switchover"), probe=PROBE)
def apply(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        yield judged(member, rows)


def judged(member: Member, rows: Sequence[Row]) -> Finding:
    """Only a physical standby has this process."""
    subject, role = of_member(member, "日志应用进程"), text(rows[0], "database_role")
    running = [row for row in rows if row["process"]]
    number = Number("processes", len(running), "个")
    if role != "PHYSICAL STANDBY":
        told = f"{role}，没有物理日志应用"
        return finding(subject, Status.WARN, told, number, advice="核对该备库的用途，需要接管的改回物理备库")
    if not running:
        advice = "在备库启动日志应用：RECOVER MANAGED STANDBY DATABASE DISCONNECT，并查明停止原因"
        return finding(subject, Status.FAIL, "MRP 没有运行，备库不应用日志", number, advice=advice)
    states = "、".join(
        f"{row['process']} {text(row, 'state')}（线程 {row['thread#']} 序号 {row['sequence#']}）"
        for row in running
    )
    broken = [row for row in running if row["state"] in ("WAIT_FOR_GAP", "ERROR")]
    delayed = [row for row in running if row["delay_mins"]]
    delay = "；设置了延迟应用" if delayed else ""
    status = Status.FAIL if broken else Status.OK
    advice = "补齐缺失的归档日志（v$archive_gap）后重启日志应用"
    return finding(subject, status, states + delay, number, advice=advice)
