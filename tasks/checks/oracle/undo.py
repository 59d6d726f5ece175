from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.containers import both, containers, name
from tasks.checks.oracle.rows import of_node
from tasks.checks.rows import MIB, number, text
from tasks.model import Finding, Number, Status

# EXPIRED extents are taken again before anything grows: they are free. UNEXPIRED ones are, too, unless the
# retention is guaranteed: on a fixed size Oracle stretches the retention until they fill it, so that a high
# figure is no fault by itself; queries and transactions that failed for want of undo are. One undo tablespace
# for each instance of a cluster. dba_tablespace_usage_metrics is not asked: on 12.1 and 12.2 its undo row is
# incomplete or missing. A standby has no undo of its own.
UNDO = """
SELECT t.con_id, t.tablespace_name, f.max_bytes,
       COALESCE(e.active, 0) AS active, COALESCE(e.unexpired, 0) AS unexpired
FROM cdb_tablespaces t
JOIN (SELECT con_id, tablespace_name,
             SUM(CASE WHEN autoextensible = 'YES' AND maxbytes > bytes
                      THEN maxbytes ELSE bytes END) AS max_bytes
      FROM cdb_data_files GROUP BY con_id, tablespace_name) f
  ON f.con_id = t.con_id AND f.tablespace_name = t.tablespace_name
LEFT JOIN (SELECT con_id, tablespace_name,
                  SUM(CASE WHEN status = 'ACTIVE' THEN bytes ELSE 0 END) AS active,
                  SUM(CASE WHEN status = 'UNEXPIRED' THEN bytes ELSE 0 END) AS unexpired
           FROM cdb_undo_extents GROUP BY con_id, tablespace_name) e
  ON e.con_id = t.con_id AND e.tablespace_name = t.tablespace_name
WHERE t.contents = 'UNDO'
"""
ERRORS = """
-- errors role=primary,
SELECT inst_id, SUM(nospaceerrcnt) AS no_space, SUM(ssolderrcnt) AS too_old, MAX(maxquerylen) AS longest,
       MAX(tuned_undoretention) AS retention
FROM gv$undostat WHERE end_time > SYSDATE - 1 GROUP BY inst_id
"""


@query(
    "oracle.undo",
    title="撤销表空间",
    topics=("tablespace", "performance"),
    probe=containers() + both("undo", UNDO) + ERRORS,
    seconds=60,
    limits={"percent": (90, None), "active_percent": (70, 90), "no_space": (None, 1), "too_old": (1, None)},
)
def undo(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for _, rows in answers.each("undo"):
        for row in rows:
            yield filled(name(answers, row, text(row, "tablespace_name")), row, limits, before)
    for member, rows in answers.each("errors"):
        for row in rows:
            yield failed(member, row, limits)


def filled(subject: str, row: Row, limits: Limits, before: Before) -> Finding:
    most, active, kept = number(row, "max_bytes"), number(row, "active"), number(row, "unexpired")
    percent, busy = 100 * (active + kept) / most, 100 * active / most
    limit, active_limit = limits.of("percent", subject), limits.of("active_percent", subject)
    return finding(
        subject,
        Status.worst((limit.level(percent), active_limit.level(busy))),
        f"活动事务占 {busy:.1f}%，连同未过期的共 {percent:.1f}%（最大可到 {most / MIB:.0f} MiB）",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("active_percent", round(busy, 1), "%", active_limit.passed(busy)),
        Number("mib", round((active + kept) / MIB, 1), "MiB"),
        change=before.change(subject, "percent", percent),
        advice="查找长时间未提交的事务；未过期占比长期偏高而无报错时，核对 undo_retention 与表空间大小",
    )


def failed(member: Member, row: Row, limits: Limits) -> Finding:
    full, old = number(row, "no_space"), number(row, "too_old")
    full_limit, old_limit = limits.of("no_space"), limits.of("too_old")
    return finding(
        of_node(member, row, "撤销报错"),
        Status.worst((full_limit.level(full), old_limit.level(old))),
        f"24 小时内撤销空间不足 {full:.0f} 次，快照过旧（ORA-01555）{old:.0f} 次；"
        f"最长查询 {number(row, 'longest'):.0f} 秒，自动保留 {number(row, 'retention'):.0f} 秒",
        Number("no_space", full, "次", full_limit.passed(full)),
        Number("too_old", old, "次", old_limit.passed(old)),
        advice="扩容撤销表空间或调高 undo_retention；优化超长查询，避免在批量更新期间运行",
    )
