import math
from collections.abc import Iterator, Sequence

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, text
from tasks.model import Finding, Number, Status

# From the control file, which keeps what happened on this member, for control_file_record_keep_time days: in
# a Data Guard set the backups may be taken on any one. A row of the job view is an RMAN session, and says
# nothing of what it covered: the files tell that. Read-only files need one backup only, and one that was just
# made has none yet.
PROBE = """
-- coverage on=each
SELECT COUNT(*) AS files,
       SUM(CASE WHEN b.completed IS NULL AND d.creation_time < SYSDATE - 2 THEN 1 ELSE 0 END) AS never,
       SUM(CASE WHEN d.unrecoverable_time > b.completed THEN 1 ELSE 0 END) AS unrecoverable,
       MAX(CASE WHEN d.enabled = 'READ WRITE' THEN (SYSDATE - b.completed) * 24 ELSE 0 END) AS hours
FROM v$datafile d
LEFT JOIN (SELECT file#, MAX(completion_time) AS completed FROM v$backup_datafile GROUP BY file#) b
  ON b.file# = d.file#
WHERE d.status IN ('SYSTEM', 'ONLINE')
-- jobs on=each
SELECT input_type, status, (SYSDATE - start_time) * 24 AS hours, elapsed_seconds, output_bytes
FROM v$rman_backup_job_details WHERE start_time > SYSDATE - 8
"""
# Whatever else is going on at the moment, a backup that ran longer hangs.
LONGEST_HOURS = 24


@query(
    "oracle.backups",
    title="RMAN 备份",
    topics=("backup", "database"),
    probe=PROBE,
    seconds=60,
    limits={"hours": (50, 194), "unrecoverable": (1, None)},
)
def backups(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    covered = list(answers.each("coverage"))
    if covered:
        member, rows = min(covered, key=lambda one: (number(one[1][0], "never"), hours(one[1][0])))
        yield coverage(member, rows[0], limits)
    jobs = [(member, row) for member, rows in answers.each("jobs") for row in rows]
    for kind in sorted({text(row, "input_type") for _, row in jobs}):
        own = [(member, row) for member, row in jobs if row["input_type"] == kind]
        yield last(kind, sorted(own, key=lambda one: number(one[1], "hours")))


def hours(row: Row) -> float:
    """Where no file that is written to has a backup there is no age."""
    return number(row, "hours") if row["hours"] is not None else math.inf


def coverage(member: Member, row: Row, limits: Limits) -> Finding:
    files, never, lost = (number(row, column) for column in ("files", "never", "unrecoverable"))
    limit, lost_limit, oldest = limits.of("hours"), limits.of("unrecoverable"), hours(row)
    remarks = [f"{never:.0f} 个没有备份记录"] * bool(never)
    remarks += [f"{lost:.0f} 个在备份之后有不可恢复（NOLOGGING）的写入"] * bool(lost)
    missing = Status.FAIL if never or oldest == math.inf else Status.OK
    age = "没有任何备份" if oldest == math.inf else f"最旧的备份在 {oldest:.0f} 小时前"
    known = [] if oldest == math.inf else [Number("hours", round(oldest, 1), "h", limit.passed(oldest))]
    return finding(
        "备份覆盖",
        Status.worst((missing, limit.level(oldest), lost_limit.level(lost))),
        "，".join([f"{files:.0f} 个数据文件", *remarks, f"{age}（{member.name} 的控制文件）"]),
        *known,
        Number("never", never, "个"),
        Number("unrecoverable", lost, "个", lost_limit.passed(lost)),
        advice="核对备份任务的范围，立即补做缺失文件的备份；不用 RMAN 备份的，把本项确认为已知",
    )


def last(kind: str, jobs: Sequence[tuple[Member, Row]]) -> Finding:
    """The newest that has ended, and the one that runs too long."""
    running = [row for _, row in jobs if text(row, "status").startswith("RUNNING")]
    ended = [(member, row) for member, row in jobs if not text(row, "status").startswith("RUNNING")]
    hung = [row for row in running if number(row, "hours") > LONGEST_HOURS]
    state = text(ended[0][1], "status") if ended else "RUNNING"
    failed = state not in ("COMPLETED", "RUNNING", "COMPLETED WITH WARNINGS")
    remarks = [f"正在运行 {len(running)} 个"] * bool(running)
    remarks += [f"已运行 {number(row, 'hours'):.0f} 小时仍未结束" for row in hung]
    if ended:
        member, row = ended[0]
        remarks.append(f"最近一次在 {number(row, 'hours'):.0f} 小时前开始（{member.name}），结果 {state}")
    return finding(
        f"备份任务 {kind}",
        Status.FAIL if failed else Status.WARN if hung or "WITH" in state else Status.OK,
        "，".join(remarks),
        Number("hours", round(number((ended or jobs)[0][1], "hours"), 1), "h"),
        advice="查看该次 RMAN 日志（v$rman_output）排除原因后重新备份",
    )
